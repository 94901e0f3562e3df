/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"

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
