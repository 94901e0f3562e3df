/* SPDX-License-Identifier: Apache-2.0
 *
 * What is accepted lists ascending positions as many as it counts, agrees with itself in every way of
 * asking, and survives being written and read. */
#include "codec/roaring.h"

#include "fuzz.h"

#define LISTED_MAX 5000

static void check_masks(const struct positions *p, uint64_t at)
{
    uint64_t mask[8] = { 0 }, from = at > 100 ? at - 100 : 0;
    positions_mask(p, from, 512, mask);
    for (size_t i = 0; i < 512; i++)
        HOLDS((mask[i / 64] >> (i % 64) & 1) == positions_has(p, from + i));
}

static void check(struct positions *p, struct arena *a)
{
    static uint64_t list[LISTED_MAX], again[LISTED_MAX];
    struct buf out = BUF_INIT((size_t)64 << 20);
    struct positions *back;
    struct error err;
    uint64_t count = positions_count(p), last = 0;
    size_t n = positions_list(p, 0, list, LISTED_MAX);
    HOLDS(n == (count < LISTED_MAX ? count : LISTED_MAX));
    HOLDS(positions_last(p, &last) == (count > 0));
    for (size_t i = 0; i < n; i++) {
        HOLDS(list[i] <= last && (i == 0 || list[i - 1] < list[i]) && positions_has(p, list[i]));
        if (i % 500 == 0)
            check_masks(p, list[i]);
    }
    positions_write(p, &out);
    HOLDS(!out.overflow && positions_read(buf_str(&out), a, &back, &err));
    HOLDS(positions_count(back) == count);
    HOLDS(positions_list(back, 0, again, LISTED_MAX) == n);
    HOLDS(memcmp(list, again, n * sizeof *list) == 0);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create(0);
    struct error err = { 0 };
    struct positions *p;
    if (positions_read(str_make(data, size), a, &p, &err))
        check(p, a);
    else
        HOLDS(fuzz_expected(&err));
    arena_destroy(a);
    return 0;
}
