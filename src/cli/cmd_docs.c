/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#define DOC_MAX ((size_t)4 << 20)

static const struct {
    const char *name;
    void (*make)(struct buf *out);
} documents[] = {
    { "man", help_man },
    { "completion", help_completion },
    { "markdown", help_markdown },
};

static bool run(struct cli *cli, struct error *err)
{
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        if (!str_is(cli->args[0], documents[i].name))
            continue;
        struct buf text = BUF_INIT(DOC_MAX);
        documents[i].make(&text);
        bool ok = buf_ok(&text, "the document", err);
        if (ok)
            out_str(buf_str(&text));
        buf_deinit(&text);
        return ok;
    }
    return fail(err, ERR_INVALID, "there is no document " STR_FMT " (man, completion, markdown)",
                STR_ARG(cli->args[0]));
}

const struct command cmd_docs = {
    .name = "docs",
    .args = "man|completion|markdown",
    .summary = "print the man page, bash completion or command reference",
    .examples = "firn docs man | man -l -\nsource <(firn docs completion)",
    .args_min = 1,
    .args_max = 1,
    .run = run,
};
