/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a test keeps its metadata: in a SQLite file, or, when FIRN_TEST_POSTGRES names a server
 * (tools/with-postgres), in a schema there that belongs to the file's name alone. So the same test
 * runs on both, and opens the same database again under the same name. */
#ifndef FIRN_TESTS_DB_PLACE_H
#define FIRN_TESTS_DB_PLACE_H

#include <stdlib.h>

#include "io/db.h"
#include "test.h"

static inline bool on_postgres(void)
{
    return getenv("FIRN_TEST_POSTGRES") != NULL;
}

/* The URI of a schema of the test server; the schema is made when missing. */
static inline str postgres_schema(str name)
{
    struct error err;
    struct db *db;
    struct db_tx *tx;
    struct arena *a = test_arena();
    str server = str_of(getenv("FIRN_TEST_POSTGRES"));
    CHECK_OK(db_open(server, &db, &err));
    CHECK_OK(db_begin(db, &tx, &err));
    CHECK_OK(db_run(tx, arena_printf(a, "CREATE SCHEMA IF NOT EXISTS " STR_FMT, STR_ARG(name)),
                    DB_NO_ARGS, NULL, NULL, &err));
    CHECK_OK(db_commit(tx, &err));
    db_close(db);
    return arena_printf(a, STR_FMT "&options=-csearch_path%%3D" STR_FMT, STR_ARG(server),
                        STR_ARG(name));
}

/* `path` itself, or the URI that stands for it. */
static inline str db_place(str path)
{
    if (!on_postgres())
        return path;
    return postgres_schema(
        arena_printf(test_arena(), "t%016llx", (unsigned long long)str_hash(path, 0)));
}

/* For lake_options.catalog: NULL, or the schema of this test. */
static inline const char *lake_place(void)
{
    if (!on_postgres())
        return NULL;
    return db_place(arena_printf(test_arena(), "%s/catalog.db", test_tmpdir())).ptr;
}

#endif
