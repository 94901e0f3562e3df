/* SPDX-License-Identifier: Apache-2.0
 *
 * The pull reader.  It keeps no stack: which brackets are open is the caller's control flow, only
 * their number is counted.  A comma is due before a member or element unless the container was just
 * entered (`first`); leaving a container clears `first`, as its parent then has at least one. */
#include "codec/json.h"

#include "codec/json_priv.h"
#include "codec/numfmt.h"

void jr_init(struct json_reader *r, str text, struct arena *a)
{
    const char *p = text.len ? text.ptr : "";
    *r = (struct json_reader){ .p = p, .begin = p, .end = p + text.len, .arena = a };
}

void json_mistake(struct json_reader *r, enum err_code code, const char *mistake)
{
    if (!r->mistake) {
        r->mistake = mistake;
        r->mistake_code = code;
    }
}

void jr_fail(struct json_reader *r, const char *mistake)
{
    json_mistake(r, ERR_INVALID, mistake);
}

/* Skips white space; the next byte, or 0 at the end and after a mistake. */
static char next(struct json_reader *r)
{
    if (r->mistake)
        return 0;
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
        r->p++;
    return r->p < r->end ? *r->p : 0;
}

static bool take(struct json_reader *r, char c, const char *mistake)
{
    if (next(r) == c) {
        r->p++;
        return true;
    }
    jr_fail(r, mistake);
    return false;
}

bool jr_peek(struct json_reader *r, enum json_kind *kind)
{
    char c = next(r);
    switch (c) {
    case '{':
        *kind = JSON_OBJECT;
        return true;
    case '[':
        *kind = JSON_ARRAY;
        return true;
    case '"':
        *kind = JSON_STR;
        return true;
    case 't':
    case 'f':
        *kind = JSON_BOOL;
        return true;
    case 'n':
        *kind = JSON_NULL;
        return true;
    default:
        *kind = JSON_F64;
        if (c == '-' || (c >= '0' && c <= '9'))
            return true;
        jr_fail(r, r->p == r->end ? "a value is missing" : "not a value");
        return false;
    }
}

static void enter(struct json_reader *r, char bracket, const char *mistake)
{
    if (!take(r, bracket, mistake))
        return;
    if (++r->depth > JSON_DEPTH_MAX)
        json_mistake(r, ERR_LIMIT, "nested too deeply");
    r->first = true;
}

void jr_object(struct json_reader *r)
{
    enter(r, '{', "an object is wanted");
}

void jr_array(struct json_reader *r)
{
    enter(r, '[', "an array is wanted");
}

/* The comma before the next member or element, or the bracket after the last one. */
static bool more(struct json_reader *r, char bracket, const char *mistake)
{
    char c = next(r);
    if (c == bracket && !r->mistake) {
        r->p++;
        r->depth--;
        r->first = false;
        return false;
    }
    if (!r->first)
        return take(r, ',', mistake);
    r->first = false;
    return !r->mistake;
}

bool jr_element(struct json_reader *r)
{
    return more(r, ']', "',' or ']' is wanted");
}

/* The four hex digits at p as a number, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int d = str_hex_digit(p[i]);
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* The code point of the escape "uXXXX" or "uXXXX\uXXXX" at p; sets how many bytes it takes.  -1 for
 * bad digits and lone surrogates. */
static int32_t code_point(const char *p, const char *end, int *taken)
{
    int32_t high = hex4(p + 1, end);
    *taken = 5;
    if (high < 0xD800 || high > 0xDFFF)
        return high;
    if (high > 0xDBFF || end - p < 11 || p[5] != '\\' || p[6] != 'u')
        return -1;
    int32_t low = hex4(p + 7, end);
    if (low < 0xDC00 || low > 0xDFFF)
        return -1;
    *taken = 11;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

static char plain_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

/* Steps over the escape at p, which points behind the backslash. */
static bool check_escape(struct json_reader *r, const char **p)
{
    int taken = 1;
    if (*p < r->end &&
        (**p == 'u' ? code_point(*p, r->end, &taken) >= 0 : plain_escape(**p) != 0)) {
        *p += taken;
        return true;
    }
    r->p = *p;
    jr_fail(r, "bad escape or lone surrogate");
    return false;
}

/* A string's bytes between the quotes, checked in full. */
static bool scan_string(struct json_reader *r, str *raw, bool *escapes)
{
    *raw = (str){ 0 };
    *escapes = false;
    if (!take(r, '"', "a string is wanted"))
        return false;
    bool ascii = true;
    const char *p = r->p;
    for (;;) {
        while (r->end - p >= 8 && json_plain8(p))
            p += 8;
        if (p == r->end || (unsigned char)*p < 0x20) {
            const char *mistake = p == r->end ? "a string is not closed" : "control character";
            r->p = p;
            jr_fail(r, mistake);
            return false;
        }
        char c = *p++;
        if (c == '"')
            break;
        ascii &= (unsigned char)c < 0x80;
        if (c != '\\')
            continue;
        *escapes = true;
        if (!check_escape(r, &p))
            return false;
    }
    *raw = str_make(r->p, (size_t)(p - 1 - r->p));
    if (!ascii && !str_is_utf8(*raw)) {
        jr_fail(r, "invalid UTF-8 in a string");
        return false;
    }
    r->p = p;
    return true;
}

static char *put_utf8(char *out, int32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    }
    return out;
}

void *json_alloc(struct json_reader *r, size_t size)
{
    /* The slack is what an arena may lose to alignment. */
    if (arena_left(r->arena) < 64 || size > arena_left(r->arena) - 64) {
        json_mistake(r, ERR_LIMIT, "needs more memory than is allowed");
        return NULL;
    }
    return arena_alloc(r->arena, size);
}

/* No escape is shorter than what it stands for. */
static str unescape(struct json_reader *r, str raw)
{
    char *text = json_alloc(r, raw.len), *out = text;
    if (!text)
        return (str){ 0 };
    const char *p = raw.ptr, *end = raw.ptr + raw.len;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((slash ? slash : end) - p);
        memcpy(out, p, plain);
        out += plain;
        p += plain;
        if (!slash)
            break;
        int taken = 1;
        p++;
        if (*p == 'u')
            out = put_utf8(out, code_point(p, end, &taken));
        else
            *out++ = plain_escape(*p);
        p += taken;
    }
    return str_make(text, (size_t)(out - text));
}

str jr_str(struct json_reader *r)
{
    str raw;
    bool escapes;
    if (!scan_string(r, &raw, &escapes))
        return (str){ 0 };
    return escapes ? unescape(r, raw) : raw;
}

bool jr_member(struct json_reader *r, str *key)
{
    *key = (str){ 0 };
    if (!more(r, '}', "',' or '}' is wanted"))
        return false;
    *key = jr_str(r);
    return take(r, ':', "':' is wanted");
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* The text of a number by RFC 8259's grammar. */
static bool scan_number(struct json_reader *r, str *text, bool *integer)
{
    char c = next(r);
    if (c != '-' && (c < '0' || c > '9')) {
        jr_fail(r, "a number is wanted");
        return false;
    }
    const char *begin = r->p, *p = begin + (c == '-');
    const char *digits = p;
    p = skip_digits(p, r->end);
    bool good = p > digits && (*digits != '0' || p == digits + 1);
    *integer = true;
    if (good && p < r->end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, r->end);
        good = p > digits;
        *integer = false;
    }
    if (good && p < r->end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < r->end && (*p == '+' || *p == '-');
        digits = p;
        p = skip_digits(p, r->end);
        good = p > digits;
        *integer = false;
    }
    *text = str_make(begin, (size_t)(p - begin));
    if (!good)
        jr_fail(r, "bad number");
    return good;
}

static bool to_f64(struct json_reader *r, str text, double *out)
{
    if (num_parse_f64(text, out) && *out - *out == 0)
        return true;
    jr_fail(r, "number out of range");
    *out = 0;
    return false;
}

void json_number(struct json_reader *r, struct json *out)
{
    str text;
    bool integer;
    if (!scan_number(r, &text, &integer))
        return;
    if (integer && str_to_i64(text, &out->i)) {
        out->kind = JSON_INT;
    } else {
        out->kind = JSON_F64;
        if (!to_f64(r, text, &out->f))
            return;
    }
    r->p += text.len;
}

int64_t jr_int(struct json_reader *r)
{
    struct json v = { .kind = JSON_INT };
    (void)next(r);
    const char *begin = r->p;
    json_number(r, &v);
    if (v.kind == JSON_INT)
        return v.i;
    r->p = begin;
    jr_fail(r, "an integer of 64 bits is wanted");
    return 0;
}

double jr_f64(struct json_reader *r)
{
    str text;
    bool integer;
    double v = 0;
    if (scan_number(r, &text, &integer) && to_f64(r, text, &v))
        r->p += text.len;
    return v;
}

static bool literal(struct json_reader *r, str word)
{
    if (next(r) != word.ptr[0] || !str_starts(str_make(r->p, (size_t)(r->end - r->p)), word))
        return false;
    r->p += word.len;
    return true;
}

bool jr_bool(struct json_reader *r)
{
    if (literal(r, STR("true")))
        return true;
    if (!literal(r, STR("false")))
        jr_fail(r, "true or false is wanted");
    return false;
}

bool jr_null(struct json_reader *r)
{
    return literal(r, STR("null"));
}

static void skip_object(struct json_reader *r)
{
    str key;
    bool escapes;
    jr_object(r);
    while (more(r, '}', "',' or '}' is wanted") && scan_string(r, &key, &escapes) &&
           take(r, ':', "':' is wanted"))
        jr_skip(r);
}

void jr_skip(struct json_reader *r)
{
    enum json_kind kind;
    str text;
    bool flag;
    struct json number;
    if (!jr_peek(r, &kind))
        return;
    switch (kind) {
    case JSON_OBJECT:
        skip_object(r);
        break;
    case JSON_ARRAY:
        jr_array(r);
        while (jr_element(r))
            jr_skip(r);
        break;
    case JSON_STR:
        (void)scan_string(r, &text, &flag);
        break;
    case JSON_BOOL:
        (void)jr_bool(r);
        break;
    case JSON_NULL:
        if (!jr_null(r))
            jr_fail(r, "not a value");
        break;
    case JSON_INT:
    case JSON_F64:
        json_number(r, &number);
        break;
    }
}

str jr_raw(struct json_reader *r)
{
    (void)next(r);
    const char *begin = r->p;
    jr_skip(r);
    return r->mistake ? (str){ 0 } : str_make(begin, (size_t)(r->p - begin));
}

bool jr_finish(struct json_reader *r, struct error *err)
{
    if (next(r) != 0 || (!r->mistake && r->p < r->end))
        jr_fail(r, "text after the value");
    if (!r->mistake)
        return true;
    int line = 1, column = 1;
    for (const char *p = r->begin; p < r->p; p++) {
        bool newline = *p == '\n';
        line += newline;
        column = newline ? 1 : column + ((*p & 0xC0) != 0x80);
    }
    return fail(err, r->mistake_code, "JSON, line %d, column %d: %s", line, column, r->mistake);
}
