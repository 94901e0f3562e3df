/* SPDX-License-Identifier: Apache-2.0
 *
 * A table that both sides changed since the merge base.
 *
 *   M1  When one side's snapshot is an ancestor of the other's, and the base's of both, the other side has all rows.
 *   M2  When only one side changed rows, these are its rows whatever the operations were: the target keeps its own, or takes the
 *       source's snapshots over as they are.
 *   M3  When both did, each only appended or rewrote files without changing rows (compaction): what the source added and removed
 *       in all is added to and removed from the target in one snapshot.  Appends commute; files that both rewrote do not.  Rows
 *       appended again are new rows to v3: their ids are assigned anew behind the target's.
 *       What merges and reverts wrote themselves counts as such, so that merges can be repeated.
 *   M4  Sides are compared by their files, each from the newest snapshot that it has in common with the base: what earlier merges
 *       appended again has other snapshot ids there.  Files that the target has taken already are left out.
 *       Of files that the source had added and rewritten itself the new snapshot's summary keeps the names: whoever takes the
 *       original from elsewhere would have its rows twice.
 *   M5  A source that does not have what the base appended undoes it: these files are removed from the target, whatever else it
 *       has got since, in a snapshot of their own (a delete), which tells giving rows back from rewriting them.
 *   M6  Schema, partitioning, order and properties merge as merge_shape.c says, besides the rows.  Anything else is a conflict. */
#include <inttypes.h>
#include <stdio.h>

#include "base/map.h"
#include "catalog/merge_priv.h"
#include "codec/json.h"
#include "iceberg/manifest_list.h"
#include "iceberg/metadata.h"
#include "io/store.h"

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

/* Our own merges and reverts add and remove files that are named, whatever the operation is called: they commute with appends as
 * rewrites do. */
static bool is_ours(const struct snapshot *s)
{
    return property_get(&s->summary, MERGED_COMMIT, (str){ 0 }).ptr != NULL;
}

/* The first snapshot that is none of the operations; NULL when all are. */
static const struct snapshot *find_other(const struct snapshots *s, str allowed, str allowed_too)
{
    for (size_t i = 0; i < s->list.n; i++)
        if (!str_eq(s->list.at[i]->operation, allowed) &&
            !str_eq(s->list.at[i]->operation, allowed_too) && !is_ours(s->list.at[i]))
            return s->list.at[i];
    return NULL;
}

static bool all_are(const struct snapshots *s, str operation)
{
    for (size_t i = 0; i < s->list.n; i++)
        if (!str_eq(s->list.at[i]->operation, operation))
            return false;
    return true;
}

static bool descends(const struct metadata *m, int64_t ancestor)
{
    return ancestor == SNAPSHOT_NONE || metadata_is_ancestor(m, m->current_snapshot_id, ancestor);
}

/* M1; false when neither side has all of the other. */
static bool decide_by_ancestry(const struct sides *m, struct table_merge *out)
{
    int64_t b = m->base->current_snapshot_id, s = m->source->current_snapshot_id,
            t = m->target->current_snapshot_id;
    if (!descends(m->source, b) || !descends(m->target, b))
        return false; /* one went back */
    if (descends(m->target, s) &&
        (shape_same(m->base, m->source) || shape_same(m->source, m->target)))
        out->kind = TABLE_KEEP;
    else if (descends(m->source, t) && shape_same(m->base, m->target))
        out->kind = TABLE_TAKE;
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

/* How a table stands to the rows of a file. */
enum standing {
    FILE_LACKS,    /* never had them, or gave them back */
    FILE_HAS,      /* the file itself */
    FILE_REWRITTEN /* in another file */
};

/* A file that a line of snapshots added or removed. */
struct net_file {
    struct data_file file;
    bool own; /* added by the line; otherwise it had been there before */
    enum standing standing;
};

struct net {
    VEC(struct net_file *) files;
    struct map by_path;             /* -> struct net_file */
    const struct snapshot *deletes; /* the first that came with delete files */
    bool rewrites_only;
};

static struct net_file *net_file(struct net *n, str path, bool own, struct arena *a)
{
    struct net_file *f = map_get(&n->by_path, path);
    if (!f) {
        f = arena_new(a, struct net_file);
        f->own = own;
        f->file.path = path;
        map_put(&n->by_path, f->file.path, f);
        *vec_push(a, &n->files) = f;
    }
    return f;
}

static void net_add(struct net *n, const struct data_file *file, struct arena *a)
{
    struct net_file *f = net_file(n, file->path, true, a);
    f->file = *file;
    f->file.first_row_id = -1; /* added again, the rows are new (v3) */
    f->standing = FILE_HAS;
}

static void net_remove(struct net *n, const struct data_file *file, bool undone, struct arena *a)
{
    struct net_file *f = net_file(n, file->path, false, a);
    f->file = *file;
    f->file.first_row_id = -1;
    f->standing = undone ? FILE_LACKS : FILE_REWRITTEN;
}

static bool net_of_manifest(struct catalog *c, const struct metadata *m,
                            const struct manifest_file *file, bool undoes, struct arena *a,
                            struct net *n, struct error *err)
{
    struct manifest_read_options options = { .file = file,
                                             .spec = metadata_spec_by_id(m, file->spec_id),
                                             .schema = metadata_schema(m),
                                             .all_columns = true };
    struct manifest_entry *entries;
    size_t entries_n;
    str bytes;
    if (!options.spec)
        return fail(err, ERR_CORRUPT, "manifest has unknown partition spec %d", file->spec_id);
    if (!read_file(c, file->path, MANIFEST_BYTES_MAX, a, &bytes, err) ||
        !manifest_parse(bytes, &options, a, &entries, &entries_n, err))
        return false;
    for (size_t i = 0; i < entries_n; i++) {
        if (entries[i].snapshot_id != file->added_snapshot_id)
            continue;
        if (entries[i].status == ENTRY_ADDED)
            net_add(n, &entries[i].file, a);
        else if (entries[i].status == ENTRY_DELETED)
            net_remove(n, &entries[i].file, undoes, a);
    }
    return true;
}

/* What a merge wrote down of files that were rewritten before they came here. */
static bool net_of_summary(const struct snapshot *s, struct arena *a, struct net *n,
                           struct error *err)
{
    str text = property_get(&s->summary, REWRITTEN_FILES, (str){ 0 });
    struct json *list;
    if (!text.ptr)
        return true;
    if (!json_parse(text, a, &list, err) || list->kind != JSON_ARRAY)
        return fail(err, ERR_CORRUPT, "the summary's " REWRITTEN_FILES " is no list");
    for (size_t i = 0; i < list->array.n; i++)
        if (list->array.items[i].kind == JSON_STR)
            net_file(n, list->array.items[i].s, true, a)->standing = FILE_REWRITTEN;
    return true;
}

static bool net_of_snapshot(struct catalog *c, const struct metadata *m, const struct snapshot *s,
                            struct arena *a, struct net *n, struct error *err)
{
    struct manifest_file *manifests;
    size_t manifests_n;
    str bytes;
    if (s->manifest_list.len == 0)
        return fail(err, ERR_UNSUPPORTED, "snapshot %" PRId64 " has no manifest list", s->id);
    if (!read_file(c, s->manifest_list, MANIFEST_LIST_BYTES_MAX, a, &bytes, err) ||
        !manifest_list_parse(bytes, a, &manifests, &manifests_n, err))
        return fail_in(err, "snapshot %" PRId64, s->id);
    if (!net_of_summary(s, a, n, err))
        return fail_in(err, "snapshot %" PRId64, s->id);
    for (size_t i = 0; i < manifests_n; i++) {
        if (manifests[i].added_snapshot_id != s->id)
            continue;
        if (manifests[i].content != MANIFEST_DATA)
            n->deletes = n->deletes ? n->deletes : s;
        else if (!net_of_manifest(c, m, &manifests[i], str_is(s->operation, "delete"), a, n, err))
            return fail_in(err, "manifest " STR_FMT, STR_ARG(manifests[i].path));
    }
    return true;
}

/* Oldest first. */
static bool net_of(struct catalog *c, const struct metadata *m, const struct snapshots *s,
                   struct arena *a, struct net *n, struct error *err)
{
    *n = (struct net){ 0 };
    map_init(&n->by_path, a);
    n->rewrites_only = all_are(s, STR("replace"));
    for (size_t i = s->list.n; i-- > 0;)
        if (!net_of_snapshot(c, m, s->list.at[i], a, n, err))
            return false;
    return true;
}

/* The specs that the files were written by must mean the same on the target. */
static bool specs_fit(const struct metadata *source, const struct metadata *target,
                      const struct table_merge *files)
{
    for (size_t i = 0; i < files->files.n; i++) {
        int32_t id = files->files.at[i].spec_id;
        const struct partition_spec *s = metadata_spec_by_id(source, id);
        const struct partition_spec *t = metadata_spec_by_id(target, id);
        if (!s || !t || !partition_spec_compatible(s, t))
            return false;
    }
    return true;
}

/* A table beside the base: what each did since the newest snapshot that both have. */
struct beside {
    struct net own, base;
};

/* `at_base` is how the base stands to the file: so does the table, when none of the lines says otherwise. */
static enum standing standing_of(const struct beside *x, str path, enum standing at_base)
{
    const struct net_file *f = map_get(&x->own.by_path, path);
    if (f)
        return f->standing;
    f = map_get(&x->base.by_path, path);
    return !f ? at_base : f->own ? FILE_LACKS : FILE_HAS;
}

static enum standing standing_of_base(const struct beside *x, str path)
{
    const struct net_file *f = map_get(&x->base.by_path, path);
    if (f)
        return f->standing;
    f = map_get(&x->own.by_path, path);
    return f && f->own ? FILE_LACKS : FILE_HAS;
}

static bool other_operation(const struct snapshots *s, const char *side, struct arena *a,
                            struct table_merge *out)
{
    const struct snapshot *other = find_other(s, STR("append"), STR("replace"));
    if (!s->complete)
        conflict(out, a, "history since the merge base was rolled back or has expired");
    else if (other)
        conflict(out, a,
                 "rows changed on both sides, and the %s has snapshot %" PRId64 " (" STR_FMT ")",
                 side, other->id, STR_ARG(other->operation));
    return out->kind == TABLE_CONFLICT;
}

static bool read_beside(struct catalog *c, const struct metadata *m, const struct metadata *base,
                        const char *side, struct arena *a, struct table_merge *out,
                        struct beside *x, struct error *err)
{
    struct snapshots own = { 0 }, other = { 0 };
    int64_t common = common_snapshot(m, base);
    snapshots_since(m, common, a, &own);
    snapshots_since(base, common, a, &other);
    if (other_operation(&own, side, a, out) || other_operation(&other, "merge base", a, out))
        return true;
    return net_of(c, m, &own, a, &x->own, err) && net_of(c, base, &other, a, &x->base, err);
}

/* What the source did to one file since the base, done to the target. */
static void merge_file(const struct net_file *f, const struct beside *source,
                       const struct beside *target, struct arena *a, struct table_merge *out)
{
    str path = f->file.path;
    enum standing b = standing_of_base(source, path), s = standing_of(source, path, b),
                  t = standing_of(target, path, b);
    if (s == b)
        return;
    if (s == FILE_HAS && b == FILE_REWRITTEN) {
        conflict(out, a, "the source went back behind a rewrite of the file " STR_FMT,
                 STR_ARG(path));
    } else if (s == FILE_HAS) { /* M4 */
        if (t == FILE_LACKS)
            *vec_push(a, &out->files) = f->file;
    } else if (s == FILE_LACKS) { /* M5 */
        if (t == FILE_HAS)
            *vec_push(a, &out->undone) = path;
        else if (t == FILE_REWRITTEN || b == FILE_REWRITTEN)
            conflict(out, a, "the file " STR_FMT " is to be undone, and was rewritten",
                     STR_ARG(path));
    } else if (t == FILE_HAS) { /* its rows come in another file */
        *vec_push(a, &out->removed) = path;
    } else if (t == FILE_REWRITTEN) {
        conflict(out, a, "both sides rewrote the file " STR_FMT, STR_ARG(path));
    } else if (b == FILE_HAS) {
        conflict(out, a, "the source rewrote the file " STR_FMT ", which the target gave back",
                 STR_ARG(path));
    } else if (out->rewritten.n == REWRITTEN_MAX) {
        conflict(out, a, "the source rewrote more than %d files that the target never had",
                 REWRITTEN_MAX);
    } else {
        *vec_push(a, &out->rewritten) = path;
    }
}

static void merge_files(const struct beside *source, const struct beside *target, struct arena *a,
                        struct table_merge *out)
{
    for (size_t i = 0; i < source->own.files.n; i++)
        merge_file(source->own.files.at[i], source, target, a, out);
    for (size_t i = 0; i < source->base.files.n; i++)
        if (!map_get(&source->own.by_path, source->base.files.at[i]->file.path))
            merge_file(source->base.files.at[i], source, target, a, out);
    out->operation = out->removed.n == 0         ? SNAPSHOT_APPEND
                     : source->own.rewrites_only ? SNAPSHOT_REPLACE
                                                 : SNAPSHOT_OVERWRITE;
}

static bool merge_rows(struct catalog *c, const struct sides *m, struct arena *a,
                       struct table_merge *out, struct error *err)
{
    struct beside source = { 0 }, target = { 0 };
    if (!read_beside(c, m->source, m->base, "source", a, out, &source, err) ||
        (out->kind != TABLE_CONFLICT &&
         !read_beside(c, m->target, m->base, "target", a, out, &target, err)))
        return false;
    if (out->kind == TABLE_CONFLICT)
        return true;
    if (source.own.deletes)
        conflict(out, a, "the source has row-level deletes in snapshot %" PRId64,
                 source.own.deletes->id);
    else
        merge_files(&source, &target, a, out);
    return true;
}

/* M2: the source's snapshots since the base, oldest first, and main at the newest. */
static bool carry_over(const struct sides *m, struct arena *a, struct table_merge *out)
{
    struct snapshots since = { 0 };
    snapshots_since(m->source, m->base->current_snapshot_id, a, &since);
    if (!since.complete)
        return false;
    for (size_t i = since.list.n; i-- > 0;)
        *vec_push(a, &out->updates.list) = update_add_snapshot(since.list.at[i]);
    *vec_push(a, &out->updates.list) =
        update_set_ref(STR("main"), REF_BRANCH, m->source->current_snapshot_id);
    return true;
}

/* M5: when nothing came after what is undone, main just goes back. */
static bool go_back(const struct sides *m, struct arena *a, struct table_merge *out)
{
    int64_t b = m->base->current_snapshot_id, s = m->source->current_snapshot_id;
    if (m->target->current_snapshot_id != b || s == SNAPSHOT_NONE || descends(m->source, b) ||
        !descends(m->base, s) || !metadata_snapshot_by_id(m->target, s))
        return false;
    *vec_push(a, &out->updates.list) = update_set_ref(STR("main"), REF_BRANCH, s);
    return true;
}

static bool decide_rows(struct catalog *c, const struct sides *m, struct arena *a,
                        struct table_merge *out, struct error *err)
{
    int64_t b = m->base->current_snapshot_id, s = m->source->current_snapshot_id,
            t = m->target->current_snapshot_id;
    if (s == b || s == t) /* M2 */
        return true;
    if (go_back(m, a, out) ||
        (t == b && m->target->last_sequence_number == m->base->last_sequence_number &&
         carry_over(m, a, out)))
        return true;
    return merge_rows(c, m, a, out, err);
}

/* The target with the updates, to see whether they go together. */
static void try_updates(struct catalog *c, const struct sides *m, struct arena *a,
                        struct table_merge *out)
{
    const struct metadata *next;
    struct error err = { 0 };
    if (out->kind == TABLE_CONFLICT)
        return;
    if (!metadata_apply(m->target, (str){ 0 }, out->updates.list.at, out->updates.list.n,
                        env_now_ms(c->env), a, &next, &err))
        conflict(out, a, "the changes do not go together: %s", err.msg);
    else if (!specs_fit(m->source, next, out))
        conflict(out, a, "source wrote with a partitioning that the target does not have");
}

static bool decide_by_parts(struct catalog *c, const struct sides *m, struct arena *a,
                            struct table_merge *out, struct error *err)
{
    out->kind = TABLE_COMBINE;
    if (!shape_merge(m, a, &out->updates, &out->reason))
        out->kind = TABLE_CONFLICT;
    else if (!decide_rows(c, m, a, out, err))
        return false;
    try_updates(c, m, a, out);
    if (out->kind == TABLE_COMBINE && out->updates.list.n == 0 && out->files.n == 0 &&
        out->removed.n == 0 && out->undone.n == 0)
        out->kind = TABLE_KEEP;
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
        out->replaced = true;
        return true;
    }
    if (!metadata_load(c, base->location, base->uuid, a, &m.base, err) ||
        !metadata_load(c, source->location, source->uuid, a, &m.source, err) ||
        !metadata_load(c, target->location, target->uuid, a, &m.target, err))
        return false;
    out->source = m.source;
    out->target = m.target;
    return decide_by_ancestry(&m, out) || decide_by_parts(c, &m, a, out, err);
}
