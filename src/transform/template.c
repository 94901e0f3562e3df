/* SPDX-License-Identifier: Apache-2.0 */
#include "transform/template.h"

struct renderer {
    str rest;       /* not read yet */
    str text, name; /* the whole */
    template_fn fn;
    void *ctx;
    struct arena *a;
    struct buf *out;
    struct error *err;
};

static int line_of(const struct renderer *r, const char *at)
{
    int line = 1;
    for (const char *p = r->text.ptr; p < at; p++)
        line += *p == '\n';
    return line;
}

static bool fail_at(struct renderer *r, const char *at)
{
    return fail_in(r->err, STR_FMT ":%d", STR_ARG(r->name), line_of(r, at));
}

static void skip_space(str *s)
{
    while (s->len && (s->ptr[0] == ' ' || (s->ptr[0] >= '\t' && s->ptr[0] <= '\r')))
        *s = str_from(*s, 1);
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

static str take_word(str *s)
{
    size_t n = 0;
    while (n < s->len && is_word(s->ptr[n]))
        n++;
    str word = str_sub(*s, 0, n);
    *s = str_from(*s, n);
    return word;
}

static bool take_char(str *s, char c)
{
    skip_space(s);
    if (!s->len || s->ptr[0] != c)
        return false;
    *s = str_from(*s, 1);
    return true;
}

/* 'text', "text" or a bare word (true, 3). */
static bool take_value(struct renderer *r, str *s, str *out)
{
    skip_space(s);
    char quote = s->len ? s->ptr[0] : '\0';
    if (quote != '\'' && quote != '"') {
        *out = take_word(s);
        return out->len > 0 || fail(r->err, ERR_UNSUPPORTED, "a quoted text or a word is wanted");
    }
    ptrdiff_t end = str_find_char(str_from(*s, 1), quote);
    if (end < 0)
        return fail(r->err, ERR_INVALID, "a quote is not closed");
    *out = str_sub(*s, 1, (size_t)end + 1);
    *s = str_from(*s, (size_t)end + 2);
    return true;
}

static bool take_argument(struct renderer *r, str *s, struct template_call *call)
{
    if (call->args_n == TEMPLATE_ARGS_MAX)
        return fail(r->err, ERR_LIMIT, "more than %d arguments", TEMPLATE_ARGS_MAX);
    str key = { 0 }, value, before = *s;
    skip_space(s);
    str word = take_word(s);
    if (word.len && take_char(s, '='))
        key = word;
    else
        *s = before;
    if (!take_value(r, s, &value))
        return false;
    call->args[call->args_n].key = key;
    call->args[call->args_n++].value = value;
    return true;
}

/* The inside of {{ }}. */
static bool read_call(struct renderer *r, str s, struct template_call *call)
{
    skip_space(&s);
    call->function = take_word(&s);
    if (!call->function.len)
        return fail(r->err, ERR_UNSUPPORTED,
                    "only ref(), source(), config() and this are supported in {{ }}");
    if (take_char(&s, '(') && !take_char(&s, ')')) {
        do {
            if (!take_argument(r, &s, call))
                return false;
        } while (take_char(&s, ','));
        if (!take_char(&s, ')'))
            return fail(r->err, ERR_INVALID, "a parenthesis is not closed in {{ " STR_FMT "(",
                        STR_ARG(call->function));
    }
    skip_space(&s);
    if (s.len)
        return fail(r->err, ERR_UNSUPPORTED, "\"" STR_FMT "\" is not supported in {{ }}",
                    STR_ARG(str_trim(s)));
    return true;
}

static bool render_expression(struct renderer *r, const char *at, str inside)
{
    struct template_call call = { 0 };
    if (str_starts(inside, STR("-")))
        inside = str_from(inside, 1);
    if (str_ends(inside, STR("-")))
        inside.len--;
    if (read_call(r, inside, &call) && r->fn(r->ctx, &call, r->out, r->err))
        return true;
    return fail_at(r, at);
}

/* The piece that begins with "{{", "{#" or "{%" at r->rest. */
static bool render_tag(struct renderer *r)
{
    const char *at = r->rest.ptr;
    char kind = at[1];
    if (kind == '%') {
        fail(r->err, ERR_UNSUPPORTED, "statements in {%% %%} are not supported");
        return fail_at(r, at);
    }
    ptrdiff_t end = str_find(str_from(r->rest, 2), kind == '{' ? STR("}}") : STR("#}"));
    if (end < 0) {
        fail(r->err, ERR_INVALID, "{%c is not closed", kind);
        return fail_at(r, at);
    }
    str inside = str_sub(r->rest, 2, (size_t)end + 2);
    r->rest = str_from(r->rest, (size_t)end + 4);
    return kind == '#' || render_expression(r, at, inside);
}

bool template_render(str text, str name, template_fn fn, void *ctx, struct arena *a,
                     struct buf *out, struct error *err)
{
    struct renderer r = { text, text, name, fn, ctx, a, out, err };
    while (r.rest.len) {
        size_t n = 0;
        while (n < r.rest.len && !(r.rest.ptr[n] == '{' && n + 1 < r.rest.len &&
                                   (r.rest.ptr[n + 1] == '{' || r.rest.ptr[n + 1] == '#' ||
                                    r.rest.ptr[n + 1] == '%')))
            n++;
        buf_add(out, r.rest.ptr, n);
        r.rest = str_from(r.rest, n);
        if (r.rest.len && !render_tag(&r))
            return false;
    }
    return true;
}
