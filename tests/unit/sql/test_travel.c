/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/travel.h"

#include "base/time.h"
#include "test.h"

static str rewrite(const char *sql, struct travel **travels, size_t *n)
{
    struct error err = { 0 };
    str out;
    CHECK_OK(travel_rewrite(str_of(sql), test_arena(), &out, travels, n, &err));
    return out;
}

TEST(nothing_to_rewrite)
{
    struct travel *t;
    size_t n;
    const char *sql = "SELECT version, \"FOR VERSION AS OF\" FROM a.b -- FOR VERSION AS OF 3";
    CHECK_STR(rewrite(sql, &t, &n), sql);
    CHECK_INT(n, 0);
    CHECK_STR(rewrite("", &t, &n), "");
}

TEST(by_snapshot_id)
{
    struct travel *t;
    size_t n;
    CHECK_STR(rewrite("SELECT * FROM a.b FOR VERSION AS OF 123 WHERE x", &t, &n),
              "SELECT * FROM \"a\".\"b@1\" AS \"b\" WHERE x");
    CHECK_INT(n, 1);
    CHECK_STR(t[0].ns, "a");
    CHECK_STR(t[0].name, "b");
    CHECK_STR(t[0].view, "b@1");
    CHECK_INT(t[0].snapshot_id, 123);
    CHECK_INT(t[0].ref.len, 0);
    CHECK(!t[0].has_time);
}

TEST(by_ref_and_by_time)
{
    struct travel *t;
    size_t n;
    rewrite("SELECT * FROM x.\"y z\" FOR VERSION AS OF 'it''s' a JOIN p.q.r FOR SYSTEM_TIME AS OF "
            "'2001-06-30 12:00:00' ON true",
            &t, &n);
    CHECK_INT(n, 2);
    CHECK_STR(t[0].ref, "it's");
    CHECK_STR(t[0].name, "y z");
    CHECK_STR(t[1].ns, "p.q");
    CHECK_STR(t[1].name, "r");
    CHECK(t[1].has_time);
    struct civil c = { 2001, 6, 30, 12, 0, 0, 0 };
    CHECK_INT(t[1].timestamp_us, civil_to_us(&c));
    CHECK_INT(t[1].ref.len, 0);
}

/* The table keeps its name for the rest of the query, unless the query gives it another. */
TEST(aliases)
{
    struct travel *t;
    size_t n;
    CHECK_STR(rewrite("SELECT b.x FROM a.b VERSION AS OF 1 LIMIT 1", &t, &n),
              "SELECT b.x FROM \"a\".\"b@1\" AS \"b\" LIMIT 1");
    CHECK_STR(rewrite("SELECT c.x FROM a.b VERSION AS OF 1 AS c", &t, &n),
              "SELECT c.x FROM \"a\".\"b@1\" AS c");
    CHECK_STR(rewrite("SELECT c.x FROM a.b VERSION AS OF 1 c", &t, &n),
              "SELECT c.x FROM \"a\".\"b@1\" c");
    CHECK_STR(rewrite("SELECT 1 FROM a.b VERSION AS OF 1 \"where\"", &t, &n),
              "SELECT 1 FROM \"a\".\"b@1\" \"where\"");
    CHECK_STR(rewrite("(FROM a.b VERSION AS OF 1)", &t, &n), "(FROM \"a\".\"b@1\" AS \"b\" )");
}

TEST(the_same_table_at_two_points)
{
    struct travel *t;
    size_t n;
    CHECK_STR(rewrite("FROM a.b VERSION AS OF 1 x, a.b VERSION AS OF 2 y", &t, &n),
              "FROM \"a\".\"b@1\" x, \"a\".\"b@2\" y");
    CHECK_INT(n, 2);
}

TEST(what_is_wrong_is_said)
{
    static const struct {
        const char *sql, *words;
    } bad[] = {
        { "SELECT * FROM b FOR VERSION AS OF 1", "full name" },
        { "SELECT * FROM a.b FOR VERSION AS OF", "needs a snapshot id" },
        { "SELECT * FROM a.b FOR VERSION AS OF x", "neither a snapshot id" },
        { "SELECT * FROM a.b FOR VERSION AS OF 0", "neither a snapshot id" },
        { "SELECT * FROM a.b FOR VERSION AS OF 99999999999999999999", "neither a snapshot id" },
        { "SELECT * FROM a.b FOR TIMESTAMP AS OF 'yesterday'", "is no time" },
        { "SELECT * FROM a.b FOR TIMESTAMP AS OF 5", "neither a snapshot id" },
        { "SELECT * FROM (SELECT 1) FOR VERSION AS OF 1", "full name" },
    };
    struct travel *t;
    size_t n;
    str out;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = { 0 };
        CHECK_FAILS(travel_rewrite(str_of(bad[i].sql), test_arena(), &out, &t, &n, &err),
                    ERR_INVALID);
        if (str_find(str_of(err.msg), str_of(bad[i].words)) < 0)
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i].sql, err.msg);
    }
}
