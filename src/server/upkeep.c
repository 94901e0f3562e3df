/* SPDX-License-Identifier: Apache-2.0 */
#include "server/upkeep.h"

#include "base/env.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/json.h"
#include "govern/access.h"
#include "iceberg/expire.h"
#include "iceberg/metadata.h"
#include "io/db.h"
#include "server/metrics.h"
#include "sql/lake.h"
#include "sql/maintain.h"

#define LOOK_US 200000         /* how late the end is noticed */
#define ROUND_US US_PER_MINUTE /* between two looks at all tables */
#define LEASE_EXTRA_US (2 * US_PER_MINUTE)
#define RETRY_US US_PER_MINUTE /* after the first failure */
#define RETRY_DOUBLINGS_MAX 12
#define INTERVAL_MIN_US (10 * US_PER_S)
#define ERROR_TEXT_MAX 1000

struct upkeep {
    struct app *app;
    struct upkeep_config config;
};

static const struct {
    const char *name;
    const char *property;
} actions[UPKEEP_ACTIONS] = {
    [UPKEEP_DELETES] = { "deletes", "firn.maintenance.deletes" },
    [UPKEEP_COMPACT] = { "compact", "firn.maintenance.compact" },
    [UPKEEP_EXPIRE] = { "expire", "firn.maintenance.expire" },
    [UPKEEP_MANIFESTS] = { "manifests", "firn.maintenance.manifests" },
    [UPKEEP_ORPHANS] = { "orphans", "firn.maintenance.orphans" },
};

static const struct migration migrations[] = {
    { 1, "upkeep of tables",
      "CREATE TABLE keep_lease (id INTEGER NOT NULL PRIMARY KEY, holder BIGINT NOT NULL,"
      " until_us BIGINT NOT NULL);"
      "CREATE TABLE keep_tables (name TEXT NOT NULL PRIMARY KEY, location TEXT NOT NULL,"
      " last_us BIGINT NOT NULL, next_us BIGINT NOT NULL, took_us BIGINT NOT NULL,"
      " failures BIGINT NOT NULL, done TEXT NOT NULL, error TEXT NOT NULL);" },
};

void upkeep_defaults(struct upkeep_config *out)
{
    *out = (struct upkeep_config){ .collect = true,
                                   .interval_us = US_PER_HOUR,
                                   .action_us = 30 * US_PER_MINUTE,
                                   .bytes_max = INT64_C(10) << 30 };
    for (int i = 0; i < UPKEEP_ACTIONS; i++)
        out->actions[i] = i != UPKEEP_ORPHANS;
}

bool upkeep_open(struct app *app, const struct upkeep_config *config, struct upkeep **out,
                 struct error *err)
{
    if (!db_migrate(app->lake->db, "upkeep", migrations, sizeof migrations / sizeof *migrations,
                    err))
        return fail_in(err, "open the notes of maintenance");
    struct upkeep *u = mem_new(struct upkeep);
    u->app = app;
    u->config = *config;
    *out = u;
    return true;
}

void upkeep_close(struct upkeep *u)
{
    mem_free(u);
}

/* --- notes --- */

/* K1. */
static bool take_lease(struct upkeep *u, bool *held, struct error *err)
{
    int64_t changes, now = env_now_us(u->app->lake->env), me = u->app->lake->server_id;
    int64_t until = now + u->config.action_us + LEASE_EXTRA_US;
    *held = false;
    if (!db_change(u->app->lake->db,
                   STR("INSERT INTO keep_lease (id, holder, until_us) VALUES (1, ?, ?) "
                       "ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, "
                       "until_us = excluded.until_us WHERE keep_lease.holder = ? OR "
                       "keep_lease.until_us < ?"),
                   DB_ARGS(db_val_int(me), db_val_int(until), db_val_int(me), db_val_int(now)),
                   &changes, err))
        return false;
    *held = changes > 0;
    return true;
}

static void leave_lease(struct upkeep *u)
{
    int64_t changes;
    struct error err = { 0 };
    if (!db_change(u->app->lake->db, STR("DELETE FROM keep_lease WHERE holder = ?"),
                   DB_ARGS(db_val_int(u->app->lake->server_id)), &changes, &err))
        log_warn("maintenance", "%s", err.msg);
}

/* What is known of a table. */
struct note {
    str name, location;
    int64_t next_us, failures;
};

static bool read_note(struct upkeep *u, str name, struct arena *a, struct note *out,
                      struct error *err)
{
    struct db_rows rows;
    *out = (struct note){ .name = name };
    if (!db_select(u->app->lake->db,
                   STR("SELECT location, next_us, failures FROM keep_tables WHERE name = ?"),
                   DB_ARGS(db_val_text(name)), a, &rows, err))
        return false;
    if (rows.n > 0) {
        out->location = db_str(&rows, 0, 0);
        out->next_us = db_int(&rows, 0, 1);
        out->failures = db_int(&rows, 0, 2);
    }
    return true;
}

/* --- one table --- */

struct run_of {
    struct upkeep *u;
    struct arena *a;
    struct table table;
    str name; /* dotted, as the procedures take it */
    const struct access *access;
    struct cancel *stop;
    struct buf done; /* "compact: 12 files" */
};

static bool wants(const struct run_of *x, enum upkeep_action action)
{
    str text = metadata_property(x->table.metadata, actions[action].property, (str){ 0 });
    return text.len ? str_eq_nocase(text, STR("true")) : x->u->config.actions[action];
}

static bool is_kept(const struct run_of *x)
{
    str text = metadata_property(x->table.metadata, "firn.maintenance.enabled", (str){ 0 });
    return text.len ? str_eq_nocase(text, STR("true")) : !x->u->config.marked;
}

static int64_t interval_of(const struct run_of *x)
{
    int64_t us = x->u->config.interval_us;
    str text = metadata_property(x->table.metadata, "firn.maintenance.interval", (str){ 0 });
    if (text.len && !time_parse_duration(text, &us))
        log_warn("maintenance", "table=" STR_FMT " firn.maintenance.interval is no duration",
                 STR_ARG(x->name));
    return us < INTERVAL_MIN_US ? INTERVAL_MIN_US : us;
}

static struct write_info info_of(struct run_of *x, struct cancel *cancel)
{
    struct write_info info = { .cancel = cancel };
    access_sign(x->access, x->a, &info.commit);
    return info;
}

static bool do_deletes(struct run_of *x, struct cancel *cancel, int64_t *n, struct error *err)
{
    struct deletes_outcome done;
    struct deletes_request r = {
        .table = x->name, .drop_dangling = true, .access = x->access, .cancel = cancel
    };
    if (!maintain_deletes(x->u->app->lake, &r, x->a, &done, err))
        return false;
    *n = done.rewritten_files + done.dangling;
    return true;
}

static bool do_compact(struct run_of *x, struct cancel *cancel, int64_t *n, struct error *err)
{
    const struct metadata *m = x->table.metadata;
    struct compact_result done;
    struct compact_request r = {
        .table = x->name,
        .strategy = metadata_property(m, "firn.maintenance.compact.strategy", (str){ 0 }),
        .sort_order = metadata_property(m, "firn.maintenance.compact.sort-order", (str){ 0 }),
        .options = { .min_input_files =
                         metadata_property_int(m, "firn.maintenance.compact.min-input-files", 0),
                     .group_bytes = x->u->config.bytes_max },
        .partial_progress = true,
        .drop_dangling = true,
        .access = x->access,
        .cancel = cancel
    };
    if (!maintain_compact(x->u->app->lake, &r, x->a, &done, err))
        return false;
    *n = done.files;
    return true;
}

static bool do_expire(struct run_of *x, struct cancel *cancel, int64_t *n, struct error *err)
{
    struct write_info info = info_of(x, cancel);
    struct catalog_expire_options o = { .older_than_ms = EXPIRE_AGE_NONE, .cancel = cancel };
    struct catalog_expire_result done;
    info.commit.message = arena_printf(x->a, "expire snapshots of " STR_FMT, STR_ARG(x->name));
    if (str_eq_nocase(metadata_property(x->table.metadata, "gc.enabled", STR("true")),
                      STR("false")))
        return true;
    if (!catalog_expire(x->u->app->lake->catalog, (str){ 0 }, x->table.ns, x->table.name, &o, &info,
                        x->a, &done, err))
        return false;
    *n = done.snapshots;
    return true;
}

static bool do_manifests(struct run_of *x, struct cancel *cancel, int64_t *n, struct error *err)
{
    struct write_info info = info_of(x, cancel);
    struct manifests_request r = { .table = x->name,
                                   .options = { .spec_id = MANIFESTS_SPEC_DEFAULT,
                                                .cancel = cancel },
                                   .info = &info };
    struct manifests_outcome done;
    info.commit.message = arena_printf(x->a, "rewrite manifests of " STR_FMT, STR_ARG(x->name));
    if (!maintain_manifests(x->u->app->lake, &r, x->a, &done, err))
        return false;
    *n = done.counts.rewritten;
    return true;
}

/* K4: what is in use under another scheme stays. */
static bool do_orphans(struct run_of *x, struct cancel *cancel, int64_t *n, struct error *err)
{
    struct orphans_options o = { .older_than_ms = INT64_MIN,
                                 .mismatch = ORPHANS_IGNORE,
                                 .cancel = cancel };
    struct orphans_result done;
    if (str_eq_nocase(metadata_property(x->table.metadata, "gc.enabled", STR("true")),
                      STR("false")))
        return true;
    if (!maintain_orphans(x->u->app->lake, (str){ 0 }, x->name, &o, x->a, &done, err))
        return false;
    *n = done.removed;
    return true;
}

static bool (*const work_of[UPKEEP_ACTIONS])(struct run_of *x, struct cancel *cancel, int64_t *n,
                                             struct error *err) = {
    [UPKEEP_DELETES] = do_deletes,     [UPKEEP_COMPACT] = do_compact, [UPKEEP_EXPIRE] = do_expire,
    [UPKEEP_MANIFESTS] = do_manifests, [UPKEEP_ORPHANS] = do_orphans,
};

/* An action has its own deadline; the end of the server ends it, too. */
static bool act(struct run_of *x, enum upkeep_action action, struct error *err)
{
    int64_t n = 0;
    x->stop->deadline_ns = env_monotonic_ns(env_real()) + x->u->config.action_us * 1000;
    bool ok = work_of[action](x, x->stop, &n, err);
    x->stop->deadline_ns = 0;
    metrics_maintenance(x->u->app->metrics, actions[action].name, ok);
    if (!ok)
        return fail_in(err, "%s", actions[action].name);
    if (n > 0) {
        buf_printf(&x->done, "%s%s: %lld", x->done.len ? ", " : "", actions[action].name,
                   (long long)n);
        log_info("maintenance", "table=" STR_FMT " action=%s files=%lld", STR_ARG(x->name),
                 actions[action].name, (long long)n);
    }
    return true;
}

static bool act_all(struct run_of *x, bool *held, struct error *err)
{
    for (int i = 0; i < UPKEEP_ACTIONS; i++) {
        if (!wants(x, (enum upkeep_action)i))
            continue;
        if (!take_lease(x->u, held, err) || !*held)
            return !err->code;
        if (!act(x, (enum upkeep_action)i, err))
            return false;
    }
    return true;
}

/* K2, K3. */
static bool write_note(struct run_of *x, const struct note *before, int64_t began_us,
                       const struct error *failed, struct error *err)
{
    struct table now;
    struct error ignored = { 0 };
    struct lake *lake = x->u->app->lake;
    int64_t changes, now_us = env_now_us(lake->env);
    int64_t failures = failed->code ? before->failures + 1 : 0;
    int64_t doublings = failures < RETRY_DOUBLINGS_MAX ? failures : RETRY_DOUBLINGS_MAX;
    int64_t wait = failures ? RETRY_US << (doublings - 1) : interval_of(x);
    str location = { 0 };
    if (wait > US_PER_DAY && failures)
        wait = US_PER_DAY;
    if (catalog_load_table(lake->catalog, (str){ 0 }, x->table.ns, x->table.name, x->a, &now,
                           &ignored))
        location = now.metadata_location;
    str error = failed->code ? str_of(failed->msg) : (str){ 0 };
    return db_change(
        x->u->app->lake->db,
        STR("INSERT INTO keep_tables (name, location, last_us, next_us, took_us, failures, done, "
            "error) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
            "location = excluded.location, last_us = excluded.last_us, next_us = excluded.next_us, "
            "took_us = excluded.took_us, failures = excluded.failures, done = excluded.done, "
            "error = excluded.error"),
        DB_ARGS(db_val_text(x->name), db_val_text(location), db_val_int(now_us),
                db_val_int(now_us + wait), db_val_int(now_us - began_us), db_val_int(failures),
                db_val_text(buf_str(&x->done)),
                db_val_text(
                    str_sub(error, 0, error.len < ERROR_TEXT_MAX ? error.len : ERROR_TEXT_MAX))),
        &changes, err);
}

static bool keep_table(struct run_of *x, const struct note *note, bool *held, struct error *err)
{
    struct error failed = { 0 };
    int64_t began_us = env_now_us(x->u->app->lake->env);
    buf_init(&x->done, 4096);
    bool ok = act_all(x, held, &failed);
    if (!ok && failed.code == ERR_CANCELLED && atomic_load(&x->stop->requested)) {
        *err = failed; /* the server ends: nothing is to be noted */
    } else {
        if (!ok)
            log_warn("maintenance", "table=" STR_FMT " %s", STR_ARG(x->name), failed.msg);
        ok = !*held || write_note(x, note, began_us, &failed, err);
    }
    buf_deinit(&x->done);
    return ok;
}

/* --- a round --- */

static bool look_at(struct upkeep *u, const struct catalog_name *n, struct cancel *stop, bool *held,
                    struct error *err)
{
    struct arena *a = arena_create(0);
    struct run_of x = { .u = u, .a = a, .stop = stop };
    struct note note;
    struct error missing = { 0 };
    x.name = name_to_text(n->ns, n->name, a);
    x.access = access_system(u->app->lake->govern, a);
    bool ok = read_note(u, x.name, a, &note, err);
    if (ok && note.next_us <= env_now_us(u->app->lake->env) &&
        catalog_load_table(u->app->lake->catalog, (str){ 0 }, n->ns, n->name, a, &x.table,
                           &missing) &&
        is_kept(&x))
        ok = keep_table(&x, &note, held, err);
    arena_destroy(a);
    return ok;
}

static bool look_at_all(struct upkeep *u, struct cancel *stop, bool *held, struct error *err)
{
    struct catalog_page page = { 0 };
    struct arena *tokens = arena_create(0);
    bool ok = true;
    do {
        struct arena *a = arena_create(0);
        ok =
            catalog_list_all(u->app->lake->catalog, (str){ 0 }, page.next, LIST_MAX, a, &page, err);
        for (size_t i = 0; ok && *held && i < page.n; i++)
            ok = cancel_check(stop, err) && look_at(u, &page.names[i], stop, held, err);
        page.next = arena_str(tokens, page.next);
        arena_destroy(a);
    } while (ok && *held && page.next.len);
    arena_destroy(tokens);
    return ok;
}

static void collect(struct upkeep *u, struct cancel *stop)
{
    struct arena *a = arena_create(0);
    struct collect_result done;
    struct error err = { 0 };
    bool ok = maintain_collect(u->app->lake, COLLECT_SAFETY_US, false, stop, a, &done, &err);
    if (!ok)
        log_warn("maintenance", "collect: %s", err.msg);
    else if (done.removed > 0)
        log_info("maintenance", "collect files=%lld bytes=%lld", (long long)done.removed,
                 (long long)done.bytes);
    metrics_maintenance(u->app->metrics, "collect", ok);
    arena_destroy(a);
}

bool upkeep_round(struct upkeep *u, struct cancel *cancel, bool *held, struct error *err)
{
    if (!take_lease(u, held, err) || !*held)
        return !err->code;
    bool ok = look_at_all(u, cancel, held, err);
    if (ok && *held && u->config.collect)
        collect(u, cancel);
    return ok;
}

/* --- what it tells --- */

static void write_table(const struct db_rows *rows, size_t i, struct json_writer *w)
{
    char text[TIME_TEXT_MAX];
    str error = db_str(rows, i, 6);
    jw_begin_object(w);
    jw_kv_str(w, "table", db_str(rows, i, 0));
    time_format_iso(db_int(rows, i, 1), text);
    jw_kv_str(w, "last", str_of(text));
    time_format_iso(db_int(rows, i, 2), text);
    jw_kv_str(w, "next", str_of(text));
    jw_kv_f64(w, "seconds", (double)db_int(rows, i, 3) / 1e6);
    jw_kv_int(w, "failures", db_int(rows, i, 4));
    jw_kv_str(w, "done", db_str(rows, i, 5));
    if (error.len)
        jw_kv_str(w, "error", error);
    else
        jw_kv_null(w, "error");
    jw_end_object(w);
}

bool upkeep_write(struct upkeep *u, struct arena *a, struct json_writer *w, struct error *err)
{
    struct db_rows lease, tables;
    if (!db_select(u->app->lake->db, STR("SELECT holder FROM keep_lease WHERE until_us >= ?"),
                   DB_ARGS(db_val_int(env_now_us(u->app->lake->env))), a, &lease, err) ||
        !db_select(u->app->lake->db,
                   STR("SELECT name, last_us, next_us, took_us, failures, done, error FROM "
                       "keep_tables ORDER BY last_us DESC, name LIMIT 10000"),
                   NULL, 0, a, &tables, err))
        return false;
    jw_begin_object(w);
    jw_kv_bool(w, "enabled", u->config.enabled);
    if (lease.n)
        jw_kv_int(w, "holder", db_int(&lease, 0, 0));
    else
        jw_kv_null(w, "holder");
    jw_kv_array(w, "tables");
    for (size_t i = 0; i < tables.n; i++)
        write_table(&tables, i, w);
    jw_end_array(w);
    jw_end_object(w);
    return true;
}

/* --- the thread --- */

struct upkeep_thread {
    struct upkeep *u;
    struct thread *thread;
    struct cancel stop;
};

static void work(void *arg)
{
    struct upkeep_thread *t = arg;
    int64_t looked_ns = 0;
    while (!atomic_load(&t->stop.requested)) {
        int64_t now = env_monotonic_ns(env_real());
        if (looked_ns == 0 || now - looked_ns >= ROUND_US * 1000) {
            struct error err = { 0 };
            bool held;
            if (!upkeep_round(t->u, &t->stop, &held, &err) && err.code != ERR_CANCELLED)
                log_warn("maintenance", "%s", err.msg);
            looked_ns = env_monotonic_ns(env_real());
        }
        env_sleep_us(env_real(), LOOK_US);
    }
    leave_lease(t->u);
}

struct upkeep_thread *upkeep_thread_start(struct upkeep *u)
{
    if (!u->config.enabled)
        return NULL;
    struct upkeep_thread *t = mem_new(struct upkeep_thread);
    t->u = u;
    t->thread = thread_start("firn-upkeep", work, t);
    return t;
}

void upkeep_thread_stop(struct upkeep_thread *t)
{
    if (!t)
        return;
    atomic_store(&t->stop.requested, true);
    thread_join(t->thread);
    mem_free(t);
}
