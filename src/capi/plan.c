/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans, a page at a time: the snapshot's manifests are cut into parts, and each call plans the next ones until a page is full.  Parts
 * give nothing where the filter leaves nothing, so their number grows while pages stay empty. */
#include "base/mem.h"
#include "capi/capi_priv.h"
#include "iceberg/expr.h"
#include "iceberg/scan.h"
#include "iceberg/scan_json.h"

#define PAGE_FILES 5000
#define PAGE_BYTES_MAX ((size_t)256 << 20)
#define PARTS_AT_ONCE_MAX 256

struct firn_plan {
    struct firn_lake *lake;
    struct arena *arena; /* the table, the options, the parts */
    struct table table;
    struct scan_options options;
    struct scan_part *parts;
    size_t n, next; /* parts[next..] are left */
    size_t at_once; /* of the next page's first step */
};

static bool plan_at(struct call *c, const firn_scan_options *o, struct arena *a,
                    struct scan_options *out)
{
    if (!capi_version(c, o))
        return false;
    if (o->incremental == 2)
        return fail(&c->err, ERR_UNSUPPORTED, "changes are not planned by files: scan them");
    out->at = (struct scan_at){ .snapshot_id = o->snapshot_id,
                                .ref = arena_str(a, str_of(o->table_ref)),
                                .timestamp_ms = o->timestamp_ms };
    if (o->incremental)
        out->range = (struct scan_range){ SCAN_APPENDS, o->after_snapshot, o->to_snapshot };
    return true;
}

static bool plan_prepare(struct call *c, const firn_scan_options *o, struct firn_plan *p)
{
    str ns, name;
    struct arena *a = p->arena;
    struct lake *lake = c->lake->lake;
    p->options = (struct scan_options){ .case_sensitive = true,
                                        .residuals = true,
                                        .pool = lake->pool,
                                        .cancel = capi_cancel(o->cancel) };
    if (!capi_name(c, o->table, &ns, &name) || !plan_at(c, o, a, &p->options) ||
        !catalog_load_table(lake->catalog, str_of(o->ref), ns, name, a, &p->table, &c->err) ||
        !scan_schema(p->table.metadata, &p->options.at, &p->options.schema, &c->err) ||
        (o->filter && !expr_parse(arena_str(a, str_of(o->filter)), a, &p->options.filter, &c->err)))
        return false;
    p->at_once = 1;
    return scan_parts(lake->warehouse, p->table.metadata, &p->options, PAGE_FILES, a, &p->parts,
                      &p->n, &c->err);
}

static bool plan_open(struct call *c, const firn_scan_options *o, struct firn_plan **out)
{
    struct firn_plan *p = mem_new(struct firn_plan);
    p->arena = arena_create(0);
    if (!plan_prepare(c, o, p)) {
        arena_destroy(p->arena);
        mem_free(p);
        return false;
    }
    p->lake = c->lake;
    firn_lake_get(c->lake);
    *out = p;
    return true;
}

int firn_plan_open(firn_lake *lake, const firn_scan_options *options, firn_plan **out,
                   firn_error *err)
{
    struct call c;
    if (out)
        *out = NULL;
    bool ok = capi_begin(&c, lake, false, err) && capi_needs(&c, out, "out") &&
              capi_options(&c, options, sizeof *options) && plan_open(&c, options, out);
    return capi_end(&c, ok);
}

/* ---- Pages */

struct page {
    struct task_writer tasks;
    size_t files;
};

static bool take_tasks(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    struct page *page = ctx;
    page->files += n;
    return task_writer_add(&page->tasks, tasks, n, err);
}

/* The next parts as one. */
static struct scan_part take_parts(struct firn_plan *p, size_t n)
{
    const struct scan_part *first = &p->parts[p->next], *last = first + n - 1;
    p->next += n;
    return (struct scan_part){ first->manifest_from, last->manifest_to, first->entry_from,
                               last->entry_to };
}

static bool fill_page(struct call *c, struct firn_plan *p, struct page *page)
{
    struct lake *lake = p->lake->lake;
    size_t count = p->at_once;
    while (p->next < p->n && page->files < PAGE_FILES) {
        size_t left = p->n - p->next, before = page->files;
        p->options.part = take_parts(p, count < left ? count : left);
        if (!scan_plan(lake->warehouse, lake->env, p->table.metadata, &p->options, take_tasks, page,
                       NULL, &c->err))
            return false;
        bool sparse = page->files - before < PAGE_FILES / 8;
        count = !sparse ? 1 : count < PARTS_AT_ONCE_MAX ? 2 * count : count;
    }
    p->at_once = count;
    return true;
}

static bool write_page(struct call *c, struct firn_plan *p, struct buf *text, size_t *files)
{
    struct json_writer w;
    struct page page = { .tasks = { .w = &w, .a = c->a, .schema = p->options.schema } };
    jw_init(&w, text);
    jw_begin_object(&w);
    task_writer_begin(&page.tasks);
    bool ok = fill_page(c, p, &page) && task_writer_end(&page.tasks, &c->err);
    jw_end_object(&w);
    task_writer_deinit(&page.tasks);
    *files = page.files;
    return ok;
}

int firn_plan_next(firn_plan *plan, char **json, firn_error *err)
{
    struct call c;
    size_t files = 0;
    struct buf text = BUF_INIT(PAGE_BYTES_MAX);
    if (json)
        *json = NULL;
    bool ok = capi_begin(&c, plan ? plan->lake : NULL, false, err) &&
              capi_needs(&c, json, "json") && write_page(&c, plan, &text, &files) &&
              (files == 0 || capi_text(&c, &text, json));
    if (!ok && plan)
        plan->next = plan->n; /* what comes after a failure would have a hole before it */
    buf_deinit(&text);
    return capi_end(&c, ok);
}

void firn_plan_close(firn_plan *plan)
{
    if (!plan)
        return;
    arena_destroy(plan->arena);
    firn_lake_put(plan->lake);
    mem_free(plan);
}
