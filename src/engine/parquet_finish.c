/* SPDX-License-Identifier: Apache-2.0
 *
 * Most files are changed behind their last page only.  With a column of type fixed the file is copied chunk by chunk, and
 * everything behind a chunk moves. */
#include "engine/parquet_finish_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/vec.h"
#include "codec/parquet_footer.h"
#include "codec/parquet_pages.h"
#include "iceberg/schema.h"

#define COPY_BYTES ((size_t)1 << 20)
#define CHUNK_BYTES_MAX ((size_t)2 << 30)

/* A file that is being changed. */
struct file {
    int fd;
    int64_t size, pages; /* where the footer begins */
    str footer;
    struct parquet_element *elements;
    size_t elements_n;
    struct arena *arena;
};

static bool read_at(int fd, void *to, size_t n, int64_t at, struct error *err)
{
    while (n) {
        ssize_t got = pread(fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno(err, errno, "read");
        if (got == 0)
            return fail(err, ERR_CORRUPT, "the file is cut short");
        to = (char *)to + got;
        n -= (size_t)got;
        at += got;
    }
    return true;
}

static bool write_at(int fd, const void *from, size_t n, int64_t at, struct error *err)
{
    while (n) {
        ssize_t put = pwrite(fd, from, n, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return fail_errno(err, errno, "write");
        from = (const char *)from + put;
        n -= (size_t)put;
        at += put;
    }
    return true;
}

static bool file_open(const char *path, int flags, struct arena *a, struct file *f,
                      struct error *err)
{
    char tail[PARQUET_TAIL_BYTES];
    struct stat st;
    uint32_t n;
    *f = (struct file){ .fd = open(path, flags | O_CLOEXEC), .arena = a };
    if (f->fd < 0)
        return fail_errno(err, errno, "open %s", path);
    if (fstat(f->fd, &st) != 0)
        return fail_errno(err, errno, "look at %s", path);
    f->size = st.st_size;
    if (f->size < PARQUET_TAIL_BYTES)
        return fail(err, ERR_CORRUPT, "the Parquet file is cut short");
    if (!read_at(f->fd, tail, sizeof tail, f->size - PARQUET_TAIL_BYTES, err) ||
        !parquet_footer_length(str_make(tail, sizeof tail), &n, err))
        return false;
    f->pages = f->size - PARQUET_TAIL_BYTES - (int64_t)n;
    if (f->pages < 0)
        return fail(err, ERR_CORRUPT, "the Parquet file is cut short");
    char *footer = arena_alloc(a, n);
    f->footer = str_make(footer, n);
    return read_at(f->fd, footer, n, f->pages, err) &&
           parquet_footer_read(f->footer, a, &f->elements, &f->elements_n, err);
}

static void file_close(struct file *f)
{
    if (f->fd >= 0)
        close(f->fd);
}

bool parquet_elements(const char *path, struct arena *a, struct parquet_element **out, size_t *n,
                      struct error *err)
{
    struct file f;
    bool ok = file_open(path, O_RDONLY, a, &f, err);
    *out = f.elements;
    *n = f.elements_n;
    file_close(&f);
    return ok || fail_in(err, "%s", path);
}

/* Footer and tail at the end of `fd`, behind its pages. */
static bool put_footer(int fd, int64_t at, str footer, int64_t *size, struct error *err)
{
    uint32_t n = (uint32_t)footer.len;
    uint8_t tail[PARQUET_TAIL_BYTES] = {
        (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24), 'P', 'A', 'R', '1'
    };
    *size = at + n + PARQUET_TAIL_BYTES;
    if (!write_at(fd, footer.ptr, footer.len, at, err) ||
        !write_at(fd, tail, sizeof tail, at + n, err))
        return false;
    return ftruncate(fd, (off_t)*size) == 0 || fail_errno(err, errno, "cut");
}

/* What is to be changed. */

struct changes {
    VEC(struct parquet_change) list;
    bool pages;
};

static bool bloom_dropped(const struct parquet_finish *f, int32_t id)
{
    for (size_t i = 0; i < f->bloom_n; i++)
        if (f->bloom_ids[i] == id)
            return false;
    return f->bloom_named;
}

static struct parquet_change change_for(const struct type *t)
{
    struct parquet_change c = { 0 };
    switch (t->kind) {
    case TYPE_TIMESTAMPTZ_NS:
        c = (struct parquet_change){ .annotate = true, .logical = PARQUET_TIMESTAMP, .utc = true };
        break;
    case TYPE_VARIANT:
        c = (struct parquet_change){ .annotate = true, .logical = PARQUET_VARIANT };
        break;
    case TYPE_GEOMETRY:
        c = (struct parquet_change){ .annotate = t->crs.len > 0,
                                     .logical = PARQUET_GEOMETRY,
                                     .crs = t->crs };
        break;
    case TYPE_GEOGRAPHY: /* extents of planes are wrong on a globe */
        c = (struct parquet_change){ .annotate = true,
                                     .logical = PARQUET_GEOGRAPHY,
                                     .crs = t->crs,
                                     .algorithm = t->algorithm,
                                     .no_extents = true };
        break;
    case TYPE_FIXED:
        c.fixed = t->length;
        break;
    default:
        break;
    }
    return c;
}

static void find_changes(const struct parquet_finish *how, const struct file *f,
                         struct changes *out)
{
    for (size_t i = 1; i < f->elements_n; i++) {
        const struct parquet_element *e = &f->elements[i];
        const struct field *field = e->id >= 0 ? schema_field_by_id(how->schema, e->id) : NULL;
        struct parquet_change c = field ? change_for(field->type) : (struct parquet_change){ 0 };
        c.element = i;
        c.annotate = c.annotate && !(c.logical == PARQUET_VARIANT && e->logical == c.logical);
        c.no_bloom = e->type >= 0 && bloom_dropped(how, e->id);
        if (c.fixed > 0 && e->type != PARQUET_BYTE_ARRAY)
            c.fixed = 0;
        out->pages = out->pages || c.fixed > 0;
        if (c.annotate || c.no_bloom || c.no_extents || c.fixed > 0)
            *vec_push(f->arena, &out->list) = c;
    }
}

/* Copying with pages changed. */

struct moved {
    int64_t start, end; /* of the chunk, as it was */
    int64_t more;       /* bytes that it has more now, packed */
    int64_t grown;      /* the same, unpacked, with headers */
    int64_t shift;      /* of its first data page, within the chunk */
};

struct moves {
    VEC(struct moved) list; /* ascending */
};

static int64_t move_offset(void *ctx, int64_t offset)
{
    const struct moves *m = ctx;
    int64_t by = 0;
    for (size_t i = 0; i < m->list.n; i++) {
        const struct moved *c = &m->list.at[i];
        if (offset >= c->end)
            by += c->more;
        else if (offset > c->start)
            by += c->shift;
    }
    return offset + by;
}

static int64_t grow_chunk(void *ctx, int64_t start, bool packed)
{
    const struct moves *m = ctx;
    for (size_t i = 0; i < m->list.n; i++)
        if (m->list.at[i].start == start)
            return packed ? m->list.at[i].more : m->list.at[i].grown;
    return 0;
}

static bool copy_range(int from, int to, int64_t start, int64_t end, int64_t *at, struct error *err)
{
    struct buf b = BUF_INIT(COPY_BYTES);
    bool ok = true;
    while (ok && start < end) {
        size_t n = end - start < (int64_t)COPY_BYTES ? (size_t)(end - start) : COPY_BYTES;
        buf_clear(&b);
        char *room = buf_reserve(&b, n);
        ok = read_at(from, room, n, start, err) && write_at(to, room, n, *at, err);
        start += (int64_t)n;
        *at += (int64_t)n;
    }
    buf_deinit(&b);
    return ok;
}

/* Which levels stand before the values of a leaf. */
static void find_levels(const struct file *f, size_t leaf, struct parquet_pages *p)
{
    size_t *path = arena_array(f->arena, size_t, leaf + 1), depth = 0; /* the groups around */
    int64_t *left = arena_array(f->arena, int64_t, leaf + 1);          /* their parts to come */
    for (size_t i = 1; i <= leaf; i++) {
        while (depth && left[depth - 1] == 0)
            depth--;
        if (depth)
            left[depth - 1]--;
        if (i < leaf && f->elements[i].type < 0) {
            path[depth] = i;
            left[depth++] = f->elements[i].children_n;
        }
    }
    path[depth++] = leaf;
    for (size_t k = 0; k < depth; k++) {
        p->repeated = p->repeated || f->elements[path[k]].repetition == 2;
        p->optional = p->optional || f->elements[path[k]].repetition != 0;
    }
}

static bool fix_chunk(const struct file *f, const struct parquet_chunk *c,
                      const struct parquet_change *change, int to, int64_t *at, struct moved *moved,
                      struct error *err)
{
    struct parquet_pages how = { .codec = c->codec, .length = change->fixed };
    struct buf in = BUF_INIT(CHUNK_BYTES_MAX), out = BUF_INIT(CHUNK_BYTES_MAX);
    find_levels(f, c->element, &how);
    char *bytes = buf_reserve(&in, (size_t)c->size);
    bool ok = bytes ? read_at(f->fd, bytes, (size_t)c->size, c->start, err)
                    : fail(err, ERR_LIMIT, "a column chunk of %lld bytes", (long long)c->size);
    *moved = (struct moved){ .start = c->start, .end = c->start + c->size };
    ok = ok &&
         parquet_pages_fix(str_make(bytes, (size_t)c->size), &how, &out, &moved->grown,
                           &moved->shift, err) &&
         write_at(to, out.ptr, out.len, *at, err);
    moved->more = (int64_t)out.len - c->size;
    *at += (int64_t)out.len;
    buf_deinit(&in);
    buf_deinit(&out);
    return ok;
}

static const struct parquet_change *fixed_change(const struct changes *all, size_t element)
{
    for (size_t i = 0; i < all->list.n; i++)
        if (all->list.at[i].element == element && all->list.at[i].fixed > 0)
            return &all->list.at[i];
    return NULL;
}

static bool copy_pages(const struct file *f, const struct changes *all, int to, struct moves *moves,
                       int64_t *at, struct error *err)
{
    struct parquet_chunk *chunks;
    size_t n;
    int64_t from = 0;
    if (!parquet_footer_chunks(f->footer, f->arena, &chunks, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct parquet_change *change = fixed_change(all, chunks[i].element);
        if (!change || !chunks[i].size)
            continue;
        if (chunks[i].start < from || chunks[i].start + chunks[i].size > f->pages)
            return fail(err, ERR_CORRUPT, "column chunks of the Parquet file overlap");
        if (!copy_range(f->fd, to, from, chunks[i].start, at, err) ||
            !fix_chunk(f, &chunks[i], change, to, at, vec_push(f->arena, &moves->list), err))
            return false;
        from = chunks[i].start + chunks[i].size;
    }
    return copy_range(f->fd, to, from, f->pages, at, err);
}

/* Into a second file, which then takes the first one's name. */
static bool rewrite(const char *path, const struct file *f, const struct changes *all,
                    int64_t *size, int64_t *footer_size, struct error *err)
{
    str second = arena_printf(f->arena, "%s.fixed", path);
    struct buf footer = BUF_INIT(PARQUET_FOOTER_MAX);
    struct moves moves = { 0 };
    struct parquet_moves how = { move_offset, grow_chunk, &moves };
    int64_t at = 0;
    int to = open(second.ptr, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool ok = to >= 0 || fail_errno(err, errno, "open " STR_FMT, STR_ARG(second));
    ok = ok && copy_pages(f, all, to, &moves, &at, err) &&
         parquet_footer_change(f->footer, all->list.at, all->list.n, &how, &footer, err) &&
         put_footer(to, at, buf_str(&footer), size, err);
    *footer_size = (int64_t)footer.len;
    buf_deinit(&footer);
    if (to >= 0 && close(to) != 0 && ok)
        ok = fail_errno(err, errno, "close " STR_FMT, STR_ARG(second));
    if (ok && rename(second.ptr, path) != 0)
        ok = fail_errno(err, errno, "rename to %s", path);
    if (!ok)
        unlink(second.ptr);
    return ok;
}

static bool replace_footer(const struct file *f, const struct changes *all, int64_t *size,
                           int64_t *footer_size, struct error *err)
{
    struct buf footer = BUF_INIT(PARQUET_FOOTER_MAX);
    bool ok = parquet_footer_change(f->footer, all->list.at, all->list.n, NULL, &footer, err) &&
              put_footer(f->fd, f->pages, buf_str(&footer), size, err);
    *footer_size = (int64_t)footer.len;
    buf_deinit(&footer);
    return ok;
}

static bool type_needs(const struct type *t)
{
    if (t->kind == TYPE_VARIANT || t->kind == TYPE_GEOMETRY || t->kind == TYPE_GEOGRAPHY ||
        t->kind == TYPE_FIXED || t->kind == TYPE_TIMESTAMPTZ_NS)
        return true;
    for (size_t i = 0; type_is_nested(t) && i < t->fields_n; i++)
        if (type_needs(t->fields[i].type))
            return true;
    return false;
}

bool parquet_finish_needed(const struct parquet_finish *f)
{
    return (f->bloom_named && f->bloom_n) || type_needs(f->schema->type);
}

bool parquet_finish(const char *path, const struct parquet_finish *how, int64_t *size,
                    int64_t *footer_size, struct error *err)
{
    struct arena *a = arena_create(0);
    struct changes all = { 0 };
    struct file f;
    bool ok = file_open(path, O_RDWR, a, &f, err);
    if (ok)
        find_changes(how, &f, &all);
    if (ok && all.list.n)
        ok = all.pages ? rewrite(path, &f, &all, size, footer_size, err)
                       : replace_footer(&f, &all, size, footer_size, err);
    file_close(&f);
    arena_destroy(a);
    return ok || fail_in(err, "finish %s", path);
}

bool parquet_mark_variants(const char *path, const int32_t *ids, size_t n, struct error *err)
{
    struct arena *a = arena_create(0);
    struct changes all = { 0 };
    struct file f;
    int64_t size, footer_size;
    bool ok = file_open(path, O_RDWR, a, &f, err);
    for (size_t i = 1; ok && i < f.elements_n; i++)
        for (size_t k = 0; k < n; k++)
            if (f.elements[i].id == ids[k] && f.elements[i].type < 0)
                *vec_push(a, &all.list) = (struct parquet_change){ .element = i,
                                                                   .annotate = true,
                                                                   .logical = PARQUET_VARIANT };
    ok = ok && replace_footer(&f, &all, &size, &footer_size, err);
    file_close(&f);
    arena_destroy(a);
    return ok || fail_in(err, "mark variants of %s", path);
}

bool parquet_copy_plain_times(const char *path, const char *to, struct error *err)
{
    struct arena *a = arena_create(0);
    struct buf footer = BUF_INIT(PARQUET_FOOTER_MAX);
    struct changes all = { 0 };
    struct file f;
    int64_t at = 0, size;
    int fd = -1;
    bool ok = file_open(path, O_RDONLY, a, &f, err);
    for (size_t i = 1; ok && i < f.elements_n; i++)
        if (f.elements[i].logical == PARQUET_TIMESTAMP && f.elements[i].unit == PARQUET_NANOS)
            *vec_push(a, &all.list) = (struct parquet_change){ .element = i,
                                                               .annotate = true,
                                                               .logical = PARQUET_TIMESTAMP };
    ok = ok && parquet_footer_change(f.footer, all.list.at, all.list.n, NULL, &footer, err);
    if (ok) {
        fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        ok = fd >= 0 || fail_errno(err, errno, "open %s", to);
    }
    ok = ok && copy_range(f.fd, fd, 0, f.pages, &at, err) &&
         put_footer(fd, at, buf_str(&footer), &size, err);
    if (fd >= 0)
        close(fd);
    file_close(&f);
    buf_deinit(&footer);
    arena_destroy(a);
    return ok || fail_in(err, "copy %s", path);
}
