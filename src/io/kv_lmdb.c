/* SPDX-License-Identifier: Apache-2.0
 *
 * The online store on LMDB: a copy-on-write tree in a mapped file.
 *
 * Read transactions are kept when they end (reset) and taken again (renew), which costs no system call
 * and no lock of the writer; with MDB_NOTLS any thread may use any of them.  They wait in one of
 * several lists, chosen by processor, so that readers do not queue for one lock.  Tables are opened once
 * and stay open, since LMDB allows one opening at a time and handles are cheap.
 *
 * LMDB writes new pages into a sparse file, syncs them, then writes one of two root pages.  So a
 * commit that failed before the root page changed nothing, whatever the disk holds now: the pages are
 * garbage that the next batch writes over.  Only a failed write of the root page leaves it open
 * (ERR_UNKNOWN); LMDB then refuses all further transactions of this process by itself. */
#include "io/kv.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "io/fs_priv.h"

#define SHARDS 16
#define FULL_BELOW (256u << 10) /* bytes free: less than this after a cut write is a full disk */

struct kv_table {
    MDB_dbi dbi;
    str name;
};

struct lmdb_read {
    struct kv_read base; /* first */
    MDB_txn *txn;        /* NULL when it could not be begun */
    struct lmdb_read *next;
};

struct lmdb_batch {
    struct kv_batch base; /* first */
    MDB_txn *txn;
};

struct lmdb_cursor {
    struct kv_cursor base; /* first */
    MDB_cursor *cursor;    /* NULL: the table is younger than the transaction */
    str prefix;
    bool started;
};

/* Read transactions that wait to be used again. */
struct shard {
    pthread_mutex_t lock;             /* guards changes of idle */
    _Atomic(struct lmdb_read *) idle; /* may be looked at without the lock */
    char apart[64];                   /* no two shards' words in one cache line */
};

struct lmdb {
    struct kv base;
    MDB_env *env;
    pthread_mutex_t
        opening;          /* one table is opened at a time; taken before lock and LMDB's writer */
    pthread_mutex_t lock; /* guards all below; not held across I/O */
    struct arena *arena;
    struct map tables;
    bool writing;
    pthread_t writer;        /* who holds the batch, when writing */
    struct lmdb_batch batch; /* only its owner touches it */
    struct shard shards[SHARDS];
};

static struct lmdb *lmdb_of(struct kv *kv)
{
    return (struct lmdb *)kv;
}

static struct lmdb_read *read_of(struct kv_read *r)
{
    return (struct lmdb_read *)r;
}

static struct lmdb_batch *batch_of(struct kv_batch *b)
{
    return (struct lmdb_batch *)b;
}

/* ---- errors ---- */

static enum err_code code_of(int rc)
{
    switch (rc) {
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case MDB_DBS_FULL:
    case MDB_READERS_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_LIMIT;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return ERR_CORRUPT;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case MDB_BAD_VALSIZE:
        return ERR_INVALID;
    default:
        return ERR_UNAVAILABLE;
    }
}

static bool fail_lmdb(struct error *err, int rc, const char *doing)
{
    if (rc == ENOMEM)
        panic("out of memory in the online store");
    fail(err, code_of(rc), "online store: %s: %s", doing, mdb_strerror(rc));
    if (rc == MDB_MAP_FULL)
        fail_hint(err, "the store has reached its map size; open it with a larger one");
    else if (rc == ENOSPC)
        fail_hint(err, "make room on the file system and run it again; nothing was changed");
    return false;
}

static MDB_val val_of(str s)
{
    /* LMDB does not write through a key or a value. */
    return (MDB_val){ s.len, (void *)(uintptr_t)(s.ptr ? s.ptr : "") };
}

static str str_of_val(MDB_val v)
{
    return str_make(v.mv_data, v.mv_size);
}

/* ---- reading ---- */

static struct shard *shard_here(struct lmdb *l, unsigned further)
{
    int cpu = sched_getcpu();
    return &l->shards[((unsigned)(cpu < 0 ? 0 : cpu) + further) % SHARDS];
}

static struct lmdb_read *take_idle(struct shard *s)
{
    if (!atomic_load_explicit(&s->idle, memory_order_relaxed))
        return NULL;
    pthread_mutex_lock(&s->lock);
    struct lmdb_read *r = s->idle;
    if (r)
        s->idle = r->next;
    pthread_mutex_unlock(&s->lock);
    return r;
}

static struct lmdb_read *take_read(struct lmdb *l)
{
    for (unsigned i = 0; i < SHARDS; i++) {
        struct lmdb_read *r = take_idle(shard_here(l, i));
        if (r)
            return r;
    }
    pthread_mutex_lock(&l->lock);
    struct lmdb_read *r = arena_new(l->arena, struct lmdb_read);
    pthread_mutex_unlock(&l->lock);
    r->base.kv = &l->base;
    return r;
}

static void give_read(struct lmdb *l, struct lmdb_read *r)
{
    struct shard *s = shard_here(l, 0);
    pthread_mutex_lock(&s->lock);
    r->next = s->idle;
    s->idle = r;
    pthread_mutex_unlock(&s->lock);
}

static bool lmdb_read_begin(struct kv *kv, struct kv_read **out, struct error *err)
{
    struct lmdb *l = lmdb_of(kv);
    struct lmdb_read *r = take_read(l);
    int rc = r->txn ? mdb_txn_renew(r->txn) : mdb_txn_begin(l->env, NULL, MDB_RDONLY, &r->txn);
    if (rc != 0) {
        if (r->txn)
            mdb_txn_abort(r->txn);
        r->txn = NULL;
        give_read(l, r);
        return fail_lmdb(err, rc, "begin to read");
    }
    *out = &r->base;
    return true;
}

static void lmdb_read_end(struct kv_read *base)
{
    struct lmdb_read *r = read_of(base);
    mdb_txn_reset(r->txn);
    give_read(lmdb_of(base->kv), r);
}

/* EINVAL is how LMDB says that the table is younger than the transaction: nothing is there. */
static bool is_absent(int rc)
{
    return rc == MDB_NOTFOUND || rc == EINVAL;
}

static bool lmdb_get(struct kv_read *r, struct kv_table *t, str key, str *value, struct error *err)
{
    MDB_val k = val_of(key), v;
    int rc = mdb_get(read_of(r)->txn, t->dbi, &k, &v);
    if (rc == 0)
        *value = str_of_val(v);
    else
        *value = (str){ 0 };
    return rc == 0 || is_absent(rc) || fail_lmdb(err, rc, "read");
}

static bool lmdb_count(struct kv_read *r, struct kv_table *t, uint64_t *n, struct error *err)
{
    MDB_stat stat;
    int rc = mdb_stat(read_of(r)->txn, t->dbi, &stat);
    *n = rc == 0 ? stat.ms_entries : 0;
    return rc == 0 || is_absent(rc) || fail_lmdb(err, rc, "count");
}

static bool lmdb_cursor_new(struct kv_read *r, struct kv_table *t, str prefix, struct arena *a,
                            struct kv_cursor **out, struct error *err)
{
    struct lmdb_cursor *c = arena_new(a, struct lmdb_cursor);
    c->base.read = r;
    c->prefix = arena_str(a, prefix);
    int rc = mdb_cursor_open(read_of(r)->txn, t->dbi, &c->cursor);
    if (is_absent(rc))
        c->cursor = NULL;
    else if (rc != 0)
        return fail_lmdb(err, rc, "open a cursor");
    *out = &c->base;
    return true;
}

/* One step; the first goes to the first key that is not below the prefix. */
static int step(MDB_cursor *cursor, bool first, str prefix, MDB_val *k, MDB_val *v)
{
    if (!first)
        return mdb_cursor_get(cursor, k, v, MDB_NEXT);
    *k = val_of(prefix);
    return mdb_cursor_get(cursor, k, v, prefix.len ? MDB_SET_RANGE : MDB_FIRST);
}

static bool lmdb_next(struct kv_cursor *base, struct kv_entry *out, bool *found, struct error *err)
{
    struct lmdb_cursor *c = (struct lmdb_cursor *)base;
    *found = false;
    if (!c->cursor)
        return true;
    MDB_val k, v;
    int rc = step(c->cursor, !c->started, c->prefix, &k, &v);
    c->started = true;
    if (rc != 0)
        return is_absent(rc) || fail_lmdb(err, rc, "read on");
    *out = (struct kv_entry){ str_of_val(k), str_of_val(v) };
    *found = str_starts(out->key, c->prefix);
    return true;
}

static void lmdb_cursor_close(struct kv_cursor *base)
{
    struct lmdb_cursor *c = (struct lmdb_cursor *)base;
    if (c->cursor)
        mdb_cursor_close(c->cursor);
    c->cursor = NULL;
}

/* ---- tables ---- */

static struct kv_table *known_table(struct lmdb *l, str name, bool *in_batch)
{
    pthread_mutex_lock(&l->lock);
    struct kv_table *t = map_get(&l->tables, name);
    *in_batch = l->writing && pthread_equal(l->writer, pthread_self());
    pthread_mutex_unlock(&l->lock);
    return t;
}

static int open_dbi(struct lmdb *l, const char *name, bool make, MDB_dbi *dbi)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(l->env, NULL, make ? 0 : MDB_RDONLY, &txn);
    if (rc != 0)
        return rc;
    rc = mdb_dbi_open(txn, name, make ? MDB_CREATE : 0, dbi);
    if (rc == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

/* Under `opening`: asks again, since another thread may have been first. */
static bool open_table(struct lmdb *l, str name, struct kv_table **out, struct error *err)
{
    bool in_batch;
    *out = known_table(l, name, &in_batch);
    if (*out)
        return true;
    pthread_mutex_lock(&l->lock);
    const char *text = arena_cstr(l->arena, name);
    struct kv_table *t = arena_new(l->arena, struct kv_table);
    pthread_mutex_unlock(&l->lock);
    int rc = open_dbi(l, text, false, &t->dbi);
    if (rc == MDB_NOTFOUND)
        rc = open_dbi(l, text, true, &t->dbi);
    if (rc != 0)
        return fail_lmdb(err, rc, "open a table");
    t->name = str_of(text);
    pthread_mutex_lock(&l->lock);
    map_put(&l->tables, t->name, t);
    pthread_mutex_unlock(&l->lock);
    *out = t;
    return true;
}

static bool lmdb_table(struct kv *kv, str name, struct kv_table **out, struct error *err)
{
    struct lmdb *l = lmdb_of(kv);
    bool in_batch;
    *out = known_table(l, name, &in_batch);
    if (*out)
        return true;
    if (in_batch)
        return fail(err, ERR_INTERNAL, "online store: a table is opened inside a batch");
    pthread_mutex_lock(&l->opening);
    bool ok = open_table(l, name, out, err);
    pthread_mutex_unlock(&l->opening);
    return ok;
}

/* ---- writing ---- */

static bool lmdb_batch_begin(struct kv *kv, struct kv_batch **out, struct error *err)
{
    struct lmdb *l = lmdb_of(kv);
    MDB_txn *txn;
    int rc = mdb_txn_begin(l->env, NULL, 0, &txn); /* waits for the batch before */
    if (rc != 0)
        return fail_lmdb(err, rc, "begin to write");
    pthread_mutex_lock(&l->lock);
    l->writing = true;
    l->writer = pthread_self();
    pthread_mutex_unlock(&l->lock);
    l->batch = (struct lmdb_batch){ .base.kv = kv, .txn = txn };
    *out = &l->batch.base;
    return true;
}

/* Before the transaction ends: after that, the next batch may begin at any moment. */
static void batch_ends(struct lmdb *l)
{
    pthread_mutex_lock(&l->lock);
    l->writing = false;
    pthread_mutex_unlock(&l->lock);
}

static bool lmdb_put(struct kv_batch *b, struct kv_table *t, str key, str value, struct error *err)
{
    MDB_val k = val_of(key), v = val_of(value);
    int rc = mdb_put(batch_of(b)->txn, t->dbi, &k, &v, 0);
    return rc == 0 || fail_lmdb(err, rc, "write");
}

static bool lmdb_remove(struct kv_batch *b, struct kv_table *t, str key, struct error *err)
{
    MDB_val k = val_of(key);
    int rc = mdb_del(batch_of(b)->txn, t->dbi, &k, NULL);
    return rc == 0 || rc == MDB_NOTFOUND || fail_lmdb(err, rc, "remove");
}

static int drop_range(MDB_txn *txn, MDB_dbi dbi, str prefix, uint64_t *n)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, dbi, &cursor);
    if (rc != 0)
        return rc;
    MDB_val k, v;
    for (bool first = true;; first = false) {
        rc = step(cursor, first, prefix, &k,
                  &v); /* after a deletion, NEXT is the one that moved up */
        if (rc != 0 || !str_starts(str_of_val(k), prefix))
            break;
        rc = mdb_cursor_del(cursor, 0);
        if (rc != 0)
            break;
        ++*n;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static bool lmdb_drop(struct kv_batch *b, struct kv_table *t, str prefix, uint64_t *n,
                      struct error *err)
{
    MDB_txn *txn = batch_of(b)->txn;
    MDB_stat stat;
    int rc;
    if (prefix.len > 0) {
        rc = drop_range(txn, t->dbi, prefix, n);
    } else {
        rc = mdb_stat(txn, t->dbi, &stat);
        *n = rc == 0 ? stat.ms_entries : 0;
        rc = rc == 0 ? mdb_drop(txn, t->dbi, 0) : rc;
    }
    return rc == 0 || fail_lmdb(err, rc, "drop");
}

/* LMDB says EIO when a write was cut short, which is what a disk does that becomes full. */
static int tell_full_disk(struct lmdb *l, int rc)
{
    struct statvfs fs;
    int fd;
    if (rc != EIO || mdb_env_get_fd(l->env, &fd) != 0 || fstatvfs(fd, &fs) != 0)
        return rc;
    return fs.f_bavail * fs.f_frsize < FULL_BELOW ? ENOSPC : rc;
}

/* After a root page could not be written LMDB refuses everything with MDB_PANIC. */
static bool root_is_unknown(struct lmdb *l)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(l->env, NULL, 0, &txn);
    if (rc == 0)
        mdb_txn_abort(txn);
    return rc == MDB_PANIC;
}

static bool lmdb_commit(struct kv_batch *b, struct error *err)
{
    struct lmdb *l = lmdb_of(b->kv);
    MDB_txn *txn = batch_of(b)->txn;
    batch_ends(l);
    int rc = mdb_txn_commit(txn);
    if (rc == 0)
        return true;
    if (!root_is_unknown(l)) {
        fail_lmdb(err, tell_full_disk(l, rc), "commit (nothing was changed)");
        return false;
    }
    fail_lmdb(err, rc, "commit");
    err->code = ERR_UNKNOWN;
    return false;
}

static void lmdb_abort(struct kv_batch *b)
{
    MDB_txn *txn = batch_of(b)->txn;
    batch_ends(lmdb_of(b->kv));
    mdb_txn_abort(txn);
}

static void lmdb_close(struct kv *kv)
{
    struct lmdb *l = lmdb_of(kv);
    for (size_t i = 0; i < SHARDS; i++) {
        for (struct lmdb_read *r = l->shards[i].idle; r; r = r->next)
            if (r->txn)
                mdb_txn_abort(r->txn);
        pthread_mutex_destroy(&l->shards[i].lock);
    }
    if (l->env)
        mdb_env_close(l->env);
    pthread_mutex_destroy(&l->opening);
    pthread_mutex_destroy(&l->lock);
    arena_destroy(l->arena);
}

static const struct kv_ops lmdb_ops = {
    .table = lmdb_table,
    .read_begin = lmdb_read_begin,
    .read_end = lmdb_read_end,
    .get = lmdb_get,
    .count = lmdb_count,
    .cursor = lmdb_cursor_new,
    .next = lmdb_next,
    .cursor_close = lmdb_cursor_close,
    .batch_begin = lmdb_batch_begin,
    .put = lmdb_put,
    .remove = lmdb_remove,
    .drop = lmdb_drop,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .close = lmdb_close,
};

/* ---- opening ---- */

static bool sync_folder(const char *dir, struct error *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        fs_fail(err, errno, "sync the folder", str_of(dir), false);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool make_folder(struct arena *a, str dir, struct error *err)
{
    if (mkdir(arena_cstr(a, dir), 0777) == 0)
        return sync_folder(arena_printf(a, STR_FMT "/..", STR_ARG(dir)).ptr, err);
    return errno == EEXIST || fs_fail(err, errno, "make the folder", dir, true);
}

/* Reading beyond the end of a mapped file is a SIGBUS.  A file that lost its tail is made as long
 * as its root page says, so that LMDB meets zeroed pages there and answers that they are corrupt. */
static bool guard_length(struct lmdb *l, str dir, struct error *err)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    int fd;
    mdb_env_info(l->env, &info);
    mdb_env_stat(l->env, &stat);
    if (mdb_env_get_fd(l->env, &fd) != 0 || fstat(fd, &file) != 0)
        return fs_fail(err, errno, "open the online store", dir, false);
    off_t want = (off_t)((info.me_last_pgno + 1) * stat.ms_psize);
    if (file.st_size >= want)
        return true;
    log_warn("kv", "online store " STR_FMT " has %lld bytes, expected %lld", STR_ARG(dir),
             (long long)file.st_size, (long long)want);
    return ftruncate(fd, want) == 0 || fs_fail(err, errno, "open the online store", dir, false);
}

static bool open_env(struct lmdb *l, str dir, uint64_t map_bytes, struct error *err)
{
    const char *path = arena_cstr(l->arena, dir);
    int rc = mdb_env_create(&l->env);
    if (rc == 0)
        rc = mdb_env_set_mapsize(l->env, map_bytes);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(l->env, KV_TABLES_MAX);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(l->env, KV_READERS_MAX);
    if (rc == 0)
        rc = mdb_env_open(l->env, path, MDB_NOTLS | MDB_NORDAHEAD, 0666);
    if (rc != 0) {
        fail_lmdb(err, rc, "open");
        return fail_in(err, STR_FMT, STR_ARG(dir));
    }
    int dead;
    mdb_reader_check(l->env, &dead); /* slots of processes that were killed */
    return sync_folder(path, err) && guard_length(l, dir, err);
}

bool kv_open(str dir, const struct kv_options *o, struct kv **out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct lmdb *l = arena_new(a, struct lmdb);
    l->base.ops = &lmdb_ops;
    l->arena = a;
    pthread_mutex_init(&l->opening, NULL);
    pthread_mutex_init(&l->lock, NULL);
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&l->shards[i].lock, NULL);
    map_init(&l->tables, a);
    uint64_t map_bytes = o && o->map_bytes ? o->map_bytes : KV_MAP_BYTES;
    if (!make_folder(a, dir, err) || !open_env(l, dir, map_bytes, err)) {
        lmdb_close(&l->base);
        return false;
    }
    *out = &l->base;
    return true;
}
