/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/name_mapping.h"

#include "unit/iceberg/json_help.h"

/* The example of the specification, and a column that the table does not have. */
#define MAPPING                                                                                    \
    "[{'field-id':1,'names':['id','record_id']},{'field-id':2,'names':['a.b']},"                   \
    "{'field-id':3,'names':['location'],'fields':[{'field-id':4,'names':['latitude','lat']},"      \
    "{'field-id':5,'names':['longitude','long']}]},{'names':['gone']},{'field-id':6,'names':[]}]"

TEST(a_mapping_reads_finds_and_writes)
{
    struct error err;
    const struct name_mapping *m;
    str json;
    CHECK_OK(name_mapping_parse(json_of(MAPPING), test_arena(), &m, &err));
    CHECK_INT(name_mapping_find(m, STR("record_id"))->field_id, 1);
    CHECK_INT(name_mapping_find(m, STR("a.b"))->field_id, 2);
    CHECK_INT(name_mapping_find(m, STR("gone"))->field_id, NAME_MAPPING_NONE);
    CHECK(!name_mapping_find(m, STR("lat")));
    const struct mapped_field *location = name_mapping_find(m, STR("location"));
    CHECK_INT(name_mapping_find(location->children, STR("lat"))->field_id, 4);
    CHECK(!name_mapping_find(name_mapping_find(m, STR("id"))->children, STR("id")));
    WRITTEN(json, name_mapping_write(m, &w));
    CHECK_STR(json, MAPPING);
}

TEST(a_schema_maps_to_itself)
{
    struct error err;
    const struct schema *s;
    str json;
    CHECK_OK(schema_parse(json_of("{'type':'struct','fields':[{'id':1,'name':'l','required':false,"
                                  "'type':{'type':'list','element-id':2,'element':'int',"
                                  "'element-required':true}}]}"),
                          test_arena(), &s, &err));
    WRITTEN(json, name_mapping_write(name_mapping_of(s, test_arena()), &w));
    CHECK_STR(json, "[{'field-id':1,'names':['l'],'fields':[{'field-id':2,'names':['element']}]}]");
}

TEST(bad_mappings_are_refused)
{
    static const char *const texts[] = {
        "{}",
        "[1]",
        "[{}]",
        "[{'names':'a'}]",
        "[{'names':[1]}]",
        "[{'names':['a','a']}]",
        "[{'names':['a']},{'names':['a']}]",
        "[{'names':['a'],'fields':{}}]",
        "[{'field-id':'x','names':['a']}]",
    };
    struct error err;
    const struct name_mapping *m;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_FAILS(name_mapping_parse(json_of(texts[i]), test_arena(), &m, &err), ERR_INVALID);
}
