/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets as salted slow hashes, and a small memory of pairs that were verified, so that a client that shows its secret with every
 * request costs one slow hash now and then.  The memory holds keyed digests: neither secrets nor anything that could be tried
 * against elsewhere. */
#include "base/mem.h"
#include "govern/govern_priv.h"

#define CACHE_SETS 256 /* times CACHE_WAYS pairs */
#define CACHE_WAYS 4
#define SLOT_WAIT_US 2000 /* between looks whether a slow hash has ended */
#define SLOT_WAITS 250    /* half a second in all */

struct verified {
    struct sha256 digest;
    int64_t principal_id, version, until_us;
};

struct secret_cache {
    struct env *env;
    uint8_t key[32];
    atomic_int hashing;
    pthread_mutex_t lock; /* guards `at`; a leaf */
    struct verified at[CACHE_SETS][CACHE_WAYS];
};

struct secret_cache *secret_cache_create(struct env *env)
{
    struct secret_cache *c = mem_new(struct secret_cache);
    c->env = env;
    env_random(env_real(), c->key, sizeof c->key);
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void secret_cache_destroy(struct secret_cache *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

struct secret_hash secret_hash_make(struct env *env, str secret, struct arena *a)
{
    uint8_t salt[SALT_LEN];
    env_random(env, salt, sizeof salt);
    struct sha256 d = pbkdf2_sha256(secret, str_make(salt, sizeof salt), SECRET_ROUNDS);
    return (struct secret_hash){ .salt = hex_encode(str_make(salt, sizeof salt), a),
                                 .hash = hex_encode(str_make(d.bytes, sizeof d.bytes), a),
                                 .rounds = SECRET_ROUNDS };
}

/* The same work whether there is a hash or not. */
bool secret_hash_matches(const struct secret_hash *h, str secret)
{
    char text[SHA256_TEXT_LEN + 1];
    uint8_t salt[SALT_LEN] = { 0 };
    struct arena *a = arena_create(0);
    str decoded = str_make(salt, sizeof salt);
    bool there = h->hash.len && hex_decode(h->salt, a, &decoded);
    struct sha256 d =
        pbkdf2_sha256(secret, decoded, there ? (uint32_t)h->rounds : (uint32_t)SECRET_ROUNDS);
    bool same = bytes_equal_secret(sha256_format(&d, text), h->hash) && there;
    arena_destroy(a);
    return same;
}

static struct sha256 pair_digest(struct secret_cache *c, str client_id, str secret)
{
    struct sha256 id = sha256_of(client_id), key = hmac_sha256(str_make(c->key, sizeof c->key),
                                                               str_make(id.bytes, sizeof id.bytes));
    return hmac_sha256(str_make(key.bytes, sizeof key.bytes), secret);
}

bool secret_cache_has(struct secret_cache *c, str client_id, str secret, int64_t id,
                      int64_t version)
{
    struct sha256 d = pair_digest(c, client_id, secret);
    struct verified *set = c->at[d.bytes[0] % CACHE_SETS];
    int64_t now_us = env_now_us(c->env);
    bool found = false;
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < CACHE_WAYS; i++)
        found = found || (set[i].until_us > now_us && set[i].principal_id == id &&
                          set[i].version == version &&
                          bytes_equal_secret(str_make(set[i].digest.bytes, sizeof d.bytes),
                                             str_make(d.bytes, sizeof d.bytes)));
    pthread_mutex_unlock(&c->lock);
    return found;
}

void secret_cache_put(struct secret_cache *c, str client_id, str secret, int64_t id,
                      int64_t version)
{
    struct sha256 d = pair_digest(c, client_id, secret);
    struct verified *set = c->at[d.bytes[0] % CACHE_SETS], *oldest = set;
    pthread_mutex_lock(&c->lock);
    for (int i = 1; i < CACHE_WAYS; i++)
        if (set[i].until_us < oldest->until_us)
            oldest = &set[i];
    *oldest = (struct verified){ d, id, version, env_now_us(c->env) + SECRET_CACHE_US };
    pthread_mutex_unlock(&c->lock);
}

bool secret_slot_take(struct secret_cache *c)
{
    for (int i = 0; i < SLOT_WAITS; i++) {
        if (atomic_fetch_add(&c->hashing, 1) < SECRET_HASHES_AT_ONCE)
            return true;
        atomic_fetch_sub(&c->hashing, 1);
        env_sleep_us(env_real(), SLOT_WAIT_US);
    }
    return false;
}

void secret_slot_give(struct secret_cache *c)
{
    atomic_fetch_sub(&c->hashing, 1);
}
