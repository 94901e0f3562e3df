/* SPDX-License-Identifier: Apache-2.0
 *
 * The store on files, with a journal: what is left unsynced, and how it is made whole after a power cut.
 *
 * Only new objects below the store's own root: an object that replaces another would put the old one at risk before the
 * flush, and another root may lie on another file system than the one that a checkpoint syncs. */
#include "io/store_fs_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

bool fs_may_journal(const struct store_fs *s, const struct place *p, size_t bytes,
                    enum store_put_flags flags)
{
    return s->journal && p->root == s->roots && (flags & STORE_CREATE_NEW) &&
           bytes <= JOURNAL_BYTES_MAX;
}

bool fs_journal_written(struct store_fs *s, const struct place *p, str bytes, struct error *err)
{
    return journal_add(s->journal, JOURNAL_WRITTEN, str_of(p->rel), bytes) || fs_settle(s, p, err);
}

/* All bytes of the object, when it is a file of at most JOURNAL_BYTES_MAX; NULL otherwise.  The caller frees them. */
static char *read_small(const struct place *p, size_t *n)
{
    struct stat info;
    char *bytes = NULL;
    int fd = root_open(p->root, p->rel, O_RDONLY | O_NONBLOCK, 0);
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
        info.st_size <= (off_t)JOURNAL_BYTES_MAX) {
        bytes = mem_array(char, (size_t)info.st_size + 1);
        if (!fs_read_all(fd, bytes, (size_t)info.st_size, 0, n)) {
            mem_free(bytes);
            bytes = NULL;
        }
    }
    if (fd >= 0)
        close(fd);
    return bytes;
}

bool fs_journal_file(struct store_fs *s, const struct place *p, struct error *err)
{
    size_t n = 0;
    char *bytes = read_small(p, &n);
    bool ok = bytes ? fs_journal_written(s, p, str_make(bytes, n), err) : fs_settle(s, p, err);
    mem_free(bytes);
    return ok;
}

/* A removal that is not taken may be undone by a power cut: then the file is an orphan, as any file that nothing names. */
void fs_journal_removed(struct store_fs *s, const struct place *p)
{
    if (s->journal && p->root == s->roots)
        (void)!journal_add(s->journal, JOURNAL_REMOVED, str_of(p->rel), STR(""));
}

bool fs_flush(struct store *st, struct error *err)
{
    struct journal *j = fs_of(st)->journal;
    return !j || journal_sync(j, err);
}

/* ---- after a power cut ---- */

static bool holds(const struct place *p, str bytes)
{
    size_t n = 0;
    char *there = read_small(p, &n);
    bool same = there && str_eq(str_make(there, n), bytes);
    mem_free(there);
    return same;
}

static bool redo(void *ctx, const struct journal_record *r, bool rewrite, struct error *err)
{
    struct store_fs *s = ctx;
    struct place p;
    if (!store_path_check(r->path, err) || !fs_resolve(s, r->path, &p, err))
        return fail_in(err, "read the journal");
    if (p.root != s->roots)
        return fail(err, ERR_CORRUPT, "the journal names %s, which is outside of the store", p.rel);
    if (r->kind == JOURNAL_REMOVED)
        return unlinkat(p.root->fd, p.rel, 0) == 0 || errno == ENOENT || errno == ENOTDIR ||
               fs_fail(err, errno, "delete", p.path, false);
    if (!rewrite && holds(&p, r->bytes))
        return true;
    return fs_put_at(s, &p, r->bytes, STORE_REPLACE, false, err);
}

bool fs_open_journal(struct store_fs *s, const struct store_fs_options *o, struct error *err)
{
    struct journal_options j = {
        .dir = o->journal,
        .files_fd = s->roots[0].fd,
        .redo = redo,
        .ctx = s,
        .begin_after = o->journal_after,
    };
    if (journal_open(&j, &s->journal, err))
        return true;
    if (err->code != ERR_UNSUPPORTED)
        return fail_in(err, "put the files of the store in order");
    *err = (struct error){ 0 }; /* an older kernel: each file is synced */
    return true;
}
