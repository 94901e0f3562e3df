/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/callback_priv.h"

#include "base/env.h"

size_t plain_width(const struct column_type *t)
{
    switch (t->kind) {
    case COLUMN_BOOL:
    case COLUMN_I8:
    case COLUMN_U8:
        return 1;
    case COLUMN_I16:
    case COLUMN_U16:
        return 2;
    case COLUMN_I32:
    case COLUMN_U32:
    case COLUMN_F32:
    case COLUMN_DATE:
        return 4;
    case COLUMN_I64:
    case COLUMN_U64:
    case COLUMN_F64:
    case COLUMN_TIME:
    case COLUMN_TIME_NS:
    case COLUMN_TIMESTAMP:
    case COLUMN_TIMESTAMPTZ:
    case COLUMN_TIMESTAMP_S:
    case COLUMN_TIMESTAMP_MS:
    case COLUMN_TIMESTAMP_NS:
        return 8;
    case COLUMN_I128:
    case COLUMN_U128:
    case COLUMN_INTERVAL:
    case COLUMN_UUID:
    case COLUMN_TEXT:
    case COLUMN_BLOB:
        return 16;
    case COLUMN_DECIMAL:
        return t->width;
    default:
        return 0;
    }
}

static bool is_text(const struct column_type *t)
{
    return t->kind == COLUMN_TEXT || t->kind == COLUMN_BLOB;
}

void vector_out_begin(struct vector_out *out, duckdb_vector v, const struct column_type *t,
                      size_t n, str *texts)
{
    ASSERT(n <= UDF_ROWS_MAX);
    out->vector = v;
    out->type = t;
    out->n = n;
    out->texts = texts;
    out->data = is_text(t) ? (void *)texts : duckdb_vector_get_data(v);
    memset(out->data, 0, n * plain_width(t));
    memset(out->valid, 0xff, sizeof out->valid);
}

static bool all_valid(const uint64_t *valid, size_t n)
{
    for (size_t i = 0; i < n / 64; i++)
        if (~valid[i])
            return false;
    return n % 64 == 0 || (~valid[n / 64] & ((UINT64_C(1) << n % 64) - 1)) == 0;
}

void vector_out_end(struct vector_out *out)
{
    if (is_text(out->type))
        for (size_t i = 0; i < out->n; i++)
            if (out->valid[i / 64] >> (i % 64) & 1)
                duckdb_vector_assign_string_element_len(
                    out->vector, i, out->texts[i].len ? out->texts[i].ptr : "", out->texts[i].len);
    if (all_valid(out->valid, out->n))
        return;
    duckdb_vector_ensure_validity_writable(out->vector);
    memcpy(duckdb_vector_get_validity(out->vector), out->valid, (out->n + 63) / 64 * 8);
}

/* Most names are looked up; what has parts is asked of the engine, which takes as long as planning a small query. */
bool type_of_name(struct session *s, const char *name, duckdb_logical_type *logical,
                  struct error *err)
{
    if ((*logical = duck_type_named(name)) != NULL)
        return true;
    struct buf sql = BUF_INIT(SQL_BYTES_MAX);
    duckdb_prepared_statement prepared = NULL;
    buf_printf(&sql, "SELECT CAST(NULL AS %s)", name);
    buf_add_char(&sql, 0);
    bool ok = duckdb_prepare(s->connection, sql.ptr, &prepared) == DuckDBSuccess;
    if (ok)
        *logical = duckdb_prepared_statement_column_logical_type(prepared, 0);
    else
        duck_fail(s, duckdb_prepare_error(prepared), err);
    duckdb_destroy_prepare(&prepared);
    buf_deinit(&sql);
    return ok;
}

static void destroy_types(void *arg)
{
    struct callback *c = arg;
    for (size_t i = 0; i < c->types_n; i++)
        if (c->logical[i])
            duckdb_destroy_logical_type(&c->logical[i]);
}

bool callback_make(struct session *s, size_t types_n, struct callback **out, struct error *err)
{
    if (s->callbacks_n == SESSION_CALLBACKS_MAX)
        return fail(err, ERR_LIMIT, "a session has at most %d functions", SESSION_CALLBACKS_MAX);
    s->callbacks_n++;
    struct callback *c = arena_new(s->arena, struct callback);
    c->session = s;
    c->types_n = types_n;
    c->types = arena_array(s->arena, const struct column_type *, types_n);
    c->logical = arena_array(s->arena, duckdb_logical_type, types_n);
    c->id = env_random_u64(env_real()) >> 1;
    arena_defer(s->arena, destroy_types, c);
    *out = c;
    return true;
}

bool callback_type(struct callback *c, size_t i, const char *name, bool any, struct error *err)
{
    if (!type_of_name(c->session, name, &c->logical[i], err))
        return false;
    c->types[i] = column_type_make(c->logical[i], c->session->arena);
    return any || plain_width(c->types[i]) ||
           fail(err, ERR_UNSUPPORTED, "functions in C take and give no values of type %s", name);
}

void callback_publish(struct callback *c)
{
    engine_callback_add(c->session->engine, c);
}
