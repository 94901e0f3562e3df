/* SPDX-License-Identifier: Apache-2.0
 *
 * Request bodies, and the parts of a request's head that are checked by hand.  What is accepted keeps its promises, and a body
 * written from what was understood is understood the same. */
#include "server/bodies.h"
#include "server/guard.h"

#include <string.h>

#include "fuzz.h"

#define TEXT_MAX ((size_t)256 << 20)

static const char *const formats[] = { "json",     "objects", "jsonl",  "csv",
                                       "markdown", "table",   "parquet" };

static void write_sql(const struct sql_body *b, struct buf *out)
{
    struct json_writer w;
    jw_init(&w, out);
    jw_begin_object(&w);
    jw_kv_str(&w, "sql", b->sql);
    jw_kv_str(&w, "branch", b->branch);
    jw_kv_str(&w, "format", str_of(formats[b->format]));
    jw_kv_str(&w, "out", b->out);
    jw_kv_int(&w, "max_rows", b->max_rows);
    jw_kv_int(&w, "timeout_ms", b->timeout_ms);
    jw_kv_array(&w, "params");
    for (size_t i = 0; i < b->params_n; i++)
        b->params[i].ptr ? jw_str(&w, b->params[i]) : jw_null(&w);
    jw_end_array(&w);
    jw_end_object(&w);
}

static void check_sql(str text, struct arena *a)
{
    struct sql_body b, again;
    struct error err = { 0 };
    struct buf out = BUF_INIT(TEXT_MAX);
    if (!sql_body_parse(text, a, &b, &err)) {
        HOLDS(fuzz_expected(&err));
        return;
    }
    HOLDS(b.max_rows >= 0 && b.timeout_ms >= -1 && b.timeout_ms <= TIMEOUT_MS_MAX);
    HOLDS((b.format == SQL_PARQUET) == (b.out.len > 0));
    write_sql(&b, &out);
    HOLDS(sql_body_parse(buf_str(&out), a, &again, &err));
    HOLDS(str_eq(b.sql, again.sql) && str_eq(b.branch, again.branch) && str_eq(b.out, again.out));
    HOLDS(b.format == again.format && b.max_rows == again.max_rows &&
          b.timeout_ms == again.timeout_ms && b.params_n == again.params_n);
    for (size_t i = 0; i < b.params_n; i++)
        HOLDS(str_eq(b.params[i], again.params[i]) && !b.params[i].ptr == !again.params[i].ptr);
    buf_deinit(&out);
}

static void check_plan(str text, struct arena *a)
{
    struct plan_body b;
    struct error err = { 0 };
    if (plan_body_parse(text, a, &b, &err))
        HOLDS((b.table.len > 0) != (b.metadata.len > 0));
    else
        HOLDS(fuzz_expected(&err));
}

/* Nested data becomes flat. */
static void write_infer(const struct infer_body *b, struct buf *out)
{
    struct json_writer w;
    jw_init(&w, out);
    jw_begin_object(&w);
    jw_kv_str(&w, "id", b->id);
    jw_kv_array(&w, "inputs");
    for (size_t i = 0; i < b->inputs_n; i++) {
        const struct tensor *t = &b->inputs[i];
        jw_begin_object(&w);
        jw_kv_array(&w, "data");
        for (size_t k = 0; t->values && k < t->n; k++)
            jw_f32(&w, t->values[k]);
        jw_end_array(&w);
        jw_kv_str(&w, "name", t->name);
        jw_kv_str(&w, "datatype", str_of(tensor_type_name(t->type)));
        jw_kv_array(&w, "shape");
        for (size_t d = 0; d < t->dims; d++)
            jw_int(&w, t->shape[d]);
        jw_end_array(&w);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    jw_end_object(&w);
}

static void check_tensor(const struct tensor *t, const struct tensor *again)
{
    size_t n = 1;
    for (size_t d = 0; d < t->dims; d++)
        n *= (size_t)t->shape[d];
    HOLDS(t->dims <= TENSOR_DIMS_MAX && n == t->n && n <= TENSOR_VALUES_MAX && t->name.len > 0);
    HOLDS(again->n == n && again->type == t->type && str_eq(again->name, t->name));
    HOLDS(t->type == TENSOR_BYTES || n == 0 || t->values);
    for (size_t i = 0; t->type != TENSOR_BYTES && i < n; i++) {
        float x = t->values[i], y = again->values[i];
        bool number = x - x == 0; /* what is not finite is written as null */
        HOLDS(number ? x == y : y != y);
    }
}

static void check_infer(str text, struct arena *a)
{
    struct infer_body b, again;
    struct error err = { 0 };
    struct buf out = BUF_INIT(TEXT_MAX);
    if (!infer_body_parse(text, a, &b, &err)) {
        HOLDS(fuzz_expected(&err));
        return;
    }
    HOLDS(b.inputs_n > 0);
    write_infer(&b, &out);
    HOLDS(infer_body_parse(buf_str(&out), a, &again, &err));
    HOLDS(again.inputs_n == b.inputs_n && str_eq(again.id, b.id));
    for (size_t i = 0; i < b.inputs_n; i++)
        check_tensor(&b.inputs[i], &again.inputs[i]);
    buf_deinit(&out);
}

static void check_head(str text, struct arena *a)
{
    static const struct guard_names names = { .listens = STR_INIT("127.0.0.1") };
    struct listen_address at;
    struct error err = { 0 };
    str authority, path, query;
    if (guard_target(text, &authority, &path, &query, &err)) {
        HOLDS(path.len > 0 && path.ptr[0] == '/' && str_find_char(path, '?') < 0);
        HOLDS(str_find_char(path, '\n') < 0 && str_find_char(query, '\r') < 0);
    } else {
        HOLDS(fuzz_expected(&err));
    }
    if (guard_host(text, &names, &err))
        HOLDS(str_find_char(text, '/') < 0 && str_find_char(text, '@') < 0);
    if (guard_listen_address(text, false, a, &at, &err))
        HOLDS(at.port >= 0 && at.port <= 65535);
    if (guard_request_id(text))
        HOLDS(text.len <= 64 && str_find_char(text, '\n') < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)1 << 30);
    str text = str_make(data, size);
    check_sql(text, a);
    check_plan(text, a);
    check_infer(text, a);
    check_head(text, a);
    arena_destroy(a);
    return 0;
}
