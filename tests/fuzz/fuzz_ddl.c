/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte picks a reader of statements: types, ALTER TABLE, names in full in UPDATE, WITH in front, Spark's quotes.  What is
 * read lies inside the statement, and what is accepted reads back as itself. */
#include "sql/alter_priv.h"
#include "sql/dml_parse.h"
#include "sql/type_text.h"
#include "sql/view_text.h"

#include "fuzz.h"

static void check_type(const struct lex *lex, struct arena *a)
{
    struct error err = { 0 };
    const struct type *t, *again;
    const struct schema *s;
    int32_t next_id = 2;
    size_t i = 0;
    if (!type_text_read(lex, &i, &next_id, a, &t, &err)) {
        HOLDS(fuzz_expected(&err));
        return;
    }
    HOLDS(i > 0 && i <= lex->n);
    HOLDS(type_max_id(t) < next_id);
    if (!type_is_nested(t)) {
        HOLDS(type_parse_text(type_format(t, a), a, &again, &err) && type_equal(t, again));
        return;
    }
    struct field f = { .id = 1, .name = STR("c"), .type = t };
    if (!schema_build(0, &f, 1, NULL, 0, a, &s, &err)) /* two fields of one name */
        HOLDS(fuzz_expected(&err));
}

static void check_alter(struct run *r)
{
    struct error err = { 0 };
    struct alter_statement s = { 0 };
    if (!alter_parse(r, 0, &s, &err)) {
        HOLDS(fuzz_expected(&err));
        return;
    }
    HOLDS(s.actions.n > 0 || s.rename_to.len > 0);
    for (size_t i = 0; i < s.actions.n; i++) {
        const struct alter_action *x = &s.actions.at[i];
        HOLDS(x->term <= x->term_end && x->term_end <= r->lex.n);
        HOLDS(x->old_term <= x->old_term_end && x->old_term_end <= r->lex.n);
        HOLDS(x->kind != ALTER_ADD_COLUMN || (x->define.path_n > 0 && x->define.type));
        HOLDS(x->kind != ALTER_TYPE || x->type);
        HOLDS(x->kind > ALTER_MOVE_COLUMN || x->kind == ALTER_ADD_COLUMN || x->column.len > 0 ||
              x->column.ptr);
    }
}

static void check_names(struct lex *lex, struct arena *a)
{
    struct error err = { 0 };
    struct lex again = *lex;
    if (!dml_short_names(&again, a, &err))
        HOLDS(fuzz_expected(&err));
    else
        HOLDS(again.n <= lex->n);
    HOLDS(clause_behind_with(lex) <= lex->n);
}

/* Without Spark's quotes it is the same text; with them none is left outside of texts and comments, so twice is once. */
static void check_spark(str text, struct arena *a)
{
    struct lex lex;
    struct error err = { 0 };
    str once = view_text_of_spark(text, a);
    if (str_find_char(text, '`') < 0 && str_find_char(text, '"') < 0)
        HOLDS(str_eq(once, text));
    if (!lex_sql(once, a, &lex, &err))
        HOLDS(fuzz_expected(&err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)256 << 20);
    struct run r = { .a = a };
    struct error err = { 0 };
    str text = { size ? (const char *)data + 1 : "", size ? size - 1 : 0 };
    int kind = size ? data[0] % 4 : 0;
    if (kind == 3)
        check_spark(text, a);
    else if (!lex_sql(text, a, &r.lex, &err))
        HOLDS(fuzz_expected(&err));
    else if (kind == 0)
        check_type(&r.lex, a);
    else if (kind == 1)
        check_alter(&r);
    else
        check_names(&r.lex, a);
    arena_destroy(a);
    return 0;
}
