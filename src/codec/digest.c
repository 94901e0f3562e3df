/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_CTX, which can be copied without allocating: see pbkdf2_sha256 */
#include "codec/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

struct sha256 sha256_of_parts(const str *parts, size_t n)
{
    struct sha256 d;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    for (size_t i = 0; i < n && ok; i++)
        ok = parts[i].len == 0 || EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len);
    if (!ok || !EVP_DigestFinal_ex(ctx, d.bytes, NULL))
        panic("SHA-256 is not available");
    EVP_MD_CTX_free(ctx);
    return d;
}

struct sha256 sha256_of(str bytes)
{
    return sha256_of_parts(&bytes, 1);
}

struct sha256 hmac_sha256(str key, str bytes)
{
    struct sha256 d;
    unsigned len = sizeof d.bytes;
    const char *p = key.len ? key.ptr : "";
    if (!HMAC(EVP_sha256(), p, (int)key.len, (const unsigned char *)bytes.ptr, bytes.len, d.bytes,
              &len))
        panic("HMAC is not available");
    return d;
}

/* HMAC with one key many times: the states after the two padded keys (RFC 2104, section 4). */
struct hmac_key {
    SHA256_CTX inner, outer;
};

static struct hmac_key hmac_key_of(str secret)
{
    struct hmac_key k;
    uint8_t key[SHA256_CBLOCK] = { 0 }, pad[SHA256_CBLOCK];
    if (secret.len > sizeof key) {
        struct sha256 d = sha256_of(secret);
        memcpy(key, d.bytes, sizeof d.bytes);
    } else if (secret.len) {
        memcpy(key, secret.ptr, secret.len);
    }
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] = key[i] ^ 0x36;
    SHA256_Init(&k.inner);
    SHA256_Update(&k.inner, pad, sizeof pad);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] = key[i] ^ 0x5c;
    SHA256_Init(&k.outer);
    SHA256_Update(&k.outer, pad, sizeof pad);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(pad, sizeof pad);
    return k;
}

static struct sha256 hmac_with(const struct hmac_key *k, str bytes, str more)
{
    struct sha256 d;
    SHA256_CTX c = k->inner;
    SHA256_Update(&c, bytes.ptr, bytes.len);
    SHA256_Update(&c, more.ptr, more.len);
    SHA256_Final(d.bytes, &c);
    c = k->outer;
    SHA256_Update(&c, d.bytes, sizeof d.bytes);
    SHA256_Final(d.bytes, &c);
    return d;
}

/* By hand, because the library's copies its HMAC's state on the heap in each round, which costs more than the digests do. */
struct sha256 pbkdf2_sha256(str secret, str salt, uint32_t rounds)
{
    ASSERT(rounds > 0);
    struct hmac_key k = hmac_key_of(secret);
    struct sha256 u = hmac_with(&k, salt, str_make("\0\0\0\1", 4)), d = u;
    for (uint32_t i = 1; i < rounds; i++) {
        u = hmac_with(&k, str_make(u.bytes, sizeof u.bytes), (str){ 0 });
        for (size_t b = 0; b < sizeof d.bytes; b++)
            d.bytes[b] ^= u.bytes[b];
    }
    OPENSSL_cleanse(&k, sizeof k);
    return d;
}

static const char hex_digits[] = "0123456789abcdef";

static void put_hex(char *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex_digits[bytes[i] >> 4];
        out[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
}

str sha256_format(const struct sha256 *d, char out[SHA256_TEXT_LEN + 1])
{
    put_hex(out, d->bytes, sizeof d->bytes);
    out[SHA256_TEXT_LEN] = 0;
    return str_make(out, SHA256_TEXT_LEN);
}

bool bytes_equal_secret(str a, str b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}

str hex_encode(str bytes, struct arena *a)
{
    char *out = arena_alloc_array(a, bytes.len, 2);
    put_hex(out, (const uint8_t *)bytes.ptr, bytes.len);
    return str_make(out, bytes.len * 2);
}

bool hex_decode(str text, struct arena *a, str *out)
{
    if (text.len % 2 != 0)
        return false;
    size_t n = text.len / 2;
    char *bytes = arena_alloc(a, n);
    for (size_t i = 0; i < n; i++) {
        int high = str_hex_digit(text.ptr[2 * i]), low = str_hex_digit(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (char)(high << 4 | low);
    }
    *out = str_make(bytes, n);
    return true;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Up to three bytes as up to four characters, without padding. */
static size_t put_group(char *out, const uint8_t *in, size_t n, const char *letters)
{
    uint32_t v = (uint32_t)in[0] << 16;
    v |= n > 1 ? (uint32_t)in[1] << 8 : 0;
    v |= n > 2 ? in[2] : 0;
    for (size_t i = 0; i <= n; i++)
        out[i] = letters[v >> (18 - 6 * i) & 63];
    return n + 1;
}

static str encode64(str bytes, const char *letters, bool pad, struct arena *a)
{
    ASSERT(bytes.len < SIZE_MAX / 2);
    char *text = arena_alloc(a, (bytes.len + 2) / 3 * 4);
    const uint8_t *in = (const uint8_t *)bytes.ptr;
    size_t len = 0;
    for (size_t i = 0; i < bytes.len; i += 3)
        len += put_group(text + len, in + i, bytes.len - i < 3 ? bytes.len - i : 3, letters);
    while (pad && len % 4 != 0)
        text[len++] = '=';
    return str_make(text, len);
}

str base64_encode(str bytes, struct arena *a)
{
    return encode64(bytes, alphabet, true, a);
}

str base64url_encode(str bytes, struct arena *a)
{
    return encode64(bytes, alphabet_url, false, a);
}

static int letter_value(char c, char plus, char slash)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == plus ? 62 : c == slash ? 63 : -1;
}

/* Text without padding. */
static bool decode64(str text, char plus, char slash, struct arena *a, str *out)
{
    if (text.len % 4 == 1)
        return false;
    char *bytes = arena_alloc(a, text.len / 4 * 3 + 3);
    size_t len = 0;
    uint32_t bits = 0, held = 0; /* `held` bits of `bits` have not been written yet */
    for (size_t i = 0; i < text.len; i++) {
        int v = letter_value(text.ptr[i], plus, slash);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[len++] = (char)(bits >> held);
        }
        bits &= (1U << held) - 1;
    }
    *out = str_make(bytes, len);
    return bits == 0;
}

bool base64_decode(str text, struct arena *a, str *out)
{
    if (text.len % 4 != 0)
        return false;
    size_t pad = 0;
    while (pad < 2 && pad < text.len && text.ptr[text.len - 1 - pad] == '=')
        pad++;
    return decode64(str_sub(text, 0, text.len - pad), '+', '/', a, out);
}

bool base64url_decode(str text, struct arena *a, str *out)
{
    return decode64(text, '-', '_', a, out);
}
