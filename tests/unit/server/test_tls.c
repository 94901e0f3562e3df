/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener with TLS, access control and limits, asked by our own HTTP client: certificates that are changed while it runs, credentials
 * of every kind over the wire, and what it says to who has none. */
#include "server/tls.h"

#include <gnutls/x509.h>

#include "base/time.h"
#include "codec/json.h"
#include "govern/principals.h"
#include "io/http.h"
#include "server/api.h"
#include "server/auth.h"
#include "server/listener.h"
#include "sql/lake.h"
#include "test.h"

static struct app *app;
static struct listener *listener;
static struct principal_secret root;

static const char *in_dir(const char *name)
{
    return arena_printf(test_arena(), "%s/%s", test_tmpdir(), name).ptr;
}

static void write_file(const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(in_dir(name), "w");
    CHECK(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

/* A certificate for localhost that signs itself. */
static void make_certificate(const char *cert_name, const char *key_name, unsigned char serial)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;
    unsigned char ip[4] = { 127, 0, 0, 1 };
    long long now = env_now_us(env_real()) / US_PER_S;
    CHECK(gnutls_x509_privkey_init(&key) == 0 && gnutls_x509_crt_init(&crt) == 0);
    CHECK(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                       GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) == 0);
    CHECK(gnutls_x509_crt_set_version(crt, 3) == 0 && gnutls_x509_crt_set_key(crt, key) == 0 &&
          gnutls_x509_crt_set_serial(crt, &serial, 1) == 0 &&
          gnutls_x509_crt_set_activation_time(crt, now - 3600) == 0 &&
          gnutls_x509_crt_set_expiration_time(crt, now + 86400) == 0 &&
          gnutls_x509_crt_set_dn(crt, "CN=firn test", NULL) == 0 &&
          gnutls_x509_crt_set_basic_constraints(crt, 1, 0) == 0 &&
          gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                               GNUTLS_FSAN_SET) == 0 &&
          gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, 4,
                                               GNUTLS_FSAN_APPEND) == 0 &&
          gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) == 0);
    CHECK(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem) == 0);
    write_file(cert_name, pem.data, pem.size);
    gnutls_free(pem.data);
    CHECK(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem) == 0);
    write_file(key_name, pem.data, pem.size);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static void serve(const char *config)
{
    struct error err = { 0 };
    struct lake_options lake = { .dir = in_dir("lake"), .threads = 1 };
    struct listener_options o = { .listen = "127.0.0.1:0",
                                  .tls_cert = in_dir("cert.pem"),
                                  .tls_key = in_dir("key.pem") };
    make_certificate("cert.pem", "key.pem", 1);
    CHECK_OK(app_open(&lake, &app, &err));
    app_close(app);
    write_file("lake/firn.yaml", config, strlen(config));
    CHECK_OK(app_open(&lake, &app, &err));
    CHECK_OK(principals_bootstrap(app->lake->govern, test_arena(), &root, &err));
    CHECK_OK(listener_start_with(app, &o, &listener, &err));
    CHECK(str_starts(listener_url(listener), STR("https://127.0.0.1:")));
}

static void stop(void)
{
    listener_stop(listener, 2000);
    app_close(app);
}

static struct http_client *client_with(const char *ca_file)
{
    struct error err = { 0 };
    struct http_client *client;
    CHECK_OK(
        http_client_create(&(struct http_client_options){ .ca_file = ca_file }, &client, &err));
    return client;
}

static struct http_answer ask(struct http_client *client, const char *method, const char *path,
                              const char *name, str value, str body)
{
    struct error err = { 0 };
    struct http_header headers[2] = {
        { str_of(name), value }, { STR("Content-Type"), STR("application/x-www-form-urlencoded") }
    };
    struct http_call call = { .method = method,
                              .url = arena_printf(test_arena(), STR_FMT "%s",
                                                  STR_ARG(listener_url(listener)), path),
                              .headers = headers,
                              .headers_n = body.len ? 2 : 1,
                              .body = body };
    struct http_answer got;
    CHECK_OK(http_call(client, &call, test_arena(), &got, &err));
    return got;
}

static str token_from(struct http_client *client)
{
    struct error err = { 0 };
    struct json *doc;
    str token, form = arena_printf(test_arena(),
                                   "grant_type=client_credentials&client_id=" STR_FMT
                                   "&client_secret=" STR_FMT,
                                   STR_ARG(root.client_id), STR_ARG(root.client_secret));
    struct http_answer got = ask(client, "POST", "/iceberg/v1/oauth/tokens", "X-A", STR("b"), form);
    CHECK_INT(got.status, 200);
    CHECK_STR(http_answer_header(&got, "Cache-Control"), "no-store");
    CHECK_OK(json_parse(got.body, test_arena(), &doc, &err));
    CHECK_OK(json_need_str(doc, "access_token", &token, &err));
    return token;
}

TEST(credentials_over_the_wire)
{
    serve("");
    struct http_client *client = client_with(in_dir("cert.pem"));
    struct http_answer got = ask(client, "GET", "/api/tables", "X-A", STR("b"), (str){ 0 });
    CHECK_INT(got.status, 401);
    CHECK_STR(http_answer_header(&got, "WWW-Authenticate"), "Bearer realm=\"firn\"");
    got = ask(client, "GET", "/iceberg/v1/main/namespaces", "X-A", STR("b"), (str){ 0 });
    CHECK_INT(got.status, 401);
    CHECK(str_find(got.body, STR("NotAuthorizedException")) > 0);
    got = ask(client, "GET", "/health", "X-A", STR("b"), (str){ 0 });
    CHECK_INT(got.status, 200);
    str bearer = arena_printf(test_arena(), "Bearer " STR_FMT, STR_ARG(token_from(client)));
    got = ask(client, "GET", "/api/tables", "Authorization", bearer, (str){ 0 });
    CHECK_INT(got.status, 200);
    got = ask(client, "GET", "/api/tables", "Authorization", STR("Bearer x.y.z"), (str){ 0 });
    CHECK_INT(got.status, 401);
    CHECK(str_find(http_answer_header(&got, "WWW-Authenticate"), STR("invalid_token")) > 0);
    /* A large body of somebody without credentials is not taken in. */
    char *large = arena_alloc(test_arena(), 500000);
    memset(large, ' ', 500000);
    got = ask(client, "POST", "/api/sql", "X-A", STR("b"), str_make(large, 500000));
    CHECK_INT(got.status, 401);
    got = ask(client, "POST", "/api/tables?x", "X-API-Key", STR("firn_no"), STR("{}"));
    CHECK(got.status == 401 || got.status == 405);
    http_client_destroy(client);
    stop();
}

TEST(certificates_can_be_changed)
{
    struct error err = { 0 };
    struct http_answer got;
    struct http_call call = { .url = (str){ 0 } };
    serve("");
    call.url = arena_printf(test_arena(), STR_FMT "/health", STR_ARG(listener_url(listener)));
    struct http_client *nobody = client_with(NULL), *first = client_with(in_dir("cert.pem"));
    CHECK_FAILS(http_call(nobody, &call, test_arena(), &got, &err), ERR_DENIED);
    http_client_destroy(nobody);
    err = (struct error){ 0 };
    CHECK_OK(http_call(first, &call, test_arena(), &got, &err));
    /* Broken files change nothing. */
    make_certificate("cert.pem", "key2.pem", 2);
    CHECK_FAILS(listener_reload(listener, &err), ERR_INVALID); /* they do not belong together */
    write_file("cert.pem", "x", 1);
    CHECK_FAILS(listener_reload(listener, &err), ERR_INVALID);
    CHECK(remove(in_dir("cert.pem")) == 0);
    CHECK_FAILS(listener_reload(listener, &err), ERR_NOT_FOUND);
    err = (struct error){ 0 };
    CHECK_OK(http_call(first, &call, test_arena(), &got, &err)); /* the connection that stands */
    make_certificate("cert.pem", "key.pem", 3);
    CHECK_OK(listener_reload(listener, &err));
    struct http_client *second = client_with(in_dir("cert.pem"));
    CHECK_OK(http_call(second, &call, test_arena(), &got, &err));
    CHECK_OK(http_call(first, &call, test_arena(), &got, &err));
    http_client_destroy(first);
    http_client_destroy(second);
    stop();
}

TEST(limits_say_when_to_come_again)
{
    serve("throttle: {rate: 0.5, burst: 2, failures: 2, failures_every: 1h}\n");
    struct http_client *client = client_with(in_dir("cert.pem"));
    str bearer = arena_printf(test_arena(), "Bearer " STR_FMT, STR_ARG(token_from(client)));
    struct http_answer got;
    for (int i = 0; i < 2; i++) {
        got = ask(client, "GET", "/api/tables", "Authorization", bearer, (str){ 0 });
        CHECK_INT(got.status, 200);
    }
    got = ask(client, "GET", "/api/tables", "Authorization", bearer, (str){ 0 });
    CHECK_INT(got.status, 429);
    CHECK_STR(http_answer_header(&got, "Retry-After"), "2");
    for (int i = 0; i < 2; i++) {
        got = ask(client, "GET", "/api/tables", "X-API-Key", STR("firn_wrong"), (str){ 0 });
        CHECK_INT(got.status, 401);
    }
    got = ask(client, "GET", "/iceberg/v1/main/namespaces", "X-API-Key", STR("firn_wrong"),
              (str){ 0 });
    CHECK_INT(got.status, 429);
    CHECK(str_find(got.body, STR("TooManyRequestsException")) > 0);
    CHECK_STR(http_answer_header(&got, "Retry-After"), "3600");
    http_client_destroy(client);
    stop();
}

TEST(files_that_are_not_good)
{
    struct error err = { 0 };
    struct tls *tls;
    make_certificate("a.pem", "a.key", 1);
    make_certificate("b.pem", "b.key", 2);
    CHECK_OK(tls_open(str_of(in_dir("a.pem")), str_of(in_dir("a.key")), &tls, &err));
    tls_close(tls);
    CHECK_FAILS(tls_open(str_of(in_dir("a.pem")), str_of(in_dir("b.key")), &tls, &err),
                ERR_INVALID);
    CHECK_FAILS(tls_open(str_of(in_dir("a.key")), str_of(in_dir("a.key")), &tls, &err),
                ERR_INVALID);
    CHECK_FAILS(tls_open(str_of(in_dir("a.pem")), str_of(in_dir("a.pem")), &tls, &err),
                ERR_INVALID);
    CHECK_FAILS(tls_open(str_of(in_dir("none")), str_of(in_dir("a.key")), &tls, &err),
                ERR_NOT_FOUND);
    CHECK_FAILS(tls_open(STR("/dev/zero"), str_of(in_dir("a.key")), &tls, &err), ERR_LIMIT);
}
