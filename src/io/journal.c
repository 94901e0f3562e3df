/* SPDX-License-Identifier: Apache-2.0 */
#include "io/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "codec/compress.h"
#include "io/fs_priv.h"

#define SEGMENTS 2
#define SEGMENT_BYTES ((size_t)32 << 20)
#define SEGMENT_BYTES_MAX ((size_t)1 << 30) /* a larger one was not written by us */
#define MAGIC 0x314e4a46u                   /* "FJN1" */
#define ALIGN 8

/* In the byte order of the machine: a journal does not outlive its disk. */
struct head {
    uint32_t magic, crc; /* the CRC is of all that follows it */
    uint64_t epoch;
    uint32_t kind, path_len;
    uint64_t bytes_len;
};

enum segment_state { SEGMENT_FREE, SEGMENT_FULL };

struct segment {
    int fd; /* -1: not made yet */
    uint64_t epoch;
    size_t used;
    enum segment_state state; /* of the one that is not in use */
};

struct journal {
    char *dir;
    int files_fd;
    journal_redo_fn *redo;
    void *ctx;
    size_t segment_bytes;
    unsigned begin_after;
    atomic_uint seen;
    pthread_mutex_t
        lock; /* guards all below; held across writes to the page cache, and across a sync only to change segments */
    pthread_cond_t synced_more, /* or no more will be */
        work;                   /* for the checkpointer: a segment is full, closing */
    struct segment segments[SEGMENTS], *active; /* NULL until the first record */
    uint64_t epoch, added, synced;              /* records */
    bool syncing, broken, closing;
    struct thread *checkpointer;
};

/* ---- records ---- */

static size_t padded(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static uint32_t crc_of(const struct head *h, str path, str bytes)
{
    uint32_t crc = crc32_of(0, str_make((const char *)h + offsetof(struct head, epoch),
                                        sizeof *h - offsetof(struct head, epoch)));
    return crc32_of(crc32_of(crc, path), bytes);
}

static bool is_plausible(const struct head *h, uint64_t epoch)
{
    return h->magic == MAGIC && h->epoch != 0 && (epoch == 0 || h->epoch == epoch) &&
           (h->kind == JOURNAL_WRITTEN || h->kind == JOURNAL_REMOVED) && h->path_len > 0 &&
           h->path_len <= JOURNAL_PATH_MAX && h->bytes_len <= JOURNAL_BYTES_MAX;
}

bool journal_next(str *rest, uint64_t *epoch, struct journal_record *out)
{
    struct head h;
    if (rest->len < sizeof h)
        return false;
    memcpy(&h, rest->ptr, sizeof h);
    if (!is_plausible(&h, *epoch))
        return false;
    size_t len = sizeof h + h.path_len + (size_t)h.bytes_len;
    if (padded(len) > rest->len)
        return false;
    str path = str_sub(*rest, sizeof h, sizeof h + h.path_len);
    str bytes = str_sub(*rest, sizeof h + h.path_len, len);
    if (crc_of(&h, path, bytes) != h.crc)
        return false;
    *out = (struct journal_record){ (enum journal_kind)h.kind, h.epoch, path, bytes };
    *epoch = h.epoch;
    *rest = str_from(*rest, padded(len));
    return true;
}

/* Writes a record behind the last one.  False when it did not fit on the disk: the next one takes its place. */
static bool write_record(struct segment *g, enum journal_kind kind, str path, str bytes)
{
    static const char zeros[ALIGN];
    struct head h = { MAGIC, 0, g->epoch, kind, (uint32_t)path.len, bytes.len };
    h.crc = crc_of(&h, path, bytes);
    size_t len = sizeof h + path.len + bytes.len;
    struct iovec parts[] = { { &h, sizeof h },
                             { (void *)(uintptr_t)path.ptr, path.len },
                             { (void *)(uintptr_t)bytes.ptr, bytes.len },
                             { (void *)(uintptr_t)zeros, padded(len) - len } };
    if (pwritev(g->fd, parts, 4, (off_t)g->used) != (ssize_t)padded(len))
        return false;
    g->used += padded(len);
    return true;
}

/* ---- segments ---- */

static const char *const segment_names[SEGMENTS] = { "segment-0", "segment-1" };

static bool read_segment(int fd, const char *name, char **bytes, size_t *n, struct error *err)
{
    struct stat info;
    *bytes = NULL;
    if (fstat(fd, &info) != 0)
        return fail_errno(err, errno, "read the journal's %s", name);
    if ((size_t)info.st_size > SEGMENT_BYTES_MAX)
        return fail(err, ERR_LIMIT, "the journal's %s has %lld bytes, at most %zu are allowed",
                    name, (long long)info.st_size, SEGMENT_BYTES_MAX);
    *bytes = mem_alloc(1, (size_t)info.st_size + 1);
    if (fs_read_all(fd, *bytes, (size_t)info.st_size, 0, n))
        return true;
    fail_errno(err, errno, "read the journal's %s", name);
    mem_free(*bytes);
    *bytes = NULL;
    return false;
}

static bool redo_bytes(struct journal *j, str bytes, bool rewrite, size_t *n, struct error *err)
{
    struct journal_record r;
    uint64_t epoch = 0;
    for (; journal_next(&bytes, &epoch, &r); (*n)++)
        if (!j->redo(j->ctx, &r, rewrite, err))
            return false;
    return true;
}

static uint64_t epoch_of(str bytes)
{
    struct journal_record r;
    uint64_t epoch = 0;
    return journal_next(&bytes, &epoch, &r) ? epoch : 0;
}

static bool sync_files(const struct journal *j, struct error *err)
{
    return syncfs(j->files_fd) == 0 ||
           fail_errno(err, errno, "sync the file system of the journal %s", j->dir);
}

/* ---- opening: what an earlier process left ---- */

static bool redo_all(struct journal *j, char *bytes[SEGMENTS], const size_t n[SEGMENTS],
                     struct error *err)
{
    str a = str_make(bytes[0], n[0]), b = str_make(bytes[1], n[1]);
    bool swap = epoch_of(a) > epoch_of(b);
    size_t files = 0;
    if (!redo_bytes(j, swap ? b : a, false, &files, err) ||
        !redo_bytes(j, swap ? a : b, false, &files, err) || !sync_files(j, err))
        return false;
    log_info("journal", "%zu records of the process before are in their files", files);
    return true;
}

static bool recover(struct journal *j, int dir, struct error *err)
{
    char *bytes[SEGMENTS] = { 0 };
    size_t n[SEGMENTS] = { 0 };
    bool ok = true, any = false;
    for (int i = 0; ok && i < SEGMENTS; i++) {
        int fd = openat(dir, segment_names[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT)
            continue;
        ok = any = fd >= 0;
        if (!ok)
            fail_errno(err, errno, "open the journal's %s in %s", segment_names[i], j->dir);
        ok = ok && read_segment(fd, segment_names[i], &bytes[i], &n[i], err);
        if (fd >= 0)
            close(fd);
    }
    ok = ok && (!any || redo_all(j, bytes, n, err));
    for (int i = 0; i < SEGMENTS; i++) {
        if (ok)
            unlinkat(dir, segment_names[i], 0);
        mem_free(bytes[i]);
    }
    return ok;
}

/* syncfs tells of failed writes since Linux 5.8. */
static bool check_kernel(struct error *err)
{
    struct utsname u;
    int64_t major = 0, minor = 0;
    str rest = STR(""), part;
    if (uname(&u) == 0) {
        rest = str_of(u.release);
        if (str_next(&rest, '.', &part) && str_to_i64(part, &major) && str_next(&rest, '.', &part))
            str_to_i64(part, &minor);
    }
    return major > 5 || (major == 5 && minor >= 8) ||
           fail(err, ERR_UNSUPPORTED, "a journal of files needs Linux 5.8 or later");
}

bool journal_open(const struct journal_options *o, struct journal **out, struct error *err)
{
    if (!check_kernel(err))
        return false;
    struct journal *j = mem_new(struct journal);
    j->dir = mem_array(char, o->dir.len + 1);
    memcpy(j->dir, o->dir.ptr, o->dir.len);
    j->files_fd = o->files_fd;
    j->redo = o->redo;
    j->ctx = o->ctx;
    j->segment_bytes = o->segment_bytes ? o->segment_bytes : SEGMENT_BYTES;
    j->begin_after = o->begin_after;
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->synced_more, NULL);
    pthread_cond_init(&j->work, NULL);
    for (int i = 0; i < SEGMENTS; i++)
        j->segments[i].fd = -1;
    int dir = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = dir >= 0 ? recover(j, dir, err)
                       : errno == ENOENT || fail_errno(err, errno, "open the journal %s", j->dir);
    if (dir >= 0)
        close(dir);
    if (!ok) {
        journal_close(j);
        return false;
    }
    *out = j;
    return true;
}

/* ---- checkpoints ---- */

static struct segment *full_segment(struct journal *j)
{
    for (int i = 0; i < SEGMENTS; i++)
        if (j->segments[i].state == SEGMENT_FULL)
            return &j->segments[i];
    return NULL;
}

/* J3: pages that could not be written may be taken for clean ones, so their files are made again. */
static bool redo_segment(struct journal *j, const struct segment *g, struct error *err)
{
    char *bytes;
    size_t n = 0, files = 0;
    if (!read_segment(g->fd, "segment", &bytes, &n, err))
        return false;
    bool ok = redo_bytes(j, str_make(bytes, n < g->used ? n : g->used), true, &files, err) &&
              sync_files(j, err);
    mem_free(bytes);
    return ok;
}

/* The files of a full segment are on the disk afterwards.  Not under the lock: nobody adds to a full segment. */
static bool checkpoint(struct journal *j, const struct segment *g)
{
    struct error err = { 0 }, again = { 0 };
    if (sync_files(j, &err))
        return true;
    log_warn("journal", "%s; the files are written again", err.msg);
    if (redo_segment(j, g, &again))
        return true;
    log_error("journal",
              "%s; the journal is kept and no longer used: mend the disk, then start again",
              again.msg);
    return false;
}

static void run_checkpoints(void *arg)
{
    struct journal *j = arg;
    pthread_mutex_lock(&j->lock);
    while (!j->closing) {
        struct segment *g = j->broken ? NULL : full_segment(j);
        if (!g) {
            pthread_cond_wait(&j->work, &j->lock);
            continue;
        }
        pthread_mutex_unlock(&j->lock);
        bool ok = checkpoint(j, g);
        pthread_mutex_lock(&j->lock);
        if (ok)
            g->state = SEGMENT_FREE;
        else
            j->broken = true;
        pthread_cond_broadcast(&j->synced_more);
    }
    pthread_mutex_unlock(&j->lock);
}

/* ---- adding ---- */

static bool make_segment(struct journal *j, struct segment *g)
{
    const char *name = segment_names[g - j->segments];
    struct error err = { 0 };
    if (mkdir(j->dir, 0700) != 0 && errno != EEXIST) {
        fail_errno(&err, errno, "make the folder %s", j->dir);
    } else {
        int dir = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g->fd = dir < 0 ? -1 : openat(dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int above = g->fd < 0 ? -1 : openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (above < 0 || fsync(dir) != 0 || fsync(above) != 0)
            fail_errno(&err, errno, "begin %s/%s", j->dir, name);
        if (above >= 0)
            close(above);
        if (dir >= 0)
            close(dir);
    }
    if (err.code)
        log_warn("journal", "%s: files are synced one by one", err.msg);
    return !err.code;
}

/* Goes over to the other segment.  False when it is not free yet, or cannot be made. */
static bool change_segment(struct journal *j)
{
    struct segment *was = j->active,
                   *next = was == &j->segments[0] ? &j->segments[1] : &j->segments[0];
    if (next->state != SEGMENT_FREE)
        return false;
    if ((next->fd < 0 && !make_segment(j, next)) || (was && fdatasync(was->fd) != 0)) {
        j->broken = true;
        return false;
    }
    if (was) {
        was->state = SEGMENT_FULL;
        j->synced = j->added;
    }
    if (!j->checkpointer)
        j->checkpointer = thread_start("firn-journal", run_checkpoints, j);
    next->epoch = ++j->epoch;
    next->used = 0;
    j->active = next;
    pthread_cond_signal(&j->work);
    return true;
}

static bool add_locked(struct journal *j, enum journal_kind kind, str path, str bytes)
{
    size_t need = sizeof(struct head) + path.len + bytes.len + ALIGN;
    if (j->broken ||
        ((!j->active || j->active->used + need > j->segment_bytes) && !change_segment(j)))
        return false;
    if (!write_record(j->active, kind, path, bytes))
        return false;
    j->added++;
    return true;
}

bool journal_add(struct journal *j, enum journal_kind kind, str path, str bytes)
{
    if (path.len == 0 || path.len > JOURNAL_PATH_MAX || bytes.len > JOURNAL_BYTES_MAX)
        return false;
    if (atomic_load_explicit(&j->seen, memory_order_relaxed) < j->begin_after) {
        atomic_fetch_add_explicit(&j->seen, kind == JOURNAL_WRITTEN, memory_order_relaxed);
        return false;
    }
    pthread_mutex_lock(&j->lock);
    bool ok = add_locked(j, kind, path, bytes);
    pthread_mutex_unlock(&j->lock);
    return ok;
}

/* ---- syncing ---- */

/* One sync for all that was added up to now.  Called and left with the lock held. */
static void lead_sync(struct journal *j)
{
    uint64_t upto = j->added;
    int fd = j->active->fd;
    j->syncing = true;
    pthread_mutex_unlock(&j->lock);
    bool ok = fdatasync(fd) == 0;
    pthread_mutex_lock(&j->lock);
    j->syncing = false;
    if (!ok)
        j->broken = true;
    else if (upto > j->synced)
        j->synced = upto;
    pthread_cond_broadcast(&j->synced_more);
}

bool journal_sync(struct journal *j, struct error *err)
{
    pthread_mutex_lock(&j->lock);
    uint64_t upto = j->added;
    while (j->synced < upto && !j->broken) {
        if (j->syncing)
            pthread_cond_wait(&j->synced_more, &j->lock);
        else
            lead_sync(j);
    }
    bool ok = j->synced >= upto;
    pthread_mutex_unlock(&j->lock);
    return ok || fail(err, ERR_UNAVAILABLE, "the journal %s could not be synced", j->dir);
}

/* ---- closing ---- */

/* J4 */
static bool finish(struct journal *j)
{
    struct segment *full = full_segment(j);
    return checkpoint(j, j->active) && (!full || checkpoint(j, full));
}

static void close_segments(struct journal *j, bool remove)
{
    int dir = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < SEGMENTS; i++) {
        if (j->segments[i].fd < 0)
            continue;
        close(j->segments[i].fd);
        if (remove && dir >= 0)
            unlinkat(dir, segment_names[i], 0);
    }
    if (dir >= 0)
        close(dir);
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    j->closing = true;
    pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->lock);
    thread_join(j->checkpointer);
    close_segments(j, j->active && !j->broken && finish(j));
    pthread_cond_destroy(&j->work);
    pthread_cond_destroy(&j->synced_more);
    pthread_mutex_destroy(&j->lock);
    mem_free(j->dir);
    mem_free(j);
}
