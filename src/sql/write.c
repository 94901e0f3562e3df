/* SPDX-License-Identifier: Apache-2.0
 *
 * From rows to a snapshot, in this order, so that nothing is visible before the end and nothing is lost after it:
 * bind the query, settle the schema, write Parquet files into a staging folder, publish each (durable now, named by nobody),
 * describe them as data files, and commit definition and snapshot as one catalog commit. */
#include "sql/write.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/thread.h"
#include "catalog/table_ops.h"
#include "codec/uuid.h"
#include "engine/avro_data.h"
#include "engine/arrow_rows.h"
#include "engine/parquet.h"
#include "engine/parquet_scan.h"
#include "engine/session.h"
#include "govern/access.h"
#include "iceberg/metrics.h"
#include "iceberg/snapshot.h"
#include "iceberg/update.h"
#include "io/store.h"
#include "sql/bind.h"
#include "sql/evolve.h"
#include "sql/lake.h"
#include "sql/partition_by.h"
#include "sql/target.h"
#include "sql/write_options.h"

#define DEFINITION_UPDATES_MAX 16

struct writer {
    struct lake *lake;
    const struct write_request *req;
    struct arena *a;
    struct session *session;
    str ns, name;
    struct bound bound;
    struct result_column *columns; /* of the query */
    size_t columns_n;
    bool exists;
    struct table table;              /* the table as it is, or as it was staged */
    const struct metadata *target;   /* with the schema and spec that the rows are written for */
    struct table_update *definition; /* from the table to `target`, without the snapshot */
    size_t definition_n;
    bool by_name;
    bool lineage; /* two more columns, of row ids */
    str folder;   /* staging, on this machine */
    const struct data_file *files;
    size_t files_n;
    int64_t rows, bytes;
    int64_t file_bytes;               /* asked for; 0: by the table's property */
    const struct rows_layout *layout; /* NULL: as the table says */
    bool avro;                        /* data files, not Parquet */
    struct write_target to;
    struct snapshot_result made; /* by the last plan */
};

static bool may(struct writer *w, enum privilege privilege, enum securable_kind kind, str ns,
                struct error *err)
{
    struct securable on = secure_in(kind, ns, kind == SECURABLE_TABLE ? w->name : (str){ 0 }, w->a);
    return access_check_in(w->lake->govern, w->req->access, privilege,
                           kind == SECURABLE_NAMESPACE && !ns.len ? &SECURE_CATALOG : &on,
                           w->req->branch, err);
}

static struct commit_info who_commits(struct writer *w)
{
    struct commit_info info = { 0 };
    access_sign(w->req->access, w->a, &info);
    return info;
}

/* Asked before anything is looked up; that a table is missing is learned only by who may write it. */
static bool find_table(struct writer *w, struct error *err)
{
    struct catalog *c = w->lake->catalog;
    if (!target_name(w->lake, w->req->branch, w->req->table, w->a, &w->to, err) ||
        !name_split(w->to.table, w->a, &w->ns, &w->name, err) ||
        !may(w, TABLE_WRITE_DATA, SECURABLE_TABLE, w->ns, err) ||
        (w->req->mode == WRITE_CREATE && !may(w, TABLE_CREATE, SECURABLE_NAMESPACE, w->ns, err)))
        return false;
    if (!catalog_table_exists(c, w->req->branch, w->ns, w->name, &w->exists, err))
        return false;
    if (w->exists && w->req->mode == WRITE_CREATE)
        return fail(err, ERR_EXISTS, "the table " STR_FMT " exists already",
                    STR_ARG(w->req->table));
    if (!w->exists && w->req->mode == WRITE_APPEND && !w->req->create_missing)
        return fail(err, ERR_NOT_FOUND, "there is no table " STR_FMT " on %s",
                    STR_ARG(w->req->table),
                    w->req->branch.len ? arena_cstr(w->a, w->req->branch) : "main");
    if (!w->exists && w->req->mode != WRITE_CREATE &&
        !may(w, TABLE_CREATE, SECURABLE_NAMESPACE, w->ns, err))
        return false;
    if (w->exists && !catalog_load_table(c, w->req->branch, w->ns, w->name, w->a, &w->table, err))
        return false;
    if (w->to.named && w->req->mode == WRITE_REPLACE)
        return fail(err, ERR_INVALID, "a branch of a table cannot be replaced");
    return target_settle(w->table.metadata, w->req->settings, &w->to, err);
}

static bool bind_query(struct writer *w, struct error *err)
{
    struct bind_request b = { .query = w->req->query,
                              .branch = w->req->branch,
                              .local_files = w->req->local_files,
                              .access = w->req->access,
                              .params = w->req->params,
                              .params_n = w->req->params_n,
                              .settings = w->req->settings,
                              .cancel = w->req->cancel };
    return sql_bind(w->lake, w->session, &b, w->a, &w->bound, err) &&
           session_describe(w->session, w->bound.query, w->a, &w->columns, &w->columns_n, err);
}

static bool create_namespace(struct writer *w, struct error *err)
{
    struct property *props;
    size_t n;
    struct error missing = { 0 };
    if (catalog_load_namespace(w->lake->catalog, w->req->branch, w->ns, w->a, &props, &n, &missing))
        return true;
    if (missing.code != ERR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    struct commit_info info = who_commits(w);
    if (!may(w, NAMESPACE_CREATE, SECURABLE_NAMESPACE, ns_parent(w->ns), err))
        return false;
    if (catalog_create_namespace(w->lake->catalog, w->req->branch, w->ns, NULL, 0, &info, w->a,
                                 NULL, err))
        return true;
    return err->code == ERR_EXISTS;
}

/* The definition of a new table as updates, to be committed with its first snapshot. */
static void definition_of(struct writer *w, const struct metadata *m)
{
    struct table_update *u = arena_array(w->a, struct table_update, DEFINITION_UPDATES_MAX);
    size_t n = 0;
    u[n++] = (struct table_update){ .kind = UPDATE_ASSIGN_UUID, .uuid = m->uuid };
    u[n++] = (struct table_update){ .kind = UPDATE_UPGRADE_FORMAT_VERSION,
                                    .format_version = m->format_version };
    u[n++] = (struct table_update){ .kind = UPDATE_SET_LOCATION, .location = m->location };
    update_take_schema(u, &n, metadata_schema(m));
    update_take_spec(u, &n, metadata_spec(m));
    update_take_order(u, &n, metadata_order(m));
    if (m->properties.n)
        u[n++] =
            (struct table_update){ .kind = UPDATE_SET_PROPERTIES, .properties = m->properties };
    w->definition = u;
    w->definition_n = n;
}

static bool stage_table(struct writer *w, struct error *err)
{
    struct table_create create = {
        .ns = w->ns, .name = w->name, .location = w->req->location, .stage = true
    };
    struct commit_info info = who_commits(w);
    struct property *props = arena_array(w->a, struct property, w->req->properties_n);
    for (size_t i = 0; i < w->req->properties_n; i++)
        props[i] = (struct property){ w->req->properties[i].key, w->req->properties[i].value };
    create.props = props;
    create.props_n = w->req->properties_n;
    if (!columns_schema(w->columns, w->columns_n, w->a, &create.schema, err) ||
        !partition_by_parse(w->req->partition_by, create.schema, w->a, &create.spec, err) ||
        !create_namespace(w, err) ||
        !catalog_create_table(w->lake->catalog, w->req->branch, &create, &info, w->a, &w->table,
                              err))
        return false;
    w->target = w->table.metadata;
    w->by_name = true;
    definition_of(w, w->target);
    return true;
}

/* Columns go to the table's by name when the query has exactly known names, otherwise by place. */
static bool settle_append(struct writer *w, struct error *err)
{
    const struct schema *s = metadata_schema(w->table.metadata);
    w->target = w->table.metadata;
    w->by_name = !w->req->by_place;
    for (size_t i = 0; i < w->columns_n; i++) {
        bool known = schema_field_by_name(s, w->columns[i].name, false);
        if (!known && w->req->by_name)
            return fail(err, ERR_INVALID, "the table " STR_FMT " has no column " STR_FMT,
                        STR_ARG(w->req->table), STR_ARG(w->columns[i].name));
        w->by_name = w->by_name && known;
    }
    if (!w->by_name && w->columns_n != s->fields_n)
        return fail(err, ERR_INVALID, "the rows have %zu columns and the table " STR_FMT " has %zu",
                    w->columns_n, STR_ARG(w->req->table), s->fields_n);
    return true;
}

/* Properties and the place that go with a new definition; the format version is a property in SQL only. */
static bool define_rest(struct writer *w, struct error *err)
{
    struct table_update *u = arena_array(w->a, struct table_update, w->definition_n + 3);
    struct property *props = arena_array(w->a, struct property, w->req->properties_n);
    size_t n = 0, props_n = 0;
    int64_t version = w->table.metadata->format_version;
    for (size_t i = 0; i < w->req->properties_n; i++) {
        const struct write_prop *p = &w->req->properties[i];
        if (!str_is(p->key, "format-version"))
            props[props_n++] = (struct property){ p->key, p->value };
        else if (!str_to_i64(p->value, &version) || version < 1 || version > FORMAT_VERSION_MAX)
            return fail(err, ERR_INVALID, "there is no format version " STR_FMT, STR_ARG(p->value));
    }
    if (version != w->table.metadata->format_version)
        u[n++] = (struct table_update){ .kind = UPDATE_UPGRADE_FORMAT_VERSION,
                                        .format_version = (int)version };
    for (size_t i = 0; i < w->definition_n; i++)
        u[n++] = w->definition[i];
    if (props_n)
        u[n++] = (struct table_update){ .kind = UPDATE_SET_PROPERTIES,
                                        .properties = { props, props_n } };
    if (w->req->location.len)
        u[n++] = (struct table_update){ .kind = UPDATE_SET_LOCATION, .location = w->req->location };
    w->definition = u;
    w->definition_n = n;
    return true;
}

static bool settle_replace(struct writer *w, struct error *err)
{
    const struct schema *rows;
    w->by_name = true;
    return columns_schema(w->columns, w->columns_n, w->a, &rows, err) &&
           evolve_to(w->table.metadata, rows, w->req->partition_by, w->a, &w->definition,
                     &w->definition_n, err) &&
           define_rest(w, err) &&
           metadata_apply(w->table.metadata, (str){ 0 }, w->definition, w->definition_n,
                          env_now_ms(w->lake->env), w->a, &w->target, err);
}

static bool settle_schema(struct writer *w, struct error *err)
{
    if (!w->exists)
        return stage_table(w, err);
    return w->req->mode == WRITE_REPLACE ? settle_replace(w, err) : settle_append(w, err);
}

static str new_prefix(struct writer *w)
{
    uint8_t random[16];
    char text[UUID_TEXT_LEN + 1];
    env_random(w->lake->env, random, sizeof random);
    struct uuid id = uuid_v4(random);
    return arena_str(w->a, uuid_format(&id, text));
}

bool write_data_path(struct lake *lake, const struct table *t, const struct metadata *m,
                     struct arena *a, str *out, struct error *err)
{
    str location = metadata_property(m, "write.data.path",
                                     arena_printf(a, STR_FMT "/data", STR_ARG(m->location)));
    return store_from_uri(lake->warehouse, location, a, out, err) ||
           fail_in(err, "table metadata " STR_FMT, STR_ARG(t->metadata_location));
}

static bool data_path(struct writer *w, str *out, struct error *err)
{
    return write_data_path(w->lake, &w->table, w->target, w->a, out, err);
}

struct publishing {
    struct writer *w;
    const struct parquet_file *files;
    const str *paths; /* in the store */
};

static bool publish_one(void *ctx, size_t i, struct error *err)
{
    struct publishing *p = ctx;
    return cancel_check(p->w->req->cancel, err) &&
           store_publish(p->w->lake->warehouse, p->paths[i], p->files[i].path, STORE_CREATE_NEW,
                         err);
}

/* Columns of row lineage have no metrics: the table does not know them. */
static size_t own_stats(const struct parquet_file *f)
{
    size_t n = f->stats_n;
    while (n && f->stats[n - 1].field_id > FIELD_ID_MAX)
        n--;
    return n;
}

/* Of rows that are sorted by another order than the table's nothing is said. */
static int32_t order_id(const struct writer *w)
{
    const struct sort_order *asked = w->layout ? w->layout->order : NULL;
    for (size_t i = 0; asked && i < w->target->orders_n; i++)
        if (sort_order_same(w->target->orders[i], asked))
            return w->target->orders[i]->id;
    return asked ? 0 : metadata_order(w->target)->id;
}

static bool describe_file(struct writer *w, const struct parquet_file *f, str path,
                          struct data_file *out, struct error *err)
{
    struct column_metrics *columns;
    const struct schema *s = metadata_schema(w->target);
    *out = (struct data_file){
        .content = FILE_DATA,
        .spec_id = metadata_spec(w->target)->id,
        .path = store_uri(w->lake->warehouse, path, w->a),
        .format = w->avro ? STR("avro") : STR("parquet"),
        .partition = f->partition,
        .partition_n = f->partition ? metadata_spec(w->target)->fields_n : 0,
        .records = f->rows,
        .size = f->size,
        .sort_order_id = f->sorted ? order_id(w) : 0,
        .first_row_id = -1,
        .content_offset = -1,
        .content_size = -1,
    };
    if (!metrics_make(s, metadata_order(w->target), &w->target->properties, f->stats, own_stats(f),
                      w->a, &columns, &out->columns_n, err))
        return false;
    out->columns = columns;
    w->rows += f->rows;
    w->bytes += f->size;
    return true;
}

/* <data>/<partition>/<prefix>-00001.parquet, or .avro */
static str file_path(struct writer *w, str data, const struct parquet_file *f, str prefix, size_t i)
{
    str folder =
        f->partition ? partition_path(metadata_spec(w->target), f->partition, w->a) : (str){ 0 };
    return arena_printf(w->a, STR_FMT "/" STR_FMT "%s" STR_FMT "-%05zu.%s", STR_ARG(data),
                        STR_ARG(folder), folder.len ? "/" : "", STR_ARG(prefix), i + 1,
                        w->avro ? "avro" : "parquet");
}

static bool take_files(struct writer *w, str data, str prefix, const struct parquet_file *files,
                       size_t n, struct error *err)
{
    struct data_file *out = arena_array(w->a, struct data_file, n);
    str *paths = arena_array(w->a, str, n);
    for (size_t i = 0; i < n; i++) {
        paths[i] = file_path(w, data, &files[i], prefix, i);
        if (!describe_file(w, &files[i], paths[i], &out[i], err))
            return false;
    }
    struct publishing p = { w, files, paths };
    w->files = out; /* named before the attempt: those that a failure leaves are garbage */
    w->files_n = n;
    return pool_for(w->lake->pool, n, publish_one, &p, err);
}

/* The table's columns and those of row lineage, whose ids are reserved. */
static const struct schema *with_lineage(const struct schema *s, struct arena *a)
{
    struct schema *out = arena_new(a, struct schema);
    struct field *f = arena_array(a, struct field, s->fields_n + 2);
    memcpy(f, s->fields, s->fields_n * sizeof *f);
    f[s->fields_n] =
        (struct field){ .id = FIELD_ROW_ID, .name = STR("_row_id"), .type = type_of(TYPE_LONG) };
    f[s->fields_n + 1] = (struct field){ .id = FIELD_UPDATED,
                                         .name = STR("_last_updated_sequence_number"),
                                         .type = type_of(TYPE_LONG) };
    *out = *s;
    out->fields = f;
    out->fields_n = s->fields_n + 2;
    out->type = type_struct(a, f, out->fields_n);
    return out;
}

/* Avro files in the place of Parquet files, with the same rows and statistics. */
static bool make_avro(struct writer *w, const struct parquet_write *p, enum avro_codec codec,
                      struct parquet_file *files, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        str parquet = files[i].path;
        str avro = arena_printf(w->a, STR_FMT ".avro", STR_ARG(parquet));
        if (!avro_from_parquet(w->session, parquet, p->schema, codec, avro, &files[i].size, err))
            return false;
        if (unlink(arena_cstr(w->a, parquet)) != 0)
            return fail_errno(err, errno, "remove " STR_FMT, STR_ARG(parquet));
        files[i].path = avro;
    }
    return true;
}

static bool write_files(struct writer *w, struct error *err)
{
    enum avro_codec codec;
    str data, prefix = new_prefix(w);
    struct parquet_file *files;
    size_t n;
    struct parquet_write p = { .query = w->bound.query,
                               .by_name = w->by_name,
                               .schema = metadata_schema(w->target),
                               .spec = metadata_spec(w->target),
                               .order = metadata_order(w->target),
                               .prefix = prefix,
                               .params = w->req->params,
                               .params_n = w->req->params_n };
    if (w->lineage)
        p.schema = with_lineage(p.schema, w->a);
    p.file_bytes = w->file_bytes
                       ? w->file_bytes
                       : metadata_property_int(w->target, "write.target-file-size-bytes", 0);
    if (!write_options(w->target, w->a, &p, err) ||
        !write_avro_options(w->target, &w->avro, &codec, err) || !data_path(w, &data, err) ||
        !store_stage(w->lake->warehouse, arena_printf(w->a, STR_FMT "/rows", STR_ARG(data)), w->a,
                     &w->folder, err))
        return false;
    p.dir = w->folder.ptr;
    if (mkdir(p.dir, 0777) != 0)
        return fail_errno(err, errno, "make the folder %s", p.dir);
    if (w->layout) {
        p.partition = w->layout->partition;
        p.order = w->layout->order ? w->layout->order : p.order;
        p.order_sql = w->layout->order_sql;
    }
    return parquet_write_cut(w->session, &p, w->layout ? w->layout->bytes : 0, w->a, &files, &n,
                             err) &&
           (!w->avro || make_avro(w, &p, codec, files, n, err)) &&
           take_files(w, data, prefix, files, n, err);
}

/* What produced the snapshot: the caller's words, and each table that was read with its snapshot. */
static void make_summary(struct writer *w, struct snapshot_change *change)
{
    size_t n = 0;
    struct property *s = arena_array(w->a, struct property, w->req->summary_n + w->bound.scans_n);
    for (size_t i = 0; i < w->req->summary_n; i++)
        s[n++] = (struct property){ w->req->summary[i].key, w->req->summary[i].value };
    for (size_t i = 0; i < w->bound.scans_n; i++)
        s[n++] = (struct property){
            arena_printf(w->a, "firn.input." STR_FMT, STR_ARG(w->bound.scans[i].table)),
            arena_printf(w->a, "%lld", (long long)w->bound.scans[i].snapshot_id)
        };
    change->summary = (struct property_list){ s, n };
}

static void drop_plan(struct writer *w)
{
    target_unused(w->lake, "failed snapshot", w->made.written, w->made.written_n);
    w->made = (struct snapshot_result){ 0 };
}

/* What was written and is in no snapshot: `err` says that nothing was committed. */
static void drop_files(struct writer *w)
{
    str *paths = arena_array(w->a, str, w->files_n);
    for (size_t i = 0; i < w->files_n; i++)
        paths[i] = w->files[i].path;
    drop_plan(w);
    target_unused(w->lake, "failed write", paths, w->files_n);
}

/* Definition and snapshot on top of `base`, which the requirements pin. */
static bool plan_change(struct writer *w, const struct metadata *base, struct arena *a,
                        struct table_change *out, struct error *err)
{
    struct snapshot_change change = { .operation = w->req->mode == WRITE_REPLACE && w->exists
                                                       ? SNAPSHOT_OVERWRITE
                                                       : SNAPSHOT_APPEND,
                                      .added = w->files,
                                      .added_n = w->files_n,
                                      .remove_all = w->req->mode == WRITE_REPLACE && w->exists };
    make_summary(w, &change);
    target_apply(&w->to, a, &change);
    drop_plan(w); /* of an attempt before this one */
    if (w->files_n || change.remove_all) {
        if (!snapshot_produce(w->lake->warehouse, w->lake->env, base, &change, a, &w->made, err))
            return false;
    }
    const struct snapshot_result made = w->made;
    struct table_requirement *pins =
        arena_array(a, struct table_requirement, made.requirements_n + 2);
    for (size_t i = 0; i < made.requirements_n; i++)
        pins[i] = made.requirements[i];
    pins[made.requirements_n] =
        (struct table_requirement){ .kind = REQUIRE_CURRENT_SCHEMA_ID,
                                    .id = w->table.metadata->current_schema_id };
    pins[made.requirements_n + 1] =
        (struct table_requirement){ .kind = REQUIRE_DEFAULT_SPEC_ID,
                                    .id = w->table.metadata->default_spec_id };
    struct table_update *updates =
        arena_array(a, struct table_update, w->definition_n + made.updates_n);
    for (size_t i = 0; i < w->definition_n; i++)
        updates[i] = w->definition[i];
    for (size_t i = 0; i < made.updates_n; i++)
        updates[w->definition_n + i] = made.updates[i];
    *out = (struct table_change){ .ns = w->ns,
                                  .name = w->name,
                                  .requirements = pins,
                                  .requirements_n = made.requirements_n + 2,
                                  .updates = updates,
                                  .updates_n = w->definition_n + made.updates_n };
    return true;
}

static bool commit_new(struct writer *w, struct write_result *out, struct error *err)
{
    static const struct table_requirement create[] = { { .kind = REQUIRE_CREATE } };
    struct table_change change;
    struct commit_result done;
    struct commit_info info = who_commits(w);
    if (!plan_change(w, w->target, w->a, &change, err))
        return false;
    change.requirements = create;
    change.requirements_n = 1;
    if (!catalog_commit(w->lake->catalog, w->req->branch, &change, 1, &info, w->a, &done, err))
        return false;
    out->created = true;
    out->commit_id = done.commit_id;
    out->snapshot_id = done.tables[0].snapshot_id;
    return true;
}

/* Files were written for a schema and a partition spec: a table that has others by now cannot take them. */
static bool still_fits(const struct writer *w, const struct metadata *now)
{
    const struct metadata *was = w->table.metadata;
    return str_eq(now->uuid, was->uuid) && now->current_schema_id == was->current_schema_id &&
           now->default_spec_id == was->default_spec_id;
}

static bool plan_existing(void *ctx, const struct table *t, struct arena *a,
                          struct table_change *out, struct error *err)
{
    struct writer *w = ctx;
    const struct metadata *base = t->metadata;
    if (!still_fits(w, base))
        return fail(err, ERR_CONFLICT,
                    "the definition of " STR_FMT
                    " changed while its rows were written; run it again",
                    STR_ARG(w->req->table));
    if (w->definition_n && !metadata_apply(base, (str){ 0 }, w->definition, w->definition_n,
                                           env_now_ms(w->lake->env), a, &base, err))
        return false;
    return plan_change(w, base, a, out, err);
}

static bool commit_existing(struct writer *w, struct write_result *out, struct error *err)
{
    struct write_info info = { .commit = who_commits(w), .cancel = w->req->cancel };
    struct write_outcome done;
    if (w->req->mode == WRITE_APPEND && w->files_n == 0) { /* no rows, nothing to commit */
        out->snapshot_id = w->table.snapshot_id;
        out->commit_id = w->table.commit_id;
        return true;
    }
    if (!catalog_retry(w->lake->catalog, w->req->branch, w->ns, w->name, plan_existing, w, &info,
                       w->a, &done, err))
        return false;
    out->snapshot_id = w->made.snapshot ? w->made.snapshot_id : done.snapshot_id;
    out->commit_id = done.commit_id;
    return true;
}

static bool write_rows(struct writer *w, struct write_result *out, struct error *err)
{
    bool ok = find_table(w, err) && bind_query(w, err) && settle_schema(w, err) &&
              write_files(w, err) &&
              (w->exists ? commit_existing(w, out, err) : commit_new(w, out, err));
    if (!ok && err->code != ERR_UNKNOWN)
        drop_files(w);
    if (w->folder.len)
        store_discard(w->lake->warehouse, w->folder);
    return ok;
}

bool sql_write_query(struct lake *lake, const struct write_request *req, struct arena *a,
                     struct write_result *out, struct error *err)
{
    struct writer w = { .lake = lake, .req = req, .a = a, .session = req->session };
    *out = (struct write_result){ .snapshot_id = SNAPSHOT_NONE };
    if (!w.session && !session_open(lake->engine, &w.session, err))
        return false;
    if (!req->session)
        session_set_cancel(w.session, req->cancel);
    bool ok = write_rows(&w, out, err);
    if (!req->session)
        session_close(w.session);
    if (!ok)
        return fail_in(err, "write " STR_FMT, STR_ARG(req->table));
    out->rows = w.rows;
    out->files = (int64_t)w.files_n;
    out->bytes = w.bytes;
    out->inputs = w.bound.scans;
    out->inputs_n = w.bound.scans_n;
    return true;
}

/* ---- A few rows, without the engine */

#define SMALL_ROWS_MAX 10000 /* above, the engine's writer is the faster one */

static bool is_plain(struct writer *w, struct parquet_write *p, bool *plain, struct error *err)
{
    enum avro_codec ignored;
    const struct schema *s = metadata_schema(w->target);
    *plain = metadata_spec(w->target)->fields_n == 0 && metadata_order(w->target)->fields_n == 0;
    for (size_t i = 0; *plain && i < s->fields_n; i++)
        *plain = parquet_small_takes(s->fields[i].type);
    if (!*plain)
        return true;
    if (!write_options(w->target, w->a, p, err) ||
        !write_avro_options(w->target, &w->avro, &ignored, err))
        return false;
    *plain = !w->avro && p->codec == PARQUET_ZSTD && p->bloom_n == 0 && p->row_group_rows == 0;
    return true;
}

static bool put_small(struct writer *w, const struct parquet_write *p,
                      const struct arrow_rows *rows, struct error *err)
{
    struct buf bytes = BUF_INIT(PARQUET_SMALL_BYTES_MAX);
    struct parquet_file about = { 0 };
    struct data_file *file = arena_new(w->a, struct data_file);
    str data, path;
    bool ok = data_path(w, &data, err) &&
              parquet_small_write(metadata_schema(w->target), rows->batches, rows->n, p->level,
                                  w->a, &bytes, &about, err);
    if (ok) {
        path = file_path(w, data, &about, new_prefix(w), 0);
        ok = describe_file(w, &about, path, file, err);
    }
    if (ok) { /* named before the attempt: what a failure leaves is garbage */
        w->files = file;
        w->files_n = 1;
        ok = store_put(w->lake->warehouse, path, buf_str(&bytes), STORE_CREATE_NEW, err);
    }
    buf_deinit(&bytes);
    return ok;
}

static bool append_small(struct writer *w, struct ArrowArrayStream *stream,
                         struct write_result *out, bool *done, struct error *err)
{
    struct parquet_write p = { 0 };
    struct arrow_rows rows = { 0 };
    if (!find_table(w, err))
        return false;
    if (!w->exists)
        return true;
    w->target = w->table.metadata;
    if (!is_plain(w, &p, done, err))
        return false;
    if (*done && !arrow_rows_read(stream, metadata_schema(w->target), SMALL_ROWS_MAX, w->a, &rows,
                                  done, err))
        return false;
    return !*done ||
           ((rows.rows == 0 || put_small(w, &p, &rows, err)) && commit_existing(w, out, err));
}

bool sql_append_small(struct lake *lake, const struct write_request *req,
                      struct ArrowArrayStream *rows, struct arena *a, struct write_result *out,
                      bool *done, struct error *err)
{
    struct writer w = { .lake = lake, .req = req, .a = a };
    *out = (struct write_result){ .snapshot_id = SNAPSHOT_NONE };
    *done = false;
    if (!append_small(&w, rows, out, done, err)) {
        if (err->code != ERR_UNKNOWN)
            drop_files(&w);
        return fail_in(err, "write " STR_FMT, STR_ARG(req->table));
    }
    out->rows = w.rows;
    out->files = (int64_t)w.files_n;
    out->bytes = w.bytes;
    return true;
}

bool sql_write_rows(struct lake *lake, const struct rows_request *req, struct arena *a,
                    const struct data_file **out, size_t *n, struct error *err)
{
    struct write_request request = { .params = req->params,
                                     .params_n = req->params_n,
                                     .cancel = req->cancel };
    struct writer w = { .lake = lake,
                        .req = &request,
                        .a = a,
                        .session = req->session,
                        .bound = { .query = req->query },
                        .target = req->table,
                        .lineage = req->lineage,
                        .file_bytes = req->file_bytes,
                        .layout = req->layout };
    bool ok = write_files(&w, err);
    if (w.folder.len)
        store_discard(lake->warehouse, w.folder);
    if (!ok)
        drop_files(&w);
    *out = w.files;
    *n = w.files_n;
    return ok;
}
