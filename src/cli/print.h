/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON answers for people: a list of objects as an aligned table, an object as lines. */
#ifndef FIRN_CLI_PRINT_H
#define FIRN_CLI_PRINT_H

#include "base/buf.h"
#include "codec/json.h"

enum print_kind {
    PRINT_TEXT,
    PRINT_COUNT, /* whole number with thousands separated */
    PRINT_ID,    /* whole number as it is */
    PRINT_BYTES, /* 13.5 MB */
    PRINT_TIME,  /* milliseconds since 1970, or ISO text */
    PRINT_SECONDS,
    PRINT_FLOAT
};

struct print_column {
    const char *key;    /* member of each row */
    const char *header; /* NULL: the key */
    enum print_kind kind;
};

/* Ends with a NULL key.  Rows that lack a member, or have null, get an empty cell. */
void print_rows(const struct json *rows, const struct print_column *columns);

/* "  key: value" lines for those members of the object that are there. */
void print_object(const struct json *object, const struct print_column *columns);

/* One value as the kind says; appended. */
void print_value(const struct json *v, enum print_kind kind, struct buf *out);
void print_count(int64_t n, struct buf *out);
void print_bytes(int64_t n, struct buf *out);

#endif
