/* SPDX-License-Identifier: Apache-2.0
 *
 * A small lake in a folder of its own with tables "gold.driver" and "gold.pair" without rows, and a clock that stands at
 * 2020-01-01T00:00:00Z unless it is moved. */
#ifndef FIRN_TESTS_LAKE_FIXTURE_H
#define FIRN_TESTS_LAKE_FIXTURE_H

#include "catalog/table.h"
#include "engine/result.h"
#include "features/features.h"
#include "iceberg/metadata.h"
#include "iceberg/update.h"
#include "sql/lake.h"
#include "sql/sql.h"
#include "db_place.h"
#include "test.h"

#define NOW_US 1577836800000000LL

struct fixture {
    struct arena *arena;
    struct env *env;
    struct lake *lake;
    struct features *features;
};

static inline void fixture_reopen(struct fixture *f)
{
    struct error err;
    struct lake_options o = { .dir = arena_printf(f->arena, "%s/data", test_tmpdir()).ptr,
                              .env = f->env,
                              .memory_limit = 512 << 20,
                              .threads = 2,
                              .catalog = lake_place() };
    CHECK_OK(lake_open(&o, &f->lake, &err));
    CHECK_OK(features_open(f->lake, &f->features, &err));
}

static inline void fixture_close(struct fixture *f)
{
    features_close(f->features);
    lake_close(f->lake);
}

struct column {
    const char *name, *type;
};

static inline void make_table(struct fixture *f, const char *name, const struct column *columns,
                              size_t n)
{
    struct error err;
    struct table t;
    struct table_create create = { .ns = STR("gold"), .name = str_of(name) };
    struct field *fields = arena_array(f->arena, struct field, n);
    for (size_t i = 0; i < n; i++) {
        fields[i].id = (int32_t)i + 1;
        fields[i].name = str_of(columns[i].name);
        CHECK_OK(type_parse_text(str_of(columns[i].type), f->arena, &fields[i].type, &err));
    }
    CHECK_OK(schema_build(0, fields, n, NULL, 0, f->arena, &create.schema, &err));
    CHECK_OK(catalog_create_table(f->lake->catalog, (str){ 0 }, &create, &(struct commit_info){ 0 },
                                  f->arena, &t, &err));
}

/* Deletes of this table are merged on read from now on. */
__attribute__((unused)) static inline void merge_on_read(struct fixture *f, const char *name,
                                                         int format_version)
{
    struct error err;
    struct commit_result done;
    static const struct property mode[] = {
        { STR_INIT("write.delete.mode"), STR_INIT("merge-on-read") },
        { STR_INIT("write.update.mode"), STR_INIT("merge-on-read") },
    };
    struct table_update u[] = {
        { .kind = UPDATE_UPGRADE_FORMAT_VERSION, .format_version = format_version },
        { .kind = UPDATE_SET_PROPERTIES, .properties = { mode, 2 } },
    };
    struct table_change c = {
        .ns = STR("gold"), .name = str_of(name), .updates = u, .updates_n = 2
    };
    CHECK_OK(catalog_commit(f->lake->catalog, (str){ 0 }, &c, 1, &(struct commit_info){ 0 },
                            f->arena, &done, &err));
}

static inline void destroy_env(void *env)
{
    env_fake_destroy(env);
}

static inline void fixture_open(struct fixture *f)
{
    struct error err;
    f->arena = test_arena();
    f->env = env_fake_create(NOW_US, 0, 1);
    arena_defer(f->arena, destroy_env, f->env);
    fixture_reopen(f);
    CHECK_OK(catalog_create_namespace(f->lake->catalog, (str){ 0 }, STR("gold"), NULL, 0,
                                      &(struct commit_info){ 0 }, f->arena, NULL, &err));
    const struct column driver[] = {
        { "driver_id", "long" },      { "event_timestamp", "timestamp" },
        { "created", "timestamp" },   { "conv_rate", "double" },
        { "acc_rate", "float" },      { "trips", "int" },
        { "name", "string" },         { "vip", "boolean" },
        { "paid", "decimal(10, 2)" },
    };
    const struct column pair[] = {
        { "origin", "string" }, { "number", "int" }, { "day", "date" }, { "delay", "double" }
    };
    make_table(f, "driver", driver, sizeof driver / sizeof *driver);
    make_table(f, "pair", pair, sizeof pair / sizeof *pair);
}

static inline bool apply(struct fixture *f, const char *text, bool plan,
                         struct features_apply_report *out, struct error *err)
{
    struct feature_document doc = { STR("views.yaml"), str_of(text) };
    struct features_apply_request req = { .documents = &doc, .documents_n = 1, .plan = plan };
    return features_apply(f->features, &req, f->arena, out, err);
}

/* One statement; its rows are dropped. */
static inline void sql(struct fixture *f, const char *text)
{
    struct error err;
    struct sql_outcome out;
    struct sql_request req = { .text = str_of(text), .local_files = true };
    CHECK_OK(sql_execute(f->lake, &req, f->arena, &out, &err));
    sql_close(&out);
}

#define DRIVER_VIEW                                                                                \
    "entities:\n"                                                                                  \
    "  - {name: driver, join_keys: [driver_id], description: who drives}\n"                        \
    "feature_views:\n"                                                                             \
    "  - name: driver_stats\n"                                                                     \
    "    entities: [driver]\n"                                                                     \
    "    ttl: 2h\n"                                                                                \
    "    online: true\n"                                                                           \
    "    source: {table: gold.driver, timestamp_field: event_timestamp, created_timestamp_column: created}\n"

#endif
