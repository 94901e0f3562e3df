/* SPDX-License-Identifier: Apache-2.0
 *
 * One plan, shared by the files of scans only. */
#ifndef FIRN_ICEBERG_SCAN_PRIV_H
#define FIRN_ICEBERG_SCAN_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "iceberg/delete_index_priv.h"
#include "iceberg/scan.h"

struct residual;

/* A partition spec with the filter projected to it. */
struct spec_filter {
    const struct partition_spec *spec;
    const struct expr *projected;
    const struct residual *residual; /* NULL: not asked for */
    bool unpartitioned;
};

/* Which entries of data manifests become tasks. */
enum scan_take {
    TAKE_LIVE,
    TAKE_ADDED,  /* added by one of `ids` */
    TAKE_CHANGES /* added or deleted by ids[0], or hit by its deletes */
};

/* Which entries of delete manifests are indexed, and where. */
enum delete_take {
    DELETES_LIVE,
    DELETES_CHANGES /* those that ids[0] added in `added`, those before it in `deletes` */
};

struct plan_run {
    struct store *store;
    struct env *env;
    const struct metadata *metadata;
    const struct scan_options *options;
    const struct schema *schema;
    const struct expr *filter; /* bound */
    const int32_t *field_ids;  /* columns whose metrics are read */
    size_t field_ids_n;
    struct spec_filter *specs;
    size_t specs_n;
    const struct manifest_file *manifests;
    size_t manifests_n;
    size_t *todo; /* manifests of the step that runs */
    size_t todo_n;
    enum scan_take take;
    enum delete_take delete_take;
    const int64_t *ids; /* snapshots, ascending */
    size_t ids_n;
    size_t ordinal; /* of ids[0], for changelogs */
    struct delete_index deletes, added;
    scan_tasks_fn tasks;
    void *ctx;
    int64_t begin_ns;
    atomic_bool enough; /* options.rows_wanted are there */
    uint64_t rows_certain;
    /* Guards stats, rows_certain, the indexes while they are filled, and the callback, which is promised to run one
     * call at a time: callers append to lists and count, and would each need this very lock. */
    pthread_mutex_t lock;
    struct scan_stats stats;
};

/* Binds the filter, projects it to the specs; everything in `a`. */
MUST_USE bool plan_prepare(struct plan_run *p, const struct schema *schema, struct arena *a,
                           struct error *err);
/* Reads the delete manifests among p->manifests for which `wanted` is true (NULL: that have live files) and that may
 * match, then seals the indexes. */
typedef bool (*plan_wanted)(const struct plan_run *p, const struct manifest_file *m);
MUST_USE bool plan_deletes(struct plan_run *p, plan_wanted wanted, struct arena *a,
                           struct error *err);
/* Reads the data manifests likewise and hands over their tasks. */
MUST_USE bool plan_data(struct plan_run *p, plan_wanted wanted, struct arena *a, struct error *err);

/* Sets p->todo to the manifests of a kind that such a step would read. */
void plan_choose(struct plan_run *p, enum manifest_content content, plan_wanted wanted,
                 struct arena *a);

/* Whether the snapshot is one of p->ids. */
bool plan_has_id(const struct plan_run *p, int64_t snapshot_id);

/* The two other kinds of scan (scan_changes.c). */
MUST_USE bool plan_changes(struct plan_run *p, const struct snapshot *to, struct arena *a,
                           struct error *err);
/* Only finds the snapshots and the manifests of SCAN_APPENDS, and how to choose among them. */
MUST_USE bool plan_find_appends(struct plan_run *p, const struct snapshot *to, struct arena *a,
                                plan_wanted *wanted, struct error *err);

#endif
