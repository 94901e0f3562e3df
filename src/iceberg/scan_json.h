/* SPDX-License-Identifier: Apache-2.0
 *
 * Scan tasks as JSON, as the REST protocol has them (open-api/rest-catalog-open-api.yaml, "ScanTasks"):
 *
 *   "file-scan-tasks":[{"data-file":{...},"delete-file-references":[0],"residual-filter":...}, ...],"delete-files":[...]
 *
 * Tasks are written as they are planned; delete files, which several tasks may name, once each into a buffer of their
 * own that follows.
 *
 * Where the protocol's description leaves a choice the Java library's ContentFileParser decides, since it is what reads
 * this: bounds are bytes in hexadecimal, metrics are {"keys":[…],"values":[…]}, and each task has its residual (but
 * for one that is longer than a page of text, which the client has to work out, as format/expressions-spec.md
 * allows). */
#ifndef FIRN_ICEBERG_SCAN_JSON_H
#define FIRN_ICEBERG_SCAN_JSON_H

#include "base/buf.h"
#include "base/map.h"
#include "codec/json.h"
#include "iceberg/scan.h"

/* Set the first five; one thread. */
struct task_writer {
    struct json_writer *w;       /* inside of an object */
    struct arena *a;             /* lives until the end */
    const struct schema *schema; /* of the residuals */
    const int32_t *stats_ids;    /* whose metrics are written, ascending */
    size_t stats_ids_n;
    struct buf deletes; /* their JSON, with commas between */
    struct json_writer deletes_w;
    struct map delete_places;    /* path and offset -> place */
    const struct expr *residual; /* the last one written, and its text */
    str residual_text;
};

/* Opens file-scan-tasks. */
void task_writer_begin(struct task_writer *t);
/* Tasks of one call of a plan with residuals.  ERR_LIMIT when a residual is too deep. */
MUST_USE bool task_writer_add(struct task_writer *t, const struct scan_task *tasks, size_t n,
                              struct error *err);
/* Closes it, and writes delete-files when there are any.  ERR_LIMIT. */
MUST_USE bool task_writer_end(struct task_writer *t, struct error *err);
/* Frees what the writer holds; in every case. */
void task_writer_deinit(struct task_writer *t);

#endif
