/* SPDX-License-Identifier: Apache-2.0
 *
 *   T1  A key set is immutable and counted; `keys` is replaced as a whole, in the order in which sets were read: an older one never
 *       takes the place of a newer one.
 *   T2  Which key signs is decided by the rows alone (the one that signs longest), inside a write transaction when one has to be made: two
 *       servers that find none make one, not two.
 *   T3  A key is believed until signs_until + the longest life of a token; no token that it signed lives longer. */
#include "server/token.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/ref.h"
#include "base/time.h"
#include "codec/digest.h"
#include "codec/jwt.h"
#include "io/db.h"

#define KEYS_KEPT_MAX 200
#define SECRET_LEN 32
#define LEEWAY_S 5 /* clocks of servers that share a database */
#define LOOK_AGAIN_NS 1000000000LL

static const struct migration steps[] = {
    { 1, "keys that sign tokens",
      "CREATE TABLE auth_keys (kid TEXT NOT NULL PRIMARY KEY, secret TEXT NOT NULL,"
      "    created_us BIGINT NOT NULL, signs_until_us BIGINT NOT NULL, expires_us BIGINT NOT NULL);" },
};

struct keys {
    struct ref ref;
    struct arena *a;
    struct jwk_set set;
    const struct jwk *signer; /* NULL: none signs any more */
    int64_t signs_until_us;
};

struct tokens {
    struct tokens_options o;
    char *issuer;
    pthread_mutex_t reading; /* held while keys are read from the database and published */
    pthread_mutex_t lock;    /* guards the two below; a leaf */
    struct keys *keys;       /* counted; NULL: not read yet */
    int64_t looked_ns;
};

static void keys_unref(struct keys *k)
{
    if (k && ref_put(&k->ref))
        arena_destroy(k->a);
}

bool tokens_open(const struct tokens_options *options, struct tokens **out, struct error *err)
{
    if (!db_migrate(options->db, "auth", steps, sizeof steps / sizeof *steps, err))
        return false;
    struct tokens *t = mem_new(struct tokens);
    t->o = *options;
    t->issuer = mem_array(char, options->issuer.len + 1);
    memcpy(t->issuer, options->issuer.ptr, options->issuer.len);
    t->o.issuer = str_of(t->issuer);
    pthread_mutex_init(&t->reading, NULL);
    pthread_mutex_init(&t->lock, NULL);
    *out = t;
    return true;
}

void tokens_close(struct tokens *t)
{
    if (!t)
        return;
    keys_unref(t->keys);
    pthread_mutex_destroy(&t->reading);
    pthread_mutex_destroy(&t->lock);
    mem_free(t->issuer);
    mem_free(t);
}

/* ---- Keys ---- */

static struct keys *keys_now(struct tokens *t)
{
    pthread_mutex_lock(&t->lock);
    struct keys *k = t->keys;
    if (k)
        ref_get(&k->ref);
    pthread_mutex_unlock(&t->lock);
    return k;
}

static void keys_publish(struct tokens *t, struct keys *k)
{
    pthread_mutex_lock(&t->lock);
    struct keys *was = t->keys;
    t->keys = k;
    ref_get(&k->ref);
    t->looked_ns = env_monotonic_ns(t->o.env);
    pthread_mutex_unlock(&t->lock);
    keys_unref(was);
}

static bool take_rows(const struct db_rows *rows, int64_t now_us, struct keys *k, struct error *err)
{
    k->set.keys = arena_array(k->a, const struct jwk *, rows->n);
    for (size_t i = 0; i < rows->n; i++) {
        str secret;
        if (!hex_decode(db_str(rows, i, 1), k->a, &secret) || secret.len < SECRET_LEN)
            return fail(err, ERR_CORRUPT, "the key " STR_FMT " in the database is damaged",
                        STR_ARG(db_str(rows, i, 0)));
        const struct jwk *key = jwk_from_secret(db_str(rows, i, 0), secret, k->a);
        k->set.keys[k->set.n++] = key;
        if (db_int(rows, i, 2) > now_us && db_int(rows, i, 2) > k->signs_until_us) {
            k->signer = key;
            k->signs_until_us = db_int(rows, i, 2);
        }
    }
    return true;
}

static bool read_rows(struct tokens *t, struct db_tx *tx, struct keys *k, struct error *err)
{
    struct db_rows rows;
    int64_t now_us = env_now_us(t->o.env);
    if (!db_run(tx,
                STR("SELECT kid, secret, signs_until_us FROM auth_keys WHERE expires_us > ? "
                    "ORDER BY signs_until_us DESC LIMIT 200"),
                DB_ARGS(db_val_int(now_us)), k->a, &rows, err))
        return false;
    _Static_assert(KEYS_KEPT_MAX == 200, "the limit of the statement above");
    return take_rows(&rows, now_us, k, err);
}

static struct keys *keys_new(void)
{
    struct arena *a = arena_create(0);
    struct keys *k = arena_new(a, struct keys);
    k->a = a;
    ref_init(&k->ref);
    return k;
}

static bool keys_read_in_turn(struct tokens *t, struct keys *k, struct error *err)
{
    struct db_tx *tx;
    if (!db_read_begin(t->o.db, &tx, err))
        return false;
    bool ok = read_rows(t, tx, k, err);
    db_rollback(tx);
    if (ok)
        keys_publish(t, k);
    return ok;
}

/* A counted set as the database has it now. */
static bool keys_read(struct tokens *t, struct keys **out, struct error *err)
{
    struct keys *k = keys_new();
    pthread_mutex_lock(&t->reading);
    bool ok = keys_read_in_turn(t, k, err);
    pthread_mutex_unlock(&t->reading);
    *out = k;
    if (ok)
        return true;
    keys_unref(k);
    return fail_in(err, "read the keys that sign tokens");
}

static bool insert_key(struct tokens *t, struct db_tx *tx, struct arena *a, struct error *err)
{
    uint8_t secret[SECRET_LEN], id[8];
    int64_t now_us = env_now_us(t->o.env), until_us = now_us + t->o.key_us;
    int64_t life_us = t->o.token_us > US_PER_DAY ? t->o.token_us : US_PER_DAY;
    env_random(t->o.env, secret, sizeof secret);
    env_random(t->o.env, id, sizeof id);
    str kid = arena_printf(a, "firn-" STR_FMT, STR_ARG(hex_encode(str_make(id, sizeof id), a)));
    return db_run(tx, STR("DELETE FROM auth_keys WHERE expires_us <= ?"),
                  DB_ARGS(db_val_int(now_us)), NULL, NULL, err) &&
           db_run(tx,
                  STR("INSERT INTO auth_keys (kid, secret, created_us, signs_until_us, expires_us) "
                      "VALUES (?, ?, ?, ?, ?)"),
                  DB_ARGS(db_val_text(kid),
                          db_val_text(hex_encode(str_make(secret, sizeof secret), a)),
                          db_val_int(now_us), db_val_int(until_us), db_val_int(until_us + life_us)),
                  NULL, NULL, err);
}

/* Makes a key unless another server was faster. */
static bool make_signer(struct tokens *t, struct error *err)
{
    struct keys *seen = keys_new();
    struct db_tx *tx;
    bool ok = db_begin(t->o.db, &tx, err);
    if (ok) {
        ok = read_rows(t, tx, seen, err) && (seen->signer || insert_key(t, tx, seen->a, err));
        if (ok)
            ok = db_commit(tx, err);
        else
            db_rollback(tx);
    }
    keys_unref(seen);
    return ok || fail_in(err, "make a key to sign tokens");
}

/* A counted set with a key that signs. */
static bool keys_to_sign(struct tokens *t, struct keys **out, struct error *err)
{
    struct keys *k = keys_now(t);
    if (k && k->signer && k->signs_until_us > env_now_us(t->o.env)) {
        *out = k;
        return true;
    }
    keys_unref(k);
    if (!keys_read(t, &k, err))
        return false;
    if (!k->signer) {
        keys_unref(k);
        if (!make_signer(t, err) || !keys_read(t, &k, err))
            return false;
    }
    *out = k;
    if (k->signer)
        return true;
    keys_unref(k);
    return fail(err, ERR_INTERNAL, "no key signs tokens");
}

/* ---- Tokens ---- */

static str write_claims(const struct tokens *t, const struct token_claims *c, int64_t now_s,
                        struct arena *a)
{
    struct buf *text = arena_new(a, struct buf);
    struct json_writer w;
    uint8_t id[16];
    buf_init(text, JWT_BYTES_MAX);
    buf_in_arena(text, a);
    env_random(t->o.env, id, sizeof id);
    jw_init(&w, text);
    jw_begin_object(&w);
    jw_kv_str(&w, "iss", t->o.issuer);
    jw_kv_str(&w, "aud", t->o.issuer);
    jw_kv_str(&w, "sub", c->principal);
    jw_kv_str(&w, "client_id", c->client_id);
    jw_kv_int(&w, "principal_id", c->principal_id);
    jw_kv_int(&w, "generation", c->generation);
    jw_kv_str(&w, "scope", c->scope);
    jw_kv_int(&w, "iat", now_s);
    jw_kv_int(&w, "exp", c->expires_s);
    jw_kv_int(&w, "session_exp", c->session_s);
    jw_kv_str(&w, "jti", hex_encode(str_make(id, sizeof id), a));
    jw_end_object(&w);
    return buf_str(text);
}

bool token_issue(struct tokens *t, struct token_claims *claims, struct arena *a, str *out,
                 struct error *err)
{
    struct keys *k;
    int64_t now_s = env_now_us(t->o.env) / US_PER_S;
    if (!claims->session_s)
        claims->session_s = now_s + t->o.session_us / US_PER_S;
    claims->expires_s = now_s + t->o.token_us / US_PER_S;
    if (claims->expires_s > claims->session_s)
        claims->expires_s = claims->session_s;
    if (claims->expires_s <= now_s)
        return fail(err, ERR_DENIED, "the session is over: log in again");
    if (!keys_to_sign(t, &k, err))
        return false;
    bool ok =
        jwt_sign(k->signer, JWT_HS256, "at+jwt", write_claims(t, claims, now_s, a), a, out, err);
    keys_unref(k);
    if (ok && out->len > JWT_BYTES_MAX)
        return fail(err, ERR_LIMIT, "the token would be larger than %zu bytes", JWT_BYTES_MAX);
    return ok;
}

bool token_is_ours(const struct tokens *t, const struct jwt *token)
{
    return str_eq(jwt_claim(token, "iss"), t->o.issuer);
}

/* May the database be asked for keys that we do not know?  Once a second, whoever asks. */
static bool may_look(struct tokens *t)
{
    int64_t now = env_monotonic_ns(t->o.env);
    pthread_mutex_lock(&t->lock);
    bool yes = !t->keys || now - t->looked_ns >= LOOK_AGAIN_NS;
    if (yes)
        t->looked_ns = now;
    pthread_mutex_unlock(&t->lock);
    return yes;
}

static bool verify(struct tokens *t, const struct jwt *token, struct error *err)
{
    struct keys *k = keys_now(t);
    bool ok = k && jwt_verify(token, &k->set, err);
    bool unknown = !k || (!ok && err->code == ERR_NOT_FOUND);
    keys_unref(k);
    if (ok || !unknown)
        return ok;
    *err = (struct error){ 0 };
    if (may_look(t)) {
        if (!keys_read(t, &k, err))
            return false;
        ok = jwt_verify(token, &k->set, err);
        keys_unref(k);
    }
    if (!ok && (err->code == ERR_NOT_FOUND || err->code == ERR_NONE))
        return fail(err, ERR_DENIED, "the token was signed with a key that is not ours any more");
    return ok;
}

bool token_check(struct tokens *t, const struct jwt *token, struct arena *a,
                 struct token_claims *out, bool *expired, struct error *err)
{
    struct jwt_expect expect = { .issuer = t->o.issuer,
                                 .audiences = &t->o.issuer,
                                 .audiences_n = 1,
                                 .now_s = env_now_us(t->o.env) / US_PER_S,
                                 .leeway_s = LEEWAY_S };
    const struct json *id = json_get(token->claims, "principal_id");
    bool present;
    *expired = false;
    *out = (struct token_claims){ 0 };
    if (token->kid.len == 0)
        return fail(err, ERR_DENIED, "the token does not name its key");
    if (!verify(t, token, err))
        return false;
    if (!id || id->kind != JSON_INT)
        return fail(err, ERR_DENIED, "the token names no principal");
    out->principal_id = id->i;
    if (!json_opt_int(token->claims, "generation", 0, &out->generation, err)) /* none: an old one */
        return fail_in(err, "the token");
    out->principal = arena_str(a, jwt_claim(token, "sub"));
    out->client_id = arena_str(a, jwt_claim(token, "client_id"));
    out->scope = arena_str(a, jwt_claim(token, "scope"));
    return jwt_claim_time(token, "session_exp", &present, &out->session_s, err) &&
           jwt_claim_time(token, "exp", &present, &out->expires_s, err) &&
           jwt_check(token, &expect, expired, err);
}
