/* SPDX-License-Identifier: Apache-2.0
 *
 * The database is opened by the first session and lives until the engine goes.  One thread, started
 * with the first call that can be cancelled, watches such calls: it looks at their flags and
 * deadlines every few milliseconds while there are any, and sleeps otherwise. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/mem.h"
#include "engine/duck_priv.h"
#include "engine/engine.h"

#define WATCH_INTERVAL_US 3000
#define MEMORY_SHARE 60 /* percent of the machine's, when no limit is given */

struct engine {
    struct engine_config config;
    char *temp_directory;

    pthread_mutex_t
        open_lock; /* guards database and open; held while opening, by design: others wait for it */
    duckdb_database database;
    atomic_bool open;
    atomic_uint_fast64_t counter;
    struct udf_types *udf_types;

    pthread_mutex_t
        watch_lock; /* guards the five below; duckdb_interrupt is called under it (it sets a flag) */
    pthread_cond_t watch_wake;
    struct watch *watches;
    struct thread *watcher;
    bool closing;
    struct session *sessions; /* that are open */

    pthread_mutex_t callback_lock; /* guards callbacks */
    struct callback *callbacks;
};

struct engine *engine_create(const struct engine_config *config)
{
    struct engine *e = mem_new(struct engine);
    e->config = *config;
    if (config->temp_directory) {
        size_t size = strlen(config->temp_directory) + 1;
        e->temp_directory = mem_array(char, size);
        memcpy(e->temp_directory, config->temp_directory, size);
    }
    e->udf_types = udf_types_create();
    pthread_mutex_init(&e->open_lock, NULL);
    pthread_mutex_init(&e->watch_lock, NULL);
    pthread_mutex_init(&e->callback_lock, NULL);
    pthread_cond_init(&e->watch_wake, NULL);
    return e;
}

static void watcher_stop(struct engine *e)
{
    pthread_mutex_lock(&e->watch_lock);
    e->closing = true;
    ASSERT(!e->watches);
    pthread_cond_signal(&e->watch_wake);
    pthread_mutex_unlock(&e->watch_lock);
    thread_join(e->watcher);
}

void engine_destroy(struct engine *e)
{
    if (!e)
        return;
    watcher_stop(e);
    ASSERT(!e->callbacks);
    if (e->open)
        duckdb_close(&e->database);
    udf_types_destroy(e->udf_types);
    pthread_mutex_destroy(&e->open_lock);
    pthread_mutex_destroy(&e->watch_lock);
    pthread_mutex_destroy(&e->callback_lock);
    pthread_cond_destroy(&e->watch_wake);
    mem_free(e->temp_directory);
    mem_free(e);
}

const char *engine_version(void)
{
    return duckdb_library_version();
}

static size_t memory_limit(const struct engine *e)
{
    if (e->config.memory_limit)
        return e->config.memory_limit;
    return (size_t)sysconf(_SC_PHYS_PAGES) / 100 * MEMORY_SHARE * (size_t)sysconf(_SC_PAGESIZE);
}

static bool configure(const struct engine *e, duckdb_config config, struct error *err)
{
    char memory[32], threads[16];
    snprintf(memory, sizeof memory, "%zuB", memory_limit(e));
    snprintf(threads, sizeof threads, "%d", e->config.threads ? e->config.threads : cpu_count());
    const char *const settings[][2] = {
        { "memory_limit", memory },
        { "threads", threads },
        { "temp_directory", e->temp_directory ? e->temp_directory : "" },
        { "autoinstall_known_extensions", "false" },
        { "autoload_known_extensions", "false" },
        { "allow_community_extensions", "false" },
        { "allow_persistent_secrets", "false" },
        /* Nothing may be looked for below the home directory. */
        { "extension_directory", "/nonexistent" },
        { "secret_directory", "/nonexistent" },
        /* Of a geometry it reads; the table's schema says it. */
        { "ignore_unknown_crs", "true" },
        /* Partitions written side by side (parquet.c). */
        { "partitioned_write_max_open_files", "1000" },
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (duckdb_set_config(config, settings[i][0], settings[i][1]) != DuckDBSuccess)
            return fail(err, ERR_INVALID, "engine setting %s = %s is refused", settings[i][0],
                        settings[i][1]);
    return true;
}

/* What every session must find, and nothing may change later. */
static bool prepare_database(struct engine *e, struct error *err)
{
    duckdb_connection c;
    if (duckdb_connect(e->database, &c) != DuckDBSuccess)
        return fail(err, ERR_INTERNAL, "the engine gives no connection");
    bool ok = duck_exec(c, "SET GLOBAL TimeZone = 'UTC'", err) && rows_register(c, e, err) &&
              duck_exec(c, "SET GLOBAL lock_configuration = true", err);
    duckdb_disconnect(&c);
    return ok;
}

static bool open_database(struct engine *e, struct error *err)
{
    duckdb_config config;
    if (duckdb_create_config(&config) != DuckDBSuccess)
        return fail(err, ERR_INTERNAL, "the engine gives no configuration");
    char *text = NULL;
    bool ok = configure(e, config, err);
    if (ok && duckdb_open_ext(NULL, &e->database, config, &text) != DuckDBSuccess)
        ok = duck_fail(NULL, text, err);
    duckdb_free(text);
    duckdb_destroy_config(&config);
    if (ok && !prepare_database(e, err)) {
        duckdb_close(&e->database);
        ok = false;
    }
    return ok || fail_in(err, "open the engine");
}

bool engine_open(struct engine *e, struct error *err)
{
    if (atomic_load_explicit(&e->open, memory_order_acquire))
        return true;
    pthread_mutex_lock(&e->open_lock);
    bool ok = e->open || open_database(e, err);
    if (ok)
        atomic_store_explicit(&e->open, true, memory_order_release);
    pthread_mutex_unlock(&e->open_lock);
    return ok;
}

duckdb_database engine_database(struct engine *e)
{
    return e->database;
}

const char *engine_temp_directory(const struct engine *e)
{
    return e->temp_directory;
}

uint64_t engine_next(struct engine *e)
{
    return atomic_fetch_add(&e->counter, 1) + 1;
}

struct udf_types *engine_udf_types(struct engine *e)
{
    return e->udf_types;
}

static void interrupt_expired(struct watch *w)
{
    struct error ignored;
    for (; w; w = w->next)
        if (!cancel_check(w->cancel, &ignored))
            duckdb_interrupt(w->connection);
}

static void watcher_run(void *arg)
{
    struct engine *e = arg;
    pthread_mutex_lock(&e->watch_lock);
    while (!e->closing) {
        if (!e->watches) {
            pthread_cond_wait(&e->watch_wake, &e->watch_lock);
            continue;
        }
        interrupt_expired(e->watches);
        pthread_mutex_unlock(&e->watch_lock);
        env_sleep_us(env_real(), WATCH_INTERVAL_US);
        pthread_mutex_lock(&e->watch_lock);
    }
    pthread_mutex_unlock(&e->watch_lock);
}

void engine_watch(struct engine *e, struct watch *w)
{
    pthread_mutex_lock(&e->watch_lock);
    if (!e->watcher)
        e->watcher = thread_start("engine-watch", watcher_run, e);
    w->prev = NULL;
    w->next = e->watches;
    if (w->next)
        w->next->prev = w;
    e->watches = w;
    pthread_cond_signal(&e->watch_wake);
    pthread_mutex_unlock(&e->watch_lock);
}

void engine_unwatch(struct engine *e, struct watch *w)
{
    pthread_mutex_lock(&e->watch_lock);
    if (w->prev)
        w->prev->next = w->next;
    else
        e->watches = w->next;
    if (w->next)
        w->next->prev = w->prev;
    pthread_mutex_unlock(&e->watch_lock);
}

void engine_session_add(struct engine *e, struct session *s)
{
    pthread_mutex_lock(&e->watch_lock);
    s->opened_us = env_now_us(env_real());
    s->next = e->sessions;
    if (s->next)
        s->next->prev = s;
    e->sessions = s;
    pthread_mutex_unlock(&e->watch_lock);
}

void engine_session_drop(struct engine *e, struct session *s)
{
    pthread_mutex_lock(&e->watch_lock);
    if (s->prev)
        s->prev->next = s->next;
    else
        e->sessions = s->next;
    if (s->next)
        s->next->prev = s->prev;
    pthread_mutex_unlock(&e->watch_lock);
}

int64_t engine_oldest_session_us(struct engine *e)
{
    int64_t oldest = INT64_MAX;
    pthread_mutex_lock(&e->watch_lock);
    for (const struct session *s = e->sessions; s; s = s->next)
        oldest = s->opened_us < oldest ? s->opened_us : oldest;
    pthread_mutex_unlock(&e->watch_lock);
    return oldest;
}

void engine_callback_add(struct engine *e, struct callback *c)
{
    pthread_mutex_lock(&e->callback_lock);
    c->next = e->callbacks;
    e->callbacks = c;
    pthread_mutex_unlock(&e->callback_lock);
}

void engine_callbacks_drop(struct engine *e, const struct session *s)
{
    pthread_mutex_lock(&e->callback_lock);
    for (struct callback **at = &e->callbacks; *at;) {
        if ((*at)->session == s)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
    pthread_mutex_unlock(&e->callback_lock);
}

const struct callback *engine_callback(struct engine *e, uint64_t id, uint64_t connection_id)
{
    pthread_mutex_lock(&e->callback_lock);
    struct callback *c = e->callbacks;
    while (c && !(c->id == id && c->session->connection_id == connection_id))
        c = c->next;
    pthread_mutex_unlock(&e->callback_lock);
    return c;
}
