/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/view.h"

#include <stdarg.h>
#include <stdio.h>

#include "iceberg/function.h"
#include "test.h"

#define UUID_A "fa6506c3-7681-40c8-86dc-e36561f83385"
#define NOW 5000

static struct error err;

/* Text with ' for ". */
static str json_of(const char *fmt, ...) PRINTF_LIKE(1, 2);
static str json_of(const char *fmt, ...)
{
    char text[8192];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    CHECK(n >= 0 && (size_t)n < sizeof text);
    for (int i = 0; i < n; i++)
        if (text[i] == '\'')
            text[i] = '"';
    return arena_str(test_arena(), str_make(text, (size_t)n));
}

static struct view_update update(str text)
{
    struct json *doc;
    struct view_update u;
    CHECK_OK(json_parse(text, test_arena(), &doc, &err));
    CHECK_OK(view_update_parse(doc, test_arena(), &u, &err));
    return u;
}

static struct view_update schema_update(const char *column)
{
    return update(json_of("{'action':'add-schema','schema':{'type':'struct','schema-id':9,'fields':"
                          "[{'id':1,'name':'%s','required':false,'type':'long'}]}}",
                          column));
}

static struct view_update version_update(int id, int schema, int time, const char *dialect,
                                         const char *sql)
{
    return update(
        json_of("{'action':'add-view-version','view-version':{'version-id':%d,'schema-id':%d,"
                "'timestamp-ms':%d,'summary':{'engine-name':'t'},'default-namespace':['ns'],"
                "'representations':[{'type':'sql','dialect':'%s','sql':'%s'}]}}",
                id, schema, time, dialect, sql));
}

static struct view_update current_update(int id)
{
    return update(json_of("{'action':'set-current-view-version','view-version-id':%d}", id));
}

static struct view_update property_update(const char *key, const char *value)
{
    return update(json_of("{'action':'set-properties','updates':{'%s':'%s'}}", key, value));
}

static const struct view_metadata *apply(const struct view_metadata *base,
                                         const struct view_update *u, size_t n)
{
    const struct view_metadata *out = NULL;
    CHECK_OK(view_metadata_apply(base, u, n, NOW, test_arena(), &out, &err));
    return out;
}

static void refused(const struct view_metadata *base, struct view_update u, const char *words)
{
    const struct view_metadata *out;
    CHECK_FAILS(view_metadata_apply(base, &u, 1, NOW, test_arena(), &out, &err), ERR_INVALID);
    if (str_find(str_of(err.msg), str_of(words)) < 0)
        test_fail(__FILE__, __LINE__, "wanted \"%s\", got \"%s\"", words, err.msg);
}

static const struct view_metadata *new_view(void)
{
    struct view_update u[] = {
        update(json_of("{'action':'assign-uuid','uuid':'" UUID_A "'}")),
        update(json_of("{'action':'set-location','location':'/w/v/'}")),
        schema_update("a"),
        version_update(1, -1, 1000, "spark", "select a"),
        current_update(-1),
    };
    return apply(NULL, u, 5);
}

static const struct view_metadata *replace(const struct view_metadata *base, int time,
                                           const char *sql)
{
    struct view_update u[] = { version_update(1, 0, time, "spark", sql), current_update(-1) };
    return apply(base, u, 2);
}

TEST(a_view_begins_with_version_1_and_schema_0)
{
    const struct view_metadata *m = new_view();
    CHECK_STR(m->uuid, UUID_A);
    CHECK_STR(m->location, "/w/v");
    CHECK_INT(m->current_version_id, 1);
    CHECK_INT(view_metadata_schema(m)->id, 0);
    CHECK_INT(m->log_n, 1);
    CHECK_INT(m->log[0].timestamp_ms, 1000);
    CHECK_STR(view_metadata_sql(m, STR("SPARK")), "select a");
    CHECK(!view_metadata_sql(m, STR("trino")).ptr);
}

TEST(what_is_written_reads_back)
{
    const struct view_metadata *m = replace(new_view(), 2000, "select b"), *again;
    struct buf b = BUF_INIT(1 << 20);
    view_metadata_write(m, &b);
    CHECK_OK(view_metadata_parse(buf_str(&b), test_arena(), &again, &err));
    CHECK(view_metadata_equal(m, again));
    buf_deinit(&b);
}

/* V1: equal versions and schemas are those that are there. */
TEST(equal_versions_and_schemas_are_not_doubled)
{
    const struct view_metadata *m = replace(new_view(), 2000, "select b");
    CHECK_INT(m->current_version_id, 2);
    struct view_update u[] = { schema_update("a"), version_update(7, -1, 3000, "spark", "select a"),
                               current_update(-1) };
    const struct view_metadata *back = apply(m, u, 3);
    CHECK_INT(back->current_version_id, 1);
    CHECK_INT(back->versions_n, 2);
    CHECK_INT(back->schemas_n, 1);
    CHECK_INT(back->log_n, 3);
    CHECK_INT(back->log[2].timestamp_ms, NOW); /* made current again, not made again */
    CHECK(apply(back, u, 3) == back);
    struct view_update other[] = { schema_update("b"),
                                   version_update(1, -1, 3000, "spark", "select a"),
                                   current_update(-1) };
    const struct view_metadata *next = apply(back, other, 3);
    CHECK_INT(next->current_version_id, 3);
    CHECK_INT(view_metadata_schema(next)->id, 1);
}

/* V2. */
TEST(only_the_last_current_version_is_logged)
{
    struct view_update u[] = { version_update(1, 0, 2000, "spark", "select b"), current_update(-1),
                               version_update(1, 0, 3000, "spark", "select c"),
                               current_update(-1) };
    const struct view_metadata *m = apply(new_view(), u, 4);
    CHECK_INT(m->current_version_id, 3);
    CHECK_INT(m->log_n, 2);
    CHECK_INT(m->log[1].version_id, 3);
    CHECK_INT(m->log[1].timestamp_ms, 3000);
}

/* V3. */
TEST(dialects_are_unique_and_not_lost)
{
    const struct view_metadata *m = new_view(), *out;
    struct view_update u[] = { version_update(1, 0, 2000, "trino", "select b"),
                               current_update(-1) };
    CHECK_FAILS(view_metadata_apply(m, u, 2, NOW, test_arena(), &out, &err), ERR_INVALID);
    CHECK(str_starts(str_of(err.msg),
                     STR("Cannot replace view due to loss of view dialects "
                         "(replace.drop-dialect.allowed=false):\nPrevious dialects: [spark]\n"
                         "New dialects: [trino]")));
    struct view_update allow = property_update("replace.drop-dialect.allowed", "true");
    m = apply(m, &allow, 1);
    CHECK_INT(apply(m, u, 2)->current_version_id, 2);
    refused(m,
            update(json_of("{'action':'add-view-version','view-version':{'version-id':2,"
                           "'schema-id':0,'timestamp-ms':1,'summary':{},'default-namespace':[],"
                           "'representations':[{'type':'sql','dialect':'a','sql':'x'},"
                           "{'type':'sql','dialect':'A','sql':'y'}]}}")),
            "Invalid view version: Cannot add multiple queries for dialect a");
}

/* V4. */
TEST(old_versions_expire_with_their_log)
{
    struct view_update two = property_update("version.history.num-entries", "2");
    const struct view_metadata *m = apply(new_view(), &two, 1);
    m = replace(m, 2000, "select b");
    m = replace(m, 3000, "select c");
    CHECK_INT(m->versions_n, 2);
    CHECK_INT(m->versions[0].id, 2);
    CHECK_INT(m->log_n, 2);
    CHECK_INT(m->log[0].version_id, 2);
    /* Going back keeps the current version, however old. */
    struct view_update back = current_update(2);
    m = apply(m, &back, 1);
    m = replace(m, 4000, "select d");
    CHECK_INT(m->versions_n, 2);
    CHECK_INT(m->current_version_id, 4);
    refused(m, property_update("version.history.num-entries", "0"),
            "version.history.num-entries must be positive but was 0");
    refused(m, property_update("version.history.num-entries", "x"), "must be a number");
}

TEST(versions_added_together_are_all_kept)
{
    struct view_update u[4] = { property_update("version.history.num-entries", "1") };
    for (int i = 1; i < 4; i++)
        u[i] =
            version_update(1, 0, 1000 * i, "spark", arena_printf(test_arena(), "select %d", i).ptr);
    const struct view_metadata *m = apply(new_view(), u, 4);
    CHECK_INT(m->versions_n, 4); /* the three and the current one */
    m = replace(m, 9000, "select z");
    CHECK_INT(m->versions_n, 1);
    CHECK_INT(m->log_n, 1);
}

TEST(what_the_builder_refuses)
{
    const struct view_metadata *m = new_view();
    refused(m, current_update(9), "Cannot set current version to unknown version: 9");
    refused(m, current_update(-1),
            "Cannot set last version id: no current version id has been set");
    refused(m, version_update(1, 5, 1, "spark", "x"), "Cannot add version with unknown schema: 5");
    refused(m, version_update(1, -1, 1, "spark", "x"),
            "Cannot set last added schema: no schema has been added");
    refused(m,
            update(json_of("{'action':'assign-uuid','uuid':"
                           "'00000000-0000-4000-8000-000000000000'}")),
            "Cannot reassign uuid");
    refused(m, update(json_of("{'action':'upgrade-format-version','format-version':2}")),
            "Unsupported format version: 2");
    refused(m, update(json_of("{'action':'upgrade-format-version','format-version':0}")),
            "Cannot downgrade v1 view to v0");
    refused(m, update(json_of("{'action':'set-location','location':''}")), "Invalid location");
    refused(NULL, update(json_of("{'action':'set-location','location':'/x'}")),
            "Invalid view: no versions were added");
    refused(NULL, schema_update("a"), "Invalid location: null");
}

TEST(properties_come_and_go)
{
    struct view_update u[] = {
        property_update("k", "1"),
        update(json_of("{'action':'remove-properties','removals':['nothing']}")),
    };
    const struct view_metadata *m = apply(new_view(), u, 2);
    CHECK_STR(property_get(&m->properties, "k", STR("")), "1");
    CHECK_INT(m->versions_n, 1);
    CHECK_INT(m->log_n, 1);
    struct view_update gone = update(json_of("{'action':'remove-properties','removals':['k']}"));
    CHECK_INT(apply(m, &gone, 1)->properties.n, 0);
}

TEST(a_requirement_names_both_ids)
{
    struct json *doc;
    struct view_requirement r;
    const struct view_metadata *m = new_view();
    CHECK_OK(json_parse(json_of("{'type':'assert-view-uuid','uuid':'%s'}", UUID_A), test_arena(),
                        &doc, &err));
    CHECK_OK(view_requirement_parse(doc, test_arena(), &r, &err));
    CHECK_OK(view_requirements_check(&r, 1, m, &err));
    r.uuid = STR("other");
    CHECK_FAILS(view_requirements_check(&r, 1, m, &err), ERR_CONFLICT);
    CHECK_STR(str_of(err.msg),
              "Requirement failed: view UUID does not match: expected " UUID_A " != other");
    CHECK_OK(json_parse(json_of("{'type':'assert-create'}"), test_arena(), &doc, &err));
    CHECK_FAILS(view_requirement_parse(doc, test_arena(), &r, &err), ERR_UNSUPPORTED);
}

TEST(updates_write_as_they_read)
{
    struct view_update all[] = {
        update(json_of("{'action':'assign-uuid','uuid':'" UUID_A "'}")),
        update(json_of("{'action':'upgrade-format-version','format-version':1}")),
        schema_update("a"),
        update(json_of("{'action':'set-location','location':'/x'}")),
        property_update("k", "v"),
        update(json_of("{'action':'remove-properties','removals':['k']}")),
        version_update(3, -1, 1000, "spark", "select a"),
        current_update(-1),
    };
    for (size_t i = 0; i < VIEW_UPDATE_KINDS; i++) {
        struct buf x = BUF_INIT(1 << 16), y = BUF_INIT(1 << 16);
        struct json_writer w;
        CHECK_INT(all[i].kind, i);
        jw_init(&w, &x);
        view_update_write(&all[i], &w);
        struct view_update again = update(buf_str(&x));
        jw_init(&w, &y);
        view_update_write(&again, &w);
        CHECK(str_eq(buf_str(&x), buf_str(&y)));
        buf_deinit(&x);
        buf_deinit(&y);
    }
}

/* ---- Functions ---- */

#define FUNCTION                                                                                   \
    "{'function-uuid':'" UUID_A "','format-version':1,'definitions':[{'overload-id':%s,"           \
    "'parameters':[{'name':'x','type':%s}],'return-type':'int','versions':[{"                      \
    "'overload-version-id':1,'representations':[{'dialect':'trino','body':'x + 1'}],"              \
    "'timestamp-ms':1}],'current-overload-version':%s}],'definition-log':[],'max-overload-id':1}"

TEST(functions_are_kept_whole)
{
    const struct function_metadata *m;
    struct buf b = BUF_INIT(1 << 16);
    struct json_writer w;
    str text = json_of(FUNCTION, "1", "'int'", "1");
    CHECK_OK(function_metadata_parse(text, test_arena(), &m, &err));
    CHECK_INT(m->definitions_n, 1);
    jw_init(&w, &b);
    function_metadata_write_json(m, &w);
    CHECK(str_eq(buf_str(&b), text));
    buf_deinit(&b);
}

TEST(functions_that_contradict_themselves_are_refused)
{
    static const char *const bad[][3] = {
        { "2", "'int'", "1" },              /* above max-overload-id */
        { "1", "'int'", "2" },              /* no such version */
        { "1", "7", "1" },                  /* no type */
        { "1", "{'type':'nothing'}", "1" }, /* no type either */
        { "'a'", "'int'", "1" },
    };
    const struct function_metadata *m;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(function_metadata_parse(json_of(FUNCTION, bad[i][0], bad[i][1], bad[i][2]),
                                            test_arena(), &m, &err),
                    ERR_CORRUPT);
}
