/* SPDX-License-Identifier: Apache-2.0
 *
 * The command table: what the program can be asked to do.  Parsing, --help, the man page, shell completion and the
 * command reference are all made from it, so that none can be out of date. */
#ifndef FIRN_CLI_COMMAND_H
#define FIRN_CLI_COMMAND_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct app;
struct http;

/* A flag of a command.  `value` names its argument in help texts; NULL: the flag takes none. */
struct flag {
    const char *name; /* without dashes */
    const char *value;
    const char *help;
    char letter;  /* '\0': no short form */
    bool repeats; /* may be given more than once */
};

#define ARGS_MAX 256

/* One call: what the user typed, sorted out. */
struct cli {
    const struct command *command;
    struct arena *a; /* lives until the command has ended */
    struct {
        const struct flag *flag;
        str value;
    } flags[ARGS_MAX];
    size_t flags_n;
    str args[ARGS_MAX];
    size_t args_n;

    const char *data_dir; /* --data, FIRN_DATA or ./firn-data */
    str server;           /* --server or FIRN_SERVER; empty: open the data directory */
    str token,
        credential; /* --token, --credential or FIRN_TOKEN, FIRN_CREDENTIAL: shown to a server */
    str ca_file;    /* --ca-cert or FIRN_CA_CERT */
    str branch;     /* --branch; "main" */
    bool json, quiet;

    struct app *app;   /* call.h: opened when the first request is made, */
    struct http *http; /* or this */
};

struct command {
    const char *name;         /* "table show" */
    const char *args;         /* "NAME", "[DIR]" */
    const char *summary;      /* one line, no full stop */
    const char *detail;       /* paragraphs, or NULL */
    const char *examples;     /* one a line */
    const struct flag *flags; /* ends with a NULL name; NULL: none */
    int args_min, args_max;
    bool makes_data; /* may make the data directory */
    bool (*run)(struct cli *cli, struct error *err);
};

/* All commands, sorted as the help lists them; ends with a NULL name. */
extern const struct command *const commands[];
extern const struct flag global_flags[];

/* The value of a flag of this call, or the fallback; the last one wins. */
str cli_flag(const struct cli *cli, const char *name, const char *fallback);
bool cli_has(const struct cli *cli, const char *name);
/* All values of a flag that repeats, in order. */
size_t cli_flag_all(const struct cli *cli, const char *name, str *out, size_t max);
/* A flag's value as a number of at least `min`; `fallback` when absent. */
MUST_USE bool cli_flag_int(const struct cli *cli, const char *name, int64_t fallback, int64_t min,
                           int64_t *out, struct error *err);

/* Sorts the words of a call out.  ERR_INVALID (exit status 2) names what was wrong and what is close to it.
 * *help is set when the call only asks for help: of cli->command; when that is NULL, of the group cli->args[0] ("admin") or, without
 * words, of the whole program. */
MUST_USE bool cli_parse(struct cli *cli, int argc, char **argv, bool *help, struct error *err);

/* Texts made from the table. */
void help_program(struct buf *out);
void help_group(str group, struct buf *out); /* the commands whose names begin with this word */
void help_command(const struct command *c, struct buf *out);
void help_man(struct buf *out);        /* troff */
void help_completion(struct buf *out); /* bash */
void help_markdown(struct buf *out);   /* docs/commands.md */

/* Prints to standard output; a broken pipe or a full disk there fails the command at its end. */
void out_str(str s);
void out_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* A line for people on standard error; nothing with -q. */
void note(const struct cli *cli, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
