/* SPDX-License-Identifier: Apache-2.0
 *
 * A lake whose store and database are made to fail by a plan, and what holds of it afterwards: every file that is named is there, and
 * what nobody names is found. */
#ifndef FIRN_TEST_FAULTY_LAKE_H
#define FIRN_TEST_FAULTY_LAKE_H

#include "base/map.h"
#include "catalog/catalog.h"
#include "catalog/garbage.h"
#include "catalog/orphans.h"
#include "iceberg/reach.h"
#include "io/db.h"
#include "io/fault.h"
#include "io/store.h"
#include "sql/lake.h"
#include "unit/sql/lake_test.h"

/* The lake's own parts while others take their place. */
struct parts {
    struct lake *lake;
    struct store *store;
    struct catalog *catalog;
    struct db *db;
    struct fault plan;
};

/* From now on the write with number nth fails. */
static void make_faulty(struct parts *p, struct lake *lake, enum fault_kind kind, int64_t nth)
{
    struct error err = { 0 };
    *p = (struct parts){
        .lake = lake, .store = lake->warehouse, .catalog = lake->catalog, .db = lake->db
    };
    p->plan = (struct fault)FAULT_AT(kind, -1);
    p->plan.writes_only = true;
    lake->warehouse = store_fault_create(p->store, &p->plan);
    lake->db = db_fault_create(p->db, &p->plan);
    struct catalog_options o = { .db = lake->db, .store = lake->warehouse, .env = lake->env };
    CHECK_OK(catalog_open(&o, &lake->catalog, &err));
    atomic_store(&p->plan.seen, 0);
    p->plan.nth = nth;
}

/* Whether it has failed. */
static bool make_whole(struct parts *p)
{
    bool fired = fault_fired(&p->plan);
    p->plan.nth = -1;
    catalog_close(p->lake->catalog);
    store_destroy(p->lake->warehouse);
    db_close(p->lake->db);
    p->lake->catalog = p->catalog;
    p->lake->warehouse = p->store;
    p->lake->db = p->db;
    return fired;
}

/* ---- What is named, and what is left */

struct naming {
    struct lake *lake;
    struct map names;
};

static bool note_named(void *ctx, enum reach_kind kind, str location, struct error *err)
{
    struct naming *n = ctx;
    str path;
    (void)kind;
    if (!store_from_uri(n->lake->warehouse, arena_str(test_arena(), location), test_arena(), &path,
                        err))
        return false;
    (void)map_add(&n->names, path, n);
    return true;
}

static void find_named(struct lake *lake, struct naming *out, int64_t horizon_us)
{
    struct error err = { 0 };
    struct map versions;
    struct reach *r = reach_create(lake->warehouse, NULL, false, test_arena());
    *out = (struct naming){ .lake = lake };
    map_init(&out->names, test_arena());
    map_init(&versions, test_arena());
    CHECK_OK(catalog_reach(lake->catalog, INT64_MAX, r, &versions, note_named, out, &err));
    reach_forgive_missing(r, true);
    if (horizon_us < INT64_MAX)
        CHECK_OK(catalog_reach(lake->catalog, horizon_us, r, &versions, note_named, out, &err));
}

static UNUSED void all_named_is_there(struct lake *lake, const char *what)
{
    struct error err = { 0 };
    struct store_info info;
    struct naming n;
    find_named(lake, &n, INT64_MAX);
    CHECK(n.names.n > 5);
    for (size_t i = 0; i < n.names.n; i++)
        if (!store_head(lake->warehouse, n.names.entries[i].key, &info, &err))
            test_fail(__FILE__, __LINE__, "%s: a named file is lost: %s", what, err.msg);
}

struct leftover {
    const struct naming *named;
    const char *what;
};

static bool must_be_named(void *ctx, str path, const struct store_info *info, struct error *err)
{
    const struct leftover *l = ctx;
    (void)info;
    (void)err;
    bool other = str_starts(path, STR("in/")) || str_find(path, STR("/t-")) < 0;
    if (!other && !map_get(&l->named->names, path))
        test_fail(__FILE__, __LINE__, "%s: nobody finds " STR_FMT, l->what, STR_ARG(path));
    return true;
}

/* Collects and removes, of s.t, what nothing needs; then nothing else is in the tables' folders. */
static UNUSED void clean(struct lake *lake, const char *what)
{
    struct error err = { 0 };
    struct naming n;
    struct collect_result collected;
    struct orphans_result removed;
    struct collect_options now = { .oldest_scan_us = INT64_MAX };
    struct orphans_options o = { .older_than_ms = env_now_ms(lake->env) + 60000,
                                 .any_age = true,
                                 .oldest_scan_us = INT64_MAX };
    CHECK_OK(catalog_collect(lake->catalog, &now, test_arena(), &collected, &err));
    CHECK_OK(catalog_orphans(lake->catalog, (str){ 0 }, STR("s"), STR("t"), &o, test_arena(),
                             &removed, &err));
    find_named(lake, &n, INT64_MAX);
    struct leftover l = { &n, what };
    CHECK_OK(store_list(lake->warehouse, (str){ 0 }, must_be_named, &l, &err));
    all_named_is_there(lake, what);
}

#endif
