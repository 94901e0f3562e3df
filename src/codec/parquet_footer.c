/* SPDX-License-Identifier: Apache-2.0
 *
 * One walk over the footer.  Columns of a row group are in the order of the schema's leaves, so a chunk is told apart by its
 * place and names need not be compared. */
#include "codec/parquet_footer.h"

#include "base/vec.h"
#include "codec/thrift.h"

/* Field ids of parquet.thrift. */
enum { FILE_SCHEMA = 2, FILE_ROW_GROUPS = 4 };
enum {
    ELEMENT_TYPE = 1,
    ELEMENT_LENGTH = 2,
    ELEMENT_REPETITION = 3,
    ELEMENT_NAME = 4,
    ELEMENT_CHILDREN = 5,
    ELEMENT_CONVERTED = 6,
    ELEMENT_ID = 9,
    ELEMENT_LOGICAL = 10
};
enum { LOGICAL_TIMESTAMP = 8, LOGICAL_VARIANT = 16, LOGICAL_GEOMETRY = 17, LOGICAL_GEOGRAPHY = 18 };
enum { GROUP_COLUMNS = 1, GROUP_BYTES = 2, GROUP_OFFSET = 5, GROUP_PACKED = 6 };
enum { CHUNK_OFFSET = 2, CHUNK_META = 3 };
enum {
    META_TYPE = 1,
    META_CODEC = 4,
    META_VALUES = 5,
    META_BYTES = 6,
    META_PACKED = 7,
    META_DATA = 9,
    META_INDEX = 10,
    META_DICTIONARY = 11,
    META_BLOOM = 14,
    META_BLOOM_LENGTH = 15,
    META_EXTENTS = 17
};

/* The algorithms of Parquet and Iceberg, by number. */
static const str algorithms[] = { STR_INIT("spherical"), STR_INIT("vincenty"), STR_INIT("thomas"),
                                  STR_INIT("andoyer"), STR_INIT("karney") };
#define ALGORITHMS_N (sizeof algorithms / sizeof *algorithms)

static bool damaged(struct error *err)
{
    return fail(err, ERR_CORRUPT, "the footer of the Parquet file is damaged");
}

bool parquet_footer_length(str tail, uint32_t *length, struct error *err)
{
    uint8_t b[4];
    if (tail.len != PARQUET_TAIL_BYTES)
        return fail(err, ERR_CORRUPT, "the Parquet file is cut short");
    str magic = str_from(tail, 4);
    if (str_is(magic, "PARE"))
        return fail(err, ERR_UNSUPPORTED, "the Parquet file is encrypted");
    if (!str_is(magic, "PAR1"))
        return fail(err, ERR_CORRUPT, "the file does not end as a Parquet file");
    memcpy(b, tail.ptr, 4);
    *length = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    return *length <= PARQUET_FOOTER_MAX || fail(err, ERR_LIMIT, "a footer of %u bytes", *length);
}

static void read_timestamp(struct thrift_rd *rd, struct parquet_element *e)
{
    struct thrift_field f = { 0 }, unit;
    while (thrift_next(rd, &f)) {
        if (f.id == 1 && (f.type == THRIFT_TRUE || f.type == THRIFT_FALSE)) {
            e->utc = f.type == THRIFT_TRUE;
        } else if (f.id == 2 && f.type == THRIFT_STRUCT) {
            for (unit = (struct thrift_field){ 0 }; thrift_next(rd, &unit);) {
                e->unit = unit.id;
                thrift_skip(rd, unit.type, false);
            }
        } else {
            thrift_skip(rd, f.type, false);
        }
    }
}

static void read_geo(struct thrift_rd *rd, struct parquet_element *e)
{
    struct thrift_field f = { 0 };
    while (thrift_next(rd, &f)) {
        if (f.id == 1 && f.type == THRIFT_BINARY) {
            e->crs = thrift_binary(rd);
        } else if (f.id == 2 && f.type == THRIFT_I32) {
            int64_t n = thrift_int(rd);
            if (n >= 0 && (size_t)n < ALGORITHMS_N)
                e->algorithm = algorithms[n];
        } else {
            thrift_skip(rd, f.type, false);
        }
    }
}

static void read_logical(struct thrift_rd *rd, struct parquet_element *e)
{
    static const struct {
        int16_t id;
        enum parquet_logical logical;
        void (*read)(struct thrift_rd *rd, struct parquet_element *e);
    } known[] = {
        { LOGICAL_TIMESTAMP, PARQUET_TIMESTAMP, read_timestamp },
        { LOGICAL_VARIANT, PARQUET_VARIANT, NULL },
        { LOGICAL_GEOMETRY, PARQUET_GEOMETRY, read_geo },
        { LOGICAL_GEOGRAPHY, PARQUET_GEOGRAPHY, read_geo },
    };
    struct thrift_field f = { 0 };
    while (thrift_next(rd, &f)) {
        size_t i = 0;
        while (i < sizeof known / sizeof *known && known[i].id != f.id)
            i++;
        bool is_known = i < sizeof known / sizeof *known && f.type == THRIFT_STRUCT;
        if (is_known)
            e->logical = known[i].logical;
        if (is_known && known[i].read)
            known[i].read(rd, e);
        else
            thrift_skip(rd, f.type, false);
    }
}

static void read_element(struct thrift_rd *rd, struct parquet_element *e)
{
    struct thrift_field f = { 0 };
    *e = (struct parquet_element){ .id = -1, .type = -1 };
    while (thrift_next(rd, &f)) {
        if (f.type == THRIFT_I32 && f.id == ELEMENT_TYPE)
            e->type = (int32_t)thrift_int(rd);
        else if (f.type == THRIFT_I32 && f.id == ELEMENT_LENGTH)
            e->length = (int32_t)thrift_int(rd);
        else if (f.type == THRIFT_I32 && f.id == ELEMENT_REPETITION)
            e->repetition = (int32_t)thrift_int(rd);
        else if (f.type == THRIFT_I32 && f.id == ELEMENT_CHILDREN)
            e->children_n = (int32_t)thrift_int(rd);
        else if (f.type == THRIFT_I32 && f.id == ELEMENT_ID)
            e->id = (int32_t)thrift_int(rd);
        else if (f.type == THRIFT_BINARY && f.id == ELEMENT_NAME)
            e->name = thrift_binary(rd);
        else if (f.type == THRIFT_STRUCT && f.id == ELEMENT_LOGICAL)
            read_logical(rd, e);
        else
            thrift_skip(rd, f.type, false);
    }
}

/* A list's head whose elements are structs. */
static size_t struct_list(struct thrift_rd *rd, struct thrift_field f, size_t max)
{
    enum thrift_type element = THRIFT_STRUCT;
    size_t n = f.type == THRIFT_LIST ? thrift_list(rd, &element) : 0;
    if (f.type != THRIFT_LIST || (n && element != THRIFT_STRUCT) || n > max)
        rd->bad = true;
    return rd->bad ? 0 : n;
}

bool parquet_footer_read(str footer, struct arena *a, struct parquet_element **out, size_t *n,
                         struct error *err)
{
    struct thrift_rd rd = thrift_rd_of(footer);
    struct thrift_field f = { 0 };
    *n = 0;
    while (thrift_next(&rd, &f)) {
        if (f.id != FILE_SCHEMA || *n) {
            thrift_skip(&rd, f.type, false);
            continue;
        }
        size_t elements_n = struct_list(&rd, f, PARQUET_ELEMENTS_MAX);
        *out = arena_array(a, struct parquet_element, elements_n);
        for (; *n < elements_n && !rd.bad; ++*n)
            read_element(&rd, &(*out)[*n]);
    }
    return (!rd.bad && *n) || damaged(err);
}

/* The elements that are columns of the file. */
struct leaves {
    size_t *at;
    size_t n;
};

static bool find_leaves(str footer, struct arena *a, struct leaves *out, struct error *err)
{
    struct parquet_element *e;
    size_t n;
    if (!parquet_footer_read(footer, a, &e, &n, err))
        return false;
    *out = (struct leaves){ .at = arena_array(a, size_t, n) };
    for (size_t i = 1; i < n; i++)
        if (e[i].type >= 0)
            out->at[out->n++] = i;
    return true;
}

/* Reading chunks. */

static void read_meta(struct thrift_rd *rd, struct parquet_chunk *c)
{
    struct thrift_field f = { 0 };
    int64_t data = 0, dictionary = 0;
    while (thrift_next(rd, &f)) {
        if (f.type != THRIFT_I32 && f.type != THRIFT_I64) {
            thrift_skip(rd, f.type, false);
            continue;
        }
        int64_t v = thrift_int(rd);
        if (f.id == META_CODEC)
            c->codec = (int32_t)v;
        else if (f.id == META_VALUES)
            c->values = v;
        else if (f.id == META_PACKED)
            c->size = v;
        else if (f.id == META_DATA)
            data = v;
        else if (f.id == META_DICTIONARY)
            dictionary = v;
    }
    c->start = dictionary > 0 && dictionary < data ? dictionary : data;
    if (c->start < 0 || c->size < 0 || c->size > INT64_MAX - c->start)
        rd->bad = true;
}

static void read_chunk(struct thrift_rd *rd, struct parquet_chunk *c)
{
    struct thrift_field f = { 0 };
    while (thrift_next(rd, &f)) {
        if (f.id == CHUNK_META && f.type == THRIFT_STRUCT)
            read_meta(rd, c);
        else
            thrift_skip(rd, f.type, false);
    }
}

struct chunks {
    VEC(struct parquet_chunk) list;
};

static void read_group(struct thrift_rd *rd, const struct leaves *leaves, struct arena *a,
                       struct chunks *chunks)
{
    struct thrift_field f = { 0 };
    while (thrift_next(rd, &f)) {
        if (f.id != GROUP_COLUMNS) {
            thrift_skip(rd, f.type, false);
            continue;
        }
        size_t n = struct_list(rd, f, PARQUET_CHUNKS_MAX - chunks->list.n);
        if (n != leaves->n)
            rd->bad = true;
        for (size_t i = 0; i < n && !rd->bad; i++) {
            struct parquet_chunk *c = vec_push(a, &chunks->list);
            c->element = leaves->at[i];
            read_chunk(rd, c);
        }
    }
}

bool parquet_footer_chunks(str footer, struct arena *a, struct parquet_chunk **out, size_t *n,
                           struct error *err)
{
    struct thrift_rd rd = thrift_rd_of(footer);
    struct thrift_field f = { 0 };
    struct chunks chunks = { 0 };
    struct leaves leaves;
    if (!find_leaves(footer, a, &leaves, err))
        return false;
    while (thrift_next(&rd, &f)) {
        size_t groups_n = f.id == FILE_ROW_GROUPS ? struct_list(&rd, f, PARQUET_CHUNKS_MAX) : 0;
        if (f.id != FILE_ROW_GROUPS)
            thrift_skip(&rd, f.type, false);
        for (size_t i = 0; i < groups_n && !rd.bad; i++)
            read_group(&rd, &leaves, a, &chunks);
    }
    *out = chunks.list.at;
    *n = chunks.list.n;
    return !rd.bad || damaged(err);
}

/* Copying. */

struct copy {
    struct thrift_rd rd;
    struct buf *out;
    const struct leaves *leaves;
    const struct parquet_change *changes;
    size_t changes_n;
    const struct parquet_moves *moves;
};

static const struct parquet_change *change_of(const struct copy *c, size_t element)
{
    for (size_t i = 0; i < c->changes_n; i++)
        if (c->changes[i].element == element)
            return &c->changes[i];
    return NULL;
}

static void put_timestamp(struct buf *out, const struct parquet_change *ch)
{
    int16_t last = 0, unit = 0;
    thrift_put_bool_field(out, &last, 1, ch->utc);
    thrift_put_field(out, &last, 2, THRIFT_STRUCT);
    thrift_put_field(out, &unit, PARQUET_NANOS, THRIFT_STRUCT);
    thrift_put_stop(out);
    thrift_put_stop(out);
}

static void put_geo(struct buf *out, const struct parquet_change *ch)
{
    int16_t last = 0;
    if (ch->crs.len)
        thrift_put_text_field(out, &last, 1, ch->crs);
    for (size_t i = 0; ch->logical == PARQUET_GEOGRAPHY && i < ALGORITHMS_N; i++)
        if (ch->algorithm.len && str_eq_nocase(ch->algorithm, algorithms[i]))
            thrift_put_i32_field(out, &last, 2, (int64_t)i);
}

static void put_logical(struct buf *out, const struct parquet_change *ch)
{
    static const int16_t ids[] = { [PARQUET_TIMESTAMP] = LOGICAL_TIMESTAMP,
                                   [PARQUET_VARIANT] = LOGICAL_VARIANT,
                                   [PARQUET_GEOMETRY] = LOGICAL_GEOMETRY,
                                   [PARQUET_GEOGRAPHY] = LOGICAL_GEOGRAPHY };
    int16_t last = 0, version = 0;
    if (ch->logical != PARQUET_PLAIN) {
        thrift_put_field(out, &last, ids[ch->logical], THRIFT_STRUCT);
        if (ch->logical == PARQUET_TIMESTAMP) {
            put_timestamp(out, ch);
        } else if (ch->logical == PARQUET_VARIANT) {
            thrift_put_field(out, &version, 1, THRIFT_BYTE);
            buf_add_char(out, 1);
        } else {
            put_geo(out, ch);
        }
        thrift_put_stop(out);
    }
    thrift_put_stop(out);
}

static void copy_element(struct copy *c, size_t index)
{
    const struct parquet_change *ch = change_of(c, index);
    struct thrift_field f = { 0 };
    int16_t last = 0;
    while (thrift_next(&c->rd, &f)) {
        bool dropped = ch && ch->annotate && (f.id == ELEMENT_LOGICAL || f.id == ELEMENT_CONVERTED);
        bool retyped = ch && ch->fixed > 0 && (f.id == ELEMENT_TYPE || f.id == ELEMENT_LENGTH);
        if (dropped || retyped)
            thrift_skip(&c->rd, f.type, false);
        else
            thrift_copy_field(&c->rd, f, c->out, &last);
    }
    if (ch && ch->fixed > 0) {
        thrift_put_i32_field(c->out, &last, ELEMENT_TYPE, PARQUET_FIXED);
        thrift_put_i32_field(c->out, &last, ELEMENT_LENGTH, ch->fixed);
    }
    if (ch && ch->annotate && ch->logical != PARQUET_PLAIN) {
        thrift_put_field(c->out, &last, ELEMENT_LOGICAL, THRIFT_STRUCT);
        put_logical(c->out, ch);
    }
    thrift_put_stop(c->out);
}

static void copy_meta_field(struct copy *c, struct thrift_field f, const struct parquet_change *ch,
                            int64_t start, int16_t *last)
{
    const struct parquet_moves *m = c->moves;
    bool is_offset =
        f.id == META_DATA || f.id == META_INDEX || f.id == META_DICTIONARY || f.id == META_BLOOM;
    bool is_size = f.id == META_BYTES || f.id == META_PACKED;
    bool bloom = f.id == META_BLOOM || f.id == META_BLOOM_LENGTH;
    if ((bloom && ch && ch->no_bloom) || (f.id == META_EXTENTS && ch && ch->no_extents)) {
        thrift_skip(&c->rd, f.type, false);
    } else if (f.id == META_TYPE && ch && ch->fixed > 0) {
        thrift_skip(&c->rd, f.type, false);
        thrift_put_i32_field(c->out, last, META_TYPE, PARQUET_FIXED);
    } else if (m && is_offset && f.type == THRIFT_I64) {
        thrift_put_i64_field(c->out, last, f.id, m->move(m->ctx, thrift_int(&c->rd)));
    } else if (m && is_size && f.type == THRIFT_I64) {
        int64_t size = thrift_int(&c->rd);
        thrift_put_i64_field(c->out, last, f.id,
                             size + m->grow(m->ctx, start, f.id == META_PACKED));
    } else {
        thrift_copy_field(&c->rd, f, c->out, last);
    }
}

static void copy_meta(struct copy *c, size_t element)
{
    struct parquet_chunk where = { 0 };
    struct thrift_rd ahead = c->rd;
    struct thrift_field f = { 0 };
    int16_t last = 0;
    read_meta(&ahead, &where);
    while (thrift_next(&c->rd, &f))
        copy_meta_field(c, f, change_of(c, element), where.start, &last);
    thrift_put_stop(c->out);
}

static void copy_chunk(struct copy *c, size_t element)
{
    struct thrift_field f = { 0 };
    int16_t last = 0;
    while (thrift_next(&c->rd, &f)) {
        if (f.id == CHUNK_META && f.type == THRIFT_STRUCT) {
            thrift_put_field(c->out, &last, f.id, f.type);
            copy_meta(c, element);
        } else if (c->moves && f.id == CHUNK_OFFSET && f.type == THRIFT_I64) {
            int64_t at = thrift_int(&c->rd);
            thrift_put_i64_field(c->out, &last, f.id, at ? c->moves->move(c->moves->ctx, at) : 0);
        } else if (c->moves && f.id > CHUNK_META && f.id < 8) {
            thrift_skip(&c->rd, f.type, false); /* page indexes do not move along */
        } else {
            thrift_copy_field(&c->rd, f, c->out, &last);
        }
    }
    thrift_put_stop(c->out);
}

/* A row group's own sums grow as its chunks do. */
static void copy_group_field(struct copy *c, struct thrift_field f, struct thrift_rd columns,
                             int16_t *last)
{
    const struct parquet_moves *m = c->moves;
    bool is_sum = f.id == GROUP_BYTES || f.id == GROUP_PACKED;
    if (!m || f.type != THRIFT_I64 || (!is_sum && f.id != GROUP_OFFSET)) {
        thrift_copy_field(&c->rd, f, c->out, last);
        return;
    }
    int64_t v = thrift_int(&c->rd);
    if (f.id == GROUP_OFFSET) {
        thrift_put_i64_field(c->out, last, f.id, v ? m->move(m->ctx, v) : 0);
        return;
    }
    struct thrift_field list = { .id = GROUP_COLUMNS, .type = THRIFT_LIST };
    size_t n = struct_list(&columns, list, PARQUET_CHUNKS_MAX);
    for (size_t i = 0; i < n && !columns.bad; i++) {
        struct parquet_chunk chunk = { 0 };
        read_chunk(&columns, &chunk);
        v += m->grow(m->ctx, chunk.start, f.id == GROUP_PACKED);
    }
    thrift_put_i64_field(c->out, last, f.id, v);
}

static void copy_group(struct copy *c)
{
    struct thrift_field f = { 0 };
    struct thrift_rd columns = { 0 };
    int16_t last = 0;
    while (thrift_next(&c->rd, &f)) {
        if (f.id != GROUP_COLUMNS) {
            copy_group_field(c, f, columns, &last);
            continue;
        }
        columns = c->rd;
        size_t n = struct_list(&c->rd, f, PARQUET_CHUNKS_MAX);
        if (n != c->leaves->n)
            c->rd.bad = true;
        thrift_put_field(c->out, &last, f.id, f.type);
        thrift_put_list(c->out, n, THRIFT_STRUCT);
        for (size_t i = 0; i < n && !c->rd.bad; i++)
            copy_chunk(c, c->leaves->at[i]);
    }
    thrift_put_stop(c->out);
}

static void copy_list(struct copy *c, struct thrift_field f, int16_t *last)
{
    bool groups = f.id == FILE_ROW_GROUPS;
    size_t n = struct_list(&c->rd, f, groups ? PARQUET_CHUNKS_MAX : PARQUET_ELEMENTS_MAX);
    thrift_put_field(c->out, last, f.id, f.type);
    thrift_put_list(c->out, n, THRIFT_STRUCT);
    for (size_t i = 0; i < n && !c->rd.bad; i++) {
        if (groups)
            copy_group(c);
        else
            copy_element(c, i);
    }
}

bool parquet_footer_change(str footer, const struct parquet_change *changes, size_t n,
                           const struct parquet_moves *moves, struct buf *out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct leaves leaves;
    struct copy c = { thrift_rd_of(footer), out, &leaves, changes, n, moves };
    struct thrift_field f = { 0 };
    int16_t last = 0;
    bool ok = find_leaves(footer, a, &leaves, err);
    while (ok && thrift_next(&c.rd, &f)) {
        if (f.id == FILE_SCHEMA || f.id == FILE_ROW_GROUPS)
            copy_list(&c, f, &last);
        else
            thrift_copy_field(&c.rd, f, out, &last);
    }
    thrift_put_stop(out);
    arena_destroy(a);
    return ok && (!c.rd.bad || damaged(err)) && buf_ok(out, "a footer", err);
}
