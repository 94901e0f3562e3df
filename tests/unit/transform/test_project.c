/* SPDX-License-Identifier: Apache-2.0 */
#include "transform/project.h"

#include "test.h"

struct text_file {
    const char *path, *text;
};

static bool read_files(const struct text_file *files, size_t n, struct project *out,
                       struct error *err)
{
    struct project_file *f = arena_array(test_arena(), struct project_file, n);
    for (size_t i = 0; i < n; i++)
        f[i] = (struct project_file){ str_of(files[i].path), str_of(files[i].text) };
    return project_read(f, n, test_arena(), out, err);
}

#define READ(files, out, err) read_files(files, sizeof(files) / sizeof *(files), out, err)

static str order(const struct project *p)
{
    str names[16];
    for (size_t i = 0; i < p->order.n; i++)
        names[i] = p->order.at[i]->name;
    return arena_join(test_arena(), names, p->order.n, STR(" "));
}

TEST(models_in_order)
{
    static const struct text_file files[] = {
        { "models/gold/c.sql", "SELECT * FROM {{ ref('b') }} JOIN {{ ref('a') }}" },
        { "models/silver/b.sql",
          "{{ config(partition_by='day(ts)', schema='other') }} SELECT * FROM {{ ref('a') }}" },
        { "models/a.sql", "{{ config(alias='aa', materialized='table', tags='x') }} SELECT 1" },
        { "README.sql", "{{ nonsense" },
        { "models/notes.txt", "{{ nonsense" },
    };
    struct project p;
    struct error err = { 0 };
    CHECK_OK(READ(files, &p, &err));
    CHECK_STR(order(&p), "a b c");
    CHECK_STR(project_model(&p, STR("a"))->table, "models.aa");
    CHECK_STR(project_model(&p, STR("b"))->table, "other.b");
    CHECK_STR(project_model(&p, STR("b"))->partition_by, "day(ts)");
    CHECK_STR(project_model(&p, STR("c"))->table, "gold.c");
    CHECK(!project_model(&p, STR("d")));
}

TEST(selection)
{
    static const struct text_file files[] = {
        { "models/s/a.sql", "SELECT 1" },
        { "models/s/b.sql", "SELECT * FROM {{ ref('a') }}" },
        { "models/s/c.sql", "SELECT * FROM {{ ref('b') }}" },
        { "models/s/d.sql", "SELECT 2" },
    };
    static const struct {
        const char *word, *want;
    } cases[] = { { "b", "b" }, { "+b", "ab" }, { "b+", "bc" }, { "+b+", "abc" }, { "d", "d" } };
    struct project p;
    struct error err = { 0 };
    CHECK_OK(READ(files, &p, &err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        str word = str_of(cases[i].word);
        char got[8];
        size_t n = 0;
        CHECK_OK(project_select(&p, &word, 1, &err));
        for (size_t k = 0; k < p.order.n; k++)
            if (p.order.at[k]->selected)
                got[n++] = p.order.at[k]->name.ptr[0];
        CHECK_STR(str_make(got, n), cases[i].want);
    }
    CHECK_OK(project_select(&p, NULL, 0, &err));
    CHECK(project_model(&p, STR("d"))->selected);
    str wrong = STR("nope");
    CHECK_FAILS(project_select(&p, &wrong, 1, &err), ERR_NOT_FOUND);
}

TEST(sources_and_checks)
{
    static const struct text_file files[] = {
        { "models/s/a.sql", "SELECT * FROM {{ source('raw', 't') }}" },
        { "models/s.yml",
          "version: 2\nsources:\n  - name: raw\n    schema: bronze\n    tables:\n      - name: t\n"
          "        identifier: t2\n      - name: u\nmodels:\n  - name: a\n    columns:\n      - name: id\n"
          "        tests: [not_null, unique, {accepted_values: {values: [1, 'x']}}]\n"
          "      - name: fk\n        data_tests:\n          - relationships: {arguments: {to: \"ref('a')\", "
          "field: id}}\n" },
        { "models/empty.yml", "# nothing\n" },
    };
    struct project p;
    struct error err = { 0 };
    CHECK_OK(READ(files, &p, &err));
    CHECK_STR(project_source(&p, STR("raw"), STR("t"))->table, "bronze.t2");
    CHECK_STR(project_source(&p, STR("raw"), STR("u"))->table, "bronze.u");
    CHECK(!project_source(&p, STR("raw"), STR("v")));
    CHECK_INT(p.checks.n, 4);
    CHECK_STR(p.checks.at[0].name, "not_null a.id");
    CHECK_STR(p.checks.at[3].name, "relationships a.fk");
}

TEST(what_is_wrong_is_said)
{
#define ONE(path, text, code, words)                                                               \
    {                                                                                              \
        { path, text }, code, words                                                                \
    }
    static const struct {
        struct text_file file;
        enum err_code code;
        const char *words;
    } bad[] = {
        ONE("models/a.sql", "SELECT 1\nFROM {{ ref('gone') }}", ERR_NOT_FOUND, "no model gone"),
        ONE("models/a.sql", "\n{{ macro() }}", ERR_UNSUPPORTED, "models/a.sql:2"),
        ONE("models/a.sql", "\n\n{% set x = 1 %}", ERR_UNSUPPORTED, "models/a.sql:3"),
        ONE("models/a.sql", "{{ config(materialized='view') }}", ERR_UNSUPPORTED, "view"),
        ONE("models/a.sql", "{{ config(nope=1) }}", ERR_UNSUPPORTED, "nope"),
        ONE("models/a.sql", "{{ source('one') }}", ERR_INVALID, "source()"),
        ONE("models/a.sql", "SELECT * FROM {{ ref('a') }}", ERR_INVALID, "refers to itself"),
        ONE("models/x.yml", "models: [", ERR_INVALID, "models/x.yml"),
        ONE("models/x.yml", "models:\n  - columns: []\n", ERR_INVALID, "name"),
        ONE("models/x.yml",
            "models:\n  - name: m\n    columns:\n      - name: c\n        tests: [strange]\n",
            ERR_UNSUPPORTED, "strange"),
        ONE("models/x.yml",
            "models:\n  - name: gone\n    columns:\n      - name: c\n        tests: [unique]\n",
            ERR_NOT_FOUND, "gone"),
        ONE("README.md", "no models at all", ERR_NOT_FOUND, "no models"),
    };
#undef ONE
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct text_file files[] = { bad[i].file, { "models/ok.sql", "SELECT 1" } };
        size_t n = str_starts(str_of(bad[i].file.path), STR("README")) ? 1 : 2;
        struct project p;
        struct error err = { 0 };
        CHECK_FAILS(read_files(files, n, &p, &err), bad[i].code);
        if (str_find(str_of(err.msg), str_of(bad[i].words)) < 0)
            test_fail(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", bad[i].words, err.msg);
    }
}

TEST(cycles_and_twins)
{
    static const struct text_file cycle[] = {
        { "models/a.sql", "SELECT * FROM {{ ref('b') }}" },
        { "models/b.sql", "SELECT * FROM {{ ref('c') }}" },
        { "models/c.sql", "SELECT * FROM {{ ref('a') }}" },
    };
    static const struct text_file twins[] = {
        { "models/x/a.sql", "SELECT 1" },
        { "models/y/a.sql", "SELECT 2" },
    };
    struct project p;
    struct error err = { 0 };
    CHECK_FAILS(READ(cycle, &p, &err), ERR_INVALID);
    CHECK(str_find(str_of(err.msg), STR("refers to itself")) >= 0);
    CHECK_FAILS(READ(twins, &p, &err), ERR_INVALID);
    CHECK(str_find(str_of(err.msg), STR("models/y/a.sql")) >= 0);
}
