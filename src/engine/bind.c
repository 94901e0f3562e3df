/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bind_priv.h"

#include "iceberg/value.h"

/* 128 bits as the library holds them. */
static duckdb_hugeint hugeint(int128 v)
{
    return (duckdb_hugeint){ .lower = (uint64_t)v, .upper = (int64_t)(v >> 64) };
}

static duckdb_uhugeint uuid_bits(str bytes)
{
    duckdb_uhugeint out = { 0 };
    for (size_t i = 0; i < 8 && bytes.len == 16; i++) {
        out.upper = out.upper << 8 | (uint8_t)bytes.ptr[i];
        out.lower = out.lower << 8 | (uint8_t)bytes.ptr[i + 8];
    }
    return out;
}

static duckdb_value number_value(const struct value *v)
{
    switch (v->kind) {
    case TYPE_BOOLEAN:
        return duckdb_create_bool(v->b);
    case TYPE_INT:
        return duckdb_create_int32((int32_t)v->i);
    case TYPE_LONG:
        return duckdb_create_int64(v->i);
    case TYPE_FLOAT:
        return duckdb_create_float((float)v->f);
    case TYPE_DOUBLE:
        return duckdb_create_double(v->f);
    default:
        return duckdb_create_decimal(
            (duckdb_decimal){ .width = v->precision, .scale = v->scale, .value = hugeint(v->dec) });
    }
}

/* NULL for kinds that cannot be bound. */
static duckdb_value duck_value(const struct value *v)
{
    switch (v->kind) {
    case TYPE_BOOLEAN:
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
    case TYPE_DECIMAL:
        return number_value(v);
    case TYPE_DATE:
        return duckdb_create_date((duckdb_date){ (int32_t)v->i });
    case TYPE_TIME:
        return duckdb_create_time((duckdb_time){ v->i });
    case TYPE_TIMESTAMP:
        return duckdb_create_timestamp((duckdb_timestamp){ v->i });
    case TYPE_TIMESTAMPTZ:
        return duckdb_create_timestamp_tz((duckdb_timestamp){ v->i });
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS:
        return duckdb_create_timestamp_ns((duckdb_timestamp_ns){ v->i });
    case TYPE_STRING:
        return duckdb_create_varchar_length(v->bytes.ptr, v->bytes.len);
    case TYPE_UUID:
        return duckdb_create_uuid(uuid_bits(v->bytes));
    case TYPE_FIXED:
    case TYPE_BINARY:
        return duckdb_create_blob((const uint8_t *)v->bytes.ptr, v->bytes.len);
    default:
        return NULL;
    }
}

static bool bind_text(duckdb_prepared_statement p, idx_t at, str text, struct error *err)
{
    if (!str_is_utf8(text))
        return fail(err, ERR_INVALID, "parameter %d is not UTF-8", (int)at);
    if (duckdb_bind_varchar_length(p, at, text.ptr, text.len) != DuckDBSuccess)
        return fail(err, ERR_INVALID, "parameter %d cannot be bound", (int)at);
    return true;
}

static bool bind_typed(duckdb_prepared_statement p, idx_t at, const struct value *v,
                       struct error *err)
{
    duckdb_value bound = duck_value(v);
    if (!bound)
        return fail(err, ERR_UNSUPPORTED, "parameter %d: values of type %s cannot be bound",
                    (int)at, type_kind_name(v->kind));
    bool ok = duckdb_bind_value(p, at, bound) == DuckDBSuccess;
    duckdb_destroy_value(&bound);
    return ok || fail(err, ERR_INVALID, "parameter %d cannot be bound", (int)at);
}

static bool bind_one(duckdb_prepared_statement p, idx_t at, const struct param *param,
                     struct error *err)
{
    if (param->is_text ? !param->text.ptr : (!param->value || param->value->is_null)) {
        duckdb_bind_null(p, at);
        return true;
    }
    return param->is_text ? bind_text(p, at, param->text, err)
                          : bind_typed(p, at, param->value, err);
}

/* Where a named parameter stands; 0: nowhere. */
static idx_t find_name(duckdb_prepared_statement p, str name)
{
    for (idx_t i = 1; i <= duckdb_nparams(p); i++) {
        const char *own = duckdb_parameter_name(p, i);
        bool same = own && str_is(name, own);
        duckdb_free((void *)(uintptr_t)own);
        if (same)
            return i;
    }
    return 0;
}

bool bind_params(duckdb_prepared_statement p, const struct param *params, size_t n,
                 struct error *err)
{
    size_t wanted = duckdb_nparams(p);
    if (wanted != n)
        return fail(err, ERR_INVALID, "the statement takes %zu parameters, %zu are given", wanted,
                    n);
    for (size_t i = 0; i < n; i++) {
        idx_t at = params[i].name.len ? find_name(p, params[i].name) : i + 1;
        if (!at)
            return fail(err, ERR_INVALID, "the statement has no parameter $" STR_FMT,
                        STR_ARG(params[i].name));
        if (!bind_one(p, at, &params[i], err))
            return false;
    }
    return true;
}
