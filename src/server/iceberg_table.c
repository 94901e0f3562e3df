/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/events.h"
#include "io/store.h"
#include "server/iceberg_priv.h"

/* ---- Reading ---- */

void iceberg_identifier_write(str ns, str name, struct json_writer *w)
{
    jw_begin_object(w);
    jw_key(w, STR("namespace"));
    iceberg_namespace_write(ns, w);
    jw_kv_str(w, "name", name);
    jw_end_object(w);
}

bool iceberg_list_entries(struct app *app, struct api_request *req, enum entry_type type,
                          struct json_writer *w, struct error *err)
{
    struct iceberg_paging paging;
    struct catalog_page page = { 0 };
    str ref, ns = *iceberg_path(req, 1, &ref);
    if (!iceberg_paging(req, &paging, err))
        return false;
    page.next = paging.token;
    jw_begin_object(w);
    jw_kv_array(w, "identifiers");
    do {
        if (!catalog_list(app->lake->catalog, ref, ns, type, page.next, paging.size, req->arena,
                          &page, err))
            return false;
        for (size_t i = 0; i < page.n; i++)
            iceberg_identifier_write(page.names[i].ns, page.names[i].name, w);
    } while (paging.all && page.next.len);
    jw_end_array(w);
    iceberg_next_page_write(page.next, w);
    jw_end_object(w);
    return true;
}

bool iceberg_list_tables(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err)
{
    (void)answer;
    return iceberg_list_entries(app, req, ENTRY_TABLE, w, err);
}

bool iceberg_load_table(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    struct table t;
    uint64_t made = catalog_changes_made(app->lake->catalog);
    str ref, snapshots = api_query(req, "snapshots", "all");
    const str *at = iceberg_path(req, 2, &ref);
    if (!str_is(snapshots, "all") && !str_is(snapshots, "refs"))
        return fail(err, ERR_INVALID, "snapshots must be all or refs, not \"" STR_FMT "\"",
                    STR_ARG(snapshots));
    return catalog_load_table(app->lake->catalog, ref, at[0], at[1], req->arena, &t, err) &&
           iceberg_answer_table(app, req, answer, &t, str_is(snapshots, "refs"), &made, w, err);
}

/* The table of the path must be there. */
static bool need_table(struct app *app, struct api_request *req, struct error *err)
{
    bool found;
    str ref;
    const str *at = iceberg_path(req, 2, &ref);
    if (!catalog_table_exists(app->lake->catalog, ref, at[0], at[1], &found, err))
        return false;
    return found || fail(err, ERR_NOT_FOUND, "Table does not exist: " STR_FMT,
                         STR_ARG(name_to_text(at[0], at[1], req->arena)));
}

bool iceberg_table_exists(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err)
{
    (void)w;
    if (!need_table(app, req, err))
        return false;
    iceberg_no_content(answer);
    return true;
}

/* Reports are checked and counted by the route's metrics; nothing else is made of them. */
bool iceberg_report_metrics(struct app *app, struct api_request *req, struct api_answer *answer,
                            struct json_writer *w, struct error *err)
{
    const struct json *doc;
    str type;
    (void)w;
    if (!api_body(req, &doc, err) || !json_need_str(doc, "report-type", &type, err) ||
        !need_table(app, req, err))
        return false;
    iceberg_no_content(answer);
    return true;
}

/* ---- Creating ---- */

static bool parse_shape(const struct json *doc, struct arena *a, struct table_create *out,
                        struct error *err)
{
    const struct json *schema, *spec, *order;
    if (!json_need_obj(doc, "schema", &schema, err) ||
        !json_opt_obj(doc, "partition-spec", &spec, err) ||
        !json_opt_obj(doc, "write-order", &order, err))
        return false;
    if (!schema_parse(schema, a, &out->schema, err))
        return fail_in(err, "schema");
    if (spec && !partition_spec_parse(spec, a, &out->spec, err))
        return fail_in(err, "partition-spec");
    if (order && !sort_order_parse(order, a, &out->order, err))
        return fail_in(err, "write-order");
    return true;
}

static bool parse_create(struct api_request *req, struct table_create *out, struct error *err)
{
    const struct json *doc;
    struct property_list props;
    if (!api_body(req, &doc, err) || !json_need_str(doc, "name", &out->name, err) ||
        !json_opt_str(doc, "location", (str){ 0 }, &out->location, err) ||
        !json_opt_bool(doc, "stage-create", false, &out->stage, err) ||
        !iceberg_properties_parse(doc, "properties", req->arena, &props, err) ||
        !parse_shape(doc, req->arena, out, err))
        return false;
    out->props = props.at;
    out->props_n = props.n;
    while (out->location.len > 1 && str_ends(out->location, STR("/")))
        out->location.len--;
    return true;
}

bool iceberg_blame_request(struct error *err)
{
    if (err->code == ERR_CORRUPT ||
        (err->code == ERR_NOT_FOUND && str_find(str_of(err->msg), STR("does not exist")) < 0))
        err->code = ERR_INVALID;
    return false;
}

/* Whatever goes wrong after the catalog's commit leaves the client with a table that it does not know of. */
static bool answer_made(struct app *app, struct api_request *req, struct api_answer *answer,
                        const struct table *t, struct json_writer *w, struct error *err)
{
    if (iceberg_answer_table(app, req, answer, t, false, NULL, w, err))
        return true;
    if (t->metadata_location.len)
        err->code = ERR_UNKNOWN;
    return false;
}

/* Engines that know only object stores (DuckDB) make no folders.  What cannot be made is not missed by others. */
static void make_folders(struct app *app, const struct table *t, struct arena *a)
{
    static const char *const names[] = { "data", "metadata" };
    struct error ignored;
    str path;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (store_from_uri(app->lake->warehouse,
                           arena_printf(a, STR_FMT "/%s", STR_ARG(t->metadata->location), names[i]),
                           a, &path, &ignored) &&
            !store_make_folder(app->lake->warehouse, path, &ignored))
            return;
}

bool iceberg_create_table(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err)
{
    struct table_create create = { 0 };
    struct commit_info info;
    struct table t;
    str ref;
    create.ns = *iceberg_path(req, 1, &ref);
    if (!parse_create(req, &create, err))
        return iceberg_blame_request(err);
    if (!iceberg_commit_info(req, &info, err))
        return false;
    info.confined = iceberg_confined(req, ref);
    if (!catalog_create_table(app->lake->catalog, ref, &create, &info, req->arena, &t, err))
        return false;
    make_folders(app, &t, req->arena);
    return answer_made(app, req, answer, &t, w, err);
}

bool iceberg_register_table(struct app *app, struct api_request *req, struct api_answer *answer,
                            struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct commit_info info;
    struct table t;
    bool overwrite;
    str ref, name, location, ns = *iceberg_path(req, 1, &ref);
    if (!api_body(req, &doc, err) || !json_need_str(doc, "name", &name, err) ||
        !json_need_str(doc, "metadata-location", &location, err) ||
        !json_opt_bool(doc, "overwrite", false, &overwrite, err) ||
        !iceberg_commit_info(req, &info, err))
        return false;
    info.confined = iceberg_confined(req, ref);
    if (!catalog_register_table(app->lake->catalog, ref, ns, name, location, overwrite, &info,
                                req->arena, &t, err))
        return iceberg_blame_request(err);
    return answer_made(app, req, answer, &t, w, err);
}

/* ---- Dropping and renaming ---- */

bool iceberg_drop_table(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    struct commit_info info;
    str ref, purge = api_query(req, "purgeRequested", "false");
    const str *at = iceberg_path(req, 2, &ref);
    (void)w;
    if (!str_eq_nocase(purge, STR("true")) && !str_eq_nocase(purge, STR("false")))
        return fail(err, ERR_INVALID, "purgeRequested must be true or false, not \"" STR_FMT "\"",
                    STR_ARG(purge));
    if (!iceberg_commit_info(req, &info, err) ||
        !catalog_drop_table(app->lake->catalog, ref, at[0], at[1],
                            str_eq_nocase(purge, STR("true")), &info, req->arena, NULL, err))
        return false;
    iceberg_no_content(answer);
    return true;
}

bool iceberg_identifier_parse(const struct json *doc, const char *key, struct arena *a, str *ns,
                              str *name, struct error *err)
{
    const struct json *id;
    if (!json_need_obj(doc, key, &id, err))
        return false;
    return (iceberg_namespace_parse(id, "namespace", a, ns, err) &&
            json_need_str(id, "name", name, err)) ||
           fail_in(err, "%s", key);
}

/* What it was at the end is the answer, even to who asks twice: by it another catalog takes the table over. */
bool iceberg_unregister_table(struct app *app, struct api_request *req, struct api_answer *answer,
                              struct json_writer *w, struct error *err)
{
    struct commit_info info;
    struct table t;
    str ref;
    const str *at = iceberg_path(req, 2, &ref);
    if (!iceberg_commit_info(req, &info, err) ||
        !catalog_unregister_table(app->lake->catalog, ref, at[0], at[1], &info, req->arena, &t,
                                  err))
        return false;
    jw_begin_object(w);
    jw_kv_str(w, "metadata-location", t.metadata_location);
    jw_key(w, STR("metadata"));
    metadata_write_json(t.metadata, false, w);
    jw_end_object(w);
    if (buf_ok(&answer->body, "the table's metadata", err))
        return true;
    err->code = ERR_UNKNOWN; /* it has been unregistered */
    return false;
}

bool iceberg_rename_entry(struct app *app, struct api_request *req, enum entry_type type,
                          struct api_answer *answer, struct error *err)
{
    const struct json *doc;
    struct commit_info info;
    str ref, ns, name, to_ns, to_name;
    iceberg_path(req, 0, &ref);
    if (!api_body(req, &doc, err) ||
        !iceberg_identifier_parse(doc, "source", req->arena, &ns, &name, err) ||
        !iceberg_identifier_parse(doc, "destination", req->arena, &to_ns, &to_name, err) ||
        !iceberg_commit_info(req, &info, err) ||
        !(type == ENTRY_VIEW ? catalog_rename_view : catalog_rename_table)(
            app->lake->catalog, ref, ns, name, to_ns, to_name, &info, req->arena, NULL, err))
        return false;
    iceberg_no_content(answer);
    return true;
}

bool iceberg_rename_table(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err)
{
    (void)w;
    return iceberg_rename_entry(app, req, ENTRY_TABLE, answer, err);
}
