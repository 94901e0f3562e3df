/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan in pieces of about the same number of entries, by the counts in manifest lists. */
#include <pthread.h>

#include "base/vec.h"
#include "iceberg/metadata.h"
#include "iceberg/scan_priv.h"

#define PIECES_MAX                                                                                 \
    10000 /* of one manifest: larger ones rather than more, whatever its counts say */
#define PARTS_MAX 100000 /* then manifests are not cut any more */

struct parts {
    struct arena *arena;
    uint64_t files; /* of one part */
    VEC(struct scan_part) list;
    uint64_t room; /* left in the last one */
};

/* -1: not known. */
static int64_t entries_of(const struct manifest_file *m)
{
    int64_t sum;
    if (m->added_files < 0 || m->existing_files < 0 || m->deleted_files < 0 ||
        __builtin_add_overflow(m->added_files, m->existing_files, &sum) ||
        __builtin_add_overflow(sum, m->deleted_files, &sum))
        return -1;
    return sum;
}

static void add_piece(struct parts *p, size_t manifest, uint64_t from, uint64_t to)
{
    *vec_push(p->arena, &p->list) = (struct scan_part){ manifest, manifest + 1, from, to };
}

/* A manifest with more entries than a part: pieces of it, the last one to its end whatever the counts say. */
static void add_large(struct parts *p, size_t manifest, uint64_t entries)
{
    uint64_t from = 0, step = entries / PIECES_MAX + 1;
    if (step < p->files)
        step = p->files;
    for (; entries - from > step && p->list.n < PARTS_MAX; from += step)
        add_piece(p, manifest, from, from + step);
    add_piece(p, manifest, from, 0);
    p->room = 0;
}

static void add_manifest(struct parts *p, size_t manifest, int64_t entries)
{
    if (entries < 0)
        entries = (int64_t)p->files;
    if ((uint64_t)entries > p->files) {
        add_large(p, manifest, (uint64_t)entries);
        return;
    }
    if ((uint64_t)entries > p->room || p->list.n == 0) {
        add_piece(p, manifest, 0, 0);
        p->room = p->files;
    }
    p->list.at[p->list.n - 1].manifest_to = manifest + 1;
    p->room -= (uint64_t)entries;
}

/* What a part of a part leaves of its first and last manifest. */
static void clip(struct parts *p, const struct scan_part *part)
{
    if (part->manifest_to == 0 || p->list.n == 0)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < p->list.n; i++) {
        struct scan_part x = p->list.at[i];
        if (x.manifest_from == part->manifest_from && x.entry_from < part->entry_from)
            x.entry_from = part->entry_from;
        if (x.manifest_to == part->manifest_to && part->entry_to > 0 &&
            (x.entry_to == 0 || x.entry_to > part->entry_to))
            x.entry_to = part->entry_to;
        bool one = x.manifest_from + 1 == x.manifest_to;
        if (!one || x.entry_to == 0 || x.entry_from < x.entry_to)
            p->list.at[kept++] = x;
    }
    p->list.n = kept;
}

static bool find_manifests(struct plan_run *p, struct arena *a, plan_wanted *wanted,
                           struct error *err)
{
    const struct scan_options *o = p->options;
    const struct schema *schema = o->schema;
    const struct snapshot *snapshot;
    struct manifest_file *manifests;
    *wanted = NULL;
    if (!scan_snapshot(p->metadata, &o->at, &snapshot, err) ||
        (schema == NULL && !scan_schema(p->metadata, &o->at, &schema, err)) ||
        !plan_prepare(p, schema, a, err))
        return false;
    if (o->range.kind == SCAN_APPENDS)
        return plan_find_appends(p, snapshot, a, wanted, err);
    if (snapshot == NULL)
        return true;
    if (!scan_manifests(p->store, snapshot, a, &manifests, &p->manifests_n, err))
        return false;
    p->manifests = manifests;
    return true;
}

bool scan_parts(struct store *store, const struct metadata *metadata,
                const struct scan_options *options, uint64_t files, struct arena *a,
                struct scan_part **out, size_t *n, struct error *err)
{
    ASSERT(files > 0);
    struct arena *own = arena_create(0);
    struct parts parts = { .arena = a, .files = files };
    struct plan_run p = { .store = store, .metadata = metadata, .options = options };
    plan_wanted wanted;
    bool ok = true;
    if (options->range.kind == SCAN_CHANGELOG) {
        *vec_push(a, &parts.list) = options->part;
    } else {
        ok = find_manifests(&p, own, &wanted, err);
        if (ok)
            plan_choose(&p, MANIFEST_DATA, wanted, own);
        for (size_t i = 0; i < p.todo_n; i++)
            add_manifest(&parts, p.todo[i], entries_of(&p.manifests[p.todo[i]]));
        clip(&parts, &options->part);
    }
    *out = parts.list.at;
    *n = parts.list.n;
    arena_destroy(own);
    return ok;
}
