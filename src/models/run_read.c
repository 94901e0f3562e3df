/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading runs. */
#include <math.h>

#include "models/models_priv.h"
#include "sql/lake.h"

/* Rows of one run from one of its tables, whose first column is sorted by. */
static bool rows_of(struct db_tx *tx, str sql, str id, struct arena *a, struct db_rows *rows,
                    struct error *err)
{
    return db_run(tx, sql, DB_ARGS(db_val_text(id)), a, rows, err);
}

static bool read_pairs(struct db_tx *tx, str sql, str id, struct arena *a, struct run_pair **out,
                       size_t *n, struct error *err)
{
    struct db_rows rows;
    if (!rows_of(tx, sql, id, a, &rows, err))
        return false;
    *out = arena_array(a, struct run_pair, rows.n);
    *n = rows.n;
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = (struct run_pair){ db_str(&rows, i, 0), db_str(&rows, i, 1) };
    return true;
}

#define METRIC_COLUMNS "key, value, special, timestamp_ms, step"

static void metrics_from(const struct db_rows *rows, struct arena *a, struct run_metric **out,
                         size_t *n)
{
    *out = arena_array(a, struct run_metric, rows->n);
    *n = rows->n;
    for (size_t i = 0; i < rows->n; i++) {
        int64_t special = db_int(rows, i, 2);
        (*out)[i] = (struct run_metric){ .key = db_str(rows, i, 0),
                                         .value = special == 1   ? (double)NAN
                                                  : special == 2 ? (double)INFINITY
                                                  : special == 3 ? -(double)INFINITY
                                                                 : db_real(rows, i, 1),
                                         .timestamp_ms = db_int(rows, i, 3),
                                         .step = db_int(rows, i, 4) };
    }
}

static bool read_details(struct db_tx *tx, struct arena *a, struct run_info *r, struct error *err)
{
    struct db_rows rows;
    if (!read_pairs(tx, STR("SELECT key, value FROM run_params WHERE run_id = ? ORDER BY key"),
                    r->id, a, &r->params, &r->params_n, err) ||
        !read_pairs(tx, STR("SELECT key, value FROM run_tags WHERE run_id = ? ORDER BY key"), r->id,
                    a, &r->tags, &r->tags_n, err) ||
        !rows_of(
            tx,
            STR("SELECT " METRIC_COLUMNS " FROM run_latest_metrics WHERE run_id = ? ORDER BY key"),
            r->id, a, &rows, err))
        return false;
    metrics_from(&rows, a, &r->metrics, &r->metrics_n);
    return true;
}

static bool read_files(struct db_tx *tx, struct arena *a, struct run_info *r, struct error *err)
{
    struct db_rows rows;
    if (!rows_of(tx,
                 STR("SELECT table_name, snapshot_id, context FROM run_inputs WHERE run_id = ? "
                     "ORDER BY table_name, snapshot_id, context"),
                 r->id, a, &rows, err))
        return false;
    r->inputs = arena_array(a, struct run_input, rows.n);
    r->inputs_n = rows.n;
    for (size_t i = 0; i < rows.n; i++)
        r->inputs[i] = (struct run_input){ .table = db_str(&rows, i, 0),
                                           .snapshot_id = db_int(&rows, i, 1),
                                           .context = db_str(&rows, i, 2) };
    if (!rows_of(tx, STR("SELECT path, bytes FROM run_artifacts WHERE run_id = ? ORDER BY path"),
                 r->id, a, &rows, err))
        return false;
    r->artifacts = arena_array(a, struct run_artifact, rows.n);
    r->artifacts_n = rows.n;
    for (size_t i = 0; i < rows.n; i++)
        r->artifacts[i] =
            (struct run_artifact){ .path = db_str(&rows, i, 0), .bytes = db_int(&rows, i, 1) };
    return true;
}

#define RUN_COLUMNS                                                                                \
    "SELECT r.run_id, r.name, r.source, r.user_id, r.experiment_id, e.name, r.status, r.message, " \
    "r.start_ms, r.end_ms FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id "

static bool run_from(const struct db_rows *rows, size_t r, struct run_info *out, struct error *err)
{
    *out = (struct run_info){ .id = db_str(rows, r, 0),
                              .name = db_str(rows, r, 1),
                              .source = db_str(rows, r, 2),
                              .user = db_str(rows, r, 3),
                              .experiment_id = db_int(rows, r, 4),
                              .experiment = db_str(rows, r, 5),
                              .message = db_str(rows, r, 7),
                              .start_ms = db_int(rows, r, 8),
                              .end_ms = db_is_null(rows, r, 9) ? -1 : db_int(rows, r, 9) };
    return run_status_parse(db_str(rows, r, 6), &out->status) ||
           fail(err, ERR_CORRUPT, "run " STR_FMT " has the status \"" STR_FMT "\"",
                STR_ARG(out->id), STR_ARG(db_str(rows, r, 6)));
}

static bool run_get_in(struct db_tx *tx, str id, struct arena *a, struct run_info *out,
                       struct error *err)
{
    struct db_rows rows;
    if (!rows_of(tx, STR(RUN_COLUMNS "WHERE r.run_id = ?"), id, a, &rows, err))
        return false;
    if (rows.n == 0)
        return fail(err, ERR_NOT_FOUND, "there is no run " STR_FMT, STR_ARG(id));
    return run_from(&rows, 0, out, err) && read_details(tx, a, out, err) &&
           read_files(tx, a, out, err);
}

bool run_get(struct models *m, str id, struct arena *a, struct run_info *out, struct error *err)
{
    struct db_tx *tx;
    return db_read_begin(m->lake->db, &tx, err) && tx_end(tx, run_get_in(tx, id, a, out, err), err);
}

static bool run_list_in(struct db_tx *tx, const struct run_query *q, struct arena *a,
                        struct run_info **out, size_t *n, struct error *err)
{
    struct db_rows rows;
    size_t limit = q->limit ? q->limit : RUN_LIST_MAX;
    str experiment = q->experiment.len ? q->experiment : STR(""),
        model = q->model.len ? q->model : STR("");
    if (!db_run(tx,
                STR(RUN_COLUMNS "WHERE (? = '' OR e.name = ?) AND (? = '' OR r.run_id IN "
                                "(SELECT v.run_id FROM model_versions v WHERE v.model = ?)) "
                                "ORDER BY r.start_ms DESC, r.run_id LIMIT ? OFFSET ?"),
                DB_ARGS(db_val_text(experiment), db_val_text(experiment), db_val_text(model),
                        db_val_text(model), db_val_int((int64_t)limit),
                        db_val_int((int64_t)q->offset)),
                a, &rows, err))
        return false;
    *out = arena_array(a, struct run_info, rows.n);
    *n = rows.n;
    for (size_t i = 0; i < rows.n; i++)
        if (!run_from(&rows, i, &(*out)[i], err) || !read_details(tx, a, &(*out)[i], err))
            return false;
    return true;
}

bool run_list(struct models *m, const struct run_query *q, struct arena *a, struct run_info **out,
              size_t *n, struct error *err)
{
    struct db_tx *tx;
    if (q->limit > RUN_LIST_MAX || q->offset > INT32_MAX)
        return fail(err, ERR_LIMIT, "at most %d runs in one page", RUN_LIST_MAX);
    return db_read_begin(m->lake->db, &tx, err) &&
           tx_end(tx, run_list_in(tx, q, a, out, n, err), err);
}

bool run_metric_history(struct models *m, str id, str key, struct arena *a, struct run_metric **out,
                        size_t *n, struct error *err)
{
    struct db_tx *tx;
    struct db_rows rows;
    if (!db_read_begin(m->lake->db, &tx, err) ||
        !tx_end(tx,
                run_need_in(tx, id, a, err) &&
                    db_run(tx,
                           STR("SELECT " METRIC_COLUMNS
                               " FROM run_metrics WHERE run_id = ? AND key = ? "
                               "ORDER BY step, timestamp_ms, value, special"),
                           DB_ARGS(db_val_text(id), db_val_text(key)), a, &rows, err),
                err))
        return false;
    metrics_from(&rows, a, out, n);
    return true;
}
