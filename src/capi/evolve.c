/* SPDX-License-Identifier: Apache-2.0
 *
 * Evolution: changes of schema, partitioning, order, properties, place and format, in order, as one commit. */
#include "capi/capi_priv.h"
#include "catalog/table_ops.h"
#include "codec/json.h"
#include "iceberg/partition_evolve.h"
#include "iceberg/update.h"
#include "iceberg/value.h"
#include "sql/partition_by.h"

struct evolution {
    const firn_change *changes;
    size_t n;
};

/* The table while changes are put on it. */
struct evolving {
    const struct metadata *m;
    struct arena *a;
    const struct schema *schema;
    const struct partition_spec *spec;
    const struct sort_order *order;
    int32_t last_column;
    struct table_update *updates;
    size_t n;
};

/* "long", or {"type":"list",...} */
static bool parse_type(const char *text, struct arena *a, const struct type **out,
                       struct error *err)
{
    struct json *json;
    if (!text)
        return fail(err, ERR_INVALID, "the column's type is NULL");
    if (str_trim(str_of(text)).len == 0 || str_trim(str_of(text)).ptr[0] != '{')
        return type_parse_text(str_of(text), a, out, err);
    return json_parse(str_of(text), a, &json, err) && type_parse(json, a, out, err);
}

static bool add_column(struct evolving *e, const firn_change *x, struct error *err)
{
    struct arena *a = e->a;
    ptrdiff_t dot = str_rfind_char(str_of(x->name), '.');
    str name = str_of(x->name);
    struct field f = { .name = arena_str(a, str_from(name, (size_t)(dot + 1))),
                       .has_doc = x->text != NULL,
                       .doc = arena_str(a, str_of(x->text)) };
    return parse_type(x->type, a, &f.type, err) &&
           schema_add_column(e->schema, dot < 0 ? (str){ 0 } : str_sub(name, 0, (size_t)dot), &f,
                             &e->last_column, a, &e->schema, err);
}

static bool move_column(struct evolving *e, const firn_change *x, struct error *err)
{
    static const char *const places[] = {
        [PLACE_FIRST] = "first", [PLACE_AFTER] = "after", [PLACE_BEFORE] = "before"
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (x->type && str_is(str_of(x->type), places[i])) {
            if (i != PLACE_FIRST && !x->text)
                return fail(err, ERR_INVALID, "no column is named to put %s %s", x->name,
                            places[i]);
            return schema_move_column(e->schema, str_of(x->name), (enum schema_place)i,
                                      arena_str(e->a, str_of(x->text)), e->a, &e->schema, err);
        }
    return fail(err, ERR_INVALID, "type is %s, not first, after or before",
                x->type ? x->type : "NULL");
}

static bool set_identifiers(struct evolving *e, const firn_change *x, struct error *err)
{
    str rest = arena_str(e->a, str_of(x->name)), word;
    str *names = arena_array(e->a, str, rest.len + 1);
    size_t n = 0;
    while (str_next(&rest, ',', &word))
        if (str_trim(word).len)
            names[n++] = str_trim(word);
    return schema_set_identifiers(e->schema, names, n, e->a, &e->schema, err);
}

static bool set_default(struct evolving *e, const firn_change *x, struct error *err)
{
    struct json *json;
    const struct field *f = schema_field_by_name(e->schema, str_of(x->name), true);
    struct value *v = x->text ? arena_new(e->a, struct value) : NULL;
    if (!f)
        return fail(err, ERR_NOT_FOUND, "the table has no column %s", x->name);
    if (v && (!json_parse(arena_str(e->a, str_of(x->text)), e->a, &json, err) ||
              !value_parse(f->type, json, e->a, v, err)))
        return fail_in(err, "the default of %s", x->name);
    return schema_set_write_default(e->schema, str_of(x->name), v, e->a, &e->schema, err);
}

/* False also for what is no change of the schema. */
static bool change_schema(struct evolving *e, const firn_change *x, struct error *err)
{
    const struct type *type;
    str name = str_of(x->name), text = arena_str(e->a, str_of(x->text));
    switch (x->kind) {
    case FIRN_ADD_COLUMN:
        return add_column(e, x, err);
    case FIRN_DROP_COLUMN:
        return schema_drop_column(e->schema, name, e->a, &e->schema, err);
    case FIRN_RENAME_COLUMN:
        return schema_rename_column(e->schema, name, text, e->a, &e->schema, err);
    case FIRN_WIDEN_COLUMN:
        return parse_type(x->type, e->a, &type, err) &&
               schema_promote_column(e->schema, name, type, e->m->format_version, e->a, &e->schema,
                                     err);
    case FIRN_MAKE_OPTIONAL:
        return schema_make_optional(e->schema, name, e->a, &e->schema, err);
    case FIRN_SET_DOC:
        return schema_set_doc(e->schema, name, text, e->a, &e->schema, err);
    case FIRN_MOVE_COLUMN:
        return move_column(e, x, err);
    case FIRN_SET_IDENTIFIERS:
        return set_identifiers(e, x, err);
    case FIRN_SET_DEFAULT:
        return set_default(e, x, err);
    default:
        return fail(err, ERR_INVALID, "there is no change of kind %d", (int)x->kind);
    }
}

/* The transform that `name` says, and nothing behind it. */
static bool read_term(struct evolving *e, const firn_change *x, struct partition_term *out,
                      struct error *err)
{
    struct lex lex;
    size_t i = 0;
    if (!lex_sql(arena_str(e->a, str_of(x->name)), e->a, &lex, err) ||
        !partition_term_read(&lex, &i, e->schema, e->a, out, err))
        return false;
    return i == lex.n || fail(err, ERR_INVALID, "\"%s\" is more than one transform", x->name);
}

static bool add_partition(struct evolving *e, const firn_change *x, struct error *err)
{
    struct partition_term term;
    return read_term(e, x, &term, err) &&
           partition_spec_add(e->m, e->spec, term.column, &term.transform,
                              arena_str(e->a, str_of(x->text)), e->a, &e->spec, err);
}

static bool drop_partition(struct evolving *e, const firn_change *x, struct error *err)
{
    struct partition_term term;
    ptrdiff_t i = partition_spec_find_name(e->spec, str_of(x->name));
    if (i < 0) {
        if (!read_term(e, x, &term, err))
            return false;
        i = partition_spec_find(e->spec, term.column->field->id, &term.transform);
    }
    if (i < 0)
        return fail(err, ERR_NOT_FOUND, "the table is not partitioned by %s", x->name);
    e->spec = partition_spec_drop(e->m, e->spec, (size_t)i, e->a);
    return true;
}

static bool set_order(struct evolving *e, const firn_change *x, struct error *err)
{
    struct lex lex;
    size_t i = 0;
    e->order = &sort_order_none;
    if (!lex_sql(arena_str(e->a, str_of(x->name)), e->a, &lex, err))
        return false;
    if (lex.n == 0)
        return true;
    return sort_by_read(&lex, &i, e->schema, e->a, &e->order, err) &&
           (i == lex.n || fail(err, ERR_INVALID, "\"%s\" is no order of columns", x->name));
}

static bool upgrade(struct evolving *e, const firn_change *x, struct error *err)
{
    int64_t version;
    if (!str_to_i64(str_of(x->name), &version))
        return fail(err, ERR_INVALID, "\"%s\" is no format version", x->name);
    if (version < e->m->format_version || version > FORMAT_VERSION_MAX)
        return fail(err, version > FORMAT_VERSION_MAX ? ERR_UNSUPPORTED : ERR_INVALID,
                    "format version %lld: the table has %d, and %d is the newest one",
                    (long long)version, e->m->format_version, FORMAT_VERSION_MAX);
    e->updates[e->n++] = (struct table_update){ .kind = UPDATE_UPGRADE_FORMAT_VERSION,
                                                .format_version = (int)version };
    return true;
}

static struct table_update property_update(const firn_change *x, struct arena *a)
{
    struct property *p = arena_new(a, struct property);
    *p = (struct property){ str_of(x->name), str_of(x->text) };
    return (struct table_update){ .kind = x->kind == FIRN_SET_PROPERTY ? UPDATE_SET_PROPERTIES
                                                                       : UPDATE_REMOVE_PROPERTIES,
                                  .properties = { p, 1 } };
}

static bool apply_change(struct evolving *e, const firn_change *x, struct error *err)
{
    switch (x->kind) {
    case FIRN_SET_PROPERTY:
    case FIRN_REMOVE_PROPERTY:
        e->updates[e->n++] = property_update(x, e->a);
        return true;
    case FIRN_ADD_PARTITION:
        return add_partition(e, x, err);
    case FIRN_DROP_PARTITION:
        return drop_partition(e, x, err);
    case FIRN_SET_ORDER:
        return set_order(e, x, err);
    case FIRN_SET_LOCATION:
        e->updates[e->n++] =
            (struct table_update){ .kind = UPDATE_SET_LOCATION, .location = str_of(x->name) };
        return true;
    case FIRN_UPGRADE_FORMAT:
        return upgrade(e, x, err);
    default:
        return change_schema(e, x, err);
    }
}

/* What became of schema, spec and order. */
static void add_definitions(struct evolving *e)
{
    const struct metadata *m = e->m;
    if (e->schema != metadata_schema(m))
        update_take_schema(e->updates, &e->n, e->schema);
    if (e->spec != metadata_spec(m))
        update_take_spec(e->updates, &e->n, e->spec);
    if (!sort_order_same(e->order, metadata_order(m)))
        update_take_order(e->updates, &e->n, e->order);
}

static const struct table_requirement *pins_of(const struct metadata *m, struct arena *a, size_t *n)
{
    struct table_requirement *r = arena_array(a, struct table_requirement, 6);
    r[0] = require_uuid(m->uuid);
    r[1] =
        (struct table_requirement){ .kind = REQUIRE_CURRENT_SCHEMA_ID, .id = m->current_schema_id };
    r[2] = (struct table_requirement){ .kind = REQUIRE_LAST_COLUMN_ID, .id = m->last_column_id };
    r[3] = (struct table_requirement){ .kind = REQUIRE_DEFAULT_SPEC_ID, .id = m->default_spec_id };
    r[4] =
        (struct table_requirement){ .kind = REQUIRE_LAST_PARTITION_ID, .id = m->last_partition_id };
    r[5] =
        (struct table_requirement){ .kind = REQUIRE_DEFAULT_ORDER_ID, .id = m->default_order_id };
    *n = 6;
    return r;
}

/* Made again on the newest table when somebody was faster: names are looked up anew, ids assigned anew. */
static bool plan_evolution(void *ctx, const struct table *t, struct arena *a,
                           struct table_change *out, struct error *err)
{
    const struct evolution *list = ctx;
    const struct metadata *m = t->metadata;
    struct evolving e = { .m = m,
                          .a = a,
                          .schema = metadata_schema(m),
                          .spec = metadata_spec(m),
                          .order = metadata_order(m),
                          .last_column = m->last_column_id,
                          .updates = arena_array(a, struct table_update, list->n + 6) };
    for (size_t i = 0; i < list->n; i++)
        if (!apply_change(&e, &list->changes[i], err))
            return fail_in(err, "change %zu", i + 1);
    add_definitions(&e);
    *out = (struct table_change){
        .ns = t->ns, .name = t->name, .updates = e.updates, .updates_n = e.n
    };
    out->requirements = pins_of(m, a, &out->requirements_n);
    return true;
}

static bool check_changes(struct call *c, const firn_change *changes, size_t n)
{
    if (!capi_count(c, changes, n, "changes"))
        return false;
    if (n == 0 || n > UPDATES_MAX)
        return fail(&c->err, n ? ERR_LIMIT : ERR_INVALID, "%zu changes, not 1 to %d", n,
                    UPDATES_MAX);
    for (size_t i = 0; i < n; i++) {
        bool text = changes[i].kind == FIRN_RENAME_COLUMN || changes[i].kind == FIRN_SET_PROPERTY ||
                    changes[i].kind == FIRN_SET_DOC;
        if (!changes[i].name || (text && !changes[i].text))
            return fail(&c->err, ERR_INVALID, "change %zu has no %s", i + 1,
                        changes[i].name ? "text" : "name");
        if (!str_is_utf8(str_of(changes[i].name)) || !str_is_utf8(str_of(changes[i].text)))
            return fail(&c->err, ERR_INVALID, "change %zu is not UTF-8", i + 1);
    }
    return true;
}

int firn_alter_table(firn_lake *lake, const char *ref, const char *name, const firn_change *changes,
                     size_t n, firn_error *err)
{
    struct call c;
    str ns, last;
    struct evolution e = { changes, n };
    struct write_outcome done;
    bool ok = capi_begin(&c, lake, true, err) && capi_name(&c, name, &ns, &last) &&
              check_changes(&c, changes, n);
    struct write_info info = { .commit = c.info };
    ok = ok && catalog_retry(lake->lake->catalog, str_of(ref), ns, last, plan_evolution, &e, &info,
                             c.a, &done, &c.err);
    return capi_end(&c, ok);
}
