/* SPDX-License-Identifier: Apache-2.0
 *
 * The feature store over a lake: definitions, training sets, the online store.  Feature views read Iceberg tables in place;
 * rules of time, ttl, ties and nulls are those of DESIGN, section 8, offline and online alike.
 *
 * All functions are thread-safe.  What they return lives in the arena given. */
#ifndef FIRN_FEATURES_FEATURES_H
#define FIRN_FEATURES_FEATURES_H

#include "base/buf.h"
#include "base/progress.h"
#include "base/thread.h"

struct features;
struct lake;
struct value; /* iceberg/value.h */

/* Makes or migrates the registry in the lake's database and reads it.  The lake must outlive *out. */
MUST_USE bool features_open(struct lake *lake, struct features **out, struct error *err);
void features_close(struct features *f); /* nobody may be in a call; NULL is fine */

enum feature_kind { FEATURE_ENTITY, FEATURE_VIEW, FEATURE_SERVICE, FEATURE_KINDS };

/* "entity", "feature_view", "feature_service"; parsing takes their plurals too ("entities"), and "view", "service". */
const char *feature_kind_name(enum feature_kind kind);
bool feature_kind_parse(str word, enum feature_kind *out);

/* ---- Definitions */

#define FEATURE_DOCUMENTS_MAX 10000

struct feature_document {
    str name; /* for messages: the file's */
    str text; /* YAML or JSON; define.h has the form */
};

struct access;
struct features_apply_request {
    const struct feature_document *documents;
    size_t documents_n;
    bool plan;  /* check and report, write nothing */
    str branch; /* whose tables the views are checked against; empty: main */
    const struct access
        *access; /* who asks (govern/access.h); NULL: refused while access control is on */
};

enum feature_change { FEATURE_CREATED, FEATURE_UPDATED, FEATURE_UNCHANGED };
const char *feature_change_name(enum feature_change change); /* "created" ... */

struct feature_applied {
    enum feature_kind kind;
    str name;
    enum feature_change change;
    int64_t version; /* 1, 2, 3 ...: of the object after the change */
};

struct features_apply_report {
    struct feature_applied *items; /* in the order of the documents */
    size_t n, created, updated, unchanged;
};

/* Checks the documents as a whole against each other, the registry and the catalog, then stores what differs in one
 * transaction: all or nothing.  ERR_INVALID (and ERR_NOT_FOUND for tables) name document and object path.  Objects that no
 * document names stay: only features_delete removes. */
MUST_USE bool features_apply(struct features *f, const struct features_apply_request *req,
                             struct arena *a, struct features_apply_report *out, struct error *err);

struct feature_object {
    enum feature_kind kind;
    str name;
    int64_t version, created_us, updated_us;
    str definition; /* JSON object: the definition with all defaults and columns filled in */
    /* Views that were materialised; snapshot_id -1: the source was empty. */
    bool materialized;
    int64_t snapshot_id, rows, materialized_us;
};

/* Entities, views, services, each by name. */
MUST_USE bool features_list(struct features *f, struct arena *a, struct feature_object **out,
                            size_t *n, struct error *err);
/* ERR_NOT_FOUND with the names that there are. */
MUST_USE bool features_describe(struct features *f, enum feature_kind kind, str name,
                                struct arena *a, struct feature_object *out, struct error *err);
/* ERR_NOT_FOUND; ERR_CONFLICT while another object uses it.  A view's online rows go with it. */
MUST_USE bool features_delete(struct features *f, enum feature_kind kind, str name,
                              struct error *err);

/* ---- Training sets */

/* Which features: "view:feature" or "view" (all of its features) each, or a service. */
struct feature_refs {
    const str *refs;
    size_t n;
    str service; /* not empty: instead of refs */
};

struct features_historical_request {
    str entities;  /* "SELECT ...", a table's name, or the absolute path of a Parquet or CSV file */
    str timestamp; /* column of the entities; empty: event_timestamp */
    struct feature_refs features;
    bool full_feature_names; /* columns are named view__feature */
    bool
        known_at; /* leave out what was not known at the time: by the view's created timestamp, else by commit time */
    str out;          /* "ns.table", or an absolute path that ends in .parquet or .csv */
    bool overwrite;   /* replace what is there; else ERR_EXISTS */
    str branch;       /* empty: main; of the entities, the views' tables and the table written */
    bool local_files; /* entities and out may be files of this machine, else ERR_DENIED */
    const struct access *access; /* as above */
    struct cancel *cancel;
    struct progress *progress;
};

struct features_view_report {
    str view, table;
    int64_t snapshot_id; /* of the source that was read; -1: it is empty */
    int64_t version;     /* of the view */
    int64_t matched;     /* entity rows that found a feature row */
    int64_t files_read;
};

struct features_historical_report {
    int64_t rows;
    int64_t wall_us;
    int64_t peak_bytes; /* resident memory of the process at its highest during the call */
    struct features_view_report *views;
    size_t views_n;
    int64_t snapshot_id; /* of the table written; -1: a file */
    str commit_id;
    str out;
};

/* Point-in-time join of the entities with every view, written as a table or a file: columns and rows of the entities first, in
 * their order, then the features.  The table's snapshot says in its summary what it was made from: firn.input.<table>,
 * firn.feature-refs, firn.entities. */
MUST_USE bool features_get_historical(struct features *f,
                                      const struct features_historical_request *req,
                                      struct arena *a, struct features_historical_report *out,
                                      struct error *err);

/* ---- Online store */

struct features_materialize_request {
    const str *views; /* none: all that are online */
    size_t views_n;
    int64_t snapshot_id;         /* of the views' tables; 0: the current one */
    str branch;                  /* empty: main */
    const struct access *access; /* as above */
    struct cancel *cancel;
    struct progress *progress;
};

struct features_materialized {
    str view, table;
    int64_t snapshot_id; /* -1: the table is empty */
    int64_t rows;        /* in the online store */
    int64_t wall_us;
    bool unchanged; /* the store held this snapshot already: nothing was done */
};

/* Publishes the latest row of each key, a view at a time, each as a unit: readers see the old snapshot or the new one.  Follows
 * snapshots, not event time, so late rows are never lost. */
MUST_USE bool features_materialize(struct features *f,
                                   const struct features_materialize_request *req, struct arena *a,
                                   struct features_materialized **out, size_t *n,
                                   struct error *err);

/* What Feast's clients are told went wrong. */
enum feast_error {
    FEAST_OTHER,
    FEAST_VALIDATION, /* the body is not what it should be */
    FEAST_VIEW_NOT_FOUND,
    FEAST_SERVICE_NOT_FOUND,
    FEAST_ENTITY_NOT_FOUND,
    FEAST_FEATURE_NOT_FOUND,
    FEAST_NAME_COLLISION
};

#define ONLINE_BODY_MAX ((size_t)16 << 20)
#define ONLINE_ROWS_MAX 100000 /* entity rows of one request */
#define ONLINE_ANSWER_MAX ((size_t)256 << 20)

/* POST /get-online-features: Feast's JSON body in, Feast's JSON answer appended to `out`.  Hot path: no lock, no tree, memory
 * from the arena only.  On failure *why tells Feast's class of the error. */
MUST_USE bool features_get_online(struct features *f, const struct access *access, str body,
                                  struct arena *a, struct buf *out, enum feast_error *why,
                                  struct error *err);

/* Appends the body with which a Feast server answers an error (a JSON string that holds JSON, or FastAPI's "detail"), and
 * returns its HTTP status. */
int features_online_error(const struct error *err, enum feast_error why, struct buf *out);

enum feature_status {
    FEATURE_PRESENT,
    FEATURE_NULL,           /* the row is there, the value is null */
    FEATURE_NOT_FOUND,      /* no row of that key */
    FEATURE_OUTSIDE_MAX_AGE /* older than the view's ttl; the value is null */
};

/* A column of join keys; integers, dates, booleans, strings and uuids of any fitting kind. */
struct features_key_column {
    str name;
    const struct value *values; /* rows_n of them */
};

struct features_lookup_request {
    const struct features_key_column *keys;
    size_t keys_n, rows_n;
    struct feature_refs features;
    bool full_feature_names;
    const struct access *access; /* as above */
};

/* Column by column; cell (c, r) is at c * rows_n + r. */
struct features_lookup_result {
    const str *names;
    size_t columns_n, rows_n;
    struct value *values; /* of the columns' Iceberg types */
    enum feature_status *statuses;
    int64_t *event_us; /* of the row the value came from; 0: none */
};

/* The same read for callers in C: values with their types. */
MUST_USE bool features_lookup(struct features *f, const struct features_lookup_request *req,
                              struct arena *a, struct features_lookup_result *out,
                              struct error *err);

#endif
