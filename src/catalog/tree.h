/* SPDX-License-Identifier: Apache-2.0
 *
 * An immutable, sorted map from bytes to bytes, stored as content-addressed nodes (a prolly tree).
 *
 *   T1  A node is named by the SHA-256 of its bytes, and is never changed.
 *   T2  Where nodes end depends on the keys (a hash of the key says up to which level it closes a
 *       node) and, for nodes that would grow too large, on what stands in them; never on history.
 *       So equal contents have equal roots, and an edit rewrites the path to the place and little
 *       more.
 *   T3  An inner node holds, per child, the greatest key below it, the child's name and the number
 *       of entries below it.
 *
 * Point lookup and edit are O(log n) nodes; a diff skips subtrees of equal name.  Nodes are read
 * and written through node_io inside the caller's transaction, and cached parsed.  Functions are
 * thread-safe as far as node_io is. */
#ifndef FIRN_CATALOG_TREE_H
#define FIRN_CATALOG_TREE_H

#include "base/arena.h"
#include "catalog/lru.h"
#include "codec/digest.h"

#define TREE_KEY_MAX 8192
#define TREE_VALUE_MAX ((size_t)64 << 10)
#define TREE_LEVELS_MAX 24

struct node_io {
    /* ERR_CORRUPT when there is no such node: roots name only what was saved. */
    bool (*load)(void *ctx, const struct sha256 *hash, struct arena *a, str *bytes,
                 struct error *err);
    bool (*save)(void *ctx, const struct sha256 *hash, str bytes,
                 struct error *err); /* fine when it is there already */
    void *ctx;
};

struct tree {
    const struct node_io *io;
    struct lru *cache;
};

/* *found says whether the key is there; the value is a copy in `a`. */
MUST_USE bool tree_get(const struct tree *t, const struct sha256 *root, str key, struct arena *a,
                       bool *found, str *value, struct error *err);

/* An edit sets a key's value, or removes the key (fine when it is not there). */
struct tree_edit {
    str key, value;
    bool remove;
};

/* Applies n edits to a root (NULL: the empty tree), giving the new root.  Edits are sorted in place
 * by key; two of one key are our bug. */
MUST_USE bool tree_apply(const struct tree *t, const struct sha256 *root, struct tree_edit *edits,
                         size_t n, struct sha256 *out, struct error *err);

/* The number of keys. */
MUST_USE bool tree_count(const struct tree *t, const struct sha256 *root, uint64_t *out,
                         struct error *err);

/* A place in a tree.  key and value are valid until the next call; close it on every way out. */
struct node;
struct tree_cursor {
    const struct tree *tree;
    struct {
        struct node *node;
        size_t i;
    } at[TREE_LEVELS_MAX]; /* from the root down to the leaf */
    int depth;             /* 0: at the end */
    str key, value;
};

/* Goes to the first key that is not less than `from`. */
MUST_USE bool tree_seek(struct tree_cursor *c, const struct tree *t, const struct sha256 *root,
                        str from, struct error *err);
MUST_USE bool tree_next(struct tree_cursor *c, struct error *err);
void tree_close(struct tree_cursor *c);
static inline bool tree_at_end(const struct tree_cursor *c)
{
    return c->depth == 0;
}

/* Called per key that differs, in order; a value's ptr is NULL on the side where the key is not.
 * Views are valid during the call. */
typedef bool tree_diff_fn(void *ctx, str key, str old_value, str new_value, struct error *err);
MUST_USE bool tree_diff(const struct tree *t, const struct sha256 *old_root,
                        const struct sha256 *new_root, tree_diff_fn *fn, void *ctx,
                        struct error *err);

#endif
