/* SPDX-License-Identifier: Apache-2.0
 *
 * Maintenance: the procedures of SQL, so that there is one implementation of their arguments and answers. */
#include "capi/capi_priv.h"
#include "engine/quote.h"
#include "engine/result_write.h"
#include "sql/delta.h"
#include "sql/lex.h"
#include "sql/sql.h"

/* ---- CALL system.procedure(table => '...', name => value, ...) */

static bool is_word(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (str_find_char(STR("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"),
                          *s) < 0)
            return false;
    return true;
}

/* A value must be one: no comma outside of parentheses and brackets, nothing that is left open. */
static bool check_value(struct call *c, const firn_pair *p)
{
    struct lex lex;
    int depth = 0;
    if (!sql_check_condition(str_of(p->value), c->a, &c->err) ||
        !lex_sql(str_of(p->value), c->a, &lex, &c->err))
        return fail_in(&c->err, "the argument %s", p->key);
    for (size_t i = 0; i < lex.n; i++) {
        depth += lex_is(&lex, i, "(") + lex_is(&lex, i, "[");
        depth -= lex_is(&lex, i, ")") + lex_is(&lex, i, "]");
        if (depth < 0 || (depth == 0 && lex_is(&lex, i, ",")))
            return fail(&c->err, ERR_INVALID, "the argument %s is no single value: %s", p->key,
                        p->value);
    }
    return true;
}

static bool add_argument(struct call *c, const firn_pair *p, bool first, struct buf *sql)
{
    if (!capi_needs(c, p->key, "an argument's name") ||
        !capi_needs(c, p->value, "an argument's value"))
        return false;
    if (!is_word(p->key))
        return fail(&c->err, ERR_INVALID, "\"%s\" is no name of an argument", p->key);
    if (!check_value(c, p))
        return false;
    buf_printf(sql, "%s%s => %s", first ? "" : ", ", p->key, p->value);
    return true;
}

static bool call_text(struct call *c, const firn_call_options *o, struct buf *sql)
{
    if (!capi_needs(c, o->procedure, "the procedure's name") ||
        !capi_count(c, o->arguments, o->arguments_n, "arguments"))
        return false;
    if (!is_word(o->procedure))
        return fail(&c->err, ERR_INVALID, "\"%s\" is no name of a procedure", o->procedure);
    buf_printf(sql, "CALL system.%s(", o->procedure);
    if (o->table) {
        buf_lit(sql, "table => ");
        quote_text(sql, str_of(o->table));
    }
    for (size_t i = 0; i < o->arguments_n; i++)
        if (!add_argument(c, &o->arguments[i], i == 0 && !o->table, sql))
            return false;
    buf_lit(sql, ")");
    return buf_ok(sql, "the call", &c->err);
}

static bool rows_json(struct call *c, struct result *rows, char **json)
{
    struct buf text = BUF_INIT(CAPI_JSON_MAX);
    struct buf_sink sink;
    struct result_write_options o = { .format = FORMAT_JSON };
    buf_sink_init(&sink, &text);
    bool ok = result_write(rows, &o, &sink.sink, NULL, &c->err) && capi_text(c, &text, json);
    buf_deinit(&text);
    return ok;
}

static bool run_procedure(struct call *c, const firn_call_options *o, str text, char **json)
{
    struct sql_outcome done;
    struct buf none = BUF_INIT(8);
    struct sql_request req = { .text = text,
                               .branch = str_of(o->ref),
                               .access = c->access,
                               .cancel = capi_cancel(o->cancel) };
    if (!sql_execute(c->lake->lake, &req, c->a, &done, &c->err))
        return false;
    buf_lit(&none, "[]");
    bool ok = !json || (done.rows ? rows_json(c, done.rows, json) : capi_text(c, &none, json));
    sql_close(&done);
    buf_deinit(&none);
    return ok;
}

int firn_call(firn_lake *lake, const firn_call_options *options, char **json, firn_error *err)
{
    struct call c;
    struct buf sql = BUF_INIT(CAPI_SQL_MAX);
    if (json)
        *json = NULL;
    bool ok = capi_begin(&c, lake, true, err) && capi_options(&c, options, sizeof *options) &&
              call_text(&c, options, &sql) && run_procedure(&c, options, buf_str(&sql), json);
    buf_deinit(&sql);
    return capi_end(&c, ok);
}

/* ---- The usual ones */

#define ARGUMENTS_MAX 4

/* Arguments of a procedure while they are put together; values as SQL has them. */
struct arguments {
    struct arena *a;
    firn_pair list[ARGUMENTS_MAX];
    size_t n;
};

static void add_text(struct arguments *x, const char *key, const char *value)
{
    struct buf b = BUF_INIT(CAPI_SQL_MAX);
    quote_text(&b, str_of(value));
    x->list[x->n++] = (firn_pair){ key, arena_cstr(x->a, buf_str(&b)) };
    buf_deinit(&b);
}

static void add_raw(struct arguments *x, const char *key, const char *value)
{
    x->list[x->n++] = (firn_pair){ key, value };
}

static void add_time(struct arguments *x, const char *key, int64_t ms)
{
    if (ms)
        add_raw(x, key, arena_printf(x->a, "%lld", (long long)ms).ptr);
}

static struct arguments arguments_begin(void)
{
    return (struct arguments){ .a = arena_create(0) };
}

/* Frees the arguments. */
static int arguments_call(struct arguments *x, firn_lake *lake, const char *ref, const char *table,
                          const char *procedure, char **json, firn_error *err)
{
    firn_call_options o = FIRN_CALL_OPTIONS_INIT;
    o.procedure = procedure;
    o.table = table ? table : "";
    o.ref = ref;
    o.arguments = x->list;
    o.arguments_n = x->n;
    int code = firn_call(lake, &o, json, err);
    arena_destroy(x->a);
    return code;
}

int firn_compact(firn_lake *lake, const char *ref, const char *table, const char *where,
                 char **json, firn_error *err)
{
    struct arguments x = arguments_begin();
    if (where)
        add_text(&x, "where", where);
    return arguments_call(&x, lake, ref, table, "rewrite_data_files", json, err);
}

int firn_expire_snapshots(firn_lake *lake, const char *ref, const char *table,
                          int64_t older_than_ms, int32_t retain_last, char **json, firn_error *err)
{
    struct arguments x = arguments_begin();
    add_time(&x, "older_than", older_than_ms);
    if (retain_last)
        add_raw(&x, "retain_last", arena_printf(x.a, "%d", (int)retain_last).ptr);
    return arguments_call(&x, lake, ref, table, "expire_snapshots", json, err);
}

int firn_remove_orphans(firn_lake *lake, const char *ref, const char *table, int64_t older_than_ms,
                        int dry_run, char **json, firn_error *err)
{
    struct arguments x = arguments_begin();
    add_time(&x, "older_than", older_than_ms);
    if (dry_run)
        add_raw(&x, "dry_run", "true");
    return arguments_call(&x, lake, ref, table, "remove_orphan_files", json, err);
}

int firn_rewrite_manifests(firn_lake *lake, const char *ref, const char *table, char **json,
                           firn_error *err)
{
    struct arguments x = arguments_begin();
    return arguments_call(&x, lake, ref, table, "rewrite_manifests", json, err);
}

int firn_analyze(firn_lake *lake, const char *ref, const char *table, char **json, firn_error *err)
{
    struct arguments x = arguments_begin();
    return arguments_call(&x, lake, ref, table, "compute_table_stats", json, err);
}
