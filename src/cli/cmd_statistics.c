/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/print.h"

static void print_analyzed(const struct json *doc)
{
    static const struct print_column columns[] = {
        { "name", "column", PRINT_TEXT },
        { "distinct_values", "distinct values", PRINT_COUNT },
        { NULL, NULL, PRINT_TEXT },
    };
    static const struct print_column about[] = {
        { "snapshot_id", "snapshot", PRINT_ID },
        { "rows_read", "rows read", PRINT_COUNT },
        { "partitions", "partitions", PRINT_COUNT },
        { "statistics_file", "statistics", PRINT_TEXT },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *rows = json_get(doc, "columns");
    print_object(doc, about);
    if (rows)
        print_rows(rows, columns);
}

static bool run_analyze(struct cli *cli, struct error *err)
{
    const struct json *doc;
    str columns[ARGS_MAX];
    int64_t snapshot;
    struct body *b = body_begin(cli);
    struct buf *path = path_begin(cli, "/api/tables");
    size_t n = cli_flag_all(cli, "columns", columns, ARGS_MAX);
    if (!cli_flag_int(cli, "snapshot", 0, 1, &snapshot, err))
        return false;
    path_add_segment(path, cli->args[0]);
    buf_lit(path, "/analyze");
    if (n)
        body_list(b, "columns", columns, n);
    if (snapshot)
        jw_kv_int(&b->w, "snapshot_id", snapshot);
    if (cli_has(cli, "partitions"))
        jw_kv_bool(&b->w, "partitions", true);
    body_str(b, "branch", cli->branch);
    if (!cli_call(cli, "POST", buf_str(path), body_end(b), &doc, err))
        return false;
    if (cli->json)
        print_json(doc);
    else
        print_analyzed(doc);
    return true;
}

static const struct flag analyze_flags[] = {
    { "columns", "NAMES",
      "only these, separated by commas (default: all that are no lists, maps or structs)", '\0',
      true },
    { "partitions", NULL, "count what each partition holds instead", '\0', false },
    { "snapshot", "ID", "of this snapshot (default: the current one)", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_table_analyze = {
    .name = "table analyze",
    .args = "NAME",
    .summary = "count the distinct values of a table's columns",
    .detail =
        "Writes theta sketches in the format that Spark and Trino plan with (Puffin, Apache DataSketches) and registers them in the "
        "table's metadata: exact up to 4,096 values, within 2 % or so above.  After appends only the new rows are read.  SHOW STATS FOR "
        "in SQL shows them.  With --partitions it is a Parquet file of files, rows, bytes and deletes of each partition, made from "
        "manifests; later ones read only manifests written since.",
    .examples = "firn table analyze silver.flights\n"
                "firn table analyze silver.flights --columns origin,dest\n"
                "firn table analyze silver.flights --partitions",
    .flags = analyze_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_analyze,
};
