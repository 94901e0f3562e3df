/* SPDX-License-Identifier: Apache-2.0
 *
 * Commits and refs as rows, and the database's side of the tree.  Everything here works inside a
 * transaction of the caller. */
#ifndef FIRN_CATALOG_HISTORY_H
#define FIRN_CATALOG_HISTORY_H

#include "catalog/refs.h"
#include "catalog/tree.h"
#include "io/db.h"

struct commit {
    struct sha256 id, root;
    struct sha256 parents[2];
    int parents_n;
    int64_t generation; /* 1 + the greatest of the parents' */
    int64_t time_us;
    str author, message, operations;
};

/* Reads and writes nodes in this transaction. */
struct node_io history_node_io(struct db_tx *tx);

/* Gives the commit its id, which covers all other fields and `nonce` (so that two commits are never
 * one), and saves it. */
MUST_USE bool commit_save(struct db_tx *tx, struct commit *c, const uint8_t nonce[16],
                          struct error *err);
MUST_USE bool commit_load(struct db_tx *tx, const struct sha256 *id, struct arena *a,
                          struct commit *out, struct error *err);
MUST_USE bool commit_exists(struct db_tx *tx, const struct sha256 *id, bool *out,
                            struct error *err);

/* A row of cat_refs. */
struct ref_row {
    str name;
    enum catalog_ref_kind kind;
    struct sha256 commit_id;
    int64_t created_us, updated_us;
};
/* The row of a ref, if there is one. */
MUST_USE bool ref_load(struct db_tx *tx, str name, struct arena *a, bool *found,
                       struct ref_row *out, struct error *err);
/* What a ref argument means, "", commit ids and steps included; ERR_NOT_FOUND. */
MUST_USE bool ref_resolve(struct db_tx *tx, str ref, struct arena *a, struct ref_row *row,
                          struct commit *commit, struct error *err);
/* A ref argument with steps after its name, and what ref_resolve makes of it. */
bool ref_has_steps(str ref);
MUST_USE bool ref_walk_steps(struct db_tx *tx, str ref, struct arena *a, struct ref_row *row,
                             struct commit *commit, struct error *err);
MUST_USE bool ref_list(struct db_tx *tx, struct arena *a, struct ref_row **out, size_t *n,
                       struct error *err);
MUST_USE bool ref_insert(struct db_tx *tx, const struct ref_row *row,
                         struct error *err); /* ERR_EXISTS */
/* Compare-and-set; *moved is false when the ref was not at `from` any more. */
MUST_USE bool ref_move(struct db_tx *tx, str name, const struct sha256 *from,
                       const struct sha256 *to, int64_t now_us, bool *moved, struct error *err);

/* The nearest commit that both descend from (or are); *found is false for unrelated histories. */
MUST_USE bool history_merge_base(struct db_tx *tx, const struct sha256 *x, const struct sha256 *y,
                                 bool *found, struct sha256 *out, struct error *err);
/* Whether `ancestor` is `id` or one of its ancestors. */
MUST_USE bool history_contains(struct db_tx *tx, const struct sha256 *id,
                               const struct sha256 *ancestor, bool *out, struct error *err);
/* Whether a ref that is at `id` was at `state` before, or is: first parents only.  What came by a merge was never a state of the ref,
 * and who may read the ref may not therefore read it. */
MUST_USE bool history_was_at(struct db_tx *tx, const struct sha256 *id, const struct sha256 *state,
                             bool *out, struct error *err);

static inline bool sha_equal(const struct sha256 *x, const struct sha256 *y)
{
    return memcmp(x->bytes, y->bytes, SHA256_LEN) == 0;
}
static inline str sha_str(const struct sha256 *x)
{
    return str_make(x->bytes, SHA256_LEN);
}
/* Hexadecimal text of a name, and back. */
str sha_text(const struct sha256 *x, struct arena *a);
bool sha_parse(str text, struct sha256 *out); /* 64 hexadecimal digits */

#endif
