/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/manifest.h"

#include "codec/avro.h"
#include "codec/json.h"
#include "iceberg/partition.h"
#include "test.h"

static const struct schema *test_schema(void)
{
    static const char text[] =
        "{\"type\":\"struct\",\"schema-id\":4,\"fields\":["
        "{\"id\":1,\"name\":\"i\",\"required\":false,\"type\":\"long\"},"
        "{\"id\":2,\"name\":\"s\",\"required\":false,\"type\":\"string\"},"
        "{\"id\":3,\"name\":\"m\",\"required\":false,\"type\":\"decimal(20,2)\"},"
        "{\"id\":4,\"name\":\"u\",\"required\":false,\"type\":\"uuid\"},"
        "{\"id\":5,\"name\":\"f\",\"required\":false,\"type\":\"float\"},"
        "{\"id\":6,\"name\":\"t\",\"required\":false,\"type\":\"timestamptz\"},"
        "{\"id\":7,\"name\":\"x\",\"required\":false,\"type\":\"fixed[3]\"}]}";
    struct error err;
    struct json *json;
    const struct schema *schema;
    CHECK_OK(json_parse(str_of(text), test_arena(), &json, &err));
    CHECK_OK(schema_parse(json, test_arena(), &schema, &err));
    return schema;
}

enum { FIELDS = 8 };

/* Every column as it is, and one more of a type that needs a name in Avro. */
static const struct partition_spec *test_spec(void)
{
    struct partition_field *f = arena_array(test_arena(), struct partition_field, FIELDS);
    struct partition_spec *spec = arena_new(test_arena(), struct partition_spec);
    for (int i = 0; i < FIELDS; i++)
        f[i] = (struct partition_field){
            .source_id = i < 7 ? i + 1 : 4,
            .field_id = 1000 + i,
            .name = i == 0 ? STR("odd name-\xC3\xA9") : arena_printf(test_arena(), "p%d", i),
            .transform = transform_make(TRANSFORM_IDENTITY, 0, test_arena()),
        };
    *spec = (struct partition_spec){ .id = 2, .fields = f, .fields_n = FIELDS };
    return spec;
}

static struct value tuple[FIELDS];
static struct column_metrics columns[2];
static int64_t offsets[] = { 4, 400 };

static struct manifest_entry sample(enum entry_status status, const char *path)
{
    tuple[0] = value_i64(TYPE_LONG, INT64_MIN);
    tuple[1] = value_bytes(TYPE_STRING, STR("tom"));
    tuple[2] = value_decimal(20, 2, -(int128)123456789012345678);
    tuple[3] = value_bytes(TYPE_UUID, STR("0123456789abcdef"));
    tuple[4] = value_f64(TYPE_FLOAT, 1.5);
    tuple[5] = value_i64(TYPE_TIMESTAMPTZ, -1);
    tuple[6] = value_bytes(TYPE_FIXED, STR("xyz"));
    tuple[7] = value_null(TYPE_UUID);
    columns[0] = (struct column_metrics){ .field_id = 1,
                                          .size = 11,
                                          .values = 12,
                                          .nulls = 13,
                                          .nans = -1,
                                          .lower = STR("12345678"),
                                          .upper = { 0 } };
    columns[1] = (struct column_metrics){ .field_id = 2,
                                          .size = -1,
                                          .values = -1,
                                          .nulls = 0,
                                          .nans = 7,
                                          .lower = STR(""),
                                          .upper = STR("zz") };
    return (struct manifest_entry){
        .status = status,
        .snapshot_id = status == ENTRY_ADDED ? -1 : 55,
        .sequence_number = status == ENTRY_ADDED ? -1 : 3,
        .file_sequence_number = status == ENTRY_ADDED ? -1 : 4,
        .file = { .content = FILE_DATA,
                  .path = str_of(path),
                  .format = STR("parquet"),
                  .partition = tuple,
                  .partition_n = FIELDS,
                  .records = 100,
                  .size = 2000,
                  .columns = columns,
                  .columns_n = 2,
                  .split_offsets = offsets,
                  .split_offsets_n = 2,
                  .sort_order_id = 1,
                  .first_row_id = -1,
                  .content_offset = -1,
                  .content_size = -1 },
    };
}

static struct manifest_write_options options(int version)
{
    return (struct manifest_write_options){ .format_version = version,
                                            .schema = test_schema(),
                                            .spec = test_spec(),
                                            .snapshot_id = 77,
                                            .sync = "0123456789abcde" };
}

static str write(struct manifest_write_options o, const struct manifest_entry *e, size_t n,
                 struct manifest_file *file)
{
    struct error err;
    struct manifest_writer *w;
    struct buf *b = arena_new(test_arena(), struct buf);
    *b = (struct buf)BUF_INIT(1 << 26);
    buf_in_arena(b, test_arena());
    CHECK_OK(manifest_writer_create(&o, b, test_arena(), &w, &err));
    for (size_t i = 0; i < n; i++)
        CHECK_OK(manifest_writer_add(w, &e[i], &err));
    CHECK_OK(manifest_writer_finish(w, file, &err));
    CHECK_INT(file->length, b->len);
    return buf_str(b);
}

static struct manifest_read_options reading(const struct manifest_file *file)
{
    return (struct manifest_read_options){
        .file = file, .spec = test_spec(), .schema = test_schema(), .all_columns = true
    };
}

TEST(what_is_written_is_read_back_in_each_format)
{
    for (int version = 1; version <= 3; version++) {
        struct error err;
        struct manifest_entry in[2] = { sample(ENTRY_ADDED, "one"), sample(ENTRY_EXISTING, "two") };
        struct manifest_file file;
        str bytes = write(options(version), in, 2, &file);
        file.sequence_number = version == 1 ? 0 : 9;
        struct manifest_entry *out;
        size_t n;
        struct manifest_read_options o = reading(&file);
        CHECK_OK(manifest_parse(bytes, &o, test_arena(), &out, &n, &err));
        CHECK_INT(n, 2);
        CHECK_INT(out[0].status, ENTRY_ADDED);
        CHECK_INT(out[0].snapshot_id, 77);
        CHECK_INT(out[0].sequence_number, version == 1 ? 0 : 9); /* inherited */
        CHECK_INT(out[0].file_sequence_number, version == 1 ? 0 : 9);
        CHECK_INT(out[1].snapshot_id, 55);
        CHECK_INT(out[1].sequence_number, version == 1 ? 0 : 3); /* its own */
        const struct data_file *f = &out[0].file;
        CHECK_STR(f->path, "one");
        CHECK_STR(f->format, "parquet");
        CHECK_INT(f->spec_id, 2);
        CHECK_INT(f->records, 100);
        CHECK_INT(f->size, 2000);
        CHECK_INT(f->sort_order_id, 1);
        CHECK_INT(f->split_offsets[1], 400);
        CHECK_INT(f->partition_n, FIELDS);
        for (int i = 0; i < FIELDS; i++)
            CHECK(value_eq(&f->partition[i], &tuple[i]));
        CHECK_INT(f->columns_n, 2);
        CHECK_INT(f->columns[0].nulls, 13);
        CHECK_INT(f->columns[0].nans, -1);
        CHECK(f->columns[0].upper.ptr == NULL);
        CHECK_STR(f->columns[0].lower, "12345678");
        CHECK(f->columns[1].lower.ptr != NULL && f->columns[1].lower.len == 0);
        CHECK_INT(f->columns[1].size, -1);
        CHECK_INT(data_file_column(f, 2)->nans, 7);
        CHECK(data_file_column(f, 3) == NULL);
        CHECK(f->key_metadata.ptr == NULL && f->referenced_file.ptr == NULL);
    }
}

TEST(the_row_for_the_manifest_list_sums_up)
{
    struct manifest_entry in[3] = { sample(ENTRY_ADDED, "one"), sample(ENTRY_EXISTING, "two"),
                                    sample(ENTRY_DELETED, "three") };
    in[2].sequence_number = 1;
    struct manifest_file file;
    write(options(2), in, 3, &file);
    CHECK_INT(file.added_files, 1);
    CHECK_INT(file.existing_rows, 100);
    CHECK_INT(file.deleted_files, 1);
    CHECK_INT(file.min_sequence_number, 3); /* of the live ones */
    CHECK_INT(file.partitions_n, FIELDS);
    CHECK_STR(file.partitions[1].lower, "tom");
    CHECK(!file.partitions[1].contains_null);
    CHECK(file.partitions[7].contains_null && file.partitions[7].lower.ptr == NULL);
}

TEST(only_the_columns_asked_for_are_kept)
{
    struct error err;
    struct manifest_entry in = sample(ENTRY_ADDED, "one"), *out;
    struct manifest_file file;
    str bytes = write(options(2), &in, 1, &file);
    int32_t ids[] = { 2, 6 };
    struct manifest_read_options o = reading(&file);
    o.all_columns = false;
    o.field_ids = ids;
    o.field_ids_n = 2;
    size_t n;
    CHECK_OK(manifest_parse(bytes, &o, test_arena(), &out, &n, &err));
    CHECK(data_file_column(&out->file, 1) == NULL);
    CHECK_STR(data_file_column(&out->file, 2)->upper, "zz");
    CHECK_INT(data_file_column(&out->file, 6)->values, -1);
}

TEST(row_ids_are_inherited_in_order)
{
    struct error err;
    struct manifest_entry in[4] = { sample(ENTRY_ADDED, "a"), sample(ENTRY_DELETED, "b"),
                                    sample(ENTRY_EXISTING, "c"), sample(ENTRY_ADDED, "d") };
    in[2].file.first_row_id = 5;
    struct manifest_file file;
    str bytes = write(options(3), in, 4, &file);
    file.sequence_number = 9;
    file.first_row_id = 1000;
    struct manifest_entry *out;
    size_t n;
    struct manifest_read_options o = reading(&file);
    CHECK_OK(manifest_parse(bytes, &o, test_arena(), &out, &n, &err));
    CHECK_INT(out[0].file.first_row_id, 1000);
    CHECK_INT(out[2].file.first_row_id, 5);
    CHECK_INT(out[3].file.first_row_id, 1100);
}

TEST(wide_files_and_many_entries_stream_in_chunks)
{
    enum { WIDE = 3000, ENTRIES = 1500 };
    struct error err;
    struct column_metrics *wide = arena_array(test_arena(), struct column_metrics, WIDE);
    for (int i = 0; i < WIDE; i++) /* each map in another subset and order */
        wide[i] = (struct column_metrics){ .field_id = (i * 7919) % WIDE + 1,
                                           .size = i % 2 ? i : -1,
                                           .values = i,
                                           .nulls = i % 3 ? i : -1,
                                           .nans = -1 };
    struct manifest_entry *in = arena_array(test_arena(), struct manifest_entry, ENTRIES);
    for (int i = 0; i < ENTRIES; i++)
        in[i] = sample(ENTRY_ADDED, "x");
    in[0].file.columns = wide;
    in[0].file.columns_n = WIDE;
    struct manifest_file file;
    str bytes = write(options(2), in, ENTRIES, &file);
    struct manifest_read_options o = reading(&file);
    struct manifest_reader *r;
    CHECK_OK(manifest_open(bytes, &o, test_arena(), &r, &err));
    CHECK_INT(manifest_spec_id(r), 2);
    CHECK(str_find(manifest_schema_json(r), STR("\"schema-id\":4")) >= 0);
    CHECK(str_find(manifest_spec_json(r), STR("\"source-id\":3")) >= 0);
    size_t total = 0, n;
    const struct manifest_entry *e;
    do {
        CHECK_OK(manifest_next(r, &e, &n, &err));
        CHECK(n <= 512);
        if (total == 0)
            for (int i = 0; i < WIDE; i++) {
                const struct column_metrics *c = data_file_column(&e->file, wide[i].field_id);
                CHECK(c->values == i && c->size == wide[i].size && c->nulls == wide[i].nulls);
            }
        total += n;
    } while (n > 0);
    CHECK_INT(total, ENTRIES);
}

static bool adds(struct manifest_write_options o, struct manifest_entry e, struct error *err)
{
    struct manifest_writer *w;
    struct buf b = BUF_INIT(1 << 20);
    struct arena *a = arena_create(0);
    bool ok = manifest_writer_create(&o, &b, a, &w, err) && manifest_writer_add(w, &e, err);
    arena_destroy(a);
    buf_deinit(&b);
    return ok;
}

TEST(files_that_do_not_fit_are_refused)
{
    struct error err;
    struct manifest_entry e = sample(ENTRY_ADDED, "one");
    CHECK_OK(adds(options(2), e, &err));
    e.file.path = STR("");
    CHECK_FAILS(adds(options(2), e, &err), ERR_INVALID);
    e = sample(ENTRY_ADDED, "one");
    e.file.partition_n = 1;
    CHECK_FAILS(adds(options(2), e, &err), ERR_INVALID);
    e = sample(ENTRY_ADDED, "one");
    tuple[0] = value_bytes(TYPE_STRING, STR("no number"));
    CHECK_FAILS(adds(options(2), e, &err), ERR_INVALID);
    e = sample(ENTRY_ADDED, "one");
    tuple[3].bytes.len = 15;
    CHECK_FAILS(adds(options(2), e, &err), ERR_INVALID);
    e = sample(ENTRY_EXISTING, "one");
    e.sequence_number = -1;
    CHECK_FAILS(adds(options(2), e, &err), ERR_INVALID);
    e = sample(ENTRY_ADDED, "one");
    e.file.content = FILE_POSITION_DELETES;
    CHECK_FAILS(adds(options(2), e, &err), ERR_INVALID);
    struct manifest_write_options o = options(1);
    o.content = MANIFEST_DELETES;
    CHECK_FAILS(adds(o, e, &err), ERR_INVALID);
}

/* Widened and dropped columns: the file's type decides what is decoded. */
TEST(partition_values_follow_the_schema_of_today)
{
    struct error err;
    struct manifest_entry in = sample(ENTRY_ADDED, "one"), *out;
    struct manifest_file file;
    str bytes = write(options(2), &in, 1, &file);
    struct field only = { .id = 5, .name = STR("f"), .type = type_of(TYPE_DOUBLE) };
    const struct schema *later;
    CHECK_OK(schema_build(5, &only, 1, NULL, 0, test_arena(), &later, &err));
    struct manifest_read_options o = reading(&file);
    o.schema = later;
    size_t n;
    CHECK_OK(manifest_parse(bytes, &o, test_arena(), &out, &n, &err));
    CHECK_INT(out->file.partition[4].kind, TYPE_DOUBLE);
    CHECK(out->file.partition[4].f == 1.5);
    CHECK_INT(out->file.partition[0].kind, TYPE_LONG); /* dropped: as the file says */
    CHECK_INT(out->file.partition[0].i, INT64_MIN);
    CHECK_INT(out->file.partition[5].kind, TYPE_TIMESTAMPTZ);
    CHECK(value_eq(&out->file.partition[2], &tuple[2]));
    only.type = type_of(TYPE_STRING);
    CHECK_OK(schema_build(5, &only, 1, NULL, 0, test_arena(), &o.schema, &err));
    CHECK_FAILS(manifest_parse(bytes, &o, test_arena(), &out, &n, &err), ERR_CORRUPT);
}

TEST(a_manifest_cut_short_or_damaged_never_passes_as_whole)
{
    struct error err;
    struct manifest_entry in[2] = { sample(ENTRY_ADDED, "one"), sample(ENTRY_EXISTING, "two") };
    struct manifest_entry *out;
    struct manifest_file file;
    str bytes = write(options(3), in, 2, &file);
    struct manifest_read_options o = reading(&file);
    size_t n;
    for (size_t len = 0; len < bytes.len; len += len < bytes.len - 600 ? 37 : 1) {
        struct arena *a = arena_create(0);
        bool ok = manifest_parse(str_make(bytes.ptr, len), &o, a, &out, &n, &err);
        CHECK(!ok || n == 0);
        arena_destroy(a);
    }
    char *damaged = arena_alloc(test_arena(), bytes.len);
    struct rand r;
    rand_init(&r, test_seed());
    for (int i = 0; i < 2000; i++) {
        struct arena *a = arena_create(0);
        memcpy(damaged, bytes.ptr, bytes.len);
        damaged[rand_below(&r, bytes.len)] ^= (char)(1 + rand_below(&r, 255));
        if (!manifest_parse(str_make(damaged, bytes.len), &o, a, &out, &n, &err))
            CHECK(err.code == ERR_CORRUPT || err.code == ERR_UNSUPPORTED || err.code == ERR_LIMIT);
        arena_destroy(a);
    }
}

TEST(a_copy_does_not_need_the_original)
{
    struct arena *a = arena_create(0);
    struct manifest_entry e = sample(ENTRY_ADDED, "one");
    struct data_file once, twice;
    data_file_copy(&e.file, a, &once);
    data_file_copy(&once, test_arena(), &twice);
    arena_destroy(a);
    CHECK_STR(twice.path, "one");
    CHECK(value_eq(&twice.partition[1], &tuple[1]));
    CHECK_STR(twice.columns[1].upper, "zz");
    CHECK(twice.columns[1].lower.ptr != NULL && twice.columns[0].upper.ptr == NULL);
    CHECK_INT(twice.split_offsets[0], 4);
}
