/* SPDX-License-Identifier: Apache-2.0
 *
 * Sort orders (Iceberg spec, "Sorting"). */
#include "iceberg/partition_priv.h"

const struct sort_order sort_order_none = { 0 };

static struct sources field_sources(const struct sort_field *f)
{
    return (struct sources){ .id = f->source_id, .ids = f->source_ids, .n = f->source_ids_n };
}

/* One of two words, in either case. */
static bool parse_choice(const struct json *json, const char *key, const char *no, const char *yes,
                         bool *out, struct error *err)
{
    str word;
    if (!json_need_str(json, key, &word, err))
        return false;
    *out = str_eq_nocase(word, str_of(yes));
    if (!*out && !str_eq_nocase(word, str_of(no)))
        return fail(err, ERR_INVALID, "%s is \"" STR_FMT "\", not %s or %s", key, STR_ARG(word), no,
                    yes);
    return true;
}

static bool parse_field(const struct json *json, struct arena *a, struct sort_field *out,
                        struct error *err)
{
    str transform;
    struct sources sources;
    if (!json_need_str(json, "transform", &transform, err) ||
        !transform_parse(transform, a, &out->transform, err) ||
        !sources_parse(json, a, &sources, err) ||
        !parse_choice(json, "direction", "asc", "desc", &out->descending, err) ||
        !parse_choice(json, "null-order", "nulls-first", "nulls-last", &out->nulls_last, err))
        return fail_in(err, "sort field");
    out->source_id = sources.id;
    out->source_ids = sources.ids;
    out->source_ids_n = sources.n;
    if (sources.n > 0)
        out->transform.kind = TRANSFORM_UNKNOWN;
    return true;
}

bool sort_order_parse(const struct json *json, struct arena *a, const struct sort_order **out,
                      struct error *err)
{
    int32_t id;
    const struct json *list;
    if (!json_need_i32(json, "order-id", &id, err) || !json_need_array(json, "fields", &list, err))
        return false;
    if (list->array.n > PARTITION_FIELDS_MAX)
        return fail(err, ERR_LIMIT, "%zu sort fields, limit %d", list->array.n,
                    PARTITION_FIELDS_MAX);
    struct sort_field *fields = arena_array(a, struct sort_field, list->array.n);
    for (size_t i = 0; i < list->array.n; i++)
        if (!parse_field(&list->array.items[i], a, &fields[i], err))
            return false;
    struct sort_order *o = arena_new(a, struct sort_order);
    *o = (struct sort_order){ .id = id, .fields = fields, .fields_n = list->array.n };
    *out = o;
    return true;
}

void sort_order_write(const struct sort_order *o, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_int(w, "order-id", o->id);
    jw_kv_array(w, "fields");
    for (size_t i = 0; i < o->fields_n; i++) {
        const struct sort_field *f = &o->fields[i];
        struct sources sources = field_sources(f);
        jw_begin_object(w);
        jw_kv_str(w, "transform", f->transform.text);
        sources_write(&sources, w);
        jw_kv_str(w, "direction", f->descending ? STR("desc") : STR("asc"));
        jw_kv_str(w, "null-order", f->nulls_last ? STR("nulls-last") : STR("nulls-first"));
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}

bool sort_order_check(const struct sort_order *o, const struct schema *schema, struct error *err)
{
    if (o->id == 0 && o->fields_n > 0)
        return fail(err, ERR_INVALID, "sort order 0 is reserved for unsorted");
    if (o->id != 0 && o->fields_n == 0)
        return fail(err, ERR_INVALID, "sort order %d has no fields", o->id);
    for (size_t i = 0; i < o->fields_n; i++)
        if (!source_check(o->fields[i].source_id, &o->fields[i].transform, schema, err))
            return fail_in(err, "sort field %zu", i);
    return true;
}

bool sort_order_same(const struct sort_order *a, const struct sort_order *b)
{
    if (a->fields_n != b->fields_n)
        return false;
    for (size_t i = 0; i < a->fields_n; i++) {
        const struct sort_field *f = &a->fields[i], *g = &b->fields[i];
        struct sources x = field_sources(f), y = field_sources(g);
        if (!sources_equal(&x, &y) || !transform_equal(&f->transform, &g->transform) ||
            f->descending != g->descending || f->nulls_last != g->nulls_last)
            return false;
    }
    return true;
}
