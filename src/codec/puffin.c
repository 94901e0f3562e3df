/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/puffin.h"

#include "base/vec.h"
#include "codec/compress.h"
#include "codec/json.h"
#include "codec/roaring.h"

#define MAGIC "PFA1"
#define MAGIC_LEN 4
#define FLAG_COMPRESSED 1u /* bit 0 of byte 0; no other is defined */

#define VECTOR_MAGIC "\xD1\xD3\x39\x64"
#define VECTOR_OVERHEAD 12 /* length, magic, checksum */

static uint32_t le32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static uint32_t be32(const char *p)
{
    return __builtin_bswap32(le32(p));
}

static void add_le32(struct buf *out, uint32_t v)
{
    for (int i = 0; i < 4; i++, v >>= 8)
        buf_add_char(out, (char)v);
}

static bool is_magic(const char *p)
{
    return memcmp(p, MAGIC, MAGIC_LEN) == 0;
}

/* ---- The footer */

bool puffin_footer_size(str tail, int64_t file_size, int64_t *out, struct error *err)
{
    if (tail.len < PUFFIN_TAIL || file_size < 2 * MAGIC_LEN + PUFFIN_TAIL)
        return fail(err, ERR_CORRUPT, "%lld bytes are too few for a Puffin file",
                    (long long)file_size);
    const char *p = tail.ptr + tail.len - PUFFIN_TAIL;
    if (!is_magic(p + 8))
        return fail(err, ERR_CORRUPT, "a Puffin file does not end with its magic");
    int64_t payload = le32(p);
    *out = MAGIC_LEN + payload + PUFFIN_TAIL;
    if (payload > INT32_MAX || *out > file_size - MAGIC_LEN)
        return fail(err, ERR_CORRUPT, "a Puffin footer of %lld bytes in a file of %lld",
                    (long long)payload, (long long)file_size);
    if ((size_t)payload > PUFFIN_FOOTER_MAX)
        return fail(err, ERR_LIMIT, "a Puffin footer of %lld bytes is larger than %zu",
                    (long long)payload, PUFFIN_FOOTER_MAX);
    return true;
}

static bool unpack(enum compression how, str in, size_t max, struct arena *a, str *out,
                   struct error *err)
{
    struct buf *b = arena_new(a, struct buf);
    buf_init(b, max);
    buf_in_arena(b, a);
    if (!decompress_bytes(how, in, max, b, err))
        return false;
    *out = buf_str(b);
    return true;
}

static bool parse_properties(const struct json *obj, struct arena *a,
                             const struct puffin_property **out, size_t *n, struct error *err)
{
    const struct json *map;
    *n = 0;
    if (!json_opt_obj(obj, "properties", &map, err))
        return false;
    if (!map)
        return true;
    struct puffin_property *p = arena_array(a, struct puffin_property, map->object.n);
    for (size_t i = 0; i < map->object.n; i++) {
        const struct json_member *m = &map->object.members[i];
        if (m->value.kind != JSON_STR)
            return fail(err, ERR_CORRUPT, "the property \"" STR_FMT "\" is no string",
                        STR_ARG(m->key));
        p[i] = (struct puffin_property){ arena_str(a, m->key), arena_str(a, m->value.s) };
    }
    *out = p;
    *n = map->object.n;
    return true;
}

static bool parse_fields(const struct json *obj, struct arena *a, struct puffin_blob *b,
                         struct error *err)
{
    const struct json *list;
    if (!json_need_array(obj, "fields", &list, err))
        return false;
    int32_t *ids = arena_array(a, int32_t, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        const struct json *v = &list->array.items[i];
        if (v->kind != JSON_INT || v->i < INT32_MIN || v->i > INT32_MAX)
            return fail(err, ERR_CORRUPT, "\"fields\" holds what is no field id");
        ids[i] = (int32_t)v->i;
    }
    b->fields = ids;
    b->fields_n = list->array.n;
    return true;
}

/* `end`: where the footer begins. */
static bool parse_blob(const struct json *obj, int64_t end, struct arena *a, struct puffin_blob *b,
                       struct error *err)
{
    str type, codec;
    if (!json_need_str(obj, "type", &type, err) || !parse_fields(obj, a, b, err) ||
        !json_need_int(obj, "snapshot-id", &b->snapshot_id, err) ||
        !json_need_int(obj, "sequence-number", &b->sequence_number, err) ||
        !json_need_int(obj, "offset", &b->offset, err) ||
        !json_need_int(obj, "length", &b->length, err) ||
        !json_opt_str(obj, "compression-codec", (str){ 0 }, &codec, err) ||
        !parse_properties(obj, a, &b->properties, &b->properties_n, err))
        return false;
    if (b->offset < MAGIC_LEN || b->length < 0 || b->offset > end || b->length > end - b->offset)
        return fail(err, ERR_CORRUPT, "bytes %lld to %lld + %lld lie outside of the blobs",
                    (long long)b->offset, (long long)b->offset, (long long)b->length);
    b->type = arena_str(a, type);
    b->codec = codec.len ? arena_str(a, codec) : (str){ 0 };
    return true;
}

static bool parse_payload(str json_text, int64_t end, struct arena *a, struct puffin *out,
                          struct error *err)
{
    struct json *doc;
    const struct json *list;
    if (!json_parse(json_text, a, &doc, err) || !json_need_array(doc, "blobs", &list, err))
        return false;
    if (list->array.n > PUFFIN_BLOBS_MAX)
        return fail(err, ERR_LIMIT, "%zu blobs are more than %d", list->array.n, PUFFIN_BLOBS_MAX);
    struct puffin_blob *blobs = arena_array(a, struct puffin_blob, list->array.n);
    for (size_t i = 0; i < list->array.n; i++)
        if (!parse_blob(&list->array.items[i], end, a, &blobs[i], err))
            return fail_in(err, "blob %zu", i);
    out->blobs = blobs;
    out->blobs_n = list->array.n;
    return parse_properties(doc, a, &out->properties, &out->properties_n, err);
}

bool puffin_footer_parse(str footer, int64_t file_size, struct arena *a, struct puffin *out,
                         struct error *err)
{
    int64_t size;
    str payload;
    *out = (struct puffin){ 0 };
    if (!puffin_footer_size(footer, file_size, &size, err))
        return false;
    if ((uint64_t)size > footer.len)
        return fail(err, ERR_CORRUPT, "a Puffin footer has %lld bytes, not %zu", (long long)size,
                    footer.len);
    footer = str_from(footer, footer.len - (size_t)size);
    uint32_t flags = le32(footer.ptr + footer.len - 8);
    if (!is_magic(footer.ptr))
        return fail(err, ERR_CORRUPT, "a Puffin footer does not begin with its magic");
    if (flags & ~FLAG_COMPRESSED)
        return fail(err, ERR_UNSUPPORTED, "a Puffin footer has the unknown flags %#x", flags);
    payload = str_sub(footer, MAGIC_LEN, footer.len - PUFFIN_TAIL);
    if ((flags & FLAG_COMPRESSED) &&
        !unpack(COMPRESSION_LZ4, payload, PUFFIN_FOOTER_MAX, a, &payload, err))
        return fail_in(err, "Puffin footer");
    if (parse_payload(payload, file_size - size, a, out, err))
        return true;
    if (err->code == ERR_INVALID)
        err->code = ERR_CORRUPT; /* stored bytes, not a request */
    return fail_in(err, "Puffin footer");
}

bool puffin_parse(str file, struct arena *a, struct puffin *out, struct error *err)
{
    if (file.len < MAGIC_LEN || !is_magic(file.ptr))
        return fail(err, ERR_CORRUPT, "a Puffin file does not begin with its magic");
    return puffin_footer_parse(file, (int64_t)file.len, a, out, err);
}

bool puffin_blob_content(const struct puffin_blob *blob, str stored, size_t max, struct arena *a,
                         str *out, struct error *err)
{
    enum compression how = COMPRESSION_NONE;
    if (stored.len != (uint64_t)blob->length)
        return fail(err, ERR_CORRUPT, "the blob has %zu bytes, not %lld", stored.len,
                    (long long)blob->length);
    if (blob->codec.len && !str_is(blob->codec, "lz4") && !str_is(blob->codec, "zstd"))
        return fail(err, ERR_UNSUPPORTED, "the blob is compressed with " STR_FMT,
                    STR_ARG(blob->codec));
    if (blob->codec.len && compression_parse(blob->codec, &how))
        return unpack(how, stored, max, a, out, err);
    if (stored.len > max)
        return fail(err, ERR_LIMIT, "the blob has %zu bytes, more than %zu", stored.len, max);
    *out = stored;
    return true;
}

str puffin_property_get(const struct puffin_property *at, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(at[i].key, key))
            return at[i].value;
    return (str){ 0 };
}

/* ---- Writing */

void puffin_begin(struct puffin_writer *w, struct buf *out, struct arena *a)
{
    *w = (struct puffin_writer){ .out = out, .a = a };
    buf_lit(out, MAGIC);
}

bool puffin_add(struct puffin_writer *w, const struct puffin_blob *blob, str content,
                struct puffin_blob *stored, struct error *err)
{
    struct puffin_blob *b = vec_push(w->a, &w->blobs);
    enum compression how = COMPRESSION_NONE;
    *b = *blob;
    b->offset = (int64_t)w->out->len;
    if (b->codec.len && !compression_parse(b->codec, &how))
        return fail(err, ERR_UNSUPPORTED, "blobs cannot be compressed with " STR_FMT,
                    STR_ARG(b->codec));
    if (!compress_bytes(how, 0, content, w->out, err))
        return fail_in(err, "Puffin blob");
    b->length = (int64_t)w->out->len - b->offset;
    *stored = *b;
    return true;
}

static void write_properties(const struct puffin_property *p, size_t n, struct json_writer *w)
{
    jw_kv_object(w, "properties");
    for (size_t i = 0; i < n; i++) {
        jw_key(w, p[i].key);
        jw_str(w, p[i].value);
    }
}

static void write_blob(const struct puffin_blob *b, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "type", b->type);
    jw_kv_array(w, "fields");
    for (size_t i = 0; i < b->fields_n; i++)
        jw_int(w, b->fields[i]);
    jw_end_array(w);
    jw_kv_int(w, "snapshot-id", b->snapshot_id);
    jw_kv_int(w, "sequence-number", b->sequence_number);
    jw_kv_int(w, "offset", b->offset);
    jw_kv_int(w, "length", b->length);
    if (b->codec.len)
        jw_kv_str(w, "compression-codec", b->codec);
    if (b->properties_n) {
        write_properties(b->properties, b->properties_n, w);
        jw_end_object(w);
    }
    jw_end_object(w);
}

static void write_payload(const struct puffin_writer *w, const struct puffin_property *properties,
                          size_t n, struct buf *out)
{
    struct json_writer json;
    jw_init(&json, out);
    jw_begin_object(&json);
    jw_kv_array(&json, "blobs");
    for (size_t i = 0; i < w->blobs.n; i++)
        write_blob(&w->blobs.at[i], &json);
    jw_end_array(&json);
    write_properties(properties, n, &json);
    jw_kv_str(&json, "created-by", STR("Firn"));
    jw_end_object(&json);
    jw_end_object(&json);
}

bool puffin_finish(struct puffin_writer *w, const struct puffin_property *properties, size_t n,
                   bool compressed, struct error *err)
{
    struct buf payload = BUF_INIT(PUFFIN_FOOTER_MAX);
    write_payload(w, properties, n, &payload);
    buf_lit(w->out, MAGIC);
    size_t begin = w->out->len;
    bool ok = buf_ok(&payload, "a Puffin footer", err) &&
              compress_bytes(compressed ? COMPRESSION_LZ4 : COMPRESSION_NONE, 0, buf_str(&payload),
                             w->out, err);
    add_le32(w->out, (uint32_t)(w->out->len - begin));
    add_le32(w->out, compressed ? FLAG_COMPRESSED : 0);
    buf_lit(w->out, MAGIC);
    buf_deinit(&payload);
    return ok && buf_ok(w->out, "a Puffin file", err);
}

/* ---- Deletion vectors */

void deletion_vector_write(const struct positions *p, struct buf *out)
{
    size_t begin = out->len;
    add_le32(out, 0);
    buf_lit(out, VECTOR_MAGIC);
    positions_write(p, out);
    if (out->overflow)
        return;
    str summed = str_from(buf_str(out), begin + 4);
    uint32_t length = __builtin_bswap32((uint32_t)summed.len);
    memcpy(out->ptr + begin, &length, 4);
    add_le32(out, __builtin_bswap32(crc32_of(0, summed)));
}

bool deletion_vector_read(str bytes, struct arena *a, struct positions **out, struct error *err)
{
    if (bytes.len < VECTOR_OVERHEAD)
        return fail(err, ERR_CORRUPT, "a deletion vector of %zu bytes", bytes.len);
    uint32_t length = be32(bytes.ptr);
    if (length != bytes.len - 8)
        return fail(err, ERR_CORRUPT, "a deletion vector says %u bytes and has %zu", length,
                    bytes.len - 8);
    str summed = str_sub(bytes, 4, bytes.len - 4);
    if (memcmp(summed.ptr, VECTOR_MAGIC, MAGIC_LEN) != 0)
        return fail(err, ERR_CORRUPT, "a deletion vector does not begin with its magic");
    if (be32(bytes.ptr + bytes.len - 4) != crc32_of(0, summed))
        return fail(err, ERR_CORRUPT, "the checksum of a deletion vector is wrong");
    if (!positions_read(str_from(summed, MAGIC_LEN), a, out, err))
        return fail_in(err, "deletion vector");
    return true;
}
