/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes to table metadata as data: the updates and requirements of the Iceberg REST protocol
 * (open-api rest-catalog-open-api.yaml, "TableUpdate", "TableRequirement").  Every change to a
 * table, local or over HTTP, is a list of these. */
#ifndef FIRN_ICEBERG_UPDATE_H
#define FIRN_ICEBERG_UPDATE_H

#include "iceberg/metadata.h"

#define UPDATES_MAX 10000 /* of one commit */

enum update_kind {
    UPDATE_ASSIGN_UUID,
    UPDATE_UPGRADE_FORMAT_VERSION,
    UPDATE_ADD_SCHEMA,
    UPDATE_SET_CURRENT_SCHEMA,
    UPDATE_ADD_SPEC,
    UPDATE_SET_DEFAULT_SPEC,
    UPDATE_ADD_SORT_ORDER,
    UPDATE_SET_DEFAULT_SORT_ORDER,
    UPDATE_ADD_SNAPSHOT,
    UPDATE_SET_SNAPSHOT_REF,
    UPDATE_REMOVE_SNAPSHOTS,
    UPDATE_REMOVE_SNAPSHOT_REF,
    UPDATE_SET_LOCATION,
    UPDATE_SET_PROPERTIES,
    UPDATE_REMOVE_PROPERTIES,
    UPDATE_SET_STATISTICS,
    UPDATE_REMOVE_STATISTICS,
    UPDATE_SET_PARTITION_STATISTICS,
    UPDATE_REMOVE_PARTITION_STATISTICS,
    UPDATE_REMOVE_SPECS,
    UPDATE_REMOVE_SCHEMAS,
    UPDATE_ENABLE_ROW_LINEAGE, /* deprecated, does nothing in v3 and is refused before */
    UPDATE_ADD_ENCRYPTION_KEY,
    UPDATE_REMOVE_ENCRYPTION_KEY,
    UPDATE_KINDS
};

#define LAST_ADDED (-1) /* set-current-schema and the like: the one added last in this list */

struct table_update {
    enum update_kind kind;
    union {
        str uuid;                          /* assign-uuid */
        int format_version;                /* upgrade-format-version */
        const struct schema *schema;       /* add-schema */
        const struct partition_spec *spec; /* add-spec */
        const struct sort_order *order;    /* add-sort-order */
        int32_t id;                        /* set-current-schema, set-default-spec, -sort-order */
        const struct snapshot *snapshot;   /* add-snapshot */
        struct snapshot_ref ref;           /* set-snapshot-ref; remove-snapshot-ref: name */
        struct {
            const int64_t *ids;
            size_t n;
        } snapshot_ids; /* remove-snapshots */
        struct {
            const int32_t *ids;
            size_t n;
        } ids;                             /* remove-partition-specs, remove-schemas */
        str location;                      /* set-location */
        struct property_list properties;   /* set-properties; remove-properties: keys only */
        struct statistics_file statistics; /* set-statistics */
        struct partition_statistics_file partition_statistics; /* set-partition-statistics */
        int64_t snapshot_id;       /* remove-statistics, remove-partition-statistics */
        struct encryption_key key; /* add-encryption-key; remove-encryption-key: id */
    };
};

enum requirement_kind {
    REQUIRE_CREATE,
    REQUIRE_UUID,
    REQUIRE_REF_SNAPSHOT_ID,
    REQUIRE_LAST_COLUMN_ID,
    REQUIRE_CURRENT_SCHEMA_ID,
    REQUIRE_LAST_PARTITION_ID,
    REQUIRE_DEFAULT_SPEC_ID,
    REQUIRE_DEFAULT_ORDER_ID,
    REQUIREMENT_KINDS
};

struct table_requirement {
    enum requirement_kind kind;
    str uuid;            /* assert-table-uuid */
    str ref;             /* assert-ref-snapshot-id */
    int64_t snapshot_id; /* assert-ref-snapshot-id; SNAPSHOT_NONE: the ref must not exist */
    int32_t id;          /* the others */
};

/* The action's name in JSON: "add-snapshot". */
const char *update_kind_name(enum update_kind kind);

/* Short ways to build the common ones; what they are given is not copied. */
struct table_update update_add_snapshot(const struct snapshot *s);
struct table_update update_set_ref(str name, enum ref_kind kind, int64_t snapshot_id);
/* Append the two updates each that add a schema, a spec or an order and make it the table's. */
void update_take_schema(struct table_update *u, size_t *n, const struct schema *schema);
void update_take_spec(struct table_update *u, size_t *n, const struct partition_spec *spec);
void update_take_order(struct table_update *u, size_t *n, const struct sort_order *order);
struct table_requirement require_ref(str name, int64_t snapshot_id);
struct table_requirement require_uuid(str uuid);

/* JSON of one update or requirement, both ways.  Parsing copies strings to `a`; an unknown
 * action is ERR_UNSUPPORTED, a malformed one ERR_INVALID. */
MUST_USE bool table_update_parse(const struct json *json, struct arena *a, struct table_update *out,
                                 struct error *err);
void table_update_write(const struct table_update *u, struct json_writer *w);
MUST_USE bool table_requirement_parse(const struct json *json, struct arena *a,
                                      struct table_requirement *out, struct error *err);
void table_requirement_write(const struct table_requirement *r, struct json_writer *w);

/* Copies of updates in `a` that what is made of them can be kept with: nothing of the originals is used any more.  Only of the kinds that commits of data
 * are made of (snapshots, refs, properties); false when there is another one. */
MUST_USE bool table_updates_copy(const struct table_update *u, size_t n, struct arena *a,
                                 struct table_update **out);

/* Checks each requirement against the metadata (NULL: the table does not exist).  The first that
 * fails gives ERR_CONFLICT (assert-create on a table: ERR_EXISTS, others on none:
 * ERR_NOT_FOUND). */
MUST_USE bool requirements_check(const struct table_requirement *r, size_t n,
                                 const struct metadata *m, struct error *err);

/* Applies the updates in order to a copy of `base` (NULL: to an empty table that must be complete
 * afterwards).  base_location is the file that base was read from, for the metadata log; empty:
 * the log is left alone.  When nothing changes *out is base.  The result lives in `a` and shares
 * parts with base and the updates, which must live as long.  ERR_INVALID for what the Java
 * library's TableMetadata.Builder refuses, ERR_NOT_FOUND for a missing schema, spec, order or
 * snapshot, ERR_CONFLICT for a sequence number that is too old. */
MUST_USE bool metadata_apply(const struct metadata *base, str base_location,
                             const struct table_update *updates, size_t n, int64_t now_ms,
                             struct arena *a, const struct metadata **out, struct error *err);

#endif
