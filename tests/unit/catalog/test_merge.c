/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging the contents of tables, picks and reverts. */
#include "fixture.h"
#include "iceberg/snapshot.h"

#define MAIN ((str){ 0 })

static void set_up(struct fixture *f)
{
    struct error err;
    struct write_outcome w;
    fixture_open(f);
    make_namespace(f, "ns");
    make_table(f, "t");
    make_table(f, "u");
    CHECK_OK(append_file(f, "", "t", "base.parquet", f->arena, &w, &err));
    CHECK_OK(
        catalog_create_ref(f->catalog, CATALOG_BRANCH, STR("dev"), MAIN, f->arena, NULL, &err));
}

static str append(struct fixture *f, const char *ref, const char *table, const char *file)
{
    struct error err;
    struct write_outcome w;
    CHECK_OK(append_file(f, ref, table, file, f->arena, &w, &err));
    return w.commit_id;
}

static void load(struct fixture *f, const char *ref, const char *table, struct table *out)
{
    struct error err;
    CHECK_OK(
        catalog_load_table(f->catalog, str_of(ref), STR("ns"), str_of(table), f->arena, out, &err));
}

static void commit(struct fixture *f, const char *ref, const struct table_update *u, size_t n)
{
    struct error err;
    struct commit_result done;
    struct table_change ch = { .ns = STR("ns"), .name = STR("t"), .updates = u, .updates_n = n };
    CHECK_OK(catalog_commit(f->catalog, str_of(ref), &ch, 1, NULL, f->arena, &done, &err));
}

/* Rewrites a file of a table, as compaction does. */
static void replace(struct fixture *f, const char *ref, const char *removed, const char *added)
{
    struct error err;
    struct table t;
    load(f, ref, "t", &t);
    str path = arena_printf(f->arena, STR_FMT "/data/%s", STR_ARG(t.metadata->location), removed);
    struct data_file d = data_file_of(t.metadata->location, added, 10, f->arena);
    struct snapshot_change change = {
        .operation = SNAPSHOT_REPLACE, .added = &d, .added_n = 1, .removed = &path, .removed_n = 1
    };
    struct snapshot_result r;
    CHECK_OK(snapshot_produce(f->store, f->env, t.metadata, &change, f->arena, &r, &err));
    commit(f, ref, r.updates, r.updates_n);
}

static void set_property(struct fixture *f, const char *ref, const char *key, const char *value)
{
    struct property p = { str_of(key), str_of(value) };
    struct table_update u = { .kind = UPDATE_SET_PROPERTIES, .properties = { &p, 1 } };
    commit(f, ref, &u, 1);
}

/* A new schema with one more column, of the next id. */
static void add_column(struct fixture *f, const char *ref, const char *name)
{
    struct error err;
    struct table t;
    struct json *json;
    const struct schema *schema;
    load(f, ref, "t", &t);
    struct buf text = BUF_INIT(4096);
    struct json_writer w;
    jw_init(&w, &text);
    schema_write(metadata_schema(t.metadata), true, &w);
    str old = buf_str(&text);
    str more =
        arena_printf(f->arena,
                     STR_FMT ",{\"id\":%d,\"name\":\"%s\",\"required\":false,"
                             "\"type\":\"long\"}]}",
                     STR_ARG(str_sub(old, 0, old.len - 2)), t.metadata->last_column_id + 1, name);
    CHECK(str_ends(old, STR("]}")));
    CHECK_OK(json_parse(more, f->arena, &json, &err));
    CHECK_OK(schema_parse(json, f->arena, &schema, &err));
    buf_deinit(&text);
    struct table_update u[] = { { .kind = UPDATE_ADD_SCHEMA, .schema = schema },
                                { .kind = UPDATE_SET_CURRENT_SCHEMA, .id = LAST_ADDED } };
    commit(f, ref, u, 2);
}

static void merge(struct fixture *f, const char *from, const char *into, struct merge_result *r)
{
    struct error err;
    struct merge_request req = { .from = str_of(from), .into = str_of(into) };
    CHECK_OK(catalog_merge(f->catalog, &req, NULL, f->arena, r, &err));
    for (size_t i = 0; i < r->n && !r->applied; i++)
        if (r->entries[i].conflict)
            printf("conflict: " STR_FMT "\n", STR_ARG(r->entries[i].reason));
}

static void pick(struct fixture *f, bool revert, str commit_id, const char *into,
                 struct merge_result *r)
{
    struct error err;
    struct pick_request req = {
        .commits = &commit_id, .commits_n = 1, .into = str_of(into), .revert = revert
    };
    CHECK_OK(catalog_pick(f->catalog, &req, NULL, f->arena, r, &err));
}

static const char *conflict_of(const struct merge_result *r, struct arena *a)
{
    CHECK(!r->applied);
    CHECK_INT(r->conflicts_n, 1);
    for (size_t i = 0; i < r->n; i++)
        if (r->entries[i].conflict)
            return arena_cstr(a, r->entries[i].reason);
    return "";
}

static void check_reason(struct fixture *f, const struct merge_result *r, const char *want)
{
    const char *reason = conflict_of(r, f->arena);
    if (!strstr(reason, want))
        test_fail(__FILE__, __LINE__, "reason is: %s", reason);
}

TEST(a_compaction_of_either_side_merges_with_appends)
{
    struct fixture f;
    struct merge_result r;
    struct table t;
    set_up(&f);
    append(&f, "dev", "t", "d1.parquet");
    replace(&f, "dev", "base.parquet", "small.parquet");
    append(&f, "main", "t", "m1.parquet");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    CHECK(r.entries[0].action == MERGE_COMBINED);
    CHECK_INT(count_files(&f, "main", "t", ""), 3);
    CHECK_INT(count_files(&f, "main", "t", "base.parquet"), 0);
    CHECK_INT(count_files(&f, "main", "t", "small.parquet"), 1);
    load(&f, "main", "t", &t);
    CHECK_STR(metadata_snapshot(t.metadata)->operation, "overwrite"); /* rows came too */

    /* Compaction alone stays one, and the target's does not bring back what it compacted. */
    append(&f, "dev", "t", "d2.parquet");
    replace(&f, "main", "d1.parquet", "compact.parquet");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "main", "t", "d1.parquet"), 0);
    CHECK_INT(count_files(&f, "main", "t", "d2.parquet"), 1);
    merge(&f, "main", "dev", &r);
    replace(&f, "dev", "m1.parquet", "m1c.parquet");
    append(&f, "main", "t", "m2.parquet");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    load(&f, "main", "t", &t);
    CHECK_STR(metadata_snapshot(t.metadata)->operation, "replace");
    CHECK_INT(total_records(&f, "main", "t"), 50);
    fixture_close(&f);
}

TEST(two_compactions_of_one_file_are_a_conflict)
{
    struct fixture f;
    struct merge_result r;
    set_up(&f);
    replace(&f, "dev", "base.parquet", "d.parquet");
    replace(&f, "main", "base.parquet", "m.parquet");
    merge(&f, "dev", "main", &r);
    check_reason(&f, &r, "both sides rewrote the file");
    fixture_close(&f);
}

TEST(a_schema_change_on_either_side_merges_with_appends)
{
    struct fixture f;
    struct merge_result r;
    struct table t;
    set_up(&f);
    add_column(&f, "dev", "x");
    append(&f, "dev", "t", "d1.parquet");
    append(&f, "main", "t", "m1.parquet");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    load(&f, "main", "t", &t);
    CHECK_INT(metadata_schema(t.metadata)->fields_n, 3);
    CHECK_INT(t.metadata->last_column_id, 3);
    CHECK_INT(count_files(&f, "main", "t", ""), 3);
    CHECK(t.metadata->metadata_log_n > 0);
    add_column(&f, "main", "y");
    append(&f, "dev", "t", "d2.parquet");
    append(&f, "main", "t", "m2.parquet");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "main", "t", ""), 5);
    add_column(&f, "dev", "z"); /* takes the id that main gave to y */
    append(&f, "main", "t", "m3.parquet");
    merge(&f, "dev", "main", &r);
    check_reason(&f, &r, "schema changed on both sides");
    fixture_close(&f);
}

TEST(properties_of_both_sides_and_an_overwrite_of_one_go_together)
{
    struct fixture f;
    struct error err;
    struct merge_result r;
    struct table t, d;
    struct write_outcome w;
    set_up(&f);
    set_property(&f, "dev", "a", "1");
    CHECK_OK(catalog_overwrite_all(f.catalog, STR("dev"), STR("ns"), STR("t"), OVERWRITE_ANY, NULL,
                                   0, NULL, f.arena, &w, &err));
    set_property(&f, "main", "b", "2");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    load(&f, "main", "t", &t);
    load(&f, "dev", "t", &d);
    CHECK_STR(metadata_property(t.metadata, "a", STR("-")), "1");
    CHECK_STR(metadata_property(t.metadata, "b", STR("-")), "2");
    CHECK(t.snapshot_id == d.snapshot_id); /* the snapshot itself was carried over */
    CHECK_INT(total_records(&f, "main", "t"), 0);

    set_property(&f, "dev", "a", "3");
    append(&f, "main", "t", "m.parquet");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    load(&f, "main", "t", &t);
    CHECK_STR(metadata_property(t.metadata, "a", STR("-")), "3");
    CHECK_INT(total_records(&f, "main", "t"), 10);
    fixture_close(&f);
}

TEST(rows_that_are_appended_again_get_row_ids_of_their_own)
{
    struct fixture f;
    struct merge_result r;
    struct table t;
    set_up(&f);
    struct table_update up = { .kind = UPDATE_UPGRADE_FORMAT_VERSION, .format_version = 3 };
    commit(&f, "main", &up, 1);
    merge(&f, "main", "dev", &r);
    append(&f, "dev", "t", "d1.parquet");
    append(&f, "main", "t", "m1.parquet");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    load(&f, "main", "t", &t);
    const struct snapshot *last = metadata_snapshot(t.metadata);
    const struct snapshot *before = metadata_snapshot_by_id(t.metadata, last->parent_id);
    CHECK(last->first_row_id >= before->first_row_id + before->added_rows);
    CHECK_INT(last->added_rows, 10);
    CHECK_INT(t.metadata->next_row_id, last->first_row_id + last->added_rows);
    fixture_close(&f);
}

TEST(a_side_may_win_key_by_key)
{
    struct fixture f;
    struct error err;
    struct merge_result r;
    struct write_outcome w;
    set_up(&f);
    CHECK_OK(catalog_overwrite_all(f.catalog, STR("dev"), STR("ns"), STR("t"), OVERWRITE_ANY, NULL,
                                   0, NULL, f.arena, &w, &err));
    append(&f, "dev", "u", "u.parquet");
    append(&f, "main", "t", "m.parquet");
    struct merge_key key = { STR("ns"), STR("u"), MERGE_DROP };
    struct merge_request req = {
        .from = STR("dev"), .into = STR("main"), .behavior = MERGE_FORCE, .keys = &key, .keys_n = 1
    };
    CHECK_OK(catalog_merge(f.catalog, &req, NULL, f.arena, &r, &err));
    CHECK(r.applied && !r.fast_forward);
    CHECK_INT(total_records(&f, "main", "t"), 0);
    CHECK_INT(count_files(&f, "main", "u", ""), 0);
    fixture_close(&f);
}

TEST(properties_of_namespaces_merge_key_by_key)
{
    struct fixture f;
    struct error err;
    struct merge_result r;
    struct property *props, a = { STR("a"), STR("1") }, b = { STR("b"), STR("2") };
    size_t n;
    set_up(&f);
    CHECK_OK(catalog_update_namespace(f.catalog, STR("dev"), STR("ns"), &a, 1, NULL, 0, NULL,
                                      f.arena, NULL, &err));
    CHECK_OK(catalog_update_namespace(f.catalog, MAIN, STR("ns"), &b, 1, NULL, 0, NULL, f.arena,
                                      NULL, &err));
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    CHECK_OK(catalog_load_namespace(f.catalog, MAIN, STR("ns"), f.arena, &props, &n, &err));
    CHECK_INT(n, 2);
    a.value = STR("3");
    CHECK_OK(catalog_update_namespace(f.catalog, STR("dev"), STR("ns"), &a, 1, NULL, 0, NULL,
                                      f.arena, NULL, &err));
    a.value = STR("4");
    CHECK_OK(catalog_update_namespace(f.catalog, MAIN, STR("ns"), &a, 1, NULL, 0, NULL, f.arena,
                                      NULL, &err));
    merge(&f, "dev", "main", &r);
    check_reason(&f, &r, "property \"a\" changed on both sides");
    fixture_close(&f);
}

TEST(a_pick_brings_what_one_commit_did_and_nothing_before_it)
{
    struct fixture f;
    struct error err;
    struct merge_result r;
    struct log_page log;
    set_up(&f);
    append(&f, "dev", "t", "d1.parquet");
    str second = append(&f, "dev", "t", "d2.parquet");
    append(&f, "main", "u", "m.parquet");
    pick(&f, false, second, "main", &r);
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "main", "t", ""), 2);
    CHECK_INT(count_files(&f, "main", "t", "d2.parquet"), 1);
    CHECK_OK(catalog_log(f.catalog, MAIN, (str){ 0 }, 1, f.arena, &log, &err));
    CHECK_INT(log.commits[0].parents[1].len, 0);
    CHECK_STR(log.commits[0].message, "update table ns.t");
    pick(&f, false, second, "main", &r); /* again: it has it */
    CHECK(r.applied && r.up_to_date);
    merge(&f, "dev", "main", &r); /* and the merge does not bring it twice */
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "main", "t", ""), 3);
    fixture_close(&f);
}

TEST(picks_of_several_commits_are_one_commit)
{
    struct fixture f;
    struct error err;
    struct merge_result r;
    set_up(&f);
    str commits[3];
    commits[0] = append(&f, "dev", "t", "d1.parquet");
    commits[1] = append(&f, "dev", "u", "u1.parquet");
    commits[2] = append(&f, "dev", "t", "d2.parquet");
    append(&f, "main", "t", "m.parquet");
    struct pick_request req = { .commits = commits, .commits_n = 3, .into = STR("main") };
    CHECK_OK(catalog_pick(f.catalog, &req, NULL, f.arena, &r, &err));
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "main", "t", ""), 4);
    CHECK_INT(count_files(&f, "main", "u", ""), 1);
    str gap[2] = { commits[0], append(&f, "dev", "t", "d3.parquet") };
    req = (struct pick_request){ .commits = gap, .commits_n = 2, .into = STR("main") };
    CHECK_OK(catalog_pick(f.catalog, &req, NULL, f.arena, &r, &err));
    check_reason(&f, &r, "between those picked");
    CHECK_FAILS(catalog_pick(f.catalog, &(struct pick_request){ .into = STR("main") }, NULL,
                             f.arena, &r, &err),
                ERR_INVALID);
    fixture_close(&f);
}

TEST(a_revert_takes_one_commit_back_and_keeps_what_came_after)
{
    struct fixture f;
    struct error err;
    struct merge_result r;
    struct table t;
    set_up(&f);
    str first = append(&f, "main", "t", "a.parquet");
    pick(&f, true, first, "main", &r);
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "main", "t", ""), 1);
    str second = append(&f, "main", "t", "b.parquet");
    append(&f, "main", "t", "c.parquet");
    pick(&f, true, second, "main", &r);
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "main", "t", ""), 2);
    CHECK_INT(count_files(&f, "main", "t", "b.parquet"), 0);
    CHECK_INT(count_files(&f, "main", "t", "c.parquet"), 1);
    load(&f, "main", "t", &t);
    CHECK_STR(metadata_snapshot(t.metadata)->operation, "delete");
    pick(&f, true, second, "main", &r); /* its file is gone already */
    CHECK(r.applied && r.up_to_date);

    CHECK_OK(
        catalog_drop_table(f.catalog, MAIN, STR("ns"), STR("u"), false, NULL, f.arena, NULL, &err));
    pick(&f, true, STR("main"), "main", &r);
    CHECK(r.applied);
    load(&f, "main", "u", &t);
    fixture_close(&f);
}

TEST(a_reverted_merge_is_named_by_its_first_parent)
{
    struct fixture f;
    struct merge_result r;
    set_up(&f);
    append(&f, "dev", "t", "d.parquet");
    append(&f, "main", "u", "u.parquet");
    merge(&f, "dev", "main", &r);
    pick(&f, true, r.commit_id, "main", &r);
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "main", "t", ""), 1);
    CHECK_INT(count_files(&f, "main", "u", ""), 1);
    fixture_close(&f);
}

TEST(many_tables_merge_in_one_commit)
{
    struct fixture f;
    struct error err;
    struct merge_result r;
    struct table t;
    enum { TABLES = 40 };
    char name[16];
    set_up(&f);
    for (int i = 0; i < TABLES; i++) {
        snprintf(name, sizeof name, "x%d", i);
        CHECK_OK(try_table(&f, "main", name, &t, &err));
    }
    merge(&f, "main", "dev", &r);
    CHECK(r.fast_forward);
    for (int i = 0; i < TABLES; i++) {
        snprintf(name, sizeof name, "x%d", i);
        append(&f, "dev", name, "d.parquet");
        append(&f, "main", name, "m.parquet");
    }
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    CHECK_INT(r.n, TABLES);
    for (int i = 0; i < TABLES; i++) {
        snprintf(name, sizeof name, "x%d", i);
        CHECK_INT(count_files(&f, "main", name, ""), 2);
    }
    fixture_close(&f);
}
