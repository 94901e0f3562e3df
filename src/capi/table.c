/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists, and tables as they are. */
#include "base/mem.h"
#include "capi/capi_priv.h"
#include "catalog/refs.h"
#include "codec/json.h"
#include "engine/arrow.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "iceberg/metadata.h"

/* ---- Lists */

static bool write_namespaces(struct call *c, str ref, str parent, struct json_writer *w)
{
    struct catalog_page page = { 0 };
    do {
        if (!catalog_list_namespaces(c->lake->lake->catalog, ref, parent, page.next, 0, c->a, &page,
                                     &c->err))
            return false;
        for (size_t i = 0; i < page.n; i++) {
            jw_str(w, ns_to_text(page.names[i].ns, c->a));
            if (!write_namespaces(c, ref, page.names[i].ns, w))
                return false;
        }
    } while (page.next.len);
    return true;
}

static bool list_page(struct call *c, str ref, str ns, str token, struct catalog_page *page)
{
    struct catalog *catalog = c->lake->lake->catalog;
    return ns.len ? catalog_list(catalog, ref, ns, ENTRY_TABLE, token, 0, c->a, page, &c->err)
                  : catalog_list_all(catalog, ref, token, 0, c->a, page, &c->err);
}

static bool write_tables(struct call *c, str ref, str ns, struct json_writer *w)
{
    struct catalog_page page = { 0 };
    do {
        if (!list_page(c, ref, ns, page.next, &page))
            return false;
        for (size_t i = 0; i < page.n; i++)
            if (page.names[i].type == ENTRY_TABLE)
                jw_str(w, name_to_text(page.names[i].ns, page.names[i].name, c->a));
    } while (page.next.len);
    return true;
}

static bool write_refs(struct call *c, struct json_writer *w)
{
    struct ref_info *refs;
    size_t n;
    if (!catalog_list_refs(c->lake->lake->catalog, c->a, &refs, &n, &c->err))
        return false;
    for (size_t i = 0; i < n; i++) {
        jw_begin_object(w);
        jw_key(w, STR("name"));
        jw_str(w, refs[i].name);
        jw_key(w, STR("type"));
        jw_str(w, refs[i].kind == CATALOG_TAG ? STR("tag") : STR("branch"));
        jw_key(w, STR("commit"));
        jw_str(w, refs[i].commit_id);
        jw_end_object(w);
    }
    return true;
}

/* What a list is made of. */
struct listing {
    bool (*write)(struct call *c, const struct listing *l, struct json_writer *w);
    const char *ref, *ns;
};

static int list_json(firn_lake *lake, const struct listing *l, char **json, firn_error *err)
{
    struct call c;
    struct json_writer w;
    struct buf text = BUF_INIT(CAPI_JSON_MAX);
    if (json)
        *json = NULL;
    jw_init(&w, &text);
    bool ok = capi_begin(&c, lake, false, err) && capi_needs(&c, json, "json");
    if (ok) {
        jw_begin_array(&w);
        ok = l->write(&c, l, &w);
        jw_end_array(&w);
    }
    ok = ok && capi_text(&c, &text, json);
    buf_deinit(&text);
    return capi_end(&c, ok);
}

static bool list_namespaces(struct call *c, const struct listing *l, struct json_writer *w)
{
    return write_namespaces(c, str_of(l->ref), (str){ 0 }, w);
}

static bool list_tables(struct call *c, const struct listing *l, struct json_writer *w)
{
    return write_tables(c, str_of(l->ref), ns_from_dotted(str_of(l->ns), c->a), w);
}

static bool list_refs(struct call *c, const struct listing *l, struct json_writer *w)
{
    (void)l;
    return write_refs(c, w);
}

int firn_list_namespaces(firn_lake *lake, const char *ref, char **json, firn_error *err)
{
    return list_json(lake, &(struct listing){ list_namespaces, ref, NULL }, json, err);
}

int firn_list_tables(firn_lake *lake, const char *ref, const char *ns, char **json, firn_error *err)
{
    return list_json(lake, &(struct listing){ list_tables, ref, ns }, json, err);
}

int firn_list_refs(firn_lake *lake, char **json, firn_error *err)
{
    return list_json(lake, &(struct listing){ list_refs, NULL, NULL }, json, err);
}

/* ---- One table */

static bool load_table(struct call *c, const char *ref, const char *name, struct firn_table **out)
{
    str ns, last;
    struct table t;
    struct arena *a = arena_create(0);
    if (!capi_name(c, name, &ns, &last) ||
        !catalog_load_table(c->lake->lake->catalog, str_of(ref), ns, last, a, &t, &c->err)) {
        arena_destroy(a);
        return false;
    }
    t.ns = arena_str(a, t.ns);
    t.name = arena_str(a, t.name);
    struct firn_table *table = mem_new(struct firn_table);
    *table = (struct firn_table){ .lake = c->lake,
                                  .arena = a,
                                  .table = t,
                                  .location = arena_cstr(a, t.metadata->location),
                                  .uuid = arena_cstr(a, t.metadata->uuid),
                                  .metadata_file = arena_cstr(a, t.metadata_location) };
    firn_lake_get(c->lake);
    *out = table;
    return true;
}

int firn_table_load(firn_lake *lake, const char *ref, const char *name, firn_table **out,
                    firn_error *err)
{
    struct call c;
    if (out)
        *out = NULL;
    bool ok = capi_begin(&c, lake, false, err) && capi_needs(&c, out, "out") &&
              load_table(&c, ref, name, out);
    return capi_end(&c, ok);
}

void firn_table_free(firn_table *table)
{
    if (!table)
        return;
    arena_destroy(table->arena);
    firn_lake_put(table->lake);
    mem_free(table);
}

static void write_snapshots(const struct metadata *m, struct json_writer *w)
{
    jw_begin_array(w);
    for (size_t i = 0; i < m->snapshots_n; i++)
        snapshot_write(m->snapshots[i], m->format_version, w);
    jw_end_array(w);
}

static void write_table_refs(const struct metadata *m, struct json_writer *w)
{
    jw_begin_object(w);
    for (size_t i = 0; i < m->refs_n; i++) {
        jw_key(w, m->refs[i].name);
        snapshot_ref_write(&m->refs[i], w);
    }
    jw_end_object(w);
}

/* Each list ends with the one that counts. */
static void write_specs(const struct metadata *m, struct json_writer *w)
{
    jw_begin_array(w);
    for (size_t i = 0; i < m->specs_n; i++)
        if (m->specs[i]->id != m->default_spec_id)
            partition_spec_write(m->specs[i], w);
    partition_spec_write(metadata_spec(m), w);
    jw_end_array(w);
}

static void write_orders(const struct metadata *m, struct json_writer *w)
{
    jw_begin_array(w);
    for (size_t i = 0; i < m->orders_n; i++)
        if (m->orders[i]->id != m->default_order_id)
            sort_order_write(m->orders[i], w);
    sort_order_write(metadata_order(m), w);
    jw_end_array(w);
}

static void write_schemas(const struct metadata *m, struct json_writer *w)
{
    jw_begin_array(w);
    for (size_t i = 0; i < m->schemas_n; i++)
        if (m->schemas[i]->id != m->current_schema_id)
            schema_write(m->schemas[i], true, w);
    schema_write(metadata_schema(m), true, w);
    jw_end_array(w);
}

static bool write_part(struct call *c, const struct metadata *m, int part, struct buf *text)
{
    struct json_writer w;
    jw_init(&w, text);
    switch (part) {
    case FIRN_TABLE_METADATA:
        metadata_write(m, text);
        return true;
    case FIRN_TABLE_SCHEMA:
        schema_write(metadata_schema(m), true, &w);
        return true;
    case FIRN_TABLE_SNAPSHOTS:
        write_snapshots(m, &w);
        return true;
    case FIRN_TABLE_PROPERTIES:
        properties_write(&m->properties, &w);
        return true;
    case FIRN_TABLE_REFS:
        write_table_refs(m, &w);
        return true;
    case FIRN_TABLE_SPECS:
        write_specs(m, &w);
        return true;
    case FIRN_TABLE_SORT_ORDERS:
        write_orders(m, &w);
        return true;
    case FIRN_TABLE_SCHEMAS:
        write_schemas(m, &w);
        return true;
    default:
        return fail(&c->err, ERR_INVALID, "a table has no part %d", part);
    }
}

int firn_table_json(const firn_table *table, firn_table_part part, char **json, firn_error *err)
{
    struct call c;
    struct buf text = BUF_INIT(CAPI_JSON_MAX);
    if (json)
        *json = NULL;
    bool ok = capi_begin(&c, table ? table->lake : NULL, false, err) &&
              capi_needs(&c, json, "json") &&
              write_part(&c, table->table.metadata, (int)part, &text) && capi_text(&c, &text, json);
    buf_deinit(&text);
    return capi_end(&c, ok);
}

/* SELECT CAST(NULL AS type) AS "name", ... LIMIT 0 */
static bool columns_text(struct call *c, const struct schema *s, struct buf *sql)
{
    for (size_t i = 0; i < s->fields_n; i++) {
        buf_add_str(sql, i ? STR(", CAST(NULL AS ") : STR("SELECT CAST(NULL AS "));
        if (!sql_type(sql, s->fields[i].type, &c->err))
            return fail_in(&c->err, "column " STR_FMT, STR_ARG(s->fields[i].name));
        buf_lit(sql, ") AS ");
        quote_ident(sql, s->fields[i].name);
    }
    buf_lit(sql, " LIMIT 0");
    return buf_ok(sql, "the columns", &c->err);
}

static bool arrow_schema(struct call *c, const struct schema *s, str sql, struct ArrowSchema *out)
{
    struct session *session;
    struct result *rows;
    if (!session_open(c->lake->lake->engine, &session, &c->err))
        return false;
    bool ok = session_query(session, sql, NULL, 0, &rows, &c->err);
    if (ok) {
        ok = result_arrow_schema(rows, out, &c->err);
        result_close(rows);
    }
    session_close(session);
    for (size_t i = 0; ok && i < s->fields_n && (int64_t)i < out->n_children; i++)
        if (s->fields[i].required)
            out->children[i]->flags &= ~(int64_t)ARROW_FLAG_NULLABLE;
    return ok;
}

int firn_table_arrow_schema(const firn_table *table, struct ArrowSchema *out, firn_error *err)
{
    struct call c;
    struct buf sql = BUF_INIT(CAPI_SQL_MAX);
    if (out)
        *out = (struct ArrowSchema){ 0 };
    bool ok = capi_begin(&c, table ? table->lake : NULL, false, err) && capi_needs(&c, out, "out");
    const struct schema *s = ok ? metadata_schema(table->table.metadata) : NULL;
    ok = ok && columns_text(&c, s, &sql) && arrow_schema(&c, s, buf_str(&sql), out);
    buf_deinit(&sql);
    return capi_end(&c, ok);
}

int64_t firn_table_snapshot_id(const firn_table *table)
{
    return table ? table->table.snapshot_id : SNAPSHOT_NONE;
}

const char *firn_table_location(const firn_table *table)
{
    return table ? table->location : NULL;
}

const char *firn_table_uuid(const firn_table *table)
{
    return table ? table->uuid : NULL;
}

const char *firn_table_metadata_file(const firn_table *table)
{
    return table ? table->metadata_file : NULL;
}
