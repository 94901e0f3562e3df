/* SPDX-License-Identifier: Apache-2.0 */
#include "models/registry.h"

#include "catalog/name.h"
#include "models/models_priv.h"
#include "sql/lake.h"

#define VERSION_COLUMNS                                                                            \
    "SELECT model, version, run_id, path, status, created_ms FROM model_versions "

static bool read_aliases(struct db_tx *tx, struct arena *a, struct version_info *v,
                         struct error *err)
{
    struct db_rows rows;
    if (!db_run(tx,
                STR("SELECT alias FROM model_aliases WHERE model = ? AND version = ? "
                    "ORDER BY alias"),
                DB_ARGS(db_val_text(v->model), db_val_int(v->version)), a, &rows, err))
        return false;
    v->aliases = arena_array(a, str, rows.n);
    v->aliases_n = rows.n;
    for (size_t i = 0; i < rows.n; i++)
        v->aliases[i] = db_str(&rows, i, 0);
    return true;
}

static bool version_from(struct db_tx *tx, const struct db_rows *rows, size_t r, struct arena *a,
                         struct version_info *out, struct error *err)
{
    *out = (struct version_info){ .model = db_str(rows, r, 0),
                                  .version = db_int(rows, r, 1),
                                  .run_id = db_str(rows, r, 2),
                                  .path = db_str(rows, r, 3),
                                  .status = db_str(rows, r, 4),
                                  .created_ms = db_int(rows, r, 5) };
    return read_aliases(tx, a, out, err);
}

static bool read_versions(struct db_tx *tx, str name, int64_t limit, struct arena *a,
                          struct model_info *out, struct error *err)
{
    struct db_rows rows;
    if (!db_run(tx, STR(VERSION_COLUMNS "WHERE model = ? ORDER BY version DESC LIMIT ?"),
                DB_ARGS(db_val_text(name), db_val_int(limit)), a, &rows, err))
        return false;
    out->versions = arena_array(a, struct version_info, rows.n);
    out->versions_n = rows.n;
    for (size_t i = 0; i < rows.n; i++)
        if (!version_from(tx, &rows, i, a, &out->versions[i], err))
            return false;
    out->latest = rows.n ? out->versions[0].version : 0;
    return true;
}

static void model_from(const struct db_rows *rows, size_t r, struct model_info *out)
{
    *out = (struct model_info){ .name = db_str(rows, r, 0),
                                .created_ms = db_int(rows, r, 1),
                                .updated_ms = db_int(rows, r, 2) };
}

static bool model_list_in(struct db_tx *tx, struct arena *a, struct model_info **out, size_t *n,
                          struct error *err)
{
    struct db_rows rows;
    if (!db_run(tx, STR("SELECT name, created_ms, updated_ms FROM registered_models ORDER BY name"),
                DB_NO_ARGS, a, &rows, err))
        return false;
    *out = arena_array(a, struct model_info, rows.n);
    *n = rows.n;
    for (size_t i = 0; i < rows.n; i++) {
        model_from(&rows, i, &(*out)[i]);
        if (!read_versions(tx, (*out)[i].name, 1, a, &(*out)[i], err))
            return false;
    }
    return true;
}

bool model_list(struct models *m, struct arena *a, struct model_info **out, size_t *n,
                struct error *err)
{
    struct db_tx *tx;
    return db_read_begin(m->lake->db, &tx, err) &&
           tx_end(tx, model_list_in(tx, a, out, n, err), err);
}

static bool model_need_in(struct db_tx *tx, str name, struct arena *a, struct model_info *out,
                          struct error *err)
{
    struct db_rows rows;
    if (!db_run(tx,
                STR("SELECT name, created_ms, updated_ms FROM registered_models WHERE name = ?"),
                DB_ARGS(db_val_text(name)), a, &rows, err))
        return false;
    if (rows.n == 0)
        return fail(err, ERR_NOT_FOUND, "there is no model " STR_FMT, STR_ARG(name)) ||
               fail_hint(err, "firn model ls shows those that there are");
    model_from(&rows, 0, out);
    return true;
}

bool model_get(struct models *m, str name, struct arena *a, struct model_info *out,
               struct error *err)
{
    struct db_tx *tx;
    return db_read_begin(m->lake->db, &tx, err) &&
           tx_end(tx,
                  model_need_in(tx, name, a, out, err) &&
                      read_versions(tx, out->name, DB_ROWS_MAX, a, out, err),
                  err);
}

/* ---- which version ------------------------------------------------------------------------------------------- */

static bool find_version(struct db_tx *tx, str name, str which, struct arena *a,
                         struct db_rows *rows, struct error *err)
{
    int64_t number;
    if (which.len == 0 || str_is(which, "latest"))
        return db_run(tx, STR(VERSION_COLUMNS "WHERE model = ? ORDER BY version DESC LIMIT 1"),
                      DB_ARGS(db_val_text(name)), a, rows, err);
    if (str_to_i64(which, &number))
        return db_run(tx, STR(VERSION_COLUMNS "WHERE model = ? AND version = ?"),
                      DB_ARGS(db_val_text(name), db_val_int(number)), a, rows, err);
    str alias = which.ptr[0] == '@' ? str_from(which, 1) : which;
    return db_run(tx,
                  STR(VERSION_COLUMNS "WHERE model = ? AND version IN (SELECT x.version FROM "
                                      "model_aliases x WHERE x.model = ? AND x.alias = ?)"),
                  DB_ARGS(db_val_text(name), db_val_text(name), db_val_text(alias)), a, rows, err);
}

static bool version_get_in(struct db_tx *tx, str name, str which, struct arena *a,
                           struct version_info *out, struct error *err)
{
    struct model_info model;
    struct db_rows rows;
    if (!model_need_in(tx, name, a, &model, err) || !find_version(tx, name, which, a, &rows, err))
        return false;
    if (rows.n == 0)
        return fail(err, ERR_NOT_FOUND, "model " STR_FMT " has no version " STR_FMT, STR_ARG(name),
                    STR_ARG(which.len ? which : MODEL_LATEST));
    return version_from(tx, &rows, 0, a, out, err);
}

bool version_get(struct models *m, str name, str which, struct arena *a, struct version_info *out,
                 struct error *err)
{
    struct db_tx *tx;
    return db_read_begin(m->lake->db, &tx, err) &&
           tx_end(tx, version_get_in(tx, name, which, a, out, err), err);
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

bool version_create_in(struct db_tx *tx, str name, str run_id, str path, int64_t at_ms,
                       int64_t *version, struct error *err)
{
    struct arena *a = arena_create(0);
    struct db_rows rows;
    bool ok =
        db_run(tx,
               STR("INSERT INTO registered_models VALUES (?, ?, ?) ON CONFLICT (name) "
                   "DO UPDATE SET updated_ms = excluded.updated_ms"),
               DB_ARGS(db_val_text(name), db_val_int(at_ms), db_val_int(at_ms)), NULL, NULL, err) &&
        db_run(tx, STR("SELECT max(version) FROM model_versions WHERE model = ?"),
               DB_ARGS(db_val_text(name)), a, &rows, err);
    if (ok) {
        *version = db_int(&rows, 0, 0) + 1; /* a null reads as 0 */
        ok = db_run(tx,
                    STR("INSERT INTO model_versions (model, version, run_id, path, status, "
                        "created_ms) VALUES (?, ?, ?, ?, 'READY', ?)"),
                    DB_ARGS(db_val_text(name), db_val_int(*version), db_val_text(run_id),
                            db_val_text(path), db_val_int(at_ms)),
                    NULL, NULL, err) &&
             db_touch(tx, MODELS_AREA, err);
    }
    arena_destroy(a);
    return ok;
}

bool version_create(struct models *m, str name, str run_id, str path, int64_t *version,
                    struct error *err)
{
    struct db_tx *tx;
    if (!name_check_plain(name, err) || !text_check("the path", path, RUN_PARAM_MAX, err) ||
        !db_begin(m->lake->db, &tx, err))
        return false;
    bool ok = tx_end(tx, version_create_in(tx, name, run_id, path, now_ms(m), version, err), err);
    atomic_fetch_add(&m->changes, 1);
    return ok;
}

static bool is_version_text(str s)
{
    int64_t number;
    return str_to_i64(s, &number) ||
           (s.len > 1 && s.ptr[0] == 'v' && str_to_i64(str_from(s, 1), &number));
}

static bool alias_check(str alias, struct error *err)
{
    if (!text_check("the alias", alias, MODEL_ALIAS_MAX, err))
        return false;
    for (size_t i = 0; i < alias.len; i++) {
        char c = alias.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '_' || c == '-'))
            return fail(err, ERR_INVALID,
                        "alias \"" STR_FMT "\": only letters, digits, '_' and '-'", STR_ARG(alias));
    }
    if (str_eq_nocase(alias, MODEL_LATEST) || is_version_text(alias))
        return fail(err, ERR_INVALID, "the alias \"" STR_FMT "\" would be taken for a version",
                    STR_ARG(alias));
    return true;
}

static bool alias_set_in(struct db_tx *tx, str name, str alias, int64_t version, struct arena *a,
                         struct error *err)
{
    struct version_info v;
    return version_get_in(tx, name, arena_printf(a, "%lld", (long long)version), a, &v, err) &&
           db_run(tx,
                  STR("INSERT INTO model_aliases (model, alias, version) VALUES (?, ?, ?) "
                      "ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version"),
                  DB_ARGS(db_val_text(name), db_val_text(alias), db_val_int(version)), NULL, NULL,
                  err) &&
           db_touch(tx, MODELS_AREA, err);
}

bool alias_set(struct models *m, str name, str alias, int64_t version, struct error *err)
{
    struct db_tx *tx;
    if (!alias_check(alias, err) || !db_begin(m->lake->db, &tx, err))
        return false;
    struct arena *a = arena_create(0);
    bool ok = tx_end(tx, alias_set_in(tx, name, alias, version, a, err), err);
    atomic_fetch_add(&m->changes, 1);
    arena_destroy(a);
    return ok;
}

bool alias_remove(struct models *m, str name, str alias, struct error *err)
{
    struct db_tx *tx;
    if (!db_begin(m->lake->db, &tx, err))
        return false;
    bool ok = tx_end(tx,
                     db_run(tx, STR("DELETE FROM model_aliases WHERE model = ? AND alias = ?"),
                            DB_ARGS(db_val_text(name), db_val_text(alias)), NULL, NULL, err) &&
                         db_touch(tx, MODELS_AREA, err),
                     err);
    atomic_fetch_add(&m->changes, 1);
    return ok;
}
