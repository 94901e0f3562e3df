/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/lex.h"

#include "test.h"

static struct lex cut(const char *sql)
{
    struct error err = { 0 };
    struct lex lex;
    CHECK_OK(lex_sql(str_of(sql), test_arena(), &lex, &err));
    return lex;
}

/* Tokens with a blank between them. */
static str tokens(const char *sql)
{
    struct lex lex = cut(sql);
    str *texts = arena_array(test_arena(), str, lex.n);
    for (size_t i = 0; i < lex.n; i++)
        texts[i] = lex.at[i].text;
    return arena_join(test_arena(), texts, lex.n, STR(" "));
}

TEST(words_numbers_and_punctuation)
{
    CHECK_STR(tokens("SELECT a,b FROM t"), "SELECT a , b FROM t");
    CHECK_STR(tokens("x::INT->>'k'"), "x :: INT ->> 'k'");
    CHECK_STR(tokens("a<=b<>c!=d||e**f"), "a <= b <> c != d || e ** f");
    CHECK_STR(tokens("1.5e-3+2"), "1.5e-3 + 2");
    CHECK_STR(tokens(".5"), ".5");
    CHECK_STR(tokens("t.c"), "t . c");
    CHECK_STR(tokens("größe = 1"), "größe = 1");
    CHECK_INT(cut("").n, 0);
    CHECK_INT(cut("  \n\t ").n, 0);
    CHECK_INT(cut("").at[0].kind, LEX_END);
}

TEST(comments_fall_away)
{
    CHECK_STR(tokens("a -- b\nc"), "a c");
    CHECK_STR(tokens("a /* b /* nested */ still */ c"), "a c");
    CHECK_STR(tokens("a--"), "a");
    CHECK_STR(tokens("'--' /**/ \"/*\""), "'--' \"/*\"");
}

TEST(quotes)
{
    struct lex lex = cut("'it''s' \"a\"\"b\" E'x\\'y' $$no 'quote'$$ $t$ $$ $t$ $1");
    struct arena *a = test_arena();
    CHECK_INT(lex.n, 7);
    CHECK_STR(lex_string(lex.at[0], a), "it's");
    CHECK_INT(lex.at[1].kind, LEX_QUOTED);
    CHECK_STR(lex_ident(lex.at[1], a), "a\"b");
    CHECK_INT(lex.at[2].kind, LEX_STRING);
    CHECK_STR(lex_string(lex.at[3], a), "no 'quote'");
    CHECK_STR(lex_string(lex.at[4], a), " $$ ");
    CHECK_STR(lex.at[5].text, "$");
    CHECK_STR(lex.at[6].text, "1");
}

TEST(open_quotes_and_comments_are_errors)
{
    static const char *const bad[] = { "'a", "\"a", "/* a", "/* /* */", "'a''", "E'a\\'" };
    struct error err = { 0 };
    struct lex lex;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(lex_sql(str_of(bad[i]), test_arena(), &lex, &err), ERR_INVALID);
    CHECK(str_find(str_of(err.msg), STR("not closed")) >= 0);
}

/* Every beginning of a text with all kinds of tokens is cut or refused, and never read past its end. */
TEST(every_prefix)
{
    static const char text[] =
        "SELECT E'a\\'b', \"q\"\"q\", $x$ y $x$, 1e-3::INT /* c */ -- d\n, $1";
    struct lex lex;
    for (size_t n = 0; n < sizeof text; n++) {
        struct error err = { 0 };
        char *copy = arena_alloc(test_arena(), n);
        memcpy(copy, text, n);
        bool ok = lex_sql(str_make(copy, n), test_arena(), &lex, &err);
        CHECK(ok || err.code == ERR_INVALID);
    }
}

TEST(matching_words)
{
    struct lex lex = cut("create or Replace table \"table\" 'table'");
    CHECK_INT(lex_match(&lex, 0, "CREATE OR REPLACE TABLE"), 4);
    CHECK_INT(lex_match(&lex, 0, "CREATE TABLE"), 0);
    CHECK_INT(lex_match(&lex, 3, "TABLE TABLE"), 0);
    CHECK(lex_is(&lex, 3, "TABLE"));
    CHECK(!lex_is(&lex, 4, "TABLE")); /* a quoted name is no keyword */
    CHECK(!lex_is(&lex, 5, "TABLE"));
    CHECK(!lex_is(&lex, 99, "TABLE"));
    CHECK_INT(lex_match(&lex, 99, "TABLE"), 0);
}

TEST(parentheses_and_spans)
{
    struct lex lex = cut("f ( a , ( b ) ) g (");
    CHECK_INT(lex_close(&lex, 1), 7);
    CHECK_INT(lex_close(&lex, 4), 6);
    CHECK_INT(lex_close(&lex, 9), lex.n);
    CHECK_STR(lex_span(&lex, 2, 7), "a , ( b )");
    CHECK_STR(lex_span(&lex, 3, 3), "");
    CHECK_STR(lex_span(&lex, lex.n, lex.n), "");
}

TEST(names)
{
    struct lex lex = cut("a.\"b.c\".d rest . x");
    str *parts;
    size_t n, i = 0;
    CHECK(lex_name(&lex, &i, test_arena(), &parts, &n));
    CHECK_INT(n, 3);
    CHECK_STR(parts[1], "b.c");
    CHECK(lex_is(&lex, i, "rest"));
    i = 6;
    CHECK(!lex_name(&lex, &i, test_arena(), &parts, &n)); /* begins with a dot */
    lex = cut("a.");
    i = 0;
    CHECK(!lex_name(&lex, &i, test_arena(), &parts, &n));
}
