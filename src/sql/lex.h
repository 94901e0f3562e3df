/* SPDX-License-Identifier: Apache-2.0
 *
 * SQL in words: enough to see what kind of statement a text is, to find the clauses that DuckDB's grammar does not
 * know, and to cut a text at the right places.  It never decides what a query means; DuckDB does. */
#ifndef FIRN_SQL_LEX_H
#define FIRN_SQL_LEX_H

#include "base/arena.h"
#include "base/error.h"

enum lex_kind {
    LEX_END,    /* text.len is 0; `text.ptr` points behind the last token */
    LEX_WORD,   /* keyword or bare identifier */
    LEX_QUOTED, /* "identifier", quotes included in text */
    LEX_STRING, /* 'text', E'text' or $$text$$, quotes included */
    LEX_NUMBER,
    LEX_PUNCT /* one character, or one of :: -> ->> => <= >= <> != || ** */
};

struct lex_token {
    enum lex_kind kind;
    str text;
};

struct lex {
    struct lex_token *at; /* n tokens and one LEX_END after them */
    size_t n;
};

/* Cuts `sql` into tokens; comments and white space fall away.  Views point into `sql`.  ERR_INVALID on an open quote or
 * comment, ERR_LIMIT beyond LEX_TOKENS_MAX. */
MUST_USE bool lex_sql(str sql, struct arena *a, struct lex *out, struct error *err);
#define LEX_TOKENS_MAX (4u << 20)

/* Whether token i (past the end counts as LEX_END) is this keyword, any case, or this punctuation. */
bool lex_is(const struct lex *lex, size_t i, const char *word);

/* Whether the tokens from i on are these words, separated by single spaces in `words`; gives their count, or 0. */
size_t lex_match(const struct lex *lex, size_t i, const char *words);

/* An identifier's value: quotes taken off, doubled quotes undone; bare words as written. */
str lex_ident(struct lex_token t, struct arena *a);

/* A string literal's value: quotes taken off, doubled quotes undone. */
str lex_string(struct lex_token t, struct arena *a);

/* Index of the token that closes the parenthesis at i, or lex->n when it stays open. */
size_t lex_close(const struct lex *lex, size_t i);

/* The text from token `from` up to, not including, token `to`, with what stands between. */
str lex_span(const struct lex *lex, size_t from, size_t to);

/* Whether a text is a query rather than a name: its first word, after comments, begins one. */
bool sql_is_query(str text, struct arena *a);

/* Reads a dotted name (a, a.b, "a".b ...) from token *i on and moves *i behind it; parts in the arena.  False when
 * there is no name. */
bool lex_name(const struct lex *lex, size_t *i, struct arena *a, str **parts, size_t *n);

#endif
