/* SPDX-License-Identifier: Apache-2.0
 *
 * INSERT INTO [TABLE] ns.t [(columns)] [BY NAME | BY POSITION] query | VALUES (..., DEFAULT, ...), ... | DEFAULT VALUES.  Columns that
 * are not named get their write default, else null; a required column without either is an error that names it. */
#include "engine/quote.h"
#include "iceberg/metadata.h"
#include "catalog/table.h"
#include "sql/clauses.h"
#include "sql/dml_parse.h"
#include "sql/lake.h"
#include "sql/overwrite.h"
#include "sql/target.h"

#define VALUES_MAX ((size_t)64 << 20)

struct insert {
    struct run *r;
    str dotted;
    VEC(str) columns;            /* as the statement names them; none: all, by place */
    const struct schema *schema; /* of the table, when it had to be looked up */
};

/* Only who may write the table learns what its columns and defaults are. */
static bool look_up(struct insert *x, struct error *err)
{
    struct run *r = x->r;
    struct table t;
    struct write_target to; /* a branch of the table has its columns */
    str ns, name;
    if (x->schema)
        return true;
    if (!target_name(r->lake, r->req->branch, x->dotted, r->a, &to, err) ||
        !name_split(to.table, r->a, &ns, &name, err) ||
        !clause_may(r, TABLE_WRITE_DATA, SECURABLE_TABLE, ns, name, err) ||
        !catalog_load_table(r->lake->catalog, r->req->branch, ns, name, r->a, &t, err))
        return false;
    x->schema = metadata_schema(t.metadata);
    return true;
}

static bool read_columns(struct insert *x, size_t *i, struct error *err)
{
    struct run *r = x->r;
    do {
        str *parts;
        size_t n;
        if (!lex_name(&r->lex, i, r->a, &parts, &n))
            return clause_expected(r, *i, "the name of a column", err);
        if (n != 1)
            return fail(err, ERR_UNSUPPORTED, "INSERT names whole columns, not parts of " STR_FMT,
                        STR_ARG(parts[0]));
        for (size_t k = 0; k < x->columns.n; k++)
            if (str_eq_nocase(x->columns.at[k], parts[0]))
                return fail(err, ERR_INVALID, "the column " STR_FMT " is named twice",
                            STR_ARG(parts[0]));
        *vec_push(r->a, &x->columns) = parts[0];
    } while (clause_accept(r, i, ","));
    return clause_accept(r, i, ")") ||
           (*i >= r->lex.n ? fail(err, ERR_INVALID, "a closing parenthesis is missing in INSERT")
                           : clause_expected(r, *i, ") or a comma", err));
}

static bool begins_list(const struct lex *lex, size_t i)
{
    static const char *const queries[] = { "SELECT", "WITH", "FROM", "VALUES", "TABLE", "(" };
    for (size_t w = 0; w < sizeof queries / sizeof *queries; w++)
        if (lex_is(lex, i + 1, queries[w]))
            return false;
    return lex_is(lex, i, "(");
}

/* ---- DEFAULT ---- */

/* The field that the value at this place goes into. */
static bool field_at(struct insert *x, size_t place, const struct field **out, struct error *err)
{
    if (!look_up(x, err))
        return false;
    size_t n = x->columns.n ? x->columns.n : x->schema->fields_n;
    if (place >= n)
        return fail(err, ERR_INVALID, "a row has more than %zu values", n);
    *out = x->columns.n ? schema_field_by_name(x->schema, x->columns.at[place], false)
                        : &x->schema->fields[place];
    return *out || fail(err, ERR_INVALID, "the table " STR_FMT " has no column " STR_FMT,
                        STR_ARG(x->dotted), STR_ARG(x->columns.at[place]));
}

/* VALUES with a constant in the place of each DEFAULT: of rows, not of what is inside their values. */
static bool replace_defaults(struct insert *x, size_t from, str *out, struct error *err)
{
    struct run *r = x->r;
    struct buf *sql = arena_new(r->a, struct buf);
    size_t depth = 0, place = 0;
    const char *done = r->lex.at[from].text.ptr;
    buf_init(sql, VALUES_MAX);
    buf_in_arena(sql, r->a);
    for (size_t i = from; i < r->lex.n; i++) {
        const struct field *f = NULL;
        if (lex_is(&r->lex, i, "(") || lex_is(&r->lex, i, "[") || lex_is(&r->lex, i, "{"))
            place = depth++ == 0 ? 0 : place;
        else if (lex_is(&r->lex, i, ")") || lex_is(&r->lex, i, "]") || lex_is(&r->lex, i, "}"))
            depth -= depth > 0;
        else if (depth == 1 && lex_is(&r->lex, i, ","))
            place++;
        if (depth != 1 || !lex_is(&r->lex, i, "DEFAULT"))
            continue;
        if (!field_at(x, place, &f, err))
            return false;
        buf_add_str(sql, str_make(done, (size_t)(r->lex.at[i].text.ptr - done)));
        if (!quote_default(sql, f, err))
            return false;
        done = r->lex.at[i].text.ptr + r->lex.at[i].text.len;
    }
    str last = r->lex.at[r->lex.n - 1].text;
    buf_add_str(sql, str_make(done, (size_t)(last.ptr + last.len - done)));
    *out = buf_str(sql);
    return buf_ok(sql, "the rows", err);
}

static bool default_row(struct insert *x, str *out, struct error *err)
{
    struct buf *sql = arena_new(x->r->a, struct buf);
    buf_init(sql, VALUES_MAX);
    buf_in_arena(sql, x->r->a);
    if (!look_up(x, err))
        return false;
    for (size_t i = 0; i < x->schema->fields_n; i++) {
        buf_add_str(sql, i ? STR(", ") : STR("SELECT "));
        if (!quote_default(sql, &x->schema->fields[i], err))
            return false;
    }
    *out = buf_str(sql);
    return buf_ok(sql, "a row", err);
}

static bool has_default(const struct lex *lex, size_t from)
{
    for (size_t i = from; i < lex->n; i++)
        if (lex_is(lex, i, "DEFAULT"))
            return true;
    return false;
}

static bool check_returning(const struct run *r, size_t from, struct error *err)
{
    size_t depth = 0;
    for (size_t i = from; i < r->lex.n; i++) {
        if (lex_is(&r->lex, i, "("))
            depth++;
        else if (lex_is(&r->lex, i, ")"))
            depth -= depth > 0;
        else if (!depth && lex_is(&r->lex, i, "RETURNING"))
            return fail(
                err, ERR_UNSUPPORTED,
                "RETURNING is not supported: the answer has the number of rows; read what "
                "was written with a SELECT from the table or from its metadata table changes");
        else if (!depth && lex_match(&r->lex, i, "ON CONFLICT"))
            return fail(err, ERR_UNSUPPORTED, "ON CONFLICT is not supported: use MERGE INTO");
    }
    return true;
}

static bool read_rows(struct insert *x, size_t i, str *out, struct error *err)
{
    struct run *r = x->r;
    if (lex_match(&r->lex, i, "DEFAULT VALUES"))
        return default_row(x, out, err) && clause_end(r, i + 2, err);
    if (i >= r->lex.n)
        return fail(err, ERR_INVALID, "INSERT needs VALUES or a query");
    if (!check_returning(r, i, err))
        return false;
    if (lex_is(&r->lex, i, "VALUES") && has_default(&r->lex, i))
        return replace_defaults(x, i, out, err);
    *out = lex_span(&r->lex, i, r->lex.n);
    return true;
}

/* The query under the names of the columns; those that the table does not have are refused where it is written. */
static str under_names(struct insert *x, str query)
{
    struct buf *sql = arena_new(x->r->a, struct buf);
    buf_init(sql, VALUES_MAX);
    buf_in_arena(sql, x->r->a);
    buf_lit(sql, "SELECT * FROM (");
    buf_add_str(sql, query);
    buf_lit(sql, "\n) AS src(");
    for (size_t i = 0; i < x->columns.n; i++) {
        if (i)
            buf_lit(sql, ", ");
        quote_ident(sql, x->columns.at[i]);
    }
    buf_add_char(sql, ')');
    return buf_str(sql);
}

bool run_insert(struct run *r, struct error *err)
{
    struct insert x = { .r = r };
    struct write_request w = { .mode = WRITE_APPEND };
    size_t i = 2;
    if (overwrite_begins(&r->lex) && r->with.len)
        return fail(err, ERR_UNSUPPORTED,
                    "WITH stands behind INSERT OVERWRITE and REPLACE WHERE, in front of the query");
    if (overwrite_begins(&r->lex))
        return run_overwrite(r, err);
    if (!lex_is(&r->lex, 1, "INTO"))
        return fail(err, ERR_INVALID, "INSERT is followed by INTO or OVERWRITE");
    if (lex_is(&r->lex, i, "TABLE") && !lex_is(&r->lex, i + 1, "."))
        i++;
    if (!clause_table(r, &i, "table", &x.dotted, err))
        return false;
    if (begins_list(&r->lex, i) && (i++, !read_columns(&x, &i, err)))
        return false;
    bool by_name = clause_accept(r, &i, "BY NAME");
    if (by_name && x.columns.n)
        return fail(err, ERR_INVALID, "BY NAME and a list of columns exclude each other");
    (void)clause_accept(r, &i, "BY POSITION");
    if (!read_rows(&x, i, &w.query, err))
        return false;
    if (r->with.len)
        w.query = arena_printf(r->a, STR_FMT " SELECT * FROM (" STR_FMT "\n)", STR_ARG(r->with),
                               STR_ARG(w.query));
    if (x.columns.n)
        w.query = under_names(&x, w.query);
    w.table = x.dotted;
    w.by_place = !by_name && !x.columns.n;
    w.by_name = by_name || x.columns.n;
    return clause_write(r, &w, err);
}
