/* SPDX-License-Identifier: Apache-2.0
 *
 * Commits: requirements and updates of one table, or of several as one. */
#include "iceberg/update.h"
#include "server/iceberg_priv.h"

#define TABLES_MAX 1000 /* of a transaction */

/* An array that may be absent; ERR_LIMIT above `max`. */
static bool opt_list(const struct json *doc, const char *key, size_t max, const struct json **out,
                     size_t *n, struct error *err)
{
    *n = 0;
    if (!json_opt_array(doc, key, out, err))
        return false;
    if (*out)
        *n = (*out)->array.n;
    return *n <= max || fail(err, ERR_LIMIT, "%s has %zu entries; at most %zu", key, *n, max);
}

static bool parse_requirements(const struct json *doc, struct arena *a, struct table_change *out,
                               struct error *err)
{
    const struct json *list;
    if (!opt_list(doc, "requirements", UPDATES_MAX, &list, &out->requirements_n, err))
        return false;
    struct table_requirement *at = arena_array(a, struct table_requirement, out->requirements_n);
    for (size_t i = 0; i < out->requirements_n; i++)
        if (!table_requirement_parse(&list->array.items[i], a, &at[i], err))
            return fail_in(err, "requirements[%zu]", i);
    out->requirements = at;
    return true;
}

static bool parse_updates(const struct json *doc, struct arena *a, struct table_change *out,
                          struct error *err)
{
    const struct json *list;
    if (!opt_list(doc, "updates", UPDATES_MAX, &list, &out->updates_n, err))
        return false;
    struct table_update *at = arena_array(a, struct table_update, out->updates_n);
    for (size_t i = 0; i < out->updates_n; i++)
        if (!table_update_parse(&list->array.items[i], a, &at[i], err))
            return fail_in(err, "updates[%zu]", i);
    out->updates = at;
    return true;
}

/* What cannot be read is the request's fault, whatever the parser of stored metadata calls it. */
static bool parse_change(const struct json *doc, struct arena *a, struct table_change *out,
                         struct error *err)
{
    if (parse_requirements(doc, a, out, err) && parse_updates(doc, a, out, err))
        return true;
    err->code = ERR_INVALID;
    return false;
}

bool iceberg_commit_table(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct commit_info info;
    struct commit_result result;
    str ref;
    const str *at = iceberg_path(req, 2, &ref);
    struct table_change change = { .ns = at[0], .name = at[1] };
    if (!api_body(req, &doc, err) || !parse_change(doc, req->arena, &change, err) ||
        !iceberg_commit_info(req, &info, err))
        return false;
    info.confined = iceberg_confined(req, ref);
    if (!catalog_commit(app->lake->catalog, ref, &change, 1, &info, req->arena, &result, err))
        return false;
    iceberg_forget_before(app, &result.tables[0], req->arena);
    if (iceberg_answer_table(app, req, answer, &result.tables[0], false, NULL, w, err))
        return true;
    err->code = ERR_UNKNOWN; /* it has been applied */
    return false;
}

static bool parse_table_change(const struct json *doc, struct arena *a, struct table_change *out,
                               struct error *err)
{
    const struct json *id;
    if (doc->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "it is %s, not an object", json_kind_name(doc->kind));
    return json_need_obj(doc, "identifier", &id, err) &&
           iceberg_namespace_parse(id, "namespace", a, &out->ns, err) &&
           json_need_str(id, "name", &out->name, err) && parse_change(doc, a, out, err);
}

bool iceberg_commit_transaction(struct app *app, struct api_request *req, struct api_answer *answer,
                                struct json_writer *w, struct error *err)
{
    const struct json *doc, *list;
    struct commit_info info;
    struct commit_result result;
    size_t n;
    str ref;
    (void)w;
    iceberg_path(req, 0, &ref);
    if (!api_body(req, &doc, err) || !json_need_array(doc, "table-changes", &list, err) ||
        !opt_list(doc, "table-changes", TABLES_MAX, &list, &n, err))
        return false;
    struct table_change *changes = arena_array(req->arena, struct table_change, n);
    for (size_t i = 0; i < n; i++)
        if (!parse_table_change(&list->array.items[i], req->arena, &changes[i], err))
            return fail_in(err, "table-changes[%zu]", i);
    if (!iceberg_commit_info(req, &info, err))
        return false;
    info.confined = iceberg_confined(req, ref);
    if (!catalog_commit(app->lake->catalog, ref, changes, n, &info, req->arena, &result, err))
        return false;
    iceberg_no_content(answer);
    return true;
}
