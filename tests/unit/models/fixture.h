/* SPDX-License-Identifier: Apache-2.0
 *
 * A lake in the test's folder, with models over it. */
#ifndef FIRN_TESTS_MODELS_FIXTURE_H
#define FIRN_TESTS_MODELS_FIXTURE_H

#include "codec/json.h"
#include "io/store.h"
#include "io/yaml.h"
#include "models/models.h"
#include "sql/lake.h"
#include "sql/sql.h"
#include "db_place.h"
#include "test.h"

struct fixture {
    struct arena *arena;
    struct lake *lake;
    struct models *models;
};

static inline void fixture_open(struct fixture *f)
{
    struct error err;
    struct lake_options o = { .dir = test_tmpdir(), .threads = 2, .catalog = lake_place() };
    f->arena = test_arena();
    CHECK_OK(lake_open(&o, &f->lake, &err));
    CHECK_OK(models_open(f->lake, &f->models, &err));
}

static inline void fixture_close(struct fixture *f)
{
    models_close(f->models);
    lake_close(f->lake);
}

static inline void fixture_reopen(struct fixture *f)
{
    fixture_close(f);
    fixture_open(f);
}

static inline void run_sql(struct fixture *f, const char *text)
{
    struct error err;
    struct sql_request req = { .text = str_of(text) };
    struct sql_outcome out;
    CHECK_OK(sql_execute(f->lake, &req, f->arena, &out, &err));
    sql_close(&out);
}

static inline const struct json *yaml(struct fixture *f, const char *text)
{
    struct error err;
    const struct json *tree;
    CHECK_OK(yaml_parse(str_of(text), STR("spec"), f->arena, &tree, &err));
    return tree;
}

static inline bool train(struct fixture *f, const char *spec, struct train_report *out,
                         struct error *err)
{
    struct train_request req = { .spec = yaml(f, spec), .source = STR("test") };
    return models_train(f->models, &req, f->arena, out, err);
}

static inline double metric(const struct train_report *r, const char *key)
{
    for (size_t i = 0; i < r->metrics_n; i++)
        if (str_is(r->metrics[i].key, key))
            return r->metrics[i].value;
    test_fail(__FILE__, __LINE__, "the report has no metric %s", key);
}

#endif
