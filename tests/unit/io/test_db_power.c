/* SPDX-License-Identifier: Apache-2.0
 *
 * The power is cut.  SQLite works through a file layer of ours that passes everything on and keeps
 * a list of what was written, synced, truncated, made and removed, with marks where a commit was
 * acknowledged.  Afterwards a disk is made up for moments all along the list: it holds what was
 * synced by then, and of what was not, as a real disk may, nothing, all, a beginning, or any of it,
 * torn at sectors.  Each disk must open, be whole, and hold every commit that was acknowledged
 * before the cut, and no half of the next one.
 *
 * FIRN_POWER_CUTS says how many moments (default 250). */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/db.h"
#include "test.h"
#include "base/vec.h"

#define FILES_MAX 4
#define SECTOR 512
#define CUTS_DEFAULT 250

/* ---- the list ---- */

enum op_kind { OP_MAKE, OP_WRITE, OP_TRUNCATE, OP_SYNC, OP_SYNC_DIR, OP_REMOVE, OP_ACK };

struct op {
    enum op_kind kind;
    int file;
    int64_t at; /* offset or size; which commit for OP_ACK */
    str bytes;
};

static struct {
    struct arena *arena;
    VEC(struct op) ops;
    char names[FILES_MAX][512]; /* full paths */
    int files;
    bool syncs_lost; /* a disk that lies */
} tape;

static struct op *record(enum op_kind kind, int file)
{
    struct op *op = vec_push(tape.arena, &tape.ops);
    *op = (struct op){ .kind = kind, .file = file };
    return op;
}

static int file_number(const char *name)
{
    for (int i = 0; i < tape.files; i++)
        if (strcmp(tape.names[i], name) == 0)
            return i;
    CHECK(tape.files < FILES_MAX);
    snprintf(tape.names[tape.files], sizeof *tape.names, "%s", name);
    return tape.files++;
}

/* ---- the file layer ---- */

struct taped_file {
    sqlite3_file base;
    int number;   /* -1: not of interest */
    bool new_log; /* its first sync also syncs the folder, as the layer below does */
    sqlite3_file *real;
};

static sqlite3_vfs *below, layer;

static struct taped_file *taped(sqlite3_file *f)
{
    return (struct taped_file *)f;
}

static int layer_close(sqlite3_file *f)
{
    return taped(f)->real->pMethods->xClose(taped(f)->real);
}

static int layer_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return taped(f)->real->pMethods->xRead(taped(f)->real, p, n, at);
}

static int layer_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    struct taped_file *t = taped(f);
    if (t->number >= 0) {
        struct op *op = record(OP_WRITE, t->number);
        op->at = at;
        op->bytes = arena_str(tape.arena, str_make(p, (size_t)n));
    }
    return t->real->pMethods->xWrite(t->real, p, n, at);
}

static int layer_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct taped_file *t = taped(f);
    if (t->number >= 0)
        record(OP_TRUNCATE, t->number)->at = size;
    return t->real->pMethods->xTruncate(t->real, size);
}

static int layer_sync(sqlite3_file *f, int flags)
{
    struct taped_file *t = taped(f);
    if (t->number >= 0 && !tape.syncs_lost) {
        record(OP_SYNC, t->number);
        if (t->new_log)
            record(OP_SYNC_DIR, t->number);
        t->new_log = false;
    }
    return t->real->pMethods->xSync(t->real, flags);
}

#define PASS_ON(name, params, args)                                                                \
    static int layer_##name params                                                                 \
    {                                                                                              \
        return taped(f)->real->pMethods->name args;                                                \
    }
PASS_ON(xFileSize, (sqlite3_file * f, sqlite3_int64 *n), (taped(f)->real, n))
PASS_ON(xLock, (sqlite3_file * f, int l), (taped(f)->real, l))
PASS_ON(xUnlock, (sqlite3_file * f, int l), (taped(f)->real, l))
PASS_ON(xCheckReservedLock, (sqlite3_file * f, int *r), (taped(f)->real, r))
PASS_ON(xFileControl, (sqlite3_file * f, int op, void *p), (taped(f)->real, op, p))
PASS_ON(xSectorSize, (sqlite3_file * f), (taped(f)->real))
PASS_ON(xDeviceCharacteristics, (sqlite3_file * f), (taped(f)->real))
PASS_ON(xShmMap, (sqlite3_file * f, int i, int n, int w, void volatile **p),
        (taped(f)->real, i, n, w, p))
PASS_ON(xShmLock, (sqlite3_file * f, int at, int n, int flags), (taped(f)->real, at, n, flags))
PASS_ON(xShmUnmap, (sqlite3_file * f, int d), (taped(f)->real, d))

static void layer_shm_barrier(sqlite3_file *f)
{
    taped(f)->real->pMethods->xShmBarrier(taped(f)->real);
}

/* Version 2: no memory-mapped pages, which nobody could watch. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = layer_close,
    .xRead = layer_read,
    .xWrite = layer_write,
    .xTruncate = layer_truncate,
    .xSync = layer_sync,
    .xFileSize = layer_xFileSize,
    .xLock = layer_xLock,
    .xUnlock = layer_xUnlock,
    .xCheckReservedLock = layer_xCheckReservedLock,
    .xFileControl = layer_xFileControl,
    .xSectorSize = layer_xSectorSize,
    .xDeviceCharacteristics = layer_xDeviceCharacteristics,
    .xShmMap = layer_xShmMap,
    .xShmLock = layer_xShmLock,
    .xShmBarrier = layer_shm_barrier,
    .xShmUnmap = layer_xShmUnmap,
};

static int layer_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct taped_file *t = taped(f);
    (void)vfs;
    bool was_there = name && access(name, F_OK) == 0;
    t->real = (sqlite3_file *)(t + 1);
    t->real->pMethods = NULL;
    int rc = below->xOpen(below, name, t->real, flags, out);
    f->pMethods = t->real->pMethods ? &methods : NULL;
    bool kept = name && !(flags & SQLITE_OPEN_DELETEONCLOSE);
    t->number = kept ? file_number(name) : -1;
    t->new_log = !was_there && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL));
    if (rc == SQLITE_OK && kept && !was_there)
        record(OP_MAKE, t->number);
    return rc;
}

static int layer_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    (void)vfs;
    int rc = below->xDelete(below, name, sync_dir);
    if (rc == SQLITE_OK) {
        int n = file_number(name);
        record(OP_REMOVE, n);
        if (sync_dir && !tape.syncs_lost)
            record(OP_SYNC_DIR, n);
    }
    return rc;
}

static void begin_tape(void)
{
    tape.arena = arena_create(0);
    below = sqlite3_vfs_find(NULL);
    layer = *below;
    layer.zName = "taped";
    layer.szOsFile += (int)sizeof(struct taped_file);
    layer.xOpen = layer_open;
    layer.xDelete = layer_delete;
    CHECK(sqlite3_vfs_register(&layer, 1) == SQLITE_OK);
}

/* From here on files are opened by the layer below again. */
static void end_tape(void)
{
    CHECK(sqlite3_vfs_register(below, 1) == SQLITE_OK);
}

/* ---- disks ---- */

/* What the disk certainly holds of a file, and what was done to it since its last sync. */
struct disk_file {
    bool there, there_after; /* certainly; and after what the folder has not been synced for */
    char *bytes;
    size_t n, cap;
    VEC(size_t) pending; /* numbers of operations */
};

static void resize(struct disk_file *f, size_t n)
{
    if (n > f->cap) {
        f->cap = n * 2;
        f->bytes = realloc(f->bytes, f->cap);
        CHECK(f->bytes);
    }
    if (n > f->n)
        memset(f->bytes + f->n, 0, n - f->n);
    f->n = n;
}

static void put(struct disk_file *f, size_t at, const char *p, size_t n)
{
    if (at + n > f->n)
        resize(f, at + n);
    memcpy(f->bytes + at, p, n);
}

static void apply(struct disk_file *f, const struct op *op)
{
    if (op->kind == OP_WRITE)
        put(f, (size_t)op->at, op->bytes.ptr, op->bytes.len);
    else
        resize(f, (size_t)op->at);
}

/* Some sectors of a write. */
static void apply_torn(struct disk_file *f, const struct op *op, struct rand *r)
{
    if (op->kind != OP_WRITE) {
        apply(f, op);
        return;
    }
    for (size_t at = 0; at < op->bytes.len;) {
        size_t end = ((size_t)op->at + at) / SECTOR * SECTOR + SECTOR - (size_t)op->at;
        end = end < op->bytes.len ? end : op->bytes.len;
        if (rand_below(r, 2))
            put(f, (size_t)op->at + at, op->bytes.ptr + at, end - at);
        at = end;
    }
}

static void step(struct disk_file *files, size_t i)
{
    const struct op *op = &tape.ops.at[i];
    struct disk_file *f = &files[op->file];
    switch (op->kind) {
    case OP_WRITE:
    case OP_TRUNCATE:
        *vec_push(tape.arena, &f->pending) = i;
        break;
    case OP_SYNC:
        for (size_t j = 0; j < f->pending.n; j++)
            apply(f, &tape.ops.at[f->pending.at[j]]);
        f->pending.n = 0;
        break;
    case OP_MAKE:
        f->there_after = true;
        f->n = 0;
        f->pending.n = 0;
        break;
    case OP_REMOVE:
        f->there_after = false;
        break;
    case OP_SYNC_DIR:
        for (int j = 0; j < tape.files; j++)
            files[j].there = files[j].there_after;
        break;
    case OP_ACK:
        break;
    }
}

/* What survives of the writes that were not synced. */
static void apply_survivors(struct disk_file *f, int mode, struct rand *r)
{
    size_t keep = mode == 0 ? 0 : f->pending.n;
    if (mode == 2 && keep > 0)
        keep = (size_t)rand_below(r, keep) + 1;
    for (size_t i = 0; i < keep; i++) {
        const struct op *op = &tape.ops.at[f->pending.at[i]];
        bool torn = (mode == 2 && i + 1 == keep) || (mode == 3 && rand_below(r, 2));
        if (mode == 3 && rand_below(r, 3) == 0)
            continue;
        if (torn)
            apply_torn(f, op, r);
        else
            apply(f, op);
    }
}

static void write_file_to(const char *dir, const char *name, const struct disk_file *f)
{
    char path[1024];
    snprintf(path, sizeof path, "%s%s", dir, strrchr(name, '/'));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && write(fd, f->bytes, f->n) == (ssize_t)f->n);
    close(fd);
}

/* Makes up a disk as it may be after the first n operations. */
static void make_disk(const struct disk_file *files, const char *dir, int mode, struct rand *r)
{
    char path[1024];
    for (int i = 0; i < tape.files; i++) {
        snprintf(path, sizeof path, "%s%s", dir, strrchr(tape.names[i], '/'));
        (void)!unlink(path);
        struct disk_file f = files[i];
        bool there = f.there == f.there_after ? f.there : rand_below(r, 2);
        if (!there)
            continue;
        f.bytes = malloc(f.cap + 1);
        CHECK(f.bytes);
        if (f.n)
            memcpy(f.bytes, files[i].bytes, f.n);
        apply_survivors(&f, mode, r);
        write_file_to(dir, tape.names[i], &f);
        free(f.bytes);
    }
    snprintf(path, sizeof path, "%s/catalog.db-shm", dir);
    (void)!unlink(path);
}

/* ---- the work ---- */

static const struct migration steps[] = {
    { 1, "notes",
      "CREATE TABLE note (id BIGINT PRIMARY KEY, body BLOB NOT NULL);"
      "CREATE TABLE twin (id BIGINT PRIMARY KEY, body BLOB NOT NULL)" },
};

static void add_note(struct db *db, int64_t id)
{
    struct error err;
    struct db_tx *tx;
    char body[6000];
    size_t n = 50 + (size_t)(id * 977 % 5900);
    memset(body, 'a' + (int)(id % 26), n);
    CHECK_OK(db_begin(db, &tx, &err));
    if (id == 1) /* so that the log goes round often */
        CHECK_OK(db_run(tx, STR("PRAGMA wal_autocheckpoint = 20"), DB_NO_ARGS, NULL, NULL, &err));
    CHECK_OK(db_run(tx, STR("INSERT INTO note VALUES (?, ?)"),
                    DB_ARGS(db_val_int(id), db_val_blob(str_make(body, n))), NULL, NULL, &err));
    CHECK_OK(db_run(tx, STR("INSERT INTO twin VALUES (?, ?)"),
                    DB_ARGS(db_val_int(id), db_val_blob(str_make(body, n))), NULL, NULL, &err));
    CHECK_OK(db_commit(tx, &err));
    record(OP_ACK, 0)->at = id;
}

static void work(const char *dir, int64_t commits)
{
    struct error err;
    struct db *db;
    str path = arena_printf(test_arena(), "%s/catalog.db", dir);
    begin_tape();
    CHECK_OK(db_open(path, &db, &err));
    CHECK_OK(db_migrate(db, "notes", steps, 1, &err));
    record(OP_ACK, 0)->at = 0;
    for (int64_t i = 1; i <= commits; i++)
        add_note(db, i);
    db_close(db);
    end_tape();
}

static int64_t ask(struct db_tx *tx, const char *sql, int64_t fallback)
{
    struct error err;
    struct arena *a = arena_create(0);
    struct db_rows rows;
    int64_t v = db_run(tx, str_of(sql), DB_NO_ARGS, a, &rows, &err) && rows.n ? db_int(&rows, 0, 0)
                                                                              : fallback;
    arena_destroy(a);
    return v;
}

/* The number of the last commit on a disk; -1 when the schema is not there yet, -2 when the disk is
 * not whole. */
static int64_t look_at(const char *dir, struct error *err)
{
    struct db *db;
    struct db_tx *tx;
    if (!db_open(arena_printf(test_arena(), "%s/catalog.db", dir), &db, err))
        return -2;
    int64_t last = -2;
    if (db_begin(db, &tx, err)) {
        bool whole =
            ask(tx, "SELECT count(*) FROM pragma_quick_check WHERE quick_check = 'ok'", 0) == 1;
        last = !whole ? -2 : ask(tx, "SELECT coalesce(max(id), 0) FROM note", -1);
        if (last >= 0 &&
            (ask(tx, "SELECT count(*) FROM note", -1) != last ||
             ask(tx, "SELECT count(*) FROM note n JOIN twin t ON n.id = t.id AND n.body = t.body",
                 -1) != last))
            last = -2;
        db_rollback(tx);
    }
    db_close(db);
    return last;
}

static size_t cuts_wanted(void)
{
    const char *text = getenv("FIRN_POWER_CUTS");
    int64_t n;
    return text && str_to_i64(str_of(text), &n) && n > 0 ? (size_t)n : CUTS_DEFAULT;
}

/* Cuts the power at moments spread over the tape; false when a disk is not as promised. */
static bool cut_all(size_t cuts, char *why, size_t why_n)
{
    struct disk_file files[FILES_MAX] = { 0 };
    struct rand r;
    rand_init(&r, test_seed());
    int64_t acked = -1;
    char dir[600];
    bool ok = true;
    snprintf(dir, sizeof dir, "%s/disk", test_tmpdir());
    CHECK(mkdir(dir, 0755) == 0 || errno == EEXIST);
    for (size_t i = 0, done = 0; ok && i <= tape.ops.n; i++) {
        if (i * cuts / (tape.ops.n + 1) >= done) {
            struct error err = { 0 };
            int mode = (int)rand_below(&r, 4);
            make_disk(files, dir, mode, &r);
            int64_t last = look_at(dir, &err);
            ok = last >= acked && last <= acked + 1;
            if (!ok)
                snprintf(why, why_n, "operation %zu mode %d: acknowledged %lld, found %lld %s", i,
                         mode, (long long)acked, (long long)last, err.msg);
            done++;
        }
        if (i < tape.ops.n && tape.ops.at[i].kind == OP_ACK)
            acked = tape.ops.at[i].at;
        if (i < tape.ops.n)
            step(files, i);
    }
    for (int i = 0; i < tape.files; i++)
        free(files[i].bytes);
    arena_destroy(tape.arena);
    return ok;
}

TEST(every_acknowledged_commit_survives_a_power_cut)
{
    char why[800] = "";
    size_t cuts = cuts_wanted();
    work(test_tmpdir(), (int64_t)(cuts / 8 < 40 ? 40 : cuts / 8));
    if (!cut_all(cuts, why, sizeof why))
        test_fail(__FILE__, __LINE__, "%s", why);
}

/* The same check must notice a disk that does not sync, or it would prove nothing. */
TEST(a_disk_that_lies_is_noticed)
{
    char why[800] = "";
    tape.syncs_lost = true;
    work(test_tmpdir(), 40);
    CHECK(!cut_all(200, why, sizeof why));
}
