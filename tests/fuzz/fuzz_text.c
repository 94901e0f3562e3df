/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte picks a reader of short texts.  Parts of a location lie inside its text and have no
 * dots to climb with; everything else reads back as itself. */
#include "codec/digest.h"
#include "codec/numfmt.h"
#include "codec/uri.h"
#include "codec/uuid.h"

#include "fuzz.h"

static bool inside(str part, str text)
{
    return part.len == 0 || (part.ptr >= text.ptr && part.ptr + part.len <= text.ptr + text.len);
}

static void check_uri(str text, struct arena *a)
{
    struct uri u, again;
    struct error err = { 0 };
    str joined, rest;
    if (!uri_parse(text, &u, &err)) {
        HOLDS(fuzz_expected(&err));
        return;
    }
    HOLDS(inside(u.host, text) && inside(u.path, text));
    HOLDS(u.port >= 0 && u.port < 65536);
    HOLDS(str_find(u.path, STR("/../")) < 0 && !str_ends(u.path, STR("/..")));
    if (!uri_join(text, STR("data/x"), a, &joined, &err))
        return;
    HOLDS(uri_parse(joined, &again, &err));
    HOLDS(uri_below(&u, &again, &rest) && str_eq(rest, STR("data/x")));
}

static void check_relative(str text, struct arena *a)
{
    struct error err = { 0 };
    struct uri root, u;
    str joined, rest;
    if (!uri_check_relative(text, &err)) {
        HOLDS(fuzz_expected(&err));
        return;
    }
    if (!uri_join(STR("/w"), text, a, &joined, &err) || !uri_parse(joined, &u, &err))
        return; /* too long, or '?' and '#', which names may have */
    HOLDS(uri_parse(STR("/w"), &root, &err));
    HOLDS(uri_below(&root, &u, &rest) && str_eq(rest, text));
}

static void check_percent(str text, struct arena *a)
{
    struct buf encoded = BUF_INIT((size_t)16 << 20);
    struct error err = { 0 };
    str plain, again;
    if (percent_decode(text, false, a, &plain, &err)) {
        percent_encode(plain, &encoded);
        HOLDS(percent_decode(buf_str(&encoded), true, a, &again, &err) && str_eq(plain, again));
    } else {
        HOLDS(fuzz_expected(&err));
    }
    buf_deinit(&encoded);
}

static void check_base64(str text, struct arena *a)
{
    str out;
    if (base64_decode(text, a, &out))
        HOLDS(str_eq(base64_encode(out, a), text));
    if (base64url_decode(text, a, &out))
        HOLDS(str_eq(base64url_encode(out, a), text));
    if (hex_decode(text, a, &out))
        HOLDS(str_eq_nocase(hex_encode(out, a), text));
    HOLDS(base64_decode(base64_encode(text, a), a, &out) && str_eq(out, text));
}

static void check_number(str text)
{
    char digits[NUM_TEXT_MAX];
    double v, again;
    if (num_parse_f64(text, &v) && v - v == 0) {
        size_t n = num_format_f64(v, digits);
        HOLDS(n <= sizeof digits && num_parse_f64(str_make(digits, n), &again));
        HOLDS(memcmp(&v, &again, sizeof v) == 0);
    }
    if (text.len == sizeof v) { /* as bits */
        memcpy(&v, text.ptr, sizeof v);
        size_t n = num_format_f64(v, digits);
        HOLDS(n <= sizeof digits);
        if (v - v == 0)
            HOLDS(num_parse_f64(str_make(digits, n), &again) && again == v);
    }
}

static void check_uuid(str text)
{
    struct uuid u;
    char again[UUID_TEXT_LEN + 1];
    if (uuid_parse(text, &u))
        HOLDS(str_eq_nocase(uuid_format(&u, again), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *a = arena_create(0);
    str text = str_make(data + 1, size - 1);
    switch (data[0] % 6) {
    case 0:
        check_uri(text, a);
        break;
    case 1:
        check_relative(text, a);
        break;
    case 2:
        check_percent(text, a);
        break;
    case 3:
        check_base64(text, a);
        break;
    case 4:
        check_number(text);
        break;
    default:
        check_uuid(text);
        break;
    }
    arena_destroy(a);
    return 0;
}
