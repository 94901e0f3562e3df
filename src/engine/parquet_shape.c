/* SPDX-License-Identifier: Apache-2.0
 *
 * Footers through parquet_schema(): one row per schema element, depth first.  Lists and maps have levels
 * in between that carry no field (Parquet format, LogicalTypes.md, "Lists", "Maps", with its rules for
 * old writers); they are taken out here. */
#include "engine/parquet_shape_priv.h"

#include "base/map.h"
#include "base/vec.h"
#include "codec/parquet_footer.h"
#include "engine/parquet_finish_priv.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "iceberg/type.h"

#define PATHS_PER_QUERY 1000
#define SHAPE_SQL_MAX ((size_t)256 << 20)
#define ELEMENTS_MAX 1000000 /* of one file's schema */

/* An element as the footer has it. */
struct element {
    str name, repetition, kind, type;
    int64_t children_n;
    int32_t id;
    bool variant; /* marked as one */
};

struct elements {
    const struct element *at;
    size_t n, next;
    int depth;
    struct arena *arena;
};

void quote_paths(struct buf *out, const str *paths, size_t n)
{
    struct buf pattern = BUF_INIT(1 << 20);
    buf_add_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        buf_clear(&pattern);
        for (size_t k = 0; k < paths[i].len; k++) {
            char c = paths[i].ptr[k];
            bool special = c == '*' || c == '?' || c == '[';
            if (special)
                buf_add_char(&pattern, '[');
            buf_add_char(&pattern, c);
            if (special)
                buf_add_char(&pattern, ']');
        }
        if (i)
            buf_lit(out, ", ");
        quote_text(out, buf_str(&pattern));
    }
    buf_add_char(out, ']');
    buf_deinit(&pattern);
}

static bool damaged(struct error *err)
{
    return fail(err, ERR_CORRUPT, "the schema in the footer is damaged");
}

static bool build(struct elements *e, struct shape *out, struct error *err);

static bool build_children(struct elements *e, int64_t n, struct shape *out, struct error *err)
{
    if (n < 0 || (uint64_t)n > e->n - e->next)
        return damaged(err);
    out->children_n = (size_t)n;
    out->children = arena_array(e->arena, struct shape, out->children_n);
    for (size_t i = 0; i < out->children_n; i++)
        if (!build(e, &out->children[i], err))
            return false;
    return true;
}

/* Whether the repeated level of a list is its element itself, by the rules for old writers. */
static bool is_old_element(const struct element *list, const struct element *repeated,
                           struct arena *a)
{
    return repeated->children_n != 1 || str_is(repeated->name, "array") ||
           str_eq(repeated->name, arena_printf(a, STR_FMT "_tuple", STR_ARG(list->name)));
}

static bool build_list(struct elements *e, const struct element *list, struct shape *out,
                       struct error *err)
{
    if (list->children_n != 1 || e->next == e->n)
        return damaged(err);
    if (!is_old_element(list, &e->at[e->next], e->arena))
        e->next++; /* the level in between */
    return build_children(e, 1, out, err);
}

static bool build_map(struct elements *e, const struct element *map, struct shape *out,
                      struct error *err)
{
    if (map->children_n != 1 || e->next == e->n || e->at[e->next].children_n != 2)
        return damaged(err);
    e->next++;
    return build_children(e, 2, out, err);
}

static bool build_inside(struct elements *e, const struct element *from, struct shape *out,
                         struct error *err)
{
    bool is_list = str_is(from->kind, "LIST");
    bool is_map = str_is(from->kind, "MAP") || str_is(from->kind, "MAP_KEY_VALUE");
    out->kind = is_list ? SHAPE_LIST : is_map ? SHAPE_MAP : SHAPE_STRUCT;
    return is_list  ? build_list(e, from, out, err)
           : is_map ? build_map(e, from, out, err)
                    : build_children(e, from->children_n, out, err);
}

/* Steps over a variant's columns. */
static bool pass_variant(struct elements *e, int64_t n, struct error *err)
{
    for (; n > 0; n--) {
        if (e->next == e->n || e->at[e->next].children_n < 0)
            return damaged(err);
        n += e->at[e->next++].children_n;
    }
    return true;
}

static bool build(struct elements *e, struct shape *out, struct error *err)
{
    if (e->next == e->n || e->depth > 2 * TYPE_DEPTH_MAX)
        return damaged(err);
    const struct element *from = &e->at[e->next++];
    *out = (struct shape){ .name = from->name, .id = from->id, .type = from->type };
    if (from->variant)
        return pass_variant(e, from->children_n, err);
    if (!from->children_n && !str_is(from->kind, "LIST"))
        return true;
    e->depth++;
    bool ok = build_inside(e, from, out, err);
    e->depth--;
    return ok;
}

/* Elements of the files of one query, told apart by their path. */
struct footer {
    VEC(struct element) elements;
};

static str text_at(const struct chunk *c, size_t column, size_t row, struct arena *a)
{
    return column_valid(&c->columns[column], row)
               ? arena_str(a, column_str(&c->columns[column], row))
               : (str){ 0 };
}

static int64_t number_at(const struct chunk *c, size_t column, size_t row, int64_t none)
{
    return column_valid(&c->columns[column], row) ? column_i64(&c->columns[column], row) : none;
}

static bool read_rows(struct result *r, const struct map *footers, struct arena *a,
                      struct error *err)
{
    const struct chunk *c;
    while (true) {
        if (!result_next(r, &c, err))
            return false;
        if (!c)
            return true;
        for (size_t i = 0; i < c->n; i++) {
            struct footer *f = map_get(footers, column_str(&c->columns[0], i));
            if (!f || f->elements.n == ELEMENTS_MAX)
                return fail(err, ERR_CORRUPT, "a footer with too many columns");
            *vec_push(a, &f->elements) = (struct element){
                .name = text_at(c, 1, i, a),
                .repetition = text_at(c, 2, i, a),
                .kind = text_at(c, 4, i, a),
                .type = text_at(c, 6, i, a),
                .children_n = number_at(c, 3, i, 0),
                .id = (int32_t)number_at(c, 5, i, -1),
            };
        }
    }
}

static bool read_footers(struct session *s, const str *paths, size_t n, const struct map *footers,
                         struct arena *a, struct error *err)
{
    struct buf sql = BUF_INIT(SHAPE_SQL_MAX);
    struct result *r = NULL;
    buf_lit(&sql,
            "SELECT file_name, name, repetition_type, num_children, converted_type, field_id, "
            "duckdb_type FROM parquet_schema(");
    quote_paths(&sql, paths, n);
    buf_add_char(&sql, ')');
    bool ok = buf_ok(&sql, "a list of files", err) &&
              session_query(s, buf_str(&sql), NULL, 0, &r, err) && read_rows(r, footers, a, err);
    result_close(r);
    buf_deinit(&sql);
    return ok;
}

/* What the footer marks them as; its elements are those that the engine shows, in order. */
static bool read_marks(str path, struct footer *f, struct arena *a, struct error *err)
{
    struct parquet_element *e;
    size_t n;
    if (!parquet_elements(arena_cstr(a, path), a, &e, &n, err))
        return false;
    if (n != f->elements.n)
        return damaged(err);
    for (size_t i = 0; i < n; i++) {
        struct element *to = &f->elements.at[i];
        to->variant = e[i].logical == PARQUET_VARIANT && e[i].type < 0;
        if (to->variant)
            to->type = SHAPE_VARIANT;
        else if (e[i].logical == PARQUET_GEOMETRY || e[i].logical == PARQUET_GEOGRAPHY)
            to->type = SHAPE_GEOMETRY;
        else if (e[i].logical == PARQUET_TIMESTAMP && e[i].utc && e[i].unit == PARQUET_NANOS)
            to->type = SHAPE_TIMESTAMPTZ_NS;
    }
    return true;
}

static bool read_some(struct session *s, const str *paths, size_t n, bool marks, struct arena *a,
                      struct shape *out, struct error *err)
{
    struct map footers;
    map_init(&footers, a);
    for (size_t i = 0; i < n; i++)
        map_add(&footers, paths[i], arena_new(a, struct footer));
    if (!read_footers(s, paths, n, &footers, a, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct footer *f = map_get(&footers, paths[i]);
        if (marks && !read_marks(paths[i], f, a, err))
            return fail_in(err, STR_FMT, STR_ARG(paths[i]));
        struct elements e = { .at = f->elements.at, .n = f->elements.n, .arena = a };
        if (!build(&e, &out[i], err))
            return fail_in(err, STR_FMT, STR_ARG(paths[i]));
        out[i].kind = SHAPE_STRUCT;
    }
    return true;
}

bool shapes_read(struct session *s, const str *paths, size_t n, struct arena *a, struct shape **out,
                 struct error *err)
{
    return shapes_read_marked(s, paths, n, false, a, out, err);
}

bool shapes_read_marked(struct session *s, const str *paths, size_t n, bool marks, struct arena *a,
                        struct shape **out, struct error *err)
{
    *out = arena_array(a, struct shape, n);
    for (size_t i = 0; i < n; i += PATHS_PER_QUERY) {
        size_t some = n - i < PATHS_PER_QUERY ? n - i : PATHS_PER_QUERY;
        if (!read_some(s, paths + i, some, marks, a, *out + i, err))
            return fail_in(err, "read the footers of %zu files", some);
    }
    return true;
}

void shape_sign(const struct shape *shape, struct buf *out)
{
    buf_printf(out, "%d:%d:%zu:", (int)shape->kind, shape->id, shape->name.len);
    buf_add_str(out, shape->name);
    buf_add_char(out, ':');
    buf_add_str(out, shape->type);
    buf_add_char(out, '(');
    for (size_t i = 0; i < shape->children_n; i++)
        shape_sign(&shape->children[i], out);
    buf_add_char(out, ')');
}

bool shape_has_ids(const struct shape *shape)
{
    for (size_t i = 0; i < shape->children_n; i++)
        if (shape->children[i].id < 0 || !shape_has_ids(&shape->children[i]))
            return false;
    return true;
}

bool shape_holds(const struct shape *shape, str type)
{
    if (shape->kind == SHAPE_PLAIN && str_eq(shape->type, type))
        return true;
    for (size_t i = 0; i < shape->children_n; i++)
        if (shape_holds(&shape->children[i], type))
            return true;
    return false;
}
