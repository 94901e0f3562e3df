/* SPDX-License-Identifier: Apache-2.0
 *
 * A ref seen at one moment. */
#include "catalog/catalog_priv.h"

bool view_open(struct catalog *c, str ref, struct arena *a, struct view *v, struct error *err)
{
    *v = (struct view){ .catalog = c };
    if (!db_read_begin(c->db, &v->tx, err))
        return false;
    v->io = history_node_io(v->tx);
    v->tree = (struct tree){ &v->io, c->nodes };
    if (ref_resolve(v->tx, ref, a, &v->ref, &v->commit, err))
        return true;
    view_close(v);
    return false;
}

void view_close(struct view *v)
{
    db_rollback(v->tx);
    v->tx = NULL;
}

bool view_entry(struct view *v, str key, struct arena *a, bool *found, struct entry *out,
                str *value, struct error *err)
{
    if (!tree_get(&v->tree, &v->commit.root, key, a, found, value, err))
        return false;
    return !*found || entry_decode(*value, a, out, err);
}

bool view_need_branch(const struct view *v, struct error *err)
{
    if (v->ref.kind == CATALOG_BRANCH)
        return true;
    return fail(err, ERR_INVALID, "cannot write to " STR_FMT ": it is a %s, not a branch",
                STR_ARG(v->ref.name), v->ref.kind == CATALOG_TAG ? "tag" : "commit");
}

bool view_need_namespace(struct view *v, str ns, struct arena *a, struct error *err)
{
    bool found;
    str value;
    if (!tree_get(&v->tree, &v->commit.root, key_namespace(ns, a), a, &found, &value, err))
        return false;
    return found || fail(err, ERR_NOT_FOUND, "Namespace does not exist: " STR_FMT,
                         STR_ARG(ns_to_text(ns, a)));
}
