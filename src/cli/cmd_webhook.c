/* SPDX-License-Identifier: Apache-2.0
 *
 * The change feed and the webhooks, from the command line. */
#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/print.h"

#define WEBHOOKS "/api/webhooks"

static struct buf *hook_path(struct cli *cli, const char *rest)
{
    struct buf *path = path_begin(cli, WEBHOOKS);
    path_add_segment(path, cli->args[1]);
    buf_printf(path, "%s", rest);
    return path;
}

static bool hook_ls(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "name", NULL, PRINT_TEXT },
        { "state", NULL, PRINT_TEXT },
        { "url", NULL, PRINT_TEXT },
        { "delivered", NULL, PRINT_COUNT },
        { "failed_attempts", "failed", PRINT_COUNT },
        { "last_attempt", "last attempt", PRINT_TIME },
        { "last_status", "status", PRINT_ID },
        { "last_error", "error", PRINT_TEXT },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    if (!cli_call(cli, "GET", STR(WEBHOOKS), (str){ 0 }, &doc, err))
        return false;
    if (cli->json)
        print_json(doc);
    else
        print_rows(doc, columns);
    return true;
}

static bool hook_make(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "name", NULL, PRINT_TEXT },
        { "url", NULL, PRINT_TEXT },
        { "secret", NULL, PRINT_TEXT },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    struct body *b = body_begin(cli);
    body_str(b, "name", cli->args[1]);
    body_str(b, "url", cli->args[2]);
    body_str(b, "type", cli_flag(cli, "type", ""));
    body_str(b, "table", cli_flag(cli, "table", ""));
    body_str(b, "namespace", cli_flag(cli, "namespace", ""));
    body_str(b, "ref", cli_flag(cli, "ref", ""));
    body_str(b, "after", cli_flag(cli, "after", ""));
    if (!cli_call(cli, "POST", STR(WEBHOOKS), body_end(b), &doc, err))
        return false;
    print_answer(cli, doc, columns);
    note(cli, "the secret is not shown again: write it down now");
    return true;
}

static bool hook_drop(struct cli *cli, struct error *err)
{
    const struct json *doc;
    if (!cli_call(cli, "DELETE", buf_str(hook_path(cli, "")), (str){ 0 }, &doc, err))
        return false;
    note(cli, "removed the webhook " STR_FMT, STR_ARG(cli->args[1]));
    return true;
}

static bool set_state(struct cli *cli, const char *state, struct error *err)
{
    const struct json *doc;
    struct body *b = body_begin(cli);
    jw_kv_str(&b->w, "state", str_of(state));
    if (!cli_call(cli, "PUT", buf_str(hook_path(cli, "")), body_end(b), &doc, err))
        return false;
    note(cli, "the webhook " STR_FMT " is %s", STR_ARG(cli->args[1]), state);
    return true;
}

static bool hook_resume(struct cli *cli, struct error *err)
{
    return set_state(cli, "active", err);
}

static bool hook_pause(struct cli *cli, struct error *err)
{
    return set_state(cli, "paused", err);
}

/* A receiver that does not take it makes the command fail. */
static bool hook_test(struct cli *cli, struct error *err)
{
    const struct json *doc, *delivered, *why;
    if (!cli_call(cli, "POST", buf_str(hook_path(cli, "/test")), STR("{}"), &doc, err))
        return false;
    if (cli->json)
        print_json(doc);
    delivered = json_get(doc, "delivered");
    why = json_get(doc, "error");
    if (delivered && delivered->kind == JSON_BOOL && delivered->b) {
        note(cli, "the receiver took the test event");
        return true;
    }
    return fail(err, ERR_UNAVAILABLE, "the test event was not taken: " STR_FMT,
                STR_ARG(why && why->kind == JSON_STR ? why->s : STR("no reason given")));
}

static bool run_webhook(struct cli *cli, struct error *err)
{
    static const struct {
        const char *word;
        bool (*run)(struct cli *cli, struct error *err);
        size_t args; /* besides the word */
    } actions[] = {
        { "ls", hook_ls, 0 },     { "add", hook_make, 2 },    { "rm", hook_drop, 1 },
        { "test", hook_test, 1 }, { "pause", hook_pause, 1 }, { "resume", hook_resume, 1 },
    };
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (!str_is(cli->args[0], actions[i].word))
            continue;
        if (cli->args_n != actions[i].args + 1)
            return fail(err, ERR_INVALID, "webhook %s takes %zu words, not %zu", actions[i].word,
                        actions[i].args, cli->args_n - 1);
        return actions[i].run(cli, err);
    }
    return fail(err, ERR_INVALID,
                "webhook: \"" STR_FMT "\" is none of ls, add, rm, test, pause, resume",
                STR_ARG(cli->args[0]));
}

static const struct flag webhook_flags[] = {
    { "type", "TYPES", "only these: \"table.*,ref.created\" (default: all)", '\0', false },
    { "table", "NAME", "only events of this table", '\0', false },
    { "namespace", "NAME", "only events in this namespace", '\0', false },
    { "ref", "NAME", "only events of this branch or tag; may have stars", '\0', false },
    { "after", "PLACE",
      "begin after this place in the feed; 0: with the oldest event (default: latest)", '\0',
      false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_webhook = {
    .name = "webhook",
    .args = "ls | add NAME URL | test NAME | pause NAME | resume NAME | rm NAME",
    .summary = "tell other programs what happens to the catalog",
    .detail =
        "A running server posts each event that passes the filters to the address, signed, in order, until it is taken.\n"
        "A webhook whose receiver fails for too long is dead; resume goes on where it stopped.",
    .examples = "firn webhook add etl https://etl.example.com/firn --type 'table.*' --ref main\n"
                "firn webhook test etl",
    .flags = webhook_flags,
    .args_min = 1,
    .args_max = 3,
    .run = run_webhook,
};

/* ---- The feed ---- */

static bool run_events(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "id", NULL, PRINT_TEXT },      { "time", NULL, PRINT_TIME }, { "type", NULL, PRINT_TEXT },
        { "subject", NULL, PRINT_TEXT }, { NULL, NULL, PRINT_TEXT },
    };
    static const char *const filters[] = { "after", "limit", "wait",     "type",
                                           "table", "ref",   "namespace" };
    const struct json *doc, *events, *cursor;
    struct buf *path = path_begin(cli, "/api/events");
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        path_add_query(path, filters[i], cli_flag(cli, filters[i], ""));
    if (!cli_call(cli, "GET", buf_str(path), (str){ 0 }, &doc, err))
        return false;
    events = json_get(doc, "events");
    cursor = json_get(doc, "cursor");
    if (cli->json)
        print_json(doc);
    else if (events && events->kind == JSON_ARRAY)
        print_rows(events, columns);
    if (cursor && cursor->kind == JSON_STR)
        note(cli, "go on with --after " STR_FMT, STR_ARG(cursor->s));
    return true;
}

static const struct flag events_flags[] = {
    { "after", "PLACE", "begin after this place; latest: where the feed ends (default: the oldest)",
      '\0', false },
    { "limit", "N", "at most so many (default 100)", '\0', false },
    { "wait", "SECONDS", "wait for an event when there is none", '\0', false },
    { "type", "TYPES", "only these: \"table.*,ref.created\"", '\0', false },
    { "table", "NAME", "only events of this table", '\0', false },
    { "namespace", "NAME", "only events in this namespace", '\0', false },
    { "ref", "NAME", "only events of this branch or tag; may have stars", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_events = {
    .name = "events",
    .args = "",
    .summary = "what happened to the catalog: commits, tables, branches",
    .examples =
        "firn events --type 'table.*' --ref main\nfirn events --after latest --wait 60 --json",
    .flags = events_flags,
    .run = run_events,
};
