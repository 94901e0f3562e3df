/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/delete_index_priv.h"

#include <math.h>
#include <stdlib.h>

#include "iceberg/expr_priv.h"
#include "iceberg/scan.h"
#include "iceberg/schema.h"
#include "iceberg/value.h"

#define KEY_BYTES_MAX ((size_t)64 << 20)

static void destroy_scratch(void *arena)
{
    arena_destroy(arena);
}

void delete_index_init(struct delete_index *x, struct arena *a)
{
    *x = (struct delete_index){ .arena = a, .scratch = arena_create(0) };
    arena_defer(a, destroy_scratch, x->scratch);
    map_init(&x->by_path, a);
    map_init(&x->by_partition, a);
}

str data_file_partition_key(const struct data_file *f, struct arena *a)
{
    struct buf b = BUF_INIT(KEY_BYTES_MAX);
    buf_add(&b, &f->spec_id, sizeof f->spec_id);
    for (size_t i = 0; i < f->partition_n; i++) {
        struct value v = f->partition[i];
        buf_add_char(&b, v.is_null ? 0 : 1);
        if (v.is_null)
            continue;
        if (value_is_nan(&v))
            v.f = NAN;
        size_t at = b.len;
        uint32_t len = 0;
        buf_add(&b, &len, sizeof len);
        value_encode(&v, &b);
        len = (uint32_t)(b.len - at - sizeof len);
        if (!b.overflow)
            memcpy(b.ptr + at, &len, sizeof len);
    }
    str key = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return key;
}

/* --- filling --- */

static bool same_values(const struct data_file *x, const struct data_file *y)
{
    if (x->partition_n != y->partition_n)
        return false;
    for (size_t i = 0; i < x->partition_n; i++) {
        const struct value *v = &x->partition[i], *w = &y->partition[i];
        if (v->is_null != w->is_null)
            return false;
        if (!v->is_null && (value_class_of(v->kind) != value_class_of(w->kind) || !value_eq(v, w)))
            return false;
    }
    return true;
}

static bool same_partition(const struct data_file *x, const struct data_file *y)
{
    return x->spec_id == y->spec_id && same_values(x, y);
}

static bool is_compared(const struct data_file *d, int32_t id)
{
    for (size_t i = 0; i < d->equality_ids_n; i++)
        if (d->equality_ids[i] == id)
            return true;
    return d->content == FILE_POSITION_DELETES && id == DELETE_FIELD_PATH;
}

/* Only the metrics that finding needs. */
static void keep_columns(struct data_file *d, struct arena *a)
{
    struct column_metrics *kept = arena_array(a, struct column_metrics, d->columns_n);
    size_t n = 0;
    if (d->referenced_file.ptr == NULL)
        for (size_t i = 0; i < d->columns_n; i++)
            if (is_compared(d, d->columns[i].field_id))
                kept[n++] = d->columns[i];
    d->columns = kept;
    d->columns_n = n;
}

/* Many vectors lie in one Puffin file, and files of a manifest in one partition: what the last one had too is kept
 * once. */
static struct delete_file *copy_in(struct delete_index *x, const struct manifest_entry *e)
{
    struct delete_file *d = arena_new(x->arena, struct delete_file);
    const struct data_file *last = x->last ? &x->last->file : NULL;
    struct data_file f = e->file;
    bool path = last && str_eq(last->path, f.path), format = last && str_eq(last->format, f.format);
    bool values = last && last->partition_n > 0 && same_values(last, &f);
    if (!x->all_columns)
        keep_columns(&f, x->scratch);
    if (path)
        f.path = (str){ 0 };
    if (format)
        f.format = (str){ 0 };
    if (values)
        f.partition_n = 0;
    data_file_copy(&f, x->arena, &d->file);
    if (path)
        d->file.path = last->path;
    if (format)
        d->file.format = last->format;
    if (values) {
        d->file.partition = last->partition;
        d->file.partition_n = last->partition_n;
    }
    d->sequence_number = e->sequence_number;
    arena_reset(x->scratch);
    x->last = d;
    return d;
}

static struct partition_deletes *at_partition(struct delete_index *x, const struct data_file *d)
{
    str key = data_file_partition_key(d, x->arena);
    struct partition_deletes *p = map_get(&x->by_partition, key);
    if (p == NULL) {
        p = arena_new(x->arena, struct partition_deletes);
        map_put(&x->by_partition, key, p);
    }
    return p;
}

void delete_index_add(struct delete_index *x, const struct manifest_entry *entry,
                      bool unpartitioned)
{
    struct delete_file *d = copy_in(x, entry);
    str name = delete_file_target(&d->file);
    x->n++;
    if (name.ptr != NULL) {
        d->next = map_put(&x->by_path, name, d);
        return;
    }
    struct delete_list *list = &x->global;
    if (d->file.content == FILE_POSITION_DELETES)
        list = &at_partition(x, &d->file)->positions;
    else if (!unpartitioned)
        list = &at_partition(x, &d->file)->equalities;
    *vec_push(x->arena, &list->files) = d;
}

static int by_sequence(const void *x, const void *y)
{
    const struct delete_file *a = *(const struct delete_file *const *)x,
                             *b = *(const struct delete_file *const *)y;
    return (a->sequence_number > b->sequence_number) - (a->sequence_number < b->sequence_number);
}

static void sort_list(struct delete_list *list)
{
    if (list->files.n > 1)
        qsort(list->files.at, list->files.n, sizeof(struct delete_file *), by_sequence);
}

void delete_index_seal(struct delete_index *x)
{
    sort_list(&x->global);
    for (size_t i = 0; i < x->by_partition.n; i++) {
        struct partition_deletes *p = x->by_partition.entries[i].value;
        sort_list(&p->positions);
        sort_list(&p->equalities);
    }
}

/* --- columns of equality deletes --- */

struct id_set {
    VEC(int32_t) ids;
};

static int id_order(const void *x, const void *y)
{
    int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;
    return (a > b) - (a < b);
}

static void add_columns(const struct delete_list *list, struct arena *a, struct id_set *set)
{
    const int32_t *last = NULL;
    for (size_t i = 0; i < list->files.n; i++) {
        const struct data_file *d = &list->files.at[i]->file;
        if (last != NULL && d->equality_ids_n == 1 && *last == d->equality_ids[0])
            continue; /* nearly always */
        for (size_t k = 0; k < d->equality_ids_n; k++)
            *vec_push(a, &set->ids) = d->equality_ids[k];
        last = d->equality_ids_n == 1 ? d->equality_ids : NULL;
    }
}

void delete_index_columns(const struct delete_index *x, struct arena *a, const int32_t **ids,
                          size_t *n)
{
    struct id_set set = { 0 };
    add_columns(&x->global, a, &set);
    for (size_t i = 0; i < x->by_partition.n; i++)
        add_columns(&((struct partition_deletes *)x->by_partition.entries[i].value)->equalities, a,
                    &set);
    *ids = set.ids.at;
    *n = 0;
    if (set.ids.n > 0)
        qsort(set.ids.at, set.ids.n, sizeof(int32_t), id_order);
    for (size_t i = 0; i < set.ids.n; i++)
        if (*n == 0 || set.ids.at[*n - 1] != set.ids.at[i])
            set.ids.at[(*n)++] = set.ids.at[i];
}

/* --- finding --- */

/* The paths that a position delete file names, by its bounds. */
static bool may_name(const struct data_file *d, str path)
{
    const struct column_metrics *c = data_file_column(d, DELETE_FIELD_PATH);
    if (c == NULL)
        return true;
    return (c->lower.ptr == NULL || str_cmp(c->lower, path) <= 0) &&
           (c->upper.ptr == NULL || str_cmp(path, c->upper) <= 0);
}

static bool all_null(const struct column_metrics *c)
{
    return c->values >= 0 && c->nulls >= c->values;
}

/* All values of `low` are below all of `high`; false when that is not known. */
static bool apart(const struct type *t, const struct column_metrics *low,
                  const struct column_metrics *high)
{
    struct error ignored;
    struct value most, least;
    return low->upper.ptr != NULL && high->lower.ptr != NULL &&
           value_decode(t, low->upper, &most, &ignored) &&
           value_decode(t, high->lower, &least, &ignored) && expr_value_cmp(&most, &least) < 0;
}

/* Whether no row of the two can agree in this column. */
static bool never_equal(const struct type *t, const struct column_metrics *d,
                        const struct column_metrics *f)
{
    if (d->nulls != 0 && f->nulls != 0) /* a null deletes a null */
        return false;
    if (all_null(d) || all_null(f))
        return true;
    if (!type_is_primitive(t) || t->kind == TYPE_FLOAT || t->kind == TYPE_DOUBLE ||
        t->kind == TYPE_FIXED || t->kind >= TYPE_GEOMETRY)
        return false; /* no bounds for NaN; others have none that can be compared */
    return apart(t, d, f) || apart(t, f, d);
}

static bool may_equal(const struct delete_index *x, const struct data_file *d,
                      const struct data_file *file)
{
    for (size_t i = 0; x->schema != NULL && i < d->equality_ids_n; i++) {
        const struct field *field = schema_field_by_id(x->schema, d->equality_ids[i]);
        const struct column_metrics *c = data_file_column(d, d->equality_ids[i]);
        const struct column_metrics *f = data_file_column(file, d->equality_ids[i]);
        if (field != NULL && c != NULL && f != NULL && never_equal(field->type, c, f))
            return false;
    }
    return true;
}

struct found {
    VEC(const struct data_file *) files;
};

/* The place of the first one of at least this sequence number. */
static size_t first_of(const struct delete_list *list, int64_t sequence_number)
{
    size_t lo = 0, hi = list->files.n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (list->files.at[mid]->sequence_number < sequence_number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void collect(const struct delete_index *x, const struct delete_list *list,
                    const struct data_file *file, int64_t sequence_number, struct arena *a,
                    struct found *out)
{
    for (size_t i = first_of(list, sequence_number); i < list->files.n; i++) {
        const struct data_file *d = &list->files.at[i]->file;
        if (d->content == FILE_POSITION_DELETES ? may_name(d, file->path) : may_equal(x, d, file))
            *vec_push(a, &out->files) = d;
    }
}

/* Deletes that name this file; a vector replaces all other position deletes. */
static bool collect_named(const struct delete_file *d, const struct data_file *file,
                          int64_t sequence_number, struct arena *a, struct found *out)
{
    const struct delete_file *vector = NULL;
    for (; d != NULL; d = d->next) {
        if (d->sequence_number < sequence_number || !same_partition(&d->file, file))
            continue;
        if (!delete_file_is_vector(&d->file))
            *vec_push(a, &out->files) = &d->file;
        else if (vector == NULL || d->sequence_number > vector->sequence_number)
            vector = d;
    }
    if (vector == NULL)
        return false;
    out->files.n = 0;
    *vec_push(a, &out->files) = &vector->file;
    return true;
}

void delete_index_find(const struct delete_index *x, const struct data_file *file,
                       int64_t sequence_number, struct arena *a,
                       const struct data_file *const **out, size_t *n)
{
    struct found found = { 0 };
    *out = NULL;
    *n = 0;
    if (x->n == 0)
        return;
    bool vector = collect_named(map_get(&x->by_path, file->path), file, sequence_number, a, &found);
    const struct partition_deletes *p =
        x->by_partition.n > 0 ? map_get(&x->by_partition, data_file_partition_key(file, a)) : NULL;
    if (p != NULL && !vector)
        collect(x, &p->positions, file, sequence_number, a, &found);
    if (p != NULL)
        collect(x, &p->equalities, file, sequence_number + 1, a, &found);
    collect(x, &x->global, file, sequence_number + 1, a, &found);
    *out = found.files.at;
    *n = found.files.n;
}

/* Tasks name the `file` of a struct delete_file. */
int64_t scan_delete_sequence(const struct data_file *delete_file)
{
    return ((const struct delete_file *)(const void *)delete_file)->sequence_number;
}
