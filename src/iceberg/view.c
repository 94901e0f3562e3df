/* SPDX-License-Identifier: Apache-2.0
 *
 * View metadata from JSON and back (Iceberg view spec, "View Metadata"), in the order and with the omissions of the
 * reference implementation. */
#include "iceberg/view.h"

#include "base/map.h"
#include "iceberg/metadata_priv.h"

/* -- parsing --------------------------------------------------------------------------------- */

static bool parse_levels(const struct json *object, const char *key, struct arena *a,
                         const str **out, size_t *n, struct error *err)
{
    const struct json *list;
    if (!json_need_array(object, key, &list, err))
        return false;
    if (list->array.n > VIEW_REPRESENTATIONS_MAX)
        return fail(err, ERR_LIMIT, "%s has %zu levels, at most %d are possible", key,
                    list->array.n, VIEW_REPRESENTATIONS_MAX);
    str *at = arena_array(a, str, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        if (list->array.items[i].kind != JSON_STR)
            return fail(err, ERR_INVALID, "%s[%zu] is no string", key, i);
        at[i] = arena_str(a, list->array.items[i].s);
    }
    *out = at;
    *n = list->array.n;
    return true;
}

static bool parse_representation(const struct json *json, struct arena *a,
                                 struct view_representation *out, struct error *err)
{
    str type, sql, dialect;
    *out = (struct view_representation){ 0 };
    if (!json_need_str(json, "type", &type, err))
        return false;
    out->type = arena_str(a, type);
    if (!str_eq_nocase(type, STR("sql"))) {
        out->json = json_copy(json, a);
        return true;
    }
    if (!json_need_str(json, "sql", &sql, err) || !json_need_str(json, "dialect", &dialect, err))
        return false;
    out->type = STR("sql");
    out->sql = arena_str(a, sql);
    out->dialect = arena_str(a, dialect);
    return true;
}

static bool parse_representations(const struct json *json, struct arena *a,
                                  struct view_version *out, struct error *err)
{
    const struct json *list;
    if (!json_need_array(json, "representations", &list, err))
        return false;
    if (list->array.n > VIEW_REPRESENTATIONS_MAX)
        return fail(err, ERR_LIMIT, "%zu representations, at most %d are possible", list->array.n,
                    VIEW_REPRESENTATIONS_MAX);
    struct view_representation *at = arena_array(a, struct view_representation, list->array.n);
    for (size_t i = 0; i < list->array.n; i++)
        if (!parse_representation(&list->array.items[i], a, &at[i], err))
            return fail_in(err, "representations[%zu]", i);
    out->representations = at;
    out->representations_n = list->array.n;
    return true;
}

static bool parse_storage(const struct json *json, struct arena *a, struct view_version *out,
                          struct error *err)
{
    const struct json *id;
    str name;
    if (!json_opt_obj(json, "storage-table", &id, err))
        return false;
    if (!id)
        return true;
    if (!parse_levels(id, "namespace", a, &out->storage_namespace, &out->storage_namespace_n,
                      err) ||
        !json_need_str(id, "name", &name, err))
        return fail_in(err, "storage-table");
    out->storage_name = arena_str(a, name);
    return true;
}

bool view_version_parse(const struct json *json, struct arena *a, struct view_version *out,
                        struct error *err)
{
    const struct json *summary;
    str catalog;
    *out = (struct view_version){ 0 };
    if (!json_need_i32(json, "version-id", &out->id, err) ||
        !json_need_i32(json, "schema-id", &out->schema_id, err) ||
        !json_need_int(json, "timestamp-ms", &out->timestamp_ms, err) ||
        !json_need_obj(json, "summary", &summary, err) ||
        !properties_parse(summary, a, &out->summary, err) ||
        !json_opt_str(json, "default-catalog", (str){ 0 }, &catalog, err) ||
        !parse_levels(json, "default-namespace", a, &out->default_namespace,
                      &out->default_namespace_n, err) ||
        !parse_representations(json, a, out, err) || !parse_storage(json, a, out, err))
        return fail_in(err, "view version");
    if (catalog.ptr)
        out->default_catalog = arena_str(a, catalog);
    return true;
}

typedef bool parse_one(const struct json *json, struct arena *a, void *out, struct error *err);

/* Reads each element of the array `key`, elements of `size` bytes. */
static bool parse_list(const struct json *root, const char *key, size_t size, parse_one *one,
                       struct arena *a, void **out, size_t *n, struct error *err)
{
    const struct json *list;
    if (!json_need_array(root, key, &list, err))
        return false;
    if (list->array.n > VIEW_VERSIONS_MAX)
        return fail(err, ERR_LIMIT, "%s has %zu entries, at most %d are possible", key,
                    list->array.n, VIEW_VERSIONS_MAX);
    *n = list->array.n;
    *out = arena_alloc_array(a, *n, size);
    for (size_t i = 0; i < *n; i++)
        if (!one(&list->array.items[i], a, (char *)*out + i * size, err))
            return fail_in(err, "%s[%zu]", key, i);
    return true;
}

static bool one_schema(const struct json *json, struct arena *a, void *out, struct error *err)
{
    return schema_parse(json, a, out, err);
}

static bool one_version(const struct json *json, struct arena *a, void *out, struct error *err)
{
    return view_version_parse(json, a, out, err);
}

static bool one_log_entry(const struct json *json, struct arena *a, void *out, struct error *err)
{
    struct view_log_entry *e = out;
    (void)a;
    return json_need_int(json, "timestamp-ms", &e->timestamp_ms, err) &&
           json_need_i32(json, "version-id", &e->version_id, err);
}

static bool check_format(const struct view_metadata *m, struct error *err)
{
    if (m->format_version > VIEW_FORMAT_VERSION)
        return fail(err, ERR_UNSUPPORTED, "Unsupported format version: %d", m->format_version);
    return m->format_version >= 1 ||
           fail(err, ERR_INVALID, "Unsupported format version: %d", m->format_version);
}

static bool unique_ids(const struct view_metadata *m, struct arena *a, struct error *err)
{
    struct map versions, schemas;
    static char mark;
    map_init(&versions, a);
    map_init(&schemas, a);
    for (size_t i = 0; i < m->versions_n; i++)
        if (!map_add(&versions, str_make(&m->versions[i].id, sizeof m->versions[i].id), &mark))
            return fail(err, ERR_INVALID, "version %d is there twice", m->versions[i].id);
    for (size_t i = 0; i < m->schemas_n; i++)
        if (!map_add(&schemas, str_make(&m->schemas[i]->id, sizeof m->schemas[i]->id), &mark))
            return fail(err, ERR_INVALID, "schema %d is there twice", m->schemas[i]->id);
    return true;
}

static bool check_whole(const struct view_metadata *m, struct arena *a, struct error *err)
{
    if (m->uuid.len == 0 || m->location.len == 0)
        return fail(err, ERR_INVALID, "%s is empty", m->uuid.len ? "location" : "view-uuid");
    if (!unique_ids(m, a, err))
        return false;
    const struct view_version *v = view_metadata_version_by_id(m, m->current_version_id);
    if (!v)
        return fail(err, ERR_INVALID, "Cannot find current version %d in view versions",
                    m->current_version_id);
    return view_metadata_schema_by_id(m, v->schema_id) ||
           fail(err, ERR_INVALID, "Cannot find current schema with id %d in schemas", v->schema_id);
}

static bool parse_root(const struct json *root, struct arena *a, struct view_metadata *m,
                       struct error *err)
{
    const struct json *properties;
    str uuid, location;
    void *schemas, *versions, *log;
    int32_t version;
    if (root->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "it is a JSON %s, not an object", json_kind_name(root->kind));
    if (!json_need_i32(root, "format-version", &version, err))
        return false;
    m->format_version = version;
    if (!check_format(m, err) || !json_need_str(root, "view-uuid", &uuid, err) ||
        !json_need_str(root, "location", &location, err) ||
        !json_opt_obj(root, "properties", &properties, err) ||
        (properties && !properties_parse(properties, a, &m->properties, err)) ||
        !parse_list(root, "schemas", sizeof *m->schemas, one_schema, a, &schemas, &m->schemas_n,
                    err) ||
        !json_need_i32(root, "current-version-id", &m->current_version_id, err) ||
        !parse_list(root, "versions", sizeof *m->versions, one_version, a, &versions,
                    &m->versions_n, err) ||
        !parse_list(root, "version-log", sizeof *m->log, one_log_entry, a, &log, &m->log_n, err))
        return false;
    m->uuid = arena_str(a, uuid);
    m->location = arena_str(a, location);
    m->schemas = schemas;
    m->versions = versions;
    m->log = log;
    return true;
}

bool view_metadata_parse(str text, struct arena *a, const struct view_metadata **out,
                         struct error *err)
{
    struct arena *scratch = arena_create(0);
    struct view_metadata *m = arena_new(a, struct view_metadata);
    struct json *root;
    str plain;
    bool ok = metadata_text(text, VIEW_BYTES_MAX, scratch, &plain, err) &&
              json_parse(plain, scratch, &root, err) && parse_root(root, a, m, err) &&
              check_whole(m, scratch, err);
    arena_destroy(scratch);
    if (ok) {
        *out = m;
        return true;
    }
    if (err->code == ERR_INVALID) /* these are stored bytes, nobody's request */
        err->code = ERR_CORRUPT;
    return fail_in(err, "view metadata");
}

/* -- writing --------------------------------------------------------------------------------- */

static void write_levels(const char *key, const str *at, size_t n, struct json_writer *w)
{
    jw_kv_array(w, key);
    for (size_t i = 0; i < n; i++)
        jw_str(w, at[i]);
    jw_end_array(w);
}

static void write_representation(const struct view_representation *r, struct json_writer *w)
{
    if (r->json) {
        jw_json(w, r->json);
        return;
    }
    jw_begin_object(w);
    jw_kv_str(w, "type", r->type);
    jw_kv_str(w, "sql", r->sql);
    jw_kv_str(w, "dialect", r->dialect);
    jw_end_object(w);
}

void view_version_write(const struct view_version *v, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_int(w, "version-id", v->id);
    jw_kv_int(w, "timestamp-ms", v->timestamp_ms);
    jw_kv_int(w, "schema-id", v->schema_id);
    jw_key(w, STR("summary"));
    properties_write(&v->summary, w);
    if (v->default_catalog.ptr)
        jw_kv_str(w, "default-catalog", v->default_catalog);
    write_levels("default-namespace", v->default_namespace, v->default_namespace_n, w);
    jw_kv_array(w, "representations");
    for (size_t i = 0; i < v->representations_n; i++)
        write_representation(&v->representations[i], w);
    jw_end_array(w);
    if (v->storage_name.ptr) {
        jw_kv_object(w, "storage-table");
        write_levels("namespace", v->storage_namespace, v->storage_namespace_n, w);
        jw_kv_str(w, "name", v->storage_name);
        jw_end_object(w);
    }
    jw_end_object(w);
}

void view_metadata_write_json(const struct view_metadata *m, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "view-uuid", m->uuid);
    jw_kv_int(w, "format-version", m->format_version);
    jw_kv_str(w, "location", m->location);
    if (m->properties.n) {
        jw_key(w, STR("properties"));
        properties_write(&m->properties, w);
    }
    jw_kv_array(w, "schemas");
    for (size_t i = 0; i < m->schemas_n; i++)
        schema_write(m->schemas[i], true, w);
    jw_end_array(w);
    jw_kv_int(w, "current-version-id", m->current_version_id);
    jw_kv_array(w, "versions");
    for (size_t i = 0; i < m->versions_n; i++)
        view_version_write(&m->versions[i], w);
    jw_end_array(w);
    jw_kv_array(w, "version-log");
    for (size_t i = 0; i < m->log_n; i++) {
        jw_begin_object(w);
        jw_kv_int(w, "timestamp-ms", m->log[i].timestamp_ms);
        jw_kv_int(w, "version-id", m->log[i].version_id);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}

void view_metadata_write(const struct view_metadata *m, struct buf *out)
{
    struct json_writer w;
    jw_init(&w, out);
    view_metadata_write_json(m, &w);
}

bool view_metadata_equal(const struct view_metadata *a, const struct view_metadata *b)
{
    struct buf x = BUF_INIT(VIEW_BYTES_MAX), y = BUF_INIT(VIEW_BYTES_MAX);
    view_metadata_write(a, &x);
    view_metadata_write(b, &y);
    bool same = !x.overflow && !y.overflow && str_eq(buf_str(&x), buf_str(&y));
    buf_deinit(&x);
    buf_deinit(&y);
    return same;
}

/* -- lookups --------------------------------------------------------------------------------- */

const struct view_version *view_metadata_version_by_id(const struct view_metadata *m, int32_t id)
{
    for (size_t i = 0; i < m->versions_n; i++)
        if (m->versions[i].id == id)
            return &m->versions[i];
    return NULL;
}

const struct view_version *view_metadata_current(const struct view_metadata *m)
{
    const struct view_version *v = view_metadata_version_by_id(m, m->current_version_id);
    ASSERT(v);
    return v;
}

const struct schema *view_metadata_schema_by_id(const struct view_metadata *m, int32_t id)
{
    for (size_t i = 0; i < m->schemas_n; i++)
        if (m->schemas[i]->id == id)
            return m->schemas[i];
    return NULL;
}

const struct schema *view_metadata_schema(const struct view_metadata *m)
{
    const struct schema *s = view_metadata_schema_by_id(m, view_metadata_current(m)->schema_id);
    ASSERT(s);
    return s;
}

str view_metadata_sql(const struct view_metadata *m, str dialect)
{
    const struct view_version *v = view_metadata_current(m);
    for (size_t i = 0; i < v->representations_n; i++)
        if (!v->representations[i].json && str_eq_nocase(v->representations[i].dialect, dialect))
            return v->representations[i].sql;
    return (str){ 0 };
}
