/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/schema.h"
#include "iceberg/value.h"
#include "unit/iceberg/json_help.h"

static const struct schema *schema_of(const char *json)
{
    struct error err;
    const struct schema *s;
    CHECK_OK(schema_parse(json_of(json), test_arena(), &s, &err));
    return s;
}

#define PEOPLE                                                                                     \
    "{'type':'struct','schema-id':3,'identifier-field-ids':[1,9],'fields':["                       \
    "{'id':1,'name':'id','required':true,'type':'long'},"                                          \
    "{'id':2,'name':'Tags','required':false,'type':{'type':'list','element-id':3,'element':"       \
    "{'type':'struct','fields':[{'id':4,'name':'k','required':true,'type':'string'}]},"            \
    "'element-required':false}},"                                                                  \
    "{'id':5,'name':'m','required':false,'type':{'type':'map','key-id':6,'key':'string',"          \
    "'value-id':7,'value':'int','value-required':false}},"                                         \
    "{'id':8,'name':'s','required':true,'type':{'type':'struct','fields':["                        \
    "{'id':9,'name':'x','required':true,'type':'int'},"                                            \
    "{'id':10,'name':'y','required':false,'type':'int'}]}}]}"

static str written(const struct schema *s)
{
    str json;
    WRITTEN(json, schema_write(s, true, &w));
    return json;
}

TEST(a_schema_reads_and_writes)
{
    const struct schema *s = schema_of(PEOPLE);
    CHECK_STR(written(s), PEOPLE);
    CHECK_INT(s->id, 3);
    CHECK_INT(s->max_id, 10);
    CHECK_INT(s->nodes_n, 10);
    CHECK_INT(schema_of("{'type':'struct','fields':[]}")->id, 0);
}

TEST(fields_are_found_by_id_and_name)
{
    const struct schema *s = schema_of(PEOPLE);
    CHECK_STR(schema_field_by_id(s, 9)->name, "x");
    CHECK(!schema_field_by_id(s, 11));
    CHECK_STR(schema_name_of(s, 4), "Tags.element.k");
    CHECK_STR(schema_name_of(s, 7), "m.value");
    CHECK_STR(schema_name_of(s, 99), "");
    CHECK_INT(schema_field_by_name(s, STR("Tags.element.k"), true)->id, 4);
    CHECK_INT(schema_field_by_name(s, STR("Tags.k"), true)->id, 4);
    CHECK_INT(schema_field_by_name(s, STR("tags.K"), false)->id, 4);
    CHECK(!schema_field_by_name(s, STR("tags"), true));
    CHECK_INT(schema_field_by_name(s, STR("m.key"), true)->id, 6);
    CHECK(schema_node_by_id(s, 4)->in_repeated);
    CHECK(!schema_node_by_id(s, 9)->in_repeated);
    CHECK_INT(schema_column_index(s, 8), 3);
    CHECK_INT(schema_column_index(s, 9), -1);
}

/* Two names that differ in case only are found as written, and not at all otherwise. */
TEST(ambiguous_lower_case)
{
    const struct schema *s =
        schema_of("{'type':'struct','fields':[{'id':1,'name':'a','required':true,'type':'int'},"
                  "{'id':2,'name':'A','required':true,'type':'int'}]}");
    CHECK_INT(schema_field_by_name(s, STR("A"), true)->id, 2);
    CHECK(!schema_field_by_name(s, STR("a"), false));
}

TEST(bad_schemas_are_refused)
{
    static const char *const texts[] = {
        /* an id twice, a name twice, a reserved id, a negative id */
        "{'type':'struct','fields':[{'id':1,'name':'a','required':true,'type':'int'},"
        "{'id':1,'name':'b','required':true,'type':'int'}]}",
        "{'type':'struct','fields':[{'id':1,'name':'a','required':true,'type':'int'},"
        "{'id':2,'name':'a','required':true,'type':'int'}]}",
        "{'type':'struct','fields':[{'id':2147483646,'name':'a','required':true,'type':'int'}]}",
        "{'type':'struct','fields':[{'id':-1,'name':'a','required':true,'type':'int'}]}",
        /* identifiers: missing, optional, float, repeated, nested in an optional struct */
        "{'type':'struct','identifier-field-ids':[2],'fields':["
        "{'id':1,'name':'a','required':true,'type':'int'}]}",
        "{'type':'struct','identifier-field-ids':[1],'fields':["
        "{'id':1,'name':'a','required':false,'type':'int'}]}",
        "{'type':'struct','identifier-field-ids':[1],'fields':["
        "{'id':1,'name':'a','required':true,'type':'double'}]}",
        "{'type':'struct','identifier-field-ids':[2],'fields':["
        "{'id':1,'name':'a','required':true,'type':{'type':'list','element-id':2,"
        "'element-required':true,'element':'int'}}]}",
        "{'type':'struct','identifier-field-ids':[2],'fields':["
        "{'id':1,'name':'a','required':false,'type':{'type':'struct','fields':["
        "{'id':2,'name':'b','required':true,'type':'int'}]}}]}",
        "{'type':'list','element-id':2,'element-required':true,'element':'int'}",
        "'int'",
    };
    struct error err;
    const struct schema *s;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_FAILS(schema_parse(json_of(texts[i]), test_arena(), &s, &err), ERR_INVALID);
}

/* As the Java library: a struct's fields first, then what is inside each. */
TEST(fresh_ids_follow_levels)
{
    struct error err;
    const struct schema *s;
    int32_t last = 100;
    CHECK_OK(schema_assign_fresh_ids(schema_of(PEOPLE), 0, &last, test_arena(), &s, &err));
    CHECK_INT(last, 110);
    CHECK_INT(schema_field_by_name(s, STR("id"), true)->id, 101);
    CHECK_INT(schema_field_by_name(s, STR("s"), true)->id, 104);
    CHECK_INT(schema_field_by_name(s, STR("Tags.element"), true)->id, 105);
    CHECK_INT(schema_field_by_name(s, STR("Tags.element.k"), true)->id, 106);
    CHECK_INT(schema_field_by_name(s, STR("m.key"), true)->id, 107);
    CHECK_INT(schema_field_by_name(s, STR("m.value"), true)->id, 108);
    CHECK_INT(schema_field_by_name(s, STR("s.y"), true)->id, 110);
    CHECK_INT(s->identifier_ids[0], 101);
    CHECK_INT(s->identifier_ids[1], 109);
    last = FIELD_ID_MAX - 3;
    CHECK_FAILS(schema_assign_fresh_ids(schema_of(PEOPLE), 0, &last, test_arena(), &s, &err),
                ERR_LIMIT);
}

TEST(columns_are_added)
{
    struct error err;
    const struct schema *s = schema_of(PEOPLE), *t;
    struct arena *a = test_arena();
    struct field f = { .name = STR("z"), .type = type_list(a, 0, false, type_of(TYPE_DATE)) };
    int32_t last = 10;
    CHECK_OK(schema_add_column(s, STR(""), &f, &last, a, &t, &err));
    CHECK_INT(schema_field_by_name(t, STR("z"), true)->id, 11);
    CHECK_INT(schema_field_by_name(t, STR("z.element"), true)->id, 12);
    CHECK_INT(last, 12);
    CHECK_INT(s->fields_n, 4); /* the old one stays */
    CHECK_OK(schema_add_column(t, STR("s"), &f, &last, a, &t, &err));
    CHECK_INT(schema_field_by_name(t, STR("s.z"), true)->id, 13);
    CHECK_OK(schema_add_column(t, STR("Tags"), &f, &last, a, &t, &err));
    CHECK_INT(schema_field_by_name(t, STR("Tags.element.z"), true)->id, 15);
    CHECK_FAILS(schema_add_column(t, STR(""), &f, &last, a, &t, &err), ERR_EXISTS);
    CHECK_FAILS(schema_add_column(t, STR("id"), &f, &last, a, &t, &err), ERR_INVALID);
    CHECK_FAILS(schema_add_column(t, STR("m"), &f, &last, a, &t, &err), ERR_INVALID);
    CHECK_FAILS(schema_add_column(t, STR("none"), &f, &last, a, &t, &err), ERR_NOT_FOUND);
    f = (struct field){ .name = STR("r"), .required = true, .type = type_of(TYPE_INT) };
    CHECK_FAILS(schema_add_column(t, STR(""), &f, &last, a, &t, &err), ERR_INVALID);
    struct value seven = value_i64(TYPE_INT, 7);
    f.initial_default = f.write_default = &seven;
    CHECK_OK(schema_add_column(t, STR(""), &f, &last, a, &t, &err));
    CHECK_FAILS(schema_check_version(t, 2, &err), ERR_INVALID);
    CHECK_OK(schema_check_version(t, 3, &err));
}

TEST(columns_are_dropped_renamed_promoted_moved)
{
    struct error err;
    const struct schema *s = schema_of(PEOPLE), *t;
    struct arena *a = test_arena();
    CHECK_OK(schema_drop_column(s, STR("s.y"), a, &t, &err));
    CHECK(!schema_field_by_id(t, 10));
    CHECK_FAILS(schema_drop_column(t, STR("s.x"), a, &t, &err), ERR_INVALID); /* identifier */
    CHECK_FAILS(schema_drop_column(t, STR("s"), a, &t, &err), ERR_INVALID);
    CHECK_FAILS(schema_drop_column(t, STR("m.value"), a, &t, &err), ERR_INVALID);
    CHECK_FAILS(schema_drop_column(t, STR("no"), a, &t, &err), ERR_NOT_FOUND);
    CHECK_OK(schema_rename_column(s, STR("Tags.element.k"), STR("key"), a, &t, &err));
    CHECK_STR(schema_name_of(t, 4), "Tags.element.key");
    CHECK_FAILS(schema_rename_column(s, STR("id"), STR("m"), a, &t, &err), ERR_EXISTS);
    CHECK_FAILS(schema_rename_column(s, STR("id"), STR(""), a, &t, &err), ERR_INVALID);
    CHECK_FAILS(schema_rename_column(s, STR("m.key"), STR("k"), a, &t, &err), ERR_INVALID);
    CHECK_OK(schema_promote_column(s, STR("m.value"), type_of(TYPE_LONG), 2, a, &t, &err));
    CHECK_INT(schema_field_by_id(t, 7)->type->kind, TYPE_LONG);
    CHECK_FAILS(schema_promote_column(s, STR("id"), type_of(TYPE_INT), 2, a, &t, &err),
                ERR_INVALID);
    CHECK_OK(schema_make_optional(s, STR("s.y"), a, &t, &err));
    CHECK_FAILS(schema_make_optional(s, STR("id"), a, &t, &err), ERR_INVALID); /* identifier */
    CHECK_OK(schema_set_doc(s, STR("s.x"), STR("the x"), a, &t, &err));
    CHECK_STR(schema_field_by_id(t, 9)->doc, "the x");
    const str names[] = { STR("id") };
    CHECK_OK(schema_set_identifiers(s, names, 1, a, &t, &err));
    CHECK_INT(t->identifier_ids_n, 1);
}

static void check_moved(enum schema_place place, const char *name, const char *other,
                        const char *want)
{
    struct error err;
    const struct schema *t;
    struct arena *a = test_arena();
    CHECK_OK(
        schema_move_column(schema_of(PEOPLE), str_of(name), place, str_of(other), a, &t, &err));
    str names[4];
    for (size_t i = 0; i < 4; i++)
        names[i] = t->fields[i].name;
    CHECK_STR(arena_join(a, names, 4, STR(" ")), want);
}

TEST(columns_move)
{
    check_moved(PLACE_FIRST, "s", "", "s id Tags m");
    check_moved(PLACE_FIRST, "id", "", "id Tags m s");
    check_moved(PLACE_AFTER, "id", "s", "Tags m s id");
    check_moved(PLACE_AFTER, "s", "id", "id s Tags m");
    check_moved(PLACE_BEFORE, "s", "Tags", "id s Tags m");
    check_moved(PLACE_BEFORE, "id", "s", "Tags m id s");
    struct error err;
    const struct schema *t;
    CHECK_FAILS(schema_move_column(schema_of(PEOPLE), STR("id"), PLACE_AFTER, STR("s.x"),
                                   test_arena(), &t, &err),
                ERR_INVALID);
    CHECK_FAILS(schema_move_column(schema_of(PEOPLE), STR("id"), PLACE_AFTER, STR("id"),
                                   test_arena(), &t, &err),
                ERR_INVALID);
}

TEST(promotion_takes_defaults_along)
{
    struct error err;
    const struct schema *t,
        *s = schema_of("{'type':'struct','fields':[{'id':1,'name':'a','required':true,'type':'int',"
                       "'initial-default':1,'write-default':2}]}");
    CHECK_OK(schema_promote_column(s, STR("a"), type_of(TYPE_LONG), 3, test_arena(), &t, &err));
    CHECK_STR(written(t), "{'type':'struct','schema-id':0,'fields':[{'id':1,'name':'a','required':"
                          "true,'type':'long','initial-default':1,'write-default':2}]}");
    struct value nine = value_i64(TYPE_LONG, 9), text = value_bytes(TYPE_STRING, STR("x"));
    CHECK_OK(schema_set_write_default(t, STR("a"), &nine, test_arena(), &t, &err));
    CHECK_INT(t->fields[0].write_default->i, 9);
    CHECK_FAILS(schema_set_write_default(t, STR("a"), &text, test_arena(), &t, &err), ERR_INVALID);
}

TEST(sameness_ignores_the_schema_id)
{
    const struct schema *s = schema_of(PEOPLE);
    CHECK(schema_same(s, schema_with_id(s, 99, test_arena())));
    CHECK_INT(schema_with_id(s, 99, test_arena())->id, 99);
    CHECK(!schema_same(s, schema_of("{'type':'struct','fields':[]}")));
}

/* Full names repeat their parents', so a long one on top could take all memory. */
TEST(names_have_a_limit)
{
    struct arena *a = test_arena();
    enum { N = 4000, LONG = 100000 };
    char *name = arena_alloc(a, LONG);
    memset(name, 'n', LONG);
    struct field *inner = arena_array(a, struct field, N);
    for (int i = 0; i < N; i++)
        inner[i] = (struct field){ .id = i + 2,
                                   .name = arena_printf(a, "f%d", i),
                                   .type = type_of(TYPE_INT) };
    struct field top = { .id = 1, .name = str_make(name, LONG), .type = type_struct(a, inner, N) };
    struct error err;
    const struct schema *s;
    CHECK_FAILS(schema_build(0, &top, 1, NULL, 0, a, &s, &err), ERR_LIMIT);
    top.name = STR("n");
    CHECK_OK(schema_build(0, &top, 1, NULL, 0, a, &s, &err));
    CHECK_INT(schema_field_by_name(s, STR("n.f3999"), true)->id, 4001);
}
