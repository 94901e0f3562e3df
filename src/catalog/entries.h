/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries of the tree as they are, whatever they name: what a protocol needs that speaks of keys and contents rather than of tables.
 * A path is levels and name joined by NS_SEP ("a<sep>b<sep>t"); a table or view stands before a namespace of the same path. */
#ifndef FIRN_CATALOG_ENTRIES_H
#define FIRN_CATALOG_ENTRIES_H

#include "catalog/catalog.h"

#define ENTRIES_MAX 10000 /* of one question or one commit */

struct catalog_entry {
    bool found;
    enum entry_type type;
    str path;
    str id;              /* of tables and views their UUID; of a namespace one made of its name */
    str location;        /* metadata file of a table or view */
    int64_t snapshot_id; /* -1: none */
    const struct property *props; /* of a namespace */
    size_t props_n;
};

/* The entries under the paths, `out` as many; all of one commit, whose id is given. */
MUST_USE bool catalog_entries(struct catalog *c, str ref, const str *paths, size_t n,
                              struct arena *a, struct catalog_entry *out, str *commit_id,
                              struct error *err);

struct entry_page {
    struct catalog_entry *at;
    size_t n;
    str next; /* token; empty: this was the last page */
    str commit_id;
};
/* Namespaces, tables and views, namespaces first; limit 0: ENTRIES_MAX. */
MUST_USE bool catalog_list_entries(struct catalog *c, str ref, str token, size_t limit,
                                   struct arena *a, struct entry_page *out, struct error *err);

/* The metadata that an entry names: current schema, and default spec and order or version.  -1 where the file cannot be read. */
struct entry_ids {
    int64_t snapshot_id;
    int32_t schema_id, spec_id, order_id, version_id;
};
void catalog_entry_ids(struct catalog *c, const struct catalog_entry *e, struct entry_ids *out);

enum entry_op_kind { ENTRY_OP_PUT, ENTRY_OP_DELETE, ENTRY_OP_UNCHANGED };
struct entry_op {
    enum entry_op_kind kind;
    str path;
    enum entry_type type; /* of a put: table, view or namespace */
    str id;               /* what the caller takes the entry for; empty: a new one */
    str location;         /* metadata file, which is read and checked as in a registration */
    const struct property *props; /* of a namespace */
    size_t props_n;
};

enum entry_conflict_kind {
    ENTRY_KEY_EXISTS = 1,
    ENTRY_KEY_MISSING,
    ENTRY_ID_DIFFERS,
    ENTRY_TYPE_DIFFERS,
    ENTRY_VALUE_DIFFERS,
    ENTRY_NAMESPACE_ABSENT,
    ENTRY_NOT_A_NAMESPACE,
    ENTRY_NOT_EMPTY
};
struct entry_conflict {
    enum entry_conflict_kind kind;
    str path, message;
};

struct entry_commit {
    str base; /* the commit that the caller saw, in the branch's history; empty: the newest */
    const struct entry_op *ops;
    size_t n;
};
struct entry_outcome {
    str commit_id;                    /* where the branch points now */
    struct entry_conflict *conflicts; /* nothing was written when there are some */
    size_t conflicts_n;
    str *ids;    /* per op, of what was put */
    bool *added; /* per op */
};

/* Applies all or nothing, as one commit.  What nobody touched since `base` does not matter; a touched path that is not what it was at
 * `base` is a conflict.  A put over an entry of the same path keeps its id; a delete and a put with the deleted one's id move it.
 * ERR_INVALID for metadata that cannot be read or paths that are none, ERR_NOT_FOUND for a base outside of the history. */
MUST_USE bool catalog_commit_entries(struct catalog *c, str ref, const struct entry_commit *req,
                                     const struct commit_info *info, struct arena *a,
                                     struct entry_outcome *out, struct error *err);

#endif
