/* SPDX-License-Identifier: Apache-2.0
 *
 * A table or a view gets another name, or namespace.  Both are the same move of an entry; which of the two it is, is in the words of
 * every refusal, because clients compare them. */
#include "catalog/table_priv.h"
#include "catalog/views.h"

struct rename {
    enum entry_type type;
    str ns, name, to_ns, to_name;
};

static bool find(const struct rename *r, struct attempt *t, str *value, struct error *err)
{
    struct entry e;
    bool found;
    if (r->type == ENTRY_TABLE)
        return table_entry(&t->view, r->ns, r->name, t->arena, &e, value, err);
    if (!view_entry(&t->view, key_entry(r->type, r->ns, r->name, t->arena), t->arena, &found, &e,
                    value, err))
        return false;
    return (found && e.type == ENTRY_VIEW) ||
           fail(err, ERR_NOT_FOUND, "View does not exist: " STR_FMT,
                STR_ARG(name_to_text(r->ns, r->name, t->arena)));
}

static bool need_free(const struct rename *r, struct attempt *t, struct error *err)
{
    if (table_need_free(t, r->to_ns, r->to_name, err))
        return true;
    if (err->code == ERR_EXISTS)
        fail(err, ERR_EXISTS, "Cannot rename " STR_FMT " to " STR_FMT ". %s already exists",
             STR_ARG(name_to_text(r->ns, r->name, t->arena)),
             STR_ARG(name_to_text(r->to_ns, r->to_name, t->arena)),
             str_starts(str_of(err->msg), STR("View")) ? "View" : "Table");
    return false;
}

static bool plan(void *ctx, struct attempt *t, struct error *err)
{
    const struct rename *r = ctx;
    str value;
    if (!find(r, t, &value, err) || !need_free(r, t, err))
        return false;
    attempt_remove(t, key_entry(r->type, r->ns, r->name, t->arena), r->type, value);
    attempt_put(t, key_entry(r->type, r->to_ns, r->to_name, t->arena), r->type, (str){ 0 }, value);
    return true;
}

static bool run(struct catalog *c, str ref, struct rename *r, const struct commit_info *info,
                struct arena *a, str *commit_id, struct error *err)
{
    if (!ns_check(r->ns, err) || !name_check(r->name, err) || !ns_check(r->to_ns, err) ||
        !name_check(r->to_name, err))
        return false;
    str what = arena_printf(
        a, "rename %s " STR_FMT " to " STR_FMT, r->type == ENTRY_VIEW ? "view" : "table",
        STR_ARG(name_to_text(r->ns, r->name, a)), STR_ARG(name_to_text(r->to_ns, r->to_name, a)));
    return attempt_run(c, ref, info, what, plan, NULL, r, a, commit_id, err);
}

bool catalog_rename_table(struct catalog *c, str ref, str ns, str name, str to_ns, str to_name,
                          const struct commit_info *info, struct arena *a, str *commit_id,
                          struct error *err)
{
    struct rename r = { ENTRY_TABLE, ns, name, to_ns, to_name };
    return run(c, ref, &r, info, a, commit_id, err);
}

bool catalog_rename_view(struct catalog *c, str ref, str ns, str name, str to_ns, str to_name,
                         const struct commit_info *info, struct arena *a, str *commit_id,
                         struct error *err)
{
    struct rename r = { ENTRY_VIEW, ns, name, to_ns, to_name };
    return run(c, ref, &r, info, a, commit_id, err);
}
