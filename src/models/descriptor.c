/* SPDX-License-Identifier: Apache-2.0 */
#include "models/descriptor.h"

#include "codec/json.h"
#include "models/models.h"

bool descriptor_write(const struct descriptor *d, struct arena *a, str *out, struct error *err)
{
    struct buf *b = arena_new(a, struct buf);
    struct json_writer w;
    buf_init(b, DESCRIPTOR_BYTES_MAX);
    buf_in_arena(b, a);
    jw_init(&w, b);
    w.pretty = true;
    jw_begin_object(&w);
    jw_kv_int(&w, "format", DESCRIPTOR_FORMAT);
    jw_kv_str(&w, "model", d->model);
    jw_kv_str(&w, "run_id", d->run_id);
    jw_kv_str(&w, "framework", d->framework);
    jw_kv_str(&w, "objective", d->objective);
    jw_kv_str(&w, "label", d->label);
    jw_kv_array(&w, "features");
    for (size_t i = 0; i < d->features_n; i++)
        jw_str(&w, d->features[i]);
    jw_end_array(&w);
    jw_kv_int(&w, "outputs", (int64_t)d->outputs);
    jw_kv_int(&w, "rounds", d->rounds);
    jw_kv_str(&w, "sha256", d->sha256);
    jw_kv_array(&w, "inputs");
    for (size_t i = 0; i < d->inputs_n; i++) {
        jw_begin_object(&w);
        jw_kv_str(&w, "table", d->inputs[i].table);
        jw_kv_int(&w, "snapshot_id", d->inputs[i].snapshot_id);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    jw_end_object(&w);
    *out = buf_str(b);
    return buf_ok(b, "the model's descriptor", err);
}

static bool parse_features(const struct json *list, struct arena *a, struct descriptor *d,
                           struct error *err)
{
    str *names = arena_array(a, str, list->array.n);
    if (list->array.n == 0 || list->array.n > TRAIN_FEATURES_MAX)
        return fail(err, ERR_INVALID, "it lists %zu features", list->array.n);
    map_init(&d->places, a);
    for (size_t i = 0; i < list->array.n; i++) {
        if (list->array.items[i].kind != JSON_STR)
            return fail(err, ERR_INVALID, "feature %zu is no text", i + 1);
        names[i] = list->array.items[i].s;
        if (!map_add(&d->places, names[i], (void *)(uintptr_t)(i + 1)))
            return fail(err, ERR_INVALID, "feature " STR_FMT " is there twice", STR_ARG(names[i]));
    }
    d->features = names;
    d->features_n = list->array.n;
    return true;
}

static bool parse_inputs(const struct json *list, struct arena *a, struct descriptor *d,
                         struct error *err)
{
    struct run_input *inputs = arena_array(a, struct run_input, list->array.n);
    for (size_t i = 0; i < list->array.n; i++)
        if (!json_need_str(&list->array.items[i], "table", &inputs[i].table, err) ||
            !json_need_int(&list->array.items[i], "snapshot_id", &inputs[i].snapshot_id, err))
            return false;
    d->inputs = inputs;
    d->inputs_n = list->array.n;
    return true;
}

static bool parse(str text, struct arena *a, struct descriptor *d, struct error *err)
{
    struct json *tree;
    const struct json *features, *inputs;
    int64_t format, outputs;
    if (!json_parse(text, a, &tree, err) || !json_need_int(tree, "format", &format, err))
        return false;
    if (format != DESCRIPTOR_FORMAT)
        return fail(err, format > DESCRIPTOR_FORMAT ? ERR_UNSUPPORTED : ERR_INVALID,
                    "the descriptor has format %lld, this program reads %d", (long long)format,
                    DESCRIPTOR_FORMAT);
    if (!json_need_str(tree, "model", &d->model, err) ||
        !json_need_str(tree, "run_id", &d->run_id, err) ||
        !json_need_str(tree, "framework", &d->framework, err) ||
        !json_need_str(tree, "objective", &d->objective, err) ||
        !json_need_str(tree, "label", &d->label, err) ||
        !json_need_array(tree, "features", &features, err) ||
        !json_need_int(tree, "outputs", &outputs, err) ||
        !json_need_int(tree, "rounds", &d->rounds, err) ||
        !json_need_str(tree, "sha256", &d->sha256, err) ||
        !json_need_array(tree, "inputs", &inputs, err))
        return false;
    if (outputs < 1 || outputs > INT32_MAX)
        return fail(err, ERR_INVALID, "it has %lld outputs", (long long)outputs);
    d->outputs = (size_t)outputs;
    return parse_features(features, a, d, err) && parse_inputs(inputs, a, d, err);
}

bool descriptor_parse(str text, struct arena *a, struct descriptor *out, struct error *err)
{
    *out = (struct descriptor){ 0 };
    if (parse(text, a, out, err))
        return true;
    if (err->code == ERR_INVALID)
        err->code = ERR_CORRUPT;
    return false;
}
