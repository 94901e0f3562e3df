/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/work_branch.h"

#include "base/log.h"

static str or_main(str branch)
{
    return branch.len ? branch : STR("main");
}

bool work_branch_open(struct catalog *c, struct env *env, const char *job, str into,
                      struct arena *a, str *name, struct error *err)
{
    struct ref_info made;
    *name = arena_printf(a, "%s-%016llx", job, (unsigned long long)env_random_u64(env));
    return catalog_create_ref(c, CATALOG_BRANCH, *name, or_main(into), a, &made, err);
}

bool work_branch_merge(struct catalog *c, str name, str into, const struct commit_info *info,
                       struct arena *a, struct merge_result *out, struct error *err)
{
    struct merge_request req = { .from = name, .into = or_main(into) };
    if (!catalog_merge(c, &req, info, a, out, err))
        return false;
    for (size_t i = 0; i < out->n; i++) {
        const struct merge_entry *e = &out->entries[i];
        if (!e->conflict)
            continue;
        fail(err, ERR_CONFLICT, STR_FMT " was changed on " STR_FMT " meanwhile: " STR_FMT,
             STR_ARG(name_to_text(e->ns, e->name, a)), STR_ARG(req.into), STR_ARG(e->reason));
        return fail_hint(err, "nothing was published; run it again");
    }
    return true;
}

void work_branch_drop(struct catalog *c, str name)
{
    struct error err = { 0 };
    struct commit_info own = { .own = true };
    if (!catalog_delete_ref(c, name, (str){ 0 }, &own, &err))
        log_warn("catalog", "the branch " STR_FMT " was left behind: %s", STR_ARG(name), err.msg);
}
