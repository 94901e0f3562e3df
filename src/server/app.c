/* SPDX-License-Identifier: Apache-2.0 */
#include "base/env.h"
#include "catalog/lru.h"
#include "features/features.h"
#include "models/models.h"
#include "server/api.h"
#include "server/auth.h"
#include "server/config.h"
#include "server/hooks.h"
#include "server/metrics.h"
#include "server/plans.h"
#include "server/upkeep.h"
#include "sql/lake.h"

#define TABLE_ANSWERS_MAX ((size_t)24 << 20) /* bytes: 2,000 tables of ten snapshots */
#define LOADS_MAX ((size_t)4 << 20)          /* likewise, without the answers themselves */

static bool open_server_parts(struct app *app, struct error *err)
{
    struct lake *lake = app->lake;
    app->config = arena_new(app->arena, struct server_config);
    return server_config_read(lake->config, lake->dir, app->arena, app->config, err) &&
           auth_open(app->config, lake->govern, lake->db, lake->env, &app->auth, err) &&
           hooks_open(lake->db, lake->env, &app->hooks, err) &&
           upkeep_open(app, &app->config->upkeep, &app->upkeep, err);
}

bool app_open(const struct lake_options *options, struct app **out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct app *app = arena_new(a, struct app);
    app->arena = a;
    app->started_us = env_now_us(env_real());
    app->metrics = metrics_create();
    app->table_answers = lru_create(TABLE_ANSWERS_MAX);
    app->loads = lru_create(LOADS_MAX);
    if (!lake_open(options, &app->lake, err) || !features_open(app->lake, &app->features, err) ||
        !models_open(app->lake, &app->models, err) || !open_server_parts(app, err)) {
        app_close(app);
        return false;
    }
    app->plans = plans_create(app->lake->env, app->lake->pool);
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
    upkeep_close(app->upkeep);
    hooks_close(app->hooks);
    auth_close(app->auth);
    plans_destroy(app->plans);
    models_close(app->models);
    features_close(app->features);
    lake_close(app->lake);
    lru_destroy(app->loads);
    lru_destroy(app->table_answers);
    metrics_destroy(app->metrics);
    arena_destroy(app->arena);
}
