/* SPDX-License-Identifier: Apache-2.0
 *
 * A DELETE, UPDATE or MERGE while it runs: dml.c finds the rows that change, dml_commit.c writes files and
 * commits. */
#ifndef FIRN_SQL_DML_PRIV_H
#define FIRN_SQL_DML_PRIV_H

#include "base/vec.h"
#include "catalog/table.h"
#include "iceberg/snapshot.h"
#include "sql/bind.h"
#include "sql/dml_parse.h"
#include "sql/target.h"
#include "sql/statement_priv.h"

struct dml {
    struct run *run;
    struct arena *a;
    struct dml_statement statement;
    str ns, name;
    struct write_target to;
    struct table table; /* as it was read */
    const struct schema *schema;
    bool merge_on_read, serializable, lineage;
    const struct expr *filter; /* what the change depends on; NULL: all rows */
    struct bind_target target;
    struct bound bound;
    struct positions **matched; /* by file_index of the target: rows that change; NULL: none */
    str new_rows;               /* a query for rows to be written; empty: none */
    int64_t rows;               /* that change */

    /* The snapshot that is made. */
    VEC(const struct data_file *) touched;
    VEC(str) removed;
    VEC(struct data_file) deletes;
    VEC(struct delete_name) removed_deletes;
    const struct data_file *added;
    size_t added_n;
    bool replaces;                    /* compaction: rows stay what they are */
    int64_t file_bytes;               /* of files written; 0: by the table's property */
    const struct rows_layout *layout; /* likewise; NULL */
    bool deletes_only; /* a DELETE: rows that others deleted meanwhile do not matter */
    bool overwrites;   /* an INSERT OVERWRITE */
    const struct data_file *
        partitions; /* of a dynamic one: rows in the partitions of these files are what it depends on */
    size_t partitions_n;
    bool unscoped;  /* equality deletes apply to all partitions (sql/equality.h) */
    bool uncertain; /* the commit may have happened: nothing that was written is garbage */
};

/* Removes the data file of the target whole, with the delete files that are of it alone. */
void dml_remove_file(struct dml *d, const struct target_file *f);

/* From d->matched and d->new_rows to files: whole files go, others get deletes or are written again. */
MUST_USE bool dml_write(struct dml *d, struct error *err);

/* Writes the live rows of these files of the target again (d->added is set anew) and removes the files. */
MUST_USE bool dml_rewrite(struct dml *d, const size_t *files, size_t n, struct error *err);

/* The same rows as a query, appended. */
MUST_USE bool dml_survivors(struct dml *d, const size_t *files, size_t n, struct buf *sql,
                            struct error *err);

/* Delete files of these files of the target for the positions in d->matched: vectors, which hold what was deleted before too
 * and take the place of the files' own deletes; or position delete files, one for each of `runs_n` runs of `files`, of one partition
 * each and sorted by path (`runs` NULL: one for each file).  They are d->deletes then. */
MUST_USE bool dml_write_vectors(struct dml *d, const size_t *files, size_t n, struct error *err);
MUST_USE bool dml_write_positions(struct dml *d, const size_t *files, const size_t *runs,
                                  size_t runs_n, struct error *err);

/* Opens the table of d->statement and asks for permission; sets what the statement's kind means by property. */
MUST_USE bool dml_open(struct dml *d, struct error *err);

/* Finds the rows that d->statement changes and writes what that needs; a DELETE of whole files reads and writes nothing. */
MUST_USE bool dml_change(struct dml *d, struct error *err);

/* Commits what was collected; nothing to do is fine. */
MUST_USE bool dml_commit(struct dml *d, struct error *err);

/* After a failure: lists the data and delete files that were written as garbage. */
void dml_drop(struct dml *d);

#endif
