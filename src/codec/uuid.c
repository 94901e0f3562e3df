/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/uuid.h"

static void mark(struct uuid *u, uint8_t version)
{
    u->bytes[6] = (uint8_t)((u->bytes[6] & 0x0F) | version << 4);
    u->bytes[8] = (uint8_t)((u->bytes[8] & 0x3F) | 0x80);
}

struct uuid uuid_v4(const uint8_t random[16])
{
    struct uuid u;
    memcpy(u.bytes, random, sizeof u.bytes);
    mark(&u, 4);
    return u;
}

struct uuid uuid_v7(int64_t unix_ms, const uint8_t random[10])
{
    struct uuid u;
    for (int i = 0; i < 6; i++)
        u.bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
    memcpy(u.bytes + 6, random, 10);
    mark(&u, 7);
    return u;
}

static bool dash_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

str uuid_format(const struct uuid *u, char out[UUID_TEXT_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    char *p = out;
    for (size_t i = 0; i < sizeof u->bytes; i++) {
        if (dash_before(i))
            *p++ = '-';
        *p++ = digits[u->bytes[i] >> 4];
        *p++ = digits[u->bytes[i] & 15];
    }
    *p = 0;
    return str_make(out, UUID_TEXT_LEN);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_parse(str s, struct uuid *out)
{
    if (s.len != UUID_TEXT_LEN)
        return false;
    const char *p = s.ptr;
    for (size_t i = 0; i < sizeof out->bytes; i++) {
        if (dash_before(i) && *p++ != '-')
            return false;
        int high = digit(p[0]), low = digit(p[1]);
        if (high < 0 || low < 0)
            return false;
        out->bytes[i] = (uint8_t)(high << 4 | low);
        p += 2;
    }
    return true;
}
