/* SPDX-License-Identifier: Apache-2.0
 *
 * Who a request comes from: every kind of credential, a table of tokens that must not be believed, the token endpoint with
 * everything that it must refuse, keys that change, providers that are away, limits. */
#include "server/auth.h"

#include "base/time.h"
#include "codec/digest.h"
#include "codec/jwt.h"
#include "govern/govern.h"
#include "govern/roles.h"
#include "iceberg_test.h"
#include "io/db.h"
#include "server/oidc.h"
#include "server/throttle.h"

static struct app *app;
static struct principal_secret root;
static struct auth_memory memory; /* of the one connection that all requests of a test come over */
static const struct jwk *provider_key;

static void write_text(const char *name, str text)
{
    FILE *f = fopen(arena_printf(test_arena(), "%s/lake/%s", test_tmpdir(), name).ptr, "w");
    CHECK(f && fwrite(text.ptr, 1, text.len, f) == text.len && fclose(f) == 0);
}

static void write_keys(const struct jwk *const *keys, size_t n)
{
    struct error err = { 0 };
    struct buf text = BUF_INIT(1 << 16);
    struct json_writer w;
    jw_init(&w, &text);
    jw_begin_object(&w);
    jw_kv_array(&w, "keys");
    for (size_t i = 0; i < n; i++)
        CHECK_OK(jwk_write_public(keys[i], &w, test_arena(), &err));
    jw_end_array(&w);
    jw_end_object(&w);
    write_text("keys.json", buf_str(&text));
    buf_deinit(&text);
}

/* An app with access control on: root, ann (roles readers and writers), bob (no role). */
static void open_with(const char *more)
{
    struct error err = { 0 };
    struct arena *a = test_arena();
    struct principal p;
    struct principal_secret secret;
    struct role role;
    app = open_app();
    app_close(app);
    write_text(
        "firn.yaml",
        arena_printf(
            a,
            "auth:\n"
            "  oidc:\n"
            "  - {issuer: 'https://idp', audience: firn, jwks_file: keys.json, roles_claim: realm.roles,\n"
            "     roles_prefix: 'firn-', principal_claim: email}\n"
            "  - {issuer: 'https://away', audience: firn, jwks_url: 'https://127.0.0.1:1/keys'}\n"
            "%s\n",
            more));
    CHECK_OK(jwk_generate(JWT_ES256, STR("p1"), a, &provider_key, &err));
    write_keys(&provider_key, 1);
    app = open_app();
    CHECK_OK(principals_bootstrap(app->lake->govern, a, &root, &err));
    CHECK_OK(
        principal_create(app->lake->govern, STR("ann"), STR("{}"), false, a, &p, &secret, &err));
    CHECK_OK(
        principal_create(app->lake->govern, STR("bob"), STR("{}"), false, a, &p, &secret, &err));
    CHECK_OK(role_create(app->lake->govern, ROLE_OF_PRINCIPALS, STR("readers"), STR("{}"), a, &role,
                         &err));
    CHECK_OK(role_create(app->lake->govern, ROLE_OF_PRINCIPALS, STR("writers"), STR("{}"), a, &role,
                         &err));
    CHECK_OK(principal_role_give(app->lake->govern, STR("ann"), STR("readers"), &err));
    CHECK_OK(principal_role_give(app->lake->govern, STR("ann"), STR("writers"), &err));
}

static const struct route private_route = { .permission = PERMISSION_READ };

/* 0 and the identity, or the status of the refusal. */
static int ask(str authorization, str api_key, const struct identity **who, struct error *err)
{
    struct api_request req = { .arena = test_arena(),
                               .authorization = authorization,
                               .path = STR("/iceberg/v1/config"),
                               .peer = STR("192.0.2.1") };
    struct auth_refusal refusal;
    bool must_block;
    *err = (struct error){ 0 };
    bool ok = auth_identify(app->auth, &req, &private_route, api_key, &memory, false, &must_block,
                            &refusal, err);
    if (!ok && must_block)
        ok = auth_identify(app->auth, &req, &private_route, api_key, NULL, true, &must_block,
                           &refusal, err);
    CHECK(!must_block);
    CHECK(ok == (req.identity != NULL));
    *who = req.identity;
    if (!ok && refusal.status == 401)
        CHECK(str_starts(refusal.www_authenticate, STR("Bearer realm=\"firn\"")));
    return ok ? 0 : refusal.status;
}

static int ask_token(str token, const struct identity **who, struct error *err)
{
    return ask(arena_printf(test_arena(), "Bearer " STR_FMT, STR_ARG(token)), (str){ 0 }, who, err);
}

struct token_reply {
    int status;
    str error, token, scope, www_authenticate;
    int64_t expires_in;
};

static struct token_reply post(str authorization, const char *type, str form)
{
    struct error err = { 0 };
    struct json *doc;
    struct token_reply out = { 0 };
    struct api_request req = { .method = STR("POST"),
                               .path = STR("/iceberg/v1/oauth/tokens"),
                               .content_type = str_of(type),
                               .authorization = authorization,
                               .body = form,
                               .peer = STR("192.0.2.7"),
                               .arena = test_arena() };
    struct api_answer answer;
    api_answer_init(&answer);
    api_dispatch(app, &req, &answer);
    CHECK(answer.no_store);
    CHECK_OK(json_parse(arena_str(test_arena(), buf_str(&answer.body)), test_arena(), &doc, &err));
    out.status = answer.status;
    out.www_authenticate = answer.www_authenticate;
    CHECK_OK(json_opt_str(doc, "error", (str){ 0 }, &out.error, &err));
    CHECK_OK(json_opt_str(doc, "access_token", (str){ 0 }, &out.token, &err));
    CHECK_OK(json_opt_str(doc, "scope", (str){ 0 }, &out.scope, &err));
    CHECK_OK(json_opt_int(doc, "expires_in", 0, &out.expires_in, &err));
    CHECK((out.status == 200) == (out.token.len > 0));
    CHECK((out.status != 200) == (out.error.len > 0));
    api_answer_deinit(&answer);
    return out;
}

#define FORM "application/x-www-form-urlencoded"
#define EXCHANGE "grant_type=urn:ietf:params:oauth:grant-type:token-exchange"
#define ACCESS "&subject_token_type=urn:ietf:params:oauth:token-type:access_token"

static struct token_reply log_in(str id, str secret, const char *scope)
{
    return post((str){ 0 }, FORM,
                arena_printf(test_arena(),
                             "grant_type=client_credentials&client_id=" STR_FMT
                             "&client_secret=" STR_FMT "%s%s",
                             STR_ARG(id), STR_ARG(secret), *scope ? "&scope=" : "", scope));
}

static struct token_reply exchange(str authorization, str token, const char *more)
{
    return post(authorization, FORM,
                arena_printf(test_arena(), EXCHANGE ACCESS "&subject_token=" STR_FMT "%s",
                             STR_ARG(token), more));
}

static str basic(str id, str secret)
{
    str pair = arena_printf(test_arena(), STR_FMT ":" STR_FMT, STR_ARG(id), STR_ARG(secret));
    return arena_printf(test_arena(), "Basic " STR_FMT, STR_ARG(base64_encode(pair, test_arena())));
}

static struct principal_secret secret_of(const char *name)
{
    struct error err = { 0 };
    struct principal_secret out;
    CHECK_OK(principal_rotate(app->lake->govern, str_of(name), test_arena(), &out, &err));
    return out;
}

/* The key that signs our tokens, as the database has it. */
static const struct jwk *our_key(void)
{
    struct error err = { 0 };
    struct db_tx *tx;
    struct db_rows rows;
    str secret;
    CHECK_OK(db_read_begin(app->lake->db, &tx, &err));
    CHECK_OK(db_run(tx, STR("SELECT kid, secret FROM auth_keys"), DB_NO_ARGS, test_arena(), &rows,
                    &err));
    db_rollback(tx);
    CHECK(hex_decode(db_str(&rows, 0, 1), test_arena(), &secret));
    return jwk_from_secret(db_str(&rows, 0, 0), secret, test_arena());
}

TEST(off_everybody_is_the_user_of_the_process)
{
    struct error err;
    const struct identity *who;
    app = open_app();
    CHECK_INT(ask((str){ 0 }, (str){ 0 }, &who, &err), 0);
    CHECK(who->root);
    CHECK_INT(ask(STR("Bearer nonsense"), (str){ 0 }, &who, &err), 0);
    struct token_reply r = log_in(STR("x"), STR("y"), "");
    CHECK_INT(r.status, 401);
    CHECK_STR(r.error, "invalid_client");
    app_close(app);
}

TEST(every_kind_of_credential)
{
    struct error err = { 0 };
    const struct identity *who;
    open_with("");
    struct principal_secret ann = secret_of("ann");
    CHECK_INT(ask((str){ 0 }, (str){ 0 }, &who, &err), 401);

    struct token_reply r = log_in(ann.client_id, ann.client_secret, "");
    CHECK_INT(r.status, 200);
    CHECK_INT(r.expires_in, 3600);
    CHECK_INT(ask_token(r.token, &who, &err), 0);
    CHECK_STR(who->principal, "ann");
    CHECK_INT(who->roles_n, 2);
    CHECK(!who->root);
    CHECK_INT(ask(arena_printf(test_arena(), "bearer   " STR_FMT, STR_ARG(r.token)), (str){ 0 },
                  &who, &err),
              0);

    CHECK_INT(ask(basic(ann.client_id, ann.client_secret), (str){ 0 }, &who, &err), 0);
    CHECK_STR(who->principal, "ann");
    CHECK_INT(ask(basic(ann.client_id, STR("wrong")), (str){ 0 }, &who, &err), 401);
    CHECK_INT(ask(STR("Basic !!!"), (str){ 0 }, &who, &err), 401);
    CHECK_INT(ask(STR("Negotiate abc"), (str){ 0 }, &who, &err), 401);

    struct api_key key;
    str text;
    CHECK_OK(api_key_create(app->lake->govern, STR("bob"), STR("test"), 0, test_arena(), &key,
                            &text, &err));
    CHECK_INT(ask((str){ 0 }, text, &who, &err), 0);
    CHECK_STR(who->principal, "bob");
    CHECK_INT(ask_token(text, &who, &err), 0);
    CHECK_INT(ask(basic(ann.client_id, ann.client_secret), text, &who, &err), 401); /* both */
    CHECK_INT(ask((str){ 0 }, arena_printf(test_arena(), STR_FMT "x", STR_ARG(text)), &who, &err),
              401);
    CHECK_OK(api_key_drop(app->lake->govern, STR("bob"), key.id, &err));
    CHECK_INT(ask((str){ 0 }, text, &who, &err), 401);
    app_close(app);
}

TEST(tokens_end_with_what_they_stand_for)
{
    struct error err = { 0 };
    const struct identity *who;
    open_with("");
    struct principal_secret ann = secret_of("ann");
    str token = log_in(ann.client_id, ann.client_secret, "").token;
    CHECK_OK(principal_enable(app->lake->govern, STR("ann"), false, &err));
    CHECK_INT(ask_token(token, &who, &err), 401);
    CHECK_INT(log_in(ann.client_id, ann.client_secret, "").status, 401);
    CHECK_OK(principal_enable(app->lake->govern, STR("ann"), true, &err));
    CHECK_INT(ask_token(token, &who, &err), 0);
    /* A role in the token's scope that is taken away. */
    str narrow = log_in(ann.client_id, ann.client_secret, "PRINCIPAL_ROLE:writers").token;
    CHECK_INT(ask_token(narrow, &who, &err), 0);
    CHECK_INT(who->roles_n, 1);
    CHECK_OK(principal_role_take(app->lake->govern, STR("ann"), STR("writers"), &err));
    CHECK_INT(ask_token(narrow, &who, &err), 401);
    CHECK_OK(principal_drop(app->lake->govern, STR("ann"), &err));
    CHECK_INT(ask_token(token, &who, &err), 401);
    app_close(app);
}

/* Another server, or a later run, on the same database believes the tokens; keys that are gone take them along. */
TEST(keys_are_in_the_database)
{
    struct error err = { 0 };
    const struct identity *who;
    struct db_tx *tx;
    open_with("");
    str token = log_in(root.client_id, root.client_secret, "").token;
    app_close(app);
    app = open_app();
    CHECK_INT(ask_token(token, &who, &err), 0);
    app_close(app);
    app = open_app();
    auth_memory_deinit(&memory); /* another connection */
    CHECK_OK(db_begin(app->lake->db, &tx, &err));
    CHECK_OK(db_run(tx, STR("DELETE FROM auth_keys"), DB_NO_ARGS, NULL, NULL, &err));
    CHECK_OK(db_commit(tx, &err));
    CHECK_INT(ask_token(token, &who, &err), 401);
    CHECK_INT(log_in(root.client_id, root.client_secret, "").status, 200);
    CHECK_INT(ask_token(token, &who, &err), 401);
    app_close(app);
}

/* A key signs for its time, then another does; what the first signed is believed on. */
TEST(keys_rotate)
{
    struct error err = { 0 };
    struct arena *a = test_arena();
    struct env *env = env_fake_create(1700000000 * US_PER_S, 1, 1);
    struct tokens_options o = { .env = env,
                                .issuer = STR("firn"),
                                .token_us = US_PER_HOUR,
                                .session_us = 2 * US_PER_HOUR,
                                .key_us = US_PER_HOUR };
    struct tokens *one, *two;
    struct token_claims claims = { .principal_id = 7, .principal = STR("x") }, got;
    struct jwt first, second;
    str token;
    bool expired;
    CHECK_OK(db_open(arena_printf(a, "%s/keys.db", test_tmpdir()), &o.db, &err));
    CHECK_OK(tokens_open(&o, &one, &err));
    CHECK_OK(tokens_open(&o, &two, &err));
    CHECK_OK(token_issue(one, &claims, a, &token, &err));
    CHECK_OK(jwt_parse(token, a, &first, &err));
    CHECK_OK(token_check(two, &first, a, &got, &expired, &err)); /* two never saw the key before */
    CHECK_INT(got.principal_id, 7);
    env_sleep_us(env, 59 * US_PER_MINUTE);
    CHECK_OK(token_check(one, &first, a, &got, &expired, &err));
    env_sleep_us(env, 2 * US_PER_MINUTE);
    CHECK_FAILS(token_check(one, &first, a, &got, &expired, &err), ERR_DENIED);
    CHECK(expired);
    CHECK_INT(got.principal_id, 7);
    claims.session_s = 0;
    err = (struct error){ 0 };
    CHECK_OK(token_issue(one, &claims, a, &token, &err));
    CHECK_OK(jwt_parse(token, a, &second, &err));
    CHECK(!str_eq(first.kid, second.kid));
    CHECK_OK(token_check(two, &second, a, &got, &expired, &err));
    CHECK_OK(token_issue(two, &claims, a, &token, &err)); /* the key that is there, not another */
    CHECK_OK(jwt_parse(token, a, &first, &err));
    CHECK_STR(first.kid, arena_cstr(a, second.kid));
    claims.session_s = 1; /* over */
    CHECK_FAILS(token_issue(two, &claims, a, &token, &err), ERR_DENIED);
    tokens_close(one);
    tokens_close(two);
    db_close(o.db);
    env_fake_destroy(env);
}

/* Signed with our own key, but saying something that it must not; and all that is not signed with it. */
TEST(tokens_that_are_not_believed)
{
    struct error err = { 0 };
    struct arena *a = test_arena();
    const struct identity *who;
    str token;
    open_with("throttle: {failures: 1000}");
    CHECK_INT(log_in(root.client_id, root.client_secret, "").status, 200);
    const struct jwk *ours = our_key();
    const struct jwk *const others[] = {
        jwk_from_secret((str){ 0 }, ours->secret, a),
        jwk_from_secret(ours->kid, STR("0123456789abcdef0123456789abcdef"), a),
        jwk_from_secret(STR("firn-00"), ours->secret, a),
    };
    int64_t now = env_now_us(env_real()) / US_PER_S;
#define CLAIMS                                                                                     \
    "\"iss\":\"firn\",\"aud\":\"firn\",\"sub\":\"root\",\"principal_id\":1,\"scope\":\"\",\"client_id\":\"x\","
    static const struct {
        const char *claims; /* without times */
        int iat, exp;       /* from now */
        int status;
    } cases[] = {
        { CLAIMS, 0, 100, 0 },
        { CLAIMS, -200, -100, 419 },
        { CLAIMS, 100, 200, 401 },
        { "\"iss\":\"firn\",\"aud\":\"other\",\"principal_id\":1,", 0, 100, 401 },
        { "\"iss\":\"firn\",\"principal_id\":1,", 0, 100, 401 },
        { "\"iss\":\"nobody\",\"aud\":\"firn\",\"principal_id\":1,", 0, 100, 401 },
        { "\"aud\":\"firn\",\"principal_id\":1,", 0, 100, 401 },
        { "\"iss\":\"firn\",\"aud\":\"firn\",", 0, 100, 401 },
        { "\"iss\":\"firn\",\"aud\":\"firn\",\"principal_id\":\"1\",", 0, 100, 401 },
        { "\"iss\":\"firn\",\"aud\":\"firn\",\"principal_id\":1.0,", 0, 100, 401 },
        { "\"iss\":\"firn\",\"aud\":\"firn\",\"principal_id\":999,", 0, 100, 401 },
        { "\"iss\":\"firn\",\"aud\":\"firn\",\"principal_id\":1,\"scope\":\"PRINCIPAL_ROLE:nobody\",",
          0, 100, 401 },
        { CLAIMS "\"iss\":\"firn\",", 0, 100, 401 }, /* twice */
    };
    int64_t root_id = 0;
    struct principal p;
    CHECK_OK(principal_by_name(app->lake->govern, STR("root"), a, &p, &err));
    root_id = p.id;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        str claims = str_of(cases[i].claims), head, tail;
        if (str_find(claims, STR("\"principal_id\":1,")) >= 0) {
            ptrdiff_t at = str_find(claims, STR("\"principal_id\":1,"));
            head = str_sub(claims, 0, (size_t)at + 15);
            tail = str_from(claims, (size_t)at + 16);
            claims = arena_printf(a, STR_FMT "%lld" STR_FMT, STR_ARG(head), (long long)root_id,
                                  STR_ARG(tail));
        }
        str text = arena_printf(a, "{" STR_FMT "\"iat\":%lld,\"exp\":%lld}", STR_ARG(claims),
                                (long long)now + cases[i].iat, (long long)now + cases[i].exp);
        CHECK_OK(jwt_sign(ours, JWT_HS256, "at+jwt", text, a, &token, &err));
        int status = ask_token(token, &who, &err);
        if (status != cases[i].status)
            test_fail(__FILE__, __LINE__, STR_FMT ": %d, %s", STR_ARG(text), status, err.msg);
    }
    str good = arena_printf(a, "{" CLAIMS "\"iat\":%lld,\"exp\":%lld}", (long long)now,
                            (long long)now + 100);
    for (size_t i = 0; i < 3; i++) {
        CHECK_OK(jwt_sign(others[i], JWT_HS256, "at+jwt", good, a, &token, &err));
        CHECK_INT(ask_token(token, &who, &err), 401);
    }
    /* A provider's key does not sign for us. */
    CHECK_OK(jwt_sign(provider_key, JWT_ES256, "JWT", good, a, &token, &err));
    CHECK_INT(ask_token(token, &who, &err), 401);
    static const char *const junk[] = { "",
                                        "x",
                                        "a.b.c",
                                        "..",
                                        "firn_",
                                        "firn_0000",
                                        "null",
                                        "undefined",
                                        "eyJhbGciOiJub25lIn0.e30.",
                                        "eyJhbGciOiJub25lIn0.e30.AA" };
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++)
        CHECK_INT(ask_token(str_of(junk[i]), &who, &err), 401);
    app_close(app);
}

static str external(const struct jwk *key, const char *fmt, ...) PRINTF_LIKE(2, 3);
static str external(const struct jwk *key, const char *fmt, ...)
{
    struct error err = { 0 };
    str token;
    long long now = env_now_us(env_real()) / US_PER_S;
    va_list args;
    va_start(args, fmt);
    str more = quoted(fmt, args);
    va_end(args);
    str claims = arena_printf(test_arena(), "{\"iat\":%lld,\"exp\":%lld," STR_FMT "}", now,
                              now + 100, STR_ARG(more));
    CHECK_OK(jwt_sign(key, JWT_ES256, "JWT", claims, test_arena(), &token, &err));
    return token;
}

#define ANN "'iss':'https://idp','aud':['x','firn'],'email':'ann'"

TEST(tokens_of_a_provider)
{
    struct error err = { 0 };
    const struct identity *who;
    open_with("throttle: {failures: 1000}");
    CHECK_INT(ask_token(external(provider_key,
                                 ANN ",'realm':{'roles':['firn-readers','other','firn-unknown']}"),
                        &who, &err),
              0);
    CHECK_STR(who->principal, "ann");
    CHECK_INT(who->roles_n, 1);
    CHECK_INT(
        ask_token(external(provider_key, ANN ",'realm':{'roles':'firn-readers firn-writers'}"),
                  &who, &err),
        0);
    CHECK_INT(who->roles_n, 2);
    CHECK_INT(ask_token(external(provider_key, ANN), &who, &err), 0); /* no roles named: none */
    CHECK_INT(who->roles_n, 0);
    CHECK_INT(ask_token(external(provider_key, ANN ",'realm':{'roles':['readers']}"), &who, &err),
              0);
    CHECK_INT(who->roles_n, 0);
    str same = external(provider_key, ANN);
    CHECK_INT(ask_token(same, &who, &err), 0);
    CHECK_INT(ask_token(same, &who, &err), 0); /* from memory */
    static const char *const bad[] = {
        "'iss':'https://idp','aud':'other','email':'ann'",
        "'iss':'https://idp','email':'ann'",
        "'iss':'https://idp/','aud':'firn','email':'ann'",
        "'iss':'https://idp','aud':'firn'",
        "'iss':'https://idp','aud':'firn','email':['ann']",
        "'iss':'https://idp','aud':'firn','email':'nobody'",
        "'iss':'https://idp','aud':'firn','sub':'ann'",
        "'iss':'firn','aud':'firn','email':'ann','principal_id':1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_INT(ask_token(external(provider_key, "%s", bad[i]), &who, &err), 401);
    /* The public key's text as a secret. */
    str token;
    CHECK_OK(jwt_sign(
        jwk_from_secret(STR("p1"), STR("0123456789abcdef0123456789abcdef"), test_arena()),
        JWT_HS256, "JWT",
        STR("{\"iss\":\"https://idp\",\"aud\":\"firn\",\"email\":\"ann\",\"exp\":9999999999}"),
        test_arena(), &token, &err));
    CHECK_INT(ask_token(token, &who, &err), 401);
    app_close(app);
}

/* A key that the provider adds is fetched once it is seen; one that does not answer is asked now and then only. */
TEST(keys_of_a_provider_change)
{
    struct error err = { 0 };
    const struct identity *who;
    const struct jwk *second, *third;
    open_with("throttle: {failures: 1000}");
    CHECK_OK(jwk_generate(JWT_ES256, STR("p2"), test_arena(), &second, &err));
    CHECK_OK(jwk_generate(JWT_ES256, STR("p3"), test_arena(), &third, &err));
    CHECK_INT(ask_token(external(third, ANN), &who, &err), 401); /* before any key was read */
    CHECK_INT(ask_token(external(provider_key, ANN), &who, &err), 0);
    const struct jwk *both[] = { provider_key, second };
    write_keys(both, 2);
    CHECK_INT(ask_token(external(second, ANN), &who, &err), 401); /* the file was read just now */
    write_text("keys.json", STR("broken"));
    CHECK_INT(ask_token(external(provider_key, ANN), &who, &err), 0);
    int64_t began = env_monotonic_ns(env_real());
    for (int i = 0; i < 20; i++)
        CHECK_INT(ask_token(external(provider_key, "'iss':'https://away','aud':'firn','sub':'ann'"),
                            &who, &err),
                  503);
    CHECK(env_monotonic_ns(env_real()) - began < 2000000000LL);
    app_close(app);
}

/* Whether a token of `key` is believed now. */
static bool believed(struct oidc *o, const struct jwk *key, int64_t now_us, struct error *out)
{
    struct error err = { 0 };
    struct arena *a = test_arena();
    struct oidc_subject *subject = arena_new(a, struct oidc_subject);
    struct jwt t;
    str token;
    bool expired, must_block;
    long long now = now_us / US_PER_S;
    str claims = arena_printf(
        a, "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"sub\":\"ann\",\"iat\":%lld,\"exp\":%lld}",
        now, now + 3600);
    CHECK_OK(jwt_sign(key, JWT_ES256, "JWT", claims, a, &token, &err));
    CHECK_OK(jwt_parse(token, a, &t, &err));
    *out = (struct error){ 0 };
    bool ok = oidc_check(o, &t, false, a, subject, &expired, &must_block, out);
    if (!ok && must_block)
        ok = oidc_check(o, &t, true, a, subject, &expired, &must_block, out);
    CHECK(!must_block && !expired);
    return ok;
}

/* The whole life of a key set, on a clock of our own: added, taken away, broken, gone. */
TEST(key_sets_over_time)
{
    struct error err = { 0 };
    struct arena *a = test_arena();
    const struct jwk *one, *two;
    struct env *env = env_fake_create(1700000000 * US_PER_S, 1, 1);
    struct server_config *config = arena_new(a, struct server_config);
    struct oidc *o;
    app_close(open_app()); /* makes the folder */
    CHECK_OK(server_config_read(NULL, test_tmpdir(), a, config, &err));
    config->providers_n = 1;
    config->providers[0] = (struct provider_config){
        .issuer = STR("https://idp"),
        .audiences = { STR("firn") },
        .audiences_n = 1,
        .jwks_file = arena_printf(a, "%s/lake/keys.json", test_tmpdir()),
        .principal_claim = STR("sub"),
        .refresh_us = 10 * US_PER_MINUTE,
        .lifetime_max_s = 86400,
    };
    CHECK_OK(jwk_generate(JWT_ES256, STR("one"), a, &one, &err));
    CHECK_OK(jwk_generate(JWT_ES256, STR("two"), a, &two, &err));
    CHECK_OK(oidc_open(config, env, &o, &err));
    CHECK_FAILS(believed(o, one, env_now_us(env), &err), ERR_UNAVAILABLE); /* no file yet */
    write_keys(&one, 1);
    CHECK_FAILS(believed(o, one, env_now_us(env), &err), ERR_UNAVAILABLE); /* asked just now */
    env_sleep_us(env, OIDC_RETRY_US);
    CHECK_OK(believed(o, one, env_now_us(env), &err));
    const struct jwk *both[] = { one, two };
    write_keys(both, 2);
    CHECK_FAILS(believed(o, two, env_now_us(env), &err), ERR_DENIED); /* asked just now */
    env_sleep_us(env, OIDC_RETRY_US);
    CHECK_OK(believed(o, two, env_now_us(env), &err)); /* an unknown key is looked up at once */
    write_keys(&two, 1);
    CHECK_OK(believed(o, one, env_now_us(env), &err)); /* until the keys are fetched again */
    env_sleep_us(env, 11 * US_PER_MINUTE);
    CHECK_FAILS(believed(o, one, env_now_us(env), &err), ERR_DENIED);
    CHECK_OK(believed(o, two, env_now_us(env), &err));
    static const char *const broken[] = { "", "{}", "{\"keys\":[]}",
                                          "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}" };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        write_text("keys.json", str_of(broken[i]));
        env_sleep_us(env, 11 * US_PER_MINUTE);
        CHECK_OK(
            believed(o, two, env_now_us(env), &err)); /* a fetch that fails takes nothing away */
    }
    oidc_close(o);
    env_fake_destroy(env);
}

/* The key that is made at first use: refused, or made and the answer lost.  Afterwards tokens are issued and believed, by one key. */
TEST(a_key_is_made_whole_or_not_at_all)
{
    struct arena *a = test_arena();
    bool fired = true;
    for (int effect = FAULT_REFUSED; effect <= FAULT_ANSWER_LOST; effect++) {
        fired = true;
        for (int nth = 0; fired; nth++) {
            struct error err = { 0 };
            struct db *real;
            struct tokens *t;
            struct token_claims claims = { .principal_id = 7 }, got;
            struct jwt parsed;
            str token;
            bool expired;
            str file = arena_printf(a, "%s/%d-%d.db", test_tmpdir(), effect, nth);
            CHECK_OK(db_open(file, &real, &err));
            struct tokens_options o = { .db = real,
                                        .env = env_real(),
                                        .issuer = STR("firn"),
                                        .token_us = US_PER_HOUR,
                                        .session_us = US_PER_HOUR,
                                        .key_us = US_PER_HOUR };
            CHECK_OK(tokens_open(&o, &t, &err));
            tokens_close(t);
            struct fault plan = FAULT_AT(effect, nth);
            struct db *faulty = db_fault_create(real, &plan);
            o.db = faulty;
            t = NULL;
            bool ok = tokens_open(&o, &t, &err) && token_issue(t, &claims, a, &token, &err);
            fired = fault_fired(&plan);
            CHECK(ok || fired);
            tokens_close(t);
            db_close(faulty);
            db_close(real);
            err = (struct error){ 0 };
            CHECK_OK(db_open(file, &real, &err));
            o.db = real;
            claims = (struct token_claims){ .principal_id = 7 };
            CHECK_OK(tokens_open(&o, &t, &err));
            if (!ok)
                CHECK_OK(token_issue(t, &claims, a, &token, &err));
            CHECK_OK(jwt_parse(token, a, &parsed, &err));
            CHECK_OK(token_check(t, &parsed, a, &got, &expired, &err));
            tokens_close(t);
            db_close(real);
        }
    }
}

TEST(the_token_endpoint_refuses)
{
    struct arena *a = test_arena();
    open_with("throttle: {failures: 1000}");
    str id = root.client_id, secret = root.client_secret;
    str pair = arena_printf(a, "&client_id=" STR_FMT "&client_secret=" STR_FMT, STR_ARG(id),
                            STR_ARG(secret));
    str good = log_in(id, secret, "").token;
    static const struct {
        int status;
        const char *error, *form; /* $: the credentials, @: a good token */
    } cases[] = {
        { 400, "invalid_request", "" },
        { 400, "invalid_request", "$" },
        { 400, "invalid_request", "grant_type=&$" },
        { 400, "unsupported_grant_type", "grant_type=password$" },
        { 400, "unsupported_grant_type", "grant_type=refresh_token$" },
        { 400, "unsupported_grant_type", "grant_type=authorization_code$" },
        { 400, "unsupported_grant_type", "grant_type=Client_Credentials$" },
        { 401, "invalid_client", "grant_type=client_credentials" },
        { 401, "invalid_client", "grant_type=client_credentials&client_id=x" },
        { 401, "invalid_client", "grant_type=client_credentials&client_id=x&client_secret=y" },
        { 401, "invalid_client", "grant_type=client_credentials&client_secret=y" },
        { 401, "invalid_client", "grant_type=client_credentials&client_id=&client_secret=" },
        { 400, "invalid_request", "grant_type=client_credentials&grant_type=client_credentials$" },
        { 400, "invalid_request", "grant_type=client_credentials$&client_id=x" },
        { 400, "invalid_request", "grant_type=client_credentials$&x=%zz" },
        { 400, "invalid_request", "grant_type=client_credentials$&x=%00" },
        { 400, "invalid_scope", "grant_type=client_credentials$&scope=PRINCIPAL_ROLE:nobody" },
        { 400, "invalid_scope", "grant_type=client_credentials$&scope=a%22b" },
        { 400, "invalid_scope", "grant_type=client_credentials$&scope=a%0ab" },
        { 200, "", "grant_type=client_credentials$" },
        { 200, "", "&grant_type=client_credentials$&&scope=catalog&audience=x&resource=y" },
        { 200, "", "grant_type=client_credentials$&scope=PRINCIPAL_ROLE:ALL" },
        { 200, "", "grant_type=client_credentials$&scope=catalog+PRINCIPAL_ROLE%3Aservice_admin" },
        { 400, "invalid_request", EXCHANGE },
        { 400, "invalid_request", EXCHANGE ACCESS },
        { 400, "invalid_request", EXCHANGE "&subject_token=@" },
        { 400, "invalid_request",
          EXCHANGE "&subject_token=@&subject_token_type=urn:ietf:params:oauth:token-type:saml2" },
        { 400, "invalid_request", EXCHANGE ACCESS "&subject_token=@&actor_token=@" },
        { 400, "invalid_request",
          EXCHANGE ACCESS
          "&subject_token=@&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token" },
        { 400, "invalid_grant", EXCHANGE ACCESS "&subject_token=x" },
        { 400, "invalid_grant", EXCHANGE ACCESS "&subject_token=@x" },
        { 400, "invalid_grant", EXCHANGE ACCESS "&subject_token=eyJhbGciOiJub25lIn0.e30." },
        { 400, "invalid_grant", EXCHANGE ACCESS "&subject_token=firn_key" },
        { 401, "invalid_client", EXCHANGE ACCESS "&subject_token=@&client_id=x&client_secret=y" },
        { 200, "", EXCHANGE ACCESS "&subject_token=@" },
        { 200, "", EXCHANGE ACCESS "&subject_token=@$" },
        { 200, "", EXCHANGE ACCESS "&subject_token=@&scope=catalog" },
        { 200, "",
          EXCHANGE ACCESS
          "&subject_token=@&requested_token_type=urn:ietf:params:oauth:token-type:access_token" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf form = BUF_INIT(1 << 16);
        for (const char *p = cases[i].form; *p; p++)
            if (*p == '$')
                buf_add_str(&form, pair);
            else if (*p == '@')
                buf_add_str(&form, good);
            else
                buf_add_char(&form, *p);
        struct token_reply r = post((str){ 0 }, FORM, arena_str(a, buf_str(&form)));
        buf_deinit(&form);
        if (r.status != cases[i].status || !str_is(r.error, cases[i].error))
            test_fail(__FILE__, __LINE__, "%s: %d " STR_FMT, cases[i].form, r.status,
                      STR_ARG(r.error));
        CHECK((r.status == 401) == (r.www_authenticate.len > 0));
    }
    str whole = arena_printf(a, "grant_type=client_credentials" STR_FMT, STR_ARG(pair));
    CHECK_INT(post((str){ 0 }, "application/json", whole).status, 400);
    CHECK_INT(post((str){ 0 }, "", whole).status, 400);
    CHECK_INT(post((str){ 0 }, FORM "; charset=utf-8", whole).status, 200);
    CHECK_INT(post(basic(id, secret), FORM, STR("grant_type=client_credentials")).status, 200);
    CHECK_INT(post(basic(id, secret), FORM, whole).status, 400); /* twice */
    CHECK_INT(post(basic(id, STR("x")), FORM, STR("grant_type=client_credentials")).status, 401);
    CHECK_INT(post(STR("Basic ?"), FORM, STR("grant_type=client_credentials")).status, 401);
    CHECK_INT(post(STR("Bearer x"), FORM, whole).status, 200); /* clients send what they have */
    app_close(app);
}

/* A new secret ends the tokens that are out, on connections that remember them too, and with them what they were exchanged for. */
TEST(tokens_end_with_the_secret)
{
    struct error err = { 0 };
    const struct identity *who;
    struct govern *g = NULL;
    struct principal_secret next;
    struct arena *a = test_arena();
    open_with("");
    g = app->lake->govern;
    struct principal_secret ann = secret_of("ann");
    for (int reset = 0; reset <= 1; reset++) {
        str token = log_in(ann.client_id, ann.client_secret, "").token;
        str other = exchange((str){ 0 }, token, "").token;
        CHECK_INT(ask_token(other, &who, &err), 0);
        CHECK_INT(ask_token(token, &who, &err), 0); /* the connection remembers it */
        CHECK_OK(reset ? principal_reset(g, STR("ann"), (str){ 0 }, (str){ 0 }, a, &next, &err)
                       : principal_rotate(g, STR("ann"), a, &next, &err));
        CHECK_INT(ask_token(token, &who, &err), 401);
        CHECK(str_find(str_of(err.msg), STR("log in again")) >= 0);
        CHECK_INT(ask_token(other, &who, &err), 401);
        CHECK_STR(exchange((str){ 0 }, other, "").error, "invalid_grant");
        CHECK_INT(log_in(ann.client_id, ann.client_secret, "").status, reset ? 401 : 200);
        ann = next;
        CHECK_INT(ask_token(log_in(ann.client_id, ann.client_secret, "").token, &who, &err), 0);
    }
    /* What a provider's token was exchanged for is a token of ours. */
    str token =
        exchange((str){ 0 }, external(provider_key, ANN ",'realm':{'roles':['firn-readers']}"), "")
            .token;
    CHECK_INT(ask_token(token, &who, &err), 0);
    CHECK_OK(principal_reset(g, STR("ann"), (str){ 0 }, (str){ 0 }, a, &next, &err));
    CHECK_INT(ask_token(token, &who, &err), 401);
    /* A principal of the same name is another one. */
    struct principal p;
    str old = log_in(next.client_id, next.client_secret, "").token;
    CHECK_OK(principal_drop(g, STR("ann"), &err));
    CHECK_OK(principal_create(g, STR("ann"), STR("{}"), false, a, &p, &next, &err));
    CHECK_INT(ask_token(old, &who, &err), 401);
    CHECK_STR(exchange((str){ 0 }, old, "").error, "invalid_grant");
    app_close(app);
}

TEST(an_exchange_never_widens)
{
    struct error err = { 0 };
    const struct identity *who;
    open_with("");
    struct principal_secret ann = secret_of("ann"), bob = secret_of("bob");
    str narrow = log_in(ann.client_id, ann.client_secret, "PRINCIPAL_ROLE:readers").token;
    struct token_reply r = exchange((str){ 0 }, narrow, "");
    CHECK_INT(r.status, 200);
    CHECK_STR(r.scope, "PRINCIPAL_ROLE:readers");
    CHECK_INT(ask_token(r.token, &who, &err), 0);
    CHECK_INT(who->roles_n, 1);
    CHECK_INT(exchange((str){ 0 }, narrow, "&scope=catalog").status, 200);
    CHECK_STR(exchange((str){ 0 }, narrow, "&scope=PRINCIPAL_ROLE:ALL").error, "invalid_scope");
    CHECK_STR(exchange((str){ 0 }, narrow, "&scope=PRINCIPAL_ROLE:writers").error, "invalid_scope");
    CHECK_STR(
        exchange((str){ 0 }, narrow, "&scope=PRINCIPAL_ROLE:readers+PRINCIPAL_ROLE:writers").error,
        "invalid_scope");
    str wide = log_in(ann.client_id, ann.client_secret, "").token;
    r = exchange((str){ 0 }, wide, "&scope=PRINCIPAL_ROLE:writers");
    CHECK_INT(r.status, 200);
    CHECK_STR(r.scope, "PRINCIPAL_ROLE:writers");
    /* Another principal's credentials beside the token. */
    CHECK_STR(exchange(basic(bob.client_id, bob.client_secret), wide, "").error, "invalid_grant");
    CHECK_INT(exchange(basic(ann.client_id, ann.client_secret), wide, "").status, 200);
    /* A provider's token becomes one of ours, which ends with it. */
    r = exchange((str){ 0 }, external(provider_key, ANN ",'realm':{'roles':['firn-readers']}"), "");
    CHECK_INT(r.status, 200);
    CHECK(r.expires_in <= 100);
    CHECK_INT(ask_token(r.token, &who, &err), 0);
    CHECK_INT(who->roles_n, 1);
    CHECK_STR(exchange((str){ 0 }, external(provider_key, ANN), "").error, "invalid_grant");
    app_close(app);
}

/* The session ends though its tokens are exchanged in time; an expired one is renewed only beside the secret. */
TEST(sessions_end)
{
    struct error err = { 0 };
    struct arena *a = test_arena();
    const struct identity *who;
    struct principal p;
    open_with("  token_lifetime: 60s\n  session_lifetime: 60s\n");
    str token = log_in(root.client_id, root.client_secret, "").token;
    env_sleep_us(env_real(), 1100 * US_PER_MS);
    struct token_reply r = exchange((str){ 0 }, token, "");
    CHECK_INT(r.status, 200);
    CHECK(r.expires_in < 60);
    CHECK_OK(principal_by_name(app->lake->govern, STR("root"), a, &p, &err));
    long long now = env_now_us(env_real()) / US_PER_S;
    str claims =
        arena_printf(a,
                     "{\"iss\":\"firn\",\"aud\":\"firn\",\"principal_id\":%lld,\"scope\":\"\","
                     "\"session_exp\":%lld,\"iat\":%lld,\"exp\":%lld}",
                     (long long)p.id, now - 10, now - 100, now - 10);
    CHECK_OK(jwt_sign(our_key(), JWT_HS256, "at+jwt", claims, a, &token, &err));
    CHECK_INT(ask_token(token, &who, &err), 419);
    CHECK_STR(exchange((str){ 0 }, token, "").error, "invalid_grant");
    r = exchange(basic(root.client_id, root.client_secret), token, "");
    CHECK_INT(r.status, 200);
    CHECK(r.expires_in == 60);
    app_close(app);
}

TEST(limits)
{
    struct error err = { 0 };
    const struct identity *who;
    open_with("throttle: {rate: 0.01, burst: 3, failures: 4, failures_every: 1h}");
    str token = log_in(root.client_id, root.client_secret, "").token;
    for (int i = 0; i < 3; i++)
        CHECK_INT(ask_token(token, &who, &err), 0);
    CHECK_INT(ask_token(token, &who, &err), 429);
    for (int i = 0; i < 4; i++)
        CHECK_INT(ask_token(STR("junk"), &who, &err), 401);
    CHECK_INT(ask_token(STR("junk"), &who, &err), 429);
    CHECK_INT(ask_token(token, &who, &err),
              429); /* good ones too: guesses must not be told apart */
    for (int i = 0; i < 4; i++)
        CHECK_INT(log_in(root.client_id, STR("wrong"), "").status, 401);
    CHECK_STR(log_in(root.client_id, root.client_secret, "").error, "slow_down");
    app_close(app);
}

TEST(buckets_fill_again)
{
    int wait;
    struct throttle *t = throttle_create(2, 4);
    for (int i = 0; i < 4; i++)
        CHECK(throttle_take(t, 1, 1000000000, &wait));
    CHECK(!throttle_take(t, 1, 1000000000, &wait));
    CHECK_INT(wait, 1);
    CHECK(!throttle_has(t, 1, 1400000000, &wait));
    CHECK(throttle_has(t, 1, 1500000000, &wait));
    CHECK(throttle_take(t, 1, 1500000000, &wait));
    CHECK(!throttle_take(t, 1, 1500000000, &wait));
    CHECK(throttle_take(t, 2, 1500000000, &wait));
    for (int i = 0; i < 4; i++)
        CHECK(throttle_take(t, 1, 99000000000, &wait));
    CHECK(!throttle_take(t, 1, 99000000000, &wait));
    for (uint64_t key = 10; key < 100000; key++) /* more keys than places */
        CHECK(throttle_take(t, key, 99000000000, &wait));
    throttle_destroy(t);
    /* Asking pushes nobody out. */
    t = throttle_create(2, 1);
    for (uint64_t key = 10; key < 100000; key++)
        CHECK(throttle_take(t, key, 1000000000, &wait));
    size_t known[2] = { 0 };
    for (int i = 0; i < 2; i++)
        for (uint64_t key = 10; key < 100000; key++)
            known[i] += !throttle_has(t, key, 1000000000, &wait);
    CHECK(known[0] > 1000);
    CHECK_INT(known[1], known[0]);
    throttle_destroy(t);
    CHECK(throttle_address_key(STR("2001:db8::1")) ==
          throttle_address_key(STR("2001:db8::ffff:1")));
    CHECK(throttle_address_key(STR("2001:db8::1")) != throttle_address_key(STR("2001:db8:0:1::1")));
    CHECK(throttle_address_key(STR("192.0.2.1")) != throttle_address_key(STR("192.0.2.2")));
}

/* ---- Answers that go on for long ---- */

struct reader {
    struct buf got;
    const char *end_of; /* the principal to drop once something has come; NULL: none */
    int64_t dropped_ns;
};

static bool read_piece(void *ctx, str piece)
{
    struct reader *r = ctx;
    struct error err = { 0 };
    buf_add_str(&r->got, piece);
    if (r->end_of) {
        CHECK_OK(principal_drop(app->lake->govern, str_of(r->end_of), &err));
        r->end_of = NULL;
        r->dropped_ns = env_monotonic_ns(env_real());
    }
    return true;
}

static struct api_request request_of(const char *method, const char *path, str token, str body)
{
    struct error err = { 0 };
    struct auth_refusal refusal;
    bool must_block;
    struct api_request req = { .method = str_of(method),
                               .path = str_of(path),
                               .body = body,
                               .accept = STR("text/event-stream"),
                               .authorization =
                                   arena_printf(test_arena(), "Bearer " STR_FMT, STR_ARG(token)),
                               .peer = STR("192.0.2.9"),
                               .arena = test_arena() };
    CHECK_OK(auth_identify(app->auth, &req, &private_route, (str){ 0 }, NULL, true, &must_block,
                           &refusal, &err));
    return req;
}

/* Whoever lost the right to listen hears nothing any more: the stream ends, though it could go on for a quarter of an hour. */
TEST(a_stream_of_events_ends_with_its_credentials)
{
    struct error err = { 0 };
    struct arena *a = test_arena();
    struct principal p;
    struct principal_secret secret;
    open_with("");
    CHECK_OK(
        principal_create(app->lake->govern, STR("cid"), STR("{}"), false, a, &p, &secret, &err));
    str token = log_in(secret.client_id, secret.client_secret, "").token;
    struct api_request req = request_of("GET", "/api/events", token, (str){ 0 });
    CHECK_OK(auth_still(app->auth, &req, &err));
    struct api_answer answer;
    struct reader reader = { .got = BUF_INIT(1 << 16), .end_of = "cid" };
    api_answer_init(&answer);
    api_dispatch(app, &req, &answer);
    CHECK_INT(answer.status, 200);
    CHECK(answer.stream != NULL);
    CHECK(!answer.stream(answer.stream_ctx, read_piece, &reader, &err));
    CHECK_INT(err.code, ERR_DENIED);
    CHECK(env_monotonic_ns(env_real()) - reader.dropped_ns < 10000000000LL);
    CHECK_FAILS(auth_still(app->auth, &req, &err), ERR_DENIED);
    buf_deinit(&reader.got);
    api_answer_deinit(&answer);
    app_close(app);
}

TEST(events_of_refs_say_who)
{
    open_with("");
    str token = log_in(root.client_id, root.client_secret, "").token;
    static const struct {
        const char *method, *path, *body;
        int status;
    } steps[] = {
        { "POST", "/api/refs", "{\"name\":\"dev\"}", 201 },
        { "POST", "/nessie/api/v2/trees", "{\"type\":\"BRANCH\",\"name\":\"main\"}", 400 },
        { "POST", "/iceberg/v1/dev/namespaces", "{\"namespace\":[\"a\"]}", 200 },
        { "POST", "/api/merge", "{\"from\":\"dev\",\"into\":\"main\"}", 200 },
        { "DELETE", "/api/refs/dev", "", 200 },
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct api_request req =
            request_of(steps[i].method, steps[i].path, token, str_of(steps[i].body));
        struct api_answer answer;
        api_answer_init(&answer);
        api_dispatch(app, &req, &answer);
        if (answer.status != steps[i].status)
            test_fail(__FILE__, __LINE__, "%s: %d " STR_FMT, steps[i].path, answer.status,
                      STR_ARG(buf_str(&answer.body)));
        api_answer_deinit(&answer);
    }
    struct api_request req = request_of("GET", "/api/events", token, (str){ 0 });
    struct api_answer answer;
    req.accept = (str){ 0 };
    api_answer_init(&answer);
    api_dispatch(app, &req, &answer);
    CHECK_INT(answer.status, 200);
    struct error err = { 0 };
    struct json *doc;
    CHECK_OK(json_parse(arena_str(test_arena(), buf_str(&answer.body)), test_arena(), &doc, &err));
    const struct json *events = json_get(doc, "events");
    size_t named = 0;
    for (size_t i = 0; i < events->array.n; i++) {
        const struct json *type = json_get(&events->array.items[i], "type"),
                          *data = json_get(&events->array.items[i], "data"),
                          *who = data ? json_get(data, "principal") : NULL;
        named += who && str_is(who->s, "root");
        if (!who && !str_ends(type->s, STR("initialized")))
            test_fail(__FILE__, __LINE__, STR_FMT " says not who", STR_ARG(type->s));
    }
    CHECK(named >= 4);
    api_answer_deinit(&answer);
    app_close(app);
}
