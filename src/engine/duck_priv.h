/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: the only includer of the library's header. */
#ifndef FIRN_ENGINE_DUCK_PRIV_H
#define FIRN_ENGINE_DUCK_PRIV_H

#include <duckdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/thread.h"
#include "engine/column.h"
#include "engine/result.h"

#define SQL_BYTES_MAX ((size_t)256 << 20) /* of one text that we build: scans of many files */
/* Types of 1.5 that the header does not name. */
#define DUCK_TYPE_GEOMETRY ((duckdb_type)40)
#define DUCK_TYPE_VARIANT ((duckdb_type)41)
#define SESSION_CALLBACKS_MAX 4096 /* functions and relations of one session */

struct engine;
struct udf_types;

/* A call under way that may be cancelled; lives in its session. */
struct watch {
    duckdb_connection connection;
    struct cancel *cancel;
    struct watch *next, *prev;
};

struct udf;
struct row_source;

/* A callback that SQL of one session may reach; found by id, which nobody can guess. */
struct callback {
    uint64_t id;
    struct session *session;
    const struct udf *udf; /* one of these two */
    const struct row_source *rows;
    const struct column_type **types; /* of the arguments, of the columns */
    duckdb_logical_type *logical;     /* the same */
    size_t types_n;
    const struct column_type *result; /* a function's */
    struct callback *next;
};

struct session {
    struct engine *engine;
    struct arena *arena; /* callbacks and names */
    duckdb_connection connection;
    uint64_t connection_id;
    str catalog;
    struct cancel *cancel;
    struct watch watch;
    bool busy; /* a result is open */
    size_t callbacks_n;
    int64_t opened_us;
    struct session *next, *prev; /* the engine's list */
    struct reads *reads;         /* files that its statements read (blame.c) */
    size_t reads_n;              /* so many of them are known */
    pthread_mutex_t lock;        /* guards callback_error */
    struct error callback_error; /* what a callback said; its code survives the library's text */
};

struct result {
    struct session *session;
    struct arena *arena;       /* columns */
    struct arena *chunk_arena; /* views of the current chunk */
    duckdb_result duck;
    duckdb_data_chunk chunk;
    struct chunk view;
    struct result_column *columns;
    const struct column_type **types;
    size_t columns_n;
    int64_t rows_read, rows_changed;
    bool done;
};

/* engine.c */
MUST_USE bool engine_open(struct engine *e, struct error *err);
duckdb_database engine_database(struct engine *e);
const char *engine_temp_directory(const struct engine *e); /* NULL: none */
uint64_t engine_next(struct engine *e);                    /* 1, 2, 3 ... */
struct udf_types *engine_udf_types(struct engine *e);      /* udf.c's */
void engine_watch(struct engine *e, struct watch *w);
void engine_unwatch(struct engine *e, struct watch *w);
void engine_session_add(struct engine *e, struct session *s);
void engine_session_drop(struct engine *e, struct session *s);
void engine_callback_add(struct engine *e, struct callback *c);
void engine_callbacks_drop(struct engine *e, const struct session *s);
/* NULL unless the id is one of the connection's session's. */
const struct callback *engine_callback(struct engine *e, uint64_t id, uint64_t connection_id);

/* udf.c, rows.c: what every database has. */
struct udf_types *udf_types_create(void);
void udf_types_destroy(struct udf_types *types);
MUST_USE bool rows_register(duckdb_connection c, struct engine *e, struct error *err);

/* failure.c: fails with the library's text, mapped; a callback's own error goes first.  `s` may be NULL. */
bool duck_fail(struct session *s, const char *text, struct error *err);
/* failure.c: whether a statement was stopped that nobody asked to stop.  A thread of the library that fails stops the others before
 * it tells its error, and then one of them may be heard first: "Interrupted!" stands for an error that is lost. */
bool duck_reason_lost(const struct session *s, const char *text);

/* blame.c: puts the file's name before an error of damage that has none, when one of the session's files is found to be damaged. */
void blame_file(struct session *s, struct error *err);

/* session.c: brackets around a call of the library that takes time. */
MUST_USE bool session_enter(struct session *s, struct error *err);
void session_leave(struct session *s);
void session_callback_failed(struct session *s, const struct error *what);
/* Runs one text without a result; `c` is not a session's. */
MUST_USE bool duck_exec(duckdb_connection c, const char *sql, struct error *err);

/* column_type.c: the tree below a column's type. */
struct column_type {
    enum column_kind kind;
    duckdb_type id;
    uint8_t width, precision, scale;
    uint32_t array_n;
    int depth; /* levels below, 0 for plain types */
    const struct column_type **children;
    const str *names; /* of children: a struct's, a union's */
    uint32_t children_n;
    const str *enum_texts;
    uint32_t enum_n;
    str alias; /* "JSON" */
};
const struct column_type *column_type_make(duckdb_logical_type t, struct arena *a);
str column_type_text(const struct column_type *t, struct arena *a);
/* NULL when Iceberg has none.  Takes ids from *next_id. */
const struct type *column_type_iceberg(const struct column_type *t, int32_t *next_id,
                                       struct arena *a);
/* The type of a name without parameters, "BIGINT", in upper case; NULL for all others. */
duckdb_logical_type duck_type_named(const char *name);
/* column.c */
void column_view_make(duckdb_vector v, size_t n, const struct column_type *t, struct arena *a,
                      struct column_view *out);

/* result_shown.c: the query with columns cast that cannot be read otherwise (variants, geometries); false: it has others, too. */
bool result_shown_sql(str sql, const struct result *r, struct arena *a, str *out);

/* Text of a value at its place inside others, as column_text. */
void result_column_fill(duckdb_logical_type type, const char *name, struct arena *a,
                        struct result_column *out, const struct column_type **type_out);

#endif
