/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed tokens in compact form (RFC 7515, 7519, with the advice of RFC 8725): three parts of strict base64url, JSON without duplicate
 * keys, an algorithm of the list and of the key, no `crit`, no keys from the token itself (`jwk`, `jku`, `x5u`, `x5c` are ignored).
 * Pure; any thread. */
#ifndef FIRN_CODEC_JWT_H
#define FIRN_CODEC_JWT_H

#include "codec/jwk.h"

#define JWT_BYTES_MAX ((size_t)16 << 10)
#define JWT_TIME_MAX 253402300799LL /* seconds: the end of the year 9999 */

struct jwt {
    enum jwt_alg alg;
    str kid, typ;              /* empty: none */
    const struct json *claims; /* an object */
    str signed_part, signature;
};

/* Cuts and decodes a token; nothing about it has been checked but its form.  ERR_INVALID.  Views into `token` and `a`. */
MUST_USE bool jwt_parse(str token, struct arena *a, struct jwt *out, struct error *err);

/* Checks the signature with each key that fits its algorithm, at most JWT_KEYS_TRIED: those that have the token's kid, all when it
 * has none.  ERR_NOT_FOUND: no key has this kid (fetch them again, perhaps), ERR_DENIED: the signature is wrong or the key
 * is not for this algorithm. */
#define JWT_KEYS_TRIED 16
MUST_USE bool jwt_verify(const struct jwt *token, const struct jwk_set *keys, struct error *err);

/* What the claims must say. */
struct jwt_expect {
    str issuer;           /* iss must be this; empty: any */
    const str *audiences; /* aud must hold one of these; none: any */
    size_t audiences_n;
    int64_t now_s, leeway_s; /* exp (required), nbf and iat (when there) against the clock */
    int64_t
        age_max_s; /* exp may not be later than iat (which is then required) plus this; 0: any */
};

/* ERR_DENIED with what is wrong; an expired token (*expired, may be NULL) is told from all others. */
MUST_USE bool jwt_check(const struct jwt *token, const struct jwt_expect *expect, bool *expired,
                        struct error *err);

/* A claim as text, empty when absent or of another kind; a time in whole seconds. */
str jwt_claim(const struct jwt *token, const char *name);
MUST_USE bool jwt_claim_time(const struct jwt *token, const char *name, bool *present, int64_t *out,
                             struct error *err);

/* Signs `claims` (the text of a JSON object) with the header {"alg", "typ", "kid"}. */
MUST_USE bool jwt_sign(const struct jwk *key, enum jwt_alg alg, const char *typ, str claims,
                       struct arena *a, str *token, struct error *err);

#endif
