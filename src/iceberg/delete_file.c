/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/delete_file.h"

#include "iceberg/schema.h"

const struct schema *position_delete_schema(struct arena *a)
{
    struct field *f = arena_array(a, struct field, 2);
    struct schema *s = arena_new(a, struct schema);
    f[0] = (struct field){ .id = DELETE_FIELD_PATH,
                           .name = STR("file_path"),
                           .required = true,
                           .type = type_of(TYPE_STRING) };
    f[1] = (struct field){
        .id = DELETE_FIELD_POS, .name = STR("pos"), .required = true, .type = type_of(TYPE_LONG)
    };
    s->fields = f;
    s->fields_n = 2;
    s->type = type_struct(a, f, 2);
    return s;
}

bool delete_file_is_vector(const struct data_file *f)
{
    return f->content == FILE_POSITION_DELETES && str_is(f->format, DELETE_VECTOR_FORMAT);
}

str delete_file_target(const struct data_file *f)
{
    if (f->content != FILE_POSITION_DELETES || f->referenced_file.ptr)
        return f->content == FILE_POSITION_DELETES ? f->referenced_file : (str){ 0 };
    const struct column_metrics *m = data_file_column(f, DELETE_FIELD_PATH);
    return m && m->lower.ptr && m->upper.ptr && str_eq(m->lower, m->upper) ? m->lower : (str){ 0 };
}
