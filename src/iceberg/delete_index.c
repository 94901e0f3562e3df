/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/delete_index_priv.h"

#include <math.h>

#include "iceberg/value.h"

#define KEY_BYTES_MAX ((size_t)64 << 20)

void delete_index_init(struct delete_index *x, struct arena *a)
{
    *x = (struct delete_index){ .arena = a };
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

static void push_at(struct delete_index *x, struct map *m, str key, const struct delete_file *d)
{
    struct delete_list *list = map_get(m, key);
    if (list == NULL) {
        list = arena_new(x->arena, struct delete_list);
        map_put(m, key, list);
    }
    *vec_push(x->arena, &list->files) = d;
}

void delete_index_add(struct delete_index *x, const struct manifest_entry *entry,
                      bool unpartitioned)
{
    struct delete_file *d = arena_new(x->arena, struct delete_file);
    data_file_copy(&entry->file, x->arena, &d->file);
    d->sequence_number = entry->sequence_number;
    x->n++;
    if (d->file.content == FILE_EQUALITY_DELETES && unpartitioned)
        *vec_push(x->arena, &x->global.files) = d;
    else if (d->file.content == FILE_POSITION_DELETES && d->file.referenced_file.ptr != NULL)
        push_at(x, &x->by_path, d->file.referenced_file, d);
    else
        push_at(x, &x->by_partition, data_file_partition_key(&d->file, x->arena), d);
}

static bool is_vector(const struct data_file *d)
{
    return d->content == FILE_POSITION_DELETES && str_is(d->format, "puffin");
}

static bool same_partition(const struct data_file *x, const struct data_file *y, struct arena *a)
{
    return x->spec_id == y->spec_id &&
           str_eq(data_file_partition_key(x, a), data_file_partition_key(y, a));
}

/* The paths that a position delete file names, by its bounds. */
static bool may_name(const struct data_file *d, str path)
{
    const struct column_metrics *c = data_file_column(d, DELETE_PATH_FIELD);
    if (c == NULL)
        return true;
    return (c->lower.ptr == NULL || str_cmp(c->lower, path) <= 0) &&
           (c->upper.ptr == NULL || str_cmp(path, c->upper) <= 0);
}

static bool is_young_enough(const struct delete_file *d, int64_t sequence_number)
{
    if (d->file.content == FILE_EQUALITY_DELETES)
        return sequence_number < d->sequence_number;
    return sequence_number <= d->sequence_number;
}

struct found {
    VEC(const struct data_file *) files;
};

static void collect(const struct delete_list *list, const struct data_file *file,
                    int64_t sequence_number, bool positions, struct arena *a, struct found *out)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->files.n; i++) {
        const struct delete_file *d = list->files.at[i];
        bool position = d->file.content == FILE_POSITION_DELETES;
        if (!is_young_enough(d, sequence_number) ||
            (position && (!positions || !may_name(&d->file, file->path))))
            continue;
        *vec_push(a, &out->files) = &d->file;
    }
}

/* Deletes that name this file; a vector replaces all other position deletes. */
static bool collect_named(const struct delete_list *list, const struct data_file *file,
                          int64_t sequence_number, struct arena *a, struct found *out)
{
    const struct delete_file *vector = NULL;
    for (size_t i = 0; list != NULL && i < list->files.n; i++) {
        const struct delete_file *d = list->files.at[i];
        if (!is_young_enough(d, sequence_number) || !same_partition(&d->file, file, a))
            continue;
        if (!is_vector(&d->file))
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
    if (x->by_partition.n > 0)
        collect(map_get(&x->by_partition, data_file_partition_key(file, a)), file, sequence_number,
                !vector, a, &found);
    collect(&x->global, file, sequence_number, true, a, &found);
    *out = found.files.at;
    *n = found.files.n;
}
