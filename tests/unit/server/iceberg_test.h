/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of the Iceberg REST catalog: an app over a lake in the test's own folder, and requests as one line. */
#ifndef FIRN_TEST_ICEBERG_TEST_H
#define FIRN_TEST_ICEBERG_TEST_H

#include <stdarg.h>

#include "server/api.h"
#include "sql/lake.h"
#include "db_place.h"
#include "test.h"

#define TEST_MEMORY ((size_t)1 << 30)
#define UNUSED __attribute__((unused))

struct reply {
    int status;
    str body, etag, content_type;
};

static UNUSED struct app *open_app(void)
{
    struct error err = { 0 };
    struct app *app = NULL;
    struct lake_options o = {
        .dir = arena_printf(test_arena(), "%s/lake", test_tmpdir()).ptr,
        .memory_limit = TEST_MEMORY,
        .threads = 2,
        .catalog = lake_place(),
    };
    CHECK_OK(app_open(&o, &app, &err));
    return app;
}

/* Text with ' for ", so that JSON reads well. */
static UNUSED str quoted(const char *fmt, va_list args)
{
    char text[16384];
    int n = vsnprintf(text, sizeof text, fmt, args);
    CHECK(n >= 0 && (size_t)n < sizeof text);
    for (int i = 0; i < n; i++)
        if (text[i] == '\'')
            text[i] = '"';
    return arena_str(test_arena(), str_make(text, (size_t)n));
}

static UNUSED str json_f(const char *fmt, ...) PRINTF_LIKE(1, 2);
static UNUSED str json_f(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    str out = quoted(fmt, args);
    va_end(args);
    return out;
}

/* One request; `path` may have a query and begins below /iceberg. */
static UNUSED struct reply send_with(struct app *app, const char *method, const char *path,
                                     str body, const char *key, str if_none_match)
{
    struct api_answer answer;
    struct arena *a = test_arena();
    struct api_request req = { .method = str_of(method),
                               .body = body,
                               .arena = a,
                               .idempotency_key = str_of(key),
                               .if_none_match = if_none_match };
    str_cut(arena_printf(a, "/iceberg%s", path), '?', &req.path, &req.query);
    api_answer_init(&answer);
    api_dispatch(app, &req, &answer);
    CHECK(!answer.stream);
    struct reply out = { answer.status, arena_str(a, buf_str(&answer.body)),
                         arena_str(a, answer.etag), answer.content_type };
    api_answer_deinit(&answer);
    return out;
}

/* A request outside of /iceberg. */
static UNUSED struct reply send_raw(struct app *app, const char *method, const char *path, str body)
{
    struct api_answer answer;
    struct api_request req = {
        .method = str_of(method), .path = str_of(path), .body = body, .arena = test_arena()
    };
    api_answer_init(&answer);
    api_dispatch(app, &req, &answer);
    struct reply out = { .status = answer.status,
                         .body = arena_str(test_arena(), buf_str(&answer.body)) };
    api_answer_deinit(&answer);
    return out;
}

static UNUSED struct reply send(struct app *app, const char *method, const char *path, str body)
{
    return send_with(app, method, path, body, NULL, (str){ 0 });
}

static UNUSED struct reply get(struct app *app, const char *path)
{
    return send(app, "GET", path, (str){ 0 });
}

static UNUSED const struct json *parsed(struct reply r)
{
    struct error err = { 0 };
    struct json *doc;
    CHECK_OK(json_parse(r.body, test_arena(), &doc, &err));
    return doc;
}

static UNUSED void expect_at(int line, struct reply r, int status)
{
    if (r.status != status)
        test_fail(__FILE__, line, "status %d, wanted %d: " STR_FMT, r.status, status,
                  STR_ARG(r.body));
}

/* The protocol's error object with this status, type and text. */
static UNUSED void expect_error_at(int line, struct reply r, int status, const char *type,
                                   const char *words)
{
    struct error err = { 0 };
    const struct json *e;
    str got_type, message;
    int64_t code;
    expect_at(line, r, status);
    CHECK_STR(r.content_type, "application/json");
    CHECK_OK(json_need_obj(parsed(r), "error", &e, &err));
    CHECK_OK(json_need_str(e, "type", &got_type, &err));
    CHECK_OK(json_need_str(e, "message", &message, &err));
    CHECK_OK(json_need_int(e, "code", &code, &err));
    CHECK_INT(code, status);
    if (!str_is(got_type, type) || str_find(message, str_of(words)) < 0)
        test_fail(__FILE__, line, "wanted %s \"%s\", got " STR_FMT, type, words, STR_ARG(r.body));
}

#define EXPECT(reply_, status_) expect_at(__LINE__, (reply_), (status_))
#define EXPECT_ERROR(reply_, status_, type_, words_)                                               \
    expect_error_at(__LINE__, (reply_), (status_), (type_), (words_))
#define EXPECT_BODY(reply_, status_, text_)                                                        \
    do {                                                                                           \
        struct reply r_ = (reply_);                                                                \
        expect_at(__LINE__, r_, (status_));                                                        \
        CHECK_STR(r_.body, arena_cstr(test_arena(), json_f("%s", text_)));                         \
    } while (0)
#define EXPECT_EMPTY(reply_, status_)                                                              \
    do {                                                                                           \
        struct reply r_ = (reply_);                                                                \
        expect_at(__LINE__, r_, (status_));                                                        \
        CHECK_INT(r_.body.len, 0);                                                                 \
        CHECK_INT(r_.content_type.len, 0);                                                         \
    } while (0)

#define SCHEMA                                                                                      \
    "{'type':'struct','schema-id':0,'fields':[{'id':1,'name':'id','required':false,'type':'long'}," \
    "{'id':2,'name':'day','required':false,'type':'date'}]}"

static UNUSED void make_namespace(struct app *app, const char *levels)
{
    EXPECT(send(app, "POST", "/v1/namespaces", json_f("{'namespace':[%s]}", levels)), 200);
}

static UNUSED struct reply make_table(struct app *app, const char *ns, const char *name)
{
    struct reply r =
        send(app, "POST", arena_printf(test_arena(), "/v1/namespaces/%s/tables", ns).ptr,
             json_f("{'name':'%s','schema':" SCHEMA "}", name));
    EXPECT(r, 200);
    return r;
}

/* A member of the answer's object; in "metadata" for m_str. */
static UNUSED str reply_str(struct reply r, const char *key)
{
    struct error err = { 0 };
    str out;
    CHECK_OK(json_need_str(parsed(r), key, &out, &err));
    return out;
}

static UNUSED const struct json *reply_metadata(struct reply r)
{
    struct error err = { 0 };
    const struct json *m;
    CHECK_OK(json_need_obj(parsed(r), "metadata", &m, &err));
    return m;
}

static UNUSED str reply_uuid(struct reply r)
{
    struct error err = { 0 };
    str out;
    CHECK_OK(json_need_str(reply_metadata(r), "table-uuid", &out, &err));
    return out;
}

#endif
