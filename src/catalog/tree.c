/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading: lookups and cursors. */
#include "catalog/tree_priv.h"

bool tree_get(const struct tree *t, const struct sha256 *root, str key, struct arena *a,
              bool *found, str *value, struct error *err)
{
    *found = false;
    struct sha256 hash = *root;
    for (;;) {
        struct node *node;
        if (!node_load(t, &hash, &node, err))
            return false;
        size_t i = node_find(node, key);
        bool leaf = node->level == 0, below = i < node->n;
        if (leaf && below && str_eq(node->entries[i].key, key)) {
            *found = true;
            *value = arena_str(a, node->entries[i].value);
        } else if (!leaf && below) {
            hash = node_child(&node->entries[i]);
        }
        node_unref(node);
        if (leaf || !below)
            return true;
    }
}

bool tree_count(const struct tree *t, const struct sha256 *root, uint64_t *out, struct error *err)
{
    struct node *node;
    if (!node_load(t, root, &node, err))
        return false;
    *out = 0;
    for (size_t i = 0; i < node->n; i++)
        *out += node->entries[i].count;
    node_unref(node);
    return true;
}

void tree_close(struct tree_cursor *c)
{
    while (c->depth > 0)
        node_unref(c->at[--c->depth].node);
}

bool cursor_enter(struct tree_cursor *c, const struct sha256 *hash, struct error *err)
{
    if (c->depth >= TREE_LEVELS_MAX)
        return fail(err, ERR_CORRUPT, "catalog tree is deeper than %d levels", TREE_LEVELS_MAX);
    struct node *node;
    if (!node_load(c->tree, hash, &node, err))
        return false;
    if (c->depth > 0 && node->level != c->at[c->depth - 1].node->level - 1) {
        node_unref(node);
        return fail(err, ERR_CORRUPT, "catalog tree: a child has the wrong level");
    }
    c->at[c->depth].node = node;
    c->at[c->depth++].i = 0;
    return true;
}

/* From the bottom node's current entry down to a leaf's first entry; leaves upwards when a node is
 * used up. */
static bool settle(struct tree_cursor *c, struct error *err)
{
    while (c->depth > 0) {
        struct node *node = c->at[c->depth - 1].node;
        size_t i = c->at[c->depth - 1].i;
        if (i >= node->n) {
            node_unref(node);
            if (--c->depth > 0)
                c->at[c->depth - 1].i++;
            continue;
        }
        if (node->level == 0) {
            c->key = node->entries[i].key;
            c->value = node->entries[i].value;
            return true;
        }
        struct sha256 child = node_child(&node->entries[i]);
        if (!cursor_enter(c, &child, err))
            return false;
    }
    c->key = c->value = (str){ 0 };
    return true;
}

bool tree_seek(struct tree_cursor *c, const struct tree *t, const struct sha256 *root, str from,
               struct error *err)
{
    *c = (struct tree_cursor){ .tree = t };
    struct sha256 hash = *root;
    while (cursor_enter(c, &hash, err)) {
        struct node *node = c->at[c->depth - 1].node;
        size_t i = c->at[c->depth - 1].i = node_find(node, from);
        if (node->level == 0 || i >= node->n) {
            if (settle(c, err))
                return true;
            break;
        }
        hash = node_child(&node->entries[i]);
    }
    tree_close(c);
    return false;
}

bool tree_next(struct tree_cursor *c, struct error *err)
{
    ASSERT(c->depth > 0);
    c->at[c->depth - 1].i++;
    return settle(c, err);
}
