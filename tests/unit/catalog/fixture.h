/* SPDX-License-Identifier: Apache-2.0
 *
 * A catalog in a folder of its own, with a namespace "ns" and small helpers, for the tests of this
 * folder. */
#ifndef FIRN_TESTS_CATALOG_FIXTURE_H
#define FIRN_TESTS_CATALOG_FIXTURE_H

#include "base/thread.h"
#include "catalog/refs.h"
#include "catalog/table_ops.h"
#include "db_place.h"
#include "iceberg/manifest.h"
#include "iceberg/metadata.h"
#include "iceberg/update.h"
#include "io/db.h"
#include "io/store.h"
#include "test.h"

struct fixture {
    struct arena *arena;
    struct store *store;
    struct db *db;
    struct env *env;
    struct pool *pool;
    struct catalog *catalog;
};

static inline void open_parts(struct fixture *f, const char *dir)
{
    struct error err;
    *f = (struct fixture){ .arena = test_arena() };
    f->env = env_real();
    f->pool = pool_create("test", 2, 16);
    struct store_fs_options o = { .root = arena_printf(f->arena, "%s/warehouse", dir),
                                  .journal = arena_printf(f->arena, "%s/journal", dir) };
    CHECK_OK(store_fs_open(&o, &f->store, &err));
    CHECK_OK(db_open(db_place(arena_printf(f->arena, "%s/catalog.db", dir)), &f->db, &err));
}

static inline bool open_catalog(struct fixture *f, struct error *err)
{
    struct catalog_options o = { .db = f->db, .store = f->store, .env = f->env, .pool = f->pool };
    return catalog_open(&o, &f->catalog, err);
}

static inline void close_parts(struct fixture *f)
{
    db_close(f->db);
    store_destroy(f->store);
    pool_destroy(f->pool);
}

static inline void fixture_open(struct fixture *f)
{
    struct error err;
    open_parts(f, test_tmpdir());
    CHECK_OK(open_catalog(f, &err));
}

static inline void fixture_close(struct fixture *f)
{
    catalog_close(f->catalog);
    close_parts(f);
}

static inline void fixture_reopen(struct fixture *f)
{
    fixture_close(f);
    fixture_open(f);
}

static inline void make_namespace(struct fixture *f, const char *ns)
{
    struct error err;
    CHECK_OK(catalog_create_namespace(f->catalog, (str){ 0 }, ns_from_dotted(str_of(ns), f->arena),
                                      NULL, 0, NULL, f->arena, NULL, &err));
}

static inline const struct schema *small_schema(struct arena *a)
{
    static const char text[] =
        "{\"type\":\"struct\",\"schema-id\":0,\"fields\":["
        "{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"},"
        "{\"id\":2,\"name\":\"name\",\"required\":false,\"type\":\"string\"}]}";
    struct error err;
    struct json *json;
    const struct schema *schema;
    CHECK_OK(json_parse(str_of(text), a, &json, &err));
    CHECK_OK(schema_parse(json, a, &schema, &err));
    return schema;
}

static inline bool try_table(struct fixture *f, const char *ref, const char *name,
                             struct table *out, struct error *err)
{
    struct table_create req = { .ns = STR("ns"),
                                .name = str_of(name),
                                .schema = small_schema(f->arena) };
    return catalog_create_table(f->catalog, str_of(ref), &req, NULL, f->arena, out, err);
}

static inline void make_table(struct fixture *f, const char *name)
{
    struct error err;
    struct table t;
    CHECK_OK(try_table(f, "", name, &t, &err));
}

/* A file that is named only: the catalog does not open data files. */
static inline struct data_file data_file_of(str location, const char *name, int64_t rows,
                                            struct arena *a)
{
    return (struct data_file){ .path = arena_printf(a, STR_FMT "/data/%s", STR_ARG(location), name),
                               .format = STR("parquet"),
                               .records = rows,
                               .size = 1000 + rows,
                               .sort_order_id = -1,
                               .first_row_id = -1,
                               .content_offset = -1,
                               .content_size = -1 };
}

/* Appends one named file; the table's location is looked up. */
static inline bool append_file(struct fixture *f, const char *ref, const char *table,
                               const char *file, struct arena *a, struct write_outcome *out,
                               struct error *err)
{
    struct table t;
    if (!catalog_load_table(f->catalog, str_of(ref), STR("ns"), str_of(table), a, &t, err))
        return false;
    struct data_file d = data_file_of(t.metadata->location, file, 10, a);
    return catalog_append(f->catalog, str_of(ref), STR("ns"), str_of(table), &d, 1, NULL, a, out,
                          err);
}

/* How many live files of the table end with `name` (empty: all). */
static inline size_t count_files(struct fixture *f, const char *ref, const char *table,
                                 const char *name)
{
    struct error err;
    struct table t;
    struct arena *a = f->arena;
    CHECK_OK(catalog_load_table(f->catalog, str_of(ref), STR("ns"), str_of(table), a, &t, &err));
    const struct snapshot *s = metadata_snapshot(t.metadata);
    if (!s)
        return 0;
    str path, bytes;
    struct manifest_file *manifests;
    size_t n, count = 0, entries_n;
    CHECK_OK(store_from_uri(f->store, s->manifest_list, a, &path, &err));
    CHECK_OK(store_get(f->store, path, MANIFEST_LIST_BYTES_MAX, a, &bytes, &err));
    CHECK_OK(manifest_list_parse(bytes, a, &manifests, &n, &err));
    for (size_t i = 0; i < n; i++) {
        struct manifest_read_options o = { .file = &manifests[i],
                                           .spec = metadata_spec_by_id(t.metadata,
                                                                       manifests[i].spec_id),
                                           .schema = metadata_schema(t.metadata) };
        struct manifest_entry *entries;
        CHECK_OK(store_from_uri(f->store, manifests[i].path, a, &path, &err));
        CHECK_OK(store_get(f->store, path, MANIFEST_BYTES_MAX, a, &bytes, &err));
        CHECK_OK(manifest_parse(bytes, &o, a, &entries, &entries_n, &err));
        for (size_t j = 0; j < entries_n; j++)
            count +=
                entries[j].status != ENTRY_DELETED && str_ends(entries[j].file.path, str_of(name));
    }
    return count;
}

static inline int64_t total_records(struct fixture *f, const char *ref, const char *table)
{
    struct error err;
    struct table t;
    int64_t n = 0;
    CHECK_OK(
        catalog_load_table(f->catalog, str_of(ref), STR("ns"), str_of(table), f->arena, &t, &err));
    const struct snapshot *s = metadata_snapshot(t.metadata);
    if (s)
        CHECK(str_to_i64(property_get(&s->summary, "total-records", STR("-1")), &n));
    return n;
}

#endif
