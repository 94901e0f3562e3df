/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's part of firn.yaml: sections server, tls, auth, throttle, events and maintenance.  docs/operations.md lists every setting.  Unknown names and
 * values out of range are refused with the setting's full name; nothing is guessed. */
#ifndef FIRN_SERVER_CONFIG_H
#define FIRN_SERVER_CONFIG_H

#include "base/arena.h"
#include "base/error.h"
#include "server/upkeep.h"

struct json;

#define CONFIG_PROVIDERS_MAX 16
#define CONFIG_HOSTS_MAX 64

/* One issuer of tokens that are not ours: auth.oidc[]. */
struct provider_config {
    str issuer; /* what `iss` must be */
    str audiences[CONFIG_PROVIDERS_MAX];
    size_t audiences_n;      /* one of them must be in `aud`; at least one */
    str jwks_file, jwks_url; /* one of the two; a file is relative to the data directory */
    str principal_claim;     /* "sub"; dots lead into objects */
    str roles_claim;         /* empty: all roles that the principal holds */
    str roles_prefix; /* cut off the words of the roles' claim; words without it are ignored */
    str ca_file;      /* PEM, for jwks_url; empty: the system's */
    bool private_addresses; /* jwks_url may lead to this machine or network */
    int64_t refresh_us; /* how old fetched keys may become before they are fetched again: 10 m */
    int64_t lifetime_max_s; /* tokens that live longer are refused: 24 h */
};

struct server_config {
    struct upkeep_config upkeep; /* maintenance */
    str listen;                  /* empty: the command's default */
    str hosts
        [CONFIG_HOSTS_MAX]; /* names by which clients may call this server, beside loopback's */
    size_t hosts_n;
    int64_t connections, connections_per_address; /* 1024; 0: as many as in all */
    int64_t workers, queue;                       /* 8, 64 */
    int64_t idle_us, receive_us;                  /* 60 s each */
    str tls_cert, tls_key;                        /* PEM files, absolute; both or none */
    str issuer;                                   /* of our tokens: "firn" */
    int64_t token_us, session_us; /* a token's life: 1 h; that of all made of one login: 12 h */
    int64_t key_us;               /* how long a key signs: 30 d */
    struct provider_config providers[CONFIG_PROVIDERS_MAX];
    size_t providers_n;
    double rate;                 /* requests a second and principal; 0: no limit */
    int64_t burst;               /* at once: twice the rate, at least 1 */
    int64_t failures;            /* failed logins of one address that are answered at once: 20 */
    int64_t failures_per_us;     /* one more after that time: 6 s */
    int64_t events_retention_us; /* how long changes are kept in the feed: 30 d */
    int64_t events_attempts;     /* of a webhook's delivery, then it is dead: 12 */
    bool events_private;         /* webhooks may lead to this machine or network, and by http */
};

/* Reads it from firn.yaml's tree (NULL: all defaults); relative files lie in `dir`.  ERR_INVALID names the setting.  Strings live in
 * `a` or in the tree. */
MUST_USE bool server_config_read(const struct json *doc, const char *dir, struct arena *a,
                                 struct server_config *out, struct error *err);

#endif
