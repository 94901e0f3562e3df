/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/lake_priv.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/thread.h"
#include "catalog/catalog.h"
#include "codec/json.h"
#include "engine/engine.h"
#include "govern/govern.h"
#include "io/db.h"
#include "io/kv.h"
#include "io/lock.h"
#include "io/store.h"
#include "io/yaml.h"
#include "sql/vector.h"

#define CONFIG_BYTES_MAX (1u << 20)
#define POOL_QUEUE_MAX 1024
#define JOURNAL_AFTER                                                                              \
    16 /* files that a process writes before it keeps a journal: not for a command or two */
#define MEMORY_SHARE 0.6 /* of the machine's memory, for the engine, unless configured */

/* What firn.yaml in the data directory may say. */
struct config {
    int64_t memory_limit;               /* bytes; 0: not said */
    const struct store_prefix *allowed; /* locations outside of the warehouse */
    size_t allowed_n;
    str catalog, warehouse,
        artifacts;          /* other places than in the data directory; empty: not said */
    const struct json *doc; /* all of it; NULL: there is none */
};

static bool make_dir(const char *path, struct error *err)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return true;
    return fail_errno(err, errno, "make the folder %s", path);
}

/* The folder's absolute name; it is made when missing (its parent is not: a typing error must not build trees). */
static bool find_dir(const struct lake_options *o, struct arena *a, char **out, struct error *err)
{
    struct stat st;
    if (stat(o->dir, &st) != 0) {
        if (errno != ENOENT)
            return fail_errno(err, errno, "open the data directory %s", o->dir);
        if (o->must_exist)
            return fail(err, ERR_NOT_FOUND, "there is no data directory %s", o->dir) ||
                   fail_hint(
                       err, "make one by loading something: firn ingest FILE bronze.NAME --data %s",
                       o->dir);
        if (!make_dir(o->dir, err))
            return false;
    } else if (!S_ISDIR(st.st_mode)) {
        return fail(err, ERR_INVALID, "the data directory %s is a file", o->dir);
    }
    char *real = realpath(o->dir, NULL);
    if (!real)
        return fail_errno(err, errno, "open the data directory %s", o->dir);
    *out = arena_cstr(a, str_of(real));
    free(real);
    return true;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type;
    return ftw->level == 0 ? 0 : remove(path); /* the folder itself stays */
}

/* What a killed process spilled is of no use to anybody.  Only under the lock. */
static bool empty_tmp(const struct lake *lake, struct arena *a, struct error *err)
{
    const char *tmp = arena_printf(a, "%s/tmp", lake->dir).ptr;
    return make_dir(tmp, err) && (nftw(tmp, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 ||
                                  fail_errno(err, errno, "empty the folder %s", tmp));
}

/* Folders, or locations that a folder stands for: "/data/lake" or {location: "s3://bucket/t", dir: "/data/t"}. */
static bool parse_allowed(const struct json *item, struct arena *a, struct store_prefix *out,
                          struct error *err)
{
    str location, dir = { 0 };
    if (item->kind == JSON_STR)
        location = item->s;
    else if (!json_need_str(item, "location", &location, err) ||
             !json_opt_str(item, "dir", (str){ 0 }, &dir, err))
        return false;
    *out = (struct store_prefix){ arena_str(a, location), arena_str(a, dir), true };
    return true;
}

static bool read_allowed(const struct json *doc, struct arena *a, struct config *out,
                         struct error *err)
{
    const struct json *list;
    if (!json_opt_array(doc, "allowed_locations", &list, err))
        return false;
    if (!list)
        return true;
    struct store_prefix *at = arena_array(a, struct store_prefix, list->array.n);
    for (size_t i = 0; i < list->array.n; i++)
        if (!parse_allowed(&list->array.items[i], a, &at[i], err))
            return fail_in(err, "firn.yaml: allowed_locations[%zu]", i);
    out->allowed = at;
    out->allowed_n = list->array.n;
    return true;
}

/* All settings of firn.yaml.  Those of the server are read by server/config.h. */
static const char *const settings[] = {
    "catalog", "warehouse", "artifacts", "memory_limit", "allowed_locations", "server",
    "tls",     "auth",      "throttle",  "events",       "maintenance",
};
#define SETTINGS_N (sizeof settings / sizeof *settings)

static bool is_setting(str key)
{
    for (size_t i = 0; i < SETTINGS_N; i++)
        if (str_is(key, settings[i]))
            return true;
    return false;
}

static bool unknown_setting(str key, struct arena *a, struct error *err)
{
    str names[SETTINGS_N];
    for (size_t i = 0; i < SETTINGS_N; i++)
        names[i] = str_of(settings[i]);
    str known = arena_join(a, names, SETTINGS_N, STR(", "));
    return fail(err, ERR_INVALID, "firn.yaml: unknown setting " STR_FMT " (known: " STR_FMT ")",
                STR_ARG(key), STR_ARG(known));
}

static bool read_config(struct store *root, struct arena *a, struct config *out, struct error *err)
{
    str text;
    const struct json *doc;
    *out = (struct config){ 0 };
    if (!store_get(root, STR("firn.yaml"), CONFIG_BYTES_MAX, a, &text, err)) {
        if (err->code != ERR_NOT_FOUND)
            return fail_in(err, "read the configuration");
        *err = (struct error){ 0 };
        return true;
    }
    if (!yaml_parse(text, STR("firn.yaml"), a, &doc, err))
        return false;
    if (doc->kind == JSON_NULL)
        return true;
    if (doc->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "firn.yaml is %s, not a list of settings",
                    json_kind_name(doc->kind));
    for (size_t i = 0; i < doc->object.n; i++)
        if (!is_setting(doc->object.members[i].key))
            return unknown_setting(doc->object.members[i].key, a, err);
    out->doc = doc;
    return json_opt_str(doc, "catalog", STR(""), &out->catalog, err) &&
           json_opt_str(doc, "warehouse", STR(""), &out->warehouse, err) &&
           json_opt_str(doc, "artifacts", STR(""), &out->artifacts, err) &&
           json_opt_int(doc, "memory_limit", 0, &out->memory_limit, err) &&
           read_allowed(doc, a, out, err);
}

static size_t default_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return (size_t)((double)pages * (double)size * MEMORY_SHARE);
}

/* A folder of the data directory, or another place: absolute, or relative to the data directory. */
static str place_of(const struct lake *lake, str configured, const char *name, struct arena *a)
{
    if (configured.len == 0)
        return arena_printf(a, "%s/%s", lake->dir, name);
    if (configured.ptr[0] == '/')
        return configured;
    return arena_printf(a, "%s/" STR_FMT, lake->dir, STR_ARG(configured));
}

static str catalog_place(const struct lake *lake, const struct lake_options *o,
                         const struct config *config, struct arena *a)
{
    str where = o->catalog ? str_of(o->catalog) : config->catalog;
    return db_is_uri(where) ? where : place_of(lake, where, "catalog.db", a);
}

static bool open_stores(struct lake *lake, const struct lake_options *o,
                        const struct config *config, struct arena *a, struct error *err)
{
    size_t n = o->prefixes_n + config->allowed_n;
    struct store_prefix *prefixes = arena_array(a, struct store_prefix, n);
    for (size_t i = 0; i < n; i++)
        prefixes[i] = i < o->prefixes_n ? o->prefixes[i] : config->allowed[i - o->prefixes_n];
    struct store_fs_options warehouse = {
        .root =
            place_of(lake, o->warehouse ? str_of(o->warehouse) : config->warehouse, "warehouse", a),
        .prefixes = prefixes,
        .prefixes_n = n,
        .clean = !lake->db->shared,
        .journal = arena_printf(a, "%s/journal", lake->dir),
        /* Never with a shared database: another machine may read a file before this one is up again. */
        .journal_after = lake->db->shared ? UINT_MAX : JOURNAL_AFTER,
    };
    struct store_fs_options artifacts = { .root = place_of(lake, config->artifacts, "artifacts", a),
                                          .clean = !lake->db->shared };
    return store_fs_open(&warehouse, &lake->warehouse, err) &&
           store_fs_open(&artifacts, &lake->artifacts, err);
}

static struct engine *make_engine(const struct lake *lake, const struct lake_options *o,
                                  const struct config *config, struct arena *a)
{
    size_t memory = o->memory_limit;
    if (!memory)
        memory = config->memory_limit > 0 ? (size_t)config->memory_limit : default_memory();
    struct engine_config c = { .memory_limit = memory,
                               .threads = o->threads,
                               .temp_directory = arena_printf(a, "%s/tmp", lake->dir).ptr };
    return engine_create(&c);
}

/* The parts in the order in which they depend on each other; lake_close undoes what was done. */
static bool open_parts(struct lake *lake, const struct lake_options *o, struct arena *a,
                       struct error *err)
{
    struct store *root;
    struct config config;
    str dir = str_of(lake->dir);
    if (!lock_acquire(dir, &lake->lock, err) ||
        (o->url && !lock_set_url(lake->lock, str_of(o->url), err)))
        return false;
    if (!store_fs_open(&(struct store_fs_options){ .root = dir }, &root, err))
        return false;
    bool ok = read_config(root, a, &config, err) && empty_tmp(lake, a, err) &&
              db_open(catalog_place(lake, o, &config, a), &lake->db, err) &&
              lake_find_server_id(lake, root, err) && open_stores(lake, o, &config, a, err) &&
              (!lake->db->shared || lake_check_places(lake, err));
    store_destroy(root);
    lake->config = config.doc;
    if (!ok)
        return false;
    lake->pool =
        pool_create("firn-work", o->threads > 0 ? o->threads : cpu_count(), POOL_QUEUE_MAX);
    struct catalog_options c = {
        .db = lake->db, .store = lake->warehouse, .env = lake->env, .pool = lake->pool
    };
    lake->engine = make_engine(lake, o, &config, a);
    lake->vectors = lru_create(VECTORS_KEPT_MAX);
    str audit = arena_printf(a, "%s/audit", lake->dir);
    return catalog_open(&c, &lake->catalog, err) &&
           govern_open(lake->db, lake->env, lake->pool, audit, &lake->govern, err) &&
           kv_open(arena_printf(a, "%s/online", lake->dir), NULL, &lake->online, err);
}

bool lake_open(const struct lake_options *options, struct lake **out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct lake *lake = arena_new(a, struct lake);
    lake->arena = a;
    lake->env = options->env ? options->env : env_real();
    if (!find_dir(options, a, &lake->dir, err) || !open_parts(lake, options, a, err)) {
        lake_close(lake);
        return false;
    }
    *out = lake;
    return true;
}

void lake_allow_everywhere(struct lake *lake, bool allowed)
{
    store_fs_allow_everywhere(lake->warehouse, allowed);
}

void lake_close(struct lake *lake)
{
    if (!lake)
        return;
    kv_close(lake->online);
    lru_destroy(lake->vectors);
    engine_destroy(lake->engine);
    govern_close(lake->govern);
    catalog_close(lake->catalog);
    pool_destroy(lake->pool);
    db_close(lake->db);
    store_destroy(lake->artifacts);
    store_destroy(lake->warehouse);
    lock_release(lake->lock);
    arena_destroy(lake->arena);
}
