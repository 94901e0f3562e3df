/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifest lists: one Avro file a snapshot, a row a manifest, with counts and a summary of the
 * partition values in each (Iceberg specification, "Manifest Lists").  Formats 1 to 3. */
#ifndef FIRN_ICEBERG_MANIFEST_LIST_H
#define FIRN_ICEBERG_MANIFEST_LIST_H

#include "base/arena.h"
#include "base/buf.h"

#define MANIFEST_LIST_BYTES_MAX ((size_t)1 << 30)
#define MANIFESTS_MAX 4000000 /* manifests of one snapshot */

enum manifest_content { MANIFEST_DATA, MANIFEST_DELETES };

struct field_summary {
    bool contains_null;
    int8_t contains_nan; /* -1: not known */
    str lower, upper;    /* single values as bytes; ptr NULL: absent */
};

/* One manifest.  Counts and first_row_id are -1 when not known. */
struct manifest_file {
    str path;
    int64_t length;
    int32_t spec_id;
    enum manifest_content content;
    int64_t sequence_number,
        min_sequence_number; /* -1 sequence_number: given by the list's writer */
    int64_t added_snapshot_id;
    int64_t added_files, existing_files, deleted_files;
    int64_t added_rows, existing_rows, deleted_rows;
    const struct field_summary *partitions; /* one a field of the spec; NULL: not known */
    size_t partitions_n;
    str key_metadata; /* ptr NULL: absent */
    int64_t first_row_id;
    int64_t numbered_rows; /* of live files that have row ids of their own; for writing only */
};

/* Rows in file order.  They live in `a`.  Files written by format 1 get sequence numbers 0.
 * ERR_CORRUPT on malformed input, ERR_LIMIT over the limits above. */
MUST_USE bool manifest_list_parse(str bytes, struct arena *a, struct manifest_file **out, size_t *n,
                                  struct error *err);

struct manifest_list_info {
    int format_version;
    int64_t snapshot_id, parent_id; /* parent_id -1: none */
    int64_t sequence_number;        /* given to manifests whose own is -1 */
    int64_t first_row_id;           /* format 3: the table's next-row-id; otherwise -1 */
    char sync[16];                  /* random */
};

/* Appends the file to `out`.  Format 3 assigns first_row_id to data manifests without one, in
 * order; *next_row_id (may be NULL) is the first id not used. */
MUST_USE bool manifest_list_write(const struct manifest_list_info *info,
                                  const struct manifest_file *manifests, size_t n, struct buf *out,
                                  int64_t *next_row_id, struct error *err);

/* A row of which nothing is known. */
struct manifest_file manifest_unknown(void);

/* True unless the counts prove that no entry is live. */
bool manifest_has_live(const struct manifest_file *m);

#endif
