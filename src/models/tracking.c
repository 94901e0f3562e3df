/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing runs.  Reading them is run_read.c. */
#include "models/tracking.h"

#include <float.h>
#include <math.h>

#include "base/env.h"
#include "codec/digest.h"
#include "io/store.h"
#include "models/models_priv.h"
#include "sql/lake.h"

static const char *const status_names[RUN_STATUSES] = { "RUNNING", "SCHEDULED", "FINISHED",
                                                        "FAILED", "KILLED" };

const char *run_status_name(enum run_status s)
{
    ASSERT((size_t)s < RUN_STATUSES);
    return status_names[s];
}

bool run_status_parse(str text, enum run_status *out)
{
    for (int i = 0; i < RUN_STATUSES; i++)
        if (str_is(text, status_names[i])) {
            *out = (enum run_status)i;
            return true;
        }
    return false;
}

static bool is_key_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80 || str_find_char(STR("_-./ :"), c) >= 0;
}

/* MLflow: letters, digits and "_-./ :", and as a path it must be its own normal form. */
static bool key_check(const char *what, str key, struct error *err)
{
    if (!text_check(what, key, RUN_KEY_MAX, err))
        return fail_in(err, "the name of a %s", what);
    for (size_t i = 0; i < key.len; i++)
        if (!is_key_char(key.ptr[i]))
            return fail(err, ERR_INVALID, "%s \"" STR_FMT "\": a name may not hold '%c'", what,
                        STR_ARG(key), key.ptr[i]);
    str rest = key, part;
    while (str_next(&rest, '/', &part))
        if (part.len == 0 || str_is(part, ".") || str_is(part, ".."))
            return fail(err, ERR_INVALID,
                        "%s \"" STR_FMT "\": parts between '/' may not be empty, \".\" or \"..\"",
                        what, STR_ARG(key));
    return true;
}

static bool value_check(const char *what, const struct run_pair *p, size_t bytes_max,
                        struct error *err)
{
    if (p->value.len > bytes_max)
        return fail(err, ERR_INVALID, "the value of %s " STR_FMT " has %zu bytes, more than %zu",
                    what, STR_ARG(p->key), p->value.len, bytes_max);
    if (!str_is_utf8(p->value))
        return fail(err, ERR_INVALID, "the value of %s " STR_FMT " is not UTF-8", what,
                    STR_ARG(p->key));
    return true;
}

/* ---- experiments --------------------------------------------------------------------------------------------- */

static void experiment_from(const struct db_rows *rows, size_t r, struct experiment *out)
{
    *out = (struct experiment){ .id = db_int(rows, r, 0),
                                .name = db_str(rows, r, 1),
                                .created_ms = db_int(rows, r, 2),
                                .updated_ms = db_int(rows, r, 3) };
}

#define EXPERIMENT_COLUMNS "SELECT experiment_id, name, created_ms, updated_ms FROM experiments "

static bool experiment_find_in(struct db_tx *tx, str name, struct arena *a, bool *found,
                               struct experiment *out, struct error *err)
{
    struct db_rows rows;
    if (!db_run(tx, STR(EXPERIMENT_COLUMNS "WHERE name = ?"), DB_ARGS(db_val_text(name)), a, &rows,
                err))
        return false;
    *found = rows.n > 0;
    if (*found)
        experiment_from(&rows, 0, out);
    return true;
}

static bool experiment_insert_in(struct models *m, struct db_tx *tx, str name, struct arena *a,
                                 struct experiment *out, struct error *err)
{
    struct db_rows rows;
    int64_t now = now_ms(m);
    if (!db_run(tx, STR("SELECT max(experiment_id) + 1 FROM experiments"), DB_NO_ARGS, a, &rows,
                err) ||
        !db_run(tx, STR("INSERT INTO experiments VALUES (?, ?, ?, ?)"),
                DB_ARGS(db_val_int(db_int(&rows, 0, 0)), db_val_text(name), db_val_int(now),
                        db_val_int(now)),
                NULL, NULL, err))
        return false;
    *out = (struct experiment){
        .id = db_int(&rows, 0, 0), .name = arena_str(a, name), .created_ms = now, .updated_ms = now
    };
    return true;
}

static bool experiment_make(struct models *m, str name, bool may_exist, struct arena *a,
                            struct experiment *out, struct error *err)
{
    struct db_tx *tx;
    bool found = false;
    if (!text_check("the name of an experiment", name, RUN_NAME_MAX, err) ||
        !db_begin(m->lake->db, &tx, err))
        return false;
    bool ok = experiment_find_in(tx, name, a, &found, out, err);
    if (ok && found && !may_exist)
        ok = fail(err, ERR_EXISTS, "there is an experiment " STR_FMT, STR_ARG(name));
    else if (ok && !found)
        ok = experiment_insert_in(m, tx, name, a, out, err);
    return tx_end(tx, ok, err);
}

bool experiment_create(struct models *m, str name, struct arena *a, struct experiment *out,
                       struct error *err)
{
    return experiment_make(m, name, false, a, out, err);
}

bool experiment_ensure(struct models *m, str name, struct arena *a, struct experiment *out,
                       struct error *err)
{
    return experiment_make(m, name, true, a, out, err);
}

static bool experiment_query(struct models *m, str sql, const struct db_value *args, size_t n,
                             struct arena *a, struct db_rows *rows, struct error *err)
{
    struct db_tx *tx;
    return db_read_begin(m->lake->db, &tx, err) &&
           tx_end(tx, db_run(tx, sql, args, n, a, rows, err), err);
}

bool experiment_get(struct models *m, int64_t id, struct arena *a, struct experiment *out,
                    struct error *err)
{
    struct db_rows rows;
    if (!experiment_query(m, STR(EXPERIMENT_COLUMNS "WHERE experiment_id = ?"),
                          DB_ARGS(db_val_int(id)), a, &rows, err))
        return false;
    if (rows.n == 0)
        return fail(err, ERR_NOT_FOUND, "there is no experiment with the id %lld", (long long)id);
    experiment_from(&rows, 0, out);
    return true;
}

bool experiment_by_name(struct models *m, str name, struct arena *a, struct experiment *out,
                        struct error *err)
{
    struct db_rows rows;
    if (!experiment_query(m, STR(EXPERIMENT_COLUMNS "WHERE name = ?"), DB_ARGS(db_val_text(name)),
                          a, &rows, err))
        return false;
    if (rows.n == 0)
        return fail(err, ERR_NOT_FOUND, "there is no experiment " STR_FMT, STR_ARG(name));
    experiment_from(&rows, 0, out);
    return true;
}

bool experiment_list(struct models *m, struct arena *a, struct experiment **out, size_t *n,
                     struct error *err)
{
    struct db_rows rows;
    if (!experiment_query(m, STR(EXPERIMENT_COLUMNS "ORDER BY experiment_id"), DB_NO_ARGS, a, &rows,
                          err))
        return false;
    *out = arena_array(a, struct experiment, rows.n);
    *n = rows.n;
    for (size_t i = 0; i < rows.n; i++)
        experiment_from(&rows, i, &(*out)[i]);
    return true;
}

/* ---- runs ---------------------------------------------------------------------------------------------------- */

bool run_need_in(struct db_tx *tx, str id, struct arena *a, struct error *err)
{
    struct db_rows rows;
    if (!db_run(tx, STR("SELECT 1 FROM runs WHERE run_id = ?"), DB_ARGS(db_val_text(id)), a, &rows,
                err))
        return false;
    return rows.n > 0 || fail(err, ERR_NOT_FOUND, "there is no run " STR_FMT, STR_ARG(id));
}

static bool tag_in(struct db_tx *tx, str id, const struct run_pair *t, struct error *err)
{
    return key_check("tag", t->key, err) && value_check("tag", t, RUN_TAG_MAX, err) &&
           db_run(tx,
                  STR("INSERT INTO run_tags (run_id, key, value) VALUES (?, ?, ?) "
                      "ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value"),
                  DB_ARGS(db_val_text(id), db_val_text(t->key), db_val_text(t->value)), NULL, NULL,
                  err);
}

static bool param_in(struct db_tx *tx, str id, const struct run_pair *p, struct arena *a,
                     struct error *err)
{
    struct db_rows rows;
    if (!key_check("param", p->key, err) || !value_check("param", p, RUN_PARAM_MAX, err) ||
        !db_run(tx, STR("SELECT value FROM run_params WHERE run_id = ? AND key = ?"),
                DB_ARGS(db_val_text(id), db_val_text(p->key)), a, &rows, err))
        return false;
    if (rows.n == 0)
        return db_run(tx, STR("INSERT INTO run_params (run_id, key, value) VALUES (?, ?, ?)"),
                      DB_ARGS(db_val_text(id), db_val_text(p->key), db_val_text(p->value)), NULL,
                      NULL, err);
    if (!str_eq(db_str(&rows, 0, 0), p->value))
        return fail(err, ERR_INVALID,
                    "param " STR_FMT " of run " STR_FMT
                    " is \"%.60s\" already; params do not change",
                    STR_ARG(p->key), STR_ARG(id), arena_cstr(a, db_str(&rows, 0, 0)));
    return true;
}

static bool metric_in(struct db_tx *tx, str id, const struct run_metric *m, struct error *err)
{
    if (!key_check("metric", m->key, err))
        return false;
    int special = isnan(m->value) ? 1 : isinf(m->value) ? (m->value > 0 ? 2 : 3) : 0;
    double v = special == 1 ? 0 : special == 2 ? DBL_MAX : special == 3 ? -DBL_MAX : m->value;
    struct db_value args[] = { db_val_text(id),     db_val_text(m->key),
                               db_val_int(m->step), db_val_int(m->timestamp_ms),
                               db_val_real(v),      db_val_int(special) };
    return db_run(tx,
                  STR("INSERT INTO run_metrics (run_id, key, step, timestamp_ms, value, special) "
                      "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"),
                  args, 6, NULL, NULL, err) &&
           db_run(
               tx,
               STR("INSERT INTO run_latest_metrics (run_id, key, step, timestamp_ms, value, special) "
                   "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run_id, key) DO UPDATE SET "
                   "step = excluded.step, timestamp_ms = excluded.timestamp_ms, "
                   "value = excluded.value, special = excluded.special "
                   "WHERE (excluded.step, excluded.timestamp_ms, excluded.value) > "
                   "(run_latest_metrics.step, run_latest_metrics.timestamp_ms, "
                   "run_latest_metrics.value)"),
               args, 6, NULL, NULL, err);
}

static bool input_in(struct db_tx *tx, str id, const struct run_input *i, struct error *err)
{
    return text_check("the table of an input", i->table, RUN_TAG_MAX, err) &&
           db_run(tx,
                  STR("INSERT INTO run_inputs (run_id, table_name, snapshot_id, context) "
                      "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"),
                  DB_ARGS(db_val_text(id), db_val_text(i->table), db_val_int(i->snapshot_id),
                          db_val_text(i->context.ptr ? i->context : STR(""))),
                  NULL, NULL, err);
}

bool run_log_in(struct db_tx *tx, str id, const struct run_batch *b, struct arena *a,
                struct error *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < b->params_n; i++)
        ok = param_in(tx, id, &b->params[i], a, err);
    for (size_t i = 0; ok && i < b->tags_n; i++)
        ok = tag_in(tx, id, &b->tags[i], err);
    for (size_t i = 0; ok && i < b->metrics_n; i++)
        ok = metric_in(tx, id, &b->metrics[i], err);
    for (size_t i = 0; ok && i < b->inputs_n; i++)
        ok = input_in(tx, id, &b->inputs[i], err);
    return ok;
}

bool run_log(struct models *m, str id, const struct run_batch *b, struct error *err)
{
    struct db_tx *tx;
    size_t n = b->params_n + b->tags_n + b->metrics_n + b->inputs_n;
    if (n > RUN_BATCH_MAX)
        return fail(err, ERR_LIMIT, "%zu rows in one batch, more than %d", n, RUN_BATCH_MAX);
    if (!db_begin(m->lake->db, &tx, err))
        return false;
    struct arena *a = arena_create(0);
    bool ok = tx_end(tx, run_need_in(tx, id, a, err) && run_log_in(tx, id, b, a, err), err);
    arena_destroy(a);
    return ok;
}

static bool run_insert_in(struct models *m, struct db_tx *tx, const struct run_create *req, str id,
                          str name, struct arena *a, struct error *err)
{
    struct db_rows rows;
    int64_t start = req->start_ms ? req->start_ms : now_ms(m);
    if (!db_run(tx, STR("SELECT 1 FROM experiments WHERE experiment_id = ?"),
                DB_ARGS(db_val_int(req->experiment_id)), a, &rows, err))
        return false;
    if (rows.n == 0)
        return fail(err, ERR_NOT_FOUND, "there is no experiment with the id %lld",
                    (long long)req->experiment_id);
    struct run_batch tags = { .tags = req->tags, .tags_n = req->tags_n };
    return db_run(tx,
                  STR("INSERT INTO runs (run_id, experiment_id, name, source, user_id, status, "
                      "message, start_ms, owned) VALUES (?, ?, ?, ?, ?, 'RUNNING', '', ?, ?)"),
                  DB_ARGS(db_val_text(id), db_val_int(req->experiment_id), db_val_text(name),
                          db_val_text(req->source.len ? req->source : STR("")),
                          db_val_text(req->user.len ? req->user : STR("")), db_val_int(start),
                          db_val_int(req->owned ? m->lake->server_id : 0)),
                  NULL, NULL, err) &&
           run_log_in(tx, id, &tags, a, err);
}

bool run_create(struct models *m, const struct run_create *req, struct arena *a, str *id,
                struct error *err)
{
    uint8_t random[RUN_ID_LEN / 2];
    env_random(m->lake->env, random, sizeof random);
    *id = hex_encode(str_make(random, sizeof random), a);
    str name = req->name;
    if (name.len == 0)
        name = arena_printf(a, "run-" STR_FMT, STR_ARG(str_sub(*id, 0, 8)));
    struct db_tx *tx;
    if (req->tags_n > RUN_BATCH_MAX)
        return fail(err, ERR_LIMIT, "%zu tags, more than %d", req->tags_n, RUN_BATCH_MAX);
    if (!text_check("the name of a run", name, RUN_NAME_MAX, err) ||
        !db_begin(m->lake->db, &tx, err))
        return false;
    return tx_end(tx, run_insert_in(m, tx, req, *id, name, a, err), err);
}

bool run_end_in(struct db_tx *tx, str id, enum run_status status, str message, int64_t end_ms,
                struct error *err)
{
    bool ended = status != RUN_RUNNING && status != RUN_SCHEDULED;
    return db_run(tx, STR("UPDATE runs SET status = ?, message = ?, end_ms = ? WHERE run_id = ?"),
                  DB_ARGS(db_val_text(str_of(run_status_name(status))),
                          db_val_text(message.len ? message : STR("")),
                          ended ? db_val_int(end_ms) : db_val_null(), db_val_text(id)),
                  NULL, NULL, err);
}

bool run_end(struct models *m, str id, enum run_status status, str message, int64_t end_ms,
             struct error *err)
{
    struct db_tx *tx;
    if (!db_begin(m->lake->db, &tx, err))
        return false;
    struct arena *a = arena_create(0);
    bool ok = tx_end(tx,
                     run_need_in(tx, id, a, err) &&
                         run_end_in(tx, id, status, message, end_ms ? end_ms : now_ms(m), err),
                     err);
    arena_destroy(a);
    return ok;
}

/* ---- artifacts ----------------------------------------------------------------------------------------------- */

bool artifact_path(str id, str path, struct arena *a, str *out, struct error *err)
{
    if (path.len == 0 || path.ptr[0] == '/' || str_find(path, STR("://")) >= 0)
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is no path within a run", STR_ARG(path));
    *out = arena_printf(a, "runs/" STR_FMT "/" STR_FMT, STR_ARG(id), STR_ARG(path));
    return store_path_check(*out, err);
}

bool run_artifact_in(struct db_tx *tx, str id, str path, size_t bytes, struct error *err)
{
    return db_run(tx,
                  STR("INSERT INTO run_artifacts (run_id, path, bytes) VALUES (?, ?, ?) "
                      "ON CONFLICT (run_id, path) DO UPDATE SET bytes = excluded.bytes"),
                  DB_ARGS(db_val_text(id), db_val_text(path), db_val_int((int64_t)bytes)), NULL,
                  NULL, err);
}

static bool run_exists(struct models *m, str id, struct arena *a, struct error *err)
{
    struct db_tx *tx;
    return db_read_begin(m->lake->db, &tx, err) && tx_end(tx, run_need_in(tx, id, a, err), err);
}

/* The run is looked up before the file is written, so that a wrong id leaves no file; rows are never deleted. */
bool run_log_artifact(struct models *m, str id, str path, str bytes, struct error *err)
{
    struct arena *a = arena_create(0);
    struct db_tx *tx;
    str at;
    bool ok = bytes.len <= RUN_ARTIFACT_MAX ||
              fail(err, ERR_LIMIT, "an artifact of %zu bytes, more than %zu", bytes.len,
                   RUN_ARTIFACT_MAX);
    ok = ok && run_exists(m, id, a, err) && artifact_path(id, path, a, &at, err) &&
         store_put(m->lake->artifacts, at, bytes, STORE_REPLACE, err) &&
         db_begin(m->lake->db, &tx, err) &&
         tx_end(tx, run_artifact_in(tx, id, path, bytes.len, err), err);
    arena_destroy(a);
    return ok;
}

bool run_read_artifact(struct models *m, str id, str path, struct arena *a, str *out,
                       struct error *err)
{
    struct db_rows rows;
    struct db_tx *tx;
    str at;
    if (!artifact_path(id, path, a, &at, err) || !run_exists(m, id, a, err) ||
        !db_read_begin(m->lake->db, &tx, err) ||
        !tx_end(tx,
                db_run(tx, STR("SELECT bytes FROM run_artifacts WHERE run_id = ? AND path = ?"),
                       DB_ARGS(db_val_text(id), db_val_text(path)), a, &rows, err),
                err))
        return false;
    if (rows.n == 0)
        return fail(err, ERR_NOT_FOUND, "run " STR_FMT " has no artifact " STR_FMT, STR_ARG(id),
                    STR_ARG(path));
    return store_get(m->lake->artifacts, at, RUN_ARTIFACT_MAX, a, out, err);
}
