/* SPDX-License-Identifier: Apache-2.0
 *
 * Orphans: files in a table's folder that nothing in the catalog ever named, or names any more: what writers that were killed, or
 * other engines that failed, left behind.  They are on no list (garbage.h), so the folder is listed.
 *
 *   O1  A file younger than older_than_ms is nobody's business: a writer may be about to commit it.  That time is not less than
 *       ORPHANS_AGE_MIN_US ago unless the caller insists, and not after the oldest session of this process began.
 *   O2  A file stays that is reached by any table, of any commit that any branch or tag leads to, in any snapshot, in its metadata
 *       log or statistics; whichever way its location is spelled ("file:/x", "file:///x", "//", "%20" for a space).  What
 *       heads reach has to be readable, else nothing is removed; what is missing of older commits is passed over: other
 *       engines' expiry removes files at once.
 *   O3  Before a batch of files is removed, commits made since are looked at.
 *   O4  Names that begin with '.' or '_' are others' marks and stay, and so does version-hint.text.
 *
 * Reached files are remembered in a set of bounded memory that may say yes for a file that is not in it, never no for one that is:
 * an orphan may stay, and is found another time. */
#ifndef FIRN_CATALOG_ORPHANS_H
#define FIRN_CATALOG_ORPHANS_H

#include "base/thread.h"
#include "base/vec.h"
#include "catalog/catalog.h"

#define ORPHANS_AGE_US (INT64_C(3) * 24 * 3600 * 1000000) /* when nothing is said */
#define ORPHANS_AGE_MIN_US (INT64_C(24) * 3600 * 1000000)
#define ORPHANS_EQUALS_MAX 64 /* spellings of schemes or authorities */

/* A file whose path is reached under another scheme or authority. */
enum orphans_mismatch {
    ORPHANS_ERROR, /* nothing is removed: say which are equal, or one of the others */
    ORPHANS_IGNORE,
    ORPHANS_DELETE
};

struct orphans_equal {
    str from, to; /* of schemes or authorities: "s3a" is "s3" */
};

/* Each orphan, after it was removed (dry run: instead).  Valid during the call; false with *err set stops. */
typedef bool (*orphan_fn)(void *ctx, str location, int64_t bytes, struct error *err);

struct orphans_options {
    str location;           /* below the table's location or its write paths; empty: its location */
    int64_t older_than_ms;  /* since 1970; INT64_MIN: ORPHANS_AGE_US ago */
    bool any_age;           /* older_than_ms may be younger than ORPHANS_AGE_MIN_US */
    int64_t oldest_scan_us; /* INT64_MAX: no session runs */
    bool dry_run;
    enum orphans_mismatch mismatch;
    const struct orphans_equal *schemes; /* besides s3, s3a and s3n */
    size_t schemes_n;
    const struct orphans_equal *authorities;
    size_t authorities_n;
    struct cancel *cancel; /* may be NULL */
    orphan_fn fn;          /* may be NULL */
    void *ctx;
};

/* An orphan_fn whose ctx is such a list; `a` is set, the rest zero. */
struct orphan_locations {
    struct arena *a;
    VEC(str) list; /* in `a`; at most ORPHANS_TOLD_MAX, later ones are only counted in the result */
};
#define ORPHANS_TOLD_MAX 20000 /* as many as Spark's procedure tells when it streams */
bool orphan_locations_add(void *ctx, str location, int64_t bytes, struct error *err);

struct orphans_result {
    int64_t listed;  /* files in the folder */
    int64_t young;   /* of these, too young to be judged */
    int64_t removed; /* dry run: that would be */
    int64_t bytes;   /* of these */
};

/* ERR_INVALID for a time that is too young or a location that is no place, ERR_DENIED for a location that is not the table's own and
 * when the table's gc.enabled is false, ERR_CONFLICT for a mismatch under ORPHANS_ERROR.  On an error *out tells what was removed
 * before it. */
MUST_USE bool catalog_orphans(struct catalog *c, str ref, str ns, str name,
                              const struct orphans_options *o, struct arena *a,
                              struct orphans_result *out, struct error *err);

/* "a,b" => "c" becomes a => c, b => c: as Spark's equal_schemes has it.  `pairs` are keys and values in turn.  In `a`.  ERR_LIMIT. */
MUST_USE bool orphans_equals(const str *pairs, size_t n, struct arena *a,
                             struct orphans_equal **out, size_t *out_n, struct error *err);
/* "error", "ignore", "delete", in any case; empty: ERROR.  ERR_INVALID. */
MUST_USE bool orphans_mismatch_parse(str text, enum orphans_mismatch *out, struct error *err);

#endif
