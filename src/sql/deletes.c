/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/deletes.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/thread.h"
#include "codec/roaring.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "iceberg/delete_file.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "io/store.h"
#include "sql/lake.h"
#include "sql/scan_names.h"
#include "sql/vector.h"

#define DELETE_SQL_MAX ((size_t)256 << 20)
#define PATHS_ASKED_MAX 16 /* with so few data files, only their deletes are read */

struct deletes {
    struct lake *lake;
    const struct metadata *metadata;
    const struct schema *columns;
    struct arena *a;
    struct map refs;    /* address of the plan's delete file -> struct delete_ref */
    struct map by_path; /* data files with position deletes -> struct file_deletes */
    struct map places;  /* partition key -> number + 1 */
    VEC(struct delete_ref *) positions;
    VEC(struct delete_ref *) unread;    /* of these, what is not in memory */
    VEC(struct file_deletes *) vectors; /* data files that have one */
    VEC(struct delete_ref *) equalities;
    VEC(struct scan_equality) sets; /* of columns */
    VEC(struct field) dropped;
};

struct deletes *deletes_create(struct lake *lake, const struct metadata *m,
                               const struct schema *columns, struct arena *a)
{
    struct deletes *d = arena_new(a, struct deletes);
    *d = (struct deletes){ .lake = lake, .metadata = m, .columns = columns, .a = a };
    map_init(&d->refs, a);
    map_init(&d->by_path, a);
    map_init(&d->places, a);
    return d;
}

/* ---- Noting */

static bool check_format(const struct data_file *f, struct error *err)
{
    return delete_file_is_vector(f) || str_is(f->format, "parquet") || str_is(f->format, "avro") ||
           fail(err, ERR_UNSUPPORTED, "delete files in the format " STR_FMT " are not supported",
                STR_ARG(f->format));
}

/* The plan keeps delete files at one place, so that its address says which one it is. */
static struct delete_ref *intern(struct deletes *d, const struct data_file *f)
{
    str key = str_make(&f, sizeof f);
    struct delete_ref *r = map_get(&d->refs, key);
    if (r)
        return r;
    r = arena_new(d->a, struct delete_ref);
    data_file_copy(f, d->a, &r->file);
    r->sequence = scan_delete_sequence(f);
    map_put(&d->refs, arena_str(d->a, key), r);
    if (f->content == FILE_EQUALITY_DELETES) {
        r->index = d->equalities.n;
        *vec_push(d->a, &d->equalities) = r;
    } else if (!delete_file_is_vector(f)) {
        r->target = delete_file_target(&r->file);
        *vec_push(d->a, &d->positions) = r;
    }
    return r;
}

static int64_t place_of(struct deletes *d, const struct data_file *f)
{
    str key = data_file_partition_key(f, d->a);
    uintptr_t n = (uintptr_t)map_get(&d->places, key);
    if (!n) {
        n = d->places.n + 1;
        map_put(&d->places, key, (void *)n);
    }
    return (int64_t)n - 1;
}

static void note_ref(struct deletes *d, struct file_deletes *f, const struct data_file *data,
                     const struct delete_ref *r)
{
    if (r->file.content == FILE_EQUALITY_DELETES) {
        f->equality = true;
        f->place = place_of(d, data);
    } else if (delete_file_is_vector(&r->file)) {
        f->vector = r;
        *vec_push(d->a, &d->vectors) = f;
    } else {
        *vec_push(d->a, &f->positions) = r;
        map_put(&d->by_path, f->path, f);
    }
}

bool deletes_note(struct deletes *d, const struct scan_task *t, struct file_deletes **out,
                  struct error *err)
{
    *out = NULL;
    if (!t->deletes_n)
        return true;
    struct file_deletes *f = arena_new(d->a, struct file_deletes);
    f->path = arena_str(d->a, t->file->path);
    for (size_t i = 0; i < t->deletes_n; i++) {
        if (!check_format(t->deletes[i], err))
            return false;
        note_ref(d, f, t->file, intern(d, t->deletes[i]));
    }
    *out = f;
    return true;
}

/* ---- Where files are */

static bool local_path(struct deletes *d, str location, str *out, struct error *err)
{
    str path;
    return (store_from_uri(d->lake->warehouse, location, d->a, &path, err) &&
            store_local_path(d->lake->warehouse, path, d->a, out, err)) ||
           fail_in(err, "delete file " STR_FMT, STR_ARG(location));
}

/* ---- Vectors */

struct loading {
    struct deletes *d;
    struct vector **vectors; /* of the files in order; they are read by several threads */
    struct cancel *cancel;
};

static bool load_vector(void *ctx, size_t i, struct error *err)
{
    struct loading *l = ctx;
    struct file_deletes *f = l->d->vectors.at[i];
    if (!cancel_check(l->cancel, err) ||
        !vector_open(l->d->lake, &f->vector->file, &l->vectors[i], err))
        return false;
    f->deleted = l->vectors[i]->deleted;
    return true;
}

static bool load_vectors(struct deletes *d, struct cancel *cancel, struct error *err)
{
    size_t n = d->vectors.n;
    struct loading l = { d, arena_array(d->a, struct vector *, n), cancel };
    bool ok = pool_for(d->lake->pool, n, load_vector, &l, err);
    for (size_t i = 0; i < n; i++)
        if (l.vectors[i])
            cached_keep(&l.vectors[i]->base, d->a);
    return ok;
}

/* ---- Position delete files */

/* Whether to ask for the rows of these data files only; files of one target are read as a whole, to be kept. */
static bool asks_paths(const struct deletes *d)
{
    for (size_t i = 0; i < d->unread.n; i++)
        if (!d->unread.at[i]->target.ptr)
            return d->by_path.n <= PATHS_ASKED_MAX;
    return false;
}

static bool position_scan(struct deletes *d, struct session *s, struct buf *sql, struct error *err)
{
    size_t n = d->unread.n;
    struct scan_file *files = arena_array(d->a, struct scan_file, n);
    for (size_t i = 0; i < n; i++) {
        const struct data_file *f = &d->unread.at[i]->file;
        if (!local_path(d, f->path, &files[i].path, err))
            return false;
        files[i].rows = f->records;
        files[i].avro = str_is(f->format, "avro");
    }
    struct parquet_scan scan = { .schema = position_delete_schema(d->a),
                                 .files = files,
                                 .files_n = n,
                                 .same_names = true,
                                 .positions = true };
    buf_lit(sql, "SELECT file_index, file_path, pos FROM (");
    if (!session_reads(s, files, n, err) || !parquet_scan_sql(s, &scan, sql, err))
        return false;
    buf_lit(sql, ")");
    bool asked = asks_paths(d);
    for (size_t i = 0; asked && i < d->by_path.n; i++) {
        buf_add_str(sql, i ? STR(", ") : STR(" WHERE file_path IN ("));
        quote_text(sql, d->by_path.entries[i].key);
    }
    if (asked)
        buf_add_char(sql, ')');
    return buf_ok(sql, "the query for position deletes", err);
}

static bool applies(const struct file_deletes *f, const struct delete_ref *r)
{
    for (size_t i = 0; i < f->positions.n; i++)
        if (f->positions.at[i] == r)
            return true;
    return false;
}

/* The data file's set, to be added to. */
static struct positions *own_set(struct deletes *d, struct file_deletes *f)
{
    if (!f->found) {
        f->found = positions_create(d->a);
        if (f->deleted)
            positions_add_all(f->found, f->deleted);
        f->deleted = f->found;
    }
    return f->found;
}

/* Where rows of a delete file belong that name this data file; NULL: nowhere. */
static struct positions *set_for(struct deletes *d, struct delete_ref *r, str path)
{
    if (r->target.ptr) {
        if (!str_eq(path, r->target) || !map_get(&d->by_path, path))
            return NULL;
        if (!r->rows) {
            r->arena = arena_create(0);
            r->rows = positions_create(r->arena);
        }
        return r->rows;
    }
    struct file_deletes *f = map_get(&d->by_path, path);
    return f && applies(f, r) ? own_set(d, f) : NULL;
}

/* Rows of one delete file that name one data file, as they come. */
static bool take_run(struct deletes *d, struct delete_ref *r, str path, const int64_t *pos,
                     size_t n, struct error *err)
{
    struct positions *set = set_for(d, r, path);
    if (!set)
        return true;
    for (size_t i = 0; i < n; i++)
        if (pos[i] < 0 || (uint64_t)pos[i] > POSITION_MAX)
            return fail(err, ERR_CORRUPT, "delete file " STR_FMT ": position %lld",
                        STR_ARG(r->file.path), (long long)pos[i]);
    positions_add_many(set, pos, n);
    return true;
}

static bool take_chunk(struct deletes *d, const struct chunk *c, struct error *err)
{
    const struct column_view *file = &c->columns[0], *path = &c->columns[1], *pos = &c->columns[2];
    const uint64_t *index = file->data;
    const int64_t *at = pos->data;
    for (size_t i = 0, end; i < c->n; i = end) {
        struct delete_ref *r = d->unread.at[index[i]];
        if (!column_valid(path, i) || !column_valid(pos, i))
            return fail(err, ERR_CORRUPT, "delete file " STR_FMT " has no paths and positions",
                        STR_ARG(r->file.path));
        str name = column_str(path, i);
        for (end = i + 1; end < c->n && index[end] == index[i] && column_valid(path, end) &&
                          column_valid(pos, end) && str_eq(column_str(path, end), name);)
            end++;
        if (!take_run(d, r, name, at + i, end - i, err))
            return false;
    }
    return true;
}

static bool read_positions(struct deletes *d, struct session *s, struct error *err)
{
    struct buf sql = BUF_INIT(DELETE_SQL_MAX);
    struct result *r = NULL;
    const struct chunk *c = NULL;
    bool ok = position_scan(d, s, &sql, err) && session_query(s, buf_str(&sql), NULL, 0, &r, err) &&
              result_next(r, &c, err);
    while (ok && c)
        ok = take_chunk(d, c, err) && result_next(r, &c, err);
    result_close(r);
    buf_deinit(&sql);
    return ok || fail_in(err, "position deletes");
}

static bool read_in_own_session(struct deletes *d, struct cancel *cancel, struct error *err)
{
    struct session *s;
    if (!session_open(d->lake->engine, &s, err))
        return false;
    session_set_cancel(s, cancel);
    bool ok = read_positions(d, s, err);
    session_close(s);
    return ok;
}

/* The rows of a delete file of one target, to that data file. */
static void use_rows(struct deletes *d, const struct delete_ref *r, struct vector *rows)
{
    struct file_deletes *f = map_get(&d->by_path, r->target);
    cached_keep(&rows->base, d->a);
    if (!f || !applies(f, r))
        return;
    if (f->deleted)
        positions_add_all(own_set(d, f), rows->deleted);
    else
        f->deleted = rows->deleted;
}

static void find_kept(struct deletes *d)
{
    for (size_t i = 0; i < d->positions.n; i++) {
        struct delete_ref *r = d->positions.at[i];
        struct vector *rows = r->target.ptr ? vector_kept(d->lake, &r->file) : NULL;
        if (rows)
            use_rows(d, r, rows);
        else
            *vec_push(d->a, &d->unread) = r;
    }
}

/* What was read of files with a target is kept, when all was read. */
static void keep_read(struct deletes *d, bool complete)
{
    for (size_t i = 0; i < d->unread.n; i++) {
        struct delete_ref *r = d->unread.at[i];
        if (r->arena && complete)
            use_rows(d, r, vector_keep(d->lake, &r->file, r->rows, r->arena));
        else
            arena_destroy(r->arena);
        r->arena = NULL;
        r->rows = NULL;
    }
}

static bool load_positions(struct deletes *d, struct session *s, struct cancel *cancel,
                           struct error *err)
{
    find_kept(d);
    if (!d->unread.n)
        return true;
    bool ok = s ? read_positions(d, s, err) : read_in_own_session(d, cancel, err);
    keep_read(d, ok);
    return ok;
}

bool deletes_load(struct deletes *d, struct session *s, struct cancel *cancel, struct error *err)
{
    return (!d->vectors.n || load_vectors(d, cancel, err)) && load_positions(d, s, cancel, err);
}

/* ---- Equality deletes */

static int by_id(const void *x, const void *y)
{
    int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;
    return (a > b) - (a < b);
}

static void sorted_ids(struct deletes *d, const struct data_file *f, const int32_t **out)
{
    int32_t *ids = arena_array(d->a, int32_t, f->equality_ids_n);
    for (size_t i = 0; i < f->equality_ids_n; i++)
        ids[i] = f->equality_ids[i];
    qsort(ids, f->equality_ids_n, sizeof *ids, by_id);
    *out = ids;
}

/* The column that field `id` is in, of the newest schema that has it. */
static const struct field *column_of(const struct metadata *m, int32_t id)
{
    for (size_t i = m->schemas_n; i-- > 0;) {
        const struct schema_node *n = schema_node_by_id(m->schemas[i], id);
        while (n && n->parent)
            n = n->parent;
        if (n)
            return n->field;
    }
    return NULL;
}

static bool need_column(struct deletes *d, int32_t id, struct error *err)
{
    if (schema_field_by_id(d->columns, id))
        return true;
    const struct field *f = column_of(d->metadata, id);
    if (!f)
        return fail(err, ERR_CORRUPT,
                    "an equality delete compares column %d, which the table never had", id);
    for (size_t i = 0; i < d->dropped.n; i++)
        if (d->dropped.at[i].id == f->id)
            return true;
    *vec_push(d->a, &d->dropped) = *f;
    return true;
}

static bool add_equality(struct deletes *d, const struct delete_ref *r, struct map *sets,
                         struct error *err)
{
    const struct data_file *f = &r->file;
    struct scan_equality_file file = { .sequence = r->sequence, .place = SCAN_ANYWHERE };
    const struct partition_spec *spec = metadata_spec_by_id(d->metadata, f->spec_id);
    const int32_t *ids;
    if (!f->equality_ids_n)
        return fail(err, ERR_CORRUPT, "delete file " STR_FMT " names no columns", STR_ARG(f->path));
    if (!spec)
        return fail(err, ERR_CORRUPT, "delete file " STR_FMT ": there is no partition spec %d",
                    STR_ARG(f->path), (int)f->spec_id);
    sorted_ids(d, f, &ids);
    if (!partition_spec_is_unpartitioned(spec))
        file.place = place_of(d, f);
    str key = str_make(ids, f->equality_ids_n * sizeof *ids);
    struct scan_equality *set = map_get(sets, key);
    if (!set) {
        set = arena_new(d->a, struct scan_equality);
        *set = (struct scan_equality){
            ids, f->equality_ids_n, arena_array(d->a, struct scan_equality_file, d->equalities.n), 0
        };
        map_put(sets, key, set);
        for (size_t i = 0; i < f->equality_ids_n; i++)
            if (!need_column(d, ids[i], err))
                return false;
    }
    struct scan_equality_file *files = (struct scan_equality_file *)(uintptr_t)set->files;
    file.avro = str_is(f->format, "avro");
    files[set->files_n] = file;
    return local_path(d, f->path, &files[set->files_n++].path, err);
}

bool deletes_apply(struct deletes *d, struct parquet_scan *scan, struct error *err)
{
    struct map sets;
    map_init(&sets, d->a);
    for (size_t i = 0; i < d->equalities.n; i++)
        if (!add_equality(d, d->equalities.at[i], &sets, err))
            return false;
    struct scan_equality *out = arena_array(d->a, struct scan_equality, sets.n);
    for (size_t i = 0; i < sets.n; i++)
        out[i] = *(const struct scan_equality *)sets.entries[i].value;
    scan->equality = out;
    scan->equality_n = sets.n;
    scan->dropped = d->dropped.at;
    scan->dropped_n = d->dropped.n;
    return true;
}

void deletes_apply_file(const struct file_deletes *f, struct scan_file *out)
{
    if (!f)
        return;
    out->deleted = f->deleted;
    out->equality = f->equality;
    out->place = f->place;
}
