/* SPDX-License-Identifier: Apache-2.0 */
#include "transform/transform.h"

#include "catalog/refs.h"
#include "catalog/rules.h"
#include "govern/access.h"
#include "govern/roles.h"
#include "unit/sql/lake_test.h"

#define SOURCES "sources: [{name: raw, tables: [{name: t}]}]\n"

static struct project_file project[] = {
    { STR_INIT("models/silver/clean.sql"),
      STR_INIT(
          "SELECT id, upper(name) AS name FROM {{ source('raw', 't') }} WHERE id IS NOT NULL") },
    { STR_INIT("models/gold/counts.sql"),
      STR_INIT("SELECT name, count(*) AS n FROM {{ ref('clean') }} GROUP BY name") },
    { STR_INIT("models/schema.yml"),
      STR_INIT(SOURCES
               "models: [{name: clean, columns: [{name: id, tests: [unique, not_null]}]}]\n") },
};

static struct lake *lake_with_rows(const char *rows)
{
    struct lake *lake = open_lake();
    ask(lake, text_f("CREATE TABLE raw.t AS SELECT * FROM (VALUES %s) v(id, name)", rows));
    return lake;
}

static struct build_report build(struct lake *lake, bool full)
{
    struct error err = { 0 };
    struct build_report out;
    struct build_request req = { .files = project,
                                 .files_n = sizeof project / sizeof *project,
                                 .full_refresh = full };
    CHECK_OK(transform_build(lake, &req, test_arena(), &out, &err));
    return out;
}

static size_t branches(struct lake *lake)
{
    struct error err = { 0 };
    struct ref_info *refs;
    size_t n;
    CHECK_OK(catalog_list_refs(lake->catalog, test_arena(), &refs, &n, &err));
    return n;
}

TEST(builds_and_merges)
{
    struct lake *lake = lake_with_rows("(1, 'a'), (2, 'a'), (3, 'b'), (NULL, 'c')");
    struct build_report r = build(lake, false);
    CHECK(r.merged);
    CHECK_INT(r.models_n, 2);
    CHECK_STR(r.models[0].table, "silver.clean");
    CHECK_INT(r.models[0].rows, 3);
    CHECK_INT(r.models[0].status, MODEL_BUILT);
    CHECK_INT(r.checks_n, 2);
    CHECK_INT(r.checks_failed, 0);
    CHECK_INT(r.commit_id.len, 64);
    CHECK_STR(ask(lake, "SELECT * FROM gold.counts ORDER BY name"), "A|2\nB|1");
    CHECK_INT(branches(lake), 1); /* the build's own is gone */
    lake_close(lake);
}

/* Rules of the branch are asked for who builds. */
TEST(a_build_is_merged_by_who_asks)
{
    struct lake *lake = lake_with_rows("(1, 'a'), (2, 'b')");
    struct error err = { 0 };
    struct principal_secret secret;
    struct principal root;
    struct build_report out;
    struct access by = { .govern = lake->govern };
    const str names[] = { STR_INIT("root") };
    struct ref_rule rule = { .pattern = STR("main") };
    struct build_request req = { .files = project,
                                 .files_n = sizeof project / sizeof *project,
                                 .access = &by };
    CHECK_OK(principals_bootstrap(lake->govern, test_arena(), &secret, &err));
    CHECK_OK(principal_by_name(lake->govern, STR("root"), test_arena(), &root, &err));
    CHECK_OK(principal_identity(lake->govern, root.id, (str){ 0 }, STR("t"), test_arena(), &by.who,
                                &err));
    CHECK_OK(catalog_set_rule(lake->catalog, &rule, &err));
    CHECK_FAILS(transform_build(lake, &req, test_arena(), &out, &err), ERR_DENIED);
    CHECK(str_find(str_of(err.msg), STR("root may not merge into main")) >= 0);
    rule.allowed[REF_MERGE] = (struct rule_names){ names, 1 };
    CHECK_OK(catalog_set_rule(lake->catalog, &rule, &err));
    CHECK_OK(transform_build(lake, &req, test_arena(), &out, &err));
    CHECK(out.merged);
    CHECK_INT(branches(lake), 1);
    lake_close(lake);
}

TEST(unchanged_models_are_left_alone)
{
    struct lake *lake = lake_with_rows("(1, 'a')");
    struct build_report first = build(lake, false), again = build(lake, false);
    CHECK(again.merged);
    for (size_t i = 0; i < again.models_n; i++) {
        CHECK_INT(again.models[i].status, MODEL_UNCHANGED);
        CHECK_INT(again.models[i].snapshot_id, first.models[i].snapshot_id);
    }
    CHECK_STR(first.commit_id, arena_cstr(test_arena(), again.commit_id));
    CHECK_INT(build(lake, true).models[0].status, MODEL_BUILT);
    ask(lake, "INSERT INTO raw.t VALUES (2, 'b')");
    again = build(lake, false);
    CHECK_INT(again.models[0].status, MODEL_BUILT);
    CHECK_INT(again.models[1].status, MODEL_BUILT);
    CHECK_STR(ask(lake, "SELECT count(*) FROM gold.counts"), "2");
    struct project_file changed = project[1], was = project[1];
    changed.text =
        STR("SELECT name, count(*) AS n, 1 AS one FROM {{ ref('clean') }} GROUP BY name");
    project[1] = changed;
    again = build(lake, false);
    project[1] = was;
    CHECK_INT(again.models[0].status, MODEL_UNCHANGED);
    CHECK_INT(again.models[1].status, MODEL_BUILT);
    CHECK_STR(ask(lake, "SELECT one FROM gold.counts LIMIT 1"), "1");
    lake_close(lake);
}

/* Rows that break a test are on the build's branch to look at, and nowhere else. */
TEST(failed_tests_publish_nothing)
{
    struct lake *lake = lake_with_rows("(1, 'a')");
    struct sql_outcome out;
    build(lake, false);
    ask(lake, "INSERT INTO raw.t VALUES (1, 'twin')");
    struct build_report r = build(lake, false);
    CHECK(!r.merged);
    CHECK_INT(r.checks_failed, 1);
    CHECK_STR(r.checks[0].name, "unique clean.id");
    CHECK_INT(r.checks[0].failures, 1);
    CHECK_STR(ask(lake, "SELECT count(*) FROM silver.clean"), "1");
    CHECK_STR(
        ask_on(lake, arena_cstr(test_arena(), r.branch), "SELECT count(*) FROM silver.clean", &out),
        "2");
    CHECK_STR(ask_on(lake, arena_cstr(test_arena(), r.branch),
                     arena_cstr(test_arena(), r.checks[0].query), &out),
              "1|2");
    lake_close(lake);
}

TEST(a_model_that_fails)
{
    struct lake *lake = lake_with_rows("(1, 'a')");
    struct project_file was = project[1];
    struct error err = { 0 };
    struct build_report out;
    struct build_request req = { .files = project, .files_n = sizeof project / sizeof *project };
    static const struct {
        str text;
        enum err_code code;
        const char *words;
    } bad[] = {
        { STR_INIT("SELECT nope FROM {{ ref('clean') }}"), ERR_INVALID,
          "model counts (models/gold/counts.sql)" },
        { STR_INIT("SELECT name::INT AS n FROM {{ ref('clean') }}"), ERR_INVALID, "model counts" },
        { STR_INIT("SELECT * FROM {{ source('raw', 'gone') }}"), ERR_NOT_FOUND,
          "models/gold/counts.sql:1" },
        { STR_INIT("SELECT * FROM raw.gone"), ERR_NOT_FOUND, "raw.gone" },
        { STR_INIT("SELECT * FROM '/etc/passwd'"), ERR_DENIED, "/etc/passwd" },
        { STR_INIT("DROP TABLE raw.t"), ERR_INVALID, "model counts" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        project[1].text = bad[i].text;
        if (transform_build(lake, &req, test_arena(), &out, &err))
            test_fail(__FILE__, __LINE__, STR_FMT " was built", STR_ARG(bad[i].text));
        if (str_find(str_of(err.msg), str_of(bad[i].words)) < 0)
            test_fail(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", bad[i].words, err.msg);
        CHECK_INT(branches(lake), 1);
        refuse(lake, "SELECT * FROM silver.clean", ERR_NOT_FOUND, "silver.clean");
    }
    project[1] = was;
    CHECK_STR(ask(lake, "SELECT count(*) FROM raw.t"), "1");
    lake_close(lake);
}

TEST(on_a_branch)
{
    struct lake *lake = lake_with_rows("(1, 'a')");
    struct error err = { 0 };
    struct ref_info ref;
    struct build_report out;
    struct sql_outcome o;
    CHECK_OK(catalog_create_ref(lake->catalog, CATALOG_BRANCH, STR("dev"), (str){ 0 }, test_arena(),
                                &ref, &err));
    struct build_request req = { .files = project, .files_n = 3, .branch = STR("dev") };
    CHECK_OK(transform_build(lake, &req, test_arena(), &out, &err));
    CHECK(out.merged);
    refuse(lake, "SELECT * FROM gold.counts", ERR_NOT_FOUND, "gold.counts");
    CHECK_STR(ask_on(lake, "dev", "SELECT n FROM gold.counts", &o), "1");
    lake_close(lake);
}

TEST(selected_models)
{
    struct lake *lake = lake_with_rows("(1, 'a')");
    struct error err = { 0 };
    struct build_report out;
    str select = STR("clean");
    struct build_request req = { .files = project, .files_n = 3, .select = &select, .select_n = 1 };
    CHECK_OK(transform_build(lake, &req, test_arena(), &out, &err));
    CHECK_INT(out.models_n, 1);
    refuse(lake, "SELECT * FROM gold.counts", ERR_NOT_FOUND, "gold.counts");
    lake_close(lake);
}

TEST(the_other_data_tests)
{
    struct lake *lake = lake_with_rows("(1, 'a'), (2, 'b')");
    struct project_file was = project[2];
    project[2].text = STR(
        SOURCES
        "models:\n  - name: clean\n    columns:\n"
        "      - name: name\n        tests: [{accepted_values: {values: ['A']}}]\n"
        "      - name: id\n        tests: [{relationships: {to: \"source('raw', 't')\", field: id}}]\n"
        "  - name: counts\n    columns:\n      - name: name\n"
        "        tests: [{relationships: {to: \"ref('clean')\", field: name}}]\n");
    struct build_report r = build(lake, false);
    project[2] = was;
    CHECK_INT(r.checks_n, 3);
    CHECK_INT(r.checks_failed, 1);
    CHECK_STR(r.checks[0].name, "accepted_values clean.name");
    CHECK_INT(r.checks[0].failures, 1);
    CHECK(!r.merged);
    lake_close(lake);
}
