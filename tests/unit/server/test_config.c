/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's settings: what is read, and which words answer what is wrong. */
#include "server/config.h"

#include "base/time.h"
#include "io/yaml.h"
#include "test.h"

static bool read_text(const char *text, struct server_config *c, struct error *err)
{
    const struct json *doc;
    return yaml_parse(str_of(text), STR("firn.yaml"), test_arena(), &doc, err) &&
           server_config_read(doc, "/data", test_arena(), c, err);
}

TEST(defaults)
{
    struct error err = { 0 };
    struct server_config c;
    CHECK_OK(server_config_read(NULL, "/data", test_arena(), &c, &err));
    CHECK_INT(c.connections, 1024);
    CHECK_INT(c.token_us, US_PER_HOUR);
    CHECK_STR(c.issuer, "firn");
    CHECK(c.rate == 0 && c.burst == 1 && c.providers_n == 0 && c.tls_cert.len == 0);
    CHECK_OK(read_text("server:\nauth:\ntls:\nthrottle:\n", &c, &err)); /* empty sections */
}

TEST(everything_at_once)
{
    struct error err = { 0 };
    struct server_config c;
    CHECK_OK(read_text(
        "server: {listen: '0.0.0.0:443', hosts: [lake.example.org, lake], connections: 10,\n"
        "  connections_per_address: 4, workers: 2, queue: 5, idle: 30s, receive: 1m}\n"
        "tls: {cert: tls/cert.pem, key: /etc/key.pem}\n"
        "auth:\n"
        "  issuer: https://lake\n"
        "  token_lifetime: 15m\n"
        "  session_lifetime: 1m\n"
        "  key_lifetime: 7d\n"
        "  oidc:\n"
        "  - {issuer: https://idp, audience: firn, jwks_url: https://idp/keys, roles_claim: realm.roles,\n"
        "     roles_prefix: firn-, refresh: 1h, lifetime_max: 1h, private_addresses: true}\n"
        "  - {issuer: https://b, audience: [x, y], jwks_file: keys.json, principal_claim: email}\n"
        "throttle: {rate: 2.5, failures: 3, failures_every: 500ms}\n",
        &c, &err));
    CHECK_STR(c.hosts[1], "lake");
    CHECK_STR(c.tls_cert, "/data/tls/cert.pem");
    CHECK_STR(c.tls_key, "/etc/key.pem");
    CHECK_INT(c.session_us, 15 * US_PER_MINUTE); /* at least a token's */
    CHECK_INT(c.burst, 5);
    CHECK_INT(c.providers_n, 2);
    CHECK_STR(c.providers[1].jwks_file, "/data/keys.json");
    CHECK_STR(c.providers[1].audiences[1], "y");
    CHECK_STR(c.providers[0].principal_claim, "sub");
    CHECK_INT(c.providers[0].lifetime_max_s, 3600);
    CHECK_INT(c.failures_per_us, 500 * US_PER_MS);
}

TEST(what_is_wrong_is_named)
{
    struct error err = { 0 };
    struct server_config c;
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "server: 1", "server is integer" },
        { "server: {port: 1}", "unknown setting server.port (known: listen, hosts," },
        { "server: {listen: 8181}", "server.listen must be a text" },
        { "server: {hosts: [1]}", "server.hosts must be" },
        { "server: {connections: 0}", "server.connections must be a whole number from 1" },
        { "server: {idle: 60}", "server.idle must be a duration" },
        { "server: {idle: 0s}", "server.idle must be a duration" },
        { "tls: {cert: a}", "tls needs both" },
        { "tls: {cert: a, key: ''}", "tls.key must be a text" },
        { "auth: {token_lifetime: 2d}", "auth.token_lifetime must be a duration from 1s to 1d" },
        { "auth: {oidc: {issuer: x}}", "auth.oidc must be a list" },
        { "auth: {oidc: [1]}", "auth.oidc[0] is no provider" },
        { "auth: {oidc: [{audience: a, jwks_file: k}]}", "auth.oidc[0].issuer must be set" },
        { "auth: {oidc: [{issuer: i, jwks_file: k}]}", "auth.oidc[0].audience must be set" },
        { "auth: {oidc: [{issuer: i, audience: []}]}", "auth.oidc[0].audience must be set" },
        { "auth: {oidc: [{issuer: i, audience: a}]}", "needs jwks_file or jwks_url" },
        { "auth: {oidc: [{issuer: i, audience: a, jwks_file: k, jwks_url: u}]}",
          "needs jwks_file or" },
        { "auth: {oidc: [{issuer: i, audience: a, jwks_file: k, verify: false}]}",
          "auth.oidc[0].verify" },
        { "auth: {oidc: [{issuer: i, audience: a, jwks_file: k}, {issuer: i, audience: b, jwks_file: k}]}",
          "twice" },
        { "auth: {oidc: [{issuer: firn, audience: a, jwks_file: k}]}", "is our own" },
        { "throttle: {rate: -1}", "throttle.rate must be" },
        { "throttle: {rate: fast}", "throttle.rate must be" },
        { "throttle: {burst: 0}", "throttle.burst must be" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_FAILS(read_text(cases[i].text, &c, &err), ERR_INVALID);
        if (str_find(str_of(err.msg), str_of(cases[i].words)) < 0)
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].text, err.msg);
    }
}
