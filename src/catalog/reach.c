/* SPDX-License-Identifier: Apache-2.0
 *
 * What the whole catalog reaches: all refs, and commits that are young. */
#include "base/map.h"
#include "base/vec.h"
#include "catalog/catalog_priv.h"
#include "catalog/garbage.h"
#include "iceberg/metadata.h"

struct version {
    enum entry_type type;
    str location, uuid;
};

/* Roots and metadata locations of one walk. */
struct survey {
    struct arena *arena;
    int64_t horizon_us;
    struct map commits, roots;  /* seen */
    VEC(struct sha256) pending; /* commits */
    struct map *versions;
    VEC(struct version) fresh;
};

static void add_commit(struct survey *s, const struct sha256 *id)
{
    if (map_get(&s->commits, sha_str(id)))
        return;
    map_add(&s->commits, arena_str(s->arena, sha_str(id)), s);
    *vec_push(s->arena, &s->pending) = *id;
}

static bool add_entry(struct survey *s, str value, struct error *err)
{
    struct entry e;
    if (!entry_decode(arena_str(s->arena, value), s->arena, &e, err))
        return false;
    if (e.location.len == 0 || map_get(s->versions, e.location))
        return true;
    str location = arena_str(s->versions->arena, e.location);
    map_add(s->versions, location, s->versions);
    *vec_push(s->arena, &s->fresh) = (struct version){ e.type, location, e.uuid };
    return true;
}

static bool add_difference(void *ctx, str key, str old_value, str new_value, struct error *err)
{
    (void)key, (void)old_value;
    return !new_value.ptr || add_entry(ctx, new_value, err);
}

/* Trees that are nearly the same share what has been looked at: only what differs is. */
static bool add_root(struct survey *s, const struct tree *t, const struct sha256 *root,
                     const struct sha256 *like, struct error *err)
{
    if (map_get(&s->roots, sha_str(root)))
        return true;
    map_add(&s->roots, arena_str(s->arena, sha_str(root)), s);
    if (like)
        return tree_diff(t, like, root, add_difference, s, err);
    struct tree_cursor cur;
    bool ok = tree_seek(&cur, t, root, (str){ 0 }, err);
    while (ok && !tree_at_end(&cur))
        ok = add_entry(s, cur.value, err) && tree_next(&cur, err);
    tree_close(&cur);
    return ok;
}

/* Each commit's tree against the one before: neighbours in history differ little. */
static bool add_trees(struct survey *s, struct db_tx *tx, const struct tree *t, struct error *err)
{
    struct sha256 last;
    bool any = false;
    while (s->pending.n > 0) {
        struct commit c;
        struct sha256 id = s->pending.at[--s->pending.n];
        if (!commit_load(tx, &id, s->arena, &c, err) ||
            !add_root(s, t, &c.root, any ? &last : NULL, err))
            return false;
        last = c.root;
        any = true;
        /* The commit that was the head at the horizon is the last that counts. */
        for (int i = 0; c.time_us >= s->horizon_us && i < c.parents_n; i++)
            add_commit(s, &c.parents[i]);
    }
    return true;
}

static bool survey_catalog(struct catalog *c, struct survey *s, struct error *err)
{
    struct db_tx *tx;
    struct ref_row *refs;
    size_t n;
    if (!db_read_begin(c->db, &tx, err))
        return false;
    struct node_io io = history_node_io(tx);
    struct tree t = { &io, c->nodes };
    bool ok = ref_list(tx, s->arena, &refs, &n, err);
    for (size_t i = 0; ok && i < n; i++)
        add_commit(s, &refs[i].commit_id);
    ok = ok && add_trees(s, tx, &t, err);
    db_rollback(tx);
    return ok;
}

static bool reach_version(struct catalog *c, const struct version *v, struct reach *r, reach_fn fn,
                          void *ctx, struct error *err)
{
    const struct metadata *m;
    if (!fn(ctx, REACH_METADATA, v->location, err))
        return false;
    if (v->type != ENTRY_TABLE) /* views and functions have no other files */
        return true;
    struct arena *a = arena_create(0);
    bool ok = metadata_load(c, v->location, v->uuid, a, &m, err);
    if (ok) {
        ok = reach_metadata(r, m, fn, ctx, err);
    } else if (reach_forgives_missing(r) && err->code == ERR_NOT_FOUND) {
        *err = (struct error){ 0 };
        ok = true;
    }
    arena_destroy(a);
    return ok || fail_in(err, "what " STR_FMT " reaches", STR_ARG(v->location));
}

bool catalog_reach(struct catalog *c, int64_t horizon_us, struct reach *r, struct map *versions,
                   reach_fn fn, void *ctx, struct error *err)
{
    struct arena *a = arena_create(0);
    struct survey s = { .arena = a, .horizon_us = horizon_us, .versions = versions };
    map_init(&s.commits, a);
    map_init(&s.roots, a);
    bool ok = survey_catalog(c, &s, err);
    for (size_t i = 0; ok && i < s.fresh.n; i++)
        ok = reach_version(c, &s.fresh.at[i], r, fn, ctx, err);
    arena_destroy(a);
    return ok;
}

/* --- one table on other refs --- */

struct needed {
    struct arena *arena;
    str uuid;
    VEC(str) locations;
};

static bool note_version(void *ctx, str key, str old_value, str new_value, struct error *err)
{
    struct needed *n = ctx;
    struct entry e;
    (void)key, (void)old_value;
    if (!new_value.ptr)
        return true;
    if (!entry_decode(arena_str(n->arena, new_value), n->arena, &e, err))
        return false;
    if (e.type == ENTRY_TABLE && str_eq(e.uuid, n->uuid))
        *vec_push(n->arena, &n->locations) = e.location;
    return true;
}

/* Versions that another ref has in place of this branch's: what is equal in both trees is skipped. */
static bool find_versions(struct catalog *c, str ref, struct needed *out, struct error *err)
{
    struct view v;
    struct ref_row *refs;
    struct commit other;
    size_t n;
    if (!view_open(c, ref, out->arena, &v, err))
        return false;
    bool ok = ref_list(v.tx, out->arena, &refs, &n, err);
    for (size_t i = 0; ok && i < n; i++)
        ok = commit_load(v.tx, &refs[i].commit_id, out->arena, &other, err) &&
             tree_diff(&v.tree, &v.commit.root, &other.root, note_version, out, err);
    view_close(&v);
    return ok;
}

bool catalog_snapshots_needed(struct catalog *c, str ref, const struct table *t, struct arena *a,
                              int64_t **ids, size_t *n, struct error *err)
{
    struct needed found = { .arena = a, .uuid = t->uuid };
    VEC(int64_t) out = { 0 };
    if (!find_versions(c, ref, &found, err))
        return false;
    for (size_t i = 0; i < found.locations.n; i++) {
        const struct metadata *m;
        if (!metadata_load(c, found.locations.at[i], t->uuid, a, &m, err))
            return false;
        for (size_t k = 0; k < m->refs_n; k++)
            *vec_push(a, &out) = m->refs[k].snapshot_id;
        if (m->current_snapshot_id != SNAPSHOT_NONE)
            *vec_push(a, &out) = m->current_snapshot_id;
    }
    *ids = out.at;
    *n = out.n;
    return true;
}
