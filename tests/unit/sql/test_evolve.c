/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/evolve.h"

#include "iceberg/metadata.h"
#include "iceberg/update.h"
#include "sql/partition_by.h"
#include "test.h"

#define NOW_MS 1700000000000

struct col {
    const char *name;
    enum type_kind kind;
};

static const struct schema *build(const struct col *cols, size_t n)
{
    struct error err = { 0 };
    const struct schema *out;
    struct field *fields = arena_array(test_arena(), struct field, n);
    for (size_t i = 0; i < n; i++)
        fields[i] = (struct field){ .id = (int32_t)i + 1,
                                    .name = str_of(cols[i].name),
                                    .type = type_of(cols[i].kind) };
    CHECK_OK(schema_build(0, fields, n, NULL, 0, test_arena(), &out, &err));
    return out;
}

/* A table a int (1), b string (2), c date (3), partitioned as told. */
static const struct metadata *table(const char *partition_by)
{
    static const struct col cols[] = { { "a", TYPE_INT },
                                       { "b", TYPE_STRING },
                                       { "c", TYPE_DATE } };
    struct error err = { 0 };
    const struct metadata *m;
    const struct partition_spec *spec;
    const struct schema *s = build(cols, 3);
    CHECK_OK(partition_by_parse(str_of(partition_by), s, test_arena(), &spec, &err));
    CHECK_OK(metadata_create(s, spec, NULL, STR("/t"), &(struct property_list){ 0 }, 2,
                             STR("00000000-0000-4000-8000-000000000000"), NOW_MS, test_arena(), &m,
                             &err));
    return m;
}

static const struct metadata *evolve(const struct metadata *m, const struct col *cols, size_t n,
                                     const char *partition_by, size_t *updates_n)
{
    struct error err = { 0 };
    struct table_update *updates;
    const struct metadata *out;
    CHECK_OK(evolve_to(m, build(cols, n), str_of(partition_by), test_arena(), &updates, updates_n,
                       &err));
    CHECK_OK(metadata_apply(m, (str){ 0 }, updates, *updates_n, NOW_MS, test_arena(), &out, &err));
    return out;
}

static int32_t id_of(const struct metadata *m, const char *name)
{
    const struct field *f = schema_field_by_name(metadata_schema(m), str_of(name), true);
    CHECK(f);
    return f->id;
}

TEST(nothing_changes)
{
    static const struct col same[] = { { "a", TYPE_INT },
                                       { "b", TYPE_STRING },
                                       { "c", TYPE_DATE } };
    size_t n;
    const struct metadata *m = table("day(c)");
    CHECK(evolve(m, same, 3, "", &n) == m);
    CHECK_INT(n, 0);
    evolve(m, same, 3, "day(c)", &n);
    CHECK_INT(n, 0);
}

TEST(columns_come_go_and_widen)
{
    static const struct col wider[] = { { "n", TYPE_DOUBLE },
                                        { "a", TYPE_LONG },
                                        { "c", TYPE_DATE } };
    size_t n;
    const struct metadata *m = evolve(table(""), wider, 3, "", &n);
    CHECK_INT(n, 2);
    CHECK_INT(metadata_schema(m)->fields_n, 3);
    CHECK_INT(id_of(m, "a"), 1);
    CHECK_INT(schema_field_by_id(metadata_schema(m), 1)->type->kind, TYPE_LONG);
    CHECK_INT(id_of(m, "c"), 3);
    CHECK_INT(id_of(m, "n"), 4);
    CHECK(!schema_field_by_name(metadata_schema(m), STR("b"), true));
}

/* A column that comes back is another column: old rows must not show in it. */
TEST(ids_are_not_used_again)
{
    static const struct col without[] = { { "a", TYPE_INT }, { "c", TYPE_DATE } };
    static const struct col again[] = { { "a", TYPE_INT },
                                        { "b", TYPE_STRING },
                                        { "c", TYPE_DATE } };
    size_t n;
    const struct metadata *m = evolve(evolve(table(""), without, 2, "", &n), again, 3, "", &n);
    CHECK_INT(id_of(m, "b"), 4);
}

TEST(an_unrelated_type_is_another_column)
{
    static const struct col other[] = { { "a", TYPE_STRING },
                                        { "b", TYPE_STRING },
                                        { "c", TYPE_DATE } };
    size_t n;
    const struct metadata *m = evolve(table(""), other, 3, "", &n);
    CHECK_INT(id_of(m, "a"), 4);
    CHECK_INT(id_of(m, "b"), 2);
}

/* Rows of a narrower type are another column too: old values might not fit it. */
TEST(narrower_types)
{
    static const struct col wide[] = { { "a", TYPE_LONG } };
    static const struct col narrow[] = { { "a", TYPE_INT } };
    size_t n;
    const struct metadata *m = evolve(table(""), wide, 1, "", &n);
    CHECK_INT(id_of(m, "a"), 1);
    m = evolve(m, narrow, 1, "", &n);
    CHECK_INT(id_of(m, "a"), 4);
}

TEST(partitioning)
{
    static const struct col same[] = { { "a", TYPE_INT },
                                       { "b", TYPE_STRING },
                                       { "c", TYPE_DATE } };
    static const struct col no_date[] = { { "a", TYPE_INT }, { "b", TYPE_STRING } };
    size_t n;
    const struct metadata *m = evolve(table("day(c)"), same, 3, "bucket(4, a)", &n);
    CHECK_INT(n, 2);
    CHECK_INT(metadata_spec(m)->fields_n, 1);
    CHECK_INT(metadata_spec(m)->fields[0].transform.kind, TRANSFORM_BUCKET);
    m = evolve(table("day(c)"), no_date, 2, "", &n);
    CHECK_INT(metadata_spec(m)->fields_n, 0); /* its column is gone */
    m = evolve(table("day(c)"), same, 3, "", &n);
    CHECK_INT(metadata_spec(m)->fields_n, 1);
}

TEST(unknown_partition_column)
{
    static const struct col same[] = { { "a", TYPE_INT } };
    struct error err = { 0 };
    struct table_update *updates;
    size_t n;
    CHECK_FAILS(
        evolve_to(table(""), build(same, 1), STR("day(zz)"), test_arena(), &updates, &n, &err),
        ERR_INVALID);
}
