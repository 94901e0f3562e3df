/* SPDX-License-Identifier: Apache-2.0
 *
 * A table that both sides changed since the merge base.
 *
 *   M1  When one side's snapshot is an ancestor of the other's, the other side has all rows.
 *   M2  When the source only appended, and the target only appended or rewrote files without
 *       changing rows, the files that the source appended are appended to the target: appends
 *       commute.
 *   M3  The source's snapshots count from the merge base's snapshot, not from the last one that
 *       both have: what an earlier merge appended again has other snapshot ids on the target.
 *       Files that the target has taken already are left out.
 *   M4  A change of schema, partitioning, order or properties merges when only the side that wins
 *       as a whole made it, or the target did and the source appended.  Anything else is a
 *       conflict. */
#include <inttypes.h>
#include <stdio.h>

#include "base/map.h"
#include "catalog/merge_priv.h"
#include "iceberg/manifest_list.h"
#include "iceberg/metadata.h"
#include "io/store.h"

struct sides {
    const struct metadata *base, *source, *target;
};

static bool has_property(const struct property_list *list, const struct property *p)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->at[i].key, p->key))
            return str_eq(list->at[i].value, p->value);
    return false;
}

static bool same_properties(const struct property_list *x, const struct property_list *y)
{
    bool same = x->n == y->n;
    for (size_t i = 0; same && i < x->n; i++)
        same = has_property(y, &x->at[i]);
    return same;
}

/* Branches and tags inside the table, but for main. */
static bool same_refs(const struct metadata *x, const struct metadata *y)
{
    size_t others = 0;
    for (size_t i = 0; i < y->refs_n; i++)
        others += !str_is(y->refs[i].name, "main");
    for (size_t i = 0; i < x->refs_n; i++) {
        if (str_is(x->refs[i].name, "main"))
            continue;
        const struct snapshot_ref *there = metadata_ref(y, x->refs[i].name);
        if (!there || there->snapshot_id != x->refs[i].snapshot_id)
            return false;
        others--;
    }
    return others == 0;
}

/* Everything but the rows of main. */
static bool same_shape(const struct metadata *x, const struct metadata *y)
{
    return x->format_version == y->format_version && str_eq(x->location, y->location) &&
           x->schemas_n == y->schemas_n && x->current_schema_id == y->current_schema_id &&
           schema_same(metadata_schema(x), metadata_schema(y)) && x->specs_n == y->specs_n &&
           x->default_spec_id == y->default_spec_id && x->orders_n == y->orders_n &&
           x->default_order_id == y->default_order_id &&
           same_properties(&x->properties, &y->properties) && same_refs(x, y);
}

static void conflict(struct table_merge *out, struct arena *a, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static void conflict(struct table_merge *out, struct arena *a, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    out->kind = TABLE_CONFLICT;
    out->reason = arena_str(a, str_of(text));
}

struct snapshots {
    VEC(const struct snapshot *) list;
    bool complete; /* `until` was reached */
};

/* From the current snapshot back to, without, `until` (SNAPSHOT_NONE: to the first). */
static void snapshots_since(const struct metadata *m, int64_t until, struct arena *a,
                            struct snapshots *out)
{
    int64_t id = m->current_snapshot_id;
    while (id != until && id != SNAPSHOT_NONE && out->list.n <= m->snapshots_n) {
        const struct snapshot *s = metadata_snapshot_by_id(m, id);
        if (!s)
            return; /* expired */
        *vec_push(a, &out->list) = s;
        id = s->parent_id;
    }
    out->complete = id == until;
}

/* The newest snapshot of x's history that y's history has too; SNAPSHOT_NONE when there is none. */
static int64_t common_snapshot(const struct metadata *x, const struct metadata *y)
{
    int64_t id = x->current_snapshot_id;
    for (size_t n = 0; id != SNAPSHOT_NONE && n <= x->snapshots_n; n++) {
        if (metadata_is_ancestor(y, y->current_snapshot_id, id))
            return id;
        const struct snapshot *s = metadata_snapshot_by_id(x, id);
        id = s ? s->parent_id : SNAPSHOT_NONE;
    }
    return SNAPSHOT_NONE;
}

/* The first snapshot that is none of the operations; NULL when all are. */
static const struct snapshot *find_other(const struct snapshots *s, str allowed, str allowed_too)
{
    for (size_t i = 0; i < s->list.n; i++)
        if (!str_eq(s->list.at[i]->operation, allowed) &&
            !str_eq(s->list.at[i]->operation, allowed_too))
            return s->list.at[i];
    return NULL;
}

/* M1; false when neither side has the other's rows. */
static bool decide_by_ancestry(const struct sides *m, struct arena *a, struct table_merge *out)
{
    bool source_same = same_shape(m->base, m->source), target_same = same_shape(m->base, m->target);
    int64_t s = m->source->current_snapshot_id, t = m->target->current_snapshot_id;
    bool target_has = s == SNAPSHOT_NONE || metadata_is_ancestor(m->target, t, s);
    bool source_has = t == SNAPSHOT_NONE || metadata_is_ancestor(m->source, s, t);
    if (target_has && (source_same || same_shape(m->source, m->target)))
        out->kind = TABLE_KEEP;
    else if (source_has && target_same)
        out->kind = TABLE_TAKE;
    else if (target_has || source_has)
        conflict(out, a, "schema, partitioning or properties changed on both sides");
    else
        return false;
    return true;
}

static bool read_file(struct catalog *c, str location, size_t max, struct arena *a, str *bytes,
                      struct error *err)
{
    str path;
    return store_from_uri(c->store, location, a, &path, err) &&
           store_get(c->store, path, max, a, bytes, err);
}

static bool added_in_manifest(struct catalog *c, const struct metadata *m,
                              const struct manifest_file *file, struct arena *a,
                              struct table_merge *out, struct error *err)
{
    struct manifest_read_options options = { .file = file,
                                             .spec = metadata_spec_by_id(m, file->spec_id),
                                             .schema = metadata_schema(m),
                                             .all_columns = true };
    struct manifest_entry *entries;
    size_t n;
    str bytes;
    if (!options.spec)
        return fail(err, ERR_CORRUPT, "manifest has unknown partition spec %d", file->spec_id);
    if (!read_file(c, file->path, MANIFEST_BYTES_MAX, a, &bytes, err) ||
        !manifest_parse(bytes, &options, a, &entries, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (entries[i].status == ENTRY_ADDED && entries[i].snapshot_id == file->added_snapshot_id) {
            struct data_file *f = vec_push(a, &out->files);
            *f = entries[i].file;
            f->first_row_id = -1; /* appended again, the rows are new (v3) */
        }
    return true;
}

/* The data files that the snapshot added, after those that are in out already. */
static bool added_in_snapshot(struct catalog *c, const struct metadata *m, const struct snapshot *s,
                              struct arena *a, struct table_merge *out, struct error *err)
{
    struct manifest_file *manifests;
    size_t n;
    str bytes;
    if (s->manifest_list.len == 0)
        return fail(err, ERR_UNSUPPORTED, "snapshot %" PRId64 " has no manifest list", s->id);
    if (!read_file(c, s->manifest_list, MANIFEST_LIST_BYTES_MAX, a, &bytes, err) ||
        !manifest_list_parse(bytes, a, &manifests, &n, err))
        return fail_in(err, "snapshot %" PRId64, s->id);
    for (size_t i = 0; i < n; i++)
        if (manifests[i].content == MANIFEST_DATA && manifests[i].added_snapshot_id == s->id &&
            !added_in_manifest(c, m, &manifests[i], a, out, err))
            return fail_in(err, "manifest " STR_FMT, STR_ARG(manifests[i].path));
    return true;
}

/* Oldest first. */
static bool added_in_all(struct catalog *c, const struct metadata *m, const struct snapshots *s,
                         struct arena *a, struct table_merge *out, struct error *err)
{
    for (size_t i = s->list.n; i-- > 0;)
        if (!added_in_snapshot(c, m, s->list.at[i], a, out, err))
            return false;
    return true;
}

/* M3: what the target took in an earlier merge. */
static void leave_out(struct table_merge *out, const struct table_merge *taken, struct arena *a)
{
    struct map paths;
    map_init(&paths, a);
    for (size_t i = 0; i < taken->files.n; i++)
        map_put(&paths, taken->files.at[i].path, &taken->files.at[i]);
    size_t kept = 0;
    for (size_t i = 0; i < out->files.n; i++)
        if (!map_get(&paths, out->files.at[i].path))
            out->files.at[kept++] = out->files.at[i];
    out->files.n = kept;
}

/* The specs that the files were written by must mean the same on the target. */
static bool specs_fit(const struct sides *m, const struct table_merge *files)
{
    for (size_t i = 0; i < files->files.n; i++) {
        int32_t id = files->files.at[i].spec_id;
        const struct partition_spec *s = metadata_spec_by_id(m->source, id);
        const struct partition_spec *t = metadata_spec_by_id(m->target, id);
        if (!s || !t || !partition_spec_compatible(s, t))
            return false;
    }
    return true;
}

static bool gather(struct catalog *c, const struct sides *m, const struct snapshots *source,
                   const struct snapshots *target, struct arena *a, struct table_merge *out,
                   struct error *err)
{
    struct table_merge taken = { 0 };
    if (!added_in_all(c, m->source, source, a, out, err) ||
        !added_in_all(c, m->target, target, a, &taken, err))
        return false;
    leave_out(out, &taken, a);
    out->kind = out->files.n > 0 ? TABLE_REAPPLY : TABLE_KEEP;
    if (!specs_fit(m, out))
        conflict(out, a, "source wrote with a partitioning that the target does not have");
    return true;
}

/* M2 */
static bool decide_by_appends(struct catalog *c, const struct sides *m, struct arena *a,
                              struct table_merge *out, struct error *err)
{
    struct snapshots source = { 0 }, target = { 0 };
    snapshots_since(m->source, m->base->current_snapshot_id, a, &source);
    snapshots_since(m->target, common_snapshot(m->target, m->base), a, &target);
    const struct snapshot *bad_source = find_other(&source, STR("append"), STR("append"));
    const struct snapshot *bad_target = find_other(&target, STR("append"), STR("replace"));
    if (!source.complete || !target.complete)
        conflict(out, a, "history since the merge base was rolled back or has expired");
    else if (!same_shape(m->base, m->source))
        conflict(out, a,
                 "schema, partitioning or properties changed on the source, rows on both sides");
    else if (bad_source)
        conflict(out, a,
                 "rows changed on both sides, and the source has snapshot %" PRId64 " (" STR_FMT
                 ")",
                 bad_source->id, STR_ARG(bad_source->operation));
    else if (bad_target)
        conflict(out, a,
                 "rows changed on both sides, and the target has snapshot %" PRId64 " (" STR_FMT
                 ")",
                 bad_target->id, STR_ARG(bad_target->operation));
    else
        return gather(c, m, &source, &target, a, out, err);
    return true;
}

bool table_merge_decide(struct catalog *c, const struct entry *base, const struct entry *source,
                        const struct entry *target, struct arena *a, struct table_merge *out,
                        struct error *err)
{
    struct sides m;
    *out = (struct table_merge){ 0 };
    if (!str_eq(base->uuid, source->uuid) || !str_eq(base->uuid, target->uuid)) {
        conflict(out, a, "the table was replaced by another one of the same name");
        return true;
    }
    if (!metadata_load(c, base->location, base->uuid, a, &m.base, err) ||
        !metadata_load(c, source->location, source->uuid, a, &m.source, err) ||
        !metadata_load(c, target->location, target->uuid, a, &m.target, err))
        return false;
    out->source = m.source;
    out->target = m.target;
    return decide_by_ancestry(&m, a, out) || decide_by_appends(c, &m, a, out, err);
}
