/* SPDX-License-Identifier: Apache-2.0
 *
 * Versions in memory.  The cache holds predictors by (model, number), which never change, and beside them the names that
 * requests use ("latest", "@champion", "3"), each with the count of registry changes in its key: after a change nobody finds the
 * old ones, and they age out. */
#include <math.h>
#include <stdio.h>

#include "base/map.h"
#include "catalog/lru.h"
#include "catalog/name.h"
#include "codec/digest.h"
#include "codec/json.h"
#include "io/store.h"
#include "models/descriptor.h"
#include "models/models_priv.h"
#include "models/xgb.h"
#include "sql/lake.h"

#define NAME_KEY_MAX 512
#define BOOSTER_MEMORY_FACTOR 3 /* a booster in memory, over its UBJSON */
#define NAMED_BYTES 1024        /* what a name weighs in the cache */
/* Rows of one task of a large prediction: at some 0.5 us a row, long against starting a task, short against waiting for one. */
#define PREDICT_TASK_ROWS ((size_t)8192)

struct predictor {
    struct cached base; /* first: the cache's own */
    struct arena *arena;
    struct pool *pool;
    struct xgb_booster *booster;
    struct descriptor about;
    str model;
    int64_t version;
};

struct named {
    struct cached base;
    struct arena *arena;
    struct predictor *predictor; /* owned reference */
};

static void predictor_destroy(struct cached *object)
{
    struct predictor *p = (struct predictor *)object;
    xgb_booster_destroy(p->booster);
    arena_destroy(p->arena);
}

static void named_destroy(struct cached *object)
{
    struct named *n = (struct named *)object;
    predictor_unref(n->predictor);
    arena_destroy(n->arena);
}

void predictor_unref(struct predictor *p)
{
    cached_unref(p ? &p->base : NULL);
}

str predictor_model(const struct predictor *p)
{
    return p->model;
}

int64_t predictor_version(const struct predictor *p)
{
    return p->version;
}

const str *predictor_features(const struct predictor *p, size_t *n)
{
    *n = p->about.features_n;
    return p->about.features;
}

size_t predictor_outputs(const struct predictor *p)
{
    return p->about.outputs;
}

/* ---- loading ------------------------------------------------------------------------------------------------- */

static bool read_file(struct models *m, const struct version_info *v, const char *file,
                      size_t bytes_max, struct arena *a, str *path, str *out, struct error *err)
{
    *path = arena_printf(a, STR_FMT "/%s", STR_ARG(v->path), file);
    if (store_get(m->lake->artifacts, *path, bytes_max, a, out, err))
        return true;
    if (err->code == ERR_NOT_FOUND) /* the registry says that it is there */
        err->code = ERR_CORRUPT;
    return fail_in(err, "model " STR_FMT " version %lld", STR_ARG(v->model), (long long)v->version);
}

static bool load_files(struct models *m, const struct version_info *v, struct predictor *p,
                       struct arena *scratch, struct error *err)
{
    str path, text, bytes;
    char digest[SHA256_TEXT_LEN + 1];
    if (!read_file(m, v, MODEL_DESCRIPTOR, DESCRIPTOR_BYTES_MAX, p->arena, &path, &text, err))
        return false;
    if (!descriptor_parse(text, p->arena, &p->about, err))
        return fail_in(err, "artifacts/" STR_FMT, STR_ARG(path));
    if (!read_file(m, v, MODEL_FILE, XGB_MODEL_BYTES_MAX, scratch, &path, &bytes, err))
        return false;
    struct sha256 sum = sha256_of(bytes);
    if (!str_eq(sha256_format(&sum, digest), p->about.sha256))
        return fail(
            err, ERR_CORRUPT,
            "artifacts/" STR_FMT
            ": the file is not what was written (its SHA-256 differs from the descriptor's)",
            STR_ARG(path));
    p->base.bytes = bytes.len * BOOSTER_MEMORY_FACTOR;
    return xgb_load(bytes, p->about.features_n, &p->booster, err) ||
           fail_in(err, "artifacts/" STR_FMT, STR_ARG(path));
}

static bool load(struct models *m, const struct version_info *v, str key, struct predictor **out,
                 struct error *err)
{
    struct arena *a = arena_create(0), *scratch = arena_create(0);
    struct predictor *p = arena_new(a, struct predictor);
    p->arena = a;
    p->pool = m->lake->pool;
    p->model = arena_str(a, v->model);
    p->version = v->version;
    p->base.key = arena_str(a, key);
    p->base.destroy = predictor_destroy;
    bool ok = load_files(m, v, p, scratch, err);
    arena_destroy(scratch);
    if (ok)
        *out = (struct predictor *)lru_add(m->loaded, &p->base);
    else
        arena_destroy(a);
    return ok;
}

/* The version that the name leads to now, from the cache or loaded. */
static bool find_version(struct models *m, str name, str which, struct predictor **out,
                         struct error *err)
{
    struct arena *a = arena_create(0);
    struct version_info v;
    bool ok = version_get(m, name, which, a, &v, err);
    if (ok) {
        str key = arena_printf(a, "#%lld\x1f" STR_FMT, (long long)v.version, STR_ARG(v.model));
        *out = (struct predictor *)lru_get(m->loaded, key);
        ok = *out || load(m, &v, key, out, err);
    }
    arena_destroy(a);
    return ok;
}

static void remember_name(struct models *m, str key, struct predictor *p)
{
    struct arena *a = arena_create(0);
    struct named *n = arena_new(a, struct named);
    n->arena = a;
    n->base.key = arena_str(a, key);
    n->base.bytes = NAMED_BYTES;
    n->base.destroy = named_destroy;
    ref_get(&p->base.ref);
    n->predictor = p;
    cached_unref(lru_add(m->loaded, &n->base));
}

bool predictor_get(struct models *m, str name, str which, struct predictor **out, struct error *err)
{
    char text[NAME_KEY_MAX];
    if (name.len + which.len + 32 > sizeof text) /* longer than any name is */
        return find_version(m, name, which, out, err);
    db_watch(&m->watch);
    int len = snprintf(text, sizeof text, STR_FMT "\x1f" STR_FMT "\x1f%llu", STR_ARG(name),
                       STR_ARG(which), (unsigned long long)atomic_load(&m->changes));
    str key = str_make(text, (size_t)len);
    struct named *known = (struct named *)lru_get(m->loaded, key);
    if (known) {
        *out = known->predictor;
        ref_get(&(*out)->base.ref);
        cached_unref(&known->base);
        return true;
    }
    if (!find_version(m, name, which, out, err))
        return false;
    remember_name(m, key, *out);
    return true;
}

/* ---- predicting ---------------------------------------------------------------------------------------------- */

struct parts {
    struct predictor *p;
    const float *rows;
    size_t n;
    float *out;
};

static bool predict_part(void *ctx, size_t i, struct error *err)
{
    const struct parts *parts = ctx;
    size_t from = i * PREDICT_TASK_ROWS, left = parts->n - from;
    size_t columns = parts->p->about.features_n, outputs = parts->p->about.outputs;
    return xgb_predict(parts->p->booster, parts->rows + from * columns,
                       left < PREDICT_TASK_ROWS ? left : PREDICT_TASK_ROWS, columns, outputs,
                       parts->out + from * outputs, err);
}

bool predictor_run(struct predictor *p, const float *rows, size_t n, float *out, struct error *err)
{
    struct parts parts = { p, rows, n, out };
    if (n > PREDICT_ROWS_MAX)
        return fail(err, ERR_LIMIT, "%zu rows at once, more than %d", n, PREDICT_ROWS_MAX);
    if (n <= PREDICT_TASK_ROWS)
        return n == 0 || predict_part(&parts, 0, err);
    return pool_for(p->pool, (n + PREDICT_TASK_ROWS - 1) / PREDICT_TASK_ROWS, predict_part, &parts,
                    err);
}

/* ---- values by name ------------------------------------------------------------------------------------------ */

static bool to_float(const struct json *v, str feature, float *out, struct error *err)
{
    switch (v->kind) {
    case JSON_NULL:
        *out = NAN;
        return true;
    case JSON_BOOL:
        *out = v->b;
        return true;
    case JSON_INT:
        *out = (float)v->i;
        return true;
    case JSON_F64:
        *out = (float)v->f;
        return !isinf(*out) || fail(err, ERR_INVALID, "feature " STR_FMT ": %g is too large",
                                    STR_ARG(feature), v->f);
    default:
        return fail(err, ERR_INVALID, "feature " STR_FMT " takes a number, not a %s",
                    STR_ARG(feature), json_kind_name(v->kind));
    }
}

/* The value of each feature in an object, in the order of the columns; extra names are passed over. */
static bool find_values(const struct predictor *p, const struct json *object,
                        const struct json **values, struct error *err)
{
    size_t missing = 0, n = p->about.features_n;
    for (size_t f = 0; f < n; f++)
        values[f] = NULL;
    for (size_t i = 0; i < object->object.n; i++) {
        const struct json_member *m = &object->object.members[i];
        size_t guess = i < n && str_eq(p->about.features[i], m->key)
                           ? i + 1
                           : (size_t)(uintptr_t)map_get(&p->about.places, m->key);
        if (guess)
            values[guess - 1] = &m->value;
    }
    for (size_t f = 0; f < n; f++)
        if (!values[f] && missing++ == 0)
            fail(err, ERR_INVALID, "model " STR_FMT " needs the feature " STR_FMT,
                 STR_ARG(p->model), STR_ARG(p->about.features[f]));
    if (missing > 1)
        fail_hint(err, "%zu of its %zu features are missing", missing, n);
    return missing == 0;
}

static bool rows_from_list(const struct predictor *p, const struct json *list, struct arena *a,
                           struct prediction *out, float **rows, struct error *err)
{
    size_t n = p->about.features_n;
    const struct json **values = arena_array(a, const struct json *, n);
    out->rows = list->array.n;
    if (out->rows > PREDICT_ROWS_MAX)
        return fail(err, ERR_LIMIT, "%zu rows at once, more than %d", out->rows, PREDICT_ROWS_MAX);
    *rows = arena_array(a, float, out->rows *n);
    for (size_t r = 0; r < out->rows; r++) {
        const struct json *row = &list->array.items[r];
        if (row->kind != JSON_OBJECT)
            return fail(err, ERR_INVALID, "row %zu is a %s, not an object of features", r + 1,
                        json_kind_name(row->kind));
        if (!find_values(p, row, values, err))
            return fail_in(err, "row %zu", r + 1);
        for (size_t f = 0; f < n; f++)
            if (!to_float(values[f], p->about.features[f], &(*rows)[r * n + f], err))
                return fail_in(err, "row %zu", r + 1);
    }
    return true;
}

static size_t length_of(const struct json *v)
{
    return v->kind == JSON_ARRAY ? v->array.n : 1;
}

static bool rows_from_columns(const struct predictor *p, const struct json *object, struct arena *a,
                              struct prediction *out, float **rows, struct error *err)
{
    size_t n = p->about.features_n;
    const struct json **values = arena_array(a, const struct json *, n);
    if (!find_values(p, object, values, err))
        return false;
    out->rows = length_of(values[0]);
    out->single = values[0]->kind != JSON_ARRAY;
    if (out->rows > PREDICT_ROWS_MAX)
        return fail(err, ERR_LIMIT, "%zu rows at once, more than %d", out->rows, PREDICT_ROWS_MAX);
    *rows = arena_array(a, float, out->rows *n);
    for (size_t f = 0; f < n; f++) {
        str name = p->about.features[f];
        bool is_list = values[f]->kind == JSON_ARRAY;
        if (is_list == out->single || length_of(values[f]) != out->rows)
            return fail(
                err, ERR_INVALID,
                "feature " STR_FMT " has %zu values, " STR_FMT " has %zu: all need the same",
                STR_ARG(name), length_of(values[f]), STR_ARG(p->about.features[0]), out->rows);
        for (size_t r = 0; r < out->rows; r++)
            if (!to_float(is_list ? &values[f]->array.items[r] : values[f], name,
                          &(*rows)[r * n + f], err))
                return false;
    }
    return true;
}

static bool to_rows(const struct predictor *p, const struct json *input, struct arena *a,
                    struct prediction *out, float **rows, struct error *err)
{
    if (input->kind == JSON_ARRAY)
        return rows_from_list(p, input, a, out, rows, err);
    if (input->kind == JSON_OBJECT)
        return rows_from_columns(p, input, a, out, rows, err);
    return fail(err, ERR_INVALID, "the input is a %s; give {feature: value} or a list of such",
                json_kind_name(input->kind));
}

static bool predict(struct predictor *p, const struct json *input, struct arena *a,
                    struct prediction *out, struct error *err)
{
    float *rows = NULL;
    *out = (struct prediction){ .model = arena_str(a, p->model),
                                .version = p->version,
                                .outputs = p->about.outputs };
    if (!to_rows(p, input, a, out, &rows, err))
        return false;
    float *values = arena_array(a, float, out->rows * out->outputs);
    out->values = values;
    return predictor_run(p, rows, out->rows, values, err);
}

bool models_predict(struct models *m, str name, str which, const struct json *input,
                    struct arena *a, struct prediction *out, struct error *err)
{
    struct predictor *p;
    if (!predictor_get(m, name, which, &p, err))
        return false;
    bool ok = predict(p, input, a, out, err);
    predictor_unref(p);
    return ok;
}
