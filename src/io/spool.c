/* SPDX-License-Identifier: Apache-2.0
 *
 * The current segment is published (base/published.h): an append enters, writes, leaves; sealing swaps the segment and thereby waits
 * for appends under way, so that a sealed file never grows.  Names are time-ordered UUIDs, so that the order of names is the order of
 * beginnings. */
#include "io/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/published.h"
#include "base/vec.h"
#include "codec/uuid.h"

#define SUFFIX ".jsonl"
#define TAIL_BLOCK 4096

struct current {
    int fd;
    char id[UUID_TEXT_LEN + 1];
    atomic_llong bytes;
};

struct spool {
    struct env *env;
    char *dir;
    int dir_fd;
    struct published current; /* struct current */
    atomic_bool sealed_wait, dirty;
};

/* ---- Files */

static char *segment_name(str id, char out[UUID_TEXT_LEN + sizeof SUFFIX])
{
    ASSERT(id.len == UUID_TEXT_LEN);
    memcpy(out, id.ptr, id.len);
    memcpy(out + id.len, SUFFIX, sizeof SUFFIX);
    return out;
}

static bool begin_segment(struct spool *s, struct current **out, struct error *err)
{
    uint8_t random[10];
    char name[UUID_TEXT_LEN + sizeof SUFFIX];
    struct current *c = mem_new(struct current);
    env_random(s->env, random, sizeof random);
    struct uuid id = uuid_v7(env_now_ms(s->env), random);
    segment_name(uuid_format(&id, c->id), name);
    c->fd = openat(s->dir_fd, name, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (c->fd < 0 || fsync(s->dir_fd) != 0) {
        fail_errno(err, errno, "begin the segment %s/%s", s->dir, name);
        if (c->fd >= 0)
            close(c->fd);
        mem_free(c);
        return false;
    }
    *out = c;
    return true;
}

static void end_segment(struct current *c)
{
    if (!c)
        return;
    close(c->fd);
    mem_free(c);
}

/* What follows the last newline was never whole. */
static bool cut_tail(int fd, off_t size, struct error *err)
{
    char block[TAIL_BLOCK];
    while (size > 0) {
        off_t from = size > TAIL_BLOCK ? size - TAIL_BLOCK : 0;
        ssize_t n = pread(fd, block, (size_t)(size - from), from);
        if (n != size - from)
            return fail_errno(err, n < 0 ? errno : EIO, "read the end of a segment");
        for (ssize_t i = n; i > 0; i--) {
            if (block[i - 1] != '\n')
                continue;
            return ftruncate(fd, from + i) == 0 || fail_errno(err, errno, "cut a segment");
        }
        size = from;
    }
    return ftruncate(fd, 0) == 0 || fail_errno(err, errno, "cut a segment");
}

static bool repair(struct spool *s, const char *name, off_t *size, struct error *err)
{
    struct stat st;
    int fd = openat(s->dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail_errno(err, errno, "open the segment %s/%s", s->dir, name);
    bool ok = fstat(fd, &st) == 0 || fail_errno(err, errno, "open the segment %s", name);
    ok = ok && cut_tail(fd, st.st_size, err);
    ok = ok && (fstat(fd, &st) == 0 || fail_errno(err, errno, "open the segment %s", name));
    *size = ok ? st.st_size : 0;
    close(fd);
    return ok;
}

/* ---- Listing */

static int by_id(const void *x, const void *y)
{
    return str_cmp(((const struct spool_segment *)x)->id, ((const struct spool_segment *)y)->id);
}

static bool is_segment(const char *name, str *id)
{
    struct uuid u;
    str s = str_of(name);
    *id = str_sub(s, 0, UUID_TEXT_LEN);
    return s.len == UUID_TEXT_LEN + sizeof SUFFIX - 1 && str_ends(s, STR(SUFFIX)) &&
           uuid_parse(*id, &u);
}

struct segments {
    VEC(struct spool_segment) list;
};

static bool list_one(struct spool *s, const char *name, str id, struct arena *a,
                     struct segments *out, struct error *err)
{
    struct stat st;
    if (fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_errno(err, errno, "look at the segment %s/%s", s->dir, name);
    if (!S_ISREG(st.st_mode))
        return true;
    *vec_push(a, &out->list) = (struct spool_segment){
        .id = arena_str(a, id),
        .path = arena_printf(a, "%s/%s", s->dir, name),
        .bytes = st.st_size,
    };
    return true;
}

/* All segments but the current one. */
static bool list_segments(struct spool *s, const char *current, struct arena *a,
                          struct segments *out, struct error *err)
{
    DIR *d = opendir(s->dir);
    struct dirent *e;
    bool ok = true;
    str id;
    if (!d)
        return fail_errno(err, errno, "list the folder %s", s->dir);
    while (ok && (errno = 0, e = readdir(d)))
        if (is_segment(e->d_name, &id) && !(current && str_is(id, current)))
            ok = list_one(s, e->d_name, id, a, out, err);
    if (ok && errno)
        ok = fail_errno(err, errno, "list the folder %s", s->dir);
    closedir(d);
    if (out->list.n)
        qsort(out->list.at, out->list.n, sizeof *out->list.at, by_id);
    return ok;
}

/* ---- Opening */

static bool adopt(struct spool *s, struct error *err)
{
    struct arena *a = arena_create(0);
    struct segments found = { 0 };
    char name[UUID_TEXT_LEN + sizeof SUFFIX];
    bool ok = list_segments(s, NULL, a, &found, err);
    for (size_t i = 0; ok && i < found.list.n; i++) {
        off_t size = 0;
        segment_name(found.list.at[i].id, name);
        ok = repair(s, name, &size, err);
        if (ok && size == 0 && unlinkat(s->dir_fd, name, 0) != 0)
            ok = fail_errno(err, errno, "remove the empty segment %s", name);
        if (ok && size)
            atomic_store(&s->sealed_wait, true);
    }
    arena_destroy(a);
    return ok;
}

bool spool_open(str dir, struct env *env, struct spool **out, struct error *err)
{
    struct spool *s = mem_new(struct spool);
    struct current *c = NULL;
    s->env = env;
    s->dir = mem_array(char, dir.len + 1);
    memcpy(s->dir, dir.ptr, dir.len);
    s->dir_fd = -1;
    if (mkdir(s->dir, 0700) != 0 && errno != EEXIST) {
        fail_errno(err, errno, "make the folder %s", s->dir);
        spool_close(s);
        return false;
    }
    s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir_fd < 0)
        fail_errno(err, errno, "open the folder %s", s->dir);
    if (s->dir_fd < 0 || !adopt(s, err) || !begin_segment(s, &c, err)) {
        spool_close(s);
        return false;
    }
    atomic_store(&s->current.current, c);
    *out = s;
    return true;
}

void spool_close(struct spool *s)
{
    struct error ignored = { 0 };
    if (!s)
        return;
    struct current *c = atomic_load(&s->current.current);
    if (c && !spool_sync(s, &ignored))
        ignored.code = ERR_NONE; /* the lines are in the file; nothing more can be done here */
    end_segment(c);
    if (s->dir_fd >= 0)
        close(s->dir_fd);
    mem_free(s->dir);
    mem_free(s);
}

/* ---- Appending */

/* A short write leaves a piece without an end: the newline closes it off, and whoever reads the lines leaves it out. */
static bool write_line(struct current *c, str line, struct error *err)
{
    ssize_t n;
    do
        n = write(c->fd, line.ptr, line.len);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)line.len)
        return true;
    int saved = n < 0 ? errno : ENOSPC;
    if (n > 0 && write(c->fd, "\n", 1) != 1)
        saved = errno;
    return fail_errno(err, saved, "append to the spool");
}

bool spool_append(struct spool *s, str line, struct error *err)
{
    unsigned ticket;
    ASSERT(line.len > 0 && line.ptr[line.len - 1] == '\n');
    if (line.len > SPOOL_LINE_MAX)
        return fail(err, ERR_LIMIT, "a line of the spool has %zu bytes, at most %zu", line.len,
                    SPOOL_LINE_MAX);
    struct current *c = published_enter(&s->current, &ticket);
    bool ok = (atomic_fetch_add(&c->bytes, (long long)line.len) + (long long)line.len <=
               (long long)SPOOL_SEGMENT_MAX) ||
              fail(err, ERR_LIMIT, "the spool %s is full", s->dir);
    ok = ok && write_line(c, line, err);
    if (!ok)
        atomic_fetch_sub(&c->bytes, (long long)line.len);
    published_leave(&s->current, ticket);
    atomic_store(&s->dirty, true);
    return ok;
}

bool spool_sync(struct spool *s, struct error *err)
{
    unsigned ticket;
    if (!atomic_exchange(&s->dirty, false))
        return true;
    struct current *c = published_enter(&s->current, &ticket);
    int fd = dup(c->fd); /* not held while the disk works */
    published_leave(&s->current, ticket);
    bool ok = fd >= 0 && fdatasync(fd) == 0;
    if (!ok) {
        atomic_store(&s->dirty, true);
        fail_errno(err, errno, "sync the spool %s", s->dir);
    }
    if (fd >= 0)
        close(fd);
    return ok;
}

int64_t spool_pending(struct spool *s)
{
    unsigned ticket;
    struct current *c = published_enter(&s->current, &ticket);
    int64_t bytes = atomic_load(&c->bytes);
    published_leave(&s->current, ticket);
    return bytes + (atomic_load(&s->sealed_wait) ? 1 : 0);
}

/* ---- Sealing */

static bool seal_current(struct spool *s, struct error *err)
{
    struct current *fresh, *was = atomic_load(&s->current.current);
    if (atomic_load(&was->bytes) == 0)
        return true;
    if (!begin_segment(s, &fresh, err))
        return false;
    was = published_swap(&s->current, fresh, env_real());
    bool ok = fdatasync(was->fd) == 0 || fail_errno(err, errno, "sync the spool %s", s->dir);
    end_segment(was);
    return ok;
}

bool spool_seal(struct spool *s, struct arena *a, struct spool_segment **out, size_t *n,
                struct error *err)
{
    struct segments found = { 0 };
    if (!seal_current(s, err))
        return false;
    struct current *now = atomic_load(&s->current.current);
    if (!list_segments(s, now->id, a, &found, err))
        return false;
    atomic_store(&s->sealed_wait, found.list.n > 0);
    *out = found.list.at;
    *n = found.list.n;
    return true;
}

bool spool_remove(struct spool *s, str id, struct error *err)
{
    struct uuid u;
    char name[UUID_TEXT_LEN + sizeof SUFFIX];
    if (!uuid_parse(id, &u))
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is no segment", STR_ARG(id));
    if (unlinkat(s->dir_fd, segment_name(id, name), 0) != 0 && errno != ENOENT)
        return fail_errno(err, errno, "remove the segment %s/%s", s->dir, name);
    return true;
}
