/* SPDX-License-Identifier: Apache-2.0
 *
 * The opened catalog and what its parts share. */
#ifndef FIRN_CATALOG_CATALOG_PRIV_H
#define FIRN_CATALOG_CATALOG_PRIV_H

#include "catalog/entry.h"
#include "catalog/history.h"
#include "catalog/lru.h"
#include "catalog/publish_priv.h"
#include "catalog/table.h"
#include "catalog/tree.h"

#define MAIN_BRANCH STR("main")

struct turns;

struct catalog {
    struct arena *arena; /* of this struct */
    struct db *db;
    struct store *store;
    struct env *env;
    struct pool *pool;
    struct lru *nodes;    /* parsed tree nodes, by hash */
    struct lru *metadata; /* parsed table metadata, by location */
    struct lru *confined; /* manifests that were found to name a table's own files (confine.c) */
    struct publisher *publisher;
    struct turns *turns;
    atomic_uint_least64_t changes; /* made by this process (events.h) */
};

/* A ref as it stands in one read transaction, which stays open until view_close. */
struct view {
    struct catalog *catalog;
    struct db_tx *tx;
    struct node_io io;
    struct tree tree;
    struct ref_row ref;
    struct commit commit; /* strings in the arena */
};
MUST_USE bool view_open(struct catalog *c, str ref, struct arena *a, struct view *v,
                        struct error *err);
void view_close(struct view *v); /* fine when it was never opened */

/* The entry under a key; *found is false when there is none.  *value is its encoded form. */
MUST_USE bool view_entry(struct view *v, str key, struct arena *a, bool *found, struct entry *out,
                         str *value, struct error *err);

/* ERR_INVALID when the ref is not a branch. */
MUST_USE bool view_need_branch(const struct view *v, struct error *err);
/* ERR_NOT_FOUND "Namespace does not exist". */
MUST_USE bool view_need_namespace(struct view *v, str ns, struct arena *a, struct error *err);

/* Times never go back along a branch, whatever the clock does. */
int64_t catalog_now_us(struct catalog *c, int64_t not_before_us);

/* Metadata that is made from cached metadata and is to be cached itself, under the location that it gets when it is saved, so that nobody
 * has to read it back. */
struct metadata_draft;
/* A draft that lives as long as `a`; NULL when it is not worth one.  What is made in its arena may share parts with `base`, which
 * metadata_load found at base_location. */
struct metadata_draft *metadata_draft(struct catalog *c, const struct metadata *base,
                                      str base_location, struct arena *a);
struct arena *metadata_draft_arena(struct metadata_draft *d);
/* The file is written and its commit is done.  NULL is fine. */
void metadata_draft_keep(struct catalog *c, struct metadata_draft *d, const struct metadata *m,
                         str location);

/* Parsed metadata by its location, from the cache or the store; lives as long as the arena.  `uuid`
 * (may be empty) must be its own. */
MUST_USE bool metadata_load(struct catalog *c, str location, str uuid, struct arena *a,
                            const struct metadata **out, struct error *err);
/* Writes metadata durably under a fresh name that follows `previous` (empty: the first version). */
MUST_USE bool metadata_save(struct catalog *c, const struct metadata *m, str previous,
                            struct arena *a, str *location, struct buf *text, struct error *err);
/* A fresh name for a metadata file in `folder` (empty: "metadata" below `base`) that follows `previous` (empty: the first); a packed one's ends
 * with .gz.metadata.json, as Java names it. */
str metadata_new_location(struct catalog *c, str folder, str base, str previous, bool packed,
                          struct arena *a);
/* ERR_DENIED or ERR_INVALID, naming `what`, unless the location may be used; an empty one may. */
MUST_USE bool check_place(struct catalog *c, const char *what, str location, struct arena *a,
                          struct error *err);
/* ERR_DENIED unless every place that the metadata makes writers or us write to is in the store; those of `base` (may be NULL) have been
 * checked. */
MUST_USE bool metadata_check_places(struct catalog *c, const struct metadata *base,
                                    const struct metadata *m, struct error *err);
/* The entry for metadata that was saved. */
struct entry metadata_entry(const struct metadata *m, str location);
void metadata_table(const struct metadata *m, str ref, str ns, str name, str location,
                    str commit_id, struct arena *a, struct table *out);

/* Lists files that no commit refers to for the collector.  Best effort: a failure is logged, the
 * files are found as orphans later. */
void garbage_add(struct catalog *c, const char *why, const str *locations, size_t n);

/* Before anything is published, a write whose outcome is unknown is one of a file that nothing
 * refers to: the change itself has provably not happened.  Always false. */
static inline bool not_published(struct error *err)
{
    if (err->code == ERR_UNKNOWN)
        err->code = ERR_UNAVAILABLE;
    return false;
}

/* One attempt at a change: plan edits against the newest state. */
struct attempt {
    struct catalog *catalog;
    struct view view;    /* open during planning only */
    struct arena *arena; /* of the attempt */
    struct arena *out;   /* of the answer */
    const struct commit_info *info;
    struct publish_request request; /* to be filled by the planner */
    VEC(struct publish_edit) edits;
    VEC(str) written; /* files that are garbage when the attempt fails */
    bool finished;    /* the planner found that there is nothing to publish */
};

/* What a planner does: fails, or fills attempt->edits, or sets finished. */
typedef bool (*attempt_planner)(void *ctx, struct attempt *t, struct error *err);
/* Called after success with the commit's id (empty when the planner set finished). */
typedef bool (*attempt_done)(void *ctx, struct attempt *t, const struct sha256 *commit,
                             bool replayed, struct error *err);

/* Plans and publishes until it works, the planner fails, or ATTEMPTS_MAX moves of the same entries
 * got in the way. `what` describes the request for the idempotency ledger; `done` may be NULL. */
MUST_USE bool attempt_run(struct catalog *c, str ref, const struct commit_info *info, str what,
                          attempt_planner plan, attempt_done done, void *ctx, struct arena *a,
                          str *commit_id, struct error *err);

struct publish_edit *attempt_edit(struct attempt *t, str key);
/* What an entry's edit says: the value must be `expected` (ptr NULL: absent). */
void attempt_put(struct attempt *t, str key, enum entry_type type, str expected, str value);
void attempt_remove(struct attempt *t, str key, enum entry_type type, str expected);
void attempt_need(struct attempt *t, str key);     /* something must be there */
void attempt_empty(struct attempt *t, str prefix); /* nothing may be below */

#endif
