/* SPDX-License-Identifier: Apache-2.0
 *
 * Sorted rows in several files.  The writer keeps rows in order only within a file that it does not cut itself, so they are sorted
 * into one file, cheaply packed, and read again in ranges of rows, which are row groups of it. */
#include <unistd.h>

#include "base/vec.h"
#include "engine/parquet.h"
#include "engine/parquet_scan.h"
#include "engine/session.h"
#include "iceberg/partition.h"

#define CUT_SQL_MAX ((size_t)64 << 20)
#define CUT_FILES_MAX 100000
#define CUT_BYTES_DEFAULT ((int64_t)512 << 20)

struct cut {
    struct session *s;
    const struct parquet_write *w;
    struct arena *a;
    struct parquet_file whole;
    VEC(struct parquet_file) files;
};

static bool sort_rows(struct cut *c, struct error *err)
{
    struct parquet_write w = *c->w;
    struct parquet_file *files;
    size_t n;
    w.codec = PARQUET_SNAPPY;
    w.level = 0;
    w.no_bloom = true;
    w.bloom_named = false;
    w.prefix = arena_printf(c->a, STR_FMT "-whole", STR_ARG(w.prefix));
    if (!parquet_write(c->s, &w, c->a, &files, &n, err))
        return false;
    ASSERT(n <= 1);
    c->whole = n ? files[0] : (struct parquet_file){ 0 };
    return true;
}

static bool write_range(struct cut *c, int64_t from, int64_t to, struct error *err)
{
    struct parquet_write w = *c->w;
    struct scan_file file = { .path = c->whole.path, .rows = c->whole.rows };
    struct parquet_scan scan = {
        .schema = w.schema, .files = &file, .files_n = 1, .same_names = true, .positions = true
    };
    struct buf sql = BUF_INIT(CUT_SQL_MAX);
    struct parquet_file *files;
    size_t n;
    buf_lit(&sql, "SELECT * EXCLUDE (file_index, file_row_number) FROM (");
    bool ok = parquet_scan_sql(c->s, &scan, &sql, err);
    buf_printf(&sql, ") WHERE file_row_number >= %lld AND file_row_number < %lld", (long long)from,
               (long long)to);
    ok = ok && buf_ok(&sql, "a range of sorted rows", err);
    w.query = arena_str(c->a, buf_str(&sql));
    buf_deinit(&sql);
    w.by_name = false;
    w.params_n = 0;
    w.keep_order = true;
    w.order_sql = (str){ 0 };
    w.order = NULL;
    if (c->whole.partition)
        w.partition = c->whole.partition;
    w.prefix = arena_printf(c->a, STR_FMT "-cut%zu", STR_ARG(c->w->prefix), c->files.n);
    if (!ok || !parquet_write(c->s, &w, c->a, &files, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        files[i].sorted = c->whole.sorted;
        *vec_push(c->a, &c->files) = files[i];
    }
    return true;
}

static bool write_ranges(struct cut *c, int64_t pieces, struct error *err)
{
    int64_t rows = c->whole.rows, each = (rows + pieces - 1) / pieces;
    for (int64_t from = 0; from < rows; from += each)
        if (!write_range(c, from, from + each < rows ? from + each : rows, err))
            return false;
    return true;
}

/* A guess: one file a little larger is fine. */
static int64_t pieces_of(int64_t bytes, int64_t each)
{
    int64_t n = bytes / each + (bytes % each > each / 10);
    return n < CUT_FILES_MAX ? n : CUT_FILES_MAX;
}

/* How much there would be was not known: files in order that came out larger than one should be are cut afterwards. */
static bool cut_large(struct cut *c, int64_t each, struct error *err)
{
    struct parquet_file *files;
    size_t n;
    if (!parquet_write(c->s, c->w, c->a, &files, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        int64_t pieces = pieces_of(files[i].size, each);
        if (pieces <= 1 || files[i].rows <= 1) {
            *vec_push(c->a, &c->files) = files[i];
            continue;
        }
        c->whole = files[i];
        if (!write_ranges(c, pieces, err))
            return false;
        (void)unlink(arena_cstr(c->a, files[i].path));
    }
    return true;
}

static bool sort_and_cut(struct cut *c, int64_t pieces, struct error *err)
{
    if (!sort_rows(c, err))
        return false;
    bool ok = write_ranges(c, pieces, err);
    if (c->whole.path.len)
        (void)unlink(c->whole.path.ptr); /* whoever made the folder removes it, too */
    return ok;
}

bool parquet_write_cut(struct session *s, const struct parquet_write *w, int64_t bytes,
                       struct arena *a, struct parquet_file **out, size_t *n, struct error *err)
{
    struct cut c = { .s = s, .w = w, .a = a };
    int64_t each = w->file_bytes > 0 ? w->file_bytes : CUT_BYTES_DEFAULT;
    bool ordered = w->keep_order || w->order_sql.len || (w->order && w->order->fields_n);
    bool partitioned = w->spec && !w->partition && !partition_spec_is_unpartitioned(w->spec);
    if (!ordered)
        return parquet_write(s, w, a, out, n, err);
    int64_t pieces = partitioned ? 0 : pieces_of(bytes, each);
    bool ok = pieces > 1 ? sort_and_cut(&c, pieces, err) : cut_large(&c, each, err);
    *out = c.files.at;
    *n = c.files.n;
    return ok;
}
