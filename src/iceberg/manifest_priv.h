/* SPDX-License-Identifier: Apache-2.0
 *
 * The fields of manifest entries and data files (Iceberg specification, "Manifests"), shared by
 * reading and writing. */
#ifndef FIRN_ICEBERG_MANIFEST_PRIV_H
#define FIRN_ICEBERG_MANIFEST_PRIV_H

#include "iceberg/avro_plan_priv.h"
#include "iceberg/manifest.h"
#include "iceberg/partition.h"

enum entry_field { ENTRY_STATUS, ENTRY_SNAPSHOT, ENTRY_SEQUENCE, ENTRY_FILE_SEQUENCE, ENTRY_FILE };

enum file_field {
    FILE_CONTENT,
    FILE_PATH,
    FILE_FORMAT,
    FILE_PARTITION,
    FILE_RECORDS,
    FILE_SIZE,
    FILE_BLOCK_SIZE, /* format 1 must write it; nobody reads it */
    FILE_COLUMN_SIZES,
    FILE_VALUE_COUNTS,
    FILE_NULL_COUNTS,
    FILE_NAN_COUNTS,
    FILE_LOWER_BOUNDS,
    FILE_UPPER_BOUNDS,
    FILE_KEY_METADATA,
    FILE_SPLIT_OFFSETS,
    FILE_EQUALITY_IDS,
    FILE_SORT_ORDER,
    FILE_FIRST_ROW_ID,
    FILE_REFERENCED,
    FILE_CONTENT_OFFSET,
    FILE_CONTENT_SIZE,
    FILE_FIELDS
};

static inline bool file_field_is_map(int f)
{
    return f >= FILE_COLUMN_SIZES && f <= FILE_UPPER_BOUNDS;
}

static inline bool file_field_is_bounds(int f)
{
    return f == FILE_LOWER_BOUNDS || f == FILE_UPPER_BOUNDS;
}

#endif
