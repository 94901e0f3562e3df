/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "base/vec.h"
#include "catalog/tree_priv.h"
#include "test.h"

/* Nodes in memory; counts what is loaded and saved. */
struct heap {
    struct arena *arena;
    struct map nodes;
    size_t loads, saves;
};

static bool heap_load(void *ctx, const struct sha256 *hash, struct arena *a, str *bytes,
                      struct error *err)
{
    struct heap *h = ctx;
    str *there = map_get(&h->nodes, str_make(hash->bytes, SHA256_LEN));
    h->loads++;
    if (!there)
        return fail(err, ERR_CORRUPT, "no such node");
    *bytes = arena_str(a, *there);
    return true;
}

static bool heap_save(void *ctx, const struct sha256 *hash, str bytes, struct error *err)
{
    struct heap *h = ctx;
    (void)err;
    str *copy = arena_new(h->arena, str);
    *copy = arena_str(h->arena, bytes);
    map_add(&h->nodes, arena_str(h->arena, str_make(hash->bytes, SHA256_LEN)), copy);
    h->saves++;
    return true;
}

struct fixture {
    struct heap heap;
    struct node_io io;
    struct tree tree;
    struct arena *arena;
};

static void set_up(struct fixture *f, size_t cache_bytes)
{
    f->arena = test_arena();
    f->heap = (struct heap){ .arena = f->arena };
    map_init(&f->heap.nodes, f->arena);
    f->io = (struct node_io){ heap_load, heap_save, &f->heap };
    f->tree = (struct tree){ &f->io, lru_create(cache_bytes) };
}

static void tear_down(struct fixture *f)
{
    lru_destroy(f->tree.cache);
}

static struct tree_edit put(struct fixture *f, uint64_t key, uint64_t value)
{
    return (struct tree_edit){ .key = arena_printf(f->arena, "key%06llu", (unsigned long long)key),
                               .value = arena_printf(f->arena, "value %llu",
                                                     (unsigned long long)value) };
}

static struct sha256 build(struct fixture *f, uint64_t n)
{
    struct error err;
    struct sha256 root;
    struct tree_edit *edits = arena_array(f->arena, struct tree_edit, n);
    for (uint64_t i = 0; i < n; i++)
        edits[i] = put(f, i, i);
    CHECK_OK(tree_apply(&f->tree, NULL, edits, n, &root, &err));
    return root;
}

TEST(empty_tree_has_nothing)
{
    struct fixture f;
    struct error err;
    struct sha256 root;
    bool found;
    str value;
    set_up(&f, 1 << 20);
    CHECK_OK(tree_apply(&f.tree, NULL, NULL, 0, &root, &err));
    CHECK_OK(tree_get(&f.tree, &root, STR("x"), f.arena, &found, &value, &err));
    CHECK(!found);
    struct tree_cursor c;
    CHECK_OK(tree_seek(&c, &f.tree, &root, (str){ 0 }, &err));
    CHECK(tree_at_end(&c));
    tree_close(&c);
    tear_down(&f);
}

/* The shape must depend on the contents only, whatever the order and size of the edits. */
TEST(equal_contents_have_equal_roots)
{
    struct fixture f;
    struct error err;
    struct rand r;
    set_up(&f, 1 << 20);
    rand_init(&r, test_seed());
    struct sha256 want = build(&f, 2000), root = { 0 };
    bool first = true;
    uint64_t *order = arena_array(f.arena, uint64_t, 2000);
    for (uint64_t i = 0; i < 2000; i++)
        order[i] = i;
    for (uint64_t i = 1999; i > 0; i--) {
        uint64_t j = rand_below(&r, i + 1), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (size_t at = 0; at < 2000;) {
        size_t n = 1 + rand_below(&r, 70);
        n = n < 2000 - at ? n : 2000 - at;
        struct tree_edit *edits = arena_array(f.arena, struct tree_edit, n);
        for (size_t i = 0; i < n; i++)
            edits[i] = put(&f, order[at + i], order[at + i]);
        CHECK_OK(tree_apply(&f.tree, first ? NULL : &root, edits, n, &root, &err));
        first = false;
        at += n;
    }
    CHECK(memcmp(&root, &want, sizeof root) == 0);
    tear_down(&f);
}

/* Random puts and removals against a plain array; each root must equal that of a tree built at
 * once. */
TEST(random_edits_agree_with_a_model)
{
    enum { KEYS = 300, STEPS = 150 };
    struct fixture f;
    struct error err;
    struct rand r;
    uint64_t model[KEYS] = { 0 };
    set_up(&f, 1 << 20);
    rand_init(&r, test_seed());
    struct sha256 root;
    CHECK_OK(tree_apply(&f.tree, NULL, NULL, 0, &root, &err));
    for (int step = 0; step < STEPS; step++) {
        struct tree_edit edits[KEYS];
        size_t n = 0;
        uint64_t share = 1 + rand_below(&r, 40);
        for (uint64_t k = 0; k < KEYS; k++) {
            if (rand_below(&r, share) != 0)
                continue;
            model[k] = rand_below(&r, 2) ? 1 + rand_below(&r, 1000) : 0;
            edits[n] = put(&f, k, model[k]);
            edits[n++].remove = model[k] == 0;
        }
        CHECK_OK(tree_apply(&f.tree, &root, edits, n, &root, &err));
        n = 0;
        for (uint64_t k = 0; k < KEYS; k++)
            if (model[k])
                edits[n++] = put(&f, k, model[k]);
        struct sha256 want;
        CHECK_OK(tree_apply(&f.tree, NULL, edits, n, &want, &err));
        CHECK(memcmp(&root, &want, sizeof root) == 0);
        uint64_t count;
        CHECK_OK(tree_count(&f.tree, &root, &count, &err));
        CHECK_INT(count, n);
        struct tree_cursor c;
        CHECK_OK(tree_seek(&c, &f.tree, &root, (str){ 0 }, &err));
        for (size_t i = 0; i < n; i++) {
            CHECK(!tree_at_end(&c));
            CHECK(str_eq(c.key, edits[i].key) && str_eq(c.value, edits[i].value));
            CHECK_OK(tree_next(&c, &err));
        }
        CHECK(tree_at_end(&c));
    }
    tear_down(&f);
}

/* A point edit in 100,000 entries writes the path and little else; a lookup reads the path. */
TEST(edits_and_lookups_touch_log_n_nodes)
{
    struct fixture f;
    struct error err;
    set_up(&f, 0);
    struct sha256 root = build(&f, 100000), changed;
    size_t nodes = f.heap.nodes.n;
    CHECK(nodes > 4000 && nodes < 12000);
    f.heap.saves = f.heap.loads = 0;
    struct tree_edit e = put(&f, 54321, 7);
    CHECK_OK(tree_apply(&f.tree, &root, &e, 1, &changed, &err));
    CHECK(f.heap.saves <= 8);
    f.heap.loads = 0;
    bool found;
    str value;
    CHECK_OK(tree_get(&f.tree, &changed, STR("key054321"), f.arena, &found, &value, &err));
    CHECK(found);
    CHECK_STR(value, "value 7");
    CHECK(f.heap.loads <= 8);
    CHECK_OK(tree_get(&f.tree, &root, STR("key054321"), f.arena, &found, &value, &err));
    CHECK_STR(value, "value 54321");
    CHECK_OK(tree_get(&f.tree, &root, STR("key05432"), f.arena, &found, &value, &err));
    CHECK(!found);
    CHECK_OK(tree_get(&f.tree, &root, STR("zzz"), f.arena, &found, &value, &err));
    CHECK(!found);
    tear_down(&f);
}

struct diffs {
    struct arena *arena;
    VEC(str) lines;
};

static bool add_diff(void *ctx, str key, str old_value, str new_value, struct error *err)
{
    struct diffs *d = ctx;
    (void)err;
    *vec_push(d->arena, &d->lines) =
        arena_printf(d->arena, STR_FMT " " STR_FMT " -> " STR_FMT, STR_ARG(key),
                     STR_ARG(old_value.ptr ? old_value : STR("-")),
                     STR_ARG(new_value.ptr ? new_value : STR("-")));
    return true;
}

TEST(diff_finds_exactly_the_changes_and_reads_little)
{
    struct fixture f;
    struct error err;
    set_up(&f, 0);
    struct sha256 root = build(&f, 20000), changed;
    struct tree_edit edits[] = { put(&f, 5, 1), put(&f, 7777, 2), put(&f, 19999, 0),
                                 put(&f, 30000, 3) };
    edits[2].remove = true;
    CHECK_OK(tree_apply(&f.tree, &root, edits, 4, &changed, &err));
    f.heap.loads = 0;
    struct diffs d = { .arena = f.arena };
    CHECK_OK(tree_diff(&f.tree, &root, &changed, add_diff, &d, &err));
    CHECK_INT(d.lines.n, 4);
    CHECK_STR(d.lines.at[0], "key000005 value 5 -> value 1");
    CHECK_STR(d.lines.at[1], "key007777 value 7777 -> value 2");
    CHECK_STR(d.lines.at[2], "key019999 value 19999 -> -");
    CHECK_STR(d.lines.at[3], "key030000 - -> value 3");
    CHECK(f.heap.loads < 60);
    d.lines.n = 0;
    CHECK_OK(tree_diff(&f.tree, &changed, &root, add_diff, &d, &err));
    CHECK_INT(d.lines.n, 4);
    CHECK_STR(d.lines.at[3], "key030000 value 3 -> -");
    f.heap.loads = 0;
    d.lines.n = 0;
    CHECK_OK(tree_diff(&f.tree, &root, &root, add_diff, &d, &err));
    CHECK_INT(d.lines.n, 0);
    CHECK(f.heap.loads < 20);
    tear_down(&f);
}

/* Differences of unrelated random trees, against the arrays that they were built from. */
TEST(diff_of_random_trees_agrees_with_a_model)
{
    enum { KEYS = 400 };
    struct fixture f;
    struct error err;
    struct rand r;
    set_up(&f, 1 << 20);
    rand_init(&r, test_seed());
    for (int round = 0; round < 60; round++) {
        uint64_t values[2][KEYS];
        struct sha256 roots[2];
        uint64_t same = rand_below(&r, 30), density = 1 + rand_below(&r, 4);
        for (int side = 0; side < 2; side++) {
            struct tree_edit edits[KEYS];
            size_t n = 0;
            for (uint64_t k = 0; k < KEYS; k++) {
                uint64_t v = rand_below(&r, density) ? 0 : 1 + rand_below(&r, 3);
                values[side][k] = side == 1 && rand_below(&r, 30) < same ? values[0][k] : v;
                if (values[side][k])
                    edits[n++] = put(&f, k, values[side][k]);
            }
            CHECK_OK(tree_apply(&f.tree, NULL, edits, n, &roots[side], &err));
        }
        struct diffs d = { .arena = f.arena };
        CHECK_OK(tree_diff(&f.tree, &roots[0], &roots[1], add_diff, &d, &err));
        size_t at = 0;
        for (uint64_t k = 0; k < KEYS; k++) {
            if (values[0][k] == values[1][k])
                continue;
            CHECK(at < d.lines.n);
            CHECK(str_starts(d.lines.at[at++], put(&f, k, 0).key));
        }
        CHECK_INT(at, d.lines.n);
    }
    tear_down(&f);
}

TEST(seek_finds_the_first_key_not_less)
{
    struct fixture f;
    struct error err;
    set_up(&f, 1 << 20);
    struct sha256 root = build(&f, 3000);
    struct tree_cursor c;
    CHECK_OK(tree_seek(&c, &f.tree, &root, STR("key0017"), &err));
    CHECK_STR(c.key, "key001700");
    tree_close(&c);
    CHECK_OK(tree_seek(&c, &f.tree, &root, STR("key002999\x01"), &err));
    CHECK(tree_at_end(&c));
    tree_close(&c);
    tear_down(&f);
}

/* Names chosen so that no key closes a node must not make nodes grow without end. */
TEST(keys_that_close_nothing_are_cut_by_force)
{
    struct fixture f;
    struct error err;
    set_up(&f, 1 << 20);
    struct sha256 root, one;
    VEC(struct tree_edit) edits = { 0 };
    for (uint64_t k = 0; edits.n < 1000; k++) {
        struct tree_edit e = put(&f, k, k);
        if (!node_key_closes(e.key, 0))
            *vec_push(f.arena, &edits) = e;
    }
    CHECK_OK(tree_apply(&f.tree, NULL, edits.at, edits.n, &root, &err));
    CHECK_OK(tree_apply(&f.tree, NULL, NULL, 0, &one, &err));
    for (size_t i = edits.n; i-- > 0;)
        CHECK_OK(tree_apply(&f.tree, &one, &edits.at[i], 1, &one, &err));
    CHECK(memcmp(&root, &one, sizeof root) == 0);
    uint64_t count;
    CHECK_OK(tree_count(&f.tree, &root, &count, &err));
    CHECK_INT(count, 1000);
    tear_down(&f);
}

TEST(oversized_entries_are_refused)
{
    struct fixture f;
    struct error err;
    set_up(&f, 1 << 20);
    struct sha256 root;
    struct tree_edit e = {
        .key = STR("k"), .value = { arena_alloc(f.arena, TREE_VALUE_MAX + 1), TREE_VALUE_MAX + 1 }
    };
    CHECK_FAILS(tree_apply(&f.tree, NULL, &e, 1, &root, &err), ERR_LIMIT);
    e.value.len--;
    CHECK_OK(tree_apply(&f.tree, NULL, &e, 1, &root, &err));
    tear_down(&f);
}

/* Every truncation and every flipped bit of a node is refused, or parses to something in order. */
TEST(damaged_nodes_are_refused)
{
    struct arena *a = test_arena();
    struct error err;
    struct sha256 hash = { 0 };
    struct node *node;
    struct node_entry entries[] = { { STR_INIT("a"), STR_INIT("one"), 1 },
                                    { STR_INIT("b"), STR_INIT(""), 1 },
                                    { STR_INIT("c"), STR_INIT("three"), 1 } };
    struct buf b = BUF_INIT(NODE_BYTES_MAX);
    node_encode(0, entries, 3, &b);
    str bytes = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    CHECK_OK(node_parse(bytes, &hash, &node, &err));
    CHECK_INT(node->n, 3);
    CHECK_STR(node->entries[2].value, "three");
    node_unref(node);
    for (size_t n = 0; n < bytes.len; n++)
        CHECK_FAILS(
            node_parse(str_make(arena_str(a, str_sub(bytes, 0, n)).ptr, n), &hash, &node, &err),
            ERR_CORRUPT);
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        char *copy = arena_cstr(a, bytes);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        if (node_parse(str_make(copy, bytes.len), &hash, &node, &err))
            node_unref(node);
        else
            CHECK_INT(err.code, ERR_CORRUPT);
    }
}

TEST(a_node_whose_bytes_do_not_match_its_name_is_corrupt)
{
    struct fixture f;
    struct error err;
    bool found;
    str value;
    set_up(&f, 0);
    struct sha256 root = build(&f, 100);
    str *bytes = map_get(&f.heap.nodes, str_make(root.bytes, SHA256_LEN));
    char *damaged = arena_cstr(f.arena, *bytes);
    damaged[bytes->len - 1] ^= 1;
    bytes->ptr = damaged;
    lru_destroy(f.tree.cache);
    f.tree.cache = lru_create(0);
    CHECK_FAILS(tree_get(&f.tree, &root, STR("key000050"), f.arena, &found, &value, &err),
                ERR_CORRUPT);
    struct sha256 missing = { { 1 } };
    CHECK_FAILS(tree_get(&f.tree, &missing, STR("x"), f.arena, &found, &value, &err), ERR_CORRUPT);
    tear_down(&f);
}
