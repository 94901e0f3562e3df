/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables as answers.  A metadata file never changes, so neither does the answer that is made of it: it is encoded once and kept by
 * the file's location, and its ETag is made of the location too.  A commit leaves the answer to the next load behind.  For clients
 * that take gzip the packed form is kept too, under a key of its own: packing costs more than all the rest of a load. */
#include "catalog/lru.h"
#include "codec/compress.h"
#include "codec/digest.h"
#include "iceberg/view.h"
#include "server/iceberg_priv.h"

#define PLANNING_MODE_PROPERTY "firn.scan-planning.mode"
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

/* What is answered: a table or a view, by its metadata file. */
struct subject {
    str location; /* empty: a staged table */
    const struct metadata *table;
    const struct view_metadata *view; /* when table is NULL */
    bool refs_only;
};

/* A table's property tells its clients where to plan: "client" or "server". */
static void write_planning_mode(const struct metadata *m, struct json_writer *w)
{
    str mode = m ? metadata_property(m, PLANNING_MODE_PROPERTY, (str){ 0 }) : (str){ 0 };
    if (str_is(mode, "client") || str_is(mode, "server"))
        jw_kv_str(w, "scan-planning-mode", mode);
}

static void write_answer(const struct subject *s, struct json_writer *w)
{
    jw_begin_object(w);
    if (s->location.len)
        jw_kv_str(w, "metadata-location", s->location);
    jw_key(w, STR("metadata"));
    if (s->table)
        metadata_write_json(s->table, s->refs_only, w);
    else
        view_metadata_write_json(s->view, w);
    jw_kv_object(w, "config");
    write_planning_mode(s->table, w);
    jw_end_object(w);
    jw_end_object(w);
}

/* Locations hold no line breaks, so that a key stands for one location, one mode and one form. */
static str answer_key(const struct subject *s, bool packed, struct arena *a)
{
    const char *mode = s->refs_only ? "refs" : "all";
    return arena_printf(a, "%s%s\n" STR_FMT, s->table ? mode : "view", packed ? "+gzip" : "",
                        STR_ARG(s->location));
}

static str make_etag(str key, struct arena *a)
{
    char text[SHA256_TEXT_LEN + 1];
    struct sha256 d = sha256_of(key);
    sha256_format(&d, text);
    return arena_printf(a, "\"%.*s\"", ETAG_DIGITS, text);
}

/* If-None-Match: a list of tags, weak ones ("W/...") too; what matches is the same either way, packed or not. */
static bool has_version(str if_none_match, str etag, str other)
{
    str tag;
    while (str_next(&if_none_match, ',', &tag)) {
        tag = str_trim(tag);
        if (str_starts(tag, STR("W/")))
            tag = str_from(tag, 2);
        if (tag.len && (str_eq(tag, etag) || str_eq(tag, other)))
            return true;
    }
    return false;
}

static bool encode_into(const struct subject *s, bool packed, struct buf *out, struct error *err)
{
    struct json_writer w;
    struct buf plain = BUF_INIT(API_ANSWER_MAX), small = BUF_INIT(API_ANSWER_MAX);
    jw_init(&w, packed ? &plain : out);
    write_answer(s, &w);
    bool ok =
        buf_ok(packed ? &plain : out, "the metadata", err) &&
        (!packed || compress_bytes(COMPRESSION_GZIP, GZIP_LEVEL, buf_str(&plain), &small, err));
    buf_add_str(out, buf_str(&small)); /* what packing reserved is not kept */
    buf_deinit(&plain);
    buf_deinit(&small);
    return ok;
}

static struct encoded *encode(const struct subject *s, bool packed, str key, struct error *err)
{
    struct arena *a = arena_create(0);
    struct encoded *e = arena_new(a, struct encoded);
    e->arena = a;
    buf_init(&e->body, API_ANSWER_MAX);
    buf_in_arena(&e->body, a);
    if (!encode_into(s, packed, &e->body, err)) {
        arena_destroy(a);
        return NULL;
    }
    e->base.key = arena_str(a, key);
    e->base.bytes = e->body.cap + arena_used(a);
    e->base.destroy = destroy_encoded;
    return e;
}

/* The encoded answer; it lives as long as the request. */
static bool find_encoded(struct app *app, const struct subject *s, bool packed, str key,
                         struct arena *a, str *out, struct error *err)
{
    struct cached *hit = lru_get(app->table_answers, key);
    if (!hit) {
        struct encoded *e = encode(s, packed, key, err);
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

static bool answer_subject(struct app *app, struct api_request *req, struct api_answer *answer,
                           const struct subject *s, bool may_match, struct json_writer *w,
                           struct error *err)
{
    str bytes, key = answer_key(s, req->accepts_gzip, req->arena);
    str etag = make_etag(key, req->arena);
    str other = make_etag(answer_key(s, !req->accepts_gzip, req->arena), req->arena);
    if (may_match && has_version(req->if_none_match, etag, other)) {
        iceberg_no_content(answer);
        answer->status = 304;
    } else {
        if (!find_encoded(app, s, req->accepts_gzip, key, req->arena, &bytes, err))
            return false;
        answer->gzipped = req->accepts_gzip;
        if (bytes.len < BORROWED_MIN)
            jw_raw(w, bytes);
        else
            answer->borrowed = bytes;
    }
    answer->etag = etag;
    return true;
}

bool iceberg_answer_table(struct app *app, struct api_request *req, struct api_answer *answer,
                          const struct table *t, bool refs_only, bool may_match,
                          struct json_writer *w, struct error *err)
{
    struct subject s = { .location = t->metadata_location,
                         .table = t->metadata,
                         .refs_only = refs_only };
    if (s.location.len)
        return answer_subject(app, req, answer, &s, may_match, w, err);
    write_answer(&s, w);
    return buf_ok(&answer->body, "the table's metadata", err);
}

bool iceberg_answer_view(struct app *app, struct api_request *req, struct api_answer *answer,
                         const struct catalog_view *v, bool may_match, struct json_writer *w,
                         struct error *err)
{
    struct subject s = { .location = v->metadata_location, .view = v->metadata };
    return answer_subject(app, req, answer, &s, may_match, w, err);
}
