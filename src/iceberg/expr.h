/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters: a tree of predicates over the columns of a table.
 *
 * A filter is made unbound (column names and literals as somebody wrote them), then bound to a
 * schema: names become field ids, literals become values of the field's type, NOT is pushed into
 * the leaves, and what is always true or false is simplified away.  Only bound filters can be
 * evaluated.
 *
 * What a predicate means for a row: comparisons with null are false, but !=, NOT IN and NOT
 * STARTS_WITH hold for null (Iceberg's rule; SQL's three-valued answer is a subset).  NaN equals
 * itself and is greater than every number, and -0.0 equals 0.0, as in DuckDB and Spark.  Pruning
 * (expr_eval.h) is conservative with respect to exactly this meaning.
 *
 * Trees are immutable and live in the arena they were made in; any thread may read them. */
#ifndef FIRN_ICEBERG_EXPR_H
#define FIRN_ICEBERG_EXPR_H

#include "base/arena.h"
#include "base/buf.h"

struct schema;
struct transform;
struct type;
struct value;

#define EXPR_DEPTH_MAX 200      /* nesting, parentheses included */
#define EXPR_VALUES_MAX 1000000 /* literals of one IN */
#define EXPR_TEXT_MAX ((size_t)16 << 20)

enum expr_op {
    EXPR_TRUE,
    EXPR_FALSE,
    EXPR_AND,
    EXPR_OR,
    EXPR_NOT, /* unbound filters only */
    EXPR_IS_NULL,
    EXPR_NOT_NULL,
    EXPR_IS_NAN,
    EXPR_NOT_NAN,
    EXPR_LT,
    EXPR_LE,
    EXPR_GT,
    EXPR_GE,
    EXPR_EQ,
    EXPR_NE,
    EXPR_STARTS_WITH,
    EXPR_NOT_STARTS_WITH,
    EXPR_IN,
    EXPR_NOT_IN,
};

/* A literal as written.  Numbers stay text until they meet a column, so that nothing is rounded. */
enum literal_kind { LITERAL_NULL, LITERAL_BOOL, LITERAL_NUMBER, LITERAL_TEXT, LITERAL_VALUE };
struct literal {
    enum literal_kind kind;
    bool boolean;
    str text; /* number: "-1.5e3"; text: also dates, times, uuids; bytes as x'..' */
    const struct value *value; /* typed already */
};

struct expr {
    enum expr_op op;
    const struct expr **args; /* and, or: args_n >= 2 of them; not: one */
    size_t args_n;
    /* Predicates, unbound: the column's dotted name and the literals. */
    str name;
    const struct literal *literals;
    size_t literals_n;
    /* Predicates, bound.  IN and NOT IN: values sorted, without duplicates. */
    int32_t field_id;
    const struct type *type;
    const struct value *values;
    size_t values_n;
    /* Predicates over a partition transform of the column, as in bucket[16](id) = 3; NULL: over the
     * column.  Bound: `type` is that of the transform's results, `source_type` the column's. */
    const struct transform *transform;
    const struct type *source_type;
};

/* Unbound filters.  Arguments are kept, not copied; and/or/not of constants are simplified. */
const struct expr *expr_true(void);
const struct expr *expr_false(void);
const struct expr *expr_and(struct arena *a, const struct expr *x, const struct expr *y);
const struct expr *expr_or(struct arena *a, const struct expr *x, const struct expr *y);
const struct expr *expr_nary(struct arena *a, enum expr_op op, const struct expr **args, size_t n);
const struct expr *expr_not(struct arena *a, const struct expr *x);
const struct expr *expr_unary(struct arena *a, enum expr_op op, str name);
const struct expr *expr_compare(struct arena *a, enum expr_op op, str name, struct literal lit);
const struct expr *expr_in(struct arena *a, enum expr_op op, str name, const struct literal *lits,
                           size_t n);

/* The same predicate over a transform of its column.  SQL filters have none; expr_from_json reads them. */
const struct expr *expr_over(struct arena *a, const struct expr *predicate,
                             const struct transform *transform);

static inline struct literal literal_number(str text)
{
    return (struct literal){ .kind = LITERAL_NUMBER, .text = text };
}

static inline struct literal literal_text(str text)
{
    return (struct literal){ .kind = LITERAL_TEXT, .text = text };
}

/* Reads `a >= 3 and (b in ('x', 'y') or not c.d is null) and e like 'p%'`: SQL's operators = == <>
 * != < <= > >= in between like is, `is [not] nan`, `starts_with(e, 'p')`, quoted identifiers, dates
 * as text or as date '2001-01-01'.  LIKE takes a prefix only.  ERR_INVALID names the column of the
 * text where reading stopped.  The result points into `text`. */
MUST_USE bool expr_parse(str text, struct arena *a, const struct expr **out, struct error *err);

/* The same language; bound filters print field names when `schema` is given, else ids.  Appends. */
void expr_format(const struct expr *e, const struct schema *schema, struct buf *out);

/* ERR_INVALID for unknown columns, columns that are not primitive, and literals that cannot be a
 * value of the column's type.  Numbers outside the type's range or between its values are resolved
 * (`int_column < 2.5` is `int_column <= 2`), not refused. */
MUST_USE bool expr_bind(const struct expr *e, const struct schema *schema, bool case_sensitive,
                        struct arena *a, const struct expr **out, struct error *err);

/* The field ids that a bound filter reads, ascending, each once. */
void expr_field_ids(const struct expr *e, struct arena *a, const int32_t **ids, size_t *n);

/* Whether a row matches a bound filter.  `get` gives the value of a field, NULL for null. */
typedef const struct value *(*expr_get_fn)(const void *row, int32_t field_id);
bool expr_matches(const struct expr *e, expr_get_fn get, const void *row);

#endif
