/* SPDX-License-Identifier: Apache-2.0 */
#include "features/dtype.h"

#include "iceberg/type.h"

#define KIND(k) (1u << (k))
#define INTEGERS (KIND(TYPE_INT) | KIND(TYPE_LONG))
#define TIMES                                                                                      \
    (KIND(TYPE_DATE) | KIND(TYPE_TIMESTAMP) | KIND(TYPE_TIMESTAMPTZ) | KIND(TYPE_TIMESTAMP_NS) |   \
     KIND(TYPE_TIMESTAMPTZ_NS))

/* `fits`: columns that may be declared so; `own`: columns that are called so when nothing is declared. */
static const struct {
    const char *name;
    uint32_t fits, own;
} dtypes[DTYPES] = {
    [DTYPE_BOOL] = { "Bool", KIND(TYPE_BOOLEAN), KIND(TYPE_BOOLEAN) },
    [DTYPE_INT32] = { "Int32", KIND(TYPE_INT), KIND(TYPE_INT) },
    [DTYPE_INT64] = { "Int64", INTEGERS, KIND(TYPE_LONG) },
    [DTYPE_FLOAT32] = { "Float32", KIND(TYPE_FLOAT), KIND(TYPE_FLOAT) },
    [DTYPE_FLOAT64] = { "Float64",
                        KIND(TYPE_DOUBLE) | KIND(TYPE_FLOAT) | KIND(TYPE_DECIMAL) | INTEGERS,
                        KIND(TYPE_DOUBLE) },
    [DTYPE_STRING] = { "String",
                       KIND(TYPE_STRING) | KIND(TYPE_UUID) | KIND(TYPE_DECIMAL) | KIND(TYPE_TIME),
                       KIND(TYPE_STRING) | KIND(TYPE_TIME) },
    [DTYPE_BYTES] = { "Bytes", KIND(TYPE_BINARY) | KIND(TYPE_FIXED),
                      KIND(TYPE_BINARY) | KIND(TYPE_FIXED) },
    [DTYPE_TIMESTAMP] = { "UnixTimestamp", TIMES, TIMES },
    [DTYPE_UUID] = { "Uuid", KIND(TYPE_UUID), KIND(TYPE_UUID) },
    [DTYPE_DECIMAL] = { "Decimal", KIND(TYPE_DECIMAL), KIND(TYPE_DECIMAL) },
};

static const struct {
    enum type_kind kind;
    enum key_type key;
} keys[] = {
    { TYPE_INT, KEY_INT32 },   { TYPE_LONG, KEY_INT64 },   { TYPE_STRING, KEY_STRING },
    { TYPE_UUID, KEY_STRING }, { TYPE_BOOLEAN, KEY_BOOL }, { TYPE_DATE, KEY_TIMESTAMP },
};

const char *dtype_name(enum dtype d)
{
    return dtypes[d].name;
}

bool dtype_parse(str word, enum dtype *out)
{
    for (int d = 0; d < DTYPES; d++) {
        if (str_eq_nocase(word, str_of(dtypes[d].name))) {
            *out = (enum dtype)d;
            return true;
        }
    }
    return false;
}

const char *dtype_words(void)
{
    return "Bool, Int32, Int64, Float32, Float64, String, Bytes, UnixTimestamp, Uuid, Decimal";
}

bool dtype_fits(enum dtype d, const struct type *t)
{
    return dtypes[d].fits & KIND(t->kind);
}

bool dtype_of(const struct type *t, enum dtype *out)
{
    for (int d = 0; d < DTYPES; d++) {
        if (dtypes[d].own & KIND(t->kind)) {
            *out = (enum dtype)d;
            return true;
        }
    }
    return false;
}

enum key_type dtype_key(const struct type *t)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].kind == t->kind)
            return keys[i].key;
    return KEY_NONE;
}
