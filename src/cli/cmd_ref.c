/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/print.h"

static const struct flag ref_flags[] = {
    { "from", "REF", "where it starts: a branch, tag or commit (default main)", '\0', false },
    { "delete", NULL, "delete it", 'd', false },
    { "reset", "REF", "point it at another commit", '\0', false },
    { "rename", "NAME", "give it another name", '\0', false },
    { "expected", "COMMIT", "only if it points there now (--delete, --reset)", '\0', false },
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
    path_add_query(path, "expected", cli_flag(cli, "expected", ""));
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

static bool change_ref(struct cli *cli, struct error *err)
{
    const struct json *doc;
    struct buf *path = path_begin(cli, "/api/refs");
    path_add_segment(path, cli->args[0]);
    struct body *b = body_begin(cli);
    body_str(b, "to", cli_flag(cli, "reset", ""));
    body_str(b, "rename", cli_flag(cli, "rename", ""));
    body_str(b, "expected", cli_flag(cli, "expected", ""));
    if (!cli_call(cli, "PUT", buf_str(path), body_end(b), &doc, err))
        return false;
    if (cli->json)
        print_json(doc);
    else
        note(cli, STR_FMT " changed", STR_ARG(cli->args[0]));
    return true;
}

static bool run_ref(struct cli *cli, const char *kind, struct error *err)
{
    bool drop = cli_has(cli, "delete"), change = cli_has(cli, "reset") || cli_has(cli, "rename");
    if ((drop || change) && cli->args_n == 0)
        return fail(err, ERR_INVALID, "the name of a %s is needed", kind);
    if (drop && change)
        return fail(err, ERR_INVALID, "either --delete or a change");
    if (cli->args_n == 0)
        return list_refs(cli, kind, err);
    if (change)
        return change_ref(cli, err);
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
    .summary = "list branches, make one, move one, or delete one",
    .detail =
        "A branch is a version of all tables at once.  Making one copies nothing.  A ref may be followed by steps: main~2 is two commits\n"
        "back, main@2026-02-03T04:05:06Z the newest commit at that time, main@<commit> that commit.",
    .examples =
        "firn branch\nfirn branch experiment --from main\nfirn branch experiment --reset main~1\nfirn branch --delete experiment",
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

/* Shows what a merge or pick did, per entry; conflicts fail the command. */
static bool show_merge(struct cli *cli, const struct json *doc, const char *done, str what,
                       str into, struct error *err)
{
    static const struct print_column columns[] = {
        { "name", "table", PRINT_TEXT },         { "action", NULL, PRINT_TEXT },
        { "conflict", NULL, PRINT_TEXT },        { "reason", NULL, PRINT_TEXT },
        { "snapshot_id", "snapshot", PRINT_ID }, { NULL, NULL, PRINT_TEXT },
    };
    const struct json *entries = json_get(doc, "entries"), *applied = json_get(doc, "applied"),
                      *conflicts = json_get(doc, "conflicts"),
                      *current = json_get(doc, "up_to_date");
    if (cli->json)
        print_json(doc);
    else if (entries && entries->kind == JSON_ARRAY && entries->array.n)
        print_rows(entries, columns);
    if (conflicts && conflicts->kind == JSON_INT && conflicts->i)
        return fail(err, ERR_CONFLICT, "%lld conflicts: nothing was changed",
                    (long long)conflicts->i);
    if (current && current->kind == JSON_BOOL && current->b)
        note(cli, STR_FMT " has it all already", STR_ARG(into));
    else if (applied && applied->kind == JSON_BOOL && applied->b)
        note(cli, "%s " STR_FMT " into " STR_FMT, done, STR_ARG(what), STR_ARG(into));
    return true;
}

/* Members that merges and picks have in common. */
static str merge_members(struct cli *cli, struct body *b)
{
    str into = cli_flag(cli, "into", "");
    into = into.len ? into : cli->branch;
    body_str(b, "into", into);
    body_str(b, "prefer", cli_flag(cli, "prefer", ""));
    body_str(b, "expected", cli_flag(cli, "expected", ""));
    body_str(b, "message", cli_flag(cli, "message", ""));
    jw_kv_bool(&b->w, "dry_run", cli_has(cli, "dry-run"));
    return into;
}

static bool run_merge(struct cli *cli, struct error *err)
{
    const struct json *doc;
    struct body *b = body_begin(cli);
    body_str(b, "from", cli->args[0]);
    str into = merge_members(cli, b);
    return cli_call(cli, "POST", STR("/api/merge"), body_end(b), &doc, err) &&
           show_merge(cli, doc, "merged", cli->args[0], into, err);
}

static const struct flag merge_flags[] = {
    { "into", "BRANCH", "the branch that gets the changes (default main)", '\0', false },
    { "dry-run", NULL, "show what would happen, change nothing", '\0', false },
    { "prefer", "SIDE", "source or target: whose state stands, without a look at contents", '\0',
      false },
    { "message", "TEXT", "of the commit", 'm', false },
    { "expected", "COMMIT", "only if the branch points there now", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_merge = {
    .name = "merge",
    .args = "FROM",
    .summary = "bring a branch's changes into another, table by table",
    .detail =
        "Tables that changed on one side are taken; appends of both sides, compaction, changes of schema and of properties are put\n"
        "together; anything else is a conflict, which is named, and then nothing moves.",
    .examples = "firn merge experiment\nfirn merge experiment --into main --dry-run",
    .flags = merge_flags,
    .args_min = 1,
    .args_max = 1,
    .run = run_merge,
};

static bool run_pick(struct cli *cli, const char *route, const char *done, struct error *err)
{
    const struct json *doc;
    struct body *b = body_begin(cli);
    body_list(b, "commits", cli->args, cli->args_n);
    str into = merge_members(cli, b);
    return cli_call(cli, "POST", str_of(route), body_end(b), &doc, err) &&
           show_merge(cli, doc, done, cli->args[0], into, err);
}

static bool run_cherry_pick(struct cli *cli, struct error *err)
{
    return run_pick(cli, "/api/cherry-pick", "picked", err);
}

const struct command cmd_cherry_pick = {
    .name = "cherry-pick",
    .args = "COMMIT...",
    .summary = "bring what single commits did to a branch",
    .detail =
        "Commits are given in the order in which they are applied; together they become one commit.  What was appended is appended, by the\n"
        "rules of a merge.",
    .examples =
        "firn cherry-pick experiment\nfirn cherry-pick experiment~2 experiment --into main --dry-run",
    .flags = merge_flags,
    .args_min = 1,
    .args_max = ARGS_MAX,
    .run = run_cherry_pick,
};

static bool run_revert(struct cli *cli, struct error *err)
{
    return run_pick(cli, "/api/revert", "reverted", err);
}

const struct command cmd_revert = {
    .name = "revert",
    .args = "COMMIT...",
    .summary = "take back what single commits did to a branch",
    .detail =
        "A table that has not changed since goes back to what it was; from one that has, the files that the commit appended are removed.\n"
        "Give the newest commit first.",
    .examples = "firn revert main\nfirn revert main~3 --dry-run",
    .flags = merge_flags,
    .args_min = 1,
    .args_max = ARGS_MAX,
    .run = run_revert,
};

static bool list_rules(struct cli *cli, struct error *err)
{
    const struct json *doc;
    if (!cli_call(cli, "GET", STR("/api/branch-rules"), (str){ 0 }, &doc, err))
        return false;
    if (cli->json) {
        print_json(doc);
        return true;
    }
    for (size_t i = 0; doc->kind == JSON_ARRAY && i < doc->array.n; i++) {
        const struct json *rule = &doc->array.items[i], *pattern = json_get(rule, "pattern");
        static const char *const actions[] = { "write", "merge", "assign", "delete" };
        if (!pattern || pattern->kind != JSON_STR)
            continue;
        out_str(pattern->s);
        for (size_t k = 0; k < 4; k++) {
            const struct json *names = json_get(rule, actions[k]);
            out_printf("  %s:", actions[k]);
            for (size_t n = 0; names && names->kind == JSON_ARRAY && n < names->array.n; n++)
                if (names->array.items[n].kind == JSON_STR)
                    out_printf("%s" STR_FMT, n ? "," : "", STR_ARG(names->array.items[n].s));
            if (names && names->kind == JSON_ARRAY && names->array.n == 0)
                out_str(STR("nobody"));
        }
        out_str(STR("\n"));
    }
    return true;
}

static bool drop_rule(struct cli *cli, struct error *err)
{
    const struct json *doc;
    struct buf *path = path_begin(cli, "/api/branch-rules");
    path_add_query(path, "pattern", cli->args[0]);
    if (!cli_call(cli, "DELETE", buf_str(path), (str){ 0 }, &doc, err))
        return false;
    note(cli, STR_FMT " is open", STR_ARG(cli->args[0]));
    return true;
}

/* "none" is the empty list. */
static void rule_list(struct cli *cli, struct body *b, const char *key)
{
    str names = cli_flag(cli, key, "");
    if (!cli_has(cli, key))
        return;
    if (!str_is(names, "none")) {
        body_list(b, key, &names, 1);
        return;
    }
    jw_kv_array(&b->w, key);
    jw_end_array(&b->w);
}

static bool run_protect(struct cli *cli, struct error *err)
{
    const struct json *doc;
    if (cli->args_n == 0)
        return list_rules(cli, err);
    if (cli_has(cli, "drop"))
        return drop_rule(cli, err);
    struct body *b = body_begin(cli);
    body_str(b, "pattern", cli->args[0]);
    rule_list(cli, b, "write");
    rule_list(cli, b, "merge");
    rule_list(cli, b, "assign");
    rule_list(cli, b, "delete");
    if (!cli_call(cli, "PUT", STR("/api/branch-rules"), body_end(b), &doc, err))
        return false;
    if (cli->json)
        print_json(doc);
    else
        note(cli, STR_FMT " is protected", STR_ARG(cli->args[0]));
    return true;
}

static const struct flag protect_flags[] = {
    { "write", "NAMES", "who may commit to it", '\0', false },
    { "merge", "NAMES", "who may merge into it", '\0', false },
    { "assign", "NAMES", "who may move or rename it", '\0', false },
    { "delete", "NAMES", "who may delete it", '\0', false },
    { "drop", NULL, "drop the rule of this pattern", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_branch_protect = {
    .name = "branch protect",
    .args = "[PATTERN]",
    .summary =
        "say who may write, merge, move and delete the refs that a pattern names, or list the rules",
    .detail =
        "NAMES are principals, role:NAME, * for everyone, or none, with commas between; what is not said is everyone's.  Each rule\n"
        "whose pattern fits a ref must allow the action, whoever asks.",
    .examples =
        "firn branch protect\nfirn branch protect main --write none --merge role:release --delete none\nfirn branch protect main --drop",
    .flags = protect_flags,
    .args_max = 1,
    .run = run_protect,
};

static bool run_log(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "id", "commit", PRINT_TEXT }, { "time", NULL, PRINT_TIME },
        { "author", NULL, PRINT_TEXT }, { "message", NULL, PRINT_TEXT },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    static const char *const filters[] = { "author", "message", "since", "until", "table" };
    struct buf *path = path_begin(cli, "/api/commits");
    path_add_query(path, "ref", cli->args_n ? cli->args[0] : cli->branch);
    path_add_query(path, "limit", cli_flag(cli, "limit", "20"));
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        path_add_query(path, filters[i], cli_flag(cli, filters[i], ""));
    if (!cli_call(cli, "GET", buf_str(path), (str){ 0 }, &doc, err))
        return false;
    const struct json *commits = doc->kind == JSON_ARRAY ? doc : json_get(doc, "commits");
    if (cli->json)
        print_json(commits ? commits : doc);
    else if (commits && commits->kind == JSON_ARRAY)
        print_rows(commits, columns);
    return true;
}

static const struct flag log_flags[] = {
    { "limit", "N", "at most so many commits (default 20)", 'n', false },
    { "author", "NAME", "only commits of this author", '\0', false },
    { "message", "TEXT", "only commits whose message holds this", '\0', false },
    { "since", "TIME", "only commits from this time on", '\0', false },
    { "until", "TIME", "only commits before this time", '\0', false },
    { "table", "NAME", "only commits that changed this table", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_log = {
    .name = "log",
    .args = "[REF]",
    .summary = "show the commits of a branch, newest first",
    .examples =
        "firn log\nfirn log experiment --limit 5 --json\nfirn log --table silver.flights --since 2026-01-01",
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
