/* SPDX-License-Identifier: Apache-2.0
 *
 * Definitions: namespaces, tables, evolution, and refs. */
#include "capi/capi_priv.h"
#include "catalog/refs.h"
#include "catalog/table_ops.h"
#include "codec/json.h"
#include "engine/arrow.h"
#include "engine/session.h"
#include "sql/partition_by.h"

/* ---- Namespaces */

static bool name_namespace(struct call *c, const char *dotted, str *ns)
{
    if (!capi_needs(c, dotted, "the namespace's name"))
        return false;
    *ns = ns_from_dotted(str_of(dotted), c->a);
    return true;
}

int firn_create_namespace(firn_lake *lake, const char *ref, const char *ns,
                          const firn_pair *properties, size_t n, firn_error *err)
{
    struct call c;
    struct property *props;
    str levels;
    bool ok = capi_begin(&c, lake, true, err) && name_namespace(&c, ns, &levels) &&
              capi_pairs(&c, properties, n, &props) &&
              catalog_create_namespace(lake->lake->catalog, str_of(ref), levels, props, n, &c.info,
                                       c.a, NULL, &c.err);
    return capi_end(&c, ok);
}

int firn_drop_namespace(firn_lake *lake, const char *ref, const char *ns, firn_error *err)
{
    struct call c;
    str levels, commit;
    bool ok = capi_begin(&c, lake, true, err) && name_namespace(&c, ns, &levels) &&
              catalog_drop_namespace(lake->lake->catalog, str_of(ref), levels, &c.info, c.a,
                                     &commit, &c.err);
    return capi_end(&c, ok);
}

/* ---- Tables */

static bool schema_of_arrow(struct call *c, const struct ArrowSchema *schema,
                            const struct schema **out)
{
    struct session *s;
    struct result_column *columns;
    size_t n;
    if (!session_open(c->lake->lake->engine, &s, &c->err))
        return false;
    bool ok = session_arrow_columns(s, schema, c->a, &columns, &n, &c->err) &&
              columns_schema(columns, n, c->a, out, &c->err);
    session_close(s);
    return ok;
}

static bool schema_of_json(struct call *c, const char *text, const struct schema **out)
{
    struct json *json;
    return (json_parse(str_of(text), c->a, &json, &c->err) &&
            schema_parse(json, c->a, out, &c->err)) ||
           fail_in(&c->err, "schema_json");
}

static bool create_table(struct call *c, const firn_create_options *o)
{
    struct table t;
    struct property *props;
    struct table_create make = { .props_n = o->properties_n };
    if (!capi_name(c, o->table, &make.ns, &make.name) ||
        !capi_pairs(c, o->properties, o->properties_n, &props))
        return false;
    make.props = props;
    if (!o->schema == !o->schema_json)
        return fail(&c->err, ERR_INVALID, "one of schema and schema_json must be set, not %s",
                    o->schema ? "both" : "none");
    bool ok = o->schema ? schema_of_arrow(c, o->schema, &make.schema)
                        : schema_of_json(c, o->schema_json, &make.schema);
    return ok &&
           partition_by_parse(str_of(o->partition_by), make.schema, c->a, &make.spec, &c->err) &&
           catalog_create_table(c->lake->lake->catalog, str_of(o->ref), &make, &c->info, c->a, &t,
                                &c->err);
}

int firn_create_table(firn_lake *lake, const firn_create_options *options, firn_error *err)
{
    struct call c;
    bool ok = capi_begin(&c, lake, true, err) && capi_options(&c, options, sizeof *options) &&
              create_table(&c, options);
    return capi_end(&c, ok);
}

int firn_drop_table(firn_lake *lake, const char *ref, const char *name, int purge, firn_error *err)
{
    struct call c;
    str ns, last, commit;
    bool ok = capi_begin(&c, lake, true, err) && capi_name(&c, name, &ns, &last) &&
              catalog_drop_table(lake->lake->catalog, str_of(ref), ns, last, purge != 0, &c.info,
                                 c.a, &commit, &c.err);
    return capi_end(&c, ok);
}

int firn_rename_table(firn_lake *lake, const char *ref, const char *name, const char *to,
                      firn_error *err)
{
    struct call c;
    str ns, last, to_ns, to_last, commit;
    bool ok = capi_begin(&c, lake, true, err) && capi_name(&c, name, &ns, &last) &&
              capi_name(&c, to, &to_ns, &to_last) &&
              catalog_rename_table(lake->lake->catalog, str_of(ref), ns, last, to_ns, to_last,
                                   &c.info, c.a, &commit, &c.err);
    return capi_end(&c, ok);
}

/* ---- Refs */

int firn_create_ref(firn_lake *lake, firn_ref_kind kind, const char *name, const char *from,
                    firn_error *err)
{
    struct call c;
    struct ref_info made;
    bool ok = capi_begin(&c, lake, true, err) && capi_needs(&c, name, "the ref's name");
    if (ok && kind != FIRN_BRANCH && kind != FIRN_TAG)
        ok = fail(&c.err, ERR_INVALID, "there is no ref of kind %d", (int)kind);
    ok = ok &&
         catalog_create_ref(lake->lake->catalog, kind == FIRN_TAG ? CATALOG_TAG : CATALOG_BRANCH,
                            str_of(name), str_of(from), c.a, &made, &c.err);
    return capi_end(&c, ok);
}

int firn_delete_ref(firn_lake *lake, const char *name, firn_error *err)
{
    struct call c;
    bool ok = capi_begin(&c, lake, true, err) && capi_needs(&c, name, "the ref's name") &&
              catalog_delete_ref(lake->lake->catalog, str_of(name), (str){ 0 }, &c.info, &c.err);
    return capi_end(&c, ok);
}

static void write_conflict(const struct merge_entry *e, struct arena *a, struct json_writer *w)
{
    jw_begin_object(w);
    jw_key(w, STR("name"));
    jw_str(w, e->name.len ? name_to_text(e->ns, e->name, a) : ns_to_text(e->ns, a));
    jw_key(w, STR("reason"));
    jw_str(w, e->reason);
    jw_end_object(w);
}

static bool merge_json(struct call *c, const struct merge_result *r, char **json)
{
    struct buf text = BUF_INIT(CAPI_JSON_MAX);
    struct json_writer w;
    jw_init(&w, &text);
    jw_begin_object(&w);
    jw_key(&w, STR("applied"));
    jw_bool(&w, r->applied);
    jw_key(&w, STR("commit"));
    jw_str(&w, r->commit_id);
    jw_key(&w, STR("conflicts"));
    jw_begin_array(&w);
    for (size_t i = 0; i < r->n; i++)
        if (r->entries[i].conflict)
            write_conflict(&r->entries[i], c->a, &w);
    jw_end_array(&w);
    jw_end_object(&w);
    bool ok = capi_text(c, &text, json);
    buf_deinit(&text);
    return ok;
}

static bool merge(struct call *c, const char *from, const char *into, char **json)
{
    struct merge_result r;
    struct merge_request q = { .from = str_of(from), .into = into ? str_of(into) : STR("main") };
    if (!catalog_merge(c->lake->lake->catalog, &q, &c->info, c->a, &r, &c->err) ||
        (json && !merge_json(c, &r, json)))
        return false;
    return !r.conflicts_n ||
           fail(&c->err, ERR_CONFLICT, "%zu of the changes do not go together; nothing was merged",
                r.conflicts_n);
}

int firn_merge(firn_lake *lake, const char *from, const char *into, const char *message,
               char **json, firn_error *err)
{
    struct call c;
    if (json)
        *json = NULL;
    bool ok = capi_begin(&c, lake, true, err) && capi_needs(&c, from, "the ref to merge");
    c.info.message = str_of(message);
    ok = ok && merge(&c, from, into, json);
    return capi_end(&c, ok);
}
