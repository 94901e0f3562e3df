/* SPDX-License-Identifier: Apache-2.0
 *
 * Function metadata that is accepted is kept whole: what is written is accepted again, and writes as the same. */
#include "iceberg/function.h"

#include "fuzz.h"

static void write_into(const struct function_metadata *m, struct buf *out)
{
    struct json_writer w;
    jw_init(&w, out);
    function_metadata_write_json(m, &w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)256 << 20);
    const struct function_metadata *m, *again;
    struct buf first = BUF_INIT((size_t)64 << 20), second = BUF_INIT((size_t)64 << 20);
    struct error err = { 0 };
    if (function_metadata_parse(str_make(data, size), a, &m, &err)) {
        write_into(m, &first);
        HOLDS(function_metadata_parse(buf_str(&first), a, &again, &err));
        write_into(again, &second);
        HOLDS(str_eq(buf_str(&first), buf_str(&second)));
        HOLDS(again->definitions_n == m->definitions_n && str_eq(again->uuid, m->uuid));
    } else {
        HOLDS(fuzz_expected(&err));
    }
    buf_deinit(&first);
    buf_deinit(&second);
    arena_destroy(a);
    return 0;
}
