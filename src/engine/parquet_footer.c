/* SPDX-License-Identifier: Apache-2.0
 *
 * parquet_metadata() gives one row a column chunk, with bounds as text and the column's path joined by ", ".  Two columns
 * whose paths look the same that way get no statistics. */
#include "engine/parquet_footer.h"

#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "engine/parquet_scan.h"
#include "engine/parquet_shape_priv.h"
#include "engine/parquet_stats_priv.h"
#include "engine/session.h"
#include "iceberg/metrics.h"
#include "iceberg/schema.h"
#include "iceberg/value.h"

#define PATHS_PER_QUERY 500
#define SQL_MAX ((size_t)64 << 20)
#define ROW_GROUPS_MAX 1000000
#define PATH_MAX_BYTES ((size_t)1 << 20)

/* A leaf of the file at hand. */
struct leaf {
    const struct field *field;
    bool ambiguous, doubled; /* its path is another's, too: the first and the others */
    struct column_stats stats;
    struct value min, max;
    int64_t chunks; /* that were seen */
    bool no_min, no_max;
};

struct file {
    struct parquet_footer *out;
    struct map leaves; /* by path */
    VEC(struct leaf *) order;
    VEC(int64_t) starts;
    int64_t group; /* that was seen last */
};

/* ---- Leaves */

static void add_leaves(struct file *f, const struct field *fields, size_t n, struct buf *path,
                       struct arena *a)
{
    size_t len = path->len;
    for (size_t i = 0; i < n; i++, path->len = len) {
        const struct type *t = fields[i].type;
        buf_add_str(path, fields[i].name);
        if (t->kind == TYPE_STRUCT) {
            buf_lit(path, ", ");
            add_leaves(f, t->fields, t->fields_n, path, a);
        }
        if (!type_is_primitive(t))
            continue;
        struct leaf *seen = map_get(&f->leaves, buf_str(path)), *leaf = arena_new(a, struct leaf);
        *leaf =
            (struct leaf){ .field = &fields[i], .stats = { .field_id = fields[i].id, .nans = -1 } };
        if (seen)
            seen->ambiguous = leaf->doubled = true;
        else
            map_put(&f->leaves, arena_str(a, buf_str(path)), leaf);
        *vec_push(a, &f->order) = leaf;
    }
}

static void begin_file(struct file *f, struct parquet_footer *out, struct arena *a)
{
    struct buf path = BUF_INIT(PATH_MAX_BYTES);
    *f = (struct file){ .out = out, .group = -1 };
    map_init(&f->leaves, a);
    add_leaves(f, out->schema->fields, out->schema->fields_n, &path, a);
    buf_deinit(&path);
}

/* ---- Bounds */

static bool has_bounds(const struct type *t)
{
    return t->kind != TYPE_BINARY && t->kind != TYPE_FIXED && t->kind != TYPE_UUID &&
           type_is_primitive(t);
}

static bool is_float(const struct type *t)
{
    return t->kind == TYPE_FLOAT || t->kind == TYPE_DOUBLE;
}

static bool read_bound(const struct type *t, str text, bool is_max, struct arena *a,
                       struct value *out)
{
    if (!text.ptr || !has_bounds(t) || (is_max && is_float(t)))
        return false;
    if (t->kind == TYPE_STRING && str_find(text, STR("\\x")) >= 0)
        return false; /* bytes that are no text are printed so */
    if (!stats_value(t, text, a, out))
        return false;
    if (is_float(t) && out->f == 0)
        out->f = -0.0;
    return true;
}

static void widen(struct value *bound, const struct value *v, bool first, int sign)
{
    if (first || value_cmp(v, bound) * sign > 0)
        *bound = *v;
}

/* ---- Column chunks */

enum {
    AT_FILE,
    AT_GROUP,
    AT_ROWS,
    AT_PATH,
    AT_VALUES,
    AT_NULLS,
    AT_MIN,
    AT_MAX,
    AT_SIZE,
    AT_START
};

static str text_at(const struct chunk *c, int column, size_t row)
{
    const struct column_view *v = &c->columns[column];
    return column_valid(v, row) ? column_str(v, row) : (str){ 0 };
}

static int64_t number_at(const struct chunk *c, int column, size_t row)
{
    const struct column_view *v = &c->columns[column];
    return column_valid(v, row) ? column_i64(v, row) : -1;
}

static bool add_group(struct file *f, const struct chunk *c, size_t row, struct arena *a,
                      struct error *err)
{
    int64_t group = number_at(c, AT_GROUP, row), rows = number_at(c, AT_ROWS, row),
            start = number_at(c, AT_START, row);
    if (group == f->group)
        return true;
    if (rows < 0 || f->starts.n == ROW_GROUPS_MAX ||
        __builtin_add_overflow(f->out->rows, rows, &f->out->rows))
        return fail(err, ERR_CORRUPT, "the footer's row groups are damaged");
    f->group = group;
    *vec_push(a, &f->starts) = start;
    return true;
}

static void add_number(int64_t *sum, int64_t n)
{
    if (*sum < 0 || n < 0 || __builtin_add_overflow(*sum, n, sum))
        *sum = -1;
}

static bool add_chunk(struct file *f, const struct chunk *c, size_t row, struct arena *a,
                      struct error *err)
{
    if (!add_group(f, c, row, a, err))
        return false;
    struct leaf *leaf = map_get(&f->leaves, text_at(c, AT_PATH, row));
    if (!leaf)
        return true; /* inside a list or a map */
    const struct type *t = leaf->field->type;
    int64_t values = number_at(c, AT_VALUES, row), nulls = number_at(c, AT_NULLS, row);
    bool first = leaf->chunks++ == 0;
    struct value v;
    add_number(&leaf->stats.values, values);
    add_number(&leaf->stats.nulls, nulls);
    add_number(&leaf->stats.size, number_at(c, AT_SIZE, row));
    if (values == 0 || (nulls >= 0 && nulls == values)) { /* nothing to bound */
        leaf->chunks -= first;
        return true;
    }
    leaf->no_min = leaf->no_min || !read_bound(t, text_at(c, AT_MIN, row), false, a, &v);
    if (!leaf->no_min)
        widen(&leaf->min, &v, first, -1);
    leaf->no_max = leaf->no_max || !read_bound(t, text_at(c, AT_MAX, row), true, a, &v);
    if (!leaf->no_max)
        widen(&leaf->max, &v, first, 1);
    return true;
}

static int by_id(const void *a, const void *b)
{
    int32_t x = ((const struct column_stats *)a)->field_id;
    int32_t y = ((const struct column_stats *)b)->field_id;
    return (x > y) - (x < y);
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void end_file(struct file *f, struct arena *a)
{
    struct column_stats *stats = arena_array(a, struct column_stats, f->order.n);
    size_t n = 0;
    for (size_t i = 0; i < f->order.n; i++) {
        struct leaf *leaf = f->order.at[i];
        if (leaf->ambiguous || leaf->doubled)
            continue;
        leaf->stats.min = leaf->chunks && !leaf->no_min ? &leaf->min : NULL;
        leaf->stats.max = leaf->chunks && !leaf->no_max ? &leaf->max : NULL;
        stats[n++] = leaf->stats;
    }
    qsort(stats, n, sizeof *stats, by_id);
    qsort(f->starts.at, f->starts.n, sizeof *f->starts.at, by_number);
    f->out->stats = stats;
    f->out->stats_n = n;
    f->out->row_groups = f->starts.at;
    f->out->row_groups_n = f->starts.n;
}

static bool read_rows(struct result *r, const struct map *files, struct arena *a, struct error *err)
{
    const struct chunk *c;
    for (;;) {
        if (!result_next(r, &c, err))
            return false;
        if (!c)
            return true;
        for (size_t i = 0; i < c->n; i++) {
            struct file *f = map_get(files, text_at(c, AT_FILE, i));
            if (!f)
                return fail(err, ERR_INTERNAL, "the footer of a file that was not asked for");
            if (!add_chunk(f, c, i, a, err))
                return false;
        }
    }
}

static bool read_some(struct session *s, const str *paths, size_t n, struct arena *a,
                      struct parquet_footer *out, struct error *err)
{
    struct map files;
    struct file *at = arena_array(a, struct file, n);
    struct buf sql = BUF_INIT(SQL_MAX);
    struct result *r = NULL;
    map_init(&files, a);
    for (size_t i = 0; i < n; i++) {
        begin_file(&at[i], &out[i], a);
        map_put(&files, paths[i], &at[i]);
    }
    buf_lit(
        &sql,
        "SELECT file_name, row_group_id, row_group_num_rows, path_in_schema, num_values, "
        "stats_null_count, stats_min_value, stats_max_value, total_compressed_size, "
        "CASE WHEN dictionary_page_offset > 0 THEN dictionary_page_offset ELSE data_page_offset END "
        "FROM parquet_metadata(");
    quote_paths(&sql, paths, n);
    buf_lit(&sql, ") ORDER BY file_name, row_group_id, column_id");
    bool ok = buf_ok(&sql, "a list of files", err) &&
              session_query(s, buf_str(&sql), NULL, 0, &r, err) && read_rows(r, &files, a, err);
    result_close(r);
    buf_deinit(&sql);
    for (size_t i = 0; ok && i < n; i++)
        end_file(&at[i], a);
    return ok;
}

/* ---- Schemas: one look a shape */

struct seen {
    const struct schema *schema;
    bool has_ids;
};

static bool read_schemas(struct session *s, const str *paths, size_t n, struct arena *a,
                         struct parquet_footer *out, struct error *err)
{
    struct shape *shapes;
    struct map known;
    struct buf sign = BUF_INIT(SQL_MAX);
    bool ok = shapes_read(s, paths, n, a, &shapes, err);
    map_init(&known, a);
    for (size_t i = 0; ok && i < n; i++) {
        buf_clear(&sign);
        shape_sign(&shapes[i], &sign);
        struct seen *seen = map_get(&known, buf_str(&sign));
        if (!seen) {
            seen = arena_new(a, struct seen);
            ok = parquet_schema_read(s, paths[i], a, &seen->schema, &seen->has_ids, err);
            map_put(&known, arena_str(a, buf_str(&sign)), seen);
        }
        out[i] = (struct parquet_footer){ .schema = seen->schema, .has_ids = seen->has_ids };
    }
    buf_deinit(&sign);
    return ok;
}

bool parquet_footers_read(struct session *s, const str *paths, size_t n, struct arena *a,
                          struct parquet_footer *out, struct error *err)
{
    if (!read_schemas(s, paths, n, a, out, err))
        return false;
    for (size_t i = 0; i < n; i += PATHS_PER_QUERY) {
        size_t some = n - i < PATHS_PER_QUERY ? n - i : PATHS_PER_QUERY;
        if (!read_some(s, paths + i, some, a, out + i, err))
            return fail_in(err, "read the footers of %zu files", some);
    }
    return true;
}
