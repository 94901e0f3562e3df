/* SPDX-License-Identifier: Apache-2.0 */
#include "lake_fixture.h"

#include "codec/json.h"
#include "io/store.h"

/* A whole document is created, found unchanged, and updated in part. */
TEST(apply_is_idempotent_and_counts_versions)
{
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    struct feature_object o;
    fixture_open(&f);
    const char *text = DRIVER_VIEW "feature_services:\n"
                                   "  - {name: trips, features: [\"driver_stats:conv_rate\"]}\n";
    CHECK_OK(apply(&f, text, false, &r, &err));
    CHECK_INT(r.n, 3);
    CHECK_INT(r.created, 3);
    CHECK_STR(r.items[0].name, "driver");
    CHECK_STR(r.items[2].name, "trips");
    CHECK_OK(apply(&f, text, false, &r, &err));
    CHECK_INT(r.unchanged, 3);
    CHECK_OK(apply(&f, DRIVER_VIEW "    schema: [{name: conv_rate, dtype: Float64}]\n", false, &r,
                   &err));
    CHECK_INT(r.unchanged, 1);
    CHECK_INT(r.updated, 1);
    CHECK_INT(r.items[1].version, 2);
    CHECK_OK(features_describe(f.features, FEATURE_VIEW, STR("driver_stats"), f.arena, &o, &err));
    CHECK_INT(o.version, 2);
    CHECK(!o.materialized);
    fixture_close(&f);
}

/* A plan says what would happen and leaves no trace. */
TEST(plan_writes_nothing)
{
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    struct feature_object *objects;
    size_t n;
    fixture_open(&f);
    CHECK_OK(apply(&f, DRIVER_VIEW, true, &r, &err));
    CHECK_INT(r.created, 2);
    CHECK_OK(features_list(f.features, f.arena, &objects, &n, &err));
    CHECK_INT(n, 0);
    fixture_close(&f);
}

/* Without a schema all other columns are features, with Feast's words for their types; it outlives a restart. */
TEST(columns_are_filled_in_and_stored)
{
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    struct feature_object *objects;
    struct json *j;
    const struct json *schema;
    size_t n;
    static const char *const want[][2] = { { "conv_rate", "Float64" }, { "acc_rate", "Float32" },
                                           { "trips", "Int32" },       { "name", "String" },
                                           { "vip", "Bool" },          { "paid", "Decimal" } };
    fixture_open(&f);
    CHECK_OK(apply(&f, DRIVER_VIEW, false, &r, &err));
    fixture_close(&f);
    fixture_reopen(&f);
    CHECK_OK(features_list(f.features, f.arena, &objects, &n, &err));
    CHECK_INT(n, 2);
    CHECK_INT(objects[0].kind, FEATURE_ENTITY);
    CHECK_OK(json_parse(objects[1].definition, f.arena, &j, &err));
    CHECK_OK(json_need_array(j, "schema", &schema, &err));
    CHECK_INT(schema->array.n, 6);
    for (size_t i = 0; i < 6; i++) {
        CHECK_STR(json_get(&schema->array.items[i], "name")->s, want[i][0]);
        CHECK_STR(json_get(&schema->array.items[i], "dtype")->s, want[i][1]);
    }
    fixture_close(&f);
}

#define ENTITY "entities: [{name: driver, join_keys: [driver_id]}]\n"
#define VIEW(body) ENTITY "feature_views:\n  - {name: v, entities: [driver], " body "}\n"
#define SOURCE "source: {table: gold.driver, timestamp_field: event_timestamp}"

/* Every mistake is an error whose text names document, place and cause. */
TEST(mistakes_are_named)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "entitys: []\n", "views.yaml: unknown key entitys" },
        { "entities: 3\n", "entities" },
        { "entities: [{name: a b}]\n", "letters, digits" },
        { "entities: [{nam: a}]\n", "views.yaml: entities[0]: unknown key nam" },
        { "entities: [{name: a, join_keys: []}]\n", "join_keys is empty" },
        { "entities: [{name: a, join_keys: [x, x]}]\n", "names x twice" },
        { "entities: [{name: a}, {name: a}]\n", "defined twice" },
        { "entities: [{name: a, tags: {x: 1}}]\n", "tags.x must be a text" },
        { "entities: [{name: a, tags: 1}]\n", "tags" },
        { ENTITY "feature_views: [{name: v, entities: [x], " SOURCE "}]\n",
          "feature_views[0] (v): entities[0]: there is no entity x" },
        { ENTITY "feature_views: [{name: v, entities: [driver]}]\n", "source" },
        { VIEW(SOURCE ", ttl: 5"), "ttl is no duration" },
        { VIEW(SOURCE ", ttl: soon"), "ttl is no duration" },
        { VIEW(SOURCE ", online: perhaps"), "online" },
        { VIEW("source: {table: gold.nope, timestamp_field: t}"), "gold.nope" },
        { VIEW("source: {table: nope, timestamp_field: t}"), "source.table" },
        { VIEW("source: {table: gold.driver, timestamp_field: when}"), "has no column when" },
        { VIEW("source: {table: gold.driver, timestamp_field: trips}"),
          "must be a timestamp or a date, is int" },
        { VIEW("source: {table: gold.driver, timestamp_field: event_timestamp, field: x}"),
          "unknown key field" },
        { VIEW("source: {table: gold.driver, timestamp_field: event_timestamp, "
               "created_timestamp_column: name}"),
          "created_timestamp_column" },
        { VIEW(SOURCE ", schema: []"), "schema is empty" },
        { VIEW(SOURCE ", schema: [{name: nope, dtype: Float64}]"),
          "schema[0]: name: the table gold.driver has no column nope" },
        { VIEW(SOURCE ", schema: [{name: name, dtype: Float64}]"), "does not fit" },
        { VIEW(SOURCE ", schema: [{name: trips, dtype: Number}]"), "dtype Number is not known" },
        { VIEW(SOURCE ", schema: [{name: driver_id, dtype: Int64}]"), "is a join key" },
        { VIEW(SOURCE ", schema: [{name: trips, dtype: Int32}, {name: trips, dtype: Int64}]"),
          "comes twice" },
        { "entities: [{name: d, join_keys: [acc_rate]}]\n"
          "feature_views: [{name: v, entities: [d], " SOURCE "}]\n",
          "the join key acc_rate has type float" },
        { "entities: [{name: d, join_keys: [who]}]\n"
          "feature_views: [{name: v, entities: [d], " SOURCE "}]\n",
          "has no column who" },
        { "feature_services: [{name: s, features: [nope]}]\n",
          "feature_services[0] (s): features: Feature view nope does not exist" },
        { VIEW(SOURCE) "feature_services: [{name: s, features: [\"v:nope\"]}]\n",
          "Feature nope does not exist in feature view v" },
        { VIEW(SOURCE) "feature_services: [{name: s, features: [v, \"v:trips\"]}]\n",
          "named twice" },
    };
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    struct feature_object *objects;
    size_t n;
    fixture_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err = (struct error){ 0 };
        CHECK(!apply(&f, cases[i].text, false, &r, &err));
        if (str_find(str_of(err.msg), str_of(cases[i].says)) < 0)
            test_fail(__FILE__, __LINE__, "case %zu: \"%s\" lacks \"%s\"", i, err.msg,
                      cases[i].says);
        CHECK(err.code == ERR_INVALID || err.code == ERR_NOT_FOUND);
    }
    CHECK_OK(features_list(f.features, f.arena, &objects, &n, &err));
    CHECK_INT(n, 0);
    fixture_close(&f);
}

/* A missing column's error lists the columns that there are. */
TEST(missing_columns_come_with_a_hint)
{
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    fixture_open(&f);
    CHECK_FAILS(apply(&f, VIEW(SOURCE ", schema: [{name: x, dtype: Int64}]"), false, &r, &err),
                ERR_INVALID);
    CHECK(str_find(str_of(err.hint), STR("driver_id, event_timestamp, created")) >= 0);
    fixture_close(&f);
}

/* What others use cannot be deleted; what nobody uses can. */
TEST(delete_refuses_what_is_used)
{
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    fixture_open(&f);
    CHECK_OK(apply(&f,
                   DRIVER_VIEW
                   "feature_services:\n  - {name: trips, features: [\"driver_stats:trips\"]}\n",
                   false, &r, &err));
    CHECK_FAILS(features_delete(f.features, FEATURE_VIEW, STR("driver_stats"), &err), ERR_CONFLICT);
    CHECK_FAILS(features_delete(f.features, FEATURE_ENTITY, STR("driver"), &err), ERR_CONFLICT);
    CHECK_FAILS(features_delete(f.features, FEATURE_SERVICE, STR("x"), &err), ERR_NOT_FOUND);
    CHECK_OK(features_delete(f.features, FEATURE_SERVICE, STR("trips"), &err));
    CHECK_OK(features_delete(f.features, FEATURE_VIEW, STR("driver_stats"), &err));
    CHECK_OK(features_delete(f.features, FEATURE_ENTITY, STR("driver"), &err));
    fixture_close(&f);
}

/* A change that would break what is stored is refused, with the name of what would break. */
TEST(stored_objects_stay_whole)
{
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    fixture_open(&f);
    CHECK_OK(apply(&f,
                   DRIVER_VIEW
                   "feature_services:\n  - {name: fares, features: [\"driver_stats:trips\"]}\n",
                   false, &r, &err));
    CHECK_FAILS(
        apply(&f, DRIVER_VIEW "    schema: [{name: conv_rate, dtype: Float64}]\n", false, &r, &err),
        ERR_INVALID);
    CHECK(str_find(str_of(err.msg), STR("feature service fares would break")) >= 0);
    CHECK_FAILS(apply(&f, "entities: [{name: driver, join_keys: [trips]}]\n", false, &r, &err),
                ERR_INVALID);
    CHECK(str_find(str_of(err.msg), STR("driver_stats")) >= 0);
    fixture_close(&f);
}

/* Objects of several documents know each other, whatever their order. */
TEST(documents_are_one_whole)
{
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    struct feature_document docs[] = {
        { STR("services.yaml"), STR("feature_services: [{name: s, features: [v]}]\n") },
        { STR("views.json"),
          STR("{\"feature_views\": [{\"name\": \"v\", \"entities\": [\"a\", \"b\"],"
              " \"source\": {\"table\": \"gold.pair\", \"timestamp_field\": \"day\"}}]}") },
        { STR("empty.yaml"), STR("# nothing\n") },
        { STR("entities.yaml"),
          STR("entities: [{name: a, join_keys: [origin]}, {name: b, join_keys: [number]}]\n") },
    };
    struct features_apply_request req = { .documents = docs, .documents_n = 4 };
    fixture_open(&f);
    CHECK_OK(features_apply(f.features, &req, f.arena, &r, &err));
    CHECK_INT(r.created, 4);
    fixture_close(&f);
}

/* The example's definitions apply as they are. */
TEST(the_example_applies)
{
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    struct store *source;
    str text;
    const struct column hourly[] = { { "origin", "string" },    { "event_timestamp", "timestamp" },
                                     { "flights", "long" },     { "mean_delay", "double" },
                                     { "p90_delay", "double" }, { "share_late", "double" } };
    const struct column daily[] = {
        { "origin", "string" },    { "destination", "string" }, { "event_timestamp", "timestamp" },
        { "flights", "long" },     { "mean_delay", "double" },  { "p90_delay", "double" },
        { "share_late", "double" }
    };
    fixture_open(&f);
    make_table(&f, "airport_hourly", hourly, 6);
    make_table(&f, "route_daily", daily, 7);
    CHECK_OK(store_fs_open(&(struct store_fs_options){ .root = str_of(test_source_dir()) }, &source,
                           &err));
    CHECK_OK(store_get(source, STR("examples/flights/features/flights.yaml"), 1 << 20, f.arena,
                       &text, &err));
    store_destroy(source);
    CHECK_OK(apply(&f, arena_cstr(f.arena, text), false, &r, &err));
    CHECK_INT(r.created, 5);
    fixture_close(&f);
}
