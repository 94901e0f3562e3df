/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of the catalog: create, load, commit, drop, rename, register.  The commit protocol and
 * what `ref` and errors mean are in catalog.h. */
#ifndef FIRN_CATALOG_TABLE_H
#define FIRN_CATALOG_TABLE_H

#include "catalog/catalog.h"

struct metadata;
struct partition_spec;
struct schema;
struct sort_order;
struct table_requirement;
struct table_update;

struct table {
    str ns, name;
    str ref;                         /* as asked, "main" when empty */
    str commit_id;                   /* of the catalog, that the table was read at */
    str uuid;                        /* 36 characters */
    str metadata_location;           /* absolute; empty for a staged table */
    const struct metadata *metadata; /* immutable, shared; lives as long as the arena */
    str json; /* the metadata as its file has it, plain, when it is at hand: as long; else empty */
    int64_t snapshot_id; /* the current one, -1: none */
};

/* ERR_NOT_FOUND; ERR_CORRUPT when the metadata file is damaged or is another table's. */
MUST_USE bool catalog_load_table(struct catalog *c, str ref, str ns, str name, struct arena *a,
                                 struct table *out, struct error *err);
/* Whether there is one; an error only when that cannot be found out. */
MUST_USE bool catalog_table_exists(struct catalog *c, str ref, str ns, str name, bool *out,
                                   struct error *err);

struct table_create {
    str ns, name;
    const struct schema *schema;       /* ids are assigned anew */
    const struct partition_spec *spec; /* NULL: unpartitioned; source ids are those of `schema` */
    const struct sort_order *order;    /* NULL: unsorted */
    str location;                      /* empty: <warehouse>/<ns>/<name>-<uuid> */
    const struct property *props;
    size_t props_n;
    bool stage; /* make the metadata, write and commit nothing: committed by assert-create later */
};

/* ERR_EXISTS, ERR_NOT_FOUND (namespace), ERR_DENIED (location outside the warehouse),
 * ERR_INVALID. */
MUST_USE bool catalog_create_table(struct catalog *c, str ref, const struct table_create *req,
                                   const struct commit_info *info, struct arena *a,
                                   struct table *out, struct error *err);

/* Takes an existing metadata file into the catalog; it stays where it is.  `overwrite` replaces an
 * existing entry. */
MUST_USE bool catalog_register_table(struct catalog *c, str ref, str ns, str name,
                                     str metadata_location, bool overwrite,
                                     const struct commit_info *info, struct arena *a,
                                     struct table *out, struct error *err);

/* Files stay for the collector; with `purge` the table's location is listed as garbage. */
MUST_USE bool catalog_drop_table(struct catalog *c, str ref, str ns, str name, bool purge,
                                 const struct commit_info *info, struct arena *a, str *commit_id,
                                 struct error *err);
/* As drop, and tells what the table was at the end, for the catalog that takes it over: no later commit can succeed here. */
MUST_USE bool catalog_unregister_table(struct catalog *c, str ref, str ns, str name,
                                       const struct commit_info *info, struct arena *a,
                                       struct table *out, struct error *err);
MUST_USE bool catalog_rename_table(struct catalog *c, str ref, str ns, str name, str to_ns,
                                   str to_name, const struct commit_info *info, struct arena *a,
                                   str *commit_id, struct error *err);

/* One table of a commit.  A requirement assert-create makes the table (updates then carry its whole
 * definition). */
struct table_change {
    str ns, name;
    const struct table_requirement *requirements;
    size_t requirements_n;
    const struct table_update *updates;
    size_t updates_n;
};

struct commit_result {
    str commit_id;        /* of the commit that holds the changes */
    bool replayed;        /* it had been applied before (C5) */
    struct table *tables; /* as committed, one per change in order */
    size_t n;
};

/* Applies all changes as one commit or none.  ERR_CONFLICT when a requirement fails against the
 * newest metadata; moves of other tables and of the ref are handled inside.  No table may be named
 * twice. */
MUST_USE bool catalog_commit(struct catalog *c, str ref, const struct table_change *changes,
                             size_t n, const struct commit_info *info, struct arena *a,
                             struct commit_result *out, struct error *err);

#endif
