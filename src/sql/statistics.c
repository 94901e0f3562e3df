/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/statistics_priv.h"

#include "base/log.h"
#include "catalog/garbage.h"
#include "catalog/table_ops.h"
#include "govern/access.h"
#include "iceberg/scan.h"
#include "sql/lake.h"

static bool may(const struct statistics_of *x, enum privilege p, struct error *err)
{
    struct securable on = secure_in(SECURABLE_TABLE, x->ns, x->name, x->run->a);
    return access_check_in(x->run->lake->govern, x->access, p, &on, x->branch, err);
}

bool statistics_open(struct statistics_of *x, int64_t snapshot_id, struct error *err)
{
    struct scan_at at = { .snapshot_id = snapshot_id };
    struct arena *a = x->run->a;
    return name_split(x->label, a, &x->ns, &x->name, err) && may(x, TABLE_READ_DATA, err) &&
           may(x, TABLE_SET_STATISTICS, err) &&
           catalog_load_table(x->run->lake->catalog, x->branch, x->ns, x->name, a, &x->table,
                              err) &&
           scan_snapshot(x->table.metadata, &at, &x->snapshot, err);
}

struct plan {
    const struct statistics_of *of;
    const struct table_update *update;
};

static bool plan_commit(void *ctx, const struct table *t, struct arena *a, struct table_change *out,
                        struct error *err)
{
    const struct plan *p = ctx;
    struct table_requirement *same = arena_new(a, struct table_requirement);
    if (!metadata_snapshot_by_id(t->metadata, p->of->snapshot->id))
        return fail(err, ERR_NOT_FOUND, "snapshot %lld has been expired meanwhile",
                    (long long)p->of->snapshot->id);
    *same = require_uuid(p->of->table.uuid);
    *out = (struct table_change){ .ns = p->of->ns,
                                  .name = p->of->name,
                                  .requirements = same,
                                  .requirements_n = 1,
                                  .updates = p->update,
                                  .updates_n = 1 };
    return true;
}

bool statistics_commit(const struct statistics_of *x, const struct table_update *update, str path,
                       const char *what, str *commit_id, struct error *err)
{
    struct plan plan = { x, update };
    struct write_info info = { .cancel = x->cancel };
    struct write_outcome done;
    struct arena *a = x->run->a;
    access_sign(x->access, a, &info.commit);
    info.commit.message = arena_printf(a, "%s of " STR_FMT, what, STR_ARG(x->label));
    if (!catalog_retry(x->run->lake->catalog, x->branch, x->ns, x->name, plan_commit, &plan, &info,
                       a, &done, err)) {
        if (err->code != ERR_UNKNOWN)
            statistics_list_garbage(x, "failed statistics", path);
        return false;
    }
    *commit_id = done.commit_id;
    return true;
}

void statistics_list_garbage(const struct statistics_of *x, const char *why, str path)
{
    struct error late = { 0 };
    if (!catalog_list_garbage(x->run->lake->catalog, why, &path, 1, &late))
        log_warn("sql", "a statistics file is not listed as garbage: %s", late.msg);
}
