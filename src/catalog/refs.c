/* SPDX-License-Identifier: Apache-2.0
 *
 * Branches and tags: rows that name a commit.  Each change is a transaction of its own; when its
 * answer is lost the row is read back. */
#include "base/log.h"
#include "catalog/catalog_priv.h"
#include "catalog/events_priv.h"
#include "catalog/rules_priv.h"

#define REF_NAME_MAX 200

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
}

static bool check_ref_name(str name, struct error *err)
{
    struct sha256 id;
    bool ok = name.len > 0 && name.len <= REF_NAME_MAX && !sha_parse(name, &id) &&
              str_find(name, STR("..")) < 0 && str_find(name, STR("//")) < 0 &&
              !str_ends(name, STR(".lock"));
    for (size_t i = 0; ok && i < name.len; i++)
        ok = is_name_char(name.ptr[i]);
    if (ok)
        ok = !strchr("./-", name.ptr[0]) && !strchr("./", name.ptr[name.len - 1]);
    if (ok)
        return true;
    fail(err, ERR_INVALID, "\"%.*s\" is not a name for a branch or tag",
         (int)(name.len < REF_NAME_MAX ? name.len : REF_NAME_MAX), name.len ? name.ptr : "");
    return fail_hint(err, "use letters, digits, '-', '_', '.' and '/', at most %d", REF_NAME_MAX);
}

/* A change of refs inside a write transaction, and how to see afterwards whether it happened. */
struct ref_change {
    struct catalog *catalog;
    struct arena *arena;
    str name, from, to, expected;
    enum catalog_ref_kind kind;
    enum ref_action action;        /* what the rules are asked for, */
    const struct commit_info *who; /* and for whom */
    struct ref_row row;            /* as written, or as it was */
    bool (*apply)(struct ref_change *ch, struct db_tx *tx, struct error *err);
    bool (*is_done)(struct ref_change *ch, struct db_tx *tx, bool *done, struct error *err);
};

static bool no_ref(str name, struct error *err)
{
    return fail(err, ERR_NOT_FOUND, "Branch or tag does not exist: " STR_FMT, STR_ARG(name));
}

static bool read_back(struct ref_change *ch, struct error *err)
{
    struct db_tx *tx;
    struct error ignored;
    bool done = false;
    if (err->code != ERR_UNKNOWN || !db_read_begin(ch->catalog->db, &tx, &ignored))
        return false;
    if (!ch->is_done(ch, tx, &done, &ignored))
        done = false;
    db_rollback(tx);
    if (done)
        log_warn("catalog", "ref " STR_FMT " is durable though the answer was lost",
                 STR_ARG(ch->name));
    return done;
}

/* `row` is the ref as it was before the change, or for a new one as it is. */
static bool record(struct ref_change *ch, struct db_tx *tx, enum change_kind kind,
                   const struct sha256 *from, const struct sha256 *to, struct error *err)
{
    bool renamed = kind == CHANGE_REF_RENAMED;
    return change_record(tx,
                         &(struct change_row){ .kind = kind,
                                               .ref_kind = ch->row.kind,
                                               .ref = renamed ? ch->to : ch->name,
                                               .other = renamed ? ch->name : (str){ 0 },
                                               .from = from,
                                               .to = to,
                                               .who = ch->who },
                         env_now_us(ch->catalog->env), err);
}

static bool run_change(struct ref_change *ch, struct error *err)
{
    struct db_tx *tx;
    if (!db_begin(ch->catalog->db, &tx, err))
        return false;
    if (!ch->apply(ch, tx, err)) {
        db_rollback(tx);
        return false;
    }
    bool ok = db_commit(tx, err) || read_back(ch, err);
    changes_made(ch->catalog);
    return ok;
}

/* The row of a ref that must be there and, if `expected` says so, at a certain commit. */
static bool need_row(struct ref_change *ch, struct db_tx *tx, struct error *err)
{
    bool found;
    struct sha256 want;
    if (!ref_load(tx, ch->name, ch->arena, &found, &ch->row, err))
        return false;
    if (!found)
        return no_ref(ch->name, err);
    if (!rules_check(tx, ch->name, ch->action, ch->who, ch->arena, err))
        return false;
    if (ch->expected.len == 0)
        return true;
    if (!sha_parse(ch->expected, &want))
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is not a commit id", STR_ARG(ch->expected));
    return sha_equal(&want, &ch->row.commit_id) ||
           fail(err, ERR_CONFLICT, STR_FMT " has moved to " STR_FMT, STR_ARG(ch->name),
                STR_ARG(sha_text(&ch->row.commit_id, ch->arena)));
}

static bool apply_create(struct ref_change *ch, struct db_tx *tx, struct error *err)
{
    struct ref_row from;
    struct commit commit;
    bool found;
    if (!ref_resolve(tx, ch->from, ch->arena, &from, &commit, err) ||
        !ref_load(tx, ch->name, ch->arena, &found, &ch->row, err))
        return false;
    if (found)
        return fail(err, ERR_EXISTS, "%s already exists: " STR_FMT,
                    ch->row.kind == CATALOG_TAG ? "Tag" : "Branch", STR_ARG(ch->name));
    int64_t now_us = env_now_us(ch->catalog->env);
    ch->row = (struct ref_row){ ch->name, ch->kind, commit.id, now_us, now_us };
    return ref_insert(tx, &ch->row, err) &&
           record(ch, tx, CHANGE_REF_CREATED, NULL, &ch->row.commit_id, err);
}

static bool is_created(struct ref_change *ch, struct db_tx *tx, bool *done, struct error *err)
{
    struct ref_row row;
    bool found;
    if (!ref_load(tx, ch->name, ch->arena, &found, &row, err))
        return false;
    *done = found && row.kind == ch->row.kind && row.created_us == ch->row.created_us;
    return true;
}

static void ref_answer(const struct ref_row *row, struct arena *a, struct ref_info *out)
{
    *out = (struct ref_info){ .name = arena_str(a, row->name),
                              .kind = row->kind,
                              .commit_id = sha_text(&row->commit_id, a),
                              .created_us = row->created_us,
                              .updated_us = row->updated_us };
}

bool catalog_create_ref(struct catalog *c, enum catalog_ref_kind kind, str name, str from,
                        struct arena *a, struct ref_info *out, struct error *err)
{
    return catalog_create_ref_as(c, kind, name, from, NULL, a, out, err);
}

bool catalog_create_ref_as(struct catalog *c, enum catalog_ref_kind kind, str name, str from,
                           const struct commit_info *who, struct arena *a, struct ref_info *out,
                           struct error *err)
{
    struct ref_change ch = { .catalog = c,
                             .arena = a,
                             .name = name,
                             .from = from,
                             .kind = kind,
                             .who = who,
                             .apply = apply_create,
                             .is_done = is_created };
    ASSERT(kind == CATALOG_BRANCH || kind == CATALOG_TAG);
    if (!check_ref_name(name, err) || !run_change(&ch, err))
        return false;
    if (out)
        ref_answer(&ch.row, a, out);
    return true;
}

static bool apply_delete(struct ref_change *ch, struct db_tx *tx, struct error *err)
{
    return need_row(ch, tx, err) &&
           db_run(tx, STR("DELETE FROM cat_refs WHERE name = ?"), DB_ARGS(db_val_text(ch->name)),
                  NULL, NULL, err) &&
           record(ch, tx, CHANGE_REF_DELETED, &ch->row.commit_id, NULL, err);
}

static bool is_gone(struct ref_change *ch, struct db_tx *tx, bool *done, struct error *err)
{
    struct ref_row row;
    bool found;
    if (!ref_load(tx, ch->name, ch->arena, &found, &row, err))
        return false;
    *done = !found;
    return true;
}

/* Runs a change of an existing ref in an arena of its own. */
static bool run_scratch(struct ref_change ch, struct error *err)
{
    ch.arena = arena_create(0);
    bool ok = run_change(&ch, err);
    arena_destroy(ch.arena);
    return ok;
}

static bool refuse_main(str name, const char *verb, struct error *err)
{
    return !str_eq(name, MAIN_BRANCH) || fail(err, ERR_INVALID, "branch main cannot be %s", verb);
}

bool catalog_delete_ref(struct catalog *c, str name, str expected, const struct commit_info *who,
                        struct error *err)
{
    return refuse_main(name, "deleted", err) &&
           run_scratch((struct ref_change){ .catalog = c,
                                            .name = name,
                                            .expected = expected,
                                            .action = REF_DELETE,
                                            .who = who,
                                            .apply = apply_delete,
                                            .is_done = is_gone },
                       err);
}

static bool apply_rename(struct ref_change *ch, struct db_tx *tx, struct error *err)
{
    struct ref_row other;
    bool taken;
    if (!need_row(ch, tx, err) || !ref_load(tx, ch->to, ch->arena, &taken, &other, err))
        return false;
    if (taken)
        return fail(err, ERR_EXISTS, "%s already exists: " STR_FMT,
                    other.kind == CATALOG_TAG ? "Tag" : "Branch", STR_ARG(ch->to));
    return db_run(tx, STR("UPDATE cat_refs SET name = ?, updated_us = ? WHERE name = ?"),
                  DB_ARGS(db_val_text(ch->to), db_val_int(env_now_us(ch->catalog->env)),
                          db_val_text(ch->name)),
                  NULL, NULL, err) &&
           record(ch, tx, CHANGE_REF_RENAMED, &ch->row.commit_id, &ch->row.commit_id, err);
}

bool catalog_rename_ref(struct catalog *c, str name, str to, const struct commit_info *who,
                        struct error *err)
{
    return refuse_main(name, "renamed", err) && check_ref_name(to, err) &&
           run_scratch((struct ref_change){ .catalog = c,
                                            .name = name,
                                            .to = to,
                                            .action = REF_ASSIGN,
                                            .who = who,
                                            .apply = apply_rename,
                                            .is_done = is_gone },
                       err);
}

static bool apply_assign(struct ref_change *ch, struct db_tx *tx, struct error *err)
{
    struct ref_row target;
    struct commit commit;
    bool moved;
    if (!ref_resolve(tx, ch->to, ch->arena, &target, &commit, err) || !need_row(ch, tx, err))
        return false;
    struct sha256 from = ch->row.commit_id;
    ch->row.commit_id = commit.id;
    ch->row.updated_us = env_now_us(ch->catalog->env);
    return ref_move(tx, ch->name, &from, &commit.id, ch->row.updated_us, &moved, err) &&
           (moved || fail(err, ERR_CONFLICT, STR_FMT " has moved", STR_ARG(ch->name))) &&
           record(ch, tx, CHANGE_REF_ASSIGNED, &from, &commit.id, err);
}

static bool is_assigned(struct ref_change *ch, struct db_tx *tx, bool *done, struct error *err)
{
    struct ref_row row;
    bool found;
    if (!ref_load(tx, ch->name, ch->arena, &found, &row, err))
        return false;
    *done = found && sha_equal(&row.commit_id, &ch->row.commit_id) &&
            row.updated_us == ch->row.updated_us;
    return true;
}

bool catalog_assign_ref(struct catalog *c, str name, str expected, str target,
                        const struct commit_info *who, struct error *err)
{
    return run_scratch((struct ref_change){ .catalog = c,
                                            .name = name,
                                            .expected = expected,
                                            .to = target,
                                            .action = REF_ASSIGN,
                                            .who = who,
                                            .apply = apply_assign,
                                            .is_done = is_assigned },
                       err);
}

bool catalog_get_ref(struct catalog *c, str name, struct arena *a, struct ref_info *out,
                     struct error *err)
{
    struct view v;
    if (!view_open(c, name, a, &v, err))
        return false;
    view_close(&v);
    ref_answer(&v.ref, a, out);
    return true;
}

/* Refs that pass, main first. */
static size_t refs_that_may(struct ref_row *rows, size_t n, bool (*may)(void *ctx, str name),
                            void *ctx)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!may(ctx, rows[i].name))
            continue;
        struct ref_row row = rows[i];
        if (str_is(row.name, "main")) {
            rows[i] = rows[kept];
            rows[kept++] = rows[0];
            rows[0] = row;
        } else {
            rows[kept++] = row;
        }
    }
    return kept < CONTAINING_REFS_MAX ? kept : CONTAINING_REFS_MAX;
}

static bool is_in_one(struct db_tx *tx, const struct sha256 *id, const struct ref_row *rows,
                      size_t n, bool *out, struct error *err)
{
    *out = false;
    for (size_t i = 0; i < n && !*out; i++)
        if (!history_was_at(tx, &rows[i].commit_id, id, out, err))
            return false;
    return true;
}

bool catalog_commit_is_in(struct catalog *c, str ref, bool (*may)(void *ctx, str name), void *ctx,
                          bool *out, struct error *err)
{
    struct db_tx *tx;
    struct ref_row row, *rows;
    struct commit commit;
    size_t n;
    *out = false;
    if (!db_read_begin(c->db, &tx, err))
        return false;
    struct arena *a = arena_create(0);
    bool ok = ref_resolve(tx, ref, a, &row, &commit, err);
    bool gone = !ok && (err->code == ERR_NOT_FOUND || err->code == ERR_INVALID);
    if (gone)
        *err = (struct error){ 0 };
    ok = gone || (ok && ref_list(tx, a, &rows, &n, err) &&
                  is_in_one(tx, &commit.id, rows, refs_that_may(rows, n, may, ctx), out, err));
    db_rollback(tx);
    arena_destroy(a);
    return ok;
}

bool catalog_list_refs(struct catalog *c, struct arena *a, struct ref_info **out, size_t *n,
                       struct error *err)
{
    struct db_tx *tx;
    struct ref_row *rows;
    if (!db_read_begin(c->db, &tx, err))
        return false;
    bool ok = ref_list(tx, a, &rows, n, err);
    db_rollback(tx);
    if (!ok)
        return false;
    *out = arena_array(a, struct ref_info, *n);
    for (size_t i = 0; i < *n; i++)
        ref_answer(&rows[i], a, &(*out)[i]);
    return true;
}
