/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/entry.h"
#include "catalog/operations_priv.h"
#include "codec/json.h"

#define OPERATIONS_BYTES_MAX ((size_t)1 << 20)

static const char *verb(const struct publish_edit *e)
{
    if (e->remove)
        return "delete";
    return e->expected.ptr ? "update" : "create";
}

static str name_of(const struct publish_edit *e, struct arena *a)
{
    str ns = { 0 }, name = { 0 };
    struct error err;
    return key_parse(e->key, &ns, &name, &err) ? name_to_text(ns, name, a) : (str){ 0 };
}

str operations_json(const struct publish_edit *edits, size_t n, struct arena *a)
{
    struct buf b = BUF_INIT(OPERATIONS_BYTES_MAX);
    struct json_writer w;
    jw_init(&w, &b);
    jw_begin_array(&w);
    for (size_t i = 0, listed = 0; i < n && listed < OPERATIONS_MAX; i++) {
        if (!edits[i].write)
            continue;
        jw_begin_object(&w);
        jw_kv_str(&w, "op", str_of(verb(&edits[i])));
        jw_kv_str(&w, "type", str_of(entry_type_name(edits[i].type)));
        jw_kv_str(&w, "name", name_of(&edits[i], a));
        jw_end_object(&w);
        listed++;
    }
    jw_end_array(&w);
    str out = b.overflow ? STR("[]") : arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

str operations_message(const struct publish_edit *edits, size_t n, struct arena *a)
{
    const struct publish_edit *first = NULL;
    size_t more = 0;
    for (size_t i = 0; i < n; i++)
        if (edits[i].write) {
            more += first != NULL;
            first = first ? first : &edits[i];
        }
    if (!first)
        return STR("no change");
    str text = name_of(first, a);
    const char *type = entry_type_name(first->type);
    if (more == 0)
        return arena_printf(a, "%s %s " STR_FMT, verb(first), type, STR_ARG(text));
    return arena_printf(a, "%s %s " STR_FMT " and %zu more", verb(first), type, STR_ARG(text),
                        more);
}
