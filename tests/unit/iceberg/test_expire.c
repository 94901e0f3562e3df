/* SPDX-License-Identifier: Apache-2.0
 *
 * Retention of snapshots: a line of snapshots 1 to 6, one a day, with a branch, tags and a snapshot that no ref reaches; each
 * row says what is left. */
#include "base/buf.h"
#include "iceberg/expire.h"
#include "iceberg/reach.h"
#include "test.h"

#define DAY (INT64_C(24) * 3600 * 1000)
#define SNAPSHOTS 8

/* 1 - 2 - 3 - 4 - 5 - 6 main; 3 - 7 branch b; 8 is alone.  At noon of day `id`. */
static struct snapshot snapshots[SNAPSHOTS];
static const struct snapshot *in_order[SNAPSHOTS];
static struct snapshot_ref refs[4];
static struct property properties[2];
static struct metadata table;

static void make_table(void)
{
    static const int64_t parents[SNAPSHOTS] = { SNAPSHOT_NONE, 1, 2, 3, 4, 5, 3, SNAPSHOT_NONE };
    for (int i = 0; i < SNAPSHOTS; i++) {
        snapshots[i] = (struct snapshot){ .id = i + 1,
                                          .parent_id = parents[i],
                                          .timestamp_ms = (i + 1) * DAY + DAY / 2 };
        in_order[i] = &snapshots[i];
    }
    snapshots[6].timestamp_ms = 4 * DAY;
    snapshots[7].timestamp_ms = 2 * DAY;
    refs[0] = (struct snapshot_ref){ .name = STR("main"), .snapshot_id = 6, .kind = REF_BRANCH };
    refs[1] = (struct snapshot_ref){ .name = STR("b"), .snapshot_id = 7, .kind = REF_BRANCH };
    refs[2] = (struct snapshot_ref){ .name = STR("t"), .snapshot_id = 2, .kind = REF_TAG };
    table = (struct metadata){ .snapshots = in_order,
                               .snapshots_n = SNAPSHOTS,
                               .snapshots_by_id = in_order,
                               .current_snapshot_id = 6,
                               .refs = refs,
                               .refs_n = 3,
                               .properties = { properties, 0 } };
}

/* "6 7 -b" : snapshots that stay, refs that go. */
static const char *left(const struct expire_options *o)
{
    struct error err;
    struct expire_plan plan;
    struct buf *out = arena_new(test_arena(), struct buf);
    buf_init(out, 1000);
    buf_in_arena(out, test_arena());
    CHECK_OK(expire_plan(NULL, &table, o, test_arena(), &plan, &err));
    for (size_t i = 0; i < table.snapshots_n; i++) {
        bool gone = false;
        for (size_t k = 0; k < plan.gone_n; k++)
            gone = gone || plan.gone[k]->id == table.snapshots[i]->id;
        if (!gone)
            buf_printf(out, "%s%lld", out->len ? " " : "", (long long)table.snapshots[i]->id);
    }
    for (size_t i = 0; i < plan.updates_n; i++)
        if (plan.updates[i].kind == UPDATE_REMOVE_SNAPSHOT_REF)
            buf_printf(out, " -" STR_FMT, STR_ARG(plan.updates[i].ref.name));
    return arena_cstr(test_arena(), buf_str(out));
}

static const char *left_before(int64_t day, int32_t retain)
{
    struct expire_options o = { .now_ms = 7 * DAY,
                                .older_than_ms = day * DAY,
                                .retain_last = retain };
    return left(&o);
}

TEST(age_and_count_decide_together)
{
    make_table();
    CHECK_STR(str_of(left_before(0, 0)), "1 2 3 4 5 6 7 8");
    CHECK_STR(str_of(left_before(5, 0)), "2 5 6 7"); /* heads and the tag whatever their age */
    CHECK_STR(str_of(left_before(5, 4)), "1 2 3 4 5 6 7"); /* 7 and 3 2 1 are four of b */
    CHECK_STR(str_of(left_before(9, 2)), "2 3 5 6 7");
    CHECK_STR(str_of(left_before(9, 0)), "2 6 7");
}

TEST(properties_are_the_defaults_and_refs_have_their_own)
{
    make_table();
    struct expire_options o = { .now_ms = 8 * DAY, .older_than_ms = EXPIRE_AGE_NONE };
    CHECK_STR(str_of(left(&o)), "2 3 4 5 6 7"); /* five days */
    properties[0] = (struct property){ STR("history.expire.max-snapshot-age-ms"), STR("1") };
    properties[1] = (struct property){ STR("history.expire.min-snapshots-to-keep"), STR("3") };
    table.properties.n = 2;
    CHECK_STR(str_of(left(&o)), "2 3 4 5 6 7");
    refs[0].min_snapshots_to_keep = 1;
    CHECK_STR(str_of(left(&o)), "2 3 6 7");
    refs[1].min_snapshots_to_keep = 1;
    refs[1].max_snapshot_age_ms = 8 * DAY;
    CHECK_STR(str_of(left(&o)), "1 2 3 6 7");
}

TEST(refs_die_of_age_but_main)
{
    make_table();
    struct expire_options o = { .now_ms = 8 * DAY, .older_than_ms = 9 * DAY };
    refs[2].max_ref_age_ms = 5 * DAY;
    CHECK_STR(str_of(left(&o)), "6 7 -t");
    properties[0] = (struct property){ STR("history.expire.max-ref-age-ms"), STR("1") };
    table.properties.n = 1;
    CHECK_STR(str_of(left(&o)), "6 -b -t");
}

TEST(named_snapshots_go_and_needed_ones_stay)
{
    make_table();
    const int64_t four[] = { 4 }, six[] = { 6 }, nine[] = { 9 };
    struct error err;
    struct expire_plan plan;
    struct expire_options o = { .now_ms = 8 * DAY, .older_than_ms = 0, .ids = four, .ids_n = 1 };
    CHECK_STR(str_of(left(&o)), "1 2 3 5 6 7 8");
    o.ids = six;
    CHECK_FAILS(expire_plan(NULL, &table, &o, test_arena(), &plan, &err), ERR_INVALID);
    CHECK(str_find(str_of(err.msg), STR("branch \"main\" points to it")) >= 0);
    o.ids = nine;
    CHECK_FAILS(expire_plan(NULL, &table, &o, test_arena(), &plan, &err), ERR_NOT_FOUND);
    CHECK(str_find(str_of(err.msg), STR("no snapshot 9")) >= 0);
    o = (struct expire_options){
        .now_ms = 8 * DAY, .older_than_ms = 9 * DAY, .needed = four, .needed_n = 1
    };
    CHECK_STR(str_of(left(&o)), "2 4 6 7");
    o.ids = four;
    o.ids_n = 1;
    CHECK_FAILS(expire_plan(NULL, &table, &o, test_arena(), &plan, &err), ERR_INVALID);
    CHECK(str_find(str_of(err.msg), STR("another branch")) >= 0);
}

TEST(tables_that_share_files_are_not_touched)
{
    make_table();
    struct error err;
    struct expire_plan plan;
    struct expire_options o = { .now_ms = 8 * DAY, .older_than_ms = 9 * DAY };
    properties[0] = (struct property){ STR("gc.enabled"), STR("false") };
    table.properties.n = 1;
    CHECK_FAILS(expire_plan(NULL, &table, &o, test_arena(), &plan, &err), ERR_DENIED);
    CHECK(str_find(str_of(err.msg), STR("gc.enabled")) >= 0);
}

TEST(parents_in_a_circle_end)
{
    make_table();
    snapshots[0].parent_id = 6;
    CHECK_STR(str_of(left_before(5, 100)), "1 2 3 4 5 6 7");
}

TEST(places_have_one_spelling)
{
    struct arena *a = test_arena();
    CHECK_STR(reach_place(STR("file:///a//b"), a), "/a/b");
    CHECK_STR(reach_place(STR("file:/a/b"), a), "/a/b");
    CHECK_STR(reach_place(STR("/a/b"), a), "/a/b");
    CHECK_STR(reach_place(STR("s3a://b/x"), a), "s3://b/x");
    CHECK_STR(reach_place(STR("s3n://b/x"), a), "s3://b/x");
    CHECK_STR(reach_place(STR("gs://b//x"), a), "gs://b//x");
}
