/* SPDX-License-Identifier: Apache-2.0
 *
 * A pair of certificate chain and key is immutable; a reload puts a new one in front of the list.  Old ones stay until the
 * end, since a handshake may be using them: a few KB for each reload. */
#include "server/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

struct pair {
    gnutls_pcert_st chain[TLS_CHAIN_MAX];
    unsigned n;
    gnutls_privkey_t key;
    struct pair *older;
};

struct tls {
    struct arena *a;
    char *cert_file, *key_file;
    pthread_mutex_t lock; /* guards `current`; a leaf */
    struct pair *current;
};

static void pair_free(struct pair *p)
{
    for (unsigned i = 0; i < p->n; i++)
        gnutls_pcert_deinit(&p->chain[i]);
    if (p->key)
        gnutls_privkey_deinit(p->key);
    mem_free(p);
}

static bool read_pem(const char *name, struct buf *out, struct error *err)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;
    char *room;
    if (fd < 0)
        return fail_errno(err, errno, "open %s", name);
    while ((room = buf_reserve(out, 4096)) && (n = read(fd, room, 4096)) > 0)
        out->len += (size_t)n;
    int saved = errno;
    close(fd);
    if (n < 0)
        return fail_errno(err, saved, "read %s", name);
    return room || fail(err, ERR_LIMIT, "%s is larger than %zu bytes", name, TLS_FILE_BYTES_MAX);
}

static gnutls_datum_t datum_of(const struct buf *b)
{
    return (gnutls_datum_t){ (unsigned char *)b->ptr, (unsigned)b->len };
}

/* Both, and whether they belong together. */
static bool parse_pair(const struct tls *t, const struct buf *cert, const struct buf *key,
                       struct pair *p, struct error *err)
{
    gnutls_datum_t c = datum_of(cert), k = datum_of(key);
    gnutls_certificate_credentials_t both;
    unsigned n = TLS_CHAIN_MAX;
    int rc = gnutls_pcert_list_import_x509_raw(p->chain, &n, &c, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0 || n == 0)
        return fail(err, ERR_INVALID, "%s holds no certificate (PEM): %s", t->cert_file,
                    gnutls_strerror(rc));
    p->n = n;
    if (gnutls_privkey_init(&p->key) < 0)
        return fail(err, ERR_INTERNAL, "no room for a private key");
    rc = gnutls_privkey_import_x509_raw(p->key, &k, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc < 0)
        return fail(err, ERR_INVALID, "%s holds no private key (PEM, without a password): %s",
                    t->key_file, gnutls_strerror(rc));
    if (gnutls_certificate_allocate_credentials(&both) < 0)
        return fail(err, ERR_INTERNAL, "no room for credentials");
    rc = gnutls_certificate_set_x509_key_mem(both, &c, &k, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(both);
    return rc >= 0 || fail(err, ERR_INVALID, "%s and %s do not belong together: %s", t->cert_file,
                           t->key_file, gnutls_strerror(rc));
}

static bool read_pair(const struct tls *t, struct pair **out, struct error *err)
{
    struct buf cert = BUF_INIT(TLS_FILE_BYTES_MAX), key = BUF_INIT(TLS_FILE_BYTES_MAX);
    struct pair *p = mem_new(struct pair);
    bool ok = read_pem(t->cert_file, &cert, err) && read_pem(t->key_file, &key, err) &&
              parse_pair(t, &cert, &key, p, err);
    if (key.ptr)
        explicit_bzero(key.ptr, key.cap);
    buf_deinit(&cert);
    buf_deinit(&key);
    if (ok)
        *out = p;
    else
        pair_free(p);
    return ok;
}

bool tls_reload(struct tls *t, struct error *err)
{
    struct pair *p;
    if (!read_pair(t, &p, err))
        return fail_in(err, "TLS");
    pthread_mutex_lock(&t->lock);
    p->older = t->current;
    t->current = p;
    pthread_mutex_unlock(&t->lock);
    log_info("tls", "certificate read file=%s", t->cert_file);
    return true;
}

bool tls_open(str cert_file, str key_file, struct tls **out, struct error *err)
{
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return fail(err, ERR_UNSUPPORTED, "the HTTP library was built without TLS");
    struct arena *a = arena_create(0);
    struct tls *t = arena_new(a, struct tls);
    t->a = a;
    t->cert_file = arena_cstr(a, cert_file);
    t->key_file = arena_cstr(a, key_file);
    pthread_mutex_init(&t->lock, NULL);
    if (!tls_reload(t, err)) {
        tls_close(t);
        return false;
    }
    *out = t;
    return true;
}

void tls_close(struct tls *t)
{
    if (!t)
        return;
    while (t->current) {
        struct pair *p = t->current;
        t->current = p->older;
        pair_free(p);
    }
    pthread_mutex_destroy(&t->lock);
    arena_destroy(t->a);
}

void tls_current(struct tls *t, gnutls_pcert_st **chain, unsigned *n, gnutls_privkey_t *key)
{
    pthread_mutex_lock(&t->lock);
    struct pair *p = t->current;
    pthread_mutex_unlock(&t->lock);
    *chain = p->chain;
    *n = p->n;
    *key = p->key;
}
