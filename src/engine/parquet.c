/* SPDX-License-Identifier: Apache-2.0
 *
 * Data files are written by one COPY, which answers a row of facts per file.
 *
 * Partitioned: the partition values are computed as extra columns that are not written
 * (firn_part_0 ...), so the sources of identity transforms stay in the files.  The writer hashes rows to
 * partitions and keeps one open file each, up to PARTITIONS_OPEN_MAX; beyond that it closes the least
 * recently used and begins a second file later.  Values come back from the answer's partition_keys
 * as text: numbers for all that is counted in integers, hex for bytes.
 *
 * Partitioned and in order: that writer mixes the rows of a partition.  So all rows are sorted by partition and order into a table of
 * the session first, which the engine spills to disk; each partition is a run of it, and written by itself. */
#include "engine/parquet.h"

#include <errno.h>
#include <unistd.h>

#include "base/env.h"
#include "base/vec.h"
#include "engine/parquet_cast_priv.h"
#include "engine/parquet_finish_priv.h"
#include "engine/parquet_stats_priv.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "iceberg/metrics.h"
#include "iceberg/partition.h"
#include "iceberg/schema.h"

#define COPY_SQL_MAX ((size_t)64 << 20)
#define FILE_BYTES_DEFAULT ((int64_t)512 << 20)
#define ROW_GROUP_ROWS_DEFAULT 122880
#define ROW_GROUP_ROWS_MIN 2048

struct job {
    struct session *s;
    const struct parquet_write *w;
    struct arena *arena;
    struct buf sql;
    struct map names;              /* of leaves */
    struct result_column *columns; /* of the query */
    bool to_table; /* rows are sorted by partition and order, in the engine's own types */
    bool partitioned;
    bool
        ordered; /* into one file: the writer keeps order only within a file that it does not cut */
};

/* Whether the partition value is always null: nothing is computed. */
static bool is_void(const struct job *j, const struct partition_field *f)
{
    const struct field *source = schema_field_by_id(j->w->schema, f->source_id);
    return f->transform.kind == TRANSFORM_VOID || (source && source->type->kind == TYPE_UNKNOWN);
}

/* Types of parameters are known only once they are bound, so a query with some is run for no rows. */
static bool describe(struct job *j, struct result_column **out, size_t *n, struct error *err)
{
    const struct parquet_write *w = j->w;
    struct result *r;
    if (!w->params_n)
        return session_describe(j->s, w->query, j->arena, out, n, err);
    str sql = arena_printf(j->arena, "SELECT * FROM (\n" STR_FMT "\n) LIMIT 0", STR_ARG(w->query));
    if (!session_query(j->s, sql, w->params, w->params_n, &r, err))
        return false;
    *n = result_columns_n(r);
    *out = arena_array(j->arena, struct result_column, *n);
    for (size_t i = 0; i < *n; i++) {
        (*out)[i].name = arena_str(j->arena, result_columns(r)[i].name);
        (*out)[i].type_text = arena_str(j->arena, result_columns(r)[i].type_text);
    }
    result_close(r);
    return true;
}

/* Which column of the query goes into field i; -1: none. */
static bool match_columns(struct job *j, ptrdiff_t *from, size_t *columns_n, struct error *err)
{
    struct result_column *columns;
    const struct schema *schema = j->w->schema;
    if (!describe(j, &columns, columns_n, err))
        return false;
    j->columns = columns;
    if (!j->w->by_name && *columns_n != schema->fields_n)
        return fail(err, ERR_INVALID, "the query gives %zu columns, the table has %zu", *columns_n,
                    schema->fields_n);
    size_t used = 0;
    for (size_t i = 0; i < schema->fields_n; i++) {
        from[i] = j->w->by_name ? -1 : (ptrdiff_t)i;
        for (size_t c = 0; j->w->by_name && from[i] < 0 && c < *columns_n; c++)
            if (str_eq_nocase(columns[c].name, schema->fields[i].name))
                from[i] = (ptrdiff_t)c;
        used += from[i] >= 0;
        if (from[i] < 0 && schema->fields[i].required && !schema->fields[i].write_default)
            return fail(err, ERR_INVALID,
                        "the query gives no column " STR_FMT ", which is required",
                        STR_ARG(schema->fields[i].name));
    }
    for (size_t c = 0; used < *columns_n && c < *columns_n; c++) {
        const struct field *f = schema_field_by_name(schema, columns[c].name, false);
        if (!f)
            return fail(err, ERR_INVALID, "the table has no column " STR_FMT,
                        STR_ARG(columns[c].name));
    }
    return true;
}

/* What stands for a column that the query does not give. */
static bool default_sql(struct job *j, const struct field *f, str *out, struct error *err)
{
    struct buf sql = BUF_INIT(COPY_SQL_MAX);
    bool ok = !f->write_default ||
              (quote_value(&sql, f->type, f->write_default, err) && buf_ok(&sql, "a default", err));
    *out = f->write_default ? arena_str(j->arena, buf_str(&sql)) : STR("NULL");
    buf_deinit(&sql);
    return ok;
}

static void add_null_check(struct buf *sql, str name, ptrdiff_t from)
{
    buf_printf(sql, "CASE WHEN c%td IS NULL THEN error('column ' || ", from);
    quote_text(sql, name);
    buf_lit(sql, " || ' is required, but a row has null') ELSE ");
}

/* One column of the inner SELECT: cast to its type; lists, maps and structs have no statistics of their own,
 * so required ones are checked here. */
static bool add_field(struct job *j, const struct field *f, ptrdiff_t from, struct error *err)
{
    struct buf *sql = &j->sql;
    bool checked = f->required && type_is_nested(f->type) && from >= 0;
    str column = arena_printf(j->arena, "c%td", from);
    if (from < 0 && !default_sql(j, f, &column, err))
        return fail_in(err, "the default of column " STR_FMT, STR_ARG(f->name));
    str type = from < 0 ? (str){ 0 } : j->columns[from].type_text;
    if (checked)
        add_null_check(sql, f->name, from);
    if (j->to_table ? !cast_to_type(f, column, type, sql, err)
                    : !cast_for_file(f, column, type, j->w->shred, j->arena, sql, err))
        return fail_in(err, "column " STR_FMT, STR_ARG(f->name));
    buf_add_str(sql, checked ? STR(" END AS ") : STR(" AS "));
    quote_ident(sql, f->name);
    return true;
}

/* Columns of type unknown are in no file; what would be lost is refused. */
static void add_unknown_checks(struct job *j, const ptrdiff_t *from)
{
    const struct schema *schema = j->w->schema;
    bool first = true;
    for (size_t i = 0; i < schema->fields_n; i++) {
        if (type_is_stored(schema->fields[i].type) || from[i] < 0)
            continue;
        buf_printf(&j->sql, " %s CASE WHEN c%td IS NOT NULL THEN error(", first ? "WHERE" : "AND",
                   from[i]);
        quote_text(&j->sql,
                   arena_printf(j->arena, "column " STR_FMT " is of type unknown: only nulls fit",
                                STR_ARG(schema->fields[i].name)));
        buf_lit(&j->sql, ") ELSE true END");
        first = false;
    }
}

/* An expression for a source field: a column, or a field of structs. */
static str source_sql(const struct schema *schema, int32_t id, struct arena *a)
{
    struct buf sql = BUF_INIT(COPY_SQL_MAX);
    const struct schema_node *path[TYPE_DEPTH_MAX + 1];
    size_t n = 0;
    for (const struct schema_node *node = schema_node_by_id(schema, id); node; node = node->parent)
        path[n++] = node;
    while (n) {
        quote_ident(&sql, path[--n]->field->name);
        if (n)
            buf_add_char(&sql, '.');
    }
    str out = arena_str(a, buf_str(&sql));
    buf_deinit(&sql);
    return out;
}

/* The value as something whose text reads back exactly. */
static str key_sql(const struct type *t, str sql, struct arena *a)
{
    switch (t->kind) {
    case TYPE_DATE:
        return arena_printf(a, "CAST(" STR_FMT " - DATE '1970-01-01' AS INTEGER)", STR_ARG(sql));
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return arena_printf(a, "epoch_us(" STR_FMT ")", STR_ARG(sql));
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS:
        return arena_printf(a, "epoch_ns(" STR_FMT ")", STR_ARG(sql));
    case TYPE_FIXED:
    case TYPE_BINARY:
        return arena_printf(a, "hex(" STR_FMT ")", STR_ARG(sql));
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return arena_printf(a, "CAST(" STR_FMT " AS VARCHAR)", STR_ARG(sql));
    default:
        return sql;
    }
}

static bool add_partition_key(struct job *j, size_t i, struct error *err)
{
    const struct partition_field *f = &j->w->spec->fields[i];
    const struct field *source = schema_field_by_id(j->w->schema, f->source_id);
    str sql;
    if (!source)
        return fail(err, ERR_INVALID, "partition field " STR_FMT " has no source column",
                    STR_ARG(f->name));
    if (!transform_sql(j->s, &f->transform, source->type,
                       source_sql(j->w->schema, f->source_id, j->arena), j->arena, &sql, err))
        return fail_in(err, "partition field " STR_FMT, STR_ARG(f->name));
    const struct type *t = transform_result(&f->transform, source->type);
    if (f->transform.kind != TRANSFORM_DAY)
        sql = key_sql(t, sql, j->arena);
    buf_printf(&j->sql, ", " STR_FMT " AS firn_part_%zu", STR_ARG(sql), i);
    return true;
}

static bool add_order(struct job *j, struct error *err)
{
    const struct sort_order *o = j->w->order;
    bool first = true;
    for (size_t i = 0; j->to_table && i < j->w->spec->fields_n; i++) {
        if (is_void(j, &j->w->spec->fields[i]))
            continue;
        buf_printf(&j->sql, "%sfirn_part_%zu", first ? " ORDER BY " : ", ", i);
        first = false;
    }
    if (!j->ordered && !j->to_table)
        return true;
    if (j->w->order_sql.len) {
        buf_printf(&j->sql, "%s" STR_FMT, first ? " ORDER BY " : ", ", STR_ARG(j->w->order_sql));
        return true;
    }
    for (size_t i = 0; o && i < o->fields_n; i++) {
        const struct sort_field *f = &o->fields[i];
        const struct field *source = schema_field_by_id(j->w->schema, f->source_id);
        str sql;
        if (!source)
            return fail(err, ERR_INVALID, "sort field %zu has no source column", i + 1);
        if (!transform_sql(j->s, &f->transform, source->type,
                           source_sql(j->w->schema, f->source_id, j->arena), j->arena, &sql, err))
            return false;
        buf_printf(&j->sql, "%s" STR_FMT " %s NULLS %s", i || !first ? ", " : " ORDER BY ",
                   STR_ARG(sql), f->descending ? "DESC" : "ASC", f->nulls_last ? "LAST" : "FIRST");
    }
    return true;
}

static bool add_select(struct job *j, struct error *err)
{
    const struct schema *schema = j->w->schema;
    ptrdiff_t *from = arena_array(j->arena, ptrdiff_t, schema->fields_n);
    size_t columns_n;
    if (!match_columns(j, from, &columns_n, err))
        return false;
    buf_lit(&j->sql, "SELECT *");
    for (size_t i = 0; j->partitioned && i < j->w->spec->fields_n; i++)
        if (!is_void(j, &j->w->spec->fields[i]) && !add_partition_key(j, i, err))
            return false;
    buf_lit(&j->sql, " FROM (SELECT ");
    size_t stored = 0;
    for (size_t i = 0; i < schema->fields_n; i++) {
        if (!type_is_stored(schema->fields[i].type))
            continue;
        if (stored++)
            buf_lit(&j->sql, ", ");
        if (!add_field(j, &schema->fields[i], from[i], err))
            return false;
    }
    if (!stored)
        return fail(err, ERR_UNSUPPORTED, "all columns are of type unknown: no file can hold rows");
    buf_lit(&j->sql, " FROM (\n");
    buf_add_str(&j->sql, j->w->query);
    buf_lit(&j->sql, "\n) AS q(");
    for (size_t c = 0; c < columns_n; c++)
        buf_printf(&j->sql, "%sc%zu", c ? ", " : "", c);
    buf_add_char(&j->sql, ')');
    add_unknown_checks(j, from);
    buf_add_char(&j->sql, ')');
    return add_order(j, err);
}

/* {"a": 1, "s": {__duckdb_field_id: 2, "x": 3}}; keys as the writer names the parts of lists and maps. */
static void add_field_ids(struct buf *sql, const struct type *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->fields_n; i++) {
        const struct field *f = &t->fields[i];
        if (!type_is_stored(f->type))
            continue;
        if (n++)
            buf_lit(sql, ", ");
        quote_ident(sql, f->name);
        if (!type_is_nested(f->type)) {
            buf_printf(sql, ": %d", f->id);
            continue;
        }
        buf_printf(sql, ": {__duckdb_field_id: %d, ", f->id);
        add_field_ids(sql, f->type);
        buf_add_char(sql, '}');
    }
}

static void add_partition_by(struct job *j)
{
    bool first = true;
    buf_lit(&j->sql, ", PARTITION_BY (");
    for (size_t i = 0; i < j->w->spec->fields_n; i++) {
        if (is_void(j, &j->w->spec->fields[i]))
            continue;
        buf_printf(&j->sql, "%sfirn_part_%zu", first ? "" : ", ", i);
        first = false;
    }
    buf_add_char(&j->sql, ')');
}

static void add_options(struct job *j)
{
    static const char *const codecs[] = { "zstd", "snappy", "uncompressed",
                                          "gzip", "brotli", "lz4_raw" };
    const struct parquet_write *w = j->w;
    int64_t rows = w->row_group_rows ? w->row_group_rows : ROW_GROUP_ROWS_DEFAULT;
    buf_printf(&j->sql, " (FORMAT parquet, RETURN_STATS, COMPRESSION %s, ROW_GROUP_SIZE %lld",
               codecs[w->codec],
               (long long)(rows < ROW_GROUP_ROWS_MIN ? ROW_GROUP_ROWS_MIN : rows));
    if (w->level && w->codec == PARQUET_ZSTD)
        buf_printf(&j->sql, ", COMPRESSION_LEVEL %d", w->level);
    if (w->no_bloom)
        buf_lit(&j->sql, ", WRITE_BLOOM_FILTER false");
    else if (w->bloom_fpp > 0)
        buf_printf(&j->sql, ", BLOOM_FILTER_FALSE_POSITIVE_RATIO %.9f", w->bloom_fpp);
    if (!j->ordered) {
        buf_lit(&j->sql, ", OVERWRITE_OR_IGNORE, FILENAME_PATTERN ");
        quote_text(&j->sql, arena_printf(j->arena, STR_FMT "-{i}", STR_ARG(w->prefix)));
    }
    buf_lit(&j->sql, ", GEOPARQUET_VERSION 'NONE', FIELD_IDS {");
    add_field_ids(&j->sql, w->schema->type);
    buf_add_char(&j->sql, '}');
    if (j->partitioned)
        add_partition_by(j);
    else if (!j->ordered)
        buf_printf(&j->sql, ", FILE_SIZE_BYTES %lld",
                   (long long)(w->file_bytes > 0 ? w->file_bytes : FILE_BYTES_DEFAULT));
    buf_add_char(&j->sql, ')');
}

/* A decimal that is truncated may have one digit more than its type: -999.99 by 5.00.  The bytes of the type would have room for
 * it, but Java, which reads and merges manifests, refuses such a value. */
static bool truncated_decimal(const struct partition_field *f, const struct type *t, str text,
                              struct arena *a, struct value *out, struct error *err)
{
    return value_from_text(t, text, a, out, err) ||
           fail(err, ERR_INVALID,
                "partition field " STR_FMT ": a row's value " STR_FMT
                " has more digits than decimal(%d, %d)",
                STR_ARG(f->name), STR_ARG(text), (int)t->precision, (int)t->scale);
}

static bool key_value(const struct partition_field *f, const struct type *source, str text,
                      struct arena *a, struct value *out, struct error *err)
{
    const struct type *t = transform_result(&f->transform, source);
    struct error ignored;
    int64_t n;
    bool ok;
    if (value_class_of(t->kind) == VALUE_INT) {
        ok = str_to_i64(text, &n);
        *out = value_i64(t->kind, ok ? n : 0);
    } else if ((t->kind == TYPE_FLOAT || t->kind == TYPE_DOUBLE) && str_is(text, "nan")) {
        *out = value_f64(t->kind, __builtin_nan(""));
        ok = true;
    } else if (t->kind == TYPE_DECIMAL) {
        return truncated_decimal(f, t, text, a, out, err);
    } else {
        ok = stats_value(t, text, a, out) || value_from_text(t, text, a, out, &ignored);
    }
    return ok ||
           fail(err, ERR_INTERNAL, "partition field " STR_FMT ": the writer says \"" STR_FMT "\"",
                STR_ARG(f->name), STR_ARG(text));
}

/* The value of one key in the writer's map; ptr NULL: null. */
static str find_key(const struct column_view *map, size_t row, str key)
{
    struct column_list range = ((const struct column_list *)map->data)[row];
    for (size_t k = range.offset; k < range.offset + range.length; k++)
        if (str_eq(column_str(&map->children[0], k), key))
            return column_valid(&map->children[1], k) ? column_str(&map->children[1], k)
                                                      : (str){ 0 };
    return (str){ 0 };
}

/* Out of a text for each field; one without a pointer is null. */
static bool make_partition(struct job *j, const str *texts, const struct value **out,
                           struct error *err)
{
    const struct partition_spec *spec = j->w->spec;
    struct value *values = arena_array(j->arena, struct value, spec->fields_n);
    for (size_t i = 0; i < spec->fields_n; i++) {
        const struct partition_field *f = &spec->fields[i];
        const struct field *source = schema_field_by_id(j->w->schema, f->source_id);
        const struct type *t = transform_result(&f->transform, source ? source->type : NULL);
        values[i] = value_null(t->kind);
        if (texts[i].ptr && !key_value(f, source->type, texts[i], j->arena, &values[i], err))
            return false;
    }
    *out = values;
    return true;
}

static bool read_partition(struct job *j, const struct column_view *map, size_t row,
                           struct parquet_file *out, struct error *err)
{
    str *texts = arena_array(j->arena, str, j->w->spec->fields_n);
    for (size_t i = 0; i < j->w->spec->fields_n; i++)
        if (!is_void(j, &j->w->spec->fields[i]))
            texts[i] = find_key(map, row, arena_printf(j->arena, "firn_part_%zu", i));
    return make_partition(j, texts, &out->partition, err);
}

/* A file without rows says nothing: it goes. */
static bool drop_empty(const struct parquet_file *f, struct error *err)
{
    return unlink(f->path.ptr) == 0 || fail_errno(err, errno, "remove " STR_FMT, STR_ARG(f->path));
}

/* What the writer left to be said. */
static bool finish(const struct job *j, struct parquet_file *f, struct error *err)
{
    struct parquet_finish how = { .schema = j->w->schema,
                                  .bloom_named = j->w->bloom_named,
                                  .bloom_ids = j->w->bloom_ids,
                                  .bloom_n = j->w->bloom_n };
    return !parquet_finish_needed(&how) ||
           parquet_finish(f->path.ptr, &how, &f->size, &f->footer_size, err);
}

/* Columns: filename, count, file_size_bytes, footer_size_bytes, column_statistics, partition_keys. */
static bool read_file(struct job *j, const struct chunk *c, size_t row, struct parquet_file *out,
                      struct error *err)
{
    struct column_stats *stats;
    *out = (struct parquet_file){
        .path = str_of(arena_cstr(j->arena, column_str(&c->columns[0], row))),
        .rows = column_i64(&c->columns[1], row),
        .size = column_i64(&c->columns[2], row),
        .footer_size = column_i64(&c->columns[3], row),
        .sorted = j->ordered && !j->w->order_sql.len && j->w->order && j->w->order->fields_n,
        .partition = j->w->partition,
    };
    if (!stats_read(&c->columns[4], row, &j->names, j->arena, &stats, &out->stats_n, err))
        return false;
    out->stats = stats;
    return !j->w->spec || !j->w->spec->fields_n || j->w->partition ||
           read_partition(j, &c->columns[5], row, out, err);
}

struct files {
    VEC(struct parquet_file) list;
};

static bool collect(struct job *j, struct result *r, struct files *files, struct error *err)
{
    const struct chunk *c;
    for (;;) {
        if (!result_next(r, &c, err))
            return false;
        if (!c)
            return true;
        if (c->columns_n != 6)
            return fail(err, ERR_INTERNAL, "the writer answers %zu columns", c->columns_n);
        for (size_t i = 0; i < c->n; i++) {
            struct parquet_file f;
            if (!read_file(j, c, i, &f, err))
                return false;
            if (!(f.rows ? finish(j, &f, err) : drop_empty(&f, err)))
                return false;
            if (f.rows)
                *vec_push(j->arena, &files->list) = f;
        }
    }
}

static bool write_files(struct job *j, struct files *files, struct error *err)
{
    buf_lit(&j->sql, "COPY (");
    if (!add_select(j, err))
        return false;
    buf_lit(&j->sql, ") TO ");
    quote_text(&j->sql, j->ordered ? arena_printf(j->arena, "%s/" STR_FMT "-0.parquet", j->w->dir,
                                                  STR_ARG(j->w->prefix))
                                   : str_of(j->w->dir));
    add_options(j);
    struct result *r = NULL;
    bool ok = buf_ok(&j->sql, "a statement", err) &&
              session_query(j->s, buf_str(&j->sql), j->w->params, j->w->params_n, &r, err) &&
              collect(j, r, files, err);
    result_close(r);
    return ok;
}

/* ---- Partitions in order */

/* A partition's rows in the sorted table. */
struct run {
    const struct value *partition;
    int64_t first, last;
};

struct runs {
    VEC(struct run) list;
};

static bool sort_rows(struct job *j, str table, struct error *err)
{
    struct result *r = NULL;
    const struct chunk *c = NULL;
    buf_printf(&j->sql, "CREATE TABLE " STR_FMT " AS ", STR_ARG(table));
    bool ok = add_select(j, err) && buf_ok(&j->sql, "a statement", err) &&
              session_query(j->s, buf_str(&j->sql), j->w->params, j->w->params_n, &r, err);
    while (ok && (ok = result_next(r, &c, err)) && c)
        ;
    result_close(r);
    return ok;
}

static bool take_runs(struct job *j, const struct chunk *c, struct runs *runs, struct error *err)
{
    const struct partition_spec *spec = j->w->spec;
    for (size_t row = 0; row < c->n; row++) {
        str *texts = arena_array(j->arena, str, spec->fields_n);
        struct run *run = vec_push(j->arena, &runs->list);
        size_t column = 0;
        for (size_t i = 0; i < spec->fields_n; i++) {
            if (is_void(j, &spec->fields[i]))
                continue;
            const struct column_view *v = &c->columns[column++];
            if (column_valid(v, row))
                texts[i] = arena_str(j->arena, column_str(v, row));
        }
        run->first = column_i64(&c->columns[column], row);
        run->last = column_i64(&c->columns[column + 1], row);
        if (!make_partition(j, texts, &run->partition, err))
            return false;
    }
    return true;
}

/* Where each partition begins and ends. */
static bool find_runs(struct job *j, str table, struct runs *runs, struct error *err)
{
    struct result *r = NULL;
    const struct chunk *c = NULL;
    size_t keys = 0;
    buf_clear(&j->sql);
    buf_lit(&j->sql, "SELECT ");
    for (size_t i = 0; i < j->w->spec->fields_n; i++)
        if (!is_void(j, &j->w->spec->fields[i]))
            buf_printf(&j->sql, "CAST(firn_part_%zu AS VARCHAR), ", i);
    buf_printf(&j->sql, "min(rowid) AS firn_first, max(rowid) FROM " STR_FMT " GROUP BY ",
               STR_ARG(table));
    for (size_t i = 0; i < j->w->spec->fields_n; i++)
        if (!is_void(j, &j->w->spec->fields[i]))
            buf_printf(&j->sql, "%sfirn_part_%zu", keys++ ? ", " : "", i);
    buf_lit(&j->sql, " ORDER BY firn_first");
    bool ok = buf_ok(&j->sql, "a statement", err) &&
              session_query(j->s, buf_str(&j->sql), NULL, 0, &r, err);
    while (ok && (ok = result_next(r, &c, err)) && c)
        ok = take_runs(j, c, runs, err);
    result_close(r);
    return ok;
}

static bool write_run(struct job *j, str table, const struct run *run, size_t index,
                      struct files *files, struct error *err)
{
    struct parquet_write w = *j->w;
    struct parquet_file *made;
    size_t n, columns = 0;
    buf_clear(&j->sql);
    buf_lit(&j->sql, "SELECT ");
    for (size_t i = 0; i < w.schema->fields_n; i++) {
        if (!type_is_stored(w.schema->fields[i].type))
            continue;
        if (columns++)
            buf_lit(&j->sql, ", ");
        quote_ident(&j->sql, w.schema->fields[i].name);
    }
    buf_printf(&j->sql, " FROM " STR_FMT " WHERE rowid BETWEEN %lld AND %lld", STR_ARG(table),
               (long long)run->first, (long long)run->last);
    w.query = arena_str(j->arena, buf_str(&j->sql));
    w.by_name = w.keep_order = true;
    w.partition = run->partition;
    w.order = NULL;
    w.order_sql = (str){ 0 };
    w.params = NULL;
    w.params_n = 0;
    w.prefix = arena_printf(j->arena, STR_FMT "-%zu", STR_ARG(j->w->prefix), index);
    if (!buf_ok(&j->sql, "a statement", err) || !parquet_write(j->s, &w, j->arena, &made, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        made[i].sorted = !j->w->order_sql.len;
        *vec_push(j->arena, &files->list) = made[i];
    }
    return true;
}

static bool write_sorted(struct job *j, struct files *files, struct error *err)
{
    struct runs runs = { 0 };
    struct error ignored;
    str table = arena_printf(j->arena, "firn_sorted_%016llx",
                             (unsigned long long)env_random_u64(env_real()));
    bool ok = sort_rows(j, table, err) && find_runs(j, table, &runs, err);
    for (size_t i = 0; ok && i < runs.list.n; i++)
        ok = write_run(j, table, &runs.list.at[i], i, files, err);
    str drop = arena_printf(j->arena, "DROP TABLE IF EXISTS " STR_FMT, STR_ARG(table));
    bool dropped = session_exec(j->s, drop, &ignored);
    return ok && (dropped || fail(err, ignored.code, "%s", ignored.msg));
}

/* Whether rows must be told apart by partition. */
static bool is_partitioned(const struct job *j)
{
    for (size_t i = 0; j->w->spec && !j->w->partition && i < j->w->spec->fields_n; i++)
        if (!is_void(j, &j->w->spec->fields[i]))
            return true;
    return false;
}

bool parquet_write(struct session *s, const struct parquet_write *w, struct arena *a,
                   struct parquet_file **out, size_t *n, struct error *err)
{
    struct job j = { .s = s, .w = w, .arena = a, .sql = BUF_INIT(COPY_SQL_MAX) };
    struct files files = { 0 };
    bool in_order = w->order_sql.len || (w->order && w->order->fields_n);
    j.partitioned = is_partitioned(&j);
    j.to_table = j.partitioned && in_order;
    j.ordered = !j.partitioned && (w->keep_order || in_order);
    ASSERT(w->schema->fields_n && w->dir[0] == '/');
    stats_names(w->schema, a, &j.names);
    bool ok = j.to_table ? write_sorted(&j, &files, err) : write_files(&j, &files, err);
    buf_deinit(&j.sql);
    *out = files.list.at;
    *n = files.list.n;
    return ok;
}
