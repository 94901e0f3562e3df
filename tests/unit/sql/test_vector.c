/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/vector.h"

#include "codec/puffin.h"
#include "codec/roaring.h"
#include "io/store.h"
#include "lake_test.h"

static struct error err;

/* A file of these vectors, one after the other; entries[i] says where the i-th is. */
static void write_vectors(struct lake *lake, struct positions *const *sets, size_t n,
                          struct data_file *entries)
{
    static int number;
    struct buf b = BUF_INIT((size_t)64 << 20);
    str path = arena_printf(test_arena(), "s/vectors-%d.puffin", number++);
    str uri = store_uri(lake->warehouse, path, test_arena());
    for (size_t i = 0; i < n; i++) {
        size_t begin = b.len;
        deletion_vector_write(sets[i], &b);
        entries[i] = (struct data_file){ .path = uri,
                                         .records = (int64_t)positions_count(sets[i]),
                                         .content_offset = (int64_t)begin,
                                         .content_size = (int64_t)(b.len - begin) };
    }
    CHECK_OK(store_put(lake->warehouse, path, buf_str(&b), STORE_CREATE_NEW, &err));
    buf_deinit(&b);
}

static void remove_file(struct lake *lake, const struct data_file *entry)
{
    str path;
    CHECK_OK(store_from_uri(lake->warehouse, entry->path, test_arena(), &path, &err));
    CHECK_OK(store_delete(lake->warehouse, path, &err));
}

static struct vector *open_vector(struct lake *lake, const struct data_file *entry)
{
    struct vector *v;
    CHECK_OK(vector_open(lake, entry, &v, &err));
    cached_keep(&v->base, test_arena());
    return v;
}

TEST(what_was_read_is_kept)
{
    struct lake *lake = open_lake();
    struct data_file entries[2];
    struct positions *sets[2];
    struct vector *lies;
    for (size_t i = 0; i < 2; i++) {
        sets[i] = positions_create(test_arena());
        positions_add(sets[i], 10 + i);
    }
    write_vectors(lake, sets, 2, entries);
    const struct vector *a = open_vector(lake, &entries[0]), *b = open_vector(lake, &entries[1]);
    CHECK(positions_has(a->deleted, 10) && !positions_has(a->deleted, 11));
    CHECK(positions_has(b->deleted, 11) && !positions_has(b->deleted, 10));
    remove_file(lake, &entries[0]);
    CHECK(open_vector(lake, &entries[0]) == a);
    CHECK(open_vector(lake, &entries[1]) == b);
    entries[1].records = 7;
    CHECK_FAILS(vector_open(lake, &entries[1], &lies, &err), ERR_CORRUPT);
    CHECK(strstr(err.msg, "1 positions, its entry says 7"));
    CHECK(lies == NULL);
    lake_close(lake);
}

TEST(a_large_one_is_not_kept)
{
    struct lake *lake = open_lake();
    struct data_file entry;
    struct positions *set = positions_create(test_arena());
    struct vector *gone;
    for (uint64_t at = 0; at < (uint64_t)1200 << 16; at += 15)
        positions_add(set, at);
    write_vectors(lake, &set, 1, &entry);
    CHECK(positions_count(open_vector(lake, &entry)->deleted) == positions_count(set));
    remove_file(lake, &entry);
    CHECK_FAILS(vector_open(lake, &entry, &gone, &err), ERR_NOT_FOUND);
    lake_close(lake);
}
