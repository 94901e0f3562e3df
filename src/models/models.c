/* SPDX-License-Identifier: Apache-2.0 */
#include "models/models.h"

#include "base/env.h"
#include "base/log.h"
#include "catalog/lru.h"
#include "models/models_priv.h"
#include "sql/lake.h"

#define LOADED_BYTES_MAX ((size_t)256 << 20) /* predictors in memory that nobody is using */

/* A metric's value is finite in `value`; `special` says 1: NaN, 2: infinity, 3: -infinity, which not every engine keeps. */
static const struct migration migrations[] = {
    { 1, "runs and models",
      "CREATE TABLE experiments (experiment_id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
      "    created_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL);"
      "INSERT INTO experiments VALUES (0, 'Default', 0, 0);"
      "CREATE TABLE runs (run_id TEXT NOT NULL PRIMARY KEY, experiment_id BIGINT NOT NULL"
      "    REFERENCES experiments (experiment_id), name TEXT NOT NULL, source TEXT NOT NULL,"
      "    user_id TEXT NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL, start_ms BIGINT NOT NULL,"
      "    end_ms BIGINT, owned BIGINT NOT NULL);"
      "CREATE INDEX runs_by_start ON runs (start_ms);"
      "CREATE TABLE run_params (run_id TEXT NOT NULL REFERENCES runs (run_id), key TEXT NOT NULL,"
      "    value TEXT NOT NULL, PRIMARY KEY (run_id, key));"
      "CREATE TABLE run_tags (run_id TEXT NOT NULL REFERENCES runs (run_id), key TEXT NOT NULL,"
      "    value TEXT NOT NULL, PRIMARY KEY (run_id, key));"
      "CREATE TABLE run_metrics (run_id TEXT NOT NULL REFERENCES runs (run_id), key TEXT NOT NULL,"
      "    step BIGINT NOT NULL, timestamp_ms BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL,"
      "    special BIGINT NOT NULL, PRIMARY KEY (run_id, key, step, timestamp_ms, value, special));"
      "CREATE TABLE run_latest_metrics (run_id TEXT NOT NULL REFERENCES runs (run_id), key TEXT NOT NULL,"
      "    step BIGINT NOT NULL, timestamp_ms BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL,"
      "    special BIGINT NOT NULL, PRIMARY KEY (run_id, key));"
      "CREATE TABLE run_inputs (run_id TEXT NOT NULL REFERENCES runs (run_id), table_name TEXT NOT NULL,"
      "    snapshot_id BIGINT NOT NULL, context TEXT NOT NULL,"
      "    PRIMARY KEY (run_id, table_name, snapshot_id, context));"
      "CREATE TABLE run_artifacts (run_id TEXT NOT NULL REFERENCES runs (run_id), path TEXT NOT NULL,"
      "    bytes BIGINT NOT NULL, PRIMARY KEY (run_id, path));"
      "CREATE TABLE registered_models (name TEXT NOT NULL PRIMARY KEY, created_ms BIGINT NOT NULL,"
      "    updated_ms BIGINT NOT NULL);"
      "CREATE TABLE model_versions (model TEXT NOT NULL REFERENCES registered_models (name),"
      "    version BIGINT NOT NULL, run_id TEXT NOT NULL, path TEXT NOT NULL, status TEXT NOT NULL,"
      "    created_ms BIGINT NOT NULL, PRIMARY KEY (model, version));"
      "CREATE INDEX model_versions_by_run ON model_versions (run_id);"
      "CREATE TABLE model_aliases (model TEXT NOT NULL, alias TEXT NOT NULL, version BIGINT NOT NULL,"
      "    PRIMARY KEY (model, alias), FOREIGN KEY (model, version) REFERENCES model_versions (model, version));" },
};

bool tx_end(struct db_tx *tx, bool ok, struct error *err)
{
    if (ok)
        return db_commit(tx, err);
    db_rollback(tx);
    return false;
}

int64_t now_ms(const struct models *m)
{
    return env_now_ms(m->lake->env);
}

bool text_check(const char *what, str text, size_t bytes_max, struct error *err)
{
    if (text.len == 0)
        return fail(err, ERR_INVALID, "%s is empty", what);
    if (text.len > bytes_max)
        return fail(err, ERR_INVALID, "%s has %zu bytes, more than %zu", what, text.len, bytes_max);
    bool plain = str_is_utf8(text);
    for (size_t i = 0; i < text.len; i++)
        plain = plain && (unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f;
    if (!plain)
        return fail(err, ERR_INVALID, "%s holds a control character or is not UTF-8", what);
    return true;
}

/* R3 of tracking.h: whoever owned these runs is gone, for this process holds the data directory.  Runs of
 * other servers on a shared database bear other numbers. */
static bool end_dead_runs(struct models *m, struct error *err)
{
    struct db_tx *tx;
    struct db_rows rows = { 0 };
    struct arena *a = arena_create(0);
    bool ok = db_begin(m->lake->db, &tx, err) &&
              tx_end(tx,
                     db_run(tx,
                            STR("UPDATE runs SET status = 'FAILED', message = 'the process ended', "
                                "end_ms = ? WHERE status = 'RUNNING' AND owned = ?"),
                            DB_ARGS(db_val_int(now_ms(m)), db_val_int(m->lake->server_id)), a,
                            &rows, err),
                     err);
    if (ok && rows.changes)
        log_warn("models", "runs ended with the last process n=%lld", (long long)rows.changes);
    arena_destroy(a);
    return ok;
}

static void forget_names(void *arg)
{
    struct models *m = arg;
    atomic_fetch_add(&m->changes, 1);
}

bool models_open(struct lake *lake, struct models **out, struct error *err)
{
    if (!db_migrate(lake->db, "models", migrations, sizeof migrations / sizeof *migrations, err))
        return fail_in(err, "open the models");
    struct arena *a = arena_create(0);
    struct models *m = arena_new(a, struct models);
    m->arena = a;
    m->lake = lake;
    m->loaded = lru_create(LOADED_BYTES_MAX);
    db_watch_init(&m->watch, lake->db, MODELS_AREA, lake->pool, forget_names, m);
    if (!end_dead_runs(m, err)) {
        models_close(m);
        return fail_in(err, "open the models");
    }
    *out = m;
    return true;
}

void models_close(struct models *m)
{
    if (!m)
        return;
    db_watch_end(&m->watch);
    lru_destroy(m->loaded);
    arena_destroy(m->arena);
}
