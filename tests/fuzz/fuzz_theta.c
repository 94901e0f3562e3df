/* SPDX-License-Identifier: Apache-2.0
 *
 * Theta sketches.  What is accepted survives being written; its hashes ascend below theta; united with itself it is what it
 * was, or its least hashes. */
#include "codec/theta.h"

#include "fuzz.h"

static void check(const struct theta_compact *s, struct arena *a)
{
    struct buf out = BUF_INIT((size_t)64 << 20);
    struct theta_compact again, both;
    struct error err;
    for (size_t i = 0; i < s->n; i++)
        HOLDS(s->hashes[i] > (i ? s->hashes[i - 1] : 0) && s->hashes[i] < s->theta);
    theta_write(s, &out);
    HOLDS(theta_read(buf_str(&out), a, &again, &err));
    HOLDS(again.n == s->n && again.theta == s->theta &&
          (s->n == 0 || memcmp(again.hashes, s->hashes, s->n * sizeof *s->hashes) == 0));
    buf_deinit(&out);
    theta_union((const struct theta_compact *[]){ s, &again }, 2, a, &both);
    HOLDS(both.n == (s->n < THETA_K ? s->n : THETA_K) && both.theta <= s->theta);
    HOLDS(s->n > THETA_K || theta_estimate(&both) == theta_estimate(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)256 << 20);
    struct theta_compact s;
    struct error err = { 0 };
    if (theta_read(str_make(data, size), a, &s, &err))
        check(&s, a);
    else
        HOLDS(fuzz_expected(&err));
    arena_destroy(a);
    return 0;
}
