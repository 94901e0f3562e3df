/* SPDX-License-Identifier: Apache-2.0
 *
 * Statistics of tables (sql/analyze.h) as requests. */
#include "server/tables_priv.h"
#include "sql/analyze.h"
#include "sql/partition_stats.h"

#define ANALYZE_TIMEOUT_MS (24 * 3600 * 1000) /* every row of a large table is read */

static bool read_columns(const struct json *doc, struct arena *a, struct analyze_request *out,
                         struct error *err)
{
    const struct json *list;
    if (!json_opt_array(doc, "columns", &list, err) || !list)
        return err->code == ERR_NONE;
    if (list->array.n > ANALYZE_COLUMNS_MAX)
        return fail(err, ERR_LIMIT, "columns: more than %d", ANALYZE_COLUMNS_MAX);
    str *columns = arena_array(a, str, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        if (list->array.items[i].kind != JSON_STR)
            return fail(err, ERR_INVALID, "columns has to be a list of names");
        columns[i] = list->array.items[i].s;
    }
    out->columns = columns;
    out->columns_n = list->array.n;
    return true;
}

static void write_analyzed(const struct analyze_result *r, struct json_writer *w)
{
    jw_begin_object(w);
    kv_snapshot(w, "snapshot_id", r->snapshot_id);
    jw_kv_bool(w, "written", r->written);
    jw_kv_bool(w, "incremental", r->incremental);
    jw_kv_int(w, "rows_read", r->rows_read);
    kv_text(w, "statistics_file", r->path);
    jw_kv_array(w, "columns");
    for (size_t i = 0; i < r->columns_n; i++) {
        jw_begin_object(w);
        jw_kv_str(w, "name", r->columns[i].name);
        jw_kv_int(w, "field_id", r->columns[i].field_id);
        jw_kv_int(w, "distinct_values", r->columns[i].distinct);
        jw_end_object(w);
    }
    jw_end_array(w);
    kv_text(w, "commit_id", r->commit_id);
    jw_end_object(w);
}

static bool count_partitions(struct app *app, struct api_request *req,
                             const struct analyze_request *q, struct json_writer *w,
                             struct error *err)
{
    struct partition_stats_result done;
    struct partition_stats_request p = { .table = q->table,
                                         .branch = q->branch,
                                         .snapshot_id = q->snapshot_id,
                                         .access = q->access,
                                         .cancel = q->cancel };
    if (!maintain_partition_stats(app->lake, &p, req->arena, &done, err))
        return false;
    jw_begin_object(w);
    kv_snapshot(w, "snapshot_id", done.snapshot_id);
    jw_kv_bool(w, "written", done.written);
    jw_kv_bool(w, "incremental", done.incremental);
    if (done.written)
        jw_kv_int(w, "partitions", done.partitions);
    kv_text(w, "statistics_file", done.path);
    kv_text(w, "commit_id", done.commit_id);
    jw_end_object(w);
    return true;
}

static bool analyze(struct app *app, struct api_request *req, struct api_answer *answer,
                    struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct analyze_result done;
    struct analyze_request q = { .table = req->params[0], .access = req->access };
    (void)answer;
    bool partitions;
    if (!api_body(req, &doc, err) ||
        !body_only(doc, "columns partitions snapshot_id branch", err) ||
        !read_columns(doc, req->arena, &q, err) ||
        !json_opt_bool(doc, "partitions", false, &partitions, err) ||
        !json_opt_int(doc, "snapshot_id", 0, &q.snapshot_id, err) ||
        !json_opt_str(doc, "branch", api_query(req, "branch", ""), &q.branch, err))
        return false;
    q.cancel = request_cancel(req, ANALYZE_TIMEOUT_MS);
    if (partitions && q.columns_n)
        return fail(err, ERR_INVALID, "statistics of partitions have no columns to choose");
    if (partitions)
        return count_partitions(app, req, &q, w, err);
    if (!maintain_analyze(app->lake, &q, req->arena, &done, err))
        return false;
    write_analyzed(&done, w);
    return true;
}

const struct route statistics_routes[] = {
    ROUTE("POST", "/api/tables/{name}/analyze", PERMISSION_WRITE, analyze,
          "Count the distinct values of columns, or what partitions hold: {columns, partitions, "
          "snapshot_id, branch}",
          .slow = true),
    { 0 },
};
