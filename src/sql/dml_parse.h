/* SPDX-License-Identifier: Apache-2.0
 *
 * DELETE, UPDATE and MERGE taken apart into pieces of text.  DuckDB's own forms of these statements change its own
 * tables only; here each becomes a SELECT of the rows that change (dml.c), and DuckDB decides what the pieces mean.
 *
 *   DELETE FROM t [[AS] a] [USING source] [WHERE condition]
 *   UPDATE t [[AS] a] SET column = expression, ... [FROM source] [WHERE condition]
 *   MERGE INTO t [[AS] a] USING source [[AS] s] ON condition | USING (columns)
 *     WHEN MATCHED [AND condition] THEN UPDATE [SET * | SET column = expression, ...] | DELETE | DO NOTHING
 *     WHEN NOT MATCHED [BY TARGET] [AND condition] THEN INSERT [* | [(columns)] VALUES (expressions)] | DO NOTHING
 *     WHEN NOT MATCHED BY SOURCE [AND condition] THEN UPDATE SET ... | DELETE | DO NOTHING */
#ifndef FIRN_SQL_DML_PARSE_H
#define FIRN_SQL_DML_PARSE_H

#include "sql/lex.h"

enum dml_kind { DML_DELETE, DML_UPDATE, DML_MERGE };
enum dml_when { WHEN_MATCHED, WHEN_NOT_MATCHED, WHEN_NOT_MATCHED_BY_SOURCE };
enum dml_do { DO_NOTHING, DO_DELETE, DO_UPDATE, DO_INSERT };

struct dml_set {
    str column; /* unquoted; empty in INSERT VALUES without columns: by place */
    str value;  /* an expression */
};

struct dml_action {
    enum dml_when when;
    enum dml_do what;
    str condition; /* empty: none */
    bool all;      /* every column, from the source's column of the same name */
    const struct dml_set *sets;
    size_t sets_n;
};

struct dml_statement {
    enum dml_kind kind;
    str schema, name;   /* of the table, unquoted; levels of the namespace joined with dots */
    str dotted;         /* both, as sql_request's other parts take names */
    str alias;          /* unquoted; the table's name when there is none */
    str source;         /* text behind USING or FROM; empty: none */
    str source_alias;   /* MERGE: unquoted */
    str condition;      /* WHERE or ON; empty: none */
    const str *columns; /* MERGE ... USING (a, b) */
    size_t columns_n;
    const struct dml_action *actions; /* one for DELETE and UPDATE */
    size_t actions_n;
};

/* "ns.t.column" becomes "t.column" where the statement gives its table ns.t no other name: in the query that it becomes, the table is t.
 * *lex is another one then.  ERR_LIMIT. */
MUST_USE bool dml_short_names(struct lex *lex, struct arena *a, struct error *err);

/* Texts point into the lexer's or live in `a`.  ERR_INVALID says what was expected where, ERR_UNSUPPORTED for parts of structs
 * in SET and RETURNING. */
MUST_USE bool dml_parse(const struct lex *lex, struct arena *a, struct dml_statement *out,
                        struct error *err);

#endif
