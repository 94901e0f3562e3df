/* SPDX-License-Identifier: Apache-2.0
 *
 * The collector (garbage.h): a batch of the list becomes a set of candidates, everything that is reachable is taken out
 * of it, what is left is removed.  The row of a location goes after its objects: when the process ends in between, the next
 * round finds nothing to remove and takes the row. */
#include "base/map.h"
#include "base/vec.h"
#include "catalog/catalog_priv.h"
#include "catalog/garbage.h"
#include "io/store.h"

#define ROWS_MAX 20000 /* of the list in one round */

struct listed {
    str location;
    bool in_use, done;
};

struct candidate {
    str path; /* in the store */
    struct listed *row;
    int64_t size;
    bool in_use;
};

struct collecting {
    struct catalog *catalog;
    const struct collect_options *o;
    struct arena *arena;
    int64_t now_us;
    struct map by_path; /* path -> struct candidate */
    VEC(struct listed) rows;
    struct map versions;
    struct arena *scratch; /* of one location */
    struct collect_result *out;
};

bool catalog_list_garbage(struct catalog *c, const char *why, const str *locations, size_t n,
                          struct error *err)
{
    struct db_tx *tx;
    if (!db_begin(c->db, &tx, err))
        return false;
    int64_t now_us = env_now_us(c->env);
    for (size_t i = 0; i < n; i++)
        if (!db_run(
                tx,
                STR("INSERT INTO cat_garbage (location, why, time_us) VALUES (?, ?, ?) "
                    "ON CONFLICT (location) DO UPDATE SET time_us = excluded.time_us"),
                DB_ARGS(db_val_text(locations[i]), db_val_text(str_of(why)), db_val_int(now_us)),
                NULL, NULL, err)) {
            db_rollback(tx);
            return false;
        }
    return db_commit(tx, err);
}

/* --- candidates --- */

static bool read_list(struct collecting *g, struct error *err)
{
    struct db_tx *tx;
    struct db_rows total, rows;
    int64_t before = g->now_us - g->o->safety_us;
    if (before >= g->o->oldest_scan_us)
        before = g->o->oldest_scan_us - 1;
    if (!db_read_begin(g->catalog->db, &tx, err))
        return false;
    bool ok =
        db_run(tx,
               STR("SELECT count(*), coalesce(sum(CASE WHEN time_us > ? THEN 1 ELSE 0 END), 0) "
                   "FROM cat_garbage"),
               DB_ARGS(db_val_int(before)), g->arena, &total, err) &&
        db_run(tx,
               STR("SELECT location FROM cat_garbage WHERE time_us <= ? "
                   "ORDER BY time_us, location LIMIT ?"),
               DB_ARGS(db_val_int(before), db_val_int(ROWS_MAX)), g->arena, &rows, err);
    db_rollback(tx);
    if (!ok)
        return false;
    g->out->listed = db_int(&total, 0, 0);
    g->out->waiting = db_int(&total, 0, 1);
    for (size_t i = 0; i < rows.n; i++)
        vec_push(g->arena, &g->rows)->location = arena_str(g->arena, db_str(&rows, i, 0));
    g->out->more = g->out->listed - g->out->waiting > (int64_t)rows.n;
    return true;
}

static bool add_candidate(struct collecting *g, struct listed *row, str path, int64_t size,
                          struct error *err)
{
    if (map_get(&g->by_path, path))
        return true;
    if (g->by_path.n >= COLLECT_FILES_MAX)
        return fail(err, ERR_LIMIT, "more than %d objects", COLLECT_FILES_MAX);
    struct candidate *c = arena_new(g->arena, struct candidate);
    *c = (struct candidate){ .path = arena_str(g->arena, path), .row = row, .size = size };
    map_add(&g->by_path, c->path, c);
    return true;
}

struct folder {
    struct collecting *g;
    struct listed *row;
};

static bool add_listed(void *ctx, str path, const struct store_info *info, struct error *err)
{
    struct folder *f = ctx;
    return add_candidate(f->g, f->row, path, info->size, err);
}

/* An object, or a folder with what is below it, or nothing any more. */
static bool add_row(struct collecting *g, struct listed *row, struct error *err)
{
    str path;
    struct store_info info;
    struct store *store = g->catalog->store;
    struct folder below = { g, row };
    struct error why = { 0 };
    if (!store_from_uri(store, row->location, g->arena, &path, &why)) {
        row->in_use = true; /* not a place of ours: it stays */
        return true;
    }
    if (store_head(store, path, &info, &why))
        return add_candidate(g, row, path, info.size, err);
    if (why.code != ERR_NOT_FOUND) {
        *err = why;
        return false;
    }
    return store_list(store, path, add_listed, &below, err) || err->code == ERR_NOT_FOUND;
}

/* Rows beyond the limit wait for another round. */
static bool add_rows(struct collecting *g, struct error *err)
{
    map_init(&g->by_path, g->arena);
    for (size_t i = 0; i < g->rows.n; i++) {
        if (!cancel_check(g->o->cancel, err))
            return false;
        if (add_row(g, &g->rows.at[i], err))
            continue;
        if (err->code != ERR_LIMIT || i == 0)
            return false;
        g->rows.at[i].in_use = true; /* a part of it is among the candidates: it is not done */
        g->rows.n = i + 1;
        g->out->more = true;
        *err = (struct error){ 0 };
    }
    return true;
}

/* --- proof --- */

static bool mark(void *ctx, enum reach_kind kind, str location, struct error *err)
{
    struct collecting *g = ctx;
    str path;
    struct error elsewhere = { 0 };
    (void)kind, (void)err;
    arena_reset(g->scratch);
    location = reach_place(location, g->scratch);
    if (!store_from_uri(g->catalog->store, location, g->scratch, &path, &elsewhere))
        return true; /* out of our reach, so no candidate */
    struct candidate *c = map_get(&g->by_path, path);
    if (c && !c->in_use) {
        c->in_use = c->row->in_use = true;
        g->out->in_use++;
    }
    return true;
}

/* A second look after the first, which may have taken long, finds what came in between (G4). */
static bool prove(struct collecting *g, struct error *err)
{
    struct reach *r = reach_create(g->catalog->store, g->o->cancel, false, g->arena);
    int64_t horizon_us = g->now_us - g->o->safety_us;
    size_t seen;
    map_init(&g->versions, g->arena);
    do {
        seen = g->versions.n;
        reach_forgive_missing(r, false);
        bool ok = catalog_reach(g->catalog, INT64_MAX, r, &g->versions, mark, g, err);
        reach_forgive_missing(
            r, true); /* other engines' expiry removes files of young commits at once */
        if (!ok || !catalog_reach(g->catalog, horizon_us, r, &g->versions, mark, g, err))
            return fail_in(err, "nothing is removed: it is not known what is in use");
    } while (g->versions.n > seen);
    return true;
}

/* --- removal --- */

static bool remove_object(struct collecting *g, struct candidate *c, struct error *err)
{
    g->out->removed++;
    g->out->bytes += c->size;
    if (g->o->dry_run)
        return true;
    if (!store_delete(g->catalog->store, c->path, err) && err->code != ERR_NOT_FOUND) {
        g->out->removed--;
        g->out->bytes -= c->size;
        return fail_in(err, "remove " STR_FMT, STR_ARG(c->path));
    }
    *err = (struct error){ 0 };
    return true;
}

static bool remove_all(struct collecting *g, struct error *err)
{
    for (size_t i = 0; i < g->by_path.n; i++) {
        struct candidate *c = g->by_path.entries[i].value;
        if (c->in_use)
            continue;
        if (!cancel_check(g->o->cancel, err) || !remove_object(g, c, err))
            return false;
    }
    return true;
}

static bool settle_row(struct collecting *g, struct db_tx *tx, const struct listed *row,
                       struct error *err)
{
    if (row->in_use)
        return db_run(tx, STR("UPDATE cat_garbage SET time_us = ? WHERE location = ?"),
                      DB_ARGS(db_val_int(g->now_us), db_val_text(row->location)), NULL, NULL, err);
    /* Not when it was listed anew meanwhile. */
    return db_run(tx, STR("DELETE FROM cat_garbage WHERE location = ? AND time_us <= ?"),
                  DB_ARGS(db_val_text(row->location), db_val_int(g->now_us - g->o->safety_us)),
                  NULL, NULL, err);
}

static bool settle_rows(struct collecting *g, struct error *err)
{
    struct db_tx *tx;
    if (g->rows.n == 0 || g->o->dry_run)
        return true;
    if (!db_begin(g->catalog->db, &tx, err))
        return false;
    for (size_t i = 0; i < g->rows.n; i++)
        if (!settle_row(g, tx, &g->rows.at[i], err)) {
            db_rollback(tx);
            return false;
        }
    return db_commit(tx, err);
}

bool catalog_collect(struct catalog *c, const struct collect_options *o, struct arena *a,
                     struct collect_result *out, struct error *err)
{
    struct collecting g = { .catalog = c,
                            .o = o,
                            .arena = a,
                            .now_us = env_now_us(c->env),
                            .scratch = arena_create(0),
                            .out = out };
    *out = (struct collect_result){ 0 };
    bool ok = read_list(&g, err) && add_rows(&g, err);
    if (ok && g.by_path.n > 0)
        ok = prove(&g, err) && remove_all(&g, err);
    ok = ok && settle_rows(&g, err);
    arena_destroy(g.scratch);
    return ok;
}
