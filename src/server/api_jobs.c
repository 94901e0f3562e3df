/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/ingest.h"
#include "server/answer_priv.h"
#include "transform/transform.h"

#define BUILD_BODY_MAX API_BODY_MAX

/* ---- Ingest ---- */

static bool parse_ingest(struct api_request *req, struct ingest_request *out, struct error *err)
{
    const struct json *doc;
    str mode, on_error;
    *out = (struct ingest_request){ .progress = req->progress, .access = req->access };
    if (!api_body(req, &doc, err) ||
        !body_only(doc, "source table branch mode on_error key columns partition_by", err) ||
        !json_need_str(doc, "source", &out->source, err) ||
        !json_need_str(doc, "table", &out->table, err) ||
        !json_opt_str(doc, "branch", (str){ 0 }, &out->branch, err) ||
        !json_opt_str(doc, "mode", STR("append"), &mode, err) ||
        !json_opt_str(doc, "on_error", STR("fail"), &on_error, err) ||
        !json_opt_str(doc, "columns", (str){ 0 }, &out->columns, err) ||
        !json_opt_str(doc, "partition_by", (str){ 0 }, &out->partition_by, err) ||
        !body_strings(doc, "key", req->arena, &out->key, &out->key_n, err))
        return false;
    if (!ingest_mode_parse(mode, &out->mode))
        return fail(err, ERR_INVALID,
                    "mode must be append, overwrite or merge, not \"" STR_FMT "\"", STR_ARG(mode));
    if (!ingest_on_error_parse(on_error, &out->on_error))
        return fail(err, ERR_INVALID,
                    "on_error must be fail, skip or quarantine, not \"" STR_FMT "\"",
                    STR_ARG(on_error));
    if (!str_starts(out->source, STR("/")))
        return fail(err, ERR_INVALID,
                    "source must be an absolute path or glob, not \"" STR_FMT "\"",
                    STR_ARG(out->source));
    return true;
}

static bool ingest(struct app *app, struct api_request *req, struct api_answer *answer,
                   struct json_writer *w, struct error *err)
{
    struct ingest_request job;
    struct ingest_report r = { 0 };
    (void)answer;
    if (!parse_ingest(req, &job, err))
        return false;
    if (!app->local_files)
        return fail(err, ERR_DENIED, "requests may not read files of the server's machine");
    job.cancel = request_cancel(req, 0);
    if (!ingest_run(app->lake, &job, req->arena, &r, err))
        return false;
    jw_begin_object(w);
    jw_kv_str(w, "table", job.table);
    jw_kv_int(w, "rows", r.rows);
    jw_kv_int(w, "rejected", r.rejected);
    kv_text(w, "quarantine", r.quarantine);
    jw_kv_int(w, "files", r.files);
    jw_kv_int(w, "bytes", r.bytes);
    jw_kv_bool(w, "created", r.created);
    kv_snapshot(w, "snapshot_id", r.snapshot_id);
    kv_text(w, "commit_id", r.commit_id);
    jw_end_object(w);
    return true;
}

/* ---- Build ---- */

static bool parse_files(const struct json *doc, struct arena *a, struct build_request *out,
                        struct error *err)
{
    const struct json *files;
    if (!json_need_obj(doc, "files", &files, err))
        return false;
    if (files->object.n > PROJECT_FILES_MAX)
        return fail(err, ERR_LIMIT, "the project has %zu files; at most %d", files->object.n,
                    PROJECT_FILES_MAX);
    struct project_file *at = arena_array(a, struct project_file, files->object.n);
    for (size_t i = 0; i < files->object.n; i++) {
        const struct json_member *m = &files->object.members[i];
        if (m->value.kind != JSON_STR)
            return fail(err, ERR_INVALID, "files: the text of " STR_FMT " is %s, not a string",
                        STR_ARG(m->key), json_kind_name(m->value.kind));
        at[i] = (struct project_file){ .path = m->key, .text = m->value.s };
    }
    out->files = at;
    out->files_n = files->object.n;
    return true;
}

static bool parse_build(struct api_request *req, struct build_request *out, struct error *err)
{
    const struct json *doc;
    *out = (struct build_request){ .progress = req->progress, .access = req->access };
    return api_body(req, &doc, err) && body_only(doc, "files select full_refresh branch", err) &&
           parse_files(doc, req->arena, out, err) &&
           body_strings(doc, "select", req->arena, &out->select, &out->select_n, err) &&
           json_opt_bool(doc, "full_refresh", false, &out->full_refresh, err) &&
           json_opt_str(doc, "branch", (str){ 0 }, &out->branch, err);
}

static void write_models(const struct build_report *r, struct json_writer *w)
{
    jw_kv_array(w, "models");
    for (size_t i = 0; i < r->models_n; i++) {
        const struct model_report *m = &r->models[i];
        jw_begin_object(w);
        jw_kv_str(w, "name", m->name);
        jw_kv_str(w, "table", m->table);
        jw_kv_str(w, "status", m->status == MODEL_BUILT ? STR("built") : STR("unchanged"));
        kv_number(w, "rows", m->rows);
        kv_number(w, "files", m->files);
        kv_number(w, "bytes", m->bytes);
        kv_snapshot(w, "snapshot_id", m->snapshot_id);
        jw_kv_f64(w, "seconds", (double)m->wall_us / 1e6);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void write_checks(const struct build_report *r, struct json_writer *w)
{
    jw_kv_array(w, "checks");
    for (size_t i = 0; i < r->checks_n; i++) {
        const struct check_report *c = &r->checks[i];
        jw_begin_object(w);
        jw_kv_str(w, "name", c->name);
        jw_kv_int(w, "failures", c->failures);
        jw_kv_str(w, "query", c->query);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_kv_int(w, "checks_failed", (int64_t)r->checks_failed);
}

/* A build whose data tests fail has done its work: "merged" says that nothing was published. */
static bool build(struct app *app, struct api_request *req, struct api_answer *answer,
                  struct json_writer *w, struct error *err)
{
    struct build_request job;
    struct build_report r = { 0 };
    (void)answer;
    if (!parse_build(req, &job, err))
        return false;
    job.cancel = request_cancel(req, 0);
    if (!transform_build(app->lake, &job, req->arena, &r, err))
        return false;
    jw_begin_object(w);
    jw_kv_bool(w, "merged", r.merged);
    kv_text(w, "branch", r.branch);
    kv_text(w, "commit_id", r.commit_id);
    write_models(&r, w);
    write_checks(&r, w);
    jw_end_object(w);
    return true;
}

const struct route jobs_routes[] = {
    ROUTE("POST", "/api/ingest", PERMISSION_WRITE, ingest,
          "Load files: {source, table, mode, on_error, key, columns, partition_by, branch}",
          .slow = true),
    ROUTE("POST", "/api/build", PERMISSION_WRITE, build,
          "Build SQL models: {files: {path: text}, select, full_refresh, branch}", .slow = true,
          .body_max = BUILD_BODY_MAX),
    { 0 },
};
