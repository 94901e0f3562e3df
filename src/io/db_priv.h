/* SPDX-License-Identifier: Apache-2.0
 *
 * What the engines behind io/db.h share: the slots in which their connections wait for transactions. */
#ifndef FIRN_IO_DB_PRIV_H
#define FIRN_IO_DB_PRIV_H

#include <pthread.h>

#include "io/db.h"

MUST_USE bool db_sqlite_open(str path, struct db **out, struct error *err);
MUST_USE bool db_postgres_open(str uri, struct db **out, struct error *err);

/* Other waits than DB_CONNECT_US, DB_SETTLE_US and the one for an answer to a writer, for tests; before other threads
 * use it. */
void db_postgres_set_waits(struct db *db, int64_t connect_us, int64_t settle_us, int64_t answer_us);

/* A connection begins with this; its transaction is itself. */
struct db_conn {
    struct db_tx tx; /* first */
    bool taken;      /* guarded by db_slots.lock */
    bool open;       /* connected; set by the engine while it holds the slot */
};

/* One connection that writes and DB_READERS that read, opened when first needed. */
struct db_slots {
    pthread_mutex_t lock; /* guards `taken` of all; not held across I/O */
    pthread_cond_t freed;
    struct db_conn *writer, *readers[DB_READERS];
};

void db_slots_init(struct db_slots *s);
void db_slots_deinit(struct db_slots *s);

/* Waits for a connection of the kind; NULL with ERR_UNAVAILABLE when DB_WAIT_US are over. */
struct db_conn *db_slots_take(struct db_slots *s, bool writes, struct error *err);
void db_slots_give(struct db_slots *s, struct db_conn *c);

#endif
