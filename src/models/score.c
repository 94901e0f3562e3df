/* SPDX-License-Identifier: Apache-2.0 */
#include "models/score.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PROBABILITY_MIN 1e-15

/* A float's bits in the order of its values, with the label below them: sorting keys sorts rows. */
static uint64_t key_of(float p, float y)
{
    uint32_t bits;
    p = p == 0 ? 0 : p; /* -0 equals 0 */
    memcpy(&bits, &p, sizeof bits);
    bits = bits >> 31 ? ~bits : bits | 1u << 31;
    return (uint64_t)bits << 1 | (y > 0.5F);
}

#define DIGIT_BITS 11
#define DIGITS (1u << DIGIT_BITS)

/* Three passes of 11 bits over the 33 of a key; back in `keys` or in `other`: the sorted one is returned. */
static uint64_t *radix_sort(uint64_t *keys, uint64_t *other, size_t n)
{
    for (int shift = 0; shift < 33; shift += DIGIT_BITS) {
        size_t at[DIGITS] = { 0 }, sum = 0;
        for (size_t i = 0; i < n; i++)
            at[keys[i] >> shift & (DIGITS - 1)]++;
        for (size_t d = 0; d < DIGITS; d++) {
            size_t count = at[d];
            at[d] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++)
            other[at[keys[i] >> shift & (DIGITS - 1)]++] = keys[i];
        uint64_t *swap = keys;
        keys = other;
        other = swap;
    }
    return keys;
}

double score_auc(const float *p, const float *y, size_t n, struct arena *a)
{
    uint64_t *keys = arena_array(a, uint64_t, n), *other = arena_array(a, uint64_t, n);
    for (size_t i = 0; i < n; i++)
        keys[i] = key_of(p[i], y[i]);
    keys = radix_sort(keys, other, n);
    double right = 0, negatives = 0, positives = 0;
    for (size_t i = 0; i < n;) { /* a group of equal predictions at a time */
        size_t end = i, ones = 0;
        for (; end < n && keys[end] >> 1 == keys[i] >> 1; end++)
            ones += keys[end] & 1;
        size_t zeros = end - i - ones;
        right += (double)ones * (negatives + (double)zeros / 2);
        negatives += (double)zeros;
        positives += (double)ones;
        i = end;
    }
    return positives > 0 && negatives > 0 ? right / positives / negatives : (double)NAN;
}

static double log_of(double p)
{
    return log(p < PROBABILITY_MIN ? PROBABILITY_MIN : p);
}

double score_accuracy(const float *p, const float *y, size_t n)
{
    size_t right = 0;
    for (size_t i = 0; i < n; i++)
        right += (p[i] >= 0.5F) == (y[i] >= 0.5F);
    return (double)right / (double)n;
}

double score_logloss(const float *p, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum -= log_of(y[i] >= 0.5F ? (double)p[i] : 1 - (double)p[i]);
    return sum / (double)n;
}

double score_accuracy_multi(const float *p, const float *y, size_t n, size_t classes)
{
    size_t right = 0;
    for (size_t i = 0; i < n; i++) {
        size_t best = 0;
        for (size_t c = 1; c < classes; c++)
            if (p[i * classes + c] > p[i * classes + best])
                best = c;
        right += best == (size_t)y[i];
    }
    return (double)right / (double)n;
}

double score_logloss_multi(const float *p, const float *y, size_t n, size_t classes)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum -= log_of((double)p[i * classes + (size_t)y[i]]);
    return sum / (double)n;
}

double score_rmse(const float *p, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)p[i] - (double)y[i]) * ((double)p[i] - (double)y[i]);
    return sqrt(sum / (double)n);
}

double score_mae(const float *p, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += fabs((double)p[i] - (double)y[i]);
    return sum / (double)n;
}
