/* SPDX-License-Identifier: Apache-2.0
 *
 * A query while its names are bound: bind.c looks tables up and plans them, bind_views.c puts views of the catalog in. */
#ifndef FIRN_SQL_BIND_PRIV_H
#define FIRN_SQL_BIND_PRIV_H

#include "base/vec.h"
#include "catalog/table.h"
#include "engine/statement.h"
#include "iceberg/scan.h"
#include "sql/bind.h"
#include "sql/metadata_tables.h"
#include "sql/travel.h"

/* One name of the query that stands for a table, at one snapshot. */
struct source {
    str schema, view; /* in the session */
    str label;        /* "silver.flights", for people */
    struct table table;
    struct scan_at at;
    const struct snapshot *snapshot; /* NULL: the table is empty */
    const struct schema *columns;
    const struct expr *filter;  /* NULL: all rows */
    unsigned metadata;          /* columns of scan_column that it shows */
    struct bind_target *target; /* NULL: it is only read */
    enum metadata_table about;  /* it shows the table's metadata, not its rows */
    int64_t files_total, files_read;
};

/* A view of the catalog whose query is put in: the tables of its text are in schemas of their own, "ns$2", so that each view
 * reads its own tables, at the snapshots that its text and the query around it ask for. */
struct view_context {
    str ns, name;               /* of the view */
    const struct travel *point; /* what the query around it travels to; NULL: nowhere */
    str branch;                 /* where its tables are looked up */
    ptrdiff_t outer;            /* the view that names it; -1: the query itself */
};

struct view_made {
    str sql; /* CREATE VIEW of the session */
};

struct binder {
    struct lake *lake;
    struct session *session;
    const struct bind_request *req;
    struct arena *a;
    str query; /* rewritten */
    struct {
        struct travel *at;
        size_t n, cap;
    } travels;
    unsigned metadata; /* columns of scan_column that the query names */
    str pin; /* the branch's commit that the first table was read at: the others are read there too */
    VEC(struct source) sources;
    VEC(struct view_context) contexts;
    VEC(struct view_made) views; /* in the order in which they are made, behind the tables */
};

/* Local files and functions that read them are for requests that may. */
MUST_USE bool bind_check_functions(const struct statement_sources *found, bool local_files,
                                   struct error *err);

/* Looks up one name of a text.  `context` is the view that the text is of, -1: the query itself. */
MUST_USE bool bind_name(struct binder *b, const struct statement_name *n, ptrdiff_t context,
                        struct error *err);

/* Which columns of engine/parquet_scan.h a text names. */
MUST_USE bool bind_metadata_words(struct binder *b, str text, unsigned *out, struct error *err);

/* The name as a view of the catalog: its text is bound too, and the session's view is noted.  *found is false when there is none, and
 * nothing has happened then.  `view` is the name in the session, with its schema. */
MUST_USE bool bind_view(struct binder *b, const struct statement_name *view, str ns, str name,
                        const struct travel *point, ptrdiff_t context, bool *found,
                        struct error *err);

/* Whether who asks may know of the view, but not read a table of that name; or it is about to be made. */
bool bind_view_first(struct binder *b, str ns, str name, str ref);

/* The context that a schema of the session belongs to, and the namespace that it stands for; -1: the query itself. */
ptrdiff_t bind_context_of(const struct binder *b, str schema, str *ns);

/* Makes the session's views over the tables, which are there. */
MUST_USE bool bind_make_views(struct binder *b, struct error *err);

#endif
