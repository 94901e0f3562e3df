/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens: the examples of the RFCs, each algorithm there and back, and a table of tokens that must not be believed. */
#include "codec/jwt.h"

#include "codec/digest.h"
#include "test.h"

#define NOW 1700000000LL
#define SECRET "0123456789abcdef0123456789abcdef"

static struct jwk_set set_of(const struct jwk *key)
{
    struct jwk_set set = { .n = 1 };
    set.keys = arena_array(test_arena(), const struct jwk *, 1);
    set.keys[0] = key;
    return set;
}

static const struct jwk *secret_key(void)
{
    return jwk_from_secret(STR("k1"), STR(SECRET), test_arena());
}

/* A token of these two texts, signed with HS256 whatever its header says. */
static str token_of(const char *header, const char *claims)
{
    struct arena *a = test_arena();
    str h = base64url_encode(str_of(header), a), c = base64url_encode(str_of(claims), a);
    str both = arena_printf(a, STR_FMT "." STR_FMT, STR_ARG(h), STR_ARG(c));
    struct sha256 d = hmac_sha256(STR(SECRET), both);
    str sig = base64url_encode(str_make(d.bytes, sizeof d.bytes), a);
    return arena_printf(a, STR_FMT "." STR_FMT, STR_ARG(both), STR_ARG(sig));
}

static bool believe(str token, const struct jwk_set *keys, const struct jwt_expect *expect,
                    struct error *err)
{
    struct jwt t;
    return jwt_parse(token, test_arena(), &t, err) && jwt_verify(&t, keys, err) &&
           (!expect || jwt_check(&t, expect, NULL, err));
}

/* RFC 7515, A.1 and A.3; RFC 8037, A.4. */
TEST(examples_of_the_rfcs)
{
    struct error err = { 0 };
    struct arena *a = test_arena();
    struct jwk_set set;
    struct jwt t;
    str claims = STR("eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p"
                     "c19yb290Ijp0cnVlfQ"),
        secret;
    CHECK(base64url_decode(STR("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4"
                               "hcgUuTwjAzZr1Z9CAow"),
                           a, &secret));
    str token = arena_printf(a,
                             "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." STR_FMT
                             ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                             STR_ARG(claims));
    CHECK_OK(jwt_parse(token, a, &t, &err));
    set = set_of(jwk_from_secret((str){ 0 }, secret, a));
    CHECK_OK(jwt_verify(&t, &set, &err));
    CHECK_STR(jwt_claim(&t, "iss"), "joe");

    CHECK_OK(jwk_set_parse(
        STR("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9t"
            "Le1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKI"
            "WI5a0\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQH"
            "Og7hcvPapiMlrwIaaPcHURo\"}]}"),
        a, &set, &err));
    CHECK_INT(set.n, 2);
    token = arena_printf(a,
                         "eyJhbGciOiJFUzI1NiJ9." STR_FMT
                         ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKT"
                         "UJqPP3-Kg6NU1Q",
                         STR_ARG(claims));
    CHECK_OK(jwt_parse(token, a, &t, &err));
    CHECK_OK(jwt_verify(&t, &set, &err));

    str signature;
    CHECK(base64url_decode(STR("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVs"
                               "Pt9g7sVvpAr_MuM0KAg"),
                           a, &signature));
    CHECK(jwk_verify(set.keys[1], JWT_EDDSA,
                     STR("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"), signature));
}

/* The public half goes through JWK text; every changed byte of a token is noticed. */
TEST(every_algorithm_there_and_back)
{
    struct error err = { 0 };
    struct arena *a = test_arena();
    for (int alg = JWT_RS256; alg < JWT_ALGS; alg++) {
        const struct jwk *pair;
        struct jwk_set set;
        struct buf text = BUF_INIT(65536);
        struct json_writer w;
        str token;
        CHECK_OK(jwk_generate(alg, STR("the key"), a, &pair, &err));
        buf_lit(&text, "{\"keys\":[");
        jw_init(&w, &text);
        CHECK_OK(jwk_write_public(pair, &w, a, &err));
        buf_lit(&text, "]}");
        CHECK_OK(jwk_set_parse(arena_str(a, buf_str(&text)), a, &set, &err));
        buf_deinit(&text);
        CHECK_INT(set.n, 1);
        CHECK(!set.keys[0]->can_sign);
        CHECK_OK(jwt_sign(pair, alg, "at+jwt", STR("{\"exp\":1,\"sub\":\"x\"}"), a, &token, &err));
        CHECK_OK(believe(token, &set, NULL, &err));
        for (size_t i = 0; i < token.len; i += alg <= JWT_PS256 ? 7 : 3) {
            char *changed = arena_cstr(a, token);
            changed[i] = changed[i] == 'A' ? 'B' : 'A';
            struct error ignored = { 0 };
            CHECK(!believe(str_make(changed, token.len), &set, NULL, &ignored));
        }
        CHECK_FAILS(jwk_sign(set.keys[0], alg, token, a, &token, &err), ERR_INVALID);
    }
    const struct jwk *none;
    CHECK_FAILS(jwk_generate(JWT_HS256, STR(""), a, &none, &err), ERR_INVALID);
}

TEST(forms_that_are_no_tokens)
{
    struct error err = { 0 };
    struct jwt t;
    struct arena *a = test_arena();
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"nOnE\"}",
        "{\"alg\":\"\"}",
        "{\"alg\":null}",
        "{\"alg\":1}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"HS256 \"}",
        "{\"alg\":\"HS384\"}",
        "{\"alg\":\"RS1\"}",
        "{\"alg\":\"dir\"}",
        "{}",
        "[]",
        "null",
        "\"HS256\"",
        "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\",\"alg\":\"none\"}",
        "{\"alg\":\"none\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"crit\":[]}",
        "{\"alg\":\"HS256\",\"crit\":null}",
        "{\"alg\":\"HS256\",\"kid\":1}",
        "{\"alg\":\"HS256\",\"typ\":\"JWE\"}",
        "{\"alg\":\"HS256\",\"typ\":\"refresh+jwt\"}",
        "{\"alg\":\"HS256\"}x",
        "",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        CHECK_FAILS(jwt_parse(token_of(headers[i], "{}"), a, &t, &err), ERR_INVALID);
    static const char *const claims[] = {
        "", "[]", "1", "{\"sub\":\"a\",\"sub\":\"b\"}", "{\"a\":NaN}", "{\"a\":\"\xff\"}"
    };
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
        CHECK_FAILS(jwt_parse(token_of("{\"alg\":\"HS256\"}", claims[i]), a, &t, &err),
                    ERR_INVALID);
    static const char *const texts[] = { "",
                                         ".",
                                         "..",
                                         "...",
                                         "a.b.c",
                                         "e30.e30.e30",
                                         "eyJhbGciOiJIUzI1NiJ9.e30",
                                         "eyJhbGciOiJIUzI1NiJ9.e30.",
                                         "eyJhbGciOiJIUzI1NiJ9.e30.AA.AA",
                                         "eyJhbGciOiJIUzI1NiJ9=.e30.AA",
                                         "eyJhbGciOiJIUzI1NiJ9.e30.A",
                                         "eyJhbGciOiJIUzI1NiJ9.e30.AB", /* stray bits */
                                         "eyJhbGciOiJIUzI1NiJ9.e30 .AA",
                                         "eyJhbGciOiJIUzI1NiJ9.e30.A+",
                                         " eyJhbGciOiJIUzI1NiJ9.e30.AA",
                                         "eyJhbGciOiJIUzI1NiJ9.e30.AA\n" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_FAILS(jwt_parse(str_of(texts[i]), a, &t, &err), ERR_INVALID);
    char *long_one = arena_alloc(a, JWT_BYTES_MAX + 1);
    memset(long_one, 'A', JWT_BYTES_MAX + 1);
    CHECK_FAILS(jwt_parse(str_make(long_one, JWT_BYTES_MAX + 1), a, &t, &err), ERR_INVALID);
}

/* The public key's bytes as an HMAC secret, another algorithm of the family, another key, another kid. */
TEST(algorithms_are_the_keys_not_the_tokens)
{
    struct error err = { 0 };
    struct arena *a = test_arena();
    const struct jwk *rsa, *ec, *other;
    str token;
    CHECK_OK(jwk_generate(JWT_RS256, STR("r"), a, &rsa, &err));
    CHECK_OK(jwk_generate(JWT_ES256, STR("e"), a, &ec, &err));
    CHECK_OK(jwk_generate(JWT_ES256, STR("e"), a, &other, &err));
    struct jwk_set set = { .n = 2, .keys = (const struct jwk *[]){ rsa, ec } };
    CHECK_FAILS(believe(token_of("{\"alg\":\"HS256\",\"kid\":\"r\"}", "{}"), &set, NULL, &err),
                ERR_DENIED);
    CHECK_FAILS(believe(token_of("{\"alg\":\"HS256\"}", "{}"), &set, NULL, &err), ERR_DENIED);
    CHECK_FAILS(believe(token_of("{\"alg\":\"ES256\",\"kid\":\"r\"}", "{}"), &set, NULL, &err),
                ERR_DENIED);
    CHECK_FAILS(believe(token_of("{\"alg\":\"HS256\",\"kid\":\"x\"}", "{}"), &set, NULL, &err),
                ERR_NOT_FOUND);
    CHECK_OK(jwt_sign(other, JWT_ES256, "JWT", STR("{}"), a, &token, &err));
    CHECK_FAILS(believe(token, &set, NULL, &err), ERR_DENIED);
    CHECK_OK(jwt_sign(ec, JWT_ES256, "JWT", STR("{}"), a, &token, &err));
    CHECK_OK(believe(token, &set, NULL, &err));
    struct jwk_set twins = { .n = 3, .keys = (const struct jwk *[]){ rsa, other, ec } };
    CHECK_OK(believe(token, &twins, NULL, &err)); /* both are called "e": each is tried */
    twins.n = 2;
    CHECK_FAILS(believe(token, &twins, NULL, &err), ERR_DENIED);
    CHECK(!jwk_verify(rsa, JWT_PS256, token, token)); /* made for RS256 only */
    CHECK_FAILS(jwt_sign(rsa, JWT_PS256, "JWT", STR("{}"), a, &token, &err), ERR_INVALID);
    CHECK(!jwk_verify(ec, JWT_ES256, STR("x"), (str){ 0 }));
    char zeros[64] = { 0 };
    CHECK(!jwk_verify(ec, JWT_ES256, STR("x"), str_make(zeros, 64))); /* r = s = 0 */
    CHECK(!jwk_verify(ec, JWT_ES256, STR("x"), str_make(zeros, 63)));
}

TEST(claims_are_checked)
{
    struct error err = { 0 };
    struct jwk_set set = set_of(secret_key());
    const str audiences[] = { STR("firn"), STR("other") };
    struct jwt_expect expect = { .issuer = STR("https://idp"),
                                 .audiences = audiences,
                                 .audiences_n = 2,
                                 .now_s = NOW,
                                 .leeway_s = 30,
                                 .age_max_s = 86400 };
    static const struct {
        bool ok;
        const char *claims;
    } cases[] = {
        { true,
          "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1700000000,\"exp\":1700000100}" },
        { true,
          "{\"iss\":\"https://idp\",\"aud\":[\"x\",\"other\"],\"iat\":1699999990.5,\"exp\":1.7000001e9}" },
        { true,
          "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1700000030,\"exp\":1700000100}" },
        { true,
          "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1699999000,\"exp\":1699999971}" },
        { true,
          "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1,\"exp\":86401}" }, /* of another time */
        { false,
          "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1699999000,\"exp\":1699999970}" },
        { false,
          "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1700000031,\"exp\":1700000100}" },
        { false,
          "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"nbf\":1700000031,\"iat\":1700000000,\"exp\":1700000100}" },
        { false, "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1700000000}" },
        { false,
          "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"exp\":1700000100}" }, /* no iat: age unknown */
        { false,
          "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1700000000,\"exp\":1700086401}" },
        { false,
          "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1700000000,\"exp\":\"1700000100\"}" },
        { false, "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1700000000,\"exp\":null}" },
        { false, "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1700000000,\"exp\":-1}" },
        { false, "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1700000000,\"exp\":1e300}" },
        { false,
          "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1700000000,\"exp\":9223372036854775807}" },
        { false,
          "{\"iss\":\"https://idp/\",\"aud\":\"firn\",\"iat\":1700000000,\"exp\":1700000100}" },
        { false, "{\"aud\":\"firn\",\"iat\":1700000000,\"exp\":1700000100}" },
        { false,
          "{\"iss\":[\"https://idp\"],\"aud\":\"firn\",\"iat\":1700000000,\"exp\":1700000100}" },
        { false, "{\"iss\":\"https://idp\",\"iat\":1700000000,\"exp\":1700000100}" },
        { false,
          "{\"iss\":\"https://idp\",\"aud\":\"Firn\",\"iat\":1700000000,\"exp\":1700000100}" },
        { false, "{\"iss\":\"https://idp\",\"aud\":[],\"iat\":1700000000,\"exp\":1700000100}" },
        { false,
          "{\"iss\":\"https://idp\",\"aud\":{\"firn\":1},\"iat\":1700000000,\"exp\":1700000100}" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect.now_s = i == 4 ? 86000 : NOW;
        err = (struct error){ 0 };
        bool ok = believe(token_of("{\"alg\":\"HS256\",\"kid\":\"k1\"}", cases[i].claims), &set,
                          &expect, &err);
        if (ok != cases[i].ok || (!ok && err.code != ERR_DENIED))
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].claims, err.msg);
    }
    bool expired;
    struct jwt t;
    str old = token_of("{\"alg\":\"HS256\"}",
                       "{\"iss\":\"https://idp\",\"aud\":\"firn\",\"iat\":1,\"exp\":2}");
    CHECK_OK(jwt_parse(old, test_arena(), &t, &err));
    CHECK_FAILS(jwt_check(&t, &expect, &expired, &err), ERR_DENIED);
    CHECK(expired);
}

TEST(key_sets_are_strict)
{
    struct error err = { 0 };
    struct arena *a = test_arena();
    struct jwk_set set;
#define P256                                                                                       \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\""
#define Y ",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
    static const struct {
        int n, skipped; /* n -1: refused */
        const char *text;
    } cases[] = {
        { 0, 0, "{\"keys\":[]}" },
        { 1, 0, "{\"keys\":[{" P256 Y "}]}" },
        { 1, 0,
          "{\"keys\":[{" P256 Y
          ",\"alg\":\"ES256\",\"use\":\"sig\",\"key_ops\":[\"verify\"]}],\"x\":1}" },
        { 0, 1, "{\"keys\":[{" P256 Y ",\"use\":\"enc\"}]}" },
        { 0, 1, "{\"keys\":[{" P256 Y ",\"key_ops\":[\"sign\"]}]}" },
        { 0, 1, "{\"keys\":[{" P256 Y ",\"alg\":\"ECDH-ES\"}]}" },
        { 0, 1, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}" },
        { 0, 1, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}]}" },
        { 0, 1, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}]}" },
        { -1, 0, "" },
        { -1, 0, "[]" },
        { -1, 0, "{}" },
        { -1, 0, "{\"keys\":{}}" },
        { -1, 0, "{\"keys\":[1]}" },
        { -1, 0, "{\"keys\":[{}]}" },
        { -1, 0, "{\"keys\":[{" P256 Y ",\"d\":\"AA\"}]}" },
        { -1, 0, "{\"keys\":[{" P256 Y ",\"alg\":\"ES384\"}]}" },
        { -1, 0, "{\"keys\":[{" P256 Y ",\"alg\":\"HS256\"}]}" },
        { -1, 0, "{\"keys\":[{" P256 ",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}]}" },
        { -1, 0, "{\"keys\":[{" P256 ",\"y\":\"y_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}" },
        { -1, 0, "{\"keys\":[{" P256 ",\"y\":\"AA\"}]}" },
        { -1, 0, "{\"keys\":[{" P256 "}]}" },
        { 2, 0, "{\"keys\":[{\"kid\":\"a\"," P256 Y "},{\"kid\":\"a\"," P256 Y "}]}" },
        { -1, 0, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}" },
        { -1, 0, "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}" },
        { -1, 0, "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}]}" },
        { -1, 0, "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\"}]}" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err = (struct error){ 0 };
        bool ok = jwk_set_parse(str_of(cases[i].text), a, &set, &err);
        if (ok != (cases[i].n >= 0) || (!ok && err.code != ERR_INVALID) ||
            (ok && ((int)set.n != cases[i].n || (int)set.skipped != cases[i].skipped)))
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].text, err.msg);
    }
    struct buf many = BUF_INIT(1 << 20);
    buf_lit(&many, "{\"keys\":[{\"kty\":\"x\"}");
    for (int i = 0; i < JWK_KEYS_MAX; i++)
        buf_lit(&many, ",{\"kty\":\"x\"}");
    buf_lit(&many, "]}");
    CHECK_FAILS(jwk_set_parse(buf_str(&many), a, &set, &err), ERR_LIMIT);
    buf_deinit(&many);
}
