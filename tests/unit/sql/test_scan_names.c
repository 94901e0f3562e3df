/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/scan_names.h"

#include "catalog/table.h"
#include "engine/session.h"
#include "lake_test.h"

/* A table with this property whose only file was put there by a program that knows no field ids. */
static struct lake *taken_over(const char *mapping, const char *rows)
{
    struct lake *lake = open_lake();
    struct error err = { 0 };
    struct session *s;
    ask(lake,
        text_f(
            "CREATE TABLE a.t (id BIGINT, name TEXT, place STRUCT(x DOUBLE, y DOUBLE), tags TEXT[]) "
            "WITH (\"schema.name-mapping.default\" = '%s')",
            mapping));
    ask(lake, "INSERT INTO a.t VALUES (0, 'made by Firn', NULL, NULL)");
    str file =
        ask(lake, text_f("SELECT file FROM glob('%s/lake/warehouse/**/*.parquet')", test_tmpdir()));
    CHECK_OK(session_open(lake->engine, &s, &err));
    CHECK_OK(session_exec(
        s, str_of(text_f("COPY (%s) TO '" STR_FMT "' (FORMAT parquet)", rows, STR_ARG(file))),
        &err));
    session_close(s);
    return lake;
}

#define MAPPING                                                                                          \
    "[{\"field-id\": 1, \"names\": [\"id\", \"ID\"]}, {\"field-id\": 2, \"names\": [\"nom\"]}, "         \
    "{\"field-id\": 3, \"names\": [\"place\"], \"fields\": [{\"field-id\": 5, \"names\": [\"east\"]}, "  \
    "{\"field-id\": 6, \"names\": [\"north\"]}]}, {\"field-id\": 4, \"names\": [\"tags\"], \"fields\": " \
    "[{\"field-id\": 7, \"names\": [\"element\"]}]}, {\"names\": [\"extra\"]}]"

TEST(columns_are_found_by_their_names)
{
    struct lake *lake = taken_over(
        MAPPING,
        "SELECT 5 AS extra, 'drei' AS nom, 3::INT AS \"ID\", {'north': 2.5, 'east': 1.5} AS place, ['t', NULL] AS tags");
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "3|drei|{'x': 1.5, 'y': 2.5}|[t, NULL]");
    CHECK_STR(ask(lake, "SELECT place.y FROM a.t"), "2.5");
    lake_close(lake);
}

TEST(columns_that_a_file_lacks_are_null)
{
    struct lake *lake = taken_over(MAPPING, "SELECT 'x' AS name, 1 AS id");
    CHECK_STR(ask(lake, "SELECT id, name, place, tags FROM a.t"), "1|NULL|NULL|NULL");
    lake_close(lake);
}

TEST(a_property_that_is_no_mapping)
{
    static const char *const bad[] = {
        "nonsense", "{}", "[{\"names\": 3}]",
        "[{\"field-id\": 1, \"names\": [\"a\"]}, {\"field-id\": 2, \"names\": [\"a\"]}]"
    };
    struct lake *lake = open_lake();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ask(lake,
            text_f("CREATE TABLE a.t%zu (a INT) WITH (\"schema.name-mapping.default\" = '%s')", i,
                   bad[i]));
        refuse(lake, text_f("SELECT * FROM a.t%zu", i), ERR_CORRUPT, "schema.name-mapping.default");
    }
    lake_close(lake);
}
