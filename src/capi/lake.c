/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing.  A metadata.json alone is registered in a lake of its own, in a temporary folder, so that time travel, deletes and
 * SQL are the same code as everywhere. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "capi/capi_priv.h"

#define REMOVE_FILES_MAX 16 /* open at a time */

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void drop_folder(char *folder)
{
    if (folder)
        nftw(folder, remove_entry, REMOVE_FILES_MAX, FTW_DEPTH | FTW_PHYS);
    mem_free(folder);
}

void firn_lake_get(struct firn_lake *lake)
{
    ref_get(&lake->refs);
}

void firn_lake_put(struct firn_lake *lake)
{
    if (!lake || !ref_put(&lake->refs))
        return;
    lake_close(lake->lake);
    drop_folder(lake->temporary);
    mem_free(lake);
}

void firn_close(firn_lake *lake)
{
    firn_lake_put(lake);
}

/* This library is a catalog, not a client of one. */
static bool check_place(const char *place, struct error *err)
{
    str s = str_of(place);
    if (!str_starts(s, STR("http:")) && !str_starts(s, STR("https:")))
        return true;
    fail(err, ERR_UNSUPPORTED, "%s: catalogs behind HTTP are not opened by the library", place);
    return fail_hint(err, "open the data directory or the catalog's database itself, or one table "
                          "with firn_open_metadata");
}

static bool open_dir(const char *dir, const firn_open_options *o, struct firn_lake **out,
                     struct error *err)
{
    struct lake_options options = { .dir = dir };
    if (o && o->size < sizeof *o)
        return fail(err, ERR_INVALID, "the options' size is %zu: set it by FIRN_OPEN_OPTIONS_INIT",
                    o->size);
    if (o) {
        options.must_exist = o->must_exist != 0;
        options.threads = o->threads > 0 ? o->threads : 0;
        if (!check_place(o->catalog, err))
            return false;
        options.memory_limit = o->memory_limit;
        options.catalog = o->catalog;
        options.warehouse = o->warehouse;
    }
    struct lake *lake;
    if (!lake_open(&options, &lake, err))
        return false;
    lake_allow_everywhere(lake, !govern_on(lake->govern));
    *out = mem_new(struct firn_lake);
    ref_init(&(*out)->refs);
    (*out)->lake = lake;
    return true;
}

int firn_open(const char *dir, const firn_open_options *options, firn_lake **out, firn_error *err)
{
    struct error e = { 0 };
    bool ok = dir && *dir && out;
    if (out)
        *out = NULL;
    if (!ok)
        fail(&e, ERR_INVALID, "%s", out ? "no data directory is named" : "out is NULL");
    if (ok && check_place(dir, &e) && open_dir(dir, options, out, &e))
        return FIRN_OK;
    return capi_failed(&e, err);
}

/* An absolute path of a file that is there. */
static bool find_metadata(const char *name, struct arena *a, str *out, struct error *err)
{
    str path = str_of(name);
    if (str_starts(path, STR("file://")))
        path = str_from(path, 7);
    else if (str_starts(path, STR("file:")))
        path = str_from(path, 5);
    char *real = realpath(arena_cstr(a, path), NULL);
    if (!real)
        return fail_errno(err, errno, "open %s", name);
    *out = arena_printf(a, "file://%s", real);
    free(real);
    return true;
}

static char *make_folder(struct error *err)
{
    const char *base = getenv("TMPDIR");
    struct arena *a = arena_create(0);
    str path = arena_printf(a, "%s/firn-table-XXXXXX", base && *base ? base : "/tmp");
    char *out = mem_array(char, path.len + 1);
    memcpy(out, path.ptr, path.len);
    arena_destroy(a);
    if (mkdtemp(out))
        return out;
    fail_errno(err, errno, "make a temporary folder %s", out);
    mem_free(out);
    return NULL;
}

static bool register_table(struct firn_lake *lake, str location, struct arena *a, struct error *err)
{
    struct commit_info info = { 0 };
    struct table t;
    struct catalog *c = lake->lake->catalog;
    lake_allow_everywhere(lake->lake, true);
    return catalog_create_namespace(c, STR(""), STR("table"), NULL, 0, &info, a, NULL, err) &&
           catalog_register_table(c, STR(""), STR("table"), STR("table"), location, false, &info, a,
                                  &t, err);
}

static bool open_metadata(const char *name, const firn_open_options *o, struct arena *a,
                          struct firn_lake **out, struct error *err)
{
    str location;
    struct firn_lake *lake = NULL;
    if (!find_metadata(name, a, &location, err))
        return false;
    char *folder = make_folder(err);
    if (!folder)
        return false;
    firn_open_options own = FIRN_OPEN_OPTIONS_INIT;
    if (o && o->size >= sizeof *o) {
        own.threads = o->threads;
        own.memory_limit = o->memory_limit;
    }
    if (!open_dir(folder, &own, &lake, err)) {
        drop_folder(folder);
        return false;
    }
    lake->temporary = folder;
    lake->read_only = true;
    if (!register_table(lake, location, a, err)) {
        firn_lake_put(lake);
        return fail_in(err, "open the table %s", name);
    }
    *out = lake;
    return true;
}

int firn_open_metadata(const char *metadata_json, const firn_open_options *options, firn_lake **out,
                       firn_error *err)
{
    struct error e = { 0 };
    struct arena *a = arena_create(0);
    bool ok = metadata_json && *metadata_json && out;
    if (out)
        *out = NULL;
    if (!ok)
        fail(&e, ERR_INVALID, "%s", out ? "no metadata file is named" : "out is NULL");
    ok = ok && open_metadata(metadata_json, options, a, out, &e);
    arena_destroy(a);
    return ok ? FIRN_OK : capi_failed(&e, err);
}
