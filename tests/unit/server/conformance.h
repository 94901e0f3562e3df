/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests and the answers that the protocol demands, read from tests/conformance/ (its README says how to read and write them).
 * conf_load reads a file into steps, conf_play plays one scenario of it against a catalog of its own. */
#ifndef FIRN_TEST_CONFORMANCE_H
#define FIRN_TEST_CONFORMANCE_H

#include "base/env.h"
#include "base/map.h"
#include "iceberg_test.h"
#include "server/auth.h"
#include "server/router.h"

#define CONF_DIR "tests/conformance"
#define CONF_LINES_MAX 32 /* of one step: header fields or checks */
#define CONF_STEPS_MAX 1000
#define CONF_TRIES 1000 /* of a check that may take its time, 5 ms apart */

struct conf_step {
    const char *file;
    int line; /* of the request */
    str scenario, name;
    str method, path; /* as written, with @names@ */
    str headers[CONF_LINES_MAX];
    size_t headers_n;
    str body;
    int status;
    str words; /* after the status: "Type: the beginning of the text" */
    str checks[CONF_LINES_MAX];
    size_t checks_n;
};

struct conf_file {
    struct conf_step *steps;
    size_t n;
};

struct player {
    struct app *app;
    struct map kept; /* name -> str */
    const struct conf_step *at;
};

/* ---- Reading ---- */

static UNUSED str conf_text(const char *name)
{
    char path[1024];
    struct buf b = BUF_INIT(1 << 22);
    char piece[65536];
    snprintf(path, sizeof path, "%s/" CONF_DIR "/%s", test_source_dir(), name);
    FILE *f = fopen(path, "rb");
    if (!f)
        test_fail(__FILE__, __LINE__, "%s cannot be opened", path);
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        buf_add(&b, piece, n);
    fclose(f);
    str out = arena_str(test_arena(), buf_str(&b));
    buf_deinit(&b);
    return out;
}

static bool is_status(str line)
{
    return line.len >= 3 && line.ptr[0] >= '1' && line.ptr[0] <= '5' && line.ptr[1] >= '0' &&
           line.ptr[1] <= '9' && line.ptr[2] >= '0' && line.ptr[2] <= '9' &&
           (line.len == 3 || line.ptr[3] == ' ');
}

/* "If-None-Match: ..." */
static bool is_header(str line)
{
    ptrdiff_t colon = str_find(line, STR(": "));
    if (colon <= 0 || line.ptr[0] < 'A' || line.ptr[0] > 'Z')
        return false;
    for (ptrdiff_t i = 0; i < colon; i++)
        if (line.ptr[i] != '-' && !((line.ptr[i] | 0x20) >= 'a' && (line.ptr[i] | 0x20) <= 'z'))
            return false;
    return true;
}

static void read_status(struct conf_step *s, str line)
{
    for (int i = 0; i < 3; i++)
        s->status = s->status * 10 + (line.ptr[i] - '0');
    s->words = str_trim(str_from(line, 3));
}

/* A line of a step after its request. */
static void read_line(struct conf_step *s, str line, int number)
{
    if (str_starts(line, STR("    "))) {
        if (!s->status || s->checks_n == CONF_LINES_MAX)
            test_fail(s->file, number, "a check without a status, or too many");
        s->checks[s->checks_n++] = str_trim(line);
    } else if (s->status) {
        test_fail(s->file, number, "what is this after the status?");
    } else if (is_status(line)) {
        read_status(s, line);
    } else if (!s->body.len && is_header(line)) {
        CHECK(s->headers_n < CONF_LINES_MAX);
        s->headers[s->headers_n++] = line;
    } else {
        s->body = arena_printf(test_arena(), STR_FMT STR_FMT, STR_ARG(s->body), STR_ARG(line));
    }
}

static bool is_request(str line)
{
    static const char *const methods[] = { "GET /", "HEAD /", "POST /", "PUT /", "DELETE /" };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (str_starts(line, str_of(methods[i])))
            return true;
    return false;
}

static UNUSED struct conf_file conf_load(const char *name)
{
    struct conf_file out = { arena_array(test_arena(), struct conf_step, CONF_STEPS_MAX), 0 };
    str rest = conf_text(name), line, scenario = { 0 }, at = { 0 };
    const char *file = arena_printf(test_arena(), CONF_DIR "/%s", name).ptr;
    for (int number = 1; str_next(&rest, '\n', &line); number++) {
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        if (str_starts(line, STR("== "))) {
            scenario = str_from(line, 3);
            at = (str){ 0 };
        } else if (str_starts(line, STR("-- "))) {
            at = str_from(line, 3);
        } else if (is_request(line)) {
            CHECK(out.n < CONF_STEPS_MAX);
            if (!scenario.len || !at.len)
                test_fail(file, number, "a request of no case");
            struct conf_step *s = &out.steps[out.n++];
            *s = (struct conf_step){
                .file = file, .line = number, .scenario = scenario, .name = at
            };
            str_cut(line, ' ', &s->method, &s->path);
        } else if (out.n == 0) {
            test_fail(file, number, "a line of no request");
        } else {
            read_line(&out.steps[out.n - 1], line, number);
        }
    }
    return out;
}

/* ---- Names ---- */

static UNUSED void keep_value(struct player *p, str name, str value)
{
    str *copy = arena_new(test_arena(), str);
    *copy = arena_str(test_arena(), value);
    map_put(&p->kept, arena_str(test_arena(), name), copy);
}

/* The definitions of common.txt: "name = text", with $1 to $9 for arguments. */
static void load_definitions(struct player *p)
{
    str rest = conf_text("common.txt"), line, name, text;
    while (str_next(&rest, '\n', &line)) {
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        str_cut(line, '=', &name, &text);
        keep_value(p, str_trim(name), str_trim(text));
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static str expand(struct player *p, str text, int depth);

/* "name argument|argument" */
static str expand_name(struct player *p, str call, int depth)
{
    str name, arguments, at[9] = { 0 };
    struct buf b = BUF_INIT(1 << 20);
    str_cut(call, ' ', &name, &arguments);
    if (str_is(name, "byte")) {
        char *c = arena_cstr(test_arena(), STR(" "));
        *c = (char)(hex_digit(arguments.ptr[0]) * 16 + hex_digit(arguments.ptr[1]));
        return str_make(c, 1);
    }
    for (size_t i = 0; i < 9 && arguments.ptr && str_next(&arguments, '|', &at[i]); i++)
        ;
    const str *value = map_get(&p->kept, name);
    if (!value || depth > 8)
        test_fail(p->at->file, p->at->line, "nothing is called @" STR_FMT "@", STR_ARG(name));
    for (size_t i = 0; i < value->len; i++) {
        char c = value->ptr[i], next = i + 1 < value->len ? value->ptr[i + 1] : 0;
        if (c == '$' && next >= '1' && next <= '9') {
            buf_add_str(&b, at[next - '1']);
            i++;
        } else {
            buf_add_char(&b, c);
        }
    }
    str out = expand(p, arena_str(test_arena(), buf_str(&b)), depth + 1);
    buf_deinit(&b);
    return out;
}

static UNUSED str expand(struct player *p, str text, int depth)
{
    struct buf b = BUF_INIT(1 << 22);
    str piece;
    for (bool name = false; str_next(&text, '@', &piece); name = !name)
        buf_add_str(&b, name ? expand_name(p, piece, depth) : piece);
    str out = arena_str(test_arena(), buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* ---- Checking ---- */

static UNUSED _Noreturn void wrong(const struct player *p, str want, str got)
{
    test_fail(p->at->file, p->at->line,
              STR_FMT ": " STR_FMT ", " STR_FMT " " STR_FMT ": wanted " STR_FMT ", got " STR_FMT,
              STR_ARG(p->at->scenario), STR_ARG(p->at->name), STR_ARG(p->at->method),
              STR_ARG(p->at->path), STR_ARG(want), STR_ARG(str_sub(got, 0, 1500)));
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

static size_t members_of(const struct json *v)
{
    if (!v || (v->kind != JSON_ARRAY && v->kind != JSON_OBJECT))
        return SIZE_MAX;
    return v->kind == JSON_ARRAY ? v->array.n : v->object.n;
}

/* One check of an answer; false with what was found instead. */
static bool check_holds(struct player *p, const struct json *doc, str check, str *got)
{
    str path, name, word, want;
    int64_t n;
    if (str_starts(check, STR("keep "))) {
        str_cut(str_from(check, 5), ' ', &name, &path);
        const struct json *kept = value_at(doc, path);
        *got = STR("(nothing)");
        if (kept)
            keep_value(p, name, kept->kind == JSON_STR ? kept->s : text_of(kept));
        return kept != NULL;
    }
    str_cut(check, ' ', &path, &want);
    if (str_is(path, "=") || str_is(path, "#") || str_is(path, "has") || str_is(path, "lacks")) {
        path = (str){ 0 };
        want = check;
    }
    str_cut(want, ' ', &word, &want);
    const struct json *v = value_at(doc, path);
    *got = text_of(v);
    want = expand(p, want, 0);
    if (str_is(word, "absent"))
        return !v || v->kind == JSON_NULL;
    if (str_is(word, "="))
        return str_eq(*got, want);
    if (str_is(word, "#"))
        return str_to_i64(want, &n) && members_of(v) == (size_t)n;
    if (str_is(word, "has"))
        return str_find(*got, want) >= 0;
    if (str_is(word, "lacks"))
        return str_find(*got, want) < 0;
    wrong(p, STR("a check that is one"), check);
}

static UNUSED void check_refusal(struct player *p, struct reply r)
{
    const struct json *doc = parsed(r), *type = value_at(doc, STR("error/type")),
                      *message = value_at(doc, STR("error/message")),
                      *code = value_at(doc, STR("error/code"));
    str want_type, words;
    str_cut(expand(p, p->at->words, 0), ':', &want_type, &words);
    if (!type || !message || !code || code->i != r.status || !str_eq(type->s, want_type) ||
        !str_starts(message->s, str_trim(words)) || message->s.len == 0)
        wrong(p, p->at->words, r.body);
}

/* ---- Playing ---- */

static void set_header(struct player *p, struct api_request *req, str *api_key, str line)
{
    str name, value;
    str_cut(line, ':', &name, &value);
    value = expand(p, str_trim(value), 0);
    struct {
        const char *name;
        str *to;
    } fields[] = {
        { "If-None-Match", &req->if_none_match },
        { "Idempotency-Key", &req->idempotency_key },
        { "Prefer", &req->prefer },
        { "Authorization", &req->authorization },
        { "Content-Type", &req->content_type },
        { "X-API-Key", api_key },
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (str_is(name, fields[i].name)) {
            *fields[i].to = value;
            return;
        }
    wrong(p, STR("a header field that requests have"), line);
}

/* The request as it would come over the wire: credentials are looked at as soon as access control is on. */
static struct reply conf_send(struct player *p)
{
    struct api_answer answer;
    struct arena *a = test_arena();
    struct api_request req = { .method = p->at->method, .arena = a };
    struct error err = { 0 };
    struct auth_refusal refusal = { 0 };
    const struct route *route = NULL;
    bool must_block, ours = str_starts(p->at->path, STR("/api/"));
    str path = expand(p, p->at->path, 0), api_key = { 0 };
    str_cut(ours ? path : arena_printf(a, "/iceberg" STR_FMT, STR_ARG(path)), '?', &req.path,
            &req.query);
    req.body = expand(p, p->at->body, 0);
    req.in_process = ours && !auth_on(p->app->auth);
    for (size_t i = 0; i < p->at->headers_n; i++)
        set_header(p, &req, &api_key, p->at->headers[i]);
    api_answer_init(&answer);
    bool known = !auth_on(p->app->auth) || (route_find(&req, &route, &answer.allow, &err) &&
                                            auth_identify(p->app->auth, &req, route, api_key, NULL,
                                                          true, &must_block, &refusal, &err));
    if (known) {
        api_dispatch(p->app, &req, &answer);
    } else {
        route_failed(route, req.path, &answer, &err, refusal.status);
        auth_refusal_headers(&refusal, &answer);
    }
    CHECK(!answer.stream);
    struct reply out = { answer.status, arena_str(a, buf_str(&answer.body)),
                         arena_str(a, answer.etag), answer.content_type };
    api_answer_deinit(&answer);
    return out;
}

/* Whether all checks hold; when one does not and may become true later ("later PATH = VALUE"), *again. */
static void check_answer(struct player *p, struct reply r, bool *again)
{
    const struct json *doc = r.body.len ? parsed(r) : NULL;
    str got;
    *again = false;
    keep_value(p, STR("ETag"), r.etag);
    for (size_t i = 0; i < p->at->checks_n; i++) {
        str check = p->at->checks[i];
        bool later = str_starts(check, STR("later "));
        if (str_is(check, "empty")) {
            if (r.body.len)
                wrong(p, STR("no body"), r.body);
            continue;
        }
        if (check_holds(p, doc, later ? str_from(check, 6) : check, &got))
            continue;
        if (!later)
            wrong(p, check, got);
        *again = true;
        return;
    }
}

static UNUSED void play_step(struct player *p)
{
    bool again = true;
    for (int i = 0; again; i++) {
        struct reply r = conf_send(p);
        if (r.status != p->at->status)
            wrong(p, arena_printf(test_arena(), "status %d", p->at->status),
                  arena_printf(test_arena(), "%d " STR_FMT, r.status, STR_ARG(r.body)));
        if (r.status >= 400 && !str_is(p->at->method, "HEAD") && p->at->words.len)
            check_refusal(p, r);
        check_answer(p, r, &again);
        if (again && i == CONF_TRIES)
            wrong(p, STR("what was to come later"), r.body);
        if (again)
            env_sleep_us(env_real(), 5000);
    }
}

/* Plays the steps of one scenario, from steps[0] on; answers how many there were. */
static UNUSED size_t conf_play(const struct conf_step *steps, size_t n, size_t number)
{
    struct error err = { 0 };
    struct player p = { 0 };
    size_t i = 0;
    struct lake_options o = {
        .dir = arena_printf(test_arena(), "%s/lake%zu", test_tmpdir(), number).ptr,
        .memory_limit = TEST_MEMORY,
        .threads = 2,
    };
    CHECK_OK(app_open(&o, &p.app, &err));
    map_init(&p.kept, test_arena());
    load_definitions(&p);
    keep_value(&p, STR("now"),
               arena_printf(test_arena(), "%lld", (long long)env_now_ms(env_real())));
    keep_value(&p, STR("tmp"), str_of(test_tmpdir()));
    for (; i < n && str_eq(steps[i].scenario, steps[0].scenario); i++) {
        p.at = &steps[i];
        play_step(&p);
    }
    app_close(p.app);
    return i;
}

#endif
