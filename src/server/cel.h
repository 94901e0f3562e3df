/* SPDX-License-Identifier: Apache-2.0
 *
 * A part of the Common Expression Language: what filters of Nessie's clients use.  Literals, lists, ==, !=, <, <=, >, >=, in, &&, ||, !,
 * parentheses, members (a.b), indexes of maps (m['k']), size(), timestamp(), has(), and of strings startsWith(), endsWith(), contains();
 * of lists exists(x, expression).  Anything else is refused by name, at its place. */
#ifndef FIRN_SERVER_CEL_H
#define FIRN_SERVER_CEL_H

#include "base/arena.h"
#include "base/error.h"

#define CEL_TEXT_MAX 16384
#define CEL_DEPTH_MAX 64 /* parentheses, lists, calls and ! within each other */
#define CEL_HEIGHT_MAX                                                                             \
    2000 /* operations of one kind in a row: a || b || c; a few hundred bytes of stack each */
#define CEL_STEPS_MAX 1000000 /* nodes looked at for one row: some ten milliseconds */

enum cel_kind { CEL_NULL, CEL_BOOL, CEL_INT, CEL_STR, CEL_TIME, CEL_LIST, CEL_OBJECT };

struct cel_value {
    enum cel_kind kind;
    union {
        bool b;
        int64_t i; /* CEL_TIME: microseconds */
        str s;
        struct {
            const struct cel_value *items;
            size_t n;
        } list;
        struct {
            const struct cel_member *members;
            size_t n;
        } object;
    };
};
struct cel_member {
    str name;
    struct cel_value value;
};

struct cel; /* a parsed expression */

/* ERR_INVALID with the place of the mistake, ERR_UNSUPPORTED for what this part does not have, ERR_LIMIT.  Lives in `a`. */
MUST_USE bool cel_parse(str text, struct arena *a, const struct cel **out, struct error *err);

/* Whether the expression holds for these variables.  ERR_INVALID when it names another one, compares what cannot be compared or gives
 * no truth value, ERR_LIMIT after CEL_STEPS_MAX.  Memory for intermediate values comes from `a`. */
MUST_USE bool cel_holds(const struct cel *e, const struct cel_member *variables, size_t n,
                        struct arena *a, bool *out, struct error *err);

#endif
