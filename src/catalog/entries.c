/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/entries.h"

#include <stdlib.h>

#include "base/map.h"
#include "catalog/confine.h"
#include "catalog/view_priv.h"
#include "codec/uuid.h"
#include "iceberg/metadata.h"
#include "iceberg/view.h"

#define KEY_NAMESPACES "N"
#define KEY_AFTER_TABLES "U"

/* ---- Reading ---- */

/* A namespace has no UUID of its own: the same name gives the same one everywhere. */
static str namespace_id(str ns, struct arena *a)
{
    char text[UUID_TEXT_LEN + 1];
    struct sha256 h = sha256_of(arena_printf(a, "namespace:" STR_FMT, STR_ARG(ns)));
    struct uuid id = uuid_v4(h.bytes);
    return arena_str(a, uuid_format(&id, text));
}

static void fill_entry(const struct entry *e, str path, struct arena *a, struct catalog_entry *out)
{
    *out = (struct catalog_entry){
        .found = true,
        .type = e->type,
        .path = path,
        .id = e->type == ENTRY_NAMESPACE ? namespace_id(path, a) : e->uuid,
        .location = e->location,
        .snapshot_id = e->type == ENTRY_TABLE ? e->snapshot_id : -1,
        .props = e->props,
        .props_n = e->props_n,
    };
}

/* An entry and where it stands. */
struct place {
    str key, value; /* value ptr NULL: nothing there */
    struct catalog_entry entry;
};

static bool read_place(struct view *v, const struct sha256 *root, str path, struct arena *a,
                       struct place *out, struct error *err)
{
    str keys[2] = { { 0 }, key_namespace(path, a) };
    struct entry e;
    bool found;
    *out = (struct place){ .entry.path = path };
    if (ns_parent(path).len)
        keys[0] = key_entry(ENTRY_TABLE, ns_parent(path), ns_last(path), a);
    for (int i = 0; i < 2; i++) {
        if (keys[i].len == 0)
            continue;
        out->key = keys[i];
        if (!tree_get(&v->tree, root, keys[i], a, &found, &out->value, err))
            return false;
        if (found) {
            if (!entry_decode(out->value, a, &e, err))
                return false;
            fill_entry(&e, path, a, &out->entry);
            return true;
        }
    }
    out->value = (str){ 0 };
    return true;
}

bool catalog_entries(struct catalog *c, str ref, const str *paths, size_t n, struct arena *a,
                     struct catalog_entry *out, str *commit_id, struct error *err)
{
    struct view v;
    bool ok = true;
    if (n > ENTRIES_MAX)
        return fail(err, ERR_LIMIT, "%zu keys at once, at most %d are possible", n, ENTRIES_MAX);
    if (!view_open(c, ref, a, &v, err))
        return false;
    for (size_t i = 0; ok && i < n; i++) {
        struct place p;
        ok = ns_check(paths[i], err) && read_place(&v, &v.commit.root, paths[i], a, &p, err);
        out[i] = p.entry;
    }
    *commit_id = sha_text(&v.commit.id, a);
    view_close(&v);
    return ok;
}

static str path_of(str ns, str name, struct arena *a)
{
    return name.len ? arena_printf(a, STR_FMT "%c" STR_FMT, STR_ARG(ns), NS_SEP, STR_ARG(name))
                    : ns;
}

static bool add_entry(const struct tree_cursor *cur, struct arena *a, struct catalog_entry *out,
                      struct error *err)
{
    struct entry e;
    str ns, name;
    if (!entry_decode(arena_str(a, cur->value), a, &e, err) ||
        !key_parse(arena_str(a, cur->key), &ns, &name, err))
        return false;
    fill_entry(&e, path_of(ns, name, a), a, out);
    return true;
}

static bool list_from(struct tree_cursor *cur, size_t limit, struct arena *a,
                      struct entry_page *out, struct error *err)
{
    VEC(struct catalog_entry) list = { 0 };
    str last = { 0 };
    while (!tree_at_end(cur) && str_cmp(cur->key, STR(KEY_AFTER_TABLES)) < 0) {
        if (list.n == limit) {
            out->next = hex_encode(last, a);
            break;
        }
        if (!add_entry(cur, a, vec_push(a, &list), err))
            return false;
        last = arena_str(a, cur->key);
        if (!tree_next(cur, err))
            return false;
    }
    out->at = list.at;
    out->n = list.n;
    return true;
}

bool catalog_list_entries(struct catalog *c, str ref, str token, size_t limit, struct arena *a,
                          struct entry_page *out, struct error *err)
{
    struct view v;
    struct tree_cursor cur;
    str start = STR(KEY_NAMESPACES), last;
    *out = (struct entry_page){ 0 };
    if (token.len) {
        if (!hex_decode(token, a, &last) || last.len == 0 || !strchr("NT", last.ptr[0]))
            return fail(err, ERR_INVALID, "page token is not one of this listing");
        start = arena_printf(a, STR_FMT "%c", STR_ARG(last), 0);
    }
    if (!view_open(c, ref, a, &v, err))
        return false;
    out->commit_id = sha_text(&v.commit.id, a);
    bool ok = tree_seek(&cur, &v.tree, &v.commit.root, start, err);
    if (ok) {
        ok = list_from(&cur, limit && limit < ENTRIES_MAX ? limit : ENTRIES_MAX, a, out, err);
        tree_close(&cur);
    }
    view_close(&v);
    return ok;
}

void catalog_entry_ids(struct catalog *c, const struct catalog_entry *e, struct entry_ids *out)
{
    struct arena *a = arena_create(0);
    struct error ignored = { 0 };
    const struct metadata *m;
    const struct view_metadata *vm;
    *out = (struct entry_ids){ e->snapshot_id, -1, -1, -1, -1 };
    if (e->type == ENTRY_TABLE && metadata_load(c, e->location, e->id, a, &m, &ignored)) {
        out->schema_id = m->current_schema_id;
        out->spec_id = m->default_spec_id;
        out->order_id = m->default_order_id;
    } else if (e->type == ENTRY_VIEW && view_file_load(c, e->location, e->id, a, &vm, &ignored)) {
        out->version_id = vm->current_version_id;
        out->schema_id = view_metadata_current(vm)->schema_id;
    }
    arena_destroy(a);
}

/* ---- Committing ---- */

struct op_state {
    const struct entry_op *op;
    struct place now;
    str key, value, id; /* of what is put */
    bool added;
};

struct entries {
    struct catalog *catalog;
    str ref;
    const struct entry_commit *req;
    struct entry_outcome *out;
    struct op_state *ops;
    VEC(struct entry_conflict) conflicts;
    struct map by_path; /* -> struct op_state */
    struct arena *arena;
};

static void refuse(struct entries *en, const struct op_state *s, enum entry_conflict_kind kind,
                   const char *what)
{
    struct entry_conflict *c = vec_push(en->arena, &en->conflicts);
    *c = (struct entry_conflict){ kind, s->op->path,
                                  arena_printf(en->arena, "key '" STR_FMT "' %s",
                                               STR_ARG(ns_to_text(s->op->path, en->arena)), what) };
}

static const struct op_state *op_at(const struct entries *en, str path, enum entry_op_kind kind)
{
    const struct op_state *s = map_get(&en->by_path, path);
    return s && s->op->kind == kind ? s : NULL;
}

/* The commit that the caller saw; NULL root when it is the newest. */
static bool find_base(struct entries *en, struct attempt *t, struct commit *base, bool *newest,
                      struct error *err)
{
    struct sha256 id;
    bool there;
    *newest = true;
    if (en->req->base.len == 0)
        return true;
    if (!sha_parse(en->req->base, &id))
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is not a commit id",
                    STR_ARG(str_sub(en->req->base, 0, 100)));
    *newest = sha_equal(&id, &t->view.commit.id);
    if (*newest)
        return true;
    if (!commit_load(t->view.tx, &id, t->out, base, err) ||
        !history_contains(t->view.tx, &t->view.commit.id, &id, &there, err))
        return false;
    return there || fail(err, ERR_NOT_FOUND, "Commit does not exist: " STR_FMT " in " STR_FMT,
                         STR_ARG(en->req->base), STR_ARG(t->view.ref.name));
}

static bool same_value(str x, str y)
{
    return (x.ptr == NULL) == (y.ptr == NULL) && str_eq(x, y);
}

static bool read_op(struct entries *en, struct attempt *t, struct op_state *s,
                    const struct commit *base, struct error *err)
{
    struct place before;
    if (!read_place(&t->view, &t->view.commit.root, s->op->path, t->out, &s->now, err))
        return false;
    if (!base)
        return true;
    if (!read_place(&t->view, &base->root, s->op->path, t->out, &before, err))
        return false;
    if (same_value(before.value, s->now.value))
        return true;
    if (!before.value.ptr)
        refuse(en, s, ENTRY_KEY_EXISTS, "already exists");
    else if (!s->now.value.ptr)
        refuse(en, s, ENTRY_KEY_MISSING, "does not exist any more");
    else
        refuse(en, s, ENTRY_VALUE_DIFFERS, "has been changed since");
    return true;
}

/* What is put in a place of its own must have a namespace there, now or by this commit. */
static bool check_home(struct entries *en, struct attempt *t, struct op_state *s, struct error *err)
{
    str home = ns_parent(s->op->path);
    struct place p;
    if (home.len == 0)
        return true;
    const struct op_state *put = op_at(en, home, ENTRY_OP_PUT);
    if (put) {
        if (put->op->type != ENTRY_NAMESPACE)
            refuse(en, s, ENTRY_NOT_A_NAMESPACE, "lies in something that is no namespace");
        return true;
    }
    str key = key_namespace(home, t->arena);
    if (!read_place(&t->view, &t->view.commit.root, home, t->out, &p, err))
        return false;
    if (op_at(en, home, ENTRY_OP_DELETE) || !p.entry.found)
        refuse(en, s, ENTRY_NAMESPACE_ABSENT, "has no namespace to lie in");
    else if (p.entry.type != ENTRY_NAMESPACE)
        refuse(en, s, ENTRY_NOT_A_NAMESPACE, "lies in something that is no namespace");
    else
        attempt_need(t, key);
    return true;
}

/* The entry with this id that another operation of this commit deletes: then it moves.  NULL: there is none. */
static const struct catalog_entry *moved_entry(const struct entries *en, str id)
{
    for (size_t i = 0; i < en->req->n; i++)
        if (en->ops[i].op->kind == ENTRY_OP_DELETE && str_eq(en->ops[i].now.entry.id, id))
            return &en->ops[i].now.entry;
    return NULL;
}

static bool is_moved(const struct entries *en, str id)
{
    return moved_entry(en, id) != NULL;
}

static bool check_put(struct entries *en, struct attempt *t, struct op_state *s, struct error *err)
{
    const struct entry_op *op = s->op;
    const struct catalog_entry *now = &s->now.entry;
    if (now->found && now->type != op->type)
        refuse(en, s, op->id.len ? ENTRY_TYPE_DIFFERS : ENTRY_KEY_EXISTS,
               "is something of another kind");
    else if (now->found && op->id.len == 0)
        refuse(en, s, ENTRY_KEY_EXISTS, "already exists");
    else if (now->found && !str_eq_nocase(op->id, now->id))
        refuse(en, s, ENTRY_ID_DIFFERS, "is another one: its content id differs");
    s->added = !now->found;
    return now->found || check_home(en, t, s, err);
}

/* Nothing may be left below a namespace that goes, but for what goes with it. */
static bool check_prefix(struct entries *en, struct attempt *t, struct op_state *s, str prefix,
                         struct error *err)
{
    struct tree_cursor cur;
    str ns, name;
    bool left = false;
    if (!tree_seek(&cur, &t->view.tree, &t->view.commit.root, prefix, err))
        return false;
    bool ok = true;
    while (ok && !left && !tree_at_end(&cur) && str_starts(cur.key, prefix)) {
        ok = key_parse(arena_str(t->arena, cur.key), &ns, &name, err);
        left = ok && !op_at(en, path_of(ns, name, t->arena), ENTRY_OP_DELETE);
        ok = ok && tree_next(&cur, err);
    }
    tree_close(&cur);
    if (left)
        refuse(en, s, ENTRY_NOT_EMPTY, "is a namespace that is not empty");
    return ok;
}

static bool check_delete(struct entries *en, struct attempt *t, struct op_state *s,
                         struct error *err)
{
    if (!s->now.entry.found) {
        refuse(en, s, ENTRY_KEY_MISSING, "does not exist");
        return true;
    }
    if (s->now.entry.type != ENTRY_NAMESPACE)
        return true;
    t->request.head = &t->view.commit.id; /* nothing may be added meanwhile */
    return check_prefix(en, t, s, key_children(s->op->path, t->arena), err) &&
           check_prefix(en, t, s, key_contents(ENTRY_TABLE, s->op->path, t->arena), err) &&
           check_prefix(en, t, s, key_contents(ENTRY_FUNCTION, s->op->path, t->arena), err);
}

static bool check_ops(struct entries *en, struct attempt *t, struct error *err)
{
    struct commit base;
    bool newest;
    if (!find_base(en, t, &base, &newest, err))
        return false;
    for (size_t i = 0; i < en->req->n; i++)
        if (!read_op(en, t, &en->ops[i], newest ? NULL : &base, err))
            return false;
    for (size_t i = 0; en->conflicts.n == 0 && i < en->req->n; i++) {
        struct op_state *s = &en->ops[i];
        if ((s->op->kind == ENTRY_OP_PUT && !check_put(en, t, s, err)) ||
            (s->op->kind == ENTRY_OP_DELETE && !check_delete(en, t, s, err)))
            return false;
    }
    return true;
}

static bool bad_metadata(const struct entry_op *op, struct error *err)
{
    if (err->code == ERR_NOT_FOUND || err->code == ERR_CORRUPT)
        err->code = ERR_INVALID;
    return fail_in(err, "metadata of \"" STR_FMT "\"", STR_ARG(ns_last(op->path)));
}

/* What a put stands for: the entry of its place, or the one that moves there. */
static const struct catalog_entry *replaced_by(const struct entries *en, const struct op_state *s)
{
    if (s->now.entry.found)
        return &s->now.entry;
    return s->op->id.len ? moved_entry(en, s->op->id) : NULL;
}

/* A caller who may not write every table puts metadata of this one only, and files of its own (confine.h).  A file elsewhere is
 * not even looked for, unless it is to be a new table: then the caller may read every one. */
static bool confine_before(struct entries *en, struct attempt *t, const struct op_state *s,
                           const struct metadata **base, struct error *err)
{
    const struct catalog_entry *from = replaced_by(en, s);
    *base = NULL;
    return !from || str_eq(from->location, s->op->location) ||
           (metadata_load(en->catalog, from->location, from->id, t->out, base, err) &&
            confine_owns(*base, s->op->location, err));
}

static bool confine_after(struct entries *en, const struct op_state *s, const struct metadata *base,
                          const struct metadata *next, struct error *err)
{
    const struct catalog_entry *from = replaced_by(en, s);
    str path = s->op->path;
    return (from && str_eq(from->location, s->op->location)) ||
           confine_check_file(en->catalog, en->ref, ns_parent(path), ns_last(path), base, next,
                              s->op->location, from ? from->location : (str){ 0 }, err);
}

/* The entry that a put makes; its metadata file is read as for a registration. */
static bool make_entry(struct entries *en, struct attempt *t, const struct op_state *s,
                       struct entry *out, struct error *err)
{
    const struct entry_op *op = s->op;
    const struct metadata *m, *base = NULL;
    const struct view_metadata *vm;
    struct catalog *c = en->catalog;
    *out = (struct entry){ .type = op->type, .location = op->location, .snapshot_id = -1 };
    if (op->type == ENTRY_NAMESPACE) {
        out->props_n = op->props_n;
        out->props = arena_array(t->arena, struct property, op->props_n);
        for (size_t i = 0; i < op->props_n; i++)
            out->props[i] = op->props[i];
        return true;
    }
    if (op->type == ENTRY_VIEW) {
        if (!view_file_load(c, op->location, (str){ 0 }, t->out, &vm, err) ||
            !view_check_places(c, vm, err))
            return bad_metadata(op, err);
        out->uuid = vm->uuid;
        return true;
    }
    bool confined = t->info && t->info->confined;
    if (confined && !confine_before(en, t, s, &base, err))
        return false;
    if (!metadata_load(c, op->location, (str){ 0 }, t->out, &m, err) ||
        !metadata_check_places(c, NULL, m, err))
        return bad_metadata(op, err);
    if (m->uuid.len == 0)
        return fail(err, ERR_INVALID, "table metadata " STR_FMT " has no table-uuid",
                    STR_ARG(op->location));
    if (confined && !confine_after(en, s, base, m, err))
        return false;
    *out = metadata_entry(m, op->location);
    return true;
}

/* The id of a new entry is its metadata's; one that the caller names must be that, and one of a moved entry. */
static void check_id(struct entries *en, struct op_state *s, const struct entry *e)
{
    str id = e->type == ENTRY_NAMESPACE ? namespace_id(s->op->path, en->arena) : e->uuid;
    s->id = arena_str(en->arena, id);
    if (s->now.entry.found && !str_eq_nocase(s->now.entry.id, id))
        refuse(en, s, ENTRY_ID_DIFFERS, "has metadata of another table or view");
    else if (!s->now.entry.found && s->op->id.len && e->type != ENTRY_NAMESPACE &&
             !str_eq_nocase(s->op->id, id))
        refuse(en, s, ENTRY_ID_DIFFERS, "is new and has metadata of another content id");
    else if (!s->now.entry.found && s->op->id.len && e->type != ENTRY_NAMESPACE &&
             !is_moved(en, s->op->id))
        refuse(en, s, ENTRY_KEY_MISSING, "does not exist, but a content id is expected there");
}

static bool plan_put(struct entries *en, struct attempt *t, struct op_state *s, struct error *err)
{
    struct entry e;
    str value, key = s->op->type == ENTRY_NAMESPACE ? key_namespace(s->op->path, t->arena)
                                                    : key_entry(s->op->type, ns_parent(s->op->path),
                                                                ns_last(s->op->path), t->arena);
    if (s->op->type == ENTRY_TABLE && s->op->id.len && !replaced_by(en, s)) {
        refuse(en, s, ENTRY_KEY_MISSING, "does not exist, but a content id is expected there");
        return true;
    }
    if (!make_entry(en, t, s, &e, err) || !entry_encode(&e, t->arena, &value, err))
        return false;
    check_id(en, s, &e);
    if (s->now.value.ptr && str_eq(s->now.value, value))
        attempt_edit(t, key)->expected = value;
    else
        attempt_put(t, key, s->op->type, s->now.value, value);
    return true;
}

static bool plan_op(struct entries *en, struct attempt *t, struct op_state *s, struct error *err)
{
    switch (s->op->kind) {
    case ENTRY_OP_PUT:
        return plan_put(en, t, s, err);
    case ENTRY_OP_DELETE:
        attempt_remove(t, s->now.key, s->now.entry.type, s->now.value);
        return true;
    default:
        if (s->now.key.len)
            attempt_edit(t, s->now.key)->expected = s->now.value;
        return true;
    }
}

static bool has_writes(const struct attempt *t)
{
    for (size_t i = 0; i < t->edits.n; i++)
        if (t->edits.at[i].write)
            return true;
    return false;
}

static bool plan_entries(void *ctx, struct attempt *t, struct error *err)
{
    struct entries *en = ctx;
    const struct entry_commit *req = en->req;
    en->conflicts.n = en->conflicts.cap = 0;
    en->ops = arena_array(t->out, struct op_state, req->n);
    map_init(&en->by_path, t->out);
    for (size_t i = 0; i < req->n; i++) {
        en->ops[i].op = &req->ops[i];
        map_put(&en->by_path, req->ops[i].path, &en->ops[i]);
    }
    if (!check_ops(en, t, err))
        return false;
    view_close(&t->view);
    for (size_t i = 0; en->conflicts.n == 0 && i < req->n; i++)
        if (!plan_op(en, t, &en->ops[i], err))
            return false;
    t->finished = en->conflicts.n > 0 || !has_writes(t);
    return true;
}

static bool committed(void *ctx, struct attempt *t, const struct sha256 *commit, bool replayed,
                      struct error *err)
{
    struct entries *en = ctx;
    struct entry_outcome *out = en->out;
    (void)err;
    out->commit_id = sha_text(commit, t->out);
    out->conflicts = en->conflicts.at;
    out->conflicts_n = en->conflicts.n;
    out->ids = arena_array(t->out, str, en->req->n);
    out->added = arena_array(t->out, bool, en->req->n);
    for (size_t i = 0; !replayed && i < en->req->n; i++) {
        out->ids[i] = en->ops[i].id;
        out->added[i] = en->ops[i].added;
    }
    return true;
}

static bool check_request(const struct entry_commit *req, struct arena *a, struct error *err)
{
    struct map seen;
    map_init(&seen, a);
    if (req->n > ENTRIES_MAX)
        return fail(err, ERR_LIMIT, "%zu operations in one commit, at most %d are possible", req->n,
                    ENTRIES_MAX);
    for (size_t i = 0; i < req->n; i++) {
        const struct entry_op *op = &req->ops[i];
        if (!ns_check(op->path, err))
            return fail_in(err, "key");
        if (!map_add(&seen, op->path, &seen))
            return fail(err, ERR_INVALID, "key \"" STR_FMT "\" is named twice",
                        STR_ARG(ns_to_text(op->path, a)));
        if (op->kind == ENTRY_OP_PUT && op->type != ENTRY_NAMESPACE && ns_parent(op->path).len == 0)
            return fail(err, ERR_INVALID, "\"" STR_FMT "\" lies in no namespace",
                        STR_ARG(op->path));
    }
    return true;
}

bool catalog_commit_entries(struct catalog *c, str ref, const struct entry_commit *req,
                            const struct commit_info *info, struct arena *a,
                            struct entry_outcome *out, struct error *err)
{
    struct entries en = { .catalog = c, .ref = ref, .req = req, .out = out, .arena = a };
    *out = (struct entry_outcome){ 0 };
    str what = arena_printf(a, "commit %zu keys on " STR_FMT, req->n, STR_ARG(ref));
    return check_request(req, a, err) &&
           attempt_run(c, ref, info, what, plan_entries, committed, &en, a, NULL, err);
}
