/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing changes (events.h, E1). */
#ifndef FIRN_CATALOG_EVENTS_PRIV_H
#define FIRN_CATALOG_EVENTS_PRIV_H

#include "catalog/events.h"
#include "catalog/history.h"

struct change_row {
    enum change_kind kind;
    enum catalog_ref_kind ref_kind;
    str ref, other;
    const struct sha256 *from, *to; /* NULL: none */
    const struct commit_info *who;  /* NULL: nobody in particular */
};

/* Adds a change to the write transaction that makes it. */
MUST_USE bool change_record(struct db_tx *tx, const struct change_row *row, int64_t now_us,
                            struct error *err);

/* After a transaction that may be durable: wakes who waits (catalog_changes_made). */
void changes_made(struct catalog *c);

#endif
