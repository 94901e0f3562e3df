/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables that Spark, Trino, Athena and Java wrote, read through SQL.  Rows of both sides become lines of text by the
 * column's type; both are sorted and must be equal, line by line, for every snapshot and ref, with row-level deletes of all
 * kinds. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/vec.h"
#include "catalog/table.h"
#include "codec/json.h"
#include "iceberg/metadata.h"
#include "io/store.h"
#include "unit/sql/lake_test.h"

#define EXPECTED_MAX ((size_t)64 << 20)
#define ROW_MAX ((size_t)1 << 20)

typedef VEC(str) lines;

/* ---- Text of a value, from either side. */

static void add_json(str s, struct buf *out)
{
    struct json_writer w;
    jw_init(&w, out);
    jw_str(&w, s);
}

static void add_double(double v, bool is_float, struct buf *out)
{
    if (v != v)
        buf_lit(out, "NaN");
    else
        buf_printf(out, is_float ? "%.9g" : "%.17g", v);
}

static double double_of(const struct json *v)
{
    if (v->kind == JSON_INT)
        return (double)v->i;
    if (v->kind == JSON_F64)
        return v->f;
    CHECK(v->kind == JSON_STR);
    return strtod(arena_cstr(test_arena(), v->s), NULL);
}

static void add_hex(str bytes, struct buf *out)
{
    for (size_t i = 0; i < bytes.len; i++)
        buf_printf(out, "%02X", (unsigned char)bytes.ptr[i]);
}

static void add_expected(const struct json *v, const struct type *t, struct buf *out);

static void add_expected_struct(const struct json *v, const struct type *t, struct buf *out)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < t->fields_n; i++) {
        const struct json *member = json_get(v, arena_cstr(test_arena(), t->fields[i].name));
        if (!member)
            continue;
        buf_printf(out, STR_FMT ":", STR_ARG(t->fields[i].name));
        add_expected(member, t->fields[i].type, out);
        buf_add_char(out, ' ');
    }
    buf_add_char(out, '}');
}

/* An object when its keys are text, else a list of entries. */
static void add_expected_map(const struct json *v, const struct type *t, struct buf *out)
{
    bool object = v->kind == JSON_OBJECT;
    size_t n = object ? v->object.n : v->array.n;
    buf_add_char(out, '<');
    for (size_t i = 0; i < n; i++) {
        if (object)
            add_json(v->object.members[i].key, out);
        else
            add_expected(json_get(&v->array.items[i], "key"), type_key(t)->type, out);
        buf_add_char(out, '=');
        add_expected(object ? &v->object.members[i].value : json_get(&v->array.items[i], "value"),
                     type_value(t)->type, out);
        buf_add_char(out, ' ');
    }
    buf_add_char(out, '>');
}

static void add_expected(const struct json *v, const struct type *t, struct buf *out)
{
    if (!v || v->kind == JSON_NULL) {
        buf_lit(out, "null");
        return;
    }
    switch (t->kind) {
    case TYPE_STRUCT:
        add_expected_struct(v, t, out);
        break;
    case TYPE_MAP:
        add_expected_map(v, t, out);
        break;
    case TYPE_LIST:
        buf_add_char(out, '[');
        for (size_t i = 0; i < v->array.n; i++) {
            add_expected(&v->array.items[i], type_element(t)->type, out);
            buf_add_char(out, ' ');
        }
        buf_add_char(out, ']');
        break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        add_double(double_of(v), t->kind == TYPE_FLOAT, out);
        break;
    case TYPE_BOOLEAN:
        buf_printf(out, "%s", v->b ? "true" : "false");
        break;
    case TYPE_INT:
    case TYPE_LONG:
        CHECK(v->kind == JSON_INT);
        buf_add_i64(out, v->i);
        break;
    case TYPE_STRING:
        add_json(v->s, out);
        break;
    default: /* as Spark prints it */
        CHECK(v->kind == JSON_STR);
        buf_add_str(out, v->s);
    }
}

static void add_actual(const struct column_view *c, size_t i, const struct type *t,
                       struct buf *out);

static void add_actual_struct(const struct column_view *c, size_t i, const struct type *t,
                              struct buf *out)
{
    buf_add_char(out, '{');
    for (size_t k = 0; k < t->fields_n; k++) {
        if (!column_valid(&c->children[k], i))
            continue;
        buf_printf(out, STR_FMT ":", STR_ARG(t->fields[k].name));
        add_actual(&c->children[k], i, t->fields[k].type, out);
        buf_add_char(out, ' ');
    }
    buf_add_char(out, '}');
}

static void add_actual_items(const struct column_view *c, size_t i, const struct type *t,
                             struct buf *out)
{
    struct column_list range = ((const struct column_list *)c->data)[i];
    bool map = t->kind == TYPE_MAP;
    buf_add_char(out, map ? '<' : '[');
    for (size_t k = range.offset; k < range.offset + range.length; k++) {
        add_actual(&c->children[0], k, t->fields[0].type, out);
        if (map) {
            buf_add_char(out, '=');
            add_actual(&c->children[1], k, t->fields[1].type, out);
        }
        buf_add_char(out, ' ');
    }
    buf_add_char(out, map ? '>' : ']');
}

/* The engine's text without the time zone, which is always UTC. */
static void add_engine_text(const struct column_view *c, size_t i, struct buf *out)
{
    struct buf text = BUF_INIT(ROW_MAX);
    column_text(c, i, &text);
    str s = buf_str(&text);
    if (c->kind == COLUMN_TIMESTAMPTZ && str_ends(s, STR("+00")))
        s.len -= 3;
    buf_add_str(out, s);
    buf_deinit(&text);
}

static void add_actual(const struct column_view *c, size_t i, const struct type *t, struct buf *out)
{
    if (c->kind == COLUMN_NULL || !column_valid(c, i)) {
        buf_lit(out, "null");
        return;
    }
    switch (c->kind) {
    case COLUMN_STRUCT:
        add_actual_struct(c, i, t, out);
        break;
    case COLUMN_MAP:
    case COLUMN_LIST:
        add_actual_items(c, i, t, out);
        break;
    case COLUMN_F32:
    case COLUMN_F64:
        add_double(column_f64(c, i), c->kind == COLUMN_F32, out);
        break;
    case COLUMN_TEXT:
        add_json(column_str(c, i), out);
        break;
    case COLUMN_BLOB:
        add_hex(column_str(c, i), out);
        break;
    default:
        add_engine_text(c, i, out);
    }
}

/* ---- Rows of either side. */

static void keep_line(lines *l, struct buf *row)
{
    *vec_push(test_arena(), l) = arena_str(test_arena(), buf_str(row));
    buf_clear(row);
}

/* Columns of the engine's answer by name. */
static void expected_lines(const struct json *rows, const struct result_column *columns, size_t n,
                           lines *out)
{
    struct buf row = BUF_INIT(ROW_MAX);
    for (size_t i = 0; i < rows->array.n; i++) {
        const struct json *r = &rows->array.items[i];
        size_t seen = 0;
        for (size_t c = 0; c < n; c++) {
            const struct json *v = json_get(r, arena_cstr(test_arena(), columns[c].name));
            seen += v != NULL;
            buf_printf(&row, STR_FMT "=", STR_ARG(columns[c].name));
            add_expected(v, columns[c].type, &row);
            buf_lit(&row, "; ");
        }
        CHECK_INT(seen, r->object.n); /* no column of the file is missing in the answer */
        keep_line(out, &row);
    }
    buf_deinit(&row);
}

static void actual_lines(struct result *rows, const struct result_column *columns, lines *out)
{
    struct error err = { 0 };
    struct buf row = BUF_INIT(ROW_MAX);
    const struct chunk *chunk;
    for (;;) {
        CHECK_OK(result_next(rows, &chunk, &err));
        if (!chunk)
            break;
        for (size_t i = 0; i < chunk->n; i++) {
            for (size_t c = 0; c < chunk->columns_n; c++) {
                buf_printf(&row, STR_FMT "=", STR_ARG(columns[c].name));
                add_actual(&chunk->columns[c], i, columns[c].type, &row);
                buf_lit(&row, "; ");
            }
            keep_line(out, &row);
        }
    }
    buf_deinit(&row);
}

static int by_text(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

static void check_lines(lines *got, lines *want, const char *what)
{
    if (got->n != want->n)
        test_fail(__FILE__, __LINE__, "%s: %zu rows, wanted %zu", what, got->n, want->n);
    if (got->n == 0)
        return;
    qsort(got->at, got->n, sizeof *got->at, by_text);
    qsort(want->at, want->n, sizeof *want->at, by_text);
    for (size_t i = 0; i < got->n; i++)
        if (!str_eq(got->at[i], want->at[i]))
            test_fail(__FILE__, __LINE__, "%s: row\n  " STR_FMT "\nwanted\n  " STR_FMT, what,
                      STR_ARG(got->at[i]), STR_ARG(want->at[i]));
}

/* ---- The lake over the golden folder. */

static const struct {
    const char *location, *folder;
} places[] = {
    { "file:/golden/spark", "spark" },
    { "s3a://warehouse", "iceberg-cxx" },
    { "s3://warehouse", "iceberg-cxx" },
    { "s3a://dl-test-maintenance/check/tea-partitioned", "iceberg-cxx" },
    { "s3a://hyperparam-iceberg", "icebird" },
    { "s3://hyperparam-iceberg", "icebird" },
};
#define PLACES (sizeof places / sizeof *places)

static struct lake *golden_lake(void)
{
    static struct store_prefix prefixes[PLACES];
    struct stat st;
    if (stat(test_golden_dir(), &st) != 0)
        test_skip("there are no golden tables in %s", test_golden_dir());
    for (size_t i = 0; i < PLACES; i++) {
        prefixes[i].location = str_of(places[i].location);
        prefixes[i].dir = arena_printf(test_arena(), "%s/%s", test_golden_dir(), places[i].folder);
    }
    struct lake *lake = open_lake_with(prefixes, PLACES);
    ask(lake, "CREATE SCHEMA g");
    return lake;
}

static const struct metadata *take_in(struct lake *lake, const char *name, const char *location)
{
    struct error err = { 0 };
    struct table t;
    struct commit_info info = { 0 };
    if (!catalog_register_table(lake->catalog, (str){ 0 }, STR("g"), str_of(name), str_of(location),
                                false, &info, test_arena(), &t, &err))
        test_fail(__FILE__, __LINE__, "%s: %s", location, err.msg);
    return t.metadata;
}

static const struct json *expected_of(const char *name)
{
    struct error err = { 0 };
    struct json *doc;
    struct store *st;
    str text;
    struct store_fs_options o = { .root = str_of(test_golden_dir()) };
    CHECK_OK(store_fs_open(&o, &st, &err));
    CHECK_OK(store_get(st, str_of(text_f("spark/t/%s/expected.json", name)), EXPECTED_MAX,
                       test_arena(), &text, &err));
    store_destroy(st);
    CHECK_OK(json_parse(text, test_arena(), &doc, &err));
    return doc;
}

/* ---- Spark's tables, with expected.json. */

static void compare(struct lake *lake, const char *sql, const struct json *want)
{
    struct error err = { 0 };
    struct sql_outcome out;
    lines got = { 0 }, expected = { 0 };
    if (!execute(lake, "", false, str_of(sql), &out, &err))
        test_fail(__FILE__, __LINE__, "%s: %s: %s", sql, err_code_name(err.code), err.msg);
    const struct result_column *columns = result_columns(out.rows);
    expected_lines(want, columns, result_columns_n(out.rows), &expected);
    actual_lines(out.rows, columns, &got);
    sql_close(&out);
    check_lines(&got, &expected, sql);
}

/* Where the expected rows carry their lineage, it is asked for. */
static const char *columns_of(const struct json *doc)
{
    const struct json *rows = json_get(doc, "rows");
    bool lineage = rows->array.n && json_get(&rows->array.items[0], "_row_id");
    return lineage ? "id, name, p, _row_id, _last_updated_sequence_number" : "*";
}

/* The current rows, those of each snapshot by id and by time, and those of each ref. */
static int check_spark(struct lake *lake, const char *name)
{
    int compared = 1;
    const struct json *doc = expected_of(name);
    const struct json *snapshots = json_get(doc, "snapshots"), *refs = json_get(doc, "refs"),
                      *file = json_get(doc, "metadata");
    const char *columns = columns_of(doc);
    take_in(lake, name, text_f("file:/golden/spark/" STR_FMT, STR_ARG(file->s)));
    compare(lake, text_f("SELECT %s FROM g.%s", columns, name), json_get(doc, "rows"));
    for (size_t i = 0; i < snapshots->object.n; i++, compared++) {
        const struct json_member *s = &snapshots->object.members[i];
        compare(lake,
                text_f("SELECT %s FROM g.%s FOR VERSION AS OF " STR_FMT, columns, name,
                       STR_ARG(s->key)),
                &s->value);
    }
    for (size_t i = 0; i < refs->object.n; i++) {
        const struct json_member *r = &refs->object.members[i];
        if (str_is(r->key, "main"))
            continue; /* of the catalog, too */
        compare(lake,
                text_f("SELECT %s FROM g.%s FOR VERSION AS OF '" STR_FMT "'", columns, name,
                       STR_ARG(r->key)),
                &r->value);
        compared++;
    }
    return compared;
}

static void all_equal(const char *name, int at_least)
{
    struct lake *lake = golden_lake();
    CHECK(check_spark(lake, name) >= at_least);
    lake_close(lake);
}

TEST(spark_types_v1)
{
    all_equal("types_v1", 2);
}

TEST(spark_types_v2)
{
    all_equal("types_v2", 2);
}

TEST(spark_types_v3)
{
    all_equal("types_v3", 2);
}

TEST(spark_evolve_v1)
{
    all_equal("evolve_v1", 5);
}

TEST(spark_evolve_v2)
{
    all_equal("evolve_v2", 5);
}

TEST(spark_copy_on_write)
{
    all_equal("copy_v2", 7);
}

TEST(spark_column_defaults)
{
    all_equal("defaults_v3", 3);
}

TEST(spark_merge_on_read_v2)
{
    all_equal("mor_v2", 5);
}

TEST(spark_merge_on_read_v3)
{
    all_equal("mor_v3", 5);
}

TEST(spark_upgraded)
{
    all_equal("upgraded", 5);
}

TEST(spark_equality_deletes)
{
    all_equal("equality_v2", 3);
}

/* Variants are shown as JSON; to the engine a variant that holds null is a null. */
TEST(spark_variants)
{
    struct lake *lake = golden_lake();
    const struct json *doc = expected_of("variant_v3");
    static const char *const values[] = { "NULL",
                                          "true",
                                          "1",
                                          "-1.25",
                                          "\"short\"",
                                          NULL,
                                          "{\"a\":{\"z\":1e300},\"b\":[1,2,{\"c\":null}]}",
                                          "[]",
                                          "{}",
                                          "123456789012345678901234567890",
                                          "NULL" };
    take_in(lake, "variant_v3",
            text_f("file:/golden/spark/" STR_FMT, STR_ARG(json_get(doc, "metadata")->s)));
    for (int i = 0; i < 11; i++)
        if (values[i])
            CHECK_STR(ask(lake, text_f("SELECT v FROM g.variant_v3 WHERE id = %d", i + 1)),
                      values[i]);
    CHECK_STR(ask(lake, "SELECT length(v::VARCHAR) > 63 FROM g.variant_v3 WHERE id = 6"), "true");
    CHECK_STR(ask(lake, "SELECT v.b[3]::VARCHAR FROM g.variant_v3 WHERE id = 7"), "{'c': NULL}");
    lake_close(lake);
}

/* ---- Tables whose files hold what the table holds: beside a plain read of the same files. */

static void lines_of(struct lake *lake, const char *sql, lines *out)
{
    struct error err = { 0 };
    struct sql_outcome o;
    if (!execute(lake, "", true, str_of(sql), &o, &err))
        test_fail(__FILE__, __LINE__, "%s: %s", sql, err.msg);
    actual_lines(o.rows, result_columns(o.rows), out);
    sql_close(&o);
}

/* `files` is a glob below the golden folder, `columns` those to compare, or "*". */
static void check_plain(struct lake *lake, const char *name, const char *metadata,
                        const char *files, const char *columns, size_t rows)
{
    lines got = { 0 }, want = { 0 };
    take_in(lake, name, metadata);
    lines_of(lake, text_f("SELECT %s FROM g.%s", columns, name), &got);
    lines_of(
        lake,
        text_f("SELECT %s FROM read_parquet('%s/%s', hive_partitioning=false, union_by_name=true)",
               columns, test_golden_dir(), files),
        &want);
    CHECK_INT(got.n, rows);
    check_lines(&got, &want, name);
}

static const struct {
    const char *name, *metadata, *files;
    size_t rows;
} plain[] = {
#define CXX(name, metadata, rows)                                                                  \
    {                                                                                              \
        name, "s3a://warehouse/" name "/metadata/" metadata ".metadata.json",                      \
            "iceberg-cxx/" name "/data/**/*.parquet", rows                                         \
    }
    CXX("bucket_partitioning", "00002-53948f10-cced-409f-8dd9-6dea096895e8", 1),
    CXX("day_timestamptz_partitioning", "00002-bf5ed300-c344-41fe-87ad-0d1190705bf9", 3),
    CXX("decimal_partitioning", "00002-1f7414b4-70da-433f-8a71-40192d2942fc", 1),
    CXX("hour_timestamptz_partitioning", "00002-aa3a65d9-0e43-452c-a96f-2ec0194f0104", 3),
    CXX("identity_partitioning", "00002-30bff4d8-0c4f-46a9-8e7a-ebea458dbb1d", 1),
    CXX("month_timestamptz_partitioning", "00002-f44ed222-470e-4e33-b813-6646d434b185", 3),
    CXX("no_partitioning", "00002-f7dd062a-ad44-4948-ba0c-4cd9f585ba04", 6),
    CXX("partition_evolution", "00005-218c3743-5886-48b9-88d6-86c202862e0f", 7),
    CXX("partitioned_table", "00001-3ac0dc8d-0a8e-44c2-b786-fff45a265023", 6),
    CXX("partitioning_with_null_value", "00002-39819572-24a4-4c4f-bfe1-63693ece734f", 4),
    CXX("w_clean_expired_metadata", "00005-6d3c29aa-bb3a-45a8-adb6-51c2ab74195b", 3),
    CXX("year_date_partitioning", "00002-b30c996e-fb0e-4ebc-a987-3536ceb792ea", 3),
    CXX("year_timestamp_partitioning", "00002-ac56aa65-6214-44b3-bb0f-86728eb58d8b", 3),
    CXX("year_timestamptz_partitioning", "00002-d52e2c04-065b-4d14-98bb-ec47abcd1597", 3),
#undef CXX
};

TEST(trino_tables)
{
    struct lake *lake = golden_lake();
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        check_plain(lake, plain[i].name, plain[i].metadata, plain[i].files, "*", plain[i].rows);
    lake_close(lake);
}

/* The same files under metadata that other writers shaped: a spec that is not there, several, a void field. */
TEST(trino_odd_specs)
{
    static const char *const names[] = { "partitioned_table_with_missing_spec",
                                         "partitioned_table_with_multiple_spec",
                                         "partitioned_table_with_void_transform" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct lake *lake = golden_lake();
        const char *metadata = text_f(
            "s3a://warehouse/%s/metadata/00001-3ac0dc8d-0a8e-44c2-b786-fff45a265023.metadata.json",
            names[i]);
        check_plain(lake, "t", metadata, "iceberg-cxx/partitioned_table/data/**/*.parquet", "*", 6);
        ask(lake, "DROP TABLE g.t");
        lake_close(lake);
        CHECK_INT(system(text_f("rm -rf '%s/lake'", test_tmpdir())), 0);
    }
}

TEST(all_types_of_other_engines)
{
    struct lake *lake = golden_lake();
    check_plain(
        lake, "all_spark_types",
        "s3://warehouse/types/all_spark_types/metadata/00000-4f9d7c78-62f9-48c6-b869-f25172b45b32.metadata.json",
        "iceberg-cxx/types/all_spark_types/data/*.parquet", "*", 1);
    check_plain(
        lake, "all_trino_types",
        "s3a://warehouse/types/all_trino_types/metadata/00002-6105d5eb-ce39-470c-af78-50b744662ef2.metadata.json",
        "iceberg-cxx/types/all_trino_types/data/*.parquet", "*", 1);
    check_plain(
        lake, "decimals",
        "s3://warehouse/types/decimals/metadata/00000-93fb1a3e-cf50-4083-af65-68d07b84c5ad.metadata.json",
        "iceberg-cxx/types/decimals/data/*.parquet", "*", 1);
    check_plain(
        lake, "odd_types",
        "s3://warehouse/types/unsupported_types/metadata/00000-27b520d0-8020-43cb-b051-4eef7c1636af.metadata.json",
        "iceberg-cxx/types/unsupported_types/data/*.parquet", "*", 1);
    lake_close(lake);
}

/* Files that no engine wrote, registered in place; two of the three are empty. */
TEST(files_of_a_loader)
{
    struct lake *lake = golden_lake();
    check_plain(
        lake, "t",
        "s3a://dl-test-maintenance/check/tea-partitioned/v_20240913/iceberg/metadata/00001-dcd3b13f-b249-4256-9156-0f653f7da773.metadata.json",
        "iceberg-cxx/v_20240913/timestamptzcol_day=*/*.parquet", "*", 1);
    lake_close(lake);
}

TEST(athena_example)
{
    struct lake *lake = golden_lake();
    check_plain(
        lake, "example",
        "s3://hyperparam-iceberg/athena/example/metadata/00001-aaf0d033-d06b-43c7-be60-67f83abd4aca.metadata.json",
        "icebird/athena/example/data/**/*.parquet", "*", 2);
    lake_close(lake);
}

TEST(spark_renamed_column)
{
    struct lake *lake = golden_lake();
    take_in(lake, "renamed",
            "s3a://hyperparam-iceberg/spark/rename_column/metadata/v3.metadata.json");
    CHECK_STR(ask(lake, "SELECT id, name, event_date, price, active FROM g.renamed ORDER BY id"),
              "1|Flopsy 🐇|2022-01-01|9.99|true\n2|Mopsy–Naïve|2022-01-01|-5.00|false\n"
              "3|Cottontail|NULL|0.00|true\n4|Thumper|2022-01-02|99999999.99|false");
    lake_close(lake);
}

/* `want` says in plain SQL over the data files which rows are left; positions were read off the delete files by other
 * programs. */
static void check_left(struct lake *lake, const char *name, const char *metadata,
                       const char *columns, const char *want)
{
    lines got = { 0 }, left = { 0 };
    take_in(lake, name, metadata);
    lines_of(lake, text_f("SELECT %s FROM g.%s", columns, name), &got);
    lines_of(lake, want, &left);
    check_lines(&got, &left, name);
}

#define PLAIN(files) "read_parquet('%s/" files "', filename = true, file_row_number = true)"

TEST(trino_position_deletes)
{
    struct lake *lake = golden_lake();
    check_left(
        lake, "granular",
        "s3a://warehouse/granular_deletes/metadata/00005-0275caad-4030-4bd9-938e-16cf762abcfb.metadata.json",
        "*",
        text_f(
            "SELECT * EXCLUDE (filename, file_row_number) FROM " PLAIN(
                "iceberg-cxx/granular_deletes/data/*ed26b23b*.parquet") " WHERE file_row_number NOT IN (0, 3, 6) "
                                                                        "UNION ALL SELECT * EXCLUDE (filename, file_row_number) FROM " PLAIN(
                                                                            "iceberg-cxx/granular_deletes/data/*bf52f9ed*.parquet") " WHERE file_row_number NOT IN (1, 4, 7)",
            test_golden_dir(), test_golden_dir()));
    CHECK_STR(ask(lake, "SELECT count(*) FROM g.granular"), "10");
    lake_close(lake);
}

TEST(trino_deletion_vectors)
{
    struct lake *lake = golden_lake();
    take_in(
        lake, "vectors",
        "s3a://warehouse/deletion_vectors/metadata/00004-ae0294d0-1de5-4fab-97f1-cd80e0078fa4.metadata.json");
    CHECK_STR(ask(lake, "SELECT string_agg(c1, ' ' ORDER BY c1) FROM g.vectors"),
              "2 5 8 9 11 12 14 15");
    CHECK_STR(ask(lake, "SELECT c1, _pos FROM g.vectors WHERE c2 > 10000 ORDER BY c1"),
              "5|5\n8|0\n14|6\n15|7");
    CHECK_STR(ask(lake, "SELECT count(*), count(*) FILTER (WHERE _deleted) FROM g.vectors"),
              "16|8");
    lake_close(lake);
}

TEST(deletes_of_files_by_path)
{
    struct lake *lake = golden_lake();
    check_left(
        lake, "refdeletes3",
        "s3://warehouse/prod/db/refdeletes3/metadata/00002-8dbf0bf0-882a-4822-ae9c-ec1c0f34ef6d.metadata.json",
        "*",
        text_f(
            "SELECT * EXCLUDE (filename, file_row_number) FROM " PLAIN(
                "iceberg-cxx/prod/db/refdeletes3/data/*0-00001.parquet") " WHERE NOT ("
                                                                         "(filename LIKE '%%00005-23-%%' OR filename LIKE '%%00004-22-%%') AND file_row_number = 2 OR "
                                                                         "(filename LIKE '%%00003-21-%%' OR filename LIKE '%%00002-20-%%' OR filename LIKE '%%00001-19-%%') "
                                                                         "AND file_row_number = 1 OR filename LIKE '%%00000-18-%%' AND file_row_number = 0)",
            test_golden_dir()));
    CHECK_STR(ask(lake, "SELECT count(*) FROM g.refdeletes3"), "10");
    lake_close(lake);
}

TEST(position_and_equality_deletes_of_java)
{
    struct lake *lake = golden_lake();
    check_left(
        lake, "java_bunnies", "s3a://hyperparam-iceberg/java/bunnies/metadata/v5.metadata.json",
        "\"Breed Name\", \"Average Weight\", \"Popularity Rank\"",
        text_f(
            "SELECT Breed_x20Name AS \"Breed Name\", Average_x20Weight AS \"Average Weight\", "
            "Popularity_x20Rank AS \"Popularity Rank\" FROM " PLAIN(
                "icebird/java/bunnies/data/bunnies-initial.parquet") " WHERE file_row_number NOT IN (2, 3, 4, 5, 6, 11) AND Breed_x20Name <> 'New Zealand' UNION ALL "
                                                                     "SELECT Breed_x20Name, Average_x20Weight, Popularity_x20Rank FROM " PLAIN(
                                                                         "icebird/java/bunnies/data/bunnies-updated-new-zealand.parquet"),
            test_golden_dir(), test_golden_dir()));
    CHECK_STR(ask(lake, "SELECT count(*) FROM g.java_bunnies"), "15");
    lake_close(lake);
}

TEST(one_deleted_row_of_spark)
{
    struct lake *lake = golden_lake();
    take_in(lake, "spark_bunnies",
            "s3a://hyperparam-iceberg/spark/bunnies/metadata/v4.metadata.json");
    CHECK_STR(ask(lake, "SELECT count(*), count(*) FILTER (WHERE _pos = 0) FROM g.spark_bunnies"),
              "20|0");
    lake_close(lake);
}

/* Delete files that name files which are gone: compaction left them. */
TEST(dangling_deletes)
{
    struct lake *lake = golden_lake();
    check_left(
        lake, "dangling",
        "s3a://warehouse/dangling_deletes/metadata/00011-31179cfb-920d-47df-af37-7362d4028557.metadata.json",
        "*",
        text_f(
            "SELECT c1, c2 FROM " PLAIN(
                "iceberg-cxx/dangling_deletes/data/20250910_130929*.parquet") " WHERE file_row_number NOT IN (0, 3, 6) UNION ALL "
                                                                              "SELECT c1, c2 FROM " PLAIN(
                                                                                  "iceberg-cxx/dangling_deletes/data/20250910_130933*.parquet") " WHERE file_row_number NOT IN (1, 4, 7)",
            test_golden_dir(), test_golden_dir()));
    CHECK_STR(ask(lake, "SELECT count(*) FROM g.dangling"), "10");
    lake_close(lake);
}

/* A delete file that no data file is left for is no reason to refuse. */
TEST(deletes_that_apply_to_nothing)
{
    struct lake *lake = golden_lake();
    take_in(lake, "bunnies", "s3a://hyperparam-iceberg/spark/bunnies/metadata/v5.metadata.json");
    str want = ask(
        lake,
        text_f(
            "SELECT * FROM read_parquet('%s/icebird/spark/bunnies/data/00000-1-6cd7611f-0ceb-4cf3-8b8e-8c856356df3e-00001.parquet') "
            "ORDER BY ALL",
            test_golden_dir()));
    CHECK_STR(ask(lake, "SELECT * FROM g.bunnies ORDER BY ALL"), arena_cstr(test_arena(), want));
    CHECK_STR(ask(lake, "SELECT count(*) FROM g.bunnies"), "20");
    lake_close(lake);
}
