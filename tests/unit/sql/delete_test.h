/* SPDX-License-Identifier: Apache-2.0
 *
 * Delete files as other writers make them, put into the table s.t. */
#ifndef FIRN_TEST_DELETE_TEST_H
#define FIRN_TEST_DELETE_TEST_H

#include "catalog/table.h"
#include "catalog/table_ops.h"
#include "engine/session.h"
#include "iceberg/metadata.h"
#include "iceberg/snapshot.h"
#include "iceberg/value.h"
#include "io/store.h"
#include "lake_test.h"

static UNUSED struct error err;

static UNUSED struct table table_now(struct lake *lake)
{
    struct table t;
    CHECK_OK(
        catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(), &t, &err));
    return t;
}

/* A Parquet file beside the table's data: the rows of a query, its columns with these field ids. */
static UNUSED struct data_file make_file(struct lake *lake, const char *query, const char *ids)
{
    static int number;
    struct session *s;
    struct store_info info;
    const struct metadata *m = table_now(lake).metadata;
    str location =
        arena_printf(test_arena(), STR_FMT "/data/made-%d.parquet", STR_ARG(m->location), number++);
    str path;
    CHECK_OK(store_from_uri(lake->warehouse, location, test_arena(), &path, &err));
    CHECK_OK(session_open(lake->engine, &s, &err));
    str local =
        arena_printf(test_arena(), "%s/lake/warehouse/" STR_FMT, test_tmpdir(), STR_ARG(path));
    CHECK_OK(session_exec(
        s,
        arena_printf(test_arena(), "COPY (%s) TO '" STR_FMT "' (FORMAT parquet, FIELD_IDS {%s})",
                     query, STR_ARG(local), ids),
        &err));
    session_close(s);
    CHECK_OK(store_head(lake->warehouse, path, &info, &err));
    return (struct data_file){ .path = location,
                               .format = STR("parquet"),
                               .spec_id = m->default_spec_id,
                               .records = 1,
                               .size = info.size,
                               .sort_order_id = -1,
                               .first_row_id = -1,
                               .content_offset = -1,
                               .content_size = -1 };
}

struct adding {
    struct lake *lake;
    struct snapshot_change change;
};

static UNUSED bool plan(void *ctx, const struct table *t, struct arena *a, struct table_change *out,
                        struct error *e)
{
    struct adding *x = ctx;
    struct snapshot_result made;
    if (!snapshot_produce(x->lake->warehouse, x->lake->env, t->metadata, &x->change, a, &made, e))
        return false;
    *out = (struct table_change){ .ns = t->ns,
                                  .name = t->name,
                                  .requirements = made.requirements,
                                  .requirements_n = made.requirements_n,
                                  .updates = made.updates,
                                  .updates_n = made.updates_n };
    return true;
}

static UNUSED void commit_deletes(struct lake *lake, const struct data_file *files, size_t n)
{
    struct write_outcome done;
    struct adding x = {
        lake, { .operation = SNAPSHOT_DELETE, .added_deletes = files, .added_deletes_n = n }
    };
    CHECK_OK(catalog_retry(lake->catalog, (str){ 0 }, STR("s"), STR("t"), plan, &x, NULL,
                           test_arena(), &done, &err));
}

/* An equality delete file of these rows. */
static UNUSED void delete_equal(struct lake *lake, const char *query, const char *field_ids,
                                const int32_t *ids, size_t n, const struct value *partition)
{
    struct data_file f = make_file(lake, query, field_ids);
    f.content = FILE_EQUALITY_DELETES;
    f.equality_ids = ids;
    f.equality_ids_n = n;
    f.partition = partition;
    f.partition_n = partition ? 1 : 0;
    commit_deletes(lake, &f, 1);
}

#endif
