/* SPDX-License-Identifier: Apache-2.0
 *
 * Files below an open folder, with the errors and the durability that the store promises.  Paths
 * are NUL-terminated, relative, and already well-formed. */
#ifndef FIRN_IO_FS_PRIV_H
#define FIRN_IO_FS_PRIV_H

#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

/* open() below dirfd: neither "..", an absolute link nor /proc links lead out.  -1 with errno. */
int fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode);
/* The same with symbolic links that begin at the root of the file system: for a dirfd that is that root. */
int fs_open_anywhere(int dirfd, const char *path, int flags, mode_t mode);

/* Turns errno into an error "DOING NAME: ..."; with `unchanged` the text says that nothing was. */
bool fs_fail(struct error *err, int errno_value, const char *doing, str name, bool unchanged);

/* Loops over short writes and reads.  False with errno.  fs_read_all stops early at the end of the
 * file: *got tells. */
bool fs_write_all(int fd, const void *p, size_t n);
/* fs_write_all from offset 0; what is on the disk then leaves the page cache, where the kernel can (Linux 6.14): a file of pages that
 * nobody reads would take fresh ones each time. */
bool fs_write_uncached(int fd, const void *p, size_t n);
bool fs_read_all(int fd, void *p, size_t n, int64_t offset, size_t *got);

/* Removes a file or a folder with all that is in it, without following links.  Best effort. */
void fs_remove_tree(int dirfd, const char *name);

#endif
