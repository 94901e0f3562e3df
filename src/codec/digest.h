/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 and the textual forms of bytes.  Pure; any thread. */
#ifndef FIRN_CODEC_DIGEST_H
#define FIRN_CODEC_DIGEST_H

#include "base/arena.h"
#include "base/buf.h"

#define SHA256_LEN 32
#define SHA256_TEXT_LEN 64

struct sha256 {
    uint8_t bytes[SHA256_LEN];
};

/* FIPS 180-4 and RFC 2104. */
struct sha256 sha256_of(str bytes);
struct sha256 sha256_of_parts(const str *parts, size_t n); /* of their concatenation */
struct sha256 hmac_sha256(str key, str bytes);

/* PBKDF2-HMAC-SHA256 (RFC 8018), 32 bytes; slow on purpose: about 0.12 us a round. */
struct sha256 pbkdf2_sha256(str secret, str salt, uint32_t rounds);

/* Lower-case hex with a NUL; the view points into `out`. */
str sha256_format(const struct sha256 *d, char out[SHA256_TEXT_LEN + 1]);

/* Compares in a time that does not depend on the contents. */
bool bytes_equal_secret(str a, str b);

/* Lower case; decode takes either case.  False on odd length or another character. */
str hex_encode(str bytes, struct arena *a);
bool hex_decode(str text, struct arena *a, str *out);

/* RFC 4648.  Encode pads the standard alphabet and not the URL one; decode takes the same, strictly:
 * no white space, no stray bits. */
str base64_encode(str bytes, struct arena *a);
str base64url_encode(str bytes, struct arena *a);
bool base64_decode(str text, struct arena *a, str *out);
bool base64url_decode(str text, struct arena *a, str *out);

#endif
