/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>

const struct flag global_flags[] = {
    { "data", "DIR", "data directory (FIRN_DATA; default ./firn-data)", '\0', false },
    { "server", "URL",
      "talk to a running server instead of opening the data directory (FIRN_SERVER)", '\0', false },
    { "token", "TOKEN", "token or API key to show to a server (FIRN_TOKEN)", '\0', false },
    { "credential", "ID:SECRET", "client id and secret to log in to a server (FIRN_CREDENTIAL)",
      '\0', false },
    { "ca-cert", "FILE", "trust certificates of this authority (PEM; FIRN_CA_CERT)", '\0', false },
    { "branch", "NAME", "branch or tag to work on (default main)", '\0', false },
    { "json", NULL, "print JSON", '\0', false },
    { "quiet", NULL, "print results only", 'q', false },
    { "log-level", "LEVEL", "error, warn, info or debug (default warn)", '\0', false },
    { "help", NULL, "explain the command", 'h', false },
    { NULL, NULL, NULL, '\0', false },
};

static const struct flag *find_flag(const struct flag *flags, str name)
{
    for (const struct flag *f = flags; f && f->name; f++)
        if (str_is(name, f->name) || (name.len == 1 && name.ptr[0] == f->letter))
            return f;
    return NULL;
}

/* Edit distance, for "did you mean"; words here are short. */
static size_t distance(str x, str y)
{
    size_t row[64];
    if (x.len >= 64 || y.len >= 64)
        return 64;
    for (size_t j = 0; j <= y.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= x.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= y.len; j++) {
            size_t change = diagonal + (x.ptr[i - 1] != y.ptr[j - 1]);
            diagonal = row[j];
            size_t gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < gap ? change : gap;
        }
    }
    return row[y.len];
}

static void hint_command(str typed, struct error *err)
{
    const char *best = NULL;
    size_t best_distance = 3;
    for (size_t i = 0; commands[i]; i++) {
        size_t d = distance(typed, str_of(commands[i]->name));
        if (d < best_distance) {
            best_distance = d;
            best = commands[i]->name;
        }
    }
    if (best)
        fail_hint(err, "did you mean `firn %s`? `firn --help` lists all commands", best);
    else
        fail_hint(err, "`firn --help` lists all commands");
}

/* The command named by the first one or two of the words; *used says how many. */
static const struct command *find_command(const str *words, size_t n, size_t *used)
{
    for (size_t len = n < 2 ? n : 2; len > 0; len--) {
        for (size_t i = 0; commands[i]; i++) {
            str name = str_of(commands[i]->name), first, second;
            bool two = str_cut(name, ' ', &first, &second);
            if ((len == 1 && !two && str_eq(first, words[0])) ||
                (len == 2 && two && str_eq(first, words[0]) && str_eq(second, words[1]))) {
                *used = len;
                return commands[i];
            }
        }
    }
    return NULL;
}

static bool is_group(str word)
{
    for (size_t i = 0; commands[i]; i++) {
        str first, second;
        if (str_cut(str_of(commands[i]->name), ' ', &first, &second) && str_eq(first, word))
            return true;
    }
    return false;
}

/* "ls, show, ...": what may follow the group's name. */
static str group_commands(str group, struct arena *a)
{
    str names[ARGS_MAX];
    size_t n = 0;
    for (size_t i = 0; commands[i] && n < ARGS_MAX; i++) {
        str first;
        if (str_cut(str_of(commands[i]->name), ' ', &first, &names[n]) && str_eq(first, group))
            n++;
    }
    return arena_join(a, names, n, STR(", "));
}

static bool unknown_command(const str *words, size_t n, struct arena *a, struct error *err)
{
    if (n == 0) {
        fail(err, ERR_INVALID, "no command given");
        return fail_hint(err, "`firn --help` lists all commands");
    }
    if (is_group(words[0]) && n == 1) {
        fail(err, ERR_INVALID, "`firn " STR_FMT "` needs to know what to do", STR_ARG(words[0]));
        return fail_hint(err, "one of: " STR_FMT, STR_ARG(group_commands(words[0], a)));
    }
    str typed = is_group(words[0])
                    ? arena_printf(a, STR_FMT " " STR_FMT, STR_ARG(words[0]), STR_ARG(words[1]))
                    : words[0];
    fail(err, ERR_INVALID, "no such command: " STR_FMT, STR_ARG(typed));
    hint_command(typed, err);
    return false;
}

static bool add_flag(struct cli *cli, const struct flag *f, str value, struct error *err)
{
    if (cli->flags_n == ARGS_MAX)
        return fail(err, ERR_LIMIT, "more than %d flags", ARGS_MAX);
    cli->flags[cli->flags_n].flag = f;
    cli->flags[cli->flags_n++].value = value;
    return true;
}

/* One word that begins with a dash, and the next one when the flag wants a value. */
static bool parse_flag(struct cli *cli, int argc, char **argv, int *i, struct error *err)
{
    str word = str_of(argv[*i]), name, value;
    bool is_long = str_starts(word, STR("--"));
    bool joined = is_long && str_cut(str_from(word, 2), '=', &name, &value);
    if (!joined)
        name = str_from(word, is_long ? 2 : 1);
    const struct flag *f = find_flag(global_flags, name);
    if (!f && cli->command)
        f = find_flag(cli->command->flags, name);
    if (!f) {
        fail(err, ERR_INVALID, "unknown flag " STR_FMT, STR_ARG(word));
        return fail_hint(err, "`firn %s%s--help` lists the flags",
                         cli->command ? cli->command->name : "", cli->command ? " " : "");
    }
    if (!f->value)
        return joined ? fail(err, ERR_INVALID, "--%s takes no value", f->name)
                      : add_flag(cli, f, (str){ 0 }, err);
    if (!joined) {
        if (*i + 1 >= argc)
            return fail(err, ERR_INVALID, "--%s needs a value (%s)", f->name, f->value);
        value = str_of(argv[++*i]);
    }
    return add_flag(cli, f, value, err);
}

static bool is_flag(const char *word)
{
    /* A lone dash is an argument, and so is a negative number. */
    return word[0] == '-' && word[1] != '\0' && !(word[1] >= '0' && word[1] <= '9');
}

/* The command is named by the first words that are neither flags nor values of global flags. */
static bool parse_words(struct cli *cli, int argc, char **argv, struct error *err)
{
    str words[2];
    int at[2], found = 0;
    for (int i = 1; i < argc && found < 2; i++) {
        if (is_flag(argv[i])) {
            str name = str_from(str_of(argv[i]), str_starts(str_of(argv[i]), STR("--")) ? 2 : 1);
            const struct flag *f = find_flag(global_flags, name);
            if (!f && found)
                break;
            i += f && f->value;
            continue;
        }
        words[found] = str_of(argv[i]);
        at[found++] = i;
    }
    size_t used = 0;
    cli->command = find_command(words, (size_t)found, &used);
    bool plain = false; /* after a lone "--" */
    for (int i = 1; i < argc; i++) {
        if ((used > 0 && i == at[0]) || (used > 1 && i == at[1]))
            continue;
        if (!plain && strcmp(argv[i], "--") == 0) {
            plain = true;
        } else if (!plain && is_flag(argv[i])) {
            if (!parse_flag(cli, argc, argv, &i, err))
                return false;
        } else if (cli->args_n == ARGS_MAX) {
            return fail(err, ERR_LIMIT, "more than %d arguments", ARGS_MAX);
        } else {
            cli->args[cli->args_n++] = str_of(argv[i]);
        }
    }
    return true;
}

static bool check_args(const struct cli *cli, struct error *err)
{
    const struct command *c = cli->command;
    if ((int)cli->args_n < c->args_min)
        fail(err, ERR_INVALID, "`firn %s` needs %s", c->name, c->args);
    else if ((int)cli->args_n > c->args_max)
        fail(err, ERR_INVALID, "`firn %s` does not take the argument " STR_FMT, c->name,
             STR_ARG(cli->args[c->args_max]));
    else
        return true;
    return fail_hint(err, "usage: firn %s %s", c->name, c->args);
}

static str flag_or_env(const struct cli *cli, const char *flag, const char *name,
                       const char *fallback)
{
    const char *value = getenv(name);
    return cli_flag(cli, flag, value && *value ? value : fallback);
}

bool cli_parse(struct cli *cli, int argc, char **argv, bool *help, struct error *err)
{
    for (int i = 1; i < argc;
         i++) /* known before anything can be wrong, for the form of the error */
        cli->json = cli->json || strcmp(argv[i], "--json") == 0;
    if (!parse_words(cli, argc, argv, err))
        return false;
    cli->data_dir = arena_cstr(cli->a, flag_or_env(cli, "data", "FIRN_DATA", "firn-data"));
    cli->server = flag_or_env(cli, "server", "FIRN_SERVER", "");
    cli->token = flag_or_env(cli, "token", "FIRN_TOKEN", "");
    cli->credential = flag_or_env(cli, "credential", "FIRN_CREDENTIAL", "");
    cli->ca_file = flag_or_env(cli, "ca-cert", "FIRN_CA_CERT", "");
    cli->branch = cli_flag(cli, "branch", "main");
    cli->json = cli_has(cli, "json");
    cli->quiet = cli_has(cli, "quiet");
    *help = cli_has(cli, "help") || argc == 1;
    bool of_group = cli->args_n == 1 && is_group(cli->args[0]);
    if (*help && (cli->command || cli->args_n == 0 || of_group))
        return true;
    if (!cli->command)
        return unknown_command(cli->args, cli->args_n, cli->a, err);
    return check_args(cli, err);
}

str cli_flag(const struct cli *cli, const char *name, const char *fallback)
{
    for (size_t i = cli->flags_n; i > 0; i--)
        if (strcmp(cli->flags[i - 1].flag->name, name) == 0)
            return cli->flags[i - 1].value;
    return str_of(fallback);
}

bool cli_has(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->flags_n; i++)
        if (strcmp(cli->flags[i].flag->name, name) == 0)
            return true;
    return false;
}

size_t cli_flag_all(const struct cli *cli, const char *name, str *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < cli->flags_n && n < max; i++)
        if (strcmp(cli->flags[i].flag->name, name) == 0)
            out[n++] = cli->flags[i].value;
    return n;
}

bool cli_flag_int(const struct cli *cli, const char *name, int64_t fallback, int64_t min,
                  int64_t *out, struct error *err)
{
    *out = fallback;
    if (!cli_has(cli, name))
        return true;
    str text = cli_flag(cli, name, "");
    if (!str_to_i64(text, out) || *out < min)
        return fail(err, ERR_INVALID,
                    "--%s wants a whole number of at least %lld, not \"" STR_FMT "\"", name,
                    (long long)min, STR_ARG(text));
    return true;
}

void out_str(str s)
{
    fwrite(s.ptr, 1, s.len, stdout);
}

void out_printf(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
}

void note(const struct cli *cli, const char *fmt, ...)
{
    if (cli->quiet)
        return;
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}
