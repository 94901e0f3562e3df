/* SPDX-License-Identifier: Apache-2.0 */
#include "server/hooks.h"

#include <stdatomic.h>

#include "base/env.h"
#include "codec/digest.h"
#include "codec/uuid.h"
#include "io/db.h"

#define SECRET_BYTES 32

struct hooks {
    struct arena *arena; /* of this struct */
    struct db *db;
    struct env *env;
    str source;
    atomic_uint_least64_t changed;
};

static const struct migration migrations[] = {
    { 1, "webhooks",
      "CREATE TABLE hook_hooks (id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
      " url TEXT NOT NULL, secret TEXT NOT NULL, types TEXT NOT NULL, ns TEXT NOT NULL,"
      " tbl TEXT NOT NULL, ref TEXT NOT NULL, state INTEGER NOT NULL, cursor_seq BIGINT NOT NULL,"
      " cursor_index BIGINT NOT NULL, attempts BIGINT NOT NULL, next_us BIGINT NOT NULL,"
      " delivered BIGINT NOT NULL, last_us BIGINT NOT NULL, last_status BIGINT NOT NULL,"
      " last_error TEXT NOT NULL, created_us BIGINT NOT NULL, author TEXT NOT NULL,"
      " revision BIGINT NOT NULL);"
      "CREATE TABLE hook_settings (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);"
      "CREATE TABLE hook_lease (id INTEGER NOT NULL PRIMARY KEY, holder BIGINT NOT NULL,"
      " until_us BIGINT NOT NULL);" },
};

/* ---- Opening ---- */

static bool read_source(struct db_tx *tx, struct arena *a, str *out, struct error *err)
{
    struct db_rows rows;
    *out = (str){ 0 };
    if (!db_run(tx, STR("SELECT value FROM hook_settings WHERE name = ?"),
                DB_ARGS(db_val_text(STR("source"))), a, &rows, err))
        return false;
    if (rows.n > 0)
        *out = db_str(&rows, 0, 0);
    return true;
}

static bool add_source(struct hooks *h, struct db_tx *tx, struct error *err)
{
    uint8_t random[16];
    char text[UUID_TEXT_LEN + 1];
    env_random(h->env, random, sizeof random);
    struct uuid id = uuid_v4(random);
    h->source = arena_printf(h->arena, "urn:uuid:" STR_FMT, STR_ARG(uuid_format(&id, text)));
    return db_run(tx, STR("INSERT INTO hook_settings (name, value) VALUES (?, ?)"),
                  DB_ARGS(db_val_text(STR("source")), db_val_text(h->source)), NULL, NULL, err);
}

static bool find_source(struct hooks *h, struct error *err)
{
    struct db_tx *tx;
    if (!db_read_begin(h->db, &tx, err))
        return false;
    bool ok = read_source(tx, h->arena, &h->source, err);
    db_rollback(tx);
    return ok;
}

static bool make_source(struct hooks *h, struct error *err)
{
    struct db_tx *tx;
    if (!find_source(h, err))
        return false;
    if (h->source.len)
        return true;
    if (!db_begin(h->db, &tx, err))
        return false;
    if (read_source(tx, h->arena, &h->source, err) && (h->source.len || add_source(h, tx, err)))
        return db_commit(tx, err);
    db_rollback(tx);
    return false;
}

bool hooks_open(struct db *db, struct env *env, struct hooks **out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct hooks *h = arena_new(a, struct hooks);
    *h = (struct hooks){ .arena = a, .db = db, .env = env };
    *out = h;
    if (db_migrate(db, "webhooks", migrations, sizeof migrations / sizeof *migrations, err) &&
        make_source(h, err))
        return true;
    hooks_close(h);
    *out = NULL;
    return fail_in(err, "open webhooks");
}

void hooks_close(struct hooks *h)
{
    if (h)
        arena_destroy(h->arena);
}

str hooks_source(const struct hooks *h)
{
    return h->source;
}

uint64_t hooks_changed(const struct hooks *h)
{
    return atomic_load(&h->changed);
}

/* ---- Rows ---- */

#define COLUMNS                                                                                    \
    "id, name, url, secret, types, ns, tbl, ref, state, cursor_seq, cursor_index, attempts, "      \
    "next_us, delivered, last_us, last_status, last_error, created_us, author, revision"

static void read_hook(const struct db_rows *rows, size_t r, struct hook *out)
{
    *out = (struct hook){ .id = db_int(rows, r, 0),
                          .name = db_str(rows, r, 1),
                          .url = db_str(rows, r, 2),
                          .secret = db_str(rows, r, 3),
                          .types = db_str(rows, r, 4),
                          .ns = db_str(rows, r, 5),
                          .table = db_str(rows, r, 6),
                          .ref = db_str(rows, r, 7),
                          .state = (enum hook_state)db_int(rows, r, 8),
                          .cursor = { db_int(rows, r, 9), db_int(rows, r, 10) },
                          .attempts = db_int(rows, r, 11),
                          .next_us = db_int(rows, r, 12),
                          .delivered = db_int(rows, r, 13),
                          .last_us = db_int(rows, r, 14),
                          .last_status = db_int(rows, r, 15),
                          .last_error = db_str(rows, r, 16),
                          .created_us = db_int(rows, r, 17),
                          .author = db_str(rows, r, 18),
                          .revision = db_int(rows, r, 19) };
}

static struct db_value text(str s)
{
    return db_val_text(s.ptr ? s : STR(""));
}

static bool insert_hook(struct db_tx *tx, const struct hook *k, struct error *err)
{
    return db_run(tx,
                  STR("INSERT INTO hook_hooks (" COLUMNS ") VALUES "
                      "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, ?, ?, ?, 1)"),
                  DB_ARGS(db_val_int(k->id), text(k->name), text(k->url), text(k->secret),
                          text(k->types), text(k->ns), text(k->table), text(k->ref),
                          db_val_int(k->state), db_val_int(k->cursor.seq),
                          db_val_int(k->cursor.index), text((str){ 0 }), db_val_int(k->created_us),
                          text(k->author)),
                  NULL, NULL, err);
}

/* ---- By hand ---- */

static bool no_hook(str name, struct error *err)
{
    return fail(err, ERR_NOT_FOUND, "there is no webhook \"" STR_FMT "\"",
                STR_ARG(str_sub(name, 0, HOOK_NAME_MAX)));
}

static bool check_name(str name, struct error *err)
{
    bool ok = name.len > 0 && name.len <= HOOK_NAME_MAX;
    for (size_t i = 0; ok && i < name.len; i++) {
        char c = name.ptr[i];
        ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_' || c == '.';
    }
    return ok || fail(err, ERR_INVALID,
                      "\"" STR_FMT "\" is not a name for a webhook: letters, digits, '-', '_' and "
                      "'.', at most %d",
                      STR_ARG(str_sub(name, 0, HOOK_NAME_MAX)), HOOK_NAME_MAX);
}

static bool check_hook(const struct hook *k, struct arena *a, struct error *err)
{
    struct event_filter f;
    if (!check_name(k->name, err) ||
        !event_filter_parse(k->types, k->ns, k->table, k->ref, a, &f, err))
        return false;
    bool web = str_starts(k->url, STR("https://")) || str_starts(k->url, STR("http://"));
    return (web && k->url.len <= HOOK_URL_MAX) ||
           fail(err, ERR_INVALID,
                "the address of a webhook begins with https:// or http:// and has at most %d bytes",
                HOOK_URL_MAX);
}

static bool add_row(struct db_tx *tx, struct hook *hook, struct arena *a, struct error *err)
{
    struct db_rows rows;
    if (!db_run(tx, STR("SELECT COUNT(*), COALESCE(MAX(id), 0) FROM hook_hooks"), DB_NO_ARGS, a,
                &rows, err))
        return false;
    if (db_int(&rows, 0, 0) >= HOOKS_MAX)
        return fail(err, ERR_LIMIT, "there are %d webhooks already", HOOKS_MAX);
    hook->id = db_int(&rows, 0, 1) + 1;
    if (insert_hook(tx, hook, err))
        return true;
    if (err->code == ERR_EXISTS)
        fail(err, ERR_EXISTS, "webhook already exists: " STR_FMT, STR_ARG(hook->name));
    return false;
}

bool hook_add(struct hooks *h, struct hook *hook, struct arena *a, struct error *err)
{
    struct db_tx *tx;
    uint8_t random[SECRET_BYTES];
    if (!check_hook(hook, a, err))
        return false;
    env_random(h->env, random, sizeof random);
    hook->secret = arena_printf(a, HOOK_SECRET_PREFIX STR_FMT,
                                STR_ARG(base64_encode(str_make(random, sizeof random), a)));
    hook->state = HOOK_ACTIVE;
    hook->created_us = env_now_us(h->env);
    if (!db_begin(h->db, &tx, err))
        return false;
    if (!add_row(tx, hook, a, err)) {
        db_rollback(tx);
        return false;
    }
    if (!db_commit(tx, err))
        return false;
    atomic_fetch_add(&h->changed, 1);
    return true;
}

static bool by_hand(struct hooks *h, str name, str sql, const struct db_value *args, size_t n,
                    struct error *err)
{
    int64_t changes;
    if (!db_change(h->db, sql, args, n, &changes, err))
        return false;
    atomic_fetch_add(&h->changed, 1);
    return changes > 0 || no_hook(name, err);
}

bool hook_remove(struct hooks *h, str name, struct error *err)
{
    return by_hand(h, name, STR("DELETE FROM hook_hooks WHERE name = ?"), DB_ARGS(text(name)), err);
}

bool hook_set_state(struct hooks *h, str name, enum hook_state state, struct error *err)
{
    return by_hand(h, name,
                   STR("UPDATE hook_hooks SET state = ?, attempts = 0, next_us = 0, "
                       "revision = revision + 1 WHERE name = ?"),
                   DB_ARGS(db_val_int(state), text(name)), err);
}

bool hook_get(struct hooks *h, str name, struct arena *a, struct hook *out, struct error *err)
{
    struct db_rows rows;
    if (!db_select(h->db, STR("SELECT " COLUMNS " FROM hook_hooks WHERE name = ?"),
                   DB_ARGS(text(name)), a, &rows, err))
        return false;
    if (rows.n == 0)
        return no_hook(name, err);
    read_hook(&rows, 0, out);
    return true;
}

bool hook_list(struct hooks *h, struct arena *a, struct hook **out, size_t *n, struct error *err)
{
    struct db_rows rows;
    if (!db_select(h->db, STR("SELECT " COLUMNS " FROM hook_hooks ORDER BY name"), DB_NO_ARGS, a,
                   &rows, err))
        return false;
    *n = rows.n;
    *out = arena_array(a, struct hook, rows.n);
    for (size_t i = 0; i < rows.n; i++)
        read_hook(&rows, i, &(*out)[i]);
    return true;
}

/* ---- By the delivery ---- */

bool hook_save(struct hooks *h, const struct hook *k, struct error *err)
{
    int64_t changes;
    return db_change(
        h->db,
        STR("UPDATE hook_hooks SET state = ?, cursor_seq = ?, cursor_index = ?, attempts = ?, "
            "next_us = ?, delivered = ?, last_us = ?, last_status = ?, last_error = ? "
            "WHERE id = ? AND revision = ?"),
        DB_ARGS(db_val_int(k->state), db_val_int(k->cursor.seq), db_val_int(k->cursor.index),
                db_val_int(k->attempts), db_val_int(k->next_us), db_val_int(k->delivered),
                db_val_int(k->last_us), db_val_int(k->last_status), text(k->last_error),
                db_val_int(k->id), db_val_int(k->revision)),
        &changes, err);
}

bool hooks_lease(struct hooks *h, int64_t holder, int64_t until_us, bool *held, struct error *err)
{
    int64_t changes;
    *held = false;
    if (!db_change(h->db,
                   STR("INSERT INTO hook_lease (id, holder, until_us) VALUES (1, ?, ?) "
                       "ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, "
                       "until_us = excluded.until_us WHERE hook_lease.holder = ? OR "
                       "hook_lease.until_us < ?"),
                   DB_ARGS(db_val_int(holder), db_val_int(until_us), db_val_int(holder),
                           db_val_int(env_now_us(h->env))),
                   &changes, err))
        return false;
    *held = changes > 0;
    return true;
}

bool hook_sign(str secret, str id, int64_t timestamp_s, str body, struct arena *a, str *out,
               struct error *err)
{
    str key;
    if (!str_starts(secret, STR(HOOK_SECRET_PREFIX)) ||
        !base64_decode(str_from(secret, sizeof HOOK_SECRET_PREFIX - 1), a, &key))
        return fail(err, ERR_CORRUPT, "the webhook's secret is damaged");
    str signed_text = arena_printf(a, STR_FMT ".%lld." STR_FMT, STR_ARG(id), (long long)timestamp_s,
                                   STR_ARG(body));
    struct sha256 mac = hmac_sha256(key, signed_text);
    *out =
        arena_printf(a, "v1," STR_FMT, STR_ARG(base64_encode(str_make(mac.bytes, SHA256_LEN), a)));
    return true;
}
