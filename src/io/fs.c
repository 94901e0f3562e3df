/* SPDX-License-Identifier: Apache-2.0 */
#include "io/fs_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x80 /* of Linux 6.14; older headers lack it */
#endif

#define OPEN_TRIES 64 /* openat2 answers EAGAIN while something above the path is being renamed */
#define REMOVE_DEPTH_MAX 64

static int open_within(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = resolve | RESOLVE_NO_MAGICLINKS,
    };
    for (int i = 0;; i++) {
        int fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || i == OPEN_TRIES)
            return fd;
    }
}

int fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
    return open_within(dirfd, path, flags, mode, RESOLVE_BENEATH);
}

int fs_open_anywhere(int dirfd, const char *path, int flags, mode_t mode)
{
    return open_within(dirfd, path, flags, mode, RESOLVE_IN_ROOT);
}

/* What the errors of the file system mean to a caller; the rest is ERR_UNAVAILABLE. */
static const struct {
    int errno_value;
    enum err_code code;
    const char *text; /* NULL: strerror */
} errors[] = {
    { ENOENT, ERR_NOT_FOUND, "not found" },
    { ENOTDIR, ERR_NOT_FOUND, "not found: a part of the path is a file" },
    { EEXIST, ERR_EXISTS, "exists already" },
    { EXDEV, ERR_DENIED, "leads out of the folder that may be used" },
    { ELOOP, ERR_DENIED, "too many symbolic links" },
    { EACCES, ERR_DENIED, NULL },
    { EPERM, ERR_DENIED, NULL },
    { EROFS, ERR_DENIED, NULL },
    { EISDIR, ERR_INVALID, "is a folder" },
    { ENOTEMPTY, ERR_INVALID, "is a folder" },
    { ENAMETOOLONG, ERR_INVALID, "the name is too long" },
    { ENOSPC, ERR_LIMIT, "no space left on device" },
    { EDQUOT, ERR_LIMIT, "disk quota exceeded" },
    { EFBIG, ERR_LIMIT, "larger than the limit for files of this process" },
    { ENOSYS, ERR_UNSUPPORTED, "this kernel lacks openat2 (Linux 5.6 or newer is needed)" },
};

bool fs_fail(struct error *err, int errno_value, const char *doing, str name, bool unchanged)
{
    enum err_code code = ERR_UNAVAILABLE;
    const char *text = NULL;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].errno_value == errno_value) {
            code = errors[i].code;
            text = errors[i].text;
        }
    if (!text)
        text = strerrordesc_np(errno_value);
    fail(err, code, "%s " STR_FMT ": %s%s", doing, STR_ARG(name), text ? text : "unknown error",
         unchanged ? "; nothing was changed" : "");
    if (code == ERR_LIMIT)
        fail_hint(err, "make room on the file system and run it again");
    return false;
}

bool fs_write_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        at += done;
        n -= (size_t)done;
    }
    return true;
}

bool fs_write_uncached(int fd, const void *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        struct iovec part = { (char *)(uintptr_t)p + done, n - done };
        ssize_t wrote = pwritev2(fd, &part, 1, -1, RWF_DONTCACHE);
        if (wrote < 0 && (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS))
            return fs_write_all(fd, (const char *)p + done, n - done);
        if (wrote < 0 && errno != EINTR)
            return false;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return true;
}

bool fs_read_all(int fd, void *p, size_t n, int64_t offset, size_t *got)
{
    *got = 0;
    while (*got < n) {
        ssize_t done = pread(fd, (char *)p + *got, n - *got, offset + (int64_t)*got);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        if (done == 0)
            break;
        *got += (size_t)done;
    }
    return true;
}

static void remove_at(int dirfd, const char *name, int depth)
{
    if (unlinkat(dirfd, name, 0) == 0 || depth == REMOVE_DEPTH_MAX)
        return;
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            remove_at(fd, e->d_name, depth + 1);
    closedir(d);
    unlinkat(dirfd, name, AT_REMOVEDIR);
}

void fs_remove_tree(int dirfd, const char *name)
{
    remove_at(dirfd, name, 0);
}
