/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "codec/digest.h"
#include "iceberg/expr_json.h"
#include "server/iceberg_plan_priv.h"

#define NAMES_MAX 100000 /* of select and of stats-fields */
#define TASK_VERSION 1

/* --- names --- */

/* Columns that every table has, besides its own. */
static bool is_metadata_column(str name)
{
    static const char *const names[] = { "_file",
                                         "_pos",
                                         "_deleted",
                                         "_spec_id",
                                         "_partition",
                                         "_row_id",
                                         "_change_type",
                                         "_change_ordinal",
                                         "_commit_snapshot_id",
                                         "_last_updated_sequence_number" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_is(name, names[i]))
            return true;
    return false;
}

/* The names of a list; ERR_INVALID for what is no list of names. */
static bool name_list(const struct json *doc, const char *key, struct arena *a, str **out,
                      size_t *n, struct error *err)
{
    const struct json *list;
    *n = 0;
    *out = NULL;
    if (!json_opt_array(doc, key, &list, err))
        return false;
    if (list == NULL)
        return true;
    if (list->array.n > NAMES_MAX)
        return fail(err, ERR_LIMIT, "%s has %zu names; at most %d", key, list->array.n, NAMES_MAX);
    *out = arena_array(a, str, list->array.n);
    for (; *n < list->array.n; ++*n) {
        const struct json *item = &list->array.items[*n];
        if (item->kind != JSON_STR)
            return fail(err, ERR_INVALID, "%s[%zu] is %s, not a name", key, *n,
                        json_kind_name(item->kind));
        (*out)[*n] = item->s;
    }
    return true;
}

/* A client may know the table by the schema of the snapshot, or by the current one. */
static bool is_column(const struct metadata *m, str name, bool case_sensitive)
{
    for (size_t i = 0; i < m->schemas_n; i++)
        if (schema_node_by_name(m->schemas[i], name, case_sensitive) != NULL)
            return true;
    return is_metadata_column(name);
}

/* What is selected changes no plan, but a wrong name is the client's mistake. */
static bool check_select(const struct json *doc, const struct metadata *m, bool case_sensitive,
                         struct arena *a, struct error *err)
{
    str *names;
    size_t n;
    if (!name_list(doc, "select", a, &names, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_column(m, names[i], case_sensitive))
            return fail(err, ERR_INVALID, "select: there is no column \"" STR_FMT "\"",
                        STR_ARG(names[i]));
    return true;
}

static int id_order(const void *x, const void *y)
{
    int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;
    return (a > b) - (a < b);
}

static void set_stats(struct plan_query *q, int32_t *ids, size_t n)
{
    size_t kept = 0;
    if (n > 0)
        qsort(ids, n, sizeof *ids, id_order);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    q->stats_ids = ids;
    q->stats_ids_n = kept;
}

static bool parse_stats(const struct json *doc, struct arena *a, struct plan_query *q,
                        struct error *err)
{
    str *names;
    size_t n;
    if (!name_list(doc, "stats-fields", a, &names, &n, err))
        return false;
    int32_t *ids = arena_array(a, int32_t, n);
    for (size_t i = 0; i < n; i++) {
        const struct field *f = schema_field_by_name(q->schema, names[i], q->case_sensitive);
        if (f == NULL)
            return fail(err, ERR_INVALID, "stats-fields: there is no column \"" STR_FMT "\"",
                        STR_ARG(names[i]));
        ids[i] = f->id;
    }
    set_stats(q, ids, n);
    return true;
}

/* --- snapshots --- */

struct snapshots_asked {
    bool has_id, has_start, has_end;
    int64_t id, start, end;
};

static bool opt_id(const struct json *doc, const char *key, bool *has, int64_t *out,
                   struct error *err)
{
    const struct json *v = json_get(doc, key);
    *has = v != NULL && v->kind != JSON_NULL;
    return json_opt_int(doc, key, 0, out, err);
}

/* In the words of the Java library's request, which its tests compare. */
static bool check_snapshots(const struct snapshots_asked *s, struct error *err)
{
    if (s->has_id && (s->has_start || s->has_end))
        return fail(
            err, ERR_INVALID,
            "Invalid scan: cannot provide both snapshotId and startSnapshotId/endSnapshotId");
    if (s->has_start != s->has_end)
        return fail(err, ERR_INVALID,
                    "Invalid incremental scan: startSnapshotId and endSnapshotId is required");
    return true;
}

static bool find_snapshot(const struct metadata *m, int64_t id, const struct snapshot **out,
                          struct error *err)
{
    *out = metadata_snapshot_by_id(m, id);
    return *out != NULL ||
           fail(err, ERR_INVALID, "Cannot find snapshot with ID %lld", (long long)id);
}

static bool parse_snapshots(const struct json *doc, const struct metadata *m, struct plan_query *q,
                            struct error *err)
{
    struct snapshots_asked s = { 0 };
    const struct snapshot *snapshot = metadata_snapshot(m), *start;
    bool own_schema;
    if (!opt_id(doc, "snapshot-id", &s.has_id, &s.id, err) ||
        !opt_id(doc, "start-snapshot-id", &s.has_start, &s.start, err) ||
        !opt_id(doc, "end-snapshot-id", &s.has_end, &s.end, err) || !check_snapshots(&s, err) ||
        !json_opt_bool(doc, "use-snapshot-schema", false, &own_schema, err))
        return false;
    q->appends = s.has_start;
    q->after_id = s.start;
    if ((s.has_start && !find_snapshot(m, s.start, &start, err)) ||
        ((s.has_id || s.has_end) && !find_snapshot(m, s.has_id ? s.id : s.end, &snapshot, err)))
        return false;
    q->snapshot_id = snapshot != NULL ? snapshot->id : 0;
    q->schema =
        own_schema && snapshot != NULL ? metadata_schema_of(m, snapshot) : metadata_schema(m);
    return true;
}

/* --- requests --- */

static str json_text(const struct json *json, struct arena *a)
{
    struct buf *b = arena_new(a, struct buf);
    struct json_writer w;
    buf_init(b, API_BODY_MAX);
    buf_in_arena(b, a);
    jw_init(&w, b);
    jw_json(&w, json);
    return buf_str(b);
}

static bool take_filter(const struct json *filter, struct arena *a, struct plan_query *q,
                        struct error *err)
{
    const struct expr *bound;
    if (filter == NULL || filter->kind == JSON_NULL)
        return true;
    q->filter_text = json_text(filter, a);
    return expr_from_json(filter, q->schema, a, &q->filter, err) &&
           expr_bind(q->filter, q->schema, q->case_sensitive, a, &bound, err);
}

static bool parse_rows(const struct json *doc, struct plan_query *q, struct error *err)
{
    if (!json_opt_int(doc, "min-rows-requested", 0, &q->rows_wanted, err))
        return false;
    return q->rows_wanted >= 0 ||
           fail(err, ERR_INVALID, "Invalid scan: minRowsRequested is negative");
}

bool plan_query_parse(const struct json *doc, const struct metadata *m, struct arena *a,
                      struct plan_query *out, struct error *err)
{
    *out = (struct plan_query){ 0 };
    return json_opt_bool(doc, "case-sensitive", true, &out->case_sensitive, err) &&
           parse_snapshots(doc, m, out, err) && check_select(doc, m, out->case_sensitive, a, err) &&
           parse_stats(doc, a, out, err) && parse_rows(doc, out, err) &&
           take_filter(json_get(doc, "filter"), a, out, err);
}

/* --- plan tasks --- */

static void write_part(const struct scan_part *part, struct json_writer *w)
{
    jw_kv_array(w, "part");
    jw_uint(w, part->manifest_from);
    jw_uint(w, part->manifest_to);
    jw_uint(w, part->entry_from);
    jw_uint(w, part->entry_to);
    jw_end_array(w);
}

str plan_task_format(const struct plan_query *q, const struct scan_part *part, str table_uuid,
                     int64_t expires_ms, struct arena *a)
{
    struct buf b = BUF_INIT(API_BODY_MAX / 2); /* so that it can be sent back */
    struct json_writer w;
    jw_init(&w, &b);
    jw_begin_object(&w);
    jw_kv_int(&w, "v", TASK_VERSION);
    jw_kv_str(&w, "table", table_uuid);
    jw_kv_int(&w, "snapshot", q->snapshot_id);
    if (q->appends)
        jw_kv_int(&w, "after", q->after_id);
    jw_kv_int(&w, "schema", q->schema->id);
    jw_kv_bool(&w, "case", q->case_sensitive);
    if (q->rows_wanted > 0)
        jw_kv_int(&w, "rows", q->rows_wanted);
    if (q->stats_ids_n > 0) {
        jw_kv_array(&w, "stats");
        for (size_t i = 0; i < q->stats_ids_n; i++)
            jw_int(&w, q->stats_ids[i]);
        jw_end_array(&w);
    }
    write_part(part, &w);
    jw_kv_int(&w, "until", expires_ms);
    if (q->filter_text.len > 0) {
        jw_key(&w, STR("filter"));
        jw_raw(&w, q->filter_text);
    }
    jw_end_object(&w);
    str text = b.overflow ? (str){ 0 } : base64url_encode(buf_str(&b), a);
    buf_deinit(&b);
    return text;
}

static bool read_part(const struct json *doc, struct scan_part *out, struct error *err)
{
    const struct json *list;
    int64_t v[4];
    if (!json_need_array(doc, "part", &list, err))
        return false;
    if (list->array.n != 4)
        return fail(err, ERR_INVALID, "part has %zu numbers", list->array.n);
    for (size_t i = 0; i < 4; i++) {
        const struct json *item = &list->array.items[i];
        if (item->kind != JSON_INT || item->i < 0)
            return fail(err, ERR_INVALID, "part[%zu] is no number", i);
        v[i] = item->i;
    }
    *out = (struct scan_part){ (size_t)v[0], (size_t)v[1], (uint64_t)v[2], (uint64_t)v[3] };
    return out->manifest_from < out->manifest_to || fail(err, ERR_INVALID, "part is empty");
}

static bool read_stats(const struct json *doc, struct arena *a, struct plan_query *q,
                       struct error *err)
{
    const struct json *list;
    if (!json_opt_array(doc, "stats", &list, err))
        return false;
    size_t n = list ? list->array.n : 0;
    int32_t *ids = arena_array(a, int32_t, n);
    for (size_t i = 0; i < n; i++) {
        const struct json *item = &list->array.items[i];
        if (item->kind != JSON_INT || item->i < 0 || item->i > INT32_MAX)
            return fail(err, ERR_INVALID, "stats[%zu] is no column", i);
        ids[i] = (int32_t)item->i;
    }
    set_stats(q, ids, n);
    return true;
}

static bool read_task(const struct json *doc, const struct metadata *m, int64_t now_ms,
                      struct arena *a, struct plan_query *q, struct error *err)
{
    int32_t version, schema;
    int64_t until;
    str table;
    if (!json_need_i32(doc, "v", &version, err) || !json_need_str(doc, "table", &table, err) ||
        !json_need_int(doc, "snapshot", &q->snapshot_id, err) ||
        !json_need_i32(doc, "schema", &schema, err) || !json_need_int(doc, "until", &until, err))
        return false;
    if (version != TASK_VERSION || !str_eq(table, m->uuid))
        return fail(err, ERR_INVALID, "it is another table's");
    if (until <= now_ms)
        return fail(err, ERR_INVALID, "it has expired");
    q->schema = metadata_schema_by_id(m, schema);
    if (q->schema == NULL || metadata_snapshot_by_id(m, q->snapshot_id) == NULL)
        return fail(err, ERR_INVALID, "its snapshot has expired");
    q->appends = json_get(doc, "after") != NULL;
    if (!json_opt_int(doc, "after", 0, &q->after_id, err))
        return false;
    if (q->appends && metadata_snapshot_by_id(m, q->after_id) == NULL)
        return fail(err, ERR_INVALID, "its snapshot has expired");
    return json_need_bool(doc, "case", &q->case_sensitive, err) &&
           json_opt_int(doc, "rows", 0, &q->rows_wanted, err) && read_stats(doc, a, q, err) &&
           read_part(doc, &q->part, err) && take_filter(json_get(doc, "filter"), a, q, err);
}

bool plan_task_parse(str text, const struct metadata *m, int64_t now_ms, struct arena *a,
                     struct plan_query *out, struct error *err)
{
    struct json *doc;
    str bytes;
    *out = (struct plan_query){ 0 };
    bool ok = base64url_decode(text, a, &bytes) && json_parse(bytes, a, &doc, err) &&
              read_task(doc, m, now_ms, a, out, err);
    return (ok && out->rows_wanted >= 0) ||
           fail(err, ERR_NOT_FOUND, "Could not find tasks for plan task " STR_FMT,
                STR_ARG(str_sub(text, 0, 100)));
}
