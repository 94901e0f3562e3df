/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "sql/settings.h"
#include "sql/sql.h"

#define SQL_FILE_MAX ((size_t)64 << 20)

struct output {
    int fd;
    int error; /* errno of the first failed write */
    bool at_line_start;
    struct sql_settings settings; /* of the statements to come */
};

static bool write_piece(void *ctx, str piece)
{
    struct output *o = ctx;
    char last = piece.len ? piece.ptr[piece.len - 1] : '\0';
    while (piece.len && !o->error) {
        ssize_t n = write(o->fd, piece.ptr, piece.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            o->error = errno;
        else
            piece = str_from(piece, (size_t)n);
        o->at_line_start = n > 0 && piece.len == 0 && last == '\n';
    }
    return !o->error;
}

static str output_format(const struct cli *cli)
{
    str format = cli_flag(cli, "format", "");
    if (format.len)
        return format;
    return cli->json ? STR("json") : isatty(STDOUT_FILENO) ? STR("table") : STR("csv");
}

static void add_settings(struct body *b, const struct sql_settings *s)
{
    jw_kv_object(&b->w, "settings");
    for (size_t i = 0; i < SETTINGS_N; i++)
        body_str(b, settings_name((enum setting)i), s->values[i]);
    jw_end_object(&b->w);
}

static bool run_statement(struct cli *cli, str sql, struct output *o, struct error *err)
{
    struct body *b = body_begin(cli);
    str out = cli_flag(cli, "output", ""), format = output_format(cli);
    body_str(b, "sql", sql);
    body_str(b, "branch", cli->branch);
    add_settings(b, &o->settings);
    /* The API's own "json" has columns and rows apart; for people and scripts a row is an object. */
    body_str(b, "format", str_is(format, "json") ? STR("objects") : format);
    if (str_is(format, "parquet"))
        body_str(b, "out", absolute_path(cli, out));
    bool ok = cli_call_raw(cli, "POST", STR("/api/sql"), body_end(b), write_piece, o, err);
    if (o->error) /* which is why the call failed, if it did */
        return fail_errno(err, o->error, "write the output");
    if (ok && !o->at_line_start)
        write_piece(o, STR("\n"));
    return ok;
}

static bool run_text(struct cli *cli, str text, struct output *o, struct error *err)
{
    str *statements;
    size_t n;
    if (!sql_split(text, cli->a, &statements, &n, err))
        return false;
    if (n == 0)
        return fail(err, ERR_INVALID, "there is no statement to run");
    for (size_t i = 0; i < n; i++) {
        bool is_set;
        if (!settings_statement(&o->settings, statements[i], cli->a, &is_set, err) ||
            (!is_set && !run_statement(cli, statements[i], o, err)))
            return n > 1 ? fail_in(err, "statement %zu of %zu", i + 1, n) : false;
    }
    return true;
}

/* Statements typed at a terminal: each runs when its semicolon has come, and an error ends only itself. */
static bool run_terminal(struct cli *cli, struct output *o)
{
    struct buf text = BUF_INIT(SQL_FILE_MAX);
    char *line = NULL;
    size_t cap = 0;
    for (;;) {
        fputs(text.len ? "  ...> " : "firn> ", stderr);
        ssize_t n = getline(&line, &cap, stdin);
        if (n < 0)
            break;
        str typed = str_trim(str_make(line, (size_t)n));
        if (!text.len && (str_is(typed, "exit") || str_is(typed, "quit") || str_is(typed, "\\q")))
            break;
        buf_add(&text, line, (size_t)n);
        if (!str_ends(typed, STR(";")))
            continue;
        struct error err = { 0 };
        if (!run_text(cli, arena_str(cli->a, buf_str(&text)), o, &err))
            fprintf(stderr, "error: %s\n%s%s", err.msg, err.hint, *err.hint ? "\n" : "");
        buf_clear(&text);
    }
    free(line);
    buf_deinit(&text);
    return true;
}

static bool open_output(struct cli *cli, struct output *o, struct error *err)
{
    str out = cli_flag(cli, "output", ""), format = output_format(cli);
    *o = (struct output){ .fd = STDOUT_FILENO, .at_line_start = true };
    if (str_is(format, "parquet"))
        return out.len || fail(err, ERR_INVALID, "--format parquet needs --output FILE");
    if (!out.len)
        return true;
    o->fd = open(arena_cstr(cli->a, out), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return o->fd >= 0 || fail_errno(err, errno, "open " STR_FMT, STR_ARG(out));
}

/* --set NAME=VALUE */
static bool take_settings(struct cli *cli, struct sql_settings *s, struct error *err)
{
    str values[ARGS_MAX];
    size_t n = cli_flag_all(cli, "set", values, ARGS_MAX);
    for (size_t i = 0; i < n; i++) {
        ptrdiff_t equals = str_find_char(values[i], '=');
        if (equals <= 0)
            return fail(err, ERR_INVALID, "--set wants NAME=VALUE, not \"" STR_FMT "\"",
                        STR_ARG(values[i]));
        if (!settings_set(s, str_sub(values[i], 0, (size_t)equals),
                          str_from(values[i], (size_t)equals + 1), cli->a, err))
            return false;
    }
    return true;
}

static bool run(struct cli *cli, struct error *err)
{
    struct output o;
    str text = cli_flag(cli, "command", ""), file = cli_flag(cli, "file", "");
    if (text.len && file.len)
        return fail(err, ERR_INVALID, "--command and --file exclude each other");
    if (!open_output(cli, &o, err) || !take_settings(cli, &o.settings, err))
        return false;
    bool ok;
    if (text.len)
        ok = run_text(cli, text, &o, err);
    else if (!file.len && isatty(STDIN_FILENO))
        ok = run_terminal(cli, &o);
    else
        ok = read_file(cli, file.len ? file : STR("-"), SQL_FILE_MAX, &text, err) &&
             run_text(cli, text, &o, err);
    if (o.fd != STDOUT_FILENO && close(o.fd) != 0 && ok)
        ok = fail_errno(err, errno, "close the output");
    return ok;
}

static const struct flag flags[] = {
    { "command", "SQL", "the statements to run", 'c', false },
    { "file", "FILE", "a file with statements; - is standard input", 'f', false },
    { "format", "FORMAT",
      "table, csv, json, jsonl, markdown or parquet (default: table on a terminal, else csv)", '\0',
      false },
    { "output", "FILE", "write the answer to a file", 'o', false },
    { "set", "NAME=VALUE", "a setting, as SET NAME = VALUE: spark.wap.id, spark.wap.branch ...",
      '\0', true },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_sql = {
    .name = "sql",
    .args = "",
    .summary = "run SQL over the lake's tables and over files",
    .detail =
        "Queries are DuckDB's SQL over tables (namespace.table) and files ('data.parquet').  Tables can be read as they were:\n"
        "FROM t FOR VERSION AS OF 123, FOR VERSION AS OF 'branch', FOR TIMESTAMP AS OF '2001-06-30'.  Writing statements: CREATE\n"
        "SCHEMA, CREATE TABLE [AS] [PARTITIONED BY (day(ts), bucket(16, id))], INSERT, DROP.  Without -c and -f statements are read\n"
        "from standard input.",
    .examples =
        "firn sql -c \"SELECT origin, count(*) FROM silver.flights GROUP BY 1 ORDER BY 2 DESC LIMIT 5\"\n"
        "firn sql -c \"SELECT * FROM 'events.parquet' LIMIT 3\" --format json\n"
        "firn sql -f report.sql --format csv -o report.csv",
    .flags = flags,
    .args_max = 0,
    .makes_data = true,
    .run = run,
};
