/* SPDX-License-Identifier: Apache-2.0
 *
 * Which snapshots a branch may take over, by metadata alone. */
#include "iceberg/metadata.h"
#include "iceberg/pick.h"
#include "test.h"

/* A history:  1 - 2 - 3 (head)    1 - 4 (append, staged as w4)    1 - 5 (delete)    1 - 6 (replaces partitions)    9 (of nobody) */
static struct snapshot at[10];
static const struct snapshot *sorted[10];
static struct property summaries[10][2];

static void put(struct metadata *m, int64_t id, int64_t parent, const char *operation)
{
    struct snapshot *s = &at[id];
    *s = (struct snapshot){ .id = id,
                            .parent_id = parent,
                            .timestamp_ms = id * 1000,
                            .operation = str_of(operation),
                            .summary = { summaries[id], 0 } };
    sorted[m->snapshots_n++] = s;
}

static void say(int64_t id, const char *key, const char *value)
{
    summaries[id][at[id].summary.n++] = (struct property){ str_of(key), str_of(value) };
}

static struct metadata history(void)
{
    struct metadata m = { .format_version = 2 };
    memset(at, 0, sizeof at);
    put(&m, 1, SNAPSHOT_NONE, "append");
    put(&m, 2, 1, "append");
    put(&m, 3, 2, "append");
    put(&m, 4, 1, "append");
    put(&m, 5, 1, "delete");
    put(&m, 6, 1, "overwrite");
    put(&m, 9, 8, "overwrite");
    say(4, WAP_ID, "w4");
    say(6, REPLACE_PARTITIONS, "true");
    say(9, REPLACE_PARTITIONS, "true");
    m.snapshots = m.snapshots_by_id = sorted;
    return m;
}

static enum err_code pick(const struct metadata *m, int64_t head, int64_t id, enum pick_way *way)
{
    struct error err = { 0 };
    const struct snapshot *h = head ? &at[head] : NULL;
    return pick_check(m, h, &at[id], way, &err) ? ERR_NONE : err.code;
}

TEST(what_can_be_picked)
{
    struct metadata m = history();
    enum pick_way way;
    CHECK_INT(pick(&m, 3, 4, &way), ERR_NONE);
    CHECK_INT(way, PICK_APPEND);
    CHECK_INT(pick(&m, 3, 6, &way), ERR_NONE);
    CHECK_INT(way, PICK_REPLACE);
    CHECK_INT(pick(&m, 1, 5, &way), ERR_NONE);
    CHECK_INT(way, PICK_FAST_FORWARD);
    CHECK_INT(pick(&m, 0, 1, &way), ERR_NONE); /* onto an empty branch */
    CHECK_INT(way, PICK_FAST_FORWARD);
    CHECK_INT(pick(&m, 3, 5, &way), ERR_INVALID); /* a delete that does not follow */
    CHECK_INT(pick(&m, 3, 9, &way), ERR_INVALID); /* based on another line */
    CHECK_INT(pick(&m, 3, 3, &way), ERR_CONFLICT);
    CHECK_INT(pick(&m, 3, 1, &way), ERR_CONFLICT);
}

TEST(nothing_is_picked_twice)
{
    struct metadata m = history();
    enum pick_way way;
    say(3, SOURCE_SNAPSHOT_ID, "4");
    CHECK_INT(pick(&m, 3, 4, &way), ERR_CONFLICT);
    CHECK_INT(pick(&m, 2, 4, &way), ERR_NONE); /* before that */
    m = history();
    say(2, PUBLISHED_WAP_ID, "w4"); /* made elsewhere, under the same id */
    CHECK_INT(pick(&m, 3, 4, &way), ERR_CONFLICT);
    m = history();
    say(2, WAP_ID, "w4");
    CHECK_INT(pick(&m, 3, 4, &way), ERR_CONFLICT);
}

TEST(staged_snapshots_are_found_by_their_id)
{
    struct metadata m = history();
    const struct snapshot *s;
    struct error err = { 0 };
    CHECK_OK(pick_staged(&m, STR("w4"), &s, &err));
    CHECK_INT(s->id, 4);
    CHECK_FAILS(pick_staged(&m, STR("w5"), &s, &err), ERR_NOT_FOUND);
    CHECK_FAILS(pick_staged(&m, STR(""), &s, &err), ERR_NOT_FOUND);
    say(5, WAP_ID, "w4");
    CHECK_FAILS(pick_staged(&m, STR("w4"), &s, &err), ERR_CONFLICT);
}

TEST(times_before_which_a_line_is_gone_back)
{
    struct metadata m = history();
    CHECK_INT(pick_before(&m, &at[3], 3000)->id, 2); /* strictly older */
    CHECK_INT(pick_before(&m, &at[3], 3001)->id, 3);
    CHECK(pick_before(&m, &at[3], 1000) == NULL);
    CHECK_INT(pick_before(&m, &at[4], 4000)->id, 1); /* 2 and 3 are of another line */
    CHECK(pick_before(&m, NULL, 4000) == NULL);
    at[1].parent_id = 3; /* a history that goes in a circle ends */
    CHECK_INT(pick_before(&m, &at[3], 3000)->id, 2);
}
