/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders that a sweep copies and removes: what every run starts from is made once. */
#ifndef FIRN_TEST_FAULT_TREE_H
#define FIRN_TEST_FAULT_TREE_H

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "test.h"

static const char *tree_to; /* nftw has no context */
static size_t tree_from_len;

static int tree_copy_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    char to[4096], block[65536];
    (void)ftw;
    (void)st;
    snprintf(to, sizeof to, "%s%s", tree_to, path + tree_from_len);
    if (type == FTW_D)
        return mkdir(to, 0755) != 0 && errno != EEXIST;
    FILE *in = fopen(path, "rb"), *out = fopen(to, "wb");
    CHECK(in && out);
    for (size_t n; (n = fread(block, 1, sizeof block, in)) > 0;)
        CHECK(fwrite(block, 1, n, out) == n);
    fclose(in);
    CHECK(fclose(out) == 0);
    return 0;
}

static void copy_tree(const char *from, const char *to)
{
    tree_to = to;
    tree_from_len = strlen(from);
    CHECK(nftw(from, tree_copy_one, 16, 0) == 0);
}

static int tree_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_tree(const char *dir)
{
    CHECK(nftw(dir, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

#endif
