/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests and the answers that the protocol demands, as tables.  A step is
 *
 *     { "POST /v1/namespaces/a/tables", "{'name':'t','schema':…}", 200, "metadata/format-version = 2; keep uuid metadata/table-uuid" }
 *
 * In bodies and paths ' stands for " and @name@ for a value that an earlier step has kept; @now@ is the time in milliseconds.  Of a
 * refusal (400 and above) the last column is "Type: words", the error's type and the beginning of its text.  Of other answers it is a
 * list of checks, separated by "; ":
 *
 *     PATH = JSON      the value there, e.g. "metadata/schemas/0/schema-id = 0"
 *     PATH # N         the number of its members
 *     PATH has TEXT    its text, or JSON, contains that
 *     PATH absent      it is not there, or null
 *     keep NAME PATH   for later steps
 *
 * "" as PATH is the whole answer.  "empty" alone: no body at all. */
#ifndef FIRN_TEST_CONFORMANCE_H
#define FIRN_TEST_CONFORMANCE_H

#include "base/env.h"
#include "base/map.h"
#include "iceberg_test.h"

struct step {
    const char *request, *body;
    int status;
    const char *want;
};

struct player {
    struct app *app;
    struct map kept; /* name -> str */
    size_t step;
    const struct step *at;
};

static UNUSED void wrong(const struct player *p, const char *what, str got)
{
    test_fail(__FILE__, __LINE__, "step %zu, %s %s: wanted %s, got " STR_FMT, p->step,
              p->at->request, p->at->body ? p->at->body : "", what, STR_ARG(str_sub(got, 0, 1500)));
}

static UNUSED void keep_value(struct player *p, str name, str value)
{
    str *copy = arena_new(test_arena(), str);
    *copy = arena_str(test_arena(), value);
    map_put(&p->kept, arena_str(test_arena(), name), copy);
}

/* The text with values for names and " for '. */
static UNUSED str expand(struct player *p, const char *text)
{
    struct buf b = BUF_INIT(1 << 22);
    str rest = str_of(text), piece;
    for (bool name = false; str_next(&rest, '@', &piece); name = !name) {
        const str *value = name ? map_get(&p->kept, piece) : NULL;
        if (name && !value)
            test_fail(__FILE__, __LINE__, "step %zu: nothing kept as " STR_FMT, p->step,
                      STR_ARG(piece));
        buf_add_str(&b, name && value ? *value : piece);
    }
    str out = arena_str(test_arena(), buf_str(&b));
    buf_deinit(&b);
    char *c = arena_cstr(test_arena(), out);
    for (size_t i = 0; i < out.len; i++)
        c[i] = c[i] == '\'' ? '"' : c[i];
    return str_make(c, out.len);
}

static UNUSED const struct json *value_at(const struct json *v, str path)
{
    str key;
    int64_t i;
    while (v && path.len && str_next(&path, '/', &key)) {
        if (v->kind == JSON_ARRAY)
            v = str_to_i64(key, &i) && i >= 0 && (size_t)i < v->array.n ? &v->array.items[i] : NULL;
        else
            v = json_get(v, arena_cstr(test_arena(), key));
    }
    return v;
}

static UNUSED str text_of(const struct json *v)
{
    struct buf b = BUF_INIT(1 << 22);
    struct json_writer w;
    if (!v)
        return STR("(nothing)");
    jw_init(&w, &b);
    jw_json(&w, v);
    str out = arena_str(test_arena(), buf_str(&b));
    buf_deinit(&b);
    return out;
}

static UNUSED void check_one(struct player *p, const struct json *doc, str check)
{
    const char *text = arena_cstr(test_arena(), check);
    ptrdiff_t at;
    str path, name;
    int64_t n;
    if (str_starts(check, STR("keep "))) {
        str_cut(str_from(check, 5), ' ', &name, &path);
        const struct json *v = value_at(doc, path);
        keep_value(p, name, v && v->kind == JSON_STR ? v->s : text_of(v));
    } else if (str_ends(check, STR("absent"))) {
        path = str_trim(str_sub(check, 0, check.len - 6));
        const struct json *v = value_at(doc, path);
        if (v && v->kind != JSON_NULL)
            wrong(p, text, text_of(v));
    } else if ((at = str_find(check, STR("= "))) >= 0) {
        str got = text_of(value_at(doc, str_trim(str_sub(check, 0, (size_t)at))));
        if (!str_eq(got, expand(p, text + at + 2)))
            wrong(p, text, got);
    } else if ((at = str_find(check, STR("# "))) >= 0) {
        const struct json *v = value_at(doc, str_trim(str_sub(check, 0, (size_t)at)));
        CHECK(str_to_i64(str_from(check, (size_t)at + 2), &n));
        size_t have = v ? v->kind == JSON_ARRAY ? v->array.n : v->object.n : SIZE_MAX;
        if (have != (size_t)n)
            wrong(p, text, text_of(v));
    } else if ((at = str_find(check, STR("has "))) >= 0) {
        str got = text_of(value_at(doc, str_trim(str_sub(check, 0, (size_t)at))));
        if (str_find(got, expand(p, text + at + 4)) < 0)
            wrong(p, text, got);
    } else {
        test_fail(__FILE__, __LINE__, "step %zu: what is \"%s\"?", p->step, text);
    }
}

static UNUSED void check_refusal(struct player *p, struct reply r)
{
    const struct json *doc = parsed(r), *type = value_at(doc, STR("error/type")),
                      *message = value_at(doc, STR("error/message")),
                      *code = value_at(doc, STR("error/code"));
    str want = expand(p, p->at->want), want_type, words;
    str_cut(want, ':', &want_type, &words);
    if (!type || !message || !code || code->i != r.status || !str_eq(type->s, want_type) ||
        !str_starts(message->s, str_trim(words)))
        wrong(p, p->at->want, r.body);
}

static UNUSED void play_step(struct player *p)
{
    str method, path, check, rest;
    str_cut(expand(p, p->at->request), ' ', &method, &path);
    struct reply r = send(p->app, arena_cstr(test_arena(), method), arena_cstr(test_arena(), path),
                          p->at->body ? expand(p, p->at->body) : (str){ 0 });
    if (r.status != p->at->status) {
        wrong(p, arena_printf(test_arena(), "status %d", p->at->status).ptr,
              arena_printf(test_arena(), "%d " STR_FMT, r.status, STR_ARG(r.body)));
        return;
    }
    if (r.status >= 400 && !str_is(method, "HEAD")) {
        check_refusal(p, r);
        return;
    }
    if (str_is(str_of(p->at->want), "empty")) {
        CHECK_INT(r.body.len, 0);
        return;
    }
    const struct json *doc = r.body.len ? parsed(r) : NULL;
    rest = str_of(p->at->want);
    while (rest.len) {
        ptrdiff_t end = str_find(rest, STR("; "));
        check = end < 0 ? rest : str_sub(rest, 0, (size_t)end);
        rest = end < 0 ? (str){ 0 } : str_from(rest, (size_t)end + 2);
        check_one(p, doc, check);
    }
}

static UNUSED void play(struct app *app, const struct step *steps, size_t n)
{
    struct player p = { .app = app };
    map_init(&p.kept, test_arena());
    keep_value(&p, STR("now"),
               arena_printf(test_arena(), "%lld", (long long)env_now_ms(env_real())));
    keep_value(&p, STR("tmp"), str_of(test_tmpdir()));
    for (p.step = 0; p.step < n; p.step++) {
        p.at = &steps[p.step];
        play_step(&p);
    }
}

#define PLAY(app, steps) play((app), (steps), sizeof(steps) / sizeof *(steps))

#endif
