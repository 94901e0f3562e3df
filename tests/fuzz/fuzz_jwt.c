/* SPDX-License-Identifier: Apache-2.0
 *
 * A text with a line break in it is a token and a key set, else a token alone.  What parses has an algorithm of the list and parts
 * that are the text's own; nothing that a fuzzer makes up carries our signature, and what we sign of its claims is believed. */
#include "codec/jwt.h"

#include "fuzz.h"

static const struct jwk *our_key(struct arena *a)
{
    return jwk_from_secret(STR("ours"), STR("0f1e2d3c4b5a69788796a5b4c3d2e1f0"), a);
}

static void check_signed(const struct jwt *t, struct arena *a)
{
    struct error err = { 0 };
    const struct jwk *key = our_key(a);
    struct jwk_set set = { .keys = &key, .n = 1 };
    struct buf claims = BUF_INIT((size_t)1 << 20);
    struct json_writer w;
    struct jwt again;
    str token;
    HOLDS(!jwt_verify(t, &set, &err));
    jw_init(&w, &claims);
    jw_json(&w, t->claims);
    HOLDS(jwt_sign(key, JWT_HS256, "JWT", buf_str(&claims), a, &token, &err));
    if (token.len <= JWT_BYTES_MAX) {
        HOLDS(jwt_parse(token, a, &again, &err));
        HOLDS(jwt_verify(&again, &set, &err));
        HOLDS(str_eq(jwt_claim(&again, "sub"), jwt_claim(t, "sub")));
    }
    buf_deinit(&claims);
}

static void check_token(str text, const struct jwk_set *keys, struct arena *a)
{
    struct error err = { 0 };
    struct jwt t;
    struct jwt_expect expect = { .now_s = 1700000000 };
    bool expired;
    if (!jwt_parse(text, a, &t, &err)) {
        HOLDS(fuzz_expected(&err));
        return;
    }
    HOLDS(t.alg > JWT_ALG_NONE && t.alg < JWT_ALGS);
    HOLDS(t.signed_part.ptr == text.ptr && t.signed_part.len < text.len);
    HOLDS(t.signature.len > 0 && t.claims->kind == JSON_OBJECT);
    if (jwt_check(&t, &expect, &expired, &err))
        HOLDS(json_get(t.claims, "exp"));
    if (keys && !jwt_verify(&t, keys, &err))
        HOLDS(err.code == ERR_DENIED || err.code == ERR_NOT_FOUND);
    check_signed(&t, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)256 << 20);
    struct error err = { 0 };
    struct jwk_set keys;
    str token, text;
    bool both = str_cut(str_make(data, size), '\n', &token, &text);
    bool have = both && jwk_set_parse(text, a, &keys, &err);
    HOLDS(!both || have || fuzz_expected(&err));
    for (size_t i = 0; have && i < keys.n; i++)
        HOLDS(keys.keys[i]->key && keys.keys[i]->algs && !keys.keys[i]->can_sign &&
              !(keys.keys[i]->algs & 1u << JWT_HS256));
    check_token(token, have ? &keys : NULL, a);
    arena_destroy(a);
    return 0;
}
