/* SPDX-License-Identifier: Apache-2.0
 *
 * The store on files, writing.
 *
 * Writing: the bytes go to a fresh temporary name (O_EXCL, in ROOT/.tmp, which is on the same file
 * system), the file is synced, renamed to its place, and the folder is synced.  Until the rename nothing is
 * visible; after it everything is.  So:
 *   F1  an error before the rename changed nothing: the temporary file is removed, the code says
 *       what was wrong (a failed fsync is ERR_UNAVAILABLE: those bytes are thrown away, never synced again);
 *   F2  an error of the rename itself that is not a plain refusal, or of the folder's sync, is
 *       ERR_UNKNOWN: the object may be there, or may be gone after a power cut;
 *   F3  STORE_CREATE_NEW renames with RENAME_NOREPLACE (or links, where the file system lacks it),
 *       so of two writers one wins, also across processes;
 *   F4  a folder is made top down, and its entry in its parent is synced before anything inside it is
 *       acknowledged, whichever thread or process made it.  The set `durable` remembers which folders this
 *       process has seen to; folders are never removed, so that it stays true;
 *   F5  where the store keeps a journal, a new object's syncs are left out and its bytes are added to it after the rename
 *       (store_fs_journal.c); a power cut before the flush may leave a name with a part of its bytes, which nothing refers to. */
#include "io/store_fs_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/fs_priv.h"

#define TEMP_NAME_MAX (STORE_PATH_MAX + 64)
#define TEMP_EXT_MAX 16                 /* an extension longer than this is not kept */
#define UNCACHED_MIN ((size_t)32 << 10) /* bytes; less is not worth it */
#define TEMP_TRIES 16 /* names to try; a clash means that another process draws the same */

static bool need_writable(const struct place *p, struct error *err)
{
    if (!p->root->writable)
        return fail(err, ERR_DENIED, "location " STR_FMT " may only be read", STR_ARG(p->path));
    return true;
}

/* ---- folders ---- */

/* Whether the hash is in the set; puts it there when `add`. */
static bool durable_seen(struct store_fs *s, uint64_t hash, bool add)
{
    hash |= 1; /* 0 marks a free slot */
    pthread_mutex_lock(&s->lock);
    if (s->durable_n > DURABLE_SLOTS / 4 * 3) {
        memset(s->durable, 0, sizeof s->durable);
        s->durable_n = 0;
    }
    size_t i = (hash >> 32) % DURABLE_SLOTS;
    while (s->durable[i] && s->durable[i] != hash)
        i = (i + 1) % DURABLE_SLOTS;
    bool seen = s->durable[i] == hash;
    if (!seen && add) {
        s->durable[i] = hash;
        s->durable_n++;
    }
    pthread_mutex_unlock(&s->lock);
    return seen;
}

static uint64_t folder_hash(const struct store_fs *s, const struct root *r, str rel)
{
    return str_hash(rel, s->seed + (uint64_t)(r - s->roots));
}

/* Opens one more level of folders, making it when it is missing, and with `synced` syncs the parent unless
 * this process has done so before (F4). */
static int open_level(struct store_fs *s, const struct place *p, int parent, str rel, str name,
                      bool synced, struct error *err)
{
    char leaf[STORE_PART_MAX + 1];
    memcpy(leaf, name.ptr, name.len);
    leaf[name.len] = 0;
    if (mkdirat(parent, leaf, 0777) != 0 && errno != EEXIST) {
        fs_fail(err, errno, "make the folder of", p->path, true);
        return -1;
    }
    char whole[STORE_PATH_MAX + 1];
    memcpy(whole, rel.ptr, rel.len);
    whole[rel.len] = 0;
    int fd = root_open(p->root, whole, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) {
        if (errno == ENOTDIR)
            fail(err, ERR_INVALID, "write " STR_FMT ": %s is a file, not a folder",
                 STR_ARG(p->path), whole);
        else
            fs_fail(err, errno, "open the folder of", p->path, true);
        return -1;
    }
    uint64_t hash = folder_hash(s, p->root, rel);
    if (synced && !durable_seen(s, hash, false)) {
        if (fsync(parent) != 0) {
            fs_fail(err, errno, "sync the folder of", p->path, true);
            close(fd);
            return -1;
        }
        durable_seen(s, hash, true);
    }
    return fd;
}

int fs_open_folder(struct store_fs *s, const struct place *p, bool synced, struct error *err)
{
    str folder = str_make(p->rel, p->name_at ? p->name_at - 1 : 0);
    char text[STORE_PATH_MAX + 1];
    memcpy(text, folder.ptr, folder.len);
    text[folder.len] = 0;
    if (folder.len == 0 || !synced || durable_seen(s, folder_hash(s, p->root, folder), false)) {
        int fd = root_open(p->root, folder.len ? text : ".", O_RDONLY | O_DIRECTORY, 0);
        if (fd >= 0)
            return fd;
    }
    int at = root_open(p->root, ".", O_RDONLY | O_DIRECTORY, 0);
    if (at < 0) {
        fs_fail(err, errno, "open the folder of", p->path, true);
        return -1;
    }
    str rest = folder.len ? folder : (str){ 0 }, name;
    while (at >= 0 && str_next(&rest, '/', &name)) {
        str rel = str_make(folder.ptr, (size_t)(name.ptr + name.len - folder.ptr));
        int next = open_level(s, p, at, rel, name, synced, err);
        close(at);
        at = next;
    }
    return at;
}

/* ---- temporary names ---- */

static bool ensure_temp_dir(const struct root *r, str path, struct error *err)
{
    if (mkdirat(r->fd, STORE_TEMP_DIR, 0777) != 0 && errno != EEXIST)
        return fs_fail(err, errno, "write", path, true);
    return true;
}

/* ".tmp/<seed><counter><.ext>" with the extension of the name, for tools that look at it; "FOLDER/.tmp<seed>…" where the root is
 * that of the file system, which is neither ours nor one file system. */
static void temp_name(struct store_fs *s, const struct place *p, char out[TEMP_NAME_MAX])
{
    str name = str_of(p->rel + p->name_at);
    ptrdiff_t dot = str_rfind_char(name, '.');
    str ext = dot > 0 ? str_from(name, (size_t)dot) : STR("");
    if (ext.len > TEMP_EXT_MAX)
        ext = STR("");
    str folder = p->root->everywhere ? str_make(p->rel, p->name_at) : STR("");
    snprintf(out, TEMP_NAME_MAX, STR_FMT STORE_TEMP_DIR "%s%016llx%06llx" STR_FMT, STR_ARG(folder),
             p->root->everywhere ? "" : "/", (unsigned long long)s->seed,
             (unsigned long long)(atomic_fetch_add(&s->temp_next, 1) & 0xffffff), STR_ARG(ext));
}

static int create_temp(struct store_fs *s, const struct place *p, char name[TEMP_NAME_MAX],
                       struct error *err)
{
    for (int i = 0; i < TEMP_TRIES; i++) {
        temp_name(s, p, name);
        int fd = root_open(p->root, name, O_WRONLY | O_CREAT | O_EXCL, 0666);
        if (fd < 0 && errno == ENOENT && !p->root->everywhere &&
            ensure_temp_dir(p->root, p->path, err))
            continue;
        if (fd >= 0 || errno != EEXIST) {
            if (fd < 0)
                fs_fail(err, errno, "write", p->path, true);
            return fd;
        }
    }
    fail(err, ERR_UNAVAILABLE, "write " STR_FMT ": no free temporary name; nothing was changed",
         STR_ARG(p->path));
    return -1;
}

/* ---- writing ---- */

/* Errors of rename and link that are refusals: nothing happened. */
static bool is_refusal(int errno_value)
{
    switch (errno_value) {
    case EEXIST:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case ENOSPC:
    case EDQUOT:
    case EACCES:
    case EPERM:
    case EROFS:
    case EXDEV:
    case ELOOP:
    case EMLINK:
    case ENAMETOOLONG:
        return true;
    default:
        return false;
    }
}

static bool rename_failed(const struct place *p, int errno_value, struct error *err)
{
    if (errno_value == EXDEV)
        return fail(err, ERR_UNSUPPORTED,
                    "write " STR_FMT ": its folder is on another file system than " STR_FMT
                    "/" STORE_TEMP_DIR "; nothing was changed",
                    STR_ARG(p->path), STR_ARG(p->root->dir));
    if (is_refusal(errno_value))
        return fs_fail(err, errno_value, "write", p->path, errno_value != EEXIST);
    fs_fail(err, errno_value, "write", p->path, false);
    err->code = ERR_UNKNOWN;
    return false;
}

/* rename without replacing; link and unlink where the file system has no RENAME_NOREPLACE. */
static int rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
    if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (linkat(from_dir, from, to_dir, to, 0) != 0)
        return -1;
    unlinkat(from_dir, from, 0);
    return 0;
}

static bool sync_folder(const struct place *p, int folder, struct error *err)
{
    if (fsync(folder) == 0)
        return true;
    fs_fail(err, errno, "sync the folder of", p->path, false);
    err->code = ERR_UNKNOWN;
    return false;
}

/* Moves a file to its place in `folder` and, unless that is left to the journal, makes the entry durable (F2, F3). */
static bool put_in_place(const struct place *p, const char *temp, int folder,
                         enum store_put_flags flags, bool synced, struct error *err)
{
    const char *name = p->rel + p->name_at;
    int rc = flags & STORE_CREATE_NEW ? rename_new(p->root->fd, temp, folder, name)
                                      : renameat(p->root->fd, temp, folder, name);
    if (rc != 0)
        return rename_failed(p, errno, err);
    return !synced || sync_folder(p, folder, err);
}

static bool write_temp(const struct place *p, int fd, str bytes, enum store_put_flags flags,
                       bool synced, struct error *err)
{
    bool uncached = (flags & STORE_SELDOM_READ) && bytes.len >= UNCACHED_MIN;
    if (!(uncached ? fs_write_uncached : fs_write_all)(fd, bytes.ptr, bytes.len))
        return fs_fail(err, errno, "write", p->path, true);
    if (synced && fsync(fd) != 0)
        return fs_fail(err, errno, "sync", p->path, true);
    return true;
}

bool fs_put_at(struct store_fs *s, const struct place *p, str bytes, enum store_put_flags flags,
               bool synced, struct error *err)
{
    int folder = fs_open_folder(s, p, synced, err);
    if (folder < 0)
        return false;
    char temp[TEMP_NAME_MAX];
    int fd = create_temp(s, p, temp, err);
    bool ok = false;
    if (fd >= 0) {
        ok = write_temp(p, fd, bytes, flags, synced, err);
        close(fd);
        ok = ok && put_in_place(p, temp, folder, flags, synced, err);
        if (!ok)
            unlinkat(p->root->fd, temp, 0); /* gone already if the rename happened */
    }
    close(folder);
    return ok;
}

bool fs_put(struct store *st, str path, str bytes, enum store_put_flags flags, struct error *err)
{
    struct store_fs *s = fs_of(st);
    struct place p;
    if (!fs_resolve(s, path, &p, err) || !need_writable(&p, err))
        return false;
    bool late = fs_may_journal(s, &p, bytes.len, flags);
    return fs_put_at(s, &p, bytes, flags, !late, err) &&
           (!late || fs_journal_written(s, &p, bytes, err));
}

bool fs_settle(struct store_fs *s, const struct place *p, struct error *err)
{
    int fd = root_open(p->root, p->rel, O_RDONLY | O_NONBLOCK, 0);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok) {
        fs_fail(err, errno, "sync", p->path, false);
        err->code = ERR_UNKNOWN; /* it is there */
    }
    if (fd >= 0)
        close(fd);
    int folder = ok ? fs_open_folder(s, p, true, err) : -1;
    ok = folder >= 0 && sync_folder(p, folder, err);
    if (folder >= 0)
        close(folder);
    return ok;
}

bool fs_remove(struct store *st, str path, struct error *err)
{
    struct place p;
    if (!fs_resolve(fs_of(st), path, &p, err) || !need_writable(&p, err))
        return false;
    char folder_name[STORE_PATH_MAX + 1] = ".";
    if (p.name_at) {
        memcpy(folder_name, p.rel, p.name_at - 1);
        folder_name[p.name_at - 1] = 0;
    }
    int folder = root_open(p.root, folder_name, O_RDONLY | O_DIRECTORY, 0);
    if (folder < 0)
        return fs_fail(err, errno, "delete", path, true);
    bool ok = unlinkat(folder, p.rel + p.name_at, 0) == 0;
    if (!ok) {
        fs_fail(err, errno, "delete", path, is_refusal(errno));
        if (!is_refusal(errno))
            err->code = ERR_UNKNOWN;
    } else {
        fs_journal_removed(fs_of(st), &p);
        ok = sync_folder(&p, folder, err);
    }
    close(folder);
    return ok;
}

/* ---- staging: files that others write ---- */

/* The folder that a staged name will stand in. */
static bool ensure_stage(struct store_fs *s, const struct place *p, struct error *err)
{
    if (!p->root->everywhere)
        return ensure_temp_dir(p->root, p->path, err);
    int folder = fs_open_folder(s, p, true, err);
    if (folder >= 0)
        close(folder);
    return folder >= 0;
}

bool fs_stage(struct store *st, str path, struct arena *a, str *local, struct error *err)
{
    struct store_fs *s = fs_of(st);
    struct place p;
    char name[TEMP_NAME_MAX];
    if (!fs_resolve(s, path, &p, err) || !need_writable(&p, err) || !ensure_stage(s, &p, err))
        return false;
    for (int i = 0; i < TEMP_TRIES; i++) {
        temp_name(s, &p, name);
        if (faccessat(p.root->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        *local = arena_printf(a, STR_FMT "/%s", STR_ARG(p.root->dir), name);
        return true;
    }
    return fail(err, ERR_UNAVAILABLE, "stage " STR_FMT ": no free temporary name", STR_ARG(path));
}

/* The part of a staged name below the root: ".tmp/..."; false when it is not one of ours. */
static bool staged_rel(const struct root *r, str local, char rel[STORE_PATH_MAX + 1])
{
    struct error ignored;
    if (!str_starts(local, r->dir))
        return false;
    str rest = str_from(local, r->dir.len), dir = STR("/" STORE_TEMP_DIR "/");
    if (r->everywhere) {
        dir = STR("/" STORE_TEMP_DIR);
        ptrdiff_t at = str_find(rest, dir);
        if (at < 0 || !store_path_check(str_sub(rest, 0, (size_t)at), &ignored))
            return false;
        dir = str_sub(rest, 0, (size_t)at + dir.len);
    }
    str name = str_from(rest, dir.len);
    if (!str_starts(rest, dir) || rest.len > STORE_PATH_MAX || str_starts(name, STR("/")) ||
        !store_path_check(name, &ignored))
        return false;
    memcpy(rel, rest.ptr + 1, rest.len - 1);
    rel[rest.len - 1] = 0;
    return true;
}

/* Syncs what another library wrote, through a descriptor of our own: a write error that the
 * kernel met earlier is reported to it as well.  Not when the journal may take it: *late. */
static bool sync_staged(const struct store_fs *s, const struct place *p, const char *rel,
                        enum store_put_flags flags, bool *late, struct error *err)
{
    struct stat info;
    int fd = root_open(p->root, rel, O_RDONLY | O_NONBLOCK, 0);
    bool ok = fd >= 0 && fstat(fd, &info) == 0;
    if (!ok)
        fs_fail(err, errno, "open the staged file of", p->path, true);
    else if (!S_ISREG(info.st_mode))
        ok = fail(err, ERR_INVALID, "publish " STR_FMT ": what is staged is not a file",
                  STR_ARG(p->path));
    *late = ok && fs_may_journal(s, p, (size_t)info.st_size, flags);
    if (ok && !*late && fsync(fd) != 0)
        ok = fs_fail(err, errno, "sync", p->path, true);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool fs_publish(struct store *st, str path, str local, enum store_put_flags flags,
                struct error *err)
{
    struct store_fs *s = fs_of(st);
    struct place p;
    char rel[STORE_PATH_MAX + 1];
    if (!fs_resolve(s, path, &p, err) || !need_writable(&p, err))
        return false;
    if (!staged_rel(p.root, local, rel))
        return fail(err, ERR_INVALID, "publish " STR_FMT ": " STR_FMT " was not staged for it",
                    STR_ARG(path), STR_ARG(local));
    bool late;
    if (!sync_staged(s, &p, rel, flags, &late, err))
        return false;
    int folder = fs_open_folder(s, &p, !late, err);
    if (folder < 0)
        return false;
    bool ok = put_in_place(&p, rel, folder, flags, !late, err);
    close(folder);
    return ok && (!late || fs_journal_file(s, &p, err));
}

void fs_discard(struct store *st, str local)
{
    struct store_fs *s = fs_of(st);
    char rel[STORE_PATH_MAX + 1];
    for (size_t i = 0; i < s->roots_n; i++)
        if (staged_rel(&s->roots[i], local, rel))
            fs_remove_tree(s->roots[i].fd, rel);
}

/* ---- folders for others ---- */

/* Nothing is synced: who writes through the store into such a folder syncs it then (F4). */
bool fs_make_folder(struct store *st, str path, struct error *err)
{
    struct place p;
    char at[STORE_PATH_MAX + 1];
    if (!fs_resolve(fs_of(st), path, &p, err) || !need_writable(&p, err))
        return false;
    str rel = str_of(p.rel), rest = rel, name;
    int parent = root_open(p.root, ".", O_RDONLY | O_DIRECTORY, 0);
    while (parent >= 0 && str_next(&rest, '/', &name)) {
        size_t len = (size_t)(name.ptr + name.len - rel.ptr);
        memcpy(at, rel.ptr, len);
        at[len] = 0;
        bool made = mkdirat(parent, at + (name.ptr - rel.ptr), 0777) == 0 || errno == EEXIST;
        close(parent);
        parent = made ? root_open(p.root, at, O_RDONLY | O_DIRECTORY, 0) : -1;
    }
    if (parent < 0)
        return fs_fail(err, errno, "make the folder", path, false);
    close(parent);
    return true;
}
