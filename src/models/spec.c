/* SPDX-License-Identifier: Apache-2.0 */
#include "models/spec.h"

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "catalog/name.h"
#include "codec/json.h"
#include "models/models.h"
#include "sql/lex.h"
#include "sql/sql.h"

#define ROUNDS_DEFAULT 100
#define MAX_BIN_DEFAULT 256
#define MAX_BIN_MAX 65535
#define CLASSES_MAX 1000
#define HOLDOUT_DEFAULT 0.2
#define HOLDOUT_MAX 0.9
#define VALUE_MAX 64

static const char *const known_keys[] = {
    "model",   "experiment", "run_name", "data",   "label", "timestamp",
    "holdout", "features",   "params",   "rounds", "seed",  "early_stopping_rounds",
};

static const struct {
    const char *name;
    enum task task;
} objectives[] = {
    { "binary:logistic", TASK_BINARY },          { "multi:softprob", TASK_CLASSES },
    { "reg:squarederror", TASK_REGRESSION },     { "reg:squaredlogerror", TASK_REGRESSION },
    { "reg:pseudohubererror", TASK_REGRESSION }, { "reg:absoluteerror", TASK_REGRESSION },
    { "reg:logistic", TASK_REGRESSION },         { "reg:gamma", TASK_REGRESSION },
    { "reg:tweedie", TASK_REGRESSION },          { "count:poisson", TASK_REGRESSION },
};

/* Parameters that are not for the file to set, and why. */
static const struct {
    const char *name, *why;
} reserved[] = {
    { "seed", "give it as seed beside params" },
    { "random_state", "give it as seed beside params" },
    { "nthread", "all threads of the data directory are used" },
    { "n_jobs", "all threads of the data directory are used" },
    { "verbosity", "the log level decides" },
    { "validate_parameters", "names are always checked" },
    { "num_round", "give it as rounds beside params" },
    { "num_boost_round", "give it as rounds beside params" },
    { "n_estimators", "give it as rounds beside params" },
    { "early_stopping_rounds", "give it beside params" },
    { "gpu_id", "models are trained on the processor" },
    { "process_type", "models are trained anew" },
    { "updater", "choose a tree_method" },
};

static bool check_keys(const struct json *tree, struct arena *a, struct error *err)
{
    size_t n = sizeof known_keys / sizeof *known_keys;
    if (tree->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "the model is described by keys and values, not by a %s",
                    json_kind_name(tree->kind));
    for (size_t i = 0; i < tree->object.n; i++) {
        bool known = false;
        for (size_t k = 0; k < n; k++)
            known = known || str_is(tree->object.members[i].key, known_keys[k]);
        if (known)
            continue;
        str names[sizeof known_keys / sizeof *known_keys];
        for (size_t k = 0; k < n; k++)
            names[k] = str_of(known_keys[k]);
        fail(err, ERR_INVALID, "unknown key " STR_FMT, STR_ARG(tree->object.members[i].key));
        return fail_hint(err, "known: " STR_FMT, STR_ARG(arena_join(a, names, n, STR(", "))));
    }
    return true;
}

/* ---- params -------------------------------------------------------------------------------------------------- */

struct params {
    VEC(struct xgb_param) list;
    struct arena *arena;
};

static bool value_text(const struct json *v, str key, struct arena *a, const char **out,
                       struct error *err)
{
    struct buf b = BUF_INIT(VALUE_MAX);
    struct json_writer w;
    jw_init(&w, &b);
    bool ok = true;
    switch (v->kind) {
    case JSON_BOOL:
        *out = v->b ? "1" : "0";
        break;
    case JSON_STR:
        *out = arena_cstr(a, v->s);
        ok = memchr(v->s.ptr ? v->s.ptr : "", 0, v->s.len) == NULL;
        break;
    case JSON_INT:
    case JSON_F64:
        jw_json(&w, v);
        *out = arena_cstr(a, buf_str(&b));
        break;
    default:
        ok = false;
    }
    buf_deinit(&b);
    return ok || fail(err, ERR_INVALID, "params: " STR_FMT " is no plain value", STR_ARG(key));
}

static bool add_param(struct params *p, str key, const struct json *v, struct error *err)
{
    if (key.len == 0 || memchr(key.ptr, 0, key.len))
        return fail(err, ERR_INVALID, "params: a name is empty or holds a NUL");
    if (p->list.n >= SPEC_PARAMS_MAX)
        return fail(err, ERR_LIMIT, "params: more than %d", SPEC_PARAMS_MAX);
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (str_is(key, reserved[i].name))
            return fail(err, ERR_INVALID, "params: " STR_FMT " cannot be set here: %s",
                        STR_ARG(key), reserved[i].why);
    struct xgb_param *q = vec_push(p->arena, &p->list);
    q->name = arena_cstr(p->arena, key);
    return value_text(v, key, p->arena, &q->value, err);
}

static bool add_params(struct params *p, const struct json *object, struct error *err)
{
    for (size_t i = 0; object && i < object->object.n; i++) {
        const struct json_member *m = &object->object.members[i];
        if (m->value.kind != JSON_ARRAY || !str_is(m->key, "eval_metric")) {
            if (!add_param(p, m->key, &m->value, err))
                return false;
            continue;
        }
        for (size_t k = 0; k < m->value.array.n; k++)
            if (!add_param(p, m->key, &m->value.array.items[k], err))
                return false;
    }
    return true;
}

static const char *find_param(const struct params *p, const char *name, const char *fallback)
{
    for (size_t i = 0; i < p->list.n; i++)
        if (str_is(str_of(p->list.at[i].name), name))
            return p->list.at[i].value;
    return fallback;
}

static void set_default(struct params *p, const char *name, str value)
{
    if (!find_param(p, name, NULL))
        *vec_push(p->arena, &p->list) =
            (struct xgb_param){ .name = name, .value = arena_cstr(p->arena, value) };
}

static bool int_param(const struct params *p, const char *name, int64_t fallback, int64_t min,
                      int64_t max, int64_t *out, struct error *err)
{
    const char *text = find_param(p, name, NULL);
    *out = fallback;
    if (text && (!str_to_i64(str_of(text), out) || *out < min || *out > max))
        return fail(err, ERR_INVALID, "params: %s must be a whole number from %lld to %lld", name,
                    (long long)min, (long long)max);
    return true;
}

static bool set_objective(struct params *p, struct spec *s, struct error *err)
{
    s->objective = str_of(find_param(p, "objective", "reg:squarederror"));
    s->classes = 1;
    for (size_t i = 0; i < sizeof objectives / sizeof *objectives; i++) {
        if (!str_is(s->objective, objectives[i].name))
            continue;
        s->task = objectives[i].task;
        if (s->task != TASK_CLASSES)
            return true;
        if (!find_param(p, "num_class", NULL))
            return fail(err, ERR_INVALID, "params: multi:softprob needs num_class");
        return int_param(p, "num_class", 0, 2, CLASSES_MAX, &s->classes, err);
    }
    fail(err, ERR_UNSUPPORTED, "params: the objective " STR_FMT " is not supported",
         STR_ARG(s->objective));
    return fail_hint(err, "supported: binary:logistic, multi:softprob, reg:squarederror, "
                          "reg:squaredlogerror, reg:pseudohubererror, reg:absoluteerror, "
                          "reg:logistic, reg:gamma, reg:tweedie, count:poisson");
}

static bool parse_params(const struct json *tree, struct arena *a, struct spec *s,
                         struct error *err)
{
    struct params p = { .arena = a };
    const struct json *object;
    int64_t max_bin;
    if (!json_opt_obj(tree, "params", &object, err) || !add_params(&p, object, err) ||
        !set_objective(&p, s, err) ||
        !int_param(&p, "max_bin", MAX_BIN_DEFAULT, 2, MAX_BIN_MAX, &max_bin, err))
        return false;
    if (!str_is(str_of(find_param(&p, "booster", "gbtree")), "gbtree") &&
        !str_is(str_of(find_param(&p, "booster", "gbtree")), "dart"))
        return fail(err, ERR_UNSUPPORTED, "params: the booster %s is not supported (gbtree, dart)",
                    find_param(&p, "booster", ""));
    set_default(&p, "objective", s->objective);
    set_default(&p, "tree_method", STR("hist"));
    set_default(&p, "seed", arena_printf(a, "%lld", (long long)s->seed));
    s->bins = str_is(str_of(find_param(&p, "tree_method", "")), "hist");
    s->max_bin = (int)max_bin;
    s->params = p.list.at;
    s->params_n = p.list.n;
    return true;
}

/* ---- the rest ------------------------------------------------------------------------------------------------ */

/* A table as FROM names it, with or without a version, or a query. */
static bool parse_data(const struct json *tree, struct arena *a, struct spec *s, struct error *err)
{
    str text, *statements;
    size_t n;
    if (!json_need_str(tree, "data", &text, err) || !sql_split(text, a, &statements, &n, err))
        return false;
    if (n != 1)
        return fail(err, ERR_INVALID, "data must be a table or one SELECT");
    s->data = str_trim(statements[0]);
    if (!sql_is_query(s->data, a))
        s->data = arena_printf(a, "SELECT * FROM " STR_FMT, STR_ARG(s->data));
    return true;
}

static bool parse_features(const struct json *tree, struct arena *a, struct spec *s,
                           struct error *err)
{
    const struct json *list;
    struct map seen;
    map_init(&seen, a);
    if (!json_need_array(tree, "features", &list, err))
        return false;
    if (list->array.n == 0)
        return fail(err, ERR_INVALID, "features is empty");
    if (list->array.n > TRAIN_FEATURES_MAX)
        return fail(err, ERR_LIMIT, "%zu features, more than %d", list->array.n,
                    TRAIN_FEATURES_MAX);
    s->features = arena_array(a, str, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        const struct json *f = &list->array.items[i];
        if (f->kind != JSON_STR || f->s.len == 0)
            return fail(err, ERR_INVALID, "features: number %zu is no column's name", i + 1);
        if (!map_add(&seen, f->s, s))
            return fail(err, ERR_INVALID, "features: " STR_FMT " is there twice", STR_ARG(f->s));
        if (str_eq_nocase(f->s, s->label))
            return fail(err, ERR_INVALID, "features: " STR_FMT " is the label", STR_ARG(f->s));
        s->features[s->features_n++] = f->s;
    }
    return true;
}

static bool parse_int(const struct json *tree, const char *key, int fallback, int min, int max,
                      int *out, struct error *err)
{
    int64_t v;
    if (!json_opt_int(tree, key, fallback, &v, err))
        return false;
    if (v < min || v > max)
        return fail(err, ERR_INVALID, "%s must be from %d to %d, not %lld", key, min, max,
                    (long long)v);
    *out = (int)v;
    return true;
}

static bool parse_holdout(const struct json *tree, struct spec *s, struct error *err)
{
    double fallback = s->timestamp.len ? HOLDOUT_DEFAULT : 0;
    if (!json_opt_f64(tree, "holdout", fallback, &s->holdout, err))
        return false;
    if (!(s->holdout >= 0 && s->holdout <= HOLDOUT_MAX))
        return fail(err, ERR_INVALID, "holdout must be a fraction from 0 to %g", HOLDOUT_MAX);
    if (s->holdout > 0 && s->timestamp.len == 0)
        return fail(err, ERR_INVALID, "holdout needs timestamp, the column that says what is last");
    if (s->early_stop && s->holdout == 0)
        return fail(err, ERR_INVALID, "early_stopping_rounds needs holdout");
    return true;
}

bool spec_parse(const struct json *tree, struct arena *a, struct spec *s, struct error *err)
{
    *s = (struct spec){ 0 };
    if (!check_keys(tree, a, err) || !json_need_str(tree, "model", &s->model, err) ||
        !json_opt_str(tree, "experiment", STR("Default"), &s->experiment, err) ||
        !json_opt_str(tree, "run_name", (str){ 0 }, &s->run_name, err) ||
        !json_need_str(tree, "label", &s->label, err) ||
        !json_opt_str(tree, "timestamp", (str){ 0 }, &s->timestamp, err) ||
        !json_opt_int(tree, "seed", 0, &s->seed, err))
        return false;
    if (!name_check_plain(s->model, err))
        return fail_in(err, "model");
    return parse_int(tree, "rounds", ROUNDS_DEFAULT, 1, TRAIN_ROUNDS_MAX, &s->rounds, err) &&
           parse_int(tree, "early_stopping_rounds", 0, 0, TRAIN_ROUNDS_MAX, &s->early_stop, err) &&
           parse_data(tree, a, s, err) && parse_features(tree, a, s, err) &&
           parse_holdout(tree, s, err) && parse_params(tree, a, s, err);
}
