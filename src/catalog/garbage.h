/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that nothing may need any more, and their removal.  Failed commits, dropped tables and expired
 * snapshots put files on a list (cat_garbage); being on it proves nothing.  The collector removes one only
 * when all of this holds:
 *
 *   G1  It has been on the list, or was last seen in use, longer ago than the safety age: whoever planned a scan or a
 *       commit with it has ended by then.
 *   G2  No scan runs in this process that began before it was listed.
 *   G3  No table or view reaches it, in any snapshot of the metadata that any branch or tag names now, or named
 *       in commits younger than the horizon.  Everything is read for this; when a file that a head reaches cannot be read,
 *       nothing is removed; what is missing of other commits is passed over.
 *   G4  After that no ref has moved to a version that was not looked at.
 *
 * A location that ends a table (a dropped one's folder) stands for the objects below it. */
#ifndef FIRN_CATALOG_GARBAGE_H
#define FIRN_CATALOG_GARBAGE_H

#include "base/thread.h"
#include "catalog/table_ops.h"
#include "iceberg/reach.h"

struct map;

#define COLLECT_SAFETY_US (INT64_C(3) * 24 * 3600 * 1000000) /* the default safety age */
#define COLLECT_FILES_MAX 200000 /* objects looked at in one call: 50 MB of names */

struct collect_options {
    int64_t safety_us;      /* G1, and the horizon of G3 */
    int64_t oldest_scan_us; /* G2; INT64_MAX: none runs */
    bool dry_run;
    struct cancel *cancel; /* may be NULL */
};

struct collect_result {
    int64_t listed;  /* locations on the list */
    int64_t waiting; /* of these, too young */
    int64_t in_use;  /* objects that something reaches; they wait again */
    int64_t removed; /* objects; dry run: that would be */
    int64_t bytes;   /* of these */
    bool more;       /* there is more than one call looks at */
};

/* One round.  Any error leaves what was not removed on the list.  Rounds side by side do each other no harm. */
MUST_USE bool catalog_collect(struct catalog *c, const struct collect_options *o, struct arena *a,
                              struct collect_result *out, struct error *err);

/* Lists locations; those on the list already wait anew from now on. */
MUST_USE bool catalog_list_garbage(struct catalog *c, const char *why, const str *locations,
                                   size_t n, struct error *err);

/* Tells everything that any branch or tag reaches now, and what commits since `horizon_us` reached: metadata files, views'
 * too, and all that tables' metadata reaches.  `versions` is a map of metadata locations, in an arena of the caller, that were
 * looked at before: they are left out, new ones are added. */
MUST_USE bool catalog_reach(struct catalog *c, int64_t horizon_us, struct reach *r,
                            struct map *versions, reach_fn fn, void *ctx, struct error *err);

/* Snapshots that versions of the table on other branches and tags point to, by any of their own refs.  In `a`. */
MUST_USE bool catalog_snapshots_needed(struct catalog *c, str ref, const struct table *t,
                                       struct arena *a, int64_t **ids, size_t *n,
                                       struct error *err);

struct catalog_expire_options {
    int64_t older_than_ms; /* EXPIRE_AGE_NONE (iceberg/expire.h): by property */
    int32_t retain_last;   /* 0: by property */
    const int64_t *ids;
    size_t ids_n;
    bool clean_metadata, dry_run;
    struct cancel *cancel;
};

struct catalog_expire_result {
    int64_t snapshots, refs, specs, schemas; /* that went */
    int64_t files[REACH_KINDS]; /* that nothing of this version needs any more: listed as garbage */
    str commit_id;              /* empty: nothing had to go */
};

/* Expires snapshots of a table on a branch, as one commit.  Files go to the list before the commit, which does no harm if it
 * fails (the collector proves everything), so none is forgotten. */
MUST_USE bool catalog_expire(struct catalog *c, str ref, str ns, str name,
                             const struct catalog_expire_options *o, const struct write_info *info,
                             struct arena *a, struct catalog_expire_result *out, struct error *err);

#endif
