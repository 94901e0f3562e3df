/* SPDX-License-Identifier: Apache-2.0
 *
 * What happened to the catalog, in order, for those who want to be told.
 *
 *   E1  A change is a row that is written in the transaction that makes the change: none is lost, and none is told that did not
 *       happen.
 *   E2  Rows are numbered from 1 under the database's write lock, whatever process writes: the order of numbers is that of the
 *       commits, and who has seen a number has seen all below it.
 *   E3  A row names two commits; what changed between them is read from their trees when somebody asks.  So a change costs one
 *       small row, and its entries, their order too, are the same whenever they are read.
 *   E4  The newest row is never pruned: numbers are not used twice. */
#ifndef FIRN_CATALOG_EVENTS_H
#define FIRN_CATALOG_EVENTS_H

#include "catalog/refs.h"

enum change_kind {
    CHANGE_COMMIT = 1, /* a branch got a commit with one parent */
    CHANGE_MERGE, /* a merge commit, or a branch that was moved forward by a merge (`other` says "fast-forward") */
    CHANGE_REF_CREATED,  /* `to` is where it points */
    CHANGE_REF_ASSIGNED, /* pointed elsewhere, from `from` to `to` */
    CHANGE_REF_RENAMED,  /* `other` is the name that it had */
    CHANGE_REF_DELETED,  /* `from` is where it pointed */
    CHANGE_RULE_SET,     /* `ref` is the pattern */
    CHANGE_RULE_DROPPED,
    CHANGE_KINDS
};

struct change {
    int64_t seq, time_us;
    enum change_kind kind;
    enum catalog_ref_kind ref_kind; /* 0 for rules */
    str ref, other;
    str from, to; /* commit ids; empty where there is none */
    str who;      /* principal; empty: nobody in particular */
};

/* The first changes after number `after` (0: from the oldest kept), at most `limit` of them.  ERR_NOT_FOUND when changes after
 * `after` have been pruned already, ERR_INVALID when `after` lies beyond the newest. */
MUST_USE bool catalog_changes(struct catalog *c, int64_t after, size_t limit, struct arena *a,
                              struct change **out, size_t *n, struct error *err);
/* The oldest and the newest number kept; both 0 when there is none. */
MUST_USE bool catalog_changes_range(struct catalog *c, int64_t *oldest, int64_t *newest,
                                    struct error *err);

enum entry_change { ENTRY_CREATED, ENTRY_UPDATED, ENTRY_DROPPED, ENTRY_RENAMED };
struct changed_entry {
    enum entry_change change;
    enum entry_type type;
    str ns, name;                             /* name empty for a namespace */
    str from_ns, from_name;                   /* of a renamed one */
    str uuid;                                 /* of tables and views */
    str from_location, to_location;           /* metadata, empty on the side where it is not */
    int64_t from_snapshot_id, to_snapshot_id; /* -1: none */
};
#define CHANGED_ENTRIES_MAX 100000
/* What a change did to the ref's entries, in the order of the tree; a table that is gone under one name and there under another is
 * one renamed entry, at its new name.  *complete is false, and nothing listed, above CHANGED_ENTRIES_MAX. */
MUST_USE bool catalog_change_entries(struct catalog *c, const struct change *change,
                                     struct arena *a, struct changed_entry **out, size_t *n,
                                     bool *complete, struct error *err);

/* Forgets changes before `before_us` with numbers below `before_seq`, a bounded number of them; the newest stays.  *pruned says how
 * many. */
MUST_USE bool catalog_changes_prune(struct catalog *c, int64_t before_us, int64_t before_seq,
                                    int64_t *pruned, struct error *err);

/* A number that moves with every change that this process makes, before who made it is answered: for waiting without asking the
 * database, and for keeping what was read. */
uint64_t catalog_changes_made(const struct catalog *c);
/* Whether nobody else changes the catalog: what was read is so for as long as that number, taken before, stands. */
bool catalog_is_ours(const struct catalog *c);

#endif
