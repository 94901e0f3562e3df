/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/confine.h"

#include "base/map.h"
#include "base/mem.h"
#include "catalog/lru.h"
#include "catalog/table_priv.h"
#include "codec/uri.h"
#include "iceberg/scan.h"
#include "iceberg/update.h"

static const char *const place_keys[] = { "write.data.path", "write.metadata.path",
                                          "write.object-storage.path",
                                          "write.folder-storage.path" };
#define PLACE_KEYS_N (sizeof place_keys / sizeof *place_keys)
#define PLACES_MAX (PLACE_KEYS_N + 1)

struct places {
    struct uri at[PLACES_MAX];
    size_t n;
};

struct confine {
    struct catalog *catalog;
    struct arena *a;
    str ref, ns, name;
    const struct metadata *base, *next;
    struct places own, before; /* of `next`, of `base` */
};

/* ---- Places ---- */

static bool add_place(struct places *p, str text, struct error *err)
{
    if (text.len == 0)
        return true;
    return uri_parse(text, &p->at[p->n++], err) || fail_in(err, "a place of the table");
}

static bool find_places(const struct metadata *m, struct places *out, struct error *err)
{
    bool ok = !m || add_place(out, m->location, err);
    for (size_t i = 0; ok && m && i < PLACE_KEYS_N; i++)
        ok = add_place(out, metadata_property(m, place_keys[i], (str){ 0 }), err);
    return ok;
}

static str without_slashes(str path)
{
    while (str_ends(path, STR("/")))
        path.len--;
    return path;
}

static bool is_same(const struct uri *x, const struct uri *y)
{
    return str_eq_nocase(x->scheme, y->scheme) && str_eq_nocase(x->host, y->host) &&
           x->port == y->port && str_eq(without_slashes(x->path), without_slashes(y->path));
}

/* Below one of them, or the place itself. */
static bool lies_in(const struct places *p, const struct uri *u)
{
    str rest;
    for (size_t i = 0; i < p->n; i++)
        if (is_same(&p->at[i], u) || uri_below(&p->at[i], u, &rest))
            return true;
    return false;
}

static bool need_own(const struct confine *c, const char *what, str location, struct error *err)
{
    struct uri u;
    if (!uri_parse(location, &u, err))
        return fail_in(err, "%s", what);
    if (lies_in(&c->own, &u))
        return true;
    fail(err, ERR_DENIED,
         "%s " STR_FMT " does not lie under the location of table " STR_FMT
         " or its write.data.path",
         what, STR_ARG(str_sub(location, 0, 200)), STR_ARG(name_to_text(c->ns, c->name, c->a)));
    return fail_hint(err, "who may write all tables of the catalog may name files of any");
}

/* The folder of a table, as far as the place of its metadata tells: what is above "metadata/". */
static str folder_of(str metadata_location)
{
    for (size_t n = metadata_location.len; n > 0; n--) {
        if (metadata_location.ptr[n - 1] != '/')
            continue;
        str folder = str_sub(metadata_location, 0, n - 1);
        return str_ends(folder, STR("/metadata")) ? str_sub(folder, 0, folder.len - 9) : folder;
    }
    return metadata_location;
}

/* Neither may hold the other, nor be it. */
static bool is_apart(const struct uri *place, str metadata_location)
{
    struct error ignored = { 0 };
    struct uri file, folder;
    str rest;
    if (!uri_parse(metadata_location, &file, &ignored) ||
        !uri_parse(folder_of(metadata_location), &folder, &ignored))
        return true;
    return !uri_below(place, &file, &rest) && !uri_below(&folder, place, &rest);
}

/* Of the places that the table did not have before. */
static bool check_neighbour(const struct confine *c, const struct catalog_name *t,
                            struct error *err)
{
    for (size_t i = 0; i < c->own.n; i++)
        if (!lies_in(&c->before, &c->own.at[i]) && !is_apart(&c->own.at[i], t->location))
            return fail(err, ERR_DENIED,
                        "location " STR_FMT " of table " STR_FMT " reaches into another table's",
                        STR_ARG(str_sub(c->own.at[i].path, 0, 200)),
                        STR_ARG(name_to_text(c->ns, c->name, c->a)));
    return true;
}

/* The entry of the table itself is its own at its ref; of that name at main it may be another's. */
static bool check_neighbours(const struct confine *c, str ref, bool own_ref, struct error *err)
{
    struct catalog_page page = { 0 };
    do {
        struct arena *a = arena_create(0);
        str token = arena_str(a, page.next);
        bool ok = catalog_list_all(c->catalog, ref, token, LIST_MAX, a, &page, err);
        for (size_t i = 0; ok && i < page.n; i++) {
            const struct catalog_name *t = &page.names[i];
            bool itself = own_ref && str_eq(t->ns, c->ns) && str_eq(t->name, c->name);
            ok = itself || check_neighbour(c, t, err);
        }
        page.next = arena_str(c->a, page.next);
        arena_destroy(a);
        if (!ok)
            return false;
    } while (page.next.len);
    return true;
}

/* N2. */
static bool check_places(const struct confine *c, struct error *err)
{
    str ref = c->ref.len ? c->ref : STR("main");
    bool any = false;
    for (size_t i = 0; i < c->own.n; i++)
        any |= !lies_in(&c->before, &c->own.at[i]);
    return !any || (check_neighbours(c, ref, true, err) &&
                    (str_is(ref, "main") || check_neighbours(c, STR("main"), false, err)));
}

/* ---- Manifests that were checked before ---- */

struct checked {
    struct cached cached;
};

static void checked_destroy(struct cached *object)
{
    mem_free((char *)(uintptr_t)object->key.ptr);
    mem_free(object);
}

/* A verdict holds for the places that it was made with: the location stands for them. */
static str checked_key(const struct confine *c, str path, struct arena *a)
{
    return arena_printf(a, STR_FMT "\n" STR_FMT "\n" STR_FMT, STR_ARG(c->next->uuid),
                        STR_ARG(c->next->location), STR_ARG(path));
}

static bool was_checked(const struct confine *c, str path, struct arena *a)
{
    struct cached *found = lru_get(c->catalog->confined, checked_key(c, path, a));
    cached_unref(found);
    return found != NULL;
}

static void note_checked(const struct confine *c, str path, struct arena *a)
{
    str key = checked_key(c, path, a);
    struct checked *done = mem_new(struct checked);
    char *copy = mem_array(char, key.len + 1);
    memcpy(copy, key.ptr, key.len);
    done->cached.key = str_make(copy, key.len);
    done->cached.bytes = sizeof *done + key.len;
    done->cached.destroy = checked_destroy;
    cached_unref(lru_add(c->catalog->confined, &done->cached));
}

/* ---- Snapshots ---- */

static bool check_entries(const struct confine *c, struct manifest_reader *r, struct error *err)
{
    const struct manifest_entry *entries;
    size_t n;
    do {
        if (!manifest_next(r, &entries, &n, err))
            return false;
        for (size_t i = 0; i < n; i++)
            if (!need_own(c, "file", entries[i].file.path, err))
                return false;
    } while (n > 0);
    return true;
}

static bool check_manifest(const struct confine *c, const struct manifest_file *m,
                           struct error *err)
{
    struct arena *a = arena_create(0);
    struct manifest_reader *r;
    bool ok = was_checked(c, m->path, a);
    if (!ok) {
        ok = need_own(c, "manifest", m->path, err) &&
             scan_open_manifest(c->catalog->store, c->next, metadata_schema(c->next), m, a, &r,
                                err) &&
             check_entries(c, r, err);
        if (ok)
            note_checked(c, m->path, a);
    }
    arena_destroy(a);
    return ok;
}

/* The manifests that the table had before, of the snapshot that this one goes on from. */
static bool add_known(const struct confine *c, const struct snapshot *s, struct arena *a,
                      struct map *known, struct error *err)
{
    const struct snapshot *parent = c->base ? metadata_snapshot_by_id(c->base, s->parent_id) : NULL;
    struct manifest_file *manifests;
    size_t n;
    map_init(known, a);
    if (!parent || parent->manifest_list.len == 0)
        return true;
    if (!scan_manifests(c->catalog->store, parent, a, &manifests, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        map_put(known, manifests[i].path, &manifests[i]);
    return true;
}

/* N1. */
static bool check_snapshot(const struct confine *c, const struct snapshot *s, struct error *err)
{
    struct arena *a = arena_create(0);
    struct manifest_file *manifests = NULL;
    struct map known;
    size_t n = 0;
    bool asked = false, ok;
    if (s->manifest_list.len == 0)
        ok = s->manifests_n == 0 ||
             fail(err, ERR_DENIED, "snapshot %lld lists its manifests without a manifest list",
                  (long long)s->id);
    else
        ok = need_own(c, "manifest list", s->manifest_list, err) &&
             scan_manifests(c->catalog->store, s, a, &manifests, &n, err);
    for (size_t i = 0; ok && i < n; i++) {
        if (was_checked(c, manifests[i].path, a))
            continue;
        if (!asked && !add_known(c, s, a, &known, err)) {
            ok = false;
            break;
        }
        asked = true;
        ok = map_get(&known, manifests[i].path) || check_manifest(c, &manifests[i], err);
    }
    arena_destroy(a);
    return ok;
}

static bool check_update(const struct confine *c, const struct table_update *u, struct error *err)
{
    switch (u->kind) {
    case UPDATE_ADD_SNAPSHOT:
        return check_snapshot(c, u->snapshot, err);
    case UPDATE_SET_STATISTICS:
        return need_own(c, "statistics file", u->statistics.path, err);
    case UPDATE_SET_PARTITION_STATISTICS:
        return need_own(c, "statistics file", u->partition_statistics.path, err);
    default:
        return true;
    }
}

/* What the table named already stays as it is: a whole metadata file may stand in for another (N4). */
static bool had_snapshot(const struct confine *c, const struct snapshot *s)
{
    const struct snapshot *had = c->base ? metadata_snapshot_by_id(c->base, s->id) : NULL;
    return had && s->manifest_list.len > 0 && str_eq(had->manifest_list, s->manifest_list);
}

static bool had_file(const struct confine *c, str path)
{
    const struct metadata *m = c->base;
    for (size_t i = 0; m && i < m->statistics_n; i++)
        if (str_eq(m->statistics[i].path, path))
            return true;
    for (size_t i = 0; m && i < m->partition_statistics_n; i++)
        if (str_eq(m->partition_statistics[i].path, path))
            return true;
    for (size_t i = 0; m && i < m->metadata_log_n; i++)
        if (str_eq(m->metadata_log[i].file, path))
            return true;
    return false;
}

static bool need_file(const struct confine *c, const char *what, str path, struct error *err)
{
    return had_file(c, path) || need_own(c, what, path, err);
}

static bool check_snapshots_of(const struct confine *c, struct error *err)
{
    const struct metadata *m = c->next;
    for (size_t i = 0; i < m->snapshots_n; i++) {
        const struct snapshot *s = m->snapshots[i];
        if (had_snapshot(c, s))
            continue;
        if (c->base || s->id == m->current_snapshot_id) {
            if (!check_snapshot(c, s, err))
                return false;
        } else if (s->manifest_list.len && !need_own(c, "manifest list", s->manifest_list, err)) {
            return false;
        }
    }
    return true;
}

/* N3, N4. */
static bool check_whole(const struct confine *c, struct error *err)
{
    const struct metadata *m = c->next;
    for (size_t i = 0; i < m->statistics_n; i++)
        if (!need_file(c, "statistics file", m->statistics[i].path, err))
            return false;
    for (size_t i = 0; i < m->partition_statistics_n; i++)
        if (!need_file(c, "statistics file", m->partition_statistics[i].path, err))
            return false;
    return check_snapshots_of(c, err);
}

static bool check_all(const struct confine *c, const struct table_change *change, struct error *err)
{
    if (!change)
        return check_whole(c, err);
    for (size_t i = 0; i < change->updates_n; i++)
        if (!check_update(c, &change->updates[i], err))
            return false;
    return true;
}

/* A file that is not there, or is no manifest, is the request's fault. */
static bool blame(struct error *err)
{
    if (err->code == ERR_NOT_FOUND || err->code == ERR_CORRUPT)
        err->code = ERR_INVALID;
    return false;
}

bool confine_owns(const struct metadata *m, str location, struct error *err)
{
    struct places own = { 0 };
    struct uri u;
    if (!find_places(m, &own, err) || !uri_parse(location, &u, err))
        return false;
    return lies_in(&own, &u) || fail(err, ERR_DENIED,
                                     "metadata file " STR_FMT
                                     " does not lie under the location of the table that it is of",
                                     STR_ARG(str_sub(location, 0, 200)));
}

bool confine_check_file(struct catalog *c, str ref, str ns, str name, const struct metadata *base,
                        const struct metadata *next, str location, str base_location,
                        struct error *err)
{
    struct confine x = { .catalog = c,
                         .a = arena_create(0),
                         .ref = ref,
                         .ns = ns,
                         .name = name,
                         .base = base,
                         .next = next };
    bool ok = find_places(next, &x.own, err) && find_places(base, &x.before, err) &&
              need_own(&x, "metadata file", location, err);
    for (size_t i = 0; ok && i < next->metadata_log_n; i++)
        ok = str_eq(next->metadata_log[i].file, base_location) ||
             need_file(&x, "metadata file", next->metadata_log[i].file, err);
    ok = ok && check_places(&x, err) && check_whole(&x, err);
    arena_destroy(x.a);
    return ok || blame(err);
}

bool confine_check(struct catalog *c, str ref, str ns, str name, const struct metadata *base,
                   const struct metadata *next, const struct table_change *change,
                   struct error *err)
{
    struct confine x = { .catalog = c,
                         .a = arena_create(0),
                         .ref = ref,
                         .ns = ns,
                         .name = name,
                         .base = base,
                         .next = next };
    bool ok = find_places(next, &x.own, err) && find_places(base, &x.before, err) &&
              check_places(&x, err) && check_all(&x, change, err);
    arena_destroy(x.a);
    return ok || blame(err);
}
