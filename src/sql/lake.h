/* SPDX-License-Identifier: Apache-2.0
 *
 * An opened data directory: everything that one process needs to work on it, made in order and
 * closed in the reverse order.  One process opens a data directory at a time (lock file); inside
 * it every part is thread-safe.
 *
 *   catalog.db    refs, commits, tables, runs, models, feature definitions    (io/db.h)
 *   warehouse/    Iceberg tables: <namespace>/<table>-<uuid>/{metadata,data}  (io/store.h)
 *   artifacts/    files of runs and model versions
 *   audit/        decisions that are not in the audit log's table yet (govern/audit.h)
 *   online/       the online store                                           (io/kv.h)
 *   journal/      new files of the warehouse until they are synced           (io/journal.h)
 *   tmp/          spill of the engine; emptied when the directory is opened
 *   firn.yaml     configuration, optional
 *
 * Several servers share a catalog when each has a data directory of its own whose firn.yaml says
 *
 *   catalog: postgresql://firn@db/firn      instead of catalog.db
 *   warehouse: /srv/lake/warehouse          the same folder for all of them
 *   artifacts: /srv/lake/artifacts
 *
 * Locks, spill, and the online store stay each server's own. */
#ifndef FIRN_SQL_LAKE_H
#define FIRN_SQL_LAKE_H

#include "base/arena.h"
#include "base/env.h"
#include "base/error.h"

struct catalog;
struct db;
struct engine;
struct govern;
struct json;
struct kv;
struct lock;
struct lru;
struct pool;
struct store;
struct store_prefix; /* io/store.h */

struct lake_options {
    const char *dir; /* made when missing, unless must_exist */
    bool must_exist; /* ERR_NOT_FOUND instead of making it */
    const char
        *url; /* of the server that this process will run; shown to who finds the lock taken */
    struct env *env;       /* NULL: the real one */
    size_t memory_limit;   /* bytes for the engine; 0: firn.yaml, else 60 % of the machine's */
    int threads;           /* 0: all cores */
    const char *catalog;   /* URI or file instead of what firn.yaml says, or NULL */
    const char *warehouse; /* likewise */
    const struct store_prefix *prefixes; /* places outside of the warehouse where tables may lie */
    size_t prefixes_n;
};

struct lake {
    struct arena *arena; /* of this struct */
    char *dir;           /* absolute, no slash at the end */
    const struct json *
        config; /* firn.yaml; NULL: there is none.  Its settings are known ones, no more has been checked */
    struct env *env;
    struct lock *lock;
    struct store *warehouse; /* rooted at dir/warehouse, or where firn.yaml says */
    struct store *artifacts; /* likewise */
    struct db *db;
    int64_t server_id; /* of this data directory among those of a shared database; 1 on its own */
    struct catalog *catalog;
    struct govern *govern; /* who may do what */
    struct engine *engine;
    struct lru *vectors; /* of deletes, as they were read (sql/vector.h) */
    struct kv *online;
    struct pool *pool; /* CPU work: planning, joins, encoding; `threads` threads */
};

/* Opens or makes a data directory.  ERR_UNAVAILABLE with the owner's process id and URL when another process
 * has it, ERR_CORRUPT when its database is damaged, ERR_INVALID when a newer program wrote it. */
MUST_USE bool lake_open(const struct lake_options *options, struct lake **out, struct error *err);

/* Whether tables and views may lie anywhere that the user of this process can reach, rather than under the warehouse, the prefixes
 * and firn.yaml's allowed_locations.  Not at first; for processes without credentials.  Any thread. */
void lake_allow_everywhere(struct lake *lake, bool allowed);

/* Waits for work under way, then closes everything; NULL is fine. */
void lake_close(struct lake *lake);

#endif
