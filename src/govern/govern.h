/* SPDX-License-Identifier: Apache-2.0
 *
 * Access control of a data directory: opened with it (lake->govern), closed with it.
 *
 * Off until the first principal is made (`firn admin bootstrap`): then every caller is the user who runs the process,
 * and the server listens on loopback only.  Once on it stays on. */
#ifndef FIRN_GOVERN_GOVERN_H
#define FIRN_GOVERN_GOVERN_H

#include "base/env.h"
#include "base/error.h"
#include "base/str.h"

struct db;
struct govern;
struct pool;

/* How late another server's change of grants is seen: DB_WATCH_US (io/db.h), a second. */

/* The catalog's name in privileges and in the management API. */
#define GOVERN_CATALOG "firn"

/* Migrates the area "govern" and reads principals, roles and grants.  `db`, `env` and `pool` (where other servers' changes
 * are read; NULL where there are none) outlive it.  `audit_dir` is where
 * decisions are recorded while access control is on (audit.h), made when they begin to be; empty: nowhere. */
MUST_USE bool govern_open(struct db *db, struct env *env, struct pool *pool, str audit_dir,
                          struct govern **out, struct error *err);
void govern_close(struct govern *g); /* NULL is fine */

/* Whether access control is on.  Any thread, a few nanoseconds. */
bool govern_on(struct govern *g);

/* Reads everything again when another process changed it; done by itself while decisions are made.
 * ERR_UNAVAILABLE: the database does not answer; decisions go on with what was read last. */
MUST_USE bool govern_refresh(struct govern *g, struct error *err);

#endif
