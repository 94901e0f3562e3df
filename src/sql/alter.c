/* SPDX-License-Identifier: Apache-2.0
 *
 * ALTER TABLE.  What the statement asks for is known before the table is looked at, and so is what it needs permission for.  It is
 * applied to the newest metadata, one change after the other, each seeing what those before it made; the difference is
 * committed as one list of updates, with requirements that nobody has changed the same thing meanwhile.  When somebody
 * has, all of it is done again on the newer table, and fails if it does not fit that one.  Nothing but metadata is written:
 * data files are read by field ids, and keep the spec and the order that they were written with. */
#include "sql/alter_priv.h"

#include "catalog/table_ops.h"
#include "engine/quote.h"
#include "iceberg/metadata.h"
#include "iceberg/partition_evolve.h"
#include "iceberg/update.h"
#include "sql/alter_refs.h"
#include "sql/bind.h"
#include "sql/lake.h"
#include "sql/partition_by.h"
#include "sql/schema_name.h"

#define UPDATES_OF_ALTER_MAX 16
#define REQUIREMENTS_MAX 8
#define MODE_PROPERTY "write.distribution-mode"
#define VERSION_PROPERTY "format-version"

struct alter {
    struct run *r;
    const struct alter_statement *statement;
    str ns, name;
    /* Of one attempt: */
    struct arena *a;
    const struct table *table;
    const struct metadata *m;
    const struct schema *schema;
    const struct partition_spec *spec;
    const struct sort_order *order;
    int32_t last_column_id;
    int format_version;
    str location; /* empty: stays */
    VEC(struct property) set;
    VEC(str) unset;
    VEC(struct table_requirement) seen; /* of branches whose rows were looked at */
};

static bool find_column(const struct alter *t, str column, const struct schema_node **out,
                        struct error *err)
{
    *out = schema_node_by_name(t->schema, column, true);
    if (!*out)
        *out = schema_node_by_name(t->schema, column, false);
    return *out || fail(err, ERR_NOT_FOUND, "the table " STR_FMT " has no column " STR_FMT,
                        STR_ARG(t->statement->table), STR_ARG(column));
}

/* ---- Columns ---- */

/* A constant for a column; format 3 is where defaults begin. */
static bool default_of(struct alter *t, str expression, const struct type *type,
                       const struct value **out, struct error *err)
{
    if (!clause_default(t->r, expression, type, out, err))
        return false;
    if (!*out || t->format_version >= 3)
        return true;
    fail(err, ERR_INVALID, "defaults of columns need format version 3, the table has %d",
         t->format_version);
    return fail_hint(err, "ALTER TABLE " STR_FMT " SET TBLPROPERTIES ('format-version' = '3')",
                     STR_ARG(t->statement->table));
}

/* The full name of a sibling: AFTER names it alone or with its struct. */
static str sibling(const struct alter *t, const struct schema_node *node, str other)
{
    const struct schema_node *found;
    if (node->parent) {
        str full =
            arena_printf(t->a, STR_FMT "." STR_FMT, STR_ARG(node->parent->name), STR_ARG(other));
        found = schema_node_by_name(t->schema, full, false);
        if (found)
            return found->name;
    }
    found = schema_node_by_name(t->schema, other, false);
    return found ? found->name : other;
}

static bool move_to(struct alter *t, str name, enum schema_place place, str after,
                    struct error *err)
{
    const struct schema_node *node;
    return find_column(t, name, &node, err) &&
           schema_move_column(t->schema, node->name, place,
                              place == PLACE_FIRST ? after : sibling(t, node, after), t->a,
                              &t->schema, err);
}

static bool parent_of(struct alter *t, const struct column_definition *d, str *out,
                      struct error *err)
{
    const struct schema_node *node;
    *out = (str){ 0 };
    if (d->path_n == 1)
        return true;
    if (!find_column(t, arena_join(t->a, d->path, d->path_n - 1, STR(".")), &node, err))
        return false;
    *out = node->name;
    return true;
}

/* Names differ by more than their case, or queries could not tell them apart. */
static bool is_taken(const struct alter *t, str parent, str name)
{
    str full =
        parent.len ? arena_printf(t->a, STR_FMT "." STR_FMT, STR_ARG(parent), STR_ARG(name)) : name;
    return schema_node_by_name(t->schema, full, false) != NULL;
}

static bool add_column(struct alter *t, const struct alter_action *x, struct error *err)
{
    const struct column_definition *d = &x->define;
    struct field f = { .name = d->path[d->path_n - 1],
                       .type = d->type,
                       .required = d->required,
                       .has_doc = d->has_doc,
                       .doc = d->doc };
    str parent;
    int32_t id = t->last_column_id + 1;
    if (!parent_of(t, d, &parent, err))
        return false;
    if (is_taken(t, parent, f.name))
        return x->if_exists ||
               fail(err, ERR_EXISTS, "the table " STR_FMT " has a column " STR_FMT " already",
                    STR_ARG(t->statement->table), STR_ARG(f.name));
    if (d->default_sql.len && !default_of(t, d->default_sql, f.type, &f.initial_default, err))
        return fail_in(err, "column " STR_FMT, STR_ARG(f.name));
    f.write_default = f.initial_default;
    if (!schema_add_column(t->schema, parent, &f, &t->last_column_id, t->a, &t->schema, err))
        return false;
    return !d->has_place ||
           move_to(t, schema_node_by_id(t->schema, id)->name, d->place, d->after, err);
}

/* What stands on a column keeps it: says which, rather than that some id is missing. */
static bool check_unused(struct alter *t, const struct schema_node *node, struct error *err)
{
    for (size_t i = 0; i < t->spec->fields_n; i++) {
        const struct schema_node *n = schema_node_by_id(t->schema, t->spec->fields[i].source_id);
        for (; n && n != node; n = n->parent)
            continue;
        if (n && t->spec->fields[i].transform.kind != TRANSFORM_VOID) {
            fail(err, ERR_INVALID,
                 "the table is partitioned by column " STR_FMT " (field " STR_FMT ")",
                 STR_ARG(node->name), STR_ARG(t->spec->fields[i].name));
            return fail_hint(err, "drop the partition field first");
        }
    }
    for (size_t i = 0; i < t->order->fields_n; i++) {
        const struct schema_node *n = schema_node_by_id(t->schema, t->order->fields[i].source_id);
        for (; n && n != node; n = n->parent)
            continue;
        if (n) {
            fail(err, ERR_INVALID, "the table is sorted by column " STR_FMT, STR_ARG(node->name));
            return fail_hint(err, "change the order first: WRITE UNORDERED");
        }
    }
    return true;
}

static bool drop_column(struct alter *t, const struct alter_action *x, struct error *err)
{
    const struct schema_node *node;
    if (!find_column(t, x->column, &node, err))
        return x->if_exists;
    return check_unused(t, node, err) &&
           schema_drop_column(t->schema, node->name, t->a, &t->schema, err);
}

static bool rename_column(struct alter *t, const struct alter_action *x, struct error *err)
{
    const struct schema_node *node;
    if (!find_column(t, x->column, &node, err))
        return false;
    if (!str_eq_nocase(node->field->name, x->text) &&
        is_taken(t, node->parent ? node->parent->name : (str){ 0 }, x->text))
        return fail(err, ERR_EXISTS, "the table " STR_FMT " has a column " STR_FMT " already",
                    STR_ARG(t->statement->table), STR_ARG(x->text));
    return schema_rename_column(t->schema, node->name, x->text, t->a, &t->schema, err);
}

/* Iceberg spec, "Schema Evolution": not where the value of a partition field would be another one afterwards. */
static bool check_partitions(struct alter *t, const struct schema_node *node, const struct type *to,
                             struct error *err)
{
    bool date = node->field->type->kind == TYPE_DATE && to->kind != TYPE_DATE;
    for (size_t i = 0; date && i < t->m->specs_n; i++)
        for (size_t k = 0; k < t->m->specs[i]->fields_n; k++) {
            const struct partition_field *f = &t->m->specs[i]->fields[k];
            if (f->source_id == node->field->id &&
                (f->transform.kind == TRANSFORM_IDENTITY || f->transform.kind == TRANSFORM_BUCKET))
                return fail(err, ERR_INVALID,
                            "column " STR_FMT
                            " cannot go from date to %s: the partition field " STR_FMT
                            " would have other values",
                            STR_ARG(node->name), type_kind_name(to->kind), STR_ARG(f->name));
        }
    return true;
}

static bool change_type(struct alter *t, const struct alter_action *x, struct error *err)
{
    const struct schema_node *node;
    if (!find_column(t, x->column, &node, err))
        return false;
    const struct type *from = node->field->type;
    if (type_is_nested(from) || type_is_nested(x->type)) {
        fail(err, ERR_INVALID, "column " STR_FMT " cannot go from " STR_FMT " to " STR_FMT,
             STR_ARG(node->name), STR_ARG(type_format(from, t->a)),
             STR_ARG(type_format(x->type, t->a)));
        return fail_hint(err,
                         "fields of structs, elements and values are changed one by one, as in "
                         "ALTER COLUMN s.a TYPE BIGINT");
    }
    if (type_equal(from, x->type))
        return true;
    if (!check_partitions(t, node, x->type, err))
        return false;
    if (schema_promote_column(t->schema, node->name, x->type, t->format_version, t->a, &t->schema,
                              err))
        return true;
    if (!err->hint[0])
        fail_hint(err,
                  "int becomes long, float double, decimal(P, S) decimal(P', S) with P' > P; in "
                  "format 3 date also timestamp or timestamp_ns");
    return false;
}

/* s IS NOT NULL AND s.a IS NULL: a field of a struct that is null itself lacks nothing. */
static void add_condition(const struct schema_node *node, struct buf *sql)
{
    const struct schema_node *path[TYPE_DEPTH_MAX + 1];
    size_t n = 0;
    for (const struct schema_node *p = node; p; p = p->parent)
        path[n++] = p;
    for (size_t depth = 1; depth <= n; depth++) {
        buf_add_str(sql, depth > 1 ? STR(" AND t") : STR("t"));
        for (size_t k = 0; k < depth; k++) {
            buf_add_char(sql, '.');
            quote_ident(sql, path[n - 1 - k]->field->name);
        }
        buf_add_str(sql, depth == n ? STR(" IS NULL") : STR(" IS NOT NULL"));
    }
}

static bool first_row(struct alter *t, str query, int64_t snapshot_id, bool *found,
                      struct error *err)
{
    struct run *r = t->r;
    struct bound bound;
    struct result *rows;
    const struct chunk *chunk;
    struct bind_request b = {
        .query = query, .branch = r->req->branch, .access = r->req->access, .cancel = r->req->cancel
    };
    if (!sql_bind(r->lake, r->session, &b, r->a, &bound, err))
        return false;
    if (bound.scans_n != 1 || bound.scans[0].snapshot_id != snapshot_id)
        return fail(err, ERR_CONFLICT, "rows were written meanwhile: run it again");
    if (!session_query(r->session, bound.query, NULL, 0, &rows, err))
        return false;
    bool ok = result_next(rows, &chunk, err);
    *found = ok && chunk && chunk->n;
    result_close(rows);
    return ok;
}

/* Whether rows of a branch (empty: what is current) lack a value in the column; what was looked at is pinned. */
static bool check_rows(struct alter *t, const struct schema_node *node, str branch,
                       int64_t snapshot_id, struct error *err)
{
    struct buf sql = BUF_INIT(1 << 20);
    bool found = false;
    buf_lit(&sql, "SELECT 1 FROM ");
    quote_name(&sql, (const str[]){ ns_to_text(t->ns, t->a), t->name }, 2);
    if (branch.len) {
        buf_lit(&sql, " FOR VERSION AS OF ");
        quote_text(&sql, branch);
    }
    buf_lit(&sql, " AS t WHERE ");
    add_condition(node, &sql);
    buf_lit(&sql, " LIMIT 1");
    bool ok = buf_ok(&sql, "a check of rows", err) &&
              first_row(t, arena_str(t->a, buf_str(&sql)), snapshot_id, &found, err);
    buf_deinit(&sql);
    if (ok && found)
        return fail(err, ERR_INVALID,
                    "column " STR_FMT " cannot be required: rows%s" STR_FMT " have null in it",
                    STR_ARG(node->name), branch.len ? " of the branch " : "", STR_ARG(branch));
    *vec_push(t->a, &t->seen) = require_ref(branch.len ? branch : STR("main"), snapshot_id);
    return ok;
}

/* The specification lets a column become required only where no row can lack it: looked up on every branch of the table.
 * Older snapshots are read by the schemas that they were written with. */
static bool set_not_null(struct alter *t, const struct alter_action *x, struct error *err)
{
    const struct schema_node *node, *was;
    if (!find_column(t, x->column, &node, err))
        return false;
    if (node->field->required)
        return true;
    if (node->in_repeated)
        return fail(err, ERR_UNSUPPORTED,
                    "column " STR_FMT " is inside a list or map: it cannot become required",
                    STR_ARG(node->name));
    was = schema_node_by_id(metadata_schema(t->m), node->field->id);
    if (!was)
        return fail(err, ERR_INVALID, "column " STR_FMT " is new: add it as NOT NULL DEFAULT value",
                    STR_ARG(node->name));
    if (!check_rows(t, was, (str){ 0 }, t->m->current_snapshot_id, err))
        return false;
    for (size_t i = 0; i < t->m->refs_n; i++)
        if (t->m->refs[i].kind == REF_BRANCH && !str_is(t->m->refs[i].name, "main") &&
            !check_rows(t, was, t->m->refs[i].name, t->m->refs[i].snapshot_id, err))
            return false;
    return schema_make_required(t->schema, node->name, t->a, &t->schema, err);
}

static bool set_default(struct alter *t, const struct alter_action *x, struct error *err)
{
    const struct schema_node *node;
    const struct value *value = NULL;
    return find_column(t, x->column, &node, err) &&
           (x->kind == ALTER_DROP_DEFAULT ||
            default_of(t, x->text, node->field->type, &value, err)) &&
           schema_set_write_default(t->schema, node->name, value, t->a, &t->schema, err);
}

static bool change_column(struct alter *t, const struct alter_action *x, struct error *err)
{
    const struct schema_node *node;
    switch (x->kind) {
    case ALTER_ADD_COLUMN:
        return add_column(t, x, err);
    case ALTER_DROP_COLUMN:
        return drop_column(t, x, err);
    case ALTER_RENAME_COLUMN:
        return rename_column(t, x, err);
    case ALTER_TYPE:
        return change_type(t, x, err);
    case ALTER_SET_NOT_NULL:
        return set_not_null(t, x, err);
    case ALTER_SET_DEFAULT:
    case ALTER_DROP_DEFAULT:
        return set_default(t, x, err);
    case ALTER_MOVE_COLUMN:
        return move_to(t, x->column, x->place, x->after, err);
    case ALTER_COMMENT_COLUMN:
        return find_column(t, x->column, &node, err) &&
               schema_set_doc(t->schema, node->name, x->text, t->a, &t->schema, err);
    default:
        return find_column(t, x->column, &node, err) &&
               schema_make_optional(t->schema, node->name, t->a, &t->schema, err);
    }
}

/* The identifier fields by name, without those that go. */
static bool change_identifiers(struct alter *t, const struct alter_action *x, struct error *err)
{
    const struct schema *s = t->schema;
    size_t n = 0, had = s->identifier_ids_n;
    str *names = arena_array(t->a, str, had + x->names_n);
    for (size_t i = 0; x->kind == ALTER_DROP_IDENTIFIERS && i < had; i++)
        names[n++] = schema_name_of(s, s->identifier_ids[i]);
    for (size_t i = 0; i < x->names_n; i++) {
        const struct schema_node *node;
        size_t k = 0;
        if (!find_column(t, x->names[i], &node, err))
            return false;
        while (k < n && !str_eq(names[k], node->name))
            k++;
        if (x->kind == ALTER_SET_IDENTIFIERS && k == n)
            names[n++] = node->name;
        else if (x->kind == ALTER_DROP_IDENTIFIERS && k == n)
            return fail(err, ERR_INVALID, STR_FMT " is no identifier field", STR_ARG(node->name));
        else if (x->kind == ALTER_DROP_IDENTIFIERS)
            names[k] = names[--n];
    }
    return schema_set_identifiers(s, names, n, t->a, &t->schema, err);
}

/* ---- Partition fields and the order ---- */

static bool read_term(struct alter *t, size_t from, size_t to, struct partition_term *out,
                      struct error *err)
{
    size_t i = from;
    if (!partition_term_read(&t->r->lex, &i, t->schema, t->a, out, err))
        return false;
    return i == to || clause_end(t->r, i, err);
}

static bool drop_field(struct alter *t, const struct alter_action *x, struct error *err)
{
    struct partition_term term;
    ptrdiff_t at = x->old_field.len ? partition_spec_find_name(t->spec, x->old_field) : -1;
    if (at < 0) {
        struct error none = { 0 };
        if (!read_term(t, x->old_term, x->old_term_end, &term, x->old_field.len ? &none : err)) {
            if (!x->old_field.len)
                return false;
        } else {
            at = partition_spec_find(t->spec, term.column->field->id, &term.transform);
        }
    }
    if (at < 0 || t->spec->fields[at].transform.kind == TRANSFORM_VOID)
        return fail(err, ERR_NOT_FOUND, "the table " STR_FMT " has no partition field " STR_FMT,
                    STR_ARG(t->statement->table),
                    STR_ARG(lex_span(&t->r->lex, x->old_term, x->old_term_end)));
    t->spec = partition_spec_drop(t->m, t->spec, (size_t)at, t->a);
    return true;
}

static bool change_partition(struct alter *t, const struct alter_action *x, struct error *err)
{
    struct partition_term term;
    if (x->kind != ALTER_ADD_PARTITION && !drop_field(t, x, err))
        return false;
    return x->kind == ALTER_DROP_PARTITION ||
           (read_term(t, x->term, x->term_end, &term, err) &&
            partition_spec_add(t->m, t->spec, term.column, &term.transform, x->text, t->a, &t->spec,
                               err));
}

static void set_property(struct alter *t, str key, str value)
{
    *vec_push(t->a, &t->set) = (struct property){ key, value };
}

static bool change_order(struct alter *t, const struct alter_action *x, struct error *err)
{
    size_t i = x->term;
    struct lex lex = { t->r->lex.at, x->term_end }; /* other changes may follow behind a comma */
    if (x->unordered)
        t->order = &sort_order_none;
    else if (!sort_by_read(&lex, &i, t->schema, t->a, &t->order, err) ||
             (i != x->term_end && !clause_end(t->r, i, err)))
        return false;
    if (x->mode)
        set_property(t, STR(MODE_PROPERTY), str_of(x->mode));
    return true;
}

/* ---- Properties ---- */

/* What engines show among the properties and metadata has elsewhere. */
static bool check_key(str key, struct error *err)
{
    static const char *const reserved[] = { "uuid",
                                            "snapshot-count",
                                            "current-snapshot-id",
                                            "current-snapshot-summary",
                                            "current-snapshot-timestamp-ms",
                                            "current-schema",
                                            "default-partition-spec",
                                            "default-sort-order" };
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (str_is(key, reserved[i]))
            return fail(err, ERR_INVALID, "%s is no property that can be set", reserved[i]);
    return true;
}

static bool set_version(struct alter *t, str text, struct error *err)
{
    int64_t version;
    if (!str_to_i64(text, &version) || version < 1 || version > FORMAT_VERSION_MAX)
        return fail(err, ERR_INVALID, "there is no format version " STR_FMT " (1 to %d)",
                    STR_ARG(text), FORMAT_VERSION_MAX);
    if (version < t->format_version)
        return fail(err, ERR_INVALID, "the table has format version %d, which cannot go back to %d",
                    t->format_version, (int)version);
    t->format_version = (int)version;
    return true;
}

static bool change_properties(struct alter *t, const struct alter_action *x, struct error *err)
{
    for (size_t i = 0; i < x->props.n; i++) {
        const struct write_prop *p = &x->props.at[i];
        if (str_is(p->key, VERSION_PROPERTY) ? !set_version(t, p->value, err)
                                             : !check_key(p->key, err))
            return false;
        if (!str_is(p->key, VERSION_PROPERTY))
            set_property(t, p->key, p->value);
    }
    for (size_t i = 0; i < x->names_n; i++) {
        if (str_is(x->names[i], VERSION_PROPERTY))
            return fail(err, ERR_INVALID, "a table always has a format version");
        *vec_push(t->a, &t->unset) = x->names[i];
    }
    return true;
}

static bool apply(struct alter *t, const struct alter_action *x, struct error *err)
{
    switch (x->kind) {
    case ALTER_SET_IDENTIFIERS:
    case ALTER_DROP_IDENTIFIERS:
        return change_identifiers(t, x, err);
    case ALTER_ADD_PARTITION:
    case ALTER_DROP_PARTITION:
    case ALTER_REPLACE_PARTITION:
        return change_partition(t, x, err);
    case ALTER_ORDER:
        return change_order(t, x, err);
    case ALTER_SET_PROPERTIES:
    case ALTER_UNSET_PROPERTIES:
        return change_properties(t, x, err);
    case ALTER_LOCATION:
        t->location = x->text;
        return true;
    default:
        return change_column(t, x, err);
    }
}

/* ---- The commit ---- */

struct listing {
    struct table_update updates[UPDATES_OF_ALTER_MAX];
    size_t updates_n;
    struct table_requirement *requirements;
    size_t requirements_n;
};

static void update(struct listing *l, struct table_update u)
{
    ASSERT(l->updates_n < UPDATES_OF_ALTER_MAX);
    l->updates[l->updates_n++] = u;
}

static void require(struct listing *l, enum requirement_kind kind, int32_t id)
{
    l->requirements[l->requirements_n++] = (struct table_requirement){ .kind = kind, .id = id };
}

static void list_shapes(struct alter *t, struct listing *l)
{
    const struct metadata *m = t->m;
    if (!schema_same(t->schema, metadata_schema(m))) {
        update_take_schema(l->updates, &l->updates_n, t->schema);
        require(l, REQUIRE_LAST_COLUMN_ID, m->last_column_id);
    }
    if (!partition_spec_compatible(t->spec, metadata_spec(m))) {
        update_take_spec(l->updates, &l->updates_n, t->spec);
        require(l, REQUIRE_LAST_PARTITION_ID, m->last_partition_id);
        require(l, REQUIRE_DEFAULT_SPEC_ID, m->default_spec_id);
    }
    if (!sort_order_same(t->order, metadata_order(m))) {
        update_take_order(l->updates, &l->updates_n, t->order);
        require(l, REQUIRE_DEFAULT_ORDER_ID, m->default_order_id);
    }
}

static void list_properties(struct alter *t, struct listing *l)
{
    struct property *removed = arena_array(t->a, struct property, t->unset.n);
    size_t n = 0;
    if (t->set.n)
        update(l, (struct table_update){ .kind = UPDATE_SET_PROPERTIES,
                                         .properties = { t->set.at, t->set.n } });
    for (size_t i = 0; i < t->unset.n; i++)
        if (property_get(&t->m->properties, arena_cstr(t->a, t->unset.at[i]), (str){ 0 }).ptr)
            removed[n++] = (struct property){ t->unset.at[i], { 0 } };
    if (n)
        update(l, (struct table_update){ .kind = UPDATE_REMOVE_PROPERTIES,
                                         .properties = { removed, n } });
    if (t->location.len)
        update(l, (struct table_update){ .kind = UPDATE_SET_LOCATION, .location = t->location });
}

/* A partition spec or an order is checked against the schema: columns first.  A spec's column may be renamed by the same statement. */
static bool plan(void *ctx, const struct table *table, struct arena *a, struct table_change *out,
                 struct error *err)
{
    struct alter *t = ctx;
    const struct metadata *m = table->metadata;
    struct listing *l = arena_new(a, struct listing);
    t->a = a;
    t->table = table;
    t->m = m;
    t->schema = metadata_schema(m);
    t->spec = metadata_spec(m);
    t->order = metadata_order(m);
    t->last_column_id = m->last_column_id;
    t->format_version = m->format_version;
    t->location = (str){ 0 };
    t->set.n = t->set.cap = t->unset.n = t->unset.cap = t->seen.n = t->seen.cap = 0;
    for (size_t i = 0; i < t->statement->actions.n; i++)
        if (!apply(t, &t->statement->actions.at[i], err))
            return false;
    l->requirements = arena_array(a, struct table_requirement, REQUIREMENTS_MAX + t->seen.n);
    l->requirements[l->requirements_n++] = require_uuid(m->uuid);
    require(l, REQUIRE_CURRENT_SCHEMA_ID, m->current_schema_id);
    for (size_t i = 0; i < t->seen.n; i++)
        l->requirements[l->requirements_n++] = t->seen.at[i];
    if (t->format_version != m->format_version)
        update(l, (struct table_update){ .kind = UPDATE_UPGRADE_FORMAT_VERSION,
                                         .format_version = t->format_version });
    list_shapes(t, l);
    list_properties(t, l);
    *out = (struct table_change){ .ns = table->ns,
                                  .name = table->name,
                                  .requirements = l->requirements,
                                  .requirements_n = l->requirements_n,
                                  .updates = l->updates,
                                  .updates_n = l->updates_n };
    return true;
}

/* ---- Permission ---- */

static bool may(struct alter *t, enum privilege p, struct error *err)
{
    return clause_may(t->r, p, SECURABLE_TABLE, t->ns, t->name, err);
}

static bool may_set(struct alter *t, const struct alter_action *x, struct error *err)
{
    bool version = false, others = false;
    for (size_t i = 0; i < x->props.n; i++) {
        bool is_version = str_is(x->props.at[i].key, VERSION_PROPERTY);
        version = version || is_version;
        others = others || !is_version;
    }
    return (!version || may(t, TABLE_UPGRADE_FORMAT_VERSION, err)) &&
           (!others || may(t, TABLE_SET_PROPERTIES, err));
}

/* As the same updates over Iceberg's REST protocol are asked for. */
static bool may_apply(struct alter *t, const struct alter_action *x, struct error *err)
{
    if (x->kind <= ALTER_LAST_OF_SCHEMA)
        return may(t, TABLE_ADD_SCHEMA, err) && may(t, TABLE_SET_CURRENT_SCHEMA, err) &&
               (x->kind != ALTER_SET_NOT_NULL || may(t, TABLE_READ_DATA, err));
    switch (x->kind) {
    case ALTER_ORDER:
        return may(t, TABLE_ADD_SORT_ORDER, err) && may(t, TABLE_SET_DEFAULT_SORT_ORDER, err) &&
               (!x->mode || may(t, TABLE_SET_PROPERTIES, err));
    case ALTER_SET_PROPERTIES:
        return may_set(t, x, err);
    case ALTER_UNSET_PROPERTIES:
        return may(t, TABLE_REMOVE_PROPERTIES, err);
    case ALTER_LOCATION:
        return may(t, TABLE_SET_LOCATION, err);
    default:
        return may(t, TABLE_ADD_PARTITION_SPEC, err);
    }
}

static bool may_all(struct alter *t, struct error *err)
{
    for (size_t i = 0; i < t->statement->actions.n; i++)
        if (!may_apply(t, &t->statement->actions.at[i], err))
            return false;
    return true;
}

/* ---- Statements ---- */

/* RENAME TO name stays in the namespace, TO ns.name moves. */
static bool rename_table(struct alter *t, struct error *err)
{
    struct run *r = t->r;
    struct commit_info info = clause_commit_info(r);
    str to = t->statement->rename_to, to_ns = t->ns, to_name;
    to_name = ns_from_dotted(to, r->a);
    if (str_find_char(to_name, NS_SEP) >= 0 && !name_split(to, r->a, &to_ns, &to_name, err))
        return false;
    return may(t, TABLE_DROP, err) &&
           clause_may(r, TABLE_CREATE, SECURABLE_NAMESPACE, to_ns, (str){ 0 }, err) &&
           catalog_rename_table(r->lake->catalog, r->req->branch, t->ns, t->name, to_ns, to_name,
                                &info, r->a, &r->out->commit_id, err);
}

static bool change_table(struct alter *t, struct error *err)
{
    struct run *r = t->r;
    struct write_info info = { .commit = clause_commit_info(r), .cancel = r->req->cancel };
    struct write_outcome done;
    if (!may_all(t, err) || !catalog_retry(r->lake->catalog, r->req->branch, t->ns, t->name, plan,
                                           t, &info, r->a, &done, err))
        return false;
    r->out->commit_id = done.commit_id;
    return true;
}

static bool run_statement(struct run *r, const struct alter_statement *s, struct error *err)
{
    struct alter t = { .r = r, .statement = s };
    if (!name_split(s->table, r->a, &t.ns, &t.name, err))
        return false;
    bool ok = s->rename_to.len ? rename_table(&t, err) : change_table(&t, err);
    if (ok || !s->if_exists || err->code != ERR_NOT_FOUND)
        return ok;
    /* A column that is missing is an error with IF EXISTS too. */
    struct error unknown = { 0 };
    bool there = true;
    return catalog_table_exists(r->lake->catalog, r->req->branch, t.ns, t.name, &there, &unknown) &&
           !there;
}

bool run_alter_table(struct run *r, struct error *err)
{
    struct alter_statement s = { 0 };
    size_t i = 2;
    s.if_exists = clause_accept(r, &i, "IF EXISTS");
    if (!clause_table(r, &i, "table", &s.table, err))
        return false;
    if (alter_refs_begins(&r->lex, i))
        return run_alter_refs(r, s.table, i, err);
    return alter_parse(r, i, &s, err) &&
           (!s.rename_to.len || clause_table(r, &s.rename_at, "table", &s.rename_to, err)) &&
           run_statement(r, &s, err);
}

/* COMMENT ON TABLE t IS 'text', COMMENT ON COLUMN t.c IS 'text'; NULL takes it away. */
bool run_comment(struct run *r, struct error *err)
{
    struct alter_statement s = { 0 };
    struct alter_action *x = vec_push(r->a, &s.actions);
    size_t i = 2, n, levels;
    str *parts, text = { 0 };
    bool column = clause_accept(r, &i, "COLUMN");
    if (!column && !clause_accept(r, &i, "TABLE"))
        return clause_expected(r, i, "TABLE or COLUMN", err);
    if (!lex_name(&r->lex, &i, r->a, &parts, &n) || n < 2 + (size_t)column)
        return clause_expected(r, i,
                               column ? "the full name of a column, as ns.t.c,"
                                      : "the full name of a table, as ns.t,",
                               err);
    levels = n - column;
    if (!schema_name_text(r->lake, r->req->branch, parts, levels, r->a, &s.table, err))
        return false;
    if (!clause_accept(r, &i, "IS"))
        return clause_expected(r, i, "IS", err);
    bool none = clause_accept(r, &i, "NULL");
    if ((!none && !clause_text(r, &i, "the text of a comment", &text, err)) ||
        !clause_end(r, i, err))
        return false;
    if (column) {
        *x = (struct alter_action){ .kind = ALTER_COMMENT_COLUMN,
                                    .column = parts[n - 1],
                                    .text = text };
        return run_statement(r, &s, err);
    }
    static const str key = STR_INIT("comment");
    *x = (struct alter_action){ .kind = none ? ALTER_UNSET_PROPERTIES : ALTER_SET_PROPERTIES };
    x->names = &key;
    x->names_n = none;
    if (!none)
        *vec_push(r->a, &x->props) = (struct write_prop){ key, text };
    return run_statement(r, &s, err);
}
