/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/catalog_priv.h"
#include "fixture.h"

#include "base/vec.h"

#define MAIN ((str){ 0 })

TEST(a_new_catalog_has_main_and_nothing_in_it)
{
    struct fixture f;
    struct error err;
    struct catalog_page page;
    struct ref_info *refs;
    size_t n;
    fixture_open(&f);
    CHECK_OK(
        catalog_list_namespaces(f.catalog, MAIN, (str){ 0 }, (str){ 0 }, 0, f.arena, &page, &err));
    CHECK_INT(page.n, 0);
    CHECK_OK(catalog_list_refs(f.catalog, f.arena, &refs, &n, &err));
    CHECK_INT(n, 1);
    CHECK_STR(refs[0].name, "main");
    str id = refs[0].commit_id;
    fixture_reopen(&f);
    CHECK_OK(catalog_list_refs(f.catalog, f.arena, &refs, &n, &err));
    CHECK(str_eq(refs[0].commit_id, id));
    fixture_close(&f);
}

TEST(namespaces_come_go_and_keep_properties)
{
    struct fixture f;
    struct error err;
    struct property set[] = { { STR_INIT("b"), STR_INIT("2") }, { STR_INIT("a"), STR_INIT("1") } };
    struct property *props;
    size_t n;
    str id, gone = STR("b");
    fixture_open(&f);
    struct arena *a = f.arena;
    CHECK_OK(catalog_create_namespace(f.catalog, MAIN, STR("ns"), set, 2, NULL, a, &id, &err));
    CHECK_INT(id.len, COMMIT_ID_LEN);
    CHECK_FAILS(catalog_create_namespace(f.catalog, MAIN, STR("ns"), NULL, 0, NULL, a, NULL, &err),
                ERR_EXISTS);
    CHECK_STR(str_of(err.msg), "Namespace already exists: ns");
    CHECK_FAILS(catalog_create_namespace(f.catalog, MAIN, ns_from_dotted(STR("x.y"), a), NULL, 0,
                                         NULL, a, NULL, &err),
                ERR_NOT_FOUND);
    CHECK_FAILS(
        catalog_create_namespace(f.catalog, MAIN, STR("a/../b"), NULL, 0, NULL, a, NULL, &err),
        ERR_INVALID);
    CHECK_OK(catalog_load_namespace(f.catalog, MAIN, STR("ns"), a, &props, &n, &err));
    CHECK_INT(n, 2);
    CHECK_STR(props[0].key, "a");
    struct property more = { STR("c"), STR("3") };
    CHECK_OK(catalog_update_namespace(f.catalog, MAIN, STR("ns"), &more, 1, &gone, 1, NULL, a, &id,
                                      &err));
    CHECK_OK(catalog_load_namespace(f.catalog, MAIN, STR("ns"), a, &props, &n, &err));
    CHECK_INT(n, 2);
    CHECK_STR(props[1].key, "c");
    CHECK_FAILS(catalog_update_namespace(f.catalog, MAIN, STR("ns"), &more, 1, &more.key, 1, NULL,
                                         a, NULL, &err),
                ERR_INVALID);
    make_namespace(&f, "ns.inner");
    CHECK_FAILS(catalog_drop_namespace(f.catalog, MAIN, STR("ns"), NULL, a, NULL, &err),
                ERR_CONFLICT);
    CHECK_OK(catalog_drop_namespace(f.catalog, MAIN, ns_from_dotted(STR("ns.inner"), a), NULL, a,
                                    NULL, &err));
    CHECK_OK(catalog_drop_namespace(f.catalog, MAIN, STR("ns"), NULL, a, NULL, &err));
    CHECK_FAILS(catalog_load_namespace(f.catalog, MAIN, STR("ns"), a, &props, &n, &err),
                ERR_NOT_FOUND);
    CHECK_FAILS(catalog_drop_namespace(f.catalog, MAIN, STR("ns"), NULL, a, NULL, &err),
                ERR_NOT_FOUND);
    fixture_close(&f);
}

TEST(listings_page_through_exactly_the_direct_children)
{
    struct fixture f;
    struct error err;
    struct catalog_page page;
    fixture_open(&f);
    struct arena *a = f.arena;
    const char *names[] = { "a", "a.x", "a.x.y", "a.z", "ab", "b" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        make_namespace(&f, names[i]);
    str token = { 0 }, seen = { 0 };
    do {
        CHECK_OK(catalog_list_namespaces(f.catalog, MAIN, (str){ 0 }, token, 2, a, &page, &err));
        for (size_t i = 0; i < page.n; i++)
            seen =
                arena_printf(a, STR_FMT "%s ", STR_ARG(seen), ns_to_text(page.names[i].ns, a).ptr);
        token = page.next;
    } while (token.len);
    CHECK_STR(seen, "a ab b ");
    CHECK_OK(catalog_list_namespaces(f.catalog, MAIN, STR("a"), (str){ 0 }, 0, a, &page, &err));
    CHECK_INT(page.n, 2);
    CHECK_STR(ns_to_text(page.names[1].ns, a), "a.z");
    CHECK_FAILS(catalog_list_namespaces(f.catalog, MAIN, STR("q"), (str){ 0 }, 0, a, &page, &err),
                ERR_NOT_FOUND);
    CHECK_FAILS(catalog_list_namespaces(f.catalog, MAIN, STR("a"), STR("zz"), 0, a, &page, &err),
                ERR_INVALID);
    CHECK_FAILS(catalog_list(f.catalog, MAIN, STR("q"), ENTRY_TABLE, (str){ 0 }, 0, a, &page, &err),
                ERR_NOT_FOUND);
    fixture_close(&f);
}

TEST(tables_are_created_loaded_renamed_and_dropped)
{
    struct fixture f;
    struct error err;
    struct table t, again;
    struct catalog_page page;
    bool there;
    fixture_open(&f);
    struct arena *a = f.arena;
    CHECK_FAILS(try_table(&f, "", "t", &t, &err), ERR_NOT_FOUND);
    CHECK_STR(str_of(err.msg), "Namespace does not exist: ns");
    make_namespace(&f, "ns");
    CHECK_OK(try_table(&f, "", "t", &t, &err));
    CHECK(str_find(t.metadata_location, STR("/ns/t-")) > 0);
    CHECK(str_find(t.metadata_location, STR("/metadata/00000-")) > 0);
    CHECK(str_ends(t.metadata_location, STR(".metadata.json")));
    CHECK_INT(t.snapshot_id, -1);
    CHECK_INT(t.metadata->format_version, 2);
    CHECK_STR(metadata_property(t.metadata, "write.parquet.compression-codec", STR("-")), "zstd");
    CHECK_FAILS(try_table(&f, "", "t", &t, &err), ERR_EXISTS);
    CHECK_STR(str_of(err.msg), "Table already exists: ns.t");
    fixture_reopen(&f);
    CHECK_OK(catalog_load_table(f.catalog, STR("main"), STR("ns"), STR("t"), a, &again, &err));
    CHECK(str_eq(again.uuid, t.uuid));
    CHECK(metadata_equal(again.metadata, t.metadata));
    CHECK_FAILS(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("no"), a, &again, &err),
                ERR_NOT_FOUND);
    CHECK_STR(str_of(err.msg), "Table does not exist: ns.no");
    CHECK_FAILS(catalog_load_table(f.catalog, STR("nope"), STR("ns"), STR("t"), a, &again, &err),
                ERR_NOT_FOUND);
    CHECK_FAILS(catalog_drop_namespace(f.catalog, MAIN, STR("ns"), NULL, a, NULL, &err),
                ERR_CONFLICT);
    make_namespace(&f, "other");
    CHECK_OK(catalog_rename_table(f.catalog, MAIN, STR("ns"), STR("t"), STR("other"), STR("u"),
                                  NULL, a, NULL, &err));
    CHECK_OK(catalog_table_exists(f.catalog, MAIN, STR("ns"), STR("t"), &there, &err));
    CHECK(!there);
    CHECK_OK(catalog_load_table(f.catalog, MAIN, STR("other"), STR("u"), a, &again, &err));
    CHECK(str_eq(again.metadata_location, t.metadata_location));
    make_table(&f, "t");
    CHECK_FAILS(catalog_rename_table(f.catalog, MAIN, STR("ns"), STR("t"), STR("other"), STR("u"),
                                     NULL, a, NULL, &err),
                ERR_EXISTS);
    CHECK_OK(catalog_list_all(f.catalog, MAIN, (str){ 0 }, 0, a, &page, &err));
    CHECK_INT(page.n, 2);
    CHECK_OK(
        catalog_drop_table(f.catalog, MAIN, STR("other"), STR("u"), true, NULL, a, NULL, &err));
    CHECK_FAILS(
        catalog_drop_table(f.catalog, MAIN, STR("other"), STR("u"), true, NULL, a, NULL, &err),
        ERR_NOT_FOUND);
    CHECK_OK(catalog_register_table(f.catalog, MAIN, STR("other"), STR("back"), t.metadata_location,
                                    false, NULL, a, &again, &err));
    CHECK(str_eq(again.uuid, t.uuid));
    CHECK_FAILS(catalog_register_table(f.catalog, MAIN, STR("other"), STR("x"), STR("/etc/passwd"),
                                       false, NULL, a, &again, &err),
                ERR_DENIED);
    fixture_close(&f);
}

TEST(locations_outside_the_warehouse_are_denied)
{
    struct fixture f;
    struct error err;
    struct table t;
    fixture_open(&f);
    make_namespace(&f, "ns");
    struct table_create req = { .ns = STR("ns"),
                                .name = STR("t"),
                                .schema = small_schema(f.arena) };
    const char *bad[] = { "/etc/x", "/tmp/../etc", "s3://bucket/x", "file:///root/t" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        req.location = str_of(bad[i]);
        err = (struct error){ 0 };
        CHECK(!catalog_create_table(f.catalog, MAIN, &req, NULL, f.arena, &t, &err));
        CHECK(err.code == ERR_DENIED || err.code == ERR_INVALID);
    }
    req.location = (str){ 0 };
    struct property p = { STR("write.metadata.path"), STR("/etc/firn") };
    req.props = &p;
    req.props_n = 1;
    CHECK_FAILS(catalog_create_table(f.catalog, MAIN, &req, NULL, f.arena, &t, &err), ERR_DENIED);
    make_table(&f, "t");
    struct table_update u = { .kind = UPDATE_SET_PROPERTIES, .properties = { &p, 1 } };
    struct table_change ch = { .ns = STR("ns"), .name = STR("t"), .updates = &u, .updates_n = 1 };
    struct commit_result r;
    CHECK_FAILS(catalog_commit(f.catalog, MAIN, &ch, 1, NULL, f.arena, &r, &err), ERR_DENIED);
    fixture_close(&f);
}

TEST(append_makes_snapshots_and_history)
{
    struct fixture f;
    struct error err;
    struct write_outcome w;
    struct log_page log;
    fixture_open(&f);
    struct arena *a = f.arena;
    make_namespace(&f, "ns");
    make_table(&f, "t");
    CHECK_OK(append_file(&f, "", "t", "1.parquet", a, &w, &err));
    int64_t first = w.snapshot_id;
    CHECK(first > 0);
    CHECK_OK(append_file(&f, "", "t", "2.parquet", a, &w, &err));
    CHECK_INT(w.attempts, 1);
    CHECK(str_find(w.table.metadata_location, STR("/00002-")) > 0);
    CHECK_INT(count_files(&f, "", "t", ""), 2);
    CHECK_INT(total_records(&f, "", "t"), 20);
    CHECK_OK(catalog_log(f.catalog, MAIN, (str){ 0 }, 2, a, &log, &err));
    CHECK_INT(log.n, 2);
    CHECK(str_eq(log.commits[0].id, w.commit_id));
    CHECK_STR(log.commits[0].message, "update table ns.t");
    CHECK_STR(log.commits[0].operations,
              "[{\"op\":\"update\",\"type\":\"table\",\"name\":\"ns.t\"}]");
    CHECK_OK(catalog_log(f.catalog, MAIN, log.next, 0, a, &log, &err));
    CHECK_INT(log.n, 3);
    CHECK_STR(log.commits[2].message, "create catalog");
    CHECK_INT(log.next.len, 0);
    struct table t;
    CHECK_OK(catalog_load_table(f.catalog, log.commits[0].id, STR("ns"), STR("t"), a, &t, &err));
    CHECK_INT(t.snapshot_id, -1);
    struct table old;
    CHECK_OK(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("t"), a, &old, &err));
    CHECK(metadata_is_ancestor(old.metadata, old.snapshot_id, first));
    struct data_file d = data_file_of(old.metadata->location, "3.parquet", 5, a);
    CHECK_FAILS(catalog_overwrite_all(f.catalog, MAIN, STR("ns"), STR("t"), first, &d, 1, NULL, a,
                                      &w, &err),
                ERR_CONFLICT);
    CHECK_OK(catalog_overwrite_all(f.catalog, MAIN, STR("ns"), STR("t"), old.snapshot_id, &d, 1,
                                   NULL, a, &w, &err));
    CHECK_INT(count_files(&f, "", "t", ""), 1);
    CHECK_INT(total_records(&f, "", "t"), 5);
    struct data_file e = data_file_of(old.metadata->location, "4.parquet", 7, a);
    CHECK_OK(catalog_replace(f.catalog, MAIN, STR("ns"), STR("t"), &d.path, 1, &e, 1, NULL, a, &w,
                             &err));
    CHECK_FAILS(
        catalog_replace(f.catalog, MAIN, STR("ns"), STR("t"), &d.path, 1, &e, 1, NULL, a, &w, &err),
        ERR_CONFLICT);
    CHECK_INT(total_records(&f, "", "t"), 7);
    fixture_close(&f);
}

TEST(what_a_commit_made_outlives_a_reader_who_was_faster)
{
    struct fixture f;
    struct error err;
    struct table t;
    const struct metadata *next, *seen;
    str location;
    fixture_open(&f);
    make_namespace(&f, "ns");
    make_table(&f, "t");
    struct arena *a = arena_create(0), *reader = arena_create(0);
    CHECK_OK(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("t"), a, &t, &err));
    struct metadata_draft *d = metadata_draft(f.catalog, t.metadata, t.metadata_location, a);
    CHECK(d != NULL);
    struct property p = { STR("n"), STR("1") };
    struct table_update set = { .kind = UPDATE_SET_PROPERTIES, .properties = { &p, 1 } }, *copy;
    struct arena *own = metadata_draft_arena(d);
    CHECK(table_updates_copy(&set, 1, own, &copy));
    CHECK_OK(metadata_apply(t.metadata, arena_str(own, t.metadata_location), copy, 1, 1, own, &next,
                            &err));
    CHECK_OK(metadata_save(f.catalog, next, t.metadata_location, a, &location, NULL, &err));
    CHECK_OK(metadata_load(f.catalog, location, (str){ 0 }, reader, &seen, &err));
    metadata_draft_keep(f.catalog, d, next, location);
    CHECK_STR(metadata_property(next, "n", STR("")), "1");
    CHECK_STR(metadata_property(seen, "n", STR("")), "1");
    CHECK_OK(metadata_load(f.catalog, location, (str){ 0 }, a, &seen, &err));
    CHECK(seen == next);
    arena_destroy(a);
    arena_destroy(reader);
    fixture_close(&f);
}

/* The next commit starts from what the last one left in memory; it must be what a reader of the file sees, however many commits stand on one
 * another, and need nothing of the requests that made it. */
TEST(what_a_commit_leaves_in_memory_is_what_its_file_says)
{
    struct fixture f;
    struct error err;
    fixture_open(&f);
    make_namespace(&f, "ns");
    make_table(&f, "t");
    for (int i = 0; i < 80; i++) {
        struct arena *a = arena_create(0);
        struct write_outcome w;
        struct table t;
        const struct metadata *from_file;
        struct property p = { STR("n"), arena_printf(a, "%d", i) };
        struct table_update set = { .kind = UPDATE_SET_PROPERTIES, .properties = { &p, 1 } };
        struct table_change ch = {
            .ns = STR("ns"), .name = STR("t"), .updates = &set, .updates_n = 1
        };
        struct commit_result done;
        str path, bytes;
        CHECK_OK(append_file(&f, "", "t", arena_printf(a, "%d.parquet", i).ptr, a, &w, &err));
        CHECK_OK(catalog_commit(f.catalog, MAIN, &ch, 1, NULL, a, &done, &err));
        CHECK_OK(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("t"), a, &t, &err));
        CHECK_OK(store_from_uri(f.store, t.metadata_location, a, &path, &err));
        CHECK_OK(store_get(f.store, path, METADATA_BYTES_MAX, a, &bytes, &err));
        CHECK_OK(metadata_parse(bytes, a, &from_file, &err));
        CHECK(metadata_equal(t.metadata, from_file));
        CHECK(str_eq(done.tables[0].json, bytes));
        CHECK_INT(t.metadata->snapshots_n, i + 1);
        arena_destroy(a);
    }
    fixture_close(&f);
}

/* The summary that a writer gives must be in the snapshot. */
TEST(what_produced_a_snapshot_is_kept_in_it)
{
    struct fixture f;
    struct error err;
    struct write_outcome w;
    struct property summary = { STR("firn.run-id"), STR("r-17") };
    struct write_info info = { .summary = &summary,
                               .summary_n = 1,
                               .commit = { .author = STR("ann"), .message = STR("load") } };
    struct table t;
    struct log_page log;
    fixture_open(&f);
    make_namespace(&f, "ns");
    make_table(&f, "t");
    CHECK_OK(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("t"), f.arena, &t, &err));
    struct data_file d = data_file_of(t.metadata->location, "1.parquet", 10, f.arena);
    CHECK_OK(catalog_append(f.catalog, MAIN, STR("ns"), STR("t"), &d, 1, &info, f.arena, &w, &err));
    const struct snapshot *s = metadata_snapshot(w.table.metadata);
    CHECK_STR(property_get(&s->summary, "firn.run-id", STR("-")), "r-17");
    CHECK_OK(catalog_log(f.catalog, MAIN, (str){ 0 }, 1, f.arena, &log, &err));
    CHECK_STR(log.commits[0].author, "ann");
    CHECK_STR(log.commits[0].message, "load");
    fixture_close(&f);
}

static struct table_change set_prop(const char *table, const char *key, const char *value,
                                    struct arena *a)
{
    struct property *p = arena_new(a, struct property);
    struct table_update *u = arena_new(a, struct table_update);
    *p = (struct property){ str_of(key), str_of(value) };
    *u = (struct table_update){ .kind = UPDATE_SET_PROPERTIES, .properties = { p, 1 } };
    return (struct table_change){
        .ns = STR("ns"), .name = str_of(table), .updates = u, .updates_n = 1
    };
}

TEST(a_commit_of_many_tables_is_all_or_nothing)
{
    struct fixture f;
    struct error err;
    struct commit_result r;
    struct table t;
    fixture_open(&f);
    struct arena *a = f.arena;
    make_namespace(&f, "ns");
    make_table(&f, "t");
    make_table(&f, "u");
    struct table_change changes[] = { set_prop("t", "k", "1", a), set_prop("u", "k", "1", a) };
    CHECK_OK(catalog_commit(f.catalog, MAIN, changes, 2, NULL, a, &r, &err));
    CHECK_INT(r.n, 2);
    CHECK(!r.replayed);
    CHECK_STR(metadata_property(r.tables[1].metadata, "k", STR("-")), "1");
    struct table_requirement wrong = require_ref(STR("main"), 42);
    changes[0] = set_prop("t", "k", "2", a);
    changes[1] = set_prop("u", "k", "2", a);
    changes[1].requirements = &wrong;
    changes[1].requirements_n = 1;
    CHECK_FAILS(catalog_commit(f.catalog, MAIN, changes, 2, NULL, a, &r, &err), ERR_CONFLICT);
    CHECK_OK(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("t"), a, &t, &err));
    CHECK_STR(metadata_property(t.metadata, "k", STR("-")), "1");
    changes[1] = changes[0];
    CHECK_FAILS(catalog_commit(f.catalog, MAIN, changes, 2, NULL, a, &r, &err), ERR_INVALID);
    changes[1] = set_prop("missing", "k", "2", a);
    CHECK_FAILS(catalog_commit(f.catalog, MAIN, changes, 2, NULL, a, &r, &err), ERR_NOT_FOUND);
    CHECK_FAILS(catalog_commit(f.catalog, MAIN, changes, 0, NULL, a, &r, &err), ERR_INVALID);
    fixture_close(&f);
}

TEST(a_staged_table_appears_by_its_first_commit)
{
    struct fixture f;
    struct error err;
    struct table staged, t;
    struct commit_result r;
    bool there;
    fixture_open(&f);
    struct arena *a = f.arena;
    make_namespace(&f, "ns");
    struct table_create req = {
        .ns = STR("ns"), .name = STR("t"), .schema = small_schema(a), .stage = true
    };
    CHECK_OK(catalog_create_table(f.catalog, MAIN, &req, NULL, a, &staged, &err));
    CHECK_INT(staged.metadata_location.len, 0);
    CHECK_OK(catalog_table_exists(f.catalog, MAIN, STR("ns"), STR("t"), &there, &err));
    CHECK(!there);
    struct table_requirement create = { .kind = REQUIRE_CREATE };
    struct table_update updates[] = {
        { .kind = UPDATE_ASSIGN_UUID, .uuid = staged.uuid },
        { .kind = UPDATE_UPGRADE_FORMAT_VERSION, .format_version = 2 },
        { .kind = UPDATE_ADD_SCHEMA, .schema = metadata_schema(staged.metadata) },
        { .kind = UPDATE_SET_CURRENT_SCHEMA, .id = LAST_ADDED },
        { .kind = UPDATE_ADD_SPEC, .spec = metadata_spec(staged.metadata) },
        { .kind = UPDATE_SET_DEFAULT_SPEC, .id = LAST_ADDED },
        { .kind = UPDATE_ADD_SORT_ORDER, .order = metadata_order(staged.metadata) },
        { .kind = UPDATE_SET_DEFAULT_SORT_ORDER, .id = LAST_ADDED },
        { .kind = UPDATE_SET_LOCATION, .location = staged.metadata->location },
    };
    struct table_change ch = { STR("ns"), STR("t"), &create,
                               1,         updates,  sizeof updates / sizeof *updates };
    CHECK_OK(catalog_commit(f.catalog, MAIN, &ch, 1, NULL, a, &r, &err));
    CHECK_OK(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("t"), a, &t, &err));
    CHECK(str_eq(t.uuid, staged.uuid));
    CHECK_FAILS(catalog_commit(f.catalog, MAIN, &ch, 1, NULL, a, &r, &err), ERR_EXISTS);
    fixture_close(&f);
}

/* A client that lost the answer sends its commit again: with a key, or with the same snapshot. */
TEST(replays_get_the_recorded_outcome)
{
    struct fixture f;
    struct error err;
    struct commit_result first, second;
    struct write_outcome w;
    fixture_open(&f);
    struct arena *a = f.arena;
    make_namespace(&f, "ns");
    make_table(&f, "t");
    struct commit_info info = { .idempotency_key = STR("0190a2b4-key") };
    struct table_change ch = set_prop("t", "k", "1", a);
    CHECK_OK(catalog_commit(f.catalog, MAIN, &ch, 1, &info, a, &first, &err));
    struct table_change other = set_prop("t", "k", "2", a);
    CHECK_OK(catalog_commit(f.catalog, MAIN, &other, 1, NULL, a, &second, &err));
    CHECK_OK(catalog_commit(f.catalog, MAIN, &ch, 1, &info, a, &second, &err));
    CHECK(second.replayed);
    CHECK(str_eq(first.commit_id, second.commit_id));
    CHECK_STR(metadata_property(second.tables[0].metadata, "k", STR("-")), "1");
    CHECK_FAILS(catalog_create_namespace(f.catalog, MAIN, STR("x"), NULL, 0, &info, a, NULL, &err),
                ERR_INVALID);

    /* The same snapshot again, without a key, after the table went on. */
    CHECK_OK(append_file(&f, "", "t", "1.parquet", a, &w, &err));
    const struct snapshot *s = metadata_snapshot(w.table.metadata);
    CHECK_OK(append_file(&f, "", "t", "2.parquet", a, &w, &err));
    struct table_update updates[] = { update_add_snapshot(s),
                                      update_set_ref(STR("main"), REF_BRANCH, s->id) };
    struct table_requirement req = require_ref(STR("main"), SNAPSHOT_NONE);
    ch = (struct table_change){ STR("ns"), STR("t"), &req, 1, updates, 2 };
    CHECK_OK(catalog_commit(f.catalog, MAIN, &ch, 1, NULL, a, &second, &err));
    CHECK(second.replayed);
    CHECK_INT(second.tables[0].snapshot_id, w.snapshot_id);
    CHECK_INT(count_files(&f, "", "t", ""), 2);
    CHECK_INT(count_files(&f, "", "t", "1.parquet"), 1);

    /* Even when the snapshot has expired since. */
    struct table_update expire = { .kind = UPDATE_REMOVE_SNAPSHOTS, .snapshot_ids = { &s->id, 1 } };
    struct table_change drop = {
        .ns = STR("ns"), .name = STR("t"), .updates = &expire, .updates_n = 1
    };
    CHECK_OK(catalog_commit(f.catalog, MAIN, &drop, 1, NULL, a, &first, &err));
    CHECK_OK(catalog_commit(f.catalog, MAIN, &ch, 1, NULL, a, &second, &err));
    CHECK(second.replayed);
    fixture_close(&f);
}

TEST(only_branches_can_be_written)
{
    struct fixture f;
    struct error err;
    struct ref_info tag;
    fixture_open(&f);
    CHECK_OK(catalog_create_ref(f.catalog, CATALOG_TAG, STR("v1"), MAIN, f.arena, &tag, &err));
    CHECK_FAILS(catalog_create_namespace(f.catalog, STR("v1"), STR("x"), NULL, 0, NULL, f.arena,
                                         NULL, &err),
                ERR_INVALID);
    CHECK_FAILS(catalog_create_namespace(f.catalog, tag.commit_id, STR("x"), NULL, 0, NULL, f.arena,
                                         NULL, &err),
                ERR_INVALID);
    fixture_close(&f);
}

/* Damage on disk must be named, never served. */
TEST(damaged_metadata_is_reported)
{
    struct fixture f;
    struct error err;
    struct table t;
    str path, bytes;
    fixture_open(&f);
    struct arena *a = f.arena;
    make_namespace(&f, "ns");
    make_table(&f, "t");
    make_table(&f, "u");
    struct table u;
    CHECK_OK(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("t"), a, &t, &err));
    CHECK_OK(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("u"), a, &u, &err));
    CHECK_OK(store_from_uri(f.store, t.metadata_location, a, &path, &err));
    CHECK_OK(store_get(f.store, path, 1 << 20, a, &bytes, &err));
    CHECK_OK(store_put(f.store, path, str_sub(bytes, 0, bytes.len / 2), STORE_REPLACE, &err));
    fixture_reopen(&f);
    CHECK_FAILS(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("t"), a, &t, &err), ERR_CORRUPT);
    CHECK(str_find(str_of(err.msg), STR("/metadata/00000-")) > 0);
    CHECK_OK(store_from_uri(f.store, u.metadata_location, a, &path, &err));
    CHECK_OK(store_put(f.store, path, bytes, STORE_REPLACE, &err));
    CHECK_FAILS(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("u"), a, &t, &err), ERR_CORRUPT);
    fixture_close(&f);
}

static bool set_codec(struct fixture *f, const char *codec, struct commit_result *out,
                      struct error *err)
{
    struct property p = { STR("write.metadata.compression-codec"), str_of(codec) };
    struct table_update set = { .kind = UPDATE_SET_PROPERTIES, .properties = { &p, 1 } };
    struct table_change ch = { .ns = STR("ns"), .name = STR("t"), .updates = &set, .updates_n = 1 };
    return catalog_commit(f->catalog, MAIN, &ch, 1, NULL, f->arena, out, err);
}

TEST(metadata_is_packed_when_the_table_wants_it)
{
    struct fixture f;
    struct error err;
    struct commit_result done;
    struct table t;
    str path, bytes;
    fixture_open(&f);
    make_namespace(&f, "ns");
    make_table(&f, "t");
    CHECK_FAILS(set_codec(&f, "zip", &done, &err), ERR_INVALID);
    CHECK_OK(set_codec(&f, "gzip", &done, &err));
    str location = done.tables[0].metadata_location;
    CHECK(str_find(location, STR("/00001-")) > 0 && str_ends(location, STR(".gz.metadata.json")));
    CHECK_OK(store_from_uri(f.store, location, f.arena, &path, &err));
    CHECK_OK(store_get(f.store, path, METADATA_BYTES_MAX, f.arena, &bytes, &err));
    CHECK(str_starts(bytes, STR("\x1f\x8b")));
    CHECK(str_starts(done.tables[0].json, STR("{"))); /* what is answered is not */
    fixture_reopen(&f);
    CHECK_OK(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("t"), f.arena, &t, &err));
    CHECK_STR(metadata_property(t.metadata, "write.metadata.compression-codec", STR("")), "gzip");
    CHECK_OK(set_codec(&f, "none", &done, &err));
    location = done.tables[0].metadata_location;
    CHECK(str_find(location, STR("/00002-")) > 0 && str_find(location, STR(".gz.")) < 0);
    fixture_close(&f);
}

/* It would be taken for a file that was made to fill memory. */
TEST(what_shrinks_too_well_is_not_packed)
{
    struct fixture f;
    struct error err;
    struct commit_result done;
    struct table t;
    size_t len = 4 << 20;
    fixture_open(&f);
    make_namespace(&f, "ns");
    make_table(&f, "t");
    CHECK_OK(set_codec(&f, "gzip", &done, &err));
    char *text = arena_alloc(f.arena, len);
    memset(text, 'x', len);
    struct property p = { STR("long"), str_make(text, len) };
    struct table_update set = { .kind = UPDATE_SET_PROPERTIES, .properties = { &p, 1 } };
    struct table_change ch = { .ns = STR("ns"), .name = STR("t"), .updates = &set, .updates_n = 1 };
    CHECK_OK(catalog_commit(f.catalog, MAIN, &ch, 1, NULL, f.arena, &done, &err));
    CHECK(str_find(done.tables[0].metadata_location, STR(".gz.")) < 0);
    fixture_reopen(&f);
    CHECK_OK(catalog_load_table(f.catalog, MAIN, STR("ns"), STR("t"), f.arena, &t, &err));
    fixture_close(&f);
}
