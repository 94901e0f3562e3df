/* SPDX-License-Identifier: Apache-2.0
 *
 * With access control on a table names its own files only: somebody who may do everything with one table tries to get at another's
 * through commits, in every way that metadata can name a file. */
#include "catalog/table.h"
#include "govern/roles.h"
#include "iceberg/manifest_list.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "iceberg_test.h"
#include "io/store.h"
#include "sql/sql.h"

struct world {
    struct app *app;
    struct identity thief, root;
    struct table own, other;
    int64_t next_id;
};

static void run_sql(struct app *app, const char *text)
{
    struct error err = { 0 };
    struct sql_outcome out;
    struct sql_request req = { .text = str_of(text),
                               .access = access_system(app->lake->govern, test_arena()) };
    CHECK_OK(sql_execute(app->lake, &req, test_arena(), &out, &err));
    sql_close(&out);
}

static struct table load(struct app *app, const char *name)
{
    struct error err = { 0 };
    struct table t;
    CHECK_OK(catalog_load_table(app->lake->catalog, (str){ 0 }, STR("a"), str_of(name),
                                test_arena(), &t, &err));
    return t;
}

static void grant(struct world *w, enum privilege p, enum securable_kind kind, const char *name)
{
    struct error err = { 0 };
    static const str levels[] = { STR_INIT("a") };
    struct grant g = { { kind, levels, 1, str_of(name) }, p, STR("*") };
    CHECK_OK(grant_add(w->app->lake->govern, STR("thief"), &g, &err));
}

static struct identity identity_of(struct app *app, const char *name)
{
    struct error err = { 0 };
    struct principal p;
    const struct identity *who;
    CHECK_OK(principal_by_name(app->lake->govern, str_of(name), test_arena(), &p, &err));
    CHECK_OK(principal_identity(app->lake->govern, p.id, (str){ 0 }, STR("t"), test_arena(), &who,
                                &err));
    return *who;
}

/* a.own, of which the thief may do everything, and a.other with rows of somebody else's. */
static struct world open_world(void)
{
    struct error err = { 0 };
    struct world w = { .app = open_app(), .next_id = 1000 };
    struct govern *g = w.app->lake->govern;
    struct principal_secret secret;
    struct principal p;
    struct role r;
    run_sql(w.app, "CREATE SCHEMA a");
    run_sql(w.app, "CREATE TABLE a.own AS SELECT 1 AS id");
    run_sql(w.app, "CREATE TABLE a.other AS SELECT 42 AS id");
    CHECK_OK(principals_bootstrap(g, test_arena(), &secret, &err));
    CHECK_OK(principal_create(g, STR("thief"), STR("{}"), false, test_arena(), &p, &secret, &err));
    CHECK_OK(role_create(g, ROLE_OF_PRINCIPALS, STR("thief"), STR("{}"), test_arena(), &r, &err));
    CHECK_OK(role_create(g, ROLE_OF_CATALOG, STR("thief"), STR("{}"), test_arena(), &r, &err));
    CHECK_OK(principal_role_give(g, STR("thief"), STR("thief"), &err));
    CHECK_OK(catalog_role_give(g, STR("thief"), STR("thief"), &err));
    grant(&w, TABLE_FULL_METADATA, SECURABLE_TABLE, "own");
    grant(&w, TABLE_WRITE_DATA, SECURABLE_TABLE, "own");
    grant(&w, TABLE_CREATE, SECURABLE_NAMESPACE, "");
    w.thief = identity_of(w.app, "thief");
    w.root = identity_of(w.app, "root");
    w.own = load(w.app, "own");
    w.other = load(w.app, "other");
    return w;
}

static struct reply post_as(struct world *w, const struct identity *who, const char *path, str body)
{
    struct api_answer answer;
    struct arena *a = test_arena();
    struct api_request req = { .method = STR("POST"),
                               .path = arena_printf(a, "/iceberg/v1/namespaces/a/%s", path),
                               .body = body,
                               .identity = who,
                               .arena = a };
    api_answer_init(&answer);
    api_dispatch(w->app, &req, &answer);
    struct reply out = { .status = answer.status,
                         .body = arena_str(a, buf_str(&answer.body)),
                         .content_type = answer.content_type };
    api_answer_deinit(&answer);
    return out;
}

static struct reply update(struct world *w, const struct identity *who, str updates)
{
    return post_as(w, who, "tables/own",
                   arena_printf(test_arena(), "{\"requirements\":[],\"updates\":[" STR_FMT "]}",
                                STR_ARG(updates)));
}

static struct reply add_snapshot(struct world *w, const struct identity *who, str list)
{
    struct table now = load(w->app, "own");
    long long id = w->next_id++, sequence = now.metadata->last_sequence_number + 1;
    return update(w, who,
                  json_f("{'action':'add-snapshot','snapshot':{'snapshot-id':%lld,"
                         "'parent-snapshot-id':%lld,'sequence-number':%lld,'timestamp-ms':%lld,"
                         "'manifest-list':'" STR_FMT "','summary':{'operation':'append'},"
                         "'schema-id':0}}",
                         id, (long long)now.snapshot_id, sequence,
                         (long long)now.metadata->last_updated_ms, STR_ARG(list)));
}

static const struct snapshot *current(const struct table *t)
{
    return metadata_snapshot_by_id(t->metadata, t->snapshot_id);
}

static void put(struct world *w, str location, str bytes)
{
    struct error err = { 0 };
    str path;
    CHECK_OK(store_from_uri(w->app->lake->warehouse, location, test_arena(), &path, &err));
    CHECK_OK(store_put(w->app->lake->warehouse, path, bytes, 0, &err));
}

static str read_all(struct world *w, str location)
{
    struct error err = { 0 };
    str path, bytes;
    CHECK_OK(store_from_uri(w->app->lake->warehouse, location, test_arena(), &path, &err));
    CHECK_OK(store_get(w->app->lake->warehouse, path, 1 << 20, test_arena(), &bytes, &err));
    return bytes;
}

static struct manifest_file *manifests_of(struct world *w, const struct table *t, size_t *n)
{
    struct error err = { 0 };
    struct manifest_file *out;
    CHECK_OK(scan_manifests(w->app->lake->warehouse, current(t), test_arena(), &out, n, &err));
    CHECK(*n > 0);
    return out;
}

/* A manifest list in the thief's own folder. */
static str forge_list(struct world *w, const struct manifest_file *manifests, size_t n)
{
    struct error err = { 0 };
    struct manifest_list_info info = { .format_version = 2,
                                       .snapshot_id = w->next_id,
                                       .parent_id = -1,
                                       .sequence_number = 9,
                                       .first_row_id = -1 };
    struct buf b = BUF_INIT(1 << 20);
    CHECK_OK(manifest_list_write(&info, manifests, n, &b, NULL, &err));
    str location = arena_printf(test_arena(), STR_FMT "/metadata/list-%lld.avro",
                                STR_ARG(w->own.metadata->location), (long long)w->next_id);
    put(w, location, buf_str(&b));
    buf_deinit(&b);
    return location;
}

#define DENIED(reply_, words_) EXPECT_ERROR(reply_, 403, "ForbiddenException", words_)

TEST(snapshots_name_files_of_their_table)
{
    struct world w = open_world();
    size_t n, own_n;
    struct manifest_file *theirs = manifests_of(&w, &w.other, &n);
    struct manifest_file *own = manifests_of(&w, &w.own, &own_n);
    DENIED(add_snapshot(&w, &w.thief, current(&w.other)->manifest_list), "manifest list ");
    DENIED(add_snapshot(&w, &w.thief, forge_list(&w, theirs, n)), "manifest ");
    /* That a table had it before is not believed of what the list says. */
    theirs[0].added_snapshot_id = w.own.snapshot_id;
    DENIED(add_snapshot(&w, &w.thief, forge_list(&w, theirs, n)), "manifest ");
    struct manifest_file copy = theirs[0];
    copy.path = arena_printf(test_arena(), STR_FMT "/metadata/copy.avro",
                             STR_ARG(w.own.metadata->location));
    put(&w, copy.path, read_all(&w, theirs[0].path));
    DENIED(add_snapshot(&w, &w.thief, forge_list(&w, &copy, 1)), "file ");
    DENIED(add_snapshot(&w, &w.thief, forge_list(&w, &copy, 1)), "file "); /* still */
    EXPECT_ERROR(add_snapshot(&w, &w.thief,
                              arena_printf(test_arena(), STR_FMT "/metadata/none.avro",
                                           STR_ARG(w.own.metadata->location))),
                 400, "BadRequestException", "none.avro");
    DENIED(update(&w, &w.thief,
                  json_f("{'action':'set-statistics','snapshot-id':%lld,'statistics':{"
                         "'snapshot-id':%lld,'statistics-path':'" STR_FMT "/s.puffin',"
                         "'file-size-in-bytes':1,'file-footer-size-in-bytes':1,"
                         "'blob-metadata':[]}}",
                         (long long)w.own.snapshot_id, (long long)w.own.snapshot_id,
                         STR_ARG(w.other.metadata->location))),
           "statistics file ");
    /* What is its own goes through, from the parent and read anew. */
    EXPECT(add_snapshot(&w, &w.thief, forge_list(&w, own, own_n)), 200);
    struct manifest_file again = own[0];
    again.path = arena_printf(test_arena(), STR_FMT "/metadata/again.avro",
                              STR_ARG(w.own.metadata->location));
    put(&w, again.path, read_all(&w, own[0].path));
    EXPECT(add_snapshot(&w, &w.thief, forge_list(&w, &again, 1)), 200);
    /* Who may write every table may name any. */
    EXPECT(add_snapshot(&w, &w.root, current(&w.other)->manifest_list), 200);
    app_close(w.app);
}

static str set_location(str location)
{
    return json_f("{'action':'set-location','location':'" STR_FMT "'}", STR_ARG(location));
}

static str set_path(const char *key, str location)
{
    return json_f("{'action':'set-properties','updates':{'%s':'" STR_FMT "'}}", key,
                  STR_ARG(location));
}

TEST(places_do_not_reach_into_another_tables)
{
    struct world w = open_world();
    struct arena *a = test_arena();
    str theirs = w.other.metadata->location, mine = w.own.metadata->location;
    str inside = arena_printf(a, STR_FMT "/data/x", STR_ARG(theirs));
    str around = str_sub(theirs, 0, theirs.len - (size_t)strlen("/other-") - 36);
    const str places[] = { theirs, inside, around };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        DENIED(update(&w, &w.thief, set_location(places[i])), "another table's");
        DENIED(update(&w, &w.thief, set_path("write.data.path", places[i])), "another table's");
        DENIED(update(&w, &w.thief, set_path("write.metadata.path", places[i])), "another table's");
        DENIED(post_as(&w, &w.thief, "tables",
                       json_f("{'name':'n','schema':" SCHEMA ",'location':'" STR_FMT "'}",
                              STR_ARG(places[i]))),
               "another table's");
        DENIED(post_as(&w, &w.thief, "tables",
                       json_f("{'name':'n','schema':" SCHEMA
                              ",'properties':{'write.data.path':'" STR_FMT "'}}",
                              STR_ARG(places[i]))),
               "another table's");
    }
    EXPECT(post_as(&w, &w.thief, "tables", json_f("{'name':'n','schema':" SCHEMA "}")), 200);
    EXPECT(update(&w, &w.thief,
                  set_path("write.data.path", arena_printf(a, STR_FMT "/files", STR_ARG(mine)))),
           200);
    EXPECT(update(&w, &w.thief, set_location(arena_printf(a, STR_FMT "-moved", STR_ARG(mine)))),
           200);
    EXPECT(update(&w, &w.root, set_location(theirs)), 200);
    app_close(w.app);
}

/* ---- Commits of Nessie's clients, which bring a whole metadata file ---- */

static str replaced(str text, str from, str to)
{
    struct buf b = BUF_INIT(1 << 20);
    ptrdiff_t at;
    size_t n = 0;
    for (; (at = str_find(text, from)) >= 0; text = str_from(text, (size_t)at + from.len), n++) {
        buf_add_str(&b, str_sub(text, 0, (size_t)at));
        buf_add_str(&b, to);
    }
    CHECK(n > 0);
    buf_add_str(&b, text);
    str out = arena_str(test_arena(), buf_str(&b));
    buf_deinit(&b);
    return out;
}

static struct reply commit_keys(struct world *w, const struct identity *who, const char *operations)
{
    struct api_answer answer;
    struct arena *a = test_arena();
    struct api_request req = { .method = STR("POST"),
                               .path = STR("/nessie/api/v2/trees/main/history/commit"),
                               .body = json_f("{'commitMeta':{'message':'m'},'operations':[%s]}",
                                              operations),
                               .identity = who,
                               .arena = a };
    api_answer_init(&answer);
    api_dispatch(w->app, &req, &answer);
    struct reply out = { .status = answer.status, .body = arena_str(a, buf_str(&answer.body)) };
    api_answer_deinit(&answer);
    return out;
}

static struct reply put_key(struct world *w, const struct identity *who, const char *name,
                            const char *id, str location)
{
    return commit_keys(w, who,
                       arena_printf(test_arena(),
                                    "{'type':'PUT','key':{'elements':['a','%s']},'content':{'type':"
                                    "'ICEBERG_TABLE',%s'metadataLocation':'" STR_FMT "'}}",
                                    name, id, STR_ARG(location))
                           .ptr);
}

/* a.own's metadata with some text changed, as a file of its own folder. */
static str forge_metadata(struct world *w, str from, str to)
{
    str text = replaced(read_all(w, w->own.metadata_location), from, to);
    str location = arena_printf(test_arena(), STR_FMT "/metadata/forged-%lld.metadata.json",
                                STR_ARG(w->own.metadata->location), (long long)w->next_id++);
    put(w, location, text);
    return location;
}

#define REFUSED(reply_, words_)                                                                    \
    do {                                                                                           \
        struct reply r_ = (reply_);                                                                \
        if (r_.status != 403 || str_find(r_.body, STR(words_)) < 0)                                \
            test_fail(__FILE__, __LINE__, "wanted 403 \"%s\", got %d " STR_FMT, words_, r_.status, \
                      STR_ARG(r_.body));                                                           \
    } while (0)

TEST(metadata_files_of_nessies_clients_are_the_tables_own)
{
    struct world w = open_world();
    struct arena *a = test_arena();
    const char *id = arena_printf(a, "'id':'" STR_FMT "',", STR_ARG(w.own.metadata->uuid)).ptr;
    str same = STR("\"format-version\"");
    size_t n;
    struct manifest_file *theirs = manifests_of(&w, &w.other, &n);
    /* Files of others, there or not, sound the same. */
    REFUSED(put_key(&w, &w.thief, "own", id, w.other.metadata_location), "metadata file ");
    REFUSED(put_key(&w, &w.thief, "own", id, STR("/etc/passwd")), "metadata file ");
    REFUSED(put_key(&w, &w.thief, "own", id, STR("/nowhere/x.metadata.json")), "metadata file ");
    /* A file of its own that names others'. */
    REFUSED(put_key(&w, &w.thief, "own", id,
                    forge_metadata(&w, current(&w.own)->manifest_list,
                                   current(&w.other)->manifest_list)),
            "manifest list ");
    REFUSED(put_key(&w, &w.thief, "own", id,
                    forge_metadata(&w, current(&w.own)->manifest_list, forge_list(&w, theirs, n))),
            "manifest ");
    REFUSED(put_key(&w, &w.thief, "own", id,
                    forge_metadata(&w, w.own.metadata->location, w.other.metadata->location)),
            "");
    REFUSED(put_key(&w, &w.thief, "own", id,
                    forge_metadata(&w, STR("\"metadata-log\":["),
                                   arena_printf(a,
                                                "\"metadata-log\":[{\"timestamp-ms\":1,"
                                                "\"metadata-file\":\"" STR_FMT "\"}",
                                                STR_ARG(w.other.metadata_location)))),
            "metadata file ");
    grant(&w, TABLE_WRITE_DATA, SECURABLE_TABLE, "new");
    /* A new table may be any, which only who may read all of them makes. */
    REFUSED(put_key(&w, &w.thief, "new", "", w.own.metadata_location), "TABLE_READ_DATA");
    /* An id that nothing has is a conflict, and no file is looked at. */
    EXPECT(put_key(&w, &w.thief, "new", id, w.other.metadata_location), 409);
    /* What is its own goes through, and another's table not even so. */
    EXPECT(put_key(&w, &w.thief, "own", id, forge_metadata(&w, same, same)), 200);
    CHECK_INT(put_key(&w, &w.thief, "other", id, forge_metadata(&w, same, same)).status, 403);
    w.own = load(w.app, "own");
    CHECK(str_find(w.own.metadata_location, STR("forged-")) > 0);
    /* Who may write every table may name any file. */
    EXPECT(put_key(&w, &w.root, "own", id,
                   forge_metadata(&w, current(&w.own)->manifest_list,
                                  current(&w.other)->manifest_list)),
           200);
    app_close(w.app);
}

TEST(without_access_control_nothing_is_asked)
{
    struct world w = { .app = open_app(), .next_id = 1000 };
    run_sql(w.app, "CREATE SCHEMA a");
    run_sql(w.app, "CREATE TABLE a.own AS SELECT 1 AS id");
    run_sql(w.app, "CREATE TABLE a.other AS SELECT 42 AS id");
    w.own = load(w.app, "own");
    w.other = load(w.app, "other");
    EXPECT(add_snapshot(&w, NULL, current(&w.other)->manifest_list), 200);
    EXPECT(update(&w, NULL, set_location(w.other.metadata->location)), 200);
    app_close(w.app);
}
