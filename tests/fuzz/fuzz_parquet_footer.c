/* SPDX-License-Identifier: Apache-2.0
 *
 * What is accepted as a footer is the same after a copy without changes; with a change nothing but that differs.  The same bytes as
 * a chunk of pages give an error or pages. */
#include "codec/parquet_footer.h"
#include "codec/parquet_pages.h"

#include "fuzz.h"

static bool same(const struct parquet_element *a, const struct parquet_element *b)
{
    return str_eq(a->name, b->name) && a->id == b->id && a->children_n == b->children_n &&
           a->repetition == b->repetition;
}

static void check_copy(str footer, const struct parquet_element *list, size_t n, struct arena *a)
{
    struct parquet_change change = { .element = n / 2,
                                     .annotate = true,
                                     .logical = PARQUET_GEOGRAPHY,
                                     .crs = STR("x"),
                                     .algorithm = STR("karney") };
    struct buf out = BUF_INIT((size_t)64 << 20);
    struct parquet_element *again;
    struct error err;
    size_t again_n;
    if (parquet_footer_change(footer, &change, 1, NULL, &out, &err)) {
        HOLDS(parquet_footer_read(buf_str(&out), a, &again, &again_n, &err));
        HOLDS(again_n == n);
        for (size_t i = 0; i < n; i++)
            HOLDS(same(&list[i], &again[i]));
        HOLDS(again[n / 2].logical == PARQUET_GEOGRAPHY && str_is(again[n / 2].crs, "x"));
    } else {
        HOLDS(fuzz_expected(&err));
    }
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)512 << 20);
    str bytes = str_make(data, size);
    struct parquet_element *list;
    struct parquet_chunk *chunks;
    struct error err = { 0 };
    size_t n;
    int64_t grown, shift;
    struct buf out = BUF_INIT((size_t)16 << 20);
    struct parquet_pages how = { .codec = 0, .length = 3, .optional = true };
    if (parquet_footer_read(bytes, a, &list, &n, &err))
        check_copy(bytes, list, n, a);
    else
        HOLDS(fuzz_expected(&err));
    if (!parquet_footer_chunks(bytes, a, &chunks, &n, &err))
        HOLDS(fuzz_expected(&err));
    if (!parquet_pages_fix(bytes, &how, &out, &grown, &shift, &err))
        HOLDS(fuzz_expected(&err));
    buf_deinit(&out);
    arena_destroy(a);
    return 0;
}
