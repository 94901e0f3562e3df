/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/update.h"

#include "unit/iceberg/json_help.h"

#define UUID "9c12d441-03fe-4693-9a96-a0705ddf69c1"

static const struct schema *schema_of(const char *json)
{
    struct error err;
    const struct schema *s;
    CHECK_OK(schema_parse(json_of(json), test_arena(), &s, &err));
    return s;
}

#define ONE "{'id':1,'name':'x','required':false,'type':'long'}"
#define TWO ",{'id':2,'name':'y','required':false,'type':'date'}"

static const struct metadata *new_table(int version)
{
    struct error err;
    const struct metadata *m;
    CHECK_OK(metadata_create(schema_of("{'type':'struct','fields':[" ONE TWO "]}"), NULL, NULL,
                             STR("file:/t"), NULL, version, STR(UUID), 1000, test_arena(), &m,
                             &err));
    return m;
}

/* Updates from a JSON array, as they come over the wire. */
static size_t updates_of(const char *json, struct table_update **out)
{
    struct error err;
    const struct json *list = json_of(json);
    *out = arena_array(test_arena(), struct table_update, list->array.n);
    for (size_t i = 0; i < list->array.n; i++)
        CHECK_OK(table_update_parse(&list->array.items[i], test_arena(), &(*out)[i], &err));
    return list->array.n;
}

static bool try_apply(const struct metadata *base, const char *json, const struct metadata **out,
                      struct error *err)
{
    struct table_update *updates;
    size_t n = updates_of(json, &updates);
    return metadata_apply(base, STR("file:/t/metadata/v1.json"), updates, n, 2000, test_arena(),
                          out, err);
}

static const struct metadata *apply(const struct metadata *base, const char *json)
{
    struct error err;
    const struct metadata *m;
    struct buf b = BUF_INIT(1 << 24);
    CHECK_OK(try_apply(base, json, &m, &err));
    metadata_write(m, &b); /* whatever comes out reads back */
    const struct metadata *again;
    CHECK_OK(metadata_parse(buf_str(&b), test_arena(), &again, &err));
    CHECK(metadata_equal(m, again));
    buf_deinit(&b);
    return m;
}

static void refuse(const struct metadata *base, const char *json, enum err_code code)
{
    struct error err;
    const struct metadata *m;
    CHECK_FAILS(try_apply(base, json, &m, &err), code);
}

#define SNAPSHOT(id, parent, seq, ms)                                                              \
    "{'action':'add-snapshot','snapshot':{'snapshot-id':" #id ",'parent-snapshot-id':" #parent     \
    ",'sequence-number':" #seq ",'timestamp-ms':" #ms                                              \
    ",'manifest-list':'l','summary':{'operation':'append'},'schema-id':0}}"
#define SET_REF(name, kind, id)                                                                    \
    "{'action':'set-snapshot-ref','ref-name':'" name "','type':'" kind "','snapshot-id':" #id "}"

/* A table with snapshots 11, 12, 13 on main. */
static const struct metadata *three_snapshots(void)
{
    const struct metadata *m = new_table(2);
    m = apply(m, "[" SNAPSHOT(11, null, 1, 2000) "," SET_REF("main", "branch", 11) "]");
    m = apply(m, "[" SNAPSHOT(12, 11, 2, 3000) "," SET_REF("main", "branch", 12) "]");
    return apply(m, "[" SNAPSHOT(13, 12, 3, 4000) "," SET_REF("main", "branch", 13) "]");
}

TEST(a_table_made_of_updates)
{
    const struct metadata *m = apply(
        NULL, "[{'action':'assign-uuid','uuid':'" UUID "'},"
              "{'action':'upgrade-format-version','format-version':1},"
              "{'action':'add-schema','schema':{'type':'struct','schema-id':7,'fields':[" ONE "]},"
              "'last-column-id':1},{'action':'set-current-schema','schema-id':-1},"
              "{'action':'add-spec','spec':{'spec-id':3,'fields':[{'name':'b','transform':"
              "'bucket[4]','source-id':1}]}},{'action':'set-default-spec','spec-id':-1},"
              "{'action':'add-sort-order','sort-order':{'order-id':0,'fields':[]}},"
              "{'action':'set-default-sort-order','sort-order-id':-1},"
              "{'action':'set-location','location':'file:/t/'},"
              "{'action':'set-properties','updates':{'a':'1'}}]");
    CHECK_INT(m->format_version, 1);
    CHECK_INT(m->current_schema_id, 0);
    CHECK_INT(m->last_column_id, 1);
    CHECK_INT(metadata_spec(m)->fields[0].field_id, 1000);
    CHECK_STR(m->location, "file:/t");
    CHECK_INT(m->last_updated_ms, 2000);
    CHECK_INT(m->metadata_log_n, 0);
    refuse(NULL, "[{'action':'assign-uuid','uuid':'" UUID "'}]", ERR_INVALID);
}

TEST(nothing_changed_is_the_base)
{
    const struct metadata *m = new_table(2);
    CHECK(apply(m, "[]") == m);
    CHECK(apply(m, "[{'action':'set-location','location':'file:/t'},"
                   "{'action':'upgrade-format-version','format-version':2},"
                   "{'action':'set-current-schema','schema-id':0},"
                   "{'action':'remove-snapshot-ref','ref-name':'none'},"
                   "{'action':'remove-statistics','snapshot-id':5}]") == m);
}

TEST(schemas_are_reused_or_numbered)
{
    const struct metadata *m = new_table(2);
    const char *add =
        "[{'action':'add-schema','schema':{'type':'struct','schema-id':0,'fields':[" ONE TWO
        ",{'id':3,'name':'z','required':false,'type':'int'}]}},"
        "{'action':'set-current-schema','schema-id':-1}]";
    const struct metadata *n = apply(m, add);
    CHECK_INT(n->schemas_n, 2);
    CHECK_INT(n->current_schema_id, 1);
    CHECK_INT(n->last_column_id, 3);
    CHECK_INT(m->schemas_n, 1); /* the base stays */
    CHECK_INT(apply(n, add)->schemas_n, 2);
    n = apply(n, "[{'action':'set-current-schema','schema-id':0}]");
    CHECK_INT(n->current_schema_id, 0);
    CHECK_INT(n->last_column_id, 3);
    refuse(n, "[{'action':'set-current-schema','schema-id':5}]", ERR_NOT_FOUND);
    refuse(n, "[{'action':'set-current-schema','schema-id':-1}]", ERR_INVALID);
    refuse(n, "[{'action':'remove-schemas','schema-ids':[0]}]", ERR_INVALID);
    CHECK_INT(apply(n, "[{'action':'remove-schemas','schema-ids':[1]}]")->schemas_n, 1);
    refuse(n,
           "[{'action':'add-schema','schema':{'type':'struct','fields':["
           "{'id':9,'name':'v','required':false,'type':'variant'}]}}]",
           ERR_INVALID);
}

TEST(specs_are_reused_or_numbered)
{
    const struct metadata *m = apply(
        new_table(2), "[{'action':'add-spec','spec':{'fields':[{'name':'b','transform':'bucket[4]',"
                      "'source-id':1}]}},{'action':'set-default-spec','spec-id':-1}]");
    CHECK_INT(m->default_spec_id, 1);
    CHECK_INT(m->last_partition_id, 1000);
    /* an equivalent field keeps its id, a new one gets the next */
    m = apply(m, "[{'action':'add-spec','spec':{'fields':[{'name':'d','transform':'day',"
                 "'source-id':2},{'name':'b2','transform':'bucket[4]','source-id':1}]}},"
                 "{'action':'set-default-spec','spec-id':-1}]");
    CHECK_INT(metadata_spec(m)->fields[0].field_id, 1001);
    CHECK_INT(metadata_spec(m)->fields[1].field_id, 1000);
    CHECK_INT(m->last_partition_id, 1001);
    const struct metadata *same =
        apply(m, "[{'action':'add-spec','spec':{'fields':[{'name':'b','transform':'bucket[4]',"
                 "'source-id':1}]}},{'action':'set-default-spec','spec-id':-1}]");
    CHECK_INT(same->default_spec_id, 1);
    CHECK_INT(same->specs_n, 3);
    refuse(m, "[{'action':'set-default-spec','spec-id':9}]", ERR_NOT_FOUND);
    refuse(m, "[{'action':'remove-partition-specs','spec-ids':[2]}]", ERR_INVALID);
    CHECK_INT(apply(m, "[{'action':'remove-partition-specs','spec-ids':[0,1]}]")->specs_n, 1);
    refuse(m,
           "[{'action':'add-spec','spec':{'fields':[{'name':'q','transform':'zorder',"
           "'source-id':1}]}}]",
           ERR_UNSUPPORTED);
    /* the column that the default spec needs cannot go */
    refuse(m,
           "[{'action':'add-schema','schema':{'type':'struct','fields':[" ONE "]}},"
           "{'action':'set-current-schema','schema-id':-1}]",
           ERR_INVALID);
}

TEST(v1_specs_have_ids_in_sequence)
{
    refuse(new_table(1),
           "[{'action':'add-spec','spec':{'fields':[{'name':'b','transform':"
           "'bucket[4]','source-id':1,'field-id':1003}]}}]",
           ERR_INVALID);
    apply(new_table(1), "[{'action':'add-spec','spec':{'fields':[{'name':'b','transform':"
                        "'bucket[4]','source-id':1,'field-id':1000}]}}]");
}

TEST(sort_orders_are_reused_or_numbered)
{
    const char *add = "[{'action':'add-sort-order','sort-order':{'order-id':7,'fields':["
                      "{'transform':'identity','source-id':2,'direction':'desc','null-order':"
                      "'nulls-last'}]}},{'action':'set-default-sort-order','sort-order-id':-1}]";
    const struct metadata *m = apply(new_table(2), add);
    CHECK_INT(m->default_order_id, 1);
    CHECK_INT(m->orders_n, 2);
    CHECK(apply(m, add) == m);
    CHECK_INT(apply(m, "[{'action':'set-default-sort-order','sort-order-id':0}]")->default_order_id,
              0);
    refuse(m, "[{'action':'set-default-sort-order','sort-order-id':5}]", ERR_NOT_FOUND);
    refuse(m,
           "[{'action':'add-sort-order','sort-order':{'order-id':7,'fields':[{'transform':"
           "'identity','source-id':99,'direction':'desc','null-order':'nulls-last'}]}}]",
           ERR_INVALID);
}

TEST(snapshots_move_main)
{
    const struct metadata *m = three_snapshots();
    CHECK_INT(m->current_snapshot_id, 13);
    CHECK_INT(m->last_sequence_number, 3);
    CHECK_INT(m->last_updated_ms, 4000);
    CHECK_INT(m->snapshots_n, 3);
    CHECK_INT(m->snapshot_log_n, 3);
    CHECK_INT(m->snapshot_log[2].snapshot_id, 13);
    CHECK_INT(m->snapshot_log[2].timestamp_ms, 4000);
    CHECK_INT(m->metadata_log_n, 3);
    CHECK_INT(m->metadata_log[2].timestamp_ms, 3000);
    CHECK_INT(metadata_snapshot_as_of(m, 3500)->id, 12);
    /* back to an older one: the log says so, at the time of the change */
    m = apply(m, "[" SET_REF("main", "branch", 11) "]");
    CHECK_INT(m->current_snapshot_id, 11);
    CHECK_INT(m->snapshot_log_n, 4);
    CHECK_INT(m->snapshot_log[3].timestamp_ms, 4000); /* the clock said 2000, behind the table */
}

static str written(const struct metadata *m)
{
    struct buf out = BUF_INIT(1 << 20);
    metadata_write(m, &out);
    str text = arena_str(test_arena(), buf_str(&out));
    buf_deinit(&out);
    return text;
}

/* Metadata made of updates, and read from its file, holds the texts of its snapshots. */
TEST(kept_texts_of_snapshots_are_those_that_would_be_written)
{
    const struct metadata *made = three_snapshots(), *read;
    struct error err;
    CHECK(made->snapshots_n == 3 && made->snapshots[2]->text.len > 0);
    CHECK_OK(metadata_parse(written(made), test_arena(), &read, &err));
    CHECK(read->snapshots[2]->text.len > 0);
    CHECK(str_eq(written(read), written(made)));
    for (size_t i = 0; i < 3; i++)
        ((struct snapshot *)(uintptr_t)read->snapshots[i])->text = (str){ 0 };
    CHECK(str_eq(written(read), written(made)));
}

TEST(bad_snapshots_are_refused)
{
    const struct metadata *m = three_snapshots();
    refuse(m, "[" SNAPSHOT(13, 12, 9, 5000) "]", ERR_INVALID);  /* an id twice */
    refuse(m, "[" SNAPSHOT(14, 13, 3, 5000) "]", ERR_CONFLICT); /* too old a sequence number */
    refuse(m, "[" SET_REF("main", "branch", 99) "]", ERR_NOT_FOUND);
    refuse(m, "[" SET_REF("main", "tag", 12) "]", ERR_INVALID);
    refuse(m, "[" SET_REF("", "branch", 12) "]", ERR_INVALID);
    refuse(m,
           "[{'action':'set-snapshot-ref','ref-name':'t','type':'tag','snapshot-id':12,"
           "'min-snapshots-to-keep':2}]",
           ERR_INVALID);
    refuse(m, "[" SNAPSHOT(14, 13, 4, -90000) "," SET_REF("main", "branch", 14) "]",
           ERR_INVALID); /* before the last one, by more than clocks differ */
    apply(m, "[" SNAPSHOT(14, null, 3, 5000) "]"); /* without a parent: staged */
}

/* U3: what was never current when others could look leaves no trace. */
TEST(intermediate_snapshots_are_not_logged)
{
    const struct metadata *m =
        apply(new_table(2),
              "[" SNAPSHOT(11, null, 1, 2000) "," SET_REF("main", "branch", 11) "," SNAPSHOT(
                  12, 11, 2, 3000) "," SET_REF("main", "branch", 12) "]");
    CHECK_INT(m->snapshots_n, 2);
    CHECK_INT(m->snapshot_log_n, 1);
    CHECK_INT(m->snapshot_log[0].snapshot_id, 12);
}

TEST(branches_and_tags)
{
    const struct metadata *m = three_snapshots();
    m = apply(m, "[" SET_REF("audit", "branch", 12) "," SET_REF("v1", "tag", 11) "]");
    CHECK_INT(m->refs_n, 3);
    CHECK_INT(m->snapshot_log_n, 3);
    CHECK_INT(metadata_snapshot_of_ref(m, STR("audit"))->id, 12);
    m = apply(m, "[{'action':'remove-snapshot-ref','ref-name':'audit'}]");
    CHECK_INT(m->refs_n, 2);
    CHECK(!metadata_ref(m, STR("audit")));
    m = apply(m, "[{'action':'remove-snapshot-ref','ref-name':'main'}]");
    CHECK_INT(m->current_snapshot_id, SNAPSHOT_NONE);
    CHECK_INT(m->snapshots_n, 3);
}

/* U4. */
TEST(removed_snapshots_take_along_what_hangs_on_them)
{
    const struct metadata *m = three_snapshots();
    m = apply(
        m,
        "[" SET_REF("v1", "tag", 11) "," SET_REF(
            "v2", "tag",
            12) ",{'action':'set-statistics','snapshot-id':12,'statistics':{'snapshot-id':12,"
                "'statistics-path':'p','file-size-in-bytes':1,'file-footer-size-in-bytes':1,"
                "'blob-metadata':[]}},{'action':'set-partition-statistics','partition-statistics':"
                "{'snapshot-id':12,'statistics-path':'q','file-size-in-bytes':2}}]");
    CHECK_INT(m->statistics_n, 1);
    CHECK_INT(m->partition_statistics_n, 1);
    m = apply(m, "[{'action':'remove-snapshots','snapshot-ids':[12,999]}]");
    CHECK_INT(m->snapshots_n, 2);
    CHECK(!metadata_snapshot_by_id(m, 12));
    CHECK_INT(m->refs_n, 2);
    CHECK(!metadata_ref(m, STR("v2")));
    CHECK_INT(m->statistics_n, 0);
    CHECK_INT(m->partition_statistics_n, 0);
    CHECK_INT(m->snapshot_log_n, 1); /* 11 would seem current while 12 was */
    CHECK_INT(m->snapshot_log[0].snapshot_id, 13);
    m = apply(m, "[{'action':'remove-snapshots','snapshot-ids':[11,13]}]");
    CHECK_INT(m->current_snapshot_id, SNAPSHOT_NONE);
    CHECK_INT(m->snapshots_n, 0);
    CHECK_INT(m->refs_n, 0);
    CHECK_INT(m->snapshot_log_n, 0);
}

TEST(properties_change)
{
    const struct metadata *m =
        apply(new_table(2), "[{'action':'set-properties','updates':{'a':'1','b':'2'}},"
                            "{'action':'set-properties','updated':{'a':'3','c':''}},"
                            "{'action':'remove-properties','removals':['b','zz']}]");
    CHECK_INT(m->properties.n, 2);
    CHECK_STR(metadata_property(m, "a", STR("")), "3");
    CHECK_STR(metadata_property(m, "c", STR("x")), "");
    CHECK_STR(metadata_property(m, "b", STR("none")), "none");
}

/* U5. */
TEST(the_metadata_log_is_trimmed)
{
    const struct metadata *m = apply(
        new_table(2),
        "[{'action':'set-properties','updates':{'write.metadata.previous-versions-max':'3'}}]");
    for (int i = 0; i < 6; i++)
        m = apply(m, i % 2 ? "[{'action':'set-properties','updates':{'x':'1'}}]"
                           : "[{'action':'set-properties','updates':{'x':'2'}}]");
    CHECK_INT(m->metadata_log_n, 3);
    m = apply(m, "[{'action':'set-properties','updates':"
                 "{'write.metadata.previous-versions-max':'0'}}]");
    CHECK_INT(m->metadata_log_n, 1);
    struct table_update u = { .kind = UPDATE_SET_LOCATION, .location = STR("file:/u") };
    struct error err;
    CHECK_OK(metadata_apply(m, STR(""), &u, 1, 9000, test_arena(), &m, &err));
    CHECK_INT(m->metadata_log_n, 1);
    CHECK_INT(m->last_updated_ms, 9000);
}

TEST(versions_only_go_up)
{
    const struct metadata *m = new_table(1);
    m = apply(m, "[{'action':'upgrade-format-version','format-version':2}]");
    m = apply(m, "[{'action':'upgrade-format-version','format-version':3}]");
    CHECK_INT(m->format_version, 3);
    CHECK_INT(m->next_row_id, 0);
    refuse(m, "[{'action':'upgrade-format-version','format-version':2}]", ERR_INVALID);
    refuse(m, "[{'action':'upgrade-format-version','format-version':4}]", ERR_UNSUPPORTED);
    refuse(m, "[{'action':'assign-uuid','uuid':'00000000-0000-4000-8000-000000000000'}]",
           ERR_INVALID);
    refuse(new_table(2), "[{'action':'enable-row-lineage'}]", ERR_INVALID);
    CHECK(apply(m, "[{'action':'enable-row-lineage'}]") == m);
}

#define ROWS(id, parent, seq, first, added)                                                        \
    "[{'action':'add-snapshot','snapshot':{'snapshot-id':" #id ",'parent-snapshot-id':" #parent    \
    ",'sequence-number':" #seq ",'timestamp-ms':2000,'manifest-list':'l','first-row-id':" #first   \
    ",'added-rows':" #added ",'summary':{'operation':'append'}}}]"

TEST(v3_counts_rows)
{
    const struct metadata *m = apply(new_table(3), ROWS(1, null, 1, 0, 100));
    CHECK_INT(m->next_row_id, 100);
    m = apply(m, ROWS(2, 1, 2, 100, 5));
    CHECK_INT(m->next_row_id, 105);
    refuse(m, ROWS(3, 2, 3, 104, 5), ERR_CONFLICT);
    refuse(m, "[" SNAPSHOT(3, 2, 3, 2000) "]", ERR_INVALID);
    refuse(m, ROWS(3, 2, 3, 105, 9223372036854775807), ERR_LIMIT);
}

TEST(encryption_keys)
{
    const char *add = "[{'action':'add-encryption-key','encryption-key':{'key-id':'k',"
                      "'encrypted-key-metadata':'AA=='}}]";
    refuse(new_table(2), add, ERR_INVALID);
    const struct metadata *m = apply(new_table(3), add);
    CHECK_INT(m->keys_n, 1);
    CHECK(apply(m, add) == m);
    CHECK_INT(apply(m, "[{'action':'remove-encryption-key','key-id':'k'}]")->keys_n, 0);
}

/* One of each kind, written and read. */
TEST(updates_go_round_as_json)
{
    static const char *const texts[] = {
        "{'action':'assign-uuid','uuid':'" UUID "'}",
        "{'action':'upgrade-format-version','format-version':2}",
        "{'action':'add-schema','schema':{'type':'struct','schema-id':7,'fields':[" ONE "]}}",
        "{'action':'set-current-schema','schema-id':-1}",
        "{'action':'add-spec','spec':{'spec-id':3,'fields':[{'name':'b','transform':'bucket[4]',"
        "'source-id':1}]}}",
        "{'action':'set-default-spec','spec-id':3}",
        "{'action':'add-sort-order','sort-order':{'order-id':0,'fields':[]}}",
        "{'action':'set-default-sort-order','sort-order-id':-1}",
        "{'action':'add-snapshot','snapshot':{'sequence-number':4,'snapshot-id':1,"
        "'timestamp-ms':5,'summary':{'operation':'append'},'manifest-list':'l','schema-id':0}}",
        "{'action':'set-snapshot-ref','ref-name':'m','snapshot-id':1,'type':'branch',"
        "'min-snapshots-to-keep':2,'max-snapshot-age-ms':3,'max-ref-age-ms':4}",
        "{'action':'remove-snapshots','snapshot-ids':[1,2]}",
        "{'action':'remove-snapshot-ref','ref-name':'m'}",
        "{'action':'set-location','location':'l'}",
        "{'action':'set-properties','updates':{'a':'b'}}",
        "{'action':'remove-properties','removals':['a']}",
        "{'action':'set-statistics','snapshot-id':1,'statistics':{'snapshot-id':1,"
        "'statistics-path':'p','file-size-in-bytes':1,'file-footer-size-in-bytes':2,"
        "'blob-metadata':[{'type':'t','snapshot-id':1,'sequence-number':2,'fields':[3],"
        "'properties':{'n':'4'}}]}}",
        "{'action':'remove-statistics','snapshot-id':1}",
        "{'action':'set-partition-statistics','partition-statistics':{'snapshot-id':1,"
        "'statistics-path':'p','file-size-in-bytes':1}}",
        "{'action':'remove-partition-statistics','snapshot-id':1}",
        "{'action':'remove-partition-specs','spec-ids':[1]}",
        "{'action':'remove-schemas','schema-ids':[1,2]}",
        "{'action':'enable-row-lineage'}",
        "{'action':'add-encryption-key','encryption-key':{'key-id':'k','a':[1]}}",
        "{'action':'remove-encryption-key','key-id':'k'}",
    };
    CHECK_INT(sizeof texts / sizeof *texts, UPDATE_KINDS);
    for (size_t i = 0; i < UPDATE_KINDS; i++) {
        struct error err;
        struct table_update u;
        str json;
        CHECK_OK(table_update_parse(json_of(texts[i]), test_arena(), &u, &err));
        CHECK_INT(u.kind, i);
        WRITTEN(json, table_update_write(&u, &w));
        CHECK_STR(json, texts[i]);
    }
    struct error err;
    struct table_update u;
    CHECK_FAILS(table_update_parse(json_of("{'action':'fly'}"), test_arena(), &u, &err),
                ERR_UNSUPPORTED);
    static const char *const bad[] = { "{}",
                                       "[]",
                                       "{'action':'set-location'}",
                                       "{'action':'add-schema','schema':1}",
                                       "{'action':'remove-snapshots','snapshot-ids':['a']}",
                                       "{'action':'remove-schemas','schema-ids':[-2]}",
                                       "{'action':'set-properties','updates':{'a':1}}" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(table_update_parse(json_of(bad[i]), test_arena(), &u, &err), ERR_INVALID);
}

static void check_requirement(const char *json, const struct metadata *m, enum err_code want)
{
    struct error err = { 0 };
    struct table_requirement r;
    str back;
    CHECK_OK(table_requirement_parse(json_of(json), test_arena(), &r, &err));
    WRITTEN(back, table_requirement_write(&r, &w));
    CHECK_STR(back, json);
    if (want == ERR_NONE)
        CHECK_OK(requirements_check(&r, 1, m, &err));
    else
        CHECK_FAILS(requirements_check(&r, 1, m, &err), want);
}

TEST(requirements)
{
    const struct metadata *m = three_snapshots();
    check_requirement("{'type':'assert-create'}", NULL, ERR_NONE);
    check_requirement("{'type':'assert-create'}", m, ERR_EXISTS);
    check_requirement("{'type':'assert-table-uuid','uuid':'" UUID "'}", m, ERR_NONE);
    check_requirement("{'type':'assert-table-uuid','uuid':'" UUID "'}", NULL, ERR_NOT_FOUND);
    check_requirement("{'type':'assert-table-uuid','uuid':'x'}", m, ERR_CONFLICT);
    check_requirement("{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':13}", m,
                      ERR_NONE);
    check_requirement("{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':12}", m,
                      ERR_CONFLICT);
    check_requirement("{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':null}", m,
                      ERR_CONFLICT);
    check_requirement("{'type':'assert-ref-snapshot-id','ref':'b','snapshot-id':null}", m,
                      ERR_NONE);
    check_requirement("{'type':'assert-ref-snapshot-id','ref':'b','snapshot-id':1}", m,
                      ERR_CONFLICT);
    check_requirement("{'type':'assert-last-assigned-field-id','last-assigned-field-id':2}", m,
                      ERR_NONE);
    check_requirement("{'type':'assert-last-assigned-field-id','last-assigned-field-id':1}", m,
                      ERR_CONFLICT);
    check_requirement("{'type':'assert-current-schema-id','current-schema-id':0}", m, ERR_NONE);
    check_requirement("{'type':'assert-last-assigned-partition-id',"
                      "'last-assigned-partition-id':999}",
                      m, ERR_NONE);
    check_requirement("{'type':'assert-default-spec-id','default-spec-id':1}", m, ERR_CONFLICT);
    check_requirement("{'type':'assert-default-sort-order-id','default-sort-order-id':0}", m,
                      ERR_NONE);
    struct error err;
    struct table_requirement r;
    CHECK_FAILS(table_requirement_parse(json_of("{'type':'assert-moon'}"), test_arena(), &r, &err),
                ERR_UNSUPPORTED);
    CHECK_FAILS(
        table_requirement_parse(json_of("{'type':'assert-table-uuid'}"), test_arena(), &r, &err),
        ERR_INVALID);
}
