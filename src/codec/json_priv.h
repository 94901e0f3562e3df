/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIRN_CODEC_JSON_PRIV_H
#define FIRN_CODEC_JSON_PRIV_H

#include "codec/json.h"

/* Notes the first mistake. */
void json_mistake(struct json_reader *r, enum err_code code, const char *mistake);

/* Arena memory, or NULL and a mistake (ERR_LIMIT) when the arena's budget does not allow it. */
void *json_alloc(struct json_reader *r, size_t size);

/* Reads a number as JSON_INT if it is one, else as JSON_F64. */
void json_number(struct json_reader *r, struct json *out);

/* True when eight bytes can stand in a string as they are: ASCII, no quote, backslash or control.
 * A borrow from a lower byte may make it false for a plain one (never true for another), so false
 * means that the bytes want a look one by one. */
static inline bool json_plain8(const char *p)
{
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    uint64_t v;
    memcpy(&v, p, 8);
    uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\');
    return (((quote - ones) | (slash - ones) | (v - ones * 0x20) | v) & highs) == 0;
}

#endif
