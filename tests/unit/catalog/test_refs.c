/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/rules.h"
#include "fixture.h"

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
}

static void branch(struct fixture *f, const char *name)
{
    struct error err;
    CHECK_OK(
        catalog_create_ref(f->catalog, CATALOG_BRANCH, str_of(name), MAIN, f->arena, NULL, &err));
}

static void append(struct fixture *f, const char *ref, const char *table, const char *file)
{
    struct error err;
    struct write_outcome w;
    CHECK_OK(append_file(f, ref, table, file, f->arena, &w, &err));
}

static void merge(struct fixture *f, const char *from, const char *into, struct merge_result *r)
{
    struct error err;
    struct merge_request req = { .from = str_of(from), .into = str_of(into) };
    CHECK_OK(catalog_merge(f->catalog, &req, NULL, f->arena, r, &err));
}

static str head(struct fixture *f, const char *ref)
{
    struct error err;
    struct ref_info info;
    CHECK_OK(catalog_get_ref(f->catalog, str_of(ref), f->arena, &info, &err));
    return info.commit_id;
}

TEST(refs_are_made_moved_renamed_and_deleted)
{
    struct fixture f;
    struct error err;
    struct ref_info info, *refs;
    size_t n;
    set_up(&f);
    struct catalog *c = f.catalog;
    CHECK_OK(catalog_create_ref(c, CATALOG_BRANCH, STR("dev"), MAIN, f.arena, &info, &err));
    CHECK(str_eq(info.commit_id, head(&f, "")));
    CHECK_FAILS(catalog_create_ref(c, CATALOG_TAG, STR("dev"), MAIN, f.arena, &info, &err),
                ERR_EXISTS);
    CHECK_FAILS(catalog_create_ref(c, CATALOG_TAG, STR("v1"), STR("no"), f.arena, &info, &err),
                ERR_NOT_FOUND);
    CHECK_OK(catalog_create_ref(c, CATALOG_TAG, STR("v1"), STR("dev"), f.arena, &info, &err));
    append(&f, "dev", "t", "dev.parquet");
    CHECK(!str_eq(head(&f, "dev"), head(&f, "v1")));
    CHECK_FAILS(catalog_assign_ref(c, STR("dev"), head(&f, "v1"), STR("v1"), NULL, &err),
                ERR_CONFLICT);
    CHECK_OK(catalog_assign_ref(c, STR("dev"), head(&f, "dev"), STR("v1"), NULL, &err));
    CHECK(str_eq(head(&f, "dev"), head(&f, "v1")));
    CHECK_INT(count_files(&f, "dev", "t", ""), 1);
    CHECK_OK(catalog_rename_ref(c, STR("dev"), STR("feature/x"), NULL, &err));
    CHECK_FAILS(catalog_rename_ref(c, STR("feature/x"), STR("v1"), NULL, &err), ERR_EXISTS);
    CHECK_FAILS(catalog_rename_ref(c, STR("dev"), STR("y"), NULL, &err), ERR_NOT_FOUND);
    CHECK_FAILS(catalog_rename_ref(c, STR("main"), STR("y"), NULL, &err), ERR_INVALID);
    CHECK_FAILS(catalog_delete_ref(c, STR("main"), MAIN, NULL, &err), ERR_INVALID);
    CHECK_OK(catalog_list_refs(c, f.arena, &refs, &n, &err));
    CHECK_INT(n, 3);
    CHECK_STR(refs[0].name, "feature/x");
    CHECK_OK(catalog_delete_ref(c, STR("feature/x"), head(&f, "v1"), NULL, &err));
    CHECK_FAILS(catalog_delete_ref(c, STR("feature/x"), MAIN, NULL, &err), ERR_NOT_FOUND);
    fixture_close(&f);
}

TEST(bad_ref_names_are_refused)
{
    struct fixture f;
    struct error err;
    const char *bad[] = { "",
                          "a b",
                          "a..b",
                          "a//b",
                          "/a",
                          "a/",
                          "-a",
                          "a.lock",
                          "a~b",
                          "a:b",
                          "a\nb",
                          ".a",
                          "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" };
    fixture_open(&f);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(catalog_create_ref(f.catalog, CATALOG_BRANCH, str_of(bad[i]), MAIN, f.arena,
                                       NULL, &err),
                    ERR_INVALID);
    fixture_close(&f);
}

TEST(a_branch_leaves_main_untouched_until_it_is_merged)
{
    struct fixture f;
    struct error err;
    struct diff_entry *diff;
    struct merge_result r;
    size_t n;
    set_up(&f);
    branch(&f, "dev");
    append(&f, "dev", "t", "dev.parquet");
    CHECK_OK(catalog_drop_table(f.catalog, STR("dev"), STR("ns"), STR("u"), false, NULL, f.arena,
                                NULL, &err));
    struct table t;
    CHECK_OK(try_table(&f, "dev", "v", &t, &err));
    CHECK_INT(count_files(&f, "main", "t", ""), 1);
    CHECK_INT(count_files(&f, "dev", "t", ""), 2);
    CHECK_OK(catalog_diff(f.catalog, MAIN, STR("dev"), 0, f.arena, &diff, &n, &err));
    CHECK_INT(n, 3);
    CHECK(diff[0].kind == DIFF_CHANGED && diff[1].kind == DIFF_REMOVED &&
          diff[2].kind == DIFF_ADDED);
    CHECK_STR(diff[0].name, "t");
    CHECK(diff[0].from_snapshot_id != diff[0].to_snapshot_id);
    CHECK_INT(diff[2].to_snapshot_id, -1);
    CHECK_FAILS(catalog_diff(f.catalog, MAIN, STR("dev"), 2, f.arena, &diff, &n, &err), ERR_LIMIT);
    struct merge_request dry = { .from = STR("dev"), .into = STR("main"), .dry_run = true };
    CHECK_OK(catalog_merge(f.catalog, &dry, NULL, f.arena, &r, &err));
    CHECK(!r.applied && r.fast_forward && r.conflicts_n == 0);
    CHECK_INT(r.n, 3);
    CHECK_INT(count_files(&f, "main", "t", ""), 1);
    merge(&f, "dev", "main", &r);
    CHECK(r.applied && r.fast_forward);
    CHECK(str_eq(head(&f, "main"), head(&f, "dev")));
    CHECK_INT(count_files(&f, "main", "t", ""), 2);
    merge(&f, "dev", "main", &r);
    CHECK(r.applied && r.up_to_date);
    fixture_close(&f);
}

TEST(changes_of_different_entries_merge_with_two_parents)
{
    struct fixture f;
    struct error err;
    struct merge_result r;
    struct log_page log;
    set_up(&f);
    branch(&f, "dev");
    append(&f, "dev", "t", "dev.parquet");
    append(&f, "main", "u", "main.parquet");
    str from = head(&f, "dev"), into = head(&f, "main");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied && !r.fast_forward);
    CHECK_INT(r.n, 1);
    CHECK(r.entries[0].action == MERGE_TAKEN);
    CHECK_INT(count_files(&f, "main", "t", ""), 2);
    CHECK_INT(count_files(&f, "main", "u", ""), 1);
    CHECK_OK(catalog_log(f.catalog, MAIN, (str){ 0 }, 1, f.arena, &log, &err));
    CHECK(str_eq(log.commits[0].parents[0], into));
    CHECK(str_eq(log.commits[0].parents[1], from));
    CHECK_STR(log.commits[0].message, "merge dev into main");
    fixture_close(&f);
}

TEST(appends_of_both_sides_are_combined)
{
    struct fixture f;
    struct merge_result r;
    set_up(&f);
    branch(&f, "dev");
    append(&f, "dev", "t", "dev1.parquet");
    append(&f, "dev", "t", "dev2.parquet");
    append(&f, "main", "t", "main1.parquet");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    CHECK(r.entries[0].action == MERGE_REAPPLIED);
    CHECK_INT(count_files(&f, "main", "t", ""), 4);
    CHECK_INT(total_records(&f, "main", "t"), 40);
    CHECK_INT(count_files(&f, "dev", "t", ""), 3);

    /* Once more: nothing that was taken may come twice. */
    append(&f, "dev", "t", "dev3.parquet");
    append(&f, "main", "t", "main2.parquet");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "main", "t", ""), 6);
    const char *names[] = { "base.parquet", "dev1.parquet",  "dev2.parquet",
                            "dev3.parquet", "main1.parquet", "main2.parquet" };
    for (size_t i = 0; i < 6; i++)
        CHECK_INT(count_files(&f, "main", "t", names[i]), 1);
    merge(&f, "main", "dev", &r);
    CHECK(r.applied && r.fast_forward);
    CHECK_INT(count_files(&f, "dev", "t", ""), 6);
    fixture_close(&f);
}

static void check_conflict(struct fixture *f, const char *table, const char *reason)
{
    struct merge_result r;
    str before = head(f, "main");
    merge(f, "dev", "main", &r);
    CHECK(!r.applied);
    CHECK_INT(r.conflicts_n, 1);
    bool named = false;
    for (size_t i = 0; i < r.n; i++)
        if (r.entries[i].conflict) {
            CHECK_STR(r.entries[i].name, table);
            if (str_find(r.entries[i].reason, str_of(reason)) < 0)
                test_fail(__FILE__, __LINE__, "reason is: " STR_FMT, STR_ARG(r.entries[i].reason));
            named = true;
        }
    CHECK(named);
    CHECK(str_eq(before, head(f, "main")));
}

TEST(an_overwrite_against_an_append_is_a_named_conflict)
{
    struct fixture f;
    struct error err;
    struct write_outcome w;
    set_up(&f);
    branch(&f, "dev");
    CHECK_OK(catalog_overwrite_all(f.catalog, STR("dev"), STR("ns"), STR("t"), OVERWRITE_ANY, NULL,
                                   0, NULL, f.arena, &w, &err));
    append(&f, "main", "t", "main.parquet");
    append(&f, "dev", "u", "u.parquet");
    check_conflict(&f, "t", "rows changed on both sides");
    CHECK_INT(count_files(&f, "main", "u", ""), 0);
    fixture_close(&f);
}

TEST(dropped_and_changed_is_a_conflict)
{
    struct fixture f;
    struct error err;
    set_up(&f);
    branch(&f, "dev");
    append(&f, "dev", "t", "dev.parquet");
    CHECK_OK(
        catalog_drop_table(f.catalog, MAIN, STR("ns"), STR("t"), false, NULL, f.arena, NULL, &err));
    check_conflict(&f, "t", "dropped on the target");
    fixture_close(&f);
}

TEST(created_on_both_sides_is_a_conflict)
{
    struct fixture f;
    struct error err;
    struct table t;
    set_up(&f);
    branch(&f, "dev");
    CHECK_OK(try_table(&f, "dev", "new", &t, &err));
    CHECK_OK(try_table(&f, "main", "new", &t, &err));
    check_conflict(&f, "new", "created on both sides");
    fixture_close(&f);
}

TEST(a_table_for_a_namespace_that_is_gone_is_a_conflict)
{
    struct fixture f;
    struct error err;
    struct table t;
    struct merge_result r;
    set_up(&f);
    make_namespace(&f, "tmp");
    branch(&f, "dev");
    struct table_create req = { .ns = STR("tmp"),
                                .name = STR("x"),
                                .schema = small_schema(f.arena) };
    CHECK_OK(catalog_create_table(f.catalog, STR("dev"), &req, NULL, f.arena, &t, &err));
    CHECK_OK(catalog_drop_namespace(f.catalog, MAIN, STR("tmp"), NULL, f.arena, NULL, &err));
    check_conflict(&f, "x", "namespace was dropped");

    /* And the other way round: the source drops a namespace that the target has filled. */
    merge(&f, "main", "dev", &r);
    CHECK(!r.applied);
    CHECK_INT(r.conflicts_n, 1);
    CHECK(str_find(r.entries[0].reason, STR("other contents")) > 0);
    fixture_close(&f);
}

TEST(a_new_namespace_with_tables_merges_as_a_whole)
{
    struct fixture f;
    struct error err;
    struct table t;
    struct merge_result r;
    set_up(&f);
    branch(&f, "dev");
    str inner = ns_from_dotted(STR("new.inner"), f.arena);
    CHECK_OK(catalog_create_namespace(f.catalog, STR("dev"), STR("new"), NULL, 0, NULL, f.arena,
                                      NULL, &err));
    CHECK_OK(
        catalog_create_namespace(f.catalog, STR("dev"), inner, NULL, 0, NULL, f.arena, NULL, &err));
    struct table_create req = { .ns = inner, .name = STR("x"), .schema = small_schema(f.arena) };
    CHECK_OK(catalog_create_table(f.catalog, STR("dev"), &req, NULL, f.arena, &t, &err));
    append(&f, "main", "u", "u.parquet");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    CHECK_INT(r.n, 3);
    CHECK_OK(catalog_load_table(f.catalog, MAIN, inner, STR("x"), f.arena, &t, &err));
    CHECK_OK(catalog_drop_table(f.catalog, STR("dev"), inner, STR("x"), false, NULL, f.arena, NULL,
                                &err));
    CHECK_OK(catalog_drop_namespace(f.catalog, STR("dev"), inner, NULL, f.arena, NULL, &err));
    CHECK_OK(catalog_drop_namespace(f.catalog, STR("dev"), STR("new"), NULL, f.arena, NULL, &err));
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    CHECK_FAILS(catalog_load_table(f.catalog, MAIN, inner, STR("x"), f.arena, &t, &err),
                ERR_NOT_FOUND);
    fixture_close(&f);
}

/* The target may have gone on by schema while the source only appended. */
TEST(a_schema_change_on_the_target_merges_with_appends)
{
    struct fixture f;
    struct error err;
    struct merge_result r;
    struct commit_result done;
    set_up(&f);
    branch(&f, "dev");
    append(&f, "dev", "t", "dev.parquet");
    append(&f, "main", "t", "main.parquet");
    struct property p = { STR("k"), STR("v") };
    struct table_update u = { .kind = UPDATE_SET_PROPERTIES, .properties = { &p, 1 } };
    struct table_change ch = { .ns = STR("ns"), .name = STR("t"), .updates = &u, .updates_n = 1 };
    CHECK_OK(catalog_commit(f.catalog, MAIN, &ch, 1, NULL, f.arena, &done, &err));
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "main", "t", ""), 3);
    /* The same on both sides is no conflict, one key in two ways is. */
    CHECK_OK(catalog_commit(f.catalog, STR("dev"), &ch, 1, NULL, f.arena, &done, &err));
    append(&f, "dev", "t", "dev2.parquet");
    append(&f, "main", "t", "main2.parquet");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "main", "t", ""), 5);
    p.value = STR("w");
    CHECK_OK(catalog_commit(f.catalog, STR("dev"), &ch, 1, NULL, f.arena, &done, &err));
    p.value = STR("x");
    CHECK_OK(catalog_commit(f.catalog, MAIN, &ch, 1, NULL, f.arena, &done, &err));
    check_conflict(&f, "t", "property \"k\" changed on both sides");
    fixture_close(&f);
}

TEST(merging_what_the_target_has_already_changes_nothing_in_the_table)
{
    struct fixture f;
    struct merge_result r;
    set_up(&f);
    branch(&f, "dev");
    append(&f, "main", "t", "main.parquet");
    merge(&f, "main", "dev", &r);
    CHECK(r.fast_forward);
    append(&f, "dev", "t", "dev.parquet");
    append(&f, "main", "u", "u.parquet");
    merge(&f, "dev", "main", &r);
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "main", "t", ""), 3);
    merge(&f, "main", "dev", &r);
    CHECK(r.applied);
    CHECK_INT(count_files(&f, "dev", "u", ""), 1);
    fixture_close(&f);
}

/* Whether a ref argument means a commit. */
static bool means(struct fixture *f, const char *ref, str commit)
{
    struct error err;
    struct ref_info info;
    return catalog_get_ref(f->catalog, str_of(ref), f->arena, &info, &err) &&
           str_eq(info.commit_id, commit);
}

static bool is_called(void *ctx, str name)
{
    return str_is(name, ctx);
}

/* Whether who may read this ref alone may read the commit. */
static bool is_state_of(struct fixture *f, str commit, const char *ref)
{
    struct error err;
    bool there;
    CHECK_OK(
        catalog_commit_is_in(f->catalog, commit, is_called, (void *)(uintptr_t)ref, &there, &err));
    return there;
}

TEST(steps_after_a_ref_name_commits)
{
    struct fixture f;
    struct error err;
    struct ref_info info;
    struct merge_result r;
    char text[200];
    set_up(&f);
    str first = head(&f, "main");
    branch(&f, "dev");
    append(&f, "dev", "t", "dev.parquet");
    append(&f, "main", "u", "main.parquet");
    str second = head(&f, "main"), dev = head(&f, "dev");
    merge(&f, "dev", "main", &r);
    str top = head(&f, "main");
    CHECK(means(&f, "main~0", top) && means(&f, "main~", second) && means(&f, "main~2", first));
    CHECK(means(&f, "main^", second) && means(&f, "main^2", dev) && means(&f, "main^2~1", first));
    snprintf(text, sizeof text, "main@%.12s", second.ptr);
    CHECK(means(&f, text, second));
    snprintf(text, sizeof text, "main@%.64s~1", second.ptr);
    CHECK(means(&f, text, first));
    snprintf(text, sizeof text, "@%.8s", dev.ptr);
    CHECK(means(&f, text, dev));
    CHECK(means(&f, "main@2999-01-01T00:00:00Z", top) && means(&f, "main*32503680000000", top));
    snprintf(text, sizeof text, "%.64s", dev.ptr);
    CHECK(means(&f, text, dev));
    snprintf(text, sizeof text, "dev@%.64s", top.ptr); /* not in its history */
    CHECK_FAILS(catalog_get_ref(f.catalog, str_of(text), f.arena, &info, &err), ERR_NOT_FOUND);
    snprintf(text, sizeof text, "main@%.64s",
             dev.ptr); /* came by the merge: main was never there */
    CHECK_FAILS(catalog_get_ref(f.catalog, str_of(text), f.arena, &info, &err), ERR_NOT_FOUND);
    snprintf(text, sizeof text, "main@%.64s", first.ptr);
    CHECK(means(&f, text, first));
    CHECK(is_state_of(&f, dev, "dev") && !is_state_of(&f, dev, "main"));
    CHECK(is_state_of(&f, second, "main") && !is_state_of(&f, second, "dev"));
    CHECK(is_state_of(&f, first, "main") && is_state_of(&f, first, "dev"));
    static const struct {
        const char *ref;
        enum err_code code;
    } bad[] = { { "main~1000", ERR_NOT_FOUND },      { "main~x", ERR_INVALID },
                { "main~-1", ERR_INVALID },          { "main^3", ERR_INVALID },
                { "main~1^2", ERR_NOT_FOUND },       { "main@", ERR_INVALID },
                { "main@abc", ERR_INVALID },         { "main@00000000", ERR_NOT_FOUND },
                { "main@yesterday", ERR_INVALID },   { "main*", ERR_INVALID },
                { "none~1", ERR_NOT_FOUND },         { "@", ERR_INVALID },
                { "main@1971-01-01", ERR_NOT_FOUND } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(catalog_get_ref(f.catalog, str_of(bad[i].ref), f.arena, &info, &err),
                    bad[i].code);
    struct table t;
    CHECK_FAILS(try_table(&f, "main~1", "new", &t, &err),
                ERR_INVALID); /* only branches are written */
    fixture_close(&f);
}

TEST(rules_hold_wherever_a_ref_moves)
{
    struct fixture f;
    struct error err;
    struct merge_result r;
    struct table t;
    str ann[] = { STR("ann"), STR("role:release") }, all[] = { STR("*") };
    struct ref_rule rule = { .pattern = STR("ma*"),
                             .allowed = { { ann, 2 }, { ann, 2 }, { 0 }, { all, 1 } } };
    struct commit_info who = { .principal = STR("ann") };
    struct ref_rule *rules;
    size_t n;
    set_up(&f);
    struct catalog *c = f.catalog;
    branch(&f, "dev");
    append(&f, "dev", "t", "dev.parquet");
    str before = head(&f, "main");
    CHECK_OK(catalog_set_rule(c, &rule, &err));
    CHECK_OK(catalog_list_rules(c, f.arena, &rules, &n, &err));
    CHECK(n == 1 && rules[0].allowed[REF_WRITE].n == 2 && rules[0].allowed[REF_ASSIGN].n == 0);
    struct table_create req = { .ns = STR("ns"),
                                .name = STR("new"),
                                .schema = small_schema(f.arena) };
    struct merge_request merge_dev = { .from = STR("dev"), .into = STR("main") };
    CHECK_FAILS(catalog_create_table(c, MAIN, &req, NULL, f.arena, &t, &err), ERR_DENIED);
    CHECK_FAILS(catalog_merge(c, &merge_dev, NULL, f.arena, &r, &err),
                ERR_DENIED); /* fast-forward */
    merge_dev.no_fast_forward = true;
    CHECK_FAILS(catalog_merge(c, &merge_dev, NULL, f.arena, &r, &err), ERR_DENIED);
    CHECK_FAILS(catalog_assign_ref(c, STR("main"), MAIN, STR("dev"), &who, &err), ERR_DENIED);
    CHECK(str_eq(before, head(&f, "main")));
    CHECK_OK(catalog_create_table(c, STR("dev"), &req, NULL, f.arena, &t, &err));
    str role = STR("release");
    struct commit_info by_role = { .principal = STR("bob"), .roles = &role, .roles_n = 1 };
    CHECK_OK(catalog_merge(c, &merge_dev, &by_role, f.arena, &r, &err));
    CHECK(r.applied);
    req.name = STR("newer");
    CHECK_OK(catalog_create_table(c, MAIN, &req, &who, f.arena, &t, &err));
    rule = (struct ref_rule){ .pattern = STR("*") }; /* a second rule, which nobody passes */
    CHECK_OK(catalog_set_rule(c, &rule, &err));
    CHECK_FAILS(catalog_delete_ref(c, STR("dev"), MAIN, &who, &err), ERR_DENIED);
    CHECK_FAILS(catalog_check_rules(c, MAIN, REF_WRITE, &who, &err), ERR_DENIED);
    CHECK_OK(catalog_drop_rule(c, STR("*"), &err));
    CHECK_FAILS(catalog_drop_rule(c, STR("*"), &err), ERR_NOT_FOUND);
    CHECK_OK(catalog_delete_ref(c, STR("dev"), MAIN, &who, &err));
    rule.pattern = STR("a b");
    CHECK_FAILS(catalog_set_rule(c, &rule, &err), ERR_INVALID);
    fixture_close(&f);
}
