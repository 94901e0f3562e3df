/* SPDX-License-Identifier: Apache-2.0
 *
 * From a view's table to the online store.  It is the point-in-time join with one slot a key: the entities are the table's distinct
 * keys at a time later than any, so that the winner of each key, ties included, is the one that a training set would see.
 * The rows are streamed into one batch of the store together with the view's record, and published by its commit. */
#include "base/time.h"
#include "codec/uuid.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "features/features_priv.h"
#include "features/source.h"
#include "iceberg/metadata.h"
#include "io/kv.h"
#include "govern/access.h"
#include "sql/lake.h"

#define SQL_MAX ((size_t)256 << 20)
#define LATER_THAN_ANY "make_timestamp(4000000000000000000)" /* far beyond the year 9999 */

struct filling {
    struct features *f;
    struct source source;
    struct arena *arena; /* of this view */
    struct session *session;
    struct cancel *cancel;
    struct progress *progress;
    struct pit_entities entities;
    struct pit_joined joined;
    struct kv_table *table;
    struct kv_batch *batch;
    struct key_shape shape;
    struct row_layout layout;
    const struct type *time_type;
    struct buf row;
    int64_t rows;
};

/* ---- The join */

static bool key_query(struct filling *m, const struct pit_files *files, struct buf *sql,
                      struct error *err)
{
    const struct feature_view *v = m->source.view;
    buf_lit(sql, "SELECT *, " LATER_THAN_ANY " AS firn_time FROM (SELECT DISTINCT ");
    for (size_t i = 0; i < v->keys_n; i++) {
        buf_printf(sql, "%s", i ? ", " : "");
        quote_ident(sql, v->keys[i].name);
        buf_printf(sql, " AS firn_key_%zu", i);
    }
    buf_lit(sql, " FROM (");
    if (!parquet_scan_sql(m->session, &files->scan, sql, err))
        return false;
    buf_lit(sql, ") WHERE ");
    for (size_t i = 0; i < v->keys_n; i++) {
        quote_ident(sql, v->keys[i].name);
        buf_lit(sql, " IS NOT NULL AND ");
    }
    quote_ident(sql, v->timestamp_field);
    buf_lit(sql, " IS NOT NULL)");
    return buf_ok(sql, "the query for the keys", err);
}

static bool open_entities(struct filling *m, struct error *err)
{
    struct pit_range all = { .time_lo = INT64_MIN, .time_hi = INT64_MAX };
    struct pit_files files;
    struct buf sql = BUF_INIT(SQL_MAX);
    bool ok = source_plan(&m->source, &all, m->arena, &files, err) &&
              key_query(m, &files, &sql, err) &&
              pit_entities_open(m->session, (str){ 0 }, arena_str(m->arena, buf_str(&sql)),
                                STR("firn_time"), m->arena, &m->entities, err);
    buf_deinit(&sql);
    return ok;
}

/* The features of the join: the row's own time, then the view's columns, under names that clash with nothing. */
static bool join(struct filling *m, struct error *err)
{
    const struct feature_view *v = m->source.view;
    struct pit_view *p = arena_new(m->arena, struct pit_view);
    str *features = arena_array(m->arena, str, v->columns_n + 1);
    str *names = arena_array(m->arena, str, v->columns_n + 1);
    str *keys = arena_array(m->arena, str, v->keys_n),
        *entity_keys = arena_array(m->arena, str, v->keys_n);
    for (size_t i = 0; i < v->keys_n; i++) {
        keys[i] = v->keys[i].name;
        entity_keys[i] = arena_printf(m->arena, "firn_key_%zu", i);
    }
    features[0] = v->timestamp_field;
    for (size_t i = 0; i < v->columns_n; i++)
        features[i + 1] = v->columns[i].name;
    for (size_t i = 0; i <= v->columns_n; i++)
        names[i] = arena_printf(m->arena, "firn_value_%zu", i);
    *p = (struct pit_view){ .name = v->head.name,
                            .schema = m->source.schema,
                            .entity_keys = entity_keys,
                            .keys = keys,
                            .keys_n = v->keys_n,
                            .ts = v->timestamp_field,
                            .created = v->created_column,
                            .features = features,
                            .names = names,
                            .features_n = v->columns_n + 1,
                            .plan = source_plan,
                            .ctx = &m->source };
    return pit_join(m->session, m->f->lake->pool, &m->entities, p, m->arena, &m->joined, err);
}

/* ---- Rows */

static struct key_part part_of(const struct value *v, struct arena *a)
{
    struct uuid id;
    char text[UUID_TEXT_LEN + 1];
    switch ((enum type_kind)v->kind) {
    case TYPE_BOOLEAN:
        return (struct key_part){ .i = v->b };
    case TYPE_DATE:
        return (struct key_part){ .i = v->i * (US_PER_DAY / US_PER_S) };
    case TYPE_STRING:
        return (struct key_part){ .s = v->bytes };
    case TYPE_UUID:
        memcpy(id.bytes, v->bytes.ptr, sizeof id.bytes);
        return (struct key_part){ .s = arena_str(a, uuid_format(&id, text)) };
    default:
        return (struct key_part){ .i = v->i };
    }
}

static bool put_row(struct filling *m, const struct column_view *columns, size_t i, struct arena *a,
                    struct error *err)
{
    const struct feature_view *v = m->source.view;
    struct key_part parts[ONLINE_KEY_PARTS_MAX];
    struct value value, time, *values = arena_array(a, struct value, v->columns_n);
    uint8_t key[KV_KEY_MAX];
    for (size_t k = 0; k < v->keys_n; k++) {
        if (!column_value(&columns[k], i, v->keys[k].type, a, &value, err))
            return false;
        parts[k] = part_of(&value, a);
    }
    columns += v->keys_n + 1; /* the keys, and the time of the entities */
    if (!column_valid(columns, i))
        return true; /* no time of this key counts, such as infinity */
    if (!column_value(columns++, i, m->time_type, a, &time, err))
        return false;
    for (size_t c = 0; c < v->columns_n; c++) {
        values[c] = value_null(v->columns[c].type->kind);
        if (column_valid(&columns[c], i) &&
            !column_value(&columns[c], i, v->columns[c].type, a, &values[c], err))
            return fail_in(err, "column " STR_FMT, STR_ARG(v->columns[c].name));
    }
    buf_clear(&m->row);
    row_pack(&m->layout, time.kind == TYPE_DATE ? time.i * US_PER_DAY : time.i, values, &m->row);
    size_t key_len = key_encode(&m->shape, parts, a, key);
    m->rows++;
    return buf_ok(&m->row, "a row of features", err) &&
           kv_put(m->batch, m->table, str_make(key, key_len), buf_str(&m->row), err);
}

static bool put_chunk(struct filling *m, const struct chunk *chunk, struct arena *a,
                      struct error *err)
{
    for (size_t i = 0; i < chunk->n; i++)
        if (!put_row(m, chunk->columns, i, a, err))
            return false;
    return cancel_check(m->cancel, err);
}

static bool put_rows(struct filling *m, struct error *err)
{
    struct buf sql = BUF_INIT(SQL_MAX);
    struct result *result = NULL;
    const struct chunk *chunk = NULL;
    struct arena *a = arena_create(0); /* of one chunk */
    pit_select_sql(&m->entities, &m->joined, 1, &sql);
    bool ok = buf_ok(&sql, "the query for the rows", err) &&
              session_query(m->session, buf_str(&sql), NULL, 0, &result, err);
    while (ok && (ok = result_next(result, &chunk, err)) && chunk) {
        ok = put_chunk(m, chunk, a, err);
        arena_reset(a);
        progress_report(m->progress, "materialize", m->rows, m->entities.rows_n);
    }
    result_close(result);
    buf_deinit(&sql);
    arena_destroy(a);
    return ok;
}

/* ---- Publishing */

static void make_record(const struct filling *m, struct arena *a, struct online_record *out)
{
    const struct feature_view *v = m->source.view;
    *out = (struct online_record){ .view = v->head.name,
                                   .table = v->table,
                                   .keys = online_keys_text(v, a),
                                   .view_version = v->head.version,
                                   .snapshot_id = source_snapshot_id(&m->source),
                                   .rows = m->rows,
                                   .time_us = env_now_us(m->f->lake->env),
                                   .layout = m->layout };
}

static bool put_record(struct filling *m, struct error *err)
{
    struct online_record record;
    struct buf text = BUF_INIT(ROW_BYTES_MAX);
    make_record(m, m->arena, &record);
    online_record_write(&record, &text);
    bool ok = buf_ok(&text, "the record of a view", err) &&
              kv_put(m->batch, m->table, ONLINE_RECORD, buf_str(&text), err);
    buf_deinit(&text);
    return ok;
}

/* Everything in one batch: readers see the rows before or the rows after. */
static bool publish(struct filling *m, struct error *err)
{
    if (!kv_batch_begin(m->f->lake->online, &m->batch, err))
        return false;
    if (!kv_drop_prefix(m->batch, m->table, STR(""), NULL, err) ||
        (m->source.snapshot && !put_rows(m, err)) || !put_record(m, err)) {
        kv_abort(m->batch);
        return false;
    }
    return kv_commit(m->batch, err);
}

static bool fill(struct filling *m, struct error *err)
{
    if (!m->source.snapshot)
        return publish(m, err);
    if (!session_open(m->f->lake->engine, &m->session, err))
        return false;
    session_set_cancel(m->session, m->cancel);
    bool ok = open_entities(m, err) && join(m, err) && publish(m, err);
    session_close(m->session);
    pit_joined_close(&m->joined);
    return ok;
}

/* Whether the store has this snapshot of the view as it is defined now. */
static bool is_unchanged(struct filling *m, bool *out, int64_t *rows, struct error *err)
{
    struct kv_read *r;
    struct online_record record = { 0 };
    str text;
    if (!kv_read_begin(m->f->lake->online, &r, err))
        return false;
    bool ok = kv_get(r, m->table, ONLINE_RECORD, &text, err) &&
              (!text.ptr || online_record_parse(text, m->arena, &record, err));
    *out = ok && text.ptr && record.snapshot_id == source_snapshot_id(&m->source) &&
           record.layout.id == m->layout.id && str_eq(record.table, m->source.view->table) &&
           str_eq(record.keys, online_keys_text(m->source.view, m->arena));
    *rows = record.rows;
    kv_read_end(r);
    return ok;
}

static bool prepare(struct filling *m, const struct feature_view *v,
                    const struct features_materialize_request *req, struct error *err)
{
    if (!source_open(m->f->lake, req->branch, v, req->snapshot_id, req->cancel, m->arena,
                     &m->source, err) ||
        !kv_table(m->f->lake->online,
                  arena_printf(m->arena, "view:" STR_FMT, STR_ARG(v->head.name)), &m->table, err))
        return false;
    key_shape_init(v->keys, v->keys_n, m->arena, &m->shape);
    row_layout_of(v, m->arena, &m->layout);
    m->time_type = schema_field_by_name(m->source.schema, v->timestamp_field, true)->type;
    buf_init(&m->row, ROW_BYTES_MAX);
    return true;
}

static bool materialize_view(struct features *f, const struct feature_view *v,
                             const struct features_materialize_request *req,
                             struct features_materialized *out, struct error *err)
{
    struct filling m = {
        .f = f, .arena = arena_create(0), .cancel = req->cancel, .progress = req->progress
    };
    int64_t begin = env_monotonic_ns(f->lake->env);
    bool ok = prepare(&m, v, req, err) && is_unchanged(&m, &out->unchanged, &out->rows, err);
    if (ok && !out->unchanged) {
        ok = fill(&m, err);
        out->rows = m.rows;
    }
    out->snapshot_id = ok ? source_snapshot_id(&m.source) : -1;
    out->wall_us = (env_monotonic_ns(f->lake->env) - begin) / 1000;
    buf_deinit(&m.row);
    arena_destroy(m.arena);
    if (!ok)
        return fail_in(err, "materialize " STR_FMT, STR_ARG(v->head.name));
    if (out->unchanged)
        return true;
    return registry_log(f->lake->db, v->head.name, v->head.version, out->snapshot_id, out->rows,
                        out->wall_us, env_now_us(f->lake->env), err) &&
           features_reload(f, err);
}

/* ---- Requests */

static bool wanted_views(const struct registry *r, const struct features_materialize_request *req,
                         struct arena *a, const struct feature_view ***out, size_t *n,
                         struct error *err)
{
    const struct map *all = &r->views;
    *out = arena_array(a, const struct feature_view *, req->views_n ? req->views_n : all->n);
    *n = 0;
    for (size_t i = 0; !req->views_n && i < all->n; i++) {
        const struct feature_view *v = all->entries[i].value;
        if (v->online)
            (*out)[(*n)++] = v;
    }
    for (size_t i = 0; i < req->views_n; i++) {
        const struct feature_view *v = registry_view(r, req->views[i]);
        if (!v)
            return fail(err, ERR_NOT_FOUND, "there is no feature view " STR_FMT,
                        STR_ARG(req->views[i])) ||
                   fail_hint(err, "feature views: " STR_FMT,
                             STR_ARG(registry_names(r, FEATURE_VIEW, a)));
        if (!v->online)
            return fail(err, ERR_INVALID, "feature view " STR_FMT " is not online",
                        STR_ARG(req->views[i])) ||
                   fail_hint(err, "set online: true in its definition and apply it");
        (*out)[(*n)++] = v;
    }
    return true;
}

static bool may_fill(struct features *f, const struct features_materialize_request *req, str view,
                     struct error *err)
{
    struct securable on = { .kind = SECURABLE_FEATURE_VIEW, .name = view };
    return access_check_in(f->lake->govern, req->access, FEATURE_VIEW_WRITE_DATA, &on, req->branch,
                           err);
}

bool features_materialize(struct features *f, const struct features_materialize_request *req,
                          struct arena *a, struct features_materialized **out, size_t *n,
                          struct error *err)
{
    struct registry registry;
    const struct feature_view **views;
    *n = 0;
    for (size_t i = 0; i < req->views_n; i++)
        if (!may_fill(f, req, req->views[i], err))
            return false;
    pthread_mutex_lock(&f->materializing);
    bool ok =
        features_registry(f, a, &registry, err) && wanted_views(&registry, req, a, &views, n, err);
    *out = ok ? arena_array(a, struct features_materialized, *n) : NULL;
    for (size_t i = 0; ok && i < *n; i++) {
        (*out)[i].view = views[i]->head.name;
        (*out)[i].table = views[i]->table;
        ok = (req->views_n || may_fill(f, req, views[i]->head.name, err)) &&
             materialize_view(f, views[i], req, &(*out)[i], err);
    }
    pthread_mutex_unlock(&f->materializing);
    return ok;
}
