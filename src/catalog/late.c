/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/late.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/queue.h"
#include "base/thread.h"
#include "io/db.h"
#include "io/store.h"

#define BUCKETS 512
#define GATHER_US 1000000                 /* files of so long are synced together, */
#define GATHER_BYTES (LATE_BYTES_MAX / 8) /* or of so many bytes */
#define RECOVER_ROWS 64                   /* read at once */

struct file { /* written, and not named by a transaction yet */
    struct file *next;
    size_t location_len, bytes_len;
    char data[]; /* the location, then the bytes */
};

struct late {
    struct db *db;
    struct store *store;
    struct thread *thread;
    struct queue *wake;
    atomic_size_t waiting; /* bytes that are not synced */
    atomic_bool
        broken; /* a sync has failed: rows stay for the next opening, files are synced at once */
    pthread_mutex_t lock; /* guards the buckets; a leaf, not held across I/O */
    struct file *buckets[BUCKETS];
};

static str location_of(const struct file *f)
{
    return str_make(f->data, f->location_len);
}

static str bytes_of(const struct file *f)
{
    return str_make(f->data + f->location_len, f->bytes_len);
}

/* Where the file of a location hangs, or would.  Under the lock. */
static struct file **find(struct late *l, str location)
{
    struct file **at = &l->buckets[str_hash(location, 0) % BUCKETS];
    while (*at && !str_eq(location_of(*at), location))
        at = &(*at)->next;
    return at;
}

static void remember(struct late *l, str location, str bytes)
{
    struct file *f = mem_alloc(1, sizeof *f + location.len + bytes.len);
    f->location_len = location.len;
    f->bytes_len = bytes.len;
    memcpy(f->data, location.ptr, location.len);
    memcpy(f->data + location.len, bytes.ptr, bytes.len);
    pthread_mutex_lock(&l->lock);
    *find(l, location) = f;
    pthread_mutex_unlock(&l->lock);
}

static bool has_room(struct late *l, size_t bytes)
{
    if (bytes > LATE_FILE_MAX || atomic_load(&l->broken))
        return false;
    if (atomic_fetch_add(&l->waiting, bytes) + bytes <= LATE_BYTES_MAX)
        return true;
    atomic_fetch_sub(&l->waiting, bytes);
    return false;
}

bool late_put(struct late *l, str location, str path, str bytes, struct error *err)
{
    if (!has_room(l, bytes.len))
        return store_put(l->store, path, bytes, STORE_CREATE_NEW, err);
    if (!store_put(l->store, path, bytes, STORE_CREATE_NEW | STORE_LATE, err)) {
        atomic_fetch_sub(&l->waiting, bytes.len);
        return false;
    }
    remember(l, location, bytes);
    return true;
}

/* A file that was put stays where it is until late_settle, so that its bytes can be read without the lock. */
bool late_rows(struct late *l, struct db_tx *tx, const str *locations, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        pthread_mutex_lock(&l->lock);
        const struct file *f = *find(l, locations[i]);
        pthread_mutex_unlock(&l->lock);
        if (f &&
            !db_run(tx,
                    STR("INSERT INTO cat_late (seq, location, bytes) SELECT "
                        "COALESCE(MAX(seq), 0) + 1, ?, ? FROM cat_late"),
                    DB_ARGS(db_val_text(locations[i]), db_val_blob(bytes_of(f))), NULL, NULL, err))
            return false;
    }
    return true;
}

void late_settle(struct late *l, const str *locations, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        pthread_mutex_lock(&l->lock);
        struct file **at = find(l, locations[i]), *f = *at;
        if (f)
            *at = f->next;
        pthread_mutex_unlock(&l->lock);
        mem_free(f);
    }
    if (n)
        queue_try_push(l->wake, l);
}

/* ---- Syncing ---- */

static bool last_row(struct db *db, int64_t *seq, struct error *err)
{
    struct arena *a = arena_create(0);
    struct db_tx *tx;
    struct db_rows rows;
    bool ok = db_read_begin(db, &tx, err);
    if (ok) {
        ok = db_run(tx, STR("SELECT COALESCE(MAX(seq), 0) FROM cat_late"), DB_NO_ARGS, a, &rows,
                    err);
        db_rollback(tx);
    }
    if (ok)
        *seq = db_int(&rows, 0, 0);
    arena_destroy(a);
    return ok;
}

static bool forget_rows(struct db *db, int64_t seq, struct error *err)
{
    struct db_tx *tx;
    if (!db_begin(db, &tx, err))
        return false;
    if (db_run(tx, STR("DELETE FROM cat_late WHERE seq <= ?"), DB_ARGS(db_val_int(seq)), NULL, NULL,
               err))
        return db_commit(tx, err);
    db_rollback(tx);
    return false;
}

/* L2: rows that are there now name files that were written before.  After a failed sync the kernel has thrown the bytes away and
 * a second one would succeed, so there is none. */
static void sync_files(struct late *l)
{
    struct error err = { 0 };
    int64_t seq = 0;
    size_t waiting = atomic_load(&l->waiting);
    bool ok = !atomic_load(&l->broken) && last_row(l->db, &seq, &err);
    if (ok && !store_sync(l->store, &err)) {
        atomic_store(&l->broken, true);
        ok = false;
    }
    if (ok && (seq == 0 || forget_rows(l->db, seq, &err)))
        atomic_fetch_sub(&l->waiting, waiting);
    else if (err.msg[0])
        log_warn("catalog", "metadata files could not be synced: %s", err.msg);
}

static void sync_main(void *arg)
{
    struct late *l = arg;
    void *token;
    while (queue_pop(l->wake, &token)) {
        while (atomic_load(&l->waiting) < GATHER_BYTES &&
               queue_pop_until(l->wake, &token, GATHER_US))
            ;
        sync_files(l);
    }
}

struct late *late_create(struct db *db, struct store *store)
{
    struct late *l = mem_new(struct late);
    l->db = db;
    l->store = store;
    pthread_mutex_init(&l->lock, NULL);
    l->wake = queue_create(1);
    l->thread = thread_start("firn-late", sync_main, l);
    return l;
}

void late_destroy(struct late *l)
{
    if (!l)
        return;
    queue_close(l->wake);
    thread_join(l->thread);
    if (atomic_load(&l->waiting))
        sync_files(l);
    queue_destroy(l->wake);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

/* ---- After a power cut ---- */

/* Also a file that looks right: what can be read need not be on disk. */
static bool restore(struct store *store, str location, str bytes, struct arena *a,
                    struct error *err)
{
    str path;
    return store_from_uri(store, location, a, &path, err) &&
           store_put(store, path, bytes, STORE_REPLACE | STORE_LATE, err);
}

/* Restores a page of the table; *seq is its last row, unchanged when there was none. */
static bool restore_page(struct db *db, struct store *store, int64_t *seq, struct error *err)
{
    struct arena *a = arena_create(0);
    struct db_tx *tx;
    struct db_rows rows = { 0 };
    bool ok = db_read_begin(db, &tx, err);
    if (ok) {
        ok = db_run(tx,
                    STR("SELECT seq, location, bytes FROM cat_late WHERE seq > ? ORDER BY seq "
                        "LIMIT ?"),
                    DB_ARGS(db_val_int(*seq), db_val_int(RECOVER_ROWS)), a, &rows, err);
        db_rollback(tx);
    }
    for (size_t i = 0; ok && i < rows.n; i++) {
        ok = restore(store, db_str(&rows, i, 1), db_str(&rows, i, 2), a, err);
        *seq = db_int(&rows, i, 0);
    }
    arena_destroy(a);
    return ok;
}

bool late_recover(struct db *db, struct store *store, struct error *err)
{
    int64_t seq = 0, before;
    do {
        before = seq;
        if (!restore_page(db, store, &seq, err))
            return fail_in(err, "restore metadata files");
    } while (seq != before);
    return seq == 0 || (store_sync(store, err) && forget_rows(db, seq, err));
}
