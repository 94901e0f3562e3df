/* SPDX-License-Identifier: Apache-2.0 */
#include "features/registry.h"

#include "base/time.h"
#include "base/vec.h"
#include "codec/json.h"
#include "iceberg/type.h"
#include "io/db.h"

#define NAMES_SHOWN 20 /* in a message */
#define BODY_MAX ((size_t)16 << 20)

static const struct migration migrations[] = {
    { 1, "registry",
      "CREATE TABLE feature_objects (kind INTEGER NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,"
      " body TEXT NOT NULL, created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL,"
      " PRIMARY KEY (kind, name));"
      "CREATE TABLE feature_versions (kind INTEGER NOT NULL, name TEXT NOT NULL,"
      " version INTEGER NOT NULL, body TEXT NOT NULL, time_us INTEGER NOT NULL);"
      "CREATE TABLE feature_materializations (name TEXT NOT NULL, version INTEGER NOT NULL,"
      " snapshot_id INTEGER NOT NULL, rows INTEGER NOT NULL, wall_us INTEGER NOT NULL,"
      " time_us INTEGER NOT NULL);" },
};

bool registry_migrate(struct db *db, struct error *err)
{
    return db_migrate(db, "features", migrations, sizeof migrations / sizeof *migrations, err);
}

/* ---- Bodies: written */

static struct json_writer *body_begin(struct json_writer *w, struct buf *out,
                                      const struct feature_head *h)
{
    buf_init(out, BODY_MAX);
    jw_init(w, out);
    jw_begin_object(w);
    jw_kv_str(w, "name", h->name);
    jw_kv_str(w, "description", h->description);
    return w;
}

static str body_end(struct json_writer *w, const struct feature_head *h, struct arena *a)
{
    jw_kv_object(w, "tags");
    for (size_t i = 0; i < h->tags_n; i++) {
        jw_key(w, h->tags[i].key);
        jw_str(w, h->tags[i].value);
    }
    jw_end_object(w);
    jw_end_object(w);
    str body = w->out->overflow ? (str){ 0 } : arena_str(a, buf_str(w->out));
    buf_deinit(w->out);
    return body;
}

static void write_strs(struct json_writer *w, const char *key, const str *s, size_t n)
{
    jw_kv_array(w, key);
    for (size_t i = 0; i < n; i++)
        jw_str(w, s[i]);
    jw_end_array(w);
}

str entity_body(const struct feature_entity *e, struct arena *a)
{
    struct json_writer w;
    struct buf out;
    body_begin(&w, &out, &e->head);
    write_strs(&w, "join_keys", e->join_keys, e->join_keys_n);
    return body_end(&w, &e->head, a);
}

str service_body(const struct feature_service *s, struct arena *a)
{
    struct json_writer w;
    struct buf out;
    body_begin(&w, &out, &s->head);
    write_strs(&w, "features", s->refs, s->refs_n);
    return body_end(&w, &s->head, a);
}

static void write_type(struct json_writer *w, const struct type *t)
{
    jw_key(w, STR("type"));
    type_write(t, w);
}

str view_body(const struct feature_view *v, struct arena *a)
{
    struct json_writer w;
    struct buf out;
    char ttl[TIME_TEXT_MAX];
    body_begin(&w, &out, &v->head);
    write_strs(&w, "entities", v->entities, v->entities_n);
    jw_kv_str(&w, "ttl", str_make(ttl, time_format_duration(v->ttl_us, ttl)));
    jw_kv_bool(&w, "online", v->online);
    jw_kv_object(&w, "source");
    jw_kv_str(&w, "table", v->table);
    jw_kv_str(&w, "timestamp_field", v->timestamp_field);
    if (v->created_column.len)
        jw_kv_str(&w, "created_timestamp_column", v->created_column);
    jw_end_object(&w);
    jw_kv_array(&w, "join_keys");
    for (size_t i = 0; i < v->keys_n; i++) {
        jw_begin_object(&w);
        jw_kv_str(&w, "name", v->keys[i].name);
        write_type(&w, v->keys[i].type);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    jw_kv_array(&w, "schema");
    for (size_t i = 0; i < v->columns_n; i++) {
        const struct feature_column *c = &v->columns[i];
        jw_begin_object(&w);
        jw_kv_str(&w, "name", c->name);
        jw_kv_str(&w, "dtype", str_of(dtype_name(c->dtype)));
        write_type(&w, c->type);
        jw_kv_int(&w, "field_id", c->field_id);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    return body_end(&w, &v->head, a);
}

/* ---- Bodies: read */

static bool read_strs(const struct json *j, const char *key, struct arena *a, const str **out,
                      size_t *n, struct error *err)
{
    const struct json *list;
    if (!json_need_array(j, key, &list, err))
        return false;
    str *s = arena_array(a, str, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        if (list->array.items[i].kind != JSON_STR)
            return fail(err, ERR_CORRUPT, "%s[%zu] is no string", key, i);
        s[i] = list->array.items[i].s;
    }
    *out = s;
    *n = list->array.n;
    return true;
}

static bool read_type(const struct json *j, struct arena *a, const struct type **out,
                      struct error *err)
{
    const struct json *type;
    return json_need(j, "type", &type, err) && type_parse(type, a, out, err);
}

static bool read_tags(const struct json *j, struct arena *a, struct feature_head *h,
                      struct error *err)
{
    const struct json *tags;
    if (!json_need_obj(j, "tags", &tags, err))
        return false;
    struct feature_tag *t = arena_array(a, struct feature_tag, tags->object.n);
    for (size_t i = 0; i < tags->object.n; i++) {
        t[i].key = tags->object.members[i].key;
        if (!json_need_str(tags, arena_cstr(a, t[i].key), &t[i].value, err))
            return false;
    }
    h->tags = t;
    h->tags_n = tags->object.n;
    return true;
}

static bool read_key(const struct json *j, struct arena *a, struct feature_key *k,
                     struct error *err)
{
    return json_need_str(j, "name", &k->name, err) && read_type(j, a, &k->type, err);
}

static bool read_column(const struct json *j, struct arena *a, struct feature_column *c,
                        struct error *err)
{
    str word;
    if (!json_need_str(j, "name", &c->name, err) || !json_need_str(j, "dtype", &word, err) ||
        !json_need_i32(j, "field_id", &c->field_id, err) || !read_type(j, a, &c->type, err))
        return false;
    return dtype_parse(word, &c->dtype) ||
           fail(err, ERR_CORRUPT, "dtype " STR_FMT " is not known", STR_ARG(word));
}

static bool read_columns(const struct json *j, struct arena *a, struct feature_view *v,
                         struct error *err)
{
    const struct json *keys, *columns;
    if (!json_need_array(j, "join_keys", &keys, err) ||
        !json_need_array(j, "schema", &columns, err))
        return false;
    struct feature_key *k = arena_array(a, struct feature_key, keys->array.n);
    struct feature_column *c = arena_array(a, struct feature_column, columns->array.n);
    v->keys = k;
    v->columns = c;
    for (v->keys_n = 0; v->keys_n < keys->array.n; v->keys_n++)
        if (!read_key(&keys->array.items[v->keys_n], a, &k[v->keys_n], err))
            return false;
    for (; v->columns_n < columns->array.n; v->columns_n++)
        if (!read_column(&columns->array.items[v->columns_n], a, &c[v->columns_n], err))
            return false;
    return true;
}

static bool read_view(const struct json *j, struct arena *a, struct feature_view *v,
                      struct error *err)
{
    const struct json *source;
    str ttl;
    if (!read_strs(j, "entities", a, &v->entities, &v->entities_n, err) ||
        !json_need_str(j, "ttl", &ttl, err) || !json_need_bool(j, "online", &v->online, err) ||
        !json_need_obj(j, "source", &source, err) ||
        !json_need_str(source, "table", &v->table, err) ||
        !json_need_str(source, "timestamp_field", &v->timestamp_field, err) ||
        !json_opt_str(source, "created_timestamp_column", (str){ 0 }, &v->created_column, err))
        return false;
    if (!time_parse_duration(ttl, &v->ttl_us))
        return fail(err, ERR_CORRUPT, "ttl " STR_FMT, STR_ARG(ttl));
    return read_columns(j, a, v, err);
}

static bool read_object(struct feature_head *h, struct arena *a, struct error *err)
{
    struct json *j;
    if (!json_parse(h->body, a, &j, err) ||
        !json_need_str(j, "description", &h->description, err) || !read_tags(j, a, h, err))
        return false;
    if (h->kind == FEATURE_ENTITY) {
        struct feature_entity *e = (struct feature_entity *)h;
        return read_strs(j, "join_keys", a, &e->join_keys, &e->join_keys_n, err);
    }
    if (h->kind == FEATURE_SERVICE) {
        struct feature_service *s = (struct feature_service *)h;
        return read_strs(j, "features", a, &s->refs, &s->refs_n, err);
    }
    return read_view(j, a, (struct feature_view *)h, err);
}

/* ---- The database */

static struct feature_head *new_object(enum feature_kind kind, struct arena *a)
{
    struct feature_head *h;
    if (kind == FEATURE_ENTITY)
        h = &arena_new(a, struct feature_entity)->head;
    else if (kind == FEATURE_VIEW)
        h = &arena_new(a, struct feature_view)->head;
    else
        h = &arena_new(a, struct feature_service)->head;
    h->kind = kind;
    return h;
}

static struct map *map_of(struct registry *r, enum feature_kind kind)
{
    return kind == FEATURE_ENTITY ? &r->entities : kind == FEATURE_VIEW ? &r->views : &r->services;
}

static bool take_row(const struct db_rows *rows, size_t i, struct arena *a, struct registry *out,
                     struct error *err)
{
    int64_t kind = db_int(rows, i, 0);
    if (kind < 0 || kind >= FEATURE_KINDS)
        return fail(err, ERR_CORRUPT, "feature registry: kind %lld", (long long)kind);
    struct feature_head *h = new_object((enum feature_kind)kind, a);
    h->name = db_str(rows, i, 1);
    h->version = db_int(rows, i, 2);
    h->body = db_str(rows, i, 3);
    h->created_us = db_int(rows, i, 4);
    h->updated_us = db_int(rows, i, 5);
    if (!read_object(h, a, err)) {
        err->code = ERR_CORRUPT;
        return fail_in(err, "feature registry: %s " STR_FMT, feature_kind_name(h->kind),
                       STR_ARG(h->name));
    }
    map_put(map_of(out, h->kind), h->name, h);
    return true;
}

bool registry_load(struct db *db, struct arena *a, struct registry *out, struct error *err)
{
    struct db_tx *tx;
    struct db_rows rows;
    map_init(&out->entities, a);
    map_init(&out->views, a);
    map_init(&out->services, a);
    if (!db_read_begin(db, &tx, err))
        return false;
    bool ok = db_run(tx,
                     STR("SELECT kind, name, version, body, created_us, updated_us"
                         " FROM feature_objects ORDER BY kind, name"),
                     DB_NO_ARGS, a, &rows, err);
    db_rollback(tx);
    for (size_t i = 0; ok && i < rows.n; i++)
        ok = take_row(&rows, i, a, out, err);
    return ok;
}

bool registry_store(struct db_tx *tx, const struct feature_head *h, struct error *err)
{
    if (!h->body.len)
        return fail(err, ERR_LIMIT, "%s " STR_FMT ": the definition is too large",
                    feature_kind_name(h->kind), STR_ARG(h->name));
    struct arena *a = arena_create(0);
    struct db_rows rows = { 0 };
    bool ok = db_run(
        tx,
        STR("INSERT INTO feature_objects (kind, name, version, body, created_us, updated_us)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET"
            " version = excluded.version, body = excluded.body, updated_us = excluded.updated_us"
            " WHERE feature_objects.version = excluded.version - 1"),
        DB_ARGS(db_val_int(h->kind), db_val_text(h->name), db_val_int(h->version),
                db_val_text(h->body), db_val_int(h->created_us), db_val_int(h->updated_us)),
        a, &rows, err);
    arena_destroy(a);
    if (ok && rows.changes != 1)
        ok = fail(err, ERR_CONFLICT, "%s " STR_FMT " was changed by somebody else meanwhile",
                  feature_kind_name(h->kind), STR_ARG(h->name));
    return ok && db_run(tx,
                        STR("INSERT INTO feature_versions (kind, name, version, body, time_us)"
                            " VALUES (?, ?, ?, ?, ?)"),
                        DB_ARGS(db_val_int(h->kind), db_val_text(h->name), db_val_int(h->version),
                                db_val_text(h->body), db_val_int(h->updated_us)),
                        NULL, NULL, err);
}

bool registry_remove(struct db_tx *tx, enum feature_kind kind, str name, struct error *err)
{
    return db_run(tx, STR("DELETE FROM feature_objects WHERE kind = ? AND name = ?"),
                  DB_ARGS(db_val_int(kind), db_val_text(name)), NULL, NULL, err);
}

bool registry_log(struct db *db, str view, int64_t version, int64_t snapshot_id, int64_t rows,
                  int64_t wall_us, int64_t now_us, struct error *err)
{
    struct db_tx *tx;
    if (!db_begin(db, &tx, err))
        return false;
    if (!db_run(
            tx,
            STR("INSERT INTO feature_materializations"
                " (name, version, snapshot_id, rows, wall_us, time_us) VALUES (?, ?, ?, ?, ?, ?)"),
            DB_ARGS(db_val_text(view), db_val_int(version), db_val_int(snapshot_id),
                    db_val_int(rows), db_val_int(wall_us), db_val_int(now_us)),
            NULL, NULL, err)) {
        db_rollback(tx);
        return false;
    }
    return db_commit(tx, err);
}

/* ---- Lookups */

const struct map *registry_map(const struct registry *r, enum feature_kind kind)
{
    return kind == FEATURE_ENTITY ? &r->entities : kind == FEATURE_VIEW ? &r->views : &r->services;
}

const struct feature_head *registry_find(const struct registry *r, enum feature_kind kind, str name)
{
    return map_get(registry_map(r, kind), name);
}

str registry_names(const struct registry *r, enum feature_kind kind, struct arena *a)
{
    const struct map *m = registry_map(r, kind);
    size_t n = m->n < NAMES_SHOWN ? m->n : NAMES_SHOWN;
    str *names = arena_array(a, str, n + 1);
    for (size_t i = 0; i < n; i++)
        names[i] = m->entries[i].key;
    if (m->n > n)
        names[n] = STR("...");
    return m->n ? arena_join(a, names, n + (m->n > n), STR(", ")) : STR("none");
}

/* ---- Selections */

struct selecting {
    const struct registry *registry;
    struct arena *arena;
    VEC(struct feature_selection) views;
    size_t *caps; /* room in each view's columns */
    enum feast_error *why;
};

static struct feature_selection *selection_of(struct selecting *s, const struct feature_view *v)
{
    for (size_t i = 0; i < s->views.n; i++)
        if (s->views.at[i].view == v)
            return &s->views.at[i];
    struct feature_selection *sel = vec_push(s->arena, &s->views);
    sel->view = v;
    sel->columns = arena_array(s->arena, const struct feature_column *, v->columns_n);
    return sel;
}

static bool select_column(struct selecting *s, struct feature_selection *sel,
                          const struct feature_column *c, struct error *err)
{
    for (size_t i = 0; i < sel->columns_n; i++) {
        if (sel->columns[i] == c) {
            *s->why = FEAST_NAME_COLLISION;
            return fail(err, ERR_INVALID, "the feature " STR_FMT ":" STR_FMT " is named twice",
                        STR_ARG(sel->view->head.name), STR_ARG(c->name));
        }
    }
    sel->columns[sel->columns_n++] = c;
    return true;
}

static bool select_feature(struct selecting *s, struct feature_selection *sel, str feature,
                           struct error *err)
{
    const struct feature_view *v = sel->view;
    for (size_t i = 0; i < v->columns_n; i++)
        if (str_eq(v->columns[i].name, feature))
            return select_column(s, sel, &v->columns[i], err);
    *s->why = FEAST_FEATURE_NOT_FOUND;
    fail(err, ERR_NOT_FOUND, "Feature " STR_FMT " does not exist in feature view " STR_FMT,
         STR_ARG(feature), STR_ARG(v->head.name));
    str names[NAMES_SHOWN];
    size_t n = 0;
    for (; n < v->columns_n && n < NAMES_SHOWN; n++)
        names[n] = v->columns[n].name;
    return fail_hint(err, "it has " STR_FMT, STR_ARG(arena_join(s->arena, names, n, STR(", "))));
}

/* Texts about missing objects have Feast's words: its clients look for them. */
static bool select_ref(struct selecting *s, str ref, struct error *err)
{
    str name, feature;
    bool whole = !str_cut(ref, ':', &name, &feature);
    if (str_find_char(name, '@') >= 0)
        return fail(err, ERR_UNSUPPORTED,
                    "versions in feature references are not supported: " STR_FMT, STR_ARG(ref));
    const struct feature_view *v = registry_view(s->registry, name);
    if (!v) {
        *s->why = FEAST_VIEW_NOT_FOUND;
        fail(err, ERR_NOT_FOUND, "Feature view " STR_FMT " does not exist", STR_ARG(name));
        return fail_hint(err, "feature views: " STR_FMT,
                         STR_ARG(registry_names(s->registry, FEATURE_VIEW, s->arena)));
    }
    struct feature_selection *sel = selection_of(s, v);
    if (!whole)
        return select_feature(s, sel, feature, err);
    for (size_t i = 0; i < v->columns_n; i++)
        if (!select_column(s, sel, &v->columns[i], err))
            return false;
    return true;
}

bool registry_select(const struct registry *r, const struct feature_refs *refs, struct arena *a,
                     struct feature_selection **out, size_t *n, enum feast_error *why,
                     struct error *err)
{
    struct selecting s = { .registry = r, .arena = a, .why = why };
    const str *list = refs->refs;
    size_t list_n = refs->n;
    if (refs->service.len) {
        const struct feature_service *service = map_get(&r->services, refs->service);
        if (!service) {
            *why = FEAST_SERVICE_NOT_FOUND;
            fail(err, ERR_NOT_FOUND, "Feature service " STR_FMT " does not exist",
                 STR_ARG(refs->service));
            return fail_hint(err, "feature services: " STR_FMT,
                             STR_ARG(registry_names(r, FEATURE_SERVICE, a)));
        }
        list = service->refs;
        list_n = service->refs_n;
    }
    if (list_n == 0) {
        *why = FEAST_VALIDATION;
        return fail(err, ERR_INVALID, "no features are asked for: name features or a service");
    }
    for (size_t i = 0; i < list_n; i++)
        if (!select_ref(&s, list[i], err))
            return false;
    *out = s.views.at;
    *n = s.views.n;
    return true;
}

bool registry_column_names(const struct feature_selection *s, size_t n, bool full, struct arena *a,
                           str **out, size_t *columns_n, enum feast_error *why, struct error *err)
{
    struct map seen;
    VEC(str) names = { 0 };
    map_init(&seen, a);
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < s[i].columns_n; c++) {
            str name = s[i].columns[c]->name;
            if (full)
                name = arena_printf(a, STR_FMT "__" STR_FMT, STR_ARG(s[i].view->head.name),
                                    STR_ARG(name));
            *vec_push(a, &names) = name;
            if (map_add(&seen, name, &seen))
                continue;
            *why = FEAST_NAME_COLLISION;
            fail(err, ERR_INVALID, "two views give a feature named " STR_FMT, STR_ARG(name));
            return fail_hint(err, "ask with full_feature_names: columns are view__feature then");
        }
    }
    *out = names.at;
    *columns_n = names.n;
    return true;
}
