/* SPDX-License-Identifier: Apache-2.0
 *
 * Relations whose rows a callback fills: firn_rows(id).  Threads take batches off a common counter, and
 * only the columns that the query needs are filled. */
#include "base/mem.h"
#include "engine/callback_priv.h"

#define ROWS_PER_THREAD 65536 /* fewer are not worth another thread */

/* One run of the relation in a query. */
struct rows_scan {
    const struct callback *callback;
    _Atomic int64_t next;
    void *stream; /* of a row_stream, once it is open */
    size_t columns_n;
    size_t columns[];
};

static bool read_id(duckdb_bind_info info, uint64_t *id)
{
    duckdb_value v = duckdb_bind_get_parameter(info, 0);
    *id = duckdb_get_uint64(v);
    duckdb_destroy_value(&v);
    return true;
}

static void rows_bind(duckdb_bind_info info)
{
    struct engine *e = duckdb_bind_get_extra_info(info);
    duckdb_client_context context;
    uint64_t id = 0;
    duckdb_table_function_get_client_context(info, &context);
    bool ok = read_id(info, &id);
    const struct callback *c =
        ok ? engine_callback(e, id, duckdb_client_context_get_connection_id(context)) : NULL;
    duckdb_destroy_client_context(&context);
    if (!c || !c->rows) {
        duckdb_bind_set_error(info, "there is no such relation");
        return;
    }
    for (size_t i = 0; i < c->types_n; i++)
        duckdb_bind_add_result_column(info, c->rows->columns[i].name.ptr, c->logical[i]);
    duckdb_bind_set_cardinality(info, (idx_t)(c->rows->rows_n + c->rows->rows_hint), false);
    duckdb_bind_set_bind_data(info, (void *)(uintptr_t)c, NULL);
}

static void scan_free(void *arg)
{
    struct rows_scan *scan = arg;
    if (scan->stream)
        scan->callback->rows->stream->close(scan->stream);
    mem_free(scan);
}

static void rows_init(duckdb_init_info info)
{
    const struct callback *c = duckdb_init_get_bind_data(info);
    size_t n = duckdb_init_get_column_count(info);
    struct rows_scan *scan = mem_alloc(1, sizeof *scan + n * sizeof *scan->columns);
    scan->callback = c;
    scan->columns_n = n;
    for (size_t i = 0; i < n; i++)
        scan->columns[i] = duckdb_init_get_column_index(info, i);
    duckdb_init_set_init_data(info, scan, scan_free);
    duckdb_init_set_max_threads(info, c->rows->ordered || c->rows->stream
                                          ? 1
                                          : (idx_t)(c->rows->rows_n / ROWS_PER_THREAD + 1));
}

static bool fill_column(struct rows_scan *scan, size_t column, int64_t from, size_t n,
                        duckdb_vector v, struct error *err)
{
    const struct callback *c = scan->callback;
    const struct row_source *rows = c->rows;
    str texts[UDF_ROWS_MAX];
    struct vector_out out;
    if (column >= c->types_n) /* a virtual column that stands for "none" */
        return true;
    vector_out_begin(&out, v, c->types[column], n, texts);
    if (rows->stream ? !rows->stream->fill(scan->stream, column, out.data, out.valid, err)
                     : !rows->fill(rows->ctx, column, from, n, out.data, out.valid, err))
        return false;
    vector_out_end(&out);
    return true;
}

/* The next rows: from which on, and how many. */
static bool take_rows(struct rows_scan *scan, int64_t *from, size_t *n, struct error *err)
{
    const struct row_source *rows = scan->callback->rows;
    *from = 0;
    if (rows->stream)
        return (scan->stream || rows->stream->open(rows->ctx, &scan->stream, err)) &&
               rows->stream->next(scan->stream, n, err);
    *from = atomic_fetch_add(&scan->next, UDF_ROWS_MAX);
    int64_t left = rows->rows_n - *from;
    *n = left <= 0 ? 0 : left < UDF_ROWS_MAX ? (size_t)left : UDF_ROWS_MAX;
    return true;
}

static void rows_run(duckdb_function_info info, duckdb_data_chunk output)
{
    struct rows_scan *scan = duckdb_function_get_init_data(info);
    struct error err = { 0 };
    int64_t from = 0;
    size_t n = 0;
    bool ok = take_rows(scan, &from, &n, &err);
    for (size_t i = 0; ok && n && i < scan->columns_n; i++)
        ok = fill_column(scan, scan->columns[i], from, n, duckdb_data_chunk_get_vector(output, i),
                         &err);
    if (!ok) {
        session_callback_failed(scan->callback->session, &err);
        duckdb_function_set_error(info, err.msg);
        n = 0;
    }
    duckdb_data_chunk_set_size(output, n);
}

bool rows_register(duckdb_connection connection, struct engine *e, struct error *err)
{
    duckdb_table_function f = duckdb_create_table_function();
    duckdb_logical_type id = duckdb_create_logical_type(DUCKDB_TYPE_UBIGINT);
    duckdb_table_function_set_name(f, "firn_rows");
    duckdb_table_function_add_parameter(f, id);
    duckdb_table_function_set_extra_info(f, e, NULL);
    duckdb_table_function_set_bind(f, rows_bind);
    duckdb_table_function_set_init(f, rows_init);
    duckdb_table_function_set_function(f, rows_run);
    duckdb_table_function_supports_projection_pushdown(f, true);
    bool ok = duckdb_register_table_function(connection, f) == DuckDBSuccess;
    duckdb_destroy_logical_type(&id);
    duckdb_destroy_table_function(&f);
    return ok || fail(err, ERR_INTERNAL, "firn_rows cannot be registered");
}

/* Names end with NUL, as the library wants them. */
static const struct row_source *copy_source(const struct row_source *src, struct arena *a)
{
    struct row_source *copy = arena_new(a, struct row_source);
    struct row_source_column *columns = arena_array(a, struct row_source_column, src->columns_n);
    *copy = *src;
    for (size_t i = 0; i < src->columns_n; i++) {
        columns[i] = src->columns[i];
        columns[i].name = str_of(arena_cstr(a, src->columns[i].name));
    }
    copy->columns = columns;
    return copy;
}

bool rows_add(struct session *s, const struct row_source *src, struct arena *a, str *from_sql,
              struct error *err)
{
    struct callback *c;
    ASSERT(src->columns_n && src->rows_n >= 0);
    if (!callback_make(s, src->columns_n, &c, err))
        return false;
    for (size_t i = 0; i < src->columns_n; i++)
        if (!callback_type(c, i, src->columns[i].type, !src->rows_n && !src->stream, err))
            return false;
    c->rows = copy_source(src, s->arena);
    callback_publish(c);
    *from_sql = arena_printf(a, "firn_rows(%llu::UBIGINT)", (unsigned long long)c->id);
    return true;
}
