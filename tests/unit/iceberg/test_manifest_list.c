/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/manifest_list.h"

#include "codec/avro.h"
#include "test.h"

static struct field_summary summaries[2] = {
    { .contains_null = true, .contains_nan = 0, .lower = STR_INIT("a"), .upper = STR_INIT("b") },
    { .contains_null = false, .contains_nan = -1 },
};

static struct manifest_file sample(const char *path)
{
    return (struct manifest_file){ .path = str_of(path),
                                   .length = 1000,
                                   .spec_id = 3,
                                   .content = MANIFEST_DATA,
                                   .sequence_number = -1,
                                   .min_sequence_number = -1,
                                   .added_snapshot_id = 77,
                                   .added_files = 1,
                                   .existing_files = 2,
                                   .deleted_files = 3,
                                   .added_rows = 10,
                                   .existing_rows = 20,
                                   .deleted_rows = 30,
                                   .partitions = summaries,
                                   .partitions_n = 2,
                                   .first_row_id = -1 };
}

static str write(int version, const struct manifest_file *m, size_t n, int64_t *next)
{
    struct error err;
    struct manifest_list_info info = { .format_version = version,
                                       .snapshot_id = 77,
                                       .parent_id = -1,
                                       .sequence_number = 5,
                                       .first_row_id = 1000,
                                       .sync = "0123456789abcde" };
    struct buf *b = arena_new(test_arena(), struct buf);
    *b = (struct buf)BUF_INIT(1 << 24);
    buf_in_arena(b, test_arena());
    CHECK_OK(manifest_list_write(&info, m, n, b, next, &err));
    return buf_str(b);
}

TEST(what_is_written_is_read_back_in_each_format)
{
    for (int version = 1; version <= 3; version++) {
        struct error err;
        struct manifest_file in[2] = { sample("one"), sample("two") }, *out;
        in[1].sequence_number = 4;
        in[1].min_sequence_number = 2;
        in[1].partitions = NULL;
        in[1].key_metadata = STR("key");
        size_t n;
        CHECK_OK(manifest_list_parse(write(version, in, 2, NULL), test_arena(), &out, &n, &err));
        CHECK_INT(n, 2);
        CHECK_STR(out[0].path, "one");
        CHECK_INT(out[0].length, 1000);
        CHECK_INT(out[0].spec_id, 3);
        CHECK_INT(out[0].added_snapshot_id, 77);
        CHECK_INT(out[0].sequence_number, version == 1 ? 0 : 5);
        CHECK_INT(out[1].sequence_number, version == 1 ? 0 : 4);
        CHECK_INT(out[1].min_sequence_number, version == 1 ? 0 : 2);
        CHECK_INT(out[0].deleted_files, 3);
        CHECK_INT(out[0].existing_rows, 20);
        CHECK_INT(out[0].partitions_n, 2);
        CHECK(out[0].partitions[0].contains_null && out[0].partitions[0].contains_nan == 0);
        CHECK_STR(out[0].partitions[0].upper, "b");
        CHECK(out[0].partitions[1].lower.ptr == NULL && out[0].partitions[1].contains_nan == -1);
        CHECK(out[1].partitions == NULL);
        CHECK(out[0].key_metadata.ptr == NULL);
        CHECK_STR(out[1].key_metadata, "key");
    }
}

TEST(format_three_gives_out_row_ids_in_order)
{
    struct error err;
    struct manifest_file in[3] = { sample("one"), sample("two"), sample("three") }, *out;
    in[1].first_row_id = 7;
    size_t n;
    int64_t next;
    str bytes = write(3, in, 3, &next);
    CHECK_INT(next, 1060);
    CHECK_OK(manifest_list_parse(bytes, test_arena(), &out, &n, &err));
    CHECK_INT(out[0].first_row_id, 1000);
    CHECK_INT(out[1].first_row_id, 7);
    CHECK_INT(out[2].first_row_id, 1030);
}

TEST(a_list_cut_short_or_damaged_never_passes_as_whole)
{
    struct error err;
    struct manifest_file in[2] = { sample("one"), sample("two") }, *out;
    size_t n;
    str bytes = write(2, in, 2, NULL);
    for (size_t len = 0; len < bytes.len; len++) {
        struct arena *a = arena_create(0);
        bool ok = manifest_list_parse(str_make(bytes.ptr, len), a, &out, &n, &err);
        CHECK(!ok || n == 0); /* right after the header there are no rows yet */
        arena_destroy(a);
    }
    char *damaged = arena_alloc(test_arena(), bytes.len);
    for (size_t at = 0; at < bytes.len; at++) {
        struct arena *a = arena_create(0);
        memcpy(damaged, bytes.ptr, bytes.len);
        damaged[at] ^= 0x21;
        if (manifest_list_parse(str_make(damaged, bytes.len), a, &out, &n, &err))
            CHECK(n <= 2);
        arena_destroy(a);
    }
}

/* Old writers: other names, no ids, fields in another order, optional ones missing. */
TEST(old_and_reordered_lists_are_read)
{
    static const char schema[] =
        "{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":["
        "{\"name\":\"added_data_files_count\",\"type\":[\"int\",\"null\"]},"
        "{\"name\":\"unknown_one\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
        "{\"name\":\"manifest_length\",\"type\":\"int\"},"
        "{\"name\":\"partition_spec_id\",\"type\":\"int\"},"
        "{\"name\":\"manifest_path\",\"type\":\"string\"}]}";
    struct error err;
    struct buf b = BUF_INIT(1 << 20);
    struct avro_writer w;
    CHECK_OK(avro_writer_init(&w, &b, str_of(schema), NULL, 0, AVRO_CODEC_NULL, "0123456789abcde",
                              &err));
    avro_put_long(&w.block, 0);
    avro_put_long(&w.block, 4);
    avro_put_long(&w.block, 1);
    avro_put_bytes(&w.block, STR("skipped"));
    avro_put_long(&w.block, 0);
    avro_put_long(&w.block, 123);
    avro_put_long(&w.block, 2);
    avro_put_bytes(&w.block, STR("path"));
    CHECK_OK(avro_end_record(&w, &err));
    CHECK_OK(avro_writer_finish(&w, &err));
    avro_writer_deinit(&w);
    struct manifest_file *out;
    size_t n;
    CHECK_OK(manifest_list_parse(buf_str(&b), test_arena(), &out, &n, &err));
    CHECK_INT(n, 1);
    CHECK_STR(out[0].path, "path");
    CHECK_INT(out[0].added_files, 4);
    CHECK_INT(out[0].existing_files, -1);
    CHECK(manifest_has_live(&out[0]));
    CHECK_INT(out[0].length, 123);
    buf_deinit(&b);
}

TEST(counts_are_required_from_format_two_on)
{
    struct error err;
    struct manifest_file m = sample("one");
    m.added_rows = -1;
    struct manifest_list_info info = { .format_version = 2 };
    struct buf b = BUF_INIT(1 << 20);
    CHECK_FAILS(manifest_list_write(&info, &m, 1, &b, NULL, &err), ERR_INVALID);
    info.format_version = 1;
    buf_clear(&b);
    CHECK_OK(manifest_list_write(&info, &m, 1, &b, NULL, &err));
    m.content = MANIFEST_DELETES;
    CHECK_FAILS(manifest_list_write(&info, &m, 1, &b, NULL, &err), ERR_INVALID);
    buf_deinit(&b);
}
