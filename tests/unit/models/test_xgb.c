/* SPDX-License-Identifier: Apache-2.0 */
#include "models/xgb.h"

#include <math.h>

#include "test.h"

#define ROWS ((size_t)1 << 20) /* enough for cuts from a sample */

static const struct xgb_param params[] = { { "objective", "binary:logistic" },
                                           { "tree_method", "hist" },
                                           { "max_depth", "2" },
                                           { "nthread", "1" },
                                           { "seed", "1" } };

static void train_rounds(struct xgb_matrix *m, int rounds, struct xgb_booster **out)
{
    struct error err;
    CHECK_OK(xgb_booster_create(m, NULL, params, sizeof params / sizeof *params, out, &err));
    for (int i = 0; i < rounds; i++)
        CHECK_OK(xgb_train_round(*out, i, &err));
}

/* The label says whether the value is there.  A few values are far beyond all others, where a sample hardly finds them: they
 * must be predicted as what they were trained on. */
TEST(values_beyond_the_sample_are_predicted_as_trained)
{
    struct error err;
    struct xgb_matrix *m;
    struct xgb_booster *trained, *loaded;
    struct rand r;
    rand_init(&r, test_seed());
    float *rows = arena_array(test_arena(), float, ROWS),
          *y = arena_array(test_arena(), float, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        rows[i] = rand_below(&r, 3) ? (float)rand_f64(&r) : NAN;
        if (i % 200000 == 77)
            rows[i] = i % 400000 == 77 ? 1e6F : -1e6F;
        y[i] = isnan(rows[i]) ? 0.0F : 1.0F;
    }
    CHECK_OK(xgb_matrix_bins(rows, ROWS, 1, y, 64, 1, &m, &err));
    train_rounds(m, 10, &trained);
    str bytes;
    CHECK_OK(xgb_save(trained, test_arena(), &bytes, &err));
    CHECK_OK(xgb_load(bytes, 1, &loaded, &err));
    float in[] = { 0.5F, 1e6F, -1e6F, NAN }, a[4], b[4];
    CHECK_OK(xgb_predict(trained, in, 4, 1, 1, a, &err));
    CHECK_OK(xgb_predict(loaded, in, 4, 1, 1, b, &err));
    CHECK(a[0] > 0.9F && a[1] > 0.9F && a[2] > 0.9F && a[3] < 0.1F);
    CHECK(memcmp(a, b, sizeof a) == 0);
    xgb_booster_destroy(trained);
    xgb_booster_destroy(loaded);
    xgb_matrix_destroy(m);
}

TEST(a_model_with_other_columns_is_corrupt)
{
    struct error err;
    struct xgb_matrix *m;
    struct xgb_booster *b;
    float rows[] = { 1, 2, 3, 4, 5, 6, 7, 8 }, y[] = { 0, 1, 0, 1 };
    CHECK_OK(xgb_matrix_plain(rows, 4, 2, y, 1, &m, &err));
    train_rounds(m, 1, &b);
    str bytes;
    CHECK_OK(xgb_save(b, test_arena(), &bytes, &err));
    xgb_booster_destroy(b);
    xgb_matrix_destroy(m);
    CHECK_FAILS(xgb_load(bytes, 3, &b, &err), ERR_CORRUPT);
    CHECK_FAILS(xgb_load(STR("{\"learner\":{}}"), 2, &b, &err), ERR_CORRUPT);
    CHECK_STR(str_of(xgb_version()), "1.7.4");
}
