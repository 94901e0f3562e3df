/* SPDX-License-Identifier: Apache-2.0
 *
 * CALL system.name(...): the arguments of a procedure and its answer.  procedure.c reads them, procedures.c
 * runs them. */
#ifndef FIRN_SQL_PROCEDURE_PRIV_H
#define FIRN_SQL_PROCEDURE_PRIV_H

#include "base/vec.h"
#include "catalog/table_ops.h"
#include "govern/privilege.h"
#include "sql/statement_priv.h"

#define CALL_ARGUMENTS_MAX 16

enum argument_kind { ARGUMENT_NONE, ARGUMENT_TEXT, ARGUMENT_NUMBER, ARGUMENT_LIST, ARGUMENT_MAP };

struct argument {
    enum argument_kind kind;
    str text;  /* of a text or a number; true and false are texts */
    str *list; /* of a list; keys and values in turn of a map */
    size_t list_n;
};

struct procedure;

struct call {
    struct run *run;
    const struct procedure *procedure;
    struct argument arguments[CALL_ARGUMENTS_MAX]; /* by place in the procedure's list */
};

struct procedure {
    const char *name, *parameters; /* names in order, separated by spaces */
    bool (*run)(struct call *c, struct error *err);
};
extern const struct procedure procedures[]; /* ends with a NULL name */

/* procedures_maintain.c */
bool procedure_remove_orphan_files(struct call *c, struct error *err);
bool procedure_rewrite_data_files(struct call *c, struct error *err);
bool procedure_rewrite_manifests(struct call *c, struct error *err);
bool procedure_rewrite_position_delete_files(struct call *c, struct error *err);

/* The argument of this name; its kind is ARGUMENT_NONE when it was not given. */
const struct argument *call_argument(const struct call *c, const char *name);

/* Typed, with what counts when it is not given.  ERR_INVALID names the argument. */
MUST_USE bool call_text(const struct call *c, const char *name, str fallback, str *out,
                        struct error *err);
MUST_USE bool call_int(const struct call *c, const char *name, int64_t fallback, int64_t min,
                       int64_t *out, struct error *err);
MUST_USE bool call_bool(const struct call *c, const char *name, bool fallback, bool *out,
                        struct error *err);
/* Milliseconds since 1970; a number, or a text or TIMESTAMP in UTC. */
MUST_USE bool call_time(const struct call *c, const char *name, int64_t fallback, int64_t *out,
                        struct error *err);
MUST_USE bool call_ints(const struct call *c, const char *name, int64_t **out, size_t *n,
                        struct error *err);

/* The table that the argument `table` names, if the caller may do this to it.  A catalog's name before it ("firn.ns.t" has
 * none) is not taken away. */
MUST_USE bool call_table(const struct call *c, enum privilege privilege, str *ns, str *name,
                         struct error *err);
/* Who commits. */
struct write_info call_info(const struct call *c);

/* Procedures of other files (procedures_snapshots.c, procedures_files.c). */
bool call_rollback_to_snapshot(struct call *c, struct error *err);
bool call_rollback_to_timestamp(struct call *c, struct error *err);
bool call_set_current_snapshot(struct call *c, struct error *err);
bool call_cherrypick_snapshot(struct call *c, struct error *err);
bool call_publish_changes(struct call *c, struct error *err);
bool call_fast_forward(struct call *c, struct error *err);
bool call_ancestors_of(struct call *c, struct error *err);
bool call_register_table(struct call *c, struct error *err);
bool call_upgrade(struct call *c, struct error *err);
bool call_add_files(struct call *c, struct error *err);

bool call_compute_table_stats(struct call *c, struct error *err); /* procedures_statistics.c */
bool call_compute_partition_stats(struct call *c, struct error *err);
bool call_create_changelog_view(struct call *c, struct error *err); /* procedures_changes.c */

/* One row as the answer: names separated by spaces, one number each; -1 is the SQL NULL. */
MUST_USE bool call_answer(const struct call *c, const char *names, const int64_t *values,
                          struct error *err);

#endif
