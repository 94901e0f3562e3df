/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/schema_name.h"

#include "catalog/catalog.h"
#include "catalog/name.h"
#include "sql/lake.h"

static bool is_there(struct lake *lake, str ref, str ns, struct arena *a, bool *out,
                     struct error *err)
{
    struct error missing = { 0 };
    struct property *props;
    size_t n;
    *out = catalog_load_namespace(lake->catalog, ref, ns, a, &props, &n, &missing);
    if (*out || missing.code == ERR_NOT_FOUND || missing.code == ERR_INVALID)
        return true;
    *err = missing;
    return false;
}

bool schema_namespace(struct lake *lake, str ref, str schema, struct arena *a, str *ns,
                      struct error *err)
{
    bool nested, level = false;
    *ns = ns_from_dotted(schema, a);
    if (str_find_char(schema, '.') < 0 || str_starts(schema, STR("\"")))
        return true;
    if (!is_there(lake, ref, *ns, a, &nested, err) ||
        (!nested && !is_there(lake, ref, schema, a, &level, err)))
        return false;
    if (level)
        *ns = schema;
    return true;
}

bool schema_name_text(struct lake *lake, str ref, const str *parts, size_t n, struct arena *a,
                      str *out, struct error *err)
{
    str ns;
    *out = name_to_text((str){ 0 }, parts[0], a);
    if (n < 2)
        return true;
    if (!schema_namespace(lake, ref, arena_join(a, parts, n - 1, STR(".")), a, &ns, err))
        return false;
    *out = name_to_text(ns, parts[n - 1], a);
    return true;
}
