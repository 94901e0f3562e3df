/* SPDX-License-Identifier: Apache-2.0
 *
 * What the REST specification and the reference implementation's own test kit demand of a catalog, as requests and answers
 * (conformance.h says how the tables are read).  Each table plays against a catalog of its own. */
#include "conformance.h"

#define A "/v1/namespaces/a"
#define T A "/tables"
#define V A "/views"
#define F "/v1/namespaces/a/functions"

#define NS_A                                                                                       \
    {                                                                                              \
        "POST /v1/namespaces", "{'namespace':['a']}", 200, "namespace = ['a']"                     \
    }
#define LONG(id_, name_) "{'id':" #id_ ",'name':'" name_ "','required':false,'type':'long'}"
#define STRUCT(fields_) "{'type':'struct','schema-id':0,'fields':[" fields_ "]}"
#define TWO STRUCT(LONG(1, "id") "," LONG(2, "n"))
#define MAKE_T                                                                                     \
    {                                                                                              \
        "POST " T, "{'name':'t','schema':" TWO "}", 200,                                           \
            "keep uuid metadata/table-uuid; keep loc metadata/location"                            \
    }
#define UPDATES(list_) "{'requirements':[],'updates':[" list_ "]}"
#define CHANGE(requirement_, list_) "{'requirements':[" requirement_ "],'updates':[" list_ "]}"
#define SET_P "{'action':'set-properties','updates':{'p':'1'}}"
#define SNAPSHOT(id_, seq_, more_)                                                                 \
    "{'action':'add-snapshot','snapshot':{'snapshot-id':" #id_ ",'sequence-number':" #seq_         \
    ",'timestamp-ms':@now@,'manifest-list':'@loc@/metadata/s" #id_                                 \
    ".avro','summary':{'operation':'append'},'schema-id':0" more_ "}}"
#define SET_REF(name_, kind_, id_)                                                                 \
    "{'action':'set-snapshot-ref','ref-name':'" name_ "','type':'" kind_ "','snapshot-id':" #id_ "}"

/* ---- Configuration ---- */

TEST(configuration)
{
    static const struct step steps[] = {
        { "GET /v1/config", NULL, 200,
          "defaults # 0; overrides/prefix absent; overrides/namespace-separator = '%1F'; "
          "idempotency-key-lifetime = 'PT24H'; endpoints # 33; "
          "endpoints has GET /v1/{prefix}/namespaces/{namespace}/functions/{function}; "
          "endpoints has POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/unregister; "
          "endpoints has POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/sign; "
          "endpoints has POST /v1/{prefix}/namespaces/{namespace}/register-view" },
        { "GET /v1/nothing", NULL, 404, "NotFoundException: there is nothing at" },
        { "PUT /v1/namespaces", "{}", 405, "BadRequestException: " },
        { "GET /v1/config?warehouse=warehouse", NULL, 200, "overrides/prefix absent" },
        { "GET /v1/config?warehouse=main%7Cwarehouse", NULL, 200, "overrides/prefix = 'main'" },
        { "GET /v1/config?warehouse=%7Cfirn", NULL, 200, "overrides/prefix absent" },
        { "GET /v1/config?warehouse=moon", NULL, 404,
          "NoSuchWarehouseException: Branch or tag does not exist: moon" },
        { "GET /main/v1/config", NULL, 200, "overrides/prefix = 'main'" },
        { "GET /moon/v1/config", NULL, 404, "NoSuchWarehouseException: Branch or tag" },
        { "GET /-/v1/config", NULL, 200, "overrides/prefix absent" },
        { "GET /main%7Cwarehouse/v1/config", NULL, 200, "overrides/prefix = 'main'" },
        NS_A,
        { "GET /v1/main/namespaces/a", NULL, 200, "namespace = ['a']" },
        { "GET /v1/main%7Cwarehouse/namespaces/a", NULL, 200, "namespace = ['a']" },
        { "GET /v1/main%7Cother/namespaces/a", NULL, 404, "NotFoundException: Branch or tag" },
        { "GET /main/v1/namespaces/a", NULL, 200, "namespace = ['a']" },
        { "GET /moon/v1/main/namespaces/a", NULL, 200, "namespace = ['a']" },
        { "GET /moon/v1/namespaces/a", NULL, 404, "NotFoundException: Branch or tag" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

/* ---- Namespaces ---- */

TEST(namespaces)
{
    static const struct step steps[] = {
        { "HEAD " A, NULL, 404, "" },
        { "GET " A, NULL, 404, "NoSuchNamespaceException: Namespace does not exist: a" },
        { "DELETE " A, NULL, 404, "NoSuchNamespaceException: Namespace does not exist: a" },
        { "POST /v1/namespaces", "{'namespace':['a'],'properties':{'k':'v','l':'w'}}", 200,
          "properties = {'k':'v','l':'w'}" },
        { "POST /v1/namespaces", "{'namespace':['a']}", 409,
          "AlreadyExistsException: Namespace already exists: a" },
        { "HEAD " A, NULL, 204, "empty" },
        { "GET " A, NULL, 200, "namespace = ['a']; properties/k = 'v'; properties/l = 'w'" },
        { "POST " A "/properties", "{'removals':['k','no'],'updates':{'m':'x','l':'y'}}", 200,
          "updated = ['m','l']; removed = ['k']; missing = ['no']" },
        { "GET " A, NULL, 200, "properties/l = 'y'; properties/m = 'x'; properties/k absent" },
        { "POST " A "/properties", "{'removals':['z'],'updates':{'z':'1'}}", 422,
          "UnprocessableEntityException: Invalid namespace update, cannot simultaneously set and "
          "remove keys: [z]" },
        { "POST /v1/namespaces/b/properties", "{'updates':{'z':'1'}}", 404,
          "NoSuchNamespaceException: Namespace does not exist: b" },
        /* nested */
        { "POST /v1/namespaces", "{'namespace':['x','y']}", 404,
          "NoSuchNamespaceException: Namespace does not exist: x" },
        { "POST /v1/namespaces", "{'namespace':['a','b']}", 200, "namespace = ['a','b']" },
        { "POST /v1/namespaces", "{'namespace':['a','b','c']}", 200, "" },
        { "POST /v1/namespaces", "{'namespace':['ab']}", 200, "" },
        { "GET /v1/namespaces", NULL, 200, "namespaces = [['a'],['ab']]" },
        { "GET /v1/namespaces?parent=", NULL, 200, "namespaces # 2" },
        { "GET /v1/namespaces?parent=a", NULL, 200, "namespaces = [['a','b']]" },
        { "GET /v1/namespaces?parent=a%1Fb", NULL, 200, "namespaces = [['a','b','c']]" },
        { "GET /v1/namespaces?parent=a%251Fb", NULL, 200, "namespaces = [['a','b','c']]" },
        { "GET /v1/namespaces?parent=no", NULL, 404,
          "NoSuchNamespaceException: Namespace does not exist: no" },
        { "GET " A "%1Fb%1Fc", NULL, 200, "namespace = ['a','b','c']" },
        { "DELETE " A "%1Fb", NULL, 409,
          "NamespaceNotEmptyException: Namespace is not empty: a.b" },
        { "DELETE " A "%1Fb%1Fc", NULL, 204, "empty" },
        { "DELETE " A "%1Fb", NULL, 204, "empty" },
        { "GET " A "%1Fb", NULL, 404, "NoSuchNamespaceException: Namespace does not exist: a.b" },
        /* a table keeps it */
        { "POST " T, "{'name':'t','schema':" TWO "}", 200, "" },
        { "DELETE " A, NULL, 409, "NamespaceNotEmptyException: Namespace is not empty: a" },
        { "DELETE " T "/t", NULL, 204, "empty" },
        { "DELETE " A, NULL, 204, "empty" },
        /* names */
        { "POST /v1/namespaces", "{'namespace':['with.dot','and space']}", 404,
          "NoSuchNamespaceException" },
        { "POST /v1/namespaces", "{'namespace':['with.dot']}", 200, "namespace = ['with.dot']" },
        { "GET /v1/namespaces/with.dot", NULL, 200, "namespace = ['with.dot']" },
        { "POST /v1/namespaces", "{'namespace':['a/b']}", 400, "BadRequestException" },
        { "POST /v1/namespaces", "{'namespace':['..']}", 400, "BadRequestException" },
        { "POST /v1/namespaces", "{'namespace':['']}", 400, "BadRequestException" },
        { "POST /v1/namespaces", "{'namespace':[]}", 400, "BadRequestException" },
        { "POST /v1/namespaces", "{'namespace':[1]}", 400, "BadRequestException" },
        { "POST /v1/namespaces", "{'namespace':'a'}", 400, "BadRequestException" },
        { "POST /v1/namespaces", "{}", 400, "BadRequestException" },
        { "POST /v1/namespaces", "{'namespace':['q'],'properties':{'a':1}}", 400,
          "BadRequestException" },
        { "POST /v1/namespaces", "{'namespace':['q'],'properties':{'a':null}}", 400,
          "BadRequestException" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

TEST(pages_of_everything)
{
    static const struct step steps[] = {
        NS_A,
        { "POST /v1/namespaces", "{'namespace':['b']}", 200, "" },
        { "POST /v1/namespaces", "{'namespace':['c']}", 200, "" },
        { "GET /v1/namespaces?pageToken=&pageSize=2", NULL, 200,
          "namespaces = [['a'],['b']]; keep p next-page-token" },
        { "GET /v1/namespaces?pageSize=2&pageToken=@p@", NULL, 200,
          "namespaces = [['c']]; next-page-token absent" },
        { "GET /v1/namespaces?pageSize=2", NULL, 200, "namespaces # 3; next-page-token absent" },
        { "GET /v1/namespaces?pageToken=&pageSize=0", NULL, 400, "BadRequestException: pageSize" },
        { "GET /v1/namespaces?pageToken=nonsense", NULL, 400, "BadRequestException: page token" },
        { "GET " T "?pageToken=@p@", NULL, 400, "BadRequestException: page token" },
        { "POST " T, "{'name':'t1','schema':" TWO "}", 200, "keep loc metadata/location" },
        { "POST " T, "{'name':'t2','schema':" TWO "}", 200, "" },
        { "POST " V,
          "{'name':'s1','schema':" TWO ",'view-version':{'version-id':1,'schema-id':0,"
          "'timestamp-ms':1,'summary':{},'default-namespace':['a'],'representations':[{'type':"
          "'sql','sql':'select 1','dialect':'spark'}]}}",
          200, "" },
        { "GET " T "?pageToken=&pageSize=1", NULL, 200,
          "identifiers = [{'namespace':['a'],'name':'t1'}]; keep p next-page-token" },
        { "GET " T "?pageToken=@p@&pageSize=1", NULL, 200,
          "identifiers = [{'namespace':['a'],'name':'t2'}]" },
        { "GET " V "?pageToken=&pageSize=5", NULL, 200,
          "identifiers = [{'namespace':['a'],'name':'s1'}]; next-page-token absent" },
        { "GET " F "?pageToken=&pageSize=5", NULL, 200, "identifiers # 0; next-page-token absent" },
        { "GET /v1/namespaces/no/tables", NULL, 404,
          "NoSuchNamespaceException: Namespace does not exist: no" },
        { "GET /v1/namespaces/no/views", NULL, 404,
          "NoSuchNamespaceException: Namespace does not exist: no" },
        { "GET /v1/namespaces/no/functions", NULL, 404,
          "NoSuchNamespaceException: Namespace does not exist: no" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

/* ---- Tables ---- */

TEST(tables)
{
    static const struct step steps[] = {
        NS_A,
        { "HEAD " T "/t", NULL, 404, "" },
        { "GET " T "/t", NULL, 404, "NoSuchTableException: Table does not exist: a.t" },
        { "DELETE " T "/t", NULL, 404, "NoSuchTableException: Table does not exist: a.t" },
        { "POST /v1/namespaces/no/tables", "{'name':'t','schema':" TWO "}", 404,
          "NoSuchNamespaceException: Namespace does not exist: no" },
        MAKE_T,
        { "GET " T "/t", NULL, 200,
          "metadata/format-version = 2; metadata/current-schema-id = 0; metadata/schemas # 1; "
          "metadata/schemas/0/fields # 2; metadata/last-column-id = 2; "
          "metadata/default-spec-id = 0; metadata/partition-specs # 1; "
          "metadata/last-partition-id = 999; metadata/default-sort-order-id = 0; "
          "metadata/sort-orders # 1; metadata/snapshots # 0; metadata/refs # 0; config # 0; "
          "metadata/table-uuid = '@uuid@'; metadata-location has @loc@/metadata/" },
        { "POST " T, "{'name':'t','schema':" TWO "}", 409,
          "AlreadyExistsException: Table already exists: a.t" },
        { "HEAD " T "/t", NULL, 204, "empty" },
        /* ids are assigned anew, in spec and order too */
        { "POST " T,
          "{'name':'ids','schema':" STRUCT(LONG(10, "x") "," LONG(
              20,
              "y")) ",'partition-spec':{'spec-id':7,'fields':[{'source-id':20,'field-id':1000,'name':'y_b',"
                    "'transform':'bucket[4]'}]},'write-order':{'order-id':3,'fields':[{'source-id':10,"
                    "'transform':'identity','direction':'desc','null-order':'nulls-last'}]},"
                    "'properties':{'format-version':'1','k':'v'}}",
          200,
          "metadata/format-version = 1; metadata/schemas/0/fields/0/id = 1; "
          "metadata/partition-specs/0/fields/0/source-id = 2; "
          "metadata/sort-orders/0/fields/0/source-id = 1; metadata/properties/k = 'v'; "
          "metadata/properties/format-version absent; metadata/default-sort-order-id = 1" },
        { "GET " T "/ids?snapshots=refs", NULL, 200, "metadata/snapshots # 0" },
        { "GET " T "/ids?snapshots=none", NULL, 400, "BadRequestException: snapshots" },
        { "GET " T "/ids?referenced-by=a%1Fv,a%1Fw", NULL, 200, "metadata/format-version = 1" },
        /* a metadata table is no table of the catalog */
        { "GET /v1/namespaces/a%1Ft/tables/snapshots", NULL, 404,
          "NoSuchTableException: Table does not exist: a.t.snapshots" },
        /* renaming */
        { "POST /v1/namespaces", "{'namespace':['b']}", 200, "" },
        { "POST /v1/tables/rename",
          "{'source':{'namespace':['a'],'name':'t'},'destination':{'namespace':['b'],'name':'u'}}",
          204, "empty" },
        { "GET /v1/namespaces/b/tables/u", NULL, 200, "metadata/table-uuid = '@uuid@'" },
        { "HEAD " T "/t", NULL, 404, "" },
        { "POST /v1/tables/rename",
          "{'source':{'namespace':['a'],'name':'t'},'destination':{'namespace':['b'],'name':'v'}}",
          404, "NoSuchTableException: Table does not exist: a.t" },
        { "POST /v1/tables/rename",
          "{'source':{'namespace':['b'],'name':'u'},'destination':{'namespace':['c'],'name':'u'}}",
          404, "NoSuchNamespaceException: Namespace does not exist: c" },
        { "POST /v1/tables/rename",
          "{'source':{'namespace':['b'],'name':'u'},'destination':{'namespace':['a'],"
          "'name':'ids'}}",
          409, "AlreadyExistsException: Cannot rename b.u to a.ids. Table already exists" },
        /* dropping */
        { "DELETE /v1/namespaces/b/tables/u?purgeRequested=maybe", NULL, 400,
          "BadRequestException: purgeRequested" },
        { "DELETE /v1/namespaces/b/tables/u?purgeRequested=True", NULL, 204, "empty" },
        { "GET /v1/namespaces/b/tables", NULL, 200, "identifiers # 0" },
        /* metrics */
        { "POST " T "/ids/metrics", "{'report-type':'scan-report','table-name':'ids'}", 204,
          "empty" },
        { "POST " T "/ids/metrics", "{}", 400, "BadRequestException" },
        { "POST " T "/no/metrics", "{'report-type':'scan-report'}", 404,
          "NoSuchTableException: Table does not exist: a.no" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

/* As DuckDB makes tables: the current schema is set last. */
#define MAKE_LAST                                                                                  \
    CHANGE("{'type':'assert-create'}",                                                             \
           "{'action':'assign-uuid','uuid':'@uuid@'},"                                             \
           "{'action':'upgrade-format-version','format-version':2},"                               \
           "{'action':'add-schema','schema':" TWO "},"                                             \
           "{'action':'add-spec','spec':{'spec-id':0,'fields':[{'source-id':1,'name':'id',"        \
           "'transform':'identity'}]}},{'action':'set-default-spec','spec-id':0},"                 \
           "{'action':'add-sort-order','sort-order':{'order-id':0,'fields':[]}},"                  \
           "{'action':'set-default-sort-order','sort-order-id':0},"                                \
           "{'action':'set-location','location':'@loc@'},"                                         \
           "{'action':'set-current-schema','schema-id':0}")

TEST(staged_tables)
{
    static const struct step steps[] = {
        NS_A,
        { "POST " T, "{'name':'t','stage-create':true,'schema':" TWO "}", 200,
          "metadata-location absent; keep uuid metadata/table-uuid; keep loc metadata/location" },
        { "HEAD " T "/t", NULL, 404, "" },
        { "GET " T, NULL, 200, "identifiers # 0" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-create'}",
                 "{'action':'assign-uuid','uuid':'@uuid@'},"
                 "{'action':'upgrade-format-version','format-version':2},"
                 "{'action':'add-schema','schema':" TWO ",'last-column-id':2},"
                 "{'action':'set-current-schema','schema-id':-1},"
                 "{'action':'add-spec','spec':{'spec-id':0,'fields':[]}},"
                 "{'action':'set-default-spec','spec-id':-1},"
                 "{'action':'add-sort-order','sort-order':{'order-id':0,'fields':[]}},"
                 "{'action':'set-default-sort-order','sort-order-id':-1},"
                 "{'action':'set-location','location':'@loc@'},"
                 "{'action':'set-properties','updates':{'k':'v'}}," SNAPSHOT(5, 1, "") "," SET_REF(
                     "main", "branch", 5)),
          200,
          "metadata/table-uuid = '@uuid@'; metadata/current-snapshot-id = 5; "
          "metadata/properties/k = 'v'" },
        { "POST " T "/t", CHANGE("{'type':'assert-create'}", SET_P), 409,
          "AlreadyExistsException: Requirement failed: table already exists" },
        { "POST " T "/u", CHANGE("{'type':'assert-create'}", SET_P), 400,
          "BadRequestException: the table has no" },
        { "POST " T, "{'name':'t','stage-create':true,'schema':" TWO "}", 409,
          "AlreadyExistsException: Table already exists: a.t" },
        { "POST " T, "{'name':'last','stage-create':true,'schema':" TWO "}", 200,
          "keep uuid metadata/table-uuid; keep loc metadata/location" },
        { "POST " T "/last", MAKE_LAST, 200,
          "metadata/default-spec-id = 0; metadata/partition-specs/0/fields/0/source-id = 1" },
        { "POST /v1/namespaces/no/tables/t", CHANGE("{'type':'assert-create'}", SET_P), 404,
          "NoSuchNamespaceException: Namespace does not exist: no" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

/* ---- Requirements: eight, each when it holds and when it does not ---- */

TEST(requirements)
{
    static const struct step steps[] = {
        NS_A,
        MAKE_T,
        { "POST " T "/t", CHANGE("{'type':'assert-table-uuid','uuid':'@uuid@'}", SET_P), 200,
          "metadata/properties/p = '1'" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-table-uuid','uuid':'00000000-0000-4000-8000-000000000000'}",
                 SET_P),
          409,
          "CommitFailedException: Requirement failed: UUID does not match: expected @uuid@ != "
          "00000000-0000-4000-8000-000000000000" },
        { "POST " T "/t", CHANGE("{'type':'assert-create'}", SET_P), 409,
          "AlreadyExistsException: Requirement failed: table already exists" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':null}",
                 SNAPSHOT(1, 1, "") "," SET_REF("main", "branch", 1)),
          200, "metadata/current-snapshot-id = 1" },
        { "POST " T "/t", CHANGE("{'type':'assert-ref-snapshot-id','ref':'main'}", SET_P), 409,
          "CommitFailedException: Requirement failed: branch main was created concurrently" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':2}", SET_P), 409,
          "CommitFailedException: Requirement failed: branch main has changed: expected id 2 != 1" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-ref-snapshot-id','ref':'gone','snapshot-id':2}", SET_P), 409,
          "CommitFailedException: Requirement failed: branch or tag gone is missing, expected 2" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-last-assigned-field-id','last-assigned-field-id':2}", SET_P), 200,
          "" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-last-assigned-field-id','last-assigned-field-id':9}", SET_P), 409,
          "CommitFailedException: Requirement failed: last assigned field id changed: expected id 9 "
          "!= 2" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-current-schema-id','current-schema-id':0}", SET_P), 200, "" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-current-schema-id','current-schema-id':9}", SET_P), 409,
          "CommitFailedException: Requirement failed: current schema changed: expected id 9 != 0" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-last-assigned-partition-id','last-assigned-partition-id':999}",
                 SET_P),
          200, "" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-last-assigned-partition-id','last-assigned-partition-id':9}",
                 SET_P),
          409,
          "CommitFailedException: Requirement failed: last assigned partition id changed: expected "
          "id 9 != 999" },
        { "POST " T "/t", CHANGE("{'type':'assert-default-spec-id','default-spec-id':0}", SET_P),
          200, "" },
        { "POST " T "/t", CHANGE("{'type':'assert-default-spec-id','default-spec-id':9}", SET_P),
          409,
          "CommitFailedException: Requirement failed: default partition spec changed: expected id 9 "
          "!= 0" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-default-sort-order-id','default-sort-order-id':0}", SET_P), 200,
          "" },
        { "POST " T "/t",
          CHANGE("{'type':'assert-default-sort-order-id','default-sort-order-id':9}", SET_P), 409,
          "CommitFailedException: Requirement failed: default sort order changed: expected id 9 != "
          "0" },
        { "POST " T "/t", CHANGE("{'type':'assert-moon'}", SET_P), 400,
          "BadRequestException: requirements[0]: unknown requirement" },
        { "POST " T "/t", CHANGE("{'type':'assert-table-uuid'}", SET_P), 400,
          "BadRequestException" },
        { "POST " T "/no", CHANGE("", SET_P), 404,
          "NoSuchTableException: Table does not exist: a.no" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

/* ---- Updates: twenty-three ---- */

TEST(updates_of_what_a_table_looks_like)
{
    static const struct step steps[] = {
        NS_A,
        MAKE_T,
        /* assign-uuid */
        { "POST " T "/t", UPDATES("{'action':'assign-uuid','uuid':'@uuid@'}"), 200, "" },
        { "POST " T "/t",
          UPDATES("{'action':'assign-uuid','uuid':'00000000-0000-4000-8000-000000000000'}"), 400,
          "BadRequestException" },
        { "POST " T "/t", UPDATES("{'action':'assign-uuid','uuid':'x'}"), 400,
          "BadRequestException" },
        /* add-schema, set-current-schema */
        { "POST " T "/t",
          UPDATES("{'action':'add-schema','schema':" STRUCT(LONG(1, "id") "," LONG(2, "n") "," LONG(
              3, "m")) "},"
                       "{'action':'set-current-schema','schema-id':-1}"),
          200,
          "metadata/current-schema-id = 1; metadata/last-column-id = 3; metadata/schemas # 2" },
        { "POST " T "/t",
          UPDATES("{'action':'add-schema','schema':" TWO "},"
                  "{'action':'set-current-schema','schema-id':-1}"),
          200,
          "metadata/current-schema-id = 0; metadata/schemas # 2; metadata/last-column-id = 3" },
        { "POST " T "/t", UPDATES("{'action':'set-current-schema','schema-id':1}"), 200,
          "metadata/current-schema-id = 1" },
        { "POST " T "/t", UPDATES("{'action':'set-current-schema','schema-id':-1}"), 400,
          "BadRequestException" },
        { "POST " T "/t", UPDATES("{'action':'set-current-schema','schema-id':9}"), 400,
          "BadRequestException" },
        { "POST " T "/t",
          UPDATES("{'action':'add-schema','schema':" STRUCT(LONG(1, "a") "," LONG(1, "b")) "}"),
          400, "BadRequestException" },
        { "POST " T "/t",
          UPDATES("{'action':'add-schema','schema':{'type':'struct','fields':[{'id':4,'name':'v',"
                  "'required':false,'type':'variant'}]}}"),
          400, "BadRequestException" },
        /* add-spec, set-default-spec */
        { "POST " T "/t",
          UPDATES("{'action':'add-spec','spec':{'fields':[{'source-id':1,'name':'id_b',"
                  "'transform':'bucket[8]'}]}},{'action':'set-default-spec','spec-id':-1}"),
          200,
          "metadata/default-spec-id = 1; metadata/last-partition-id = 1000; "
          "metadata/partition-specs # 2; metadata/partition-specs/1/fields/0/field-id = 1000" },
        { "POST " T "/t",
          UPDATES("{'action':'add-spec','spec':{'fields':[]}},"
                  "{'action':'set-default-spec','spec-id':-1}"),
          200, "metadata/default-spec-id = 0; metadata/partition-specs # 2" },
        { "POST " T "/t",
          UPDATES("{'action':'add-spec','spec':{'fields':[{'source-id':1,'name':'id_b2',"
                  "'transform':'bucket[8]'},{'source-id':2,'name':'n','transform':'identity'}]}},"
                  "{'action':'set-default-spec','spec-id':-1}"),
          200,
          "metadata/default-spec-id = 2; metadata/partition-specs/2/fields/0/field-id = 1000; "
          "metadata/partition-specs/2/fields/1/field-id = 1001" },
        { "POST " T "/t", UPDATES("{'action':'set-default-spec','spec-id':77}"), 400,
          "BadRequestException" },
        { "POST " T "/t",
          UPDATES("{'action':'add-spec','spec':{'fields':[{'source-id':99,'name':'x','transform':"
                  "'identity'}]}}"),
          400, "BadRequestException" },
        /* remove-partition-specs */
        { "POST " T "/t", UPDATES("{'action':'remove-partition-specs','spec-ids':[1]}"), 200,
          "metadata/partition-specs # 2" },
        { "POST " T "/t", UPDATES("{'action':'remove-partition-specs','spec-ids':[2]}"), 400,
          "BadRequestException" },
        /* add-sort-order, set-default-sort-order */
        { "POST " T "/t",
          UPDATES("{'action':'add-sort-order','sort-order':{'order-id':9,'fields':[{'source-id':1,"
                  "'transform':'identity','direction':'asc','null-order':'nulls-first'}]}},"
                  "{'action':'set-default-sort-order','sort-order-id':-1}"),
          200, "metadata/default-sort-order-id = 1; metadata/sort-orders # 2" },
        { "POST " T "/t", UPDATES("{'action':'set-default-sort-order','sort-order-id':0}"), 200,
          "metadata/default-sort-order-id = 0" },
        { "POST " T "/t", UPDATES("{'action':'set-default-sort-order','sort-order-id':5}"), 400,
          "BadRequestException" },
        /* remove-schemas */
        { "POST " T "/t", UPDATES("{'action':'remove-schemas','schema-ids':[0]}"), 200,
          "metadata/schemas # 1" },
        { "POST " T "/t", UPDATES("{'action':'remove-schemas','schema-ids':[1]}"), 400,
          "BadRequestException" },
        /* properties */
        { "POST " T "/t", UPDATES("{'action':'set-properties','updates':{'a':'1','b':'2'}}"), 200,
          "metadata/properties/a = '1'" },
        { "POST " T "/t", UPDATES("{'action':'remove-properties','removals':['a','no']}"), 200,
          "metadata/properties/a absent; metadata/properties/b = '2'" },
        /* set-location */
        { "POST " T "/t", UPDATES("{'action':'set-location','location':'@loc@-moved/'}"), 200,
          "metadata/location = '@loc@-moved'; metadata-location has @loc@-moved/metadata/" },
        { "POST " T "/t", UPDATES("{'action':'set-location','location':''}"), 400,
          "BadRequestException" },
        /* upgrade-format-version */
        { "POST " T "/t", UPDATES("{'action':'upgrade-format-version','format-version':1}"), 400,
          "BadRequestException" },
        { "POST " T "/t", UPDATES("{'action':'upgrade-format-version','format-version':3}"), 200,
          "metadata/format-version = 3; metadata/next-row-id = 0" },
        { "POST " T "/t", UPDATES("{'action':'upgrade-format-version','format-version':4}"), 400,
          "BadRequestException" },
        { "POST " T "/t", UPDATES("{'action':'fly'}"), 400,
          "BadRequestException: updates[0]: unknown update" },
        { "GET " T "/t", NULL, 200, "metadata/metadata-log has .metadata.json" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

TEST(updates_of_snapshots)
{
    static const struct step steps[] = {
        NS_A,
        MAKE_T,
        { "POST " T "/t", UPDATES(SNAPSHOT(1, 1, "") "," SET_REF("main", "branch", 1)), 200,
          "metadata/current-snapshot-id = 1; metadata/last-sequence-number = 1; "
          "metadata/snapshot-log # 1; metadata/refs/main/snapshot-id = 1" },
        { "POST " T "/t",
          UPDATES(SNAPSHOT(2, 2, ",'parent-snapshot-id':1") "," SET_REF("main", "branch", 2)), 200,
          "metadata/snapshots # 2; metadata/snapshot-log # 2" },
        /* the same once more is a repetition, whatever it requires */
        { "POST " T "/t",
          CHANGE("{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':1}",
                 SNAPSHOT(2, 2, ",'parent-snapshot-id':1") "," SET_REF("main", "branch", 2)),
          200, "metadata/snapshots # 2" },
        { "POST " T "/t", UPDATES(SNAPSHOT(3, 2, ",'parent-snapshot-id':2")), 409,
          "CommitFailedException" },
        { "POST " T "/t",
          UPDATES("{'action':'add-snapshot','snapshot':{'snapshot-id':9,'timestamp-ms':@now@,"
                  "'sequence-number':9,'manifest-list':'/etc/passwd','summary':{'operation':"
                  "'append'}}}"),
          403, "ForbiddenException" },
        { "POST " T "/t", UPDATES(SET_REF("v1", "tag", 1)), 200,
          "metadata/refs/v1 = {'snapshot-id':1,'type':'tag'}" },
        { "POST " T "/t",
          UPDATES("{'action':'set-snapshot-ref','ref-name':'side','type':'branch','snapshot-id':1,"
                  "'min-snapshots-to-keep':2,'max-snapshot-age-ms':3,'max-ref-age-ms':4}"),
          200, "metadata/refs/side/max-ref-age-ms = 4" },
        { "POST " T "/t", UPDATES(SET_REF("main", "tag", 1)), 400, "BadRequestException" },
        { "POST " T "/t", UPDATES(SET_REF("x", "branch", 77)), 400, "BadRequestException" },
        { "GET " T "/t?snapshots=refs", NULL, 200, "metadata/snapshots # 2" },
        { "POST " T "/t", UPDATES("{'action':'remove-snapshot-ref','ref-name':'v1'}"), 200,
          "metadata/refs/v1 absent" },
        { "POST " T "/t", UPDATES("{'action':'remove-snapshot-ref','ref-name':'side'}"), 200, "" },
        { "GET " T "/t?snapshots=refs", NULL, 200, "metadata/snapshots # 1" },
        /* statistics */
        { "POST " T "/t",
          UPDATES("{'action':'set-statistics','snapshot-id':1,'statistics':{'snapshot-id':1,"
                  "'statistics-path':'@loc@/metadata/s.puffin','file-size-in-bytes':9,"
                  "'file-footer-size-in-bytes':3,'blob-metadata':[{'type':'x','snapshot-id':1,"
                  "'sequence-number':1,'fields':[1],'properties':{'ndv':'4'}}]}}"),
          200,
          "metadata/statistics # 1; metadata/statistics/0/blob-metadata/0/properties/ndv = '4'" },
        { "POST " T "/t",
          UPDATES("{'action':'set-partition-statistics','partition-statistics':{'snapshot-id':1,"
                  "'statistics-path':'@loc@/metadata/p.parquet','file-size-in-bytes':9}}"),
          200, "metadata/partition-statistics # 1" },
        { "POST " T "/t",
          UPDATES("{'action':'set-statistics','statistics':{'snapshot-id':1,'statistics-path':"
                  "'/etc/x','file-size-in-bytes':9,'file-footer-size-in-bytes':3,"
                  "'blob-metadata':[]}}"),
          403, "ForbiddenException" },
        { "POST " T "/t", UPDATES("{'action':'remove-statistics','snapshot-id':1}"), 200,
          "metadata/statistics # 0" },
        { "POST " T "/t", UPDATES("{'action':'remove-partition-statistics','snapshot-id':1}"), 200,
          "metadata/partition-statistics # 0" },
        /* remove-snapshots takes the log before it along */
        { "POST " T "/t", UPDATES("{'action':'remove-snapshots','snapshot-ids':[1,99]}"), 200,
          "metadata/snapshots # 1; metadata/snapshot-log # 1" },
        { "POST " T "/t", UPDATES("{'action':'remove-snapshots','snapshot-ids':[2]}"), 200,
          "metadata/snapshots # 0; metadata/refs # 0" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

#define V3_TABLE                                                                                   \
    {                                                                                              \
        "POST " T,                                                                                 \
            "{'name':'t','properties':{'format-version':'3'},'schema':{'type':'struct','fields':[" \
            "{'id':1,'name':'id','required':false,'type':'long','initial-default':5,"              \
            "'write-default':6},{'id':2,'name':'v','required':false,'type':'variant'},"            \
            "{'id':3,'name':'u','required':false,'type':'unknown'},"                               \
            "{'id':4,'name':'n','required':false,'type':'timestamp_ns'},"                          \
            "{'id':5,'name':'g','required':false,'type':'geometry'}]}}",                           \
            200,                                                                                   \
            "metadata/format-version = 3; metadata/next-row-id = 0; "                              \
            "metadata/schemas/0/fields/0/initial-default = 5; "                                    \
            "metadata/schemas/0/fields/1/type = 'variant'; keep loc metadata/location"             \
    }

TEST(format_version_3)
{
    static const struct step steps[] = {
        NS_A,
        V3_TABLE,
        { "POST " T "/t", UPDATES(SNAPSHOT(1, 1, "")), 400, "BadRequestException" },
        { "POST " T "/t", UPDATES(SNAPSHOT(1, 1, ",'first-row-id':0")), 400,
          "BadRequestException" },
        { "POST " T "/t",
          UPDATES(
              SNAPSHOT(1, 1, ",'first-row-id':0,'added-rows':10") "," SET_REF("main", "branch", 1)),
          200,
          "metadata/next-row-id = 10; metadata/snapshots/0/first-row-id = 0; "
          "metadata/snapshots/0/added-rows = 10" },
        /* row ids move on for branches other than main too, and never back */
        { "POST " T "/t",
          UPDATES(SNAPSHOT(
              2, 2,
              ",'parent-snapshot-id':1,'first-row-id':10,'added-rows':5") "," SET_REF("side",
                                                                                      "branch", 2)),
          200, "metadata/next-row-id = 15; metadata/current-snapshot-id = 1" },
        { "POST " T "/t",
          UPDATES(SNAPSHOT(3, 3, ",'parent-snapshot-id':1,'first-row-id':10,'added-rows':5")), 409,
          "CommitFailedException" },
        { "POST " T "/t",
          UPDATES(SNAPSHOT(3, 3, ",'parent-snapshot-id':1,'first-row-id':15,'added-rows':-1")), 400,
          "BadRequestException" },
        /* encryption keys */
        { "POST " T "/t",
          UPDATES(
              "{'action':'add-encryption-key','encryption-key':{'key-id':'k1',"
              "'encrypted-key-metadata':'AAAA','encrypted-by-id':'k0','properties':{'a':'b'}}}"),
          200, "metadata/encryption-keys # 1; metadata/encryption-keys/0/properties/a = 'b'" },
        { "POST " T "/t",
          UPDATES(SNAPSHOT(4, 4,
                           ",'parent-snapshot-id':1,'first-row-id':15,'added-rows':1,"
                           "'key-id':'k1'") "," SET_REF("main", "branch", 4)),
          200, "metadata/snapshots/2/key-id = 'k1'" },
        { "POST " T "/t", UPDATES("{'action':'remove-encryption-key','key-id':'k1'}"), 200,
          "metadata/encryption-keys absent" },
        { "POST " T "/t", UPDATES("{'action':'add-encryption-key','encryption-key':{}}"), 400,
          "BadRequestException" },
        /* an older table takes none of it */
        { "POST " T, "{'name':'old','schema':" TWO "}", 200, "" },
        { "POST " T "/old",
          UPDATES("{'action':'add-encryption-key','encryption-key':{'key-id':'k1',"
                  "'encrypted-key-metadata':'AAAA'}}"),
          400, "BadRequestException" },
        { "POST " T,
          "{'name':'bad','schema':{'type':'struct','fields':[{'id':1,'name':'v','required':false,"
          "'type':'variant'}]}}",
          400, "BadRequestException" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

/* ---- Transactions ---- */

#define OF(name_, requirement_, list_)                                                             \
    "{'identifier':{'namespace':['a'],'name':'" name_ "'},'requirements':[" requirement_           \
    "],'updates':[" list_ "]}"
#define ALL(changes_) "{'table-changes':[" changes_ "]}"

TEST(transactions)
{
    static const struct step steps[] = {
        NS_A,
        MAKE_T,
        { "POST " T, "{'name':'u','schema':" TWO "}", 200, "" },
        { "POST /v1/transactions/commit",
          ALL(OF("t", "", SET_P) "," OF(
              "u", "{'type':'assert-default-spec-id','default-spec-id':4}", SET_P)),
          409, "CommitFailedException: table a.u: Requirement failed: default partition spec" },
        { "GET " T "/t", NULL, 200, "metadata/properties/p absent" },
        { "POST /v1/transactions/commit", ALL(OF("t", "", SET_P) "," OF("no", "", SET_P)), 404,
          "NoSuchTableException: Table does not exist: a.no" },
        { "POST /v1/transactions/commit", ALL(OF("t", "", SET_P) "," OF("t", "", SET_P)), 400,
          "BadRequestException" },
        { "POST /v1/transactions/commit", ALL(OF("t", "", "{'action':'fly'}")), 400,
          "BadRequestException" },
        { "POST /v1/transactions/commit", ALL(""), 400, "BadRequestException" },
        { "POST /v1/transactions/commit", "{}", 400, "BadRequestException" },
        { "POST /v1/transactions/commit", ALL(OF("t", "", SET_P) "," OF("u", "", SET_P)), 204,
          "empty" },
        { "GET " T "/u", NULL, 200, "metadata/properties/p = '1'" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

/* ---- Registering and giving up ---- */

TEST(registration)
{
    static const struct step steps[] = {
        NS_A,
        MAKE_T,
        { "GET " T "/t", NULL, 200, "keep file metadata-location" },
        { "POST " A "/register", "{'name':'t','metadata-location':'@file@'}", 409,
          "AlreadyExistsException: Table already exists: a.t" },
        { "POST " T "/t", UPDATES(SET_P), 200, "keep newer metadata-location" },
        { "POST " A "/register", "{'name':'t','metadata-location':'@file@','overwrite':true}", 200,
          "metadata/properties/p absent; metadata-location = '@file@'" },
        { "POST " A "/register", "{'name':'t','metadata-location':'@newer@','overwrite':true}", 200,
          "metadata/properties/p = '1'" },
        { "POST /v1/namespaces/no/register", "{'name':'t','metadata-location':'@file@'}", 404,
          "NoSuchNamespaceException: Namespace does not exist: no" },
        { "POST " A "/register", "{'name':'x','metadata-location':'@loc@/metadata/no.json'}", 400,
          "BadRequestException" },
        { "POST " A "/register", "{'name':'x','metadata-location':'/etc/passwd'}", 403,
          "ForbiddenException" },
        { "POST " A "/register", "{'name':'x'}", 400, "BadRequestException" },
        /* unregister answers with the last metadata, and nothing can be committed then */
        { "POST " T "/t/unregister", NULL, 200,
          "metadata-location = '@newer@'; metadata/table-uuid = '@uuid@'; "
          "metadata/properties/p = '1'; config absent" },
        { "HEAD " T "/t", NULL, 404, "" },
        { "POST " T "/t", UPDATES(SET_P), 404, "NoSuchTableException: Table does not exist: a.t" },
        { "POST " T "/t/unregister", NULL, 404, "NoSuchTableException: Table does not exist: a.t" },
        { "POST " A "/register", "{'name':'back','metadata-location':'@newer@'}", 200,
          "metadata/table-uuid = '@uuid@'" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

/* ---- Storage: nothing to hand out, and never before it was checked ---- */

#define SIGN(uri_) "{'region':'eu','method':'GET','uri':'" uri_ "','headers':{'host':['h']}}"

TEST(credentials_and_signatures)
{
    static const struct step steps[] = {
        NS_A,
        MAKE_T,
        { "GET " T "/t/credentials", NULL, 200, "storage-credentials # 0" },
        { "GET " T "/t/credentials?planId=7&referenced-by=a%1Fv", NULL, 200,
          "storage-credentials # 0" },
        { "GET " T "/no/credentials", NULL, 404,
          "NoSuchTableException: Table does not exist: a.no" },
        { "POST " T "/t/sign", SIGN("@loc@/data/x.parquet"), 400,
          "BadRequestException: Remote signing is not enabled" },
        { "POST " T "/no/sign", SIGN("@loc@/data/x.parquet"), 404, "NoSuchTableException" },
        { "POST " T "/t/sign", SIGN("@loc@-other/data/x"), 403, "ForbiddenException" },
        { "POST " T "/t/sign", SIGN("@loc@"), 403, "ForbiddenException" },
        { "POST " T "/t/sign", SIGN("https://bucket.s3.amazonaws.com/a/b"), 403,
          "ForbiddenException" },
        { "POST " T "/t/sign", SIGN("@loc@/../other/x"), 400, "BadRequestException" },
        { "POST " T "/t/sign", SIGN("@loc@/%2e%2e/other/x"), 400, "BadRequestException" },
        { "POST " T "/t/sign", SIGN("@loc@/x?versionId=1"), 400, "BadRequestException" },
        { "POST " T "/t/sign", SIGN("@loc@/x#f"), 400, "BadRequestException" },
        { "POST " T "/t/sign", "{'region':'eu','method':'TRACE','uri':'@loc@/x','headers':{}}", 400,
          "BadRequestException: method" },
        { "POST " T "/t/sign", "{'method':'GET','uri':'@loc@/x','headers':{}}", 400,
          "BadRequestException" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

/* ---- Views ---- */

#define VERSION(dialect_, sql_)                                                                     \
    "{'version-id':1,'schema-id':0,'timestamp-ms':7,'summary':{'engine-name':'e'},"                 \
    "'default-catalog':'c','default-namespace':['a'],'representations':[{'type':'sql','sql':'" sql_ \
    "','dialect':'" dialect_ "'}]}"
#define CREATE_VIEW(name_)                                                                         \
    "{'name':'" name_ "','schema':" TWO                                                            \
    ",'view-version':" VERSION("spark", "select 1") ",'properties':{'k':'v'}}"
#define ADD_VERSION(schema_, dialect_, sql_)                                                       \
    "{'action':'add-view-version','view-version':{'version-id':1,'schema-id':" #schema_            \
    ",'timestamp-ms':8,'summary':{},'default-namespace':['a'],'representations':[{'type':'sql',"   \
    "'sql':'" sql_ "','dialect':'" dialect_ "'}]}},"                                               \
    "{'action':'set-current-view-version','view-version-id':-1}"
#define SAME_VIEW "{'type':'assert-view-uuid','uuid':'@vid@'}"

TEST(views)
{
    static const struct step steps[] = {
        NS_A,
        { "HEAD " V "/v", NULL, 404, "" },
        { "GET " V "/v", NULL, 404, "NoSuchViewException: View does not exist: a.v" },
        { "DELETE " V "/v", NULL, 404, "NoSuchViewException: View does not exist: a.v" },
        { "GET /v1/namespaces/non-existing/views/view", NULL, 404,
          "NoSuchViewException: View does not exist: non-existing.view" },
        { "POST /v1/namespaces/no/views", CREATE_VIEW("v"), 404,
          "NoSuchNamespaceException: Namespace does not exist: no" },
        { "POST " V, CREATE_VIEW("v"), 200,
          "metadata/format-version = 1; metadata/current-version-id = 1; metadata/versions # 1; "
          "metadata/schemas # 1; metadata/schemas/0/schema-id = 0; metadata/version-log # 1; "
          "metadata/version-log/0/version-id = 1; metadata/version-log/0/timestamp-ms = 7; "
          "metadata/versions/0/default-catalog = 'c'; metadata/versions/0/default-namespace = ['a']; "
          "metadata/versions/0/summary/engine-name = 'e'; metadata/properties = {'k':'v'}; "
          "config # 0; keep vid metadata/view-uuid; keep file metadata-location; "
          "keep vloc metadata/location" },
        { "GET " V "/v", NULL, 200, "metadata/view-uuid = '@vid@'; metadata-location = '@file@'" },
        { "GET " V "/v?referenced-by=a%1Fw", NULL, 200, "metadata/view-uuid = '@vid@'" },
        { "HEAD " V "/v", NULL, 204, "empty" },
        { "POST " V, CREATE_VIEW("v"), 409, "AlreadyExistsException: View already exists: a.v" },
        /* one name is a table or a view */
        { "POST " T, "{'name':'v','schema':" TWO "}", 409,
          "AlreadyExistsException: View with same name already exists: a.v" },
        { "POST " T, "{'name':'v','stage-create':true,'schema':" TWO "}", 409,
          "AlreadyExistsException: View with same name already exists: a.v" },
        { "POST " T "/v", CHANGE("{'type':'assert-create'}", SET_P), 409,
          "AlreadyExistsException: View with same name already exists: a.v" },
        { "GET " T "/v", NULL, 404, "NoSuchTableException: Table does not exist: a.v" },
        { "DELETE " T "/v", NULL, 404, "NoSuchTableException: Table does not exist: a.v" },
        MAKE_T,
        { "POST " V, CREATE_VIEW("t"), 409,
          "AlreadyExistsException: Table with same name already exists: a.t" },
        { "POST " V "/t", UPDATES(ADD_VERSION(0, "spark", "x")), 409,
          "AlreadyExistsException: Table with same name already exists: a.t" },
        { "GET " V "/t", NULL, 404, "NoSuchViewException: View does not exist: a.t" },
        { "DELETE " V "/t", NULL, 404, "NoSuchViewException: View does not exist: a.t" },
        { "GET " V, NULL, 200, "identifiers = [{'namespace':['a'],'name':'v'}]" },
        { "GET " T, NULL, 200, "identifiers = [{'namespace':['a'],'name':'t'}]" },
        /* renaming */
        { "POST /v1/namespaces", "{'namespace':['b']}", 200, "" },
        { "POST /v1/views/rename",
          "{'source':{'namespace':['a'],'name':'v'},'destination':{'namespace':['b'],'name':'w'}}",
          204, "empty" },
        { "GET /v1/namespaces/b/views/w", NULL, 200,
          "metadata/view-uuid = '@vid@'; metadata-location = '@file@'" },
        { "HEAD " V "/v", NULL, 404, "" },
        { "POST /v1/views/rename",
          "{'source':{'namespace':['a'],'name':'v'},'destination':{'namespace':['b'],'name':'x'}}",
          404, "NoSuchViewException: View does not exist: a.v" },
        { "POST /v1/views/rename",
          "{'source':{'namespace':['b'],'name':'w'},'destination':{'namespace':['no'],'name':'x'}}",
          404, "NoSuchNamespaceException: Namespace does not exist: no" },
        { "POST /v1/views/rename",
          "{'source':{'namespace':['b'],'name':'w'},'destination':{'namespace':['a'],'name':'t'}}",
          409, "AlreadyExistsException: Cannot rename b.w to a.t. Table already exists" },
        { "POST " V, CREATE_VIEW("v2"), 200, "" },
        { "POST /v1/views/rename",
          "{'source':{'namespace':['b'],'name':'w'},'destination':{'namespace':['a'],'name':'v2'}}",
          409, "AlreadyExistsException: Cannot rename b.w to a.v2. View already exists" },
        { "POST /v1/tables/rename",
          "{'source':{'namespace':['a'],'name':'t'},'destination':{'namespace':['a'],'name':'v2'}}",
          409, "AlreadyExistsException: Cannot rename a.t to a.v2. View already exists" },
        { "POST /v1/tables/rename",
          "{'source':{'namespace':['a'],'name':'v2'},'destination':{'namespace':['a'],'name':'v3'}}",
          404, "NoSuchTableException: Table does not exist: a.v2" },
        /* registering */
        { "POST " A "/register-view", "{'name':'v','metadata-location':'@file@'}", 200,
          "metadata/view-uuid = '@vid@'; metadata-location = '@file@'" },
        { "POST " A "/register-view", "{'name':'v','metadata-location':'@file@'}", 409,
          "AlreadyExistsException: View already exists: a.v" },
        { "POST " A "/register-view", "{'name':'t','metadata-location':'@file@'}", 409,
          "AlreadyExistsException: Table with same name already exists: a.t" },
        { "POST " A "/register-view", "{'name':'q','metadata-location':'@vloc@/no.json'}", 400,
          "BadRequestException" },
        { "POST " A "/register-view", "{'name':'q','metadata-location':'/etc/passwd'}", 403,
          "ForbiddenException" },
        { "POST " A "/register", "{'name':'q','metadata-location':'@file@'}", 400,
          "BadRequestException" },
        { "DELETE " V "/v", NULL, 204, "empty" },
        { "DELETE " V "/v2", NULL, 204, "empty" },
        { "DELETE /v1/namespaces/b", NULL, 409,
          "NamespaceNotEmptyException: Namespace is not empty: b" },
        { "DELETE /v1/namespaces/b/views/w", NULL, 204, "empty" },
        { "DELETE /v1/namespaces/b", NULL, 204, "empty" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

TEST(replacing_views)
{
    static const struct step steps[] = {
        NS_A,
        { "POST " V, CREATE_VIEW("v"), 200,
          "keep vid metadata/view-uuid; keep vloc metadata/location" },
        { "POST " V "/no", CHANGE(SAME_VIEW, ADD_VERSION(0, "spark", "select 2")), 404,
          "NoSuchViewException: View does not exist: a.no" },
        { "POST " V "/v", CHANGE(SAME_VIEW, ADD_VERSION(0, "spark", "select 2")), 200,
          "metadata/current-version-id = 2; metadata/versions # 2; metadata/version-log # 2; "
          "metadata/versions/1/representations/0/sql = 'select 2'" },
        { "POST " V "/v",
          CHANGE("{'type':'assert-view-uuid','uuid':'00000000-0000-4000-8000-000000000000'}",
                 ADD_VERSION(0, "spark", "select 3")),
          409,
          "CommitFailedException: Requirement failed: view UUID does not match: expected @vid@ != "
          "00000000-0000-4000-8000-000000000000" },
        { "POST " V "/v", CHANGE("{'type':'assert-create'}", ADD_VERSION(0, "spark", "x")), 400,
          "BadRequestException: requirements[0]: unknown requirement of a view" },
        /* with another schema */
        { "POST " V "/v",
          UPDATES("{'action':'add-schema','schema':" STRUCT(LONG(1, "some_id")) "}," ADD_VERSION(
              -1, "spark", "select 3")),
          200,
          "metadata/current-version-id = 3; metadata/schemas # 2; "
          "metadata/versions/2/schema-id = 1" },
        /* back to what was before */
        { "POST " V "/v", UPDATES("{'action':'set-current-view-version','view-version-id':2}"), 200,
          "metadata/current-version-id = 2; metadata/versions # 3; metadata/version-log # 4" },
        { "POST " V "/v", UPDATES("{'action':'set-current-view-version','view-version-id':9}"), 400,
          "BadRequestException: Cannot set current version to unknown version: 9" },
        /* dialects */
        { "POST " V "/v", UPDATES(ADD_VERSION(0, "trino", "select 4")), 400,
          "BadRequestException: Cannot replace view due to loss of view dialects "
          "(replace.drop-dialect.allowed=false):" },
        { "POST " V "/v",
          UPDATES(
              "{'action':'set-properties','updates':{'replace.drop-dialect.allowed':'true'}}," ADD_VERSION(
                  0, "trino", "select 4")),
          200, "metadata/versions/3/representations/0/dialect = 'trino'" },
        { "POST " V,
          "{'name':'w','schema':" TWO ",'view-version':{'version-id':1,'schema-id':0,"
          "'timestamp-ms':1,'summary':{},'default-namespace':['a'],'representations':["
          "{'type':'sql','sql':'x','dialect':'trino'},{'type':'sql','sql':'y','dialect':'Trino'}]}}",
          400,
          "IllegalArgumentException: Invalid view version: Cannot add multiple queries for dialect trino" },
        /* properties and location leave versions alone */
        { "POST " V "/v",
          UPDATES("{'action':'set-properties','updates':{'k1':'v1'}},"
                  "{'action':'remove-properties','removals':['k','non-existing']}"),
          200,
          "metadata/properties/k1 = 'v1'; metadata/properties/k absent; metadata/versions # 4; "
          "metadata/version-log # 5" },
        { "POST " V "/v", UPDATES("{'action':'set-location','location':'@vloc@-moved'}"), 200,
          "metadata/location = '@vloc@-moved'; metadata-location has @vloc@-moved/metadata/" },
        { "POST " V "/v",
          UPDATES("{'action':'set-properties','updates':{'write.metadata.path':'@vloc@-files'}}"),
          200, "metadata-location has @vloc@-files/" },
        /* history */
        { "POST " V "/v",
          UPDATES(
              "{'action':'set-properties','updates':{'version.history.num-entries':'2'}}," ADD_VERSION(
                  0, "trino", "select 5")),
          200, "metadata/versions # 2; metadata/version-log # 2" },
        { "POST " V "/v",
          UPDATES("{'action':'set-properties','updates':{'version.history.num-entries':'-1'}}"),
          400, "BadRequestException: version.history.num-entries must be positive but was -1" },
        /* what cannot be */
        { "POST " V "/v",
          UPDATES("{'action':'assign-uuid','uuid':"
                  "'00000000-0000-4000-8000-000000000000'}"),
          400, "BadRequestException: Cannot reassign uuid" },
        { "POST " V "/v", UPDATES("{'action':'upgrade-format-version','format-version':2}"), 400,
          "BadRequestException: Unsupported format version: 2" },
        { "POST " V "/v", UPDATES("{'action':'add-snapshot'}"), 400,
          "BadRequestException: updates[0]: unknown update of a view" },
        { "POST " V "/v", "{'requirements':[]}", 400, "BadRequestException" },
        { "POST " V "/v", "{'identifier':{'namespace':['a'],'name':'other'},'updates':[]}", 400,
          "BadRequestException: identifier is a.other, the path says a.v" },
        { "POST " V "/v", "{'identifier':{'namespace':['a'],'name':'v'},'updates':[]}", 200, "" },
        { "POST " V, "{'name':'x','schema':" TWO "}", 400, "BadRequestException" },
        { "POST " V, "{'name':'x','view-version':" VERSION("spark", "x") "}", 400,
          "BadRequestException" },
        { "POST " V,
          "{'name':'x','schema':" TWO ",'view-version':{'version-id':1,'schema-id':0,"
          "'timestamp-ms':1,'summary':{},'default-namespace':['a'],'representations':[]}}",
          400, "BadRequestException: Cannot create view without specifying a query" },
        { "POST " V,
          "{'name':'x','schema':" TWO ",'view-version':{'version-id':1,'schema-id':0,"
          "'timestamp-ms':1,'summary':{},'default-namespace':['a'],'representations':["
          "{'type':'plan'}]}}",
          400, "BadRequestException: Found unsupported view representations: [plan]" },
        { "POST " V,
          "{'name':'x','location':'/etc/x','schema':" TWO
          ",'view-version':" VERSION("spark", "select 1") "}",
          403, "ForbiddenException" },
        { "POST " V,
          "{'name':'x','properties':{'write.metadata.path':'/etc/x'},'schema':" TWO
          ",'view-version':" VERSION("spark", "select 1") "}",
          403, "ForbiddenException" },
    };
    struct app *app = open_app();
    PLAY(app, steps);
    app_close(app);
}

/* ---- Functions ---- */

TEST(functions)
{
    static const char put[] =
        "{\"name\":\"a.add_one\",\"metadata\":{\"function-uuid\":"
        "\"42fd3f91-bc10-41c1-8a52-92b57dd0a9b2\",\"format-version\":1,\"definitions\":[{"
        "\"overload-id\":1,\"parameters\":[{\"name\":\"x\",\"type\":\"int\"}],\"return-type\":"
        "\"int\",\"versions\":[{\"overload-version-id\":1,\"representations\":[{\"dialect\":"
        "\"trino\",\"body\":\"x + 1\"}],\"timestamp-ms\":1}],\"current-overload-version\":1}],"
        "\"definition-log\":[],\"max-overload-id\":1,\"doc\":\"adds one\"}}";
    static const struct step before[] = {
        NS_A,
        { "GET " F, NULL, 200, "identifiers # 0; next-page-token absent" },
        { "GET " F "/add_one", NULL, 404,
          "NoSuchFunctionException: Function does not exist: a.add_one" },
        { "GET /v1/namespaces/no/functions/f", NULL, 404,
          "NoSuchNamespaceException: Namespace does not exist: no" },
    };
    static const struct step after[] = {
        { "GET " F, NULL, 200, "identifiers = [{'namespace':['a'],'name':'add_one'}]" },
        { "GET " F "/add_one", NULL, 200,
          "metadata/function-uuid = '42fd3f91-bc10-41c1-8a52-92b57dd0a9b2'; "
          "metadata/definitions/0/versions/0/representations/0/body = 'x + 1'; "
          "metadata/doc = 'adds one'; metadata-location has .metadata.json" },
        { "DELETE " A, NULL, 409, "NamespaceNotEmptyException: Namespace is not empty: a" },
        /* its name is its own */
        { "POST " T, "{'name':'add_one','schema':" TWO "}", 200, "" },
        { "GET " T, NULL, 200, "identifiers # 1" },
    };
    struct app *app = open_app();
    PLAY(app, before);
    CHECK_INT(send_raw(app, "POST", "/api/functions", str_of(put)).status, 201);
    CHECK_INT(send_raw(app, "POST", "/api/functions", str_of(put)).status, 409);
    PLAY(app, after);
    CHECK_INT(send_raw(app, "DELETE", "/api/functions/a.add_one", (str){ 0 }).status, 204);
    CHECK_INT(send_raw(app, "DELETE", "/api/functions/a.add_one", (str){ 0 }).status, 404);
    app_close(app);
}

/* ---- Bad input ---- */

TEST(hostile_bodies)
{
    static const struct step steps[] = {
        NS_A,
        MAKE_T,
        { "POST " T "/t", "", 400, "BadRequestException" },
        { "POST " T "/t", "null", 400, "BadRequestException" },
        { "POST " T "/t", "[]", 400, "BadRequestException" },
        { "POST " T "/t", "{'updates':[]} x", 400, "BadRequestException" },
        { "POST " T "/t", "{'updates':[],'updates':[]}", 400, "BadRequestException" },
        { "POST " T "/t", "{'updates':[,]}", 400, "BadRequestException" },
        { "POST " T "/t", "{'updates':[{'action':'set-properties','updates':{'a':'\\ud800'}}]}",
          400, "BadRequestException" },
        { "POST " T "/t", "{'updates':[{'action':'set-properties','updates':{'a':'\x01'}}]}", 400,
          "BadRequestException" },
        { "POST " T "/t", "{'updates':[{'action':'set-properties','updates':{'a':'\xff'}}]}", 400,
          "BadRequestException" },
        { "POST " T "/t", "{'updates':[{'action':'set-current-schema','schema-id':1e99}]}", 400,
          "BadRequestException" },
        { "POST " T "/t", "{'updates':[{'action':'set-current-schema','schema-id':1.5}]}", 400,
          "BadRequestException" },
        { "POST " T "/t",
          "{'updates':[{'action':'set-current-schema','schema-id':99999999999999999999}]}", 400,
          "BadRequestException" },
        { "POST " T "/t",
          "{'updates':[{'action':'remove-snapshots','snapshot-ids':[9223372036854775808]}]}", 400,
          "BadRequestException" },
        { "POST " T "/t", "{'updates':[{'action':['set-properties']}]}", 400,
          "BadRequestException" },
        { "POST " T "/t", "{'requirements':[{}],'updates':[]}", 400, "BadRequestException" },
        { "POST " T "/t",
          UPDATES("{'action':'add-schema','schema':{'type':'struct','fields':[{'id':2147483447,"
                  "'name':'x','required':false,'type':'long'},{'id':2147483540,'name':'y',"
                  "'required':false,'type':'long'}]}}"),
          400, "BadRequestException" },
        { "POST " T "/t",
          UPDATES("{'action':'add-schema','schema':{'type':'struct','fields':[{'id':3,'name':'x',"
                  "'required':false,'type':'decimal(99,1)'}]}}"),
          400, "BadRequestException" },
        { "GET " T "/t", NULL, 200, "metadata/schemas # 1; metadata/properties/a absent" },
        { "GET /v1/namespaces/%00", NULL, 400, "BadRequestException" },
        { "GET /v1/namespaces/%zz", NULL, 400, "BadRequestException" },
        { "GET /v1/namespaces/%ff", NULL, 400, "BadRequestException" },
        { "GET /v1/namespaces/a%2F..%2Fb", NULL, 400, "BadRequestException" },
        { "GET " T "/%2e%2e", NULL, 400, "BadRequestException" },
        { "GET " T "/a%3Bb", NULL, 400, "BadRequestException" },
    };
    struct app *app = open_app();
    struct buf deep = BUF_INIT(1 << 20), wide = BUF_INIT(8 << 20);
    PLAY(app, steps);
    buf_lit(&deep, "{\"updates\":");
    for (int i = 0; i < 100000; i++)
        buf_add_char(&deep, '[');
    EXPECT_ERROR(send(app, "POST", T "/t", buf_str(&deep)), 400, "BadRequestException", "");
    buf_lit(&wide, "{\"updates\":[");
    for (int i = 0; i <= 10000; i++)
        buf_printf(&wide, "%s{\"action\":\"remove-properties\",\"removals\":[]}", i ? "," : "");
    buf_lit(&wide, "]}");
    EXPECT_ERROR(send(app, "POST", T "/t", buf_str(&wide)), 400, "BadRequestException",
                 "updates has 10001 entries");
    EXPECT(get(app, T "/t"), 200);
    buf_deinit(&deep);
    buf_deinit(&wide);
    app_close(app);
}
