/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"

#include "cli/call.h"

struct body *body_begin(struct cli *cli)
{
    struct body *b = arena_new(cli->a, struct body);
    buf_init(&b->text, BODY_MAX);
    buf_in_arena(&b->text, cli->a);
    jw_init(&b->w, &b->text);
    jw_begin_object(&b->w);
    return b;
}

str body_end(struct body *b)
{
    jw_end_object(&b->w);
    return buf_str(&b->text);
}

void body_str(struct body *b, const char *key, str value)
{
    if (value.len)
        jw_kv_str(&b->w, key, value);
}

void body_list(struct body *b, const char *key, const str *values, size_t n)
{
    jw_kv_array(&b->w, key);
    for (size_t i = 0; i < n; i++) {
        str rest = values[i], piece;
        while (str_next(&rest, ',', &piece))
            if (str_trim(piece).len)
                jw_str(&b->w, str_trim(piece));
    }
    jw_end_array(&b->w);
}

static str key_of(struct cli *cli, const struct body_flag *f)
{
    if (f->key)
        return str_of(f->key);
    str name = str_of(f->flag);
    char *key = arena_alloc(cli->a, name.len);
    for (size_t i = 0; i < name.len; i++)
        key[i] = name.ptr[i] == '-' ? '_' : name.ptr[i];
    return str_make(key, name.len);
}

static bool wrong_flag(const char *flag, const char *what, str value, struct error *err)
{
    return fail(err, ERR_INVALID, "--%s wants %s, not \"" STR_FMT "\"", flag, what, STR_ARG(value));
}

static bool add_ids(struct body *b, const char *flag, const str *values, size_t n,
                    struct error *err)
{
    int64_t id;
    jw_begin_array(&b->w);
    for (size_t i = 0; i < n; i++) {
        if (!str_to_i64(values[i], &id))
            return wrong_flag(flag, "an id", values[i], err);
        jw_int(&b->w, id);
    }
    jw_end_array(&b->w);
    return true;
}

static bool add_pairs(struct body *b, const char *flag, const str *values, size_t n,
                      struct error *err)
{
    jw_begin_object(&b->w);
    for (size_t i = 0; i < n; i++) {
        ptrdiff_t equals = str_find_char(values[i], '=');
        if (equals <= 0)
            return wrong_flag(flag, "NAME=NAME", values[i], err);
        jw_key(&b->w, str_sub(values[i], 0, (size_t)equals));
        jw_str(&b->w, str_sub(values[i], (size_t)equals + 1, values[i].len));
    }
    jw_end_object(&b->w);
    return true;
}

static bool add_flag(struct cli *cli, struct body *b, const struct body_flag *f, struct error *err)
{
    str values[ARGS_MAX];
    size_t n = cli_flag_all(cli, f->flag, values, ARGS_MAX);
    int64_t count;
    double ratio;
    jw_key(&b->w, key_of(cli, f));
    switch (f->kind) {
    case BODY_TEXT:
        jw_str(&b->w, values[n - 1]);
        return true;
    case BODY_COUNT:
    case BODY_ID:
        if (!cli_flag_int(cli, f->flag, 0, f->kind == BODY_COUNT, &count, err))
            return false;
        jw_int(&b->w, count);
        return true;
    case BODY_RATIO:
        if (!str_to_f64(values[n - 1], &ratio))
            return wrong_flag(f->flag, "a number", values[n - 1], err);
        jw_f64(&b->w, ratio);
        return true;
    case BODY_SWITCH:
        jw_bool(&b->w, true);
        return true;
    case BODY_IDS:
        return add_ids(b, f->flag, values, n, err);
    case BODY_PAIRS:
        return add_pairs(b, f->flag, values, n, err);
    }
    return true;
}

bool body_flags(struct cli *cli, struct body *b, const struct body_flag *flags, struct error *err)
{
    for (const struct body_flag *f = flags; f->flag; f++)
        if (cli_has(cli, f->flag) && !add_flag(cli, b, f, err))
            return false;
    return true;
}

bool body_project(struct cli *cli, struct body *b, str dir, struct error *err)
{
    static const char *const suffixes[] = { ".sql", ".yml", ".yaml" };
    struct tree_file *files;
    size_t n;
    if (!read_tree(cli, dir, suffixes, 3, &files, &n, err))
        return false;
    jw_kv_object(&b->w, "files");
    for (size_t i = 0; i < n; i++) {
        jw_key(&b->w, files[i].path);
        jw_str(&b->w, files[i].text);
    }
    jw_end_object(&b->w);
    return true;
}

bool body_definitions(struct cli *cli, struct body *b, str dir, struct error *err)
{
    static const char *const suffixes[] = { ".yaml", ".yml" };
    struct tree_file *files;
    size_t n;
    str inner = arena_printf(cli->a, STR_FMT "/features", STR_ARG(dir));
    struct error none = { 0 };
    if (!read_tree(cli, inner, suffixes, 2, &files, &n, &none) &&
        !read_tree(cli, dir, suffixes, 2, &files, &n, err))
        return false;
    if (n == 0)
        return fail(err, ERR_NOT_FOUND, "there are no YAML files in " STR_FMT, STR_ARG(dir));
    jw_kv_array(&b->w, "documents");
    for (size_t i = 0; i < n; i++) {
        jw_begin_object(&b->w);
        jw_kv_str(&b->w, "name", files[i].path);
        jw_kv_str(&b->w, "text", files[i].text);
        jw_end_object(&b->w);
    }
    jw_end_array(&b->w);
    return true;
}
