/* SPDX-License-Identifier: Apache-2.0 */
#include "server/answer_priv.h"

#include "base/env.h"
#include "base/time.h"
#include "codec/compress.h"

void answer_gzip(const struct api_request *req, struct api_answer *answer)
{
    struct error err = { 0 };
    str plain = answer->borrowed.len ? answer->borrowed : buf_str(&answer->body);
    if (!req->accepts_gzip || answer->stream || answer->gzipped || plain.len < GZIP_MIN ||
        plain.len > GZIP_MAX)
        return;
    struct buf *packed = arena_new(req->arena, struct buf);
    buf_init(packed, plain.len);
    buf_in_arena(packed, req->arena);
    if (!compress_bytes(COMPRESSION_GZIP, GZIP_LEVEL, plain, packed, &err))
        return; /* not smaller */
    answer->borrowed = buf_str(packed);
    answer->gzipped = true;
    buf_clear(&answer->body);
}

void kv_time(struct json_writer *w, const char *key, int64_t us)
{
    char text[TIME_TEXT_MAX];
    if (us <= 0)
        jw_kv_null(w, key);
    else
        jw_kv_str(w, key, str_make(text, time_format_iso(us, text)));
}

struct cancel *request_cancel(struct api_request *req, int64_t timeout_ms)
{
    if (!req->cancel)
        req->cancel = arena_new(req->arena, struct cancel);
    if (timeout_ms > 0)
        req->cancel->deadline_ns = env_monotonic_ns(env_real()) + timeout_ms * 1000000;
    return req->cancel;
}
