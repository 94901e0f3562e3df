/* SPDX-License-Identifier: Apache-2.0
 *
 * Edits are merged into the old leaves from left to right; entries run through one chunker a level,
 * which cuts nodes where rule T2 says and hands each node's name up.  A subtree without edits is
 * handed up as it is, unread, when no chunker below has anything open, because then it would be cut
 * the same way again. */
#include <stdlib.h>

#include "base/vec.h"
#include "catalog/tree_priv.h"

struct chunker {
    VEC(struct node_entry) open; /* of the node that is being filled */
    size_t bytes;                /* of their keys and values */
    bool used;                   /* anything was put here */
};

struct builder {
    const struct tree *tree;
    struct arena *arena; /* keeps loaded nodes, whose keys the chunkers refer to */
    struct chunker levels[TREE_LEVELS_MAX];
    const struct tree_edit *edits;
    size_t n, next; /* edits, and the first that is not done */
};

static bool save_node(struct builder *b, int level, struct sha256 *out, struct error *err)
{
    struct chunker *c = &b->levels[level];
    struct buf bytes = BUF_INIT(NODE_BYTES_MAX);
    node_encode(level, c->open.at, c->open.n, &bytes);
    bool ok = buf_ok(&bytes, "tree node", err);
    struct node *node = NULL;
    if (ok) {
        *out = sha256_of(buf_str(&bytes));
        ok = b->tree->io->save(b->tree->io->ctx, out, buf_str(&bytes), err) &&
             node_parse(buf_str(&bytes), out, &node, err);
    }
    if (ok)
        cached_unref(lru_add(b->tree->cache, &node->base));
    buf_deinit(&bytes);
    return ok;
}

static bool push(struct builder *b, int level, struct node_entry e, struct error *err);

static bool flush(struct builder *b, int level, struct error *err)
{
    struct chunker *c = &b->levels[level];
    struct sha256 hash;
    if (!save_node(b, level, &hash, err))
        return false;
    struct node_entry up = { .key = c->open.at[c->open.n - 1].key,
                             .value = arena_str(b->arena, str_make(hash.bytes, SHA256_LEN)) };
    for (size_t i = 0; i < c->open.n; i++)
        up.count += c->open.at[i].count;
    c->open.n = 0;
    c->bytes = 0;
    return push(b, level + 1, up, err);
}

static bool push(struct builder *b, int level, struct node_entry e, struct error *err)
{
    if (level >= TREE_LEVELS_MAX)
        return fail(err, ERR_LIMIT, "catalog tree has more than %d levels", TREE_LEVELS_MAX);
    struct chunker *c = &b->levels[level];
    *vec_push(b->arena, &c->open) = e;
    c->bytes += e.key.len + e.value.len;
    c->used = true;
    if (node_key_closes(e.key, level) || c->open.n >= NODE_ENTRIES_MAX ||
        c->bytes >= NODE_CUT_BYTES)
        return flush(b, level, err);
    return true;
}

static bool do_edit(struct builder *b, struct error *err)
{
    const struct tree_edit *e = &b->edits[b->next++];
    return e->remove || push(b, 0, (struct node_entry){ e->key, e->value, 1 }, err);
}

static bool walk_leaf(struct builder *b, const struct node *leaf, bool last, struct error *err)
{
    for (size_t i = 0; i < leaf->n; i++) {
        const struct node_entry *e = &leaf->entries[i];
        int order = -1;
        while (b->next < b->n && (order = str_cmp(b->edits[b->next].key, e->key)) < 0)
            if (!do_edit(b, err))
                return false;
        if (b->next < b->n && order == 0 ? !do_edit(b, err) : !push(b, 0, *e, err))
            return false;
    }
    while (last && b->next < b->n)
        if (!do_edit(b, err))
            return false;
    return true;
}

/* Nothing is open below the level of this child's parent. */
static bool idle_below(const struct builder *b, int level)
{
    for (int i = 0; i < level; i++)
        if (b->levels[i].open.n > 0)
            return false;
    return true;
}

/* `last`: nothing in the tree is to the right of this node, so all edits left over belong here. */
static bool walk(struct builder *b, const struct sha256 *hash, bool last, struct error *err)
{
    struct node *node;
    if (!node_load(b->tree, hash, &node, err))
        return false;
    cached_keep(&node->base, b->arena);
    if (node->level == 0)
        return walk_leaf(b, node, last, err);
    for (size_t i = 0; i < node->n; i++) {
        const struct node_entry *e = &node->entries[i];
        bool last_child = last && i + 1 == node->n;
        bool touched =
            b->next < b->n && (last_child || str_cmp(b->edits[b->next].key, e->key) <= 0);
        struct sha256 child = node_child(e);
        if (!touched && idle_below(b, node->level) ? !push(b, node->level, *e, err)
                                                   : !walk(b, &child, last_child, err))
            return false;
    }
    return true;
}

static bool used_above(const struct builder *b, int level)
{
    for (int i = level + 1; i < TREE_LEVELS_MAX; i++)
        if (b->levels[i].used)
            return true;
    return false;
}

/* A root with one child is its child: removals must lead to the tree that insertions would have
 * made. */
static bool collapse(struct builder *b, struct sha256 *root, struct error *err)
{
    for (;;) {
        struct node *node;
        if (!node_load(b->tree, root, &node, err))
            return false;
        bool single = node->level > 0 && node->n == 1;
        if (single)
            *root = node_child(&node->entries[0]);
        node_unref(node);
        if (!single)
            return true;
    }
}

/* Closes what is open, lowest level first, up to the level with nothing above it: the root. */
static bool finish(struct builder *b, struct sha256 *out, struct error *err)
{
    for (int level = 0; level < TREE_LEVELS_MAX; level++) {
        struct chunker *c = &b->levels[level];
        if (used_above(b, level)) {
            if (c->open.n > 0 && !flush(b, level, err))
                return false;
            continue;
        }
        if (level > 0 && c->open.n == 1) {
            *out = node_child(&c->open.at[0]);
            return collapse(b, out, err);
        }
        return save_node(b, level, out, err);
    }
    return fail(err, ERR_LIMIT, "catalog tree has more than %d levels", TREE_LEVELS_MAX);
}

static int by_key(const void *x, const void *y)
{
    const struct tree_edit *a = x, *b = y;
    return str_cmp(a->key, b->key);
}

static bool check_edits(const struct tree_edit *edits, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (edits[i].key.len > TREE_KEY_MAX || edits[i].value.len > TREE_VALUE_MAX)
            return fail(err, ERR_LIMIT,
                        "catalog entry has a name of %zu and contents of %zu bytes, at most %d "
                        "and %zu are possible",
                        edits[i].key.len, edits[i].value.len, TREE_KEY_MAX, TREE_VALUE_MAX);
        ASSERT(i == 0 || str_cmp(edits[i - 1].key, edits[i].key) < 0);
    }
    return true;
}

bool tree_apply(const struct tree *t, const struct sha256 *root, struct tree_edit *edits, size_t n,
                struct sha256 *out, struct error *err)
{
    if (n > 1)
        qsort(edits, n, sizeof *edits, by_key);
    if (!check_edits(edits, n, err))
        return false;
    if (n == 0 && root) {
        *out = *root;
        return true;
    }
    struct arena *a = arena_create(0);
    struct builder *b = arena_new(a, struct builder);
    *b = (struct builder){ .tree = t, .arena = a, .edits = edits, .n = n };
    const struct node empty = { 0 };
    bool ok =
        (root ? walk(b, root, true, err) : walk_leaf(b, &empty, true, err)) && finish(b, out, err);
    arena_destroy(a);
    return ok;
}
