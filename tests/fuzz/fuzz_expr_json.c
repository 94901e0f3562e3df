/* SPDX-License-Identifier: Apache-2.0
 *
 * A filter that is accepted is written so that it reads back as one that is written the same; it binds to a schema or
 * says why not, and what it was bound to is written so that it binds to the same again. */
#include "codec/json.h"
#include "iceberg/expr_json.h"
#include "iceberg/schema.h"

#include "fuzz.h"

#define TEXT_MAX ((size_t)64 << 20)

static const char schema_text[] =
    "{\"type\":\"struct\",\"fields\":["
    "{\"id\":1,\"name\":\"a\",\"required\":false,\"type\":\"int\"},"
    "{\"id\":2,\"name\":\"b\",\"required\":false,\"type\":\"string\"},"
    "{\"id\":3,\"name\":\"c\",\"required\":true,\"type\":\"date\"},"
    "{\"id\":4,\"name\":\"d\",\"required\":false,\"type\":\"decimal(9,2)\"},"
    "{\"id\":5,\"name\":\"e\",\"required\":false,\"type\":\"double\"},"
    "{\"id\":6,\"name\":\"f\",\"required\":false,\"type\":{\"type\":\"struct\",\"fields\":["
    "{\"id\":7,\"name\":\"g\",\"required\":true,\"type\":\"timestamptz\"},"
    "{\"id\":8,\"name\":\"h\",\"required\":false,\"type\":\"binary\"}]}}]}";

static bool written(const struct expr *e, const struct schema *schema, struct arena *a, str *out)
{
    struct buf b = BUF_INIT(TEXT_MAX);
    struct json_writer w;
    struct error err;
    jw_init(&w, &b);
    bool ok = expr_write_json(e, schema, &w, &err);
    HOLDS(ok || err.code == ERR_LIMIT);
    if (ok && !b.overflow)
        *out = arena_str(a, buf_str(&b));
    ok = ok && !b.overflow;
    buf_deinit(&b);
    return ok;
}

static const struct expr *reread(str text, const struct schema *schema, struct arena *a)
{
    struct json *json;
    struct error err;
    const struct expr *e;
    HOLDS(json_parse(text, a, &json, &err));
    HOLDS(expr_from_json(json, schema, a, &e, &err));
    return e;
}

static void check_bound(const struct expr *e, const struct schema *schema, struct arena *a)
{
    struct error err = { 0 };
    const struct expr *bound, *again;
    str first, second;
    if (!expr_bind(e, schema, true, a, &bound, &err)) {
        HOLDS(fuzz_expected(&err));
        return;
    }
    if (!written(bound, schema, a, &first))
        return;
    HOLDS(expr_bind(reread(first, schema, a), schema, true, a, &again, &err));
    HOLDS(written(again, schema, a, &second));
    HOLDS(str_eq(first, second));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)512 << 20);
    struct error err = { 0 };
    struct json *json;
    const struct schema *schema;
    const struct expr *e;
    str first, second;
    HOLDS(json_parse(str_of(schema_text), a, &json, &err) && schema_parse(json, a, &schema, &err));
    if (json_parse(str_make(data, size), a, &json, &err)) {
        if (!expr_from_json(json, schema, a, &e, &err)) {
            HOLDS(fuzz_expected(&err));
        } else if (written(e, schema, a, &first)) {
            HOLDS(written(reread(first, schema, a), schema, a, &second));
            HOLDS(str_eq(first, second));
            check_bound(e, schema, a);
        }
    }
    arena_destroy(a);
    return 0;
}
