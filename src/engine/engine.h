/* SPDX-License-Identifier: Apache-2.0
 *
 * The embedded SQL engine, DuckDB, and its one database per process.  Memory and threads are
 * limited for all sessions together.  Nothing outside this folder sees a type of the library.
 *
 * Making an engine costs nothing: the database (17 ms, 34 MB) is opened by the first session. */
#ifndef FIRN_ENGINE_ENGINE_H
#define FIRN_ENGINE_ENGINE_H

#include "base/error.h"
#include "base/str.h"

struct engine;

struct engine_config {
    size_t memory_limit;        /* bytes, for all queries together; 0: 60 % of the machine's */
    int threads;                /* 0: all cores */
    const char *temp_directory; /* for spilling; must exist.  NULL: queries that do not fit fail */
};

/* Copies the config.  Cannot fail: what is wrong with it shows when the first session opens. */
struct engine *engine_create(const struct engine_config *config);
/* All sessions must be closed.  NULL is fine. */
void engine_destroy(struct engine *e);

/* When the session was opened that has been open for longest, in microseconds since 1970; INT64_MAX when none is.
 * Any thread. */
int64_t engine_oldest_session_us(struct engine *e);

/* The library's version, "v1.5.6". */
const char *engine_version(void);

#endif
