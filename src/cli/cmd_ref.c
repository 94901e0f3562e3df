/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/print.h"

static const struct flag ref_flags[] = {
    { "from", "REF", "where it starts: a branch, tag or commit (default main)", '\0', false },
    { "delete", NULL, "delete it", 'd', false },
    { NULL, NULL, NULL, '\0', false },
};

static bool list_refs(struct cli *cli, const char *kind, struct error *err)
{
    static const struct print_column columns[] = {
        { "name", NULL, PRINT_TEXT },
        { "commit_id", "commit", PRINT_TEXT },
        { "updated", NULL, PRINT_TIME },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    struct buf *path = path_begin(cli, "/api/refs");
    path_add_query(path, "kind", str_of(kind));
    if (!cli_call(cli, "GET", buf_str(path), (str){ 0 }, &doc, err))
        return false;
    const struct json *refs = doc->kind == JSON_ARRAY ? doc : json_get(doc, "refs");
    if (cli->json)
        print_json(doc);
    else if (refs && refs->kind == JSON_ARRAY)
        print_rows(refs, columns);
    return true;
}

static bool delete_ref(struct cli *cli, struct error *err)
{
    const struct json *doc;
    struct buf *path = path_begin(cli, "/api/refs");
    path_add_segment(path, cli->args[0]);
    if (!cli_call(cli, "DELETE", buf_str(path), (str){ 0 }, &doc, err))
        return false;
    note(cli, "deleted " STR_FMT, STR_ARG(cli->args[0]));
    return true;
}

static bool create_ref(struct cli *cli, const char *kind, struct error *err)
{
    const struct json *doc;
    struct body *b = body_begin(cli);
    str from = cli_flag(cli, "from", "");
    body_str(b, "name", cli->args[0]);
    body_str(b, "kind", str_of(kind));
    body_str(b, "from", from.len ? from : cli->branch);
    if (!cli_call(cli, "POST", STR("/api/refs"), body_end(b), &doc, err))
        return false;
    if (cli->json)
        print_json(doc);
    else
        note(cli, "made the %s " STR_FMT, kind, STR_ARG(cli->args[0]));
    return true;
}

static bool run_ref(struct cli *cli, const char *kind, struct error *err)
{
    bool drop = cli_has(cli, "delete");
    if (drop && cli->args_n == 0)
        return fail(err, ERR_INVALID, "--delete needs the name of a %s", kind);
    if (cli->args_n == 0)
        return list_refs(cli, kind, err);
    return drop ? delete_ref(cli, err) : create_ref(cli, kind, err);
}

static bool run_branch(struct cli *cli, struct error *err)
{
    return run_ref(cli, "branch", err);
}

static bool run_tag(struct cli *cli, struct error *err)
{
    return run_ref(cli, "tag", err);
}

const struct command cmd_branch = {
    .name = "branch",
    .args = "[NAME]",
    .summary = "list branches, make one, or delete one",
    .detail = "A branch is a version of all tables at once.  Making one copies nothing.",
    .examples = "firn branch\nfirn branch experiment --from main\nfirn branch --delete experiment",
    .flags = ref_flags,
    .args_max = 1,
    .run = run_branch,
};

const struct command cmd_tag = {
    .name = "tag",
    .args = "[NAME]",
    .summary = "list tags, make one, or delete one",
    .detail = "A tag names a state of all tables.  Nothing can be written to it.",
    .examples =
        "firn tag\nfirn tag before-cleaning\nfirn sql -c \"SELECT count(*) FROM silver.flights\" --branch before-cleaning",
    .flags = ref_flags,
    .args_max = 1,
    .run = run_tag,
};

static bool run_merge(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "name", "table", PRINT_TEXT },         { "action", NULL, PRINT_TEXT },
        { "conflict", NULL, PRINT_TEXT },        { "reason", NULL, PRINT_TEXT },
        { "snapshot_id", "snapshot", PRINT_ID }, { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    struct body *b = body_begin(cli);
    str into = cli_flag(cli, "into", "");
    into = into.len ? into : cli->branch;
    body_str(b, "from", cli->args[0]);
    body_str(b, "into", into);
    jw_kv_bool(&b->w, "dry_run", cli_has(cli, "dry-run"));
    if (!cli_call(cli, "POST", STR("/api/merge"), body_end(b), &doc, err))
        return false;
    const struct json *entries = json_get(doc, "entries"), *applied = json_get(doc, "applied"),
                      *conflicts = json_get(doc, "conflicts"),
                      *current = json_get(doc, "up_to_date");
    if (cli->json)
        print_json(doc);
    else if (entries && entries->kind == JSON_ARRAY && entries->array.n)
        print_rows(entries, columns);
    if (conflicts && conflicts->kind == JSON_INT && conflicts->i)
        return fail(err, ERR_CONFLICT, "%lld conflicts: nothing was merged",
                    (long long)conflicts->i);
    if (current && current->kind == JSON_BOOL && current->b)
        note(cli, STR_FMT " has it all already", STR_ARG(into));
    else if (applied && applied->kind == JSON_BOOL && applied->b)
        note(cli, "merged " STR_FMT " into " STR_FMT, STR_ARG(cli->args[0]), STR_ARG(into));
    return true;
}

static const struct flag merge_flags[] = {
    { "into", "BRANCH", "the branch that gets the changes (default main)", '\0', false },
    { "dry-run", NULL, "show what would happen, change nothing", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_merge = {
    .name = "merge",
    .args = "FROM",
    .summary = "bring a branch's changes into another, table by table",
    .detail =
        "Tables that changed on one side are taken; appends on both sides are put together; anything else is a conflict, which is\n"
        "named, and then nothing moves.",
    .examples = "firn merge experiment\nfirn merge experiment --into main --dry-run",
    .flags = merge_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_merge,
};

static bool run_log(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "id", "commit", PRINT_TEXT }, { "time", NULL, PRINT_TIME },
        { "author", NULL, PRINT_TEXT }, { "message", NULL, PRINT_TEXT },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    struct buf *path = path_begin(cli, "/api/log");
    path_add_query(path, "ref", cli->args_n ? cli->args[0] : cli->branch);
    path_add_query(path, "limit", cli_flag(cli, "limit", "20"));
    if (!cli_call(cli, "GET", buf_str(path), (str){ 0 }, &doc, err))
        return false;
    const struct json *commits = doc->kind == JSON_ARRAY ? doc : json_get(doc, "commits");
    if (cli->json)
        print_json(doc);
    else if (commits && commits->kind == JSON_ARRAY)
        print_rows(commits, columns);
    return true;
}

static const struct flag log_flags[] = {
    { "limit", "N", "at most so many commits (default 20)", 'n', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_log = {
    .name = "log",
    .args = "[REF]",
    .summary = "show the commits of a branch, newest first",
    .examples = "firn log\nfirn log experiment --limit 5 --json",
    .flags = log_flags,
    .args_max = 1,
    .run = run_log,
};

static bool run_diff(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "change", NULL, PRINT_TEXT },
        { "type", NULL, PRINT_TEXT },
        { "name", NULL, PRINT_TEXT },
        { "from_snapshot_id", "snapshot before", PRINT_ID },
        { "to_snapshot_id", "snapshot after", PRINT_ID },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    struct buf *path = path_begin(cli, "/api/diff");
    path_add_query(path, "from", cli->args[0]);
    path_add_query(path, "to", cli->args_n > 1 ? cli->args[1] : cli->branch);
    if (!cli_call(cli, "GET", buf_str(path), (str){ 0 }, &doc, err))
        return false;
    const struct json *entries = doc->kind == JSON_ARRAY ? doc : json_get(doc, "entries");
    if (cli->json)
        print_json(doc);
    else if (entries && entries->kind == JSON_ARRAY && entries->array.n)
        print_rows(entries, columns);
    else
        note(cli, "no difference");
    return true;
}

const struct command cmd_diff = {
    .name = "diff",
    .args = "FROM [TO]",
    .summary = "show which tables differ between two refs",
    .detail =
        "FROM and TO are branches, tags or commits; TO is the branch of --branch when it is left out.",
    .examples = "firn diff main experiment",
    .args_min = 1,
    .args_max = 2,
    .run = run_diff,
};
