/* SPDX-License-Identifier: Apache-2.0
 *
 * Nothing is decoded here and nothing is normalised: two locations are the same when their texts
 * are, so that a path that was checked is the path that is opened. */
#include "codec/uri.h"

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The byte that an escape at the front of s stands for, or -1. */
static int escaped_byte(str s)
{
    if (s.len < 3 || s.ptr[0] != '%')
        return -1;
    int high = str_hex_digit(s.ptr[1]), low = str_hex_digit(s.ptr[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* "." or "..", also with dots written as %2e. */
static bool is_dots(str segment)
{
    size_t dots = 0;
    while (segment.len > 0) {
        bool escape = escaped_byte(segment) == '.';
        if (!escape && segment.ptr[0] != '.')
            return false;
        segment = str_from(segment, escape ? 3 : 1);
        dots++;
    }
    return dots == 1 || dots == 2;
}

static bool check_text(str text, struct error *err)
{
    if (text.len > URI_BYTES_MAX)
        return fail(err, ERR_INVALID, "a location of %zu bytes is too long (%d are allowed)",
                    text.len, URI_BYTES_MAX);
    if (!str_is_utf8(text))
        return fail(err, ERR_INVALID, "a location is not valid UTF-8");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c == 0x7f || c == '\\')
            return fail(err, ERR_INVALID, "location has a control character or backslash");
        if (c == '%' && escaped_byte(str_from(text, i)) == 0)
            return fail(err, ERR_INVALID, "location \"" STR_FMT "\" has an encoded NUL",
                        STR_ARG(text));
    }
    return true;
}

static bool check_segments(str path, struct error *err)
{
    str rest = path, segment;
    while (str_next(&rest, '/', &segment))
        if (is_dots(segment))
            return fail(err, ERR_INVALID, "location \"" STR_FMT "\" has a \".\" or \"..\" segment",
                        STR_ARG(path));
    return true;
}

static bool is_scheme(str s)
{
    if (s.len == 0 || !is_alpha(s.ptr[0]))
        return false;
    for (size_t i = 1; i < s.len; i++) {
        char c = s.ptr[i];
        if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.')
            return false;
    }
    return true;
}

static bool is_host(str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '.' && c != '_')
            return false;
    }
    return true;
}

/* "host", "host:port" or "[v6]:port" */
static bool parse_authority(str text, struct uri *out)
{
    str port = { 0 };
    bool has_port;
    if (str_starts(text, STR("["))) {
        ptrdiff_t close = str_find_char(text, ']');
        if (close < 0)
            return false;
        out->host = str_sub(text, 1, (size_t)close);
        for (size_t i = 0; i < out->host.len; i++)
            if (str_hex_digit(out->host.ptr[i]) < 0 && out->host.ptr[i] != ':' &&
                out->host.ptr[i] != '.')
                return false;
        str after = str_from(text, (size_t)close + 1);
        has_port = after.len > 0;
        if (has_port && after.ptr[0] != ':')
            return false;
        port = str_from(after, 1);
    } else {
        has_port = str_cut(text, ':', &out->host, &port);
        if (!is_host(out->host))
            return false;
    }
    uint64_t number = 0;
    if (has_port && (!str_to_u64(port, &number) || number == 0 || number > 65535))
        return false;
    out->port = (int)number;
    return out->host.len > 0 || !has_port;
}

static bool split(str text, struct uri *out)
{
    if (str_starts(text, STR("/"))) {
        out->scheme = STR("file");
        out->path = text;
        return true;
    }
    str rest;
    if (!str_cut(text, ':', &out->scheme, &rest) || !is_scheme(out->scheme))
        return false;
    if (!str_starts(rest, STR("//"))) {
        out->path = rest;
        return str_eq_nocase(out->scheme, STR("file")) && str_starts(rest, STR("/"));
    }
    rest = str_from(rest, 2);
    ptrdiff_t slash = str_find_char(rest, '/');
    out->path = slash < 0 ? (str){ 0 } : str_from(rest, (size_t)slash);
    return parse_authority(slash < 0 ? rest : str_sub(rest, 0, (size_t)slash), out);
}

/* Files have no host but "localhost", and a path; all others have a host. */
static bool check_shape(struct uri *out)
{
    if (!str_eq_nocase(out->scheme, STR("file")))
        return out->host.len > 0;
    if (str_eq_nocase(out->host, STR("localhost")))
        out->host = (str){ 0 };
    return out->host.len == 0 && out->port == 0 && out->path.len > 0;
}

bool uri_parse(str text, struct uri *out, struct error *err)
{
    *out = (struct uri){ 0 };
    if (!check_text(text, err))
        return false;
    if (!split(text, out) || !check_shape(out))
        return fail(err, ERR_INVALID,
                    "\"" STR_FMT "\" is no location: wanted scheme://host/path, "
                    "file:///path or an absolute path",
                    STR_ARG(text));
    if (str_find_char(text, '?') >= 0 || str_find_char(text, '#') >= 0)
        return fail(err, ERR_INVALID, "location \"" STR_FMT "\" has a query or fragment",
                    STR_ARG(text));
    return check_segments(out->path, err);
}

bool uri_check_relative(str path, struct error *err)
{
    if (!check_text(path, err) || !check_segments(path, err))
        return false;
    str rest = path, segment;
    while (str_next(&rest, '/', &segment))
        if (segment.len == 0)
            return fail(err, ERR_INVALID,
                        "path \"" STR_FMT "\" is absolute or has an empty segment", STR_ARG(path));
    if (path.len == 0 || str_ends(path, STR("/")))
        return fail(err, ERR_INVALID, "path \"" STR_FMT "\" names no object", STR_ARG(path));
    return true;
}

bool uri_join(str base, str relative, struct arena *a, str *out, struct error *err)
{
    if (!uri_check_relative(relative, err))
        return false;
    while (str_ends(base, STR("/")))
        base.len--;
    if (base.len + 1 + relative.len > URI_BYTES_MAX)
        return fail(err, ERR_INVALID, "location below \"" STR_FMT "\" is too long", STR_ARG(base));
    *out = arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(base), STR_ARG(relative));
    return true;
}

static str scheme_family(str scheme)
{
    bool s3 = str_eq_nocase(scheme, STR("s3a")) || str_eq_nocase(scheme, STR("s3n"));
    return s3 ? STR("s3") : scheme;
}

bool uri_below(const struct uri *root, const struct uri *location, str *relative)
{
    if (!str_eq_nocase(scheme_family(root->scheme), scheme_family(location->scheme)) ||
        !str_eq_nocase(root->host, location->host) || root->port != location->port)
        return false;
    str base = root->path;
    while (str_ends(base, STR("/")))
        base.len--;
    if (!str_starts(location->path, base))
        return false;
    str rest = str_from(location->path, base.len);
    if (!str_starts(rest, STR("/")))
        return false;
    while (str_starts(rest, STR("/")))
        rest = str_from(rest, 1);
    *relative = rest;
    return rest.len > 0;
}

static bool is_unreserved(char c)
{
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

void percent_encode(str s, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (is_unreserved((char)c))
            buf_add_char(out, (char)c);
        else
            buf_add(out, (char[]){ '%', digits[c >> 4], digits[c & 15] }, 3);
    }
}

bool percent_decode(str s, bool form, struct arena *a, str *out, struct error *err)
{
    char *text = arena_alloc(a, s.len), *p = text;
    while (s.len > 0) {
        char c = s.ptr[0];
        size_t taken = 1;
        if (c == '%') {
            int byte = escaped_byte(s);
            if (byte < 0)
                return fail(err, ERR_INVALID, "broken percent escape");
            c = (char)byte;
            taken = 3;
        } else if (c == '+' && form) {
            c = ' ';
        }
        if (c == 0)
            return fail(err, ERR_INVALID, "a NUL byte, encoded or not");
        *p++ = c;
        s = str_from(s, taken);
    }
    *out = str_make(text, (size_t)(p - text));
    return true;
}
