/* SPDX-License-Identifier: Apache-2.0
 *
 * What the builders of metadata share: parsing and applying updates. */
#ifndef FIRN_ICEBERG_METADATA_PRIV_H
#define FIRN_ICEBERG_METADATA_PRIV_H

#include "iceberg/metadata.h"

#define MAIN_BRANCH "main"
#define CLOCK_SKEW_MS 60000 /* between machines that commit; Java allows the same minute */

/* Sorts snapshots into snapshots_by_id; two with one id fail with ERR_INVALID. */
MUST_USE bool metadata_index_snapshots(struct metadata *m, struct arena *a, struct error *err);

/* What must hold in any metadata, read or made: current things exist, refs point to snapshots,
 * main is the current snapshot, the log is in order.  ERR_INVALID. */
MUST_USE bool metadata_check(const struct metadata *m, struct error *err);

#define SNAPSHOT_TEXT_MAX 4096 /* longer ones are written each time */

/* A snapshot's members as snapshot_write writes them from format version 2 on; empty when that is long. */
str snapshot_text(const struct snapshot *s, struct arena *a);

/* A copy of a stored file's text in the arena, unpacked when it is gzip.  ERR_LIMIT above `max` bytes. */
MUST_USE bool metadata_text(str text, size_t max, struct arena *a, str *out, struct error *err);

#endif
