/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "io/yaml.h"

static const struct flag no_flags[] = { { NULL, NULL, NULL, '\0', false } };

static void print_metrics(const struct json *metrics)
{
    for (size_t i = 0; metrics && metrics->kind == JSON_OBJECT && i < metrics->object.n; i++) {
        struct buf text = BUF_INIT(256);
        print_value(&metrics->object.members[i].value, PRINT_FLOAT, &text);
        out_printf(STR_FMT "  " STR_FMT "\n", STR_ARG(metrics->object.members[i].key),
                   STR_ARG(buf_str(&text)));
        buf_deinit(&text);
    }
}

static bool run_train(struct cli *cli, struct error *err)
{
    static const struct print_column facts[] = {
        { "model", NULL, PRINT_TEXT },
        { "version", NULL, PRINT_ID },
        { "run_id", "run", PRINT_TEXT },
        { "train_rows", "trained on", PRINT_COUNT },
        { "holdout_rows", "held out", PRINT_COUNT },
        { "seconds", "time", PRINT_SECONDS },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc, *spec;
    struct body *b = body_begin(cli);
    str text;
    if (!read_file(cli, cli->args[0], YAML_BYTES_MAX, &text, err) ||
        !yaml_parse(text, cli->args[0], cli->a, &spec, err))
        return false;
    jw_key(&b->w, STR("spec"));
    jw_json(&b->w, spec);
    body_str(b, "branch", cli->branch);
    if (!cli_call(cli, "POST", STR("/api/models/train"), body_end(b), &doc, err))
        return false;
    if (cli->json)
        print_json(doc);
    else {
        print_object(doc, facts);
        print_metrics(json_get(doc, "metrics"));
    }
    return true;
}

const struct command cmd_model_train = {
    .name = "model train",
    .args = "FILE",
    .summary = "train a model as a YAML file says, log the run, register a version",
    .detail =
        "FILE names the model, its data (a table or a query), label, features, and XGBoost's params; with a timestamp the last\n"
        "part of the time is held out and scored.  A failed run is kept with its reason, and makes no version.",
    .examples = "firn model train examples/flights/train.yaml",
    .flags = no_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_train,
};

static bool run_ls(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "name", "model", PRINT_TEXT }, { "version", "latest", PRINT_ID },
        { "run_id", "run", PRINT_TEXT }, { "created_ms", "created", PRINT_TIME },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    if (!cli_call(cli, "GET", STR("/api/models"), (str){ 0 }, &doc, err))
        return false;
    const struct json *rows = doc->kind == JSON_ARRAY ? doc : json_get(doc, "models");
    if (cli->json)
        print_json(doc);
    else if (rows && rows->kind == JSON_ARRAY)
        print_rows(rows, columns);
    return true;
}

const struct command cmd_model_ls = {
    .name = "model ls",
    .args = "",
    .summary = "list registered models",
    .examples = "firn model ls",
    .flags = no_flags,
    .run = run_ls,
};

static bool run_show(struct cli *cli, struct error *err)
{
    const struct json *doc;
    struct buf *path = path_begin(cli, "/api/models");
    path_add_segment(path, cli->args[0]);
    if (!cli_call(cli, "GET", buf_str(path), (str){ 0 }, &doc, err))
        return false;
    print_json(doc);
    return true;
}

const struct command cmd_model_show = {
    .name = "model show",
    .args = "NAME",
    .summary = "show a model's versions with their runs, parameters and metrics, as JSON",
    .examples = "firn model show late_flights",
    .flags = no_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_show,
};

static bool add_inputs(struct cli *cli, struct body *b, struct error *err)
{
    jw_kv_object(&b->w, "inputs");
    for (size_t i = 1; i < cli->args_n; i++) {
        str key, value;
        double number = 0;
        bool named = str_cut(cli->args[i], '=', &key, &value), missing = str_is(value, "null");
        if (!named || (!missing && !str_to_f64(value, &number)))
            return fail(err, ERR_INVALID, "inputs are given as FEATURE=NUMBER, not \"" STR_FMT "\"",
                        STR_ARG(cli->args[i]));
        jw_key(&b->w, key);
        if (missing)
            jw_null(&b->w);
        else
            jw_f64(&b->w, number);
    }
    jw_end_object(&b->w);
    return true;
}

static bool run_predict(struct cli *cli, struct error *err)
{
    const struct json *doc;
    struct body *b = body_begin(cli);
    struct buf *path = path_begin(cli, "/api/models");
    str name, version;
    str_cut(cli->args[0], '/', &name, &version);
    path_add_segment(path, name);
    buf_lit(path, "/predict");
    if (!add_inputs(cli, b, err))
        return false;
    body_str(b, "version", version);
    if (!cli_call(cli, "POST", buf_str(path), body_end(b), &doc, err))
        return false;
    const struct json *predictions = json_get(doc, "predictions");
    if (cli->json || !predictions || predictions->kind != JSON_ARRAY) {
        print_json(doc);
        return true;
    }
    for (size_t i = 0; i < predictions->array.n; i++) {
        struct buf text = BUF_INIT(256);
        print_value(&predictions->array.items[i], PRINT_TEXT, &text);
        out_printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
        buf_deinit(&text);
    }
    return true;
}

const struct command cmd_model_predict = {
    .name = "model predict",
    .args = "NAME[/VERSION] FEATURE=NUMBER...",
    .summary = "predict with a registered model",
    .detail =
        "Every feature of the model is given; null stands for a missing value.  `firn model show NAME` lists them.  VERSION is\n"
        "a number, an alias or latest, which is the default.",
    .examples =
        "firn model predict late_flights distance=337 hour_of_day=18 day_of_week=5 airport_hourly__flights=8 \\\n"
        "    airport_hourly__mean_delay=21.75 airport_hourly__p90_delay=78.8 airport_hourly__share_late=0.25 \\\n"
        "    route_daily__flights=37 route_daily__mean_delay=5.5 route_daily__p90_delay=29.4 route_daily__share_late=null",
    .flags = no_flags,
    .args_min = 2,
    .args_max = ARGS_MAX,
    .run = run_predict,
};
