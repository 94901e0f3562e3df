/* SPDX-License-Identifier: Apache-2.0
 *
 * What handlers have in common: members that may be absent, and the deadline of a request. */
#ifndef FIRN_SERVER_ANSWER_PRIV_H
#define FIRN_SERVER_ANSWER_PRIV_H

#include "server/api.h"
#include "server/bodies.h"
#include "server/router.h"

/* A number for which -1 stands for "there is none": null then. */
static inline void kv_number(struct json_writer *w, const char *key, int64_t v)
{
    if (v == -1)
        jw_kv_null(w, key);
    else
        jw_kv_int(w, key, v);
}

/* A text for which the empty one stands for "there is none". */
static inline void kv_text(struct json_writer *w, const char *key, str v)
{
    if (v.len == 0)
        jw_kv_null(w, key);
    else
        jw_kv_str(w, key, v);
}

#define GZIP_MIN ((size_t)2 << 10)  /* smaller answers fit a packet or two anyway */
#define GZIP_MAX ((size_t)32 << 20) /* a larger one would take longer to pack than to send nearby */
#define GZIP_LEVEL 1                /* three times as fast as the usual 6, a fifth larger */

/* Packs the answer's bytes for a client that takes that; leaves it as it is when it is not worth it. */
void answer_gzip(const struct api_request *req, struct api_answer *answer);

/* A time as ISO 8601; null when it is not positive. */
void kv_time(struct json_writer *w, const char *key, int64_t us);

/* Snapshot ids use all of 63 bits: they are JSON numbers, and clients that read numbers as doubles must take care. */
#define kv_snapshot kv_number

/* What stops this request's work: the carrier's cancel with this deadline (0: none), or one of its own. */
struct cancel *request_cancel(struct api_request *req, int64_t timeout_ms);

#define TIMEOUT_MS_DEFAULT 60000

#endif
