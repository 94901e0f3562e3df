/* SPDX-License-Identifier: Apache-2.0 */
#include "transform/project.h"

#include "codec/json.h"
#include "engine/quote.h"
#include "io/yaml.h"
#include "transform/template.h"

#define RENDERED_MAX ((size_t)8 << 20)
#define DEPENDENCY_DEPTH_MAX 1000

struct reading {
    struct project *p;
    struct model *model; /* whose template is being read */
    struct arena *a;
};

struct model *project_model(struct project *p, str name)
{
    for (size_t i = 0; i < p->models.n; i++)
        if (str_eq(p->models.at[i].name, name))
            return &p->models.at[i];
    return NULL;
}

const struct source_table *project_source(const struct project *p, str source, str name)
{
    for (size_t i = 0; i < p->sources.n; i++)
        if (str_eq(p->sources.at[i].source, source) && str_eq(p->sources.at[i].name, name))
            return &p->sources.at[i];
    return NULL;
}

/* "models/silver/flights.sql": name "flights", and "silver" as the schema unless the configuration says otherwise. */
static struct model *add_model(struct reading *r, const struct project_file *f)
{
    ptrdiff_t slash = str_rfind_char(f->path, '/');
    str folder = str_sub(f->path, 0, (size_t)(slash < 0 ? 0 : slash));
    ptrdiff_t parent = str_rfind_char(folder, '/');
    struct model *m = vec_push(r->a, &r->p->models);
    m->path = f->path;
    m->text = f->text;
    m->name = str_from(f->path, (size_t)(slash + 1));
    m->name.len -= 4;
    m->schema = parent < 0 ? STR("models") : str_from(folder, (size_t)parent + 1);
    m->selected = true;
    return m;
}

static bool set_config(struct reading *r, str key, str value, struct error *err)
{
    if (str_is(key, "schema"))
        r->model->schema = value;
    else if (str_is(key, "partition_by"))
        r->model->partition_by = value;
    else if (str_is(key, "materialized")) {
        if (!str_is(value, "table"))
            return fail(err, ERR_UNSUPPORTED,
                        "materialized='" STR_FMT "' is not supported (table is)", STR_ARG(value));
    } else if (str_is(key, "alias"))
        r->model->table = value;
    else if (!str_is(key, "tags") && !str_is(key, "description"))
        return fail(err, ERR_UNSUPPORTED,
                    "config(" STR_FMT
                    "=...) is not supported (schema, alias, materialized, partition_by are)",
                    STR_ARG(key));
    return true;
}

/* First pass: what the template says about the model; nothing is rendered. */
static bool collect(void *ctx, const struct template_call *call, struct buf *out, struct error *err)
{
    struct reading *r = ctx;
    (void)out;
    if (str_is(call->function, "ref")) {
        if (call->args_n < 1 || call->args_n > 2)
            return fail(err, ERR_INVALID, "ref() takes the name of a model");
        *vec_push(r->a, &r->model->refs) = call->args[call->args_n - 1].value;
        return true;
    }
    if (str_is(call->function, "source"))
        return call->args_n == 2 ||
               fail(err, ERR_INVALID, "source() takes the names of a source and a table");
    if (str_is(call->function, "this"))
        return true;
    if (!str_is(call->function, "config"))
        return fail(err, ERR_UNSUPPORTED, STR_FMT "() is not supported in models",
                    STR_ARG(call->function));
    for (size_t i = 0; i < call->args_n; i++)
        if (!set_config(r, call->args[i].key, call->args[i].value, err))
            return false;
    return true;
}

static bool read_model(struct reading *r, const struct project_file *f, struct error *err)
{
    struct buf ignored = BUF_INIT(RENDERED_MAX);
    r->model = add_model(r, f);
    for (size_t i = 0; i + 1 < r->p->models.n; i++)
        if (str_eq(r->p->models.at[i].name, r->model->name))
            return fail(
                err, ERR_INVALID, "two models are called " STR_FMT ": " STR_FMT " and " STR_FMT,
                STR_ARG(r->model->name), STR_ARG(r->p->models.at[i].path), STR_ARG(f->path));
    bool ok = template_render(f->text, f->path, collect, r, r->a, &ignored, err);
    buf_deinit(&ignored);
    str alias = r->model->table.len ? r->model->table : r->model->name;
    r->model->table =
        arena_printf(r->a, STR_FMT "." STR_FMT, STR_ARG(r->model->schema), STR_ARG(alias));
    return ok;
}

static bool read_sources(struct reading *r, const struct json *list, struct error *err)
{
    for (size_t i = 0; list && i < list->array.n; i++) {
        const struct json *s = &list->array.items[i], *tables;
        str source, schema;
        if (!json_need_str(s, "name", &source, err) ||
            !json_opt_str(s, "schema", source, &schema, err) ||
            !json_opt_array(s, "tables", &tables, err))
            return false;
        for (size_t k = 0; tables && k < tables->array.n; k++) {
            str name, identifier;
            if (!json_need_str(&tables->array.items[k], "name", &name, err) ||
                !json_opt_str(&tables->array.items[k], "identifier", name, &identifier, err))
                return false;
            *vec_push(r->a, &r->p->sources) =
                (struct source_table){ source, name,
                                       arena_printf(r->a, STR_FMT "." STR_FMT, STR_ARG(schema),
                                                    STR_ARG(identifier)) };
        }
    }
    return true;
}

/* {{ ref }} or a plain table's name in a relationships test: "ref('flights')", "source('a', 'b')". */
static bool related_table(void *ctx, const struct template_call *call, struct buf *out,
                          struct error *err)
{
    (void)ctx;
    if (str_is(call->function, "ref") && call->args_n) {
        buf_printf(out, "{{ ref('" STR_FMT "') }}", STR_ARG(call->args[call->args_n - 1].value));
        return true;
    }
    if (str_is(call->function, "source") && call->args_n == 2) {
        buf_printf(out, "{{ source('" STR_FMT "', '" STR_FMT "') }}", STR_ARG(call->args[0].value),
                   STR_ARG(call->args[1].value));
        return true;
    }
    return fail(err, ERR_INVALID, "\"to\" must be ref('model') or source('source', 'table')");
}

static bool relationship_query(struct reading *r, str column, const struct json *args,
                               struct buf *q, struct error *err)
{
    str to, field;
    if (!json_need_str(args, "to", &to, err) || !json_need_str(args, "field", &field, err))
        return false;
    str wrapped = arena_printf(r->a, "{{ " STR_FMT " }}", STR_ARG(to));
    buf_lit(q, "SELECT * FROM {{ this }} WHERE ");
    quote_ident(q, column);
    buf_lit(q, " IS NOT NULL AND ");
    quote_ident(q, column);
    buf_lit(q, " NOT IN (SELECT ");
    quote_ident(q, field);
    buf_lit(q, " FROM ");
    if (!template_render(wrapped, STR("to"), related_table, r, r->a, q, err))
        return false;
    buf_lit(q, " WHERE ");
    quote_ident(q, field);
    buf_lit(q, " IS NOT NULL)");
    return true;
}

static bool values_query(str column, const struct json *args, struct buf *q, struct error *err)
{
    const struct json *values;
    if (!json_need_array(args, "values", &values, err))
        return false;
    buf_lit(q, "SELECT * FROM {{ this }} WHERE ");
    quote_ident(q, column);
    buf_lit(q, " IS NOT NULL AND CAST(");
    quote_ident(q, column);
    buf_lit(q, " AS VARCHAR) NOT IN (");
    for (size_t i = 0; i < values->array.n; i++) {
        const struct json *v = &values->array.items[i];
        if (i)
            buf_lit(q, ", ");
        if (v->kind == JSON_STR)
            quote_text(q, v->s);
        else if (v->kind == JSON_INT)
            buf_printf(q, "'%lld'", (long long)v->i);
        else
            return fail(err, ERR_UNSUPPORTED, "accepted_values takes texts and whole numbers");
    }
    buf_lit(q, ")");
    return true;
}

static bool check_query(struct reading *r, str test, str column, const struct json *args,
                        struct buf *q, struct error *err)
{
    if (str_is(test, "not_null")) {
        buf_lit(q, "SELECT * FROM {{ this }} WHERE ");
        quote_ident(q, column);
        buf_lit(q, " IS NULL");
        return true;
    }
    if (str_is(test, "unique")) {
        buf_lit(q, "SELECT ");
        quote_ident(q, column);
        buf_lit(q, ", count(*) AS n FROM {{ this }} WHERE ");
        quote_ident(q, column);
        buf_lit(q, " IS NOT NULL GROUP BY 1 HAVING count(*) > 1");
        return true;
    }
    if (str_is(test, "accepted_values"))
        return values_query(column, args, q, err);
    if (str_is(test, "relationships"))
        return relationship_query(r, column, args, q, err);
    return fail(err, ERR_UNSUPPORTED,
                "the data test " STR_FMT
                " is not supported (not_null, unique, accepted_values, relationships are)",
                STR_ARG(test));
}

static bool add_check(struct reading *r, str model, str column, const struct json *item,
                      struct error *err)
{
    str test = { 0 };
    const struct json *args = NULL;
    if (item->kind == JSON_STR)
        test = item->s;
    else if (item->kind == JSON_OBJECT && item->object.n == 1) {
        test = item->object.members[0].key;
        args = &item->object.members[0].value;
        const struct json *inner = json_get(args, "arguments"); /* newer projects nest them */
        args = inner ? inner : args;
    } else {
        return fail(err, ERR_INVALID, "a data test is a name, or a name with arguments");
    }
    struct buf q = BUF_INIT(RENDERED_MAX);
    bool ok = check_query(r, test, column, args, &q, err);
    if (ok)
        *vec_push(r->a, &r->p->checks) = (struct check){
            .name = arena_printf(r->a, STR_FMT " " STR_FMT "." STR_FMT, STR_ARG(test),
                                 STR_ARG(model), STR_ARG(column)),
            .query = arena_str(r->a, buf_str(&q)),
            .model = model,
        };
    buf_deinit(&q);
    return ok;
}

static bool read_column_checks(struct reading *r, str model, const struct json *column,
                               struct error *err)
{
    const struct json *tests;
    str name;
    if (!json_need_str(column, "name", &name, err) || !json_opt_array(column, "tests", &tests, err))
        return false;
    if (!tests && !json_opt_array(column, "data_tests", &tests, err))
        return false;
    for (size_t i = 0; tests && i < tests->array.n; i++)
        if (!add_check(r, model, name, &tests->array.items[i], err))
            return fail_in(err, "column " STR_FMT, STR_ARG(name));
    return true;
}

static bool read_model_checks(struct reading *r, const struct json *list, struct error *err)
{
    for (size_t i = 0; list && i < list->array.n; i++) {
        const struct json *columns;
        str name;
        if (!json_need_str(&list->array.items[i], "name", &name, err) ||
            !json_opt_array(&list->array.items[i], "columns", &columns, err))
            return false;
        for (size_t k = 0; columns && k < columns->array.n; k++)
            if (!read_column_checks(r, name, &columns->array.items[k], err))
                return fail_in(err, "model " STR_FMT, STR_ARG(name));
    }
    return true;
}

static bool read_yaml(struct reading *r, const struct project_file *f, struct error *err)
{
    const struct json *doc, *sources, *models;
    if (!yaml_parse(f->text, f->path, r->a, &doc, err))
        return false;
    if (doc->kind == JSON_NULL)
        return true;
    if (json_opt_array(doc, "sources", &sources, err) &&
        json_opt_array(doc, "models", &models, err) && read_sources(r, sources, err) &&
        read_model_checks(r, models, err))
        return true;
    return fail_in(err, STR_FMT, STR_ARG(f->path));
}

/* Depth first: what a model refers to comes before it. */
static bool order_model(struct reading *r, struct model *m, int depth, struct error *err)
{
    if (m->mark == MODEL_ORDERED)
        return true;
    if (m->mark == MODEL_VISITING || depth > DEPENDENCY_DEPTH_MAX)
        return fail(err, ERR_INVALID, "the model " STR_FMT " refers to itself, over others",
                    STR_ARG(m->name));
    m->mark = MODEL_VISITING;
    for (size_t i = 0; i < m->refs.n; i++) {
        struct model *on = project_model(r->p, m->refs.at[i]);
        if (!on)
            return fail(err, ERR_NOT_FOUND, STR_FMT ": there is no model " STR_FMT,
                        STR_ARG(m->path), STR_ARG(m->refs.at[i]));
        if (!order_model(r, on, depth + 1, err))
            return false;
    }
    m->mark = MODEL_ORDERED;
    *vec_push(r->a, &r->p->order) = m;
    return true;
}

static bool check_known(struct project *p, struct error *err)
{
    for (size_t i = 0; i < p->checks.n; i++)
        if (!project_model(p, p->checks.at[i].model))
            return fail(err, ERR_NOT_FOUND,
                        "the data test " STR_FMT " is for a model that there is not",
                        STR_ARG(p->checks.at[i].name));
    return true;
}

bool project_read(const struct project_file *files, size_t n, struct arena *a, struct project *out,
                  struct error *err)
{
    struct reading r = { .p = out, .a = a };
    *out = (struct project){ 0 };
    for (size_t i = 0; i < n; i++) {
        const struct project_file *f = &files[i];
        if (!str_starts(f->path, STR("models/")))
            continue;
        if (f->text.len > PROJECT_FILE_BYTES_MAX)
            return fail(err, ERR_LIMIT, STR_FMT " is larger than %u bytes", STR_ARG(f->path),
                        PROJECT_FILE_BYTES_MAX);
        bool yaml = str_ends(f->path, STR(".yml")) || str_ends(f->path, STR(".yaml"));
        if (yaml ? !read_yaml(&r, f, err)
                 : str_ends(f->path, STR(".sql")) && !read_model(&r, f, err))
            return false;
    }
    if (out->models.n == 0) {
        fail(err, ERR_NOT_FOUND, "the project has no models");
        return fail_hint(err, "models are SELECTs in models/**/*.sql");
    }
    for (size_t i = 0; i < out->models.n; i++)
        if (!order_model(&r, &out->models.at[i], 0, err))
            return false;
    return check_known(out, err);
}

static void select_parents(struct project *p, struct model *m)
{
    m->selected = true;
    for (size_t i = 0; i < m->refs.n; i++)
        select_parents(p, project_model(p, m->refs.at[i]));
}

/* Whether m refers to `of`, over others too; the order has no cycles. */
static bool depends_on(struct project *p, const struct model *m, const struct model *of)
{
    for (size_t i = 0; i < m->refs.n; i++) {
        const struct model *on = project_model(p, m->refs.at[i]);
        if (on == of || depends_on(p, on, of))
            return true;
    }
    return false;
}

static void select_children(struct project *p, const struct model *of)
{
    for (size_t i = 0; i < p->models.n; i++)
        if (depends_on(p, &p->models.at[i], of))
            p->models.at[i].selected = true;
}

bool project_select(struct project *p, const str *words, size_t n, struct error *err)
{
    for (size_t i = 0; i < p->models.n; i++)
        p->models.at[i].selected = n == 0;
    for (size_t i = 0; i < n; i++) {
        str name = words[i];
        bool parents = str_starts(name, STR("+")), children = str_ends(name, STR("+"));
        name = str_from(name, parents);
        name.len -= children && name.len;
        struct model *m = project_model(p, name);
        if (!m)
            return fail(err, ERR_NOT_FOUND, "there is no model " STR_FMT " in the project",
                        STR_ARG(name));
        m->selected = true;
        if (parents)
            select_parents(p, m);
        if (children)
            select_children(p, m);
    }
    return true;
}
