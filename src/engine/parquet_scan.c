/* SPDX-License-Identifier: Apache-2.0
 *
 * Two ways to read a file:
 *
 *   by id      read_parquet([...], schema = MAP {id: {name, type, default_value}, ...}).  Tried with 1.5.6: columns are
 *              found by id whatever their names, missing ones get the default, ints widen to longs, floats to
 *              doubles, decimals to more digits, also inside lists and maps; filters are pushed down.
 *              Fields inside structs are matched by NAME (extra ones dropped, missing ones null), and a
 *              file without ids gives nulls without a word.  A single file is read by one thread only,
 *              and its rows are guessed as none.
 *   rebuilt    the file's own columns by their own names, put together again part by part: struct_pack for
 *              structs, list_transform for lists, entries for maps.  Right for every shape, but filters on
 *              rebuilt structs are not pushed down.
 *
 * The virtual columns file_index and file_row_number count within one read_parquet, so where several are
 * united, the index is looked up in a list. */
#include <unistd.h>

#include "base/env.h"
#include "base/map.h"
#include "engine/avro_data.h"
#include "engine/parquet_finish_priv.h"
#include "engine/parquet_scan_priv.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "engine/session_priv.h"
#include "iceberg/value.h"

#define EXPRESSION_MAX ((size_t)64 << 20)

static const struct scan_names *mapping_of(const struct builder *b, int32_t id)
{
    for (size_t i = 0; i < b->scan->names_n; i++)
        if (b->scan->names[i].field_id == id)
            return &b->scan->names[i];
    return NULL;
}

static bool has_name(const struct builder *b, const struct field *f, str name)
{
    const struct scan_names *m = mapping_of(b, f->id);
    for (size_t i = 0; m && i < m->names_n; i++)
        if (str_eq(m->names[i], name))
            return true;
    return false;
}

/* The part of `parent` that is field f: by its id, or by its mapped names in a file that has no ids.
 * NULL: none. */
static const struct shape *find_part(const struct builder *b, const struct shape *parent,
                                     const struct field *f)
{
    for (size_t i = 0; i < parent->children_n; i++) {
        const struct shape *c = &parent->children[i];
        if (c->id >= 0 ? c->id == f->id : has_name(b, f, c->name))
            return c;
    }
    return NULL;
}

/* Whether reading by id gives what is inside t from `shape`: struct fields must agree in id and name. */
static bool same_names(const struct shape *shape, const struct type *t)
{
    if (t->kind == TYPE_GEOMETRY || t->kind == TYPE_GEOGRAPHY)
        return str_eq(shape->type, SHAPE_GEOMETRY); /* else bytes, to be converted */
    if (t->kind == TYPE_VARIANT)
        return str_eq(shape->type, SHAPE_VARIANT);
    if (!type_is_nested(t) || shape->kind == SHAPE_PLAIN)
        return !type_is_nested(t) == (shape->kind == SHAPE_PLAIN);
    if (t->kind != TYPE_STRUCT) {
        for (size_t i = 0; i < t->fields_n; i++)
            if (i >= shape->children_n || !same_names(&shape->children[i], t->fields[i].type))
                return false;
        return true;
    }
    for (size_t i = 0; i < t->fields_n; i++) {
        const struct field *f = &t->fields[i];
        bool found = false;
        for (size_t k = 0; k < shape->children_n; k++) {
            const struct shape *c = &shape->children[k];
            bool same_id = c->id == f->id, same_name = str_eq_nocase(c->name, f->name);
            if (same_id != same_name || (same_id && !same_names(c, f->type)))
                return false;
            found = found || same_id;
        }
        if (!found && f->initial_default)
            return false; /* the reader would give null */
    }
    return true;
}

static bool readable_by_id(const struct builder *b, const struct shape *shape)
{
    if (!shape_has_ids(shape))
        return false;
    for (size_t i = 0; i < b->fields_n; i++) {
        const struct field *f = &b->fields[i];
        const struct shape *c = find_part(b, shape, f);
        if (c && !same_names(c, f->type))
            return false;
        if (!c && f->initial_default && type_is_nested(f->type))
            return false;
    }
    return true;
}

static bool add_cast_null(struct builder *b, const struct field *f, struct error *err)
{
    struct value null = value_null(f->type->kind);
    return quote_value(b->out, f->type, f->initial_default ? f->initial_default : &null, err);
}

static bool add_part(struct builder *b, const struct shape *from, const struct field *f, str sql,
                     struct error *err);

/* What `add` appends, as a text of its own. */
static bool captured(struct builder *b, const struct shape *from, const struct field *f, str sql,
                     str *out, struct error *err)
{
    struct buf text = BUF_INIT(EXPRESSION_MAX), *outer = b->out;
    b->out = &text;
    bool ok = add_part(b, from, f, sql, err) && buf_ok(&text, "an expression", err);
    b->out = outer;
    *out = arena_str(b->arena, buf_str(&text));
    buf_deinit(&text);
    return ok;
}

static str member_sql(struct builder *b, str of, str name)
{
    struct buf text = BUF_INIT(EXPRESSION_MAX);
    buf_printf(&text, "struct_extract(" STR_FMT ", ", STR_ARG(of));
    quote_text(&text, name);
    buf_add_char(&text, ')');
    str out = arena_str(b->arena, buf_str(&text));
    buf_deinit(&text);
    return out;
}

static bool add_struct(struct builder *b, const struct shape *from, const struct type *t, str sql,
                       struct error *err)
{
    buf_printf(b->out, "CASE WHEN " STR_FMT " IS NULL THEN NULL ELSE struct_pack(", STR_ARG(sql));
    for (size_t i = 0; i < t->fields_n; i++) {
        const struct shape *part = find_part(b, from, &t->fields[i]);
        if (i)
            buf_lit(b->out, ", ");
        quote_ident(b->out, t->fields[i].name);
        buf_lit(b->out, " := ");
        if (part ? !add_part(b, part, &t->fields[i], member_sql(b, sql, part->name), err)
                 : !add_cast_null(b, &t->fields[i], err))
            return false;
    }
    buf_lit(b->out, ") END");
    return true;
}

static bool add_list(struct builder *b, const struct shape *from, const struct type *t, str sql,
                     struct error *err)
{
    str e = arena_printf(b->arena, "e%zu", b->lambdas++), element;
    if (!captured(b, &from->children[0], type_element(t), e, &element, err))
        return false;
    buf_printf(b->out, "list_transform(%.*s, lambda %.*s: %.*s)", STR_ARG(sql), STR_ARG(e),
               STR_ARG(element));
    return true;
}

static bool add_map(struct builder *b, const struct shape *from, const struct type *t, str sql,
                    struct error *err)
{
    str e = arena_printf(b->arena, "e%zu", b->lambdas++), key, value;
    str key_of = arena_printf(b->arena, STR_FMT ".key", STR_ARG(e));
    str value_of = arena_printf(b->arena, STR_FMT ".value", STR_ARG(e));
    if (!captured(b, &from->children[0], type_key(t), key_of, &key, err) ||
        !captured(b, &from->children[1], type_value(t), value_of, &value, err))
        return false;
    buf_printf(b->out,
               "map_from_entries(list_transform(map_entries(%.*s), lambda %.*s: struct_pack(k := "
               "%.*s, v := %.*s)))",
               STR_ARG(sql), STR_ARG(e), STR_ARG(key), STR_ARG(value));
    return true;
}

static bool add_rebuilt(struct builder *b, const struct shape *from, const struct type *t, str sql,
                        struct error *err)
{
    switch (t->kind) {
    case TYPE_STRUCT:
        return add_struct(b, from, t, sql, err);
    case TYPE_LIST:
        return add_list(b, from, t, sql, err);
    case TYPE_MAP:
        return add_map(b, from, t, sql, err);
    case TYPE_GEOMETRY:
    case TYPE_GEOGRAPHY:
        if (str_is(from->type, "BLOB"))
            buf_printf(b->out, "st_geomfromwkb(" STR_FMT ")", STR_ARG(sql));
        else
            buf_add_str(b->out, sql);
        return true;
    default:
        buf_add_str(b->out, sql);
        return true;
    }
}

static bool is_geo(const struct type *t)
{
    return t->kind == TYPE_GEOMETRY || t->kind == TYPE_GEOGRAPHY;
}

static bool kinds_agree(const struct shape *from, const struct type *t)
{
    switch (from->kind) {
    case SHAPE_STRUCT:
        return t->kind == TYPE_STRUCT;
    case SHAPE_LIST:
        return t->kind == TYPE_LIST;
    case SHAPE_MAP:
        return t->kind == TYPE_MAP;
    default:
        return type_is_primitive(t) &&
               (t->kind == TYPE_VARIANT) == str_eq(from->type, SHAPE_VARIANT);
    }
}

/* Field f out of the expression `sql`, of the file's shape, in its current type. */
static bool add_part(struct builder *b, const struct shape *from, const struct field *f, str sql,
                     struct error *err)
{
    if (!kinds_agree(from, f->type))
        return fail(err, ERR_CORRUPT, "column " STR_FMT " is no %s in the file", STR_ARG(f->name),
                    type_kind_name(f->type->kind));
    buf_lit(b->out, "CAST(");
    if (shape_has_ids(from) && same_names(from, f->type) && !is_geo(f->type))
        buf_add_str(b->out, sql);
    else if (!add_rebuilt(b, from, f->type, sql, err))
        return false;
    buf_lit(b->out, " AS ");
    if (!sql_type(b->out, f->type, err))
        return false;
    buf_add_char(b->out, ')');
    return true;
}

static const struct scan_constant *constant_of(const struct scan_file *file, int32_t id)
{
    for (size_t i = 0; i < file->constants_n; i++)
        if (file->constants[i].field_id == id)
            return &file->constants[i];
    return NULL;
}

/* A value per file: [v0, v1, ...][file_index + 1].  False: these files have no constants for it. */
static bool add_constants(struct builder *b, const struct group *g, const struct field *f,
                          bool *added, struct error *err)
{
    *added = false;
    if (!g->shape || find_part(b, g->shape, f) || !type_is_primitive(f->type))
        return true;
    for (size_t i = 0; i < g->files.n; i++) {
        const struct scan_constant *c = constant_of(&b->scan->files[g->files.at[i]], f->id);
        if (!c && !*added)
            return true;
        if (!c)
            return fail(err, ERR_CORRUPT, "files of one shape differ in having column " STR_FMT,
                        STR_ARG(f->name));
        buf_add_str(b->out, *added ? STR(", ") : STR("(["));
        *added = true;
        if (!quote_value(b->out, f->type, c->value, err))
            return false;
    }
    buf_lit(b->out, "])[CAST(file_index AS BIGINT) + 1]");
    return true;
}

/* A column of a rebuilt file. */
static bool add_own_column(struct builder *b, const struct group *g, const struct field *f,
                           struct error *err)
{
    const struct shape *part = find_part(b, g->shape, f);
    if (!part)
        return add_cast_null(b, f, err);
    struct buf name = BUF_INIT(EXPRESSION_MAX);
    quote_ident(&name, part->name);
    bool ok = add_part(b, part, f, buf_str(&name), err);
    buf_deinit(&name);
    return ok;
}

/* Columns of bytes stand in an expression, so that the engine does not look for a filter's value in a file's bloom filter: it hashes the
 * value's text instead of its bytes, and leaves out rows that are there (DuckDB 1.5). */
static bool hides_from_bloom(const struct field *f)
{
    return f->type->kind == TYPE_BINARY || f->type->kind == TYPE_FIXED;
}

static bool add_columns(struct builder *b, const struct group *g, bool by_id, struct error *err)
{
    for (size_t i = 0; i < b->fields_n; i++) {
        bool added;
        buf_add_str(b->out, i ? STR(", ") : STR("SELECT "));
        if (!add_constants(b, g, &b->fields[i], &added, err))
            return false;
        if (!added && !by_id && !add_own_column(b, g, &b->fields[i], err))
            return false;
        if (!added && by_id)
            quote_ident(b->out, b->fields[i].name);
        if (!added && hides_from_bloom(&b->fields[i]))
            buf_lit(b->out, " || ''::BLOB");
        buf_lit(b->out, " AS ");
        quote_ident(b->out, b->fields[i].name);
    }
    return true;
}

void add_positions(struct builder *b, const struct group *g, const char *file, const char *row)
{
    size_t first = g->files.at[0];
    bool run = g->files.at[g->files.n - 1] == first + g->files.n - 1;
    if (!b->scan->positions)
        return;
    if (run) {
        buf_printf(b->out, ", CAST(%s + %zu AS UBIGINT) AS file_index", file, first);
    } else {
        for (size_t i = 0; i < g->files.n; i++)
            buf_printf(b->out, "%s%zu", i ? ", " : ", CAST(([", g->files.at[i]);
        buf_printf(b->out, "])[CAST(%s AS BIGINT) + 1] AS UBIGINT) AS file_index", file);
    }
    buf_printf(b->out, ", %s AS file_row_number", row);
}

/* {name: 'a', type: 'BIGINT', default_value: NULL} */
static bool add_map_entry(struct builder *b, const struct field *f, struct error *err)
{
    struct buf type = BUF_INIT(EXPRESSION_MAX);
    bool ok = sql_type(&type, f->type, err);
    buf_printf(b->out, "%d: {'name': ", f->id);
    quote_text(b->out, f->name);
    buf_lit(b->out, ", 'type': ");
    quote_text(b->out, buf_str(&type));
    buf_lit(b->out, ", 'default_value': ");
    buf_deinit(&type);
    if (!ok)
        return fail_in(err, "column " STR_FMT, STR_ARG(f->name));
    if (!f->initial_default || f->initial_default->is_null) {
        buf_lit(b->out, "NULL}");
        return true;
    }
    buf_lit(b->out, "CAST(");
    ok = quote_value(b->out, f->type, f->initial_default, err);
    buf_lit(b->out, " AS VARCHAR)}");
    return ok;
}

/* Of one file the reader knows the rows itself, of several it guesses. */
static void add_cardinality(struct builder *b, const struct group *g)
{
    int64_t rows = 0;
    for (size_t i = 0; i < g->files.n; i++) {
        int64_t own = b->scan->files[g->files.at[i]].rows;
        if (own <= 0 || own > INT64_MAX / 2 - rows)
            return;
        rows += own;
    }
    buf_printf(b->out, ", explicit_cardinality = %lld", (long long)rows);
}

static void drop_copy(void *path)
{
    unlink(path);
}

/* The engine keeps microseconds only of a timestamp with zone: what has more is read from a copy that says it has no zone, and which
 * goes with the session. */
static bool copy_nanoseconds(struct builder *b, str *path, struct error *err)
{
    struct arena *of_session = session_arena(b->s);
    if (!session_temp_directory(b->s))
        return fail(err, ERR_UNSUPPORTED,
                    "timestamps with zone in nanoseconds need a directory for temporary files");
    str copy = arena_printf(of_session, "%s/firn-ns-%016llx.parquet", session_temp_directory(b->s),
                            (unsigned long long)env_random_u64(env_real()));
    if (!parquet_copy_plain_times(arena_cstr(b->arena, *path), copy.ptr, err))
        return false;
    arena_defer(of_session, drop_copy, (void *)(uintptr_t)copy.ptr);
    *path = copy;
    return true;
}

static bool add_source(struct builder *b, const struct group *g, bool by_id, struct error *err)
{
    str *paths = arena_array(b->arena, str, g->files.n);
    bool copied = g->shape && shape_holds(g->shape, SHAPE_TIMESTAMPTZ_NS);
    for (size_t i = 0; i < g->files.n; i++) {
        paths[i] = b->scan->files[g->files.at[i]].path;
        if (copied && !copy_nanoseconds(b, &paths[i], err))
            return false;
    }
    buf_lit(b->out, " FROM read_parquet(");
    quote_paths(b->out, paths, g->files.n);
    buf_lit(b->out, ", hive_partitioning = false");
    if (g->files.n > 1)
        add_cardinality(b, g);
    for (size_t i = 0; by_id && i < b->fields_n; i++) {
        buf_add_str(b->out, i ? STR(", ") : STR(", schema = MAP {"));
        if (!add_map_entry(b, &b->fields[i], err))
            return false;
    }
    buf_add_str(b->out, by_id ? STR("})") : STR(")"));
    return true;
}

/* The group's files as they are, all rows. */
static bool add_read(struct builder *b, const struct group *g, bool wrapped, struct error *err)
{
    bool by_id = g->files.n > 1 && (!g->shape || readable_by_id(b, g->shape));
    if (!add_columns(b, g, by_id, err))
        return false;
    if (wrapped)
        buf_lit(b->out, ", file_index AS " INNER_FILE ", file_row_number AS " INNER_ROW);
    else
        add_positions(b, g, "file_index", "file_row_number");
    return add_source(b, g, by_id, err);
}

static bool add_group(struct builder *b, const struct group *g, struct error *err)
{
    b->fields = b->scan->schema->fields;
    b->fields_n = b->scan->schema->fields_n;
    if (!group_is_wrapped(b, g))
        return add_read(b, g, false, err);
    group_fields(b, g);
    return add_wrap_begin(b, g, err) && add_read(b, g, true, err) && add_wrap_end(b, g, err);
}

static bool add_empty(struct builder *b, struct error *err)
{
    const struct schema *schema = b->scan->schema;
    for (size_t i = 0; i < schema->fields_n; i++) {
        buf_add_str(b->out, i ? STR(", CAST(NULL AS ") : STR("SELECT CAST(NULL AS "));
        if (!sql_type(b->out, schema->fields[i].type, err))
            return fail_in(err, "column " STR_FMT, STR_ARG(schema->fields[i].name));
        buf_lit(b->out, ") AS ");
        quote_ident(b->out, schema->fields[i].name);
    }
    add_empty_metadata(b);
    if (b->scan->positions)
        buf_lit(b->out,
                ", CAST(NULL AS UBIGINT) AS file_index, CAST(NULL AS BIGINT) AS file_row_number");
    buf_lit(b->out, " WHERE false");
    return true;
}

static bool has_struct(const struct type *t)
{
    if (t->kind == TYPE_STRUCT)
        return true;
    for (size_t i = 0; type_is_nested(t) && i < t->fields_n; i++)
        if (has_struct(t->fields[i].type))
            return true;
    return false;
}

/* Types that the engine reads right only when it is told what the footer says. */
static bool has_marked(const struct type *t)
{
    if (t->kind == TYPE_VARIANT || is_geo(t) || t->kind == TYPE_TIMESTAMPTZ_NS)
        return true;
    for (size_t i = 0; type_is_nested(t) && i < t->fields_n; i++)
        if (has_marked(t->fields[i].type))
            return true;
    return false;
}

static bool wants_marks(const struct parquet_scan *scan)
{
    for (size_t i = 0; i < scan->dropped_n; i++)
        if (has_marked(scan->dropped[i].type))
            return true;
    for (size_t i = 0; i < scan->schema->fields_n; i++)
        if (has_marked(scan->schema->fields[i].type))
            return true;
    return false;
}

static bool must_look(const struct parquet_scan *scan)
{
    if (scan->names || wants_marks(scan))
        return true;
    for (size_t i = 0; i < scan->files_n; i++)
        if (scan->files[i].constants_n)
            return true;
    for (size_t i = 0; i < scan->dropped_n; i++)
        if (has_struct(scan->dropped[i].type))
            return true;
    for (size_t i = 0; !scan->same_names && i < scan->schema->fields_n; i++)
        if (has_struct(scan->schema->fields[i].type))
            return true;
    return false;
}

struct groups {
    VEC(struct group) list;
};

/* Which constants a file has is part of its shape. */
static str sign(const struct builder *b, const struct shape *shape, const struct scan_file *file)
{
    struct buf text = BUF_INIT(EXPRESSION_MAX);
    shape_sign(shape, &text);
    for (size_t i = 0; i < file->constants_n; i++)
        buf_printf(&text, "=%d", file->constants[i].field_id);
    str out = arena_str(b->arena, buf_str(&text));
    buf_deinit(&text);
    return out;
}

/* Files of one class of deletes, told apart by their footers. */
static bool group_by_shape(const struct builder *b, const struct group *all, struct groups *groups,
                           struct error *err)
{
    const struct parquet_scan *scan = b->scan;
    size_t n = all->files.n;
    str *paths = arena_array(b->arena, str, n);
    struct shape *shapes;
    struct map by_sign;
    for (size_t i = 0; i < n; i++)
        paths[i] = scan->files[all->files.at[i]].path;
    if (!shapes_read_marked(b->s, paths, n, wants_marks(scan), b->arena, &shapes, err))
        return false;
    map_init(&by_sign, b->arena);
    for (size_t i = 0; i < n; i++) {
        str key = sign(b, &shapes[i], &scan->files[all->files.at[i]]);
        size_t at = (size_t)(uintptr_t)map_get(&by_sign, key);
        if (!at) {
            *vec_push(b->arena, &groups->list) =
                (struct group){ .shape = &shapes[i], .deletes = all->deletes };
            at = groups->list.n;
            map_put(&by_sign, key, (void *)(uintptr_t)at);
        }
        *vec_push(b->arena, &groups->list.at[at - 1].files) = all->files.at[i];
    }
    return true;
}

static enum deletes_class class_of(const struct scan_file *f)
{
    return f->equality ? DELETES_EQUALITY : f->deleted ? DELETES_POSITIONS : DELETES_NONE;
}

static bool make_groups(const struct builder *b, struct groups *groups, struct error *err)
{
    struct group classes[DELETES_CLASSES] = { 0 };
    bool look = must_look(b->scan);
    for (size_t i = 0; i < b->scan->files_n; i++)
        *vec_push(b->arena, &classes[class_of(&b->scan->files[i])].files) = i;
    for (size_t c = 0; c < DELETES_CLASSES; c++) {
        classes[c].deletes = (enum deletes_class)c;
        if (classes[c].files.n > 1 && !look)
            *vec_push(b->arena, &groups->list) = classes[c];
        else if (classes[c].files.n && !group_by_shape(b, &classes[c], groups, err))
            return false;
    }
    return true;
}

/* Names that the text of a scan uses itself. */
static bool is_taken(const struct parquet_scan *scan, str name)
{
    if (scan->positions &&
        (str_eq_nocase(name, STR("file_index")) || str_eq_nocase(name, STR("file_row_number"))))
        return true;
    if (!str_starts_nocase(name, STR("firn_")))
        return false;
    for (size_t i = 0; i < scan->files_n; i++)
        if (class_of(&scan->files[i]) != DELETES_NONE)
            return true;
    return scan->metadata != 0;
}

static bool check_names(const struct parquet_scan *scan, struct error *err)
{
    for (size_t i = 0; i < scan->schema->fields_n; i++) {
        str name = scan->schema->fields[i].name;
        if (is_taken(scan, name))
            return fail(err, ERR_UNSUPPORTED,
                        "a table with a column " STR_FMT " has no positions and no deletes",
                        STR_ARG(name));
    }
    return scan->files_n <= SCAN_FILES_MAX ||
           fail(err, ERR_LIMIT, "%zu files are more than one scan takes (%d)", scan->files_n,
                SCAN_FILES_MAX);
}

static bool build_sql(struct builder *b, struct error *err)
{
    struct groups groups = { 0 };
    if (!check_names(b->scan, err))
        return false;
    if (!b->scan->files_n)
        return add_empty(b, err);
    if (!make_groups(b, &groups, err))
        return false;
    for (size_t i = 0; i < groups.list.n; i++) {
        if (i)
            buf_lit(b->out, " UNION ALL ");
        if (!add_group(b, &groups.list.at[i], err))
            return false;
    }
    return buf_ok(b->out, "a scan", err);
}

/* Avro files as Parquet files of this session. */
static bool convert_avro(struct session *s, const struct parquet_scan *scan, struct arena *a,
                         struct parquet_scan *out, struct error *err)
{
    size_t avro = 0;
    *out = *scan;
    for (size_t i = 0; i < scan->files_n; i++)
        avro += scan->files[i].avro;
    if (!avro)
        return true;
    struct scan_file *files = arena_array(a, struct scan_file, scan->files_n);
    for (size_t i = 0; i < scan->files_n; i++) {
        files[i] = scan->files[i];
        if (files[i].avro && !avro_to_parquet(s, scan->files[i].path, &files[i].path, err))
            return false;
    }
    out->files = files;
    return true;
}

bool parquet_scan_build(struct session *s, const struct parquet_scan *scan, struct arena *a,
                        struct buf *out, struct error *err)
{
    ASSERT(scan->schema->fields_n);
    struct parquet_scan plain;
    struct builder b = { .s = s, .scan = &plain, .arena = a, .out = out };
    return convert_avro(s, scan, a, &plain, err) && build_sql(&b, err);
}

bool parquet_scan_sql(struct session *s, const struct parquet_scan *scan, struct buf *out,
                      struct error *err)
{
    struct arena *a = arena_create(0);
    bool ok = parquet_scan_build(s, scan, a, out, err);
    arena_destroy(a);
    return ok;
}

static int32_t max_id(const struct shape *shape)
{
    int32_t max = shape->id;
    for (size_t i = 0; i < shape->children_n; i++) {
        int32_t inside = max_id(&shape->children[i]);
        max = inside > max ? inside : max;
    }
    return max;
}

/* The engine's type with the file's ids; the two trees agree, since both come from the footer. */
static const struct type *with_ids(const struct type *t, const struct shape *shape, int32_t *next,
                                   struct arena *a)
{
    if (!type_is_nested(t))
        return t;
    struct type *copy = arena_new(a, struct type);
    struct field *fields = arena_array(a, struct field, t->fields_n);
    *copy = *t;
    copy->fields = fields;
    for (size_t i = 0; i < t->fields_n; i++) {
        static const struct shape none = { .id = -1 };
        const struct shape *c = i < shape->children_n ? &shape->children[i] : &none;
        fields[i] = t->fields[i];
        fields[i].id = c->id >= 0 ? c->id : ++*next;
        fields[i].type = with_ids(t->fields[i].type, c, next, a);
    }
    return copy;
}

bool parquet_schema_read(struct session *s, str path, struct arena *a, const struct schema **out,
                         bool *has_ids, struct error *err)
{
    struct buf sql = BUF_INIT(EXPRESSION_MAX);
    struct shape *shape;
    struct result_column *columns;
    const struct schema *plain;
    size_t n;
    buf_lit(&sql, "SELECT * FROM read_parquet(");
    quote_paths(&sql, &path, 1);
    buf_lit(&sql, ", hive_partitioning = false)");
    bool ok = shapes_read(s, &path, 1, a, &shape, err) &&
              session_describe(s, buf_str(&sql), a, &columns, &n, err) &&
              columns_schema(columns, n, a, &plain, err);
    buf_deinit(&sql);
    if (!ok)
        return fail_in(err, STR_FMT, STR_ARG(path));
    int32_t next = max_id(shape) < 0 ? 0 : max_id(shape);
    const struct type *t = with_ids(plain->type, shape, &next, a);
    *has_ids = shape_has_ids(shape);
    return schema_build(0, t->fields, t->fields_n, NULL, 0, a, out, err);
}
