/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/travel.h"

#include "base/buf.h"
#include "base/time.h"
#include "base/vec.h"
#include "engine/quote.h"

#define REWRITTEN_MAX ((size_t)64 << 20)

/* The clause at token i: how many tokens introduce it, and whether it names a time. */
static size_t clause_words(const struct lex *lex, size_t i, bool *is_time)
{
    static const struct {
        const char *words;
        bool is_time;
    } forms[] = {
        { "FOR VERSION AS OF", false },
        { "FOR TIMESTAMP AS OF", true },
        { "FOR SYSTEM_VERSION AS OF", false },
        { "FOR SYSTEM_TIME AS OF", true },
        { "VERSION AS OF", false },
        { "TIMESTAMP AS OF", true },
    };
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        size_t n = lex_match(lex, i, forms[f].words);
        if (n) {
            *is_time = forms[f].is_time;
            return n;
        }
    }
    return 0;
}

/* Where the dotted name that ends before token `end` begins; `end` when there is none. */
static size_t name_start(const struct lex *lex, size_t end)
{
    size_t i = end;
    for (;;) {
        if (i == 0 || (lex->at[i - 1].kind != LEX_WORD && lex->at[i - 1].kind != LEX_QUOTED))
            return end;
        i--;
        if (i < 2 || !lex_is(lex, i - 1, "."))
            return i;
        i--;
    }
}

/* Words that can follow a table are no aliases. */
bool travel_has_alias(const struct lex *lex, size_t i)
{
    static const char *const followers[] = {
        "WHERE",  "GROUP",      "ORDER",   "LIMIT",   "JOIN",  "LEFT",        "RIGHT",     "INNER",
        "FULL",   "CROSS",      "NATURAL", "ON",      "USING", "UNION",       "INTERSECT", "EXCEPT",
        "HAVING", "WINDOW",     "QUALIFY", "OFFSET",  "FETCH", "TABLESAMPLE", "ASOF",      "SEMI",
        "ANTI",   "POSITIONAL", "PIVOT",   "UNPIVOT", "SELECT"
    };
    if (i >= lex->n)
        return false;
    if (lex->at[i].kind == LEX_QUOTED)
        return true;
    if (lex->at[i].kind != LEX_WORD)
        return false;
    for (size_t f = 0; f < sizeof followers / sizeof *followers; f++)
        if (str_eq_nocase(lex->at[i].text, str_of(followers[f])))
            return false;
    return true;
}

static bool read_point(const struct lex *lex, size_t i, bool is_time, struct arena *a,
                       struct travel *t, struct error *err)
{
    if (i >= lex->n)
        return fail(err, ERR_INVALID,
                    "AS OF needs a snapshot id, the name of a branch or tag, or a time");
    str text = lex->at[i].text;
    if (lex->at[i].kind == LEX_STRING) {
        str value = lex_string(lex->at[i], a);
        t->has_time = is_time;
        if (is_time && !time_parse(value, &t->timestamp_us, NULL))
            return fail(err, ERR_INVALID,
                        "AS OF '" STR_FMT "' is no time; write '2001-06-30 12:00:00'",
                        STR_ARG(value));
        t->ref = is_time ? (str){ 0 } : value;
        return true;
    }
    if (is_time || lex->at[i].kind != LEX_NUMBER || !str_to_i64(text, &t->snapshot_id) ||
        t->snapshot_id <= 0)
        return fail(err, ERR_INVALID,
                    "AS OF " STR_FMT " is neither a snapshot id nor a quoted name or time",
                    STR_ARG(text));
    return true;
}

static bool read_travel(const struct lex *lex, size_t from, size_t clause, size_t words,
                        bool is_time, size_t number, struct arena *a, struct travel *t,
                        struct error *err)
{
    str *parts;
    size_t n, i = from;
    if (from == clause || !lex_name(lex, &i, a, &parts, &n) || n < 2)
        return fail(err, ERR_INVALID,
                    "AS OF must follow the full name of a table, such as silver.flights");
    t->ns = arena_join(a, parts, n - 1, STR("."));
    t->name = parts[n - 1];
    t->view = arena_printf(a, STR_FMT "@%zu", STR_ARG(t->name), number);
    return read_point(lex, clause + words, is_time, a, t, err);
}

static void add_name(struct buf *out, const struct travel *t, bool alias)
{
    quote_ident(out, t->ns);
    buf_add_char(out, '.');
    quote_ident(out, t->view);
    if (alias) {
        buf_lit(out, " AS ");
        quote_ident(out, t->name);
    }
}

bool travel_rewrite(str sql, struct arena *a, str *out, struct travel **travels, size_t *n,
                    struct error *err)
{
    struct lex lex;
    VEC(struct travel) found = { 0 };
    struct buf *text = arena_new(a, struct buf);
    buf_init(text, REWRITTEN_MAX);
    buf_in_arena(text, a);
    if (!lex_sql(sql, a, &lex, err))
        return false;
    size_t copied = 0; /* tokens before this one are in `text` */
    for (size_t i = 1; i < lex.n; i++) {
        bool is_time = false;
        size_t words = clause_words(&lex, i, &is_time);
        if (!words)
            continue;
        size_t from = name_start(&lex, i);
        struct travel *t = vec_push(a, &found);
        if (!read_travel(&lex, from, i, words, is_time, found.n, a, t, err))
            return false;
        buf_add_str(text, lex_span(&lex, copied, from));
        buf_add_char(text, ' ');
        copied = i + words + 1;
        add_name(text, t, !travel_has_alias(&lex, copied));
        buf_add_char(text, ' ');
        i = copied - 1;
    }
    *travels = found.at;
    *n = found.n;
    *out = sql;
    if (found.n == 0)
        return true;
    buf_add_str(text, lex_span(&lex, copied, lex.n));
    *out = buf_str(text);
    return buf_ok(text, "the statement", err);
}
