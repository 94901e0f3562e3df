/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cli/command.h"
#include "codec/json.h"
#include "version.h"

static void print_help(const struct cli *cli)
{
    struct buf text = BUF_INIT(1 << 20);
    if (cli->command)
        help_command(cli->command, &text);
    else if (cli->args_n)
        help_group(cli->args[0], &text);
    else
        help_program(&text);
    out_str(buf_str(&text));
    buf_deinit(&text);
}

/* Errors go to standard error as one line and, when there is one, a line of advice; with --json as an object. */
static void print_error(const struct cli *cli, const struct error *err)
{
    if (cli->json) {
        struct buf text = BUF_INIT(4096);
        struct json_writer w;
        jw_init(&w, &text);
        jw_begin_object(&w);
        jw_kv_str(&w, "error", str_of(err_code_type(err->code)));
        jw_kv_str(&w, "message", str_of(err->msg));
        if (*err->hint)
            jw_kv_str(&w, "hint", str_of(err->hint));
        jw_end_object(&w);
        fprintf(stderr, STR_FMT "\n", STR_ARG(buf_str(&text)));
        buf_deinit(&text);
        return;
    }
    fprintf(stderr, "firn: %s\n", err->msg);
    if (*err->hint)
        fprintf(stderr, "hint: %s\n", err->hint);
}

static bool set_log_level(const struct cli *cli, struct error *err)
{
    enum log_level level;
    str text = cli_flag(cli, "log-level", "warn");
    if (!log_level_parse(arena_cstr(cli->a, text), &level))
        return fail(err, ERR_INVALID,
                    "--log-level is error, warn, info or debug, not \"" STR_FMT "\"",
                    STR_ARG(text));
    log_set_level(level);
    return true;
}

/* Output that could not be written (a full disk, a closed pipe) is a failure of the command. */
static bool flush_output(struct error *err)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    return fail_errno(err, errno, "write the output");
}

/* A request may take a hundred megabytes for a moment (a table with a long history).  Left to itself the C library raises
 * the size from which a block is given back at once, up to 32 MB, and such moments add up. */
#define GIVEN_BACK_MIN (1 << 20)
#define HEAP_SLACK_MAX (4 << 20)

static void keep_memory_small(void)
{
    mallopt(M_MMAP_THRESHOLD, GIVEN_BACK_MIN);
    mallopt(M_TRIM_THRESHOLD, HEAP_SLACK_MAX);
}

int main(int argc, char **argv)
{
    keep_memory_small();
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("firn %s\n", FIRN_VERSION) > 0 && fflush(stdout) == 0 ? EXIT_DONE
                                                                            : EXIT_FAILED;
    signal(SIGPIPE, SIG_IGN);
    struct error err = { 0 };
    struct arena *a = arena_create(0);
    struct cli cli = { .a = a };
    bool help = false;
    int status = EXIT_DONE;
    if (!cli_parse(&cli, argc, argv, &help, &err) || !set_log_level(&cli, &err)) {
        print_error(&cli, &err);
        status = EXIT_USAGE;
    } else if (help) {
        print_help(&cli);
    } else if (!cli.command->run(&cli, &err) || !flush_output(&err)) {
        fflush(stdout);
        print_error(&cli, &err);
        status = EXIT_FAILED;
    }
    arena_destroy(a);
    return status;
}
