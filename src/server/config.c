/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include "base/time.h"
#include "codec/json.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* A section that is being read: its object (NULL: not there) and its name for messages. */
struct section {
    const struct json *doc;
    const char *name;
    struct arena *a;
};

static bool known(const char *const *names, size_t n, str key)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(key, names[i]))
            return true;
    return false;
}

static bool wrong(const struct section *s, const char *key, const char *wanted, struct error *err)
{
    return fail(err, ERR_INVALID, "firn.yaml: %s.%s must be %s", s->name, key, wanted);
}

/* The object's names must be among those of the list. */
static bool check_names(const struct section *s, const char *const *names, size_t n,
                        struct error *err)
{
    str known_names[32];
    if (!s->doc)
        return true;
    if (s->doc->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "firn.yaml: %s is %s, not a list of settings", s->name,
                    json_kind_name(s->doc->kind));
    for (size_t i = 0; i < s->doc->object.n; i++) {
        str key = s->doc->object.members[i].key;
        if (known(names, n, key))
            continue;
        ASSERT(n <= COUNT(known_names));
        for (size_t j = 0; j < n; j++)
            known_names[j] = str_of(names[j]);
        str all = arena_join(s->a, known_names, n, STR(", "));
        return fail(err, ERR_INVALID,
                    "firn.yaml: unknown setting %s." STR_FMT " (known: " STR_FMT ")", s->name,
                    STR_ARG(key), STR_ARG(all));
    }
    return true;
}

static bool open_section(const struct json *doc, const char *name, const char *const *names,
                         size_t n, struct arena *a, struct section *out, struct error *err)
{
    *out = (struct section){ json_get(doc, name), name, a };
    if (out->doc && out->doc->kind == JSON_NULL)
        out->doc = NULL;
    return check_names(out, names, n, err);
}

static bool take_text(const struct section *s, const char *key, str *out, struct error *err)
{
    const struct json *v = json_get(s->doc, key);
    if (!v)
        return true;
    if (v->kind != JSON_STR || v->s.len == 0 || str_find_char(v->s, '\0') >= 0)
        return wrong(s, key, "a text", err);
    *out = v->s;
    return true;
}

static bool take_bool(const struct section *s, const char *key, bool *out, struct error *err)
{
    const struct json *v = json_get(s->doc, key);
    if (v && v->kind != JSON_BOOL)
        return wrong(s, key, "true or false", err);
    *out = v ? v->b : *out;
    return true;
}

static bool take_int(const struct section *s, const char *key, int64_t min, int64_t max,
                     int64_t *out, struct error *err)
{
    const struct json *v = json_get(s->doc, key);
    if (!v)
        return true;
    if (v->kind != JSON_INT || v->i < min || v->i > max)
        return fail(err, ERR_INVALID, "firn.yaml: %s.%s must be a whole number from %lld to %lld",
                    s->name, key, (long long)min, (long long)max);
    *out = v->i;
    return true;
}

static bool take_rate(const struct section *s, const char *key, double *out, struct error *err)
{
    const struct json *v = json_get(s->doc, key);
    if (!v)
        return true;
    double d = v->kind == JSON_INT ? (double)v->i : v->kind == JSON_F64 ? v->f : -1;
    if (d < 0 || d > 1e9)
        return wrong(s, key, "a number from 0 to 1000000000", err);
    *out = d;
    return true;
}

/* "90s", "15m", "1h30m". */
static bool take_time(const struct section *s, const char *key, int64_t min_us, int64_t max_us,
                      int64_t *out, struct error *err)
{
    const struct json *v = json_get(s->doc, key);
    char least[TIME_TEXT_MAX], most[TIME_TEXT_MAX];
    int64_t us;
    if (!v)
        return true;
    if (v->kind != JSON_STR || !time_parse_duration(v->s, &us) || us < min_us || us > max_us) {
        time_format_duration(min_us, least);
        time_format_duration(max_us, most);
        return fail(err, ERR_INVALID, "firn.yaml: %s.%s must be a duration from %s to %s", s->name,
                    key, least, most);
    }
    *out = us;
    return true;
}

/* One text or a list of them. */
static bool take_texts(const struct section *s, const char *key, str *out, size_t max, size_t *n,
                       struct error *err)
{
    const struct json *v = json_get(s->doc, key);
    const struct json *items = v && v->kind == JSON_ARRAY ? v->array.items : v;
    size_t count = v && v->kind == JSON_ARRAY ? v->array.n : v != NULL;
    if (count > max)
        return fail(err, ERR_INVALID, "firn.yaml: %s.%s has more than %zu entries", s->name, key,
                    max);
    for (size_t i = 0; i < count; i++) {
        if (items[i].kind != JSON_STR || items[i].s.len == 0)
            return wrong(s, key, "a text or a list of texts", err);
        out[i] = items[i].s;
    }
    *n = count;
    return true;
}

/* A file's absolute name. */
static bool take_file(const struct section *s, const char *key, const char *dir, str *out,
                      struct error *err)
{
    if (!take_text(s, key, out, err))
        return false;
    if (out->len && out->ptr[0] != '/')
        *out = arena_printf(s->a, "%s/" STR_FMT, dir, STR_ARG(*out));
    else if (out->len)
        *out = str_of(arena_cstr(s->a, *out));
    return true;
}

/* ---- The sections ---- */

static bool read_server(const struct json *doc, struct arena *a, struct server_config *c,
                        struct error *err)
{
    static const char *const names[] = { "listen",      "hosts",
                                         "connections", "connections_per_address",
                                         "workers",     "queue",
                                         "idle",        "receive" };
    struct section s;
    return open_section(doc, "server", names, COUNT(names), a, &s, err) &&
           take_text(&s, "listen", &c->listen, err) &&
           take_texts(&s, "hosts", c->hosts, CONFIG_HOSTS_MAX, &c->hosts_n, err) &&
           take_int(&s, "connections", 1, 100000, &c->connections, err) &&
           take_int(&s, "connections_per_address", 0, 100000, &c->connections_per_address, err) &&
           take_int(&s, "workers", 1, 1024, &c->workers, err) &&
           take_int(&s, "queue", 1, 100000, &c->queue, err) &&
           take_time(&s, "idle", US_PER_S, US_PER_DAY, &c->idle_us, err) &&
           take_time(&s, "receive", US_PER_S, US_PER_DAY, &c->receive_us, err);
}

static bool read_tls(const struct json *doc, const char *dir, struct arena *a,
                     struct server_config *c, struct error *err)
{
    static const char *const names[] = { "cert", "key" };
    struct section s;
    if (!open_section(doc, "tls", names, COUNT(names), a, &s, err) ||
        !take_file(&s, "cert", dir, &c->tls_cert, err) ||
        !take_file(&s, "key", dir, &c->tls_key, err))
        return false;
    return (c->tls_cert.len > 0) == (c->tls_key.len > 0) ||
           fail(err, ERR_INVALID, "firn.yaml: tls needs both cert and key");
}

static bool read_throttle(const struct json *doc, struct arena *a, struct server_config *c,
                          struct error *err)
{
    static const char *const names[] = { "rate", "burst", "failures", "failures_every" };
    struct section s;
    return open_section(doc, "throttle", names, COUNT(names), a, &s, err) &&
           take_rate(&s, "rate", &c->rate, err) &&
           take_int(&s, "burst", 1, 1000000000, &c->burst, err) &&
           take_int(&s, "failures", 1, 1000000, &c->failures, err) &&
           take_time(&s, "failures_every", US_PER_MS, US_PER_DAY, &c->failures_per_us, err);
}

static bool check_provider(const struct section *s, const struct provider_config *p,
                           struct error *err)
{
    if (!p->issuer.len)
        return wrong(s, "issuer", "set", err);
    if (!p->audiences_n)
        return wrong(s, "audience", "set: tokens made for others must not be accepted here", err);
    if ((p->jwks_file.len > 0) == (p->jwks_url.len > 0))
        return fail(err, ERR_INVALID, "firn.yaml: %s needs jwks_file or jwks_url, one of them",
                    s->name);
    return true;
}

static bool read_provider(const struct json *doc, size_t i, const char *dir, struct arena *a,
                          struct provider_config *p, struct error *err)
{
    static const char *const names[] = {
        "issuer",       "audience",     "jwks_file", "jwks_url",          "principal_claim",
        "roles_claim",  "roles_prefix", "ca_file",   "private_addresses", "refresh",
        "lifetime_max",
    };
    struct section s = { doc, arena_printf(a, "auth.oidc[%zu]", i).ptr, a };
    int64_t lifetime_us = US_PER_DAY;
    *p =
        (struct provider_config){ .principal_claim = STR("sub"), .refresh_us = 10 * US_PER_MINUTE };
    if (!check_names(&s, names, COUNT(names), err) || !take_text(&s, "issuer", &p->issuer, err) ||
        !take_texts(&s, "audience", p->audiences, CONFIG_PROVIDERS_MAX, &p->audiences_n, err) ||
        !take_file(&s, "jwks_file", dir, &p->jwks_file, err) ||
        !take_text(&s, "jwks_url", &p->jwks_url, err) ||
        !take_text(&s, "principal_claim", &p->principal_claim, err) ||
        !take_text(&s, "roles_claim", &p->roles_claim, err) ||
        !take_text(&s, "roles_prefix", &p->roles_prefix, err) ||
        !take_file(&s, "ca_file", dir, &p->ca_file, err) ||
        !take_bool(&s, "private_addresses", &p->private_addresses, err) ||
        !take_time(&s, "refresh", US_PER_S, 365 * US_PER_DAY, &p->refresh_us, err) ||
        !take_time(&s, "lifetime_max", US_PER_S, 365 * US_PER_DAY, &lifetime_us, err))
        return false;
    p->lifetime_max_s = lifetime_us / US_PER_S;
    return check_provider(&s, p, err);
}

static bool read_providers(const struct json *list, const char *dir, struct arena *a,
                           struct server_config *c, struct error *err)
{
    if (!list || list->kind == JSON_NULL)
        return true;
    if (list->kind != JSON_ARRAY || list->array.n > CONFIG_PROVIDERS_MAX)
        return fail(err, ERR_INVALID, "firn.yaml: auth.oidc must be a list of at most %d providers",
                    CONFIG_PROVIDERS_MAX);
    for (size_t i = 0; i < list->array.n; i++) {
        if (list->array.items[i].kind != JSON_OBJECT)
            return fail(err, ERR_INVALID, "firn.yaml: auth.oidc[%zu] is no provider", i);
        if (!read_provider(&list->array.items[i], i, dir, a, &c->providers[i], err))
            return false;
        for (size_t j = 0; j < i; j++)
            if (str_eq(c->providers[j].issuer, c->providers[i].issuer))
                return fail(err, ERR_INVALID,
                            "firn.yaml: auth.oidc has the issuer " STR_FMT " twice",
                            STR_ARG(c->providers[i].issuer));
        if (str_eq(c->providers[i].issuer, c->issuer))
            return fail(err, ERR_INVALID, "firn.yaml: auth.oidc[%zu].issuer is our own", i);
        c->providers_n++;
    }
    return true;
}

static bool read_auth(const struct json *doc, const char *dir, struct arena *a,
                      struct server_config *c, struct error *err)
{
    static const char *const names[] = { "issuer", "token_lifetime", "session_lifetime",
                                         "key_lifetime", "oidc" };
    struct section s;
    return open_section(doc, "auth", names, COUNT(names), a, &s, err) &&
           take_text(&s, "issuer", &c->issuer, err) &&
           take_time(&s, "token_lifetime", US_PER_S, US_PER_DAY, &c->token_us, err) &&
           take_time(&s, "session_lifetime", US_PER_S, 30 * US_PER_DAY, &c->session_us, err) &&
           take_time(&s, "key_lifetime", US_PER_MINUTE, 3650 * US_PER_DAY, &c->key_us, err) &&
           read_providers(json_get(s.doc, "oidc"), dir, a, c, err);
}

static bool read_events(const struct json *doc, struct arena *a, struct server_config *c,
                        struct error *err)
{
    static const char *const names[] = { "retention", "attempts", "private_addresses" };
    struct section s;
    return open_section(doc, "events", names, COUNT(names), a, &s, err) &&
           take_time(&s, "retention", US_PER_MINUTE, 3650 * US_PER_DAY, &c->events_retention_us,
                     err) &&
           take_int(&s, "attempts", 1, 1000, &c->events_attempts, err) &&
           take_bool(&s, "private_addresses", &c->events_private, err);
}

static bool read_maintenance(const struct json *doc, struct arena *a, struct upkeep_config *u,
                             struct error *err)
{
    static const char *const names[] = { "enabled",   "tables",    "interval", "action_time",
                                         "max_bytes", "collect",   "deletes",  "compact",
                                         "expire",    "manifests", "orphans" };
    struct section s;
    str tables = { 0 };
    upkeep_defaults(u);
    if (!open_section(doc, "maintenance", names, COUNT(names), a, &s, err) ||
        !take_bool(&s, "enabled", &u->enabled, err) || !take_text(&s, "tables", &tables, err) ||
        !take_time(&s, "interval", 10 * US_PER_S, 365 * US_PER_DAY, &u->interval_us, err) ||
        !take_time(&s, "action_time", US_PER_S, US_PER_DAY, &u->action_us, err) ||
        !take_int(&s, "max_bytes", 1 << 20, INT64_MAX, &u->bytes_max, err) ||
        !take_bool(&s, "collect", &u->collect, err) ||
        !take_bool(&s, "deletes", &u->actions[UPKEEP_DELETES], err) ||
        !take_bool(&s, "compact", &u->actions[UPKEEP_COMPACT], err) ||
        !take_bool(&s, "expire", &u->actions[UPKEEP_EXPIRE], err) ||
        !take_bool(&s, "manifests", &u->actions[UPKEEP_MANIFESTS], err) ||
        !take_bool(&s, "orphans", &u->actions[UPKEEP_ORPHANS], err))
        return false;
    u->marked = str_is(tables, "marked");
    return !tables.len || u->marked || str_is(tables, "all") ||
           wrong(&s, "tables", "all or marked", err);
}

bool server_config_read(const struct json *doc, const char *dir, struct arena *a,
                        struct server_config *out, struct error *err)
{
    *out = (struct server_config){ .connections = 1024,
                                   .workers = 8,
                                   .queue = 64,
                                   .idle_us = US_PER_MINUTE,
                                   .receive_us = US_PER_MINUTE,
                                   .issuer = STR("firn"),
                                   .token_us = US_PER_HOUR,
                                   .session_us = 12 * US_PER_HOUR,
                                   .key_us = 30 * US_PER_DAY,
                                   .failures = 20,
                                   .failures_per_us = 6 * US_PER_S,
                                   .events_retention_us = 30 * US_PER_DAY,
                                   .events_attempts = 12 };
    if (!read_server(doc, a, out, err) || !read_tls(doc, dir, a, out, err) ||
        !read_auth(doc, dir, a, out, err) || !read_throttle(doc, a, out, err) ||
        !read_events(doc, a, out, err) || !read_maintenance(doc, a, &out->upkeep, err))
        return false;
    if (out->session_us < out->token_us)
        out->session_us = out->token_us;
    if (!out->burst)
        out->burst = out->rate < 1 ? 1 : (int64_t)(2 * out->rate);
    return true;
}
