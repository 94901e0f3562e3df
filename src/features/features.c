/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening, and definitions: applied, listed, described, deleted. */
#include "features/features.h"

#include <stdlib.h>

#include "base/log.h"
#include "features/define.h"
#include "features/features_priv.h"
#include "io/db.h"
#include "io/kv.h"
#include "sql/lake.h"

/* ---- Words */

static const char *const kind_names[FEATURE_KINDS] = { "entity", "feature_view",
                                                       "feature_service" };

static const struct {
    const char *word;
    enum feature_kind kind;
} kind_words[] = {
    { "entity", FEATURE_ENTITY },
    { "entities", FEATURE_ENTITY },
    { "view", FEATURE_VIEW },
    { "views", FEATURE_VIEW },
    { "feature_view", FEATURE_VIEW },
    { "feature_views", FEATURE_VIEW },
    { "feature-view", FEATURE_VIEW },
    { "service", FEATURE_SERVICE },
    { "services", FEATURE_SERVICE },
    { "feature_service", FEATURE_SERVICE },
    { "feature_services", FEATURE_SERVICE },
    { "feature-service", FEATURE_SERVICE },
};

const char *feature_kind_name(enum feature_kind kind)
{
    return kind_names[kind];
}

bool feature_kind_parse(str word, enum feature_kind *out)
{
    for (size_t i = 0; i < sizeof kind_words / sizeof *kind_words; i++) {
        if (str_is(word, kind_words[i].word)) {
            *out = kind_words[i].kind;
            return true;
        }
    }
    return false;
}

const char *feature_change_name(enum feature_change change)
{
    static const char *const names[] = { "created", "updated", "unchanged" };
    return names[change];
}

/* ---- State */

static bool reload_locked(struct features *f, struct error *err)
{
    struct online_state *now;
    if (!online_state_load(f->lake, &now, err))
        return false;
    online_state_free(published_swap(&f->state, now, f->lake->env));
    return true;
}

bool features_reload(struct features *f, struct error *err)
{
    pthread_mutex_lock(&f->writing);
    bool ok = reload_locked(f, err);
    pthread_mutex_unlock(&f->writing);
    return ok;
}

/* Another server has changed the definitions. */
static void follow(void *arg)
{
    struct features *f = arg;
    struct error err;
    if (!features_reload(f, &err))
        log_warn("features", "the definitions of another server are not taken over: %s", err.msg);
}

bool features_registry(struct features *f, struct arena *a, struct registry *out, struct error *err)
{
    return registry_load(f->lake->db, a, out, err);
}

bool features_open(struct lake *lake, struct features **out, struct error *err)
{
    struct online_state *state;
    if (!registry_migrate(lake->db, err) || !online_state_load(lake, &state, err))
        return fail_in(err, "open the feature store");
    struct features *f = aligned_alloc(64, (sizeof *f + 63) / 64 * 64);
    if (!f)
        panic("out of memory");
    memset(f, 0, sizeof *f);
    f->lake = lake;
    pthread_mutex_init(&f->writing, NULL);
    pthread_mutex_init(&f->materializing, NULL);
    atomic_store(&f->state.current, state);
    db_watch_init(&f->watch, lake->db, FEATURES_AREA, lake->pool, follow, f);
    *out = f;
    return true;
}

void features_close(struct features *f)
{
    if (!f)
        return;
    db_watch_end(&f->watch);
    online_state_free(atomic_load(&f->state.current));
    pthread_mutex_destroy(&f->writing);
    pthread_mutex_destroy(&f->materializing);
    free(f);
}

/* ---- Apply */

static void compare(const struct definitions *d, const struct registry *known, int64_t now_us,
                    struct features_apply_report *out)
{
    for (size_t i = 0; i < d->n; i++) {
        struct feature_head *h = d->at[i].head;
        const struct feature_head *was = registry_find(known, h->kind, h->name);
        enum feature_change change = !was                         ? FEATURE_CREATED
                                     : str_eq(was->body, h->body) ? FEATURE_UNCHANGED
                                                                  : FEATURE_UPDATED;
        h->version = was ? was->version + (change == FEATURE_UPDATED) : 1;
        h->created_us = was ? was->created_us : now_us;
        h->updated_us = now_us;
        out->created += change == FEATURE_CREATED;
        out->updated += change == FEATURE_UPDATED;
        out->unchanged += change == FEATURE_UNCHANGED;
        out->items[out->n++] = (struct feature_applied){ h->kind, h->name, change, h->version };
    }
}

static bool store_changes(struct features *f, const struct definitions *d,
                          const struct features_apply_report *report, struct error *err)
{
    struct db_tx *tx;
    if (!db_begin(f->lake->db, &tx, err))
        return false;
    for (size_t i = 0; i < d->n; i++) {
        if (report->items[i].change == FEATURE_UNCHANGED)
            continue;
        if (!registry_store(tx, d->at[i].head, err)) {
            db_rollback(tx);
            return false;
        }
    }
    if (db_touch(tx, FEATURES_AREA, err))
        return db_commit(tx, err);
    db_rollback(tx);
    return false;
}

/* Each online view takes a table of the store. */
static bool check_online(const struct definitions *d, const struct registry *known,
                         struct error *err)
{
    size_t online = 0;
    for (size_t i = 0; i < known->views.n; i++)
        online += ((const struct feature_view *)known->views.entries[i].value)->online;
    for (size_t i = 0; i < d->n; i++)
        if (d->at[i].head->kind == FEATURE_VIEW &&
            !registry_find(known, FEATURE_VIEW, d->at[i].head->name))
            online += ((const struct feature_view *)d->at[i].head)->online;
    return online <= ONLINE_VIEWS_MAX ||
           fail(err, ERR_LIMIT, "%zu online feature views, at most %d are allowed", online,
                ONLINE_VIEWS_MAX);
}

static bool apply_locked(struct features *f, const struct features_apply_request *req,
                         struct arena *a, struct features_apply_report *out, struct error *err)
{
    struct registry known;
    struct definitions d;
    if (!registry_load(f->lake->db, a, &known, err) || !define(req, &known, f->lake, a, &d, err) ||
        !check_online(&d, &known, err))
        return false;
    out->items = arena_array(a, struct feature_applied, d.n);
    compare(&d, &known, env_now_us(f->lake->env), out);
    if (req->plan || out->created + out->updated == 0)
        return true;
    return store_changes(f, &d, out, err) && reload_locked(f, err);
}

bool features_apply(struct features *f, const struct features_apply_request *req, struct arena *a,
                    struct features_apply_report *out, struct error *err)
{
    *out = (struct features_apply_report){ 0 };
    pthread_mutex_lock(&f->writing);
    bool ok = apply_locked(f, req, a, out, err);
    pthread_mutex_unlock(&f->writing);
    return ok;
}

/* ---- List, describe */

static struct feature_object object_of(const struct online_state *s, const struct feature_head *h,
                                       struct arena *a)
{
    struct feature_object o = { .kind = h->kind,
                                .name = arena_str(a, h->name),
                                .version = h->version,
                                .created_us = h->created_us,
                                .updated_us = h->updated_us,
                                .definition = arena_str(a, h->body),
                                .snapshot_id = -1 };
    const struct online_view *v = h->kind == FEATURE_VIEW ? map_get(&s->online, h->name) : NULL;
    if (v && v->filled) {
        o.materialized = true;
        o.snapshot_id = v->record.snapshot_id;
        o.rows = v->record.rows;
        o.materialized_us = v->record.time_us;
    }
    return o;
}

bool features_list(struct features *f, struct arena *a, struct feature_object **out, size_t *n,
                   struct error *err)
{
    unsigned ticket;
    (void)err;
    db_watch(&f->watch);
    const struct online_state *s = published_enter(&f->state, &ticket);
    const struct registry *r = &s->registry;
    *out = arena_array(a, struct feature_object, r->entities.n + r->views.n + r->services.n);
    *n = 0;
    for (int kind = 0; kind < FEATURE_KINDS; kind++) {
        const struct map *m = registry_map(r, (enum feature_kind)kind);
        for (size_t i = 0; i < m->n; i++)
            (*out)[(*n)++] = object_of(s, m->entries[i].value, a);
    }
    published_leave(&f->state, ticket);
    return true;
}

static bool missing(const struct registry *r, enum feature_kind kind, str name, struct arena *a,
                    struct error *err)
{
    fail(err, ERR_NOT_FOUND, "there is no %s " STR_FMT, feature_kind_name(kind), STR_ARG(name));
    return fail_hint(err, "there is: " STR_FMT, STR_ARG(registry_names(r, kind, a)));
}

bool features_describe(struct features *f, enum feature_kind kind, str name, struct arena *a,
                       struct feature_object *out, struct error *err)
{
    unsigned ticket;
    db_watch(&f->watch);
    const struct online_state *s = published_enter(&f->state, &ticket);
    const struct feature_head *h = registry_find(&s->registry, kind, name);
    if (h)
        *out = object_of(s, h, a);
    else
        missing(&s->registry, kind, name, a, err);
    published_leave(&f->state, ticket);
    return h;
}

/* ---- Delete */

static bool used_by(str what, const char *kind, str by, struct error *err)
{
    fail(err, ERR_CONFLICT, STR_FMT " is used by the %s " STR_FMT, STR_ARG(what), kind,
         STR_ARG(by));
    return fail_hint(err, "delete the %s first", kind);
}

static bool check_entity_unused(const struct registry *r, str name, struct error *err)
{
    for (size_t i = 0; i < r->views.n; i++) {
        const struct feature_view *v = r->views.entries[i].value;
        for (size_t k = 0; k < v->entities_n; k++)
            if (str_eq(v->entities[k], name))
                return used_by(name, "feature view", v->head.name, err);
    }
    return true;
}

static bool check_view_unused(const struct registry *r, str name, struct error *err)
{
    for (size_t i = 0; i < r->services.n; i++) {
        const struct feature_service *s = r->services.entries[i].value;
        for (size_t k = 0; k < s->refs_n; k++) {
            str view, feature;
            str_cut(s->refs[k], ':', &view, &feature);
            if (str_eq(view, name))
                return used_by(name, "feature service", s->head.name, err);
        }
    }
    return true;
}

static bool remove_object(struct features *f, enum feature_kind kind, str name, struct error *err)
{
    struct db_tx *tx;
    if (!db_begin(f->lake->db, &tx, err))
        return false;
    if (!registry_remove(tx, kind, name, err) || !db_touch(tx, FEATURES_AREA, err)) {
        db_rollback(tx);
        return false;
    }
    return db_commit(tx, err);
}

/* A view of that name made later must not find the old one's rows. */
static bool drop_rows(struct features *f, str view, struct arena *a, struct error *err)
{
    struct kv_table *table;
    struct kv_batch *b;
    str name = arena_printf(a, "view:" STR_FMT, STR_ARG(view));
    if (!kv_table(f->lake->online, name, &table, err) || !kv_batch_begin(f->lake->online, &b, err))
        return false;
    if (!kv_drop_prefix(b, table, STR(""), NULL, err)) {
        kv_abort(b);
        return false;
    }
    return kv_commit(b, err);
}

static bool delete_locked(struct features *f, enum feature_kind kind, str name, struct arena *a,
                          struct error *err)
{
    struct registry r;
    if (!registry_load(f->lake->db, a, &r, err))
        return false;
    const struct feature_head *h = registry_find(&r, kind, name);
    if (!h)
        return missing(&r, kind, name, a, err);
    if ((kind == FEATURE_ENTITY && !check_entity_unused(&r, name, err)) ||
        (kind == FEATURE_VIEW && !check_view_unused(&r, name, err)))
        return false;
    bool online = kind == FEATURE_VIEW && ((const struct feature_view *)h)->online;
    return (!online || drop_rows(f, name, a, err)) && remove_object(f, kind, name, err) &&
           reload_locked(f, err);
}

bool features_delete(struct features *f, enum feature_kind kind, str name, struct error *err)
{
    struct arena *a = arena_create(0);
    pthread_mutex_lock(&f->materializing);
    pthread_mutex_lock(&f->writing);
    bool ok = delete_locked(f, kind, name, a, err);
    pthread_mutex_unlock(&f->writing);
    pthread_mutex_unlock(&f->materializing);
    arena_destroy(a);
    return ok;
}
