/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions: each is a connection with a catalog of its own in memory (attached as "s1", "s2" ...), so that
 * requests running side by side can each define schemas and views of the same names, over one
 * engine.  Opening and closing costs half a millisecond.  Time zone is UTC; extensions are neither installed nor
 * loaded; settings are locked.  A session belongs to one thread at a time.
 *
 * Errors of all calls: ERR_INVALID for what the parser, the binder or a cast refuses (the text keeps the
 * engine's first line, the hint its LINE and caret), ERR_LIMIT out of memory, ERR_UNAVAILABLE for I/O,
 * ERR_CANCELLED when the session's cancel asked or its deadline passed. */
#ifndef FIRN_ENGINE_SESSION_H
#define FIRN_ENGINE_SESSION_H

#include "base/arena.h"
#include "base/error.h"
#include "base/thread.h"
#include "engine/result.h"

struct engine;
struct session;
struct type;
struct value;

/* The caller closes it. */
MUST_USE bool session_open(struct engine *e, struct session **out, struct error *err);
/* Its result must be closed.  NULL is fine. */
void session_close(struct session *s);

/* What stops this session's calls from now on, within some milliseconds, and from any thread; NULL:
 * nothing.  Must live until replaced or until the session is closed. */
void session_set_cancel(struct session *s, struct cancel *cancel);

/* The session's catalog, "s17": schemas made by this session are s17.name. */
str session_catalog(const struct session *s);

/* A parameter of a statement.  Named ones bind $name, the others $1, $2 ... (or ?) in order. */
struct param {
    str name;                /* empty: by position */
    bool is_text;            /* `text` as VARCHAR, which the engine casts where it is used */
    str text;                /* ptr NULL: the SQL NULL */
    const struct type *type; /* otherwise: a value with its exact type */
    const struct value *value;
};

/* Runs every statement of `sql`, answers dropped. */
MUST_USE bool session_exec(struct session *s, str sql, struct error *err);

/* Runs one statement and streams its answer; the caller closes *out. */
MUST_USE bool session_query(struct session *s, str sql, const struct param *params, size_t n,
                            struct result **out, struct error *err);

/* The first row's first column of a query, as text in `a`; ptr NULL when it is null or there is no row. */
MUST_USE bool session_scalar(struct session *s, str sql, struct arena *a, str *out,
                             struct error *err);

/* Names and types of a query's columns without running it. */
MUST_USE bool session_describe(struct session *s, str sql, struct arena *a,
                               struct result_column **out, size_t *n, struct error *err);

#endif
