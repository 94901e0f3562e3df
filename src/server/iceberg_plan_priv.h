/* SPDX-License-Identifier: Apache-2.0
 *
 * Scan planning for clients of the Iceberg REST catalog: what its files share.
 *
 *   iceberg_plan.c        the four routes: plan, look at a plan, cancel it, fetch a plan task
 *   iceberg_plan_query.c  a request, and the same as a plan task's text
 *   iceberg_plan_write.c  data files, delete files and tasks as JSON
 *   plans.c               plans that are made while the client waits elsewhere
 *
 * An answer holds as many files as a page takes; the rest of the plan is given as plan tasks.  A plan task is text that
 * says everything about its part of the plan (snapshot, filter, range of manifest entries): the server keeps nothing, any
 * server answers it, and it outlives a restart.  Nothing in it is trusted: what it asks for is what a plan request
 * could ask for, and is checked like one.
 *
 * A plan is made at once unless the client prefers otherwise ("Prefer: respond-async", RFC 7240) or the table's
 * property says so; then it has an id, is made on a pool and kept for a while. */
#ifndef FIRN_SERVER_ICEBERG_PLAN_PRIV_H
#define FIRN_SERVER_ICEBERG_PLAN_PRIV_H

#include "iceberg/scan.h"
#include "server/iceberg_priv.h"

#define PLAN_PAGE_FILES 5000       /* files of one answer, about; 3 MB of JSON */
#define PLAN_PAGE_FILES_MAX 100000 /* that a table's property may ask for */

/* What is asked for, bound to a table's metadata. */
struct plan_query {
    const struct schema *schema;
    const struct expr *filter; /* unbound; NULL: all */
    str filter_text;           /* as JSON */
    bool case_sensitive;
    bool appends;        /* of snapshots after `after_id` up to snapshot_id */
    int64_t snapshot_id; /* 0: the table has none */
    int64_t after_id;
    const int32_t *stats_ids; /* ascending */
    size_t stats_ids_n;
    int64_t rows_wanted; /* 0: all */
    struct scan_part part;
};

/* Reads a PlanTableScanRequest.  ERR_INVALID, ERR_UNSUPPORTED.  *out lives in `a` and points into `doc`. */
MUST_USE bool plan_query_parse(const struct json *doc, const struct metadata *m, struct arena *a,
                               struct plan_query *out, struct error *err);

/* The text of a plan task for a part of the query, good until `expires_ms`; ptr NULL when it would be too long. */
str plan_task_format(const struct plan_query *q, const struct scan_part *part, str table_uuid,
                     int64_t expires_ms, struct arena *a);
/* ERR_NOT_FOUND for a text that is none, is another table's, has expired, or names a snapshot that has. */
MUST_USE bool plan_task_parse(str text, const struct metadata *m, int64_t now_ms, struct arena *a,
                              struct plan_query *out, struct error *err);

/* Writes the members file-scan-tasks, delete-files and plan-tasks into an object that is open. */
MUST_USE bool plan_write(struct app *app, const struct metadata *m, const struct plan_query *q,
                         struct cancel *cancel, struct arena *a, struct json_writer *w,
                         struct error *err);

#endif
