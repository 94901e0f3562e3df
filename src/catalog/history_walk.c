/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks over ancestors, newest generation first.  A commit's generation is greater than its
 * parents', so when a commit is taken from the frontier, every path down to it has been
 * followed. */
#include "base/map.h"
#include "base/vec.h"
#include "catalog/history.h"

#define FROM_X 1
#define FROM_Y 2

struct walk_commit {
    struct sha256 id;
    struct sha256 parents[2];
    int parents_n, flags;
    int64_t generation;
};

struct walk {
    struct db_tx *tx;
    struct arena *arena;
    struct map seen; /* id -> struct walk_commit */
    VEC(struct walk_commit *) frontier;
};

static bool add(struct walk *w, const struct sha256 *id, int flags, struct error *err)
{
    struct walk_commit *c = map_get(&w->seen, sha_str(id));
    if (!c) {
        struct commit row;
        if (!commit_load(w->tx, id, w->arena, &row, err))
            return false;
        c = arena_new(w->arena, struct walk_commit);
        *c = (struct walk_commit){ .id = *id,
                                   .parents = { row.parents[0], row.parents[1] },
                                   .parents_n = row.parents_n,
                                   .generation = row.generation };
        map_put(&w->seen, sha_str(&c->id), c);
        *vec_push(w->arena, &w->frontier) = c;
    }
    c->flags |= flags;
    return true;
}

/* The frontier is as wide as the number of open branches: small. */
static struct walk_commit *take_newest(struct walk *w)
{
    if (w->frontier.n == 0)
        return NULL;
    size_t best = 0;
    for (size_t i = 1; i < w->frontier.n; i++)
        if (w->frontier.at[i]->generation > w->frontier.at[best]->generation)
            best = i;
    struct walk_commit *c = w->frontier.at[best];
    w->frontier.at[best] = w->frontier.at[--w->frontier.n];
    return c;
}

static bool add_parents(struct walk *w, const struct walk_commit *c, struct error *err)
{
    for (int i = 0; i < c->parents_n; i++)
        if (!add(w, &c->parents[i], c->flags, err))
            return false;
    return true;
}

static struct walk *walk_start(struct db_tx *tx, struct arena *a)
{
    struct walk *w = arena_new(a, struct walk);
    w->tx = tx;
    w->arena = a;
    map_init(&w->seen, a);
    return w;
}

static bool find_base(struct walk *w, bool *found, struct sha256 *out, struct error *err)
{
    struct walk_commit *c;
    *found = false;
    while (!*found && (c = take_newest(w))) {
        *found = c->flags == (FROM_X | FROM_Y);
        *out = c->id;
        if (!*found && !add_parents(w, c, err))
            return false;
    }
    return true;
}

bool history_merge_base(struct db_tx *tx, const struct sha256 *x, const struct sha256 *y,
                        bool *found, struct sha256 *out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct walk *w = walk_start(tx, a);
    bool ok = add(w, x, FROM_X, err) && add(w, y, FROM_Y, err) && find_base(w, found, out, err);
    arena_destroy(a);
    return ok;
}

static bool find_ancestor(struct walk *w, const struct sha256 *ancestor, int64_t generation,
                          bool *out, struct error *err)
{
    struct walk_commit *c;
    while ((c = take_newest(w)) && c->generation >= generation) {
        if (sha_equal(&c->id, ancestor)) {
            *out = true;
            return true;
        }
        if (!add_parents(w, c, err))
            return false;
    }
    return true;
}

bool history_contains(struct db_tx *tx, const struct sha256 *id, const struct sha256 *ancestor,
                      bool *out, struct error *err)
{
    *out = false;
    struct arena *a = arena_create(0);
    struct commit target;
    struct walk *w = walk_start(tx, a);
    bool ok = commit_load(tx, ancestor, a, &target, err) && add(w, id, FROM_X, err) &&
              find_ancestor(w, ancestor, target.generation, out, err);
    arena_destroy(a);
    return ok;
}

/* Newest first; a state's generation is not above that of what follows it. */
static bool walk_line(struct db_tx *tx, struct sha256 at, const struct commit *target,
                      struct arena *a, bool *out, struct error *err)
{
    struct commit c;
    for (;;) {
        arena_reset(a);
        *out = sha_equal(&at, &target->id);
        if (*out)
            return true;
        if (!commit_load(tx, &at, a, &c, err))
            return false;
        if (c.parents_n == 0 || c.generation <= target->generation)
            return true;
        at = c.parents[0];
    }
}

bool history_was_at(struct db_tx *tx, const struct sha256 *id, const struct sha256 *state,
                    bool *out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct commit target;
    *out = false;
    bool ok = commit_load(tx, state, a, &target, err) && walk_line(tx, *id, &target, a, out, err);
    arena_destroy(a);
    return ok;
}
