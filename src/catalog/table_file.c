/* SPDX-License-Identifier: Apache-2.0
 *
 * Metadata files.  They never change once written, so that parsed ones are cached by location. */
#include <inttypes.h>

#include "catalog/catalog_priv.h"
#include "codec/compress.h"
#include "codec/uri.h"
#include "codec/uuid.h"
#include "iceberg/metadata.h"
#include "io/store.h"

#define VERSION_MAX 999999999
#define DECODINGS 4 /* of percent signs, that a location is looked through */

/* Drafts that stand on drafts keep all of them in memory: after so many the next commit reads its base from the file again. */
#define DRAFTS_MAX 32

struct cached_metadata {
    struct cached base;
    struct arena
        *arena; /* of this object, the metadata and the key; keeps what it shares parts with */
    const struct metadata *metadata;
    int drafts; /* below this one */
};

struct metadata_draft {
    struct arena *keeper;           /* that the draft lives as long as */
    struct cached_metadata *object; /* NULL: it has been cached */
    str below;                      /* the key of what it stands on */
};

static void destroy_cached(struct cached *object)
{
    struct cached_metadata *c = (struct cached_metadata *)object;
    arena_destroy(c->arena);
}

/* Java writes compressed metadata as *.gz.metadata.json; the first bytes tell more surely. */
static bool is_packed(str bytes)
{
    return str_starts(bytes, STR("\x1f\x8b"));
}

/* The bytes are read to where the parsed metadata points into them. */
static bool read_metadata(struct catalog *c, str location, struct arena *a,
                          const struct metadata **out, struct error *err)
{
    str path, bytes;
    bool ok = store_from_uri(c->store, location, a, &path, err) &&
              store_get(c->store, path, METADATA_BYTES_MAX, a, &bytes, err) &&
              (is_packed(bytes) ? metadata_parse(bytes, a, out, err)
                                : metadata_parse_kept(bytes, a, out, err));
    return ok || fail_in(err, "table metadata " STR_FMT, STR_ARG(location));
}

static struct cached_metadata *cache_object(struct arena *a, str location, const struct metadata *m)
{
    struct cached_metadata *o = arena_new(a, struct cached_metadata);
    o->base.key = arena_str(a, location);
    o->base.bytes = arena_held(a);
    o->base.destroy = destroy_cached;
    o->arena = a;
    o->metadata = m;
    return o;
}

static void drop_draft(void *draft)
{
    struct metadata_draft *d = draft;
    if (d->object)
        arena_destroy(d->object->arena);
}

struct metadata_draft *metadata_draft(struct catalog *c, const struct metadata *base,
                                      str base_location, struct arena *a)
{
    struct cached *hit = lru_get(c->metadata, base_location);
    struct cached_metadata *below = (struct cached_metadata *)hit;
    if (!hit || below->metadata != base || below->drafts == DRAFTS_MAX) {
        cached_unref(hit);
        return NULL;
    }
    struct metadata_draft *d = arena_new(a, struct metadata_draft);
    struct arena *own = arena_create(0);
    cached_keep(hit, own);
    d->object = arena_new(own, struct cached_metadata);
    *d->object = (struct cached_metadata){ .arena = own, .drafts = below->drafts + 1 };
    d->keeper = a;
    d->object->base.bytes = hit->bytes; /* which it keeps in memory */
    d->below = hit->key;
    arena_defer(a, drop_draft, d);
    return d;
}

struct arena *metadata_draft_arena(struct metadata_draft *d)
{
    return d->object->arena;
}

void metadata_draft_keep(struct catalog *c, struct metadata_draft *d, const struct metadata *m,
                         str location)
{
    if (!d)
        return;
    struct cached_metadata *o = d->object;
    o->base.key = arena_str(o->arena, location);
    o->base.bytes += arena_held(o->arena);
    o->base.destroy = destroy_cached;
    o->metadata = m;
    d->object = NULL;
    /* A reader may have been faster.  What it stands on nobody will ask for soon, and it is counted with this one. */
    cached_keep(lru_put(c->metadata, &o->base), d->keeper);
    lru_drop(c->metadata, d->below);
}

static bool load_cached(struct catalog *c, str location, struct arena *a,
                        const struct metadata **out, struct error *err)
{
    struct cached *hit = lru_get(c->metadata, location);
    if (!hit) {
        struct arena *own = arena_create(0);
        const struct metadata *m;
        if (!read_metadata(c, location, own, &m, err)) {
            arena_destroy(own);
            return false;
        }
        hit = lru_add(c->metadata, &cache_object(own, location, m)->base);
    }
    cached_keep(hit, a);
    *out = ((struct cached_metadata *)hit)->metadata;
    return true;
}

bool metadata_load(struct catalog *c, str location, str uuid, struct arena *a,
                   const struct metadata **out, struct error *err)
{
    if (!load_cached(c, location, a, out, err))
        return false;
    if (uuid.len == 0 || (*out)->uuid.len == 0 || str_eq_nocase(uuid, (*out)->uuid))
        return true;
    return fail(err, ERR_CORRUPT,
                "table metadata " STR_FMT " is that of table " STR_FMT ", not of " STR_FMT,
                STR_ARG(location), STR_ARG((*out)->uuid), STR_ARG(uuid));
}

/* "00012-<uuid>.metadata.json" and "v12.metadata.json" are version 12; other names 0. */
static int64_t version_of(str location)
{
    str name = str_from(location, (size_t)(str_rfind_char(location, '/') + 1));
    if (str_starts(name, STR("v")))
        name = str_from(name, 1);
    size_t digits = 0;
    while (digits < name.len && name.ptr[digits] >= '0' && name.ptr[digits] <= '9')
        digits++;
    int64_t version;
    if (!str_to_i64(str_sub(name, 0, digits), &version) || version > VERSION_MAX)
        return 0;
    return version;
}

str metadata_new_location(struct catalog *c, str folder, str base, str previous, bool packed,
                          struct arena *a)
{
    uint8_t random[16];
    char text[UUID_TEXT_LEN + 1];
    env_random(c->env, random, sizeof random);
    struct uuid uuid = uuid_v4(random);
    uuid_format(&uuid, text);
    if (folder.len == 0)
        folder = arena_printf(a, STR_FMT "/metadata", STR_ARG(base));
    while (str_ends(folder, STR("/")))
        folder.len--;
    int64_t version = previous.len ? version_of(previous) + 1 : 0;
    return arena_printf(a, STR_FMT "/%05" PRId64 "-%s%s.metadata.json", STR_ARG(folder), version,
                        text, packed ? ".gz" : "");
}

/* Packs the file when the table wants it (write.metadata.compression-codec), and when it can be read back: not what shrinks as only hostile files
 * do. */
static bool pack_metadata(const struct metadata *m, str plain, struct buf *packed,
                          struct error *err)
{
    str codec = metadata_property(m, "write.metadata.compression-codec", STR("none"));
    if (str_eq_nocase(codec, STR("none")))
        return true;
    if (!str_eq_nocase(codec, STR("gzip")))
        return fail(err, ERR_INVALID,
                    "write.metadata.compression-codec is none or gzip, not \"" STR_FMT "\"",
                    STR_ARG(codec));
    if (!compress_bytes(COMPRESSION_GZIP, 0, plain, packed, err))
        return false;
    if (plain.len > metadata_unpacked_max(packed->len))
        packed->len = 0;
    return true;
}

bool metadata_save(struct catalog *c, const struct metadata *m, str previous, struct arena *a,
                   str *location, struct buf *text, struct error *err)
{
    str folder = metadata_property(m, "write.metadata.path", (str){ 0 });
    struct arena *scratch = arena_create(0);
    struct buf own = BUF_INIT(METADATA_BYTES_MAX), packed = BUF_INIT(METADATA_BYTES_MAX);
    struct buf *b = text ? text : &own;
    metadata_write(m, b);
    str path;
    bool ok = buf_ok(b, "table metadata", err) && pack_metadata(m, buf_str(b), &packed, err);
    *location = metadata_new_location(c, folder, m->location, previous, packed.len > 0, a);
    ok = ok && store_from_uri(c->store, *location, scratch, &path, err) &&
         store_put(c->store, path, buf_str(packed.len ? &packed : b),
                   STORE_CREATE_NEW | STORE_SELDOM_READ, err);
    buf_deinit(&packed);
    buf_deinit(&own);
    arena_destroy(scratch);
    if (ok)
        return true;
    return fail_in(err, "write table metadata " STR_FMT, STR_ARG(*location));
}

/* What Unicode's compatible forms make dots and slashes of: nobody names a folder so by accident. */
static bool has_lookalike(str s)
{
    static const char *const marks[] = {
        "\u2024", "\u2025", "\u2026", "\uff0e", "\ufe52", /* dots */
        "\uff0f", "\u2215", "\u2044", "\u29f8",           /* slashes */
        "\uff3c", "\ufe68", "\u2216", "\u29f9",           /* backslashes */
    };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (str_find(s, str_of(marks[i])) >= 0)
            return true;
    return false;
}

/* A percent sign is a letter to us and may not be to who reads the metadata: what it may become must be harmless too. */
static bool check_spelling(str location, struct arena *a, struct error *err)
{
    struct uri uri;
    for (int depth = 0; depth < DECODINGS; depth++) {
        struct error broken;
        str decoded;
        if (!uri_parse(location, &uri, err))
            return false;
        if (has_lookalike(location))
            return fail(err, ERR_INVALID,
                        "location \"" STR_FMT "\" has a mark that looks like one of a path",
                        STR_ARG(location));
        if (!percent_decode(location, false, a, &decoded, &broken) || str_eq(decoded, location))
            return true;
        location = decoded;
    }
    return fail(err, ERR_INVALID, "a location is encoded more than %d times", DECODINGS - 1);
}

bool check_place(struct catalog *c, const char *what, str location, struct arena *a,
                 struct error *err)
{
    struct store_info info;
    struct error seen = { 0 };
    str path;
    if (location.len == 0)
        return true;
    if (!check_spelling(location, a, err) || !store_from_uri(c->store, location, a, &path, err))
        return fail_in(err, "%s", what);
    if (store_head(c->store, path, &info, &seen) || seen.code != ERR_DENIED)
        return true;
    *err = seen; /* a link on the way leads out */
    return fail_in(err, "%s", what);
}

/* Checks a place unless the base has the same. */
static bool check_new_place(struct catalog *c, const char *what, str before, str place,
                            struct arena *a, struct error *err)
{
    return str_eq(before, place) || check_place(c, what, place, a, err);
}

bool metadata_check_places(struct catalog *c, const struct metadata *base, const struct metadata *m,
                           struct error *err)
{
    static const char *const keys[] = { "write.data.path", "write.metadata.path",
                                        "write.object-storage.path", "write.folder-storage.path" };
    struct arena *a = arena_create(0);
    str none = { 0 };
    bool ok = check_new_place(c, "location", base ? base->location : none, m->location, a, err);
    for (size_t i = 0; ok && i < sizeof keys / sizeof *keys; i++)
        ok = check_new_place(c, keys[i], base ? metadata_property(base, keys[i], none) : none,
                             metadata_property(m, keys[i], none), a, err);
    for (size_t i = 0; ok && i < m->statistics_n; i++)
        ok = check_place(c, "statistics", m->statistics[i].path, a, err);
    for (size_t i = 0; ok && i < m->partition_statistics_n; i++)
        ok = check_place(c, "partition statistics", m->partition_statistics[i].path, a, err);
    arena_destroy(a);
    return ok;
}

struct entry metadata_entry(const struct metadata *m, str location)
{
    return (struct entry){ .type = ENTRY_TABLE,
                           .uuid = m->uuid,
                           .location = location,
                           .snapshot_id = m->current_snapshot_id };
}

void metadata_table(const struct metadata *m, str ref, str ns, str name, str location,
                    str commit_id, struct arena *a, struct table *out)
{
    *out = (struct table){ .ns = arena_str(a, ns),
                           .name = arena_str(a, name),
                           .ref = arena_str(a, ref.len ? ref : MAIN_BRANCH),
                           .commit_id = commit_id,
                           .uuid = m->uuid,
                           .metadata_location = location,
                           .metadata = m,
                           .snapshot_id = m->current_snapshot_id };
}

int64_t catalog_now_us(struct catalog *c, int64_t not_before_us)
{
    int64_t now = env_now_us(c->env);
    return now > not_before_us ? now : not_before_us;
}
