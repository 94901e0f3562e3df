/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tree parser accepts, the pull reader accepts; it is written so that it reads back as the
 * same tree, indented or not; strings and keys are valid UTF-8 and numbers finite. */
#include "codec/json.h"

#include "fuzz.h"

static void check(const struct json *v)
{
    switch (v->kind) {
    case JSON_STR:
        HOLDS(str_is_utf8(v->s));
        break;
    case JSON_F64:
        HOLDS(v->f - v->f == 0);
        break;
    case JSON_ARRAY:
        for (size_t i = 0; i < v->array.n; i++)
            check(&v->array.items[i]);
        break;
    case JSON_OBJECT:
        for (size_t i = 0; i < v->object.n; i++) {
            HOLDS(str_is_utf8(v->object.members[i].key));
            check(&v->object.members[i].value);
        }
        break;
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_INT:
        break;
    }
}

static void write(const struct json *v, bool pretty, struct buf *out)
{
    struct json_writer w;
    jw_init(&w, out);
    w.pretty = pretty;
    jw_json(&w, v);
}

static void check_round_trip(const struct json *v, struct arena *a)
{
    struct buf first = BUF_INIT((size_t)64 << 20), pretty = BUF_INIT((size_t)64 << 20);
    struct buf second = BUF_INIT((size_t)64 << 20);
    struct json *again;
    struct error err;
    write(v, false, &first);
    write(v, true, &pretty);
    HOLDS(json_parse(buf_str(&first), a, &again, &err));
    HOLDS(json_parse(buf_str(&pretty), a, &again, &err));
    write(again, false, &second);
    HOLDS(str_eq(buf_str(&first), buf_str(&second)));
    buf_deinit(&first);
    buf_deinit(&pretty);
    buf_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)256 << 20);
    struct json_reader r;
    struct json *v;
    struct error err = { 0 };
    str text = str_make(data, size);
    jr_init(&r, text, a);
    jr_skip(&r);
    bool skipped = jr_finish(&r, &err);
    HOLDS(skipped || fuzz_expected(&err));
    if (json_parse(text, a, &v, &err)) {
        HOLDS(skipped);
        check(v);
        check_round_trip(v, a);
    } else {
        HOLDS(fuzz_expected(&err));
    }
    arena_destroy(a);
    return 0;
}
