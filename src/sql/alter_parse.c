/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of ALTER TABLE: Spark's with Iceberg's extensions, and how DuckDB, PostgreSQL and Trino say the same.  Several changes
 * may follow each other behind commas. */
#include "sql/alter_priv.h"
#include "sql/type_text.h"

#define ALTER_ACTIONS_MAX 10000

struct parser {
    struct run *r;
    size_t i;
    int32_t next_id;
    struct alter_statement *out;
    struct error *err;
};

static bool accept(struct parser *p, const char *words)
{
    return clause_accept(p->r, &p->i, words);
}

static bool expected(struct parser *p, const char *what)
{
    return clause_expected(p->r, p->i, what, p->err);
}

static bool need(struct parser *p, const char *words)
{
    return accept(p, words) || expected(p, words);
}

static bool at(const struct parser *p, size_t i, const char *word)
{
    return lex_is(&p->r->lex, i, word);
}

static bool read_column(struct parser *p, str *out)
{
    return clause_dotted(p->r, &p->i, "column", out, p->err);
}

static struct alter_action *add_action(struct parser *p, enum alter_kind kind)
{
    struct alter_action *x = vec_push(p->r->a, &p->out->actions);
    *x = (struct alter_action){ .kind = kind };
    return x;
}

/* Whether a comma at the parser's place is followed by another change rather than by one more of a list. */
static bool begins_action(const struct parser *p, size_t i)
{
    static const char *const words[] = { "ADD COLUMN",
                                         "ADD COLUMNS",
                                         "ADD PARTITION FIELD",
                                         "DROP COLUMN",
                                         "DROP COLUMNS",
                                         "DROP PARTITION FIELD",
                                         "ALTER COLUMN",
                                         "ALTER",
                                         "CHANGE COLUMN",
                                         "RENAME COLUMN",
                                         "SET",
                                         "UNSET",
                                         "WRITE",
                                         "REPLACE PARTITION FIELD" };
    for (size_t w = 0; w < sizeof words / sizeof *words; w++)
        if (lex_match(&p->r->lex, i, words[w]))
            return true;
    return false;
}

/* ---- Columns ---- */

static bool add_column(struct parser *p)
{
    struct column_definition d;
    bool if_not_exists = accept(p, "IF NOT EXISTS");
    if (!clause_column(p->r, &p->i, &p->next_id, &d, p->err))
        return false;
    if (d.identifier)
        return fail(p->err, ERR_UNSUPPORTED,
                    "PRIMARY KEY of a new column: say SET IDENTIFIER FIELDS afterwards");
    struct alter_action *x = add_action(p, ALTER_ADD_COLUMN);
    x->define = d;
    x->if_exists = if_not_exists;
    return true;
}

/* A list, in parentheses or bare, each of which `one` reads. */
static bool read_list(struct parser *p, bool (*one)(struct parser *p))
{
    bool inside = accept(p, "(");
    do {
        if (p->out->actions.n >= ALTER_ACTIONS_MAX)
            return fail(p->err, ERR_LIMIT, "more than %d changes in one statement",
                        ALTER_ACTIONS_MAX);
        if (!one(p))
            return false;
    } while ((inside || !begins_action(p, p->i + 1)) && accept(p, ","));
    return !inside || need(p, ")");
}

static bool drop_column(struct parser *p)
{
    bool if_exists = accept(p, "IF EXISTS");
    str name;
    if (!read_column(p, &name))
        return false;
    struct alter_action *x = add_action(p, ALTER_DROP_COLUMN);
    x->column = name;
    x->if_exists = if_exists;
    return true;
}

static bool rename_column(struct parser *p)
{
    str name, *parts;
    size_t n;
    if (!read_column(p, &name) || !need(p, "TO"))
        return false;
    if (!lex_name(&p->r->lex, &p->i, p->r->a, &parts, &n))
        return expected(p, "the new name");
    if (n != 1)
        return fail(p->err, ERR_INVALID,
                    "a column is renamed within its struct: the new name has one part");
    struct alter_action *x = add_action(p, ALTER_RENAME_COLUMN);
    x->column = name;
    x->text = parts[0];
    return true;
}

static bool set_type(struct parser *p, str column)
{
    const struct type *type;
    if (!type_text_read(&p->r->lex, &p->i, &p->next_id, p->r->a, &type, p->err))
        return fail_in(p->err, "column " STR_FMT, STR_ARG(column));
    struct alter_action *x = add_action(p, ALTER_TYPE);
    x->column = column;
    x->type = type;
    if (accept(p, "USING"))
        return fail(p->err, ERR_UNSUPPORTED,
                    "TYPE ... USING is not supported: rows are not written again");
    return true;
}

static bool set_default(struct parser *p, str column)
{
    static const char *const stops[] = { ",", ";" };
    size_t depth = 0, from = p->i;
    for (; p->i < p->r->lex.n; p->i++) {
        if (!depth && (at(p, p->i, stops[0]) || at(p, p->i, stops[1])))
            break;
        if (at(p, p->i, "(") || at(p, p->i, "["))
            depth++;
        else if ((at(p, p->i, ")") || at(p, p->i, "]")) && depth-- == 0)
            break;
    }
    if (p->i == from)
        return expected(p, "a value");
    if (depth)
        return fail(p->err, ERR_INVALID, "brackets do not match in DEFAULT");
    struct alter_action *x = add_action(p, ALTER_SET_DEFAULT);
    x->column = column;
    x->text = lex_span(&p->r->lex, from, p->i);
    return true;
}

static bool comment_column(struct parser *p, str column)
{
    str text = { 0 };
    if (!accept(p, "NULL") && !clause_text(p->r, &p->i, "the text of a comment", &text, p->err))
        return false;
    struct alter_action *x = add_action(p, ALTER_COMMENT_COLUMN);
    x->column = column;
    x->text = text;
    return true;
}

static bool move_column(struct parser *p, str column, enum schema_place place)
{
    str after = { 0 };
    if (place == PLACE_AFTER && !read_column(p, &after))
        return false;
    struct alter_action *x = add_action(p, ALTER_MOVE_COLUMN);
    x->column = column;
    x->has_place = true;
    x->place = place;
    x->after = after;
    return true;
}

/* One change of a column; *found is false when there is none at this place. */
static bool change_of_column(struct parser *p, str column, bool *found)
{
    static const struct {
        const char *words;
        enum alter_kind kind;
    } bare[] = { { "SET NOT NULL", ALTER_SET_NOT_NULL },
                 { "DROP NOT NULL", ALTER_DROP_NOT_NULL },
                 { "DROP DEFAULT", ALTER_DROP_DEFAULT } };
    *found = true;
    for (size_t k = 0; k < sizeof bare / sizeof *bare; k++)
        if (accept(p, bare[k].words)) {
            add_action(p, bare[k].kind)->column = column;
            return true;
        }
    if (accept(p, "SET DATA TYPE") || accept(p, "SET TYPE") || accept(p, "TYPE"))
        return set_type(p, column);
    if (accept(p, "SET DEFAULT"))
        return set_default(p, column);
    if (accept(p, "COMMENT"))
        return comment_column(p, column);
    if (accept(p, "FIRST"))
        return move_column(p, column, PLACE_FIRST);
    if (accept(p, "AFTER"))
        return move_column(p, column, PLACE_AFTER);
    *found = false;
    return true;
}

/* column change [change ...] */
static bool alter_column(struct parser *p)
{
    str column;
    bool found;
    size_t n = p->out->actions.n;
    if (!read_column(p, &column))
        return false;
    do {
        if (!change_of_column(p, column, &found))
            return false;
    } while (found);
    return p->out->actions.n > n ||
           expected(p, "TYPE, SET NOT NULL, DROP NOT NULL, SET DEFAULT, DROP DEFAULT, COMMENT, "
                       "FIRST or AFTER");
}

/* Hive's CHANGE [COLUMN] old new type [COMMENT text] [FIRST | AFTER column]. */
static bool change_column(struct parser *p)
{
    str column, to;
    bool found;
    size_t dot;
    if (!read_column(p, &column) || !read_column(p, &to) || !set_type(p, column))
        return false;
    do {
        if (!change_of_column(p, column, &found))
            return false;
    } while (found);
    dot = (size_t)(str_rfind_char(column, '.') + 1);
    str last = str_from(column, dot);
    if (str_eq(last, to) || str_eq(column, to))
        return true;
    struct alter_action *x = add_action(p, ALTER_RENAME_COLUMN);
    x->column = column;
    x->text = to;
    return true;
}

/* ---- Partition fields, order, identifier fields ---- */

/* A transform or a name: up to the end of its parentheses, or the dotted name. */
static bool take_term(struct parser *p, size_t *from, size_t *to)
{
    str *parts;
    size_t n;
    *from = p->i;
    if (at(p, p->i + 1, "(")) {
        size_t close = lex_close(&p->r->lex, p->i + 1);
        if (close == p->r->lex.n)
            return fail(p->err, ERR_INVALID, "a closing parenthesis is missing in a transform");
        p->i = close + 1;
    } else if (!lex_name(&p->r->lex, &p->i, p->r->a, &parts, &n)) {
        return expected(p, "a column or a transform of one");
    }
    *to = p->i;
    return true;
}

static bool take_field_name(struct parser *p, str *out)
{
    *out = (str){ 0 };
    if (!accept(p, "AS"))
        return true;
    return clause_dotted(p->r, &p->i, "partition field", out, p->err);
}

/* The field to go: by its term, and where that is a bare word, by its name. */
static bool take_old(struct parser *p, struct alter_action *x)
{
    if (!take_term(p, &x->old_term, &x->old_term_end))
        return false;
    size_t i = x->old_term, n;
    str *parts;
    if (lex_name(&p->r->lex, &i, p->r->a, &parts, &n) && i == x->old_term_end)
        x->old_field = arena_join(p->r->a, parts, n, STR("."));
    return true;
}

static bool partition_change(struct parser *p, enum alter_kind kind)
{
    struct alter_action x = { .kind = kind };
    if (kind != ALTER_ADD_PARTITION && !take_old(p, &x))
        return false;
    if (kind == ALTER_REPLACE_PARTITION && !need(p, "WITH"))
        return false;
    if (kind != ALTER_DROP_PARTITION &&
        (!take_term(p, &x.term, &x.term_end) || !take_field_name(p, &x.text)))
        return false;
    *add_action(p, kind) = x;
    return true;
}

/* Up to the end or to a comma behind which another change begins. */
static void take_order(struct parser *p, struct alter_action *x)
{
    x->term = p->i;
    while (p->i < p->r->lex.n && !(at(p, p->i, ",") && begins_action(p, p->i + 1)) &&
           !lex_match(&p->r->lex, p->i, "DISTRIBUTED BY PARTITION"))
        p->i++;
    x->term_end = p->i;
}

/* WRITE [DISTRIBUTED BY PARTITION] [LOCALLY] ORDERED BY ... | UNORDERED, in either order, as Spark has it. */
static bool write_order(struct parser *p)
{
    struct alter_action x = { .kind = ALTER_ORDER, .unordered = true };
    bool distributed = accept(p, "DISTRIBUTED BY PARTITION"), locally = accept(p, "LOCALLY");
    if (accept(p, "ORDERED BY")) {
        x.unordered = false;
        take_order(p, &x);
        distributed = accept(p, "DISTRIBUTED BY PARTITION") || distributed;
        x.mode = distributed ? "hash" : locally ? NULL : "range";
    } else if (!locally && accept(p, "UNORDERED")) {
        x.mode = distributed ? "hash" : "none";
        if (!distributed && accept(p, "DISTRIBUTED BY PARTITION"))
            x.mode = "hash";
    } else if (distributed && !locally) {
        x.mode = "hash";
    } else {
        return expected(p, "ORDERED BY, UNORDERED, LOCALLY ORDERED BY or DISTRIBUTED BY PARTITION");
    }
    *add_action(p, ALTER_ORDER) = x;
    return true;
}

static bool identifier_fields(struct parser *p, enum alter_kind kind)
{
    VEC(str) names = { 0 };
    do {
        if (!read_column(p, vec_push(p->r->a, &names)))
            return false;
    } while (!begins_action(p, p->i + 1) && accept(p, ","));
    struct alter_action *x = add_action(p, kind);
    x->names = names.at;
    x->names_n = names.n;
    return true;
}

/* ---- Properties ---- */

static bool set_properties(struct parser *p)
{
    size_t from, to;
    struct clause_props props = { 0 };
    if (!clause_inside(p->r, &p->i, "SET TBLPROPERTIES", &from, &to, p->err) ||
        !clause_properties(p->r, from, to, &props, p->err))
        return false;
    add_action(p, ALTER_SET_PROPERTIES)->props = props;
    return true;
}

static bool unset_properties(struct parser *p)
{
    VEC(str) keys = { 0 };
    (void)accept(p, "IF EXISTS"); /* it makes no difference */
    if (!need(p, "("))
        return false;
    do {
        str *key = vec_push(p->r->a, &keys);
        if (p->i < p->r->lex.n && p->r->lex.at[p->i].kind == LEX_STRING)
            *key = lex_string(p->r->lex.at[p->i++], p->r->a);
        else if (!clause_dotted(p->r, &p->i, "property", key, p->err))
            return false;
    } while (accept(p, ","));
    struct alter_action *x = add_action(p, ALTER_UNSET_PROPERTIES);
    x->names = keys.at;
    x->names_n = keys.n;
    return need(p, ")");
}

/* Trino's SET PROPERTIES a = 1, b = 'x', without parentheses. */
static bool set_bare_properties(struct parser *p)
{
    struct clause_props props = { 0 };
    if (!clause_properties(p->r, p->i, p->r->lex.n, &props, p->err))
        return false;
    p->i = p->r->lex.n;
    add_action(p, ALTER_SET_PROPERTIES)->props = props;
    return true;
}

static bool set_location(struct parser *p)
{
    str text;
    if (!clause_text(p->r, &p->i, "the text of a location", &text, p->err))
        return false;
    add_action(p, ALTER_LOCATION)->text = text;
    return true;
}

static bool set_something(struct parser *p)
{
    if (accept(p, "TBLPROPERTIES"))
        return set_properties(p);
    if (accept(p, "PROPERTIES"))
        return at(p, p->i, "(") ? set_properties(p) : set_bare_properties(p);
    if (accept(p, "LOCATION"))
        return set_location(p);
    if (accept(p, "IDENTIFIER FIELDS"))
        return identifier_fields(p, ALTER_SET_IDENTIFIERS);
    if (at(p, p->i, "("))
        return set_properties(p);
    return expected(p, "TBLPROPERTIES, IDENTIFIER FIELDS or LOCATION");
}

static bool rename_something(struct parser *p)
{
    if (accept(p, "TO")) {
        if (p->out->actions.n)
            return fail(p->err, ERR_INVALID, "RENAME TO stands alone in its statement");
        p->out->rename_at = p->i;
        return clause_dotted(p->r, &p->i, "table", &p->out->rename_to, p->err);
    }
    (void)accept(p, "COLUMN");
    return rename_column(p);
}

static bool drop_something(struct parser *p)
{
    if (accept(p, "PARTITION FIELD"))
        return partition_change(p, ALTER_DROP_PARTITION);
    if (accept(p, "IDENTIFIER FIELDS"))
        return identifier_fields(p, ALTER_DROP_IDENTIFIERS);
    if (!accept(p, "COLUMNS"))
        (void)accept(p, "COLUMN");
    return read_list(p, drop_column);
}

static bool add_something(struct parser *p)
{
    if (accept(p, "PARTITION FIELD"))
        return partition_change(p, ALTER_ADD_PARTITION);
    if (!accept(p, "COLUMNS"))
        (void)accept(p, "COLUMN");
    return read_list(p, add_column);
}

static bool one_change(struct parser *p)
{
    if (accept(p, "ADD"))
        return add_something(p);
    if (accept(p, "DROP"))
        return drop_something(p);
    if (accept(p, "RENAME"))
        return rename_something(p);
    if (accept(p, "ALTER COLUMN") || accept(p, "ALTER"))
        return read_list(p, alter_column);
    if (accept(p, "CHANGE COLUMN") || accept(p, "CHANGE"))
        return change_column(p);
    if (accept(p, "REPLACE PARTITION FIELD"))
        return partition_change(p, ALTER_REPLACE_PARTITION);
    if (accept(p, "WRITE"))
        return write_order(p);
    if (accept(p, "SET"))
        return set_something(p);
    if (accept(p, "UNSET TBLPROPERTIES") || accept(p, "RESET"))
        return unset_properties(p);
    return expected(p, "ADD, DROP, RENAME, ALTER, SET, UNSET, REPLACE or WRITE");
}

bool alter_parse(struct run *r, size_t i, struct alter_statement *out, struct error *err)
{
    struct parser p = { .r = r, .i = i, .next_id = 1, .out = out, .err = err };
    do {
        if (out->rename_to.len)
            return fail(err, ERR_INVALID, "RENAME TO stands alone in its statement");
        if (!one_change(&p))
            return false;
    } while (accept(&p, ","));
    return clause_end(r, p.i, err);
}
