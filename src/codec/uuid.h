/* SPDX-License-Identifier: Apache-2.0
 *
 * UUIDs (RFC 9562).  Time and randomness come from the caller, so that runs can be repeated. */
#ifndef FIRN_CODEC_UUID_H
#define FIRN_CODEC_UUID_H

#include "base/str.h"

#define UUID_TEXT_LEN 36

struct uuid {
    uint8_t bytes[16]; /* network order, as in the text */
};

/* Version and variant bits over the given ones. */
struct uuid uuid_v4(const uint8_t random[16]);
struct uuid uuid_v7(int64_t unix_ms, const uint8_t random[10]); /* sorts by time */

/* Lower case, with a NUL; the view points into `out`. */
str uuid_format(const struct uuid *u, char out[UUID_TEXT_LEN + 1]);

/* The 36-character form, either case, any version; false on anything else. */
bool uuid_parse(str s, struct uuid *out);

#endif
