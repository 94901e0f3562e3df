/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of others: columns, statistics, partitions. */
#include "iceberg/import.h"
#include "iceberg/metadata.h"
#include "iceberg/metrics.h"
#include "iceberg/name_mapping.h"
#include "iceberg/partition.h"
#include "iceberg/value.h"
#include "test.h"

static const struct schema *schema_of(const struct field *fields, size_t n)
{
    struct error err = { 0 };
    const struct schema *s;
    CHECK_OK(schema_build(0, fields, n, NULL, 0, test_arena(), &s, &err));
    return s;
}

#define FIELD(id_, name_, kind_, required_)                                                        \
    {                                                                                              \
        .id = (id_), .name = STR_INIT(name_), .type = type_of(kind_), .required = (required_)      \
    }

/* id long required, name string, p string, day date */
static const struct schema *table(void)
{
    struct field *f = arena_array(test_arena(), struct field, 4);
    const struct field made[] = { FIELD(1, "id", TYPE_LONG, true),
                                  FIELD(2, "name", TYPE_STRING, false),
                                  FIELD(3, "p", TYPE_STRING, false),
                                  FIELD(4, "day", TYPE_DATE, false) };
    memcpy(f, made, sizeof made);
    return schema_of(f, 4);
}

static enum err_code match(const struct schema *t, const struct field *fields, size_t n,
                           bool by_name, struct import_match *out)
{
    struct error err = { 0 };
    const struct name_mapping *m = by_name ? name_mapping_of(t, test_arena()) : NULL;
    return import_match(t, 2, m, schema_of(fields, n), NULL, 0, test_arena(), out, &err) ? ERR_NONE
                                                                                         : err.code;
}

TEST(columns_are_matched_by_id_or_name)
{
    const struct schema *t = table();
    struct import_match m;
    const struct field other_names[] = { FIELD(2, "was_name", TYPE_STRING, false),
                                         FIELD(1, "id", TYPE_INT, false),
                                         FIELD(77, "unknown", TYPE_BINARY, false) };
    CHECK_INT(match(t, other_names, 3, false, &m), ERR_NONE);
    CHECK_INT((int64_t)m.n, 2);
    CHECK_INT(m.links[0].file_id, 1);
    CHECK_INT(m.links[1].table_id, 2);
    const struct field made_up[] = { FIELD(1, "name", TYPE_STRING, false),
                                     FIELD(2, "id", TYPE_INT, false) };
    CHECK_INT(match(t, made_up, 2, true, &m),
              ERR_NONE); /* ids of a file without ids mean nothing */
    CHECK_INT(m.links[0].table_id, 2);
    CHECK_INT(m.links[1].table_id, 1);
}

TEST(columns_that_do_not_fit)
{
    const struct schema *t = table();
    struct import_match m;
    const struct field swapped[] = { FIELD(1, "id", TYPE_LONG, false),
                                     FIELD(9, "name", TYPE_STRING, false) };
    CHECK_INT(match(t, swapped, 2, false, &m), ERR_INVALID); /* "name" is 2 in the table */
    const struct field narrow[] = { FIELD(1, "id", TYPE_DOUBLE, false) };
    CHECK_INT(match(t, narrow, 1, true, &m), ERR_INVALID);
    const struct field lacks[] = { FIELD(2, "name", TYPE_STRING, false) };
    CHECK_INT(match(t, lacks, 1, false, &m), ERR_INVALID); /* id is required */
    const struct field nothing[] = { FIELD(8, "x", TYPE_STRING, false) };
    CHECK_INT(match(t, nothing, 1, false, &m), ERR_INVALID);
}

TEST(statistics_take_the_tables_types)
{
    struct error err = { 0 };
    const struct schema *t = table();
    const struct import_link links[] = { { 10, 1 }, { 11, 4 } };
    const struct import_match m = { links, 2 };
    struct value five = value_i64(TYPE_INT, 5), day = value_i64(TYPE_DATE, 3);
    struct column_stats in[] = {
        { .field_id = 11, .values = 4, .nulls = 1, .nans = -1, .min = &day, .max = &day },
        { .field_id = 10, .values = 4, .nulls = 0, .nans = -1, .min = &five, .max = &five },
        { .field_id = 12, .values = 4 }
    };
    struct column_stats *out;
    size_t n;
    CHECK_OK(import_stats(t, &m, in, 3, test_arena(), &out, &n, &err));
    CHECK_INT((int64_t)n, 2);
    CHECK_INT(out[0].field_id, 1);
    CHECK_INT(out[0].min->kind, TYPE_LONG);
    CHECK_INT(out[1].field_id, 4);
    in[1].nulls = 1;
    CHECK_FAILS(import_stats(t, &m, in, 3, test_arena(), &out, &n, &err), ERR_INVALID);
}

TEST(folders_are_decoded)
{
    struct property *p;
    size_t n;
    import_folders(STR("s/t/p=a%2Fb/=x/plain/day=2020-01-02/f=1.parquet"), test_arena(), &p, &n);
    CHECK_INT((int64_t)n, 2);
    CHECK_STR(p[0].key, "p");
    CHECK_STR(p[0].value, "a/b");
    CHECK_STR(p[1].value, "2020-01-02");
}

static enum err_code partition(const struct schema *t, const struct partition_field *f,
                               const char *folder, const struct column_stats *s, struct value *out)
{
    struct error err = { 0 };
    struct partition_spec spec = { .id = 0, .fields = f, .fields_n = 1 };
    struct property *p;
    struct value *v;
    size_t n;
    import_folders(str_of(folder), test_arena(), &p, &n);
    if (!import_partition(t, &spec, p, n, s, s ? 1 : 0, test_arena(), &v, &err))
        return err.code;
    *out = v[0];
    return ERR_NONE;
}

TEST(partitions_are_certain_or_refused)
{
    struct arena *a = test_arena();
    const struct schema *t = table();
    struct value v, x = value_bytes(TYPE_STRING, STR("x")), y = value_bytes(TYPE_STRING, STR("y"));
    struct value first = value_i64(TYPE_DATE, 0), last = value_i64(TYPE_DATE, 30),
                 next = value_i64(TYPE_DATE, 31);
    const struct partition_field p = { .source_id = 3,
                                       .name = STR("p"),
                                       .transform = transform_make(TRANSFORM_IDENTITY, 0, a) };
    const struct partition_field month = { .source_id = 4,
                                           .name = STR("m"),
                                           .transform = transform_make(TRANSFORM_MONTH, 0, a) };
    const struct partition_field bucket = { .source_id = 1,
                                            .name = STR("b"),
                                            .transform = transform_make(TRANSFORM_BUCKET, 4, a) };
    struct column_stats same = { .field_id = 3, .values = 2, .nulls = 0, .min = &x, .max = &x };
    struct column_stats two = { .field_id = 3, .values = 2, .nulls = 0, .min = &x, .max = &y };
    struct column_stats null = { .field_id = 3, .values = 2, .nulls = 2 };
    CHECK_INT(partition(t, &p, "p=x/f", NULL, &v), ERR_NONE);
    CHECK_STR(v.bytes, "x");
    CHECK_INT(partition(t, &p, "p=__HIVE_DEFAULT_PARTITION__/f", NULL, &v), ERR_NONE);
    CHECK(v.is_null);
    CHECK_INT(partition(t, &p, "f", &same, &v), ERR_NONE);
    CHECK_INT(partition(t, &p, "p=x/f", &same, &v), ERR_NONE);
    CHECK_INT(partition(t, &p, "p=y/f", &same, &v), ERR_INVALID);
    CHECK_INT(partition(t, &p, "f", &null, &v), ERR_NONE);
    CHECK(v.is_null);
    CHECK_INT(partition(t, &p, "f", &two, &v), ERR_INVALID);
    CHECK_INT(partition(t, &p, "f", NULL, &v), ERR_INVALID);
    struct column_stats january = {
        .field_id = 4, .values = 2, .nulls = 0, .min = &first, .max = &last
    };
    struct column_stats longer = {
        .field_id = 4, .values = 2, .nulls = 0, .min = &first, .max = &next
    };
    struct column_stats holes = {
        .field_id = 4, .values = 2, .nulls = 1, .min = &first, .max = &last
    };
    CHECK_INT(partition(t, &month, "f", &january, &v), ERR_NONE);
    CHECK_INT(v.i, 0);
    CHECK_INT(partition(t, &month, "f", &longer, &v), ERR_INVALID);
    CHECK_INT(partition(t, &month, "f", &holes, &v), ERR_INVALID);
    struct value seven = value_i64(TYPE_LONG, 7), eight = value_i64(TYPE_LONG, 8);
    struct column_stats one = {
        .field_id = 1, .values = 2, .nulls = 0, .min = &seven, .max = &seven
    };
    struct column_stats some = {
        .field_id = 1, .values = 2, .nulls = 0, .min = &seven, .max = &eight
    };
    CHECK_INT(partition(t, &bucket, "f", &one, &v), ERR_NONE);
    CHECK_INT(partition(t, &bucket, "f", &some, &v), ERR_INVALID); /* buckets keep no order */
}
