/* SPDX-License-Identifier: Apache-2.0
 *
 * The durable step: planned edits become a commit, by compare-and-set per entry, in one database
 * transaction with the ledger. Requests that wait while a transaction runs are put into the next
 * one together (group commit): the first to find nobody publishing publishes for all that wait.
 *
 * A request says what each of its entries must be.  Whether the branch has moved otherwise does not
 * matter: the edits are applied to the tree as it is then, under the database's write lock. */
#ifndef FIRN_CATALOG_PUBLISH_PRIV_H
#define FIRN_CATALOG_PUBLISH_PRIV_H

#include <pthread.h>

#include "base/vec.h"
#include "catalog/history.h"
#include "catalog/lru.h"
#include "catalog/rules.h"

struct env;
struct publisher;

enum expectation {
    EXPECT_VALUE,   /* the entry is `expected`; ptr NULL: it is not there */
    EXPECT_PRESENT, /* something is there, and stays */
    EXPECT_EMPTY,   /* no key begins with `key` */
};

struct publish_edit {
    str key;
    enum expectation expect;
    str expected;
    bool write;  /* false: only the expectation */
    bool remove; /* instead of setting `value` */
    str value;
    enum entry_type type; /* for the commit's list of operations */
};

struct ledger_row {
    str key, body;
};

struct publish_request {
    str branch;
    enum ref_action action;        /* what the branch's rules are asked for, */
    const struct commit_info *who; /* and for whom; NULL: nobody in particular */
    struct publish_edit *edits;
    size_t n;
    const struct sha256 *second_parent; /* of a merge, or NULL */
    const struct sha256 *head;          /* the branch must be here, or NULL: anywhere */
    const struct sha256 *move_to;       /* no commit is made: the branch moves from head to here */
    str author, message;                /* an empty message is made from the edits */
    const struct ledger_row *ledger;
    size_t ledger_n;
    const str *garbage; /* locations to be listed with the commit */
    size_t garbage_n;

    struct sha256 commit_id; /* the answer */
    struct sha256 nonce;     /* first 16 bytes used */
    bool done, ok;
    struct error err;
    pthread_cond_t settled; /* it is done, or nobody leads and it is the first in line */
    struct publish_request *next;
};

/* All are kept alive by the caller; `changes` moves with each transaction that may be durable, before anybody hears of it. */
struct publisher *publisher_create(struct db *db, struct store *store, struct env *env,
                                   struct lru *nodes, atomic_uint_least64_t *changes);
void publisher_destroy(struct publisher *p);

/* Blocks until the request is durable or refused.  ERR_CONFLICT: an expectation failed, plan again.
 * ERR_NOT_FOUND: no such branch. ERR_UNKNOWN: the database cannot say whether it is durable. */
MUST_USE bool publish(struct publisher *p, struct publish_request *r, struct error *err);

/* The commit recorded under a ledger key. */
MUST_USE bool ledger_find(struct db_tx *tx, str key, struct arena *a, bool *found,
                          struct sha256 *commit, str *body, struct error *err);
MUST_USE bool ledger_add(struct db_tx *tx, const struct ledger_row *row,
                         const struct sha256 *commit, int64_t now_us, struct error *err);
MUST_USE bool garbage_insert(struct db_tx *tx, str location, str why, int64_t now_us,
                             struct error *err);

#endif
