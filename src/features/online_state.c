/* SPDX-License-Identifier: Apache-2.0 */
#include "features/online_state.h"

#include "codec/json.h"
#include "io/kv.h"
#include "sql/lake.h"

#define RECORD_MAX ((size_t)32 << 20)
#define NAMES_MAX ((size_t)64 << 20)

/* ---- Records */

void online_record_write(const struct online_record *r, struct buf *out)
{
    struct json_writer w;
    jw_init(&w, out);
    jw_begin_object(&w);
    jw_kv_int(&w, "format", 1);
    jw_kv_str(&w, "view", r->view);
    jw_kv_int(&w, "view_version", r->view_version);
    jw_kv_str(&w, "table", r->table);
    jw_kv_int(&w, "snapshot_id", r->snapshot_id);
    jw_kv_int(&w, "rows", r->rows);
    jw_kv_int(&w, "time_us", r->time_us);
    jw_kv_str(&w, "keys", r->keys);
    jw_kv_str(&w, "layout", r->layout.text);
    jw_end_object(&w);
}

bool online_record_parse(str text, struct arena *a, struct online_record *out, struct error *err)
{
    struct json *j;
    int64_t format;
    str layout;
    *out = (struct online_record){ 0 };
    if (!json_parse(arena_str(a, text), a, &j, err) || !json_need_int(j, "format", &format, err) ||
        !json_need_str(j, "view", &out->view, err) ||
        !json_need_int(j, "view_version", &out->view_version, err) ||
        !json_need_str(j, "table", &out->table, err) ||
        !json_need_int(j, "snapshot_id", &out->snapshot_id, err) ||
        !json_need_int(j, "rows", &out->rows, err) ||
        !json_need_int(j, "time_us", &out->time_us, err) ||
        !json_need_str(j, "keys", &out->keys, err) || !json_need_str(j, "layout", &layout, err) ||
        !row_layout_parse(layout, a, &out->layout, err)) {
        err->code = ERR_CORRUPT;
        return fail_in(err, "online store, record of a view");
    }
    if (format != 1)
        return fail(err, ERR_UNSUPPORTED, "online store: rows of format %lld", (long long)format);
    return true;
}

str online_keys_text(const struct feature_view *v, struct arena *a)
{
    struct buf out = BUF_INIT(RECORD_MAX);
    struct json_writer w;
    jw_init(&w, &out);
    jw_begin_array(&w);
    for (size_t i = 0; i < v->keys_n; i++) {
        jw_begin_array(&w);
        jw_str(&w, v->keys[i].name);
        type_write(v->keys[i].type, &w);
        jw_end_array(&w);
    }
    jw_end_array(&w);
    str text = arena_str(a, buf_str(&out));
    buf_deinit(&out);
    return text;
}

/* ---- States */

static bool read_record(struct lake *lake, struct online_view *v, struct arena *a,
                        struct error *err)
{
    struct kv_read *r;
    str text;
    if (!kv_read_begin(lake->online, &r, err))
        return false;
    bool ok = kv_get(r, v->table, ONLINE_RECORD, &text, err) &&
              (!text.ptr || online_record_parse(text, a, &v->record, err));
    bool there = ok && text.ptr;
    kv_read_end(r);
    v->filled = there && str_eq(v->record.table, v->view->table) &&
                str_eq(v->record.keys, online_keys_text(v->view, a));
    return ok;
}

static bool load_view(struct lake *lake, struct online_state *s, const struct feature_view *view,
                      struct error *err)
{
    struct online_view *v = arena_new(s->arena, struct online_view);
    v->view = view;
    key_shape_init(view->keys, view->keys_n, s->arena, &v->shape);
    str name = arena_printf(s->arena, "view:" STR_FMT, STR_ARG(view->head.name));
    if (!kv_table(lake->online, name, &v->table, err) || !read_record(lake, v, s->arena, err))
        return fail_in(err, "feature view " STR_FMT, STR_ARG(view->head.name));
    map_put(&s->online, view->head.name, v);
    return true;
}

static str *key_name(struct online_state *s, str name)
{
    str *copy = arena_new(s->arena, str);
    *copy = name;
    return copy;
}

/* Clients may name a join key, or (an old habit of Feast's) an entity that has one. */
static void learn_key_names(struct online_state *s)
{
    const struct map *entities = &s->registry.entities;
    map_init(&s->key_names, s->arena);
    for (size_t i = 0; i < entities->n; i++) {
        const struct feature_entity *e = entities->entries[i].value;
        for (size_t k = 0; k < e->join_keys_n; k++)
            map_put(&s->key_names, e->join_keys[k], key_name(s, e->join_keys[k]));
    }
    for (size_t i = 0; i < entities->n; i++) {
        const struct feature_entity *e = entities->entries[i].value;
        if (e->join_keys_n == 1)
            map_add(&s->key_names, e->head.name, key_name(s, e->join_keys[0]));
    }
}

bool online_state_load(struct lake *lake, struct online_state **out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct online_state *s = arena_new(a, struct online_state);
    s->arena = a;
    map_init(&s->online, a);
    bool ok = registry_load(lake->db, a, &s->registry, err);
    for (size_t i = 0; ok && i < s->registry.views.n; i++) {
        const struct feature_view *v = s->registry.views.entries[i].value;
        ok = !v->online || load_view(lake, s, v, err);
    }
    if (!ok) {
        arena_destroy(a);
        return false;
    }
    learn_key_names(s);
    *out = s;
    return true;
}

void online_state_free(struct online_state *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < PLAN_SLOTS; i++)
        plan_free(atomic_load(&s->plans[i]));
    arena_destroy(s->arena);
}

/* ---- Plans */

void plan_free(const struct plan *p)
{
    if (p)
        arena_destroy(p->arena);
}

static uint64_t plan_hash(const struct feature_refs *refs, bool full)
{
    uint64_t h = str_hash(refs->service, full);
    for (size_t i = 0; i < refs->n; i++)
        h = str_hash(refs->refs[i], h);
    return h;
}

static bool plan_is(const struct plan *p, uint64_t hash, const struct feature_refs *refs, bool full)
{
    if (p->hash != hash || p->full != full || p->refs.n != refs->n ||
        !str_eq(p->refs.service, refs->service))
        return false;
    for (size_t i = 0; i < refs->n; i++)
        if (!str_eq(p->refs.refs[i], refs->refs[i]))
            return false;
    return true;
}

static void copy_refs(const struct feature_refs *refs, struct plan *p)
{
    str *copies = arena_array(p->arena, str, refs->n);
    for (size_t i = 0; i < refs->n; i++)
        copies[i] = arena_str(p->arena, refs->refs[i]);
    p->refs = (struct feature_refs){ copies, refs->n, arena_str(p->arena, refs->service) };
}

static void plan_one_view(const struct online_state *s, const struct feature_selection *sel,
                          const str *names, struct plan_view *out, struct arena *a)
{
    out->view = sel->view;
    out->online = map_get(&s->online, sel->view->head.name);
    out->columns = arena_array(a, struct plan_column, sel->columns_n);
    out->columns_n = sel->columns_n;
    for (size_t c = 0; c < sel->columns_n; c++) {
        struct plan_column *column = &out->columns[c];
        column->name = names[c];
        column->column = sel->columns[c];
        column->at = out->online && out->online->filled
                         ? row_layout_find(&out->online->record.layout, sel->columns[c]->name)
                         : -1;
    }
}

static bool names_text(struct plan *p, const str *names, size_t n, struct error *err)
{
    struct buf out = BUF_INIT(NAMES_MAX);
    for (size_t i = 0; i < n; i++) {
        struct json_writer w;
        buf_add_char(&out, ',');
        jw_init(&w, &out);
        jw_str(&w, names[i]);
    }
    bool ok = buf_ok(&out, "names of features", err);
    if (ok)
        p->names_json = arena_str(p->arena, buf_str(&out));
    buf_deinit(&out);
    return ok;
}

static bool compile(const struct online_state *s, struct plan *p, enum feast_error *why,
                    struct error *err)
{
    struct feature_selection *sel;
    str *names;
    size_t at = 0;
    if (!registry_select(&s->registry, &p->refs, p->arena, &sel, &p->views_n, why, err) ||
        !registry_column_names(sel, p->views_n, p->full, p->arena, &names, &p->columns_n, why,
                               err) ||
        !names_text(p, names, p->columns_n, err))
        return false;
    p->views = arena_array(p->arena, struct plan_view, p->views_n);
    for (size_t i = 0; i < p->views_n; i++) {
        plan_one_view(s, &sel[i], names + at, &p->views[i], p->arena);
        at += sel[i].columns_n;
    }
    return true;
}

/* Slots are filled once and never emptied while the state lives, so that readers need no count. */
static bool keep(struct online_state *s, const struct plan *p)
{
    for (size_t i = 0; i < PLAN_PROBES; i++) {
        const struct plan *empty = NULL;
        if (atomic_compare_exchange_strong(&s->plans[(p->hash + i) % PLAN_SLOTS], &empty, p))
            return true;
    }
    return false;
}

bool online_plan(struct online_state *s, const struct feature_refs *refs, bool full,
                 const struct plan **out, bool *owned, enum feast_error *why, struct error *err)
{
    uint64_t hash = plan_hash(refs, full);
    *owned = false;
    for (size_t i = 0; i < PLAN_PROBES; i++) {
        const struct plan *p = atomic_load(&s->plans[(hash + i) % PLAN_SLOTS]);
        if (p && plan_is(p, hash, refs, full)) {
            *out = p;
            return true;
        }
    }
    struct arena *a = arena_create(0);
    struct plan *p = arena_new(a, struct plan);
    p->arena = a;
    p->hash = hash;
    p->full = full;
    copy_refs(refs, p);
    if (!compile(s, p, why, err)) {
        arena_destroy(a);
        return false;
    }
    *out = p;
    *owned = !keep(s, p);
    return true;
}
