/* SPDX-License-Identifier: Apache-2.0
 *
 * Two cursors run side by side.  Everything before them has been compared, so where both are about
 * to enter children of the same name, both step over them, unread.  The one that stands higher goes
 * down first, so that they meet at one level. */
#include "catalog/tree_priv.h"

static struct node *bottom(const struct tree_cursor *c)
{
    return c->at[c->depth - 1].node;
}

static const struct node_entry *current(const struct tree_cursor *c)
{
    return &bottom(c)->entries[c->at[c->depth - 1].i];
}

static void step(struct tree_cursor *c)
{
    c->at[c->depth - 1].i++;
}

/* Leaves nodes that are used up. */
static void rise(struct tree_cursor *c)
{
    while (c->depth > 0 && c->at[c->depth - 1].i >= bottom(c)->n) {
        node_unref(bottom(c));
        if (--c->depth > 0)
            step(c);
    }
}

static bool descend(struct tree_cursor *c, struct error *err)
{
    struct sha256 child = node_child(current(c));
    return cursor_enter(c, &child, err);
}

/* Brings both to their next keys, or to the end. */
static bool settle(struct tree_cursor *x, struct tree_cursor *y, struct error *err)
{
    for (;;) {
        rise(x);
        rise(y);
        int i = tree_at_end(x) ? 0 : bottom(x)->level, j = tree_at_end(y) ? 0 : bottom(y)->level;
        if (i == 0 && j == 0)
            return true;
        if (i == j && str_eq(current(x)->value, current(y)->value)) {
            step(x);
            step(y);
            continue;
        }
        if ((i >= j && !descend(x, err)) || (j >= i && !descend(y, err)))
            return false;
    }
}

static bool compare(struct tree_cursor *x, struct tree_cursor *y, tree_diff_fn *fn, void *ctx,
                    struct error *err)
{
    const struct node_entry *old = tree_at_end(x) ? NULL : current(x);
    const struct node_entry *new = tree_at_end(y) ? NULL : current(y);
    int order = !old ? 1 : !new ? -1 : str_cmp(old->key, new->key);
    str none = { 0 };
    if (order <= 0)
        step(x);
    if (order >= 0)
        step(y);
    if (order < 0)
        return fn(ctx, old->key, old->value, none, err);
    if (order > 0)
        return fn(ctx, new->key, none, new->value, err);
    return str_eq(old->value, new->value) || fn(ctx, old->key, old->value, new->value, err);
}

bool tree_diff(const struct tree *t, const struct sha256 *old_root, const struct sha256 *new_root,
               tree_diff_fn *fn, void *ctx, struct error *err)
{
    if (memcmp(old_root, new_root, sizeof *old_root) == 0)
        return true;
    struct tree_cursor x = { .tree = t }, y = { .tree = t };
    bool ok =
        cursor_enter(&x, old_root, err) && cursor_enter(&y, new_root, err) && settle(&x, &y, err);
    while (ok && !(tree_at_end(&x) && tree_at_end(&y)))
        ok = compare(&x, &y, fn, ctx, err) && settle(&x, &y, err);
    tree_close(&x);
    tree_close(&y);
    return ok;
}
