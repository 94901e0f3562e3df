/* SPDX-License-Identifier: Apache-2.0
 *
 * Merge, cherry-pick and revert under every single fault: the operation with number n of store and database is refused, or done with its
 * answer lost.  Afterwards, read without faults, what was acknowledged is there once and what was refused is not there; the same
 * requests with the same idempotency keys then succeed and leave the state without faults. */
#include "../unit/catalog/fixture.h"
#include "base/log.h"

#define MAIN ((str){ 0 })

enum step { STEP_PICK, STEP_MERGE, STEP_REVERT, STEP_RESET, STEPS };

struct scene {
    struct fixture real, faulty;
    str picked, reverted;
};

static str append(struct fixture *f, const char *ref, const char *table, const char *file)
{
    struct error err;
    struct write_outcome w;
    CHECK_OK(append_file(f, ref, table, file, f->arena, &w, &err));
    return w.commit_id;
}

/* dev has d1 and d2, main has m1 (to be reverted) and m2: every step puts contents together. */
static void make_scene(struct scene *s, const char *dir)
{
    struct error err;
    struct fixture *f = &s->real;
    open_parts(f, dir);
    CHECK_OK(open_catalog(f, &err));
    make_namespace(f, "ns");
    make_table(f, "t");
    append(f, "", "t", "base.parquet");
    CHECK_OK(
        catalog_create_ref(f->catalog, CATALOG_BRANCH, STR("dev"), MAIN, f->arena, NULL, &err));
    append(f, "dev", "t", "d1.parquet");
    s->picked = append(f, "dev", "t", "d2.parquet");
    s->reverted = append(f, "main", "t", "m1.parquet");
    append(f, "main", "t", "m2.parquet");
}

static bool applied(bool ok, const struct merge_result *r, struct error *err)
{
    return ok && (r->applied || fail(err, ERR_INTERNAL, "a conflict"));
}

static bool run_step(struct scene *s, struct fixture *f, enum step step, struct error *err)
{
    struct commit_info info = { .idempotency_key = arena_printf(f->arena, "key-%d", (int)step) };
    struct merge_request merge = { .from = STR("dev"), .into = STR("main") };
    struct pick_request pick = { .commits = step == STEP_PICK ? &s->picked : &s->reverted,
                                 .commits_n = 1,
                                 .into = STR("main"),
                                 .revert = step == STEP_REVERT };
    struct merge_result r;
    if (step == STEP_RESET)
        return catalog_assign_ref(f->catalog, STR("dev"), MAIN, STR("main"), &info, err);
    if (step == STEP_MERGE)
        return applied(catalog_merge(f->catalog, &merge, &info, f->arena, &r, err), &r, err);
    return applied(catalog_pick(f->catalog, &pick, &info, f->arena, &r, err), &r, err);
}

/* Whether the effect of a step is there. */
static size_t effect(struct scene *s, enum step step)
{
    struct fixture *f = &s->real;
    switch (step) {
    case STEP_PICK:
        return count_files(f, "main", "t", "/d2.parquet");
    case STEP_MERGE:
        return count_files(f, "main", "t", "/d1.parquet");
    case STEP_REVERT:
        return 1 - count_files(f, "main", "t", "/m1.parquet");
    default:
        return count_files(f, "dev", "t", "/m2.parquet");
    }
}

static void check_settled(struct scene *s, const enum err_code *answers, int nth)
{
    struct error err;
    for (enum step step = STEP_PICK; step < STEPS; step++) {
        size_t there = effect(s, step), want = answers[step] == ERR_NONE;
        if (answers[step] == ERR_UNKNOWN || there != want)
            test_fail(__FILE__, __LINE__,
                      "operation %d: step %d answered %s and is there %zu times", nth, (int)step,
                      err_code_name(answers[step]), there);
    }
    for (enum step step = STEP_PICK; step < STEPS; step++)
        if (!run_step(s, &s->real, step, &err))
            test_fail(__FILE__, __LINE__, "operation %d: retry of step %d: %s", nth, (int)step,
                      err.msg);
    for (enum step step = STEP_PICK; step < STEPS; step++)
        CHECK_INT(effect(s, step), 1);
    CHECK_INT(count_files(&s->real, "main", "t", ""), 4);
    CHECK_INT(total_records(&s->real, "main", "t"), 40);
}

static bool run_with_fault(enum fault_kind kind, int64_t nth)
{
    struct scene s;
    struct error err = { 0 };
    enum err_code answers[STEPS];
    struct fault plan = FAULT_AT(kind, nth);
    make_scene(&s, arena_printf(test_arena(), "%s/%d-%d", test_tmpdir(), (int)kind, (int)nth).ptr);
    s.faulty = s.real;
    s.faulty.store = store_fault_create(s.real.store, &plan);
    s.faulty.db = db_fault_create(s.real.db, &plan);
    plan.writes_only = true; /* what fails to be read changes nothing */
    bool going = open_catalog(&s.faulty, &err), opened = going;
    for (enum step step = STEP_PICK; step < STEPS; step++) {
        going = going && run_step(&s, &s.faulty, step, &err);
        answers[step] = going ? ERR_NONE : opened ? err.code : ERR_UNAVAILABLE;
    }
    bool fired = fault_fired(&plan);
    if (opened)
        catalog_close(s.faulty.catalog);
    db_close(s.faulty.db); /* the wrappers only */
    store_destroy(s.faulty.store);
    check_settled(&s, answers, (int)nth);
    fixture_close(&s.real);
    return fired;
}

static void sweep(enum fault_kind kind, int64_t at_least)
{
    int64_t nth = 0;
    log_set_level(LOG_ERROR);
    while (run_with_fault(kind, nth))
        nth++;
    CHECK(nth > at_least);
}

TEST(merges_survive_any_refused_operation)
{
    sweep(FAULT_REFUSED, 8);
}

TEST(merges_survive_any_lost_answer)
{
    sweep(FAULT_ANSWER_LOST, 8);
}
