/* SPDX-License-Identifier: Apache-2.0 */
#include "server/bodies.h"

#include <math.h>

#include "base/vec.h"

bool body_object(str text, struct arena *a, const struct json **out, struct error *err)
{
    struct json *doc;
    if (text.len == 0)
        return fail(err, ERR_INVALID, "the request has no body; a JSON object is wanted");
    if (!json_parse(text, a, &doc, err))
        return fail_in(err, "the request's body");
    if (doc->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "the request's body is %s, not an object",
                    json_kind_name(doc->kind));
    *out = doc;
    return true;
}

static bool is_among(str key, str names)
{
    str name;
    while (str_next(&names, ' ', &name))
        if (str_eq(key, name))
            return true;
    return false;
}

bool body_only(const struct json *object, const char *names, struct error *err)
{
    for (size_t i = 0; i < object->object.n; i++) {
        str key = object->object.members[i].key;
        if (is_among(key, str_of(names)))
            continue;
        fail(err, ERR_INVALID, "the request's body has an unknown member \"" STR_FMT "\"",
             STR_ARG(key));
        return fail_hint(err, "known are: %s", names);
    }
    return true;
}

bool body_strings(const struct json *object, const char *key, struct arena *a, const str **out,
                  size_t *n, struct error *err)
{
    const struct json *list;
    *out = NULL;
    *n = 0;
    if (!json_opt_array(object, key, &list, err))
        return false;
    if (!list)
        return true;
    if (list->array.n > BODY_LIST_MAX)
        return fail(err, ERR_LIMIT, "%s has %zu entries; at most %d", key, list->array.n,
                    BODY_LIST_MAX);
    str *at = arena_array(a, str, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        if (list->array.items[i].kind != JSON_STR)
            return fail(err, ERR_INVALID, "%s[%zu] is %s, not a string", key, i,
                        json_kind_name(list->array.items[i].kind));
        at[i] = list->array.items[i].s;
    }
    *out = at;
    *n = list->array.n;
    return true;
}

/* ---- SQL ---- */

static bool parse_format(str text, enum sql_format *out, struct error *err)
{
    static const char *const names[] = { "json",     "objects", "jsonl",  "csv",
                                         "markdown", "table",   "parquet" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_is(text, names[i])) {
            *out = (enum sql_format)i;
            return true;
        }
    }
    return fail(
        err, ERR_INVALID,
        "format must be json, objects, jsonl, csv, markdown, table or parquet, not \"" STR_FMT "\"",
        STR_ARG(text));
}

/* Parameters go to the engine as texts, which it casts where they are used. */
static bool param_text(const struct json *v, struct arena *a, str *out)
{
    struct json_writer w;
    switch (v->kind) {
    case JSON_NULL:
        *out = (str){ 0 };
        return true;
    case JSON_STR:
        *out = v->s.ptr ? v->s : STR("");
        return true;
    case JSON_BOOL:
        *out = v->b ? STR("true") : STR("false");
        return true;
    case JSON_INT:
    case JSON_F64: {
        struct buf text = BUF_INIT(400);
        jw_init(&w, &text);
        jw_json(&w, v);
        *out = arena_str(a, buf_str(&text));
        buf_deinit(&text);
        return true;
    }
    default:
        return false;
    }
}

static bool parse_params(const struct json *doc, struct arena *a, struct sql_body *out,
                         struct error *err)
{
    const struct json *list;
    if (!json_opt_array(doc, "params", &list, err))
        return false;
    if (!list)
        return true;
    if (list->array.n > SQL_PARAMS_MAX)
        return fail(err, ERR_LIMIT, "params has %zu entries; at most %d", list->array.n,
                    SQL_PARAMS_MAX);
    out->params = arena_array(a, str, list->array.n);
    out->params_n = list->array.n;
    for (size_t i = 0; i < list->array.n; i++)
        if (!param_text(&list->array.items[i], a, &out->params[i]))
            return fail(err, ERR_INVALID,
                        "params[%zu] is %s; strings, numbers, booleans and null fit", i,
                        json_kind_name(list->array.items[i].kind));
    return true;
}

/* {"spark.wap.id": "x"} */
static bool parse_settings(const struct json *doc, struct arena *a, struct sql_body *out,
                           struct error *err)
{
    const struct json *map;
    if (!json_opt_obj(doc, "settings", &map, err))
        return false;
    for (size_t i = 0; map && i < map->object.n; i++) {
        const struct json_member *m = &map->object.members[i];
        if (m->value.kind != JSON_STR)
            return fail(err, ERR_INVALID, "settings: the value of \"" STR_FMT "\" has to be a text",
                        STR_ARG(m->key));
        if (!settings_set(&out->settings, m->key, m->value.s, a, err))
            return false;
    }
    return true;
}

bool sql_body_parse(str text, struct arena *a, struct sql_body *out, struct error *err)
{
    const struct json *doc;
    str format;
    *out = (struct sql_body){ 0 };
    if (!body_object(text, a, &doc, err) ||
        !body_only(doc, "sql branch params format out max_rows timeout_ms settings", err) ||
        !json_need_str(doc, "sql", &out->sql, err) ||
        !json_opt_str(doc, "branch", (str){ 0 }, &out->branch, err) ||
        !json_opt_str(doc, "format", STR("json"), &format, err) ||
        !json_opt_str(doc, "out", (str){ 0 }, &out->out, err) ||
        !json_opt_int(doc, "max_rows", 0, &out->max_rows, err) ||
        !json_opt_int(doc, "timeout_ms", -1, &out->timeout_ms, err) ||
        !parse_format(format, &out->format, err) || !parse_params(doc, a, out, err) ||
        !parse_settings(doc, a, out, err))
        return false;
    if (out->max_rows < 0)
        return fail(err, ERR_INVALID, "max_rows must not be negative");
    if (out->timeout_ms < -1 || out->timeout_ms > TIMEOUT_MS_MAX)
        return fail(err, ERR_INVALID, "timeout_ms must be from 0 (none) to %lld",
                    (long long)TIMEOUT_MS_MAX);
    if ((out->format == SQL_PARQUET) != (out->out.len > 0))
        return fail(err, ERR_INVALID, "format parquet and out (the file to write) go together");
    return true;
}

bool plan_body_parse(str text, struct arena *a, struct plan_body *out, struct error *err)
{
    const struct json *doc;
    *out = (struct plan_body){ 0 };
    if (!body_object(text, a, &doc, err) ||
        !body_only(doc, "table metadata filter branch snapshot_id list", err) ||
        !json_opt_str(doc, "table", (str){ 0 }, &out->table, err) ||
        !json_opt_str(doc, "metadata", (str){ 0 }, &out->metadata, err) ||
        !json_opt_str(doc, "filter", (str){ 0 }, &out->filter, err) ||
        !json_opt_str(doc, "branch", (str){ 0 }, &out->branch, err) ||
        !json_opt_int(doc, "snapshot_id", 0, &out->snapshot_id, err) ||
        !json_opt_bool(doc, "list", false, &out->list, err))
        return false;
    if ((out->table.len > 0) == (out->metadata.len > 0))
        return fail(err, ERR_INVALID, "exactly one of table and metadata must be given");
    return true;
}

/* ---- Open Inference Protocol ---- */

static const char *const tensor_names[TENSOR_TYPES] = {
    "BOOL",  "UINT8", "UINT16", "UINT32", "UINT64", "INT8",  "INT16",
    "INT32", "INT64", "FP16",   "FP32",   "FP64",   "BYTES",
};

const char *tensor_type_name(enum tensor_type t)
{
    return tensor_names[t];
}

static void read_type(struct json_reader *r, struct tensor *t)
{
    str name = jr_str(r);
    for (int i = 0; i < TENSOR_TYPES; i++) {
        if (str_is(name, tensor_names[i])) {
            t->type = (enum tensor_type)i;
            return;
        }
    }
    jr_fail(r, "a datatype is wanted: BOOL, UINT8 to UINT64, INT8 to INT64, FP16 to FP64 or BYTES");
}

static void read_shape(struct json_reader *r, struct tensor *t)
{
    t->dims = 0;
    t->n = 1;
    jr_array(r);
    while (jr_element(r)) {
        int64_t d = jr_int(r);
        if (d < 0 || t->dims == TENSOR_DIMS_MAX) {
            jr_fail(r, d < 0 ? "a dimension must not be negative" : "too many dimensions");
            return;
        }
        t->shape[t->dims++] = d;
        if (__builtin_mul_overflow(t->n, (size_t)d, &t->n) || t->n > TENSOR_VALUES_MAX) {
            jr_fail(r, "the tensor is too large");
            return;
        }
    }
}

struct values {
    float *at;
    size_t n, cap;
    struct arena *a;
};

static float read_value(struct json_reader *r, enum json_kind kind)
{
    if (kind == JSON_BOOL)
        return jr_bool(r) ? 1 : 0;
    if (kind == JSON_NULL)
        return jr_null(r) ? NAN : 0;
    return (float)jr_f64(r);
}

/* Flat or nested: brackets say nothing that the shape does not say. */
static void read_data(struct json_reader *r, struct values *v, int depth)
{
    enum json_kind kind;
    jr_array(r);
    while (jr_element(r)) {
        if (!jr_peek(r, &kind))
            return;
        if (kind == JSON_ARRAY) {
            if (depth == TENSOR_DIMS_MAX)
                jr_fail(r, "the data is nested too deeply");
            else
                read_data(r, v, depth + 1);
        } else if (kind == JSON_STR || kind == JSON_OBJECT) {
            jr_fail(r, "a number, a boolean or null is wanted");
        } else if (v->n == TENSOR_VALUES_MAX) {
            jr_fail(r, "the request has too many values");
        } else {
            float f = read_value(r, kind);
            *vec_push(v->a, v) = f;
        }
    }
}

/* One input: members in any order, so the data is looked at last. */
static bool read_tensor(struct json_reader *r, struct arena *a, struct tensor *t, bool *bytes)
{
    struct values values = { .a = a };
    bool has_type = false, has_shape = false, has_data = false;
    str key, raw = { 0 };
    jr_object(r);
    while (jr_member(r, &key)) {
        if (str_is(key, "name")) {
            t->name = jr_str(r);
        } else if (str_is(key, "datatype")) {
            read_type(r, t);
            has_type = true;
        } else if (str_is(key, "shape")) {
            read_shape(r, t);
            has_shape = true;
        } else if (str_is(key, "data")) {
            raw = jr_raw(r);
            has_data = true;
        } else {
            jr_skip(r);
        }
    }
    if (r->mistake)
        return false;
    if (!t->name.len || !has_type || !has_shape || !has_data) {
        jr_fail(r, "an input needs name, shape, datatype and data");
        return false;
    }
    *bytes = t->type == TENSOR_BYTES;
    if (*bytes)
        return true;
    struct json_reader data;
    jr_init(&data, raw, a);
    read_data(&data, &values, 1);
    struct error err = { 0 };
    if (!jr_finish(&data, &err))
        jr_fail(r, data.mistake ? data.mistake : "the data of an input is not what it should be");
    else if (values.n != t->n)
        jr_fail(r, "the data of an input does not have as many values as its shape says");
    t->values = values.at;
    return !r->mistake;
}

static void read_inputs(struct json_reader *r, struct arena *a, struct infer_body *out)
{
    struct {
        struct tensor *at;
        size_t n, cap;
    } list = { 0 };
    size_t total = 0;
    jr_array(r);
    while (jr_element(r)) {
        bool bytes = false;
        struct tensor *t = vec_push(a, &list);
        if (!read_tensor(r, a, t, &bytes))
            break;
        total += t->n;
        if (total > TENSOR_VALUES_MAX)
            jr_fail(r, "the request has too many values");
    }
    out->inputs = list.at;
    out->inputs_n = list.n;
}

static void read_outputs(struct json_reader *r, struct arena *a, struct infer_body *out)
{
    struct {
        str *at;
        size_t n, cap;
    } names = { 0 };
    str key;
    jr_array(r);
    while (jr_element(r)) {
        str *name = vec_push(a, &names);
        jr_object(r);
        while (jr_member(r, &key)) {
            if (str_is(key, "name"))
                *name = jr_str(r);
            else
                jr_skip(r);
        }
    }
    out->outputs = names.at;
    out->outputs_n = names.n;
}

bool infer_body_parse(str text, struct arena *a, struct infer_body *out, struct error *err)
{
    struct json_reader r;
    str key;
    bool has_inputs = false;
    *out = (struct infer_body){ 0 };
    jr_init(&r, text, a);
    jr_object(&r);
    while (jr_member(&r, &key)) {
        if (str_is(key, "id")) {
            out->id = jr_str(&r);
        } else if (str_is(key, "inputs")) {
            read_inputs(&r, a, out);
            has_inputs = true;
        } else if (str_is(key, "outputs")) {
            read_outputs(&r, a, out);
        } else {
            jr_skip(&r);
        }
    }
    if (!jr_finish(&r, err))
        return fail_in(err, "the request's body");
    if (!has_inputs || out->inputs_n == 0)
        return fail(err, ERR_INVALID, "the request has no inputs");
    return true;
}
