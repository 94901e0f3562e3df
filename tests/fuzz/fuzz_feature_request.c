/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of requests for online features.  What the pull reader accepts, the strict parser accepts too
 * (but for keys that come twice), and both find the same columns, values and features. */
#include "features/feast_json.h"

#include "codec/json.h"
#include "fuzz.h"

static void check_cell(const struct online_cell *c, const struct json *j)
{
    switch (c->kind) {
    case CELL_NULL:
        HOLDS(j->kind == JSON_NULL);
        break;
    case CELL_INT:
        HOLDS(j->kind == JSON_INT && j->i == c->i);
        break;
    case CELL_BOOL:
        HOLDS(j->kind == JSON_BOOL && j->b == (c->i != 0));
        break;
    case CELL_TEXT:
        HOLDS(j->kind == JSON_STR && str_eq(j->s, c->s));
        break;
    case CELL_OTHER:
        HOLDS(j->kind == JSON_F64);
        break;
    }
}

static void check_entities(const struct feast_request *req, const struct json *entities)
{
    HOLDS(entities && entities->kind == JSON_OBJECT && entities->object.n == req->inputs_n);
    for (size_t i = 0; i < req->inputs_n; i++) {
        const struct json_member *m = &entities->object.members[i];
        HOLDS(str_eq(m->key, req->inputs[i].name));
        HOLDS(m->value.kind == JSON_ARRAY && m->value.array.n == req->rows_n);
        for (size_t r = 0; r < req->rows_n; r++)
            check_cell(&req->inputs[i].cells[r], &m->value.array.items[r]);
    }
}

static void check_features(const struct feast_request *req, const struct json *features)
{
    if (req->features.service.len)
        return;
    if (!features || features->kind == JSON_NULL) {
        HOLDS(req->features.n == 0);
        return;
    }
    HOLDS(features->kind == JSON_ARRAY && features->array.n == req->features.n);
    for (size_t i = 0; i < req->features.n; i++)
        HOLDS(str_eq(features->array.items[i].s, req->features.refs[i]));
}

/* Every value that is echoed is JSON of its own. */
static void check_echo(const struct feast_request *req, struct arena *a)
{
    struct json *j;
    struct error err;
    for (size_t i = 0; i < req->inputs_n; i++)
        for (size_t r = 0; r < req->rows_n; r++) {
            HOLDS(json_parse(req->inputs[i].cells[r].raw, a, &j, &err));
            check_cell(&req->inputs[i].cells[r], j);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)256 << 20);
    struct feast_request req;
    struct json *doc;
    struct error err = { 0 }, other = { 0 };
    str body = str_make(data, size);
    if (size > (1 << 20)) {
        arena_destroy(a);
        return 0;
    }
    bool ok = feast_request_parse(body, a, &req, &err);
    HOLDS(ok || fuzz_expected(&err));
    bool strict = json_parse(body, a, &doc, &other);
    HOLDS(!ok || strict || str_find(str_of(other.msg), STR("twice")) >= 0 ||
          str_find(str_of(other.msg), STR("uplicate")) >= 0);
    if (ok && strict) {
        check_entities(&req, json_get(doc, "entities"));
        check_features(&req, json_get(doc, "features"));
        check_echo(&req, a);
    }
    arena_destroy(a);
    return 0;
}
