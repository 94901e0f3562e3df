/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/ingest.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/refs.h"
#include "catalog/rules.h"
#include "govern/access.h"
#include "govern/roles.h"
#include "unit/sql/lake_test.h"

static struct ingest_request request(const char *source, const char *table)
{
    return (struct ingest_request){ .source = str_of(source), .table = str_of(table) };
}

static struct ingest_report load(struct lake *lake, const struct ingest_request *req)
{
    struct error err = { 0 };
    struct ingest_report out;
    CHECK_OK(ingest_run(lake, req, test_arena(), &out, &err));
    return out;
}

static struct ingest_report load_file(struct lake *lake, const char *source, const char *table)
{
    struct ingest_request req = request(source, table);
    return load(lake, &req);
}

static void refused(struct lake *lake, const struct ingest_request *req, enum err_code code,
                    const char *words)
{
    struct error err = { 0 };
    struct ingest_report out;
    CHECK_FAILS(ingest_run(lake, req, test_arena(), &out, &err), code);
    if (str_find(str_of(err.msg), str_of(words)) < 0)
        test_fail(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", words, err.msg);
}

TEST(csv)
{
    struct lake *lake = open_lake();
    const char *path =
        write_file("in.csv", STR("id,name,day,price\n1,one,2001-02-03,1.5\n2,\"two, or so\",,\n"));
    struct ingest_report r = load_file(lake, path, "b.t");
    CHECK_INT(r.rows, 2);
    CHECK(r.created);
    CHECK_INT(r.files, 1);
    CHECK_INT(r.rejected, 0);
    CHECK(r.snapshot_id > 0);
    CHECK_STR(ask(lake, "SELECT * FROM b.t ORDER BY id"),
              "1|one|2001-02-03|1.5\n2|two, or so|NULL|NULL");
    r = load_file(lake, path, "b.t");
    CHECK(!r.created);
    CHECK_STR(ask(lake, "SELECT count(*) FROM b.t"), "4");
    lake_close(lake);
}

TEST(other_kinds_of_files)
{
    struct lake *lake = open_lake();
    load_file(lake, write_file("a.tsv", STR("x\ty\n1\ta b\n")), "b.tsv");
    CHECK_STR(ask(lake, "SELECT * FROM b.tsv"), "1|a b");
    load_file(lake,
              write_file("a.json", STR("[{\"x\": 1, \"deep\": {\"y\": [1, 2]}}, {\"x\": null}]")),
              "b.json");
    CHECK_STR(ask(lake, "SELECT x, deep.y FROM b.json ORDER BY x"), "1|[1, 2]\nNULL|NULL");
    load_file(lake, write_file("a.jsonl", STR("{\"x\": 1}\n{\"x\": 2}\n")), "b.jsonl");
    CHECK_STR(ask(lake, "SELECT sum(x) FROM b.jsonl"), "3");
    const char *csv = write_file("z.csv", STR("x\n5\n6\n"));
    CHECK_INT(system(text_f("gzip '%s'", csv)), 0);
    load_file(lake, text_f("%s.gz", csv), "b.gz");
    CHECK_STR(ask(lake, "SELECT sum(x) FROM b.gz"), "11");
    refused(lake,
            &(struct ingest_request){ .source = str_of(write_file("a.xls", STR("x"))),
                                      .table = STR("b.t") },
            ERR_UNSUPPORTED, "a.xls");
    lake_close(lake);
}

TEST(globs)
{
    struct lake *lake = open_lake();
    write_file("part-1.csv", STR("x\n1\n"));
    write_file("part-2.csv", STR("x\n2\n"));
    struct ingest_report r = load_file(lake, text_f("%s/part-*.csv", test_tmpdir()), "b.t");
    CHECK_INT(r.rows, 2);
    CHECK_STR(ask(lake, "SELECT sum(x) FROM b.t"), "3");
    struct ingest_request req = request(text_f("%s/gone-*.csv", test_tmpdir()), "b.t");
    refused(lake, &req, ERR_NOT_FOUND, "gone-*.csv");
    req = request(text_f("%s/gone.csv", test_tmpdir()), "b.t");
    refused(lake, &req, ERR_NOT_FOUND, "gone.csv");
    lake_close(lake);
}

/* A cell of the wrong type is named by line and column; nothing of the file is in the table. */
TEST(wrong_type_fails)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE b.t (id INT, qty INT)");
    const char *path = write_file("bad.csv", STR("id,qty\n1,10\n2,many\n3,30\n"));
    struct ingest_request req = request(path, "b.t");
    refused(lake, &req, ERR_INVALID, "bad.csv: line 3, column qty: ");
    refused(lake, &req, ERR_INVALID, "\"many\"");
    CHECK_STR(ask(lake, "SELECT count(*) FROM b.t"), "0");
    req.table = STR("b.fresh");
    req.columns = STR("id INTEGER, qty INTEGER");
    refused(lake, &req, ERR_INVALID, "line 3, column qty: ");
    refuse(lake, "SELECT * FROM b.fresh", ERR_NOT_FOUND, "b.fresh");
    lake_close(lake);
}

TEST(wrong_type_skipped)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE b.t (id INT, qty INT)");
    const char *path = write_file("bad.csv", STR("id,qty\n1,10\n2,many\n3,30\nfour,x\n"));
    struct ingest_request req = request(path, "b.t");
    req.on_error = ON_ERROR_SKIP;
    struct ingest_report r = load(lake, &req);
    CHECK_INT(r.rows, 2);
    CHECK_INT(r.rejected, 2);
    CHECK_INT(r.quarantine.len, 0);
    CHECK_STR(ask(lake, "SELECT sum(id), sum(qty) FROM b.t"), "4|40");
    CHECK_STR(ask(lake, "SHOW TABLES"), "b|t");
    lake_close(lake);
}

TEST(wrong_type_quarantined)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE b.t (id INT, qty INT)");
    const char *path = write_file("bad.csv", STR("id,qty\n1,10\n2,many\n3,30\n"));
    struct ingest_request req = request(path, "b.t");
    req.on_error = ON_ERROR_QUARANTINE;
    struct ingest_report r = load(lake, &req);
    CHECK_INT(r.rows, 2);
    CHECK_INT(r.rejected, 1);
    CHECK_STR(r.quarantine, "b.t_quarantine");
    CHECK_STR(ask(lake, "SELECT line, column_name, row FROM b.t_quarantine"), "3|qty|2,many");
    CHECK_STR(
        ask(lake,
            "SELECT file LIKE '%bad.csv', reason LIKE '%many%', rejected_at IS NOT NULL FROM b.t_quarantine"),
        "true|true|true");
    r = load(lake, &req);
    CHECK_STR(ask(lake, "SELECT count(*) FROM b.t_quarantine"), "2"); /* it grows */
    lake_close(lake);
}

/* Rows and rejected rows are published together: when the second cannot be written, the first is not seen either. */
TEST(a_quarantine_that_cannot_be_written_stops_the_load)
{
    struct lake *lake = open_lake();
    struct error err = { 0 };
    struct ingest_report r;
    ask(lake, "CREATE TABLE b.t (id INT, qty INT)");
    ask(lake, "CREATE TABLE b.t_quarantine (other INT)");
    const char *path = write_file("bad.csv", STR("id,qty\n1,10\n2,many\n"));
    struct ingest_request req = request(path, "b.t");
    req.on_error = ON_ERROR_QUARANTINE;
    CHECK_FAILS(ingest_run(lake, &req, test_arena(), &r, &err), ERR_INVALID);
    CHECK_STR(ask(lake, "SELECT count(*) FROM b.t"), "0");
    lake_close(lake);
}

/* The rules of the branch that the rows are for are asked for who loads them, not for nobody. */
TEST(a_quarantine_is_merged_by_who_asks)
{
    struct lake *lake = open_lake();
    struct error err = { 0 };
    struct principal_secret secret;
    struct principal loader;
    struct access by = { .govern = lake->govern };
    const str names[] = { STR_INIT("root") };
    struct ref_rule rule = { .pattern = STR("main") };
    struct ref_info *refs;
    size_t n;
    ask(lake, "CREATE TABLE b.t (id INT, qty INT)");
    CHECK_OK(principals_bootstrap(lake->govern, test_arena(), &secret, &err));
    CHECK_OK(principal_by_name(lake->govern, STR("root"), test_arena(), &loader, &err));
    CHECK_OK(principal_identity(lake->govern, loader.id, (str){ 0 }, STR("t"), test_arena(),
                                &by.who, &err));
    for (int i = 0; i < REF_ACTIONS; i++)
        rule.allowed[i] = (struct rule_names){ names, 1 };
    CHECK_OK(catalog_set_rule(lake->catalog, &rule, &err));
    struct ingest_request req =
        request(write_file("bad.csv", STR("id,qty\n1,10\n2,many\n")), "b.t");
    req.on_error = ON_ERROR_QUARANTINE;
    req.access = &by;
    CHECK_INT(load(lake, &req).rows, 1);
    rule.allowed[REF_MERGE] = (struct rule_names){ 0 };
    CHECK_OK(catalog_set_rule(lake->catalog, &rule, &err));
    refused(lake, &req, ERR_DENIED, "root may not merge into main");
    rule.pattern = STR("ingest-*"); /* the job's own branch goes whatever the rule says */
    CHECK_OK(catalog_drop_rule(lake->catalog, STR("main"), &err));
    rule.allowed[REF_DELETE] = (struct rule_names){ 0 };
    CHECK_OK(catalog_set_rule(lake->catalog, &rule, &err));
    CHECK_INT(load(lake, &req).rows, 1);
    CHECK_OK(catalog_list_refs(lake->catalog, test_arena(), &refs, &n, &err));
    CHECK_INT(n, 1);
    lake_close(lake);
}

/* Files with types of their own. */
TEST(typed_rows_that_do_not_fit)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE b.t (id INT, day DATE)");
    const char *path =
        write_file("bad.jsonl", STR("{\"id\": 1, \"day\": \"2001-01-01\"}\n"
                                    "{\"id\": 99999999999, \"day\": \"2001-01-01\"}\n"
                                    "{\"id\": 3, \"day\": null}\n"));
    struct ingest_request req = request(path, "b.t");
    refused(lake, &req, ERR_INVALID, "99999999999");
    req.on_error = ON_ERROR_QUARANTINE;
    struct ingest_report r = load(lake, &req);
    CHECK_INT(r.rows, 2);
    CHECK_INT(r.rejected, 1);
    CHECK_STR(ask(lake, "SELECT id, day FROM b.t ORDER BY id"), "1|2001-01-01\n3|NULL");
    CHECK_STR(ask(lake, "SELECT row LIKE '%99999999999%' FROM b.t_quarantine"), "true");
    lake_close(lake);
}

TEST(columns_that_the_table_lacks)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE b.t (id INT, qty INT)");
    struct ingest_request req = request(write_file("more.csv", STR("id,quantity\n1,10\n")), "b.t");
    refused(lake, &req, ERR_INVALID, "no column quantity");
    load_file(lake, write_file("fewer.csv", STR("id\n7\n")), "b.t");
    CHECK_STR(ask(lake, "SELECT * FROM b.t"), "7|NULL");
    load_file(lake, write_file("moved.csv", STR("qty,id\n10,8\n")), "b.t");
    CHECK_STR(ask(lake, "SELECT * FROM b.t WHERE id = 8"), "8|10");
    lake_close(lake);
}

TEST(overwrite)
{
    struct lake *lake = open_lake();
    struct ingest_request req = request(write_file("one.csv", STR("id,name\n1,a\n2,b\n")), "b.t");
    req.mode = INGEST_OVERWRITE;
    int64_t first = load(lake, &req).snapshot_id;
    load(lake, &req);
    CHECK_STR(ask(lake, "SELECT count(*) FROM b.t"), "2");
    req.source = str_of(write_file("two.csv", STR("id,price,day\n3,1.5,2001-01-01\n")));
    load(lake, &req);
    CHECK_STR(ask(lake, "SELECT * FROM b.t"), "3|1.5|2001-01-01");
    CHECK_STR(
        ask(lake, text_f("SELECT * FROM b.t FOR VERSION AS OF %lld ORDER BY id", (long long)first)),
        "1|a\n2|b");
    lake_close(lake);
}

TEST(merge)
{
    static const str key[] = { STR_INIT("k1"), STR_INIT("k2") };
    struct lake *lake = open_lake();
    struct ingest_request req =
        request(write_file("m1.csv", STR("k1,k2,v\n1,a,old\n1,b,old\n2,a,old\n")), "b.t");
    req.mode = INGEST_MERGE;
    refused(lake, &req, ERR_INVALID, "--key");
    req.key = key;
    req.key_n = 2;
    CHECK(load(lake, &req).created);
    req.source = str_of(write_file("m2.csv", STR("k1,k2,v\n1,b,new\n3,c,first\n3,c,last\n")));
    load(lake, &req);
    CHECK_STR(ask(lake, "SELECT k1, k2, v FROM b.t ORDER BY ALL"),
              "1|a|old\n1|b|new\n2|a|old\n3|c|last");
    static const str wrong[] = { STR_INIT("nope") };
    req.key = wrong;
    req.key_n = 1;
    refused(lake, &req, ERR_INVALID, "nope");
    lake_close(lake);
}

/* The first load of a merge already keeps one row a key. */
TEST(merge_into_a_new_table)
{
    static const str key[] = { STR_INIT("k") };
    struct lake *lake = open_lake();
    struct ingest_request req =
        request(write_file("m.csv", STR("k,v\n1,first\n1,last\n2,x\n")), "b.t");
    req.mode = INGEST_MERGE;
    req.key = key;
    req.key_n = 1;
    load(lake, &req);
    CHECK_STR(ask(lake, "SELECT k, v FROM b.t ORDER BY ALL"), "1|last\n2|x");
    lake_close(lake);
}

TEST(partitioned)
{
    struct lake *lake = open_lake();
    struct sql_outcome out;
    struct ingest_request req = request(
        write_file("p.csv", STR("ts,v\n2001-01-01 10:00:00,1\n2001-01-02 10:00:00,2\n")), "b.t");
    req.partition_by = STR("day(ts)");
    CHECK_INT(load(lake, &req).files, 2);
    CHECK_STR(ask_on(lake, "", "SELECT v FROM b.t WHERE ts >= '2001-01-02'", &out), "2");
    CHECK_INT(out.scans[0].files_read, 1);
    req.table = STR("b.u");
    req.partition_by = STR("day(nope)");
    refused(lake, &req, ERR_INVALID, "nope");
    lake_close(lake);
}

/* Every way in which a Parquet file can end too early. */
TEST(truncated_parquet)
{
    struct lake *lake = open_lake();
    const char *path = text_f("%s/whole.parquet", test_tmpdir());
    struct stat st;
    ask(lake, "CREATE TABLE b.src AS SELECT i AS id, 'text ' || i AS s FROM range(50000) r(i)");
    CHECK_INT(system(text_f("cp \"$(find '%s/lake/warehouse' -name '*.parquet')\" '%s'",
                            test_tmpdir(), path)),
              0);
    CHECK(stat(path, &st) == 0);
    const off_t sizes[] = { 0, 1, 4, 11, 12, st.st_size / 2, st.st_size - 8, st.st_size - 1 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *cut = text_f("%s/cut-%zu.parquet", test_tmpdir(), i);
        CHECK_INT(system(text_f("cp '%s' '%s'", path, cut)), 0);
        CHECK(truncate(cut, sizes[i]) == 0);
        struct ingest_request req = request(cut, "b.t");
        refused(lake, &req, ERR_CORRUPT, text_f("cut-%zu.parquet", i));
    }
    refuse(lake, "SELECT * FROM b.t", ERR_NOT_FOUND, "b.t");
    CHECK_INT(load_file(lake, path, "b.t").rows, 50000);
    lake_close(lake);
}

TEST(text_that_is_no_table)
{
    struct lake *lake = open_lake();
    struct ingest_request req =
        request(write_file("bad.json", STR("[{\"a\": 1}, {\"a\": ")), "b.t");
    refused(lake, &req, ERR_INVALID, "bad.json");
    req = request(write_file("bad.jsonl", STR("{\"a\": 1}\nnonsense\n")), "b.t");
    refused(lake, &req, ERR_INVALID, "bad.jsonl");
    refuse(lake, "SELECT * FROM b.t", ERR_NOT_FOUND, "b.t");
    lake_close(lake);
}

TEST(names_that_are_wrong)
{
    struct lake *lake = open_lake();
    const char *path = write_file("ok.csv", STR("x\n1\n"));
    struct ingest_request req = request(path, "noname");
    refused(lake, &req, ERR_INVALID, "noname");
    req.table = STR("a*b.t");
    refused(lake, &req, ERR_INVALID, "a*b");
    req.table = STR("b.t");
    req.branch = STR("nope");
    refused(lake, &req, ERR_NOT_FOUND, "nope");
    lake_close(lake);
}

TEST(words_of_options)
{
    enum ingest_mode mode;
    enum ingest_on_error on_error;
    CHECK(ingest_mode_parse(STR("merge"), &mode) && mode == INGEST_MERGE);
    CHECK(ingest_mode_parse(STR("append"), &mode) && mode == INGEST_APPEND);
    CHECK(!ingest_mode_parse(STR("Merge"), &mode));
    CHECK(!ingest_mode_parse(STR(""), &mode));
    CHECK(ingest_on_error_parse(STR("quarantine"), &on_error) && on_error == ON_ERROR_QUARANTINE);
    CHECK(!ingest_on_error_parse(STR("ignore"), &on_error));
}
