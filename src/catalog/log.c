/* SPDX-License-Identifier: Apache-2.0
 *
 * What happened on a ref, and what two refs differ in. */
#include "base/vec.h"
#include "catalog/catalog_priv.h"

#define LOG_LIMIT_DEFAULT 1000
#define LOG_LIMIT_MAX 10000
#define DIFF_MAX_DEFAULT 100000

static void commit_answer(const struct commit *c, struct arena *a, struct commit_entry *out)
{
    *out = (struct commit_entry){ .id = sha_text(&c->id, a),
                                  .author = c->author,
                                  .message = c->message,
                                  .time_us = c->time_us,
                                  .operations = c->operations };
    for (int i = 0; i < c->parents_n; i++)
        out->parents[i] = sha_text(&c->parents[i], a);
}

/* The commit to begin with: the token's, which must be one, or the ref's own. */
static bool log_start(struct view *v, str token, struct arena *a, struct commit *out,
                      struct error *err)
{
    struct sha256 id;
    *out = v->commit;
    if (token.len == 0)
        return true;
    if (!sha_parse(token, &id))
        return fail(err, ERR_INVALID, "page token is not one of this listing");
    return commit_load(v->tx, &id, a, out, err);
}

static bool walk_log(struct view *v, str token, size_t limit, struct arena *a, struct log_page *out,
                     struct error *err)
{
    VEC(struct commit_entry) commits = { 0 };
    struct commit c;
    if (!log_start(v, token, a, &c, err))
        return false;
    for (;;) {
        commit_answer(&c, a, vec_push(a, &commits));
        if (c.parents_n == 0 || commits.n == limit)
            break;
        struct sha256 parent = c.parents[0];
        if (!commit_load(v->tx, &parent, a, &c, err))
            return false;
    }
    *out = (struct log_page){ .commits = commits.at, .n = commits.n };
    if (c.parents_n > 0)
        out->next = sha_text(&c.parents[0], a);
    return true;
}

bool catalog_log(struct catalog *c, str ref, str token, size_t limit, struct arena *a,
                 struct log_page *out, struct error *err)
{
    struct view v;
    if (limit == 0)
        limit = LOG_LIMIT_DEFAULT;
    if (!view_open(c, ref, a, &v, err))
        return false;
    bool ok = walk_log(&v, token, limit < LOG_LIMIT_MAX ? limit : LOG_LIMIT_MAX, a, out, err);
    view_close(&v);
    return ok;
}

struct differ {
    struct arena *arena;
    size_t max;
    VEC(struct diff_entry) entries;
};

static bool side(struct arena *a, str value, struct entry *e, str *location, int64_t *snapshot_id,
                 struct error *err)
{
    *location = (str){ 0 };
    *snapshot_id = -1;
    if (!value.ptr)
        return true;
    if (!entry_decode(arena_str(a, value), a, e, err))
        return false;
    *location = e->location;
    *snapshot_id = e->snapshot_id;
    return true;
}

static bool add_difference(void *ctx, str key, str old_value, str new_value, struct error *err)
{
    struct differ *d = ctx;
    struct entry e = { 0 };
    if (d->entries.n == d->max) {
        fail(err, ERR_LIMIT, "more than %zu differences", d->max);
        return false;
    }
    struct diff_entry *out = vec_push(d->arena, &d->entries);
    out->kind = !old_value.ptr ? DIFF_ADDED : !new_value.ptr ? DIFF_REMOVED : DIFF_CHANGED;
    if (!side(d->arena, old_value, &e, &out->from_location, &out->from_snapshot_id, err) ||
        !side(d->arena, new_value, &e, &out->to_location, &out->to_snapshot_id, err))
        return false;
    out->type = e.type;
    return key_parse(arena_str(d->arena, key), &out->ns, &out->name, err);
}

bool catalog_diff(struct catalog *c, str from, str to, size_t max, struct arena *a,
                  struct diff_entry **out, size_t *n, struct error *err)
{
    struct view v;
    struct ref_row to_ref;
    struct commit to_commit;
    struct differ d = { .arena = a, .max = max ? max : DIFF_MAX_DEFAULT };
    if (!view_open(c, from, a, &v, err))
        return false;
    bool ok = ref_resolve(v.tx, to, a, &to_ref, &to_commit, err) &&
              tree_diff(&v.tree, &v.commit.root, &to_commit.root, add_difference, &d, err);
    view_close(&v);
    *out = d.entries.at;
    *n = d.entries.n;
    return ok;
}
