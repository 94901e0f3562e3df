/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables as the catalog and their metadata describe them.  Counts come from snapshot summaries: nothing here opens a manifest. */
#include "base/time.h"
#include "catalog/table_ops.h"
#include "govern/access.h"
#include "iceberg/update.h"
#include "server/tables_priv.h"
#include "sql/lake.h"

#define TABLES_MAX 100000    /* of one listing */
#define SNAPSHOTS_MAX 100000 /* the newest are listed */

bool load_named_table(struct app *app, str dotted, str branch, struct arena *a, struct table *out,
                      struct error *err)
{
    str ns, name;
    return name_split(dotted, a, &ns, &name, err) &&
           catalog_load_table(app->lake->catalog, branch, ns, name, a, out, err);
}

bool body_time(const struct json *doc, const char *key, int64_t *out, struct error *err)
{
    const struct json *v = json_get(doc, key);
    str text;
    if (!v || v->kind != JSON_STR)
        return json_need_int(doc, key, out, err);
    if (!json_need_str(doc, key, &text, err))
        return false;
    if (!time_parse(text, out, NULL))
        return fail(err, ERR_INVALID, "%s: \"" STR_FMT "\" is not a time like 2026-02-03T04:05:06Z",
                    key, STR_ARG(text));
    *out = floor_div(*out, US_PER_MS);
    return true;
}

struct write_info request_write_info(struct api_request *req, int64_t timeout_ms)
{
    struct write_info info = { .cancel = request_cancel(req, timeout_ms) };
    access_sign(req->access, req->arena, &info.commit);
    return info;
}

int64_t summary_number(const struct snapshot *s, const char *key)
{
    int64_t v;
    return s && str_to_i64(property_get(&s->summary, key, (str){ 0 }), &v) ? v : -1;
}

/* ---- Listing ---- */

static void write_totals(const struct metadata *m, struct json_writer *w)
{
    const struct snapshot *s = metadata_snapshot(m);
    kv_snapshot(w, "snapshot_id", s ? s->id : -1);
    kv_number(w, "rows", s ? summary_number(s, "total-records") : 0);
    kv_number(w, "files", s ? summary_number(s, "total-data-files") : 0);
    kv_number(w, "bytes", s ? summary_number(s, "total-files-size") : 0);
    jw_kv_int(w, "snapshots", (int64_t)m->snapshots_n);
    jw_kv_int(w, "updated_ms", m->last_updated_ms);
    kv_time(w, "updated", m->last_updated_ms * 1000);
}

/* A table that cannot be read is listed with its error: the others matter too. */
static void write_listed(struct app *app, str branch, const struct catalog_name *n, struct arena *a,
                         struct json_writer *w)
{
    struct table t;
    struct error err = { 0 };
    struct arena *scratch = arena_create(0);
    jw_begin_object(w);
    jw_kv_str(w, "name", name_to_text(n->ns, n->name, a));
    jw_kv_str(w, "namespace", ns_to_text(n->ns, a));
    if (catalog_load_table(app->lake->catalog, branch, n->ns, n->name, scratch, &t, &err))
        write_totals(t.metadata, w);
    else
        jw_kv_str(w, "error", str_of(err.msg));
    jw_end_object(w);
    arena_destroy(scratch);
}

static bool next_page(struct app *app, struct api_request *req, str ns, str token,
                      struct catalog_page *page, struct error *err)
{
    str branch = api_query(req, "branch", "");
    if (ns.len)
        return catalog_list(app->lake->catalog, branch, ns, ENTRY_TABLE, token, 0, req->arena, page,
                            err);
    return catalog_list_all(app->lake->catalog, branch, token, 0, req->arena, page, err);
}

static bool list_tables(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    struct catalog_page page = { 0 };
    str branch = api_query(req, "branch", ""),
        ns = ns_from_dotted(api_query(req, "namespace", ""), req->arena);
    size_t n = 0;
    (void)answer;
    jw_begin_array(w);
    do {
        if (!next_page(app, req, ns, page.next, &page, err))
            return false;
        for (size_t i = 0; i < page.n; i++) {
            if (!cancel_check(req->cancel, err))
                return false;
            if (n++ == TABLES_MAX)
                return fail(err, ERR_LIMIT, "more than %d tables; name a namespace", TABLES_MAX);
            if (page.names[i].type == ENTRY_TABLE)
                write_listed(app, branch, &page.names[i], req->arena, w);
        }
    } while (page.next.len);
    jw_end_array(w);
    return true;
}

/* ---- One table ---- */

static void write_columns(const struct schema *s, struct arena *a, struct json_writer *w)
{
    jw_kv_array(w, "columns");
    for (size_t i = 0; i < s->fields_n; i++) {
        const struct field *f = &s->fields[i];
        jw_begin_object(w);
        jw_kv_int(w, "id", f->id);
        jw_kv_str(w, "name", f->name);
        jw_kv_str(w, "type", type_format(f->type, a));
        jw_kv_bool(w, "required", f->required);
        if (f->has_doc)
            jw_kv_str(w, "doc", f->doc);
        jw_end_object(w);
    }
    jw_end_array(w);
}

/* "day(date)", "bucket(16, id)", "origin" */
static void add_transform(const struct transform *f, str column, struct buf *out)
{
    if (f->kind == TRANSFORM_IDENTITY) {
        buf_add_str(out, column);
    } else if (f->kind == TRANSFORM_BUCKET || f->kind == TRANSFORM_TRUNCATE) {
        buf_printf(out, "%s(%d, " STR_FMT ")", f->kind == TRANSFORM_BUCKET ? "bucket" : "truncate",
                   f->param, STR_ARG(column));
    } else {
        buf_add_str(out, f->text);
        buf_printf(out, "(" STR_FMT ")", STR_ARG(column));
    }
}

static void write_layout(const struct metadata *m, struct json_writer *w)
{
    const struct schema *schema = metadata_schema(m);
    const struct partition_spec *spec = metadata_spec(m);
    const struct sort_order *order = metadata_order(m);
    struct buf text = BUF_INIT(1 << 20);
    for (size_t i = 0; i < spec->fields_n; i++) {
        buf_add_str(&text, i ? STR(", ") : (str){ 0 });
        add_transform(&spec->fields[i].transform, schema_name_of(schema, spec->fields[i].source_id),
                      &text);
    }
    kv_text(w, "partition_by", buf_str(&text));
    buf_clear(&text);
    for (size_t i = 0; i < order->fields_n; i++) {
        buf_add_str(&text, i ? STR(", ") : (str){ 0 });
        add_transform(&order->fields[i].transform,
                      schema_name_of(schema, order->fields[i].source_id), &text);
        buf_printf(&text, "%s", order->fields[i].descending ? " DESC" : "");
    }
    kv_text(w, "sort_by", buf_str(&text));
    buf_deinit(&text);
    jw_key(w, STR("schema"));
    schema_write(schema, true, w);
    jw_key(w, STR("partition_spec"));
    partition_spec_write(spec, w);
    jw_key(w, STR("sort_order"));
    sort_order_write(order, w);
}

static void write_properties(const struct property_list *p, const char *key, struct json_writer *w)
{
    jw_kv_object(w, key);
    for (size_t i = 0; i < p->n; i++) {
        jw_key(w, p->at[i].key);
        jw_str(w, p->at[i].value);
    }
    jw_end_object(w);
}

static void write_refs(const struct metadata *m, struct json_writer *w)
{
    jw_kv_array(w, "refs");
    for (size_t i = 0; i < m->refs_n; i++) {
        jw_begin_object(w);
        jw_kv_str(w, "name", m->refs[i].name);
        jw_kv_str(w, "kind", m->refs[i].kind == REF_TAG ? STR("tag") : STR("branch"));
        jw_kv_int(w, "snapshot_id", m->refs[i].snapshot_id);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static bool show_table(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err)
{
    struct table t;
    (void)answer;
    if (!load_named_table(app, req->params[0], api_query(req, "branch", ""), req->arena, &t, err))
        return false;
    jw_begin_object(w);
    jw_kv_str(w, "name", name_to_text(t.ns, t.name, req->arena));
    jw_kv_str(w, "namespace", ns_to_text(t.ns, req->arena));
    jw_kv_str(w, "branch", t.ref);
    jw_kv_str(w, "commit_id", t.commit_id);
    jw_kv_str(w, "uuid", t.uuid);
    jw_kv_int(w, "format_version", t.metadata->format_version);
    jw_kv_str(w, "location", t.metadata->location);
    jw_kv_str(w, "metadata_location", t.metadata_location);
    write_totals(t.metadata, w);
    write_columns(metadata_schema(t.metadata), req->arena, w);
    write_layout(t.metadata, w);
    write_properties(&t.metadata->properties, "properties", w);
    write_refs(t.metadata, w);
    jw_end_object(w);
    return true;
}

/* ---- Snapshots ---- */

static void write_snapshot(const struct metadata *m, const struct snapshot *s,
                           struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_int(w, "snapshot_id", s->id);
    kv_snapshot(w, "parent_id", s->parent_id);
    jw_kv_int(w, "timestamp_ms", s->timestamp_ms);
    kv_time(w, "timestamp", s->timestamp_ms * 1000);
    kv_text(w, "operation", s->operation);
    jw_kv_int(w, "sequence_number", s->sequence_number);
    jw_kv_bool(w, "current", s->id == m->current_snapshot_id);
    kv_number(w, "added_rows", summary_number(s, "added-records"));
    kv_number(w, "deleted_rows", summary_number(s, "deleted-records"));
    kv_number(w, "added_files", summary_number(s, "added-data-files"));
    kv_number(w, "total_rows", summary_number(s, "total-records"));
    kv_number(w, "total_files", summary_number(s, "total-data-files"));
    kv_number(w, "total_bytes", summary_number(s, "total-files-size"));
    write_properties(&s->summary, "summary", w);
    jw_end_object(w);
}

static bool list_snapshots(struct app *app, struct api_request *req, struct api_answer *answer,
                           struct json_writer *w, struct error *err)
{
    struct table t;
    int64_t limit;
    (void)answer;
    if (!api_query_int(req, "limit", SNAPSHOTS_MAX, 1, SNAPSHOTS_MAX, &limit, err) ||
        !load_named_table(app, req->params[0], api_query(req, "branch", ""), req->arena, &t, err))
        return false;
    const struct metadata *m = t.metadata;
    size_t from = m->snapshots_n > (size_t)limit ? m->snapshots_n - (size_t)limit : 0;
    jw_begin_array(w);
    for (size_t i = from; i < m->snapshots_n; i++)
        write_snapshot(m, m->snapshots[i], w);
    jw_end_array(w);
    return true;
}

static bool show_history(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err)
{
    struct table t;
    (void)answer;
    if (!load_named_table(app, req->params[0], api_query(req, "branch", ""), req->arena, &t, err))
        return false;
    const struct metadata *m = t.metadata;
    jw_begin_array(w);
    for (size_t i = 0; i < m->snapshot_log_n; i++) {
        const struct snapshot_log_entry *e = &m->snapshot_log[i];
        const struct snapshot *s = metadata_snapshot_by_id(m, e->snapshot_id);
        jw_begin_object(w);
        jw_kv_int(w, "timestamp_ms", e->timestamp_ms);
        kv_time(w, "timestamp", e->timestamp_ms * 1000);
        jw_kv_int(w, "snapshot_id", e->snapshot_id);
        kv_snapshot(w, "parent_id", s ? s->parent_id : -1);
        jw_kv_bool(w, "is_current_ancestor",
                   s && metadata_is_ancestor(m, m->current_snapshot_id, s->id));
        jw_end_object(w);
    }
    jw_end_array(w);
    return true;
}

const struct route tables_routes[] = {
    ROUTE("GET", "/api/tables", PERMISSION_READ, list_tables,
          "Tables of a branch; branch, namespace", .slow = true),
    ROUTE("POST", "/api/tables/plan", PERMISSION_READ, plan_scan,
          "The files that a scan would read: {table|metadata, filter, branch, snapshot_id, list}",
          .slow = true),
    ROUTE("GET", "/api/tables/{name}", PERMISSION_READ, show_table,
          "A table's columns, layout, place and size; branch", .slow = true),
    ROUTE("GET", "/api/tables/{name}/snapshots", PERMISSION_READ, list_snapshots,
          "Snapshots with what each did; branch, limit", .slow = true),
    ROUTE("GET", "/api/tables/{name}/history", PERMISSION_READ, show_history,
          "Which snapshot was current when; branch", .slow = true),
    ROUTE("GET", "/api/tables/{name}/files", PERMISSION_READ, list_files,
          "Data files; branch, snapshot_id, limit", .slow = true),
    { 0 },
};
