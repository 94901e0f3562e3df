/* SPDX-License-Identifier: Apache-2.0
 *
 * Metadata files that are synced late.  A commit waits for the disk three times: for its metadata file, for the file's
 * folder, and for the database.  Here the file is written and its bytes ride in the commit's transaction too, so that only the
 * database is waited for, once for all commits of a group.  A thread makes the files durable afterwards, many at a time, and
 * takes their rows out of the database; after a power cut the next opening writes those files again that have rows.
 *
 *   L1  A file that a durable commit names is durable, or its bytes are in the same database.
 *   L2  A row leaves only after store_sync, begun after the file was written, has returned true.
 *
 * For a database of this process alone: other servers would not find a file that a power cut took. */
#ifndef FIRN_CATALOG_LATE_H
#define FIRN_CATALOG_LATE_H

#include "base/error.h"
#include "base/str.h"

struct db;
struct db_tx;
struct late;
struct store;

#define LATE_FILE_MAX ((size_t)64 << 10)  /* larger files are synced at once */
#define LATE_BYTES_MAX ((size_t)64 << 20) /* not yet synced; beyond, files are synced at once */

/* Writes again what a power cut took, and empties the table; for every opening of a database, also by who syncs at once. */
MUST_USE bool late_recover(struct db *db, struct store *store, struct error *err);

/* Both are kept alive by the caller.  Starts a thread. */
struct late *late_create(struct db *db, struct store *store);
/* Syncs what is left, as far as that works, and ends the thread; NULL is fine. */
void late_destroy(struct late *l);

/* Writes a new file (path: its location's), durable or to be named by a transaction with late_rows; as store_put. */
MUST_USE bool late_put(struct late *l, str location, str path, str bytes, struct error *err);
/* Adds the rows of those files that are not durable yet to the transaction that names them. */
MUST_USE bool late_rows(struct late *l, struct db_tx *tx, const str *locations, size_t n,
                        struct error *err);
/* The transaction is over, well or not.  Each file that was put must come here once. */
void late_settle(struct late *l, const str *locations, size_t n);

#endif
