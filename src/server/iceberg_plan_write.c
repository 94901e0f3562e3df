/* SPDX-License-Identifier: Apache-2.0
 *
 * A page of a plan: tasks as they are planned (iceberg/scan_json.h), and plan tasks for what is left. */
#include "base/env.h"
#include "base/time.h"
#include "iceberg/scan_json.h"
#include "server/iceberg_plan_priv.h"

#define PAGE_PROPERTY "firn.scan-planning.page-files"
#define TASK_LIFETIME_MS (60 * 60 * 1000LL)
#define TASK_TEXT_LONG                                                                             \
    8192                /* bytes of a plan task above which there is one, for all that is left */
#define TASKS_MAX 10000 /* plan tasks of one answer */
#define PAGE_NS (5 * 1000000000LL) /* then what was found so far is answered */

struct writing {
    const struct metadata *m;
    const struct plan_query *q;
    struct arena *a;
    struct json_writer *w;
    struct task_writer tasks;
    size_t page; /* files of one answer, about */
    size_t files;
    uint64_t rows_certain;
};

static bool take_tasks(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    struct writing *g = ctx;
    for (size_t i = 0; i < n; i++)
        if (tasks[i].residual->op == EXPR_TRUE && tasks[i].deletes_n == 0 &&
            tasks[i].file->records > 0)
            g->rows_certain += (uint64_t)tasks[i].file->records;
    g->files += n;
    return task_writer_add(&g->tasks, tasks, n, err);
}

/* --- pages --- */

struct paging {
    struct scan_part *parts;
    size_t n, next; /* parts[next..] are left */
};

static struct scan_part joined(const struct scan_part *parts, size_t n)
{
    return (struct scan_part){ parts[0].manifest_from, parts[n - 1].manifest_to,
                               parts[0].entry_from, parts[n - 1].entry_to };
}

/* How many parts to plan next: with a filter that leaves little, more and more at once. */
static size_t next_parts(const struct paging *p, size_t last, size_t page, size_t files)
{
    size_t left = p->n - p->next, want = last * 4;
    if (p->next > 0 && files > 0) {
        size_t fit = (page - files) / (files / p->next + 1);
        want = fit < want ? fit : want;
    }
    return want < left ? want : left;
}

static bool plan_pages(struct app *app, struct writing *g, struct scan_options *o, struct paging *p,
                       struct error *err)
{
    struct env *env = app->lake->env;
    int64_t begin = env_monotonic_ns(env);
    size_t count = p->n > 0;
    while (count > 0) {
        o->part = joined(&p->parts[p->next], count);
        o->rows_wanted = g->q->rows_wanted > 0 ? (uint64_t)g->q->rows_wanted - g->rows_certain : 0;
        if (!scan_plan(app->lake->warehouse, env, g->m, o, take_tasks, g, NULL, err))
            return false;
        p->next += count;
        if (g->q->rows_wanted > 0 && g->rows_certain >= (uint64_t)g->q->rows_wanted)
            p->next = p->n; /* enough */
        if (g->files >= g->page || env_monotonic_ns(env) - begin > PAGE_NS)
            break;
        count = next_parts(p, count, g->page, g->files);
    }
    return true;
}

/* One plan task a part, so that they can be fetched side by side; one for all that is left where each would be long,
 * or where the next depends on how many rows this page has. */
static bool write_plan_tasks(struct app *app, struct writing *g, const struct paging *p,
                             struct error *err)
{
    struct plan_query q = *g->q;
    size_t left = p->n - p->next, step = left / TASKS_MAX + 1;
    int64_t until = env_now_ms(app->lake->env) + TASK_LIFETIME_MS;
    if (left == 0)
        return true;
    if (q.rows_wanted > 0 || q.filter_text.len > TASK_TEXT_LONG)
        step = left;
    if (q.rows_wanted > 0)
        q.rows_wanted -= (int64_t)g->rows_certain;
    jw_kv_array(g->w, "plan-tasks");
    for (size_t i = p->next; i < p->n; i += step) {
        size_t n = p->n - i < step ? p->n - i : step;
        struct scan_part part = joined(&p->parts[i], n);
        str task = plan_task_format(&q, &part, g->m->uuid, until, g->a);
        if (task.ptr == NULL)
            return fail(err, ERR_LIMIT, "the filter is too long for plan tasks");
        jw_str(g->w, task);
    }
    jw_end_array(g->w);
    return true;
}

static bool write_all(struct app *app, struct writing *g, struct scan_options *o, struct error *err)
{
    struct paging p = { 0 };
    if (g->q->snapshot_id != 0 &&
        !scan_parts(app->lake->warehouse, g->m, o, g->page, g->a, &p.parts, &p.n, err))
        return false;
    task_writer_begin(&g->tasks);
    return plan_pages(app, g, o, &p, err) && task_writer_end(&g->tasks, err) &&
           write_plan_tasks(app, g, &p, err);
}

static size_t page_of(const struct metadata *m)
{
    int64_t n = metadata_property_int(m, PAGE_PROPERTY, PLAN_PAGE_FILES);
    return n < 1 ? 1 : n > PLAN_PAGE_FILES_MAX ? PLAN_PAGE_FILES_MAX : (size_t)n;
}

bool plan_write(struct app *app, const struct metadata *m, const struct plan_query *q,
                struct cancel *cancel, struct arena *a, struct json_writer *w, struct error *err)
{
    struct writing g = { .m = m,
                         .q = q,
                         .a = a,
                         .w = w,
                         .tasks = { .w = w,
                                    .a = a,
                                    .schema = q->schema,
                                    .stats_ids = q->stats_ids,
                                    .stats_ids_n = q->stats_ids_n },
                         .page = page_of(m) };
    struct scan_options o = {
        .at.snapshot_id = q->appends ? 0 : q->snapshot_id,
        .range = { q->appends ? SCAN_APPENDS : SCAN_SNAPSHOT, q->after_id,
                   q->appends ? q->snapshot_id : 0 },
        .schema = q->schema,
        .filter = q->filter,
        .case_sensitive = q->case_sensitive,
        .stats_ids = q->stats_ids,
        .stats_ids_n = q->stats_ids_n,
        .residuals = true,
        .part = q->part,
        .pool = app->lake->pool,
        .cancel = cancel,
    };
    bool ok = write_all(app, &g, &o, err);
    task_writer_deinit(&g.tasks);
    /* The table is there: what is missing now is its metadata. */
    if (!ok && err->code == ERR_NOT_FOUND)
        err->code = ERR_CORRUPT;
    return ok;
}
