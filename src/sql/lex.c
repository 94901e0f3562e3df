/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/lex.h"

#include "base/vec.h"

struct scanner {
    const char *p, *end;
    struct error *err;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_word_start(c) || is_digit(c) || c == '$';
}

/* Block comments nest, as in DuckDB and PostgreSQL. */
static bool skip_block_comment(struct scanner *s)
{
    int depth = 0;
    while (s->end - s->p >= 2) {
        if (s->p[0] == '/' && s->p[1] == '*') {
            depth++;
            s->p += 2;
        } else if (s->p[0] == '*' && s->p[1] == '/') {
            s->p += 2;
            if (--depth == 0)
                return true;
        } else {
            s->p++;
        }
    }
    return fail(s->err, ERR_INVALID, "a comment that begins with /* is not closed");
}

static bool skip_blank(struct scanner *s)
{
    while (s->p < s->end) {
        if (is_space(*s->p)) {
            s->p++;
        } else if (s->end - s->p >= 2 && s->p[0] == '-' && s->p[1] == '-') {
            while (s->p < s->end && *s->p != '\n')
                s->p++;
        } else if (s->end - s->p >= 2 && s->p[0] == '/' && s->p[1] == '*') {
            if (!skip_block_comment(s))
                return false;
        } else {
            break;
        }
    }
    return true;
}

/* From the opening quote to behind the closing one; a doubled quote, or with `escapes` a backslash, keeps it open. */
static bool skip_quoted(struct scanner *s, char quote, bool escapes)
{
    const char *start = s->p++;
    while (s->p < s->end) {
        char c = *s->p++;
        if (escapes && c == '\\' && s->p < s->end) {
            s->p++;
        } else if (c == quote) {
            if (s->p == s->end || *s->p != quote)
                return true;
            s->p++;
        }
    }
    size_t shown = (size_t)(s->end - start) < 20 ? (size_t)(s->end - start) : 20;
    return fail(s->err, ERR_INVALID, "a quote is not closed: %.*s", (int)shown, start);
}

/* $$text$$ and $tag$text$tag$; false without error when this is no dollar quote ($1 is a parameter). */
static bool skip_dollar_quoted(struct scanner *s)
{
    const char *tag_end = s->p + 1;
    while (tag_end < s->end && (is_word_start(*tag_end) || is_digit(*tag_end)))
        tag_end++;
    if (tag_end == s->end || *tag_end != '$' || is_digit(s->p[1]))
        return false;
    str tag = str_make(s->p, (size_t)(tag_end + 1 - s->p));
    str rest = str_make(tag_end + 1, (size_t)(s->end - tag_end - 1));
    ptrdiff_t close = str_find(rest, tag);
    if (close < 0)
        return false;
    s->p = rest.ptr + close + tag.len;
    return true;
}

static size_t punct_length(const char *p, const char *end)
{
    static const char *const longer[] = { "->>", "::", "->", "=>", "<=",
                                          ">=",  "<>", "!=", "||", "**" };
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) {
        size_t n = strlen(longer[i]);
        if ((size_t)(end - p) >= n && memcmp(p, longer[i], n) == 0)
            return n;
    }
    return 1;
}

static void skip_number(struct scanner *s)
{
    while (s->p < s->end &&
           (is_word(*s->p) || *s->p == '.' ||
            ((*s->p == '+' || *s->p == '-') && (s->p[-1] == 'e' || s->p[-1] == 'E'))))
        s->p++;
}

static bool next_token(struct scanner *s, struct lex_token *t)
{
    const char *start = s->p;
    char c = *s->p, following = s->end - s->p > 1 ? s->p[1] : '\0';
    bool escaped = (c == 'e' || c == 'E') && following == '\'';
    if (c == '\'' || escaped) {
        s->p += escaped;
        t->kind = LEX_STRING;
        if (!skip_quoted(s, '\'', escaped))
            return false;
    } else if (c == '"') {
        t->kind = LEX_QUOTED;
        if (!skip_quoted(s, '"', false))
            return false;
    } else if (c == '$' && skip_dollar_quoted(s)) {
        t->kind = LEX_STRING;
    } else if (is_digit(c) || (c == '.' && is_digit(following))) {
        t->kind = LEX_NUMBER;
        skip_number(s);
    } else if (is_word_start(c)) {
        t->kind = LEX_WORD;
        while (s->p < s->end && is_word(*s->p))
            s->p++;
    } else {
        t->kind = LEX_PUNCT;
        s->p += punct_length(s->p, s->end);
    }
    t->text = str_make(start, (size_t)(s->p - start));
    return true;
}

bool lex_sql(str sql, struct arena *a, struct lex *out, struct error *err)
{
    struct scanner s = { sql.ptr, sql.ptr + sql.len, err };
    VEC(struct lex_token) tokens = { 0 };
    for (;;) {
        if (!skip_blank(&s))
            return false;
        if (s.p == s.end)
            break;
        if (tokens.n == LEX_TOKENS_MAX)
            return fail(err, ERR_LIMIT, "the statement has more than %u words", LEX_TOKENS_MAX);
        if (!next_token(&s, vec_push(a, &tokens)))
            return false;
    }
    vec_push(a, &tokens)->text = str_make(s.end, 0);
    *out = (struct lex){ tokens.at, tokens.n - 1 };
    return true;
}

bool lex_is(const struct lex *lex, size_t i, const char *word)
{
    if (i >= lex->n)
        return false;
    const struct lex_token *t = &lex->at[i];
    return (t->kind == LEX_WORD || t->kind == LEX_PUNCT) && str_eq_nocase(t->text, str_of(word));
}

size_t lex_match(const struct lex *lex, size_t i, const char *words)
{
    str rest = str_of(words), word;
    size_t n = 0;
    for (; str_next(&rest, ' ', &word); n++) {
        if (i + n >= lex->n)
            return 0;
        const struct lex_token *t = &lex->at[i + n];
        if ((t->kind != LEX_WORD && t->kind != LEX_PUNCT) || !str_eq_nocase(t->text, word))
            return 0;
    }
    return n;
}

/* The text inside of quotes, each doubled quote made one. */
static str undouble(str inner, char quote, struct arena *a)
{
    if (str_find_char(inner, quote) < 0)
        return inner;
    char *out = arena_alloc(a, inner.len);
    size_t n = 0;
    for (size_t i = 0; i < inner.len; i++) {
        out[n++] = inner.ptr[i];
        if (inner.ptr[i] == quote)
            i++;
    }
    return str_make(out, n);
}

str lex_ident(struct lex_token t, struct arena *a)
{
    if (t.kind != LEX_QUOTED)
        return t.text;
    return undouble(str_sub(t.text, 1, t.text.len - 1), '"', a);
}

str lex_string(struct lex_token t, struct arena *a)
{
    if (t.text.ptr[0] == '$') {
        size_t tag = (size_t)str_find_char(str_from(t.text, 1), '$') + 2;
        return str_sub(t.text, tag, t.text.len - tag);
    }
    str inner = t.text.ptr[0] == '\'' ? t.text : str_from(t.text, 1);
    return undouble(str_sub(inner, 1, inner.len - 1), '\'', a);
}

size_t lex_close(const struct lex *lex, size_t i)
{
    size_t depth = 0;
    for (; i < lex->n; i++) {
        if (lex_is(lex, i, "("))
            depth++;
        else if (lex_is(lex, i, ")") && --depth == 0)
            return i;
    }
    return lex->n;
}

str lex_span(const struct lex *lex, size_t from, size_t to)
{
    if (from >= to)
        return (str){ lex->at[from].text.ptr, 0 };
    str last = lex->at[to - 1].text;
    const char *start = lex->at[from].text.ptr;
    return str_make(start, (size_t)(last.ptr + last.len - start));
}

bool lex_name(const struct lex *lex, size_t *i, struct arena *a, str **parts, size_t *n)
{
    VEC(str) names = { 0 };
    for (size_t at = *i;; at++) {
        if (at >= lex->n || (lex->at[at].kind != LEX_WORD && lex->at[at].kind != LEX_QUOTED))
            return false;
        *vec_push(a, &names) = lex_ident(lex->at[at], a);
        if (!lex_is(lex, ++at, ".")) {
            *i = at;
            *parts = names.at;
            *n = names.n;
            return true;
        }
    }
}

bool sql_is_query(str text, struct arena *a)
{
    static const char *const begins[] = { "SELECT", "WITH", "FROM", "VALUES", "TABLE", "(" };
    struct lex lex;
    struct error unreadable = { 0 };
    if (!lex_sql(text, a, &lex, &unreadable) || lex.n < 2)
        return false;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (lex_is(&lex, 0, begins[i]))
            return !lex_is(&lex, 1, ".");
    return false;
}
