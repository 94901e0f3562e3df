/* SPDX-License-Identifier: Apache-2.0
 *
 * Partition transforms in SQL.  Times are plain arithmetic, which the engine does in its vectors;
 * bucket and truncate call the one implementation in iceberg/partition.c, so that they cannot differ. */
#include "engine/parquet.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "engine/session_priv.h"
#include "engine/udf.h"
#include "iceberg/partition.h"

struct transform_call {
    struct transform transform;
    const struct type *type;
};

/* One value of the result's type. */
static void put(const struct udf_call *call, size_t i, const struct value *v, bool is_int,
                const struct type *t)
{
    if (v->is_null) {
        call->valid[i / 64] &= ~(UINT64_C(1) << i % 64);
        return;
    }
    switch (value_class_of((enum type_kind)v->kind)) {
    case VALUE_BYTES:
        ((str *)call->out)[i] = v->bytes;
        break;
    case VALUE_DECIMAL:
        if (t->precision <= 4)
            ((int16_t *)call->out)[i] = (int16_t)v->dec;
        else if (t->precision <= 9)
            ((int32_t *)call->out)[i] = (int32_t)v->dec;
        else if (t->precision <= 18)
            ((int64_t *)call->out)[i] = (int64_t)v->dec;
        else
            memcpy((char *)call->out + 16 * i, &v->dec, 16);
        break;
    default:
        if (is_int)
            ((int32_t *)call->out)[i] = (int32_t)v->i;
        else
            ((int64_t *)call->out)[i] = v->i;
    }
}

static bool run_transform(void *ctx, const struct udf_call *call, struct error *err)
{
    const struct transform_call *f = ctx;
    const struct type *result = transform_result(&f->transform, f->type);
    struct arena *a = f->type->kind == TYPE_UUID ? arena_create(0) : NULL;
    bool ok = true;
    for (size_t i = 0; ok && i < call->n; i++) {
        struct value in, out;
        ok = column_value(&call->args[0], i, f->type, a, &in, err);
        if (ok) {
            out = transform_apply(&f->transform, &in);
            put(call, i, &out, result->kind == TYPE_INT, result);
        }
    }
    arena_destroy(a);
    return ok;
}

static bool call_transform(struct session *s, const struct transform *f, const struct type *t,
                           str sql, struct arena *a, str *out, struct error *err)
{
    struct transform_call *ctx = arena_new(session_arena(s), struct transform_call);
    struct buf arg = BUF_INIT(1000), result = BUF_INIT(1000);
    *ctx = (struct transform_call){ *f, type_copy_plain(t, session_arena(s)) };
    bool ok = sql_type(&arg, t, err) && sql_type(&result, transform_result(f, t), err);
    const char *arg_type = arena_cstr(a, buf_str(&arg));
    struct udf udf = { .arg_types = &arg_type,
                       .args_n = 1,
                       .return_type = arena_cstr(a, buf_str(&result)),
                       .fn = run_transform,
                       .ctx = ctx };
    ok = ok && udf_add(s, &udf, &sql, a, out, err);
    buf_deinit(&arg);
    buf_deinit(&result);
    return ok;
}

/* A date or time as a plain TIMESTAMP or DATE in UTC; nanoseconds go down to microseconds first, rounded down
 * (a cast rounds to zero). */
static str plain_time(const struct type *t, str sql, struct arena *a)
{
    switch (t->kind) {
    case TYPE_TIMESTAMPTZ:
        return arena_printf(a, "make_timestamp(epoch_us(" STR_FMT "))", STR_ARG(sql));
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS:
        return arena_printf(
            a, "make_timestamp((epoch_ns(%.*s) - (epoch_ns(%.*s) %% 1000 + 1000) %% 1000) // 1000)",
            STR_ARG(sql), STR_ARG(sql));
    default:
        return arena_printf(a, "(" STR_FMT ")", STR_ARG(sql));
    }
}

static str time_sql(enum transform_kind kind, str x, struct arena *a)
{
    switch (kind) {
    case TRANSFORM_YEAR:
        return arena_printf(a, "CAST(year(" STR_FMT ") - 1970 AS INTEGER)", STR_ARG(x));
    case TRANSFORM_MONTH:
        return arena_printf(a, "CAST((year(%.*s) - 1970) * 12 + month(%.*s) - 1 AS INTEGER)",
                            STR_ARG(x), STR_ARG(x));
    case TRANSFORM_DAY:
        return arena_printf(a, "CAST(CAST(" STR_FMT " AS DATE) - DATE '1970-01-01' AS INTEGER)",
                            STR_ARG(x));
    default: /* hour, rounded down */
        return arena_printf(a,
                            "CAST((epoch_us(%.*s) - (epoch_us(%.*s) %% 3600000000 + 3600000000) "
                            "%% 3600000000) // 3600000000 AS INTEGER)",
                            STR_ARG(x), STR_ARG(x));
    }
}

bool transform_sql(struct session *s, const struct transform *f, const struct type *t, str sql,
                   struct arena *a, str *out, struct error *err)
{
    if (!transform_check(f, t, err))
        return false;
    struct buf type = BUF_INIT(1000);
    bool ok = true;
    switch (f->kind) {
    case TRANSFORM_IDENTITY:
        *out = sql;
        break;
    case TRANSFORM_VOID:
        ok = sql_type(&type, t, err);
        *out = arena_printf(a, "CAST(NULL AS " STR_FMT ")", STR_ARG(buf_str(&type)));
        break;
    case TRANSFORM_BUCKET:
    case TRANSFORM_TRUNCATE:
        ok = call_transform(s, f, t, sql, a, out, err);
        break;
    default:
        *out = time_sql(f->kind, plain_time(t, sql, a), a);
    }
    buf_deinit(&type);
    return ok;
}
