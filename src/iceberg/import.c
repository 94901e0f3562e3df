/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/import.h"

#include <stdlib.h>

#include "base/vec.h"
#include "codec/uri.h"
#include "iceberg/metadata.h"
#include "iceberg/metrics.h"
#include "iceberg/name_mapping.h"
#include "iceberg/value.h"

#define HIVE_NULL "__HIVE_DEFAULT_PARTITION__"

/* ---- Columns */

struct matching {
    const struct schema *table;
    int version;
    bool by_name;
    struct arena *a;
    VEC(struct import_link) links;
};

static bool match_fields(struct matching *m, const struct field *ours, size_t ours_n,
                         const struct name_mapping *names, const struct field *theirs,
                         size_t theirs_n, struct error *err);

static bool match_type(struct matching *m, const struct field *ours,
                       const struct name_mapping *names, const struct field *theirs,
                       struct error *err)
{
    const struct type *t = ours->type, *f = theirs->type;
    bool same = t->kind == f->kind;
    if (type_is_primitive(t) ? !type_can_promote(f, t, m->version) : !same)
        return fail(
            err, ERR_INVALID,
            "column " STR_FMT " of the file is " STR_FMT ", which cannot be read as " STR_FMT,
            STR_ARG(theirs->name), STR_ARG(type_format(f, m->a)), STR_ARG(type_format(t, m->a)));
    return type_is_primitive(t) ||
           match_fields(m, t->fields, t->fields_n, names, f->fields, f->fields_n, err);
}

static const struct field *by_id(const struct field *fields, size_t n, int32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (fields[i].id == id)
            return &fields[i];
    return NULL;
}

/* An id that is given to another column by name is no id of this table. */
static bool check_id(const struct field *ours, size_t n, const struct field *theirs,
                     struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(ours[i].name, theirs->name) && ours[i].id != theirs->id)
            return fail(err, ERR_INVALID,
                        "column " STR_FMT " has the field id %d in the file and %d in the table",
                        STR_ARG(theirs->name), (int)theirs->id, (int)ours[i].id);
    return true;
}

/* Elements, keys and values go by their place; fields of structs and columns by id or name. */
static bool find_ours(struct matching *m, const struct field *ours, size_t n,
                      const struct name_mapping *names, const struct field *theirs,
                      const struct field **out, const struct name_mapping **inside,
                      struct error *err)
{
    *inside = NULL;
    if (!m->by_name) {
        *out = by_id(ours, n, theirs->id);
        return *out || check_id(ours, n, theirs, err);
    }
    const struct mapped_field *f = names ? name_mapping_find(names, theirs->name) : NULL;
    *out = f ? by_id(ours, n, f->field_id) : NULL;
    *inside = f ? f->children : NULL;
    for (size_t i = 0; !*out && i < n; i++)
        if (str_eq(ours[i].name, theirs->name))
            return fail(err, ERR_INVALID, "column " STR_FMT " is not in the table's name mapping",
                        STR_ARG(theirs->name));
    return true;
}

static bool match_fields(struct matching *m, const struct field *ours, size_t ours_n,
                         const struct name_mapping *names, const struct field *theirs,
                         size_t theirs_n, struct error *err)
{
    for (size_t i = 0; i < theirs_n; i++) {
        const struct field *f;
        const struct name_mapping *inside;
        if (!find_ours(m, ours, ours_n, names, &theirs[i], &f, &inside, err))
            return false;
        if (!f)
            continue;
        *vec_push(m->a, &m->links) = (struct import_link){ theirs[i].id, f->id };
        if (!match_type(m, f, inside, &theirs[i], err))
            return false;
    }
    return true;
}

static int link_order(const void *a, const void *b)
{
    int32_t x = ((const struct import_link *)a)->file_id;
    int32_t y = ((const struct import_link *)b)->file_id;
    return (x > y) - (x < y);
}

static bool is_linked(const struct matching *m, int32_t id)
{
    for (size_t i = 0; i < m->links.n; i++)
        if (m->links.at[i].table_id == id)
            return true;
    return false;
}

static bool check_required(const struct matching *m, const int32_t *given, size_t given_n,
                           struct error *err)
{
    for (size_t i = 0; i < m->table->fields_n; i++) {
        const struct field *f = &m->table->fields[i];
        bool there = !f->required || f->initial_default || is_linked(m, f->id);
        for (size_t k = 0; k < given_n; k++)
            there = there || given[k] == f->id;
        if (!there)
            return fail(err, ERR_INVALID, "the required column " STR_FMT " is not in the file",
                        STR_ARG(f->name));
    }
    return true;
}

bool import_match(const struct schema *table, int format_version,
                  const struct name_mapping *mapping, const struct schema *file,
                  const int32_t *given, size_t given_n, struct arena *a, struct import_match *out,
                  struct error *err)
{
    struct matching m = {
        .table = table, .version = format_version, .by_name = mapping != NULL, .a = a
    };
    if (!match_fields(&m, table->fields, table->fields_n, mapping, file->fields, file->fields_n,
                      err) ||
        !check_required(&m, given, given_n, err))
        return false;
    if (m.links.n == 0)
        return fail(err, ERR_INVALID, "the file has no column of the table");
    qsort(m.links.at, m.links.n, sizeof *m.links.at, link_order);
    *out = (struct import_match){ m.links.at, m.links.n };
    return true;
}

/* ---- Statistics */

static int32_t linked(const struct import_match *m, int32_t file_id)
{
    struct import_link key = { .file_id = file_id };
    const struct import_link *l = bsearch(&key, m->links, m->n, sizeof key, link_order);
    return l ? l->table_id : -1;
}

/* A bound of the file's type in the table's; NULL where a promotion does not keep it as it is. */
static const struct value *bound_as(const struct type *to, const struct value *v, struct arena *a)
{
    if (!v || v->kind == to->kind) {
        struct value *same = v ? arena_new(a, struct value) : NULL;
        if (same)
            *same = *v;
        if (same && to->kind == TYPE_DECIMAL)
            same->precision = (uint8_t)to->precision;
        return same;
    }
    bool widens = (v->kind == TYPE_INT && to->kind == TYPE_LONG) ||
                  (v->kind == TYPE_FLOAT && to->kind == TYPE_DOUBLE);
    if (!widens)
        return NULL;
    struct value *wide = arena_new(a, struct value);
    *wide = *v;
    wide->kind = (uint8_t)to->kind;
    return wide;
}

static int stats_order(const void *a, const void *b)
{
    int32_t x = ((const struct column_stats *)a)->field_id;
    int32_t y = ((const struct column_stats *)b)->field_id;
    return (x > y) - (x < y);
}

bool import_stats(const struct schema *table, const struct import_match *match,
                  const struct column_stats *stats, size_t stats_n, struct arena *a,
                  struct column_stats **out, size_t *n, struct error *err)
{
    struct column_stats *to = arena_array(a, struct column_stats, stats_n);
    *n = 0;
    for (size_t i = 0; i < stats_n; i++) {
        int32_t id = linked(match, stats[i].field_id);
        const struct schema_node *node = id < 0 ? NULL : schema_node_by_id(table, id);
        if (!node)
            continue;
        if (node->field->required && !node->parent && stats[i].nulls > 0)
            return fail(err, ERR_INVALID, "the required column " STR_FMT " has %lld nulls",
                        STR_ARG(node->name), (long long)stats[i].nulls);
        struct column_stats *s = &to[(*n)++];
        *s = stats[i];
        s->field_id = id;
        s->min = bound_as(node->field->type, stats[i].min, a);
        s->max = bound_as(node->field->type, stats[i].max, a);
    }
    qsort(to, *n, sizeof *to, stats_order);
    *out = to;
    return true;
}

/* ---- Partitions */

void import_folders(str path, struct arena *a, struct property **out, size_t *n)
{
    VEC(struct property) found = { 0 };
    ptrdiff_t end = str_rfind_char(path, '/');
    str rest = str_sub(path, 0, end < 0 ? 0 : (size_t)end), part;
    while (str_next(&rest, '/', &part)) {
        struct error ignored = { 0 };
        struct property p;
        ptrdiff_t equal = str_find_char(part, '=');
        if (equal <= 0 ||
            !percent_decode(str_sub(part, 0, (size_t)equal), false, a, &p.key, &ignored) ||
            !percent_decode(str_from(part, (size_t)equal + 1), false, a, &p.value, &ignored))
            continue;
        *vec_push(a, &found) = p;
    }
    *out = found.at;
    *n = found.n;
}

static const struct column_stats *stats_of(const struct column_stats *stats, size_t n, int32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (stats[i].field_id == id)
            return &stats[i];
    return NULL;
}

/* What the file's own values say; false: nothing certain. */
static bool by_bounds(const struct transform *f, const struct type *source,
                      const struct column_stats *s, struct value *out)
{
    *out = value_null(transform_result(f, source)->kind);
    if (s && s->values > 0 && s->nulls == s->values)
        return true;
    if (!s || !s->min || !s->max || s->nulls != 0 ||
        (!transform_keeps_order(f) && value_cmp(s->min, s->max) != 0))
        return false;
    struct value low = transform_apply(f, s->min), high = transform_apply(f, s->max);
    *out = low;
    /* Bounds of texts may be cut: one that was is no value.  The same text at both ends was not. */
    bool text = s->min->kind == TYPE_STRING;
    return value_eq(&low, &high) && (!text || value_eq(s->min, s->max));
}

static const struct property *folder_of(const struct property *folders, size_t n, str name)
{
    for (size_t i = n; i > 0; i--)
        if (str_eq(folders[i - 1].key, name))
            return &folders[i - 1];
    return NULL;
}

static bool folder_value(const struct type *t, const struct property *p, struct arena *a,
                         struct value *out, struct error *err)
{
    *out = value_null(t->kind);
    return str_is(p->value, HIVE_NULL) || value_from_text(t, p->value, a, out, err) ||
           fail_in(err, "the folder " STR_FMT "=" STR_FMT, STR_ARG(p->key), STR_ARG(p->value));
}

static bool field_value(const struct schema *table, const struct partition_field *f,
                        const struct property *folders, size_t folders_n,
                        const struct column_stats *stats, size_t stats_n, struct arena *a,
                        struct value *out, struct error *err)
{
    const struct field *source = schema_field_by_id(table, f->source_id);
    const struct property *folder = NULL;
    struct value bounds;
    if (f->transform.kind == TRANSFORM_VOID) {
        *out = value_null(transform_result(&f->transform, source ? source->type : NULL)->kind);
        return true;
    }
    if (!source || f->transform.kind == TRANSFORM_UNKNOWN)
        return fail(err, ERR_UNSUPPORTED,
                    "files cannot be added under the partition field " STR_FMT, STR_ARG(f->name));
    if (f->transform.kind == TRANSFORM_IDENTITY)
        folder = folder_of(folders, folders_n, source->name);
    bool known =
        by_bounds(&f->transform, source->type, stats_of(stats, stats_n, source->id), &bounds);
    if (folder && !folder_value(source->type, folder, a, out, err))
        return false;
    if (folder && known && !value_eq(out, &bounds))
        return fail(
            err, ERR_INVALID, "the folder " STR_FMT "=" STR_FMT " holds other values: " STR_FMT,
            STR_ARG(folder->key), STR_ARG(folder->value), STR_ARG(value_to_text(&bounds, a)));
    if (!folder && !known)
        return fail(err, ERR_INVALID,
                    "the partition " STR_FMT
                    " of the file is neither in its path nor certain from its statistics",
                    STR_ARG(f->name));
    if (!folder)
        *out = value_copy(&bounds, a);
    return true;
}

bool import_partition(const struct schema *table, const struct partition_spec *spec,
                      const struct property *folders, size_t folders_n,
                      const struct column_stats *stats, size_t stats_n, struct arena *a,
                      struct value **out, struct error *err)
{
    *out = arena_array(a, struct value, spec->fields_n);
    for (size_t i = 0; i < spec->fields_n; i++)
        if (!field_value(table, &spec->fields[i], folders, folders_n, stats, stats_n, a, &(*out)[i],
                         err))
            return false;
    return true;
}
