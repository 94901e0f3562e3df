/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/pick.h"

#include "base/vec.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"

/* ---- Files of one snapshot */

struct reading {
    const struct snapshot *snapshot;
    struct arena *a;
    VEC(struct data_file) added;
    VEC(struct data_file) removed;
    bool adds_deletes;
};

static void take(struct reading *r, const struct manifest_entry *e)
{
    if (e->snapshot_id != r->snapshot->id || e->status == ENTRY_EXISTING)
        return;
    if (e->file.content != FILE_DATA) {
        r->adds_deletes = r->adds_deletes || e->status == ENTRY_ADDED;
        return;
    }
    struct data_file *f =
        e->status == ENTRY_ADDED ? vec_push(r->a, &r->added) : vec_push(r->a, &r->removed);
    data_file_copy(&e->file, r->a, f);
    f->first_row_id = -1;
}

static bool read_manifest(struct reading *r, struct store *store, const struct metadata *m,
                          const struct manifest_file *file, struct error *err)
{
    struct arena *scratch = arena_create(0);
    struct manifest_reader *reader;
    const struct manifest_entry *entries;
    size_t n = 1;
    bool ok = scan_open_manifest(store, m, metadata_schema(m), file, scratch, &reader, err);
    while (ok && n > 0) {
        ok = manifest_next(reader, &entries, &n, err);
        for (size_t i = 0; ok && i < n; i++)
            take(r, &entries[i]);
    }
    arena_destroy(scratch);
    return ok;
}

bool snapshot_files_read(struct store *store, const struct metadata *m, const struct snapshot *s,
                         struct arena *a, struct snapshot_files *out, struct error *err)
{
    struct reading r = { .snapshot = s, .a = a };
    struct manifest_file *manifests;
    size_t n;
    if (!scan_manifests(store, s, a, &manifests, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (manifests[i].added_snapshot_id == s->id &&
            !read_manifest(&r, store, m, &manifests[i], err))
            return false;
    *out = (struct snapshot_files){ .added = r.added.at,
                                    .added_n = r.added.n,
                                    .removed = r.removed.at,
                                    .removed_n = r.removed.n,
                                    .adds_deletes = r.adds_deletes };
    return true;
}

/* ---- Lines of history */

static const struct snapshot *parent_of(const struct metadata *m, const struct snapshot *s)
{
    return s->parent_id == SNAPSHOT_NONE ? NULL : metadata_snapshot_by_id(m, s->parent_id);
}

static bool is_published(const struct metadata *m, const struct snapshot *head, str wap_id)
{
    size_t steps = 0; /* a history that goes in a circle ends, too */
    for (const struct snapshot *s = head; s && steps <= m->snapshots_n;
         s = parent_of(m, s), steps++)
        if (str_eq(property_get(&s->summary, WAP_ID, (str){ 0 }), wap_id) ||
            str_eq(property_get(&s->summary, PUBLISHED_WAP_ID, (str){ 0 }), wap_id))
            return true;
    return false;
}

/* The snapshot of the line that was made from this one; NULL: none. */
static const struct snapshot *made_from(const struct metadata *m, const struct snapshot *head,
                                        int64_t id)
{
    size_t steps = 0;
    for (const struct snapshot *s = head; s && steps <= m->snapshots_n;
         s = parent_of(m, s), steps++) {
        int64_t source;
        if (str_to_i64(property_get(&s->summary, SOURCE_SNAPSHOT_ID, (str){ 0 }), &source) &&
            source == id)
            return s;
    }
    return NULL;
}

static bool check_new(const struct metadata *m, const struct snapshot *head,
                      const struct snapshot *s, struct error *err)
{
    str wap_id = property_get(&s->summary, WAP_ID, (str){ 0 });
    if (head && metadata_is_ancestor(m, head->id, s->id))
        return fail(err, ERR_CONFLICT, "snapshot %lld is in the branch's history already",
                    (long long)s->id);
    const struct snapshot *made = made_from(m, head, s->id);
    if (made)
        return fail(err, ERR_CONFLICT, "snapshot %lld was picked already, as snapshot %lld",
                    (long long)s->id, (long long)made->id);
    if (wap_id.len && is_published(m, head, wap_id))
        return fail(err, ERR_CONFLICT,
                    "the changes with " WAP_ID " \"" STR_FMT "\" are published already",
                    STR_ARG(wap_id));
    return true;
}

bool pick_check(const struct metadata *m, const struct snapshot *head, const struct snapshot *s,
                enum pick_way *out, struct error *err)
{
    if (!check_new(m, head, s, err))
        return false;
    *out = PICK_FAST_FORWARD;
    if (s->parent_id == (head ? head->id : SNAPSHOT_NONE))
        return true;
    *out = PICK_APPEND;
    if (str_is(s->operation, "append"))
        return true;
    *out = PICK_REPLACE;
    if (!str_is(s->operation, "overwrite") ||
        !str_eq_nocase(property_get(&s->summary, REPLACE_PARTITIONS, (str){ 0 }), STR("true")))
        return fail(
            err, ERR_INVALID,
            "snapshot %lld is neither an append nor a replacement of partitions, and does not follow the "
            "head of the branch",
            (long long)s->id);
    return s->parent_id == SNAPSHOT_NONE ||
           (head && metadata_is_ancestor(m, head->id, s->parent_id)) ||
           fail(err, ERR_INVALID,
                "snapshot %lld replaces partitions of a table that is no ancestor of the branch",
                (long long)s->id);
}

bool pick_staged(const struct metadata *m, str wap_id, const struct snapshot **out,
                 struct error *err)
{
    *out = NULL;
    for (size_t i = 0; i < m->snapshots_n; i++) {
        const struct snapshot *s = m->snapshots[i];
        if (!wap_id.len || !str_eq(property_get(&s->summary, WAP_ID, (str){ 0 }), wap_id))
            continue;
        if (*out)
            return fail(err, ERR_CONFLICT,
                        "several snapshots have the " WAP_ID " \"" STR_FMT "\": %lld, %lld",
                        STR_ARG(wap_id), (long long)(*out)->id, (long long)s->id);
        *out = s;
    }
    return *out || fail(err, ERR_NOT_FOUND, "no snapshot has the " WAP_ID " \"" STR_FMT "\"",
                        STR_ARG(wap_id));
}

const struct snapshot *pick_before(const struct metadata *m, const struct snapshot *head,
                                   int64_t timestamp_ms)
{
    const struct snapshot *best = NULL;
    size_t steps = 0;
    for (const struct snapshot *s = head; s && steps <= m->snapshots_n;
         s = parent_of(m, s), steps++)
        if (s->timestamp_ms < timestamp_ms && (!best || s->timestamp_ms > best->timestamp_ms))
            best = s;
    return best;
}
