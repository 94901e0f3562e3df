/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jwk.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "codec/digest.h"

#define RSA_EXPONENT_BYTES_MAX 8 /* larger ones only cost time */
#define ALG_BIT(alg) (1u << (alg))

static const char *const names[JWT_ALGS] = {
    [JWT_HS256] = "HS256", [JWT_RS256] = "RS256", [JWT_PS256] = "PS256",
    [JWT_ES256] = "ES256", [JWT_ES384] = "ES384", [JWT_EDDSA] = "EdDSA",
};

struct curve {
    const char *name, *group; /* as JWK and as OpenSSL call it */
    enum jwt_alg alg;
    size_t bytes; /* of a coordinate */
};

static const struct curve curves[] = {
    { "P-256", "P-256", JWT_ES256, 32 },
    { "P-384", "P-384", JWT_ES384, 48 },
};

const char *jwt_alg_name(enum jwt_alg alg)
{
    return alg > JWT_ALG_NONE && alg < JWT_ALGS ? names[alg] : "none";
}

enum jwt_alg jwt_alg_parse(str word)
{
    for (int i = JWT_ALG_NONE + 1; i < JWT_ALGS; i++)
        if (str_is(word, names[i]))
            return (enum jwt_alg)i;
    return JWT_ALG_NONE;
}

static const struct curve *curve_of(enum jwt_alg alg)
{
    return alg == JWT_ES256 ? &curves[0] : alg == JWT_ES384 ? &curves[1] : NULL;
}

static void free_key(void *key)
{
    EVP_PKEY_free(key);
}

static struct jwk *key_new(EVP_PKEY *pkey, str kid, uint32_t algs, struct arena *a)
{
    struct jwk *key = arena_new(a, struct jwk);
    key->kid = arena_str(a, kid);
    key->algs = algs;
    key->key = pkey;
    if (pkey)
        arena_defer(a, free_key, pkey);
    return key;
}

const struct jwk *jwk_from_secret(str kid, str secret, struct arena *a)
{
    ASSERT(secret.len >= SHA256_LEN);
    struct jwk *key = key_new(NULL, kid, ALG_BIT(JWT_HS256), a);
    key->secret = arena_str(a, secret);
    key->can_sign = true;
    return key;
}

/* ---- Reading ---- */

static bool member_bytes(const struct json *doc, const char *name, struct arena *a, str *out,
                         struct error *err)
{
    str text;
    if (!json_need_str(doc, name, &text, err))
        return false;
    if (text.len == 0 || !base64url_decode(text, a, out))
        return fail(err, ERR_INVALID, "the member %s is not base64url", name);
    return true;
}

/* A public key from its parameters; NULL when OpenSSL finds fault with it. */
static EVP_PKEY *key_from_params(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL), *check = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *key = NULL;
    bool ok = ctx && params && EVP_PKEY_fromdata_init(ctx) == 1 &&
              EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1 &&
              (check = EVP_PKEY_CTX_new(key, NULL)) && EVP_PKEY_public_check(check) == 1;
    if (!ok) {
        EVP_PKEY_free(key);
        key = NULL;
        ERR_clear_error();
    }
    EVP_PKEY_CTX_free(check);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *rsa_from(str n, str e)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *bn = BN_bin2bn((const unsigned char *)n.ptr, (int)n.len, NULL),
           *be = BN_bin2bn((const unsigned char *)e.ptr, (int)e.len, NULL);
    EVP_PKEY *key = NULL;
    if (build && bn && be && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be))
        key = key_from_params("RSA", build);
    BN_free(bn);
    BN_free(be);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static bool parse_rsa(const struct json *doc, struct arena *a, EVP_PKEY **out, uint32_t *algs,
                      struct error *err)
{
    str n, e;
    if (!member_bytes(doc, "n", a, &n, err) || !member_bytes(doc, "e", a, &e, err))
        return false;
    if (n.len > JWK_RSA_BITS_MAX / 8 || e.len > RSA_EXPONENT_BYTES_MAX)
        return fail(err, ERR_INVALID, "the RSA key is larger than %d bits", JWK_RSA_BITS_MAX);
    *out = rsa_from(n, e);
    if (!*out)
        return fail(err, ERR_INVALID, "the RSA key is none");
    if (EVP_PKEY_get_bits(*out) < JWK_RSA_BITS_MIN) {
        int bits = EVP_PKEY_get_bits(*out);
        EVP_PKEY_free(*out);
        return fail(err, ERR_INVALID, "the RSA key has %d bits; at least %d are needed", bits,
                    JWK_RSA_BITS_MIN);
    }
    *algs = ALG_BIT(JWT_RS256) | ALG_BIT(JWT_PS256);
    return true;
}

static EVP_PKEY *ec_from(const struct curve *curve, str x, str y)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    unsigned char point[97] = { 4 }; /* uncompressed */
    EVP_PKEY *key = NULL;
    memcpy(point + 1, x.ptr, x.len);
    memcpy(point + 1 + x.len, y.ptr, y.len);
    if (build &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x.len + y.len))
        key = key_from_params("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

/* *out stays NULL for a curve that no algorithm of ours uses. */
static bool parse_ec(const struct json *doc, struct arena *a, EVP_PKEY **out, uint32_t *algs,
                     struct error *err)
{
    str name, x, y;
    if (!json_need_str(doc, "crv", &name, err))
        return false;
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        const struct curve *c = &curves[i];
        if (!str_is(name, c->name))
            continue;
        if (!member_bytes(doc, "x", a, &x, err) || !member_bytes(doc, "y", a, &y, err))
            return false;
        if (x.len != c->bytes || y.len != c->bytes)
            return fail(err, ERR_INVALID, "a coordinate of %s has %zu bytes", c->name, c->bytes);
        *out = ec_from(c, x, y);
        *algs = ALG_BIT(c->alg);
        return *out || fail(err, ERR_INVALID, "the point is not on the curve %s", c->name);
    }
    return true;
}

static bool parse_okp(const struct json *doc, struct arena *a, EVP_PKEY **out, uint32_t *algs,
                      struct error *err)
{
    str name, x;
    if (!json_need_str(doc, "crv", &name, err))
        return false;
    if (!str_is(name, "Ed25519"))
        return true;
    if (!member_bytes(doc, "x", a, &x, err))
        return false;
    if (x.len != 32)
        return fail(err, ERR_INVALID, "a key of Ed25519 has 32 bytes, not %zu", x.len);
    *out = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)x.ptr, x.len);
    *algs = ALG_BIT(JWT_EDDSA);
    return *out || fail(err, ERR_INVALID, "the key of Ed25519 is none");
}

static bool for_signatures(const struct json *doc)
{
    const struct json *use = json_get(doc, "use"), *ops = json_get(doc, "key_ops");
    if (use && use->kind == JSON_STR && !str_is(use->s, "sig"))
        return false;
    if (!ops || ops->kind != JSON_ARRAY)
        return true;
    for (size_t i = 0; i < ops->array.n; i++)
        if (ops->array.items[i].kind == JSON_STR && str_is(ops->array.items[i].s, "verify"))
            return true;
    return false;
}

/* *out is NULL for a key to be skipped. */
static bool parse_key(const struct json *doc, struct arena *a, const struct jwk **out,
                      struct error *err)
{
    str kty, kid, alg;
    EVP_PKEY *pkey = NULL;
    uint32_t algs = 0;
    *out = NULL;
    if (!json_need_str(doc, "kty", &kty, err) || !json_opt_str(doc, "kid", (str){ 0 }, &kid, err) ||
        !json_opt_str(doc, "alg", (str){ 0 }, &alg, err))
        return false;
    if (kid.len > JWK_KID_MAX)
        return fail(err, ERR_LIMIT, "a kid is longer than %d bytes", JWK_KID_MAX);
    if (!for_signatures(doc) || (alg.len && jwt_alg_parse(alg) == JWT_ALG_NONE))
        return true;
    if (json_get(doc, "d"))
        return fail(err, ERR_INVALID, "it is a private key, which must not be published");
    bool ok = true;
    if (str_is(kty, "RSA"))
        ok = parse_rsa(doc, a, &pkey, &algs, err);
    else if (str_is(kty, "EC"))
        ok = parse_ec(doc, a, &pkey, &algs, err);
    else if (str_is(kty, "OKP"))
        ok = parse_okp(doc, a, &pkey, &algs, err);
    if (!ok || !pkey)
        return ok;
    if (alg.len)
        algs &= ALG_BIT(jwt_alg_parse(alg));
    const struct jwk *key = key_new(pkey, kid, algs, a);
    if (algs == 0)
        return fail(err, ERR_INVALID, "it is not for the algorithm " STR_FMT, STR_ARG(alg));
    *out = key;
    return true;
}

bool jwk_set_parse(str text, struct arena *a, struct jwk_set *out, struct error *err)
{
    struct json *doc;
    const struct json *list;
    *out = (struct jwk_set){ 0 };
    if (text.len > JWK_SET_BYTES_MAX)
        return fail(err, ERR_LIMIT, "the key set is larger than %zu bytes", JWK_SET_BYTES_MAX);
    if (!json_parse(text, a, &doc, err) || !json_need_array(doc, "keys", &list, err))
        return fail_in(err, "the key set");
    if (list->array.n > JWK_KEYS_MAX)
        return fail(err, ERR_LIMIT, "the key set has more than %d keys", JWK_KEYS_MAX);
    out->keys = arena_array(a, const struct jwk *, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        const struct jwk *key;
        if (list->array.items[i].kind != JSON_OBJECT)
            return fail(err, ERR_INVALID, "key %zu of the key set is no object", i);
        if (!parse_key(&list->array.items[i], a, &key, err))
            return fail_in(err, "key %zu of the key set", i);
        if (!key)
            out->skipped++;
        else
            out->keys[out->n++] = key;
    }
    return true;
}

/* ---- Making and writing ---- */

bool jwk_generate(enum jwt_alg alg, str kid, struct arena *a, const struct jwk **out,
                  struct error *err)
{
    const struct curve *curve = curve_of(alg);
    EVP_PKEY *pkey = NULL;
    if (curve)
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve->group);
    else if (alg == JWT_EDDSA)
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else if (alg == JWT_RS256 || alg == JWT_PS256)
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)JWK_RSA_BITS_MIN);
    if (!pkey)
        return fail(err, ERR_INVALID, "no key pair can be made for %s", jwt_alg_name(alg));
    struct jwk *key = key_new(pkey, kid, ALG_BIT(alg), a);
    key->can_sign = true;
    *out = key;
    return true;
}

static void write_number(const EVP_PKEY *pkey, const char *param, const char *name, size_t bytes,
                         struct json_writer *w, struct arena *a)
{
    BIGNUM *n = NULL;
    if (EVP_PKEY_get_bn_param(pkey, param, &n) != 1)
        panic("a key without %s", param);
    size_t len = bytes ? bytes : (size_t)BN_num_bytes(n);
    unsigned char *out = arena_alloc(a, len);
    BN_bn2binpad(n, out, (int)len);
    BN_free(n);
    jw_kv_str(w, name, base64url_encode(str_make(out, len), a));
}

static void write_okp(const EVP_PKEY *pkey, struct json_writer *w, struct arena *a)
{
    unsigned char raw[32];
    size_t n = sizeof raw;
    if (EVP_PKEY_get_raw_public_key(pkey, raw, &n) != 1)
        panic("an Ed25519 key without its public half");
    jw_kv_str(w, "kty", STR("OKP"));
    jw_kv_str(w, "crv", STR("Ed25519"));
    jw_kv_str(w, "x", base64url_encode(str_make(raw, n), a));
}

bool jwk_write_public(const struct jwk *key, struct json_writer *w, struct arena *a,
                      struct error *err)
{
    if (!key->key)
        return fail(err, ERR_INVALID, "a secret is not published");
    const struct curve *curve = key->algs & ALG_BIT(JWT_ES256)   ? &curves[0]
                                : key->algs & ALG_BIT(JWT_ES384) ? &curves[1]
                                                                 : NULL;
    jw_begin_object(w);
    jw_kv_str(w, "kid", key->kid);
    jw_kv_str(w, "use", STR("sig"));
    if (curve) {
        jw_kv_str(w, "kty", STR("EC"));
        jw_kv_str(w, "crv", str_of(curve->name));
        write_number(key->key, OSSL_PKEY_PARAM_EC_PUB_X, "x", curve->bytes, w, a);
        write_number(key->key, OSSL_PKEY_PARAM_EC_PUB_Y, "y", curve->bytes, w, a);
    } else if (key->algs & ALG_BIT(JWT_EDDSA)) {
        write_okp(key->key, w, a);
    } else {
        jw_kv_str(w, "kty", STR("RSA"));
        write_number(key->key, OSSL_PKEY_PARAM_RSA_N, "n", 0, w, a);
        write_number(key->key, OSSL_PKEY_PARAM_RSA_E, "e", 0, w, a);
    }
    jw_end_object(w);
    return true;
}

/* ---- Signatures ---- */

static const EVP_MD *digest_of(enum jwt_alg alg)
{
    if (alg == JWT_EDDSA)
        return NULL;
    return alg == JWT_ES384 ? EVP_sha384() : EVP_sha256();
}

static bool set_padding(EVP_PKEY_CTX *ctx, enum jwt_alg alg)
{
    if (alg == JWT_RS256)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    if (alg != JWT_PS256)
        return true;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* Tokens carry r and s side by side (RFC 7518, section 3.4), OpenSSL wants them in DER. */
static bool der_of_raw(const struct curve *curve, str raw, struct arena *a, str *der)
{
    const unsigned char *p = (const unsigned char *)raw.ptr;
    if (raw.len != 2 * curve->bytes)
        return false;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(p, (int)curve->bytes, NULL),
           *s = BN_bin2bn(p + curve->bytes, (int)curve->bytes, NULL);
    if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1)
        panic("out of memory for a signature");
    int n = i2d_ECDSA_SIG(sig, NULL);
    unsigned char *out = arena_alloc(a, (size_t)n), *at = out;
    i2d_ECDSA_SIG(sig, &at);
    ECDSA_SIG_free(sig);
    *der = str_make(out, (size_t)n);
    return true;
}

static str raw_of_der(const struct curve *curve, str der, struct arena *a)
{
    const unsigned char *p = (const unsigned char *)der.ptr;
    unsigned char *out = arena_alloc(a, 2 * curve->bytes);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)der.len);
    if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)curve->bytes) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + curve->bytes, (int)curve->bytes) < 0)
        panic("a signature of our own cannot be read");
    ECDSA_SIG_free(sig);
    return str_make(out, 2 * curve->bytes);
}

static bool verify_with(const struct jwk *key, enum jwt_alg alg, str bytes, str signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    bool ok = ctx && EVP_DigestVerifyInit(ctx, &pctx, digest_of(alg), NULL, key->key) == 1 &&
              set_padding(pctx, alg) &&
              EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
                               (const unsigned char *)bytes.ptr, bytes.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

bool jwk_verify(const struct jwk *key, enum jwt_alg alg, str bytes, str signature)
{
    if (alg <= JWT_ALG_NONE || alg >= JWT_ALGS || !(key->algs & ALG_BIT(alg)) || !signature.len)
        return false;
    if (alg == JWT_HS256) {
        struct sha256 d = hmac_sha256(key->secret, bytes);
        return bytes_equal_secret(str_make(d.bytes, sizeof d.bytes), signature);
    }
    const struct curve *curve = curve_of(alg);
    if (!curve)
        return verify_with(key, alg, bytes, signature);
    struct arena *a = arena_create(0);
    str der;
    bool ok = der_of_raw(curve, signature, a, &der) && verify_with(key, alg, bytes, der);
    arena_destroy(a);
    return ok;
}

bool jwk_sign(const struct jwk *key, enum jwt_alg alg, str bytes, struct arena *a, str *signature,
              struct error *err)
{
    if (!key->can_sign || alg <= JWT_ALG_NONE || alg >= JWT_ALGS || !(key->algs & ALG_BIT(alg)))
        return fail(err, ERR_INVALID, "the key does not sign with %s", jwt_alg_name(alg));
    if (alg == JWT_HS256) {
        struct sha256 d = hmac_sha256(key->secret, bytes);
        *signature = arena_str(a, str_make(d.bytes, sizeof d.bytes));
        return true;
    }
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    size_t n = 0;
    unsigned char *out = NULL;
    bool ok = ctx && EVP_DigestSignInit(ctx, &pctx, digest_of(alg), NULL, key->key) == 1 &&
              set_padding(pctx, alg) && EVP_DigestSign(ctx, NULL, &n, p, bytes.len) == 1 &&
              (out = arena_alloc(a, n)) && EVP_DigestSign(ctx, out, &n, p, bytes.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    if (!ok)
        return fail(err, ERR_INTERNAL, "signing with %s failed", jwt_alg_name(alg));
    *signature = str_make(out, n);
    if (curve_of(alg))
        *signature = raw_of_der(curve_of(alg), *signature, a);
    return true;
}
