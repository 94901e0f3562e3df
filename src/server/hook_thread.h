/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's own thread that delivers events to webhooks.
 *
 *   W1  Each event that passes a hook's filter is posted until the receiver takes it: at least once.  Its webhook-id is the same each
 *       time.
 *   W2  A hook gets its events in order: the next one goes out when the one before has been taken.
 *   W3  How far a hook got is in the database, behind the events themselves: a server that is killed goes on from there, and may
 *       post again what was taken since the last note.
 *   W4  Of servers that share a database one delivers (hooks_lease).
 *   W5  An event that was not taken is posted again after 1 s, 3 s, 9 s, ... 6 h, half of it by chance; after the last attempt the
 *       hook is dead, and says why, until somebody makes it active again.
 *
 * The thread also forgets changes that are older than the retention and that no active hook still waits for. */
#ifndef FIRN_SERVER_HOOK_THREAD_H
#define FIRN_SERVER_HOOK_THREAD_H

#include "base/error.h"

struct app;
struct hook_thread;

/* The app outlives it.  Stop cancels the attempt under way and joins; NULL is fine. */
MUST_USE bool hook_thread_start(struct app *app, struct hook_thread **out, struct error *err);
void hook_thread_stop(struct hook_thread *t);

#endif
