/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/events_priv.h"

#include "base/map.h"
#include "base/vec.h"
#include "catalog/catalog_priv.h"

#define CHANGES_LIMIT_MAX 10000 /* rows of one reading */
#define PRUNE_ROWS 10000        /* rows that one pruning looks at */

/* ---- Writing ---- */

/* Never NULL: the engines must not have to guess the type of a parameter that stands in a SELECT. */
static struct db_value id_value(const struct sha256 *id)
{
    return db_val_blob(id ? sha_str(id) : STR(""));
}

static struct db_value text_value(str s)
{
    return db_val_text(s.ptr ? s : STR(""));
}

bool change_record(struct db_tx *tx, const struct change_row *row, int64_t now_us,
                   struct error *err)
{
    str who = row->who ? row->who->principal : (str){ 0 };
    return db_run(tx,
                  STR("INSERT INTO cat_events (seq, time_us, kind, ref, ref_kind, other, from_id, "
                      "to_id, who) SELECT COALESCE(MAX(seq), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ? "
                      "FROM cat_events"),
                  DB_ARGS(db_val_int(now_us), db_val_int(row->kind), text_value(row->ref),
                          db_val_int(row->ref_kind), text_value(row->other), id_value(row->from),
                          id_value(row->to), text_value(who)),
                  NULL, NULL, err);
}

void changes_made(struct catalog *c)
{
    atomic_fetch_add(&c->changes, 1);
}

uint64_t catalog_changes_made(const struct catalog *c)
{
    return atomic_load(&c->changes);
}

bool catalog_is_ours(const struct catalog *c)
{
    return !c->db->shared;
}

/* ---- Reading ---- */

static bool read_id(const struct db_rows *rows, size_t r, size_t col, struct arena *a, str *out,
                    struct error *err)
{
    str bytes = db_str(rows, r, col);
    struct sha256 id;
    *out = (str){ 0 };
    if (bytes.len == 0)
        return true;
    if (bytes.len != SHA256_LEN)
        return fail(err, ERR_CORRUPT, "a change names a commit by %zu bytes", bytes.len);
    memcpy(id.bytes, bytes.ptr, SHA256_LEN);
    *out = sha_text(&id, a);
    return true;
}

static bool read_change(const struct db_rows *rows, size_t r, struct arena *a, struct change *out,
                        struct error *err)
{
    int64_t kind = db_int(rows, r, 2), ref_kind = db_int(rows, r, 4);
    *out = (struct change){ .seq = db_int(rows, r, 0),
                            .time_us = db_int(rows, r, 1),
                            .kind = (enum change_kind)kind,
                            .ref_kind = (enum catalog_ref_kind)ref_kind,
                            .ref = db_str(rows, r, 3),
                            .other = db_str(rows, r, 5),
                            .who = db_str(rows, r, 8) };
    if (kind < CHANGE_COMMIT || kind >= CHANGE_KINDS || ref_kind < 0 || ref_kind > CATALOG_TAG)
        return fail(err, ERR_UNSUPPORTED,
                    "change %lld is of a kind that this program does not know",
                    (long long)out->seq);
    return read_id(rows, r, 6, a, &out->from, err) && read_id(rows, r, 7, a, &out->to, err);
}

static bool read_range(struct db_tx *tx, struct arena *a, int64_t *oldest, int64_t *newest,
                       struct error *err)
{
    struct db_rows rows;
    if (!db_run(tx, STR("SELECT COALESCE(MIN(seq), 0), COALESCE(MAX(seq), 0) FROM cat_events"),
                DB_NO_ARGS, a, &rows, err))
        return false;
    *oldest = db_int(&rows, 0, 0);
    *newest = db_int(&rows, 0, 1);
    return true;
}

/* A reader whose next change is gone must know it. */
static bool check_after(struct db_tx *tx, int64_t after, struct arena *a, struct error *err)
{
    int64_t oldest, newest;
    if (after == 0)
        return true;
    if (!read_range(tx, a, &oldest, &newest, err))
        return false;
    if (after > newest || after < 0)
        return fail(err, ERR_INVALID, "change %lld has not happened: the newest is %lld",
                    (long long)after, (long long)newest);
    return after >= oldest - 1 ||
           fail(err, ERR_NOT_FOUND, "changes after %lld are not kept any more: the oldest is %lld",
                (long long)after, (long long)oldest);
}

static bool read_changes(struct db_tx *tx, int64_t after, size_t limit, struct arena *a,
                         struct change **out, size_t *n, struct error *err)
{
    struct db_rows rows;
    if (!check_after(tx, after, a, err) ||
        !db_run(tx,
                STR("SELECT seq, time_us, kind, ref, ref_kind, other, from_id, to_id, who FROM "
                    "cat_events WHERE seq > ? ORDER BY seq LIMIT ?"),
                DB_ARGS(db_val_int(after), db_val_int((int64_t)limit)), a, &rows, err))
        return false;
    *out = arena_array(a, struct change, rows.n);
    *n = rows.n;
    for (size_t i = 0; i < rows.n; i++)
        if (!read_change(&rows, i, a, &(*out)[i], err))
            return false;
    return true;
}

bool catalog_changes(struct catalog *c, int64_t after, size_t limit, struct arena *a,
                     struct change **out, size_t *n, struct error *err)
{
    struct db_tx *tx;
    if (!db_read_begin(c->db, &tx, err))
        return false;
    bool ok = read_changes(tx, after, limit < CHANGES_LIMIT_MAX ? limit : CHANGES_LIMIT_MAX, a, out,
                           n, err);
    db_rollback(tx);
    return ok;
}

bool catalog_changes_range(struct catalog *c, int64_t *oldest, int64_t *newest, struct error *err)
{
    struct db_tx *tx;
    struct arena *a = arena_create(0);
    bool ok = db_read_begin(c->db, &tx, err);
    if (ok) {
        ok = read_range(tx, a, oldest, newest, err);
        db_rollback(tx);
    }
    arena_destroy(a);
    return ok;
}

/* ---- What a change did to entries ---- */

struct lister {
    struct arena *arena;
    VEC(struct changed_entry) entries;
    bool full;
};

static bool decode_side(struct arena *a, str value, struct entry *e, str *location,
                        int64_t *snapshot_id, struct error *err)
{
    *location = (str){ 0 };
    *snapshot_id = -1;
    if (!value.ptr)
        return true;
    if (!entry_decode(arena_str(a, value), a, e, err))
        return false;
    *location = e->location;
    *snapshot_id = e->snapshot_id;
    return true;
}

static bool list_entry(void *ctx, str key, str old_value, str new_value, struct error *err)
{
    struct lister *l = ctx;
    struct entry e = { 0 };
    if (l->entries.n == CHANGED_ENTRIES_MAX) {
        l->full = true;
        return fail(err, ERR_LIMIT, "more than %d entries", CHANGED_ENTRIES_MAX);
    }
    struct changed_entry *out = vec_push(l->arena, &l->entries);
    out->change = !old_value.ptr ? ENTRY_CREATED : !new_value.ptr ? ENTRY_DROPPED : ENTRY_UPDATED;
    if (!decode_side(l->arena, old_value, &e, &out->from_location, &out->from_snapshot_id, err) ||
        !decode_side(l->arena, new_value, &e, &out->to_location, &out->to_snapshot_id, err))
        return false;
    out->type = e.type;
    out->uuid = e.uuid;
    return key_parse(arena_str(l->arena, key), &out->ns, &out->name, err);
}

/* A dropped and a created entry of one uuid and type are one that was renamed.  The dropped one leaves the list. */
static void pair_renames(struct changed_entry *at, size_t *n, struct arena *a)
{
    struct map dropped;
    size_t kept = 0;
    map_init(&dropped, a);
    for (size_t i = 0; i < *n; i++)
        if (at[i].change == ENTRY_DROPPED && at[i].uuid.len)
            map_put(&dropped, at[i].uuid, &at[i]);
    for (size_t i = 0; i < *n; i++) {
        struct changed_entry *from =
            at[i].change == ENTRY_CREATED && at[i].uuid.len ? map_get(&dropped, at[i].uuid) : NULL;
        if (!from || from->type != at[i].type || from->change != ENTRY_DROPPED)
            continue;
        at[i].change = ENTRY_RENAMED;
        at[i].from_ns = from->ns;
        at[i].from_name = from->name;
        at[i].from_location = from->from_location;
        at[i].from_snapshot_id = from->from_snapshot_id;
        from->change = ENTRY_RENAMED; /* by its new name: left out below */
    }
    for (size_t i = 0; i < *n; i++)
        if (at[i].change != ENTRY_RENAMED || at[i].from_name.len)
            at[kept++] = at[i];
    *n = kept;
}

static bool diff_commits(struct catalog *c, str from, str to, struct lister *l, struct error *err)
{
    struct view v;
    struct sha256 id;
    struct commit target;
    if (!sha_parse(to, &id))
        return fail(err, ERR_CORRUPT, "a change names no commit");
    if (!view_open(c, from, l->arena, &v, err))
        return false;
    bool ok = commit_load(v.tx, &id, l->arena, &target, err) &&
              tree_diff(&v.tree, &v.commit.root, &target.root, list_entry, l, err);
    view_close(&v);
    return ok;
}

bool catalog_change_entries(struct catalog *c, const struct change *change, struct arena *a,
                            struct changed_entry **out, size_t *n, bool *complete,
                            struct error *err)
{
    struct lister l = { .arena = a };
    *out = NULL;
    *n = 0;
    *complete = true;
    if (change->kind > CHANGE_MERGE && change->kind != CHANGE_REF_ASSIGNED)
        return true;
    if (!diff_commits(c, change->from, change->to, &l, err)) {
        *complete = false;
        return l.full;
    }
    *out = l.entries.at;
    *n = l.entries.n;
    pair_renames(*out, n, a);
    return true;
}

/* ---- Forgetting ---- */

static bool prune_rows(struct db_tx *tx, int64_t before_us, int64_t before_seq, struct arena *a,
                       int64_t *pruned, struct error *err)
{
    struct db_rows rows;
    int64_t oldest, newest;
    if (!read_range(tx, a, &oldest, &newest, err))
        return false;
    int64_t end = oldest + PRUNE_ROWS;
    if (end > newest)
        end = newest;
    if (end > before_seq)
        end = before_seq;
    if (!db_run(tx, STR("DELETE FROM cat_events WHERE seq < ? AND time_us < ?"),
                DB_ARGS(db_val_int(end), db_val_int(before_us)), a, &rows, err))
        return false;
    *pruned = rows.changes;
    return true;
}

bool catalog_changes_prune(struct catalog *c, int64_t before_us, int64_t before_seq,
                           int64_t *pruned, struct error *err)
{
    struct db_tx *tx;
    *pruned = 0;
    if (!db_begin(c->db, &tx, err))
        return false;
    struct arena *a = arena_create(0);
    bool ok = prune_rows(tx, before_us, before_seq, a, pruned, err);
    arena_destroy(a);
    if (ok && *pruned > 0)
        return db_commit(tx, err);
    db_rollback(tx);
    return ok;
}
