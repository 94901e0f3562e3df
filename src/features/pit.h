/* SPDX-License-Identifier: Apache-2.0
 *
 * Point-in-time join, the kernel: which feature row does each entity row get, and its values.
 * It knows nothing of files or engines: whoever drives it feeds batches in any order from any
 * number of threads.  DESIGN, section 8, is the contract; pit_run.h drives it over Parquet.
 *
 *   pit_create -> pit_feed* -> pit_seal -> pit_open -> pit_offer* [-> pit_again -> pit_offer*]
 *              -> pit_finish
 *              -> pit_rows_open -> pit_take* -> pit_rows_close -> pit_gather* -> pit_destroy
 *
 * Starred calls are thread-safe among themselves; the others are made by one thread, in this order.
 * Rules: same key by value, ts <= T, ts >= T - ttl when ttl > 0; the winner has the greatest
 * (ts, created, file, row), where files are numbered in ascending order of data sequence number
 * and then path.  A null key part or a null time matches nothing, a null created ranks lowest. */
#ifndef FIRN_FEATURES_PIT_H
#define FIRN_FEATURES_PIT_H

#include "base/error.h"
#include "base/str.h"
#include "base/thread.h"

#define PIT_KEYS_MAX 16                /* parts of a join key */
#define PIT_BATCH_MAX 2048             /* rows in one call: the engine's vector */
#define PIT_ENTITIES_MAX UINT32_MAX    /* entity rows of one join */
#define PIT_FILES_MAX ((1u << 21) - 2) /* feature files of one join */
#define PIT_FILE_ROWS_MAX ((int64_t)1 << 42)
#define PIT_COLUMNS_MAX 4096           /* feature columns of one view */
#define PIT_VALUE_BYTES_MAX UINT32_MAX /* bytes of one string value */
#define PIT_NULL_TIME INT64_MIN        /* a time that is not there */

struct pit;

/* Parts of a key.  Integers of any width are compared by value, as int64. */
enum pit_kind { PIT_BOOL, PIT_I8, PIT_I16, PIT_I32, PIT_I64, PIT_B16, PIT_BYTES };

/* A known_at cut-off: a row counts only from the time at which it was known. */
enum pit_cutoff {
    PIT_CUTOFF_NONE,
    PIT_CUTOFF_CREATED, /* its created timestamp; a row without one was never known */
    PIT_CUTOFF_COMMIT   /* the commit time of its snapshot, given per batch */
};

struct pit_config {
    int64_t ttl_us;   /* 0: unlimited */
    bool has_created; /* batches carry a created timestamp */
    enum pit_cutoff cutoff;
    enum pit_kind keys[PIT_KEYS_MAX];
    size_t keys_n;
    size_t entities_n; /* entity rows, at most PIT_ENTITIES_MAX - 1 */
    int hash_bits;     /* tests: keep so many bits of a key's hash, so that keys collide; 0: all */
};

/* n values and which of them are there: bit i of word i / 64; NULL when all are.  PIT_B16 is an
 * array of 16 bytes, PIT_BOOL of bytes, PIT_BYTES of str, or of anything that `text` can read. */
struct pit_column {
    const void *data;
    const uint64_t *valid;
    str (*text)(const void *data, size_t i); /* NULL: an array of str */
};

struct pit_batch {
    size_t n;                      /* at most PIT_BATCH_MAX */
    const struct pit_column *keys; /* config.keys_n of them */
    struct pit_column ts;          /* int64 microseconds: an entity row's T, a feature row's ts */
    struct pit_column created;     /* int64; read when has_created; see pit_offer */
    const int64_t *rows;           /* row numbers: entity ordinals; rows of `file`, ascending */
    uint32_t file;
    int64_t commit_us; /* read when cutoff is PIT_CUTOFF_COMMIT */
};

/* ERR_LIMIT or ERR_INVALID when the configuration is out of bounds.  `pool` runs the parallel
 * steps and must outlive the kernel; NULL: everything runs on the calling thread. */
MUST_USE bool pit_create(const struct pit_config *config, struct pool *pool, struct pit **out,
                         struct error *err);
void pit_destroy(struct pit *p); /* NULL is fine */

/* Entity rows; each ordinal below entities_n once.  Rows never fed match nothing.  Copies what it
 * needs.  ERR_INVALID on an ordinal out of range. */
MUST_USE bool pit_feed(struct pit *p, const struct pit_batch *batch, struct error *err);

/* Groups the entity rows by key and sorts each key's distinct times into slots. */
MUST_USE bool pit_seal(struct pit *p, struct error *err);

/* What may matter after pit_seal, for pruning files and row groups: no row with ts outside
 * [lo, hi] matches.  False: no entity row can match anything. */
bool pit_time_range(const struct pit *p, int64_t *lo, int64_t *hi);

/* The same for a key of one integer: no row with a key outside [lo, hi] matches.  False: the key is
 * of another kind, or nothing can match. */
bool pit_key_range(const struct pit *p, int64_t *lo, int64_t *hi);

/* How many feature files there are, at most PIT_FILES_MAX. */
MUST_USE bool pit_open(struct pit *p, size_t files_n, struct error *err);

/* Feature rows, in any order.  ERR_LIMIT on a row number out of range.
 *
 * Created timestamps decide nothing but ties of ts.  So where there is no cut-off, all batches may
 * come without them (data NULL) first.  When pit_tied says that it matters, or when pit_ties grows
 * beyond patience, pit_again forgets the rows, and every one must be offered once more, with them. */
MUST_USE bool pit_offer(struct pit *p, const struct pit_batch *batch, struct error *err);
size_t pit_ties(const struct pit *p); /* met so far; thread-safe */
bool pit_tied(const struct pit *p);   /* after a pass over all rows */
void pit_again(struct pit *p);

/* Running maximum over each key's slots, the ttl test, then the set of winning rows. */
MUST_USE bool pit_finish(struct pit *p, struct error *err);

size_t pit_winners(const struct pit *p); /* distinct feature rows that win somewhere */
size_t pit_matched(const struct pit *p); /* entity rows that found one */
size_t pit_file_winners(const struct pit *p, uint32_t file);

/* The next run of rows of `file` at or after *from that holds winners, where gaps of fewer than
 * `gap` rows do not end a run: [*from, *to).  False when there are no more. */
bool pit_file_run(const struct pit *p, uint32_t file, int64_t gap, int64_t *from, int64_t *to);

/* The columns whose values are kept for winners: bytes a value, 1 2 4 8 or 16; 0: str. */
MUST_USE bool pit_rows_open(struct pit *p, const uint8_t *widths, size_t n, struct error *err);

/* Feature rows with values of columns [first, first + columns_n); keeps those that win.  `rows`
 * ascends within the batch.  Each winner must come once with each column. */
MUST_USE bool pit_take(struct pit *p, uint32_t file, const int64_t *rows, size_t n, size_t first,
                       const struct pit_column *columns, size_t columns_n, struct error *err);

/* ERR_CORRUPT when not each winner has been taken: the files changed under the join. */
MUST_USE bool pit_rows_close(struct pit *p, struct error *err);

/* Column `column` for n entity ordinals; `valid` has room for n bits and is written whole.  What
 * stands in `out` for a null means nothing, but is initialised.  Strings live until pit_destroy.
 * ERR_INVALID on an ordinal out of range. */
MUST_USE bool pit_gather(const struct pit *p, const int64_t *ordinals, size_t n, size_t column,
                         void *out, uint64_t *valid, struct error *err);

#endif
