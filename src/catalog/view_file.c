/* SPDX-License-Identifier: Apache-2.0
 *
 * Metadata files of views and functions.  They never change once written, so that parsed ones are cached by location, beside those
 * of tables: a key says of what kind it is. */
#include "catalog/view_priv.h"
#include "iceberg/function.h"
#include "iceberg/view.h"
#include "io/store.h"

struct cached_file {
    struct cached base;
    struct arena *arena; /* of this object, what was parsed and the key */
    const void *parsed;
};

static void destroy_cached(struct cached *object)
{
    arena_destroy(((struct cached_file *)object)->arena);
}

typedef bool parse_file(str text, struct arena *a, const void **out, struct error *err);

static bool parse_view(str text, struct arena *a, const void **out, struct error *err)
{
    const struct view_metadata *m;
    if (!view_metadata_parse(text, a, &m, err))
        return false;
    *out = m;
    return true;
}

static bool parse_function(str text, struct arena *a, const void **out, struct error *err)
{
    const struct function_metadata *m;
    if (!function_metadata_parse(text, a, &m, err))
        return false;
    *out = m;
    return true;
}

static const struct kind {
    const char *name; /* also the prefix of the key */
    size_t bytes_max;
    parse_file *parse;
} view_kind = { "view", VIEW_BYTES_MAX, parse_view },
  function_kind = { "function", FUNCTION_BYTES_MAX, parse_function };

static bool read_file(struct catalog *c, const struct kind *k, str location, struct arena *a,
                      const void **out, struct error *err)
{
    struct arena *scratch = arena_create(0);
    str path, bytes;
    bool ok = store_from_uri(c->store, location, scratch, &path, err) &&
              store_get(c->store, path, k->bytes_max, scratch, &bytes, err) &&
              k->parse(bytes, a, out, err);
    arena_destroy(scratch);
    return ok || fail_in(err, "%s metadata " STR_FMT, k->name, STR_ARG(location));
}

static bool load(struct catalog *c, const struct kind *k, str location, struct arena *a,
                 const void **out, struct error *err)
{
    str key = arena_printf(a, "%s\n" STR_FMT, k->name, STR_ARG(location));
    struct cached *hit = lru_get(c->metadata, key);
    if (!hit) {
        struct arena *own = arena_create(0);
        struct cached_file *f = arena_new(own, struct cached_file);
        if (!read_file(c, k, location, own, &f->parsed, err)) {
            arena_destroy(own);
            return false;
        }
        f->arena = own;
        f->base.key = arena_str(own, key);
        f->base.bytes = arena_held(own);
        f->base.destroy = destroy_cached;
        hit = lru_add(c->metadata, &f->base);
    }
    cached_keep(hit, a);
    *out = ((struct cached_file *)hit)->parsed;
    return true;
}

static bool need_uuid(const char *what, str location, str uuid, str wanted, struct error *err)
{
    return wanted.len == 0 || str_eq_nocase(uuid, wanted) ||
           fail(err, ERR_CORRUPT, "%s metadata " STR_FMT " is that of " STR_FMT ", not of " STR_FMT,
                what, STR_ARG(location), STR_ARG(uuid), STR_ARG(wanted));
}

bool view_file_load(struct catalog *c, str location, str uuid, struct arena *a,
                    const struct view_metadata **out, struct error *err)
{
    const void *parsed;
    if (!load(c, &view_kind, location, a, &parsed, err))
        return false;
    *out = parsed;
    return need_uuid("view", location, (*out)->uuid, uuid, err);
}

bool function_file_load(struct catalog *c, str location, str uuid, struct arena *a,
                        const struct function_metadata **out, struct error *err)
{
    const void *parsed;
    if (!load(c, &function_kind, location, a, &parsed, err))
        return false;
    *out = parsed;
    return need_uuid("function", location, (*out)->uuid, uuid, err);
}

static bool save(struct catalog *c, const char *what, str location, const struct buf *bytes,
                 struct error *err)
{
    struct arena *scratch = arena_create(0);
    str path;
    bool ok = buf_ok(bytes, "the metadata", err) &&
              store_from_uri(c->store, location, scratch, &path, err) &&
              store_put(c->store, path, buf_str(bytes), STORE_CREATE_NEW, err);
    arena_destroy(scratch);
    return ok || fail_in(err, "write %s metadata " STR_FMT, what, STR_ARG(location));
}

bool view_file_save(struct catalog *c, const struct view_metadata *m, str previous, struct arena *a,
                    str *location, struct error *err)
{
    struct buf b = BUF_INIT(VIEW_BYTES_MAX);
    str folder = property_get(&m->properties, "write.metadata.path", (str){ 0 });
    *location = metadata_new_location(c, folder, m->location, previous, false, a);
    view_metadata_write(m, &b);
    bool ok = save(c, "view", *location, &b, err);
    buf_deinit(&b);
    return ok;
}

bool function_file_save(struct catalog *c, const struct function_metadata *m, str base,
                        str previous, struct arena *a, str *location, struct error *err)
{
    struct buf b = BUF_INIT(FUNCTION_BYTES_MAX);
    struct json_writer w;
    *location = metadata_new_location(c, (str){ 0 }, base, previous, false, a);
    jw_init(&w, &b);
    function_metadata_write_json(m, &w);
    bool ok = save(c, "function", *location, &b, err);
    buf_deinit(&b);
    return ok;
}

bool view_check_places(struct catalog *c, const struct view_metadata *m, struct error *err)
{
    struct arena *a = arena_create(0);
    str folder = property_get(&m->properties, "write.metadata.path", (str){ 0 });
    bool ok = check_place(c, "location", m->location, a, err) &&
              check_place(c, "write.metadata.path", folder, a, err);
    arena_destroy(a);
    return ok;
}
