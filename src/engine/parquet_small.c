/* SPDX-License-Identifier: Apache-2.0
 *
 * The layout (Apache Parquet, "File format"):
 *
 *     "PAR1"   a page a column: header, levels and values, packed   footer   its size (4)   "PAR1"
 *
 * Headers and footer are Thrift's compact protocol.  A page is of version 1: where a column may be null, definition levels of one
 * bit (bit-packed, their bytes counted before them) come first, then the values that are there, plain.
 *
 * Statistics are left out of a column with a NaN's bounds, and bounds of texts are whole: metrics modes cut them later
 * (iceberg/metrics.h), in the manifest alone. */
#include "engine/parquet_small.h"

#include <stdlib.h>

#include "codec/compress.h"
#include "iceberg/metrics.h"
#include "iceberg/schema.h"
#include "iceberg/value.h"

#define CREATED_BY "firn"
#define TEXT_BOUND_MAX 4096 /* longer bounds are not worth their bytes in a footer */

/* ---- Thrift's compact protocol, writing. */

enum {
    THRIFT_TRUE = 1,
    THRIFT_FALSE = 2,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_STRUCT = 12
};

#define DEPTH_MAX 8

struct thrift {
    struct buf *out;
    int last[DEPTH_MAX]; /* field id written last, by depth */
    int depth;
};

static void put_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_add_char(out, (char)(v | 0x80));
    buf_add_char(out, (char)v);
}

static void put_signed(struct buf *out, int64_t v)
{
    put_varint(out, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

/* Ids ascend by less than 16. */
static void put_field(struct thrift *t, int id, int type)
{
    buf_add_char(t->out, (char)((id - t->last[t->depth]) << 4 | type));
    t->last[t->depth] = id;
}

static void put_i32(struct thrift *t, int id, int32_t v)
{
    put_field(t, id, THRIFT_I32);
    put_signed(t->out, v);
}

static void put_i64(struct thrift *t, int id, int64_t v)
{
    put_field(t, id, THRIFT_I64);
    put_signed(t->out, v);
}

static void put_bool(struct thrift *t, int id, bool v)
{
    put_field(t, id, v ? THRIFT_TRUE : THRIFT_FALSE);
}

static void put_bytes(struct thrift *t, int id, str s)
{
    put_field(t, id, THRIFT_BINARY);
    put_varint(t->out, s.len);
    buf_add_str(t->out, s);
}

static void put_list(struct thrift *t, int id, int type, size_t n)
{
    put_field(t, id, THRIFT_LIST);
    buf_add_char(t->out, (char)((n < 15 ? n : 15) << 4 | (size_t)type));
    if (n >= 15)
        put_varint(t->out, n);
}

/* A struct: as a field, or (id 0) as an element of a list. */
static void begin_struct(struct thrift *t, int id)
{
    if (id)
        put_field(t, id, THRIFT_STRUCT);
    ASSERT(t->depth + 1 < DEPTH_MAX);
    t->last[++t->depth] = 0;
}

static void end_struct(struct thrift *t)
{
    buf_add_char(t->out, 0);
    t->depth--;
}

/* ---- Types. */

enum {
    PHYSICAL_BOOLEAN = 0,
    PHYSICAL_INT32 = 1,
    PHYSICAL_INT64 = 2,
    PHYSICAL_FLOAT = 4,
    PHYSICAL_DOUBLE = 5,
    PHYSICAL_BYTES = 6
};
enum { LOGICAL_STRING = 1, LOGICAL_DATE = 6, LOGICAL_TIME = 7, LOGICAL_TIMESTAMP = 8 };

static const struct kind {
    enum type_kind kind;
    int physical;
    size_t width;  /* bytes of a value; 0: bits, or counted bytes */
    int converted; /* -1: none */
    int logical;   /* 0: none */
} kinds[] = {
    { TYPE_BOOLEAN, PHYSICAL_BOOLEAN, 0, -1, 0 },
    { TYPE_INT, PHYSICAL_INT32, 4, -1, 0 },
    { TYPE_LONG, PHYSICAL_INT64, 8, -1, 0 },
    { TYPE_FLOAT, PHYSICAL_FLOAT, 4, -1, 0 },
    { TYPE_DOUBLE, PHYSICAL_DOUBLE, 8, -1, 0 },
    { TYPE_DATE, PHYSICAL_INT32, 4, 6, LOGICAL_DATE },
    { TYPE_TIME, PHYSICAL_INT64, 8, -1, LOGICAL_TIME },
    { TYPE_TIMESTAMP, PHYSICAL_INT64, 8, -1, LOGICAL_TIMESTAMP },
    { TYPE_TIMESTAMPTZ, PHYSICAL_INT64, 8, 10, LOGICAL_TIMESTAMP },
    { TYPE_STRING, PHYSICAL_BYTES, 0, 0, LOGICAL_STRING },
    { TYPE_BINARY, PHYSICAL_BYTES, 0, -1, 0 },
};

static const struct kind *kind_of(const struct type *t)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].kind == t->kind)
            return &kinds[i];
    return NULL;
}

bool parquet_small_takes(const struct type *t)
{
    return kind_of(t) != NULL;
}

/* ---- Values. */

struct column {
    const struct field *field;
    const struct kind *kind;
    int64_t nulls, nans;
    struct value min, max;
    bool any;             /* min and max are there */
    size_t page;          /* where its page begins in the file */
    size_t packed, plain; /* bytes of the page with its header */
};

static bool bit(const uint8_t *bits, size_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

static str text_at(const struct rows_array *v, size_t i)
{
    int64_t from, to;
    if (v->wide) {
        const int64_t *at = v->offsets;
        from = at[i];
        to = at[i + 1];
    } else {
        const int32_t *at = v->offsets;
        from = at[i];
        to = at[i + 1];
    }
    return str_make((const char *)v->values + from, (size_t)(to - from));
}

static struct value value_at(const struct column *c, const struct rows_array *v, size_t i)
{
    enum type_kind k = c->kind->kind;
    if (k == TYPE_BOOLEAN)
        return value_bool(bit(v->values, i));
    if (k == TYPE_FLOAT)
        return value_f64(k, ((const float *)v->values)[i]);
    if (k == TYPE_DOUBLE)
        return value_f64(k, ((const double *)v->values)[i]);
    if (c->kind->physical == PHYSICAL_BYTES)
        return value_bytes(k, text_at(v, i));
    return value_i64(k, c->kind->width == 4 ? ((const int32_t *)v->values)[i]
                                            : ((const int64_t *)v->values)[i]);
}

static void take_statistics(struct column *c, const struct value *v)
{
    if (value_is_nan(v)) {
        c->nans++;
        return;
    }
    if (!c->any || value_cmp(v, &c->min) < 0)
        c->min = *v;
    if (!c->any || value_cmp(v, &c->max) > 0)
        c->max = *v;
    c->any = true;
}

/* Values of all batches; booleans share bytes over their borders. */
struct page_bits {
    uint8_t byte;
    unsigned n;
};

static void add_bit(struct buf *out, struct page_bits *b, bool v)
{
    b->byte |= (uint8_t)((unsigned)v << b->n);
    if (++b->n == 8) {
        buf_add_char(out, (char)b->byte);
        *b = (struct page_bits){ 0 };
    }
}

static void flush_bits(struct buf *out, struct page_bits *b)
{
    if (b->n)
        buf_add_char(out, (char)b->byte);
    *b = (struct page_bits){ 0 };
}

static void add_le32(struct buf *out, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        buf_add_char(out, (char)(v >> (8 * i)));
}

static bool add_value(struct column *c, const struct rows_array *v, size_t i, struct buf *page,
                      struct page_bits *bits, struct error *err)
{
    struct value x = value_at(c, v, i);
    take_statistics(c, &x);
    if (c->kind->kind == TYPE_BOOLEAN) {
        add_bit(page, bits, x.b);
        return true;
    }
    if (c->kind->physical != PHYSICAL_BYTES) {
        buf_add(page, (const char *)v->values + i * c->kind->width, c->kind->width);
        return true;
    }
    add_le32(page, (uint32_t)x.bytes.len);
    buf_add_str(page, x.bytes);
    return c->kind->kind != TYPE_STRING || str_is_utf8(x.bytes) ||
           fail(err, ERR_INVALID, "column " STR_FMT " has a text that is not UTF-8",
                STR_ARG(c->field->name));
}

/* Length, then one run of bit-packed levels, eight a byte. */
static void add_levels(const struct rows_batch *batches, size_t n, size_t column, size_t rows,
                       struct buf *page)
{
    struct buf run = BUF_INIT(PARQUET_SMALL_ROWS_MAX);
    struct page_bits bits = { 0 };
    put_varint(&run, (rows + 7) / 8 << 1 | 1);
    for (size_t b = 0; b < n; b++) {
        const struct rows_array *v = &batches[b].columns[column];
        for (size_t i = 0; i < batches[b].n; i++)
            add_bit(&run, &bits, !v->valid || bit(v->valid, v->from + i));
    }
    flush_bits(&run, &bits);
    add_le32(page, (uint32_t)run.len);
    buf_add_str(page, buf_str(&run));
    buf_deinit(&run);
}

static bool fill_page(struct column *c, const struct rows_batch *batches, size_t n, size_t column,
                      size_t rows, struct buf *page, struct error *err)
{
    struct page_bits bits = { 0 };
    if (!c->field->required)
        add_levels(batches, n, column, rows, page);
    for (size_t b = 0; b < n; b++) {
        const struct rows_array *v = &batches[b].columns[column];
        for (size_t i = v->from; i < v->from + batches[b].n; i++) {
            if (v->valid && !bit(v->valid, i)) {
                c->nulls++;
                continue;
            }
            if (!add_value(c, v, i, page, &bits, err))
                return false;
        }
    }
    flush_bits(page, &bits);
    if (c->nulls && c->field->required)
        return fail(err, ERR_INVALID, "column " STR_FMT " is required and has a null",
                    STR_ARG(c->field->name));
    return buf_ok(page, "the rows", err);
}

static void put_page_header(struct buf *out, size_t plain, size_t packed, size_t rows)
{
    struct thrift t = { .out = out };
    put_i32(&t, 1, 0); /* a data page of version 1 */
    put_i32(&t, 2, (int32_t)plain);
    put_i32(&t, 3, (int32_t)packed);
    begin_struct(&t, 5);
    put_i32(&t, 1, (int32_t)rows);
    put_i32(&t, 2, 0); /* values plain */
    put_i32(&t, 3, 3); /* levels RLE */
    put_i32(&t, 4, 3);
    end_struct(&t);
    buf_add_char(out, 0);
}

static bool write_page(struct column *c, const struct rows_batch *batches, size_t n, size_t column,
                       size_t rows, int level, size_t begin, struct buf *out, struct error *err)
{
    struct buf page = BUF_INIT(PARQUET_SMALL_BYTES_MAX), packed = BUF_INIT(PARQUET_SMALL_BYTES_MAX);
    bool ok = fill_page(c, batches, n, column, rows, &page, err) &&
              compress_bytes(COMPRESSION_ZSTD, level, buf_str(&page), &packed, err);
    if (ok) {
        c->page = out->len - begin;
        put_page_header(out, page.len, packed.len, rows);
        size_t header = out->len - begin - c->page;
        buf_add_str(out, buf_str(&packed));
        c->packed = header + packed.len;
        c->plain = header + page.len;
    }
    buf_deinit(&page);
    buf_deinit(&packed);
    return ok;
}

/* ---- The footer. */

/* Union fields without content: {1: {}} */
static void put_empty(struct thrift *t, int id)
{
    begin_struct(t, id);
    end_struct(t);
}

static void put_logical(struct thrift *t, const struct kind *k)
{
    begin_struct(t, 10);
    if (k->logical == LOGICAL_TIME || k->logical == LOGICAL_TIMESTAMP) {
        begin_struct(t, k->logical);
        put_bool(t, 1, k->kind == TYPE_TIMESTAMPTZ);
        begin_struct(t, 2);
        put_empty(t, 2); /* microseconds */
        end_struct(t);
        end_struct(t);
    } else {
        put_empty(t, k->logical);
    }
    end_struct(t);
}

static void put_schema(struct thrift *t, const struct column *columns, size_t n)
{
    put_list(t, 2, THRIFT_STRUCT, n + 1);
    begin_struct(t, 0);
    put_bytes(t, 4, STR("table"));
    put_i32(t, 5, (int32_t)n);
    end_struct(t);
    for (size_t i = 0; i < n; i++) {
        begin_struct(t, 0);
        put_i32(t, 1, columns[i].kind->physical);
        put_i32(t, 3, !columns[i].field->required);
        put_bytes(t, 4, columns[i].field->name);
        if (columns[i].kind->converted >= 0)
            put_i32(t, 6, columns[i].kind->converted);
        put_i32(t, 9, columns[i].field->id);
        if (columns[i].kind->logical)
            put_logical(t, columns[i].kind);
        end_struct(t);
    }
}

/* Zeros of floats are written with both signs, as the format asks for. */
static str bound_bytes(const struct column *c, bool max, struct arena *a)
{
    struct value v = max ? c->max : c->min;
    if ((v.kind == TYPE_FLOAT || v.kind == TYPE_DOUBLE) && v.f == 0)
        v.f = max ? 0.0 : -0.0;
    return value_encode_in(&v, a);
}

static void put_statistics(struct thrift *t, const struct column *c, struct arena *a)
{
    begin_struct(t, 12);
    put_i64(t, 3, c->nulls);
    bool text = c->kind->physical == PHYSICAL_BYTES;
    if (c->any && c->nans == 0 &&
        (!text || (c->min.bytes.len <= TEXT_BOUND_MAX && c->max.bytes.len <= TEXT_BOUND_MAX))) {
        put_bytes(t, 5, bound_bytes(c, true, a));
        put_bytes(t, 6, bound_bytes(c, false, a));
    }
    end_struct(t);
}

static void put_column(struct thrift *t, const struct column *c, size_t rows, struct arena *a)
{
    begin_struct(t, 0);
    put_i64(t, 2, 0);
    begin_struct(t, 3);
    put_i32(t, 1, c->kind->physical);
    put_list(t, 2, THRIFT_I32, 2);
    put_signed(t->out, 0); /* plain */
    put_signed(t->out, 3); /* RLE */
    put_list(t, 3, THRIFT_BINARY, 1);
    put_varint(t->out, c->field->name.len);
    buf_add_str(t->out, c->field->name);
    put_i32(t, 4, 6); /* zstd */
    put_i64(t, 5, (int64_t)rows);
    put_i64(t, 6, (int64_t)c->plain);
    put_i64(t, 7, (int64_t)c->packed);
    put_i64(t, 9, (int64_t)c->page);
    put_statistics(t, c, a);
    end_struct(t);
    end_struct(t);
}

static void put_row_group(struct thrift *t, const struct column *columns, size_t n, size_t rows,
                          struct arena *a)
{
    size_t plain = 0, packed = 0;
    put_list(t, 4, THRIFT_STRUCT, 1);
    begin_struct(t, 0);
    put_list(t, 1, THRIFT_STRUCT, n);
    for (size_t i = 0; i < n; i++) {
        put_column(t, &columns[i], rows, a);
        plain += columns[i].plain;
        packed += columns[i].packed;
    }
    put_i64(t, 2, (int64_t)plain);
    put_i64(t, 3, (int64_t)rows);
    put_i64(t, 5, 4);
    put_i64(t, 6, (int64_t)packed);
    end_struct(t);
}

static void put_footer(struct buf *out, const struct column *columns, size_t n, size_t rows,
                       struct arena *a)
{
    struct thrift t = { .out = out };
    put_i32(&t, 1, 1);
    put_schema(&t, columns, n);
    put_i64(&t, 3, (int64_t)rows);
    put_row_group(&t, columns, n, rows, a);
    put_bytes(&t, 6, STR(CREATED_BY));
    put_list(&t, 7, THRIFT_STRUCT, n); /* bounds are in the order of the types */
    for (size_t i = 0; i < n; i++) {
        begin_struct(&t, 0);
        put_empty(&t, 1);
        end_struct(&t);
    }
    buf_add_char(out, 0);
}

/* ---- The file. */

static int by_id(const void *x, const void *y)
{
    int32_t a = ((const struct column_stats *)x)->field_id,
            b = ((const struct column_stats *)y)->field_id;
    return (a > b) - (a < b);
}

static void describe(const struct column *columns, size_t n, size_t rows, struct arena *a,
                     struct parquet_file *about)
{
    struct column_stats *stats = arena_array(a, struct column_stats, n);
    for (size_t i = 0; i < n; i++) {
        const struct column *c = &columns[i];
        bool real = c->kind->kind == TYPE_FLOAT || c->kind->kind == TYPE_DOUBLE;
        stats[i] = (struct column_stats){ .field_id = c->field->id,
                                          .size = (int64_t)c->packed,
                                          .values = (int64_t)rows,
                                          .nulls = c->nulls,
                                          .nans = real ? c->nans : -1 };
        if (!c->any)
            continue;
        struct value *bounds = arena_array(a, struct value, 2);
        bounds[0] = value_copy(&c->min, a);
        bounds[1] = value_copy(&c->max, a);
        stats[i].min = &bounds[0];
        stats[i].max = &bounds[1];
    }
    qsort(stats, n, sizeof *stats, by_id);
    about->stats = stats;
    about->stats_n = n;
    about->rows = (int64_t)rows;
}

bool parquet_small_write(const struct schema *schema, const struct rows_batch *batches, size_t n,
                         int level, struct arena *a, struct buf *out, struct parquet_file *about,
                         struct error *err)
{
    struct column *columns = arena_array(a, struct column, schema->fields_n);
    size_t rows = 0, begin = out->len;
    for (size_t b = 0; b < n; b++)
        rows += batches[b].n;
    if (rows > PARQUET_SMALL_ROWS_MAX)
        return fail(err, ERR_LIMIT, "%zu rows are too many for one page", rows);
    buf_lit(out, "PAR1");
    for (size_t i = 0; i < schema->fields_n; i++) {
        const struct kind *k = kind_of(schema->fields[i].type);
        ASSERT(k);
        columns[i] = (struct column){ .field = &schema->fields[i], .kind = k };
        if (!write_page(&columns[i], batches, n, i, rows, level, begin, out, err))
            return false;
    }
    size_t footer = out->len;
    put_footer(out, columns, schema->fields_n, rows, a);
    about->footer_size = (int64_t)(out->len - footer);
    add_le32(out, (uint32_t)about->footer_size);
    buf_lit(out, "PAR1");
    about->size = (int64_t)(out->len - begin);
    describe(columns, schema->fields_n, rows, a, about);
    return buf_ok(out, "a data file", err);
}
