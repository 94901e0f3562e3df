/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/scan_names.h"

#include "base/vec.h"
#include "codec/json.h"
#include "engine/parquet_scan.h"
#include "iceberg/metadata.h"
#include "iceberg/name_mapping.h"

typedef VEC(struct scan_names) names_vec;

static void add_level(const struct name_mapping *level, struct arena *a, names_vec *out)
{
    for (size_t i = 0; i < level->fields_n; i++) {
        const struct mapped_field *f = &level->fields[i];
        if (f->field_id != NAME_MAPPING_NONE)
            *vec_push(a, out) = (struct scan_names){ f->field_id, f->names, f->names_n };
        add_level(f->children, a, out);
    }
}

bool scan_names_of(const struct metadata *m, struct arena *a, const struct scan_names **out,
                   size_t *n, struct error *err)
{
    struct json *doc;
    const struct name_mapping *mapping;
    names_vec names = { 0 };
    str text = metadata_property(m, NAME_MAPPING_PROPERTY, (str){ 0 });
    *n = 0;
    if (text.len == 0)
        return true;
    if (!json_parse(text, a, &doc, err) || !name_mapping_parse(doc, a, &mapping, err)) {
        if (err->code == ERR_INVALID)
            err->code = ERR_CORRUPT;
        return fail_in(err, "the property " NAME_MAPPING_PROPERTY);
    }
    add_level(mapping, a, &names);
    *out = names.at;
    *n = names.n;
    return true;
}
