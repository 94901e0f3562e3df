/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/print.h"

static const struct flag ingest_flags[] = {
    { "mode", "MODE",
      "append (default), overwrite (all rows) or merge (rows with the same key are replaced)", '\0',
      false },
    { "key", "COLUMNS", "the key for --mode merge, comma-separated", '\0', true },
    { "on-error", "WHAT",
      "rows that do not fit: fail (default), skip or quarantine (kept in TABLE_quarantine)", '\0',
      false },
    { "columns", "TYPES", "types of a text file's columns: \"id BIGINT, price DOUBLE\"", '\0',
      false },
    { "partition-by", "FIELDS", "partitioning of a table that is made: \"day(ts), bucket(16, id)\"",
      '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

static bool run_ingest(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "rows", NULL, PRINT_COUNT },      { "rejected", NULL, PRINT_COUNT },
        { "quarantine", NULL, PRINT_TEXT }, { "files", NULL, PRINT_COUNT },
        { "bytes", "size", PRINT_BYTES },   { "snapshot_id", "snapshot", PRINT_ID },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    struct body *b = body_begin(cli);
    str keys[ARGS_MAX];
    size_t keys_n = cli_flag_all(cli, "key", keys, ARGS_MAX);
    body_str(b, "source", absolute_path(cli, cli->args[0]));
    body_str(b, "table", cli->args[1]);
    body_str(b, "mode", cli_flag(cli, "mode", "append"));
    body_str(b, "on_error", cli_flag(cli, "on-error", "fail"));
    body_str(b, "columns", cli_flag(cli, "columns", ""));
    body_str(b, "partition_by", cli_flag(cli, "partition-by", ""));
    body_str(b, "branch", cli->branch);
    body_list(b, "key", keys, keys_n);
    if (!cli_call(cli, "POST", STR("/api/ingest"), body_end(b), &doc, err))
        return false;
    print_answer(cli, doc, columns);
    return true;
}

const struct command cmd_ingest = {
    .name = "ingest",
    .args = "SOURCE TABLE",
    .summary = "load files into a table, as one commit",
    .detail =
        "SOURCE is a file or a quoted glob: Parquet, CSV, TSV, JSON, JSON lines, text files also compressed (.gz, .zst).  The table is\n"
        "made when it is missing.  A load is one commit: after a failure, or a kill, the table is as it was.",
    .examples = "firn ingest flights.parquet bronze.flights\n"
                "firn ingest 'events/*.csv' bronze.events --on-error quarantine\n"
                "firn ingest customers.csv bronze.customers --mode merge --key customer_id",
    .flags = ingest_flags,
    .args_min = 2,
    .args_max = 2,
    .makes_data = true,
    .run = run_ingest,
};

static const struct flag build_flags[] = {
    { "select", "NAMES",
      "models to build, comma-separated; +NAME with what it needs, NAME+ with what needs it", 's',
      true },
    { "full-refresh", NULL, "build models whose text and inputs have not changed, too", '\0',
      false },
    { NULL, NULL, NULL, '\0', false },
};

static bool is_true(const struct json *doc, const char *key)
{
    const struct json *v = json_get(doc, key);
    return v && v->kind == JSON_BOOL && v->b;
}

/* Data tests that failed, with the query that shows the rows. */
static bool report_build(const struct json *doc, struct error *err)
{
    const struct json *checks = json_get(doc, "checks"), *branch = json_get(doc, "branch");
    size_t failed = 0;
    for (size_t i = 0; checks && checks->kind == JSON_ARRAY && i < checks->array.n; i++) {
        const struct json *c = &checks->array.items[i], *n = json_get(c, "failures"),
                          *name = json_get(c, "name");
        if (!n || n->kind != JSON_INT || n->i == 0 || !name || name->kind != JSON_STR)
            continue;
        out_printf("failed: " STR_FMT " (%lld rows)\n", STR_ARG(name->s), (long long)n->i);
        failed++;
    }
    if (is_true(doc, "merged"))
        return true;
    fail(err, ERR_INVALID, "%zu data tests failed: nothing was published", failed);
    if (branch && branch->kind == JSON_STR)
        fail_hint(err, "look at the rows with --branch " STR_FMT, STR_ARG(branch->s));
    return false;
}

static bool run_build(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "table", "model", PRINT_TEXT },   { "status", NULL, PRINT_TEXT },
        { "rows", NULL, PRINT_COUNT },      { "files", NULL, PRINT_COUNT },
        { "seconds", NULL, PRINT_SECONDS }, { "snapshot_id", "snapshot", PRINT_ID },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    struct body *b = body_begin(cli);
    str names[ARGS_MAX];
    size_t names_n = cli_flag_all(cli, "select", names, ARGS_MAX);
    if (!body_project(cli, b, cli->args_n ? cli->args[0] : STR("."), err))
        return false;
    body_list(b, "select", names, names_n);
    jw_kv_bool(&b->w, "full_refresh", cli_has(cli, "full-refresh"));
    body_str(b, "branch", cli->branch);
    if (!cli_call(cli, "POST", STR("/api/build"), body_end(b), &doc, err))
        return false;
    const struct json *models = json_get(doc, "models");
    if (cli->json)
        print_json(doc);
    else if (models && models->kind == JSON_ARRAY)
        print_rows(models, columns);
    return report_build(doc, err);
}

const struct command cmd_build = {
    .name = "build",
    .args = "[DIR]",
    .summary = "build a project's SQL models, test them, publish them as one commit",
    .detail =
        "DIR holds models/**/*.sql and YAML files as dbt projects do.  The models are built on a branch of their own; when all data\n"
        "tests pass it is merged, otherwise it is left for a look and nothing is published.",
    .examples =
        "firn build examples/flights\nfirn build examples/flights --select +route_daily --full-refresh",
    .flags = build_flags,
    .args_max = 1,
    .run = run_build,
};
