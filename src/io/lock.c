/* SPDX-License-Identifier: Apache-2.0
 *
 * An "open file description" lock: it belongs to the open file, not to the process, so a second
 * lock_acquire in the same process fails as it should; and unlike flock it can be asked about without
 * being taken.  The file stays when the lock goes: removing it would let two owners hold two files. */
#include "io/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "io/fs_priv.h"

#define LOCK_TEXT_MAX (LOCK_URL_MAX + 32)

struct lock {
    struct arena *arena;
    int fd;
    str dir;
};

static int open_lock_file(struct arena *a, str dir, int flags)
{
    str path = arena_printf(a, STR_FMT "/" LOCK_FILE_NAME, STR_ARG(dir));
    return open(path.ptr, flags | O_CLOEXEC | O_NOFOLLOW, 0644);
}

/* The text of the file: "PID\nURL\n", either part may be missing while it is being written. */
static void read_owner(int fd, struct arena *a, struct lock_owner *out)
{
    char *text = arena_alloc(a, LOCK_TEXT_MAX);
    size_t n = 0;
    str pid, url, end;
    *out = (struct lock_owner){ 0 };
    if (!fs_read_all(fd, text, LOCK_TEXT_MAX, 0, &n) ||
        !str_cut(str_make(text, n), '\n', &pid, &url) || !str_to_i64(pid, &out->pid))
        return;
    if (str_cut(url, '\n', &url, &end) && str_is_utf8(url))
        out->url = url;
}

static bool write_owner(struct lock *l, str url, struct error *err)
{
    char text[LOCK_TEXT_MAX];
    int n = snprintf(text, sizeof text, "%lld\n" STR_FMT "\n", (long long)getpid(), STR_ARG(url));
    ASSERT(n > 0 && (size_t)n < sizeof text);
    if (ftruncate(l->fd, 0) != 0 || pwrite(l->fd, text, (size_t)n, 0) != n)
        return fs_fail(err, errno, "write the lock file of", l->dir, false);
    return true;
}

static bool fail_in_use(str dir, int fd, struct error *err)
{
    struct arena *a = arena_create(0);
    struct lock_owner owner;
    read_owner(fd, a, &owner);
    if (owner.pid == 0)
        fail(err, ERR_UNAVAILABLE, "data directory " STR_FMT " is in use by another process",
             STR_ARG(dir));
    else
        fail(err, ERR_UNAVAILABLE,
             "data directory " STR_FMT " is in use by process %lld%s" STR_FMT "%s", STR_ARG(dir),
             (long long)owner.pid, owner.url.len ? " (" : "", STR_ARG(owner.url),
             owner.url.len ? ")" : "");
    if (owner.url.len)
        fail_hint(err, "talk to it with --server " STR_FMT ", or stop it", STR_ARG(owner.url));
    else
        fail_hint(err, "wait for it, or stop it");
    arena_destroy(a);
    return false;
}

bool lock_acquire(str dir, struct lock **out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct lock *l = arena_new(a, struct lock);
    l->arena = a;
    l->dir = arena_str(a, dir);
    l->fd = open_lock_file(a, dir, O_RDWR | O_CREAT);
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (l->fd < 0)
        fs_fail(err, errno, "open the lock file of", dir, false);
    else if (fcntl(l->fd, F_OFD_SETLK, &whole) == 0) {
        if (write_owner(l, STR(""), err)) {
            *out = l;
            return true;
        }
    } else if (errno == EAGAIN || errno == EACCES) {
        fail_in_use(dir, l->fd, err);
    } else {
        fs_fail(err, errno, "lock", dir, false);
    }
    if (l->fd >= 0)
        close(l->fd);
    arena_destroy(a);
    return false;
}

bool lock_set_url(struct lock *l, str url, struct error *err)
{
    if (url.len > LOCK_URL_MAX || str_find_char(url, '\n') >= 0)
        return fail(err, ERR_INVALID,
                    "a URL of %zu bytes for the lock file, at most %d on one line", url.len,
                    LOCK_URL_MAX);
    return write_owner(l, url, err);
}

void lock_release(struct lock *l)
{
    if (!l)
        return;
    (void)!ftruncate(l->fd, 0); /* only text: closing is what gives the lock back */
    close(l->fd);
    arena_destroy(l->arena);
}

bool lock_owner_of(str dir, struct arena *a, struct lock_owner *out, bool *held, struct error *err)
{
    *held = false;
    int fd = open_lock_file(a, dir, O_RDONLY);
    if (fd < 0)
        return errno == ENOENT || fs_fail(err, errno, "open the lock file of", dir, false);
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    bool ok = fcntl(fd, F_OFD_GETLK, &whole) == 0;
    if (!ok) {
        fs_fail(err, errno, "look at the lock of", dir, false);
    } else if (whole.l_type != F_UNLCK) {
        *held = true;
        read_owner(fd, a, out);
    }
    close(fd);
    return ok;
}
