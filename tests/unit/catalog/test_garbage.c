/* SPDX-License-Identifier: Apache-2.0
 *
 * Expiry and the collector: what is needed stays, whoever needs it; what is not goes, under every single fault. */
#include "catalog/garbage.h"
#include "fixture.h"
#include "iceberg/expire.h"
#include "io/fault.h"

static const char *data_path(struct fixture *f, const char *name)
{
    struct table t;
    struct error err;
    str path;
    CHECK_OK(catalog_load_table(f->catalog, (str){ 0 }, STR("ns"), STR("t"), f->arena, &t, &err));
    CHECK_OK(store_from_uri(
        f->store, arena_printf(f->arena, STR_FMT "/data/%s", STR_ARG(t.metadata->location), name),
        f->arena, &path, &err));
    return arena_cstr(f->arena, path);
}

/* The table's rows are those of this file alone. */
static void replace(struct fixture *f, const char *ref, const char *name)
{
    struct table t;
    struct error err;
    struct write_outcome out;
    CHECK_OK(catalog_load_table(f->catalog, str_of(ref), STR("ns"), STR("t"), f->arena, &t, &err));
    struct data_file d = data_file_of(t.metadata->location, name, 10, f->arena);
    CHECK_OK(store_put(f->store, str_of(data_path(f, name)), STR("rows"), STORE_REPLACE, &err));
    CHECK_OK(catalog_overwrite_all(f->catalog, str_of(ref), STR("ns"), STR("t"), OVERWRITE_ANY, &d,
                                   1, NULL, f->arena, &out, &err));
}

static void begin(struct fixture *f)
{
    fixture_open(f);
    make_namespace(f, "ns");
    make_table(f, "t");
    replace(f, "", "one");
    replace(f, "", "two");
    replace(f, "", "three");
}

static bool try_expire(struct fixture *f, const char *ref, struct catalog_expire_result *out,
                       struct error *err)
{
    struct catalog_expire_options o = { .older_than_ms = INT64_MAX };
    return catalog_expire(f->catalog, str_of(ref), STR("ns"), STR("t"), &o, NULL, f->arena, out,
                          err);
}

static struct catalog_expire_result expire(struct fixture *f, const char *ref)
{
    struct error err;
    struct catalog_expire_result out;
    CHECK_OK(try_expire(f, ref, &out, &err));
    return out;
}

static struct collect_result collect_with(struct fixture *f, int64_t safety_us, int64_t scan_us)
{
    struct error err;
    struct collect_result out;
    struct collect_options o = { .safety_us = safety_us, .oldest_scan_us = scan_us };
    CHECK_OK(catalog_collect(f->catalog, &o, f->arena, &out, &err));
    return out;
}

static struct collect_result collect(struct fixture *f)
{
    return collect_with(f, 0, INT64_MAX);
}

static bool is_there(struct fixture *f, const char *path)
{
    struct error err;
    struct store_info info;
    return store_head(f->store, str_of(path), &info, &err);
}

TEST(expired_files_are_collected)
{
    struct fixture f;
    begin(&f);
    struct catalog_expire_result gone = expire(&f, "");
    CHECK_INT(gone.snapshots, 2);
    CHECK_INT(gone.files[REACH_DATA_FILE], 2);
    CHECK_INT(gone.files[REACH_MANIFEST_LIST], 2);
    CHECK(is_there(&f, data_path(&f, "one")));
    struct collect_result r = collect(&f);
    CHECK_INT(r.removed, gone.files[REACH_DATA_FILE] + gone.files[REACH_MANIFEST_LIST] +
                             gone.files[REACH_MANIFEST]);
    CHECK(!is_there(&f, data_path(&f, "one")) && !is_there(&f, data_path(&f, "two")));
    CHECK(is_there(&f, data_path(&f, "three")));
    CHECK_INT((int64_t)count_files(&f, "", "t", "three"), 1);
    CHECK_INT(collect(&f).listed, 0);
    CHECK_INT(expire(&f, "").snapshots, 0);
    fixture_close(&f);
}

TEST(a_dry_run_changes_nothing)
{
    struct fixture f;
    struct error err;
    struct catalog_expire_result gone;
    struct catalog_expire_options o = { .older_than_ms = INT64_MAX, .dry_run = true };
    begin(&f);
    CHECK_OK(
        catalog_expire(f.catalog, (str){ 0 }, STR("ns"), STR("t"), &o, NULL, f.arena, &gone, &err));
    CHECK_INT(gone.snapshots, 2);
    CHECK_INT(gone.files[REACH_DATA_FILE], 2);
    CHECK_INT((int64_t)gone.commit_id.len, 0);
    CHECK_INT(collect(&f).listed, 0);
    CHECK_INT(expire(&f, "").snapshots, 2);
    fixture_close(&f);
}

TEST(other_branches_and_tags_keep_what_they_need)
{
    struct fixture f;
    struct error err;
    struct ref_info ref;
    struct table t;
    begin(&f);
    CHECK_OK(
        catalog_create_ref(f.catalog, CATALOG_TAG, STR("then"), (str){ 0 }, f.arena, &ref, &err));
    CHECK_OK(
        catalog_create_ref(f.catalog, CATALOG_BRANCH, STR("dev"), (str){ 0 }, f.arena, &ref, &err));
    replace(&f, "", "four");
    replace(&f, "", "five");
    replace(&f, "dev", "six");
    struct catalog_expire_result gone = expire(&f, "");
    CHECK_INT(gone.snapshots, 3);     /* one, two, four: the tag points to three */
    CHECK_INT(collect(&f).in_use, 7); /* in the tag's history: one and two, lists and manifests */
    CHECK(is_there(&f, data_path(&f, "one")) && is_there(&f, data_path(&f, "six")));
    CHECK(!is_there(&f, data_path(&f, "four")));
    CHECK_OK(catalog_load_table(f.catalog, STR("then"), STR("ns"), STR("t"), f.arena, &t, &err));
    CHECK_OK(catalog_delete_ref(f.catalog, STR("then"), (str){ 0 }, NULL, &err));
    CHECK_INT(expire(&f, "dev").snapshots, 3);
    collect(&f);
    CHECK(!is_there(&f, data_path(&f, "one")) && is_there(&f, data_path(&f, "three")));
    CHECK_INT(expire(&f, "").snapshots, 1); /* nobody needs three any more */
    collect(&f);
    CHECK(!is_there(&f, data_path(&f, "three")));
    CHECK_INT((int64_t)count_files(&f, "dev", "t", "six"), 1);
    CHECK_INT((int64_t)count_files(&f, "", "t", "five"), 1);
    fixture_close(&f);
}

TEST(young_garbage_and_running_scans_wait)
{
    struct fixture f;
    begin(&f);
    int64_t before_us = env_now_us(f.env);
    expire(&f, "");
    struct collect_result r = collect_with(&f, INT64_C(3600) * 1000000, INT64_MAX);
    CHECK_INT(r.removed, 0);
    CHECK_INT(r.waiting, r.listed);
    r = collect_with(&f, 0, before_us);
    CHECK_INT(r.removed, 0);
    CHECK_INT(r.waiting, r.listed);
    CHECK(collect_with(&f, 0, env_now_us(f.env) + 1).removed > 0);
    fixture_close(&f);
}

TEST(commits_younger_than_the_safety_age_keep_their_files)
{
    struct fixture f;
    struct error err;
    begin(&f);
    str one = store_uri(f.store, str_of(data_path(&f, "one")), f.arena);
    expire(&f, "");
    struct db_tx *tx; /* listed long ago */
    CHECK_OK(db_begin(f.db, &tx, &err));
    CHECK_OK(db_run(tx, STR("UPDATE cat_garbage SET time_us = 1 WHERE location = ?"),
                    DB_ARGS(db_val_text(one)), NULL, NULL, &err));
    CHECK_OK(db_commit(tx, &err));
    CHECK_INT(collect_with(&f, INT64_C(3600) * 1000000, INT64_MAX).in_use, 1);
    CHECK(is_there(&f, data_path(&f, "one")));
    collect(&f);
    CHECK(!is_there(&f, data_path(&f, "one")));
    fixture_close(&f);
}

TEST(what_cannot_be_read_stops_everything)
{
    struct fixture f;
    struct error err;
    struct table t;
    struct collect_result r;
    str path;
    begin(&f);
    expire(&f, "");
    CHECK_OK(catalog_load_table(f.catalog, (str){ 0 }, STR("ns"), STR("t"), f.arena, &t, &err));
    CHECK_OK(store_from_uri(f.store, metadata_snapshot(t.metadata)->manifest_list, f.arena, &path,
                            &err));
    CHECK_OK(store_put(f.store, path, STR("no manifest list"), STORE_REPLACE, &err));
    struct collect_options o = { .oldest_scan_us = INT64_MAX };
    CHECK_FAILS(catalog_collect(f.catalog, &o, f.arena, &r, &err), ERR_CORRUPT);
    CHECK(str_find(str_of(err.msg), STR("nothing is removed")) >= 0);
    CHECK(is_there(&f, data_path(&f, "one")));
    fixture_close(&f);
}

TEST(a_dropped_table_goes_with_its_folder)
{
    struct fixture f;
    struct error err;
    begin(&f);
    const char *path = data_path(&f, "three");
    CHECK_OK(catalog_drop_table(f.catalog, (str){ 0 }, STR("ns"), STR("t"), true, NULL, f.arena,
                                NULL, &err));
    CHECK(collect(&f).removed > 10);
    CHECK(!is_there(&f, path));
    CHECK_INT(collect(&f).listed, 0);
    fixture_close(&f);
}

/* The same data directory behind the plan, and without it again. */
struct behind {
    struct db *db;
    struct store *store;
};

static void reopen_behind(struct fixture *f, struct behind *real, struct fault *plan)
{
    struct error err;
    catalog_close(f->catalog);
    *real = (struct behind){ f->db, f->store };
    f->db = db_fault_create(real->db, plan);
    f->store = store_fault_create(real->store, plan);
    CHECK_OK(open_catalog(f, &err));
}

static void reopen_plain(struct fixture *f, const struct behind *real)
{
    struct error err;
    catalog_close(f->catalog);
    db_close(f->db);
    store_destroy(f->store);
    f->db = real->db;
    f->store = real->store;
    CHECK_OK(open_catalog(f, &err));
}

/* Under a fault of expiry and collection the table reads as it is, and afterwards nothing is forgotten.  Every fifth operation
 * each, which keeps the test short. */
static void sweep(enum fault_kind kind, int64_t from)
{
    struct fixture f;
    struct behind real;
    bool fired = true;
    begin(&f);
    for (int64_t nth = from; fired; nth += 5) {
        struct error err = { 0 };
        struct catalog_expire_result gone;
        struct collect_result r;
        struct collect_options o = { .oldest_scan_us = INT64_MAX };
        struct fault plan = FAULT_AT(kind, -1);
        const char *old = arena_printf(f.arena, "file%lld", (long long)nth).ptr;
        const char *young = arena_printf(f.arena, "file%lld", (long long)nth + 5).ptr;
        replace(&f, "", old);
        replace(&f, "", young);
        old = data_path(&f, old);
        young = data_path(&f, young);
        reopen_behind(&f, &real, &plan);
        plan.nth = atomic_load(&plan.seen) + nth;
        bool ok =
            try_expire(&f, "", &gone, &err) && catalog_collect(f.catalog, &o, f.arena, &r, &err);
        fired = fault_fired(&plan);
        CHECK(ok || fired);
        reopen_plain(&f, &real);
        CHECK(is_there(&f, young));
        CHECK_INT((int64_t)count_files(&f, "", "t", ""), 1);
        expire(&f, "");
        collect(&f);
        CHECK(!is_there(&f, old) && is_there(&f, young));
    }
    fixture_close(&f);
}

TEST(refused_operations_lose_and_forget_nothing)
{
    sweep(FAULT_REFUSED, 0);
}

TEST(lost_answers_lose_and_forget_nothing)
{
    sweep(FAULT_ANSWER_LOST, 2);
}

/* Metadata files that fell off the log, when the table asks for it. */
TEST(old_metadata_goes_when_the_table_says_so)
{
    struct fixture f;
    struct error err;
    struct write_outcome out;
    struct table t;
    begin(&f);
    static const struct property set[] = {
        { STR_INIT("write.metadata.previous-versions-max"), STR_INIT("2") },
        { STR_INIT("write.metadata.delete-after-commit.enabled"), STR_INIT("true") },
    };
    CHECK_OK(catalog_load_table(f.catalog, (str){ 0 }, STR("ns"), STR("t"), f.arena, &t, &err));
    str first = t.metadata->metadata_log[0].file, path;
    struct table_update u = { .kind = UPDATE_SET_PROPERTIES, .properties = { set, 2 } };
    struct table_change change = {
        .ns = STR("ns"), .name = STR("t"), .updates = &u, .updates_n = 1
    };
    struct commit_result done;
    CHECK_OK(catalog_commit(f.catalog, (str){ 0 }, &change, 1, NULL, f.arena, &done, &err));
    CHECK_INT((int64_t)done.tables[0].metadata->metadata_log_n, 2);
    CHECK(append_file(&f, "", "t", "more", f.arena, &out, &err));
    CHECK_OK(store_from_uri(f.store, first, f.arena, &path, &err));
    CHECK(collect_with(&f, INT64_C(3600) * 1000000, INT64_MAX).waiting > 2); /* commits need them */
    CHECK(is_there(&f, arena_cstr(f.arena, path)));
    CHECK(collect(&f).removed > 2);
    CHECK(!is_there(&f, arena_cstr(f.arena, path)));
    CHECK_INT((int64_t)count_files(&f, "", "t", ""), 2);
    fixture_close(&f);
}
