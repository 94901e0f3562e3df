/* SPDX-License-Identifier: Apache-2.0
 *
 * The token endpoint of the Iceberg REST catalog (RFC 6749 section 4.4, RFC 8693), as its clients call it: a form with
 * client_credentials, the credentials in it or in a Basic header; or an exchange of a token for a newer one, with which clients stay
 * logged in.
 *
 *   O1  An exchange never widens: same principal, roles of the subject's scope, an end of the session that is set at login.
 *   O2  An expired token is exchanged only for who shows the principal's secret beside it.
 *   O3  Every refusal looks the same for an unknown client and a wrong secret, and counts against the address.
 *   O4  A token ends when the secret of its principal is changed, and what it is exchanged for too: it inherits the generation
 *       of what was shown, not the one of the moment. */
#include "base/log.h"
#include "base/time.h"
#include "base/vec.h"
#include "codec/uri.h"
#include "server/auth.h"
#include "server/router.h"

#define FORM_BYTES_MAX ((size_t)64 << 10)
#define FIELDS_MAX 32
#define SCOPE_BYTES_MAX 4096
#define TOKEN_TYPE "urn:ietf:params:oauth:token-type:"
#define EXCHANGE "urn:ietf:params:oauth:grant-type:token-exchange"
#define ROLE_WORD "PRINCIPAL_ROLE:"

struct field {
    str name, value;
};

struct form {
    struct field at[FIELDS_MAX];
    size_t n;
};

/* A request for a token while it is looked at. */
struct grant {
    struct auth *auth;
    struct api_request *req;
    struct form form;
    bool has_client; /* client credentials were shown, and are good */
    struct principal client;
    struct token_claims claims;
    /* A refusal: RFC 6749, section 5.2. */
    const char *refused;
    int status;
    int retry_after_s;
};

/* ---- Refusals ---- */

static bool refuse(struct grant *g, int status, const char *code, struct error *err,
                   const char *text)
{
    g->refused = code;
    g->status = status;
    return text ? fail(err, ERR_DENIED, "%s", text) : false;
}

/* What went wrong on our side is not the client's fault. */
static bool refuse_as(struct grant *g, int status, const char *code, struct error *err)
{
    if (err->code == ERR_DENIED || err->code == ERR_INVALID || err->code == ERR_NOT_FOUND)
        return refuse(g, status, code, err, NULL);
    g->retry_after_s = 1;
    return refuse(g, err->code == ERR_UNAVAILABLE ? 503 : 500,
                  err->code == ERR_UNAVAILABLE ? "temporarily_unavailable" : "server_error", err,
                  NULL);
}

static void write_refusal(const struct grant *g, const struct error *err, struct api_answer *answer,
                          struct json_writer *w)
{
    answer->status = g->status;
    answer->retry_after_s = g->retry_after_s;
    if (g->status == 401)
        answer->www_authenticate = STR("Basic realm=\"firn\"");
    jw_begin_object(w);
    jw_kv_str(w, "error", str_of(g->refused));
    jw_kv_str(w, "error_description", str_of(err->msg));
    jw_end_object(w);
}

/* ---- The form ---- */

static bool parse_form(struct grant *g, struct error *err)
{
    str rest = g->req->body, pair;
    struct form *f = &g->form;
    while (rest.len && str_next(&rest, '&', &pair)) {
        struct field *x = &f->at[f->n];
        str name, value;
        if (pair.len == 0)
            continue;
        str_cut(pair, '=', &name, &value);
        if (f->n == FIELDS_MAX)
            return fail(err, ERR_INVALID, "the form has more than %d fields", FIELDS_MAX);
        if (!percent_decode(name, true, g->req->arena, &x->name, err) ||
            !percent_decode(value, true, g->req->arena, &x->value, err))
            return fail_in(err, "the form");
        for (size_t i = 0; i < f->n; i++)
            if (str_eq(f->at[i].name, x->name))
                return fail(err, ERR_INVALID, "the form has the field " STR_FMT " twice",
                            STR_ARG(str_sub(x->name, 0, 64)));
        f->n++;
    }
    return true;
}

static str field(const struct grant *g, const char *name)
{
    for (size_t i = 0; i < g->form.n; i++)
        if (str_is(g->form.at[i].name, name))
            return g->form.at[i].value;
    return (str){ 0 };
}

static bool is_form(str content_type)
{
    str type, parameters;
    str_cut(content_type, ';', &type, &parameters);
    return str_eq_nocase(str_trim(type), STR("application/x-www-form-urlencoded"));
}

/* RFC 6749, section 3.3. */
static bool is_scope(str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
            return false;
    }
    return s.len <= SCOPE_BYTES_MAX;
}

static bool read_form(struct grant *g, struct error *err)
{
    if (!is_form(g->req->content_type))
        return refuse(g, 400, "invalid_request", err,
                      "the request must be a form (application/x-www-form-urlencoded)");
    if (g->req->body.len > FORM_BYTES_MAX)
        return refuse(g, 400, "invalid_request", err, "the form is too large");
    if (str_find(g->req->query, STR("secret")) >= 0 || str_find(g->req->query, STR("token")) >= 0)
        return refuse(g, 400, "invalid_request", err,
                      "credentials must be in the form, not in the address");
    if (!parse_form(g, err))
        return refuse(g, 400, "invalid_request", err, NULL);
    return is_scope(field(g, "scope")) ||
           refuse(g, 400, "invalid_scope", err, "the scope is not well formed");
}

/* ---- Who asks ---- */

/* The client's credentials, when there are some: in the header or in the form, not in both. */
static bool take_client(struct grant *g, str *id, str *secret, bool *shown, struct error *err)
{
    bool broken;
    bool basic = auth_basic(g->req->authorization, g->req->arena, id, secret, &broken);
    str form_id = field(g, "client_id"), form_secret = field(g, "client_secret");
    *shown = basic || form_secret.len > 0;
    if (broken)
        return refuse(g, 401, "invalid_client", err, "the Authorization header cannot be read");
    if (basic && (form_secret.len || (form_id.len && !str_eq(form_id, *id))))
        return refuse(g, 400, "invalid_request", err,
                      "client credentials are in the header and in the form");
    if (!basic) {
        *id = form_id;
        *secret = form_secret;
    }
    return true;
}

static bool check_client(struct grant *g, struct error *err)
{
    str id, secret;
    bool shown;
    struct govern *govern = auth_govern(g->auth);
    if (!take_client(g, &id, &secret, &shown, err))
        return false;
    if (!shown)
        return true;
    if (!govern)
        return refuse(g, 401, "invalid_client", err,
                      "this server has no principals: it asks nobody for credentials");
    if (!principal_check_secret(govern, id, secret, g->req->arena, &g->client, err)) {
        if (err->code == ERR_DENIED) {
            auth_count_failure(g->auth, g->req->peer);
            auth_note_refusal(g->auth, g->req, err->msg);
        }
        return refuse_as(g, 401, "invalid_client", err);
    }
    g->has_client = true;
    return true;
}

/* ---- Scopes ---- */

/* Whether the scope leaves all roles: no word for a role, or the one for all. */
static bool is_all(str scope)
{
    bool any = false;
    str word;
    while (scope.len && str_next(&scope, ' ', &word)) {
        if (str_is(word, ROLE_WORD "ALL"))
            return true;
        any |= str_starts(word, STR(ROLE_WORD));
    }
    return !any;
}

static bool has_word(str scope, str wanted)
{
    str word;
    while (scope.len && str_next(&scope, ' ', &word))
        if (str_eq(word, wanted))
            return true;
    return false;
}

/* O1: what is asked for, if the subject had it; without a wish, what the subject had. */
static bool narrow(struct grant *g, str had, str wanted, str *out, struct error *err)
{
    str rest = wanted, word;
    bool any = false;
    while (rest.len && str_next(&rest, ' ', &word)) {
        if (!str_starts(word, STR(ROLE_WORD)))
            continue;
        any = true;
        if (!is_all(had) && !has_word(had, word))
            return refuse(g, 400, "invalid_scope", err,
                          "the scope goes beyond that of the token to be exchanged");
    }
    *out = any ? wanted : had;
    return true;
}

/* ---- Grants ---- */

static bool by_credentials(struct grant *g, struct error *err)
{
    if (!g->has_client)
        return refuse(g, 401, "invalid_client", err, "client_id and client_secret are wanted");
    g->claims.principal_id = g->client.id;
    g->claims.generation = g->client.generation;
    g->claims.principal = g->client.name;
    g->claims.client_id = g->client.client_id;
    g->claims.scope = field(g, "scope");
    return true;
}

static bool known_token_type(str type)
{
    return str_is(type, TOKEN_TYPE "access_token") || str_is(type, TOKEN_TYPE "jwt") ||
           str_is(type, TOKEN_TYPE "id_token");
}

static bool check_exchange(struct grant *g, struct error *err)
{
    str wanted = field(g, "requested_token_type");
    if (!field(g, "subject_token").len)
        return refuse(g, 400, "invalid_request", err, "subject_token is wanted");
    if (!known_token_type(field(g, "subject_token_type")))
        return refuse(g, 400, "invalid_request", err,
                      "subject_token_type must be " TOKEN_TYPE "access_token, jwt or id_token");
    if (wanted.len && !str_is(wanted, TOKEN_TYPE "access_token") &&
        !str_is(wanted, TOKEN_TYPE "jwt"))
        return refuse(g, 400, "invalid_request", err,
                      "requested_token_type must be " TOKEN_TYPE "access_token");
    if (field(g, "actor_token").len)
        return refuse(g, 400, "invalid_request", err,
                      "acting for others (actor_token) is not supported");
    return true;
}

static bool by_exchange(struct grant *g, struct error *err)
{
    struct auth_subject s;
    bool expired;
    struct arena *a = g->req->arena;
    if (!check_exchange(g, err))
        return false;
    bool good = auth_subject_of(g->auth, field(g, "subject_token"), a, &s, &expired, err);
    bool renews = !good && expired && g->has_client && s.principal_id == g->client.id; /* O2 */
    if (!good && !renews) {
        if (!expired && err->code != ERR_UNAVAILABLE) {
            auth_count_failure(g->auth, g->req->peer);
            auth_note_refusal(g->auth, g->req, err->msg);
        }
        return refuse_as(g, 400, "invalid_grant", err);
    }
    *err = (struct error){ 0 };
    if (g->has_client && s.principal_id != g->client.id)
        return refuse(g, 400, "invalid_grant", err, "the token is another principal's");
    g->claims.principal_id = s.principal_id;
    g->claims.generation = renews ? g->client.generation : s.generation;
    g->claims.client_id = s.client_id;
    g->claims.session_s = g->has_client ? 0 : s.session_s; /* who shows the secret logs in again */
    return narrow(g, s.scope, field(g, "scope"), &g->claims.scope, err);
}

static bool find_grant(struct grant *g, struct error *err)
{
    str type = field(g, "grant_type");
    if (!auth_govern(g->auth))
        return refuse(g, 401, "invalid_client", err,
                      "this server has no principals: it asks nobody for credentials");
    if (str_is(type, "client_credentials"))
        return by_credentials(g, err);
    if (str_is(type, EXCHANGE))
        return by_exchange(g, err);
    if (!type.len)
        return refuse(g, 400, "invalid_request", err, "grant_type is wanted");
    return refuse(g, 400, "unsupported_grant_type", err,
                  "grant_type must be client_credentials or " EXCHANGE);
}

/* The principal must still be there and hold the roles; what its secret got before the last change of it gets no more (O4). */
static bool check_roles(struct grant *g, struct error *err)
{
    const struct identity *who;
    if (!principal_identity_of_token(auth_govern(g->auth), g->claims.principal_id,
                                     g->claims.generation, g->claims.scope, g->claims.client_id,
                                     g->req->arena, &who, err))
        return refuse_as(g, 400, is_all(g->claims.scope) ? "invalid_grant" : "invalid_scope", err);
    g->claims.principal = who->principal;
    return true;
}

static void write_token(const struct grant *g, str token, int64_t now_s, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "access_token", token);
    jw_kv_str(w, "token_type", STR("bearer"));
    jw_kv_str(w, "issued_token_type", STR(TOKEN_TYPE "access_token"));
    jw_kv_int(w, "expires_in", g->claims.expires_s - now_s);
    if (g->claims.scope.len)
        jw_kv_str(w, "scope", g->claims.scope);
    jw_end_object(w);
}

static bool may_try(struct grant *g, struct error *err)
{
    if (auth_may_try(g->auth, g->req->peer, &g->retry_after_s))
        return true;
    return refuse(g, 429, "slow_down", err, "too many failed attempts from this address");
}

static bool get_token(struct app *app, struct api_request *req, struct api_answer *answer,
                      struct json_writer *w, struct error *err)
{
    struct grant *g = arena_new(req->arena, struct grant);
    str token;
    g->auth = app->auth;
    g->req = req;
    answer->no_store = true;
    bool ok = may_try(g, err) && read_form(g, err) && check_client(g, err) && find_grant(g, err) &&
              check_roles(g, err);
    if (ok && !token_issue(auth_tokens(app->auth), &g->claims, req->arena, &token, err))
        ok = refuse_as(g, 400, "invalid_grant", err);
    log_info("auth", "token %s peer=" STR_FMT " req=" STR_FMT " client=" STR_FMT " %s",
             ok ? "issued" : "refused", STR_ARG(req->peer), STR_ARG(req->request_id),
             STR_ARG(g->claims.client_id), ok ? "" : err->msg);
    if (ok)
        write_token(g, token, env_now_us(env_real()) / US_PER_S, w);
    else
        write_refusal(g, err, answer, w);
    *err = (struct error){ 0 };
    return true;
}

/* Public: it looks at what is shown itself.  On a worker: secrets are slow hashes. */
const struct route oauth_routes[] = {
    ROUTE("POST", "/iceberg/v1/oauth/tokens", PERMISSION_PUBLIC, get_token,
          "an access token for a client's credentials, or for an older token", .slow = true),
    ROUTE("POST", "/iceberg/{ref}/v1/oauth/tokens", PERMISSION_PUBLIC, get_token,
          "the same, as clients call it whose address names a branch or tag", .slow = true),
    { 0 },
};
