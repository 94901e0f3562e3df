/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/metrics.h"

#include "codec/json.h"
#include "iceberg/manifest.h"
#include "iceberg/metadata.h"
#include "test.h"

static const struct schema *test_schema(void)
{
    static const char text[] =
        "{\"type\":\"struct\",\"schema-id\":0,\"fields\":["
        "{\"id\":1,\"name\":\"s\",\"required\":false,\"type\":\"string\"},"
        "{\"id\":2,\"name\":\"d\",\"required\":false,\"type\":\"double\"},"
        "{\"id\":3,\"name\":\"b\",\"required\":false,\"type\":\"binary\"},"
        "{\"id\":4,\"name\":\"list\",\"required\":false,\"type\":{\"type\":\"list\","
        "\"element-id\":5,\"element\":\"int\",\"element-required\":true}},"
        "{\"id\":6,\"name\":\"o\",\"required\":false,\"type\":{\"type\":\"struct\",\"fields\":["
        "{\"id\":7,\"name\":\"x\",\"required\":false,\"type\":\"int\"}]}}]}";
    struct error err;
    struct json *json;
    const struct schema *schema;
    CHECK_OK(json_parse(str_of(text), test_arena(), &json, &err));
    CHECK_OK(schema_parse(json, test_arena(), &schema, &err));
    return schema;
}

static str upper(const char *s, size_t width)
{
    return metrics_upper_text(str_of(s), width, test_arena());
}

TEST(text_bounds_are_cut_by_code_points)
{
    CHECK_STR(metrics_lower_text(STR("h\xC3\xA9llo"), 2), "h\xC3\xA9");
    CHECK_STR(metrics_lower_text(STR("hi"), 16), "hi");
    CHECK_STR(upper("hi", 16), "hi");
    CHECK_STR(upper("hi", 2), "hi");
    CHECK_STR(upper("hello", 2), "hf");
    CHECK_STR(upper("h\xC3\xA9llo", 2), "h\xC3\xAA");
    CHECK_STR(upper("a\x7Fz", 2), "a\xC2\x80");             /* grows by a byte */
    CHECK_STR(upper("a\xED\x9F\xBFz", 2), "a\xEE\x80\x80"); /* over the surrogates */
    CHECK_STR(upper("a\xF4\x8F\xBF\xBFz", 2), "b");         /* the last code point */
    CHECK(upper("\xF4\x8F\xBF\xBF\xF4\x8F\xBF\xBFz", 2).ptr == NULL);
    CHECK(upper("ab\xFFz", 2).ptr == NULL); /* no UTF-8: no bound rather than a wrong one */
}

TEST(byte_bounds_are_cut_by_bytes)
{
    CHECK_STR(metrics_lower_bytes(STR("abc"), 2), "ab");
    CHECK_STR(metrics_upper_bytes(STR("abc"), 2, test_arena()), "ac");
    CHECK_STR(metrics_upper_bytes(STR("a\xFFz"), 2, test_arena()), "b");
    CHECK(metrics_upper_bytes(STR("\xFF\xFFz"), 2, test_arena()).ptr == NULL);
    CHECK_STR(metrics_upper_bytes(STR("\xFF\xFF"), 2, test_arena()), "\xFF\xFF");
}

TEST(modes_are_read_as_java_reads_them)
{
    struct error err;
    enum metrics_mode mode;
    size_t width;
    CHECK_OK(metrics_mode_parse(STR("truncate(7)"), &mode, &width, &err));
    CHECK_INT(mode, METRICS_TRUNCATE);
    CHECK_INT(width, 7);
    CHECK_OK(metrics_mode_parse(STR("FULL"), &mode, &width, &err));
    CHECK_INT(mode, METRICS_FULL);
    CHECK_FAILS(metrics_mode_parse(STR("truncate(0)"), &mode, &width, &err), ERR_INVALID);
    CHECK_FAILS(metrics_mode_parse(STR("truncate"), &mode, &width, &err), ERR_INVALID);
    CHECK_FAILS(metrics_mode_parse(STR(""), &mode, &width, &err), ERR_INVALID);
}

static struct column_metrics *make_sorted(const struct sort_order *order, const struct property *p,
                                          size_t p_n, const struct column_stats *s, size_t s_n)
{
    struct error err;
    struct column_metrics *out;
    size_t n;
    struct property_list list = { p, p_n };
    CHECK_OK(metrics_make(test_schema(), order, &list, s, s_n, test_arena(), &out, &n, &err));
    CHECK_INT(n, s_n);
    return out;
}

static struct column_metrics *make(const struct property *p, size_t p_n,
                                   const struct column_stats *s, size_t s_n)
{
    return make_sorted(&sort_order_none, p, p_n, s, s_n);
}

TEST(properties_choose_what_is_kept_of_each_column)
{
    struct value low = value_bytes(TYPE_STRING, STR("abcdefghijklmnopqrstuvwxyz"));
    struct value x = value_i64(TYPE_INT, 5);
    struct column_stats stats[] = {
        { .field_id = 7, .size = 3, .values = 9, .nulls = 1, .nans = -1, .min = &x, .max = &x },
        { .field_id = 1, .size = 4, .values = 9, .nulls = 2, .nans = -1, .min = &low, .max = &low },
        { .field_id = 5, .size = 5, .values = 9, .nulls = 0, .nans = -1, .min = &x, .max = &x },
    };
    struct column_metrics *c = make(NULL, 0, stats, 3);
    CHECK_INT(c[0].field_id, 1); /* sorted */
    CHECK_STR(c[0].lower, "abcdefghijklmnop");
    CHECK_STR(c[0].upper, "abcdefghijklmnoq");
    CHECK_INT(c[0].nulls, 2);
    CHECK(c[1].field_id == 5 && c[1].lower.ptr == NULL && c[1].values == 9); /* in a list */
    CHECK(c[2].field_id == 7 && c[2].lower.len == 4);

    struct property p[] = { { STR("write.metadata.metrics.default"), STR("counts") },
                            { STR("write.metadata.metrics.column.s"), STR("full") },
                            { STR("write.metadata.metrics.column.o.x"), STR("none") } };
    c = make(p, 3, stats, 3);
    CHECK_STR(c[0].upper, "abcdefghijklmnopqrstuvwxyz");
    CHECK(c[2].values == -1 && c[2].lower.ptr == NULL && c[2].size == 3);
}

/* Bounds of those prune well, as Java's MetricsConfig sees it. */
TEST(columns_that_rows_are_sorted_by_keep_bounds)
{
    struct value low = value_bytes(TYPE_STRING, STR("abcdefghijklmnopqrstuvwxyz"));
    struct value x = value_i64(TYPE_INT, 5);
    struct column_stats stats[] = {
        { .field_id = 1, .size = 4, .values = 9, .nulls = 2, .nans = -1, .min = &low, .max = &low },
        { .field_id = 7, .size = 3, .values = 9, .nulls = 1, .nans = -1, .min = &x, .max = &x },
    };
    struct sort_field by[] = { { .source_id = 1, .transform = { .kind = TRANSFORM_IDENTITY } },
                               { .source_id = 7, .transform = { TRANSFORM_BUCKET, 8, STR("") } } };
    struct sort_order order = { .id = 1, .fields = by, .fields_n = 2 };
    struct property p[] = { { STR("write.metadata.metrics.default"), STR("none") },
                            { STR("write.metadata.metrics.column.s"), STR("counts") } };
    struct column_metrics *c = make_sorted(&order, p, 1, stats, 2);
    CHECK_STR(c[0].lower, "abcdefghijklmnop");
    CHECK(c[1].values == -1 && c[1].lower.ptr == NULL); /* a bucket keeps no order */
    c = make_sorted(&order, p, 2, stats, 2);
    CHECK(c[0].values == 9 && c[0].lower.ptr == NULL); /* it is named itself */
}

TEST(zeros_are_widened_and_what_is_no_bound_is_refused)
{
    struct error err;
    struct column_metrics *out;
    size_t n;
    struct property_list none = { 0 };
    struct value zero = value_f64(TYPE_DOUBLE, 0.0), minus = value_f64(TYPE_DOUBLE, -0.0);
    struct value nan = value_f64(TYPE_DOUBLE, __builtin_nan(""));
    struct value text = value_bytes(TYPE_STRING, STR("x"));
    struct column_stats s = { .field_id = 2, .min = &zero, .max = &minus };
    struct column_metrics *c = make(NULL, 0, &s, 1);
    CHECK((unsigned char)c->lower.ptr[7] == 0x80); /* -0.0 */
    CHECK((unsigned char)c->upper.ptr[7] == 0x00);
    s.min = &nan;
    CHECK_FAILS(
        metrics_make(test_schema(), &sort_order_none, &none, &s, 1, test_arena(), &out, &n, &err),
        ERR_INVALID);
    s.min = &text;
    CHECK_FAILS(
        metrics_make(test_schema(), &sort_order_none, &none, &s, 1, test_arena(), &out, &n, &err),
        ERR_INVALID);
    s = (struct column_stats){ .field_id = 99 };
    CHECK_FAILS(
        metrics_make(test_schema(), &sort_order_none, &none, &s, 1, test_arena(), &out, &n, &err),
        ERR_INVALID);
    struct column_stats twice[] = { { .field_id = 1 }, { .field_id = 1 } };
    CHECK_FAILS(metrics_make(test_schema(), &sort_order_none, &none, twice, 2, test_arena(), &out,
                             &n, &err),
                ERR_INVALID);
}
