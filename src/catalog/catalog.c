/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening: schema, caches, and the branch main with a root commit over the empty tree. */
#include "catalog/catalog_priv.h"
#include "catalog/turns_priv.h"

#define CACHE_BYTES_DEFAULT ((size_t)40 << 20)
#define CONFINED_BYTES ((size_t)8 << 20) /* some ten thousand manifests */

static const struct migration migrations[] = {
    { 1, "refs, commits, tree, ledger, garbage",
      "CREATE TABLE cat_nodes (hash BLOB NOT NULL PRIMARY KEY, body BLOB NOT NULL);"
      "CREATE TABLE cat_commits (id BLOB NOT NULL PRIMARY KEY, root BLOB NOT NULL, parent1 BLOB,"
      " parent2 BLOB, generation BIGINT NOT NULL, time_us BIGINT NOT NULL, author TEXT NOT NULL,"
      " message TEXT NOT NULL, operations TEXT NOT NULL, nonce BLOB NOT NULL);"
      "CREATE TABLE cat_refs (name TEXT NOT NULL PRIMARY KEY, kind INTEGER NOT NULL,"
      " commit_id BLOB NOT NULL, created_us BIGINT NOT NULL, updated_us BIGINT NOT NULL);"
      "CREATE TABLE cat_ledger (ledger_key TEXT NOT NULL PRIMARY KEY, commit_id BLOB NOT NULL,"
      " body TEXT NOT NULL, time_us BIGINT NOT NULL);"
      "CREATE INDEX cat_ledger_time ON cat_ledger (time_us);"
      "CREATE TABLE cat_garbage (location TEXT NOT NULL PRIMARY KEY, why TEXT NOT NULL,"
      " time_us BIGINT NOT NULL);" },
    { 2, "rules of branches",
      "CREATE TABLE cat_rules (pattern TEXT NOT NULL PRIMARY KEY, allowed TEXT NOT NULL,"
      " author TEXT NOT NULL, updated_us BIGINT NOT NULL);" },
    { 3, "metadata files that are synced late",
      "CREATE TABLE cat_late (seq BIGINT NOT NULL PRIMARY KEY, location TEXT NOT NULL,"
      " bytes BLOB NOT NULL);" },
    { 4, "changes, for those who want to be told",
      "CREATE TABLE cat_events (seq BIGINT NOT NULL PRIMARY KEY, time_us BIGINT NOT NULL,"
      " kind INTEGER NOT NULL, ref TEXT NOT NULL, ref_kind INTEGER NOT NULL, other TEXT NOT NULL,"
      " from_id BLOB NOT NULL, to_id BLOB NOT NULL, who TEXT NOT NULL);" },
    { 5, "metadata files are synced at once again", "DROP TABLE cat_late;" },
};

static bool make_main(struct catalog *c, struct db_tx *tx, struct error *err)
{
    struct node_io io = history_node_io(tx);
    struct tree t = { &io, c->nodes };
    int64_t now_us = env_now_us(c->env);
    struct commit root = { .generation = 1,
                           .time_us = now_us,
                           .message = STR("create catalog"),
                           .operations = STR("[]") };
    uint8_t nonce[16];
    env_random(c->env, nonce, sizeof nonce);
    if (!tree_apply(&t, NULL, NULL, 0, &root.root, err) || !commit_save(tx, &root, nonce, err))
        return false;
    return ref_insert(tx, &(struct ref_row){ MAIN_BRANCH, CATALOG_BRANCH, root.id, now_us, now_us },
                      err);
}

static bool has_main(struct db_tx *tx, bool *out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct ref_row row;
    bool ok = ref_load(tx, MAIN_BRANCH, a, out, &row, err);
    arena_destroy(a);
    return ok;
}

static bool ensure_main(struct catalog *c, struct error *err)
{
    struct db_tx *tx;
    bool there;
    if (!db_begin(c->db, &tx, err))
        return false;
    if (!has_main(tx, &there, err) || (!there && !make_main(c, tx, err))) {
        db_rollback(tx);
        return false;
    }
    if (!there)
        return db_commit(tx, err);
    db_rollback(tx);
    return true;
}

bool catalog_open(const struct catalog_options *o, struct catalog **out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct catalog *c = arena_new(a, struct catalog);
    size_t cache_bytes = o->cache_bytes ? o->cache_bytes : CACHE_BYTES_DEFAULT;
    *c = (struct catalog){
        .arena = a, .db = o->db, .store = o->store, .env = o->env, .pool = o->pool
    };
    c->nodes = lru_create(cache_bytes / 4);
    c->metadata = lru_create(cache_bytes - cache_bytes / 4);
    c->confined = lru_create(CONFINED_BYTES);
    c->turns = turns_create();
    if (!db_migrate(c->db, "catalog", migrations, sizeof migrations / sizeof *migrations, err) ||
        !ensure_main(c, err)) {
        catalog_close(c);
        return fail_in(err, "open catalog");
    }
    c->publisher = publisher_create(c->db, c->store, c->env, c->nodes, &c->changes);
    *out = c;
    return true;
}

void catalog_close(struct catalog *c)
{
    if (!c)
        return;
    turns_destroy(c->turns);
    publisher_destroy(c->publisher);
    lru_destroy(c->confined);
    lru_destroy(c->metadata);
    lru_destroy(c->nodes);
    arena_destroy(c->arena);
}
