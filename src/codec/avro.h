/* SPDX-License-Identifier: Apache-2.0
 *
 * Avro object container files (Avro 1.11 specification), as Iceberg uses them: the schema keeps the
 * attributes that Iceberg adds (field-id, element-id, key-id, value-id, logicalType, adjust-to-utc)
 * and decoding is left to the caller, who walks the writer's schema once, then reads each record
 * with the inline primitives below.
 *
 * Everything in a file is hostile: sizes are compared with the bytes that are left and with the
 * limits below before anything is allocated.  No I/O: files are bytes in memory. */
#ifndef FIRN_CODEC_AVRO_H
#define FIRN_CODEC_AVRO_H

#include "base/buf.h"

#define AVRO_SCHEMA_BYTES_MAX ((size_t)8 << 20)
#define AVRO_DEPTH_MAX 32                  /* nesting of a schema */
#define AVRO_EMPTY_MAX 64                  /* types that take no bytes in a schema */
#define AVRO_NAMES_MAX 4096                /* named types in a schema */
#define AVRO_NAME_BYTES_MAX 1024           /* of a name, of a namespace */
#define AVRO_NODES_MAX 100000              /* types in a schema, named ones counted at each use */
#define AVRO_META_MAX 1024                 /* key-value pairs in a header */
#define AVRO_BLOCK_MAX ((size_t)128 << 20) /* bytes of one block, unpacked */
#define AVRO_RATIO_MAX 1100                /* unpacked to packed; deflate cannot exceed 1032 */

enum avro_kind {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING,
    AVRO_FIXED,
    AVRO_ENUM,
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_RECORD,
    AVRO_UNION,
};

#define AVRO_NO_ID (-1)

/* A type; immutable.  A named type that is used twice is one object with two parents. */
struct avro_schema {
    enum avro_kind kind;
    bool adjust_to_utc;                   /* "adjust-to-utc": true */
    int32_t precision, scale;             /* logicalType decimal */
    int32_t element_id, key_id, value_id; /* of arrays and maps; AVRO_NO_ID when absent */
    size_t size;                          /* of fixed */
    str name;                             /* full name of records, enums, fixed; else empty */
    str logical;                          /* logicalType, or empty */
    const struct avro_schema *items;      /* of arrays: elements; of maps: values */
    struct avro_field *fields;            /* of records: n of them */
    const struct avro_schema **branches;  /* of unions: n of them */
    str *symbols;                         /* of enums: n of them */
    size_t n;
    /* For the limits: types below and including this one, those of them that take no bytes, levels. */
    size_t nodes, empty, height;
};

struct avro_field {
    str name;
    int32_t id; /* field-id, or AVRO_NO_ID */
    const struct avro_schema *type;
};

/* Parses a schema.  It lives in `a`, strings point into `text`.  Types that contain themselves are
 * ERR_UNSUPPORTED; anything malformed is ERR_CORRUPT; sizes over the limits are ERR_LIMIT. */
MUST_USE bool avro_schema_parse(str text, struct arena *a, const struct avro_schema **out,
                                struct error *err);

/* For ["null", T] and [T, "null"]: T, and which branch is null; otherwise NULL. */
const struct avro_schema *avro_optional(const struct avro_schema *s, size_t *null_branch);

/* The field with this id, or of this name when no field of the record has an id; NULL when absent. */
const struct avro_field *avro_field_by_id(const struct avro_schema *record, int32_t id);
const struct avro_field *avro_field_by_name(const struct avro_schema *record, const char *name);

/* The specification's word. */
const char *avro_kind_name(enum avro_kind kind);

enum avro_codec { AVRO_CODEC_NULL, AVRO_CODEC_DEFLATE, AVRO_CODEC_SNAPPY, AVRO_CODEC_ZSTD };

struct avro_meta {
    str key, value;
};

/* Reads a container file.  Fields are for reading; all views end with the file's bytes or the arena. */
struct avro_reader {
    const struct avro_schema *schema;
    str schema_text;
    struct avro_meta *meta; /* all of the header, avro.schema and avro.codec included */
    size_t meta_n;
    enum avro_codec codec;
    str rest; /* bytes after the last block that was read */
    size_t file_len;
    uint64_t block; /* number of the next block */
    char sync[16];
    struct buf *scratch; /* the unpacked block; in the arena */
};

/* A cursor over encoded values.  Reading past the end sets `bad`, which is sticky; values read then
 * are 0 or empty.  Check it once a record. */
struct avro_rd {
    const uint8_t *p, *end;
    bool bad;
};

/* Reads header and schema.  Keep `file` as long as the reader; schema, metadata and buffers live in
 * `a`.  ERR_CORRUPT, ERR_UNSUPPORTED (codec), ERR_LIMIT. */
MUST_USE bool avro_open(struct avro_reader *r, str file, struct arena *a, struct error *err);

/* The header's value, or an empty view. */
str avro_meta_get(const struct avro_reader *r, const char *key);

/* The next block that has records: their number and their bytes; *count is 0 at the end of the file.
 * With `keep` the bytes live there, otherwise until the next call.  ERR_CORRUPT, ERR_LIMIT. */
MUST_USE bool avro_next_block(struct avro_reader *r, struct arena *keep, struct avro_rd *rd,
                              size_t *count, struct error *err);

/* Call after the last record of a block: fails with ERR_CORRUPT when a record was cut short or bytes
 * are left over. */
MUST_USE bool avro_end_block(const struct avro_reader *r, const struct avro_rd *rd,
                             struct error *err);

/* Steps over one value. */
void avro_skip(const struct avro_schema *s, struct avro_rd *rd);

static inline struct avro_rd avro_rd_of(str bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.ptr;
    return (struct avro_rd){ p, p + bytes.len, false };
}

int64_t avro_long_slow(struct avro_rd *rd); /* more than two bytes, or none; use avro_long */

/* int, long, and every count: zigzag varint. */
static inline int64_t avro_long(struct avro_rd *rd)
{
    const uint8_t *p = rd->p;
    uint64_t u;
    if (__builtin_expect(rd->end - p < 2, 0))
        return avro_long_slow(rd);
    if (p[0] < 0x80) {
        u = p[0];
        rd->p = p + 1;
    } else if (p[1] < 0x80) {
        u = (uint64_t)p[1] << 7 | (p[0] & 0x7f);
        rd->p = p + 2;
    } else {
        return avro_long_slow(rd);
    }
    return (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
}

static inline int32_t avro_int(struct avro_rd *rd)
{
    int64_t v = avro_long(rd);
    if (v < INT32_MIN || v > INT32_MAX) {
        rd->bad = true;
        return 0;
    }
    return (int32_t)v;
}

/* The next n bytes, as a view. */
static inline str avro_fixed(struct avro_rd *rd, size_t n)
{
    if (__builtin_expect(n > (size_t)(rd->end - rd->p), 0)) {
        rd->bad = true;
        rd->p = rd->end;
        return (str){ 0 };
    }
    str s = { (const char *)rd->p, n };
    rd->p += n;
    return s;
}

/* bytes and string, as a view; strings are not checked for UTF-8. */
static inline str avro_bytes(struct avro_rd *rd)
{
    int64_t n = avro_long(rd);
    return avro_fixed(rd, n < 0 ? SIZE_MAX : (size_t)n);
}

static inline bool avro_bool(struct avro_rd *rd)
{
    if (__builtin_expect(rd->p == rd->end || *rd->p > 1, 0)) {
        rd->bad = true;
        return false;
    }
    return *rd->p++ == 1;
}

static inline float avro_float(struct avro_rd *rd)
{
    str s = avro_fixed(rd, 4);
    float v = 0;
    if (s.len)
        memcpy(&v, s.ptr, 4);
    return v;
}

static inline double avro_double(struct avro_rd *rd)
{
    str s = avro_fixed(rd, 8);
    double v = 0;
    if (s.len)
        memcpy(&v, s.ptr, 8);
    return v;
}

/* A union's branch or an enum's symbol, below n; 0 when bad. */
static inline size_t avro_index(struct avro_rd *rd, size_t n)
{
    int64_t i = avro_long(rd);
    if (__builtin_expect(i < 0 || (uint64_t)i >= n, 0)) {
        rd->bad = true;
        return 0;
    }
    return (size_t)i;
}

/* Arrays and maps: `struct avro_items it = { 0 }; while (avro_items_next(&rd, &it)) …` reads an
 * element, or a key and a value, each time round; it ends when rd is bad.  A block may not claim more
 * items than there are bytes left, so it.left is a safe hint for allocation. */
struct avro_items {
    uint64_t left; /* in this block, without the one that was announced last */
    bool done;
};

bool avro_items_block(struct avro_rd *rd, struct avro_items *it); /* use avro_items_next */

static inline bool avro_items_next(struct avro_rd *rd, struct avro_items *it)
{
    if (it->left > 0 && !rd->bad) {
        it->left--;
        return true;
    }
    if (rd->p < rd->end && *rd->p == 0 && !it->done) { /* no further block, as a rule */
        rd->p++;
        it->done = true;
        return false;
    }
    return avro_items_block(rd, it);
}

/* Writes a container file.  Each record: encode it into w->block with the avro_put functions, then
 * avro_end_record.  Blocks are packed and appended to `out` as they fill. */
struct avro_writer {
    struct buf *out;
    struct buf block;
    size_t count;       /* records in the block */
    size_t block_bytes; /* a block is written when it is this large; 64 KiB unless changed */
    enum avro_codec codec;
    char sync[16];
};

/* Writes the header.  `sync` is 16 random bytes; `meta` comes without avro.schema and avro.codec.
 * After it, avro_writer_deinit must be called, whatever else fails. */
MUST_USE bool avro_writer_init(struct avro_writer *w, struct buf *out, str schema_text,
                               const struct avro_meta *meta, size_t meta_n, enum avro_codec codec,
                               const char sync[16], struct error *err);
MUST_USE bool avro_end_record(struct avro_writer *w, struct error *err);
MUST_USE bool avro_writer_finish(struct avro_writer *w, struct error *err); /* the last block */
void avro_writer_deinit(struct avro_writer *w);

/* Encode one value to the end of `b`. */
void avro_put_long(struct buf *b, int64_t v); /* int too, and union branches and counts */
void avro_put_float(struct buf *b, float v);
void avro_put_double(struct buf *b, double v);

static inline void avro_put_bool(struct buf *b, bool v)
{
    buf_add_char(b, v ? 1 : 0);
}

/* string too */
static inline void avro_put_bytes(struct buf *b, str s)
{
    avro_put_long(b, (int64_t)s.len);
    buf_add_str(b, s);
}

#endif
