/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/print.h"

static bool post(struct cli *cli, const char *what, struct body *b,
                 const struct print_column *columns, struct error *err)
{
    const struct json *doc;
    struct buf *path = path_begin(cli, "/api/tables");
    path_add_segment(path, cli->args[0]);
    buf_printf(path, "%s", what);
    body_str(b, "branch", cli->branch);
    if (!cli_call(cli, "POST", buf_str(path), body_end(b), &doc, err))
        return false;
    if (cli->json)
        print_json(doc);
    else
        print_object(doc, columns);
    return true;
}

/* Numbers of a flag that repeats. */
static bool flag_ids(struct cli *cli, struct body *b, const char *flag, const char *key,
                     struct error *err)
{
    str values[ARGS_MAX];
    size_t n = cli_flag_all(cli, flag, values, ARGS_MAX);
    int64_t id;
    if (n == 0)
        return true;
    jw_key(&b->w, str_of(key));
    jw_begin_array(&b->w);
    for (size_t i = 0; i < n; i++) {
        if (!str_to_i64(values[i], &id))
            return fail(err, ERR_INVALID, "--%s wants a snapshot id, not \"" STR_FMT "\"", flag,
                        STR_ARG(values[i]));
        jw_int(&b->w, id);
    }
    jw_end_array(&b->w);
    return true;
}

static bool run_expire(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "snapshots", "snapshots", PRINT_COUNT },
        { "refs", "branches and tags", PRINT_COUNT },
        { "specs", "partition specs", PRINT_COUNT },
        { "schemas", "schemas", PRINT_COUNT },
        { "data_files", "data files", PRINT_COUNT },
        { "position_delete_files", "position delete files", PRINT_COUNT },
        { "equality_delete_files", "equality delete files", PRINT_COUNT },
        { "manifests", "manifests", PRINT_COUNT },
        { "manifest_lists", "manifest lists", PRINT_COUNT },
        { "statistics_files", "statistics files", PRINT_COUNT },
        { NULL, NULL, PRINT_TEXT },
    };
    struct body *b = body_begin(cli);
    int64_t retain;
    if (!cli_flag_int(cli, "retain-last", 0, 1, &retain, err) ||
        !flag_ids(cli, b, "snapshot", "snapshot_ids", err))
        return false;
    body_str(b, "older_than", cli_flag(cli, "older-than", ""));
    if (retain)
        jw_kv_int(&b->w, "retain_last", retain);
    if (cli_has(cli, "clean-metadata"))
        jw_kv_bool(&b->w, "clean_metadata", true);
    if (cli_has(cli, "dry-run"))
        jw_kv_bool(&b->w, "dry_run", true);
    return post(cli, "/expire", b, columns, err);
}

static const struct flag expire_flags[] = {
    { "older-than", "TIME",
      "expire snapshots before this time (default: history.expire.max-snapshot-age-ms, 5 days ago)",
      '\0', false },
    { "retain-last", "N", "keep at least the newest N of each branch (default 1)", '\0', false },
    { "snapshot", "ID", "expire this snapshot whatever its age", '\0', true },
    { "clean-metadata", NULL, "remove partition specs and schemas that nothing uses, too", '\0',
      false },
    { "dry-run", NULL, "tell what would go, change nothing", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_table_expire = {
    .name = "table expire",
    .args = "NAME",
    .summary = "expire old snapshots of a table",
    .detail =
        "Branches and tags of the table keep what their retention says; snapshots that another branch or tag of the "
        "catalog points to stay.  Files that no snapshot needs any more are listed as garbage and removed by "
        "`firn table collect` when they are old enough.",
    .examples = "firn table expire silver.flights --older-than 2026-01-01 --retain-last 10\n"
                "firn table expire silver.flights --dry-run",
    .flags = expire_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_expire,
};

static bool run_compact(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "groups", "groups of files", PRINT_COUNT },
        { "files", "files replaced", PRINT_COUNT },
        { "bytes", "their size", PRINT_BYTES },
        { "files_written", "files written", PRINT_COUNT },
        { "delete_files", "delete files removed", PRINT_COUNT },
        { "failed_files", "files failed", PRINT_COUNT },
        { "snapshot_id", "snapshot", PRINT_ID },
        { NULL, NULL, PRINT_TEXT },
    };
    static const char *const numbers[][2] = { { "target-bytes", "target_bytes" },
                                              { "min-input-files", "min_input_files" },
                                              { "delete-files", "delete_files" },
                                              { "group-bytes", "group_bytes" } };
    static const char *const switches[][2] = { { "all", "all" },
                                               { "partial-progress", "partial_progress" },
                                               { "dry-run", "dry_run" } };
    struct body *b = body_begin(cli);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int64_t v;
        if (!cli_flag_int(cli, numbers[i][0], 0, 1, &v, err))
            return false;
        if (v)
            jw_kv_int(&b->w, numbers[i][1], v);
    }
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (cli_has(cli, switches[i][0]))
            jw_kv_bool(&b->w, switches[i][1], true);
    body_str(b, "where", cli_flag(cli, "where", ""));
    return post(cli, "/compact", b, columns, err);
}

static const struct flag compact_flags[] = {
    { "target-bytes", "N", "size of files (default: write.target-file-size-bytes, 512 MB)", '\0',
      false },
    { "min-input-files", "N", "leave partitions with fewer small files alone (default 5)", '\0',
      false },
    { "delete-files", "N", "write a file again when so many delete files are of it", '\0', false },
    { "group-bytes", "N", "write at most so much at a time (default 100 GB)", '\0', false },
    { "all", NULL, "write every file again", '\0', false },
    { "where", "CONDITION", "only files that may hold such rows: \"date < '2026-01-01'\"", '\0',
      false },
    { "partial-progress", NULL, "up to ten commits rather than one", '\0', false },
    { "dry-run", NULL, "tell what would be written again", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_table_compact = {
    .name = "table compact",
    .args = "NAME",
    .summary = "write small, large and much deleted data files again",
    .detail =
        "Files of a partition that are far from the target size, or of which 30 % of the rows are deleted, become files of the "
        "target size, sorted if the table has an order.  Rows stay what they are; in format 3 they keep their ids.  Readers of "
        "earlier snapshots are not disturbed; the old files go when their snapshots expire.",
    .examples = "firn table compact silver.flights\n"
                "firn table compact silver.flights --where \"date < '2001-07-01'\" --dry-run",
    .flags = compact_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_compact,
};

static bool run_collect(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "listed", "locations listed", PRINT_COUNT },
        { "waiting", "too young", PRINT_COUNT },
        { "in_use", "files in use", PRINT_COUNT },
        { "removed", "files removed", PRINT_COUNT },
        { "bytes", "size", PRINT_BYTES },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    struct body *b = body_begin(cli);
    body_str(b, "safety_age", cli_flag(cli, "safety-age", ""));
    if (cli_has(cli, "dry-run"))
        jw_kv_bool(&b->w, "dry_run", true);
    if (!cli_call(cli, "POST", STR("/api/garbage/collect"), body_end(b), &doc, err))
        return false;
    if (cli->json)
        print_json(doc);
    else
        print_object(doc, columns);
    return true;
}

static const struct flag collect_flags[] = {
    { "safety-age", "AGE",
      "how long a file must have been garbage (default 3d); scans and commits that take longer may lose files",
      '\0', false },
    { "dry-run", NULL, "tell what would go, remove nothing", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_table_collect = {
    .name = "table collect",
    .args = "",
    .summary = "remove files that nothing needs any more",
    .detail =
        "Looks at the files that expired snapshots, dropped tables (with purge) and failed commits left behind, and removes those "
        "that no branch, tag, snapshot, running scan or commit younger than the safety age reaches.  Commits of the catalog that are "
        "older than the safety age and on no branch's or tag's head may lose files.",
    .examples = "firn table collect --dry-run\nfirn table collect --safety-age 7d",
    .flags = collect_flags,
    .args_min = 0,
    .args_max = 0,
    .run = run_collect,
};
