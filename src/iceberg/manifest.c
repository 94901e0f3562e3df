/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/manifest.h"

#include "iceberg/value.h"

const struct column_metrics *data_file_column(const struct data_file *f, int32_t field_id)
{
    for (size_t i = 0; i < f->columns_n; i++)
        if (f->columns[i].field_id == field_id)
            return &f->columns[i];
    return NULL;
}

static str copy_view(struct arena *a, str s) /* keeps "absent" and "empty" apart */
{
    return s.ptr == NULL ? s : s.len == 0 ? STR("") : arena_str(a, s);
}

static void *copy_array(struct arena *a, const void *at, size_t n, size_t size)
{
    if (n == 0)
        return NULL;
    void *copy = arena_alloc_array(a, n, size);
    memcpy(copy, at, n * size);
    return copy;
}

static const struct column_metrics *copy_columns(const struct data_file *f, struct arena *a)
{
    struct column_metrics *c = copy_array(a, f->columns, f->columns_n, sizeof *c);
    for (size_t i = 0; i < f->columns_n; i++) {
        c[i].lower = copy_view(a, c[i].lower);
        c[i].upper = copy_view(a, c[i].upper);
    }
    return c;
}

static const struct value *copy_values(const struct data_file *f, struct arena *a)
{
    struct value *v = copy_array(a, f->partition, f->partition_n, sizeof *v);
    for (size_t i = 0; i < f->partition_n; i++)
        v[i] = value_copy(&v[i], a);
    return v;
}

void data_file_copy(const struct data_file *f, struct arena *a, struct data_file *out)
{
    *out = *f;
    out->path = copy_view(a, f->path);
    out->format = copy_view(a, f->format);
    out->partition = copy_values(f, a);
    out->columns = copy_columns(f, a);
    out->key_metadata = copy_view(a, f->key_metadata);
    out->split_offsets =
        copy_array(a, f->split_offsets, f->split_offsets_n, sizeof *f->split_offsets);
    out->equality_ids = copy_array(a, f->equality_ids, f->equality_ids_n, sizeof *f->equality_ids);
    out->referenced_file = copy_view(a, f->referenced_file);
}
