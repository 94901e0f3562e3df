/* SPDX-License-Identifier: Apache-2.0
 *
 * The versioned catalog: git for tables.  A ref (branch or tag) names a commit; a commit names
 * parents, author, message, time, operations and the root of an immutable, content-addressed tree
 * from names to entries.  Making a branch writes one row at any size; lookups are O(log n); diff
 * and merge cost what changed.
 *
 *   C1  A commit is one database transaction: tree nodes, commit row, ref, ledger.  A ref moves by
 *       compare-and-set only.
 *   C2  A metadata file is durable before the transaction that names it begins.
 *   C3  ERR_CONFLICT is answered only when the commit is provably not applied.
 *   C4  After the transaction is durable nothing but success is answered, also when the database's
 *       answer was lost: the outcome is read back.  ERR_UNKNOWN only when it cannot be read.
 *   C5  A replay (same idempotency key, or the same snapshot ids) gets the recorded outcome and
 *       changes nothing.
 *   C6  No file is deleted here.  What failed commits and drops leave behind is listed as garbage
 *       for a collector.
 *
 * A `ref` argument is a branch, a tag or a commit id (64 hexadecimal digits); empty means "main".
 * Steps may follow, from left to right, and give one commit for ever or for as long as its beginning
 * stands:
 *
 *   main@<id>       that commit, which must be a state that main had (not one that a merge brought); at least 8 digits of the id
 *   main@<time>     the newest commit of main that is not later: 2026-02-03, 2026-02-03T04:05:06Z
 *   main*<time>     the same; milliseconds since 1970 too
 *   main~3          three first parents back; ~ is ~1
 *   main^2          the second parent (of a merge); ^ is ^1
 *
 * Only branches can be written.  All functions are thread-safe.  What they return lives in the
 * arena given.  Messages about missing and existing things have the words of the Iceberg reference
 * implementation, because clients parse them. */
#ifndef FIRN_CATALOG_CATALOG_H
#define FIRN_CATALOG_CATALOG_H

#include "base/arena.h"
#include "base/env.h"
#include "base/error.h"
#include "catalog/name.h"

struct catalog;
struct db;
struct pool;
struct property; /* iceberg/metadata.h */
struct store;

struct catalog_options {
    struct db *db;       /* shared with others; tables are prefixed cat_ */
    struct store *store; /* the warehouse; locations outside of it are refused */
    struct env *env;
    struct pool *pool;  /* for commits of many tables; NULL: the calling thread alone */
    size_t cache_bytes; /* parsed metadata and tree nodes; 0: 40 MB */
};

/* Migrates the schema forward and makes the branch main with an empty root commit when there is
 * none. */
MUST_USE bool catalog_open(const struct catalog_options *o, struct catalog **out,
                           struct error *err);
void catalog_close(struct catalog *c); /* nobody may be in a call; NULL is fine */

/* Who commits and why.  All may be empty; a message is made from the operations then.  A key that
 * was used before gives the recorded outcome; keep it shorter than 256 bytes. */
struct commit_info {
    str author, message, idempotency_key;
    /* Who asks, for the rules of branches (rules.h): a name, and the roles that it acts in.  Empty: nobody in particular. */
    str principal;
    const str *roles;
    size_t roles_n;
    bool own; /* the process itself keeps its own tables: no rule holds */
    /* What tables' new metadata names must be their own: the caller may not write every table (confine.h). */
    bool confined;
};

#define COMMIT_ID_LEN 64 /* hexadecimal digits */

enum entry_type { ENTRY_NAMESPACE = 1, ENTRY_TABLE, ENTRY_VIEW, ENTRY_FUNCTION };

/* What a list answers, in the order of the tree (bytes of the names). */
struct catalog_name {
    enum entry_type type;
    str ns, name;        /* a namespace: its full ns, name empty */
    str location;        /* metadata location of a table or view */
    int64_t snapshot_id; /* current one of a table, -1: none */
};
struct catalog_page {
    struct catalog_name *names;
    size_t n;
    str next; /* token of the next page; empty: this was the last */
};

/* ERR_EXISTS, ERR_NOT_FOUND (parent of a nested one).  `commit_id` may be NULL, as everywhere; on
 * success it is the commit's id. */
MUST_USE bool catalog_create_namespace(struct catalog *c, str ref, str ns,
                                       const struct property *props, size_t n,
                                       const struct commit_info *info, struct arena *a,
                                       str *commit_id, struct error *err);
/* ERR_NOT_FOUND; ERR_CONFLICT "... is not empty" when it holds anything. */
MUST_USE bool catalog_drop_namespace(struct catalog *c, str ref, str ns,
                                     const struct commit_info *info, struct arena *a,
                                     str *commit_id, struct error *err);
MUST_USE bool catalog_load_namespace(struct catalog *c, str ref, str ns, struct arena *a,
                                     struct property **props, size_t *n, struct error *err);
/* The folder for tables of a namespace that has no `location` property: its name below the warehouse. */
str catalog_namespace_location(struct catalog *c, str ns, struct arena *a);
/* Removes the keys, then sets the properties; a key in both is ERR_INVALID. */
MUST_USE bool catalog_update_namespace(struct catalog *c, str ref, str ns,
                                       const struct property *set, size_t set_n, const str *removed,
                                       size_t removed_n, const struct commit_info *info,
                                       struct arena *a, str *commit_id, struct error *err);

/* Direct children of `parent` (empty: the top level); tables of one namespace (ERR_NOT_FOUND when
 * there is no such namespace). limit 0: LIST_MAX.  `token` is empty or the previous page's `next`;
 * ERR_INVALID when it is neither.  ENTRY_TABLE, ENTRY_VIEW or ENTRY_FUNCTION. */
#define LIST_MAX 10000
MUST_USE bool catalog_list_namespaces(struct catalog *c, str ref, str parent, str token,
                                      size_t limit, struct arena *a, struct catalog_page *out,
                                      struct error *err);
MUST_USE bool catalog_list(struct catalog *c, str ref, str ns, enum entry_type type, str token,
                           size_t limit, struct arena *a, struct catalog_page *out,
                           struct error *err);
/* Every table of a ref in all namespaces; as catalog_list otherwise. */
MUST_USE bool catalog_list_all(struct catalog *c, str ref, str token, size_t limit, struct arena *a,
                               struct catalog_page *out, struct error *err);

#endif
