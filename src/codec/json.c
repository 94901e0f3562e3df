/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees.  While an object or array is being read, its members pile up on one growing stack and are
 * copied to the arena when its end shows how many there are, so that nothing is allocated twice. */
#include "codec/json.h"

#include <stdlib.h>

#include "codec/json_priv.h"

/* Up to here every pair of keys is compared; beyond, keys are sorted, so that no choice of keys makes
 * the search for duplicates slow. */
#define PAIRWISE_MAX 12

#define STACK_BYTES 4096 /* to begin with; enough for most requests */

static int compare_keys(const void *a, const void *b)
{
    str x = **(const str *const *)a, y = **(const str *const *)b;
    if (x.len != y.len)
        return x.len < y.len ? -1 : 1;
    return str_cmp(x, y);
}

static bool duplicates_sorted(const struct json_member *m, size_t n, struct buf *stack)
{
    size_t base = stack->len;
    for (size_t i = 0; i < n; i++) {
        const str *key = &m[i].key;
        buf_add(stack, &key, sizeof key);
    }
    if (stack->overflow)
        return false; /* the caller sees the overflow */
    const str **keys = (const str **)(void *)(stack->ptr + base);
    qsort(keys, n, sizeof *keys, compare_keys);
    bool found = false;
    for (size_t i = 1; i < n && !found; i++)
        found = str_eq(*keys[i - 1], *keys[i]);
    stack->len = base;
    return found;
}

static bool duplicates(const struct json_member *m, size_t n, struct buf *stack)
{
    if (n > PAIRWISE_MAX)
        return duplicates_sorted(m, n, stack);
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (str_eq(m[i].key, m[j].key))
                return true;
    return false;
}

static bool push(struct json_reader *r, struct buf *stack, const void *item, size_t size)
{
    buf_add(stack, item, size);
    if (!stack->overflow)
        return true;
    json_mistake(r, ERR_LIMIT, "needs more memory than is allowed");
    return false;
}

/* Moves what lies above `base` to the arena. */
static void *settle(struct json_reader *r, struct buf *stack, size_t base)
{
    size_t size = stack->len - base;
    void *items = r->mistake || size == 0 ? NULL : json_alloc(r, size);
    if (items)
        memcpy(items, stack->ptr + base, size);
    stack->len = base;
    return items;
}

static void build(struct json_reader *r, struct buf *stack, struct json *out);

static void build_object(struct json_reader *r, struct buf *stack, struct json *out)
{
    size_t base = stack->len;
    struct json_member m = { 0 };
    jr_object(r);
    while (jr_member(r, &m.key)) {
        build(r, stack, &m.value);
        if (!push(r, stack, &m, sizeof m))
            break;
    }
    size_t n = (stack->len - base) / sizeof m;
    struct json_member *members = settle(r, stack, base);
    out->kind = JSON_OBJECT;
    out->object.members = members;
    out->object.n = members ? n : 0;
    if (members && duplicates(members, n, stack))
        jr_fail(r, "an object has the same key twice");
    if (stack->overflow)
        json_mistake(r, ERR_LIMIT, "needs more memory than is allowed");
}

static void build_array(struct json_reader *r, struct buf *stack, struct json *out)
{
    size_t base = stack->len;
    jr_array(r);
    while (jr_element(r)) {
        struct json v = { 0 };
        build(r, stack, &v);
        if (!push(r, stack, &v, sizeof v))
            break;
    }
    size_t n = (stack->len - base) / sizeof(struct json);
    struct json *items = settle(r, stack, base);
    out->kind = JSON_ARRAY;
    out->array.items = items;
    out->array.n = items ? n : 0;
}

static void build(struct json_reader *r, struct buf *stack, struct json *out)
{
    enum json_kind kind;
    *out = (struct json){ 0 };
    if (!jr_peek(r, &kind))
        return;
    switch (kind) {
    case JSON_OBJECT:
        build_object(r, stack, out);
        break;
    case JSON_ARRAY:
        build_array(r, stack, out);
        break;
    case JSON_STR:
        out->kind = JSON_STR;
        out->s = jr_str(r);
        break;
    case JSON_BOOL:
        out->kind = JSON_BOOL;
        out->b = jr_bool(r);
        break;
    case JSON_NULL:
        if (!jr_null(r))
            jr_fail(r, "not a value");
        break;
    case JSON_INT:
    case JSON_F64:
        json_number(r, out);
        break;
    }
}

void jr_value(struct json_reader *r, struct json *out)
{
    struct buf stack = BUF_INIT(arena_left(r->arena));
    if (stack.max > STACK_BYTES)
        buf_reserve(&stack, STACK_BYTES);
    build(r, &stack, out);
    buf_deinit(&stack);
    if (r->mistake)
        *out = (struct json){ 0 };
}

bool json_parse(str text, struct arena *a, struct json **out, struct error *err)
{
    struct json_reader r;
    struct json root;
    jr_init(&r, text, a);
    jr_value(&r, &root);
    struct json *kept = r.mistake ? NULL : json_alloc(&r, sizeof root);
    if (!jr_finish(&r, err))
        return false;
    *kept = root;
    *out = kept;
    return true;
}

const struct json *json_get(const struct json *obj, const char *key)
{
    if (!obj || obj->kind != JSON_OBJECT)
        return NULL;
    str want = str_of(key);
    for (size_t i = 0; i < obj->object.n; i++)
        if (str_eq(obj->object.members[i].key, want))
            return &obj->object.members[i].value;
    return NULL;
}

static void copy_into(const struct json *from, struct arena *a, struct json *to)
{
    *to = *from;
    if (from->kind == JSON_STR)
        to->s = arena_str(a, from->s);
    if (from->kind == JSON_ARRAY) {
        to->array.items = arena_array(a, struct json, from->array.n);
        for (size_t i = 0; i < from->array.n; i++)
            copy_into(&from->array.items[i], a, &to->array.items[i]);
    }
    if (from->kind == JSON_OBJECT) {
        to->object.members = arena_array(a, struct json_member, from->object.n);
        for (size_t i = 0; i < from->object.n; i++) {
            to->object.members[i].key = arena_str(a, from->object.members[i].key);
            copy_into(&from->object.members[i].value, a, &to->object.members[i].value);
        }
    }
}

const struct json *json_copy(const struct json *v, struct arena *a)
{
    struct json *out = arena_new(a, struct json);
    copy_into(v, a, out);
    return out;
}

const char *json_kind_name(enum json_kind kind)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",     [JSON_BOOL] = "boolean", [JSON_INT] = "integer",
        [JSON_F64] = "number",    [JSON_STR] = "string",   [JSON_ARRAY] = "array",
        [JSON_OBJECT] = "object",
    };
    return names[kind];
}

bool json_need(const struct json *obj, const char *key, const struct json **out, struct error *err)
{
    *out = json_get(obj, key);
    if (*out)
        return true;
    if (obj && obj->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "an object with \"%s\" is wanted, not %s", key,
                    json_kind_name(obj->kind));
    return fail(err, ERR_INVALID, "\"%s\" is missing", key);
}

/* The member with this kind, else NULL and an error. */
static const struct json *need_kind(const struct json *obj, const char *key, enum json_kind kind,
                                    struct error *err)
{
    const struct json *v;
    if (!json_need(obj, key, &v, err))
        return NULL;
    if (v->kind == kind || (kind == JSON_F64 && v->kind == JSON_INT))
        return v;
    fail(err, ERR_INVALID, "\"%s\" must be of type %s, not %s", key, json_kind_name(kind),
         json_kind_name(v->kind));
    return NULL;
}

bool json_need_str(const struct json *obj, const char *key, str *out, struct error *err)
{
    const struct json *v = need_kind(obj, key, JSON_STR, err);
    *out = v ? v->s : (str){ 0 };
    return v;
}

bool json_need_int(const struct json *obj, const char *key, int64_t *out, struct error *err)
{
    const struct json *v = need_kind(obj, key, JSON_INT, err);
    *out = v ? v->i : 0;
    return v;
}

bool json_need_i32(const struct json *obj, const char *key, int32_t *out, struct error *err)
{
    int64_t v;
    *out = 0;
    if (!json_need_int(obj, key, &v, err))
        return false;
    if (v < INT32_MIN || v > INT32_MAX)
        return fail(err, ERR_INVALID, "\"%s\" is %lld, which does not fit 32 bits", key,
                    (long long)v);
    *out = (int32_t)v;
    return true;
}

bool json_need_f64(const struct json *obj, const char *key, double *out, struct error *err)
{
    const struct json *v = need_kind(obj, key, JSON_F64, err);
    *out = !v ? 0 : v->kind == JSON_INT ? (double)v->i : v->f;
    return v;
}

bool json_need_bool(const struct json *obj, const char *key, bool *out, struct error *err)
{
    const struct json *v = need_kind(obj, key, JSON_BOOL, err);
    *out = v && v->b;
    return v;
}

bool json_need_obj(const struct json *obj, const char *key, const struct json **out,
                   struct error *err)
{
    *out = need_kind(obj, key, JSON_OBJECT, err);
    return *out;
}

bool json_need_array(const struct json *obj, const char *key, const struct json **out,
                     struct error *err)
{
    *out = need_kind(obj, key, JSON_ARRAY, err);
    return *out;
}

static bool absent(const struct json *obj, const char *key)
{
    const struct json *v = json_get(obj, key);
    return !v || v->kind == JSON_NULL;
}

bool json_opt_str(const struct json *obj, const char *key, str fallback, str *out,
                  struct error *err)
{
    *out = fallback;
    return absent(obj, key) || json_need_str(obj, key, out, err);
}

bool json_opt_int(const struct json *obj, const char *key, int64_t fallback, int64_t *out,
                  struct error *err)
{
    *out = fallback;
    return absent(obj, key) || json_need_int(obj, key, out, err);
}

bool json_opt_i32(const struct json *obj, const char *key, int32_t fallback, int32_t *out,
                  struct error *err)
{
    *out = fallback;
    return absent(obj, key) || json_need_i32(obj, key, out, err);
}

bool json_opt_f64(const struct json *obj, const char *key, double fallback, double *out,
                  struct error *err)
{
    *out = fallback;
    return absent(obj, key) || json_need_f64(obj, key, out, err);
}

bool json_opt_bool(const struct json *obj, const char *key, bool fallback, bool *out,
                   struct error *err)
{
    *out = fallback;
    return absent(obj, key) || json_need_bool(obj, key, out, err);
}

bool json_opt_obj(const struct json *obj, const char *key, const struct json **out,
                  struct error *err)
{
    *out = NULL;
    return absent(obj, key) || json_need_obj(obj, key, out, err);
}

bool json_opt_array(const struct json *obj, const char *key, const struct json **out,
                    struct error *err)
{
    *out = NULL;
    return absent(obj, key) || json_need_array(obj, key, out, err);
}
