/* SPDX-License-Identifier: Apache-2.0
 *
 * Scalar functions with a callback.  The library's functions are the database's, not a session's, and
 * cannot be dropped.  So there is one per return type, made when first needed; which callback it runs is
 * said by its first argument, a random id that only the session which added it may use. */
#include "engine/udf.h"

#include "base/mem.h"
#include "base/vec.h"
#include "engine/callback_priv.h"

struct udf_type {
    str return_type;
    str name;
};

/* Functions that exist in the database, by return type. */
struct udf_types {
    pthread_mutex_t lock; /* guards the rest; held while one is registered, so that it is so once */
    struct arena *arena;
    VEC(struct udf_type) types;
};

struct udf_types *udf_types_create(void)
{
    struct udf_types *t = mem_new(struct udf_types);
    t->arena = arena_create(0);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void udf_types_destroy(struct udf_types *t)
{
    pthread_mutex_destroy(&t->lock);
    arena_destroy(t->arena);
    mem_free(t);
}

static void refuse(duckdb_bind_info info, const char *why)
{
    duckdb_scalar_function_bind_set_error(info, why);
}

/* The id is a constant: the first argument. */
static bool read_id(duckdb_bind_info info, duckdb_client_context context, uint64_t *id)
{
    duckdb_expression e = duckdb_scalar_function_bind_get_argument(info, 0);
    duckdb_value v = NULL;
    bool ok = duckdb_expression_is_foldable(e);
    if (ok) {
        duckdb_error_data failed = duckdb_expression_fold(context, e, &v);
        ok = !duckdb_error_data_has_error(failed);
        duckdb_destroy_error_data(&failed);
    }
    if (ok)
        *id = duckdb_get_uint64(v);
    if (v)
        duckdb_destroy_value(&v);
    duckdb_destroy_expression(&e);
    return ok;
}

static bool same_arg(duckdb_bind_info info, size_t i, duckdb_type want)
{
    duckdb_expression e = duckdb_scalar_function_bind_get_argument(info, i + 1);
    duckdb_logical_type t = duckdb_expression_return_type(e);
    bool same = duckdb_get_type_id(t) == want;
    duckdb_destroy_logical_type(&t);
    duckdb_destroy_expression(&e);
    return same;
}

static bool args_fit(duckdb_bind_info info, const struct callback *c)
{
    if (!c || !c->udf || duckdb_scalar_function_bind_get_argument_count(info) != c->types_n + 1)
        return false;
    for (size_t i = 0; i < c->types_n; i++)
        if (!same_arg(info, i, c->types[i]->id))
            return false;
    return true;
}

/* Bind data is the callback itself, which lives as long as its session. */
static void *copy_bind_data(void *data)
{
    return data;
}

static void udf_bind(duckdb_bind_info info)
{
    struct engine *e = duckdb_scalar_function_bind_get_extra_info(info);
    duckdb_client_context context;
    uint64_t id = 0;
    duckdb_scalar_function_get_client_context(info, &context);
    bool ok = read_id(info, context, &id);
    const struct callback *c =
        ok ? engine_callback(e, id, duckdb_client_context_get_connection_id(context)) : NULL;
    duckdb_destroy_client_context(&context);
    if (!args_fit(info, c)) {
        refuse(info, "there is no such function");
        return;
    }
    duckdb_scalar_function_set_bind_data(info, (void *)(uintptr_t)c, NULL);
    duckdb_scalar_function_set_bind_data_copy(info, copy_bind_data);
}

static bool call(const struct callback *c, duckdb_data_chunk input, duckdb_vector output,
                 struct error *err)
{
    struct column_view args[UDF_ARGS_MAX];
    str texts[UDF_ROWS_MAX];
    struct vector_out out;
    size_t n = duckdb_data_chunk_get_size(input);
    for (size_t i = 0; i < c->types_n; i++)
        column_view_make(duckdb_data_chunk_get_vector(input, i + 1), n, c->types[i], NULL,
                         &args[i]);
    vector_out_begin(&out, output, c->result, n, texts);
    struct udf_call request = { n, args, c->types_n, out.data, out.valid };
    if (!c->udf->fn(c->udf->ctx, &request, err))
        return false;
    vector_out_end(&out);
    return true;
}

static void udf_run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct callback *c = duckdb_scalar_function_get_bind_data(info);
    struct error err = { 0 };
    if (!c) {
        duckdb_scalar_function_set_error(info, "the function was not bound");
    } else if (!call(c, input, output, &err)) {
        session_callback_failed(c->session, &err);
        duckdb_scalar_function_set_error(info, err.msg);
    }
}

static void describe_function(duckdb_scalar_function f, const char *name,
                              duckdb_logical_type result, struct engine *e)
{
    duckdb_logical_type id = duckdb_create_logical_type(DUCKDB_TYPE_UBIGINT);
    duckdb_logical_type any = duckdb_create_logical_type(DUCKDB_TYPE_ANY);
    duckdb_scalar_function_set_name(f, name);
    duckdb_scalar_function_add_parameter(f, id);
    duckdb_scalar_function_set_varargs(f, any);
    duckdb_scalar_function_set_return_type(f, result);
    duckdb_scalar_function_set_special_handling(f); /* nulls are given to it */
    duckdb_scalar_function_set_volatile(f);
    duckdb_scalar_function_set_extra_info(f, e, NULL);
    duckdb_scalar_function_set_bind(f, udf_bind);
    duckdb_scalar_function_set_function(f, udf_run);
    duckdb_destroy_logical_type(&id);
    duckdb_destroy_logical_type(&any);
}

/* In a connection of its own: the session's may be inside a transaction that will be undone. */
static bool register_function(struct engine *e, const char *name, duckdb_logical_type result,
                              struct error *err)
{
    duckdb_connection c;
    if (duckdb_connect(engine_database(e), &c) != DuckDBSuccess)
        return fail(err, ERR_INTERNAL, "the engine gives no connection");
    duckdb_scalar_function f = duckdb_create_scalar_function();
    describe_function(f, name, result, e);
    bool ok = duckdb_register_scalar_function(c, f) == DuckDBSuccess;
    duckdb_destroy_scalar_function(&f);
    duckdb_disconnect(&c);
    return ok || fail(err, ERR_INTERNAL, "function %s cannot be registered", name);
}

static bool find_or_register(struct session *s, str return_type, duckdb_logical_type logical,
                             str *name, struct error *err)
{
    struct udf_types *all = engine_udf_types(s->engine);
    for (size_t i = 0; i < all->types.n; i++) {
        if (str_eq(all->types.at[i].return_type, return_type)) {
            *name = all->types.at[i].name;
            return true;
        }
    }
    *name = arena_printf(all->arena, "firn_udf_%zu", all->types.n);
    if (!register_function(s->engine, name->ptr, logical, err))
        return false;
    *vec_push(all->arena, &all->types) =
        (struct udf_type){ arena_str(all->arena, return_type), *name };
    return true;
}

static bool function_for(struct session *s, struct callback *c, const char *return_type, str *name,
                         struct error *err)
{
    duckdb_logical_type logical;
    struct udf_types *all = engine_udf_types(s->engine);
    if (!type_of_name(s, return_type, &logical, err))
        return false;
    c->result = column_type_make(logical, s->arena);
    bool ok = plain_width(c->result) ||
              fail(err, ERR_UNSUPPORTED, "functions in C give no values of type %s", return_type);
    pthread_mutex_lock(&all->lock);
    ok = ok && find_or_register(s, column_type_text(c->result, s->arena), logical, name, err);
    pthread_mutex_unlock(&all->lock);
    duckdb_destroy_logical_type(&logical);
    return ok;
}

bool udf_add(struct session *s, const struct udf *f, const str *args_sql, struct arena *a,
             str *call_sql, struct error *err)
{
    struct callback *c;
    str name;
    ASSERT(f->args_n >= 1 && f->args_n <= UDF_ARGS_MAX);
    if (!callback_make(s, f->args_n, &c, err))
        return false;
    for (size_t i = 0; i < f->args_n; i++)
        if (!callback_type(c, i, f->arg_types[i], false, err))
            return false;
    if (!function_for(s, c, f->return_type, &name, err))
        return false;
    struct udf *copy = arena_new(s->arena, struct udf);
    *copy = *f;
    c->udf = copy;
    callback_publish(c);
    struct buf sql = BUF_INIT(SQL_BYTES_MAX);
    buf_printf(&sql, STR_FMT "(%llu::UBIGINT", STR_ARG(name), (unsigned long long)c->id);
    for (size_t i = 0; i < f->args_n; i++)
        buf_printf(&sql, ", CAST(" STR_FMT " AS %s)", STR_ARG(args_sql[i]), f->arg_types[i]);
    buf_add_char(&sql, ')');
    *call_sql = arena_str(a, buf_str(&sql));
    bool ok = buf_ok(&sql, "a function call", err);
    buf_deinit(&sql);
    return ok;
}
