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

/* The commit to begin with: the token's, or the ref's own.  A token is a commit id: it must be one of this ref's line, so that nobody
 * reads the history of another ref with it. */
static bool log_start(struct view *v, str token, struct arena *a, struct commit *out,
                      struct error *err)
{
    struct sha256 id;
    bool here;
    *out = v->commit;
    if (token.len == 0)
        return true;
    if (!sha_parse(token, &id))
        return fail(err, ERR_INVALID, "page token is not one of this listing");
    if (!history_was_at(v->tx, &v->commit.id, &id, &here, err)) {
        if (err->code != ERR_NOT_FOUND)
            return false;
        here = false;
    }
    return here ? commit_load(v->tx, &id, a, out, err)
                : fail(err, ERR_INVALID, "page token is not one of this listing");
}

/* Whether the message holds the text, ASCII case ignored. */
static bool mentions(str message, str text)
{
    for (size_t i = 0; i + text.len <= message.len; i++)
        if (str_eq_nocase(str_sub(message, i, i + text.len), text))
            return true;
    return false;
}

static bool value_at(struct view *v, const struct sha256 *root, str key, struct arena *a, str *out,
                     struct error *err)
{
    bool found;
    *out = (str){ 0 };
    if (!tree_get(&v->tree, root, key, a, &found, out, err))
        return false;
    if (!found)
        *out = (str){ 0 };
    return true;
}

/* Whether the commit changed the entry against its first parent. */
static bool touches(struct view *v, const struct commit *c, const struct log_filter *f, bool *out,
                    struct error *err)
{
    struct arena *a = arena_create(0);
    struct commit parent;
    str before = { 0 }, after;
    str key = f->name.len ? key_entry(ENTRY_TABLE, f->ns, f->name, a) : key_namespace(f->ns, a);
    bool ok = value_at(v, &c->root, key, a, &after, err);
    if (ok && c->parents_n > 0)
        ok = commit_load(v->tx, &c->parents[0], a, &parent, err) &&
             value_at(v, &parent.root, key, a, &before, err);
    *out = (before.ptr == NULL) != (after.ptr == NULL) || !str_eq(before, after);
    arena_destroy(a);
    return ok;
}

static bool passes(struct view *v, const struct commit *c, const struct commit_entry *e,
                   const struct log_filter *f, bool *out, struct error *err)
{
    *out =
        !((f->author.len && !str_eq(f->author, c->author)) ||
          (f->message.len && !mentions(c->message, f->message)) ||
          (f->since_us && c->time_us < f->since_us) || (f->until_us && c->time_us >= f->until_us));
    if (*out && f->ns.len && !touches(v, c, f, out, err))
        return false;
    return !*out || !f->keep || f->keep(f->ctx, e, out, err);
}

/* Times do not go back along first parents: what is older than `since` ends the walk. */
static bool is_last(const struct commit *c, const struct log_filter *f, const struct sha256 *until)
{
    return c->parents_n == 0 || (f->since_us && c->time_us < f->since_us) ||
           (until && sha_equal(until, &c->id));
}

static bool walk_log(struct view *v, const struct log_filter *f, str token, size_t limit,
                     struct arena *a, struct log_page *out, struct error *err)
{
    VEC(struct commit_entry) commits = { 0 };
    struct commit c;
    struct sha256 until;
    bool last = false, keep;
    if (f->until_commit.len && !sha_parse(f->until_commit, &until))
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is not a commit id",
                    STR_ARG(f->until_commit));
    if (!log_start(v, token, a, &c, err))
        return false;
    for (size_t seen = 1;; seen++) {
        struct commit_entry e;
        commit_answer(&c, a, &e);
        if (!passes(v, &c, &e, f, &keep, err))
            return false;
        if (keep)
            *vec_push(a, &commits) = e;
        last = is_last(&c, f, f->until_commit.len ? &until : NULL);
        if (last || commits.n == limit || seen == LOG_WALK_MAX)
            break;
        struct sha256 parent = c.parents[0];
        if (!commit_load(v->tx, &parent, a, &c, err))
            return false;
    }
    *out = (struct log_page){ .commits = commits.at, .n = commits.n };
    if (!last)
        out->next = sha_text(&c.parents[0], a);
    return true;
}

bool catalog_log_filtered(struct catalog *c, str ref, const struct log_filter *filter, str token,
                          size_t limit, struct arena *a, struct log_page *out, struct error *err)
{
    struct view v;
    if (limit == 0)
        limit = LOG_LIMIT_DEFAULT;
    if (!view_open(c, ref, a, &v, err))
        return false;
    bool ok =
        walk_log(&v, filter, token, limit < LOG_LIMIT_MAX ? limit : LOG_LIMIT_MAX, a, out, err);
    view_close(&v);
    return ok;
}

bool catalog_log(struct catalog *c, str ref, str token, size_t limit, struct arena *a,
                 struct log_page *out, struct error *err)
{
    static const struct log_filter all;
    return catalog_log_filtered(c, ref, &all, token, limit, a, out, err);
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
