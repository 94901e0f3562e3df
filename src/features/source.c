/* SPDX-License-Identifier: Apache-2.0 */
#include "features/source.h"

#include <stdlib.h>

#include "base/time.h"
#include "base/vec.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "io/store.h"
#include "sql/deletes.h"
#include "sql/lake.h"

static bool check_column(const struct source *s, str name, const struct type *type, struct arena *a,
                         struct error *err)
{
    const struct field *f = schema_field_by_name(s->schema, name, true);
    if (f && (!type || type_equal(f->type, type)))
        return true;
    if (f)
        fail(err, ERR_INVALID,
             "feature view " STR_FMT ": column " STR_FMT " of " STR_FMT " is " STR_FMT
             " now, the view was applied with " STR_FMT,
             STR_ARG(s->view->head.name), STR_ARG(name), STR_ARG(s->view->table),
             STR_ARG(type_format(f->type, a)), STR_ARG(type_format(type, a)));
    else
        fail(err, ERR_INVALID,
             "feature view " STR_FMT ": the table " STR_FMT " has no column " STR_FMT,
             STR_ARG(s->view->head.name), STR_ARG(s->view->table), STR_ARG(name));
    return fail_hint(err, "apply the view's definition again: firn feature apply");
}

static bool check_columns(const struct source *s, struct arena *a, struct error *err)
{
    const struct feature_view *v = s->view;
    if (!check_column(s, v->timestamp_field, NULL, a, err) ||
        (v->created_column.len && !check_column(s, v->created_column, NULL, a, err)))
        return false;
    for (size_t i = 0; i < v->keys_n; i++)
        if (!check_column(s, v->keys[i].name, v->keys[i].type, a, err))
            return false;
    for (size_t i = 0; i < v->columns_n; i++)
        if (!check_column(s, v->columns[i].name, v->columns[i].type, a, err))
            return false;
    return true;
}

bool source_open(struct lake *lake, str branch, const struct feature_view *view,
                 int64_t snapshot_id, struct cancel *cancel, struct arena *a, struct source *out,
                 struct error *err)
{
    str ns, name;
    *out = (struct source){ .lake = lake, .view = view, .cancel = cancel };
    struct scan_at at = { .snapshot_id = snapshot_id };
    if (!name_split(view->table, a, &ns, &name, err) ||
        !catalog_load_table(lake->catalog, branch, ns, name, a, &out->table, err) ||
        !scan_snapshot(out->table.metadata, &at, &out->snapshot, err))
        return fail_in(err, "feature view " STR_FMT, STR_ARG(view->head.name));
    /* The table's present columns, also for an older snapshot: the view is defined over those. */
    out->schema = metadata_schema(out->table.metadata);
    return check_columns(out, a, err);
}

int64_t source_snapshot_id(const struct source *s)
{
    return s->snapshot ? s->snapshot->id : SNAPSHOT_NONE;
}

/* ---- Planning */

struct planned {
    int64_t sequence, commit_us, rows;
    str path; /* as the table names it: orders equal sequence numbers */
    struct pit_range bounds;
    struct scan_file file;
    struct file_deletes *deletes; /* NULL: none */
};

struct planning {
    const struct source *source;
    struct arena *arena;
    struct deletes *deletes;
    VEC(struct planned) files;
};

static struct literal int_literal(struct arena *a, enum type_kind kind, int64_t i)
{
    struct value *v = arena_new(a, struct value);
    *v = value_i64(kind, i);
    return (struct literal){ .kind = LITERAL_VALUE, .value = v };
}

/* A bound of the view's timestamp, in its column's unit. */
static const struct expr *time_bound(const struct source *s, enum expr_op op, int64_t us,
                                     struct arena *a)
{
    const struct field *f = schema_field_by_name(s->schema, s->view->timestamp_field, true);
    int64_t v = f->type->kind == TYPE_DATE ? floor_div(us, US_PER_DAY) : us;
    return expr_compare(a, op, f->name, int_literal(a, f->type->kind, v));
}

static const struct expr *range_filter(const struct source *s, const struct pit_range *range,
                                       struct arena *a)
{
    const struct expr *e = expr_true();
    if (range->time_lo != INT64_MIN)
        e = expr_and(a, e, time_bound(s, EXPR_GE, range->time_lo, a));
    if (range->time_hi != INT64_MAX)
        e = expr_and(a, e, time_bound(s, EXPR_LE, range->time_hi, a));
    if (range->has_key) {
        str key = s->view->keys[0].name;
        e = expr_and(a, e, expr_compare(a, EXPR_GE, key, int_literal(a, TYPE_LONG, range->key_lo)));
        e = expr_and(a, e, expr_compare(a, EXPR_LE, key, int_literal(a, TYPE_LONG, range->key_hi)));
    }
    return e;
}

/* When the file's snapshot became visible.  An expired one became so no later than the oldest snapshot that is kept and
 * comes after it; taking that time leaks nothing from the future. */
static int64_t commit_us_of(const struct metadata *m, const struct scan_task *t)
{
    const struct snapshot *own = metadata_snapshot_by_id(m, t->snapshot_id);
    int64_t ms = INT64_MAX;
    if (own)
        return own->timestamp_ms * 1000;
    for (size_t i = 0; i < m->snapshots_n; i++)
        if (m->snapshots[i]->sequence_number >= t->sequence_number &&
            m->snapshots[i]->timestamp_ms < ms)
            ms = m->snapshots[i]->timestamp_ms;
    return ms == INT64_MAX ? INT64_MAX : ms * 1000;
}

/* Values of identity partition fields stand in for columns that a file does not hold. */
static void file_constants(const struct planning *p, const struct data_file *f,
                           struct scan_file *out)
{
    const struct partition_spec *spec = metadata_spec_by_id(p->source->table.metadata, f->spec_id);
    struct scan_constant *constants = arena_array(p->arena, struct scan_constant, f->partition_n);
    for (size_t i = 0; spec && i < spec->fields_n && i < f->partition_n; i++) {
        if (spec->fields[i].transform.kind != TRANSFORM_IDENTITY)
            continue;
        struct value *v = arena_new(p->arena, struct value);
        *v = value_copy(&f->partition[i], p->arena);
        constants[out->constants_n++] = (struct scan_constant){ spec->fields[i].source_id, v };
    }
    out->constants = constants;
}

/* Bounds of a column's values in a file, as int64; false when they are not known. */
static bool file_bounds(const struct source *s, const struct data_file *f, str column, int64_t *lo,
                        int64_t *hi)
{
    const struct field *field = schema_field_by_name(s->schema, column, true);
    const struct column_metrics *m = field ? data_file_column(f, field->id) : NULL;
    struct value lower, upper;
    struct error none;
    if (!m || !m->lower.ptr || !m->upper.ptr ||
        !value_decode(field->type, m->lower, &lower, &none) ||
        !value_decode(field->type, m->upper, &upper, &none))
        return false;
    *lo = lower.i;
    *hi = upper.i;
    return true;
}

/* A date is a day's first microsecond, as the join reads it. */
static struct pit_range range_of_file(const struct planning *p, const struct data_file *f)
{
    const struct source *s = p->source;
    const struct field *ts = schema_field_by_name(s->schema, s->view->timestamp_field, true);
    struct pit_range out = { .time_lo = INT64_MIN, .time_hi = INT64_MAX };
    int64_t lo, hi, unit = ts->type->kind == TYPE_DATE ? US_PER_DAY : 1;
    if (file_bounds(s, f, ts->name, &lo, &hi) && !__builtin_mul_overflow(lo, unit, &lo) &&
        !__builtin_mul_overflow(hi, unit, &hi)) {
        out.time_lo = lo;
        out.time_hi = hi;
    }
    const struct feature_key *key = &s->view->keys[0];
    if (key->type->kind == TYPE_INT || key->type->kind == TYPE_LONG)
        out.has_key = file_bounds(s, f, key->name, &out.key_lo, &out.key_hi);
    return out;
}

static bool take_task(struct planning *p, const struct scan_task *t, struct error *err)
{
    str path, local;
    struct store *store = p->source->lake->warehouse;
    if (!str_is(t->file->format, "parquet"))
        return fail(err, ERR_UNSUPPORTED, "data files in the format " STR_FMT " are not supported",
                    STR_ARG(t->file->format));
    if (!store_from_uri(store, t->file->path, p->arena, &path, err) ||
        !store_local_path(store, path, p->arena, &local, err))
        return false;
    struct planned *f = vec_push(p->arena, &p->files);
    *f = (struct planned){
        .sequence = t->sequence_number,
        .commit_us = commit_us_of(p->source->table.metadata, t),
        .rows = t->file->records,
        .path = arena_str(p->arena, t->file->path),
        .bounds = range_of_file(p, t->file),
        .file = { .path = local, .rows = t->file->records, .sequence = t->sequence_number }
    };
    file_constants(p, t->file, &f->file);
    return deletes_note(p->deletes, t, &f->deletes, err);
}

static bool take_tasks(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!take_task(ctx, &tasks[i], err))
            return false;
    return true;
}

static int by_age(const void *x, const void *y)
{
    const struct planned *a = x, *b = y;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence ? -1 : 1;
    return str_cmp(a->path, b->path);
}

static void give_files(const struct planning *p, struct pit_files *out)
{
    size_t n = p->files.n;
    struct scan_file *files = arena_array(p->arena, struct scan_file, n);
    int64_t *commits = arena_array(p->arena, int64_t, n), *rows = arena_array(p->arena, int64_t, n);
    struct pit_range *bounds = arena_array(p->arena, struct pit_range, n);
    for (size_t i = 0; i < n; i++) {
        files[i] = p->files.at[i].file;
        deletes_apply_file(p->files.at[i].deletes, &files[i]);
        commits[i] = p->files.at[i].commit_us;
        rows[i] = p->files.at[i].rows;
        bounds[i] = p->files.at[i].bounds;
    }
    *out = (struct pit_files){
        .scan = { .schema = p->source->schema,
                  .files = files,
                  .files_n = n,
                  .same_names = p->source->table.metadata->schemas_n == 1 },
        .commit_us = commits,
        .rows_n = rows,
        .bounds = bounds,
    };
}

/* Deleted rows stay in the scan with a null timestamp, which matches nothing: a condition that leaves them out could be
 * moved behind the function that offers rows to the join. */
static bool apply_deletes(const struct planning *p, struct pit_files *out, struct error *err)
{
    const struct source *s = p->source;
    const struct field *ts = schema_field_by_name(s->schema, s->view->timestamp_field, true);
    out->scan.null_deleted = ts->id;
    return deletes_apply(p->deletes, &out->scan, err);
}

bool source_plan(void *ctx, const struct pit_range *range, struct arena *a, struct pit_files *out,
                 struct error *err)
{
    const struct source *s = ctx;
    struct planning p = {
        .source = s,
        .arena = a,
        .deletes = deletes_create(s->lake, s->table.metadata, s->schema, a),
    };
    struct scan_options o = { .filter = range_filter(s, range, a),
                              .case_sensitive = true,
                              .pool = s->lake->pool,
                              .cancel = s->cancel };
    if (s->snapshot) {
        o.at.snapshot_id = s->snapshot->id;
        if (!scan_plan(s->lake->warehouse, s->lake->env, s->table.metadata, &o, take_tasks, &p,
                       NULL, err))
            return fail_in(err, "table " STR_FMT, STR_ARG(s->view->table));
    }
    if (p.files.n)
        qsort(p.files.at, p.files.n, sizeof *p.files.at, by_age);
    if (!deletes_load(p.deletes, NULL, s->cancel, err))
        return fail_in(err, "table " STR_FMT, STR_ARG(s->view->table));
    give_files(&p, out);
    return apply_deletes(&p, out, err);
}
