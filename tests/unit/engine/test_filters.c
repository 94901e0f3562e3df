/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/filters.h"

#include "engine/engine.h"
#include "engine/session.h"
#include "iceberg/expr.h"
#include "iceberg/schema.h"
#include "test.h"

static struct engine *e;
static struct session *s;
static struct filter_table tables[2];

static const struct schema *schema_of(const char *sql)
{
    struct error err;
    struct result_column *c;
    size_t n;
    const struct schema *out;
    CHECK_OK(session_describe(s, str_of(sql), test_arena(), &c, &n, &err));
    CHECK_OK(columns_schema(c, n, test_arena(), &out, &err));
    return out;
}

static void add_view(const char *name, const struct filter_table *t)
{
    struct error err;
    str sql =
        arena_printf(test_arena(), "CREATE VIEW %s AS " STR_FMT, name, STR_ARG(t->select_sql));
    CHECK_OK(session_exec(s, sql, &err));
}

static void setup(void)
{
    struct error err;
    e = engine_create(&(struct engine_config){ .memory_limit = (size_t)512 << 20, .threads = 2 });
    CHECK_OK(session_open(e, &s, &err));
    tables[0].schema = schema_of(
        "SELECT NULL::TIMESTAMP AS date, NULL::INTEGER AS delay, NULL::VARCHAR AS origin, NULL::STRUCT(a INTEGER, "
        "b VARCHAR) AS st, NULL::DECIMAL(10,2) AS dc, NULL::DOUBLE AS f, NULL::UUID AS u, NULL::DATE AS dt, "
        "NULL::TIMESTAMPTZ AS tz, NULL::BOOLEAN AS bo, NULL::BIGINT AS \"we.ird\"\" col\"");
    tables[1].schema = schema_of("SELECT NULL::VARCHAR AS iata, NULL::VARCHAR AS state");
    CHECK_OK(filter_tables_sql(s, tables, 2, test_arena(), &err));
    add_view("fl", &tables[0]);
    add_view("ap", &tables[1]);
}

static void teardown(void)
{
    session_close(s);
    engine_destroy(e);
}

static str filter_of(const char *sql, size_t table)
{
    struct error err;
    CHECK_OK(session_filters(s, str_of(sql), NULL, 0, tables, 2, test_arena(), &err));
    struct buf *text = arena_new(test_arena(), struct buf);
    buf_init(text, 1 << 20);
    buf_in_arena(text, test_arena());
    expr_format(tables[table].filter, NULL, text);
    return buf_str(text);
}

#define WHERE(cond) filter_of("SELECT date FROM fl WHERE " cond, 0)

TEST(comparisons_are_read)
{
    setup();
    CHECK_STR(WHERE("delay > 5"), "delay > 5");
    CHECK_STR(WHERE("5 < delay"), "delay > 5");
    CHECK_STR(WHERE("delay = -5"), "delay = -5");
    CHECK_STR(WHERE("origin <> 'it''s'"), "origin != 'it''s'");
    CHECK_STR(WHERE("origin IS NULL"), "origin is null");
    CHECK_STR(WHERE("origin IS NOT NULL"), "origin is not null");
    CHECK_STR(WHERE("dc <= 1.5"), "dc <= 1.50");
    CHECK_STR(WHERE("bo"), "bo = true");
    CHECK_STR(WHERE("NOT bo"), "bo = false");
    CHECK_STR(WHERE("dt >= '2001-02-03'"), "dt >= '2001-02-03'");
    CHECK_STR(WHERE("tz < '2001-02-03 00:00:00+01'"), "tz < '2001-02-02 23:00:00+00'");
    CHECK_STR(WHERE("st.a >= 7"), "st.a >= 7");
    CHECK_STR(WHERE("u = '5eb9e186-d6f6-4abe-836a-acf8978247d2'"),
              "u = '5eb9e186-d6f6-4abe-836a-acf8978247d2'");
    CHECK_STR(WHERE("date_trunc('day', date) = '2001-01-01'"),
              "\"date\" >= '2001-01-01 00:00:00' and \"date\" <= '2001-01-02 00:00:00'");
    CHECK_STR(WHERE("origin LIKE 'SF%'"), "starts_with(origin, 'SF')");
    CHECK_STR(WHERE("delay = 3 OR (delay > 7 AND origin = 'x')"),
              "(delay = 3 or delay > 7) and (delay = 3 or (delay > 7 and origin = 'x'))");
    teardown();
}

/* Whatever is not understood must not restrict. */
TEST(unknown_pieces_are_true)
{
    setup();
    CHECK_STR(WHERE("delay * delay = 3 OR origin = 'x'"), "true");
    CHECK_STR(WHERE("md5(origin) = 'q' AND delay = 2"), "delay = 2");
    CHECK_STR(WHERE("NOT (delay = 2 AND md5(origin) = 'q')"), "true");
    CHECK_STR(WHERE("\"we.ird\"\" col\" = 3"), "true");
    CHECK_STR(WHERE("st IS NULL"), "true");
    CHECK_STR(WHERE("origin = delay::VARCHAR"), "true");
    CHECK_STR(WHERE("random() > 0.5"), "true");
    CHECK_STR(WHERE("origin = ')' OR origin = '(' || chr(10) || 'x'"),
              "origin = ')' or origin = '(\nx'");
    CHECK_STR(filter_of("SELECT 1", 0), "true");
    teardown();
}

/* Self-joins, unions and plain scans: the table keeps only what all places ask for. */
TEST(places_are_united)
{
    setup();
    CHECK_STR(
        filter_of(
            "SELECT count(*) FROM fl WHERE delay = 1 UNION ALL SELECT count(*) FROM fl WHERE delay = 2",
            0),
        "delay = 1 or delay = 2");
    CHECK_INT(tables[0].scans_n, 2);
    CHECK_STR(
        filter_of("SELECT count(*) FROM fl WHERE delay = 1 UNION ALL SELECT count(*) FROM fl", 0),
        "true");
    CHECK_STR(
        filter_of("SELECT a.delay FROM fl a JOIN fl b ON a.delay = b.delay WHERE a.delay = 4", 0),
        "delay = 4 or delay = 4");
    teardown();
}

TEST(joins_carry_constants_and_columns_are_told)
{
    setup();
    CHECK_STR(
        filter_of("SELECT state FROM fl JOIN ap ON origin = iata WHERE iata = 'SFO' AND delay > 3",
                  0),
        "delay > 3 and origin = 'SFO'");
    CHECK_INT(tables[0].field_ids_n, 2);
    CHECK_INT(tables[0].field_ids[0], 2);
    CHECK_INT(tables[0].field_ids[1], 3);
    CHECK_INT(tables[1].scans_n, 1);
    CHECK_STR(filter_of("SELECT count(*) FROM fl LEFT JOIN ap ON origin = iata AND delay = 3", 0),
              "true");
    CHECK_STR(
        filter_of("SELECT date FROM fl WHERE delay IN (1,2,3,4,5,7,8,9,11,12,13) AND origin = 'x'",
                  0),
        "origin = 'x'");
    teardown();
}

TEST(parameters_and_bad_queries)
{
    struct error err;
    setup();
    struct param p = { .is_text = true, .text = STR("LAX") };
    CHECK_OK(session_filters(s, STR("SELECT date FROM fl WHERE origin = $1"), &p, 1, tables, 2,
                             test_arena(), &err));
    struct buf text = BUF_INIT(1000);
    expr_format(tables[0].filter, NULL, &text);
    CHECK_STR(buf_str(&text), "origin = 'LAX'");
    buf_deinit(&text);
    CHECK_FAILS(
        session_filters(s, STR("SELECT nothing FROM fl"), NULL, 0, tables, 2, test_arena(), &err),
        ERR_INVALID);
    teardown();
}
