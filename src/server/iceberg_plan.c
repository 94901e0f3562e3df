/* SPDX-License-Identifier: Apache-2.0 */
#include "base/env.h"
#include "server/iceberg_plan_priv.h"
#include "server/plans.h"

#define ASYNC_PROPERTY "firn.scan-planning.async"

static bool load(struct app *app, struct api_request *req, size_t wanted, struct arena *a,
                 const str **at, struct table *t, struct error *err)
{
    str ref;
    *at = iceberg_path(req, wanted, &ref);
    return catalog_load_table(app->lake->catalog, ref, (*at)[0], (*at)[1], a, t, err);
}

/* RFC 7240: "respond-async, wait=10"; names are case-insensitive. */
static bool prefers_async(const struct api_request *req, const struct metadata *m)
{
    str rest = req->prefer, item, head, tail;
    while (str_next(&rest, ',', &item)) {
        str_cut(item, ';', &head, &tail);
        if (str_eq_nocase(str_trim(head), STR("respond-async")))
            return true;
    }
    return str_eq_nocase(metadata_property(m, ASYNC_PROPERTY, (str){ 0 }), STR("true"));
}

static bool write_completed(struct app *app, const struct table *t, const struct plan_query *q,
                            struct cancel *cancel, struct arena *a, struct json_writer *w,
                            struct error *err)
{
    jw_begin_object(w);
    jw_kv_str(w, "status", STR("completed"));
    if (!plan_write(app, t->metadata, q, cancel, a, w, err))
        return false;
    jw_end_object(w);
    return true;
}

/* --- plans under way --- */

struct job {
    struct app *app;
    struct arena *arena; /* of this struct and all below */
    struct table table;
    struct plan_query query;
};

static bool make(void *ctx, struct cancel *cancel, struct buf *out, struct error *err)
{
    struct job *job = ctx;
    struct json_writer w;
    jw_init(&w, out);
    return write_completed(job->app, &job->table, &job->query, cancel, job->arena, &w, err);
}

static void release(void *ctx)
{
    arena_destroy(((struct job *)ctx)->arena);
}

/* The job reads the request again, as the request's memory goes with it. */
static bool submit(struct app *app, struct api_request *req, struct json_writer *w,
                   struct error *err)
{
    struct arena *a = arena_create(0);
    struct job *job = arena_new(a, struct job);
    const str *at;
    struct json *doc;
    str id;
    job->app = app;
    job->arena = a;
    if (!load(app, req, 2, a, &at, &job->table, err) ||
        !json_parse(arena_str(a, req->body), a, &doc, err) ||
        !plan_query_parse(doc, job->table.metadata, a, &job->query, err)) {
        arena_destroy(a);
        return false;
    }
    struct plan_job run = { make, release, job };
    if (!plans_submit(app->plans, arena_str(req->arena, job->table.uuid), &run, req->arena, &id,
                      err))
        return false;
    jw_begin_object(w);
    jw_kv_str(w, "status", STR("submitted"));
    jw_kv_str(w, "plan-id", id);
    jw_end_object(w);
    return true;
}

/* --- handlers --- */

bool iceberg_plan_scan(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err)
{
    const struct json *doc;
    const str *at;
    struct table t;
    struct plan_query q;
    (void)answer;
    if (!load(app, req, 2, req->arena, &at, &t, err) || !api_body(req, &doc, err) ||
        !plan_query_parse(doc, t.metadata, req->arena, &q, err))
        return false;
    if (prefers_async(req, t.metadata))
        return submit(app, req, w, err);
    return write_completed(app, &t, &q, request_cancel(req, TIMEOUT_MS_DEFAULT), req->arena, w,
                           err);
}

static bool no_such_plan(struct api_answer *answer, const struct error *err)
{
    if (err->code != ERR_NOT_FOUND)
        return false;
    iceberg_refuse(answer, 404, "NoSuchPlanIdException", err->msg);
    return true;
}

/* A failed plan is told in the words that the request itself would have failed with. */
static void write_failed(const struct error *failure, struct json_writer *w)
{
    struct api_answer as_error;
    api_answer_init(&as_error);
    iceberg_failed(&as_error, failure, 0);
    str body = buf_str(&as_error.body); /* {"error":{…}} */
    jw_begin_object(w);
    jw_kv_str(w, "status", STR("failed"));
    jw_key(w, STR("error"));
    jw_raw(w, str_sub(body, sizeof "{\"error\":" - 1, body.len - 1));
    jw_end_object(w);
    api_answer_deinit(&as_error);
}

bool iceberg_fetch_plan(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    const str *at;
    struct table t;
    struct error failure = { 0 };
    enum plan_state state;
    str body;
    if (!load(app, req, 3, req->arena, &at, &t, err))
        return false;
    if (!plans_look(app->plans, t.uuid, at[2], req->arena, &state, &body, &failure, err))
        return no_such_plan(answer, err);
    if (state == PLAN_COMPLETED) {
        jw_raw(w, body);
    } else if (state == PLAN_FAILED) {
        write_failed(&failure, w);
    } else {
        jw_begin_object(w);
        jw_kv_str(w, "status", state == PLAN_SUBMITTED ? STR("submitted") : STR("cancelled"));
        jw_end_object(w);
    }
    return true;
}

bool iceberg_cancel_plan(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err)
{
    const str *at;
    struct table t;
    (void)w;
    if (!load(app, req, 3, req->arena, &at, &t, err))
        return false;
    if (!plans_cancel(app->plans, t.uuid, at[2], err))
        return no_such_plan(answer, err);
    iceberg_no_content(answer);
    return true;
}

bool iceberg_fetch_tasks(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err)
{
    const struct json *doc;
    const str *at;
    struct table t;
    struct plan_query q;
    str task;
    if (!load(app, req, 2, req->arena, &at, &t, err) || !api_body(req, &doc, err) ||
        !json_need_str(doc, "plan-task", &task, err))
        return false;
    if (!plan_task_parse(task, t.metadata, env_now_ms(app->lake->env), req->arena, &q, err)) {
        iceberg_refuse(answer, 404, "NoSuchPlanTaskException", err->msg);
        return true;
    }
    jw_begin_object(w);
    if (!plan_write(app, t.metadata, &q, request_cancel(req, TIMEOUT_MS_DEFAULT), req->arena, w,
                    err))
        return false;
    jw_end_object(w);
    return true;
}
