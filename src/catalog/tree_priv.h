/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes of the tree: their bytes and their parsed, shared form. */
#ifndef FIRN_CATALOG_TREE_PRIV_H
#define FIRN_CATALOG_TREE_PRIV_H

#include "catalog/tree.h"

#define NODE_FANOUT_BITS 4                /* a node ends at one key in 16 on average */
#define NODE_ENTRIES_MAX 128              /* and after this many at the latest, */
#define NODE_CUT_BYTES ((size_t)48 << 10) /* or when keys and values reach this size */
#define NODE_BYTES_MAX ((size_t)256 << 10)

struct node_entry {
    str key;
    str value;      /* of inner nodes: the child's name, SHA256_LEN bytes */
    uint64_t count; /* entries below; 1 in leaves */
};

struct node {
    struct cached base;  /* the key is the name's bytes */
    struct arena *arena; /* of the whole object */
    struct sha256 hash;
    int level; /* 0: leaf */
    size_t n;
    struct node_entry entries[]; /* their bytes follow in the same block */
};

/* Appends the bytes of a node. */
void node_encode(int level, const struct node_entry *entries, size_t n, struct buf *out);

/* Parses bytes into a new node; ERR_CORRUPT on anything malformed, keys out of order included. */
MUST_USE bool node_parse(str bytes, const struct sha256 *hash, struct node **out,
                         struct error *err);

/* A reference to a node, from the cache or read and verified; cached_unref it. */
MUST_USE bool node_load(const struct tree *t, const struct sha256 *hash, struct node **out,
                        struct error *err);
void node_unref(struct node *n);

static inline struct sha256 node_child(const struct node_entry *e)
{
    struct sha256 h;
    memcpy(h.bytes, e->value.ptr, SHA256_LEN);
    return h;
}

/* Puts a node at the bottom of the cursor's path, before its first entry. */
MUST_USE bool cursor_enter(struct tree_cursor *c, const struct sha256 *hash, struct error *err);

/* The first entry whose key is not less than `key`; n when there is none. */
size_t node_find(const struct node *n, str key);

/* Whether a key closes the node of this level that it is put into. */
bool node_key_closes(str key, int level);

#endif
