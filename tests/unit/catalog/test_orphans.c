/* SPDX-License-Identifier: Apache-2.0
 *
 * Orphans: what nothing names goes; what any commit names stays, whatever it is called, whatever fails. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/rand.h"
#include "catalog/orphans.h"
#include "fixture.h"
#include "iceberg/expire.h"
#include "catalog/garbage.h"
#include "io/fault.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static str location_of(struct fixture *f, const char *name)
{
    struct table t;
    struct error err;
    CHECK_OK(catalog_load_table(f->catalog, (str){ 0 }, STR("ns"), STR("t"), f->arena, &t, &err));
    return arena_printf(f->arena, STR_FMT "/data/%s", STR_ARG(t.metadata->location), name);
}

/* An object of the table's data folder, as old as that. */
static void put(struct fixture *f, const char *name, int64_t age_ms)
{
    struct error err;
    str path, local, location = location_of(f, name);
    int64_t ms = env_now_ms(f->env) - age_ms;
    struct timespec t[2] = { { .tv_sec = ms / 1000 }, { .tv_sec = ms / 1000 } };
    CHECK_OK(store_from_uri(f->store, location, f->arena, &path, &err));
    CHECK_OK(store_put(f->store, path, STR("rows"), STORE_REPLACE, &err));
    CHECK_OK(store_local_path(f->store, path, f->arena, &local, &err));
    CHECK_INT(utimensat(AT_FDCWD, arena_cstr(f->arena, local), t, 0), 0);
}

static bool is_there(struct fixture *f, const char *name)
{
    struct error err;
    struct store_info info;
    str path;
    CHECK_OK(store_from_uri(f->store, location_of(f, name), f->arena, &path, &err));
    return store_head(f->store, path, &info, &err);
}

/* Appends a file under any location. */
static void append(struct fixture *f, const char *ref, str location)
{
    struct error err;
    struct write_outcome out;
    struct data_file d = data_file_of(STR("x"), "y", 10, f->arena);
    d.path = location;
    CHECK_OK(catalog_append(f->catalog, str_of(ref), STR("ns"), STR("t"), &d, 1, NULL, f->arena,
                            &out, &err));
}

static void begin(struct fixture *f)
{
    fixture_open(f);
    make_namespace(f, "ns");
    make_table(f, "t");
}

static struct orphans_options options(void)
{
    return (struct orphans_options){ .older_than_ms = INT64_MIN, .oldest_scan_us = INT64_MAX };
}

static bool try_remove(struct fixture *f, struct orphans_options o, struct orphans_result *out,
                       struct error *err)
{
    return catalog_orphans(f->catalog, (str){ 0 }, STR("ns"), STR("t"), &o, f->arena, out, err);
}

static struct orphans_result remove_with(struct fixture *f, struct orphans_options o)
{
    struct error err;
    struct orphans_result out;
    CHECK_OK(try_remove(f, o, &out, &err));
    return out;
}

/* Everything that is not reached, whatever its age. */
static struct orphans_result remove_all(struct fixture *f)
{
    struct orphans_options o = options();
    o.older_than_ms = INT64_MAX;
    o.any_age = true;
    return remove_with(f, o);
}

TEST(what_nothing_names_goes_when_it_is_old)
{
    struct fixture f;
    begin(&f);
    append(&f, "", location_of(&f, "named"));
    put(&f, "named", 9 * DAY_MS);
    put(&f, "stray", 9 * DAY_MS);
    put(&f, "p=1/stray", 9 * DAY_MS);
    put(&f, "young", 2 * DAY_MS);
    put(&f, "_temporary/x", 9 * DAY_MS);
    put(&f, ".hidden", 9 * DAY_MS);
    put(&f, "version-hint.text", 9 * DAY_MS);
    struct orphans_options o = options();
    o.dry_run = true;
    struct orphans_result r = remove_with(&f, o);
    CHECK_INT(r.removed, 2);
    CHECK_INT(r.bytes, 8);
    CHECK(is_there(&f, "stray"));
    r = remove_with(&f, options());
    CHECK_INT(r.removed, 2);
    CHECK(r.young > 1 && r.listed > r.young + 2); /* metadata, too */
    CHECK(!is_there(&f, "stray") && !is_there(&f, "p=1/stray"));
    CHECK(is_there(&f, "named") && is_there(&f, "young") && is_there(&f, "version-hint.text"));
    CHECK(is_there(&f, "_temporary/x") && is_there(&f, ".hidden"));
    CHECK_INT(remove_with(&f, options()).removed, 0);
    CHECK_INT(remove_all(&f).removed, 1); /* young; no metadata */
    CHECK_INT((int64_t)count_files(&f, "", "t", ""), 1);
    fixture_close(&f);
}

TEST(a_location_is_one_however_it_is_spelled)
{
    struct fixture f;
    begin(&f);
    static const char *const names[] = { "a", "b", "c", "with space", "p=1%2F2/e", "d" };
    for (size_t i = 0; i < 6; i++)
        put(&f, names[i], 9 * DAY_MS);
    str folder = location_of(&f, "");
    append(&f, "", arena_printf(f.arena, "file:" STR_FMT "a", STR_ARG(folder)));
    append(&f, "", arena_printf(f.arena, "file://" STR_FMT "b", STR_ARG(folder)));
    append(&f, "", arena_printf(f.arena, "file://localhost" STR_FMT "//c", STR_ARG(folder)));
    append(&f, "", arena_printf(f.arena, "file:" STR_FMT "with%%20space", STR_ARG(folder)));
    append(&f, "", arena_printf(f.arena, STR_FMT "p=1%%2F2/e", STR_ARG(folder)));
    CHECK_INT(remove_with(&f, options()).removed, 1);
    CHECK(!is_there(&f, "d"));
    for (size_t i = 0; i < 5; i++)
        CHECK(is_there(&f, names[i]));
    fixture_close(&f);
}

TEST(other_schemes_and_authorities_have_to_be_explained)
{
    struct fixture f;
    struct error err;
    struct orphans_result r;
    begin(&f);
    put(&f, "a", 9 * DAY_MS);
    put(&f, "b", 9 * DAY_MS);
    append(&f, "", arena_printf(f.arena, "hdfs://nn1" STR_FMT, STR_ARG(location_of(&f, "a"))));
    CHECK_FAILS(try_remove(&f, options(), &r, &err), ERR_CONFLICT);
    CHECK(str_find(str_of(err.msg), STR("/data/a is in use under another scheme")) > 0);
    CHECK_INT(r.removed, 0);
    CHECK(is_there(&f, "b"));
    struct orphans_options o = options();
    str words[] = { STR("hdfs, viewfs"), STR("file"), STR("nn1,nn2"), STR("localhost") };
    struct orphans_equal *equal;
    CHECK_OK(orphans_equals(words, 2, f.arena, &equal, &o.schemes_n, &err));
    CHECK_INT((int64_t)o.schemes_n, 2);
    o.schemes = equal;
    CHECK_OK(orphans_equals(words + 2, 2, f.arena, &equal, &o.authorities_n, &err));
    o.authorities = equal;
    o.dry_run = true;
    CHECK_INT(remove_with(&f, o).removed, 1);
    o = options();
    o.mismatch = ORPHANS_IGNORE;
    CHECK_INT(remove_with(&f, o).removed, 1);
    CHECK(is_there(&f, "a") && !is_there(&f, "b"));
    o.mismatch = ORPHANS_DELETE;
    CHECK_INT(remove_with(&f, o).removed, 1);
    CHECK(!is_there(&f, "a"));
    enum orphans_mismatch mode;
    CHECK(orphans_mismatch_parse(STR("ignore"), &mode, &err) && mode == ORPHANS_IGNORE);
    CHECK_FAILS(orphans_mismatch_parse(STR("maybe"), &mode, &err), ERR_INVALID);
    fixture_close(&f);
}

static void replace(struct fixture *f, const char *ref, const char *name)
{
    struct error err;
    struct write_outcome out;
    struct data_file d = data_file_of(STR("x"), "y", 10, f->arena);
    d.path = location_of(f, name);
    put(f, name, 9 * DAY_MS);
    CHECK_OK(catalog_overwrite_all(f->catalog, str_of(ref), STR("ns"), STR("t"), OVERWRITE_ANY, &d,
                                   1, NULL, f->arena, &out, &err));
}

/* Snapshots that expired at the head are still those of earlier commits, and of tags. */
TEST(what_any_commit_names_stays)
{
    struct fixture f;
    struct error err;
    struct ref_info ref;
    struct catalog_expire_result gone;
    struct catalog_expire_options all = { .older_than_ms = INT64_MAX };
    struct collect_result collected;
    struct collect_options now = { .oldest_scan_us = INT64_MAX };
    begin(&f);
    replace(&f, "", "one");
    CHECK_OK(
        catalog_create_ref(f.catalog, CATALOG_BRANCH, STR("dev"), (str){ 0 }, f.arena, &ref, &err));
    replace(&f, "dev", "two");
    replace(&f, "", "three");
    replace(&f, "", "four");
    CHECK_OK(catalog_expire(f.catalog, (str){ 0 }, STR("ns"), STR("t"), &all, NULL, f.arena, &gone,
                            &err));
    CHECK_INT(remove_all(&f).removed, 0);
    CHECK(is_there(&f, "one") && is_there(&f, "two") && is_there(&f, "three"));
    /* The collector goes by age; then early commits lack files, which is passed over. */
    CHECK_OK(catalog_collect(f.catalog, &now, f.arena, &collected, &err));
    CHECK(!is_there(&f, "three"));
    put(&f, "stray", 9 * DAY_MS);
    CHECK_INT(remove_all(&f).removed, 1);
    CHECK(is_there(&f, "one") && is_there(&f, "two") && is_there(&f, "four"));
    fixture_close(&f);
}

TEST(what_cannot_be_read_stops_everything)
{
    struct fixture f;
    struct error err;
    struct table t;
    struct orphans_result r;
    str path;
    begin(&f);
    replace(&f, "", "one");
    put(&f, "stray", 9 * DAY_MS);
    CHECK_OK(catalog_load_table(f.catalog, (str){ 0 }, STR("ns"), STR("t"), f.arena, &t, &err));
    CHECK_OK(store_from_uri(f.store, metadata_snapshot(t.metadata)->manifest_list, f.arena, &path,
                            &err));
    CHECK_OK(store_delete(f.store, path, &err));
    CHECK_FAILS(try_remove(&f, options(), &r, &err), ERR_NOT_FOUND);
    CHECK(str_find(str_of(err.msg), STR("nothing is removed")) >= 0);
    CHECK_OK(store_put(f.store, path, STR("no manifest list"), STORE_REPLACE, &err));
    CHECK_FAILS(try_remove(&f, options(), &r, &err), ERR_CORRUPT);
    CHECK(is_there(&f, "stray"));
    fixture_close(&f);
}

TEST(what_may_not_be_asked_for_is_refused)
{
    struct fixture f;
    struct error err;
    struct orphans_result r;
    struct orphans_options o = options();
    begin(&f);
    make_table(&f, "u");
    put(&f, "stray", 9 * DAY_MS);
    o.older_than_ms = env_now_ms(f.env) - DAY_MS + 60000;
    CHECK_FAILS(try_remove(&f, o, &r, &err), ERR_INVALID);
    CHECK(str_find(str_of(err.msg), STR("24 hours")) > 0);
    o = options();
    o.location = STR("/etc");
    CHECK_FAILS(try_remove(&f, o, &r, &err), ERR_DENIED);
    str data = location_of(&f, ""), above = str_sub(data, 0, data.len - 6);
    o.location = arena_printf(f.arena, STR_FMT "/../u", STR_ARG(above));
    CHECK_FAILS(try_remove(&f, o, &r, &err), ERR_DENIED);
    o.location = arena_printf(f.arena, STR_FMT "x", STR_ARG(above));
    CHECK_FAILS(try_remove(&f, o, &r, &err), ERR_DENIED);
    o.location = arena_printf(f.arena, "file:" STR_FMT "/metadata", STR_ARG(above));
    CHECK_INT(remove_with(&f, o).removed, 0);
    o.location = arena_printf(f.arena, "file:" STR_FMT, STR_ARG(data));
    o.oldest_scan_us = env_now_us(f.env) - 20 * DAY_MS * 1000; /* something runs since then */
    CHECK_INT(remove_with(&f, o).removed, 0);
    o.oldest_scan_us = INT64_MAX;
    CHECK_INT(remove_with(&f, o).removed, 1);
    o.location = arena_printf(f.arena, STR_FMT "none/at/all", STR_ARG(data));
    CHECK_INT(remove_with(&f, o).listed, 0);
    fixture_close(&f);
}

/* Whatever fails, nothing that is named goes, and the next call does the rest. */
static void sweep(enum fault_kind kind)
{
    struct fixture f;
    struct store *real;
    bool fired = true;
    begin(&f);
    for (int i = 0; i < 4; i++)
        replace(&f, "", arena_printf(f.arena, "named%d", i).ptr);
    for (int64_t nth = 0; fired; nth++) {
        struct fault plan = FAULT_AT(kind, -1);
        struct error err = { 0 };
        struct orphans_result r;
        put(&f, "stray1", 9 * DAY_MS);
        put(&f, "stray2", 9 * DAY_MS);
        catalog_close(f.catalog);
        real = f.store;
        f.store = store_fault_create(real, &plan);
        CHECK_OK(open_catalog(&f, &err));
        plan.nth = atomic_load(&plan.seen) + nth;
        bool ok = try_remove(&f, options(), &r, &err);
        fired = fault_fired(&plan);
        CHECK(ok || fired);
        catalog_close(f.catalog);
        store_destroy(f.store);
        f.store = real;
        CHECK_OK(open_catalog(&f, &err));
        CHECK(is_there(&f, "named0") && is_there(&f, "named3"));
        remove_with(&f, options());
        CHECK(!is_there(&f, "stray1") && !is_there(&f, "stray2"));
        CHECK(nth < 200);
    }
    CHECK_INT((int64_t)count_files(&f, "", "t", "named3"), 1);
    fixture_close(&f);
}

TEST(refused_operations_take_nothing_that_is_named)
{
    sweep(FAULT_REFUSED);
}

TEST(lost_answers_take_nothing_that_is_named)
{
    sweep(FAULT_ANSWER_LOST);
}

/* Random files, named at random on two branches, against what is known of them. */
TEST(a_folder_of_many_files_is_judged_file_by_file)
{
    struct fixture f;
    struct error err;
    struct ref_info ref;
    struct rand r;
    bool named[150], old[150];
    int64_t orphans = 0;
    rand_init(&r, test_seed());
    begin(&f);
    CHECK_OK(
        catalog_create_ref(f.catalog, CATALOG_BRANCH, STR("dev"), (str){ 0 }, f.arena, &ref, &err));
    for (int i = 0; i < 150; i++) {
        const char *name = arena_printf(f.arena, "p=%d/f%d", i % 7, i).ptr;
        named[i] = rand_below(&r, 8) == 0;
        old[i] = rand_below(&r, 2) == 0;
        put(&f, name, old[i] ? 9 * DAY_MS : 0);
        if (named[i])
            append(&f, rand_below(&r, 2) ? "dev" : "main", location_of(&f, name));
        orphans += !named[i] && old[i];
    }
    CHECK_INT(remove_with(&f, options()).removed, orphans);
    for (int i = 0; i < 150; i++)
        CHECK(is_there(&f, arena_printf(f.arena, "p=%d/f%d", i % 7, i).ptr) ==
              (named[i] || !old[i]));
    fixture_close(&f);
}
