/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/events.h"

#include "catalog/rules.h"
#include "fixture.h"

#define MAIN ((str){ 0 })

static struct change *changes_after(struct fixture *f, int64_t after, size_t *n)
{
    struct error err;
    struct change *out;
    CHECK_OK(catalog_changes(f->catalog, after, 1000, f->arena, &out, n, &err));
    return out;
}

static int64_t newest(struct fixture *f)
{
    struct error err;
    int64_t first, last;
    CHECK_OK(catalog_changes_range(f->catalog, &first, &last, &err));
    return last;
}

static struct changed_entry *entries_of(struct fixture *f, const struct change *c, size_t *n)
{
    struct error err;
    struct changed_entry *out;
    bool complete;
    CHECK_OK(catalog_change_entries(f->catalog, c, f->arena, &out, n, &complete, &err));
    CHECK(complete);
    return out;
}

/* A row each, numbered without a gap, with what it is about. */
TEST(every_change_of_a_ref_is_recorded)
{
    static const enum change_kind kinds[] = {
        CHANGE_COMMIT,   CHANGE_COMMIT,       CHANGE_REF_CREATED, CHANGE_COMMIT,
        CHANGE_MERGE,    CHANGE_REF_ASSIGNED, CHANGE_REF_RENAMED, CHANGE_REF_DELETED,
        CHANGE_RULE_SET, CHANGE_RULE_DROPPED,
    };
    static const str everyone[] = { STR_INIT("*") };
    struct fixture f;
    struct error err;
    struct write_outcome w;
    struct merge_result merged;
    size_t n;
    fixture_open(&f);
    int64_t begin = newest(&f);
    make_namespace(&f, "ns");
    make_table(&f, "t");
    struct catalog *c = f.catalog;
    CHECK_OK(catalog_create_ref(c, CATALOG_BRANCH, STR("dev"), MAIN, f.arena, NULL, &err));
    CHECK_OK(append_file(&f, "dev", "t", "one.parquet", f.arena, &w, &err));
    struct merge_request req = { .from = STR("dev") };
    CHECK_OK(catalog_merge(c, &req, NULL, f.arena, &merged, &err));
    CHECK_OK(catalog_assign_ref(c, STR("dev"), MAIN, STR("main~1"), NULL, &err));
    CHECK_OK(catalog_rename_ref(c, STR("dev"), STR("old"), NULL, &err));
    CHECK_OK(catalog_delete_ref(c, STR("old"), MAIN, NULL, &err));
    struct ref_rule rule = { .pattern = STR("x*"), .author = STR("root") };
    for (int i = 0; i < REF_ACTIONS; i++)
        rule.allowed[i] = (struct rule_names){ everyone, 1 };
    CHECK_OK(catalog_set_rule(c, &rule, &err));
    CHECK_OK(catalog_drop_rule(c, STR("x*"), &err));
    struct change *at = changes_after(&f, begin, &n);
    CHECK_INT(n, sizeof kinds / sizeof *kinds);
    for (size_t i = 0; i < n; i++) {
        CHECK_INT(at[i].seq, begin + 1 + (int64_t)i);
        CHECK_INT(at[i].kind, kinds[i]);
    }
    CHECK_STR(at[4].other, "fast-forward");
    CHECK_STR(at[6].ref, "old");
    CHECK_STR(at[6].other, "dev");
    CHECK_STR(at[8].ref, "x*");
    CHECK_STR(at[8].who, "root");
    fixture_close(&f);
}

TEST(a_change_names_what_it_did)
{
    struct fixture f;
    struct error err;
    struct write_outcome w;
    size_t n, k;
    fixture_open(&f);
    make_namespace(&f, "ns");
    make_namespace(&f, "ns2");
    int64_t begin = newest(&f);
    make_table(&f, "t");
    CHECK_OK(append_file(&f, "", "t", "one.parquet", f.arena, &w, &err));
    CHECK_OK(catalog_rename_table(f.catalog, MAIN, STR("ns"), STR("t"), STR("ns2"), STR("u"), NULL,
                                  f.arena, NULL, &err));
    struct change *at = changes_after(&f, begin, &n);
    CHECK_INT(n, 3);
    struct changed_entry *e = entries_of(&f, &at[0], &k);
    CHECK_INT(k, 1);
    CHECK_INT(e->change, ENTRY_CREATED);
    CHECK(e->from_location.len == 0 && e->to_location.len > 0 && e->uuid.len == 36);
    e = entries_of(&f, &at[1], &k);
    CHECK_INT(e->change, ENTRY_UPDATED);
    CHECK(e->from_snapshot_id == -1 && e->to_snapshot_id > 0);
    e = entries_of(&f, &at[2], &k);
    CHECK_INT(k, 1);
    CHECK_INT(e->change, ENTRY_RENAMED);
    CHECK_STR(e->from_name, "t");
    CHECK_STR(e->name, "u");
    CHECK_STR(e->ns, "ns2");
    CHECK(str_eq(e->from_location, e->to_location));
    fixture_close(&f);
}

/* What came to nothing is not told: a refused change, a change in a group of which others went through. */
TEST(what_did_not_happen_is_not_recorded)
{
    struct fixture f;
    struct error err;
    size_t n;
    fixture_open(&f);
    make_namespace(&f, "ns");
    int64_t begin = newest(&f);
    uint64_t made = catalog_changes_made(f.catalog);
    CHECK_FAILS(catalog_create_ref(f.catalog, CATALOG_TAG, STR("main"), MAIN, f.arena, NULL, &err),
                ERR_EXISTS);
    CHECK_FAILS(
        catalog_create_namespace(f.catalog, MAIN, STR("ns"), NULL, 0, NULL, f.arena, NULL, &err),
        ERR_EXISTS);
    CHECK_FAILS(catalog_drop_rule(f.catalog, STR("none"), &err), ERR_NOT_FOUND);
    changes_after(&f, begin, &n);
    CHECK_INT(n, 0);
    make_namespace(&f, "more");
    changes_after(&f, begin, &n);
    CHECK_INT(n, 1);
    CHECK(catalog_changes_made(f.catalog) > made);
    fixture_close(&f);
}

TEST(places_are_checked_and_old_changes_forgotten)
{
    struct fixture f;
    struct error err;
    struct change *at;
    size_t n;
    int64_t pruned, first, last;
    fixture_open(&f);
    for (int i = 0; i < 5; i++)
        make_namespace(&f, arena_printf(f.arena, "n%d", i).ptr);
    last = newest(&f);
    CHECK_FAILS(catalog_changes(f.catalog, last + 1, 10, f.arena, &at, &n, &err), ERR_INVALID);
    CHECK_OK(catalog_changes(f.catalog, last, 10, f.arena, &at, &n, &err));
    CHECK_INT(n, 0);
    /* Not those that somebody waits for, and never the newest. */
    CHECK_OK(catalog_changes_prune(f.catalog, INT64_MAX, 3, &pruned, &err));
    CHECK_INT(pruned, 2);
    CHECK_FAILS(catalog_changes(f.catalog, 1, 10, f.arena, &at, &n, &err), ERR_NOT_FOUND);
    CHECK_OK(catalog_changes(f.catalog, 2, 10, f.arena, &at, &n, &err));
    CHECK_OK(catalog_changes_prune(f.catalog, 0, INT64_MAX, &pruned, &err));
    CHECK_INT(pruned, 0); /* none is that old */
    CHECK_OK(catalog_changes_prune(f.catalog, INT64_MAX, INT64_MAX, &pruned, &err));
    CHECK_OK(catalog_changes_range(f.catalog, &first, &last, &err));
    CHECK_INT(first, last);
    make_namespace(&f, "next");
    CHECK_INT(newest(&f), last + 1); /* numbers are not used twice */
    fixture_close(&f);
}

/* Each operation of the database fails in turn, refused or with its answer lost, in a commit and in a change of a ref: a change is recorded
 * exactly when it happened. */
static void sweep(enum fault_kind kind)
{
    bool fired = true;
    for (int64_t nth = 0; fired; nth++) {
        struct fixture f;
        struct error err;
        struct fault plan = FAULT_AT(kind, -1);
        size_t n;
        open_parts(&f, test_tmpdir());
        struct db *real = f.db;
        f.db = db_fault_create(real, &plan);
        CHECK_OK(open_catalog(&f, &err));
        struct catalog *c = f.catalog;
        int64_t begin = newest(&f);
        str ns = arena_printf(f.arena, "s%d%lld", kind, (long long)nth);
        atomic_store(&plan.seen, 0);
        plan.nth = nth;
        bool committed = catalog_create_namespace(c, MAIN, ns, NULL, 0, NULL, f.arena, NULL, &err);
        bool branched = catalog_create_ref(c, CATALOG_BRANCH, ns, MAIN, f.arena, NULL, &err);
        fired = fault_fired(&plan);
        plan.nth = -1;
        changes_after(&f, begin, &n);
        CHECK_INT(n, committed + branched);
        catalog_close(c);
        db_close(f.db);
        f.db = real;
        close_parts(&f);
    }
}

TEST(a_change_is_recorded_exactly_when_it_happened)
{
    sweep(FAULT_REFUSED);
    sweep(FAULT_ANSWER_LOST);
}
