/* SPDX-License-Identifier: Apache-2.0
 *
 *   O1  A provider's key set is immutable, counted, and replaced as a whole; a fetch that fails replaces nothing.
 *   O2  One thread fetches for a provider; others meanwhile go on with the keys that are there, or wait when there are none.
 *   O3  However many tokens with invented key ids arrive, the provider is asked at most every OIDC_RETRY_US.
 *   O4  A signature that was checked is remembered by the token's digest and the key set's number; times are checked each time. */
#include "server/oidc.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/time.h"
#include "codec/digest.h"
#include "codec/jwt.h"
#include "io/http.h"
#include "io/store.h"

#define CHECKED_SETS 512
#define CHECKED_WAYS 4

struct key_set {
    struct ref ref;
    struct arena *a;
    struct jwk_set set;
    uint64_t number;
};

struct provider {
    const struct provider_config *config;
    struct http_client *http;     /* of jwks_url */
    pthread_mutex_t fetching;     /* held during a fetch */
    pthread_mutex_t lock;         /* guards the three below; a leaf */
    struct key_set *keys;         /* counted; NULL: never fetched */
    int64_t fetched_us, tried_us; /* monotonic; 0: never */
};

/* A token whose signature is right. */
struct checked {
    struct sha256 digest;
    uint64_t number; /* of the key set; 0: free */
};

struct oidc {
    struct env *env;
    struct provider *providers;
    size_t n;
    atomic_uint_least64_t numbers;
    pthread_mutex_t lock; /* guards `checked`; a leaf */
    struct checked checked[CHECKED_SETS][CHECKED_WAYS];
    unsigned turn;
};

static int64_t clock_us(const struct oidc *o)
{
    return env_monotonic_ns(o->env) / 1000 + OIDC_RETRY_US; /* never 0 */
}

static void set_unref(struct key_set *k)
{
    if (k && ref_put(&k->ref))
        arena_destroy(k->a);
}

/* ---- Opening ---- */

bool oidc_open(const struct server_config *config, struct env *env, struct oidc **out,
               struct error *err)
{
    struct oidc *o = mem_new(struct oidc);
    o->env = env;
    o->providers = mem_array(struct provider, CONFIG_PROVIDERS_MAX);
    pthread_mutex_init(&o->lock, NULL);
    atomic_init(&o->numbers, 1);
    bool ok = true;
    for (size_t i = 0; ok && i < config->providers_n; i++) {
        struct provider *p = &o->providers[o->n++];
        p->config = &config->providers[i];
        pthread_mutex_init(&p->fetching, NULL);
        pthread_mutex_init(&p->lock, NULL);
        struct http_client_options http = {
            .public_only = !p->config->private_addresses,
            .https_only = !p->config->private_addresses,
            .ca_file = p->config->ca_file.len ? p->config->ca_file.ptr : NULL,
        };
        if (p->config->jwks_url.len)
            ok = http_client_create(&http, &p->http, err);
    }
    *out = o;
    if (!ok)
        oidc_close(o);
    return ok;
}

void oidc_close(struct oidc *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->n; i++) {
        struct provider *p = &o->providers[i];
        http_client_destroy(p->http);
        set_unref(p->keys);
        pthread_mutex_destroy(&p->fetching);
        pthread_mutex_destroy(&p->lock);
    }
    pthread_mutex_destroy(&o->lock);
    mem_free(o->providers);
    mem_free(o);
}

static struct provider *provider_of(const struct oidc *o, const struct jwt *token)
{
    str issuer = jwt_claim(token, "iss");
    for (size_t i = 0; i < o->n; i++)
        if (str_eq(o->providers[i].config->issuer, issuer))
            return &o->providers[i];
    return NULL;
}

bool oidc_knows(const struct oidc *o, const struct jwt *token)
{
    return provider_of(o, token) != NULL;
}

/* ---- Keys ---- */

static bool read_key_file(str path, struct arena *a, str *out, struct error *err)
{
    ptrdiff_t slash = str_rfind_char(path, '/');
    struct store_fs_options where = { .root = str_sub(path, 0, (size_t)slash) };
    struct store *dir;
    if (access(path.ptr, R_OK) != 0) /* the store would make a missing folder */
        return fail_errno(err, errno, "read " STR_FMT, STR_ARG(path));
    if (!store_fs_open(&where, &dir, err))
        return false;
    bool ok = store_get(dir, str_from(path, (size_t)slash + 1), JWK_SET_BYTES_MAX, a, out, err);
    store_destroy(dir);
    return ok;
}

static bool get_keys(const struct provider *p, struct arena *a, str *out, struct error *err)
{
    struct http_header accept = { STR("Accept"), STR("application/json") };
    struct http_call call = { .url = p->config->jwks_url,
                              .headers = &accept,
                              .headers_n = 1,
                              .answer_max = JWK_SET_BYTES_MAX,
                              .timeout_ms = OIDC_FETCH_MS };
    struct http_answer answer;
    if (!p->http)
        return read_key_file(p->config->jwks_file, a, out, err);
    if (!http_call(p->http, &call, a, &answer, err))
        return false;
    *out = answer.body;
    return answer.status == 200 ||
           fail(err, ERR_UNAVAILABLE, "the key set was answered with status %d", answer.status);
}

static bool fetch_into(const struct provider *p, struct key_set *k, struct error *err)
{
    str text;
    if (!get_keys(p, k->a, &text, err) || !jwk_set_parse(text, k->a, &k->set, err))
        return fail_in(err, "the keys of " STR_FMT, STR_ARG(p->config->issuer));
    return k->set.n > 0 || fail(err, ERR_INVALID, "the keys of " STR_FMT ": none is for signatures",
                                STR_ARG(p->config->issuer));
}

/* Replaces the keys.  The caller holds `fetching`. */
static bool fetch(struct oidc *o, struct provider *p, struct error *err)
{
    struct arena *a = arena_create(0);
    struct key_set *k = arena_new(a, struct key_set), *was = NULL;
    k->a = a;
    ref_init(&k->ref);
    k->number = atomic_fetch_add(&o->numbers, 1);
    bool ok = fetch_into(p, k, err);
    pthread_mutex_lock(&p->lock);
    p->tried_us = clock_us(o);
    if (ok) {
        p->fetched_us = p->tried_us;
        was = p->keys;
        p->keys = k;
    }
    pthread_mutex_unlock(&p->lock);
    set_unref(ok ? was : k);
    if (ok)
        log_info("auth", "keys fetched issuer=" STR_FMT, STR_ARG(p->config->issuer));
    else
        log_warn("auth", "keys not fetched issuer=" STR_FMT " err=\"%s\"",
                 STR_ARG(p->config->issuer), err->msg);
    return ok;
}

/* A counted set and whether it should be fetched again.  `unknown`: it lacks a key that a token names. */
static struct key_set *keys_now(struct oidc *o, struct provider *p, bool unknown, bool *stale)
{
    int64_t now = clock_us(o);
    pthread_mutex_lock(&p->lock);
    struct key_set *k = p->keys;
    bool old = !k || unknown || now - p->fetched_us > p->config->refresh_us;
    *stale = old && (p->tried_us == 0 || now - p->tried_us >= OIDC_RETRY_US);
    if (k)
        ref_get(&k->ref);
    pthread_mutex_unlock(&p->lock);
    return k;
}

/* Fetches if that is due still; who comes while another fetches and has keys does not wait. */
static struct key_set *keys_fetched(struct oidc *o, struct provider *p, bool unknown)
{
    struct error ignored = { 0 };
    bool stale;
    struct key_set *k = keys_now(o, p, unknown, &stale);
    if (!stale)
        return k;
    if (k && !unknown) {
        if (pthread_mutex_trylock(&p->fetching) != 0)
            return k;
    } else {
        pthread_mutex_lock(&p->fetching);
    }
    set_unref(k);
    k = keys_now(o, p, unknown, &stale);
    if (stale && fetch(o, p, &ignored)) {
        set_unref(k);
        k = keys_now(o, p, false, &stale);
    }
    pthread_mutex_unlock(&p->fetching);
    return k;
}

/* ---- Signatures that were checked ---- */

static struct checked *checked_set(struct oidc *o, const struct sha256 *d)
{
    return o->checked[(d->bytes[0] | d->bytes[1] << 8) % CHECKED_SETS];
}

static bool was_checked(struct oidc *o, const struct sha256 *d, uint64_t number)
{
    bool found = false;
    pthread_mutex_lock(&o->lock);
    const struct checked *set = checked_set(o, d);
    for (int i = 0; i < CHECKED_WAYS; i++)
        found |= set[i].number == number && memcmp(&set[i].digest, d, sizeof *d) == 0;
    pthread_mutex_unlock(&o->lock);
    return found;
}

static void remember(struct oidc *o, const struct sha256 *d, uint64_t number)
{
    pthread_mutex_lock(&o->lock);
    checked_set(o, d)[o->turn++ % CHECKED_WAYS] = (struct checked){ *d, number };
    pthread_mutex_unlock(&o->lock);
}

static bool verify(struct oidc *o, const struct jwt *token, const struct key_set *k,
                   struct error *err)
{
    struct sha256 d = sha256_of_parts((const str[]){ token->signed_part, token->signature }, 2);
    if (was_checked(o, &d, k->number))
        return true;
    if (!jwt_verify(token, &k->set, err))
        return false;
    remember(o, &d, k->number);
    return true;
}

/* True: decided, *ok is the answer. */
static bool try_verify(struct oidc *o, const struct jwt *token, struct key_set *k, bool *ok,
                       struct error *err)
{
    *ok = k && verify(o, token, k, err);
    bool unknown = !k || (!*ok && err->code == ERR_NOT_FOUND);
    set_unref(k);
    return !unknown;
}

static bool verify_or_fetch(struct oidc *o, struct provider *p, const struct jwt *token,
                            bool may_block, bool *must_block, struct error *err)
{
    bool stale, ok;
    struct key_set *k = keys_now(o, p, false, &stale);
    if (stale && !may_block) {
        set_unref(k);
        *must_block = true;
        return fail(err, ERR_UNAVAILABLE, "the keys must be fetched");
    }
    if (stale) {
        set_unref(k);
        k = keys_fetched(o, p, false);
    }
    bool none = !k;
    if (try_verify(o, token, k, &ok, err))
        return ok;
    k = keys_now(o, p, true, &stale);
    if (stale && !may_block) {
        set_unref(k);
        *must_block = true;
        return fail(err, ERR_UNAVAILABLE, "the keys must be fetched");
    }
    if (stale) {
        set_unref(k);
        k = keys_fetched(o, p, true);
        none = !k;
    }
    *err = (struct error){ 0 };
    if (try_verify(o, token, k, &ok, err))
        return ok;
    if (none)
        return fail(err, ERR_UNAVAILABLE, "the keys of " STR_FMT " cannot be had at the moment",
                    STR_ARG(p->config->issuer));
    return fail(err, ERR_DENIED,
                "the token was signed with a key that its issuer does not publish");
}

/* ---- Claims ---- */

/* "realm_access.roles" leads into objects; a member whose own name has the dots comes first. */
static const struct json *claim_at(const struct json *claims, str path, struct arena *a)
{
    const struct json *whole = json_get(claims, arena_cstr(a, path));
    str name;
    if (whole)
        return whole;
    while (claims && str_next(&path, '.', &name))
        claims = json_get(claims, arena_cstr(a, name));
    return claims;
}

static void add_role(const struct provider_config *c, str word, struct arena *a,
                     struct oidc_subject *out)
{
    if (!str_starts(word, c->roles_prefix) || word.len == c->roles_prefix.len ||
        out->roles_n == OIDC_ROLES_MAX)
        return;
    out->roles[out->roles_n++] = arena_str(a, str_from(word, c->roles_prefix.len));
}

/* A list of texts, or one text of words. */
static void take_roles(const struct provider_config *c, const struct jwt *token, struct arena *a,
                       struct oidc_subject *out)
{
    const struct json *v = claim_at(token->claims, c->roles_claim, a);
    str rest = v && v->kind == JSON_STR ? v->s : (str){ 0 }, word;
    out->has_roles = true;
    for (size_t i = 0; v && v->kind == JSON_ARRAY && i < v->array.n; i++)
        if (v->array.items[i].kind == JSON_STR)
            add_role(c, v->array.items[i].s, a, out);
    while (rest.ptr && str_next(&rest, ' ', &word))
        add_role(c, word, a, out);
}

bool oidc_check(struct oidc *o, const struct jwt *token, bool may_block, struct arena *a,
                struct oidc_subject *out, bool *expired, bool *must_block, struct error *err)
{
    struct provider *p = provider_of(o, token);
    const struct provider_config *c = p->config;
    bool present;
    struct jwt_expect expect = { .issuer = c->issuer,
                                 .audiences = c->audiences,
                                 .audiences_n = c->audiences_n,
                                 .now_s = env_now_us(o->env) / US_PER_S,
                                 .leeway_s = OIDC_LEEWAY_S,
                                 .age_max_s = c->lifetime_max_s };
    *expired = *must_block = false;
    *out = (struct oidc_subject){ 0 };
    if (token->alg == JWT_HS256)
        return fail(err, ERR_DENIED, "tokens of " STR_FMT " are not signed with a shared secret",
                    STR_ARG(c->issuer));
    if (!verify_or_fetch(o, p, token, may_block, must_block, err) ||
        !jwt_check(token, &expect, expired, err) ||
        !jwt_claim_time(token, "exp", &present, &out->expires_s, err))
        return false;
    const struct json *name = claim_at(token->claims, c->principal_claim, a);
    if (!name || name->kind != JSON_STR || name->s.len == 0)
        return fail(err, ERR_DENIED,
                    "the token has no claim \"" STR_FMT "\" that names a principal",
                    STR_ARG(c->principal_claim));
    out->principal = arena_str(a, name->s);
    if (c->roles_claim.len)
        take_roles(c, token, a, out);
    return true;
}
