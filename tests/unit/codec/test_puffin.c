/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/puffin.h"

#include <stdlib.h>

#include "codec/roaring.h"
#include "test.h"

static struct error err;

static str golden(const char *name)
{
    const char *dir = getenv("FIRN_GOLDEN_DIR");
    str path = arena_printf(test_arena(), "%s/%s", dir ? dir : "../shared/golden", name);
    FILE *f = fopen(path.ptr, "rb");
    if (!f)
        test_skip("%s is not there", path.ptr);
    char *bytes = arena_alloc(test_arena(), 65536);
    size_t n = fread(bytes, 1, 65536, f);
    fclose(f);
    return str_make(bytes, n);
}

static str content_of(const struct puffin_blob *b, str file)
{
    str out;
    str stored = str_sub(file, (size_t)b->offset, (size_t)(b->offset + b->length));
    CHECK_OK(puffin_blob_content(b, stored, 1 << 20, test_arena(), &out, &err));
    return out;
}

TEST(files_of_the_java_library_read)
{
    static const char *const names[] = { "sample-metric-data-uncompressed.bin",
                                         "sample-metric-data-compressed-zstd.bin" };
    struct puffin p;
    str empty = golden("iceberg-java/org/apache/iceberg/puffin/v1/empty-puffin-uncompressed.bin");
    CHECK_OK(puffin_parse(empty, test_arena(), &p, &err));
    CHECK_INT(p.blobs_n, 0);
    for (int i = 0; i < 2; i++) {
        str path =
            arena_printf(test_arena(), "iceberg-java/org/apache/iceberg/puffin/v1/%s", names[i]);
        str file = golden(path.ptr);
        CHECK_OK(puffin_parse(file, test_arena(), &p, &err));
        CHECK_INT(p.blobs_n, 2);
        CHECK_STR(p.blobs[0].type, "some-blob");
        CHECK_INT(p.blobs[0].fields_n, 1);
        CHECK_INT(p.blobs[0].snapshot_id, 2);
        CHECK_INT(p.blobs[0].sequence_number, 1);
        CHECK_STR(p.blobs[0].codec, i ? "zstd" : "");
        CHECK_STR(content_of(&p.blobs[0], file), "abcdefghi");
        CHECK(str_starts(content_of(&p.blobs[1], file), STR("some blob \0 binary data ")));
        CHECK_STR(puffin_property_get(p.properties, p.properties_n, "created-by"), "Test 1234");
    }
}

TEST(deletion_vectors_of_the_java_library_read_and_are_written_the_same)
{
    static const struct {
        const char *name;
        uint64_t count;
    } files[] = { { "empty-position-index.bin", 0 },
                  { "small-alternating-values-position-index.bin", 5 },
                  { "small-and-large-values-position-index.bin", 4 },
                  { "all-container-types-position-index.bin", 0 } };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct positions *p;
        struct buf out = BUF_INIT(1 << 20);
        str path =
            arena_printf(test_arena(), "iceberg-java/org/apache/iceberg/deletes/%s", files[i].name);
        str bytes = golden(path.ptr);
        CHECK_OK(deletion_vector_read(bytes, test_arena(), &p, &err));
        if (i < 3)
            CHECK_INT(positions_count(p), files[i].count);
        deletion_vector_write(p, &out);
        CHECK(str_eq(buf_str(&out), bytes));
        buf_deinit(&out);
    }
}

/* A file of two vectors and a compressed blob. */
static str sample(bool compressed)
{
    struct buf *b = arena_new(test_arena(), struct buf), vector = BUF_INIT(1 << 20);
    struct puffin_writer w;
    struct puffin_blob stored;
    struct positions *p = positions_create(test_arena());
    static const int32_t pos[] = { 2147483545 };
    static const struct puffin_property about[] = { { STR_INIT("referenced-data-file"),
                                                      STR_INIT("s3://b/a.parquet") } };
    buf_init(b, 1 << 20);
    buf_in_arena(b, test_arena());
    positions_add_range(p, 5, 700);
    deletion_vector_write(p, &vector);
    puffin_begin(&w, b, test_arena());
    struct puffin_blob blob = { .type = STR(PUFFIN_DELETION_VECTOR),
                                .fields = pos,
                                .fields_n = 1,
                                .snapshot_id = -1,
                                .sequence_number = -1,
                                .properties = about,
                                .properties_n = 1 };
    CHECK_OK(puffin_add(&w, &blob, buf_str(&vector), &stored, &err));
    CHECK_INT(stored.offset, 4);
    CHECK_INT(stored.length, vector.len);
    CHECK_OK(puffin_add(&w, &blob, buf_str(&vector), &stored, &err));
    blob.codec = STR("zstd");
    CHECK_OK(puffin_add(&w, &blob, buf_str(&vector), &stored, &err));
    blob.codec = STR("lz4");
    CHECK_OK(puffin_add(&w, &blob, buf_str(&vector), &stored, &err));
    CHECK_OK(puffin_finish(&w, about, 1, compressed, &err));
    buf_deinit(&vector);
    return buf_str(b);
}

TEST(what_is_written_reads_back)
{
    for (int compressed = 0; compressed < 2; compressed++) {
        str file = sample(compressed);
        struct puffin p;
        int64_t size;
        CHECK_OK(puffin_footer_size(file, (int64_t)file.len, &size, &err));
        str footer = str_from(file, file.len - (size_t)size);
        CHECK_OK(puffin_footer_parse(footer, (int64_t)file.len, test_arena(), &p, &err));
        CHECK_INT(p.blobs_n, 4);
        for (size_t i = 0; i < p.blobs_n; i++) {
            struct positions *v;
            CHECK_OK(deletion_vector_read(content_of(&p.blobs[i], file), test_arena(), &v, &err));
            CHECK_INT(positions_count(v), 695);
            CHECK_STR(puffin_property_get(p.blobs[i].properties, 1, "referenced-data-file"),
                      "s3://b/a.parquet");
        }
        CHECK_STR(puffin_property_get(p.properties, p.properties_n, "created-by"), "Firn");
    }
}

TEST(every_truncation_is_refused)
{
    for (int compressed = 0; compressed < 2; compressed++) {
        str file = sample(compressed);
        for (size_t n = 0; n < file.len; n++) {
            struct puffin p;
            struct buf cut = BUF_INIT(1 << 20);
            buf_add(&cut, file.ptr, n);
            CHECK_FAILS(puffin_parse(buf_str(&cut), test_arena(), &p, &err), ERR_CORRUPT);
            buf_deinit(&cut);
        }
    }
}

static str footer_text(const char *json, uint32_t flags)
{
    struct buf *b = arena_new(test_arena(), struct buf);
    buf_init(b, 1 << 20);
    buf_in_arena(b, test_arena());
    uint32_t n = (uint32_t)strlen(json);
    buf_lit(b, "PFA1PFA1");
    buf_add(b, json, n);
    buf_add(b, &n, 4);
    buf_add(b, &flags, 4);
    buf_lit(b, "PFA1");
    return buf_str(b);
}

TEST(footers_that_lie_are_refused)
{
#define BLOB(offset, length)                                                                       \
    "{\"blobs\":[{\"type\":\"x\",\"fields\":[],\"snapshot-id\":1,\"sequence-number\":1,"           \
    "\"offset\":" offset ",\"length\":" length "}]}"
    static const char *const bad[] = {
        BLOB("3", "0"),
        BLOB("4", "1"),
        BLOB("4", "-1"),
        BLOB("4", "9223372036854775807"),
        BLOB("9223372036854775807", "1"),
        "{\"blobs\":[{}]}",
        "[]",
        "{",
        "{}",
        "{\"blobs\":[],\"properties\":{\"a\":1}}",
    };
    struct puffin p;
    CHECK_OK(puffin_parse(footer_text(BLOB("4", "0"), 0), test_arena(), &p, &err));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(puffin_parse(footer_text(bad[i], 0), test_arena(), &p, &err), ERR_CORRUPT);
    CHECK_FAILS(puffin_parse(footer_text(BLOB("4", "0"), 2), test_arena(), &p, &err),
                ERR_UNSUPPORTED);
    CHECK_FAILS(puffin_parse(footer_text(BLOB("4", "0"), 1), test_arena(), &p, &err), ERR_CORRUPT);
}

TEST(damaged_vectors_are_refused)
{
    struct positions *p = positions_create(test_arena()), *out;
    struct buf b = BUF_INIT(1 << 20);
    positions_add(p, 7);
    deletion_vector_write(p, &b);
    for (size_t i = 0; i < b.len; i++) {
        b.ptr[i] ^= 0x10;
        CHECK_FAILS(deletion_vector_read(buf_str(&b), test_arena(), &out, &err), ERR_CORRUPT);
        b.ptr[i] ^= 0x10;
    }
    CHECK_OK(deletion_vector_read(buf_str(&b), test_arena(), &out, &err));
    buf_deinit(&b);
}
