/* SPDX-License-Identifier: Apache-2.0
 *
 * A table's snapshots, format version and files.  Each command is one request. */
#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/print.h"

/* Sends the flags and whatever the caller has put into `b` already. */
static bool post(struct cli *cli, const char *what, struct body *b, const struct body_flag *flags,
                 const struct print_column *columns, struct error *err)
{
    const struct json *doc;
    struct buf *to = path_begin(cli, "/api/tables");
    path_add_segment(to, cli->args[0]);
    buf_printf(to, "/%s", what);
    body_str(b, "branch", cli->branch);
    if (!body_flags(cli, b, flags, err) ||
        !cli_call(cli, "POST", buf_str(to), body_end(b), &doc, err))
        return false;
    print_answer(cli, doc, columns);
    return true;
}

/* A snapshot's id, which is the flag's whole value. */
static bool add_snapshot(struct cli *cli, struct body *b, const char *flag, struct error *err)
{
    int64_t id;
    str text = cli_flag(cli, flag, "");
    if (!text.len)
        return true;
    if (!str_to_i64(text, &id)) {
        fail(err, ERR_INVALID, "--%s wants a snapshot id, not \"" STR_FMT "\"", flag,
             STR_ARG(text));
        return fail_hint(err, "`firn table snapshots " STR_FMT "` lists them",
                         STR_ARG(cli->args[0]));
    }
    jw_kv_int(&b->w, "snapshot_id", id);
    return true;
}

#define FLAG_TABLE_BRANCH                                                                          \
    {                                                                                              \
        "table-branch", "NAME", "a branch of the table itself, rather than main", '\0', false      \
    }
#define FLAG_DRY_RUN(text_)                                                                        \
    {                                                                                              \
        "dry-run", NULL, text_, '\0', false                                                        \
    }
#define FLAGS_END                                                                                  \
    {                                                                                              \
        NULL, NULL, NULL, '\0', false                                                              \
    }

static const struct print_column move_columns[] = {
    { "dry_run", "dry run", PRINT_TEXT },
    { "source_snapshot_id", "snapshot chosen", PRINT_ID },
    { "previous_snapshot_id", "snapshot before", PRINT_ID },
    { "snapshot_id", "snapshot now", PRINT_ID },
    { NULL, NULL, PRINT_TEXT },
};

/* ---- rollback */

static bool run_rollback(struct cli *cli, struct error *err)
{
    static const struct body_flag flags[] = { { "to-time", "timestamp", BODY_TEXT },
                                              { "table-branch", NULL, BODY_TEXT },
                                              { "dry-run", NULL, BODY_SWITCH },
                                              { NULL, NULL, BODY_TEXT } };
    struct body *b = body_begin(cli);
    if (cli_has(cli, "to") == cli_has(cli, "to-time"))
        return fail(err, ERR_INVALID, "one of --to SNAPSHOT and --to-time TIME is needed") ||
               fail_hint(err, "`firn table snapshots " STR_FMT "` lists them",
                         STR_ARG(cli->args[0]));
    return add_snapshot(cli, b, "to", err) && post(cli, "rollback", b, flags, move_columns, err);
}

static const struct flag rollback_flags[] = {
    { "to", "SNAPSHOT", "the snapshot to go back to; it must be an ancestor of the current one",
      '\0', false },
    { "to-time", "TIME",
      "or: the newest one that is older than this (\"2026-02-03 04:05:06\", UTC)", '\0', false },
    FLAG_TABLE_BRANCH,
    FLAG_DRY_RUN("tell where it would go, change nothing"),
    FLAGS_END,
};

const struct command cmd_table_rollback = {
    .name = "table rollback",
    .args = "NAME",
    .summary = "make an earlier snapshot the current one again",
    .detail = "Later snapshots stay in the table's history and can be queried by id.",
    .examples = "firn table rollback silver.flights --to 3051729675574597004\n"
                "firn table rollback silver.flights --to-time \"2026-02-03 00:00:00\" --dry-run",
    .flags = rollback_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_rollback,
};

/* ---- cherry-pick */

static bool run_cherry_pick(struct cli *cli, struct error *err)
{
    static const struct body_flag flags[] = { { "wap-id", NULL, BODY_TEXT },
                                              { "table-branch", NULL, BODY_TEXT },
                                              { "dry-run", NULL, BODY_SWITCH },
                                              { NULL, NULL, BODY_TEXT } };
    struct body *b = body_begin(cli);
    if (cli_has(cli, "snapshot") == cli_has(cli, "wap-id"))
        return fail(err, ERR_INVALID, "one of --snapshot ID and --wap-id ID is needed");
    return add_snapshot(cli, b, "snapshot", err) &&
           post(cli, "cherry-pick", b, flags, move_columns, err);
}

static const struct flag cherry_pick_flags[] = {
    { "snapshot", "ID", "the snapshot whose changes are taken over", '\0', false },
    { "wap-id", "ID", "or: the staged snapshot with this wap.id (write-audit-publish)", '\0',
      false },
    FLAG_TABLE_BRANCH,
    FLAG_DRY_RUN("tell whether it could be picked, change nothing"),
    FLAGS_END,
};

const struct command cmd_table_cherry_pick = {
    .name = "table cherry-pick",
    .args = "NAME",
    .summary = "take over what a snapshot of the table did",
    .detail =
        "An append is appended again; a dynamic overwrite replaces its partitions again if nobody has changed them since; a snapshot "
        "that follows the current one becomes the current one.  A snapshot can be picked once.  For commits of the catalog see `firn "
        "cherry-pick`.",
    .examples = "firn table cherry-pick silver.flights --snapshot 3051729675574597004\n"
                "firn table cherry-pick silver.flights --wap-id load-42 --dry-run",
    .flags = cherry_pick_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_cherry_pick,
};

/* ---- upgrade */

static bool run_upgrade(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "dry_run", "dry run", PRINT_TEXT },
        { "previous_format_version", "format version before", PRINT_TEXT },
        { "format_version", "format version now", PRINT_TEXT },
        { NULL, NULL, PRINT_TEXT },
    };
    static const struct body_flag flags[] = { { "dry-run", NULL, BODY_SWITCH },
                                              { NULL, NULL, BODY_TEXT } };
    struct body *b = body_begin(cli);
    int64_t version;
    if (!cli_flag_int(cli, "to", 3, 1, &version, err))
        return false;
    jw_kv_int(&b->w, "format_version", version);
    return post(cli, "upgrade", b, flags, columns, err);
}

static const struct flag upgrade_flags[] = {
    { "to", "VERSION", "the format version, 2 or 3 (default 3)", '\0', false },
    FLAG_DRY_RUN("tell the version it has, change nothing"),
    FLAGS_END,
};

const struct command cmd_table_upgrade = {
    .name = "table upgrade",
    .args = "NAME",
    .summary = "set a table's format version",
    .detail =
        "There is no way back.  Data files stay as they are.  From version 2 on rows can be deleted without writing files again; from "
        "3 on deletes are vectors, columns have defaults, and rows have ids: those that are there get theirs with the next commit.",
    .examples =
        "firn table upgrade silver.flights --to 3\nfirn table upgrade silver.flights --dry-run",
    .flags = upgrade_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_upgrade,
};

/* ---- add-files */

static bool run_add_files(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "dry_run", "dry run", PRINT_TEXT },
        { "files", "files", PRINT_COUNT },
        { "rows", "rows", PRINT_COUNT },
        { "bytes", "size", PRINT_BYTES },
        { "partitions", "partitions", PRINT_COUNT },
        { "name_mapping_made", "name mapping made", PRINT_TEXT },
        { "snapshot_id", "snapshot", PRINT_ID },
        { NULL, NULL, PRINT_TEXT },
    };
    static const struct body_flag flags[] = {
        { "from-table", NULL, BODY_TEXT },         { "only", NULL, BODY_PAIRS },
        { "allow-duplicates", NULL, BODY_SWITCH }, { "table-branch", NULL, BODY_TEXT },
        { "dry-run", NULL, BODY_SWITCH },          { NULL, NULL, BODY_TEXT }
    };
    struct body *b = body_begin(cli);
    if (cli->args_n == 2)
        body_str(b, "source", absolute_path(cli, cli->args[1]));
    return post(cli, "add-files", b, flags, columns, err);
}

static const struct flag add_files_flags[] = {
    { "from-table", "TABLE", "the data files of this table instead of a place", '\0', false },
    { "only", "COLUMN=VALUE", "only files in folders with these values", '\0', true },
    { "allow-duplicates", NULL, "do not look whether files are in the table already", '\0', false },
    FLAG_TABLE_BRANCH,
    FLAG_DRY_RUN("look at every file, change nothing"),
    FLAGS_END,
};

const struct command cmd_table_add_files = {
    .name = "table add-files",
    .args = "NAME [SOURCE]",
    .summary = "add existing Parquet files to a table",
    .detail =
        "SOURCE is a folder, a file, or a pattern of *, ? and [..].  Files stay where they are and become the table's: expiry may "
        "remove them later.  Columns are found by field id, or by name where files have no ids (the table then gets a name mapping); "
        "partitions come from folders like date=2026-02-03, or from the files' own bounds.",
    .examples =
        "firn table add-files bronze.events /data/events/ --dry-run\n"
        "firn table add-files bronze.events '/data/events/*.parquet' --only date=2026-02-03\n"
        "firn table add-files bronze.events --from-table staging.events",
    .flags = add_files_flags,
    .args_min = 1,
    .args_max = 2,
    .run = run_add_files,
};
