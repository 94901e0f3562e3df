/* SPDX-License-Identifier: Apache-2.0
 *
 * Scan planning: which data files of a snapshot may hold rows that match a filter, and which
 * delete files apply to each.
 *
 * Manifests are read in parallel and their tasks handed over block by block; memory is bounded by
 * one manifest a thread, whatever the size of the table (delete files are kept, data files are
 * not).  Delete manifests are read first.
 *
 *   scan.c          the plan of one snapshot, or of a part of its manifests
 *   scan_changes.c  what lies between two snapshots
 *   scan_manifest.c one manifest on its own
 *   scan_parts.c    a plan in pieces that can be made one by one
 *   scan_split.c    files into pieces, pieces into groups
 *   scan_summary.c  answers that need no rows */
#ifndef FIRN_ICEBERG_SCAN_H
#define FIRN_ICEBERG_SCAN_H

#include "iceberg/expr.h"
#include "iceberg/manifest.h"
#include "iceberg/value.h"

struct cancel;
struct env;
struct metadata;
struct pool;
struct snapshot;
struct store;

/* Which snapshot: at most one of these is set; none means the current one. */
struct scan_at {
    int64_t snapshot_id;  /* 0: not set */
    str ref;              /* a branch or a tag; empty: not set */
    int64_t timestamp_ms; /* the newest snapshot of the history at that time; 0: not set */
};

/* What a scan gives: the rows of one snapshot, or what happened between two of its history. */
enum scan_kind {
    SCAN_SNAPSHOT,
    SCAN_APPENDS, /* files that snapshots of the operation append added, those deleted since too */
    SCAN_CHANGELOG, /* rows inserted and deleted by each snapshot; replace changes none */
};

/* Snapshots of a scan of changes: after `after_id`, up to `to_id`, which must descend from it. */
struct scan_range {
    enum scan_kind kind;
    int64_t after_id; /* 0: all since the oldest that is known */
    int64_t to_id;    /* 0: the one that `at` means */
};

/* A part of a plan, so that it can be made in pieces: places of manifests in the manifest list, from
 * an entry of the first to an entry of the last.  All zero: the whole. */
struct scan_part {
    size_t manifest_from, manifest_to; /* to is exclusive */
    uint64_t entry_from;               /* of the first manifest */
    uint64_t entry_to;                 /* of the last one, exclusive; 0: to its end */
};

struct scan_options {
    struct scan_at at;
    struct scan_range range;
    const struct schema *schema; /* to bind the filter to; NULL: as scan_schema says */
    const struct expr *filter;   /* unbound; NULL: all rows */
    bool case_sensitive;
    bool all_columns; /* give the metrics of all columns with each file, not only the filter's */
    const int32_t *stats_ids; /* and of these, ascending */
    size_t stats_ids_n;
    bool ignore_deletes;  /* do not read delete manifests; tasks have none */
    bool residuals;       /* work out what is left of the filter for each file */
    uint64_t rows_wanted; /* stop when the tasks surely hold as many rows that match; 0: never */
    struct scan_part part;
    struct pool *pool;     /* NULL: the calling thread only */
    struct cancel *cancel; /* NULL: none */
};

/* What a task's rows are in a changelog. */
enum scan_change {
    CHANGE_NONE,
    CHANGE_INSERTED,     /* all rows, but for those that `deletes` remove */
    CHANGE_DELETED_FILE, /* all rows, but for those that `deletes` had removed before */
    CHANGE_DELETED_ROWS, /* those that `added_deletes` remove, but for those of `deletes` */
};

/* A data file to read.  Everything it points to lives during the callback only. */
struct scan_task {
    const struct data_file *file;
    int64_t snapshot_id; /* that added it */
    int64_t sequence_number, file_sequence_number;
    const struct data_file *const *deletes; /* that apply to it */
    size_t deletes_n;
    size_t manifest, entry; /* place in the snapshot: sort by these for a stable order */
    /* With options.residuals: what rows of this file must still be asked; bound.  TRUE when all match. */
    const struct expr *residual;
    /* Changelogs only. */
    enum scan_change change;
    int64_t change_snapshot_id; /* that made the change */
    size_t change_ordinal;      /* of that snapshot among those of the range, oldest first */
    const struct data_file *const *added_deletes; /* of CHANGE_DELETED_ROWS */
    size_t added_deletes_n;
};

/* The data sequence number of a delete file that a task names. */
int64_t scan_delete_sequence(const struct data_file *delete_file);

struct scan_stats {
    int64_t snapshot_id;              /* 0: the table has none */
    size_t manifests, manifests_read; /* data manifests */
    size_t delete_manifests, delete_manifests_read, delete_files;
    uint64_t files; /* live ones in the manifests that were read, and in those skipped if known */
    uint64_t files_selected, files_pruned_manifest, files_pruned_partition, files_pruned_metrics;
    uint64_t records, bytes; /* of the selected files */
    uint64_t metadata_bytes; /* of manifest list and manifests read */
    uint64_t files_certain;  /* of the selected: with residuals, those whose rows all match */
    uint64_t position_deletes, equality_deletes, vectors; /* of delete_files */
    int64_t wall_ns, first_ns;                            /* until the first task; 0: none */
};

/* Gets tasks of one block of a manifest.  Calls come from any thread, one at a time.  False with
 * *err set stops the plan. */
typedef bool (*scan_tasks_fn)(void *ctx, const struct scan_task *tasks, size_t n,
                              struct error *err);

/* ERR_NOT_FOUND for a snapshot or ref that is not there; ERR_INVALID for a filter that does not
 * fit; ERR_CORRUPT for damaged files.  A table without a snapshot gives no tasks.  *stats (may be
 * NULL) is filled also after a failure, as far as it went.  Thread-safe. */
MUST_USE bool scan_plan(struct store *store, struct env *env, const struct metadata *metadata,
                        const struct scan_options *options, scan_tasks_fn tasks, void *ctx,
                        struct scan_stats *stats, struct error *err);

/* Cuts a plan (or options->part of it) into parts of about `files` entries, in order; manifests that
 * cannot match are left out where they begin or end a part.  Only manifest lists are read.  Parts that follow
 * each other can be joined: first one's from, last one's to.  A changelog is one part.  In `a`. */
MUST_USE bool scan_parts(struct store *store, const struct metadata *metadata,
                         const struct scan_options *options, uint64_t files, struct arena *a,
                         struct scan_part **out, size_t *n, struct error *err);

/* The snapshot that `at` means; *out is NULL when the table has none and nothing was asked for. */
MUST_USE bool scan_snapshot(const struct metadata *metadata, const struct scan_at *at,
                            const struct snapshot **out, struct error *err);

/* The schema to read with: the snapshot's own for an id, a tag or a time, otherwise the table's
 * current one. */
MUST_USE bool scan_schema(const struct metadata *metadata, const struct scan_at *at,
                          const struct schema **out, struct error *err);

/* Reads a snapshot's manifests; the rows live in `a`.  Format 1 snapshots without a manifest list
 * give one row a manifest with nothing but its path known. */
MUST_USE bool scan_manifests(struct store *store, const struct snapshot *snapshot, struct arena *a,
                             struct manifest_file **out, size_t *n, struct error *err);

/* The spec of a manifest of such a list; lists of format 1 may not say which, then its own header, in `bytes`, does.  ERR_CORRUPT when
 * the table has no such spec. */
MUST_USE bool scan_spec_of_manifest(const struct metadata *metadata,
                                    const struct manifest_file *file, str bytes, struct arena *a,
                                    const struct partition_spec **out, struct error *err);

struct manifest_reader;
/* Opens one manifest of such a list, with all its columns' metrics; `schema` gives the types of partition values.  The
 * reader lives as long as `a`.  ERR_CORRUPT, ERR_UNSUPPORTED (encrypted), ERR_LIMIT. */
MUST_USE bool scan_open_manifest(struct store *store, const struct metadata *metadata,
                                 const struct schema *schema, const struct manifest_file *file,
                                 struct arena *a, struct manifest_reader **out, struct error *err);

/* --- splitting tasks --- */

/* How files are cut and put together (read.split.* properties of tables). */
struct split_options {
    int64_t target_size;    /* bytes of one group; 128 MiB */
    int64_t open_file_cost; /* the least a piece counts for; 4 MiB */
    size_t lookback;        /* groups that are open at once; 10 */
};
struct split_options split_options_of(const struct metadata *metadata);

struct file_piece {
    int64_t start, length; /* bytes */
};

/* Cuts a file at its split offsets (those that make sense: ascending and inside), into pieces of at
 * most `target_size` where the offsets allow that.  Files without usable offsets are cut at
 * target_size when their format can be (Avro, ORC, Parquet), else whole.  In `a`. */
void data_file_split(const struct data_file *f, int64_t target_size, struct arena *a,
                     struct file_piece **out, size_t *n);

/* Puts weights in order into groups of at most target (a single weight above it is a group of its
 * own), first fit among the last `lookback` groups: group[i] is the group of weight i.  Returns how
 * many there are. */
size_t split_pack(const int64_t *weights, size_t n, int64_t target, size_t lookback, size_t *group);

/* What one piece weighs: its bytes with those of its deletes, at least an open_file_cost a file. */
int64_t split_weight(const struct scan_task *t, const struct file_piece *piece,
                     const struct split_options *o);

/* --- answers from metadata alone --- */

struct scan_summary {
    bool known; /* false: the rows must be read */
    uint64_t rows;
    /* Of one column: ptr kept in the arena; is_null when all are null or there is no row. */
    bool bounds_known;
    struct value min, max;
    uint64_t nulls; /* valid with bounds_known */
};

/* Counts the rows that match, and finds the least and greatest value of a primitive column
 * (field_id 0: count only), where metadata proves them: no residual, no deletes but vectors (whose
 * cardinality is known) for the count, none at all for the bounds.  Strings and bytes have bounds
 * that may be cut, and floats ones that leave NaN out: not known.  Errors as scan_plan. */
MUST_USE bool scan_summarize(struct store *store, struct env *env, const struct metadata *metadata,
                             const struct scan_options *options, int32_t field_id, struct arena *a,
                             struct scan_summary *out, struct error *err);

#endif
