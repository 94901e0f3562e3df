/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables that keep themselves in order: a server's own thread compacts them, rewrites their delete files and manifests, expires their
 * snapshots and collects what that leaves behind, as the section `maintenance` of firn.yaml and properties of tables say
 * (docs/operations.md).
 *
 *   K1  Of servers that share a database one does it at a time: whoever holds the lease.  It outlasts every single action, whose time
 *       is limited.
 *   K2  When a table is due, and what came of the last time, is in the database: a server that is killed or replaced goes on
 *       from there.
 *   K3  After a failure, a conflict with writers too, a table waits longer each time, at most a day.
 *   K4  Orphans are removed only where that is asked for by name, and never below the safety age. */
#ifndef FIRN_SERVER_UPKEEP_H
#define FIRN_SERVER_UPKEEP_H

#include "base/thread.h"
#include "server/api.h"

struct json_writer;
struct upkeep;

enum upkeep_action {
    UPKEEP_DELETES,
    UPKEEP_COMPACT,
    UPKEEP_EXPIRE,
    UPKEEP_MANIFESTS,
    UPKEEP_ORPHANS,
    UPKEEP_ACTIONS
};

/* The section of firn.yaml, with its defaults. */
struct upkeep_config {
    bool enabled; /* the thread runs */
    bool
        marked; /* only tables whose firn.maintenance.enabled is true; else all but those where it is false */
    bool actions
        [UPKEEP_ACTIONS]; /* unless the table says otherwise: firn.maintenance.compact and so on */
    bool collect;         /* garbage, after each round */
    int64_t interval_us;  /* between two runs of a table: firn.maintenance.interval; 1 h */
    int64_t action_us;    /* an action's time: 30 m */
    int64_t bytes_max;    /* data files of one table that a run writes again, about: 10 GB */
};
void upkeep_defaults(struct upkeep_config *out);

/* Migrates the tables of the database that it keeps its notes in. */
MUST_USE bool upkeep_open(struct app *app, const struct upkeep_config *config, struct upkeep **out,
                          struct error *err);
void upkeep_close(struct upkeep *u); /* NULL is fine */

/* One look at every table of main; *held is false, and nothing is done, while another server has the lease.  What fails for one table is
 * logged and noted, and the round goes on. */
MUST_USE bool upkeep_round(struct upkeep *u, struct cancel *cancel, bool *held, struct error *err);

/* {"enabled", "holder", "tables": [...]} of GET /api/maintenance. */
MUST_USE bool upkeep_write(struct upkeep *u, struct arena *a, struct json_writer *w,
                           struct error *err);

/* The thread; nothing (NULL) unless enabled.  Stop cancels what is under way and joins; NULL is fine. */
struct upkeep_thread;
struct upkeep_thread *upkeep_thread_start(struct upkeep *u);
void upkeep_thread_stop(struct upkeep_thread *t);

#endif
