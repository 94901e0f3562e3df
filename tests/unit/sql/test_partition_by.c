/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/partition_by.h"

#include "iceberg/partition.h"
#include "test.h"

static const struct schema *schema(void)
{
    static struct field inner[1], fields[5];
    struct error err = { 0 };
    const struct schema *out;
    struct arena *a = test_arena();
    inner[0] = (struct field){ .id = 6, .name = STR("zip code"), .type = type_of(TYPE_STRING) };
    fields[0] = (struct field){ .id = 1, .name = STR("id"), .type = type_of(TYPE_LONG) };
    fields[1] = (struct field){ .id = 2, .name = STR("ts"), .type = type_of(TYPE_TIMESTAMP) };
    fields[2] = (struct field){ .id = 3, .name = STR("name"), .type = type_of(TYPE_STRING) };
    fields[3] = (struct field){ .id = 4, .name = STR("ratio"), .type = type_of(TYPE_DOUBLE) };
    fields[4] = (struct field){ .id = 5, .name = STR("addr"), .type = type_struct(a, inner, 1) };
    CHECK_OK(schema_build(0, fields, 5, NULL, 0, a, &out, &err));
    return out;
}

/* "name=transform(source) ..." */
static str spec(const char *text)
{
    struct error err = { 0 };
    const struct partition_spec *s;
    struct buf *out = arena_new(test_arena(), struct buf);
    buf_init(out, 4096);
    buf_in_arena(out, test_arena());
    CHECK_OK(partition_by_parse(str_of(text), schema(), test_arena(), &s, &err));
    for (size_t i = 0; s && i < s->fields_n; i++) {
        const struct partition_field *f = &s->fields[i];
        CHECK_INT(f->field_id, PARTITION_FIELD_ID_FIRST + (int)i);
        buf_printf(out, "%s" STR_FMT "=" STR_FMT "(%d)", i ? " " : "", STR_ARG(f->name),
                   STR_ARG(f->transform.text), f->source_id);
    }
    return buf_str(out);
}

TEST(every_transform)
{
    CHECK_STR(spec("id"), "id=identity(1)");
    CHECK_STR(spec("identity(id)"), "id=identity(1)");
    CHECK_STR(spec("bucket(16, id)"), "id_bucket=bucket[16](1)");
    CHECK_STR(spec("truncate(4, name)"), "name_trunc=truncate[4](3)");
    CHECK_STR(spec("year(ts)"), "ts_year=year(2)");
    CHECK_STR(spec("month(ts)"), "ts_month=month(2)");
    CHECK_STR(spec("day(ts)"), "ts_day=day(2)");
    CHECK_STR(spec("hour(ts)"), "ts_hour=hour(2)");
    CHECK_STR(spec("void(ts)"), "ts_null=void(2)");
}

TEST(spellings_of_others)
{
    CHECK_STR(spec("days(ts), BUCKET(id, 8)"), "ts_day=day(2) id_bucket=bucket[8](1)");
    CHECK_STR(spec("Years(TS)"), "ts_year=year(2)");
    CHECK_STR(spec("hours(ts)"), "ts_hour=hour(2)");
    CHECK_STR(spec("months(ts)"), "ts_month=month(2)");
    CHECK_STR(spec("name, addr.\"zip code\""), "name=identity(3) addr.zip code=identity(6)");
    CHECK_STR(spec(""), "");
    CHECK_STR(spec("  "), "");
}

TEST(what_is_wrong_is_said)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        { "nope", "no column nope" },
        { "week(ts)", "unknown partition transform week" },
        { "bucket(id)", "a , is missing" },
        { "bucket(0, id)", "above 0" },
        { "bucket(-1, id)", "a column is wanted" },
        { "bucket(99999999999, id)", "above 0" },
        { "day(id)", "partition by id" },
        { "day(ts", "a ) is missing" },
        { "day()", "a column is wanted" },
        { "id id", "a , is missing" },
        { "id,", "a column is wanted" },
        { "addr", "addr" },
        { "id, id", "id" },
        { "'id'", "a column is wanted" },
        { "truncate(2, ratio)", "partition by ratio" },
    };
    const struct partition_spec *s;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = { 0 };
        CHECK_FAILS(partition_by_parse(str_of(bad[i].text), schema(), test_arena(), &s, &err),
                    ERR_INVALID);
        if (str_find(str_of(err.msg), str_of(bad[i].words)) < 0)
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i].text, err.msg);
    }
}

TEST(too_many_fields)
{
    struct buf text = BUF_INIT(65536);
    const struct partition_spec *s;
    struct error err = { 0 };
    for (int i = 0; i <= PARTITION_FIELDS_MAX; i++)
        buf_printf(&text, "%sbucket(%d, id)", i ? "," : "", i + 1);
    CHECK_FAILS(partition_by_parse(buf_str(&text), schema(), test_arena(), &s, &err), ERR_LIMIT);
    buf_deinit(&text);
}
