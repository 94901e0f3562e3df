/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/evolve.h"

#include "iceberg/metadata.h"
#include "iceberg/update.h"
#include "sql/partition_by.h"

#define EVOLVE_UPDATES_MAX 8

/* Same kinds and names all the way down, whatever the ids. */
static bool same_shape(const struct type *x, const struct type *y)
{
    if (x->kind != y->kind || x->precision != y->precision || x->scale != y->scale ||
        x->length != y->length || x->fields_n != y->fields_n)
        return false;
    for (size_t i = 0; i < x->fields_n; i++)
        if (!str_eq(x->fields[i].name, y->fields[i].name) ||
            !same_shape(x->fields[i].type, y->fields[i].type))
            return false;
    return true;
}

/* Gives fresh ids, behind the table's last one, to the columns that are marked as new. */
static bool number_new(const struct metadata *m, struct field *fields, const bool *is_new, size_t n,
                       struct arena *a, struct error *err)
{
    const struct schema *plain, *fresh;
    struct field *added = arena_array(a, struct field, n);
    size_t added_n = 0;
    int32_t last = m->last_column_id;
    for (size_t i = 0; i < n; i++)
        if (is_new[i])
            added[added_n++] = fields[i];
    if (added_n == 0)
        return true;
    if (!schema_build(0, added, added_n, NULL, 0, a, &plain, err) ||
        !schema_assign_fresh_ids(plain, 0, &last, a, &fresh, err))
        return false;
    for (size_t i = 0, k = 0; i < n; i++)
        if (is_new[i])
            fields[i] = fresh->fields[k++];
    return true;
}

static bool evolve_schema(const struct metadata *m, const struct schema *rows, struct arena *a,
                          const struct schema **out, struct error *err)
{
    const struct schema *old = metadata_schema(m);
    struct field *fields = arena_array(a, struct field, rows->fields_n);
    bool *is_new = arena_array(a, bool, rows->fields_n);
    for (size_t i = 0; i < rows->fields_n; i++) {
        const struct field *row = &rows->fields[i], *f = schema_field_by_name(old, row->name, true);
        fields[i] = f ? *f : *row;
        if (!f)
            is_new[i] = true;
        else if (type_is_primitive(row->type) &&
                 type_can_promote(f->type, row->type, m->format_version))
            fields[i].type = row->type;
        else if (!same_shape(f->type, row->type)) {
            fields[i] = *row;
            is_new[i] = true;
        }
    }
    return number_new(m, fields, is_new, rows->fields_n, a, err) &&
           schema_build(old->id, fields, rows->fields_n, NULL, 0, a, out, err);
}

static bool sources_remain(const struct partition_spec *spec, const struct schema *s)
{
    for (size_t i = 0; i < spec->fields_n; i++)
        if (!schema_field_by_id(s, spec->fields[i].source_id))
            return false;
    return true;
}

static bool evolve_spec(const struct metadata *m, const struct schema *s, str partition_by,
                        struct arena *a, const struct partition_spec **out, struct error *err)
{
    const struct partition_spec *old = metadata_spec(m), *spec;
    *out = NULL;
    if (!partition_by_parse(partition_by, s, a, &spec, err))
        return false;
    if (spec ? !partition_spec_compatible(spec, old) : !sources_remain(old, s))
        *out = spec ? spec : &partition_spec_none;
    return true;
}

/* The columns of `define`, with the ids of those that the table has with the same type.  Other ids are new. */
static bool evolve_columns(const struct metadata *m, const struct schema *define, struct arena *a,
                           const struct schema **out, struct error *err)
{
    const struct schema *old = metadata_schema(m);
    size_t n = define->fields_n, keys_n = define->identifier_ids_n;
    struct field *fields = arena_array(a, struct field, n);
    bool *is_new = arena_array(a, bool, n);
    str *keys = arena_array(a, str, keys_n);
    for (size_t i = 0; i < n; i++) {
        const struct field *f = schema_field_by_name(old, define->fields[i].name, true);
        fields[i] = define->fields[i];
        is_new[i] = !f || type_is_nested(f->type) || !same_shape(f->type, fields[i].type);
        if (!is_new[i])
            fields[i].id = f->id;
    }
    for (size_t i = 0; i < keys_n; i++)
        keys[i] = schema_name_of(define, define->identifier_ids[i]);
    return number_new(m, fields, is_new, n, a, err) &&
           schema_build(old->id, fields, n, NULL, 0, a, out, err) &&
           schema_set_identifiers(*out, keys, keys_n, a, out, err);
}

static void list_updates(const struct metadata *m, const struct schema *schema,
                         const struct partition_spec *spec, struct table_update *u, size_t *n)
{
    if (!schema_same(schema, metadata_schema(m)))
        update_take_schema(u, n, schema);
    if (spec)
        update_take_spec(u, n, spec);
}

/* Field ids of the new spec are the table's to give. */
static const struct partition_spec *without_ids(const struct partition_spec *spec, struct arena *a)
{
    struct partition_spec *out = arena_new(a, struct partition_spec);
    struct partition_field *fields = arena_array(a, struct partition_field, spec->fields_n);
    for (size_t i = 0; i < spec->fields_n; i++) {
        fields[i] = spec->fields[i];
        fields[i].field_id = -1;
    }
    *out = (struct partition_spec){ spec->id, fields, spec->fields_n };
    return out;
}

bool evolve_definition(const struct metadata *m, const struct schema *define, str partition_by,
                       struct arena *a, struct table_update **updates, size_t *n, struct error *err)
{
    const struct schema *schema;
    const struct partition_spec *spec;
    *updates = arena_array(a, struct table_update, EVOLVE_UPDATES_MAX);
    *n = 0;
    if (!evolve_columns(m, define, a, &schema, err) ||
        !partition_by_parse(partition_by, schema, a, &spec, err))
        return false;
    spec = spec ? without_ids(spec, a) : &partition_spec_none;
    if (metadata_order(m)->fields_n)
        update_take_order(*updates, n, &sort_order_none);
    list_updates(m, schema, partition_spec_compatible(spec, metadata_spec(m)) ? NULL : spec,
                 *updates, n);
    return true;
}

bool evolve_to(const struct metadata *m, const struct schema *rows, str partition_by,
               struct arena *a, struct table_update **updates, size_t *n, struct error *err)
{
    const struct schema *schema;
    const struct partition_spec *spec;
    struct table_update *u = arena_array(a, struct table_update, EVOLVE_UPDATES_MAX);
    *updates = u;
    *n = 0;
    if (!evolve_schema(m, rows, a, &schema, err) ||
        !evolve_spec(m, schema, partition_by, a, &spec, err))
        return false;
    list_updates(m, schema, spec, u, n);
    return true;
}
