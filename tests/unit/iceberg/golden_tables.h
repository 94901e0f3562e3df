/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening tables that other engines wrote, for tests. */
#ifndef FIRN_TEST_GOLDEN_TABLES_H
#define FIRN_TEST_GOLDEN_TABLES_H

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "iceberg/metadata.h"
#include "io/store.h"
#include "test.h"

struct golden {
    struct store *store;
    const struct metadata *metadata;
};

static inline str golden_read(const char *path)
{
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL);
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *bytes = arena_alloc(test_arena(), (size_t)n + 1);
    CHECK(fread(bytes, 1, (size_t)n, f) == (size_t)n);
    fclose(f);
    return str_make(bytes, (size_t)n);
}

/* Folders of locations in the metadata are mapped to `dir`. */
static inline void golden_open(const char *metadata_file, str location, str dir, struct golden *g)
{
    struct error err;
    CHECK_OK(metadata_parse(golden_read(metadata_file), test_arena(), &g->metadata, &err));
    struct store_prefix prefix = { location.len > 0 ? location : g->metadata->location, dir,
                                   false };
    struct store_fs_options o = { .root = str_of(test_tmpdir()),
                                  .prefixes = &prefix,
                                  .prefixes_n = 1 };
    CHECK_OK(store_fs_open(&o, &g->store, &err));
}

static inline void golden_need(void)
{
    struct stat st;
    if (stat(test_golden_dir(), &st) != 0)
        test_skip("no golden tables in %s", test_golden_dir());
}

/* Calls fn for each *.metadata.json below `dir`, with the table's folder. */
static inline void golden_each(const char *dir, void (*fn)(const char *file, str table_dir))
{
    DIR *d = opendir(dir);
    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        str path = arena_printf(test_arena(), "%s/%s", dir, e->d_name);
        struct stat st;
        if (stat(path.ptr, &st) == 0 && S_ISDIR(st.st_mode))
            golden_each(path.ptr, fn);
        else if (str_ends(path, STR(".metadata.json")))
            fn(path.ptr, str_sub(path, 0, path.len - strlen(e->d_name) - strlen("/metadata/")));
    }
    closedir(d);
}

#endif
