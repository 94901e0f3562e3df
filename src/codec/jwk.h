/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys that sign tokens (RFC 7517, 7518, 8037), over OpenSSL.  A key knows its algorithm: what a token says about itself never
 * chooses how it is checked, so a public RSA key cannot become an HMAC secret.
 *
 * Keys and sets are immutable and live in the arena they were made in; any number of threads may use them. */
#ifndef FIRN_CODEC_JWK_H
#define FIRN_CODEC_JWK_H

#include "base/arena.h"
#include "base/error.h"
#include "codec/json.h"

#define JWK_SET_BYTES_MAX ((size_t)1 << 20)
#define JWK_KEYS_MAX 256
#define JWK_KID_MAX 512 /* bytes */
#define JWK_RSA_BITS_MIN 2048
#define JWK_RSA_BITS_MAX 8192

enum jwt_alg {
    JWT_ALG_NONE,
    JWT_HS256,
    JWT_RS256,
    JWT_PS256,
    JWT_ES256,
    JWT_ES384,
    JWT_EDDSA,
    JWT_ALGS
};

/* "ES256"; parse answers JWT_ALG_NONE for every word that is not in the list, "none" too. */
const char *jwt_alg_name(enum jwt_alg alg);
enum jwt_alg jwt_alg_parse(str word);

struct jwk {
    str kid;                 /* empty: none given */
    uint32_t algs;           /* bit 1 << alg for each algorithm that it may be used with */
    str secret;              /* HS256 */
    struct evp_pkey_st *key; /* all others */
    bool can_sign;
};

struct jwk_set {
    const struct jwk **keys;
    size_t n, skipped; /* skipped: keys of the text that are for other uses or unknown algorithms */
};

/* Reads {"keys": [...]}: public keys of kty RSA, EC (P-256, P-384) and OKP (Ed25519) for signatures.  Keys of
 * other types and uses are skipped, as RFC 7517 section 5 asks; "oct" keys too: a published secret is none.  ERR_INVALID for
 * text that is no key set, broken members, points off their curve, weak RSA keys, private keys; ERR_LIMIT over the limits above.
 * Several keys may have one kid (RFC 7517, section 4.5). */
MUST_USE bool jwk_set_parse(str text, struct arena *a, struct jwk_set *out, struct error *err);

/* A secret of 32 bytes or more for HS256. */
const struct jwk *jwk_from_secret(str kid, str secret, struct arena *a);

/* A fresh key pair for any algorithm but HS256. */
MUST_USE bool jwk_generate(enum jwt_alg alg, str kid, struct arena *a, const struct jwk **out,
                           struct error *err);

/* Writes the public half as one JWK object; ERR_INVALID for a secret. */
MUST_USE bool jwk_write_public(const struct jwk *key, struct json_writer *w, struct arena *a,
                               struct error *err);

/* Signs and checks bytes (of a token: jwt.h).  The algorithm must be one of the key's.  verify takes time that does not
 * depend on where a wrong signature differs. */
MUST_USE bool jwk_sign(const struct jwk *key, enum jwt_alg alg, str bytes, struct arena *a,
                       str *signature, struct error *err);
bool jwk_verify(const struct jwk *key, enum jwt_alg alg, str bytes, str signature);

#endif
