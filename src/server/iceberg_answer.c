/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables as answers.  A metadata file never changes, so neither does the answer that is made of it: it is encoded once and kept by
 * the file's location, and its ETag is made of the location too.  A commit leaves the answer to the next load behind.  For clients
 * that take gzip the packed form is kept too, under a key of its own: packing costs more than all the rest of a load. */
#include "catalog/events.h"
#include "catalog/lru.h"
#include "codec/compress.h"
#include "codec/digest.h"
#include "iceberg/view.h"
#include "io/store.h"
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
    str json;                         /* of the table, when it is at hand */
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
    if (s->json.len && !s->refs_only)
        jw_raw(w, s->json);
    else if (s->table)
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
    e->base.bytes = e->body.cap + arena_held(a);
    e->base.destroy = destroy_encoded;
    return e;
}

/* What a request was answered. */
struct answered {
    struct encoded *object; /* kept by the request; NULL: that it has this version */
    str etag, other;        /* of its form and of the other */
};

/* The encoded answer; it lives as long as the request. */
static bool find_encoded(struct app *app, const struct subject *s, bool packed, str key,
                         struct arena *a, struct encoded **out, struct error *err)
{
    struct cached *hit = lru_get(app->table_answers, key);
    if (!hit) {
        struct encoded *e = encode(s, packed, key, err);
        if (!e)
            return false;
        hit = e->body.len > CACHED_MAX ? cached_alone(&e->base)
                                       : lru_add(app->table_answers, &e->base);
    }
    cached_keep(hit, a);
    *out = (struct encoded *)hit;
    return true;
}

/* Whether the answer is that the client has this version. */
static bool answer_match(const struct api_request *req, struct api_answer *answer, str etag,
                         str other)
{
    if (!has_version(req->if_none_match, etag, other))
        return false;
    iceberg_no_content(answer);
    answer->status = 304;
    answer->etag = etag;
    return true;
}

static void answer_bytes(struct api_answer *answer, str bytes, str etag, bool packed)
{
    answer->gzipped = packed;
    answer->etag = etag;
    if (bytes.len < BORROWED_MIN)
        buf_add_str(&answer->body, bytes);
    else
        answer->borrowed = bytes;
}

static bool answer_subject(struct app *app, struct api_request *req, struct api_answer *answer,
                           const struct subject *s, bool may_match, struct answered *out,
                           struct error *err)
{
    bool packed = req->accepts_gzip;
    str bytes, key = answer_key(s, packed, req->arena);
    *out = (struct answered){ .etag = make_etag(key, req->arena),
                              .other = make_etag(answer_key(s, !packed, req->arena), req->arena) };
    if (may_match && answer_match(req, answer, out->etag, out->other))
        return true;
    if (!find_encoded(app, s, packed, key, req->arena, &out->object, err))
        return false;
    bytes = buf_str(&out->object->body);
    answer_bytes(answer, bytes, out->etag, packed);
    return true;
}

/* A metadata file that somebody has removed behind the catalog's back is told, not answered from memory. */
static bool need_file(struct app *app, const struct api_request *req, str location,
                      struct error *err)
{
    struct error ignored = { 0 };
    str path;
    return !store_from_uri(app->lake->warehouse, location, req->arena, &path, &ignored) ||
           store_present(app->lake->warehouse, path) ||
           fail(err, ERR_NOT_FOUND, "Failed to open input stream for file: " STR_FMT,
                STR_ARG(location));
}

/* ---- Loads that are remembered ---- */

/* An answer that a request got when the catalog had made so many changes; the key says which request and how many. */
struct load {
    struct cached base;
    struct arena *arena; /* of this object, which keeps the answer */
    str bytes, etag, other;
    str file; /* the metadata file's store path */
};

static void destroy_load(struct cached *object)
{
    arena_destroy(((struct load *)object)->arena);
}

/* A commit by its id, or one found by steps from a ref, is left to the handler: finding out who may read it asks the database. */
static bool is_plain_ref(str ref)
{
    for (size_t i = 0; i < ref.len; i++)
        if (strchr("@*~^", ref.ptr[i]))
            return false;
    return ref.len != COMMIT_ID_LEN;
}

static str load_key(const struct api_request *req, uint64_t made)
{
    size_t len = sizeof made + 1 + req->path.len + 1 + req->query.len;
    char *text = arena_alloc(req->arena, len), *p = text;
    p = mempcpy(p, &made, sizeof made);
    *p++ = req->accepts_gzip ? 'z' : '-';
    p = mempcpy(p, req->path.ptr, req->path.len);
    *p++ = '?';
    if (req->query.len)
        memcpy(p, req->query.ptr, req->query.len);
    return str_make(text, len);
}

static void remember(struct app *app, const struct api_request *req, const struct answered *done,
                     str location, uint64_t made)
{
    struct error ignored = { 0 };
    str ref, file;
    iceberg_path(req, 2, &ref);
    if (!is_plain_ref(ref) || !catalog_is_ours(app->lake->catalog) ||
        !store_from_uri(app->lake->warehouse, location, req->arena, &file, &ignored))
        return;
    struct arena *a = arena_create(0);
    struct load *l = arena_new(a, struct load);
    ref_get(&done->object->base.ref);
    cached_keep(&done->object->base, a);
    *l = (struct load){ .arena = a,
                        .bytes = buf_str(&done->object->body),
                        .etag = arena_str(a, done->etag),
                        .other = arena_str(a, done->other),
                        .file = arena_str(a, file) };
    l->base.key = arena_str(a, load_key(req, made));
    l->base.destroy = destroy_load;
    l->base.bytes = arena_held(a);
    cached_unref(lru_add(app->loads, &l->base));
}

bool iceberg_load_quick(struct app *app, struct api_request *req, struct api_answer *answer)
{
    uint64_t made = catalog_changes_made(app->lake->catalog);
    struct cached *hit = lru_get(app->loads, load_key(req, made));
    if (!hit)
        return false;
    const struct load *l = (struct load *)hit;
    cached_keep(hit, req->arena);
    if (!store_present(app->lake->warehouse, l->file))
        return false;
    if (!answer_match(req, answer, l->etag, l->other))
        answer_bytes(answer, l->bytes, l->etag, req->accepts_gzip);
    return true;
}

/* ---- */

void iceberg_forget_before(struct app *app, const struct table *t, struct arena *a)
{
    const struct metadata *m = t->metadata;
    if (m->metadata_log_n == 0)
        return;
    struct subject s = { .location = m->metadata_log[m->metadata_log_n - 1].file, .table = m };
    for (int form = 0; form < 4; form++) {
        s.refs_only = form & 1;
        lru_drop(app->table_answers, answer_key(&s, form & 2, a));
    }
}

bool iceberg_answer_table(struct app *app, struct api_request *req, struct api_answer *answer,
                          const struct table *t, bool refs_only, const uint64_t *made,
                          struct json_writer *w, struct error *err)
{
    struct answered done;
    struct subject s = { .location = t->metadata_location,
                         .table = t->metadata,
                         .json = t->json,
                         .refs_only = refs_only };
    if (s.location.len == 0) {
        write_answer(&s, w);
        return buf_ok(&answer->body, "the table's metadata", err);
    }
    if ((made && !need_file(app, req, s.location, err)) ||
        !answer_subject(app, req, answer, &s, made != NULL, &done, err))
        return false;
    if (made && done.object)
        remember(app, req, &done, s.location, *made);
    return true;
}

bool iceberg_answer_view(struct app *app, struct api_request *req, struct api_answer *answer,
                         const struct catalog_view *v, bool may_match, struct json_writer *w,
                         struct error *err)
{
    struct answered done;
    (void)w;
    struct subject s = { .location = v->metadata_location, .view = v->metadata };
    return answer_subject(app, req, answer, &s, may_match, &done, err);
}
