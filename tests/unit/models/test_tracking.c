/* SPDX-License-Identifier: Apache-2.0 */
#include "models/tracking.h"

#include <math.h>

#include "fixture.h"

static str new_run(struct fixture *f, bool owned)
{
    struct error err;
    struct run_create req = { .owned = owned, .source = STR("test") };
    str id;
    CHECK_OK(run_create(f->models, &req, f->arena, &id, &err));
    CHECK_INT(id.len, RUN_ID_LEN);
    return id;
}

static void log_metric(struct fixture *f, str id, const char *key, double value, int64_t step,
                       int64_t at)
{
    struct error err;
    struct run_metric m = { str_of(key), value, at, step };
    struct run_batch b = { .metrics = &m, .metrics_n = 1 };
    CHECK_OK(run_log(f->models, id, &b, &err));
}

static bool log_param(struct fixture *f, str id, str key, str value, struct error *err)
{
    struct run_pair p = { key, value };
    struct run_batch b = { .params = &p, .params_n = 1 };
    return run_log(f->models, id, &b, err);
}

static double latest(struct fixture *f, str id, const char *key)
{
    struct error err;
    struct run_info r;
    CHECK_OK(run_get(f->models, id, f->arena, &r, &err));
    for (size_t i = 0; i < r.metrics_n; i++)
        if (str_is(r.metrics[i].key, key))
            return r.metrics[i].value;
    test_fail(__FILE__, __LINE__, "no metric %s", key);
}

TEST(a_run_keeps_what_is_logged_over_a_restart)
{
    struct fixture f;
    struct error err;
    fixture_open(&f);
    struct experiment e, again;
    CHECK_OK(experiment_create(f.models, STR("flights"), f.arena, &e, &err));
    CHECK_FAILS(experiment_create(f.models, STR("flights"), f.arena, &again, &err), ERR_EXISTS);
    CHECK_OK(experiment_ensure(f.models, STR("flights"), f.arena, &again, &err));
    CHECK_INT(again.id, e.id);
    struct run_pair tag = { STR("team"), STR("ice") };
    struct run_create req = { .experiment_id = e.id,
                              .name = STR("first"),
                              .source = STR("test"),
                              .tags = &tag,
                              .tags_n = 1,
                              .start_ms = 5 };
    str id;
    CHECK_OK(run_create(f.models, &req, f.arena, &id, &err));
    struct run_pair params[] = { { STR("eta"), STR("0.3") }, { STR("depth"), STR("6") } };
    struct run_metric m = { STR("auc"), 0.75, 10, 1 };
    struct run_input in = { STR("gold.t"), 1234567890123456789, STR("training") };
    struct run_batch b = {
        .params = params, .params_n = 2, .metrics = &m, .metrics_n = 1, .inputs = &in, .inputs_n = 1
    };
    CHECK_OK(run_log(f.models, id, &b, &err));
    CHECK_OK(run_log(f.models, id, &b, &err)); /* the same again changes nothing */
    CHECK_OK(run_log_artifact(f.models, id, STR("notes/a.txt"), STR("hello"), &err));
    CHECK_OK(run_end(f.models, id, RUN_FINISHED, (str){ 0 }, 99, &err));
    fixture_reopen(&f);
    struct run_info r;
    str bytes;
    CHECK_OK(run_get(f.models, id, f.arena, &r, &err));
    CHECK_STR(r.name, "first");
    CHECK_STR(r.experiment, "flights");
    CHECK(r.status == RUN_FINISHED && r.start_ms == 5 && r.end_ms == 99);
    CHECK_INT(r.params_n, 2);
    CHECK_STR(r.params[0].key, "depth");
    CHECK_STR(r.params[1].value, "0.3");
    CHECK(r.metrics_n == 1 && r.metrics[0].value == 0.75 && r.metrics[0].step == 1);
    CHECK(r.tags_n == 1 && r.inputs_n == 1 && r.artifacts_n == 1);
    CHECK_INT(r.inputs[0].snapshot_id, 1234567890123456789);
    CHECK_STR(r.artifacts[0].path, "notes/a.txt");
    CHECK_OK(run_read_artifact(f.models, id, STR("notes/a.txt"), f.arena, &bytes, &err));
    CHECK_STR(bytes, "hello");
    CHECK_FAILS(run_read_artifact(f.models, id, STR("notes/b.txt"), f.arena, &bytes, &err),
                ERR_NOT_FOUND);
    fixture_close(&f);
}

TEST(params_do_not_change_and_a_batch_is_whole)
{
    struct fixture f;
    struct error err;
    fixture_open(&f);
    str id = new_run(&f, false);
    CHECK_OK(log_param(&f, id, STR("eta"), STR("0.3"), &err));
    CHECK_OK(log_param(&f, id, STR("eta"), STR("0.3"), &err));
    struct run_pair both[] = { { STR("new"), STR("1") }, { STR("eta"), STR("0.4") } };
    struct run_batch b = { .params = both, .params_n = 2 };
    CHECK_FAILS(run_log(f.models, id, &b, &err), ERR_INVALID);
    CHECK(strstr(err.msg, "eta") && strstr(err.msg, "0.3"));
    struct run_info r;
    CHECK_OK(run_get(f.models, id, f.arena, &r, &err));
    CHECK_INT(r.params_n, 1);
    fixture_close(&f);
}

TEST(names_and_sizes_have_limits)
{
    struct fixture f;
    struct error err;
    fixture_open(&f);
    str id = new_run(&f, false);
    static const char *const bad[] = { "", "/a", "a/", "a//b", "a/../b", ".", "..", "a\nb", "a*b" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(log_param(&f, id, str_of(bad[i]), STR("x"), &err), ERR_INVALID);
    static const char *const good[] = { "a", "a/b", "a b", "a.b-c_d:e", "..a" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_OK(log_param(&f, id, str_of(good[i]), STR("x"), &err));
    char big[RUN_PARAM_MAX + 1];
    memset(big, 'k', sizeof big);
    CHECK_OK(log_param(&f, id, str_make(big, RUN_KEY_MAX), STR("x"), &err));
    CHECK_FAILS(log_param(&f, id, str_make(big, RUN_KEY_MAX + 1), STR("x"), &err), ERR_INVALID);
    CHECK_OK(log_param(&f, id, STR("p"), str_make(big, RUN_PARAM_MAX), &err));
    CHECK_FAILS(log_param(&f, id, STR("q"), str_make(big, RUN_PARAM_MAX + 1), &err), ERR_INVALID);
    CHECK_FAILS(log_param(&f, STR("0123"), STR("p"), STR("x"), &err), ERR_NOT_FOUND);
    CHECK_FAILS(run_log_artifact(f.models, id, STR("../x"), STR(""), &err), ERR_INVALID);
    CHECK_FAILS(run_log_artifact(f.models, id, STR("/x"), STR(""), &err), ERR_INVALID);
    CHECK_FAILS(run_log_artifact(f.models, STR("no"), STR("x"), STR(""), &err), ERR_NOT_FOUND);
    struct run_create req = { .experiment_id = 77 };
    CHECK_FAILS(run_create(f.models, &req, f.arena, &id, &err), ERR_NOT_FOUND);
    struct run_batch many = { .params_n = RUN_BATCH_MAX + 1 };
    CHECK_FAILS(run_log(f.models, id, &many, &err), ERR_LIMIT);
    fixture_close(&f);
}

/* The latest is the one of the greatest step, then time, then value; not the one that came last. */
TEST(metrics_have_a_history_and_a_latest)
{
    struct fixture f;
    struct error err;
    fixture_open(&f);
    str id = new_run(&f, false);
    log_metric(&f, id, "loss", 0.5, 2, 20);
    log_metric(&f, id, "loss", 0.9, 1, 30);
    log_metric(&f, id, "loss", 0.5, 2, 20); /* again */
    CHECK(latest(&f, id, "loss") == 0.5);
    log_metric(&f, id, "loss", 0.4, 2, 21);
    CHECK(latest(&f, id, "loss") == 0.4);
    log_metric(&f, id, "odd", (double)NAN, 0, 1);
    CHECK(isnan(latest(&f, id, "odd")));
    log_metric(&f, id, "odd", (double)INFINITY, 1, 1);
    CHECK(latest(&f, id, "odd") == (double)INFINITY);
    log_metric(&f, id, "odd", -(double)INFINITY, 2, 1);
    CHECK(latest(&f, id, "odd") == -(double)INFINITY);
    struct run_metric *points;
    size_t n;
    CHECK_OK(run_metric_history(f.models, id, STR("loss"), f.arena, &points, &n, &err));
    CHECK_INT(n, 3);
    CHECK(points[0].value == 0.9 && points[1].timestamp_ms == 20 && points[2].value == 0.4);
    CHECK_OK(run_metric_history(f.models, id, STR("odd"), f.arena, &points, &n, &err));
    CHECK(n == 3 && isnan(points[0].value) && isinf(points[1].value) && points[2].value < 0);
    fixture_close(&f);
}

/* Only runs that this program itself ran end with it; a client may go on. */
TEST(a_run_of_a_dead_process_has_failed)
{
    struct fixture f;
    struct error err;
    fixture_open(&f);
    str owned = new_run(&f, true), client = new_run(&f, false), ended = new_run(&f, true);
    CHECK_OK(run_end(f.models, ended, RUN_FINISHED, (str){ 0 }, 0, &err));
    fixture_reopen(&f);
    struct run_info r;
    CHECK_OK(run_get(f.models, owned, f.arena, &r, &err));
    CHECK(r.status == RUN_FAILED && r.end_ms > 0);
    CHECK_STR(r.message, "the process ended");
    CHECK_OK(run_get(f.models, client, f.arena, &r, &err));
    CHECK(r.status == RUN_RUNNING && r.end_ms == -1);
    CHECK_OK(run_get(f.models, ended, f.arena, &r, &err));
    CHECK(r.status == RUN_FINISHED);
    fixture_close(&f);
}

TEST(runs_are_listed_newest_first)
{
    struct fixture f;
    struct error err;
    fixture_open(&f);
    struct experiment e, *all;
    CHECK_OK(experiment_ensure(f.models, STR("other"), f.arena, &e, &err));
    for (int i = 0; i < 5; i++) {
        struct run_create req = { .experiment_id = i % 2 ? e.id : EXPERIMENT_DEFAULT,
                                  .start_ms = 100 + i };
        str id;
        CHECK_OK(run_create(f.models, &req, f.arena, &id, &err));
    }
    struct run_info *runs;
    size_t n;
    struct run_query q = { .limit = 3 };
    CHECK_OK(run_list(f.models, &q, f.arena, &runs, &n, &err));
    CHECK(n == 3 && runs[0].start_ms == 104 && runs[2].start_ms == 102);
    q.offset = 3;
    CHECK_OK(run_list(f.models, &q, f.arena, &runs, &n, &err));
    CHECK(n == 2 && runs[1].start_ms == 100);
    q = (struct run_query){ .experiment = STR("other") };
    CHECK_OK(run_list(f.models, &q, f.arena, &runs, &n, &err));
    CHECK(n == 2 && runs[0].start_ms == 103 && runs[1].start_ms == 101);
    q = (struct run_query){ .model = STR("none") };
    CHECK_OK(run_list(f.models, &q, f.arena, &runs, &n, &err));
    CHECK_INT(n, 0);
    q.limit = RUN_LIST_MAX + 1;
    CHECK_FAILS(run_list(f.models, &q, f.arena, &runs, &n, &err), ERR_LIMIT);
    CHECK_OK(experiment_list(f.models, f.arena, &all, &n, &err));
    CHECK_INT(n, 2);
    CHECK_STR(all[0].name, "Default");
    CHECK_FAILS(experiment_get(f.models, 9, f.arena, &e, &err), ERR_NOT_FOUND);
    CHECK_FAILS(experiment_by_name(f.models, STR("none"), f.arena, &e, &err), ERR_NOT_FOUND);
    fixture_close(&f);
}

TEST(versions_count_up_and_aliases_move)
{
    struct fixture f;
    struct error err;
    fixture_open(&f);
    int64_t v;
    struct version_info info;
    struct model_info m, *list;
    size_t n;
    CHECK_FAILS(model_get(f.models, STR("late"), f.arena, &m, &err), ERR_NOT_FOUND);
    for (int i = 1; i <= 3; i++) {
        CHECK_OK(version_create(f.models, STR("late"), STR("r"), STR("runs/r/model"), &v, &err));
        CHECK_INT(v, i);
    }
    CHECK_FAILS(version_create(f.models, STR("a/b"), STR("r"), STR("p"), &v, &err), ERR_INVALID);
    CHECK_OK(alias_set(f.models, STR("late"), STR("champion"), 2, &err));
    CHECK_FAILS(alias_set(f.models, STR("late"), STR("champion"), 4, &err), ERR_NOT_FOUND);
    CHECK_FAILS(alias_set(f.models, STR("late"), STR("latest"), 1, &err), ERR_INVALID);
    CHECK_FAILS(alias_set(f.models, STR("late"), STR("v1"), 1, &err), ERR_INVALID);
    CHECK_FAILS(alias_set(f.models, STR("late"), STR("a b"), 1, &err), ERR_INVALID);
    static const struct {
        const char *which;
        int64_t want;
    } asks[] = { { "", 3 }, { "latest", 3 }, { "1", 1 }, { "champion", 2 }, { "@champion", 2 } };
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        CHECK_OK(version_get(f.models, STR("late"), str_of(asks[i].which), f.arena, &info, &err));
        CHECK_INT(info.version, asks[i].want);
    }
    CHECK_FAILS(version_get(f.models, STR("late"), STR("4"), f.arena, &info, &err), ERR_NOT_FOUND);
    CHECK_FAILS(version_get(f.models, STR("late"), STR("@x"), f.arena, &info, &err), ERR_NOT_FOUND);
    CHECK_OK(model_get(f.models, STR("late"), f.arena, &m, &err));
    CHECK(m.versions_n == 3 && m.latest == 3 && m.versions[0].version == 3);
    CHECK(m.versions[1].aliases_n == 1 && m.versions[0].aliases_n == 0);
    CHECK_OK(alias_remove(f.models, STR("late"), STR("champion"), &err));
    CHECK_OK(alias_remove(f.models, STR("late"), STR("champion"), &err));
    CHECK_FAILS(version_get(f.models, STR("late"), STR("champion"), f.arena, &info, &err),
                ERR_NOT_FOUND);
    CHECK_OK(model_list(f.models, f.arena, &list, &n, &err));
    CHECK(n == 1 && list[0].versions_n == 1 && list[0].latest == 3);
    fixture_close(&f);
}
