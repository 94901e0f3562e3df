/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables whose data files are Avro: what is written is read back, beside Parquet files, through changes of schema, deletes and
 * compaction. */
#include "lake_test.h"

static struct lake *avro_lake(const char *columns, const char *with)
{
    struct lake *lake = open_lake();
    ask(lake, text_f("CREATE TABLE a.t (%s) WITH ('write.format.default' = 'avro'%s%s)", columns,
                     *with ? ", " : "", with));
    return lake;
}

static str formats(struct lake *lake)
{
    return ask(lake, "SELECT string_agg(DISTINCT file_format, ' ') FROM a.t.files");
}

#define ALL_COLUMNS                                                                                \
    "b BOOLEAN, i INTEGER, l BIGINT, f FLOAT, d DOUBLE, n DECIMAL(9,2), w DECIMAL(38,10), da "     \
    "DATE, ti TIME, ts TIMESTAMP, tz TIMESTAMPTZ, s VARCHAR, u UUID, x BLOB, li INTEGER[], st "    \
    "STRUCT(a INTEGER, b VARCHAR[]), m MAP(VARCHAR, DOUBLE), k MAP(INTEGER, VARCHAR)"

TEST(values_of_every_type_go_round)
{
    static const char *const codecs[] = { "gzip", "snappy", "zstd", "uncompressed" };
    for (int c = 0; c < 4; c++) {
        struct lake *lake =
            avro_lake(ALL_COLUMNS, text_f("'write.avro.compression-codec' = '%s'", codecs[c]));
        ask(lake, "INSERT INTO a.t VALUES (true, -5, 1099511627776, 1.5, 'nan', -12.34, "
                  "-1234567890123456789012345678.0123456789, DATE '1969-12-31', TIME "
                  "'01:02:03.000004', TIMESTAMP '1500-01-01 00:00:00.000001', TIMESTAMPTZ "
                  "'2020-01-01 00:00:00+02', 'h\xc3\xa9', '12345678-1234-1234-1234-1234567890ab', "
                  "'\\x00\\xFF'::BLOB, [1, NULL, 3], {'a': 7, 'b': ['x', NULL]}, MAP {'p': 1.5, "
                  "'q': NULL}, MAP {1: 'one'})");
        ask(lake, "INSERT INTO a.t (i) VALUES (NULL)");
        CHECK_STR(formats(lake), "AVRO");
        CHECK_STR(ask(lake, "SELECT b, i, l, f, d, n, w, da, ti, ts, s, u, x FROM a.t WHERE b"),
                  "true|-5|1099511627776|1.5|NaN|-12.34|-1234567890123456789012345678.0123456789|"
                  "1969-12-31|01:02:03.000004|1500-01-01 00:00:00.000001|h\xc3\xa9|"
                  "12345678-1234-1234-1234-1234567890ab|\\x00\\xFF");
        CHECK_STR(ask(lake, "SELECT epoch_us(tz), li, st, m, k FROM a.t WHERE b"),
                  "1577829600000000|[1, NULL, 3]|{'a': 7, 'b': [x, NULL]}|{p=1.5, q=NULL}|{1=one}");
        CHECK_STR(ask(lake, "SELECT count(*) FROM a.t WHERE COLUMNS(*) IS NULL"), "1");
        ask(lake, "DROP TABLE a.t");
        lake_close(lake);
    }
}

TEST(files_of_two_formats_are_one_table)
{
    struct lake *lake = avro_lake("id BIGINT, s VARCHAR", "'format-version' = '2'");
    ask(lake, "INSERT INTO a.t SELECT i, 's' || i FROM range(5000) r(i)");
    ask(lake, "ALTER TABLE a.t SET TBLPROPERTIES ('write.format.default' = 'parquet')");
    ask(lake, "INSERT INTO a.t SELECT i, 's' || i FROM range(5000, 6000) r(i)");
    CHECK_STR(ask(lake, "SELECT count(*), sum(id), max(s) FROM a.t"), "6000|17997000|s999");
    CHECK_STR(ask(lake, "SELECT count(*) FROM a.t.files"), "2");
    CHECK_STR(ask(lake, "SELECT s FROM a.t WHERE id = 5500"), "s5500");
    lake_close(lake);
}

TEST(rows_are_deleted_and_changed)
{
    static const char *const modes[] = { "'format-version' = '2', 'write.delete.mode' = "
                                         "'merge-on-read', 'write.update.mode' = 'merge-on-read'",
                                         "'format-version' = '3', 'write.delete.mode' = "
                                         "'merge-on-read', 'write.update.mode' = 'merge-on-read'",
                                         "'format-version' = '2', 'write.delete.mode' = "
                                         "'copy-on-write', 'write.update.mode' = 'copy-on-write'" };
    for (int i = 0; i < 3; i++) {
        struct lake *lake = avro_lake("id BIGINT, s VARCHAR", modes[i]);
        ask(lake, "INSERT INTO a.t SELECT i, 's' || i FROM range(10000) r(i)");
        ask(lake, "DELETE FROM a.t WHERE id % 10 = 3");
        ask(lake, "UPDATE a.t SET s = 'new' WHERE id % 10 = 4");
        CHECK_STR(ask(lake, "SELECT count(*), sum(id), count(*) FILTER (s = 'new') FROM a.t"),
                  "9000|44997000|1000");
        CHECK_STR(ask(lake, "SELECT count(*) FROM a.t WHERE id % 10 = 3"), "0");
        ask(lake, "CALL system.rewrite_data_files('a.t')");
        CHECK_STR(ask(lake, "SELECT count(*), sum(id), count(*) FILTER (s = 'new') FROM a.t"),
                  "9000|44997000|1000");
        ask(lake, "DROP TABLE a.t");
        lake_close(lake);
    }
}

TEST(schemas_change)
{
    struct lake *lake = avro_lake("id INTEGER, st STRUCT(a INTEGER, b VARCHAR), gone VARCHAR",
                                  "'format-version' = '3'");
    ask(lake, "INSERT INTO a.t VALUES (1, {'a': 2, 'b': 'x'}, 'y')");
    ask(lake, "ALTER TABLE a.t RENAME COLUMN st.b TO c");
    ask(lake, "ALTER TABLE a.t DROP COLUMN gone");
    ask(lake, "ALTER TABLE a.t ALTER COLUMN id TYPE BIGINT");
    ask(lake, "ALTER TABLE a.t ADD COLUMN later VARCHAR DEFAULT 'd'");
    ask(lake, "INSERT INTO a.t VALUES (3000000000, {'a': 3, 'c': 'z'}, 'w')");
    CHECK_STR(ask(lake, "SELECT string_agg(id || ' ' || st.a || st.c || later, ';' ORDER BY id) "
                        "FROM a.t"),
              "1 2xd;3000000000 3zw");
    lake_close(lake);
}

TEST(partitions_and_metrics)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id BIGINT, p VARCHAR) PARTITIONED BY (p) WITH "
              "('write.format.default' = 'avro')");
    ask(lake, "INSERT INTO a.t SELECT i, 'p' || i % 3 FROM range(300) r(i)");
    CHECK_STR(ask(lake, "SELECT count(*), sum(record_count) FROM a.t.files"), "3|300");
    CHECK_STR(ask(lake, "SELECT count(*), sum(id) FROM a.t WHERE p = 'p1'"), "100|14950");
    CHECK_STR(ask(lake, "SELECT min(id), max(id) FROM a.t"), "0|299");
    CHECK_STR(ask(lake, "SELECT count(*) FROM a.t WHERE id > 299"), "0");
    lake_close(lake);
}
