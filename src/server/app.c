/* SPDX-License-Identifier: Apache-2.0 */
#include "base/env.h"
#include "catalog/lru.h"
#include "features/features.h"
#include "models/models.h"
#include "server/api.h"
#include "server/metrics.h"
#include "sql/lake.h"

#define TABLE_ANSWERS_MAX ((size_t)64 << 20) /* bytes: 6,000 tables of ten snapshots */

bool app_open(const struct lake_options *options, struct app **out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct app *app = arena_new(a, struct app);
    app->arena = a;
    app->started_us = env_now_us(env_real());
    app->metrics = metrics_create();
    app->table_answers = lru_create(TABLE_ANSWERS_MAX);
    if (!lake_open(options, &app->lake, err) || !features_open(app->lake, &app->features, err) ||
        !models_open(app->lake, &app->models, err)) {
        app_close(app);
        return false;
    }
    *out = app;
    return true;
}

void app_trust_files(struct app *app, bool trusted)
{
    app->local_files = trusted;
    lake_allow_everywhere(app->lake, trusted);
}

void app_close(struct app *app)
{
    if (!app)
        return;
    models_close(app->models);
    features_close(app->features);
    lake_close(app->lake);
    lru_destroy(app->table_answers);
    metrics_destroy(app->metrics);
    arena_destroy(app->arena);
}
