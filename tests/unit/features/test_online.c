/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads of the online store.  Rows are put there by hand, so that nothing but the read is tested; test_materialize.c fills the
 * store from tables. */
#include "features/online.h"

#include "base/thread.h"
#include "base/time.h"
#include "codec/digest.h"
#include "codec/json.h"
#include "features/feast_json.h"
#include "io/kv.h"
#include "lake_fixture.h"

static str hex_of(str bytes)
{
    return hex_encode(bytes, test_arena());
}

static str encode(const struct feature_key *keys, size_t n, const struct key_part *parts)
{
    struct key_shape shape;
    uint8_t *out = arena_alloc(test_arena(), KV_KEY_MAX);
    key_shape_init(keys, n, test_arena(), &shape);
    return str_make(out, key_encode(&shape, parts, test_arena(), out));
}

/* Bytes computed with Feast itself (serialisation version 3). */
TEST(entity_keys_are_feasts)
{
    const struct feature_key one[] = { { STR("driver_id"), type_of(TYPE_LONG) } };
    const struct feature_key two[] = { { STR("driver_id"), type_of(TYPE_LONG) },
                                       { STR("customer_id"), type_of(TYPE_STRING) } };
    const struct key_part parts[] = { { .i = 1001 }, { .s = STR("c1") } };
    CHECK_STR(hex_of(encode(one, 1, parts)),
              "0100000002000000090000006472697665725f69640400000008000000e903000000000000");
    CHECK_STR(hex_of(encode(two, 2, parts)),
              "02000000020000000b000000637573746f6d65725f696402000000090000006472697665725f6964"
              "020000000200000063310400000008000000e903000000000000");
}

/* Keys that the store cannot hold have a digest in their place; different ones stay different. */
TEST(long_keys_are_digested)
{
    const struct feature_key keys[] = { { STR("k"), type_of(TYPE_STRING) } };
    char text[2][2000];
    str got[2];
    for (int i = 0; i < 2; i++) {
        memset(text[i], 'x', sizeof text[i]);
        text[i][1999] = (char)('a' + i);
        got[i] = encode(keys, 1, &(struct key_part){ .s = str_make(text[i], sizeof text[i]) });
        CHECK_INT(got[i].len, 36);
    }
    CHECK(!str_eq(got[0], got[1]));
    str most = encode(keys, 1, &(struct key_part){ .s = str_make(text[0], KV_KEY_MAX - 21) });
    CHECK_INT(most.len, KV_KEY_MAX);
}

static const struct feature_view *all_types(struct arena *a)
{
    static const char *const types[] = { "boolean",        "int",         "long",  "float",
                                         "double",         "date",        "time",  "timestamp",
                                         "string",         "timestamptz", "uuid",  "binary",
                                         "decimal(38, 3)", "fixed[3]",    "string" };
    struct error err;
    struct feature_view *v = arena_new(a, struct feature_view);
    size_t n = sizeof types / sizeof *types;
    struct feature_column *c = arena_array(a, struct feature_column, n);
    for (size_t i = 0; i < n; i++) {
        c[i].name = arena_printf(a, "c%zu", i);
        CHECK_OK(type_parse_text(str_of(types[i]), a, &c[i].type, &err));
    }
    v->columns = c;
    v->columns_n = n;
    return v;
}

static void all_values(struct value v[15])
{
    v[0] = value_bool(true);
    v[1] = value_i64(TYPE_INT, INT32_MIN);
    v[2] = value_i64(TYPE_LONG, INT64_MAX);
    v[3] = value_f64(TYPE_FLOAT, 1.5);
    v[4] = value_f64(TYPE_DOUBLE, 0.1);
    v[5] = value_i64(TYPE_DATE, -1);
    v[6] = value_i64(TYPE_TIME, 86399999999);
    v[7] = value_i64(TYPE_TIMESTAMP, -1);
    v[8] = value_bytes(TYPE_STRING, STR("text"));
    v[9] = value_i64(TYPE_TIMESTAMPTZ, 1);
    v[10] = value_bytes(TYPE_UUID, STR("0123456789abcdef"));
    v[11] = value_bytes(TYPE_BINARY, str_make("\0\1", 2));
    v[12] = value_decimal(38, 3, -((int128)1 << 100));
    v[13] = value_bytes(TYPE_FIXED, STR("abc"));
    v[14] = value_bytes(TYPE_STRING, STR(""));
}

/* Every type survives packing, with and without nulls. */
TEST(rows_keep_all_types)
{
    struct error err;
    struct arena *a = test_arena();
    struct row_layout l;
    struct value in[15], out;
    int64_t event;
    row_layout_of(all_types(a), a, &l);
    for (size_t hole = 0; hole <= 15; hole++) {
        struct buf row = BUF_INIT(ROW_BYTES_MAX);
        all_values(in);
        if (hole < 15)
            in[hole].is_null = true;
        row_pack(&l, -5, in, &row);
        CHECK(!row.overflow);
        CHECK(row_open(&l, buf_str(&row), &event));
        CHECK_INT(event, -5);
        for (size_t i = 0; i < 15; i++) {
            CHECK_OK(row_get(&l, buf_str(&row), i, &out, &err));
            CHECK(out.is_null == (i == hole));
            CHECK(out.is_null || value_eq(&out, &in[i]));
        }
        buf_deinit(&row);
    }
}

/* A row cut anywhere is refused or gives values inside it. */
TEST(damaged_rows_are_refused)
{
    struct error err;
    struct arena *a = test_arena();
    struct row_layout l, other;
    struct value in[15], out;
    struct buf row = BUF_INIT(ROW_BYTES_MAX);
    int64_t event;
    row_layout_of(all_types(a), a, &l);
    all_values(in);
    row_pack(&l, 0, in, &row);
    CHECK_OK(row_layout_parse(l.text, a, &other, &err));
    CHECK(other.id == l.id && other.fixed_bytes == l.fixed_bytes);
    for (size_t n = 0; n < row.len; n++) {
        char *copy = arena_alloc(a, n);
        memcpy(copy, row.ptr, n);
        if (!row_open(&l, str_make(copy, n), &event))
            continue;
        bool whole = true;
        for (size_t i = 0; i < l.columns_n; i++)
            whole = row_get(&l, str_make(copy, n), i, &out, &err) && whole;
        CHECK(!whole && err.code == ERR_CORRUPT);
    }
    row.ptr[0] ^= 1; /* another layout */
    CHECK(!row_open(&l, buf_str(&row), &event));
    buf_deinit(&row);
    CHECK_FAILS(row_layout_parse(STR("[{\"name\":1}]"), a, &other, &err), ERR_CORRUPT);
    CHECK_FAILS(row_layout_parse(STR("{"), a, &other, &err), ERR_CORRUPT);
}

/* ---- A store filled by hand */

static void put_record(struct fixture *f, struct kv_batch *b, struct kv_table *t,
                       const struct feature_view *v, const struct row_layout *l)
{
    struct error err;
    struct buf text = BUF_INIT(1 << 20);
    struct online_record r = { .view = v->head.name,
                               .table = v->table,
                               .keys = online_keys_text(v, f->arena),
                               .view_version = 1,
                               .snapshot_id = 7,
                               .rows = 3,
                               .time_us = NOW_US,
                               .layout = *l };
    online_record_write(&r, &text);
    CHECK_OK(kv_put(b, t, ONLINE_RECORD, buf_str(&text), &err));
    buf_deinit(&text);
}

static void put_row(struct kv_batch *b, struct kv_table *t, const struct feature_view *v,
                    const struct row_layout *l, const struct key_part *parts, int64_t event_us,
                    const struct value *values)
{
    struct error err;
    struct buf row = BUF_INIT(1 << 20);
    row_pack(l, event_us, values, &row);
    CHECK_OK(kv_put(b, t, encode(v->keys, v->keys_n, parts), buf_str(&row), &err));
    buf_deinit(&row);
}

#define PAIR_VIEW                                                                                  \
    "entities:\n  - {name: pair, join_keys: [origin, number]}\n"                                   \
    "feature_views:\n"                                                                             \
    "  - {name: pair_stats, entities: [pair], online: true, "                                      \
    "source: {table: gold.pair, timestamp_field: day}}\n"

/* Drivers 1 (whole), 2 (nulls), 3 (exactly as old as the ttl), 4 (a microsecond older); one pair. */
static void fill(struct fixture *f)
{
    struct error err;
    struct features_apply_report report;
    struct registry r;
    struct kv_table *drivers, *pairs;
    struct kv_batch *b;
    struct row_layout l;
    struct value v[6] = { value_f64(TYPE_DOUBLE, 0.1),
                          value_f64(TYPE_FLOAT, (double)0.7F),
                          value_i64(TYPE_INT, 42),
                          value_bytes(TYPE_STRING, STR("a\"b")),
                          value_bool(true),
                          value_decimal(10, 2, 1250) };
    const int64_t two_hours = 2 * US_PER_HOUR;
    CHECK_OK(apply(f, DRIVER_VIEW, false, &report, &err));
    CHECK_OK(apply(f, PAIR_VIEW, false, &report, &err));
    CHECK_OK(registry_load(f->lake->db, f->arena, &r, &err));
    CHECK_OK(kv_table(f->lake->online, STR("view:driver_stats"), &drivers, &err));
    CHECK_OK(kv_table(f->lake->online, STR("view:pair_stats"), &pairs, &err));
    CHECK_OK(kv_batch_begin(f->lake->online, &b, &err));
    const struct feature_view *view = registry_view(&r, STR("driver_stats"));
    row_layout_of(view, f->arena, &l);
    put_record(f, b, drivers, view, &l);
    put_row(b, drivers, view, &l, &(struct key_part){ .i = 1 }, NOW_US - US_PER_S, v);
    put_row(b, drivers, view, &l, &(struct key_part){ .i = 3 }, NOW_US - two_hours, v);
    put_row(b, drivers, view, &l, &(struct key_part){ .i = 4 }, NOW_US - two_hours - 1, v);
    for (size_t i = 0; i < 6; i++)
        v[i].is_null = true;
    put_row(b, drivers, view, &l, &(struct key_part){ .i = 2 }, NOW_US, v);
    view = registry_view(&r, STR("pair_stats"));
    row_layout_of(view, f->arena, &l);
    put_record(f, b, pairs, view, &l);
    put_row(b, pairs, view, &l, (struct key_part[]){ { .s = STR("ABC") }, { .i = -3 } }, 0,
            (struct value[]){ value_f64(TYPE_DOUBLE, 3) });
    CHECK_OK(kv_commit(b, &err));
}

static void open_filled(struct fixture *f)
{
    fixture_open(f);
    fill(f);
    fixture_close(f);
    fixture_reopen(f);
}

static struct buf answer;

static bool ask(struct fixture *f, const char *body, enum feast_error *why, struct error *err)
{
    buf_deinit(&answer);
    buf_init(&answer, ONLINE_ANSWER_MAX);
    buf_in_arena(&answer, f->arena);
    return features_get_online(f->features, NULL, str_of(body), f->arena, &answer, why, err);
}

/* The answer has Feast's shape to the byte. */
TEST(answers_are_feasts)
{
    struct fixture f;
    struct error err;
    enum feast_error why;
    open_filled(&f);
    CHECK_OK(ask(&f,
                 "{\"entities\": {\"driver_id\": [1, 2, 9]}, "
                 "\"features\": [\"driver_stats:conv_rate\", \"driver_stats:name\"]}",
                 &why, &err));
    CHECK_STR(buf_str(&answer),
              "{\"results\":["
              "{\"values\":[1,2,9],\"statuses\":[\"PRESENT\",\"PRESENT\",\"PRESENT\"],"
              "\"event_timestamps\":[\"1970-01-01T00:00:00Z\",\"1970-01-01T00:00:00Z\","
              "\"1970-01-01T00:00:00Z\"]},"
              "{\"values\":[0.1,null,null],\"statuses\":[\"PRESENT\",\"NULL_VALUE\",\"NOT_FOUND\"],"
              "\"event_timestamps\":[\"2019-12-31T23:59:59Z\",\"2020-01-01T00:00:00Z\","
              "\"1970-01-01T00:00:00Z\"]},"
              "{\"values\":[\"a\\\"b\",null,null],"
              "\"statuses\":[\"PRESENT\",\"NULL_VALUE\",\"NOT_FOUND\"],"
              "\"event_timestamps\":[\"2019-12-31T23:59:59Z\",\"2020-01-01T00:00:00Z\","
              "\"1970-01-01T00:00:00Z\"]}],"
              "\"metadata\":{\"feature_names\":[\"driver_id\",\"conv_rate\",\"name\"]}}");
    fixture_close(&f);
}

static const struct json *column(struct fixture *f, size_t i, const char *what)
{
    struct error err;
    struct json *j;
    const struct json *results;
    CHECK_OK(json_parse(buf_str(&answer), f->arena, &j, &err));
    CHECK_OK(json_need_array(j, "results", &results, &err));
    CHECK(i < results->array.n);
    const struct json *c = json_get(&results->array.items[i], what);
    CHECK(c && c->kind == JSON_ARRAY);
    return c;
}

/* Values are printed as Feast's server prints them: floats widened, decimals as texts. */
TEST(values_of_all_types_are_printed)
{
    struct fixture f;
    struct error err;
    enum feast_error why;
    open_filled(&f);
    CHECK_OK(ask(&f,
                 "{\"entities\":{\"driver_id\":[\"1\"]},\"features\":[\"driver_stats:acc_rate\","
                 "\"driver_stats:trips\",\"driver_stats:vip\",\"driver_stats:paid\"]}",
                 &why, &err));
    CHECK(column(&f, 1, "values")->array.items[0].f == (double)0.7F);
    CHECK_INT(column(&f, 2, "values")->array.items[0].i, 42);
    CHECK(column(&f, 3, "values")->array.items[0].b);
    CHECK_STR(column(&f, 4, "values")->array.items[0].s, "12.50");
    fixture_close(&f);
}

/* A row exactly as old as the ttl counts; a microsecond more and its value is withheld. */
TEST(ttl_is_kept_online)
{
    struct fixture f;
    struct error err;
    enum feast_error why;
    open_filled(&f);
    CHECK_OK(ask(&f, "{\"entities\":{\"driver_id\":[3,4]},\"features\":[\"driver_stats:trips\"]}",
                 &why, &err));
    const struct json *s = column(&f, 1, "statuses"), *v = column(&f, 1, "values"),
                      *t = column(&f, 1, "event_timestamps");
    CHECK_STR(s->array.items[0].s, "PRESENT");
    CHECK_STR(s->array.items[1].s, "OUTSIDE_MAX_AGE");
    CHECK_INT(v->array.items[0].i, 42);
    CHECK(v->array.items[1].kind == JSON_NULL);
    CHECK_STR(t->array.items[1].s, "2019-12-31T21:59:59.999999Z");
    fixture_close(&f);
}

/* Composite keys, two views in one request, rows that repeat, null keys, integers that no row can have. */
TEST(keys_of_several_parts_and_views)
{
    struct fixture f;
    struct error err;
    enum feast_error why;
    open_filled(&f);
    CHECK_OK(ask(
        &f,
        "{\"features\":[\"pair_stats:delay\",\"driver_stats:trips\"],\"full_feature_names\":true,"
        "\"entities\":{\"number\":[-3,-3,99999999999,null,-3],"
        "\"driver_id\":[1,1,1,1,null],"
        "\"origin\":[\"ABC\",\"ABC\",\"ABC\",\"ABC\",\"abc\"]}}",
        &why, &err));
    static const char *const pair[] = { "PRESENT", "PRESENT", "NOT_FOUND", "NOT_FOUND",
                                        "NOT_FOUND" };
    static const char *const driver[] = { "PRESENT", "PRESENT", "PRESENT", "PRESENT", "NOT_FOUND" };
    for (size_t r = 0; r < 5; r++) {
        CHECK_STR(column(&f, 3, "statuses")->array.items[r].s, pair[r]);
        CHECK_STR(column(&f, 4, "statuses")->array.items[r].s, driver[r]);
    }
    CHECK(str_find(buf_str(&answer), STR("[\"number\",\"driver_id\",\"origin\","
                                         "\"pair_stats__delay\",\"driver_stats__trips\"]")) > 0);
    fixture_close(&f);
}

/* Entities may be named instead of their one join key; all features of a view may be asked for at once. */
TEST(entity_names_and_whole_views)
{
    struct fixture f;
    struct error err;
    enum feast_error why;
    open_filled(&f);
    CHECK_OK(
        ask(&f, "{\"entities\":{\"driver\":[1]},\"features\":[\"driver_stats\"]}", &why, &err));
    CHECK(str_find(buf_str(&answer),
                   STR("{\"feature_names\":[\"driver_id\",\"conv_rate\",\"acc_rate\",\"trips\","
                       "\"name\",\"vip\",\"paid\"]}")) > 0);
    CHECK_OK(ask(&f, "{\"entities\":{\"driver\":[]},\"features\":[\"driver_stats:trips\"]}", &why,
                 &err));
    CHECK_INT(column(&f, 1, "values")->array.n, 0);
    fixture_close(&f);
}

/* Wrong requests fail with Feast's class of error and a text that names the place. */
TEST(wrong_requests_are_refused)
{
#define ASK_TRIPS "\"features\":[\"driver_stats:trips\"]"
    static const struct {
        const char *body, *says;
        enum feast_error why;
        int status;
    } cases[] = {
        { "", "line 1", FEAST_VALIDATION, 422 },
        { "{\"entities\":{\"driver_id\":[1]}," ASK_TRIPS, "line 1", FEAST_VALIDATION, 422 },
        { "[]", "object", FEAST_VALIDATION, 422 },
        { "{" ASK_TRIPS "}", "entities", FEAST_VALIDATION, 422 },
        { "{\"entities\":{}," ASK_TRIPS "}", "entities", FEAST_VALIDATION, 422 },
        { "{\"entities\":{\"driver_id\":1}," ASK_TRIPS "}", "array", FEAST_VALIDATION, 422 },
        { "{\"entities\":{\"driver_id\":[[1]]}," ASK_TRIPS "}", "join key", FEAST_VALIDATION, 422 },
        { "{\"entities\":{\"driver_id\":[1.5]}," ASK_TRIPS "}",
          "entities.driver_id[0] must be an integer", FEAST_VALIDATION, 422 },
        { "{\"entities\":{\"driver_id\":[1,\"x\"]}," ASK_TRIPS "}",
          "entities.driver_id[1] must be an integer", FEAST_VALIDATION, 422 },
        { "{\"entities\":{\"driver_id\":[1]}}", "no features", FEAST_VALIDATION, 422 },
        { "{\"entities\":{\"driver_id\":[1],\"origin\":[]}," ASK_TRIPS "}", "has 0 values",
          FEAST_VALIDATION, 422 },
        { "{\"entities\":{\"driver_id\":[1],\"driver\":[1]}," ASK_TRIPS "}", "given twice",
          FEAST_VALIDATION, 422 },
        { "{\"entities\":{\"origin\":[\"x\"]}," ASK_TRIPS "}", "Missing join key values",
          FEAST_VALIDATION, 422 },
        { "{\"entities\":{\"who\":[1]}," ASK_TRIPS "}", "Entity who does not exist",
          FEAST_ENTITY_NOT_FOUND, 404 },
        { "{\"entities\":{\"driver_id\":[1]},\"features\":[\"nope:x\"]}",
          "Feature view nope does not exist", FEAST_VIEW_NOT_FOUND, 404 },
        { "{\"entities\":{\"driver_id\":[1]},\"features\":[\"driver_stats:nope\"]}",
          "Feature nope does not exist", FEAST_FEATURE_NOT_FOUND, 404 },
        { "{\"entities\":{\"driver_id\":[1]},\"feature_service\":\"nope\"}",
          "Feature service nope does not exist", FEAST_SERVICE_NOT_FOUND, 404 },
        { "{\"entities\":{\"driver_id\":[1]},\"features\":[\"driver_stats\",\"driver_stats:trips\"]}",
          "named twice", FEAST_NAME_COLLISION, 422 },
        { "{\"entities\":{\"driver_id\":[1]},\"features\":[\"driver_stats@v2:trips\"]}",
          "not supported", FEAST_OTHER, 501 },
    };
    struct fixture f;
    struct error err;
    enum feast_error why;
    open_filled(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf body = BUF_INIT(1 << 16);
        err = (struct error){ 0 };
        CHECK(!ask(&f, cases[i].body, &why, &err));
        if (str_find(str_of(err.msg), str_of(cases[i].says)) < 0 || why != cases[i].why)
            test_fail(__FILE__, __LINE__, "case %zu: %d, \"%s\" lacks \"%s\"", i, (int)why, err.msg,
                      cases[i].says);
        CHECK_INT(features_online_error(&err, why, &body), cases[i].status);
        buf_deinit(&body);
    }
    fixture_close(&f);
}

/* Feast's clients parse a JSON string that holds JSON. */
TEST(error_bodies_are_json_in_json)
{
    struct error err;
    struct buf out = BUF_INIT(1 << 16);
    fail(&err, ERR_NOT_FOUND, "Feature view x does not exist");
    CHECK_INT(features_online_error(&err, FEAST_VIEW_NOT_FOUND, &out), 404);
    CHECK_STR(
        buf_str(&out),
        "\"{\\\"module\\\":\\\"feast.errors\\\",\\\"class\\\":\\\"FeatureViewNotFoundException\\\","
        "\\\"message\\\":\\\"Feature view x does not exist\\\"}\"");
    buf_clear(&out);
    fail(&err, ERR_INVALID, "no");
    CHECK_INT(features_online_error(&err, FEAST_VALIDATION, &out), 422);
    CHECK_STR(buf_str(&out),
              "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"no\",\"type\":\"value_error\"}]}");
    buf_deinit(&out);
}

/* Callers in C get values with their types. */
TEST(typed_lookup)
{
    struct fixture f;
    struct error err;
    struct features_lookup_result out;
    const str refs[] = { STR("driver_stats:conv_rate"), STR("driver_stats:trips") };
    const struct value ids[] = { value_i64(TYPE_INT, 1), value_i64(TYPE_LONG, 4),
                                 value_null(TYPE_LONG) };
    const struct features_key_column key = { STR("driver_id"), ids };
    struct features_lookup_request req = {
        .keys = &key, .keys_n = 1, .rows_n = 3, .features = { .refs = refs, .n = 2 }
    };
    open_filled(&f);
    CHECK_OK(features_lookup(f.features, &req, f.arena, &out, &err));
    CHECK_INT(out.columns_n, 2);
    CHECK_STR(out.names[1], "trips");
    CHECK(out.values[0].kind == TYPE_DOUBLE && out.values[0].f == 0.1);
    CHECK_INT(out.values[3].i, 42);
    CHECK_INT(out.statuses[4], FEATURE_OUTSIDE_MAX_AGE);
    CHECK(out.values[4].is_null);
    CHECK_INT(out.statuses[5], FEATURE_NOT_FOUND);
    CHECK_INT(out.event_us[0], NOW_US - US_PER_S);
    fixture_close(&f);
}

/* Rows of a definition before this one are still read: what they have is given, new features are not there yet. */
TEST(rows_of_an_older_definition_are_read)
{
    struct fixture f;
    struct error err;
    enum feast_error why;
    struct features_apply_report r;
    fixture_open(&f);
    fill(&f);
    /* The store has six columns; the view is applied with two of them, in another order. */
    CHECK_OK(apply(&f,
                   DRIVER_VIEW
                   "    schema: [{name: trips, dtype: Int64}, {name: conv_rate, dtype: Float64}]\n",
                   false, &r, &err));
    CHECK_OK(
        ask(&f, "{\"entities\":{\"driver_id\":[1]},\"features\":[\"driver_stats\"]}", &why, &err));
    CHECK_INT(column(&f, 1, "values")->array.items[0].i, 42);
    CHECK(column(&f, 2, "values")->array.items[0].f == 0.1);
    fixture_close(&f);
}

/* ---- Readers beside a writer */

struct beside {
    struct fixture *f;
    atomic_bool stop;
    atomic_long reads;
};

static void read_on(void *arg)
{
    struct beside *b = arg;
    struct error err;
    enum feast_error why;
    struct arena *a = arena_create(0);
    struct buf out = BUF_INIT(1 << 20);
    while (!atomic_load(&b->stop)) {
        buf_clear(&out);
        CHECK_OK(features_get_online(
            b->f->features, NULL,
            STR("{\"entities\":{\"driver_id\":[1]},\"features\":[\"driver_stats:trips\"]}"), a,
            &out, &why, &err));
        CHECK(str_find(buf_str(&out), STR("\"values\":[42]")) > 0);
        arena_reset(a);
        atomic_fetch_add(&b->reads, 1);
    }
    buf_deinit(&out);
    arena_destroy(a);
}

/* Definitions change while others read: every read is whole. */
TEST(reads_beside_changes)
{
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    open_filled(&f);
    struct beside b = { .f = &f };
    struct thread *t[2];
    for (int i = 0; i < 2; i++)
        t[i] = thread_start("reader", read_on, &b);
    for (int i = 0; i < 20 || atomic_load(&b.reads) < 200; i++)
        CHECK_OK(apply(&f,
                       i % 2 ? "entities: [{name: other, join_keys: [a]}]"
                             : "entities: [{name: other, join_keys: [b]}]",
                       false, &r, &err));
    atomic_store(&b.stop, true);
    for (int i = 0; i < 2; i++)
        thread_join(t[i]);
    fixture_close(&f);
}
