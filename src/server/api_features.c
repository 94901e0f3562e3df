/* SPDX-License-Identifier: Apache-2.0 */
#include "features/features.h"
#include "server/answer_priv.h"

/* ---- Definitions ---- */

static bool parse_documents(const struct json *doc, struct arena *a,
                            struct features_apply_request *out, struct error *err)
{
    const struct json *list;
    if (!json_need_array(doc, "documents", &list, err))
        return false;
    if (list->array.n > FEATURE_DOCUMENTS_MAX)
        return fail(err, ERR_LIMIT, "documents has %zu entries; at most %d", list->array.n,
                    FEATURE_DOCUMENTS_MAX);
    struct feature_document *at = arena_array(a, struct feature_document, list->array.n);
    for (size_t i = 0; i < list->array.n; i++)
        if (!json_need_str(&list->array.items[i], "text", &at[i].text, err) ||
            !json_opt_str(&list->array.items[i], "name", arena_printf(a, "documents[%zu]", i),
                          &at[i].name, err))
            return fail_in(err, "documents[%zu]", i);
    out->documents = at;
    out->documents_n = list->array.n;
    return true;
}

static void write_applied(const struct features_apply_report *r, bool plan, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_bool(w, "plan", plan);
    jw_kv_int(w, "created", (int64_t)r->created);
    jw_kv_int(w, "updated", (int64_t)r->updated);
    jw_kv_int(w, "unchanged", (int64_t)r->unchanged);
    jw_kv_array(w, "items");
    for (size_t i = 0; i < r->n; i++) {
        jw_begin_object(w);
        jw_kv_str(w, "kind", str_of(feature_kind_name(r->items[i].kind)));
        jw_kv_str(w, "name", r->items[i].name);
        jw_kv_str(w, "change", str_of(feature_change_name(r->items[i].change)));
        jw_kv_int(w, "version", r->items[i].version);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}

static bool apply(struct app *app, struct api_request *req, struct api_answer *answer,
                  struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct features_apply_request job = { .access = req->access };
    struct features_apply_report r = { 0 };
    (void)answer;
    if (!api_body(req, &doc, err) || !body_only(doc, "documents plan branch", err) ||
        !parse_documents(doc, req->arena, &job, err) ||
        !json_opt_bool(doc, "plan", false, &job.plan, err) ||
        !json_opt_str(doc, "branch", (str){ 0 }, &job.branch, err) ||
        !features_apply(app->features, &job, req->arena, &r, err))
        return false;
    write_applied(&r, job.plan, w);
    return true;
}

static void write_object(const struct feature_object *o, bool whole, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "kind", str_of(feature_kind_name(o->kind)));
    jw_kv_str(w, "name", o->name);
    jw_kv_int(w, "version", o->version);
    kv_time(w, "created", o->created_us);
    kv_time(w, "updated", o->updated_us);
    if (o->kind == FEATURE_VIEW) {
        jw_kv_bool(w, "materialized", o->materialized);
        kv_snapshot(w, "snapshot_id", o->materialized ? o->snapshot_id : -1);
        kv_number(w, "rows", o->materialized ? o->rows : -1);
        kv_time(w, "materialized_at", o->materialized_us);
    }
    if (whole) {
        jw_key(w, STR("definition"));
        jw_raw(w, o->definition);
    }
    jw_end_object(w);
}

static bool list(struct app *app, struct api_request *req, struct api_answer *answer,
                 struct json_writer *w, struct error *err)
{
    struct feature_object *objects;
    size_t n;
    (void)answer;
    if (!features_list(app->features, req->arena, &objects, &n, err))
        return false;
    jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        write_object(&objects[i], false, w);
    jw_end_array(w);
    return true;
}

static bool take_kind(const struct api_request *req, enum feature_kind *kind, struct error *err)
{
    return feature_kind_parse(req->params[0], kind) ||
           fail(err, ERR_INVALID,
                "the kind must be entity, feature_view or feature_service, not \"" STR_FMT "\"",
                STR_ARG(req->params[0]));
}

static bool describe(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err)
{
    enum feature_kind kind;
    struct feature_object o;
    (void)answer;
    if (!take_kind(req, &kind, err) ||
        !features_describe(app->features, kind, req->params[1], req->arena, &o, err))
        return false;
    write_object(&o, true, w);
    return true;
}

static bool delete_object(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err)
{
    enum feature_kind kind;
    (void)answer;
    if (!take_kind(req, &kind, err) || !features_delete(app->features, kind, req->params[1], err))
        return false;
    jw_begin_object(w);
    jw_kv_str(w, "kind", str_of(feature_kind_name(kind)));
    jw_kv_str(w, "deleted", req->params[1]);
    jw_end_object(w);
    return true;
}

/* ---- Training sets ---- */

static bool parse_historical(struct app *app, struct api_request *req,
                             struct features_historical_request *out, struct error *err)
{
    const struct json *doc;
    *out = (struct features_historical_request){ .progress = req->progress,
                                                 .access = req->access,
                                                 .local_files = app->local_files };
    return api_body(req, &doc, err) &&
           body_only(doc,
                     "entities timestamp features feature_service full_feature_names known_at out "
                     "overwrite branch",
                     err) &&
           json_need_str(doc, "entities", &out->entities, err) &&
           json_need_str(doc, "out", &out->out, err) &&
           json_opt_str(doc, "timestamp", (str){ 0 }, &out->timestamp, err) &&
           body_strings(doc, "features", req->arena, &out->features.refs, &out->features.n, err) &&
           json_opt_str(doc, "feature_service", (str){ 0 }, &out->features.service, err) &&
           json_opt_bool(doc, "full_feature_names", false, &out->full_feature_names, err) &&
           json_opt_bool(doc, "known_at", false, &out->known_at, err) &&
           json_opt_bool(doc, "overwrite", false, &out->overwrite, err) &&
           json_opt_str(doc, "branch", (str){ 0 }, &out->branch, err);
}

static void write_historical(const struct features_historical_report *r, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "out", r->out);
    jw_kv_int(w, "rows", r->rows);
    jw_kv_f64(w, "seconds", (double)r->wall_us / 1e6);
    jw_kv_int(w, "peak_bytes", r->peak_bytes);
    kv_snapshot(w, "snapshot_id", r->snapshot_id);
    kv_text(w, "commit_id", r->commit_id);
    jw_kv_array(w, "views");
    for (size_t i = 0; i < r->views_n; i++) {
        const struct features_view_report *v = &r->views[i];
        jw_begin_object(w);
        jw_kv_str(w, "view", v->view);
        jw_kv_str(w, "table", v->table);
        kv_snapshot(w, "snapshot_id", v->snapshot_id);
        jw_kv_int(w, "version", v->version);
        jw_kv_int(w, "matched", v->matched);
        jw_kv_int(w, "files_read", v->files_read);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}

static bool historical(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err)
{
    struct features_historical_request job;
    struct features_historical_report r = { 0 };
    (void)answer;
    if (!parse_historical(app, req, &job, err))
        return false;
    job.cancel = request_cancel(req, 0);
    if (!features_get_historical(app->features, &job, req->arena, &r, err))
        return false;
    write_historical(&r, w);
    return true;
}

/* ---- Online store ---- */

static bool materialize(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct features_materialize_request job = { .progress = req->progress, .access = req->access };
    struct features_materialized *views;
    size_t n;
    (void)answer;
    if (!api_body(req, &doc, err) || !body_only(doc, "views snapshot_id branch", err) ||
        !body_strings(doc, "views", req->arena, &job.views, &job.views_n, err) ||
        !json_opt_int(doc, "snapshot_id", 0, &job.snapshot_id, err) ||
        !json_opt_str(doc, "branch", (str){ 0 }, &job.branch, err))
        return false;
    job.cancel = request_cancel(req, 0);
    if (!features_materialize(app->features, &job, req->arena, &views, &n, err))
        return false;
    jw_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        jw_begin_object(w);
        jw_kv_str(w, "view", views[i].view);
        jw_kv_str(w, "table", views[i].table);
        kv_snapshot(w, "snapshot_id", views[i].snapshot_id);
        jw_kv_int(w, "rows", views[i].rows);
        jw_kv_bool(w, "unchanged", views[i].unchanged);
        jw_kv_f64(w, "seconds", (double)views[i].wall_us / 1e6);
        jw_end_object(w);
    }
    jw_end_array(w);
    return true;
}

/* The hot path: Feast's shapes go straight into the answer, errors too. */
static bool get_online(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err)
{
    enum feast_error why = FEAST_OTHER;
    (void)w;
    if (features_get_online(app->features, req->access, req->body, req->arena, &answer->body, &why,
                            err))
        return true;
    if (req->in_process)
        return false;
    buf_clear(&answer->body);
    answer->status = features_online_error(err, why, &answer->body);
    return true;
}

const struct route features_routes[] = {
    ROUTE("POST", "/get-online-features", PERMISSION_READ, get_online,
          "Feast: {entities: {key: [..]}, features | feature_service, full_feature_names}",
          .body_max = ONLINE_BODY_MAX),
    ROUTE("GET", "/api/features", PERMISSION_READ, list,
          "Entities, feature views, feature services", .slow = true),
    ROUTE("POST", "/api/features/apply", PERMISSION_WRITE, apply,
          "Store definitions: {documents: [{name, text}], plan, branch}", .slow = true,
          .body_max = API_BODY_MAX),
    ROUTE(
        "POST", "/api/features/historical", PERMISSION_WRITE, historical,
        "Training set: {entities, timestamp, features | feature_service, full_feature_names, known_at, out, overwrite, branch}",
        .slow = true),
    ROUTE("POST", "/api/features/materialize", PERMISSION_WRITE, materialize,
          "Publish to the online store: {views, snapshot_id, branch}", .slow = true),
    ROUTE("GET", "/api/features/{kind}/{name}", PERMISSION_READ, describe, "One definition",
          .slow = true),
    ROUTE("DELETE", "/api/features/{kind}/{name}", PERMISSION_WRITE, delete_object,
          "Delete a definition", .slow = true),
    { 0 },
};
