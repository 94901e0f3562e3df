/* SPDX-License-Identifier: Apache-2.0
 *
 * The store on files: opening, finding, reading, listing.  A path leads to one of a few roots, each
 * an open folder; from there every open is beneath it (fs_open_beneath). */
#include "io/store_fs_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "io/fs_priv.h"

#define PREFIXES_MAX 1000

/* ---- locations ---- */

/* "file:/x", "file:///x" and "file://localhost/x" are "/x"; all else is itself. */
static str normalise(str location)
{
    if (!str_starts(location, STR("file:")))
        return location;
    str rest = str_from(location, 5);
    if (str_starts(rest, STR("//localhost/")))
        return str_from(rest, 11);
    if (str_starts(rest, STR("///")))
        return str_from(rest, 2);
    return str_starts(rest, STR("//")) ? location : rest;
}

/* The root with the longest location that is a prefix of whole parts; NULL when there is none. */
static struct root *find_root(struct store_fs *s, str location, str *rest)
{
    struct root *best = NULL;
    for (size_t i = 0; i < s->roots_n; i++) {
        struct root *r = &s->roots[i];
        if (r->everywhere && !atomic_load_explicit(&s->everywhere, memory_order_relaxed))
            continue;
        if (str_starts(location, r->location) && location.len > r->location.len + 1 &&
            location.ptr[r->location.len] == '/' && (!best || r->location.len > best->location.len))
            best = r;
    }
    if (best)
        *rest = str_from(location, best->location.len + 1);
    return best;
}

static bool is_absolute(str path)
{
    return str_starts(path, STR("/")) || str_find(path, STR("://")) >= 0;
}

bool fs_resolve(struct store_fs *s, str path, struct place *p, struct error *err)
{
    str rel = path;
    p->path = path;
    p->root = is_absolute(path) ? find_root(s, path, &rel) : &s->roots[0];
    if (!p->root)
        return fail(err, ERR_DENIED, "location " STR_FMT " is outside of " STR_FMT, STR_ARG(path),
                    STR_ARG(s->roots[0].dir));
    memcpy(p->rel, rel.ptr, rel.len);
    p->rel[rel.len] = 0;
    ptrdiff_t slash = str_rfind_char(rel, '/');
    p->name_at = slash < 0 ? 0 : (size_t)slash + 1;
    return true;
}

/* ---- reading ---- */

static int open_file(const struct place *p, struct stat *info, struct error *err)
{
    /* O_NONBLOCK: opening a pipe that somebody left there must not hang. */
    int fd = root_open(p->root, p->rel, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0 || fstat(fd, info) != 0) {
        fs_fail(err, errno, "open", p->path, false);
    } else if (!S_ISREG(info->st_mode)) {
        fail(err, ERR_NOT_FOUND, "open " STR_FMT ": not a file", STR_ARG(p->path));
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Reads n bytes from offset; all of them or ERR_CORRUPT. */
static bool read_exactly(int fd, str path, int64_t offset, void *out, size_t n, struct error *err)
{
    size_t got;
    if (!fs_read_all(fd, out, n, offset, &got))
        return fs_fail(err, errno, "read", path, false);
    if (got < n)
        return fail(err, ERR_CORRUPT, STR_FMT " is cut short: wanted %zu bytes from %lld, got %zu",
                    STR_ARG(path), n, (long long)offset, got);
    return true;
}

static bool fs_get(struct store *st, str path, size_t bytes_max, struct arena *a, str *out,
                   struct error *err)
{
    struct place p;
    struct stat info;
    int fd = fs_resolve(fs_of(st), path, &p, err) ? open_file(&p, &info, err) : -1;
    if (fd < 0)
        return false;
    size_t size = (size_t)info.st_size;
    bool ok = false;
    if (size > bytes_max || size > arena_left(a)) {
        fail(err, ERR_LIMIT, "read " STR_FMT ": %zu bytes, at most %zu are allowed", STR_ARG(path),
             size, size > bytes_max ? bytes_max : arena_left(a));
    } else {
        char *bytes = arena_alloc(a, size + 1);
        ok = read_exactly(fd, path, 0, bytes, size, err);
        *out = str_make(bytes, size);
    }
    close(fd);
    return ok;
}

static bool fs_read_at(struct store *st, str path, int64_t offset, void *out, size_t len,
                       struct error *err)
{
    struct place p;
    struct stat info;
    int fd = fs_resolve(fs_of(st), path, &p, err) ? open_file(&p, &info, err) : -1;
    if (fd < 0)
        return false;
    bool ok = read_exactly(fd, path, offset, out, len, err);
    close(fd);
    return ok;
}

static void info_of(const struct stat *s, struct store_info *out)
{
    out->size = s->st_size;
    out->mtime_us = s->st_mtim.tv_sec * 1000000LL + s->st_mtim.tv_nsec / 1000;
}

static bool fs_head(struct store *st, str path, struct store_info *out, struct error *err)
{
    struct place p;
    struct stat info;
    int fd = fs_resolve(fs_of(st), path, &p, err) ? open_file(&p, &info, err) : -1;
    if (fd < 0)
        return false;
    close(fd);
    info_of(&info, out);
    return true;
}

/* A look at the name alone: whoever opens the file afterwards is held to the root as always. */
static bool fs_present(struct store *st, str path)
{
    struct error ignored = { 0 };
    struct place p;
    struct stat info;
    return fs_resolve(fs_of(st), path, &p, &ignored) &&
           (fstatat(p.root->fd, p.rel, &info, 0) == 0 || (errno != ENOENT && errno != ENOTDIR));
}

static bool fs_local_path(struct store *st, str path, struct arena *a, str *out, struct error *err)
{
    struct place p;
    if (!fs_resolve(fs_of(st), path, &p, err))
        return false;
    int fd = root_open(p.root, p.rel, O_PATH, 0);
    if (fd < 0)
        return fs_fail(err, errno, "open", path, false);
    close(fd);
    *out = arena_printf(a, STR_FMT "/%s", STR_ARG(p.root->dir), p.rel);
    return true;
}

/* ---- listing ---- */

struct lister {
    store_list_fn *fn;
    void *ctx;
    char path[STORE_PATH_MAX + 1];
};

static bool list_folder(struct lister *l, int fd, size_t len, int depth, struct error *err);

static bool list_entry(struct lister *l, int fd, size_t len, const char *name, int depth,
                       struct error *err)
{
    struct stat s;
    size_t n = strlen(name);
    if (fstatat(fd, name, &s, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || fs_fail(err, errno, "list", str_make(l->path, len), false);
    if (!S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode))
        return true; /* links, pipes and devices are no objects */
    if (len + 1 + n > STORE_PATH_MAX || depth == STORE_DEPTH_MAX)
        return fail(err, ERR_LIMIT, "list " STR_FMT ": folders are nested too deep",
                    STR_ARG(str_make(l->path, len < 200 ? len : 200)));
    size_t at = len ? len + 1 : 0;
    if (len)
        l->path[len] = '/';
    memcpy(l->path + at, name, n);
    if (S_ISREG(s.st_mode)) {
        struct store_info info;
        info_of(&s, &info);
        return l->fn(l->ctx, str_make(l->path, at + n), &info, err);
    }
    int sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (sub < 0)
        return errno == ENOENT || fs_fail(err, errno, "list", str_make(l->path, at + n), false);
    return list_folder(l, sub, at + n, depth + 1, err);
}

/* Takes fd over. */
static bool list_folder(struct lister *l, int fd, size_t len, int depth, struct error *err)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        fs_fail(err, errno, "list", str_make(l->path, len), false);
        close(fd);
        return false;
    }
    bool ok = true;
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e) {
            ok = errno == 0 || fs_fail(err, errno, "list", str_make(l->path, len), false);
            break;
        }
        str name = str_of(e->d_name);
        if (str_is(name, ".") || str_is(name, "..") || str_starts(name, STR(STORE_TEMP_PREFIX)))
            continue;
        ok = list_entry(l, fd, len, e->d_name, depth, err);
        if (!ok)
            break;
    }
    closedir(d);
    return ok;
}

static bool fs_list(struct store *st, str folder, store_list_fn *fn, void *ctx, struct error *err)
{
    struct place p = { .root = &fs_of(st)->roots[0], .path = folder, .rel = "." };
    if (folder.len > 0 && !fs_resolve(fs_of(st), folder, &p, err))
        return false;
    int fd = root_open(p.root, p.rel, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return true; /* there are no folders, so there is none that could be missing */
    if (fd < 0)
        return fs_fail(err, errno, "list", folder, false);
    struct lister l = { .fn = fn, .ctx = ctx };
    if (folder.len)
        memcpy(l.path, folder.ptr, folder.len);
    return list_folder(&l, fd, folder.len, 0, err);
}

/* ---- names ---- */

static str fs_uri(struct store *st, str path, struct arena *a)
{
    if (is_absolute(path))
        return arena_str(a, path);
    return arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(fs_of(st)->roots[0].dir), STR_ARG(path));
}

static bool fs_from_uri(struct store *st, str location, struct arena *a, str *path,
                        struct error *err)
{
    struct store_fs *s = fs_of(st);
    str plain = normalise(location), rest;
    struct root *r = find_root(s, plain, &rest);
    if (!r)
        return fail(err, is_absolute(plain) ? ERR_DENIED : ERR_INVALID,
                    is_absolute(plain) ? "location " STR_FMT " is outside of " STR_FMT
                                       : "location " STR_FMT " is not absolute (store " STR_FMT ")",
                    STR_ARG(location), STR_ARG(s->roots[0].dir));
    if (!store_path_check(rest, err))
        return false;
    if (is_absolute(rest))
        return fail(err, ERR_INVALID, "bad path \"" STR_FMT "\": an empty part", STR_ARG(rest));
    *path = arena_str(a, r == &s->roots[0] ? rest : plain);
    return true;
}

static void fs_destroy(struct store *st)
{
    struct store_fs *s = fs_of(st);
    journal_close(s->journal);
    for (size_t i = 0; i < s->roots_n; i++)
        if (s->roots[i].fd >= 0)
            close(s->roots[i].fd);
    pthread_mutex_destroy(&s->lock);
    arena_destroy(s->arena);
}

static const struct store_ops fs_ops = {
    .get = fs_get,
    .read_at = fs_read_at,
    .put = fs_put,
    .flush = fs_flush,
    .head = fs_head,
    .present = fs_present,
    .remove = fs_remove,
    .list = fs_list,
    .local_path = fs_local_path,
    .stage = fs_stage,
    .publish = fs_publish,
    .discard = fs_discard,
    .make_folder = fs_make_folder,
    .uri = fs_uri,
    .from_uri = fs_from_uri,
    .destroy = fs_destroy,
};

/* ---- opening ---- */

static bool open_root(struct store_fs *s, struct root *r, str dir, struct error *err)
{
    r->fd = open(arena_cstr(s->arena, dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->fd < 0)
        return fs_fail(err, errno, "open the folder", dir, false);
    char real[PATH_MAX];
    if (!realpath(arena_cstr(s->arena, dir), real))
        return fs_fail(err, errno, "open the folder", dir, false);
    r->dir = str_of(arena_cstr(s->arena, str_of(real)));
    if (r->dir.len < 2)
        return fail(err, ERR_INVALID, "the store cannot be the root of the file system");
    if (r->dir.len > STORE_PATH_MAX / 4)
        return fail(err, ERR_LIMIT, "the folder's name has %zu bytes, at most %d are allowed",
                    r->dir.len, STORE_PATH_MAX / 4);
    return true;
}

/* Makes the root and what is missing above it, each entry synced into its parent. */
static bool make_root(struct store_fs *s, str root, struct error *err)
{
    const char *path = arena_cstr(s->arena, root);
    struct stat info;
    if (stat(path, &info) == 0)
        return true;
    str parent = STR(".");
    ptrdiff_t slash = str_rfind_char(root, '/');
    if (slash >= 0)
        parent = slash == 0 ? STR("/") : str_sub(root, 0, (size_t)slash);
    if (!make_root(s, parent, err))
        return false;
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return fs_fail(err, errno, "make the folder", root, true);
    int fd = open(arena_cstr(s->arena, parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        fs_fail(err, errno, "sync the folder", parent, false);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool open_prefix(struct store_fs *s, struct root *r, const struct store_prefix *prefix,
                        struct error *err)
{
    str location = normalise(prefix->location);
    while (location.len > 1 && location.ptr[location.len - 1] == '/')
        location.len--;
    if (!is_absolute(location) || location.len < 2 || !store_path_check(location, err))
        return fail(err, ERR_INVALID, "bad prefix \"" STR_FMT "\"", STR_ARG(prefix->location));
    r->location = arena_str(s->arena, location);
    r->writable = prefix->writable;
    return open_root(s, r, prefix->dir.len ? prefix->dir : location, err);
}

static bool open_roots(struct store_fs *s, const struct store_fs_options *o, struct error *err)
{
    str root = o->root;
    while (root.len > 1 && root.ptr[root.len - 1] == '/')
        root.len--;
    if (root.len == 0)
        return fail(err, ERR_INVALID, "the store's folder has no name");
    s->roots_n = 1;
    s->roots[0].writable = true;
    if (!make_root(s, root, err) || !open_root(s, &s->roots[0], root, err))
        return false;
    s->roots[0].location = s->roots[0].dir;
    for (size_t i = 0; i < o->prefixes_n; i++) {
        s->roots_n++;
        if (!open_prefix(s, &s->roots[i + 1], &o->prefixes[i], err))
            return false;
    }
    struct root *all = &s->roots[s->roots_n++];
    *all = (struct root){ .dir = STR(""), .location = STR(""), .writable = true };
    all->everywhere = true;
    all->fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return all->fd >= 0 || fs_fail(err, errno, "open the folder", STR("/"), false);
}

void store_fs_allow_everywhere(struct store *st, bool allowed)
{
    atomic_store(&fs_of(st)->everywhere, allowed);
}

/* Finds out now, with a clear error, whether the kernel can do what the store rests on. */
static bool check_kernel(struct store_fs *s, struct error *err)
{
    int fd = root_open(&s->roots[0], ".", O_PATH, 0);
    if (fd < 0)
        return fs_fail(err, errno, "open the folder", s->roots[0].dir, false);
    close(fd);
    return true;
}

bool store_fs_open(const struct store_fs_options *o, struct store **out, struct error *err)
{
    if (o->prefixes_n > PREFIXES_MAX)
        return fail(err, ERR_LIMIT, "%zu location prefixes, at most %d are allowed", o->prefixes_n,
                    PREFIXES_MAX);
    struct arena *a = arena_create(0);
    struct store_fs *s = arena_new(a, struct store_fs);
    s->base.ops = &fs_ops;
    s->arena = a;
    s->roots = arena_array(a, struct root, o->prefixes_n + 2);
    for (size_t i = 0; i < o->prefixes_n + 2; i++)
        s->roots[i].fd = -1;
    s->seed = env_random_u64(env_real());
    pthread_mutex_init(&s->lock, NULL);
    if (!open_roots(s, o, err) || !check_kernel(s, err)) {
        fs_destroy(&s->base);
        return false;
    }
    if (o->clean)
        fs_remove_tree(s->roots[0].fd, STORE_TEMP_DIR);
    if (o->journal.len && !fs_open_journal(s, o, err)) {
        fs_destroy(&s->base);
        return false;
    }
    *out = &s->base;
    return true;
}
