/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's certificate and key.  They can be read again while the server runs (SIGHUP): connections that stand keep what they
 * have, new ones get the new certificate, and files that are not good change nothing. */
#ifndef FIRN_SERVER_TLS_H
#define FIRN_SERVER_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "base/error.h"
#include "base/str.h"

struct tls;

#define TLS_FILE_BYTES_MAX ((size_t)1 << 20)
#define TLS_CHAIN_MAX 16 /* certificates in the file, the server's own first */
/* TLS 1.2 and 1.3, no weak ciphers. */
#define TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-SHA1"

/* Reads PEM files (a private key without a password).  ERR_NOT_FOUND, ERR_DENIED and others of the files; ERR_INVALID when they hold
 * no certificate, no key, or do not belong together; ERR_UNSUPPORTED when the HTTP library has no TLS. */
MUST_USE bool tls_open(str cert_file, str key_file, struct tls **out, struct error *err);
void tls_close(struct tls *tls); /* no connection may be left; NULL is fine */

/* Reads the files again. */
MUST_USE bool tls_reload(struct tls *tls, struct error *err);

/* What new connections show; lives as long as `tls`.  Any thread. */
void tls_current(struct tls *tls, gnutls_pcert_st **chain, unsigned *n, gnutls_privkey_t *key);

#endif
