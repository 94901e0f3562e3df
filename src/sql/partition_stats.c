/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums over manifest entries by partition and spec, in SQL: a table of the session holds them until they have been checked.  Going on
 * from an earlier file is the same sum, with its rows as further ones and removed files counted with a minus. */
#include "sql/partition_stats.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/log.h"
#include "engine/parquet.h"
#include "engine/parquet_scan.h"
#include "engine/quote.h"
#include "iceberg/statistics.h"
#include "io/store.h"
#include "sql/lake.h"
#include "sql/metadata_tables_priv.h"
#include "sql/own_run_priv.h"
#include "sql/statistics_priv.h"

#define QUERY_MAX ((size_t)64 << 20)
#define SUMS "firn_partition_stats" /* the session's table */

struct partition_stats {
    struct run *run;
    const struct partition_stats_request *req;
    struct partition_stats_result *out;
    struct arena *a;
    struct statistics_of of;
    const struct schema *columns; /* of the table */
    const struct type *partition;
    const struct schema *schema; /* of the file */
    struct partition_statistics_file file;
};

/* ---- Reading a file. */

/* All columns but `partition`, of any writer's file: what is optional may be missing. */
static bool add_scan(struct lake *lake, struct session *s, const struct type *partition,
                     const struct partition_statistics_file *f, struct arena *a, struct buf *sql,
                     struct error *err)
{
    const struct schema *schema;
    struct scan_file *file = arena_new(a, struct scan_file);
    str path;
    if (!partition_statistics_schema(partition, FORMAT_VERSION_MAX, a, &schema, err) ||
        !store_from_uri(lake->warehouse, f->path, a, &path, err) ||
        !store_local_path(lake->warehouse, path, a, &file->path, err))
        return false;
    file->first_row_id = -1;
    struct parquet_scan scan = { .schema = schema, .files = file, .files_n = 1 };
    return parquet_scan_sql(s, &scan, sql, err) ||
           fail_in(err, "partition statistics " STR_FMT, STR_ARG(f->path));
}

bool partition_stats_current(const struct metadata_source *src, struct arena *a)
{
    const struct snapshot *s = src->view.snapshot;
    const struct partition_statistics_file *f =
        s ? partition_statistics_at(src->metadata, s) : NULL;
    struct error ignored = { 0 };
    struct store_info info;
    str path;
    return f && f->snapshot_id == s->id &&
           metadata_partition_type(src->metadata, src->view.columns, a) &&
           store_from_uri(src->lake->warehouse, f->path, a, &path, &ignored) &&
           store_head(src->lake->warehouse, path, &info, &ignored) && info.size == f->size;
}

bool partition_stats_table_sql(struct metadata_source *src, struct arena *a, struct buf *sql,
                               struct error *err)
{
    const struct partition_statistics_file *f =
        partition_statistics_at(src->metadata, src->view.snapshot);
    buf_lit(
        sql,
        "SELECT \"partition\", arg_max(spec_id, coalesce(last_updated_at, 0)) AS spec_id,"
        " CAST(sum(data_record_count) AS BIGINT) AS record_count,"
        " CAST(sum(data_file_count) AS INTEGER) AS file_count,"
        " CAST(sum(total_data_file_size_in_bytes) AS BIGINT) AS total_data_file_size_in_bytes,"
        " CAST(sum(coalesce(position_delete_record_count, 0)) AS BIGINT)"
        " AS position_delete_record_count,"
        " CAST(sum(coalesce(position_delete_file_count, 0) + coalesce(dv_count, 0)) AS INTEGER)"
        " AS position_delete_file_count,"
        " CAST(sum(coalesce(equality_delete_record_count, 0)) AS BIGINT)"
        " AS equality_delete_record_count,"
        " CAST(sum(coalesce(equality_delete_file_count, 0)) AS INTEGER)"
        " AS equality_delete_file_count,"
        " CAST(epoch_ms(max(last_updated_at)) AS TIMESTAMPTZ) AS last_updated_at,"
        " arg_max(last_updated_snapshot_id, last_updated_at) AS last_updated_snapshot_id FROM (");
    if (!add_scan(src->lake, src->session,
                  metadata_partition_type(src->metadata, src->view.columns, a), f, a, sql, err))
        return false;
    buf_lit(sql, ") GROUP BY \"partition\" HAVING file_count + position_delete_file_count"
                 " + equality_delete_file_count > 0");
    return true;
}

/* ---- Sums. */

static bool open_table(struct partition_stats *x, struct error *err)
{
    x->of = (struct statistics_of){ .run = x->run,
                                    .branch = x->req->branch,
                                    .label = x->req->table,
                                    .access = x->req->access,
                                    .cancel = x->req->cancel };
    if (!statistics_open(&x->of, x->req->snapshot_id, err))
        return false;
    const struct metadata *m = x->of.table.metadata;
    x->columns = metadata_schema(m);
    x->partition = metadata_partition_type(m, x->columns, x->a);
    if (!x->partition)
        return fail(err, ERR_INVALID, "the table " STR_FMT " has no partitions",
                    STR_ARG(x->req->table));
    return partition_statistics_schema(x->partition, m->format_version, x->a, &x->schema, err);
}

static bool add_entries(struct partition_stats *x, const struct snapshot *since, struct buf *sql,
                        struct error *err)
{
    struct table *table = arena_new(x->a, struct table); /* the relation reads on while it exists */
    *table = x->of.table;
    struct metadata_view v = { .kind = METADATA_PARTITION_ENTRIES,
                               .table = table,
                               .snapshot = x->of.snapshot,
                               .since = since,
                               .columns = x->columns,
                               .cancel = x->req->cancel };
    return metadata_table_sql(x->run->lake, x->run->session, &v, x->a, sql, err);
}

/* Rows of one shape, whatever they come from: (partition, spec_id, rows, files, bytes, pos_rows, pos_files, eq_rows, eq_files, dvs,
 * seen_ms, seen_in). */
static bool add_rows(struct partition_stats *x, const struct partition_statistics_file *before,
                     struct buf *sql, struct error *err)
{
    const struct snapshot *since =
        before ? metadata_snapshot_by_id(x->of.table.metadata, before->snapshot_id) : NULL;
    if (before) {
        buf_lit(sql, "SELECT \"partition\", spec_id, data_record_count AS rows,"
                     " data_file_count AS files, total_data_file_size_in_bytes AS bytes,"
                     " coalesce(position_delete_record_count, 0) AS pos_rows,"
                     " coalesce(position_delete_file_count, 0) AS pos_files,"
                     " coalesce(equality_delete_record_count, 0) AS eq_rows,"
                     " coalesce(equality_delete_file_count, 0) AS eq_files,"
                     " coalesce(dv_count, 0) AS dvs, last_updated_at AS seen_ms,"
                     " last_updated_snapshot_id AS seen_in FROM (");
        if (!add_scan(x->run->lake, x->run->session, x->partition, before, x->a, sql, err))
            return false;
        buf_lit(sql, ") UNION ALL ");
    }
    buf_printf(sql,
               "SELECT \"partition\", spec_id, CASE WHEN content = 0 THEN times * record_count"
               " ELSE 0 END AS rows, CASE WHEN content = 0 THEN times ELSE 0 END AS files,"
               " CASE WHEN content = 0 THEN times * file_size_in_bytes ELSE 0 END AS bytes,"
               " CASE WHEN content = 1 THEN times * record_count ELSE 0 END AS pos_rows,"
               " CASE WHEN content = 1 AND file_format <> 'PUFFIN' THEN times ELSE 0 END"
               " AS pos_files,"
               " CASE WHEN content = 2 THEN times * record_count ELSE 0 END AS eq_rows,"
               " CASE WHEN content = 2 THEN times ELSE 0 END AS eq_files,"
               " CASE WHEN content = 1 AND file_format = 'PUFFIN' THEN times ELSE 0 END AS dvs,"
               " epoch_ms(committed_at) AS seen_ms,"
               " CASE WHEN committed_at IS NOT NULL THEN snapshot_id END AS seen_in"
               " FROM (SELECT *, CASE WHEN status = 2 THEN %d ELSE 1 END AS times FROM (",
               before ? -1 : 0);
    if (!add_entries(x, since, sql, err))
        return false;
    buf_lit(sql, "))");
    return true;
}

static bool sum_up(struct partition_stats *x, const struct partition_statistics_file *before,
                   struct error *err)
{
    struct buf sql = BUF_INIT(QUERY_MAX);
    str odd;
    buf_lit(&sql, "CREATE OR REPLACE TABLE " SUMS " AS SELECT \"partition\", spec_id,"
                  " sum(rows) AS rows, sum(files) AS files, sum(bytes) AS bytes,"
                  " sum(pos_rows) AS pos_rows, sum(pos_files) AS pos_files,"
                  " sum(eq_rows) AS eq_rows, sum(eq_files) AS eq_files, sum(dvs) AS dvs,"
                  " max(seen_ms) AS seen_ms, arg_max(seen_in, seen_ms) AS seen_in FROM (");
    bool ok = add_rows(x, before, &sql, err);
    buf_lit(&sql, ") GROUP BY \"partition\", spec_id HAVING files <> 0 OR pos_files <> 0"
                  " OR eq_files <> 0 OR dvs <> 0");
    ok = ok && buf_ok(&sql, "the sums of partitions", err) &&
         session_exec(x->run->session, buf_str(&sql), err);
    buf_deinit(&sql);
    if (!ok || !before)
        return ok;
    return session_scalar(x->run->session,
                          STR("SELECT count(*) FROM " SUMS " WHERE least(rows, files, bytes,"
                              " pos_rows, pos_files, eq_rows, eq_files, dvs) < 0"),
                          x->a, &odd, err) &&
           (str_is(odd, "0") ||
            fail(err, ERR_CORRUPT, "partition statistics " STR_FMT " do not add up",
                 STR_ARG(before->path)));
}

/* Every snapshot in between must still be known. */
static bool can_go_on(const struct partition_stats *x, const struct partition_statistics_file *f)
{
    return f && metadata_snapshot_by_id(x->of.table.metadata, f->snapshot_id) &&
           metadata_is_ancestor(x->of.table.metadata, x->of.snapshot->id, f->snapshot_id);
}

static bool make_sums(struct partition_stats *x, const struct partition_statistics_file *before,
                      struct error *err)
{
    struct error late = { 0 };
    str count;
    x->out->incremental = can_go_on(x, before) && sum_up(x, before, &late);
    if (late.code == ERR_CANCELLED) {
        *err = late;
        return false;
    }
    if (late.code)
        log_warn("sql", "partition statistics are made anew: %s", late.msg);
    if (!x->out->incremental && !sum_up(x, NULL, err))
        return false;
    return session_scalar(x->run->session, STR("SELECT count(*) FROM " SUMS), x->a, &count, err) &&
           (str_to_i64(count, &x->out->partitions) ||
            fail(err, ERR_INTERNAL, "a count of partitions"));
}

/* ---- The file and the commit. */

/* Rows that are left are known where nothing but vectors deletes. */
static str file_query(struct partition_stats *x)
{
    struct buf sql = BUF_INIT(QUERY_MAX);
    buf_printf(&sql,
               "SELECT \"partition\", spec_id, rows, files, bytes, pos_rows, pos_files, eq_rows,"
               " eq_files, CASE WHEN pos_files = 0 AND (SELECT sum(eq_files) FROM " SUMS ") = 0"
               " THEN rows - pos_rows END, seen_ms, seen_in%s FROM " SUMS " ORDER BY ",
               x->of.table.metadata->format_version >= 3 ? ", dvs" : "");
    for (size_t i = 0; i < x->partition->fields_n; i++) {
        buf_lit(&sql, "\"partition\".");
        quote_ident(&sql, x->partition->fields[i].name);
        buf_lit(&sql, " NULLS FIRST, ");
    }
    buf_lit(&sql, "spec_id");
    str text = arena_str(x->a, buf_str(&sql));
    buf_deinit(&sql);
    return text;
}

static bool write_file(struct partition_stats *x, struct error *err)
{
    const struct lake *lake = x->run->lake;
    struct store *store = lake->warehouse;
    struct parquet_file *files = NULL;
    size_t n = 0;
    str path, dir;
    if (!statistics_path(store, lake->env, x->of.table.metadata, x->of.snapshot, "partition-stats-",
                         ".parquet", x->a, &path, err) ||
        !store_stage(store, path, x->a, &dir, err))
        return false;
    struct parquet_write w = { .query = file_query(x),
                               .schema = x->schema,
                               .keep_order = true,
                               .dir = dir.ptr,
                               .prefix = STR("stats"),
                               .no_bloom = true };
    bool ok =
        (mkdir(dir.ptr, 0777) == 0 || fail_errno(err, errno, "make the folder %s", dir.ptr)) &&
        parquet_write(x->run->session, &w, x->a, &files, &n, err) &&
        (n == 1 || fail(err, ERR_INTERNAL, "%zu files of partition statistics", n)) &&
        store_publish(store, path, files[0].path, STORE_CREATE_NEW, err);
    store_discard(store, dir);
    if (ok)
        x->file = (struct partition_statistics_file){ .snapshot_id = x->of.snapshot->id,
                                                      .path = store_uri(store, path, x->a),
                                                      .size = files[0].size };
    return ok;
}

static bool commit(struct partition_stats *x, struct error *err)
{
    struct table_update u = { .kind = UPDATE_SET_PARTITION_STATISTICS,
                              .partition_statistics = x->file };
    if (!statistics_commit(&x->of, &u, x->file.path, "partition statistics", &x->out->commit_id,
                           err))
        return false;
    x->out->path = x->file.path;
    x->out->written = true;
    return true;
}

bool run_partition_stats(struct run *r, const struct partition_stats_request *req,
                         struct partition_stats_result *out, struct error *err)
{
    struct partition_stats x = { .run = r, .req = req, .out = out, .a = r->a };
    *out = (struct partition_stats_result){ .snapshot_id = SNAPSHOT_NONE };
    if (!open_table(&x, err))
        return false;
    if (!x.of.snapshot)
        return true;
    out->snapshot_id = x.of.snapshot->id;
    const struct partition_statistics_file *before =
        partition_statistics_at(x.of.table.metadata, x.of.snapshot);
    if (before && before->snapshot_id == x.of.snapshot->id) {
        out->path = before->path;
        return true;
    }
    return make_sums(&x, before, err) &&
           (out->partitions == 0 || (write_file(&x, err) && commit(&x, err)));
}

bool maintain_partition_stats(struct lake *lake, const struct partition_stats_request *req,
                              struct arena *a, struct partition_stats_result *out,
                              struct error *err)
{
    struct own_run own;
    if (!own_run_open(&own, lake, req->branch, req->access, req->cancel, a, err))
        return false;
    bool ok = run_partition_stats(&own.run, req, out, err);
    own_run_close(&own);
    return ok || fail_in(err, "partition statistics of " STR_FMT, STR_ARG(req->table));
}
