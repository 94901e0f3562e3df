/* SPDX-License-Identifier: Apache-2.0
 *
 * Properties of tables about their data files: what the engine says of the files that were written, and values that are refused. */
#include "sql/write_options.h"

#include "lake_test.h"

/* A table with this property, of 10,000 rows; what parquet_metadata says of its only file. */
static str about(struct lake *lake, const char *name, const char *with, const char *what)
{
    ask(lake, text_f("CREATE TABLE a.%s (id BIGINT, s VARCHAR) WITH (%s)", name, with));
    ask(lake, text_f("INSERT INTO a.%s SELECT i, 's' || i %% 7 FROM range(10000) r(i)", name));
    CHECK_STR(ask(lake, text_f("SELECT count(*), sum(id), min(s) FROM a.%s", name)),
              "10000|49995000|s0");
    str file = ask(lake, text_f("SELECT replace(file_path, 'file:', '') FROM a.%s.files", name));
    return ask(lake, text_f("SELECT %s FROM parquet_metadata('" STR_FMT "')", what, STR_ARG(file)));
}

TEST(codecs)
{
    static const struct {
        const char *property, *want;
    } cases[] = {
        { "zstd", "ZSTD" },   { "SNAPPY", "SNAPPY" }, { "gzip", "GZIP" },
        { "lz4", "LZ4_RAW" }, { "brotli", "BROTLI" }, { "uncompressed", "UNCOMPRESSED" },
    };
    struct lake *lake = open_lake();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_STR(about(lake, text_f("t%zu", i),
                        text_f("'write.parquet.compression-codec' = '%s'", cases[i].property),
                        "DISTINCT compression"),
                  cases[i].want);
    str one = about(lake, "fast", "'write.parquet.compression-level' = '1'",
                    "sum(total_compressed_size)::BIGINT");
    str best = about(lake, "best", "'write.parquet.compression-level' = '19'",
                     "sum(total_compressed_size)::BIGINT");
    int64_t a, b;
    CHECK(str_to_i64(one, &a) && str_to_i64(best, &b));
    CHECK(a != b); /* so few bytes need not become fewer */
    lake_close(lake);
}

TEST(row_groups_and_bloom_filters)
{
    struct lake *lake = open_lake();
    CHECK_STR(about(lake, "a", "'write.parquet.row-group-limit' = '2048'",
                    "count(DISTINCT row_group_id)"),
              "5");
    CHECK_STR(about(lake, "b", "'write.parquet.row-group-size-bytes' = '163840'",
                    "count(DISTINCT row_group_id), max(row_group_num_rows)"),
              "3|4096");
    CHECK_STR(about(lake, "c", "'write.parquet.bloom-filter-enabled.column.s' = 'false'",
                    "count(bloom_filter_offset)"),
              "0");
    CHECK_STR(about(lake, "d",
                    "'write.parquet.bloom-filter-enabled.column.s' = 'true', "
                    "'write.parquet.bloom-filter-fpp.column.s' = '0.001'",
                    "string_agg(DISTINCT path_in_schema) FILTER (bloom_filter_offset IS NOT NULL)"),
              "s");
    lake_close(lake);
}

TEST(values_that_are_refused)
{
    static const struct {
        const char *with;
        enum err_code code;
        const char *words;
    } cases[] = {
        { "'write.parquet.compression-codec' = 'lzo'", ERR_UNSUPPORTED, "lzo" },
        { "'write.parquet.compression-level' = '23'", ERR_INVALID, "1 to 22" },
        { "'write.parquet.row-group-limit' = 'many'", ERR_INVALID, "many" },
        { "'write.parquet.row-group-size-bytes' = '0'", ERR_INVALID, "positive" },
        { "'write.parquet.bloom-filter-fpp.column.s' = '1.5'", ERR_INVALID, "between 0 and 1" },
        { "'write.format.default' = 'orc'", ERR_UNSUPPORTED, "orc" },
        { "'write.format.default' = 'avro', 'write.avro.compression-codec' = 'lzo'",
          ERR_UNSUPPORTED, "lzo" },
    };
    struct lake *lake = open_lake();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask(lake, text_f("CREATE TABLE a.t%zu (id BIGINT, s VARCHAR) WITH (%s)", i, cases[i].with));
        refuse(lake, text_f("INSERT INTO a.t%zu VALUES (1, 'x')", i), cases[i].code,
               cases[i].words);
        CHECK_STR(ask(lake, text_f("SELECT count(*) FROM a.t%zu", i)), "0");
    }
    lake_close(lake);
}
