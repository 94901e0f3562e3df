/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api.h"

#include "codec/uri.h"

void api_answer_init(struct api_answer *answer)
{
    *answer = (struct api_answer){ .status = 200, .content_type = STR("application/json") };
    buf_init(&answer->body, API_ANSWER_MAX);
}

#define BODY_KEPT                                                                                  \
    ((size_t)256 << 10) /* a larger body's memory goes back to the system between requests */

void api_answer_reset(struct api_answer *answer)
{
    struct buf body = answer->body;
    *answer = (struct api_answer){ .status = 200, .content_type = STR("application/json") };
    answer->body = body;
    if (body.cap <= BODY_KEPT) {
        buf_clear(&answer->body);
        return;
    }
    buf_deinit(&answer->body);
    buf_init(&answer->body, API_ANSWER_MAX);
}

void api_answer_deinit(struct api_answer *answer)
{
    buf_deinit(&answer->body);
}

/* Statuses that no code has: who asks is not known, or asks too often. */
static const char *type_of(const struct error *err, int status)
{
    if (status == 401 || status == 419)
        return "NotAuthorized";
    return status == 429 ? "TooManyRequests" : err_code_type(err->code);
}

static void write_error(const struct error *err, int status, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_object(w, "error");
    jw_kv_str(w, "type", str_of(type_of(err, status)));
    jw_kv_int(w, "code", status);
    jw_kv_str(w, "message", str_of(err->msg));
    if (*err->hint)
        jw_kv_str(w, "hint", str_of(err->hint));
    jw_end_object(w);
    jw_end_object(w);
}

void api_error_json(const struct error *err, struct json_writer *w)
{
    write_error(err, err_http_status(err->code), w);
}

void api_answer_restart(struct api_answer *answer, int status, struct json_writer *w)
{
    buf_clear(&answer->body);
    answer->stream = NULL;
    answer->status = status;
    answer->content_type = STR("application/json");
    answer->etag = answer->borrowed = (str){ 0 };
    answer->retry_after_s = status == 503 ? 1 : 0;
    jw_init(w, &answer->body);
}

void api_answer_error(struct api_answer *answer, const struct error *err, int status)
{
    struct json_writer w;
    api_answer_restart(answer, status ? status : err_http_status(err->code), &w);
    write_error(err, answer->status, &w);
}

/* application/x-www-form-urlencoded, as browsers and clients write queries. */
static str decode_query(str s, struct arena *a)
{
    char *out = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        int hi, lo;
        if (c == '+') {
            c = ' ';
        } else if (c == '%' && i + 2 < s.len && (hi = str_hex_digit(s.ptr[i + 1])) >= 0 &&
                   (lo = str_hex_digit(s.ptr[i + 2])) >= 0) {
            c = (char)(hi * 16 + lo);
            i += 2;
        }
        out[n++] = c;
    }
    return str_make(out, n);
}

str api_query(const struct api_request *req, const char *name, const char *fallback)
{
    str rest = req->query, pair;
    while (str_next(&rest, '&', &pair)) {
        str key, value = { 0 };
        str_cut(pair, '=', &key, &value);
        if (str_is(key, name))
            return decode_query(value, req->arena);
    }
    return str_of(fallback);
}

bool api_query_int(const struct api_request *req, const char *name, int64_t fallback, int64_t min,
                   int64_t max, int64_t *out, struct error *err)
{
    str text = api_query(req, name, "");
    *out = fallback;
    if (text.len == 0)
        return true;
    if (!str_to_i64(text, out) || *out < min || *out > max)
        return fail(err, ERR_INVALID,
                    "%s must be a whole number from %lld to %lld, not \"" STR_FMT "\"", name,
                    (long long)min, (long long)max, STR_ARG(text));
    return true;
}

bool api_body(const struct api_request *req, const struct json **out, struct error *err)
{
    struct json *doc;
    if (req->body.len == 0)
        return fail(err, ERR_INVALID, "the request has no body; a JSON object is wanted");
    if (!json_parse(req->body, req->arena, &doc, err))
        return fail_in(err, "the request's body");
    if (doc->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "the request's body is %s, not an object",
                    json_kind_name(doc->kind));
    *out = doc;
    return true;
}
