/* SPDX-License-Identifier: Apache-2.0 */
#include "features/online.h"

#include "base/time.h"
#include "codec/uuid.h"
#include "features/features_priv.h"
#include "io/kv.h"
#include "govern/access.h"
#include "sql/lake.h"

#define DAY_S 86400

struct reading {
    struct online_state *state;
    struct online_read *out;
    struct kv_read *txn;
    struct arena *arena;
    int64_t now_us;
};

/* ---- Keys */

static bool wrong_type(const struct feature_key *k, size_t row, const char *wanted,
                       struct error *err)
{
    return fail(err, ERR_INVALID, "entities." STR_FMT "[%zu] must be %s", STR_ARG(k->name), row,
                wanted);
}

static bool int_part(const struct feature_key *k, const struct online_cell *cell, size_t row,
                     struct key_part *out, bool *absent, struct error *err)
{
    if (cell->kind == CELL_INT)
        out->i = cell->i;
    else if (cell->kind != CELL_TEXT || !str_to_i64(cell->s, &out->i))
        return wrong_type(k, row, "an integer", err);
    if (k->type->kind == TYPE_INT && (out->i < INT32_MIN || out->i > INT32_MAX))
        *absent = true; /* no row can have it */
    return true;
}

static bool text_part(const struct feature_key *k, const struct online_cell *cell, size_t row,
                      struct arena *a, struct key_part *out, struct error *err)
{
    struct uuid id;
    char text[UUID_TEXT_LEN + 1];
    if (cell->kind != CELL_TEXT && cell->kind != CELL_INT)
        return wrong_type(k, row, "a text", err);
    out->s = cell->kind == CELL_INT ? cell->raw : cell->s;
    if (k->type->kind != TYPE_UUID)
        return true;
    if (!uuid_parse(out->s, &id))
        return wrong_type(k, row, "a uuid", err);
    out->s = arena_str(a, uuid_format(&id, text));
    return true;
}

static bool date_part(const struct feature_key *k, const struct online_cell *cell, size_t row,
                      struct key_part *out, struct error *err)
{
    int64_t days;
    if (cell->kind == CELL_INT)
        out->i = cell->i;
    else if (cell->kind == CELL_TEXT && time_parse_date(cell->s, &days))
        out->i = days * DAY_S;
    else
        return wrong_type(k, row, "a date (\"2001-02-03\") or epoch seconds", err);
    return true;
}

/* *absent: no row can have this key (null, out of range). */
static bool key_part_of(const struct feature_key *k, const struct online_cell *cell, size_t row,
                        struct arena *a, struct key_part *out, bool *absent, struct error *err)
{
    if (cell->kind == CELL_NULL) {
        *absent = true;
        return true;
    }
    switch (dtype_key(k->type)) {
    case KEY_INT32:
    case KEY_INT64:
        return int_part(k, cell, row, out, absent, err);
    case KEY_STRING:
        return text_part(k, cell, row, a, out, err);
    case KEY_TIMESTAMP:
        return date_part(k, cell, row, out, err);
    default:
        out->i = cell->i;
        return cell->kind == CELL_BOOL || wrong_type(k, row, "true or false", err);
    }
}

static const struct online_input *find_input(const struct reading *g, str name)
{
    for (size_t i = 0; i < g->out->inputs_n; i++)
        if (str_eq(g->out->inputs[i].name, name))
            return &g->out->inputs[i];
    return NULL;
}

static bool find_keys(const struct reading *g, const struct feature_view *v,
                      const struct online_cell *cells[ONLINE_KEY_PARTS_MAX], struct error *err)
{
    for (size_t k = 0; k < v->keys_n; k++) {
        const struct online_input *in = find_input(g, v->keys[k].name);
        if (!in)
            return fail(err, ERR_INVALID,
                        "Missing join key values for keys: " STR_FMT " of feature view " STR_FMT,
                        STR_ARG(v->keys[k].name), STR_ARG(v->head.name));
        cells[k] = in->cells;
    }
    return true;
}

/* ---- Rows */

/* A row of another layout than the plan's: the store moved on between the plan's state and this transaction.  The record
 * that is true for the rows stands beside them. */
static bool other_layout(struct reading *g, const struct plan_view *v, struct online_row *row,
                         struct error *err)
{
    str text;
    struct online_record record;
    if (!kv_get(g->txn, v->online->table, ONLINE_RECORD, &text, err) ||
        !online_record_parse(text, g->arena, &record, err))
        return false;
    struct row_layout *layout = arena_new(g->arena, struct row_layout);
    *layout = record.layout;
    row->layout = layout;
    return row_open(layout, row->bytes, &row->event_us) ||
           fail(err, ERR_CORRUPT,
                "online store: a row of feature view " STR_FMT " is not what its record says",
                STR_ARG(v->view->head.name));
}

static bool read_row(struct reading *g, const struct plan_view *v, str key, struct online_row *row,
                     struct error *err)
{
    row->status = FEATURE_NOT_FOUND;
    if (!kv_get(g->txn, v->online->table, key, &row->bytes, err))
        return false;
    if (!row->bytes.ptr)
        return true;
    if (!row_open(&v->online->record.layout, row->bytes, &row->event_us) &&
        !other_layout(g, v, row, err))
        return false;
    int64_t ttl = v->view->ttl_us, age;
    bool old =
        ttl > 0 &&
        (__builtin_sub_overflow(g->now_us, row->event_us, &age) ? row->event_us < 0 : age > ttl);
    row->status = old ? FEATURE_OUTSIDE_MAX_AGE : FEATURE_PRESENT;
    return true;
}

static bool read_view(struct reading *g, size_t view, struct error *err)
{
    const struct plan_view *v = &g->out->plan->views[view];
    const struct online_cell *cells[ONLINE_KEY_PARTS_MAX];
    struct key_part parts[ONLINE_KEY_PARTS_MAX];
    uint8_t key[KV_KEY_MAX];
    if (!find_keys(g, v->view, cells, err))
        return false;
    for (size_t r = 0; r < g->out->rows_n; r++) {
        struct online_row *row = &g->out->rows[view * g->out->rows_n + r];
        bool absent = !v->online || !v->online->filled;
        row->status = FEATURE_NOT_FOUND;
        for (size_t k = 0; k < v->view->keys_n; k++)
            if (!key_part_of(&v->view->keys[k], &cells[k][r], r, g->arena, &parts[k], &absent, err))
                return false;
        if (absent)
            continue;
        size_t n = key_encode(&v->online->shape, parts, g->arena, key);
        if (!read_row(g, v, str_make(key, n), row, err))
            return false;
    }
    return true;
}

/* Names as clients give them become join keys. */
static bool resolve_inputs(const struct online_state *s, const struct online_input *inputs,
                           size_t n, struct arena *a, struct online_read *out,
                           enum feast_error *why, struct error *err)
{
    struct online_input *resolved = arena_array(a, struct online_input, n);
    for (size_t i = 0; i < n; i++) {
        const str *name = map_get(&s->key_names, inputs[i].name);
        if (!name) {
            *why = FEAST_ENTITY_NOT_FOUND;
            return fail(err, ERR_NOT_FOUND, "Entity " STR_FMT " does not exist",
                        STR_ARG(inputs[i].name));
        }
        resolved[i] = (struct online_input){ *name, inputs[i].cells };
        for (size_t k = 0; k < i; k++)
            if (str_eq(resolved[k].name, *name))
                return fail(err, ERR_INVALID, "entities." STR_FMT " is given twice",
                            STR_ARG(*name));
    }
    out->inputs = resolved;
    out->inputs_n = n;
    return true;
}

static bool read_views(struct features *f, struct reading *g, struct arena *a, struct error *err)
{
    struct online_read *out = g->out;
    out->rows = arena_array(a, struct online_row, out->plan->views_n * out->rows_n);
    if (!kv_read_begin(f->lake->online, &g->txn, err))
        return false;
    for (size_t v = 0; v < out->plan->views_n; v++)
        if (!read_view(g, v, err))
            return false;
    return true;
}

static bool may_read(struct features *f, const struct access *access, str view, struct error *err)
{
    struct securable on = { .kind = SECURABLE_FEATURE_VIEW, .name = view };
    return access_check_in(f->lake->govern, access, FEATURE_VIEW_READ_DATA, &on, (str){ 0 }, err);
}

/* Before the names are looked up, so that a refusal tells nothing about what is there; each view once. */
static bool may_read_refs(struct features *f, const struct access *access,
                          const struct feature_refs *refs, struct error *err)
{
    str last = { 0 }, view, rest;
    for (size_t i = 0; i < refs->n; i++) {
        str_cut(refs->refs[i], ':', &view, &rest);
        if (last.ptr && str_eq(view, last))
            continue;
        if (!may_read(f, access, view, err))
            return false;
        last = view;
    }
    return true;
}

/* The views of a service, which the request did not name. */
static bool may_read_service(struct features *f, const struct access *access, const struct plan *p,
                             struct error *err)
{
    for (size_t v = 0; v < p->views_n; v++)
        if (!may_read(f, access, p->views[v].view->head.name, err))
            return false;
    return true;
}

bool online_with_rows(struct features *f, const struct access *access,
                      const struct feature_refs *refs, bool full, const struct online_input *inputs,
                      size_t inputs_n, size_t rows_n, struct arena *a,
                      bool (*use)(void *ctx, const struct online_read *read, struct error *err),
                      void *ctx, enum feast_error *why, struct error *err)
{
    unsigned ticket;
    bool owned = false;
    struct online_read read = { .rows_n = rows_n };
    db_watch(&f->watch);
    struct reading g = { .state = published_enter(&f->state, &ticket),
                         .out = &read,
                         .arena = a,
                         .now_us = env_now_us(f->lake->env) };
    bool guarded = govern_on(f->lake->govern);
    *why = FEAST_VALIDATION;
    bool ok = (!guarded || may_read_refs(f, access, refs, err)) &&
              online_plan(g.state, refs, full, &read.plan, &owned, why, err) &&
              (!guarded || !refs->service.len || may_read_service(f, access, read.plan, err)) &&
              resolve_inputs(g.state, inputs, inputs_n, a, &read, why, err) &&
              read_views(f, &g, a, err) && use(ctx, &read, err);
    if (!ok && err->code != ERR_INVALID && *why == FEAST_VALIDATION)
        *why = FEAST_OTHER;
    kv_read_end(g.txn);
    if (owned)
        plan_free(read.plan);
    published_leave(&f->state, ticket);
    return ok;
}

bool online_value(const struct online_read *read, size_t view, size_t column, size_t row,
                  struct value *out, enum feature_status *status, struct error *err)
{
    const struct online_row *r = &read->rows[view * read->rows_n + row];
    const struct plan_view *v = &read->plan->views[view];
    const struct plan_column *c = &v->columns[column];
    const struct row_layout *layout = &v->online->record.layout;
    ptrdiff_t at = c->at;
    *out = value_null(c->column->type->kind);
    *status = r->status;
    if (r->status != FEATURE_PRESENT)
        return true;
    if (r->layout) {
        layout = r->layout;
        at = row_layout_find(layout, c->column->name);
    }
    if (at < 0) {
        *status = FEATURE_NOT_FOUND; /* applied after the view was materialised */
        return true;
    }
    if (!row_get(layout, r->bytes, (size_t)at, out, err))
        return false;
    if (out->is_null)
        *status = FEATURE_NULL;
    return true;
}

/* ---- Typed lookups */

struct lookup {
    struct arena *arena;
    struct features_lookup_result *out;
};

static bool take_values(void *ctx, const struct online_read *read, struct error *err)
{
    struct lookup *l = ctx;
    struct features_lookup_result *out = l->out;
    size_t columns = read->plan->columns_n, at = 0;
    str *names = arena_array(l->arena, str, columns);
    out->names = names;
    out->columns_n = columns;
    out->rows_n = read->rows_n;
    out->values = arena_array(l->arena, struct value, columns * read->rows_n);
    out->statuses = arena_array(l->arena, enum feature_status, columns * read->rows_n);
    out->event_us = arena_array(l->arena, int64_t, columns * read->rows_n);
    for (size_t v = 0; v < read->plan->views_n; v++) {
        for (size_t c = 0; c < read->plan->views[v].columns_n; c++) {
            *names++ = arena_str(l->arena, read->plan->views[v].columns[c].name);
            for (size_t r = 0; r < read->rows_n; r++, at++) {
                struct value value;
                if (!online_value(read, v, c, r, &value, &out->statuses[at], err))
                    return false;
                out->values[at] = value_copy(&value, l->arena);
                out->event_us[at] = read->rows[v * read->rows_n + r].event_us;
            }
        }
    }
    return true;
}

static struct online_cell cell_of(const struct value *v, struct arena *a)
{
    struct online_cell c = { .kind = CELL_OTHER };
    if (v->is_null)
        return (struct online_cell){ .kind = CELL_NULL };
    switch ((enum type_kind)v->kind) {
    case TYPE_BOOLEAN:
        return (struct online_cell){ .kind = CELL_BOOL, .i = v->b };
    case TYPE_INT:
    case TYPE_LONG:
        return (struct online_cell){ .kind = CELL_INT, .i = v->i, .raw = value_to_text(v, a) };
    case TYPE_DATE:
        return (struct online_cell){ .kind = CELL_INT, .i = v->i * DAY_S };
    case TYPE_STRING:
        return (struct online_cell){ .kind = CELL_TEXT, .s = v->bytes };
    case TYPE_UUID:
        return (struct online_cell){ .kind = CELL_TEXT, .s = value_to_text(v, a) };
    default:
        return c;
    }
}

bool features_lookup(struct features *f, const struct features_lookup_request *req, struct arena *a,
                     struct features_lookup_result *out, struct error *err)
{
    enum feast_error why;
    struct lookup l = { a, out };
    struct online_input *inputs = arena_array(a, struct online_input, req->keys_n);
    if (req->rows_n > ONLINE_ROWS_MAX)
        return fail(err, ERR_LIMIT, "%zu entity rows, at most %d are allowed", req->rows_n,
                    ONLINE_ROWS_MAX);
    for (size_t k = 0; k < req->keys_n; k++) {
        struct online_cell *cells = arena_array(a, struct online_cell, req->rows_n);
        for (size_t r = 0; r < req->rows_n; r++)
            cells[r] = cell_of(&req->keys[k].values[r], a);
        inputs[k] = (struct online_input){ req->keys[k].name, cells };
    }
    return online_with_rows(f, req->access, &req->features, req->full_feature_names, inputs,
                            req->keys_n, req->rows_n, a, take_values, &l, &why, err);
}
