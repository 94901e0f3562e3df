/* SPDX-License-Identifier: Apache-2.0
 *
 * Container files: header (magic, metadata, sync marker), then blocks (record count, byte count, packed
 * records, sync marker) to the end of the file.  A block's claims are checked before its bytes are
 * unpacked: it must lie inside the file and be followed by the marker; unpacked it may be at most
 * AVRO_RATIO_MAX times as large; and every record takes a byte or more. */
#include "codec/avro.h"

#include "base/vec.h"
#include "codec/compress.h"

#define MAGIC STR("Obj\x01")
#define SYNC_LEN 16
#define BLOCK_TARGET ((size_t)64 << 10)
#define OPEN_BYTES ((size_t)256 << 10) /* of arena that a header may need */
#define RATIO_SLACK 4096               /* what small blocks may unpack to at any ratio */

static const struct {
    const char *name;
    enum compression how;
} codecs[] = {
    [AVRO_CODEC_NULL] = { "null", COMPRESSION_NONE },
    [AVRO_CODEC_DEFLATE] = { "deflate", COMPRESSION_DEFLATE },
    [AVRO_CODEC_SNAPPY] = { "snappy", COMPRESSION_SNAPPY },
    [AVRO_CODEC_ZSTD] = { "zstandard", COMPRESSION_ZSTD },
};

/* ---- values ---- */

static int64_t bad_value(struct avro_rd *rd)
{
    rd->bad = true;
    rd->p = rd->end;
    return 0;
}

int64_t avro_long_slow(struct avro_rd *rd)
{
    uint64_t u = 0;
    const uint8_t *p = rd->p, *last = rd->end - p > 10 ? p + 10 : rd->end;
    for (int shift = 0; p < last; shift += 7) {
        uint64_t byte = *p++;
        u |= (byte & 0x7f) << shift;
        if (byte >= 0x80)
            continue;
        if (shift == 63 && byte > 1)
            break; /* more than 64 bits */
        rd->p = p;
        return (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
    }
    return bad_value(rd);
}

/* As avro_long, without putting the value together; so the range of an int is not looked at. */
static inline void skip_long(struct avro_rd *rd)
{
    const uint8_t *p = rd->p, *last = rd->end - p > 10 ? p + 10 : rd->end;
    while (p < last && *p >= 0x80)
        p++;
    if (p == last || (p - rd->p == 9 && *p > 1))
        (void)bad_value(rd);
    else
        rd->p = p + 1;
}

bool avro_items_block(struct avro_rd *rd, struct avro_items *it)
{
    if (it->done || rd->bad)
        return false;
    int64_t n = avro_long(rd);
    if (n < 0) {
        int64_t bytes = avro_long(rd);
        rd->bad |= bytes < 0 || bytes > rd->end - rd->p || n == INT64_MIN;
        n = rd->bad ? 0 : -n;
    }
    rd->bad |= n > rd->end - rd->p;
    it->done = rd->bad || n == 0;
    if (it->done)
        return false;
    it->left = (uint64_t)n - 1;
    return true;
}

/* Manifests are mostly arrays of records of these: they are worth sparing a call. */
static inline void skip_inline(const struct avro_schema *s, struct avro_rd *rd)
{
    if (s->kind == AVRO_LONG || s->kind == AVRO_INT)
        skip_long(rd);
    else if (s->kind == AVRO_BYTES || s->kind == AVRO_STRING)
        (void)avro_bytes(rd);
    else
        avro_skip(s, rd);
}

static void skip_record(const struct avro_schema *s, struct avro_rd *rd)
{
    for (size_t i = 0; i < s->n; i++)
        skip_inline(s->fields[i].type, rd);
}

static void skip_items(const struct avro_schema *s, struct avro_rd *rd)
{
    struct avro_items it = { 0 };
    while (avro_items_next(rd, &it)) {
        if (s->kind == AVRO_MAP)
            (void)avro_bytes(rd);
        if (s->items->kind == AVRO_RECORD)
            skip_record(s->items, rd);
        else
            skip_inline(s->items, rd);
    }
}

void avro_skip(const struct avro_schema *s, struct avro_rd *rd)
{
    switch (s->kind) {
    case AVRO_NULL:
        break;
    case AVRO_BOOLEAN:
        (void)avro_bool(rd);
        break;
    case AVRO_INT:
        (void)avro_int(rd);
        break;
    case AVRO_LONG:
        skip_long(rd);
        break;
    case AVRO_FLOAT:
        (void)avro_fixed(rd, 4);
        break;
    case AVRO_DOUBLE:
        (void)avro_fixed(rd, 8);
        break;
    case AVRO_BYTES:
    case AVRO_STRING:
        (void)avro_bytes(rd);
        break;
    case AVRO_FIXED:
        (void)avro_fixed(rd, s->size);
        break;
    case AVRO_ENUM:
        (void)avro_index(rd, s->n);
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        skip_items(s, rd);
        break;
    case AVRO_RECORD:
        skip_record(s, rd);
        break;
    case AVRO_UNION:
        avro_skip(s->branches[avro_index(rd, s->n)], rd);
        break;
    }
}

/* ---- reading files ---- */

str avro_meta_get(const struct avro_reader *r, const char *key)
{
    for (size_t i = 0; i < r->meta_n; i++)
        if (str_is(r->meta[i].key, key))
            return r->meta[i].value;
    return (str){ 0 };
}

static bool read_header(struct avro_reader *r, str file, struct arena *a, struct error *err)
{
    struct avro_rd rd = avro_rd_of(file);
    VEC(struct avro_meta) meta = { 0 };
    struct avro_items it = { 0 };
    if (!str_eq(avro_fixed(&rd, MAGIC.len), MAGIC))
        return fail(err, ERR_CORRUPT, "not an Avro file");
    while (avro_items_next(&rd, &it)) {
        if (meta.n == AVRO_META_MAX)
            return fail(err, ERR_LIMIT, "Avro header has more than %d entries", AVRO_META_MAX);
        struct avro_meta *m = vec_push(a, &meta);
        m->key = avro_bytes(&rd);
        m->value = avro_bytes(&rd);
    }
    str sync = avro_fixed(&rd, SYNC_LEN);
    if (rd.bad)
        return fail(err, ERR_CORRUPT, "Avro header is cut short");
    memcpy(r->sync, sync.ptr, SYNC_LEN);
    r->meta = meta.at;
    r->meta_n = meta.n;
    r->rest = str_make(rd.p, (size_t)(rd.end - rd.p));
    return true;
}

static bool find_codec(struct avro_reader *r, struct error *err)
{
    str name = avro_meta_get(r, "avro.codec");
    r->codec = AVRO_CODEC_NULL;
    if (name.len == 0)
        return true;
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        if (str_is(name, codecs[i].name)) {
            r->codec = (enum avro_codec)i;
            return true;
        }
    }
    return fail(err, ERR_UNSUPPORTED, "Avro codec \"" STR_FMT "\"", STR_ARG(name));
}

bool avro_open(struct avro_reader *r, str file, struct arena *a, struct error *err)
{
    *r = (struct avro_reader){ .file_len = file.len };
    if (arena_left(a) < OPEN_BYTES)
        return fail(err, ERR_LIMIT, "no memory is left for an Avro file");
    if (!read_header(r, file, a, err) || !find_codec(r, err))
        return false;
    r->schema_text = avro_meta_get(r, "avro.schema");
    if (!avro_schema_parse(r->schema_text, a, &r->schema, err))
        return false;
    if (r->codec != AVRO_CODEC_NULL) {
        r->scratch = arena_new(a, struct buf);
        buf_init(r->scratch, AVRO_BLOCK_MAX);
        buf_in_arena(r->scratch, a);
    }
    return true;
}

/* Errors of the block that was read last. */
static bool fail_block(const struct avro_reader *r, struct error *err)
{
    return fail_in(err, "Avro block %llu, before byte %zu", (unsigned long long)r->block,
                   r->file_len - r->rest.len);
}

static bool check_crc(str packed, str unpacked, struct error *err)
{
    const uint8_t *p = (const uint8_t *)packed.ptr + packed.len - 4;
    uint32_t want = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    if (crc32_of(0, unpacked) == want)
        return true;
    return fail(err, ERR_CORRUPT, "checksum does not match");
}

static bool unpack(struct avro_reader *r, str packed, str *out, struct error *err)
{
    size_t max = packed.len * AVRO_RATIO_MAX + RATIO_SLACK;
    bool snappy = r->codec == AVRO_CODEC_SNAPPY;
    *out = packed;
    if (r->codec == AVRO_CODEC_NULL)
        return true;
    if (snappy && packed.len < 4)
        return fail(err, ERR_CORRUPT, "no checksum");
    buf_clear(r->scratch);
    str data = str_sub(packed, 0, packed.len - (snappy ? 4 : 0));
    if (!decompress_bytes(codecs[r->codec].how, data, max < AVRO_BLOCK_MAX ? max : AVRO_BLOCK_MAX,
                          r->scratch, err))
        return false;
    *out = buf_str(r->scratch);
    return !snappy || check_crc(packed, *out, err);
}

/* Cuts the next block off r->rest. */
static bool cut_block(struct avro_reader *r, int64_t *count, str *packed, struct error *err)
{
    struct avro_rd rd = avro_rd_of(r->rest);
    *count = avro_long(&rd);
    *packed = avro_bytes(&rd);
    str sync = avro_fixed(&rd, SYNC_LEN);
    if (rd.bad || *count < 0)
        return fail(err, ERR_CORRUPT, "cut short or not a block");
    if (memcmp(sync.ptr, r->sync, SYNC_LEN) != 0)
        return fail(err, ERR_CORRUPT, "sync marker does not match");
    if (packed->len > AVRO_BLOCK_MAX)
        return fail(err, ERR_LIMIT, "%zu bytes are more than %zu", packed->len, AVRO_BLOCK_MAX);
    r->rest = str_make(rd.p, (size_t)(rd.end - rd.p));
    return true;
}

static bool keep_bytes(struct arena *keep, str *bytes, struct error *err)
{
    size_t left = arena_left(keep);
    if (left < 64 || bytes->len > left - 64)
        return fail(err, ERR_LIMIT, "%zu bytes do not fit into the memory allowed", bytes->len);
    *bytes = arena_str(keep, *bytes);
    return true;
}

bool avro_next_block(struct avro_reader *r, struct arena *keep, struct avro_rd *rd, size_t *count,
                     struct error *err)
{
    str packed = { 0 }, bytes = { 0 };
    int64_t n = 0;
    *count = 0;
    *rd = (struct avro_rd){ 0 };
    while (n == 0) {
        if (r->rest.len == 0)
            return true;
        r->block++;
        if (!cut_block(r, &n, &packed, err))
            return fail_block(r, err);
    }
    if (!unpack(r, packed, &bytes, err))
        return fail_block(r, err);
    if ((uint64_t)n > bytes.len) {
        fail(err, ERR_CORRUPT, "%lld records in %zu bytes", (long long)n, bytes.len);
        return fail_block(r, err);
    }
    if (keep && r->codec != AVRO_CODEC_NULL && !keep_bytes(keep, &bytes, err))
        return fail_block(r, err);
    *rd = avro_rd_of(bytes);
    *count = (size_t)n;
    return true;
}

bool avro_end_block(const struct avro_reader *r, const struct avro_rd *rd, struct error *err)
{
    if (!rd->bad && rd->p == rd->end)
        return true;
    if (rd->bad)
        fail(err, ERR_CORRUPT, "a record is malformed or cut short");
    else
        fail(err, ERR_CORRUPT, "%zu bytes after the last record", (size_t)(rd->end - rd->p));
    return fail_block(r, err);
}

/* ---- writing files ---- */

void avro_put_long(struct buf *b, int64_t v)
{
    char bytes[10];
    size_t n = 0;
    uint64_t u = (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
    for (; u >= 0x80; u >>= 7)
        bytes[n++] = (char)(u | 0x80);
    bytes[n++] = (char)u;
    buf_add(b, bytes, n);
}

void avro_put_float(struct buf *b, float v)
{
    buf_add(b, &v, sizeof v); /* little endian, as both of our machines are */
}

void avro_put_double(struct buf *b, double v)
{
    buf_add(b, &v, sizeof v);
}

static void put_pair(struct buf *out, str key, str value)
{
    avro_put_bytes(out, key);
    avro_put_bytes(out, value);
}

bool avro_writer_init(struct avro_writer *w, struct buf *out, str schema_text,
                      const struct avro_meta *meta, size_t meta_n, enum avro_codec codec,
                      const char sync[16], struct error *err)
{
    *w = (struct avro_writer){ .out = out, .codec = codec, .block_bytes = BLOCK_TARGET };
    buf_init(&w->block, AVRO_BLOCK_MAX);
    memcpy(w->sync, sync, SYNC_LEN);
    buf_add_str(out, MAGIC);
    avro_put_long(out, (int64_t)meta_n + 2);
    put_pair(out, STR("avro.schema"), schema_text);
    put_pair(out, STR("avro.codec"), str_of(codecs[codec].name));
    for (size_t i = 0; i < meta_n; i++)
        put_pair(out, meta[i].key, meta[i].value);
    avro_put_long(out, 0);
    buf_add(out, sync, SYNC_LEN);
    return buf_ok(out, "Avro file", err);
}

static bool pack(struct avro_writer *w, struct buf *packed, struct error *err)
{
    str block = buf_str(&w->block);
    if (!compress_bytes(codecs[w->codec].how, 0, block, packed, err))
        return false;
    if (w->codec == AVRO_CODEC_SNAPPY) {
        uint32_t crc = crc32_of(0, block);
        for (int shift = 24; shift >= 0; shift -= 8)
            buf_add_char(packed, (char)(crc >> shift));
    }
    return buf_ok(packed, "Avro block", err);
}

static bool write_block(struct avro_writer *w, struct error *err)
{
    struct buf packed = BUF_INIT(AVRO_BLOCK_MAX + AVRO_BLOCK_MAX / 4);
    bool ok = buf_ok(&w->block, "Avro block", err) && pack(w, &packed, err);
    if (ok) {
        avro_put_long(w->out, (int64_t)w->count);
        avro_put_bytes(w->out, buf_str(&packed));
        buf_add(w->out, w->sync, SYNC_LEN);
        ok = buf_ok(w->out, "Avro file", err);
    }
    buf_deinit(&packed);
    buf_clear(&w->block);
    w->count = 0;
    return ok;
}

bool avro_end_record(struct avro_writer *w, struct error *err)
{
    w->count++;
    if (w->block.len < w->block_bytes && !w->block.overflow)
        return true;
    return write_block(w, err);
}

bool avro_writer_finish(struct avro_writer *w, struct error *err)
{
    return w->count == 0 || write_block(w, err);
}

void avro_writer_deinit(struct avro_writer *w)
{
    buf_deinit(&w->block);
}
