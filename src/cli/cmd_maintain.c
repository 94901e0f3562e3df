/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/print.h"

/* A command that is one request: its flags are members of the body, the answer's members its lines. */
static bool post(struct cli *cli, const char *path, const struct body_flag *flags,
                 const struct print_column *columns, struct error *err)
{
    const struct json *doc;
    struct buf *to = path_begin(cli, cli->args_n ? "/api/tables" : "");
    struct body *b = body_begin(cli);
    if (cli->args_n) {
        path_add_segment(to, cli->args[0]);
        body_str(b, "branch", cli->branch);
    }
    buf_printf(to, "%s", path);
    if (!body_flags(cli, b, flags, err) ||
        !cli_call(cli, "POST", buf_str(to), body_end(b), &doc, err))
        return false;
    print_answer(cli, doc, columns);
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
    static const struct body_flag flags[] = {
        { "older-than", NULL, BODY_TEXT },        { "retain-last", NULL, BODY_COUNT },
        { "snapshot", "snapshot_ids", BODY_IDS }, { "clean-metadata", NULL, BODY_SWITCH },
        { "dry-run", NULL, BODY_SWITCH },         { NULL, NULL, BODY_TEXT },
    };
    return post(cli, "/expire", flags, columns, err);
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
    static const struct body_flag flags[] = {
        { "target-bytes", NULL, BODY_COUNT },
        { "min-input-files", NULL, BODY_COUNT },
        { "min-bytes", NULL, BODY_COUNT },
        { "max-bytes", NULL, BODY_COUNT },
        { "delete-files", NULL, BODY_COUNT },
        { "delete-ratio", NULL, BODY_RATIO },
        { "group-bytes", NULL, BODY_COUNT },
        { "strategy", NULL, BODY_TEXT },
        { "sort-order", NULL, BODY_TEXT },
        { "max-commits", NULL, BODY_COUNT },
        { "all", NULL, BODY_SWITCH },
        { "where", NULL, BODY_TEXT },
        { "partial-progress", NULL, BODY_SWITCH },
        { "keep-dangling", NULL, BODY_SWITCH },
        { "dry-run", NULL, BODY_SWITCH },
        { NULL, NULL, BODY_TEXT },
    };
    return post(cli, "/compact", flags, columns, err);
}

static const struct flag compact_flags[] = {
    { "target-bytes", "N", "size of files (default: write.target-file-size-bytes, 512 MB)", '\0',
      false },
    { "min-input-files", "N", "leave partitions with fewer small files alone (default 5)", '\0',
      false },
    { "min-bytes", "N", "smaller files are written again (default: 75 % of the target)", '\0',
      false },
    { "max-bytes", "N", "larger ones, too (default: 180 %)", '\0', false },
    { "delete-files", "N", "write a file again when so many delete files are of it", '\0', false },
    { "delete-ratio", "R", "or so large a part of its rows is deleted (default 0.3)", '\0', false },
    { "strategy", "NAME",
      "binpack (default), sort by the table's order or --sort-order, zorder by its columns", '\0',
      false },
    { "sort-order", "ORDER", "\"date DESC NULLS LAST, bucket(4, id)\" or \"zorder(a, b)\"", '\0',
      false },
    { "max-commits", "N", "of --partial-progress (default 10)", '\0', false },
    { "group-bytes", "N", "write at most so much at a time (default 100 GB)", '\0', false },
    { "all", NULL, "write every file again", '\0', false },
    { "where", "CONDITION", "only files that may hold such rows: \"date < '2026-01-01'\"", '\0',
      false },
    { "partial-progress", NULL, "up to ten commits rather than one", '\0', false },
    { "keep-dangling", NULL, "leave delete files that apply to no data file any more", '\0',
      false },
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
    .examples =
        "firn table compact silver.flights\n"
        "firn table compact silver.flights --strategy zorder --sort-order 'origin, dest' --all\n"
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
    static const struct body_flag flags[] = {
        { "safety-age", NULL, BODY_TEXT },
        { "dry-run", NULL, BODY_SWITCH },
        { NULL, NULL, BODY_TEXT },
    };
    return post(cli, "/api/garbage/collect", flags, columns, err);
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

static bool run_orphans(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "listed", "files in the folder", PRINT_COUNT },
        { "young", "too young to tell", PRINT_COUNT },
        { "removed", "orphans", PRINT_COUNT },
        { "bytes", "their size", PRINT_BYTES },
        { NULL, NULL, PRINT_TEXT },
    };
    static const struct body_flag flags[] = {
        { "older-than", NULL, BODY_TEXT },
        { "location", NULL, BODY_TEXT },
        { "any-age", NULL, BODY_SWITCH },
        { "mismatch", "prefix_mismatch_mode", BODY_TEXT },
        { "equal-scheme", "equal_schemes", BODY_PAIRS },
        { "equal-authority", "equal_authorities", BODY_PAIRS },
        { "dry-run", NULL, BODY_SWITCH },
        { NULL, NULL, BODY_TEXT },
    };
    return post(cli, "/orphans", flags, columns, err);
}

static const struct flag orphans_flags[] = {
    { "older-than", "TIME", "only files older than this (default: three days ago)", '\0', false },
    { "any-age", NULL,
      "allow --older-than to be less than 24 hours ago: when nobody writes to the table", '\0',
      false },
    { "location", "FOLDER", "look here (default: the table's location; must be its own)", '\0',
      false },
    { "mismatch", "MODE",
      "files that are in use under another scheme or authority: error (default), ignore, delete",
      '\0', false },
    { "equal-scheme", "A,B=C", "schemes that are the same: \"s3a,oss=s3\"", '\0', true },
    { "equal-authority", "A,B=C", "authorities that are the same: \"nn1,nn2=nn\"", '\0', true },
    { "dry-run", NULL, "tell what would go (--json: which), remove nothing", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_table_orphans = {
    .name = "table orphans",
    .args = "NAME",
    .summary = "remove files in a table's folder that nothing names",
    .detail =
        "Writers that were killed and engines that failed leave files that no snapshot ever named.  A file goes when it is old "
        "enough and no table of any commit that any branch or tag leads to reaches it, however its location is spelled.  When "
        "anything that is in use cannot be read, nothing is removed.  Names that begin with _ or . stay.",
    .examples = "firn table orphans silver.flights --dry-run --json\n"
                "firn table orphans silver.flights --older-than 2026-01-01",
    .flags = orphans_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_orphans,
};

static bool run_manifests(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "rewritten", "manifests replaced", PRINT_COUNT },
        { "added", "manifests written", PRINT_COUNT },
        { "kept", "manifests kept", PRINT_COUNT },
        { "entries", "files in them", PRINT_COUNT },
        { "snapshot_id", "snapshot", PRINT_ID },
        { NULL, NULL, PRINT_TEXT },
    };
    static const struct body_flag flags[] = {
        { "spec-id", NULL, BODY_ID }, { "target-bytes", NULL, BODY_COUNT },
        { "all", NULL, BODY_SWITCH }, { "dry-run", NULL, BODY_SWITCH },
        { NULL, NULL, BODY_TEXT },
    };
    return post(cli, "/rewrite-manifests", flags, columns, err);
}

static const struct flag manifests_flags[] = {
    { "spec-id", "ID", "manifests of this partition spec (default: the table's)", '\0', false },
    { "target-bytes", "N", "size of manifests (default: commit.manifest.target-size-bytes, 8 MB)",
      '\0', false },
    { "all", NULL, "even if they are few and clustered already", '\0', false },
    { "dry-run", NULL, "tell what would be written again", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_table_manifests = {
    .name = "table rewrite-manifests",
    .args = "NAME",
    .summary = "write a table's manifests again, clustered by partition",
    .detail =
        "Many small manifests become few of the target size in which files of a partition stand together, so that a filter on "
        "partitions reads few of them.  Files, rows, row ids and sequence numbers stay what they are.",
    .examples = "firn table rewrite-manifests silver.flights",
    .flags = manifests_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_manifests,
};

static bool run_deletes(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "rewritten_files", "delete files replaced", PRINT_COUNT },
        { "rewritten_bytes", "their size", PRINT_BYTES },
        { "added_files", "delete files written", PRINT_COUNT },
        { "added_bytes", "their size", PRINT_BYTES },
        { "dangling", "delete files dropped", PRINT_COUNT },
        { "snapshot_id", "snapshot", PRINT_ID },
        { NULL, NULL, PRINT_TEXT },
    };
    static const struct body_flag flags[] = {
        { "target-bytes", NULL, BODY_COUNT }, { "min-input-files", NULL, BODY_COUNT },
        { "all", NULL, BODY_SWITCH },         { "where", NULL, BODY_TEXT },
        { "equality", NULL, BODY_SWITCH },    { "only-dangling", NULL, BODY_SWITCH },
        { "dry-run", NULL, BODY_SWITCH },     { NULL, NULL, BODY_TEXT },
    };
    return post(cli, "/rewrite-deletes", flags, columns, err);
}

static const struct flag deletes_flags[] = {
    { "target-bytes", "N",
      "size of delete files (default: write.delete.target-file-size-bytes, 64 MB)", '\0', false },
    { "min-input-files", "N", "leave partitions with fewer small ones alone (default 5)", '\0',
      false },
    { "all", NULL, "write every delete file again", '\0', false },
    { "where", "CONDITION", "only those of data files that may hold such rows", '\0', false },
    { "equality", NULL, "turn equality deletes into positions, too", '\0', false },
    { "only-dangling", NULL, "only drop those that apply to no data file", '\0', false },
    { "dry-run", NULL, "tell what would be written again", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_table_deletes = {
    .name = "table rewrite-deletes",
    .args = "NAME",
    .summary = "write a table's delete files again: fewer, and none that dangles",
    .detail =
        "Small position delete files of a partition become one; in format 3 they become deletion vectors, one a data file.  "
        "Delete files that apply to no data file go.  Rows stay what they are.",
    .examples = "firn table rewrite-deletes silver.flights\n"
                "firn table rewrite-deletes silver.flights --equality",
    .flags = deletes_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_deletes,
};
