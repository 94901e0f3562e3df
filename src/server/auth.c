/* SPDX-License-Identifier: Apache-2.0 */
#include "server/auth.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/digest.h"
#include "codec/jwt.h"
#include "govern/audit.h"
#include "govern/govern.h"
#include "govern/roles.h"
#include "server/api.h"
#include "server/oidc.h"
#include "server/throttle.h"

#define REALM "Bearer realm=\"firn\""
#define CREDENTIALS_MAX ((size_t)4096) /* bytes of a Basic header */

struct auth {
    struct govern *govern;
    struct env *env;
    struct tokens *tokens;
    struct oidc *oidc;
    struct throttle *requests, *failures;
};

bool auth_open(const struct server_config *config, struct govern *govern, struct db *db,
               struct env *env, struct auth **out, struct error *err)
{
    struct auth *auth = mem_new(struct auth);
    struct tokens_options tokens = { .db = db,
                                     .env = env,
                                     .issuer = config->issuer,
                                     .token_us = config->token_us,
                                     .session_us = config->session_us,
                                     .key_us = config->key_us };
    auth->govern = govern;
    auth->env = env;
    auth->requests = throttle_create(config->rate, config->burst);
    auth->failures =
        throttle_create((double)US_PER_S / (double)config->failures_per_us, config->failures);
    if (!tokens_open(&tokens, &auth->tokens, err) || !oidc_open(config, env, &auth->oidc, err)) {
        auth_close(auth);
        return false;
    }
    *out = auth;
    return true;
}

void auth_close(struct auth *auth)
{
    if (!auth)
        return;
    oidc_close(auth->oidc);
    tokens_close(auth->tokens);
    throttle_destroy(auth->requests);
    throttle_destroy(auth->failures);
    mem_free(auth);
}

bool auth_on(const struct auth *auth)
{
    return auth->govern && govern_on(auth->govern);
}

struct govern *auth_govern(const struct auth *auth)
{
    return auth_on(auth) ? auth->govern : NULL;
}

struct tokens *auth_tokens(const struct auth *auth)
{
    return auth->tokens;
}

bool auth_may_try(struct auth *auth, str peer, int *wait_s)
{
    return throttle_has(auth->failures, throttle_address_key(peer), env_monotonic_ns(auth->env),
                        wait_s);
}

void auth_count_failure(struct auth *auth, str peer)
{
    int ignored;
    (void)throttle_take(auth->failures, throttle_address_key(peer), env_monotonic_ns(auth->env),
                        &ignored);
}

/* ---- Header fields ---- */

/* The text after the scheme, which is compared without regard to case; false for another scheme. */
static bool scheme_is(str authorization, str scheme, str *rest)
{
    str word;
    if (!str_cut(authorization, ' ', &word, rest))
        *rest = (str){ 0 };
    *rest = str_trim(*rest);
    return str_eq_nocase(word, scheme);
}

bool auth_basic(str authorization, struct arena *a, str *client_id, str *secret, bool *broken)
{
    str text, pair;
    *broken = false;
    if (!scheme_is(authorization, STR("Basic"), &text))
        return false;
    *broken = text.len > CREDENTIALS_MAX || !base64_decode(text, a, &pair) ||
              !str_cut(pair, ':', client_id, secret) || str_find_char(pair, '\0') >= 0;
    return !*broken;
}

/* ---- Refusals ---- */

/* As a quoted string: what would end it, and what is no ASCII, is left out. */
static str quotable(const char *text, struct arena *a)
{
    str s = str_of(text);
    char *out = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len && n < 160; i++)
        if (s.ptr[i] >= ' ' && s.ptr[i] < 127 && s.ptr[i] != '"' && s.ptr[i] != '\\')
            out[n++] = s.ptr[i];
    return str_make(out, n);
}

void auth_note_refusal(struct auth *auth, const struct api_request *req, const char *why)
{
    struct error unwritten = { 0 };
    struct audit_event e = { .who = &identity_anonymous,
                             .request_id = req->request_id,
                             .peer = req->peer,
                             .action = STR("AUTHENTICATE"),
                             .reason = why };
    if (auth_on(auth) && !audit_note(auth->govern, &e, &unwritten))
        log_error("auth", "%s", unwritten.msg); /* it is refused in any case */
}

/* Credentials that were shown and are not good.  Expired ones do not count as an attempt to guess. */
static bool refuse_shown(struct auth *auth, const struct api_request *req, bool expired,
                         struct auth_refusal *r, struct error *err)
{
    bool iceberg = str_starts(req->path, STR("/iceberg/"));
    str words = quotable(err->msg, req->arena);
    if (err->code == ERR_UNAVAILABLE) {
        *r = (struct auth_refusal){ .status = 503, .retry_after_s = 1 };
        return false;
    }
    if (err->code != ERR_DENIED && err->code != ERR_INVALID && err->code != ERR_NOT_FOUND) {
        *r = (struct auth_refusal){ .status = err_http_status(err->code) };
        return false;
    }
    r->status = expired && iceberg ? 419 : 401;
    r->www_authenticate = arena_printf(
        req->arena, REALM ", error=\"invalid_token\", error_description=\"" STR_FMT "\"",
        STR_ARG(words));
    if (!expired) {
        auth_count_failure(auth, req->peer);
        log_info("auth", "refused peer=" STR_FMT " req=" STR_FMT " err=\"%s\"", STR_ARG(req->peer),
                 STR_ARG(req->request_id), err->msg);
        auth_note_refusal(auth, req, err->msg);
    }
    err->code = ERR_DENIED;
    return false;
}

static bool refuse_anonymous(struct auth_refusal *r, struct error *err)
{
    *r = (struct auth_refusal){ .status = 401, .www_authenticate = STR(REALM) };
    fail(err, ERR_DENIED, "this needs credentials, and the request shows none");
    return fail_hint(err, "a token (--token, FIRN_TOKEN), a credential (--credential id:secret) or "
                          "an API key");
}

static bool refuse_too_many(int wait_s, const char *what, struct auth_refusal *r, struct error *err)
{
    *r = (struct auth_refusal){ .status = 429, .retry_after_s = wait_s };
    return fail(err, ERR_LIMIT, "too many %s: try again in %d s", what, wait_s);
}

void auth_refusal_headers(const struct auth_refusal *refusal, struct api_answer *answer)
{
    answer->www_authenticate = refusal->www_authenticate;
    if (refusal->retry_after_s)
        answer->retry_after_s = refusal->retry_after_s;
}

const char *auth_iceberg_type(int status)
{
    switch (status) {
    case 401:
        return "NotAuthorizedException";
    case 419:
        return "AuthenticationTimeoutException";
    case 429:
        return "TooManyRequestsException";
    default:
        return NULL;
    }
}

/* ---- Tokens of others ---- */

static bool holds(const struct oidc_subject *s, str role)
{
    for (size_t i = 0; i < s->roles_n; i++)
        if (str_eq(s->roles[i], role))
            return true;
    return false;
}

/* Of the roles that the principal holds, those that the token names; others of the token's are none of ours.  Names that a
 * scope cannot carry, or that mean all in one, are not activated. */
static str external_scope(struct auth *auth, const struct oidc_subject *s,
                          const struct identity *all, struct arena *a)
{
    if (!s->has_roles)
        return (str){ 0 };
    size_t n;
    str *names = identity_role_names(auth->govern, all, a, &n);
    str scope = STR("PRINCIPAL_ROLE:");
    bool any = false;
    for (size_t i = 0; i < n; i++)
        if (holds(s, names[i]) && !str_is(names[i], "ALL") && str_find_char(names[i], ' ') < 0) {
            scope = any ? arena_printf(a, STR_FMT " PRINCIPAL_ROLE:" STR_FMT, STR_ARG(scope),
                                       STR_ARG(names[i]))
                        : arena_printf(a, "PRINCIPAL_ROLE:" STR_FMT, STR_ARG(names[i]));
            any = true;
        }
    return any ? scope : (str){ 0 };
}

/* The principal that an external token names, with what it may activate.  *nothing: it names roles, and the principal holds none of
 * them. */
static bool external_subject(struct auth *auth, const struct jwt *token, bool may_block,
                             struct arena *a, struct auth_subject *out, bool *nothing,
                             bool *expired, bool *must_block, struct error *err)
{
    struct oidc_subject *s = arena_new(a, struct oidc_subject);
    struct principal p;
    const struct identity *all;
    if (!oidc_check(auth->oidc, token, may_block, a, s, expired, must_block, err))
        return false;
    if (!principal_by_name(auth->govern, s->principal, a, &p, err)) {
        if (err->code != ERR_NOT_FOUND)
            return false;
        return fail(err, ERR_DENIED,
                    "the token is good, but no principal is called \"" STR_FMT "\"",
                    STR_ARG(str_sub(s->principal, 0, 100)));
    }
    if (!principal_identity(auth->govern, p.id, (str){ 0 }, s->principal, a, &all, err))
        return false;
    out->principal_id = p.id;
    out->generation = p.generation;
    out->client_id = p.client_id;
    out->scope = external_scope(auth, s, all, a);
    out->session_s = s->expires_s;
    *nothing = s->has_roles && out->scope.len == 0;
    return true;
}

/* An identity without any role: what a token grants whose roles the principal does not hold. */
static const struct identity *without_roles(const struct identity *who, struct arena *a)
{
    struct identity *none = arena_new(a, struct identity);
    *none = *who;
    none->roles = NULL;
    none->roles_n = 0;
    return none;
}

/* ---- Identities ---- */

struct attempt {
    struct auth *auth;
    struct api_request *req;
    struct auth_memory *memory; /* NULL: none */
    bool may_block, must_block, expired;
};

void auth_memory_deinit(struct auth_memory *memory)
{
    arena_destroy(memory->a);
    *memory = (struct auth_memory){ 0 };
}

static void remember(struct attempt *t, const struct token_claims *claims)
{
    struct auth_memory *m = t->memory;
    if (!m)
        return;
    if (m->a)
        arena_reset(m->a);
    else
        m->a = arena_create(0);
    m->authorization = arena_str(m->a, t->req->authorization);
    m->claims = *claims;
    m->claims.principal = arena_str(m->a, claims->principal);
    m->claims.client_id = arena_str(m->a, claims->client_id);
    m->claims.scope = arena_str(m->a, claims->scope);
}

/* The token that the connection showed before, while it is good.  What it stands for is looked up anew. */
static bool is_remembered(const struct attempt *t)
{
    const struct auth_memory *m = t->memory;
    return m && m->authorization.len && env_now_us(t->auth->env) / US_PER_S < m->claims.expires_s &&
           bytes_equal_secret(m->authorization, t->req->authorization);
}

static bool by_our_token(struct attempt *t, const struct jwt *token, struct error *err)
{
    struct token_claims claims;
    struct api_request *req = t->req;
    if (!token_check(t->auth->tokens, token, req->arena, &claims, &t->expired, err))
        return false;
    remember(t, &claims);
    return principal_identity_of_token(t->auth->govern, claims.principal_id, claims.generation,
                                       claims.scope, claims.client_id, req->arena, &req->identity,
                                       err);
}

static bool by_external_token(struct attempt *t, const struct jwt *token, struct error *err)
{
    struct auth_subject s;
    struct api_request *req = t->req;
    bool nothing;
    if (!external_subject(t->auth, token, t->may_block, req->arena, &s, &nothing, &t->expired,
                          &t->must_block, err) ||
        !principal_identity(t->auth->govern, s.principal_id, s.scope, s.client_id, req->arena,
                            &req->identity, err))
        return false;
    if (nothing)
        req->identity = without_roles(req->identity, req->arena);
    return true;
}

static bool by_token(struct attempt *t, str text, struct error *err)
{
    struct jwt token;
    if (!jwt_parse(text, t->req->arena, &token, err))
        return false;
    if (token_is_ours(t->auth->tokens, &token))
        return by_our_token(t, &token, err);
    if (oidc_knows(t->auth->oidc, &token))
        return by_external_token(t, &token, err);
    return fail(err, ERR_DENIED, "the token comes from an issuer that is not configured");
}

static bool by_api_key(struct attempt *t, str key, struct error *err)
{
    struct principal p;
    str id;
    struct api_request *req = t->req;
    return principal_find_api_key(t->auth->govern, key, req->arena, &p, &id, err) &&
           principal_identity(t->auth->govern, p.id, (str){ 0 }, id, req->arena, &req->identity,
                              err);
}

static bool by_secret(struct attempt *t, str client_id, str secret, struct error *err)
{
    struct principal p;
    struct api_request *req = t->req;
    if (!t->may_block) {
        t->must_block = true; /* a slow hash, perhaps */
        return fail(err, ERR_UNAVAILABLE, "the secret must be checked");
    }
    if (!principal_check_secret(t->auth->govern, client_id, secret, req->arena, &p, err))
        return false;
    return principal_identity(t->auth->govern, p.id, (str){ 0 }, p.client_id, req->arena,
                              &req->identity, err);
}

static bool by_authorization(struct attempt *t, struct error *err)
{
    str text, client_id, secret;
    bool broken;
    if (is_remembered(t)) {
        const struct token_claims *c = &t->memory->claims;
        return principal_identity_of_token(t->auth->govern, c->principal_id, c->generation,
                                           c->scope, c->client_id, t->req->arena, &t->req->identity,
                                           err);
    }
    if (scheme_is(t->req->authorization, STR("Bearer"), &text))
        return str_starts(text, STR(API_KEY_PREFIX)) ? by_api_key(t, text, err)
                                                     : by_token(t, text, err);
    if (auth_basic(t->req->authorization, t->req->arena, &client_id, &secret, &broken))
        return by_secret(t, client_id, secret, err);
    if (broken)
        return fail(err, ERR_INVALID, "the Authorization header cannot be read");
    return fail(err, ERR_INVALID, "the Authorization header is neither Bearer nor Basic");
}

static bool by_what_is_shown(struct attempt *t, str api_key, struct error *err)
{
    if (!api_key.len)
        return by_authorization(t, err);
    if (t->req->authorization.len)
        return fail(err, ERR_INVALID, "the request shows both an API key and an Authorization");
    return by_api_key(t, api_key, err);
}

static bool within_rate(struct auth *auth, struct api_request *req, struct auth_refusal *refusal,
                        struct error *err)
{
    int wait_s;
    if (throttle_take(auth->requests, (uint64_t)req->identity->principal_id,
                      env_monotonic_ns(auth->env), &wait_s))
        return true;
    req->identity = NULL;
    return refuse_too_many(wait_s, "requests of this principal", refusal, err);
}

bool auth_identify(struct auth *auth, struct api_request *req, const struct route *route,
                   str api_key, struct auth_memory *memory, bool may_block, bool *must_block,
                   struct auth_refusal *refusal, struct error *err)
{
    struct attempt t = { .auth = auth, .req = req, .memory = memory, .may_block = may_block };
    bool is_public = route && route->permission == PERMISSION_PUBLIC;
    int wait_s;
    *must_block = false;
    *refusal = (struct auth_refusal){ 0 };
    req->identity = NULL;
    if (!auth_on(auth)) {
        req->identity = &identity_system;
        return true;
    }
    if (is_public)
        return true; /* the token endpoint too: it looks at what is shown itself */
    if (!req->authorization.len && !api_key.len)
        return refuse_anonymous(refusal, err);
    if (!auth_may_try(auth, req->peer, &wait_s))
        return refuse_too_many(wait_s, "failed attempts from this address", refusal, err);
    if (by_what_is_shown(&t, api_key, err))
        return within_rate(auth, req, refusal, err);
    req->identity = NULL;
    *must_block = t.must_block;
    return t.must_block ? false : refuse_shown(auth, req, t.expired, refusal, err);
}

bool auth_still(struct auth *auth, const struct api_request *req, struct error *err)
{
    struct api_request again = { .authorization = req->authorization,
                                 .api_key = req->api_key,
                                 .peer = req->peer,
                                 .arena = arena_create(0) };
    struct attempt t = { .auth = auth, .req = &again, .may_block = true };
    bool ok = req->in_process || !auth_on(auth);
    if (!ok)
        ok = (again.authorization.len || again.api_key.len) &&
             by_what_is_shown(&t, again.api_key, err);
    arena_destroy(again.arena);
    return ok || fail(err, ERR_DENIED, "the credentials of the request are not good any more");
}

/* ---- Subjects of an exchange ---- */

bool auth_subject_of(struct auth *auth, str text, struct arena *a, struct auth_subject *out,
                     bool *expired, struct error *err)
{
    struct jwt token;
    struct token_claims claims;
    bool nothing = false, must_block;
    *out = (struct auth_subject){ 0 };
    *expired = false;
    if (!jwt_parse(text, a, &token, err))
        return false;
    if (token_is_ours(auth->tokens, &token)) {
        bool ok = token_check(auth->tokens, &token, a, &claims, expired, err);
        *out = (struct auth_subject){ claims.principal_id, claims.generation, claims.client_id,
                                      claims.scope, claims.session_s };
        return ok;
    }
    if (!oidc_knows(auth->oidc, &token))
        return fail(err, ERR_DENIED, "the token comes from an issuer that is not configured");
    if (!external_subject(auth, &token, true, a, out, &nothing, expired, &must_block, err))
        return false;
    return !nothing || fail(err, ERR_DENIED, "the principal holds none of the token's roles");
}
