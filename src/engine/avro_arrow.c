/* SPDX-License-Identifier: Apache-2.0
 *
 * A tree of columns is built from the schema once; each batch fills them value by value and hands their memory over. */
#include "engine/avro_arrow_priv.h"

#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "iceberg/type.h"

#define BATCH_ROWS 8192
#define COLUMN_BYTES_MAX ((size_t)1 << 31)
#define FORMAT_MAX 40
#define DECIMAL_SIZE 16

/* What a value becomes. */
enum shape { PLAIN, TEXT, DECIMAL, UUID, LIST, MAP, STRUCT };

struct node {
    const struct avro_schema *schema; /* without null */
    const struct avro_schema *outer;  /* as it is written */
    enum shape shape;
    size_t width; /* of a plain value; 0: bits */
    str name;
    char format[FORMAT_MAX];
    struct node *children; /* a list's element, a map's entries, a struct's fields */
    size_t children_n;
    int64_t rows, nulls; /* of the batch */
    struct buf *valid, *offsets, *data;
};

struct stream {
    struct avro_reader *reader;
    struct arena *arena; /* schemas */
    struct node root;
    struct error *why;
    struct avro_rd rd; /* of the block */
    size_t left;       /* records of it */
    bool open;
};

const struct avro_schema *avro_plain(const struct avro_schema *s)
{
    size_t null_branch;
    const struct avro_schema *inner = s->kind == AVRO_UNION ? avro_optional(s, &null_branch) : NULL;
    return inner ? inner : s;
}

bool avro_is_map(const struct avro_schema *s)
{
    return s->kind == AVRO_ARRAY && str_is(s->logical, "map") && s->items->kind == AVRO_RECORD &&
           s->items->n == 2;
}

/* ---- The tree */

static bool node_make(struct node *n, const struct avro_schema *s, str name, struct arena *a,
                      struct error *err);

static void set_plain(struct node *n, const char *format, size_t width)
{
    n->shape = PLAIN;
    n->width = width;
    snprintf(n->format, sizeof n->format, "%s", format);
}

static void set_long(struct node *n)
{
    static const struct {
        const char *logical, *format;
    } known[] = {
        { "time-micros", "ttu" },
        { "timestamp-nanos", "tsn:" }, /* in UTC: the engine has none with a zone */
        { "local-timestamp-micros", "tsu:" },
        { "local-timestamp-millis", "tsm:" },
        { "local-timestamp-nanos", "tsn:" },
    };
    set_plain(n, "l", 8);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_is(n->schema->logical, known[i].logical))
            set_plain(n, known[i].format, 8);
    if (str_is(n->schema->logical, "timestamp-micros"))
        set_plain(n, n->schema->adjust_to_utc ? "tsu:UTC" : "tsu:", 8);
    if (str_is(n->schema->logical, "timestamp-millis"))
        set_plain(n, n->schema->adjust_to_utc ? "tsm:UTC" : "tsm:", 8);
}

static bool set_bytes(struct node *n, struct error *err)
{
    const struct avro_schema *s = n->schema;
    n->shape = TEXT;
    snprintf(n->format, sizeof n->format, "%s",
             s->kind == AVRO_STRING || s->kind == AVRO_ENUM ? "u" : "z");
    if (str_is(s->logical, "decimal") && (s->kind == AVRO_BYTES || s->kind == AVRO_FIXED)) {
        if (s->precision < 1 || s->precision > DECIMAL_PRECISION_MAX || s->scale < 0 ||
            s->scale > s->precision)
            return fail(err, ERR_UNSUPPORTED, "decimal(%d, %d)", s->precision, s->scale);
        n->shape = DECIMAL;
        n->width = DECIMAL_SIZE;
        snprintf(n->format, sizeof n->format, "d:%d,%d", s->precision, s->scale);
    } else if (s->kind == AVRO_FIXED && s->size == 16 && str_is(s->logical, "uuid")) {
        n->shape = UUID;
        snprintf(n->format, sizeof n->format, "u");
    }
    return true;
}

static bool make_children(struct node *n, enum shape shape, const char *format, size_t children_n,
                          struct arena *a)
{
    n->shape = shape;
    snprintf(n->format, sizeof n->format, "%s", format);
    n->children_n = children_n;
    n->children = arena_array(a, struct node, children_n);
    return true;
}

/* Entries of a map: a struct of two. */
static bool make_entries(struct node *n, const struct avro_schema *key,
                         const struct avro_schema *value, struct arena *a, struct error *err)
{
    static const struct avro_schema text = { .kind = AVRO_STRING }, pair = { .kind = AVRO_RECORD };
    make_children(n, MAP, "+m", 1, a);
    struct node *entries = &n->children[0];
    entries->schema = entries->outer = &pair;
    entries->name = STR("entries");
    make_children(entries, STRUCT, "+s", 2, a);
    return node_make(&entries->children[0], key ? key : &text, STR("key"), a, err) &&
           node_make(&entries->children[1], value, STR("value"), a, err);
}

static bool make_struct(struct node *n, struct arena *a, struct error *err)
{
    make_children(n, STRUCT, "+s", n->schema->n, a);
    if (!n->schema->n)
        return fail(err, ERR_UNSUPPORTED, "a record without fields");
    for (size_t i = 0; i < n->schema->n; i++)
        if (!node_make(&n->children[i], n->schema->fields[i].type, n->schema->fields[i].name, a,
                       err))
            return false;
    return true;
}

static bool make_nested(struct node *n, struct arena *a, struct error *err)
{
    const struct avro_schema *s = n->schema;
    if (s->kind == AVRO_RECORD)
        return make_struct(n, a, err);
    if (s->kind == AVRO_MAP)
        return make_entries(n, NULL, s->items, a, err);
    if (avro_is_map(s))
        return make_entries(n, s->items->fields[0].type, s->items->fields[1].type, a, err);
    make_children(n, LIST, "+l", 1, a);
    return node_make(&n->children[0], s->items, STR("element"), a, err);
}

static bool node_make(struct node *n, const struct avro_schema *s, str name, struct arena *a,
                      struct error *err)
{
    *n = (struct node){ .schema = avro_plain(s), .outer = s, .name = name };
    switch (n->schema->kind) {
    case AVRO_NULL:
        set_plain(n, "n", 0);
        return true;
    case AVRO_BOOLEAN:
        set_plain(n, "b", 0);
        return true;
    case AVRO_INT:
        set_plain(n,
                  str_is(n->schema->logical, "date")          ? "tdD"
                  : str_is(n->schema->logical, "time-millis") ? "ttm"
                                                              : "i",
                  4);
        return true;
    case AVRO_LONG:
        set_long(n);
        return true;
    case AVRO_FLOAT:
        set_plain(n, "f", 4);
        return true;
    case AVRO_DOUBLE:
        set_plain(n, "g", 8);
        return true;
    case AVRO_BYTES:
    case AVRO_STRING:
    case AVRO_FIXED:
    case AVRO_ENUM:
        return set_bytes(n, err) || fail_in(err, "field " STR_FMT, STR_ARG(name));
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_RECORD:
        return make_nested(n, a, err);
    default:
        return fail(err, ERR_UNSUPPORTED, "field " STR_FMT ": a union of several types",
                    STR_ARG(name));
    }
}

/* ---- Values */

static void set_bit(struct buf *b, int64_t row, bool on)
{
    if (row % 8 == 0)
        buf_add_char(b, 0);
    if (on && !b->overflow)
        b->ptr[row / 8] = (char)(b->ptr[row / 8] | 1 << row % 8);
}

static void end_offsets(struct node *n, size_t at)
{
    int32_t v = (int32_t)at;
    buf_add(n->offsets, &v, sizeof v);
}

/* Ends a row; what it holds has been added. */
static void end_row(struct node *n, bool valid)
{
    set_bit(n->valid, n->rows, valid);
    n->nulls += !valid;
    n->rows++;
    if (n->shape == TEXT || n->shape == UUID)
        end_offsets(n, n->data->len);
    else if (n->shape == LIST || n->shape == MAP)
        end_offsets(n, (size_t)n->children[0].rows);
}

static void add_null(struct node *n)
{
    static const char zeros[DECIMAL_SIZE];
    if (n->shape == PLAIN && n->width == 0)
        set_bit(n->data, n->rows, false);
    else if (n->shape == PLAIN || n->shape == DECIMAL)
        buf_add(n->data, zeros, n->width);
    for (size_t i = 0; n->shape == STRUCT && i < n->children_n; i++)
        add_null(&n->children[i]);
    end_row(n, false);
}

static void add_plain(struct node *n, struct avro_rd *rd)
{
    int32_t i;
    int64_t l;
    switch (n->schema->kind) {
    case AVRO_BOOLEAN:
        set_bit(n->data, n->rows, avro_bool(rd));
        break;
    case AVRO_INT:
        i = avro_int(rd);
        buf_add(n->data, &i, sizeof i);
        break;
    case AVRO_LONG:
        l = avro_long(rd);
        buf_add(n->data, &l, sizeof l);
        break;
    default:
        buf_add_str(n->data, avro_fixed(rd, n->width)); /* floats, as they are */
    }
}

static void add_decimal(struct node *n, struct avro_rd *rd)
{
    str b = n->schema->kind == AVRO_FIXED ? avro_fixed(rd, n->schema->size) : avro_bytes(rd);
    unsigned __int128 v = b.len && (b.ptr[0] & 0x80) ? ~(unsigned __int128)0 : 0;
    char sign = b.len && (b.ptr[0] & 0x80) ? (char)0xff : 0;
    for (size_t i = 0; i < b.len; i++) {
        if (i + DECIMAL_SIZE < b.len && b.ptr[i] != sign)
            rd->bad = true; /* more than 38 digits */
        v = v << 8 | (uint8_t)b.ptr[i];
    }
    buf_add(n->data, &v, sizeof v);
}

static void add_uuid(struct node *n, struct avro_rd *rd)
{
    str b = avro_fixed(rd, 16);
    for (size_t i = 0; i < b.len; i++)
        buf_printf(n->data, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                   (uint8_t)b.ptr[i]);
}

static void add_text(struct node *n, struct avro_rd *rd)
{
    const struct avro_schema *s = n->schema;
    str b = s->kind == AVRO_FIXED  ? avro_fixed(rd, s->size)
            : s->kind == AVRO_ENUM ? s->symbols[avro_index(rd, s->n)]
                                   : avro_bytes(rd);
    if (s->kind == AVRO_STRING && !str_is_utf8(b))
        rd->bad = true;
    buf_add_str(n->data, b);
}

static void add_value(struct node *n, struct avro_rd *rd);

static void add_items(struct node *n, struct avro_rd *rd)
{
    struct avro_items it = { 0 };
    while (avro_items_next(rd, &it)) {
        struct node *child = &n->children[0];
        if (n->shape == LIST) {
            add_value(child, rd);
        } else {
            add_value(&child->children[0], rd);
            add_value(&child->children[1], rd);
            end_row(child, true);
        }
        if (child->rows > INT32_MAX)
            rd->bad = true;
    }
}

static void add_value(struct node *n, struct avro_rd *rd)
{
    size_t null_branch;
    if (n->schema->kind == AVRO_NULL ||
        (n->outer != n->schema && avro_optional(n->outer, &null_branch) &&
         avro_index(rd, 2) == null_branch)) {
        add_null(n);
        return;
    }
    switch (n->shape) {
    case PLAIN:
        add_plain(n, rd);
        break;
    case TEXT:
        add_text(n, rd);
        break;
    case DECIMAL:
        add_decimal(n, rd);
        break;
    case UUID:
        add_uuid(n, rd);
        break;
    case LIST:
    case MAP:
        add_items(n, rd);
        break;
    default:
        for (size_t i = 0; i < n->children_n; i++)
            add_value(&n->children[i], rd);
    }
    end_row(n, true);
}

/* ---- Batches */

static struct buf *batch_buf(struct arena *a)
{
    struct buf *b = arena_new(a, struct buf);
    buf_init(b, COLUMN_BYTES_MAX);
    buf_in_arena(b, a);
    return b;
}

static void begin_batch(struct node *n, struct arena *a)
{
    n->rows = n->nulls = 0;
    n->valid = batch_buf(a);
    n->offsets = batch_buf(a);
    n->data = batch_buf(a);
    if (n->shape == TEXT || n->shape == UUID || n->shape == LIST || n->shape == MAP)
        end_offsets(n, 0);
    for (size_t i = 0; i < n->children_n; i++)
        begin_batch(&n->children[i], a);
}

static bool overflowed(const struct node *n)
{
    bool over = n->valid->overflow || n->offsets->overflow || n->data->overflow;
    for (size_t i = 0; i < n->children_n && !over; i++)
        over = overflowed(&n->children[i]);
    return over;
}

static void release_child(struct ArrowArray *array)
{
    array->release = NULL;
}

static void release_batch(struct ArrowArray *array)
{
    struct arena *a = array->private_data;
    array->release = NULL;
    arena_destroy(a);
}

static void give(const struct node *n, struct arena *a, struct ArrowArray *out)
{
    static const char nothing[8];
    const void **buffers = arena_array(a, const void *, 3);
    bool offsets = n->shape == TEXT || n->shape == UUID;
    size_t at = 0;
    *out = (struct ArrowArray){ .length = n->rows,
                                .null_count = n->nulls,
                                .release = release_child,
                                .buffers = buffers,
                                .n_children = (int64_t)n->children_n };
    if (n->schema->kind != AVRO_NULL || n->shape != PLAIN)
        buffers[at++] = n->valid->len ? n->valid->ptr : nothing;
    if (offsets || n->shape == LIST || n->shape == MAP)
        buffers[at++] = n->offsets->ptr;
    if (offsets || n->shape == DECIMAL || (n->shape == PLAIN && n->schema->kind != AVRO_NULL))
        buffers[at++] = n->data->len ? n->data->ptr : nothing;
    out->n_buffers = (int64_t)at;
    out->children = arena_array(a, struct ArrowArray *, n->children_n);
    for (size_t i = 0; i < n->children_n; i++) {
        out->children[i] = arena_new(a, struct ArrowArray);
        give(&n->children[i], a, out->children[i]);
    }
}

static int stream_failed(struct stream *s)
{
    (void)s;
    return EIO;
}

/* Records up to the end of a block, or until there are enough. */
static bool fill_batch(struct stream *s, bool *end)
{
    size_t count = 0;
    *end = false;
    if (!s->left) {
        if (!avro_next_block(s->reader, NULL, &s->rd, &count, s->why))
            return false;
        *end = count == 0;
        s->left = count;
    }
    for (int64_t i = 0; i < BATCH_ROWS && s->left && !s->rd.bad; i++, s->left--)
        add_value(&s->root, &s->rd);
    if (s->rd.bad)
        return fail(s->why, ERR_CORRUPT, "block %llu holds a value that is none",
                    (unsigned long long)s->reader->block);
    if (overflowed(&s->root))
        return fail(s->why, ERR_LIMIT, "a block holds more than %zu bytes of a column",
                    COLUMN_BYTES_MAX);
    return s->left || *end || avro_end_block(s->reader, &s->rd, s->why);
}

static int stream_next(struct ArrowArrayStream *in, struct ArrowArray *out)
{
    struct stream *s = in->private_data;
    struct arena *a = arena_create(0);
    bool end;
    *out = (struct ArrowArray){ 0 };
    begin_batch(&s->root, a);
    if (!fill_batch(s, &end)) {
        arena_destroy(a);
        return stream_failed(s);
    }
    if (end) {
        arena_destroy(a);
        return 0;
    }
    give(&s->root, a, out);
    out->release = release_batch;
    out->private_data = a;
    return 0;
}

/* Its memory is the stream's: the engine releases no schemas. */
static void schema_release(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void describe(const struct node *n, struct arena *a, struct ArrowSchema *out)
{
    *out = (struct ArrowSchema){ .format = arena_cstr(a, str_of(n->format)),
                                 .name = arena_cstr(a, n->name),
                                 .flags = ARROW_FLAG_NULLABLE,
                                 .n_children = (int64_t)n->children_n,
                                 .children = arena_array(a, struct ArrowSchema *, n->children_n),
                                 .release = schema_release };
    for (size_t i = 0; i < n->children_n; i++) {
        out->children[i] = arena_new(a, struct ArrowSchema);
        describe(&n->children[i], a, out->children[i]);
        if (n->shape == MAP || (n->shape == STRUCT && str_is(n->name, "entries") && i == 0))
            out->children[i]->flags = 0;
    }
}

static int stream_schema(struct ArrowArrayStream *in, struct ArrowSchema *out)
{
    struct stream *s = in->private_data;
    describe(&s->root, s->arena, out);
    out->flags = 0;
    return 0;
}

static const char *stream_error(struct ArrowArrayStream *in)
{
    return ((struct stream *)in->private_data)->why->msg;
}

static void stream_release(struct ArrowArrayStream *in)
{
    in->release = NULL;
}

bool avro_arrow_stream(struct avro_reader *r, struct arena *a, struct error *why,
                       struct ArrowArrayStream *out, struct error *err)
{
    struct stream *s = arena_new(a, struct stream);
    *s = (struct stream){ .reader = r, .arena = a, .why = why };
    if (r->schema->kind != AVRO_RECORD)
        return fail(err, ERR_UNSUPPORTED, "the Avro file holds no records but values of type %s",
                    avro_kind_name(r->schema->kind));
    *out = (struct ArrowArrayStream){ stream_schema, stream_next, stream_error, stream_release, s };
    return node_make(&s->root, r->schema, STR(""), a, err);
}
