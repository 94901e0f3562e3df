/* SPDX-License-Identifier: Apache-2.0 */
#include "server/hook_post.h"

#include "base/env.h"
#include "base/thread.h"
#include "base/time.h"
#include "io/http.h"
#include "server/config.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 10) /* looked at; a longer answer counts by its status */
#define RETRY_AFTER_MAX 3600
#define ERROR_BYTES_MAX 300

bool hook_client(const struct server_config *config, struct http_client **out, struct error *err)
{
    return http_client_create(
        &(struct http_client_options){ .public_only = !config->events_private,
                                       .https_only = !config->events_private },
        out, err);
}

/* The answer's bytes are of no use; how many there are is bounded. */
struct answer_bytes {
    int status;
    size_t n;
};

static bool count_bytes(void *ctx, int status, str piece)
{
    struct answer_bytes *seen = ctx;
    seen->status = status;
    seen->n += piece.len;
    return seen->n <= ANSWER_BYTES_MAX;
}

static void judge(struct hook_outcome *out, const struct http_answer *answer, struct arena *a)
{
    int64_t s;
    out->taken = out->status >= 200 && out->status < 300;
    out->refused_for_good = out->status == 410;
    if (!out->taken)
        out->error = arena_printf(a, "the receiver answered %d", out->status);
    if (str_to_i64(http_answer_header(answer, "Retry-After"), &s) && s > 0)
        out->retry_after_s = s < RETRY_AFTER_MAX ? s : RETRY_AFTER_MAX;
}

bool hook_post(struct http_client *client, const struct hook *hook, str id, str body,
               struct cancel *cancel, struct arena *a, struct hook_outcome *out, struct error *err)
{
    int64_t now_s = env_now_us(env_real()) / US_PER_S;
    struct answer_bytes seen = { 0 };
    struct http_answer answer = { 0 };
    struct error failed = { 0 };
    str signature;
    *out = (struct hook_outcome){ 0 };
    if (!hook_sign(hook->secret, id, now_s, body, a, &signature, &failed)) {
        out->error = arena_str(a, str_of(failed.msg));
        return true;
    }
    const struct http_header headers[] = {
        { STR("Content-Type"), STR("application/cloudevents+json; charset=utf-8") },
        { STR("User-Agent"), STR("Firn") },
        { STR("webhook-id"), id },
        { STR("webhook-timestamp"), arena_printf(a, "%lld", (long long)now_s) },
        { STR("webhook-signature"), signature },
    };
    bool answered = http_call(client,
                              &(struct http_call){ .method = "POST",
                                                   .url = hook->url,
                                                   .headers = headers,
                                                   .headers_n = sizeof headers / sizeof *headers,
                                                   .body = body,
                                                   .timeout_ms = HOOK_TIMEOUT_MS,
                                                   .cancel = cancel,
                                                   .sink = count_bytes,
                                                   .sink_ctx = &seen },
                              a, &answer, &failed);
    if (!answered && !cancel_check(cancel, err))
        return false;
    out->status = answered ? answer.status : seen.n > ANSWER_BYTES_MAX ? seen.status : 0;
    if (out->status)
        judge(out, &answer, a);
    else
        out->error = arena_str(a, str_sub(str_of(failed.msg), 0, ERROR_BYTES_MAX));
    return true;
}
