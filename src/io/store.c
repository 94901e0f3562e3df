/* SPDX-License-Identifier: Apache-2.0
 *
 * What is the same for every store: paths are checked here, once, before an implementation sees
 * them. */
#include "io/store.h"

/* Cuts a leading '/' or "scheme://" off, which only the store can judge. */
static str after_prefix(str path)
{
    if (str_starts(path, STR("/")))
        return str_from(path, 1);
    size_t n = 0;
    while (
        n < path.len && n < 16 &&
        ((path.ptr[n] >= 'a' && path.ptr[n] <= 'z') || (path.ptr[n] >= '0' && path.ptr[n] <= '9')))
        n++;
    if (n > 0 && str_starts(str_from(path, n), STR("://")))
        return str_from(path, n + 3);
    return path;
}

static bool part_check(str part, str path, struct error *err)
{
    if (part.len == 0)
        return fail(err, ERR_INVALID, "bad path \"" STR_FMT "\": an empty part", STR_ARG(path));
    if (part.len > STORE_PART_MAX)
        return fail(err, ERR_INVALID, "bad path: a part has %zu bytes, at most %d are allowed",
                    part.len, STORE_PART_MAX);
    if (str_is(part, ".") || str_is(part, ".."))
        return fail(err, ERR_INVALID, "bad path \"" STR_FMT "\": \"" STR_FMT "\" is not allowed",
                    STR_ARG(path), STR_ARG(part));
    if (str_starts(part, STR(STORE_TEMP_PREFIX)))
        return fail(err, ERR_INVALID,
                    "bad path \"" STR_FMT "\": names that begin with \"%s\" are reserved",
                    STR_ARG(path), STORE_TEMP_PREFIX);
    return true;
}

static bool bytes_check(str path, struct error *err)
{
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        if (c < 0x20 || c == 0x7f || c == '\\' || c == '?' || c == '#')
            return fail(err, ERR_INVALID, "bad path: byte 0x%02x at position %zu is not allowed", c,
                        i);
    }
    if (!str_is_utf8(path))
        return fail(err, ERR_INVALID, "bad path: not valid UTF-8");
    return true;
}

bool store_path_check(str path, struct error *err)
{
    if (path.len == 0)
        return fail(err, ERR_INVALID, "bad path: empty");
    if (path.len > STORE_PATH_MAX)
        return fail(err, ERR_INVALID, "bad path: %zu bytes, at most %d are allowed", path.len,
                    STORE_PATH_MAX);
    if (!bytes_check(path, err))
        return false;
    str rest = after_prefix(path), part;
    if (rest.len == 0)
        return fail(err, ERR_INVALID, "bad path \"" STR_FMT "\": names nothing", STR_ARG(path));
    while (str_next(&rest, '/', &part))
        if (!part_check(part, path, err))
            return false;
    return true;
}

bool store_get(struct store *st, str path, size_t bytes_max, struct arena *a, str *out,
               struct error *err)
{
    return store_path_check(path, err) && st->ops->get(st, path, bytes_max, a, out, err);
}

bool store_read_at(struct store *st, str path, int64_t offset, void *out, size_t len,
                   struct error *err)
{
    if (!store_path_check(path, err))
        return false;
    if (offset < 0 || len > (size_t)(INT64_MAX - offset))
        return fail(err, ERR_INVALID, "read " STR_FMT ": bad range of %zu bytes from %lld",
                    STR_ARG(path), len, (long long)offset);
    return st->ops->read_at(st, path, offset, out, len, err);
}

bool store_get_range(struct store *st, str path, int64_t offset, size_t len, struct arena *a,
                     str *out, struct error *err)
{
    if (len > arena_left(a))
        return fail(err, ERR_LIMIT, "read " STR_FMT ": %zu bytes are more than the memory budget",
                    STR_ARG(path), len);
    char *p = arena_alloc(a, len);
    if (!store_read_at(st, path, offset, p, len, err))
        return false;
    *out = str_make(p, len);
    return true;
}

bool store_put(struct store *st, str path, str bytes, enum store_put_flags flags, struct error *err)
{
    return store_path_check(path, err) && st->ops->put(st, path, bytes, flags, err);
}

bool store_flush(struct store *st, struct error *err)
{
    return !st->ops->flush || st->ops->flush(st, err);
}

bool store_head(struct store *st, str path, struct store_info *out, struct error *err)
{
    return store_path_check(path, err) && st->ops->head(st, path, out, err);
}

bool store_present(struct store *st, str path)
{
    struct error ignored = { 0 };
    return store_path_check(path, &ignored) && (!st->ops->present || st->ops->present(st, path));
}

bool store_delete(struct store *st, str path, struct error *err)
{
    return store_path_check(path, err) && st->ops->remove(st, path, err);
}

bool store_list(struct store *st, str folder, store_list_fn *fn, void *ctx, struct error *err)
{
    if (folder.len > 0 && !store_path_check(folder, err))
        return false;
    return st->ops->list(st, folder, fn, ctx, err);
}

bool store_local_path(struct store *st, str path, struct arena *a, str *out, struct error *err)
{
    return store_path_check(path, err) && st->ops->local_path(st, path, a, out, err);
}

bool store_stage(struct store *st, str path, struct arena *a, str *local, struct error *err)
{
    return store_path_check(path, err) && st->ops->stage(st, path, a, local, err);
}

bool store_publish(struct store *st, str path, str local, enum store_put_flags flags,
                   struct error *err)
{
    return store_path_check(path, err) && st->ops->publish(st, path, local, flags, err);
}

void store_discard(struct store *st, str local)
{
    st->ops->discard(st, local);
}

str store_uri(struct store *st, str path, struct arena *a)
{
    return st->ops->uri(st, path, a);
}

bool store_from_uri(struct store *st, str location, struct arena *a, str *path, struct error *err)
{
    return st->ops->from_uri(st, location, a, path, err);
}

bool store_make_folder(struct store *st, str path, struct error *err)
{
    return store_path_check(path, err) &&
           (!st->ops->make_folder || st->ops->make_folder(st, path, err));
}

void store_destroy(struct store *st)
{
    if (st)
        st->ops->destroy(st);
}
