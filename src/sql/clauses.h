/* SPDX-License-Identifier: Apache-2.0
 *
 * Clauses that several statements of definition share: names, lists in parentheses, properties, definitions of columns, and the
 * constants that stand behind DEFAULT. */
#ifndef FIRN_SQL_CLAUSES_H
#define FIRN_SQL_CLAUSES_H

#include "base/vec.h"
#include "catalog/catalog.h"
#include "govern/access.h"
#include "iceberg/schema.h"
#include "sql/statement_priv.h"
#include "sql/write.h"

struct value;

/* ERR_INVALID "what expected before ..." or "... at the end of the statement". */
bool clause_expected(const struct run *r, size_t i, const char *what, struct error *err);

/* Moves *i behind these words if they stand there. */
bool clause_accept(const struct run *r, size_t *i, const char *words);

/* A dotted name at token *i, which moves behind it; `what` is for the message. */
MUST_USE bool clause_dotted(struct run *r, size_t *i, const char *what, str *out,
                            struct error *err);

/* The same of a table or view; *out is written as name_split (catalog/name.h) reads it (sql/schema_name.h). */
MUST_USE bool clause_table(struct run *r, size_t *i, const char *what, str *out, struct error *err);
/* The same of a namespace, as levels. */
MUST_USE bool clause_namespace(struct run *r, size_t *i, str *out, struct error *err);

/* Fails when there is something from token i on. */
MUST_USE bool clause_end(const struct run *r, size_t i, struct error *err);

/* The inside of the parentheses at token *i, which moves behind them; `what` is the statement. */
MUST_USE bool clause_inside(struct run *r, size_t *i, const char *what, size_t *from, size_t *to,
                            struct error *err);

/* A string literal. */
MUST_USE bool clause_text(struct run *r, size_t *i, const char *what, str *out, struct error *err);

/* "(key = 'value', ...)" between two tokens; keys are texts or dotted names; "=" may be left out between texts. */
struct clause_props {
    struct write_prop *at;
    size_t n, cap;
};
MUST_USE bool clause_properties(struct run *r, size_t from, size_t to, struct clause_props *out,
                                struct error *err);

/* The token behind "WITH name AS (...), ..." at the beginning of the statement; 0 when there is no such thing. */
size_t clause_behind_with(const struct lex *lex);

/* Runs the write for the statement and fills in its outcome; table, query and what to do with it are given. */
MUST_USE bool clause_write(struct run *r, struct write_request *w, struct error *err);

/* On a table or view (with a name), a namespace, or above all of them (no namespace). */
MUST_USE bool clause_may(struct run *r, enum privilege privilege, enum securable_kind kind, str ns,
                         str name, struct error *err);
/* Who commits; confined to a table's own places as over Iceberg REST (catalog/confine.h). */
struct commit_info clause_commit_info(struct run *r);

/* One column: name type [NOT NULL] [DEFAULT expression] [COMMENT 'text'] [PRIMARY KEY] [FIRST | AFTER column]. */
struct column_definition {
    const str *path; /* parts of the name; more than one for a field of a struct */
    size_t path_n;
    const struct type *type;
    bool required, identifier;
    bool has_doc;
    str doc;
    str default_sql; /* an expression; empty: none */
    bool has_place;
    enum schema_place place;
    str after; /* dotted */
};
/* Reads it at token *i, which moves behind it; ids inside the type are *next_id and up. */
MUST_USE bool clause_column(struct run *r, size_t *i, int32_t *next_id,
                            struct column_definition *out, struct error *err);

/* The value of a constant expression for a column of this type; *out is NULL for null.  It may name tables no more than a query may;
 * functions whose answer changes are refused.  ERR_INVALID, ERR_UNSUPPORTED for nested types. */
MUST_USE bool clause_default(struct run *r, str expression, const struct type *type,
                             const struct value **out, struct error *err);

#endif
