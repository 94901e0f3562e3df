/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/avro.h"

#include <ftw.h>
#include <stdlib.h>

#include "codec/compress.h"
#include "test.h"

static struct error err;

static const struct avro_schema *schema_of(const char *text)
{
    const struct avro_schema *s;
    CHECK_OK(avro_schema_parse(str_of(text), test_arena(), &s, &err));
    return s;
}

static void refuse_schema(str text, enum err_code code)
{
    const struct avro_schema *s;
    CHECK_FAILS(avro_schema_parse(text, test_arena(), &s, &err), code);
}

static struct buf *new_buf(void)
{
    struct buf *b = arena_new(test_arena(), struct buf);
    buf_init(b, (size_t)64 << 20);
    buf_in_arena(b, test_arena());
    return b;
}

static const char entry_schema[] =
    "{\"type\":\"record\",\"name\":\"entry\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"long\",\"field-id\":1},"
    "{\"name\":\"path\",\"type\":\"string\",\"field-id\":100},"
    "{\"name\":\"size\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":2},"
    "{\"name\":\"counts\",\"type\":[\"null\",{\"type\":\"array\",\"logicalType\":\"map\",\"items\":"
    "{\"type\":\"record\",\"name\":\"k1_v2\",\"fields\":[{\"name\":\"key\",\"type\":\"int\","
    "\"field-id\":117},{\"name\":\"value\",\"type\":\"long\",\"field-id\":118}]}}],\"field-id\":3},"
    "{\"name\":\"price\",\"type\":{\"type\":\"fixed\",\"name\":\"dec\",\"size\":5,\"logicalType\":"
    "\"decimal\",\"precision\":10,\"scale\":2},\"field-id\":4},"
    "{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\","
    "\"adjust-to-utc\":true},\"field-id\":5},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"map\",\"values\":\"double\",\"key-id\":7,"
    "\"value-id\":8},\"field-id\":6},"
    "{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":\"float\",\"element-id\":10},"
    "\"field-id\":9},"
    "{\"name\":\"flag\",\"type\":\"boolean\",\"field-id\":11},"
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]},"
    "\"field-id\":12},"
    "{\"name\":\"raw\",\"type\":\"bytes\",\"field-id\":13},"
    "{\"name\":\"none\",\"type\":\"null\",\"field-id\":14},"
    "{\"name\":\"part\",\"type\":{\"type\":\"record\",\"name\":\"r102\",\"fields\":[]},"
    "\"field-id\":15},"
    "{\"name\":\"again\",\"type\":[\"null\",\"dec\"],\"field-id\":16}]}";

TEST(schemas_keep_what_iceberg_adds)
{
    const struct avro_schema *s = schema_of(entry_schema), *t;
    size_t null_branch = 9;
    CHECK_INT(s->kind, AVRO_RECORD);
    CHECK_STR(s->name, "entry");
    CHECK_INT(s->n, 14);
    CHECK_STR(avro_field_by_id(s, 100)->name, "path");
    CHECK_INT(avro_field_by_name(s, "raw")->id, 13);
    CHECK(!avro_field_by_id(s, 999) && !avro_field_by_name(s, "nope"));

    t = avro_optional(avro_field_by_id(s, 2)->type, &null_branch);
    CHECK(t && t->kind == AVRO_LONG && null_branch == 0);
    t = avro_optional(avro_field_by_id(s, 3)->type, &null_branch);
    CHECK_STR(t->logical, "map");
    CHECK_INT(t->items->fields[1].id, 118);
    t = avro_field_by_id(s, 4)->type;
    CHECK_INT(t->size, 5);
    CHECK_INT(t->precision, 10);
    CHECK_INT(t->scale, 2);
    CHECK(avro_optional(avro_field_by_id(s, 16)->type, &null_branch) == t);
    t = avro_field_by_id(s, 5)->type;
    CHECK(t->adjust_to_utc);
    CHECK_STR(t->logical, "timestamp-micros");
    t = avro_field_by_id(s, 6)->type;
    CHECK(t->kind == AVRO_MAP && t->key_id == 7 && t->value_id == 8 && t->element_id == AVRO_NO_ID);
    CHECK_INT(avro_field_by_id(s, 9)->type->element_id, 10);
    CHECK_STR(avro_field_by_id(s, 12)->type->symbols[1], "B");
    CHECK(!avro_optional(t, &null_branch));
}

TEST(names_follow_namespaces)
{
    const struct avro_schema *s =
        schema_of("{\"type\":\"record\",\"name\":\"a.b.R\",\"fields\":["
                  "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},"
                  "{\"name\":\"y\",\"type\":\"F\"},{\"name\":\"z\",\"type\":\"a.b.F\"},"
                  "{\"name\":\"w\",\"type\":{\"type\":\"F\"}},"
                  "{\"name\":\"v\",\"type\":{\"type\":{\"type\":\"int\"}}}]}");
    CHECK_STR(s->name, "a.b.R");
    CHECK_STR(s->fields[0].type->name, "a.b.F");
    for (int i = 1; i < 4; i++)
        CHECK(s->fields[i].type == s->fields[0].type);
    CHECK_INT(s->fields[4].type->kind, AVRO_INT);
}

TEST(bad_schemas_are_refused)
{
    static const char *const bad[] = {
        "",
        "{}",
        "7",
        "null",
        "\"record\"",
        "\"array\"",
        "\"nope\"",
        "[]",
        "[[\"int\"]]",
        "{\"type\":\"array\"}",
        "{\"type\":\"map\",\"values\":1}",
        "{\"type\":\"fixed\",\"name\":\"f\"}",
        "{\"type\":\"fixed\",\"name\":\"f\",\"size\":-1}",
        "{\"type\":\"fixed\",\"size\":1}",
        "{\"type\":\"fixed\",\"name\":\"int\",\"size\":1}",
        "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[1]}",
        "{\"type\":\"record\",\"name\":\"r\",\"fields\":{}}",
        "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"type\":\"int\"}]}",
        "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"int\","
        "\"field-id\":\"x\"}]}",
        "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":"
        "\"record\",\"name\":\"r\",\"fields\":[]}}]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse_schema(str_of(bad[i]), ERR_CORRUPT);
    refuse_schema(STR("{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":"
                      "[\"null\",\"r\"]}]}"),
                  ERR_UNSUPPORTED);
    refuse_schema(STR("{\"type\":\"array\",\"items\":\"null\"}"), ERR_UNSUPPORTED);
    refuse_schema(STR("{\"type\":\"map\",\"values\":{\"type\":\"record\",\"name\":\"r\","
                      "\"fields\":[]}}"),
                  ERR_UNSUPPORTED);
}

/* Each record has the one before twice: the text grows by a line, the shape doubles. */
TEST(schemas_that_unfold_without_end_are_refused)
{
    struct buf *b = new_buf();
    buf_lit(b, "{\"type\":\"record\",\"name\":\"top\",\"fields\":[{\"name\":\"f\",\"type\":"
               "{\"type\":\"record\",\"name\":\"r0\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]"
               "}}");
    for (int i = 1; i < 31; i++)
        buf_printf(b,
                   ",{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"r%d\",\"fields\":["
                   "{\"name\":\"a\",\"type\":\"r%d\"},{\"name\":\"b\",\"type\":\"r%d\"}]}}",
                   i, i, i - 1, i - 1);
    buf_lit(b, "]}");
    refuse_schema(buf_str(b), ERR_LIMIT);
    CHECK(str_find(str_of(err.msg), STR("more than 100000 types")) >= 0);
}

static str nested_arrays(int depth)
{
    struct buf *b = new_buf();
    for (int i = 0; i < depth; i++)
        buf_lit(b, "{\"type\":\"array\",\"items\":");
    buf_lit(b, "\"int\"");
    for (int i = 0; i < depth; i++)
        buf_lit(b, "}");
    return buf_str(b);
}

TEST(schema_limits)
{
    const struct avro_schema *s;
    CHECK_OK(avro_schema_parse(nested_arrays(AVRO_DEPTH_MAX - 1), test_arena(), &s, &err));
    refuse_schema(nested_arrays(AVRO_DEPTH_MAX), ERR_LIMIT);
    refuse_schema(nested_arrays(1000), ERR_LIMIT);

    struct buf *nulls = new_buf(), *names = new_buf(), *many = new_buf();
    buf_lit(nulls,
            "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}");
    buf_lit(names, "[\"int\"");
    buf_lit(many, "[\"int\"");
    for (int i = 0; i < 100; i++)
        buf_printf(nulls, ",{\"name\":\"a%d\",\"type\":\"null\"}", i);
    for (int i = 0; i <= AVRO_NAMES_MAX; i++)
        buf_printf(names, ",{\"type\":\"fixed\",\"name\":\"f%d\",\"size\":1}", i);
    for (int i = 0; i <= AVRO_NODES_MAX; i++)
        buf_lit(many, ",\"int\"");
    buf_lit(nulls, "]}");
    buf_lit(names, "]");
    buf_lit(many, "]");
    refuse_schema(buf_str(nulls), ERR_LIMIT);
    refuse_schema(buf_str(names), ERR_LIMIT);
    refuse_schema(buf_str(many), ERR_LIMIT);
}

TEST(schemas_stay_within_the_memory_allowed)
{
    for (size_t budget = 256; budget < 40000; budget += 61) {
        struct arena *a = arena_create(budget);
        const struct avro_schema *s;
        err = (struct error){ 0 };
        if (!avro_schema_parse(str_of(entry_schema), a, &s, &err))
            CHECK_INT(err.code, ERR_LIMIT);
        arena_destroy(a);
    }
}

TEST(numbers_are_zigzag_varints)
{
    static const int64_t values[] = { 0,         -1,        1,         63,        64,
                                      -64,       -65,       8191,      8192,      INT32_MAX,
                                      INT32_MIN, INT64_MAX, INT64_MIN, 1LL << 62, -(1LL << 62) };
    struct buf *b = new_buf();
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        avro_put_long(b, values[i]);
    struct avro_rd rd = avro_rd_of(buf_str(b));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        CHECK_INT(avro_long(&rd), values[i]);
    CHECK(!rd.bad && rd.p == rd.end);
    CHECK_INT(avro_long(&rd), 0);
    CHECK(rd.bad);
}

static bool bad_long(str bytes)
{
    struct avro_rd rd = avro_rd_of(bytes);
    (void)avro_long(&rd);
    return rd.bad;
}

TEST(malformed_values_set_bad)
{
    CHECK(bad_long(STR("")));
    CHECK(bad_long(STR("\x80")));
    CHECK(bad_long(STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")));
    CHECK(bad_long(STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")));
    CHECK(!bad_long(STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")));
    struct avro_rd rd = avro_rd_of(STR("\x06"
                                       "ab"));
    CHECK_INT(avro_bytes(&rd).len, 0);
    CHECK(rd.bad);
    rd = avro_rd_of(STR("\x01xx"));
    CHECK_INT(avro_bytes(&rd).len, 0);
    CHECK(rd.bad);
    rd = avro_rd_of(STR("\x02"));
    (void)avro_bool(&rd);
    CHECK(rd.bad);
    rd = avro_rd_of(STR("\x04"));
    CHECK_INT(avro_index(&rd, 2), 0);
    CHECK(rd.bad);
    rd = avro_rd_of(STR("\x80\x80\x80\x80\x20"));
    CHECK_INT(avro_int(&rd), 0);
    CHECK(rd.bad);
    rd = avro_rd_of(STR("abc"));
    CHECK(avro_float(&rd) == 0 && rd.bad && avro_double(&rd) == 0);
}

TEST(arrays_may_come_in_blocks_with_sizes)
{
    /* two items with a byte size, then one without, then the end */
    struct avro_rd rd = avro_rd_of(STR("\x03\x04\x02\x04\x02\x06\x00"));
    struct avro_items it = { 0 };
    int64_t sum = 0;
    int n = 0;
    while (avro_items_next(&rd, &it)) {
        sum += avro_long(&rd);
        n++;
    }
    CHECK(!rd.bad && rd.p == rd.end && n == 3 && sum == 6);
    CHECK(!avro_items_next(&rd, &it));

    /* a block that claims more items than there are bytes; a size beyond the end; INT64_MIN items */
    static const char *const bad[] = { "\x7e\x02", "\x03\x7e\x02",
                                       "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x02" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rd = avro_rd_of(str_of(bad[i]));
        it = (struct avro_items){ 0 };
        while (avro_items_next(&rd, &it))
            (void)avro_long(&rd);
        CHECK(rd.bad);
    }
}

static void put_entry(struct buf *b, int64_t i)
{
    avro_put_long(b, i);
    avro_put_bytes(b, arena_printf(test_arena(), "warehouse/table/data/part-%05d.parquet", (int)i));
    avro_put_long(b, i % 2);
    if (i % 2)
        avro_put_long(b, i * 1000);
    avro_put_long(b, 1);
    avro_put_long(b, i % 3);
    for (int64_t k = 0; k < i % 3; k++) {
        avro_put_long(b, k);
        avro_put_long(b, k * i);
    }
    if (i % 3)
        avro_put_long(b, 0);
    buf_lit(b, "\0\1\2\3\4");
    avro_put_long(b, -i);
    avro_put_long(b, 1);
    avro_put_bytes(b, STR("tag"));
    avro_put_double(b, (double)i / 2);
    avro_put_long(b, 0);
    avro_put_long(b, 2);
    avro_put_float(b, (float)i);
    avro_put_float(b, 1);
    avro_put_long(b, 0);
    avro_put_bool(b, i % 2);
    avro_put_long(b, 1);
    avro_put_bytes(b, STR("\xff\0\xfe"));
    avro_put_long(b, 1);
    buf_lit(b, "\4\3\2\1\0");
}

static str write_file(int n, enum avro_codec codec, size_t block_bytes)
{
    static const struct avro_meta meta[] = { { STR_INIT("format-version"), STR_INIT("2") },
                                             { STR_INIT("content"), STR_INIT("data") } };
    struct buf *out = new_buf();
    struct avro_writer w;
    CHECK_OK(
        avro_writer_init(&w, out, str_of(entry_schema), meta, 2, codec, "0123456789abcdef", &err));
    w.block_bytes = block_bytes;
    for (int i = 0; i < n; i++) {
        put_entry(&w.block, i);
        CHECK_OK(avro_end_record(&w, &err));
    }
    CHECK_OK(avro_writer_finish(&w, &err));
    avro_writer_deinit(&w);
    return buf_str(out);
}

/* Reads one entry field by field and compares. */
static void check_entry(struct avro_rd *rd, int64_t i)
{
    struct avro_items it = { 0 };
    CHECK_INT(avro_long(rd), i);
    str path = arena_printf(test_arena(), "warehouse/table/data/part-%05d.parquet", (int)i);
    CHECK(str_eq(avro_bytes(rd), path));
    CHECK_INT(avro_index(rd, 2), i % 2);
    if (i % 2)
        CHECK_INT(avro_long(rd), i * 1000);
    CHECK_INT(avro_index(rd, 2), 1);
    int64_t k = 0;
    for (; avro_items_next(rd, &it); k++) {
        CHECK_INT(avro_int(rd), k);
        CHECK_INT(avro_long(rd), k * i);
    }
    CHECK_INT(k, i % 3);
    CHECK(str_eq(avro_fixed(rd, 5), STR("\0\1\2\3\4")));
    CHECK_INT(avro_long(rd), -i);
    it = (struct avro_items){ 0 };
    CHECK(avro_items_next(rd, &it));
    CHECK_STR(avro_bytes(rd), "tag");
    CHECK(avro_double(rd) == (double)i / 2);
    CHECK(!avro_items_next(rd, &it));
    it = (struct avro_items){ 0 };
    CHECK(avro_items_next(rd, &it));
    CHECK_INT(it.left, 1);
    CHECK(avro_float(rd) == (float)i);
    CHECK(avro_items_next(rd, &it));
    CHECK(avro_float(rd) == 1);
    CHECK(!avro_items_next(rd, &it));
    CHECK(avro_bool(rd) == (i % 2 == 1));
    CHECK_INT(avro_index(rd, 2), 1);
    CHECK(str_eq(avro_bytes(rd), STR("\xff\0\xfe")));
    CHECK_INT(avro_index(rd, 2), 1);
    CHECK(str_eq(avro_fixed(rd, 5), STR("\4\3\2\1\0")));
    CHECK(!rd->bad);
}

TEST(what_is_written_is_read_with_every_codec)
{
    for (enum avro_codec codec = AVRO_CODEC_NULL; codec <= AVRO_CODEC_ZSTD; codec++) {
        struct avro_reader r;
        struct avro_rd rd;
        size_t count;
        int64_t i = 0;
        CHECK_OK(avro_open(&r, write_file(1000, codec, 5000), test_arena(), &err));
        CHECK_INT(r.codec, codec);
        CHECK_STR(avro_meta_get(&r, "content"), "data");
        CHECK_STR(avro_meta_get(&r, "nope"), "");
        CHECK_STR(r.schema_text, entry_schema);
        for (;;) {
            CHECK_OK(avro_next_block(&r, i < 500 ? NULL : test_arena(), &rd, &count, &err));
            if (count == 0)
                break;
            for (size_t k = 0; k < count; k++)
                check_entry(&rd, i++);
            CHECK_OK(avro_end_block(&r, &rd, &err));
        }
        CHECK_INT(i, 1000);
        CHECK(r.block > 10);
        CHECK_OK(avro_next_block(&r, NULL, &rd, &count, &err));
        CHECK_INT(count, 0);
    }
}

/* Reads everything by skipping; false with an error that is not our fault, else the records seen. */
static bool read_all(str file, struct arena *a, size_t *records)
{
    struct avro_reader r;
    struct avro_rd rd;
    size_t count;
    *records = 0;
    err = (struct error){ 0 };
    if (!avro_open(&r, file, a, &err))
        return false;
    for (;;) {
        if (!avro_next_block(&r, NULL, &rd, &count, &err))
            return false;
        if (count == 0)
            return true;
        for (size_t i = 0; i < count && !rd.bad; i++)
            avro_skip(r.schema, &rd);
        if (!avro_end_block(&r, &rd, &err))
            return false;
        *records += count;
    }
}

static bool is_data_error(void)
{
    return err.code == ERR_CORRUPT || err.code == ERR_LIMIT || err.code == ERR_UNSUPPORTED;
}

/* A file cut between two blocks is a shorter file; cut elsewhere it is an error. */
TEST(every_truncation_is_noticed)
{
    for (enum avro_codec codec = AVRO_CODEC_NULL; codec <= AVRO_CODEC_ZSTD; codec++) {
        str file = write_file(12, codec, 300);
        size_t whole = 0, records;
        for (size_t n = 0; n < file.len; n++) {
            struct arena *a = arena_create(1 << 20);
            struct buf copy = BUF_INIT(1 << 20);
            buf_add(&copy, file.ptr, n);
            if (read_all(buf_str(&copy), a, &records))
                whole++;
            else
                CHECK_INT(err.code, ERR_CORRUPT);
            buf_deinit(&copy);
            arena_destroy(a);
        }
        struct avro_reader r;
        struct avro_rd rd;
        size_t count, blocks = 0;
        CHECK_OK(avro_open(&r, file, test_arena(), &err));
        do {
            CHECK_OK(avro_next_block(&r, NULL, &rd, &count, &err));
            blocks += count > 0;
        } while (count > 0);
        CHECK_INT(whole, blocks);
    }
}

TEST(changed_bits_never_harm)
{
    for (enum avro_codec codec = AVRO_CODEC_NULL; codec <= AVRO_CODEC_ZSTD; codec++) {
        str file = write_file(3, codec, 1 << 16);
        char *bytes = arena_alloc(test_arena(), file.len);
        for (size_t i = 0; i < file.len; i++) {
            for (int bit = 0; bit < 8; bit++) {
                struct arena *a = arena_create(1 << 20);
                size_t records;
                memcpy(bytes, file.ptr, file.len);
                bytes[i] = (char)(bytes[i] ^ 1 << bit);
                CHECK(read_all(str_make(bytes, file.len), a, &records) || is_data_error());
                arena_destroy(a);
            }
        }
    }
}

/* A file of one block around packed bytes, which claims this many records. */
static str file_around(const char *codec, str packed, int64_t records)
{
    struct buf *b = new_buf();
    buf_lit(b, "Obj\x01\x04");
    avro_put_bytes(b, STR("avro.schema"));
    avro_put_bytes(b, STR("\"long\""));
    avro_put_bytes(b, STR("avro.codec"));
    avro_put_bytes(b, str_of(codec));
    avro_put_long(b, 0);
    buf_lit(b, "0123456789abcdef");
    avro_put_long(b, records);
    avro_put_bytes(b, packed);
    buf_lit(b, "0123456789abcdef");
    return buf_str(b);
}

static void refuse_file(str file, enum err_code code, const char *why)
{
    size_t records;
    CHECK(!read_all(file, test_arena(), &records));
    CHECK_INT(err.code, code);
    if (str_find(str_of(err.msg), str_of(why)) < 0)
        test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.msg, why);
}

TEST(blocks_may_not_lie)
{
    size_t records;
    CHECK(read_all(file_around("null", STR("\x02\x04"), 2), test_arena(), &records) &&
          records == 2);
    refuse_file(file_around("null", STR("\x02\x04"), 1), ERR_CORRUPT, "1 bytes after the last");
    refuse_file(file_around("null", STR("\x02\x04"), 3), ERR_CORRUPT, "3 records in 2 bytes");
    refuse_file(file_around("null", STR("\x02\x84"), 2), ERR_CORRUPT, "cut short");
    refuse_file(file_around("null", STR("\x02\x04"), -2), ERR_CORRUPT, "not a block");
    refuse_file(file_around("bzip2", STR("\x02\x04"), 2), ERR_UNSUPPORTED, "bzip2");
    refuse_file(file_around("deflate", STR("\x02\x04"), 2), ERR_CORRUPT, "deflate");
    refuse_file(file_around("snappy", STR("\x02"), 2), ERR_CORRUPT, "no checksum");
    str file = file_around("null", STR("\x02\x04"), 2);
    refuse_file(str_sub(file, 0, file.len - 1), ERR_CORRUPT, "cut short");
    refuse_file(STR("PAR1 is not Avro"), ERR_CORRUPT, "not an Avro file");
    char *bytes = arena_cstr(test_arena(), file);
    bytes[file.len - 1] = 'X';
    refuse_file(str_make(bytes, file.len), ERR_CORRUPT, "sync marker");
}

TEST(a_wrong_snappy_checksum_is_noticed)
{
    struct buf *b = new_buf();
    size_t records;
    CHECK_OK(compress_bytes(COMPRESSION_SNAPPY, 0, STR("\x02\x04"), b, &err));
    uint32_t crc = crc32_of(0, STR("\x02\x04"));
    char sum[4] = { (char)(crc >> 24), (char)(crc >> 16), (char)(crc >> 8), (char)crc };
    buf_add(b, sum, 4);
    CHECK(read_all(file_around("snappy", buf_str(b), 2), test_arena(), &records) && records == 2);
    b->ptr[b->len - 1] = (char)(b->ptr[b->len - 1] ^ 1);
    refuse_file(file_around("snappy", buf_str(b), 2), ERR_CORRUPT, "checksum");
}

TEST(bombs_are_refused)
{
    struct buf *zeros = new_buf(), *packed = new_buf();
    buf_reserve(zeros, (size_t)32 << 20);
    memset(zeros->ptr, 0, (size_t)32 << 20);
    zeros->len = (size_t)32 << 20;
    CHECK_OK(compress_bytes(COMPRESSION_ZSTD, 19, buf_str(zeros), packed, &err));
    CHECK(packed->len * AVRO_RATIO_MAX < zeros->len);
    refuse_file(file_around("zstandard", buf_str(packed), 1), ERR_LIMIT, "more than");
    /* What deflate can do at its best is allowed. */
    buf_clear(packed);
    size_t records;
    CHECK_OK(compress_bytes(COMPRESSION_DEFLATE, 9, buf_str(zeros), packed, &err));
    CHECK(read_all(file_around("deflate", buf_str(packed), 32 << 20), test_arena(), &records));
    CHECK_INT(records, 32 << 20);
}

TEST(headers_are_limited)
{
    struct buf *b = new_buf();
    buf_lit(b, "Obj\x01");
    avro_put_long(b, AVRO_META_MAX + 1);
    for (int i = 0; i <= AVRO_META_MAX; i++) {
        avro_put_bytes(b, STR("k"));
        avro_put_bytes(b, STR("v"));
    }
    avro_put_long(b, 0);
    buf_lit(b, "0123456789abcdef");
    refuse_file(buf_str(b), ERR_LIMIT, "more than 1024 entries");
    struct arena *small = arena_create(1024);
    size_t records;
    CHECK(!read_all(write_file(1, AVRO_CODEC_NULL, 100), small, &records));
    CHECK_INT(err.code, ERR_LIMIT);
    arena_destroy(small);
}

TEST(a_full_buffer_is_an_error)
{
    struct buf out = BUF_INIT(1800);
    struct avro_writer w;
    CHECK_OK(avro_writer_init(&w, &out, STR("\"long\""), NULL, 0, AVRO_CODEC_NULL,
                              "0123456789abcdef", &err));
    bool ok = true;
    for (int i = 0; i < 5000; i++) {
        avro_put_long(&w.block, i);
        ok = ok && avro_end_record(&w, &err);
    }
    CHECK_FAILS(ok && avro_writer_finish(&w, &err), ERR_LIMIT);
    avro_writer_deinit(&w);
    buf_deinit(&out);
}

/* ---- files of other engines ---- */

static int files_seen, entries_seen;

static str slurp(const char *path, struct arena *a)
{
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL);
    CHECK(fseek(f, 0, SEEK_END) == 0);
    size_t len = (size_t)ftell(f);
    rewind(f);
    char *bytes = arena_alloc(a, len);
    CHECK(fread(bytes, 1, len, f) == len);
    fclose(f);
    return str_make(bytes, len);
}

/* Iceberg spec, "Manifests" and "Manifest Lists": ids that every version has. */
static void check_iceberg_ids(const struct avro_schema *s)
{
    if (str_is(s->name, "manifest_entry")) {
        const struct avro_field *file = avro_field_by_id(s, 2), *status = avro_field_by_id(s, 0);
        CHECK(status && status->type->kind == AVRO_INT);
        CHECK(file && file->type->kind == AVRO_RECORD);
        CHECK_STR(avro_field_by_id(file->type, 100)->name, "file_path");
        CHECK(avro_field_by_id(file->type, 103)->type->kind == AVRO_LONG);
        const struct avro_field *lower = avro_field_by_id(file->type, 125);
        size_t null_branch;
        if (lower)
            CHECK_STR(avro_optional(lower->type, &null_branch)->logical, "map");
    } else {
        CHECK_STR(avro_field_by_id(s, 500)->name, "manifest_path");
    }
}

/* Writes the same records with another codec and reads them again. */
static void check_rewrite(struct avro_reader *r, str records, size_t n, enum avro_codec codec)
{
    struct buf out = BUF_INIT((size_t)64 << 20);
    struct avro_writer w;
    struct avro_reader again;
    struct avro_rd rd;
    size_t count;
    CHECK_OK(avro_writer_init(&w, &out, r->schema_text, NULL, 0, codec, r->sync, &err));
    buf_add_str(&w.block, records);
    w.count = n;
    CHECK_OK(avro_writer_finish(&w, &err));
    CHECK_OK(avro_open(&again, buf_str(&out), test_arena(), &err));
    CHECK_OK(avro_next_block(&again, NULL, &rd, &count, &err));
    CHECK_INT(count, n);
    CHECK(str_eq(str_make(rd.p, (size_t)(rd.end - rd.p)), records));
    avro_writer_deinit(&w);
    buf_deinit(&out);
}

static int visit(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)ftw;
    if (flag != FTW_F || !str_ends(str_of(path), STR(".avro")))
        return 0;
    struct avro_reader r;
    struct avro_rd rd;
    size_t count;
    struct arena *a = test_arena();
    if (!avro_open(&r, slurp(path, a), a, &err))
        test_fail(__FILE__, __LINE__, "%s: %s", path, err.msg);
    check_iceberg_ids(r.schema);
    for (;;) {
        if (!avro_next_block(&r, a, &rd, &count, &err))
            test_fail(__FILE__, __LINE__, "%s: %s", path, err.msg);
        if (count == 0)
            break;
        str records = str_make(rd.p, (size_t)(rd.end - rd.p));
        for (size_t i = 0; i < count; i++)
            avro_skip(r.schema, &rd);
        if (!avro_end_block(&r, &rd, &err))
            test_fail(__FILE__, __LINE__, "%s: %s", path, err.msg);
        check_rewrite(&r, records, count, (enum avro_codec)(files_seen % 4));
        entries_seen += (int)count;
    }
    files_seen++;
    return 0;
}

TEST(reads_the_manifests_of_other_engines)
{
    if (nftw(test_golden_dir(), visit, 16, FTW_PHYS) != 0 || files_seen == 0)
        test_skip("no golden files in %s", test_golden_dir());
    CHECK(files_seen > 100);
    CHECK(entries_seen > files_seen);
}
