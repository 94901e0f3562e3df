/* SPDX-License-Identifier: Apache-2.0
 *
 * Table metadata of format versions 1 to 3 in one shape (Iceberg spec, "Table Metadata").  What a
 * v1 file leaves out is filled in on reading: `schema` and `partition-spec` become lists of one,
 * sort order 0 is added, sequence numbers are 0, a current snapshot without refs gives "main".
 *
 * A struct metadata and everything it points to is immutable once built and may be read by many
 * threads.  It is owned by the arena given to the builder; metadata made from a base shares the
 * base's parts, so the base's arena must live as long. */
#ifndef FIRN_ICEBERG_METADATA_H
#define FIRN_ICEBERG_METADATA_H

#include "base/buf.h"
#include "iceberg/partition.h"
#include "iceberg/schema.h"

#define METADATA_BYTES_MAX ((size_t)1 << 30) /* of one metadata.json */
#define METADATA_SNAPSHOTS_MAX 10000000      /* entries of any list inside */
#define FORMAT_VERSION_MAX 3
#define SNAPSHOT_NONE (-1) /* no snapshot, as Java writes it */

struct property {
    str key, value;
};

struct property_list {
    const struct property *at;
    size_t n;
};

struct snapshot {
    int64_t id;
    int64_t parent_id; /* SNAPSHOT_NONE: none */
    int64_t sequence_number;
    int64_t timestamp_ms;
    str manifest_list;    /* empty in old v1 tables, which list `manifests` instead */
    const str *manifests; /* v1 only */
    size_t manifests_n;
    str operation; /* append, replace, overwrite, delete; empty when there is no summary */
    struct property_list summary; /* without "operation" */
    int32_t schema_id;            /* -1: not recorded */
    int64_t first_row_id;         /* v3; -1: none */
    int64_t added_rows;           /* v3; -1: none */
    str key_id;                   /* v3; empty: none */
    str text; /* the members above as snapshot_write writes them from format version 2 on; empty: to be written */
};

enum ref_kind { REF_BRANCH, REF_TAG };

struct snapshot_ref {
    str name;
    int64_t snapshot_id;
    enum ref_kind kind;
    int32_t min_snapshots_to_keep; /* 0: not set */
    int64_t max_snapshot_age_ms;   /* 0: not set */
    int64_t max_ref_age_ms;        /* 0: not set */
};

struct snapshot_log_entry {
    int64_t timestamp_ms, snapshot_id;
};

struct metadata_log_entry {
    int64_t timestamp_ms;
    str file;
};

struct blob_metadata {
    str type;
    int64_t snapshot_id, sequence_number;
    const int32_t *fields;
    size_t fields_n;
    struct property_list properties;
};

struct statistics_file {
    int64_t snapshot_id;
    str path;
    int64_t size, footer_size;
    str key_metadata; /* base64; empty: none */
    const struct blob_metadata *blobs;
    size_t blobs_n;
};

struct partition_statistics_file {
    int64_t snapshot_id;
    str path;
    int64_t size;
};

struct encryption_key {
    str id;
    const struct json *json; /* the whole object, as read */
};

struct metadata {
    int format_version;
    str uuid; /* empty only in v1 files without one */
    str location;
    int64_t last_sequence_number, last_updated_ms;
    int32_t last_column_id, last_partition_id;
    int64_t next_row_id; /* v3 */

    const struct schema **schemas;
    size_t schemas_n;
    int32_t current_schema_id;
    const struct partition_spec **specs;
    size_t specs_n;
    int32_t default_spec_id;
    const struct sort_order **orders;
    size_t orders_n;
    int32_t default_order_id;

    struct property_list properties;

    const struct snapshot **snapshots; /* in the file's order */
    size_t snapshots_n;
    const struct snapshot **snapshots_by_id; /* the same, sorted */
    int64_t current_snapshot_id;             /* SNAPSHOT_NONE: an empty table */
    const struct snapshot_ref *refs;
    size_t refs_n;
    const struct snapshot_log_entry *snapshot_log;
    size_t snapshot_log_n;
    const struct metadata_log_entry *metadata_log;
    size_t metadata_log_n;

    const struct statistics_file *statistics;
    size_t statistics_n;
    const struct partition_statistics_file *partition_statistics;
    size_t partition_statistics_n;
    const struct encryption_key *keys;
    size_t keys_n;
};

/* Reads a metadata.json, packed with gzip or not.  Strings are copied, `text` need not live on.  Unknown
 * fields are ignored.  ERR_CORRUPT with the field's path, ERR_UNSUPPORTED for a later version,
 * ERR_LIMIT. */
MUST_USE bool metadata_parse(str text, struct arena *a, const struct metadata **out,
                             struct error *err);
/* The same from a text that is not packed and lives as long as `a`: a long one is not kept twice. */
MUST_USE bool metadata_parse_kept(str text, struct arena *a, const struct metadata **out,
                                  struct error *err);
/* The same from JSON that was parsed already (a REST body); strings are copied. */
MUST_USE bool metadata_from_json(const struct json *json, struct arena *a,
                                 const struct metadata **out, struct error *err);

/* What a packed file of so many bytes may unpack to: what shrinks more was made to fill memory. */
size_t metadata_unpacked_max(size_t packed);

/* Appends the JSON of the metadata's own format version (check buf_ok afterwards). */
void metadata_write(const struct metadata *m, struct buf *out);
/* The same into a JSON document that is being written.  refs_only leaves out snapshots that no
 * ref points to (REST: snapshots=refs). */
void metadata_write_json(const struct metadata *m, bool refs_only, struct json_writer *w);

/* Parts, for REST bodies and for updates. */
MUST_USE bool snapshot_parse(const struct json *json, struct arena *a, struct snapshot *out,
                             struct error *err);
void snapshot_write(const struct snapshot *s, int format_version, struct json_writer *w);
MUST_USE bool snapshot_ref_parse(const struct json *json, str name, struct arena *a,
                                 struct snapshot_ref *out, struct error *err);
void snapshot_ref_write(const struct snapshot_ref *r, struct json_writer *w);
/* Its members, inside of an object that is open. */
void snapshot_ref_write_members(const struct snapshot_ref *r, struct json_writer *w);
MUST_USE bool statistics_file_parse(const struct json *json, struct arena *a,
                                    struct statistics_file *out, struct error *err);
void statistics_file_write(const struct statistics_file *f, struct json_writer *w);
MUST_USE bool partition_statistics_file_parse(const struct json *json, struct arena *a,
                                              struct partition_statistics_file *out,
                                              struct error *err);
void partition_statistics_file_write(const struct partition_statistics_file *f,
                                     struct json_writer *w);
/* {"key-id":…,"encrypted-key-metadata":…}; the object is copied whole. */
MUST_USE bool encryption_key_parse(const struct json *json, struct arena *a,
                                   struct encryption_key *out, struct error *err);
/* An object of strings. */
MUST_USE bool properties_parse(const struct json *json, struct arena *a, struct property_list *out,
                               struct error *err);
void properties_write(const struct property_list *p, struct json_writer *w);

/* Makes the metadata of a new table: schema, spec and order get fresh ids (columns first), the
 * ids inside spec and order follow their columns.  `spec` and `order` may be NULL.  format
 * version 1 to 3; the properties "format-version" and those that only steer creation are not
 * kept.  `uuid` is 36 characters.  Everything is copied to `a` or shared with the arguments,
 * which must live as long. */
MUST_USE bool metadata_create(const struct schema *schema, const struct partition_spec *spec,
                              const struct sort_order *order, str location,
                              const struct property_list *properties, int format_version, str uuid,
                              int64_t now_ms, struct arena *a, const struct metadata **out,
                              struct error *err);

/* Lookups; NULL (or the default) when there is no such thing.  Results live as long as m. */
const struct schema *metadata_schema(const struct metadata *m); /* current; never NULL */
const struct schema *metadata_schema_by_id(const struct metadata *m, int32_t id);
const struct partition_spec *metadata_spec(const struct metadata *m); /* default; never NULL */
const struct partition_spec *metadata_spec_by_id(const struct metadata *m, int32_t id);
/* The fields of all partition specs as one struct, each once, with their names and ids: what _partition shows.  Types come from
 * `schema`; fields of dropped columns are left out; NULL: no field is left.  In `a`. */
const struct type *metadata_partition_type(const struct metadata *m, const struct schema *schema,
                                           struct arena *a);
const struct sort_order *metadata_order(const struct metadata *m); /* default; never NULL */
const struct sort_order *metadata_order_by_id(const struct metadata *m, int32_t id);
const struct snapshot *metadata_snapshot(const struct metadata *m); /* current, or NULL */
const struct snapshot *metadata_snapshot_by_id(const struct metadata *m, int64_t id); /* O(log n) */
/* Its place in snapshots_by_id; -1 when there is none. */
ptrdiff_t metadata_snapshot_place(const struct metadata *m, int64_t id);
const struct snapshot_ref *metadata_ref(const struct metadata *m, str name);
const struct snapshot *metadata_snapshot_of_ref(const struct metadata *m, str name);
/* The snapshot that was current at that time, by the snapshot log; NULL before the first. */
const struct snapshot *metadata_snapshot_as_of(const struct metadata *m, int64_t timestamp_ms);
/* The schema that a snapshot was written with; the current one when it is not recorded. */
const struct schema *metadata_schema_of(const struct metadata *m, const struct snapshot *s);
/* Whether `ancestor` is `id` or one of its parents. */
bool metadata_is_ancestor(const struct metadata *m, int64_t id, int64_t ancestor);
/* The property's value, or `fallback`. */
str metadata_property(const struct metadata *m, const char *key, str fallback);
int64_t metadata_property_int(const struct metadata *m, const char *key, int64_t fallback);
str property_get(const struct property_list *p, const char *key, str fallback);
/* The sequence number of the next snapshot: 0 in v1. */
int64_t metadata_next_sequence_number(const struct metadata *m);

/* Equal in everything that metadata_write writes. */
bool metadata_equal(const struct metadata *a, const struct metadata *b);

#endif
