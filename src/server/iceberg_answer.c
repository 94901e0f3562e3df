/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables as answers.  A metadata file never changes, so neither does the answer that is made of it: it is encoded once and kept by
 * the file's location, and its ETag is made of the location too.  A commit leaves the answer to the next load behind. */
#include "catalog/lru.h"
#include "codec/digest.h"
#include "server/iceberg_priv.h"

#define ETAG_DIGITS 32                  /* hexadecimal, of a SHA-256 */
#define BORROWED_MIN ((size_t)64 << 10) /* a smaller one is copied, and sent with its headers */
#define CACHED_MAX ((size_t)16 << 20)   /* a larger answer would push too many others out */

struct encoded {
    struct cached base;
    struct arena *arena; /* of this object */
    struct buf body;
};

static void destroy_encoded(struct cached *object)
{
    struct encoded *e = (struct encoded *)object;
    arena_destroy(e->arena); /* the body too */
}

static void write_answer(const struct table *t, bool refs_only, struct json_writer *w)
{
    jw_begin_object(w);
    if (t->metadata_location.len)
        jw_kv_str(w, "metadata-location", t->metadata_location);
    jw_key(w, STR("metadata"));
    metadata_write_json(t->metadata, refs_only, w);
    jw_kv_object(w, "config");
    jw_end_object(w);
    jw_end_object(w);
}

/* Locations hold no line breaks, so that a key stands for one location and one mode. */
static str answer_key(const struct table *t, bool refs_only, struct arena *a)
{
    return arena_printf(a, "%s\n" STR_FMT, refs_only ? "refs" : "all",
                        STR_ARG(t->metadata_location));
}

static str make_etag(str key, struct arena *a)
{
    char text[SHA256_TEXT_LEN + 1];
    struct sha256 d = sha256_of(key);
    sha256_format(&d, text);
    return arena_printf(a, "\"%.*s\"", ETAG_DIGITS, text);
}

/* If-None-Match: a list of tags, weak ones ("W/...") too; what matches is the same either way. */
static bool has_version(str if_none_match, str etag)
{
    str tag;
    while (str_next(&if_none_match, ',', &tag)) {
        tag = str_trim(tag);
        if (str_starts(tag, STR("W/")))
            tag = str_from(tag, 2);
        if (tag.len && str_eq(tag, etag))
            return true;
    }
    return false;
}

static struct encoded *encode(const struct table *t, bool refs_only, str key, struct error *err)
{
    struct arena *a = arena_create(0);
    struct encoded *e = arena_new(a, struct encoded);
    struct json_writer w;
    e->arena = a;
    buf_init(&e->body, API_ANSWER_MAX);
    buf_in_arena(&e->body, a);
    jw_init(&w, &e->body);
    write_answer(t, refs_only, &w);
    if (!buf_ok(&e->body, "the table's metadata", err)) {
        arena_destroy(a);
        return NULL;
    }
    e->base.key = arena_str(a, key);
    e->base.bytes = e->body.cap + arena_used(a);
    e->base.destroy = destroy_encoded;
    return e;
}

/* The encoded answer; it lives as long as the request. */
static bool find_encoded(struct app *app, const struct table *t, bool refs_only, str key,
                         struct arena *a, str *out, struct error *err)
{
    struct cached *hit = lru_get(app->table_answers, key);
    if (!hit) {
        struct encoded *e = encode(t, refs_only, key, err);
        if (!e)
            return false;
        if (e->body.len > CACHED_MAX)
            ref_init(&e->base.ref);
        hit = e->body.len > CACHED_MAX ? &e->base : lru_add(app->table_answers, &e->base);
    }
    cached_keep(hit, a);
    *out = buf_str(&((struct encoded *)hit)->body);
    return true;
}

bool iceberg_answer_table(struct app *app, struct api_request *req, struct api_answer *answer,
                          const struct table *t, bool refs_only, bool may_match,
                          struct json_writer *w, struct error *err)
{
    str bytes;
    if (t->metadata_location.len == 0) { /* staged */
        write_answer(t, refs_only, w);
        return buf_ok(&answer->body, "the table's metadata", err);
    }
    str key = answer_key(t, refs_only, req->arena);
    str etag = make_etag(key, req->arena);
    if (may_match && has_version(req->if_none_match, etag)) {
        iceberg_no_content(answer);
        answer->status = 304;
    } else {
        if (!find_encoded(app, t, refs_only, key, req->arena, &bytes, err))
            return false;
        if (bytes.len < BORROWED_MIN)
            jw_raw(w, bytes);
        else
            answer->borrowed = bytes;
    }
    answer->etag = etag;
    return true;
}
