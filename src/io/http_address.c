/* SPDX-License-Identifier: Apache-2.0
 *
 * Which addresses are those of the public Internet: the IANA special-purpose address registries (RFC 6890 and its updates) as a
 * table of what is not.  IPv6 forms that carry an IPv4 address are judged by that one. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "io/http.h"

struct range {
    uint8_t bytes[16];
    int bits;
};

static const struct range special_v4[] = {
    { { 0 }, 8 },             /* this network */
    { { 10 }, 8 },            /* private */
    { { 100, 64 }, 10 },      /* shared, carrier-grade NAT */
    { { 127 }, 8 },           /* loopback */
    { { 169, 254 }, 16 },     /* link-local; metadata services of clouds */
    { { 172, 16 }, 12 },      /* private */
    { { 192, 0, 0 }, 24 },    /* protocol assignments */
    { { 192, 0, 2 }, 24 },    /* documentation */
    { { 192, 31, 196 }, 24 }, /* AS112 */
    { { 192, 52, 193 }, 24 }, /* AMT */
    { { 192, 88, 99 }, 24 },  /* 6to4 relays, withdrawn */
    { { 192, 168 }, 16 },     /* private */
    { { 192, 175, 48 }, 24 }, /* AS112 */
    { { 198, 18 }, 15 },      /* benchmarks */
    { { 198, 51, 100 }, 24 }, /* documentation */
    { { 203, 0, 113 }, 24 },  /* documentation */
    { { 224 }, 4 },           /* multicast */
    { { 240 }, 4 },           /* reserved, broadcast */
};

/* Only 2000::/3 is handed out; within it: */
static const struct range special_v6[] = {
    { { 0x20, 0x01 }, 23 },                   /* protocol assignments */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 },       /* documentation */
    { { 0x26, 0x20, 0x00, 0x4f, 0x80 }, 48 }, /* AS112 */
    { { 0x3f, 0xff }, 20 },                   /* documentation */
};

static bool in_range(const uint8_t *address, const struct range *r)
{
    int whole = r->bits / 8, rest = r->bits % 8;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return memcmp(address, r->bytes, (size_t)whole) == 0 &&
           (rest == 0 || ((address[whole] ^ r->bytes[whole]) & mask) == 0);
}

static bool v4_is_public(const uint8_t *address)
{
    for (size_t i = 0; i < sizeof special_v4 / sizeof *special_v4; i++)
        if (in_range(address, &special_v4[i]))
            return false;
    return true;
}

/* The IPv4 address that an IPv6 one stands for, or NULL. */
static const uint8_t *embedded_v4(const uint8_t *a, uint8_t room[4])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    static const uint8_t teredo[4] = { 0x20, 0x01, 0x00, 0x00 };
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
        return a + 12;
    if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
        return a + 2;
    if (memcmp(a, teredo, 4) != 0)
        return NULL;
    for (int i = 0; i < 4; i++)
        room[i] = (uint8_t)~a[12 + i];
    return room;
}

static bool v6_is_public(const uint8_t *address)
{
    uint8_t room[4];
    const uint8_t *v4 = embedded_v4(address, room);
    if (v4)
        return v4_is_public(v4);
    if ((address[0] & 0xe0) != 0x20)
        return false;
    for (size_t i = 0; i < sizeof special_v6 / sizeof *special_v6; i++)
        if (in_range(address, &special_v6[i]))
            return false;
    return true;
}

bool http_address_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return v4_is_public(
            (const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr);
    if (address->sa_family == AF_INET6)
        return v6_is_public(
            ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
    return false;
}
