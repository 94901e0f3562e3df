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
