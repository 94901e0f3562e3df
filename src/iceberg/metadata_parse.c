/* SPDX-License-Identifier: Apache-2.0
 *
 * Table metadata from JSON (Iceberg spec, "Table Metadata Fields" and Appendix C).
 *
 * A table may have a hundred thousand snapshots with twenty summary entries each, so the text is
 * copied once into the result's arena and strings stay views into the copy; only those with
 * escapes, which the JSON tree holds itself, are copied one by one.  There is never a tree of the
 * whole: the lists that grow with a table's history are found as text first and then read element
 * by element, each in the memory of the one before; the tree of the rest is thrown away. */
#include "iceberg/metadata_priv.h"

#include "base/map.h"
#include "base/vec.h"
#include "codec/compress.h"

#define EXPANSION                                                                                  \
    16 /* times the text that the result takes at most, by the smallest JSON of each */

/* Lists that are as long as the history. */
static const char *const long_lists[] = { "snapshots", "snapshot-log", "metadata-log" };
#define LONG_LISTS (sizeof long_lists / sizeof *long_lists)

#define RATIO_MAX 40                  /* unpacked to packed: JSON of snapshots reaches 20 */
#define RATIO_SLACK ((size_t)1 << 20) /* that any file may unpack to */
#define TREE_MAX ((size_t)96 << 20)   /* memory of the tree of all else */

#define ELEMENT_MAX 32 /* bytes of one element of such a list, as it is kept */

struct parser {
    struct arena *arena;
    str text;              /* lives in the arena; empty when the JSON is somebody else's */
    str lists[LONG_LISTS]; /* their text; without a pointer: look into the tree */
    str element;           /* the text of the one that is read, within `text`; empty: unknown */
    struct buf *scratch;   /* for what reads an element; NULL where `element` is empty */
};

static str keep(const struct parser *p, str s)
{
    bool inside = p->text.len > 0 && s.ptr >= p->text.ptr && s.ptr < p->text.ptr + p->text.len;
    return inside ? s : arena_str(p->arena, s);
}

/* -- snapshots ------------------------------------------------------------------------------- */

static bool read_properties(const struct parser *p, const struct json *json, struct property **out,
                            struct error *err)
{
    if (json->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "properties are a JSON %s, not an object",
                    json_kind_name(json->kind));
    struct property *list = arena_array(p->arena, struct property, json->object.n);
    for (size_t i = 0; i < json->object.n; i++) {
        const struct json_member *m = &json->object.members[i];
        if (m->value.kind != JSON_STR)
            return fail(err, ERR_INVALID, "property \"" STR_FMT "\" is a JSON %s, not a string",
                        STR_ARG(m->key), json_kind_name(m->value.kind));
        list[i] = (struct property){ keep(p, m->key), keep(p, m->value.s) };
    }
    *out = list;
    return true;
}

static bool keep_properties(const struct parser *p, const struct json *json,
                            struct property_list *out, struct error *err)
{
    struct property *list;
    *out = (struct property_list){ 0 };
    if (!read_properties(p, json, &list, err))
        return false;
    *out = (struct property_list){ list, json->object.n };
    return true;
}

bool properties_parse(const struct json *json, struct arena *a, struct property_list *out,
                      struct error *err)
{
    struct parser p = { .arena = a };
    return keep_properties(&p, json, out, err);
}

/* "operation" goes into its own member. */
static bool parse_summary(const struct parser *p, const struct json *json, struct snapshot *out,
                          struct error *err)
{
    const struct json *summary;
    struct property *list;
    if (!json_opt_obj(json, "summary", &summary, err))
        return false;
    if (!summary)
        return true;
    if (!read_properties(p, summary, &list, err))
        return fail_in(err, "summary");
    size_t n = 0;
    for (size_t i = 0; i < summary->object.n; i++) {
        if (str_is(list[i].key, "operation"))
            out->operation = list[i].value;
        else
            list[n++] = list[i];
    }
    out->summary = (struct property_list){ list, n };
    return true;
}

static bool parse_manifests(const struct parser *p, const struct json *json, struct snapshot *out,
                            struct error *err)
{
    const struct json *list;
    if (!json_opt_array(json, "manifests", &list, err))
        return false;
    if (!list || out->manifest_list.len > 0)
        return true;
    str *paths = arena_array(p->arena, str, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        if (list->array.items[i].kind != JSON_STR)
            return fail(err, ERR_INVALID, "manifests[%zu] is no string", i);
        paths[i] = keep(p, list->array.items[i].s);
    }
    out->manifests = paths;
    out->manifests_n = list->array.n;
    return true;
}

static bool parse_snapshot(const struct parser *p, const struct json *json, struct snapshot *out,
                           struct error *err)
{
    str list, key;
    *out = (struct snapshot){ 0 };
    if (!json_need_int(json, "snapshot-id", &out->id, err) ||
        !json_opt_int(json, "parent-snapshot-id", SNAPSHOT_NONE, &out->parent_id, err) ||
        !json_opt_int(json, "sequence-number", 0, &out->sequence_number, err) ||
        !json_need_int(json, "timestamp-ms", &out->timestamp_ms, err) ||
        !json_opt_str(json, "manifest-list", STR(""), &list, err) ||
        !json_opt_i32(json, "schema-id", -1, &out->schema_id, err) ||
        !json_opt_int(json, "first-row-id", -1, &out->first_row_id, err) ||
        !json_opt_int(json, "added-rows", -1, &out->added_rows, err) ||
        !json_opt_str(json, "key-id", STR(""), &key, err))
        return fail_in(err, "snapshot");
    out->manifest_list = keep(p, list);
    out->key_id = keep(p, key);
    if (!parse_summary(p, json, out, err) || !parse_manifests(p, json, out, err))
        return fail_in(err, "snapshot %lld", (long long)out->id);
    return true;
}

bool snapshot_parse(const struct json *json, struct arena *a, struct snapshot *out,
                    struct error *err)
{
    struct parser p = { .arena = a };
    return parse_snapshot(&p, json, out, err);
}

/* -- lists ----------------------------------------------------------------------------------- */

typedef bool one_fn(const struct parser *p, const struct json *json, void *out, struct error *err);

static bool too_many(const char *key, size_t n, struct error *err)
{
    return fail(err, ERR_LIMIT, "%s has %zu entries, limit %d", key, n, METADATA_SNAPSHOTS_MAX);
}

/* Reads the elements of a list from its text into `out`. */
static bool read_elements(struct parser *p, str text, const char *key, size_t size, one_fn *one,
                          struct arena *each, struct buf *out, struct error *err)
{
    struct json_reader r;
    enum json_kind kind;
    size_t n = 0;
    jr_init(&r, text, each);
    jr_array(&r);
    for (; jr_element(&r); n++) {
        _Alignas(16) char kept[ELEMENT_MAX] = { 0 };
        struct json v;
        if (n == METADATA_SNAPSHOTS_MAX)
            return too_many(key, n + 1, err);
        const char *begin = jr_peek(&r, &kind) ? r.p : NULL;
        jr_value(&r, &v);
        p->element = begin ? str_make(begin, (size_t)(r.p - begin)) : (str){ 0 };
        if (!r.mistake && !one(p, &v, kept, err))
            return fail_in(err, "%s[%zu]", key, n);
        buf_add(out, kept, size);
        arena_reset(each);
    }
    return jr_finish(&r, err) || fail_in(err, "%s[%zu]", key, n);
}

static bool parse_long_list(const struct parser *p, str text, const char *key, size_t size,
                            one_fn *one, void **out, size_t *n, struct error *err)
{
    struct arena *each = arena_create(0);
    struct buf b = BUF_INIT((size_t)METADATA_SNAPSHOTS_MAX * ELEMENT_MAX);
    struct buf scratch = BUF_INIT(SNAPSHOT_TEXT_MAX);
    struct parser here = *p;
    ASSERT(size <= ELEMENT_MAX);
    here.scratch = &scratch;
    bool ok = read_elements(&here, text, key, size, one, each, &b, err) && buf_ok(&b, key, err);
    buf_deinit(&scratch);
    if (ok) {
        *n = b.len / size;
        *out = arena_alloc_array(p->arena, *n, size);
        if (b.len)
            memcpy(*out, b.ptr, b.len);
    }
    buf_deinit(&b);
    arena_destroy(each);
    return ok;
}

/* The text of a long list that was left out of the tree; no pointer: it was not. */
static str list_text(const struct parser *p, str key)
{
    for (size_t i = 0; i < LONG_LISTS; i++)
        if (str_is(key, long_lists[i]))
            return p->lists[i];
    return (str){ 0 };
}

/* Reads each element of the array `key`; *out is an array of elements of `size` bytes.  A missing
 * array is empty. */
static bool parse_list(const struct parser *p, const struct json *root, const char *key,
                       size_t size, one_fn *one, void **out, size_t *n, struct error *err)
{
    const struct json *list;
    str text = list_text(p, str_of(key));
    if (text.ptr)
        return parse_long_list(p, text, key, size, one, out, n, err);
    if (!json_opt_array(root, key, &list, err))
        return false;
    *n = list ? list->array.n : 0;
    if (*n > METADATA_SNAPSHOTS_MAX)
        return too_many(key, *n, err);
    *out = arena_alloc_array(p->arena, *n, size);
    for (size_t i = 0; i < *n; i++)
        if (!one(p, &list->array.items[i], (char *)*out + i * size, err))
            return fail_in(err, "%s[%zu]", key, i);
    return true;
}

static bool one_schema(const struct parser *p, const struct json *json, void *out,
                       struct error *err)
{
    return schema_parse(json, p->arena, out, err);
}

static bool one_spec(const struct parser *p, const struct json *json, void *out, struct error *err)
{
    return partition_spec_parse(json, p->arena, out, err);
}

static bool one_order(const struct parser *p, const struct json *json, void *out, struct error *err)
{
    return sort_order_parse(json, p->arena, out, err);
}

/* Whether the file has a snapshot just as it would be written. */
static bool as_we_write(const struct snapshot *s, const struct parser *p)
{
    struct json_writer w;
    buf_clear(p->scratch);
    jw_init(&w, p->scratch);
    snapshot_write(s, FORMAT_VERSION_MAX, &w);
    return str_eq(buf_str(p->scratch), p->element);
}

static bool one_snapshot(const struct parser *p, const struct json *json, void *out,
                         struct error *err)
{
    struct snapshot *s = arena_new(p->arena, struct snapshot);
    *(const struct snapshot **)out = s;
    if (!parse_snapshot(p, json, s, err))
        return false;
    if (p->element.len > 0 && p->element.len <= SNAPSHOT_TEXT_MAX && as_we_write(s, p))
        s->text = p->element;
    return true;
}

static bool one_snapshot_log(const struct parser *p, const struct json *json, void *out,
                             struct error *err)
{
    struct snapshot_log_entry *e = out;
    (void)p;
    return json_need_int(json, "timestamp-ms", &e->timestamp_ms, err) &&
           json_need_int(json, "snapshot-id", &e->snapshot_id, err);
}

static bool one_metadata_log(const struct parser *p, const struct json *json, void *out,
                             struct error *err)
{
    struct metadata_log_entry *e = out;
    str file;
    if (!json_need_int(json, "timestamp-ms", &e->timestamp_ms, err) ||
        !json_need_str(json, "metadata-file", &file, err))
        return false;
    e->file = keep(p, file);
    return true;
}

static bool one_statistics(const struct parser *p, const struct json *json, void *out,
                           struct error *err)
{
    return statistics_file_parse(json, p->arena, out, err);
}

static bool one_partition_statistics(const struct parser *p, const struct json *json, void *out,
                                     struct error *err)
{
    return partition_statistics_file_parse(json, p->arena, out, err);
}

static bool one_key(const struct parser *p, const struct json *json, void *out, struct error *err)
{
    return encryption_key_parse(json, p->arena, out, err);
}

#define LIST(p, root, key, list, count, one, err)                                                  \
    parse_list((p), (root), (key), sizeof *(list), (one), (void *)&(list), &(count), (err))

/* -- the whole ------------------------------------------------------------------------------- */

static bool has(const struct json *root, const char *key)
{
    const struct json *v = json_get(root, key);
    return v && v->kind != JSON_NULL;
}

/* Later versions must say what v1 could leave out. */
static bool only_v1(const struct metadata *m, const char *key, struct error *err)
{
    return m->format_version == 1 ||
           fail(err, ERR_INVALID, "%s is missing, format version %d needs it", key,
                m->format_version);
}

static bool parse_head(const struct parser *p, const struct json *root, struct metadata *m,
                       struct error *err)
{
    str uuid, location;
    int32_t version;
    if (!json_need_i32(root, "format-version", &version, err))
        return false;
    if (version < 1 || version > FORMAT_VERSION_MAX)
        return fail(err, ERR_UNSUPPORTED, "format version %d is not supported, 1 to %d are",
                    version, FORMAT_VERSION_MAX);
    m->format_version = version;
    if (!json_opt_str(root, "table-uuid", STR(""), &uuid, err) ||
        !json_need_str(root, "location", &location, err) ||
        !json_need_int(root, "last-updated-ms", &m->last_updated_ms, err) ||
        !json_need_i32(root, "last-column-id", &m->last_column_id, err) ||
        !json_opt_int(root, "current-snapshot-id", SNAPSHOT_NONE, &m->current_snapshot_id, err))
        return false;
    if (uuid.len == 0 && !only_v1(m, "table-uuid", err))
        return false;
    if (version > 1 && !json_need_int(root, "last-sequence-number", &m->last_sequence_number, err))
        return false;
    if (version > 2 && !json_need_int(root, "next-row-id", &m->next_row_id, err))
        return false;
    if (m->next_row_id < 0)
        return fail(err, ERR_CORRUPT, "next-row-id is %lld", (long long)m->next_row_id);
    m->uuid = keep(p, uuid);
    m->location = keep(p, location);
    return true;
}

static bool parse_schema_list(const struct parser *p, const struct json *root, struct metadata *m,
                              struct error *err)
{
    if (has(root, "schemas"))
        return json_need_i32(root, "current-schema-id", &m->current_schema_id, err) &&
               LIST(p, root, "schemas", m->schemas, m->schemas_n, one_schema, err);
    const struct json *schema;
    if (!only_v1(m, "schemas", err) || !json_need_obj(root, "schema", &schema, err))
        return false;
    m->schemas = arena_new(p->arena, const struct schema *);
    m->schemas_n = 1;
    if (!schema_parse(schema, p->arena, &m->schemas[0], err))
        return false;
    m->current_schema_id = m->schemas[0]->id;
    return true;
}

static bool parse_schemas(const struct parser *p, const struct json *root, struct metadata *m,
                          struct error *err)
{
    if (!parse_schema_list(p, root, m, err))
        return false;
    return metadata_schema(m) ||
           fail(err, ERR_INVALID, "the current schema %d is not among the schemas",
                m->current_schema_id);
}

static bool parse_specs(const struct parser *p, const struct json *root, struct metadata *m,
                        struct error *err)
{
    const struct json *fields;
    if (has(root, "partition-specs")) {
        if (!json_need_i32(root, "default-spec-id", &m->default_spec_id, err) ||
            !LIST(p, root, "partition-specs", m->specs, m->specs_n, one_spec, err))
            return false;
    } else {
        if (!only_v1(m, "partition-specs", err) ||
            !json_need_array(root, "partition-spec", &fields, err))
            return false;
        m->specs = arena_new(p->arena, const struct partition_spec *);
        m->specs_n = 1;
        if (!partition_fields_parse(fields, 0, p->arena, &m->specs[0], err))
            return fail_in(err, "partition-spec");
    }
    if (has(root, "last-partition-id"))
        return json_need_i32(root, "last-partition-id", &m->last_partition_id, err);
    if (!only_v1(m, "last-partition-id", err))
        return false;
    m->last_partition_id = PARTITION_FIELD_ID_FIRST - 1;
    for (size_t i = 0; i < m->specs_n; i++) {
        int32_t max = partition_spec_max_field_id(m->specs[i]);
        m->last_partition_id = max > m->last_partition_id ? max : m->last_partition_id;
    }
    return true;
}

static bool parse_orders(const struct parser *p, const struct json *root, struct metadata *m,
                         struct error *err)
{
    if (has(root, "sort-orders"))
        return json_need_i32(root, "default-sort-order-id", &m->default_order_id, err) &&
               LIST(p, root, "sort-orders", m->orders, m->orders_n, one_order, err);
    if (!only_v1(m, "sort-orders", err))
        return false;
    m->orders = arena_new(p->arena, const struct sort_order *);
    m->orders[0] = &sort_order_none;
    m->orders_n = 1;
    return true;
}

/* A table whose metadata has no refs still has its main branch. */
static bool parse_refs(const struct parser *p, const struct json *root, struct metadata *m,
                       struct error *err)
{
    const struct json *refs;
    if (!json_opt_obj(root, "refs", &refs, err))
        return false;
    bool only_main = !refs && m->current_snapshot_id != SNAPSHOT_NONE;
    size_t n = refs ? refs->object.n : only_main;
    struct snapshot_ref *list = arena_array(p->arena, struct snapshot_ref, n);
    m->refs = list;
    m->refs_n = n;
    if (only_main)
        list[0] = (struct snapshot_ref){ .name = STR(MAIN_BRANCH),
                                         .snapshot_id = m->current_snapshot_id };
    for (size_t i = 0; refs && i < n; i++)
        if (!snapshot_ref_parse(&refs->object.members[i].value, refs->object.members[i].key,
                                p->arena, &list[i], err))
            return false;
    return true;
}

static bool parse_all(const struct parser *p, const struct json *root, const struct metadata **out,
                      struct error *err)
{
    struct metadata *m = arena_new(p->arena, struct metadata);
    const struct json *properties;
    if (root->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "table metadata is a JSON %s, not an object",
                    json_kind_name(root->kind));
    if (!parse_head(p, root, m, err) || !parse_schemas(p, root, m, err) ||
        !parse_specs(p, root, m, err) || !parse_orders(p, root, m, err) ||
        !json_opt_obj(root, "properties", &properties, err) ||
        (properties && !keep_properties(p, properties, &m->properties, err)) ||
        !LIST(p, root, "snapshots", m->snapshots, m->snapshots_n, one_snapshot, err) ||
        !LIST(p, root, "snapshot-log", m->snapshot_log, m->snapshot_log_n, one_snapshot_log, err) ||
        !LIST(p, root, "metadata-log", m->metadata_log, m->metadata_log_n, one_metadata_log, err) ||
        !LIST(p, root, "statistics", m->statistics, m->statistics_n, one_statistics, err) ||
        !LIST(p, root, "partition-statistics", m->partition_statistics, m->partition_statistics_n,
              one_partition_statistics, err) ||
        !LIST(p, root, "encryption-keys", m->keys, m->keys_n, one_key, err) ||
        !parse_refs(p, root, m, err) || !metadata_index_snapshots(m, p->arena, err) ||
        !metadata_check(m, err))
        return false;
    *out = m;
    return true;
}

bool metadata_from_json(const struct json *json, struct arena *a, const struct metadata **out,
                        struct error *err)
{
    struct parser p = { .arena = a };
    return parse_all(&p, json, out, err) || fail_in(err, "table metadata");
}

size_t metadata_unpacked_max(size_t packed)
{
    if (packed >= METADATA_BYTES_MAX / RATIO_MAX)
        return METADATA_BYTES_MAX;
    size_t max = packed * RATIO_MAX + RATIO_SLACK;
    return max < METADATA_BYTES_MAX ? max : METADATA_BYTES_MAX;
}

bool metadata_text(str text, size_t max, struct arena *a, str *out, struct error *err)
{
    struct buf b = BUF_INIT(max);
    bool packed = str_starts(text, STR("\x1f\x8b"));
    if (packed && metadata_unpacked_max(text.len) < max)
        max = metadata_unpacked_max(text.len);
    bool ok = !packed || decompress_bytes(COMPRESSION_GZIP, text, max, &b, err);
    str plain = packed ? buf_str(&b) : text;
    if (ok && (plain.len > max || plain.len > arena_left(a) / EXPANSION))
        ok = fail(err, ERR_LIMIT, "%zu bytes are too many", plain.len);
    if (ok)
        *out = arena_str(a, plain);
    buf_deinit(&b);
    return ok;
}

/* What is read of the outermost object, besides the long lists. */
static bool is_known(str key)
{
    static const char *const known[] = {
        "format-version",
        "table-uuid",
        "location",
        "last-sequence-number",
        "last-updated-ms",
        "last-column-id",
        "schema",
        "schemas",
        "current-schema-id",
        "partition-spec",
        "partition-specs",
        "default-spec-id",
        "last-partition-id",
        "properties",
        "current-snapshot-id",
        "snapshots",
        "snapshot-log",
        "metadata-log",
        "sort-orders",
        "default-sort-order-id",
        "refs",
        "statistics",
        "partition-statistics",
        "next-row-id",
        "encryption-keys",
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_is(key, known[i]))
            return true;
    return false;
}

/* One member of the outermost object: a long list is kept as text, all else as a tree. */
static void read_member(struct parser *p, struct json_reader *r, str key, struct json *value)
{
    enum json_kind kind = JSON_NULL;
    *value = (struct json){ .kind = JSON_NULL };
    for (size_t i = 0; jr_peek(r, &kind) && kind == JSON_ARRAY && i < LONG_LISTS; i++)
        if (str_is(key, long_lists[i])) {
            p->lists[i] = jr_raw(r);
            return;
        }
    jr_value(r, value);
}

static bool read_root(struct parser *p, struct arena *scratch, struct json *root, struct error *err)
{
    struct json_reader r;
    struct map seen;
    enum json_kind kind;
    VEC(struct json_member) members = { 0 };
    jr_init(&r, p->text, scratch);
    map_init(&seen, scratch);
    if (jr_peek(&r, &kind) && kind != JSON_OBJECT) {
        jr_value(&r, root);
        return jr_finish(&r, err);
    }
    jr_object(&r);
    for (str key; jr_member(&r, &key);) {
        struct json_member m = { .key = key };
        if (!is_known(key)) { /* of any size: it may take no memory */
            jr_skip(&r);
            continue;
        }
        read_member(p, &r, key, &m.value);
        if (!map_add(&seen, key, p))
            jr_fail(&r, "an object has the same key twice");
        *vec_push(scratch, &members) = m;
    }
    *root = (struct json){ .kind = JSON_OBJECT };
    root->object.members = members.at;
    root->object.n = members.n;
    return jr_finish(&r, err);
}

bool metadata_parse_kept(str text, struct arena *a, const struct metadata **out, struct error *err)
{
    struct parser p = { .arena = a, .text = text };
    struct json root;
    struct arena *scratch = arena_create(TREE_MAX);
    bool ok = (text.len <= arena_left(a) / EXPANSION ||
               fail(err, ERR_LIMIT, "%zu bytes are too many", text.len)) &&
              read_root(&p, scratch, &root, err) && parse_all(&p, &root, out, err);
    arena_destroy(scratch);
    if (ok)
        return true;
    if (err->code == ERR_INVALID) /* these are stored bytes, nobody's request */
        err->code = ERR_CORRUPT;
    return fail_in(err, "table metadata");
}

bool metadata_parse(str text, struct arena *a, const struct metadata **out, struct error *err)
{
    str plain;
    if (!metadata_text(text, METADATA_BYTES_MAX, a, &plain, err))
        return fail_in(err, "table metadata");
    return metadata_parse_kept(plain, a, out, err);
}
