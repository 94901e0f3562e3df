/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads filters off a plan.  The planner prints them for people, but every operator stands in
 * parentheses of its own, so a reader that gives up on whatever it does not know is safe:
 *
 *     ((c7_0_1 BETWEEN '2001-02-01 00:00:00'::TIMESTAMP AND ...) AND ((c7_0_2 = 1) OR (c7_0_2 = 2)) AND
 *      prefix(c7_0_3, 'SF') AND (struct_extract(c7_0_4, 'a') > 3) AND (NOT c7_0_5) AND (c7_0_3 IS NOT NULL))
 *
 * BETWEEN is printed for open ranges too; it is read as closed, which is weaker. */
#include "engine/filter_parse_priv.h"

#include "base/vec.h"
#include "engine/filters.h"
#include "iceberg/expr.h"
#include "iceberg/schema.h"

#define NESTING_MAX 200

enum node_kind { NODE_UNKNOWN, NODE_COLUMN, NODE_LITERAL, NODE_PREDICATE };

struct node {
    enum node_kind kind;
    str column;
    bool is_bool;
    struct literal literal;
    const struct expr *predicate;
};

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_NAME, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_PUNCT };

struct token {
    enum token_kind kind;
    str text; /* texts and names without their quotes */
};

struct reader {
    str rest;
    struct token next;
    str nonce;
    const struct filter_table *tables;
    size_t tables_n, table;
    struct arena *arena;
    int depth;
};

static const struct node unknown = { .kind = NODE_UNKNOWN };

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* A quoted text with its quotes undone; an open one takes everything. */
static str take_quoted(struct reader *r, char quote)
{
    char *out = arena_alloc(r->arena, r->rest.len);
    size_t n = 0, i = 1;
    for (; i < r->rest.len; i++) {
        if (r->rest.ptr[i] == quote) {
            if (i + 1 == r->rest.len || r->rest.ptr[i + 1] != quote)
                break;
            i++;
        }
        out[n++] = r->rest.ptr[i];
    }
    r->rest = str_from(r->rest, i + 1);
    return (str){ out, n };
}

static size_t number_length(str s)
{
    size_t n = s.ptr[0] == '-';
    while (n < s.len && ((s.ptr[n] >= '0' && s.ptr[n] <= '9') || s.ptr[n] == '.' ||
                         s.ptr[n] == 'e' || s.ptr[n] == 'E' ||
                         ((s.ptr[n] == '+' || s.ptr[n] == '-') && n &&
                          (s.ptr[n - 1] == 'e' || s.ptr[n - 1] == 'E'))))
        n++;
    return n;
}

static size_t punct_length(str s)
{
    static const str doubles[] = { STR_INIT("::"), STR_INIT("<="), STR_INIT(">="), STR_INIT("!="),
                                   STR_INIT("<>") };
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        if (str_starts(s, doubles[i]))
            return 2;
    return 1;
}

static void take_piece(struct reader *r, enum token_kind kind, size_t n)
{
    r->next = (struct token){ kind, str_sub(r->rest, 0, n) };
    r->rest = str_from(r->rest, n);
}

static void advance(struct reader *r)
{
    r->rest = str_trim(r->rest);
    char c = r->rest.len ? r->rest.ptr[0] : 0;
    bool digit_next = r->rest.len > 1 && r->rest.ptr[1] >= '0' && r->rest.ptr[1] <= '9';
    if (!r->rest.len) {
        r->next = (struct token){ TOKEN_END, { 0 } };
    } else if (c == '\'' || c == '"') {
        str text = take_quoted(r, c);
        r->next = (struct token){ c == '"' ? TOKEN_NAME : TOKEN_TEXT, text };
    } else if ((c >= '0' && c <= '9') || (c == '-' && digit_next)) {
        take_piece(r, TOKEN_NUMBER, number_length(r->rest));
    } else if (is_word(c)) {
        size_t n = 1;
        while (n < r->rest.len && is_word(r->rest.ptr[n]))
            n++;
        take_piece(r, TOKEN_WORD, n);
    } else {
        take_piece(r, TOKEN_PUNCT, punct_length(r->rest));
    }
}

static bool at(const struct reader *r, const char *text)
{
    return (r->next.kind == TOKEN_WORD || r->next.kind == TOKEN_PUNCT) &&
           str_is(r->next.text, text);
}

static bool take(struct reader *r, const char *text)
{
    bool there = at(r, text);
    if (there)
        advance(r);
    return there;
}

/* Skips to the parenthesis that closes the one whose inside we are in, and over it. */
static struct node give_up(struct reader *r)
{
    for (int open = 1; r->next.kind != TOKEN_END; advance(r)) {
        open += at(r, "(") - at(r, ")");
        if (!open) {
            advance(r);
            break;
        }
    }
    return unknown;
}

/* Over "::TIMESTAMP WITH TIME ZONE" or "::DECIMAL(10,2)". */
static void skip_type(struct reader *r)
{
    if (!take(r, "::"))
        return;
    advance(r);
    if (take(r, "("))
        give_up(r);
    if (take(r, "WITH")) {
        take(r, "TIME");
        take(r, "ZONE");
    }
}

static struct node literal_node(struct literal literal)
{
    return (struct node){ .kind = NODE_LITERAL, .literal = literal };
}

/* A predicate that the schema refuses (a literal out of its type's reach, a nested column) is unknown. */
static struct node predicate_node(struct reader *r, const struct expr *e)
{
    const struct expr *bound;
    struct error ignored;
    const struct schema *schema = r->tables[r->table].schema;
    if (!expr_bind(e, schema, true, r->arena, &bound, &ignored))
        return unknown;
    return (struct node){ .kind = NODE_PREDICATE, .predicate = e };
}

static struct node column_node(struct reader *r, str word)
{
    size_t table;
    int32_t id;
    if (!filter_name_read(word, r->nonce, r->tables_n, &table, &id) || table != r->table)
        return unknown;
    const struct field *f = schema_field_by_id(r->tables[table].schema, id);
    if (!f || str_find_char(f->name, '.') >= 0)
        return unknown;
    return (struct node){ .kind = NODE_COLUMN,
                          .column = f->name,
                          .is_bool = f->type->kind == TYPE_BOOLEAN };
}

static struct node operand(struct reader *r);

/* struct_extract(column, 'field') and prefix(column, 'text'), behind "(". */
static struct node known_call(struct reader *r, bool is_field)
{
    struct node column = operand(r);
    if (column.kind != NODE_COLUMN || !take(r, ",") || r->next.kind != TOKEN_TEXT)
        return give_up(r);
    str text = r->next.text;
    advance(r);
    if (!take(r, ")") || (is_field && str_find_char(text, '.') >= 0))
        return give_up(r);
    if (!is_field)
        return predicate_node(
            r, expr_compare(r->arena, EXPR_STARTS_WITH, column.column, literal_text(text)));
    str parts[] = { column.column, text };
    column.column = arena_join(r->arena, parts, 2, STR("."));
    const struct schema_node *n =
        schema_node_by_name(r->tables[r->table].schema, column.column, true);
    column.is_bool = n && n->field->type->kind == TYPE_BOOLEAN;
    return n && !n->in_repeated ? column : unknown;
}

static struct node call(struct reader *r, str name)
{
    if (str_is(name, "struct_extract"))
        return known_call(r, true);
    if (str_is(name, "prefix") || str_is(name, "starts_with"))
        return known_call(r, false);
    return give_up(r);
}

static struct node word_node(struct reader *r, struct token t)
{
    if (take(r, "("))
        return call(r, t.text);
    if (str_is(t.text, "true") || str_is(t.text, "false"))
        return literal_node(
            (struct literal){ .kind = LITERAL_BOOL, .boolean = str_is(t.text, "true") });
    return column_node(r, t.text);
}

static struct node truth(struct reader *r, struct node n, bool wanted)
{
    if (n.kind == NODE_COLUMN && n.is_bool)
        return predicate_node(
            r, expr_compare(r->arena, EXPR_EQ, n.column,
                            (struct literal){ .kind = LITERAL_BOOL, .boolean = wanted }));
    return n.kind == NODE_PREDICATE && wanted ? n : unknown;
}

static struct node inside(struct reader *r);

static struct node operand(struct reader *r)
{
    struct token t = r->next;
    advance(r);
    switch (t.kind) {
    case TOKEN_TEXT:
        skip_type(r);
        return literal_node(literal_text(t.text));
    case TOKEN_NUMBER:
        skip_type(r);
        return literal_node(literal_number(t.text));
    case TOKEN_NAME:
        return take(r, "(") ? call(r, t.text) : column_node(r, t.text);
    case TOKEN_WORD:
        return str_is(t.text, "NOT") ? truth(r, operand(r), false) : word_node(r, t);
    default:
        break;
    }
    if (t.kind != TOKEN_PUNCT || !str_is(t.text, "(") || r->depth == NESTING_MAX)
        return unknown;
    r->depth++;
    struct node n = inside(r);
    r->depth--;
    return n;
}

static const struct {
    const char *text;
    enum expr_op op, flipped;
} comparisons[] = {
    { "=", EXPR_EQ, EXPR_EQ },  { "!=", EXPR_NE, EXPR_NE }, { "<>", EXPR_NE, EXPR_NE },
    { "<", EXPR_LT, EXPR_GT },  { "<=", EXPR_LE, EXPR_GE }, { ">", EXPR_GT, EXPR_LT },
    { ">=", EXPR_GE, EXPR_LE },
};

static struct node compare(struct reader *r, struct node left, size_t which)
{
    struct node right = operand(r);
    if (!take(r, ")"))
        return give_up(r);
    if (left.kind == NODE_COLUMN && right.kind == NODE_LITERAL)
        return predicate_node(
            r, expr_compare(r->arena, comparisons[which].op, left.column, right.literal));
    if (left.kind == NODE_LITERAL && right.kind == NODE_COLUMN)
        return predicate_node(
            r, expr_compare(r->arena, comparisons[which].flipped, right.column, left.literal));
    return unknown;
}

static struct node between(struct reader *r, struct node column)
{
    struct node low = operand(r);
    if (!take(r, "AND"))
        return give_up(r);
    struct node high = operand(r);
    if (!take(r, ")"))
        return give_up(r);
    if (column.kind != NODE_COLUMN || low.kind != NODE_LITERAL || high.kind != NODE_LITERAL)
        return unknown;
    struct node from =
        predicate_node(r, expr_compare(r->arena, EXPR_GE, column.column, low.literal));
    struct node to =
        predicate_node(r, expr_compare(r->arena, EXPR_LE, column.column, high.literal));
    if (from.kind == NODE_PREDICATE && to.kind == NODE_PREDICATE)
        from.predicate = expr_and(r->arena, from.predicate, to.predicate);
    return from.kind == NODE_PREDICATE ? from : to;
}

static struct node null_test(struct reader *r, struct node column)
{
    bool negated = take(r, "NOT");
    if (!take(r, "NULL") || !take(r, ")"))
        return give_up(r);
    if (column.kind != NODE_COLUMN)
        return unknown;
    return predicate_node(
        r, expr_unary(r->arena, negated ? EXPR_NOT_NULL : EXPR_IS_NULL, column.column));
}

static struct node in_list(struct reader *r, struct node column)
{
    VEC(struct literal) list = { 0 };
    bool known = column.kind == NODE_COLUMN;
    if (!take(r, "("))
        return give_up(r);
    do {
        struct node n = operand(r);
        known = known && n.kind == NODE_LITERAL;
        *vec_push(r->arena, &list) = n.literal;
    } while (take(r, ","));
    if (!take(r, ")") || !take(r, ")") || !known)
        return known ? give_up(r) : unknown;
    return predicate_node(r, expr_in(r->arena, EXPR_IN, column.column, list.at, list.n));
}

/* AND leaves out what is unknown; OR is unknown with any part of it. */
static struct node connect(struct reader *r, struct node first, const char *word)
{
    bool is_and = str_is(str_of(word), "AND");
    struct node all = truth(r, first, true);
    while (take(r, word)) {
        struct node n = truth(r, operand(r), true);
        if (n.kind == NODE_PREDICATE && all.kind == NODE_PREDICATE)
            all.predicate = is_and ? expr_and(r->arena, all.predicate, n.predicate)
                                   : expr_or(r->arena, all.predicate, n.predicate);
        else if (!is_and || n.kind == NODE_PREDICATE)
            all = is_and ? n : unknown;
    }
    return take(r, ")") ? all : give_up(r);
}

/* Behind "(", over ")". */
static struct node inside(struct reader *r)
{
    struct node left = operand(r);
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++)
        if (take(r, comparisons[i].text))
            return compare(r, left, i);
    if (at(r, "AND"))
        return connect(r, left, "AND");
    if (at(r, "OR"))
        return connect(r, left, "OR");
    if (take(r, "BETWEEN"))
        return between(r, left);
    if (take(r, "IS"))
        return null_test(r, left);
    if (take(r, "IN"))
        return in_list(r, left);
    return take(r, ")") ? left : give_up(r);
}

static bool read_number(str *rest, char end, uint64_t *out)
{
    str digits, tail = { 0 };
    if (end)
        str_cut(*rest, end, &digits, &tail);
    else
        digits = *rest;
    *rest = tail;
    return digits.len && digits.ptr[0] >= '0' && digits.ptr[0] <= '9' && str_to_u64(digits, out);
}

bool filter_name_read(str word, str nonce, size_t tables_n, size_t *table, int32_t *field_id)
{
    uint64_t t, id;
    if (!str_starts(word, nonce))
        return false;
    str rest = str_from(word, nonce.len);
    if (!read_number(&rest, '_', &t) || !read_number(&rest, 0, &id) || t >= tables_n ||
        id > INT32_MAX)
        return false;
    *table = (size_t)t;
    *field_id = (int32_t)id;
    return true;
}

const struct expr *filter_parse(str text, str nonce, const struct filter_table *tables, size_t n,
                                size_t table, struct arena *a)
{
    struct reader r = {
        .rest = text, .nonce = nonce, .tables = tables, .tables_n = n, .table = table, .arena = a
    };
    advance(&r);
    struct node all = truth(&r, operand(&r), true);
    return all.kind == NODE_PREDICATE && r.next.kind == TOKEN_END ? all.predicate : expr_true();
}
