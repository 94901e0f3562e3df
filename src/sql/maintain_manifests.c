/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewriting manifests as a commit: planned anew on the newest table when somebody was faster. */
#include "base/log.h"
#include "sql/lake.h"
#include "sql/maintain.h"
#include "sql/target.h"

struct rewriting {
    struct lake *lake;
    const struct manifests_request *req;
    struct manifests_outcome *out;
    struct snapshot_result made;
    bool finished; /* the counts are all that is wanted, or there is nothing to do */
};

/* Manifests of an attempt that came to nothing, for the collector. */
static void drop_written(struct rewriting *x)
{
    struct error late = { 0 };
    if (x->made.written_n > 0 &&
        !catalog_list_garbage(x->lake->catalog, "failed rewrite of manifests", x->made.written,
                              x->made.written_n, &late))
        log_warn("sql", "manifests of a failed rewrite are not listed: %s", late.msg);
    x->made = (struct snapshot_result){ 0 };
}

static bool plan(void *ctx, const struct table *t, struct arena *a, struct table_change *out,
                 struct error *err)
{
    struct rewriting *x = ctx;
    struct lake *lake = x->lake;
    struct write_target to = { .branch = x->req->options.branch,
                               .named = x->req->options.branch.len > 0 };
    drop_written(x);
    if (!target_settle(t->metadata, NULL, &to, err) || /* a rewrite makes no branch */
        !manifests_rewrite(lake->warehouse, lake->env, t->metadata, &x->req->options,
                           x->req->dry_run, a, &x->made, &x->out->counts, err))
        return false;
    x->finished = x->made.updates_n == 0;
    if (x->finished) /* leaves the loop of catalog_retry without a commit */
        return fail(err, ERR_INVALID, "nothing is to be committed");
    *out = (struct table_change){ .ns = t->ns,
                                  .name = t->name,
                                  .requirements = x->made.requirements,
                                  .requirements_n = x->made.requirements_n,
                                  .updates = x->made.updates,
                                  .updates_n = x->made.updates_n };
    return true;
}

bool maintain_manifests(struct lake *lake, const struct manifests_request *req, struct arena *a,
                        struct manifests_outcome *out, struct error *err)
{
    struct rewriting x = { .lake = lake, .req = req, .out = out };
    struct write_outcome done;
    str ns, name;
    *out = (struct manifests_outcome){ .snapshot_id = -1 };
    if (!name_split(req->table, a, &ns, &name, err))
        return false;
    if (!catalog_retry(lake->catalog, req->branch, ns, name, plan, &x, req->info, a, &done, err)) {
        if (x.finished)
            *err = (struct error){ 0 };
        else if (err->code != ERR_UNKNOWN)
            drop_written(&x);
        return x.finished;
    }
    out->snapshot_id = done.snapshot_id;
    out->commit_id = done.commit_id;
    return true;
}
