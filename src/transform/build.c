/* SPDX-License-Identifier: Apache-2.0 */
#include "base/env.h"
#include "catalog/table.h"
#include "catalog/work_branch.h"
#include "govern/access.h"
#include "codec/digest.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "iceberg/metadata.h"
#include "sql/lake.h"
#include "sql/sql.h"
#include "sql/write.h"
#include "transform/project.h"
#include "transform/template.h"

#define RENDERED_MAX ((size_t)8 << 20)

struct builder {
    struct lake *lake;
    const struct build_request *req;
    struct arena *a;
    struct project project;
    struct model *model; /* that is being rendered or built */
    str work;            /* the branch of this build */
    struct build_report *out;
};

static str quoted_name(struct builder *b, str dotted)
{
    str ns, name;
    struct error unnamed = { 0 };
    struct buf *text = arena_new(b->a, struct buf);
    buf_init(text, 4096);
    buf_in_arena(text, b->a);
    if (name_split(dotted, b->a, &ns, &name, &unnamed))
        quote_name(text, (const str[]){ ns_to_text(ns, b->a), name }, 2);
    else
        quote_ident(text, dotted);
    return buf_str(text);
}

/* Second pass over a template: names become tables. */
static bool name_table(void *ctx, const struct template_call *call, struct buf *out,
                       struct error *err)
{
    struct builder *b = ctx;
    if (str_is(call->function, "config"))
        return true;
    if (str_is(call->function, "this")) {
        buf_add_str(out, quoted_name(b, b->model->table));
        return true;
    }
    if (str_is(call->function, "ref")) {
        const struct model *m = project_model(&b->project, call->args[call->args_n - 1].value);
        if (!m)
            return fail(err, ERR_NOT_FOUND, "there is no model " STR_FMT,
                        STR_ARG(call->args[call->args_n - 1].value));
        buf_add_str(out, quoted_name(b, m->table));
        return true;
    }
    const struct source_table *s =
        project_source(&b->project, call->args[0].value, call->args[1].value);
    if (!s) {
        fail(err, ERR_NOT_FOUND, "there is no source " STR_FMT "." STR_FMT,
             STR_ARG(call->args[0].value), STR_ARG(call->args[1].value));
        return fail_hint(err, "sources are listed in a YAML file below models/, under `sources:`");
    }
    buf_add_str(out, quoted_name(b, s->table));
    return true;
}

static bool render(struct builder *b, struct model *m, str text, str name, str *out,
                   struct error *err)
{
    struct buf *rendered = arena_new(b->a, struct buf);
    buf_init(rendered, RENDERED_MAX);
    buf_in_arena(rendered, b->a);
    b->model = m;
    if (!template_render(text, name, name_table, b, b->a, rendered, err) ||
        !buf_ok(rendered, "the model's text", err))
        return false;
    *out = str_trim(buf_str(rendered));
    while (str_ends(*out, STR(";")))
        *out = str_trim(str_sub(*out, 0, out->len - 1));
    return true;
}

static str hash_of(struct builder *b, const struct model *m, str query)
{
    char text[SHA256_TEXT_LEN + 1];
    struct sha256 digest = sha256_of_parts((const str[]){ query, STR("\n"), m->partition_by }, 3);
    return arena_str(b->a, sha256_format(&digest, text));
}

/* A snapshot says which text made it and which snapshots it read.  When both are still the same, so are its rows. */
static bool is_unchanged(struct builder *b, const struct table *t, str hash)
{
    const struct snapshot *s = metadata_snapshot(t->metadata);
    if (!s || !str_eq(property_get(&s->summary, "firn.model-sha256", (str){ 0 }), hash))
        return false;
    str prefix = STR("firn.input.");
    for (size_t i = 0; i < s->summary.n; i++) {
        const struct property *p = &s->summary.at[i];
        struct table input;
        struct error ignored = { 0 };
        str ns, name;
        int64_t was;
        if (!str_starts(p->key, prefix))
            continue;
        if (!name_split(str_from(p->key, prefix.len), b->a, &ns, &name, &ignored) ||
            !catalog_load_table(b->lake->catalog, b->work, ns, name, b->a, &input, &ignored) ||
            !str_to_i64(p->value, &was) || was != input.snapshot_id)
            return false;
    }
    return true;
}

static bool find_built(struct builder *b, const struct model *m, struct table *t)
{
    struct error ignored = { 0 };
    str ns, name;
    return name_split(m->table, b->a, &ns, &name, &ignored) &&
           catalog_load_table(b->lake->catalog, b->work, ns, name, b->a, t, &ignored);
}

static bool write_model(struct builder *b, const struct model *m, str query, str hash,
                        struct model_report *out, struct error *err)
{
    const struct write_prop summary[] = {
        { STR("firn.operation"), STR("model") },
        { STR("firn.model"), m->name },
        { STR("firn.model-sha256"), hash },
    };
    struct write_request w = { .branch = b->work,
                               .table = m->table,
                               .query = query,
                               .mode = WRITE_REPLACE,
                               .create_missing = true,
                               .partition_by = m->partition_by,
                               .summary = summary,
                               .summary_n = sizeof summary / sizeof *summary,
                               .access = access_as_ref(b->req->access, b->req->branch, b->a),
                               .cancel = b->req->cancel };
    struct write_result done;
    if (!sql_write_query(b->lake, &w, b->a, &done, err))
        return fail_in(err, "model " STR_FMT " (" STR_FMT ")", STR_ARG(m->name), STR_ARG(m->path));
    out->rows = done.rows;
    out->files = done.files;
    out->bytes = done.bytes;
    out->snapshot_id = done.snapshot_id;
    return true;
}

static bool build_model(struct builder *b, struct model *m, struct model_report *out,
                        struct error *err)
{
    struct table built;
    str query;
    int64_t began = env_monotonic_ns(b->lake->env);
    *out = (struct model_report){ .name = m->name, .table = m->table, .status = MODEL_BUILT };
    if (!render(b, m, m->text, m->path, &query, err))
        return false;
    str hash = hash_of(b, m, query);
    if (!b->req->full_refresh && find_built(b, m, &built) && is_unchanged(b, &built, hash)) {
        out->status = MODEL_UNCHANGED;
        out->snapshot_id = built.snapshot_id;
        return true;
    }
    bool ok = write_model(b, m, query, hash, out, err);
    out->wall_us = (env_monotonic_ns(b->lake->env) - began) / 1000;
    return ok;
}

static bool build_models(struct builder *b, struct error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < b->project.order.n; i++)
        n += b->project.order.at[i]->selected;
    b->out->models = arena_array(b->a, struct model_report, n);
    for (size_t i = 0; i < b->project.order.n; i++) {
        struct model *m = b->project.order.at[i];
        if (!m->selected)
            continue;
        progress_report(b->req->progress, arena_cstr(b->a, m->table), (int64_t)b->out->models_n,
                        (int64_t)n);
        if (!build_model(b, m, &b->out->models[b->out->models_n], err))
            return false;
        b->out->models_n++;
    }
    return true;
}

/* The number that a query of one row and one column gives. */
static bool count_rows(struct builder *b, str query, int64_t *out, struct error *err)
{
    struct sql_request req = {
        .text = arena_printf(b->a, "SELECT count(*) FROM (" STR_FMT ") AS failing", STR_ARG(query)),
        .branch = b->work,
        .access = access_as_ref(b->req->access, b->req->branch, b->a),
        .cancel = b->req->cancel,
    };
    struct sql_outcome outcome;
    const struct chunk *chunk;
    if (!sql_execute(b->lake, &req, b->a, &outcome, err))
        return false;
    bool ok = result_next(outcome.rows, &chunk, err);
    if (ok)
        *out = chunk ? column_i64(&chunk->columns[0], 0) : 0;
    sql_close(&outcome);
    return ok;
}

static bool run_checks(struct builder *b, struct error *err)
{
    b->out->checks = arena_array(b->a, struct check_report, b->project.checks.n);
    for (size_t i = 0; i < b->project.checks.n; i++) {
        const struct check *c = &b->project.checks.at[i];
        struct model *m = project_model(&b->project, c->model);
        struct check_report *out = &b->out->checks[b->out->checks_n];
        if (!m->selected)
            continue;
        progress_report(b->req->progress, "data tests", (int64_t)i, (int64_t)b->project.checks.n);
        out->name = c->name;
        if (!render(b, m, c->query, c->name, &out->query, err) ||
            !count_rows(b, out->query, &out->failures, err))
            return fail_in(err, "data test " STR_FMT, STR_ARG(c->name));
        b->out->checks_n++;
        b->out->checks_failed += out->failures > 0;
    }
    return true;
}

static bool merge_branch(struct builder *b, struct error *err)
{
    struct merge_result done;
    struct commit_info info = { .message = STR("build models") };
    access_sign(b->req->access, b->a, &info);
    if (!work_branch_merge(b->lake->catalog, b->work, b->req->branch, &info, b->a, &done, err))
        return false;
    b->out->merged = true;
    b->out->commit_id = done.commit_id;
    return true;
}

static bool build(struct builder *b, struct error *err)
{
    if (!build_models(b, err) || !run_checks(b, err))
        return false;
    return b->out->checks_failed || merge_branch(b, err);
}

bool transform_build(struct lake *lake, const struct build_request *req, struct arena *a,
                     struct build_report *out, struct error *err)
{
    struct builder b = { .lake = lake, .req = req, .a = a, .out = out };
    *out = (struct build_report){ 0 };
    if (!project_read(req->files, req->files_n, a, &b.project, err) ||
        !project_select(&b.project, req->select, req->select_n, err) ||
        !work_branch_open(lake->catalog, lake->env, "build", req->branch, a, &b.work, err))
        return false;
    out->branch = b.work;
    bool ok = build(&b, err);
    /* A branch whose tests failed stays, so that the rows can be looked at; any other has done its work. */
    if (!ok || out->merged)
        work_branch_drop(lake->catalog, b.work);
    return ok;
}
