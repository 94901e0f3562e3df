/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/print.h"

static const struct flag no_flags[] = { { NULL, NULL, NULL, '\0', false } };

static bool apply(struct cli *cli, bool plan, struct error *err)
{
    static const struct print_column columns[] = {
        { "kind", NULL, PRINT_TEXT },  { "name", NULL, PRINT_TEXT }, { "change", NULL, PRINT_TEXT },
        { "version", NULL, PRINT_ID }, { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    struct body *b = body_begin(cli);
    if (!body_definitions(cli, b, cli->args_n ? cli->args[0] : STR("."), err))
        return false;
    jw_kv_bool(&b->w, "plan", plan);
    body_str(b, "branch", cli->branch);
    if (!cli_call(cli, "POST", STR("/api/features/apply"), body_end(b), &doc, err))
        return false;
    const struct json *items = json_get(doc, "items");
    if (cli->json)
        print_json(doc);
    else if (items && items->kind == JSON_ARRAY)
        print_rows(items, columns);
    return true;
}

static bool run_apply(struct cli *cli, struct error *err)
{
    return apply(cli, false, err);
}

static bool run_plan(struct cli *cli, struct error *err)
{
    return apply(cli, true, err);
}

const struct command cmd_feature_apply = {
    .name = "feature apply",
    .args = "[DIR]",
    .summary = "check feature definitions against the tables and store them",
    .detail =
        "DIR is a project (its features/*.yaml are read) or a folder of YAML files with entities, feature_views and\nfeature_services.",
    .examples = "firn feature apply examples/flights",
    .flags = no_flags,
    .args_max = 1,
    .run = run_apply,
};

const struct command cmd_feature_plan = {
    .name = "feature plan",
    .args = "[DIR]",
    .summary = "show what `feature apply` would change",
    .examples = "firn feature plan examples/flights",
    .flags = no_flags,
    .args_max = 1,
    .run = run_plan,
};

static bool run_ls(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "kind", NULL, PRINT_TEXT },
        { "name", NULL, PRINT_TEXT },
        { "version", NULL, PRINT_ID },
        { "rows", "online rows", PRINT_COUNT },
        { "snapshot_id", "online snapshot", PRINT_ID },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    if (!cli_call(cli, "GET", STR("/api/features"), (str){ 0 }, &doc, err))
        return false;
    const struct json *rows = doc->kind == JSON_ARRAY ? doc : json_get(doc, "features");
    if (cli->json)
        print_json(doc);
    else if (rows && rows->kind == JSON_ARRAY)
        print_rows(rows, columns);
    return true;
}

const struct command cmd_feature_ls = {
    .name = "feature ls",
    .args = "",
    .summary = "list entities, feature views and feature services",
    .examples = "firn feature ls",
    .flags = no_flags,
    .run = run_ls,
};

static str object_path(struct cli *cli)
{
    struct buf *path = path_begin(cli, "/api/features");
    path_add_segment(path, cli_flag(cli, "kind", "feature_view"));
    path_add_segment(path, cli->args[0]);
    return buf_str(path);
}

static bool run_describe(struct cli *cli, struct error *err)
{
    const struct json *doc;
    if (!cli_call(cli, "GET", object_path(cli), (str){ 0 }, &doc, err))
        return false;
    print_json(doc);
    return true;
}

static const struct flag kind_flags[] = {
    { "kind", "KIND", "feature_view, entity or feature_service (default feature_view)", '\0',
      false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_feature_describe = {
    .name = "feature describe",
    .args = "NAME",
    .summary = "show a definition, as JSON",
    .examples =
        "firn feature describe airport_hourly\nfirn feature describe lateness --kind feature_service",
    .flags = kind_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_describe,
};

static bool run_delete(struct cli *cli, struct error *err)
{
    const struct json *doc;
    if (!cli_call(cli, "DELETE", object_path(cli), (str){ 0 }, &doc, err))
        return false;
    note(cli, "deleted " STR_FMT, STR_ARG(cli->args[0]));
    return true;
}

const struct command cmd_feature_delete = {
    .name = "feature delete",
    .args = "NAME",
    .summary = "delete a definition that nothing uses, with its online rows",
    .examples = "firn feature delete lateness --kind feature_service",
    .flags = kind_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_delete,
};

static bool is_file(str name)
{
    return str_ends(name, STR(".parquet")) || str_ends(name, STR(".csv"));
}

/* Files become absolute; tables and queries stay as they are; @FILE is a query in a file. */
static bool entities_text(struct cli *cli, str given, str *out, struct error *err)
{
    *out = given;
    if (str_starts(given, STR("@")))
        return read_file(cli, str_from(given, 1), (size_t)16 << 20, out, err);
    if (str_find_char(given, ' ') < 0 && is_file(given))
        *out = absolute_path(cli, given);
    return true;
}

static void add_features(struct cli *cli, struct body *b)
{
    str refs[ARGS_MAX];
    size_t n = cli_flag_all(cli, "features", refs, ARGS_MAX);
    if (n)
        body_list(b, "features", refs, n);
    body_str(b, "feature_service", cli_flag(cli, "service", ""));
    jw_kv_bool(&b->w, "full_feature_names", cli_has(cli, "full-feature-names"));
}

static bool check_features(const struct cli *cli, struct error *err)
{
    if (cli_has(cli, "features") == cli_has(cli, "service"))
        return fail(err, ERR_INVALID, "give either --features VIEW:FEATURE,... or --service NAME");
    return true;
}

static bool run_historical(struct cli *cli, struct error *err)
{
    static const struct print_column facts[] = {
        { "rows", NULL, PRINT_COUNT },
        { "seconds", "time", PRINT_SECONDS },
        { "rows_per_second", "rows per second", PRINT_COUNT },
        { "peak_bytes", "peak memory", PRINT_BYTES },
        { "out", "written to", PRINT_TEXT },
        { "snapshot_id", "snapshot", PRINT_ID },
        { NULL, NULL, PRINT_TEXT },
    };
    static const struct print_column views[] = {
        { "view", NULL, PRINT_TEXT },
        { "table", NULL, PRINT_TEXT },
        { "matched", "rows with a feature", PRINT_COUNT },
        { "files_read", "files", PRINT_COUNT },
        { "snapshot_id", "snapshot", PRINT_ID },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    struct body *b = body_begin(cli);
    str entities, out = cli_flag(cli, "output", "");
    if (!cli_has(cli, "entities") || !out.len)
        return fail(err, ERR_INVALID, "--entities and -o are needed");
    if (!check_features(cli, err) ||
        !entities_text(cli, cli_flag(cli, "entities", ""), &entities, err))
        return false;
    body_str(b, "entities", entities);
    body_str(b, "timestamp", cli_flag(cli, "timestamp", ""));
    body_str(b, "out", is_file(out) ? absolute_path(cli, out) : out);
    add_features(cli, b);
    jw_kv_bool(&b->w, "known_at", cli_has(cli, "known-at"));
    jw_kv_bool(&b->w, "overwrite", cli_has(cli, "overwrite"));
    body_str(b, "branch", cli->branch);
    if (!cli_call(cli, "POST", STR("/api/features/historical"), body_end(b), &doc, err))
        return false;
    if (cli->json) {
        print_json(doc);
        return true;
    }
    print_object(doc, facts);
    const struct json *list = json_get(doc, "views");
    if (list && list->kind == JSON_ARRAY) {
        out_str(STR("\n"));
        print_rows(list, views);
    }
    return true;
}

static const struct flag historical_flags[] = {
    { "entities", "E",
      "rows to find features for: a Parquet or CSV file, a table, \"SELECT ...\", or @FILE with a query",
      '\0', false },
    { "features", "REFS", "view:feature or view, comma-separated", '\0', true },
    { "service", "NAME", "the features of a service", '\0', false },
    { "timestamp", "COLUMN", "the entities' time (default event_timestamp)", '\0', false },
    { "full-feature-names", NULL, "name columns view__feature", '\0', false },
    { "known-at", NULL,
      "leave out what was not known at the time: created later, or committed later", '\0', false },
    { "overwrite", NULL, "replace the output when it is there", '\0', false },
    { "output", "OUT", "a table (namespace.name) or a .parquet or .csv file", 'o', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_feature_get_historical = {
    .name = "feature get-historical",
    .args = "",
    .summary = "make a training set: each row's features as they were at its time",
    .detail =
        "The rows of E come first, in their order, with the join keys and a time; then the features.  A row without a match is kept\n"
        "with nulls.  A table that is written records the snapshots it was made from.",
    .examples =
        "firn feature get-historical --entities @examples/flights/entities.sql --service lateness --full-feature-names -o training.flights\n"
        "firn feature get-historical --entities trips.parquet --features driver_stats:conv_rate -o training.parquet",
    .flags = historical_flags,
    .run = run_historical,
};

static bool run_materialize(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "view", NULL, PRINT_TEXT },
        { "rows", "online rows", PRINT_COUNT },
        { "unchanged", NULL, PRINT_TEXT },
        { "seconds", NULL, PRINT_SECONDS },
        { "snapshot_id", "snapshot", PRINT_ID },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    struct body *b = body_begin(cli);
    int64_t snapshot;
    if (!cli_flag_int(cli, "snapshot", 0, 1, &snapshot, err))
        return false;
    body_list(b, "views", cli->args, cli->args_n);
    if (snapshot)
        jw_kv_int(&b->w, "snapshot_id", snapshot);
    body_str(b, "branch", cli->branch);
    if (!cli_call(cli, "POST", STR("/api/features/materialize"), body_end(b), &doc, err))
        return false;
    const struct json *views = doc->kind == JSON_ARRAY ? doc : json_get(doc, "views");
    if (cli->json)
        print_json(doc);
    else if (views && views->kind == JSON_ARRAY)
        print_rows(views, columns);
    return true;
}

static const struct flag materialize_flags[] = {
    { "snapshot", "ID", "of the view's table, instead of the current one", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_feature_materialize = {
    .name = "feature materialize",
    .args = "[VIEW...]",
    .summary = "publish the latest row of each key to the online store",
    .detail =
        "Without a VIEW all that are online.  A view is published as a whole: readers see the old rows or the new ones.  One whose\n"
        "table has not changed since is left alone.",
    .examples = "firn feature materialize\nfirn feature materialize airport_hourly",
    .flags = materialize_flags,
    .args_max = ARGS_MAX,
    .run = run_materialize,
};

/* KEY=VALUE words become {"KEY": [VALUE, ...]}: the same key again gives another row. */
static bool add_entities(struct cli *cli, struct body *b, struct error *err)
{
    jw_kv_object(&b->w, "entities");
    for (size_t i = 0; i < cli->args_n; i++) {
        str key, value, other;
        if (!str_cut(cli->args[i], '=', &key, &value))
            return fail(err, ERR_INVALID, "join keys are given as KEY=VALUE, not \"" STR_FMT "\"",
                        STR_ARG(cli->args[i]));
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen = seen || (str_cut(cli->args[k], '=', &other, &value) && str_eq(other, key));
        if (seen)
            continue;
        jw_key(&b->w, key);
        jw_begin_array(&b->w);
        for (size_t k = i; k < cli->args_n; k++) {
            int64_t number;
            if (!str_cut(cli->args[k], '=', &other, &value) || !str_eq(other, key))
                continue;
            if (str_to_i64(value, &number))
                jw_int(&b->w, number);
            else
                jw_str(&b->w, value);
        }
        jw_end_array(&b->w);
    }
    jw_end_object(&b->w);
    return true;
}

/* Feast's columnar answer as lines "feature: value". */
static void print_online(const struct json *doc)
{
    const struct json *names = json_get(json_get(doc, "metadata"), "feature_names"),
                      *results = json_get(doc, "results");
    for (size_t i = 0; names && results && i < names->array.n && i < results->array.n; i++) {
        const struct json *values = json_get(&results->array.items[i], "values"),
                          *statuses = json_get(&results->array.items[i], "statuses");
        out_printf(STR_FMT ":", STR_ARG(names->array.items[i].s));
        for (size_t r = 0; values && statuses && r < values->array.n && r < statuses->array.n;
             r++) {
            struct buf text = BUF_INIT(65536);
            str status = statuses->array.items[r].s;
            print_value(&values->array.items[r], PRINT_TEXT, &text);
            out_printf(" " STR_FMT, STR_ARG(text.len ? buf_str(&text) : status));
            buf_deinit(&text);
        }
        out_str(STR("\n"));
    }
}

static bool run_online(struct cli *cli, struct error *err)
{
    const struct json *doc;
    struct body *b = body_begin(cli);
    if (!check_features(cli, err) || !add_entities(cli, b, err))
        return false;
    add_features(cli, b);
    if (!cli_call(cli, "POST", STR("/get-online-features"), body_end(b), &doc, err))
        return false;
    if (cli->json)
        print_json(doc);
    else
        print_online(doc);
    return true;
}

static const struct flag online_flags[] = {
    { "features", "REFS", "view:feature or view, comma-separated", '\0', true },
    { "service", "NAME", "the features of a service", '\0', false },
    { "full-feature-names", NULL, "name features view__feature", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_feature_get_online = {
    .name = "feature get-online",
    .args = "KEY=VALUE...",
    .summary = "read features of a key from the online store",
    .detail =
        "Every join key of the features is given; the same key again asks for another row.  --json prints the answer of Feast's\n"
        "feature server, with statuses and times.",
    .examples =
        "firn feature get-online --features airport_hourly:mean_delay origin=SFO\n"
        "firn feature get-online --service lateness --full-feature-names origin=SFO destination=LAX",
    .flags = online_flags,
    .args_min = 1,
    .args_max = ARGS_MAX,
    .run = run_online,
};
