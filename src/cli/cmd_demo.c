/* SPDX-License-Identifier: Apache-2.0
 *
 * The main job, end to end: files become tables, models, features, a training set, a model, and answers over HTTP.  Each
 * step is the request that the command of the same name makes. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/demo_priv.h"
#include "cli/http.h"
#include "cli/print.h"
#include "io/lock.h"
#include "io/yaml.h"
#include "server/listener.h"
#include "sql/lake.h"

#define LOAD_REQUESTS 10000
#define STOP_DEADLINE_MS 10000

struct demo {
    struct cli *cli;
    str input, project;
    struct listener *listener;
    struct http *http;
    int64_t began_ns, step_ns;
    int step;
    bool color;
    struct buf facts; /* "name": value members for --json */
};

/* ---- Output */

static double seconds_since(int64_t ns)
{
    return (double)(env_monotonic_ns(env_real()) - ns) / 1e9;
}

static void begin_step(struct demo *d, const char *name)
{
    d->step++;
    d->step_ns = env_monotonic_ns(env_real());
    if (isatty(STDERR_FILENO) && !d->cli->quiet)
        fprintf(stderr, "\r\033[K%d %s ...", d->step, name);
}

/* The line of a step: number, name, time, and what it made. */
static void end_step(struct demo *d, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void end_step(struct demo *d, const char *name, const char *fmt, ...)
{
    struct buf line = BUF_INIT(65536);
    va_list args;
    char text[1024];
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (isatty(STDERR_FILENO) && !d->cli->quiet)
        fputs("\r\033[K", stderr);
    double took = seconds_since(d->step_ns);
    buf_printf(&line, "%s%d %-13s%s %6.2f s  %s\n", d->color ? "\033[1m" : "", d->step, name,
               d->color ? "\033[0m" : "", took, text);
    if (!d->cli->json)
        out_str(buf_str(&line));
    fflush(stdout);
    buf_deinit(&line);
    demo_fact(&d->facts, name, "seconds", took);
}

static void say(struct demo *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct demo *d, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (!d->cli->json)
        out_printf("                          %s\n", text);
}

static const char *count_text(struct demo *d, int64_t n)
{
    struct buf b = BUF_INIT(64);
    print_count(n, &b);
    char *text = arena_cstr(d->cli->a, buf_str(&b));
    buf_deinit(&b);
    return text;
}

static const char *bytes_text(struct demo *d, int64_t n)
{
    struct buf b = BUF_INIT(64);
    print_bytes(n, &b);
    char *text = arena_cstr(d->cli->a, buf_str(&b));
    buf_deinit(&b);
    return text;
}

/* ---- Answers */

static int64_t int_of(const struct json *doc, const char *key)
{
    const struct json *v = json_get(doc, key);
    return v && v->kind == JSON_INT ? v->i : v && v->kind == JSON_F64 ? (int64_t)v->f : 0;
}

static double real_of(const struct json *doc, const char *key)
{
    const struct json *v = json_get(doc, key);
    return v && v->kind == JSON_F64 ? v->f : v && v->kind == JSON_INT ? (double)v->i : 0;
}

static const char *text_of(struct demo *d, const struct json *doc, const char *key)
{
    const struct json *v = json_get(doc, key);
    return v && v->kind == JSON_STR ? arena_cstr(d->cli->a, v->s) : "";
}

static const struct json *item(const struct json *list, size_t i)
{
    return list && list->kind == JSON_ARRAY && i < list->array.n ? &list->array.items[i] : NULL;
}

/* One cell of a query's answer. */
static bool query_int(struct demo *d, const char *branch, int64_t *out, struct error *err,
                      const char *fmt, ...) PRINTF_LIKE(5, 6);
static bool query_int(struct demo *d, const char *branch, int64_t *out, struct error *err,
                      const char *fmt, ...)
{
    char sql[2048];
    const struct json *doc;
    va_list args;
    va_start(args, fmt);
    vsnprintf(sql, sizeof sql, fmt, args);
    va_end(args);
    struct body *b = body_begin(d->cli);
    body_str(b, "sql", str_of(sql));
    body_str(b, "branch", str_of(branch));
    if (!cli_call(d->cli, "POST", STR("/api/sql"), body_end(b), &doc, err))
        return false;
    const struct json *cell = item(item(json_get(doc, "rows"), 0), 0);
    *out = cell && cell->kind == JSON_INT ? cell->i : int_of(doc, "rows_written");
    return true;
}

/* ---- Steps */

static bool ingest_file(struct demo *d, const char *file, const char *table,
                        const struct json **doc, struct error *err)
{
    struct body *b = body_begin(d->cli);
    body_str(
        b, "source",
        absolute_path(d->cli, arena_printf(d->cli->a, STR_FMT "/%s", STR_ARG(d->input), file)));
    body_str(b, "table", str_of(table));
    body_str(b, "mode", STR("overwrite"));
    return cli_call(d->cli, "POST", STR("/api/ingest"), body_end(b), doc, err);
}

static bool step_ingest(struct demo *d, struct error *err)
{
    const struct json *flights, *airports;
    begin_step(d, "ingest");
    if (!ingest_file(d, "flights-3m.parquet", "bronze.flights", &flights, err) ||
        !ingest_file(d, "airports.csv", "bronze.airports", &airports, err))
        return false;
    end_step(d, "ingest", "bronze.flights %s rows (%s), bronze.airports %s rows",
             count_text(d, int_of(flights, "rows")), bytes_text(d, int_of(flights, "bytes")),
             count_text(d, int_of(airports, "rows")));
    demo_fact(&d->facts, "ingest", "rows", (double)int_of(flights, "rows"));
    return true;
}

static bool step_transform(struct demo *d, struct error *err)
{
    const struct json *doc;
    struct body *b = body_begin(d->cli);
    begin_step(d, "transform");
    if (!body_project(d->cli, b, d->project, err) ||
        !cli_call(d->cli, "POST", STR("/api/build"), body_end(b), &doc, err))
        return false;
    const struct json *merged = json_get(doc, "merged"), *models = json_get(doc, "models"),
                      *checks = json_get(doc, "checks");
    if (!merged || merged->kind != JSON_BOOL || !merged->b)
        return fail(err, ERR_INVALID, "data tests failed: nothing was published");
    end_step(d, "transform", "%zu models built and %zu data tests passed on a branch, then merged",
             models->array.n, checks ? checks->array.n : 0);
    for (size_t i = 0; i < models->array.n; i++)
        say(d, "%-22s %11s rows in %s files", text_of(d, item(models, i), "table"),
            count_text(d, int_of(item(models, i), "rows")),
            count_text(d, int_of(item(models, i), "files")));
    return true;
}

static bool step_features(struct demo *d, struct error *err)
{
    const struct json *doc;
    struct body *b = body_begin(d->cli);
    begin_step(d, "features");
    if (!body_definitions(d->cli, b, d->project, err) ||
        !cli_call(d->cli, "POST", STR("/api/features/apply"), body_end(b), &doc, err))
        return false;
    const struct json *items = json_get(doc, "items");
    end_step(d, "features",
             "%zu definitions: entities, views over the gold tables (nothing is copied), a service",
             items && items->kind == JSON_ARRAY ? items->array.n : 0);
    return true;
}

static bool step_training_set(struct demo *d, struct error *err)
{
    const struct json *doc;
    str entities;
    begin_step(d, "training set");
    if (!read_file(d->cli, arena_printf(d->cli->a, STR_FMT "/entities.sql", STR_ARG(d->project)),
                   1 << 20, &entities, err))
        return false;
    struct body *b = body_begin(d->cli);
    body_str(b, "entities", entities);
    body_str(b, "feature_service", STR("lateness"));
    body_str(b, "out", STR("training.flights"));
    jw_kv_bool(&b->w, "full_feature_names", true);
    jw_kv_bool(&b->w, "overwrite", true);
    if (!cli_call(d->cli, "POST", STR("/api/features/historical"), body_end(b), &doc, err))
        return false;
    int64_t rows = int_of(doc, "rows"), peak = int_of(doc, "peak_bytes");
    double rate = (double)rows / (real_of(doc, "seconds") > 0 ? real_of(doc, "seconds") : 1);
    end_step(d, "training set", "%s rows joined as of their time, %s rows/s, peak memory %s",
             count_text(d, rows), count_text(d, (int64_t)rate), bytes_text(d, peak));
    demo_fact(&d->facts, "training set", "rows", (double)rows);
    const struct json *views = json_get(doc, "views");
    for (size_t i = 0; item(views, i); i++) {
        int64_t matched = int_of(item(views, i), "matched");
        say(d, "%s: %s rows found a feature (%.1f %%), from snapshot %lld",
            text_of(d, item(views, i), "view"), count_text(d, matched),
            rows ? 100.0 * (double)matched / (double)rows : 0,
            (long long)int_of(item(views, i), "snapshot_id"));
        demo_fact(&d->facts, text_of(d, item(views, i), "view"), "matched", (double)matched);
    }
    return true;
}

static bool step_train(struct demo *d, struct error *err)
{
    const struct json *doc, *spec;
    str text, path = arena_printf(d->cli->a, STR_FMT "/train.yaml", STR_ARG(d->project));
    begin_step(d, "train");
    if (!read_file(d->cli, path, 1 << 20, &text, err) ||
        !yaml_parse(text, path, d->cli->a, &spec, err))
        return false;
    struct body *b = body_begin(d->cli);
    jw_key(&b->w, STR("spec"));
    jw_json(&b->w, spec);
    if (!cli_call(d->cli, "POST", STR("/api/models/train"), body_end(b), &doc, err))
        return false;
    end_step(
        d, "train",
        "%s version %lld: AUC %.3f on the last fifth of the time (always guessing the majority: %.3f)",
        text_of(d, doc, "model"), (long long)int_of(doc, "version"),
        real_of(json_get(doc, "metrics"), "auc"),
        real_of(json_get(doc, "metrics"), "baseline_auc"));
    say(d, "trained on %s rows, tested on %s; run %s", count_text(d, int_of(doc, "train_rows")),
        count_text(d, int_of(doc, "holdout_rows")), text_of(d, doc, "run_id"));
    demo_fact(&d->facts, "train", "auc", real_of(json_get(doc, "metrics"), "auc"));
    return true;
}

static bool step_materialize(struct demo *d, struct error *err)
{
    const struct json *doc;
    begin_step(d, "materialize");
    if (!cli_call(d->cli, "POST", STR("/api/features/materialize"), STR("{}"), &doc, err))
        return false;
    const struct json *views = doc->kind == JSON_ARRAY ? doc : json_get(doc, "views");
    int64_t rows = 0;
    for (size_t i = 0; item(views, i); i++)
        rows += int_of(item(views, i), "rows");
    end_step(d, "materialize", "%s keys of %zu views in the online store", count_text(d, rows),
             views && views->kind == JSON_ARRAY ? views->array.n : 0);
    demo_fact(&d->facts, "materialize", "rows", (double)rows);
    return true;
}

/* ---- Serving */

static const str online_request = STR_INIT(
    "{\"feature_service\":\"lateness\",\"full_feature_names\":true,\"entities\":{\"origin\":[\"SFO\"],\"destination\":[\"LAX\"]}}");

static bool ask(struct demo *d, str path, str body, const struct json **out, struct error *err)
{
    struct buf *answer = arena_new(d->cli->a, struct buf);
    struct json *doc;
    int status;
    buf_init(answer, HTTP_BODY_MAX);
    buf_in_arena(answer, d->cli->a);
    if (!http_request(d->http, "POST", path, body, &status, answer, err))
        return false;
    if (status != 200)
        return fail(err, ERR_INTERNAL, "the server answered " STR_FMT " with %d: " STR_FMT,
                    STR_ARG(path), status, STR_ARG(str_sub(buf_str(answer), 0, 200)));
    if (!json_parse(buf_str(answer), d->cli->a, &doc, err))
        return false;
    *out = doc;
    return true;
}

/* Feature i of Feast's columnar answer, when its first row has a number. */
static bool online_number(const struct json *online, size_t i, str *name, double *value)
{
    const struct json *n = item(json_get(json_get(online, "metadata"), "feature_names"), i);
    const struct json *v = item(json_get(item(json_get(online, "results"), i), "values"), 0);
    if (!n || n->kind != JSON_STR || !v || (v->kind != JSON_F64 && v->kind != JSON_INT))
        return false;
    *name = n->s;
    *value = v->kind == JSON_INT ? (double)v->i : v->f;
    return true;
}

static size_t online_features(const struct json *online)
{
    const struct json *names = json_get(json_get(online, "metadata"), "feature_names");
    return names && names->kind == JSON_ARRAY ? names->array.n : 0;
}

/* The Open Inference request for a flight from the features just read. */
static str infer_request(struct demo *d, const struct json *online)
{
    static const struct {
        const char *name;
        double value;
    } known[] = { { "distance", 337 }, { "hour_of_day", 18 }, { "day_of_week", 5 } };
    struct body *b = body_begin(d->cli);
    str name;
    double value;
    jw_kv_array(&b->w, "inputs");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        demo_tensor(&b->w, str_of(known[i].name), known[i].value);
    for (size_t i = 0; i < online_features(online); i++)
        if (online_number(online, i, &name, &value))
            demo_tensor(&b->w, name, value);
    jw_end_array(&b->w);
    return body_end(b);
}

static int by_value(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

static bool load(struct demo *d, struct error *err)
{
    int64_t *took = arena_array(d->cli->a, int64_t, LOAD_REQUESTS);
    struct buf answer = BUF_INIT(1 << 20);
    int64_t began = env_monotonic_ns(env_real());
    int status = 200;
    for (size_t i = 0; i < LOAD_REQUESTS && status == 200; i++) {
        int64_t sent = env_monotonic_ns(env_real());
        if (!http_request(d->http, "POST", STR("/get-online-features"), online_request, &status,
                          &answer, err)) {
            buf_deinit(&answer);
            return false;
        }
        took[i] = env_monotonic_ns(env_real()) - sent;
    }
    double seconds = seconds_since(began);
    buf_deinit(&answer);
    if (status != 200)
        return fail(err, ERR_INTERNAL, "an online read under load was answered with %d", status);
    qsort(took, LOAD_REQUESTS, sizeof *took, by_value);
    say(d, "%s keep-alive reads of 8 features, one after the other: %s/s, p50 %.0f us, p99 %.0f us",
        count_text(d, LOAD_REQUESTS), count_text(d, (int64_t)(LOAD_REQUESTS / seconds)),
        (double)took[LOAD_REQUESTS / 2] / 1e3, (double)took[LOAD_REQUESTS * 99 / 100] / 1e3);
    demo_fact(&d->facts, "serve", "p99_us", (double)took[LOAD_REQUESTS * 99 / 100] / 1e3);
    return true;
}

static bool step_serve(struct demo *d, struct error *err)
{
    const struct json *online, *prediction;
    str name;
    double number;
    begin_step(d, "serve");
    const char *listen = arena_cstr(d->cli->a, cli_flag(d->cli, "listen", "127.0.0.1:8181"));
    if (!listener_start(d->cli->app, listen, &d->listener, err) ||
        !lock_set_url(d->cli->app->lake->lock, listener_url(d->listener), err) ||
        !http_open(listener_url(d->listener), NULL, &d->http, err) ||
        !ask(d, STR("/get-online-features"), online_request, &online, err) ||
        !ask(d, STR("/v2/models/late_flights/infer"), infer_request(d, online), &prediction, err))
        return false;
    const struct json *p = item(json_get(item(json_get(prediction, "outputs"), 0), "data"), 0);
    double value = p && p->kind == JSON_F64 ? p->f : p && p->kind == JSON_INT ? (double)p->i : -1;
    end_step(d, "serve",
             "SFO to LAX, Friday 18 h: the model gives %.0f %% for 15 minutes late or more",
             100 * value);
    for (size_t i = 0; i < online_features(online); i++)
        if (online_number(online, i, &name, &number))
            say(d, "%-28s %.4g", arena_cstr(d->cli->a, name), number);
    demo_fact(&d->facts, "serve", "prediction", value);
    return load(d, err);
}

/* ---- Versions */

/* With --keep an earlier run's branch is there. */
static bool drop_branch(struct demo *d, struct error *err)
{
    const struct json *doc;
    if (cli_call(d->cli, "DELETE", STR("/api/refs/what-if"), (str){ 0 }, &doc, err))
        return true;
    bool gone = err->code == ERR_NOT_FOUND;
    if (gone)
        *err = (struct error){ 0 };
    return gone;
}

static bool step_branches(struct demo *d, struct error *err)
{
    const struct json *doc, *shown;
    int64_t before, on_main, on_branch, merged, old;
    begin_step(d, "branches");
    if (!drop_branch(d, err))
        return false;
    struct body *b = body_begin(d->cli);
    body_str(b, "name", STR("what-if"));
    body_str(b, "kind", STR("branch"));
    if (!cli_call(d->cli, "GET", STR("/api/tables/gold.route_daily"), (str){ 0 }, &shown, err) ||
        !query_int(d, "main", &before, err, "SELECT count(*) FROM gold.route_daily") ||
        !cli_call(d->cli, "POST", STR("/api/refs"), body_end(b), &doc, err) ||
        !query_int(
            d, "what-if", &old, err,
            "CREATE OR REPLACE TABLE gold.route_daily AS SELECT * FROM gold.route_daily WHERE flights >= 3") ||
        !query_int(d, "main", &on_main, err, "SELECT count(*) FROM gold.route_daily") ||
        !query_int(d, "what-if", &on_branch, err, "SELECT count(*) FROM gold.route_daily"))
        return false;
    b = body_begin(d->cli);
    body_str(b, "from", STR("what-if"));
    body_str(b, "into", STR("main"));
    if (!cli_call(d->cli, "POST", STR("/api/merge"), body_end(b), &doc, err) ||
        !query_int(d, "main", &merged, err, "SELECT count(*) FROM gold.route_daily") ||
        !query_int(d, "main", &old, err,
                   "SELECT count(*) FROM gold.route_daily FOR VERSION AS OF %lld",
                   (long long)int_of(shown, "snapshot_id")))
        return false;
    end_step(d, "branches",
             "made the branch what-if and kept only routes with 3 flights a day or more there");
    say(d, "gold.route_daily: main %s rows, what-if %s rows; after the merge main %s rows",
        count_text(d, on_main), count_text(d, on_branch), count_text(d, merged));
    say(d, "main as it was, FOR VERSION AS OF %lld: %s rows",
        (long long)int_of(shown, "snapshot_id"), count_text(d, old));
    if (on_main != before || merged != on_branch || old != before)
        return fail(err, ERR_INTERNAL, "the branches do not hold what they should");
    demo_fact(&d->facts, "branches", "rows", (double)merged);
    return true;
}

/* ---- The whole */

static bool run_steps(struct demo *d, struct error *err)
{
    static const struct {
        const char *name;
        bool (*run)(struct demo *d, struct error *err);
    } steps[] = {
        { "ingest", step_ingest },     { "transform", step_transform },
        { "features", step_features }, { "training set", step_training_set },
        { "train", step_train },       { "materialize", step_materialize },
        { "serve", step_serve },       { "branches", step_branches },
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (!steps[i].run(d, err))
            return fail_in(err, "step %zu, %s", i + 1, steps[i].name);
    return true;
}

static void print_end(struct demo *d)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double seconds = seconds_since(d->began_ns);
    demo_fact(&d->facts, "total", "seconds", seconds);
    if (d->cli->json) {
        out_printf("{" STR_FMT "}\n", STR_ARG(buf_str(&d->facts)));
        return;
    }
    out_printf("\nAll of it took %.1f s; peak memory %s; the data is in %s.\n", seconds,
               bytes_text(d, (int64_t)usage.ru_maxrss * 1024), d->cli->data_dir);
    str url = listener_url(d->listener);
    out_printf("\nThe server runs at " STR_FMT
               " (a page for tables, features and queries).  Try:\n",
               STR_ARG(url));
    out_printf(
        "  build/release/firn sql --data %s -c \"SELECT origin, avg(delay) FROM silver.flights GROUP BY 1 ORDER BY 2 DESC "
        "LIMIT 5\"\n",
        d->cli->data_dir);
    out_printf("  build/release/firn table snapshots gold.route_daily --data %s\n",
               d->cli->data_dir);
    out_printf("  curl -s " STR_FMT "/get-online-features -d '" STR_FMT "'\n", STR_ARG(url),
               STR_ARG(online_request));
}

static bool run_demo(struct demo *d, struct error *err)
{
    sigset_t signals;
    int got;
    bool interactive = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (interactive)
        pthread_sigmask(SIG_BLOCK, &signals, NULL);
    struct lake_options o = { .dir = d->cli->data_dir };
    if (!app_open(&o, &d->cli->app, err))
        return false;
    app_trust_files(d->cli->app, true);
    bool ok = run_steps(d, err);
    if (ok) {
        print_end(d);
        fflush(stdout);
    }
    if (ok && interactive) {
        out_printf(
            "\nCtrl-C stops the server; `build/release/firn serve --data %s` starts it again.\n",
            d->cli->data_dir);
        fflush(stdout);
        sigwait(&signals, &got);
    } else if (ok && !d->cli->json) {
        out_printf(
            "\nNot a terminal: the server was stopped.  `build/release/firn serve --data %s` starts it again.\n",
            d->cli->data_dir);
    }
    http_close(d->http);
    listener_stop(d->listener, STOP_DEADLINE_MS);
    app_close(d->cli->app);
    d->cli->app = NULL;
    return ok;
}

static bool run(struct cli *cli, struct error *err)
{
    struct demo d = { .cli = cli,
                      .input = cli_flag(cli, "input", "build/deps/vega"),
                      .project = cli_flag(cli, "project", "examples/flights"),
                      .began_ns = env_monotonic_ns(env_real()),
                      .color = isatty(STDOUT_FILENO) };
    if (cli->server.len)
        return fail(err, ERR_INVALID,
                    "the demo runs a server of its own; leave --server (and FIRN_SERVER) away");
    if (!cli_has(cli, "keep") && !demo_clean(cli, err))
        return false;
    buf_init(&d.facts, 1 << 20);
    if (!cli->json)
        out_str(STR("Firn demo: three million US flights of 2001, from files to predictions\n\n"));
    bool ok = run_demo(&d, err);
    buf_deinit(&d.facts);
    return ok;
}

static const struct flag flags[] = {
    { "input", "DIR", "folder with flights-3m.parquet and airports.csv (default build/deps/vega)",
      '\0', false },
    { "project", "DIR", "folder with models, features and training (default examples/flights)",
      '\0', false },
    { "keep", NULL, "go on with the data directory instead of starting clean", '\0', false },
    { "listen", "ADDRESS", "host:port of the server (default 127.0.0.1:8181)", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_demo = {
    .name = "demo",
    .args = "",
    .summary = "run the main job on three million real flights and show what each step made",
    .detail =
        "Ingests files, builds SQL models, defines features, joins a training set as of each row's time, trains and registers a\n"
        "model, materialises features, serves them, and shows branches and time travel.  Without --keep an earlier data\n"
        "directory of Firn's is emptied first.",
    .examples = "firn demo\nfirn demo --data /tmp/lake --keep --json",
    .flags = flags,
    .makes_data = true,
    .run = run,
};
