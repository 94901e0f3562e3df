/* SPDX-License-Identifier: Apache-2.0
 *
 * What a read of online features needs, all of it immutable: the registry, what the store holds of each view, and compiled
 * requests.  A new state replaces the old one (published.h) when definitions change or a view is materialised.
 *
 * Each online view has a table in the store with its rows by entity key (online_key.h, online_row.h), and one record beside them under
 * ONLINE_RECORD, which is written in the same batch as the rows: so what the store says of itself is always true. */
#ifndef FIRN_FEATURES_ONLINE_STATE_H
#define FIRN_FEATURES_ONLINE_STATE_H

#include <stdatomic.h>

#include "features/online_key.h"
#include "features/online_row.h"

struct kv_read;
struct kv_table;
struct lake;

#define ONLINE_RECORD STR("record") /* no entity key begins so */
#define ONLINE_VIEWS_MAX 900        /* below the number of tables of a store */
#define PLAN_SLOTS 1024             /* compiled requests kept */
#define PLAN_PROBES 8

/* The record of a view. */
struct online_record {
    str view, table, keys; /* `keys`: JSON of names and types; rows of another key are not read */
    int64_t view_version, snapshot_id, rows, time_us;
    struct row_layout layout;
};

/* Appends the record as JSON; check buf_ok.  Reading copies to `a`: ERR_CORRUPT, ERR_UNSUPPORTED for a later format. */
void online_record_write(const struct online_record *r, struct buf *out);
/* See above. */
MUST_USE bool online_record_parse(str text, struct arena *a, struct online_record *out,
                                  struct error *err);
/* The JSON of a view's keys. */
str online_keys_text(const struct feature_view *v, struct arena *a);

struct online_view {
    const struct feature_view *view;
    struct kv_table *table;
    bool filled; /* materialised, and the record below fits the view */
    struct online_record record;
    struct key_shape shape;
};

struct plan_column {
    str name; /* in the answer */
    const struct feature_column *column;
    ptrdiff_t at; /* in the view's layout; -1: the store does not have it yet */
};

struct plan_view {
    const struct feature_view *view;
    const struct online_view *online; /* NULL: the view is not online */
    struct plan_column *columns;
    size_t columns_n;
};

/* A request without its keys.  Immutable. */
struct plan {
    struct arena *arena;
    struct feature_refs refs; /* that it answers */
    bool full;
    uint64_t hash;
    struct plan_view *views;
    size_t views_n, columns_n;
    str names_json; /* ,"name","name" */
};

struct online_state {
    struct arena *arena;
    struct registry registry;
    struct map online;    /* view -> struct online_view */
    struct map key_names; /* join key or entity of one join key -> str: the join key */
    _Atomic(const struct plan *) plans[PLAN_SLOTS];
};

/* Reads registry and store. */
MUST_USE bool online_state_load(struct lake *lake, struct online_state **out, struct error *err);
void online_state_free(struct online_state *s); /* NULL is fine */

/* The compiled request, kept for the next one like it.  *owned: it was not kept (no room), free it with plan_free. */
MUST_USE bool online_plan(struct online_state *s, const struct feature_refs *refs, bool full,
                          const struct plan **out, bool *owned, enum feast_error *why,
                          struct error *err);
void plan_free(const struct plan *p); /* NULL is fine */

#endif
