/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/metadata.h"

#include <ftw.h>
#include <sys/stat.h>

#include "codec/compress.h"
#include "iceberg/update.h"
#include "unit/iceberg/json_help.h"

static const struct metadata *parse(str text)
{
    struct error err;
    const struct metadata *m;
    CHECK_OK(metadata_parse(text, test_arena(), &m, &err));
    return m;
}

static str write(const struct metadata *m)
{
    struct buf b = BUF_INIT((size_t)256 << 20);
    struct error err;
    metadata_write(m, &b);
    CHECK_OK(buf_ok(&b, "metadata", &err));
    return buf_taken(&b);
}

static str java_file(const char *name)
{
    return file_text(arena_printf(test_arena(), "%s/iceberg-java/%s", test_golden_dir(), name).ptr);
}

static bool have_golden(void)
{
    struct stat s;
    return stat(test_golden_dir(), &s) == 0;
}

TEST(the_java_librarys_v1_file)
{
    if (!have_golden())
        test_skip("no golden tables");
    const struct metadata *m = parse(java_file("TableMetadataV1Valid.json"));
    CHECK_INT(m->format_version, 1);
    CHECK_STR(m->uuid, "d20125c8-7284-442c-9aea-15fee620737c");
    CHECK_INT(m->current_snapshot_id, SNAPSHOT_NONE);
    CHECK(!metadata_snapshot(m));
    CHECK_INT(m->schemas_n, 1);
    CHECK_INT(metadata_schema(m)->fields_n, 3);
    CHECK_INT(metadata_spec(m)->fields[0].source_id, 1);
    CHECK_INT(m->last_partition_id, 1000);
    CHECK_INT(metadata_order(m)->fields_n, 0);
    CHECK_INT(m->last_sequence_number, 0);
    CHECK_INT(metadata_next_sequence_number(m), 0);
}

TEST(the_java_librarys_v2_file)
{
    if (!have_golden())
        test_skip("no golden tables");
    const struct metadata *m = parse(java_file("TableMetadataV2Valid.json"));
    CHECK_INT(m->format_version, 2);
    CHECK_INT(m->schemas_n, 2);
    CHECK_INT(metadata_schema(m)->id, 1);
    CHECK_INT(metadata_schema(m)->identifier_ids_n, 2);
    CHECK_INT(m->snapshots_n, 2);
    CHECK_INT(metadata_snapshot(m)->id, 3055729675574597004);
    CHECK_INT(metadata_snapshot(m)->parent_id, 3051729675574597004);
    CHECK_STR(metadata_snapshot(m)->operation, "append");
    CHECK_INT(m->refs_n, 1);
    CHECK_STR(m->refs[0].name, "main");
    CHECK_INT(metadata_snapshot_of_ref(m, STR("main"))->id, 3055729675574597004);
    CHECK_INT(metadata_order(m)->fields_n, 2);
    CHECK_INT(metadata_next_sequence_number(m), 35);
    /* time travel by the log */
    CHECK(!metadata_snapshot_as_of(m, 1515100955769));
    CHECK_INT(metadata_snapshot_as_of(m, 1515100955770)->id, 3051729675574597004);
    CHECK_INT(metadata_snapshot_as_of(m, 1555100955769)->id, 3051729675574597004);
    CHECK_INT(metadata_snapshot_as_of(m, INT64_MAX)->id, 3055729675574597004);
    CHECK(metadata_is_ancestor(m, 3055729675574597004, 3051729675574597004));
    CHECK(!metadata_is_ancestor(m, 3051729675574597004, 3055729675574597004));
    CHECK_INT(metadata_schema_of(m, metadata_snapshot(m))->id, 1);
}

TEST(statistics_are_kept)
{
    if (!have_golden())
        test_skip("no golden tables");
    const struct metadata *m = parse(java_file("TableMetadataStatisticsFiles.json"));
    CHECK_INT(m->statistics_n, 1);
    CHECK_INT(m->statistics[0].footer_size, 42);
    CHECK_STR(m->statistics[0].blobs[0].type, "ndv");
    CHECK_INT(m->statistics[0].blobs[0].fields[0], 1);
    m = parse(java_file("TableMetadataPartitionStatisticsFiles.json"));
    CHECK_INT(m->partition_statistics_n, 1);
    CHECK_INT(m->partition_statistics[0].size, 43);
    m = parse(java_file("TableMetadataV3ValidMinimal.json"));
    CHECK(metadata_schema(m)->fields[0].initial_default);
    parse(java_file("TableMetadataV2ValidMinimal.json"));
}

TEST(what_the_java_library_refuses)
{
    if (!have_golden())
        test_skip("no golden tables");
    static const struct {
        const char *file;
        enum err_code code;
        const char *says;
    } cases[] = {
        { "TableMetadataUnsupportedVersion.json", ERR_UNSUPPORTED, "format version" },
        { "TableMetadataV1MissingSchemaType.json", ERR_CORRUPT, "type" },
        { "TableMetadataV2CurrentSchemaNotFound.json", ERR_CORRUPT, "schema 2" },
        { "TableMetadataV2MissingLastPartitionId.json", ERR_CORRUPT, "last-partition-id" },
        { "TableMetadataV2MissingPartitionSpecs.json", ERR_CORRUPT, "partition-specs" },
        { "TableMetadataV2MissingSchemas.json", ERR_CORRUPT, "schemas" },
        { "TableMetadataV2MissingSortOrder.json", ERR_CORRUPT, "sort-orders" },
    };
    struct error err;
    const struct metadata *m;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_FAILS(metadata_parse(java_file(cases[i].file), test_arena(), &m, &err),
                    cases[i].code);
        if (str_find(str_of(err.msg), str_of(cases[i].says)) < 0)
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].file, err.msg);
    }
}

static int files_seen;

/* What is written reads back the same, and the same again. */
static int check_file(const char *path, const struct stat *s, int kind)
{
    (void)s;
    if (kind != FTW_F || !str_ends(str_of(path), STR(".metadata.json")) ||
        str_find(str_of(path), STR("/a_view/")) >= 0)
        return 0;
    struct error err;
    const struct metadata *m;
    if (!metadata_parse(file_text(path), test_arena(), &m, &err))
        test_fail(__FILE__, __LINE__, "%s: %s", path, err.msg);
    str text = write(m);
    const struct metadata *again = parse(text);
    if (!metadata_equal(m, again) || !str_eq(text, write(again)))
        test_fail(__FILE__, __LINE__, "%s does not come back the same", path);
    files_seen++;
    return 0;
}

TEST(every_golden_table_goes_round)
{
    if (!have_golden())
        test_skip("no golden tables");
    CHECK(ftw(test_golden_dir(), check_file, 16) == 0);
    CHECK(files_seen > 100);
}

/* Every field that a later version may have, written in another order than ours. */
#define FULL                                                                                        \
    "{'next-row-id':9,'encryption-keys':[{'key-id':'k1','encrypted-key-metadata':'AAAA',"           \
    "'properties':{'x':['y',1.5,null,true]}}],'format-version':3,"                                  \
    "'table-uuid':'9c12d441-03fe-4693-9a96-a0705ddf69c1','location':'file:/t','later':[{}],"        \
    "'last-sequence-number':2,'last-updated-ms':1000,'last-column-id':1,'current-schema-id':0,"     \
    "'schemas':[{'type':'struct','schema-id':0,'fields':[{'id':1,'name':'x','required':false,"      \
    "'type':'timestamp_ns'}]}],'default-spec-id':0,'partition-specs':[{'spec-id':0,'fields':[]}],"  \
    "'last-partition-id':999,'default-sort-order-id':0,'sort-orders':[{'order-id':0,'fields':[]}]," \
    "'properties':{'a\\u00e4':'1','b':''},'current-snapshot-id':2,'refs':{'main':{'snapshot-id':2," \
    "'type':'branch','min-snapshots-to-keep':3,'max-snapshot-age-ms':4,'max-ref-age-ms':5},"        \
    "'t':{'snapshot-id':1,'type':'tag'}},'snapshots':["                                             \
    "{'sequence-number':1,'snapshot-id':1,'timestamp-ms':900,'manifests':['m1','m2'],"              \
    "'summary':{'total-records':'5','operation':'append'},'schema-id':0},"                          \
    "{'sequence-number':2,'snapshot-id':2,'parent-snapshot-id':1,'timestamp-ms':950,"               \
    "'manifest-list':'l','schema-id':0,'first-row-id':0,'added-rows':9,'key-id':'k1'}],"            \
    "'snapshot-log':[{'timestamp-ms':900,'snapshot-id':1},{'timestamp-ms':950,'snapshot-id':2}],"   \
    "'metadata-log':[{'timestamp-ms':900,'metadata-file':'f1'}]}"

static str text_of(const char *json)
{
    struct buf b = BUF_INIT(1 << 24);
    struct json_writer w;
    jw_init(&w, &b);
    jw_json(&w, json_of(json));
    return buf_taken(&b);
}

TEST(every_field_is_kept)
{
    const struct metadata *m = parse(text_of(FULL));
    CHECK_INT(m->next_row_id, 9);
    CHECK_STR(m->keys[0].id, "k1");
    CHECK_STR(metadata_property(m, "a\xc3\xa4", STR("")), "1");
    CHECK_INT(metadata_property_int(m, "a\xc3\xa4", 7), 1);
    CHECK_INT(metadata_property_int(m, "b", 7), 7);
    CHECK_STR(metadata_property(m, "c", STR("none")), "none");
    CHECK_INT(m->snapshots[0]->manifests_n, 2);
    CHECK_STR(property_get(&m->snapshots[0]->summary, "total-records", STR("")), "5");
    CHECK_INT(m->snapshots[0]->summary.n, 1);
    CHECK_INT(m->snapshots[1]->added_rows, 9);
    CHECK_STR(m->snapshots[1]->key_id, "k1");
    CHECK_INT(metadata_ref(m, STR("main"))->min_snapshots_to_keep, 3);
    CHECK_INT(metadata_ref(m, STR("main"))->max_ref_age_ms, 5);
    CHECK_INT(metadata_ref(m, STR("t"))->kind, REF_TAG);
    CHECK_STR(m->metadata_log[0].file, "f1");
    const struct metadata *again = parse(write(m));
    CHECK(metadata_equal(m, again));
    CHECK(str_find(write(m), STR("\"properties\":{\"x\":[\"y\",1.5,null,true]}")) > 0);
    CHECK(str_find(write(m), STR("later")) < 0);
}

/* The text is not needed any more once it has been read. */
TEST(the_text_may_go)
{
    str text = text_of(FULL);
    char *copy = arena_cstr(test_arena(), text);
    const struct metadata *m = parse(str_make(copy, text.len));
    memset(copy, 'x', text.len);
    CHECK(metadata_equal(m, parse(text)));
    struct error err;
    const struct metadata *from_json;
    CHECK_OK(metadata_from_json(json_of(FULL), test_arena(), &from_json, &err));
    CHECK(metadata_equal(m, from_json));
}

/* Tables may keep their metadata packed. */
TEST(gzip_is_read)
{
    str text = text_of(FULL);
    struct buf packed = BUF_INIT(1 << 20);
    struct error err;
    const struct metadata *m;
    CHECK_OK(compress_bytes(COMPRESSION_GZIP, 0, text, &packed, &err));
    CHECK(metadata_equal(parse(buf_str(&packed)), parse(text)));
    CHECK_FAILS(
        metadata_parse(str_sub(buf_str(&packed), 0, packed.len / 2), test_arena(), &m, &err),
        ERR_CORRUPT);
    buf_deinit(&packed);
}

/* An arena with a budget that the text could burst is a limit, not a panic. */
TEST(a_small_arena_is_a_limit)
{
    struct arena *a = arena_create(20000);
    struct error err;
    const struct metadata *m;
    CHECK_FAILS(metadata_parse(text_of(FULL), a, &m, &err), ERR_LIMIT);
    arena_destroy(a);
}

/* Cut anywhere, the text is refused with a message. */
TEST(every_truncation_is_refused)
{
    str text = text_of(FULL);
    for (size_t n = 0; n < text.len; n++) {
        struct error err;
        const struct metadata *m;
        struct arena *a = arena_create((size_t)64 << 20);
        CHECK_FAILS(metadata_parse(str_sub(text, 0, n), a, &m, &err), ERR_CORRUPT);
        CHECK(err.msg[0]);
        arena_destroy(a);
    }
}

/* One text in another's place. */
static str replaced(const char *from, const char *to)
{
    str text = str_of(FULL);
    ptrdiff_t at = str_find(text, str_of(from));
    CHECK(at >= 0);
    return text_of(arena_printf(test_arena(), STR_FMT "%s" STR_FMT,
                                STR_ARG(str_sub(text, 0, (size_t)at)), to,
                                STR_ARG(str_from(text, (size_t)at + strlen(from))))
                       .ptr);
}

TEST(what_does_not_fit_together_is_corrupt)
{
    static const char *const cases[][2] = {
        { "'current-snapshot-id':2", "'current-snapshot-id':3" },
        { "'current-snapshot-id':2", "'current-snapshot-id':1" },
        { "'current-snapshot-id':2", "'current-snapshot-id':null" },
        { "'t':{'snapshot-id':1", "'t':{'snapshot-id':7" },
        { "'t':{'snapshot-id':1,'type':'tag'", "'t':{'snapshot-id':1,'type':'label'" },
        { "'last-sequence-number':2", "'last-sequence-number':1" },
        { "'snapshot-id':2,'parent", "'snapshot-id':1,'parent" },
        { "'default-spec-id':0", "'default-spec-id':1" },
        { "'default-sort-order-id':0", "'default-sort-order-id':1" },
        { "'current-schema-id':0", "'current-schema-id':1" },
        { "'next-row-id':9,", "" },
        { "'location':'file:/t'", "'location':5" },
        { "'b':''", "'b':1" },
        { "'manifests':['m1','m2']", "'manifests':[1]" },
        { "'timestamp-ms':900,'snapshot-id':1},", "'timestamp-ms':70000,'snapshot-id':1}," },
        { "'last-updated-ms':1000", "'last-updated-ms':-70000" },
        { "'min-snapshots-to-keep':3", "'min-snapshots-to-keep':-3" },
    };
    struct error err;
    const struct metadata *m;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err = (struct error){ 0 };
        if (metadata_parse(replaced(cases[i][0], cases[i][1]), test_arena(), &m, &err))
            test_fail(__FILE__, __LINE__, "%s was accepted", cases[i][1]);
        if (err.code != ERR_CORRUPT)
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i][1], err.msg);
    }
    CHECK_FAILS(metadata_parse(replaced("'format-version':3", "'format-version':4"), test_arena(),
                               &m, &err),
                ERR_UNSUPPORTED);
}

/* v2 without refs still has main; v2 without an uuid is refused, v1 is not. */
TEST(defaults_by_version)
{
    static const char v1[] =
        "{'format-version':1,'location':'l','last-updated-ms':5,'last-column-id':1,"
        "'schema':{'type':'struct','fields':[{'id':1,'name':'x','required':true,'type':'long'}]},"
        "'partition-spec':[{'name':'x_b','transform':'bucket[4]','source-id':1}],"
        "'current-snapshot-id':7,'snapshots':[{'snapshot-id':7,'timestamp-ms':5,"
        "'manifests':['a']}]}";
    const struct metadata *m = parse(text_of(v1));
    CHECK_STR(m->uuid, "");
    CHECK_INT(metadata_spec(m)->fields[0].field_id, 1000);
    CHECK_INT(m->last_partition_id, 1000);
    CHECK_INT(metadata_snapshot_of_ref(m, STR("main"))->id, 7);
    CHECK_INT(metadata_snapshot(m)->schema_id, -1);
    CHECK(metadata_schema_of(m, metadata_snapshot(m)) == metadata_schema(m));
    str text = write(m);
    CHECK(str_find(text, STR("\"schema\":{")) > 0);
    CHECK(str_find(text, STR("\"partition-spec\":[{\"name\":\"x_b\"")) > 0);
    CHECK(str_find(text, STR("sequence-number")) < 0);
    CHECK(metadata_equal(m, parse(text)));
}

/* A snapshot list is as long as a table is old. */
TEST(long_histories_are_linear)
{
    enum { N = 30000 };
    struct buf b = BUF_INIT((size_t)64 << 20);
    buf_lit(&b, "{\"format-version\":2,\"table-uuid\":\"9c12d441-03fe-4693-9a96-a0705ddf69c1\","
                "\"location\":\"l\",\"last-sequence-number\":100000000,\"last-updated-ms\":50000,"
                "\"last-column-id\":0,\"current-schema-id\":0,\"schemas\":[{\"type\":\"struct\","
                "\"schema-id\":0,\"fields\":[]}],\"default-spec-id\":0,\"partition-specs\":"
                "[{\"spec-id\":0,\"fields\":[]}],\"last-partition-id\":999,"
                "\"default-sort-order-id\":0,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],"
                "\"snapshots\":[");
    for (int i = 0; i < N; i++)
        buf_printf(&b,
                   "%s{\"snapshot-id\":%lld,\"sequence-number\":%d,\"timestamp-ms\":%d,"
                   "\"summary\":{\"operation\":\"append\",\"added-records\":\"%d\"},"
                   "\"manifest-list\":\"m%d\"}",
                   i ? "," : "", (long long)i * 7919 % 1000003 + 1, i + 1, i, i, i);
    buf_lit(&b, "]}");
    const struct metadata *m = parse(buf_taken(&b));
    CHECK_INT(m->snapshots_n, N);
    for (int i = 0; i < N; i += 97)
        CHECK(metadata_snapshot_by_id(m, (int64_t)i * 7919 % 1000003 + 1) == m->snapshots[i]);
    CHECK(!metadata_snapshot_by_id(m, -5));
    CHECK(metadata_equal(m, parse(write(m))));
}

static const struct metadata *create(int version, const struct property_list *properties)
{
    struct error err;
    const struct schema *schema;
    const struct partition_spec *spec;
    const struct sort_order *order;
    const struct metadata *m;
    struct arena *a = test_arena();
    CHECK_OK(schema_parse(json_of("{'type':'struct','identifier-field-ids':[20],'fields':["
                                  "{'id':10,'name':'s','required':true,'type':{'type':'struct',"
                                  "'fields':[{'id':20,'name':'x','required':true,'type':'int'}]}},"
                                  "{'id':0,'name':'ts','required':false,'type':'timestamp'}]}"),
                          a, &schema, &err));
    CHECK_OK(partition_spec_parse(json_of("{'spec-id':9,'fields':[{'name':'ts_day','transform':"
                                          "'day','source-id':0,'field-id':1005},{'name':'b',"
                                          "'transform':'bucket[4]','source-id':20,'field-id':"
                                          "1001}]}"),
                                  a, &spec, &err));
    CHECK_OK(sort_order_parse(json_of("{'order-id':4,'fields':[{'transform':'identity','source-id'"
                                      ":20,'direction':'asc','null-order':'nulls-first'}]}"),
                              a, &order, &err));
    CHECK_OK(metadata_create(schema, spec, order, STR("file:/w/t/"), properties, version,
                             STR("9c12d441-03fe-4693-9a96-a0705ddf69c1"), 1234, a, &m, &err));
    return m;
}

TEST(new_tables_get_fresh_ids)
{
    const struct property list[] = { { STR("format-version"), STR("2") },
                                     { STR("owner"), STR("me") } };
    const struct property_list properties = { list, 2 };
    for (int version = 1; version <= 3; version++) {
        const struct metadata *m = create(version, &properties);
        CHECK_INT(m->format_version, version);
        CHECK_STR(m->location, "file:/w/t");
        CHECK_INT(m->last_updated_ms, 1234);
        CHECK_INT(m->last_column_id, 3);
        const struct schema *s = metadata_schema(m);
        CHECK_INT(s->id, 0);
        CHECK_INT(schema_field_by_name(s, STR("s"), true)->id, 1);
        CHECK_INT(schema_field_by_name(s, STR("ts"), true)->id, 2);
        CHECK_INT(schema_field_by_name(s, STR("s.x"), true)->id, 3);
        CHECK_INT(s->identifier_ids[0], 3);
        CHECK_INT(metadata_spec(m)->id, 0);
        CHECK_INT(metadata_spec(m)->fields[0].source_id, 2);
        CHECK_INT(metadata_spec(m)->fields[1].source_id, 3);
        CHECK_INT(metadata_spec(m)->fields[1].field_id, 1001);
        CHECK_INT(m->last_partition_id, 1001);
        CHECK_INT(metadata_order(m)->id, 1);
        CHECK_INT(metadata_order(m)->fields[0].source_id, 3);
        CHECK_INT(m->properties.n, 1);
        CHECK_STR(metadata_property(m, "owner", STR("")), "me");
        CHECK(metadata_equal(m, parse(write(m))));
    }
}

TEST(new_tables_without_spec_and_order)
{
    struct error err;
    const struct schema *schema;
    const struct metadata *m;
    struct arena *a = test_arena();
    CHECK_OK(schema_parse(json_of("{'type':'struct','fields':[{'id':1,'name':'x','required':true,"
                                  "'type':'timestamp_ns'}]}"),
                          a, &schema, &err));
    CHECK_FAILS(metadata_create(schema, NULL, NULL, STR("l"), NULL, 2,
                                STR("9c12d441-03fe-4693-9a96-a0705ddf69c1"), 1, a, &m, &err),
                ERR_INVALID); /* a type of version 3 */
    CHECK_OK(metadata_create(schema, NULL, NULL, STR("l"), NULL, 3,
                             STR("9c12d441-03fe-4693-9a96-a0705ddf69c1"), 1, a, &m, &err));
    CHECK_INT(metadata_spec(m)->fields_n, 0);
    CHECK_INT(metadata_order(m)->id, 0);
    CHECK_INT(m->last_partition_id, 999);
    CHECK_FAILS(metadata_create(schema, NULL, NULL, STR(""), NULL, 3,
                                STR("9c12d441-03fe-4693-9a96-a0705ddf69c1"), 1, a, &m, &err),
                ERR_INVALID);
    CHECK_FAILS(metadata_create(schema, NULL, NULL, STR("l"), NULL, 3, STR("x"), 1, a, &m, &err),
                ERR_INVALID);
    CHECK_FAILS(metadata_create(schema, NULL, NULL, STR("l"), NULL, 4,
                                STR("9c12d441-03fe-4693-9a96-a0705ddf69c1"), 1, a, &m, &err),
                ERR_UNSUPPORTED);
}

/* REST's snapshots=refs. */
TEST(only_snapshots_of_refs)
{
    const struct metadata *m = parse(replaced("'t':{'snapshot-id':1", "'t':{'snapshot-id':2"));
    str all, refs;
    WRITTEN(all, metadata_write_json(m, false, &w));
    WRITTEN(refs, metadata_write_json(m, true, &w));
    CHECK(str_find(all, STR("'snapshot-id':1,'timestamp-ms':900,'summary'")) > 0);
    CHECK(str_find(refs, STR("'snapshot-id':1,'timestamp-ms':900,'summary'")) < 0);
    CHECK(str_find(refs, STR("'snapshot-id':2,'parent-snapshot-id':1")) > 0);
}
