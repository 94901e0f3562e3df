/* SPDX-License-Identifier: Apache-2.0
 *
 * View metadata (Iceberg view spec, format version 1) and the changes to it as data: the updates and the requirement of
 * the REST protocol (open-api rest-catalog-open-api.yaml, "ViewUpdate", "ViewRequirement").
 *
 * A struct view_metadata and all it points to is immutable once built and may be read by many threads.  It is owned by
 * the arena given to the builder; metadata made from a base shares the base's parts, so the base must live as long. */
#ifndef FIRN_ICEBERG_VIEW_H
#define FIRN_ICEBERG_VIEW_H

#include "iceberg/metadata.h"

#define VIEW_BYTES_MAX ((size_t)64 << 20) /* of one metadata file */
#define VIEW_FORMAT_VERSION 1
#define VIEW_VERSIONS_MAX 100000     /* entries of any list of a view */
#define VIEW_REPRESENTATIONS_MAX 100 /* of one version */
#define VIEW_VERSION_LAST_ADDED (-1)

/* {"type":"sql","sql":…,"dialect":…}; of another type the whole object is kept. */
struct view_representation {
    str type;
    str sql, dialect;
    const struct json *json; /* of an unknown type; NULL for sql */
};

struct view_version {
    int32_t id;
    int32_t schema_id;
    int64_t timestamp_ms;
    struct property_list summary;
    str default_catalog;          /* ptr NULL: none, the view's own */
    const str *default_namespace; /* levels; may be none */
    size_t default_namespace_n;
    const struct view_representation *representations;
    size_t representations_n;
    const str *storage_namespace; /* of a materialized view's storage table */
    size_t storage_namespace_n;
    str storage_name; /* ptr NULL: a common view */
};

struct view_log_entry {
    int64_t timestamp_ms;
    int32_t version_id;
};

struct view_metadata {
    str uuid;
    int format_version;
    str location;
    struct property_list properties;
    const struct schema **schemas;
    size_t schemas_n;
    int32_t current_version_id;
    const struct view_version *versions;
    size_t versions_n;
    const struct view_log_entry *log;
    size_t log_n;
};

/* Reads a metadata file, packed with gzip or not.  Strings are copied.  The current version and its schema are there and
 * ids are unique in what is accepted.  ERR_CORRUPT with the field's path, ERR_UNSUPPORTED for a later format version,
 * ERR_LIMIT. */
MUST_USE bool view_metadata_parse(str text, struct arena *a, const struct view_metadata **out,
                                  struct error *err);
/* Appends the JSON (check buf_ok afterwards), or writes it into a document. */
void view_metadata_write(const struct view_metadata *m, struct buf *out);
void view_metadata_write_json(const struct view_metadata *m, struct json_writer *w);
/* Equal in everything that is written. */
bool view_metadata_equal(const struct view_metadata *a, const struct view_metadata *b);

/* Never NULL for the current ones; NULL when there is no such id. */
const struct view_version *view_metadata_current(const struct view_metadata *m);
const struct view_version *view_metadata_version_by_id(const struct view_metadata *m, int32_t id);
const struct schema *view_metadata_schema(const struct view_metadata *m);
const struct schema *view_metadata_schema_by_id(const struct view_metadata *m, int32_t id);
/* The SQL of the current version in this dialect, compared without case; ptr NULL when there is none. */
str view_metadata_sql(const struct view_metadata *m, str dialect);

/* One version, for REST bodies.  ERR_INVALID. */
MUST_USE bool view_version_parse(const struct json *json, struct arena *a, struct view_version *out,
                                 struct error *err);
void view_version_write(const struct view_version *v, struct json_writer *w);

enum view_update_kind {
    VIEW_ASSIGN_UUID,
    VIEW_UPGRADE_FORMAT_VERSION,
    VIEW_ADD_SCHEMA,
    VIEW_SET_LOCATION,
    VIEW_SET_PROPERTIES,
    VIEW_REMOVE_PROPERTIES,
    VIEW_ADD_VERSION,
    VIEW_SET_CURRENT_VERSION,
    VIEW_UPDATE_KINDS
};

struct view_update {
    enum view_update_kind kind;
    union {
        str uuid;                        /* assign-uuid */
        int format_version;              /* upgrade-format-version */
        const struct schema *schema;     /* add-schema */
        str location;                    /* set-location */
        struct property_list properties; /* set-properties; remove-properties: keys only */
        struct view_version version;     /* add-view-version */
        int32_t version_id;              /* set-current-view-version; VIEW_VERSION_LAST_ADDED */
    };
};

/* assert-view-uuid is the only one. */
struct view_requirement {
    str uuid;
};

/* JSON of one, both ways.  Parsing copies strings to `a`; an unknown action is ERR_UNSUPPORTED, a malformed one
 * ERR_INVALID. */
MUST_USE bool view_update_parse(const struct json *json, struct arena *a, struct view_update *out,
                                struct error *err);
void view_update_write(const struct view_update *u, struct json_writer *w);
MUST_USE bool view_requirement_parse(const struct json *json, struct arena *a,
                                     struct view_requirement *out, struct error *err);

/* The first that fails gives ERR_CONFLICT in the reference implementation's words. */
MUST_USE bool view_requirements_check(const struct view_requirement *r, size_t n,
                                      const struct view_metadata *m, struct error *err);

/* Applies the updates in order to a copy of `base` (NULL: to an empty view, which must be complete afterwards).  When nothing
 * changes *out is base.  The result lives in `a` and shares parts with base and the updates.  ERR_INVALID for what the
 * reference implementation refuses. */
MUST_USE bool view_metadata_apply(const struct view_metadata *base,
                                  const struct view_update *updates, size_t n, int64_t now_ms,
                                  struct arena *a, const struct view_metadata **out,
                                  struct error *err);

#endif
