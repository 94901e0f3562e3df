/* SPDX-License-Identifier: Apache-2.0
 *
 * Updates that change what a table looks like: schemas, partition specs, sort orders (U1). */
#include "iceberg/partition_priv.h"
#include "iceberg/update_priv.h"

static const struct schema *find_schema(const struct builder *b, int32_t id)
{
    for (size_t i = 0; i < b->schemas.n; i++)
        if (b->schemas.at[i]->id == id)
            return b->schemas.at[i];
    return NULL;
}

static const struct partition_spec *find_spec(const struct builder *b, int32_t id)
{
    for (size_t i = 0; i < b->specs.n; i++)
        if (b->specs.at[i]->id == id)
            return b->specs.at[i];
    return NULL;
}

static const struct sort_order *find_order(const struct builder *b, int32_t id)
{
    for (size_t i = 0; i < b->orders.n; i++)
        if (b->orders.at[i]->id == id)
            return b->orders.at[i];
    return NULL;
}

/* -- schemas --------------------------------------------------------------------------------- */

bool builder_add_schema(struct builder *b, const struct schema *schema, struct error *err)
{
    if (!schema_check_version(schema, b->m.format_version, err))
        return false;
    int32_t id = b->m.current_schema_id == NO_ID ? 0 : b->m.current_schema_id;
    for (size_t i = 0; i < b->schemas.n; i++) {
        const struct schema *s = b->schemas.at[i];
        if (schema_same(s, schema)) {
            b->last_schema = s->id;
            return true;
        }
        id = s->id >= id ? s->id + 1 : id;
    }
    *vec_push(b->arena, &b->schemas) = schema_with_id(schema, id, b->arena);
    b->last_schema = id;
    if (schema->max_id > b->m.last_column_id)
        b->m.last_column_id = schema->max_id;
    b->changed = true;
    return true;
}

/* LAST_ADDED becomes the id that was added last. */
static bool resolve_last(int32_t *id, int32_t last, const char *what, struct error *err)
{
    if (*id != LAST_ADDED)
        return true;
    *id = last;
    return last != NO_ID || fail(err, ERR_INVALID, "no %s has been added before", what);
}

bool builder_set_current_schema(struct builder *b, int32_t id, struct error *err)
{
    if (!resolve_last(&id, b->last_schema, "schema", err))
        return false;
    if (!find_schema(b, id))
        return fail(err, ERR_NOT_FOUND, "the table has no schema %d", id);
    b->changed = b->changed || id != b->m.current_schema_id;
    b->m.current_schema_id = id;
    return true;
}

static bool contains(const struct table_update *u, int32_t id)
{
    for (size_t i = 0; i < u->ids.n; i++)
        if (u->ids.ids[i] == id)
            return true;
    return false;
}

bool builder_remove_schemas(struct builder *b, const struct table_update *u, struct error *err)
{
    if (contains(u, b->m.current_schema_id))
        return fail(err, ERR_INVALID, "schema %d is the current one", b->m.current_schema_id);
    size_t n = 0;
    for (size_t i = 0; i < b->schemas.n; i++)
        if (!contains(u, b->schemas.at[i]->id))
            b->schemas.at[n++] = b->schemas.at[i];
    b->changed = b->changed || n != b->schemas.n;
    b->schemas.n = n;
    return true;
}

/* -- partition specs ------------------------------------------------------------------------- */

/* An equivalent field of an older spec keeps its id (Iceberg spec, "Partition Evolution"). */
static int32_t reused_field_id(const struct builder *b, const struct partition_field *f)
{
    for (size_t i = 0; i < b->specs.n; i++)
        for (size_t j = 0; j < b->specs.at[i]->fields_n; j++) {
            const struct partition_field *g = &b->specs.at[i]->fields[j];
            if (g->source_id == f->source_id && transform_equal(&g->transform, &f->transform))
                return g->field_id;
        }
    return NO_ID;
}

static bool has_field_id(const struct partition_field *fields, size_t n, int32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (fields[i].field_id == id)
            return true;
    return false;
}

static bool number_fields(struct builder *b, struct partition_field *fields, size_t n,
                          struct error *err)
{
    int32_t last = b->m.last_partition_id;
    for (size_t i = 0; i < n; i++)
        last = fields[i].field_id > last ? fields[i].field_id : last;
    for (size_t i = 0; i < n; i++) {
        if (fields[i].field_id >= 0)
            continue;
        int32_t id = b->m.format_version == 1 ? PARTITION_FIELD_ID_FIRST + (int32_t)i
                                              : reused_field_id(b, &fields[i]);
        fields[i].field_id = id == NO_ID || has_field_id(fields, n, id) ? ++last : id;
    }
    for (size_t i = 0; b->m.format_version == 1 && i < n; i++)
        if (fields[i].field_id != PARTITION_FIELD_ID_FIRST + (int32_t)i)
            return fail(err, ERR_INVALID,
                        "field ids of a v1 partition spec go up from %d, \"" STR_FMT "\" has %d",
                        PARTITION_FIELD_ID_FIRST, STR_ARG(fields[i].name), fields[i].field_id);
    for (size_t i = 0; i < n; i++)
        if (fields[i].field_id > b->m.last_partition_id)
            b->m.last_partition_id = fields[i].field_id;
    return true;
}

/* What specs and orders are bound to: the current schema, or, while a table is being made, the one added last. */
static const struct schema *binding_schema(const struct builder *b)
{
    return find_schema(b,
                       b->m.current_schema_id == NO_ID ? b->last_schema : b->m.current_schema_id);
}

bool builder_add_spec(struct builder *b, const struct partition_spec *spec, struct error *err)
{
    const struct schema *schema = binding_schema(b);
    if (!schema)
        return fail(err, ERR_INVALID, "a partition spec is added before a schema");
    int32_t id = 0;
    for (size_t i = 0; i < b->specs.n; i++) {
        const struct partition_spec *s = b->specs.at[i];
        if (partition_spec_compatible(s, spec)) {
            b->last_spec = s->id;
            return true;
        }
        id = s->id >= id ? s->id + 1 : id;
    }
    struct partition_field *fields = arena_array(b->arena, struct partition_field, spec->fields_n);
    if (spec->fields_n > 0)
        memcpy(fields, spec->fields, spec->fields_n * sizeof *fields);
    struct partition_spec *copy = arena_new(b->arena, struct partition_spec);
    *copy = (struct partition_spec){ .id = id, .fields = fields, .fields_n = spec->fields_n };
    if (!partition_spec_check(copy, schema, err) || !number_fields(b, fields, spec->fields_n, err))
        return false;
    *vec_push(b->arena, &b->specs) = copy;
    b->last_spec = id;
    b->changed = true;
    return true;
}

bool builder_set_default_spec(struct builder *b, int32_t id, struct error *err)
{
    if (!resolve_last(&id, b->last_spec, "partition spec", err))
        return false;
    if (!find_spec(b, id))
        return fail(err, ERR_NOT_FOUND, "the table has no partition spec %d", id);
    b->changed = b->changed || id != b->m.default_spec_id;
    b->m.default_spec_id = id;
    return true;
}

bool builder_remove_specs(struct builder *b, const struct table_update *u, struct error *err)
{
    if (contains(u, b->m.default_spec_id))
        return fail(err, ERR_INVALID, "partition spec %d is the default one", b->m.default_spec_id);
    size_t n = 0;
    for (size_t i = 0; i < b->specs.n; i++)
        if (!contains(u, b->specs.at[i]->id))
            b->specs.at[n++] = b->specs.at[i];
    b->changed = b->changed || n != b->specs.n;
    b->specs.n = n;
    return true;
}

/* -- sort orders ----------------------------------------------------------------------------- */

bool builder_add_order(struct builder *b, const struct sort_order *order, struct error *err)
{
    const struct schema *schema = binding_schema(b);
    if (!schema)
        return fail(err, ERR_INVALID, "a sort order is added before a schema");
    int32_t id = order->fields_n > 0;
    for (size_t i = 0; i < b->orders.n; i++) {
        const struct sort_order *o = b->orders.at[i];
        if (sort_order_same(o, order)) {
            b->last_order = o->id;
            return true;
        }
        if (order->fields_n > 0 && o->id >= id)
            id = o->id + 1;
    }
    struct sort_order *copy = arena_new(b->arena, struct sort_order);
    *copy = (struct sort_order){ .id = id, .fields = order->fields, .fields_n = order->fields_n };
    if (!sort_order_check(copy, schema, err))
        return false;
    *vec_push(b->arena, &b->orders) = copy;
    b->last_order = id;
    b->changed = true;
    return true;
}

bool builder_set_default_order(struct builder *b, int32_t id, struct error *err)
{
    if (!resolve_last(&id, b->last_order, "sort order", err))
        return false;
    if (!find_order(b, id))
        return fail(err, ERR_NOT_FOUND, "the table has no sort order %d", id);
    b->changed = b->changed || id != b->m.default_order_id;
    b->m.default_order_id = id;
    return true;
}
