/* SPDX-License-Identifier: Apache-2.0 */
#include "server/guard.h"

#include <arpa/inet.h>

static bool is_digits(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len > 0;
}

/* Splits "host[:port]" or "[v6][:port]"; the host loses its brackets, *port is empty without one. */
static bool split_authority(str text, str *host, str *port, bool *ipv6)
{
    *port = (str){ 0 };
    *ipv6 = str_starts(text, STR("["));
    if (*ipv6) {
        ptrdiff_t end = str_find_char(text, ']');
        if (end < 0)
            return false;
        *host = str_sub(text, 1, (size_t)end);
        text = str_from(text, (size_t)end + 1);
        if (text.len == 0)
            return true;
        *port = str_from(text, 1);
        return text.ptr[0] == ':' && is_digits(*port);
    }
    return !str_cut(text, ':', host, port) || is_digits(*port);
}

/* 127.0.0.0/8 in the usual form of four decimal numbers. */
static bool is_loopback_v4(str host)
{
    str part;
    int n = 0;
    for (; str_next(&host, '.', &part); n++) {
        int64_t v;
        if (!is_digits(part) || part.len > 3 || !str_to_i64(part, &v) || v > 255 ||
            (n == 0 && v != 127))
            return false;
    }
    return n == 4;
}

/* Letters, digits and what else stands in names and addresses: nothing that another reader would cut at. */
static bool is_plain_host(str host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i], lower = (char)(c | 0x20);
        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z') && c != '.' && c != '-' &&
            c != '_' && c != ':')
            return false;
    }
    return host.len > 0;
}

static bool is_loopback(str host, bool ipv6)
{
    if (ipv6)
        return str_is(host, "::1") || str_is(host, "0:0:0:0:0:0:0:1");
    return str_eq_nocase(host, STR("localhost")) || str_eq_nocase(host, STR("localhost.")) ||
           is_loopback_v4(host);
}

static bool is_numeric(str host, bool ipv6)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr room;
    if (host.len >= sizeof text)
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = 0;
    return inet_pton(ipv6 ? AF_INET6 : AF_INET, text, &room) == 1;
}

bool guard_listen_address(str text, bool with_credentials, struct arena *a,
                          struct listen_address *out, struct error *err)
{
    str host, port;
    int64_t number;
    bool good = split_authority(text, &host, &port, &out->ipv6) && host.len > 0 &&
                str_to_i64(port, &number) && number <= 65535;
    out->loopback = good && is_loopback(host, out->ipv6);
    if (!good || (with_credentials && !out->loopback && !is_numeric(host, out->ipv6))) {
        fail(err, ERR_INVALID, "\"" STR_FMT "\" is no address to listen on", STR_ARG(text));
        return fail_hint(err, "host:port, for example 127.0.0.1:8181%s",
                         with_credentials ? " or 0.0.0.0:8181" : "");
    }
    if (!out->loopback && !with_credentials) {
        fail(err, ERR_DENIED,
             "listening on " STR_FMT
             " would open the data to the network, and nobody would have to log in",
             STR_ARG(text));
        return fail_hint(err,
                         "turn access control on first (firn admin bootstrap), or listen on "
                         "127.0.0.1:%d and reach it through a tunnel",
                         (int)number);
    }
    bool named = out->loopback && !out->ipv6 && !is_loopback_v4(host);
    out->host = named ? STR("127.0.0.1") : arena_str(a, host);
    out->port = (int)number;
    return true;
}

static bool is_ours(str name, bool ipv6, const struct guard_names *names)
{
    if (names->any || is_loopback(name, ipv6) || str_eq_nocase(name, names->listens))
        return true;
    for (size_t i = 0; i < names->hosts_n; i++)
        if (str_eq_nocase(name, names->hosts[i]))
            return true;
    return false;
}

bool guard_host(str host, const struct guard_names *names, struct error *err)
{
    str name, port;
    bool ipv6;
    if (host.len == 0)
        return fail(err, ERR_INVALID, "the request has no Host header");
    if (split_authority(host, &name, &port, &ipv6) && is_plain_host(name) &&
        is_ours(name, ipv6, names))
        return true;
    fail(err, ERR_DENIED, "the Host header names \"" STR_FMT "\", which is not this server",
         STR_ARG(str_sub(host, 0, 200)));
    return fail_hint(err, "use http://127.0.0.1 or http://localhost, or name it in firn.yaml: "
                          "server.hosts");
}

bool guard_origin(str origin, const struct guard_names *names, struct error *err)
{
    str rest = origin, name, port;
    bool ipv6;
    if (origin.len == 0)
        return true;
    if (str_starts(rest, STR("http://")))
        rest = str_from(rest, 7);
    else if (str_starts(rest, STR("https://")))
        rest = str_from(rest, 8);
    else
        rest = (str){ 0 };
    if (rest.len && split_authority(rest, &name, &port, &ipv6) && is_plain_host(name) &&
        is_ours(name, ipv6, names))
        return true;
    return fail(err, ERR_DENIED, "pages of \"" STR_FMT "\" may not change anything here",
                STR_ARG(str_sub(origin, 0, 200)));
}

bool guard_request_id(str id)
{
    if (id.len == 0 || id.len > 64)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i], lower = (char)(c | 0x20);
        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z') && c != '.' && c != '_' &&
            c != '-')
            return false;
    }
    return true;
}

/* "gzip;q=0.5" -> the name; *refused when q is zero. */
static str coding_of(str item, bool *refused)
{
    str name, params, q;
    str_cut(item, ';', &name, &params);
    *refused = false;
    while (str_next(&params, ';', &q)) {
        q = str_trim(q);
        if (!str_starts_nocase(q, STR("q=")))
            continue;
        double weight;
        *refused = !str_to_f64(str_trim(str_from(q, 2)), &weight) || weight <= 0;
    }
    return str_trim(name);
}

bool guard_accepts(str header, str coding)
{
    str item;
    bool refused, any = false;
    while (str_next(&header, ',', &item)) {
        str name = coding_of(item, &refused);
        if (str_eq_nocase(name, coding))
            return !refused;
        any = any || (str_is(name, "*") && !refused);
    }
    return any;
}

static bool is_token_char(char c)
{
    char lower = (char)(c | 0x20);
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') ||
           (c && str_find_char(STR("!#$%&'*+-.^_`|~"), c) >= 0);
}

bool guard_field(str name, str value, struct error *err)
{
    bool good = name.len > 0;
    for (size_t i = 0; good && i < name.len; i++)
        good = is_token_char(name.ptr[i]);
    if (!good)
        return fail(err, ERR_INVALID, "the name of a header field is not well formed");
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char)value.ptr[i] < ' ' && value.ptr[i] != '\t') || value.ptr[i] == 127)
            return fail(err, ERR_INVALID, "the header field " STR_FMT " has a control character",
                        STR_ARG(str_sub(name, 0, 64)));
    return true;
}

bool guard_framing(int lengths, int encodings, str encoding, struct error *err)
{
    if (lengths > 1 || encodings > 1 || (lengths && encodings))
        return fail(err, ERR_INVALID, "the request tells the end of its body in more than one way");
    return encodings == 0 || str_eq_nocase(encoding, STR("chunked")) ||
           fail(err, ERR_INVALID, "Transfer-Encoding is not chunked");
}

bool guard_target(str target, str *authority, str *path, str *query, struct error *err)
{
    *authority = (str){ 0 };
    if (str_starts_nocase(target, STR("http://"))) {
        str rest = str_from(target, 7);
        ptrdiff_t slash = str_find_char(rest, '/');
        *authority = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
        target = slash < 0 ? STR("/") : str_from(rest, (size_t)slash);
    }
    for (size_t i = 0; i < target.len; i++)
        if ((unsigned char)target.ptr[i] <= ' ' || (unsigned char)target.ptr[i] >= 127)
            return fail(err, ERR_INVALID,
                        "the request's path has a character that must be percent-encoded");
    if (!str_starts(target, STR("/")))
        return fail(err, ERR_INVALID, "the request's path does not begin with a slash");
    str_cut(target, '?', path, query);
    return true;
}
