/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/expire.h"

#include "base/vec.h"
#include "iceberg/scan.h"

#define AGE_MS_DEFAULT (INT64_C(5) * 24 * 3600 * 1000)

struct expiry {
    const struct metadata *m;
    const struct expire_options *o;
    struct arena *arena;
    bool *kept;        /* by place in m->snapshots_by_id */
    bool *is_ancestor; /* of a ref that stays: likewise */
    int64_t older_than_ms, max_ref_age_ms;
    int64_t retain_last;
    VEC(struct table_update) updates;
};

/* Subtraction that stays in range: ages come from properties. */
static int64_t before(int64_t now, int64_t age)
{
    return age > 0 && now < INT64_MIN + age ? INT64_MIN : now - age;
}

static bool read_policy(struct expiry *x, struct error *err)
{
    const struct metadata *m = x->m;
    if (str_eq_nocase(metadata_property(m, "gc.enabled", STR("true")), STR("false")))
        return fail(
            err, ERR_DENIED,
            "snapshots cannot be expired: gc.enabled of the table is false, other tables may "
            "need its files");
    int64_t age = metadata_property_int(m, "history.expire.max-snapshot-age-ms", AGE_MS_DEFAULT);
    int64_t least = metadata_property_int(m, "history.expire.min-snapshots-to-keep", 1);
    x->max_ref_age_ms = metadata_property_int(m, "history.expire.max-ref-age-ms", INT64_MAX);
    if (age < 0 || least < 1 || x->max_ref_age_ms < 0)
        return fail(err, ERR_INVALID,
                    "the table's history.expire properties must not be negative, and "
                    "min-snapshots-to-keep not below 1");
    x->older_than_ms =
        x->o->older_than_ms == EXPIRE_AGE_NONE ? before(x->o->now_ms, age) : x->o->older_than_ms;
    x->retain_last = x->o->retain_last > 0 ? x->o->retain_last : least;
    return true;
}

static bool ref_stays(const struct expiry *x, const struct snapshot_ref *r)
{
    const struct snapshot *s = metadata_snapshot_by_id(x->m, r->snapshot_id);
    if (str_is(r->name, "main"))
        return true;
    int64_t age = r->max_ref_age_ms > 0 ? r->max_ref_age_ms : x->max_ref_age_ms;
    return s && s->timestamp_ms >= before(x->o->now_ms, age);
}

static void keep_branch(struct expiry *x, const struct snapshot_ref *r)
{
    int64_t oldest = r->max_snapshot_age_ms > 0 ? before(x->o->now_ms, r->max_snapshot_age_ms)
                                                : x->older_than_ms;
    int64_t least = r->min_snapshots_to_keep > 0 ? r->min_snapshots_to_keep : x->retain_last;
    int64_t n = 0, id = r->snapshot_id;
    bool keeping = true;
    for (size_t steps = 0; steps <= x->m->snapshots_n; steps++) { /* parents may go in a circle */
        int64_t at = metadata_snapshot_place(x->m, id);
        if (at < 0)
            return;
        const struct snapshot *s = x->m->snapshots_by_id[at];
        x->is_ancestor[at] = true;
        keeping = keeping && (n < least || s->timestamp_ms >= oldest);
        if (keeping) {
            x->kept[at] = true;
            n++;
        }
        id = s->parent_id;
    }
}

static void keep_by_refs(struct expiry *x, struct expire_plan *out)
{
    for (size_t i = 0; i < x->m->refs_n; i++) {
        const struct snapshot_ref *r = &x->m->refs[i];
        int64_t at = metadata_snapshot_place(x->m, r->snapshot_id);
        if (!ref_stays(x, r)) {
            *vec_push(x->arena, &x->updates) =
                (struct table_update){ .kind = UPDATE_REMOVE_SNAPSHOT_REF, .ref = *r };
            out->refs_n++;
        } else if (r->kind == REF_BRANCH) {
            keep_branch(x, r);
        } else if (at >= 0) {
            x->kept[at] = x->is_ancestor[at] = true;
        }
    }
}

static void keep_unreferenced(struct expiry *x)
{
    for (size_t i = 0; i < x->m->snapshots_n; i++)
        if (!x->is_ancestor[i] && x->m->snapshots_by_id[i]->timestamp_ms >= x->older_than_ms)
            x->kept[i] = true;
}

static const struct snapshot_ref *ref_at(const struct expiry *x, int64_t id)
{
    for (size_t i = 0; i < x->m->refs_n; i++)
        if (x->m->refs[i].snapshot_id == id && ref_stays(x, &x->m->refs[i]))
            return &x->m->refs[i];
    return NULL;
}

static bool drop_named(struct expiry *x, struct error *err)
{
    for (size_t i = 0; i < x->o->ids_n; i++) {
        int64_t at = metadata_snapshot_place(x->m, x->o->ids[i]);
        const struct snapshot_ref *r = ref_at(x, x->o->ids[i]);
        if (at < 0)
            return fail(err, ERR_NOT_FOUND, "the table has no snapshot %lld",
                        (long long)x->o->ids[i]);
        if (r)
            return fail(err, ERR_INVALID,
                        "snapshot %lld cannot be expired: %s \"" STR_FMT "\" points to it",
                        (long long)x->o->ids[i], r->kind == REF_TAG ? "tag" : "branch",
                        STR_ARG(r->name));
        for (size_t k = 0; k < x->o->needed_n; k++)
            if (x->o->needed[k] == x->o->ids[i])
                return fail(err, ERR_INVALID,
                            "snapshot %lld cannot be expired: another branch or tag of the catalog "
                            "needs it",
                            (long long)x->o->ids[i]);
        x->kept[at] = false;
    }
    return true;
}

static void keep_needed(struct expiry *x)
{
    for (size_t i = 0; i < x->o->needed_n; i++) {
        int64_t at = metadata_snapshot_place(x->m, x->o->needed[i]);
        if (at >= 0)
            x->kept[at] = true;
    }
}

/* One remove-snapshots for all; in the order of the table. */
static void list_gone(struct expiry *x, struct expire_plan *out)
{
    out->gone = arena_array(x->arena, const struct snapshot *, x->m->snapshots_n);
    int64_t *ids = arena_array(x->arena, int64_t, x->m->snapshots_n);
    for (size_t i = 0; i < x->m->snapshots_n; i++) {
        const struct snapshot *s = x->m->snapshots[i];
        if (!x->kept[metadata_snapshot_place(x->m, s->id)]) {
            ids[out->gone_n] = s->id;
            out->gone[out->gone_n++] = s;
        }
    }
    if (out->gone_n > 0)
        *vec_push(x->arena, &x->updates) =
            (struct table_update){ .kind = UPDATE_REMOVE_SNAPSHOTS,
                                   .snapshot_ids = { ids, out->gone_n } };
}

static bool is_gone(const struct expiry *x, int64_t id)
{
    int64_t at = metadata_snapshot_place(x->m, id);
    return at >= 0 && !x->kept[at];
}

static void drop_statistics(struct expiry *x)
{
    const struct metadata *m = x->m;
    for (size_t i = 0; i < m->statistics_n; i++)
        if (is_gone(x, m->statistics[i].snapshot_id))
            *vec_push(x->arena, &x->updates) =
                (struct table_update){ .kind = UPDATE_REMOVE_STATISTICS,
                                       .snapshot_id = m->statistics[i].snapshot_id };
    for (size_t i = 0; i < m->partition_statistics_n; i++)
        if (is_gone(x, m->partition_statistics[i].snapshot_id))
            *vec_push(x->arena, &x->updates) =
                (struct table_update){ .kind = UPDATE_REMOVE_PARTITION_STATISTICS,
                                       .snapshot_id = m->partition_statistics[i].snapshot_id };
}

/* --- specs and schemas that nothing uses --- */

static size_t place_of_spec(const struct metadata *m, int32_t id)
{
    size_t i = 0;
    while (i < m->specs_n && m->specs[i]->id != id)
        i++;
    return i;
}

static bool mark_specs(struct store *store, const struct expiry *x, const struct snapshot *s,
                       bool *used, struct error *err)
{
    struct manifest_file *manifests;
    size_t n;
    struct arena *a = arena_create(0);
    bool ok = scan_manifests(store, s, a, &manifests, &n, err);
    for (size_t i = 0; ok && i < n; i++) {
        size_t at = place_of_spec(x->m, manifests[i].spec_id);
        if (at < x->m->specs_n)
            used[at] = true;
        else /* a manifest that no list describes may be of any spec */
            memset(used, true, x->m->specs_n);
    }
    arena_destroy(a);
    return ok || fail_in(err, "snapshot %lld", (long long)s->id);
}

static bool mark_used(struct store *store, const struct expiry *x, bool *specs, bool *schemas,
                      struct error *err)
{
    const struct metadata *m = x->m;
    for (size_t i = 0; i < m->specs_n; i++)
        specs[i] = m->specs[i]->id == m->default_spec_id;
    for (size_t i = 0; i < m->schemas_n; i++)
        schemas[i] = m->schemas[i]->id == m->current_schema_id;
    for (size_t i = 0; i < m->snapshots_n; i++) {
        const struct snapshot *s = m->snapshots_by_id[i];
        if (!x->kept[i])
            continue;
        for (size_t k = 0; k < m->schemas_n; k++)
            schemas[k] = schemas[k] || s->schema_id < 0 || m->schemas[k]->id == s->schema_id;
        if (m->specs_n > 1 && !mark_specs(store, x, s, specs, err))
            return false;
    }
    return true;
}

/* A spec that stays needs a schema with its columns. */
static void mark_schemas_of_specs(const struct metadata *m, const bool *specs, bool *schemas)
{
    for (size_t i = 0; i < m->specs_n; i++)
        for (size_t f = 0; specs[i] && f < m->specs[i]->fields_n; f++) {
            int32_t source = m->specs[i]->fields[f].source_id;
            bool found = false;
            for (size_t k = 0; k < m->schemas_n; k++)
                found = found || (schemas[k] && schema_field_by_id(m->schemas[k], source));
            for (size_t k = m->schemas_n; !found && k-- > 0;)
                if (schema_field_by_id(m->schemas[k], source))
                    found = schemas[k] = true;
        }
}

static bool clean(struct store *store, struct expiry *x, struct expire_plan *out, struct error *err)
{
    const struct metadata *m = x->m;
    bool *specs = arena_array(x->arena, bool, m->specs_n);
    bool *schemas = arena_array(x->arena, bool, m->schemas_n);
    int32_t *spec_ids = arena_array(x->arena, int32_t, m->specs_n);
    int32_t *schema_ids = arena_array(x->arena, int32_t, m->schemas_n);
    if (!mark_used(store, x, specs, schemas, err))
        return false;
    mark_schemas_of_specs(m, specs, schemas);
    for (size_t i = 0; i < m->specs_n; i++)
        if (!specs[i])
            spec_ids[out->specs_n++] = m->specs[i]->id;
    for (size_t i = 0; i < m->schemas_n; i++)
        if (!schemas[i])
            schema_ids[out->schemas_n++] = m->schemas[i]->id;
    if (out->specs_n > 0)
        *vec_push(x->arena, &x->updates) =
            (struct table_update){ .kind = UPDATE_REMOVE_SPECS, .ids = { spec_ids, out->specs_n } };
    if (out->schemas_n > 0)
        *vec_push(x->arena, &x->updates) =
            (struct table_update){ .kind = UPDATE_REMOVE_SCHEMAS,
                                   .ids = { schema_ids, out->schemas_n } };
    return true;
}

bool expire_plan(struct store *store, const struct metadata *m, const struct expire_options *o,
                 struct arena *a, struct expire_plan *out, struct error *err)
{
    struct expiry x = { .m = m, .o = o, .arena = a };
    *out = (struct expire_plan){ 0 };
    if (!read_policy(&x, err))
        return false;
    x.kept = arena_array(a, bool, m->snapshots_n);
    x.is_ancestor = arena_array(a, bool, m->snapshots_n);
    keep_by_refs(&x, out);
    keep_unreferenced(&x);
    if (!drop_named(&x, err))
        return false;
    keep_needed(&x);
    list_gone(&x, out);
    drop_statistics(&x);
    if (o->clean_metadata && !clean(store, &x, out, err))
        return false;
    out->updates = x.updates.at;
    out->updates_n = x.updates.n;
    return true;
}
