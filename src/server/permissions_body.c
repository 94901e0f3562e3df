/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions about objects that a request's body names.  A body is read twice then, here and by the handler; both refuse duplicate
 * keys, so they read the same. */
#include "catalog/name.h"
#include "iceberg/update.h"
#include "server/iceberg_priv.h"
#include "server/permissions_priv.h"

#define CHANGES_MAX 1000 /* tables of a transaction, as the handler has it */

/* ---- Iceberg REST ---- */

bool ask_create_namespace(struct asking *q, struct error *err)
{
    const struct json *doc;
    str ns;
    return api_body(q->req, &doc, err) &&
           iceberg_namespace_parse(doc, "namespace", q->req->arena, &ns, err) &&
           ask(q, NAMESPACE_CREATE, SECURABLE_NAMESPACE, ns_parent(ns), (str){ 0 }, q->ref, err);
}

/* Files go too when they are purged. */
bool ask_drop_table(struct asking *q, struct error *err)
{
    const str *at = q->params;
    bool purge = str_eq_nocase(api_query(q->req, "purgeRequested", "false"), STR("true"));
    return ask(q, TABLE_DROP, SECURABLE_TABLE, at[0], at[1], q->ref, err) &&
           (!purge || ask(q, TABLE_WRITE_DATA, SECURABLE_TABLE, at[0], at[1], q->ref, err));
}

/* A metadata file may be any table's: who makes a table of it must be able to read all of them. */
bool ask_register_table(struct asking *q, struct error *err)
{
    return ask(q, TABLE_CREATE, SECURABLE_NAMESPACE, q->params[0], (str){ 0 }, q->ref, err) &&
           ask(q, TABLE_READ_DATA, SECURABLE_CATALOG, (str){ 0 }, (str){ 0 }, q->ref, err);
}

static const enum privilege update_privileges[UPDATE_KINDS] = {
    [UPDATE_ASSIGN_UUID] = TABLE_ASSIGN_UUID,
    [UPDATE_UPGRADE_FORMAT_VERSION] = TABLE_UPGRADE_FORMAT_VERSION,
    [UPDATE_ADD_SCHEMA] = TABLE_ADD_SCHEMA,
    [UPDATE_SET_CURRENT_SCHEMA] = TABLE_SET_CURRENT_SCHEMA,
    [UPDATE_ADD_SPEC] = TABLE_ADD_PARTITION_SPEC,
    [UPDATE_SET_DEFAULT_SPEC] = TABLE_ADD_PARTITION_SPEC,
    [UPDATE_ADD_SORT_ORDER] = TABLE_ADD_SORT_ORDER,
    [UPDATE_SET_DEFAULT_SORT_ORDER] = TABLE_SET_DEFAULT_SORT_ORDER,
    [UPDATE_ADD_SNAPSHOT] = TABLE_ADD_SNAPSHOT,
    [UPDATE_SET_SNAPSHOT_REF] = TABLE_SET_SNAPSHOT_REF,
    [UPDATE_REMOVE_SNAPSHOTS] = TABLE_REMOVE_SNAPSHOTS,
    [UPDATE_REMOVE_SNAPSHOT_REF] = TABLE_REMOVE_SNAPSHOT_REF,
    [UPDATE_SET_LOCATION] = TABLE_SET_LOCATION,
    [UPDATE_SET_PROPERTIES] = TABLE_SET_PROPERTIES,
    [UPDATE_REMOVE_PROPERTIES] = TABLE_REMOVE_PROPERTIES,
    [UPDATE_SET_STATISTICS] = TABLE_SET_STATISTICS,
    [UPDATE_REMOVE_STATISTICS] = TABLE_REMOVE_STATISTICS,
    [UPDATE_SET_PARTITION_STATISTICS] = TABLE_SET_STATISTICS,
    [UPDATE_REMOVE_PARTITION_STATISTICS] = TABLE_REMOVE_STATISTICS,
    [UPDATE_REMOVE_SPECS] = TABLE_REMOVE_PARTITION_SPECS,
    [UPDATE_REMOVE_SCHEMAS] = TABLE_MANAGE_STRUCTURE,
    [UPDATE_ENABLE_ROW_LINEAGE] = TABLE_UPGRADE_FORMAT_VERSION,
    [UPDATE_ADD_ENCRYPTION_KEY] = TABLE_WRITE_DATA,
    [UPDATE_REMOVE_ENCRYPTION_KEY] = TABLE_WRITE_DATA,
};

/* By its name alone: what is wrong with the rest is the handler's to say. */
static bool update_privilege(const struct json *update, enum privilege *out, struct error *err)
{
    str action;
    if (update->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "an update is %s, not an object",
                    json_kind_name(update->kind));
    if (!json_need_str(update, "action", &action, err))
        return false;
    for (int k = 0; k < UPDATE_KINDS; k++) {
        if (str_is(action, update_kind_name((enum update_kind)k))) {
            *out = update_privileges[k];
            return true;
        }
    }
    return fail(err, ERR_INVALID, "unknown update \"" STR_FMT "\"",
                STR_ARG(str_sub(action, 0, 100)));
}

static bool makes_table(const struct json *requirements)
{
    for (size_t i = 0; requirements && i < requirements->array.n; i++) {
        const struct json *type = json_get(&requirements->array.items[i], "type");
        if (type && type->kind == JSON_STR && str_is(type->s, "assert-create"))
            return true;
    }
    return false;
}

/* Whoever makes a table may define it; rows are a matter of their own. */
static bool is_definition(enum privilege p)
{
    return privileges_has(privilege_implied(TABLE_WRITE_PROPERTIES), p);
}

/* Each kind of update once, in the order of the list; a commit without updates reads the table. */
static bool ask_change(struct asking *q, const struct json *doc, str ns, str name,
                       struct error *err)
{
    const struct json *updates, *requirements;
    struct privileges asked = { 0 };
    if (!json_opt_array(doc, "updates", &updates, err) ||
        !json_opt_array(doc, "requirements", &requirements, err))
        return false;
    bool makes = makes_table(requirements);
    if (makes && !ask(q, TABLE_CREATE, SECURABLE_NAMESPACE, ns, (str){ 0 }, q->ref, err))
        return false;
    if (!updates || !updates->array.n)
        return makes || ask(q, TABLE_READ_PROPERTIES, SECURABLE_TABLE, ns, name, q->ref, err);
    if (updates->array.n > UPDATES_MAX)
        return fail(err, ERR_LIMIT, "updates has %zu entries; at most %d", updates->array.n,
                    UPDATES_MAX);
    for (size_t i = 0; i < updates->array.n; i++) {
        enum privilege p = 0;
        if (!update_privilege(&updates->array.items[i], &p, err))
            return fail_in(err, "updates[%zu]", i);
        if (privileges_has(&asked, p) || (makes && is_definition(p)))
            continue;
        privileges_add(&asked, p);
        if (!ask(q, p, SECURABLE_TABLE, ns, name, q->ref, err))
            return false;
    }
    return true;
}

bool ask_commit_table(struct asking *q, struct error *err)
{
    const struct json *doc;
    return api_body(q->req, &doc, err) && ask_change(q, doc, q->params[0], q->params[1], err);
}

/* A signature is the right to do what it signs; of methods that are not known, the most that one may do. */
bool ask_sign(struct asking *q, struct error *err)
{
    const struct json *doc;
    str method;
    if (!api_body(q->req, &doc, err) || !json_need_str(doc, "method", &method, err))
        return false;
    bool reads = str_is(method, "GET") || str_is(method, "HEAD") || str_is(method, "OPTIONS");
    return ask(q, reads ? TABLE_READ_DATA : TABLE_WRITE_DATA, SECURABLE_TABLE, q->params[0],
               q->params[1], q->ref, err);
}

static bool identifier(const struct json *doc, const char *key, struct arena *a, str *ns, str *name,
                       struct error *err)
{
    const struct json *id;
    return json_need_obj(doc, key, &id, err) &&
           iceberg_namespace_parse(id, "namespace", a, ns, err) &&
           json_need_str(id, "name", name, err);
}

bool ask_transaction(struct asking *q, struct error *err)
{
    const struct json *doc, *list;
    str ns, name;
    if (!api_body(q->req, &doc, err) || !json_need_array(doc, "table-changes", &list, err))
        return false;
    if (list->array.n > CHANGES_MAX)
        return fail(err, ERR_LIMIT, "table-changes has %zu entries; at most %d", list->array.n,
                    CHANGES_MAX);
    for (size_t i = 0; i < list->array.n; i++)
        if (!identifier(&list->array.items[i], "identifier", q->req->arena, &ns, &name, err) ||
            !ask_change(q, &list->array.items[i], ns, name, err))
            return false;
    return true;
}

static bool ask_rename(struct asking *q, enum securable_kind kind, enum privilege drop,
                       enum privilege create, struct error *err)
{
    const struct json *doc;
    str ns, name, to_ns, to_name;
    struct arena *a = q->req->arena;
    return api_body(q->req, &doc, err) && identifier(doc, "source", a, &ns, &name, err) &&
           identifier(doc, "destination", a, &to_ns, &to_name, err) &&
           ask(q, drop, kind, ns, name, q->ref, err) &&
           ask(q, create, SECURABLE_NAMESPACE, to_ns, (str){ 0 }, q->ref, err);
}

bool ask_rename_table(struct asking *q, struct error *err)
{
    return ask_rename(q, SECURABLE_TABLE, TABLE_DROP, TABLE_CREATE, err);
}

bool ask_rename_view(struct asking *q, struct error *err)
{
    return ask_rename(q, SECURABLE_VIEW, VIEW_DROP, VIEW_CREATE, err);
}

/* ---- The API ---- */

/* "table": "a.b.t" at "branch" of the body. */
static bool ask_named(struct asking *q, const struct json *doc, const char *key, enum privilege p,
                      enum securable_kind kind, struct error *err)
{
    str full, branch, ns, name;
    return json_need_str(doc, key, &full, err) &&
           json_opt_str(doc, "branch", (str){ 0 }, &branch, err) &&
           name_split(full, q->req->arena, &ns, &name, err) &&
           ask(q, p, kind, ns, kind == SECURABLE_NAMESPACE ? (str){ 0 } : name, branch, err);
}

bool ask_put_function(struct asking *q, struct error *err)
{
    const struct json *doc;
    return api_body(q->req, &doc, err) &&
           ask_named(q, doc, "name", FUNCTION_CREATE, SECURABLE_NAMESPACE, err);
}

/* A metadata file instead of a table is a file of the server's machine, which the handler refuses to others than its user. */
bool ask_plan(struct asking *q, struct error *err)
{
    const struct json *doc;
    if (!api_body(q->req, &doc, err))
        return false;
    return json_get(doc, "metadata") && !json_get(doc, "table")
               ? ask(q, TABLE_READ_DATA, SECURABLE_CATALOG, (str){ 0 }, (str){ 0 }, q->ref, err)
               : ask_named(q, doc, "table", TABLE_READ_DATA, SECURABLE_TABLE, err);
}

/* Of the table in the path, on the branch in the body or the query. */
static bool ask_table_in_path(struct asking *q, enum privilege p, struct error *err)
{
    const struct json *doc;
    str branch, ns, name;
    return api_body(q->req, &doc, err) && json_opt_str(doc, "branch", q->ref, &branch, err) &&
           name_split(q->params[0], q->req->arena, &ns, &name, err) &&
           ask(q, p, SECURABLE_TABLE, ns, name, branch, err);
}

bool ask_roll_back(struct asking *q, struct error *err)
{
    return ask_table_in_path(q, TABLE_SET_SNAPSHOT_REF, err);
}

/* Taking a snapshot over is a write of rows, too. */
bool ask_pick_snapshot(struct asking *q, struct error *err)
{
    return ask_table_in_path(q, TABLE_SET_SNAPSHOT_REF, err) &&
           ask_table_in_path(q, TABLE_WRITE_DATA, err);
}

bool ask_upgrade(struct asking *q, struct error *err)
{
    return ask_table_in_path(q, TABLE_UPGRADE_FORMAT_VERSION, err);
}

/* A path may lead to the files of any table. */
bool ask_add_files(struct asking *q, struct error *err)
{
    const struct json *doc;
    str branch, from, ns, name;
    if (!ask_table_in_path(q, TABLE_WRITE_DATA, err) || !api_body(q->req, &doc, err) ||
        !json_opt_str(doc, "branch", q->ref, &branch, err) ||
        !json_opt_str(doc, "from_table", (str){ 0 }, &from, err))
        return false;
    if (!from.len)
        return ask(q, TABLE_READ_DATA, SECURABLE_CATALOG, (str){ 0 }, (str){ 0 }, branch, err);
    return name_split(from, q->req->arena, &ns, &name, err) &&
           ask(q, TABLE_READ_DATA, SECURABLE_TABLE, ns, name, branch, err);
}

bool ask_compact(struct asking *q, struct error *err)
{
    return ask_table_in_path(q, TABLE_WRITE_DATA, err) &&
           ask_table_in_path(q, TABLE_READ_DATA, err);
}

bool ask_rewrite(struct asking *q, struct error *err)
{
    return ask_table_in_path(q, TABLE_WRITE_DATA, err);
}

bool ask_orphans(struct asking *q, struct error *err)
{
    return ask_table_in_path(q, TABLE_REMOVE_SNAPSHOTS, err) &&
           ask_table_in_path(q, TABLE_WRITE_DATA, err);
}

bool ask_analyze(struct asking *q, struct error *err)
{
    return ask_table_in_path(q, TABLE_SET_STATISTICS, err) &&
           ask_table_in_path(q, TABLE_READ_DATA, err);
}

bool ask_expire(struct asking *q, struct error *err)
{
    return ask_table_in_path(q, TABLE_REMOVE_SNAPSHOTS, err);
}

static bool ask_ref(struct asking *q, enum privilege p, str ref, struct error *err)
{
    return ask(q, p, SECURABLE_CATALOG, (str){ 0 }, (str){ 0 }, ref, err);
}

bool ask_create_ref(struct asking *q, struct error *err)
{
    const struct json *doc;
    str name, from;
    return api_body(q->req, &doc, err) && json_need_str(doc, "name", &name, err) &&
           json_opt_str(doc, "from", (str){ 0 }, &from, err) &&
           ask_ref(q, REFERENCE_CREATE, name, err) && ask_ref(q, REFERENCE_READ, from, err);
}

bool ask_merge(struct asking *q, struct error *err)
{
    const struct json *doc;
    str from, into;
    return api_body(q->req, &doc, err) && json_need_str(doc, "from", &from, err) &&
           json_opt_str(doc, "into", STR(MAIN_REF), &into, err) &&
           ask_ref(q, REFERENCE_MERGE, into, err) && ask_ref(q, REFERENCE_READ, from, err);
}

/* A new name is a new ref, and the old one is gone. */
bool ask_change_ref(struct asking *q, struct error *err)
{
    const struct json *doc;
    str to, name;
    if (!api_body(q->req, &doc, err) || !json_opt_str(doc, "to", (str){ 0 }, &to, err) ||
        !json_opt_str(doc, "rename", (str){ 0 }, &name, err))
        return false;
    if (name.len && (!ask_ref(q, REFERENCE_DELETE, q->params[0], err) ||
                     !ask_ref(q, REFERENCE_CREATE, name, err)))
        return false;
    return (name.len && !to.len) ||
           (ask_ref(q, REFERENCE_ASSIGN, q->params[0], err) && ask_ref(q, REFERENCE_READ, to, err));
}

static bool ask_into(struct asking *q, const struct json *doc, struct error *err)
{
    str into;
    return json_opt_str(doc, "into", STR(MAIN_REF), &into, err) &&
           ask_ref(q, REFERENCE_MERGE, into, err);
}

/* The commits may be anybody's: each is read. */
bool ask_cherry_pick(struct asking *q, struct error *err)
{
    const struct json *doc, *commits;
    if (!api_body(q->req, &doc, err) || !ask_into(q, doc, err) ||
        !json_need_array(doc, "commits", &commits, err))
        return false;
    for (size_t i = 0; i < commits->array.n; i++) {
        const struct json *c = &commits->array.items[i];
        if (c->kind != JSON_STR)
            return fail(err, ERR_INVALID, "commits[%zu] is %s, not a string", i,
                        json_kind_name(c->kind));
        if (!ask_ref(q, REFERENCE_READ, c->s, err))
            return false;
    }
    return true;
}

bool ask_revert(struct asking *q, struct error *err)
{
    const struct json *doc;
    return api_body(q->req, &doc, err) && ask_into(q, doc, err);
}

bool ask_diff(struct asking *q, struct error *err)
{
    return ask_ref(q, REFERENCE_READ, api_query(q->req, "from", ""), err) &&
           ask_ref(q, REFERENCE_READ, api_query(q->req, "to", ""), err);
}

/* The feed shows of each ref only what may be read (events.h): without a ref, or with a pattern, somebody who may read none gets none. */
bool ask_events(struct asking *q, struct error *err)
{
    str ref = api_query(q->req, "ref", "");
    return ref.len == 0 || str_find_char(ref, '*') >= 0 || ask_ref(q, REFERENCE_READ, ref, err);
}

/* Views and their tables are asked for one by one where they are defined; entities and services need the right to make any view. */
bool ask_define_features(struct asking *q, struct error *err)
{
    if (access_allows_below(q->req->access, FEATURE_VIEW_CREATE, &SECURE_CATALOG, q->ref))
        return true;
    return ask(q, FEATURE_VIEW_CREATE, SECURABLE_CATALOG, (str){ 0 }, (str){ 0 }, q->ref, err);
}

bool ask_train(struct asking *q, struct error *err)
{
    const struct json *doc, *spec;
    str model;
    return api_body(q->req, &doc, err) && json_need_obj(doc, "spec", &spec, err) &&
           json_need_str(spec, "model", &model, err) &&
           ask(q, MODEL_WRITE_DATA, SECURABLE_MODEL, (str){ 0 }, model, q->ref, err);
}

/* Grants on the service are for who manages it: else managing a catalog would be a way to everything. */
bool ask_grant(struct asking *q, struct error *err)
{
    const struct json *doc, *grant;
    str type;
    if (!api_body(q->req, &doc, err) || !json_opt_obj(doc, "grant", &grant, err) ||
        !json_need_str(grant ? grant : doc, "type", &type, err) ||
        !ask(q, CATALOG_MANAGE_ACCESS, SECURABLE_CATALOG, (str){ 0 }, (str){ 0 }, q->ref, err))
        return false;
    return !str_is(type, securable_kind_name(SECURABLE_SERVICE)) ||
           ask(q, SERVICE_MANAGE_ACCESS, SECURABLE_SERVICE, (str){ 0 }, (str){ 0 }, (str){ 0 },
               err);
}

/* One's own secret, or anybody's with the right to manage principals. */
bool ask_rotate(struct asking *q, struct error *err)
{
    const struct identity *who = q->req->access->who;
    if (who->principal_id && str_eq(who->principal, q->params[0]))
        return true;
    return ask(q, SERVICE_MANAGE_ACCESS, SECURABLE_SERVICE, (str){ 0 }, (str){ 0 }, (str){ 0 },
               err);
}
