/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include "version.h"

static void flag_text(const struct flag *f, struct buf *out)
{
    if (f->letter)
        buf_printf(out, "-%c, ", f->letter);
    buf_printf(out, "--%s", f->name);
    if (f->value)
        buf_printf(out, " %s", f->value);
}

/* "  left            right", the right part from column `column` on. */
static void add_row(struct buf *out, str left, const char *right, size_t column)
{
    buf_printf(out, "  " STR_FMT, STR_ARG(left));
    size_t pad = left.len + 4 <= column ? column - left.len - 2 : 2;
    buf_printf(out, "%*s%s\n", (int)pad, "", right);
}

static void add_flags(struct buf *out, const struct flag *flags)
{
    for (const struct flag *f = flags; f && f->name; f++) {
        struct buf left = BUF_INIT(512);
        flag_text(f, &left);
        add_row(out, buf_str(&left), f->help, 30);
        buf_deinit(&left);
    }
}

static void add_examples(struct buf *out, const char *examples, const char *prefix)
{
    str rest = str_of(examples), line;
    while (str_next(&rest, '\n', &line))
        buf_printf(out, "%s" STR_FMT "\n", prefix, STR_ARG(line));
}

void help_program(struct buf *out)
{
    buf_printf(
        out,
        "firn %s: an open lakehouse with a feature store and an ML platform in one program\n\n",
        FIRN_VERSION);
    buf_lit(out, "usage: firn COMMAND [ARGUMENTS] [FLAGS]\n\ncommands:\n");
    for (size_t i = 0; commands[i]; i++)
        add_row(out, str_of(commands[i]->name), commands[i]->summary, 26);
    buf_lit(out, "\nflags of every command:\n");
    add_flags(out, global_flags);
    buf_lit(
        out,
        "\n`firn COMMAND --help` explains a command.  Exit status: 0 done, 1 failed, 2 wrong use.\n");
}

void help_group(str group, struct buf *out)
{
    buf_printf(out, "usage: firn " STR_FMT " COMMAND [ARGUMENTS] [FLAGS]\n\ncommands:\n",
               STR_ARG(group));
    for (size_t i = 0; commands[i]; i++) {
        str first, rest;
        if (str_cut(str_of(commands[i]->name), ' ', &first, &rest) && str_eq(first, group))
            add_row(out, rest, commands[i]->summary, 26);
    }
    buf_printf(out, "\n`firn " STR_FMT " COMMAND --help` explains a command.\n", STR_ARG(group));
}

void help_command(const struct command *c, struct buf *out)
{
    buf_printf(out, "firn %s: %s\n\nusage: firn %s%s%s%s\n", c->name, c->summary, c->name,
               *c->args ? " " : "", c->args, c->flags && c->flags->name ? " [FLAGS]" : "");
    if (c->detail)
        buf_printf(out, "\n%s\n", c->detail);
    if (c->flags && c->flags->name) {
        buf_lit(out, "\nflags:\n");
        add_flags(out, c->flags);
    }
    buf_lit(out, "\nexamples:\n");
    add_examples(out, c->examples, "  ");
    buf_lit(out, "\n`firn --help` lists the flags of every command.\n");
}

/* Text for troff: backslashes and leading dots must not be read as requests. */
static void add_troff(struct buf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\\')
            buf_lit(out, "\\e");
        else if (*p == '-')
            buf_lit(out, "\\-");
        else if ((*p == '.' || *p == '\'') && (p == text || p[-1] == '\n'))
            buf_printf(out, "\\&%c", *p);
        else
            buf_add_char(out, *p);
    }
}

static void man_flags(struct buf *out, const struct flag *flags)
{
    for (const struct flag *f = flags; f && f->name; f++) {
        struct buf left = BUF_INIT(512);
        flag_text(f, &left);
        buf_add_char(&left, '\0');
        buf_lit(out, ".TP\n.B ");
        add_troff(out, left.ptr);
        buf_add_char(out, '\n');
        add_troff(out, f->help);
        buf_add_char(out, '\n');
        buf_deinit(&left);
    }
}

static void man_command(const struct command *c, struct buf *out)
{
    buf_lit(out, ".SS \"firn ");
    add_troff(out, c->name);
    if (*c->args) {
        buf_add_char(out, ' ');
        add_troff(out, c->args);
    }
    buf_lit(out, "\"\n");
    add_troff(out, c->summary);
    buf_lit(out, ".\n");
    if (c->detail) {
        buf_lit(out, ".PP\n");
        add_troff(out, c->detail);
        buf_add_char(out, '\n');
    }
    man_flags(out, c->flags);
    buf_lit(out, ".PP\nExamples:\n.PP\n.nf\n");
    add_troff(out, c->examples);
    buf_lit(out, "\n.fi\n");
}

void help_man(struct buf *out)
{
    buf_printf(out, ".TH FIRN 1 \"\" \"firn %s\" \"User commands\"\n", FIRN_VERSION);
    buf_lit(out, ".SH NAME\nfirn \\- lakehouse, feature store and ML platform in one program\n"
                 ".SH SYNOPSIS\n.B firn\n.I COMMAND\n[ARGUMENTS] [FLAGS]\n.SH GLOBAL FLAGS\n");
    man_flags(out, global_flags);
    buf_lit(out, ".SH COMMANDS\n");
    for (size_t i = 0; commands[i]; i++)
        man_command(commands[i], out);
    buf_lit(
        out,
        ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong use.\n"
        ".SH ENVIRONMENT\n.TP\n.B FIRN_DATA\nthe data directory\n.TP\n.B FIRN_SERVER\nthe server to talk to\n");
}

void help_completion(struct buf *out)
{
    buf_lit(out,
            "# bash completion for firn, made from its command table\n_firn()\n{\n"
            "    local cur=${COMP_WORDS[COMP_CWORD]} words=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\"\n"
            "    local flags=\"");
    for (const struct flag *f = global_flags; f->name; f++)
        buf_printf(out, "--%s ", f->name);
    buf_lit(out, "\" next=\"\"\n    case \" $words\" in\n");
    for (size_t i = 0; commands[i]; i++) {
        if (!commands[i]->flags)
            continue;
        buf_printf(out, "    \" %s\"*) flags+=\"", commands[i]->name);
        for (const struct flag *f = commands[i]->flags; f->name; f++)
            buf_printf(out, "--%s ", f->name);
        buf_lit(out, "\" ;;\n");
    }
    buf_lit(out, "    esac\n    case \"$words\" in\n    \"\") next=\"");
    for (size_t i = 0; commands[i]; i++) {
        str first, rest;
        str_cut(str_of(commands[i]->name), ' ', &first, &rest);
        buf_printf(out, STR_FMT " ", STR_ARG(first));
    }
    buf_lit(out, "\" ;;\n");
    for (size_t i = 0; commands[i]; i++) {
        str first, rest;
        if (str_cut(str_of(commands[i]->name), ' ', &first, &rest))
            buf_printf(out, "    \"" STR_FMT "\") next+=\" " STR_FMT "\" ;;&\n", STR_ARG(first),
                       STR_ARG(rest));
    }
    buf_lit(
        out,
        "    esac\n    if [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n"
        "    else\n        COMPREPLY=($(compgen -W \"$next\" -f -- \"$cur\"))\n    fi\n}\n"
        "complete -o filenames -F _firn firn\n");
}

void help_markdown(struct buf *out)
{
    buf_lit(
        out,
        "# Commands\n\nMade from the program's command table by `make docs`.\n\n## Flags of every command\n\n");
    for (const struct flag *f = global_flags; f->name; f++) {
        buf_lit(out, "- `");
        flag_text(f, out);
        buf_printf(out, "`: %s\n", f->help);
    }
    for (size_t i = 0; commands[i]; i++) {
        const struct command *c = commands[i];
        buf_printf(out, "\n## firn %s%s%s\n\n%s.\n", c->name, *c->args ? " " : "", c->args,
                   c->summary);
        if (c->detail)
            buf_printf(out, "\n%s\n", c->detail);
        if (c->flags && c->flags->name)
            buf_add_char(out, '\n');
        for (const struct flag *f = c->flags; f && f->name; f++) {
            buf_lit(out, "- `");
            flag_text(f, out);
            buf_printf(out, "`: %s\n", f->help);
        }
        buf_lit(out, "\n```sh\n");
        add_examples(out, c->examples, "");
        buf_lit(out, "```\n");
    }
}
