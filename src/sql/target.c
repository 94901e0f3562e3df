/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/target.h"

#include "base/log.h"
#include "catalog/garbage.h"
#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "iceberg/pick.h"
#include "iceberg/snapshot.h"
#include "sql/lake.h"
#include "sql/settings.h"

bool target_names_ref(str part, str *ref)
{
    bool branch = str_starts(part, STR(BRANCH_PREFIX)), tag = str_starts(part, STR(TAG_PREFIX));
    *ref = branch ? str_from(part, strlen(BRANCH_PREFIX))
           : tag  ? str_from(part, strlen(TAG_PREFIX))
                  : (str){ 0 };
    return ref->len > 0;
}

/* "ns.t.branch_x" becomes "ns.t" and "x", unless it is a table. */
bool target_name(struct lake *lake, str ref, str dotted, struct arena *a, struct write_target *out,
                 struct error *err)
{
    str ns, name, inner_ns, inner, branch;
    struct error ignored = { 0 };
    bool real;
    ptrdiff_t dot = str_rfind_char(dotted, '.');
    *out = (struct write_target){ .table = dotted };
    if (dot <= 0 || !target_names_ref(str_from(dotted, (size_t)dot + 1), &branch))
        return true;
    str table = str_sub(dotted, 0, (size_t)dot);
    if (!name_split(table, a, &inner_ns, &inner, &ignored))
        return true; /* two parts: the whole is a table's name */
    if (!name_split(dotted, a, &ns, &name, err) ||
        !catalog_table_exists(lake->catalog, ref, ns, name, &real, err))
        return false;
    if (!real)
        *out = (struct write_target){ .table = table, .branch = branch, .named = true };
    return true;
}

static bool check_branch(const struct metadata *m, str branch, bool must_exist, struct error *err)
{
    const struct snapshot_ref *r = metadata_ref(m, branch);
    if (r && r->kind == REF_TAG)
        return fail(err, ERR_INVALID,
                    "\"" STR_FMT "\" is a tag of the table and cannot be written to",
                    STR_ARG(branch));
    return r || !must_exist || str_is(branch, "main") ||
           fail(err, ERR_NOT_FOUND, "the table has no branch \"" STR_FMT "\"", STR_ARG(branch));
}

static bool take_wap(const struct metadata *m, str wap_id, str wap_branch, struct write_target *t,
                     struct error *err)
{
    if (!str_eq_nocase(metadata_property(m, "write.wap.enabled", (str){ 0 }), STR("true")))
        return true;
    if (wap_id.len && wap_branch.len)
        return fail(err, ERR_INVALID,
                    "both a WAP id (\"" STR_FMT "\") and a WAP branch (\"" STR_FMT "\") are set",
                    STR_ARG(wap_id), STR_ARG(wap_branch));
    if (t->named && wap_id.len)
        return fail(err, ERR_INVALID,
                    "a write to the branch \"" STR_FMT "\" cannot be staged (WAP id \"" STR_FMT
                    "\")",
                    STR_ARG(t->branch), STR_ARG(wap_id));
    if (t->named && wap_branch.len && !str_eq(wap_branch, t->branch))
        return fail(err, ERR_INVALID,
                    "a write to the branch \"" STR_FMT "\", and the WAP branch is \"" STR_FMT "\"",
                    STR_ARG(t->branch), STR_ARG(wap_branch));
    t->wap_id = wap_id;
    if (wap_branch.len)
        t->branch = wap_branch;
    return true;
}

bool target_settle(const struct metadata *m, const struct sql_settings *settings,
                   struct write_target *t, struct error *err)
{
    if (!m)
        return !t->named ||
               fail(err, ERR_NOT_FOUND, "there is no table " STR_FMT, STR_ARG(t->table));
    return (!t->named || check_branch(m, t->branch, true, err)) &&
           take_wap(m, settings_get(settings, SETTING_WAP_ID),
                    settings_get(settings, SETTING_WAP_BRANCH), t, err) &&
           (!t->branch.len || check_branch(m, t->branch, false, err));
}

const struct snapshot *target_head(const struct metadata *m, str branch)
{
    const struct snapshot_ref *r = branch.len ? metadata_ref(m, branch) : NULL;
    return r ? metadata_snapshot_by_id(m, r->snapshot_id) : metadata_snapshot(m);
}

void target_apply(const struct write_target *t, struct arena *a, struct snapshot_change *change)
{
    change->branch = t->branch;
    if (!t->wap_id.len)
        return;
    size_t n = change->summary.n;
    struct property *p = arena_array(a, struct property, n + 1);
    p[0] = (struct property){ STR(WAP_ID), t->wap_id };
    for (size_t i = 0; i < n; i++)
        p[i + 1] = change->summary.at[i];
    change->summary = (struct property_list){ p, n + 1 };
    change->stage = true;
}

void target_unused(struct lake *lake, const char *why, const str *paths, size_t n)
{
    struct error late = { 0 };
    if (n > 0 && !catalog_list_garbage(lake->catalog, why, paths, n, &late))
        log_warn("sql", "files of a failed write are not listed: %s", late.msg);
}
