/* SPDX-License-Identifier: Apache-2.0 */
#include "models/score.h"

#include <math.h>

#include "test.h"

static double auc_by_pairs(const float *p, const float *y, size_t n)
{
    double right = 0, pairs = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (y[i] > y[k]) {
                pairs++;
                right += p[i] > p[k] ? 1 : p[i] == p[k] ? 0.5 : 0;
            }
    return right / pairs;
}

/* Random predictions from few values, so that ties abound, negative ones and both zeros among them. */
TEST(auc_equals_the_count_of_pairs)
{
    struct rand r;
    rand_init(&r, test_seed());
    for (int round = 0; round < 200; round++) {
        float p[60], y[60];
        size_t n = 2 + rand_below(&r, 58);
        uint64_t values = 1 + rand_below(&r, 40);
        for (size_t i = 0; i < n; i++) {
            p[i] = ((float)rand_below(&r, values) - 10) / 7;
            if (p[i] == 0 && rand_below(&r, 2))
                p[i] = -0.0F;
            y[i] = (float)rand_below(&r, 2);
        }
        y[0] = 0;
        y[1] = 1;
        double got = score_auc(p, y, n, test_arena()), want = auc_by_pairs(p, y, n);
        if (fabs(got - want) > 1e-12)
            test_fail(__FILE__, __LINE__, "auc of %zu rows is %.15g, wanted %.15g", n, got, want);
    }
}

TEST(auc_at_its_ends)
{
    float p[] = { 0.1F, 0.2F, 0.8F, 0.9F }, up[] = { 0, 0, 1, 1 }, down[] = { 1, 1, 0, 0 };
    float ones[] = { 1, 1, 1, 1 }, same[] = { 0.5F, 0.5F, 0.5F, 0.5F };
    CHECK(score_auc(p, up, 4, test_arena()) == 1);
    CHECK(score_auc(p, down, 4, test_arena()) == 0);
    CHECK(score_auc(same, up, 4, test_arena()) == 0.5);
    CHECK(isnan(score_auc(p, ones, 4, test_arena())));
}

TEST(scores_of_classes_and_numbers)
{
    float p[] = { 0.9F, 0.4F, 0.5F, 0.2F }, y[] = { 1, 1, 1, 0 };
    CHECK(score_accuracy(p, y, 4) == 0.75);
    double want = -(log(0.9) + log(0.4) + log(0.5) + log(0.8)) / 4;
    CHECK(fabs(score_logloss(p, y, 4) - want) < 1e-6);
    float sure[] = { 1, 0 }, wrong[] = { 0, 1 };
    CHECK(fabs(score_logloss(sure, wrong, 2) + log(1e-15)) < 1e-9);
    float three[] = { 0.2F, 0.5F, 0.3F, 0.6F, 0.3F, 0.1F }, classes[] = { 1, 2 };
    CHECK(score_accuracy_multi(three, classes, 2, 3) == 0.5);
    CHECK(fabs(score_logloss_multi(three, classes, 2, 3) + (log(0.5) + log(0.1)) / 2) < 1e-6);
    float a[] = { 1, 2, 3 }, b[] = { 1, 4, 0 };
    CHECK(fabs(score_rmse(a, b, 3) - sqrt(13.0 / 3)) < 1e-9);
    CHECK(fabs(score_mae(a, b, 3) - 5.0 / 3) < 1e-9);
}
