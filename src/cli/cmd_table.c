/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/print.h"

static const struct flag no_flags[] = { { NULL, NULL, NULL, '\0', false } };

/* "/api/tables/NAME/what?branch=..." */
static str table_path(struct cli *cli, const char *what)
{
    struct buf *path = path_begin(cli, "/api/tables");
    if (cli->args_n)
        path_add_segment(path, cli->args[0]);
    buf_printf(path, "%s", what);
    path_add_query(path, "branch", cli->branch);
    return buf_str(path);
}

/* Asks and prints a list. */
static bool list(struct cli *cli, const char *what, const char *member,
                 const struct print_column *columns, struct error *err)
{
    const struct json *doc;
    if (!cli_call(cli, "GET", table_path(cli, what), (str){ 0 }, &doc, err))
        return false;
    const struct json *rows = doc->kind == JSON_ARRAY ? doc : json_get(doc, member);
    if (cli->json)
        print_json(doc);
    else if (rows && rows->kind == JSON_ARRAY)
        print_rows(rows, columns);
    return true;
}

static bool run_ls(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "name", "table", PRINT_TEXT },
        { "rows", NULL, PRINT_COUNT },
        { "files", NULL, PRINT_COUNT },
        { "bytes", "size", PRINT_BYTES },
        { "updated_ms", "updated", PRINT_TIME },
        { "snapshot_id", "snapshot", PRINT_ID },
        { NULL, NULL, PRINT_TEXT },
    };
    return list(cli, "", "tables", columns, err);
}

const struct command cmd_table_ls = {
    .name = "table ls",
    .args = "",
    .summary = "list the tables of a branch",
    .examples = "firn table ls\nfirn table ls --branch experiment --json",
    .flags = no_flags,
    .run = run_ls,
};

static bool run_show(struct cli *cli, struct error *err)
{
    static const struct print_column facts[] = {
        { "name", "table", PRINT_TEXT },
        { "uuid", NULL, PRINT_TEXT },
        { "format_version", "format version", PRINT_ID },
        { "location", NULL, PRINT_TEXT },
        { "metadata_location", "metadata", PRINT_TEXT },
        { "snapshot_id", "snapshot", PRINT_ID },
        { "rows", NULL, PRINT_COUNT },
        { "files", NULL, PRINT_COUNT },
        { "bytes", "size", PRINT_BYTES },
        { "updated_ms", "updated", PRINT_TIME },
        { "partition_by", "partitioned by", PRINT_TEXT },
        { "sort_by", "sorted by", PRINT_TEXT },
        { NULL, NULL, PRINT_TEXT },
    };
    static const struct print_column columns[] = {
        { "id", NULL, PRINT_ID },     { "name", "column", PRINT_TEXT },
        { "type", NULL, PRINT_TEXT }, { "required", NULL, PRINT_TEXT },
        { "doc", NULL, PRINT_TEXT },  { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc, *list_of;
    if (!cli_call(cli, "GET", table_path(cli, ""), (str){ 0 }, &doc, err))
        return false;
    if (cli->json) {
        print_json(doc);
        return true;
    }
    print_object(doc, facts);
    list_of = json_get(doc, "columns");
    if (list_of && list_of->kind == JSON_ARRAY) {
        out_str(STR("\n"));
        print_rows(list_of, columns);
    }
    return true;
}

const struct command cmd_table_show = {
    .name = "table show",
    .args = "NAME",
    .summary = "show a table's columns, partitioning, place and size",
    .examples = "firn table show silver.flights",
    .flags = no_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_show,
};

static bool run_snapshots(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "snapshot_id", "snapshot", PRINT_ID }, { "timestamp_ms", "time", PRINT_TIME },
        { "operation", NULL, PRINT_TEXT },       { "added_rows", "added", PRINT_COUNT },
        { "total_rows", "rows", PRINT_COUNT },   { "total_files", "files", PRINT_COUNT },
        { "parent_id", "parent", PRINT_ID },     { NULL, NULL, PRINT_TEXT },
    };
    return list(cli, "/snapshots", "snapshots", columns, err);
}

const struct command cmd_table_snapshots = {
    .name = "table snapshots",
    .args = "NAME",
    .summary = "list a table's snapshots with what each did",
    .examples = "firn table snapshots silver.flights",
    .flags = no_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_snapshots,
};

static bool run_history(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "timestamp_ms", "time", PRINT_TIME },
        { "snapshot_id", "snapshot", PRINT_ID },
        { "parent_id", "parent", PRINT_ID },
        { "is_current_ancestor", "current line", PRINT_TEXT },
        { NULL, NULL, PRINT_TEXT },
    };
    return list(cli, "/history", "history", columns, err);
}

const struct command cmd_table_history = {
    .name = "table history",
    .args = "NAME",
    .summary = "show which snapshot was current when",
    .examples = "firn table history silver.flights",
    .flags = no_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_history,
};

static bool run_files(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "path", NULL, PRINT_TEXT },  { "partition", NULL, PRINT_TEXT },
        { "rows", NULL, PRINT_COUNT }, { "bytes", "size", PRINT_BYTES },
        { NULL, NULL, PRINT_TEXT },
    };
    return list(cli, "/files", "files", columns, err);
}

const struct command cmd_table_files = {
    .name = "table files",
    .args = "NAME",
    .summary = "list the data files of a table's current snapshot",
    .examples = "firn table files silver.flights --json",
    .flags = no_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_files,
};

static void remove_dir(void *dir)
{
    remove_tree(dir); /* what is left of a temporary folder does no harm */
}

/* A metadata file can be planned without a data directory: an empty one serves, and goes when the command ends. */
static bool lend_directory(struct cli *cli, struct error *err)
{
    struct stat st;
    const char *base = getenv("TMPDIR");
    if (cli->server.len || stat(cli->data_dir, &st) == 0)
        return true;
    char *dir = arena_cstr(
        cli->a, arena_printf(cli->a, "%s/firn-plan-XXXXXX", base && *base ? base : "/tmp"));
    if (!mkdtemp(dir))
        return fail_errno(err, errno, "make a folder like %s", dir);
    arena_defer(cli->a, remove_dir, dir);
    cli->data_dir = dir;
    return true;
}

static bool run_plan(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "snapshot_id", "snapshot", PRINT_ID },
        { "files", "files to read", PRINT_COUNT },
        { "files_total", "of", PRINT_COUNT },
        { "rows", "rows in them", PRINT_COUNT },
        { "bytes", "size", PRINT_BYTES },
        { "pruned_by_manifest", "pruned by manifest", PRINT_COUNT },
        { "pruned_by_partition", "pruned by partition", PRINT_COUNT },
        { "pruned_by_metrics", "pruned by metrics", PRINT_COUNT },
        { "files_all_match", "files whose rows all match", PRINT_COUNT },
        { "position_delete_files", "position delete files", PRINT_COUNT },
        { "equality_delete_files", "equality delete files", PRINT_COUNT },
        { "deletion_vectors", "deletion vectors", PRINT_COUNT },
        { "pieces", "pieces to read", PRINT_COUNT },
        { "groups", "groups of pieces", PRINT_COUNT },
        { "seconds", "planning took", PRINT_SECONDS },
        { NULL, NULL, PRINT_TEXT },
    };
    static const struct print_column file_columns[] = {
        { "path", "file", PRINT_TEXT },
        { "rows", NULL, PRINT_COUNT },
        { "bytes", "size", PRINT_BYTES },
        { "pieces", NULL, PRINT_COUNT },
        { "delete_files", NULL, PRINT_COUNT },
        { "residual", "left to ask", PRINT_TEXT },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc, *files;
    struct body *b = body_begin(cli);
    bool is_file = str_ends(cli->args[0], STR(".json"));
    int64_t snapshot;
    if (!cli_flag_int(cli, "snapshot", 0, 1, &snapshot, err) ||
        (is_file && !lend_directory(cli, err)))
        return false;
    body_str(b, is_file ? "metadata" : "table",
             is_file ? absolute_path(cli, cli->args[0]) : cli->args[0]);
    body_str(b, "filter", cli_flag(cli, "filter", ""));
    body_str(b, "branch", cli->branch);
    if (snapshot)
        jw_kv_int(&b->w, "snapshot_id", snapshot);
    if (cli_has(cli, "files"))
        jw_kv_bool(&b->w, "list", true);
    if (!cli_call(cli, "POST", STR("/api/tables/plan"), body_end(b), &doc, err))
        return false;
    if (cli->json) {
        print_json(doc);
        return true;
    }
    print_object(doc, columns);
    if ((files = json_get(doc, "list")) != NULL)
        print_rows(files, file_columns);
    return true;
}

static const struct flag plan_flags[] = {
    { "filter", "EXPR",
      "rows that are wanted, as in WHERE: \"date >= '2001-06-01' AND origin = 'SFO'\"", '\0',
      false },
    { "snapshot", "ID", "plan this snapshot instead of the current one", '\0', false },
    { "files", NULL, "list the files: what is left of the filter for each, its deletes, its pieces",
      '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_table_plan = {
    .name = "table plan",
    .args = "NAME|METADATA.json",
    .summary = "show which data files a scan would read, and what pruned the rest",
    .examples = "firn table plan silver.flights --filter \"date >= '2001-06-30'\"\n"
                "firn table plan warehouse/t/metadata/00003-x.metadata.json --json",
    .flags = plan_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_plan,
};
