/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry: entities, feature views and feature services, as one immutable value.  It is read from the database, changed by
 * storing objects and reading it again, and shared with readers as a part of the online state (online_state.h).
 *
 * An object is stored as the JSON of its definition with every default filled in (columns and their types too), so that equal
 * text means an unchanged object, and a table that gains columns changes no view until it is applied again. */
#ifndef FIRN_FEATURES_REGISTRY_H
#define FIRN_FEATURES_REGISTRY_H

#include "base/map.h"
#include "features/dtype.h"
#include "features/features.h"

struct db;
struct db_tx;
struct json;
struct type;

#define FEATURE_NAME_MAX                                                                           \
    150 /* bytes; with "view:" before it is a table's name in the online store */
#define FEATURE_KEYS_MAX 16 /* join keys of one view; the kernel's limit */
#define FEATURE_COLUMNS_MAX 4000
#define FEATURE_TAGS_MAX 100

struct feature_tag {
    str key, value;
};

/* What all three kinds have. */
struct feature_head {
    enum feature_kind kind;
    str name, description;
    const struct feature_tag *tags;
    size_t tags_n;
    int64_t version, created_us, updated_us; /* 0 until stored */
    str body;                                /* JSON of the definition */
};

struct feature_entity {
    struct feature_head head;
    const str *join_keys;
    size_t join_keys_n;
};

struct feature_key { /* a column that is a part of the key */
    str name;
    const struct type *type;
};

struct feature_column {
    str name;
    enum dtype dtype;
    const struct type *type; /* of the table's column */
    int32_t field_id;
};

struct feature_view {
    struct feature_head head;
    const str *entities;
    size_t entities_n;
    int64_t ttl_us; /* 0: unlimited */
    bool online;
    str table, timestamp_field, created_column; /* the last may be empty */
    const struct feature_key *keys;             /* join keys of all entities, in their order */
    size_t keys_n;
    const struct feature_column *columns;
    size_t columns_n;
};

struct feature_service {
    struct feature_head head;
    const str *refs; /* "view" or "view:feature" */
    size_t refs_n;
};

struct registry {
    struct map entities, views, services; /* name -> object, ordered by name */
};

/* The migration of the registry's tables in the database. */
MUST_USE bool registry_migrate(struct db *db, struct error *err);

/* Reads every object.  ERR_CORRUPT when a stored definition cannot be read. */
MUST_USE bool registry_load(struct db *db, struct arena *a, struct registry *out,
                            struct error *err);

/* Stores an object under version head->version, with its history. */
MUST_USE bool registry_store(struct db_tx *tx, const struct feature_head *head, struct error *err);
MUST_USE bool registry_remove(struct db_tx *tx, enum feature_kind kind, str name,
                              struct error *err);

/* Keeps a line about a materialisation. */
MUST_USE bool registry_log(struct db *db, str view, int64_t version, int64_t snapshot_id,
                           int64_t rows, int64_t wall_us, int64_t now_us, struct error *err);

/* NULL when there is none. */
const struct feature_head *registry_find(const struct registry *r, enum feature_kind kind,
                                         str name);
static inline const struct feature_view *registry_view(const struct registry *r, str name)
{
    return map_get(&r->views, name);
}
const struct map *registry_map(const struct registry *r, enum feature_kind kind);

/* "a, b, c": the names of one kind, at most some, for messages. */
str registry_names(const struct registry *r, enum feature_kind kind, struct arena *a);

/* The canonical JSON of a definition, in `a`. */
str entity_body(const struct feature_entity *e, struct arena *a);
str view_body(const struct feature_view *v, struct arena *a);
str service_body(const struct feature_service *s, struct arena *a);

/* Which columns of which views: refs resolved, grouped by view in the order of their first mention. */
struct feature_selection {
    const struct feature_view *view;
    const struct feature_column **columns;
    size_t columns_n;
};

/* ERR_NOT_FOUND (with *why) for an unknown service, view or feature, ERR_INVALID for an empty list or one feature twice. */
MUST_USE bool registry_select(const struct registry *r, const struct feature_refs *refs,
                              struct arena *a, struct feature_selection **out, size_t *n,
                              enum feast_error *why, struct error *err);

/* Names of the answer's columns, "feature" or "view__feature", in the order of the selection; ERR_INVALID when two are equal. */
MUST_USE bool registry_column_names(const struct feature_selection *s, size_t n, bool full,
                                    struct arena *a, str **out, size_t *columns_n,
                                    enum feast_error *why, struct error *err);

#endif
