/* SPDX-License-Identifier: Apache-2.0
 *
 * What is there, as users of Spark, Trino and DuckDB ask for it:
 *
 *   DESCRIBE [TABLE] [EXTENDED | FORMATTED] ns.t, SHOW COLUMNS FROM ns.t, SHOW CREATE TABLE | VIEW ns.t,
 *   SHOW TBLPROPERTIES ns.t [('key')], SHOW PARTITIONS ns.t, SHOW VIEWS [FROM ns]
 *
 * They read metadata only and need TABLE_READ_PROPERTIES or VIEW_READ_PROPERTIES. */
#include "sql/show_priv.h"

#include "catalog/table.h"
#include "catalog/views.h"
#include "engine/quote.h"
#include "iceberg/metadata.h"
#include "iceberg/value.h"
#include "iceberg/view.h"
#include "sql/clauses.h"
#include "sql/lake.h"
#include "sql/view_text.h"

#define ANSWER_MAX ((size_t)64 << 20)

/* An answer of texts, row by row. */
struct answer {
    struct run *r;
    struct buf sql;
    size_t columns, rows;
};

static void begin(struct answer *x, struct run *r, size_t columns)
{
    *x = (struct answer){ .r = r, .columns = columns };
    buf_init(&x->sql, ANSWER_MAX);
    buf_lit(&x->sql, "SELECT * FROM (VALUES ");
}

/* A text with ptr NULL is the SQL NULL. */
static void row(struct answer *x, const str *cells)
{
    buf_add_str(&x->sql, x->rows++ ? STR(", (") : STR("("));
    for (size_t i = 0; i < x->columns; i++) {
        if (i)
            buf_lit(&x->sql, ", ");
        if (cells[i].ptr)
            quote_text(&x->sql, cells[i]);
        else
            buf_lit(&x->sql, "CAST(NULL AS VARCHAR)");
    }
    buf_add_char(&x->sql, ')');
}

static bool end(struct answer *x, const char *names, struct error *err)
{
    static const str nothing[8] = { 0 };
    bool empty = x->rows == 0;
    if (empty)
        row(x, nothing);
    buf_printf(&x->sql, ") AS answer(%s)%s", names, empty ? " LIMIT 0" : "");
    bool ok = buf_ok(&x->sql, "the answer", err) &&
              session_query(x->r->session, buf_str(&x->sql), NULL, 0, &x->r->out->rows, err);
    buf_deinit(&x->sql);
    return ok;
}

/* A table, or a view when there is no such table. */
struct object {
    str dotted, ns, name;
    bool is_view;
    struct table table;
    struct catalog_view view;
    const struct schema *schema;
};

static bool load_view(struct run *r, struct object *o, struct error *err)
{
    o->is_view = true;
    if (!clause_may(r, VIEW_READ_PROPERTIES, SECURABLE_VIEW, o->ns, o->name, err) ||
        !catalog_load_view(r->lake->catalog, r->req->branch, o->ns, o->name, r->a, &o->view, err))
        return false;
    o->schema = view_metadata_schema(o->view.metadata);
    return true;
}

static bool load(struct run *r, size_t *i, struct object *o, struct error *err)
{
    *o = (struct object){ 0 };
    struct error missing = { 0 };
    if (!clause_table(r, i, "table", &o->dotted, err) ||
        !name_split(o->dotted, r->a, &o->ns, &o->name, err))
        return false;
    if (!clause_may(r, TABLE_READ_PROPERTIES, SECURABLE_TABLE, o->ns, o->name, err))
        return load_view(r, o, &missing);
    if (catalog_load_table(r->lake->catalog, r->req->branch, o->ns, o->name, r->a, &o->table,
                           err)) {
        o->schema = metadata_schema(o->table.metadata);
        return true;
    }
    if (err->code == ERR_NOT_FOUND && load_view(r, o, &missing))
        return true;
    o->is_view = false;
    return false;
}

/* ---- Columns ---- */

static str type_text(struct run *r, const struct type *t)
{
    struct buf sql = BUF_INIT(1 << 20);
    struct error unknown = { 0 };
    str out = sql_definition_type(&sql, t, &unknown) ? arena_str(r->a, buf_str(&sql))
                                                     : type_format(t, r->a);
    buf_deinit(&sql);
    return out;
}

static str default_text(struct run *r, const struct field *f)
{
    return f->write_default && !f->write_default->is_null && f->write_default->kind != TYPE_STRUCT
               ? value_to_text(f->write_default, r->a)
               : (str){ 0 };
}

static bool is_key(const struct schema *s, int32_t id)
{
    for (size_t i = 0; i < s->identifier_ids_n; i++)
        if (s->identifier_ids[i] == id)
            return true;
    return false;
}

/* DuckDB's columns, and the comment behind them. */
static bool describe_columns(struct run *r, const struct object *o, struct error *err)
{
    struct answer x;
    begin(&x, r, 7);
    for (size_t i = 0; i < o->schema->fields_n; i++) {
        const struct field *f = &o->schema->fields[i];
        row(&x, (const str[]){ f->name,
                               type_text(r, f->type),
                               f->required ? STR("NO") : STR("YES"),
                               is_key(o->schema, f->id) ? STR("PRI") : (str){ 0 },
                               default_text(r, f),
                               { 0 },
                               f->has_doc ? f->doc : (str){ 0 } });
    }
    return end(&x, "column_name, column_type, \"null\", \"key\", \"default\", extra, comment", err);
}

/* ---- Partitions, order, properties as text ---- */

static void add_term(struct buf *out, const struct schema *s, int32_t source_id,
                     const struct transform *f)
{
    str name = schema_name_of(s, source_id), kind = f->text;
    ptrdiff_t bracket = str_find_char(kind, '[');
    if (f->kind == TRANSFORM_IDENTITY) {
        buf_add_str(out, name);
    } else if (bracket > 0) {
        buf_printf(out, STR_FMT "(%d, " STR_FMT ")", STR_ARG(str_sub(kind, 0, (size_t)bracket)),
                   f->param, STR_ARG(name));
    } else {
        buf_printf(out, STR_FMT "(" STR_FMT ")", STR_ARG(kind), STR_ARG(name));
    }
}

static str spec_text(struct run *r, const struct metadata *m, bool names)
{
    struct buf out = BUF_INIT(1 << 20);
    const struct partition_spec *s = metadata_spec(m);
    for (size_t i = 0; i < s->fields_n; i++) {
        if (s->fields[i].transform.kind == TRANSFORM_VOID)
            continue;
        if (out.len)
            buf_lit(&out, ", ");
        add_term(&out, metadata_schema(m), s->fields[i].source_id, &s->fields[i].transform);
        if (names)
            buf_printf(&out, " AS " STR_FMT, STR_ARG(s->fields[i].name));
    }
    str text = arena_str(r->a, buf_str(&out));
    buf_deinit(&out);
    return text;
}

static str order_text(struct run *r, const struct metadata *m)
{
    struct buf out = BUF_INIT(1 << 20);
    const struct sort_order *o = metadata_order(m);
    for (size_t i = 0; i < o->fields_n; i++) {
        if (i)
            buf_lit(&out, ", ");
        add_term(&out, metadata_schema(m), o->fields[i].source_id, &o->fields[i].transform);
        buf_printf(&out, " %s NULLS %s", o->fields[i].descending ? "DESC" : "ASC",
                   o->fields[i].nulls_last ? "LAST" : "FIRST");
    }
    str text = arena_str(r->a, buf_str(&out));
    buf_deinit(&out);
    return text;
}

static const struct property_list *properties_of(const struct object *o)
{
    return o->is_view ? &o->view.metadata->properties : &o->table.metadata->properties;
}

/* ---- DESCRIBE EXTENDED ---- */

static void fact(struct answer *x, const char *name, str value)
{
    row(x, (const str[]){ str_of(name), value, STR("") });
}

static void number(struct answer *x, const char *name, int64_t value)
{
    fact(x, name, arena_printf(x->r->a, "%lld", (long long)value));
}

static void table_facts(struct answer *x, const struct object *o)
{
    const struct metadata *m = o->table.metadata;
    fact(x, "UUID", m->uuid);
    number(x, "Format version", m->format_version);
    fact(x, "Location", m->location);
    fact(x, "Metadata file", o->table.metadata_location);
    fact(x, "Partitioned by", spec_text(x->r, m, true));
    fact(x, "Sorted by", order_text(x->r, m));
    if (m->current_snapshot_id != SNAPSHOT_NONE)
        number(x, "Current snapshot", m->current_snapshot_id);
    number(x, "Snapshots", (int64_t)m->snapshots_n);
}

static void view_facts(struct answer *x, const struct object *o)
{
    str text = { 0 }, dialect = STR("none that can be run");
    struct error unknown = { 0 };
    if (!view_text_pick(o->view.metadata, x->r->a, &text, &dialect, &unknown))
        text = STR("");
    fact(x, "UUID", o->view.metadata->uuid);
    fact(x, "Location", o->view.metadata->location);
    fact(x, "Metadata file", o->view.metadata_location);
    number(x, "Version", view_metadata_current(o->view.metadata)->id);
    fact(x, "Dialect", dialect);
    fact(x, "View text", text);
}

/* Rows as Spark has them: the columns, then facts under headings. */
static bool describe_all(struct run *r, const struct object *o, struct error *err)
{
    const struct property_list *props = properties_of(o);
    struct answer x;
    begin(&x, r, 3);
    for (size_t i = 0; i < o->schema->fields_n; i++) {
        const struct field *f = &o->schema->fields[i];
        row(&x, (const str[]){ f->name,
                               arena_printf(r->a, STR_FMT "%s", STR_ARG(type_text(r, f->type)),
                                            f->required ? " NOT NULL" : ""),
                               f->has_doc ? f->doc : (str){ 0 } });
    }
    fact(&x, "", STR(""));
    fact(&x, o->is_view ? "# View" : "# Table", o->dotted);
    if (o->is_view)
        view_facts(&x, o);
    else
        table_facts(&x, o);
    fact(&x, "", STR(""));
    fact(&x, "# Properties", STR(""));
    for (size_t i = 0; i < props->n; i++)
        row(&x, (const str[]){ props->at[i].key, props->at[i].value, STR("") });
    return end(&x, "col_name, data_type, comment", err);
}

bool show_describe(struct run *r, size_t i, bool all, struct error *err)
{
    struct object o;
    return load(r, &i, &o, err) && clause_end(r, i, err) &&
           (all ? describe_all(r, &o, err) : describe_columns(r, &o, err));
}

bool show_is_name(const struct run *r, size_t i)
{
    str *parts;
    size_t n;
    return lex_name(&r->lex, &i, r->a, &parts, &n) && i == r->lex.n && n > 1 &&
           str_find_char(parts[n - 1], '$') < 0;
}

/* ---- SHOW CREATE ---- */

static void add_text(struct buf *sql, const char *before, str text)
{
    buf_printf(sql, "%s", before);
    quote_text(sql, text);
}

static void add_properties(struct buf *sql, const struct property_list *props, int version)
{
    const char *before = "\nTBLPROPERTIES (";
    if (version) {
        buf_printf(sql, "%s'format-version' = '%d'", before, version);
        before = ", ";
    }
    for (size_t i = 0; i < props->n; i++) {
        if (str_is(props->at[i].key, "comment"))
            continue;
        add_text(sql, before, props->at[i].key);
        add_text(sql, " = ", props->at[i].value);
        before = ", ";
    }
    if (before[0] == ',')
        buf_add_char(sql, ')');
}

static bool add_columns(struct run *r, struct buf *sql, const struct object *o, struct error *err)
{
    const struct schema *s = o->schema;
    for (size_t i = 0; i < s->fields_n; i++) {
        const struct field *f = &s->fields[i];
        buf_add_str(sql, i ? STR(",\n  ") : STR(" (\n  "));
        quote_ident(sql, f->name);
        if (!o->is_view)
            buf_printf(sql, " " STR_FMT "%s", STR_ARG(type_text(r, f->type)),
                       f->required ? " NOT NULL" : "");
        if (!o->is_view && default_text(r, f).ptr) {
            buf_lit(sql, " DEFAULT ");
            if (!quote_default(sql, f, err))
                return false;
        }
        if (f->has_doc)
            add_text(sql, " COMMENT ", f->doc);
    }
    for (size_t i = 0; i < s->identifier_ids_n; i++) {
        buf_add_str(sql, i ? STR(", ") : STR(",\n  PRIMARY KEY ("));
        quote_ident(sql, schema_name_of(s, s->identifier_ids[i]));
    }
    buf_add_str(sql, s->identifier_ids_n ? STR("))") : STR(")"));
    return true;
}

static bool create_text(struct run *r, const struct object *o, struct buf *sql, struct error *err)
{
    str comment = property_get(properties_of(o), "comment", (str){ 0 }), text = { 0 }, dialect,
        by = o->is_view ? (str){ 0 } : spec_text(r, o->table.metadata, false);
    buf_printf(sql, "CREATE %s ", o->is_view ? "VIEW" : "TABLE");
    quote_name(sql, (const str[]){ ns_to_text(o->ns, r->a), o->name }, 2);
    if (!add_columns(r, sql, o, err))
        return false;
    if (by.len)
        buf_printf(sql, "\nPARTITIONED BY (" STR_FMT ")", STR_ARG(by));
    if (!o->is_view)
        add_text(sql, "\nLOCATION ", o->table.metadata->location);
    if (comment.ptr)
        add_text(sql, "\nCOMMENT ", comment);
    add_properties(sql, properties_of(o), o->is_view ? 0 : o->table.metadata->format_version);
    if (!o->is_view)
        return true;
    if (!view_text_pick(o->view.metadata, r->a, &text, &dialect, err))
        return false;
    buf_printf(sql, "\nAS " STR_FMT, STR_ARG(text));
    return true;
}

static bool show_create(struct run *r, size_t i, bool view, struct error *err)
{
    struct object o;
    struct answer x;
    struct buf sql = BUF_INIT(ANSWER_MAX);
    if (!load(r, &i, &o, err) || !clause_end(r, i, err))
        return false;
    if (view && !o.is_view)
        return fail(err, ERR_INVALID, STR_FMT " is a table: SHOW CREATE TABLE", STR_ARG(o.dotted));
    bool ok = create_text(r, &o, &sql, err) && buf_ok(&sql, "the definition", err);
    begin(&x, r, 1);
    row(&x, (const str[]){ buf_str(&sql).ptr ? buf_str(&sql) : STR("") });
    buf_deinit(&sql);
    if (ok)
        return end(&x, "createtab_stmt", err);
    buf_deinit(&x.sql);
    return false;
}

/* ---- The other SHOWs ---- */

static bool show_properties(struct run *r, size_t i, struct error *err)
{
    struct object o;
    struct answer x;
    str key = { 0 };
    if (!load(r, &i, &o, err))
        return false;
    if (clause_accept(r, &i, "(") &&
        (!clause_text(r, &i, "the key of a property", &key, err) ||
         (!clause_accept(r, &i, ")") && !clause_expected(r, i, ")", err))))
        return false;
    if (!clause_end(r, i, err))
        return false;
    const struct property_list *props = properties_of(&o);
    begin(&x, r, 2);
    for (size_t k = 0; k < props->n; k++)
        if (!key.ptr || str_eq(key, props->at[k].key))
            row(&x, (const str[]){ props->at[k].key, props->at[k].value });
    return end(&x, "\"key\", \"value\"", err);
}

static bool show_columns(struct run *r, size_t i, struct error *err)
{
    if (!clause_accept(r, &i, "FROM") && !clause_accept(r, &i, "IN"))
        return clause_expected(r, i, "FROM", err);
    return show_describe(r, i, false, err);
}

/* Both list what is there; the metadata table counts too. */
static bool show_partitions(struct run *r, size_t i, struct error *err)
{
    str dotted;
    if (!clause_dotted(r, &i, "table", &dotted, err) || !clause_end(r, i, err))
        return false;
    str *parts, last;
    size_t n, at = 2;
    if (!lex_name(&r->lex, &at, r->a, &parts, &n) || n < 2)
        return clause_expected(r, 2, "the full name of a table", err);
    struct buf sql = BUF_INIT(1 << 20);
    last = arena_printf(r->a, STR_FMT "$partitions", STR_ARG(parts[n - 1]));
    buf_lit(&sql, "SELECT * FROM ");
    quote_name(&sql, (const str[]){ arena_join(r->a, parts, n - 1, STR(".")), last }, 2);
    str text = arena_str(r->a, buf_str(&sql));
    buf_deinit(&sql);
    return show_query(r, text, err);
}

static bool may_list(struct run *r, const struct catalog_name *n)
{
    struct securable on = secure_in(SECURABLE_VIEW, n->ns, n->name, r->a);
    return !govern_on(r->lake->govern) ||
           access_allows(r->req->access, VIEW_LIST, &on, r->req->branch);
}

static bool list_views(struct run *r, struct answer *x, str ns, struct error *err)
{
    struct catalog_page page;
    if (!catalog_list(r->lake->catalog, r->req->branch, ns, ENTRY_VIEW, (str){ 0 }, 0, r->a, &page,
                      err))
        return false;
    for (size_t k = 0; k < page.n; k++)
        if (may_list(r, &page.names[k]))
            row(x, (const str[]){ ns_to_text(page.names[k].ns, r->a), page.names[k].name });
    return true;
}

/* Of one namespace, or of all at every depth. */
static bool show_views(struct run *r, size_t i, struct error *err)
{
    struct answer x;
    str from = { 0 };
    VEC(str) left = { 0 };
    bool ok = true, one = clause_accept(r, &i, "FROM") || clause_accept(r, &i, "IN");
    if ((one && !clause_namespace(r, &i, &from, err)) || !clause_end(r, i, err))
        return false;
    begin(&x, r, 2);
    *vec_push(r->a, &left) = from;
    for (size_t k = 0; ok && k < left.n; k++) {
        struct catalog_page below = { 0 };
        str ns = left.at[k];
        ok = !ns.len || list_views(r, &x, ns, err);
        ok = ok && (one || catalog_list_namespaces(r->lake->catalog, r->req->branch, ns, (str){ 0 },
                                                   0, r->a, &below, err));
        for (size_t n = 0; ok && n < below.n; n++)
            *vec_push(r->a, &left) = below.names[n].ns;
    }
    if (ok)
        return end(&x, "namespace, name", err);
    buf_deinit(&x.sql);
    return false;
}

bool show_other(struct run *r, bool *known, struct error *err)
{
    size_t i = 1;
    *known = true;
    if (clause_accept(r, &i, "CREATE TABLE"))
        return show_create(r, i, false, err);
    if (clause_accept(r, &i, "CREATE VIEW"))
        return show_create(r, i, true, err);
    if (clause_accept(r, &i, "TBLPROPERTIES"))
        return show_properties(r, i, err);
    if (clause_accept(r, &i, "COLUMNS"))
        return show_columns(r, i, err);
    if (clause_accept(r, &i, "PARTITIONS"))
        return show_partitions(r, i, err);
    if (clause_accept(r, &i, "VIEWS"))
        return show_views(r, i, err);
    *known = false;
    return true;
}
