/* SPDX-License-Identifier: Apache-2.0 */
#include "io/db.h"
#include "io/store.h"
#include "sql/lake_priv.h"

static const struct migration migrations[] = {
    { 1, "places",
      "CREATE TABLE lake_places (name TEXT NOT NULL PRIMARY KEY, place TEXT NOT NULL)" },
};

/* `name` is also the setting in firn.yaml. */
static bool check_place(struct db_tx *tx, struct store *store, const char *name, struct arena *a,
                        struct error *err)
{
    struct db_rows rows;
    str place = store_uri(store, STR(""), a);
    if (!db_run(tx,
                STR("INSERT INTO lake_places (name, place) VALUES (?, ?) ON CONFLICT DO NOTHING"),
                DB_ARGS(db_val_text(str_of(name)), db_val_text(place)), NULL, NULL, err) ||
        !db_run(tx, STR("SELECT place FROM lake_places WHERE name = ?"),
                DB_ARGS(db_val_text(str_of(name))), a, &rows, err))
        return false;
    str known = db_str(&rows, 0, 0);
    if (str_eq(known, place))
        return true;
    fail(err, ERR_INVALID, "the servers of this catalog keep their %s in " STR_FMT ", not " STR_FMT,
         name, STR_ARG(known), STR_ARG(place));
    return fail_hint(err, "write into firn.yaml: %s: " STR_FMT, name,
                     STR_ARG(str_starts(known, STR("file://")) ? str_from(known, 7) : known));
}

bool lake_check_places(struct lake *lake, struct error *err)
{
    struct db_tx *tx;
    if (!db_migrate(lake->db, "lake", migrations, 1, err) || !db_begin(lake->db, &tx, err))
        return false;
    struct arena *a = arena_create(0);
    bool ok = check_place(tx, lake->warehouse, "warehouse", a, err) &&
              check_place(tx, lake->artifacts, "artifacts", a, err);
    arena_destroy(a);
    if (ok)
        return db_commit(tx, err);
    db_rollback(tx);
    return false;
}

#define SERVER_ID_FILE STR("server.id")
#define SERVER_ID_BYTES_MAX 64

bool lake_find_server_id(struct lake *lake, struct store *root, struct error *err)
{
    struct arena *a = arena_create(0);
    str text;
    bool ok = true;
    if (!lake->db->shared) {
        lake->server_id = 1;
    } else if (store_get(root, SERVER_ID_FILE, SERVER_ID_BYTES_MAX, a, &text, err)) {
        ok = (str_to_i64(str_trim(text), &lake->server_id) && lake->server_id > 1) ||
             fail(err, ERR_CORRUPT, "server.id in the data directory is not a number");
    } else {
        lake->server_id = (int64_t)(env_random_u64(lake->env) >> 2) + 2;
        ok = err->code == ERR_NOT_FOUND &&
             store_put(root, SERVER_ID_FILE, arena_printf(a, "%lld\n", (long long)lake->server_id),
                       0, err);
    }
    arena_destroy(a);
    return ok;
}
