/* SPDX-License-Identifier: Apache-2.0
 *
 * ALTER TABLE taken apart: what it asks for, in order, before the table is looked at.  alter_parse.c reads it, alter.c applies it
 * to the table as it is, again when somebody was faster. */
#ifndef FIRN_SQL_ALTER_PRIV_H
#define FIRN_SQL_ALTER_PRIV_H

#include "sql/clauses.h"

enum alter_kind {
    ALTER_ADD_COLUMN,
    ALTER_DROP_COLUMN,
    ALTER_RENAME_COLUMN,
    ALTER_TYPE,
    ALTER_SET_NOT_NULL,
    ALTER_DROP_NOT_NULL,
    ALTER_SET_DEFAULT,
    ALTER_DROP_DEFAULT,
    ALTER_COMMENT_COLUMN,
    ALTER_MOVE_COLUMN,
    ALTER_SET_IDENTIFIERS,
    ALTER_DROP_IDENTIFIERS,
    ALTER_LAST_OF_SCHEMA = ALTER_DROP_IDENTIFIERS,
    ALTER_ADD_PARTITION,
    ALTER_DROP_PARTITION,
    ALTER_REPLACE_PARTITION,
    ALTER_ORDER,
    ALTER_SET_PROPERTIES,
    ALTER_UNSET_PROPERTIES,
    ALTER_LOCATION,
};

struct alter_action {
    enum alter_kind kind;
    bool if_exists; /* of DROP COLUMN; of ADD COLUMN: if not */
    str column;     /* dotted */
    str text;       /* new name, comment, default, location; name of a partition field */
    struct column_definition define; /* ADD COLUMN */
    const struct type *type;         /* ALTER TYPE */
    bool has_place;
    enum schema_place place;
    str after;
    const str *names; /* identifier fields, keys to unset */
    size_t names_n;
    size_t term;     /* token where a transform or a sort order begins */
    size_t term_end; /* token behind it */
    str old_field;   /* DROP, REPLACE PARTITION FIELD: a bare word is perhaps the field's name */
    size_t old_term, old_term_end;
    bool unordered;
    const char *mode; /* write.distribution-mode; NULL: stays */
    struct clause_props props;
};

struct alter_statement {
    str table; /* dotted */
    bool if_exists;
    bool view;        /* ALTER VIEW */
    str rename_to;    /* the parts as they stand, with dots between; empty: no RENAME TO */
    size_t rename_at; /* where it stands, for clause_table: what it names the catalog decides */
    struct {
        struct alter_action *at;
        size_t n, cap;
    } actions;
};

/* Reads what stands behind the table's name, from token i on.  ERR_INVALID says what was expected where. */
MUST_USE bool alter_parse(struct run *r, size_t i, struct alter_statement *out, struct error *err);

#endif
