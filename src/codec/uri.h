/* SPDX-License-Identifier: Apache-2.0
 *
 * Locations of stored objects and of servers.  Storage paths are taken as they are: a percent sign is
 * an ordinary character of a name (partition folders carry "%2F") and is never decoded, but names
 * that would mean "." or ".." if somebody decoded them are refused.  Pure; any thread. */
#ifndef FIRN_CODEC_URI_H
#define FIRN_CODEC_URI_H

#include "base/arena.h"
#include "base/buf.h"

#define URI_BYTES_MAX 4096

struct uri {
    str scheme; /* lower or upper case as written; "file" for a plain absolute path */
    str host;   /* without the port; empty for files */
    int port;   /* 0: none given */
    str path;   /* begins with '/', or empty; views into the text */
};

/* "scheme://host[:port]/path", "file:/path", "file:///path" or "/path".  ERR_INVALID for query,
 * fragment, user info, "." and ".." segments (also percent-encoded), backslashes, control characters,
 * invalid UTF-8, relative paths and texts over URI_BYTES_MAX. */
MUST_USE bool uri_parse(str text, struct uri *out, struct error *err);

/* Checks a path below a root: not empty, relative, no "." and "..", no empty segments, no NUL. */
MUST_USE bool uri_check_relative(str path, struct error *err);

/* base + "/" + relative, one slash between; relative is checked as above. */
MUST_USE bool uri_join(str base, str relative, struct arena *a, str *out, struct error *err);

/* Whether `location` lies below `root` (same scheme, host and port; a whole number of segments); then
 * *relative is what follows, without leading slashes.  s3, s3a and s3n are the same. */
bool uri_below(const struct uri *root, const struct uri *location, str *relative);

/* Percent-encodes everything but letters, digits and "-._~" (RFC 3986 unreserved) into `out`. */
void percent_encode(str s, struct buf *out);

/* Decodes; '+' becomes a space when `form` is set.  ERR_INVALID for a broken escape or a NUL byte. */
MUST_USE bool percent_decode(str s, bool form, struct arena *a, str *out, struct error *err);

#endif
