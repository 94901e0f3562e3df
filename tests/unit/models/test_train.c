/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "fixture.h"
#include "io/db.h"

/* y follows from a and b; c is noise; d is a decimal that is often null; e a boolean; n a text. */
static void make_table(struct fixture *f)
{
    run_sql(f, "CREATE SCHEMA ml");
    run_sql(f, "CREATE TABLE ml.t AS SELECT "
               "TIMESTAMP '2001-01-01' + INTERVAL (i // 4) MINUTE AS ts, "
               "(i * 7919 % 1000) / 10.0::DOUBLE AS a, CAST(i * 104729 % 50 AS INTEGER) AS b, "
               "hash(i) % 1000 AS c, "
               "CASE WHEN i % 3 = 0 THEN NULL ELSE CAST(i % 100 AS DECIMAL(9,2)) END AS d, "
               "i % 2 = 0 AS e, 'x' AS n, "
               "(i * 7919 % 1000) / 10.0 + (i * 104729 % 50) > 75 AS late, "
               "i % 3 AS kind, 3.0 * (i * 104729 % 50) + 1 AS target FROM range(4000) AS r(i)");
}

#define HEAD "model: late\ndata: ml.t\nlabel: late\ntimestamp: ts\n"
#define FEATURES "features: [a, b, c, d, e]\n"
#define PARAMS                                                                                     \
    "params: {objective: 'binary:logistic', max_depth: 4, max_bin: 64}\nrounds: 20\nseed: 1\n"

static void train_ok(struct fixture *f, const char *spec, struct train_report *r)
{
    struct error err;
    CHECK_OK(train(f, spec, r, &err));
}

static float predict_one(struct fixture *f, const char *which, const char *json)
{
    struct error err;
    struct json *tree;
    struct prediction p;
    CHECK_OK(json_parse(str_of(json), f->arena, &tree, &err));
    CHECK_OK(models_predict(f->models, STR("late"), str_of(which), tree, f->arena, &p, &err));
    CHECK(p.single && p.rows == 1 && p.outputs == 1);
    return p.values[0];
}

#define LATE "{\"a\": 95, \"b\": 45, \"c\": 3, \"d\": null, \"e\": true}"
#define EARLY "{\"e\": false, \"d\": 1.5, \"c\": 3, \"b\": 2, \"a\": 5, \"extra\": 1}"

TEST(a_label_that_can_be_learned_is)
{
    struct fixture f;
    struct error err;
    struct train_report r;
    struct run_info run;
    struct run_metric *points;
    size_t n;
    fixture_open(&f);
    make_table(&f);
    train_ok(&f, HEAD FEATURES PARAMS "experiment: flights\nholdout: 0.25\n", &r);
    CHECK_INT(r.version, 1);
    CHECK_INT(r.rows_train, 3000);
    CHECK_INT(r.rows_holdout, 1000);
    CHECK_STR(r.cut, "2001-01-01 12:30:00");
    CHECK(metric(&r, "auc") > 0.97);
    CHECK(metric(&r, "baseline_auc") == 0.5);
    CHECK(metric(&r, "accuracy") > metric(&r, "baseline_accuracy") + 0.2);
    CHECK(metric(&r, "logloss") < metric(&r, "baseline_logloss"));
    CHECK_OK(run_get(f.models, r.run_id, f.arena, &run, &err));
    CHECK(run.status == RUN_FINISHED && run.end_ms >= run.start_ms);
    CHECK_STR(run.experiment, "flights");
    CHECK(run.inputs_n == 1 && run.inputs[0].snapshot_id > 0 && run.artifacts_n == 3);
    CHECK_STR(run.inputs[0].table, "ml.t");
    CHECK_OK(
        run_metric_history(f.models, r.run_id, STR("holdout_logloss"), f.arena, &points, &n, &err));
    CHECK_INT(n, 20);
    CHECK(fabs(points[19].value - metric(&r, "logloss")) < 1e-5);
    struct run_query q = { .model = STR("late") };
    struct run_info *runs;
    CHECK_OK(run_list(f.models, &q, f.arena, &runs, &n, &err));
    CHECK_INT(n, 1);
    CHECK(predict_one(&f, "", LATE) > 0.9F);
    CHECK(predict_one(&f, "1", EARLY) < 0.1F);
    fixture_close(&f);
}

TEST(predictions_are_the_same_after_a_restart)
{
    struct fixture f;
    struct train_report r;
    fixture_open(&f);
    make_table(&f);
    train_ok(&f, HEAD FEATURES PARAMS, &r);
    float before = predict_one(&f, "latest", LATE), early = predict_one(&f, "latest", EARLY);
    fixture_reopen(&f);
    CHECK(predict_one(&f, "latest", LATE) == before && predict_one(&f, "latest", EARLY) == early);
    fixture_close(&f);
}

TEST(the_same_seed_gives_the_same_model)
{
    struct fixture f;
    struct train_report r;
    fixture_open(&f);
    make_table(&f);
    const char *spec = HEAD FEATURES "params: {objective: 'binary:logistic', subsample: 0.5, "
                                     "colsample_bytree: 0.6}\nrounds: 5\nseed: 3\n";
    train_ok(&f, spec, &r);
    train_ok(&f, spec, &r);
    CHECK_INT(r.version, 2);
    CHECK(predict_one(&f, "1", LATE) == predict_one(&f, "2", LATE));
    CHECK(predict_one(&f, "1", EARLY) == predict_one(&f, "2", EARLY));
    fixture_close(&f);
}

/* A new version is what "latest" means at once, though the old name is cached; an alias moves likewise. */
TEST(latest_and_aliases_follow_the_registry)
{
    struct fixture f;
    struct error err;
    struct train_report r;
    struct predictor *p;
    fixture_open(&f);
    make_table(&f);
    for (int64_t version = 1; version <= 2; version++) {
        train_ok(&f, HEAD FEATURES PARAMS, &r);
        CHECK_OK(alias_set(f.models, STR("late"), STR("best"), version, &err));
        for (int i = 0; i < 2; i++) {
            CHECK_OK(predictor_get(f.models, STR("late"), (str){ 0 }, &p, &err));
            CHECK_INT(predictor_version(p), version);
            predictor_unref(p);
            CHECK_OK(predictor_get(f.models, STR("late"), STR("@best"), &p, &err));
            CHECK_INT(predictor_version(p), version);
            predictor_unref(p);
        }
    }
    fixture_close(&f);
}

/* 4 rows share each minute: the cut never parts them, whatever the fraction. */
TEST(the_hold_out_is_the_last_part_of_the_time)
{
    struct fixture f;
    struct train_report r;
    fixture_open(&f);
    make_table(&f);
    static const struct {
        const char *holdout;
        int64_t rows;
    } cases[] = { { "0.5", 2000 }, { "0.0005", 4 }, { "0.00125", 8 }, { "0.00076", 4 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        str spec = arena_printf(f.arena, HEAD FEATURES PARAMS "holdout: %s\n", cases[i].holdout);
        train_ok(&f, spec.ptr, &r);
        CHECK_INT(r.rows_holdout, cases[i].rows);
        CHECK_INT(r.rows_train + r.rows_holdout, 4000);
    }
    train_ok(&f, "model: late\ndata: ml.t\nlabel: late\nrounds: 2\n" FEATURES, &r);
    CHECK(r.rows_holdout == 0 && r.rows_train == 4000 && r.cut.len == 0);
    fixture_close(&f);
}

TEST(regression_and_classes)
{
    struct fixture f;
    struct error err;
    struct train_report r;
    struct json *rows;
    struct prediction p;
    fixture_open(&f);
    make_table(&f);
    train_ok(&f,
             "model: number\ndata: SELECT * FROM ml.t WHERE b > 5; -- a comment\nlabel: target\n"
             "timestamp: ts\nfeatures: [a, b]\nrounds: 60\nparams: {tree_method: exact}\n",
             &r);
    CHECK(metric(&r, "rmse") < 1.0 && metric(&r, "baseline_rmse") > 20);
    CHECK(metric(&r, "mae") <= metric(&r, "rmse"));
    train_ok(
        &f,
        "model: kinds\ndata: SELECT *, kind * 10 AS hint FROM ml.t\nlabel: kind\ntimestamp: ts\n"
        "features: [hint, a]\nrounds: 5\nparams: {objective: 'multi:softprob', num_class: 3}\n",
        &r);
    CHECK(metric(&r, "accuracy") == 1 && metric(&r, "baseline_accuracy") < 0.4);
    CHECK_OK(json_parse(STR("[{\"a\":1,\"hint\":20},{\"a\":1,\"hint\":0}]"), f.arena, &rows, &err));
    CHECK_OK(models_predict(f.models, STR("kinds"), STR("1"), rows, f.arena, &p, &err));
    CHECK(p.rows == 2 && p.outputs == 3 && !p.single);
    CHECK(p.values[2] > 0.5F && p.values[3] > 0.5F);
    CHECK(fabsf(p.values[0] + p.values[1] + p.values[2] - 1) < 1e-5F);
    fixture_close(&f);
}

/* c alone cannot tell: the hold-out gets worse, and the best round is kept. */
TEST(training_stops_early)
{
    struct fixture f;
    struct train_report r;
    fixture_open(&f);
    make_table(&f);
    train_ok(&f,
             HEAD
             "features: [c]\nrounds: 200\nearly_stopping_rounds: 1\n"
             "params: {objective: 'binary:logistic', eta: 1.0, eval_metric: [error, logloss]}\n",
             &r);
    CHECK(r.rounds >= 1 && r.rounds < 100);
    CHECK(metric(&r, "rounds") == (double)r.rounds);
    fixture_close(&f);
}

static const struct {
    const char *spec, *names;
    enum err_code code;
} mistakes[] = {
    { "[1]", "keys and values", ERR_INVALID },
    { "data: ml.t\nlabel: late\n" FEATURES, "model", ERR_INVALID },
    { HEAD FEATURES "colour: red\n", "colour", ERR_INVALID },
    { HEAD "features: []\n", "features", ERR_INVALID },
    { HEAD "features: [a, a]\n", "twice", ERR_INVALID },
    { HEAD "features: [a, late]\n", "label", ERR_INVALID },
    { HEAD "features: [a, nothing]\n", "nothing", ERR_INVALID },
    { HEAD "features: [a, n]\n", "VARCHAR", ERR_INVALID },
    { HEAD "features: [ts]\n", "TIMESTAMP", ERR_INVALID },
    { HEAD FEATURES "holdout: 1.5\n", "holdout", ERR_INVALID },
    { HEAD FEATURES "rounds: 0\n", "rounds", ERR_INVALID },
    { HEAD FEATURES "rounds: many\n", "rounds", ERR_INVALID },
    { HEAD FEATURES "params: {objective: 'rank:pairwise'}\n", "rank:pairwise", ERR_UNSUPPORTED },
    { HEAD FEATURES "params: {objective: 'multi:softprob'}\n", "num_class", ERR_INVALID },
    { HEAD FEATURES "params: {nthread: 4}\n", "nthread", ERR_INVALID },
    { HEAD FEATURES "params: {max_detph: 4}\n", "max_detph", ERR_INVALID },
    { HEAD FEATURES "params: {max_depth: deep}\n", "max_depth", ERR_INVALID },
    { HEAD FEATURES "params: {max_bin: 1}\n", "max_bin", ERR_INVALID },
    { HEAD FEATURES "params: {booster: gblinear}\n", "gblinear", ERR_UNSUPPORTED },
    { "model: x\ndata: ml.none\nlabel: late\n" FEATURES, "ml.none", ERR_NOT_FOUND },
    { "model: x\ndata: ml.t\nlabel: d\n" FEATURES, "label", ERR_INVALID },
    { "model: x\ndata: ml.t\nlabel: d\nfeatures: [a]\n", "null in 1334", ERR_INVALID },
    { "model: x\ndata: ml.t\nlabel: kind\nfeatures: [a]\nparams: {objective: 'binary:logistic'}\n",
      "0 and 1", ERR_INVALID },
    { "model: x\ndata: SELECT * FROM ml.t WHERE a > 1000\nlabel: late\n" FEATURES, "no rows",
      ERR_INVALID },
    { "model: x\ndata: SELECT *, 1e300 AS big FROM ml.t\nlabel: late\nfeatures: [big]\n", "big",
      ERR_INVALID },
    { "model: x\ndata: SELECT * REPLACE (1 AS ts) FROM ml.t\nlabel: late\ntimestamp: ts\n" FEATURES,
      "none to train on", ERR_INVALID },
    { "model: x\ndata: ml.t\nlabel: late\nholdout: 0.2\n" FEATURES, "timestamp", ERR_INVALID },
    { "model: x\ndata: DROP TABLE ml.t\nlabel: late\n" FEATURES, "", ERR_INVALID },
    { "model: a/b\ndata: ml.t\nlabel: late\n" FEATURES, "model", ERR_INVALID },
};

TEST(mistakes_are_named)
{
    struct fixture f;
    struct error err;
    struct train_report r;
    struct model_info *models;
    size_t n;
    fixture_open(&f);
    make_table(&f);
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        err = (struct error){ 0 };
        if (train(&f, mistakes[i].spec, &r, &err))
            test_fail(__FILE__, __LINE__, "case %zu trained: %s", i, mistakes[i].spec);
        if (err.code != mistakes[i].code || !strstr(err.msg, mistakes[i].names))
            test_fail(__FILE__, __LINE__, "case %zu, %s: wanted %s with \"%s\", got %s: %s", i,
                      mistakes[i].spec, err_code_name(mistakes[i].code), mistakes[i].names,
                      err_code_name(err.code), err.msg);
    }
    CHECK_OK(model_list(f.models, f.arena, &models, &n, &err));
    CHECK_INT(n, 0);
    fixture_close(&f);
}

TEST(a_cancelled_run_is_killed_and_leaves_no_version)
{
    struct fixture f;
    struct error err;
    struct train_report r;
    struct run_info *runs;
    struct model_info *models;
    size_t n;
    fixture_open(&f);
    make_table(&f);
    struct cancel cancel = { .requested = true };
    struct train_request req = { .spec = yaml(&f, HEAD FEATURES PARAMS), .cancel = &cancel };
    CHECK_FAILS(models_train(f.models, &req, f.arena, &r, &err), ERR_CANCELLED);
    CHECK_OK(run_list(f.models, &(struct run_query){ 0 }, f.arena, &runs, &n, &err));
    CHECK(n == 1 && runs[0].status == RUN_KILLED && runs[0].message.len > 0);
    CHECK_OK(model_list(f.models, f.arena, &models, &n, &err));
    CHECK_INT(n, 0);
    fixture_close(&f);
}

static void fails_to_predict(struct fixture *f, const char *json, const char *names)
{
    struct error err;
    struct json *tree;
    struct prediction p;
    CHECK_OK(json_parse(str_of(json), f->arena, &tree, &err));
    CHECK_FAILS(models_predict(f->models, STR("late"), (str){ 0 }, tree, f->arena, &p, &err),
                ERR_INVALID);
    if (!strstr(err.msg, names))
        test_fail(__FILE__, __LINE__, "%s: wanted \"%s\" in: %s", json, names, err.msg);
}

TEST(wrong_input_for_a_prediction_is_named)
{
    struct fixture f;
    struct error err;
    struct train_report r;
    struct predictor *p;
    fixture_open(&f);
    make_table(&f);
    CHECK_FAILS(predictor_get(f.models, STR("late"), (str){ 0 }, &p, &err), ERR_NOT_FOUND);
    train_ok(&f, HEAD "features: [a, b]\n" PARAMS, &r);
    fails_to_predict(&f, "{\"a\":1}", "b");
    fails_to_predict(&f, "{\"a\":1,\"b\":\"x\"}", "b takes a number");
    fails_to_predict(&f, "{\"a\":[1,2],\"b\":[1]}", "b has 1");
    fails_to_predict(&f, "{\"a\":[1],\"b\":1}", "b has 1");
    fails_to_predict(&f, "{\"a\":1e300,\"b\":1}", "too large");
    fails_to_predict(&f, "[{\"a\":1,\"b\":2},{\"a\":1}]", "row 2");
    fails_to_predict(&f, "[7]", "row 1");
    fails_to_predict(&f, "7", "integer");
    CHECK_FAILS(predictor_get(f.models, STR("late"), STR("2"), &p, &err), ERR_NOT_FOUND);
    CHECK(strstr(err.msg, "version 2"));
    CHECK_FAILS(predictor_get(f.models, STR("none"), STR("1"), &p, &err), ERR_NOT_FOUND);
    fixture_close(&f);
}

/* Lists of any length, one row, many rows over several threads, none: all agree. */
TEST(many_rows_predict_as_one)
{
    struct fixture f;
    struct error err;
    struct train_report r;
    struct predictor *p;
    fixture_open(&f);
    make_table(&f);
    train_ok(&f, HEAD "features: [a, b]\n" PARAMS, &r);
    CHECK_OK(predictor_get(f.models, STR("late"), (str){ 0 }, &p, &err));
    size_t n = 20001, columns;
    CHECK_STR(predictor_features(p, &columns)[1], "b");
    CHECK_INT(columns, 2);
    float *rows = arena_array(f.arena, float, n * 2), *out = arena_array(f.arena, float, n), one;
    for (size_t i = 0; i < n; i++) {
        rows[2 * i] = i % 11 ? (float)(i % 1000) / 10 : NAN;
        rows[2 * i + 1] = (float)(i % 50);
    }
    CHECK_OK(predictor_run(p, rows, n, out, &err));
    CHECK_OK(predictor_run(p, rows, 0, out, &err));
    for (size_t i = 0; i < n; i += 997) {
        CHECK_OK(predictor_run(p, rows + 2 * i, 1, &one, &err));
        CHECK(one == out[i]);
    }
    CHECK_FAILS(predictor_run(p, rows, PREDICT_ROWS_MAX + 1, out, &err), ERR_LIMIT);
    predictor_unref(p);
    fixture_close(&f);
}

struct hammer {
    struct predictor *p;
    const float *rows, *want;
};

static bool hammer_one(void *ctx, size_t i, struct error *err)
{
    const struct hammer *h = ctx;
    float got;
    for (size_t k = 0; k < 200; k++) {
        size_t row = (i * 200 + k) % 1000;
        if (!predictor_run(h->p, h->rows + 2 * row, 1, &got, err))
            return false;
        if (got != h->want[row])
            return fail(err, ERR_INTERNAL, "row %zu gives %g, not %g", row, (double)got,
                        (double)h->want[row]);
    }
    return true;
}

TEST(threads_share_a_predictor)
{
    struct fixture f;
    struct error err;
    struct train_report r;
    struct hammer h;
    fixture_open(&f);
    make_table(&f);
    train_ok(&f, HEAD "features: [a, b]\n" PARAMS, &r);
    CHECK_OK(predictor_get(f.models, STR("late"), (str){ 0 }, &h.p, &err));
    float rows[2000], want[1000];
    for (int i = 0; i < 1000; i++) {
        rows[2 * i] = (float)i / 10;
        rows[2 * i + 1] = (float)(i % 50);
    }
    CHECK_OK(predictor_run(h.p, rows, 1000, want, &err));
    h.rows = rows;
    h.want = want;
    struct pool *pool = pool_create("hammer", 4, 64);
    CHECK_OK(pool_for(pool, 32, hammer_one, &h, &err));
    pool_destroy(pool);
    predictor_unref(h.p);
    fixture_close(&f);
}

static void damage(struct fixture *f, const struct train_report *r, const char *file, str bytes)
{
    struct error err;
    str path = arena_printf(f->arena, "runs/" STR_FMT "/model/%s", STR_ARG(r->run_id), file);
    CHECK_OK(store_put(f->lake->artifacts, path, bytes, STORE_REPLACE, &err));
}

TEST(a_damaged_model_is_named_by_its_file)
{
    struct fixture f;
    struct error err;
    struct train_report r;
    struct predictor *p;
    str model, descriptor;
    fixture_open(&f);
    make_table(&f);
    train_ok(&f, HEAD "features: [a, b]\n" PARAMS, &r);
    CHECK_OK(run_read_artifact(f.models, r.run_id, STR("model/model.ubj"), f.arena, &model, &err));
    CHECK_OK(
        run_read_artifact(f.models, r.run_id, STR("model/model.json"), f.arena, &descriptor, &err));
    char *bytes = arena_cstr(f.arena, model);
    bytes[model.len / 2] ^= 1;
    damage(&f, &r, "model.ubj", str_make(bytes, model.len));
    CHECK_FAILS(predictor_get(f.models, STR("late"), (str){ 0 }, &p, &err), ERR_CORRUPT);
    CHECK(strstr(err.msg, "model.ubj") && strstr(err.msg, arena_cstr(f.arena, r.run_id)));
    damage(&f, &r, "model.ubj", str_sub(model, 0, model.len / 2));
    CHECK_FAILS(predictor_get(f.models, STR("late"), (str){ 0 }, &p, &err), ERR_CORRUPT);
    damage(&f, &r, "model.ubj", model);
    for (size_t len = 0; len + 2 < descriptor.len; len += 13) {
        damage(&f, &r, "model.json", str_sub(descriptor, 0, len));
        CHECK_FAILS(predictor_get(f.models, STR("late"), (str){ 0 }, &p, &err), ERR_CORRUPT);
        CHECK(strstr(err.msg, "model.json"));
    }
    damage(&f, &r, "model.json", STR("{\"format\": 2}"));
    CHECK_FAILS(predictor_get(f.models, STR("late"), (str){ 0 }, &p, &err), ERR_UNSUPPORTED);
    damage(&f, &r, "model.json", descriptor);
    CHECK_OK(predictor_get(f.models, STR("late"), (str){ 0 }, &p, &err));
    predictor_unref(p);
    str gone = arena_printf(f.arena, "runs/" STR_FMT "/model/model.ubj", STR_ARG(r.run_id));
    fixture_reopen(&f);
    CHECK_OK(store_delete(f.lake->artifacts, gone, &err));
    CHECK_FAILS(predictor_get(f.models, STR("late"), (str){ 0 }, &p, &err), ERR_CORRUPT);
    fixture_close(&f);
}

/* Every version that the registry knows can be used; a version that was reported is known. */
static void check_whole(struct fixture *f, bool trained, int64_t version)
{
    struct error err = { 0 };
    struct model_info m;
    struct predictor *p;
    if (!model_get(f->models, STR("late"), f->arena, &m, &err)) {
        CHECK(err.code == ERR_NOT_FOUND && !trained);
        return;
    }
    CHECK(!trained || m.latest == version);
    for (size_t i = 0; i < m.versions_n; i++) {
        struct run_info run;
        str which = arena_printf(f->arena, "%lld", (long long)m.versions[i].version);
        CHECK_OK(predictor_get(f->models, STR("late"), which, &p, &err));
        predictor_unref(p);
        CHECK_OK(run_get(f->models, m.versions[i].run_id, f->arena, &run, &err));
        CHECK_INT(run.artifacts_n, 3);
    }
}

/* Fails each operation of the store and of the database in turn. */
static void sweep(enum fault_kind kind, bool of_store)
{
    struct fixture f;
    struct error err;
    struct train_report r;
    fixture_open(&f);
    make_table(&f);
    struct store *store = f.lake->artifacts;
    struct db *db = f.lake->db;
    bool fired = true;
    for (int nth = 0; fired; nth++) {
        struct fault fault = FAULT_AT(kind, nth);
        struct store *faulty = store_fault_create(store, &fault);
        struct db *faulty_db = db_fault_create(db, &fault);
        f.lake->artifacts = of_store ? faulty : store;
        f.lake->db = of_store ? db : faulty_db;
        bool ok = train(&f, HEAD "features: [a, b]\nrounds: 2\n", &r, &err);
        f.lake->artifacts = store;
        f.lake->db = db;
        fired = fault_fired(&fault);
        store_destroy(faulty);
        db_close(faulty_db);
        CHECK(ok || fired);
        check_whole(&f, ok, r.version);
    }
    fixture_close(&f);
}

TEST(a_refusing_store_leaves_a_version_whole_or_none)
{
    sweep(FAULT_REFUSED, true);
}

TEST(a_lost_answer_of_the_store_leaves_a_version_whole_or_none)
{
    sweep(FAULT_ANSWER_LOST, true);
}

TEST(a_refusing_database_leaves_a_version_whole_or_none)
{
    sweep(FAULT_REFUSED, false);
}

TEST(a_lost_answer_of_the_database_leaves_a_version_whole_or_none)
{
    sweep(FAULT_ANSWER_LOST, false);
}
