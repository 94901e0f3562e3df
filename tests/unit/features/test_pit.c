/* SPDX-License-Identifier: Apache-2.0
 *
 * The point-in-time kernel against the definition: for each entity row, look at every feature row.
 * Domains are tiny, so that ties, exact ttl bounds, duplicates and collisions are the rule. */
#include "features/pit.h"

#include <stdlib.h>

#include "test.h"

#define PARTS_MAX 3
#define FILES_MAX 5
#define ROWS_MAX 300
#define COLUMNS 5

struct key_part {
    int64_t value;
    bool null;
};

struct row {
    struct key_part key[PARTS_MAX];
    int64_t time, created;
    bool time_null, created_null;
    uint32_t file;
    int64_t place; /* in its file; an entity's ordinal */
    uint64_t id;   /* what its values are made of */
    bool offered;
};

struct world {
    struct rand rand;
    struct pit_config config;
    struct row entities[ROWS_MAX], features[ROWS_MAX];
    size_t entities_n, features_n, files_n, batch_max;
    bool wide; /* times of which hardly any two are equal */
    int64_t commit_us[FILES_MAX];
    struct pool *pool;
};

static const char *const texts[] = { "", "a", "twelve bytes", "longer than twelve bytes, one",
                                     "longer than twelve bytes, two" };

static uint64_t below(struct world *w, uint64_t n)
{
    return rand_below(&w->rand, n);
}

static int64_t random_time(struct world *w)
{
    if (w->wide)
        return (int64_t)below(w, 100000000);
    switch (below(w, 50)) {
    case 0:
        return INT64_MAX; /* infinity */
    case 1:
        return -INT64_MAX;
    default:
        return (int64_t)below(w, 25);
    }
}

static void random_row(struct world *w, struct row *r, uint64_t id)
{
    *r = (struct row){ .id = id };
    for (size_t k = 0; k < w->config.keys_n; k++) {
        uint64_t domain = w->config.keys[k] == PIT_BOOL ? 2 : 4;
        r->key[k] = (struct key_part){ (int64_t)below(w, domain), below(w, 30) == 0 };
    }
    r->time = random_time(w);
    r->time_null = below(w, 30) == 0;
    r->created = random_time(w);
    r->created_null = below(w, 6) == 0;
    r->file = (uint32_t)below(w, w->files_n);
    r->offered = below(w, 10) != 0;
}

static void random_config(struct world *w)
{
    struct pit_config *c = &w->config;
    c->keys_n = 1 + below(w, PARTS_MAX);
    for (size_t k = 0; k < c->keys_n; k++)
        c->keys[k] = (enum pit_kind)below(w, PIT_BYTES + 1);
    w->wide = below(w, 4) == 0;
    c->ttl_us = below(w, 3) == 0 ? 0 : (int64_t)below(w, w->wide ? 20000000 : 8);
    c->has_created = below(w, 2);
    c->cutoff = (enum pit_cutoff)below(w, 3);
    if (c->cutoff == PIT_CUTOFF_CREATED)
        c->has_created = true;
    w->files_n = 1 + below(w, FILES_MAX);
    c->hash_bits = below(w, 3) == 0 ? 1 + (int)below(w, 3) : 0;
    w->batch_max = 1 + below(w, 70);
}

static void random_world(struct world *w)
{
    random_config(w);
    w->entities_n = below(w, below(w, 2) ? 30 : ROWS_MAX);
    w->features_n = below(w, below(w, 2) ? 30 : ROWS_MAX);
    w->config.entities_n = w->entities_n;
    for (size_t f = 0; f < FILES_MAX; f++)
        w->commit_us[f] = (int64_t)below(w, 25);
    for (size_t i = 0; i < w->entities_n; i++) {
        random_row(w, &w->entities[i], i);
        w->entities[i].place = (int64_t)i;
    }
    int64_t places[FILES_MAX] = { 0 };
    for (size_t i = 0; i < w->features_n; i++) {
        random_row(w, &w->features[i], i + 1);
        int64_t *place = &places[w->features[i].file];
        w->features[i].place = *place;
        *place += 1 + (below(w, 10) == 0 ? (int64_t)below(w, 3000) : 0);
    }
}

/* The definition. */

static bool same_key(const struct world *w, const struct row *a, const struct row *b)
{
    for (size_t k = 0; k < w->config.keys_n; k++)
        if (a->key[k].null || b->key[k].null || a->key[k].value != b->key[k].value)
            return false;
    return true;
}

static int64_t created_of(const struct world *w, const struct row *f)
{
    if (!w->config.has_created)
        return 0;
    return f->created_null ? INT64_MIN : f->created;
}

static bool candidate(const struct world *w, const struct row *e, const struct row *f)
{
    const struct pit_config *c = &w->config;
    if (!f->offered || !e->offered || e->time_null || f->time_null || !same_key(w, e, f))
        return false;
    if (f->time > e->time)
        return false;
    if (c->ttl_us > 0 && (__int128)f->time < (__int128)e->time - c->ttl_us)
        return false;
    if (c->cutoff == PIT_CUTOFF_CREATED)
        return !f->created_null && f->created <= e->time;
    return c->cutoff != PIT_CUTOFF_COMMIT || w->commit_us[f->file] <= e->time;
}

static bool better(const struct world *w, const struct row *a, const struct row *b)
{
    if (a->time != b->time)
        return a->time > b->time;
    if (created_of(w, a) != created_of(w, b))
        return created_of(w, a) > created_of(w, b);
    return a->file != b->file ? a->file > b->file : a->place > b->place;
}

static const struct row *answer(const struct world *w, const struct row *e)
{
    const struct row *best = NULL;
    for (size_t i = 0; i < w->features_n; i++) {
        const struct row *f = &w->features[i];
        if (candidate(w, e, f) && (!best || better(w, f, best)))
            best = f;
    }
    return best;
}

/* Batches, as an engine would make them. */

struct batch_memory {
    struct pit_batch batch;
    struct pit_column keys[PARTS_MAX];
    int64_t key_data[PARTS_MAX][ROWS_MAX][2];
    str key_texts[PARTS_MAX][ROWS_MAX];
    uint64_t key_valid[PARTS_MAX][ROWS_MAX / 64 + 1];
    int64_t ts[ROWS_MAX], created[ROWS_MAX], rows[ROWS_MAX];
    uint64_t ts_valid[ROWS_MAX / 64 + 1], created_valid[ROWS_MAX / 64 + 1];
    uint64_t ids[ROWS_MAX];
};

static void set_bit(uint64_t *bits, size_t i, bool on)
{
    if (on)
        bits[i / 64] |= (uint64_t)1 << (i % 64);
    else
        bits[i / 64] &= ~((uint64_t)1 << (i % 64));
}

static void put_key(struct batch_memory *m, size_t k, enum pit_kind kind, size_t i,
                    struct key_part part)
{
    char *data = (char *)m->key_data[k];
    set_bit(m->key_valid[k], i, !part.null);
    int64_t wide[2] = { part.value * 77, -part.value };
    switch (kind) {
    case PIT_BOOL:
    case PIT_I8:
        data[i] = (char)part.value;
        break;
    case PIT_I16:
        memcpy(data + 2 * i, &part.value, 2);
        break;
    case PIT_I32:
        memcpy(data + 4 * i, &part.value, 4);
        break;
    case PIT_I64:
        memcpy(data + 8 * i, &part.value, 8);
        break;
    case PIT_B16:
        memcpy(data + 16 * i, wide, 16);
        break;
    case PIT_BYTES:
        m->key_texts[k][i] = part.null ? (str){ (const char *)1, 99 } : str_of(texts[part.value]);
        break;
    }
}

static void put_row(const struct world *w, struct batch_memory *m, const struct row *r)
{
    size_t i = m->batch.n++;
    for (size_t k = 0; k < w->config.keys_n; k++)
        put_key(m, k, w->config.keys[k], i, r->key[k]);
    m->ts[i] = r->time;
    m->created[i] = r->created;
    m->rows[i] = r->place;
    m->ids[i] = r->id;
    set_bit(m->ts_valid, i, !r->time_null);
    set_bit(m->created_valid, i, !r->created_null);
}

static bool all_set(const uint64_t *bits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(bits[i / 64] >> (i % 64) & 1))
            return false;
    return true;
}

static struct pit_batch *seal_batch(const struct world *w, struct batch_memory *m)
{
    size_t n = m->batch.n;
    for (size_t k = 0; k < w->config.keys_n; k++) {
        m->keys[k].data =
            w->config.keys[k] == PIT_BYTES ? (void *)m->key_texts[k] : (void *)m->key_data[k];
        m->keys[k].valid = all_set(m->key_valid[k], n) ? NULL : m->key_valid[k];
    }
    m->batch.keys = m->keys;
    m->batch.ts = (struct pit_column){ m->ts, all_set(m->ts_valid, n) ? NULL : m->ts_valid, NULL };
    m->batch.created = (struct pit_column){ m->created, m->created_valid, NULL };
    m->batch.rows = m->rows;
    return &m->batch;
}

/* Rows of `all` from *at on that belong to `file` (or to any, -1), as one batch. */
static struct batch_memory *next_batch(struct world *w, const struct row *all, size_t n, int file,
                                       size_t *at)
{
    struct batch_memory *m = arena_new(test_arena(), struct batch_memory);
    size_t want = 1 + below(w, w->batch_max);
    for (; *at < n && m->batch.n < want; (*at)++)
        if (all[*at].offered && (file < 0 || (int)all[*at].file == file))
            put_row(w, m, &all[*at]);
    m->batch.file = file < 0 ? 0 : (uint32_t)file;
    m->batch.commit_us = w->commit_us[m->batch.file];
    return m;
}

/* All batches of the features, shuffled: order must not matter. */
static size_t feature_batches(struct world *w, struct batch_memory **out)
{
    size_t n = 0;
    for (size_t f = 0; f < w->files_n; f++)
        for (size_t at = 0; at < w->features_n;) {
            out[n] = next_batch(w, w->features, w->features_n, (int)f, &at);
            n += out[n]->batch.n > 0;
        }
    for (size_t i = n; i > 1; i--) {
        size_t j = below(w, i);
        struct batch_memory *x = out[i - 1];
        out[i - 1] = out[j];
        out[j] = x;
    }
    return n;
}

/* Values of a feature row, one column of each kind of width; some are null. */

static bool value_null(uint64_t id, size_t column)
{
    return (id + column) % 5 == 0;
}

static str value_text(uint64_t id)
{
    return arena_printf(test_arena(), "%s %llu", texts[id % 5], (unsigned long long)id);
}

struct values {
    uint8_t u8[ROWS_MAX];
    uint32_t u32[ROWS_MAX];
    uint64_t u64[ROWS_MAX], u128[ROWS_MAX][2];
    str text[ROWS_MAX];
    uint64_t valid[COLUMNS][ROWS_MAX / 64 + 1];
    struct pit_column columns[COLUMNS];
};

static const uint8_t widths[COLUMNS] = { 1, 4, 8, 16, 0 };

static struct values *make_values(const struct batch_memory *m)
{
    struct values *v = arena_new(test_arena(), struct values);
    for (size_t i = 0; i < m->batch.n; i++) {
        uint64_t id = m->ids[i];
        v->u8[i] = (uint8_t)id;
        v->u32[i] = (uint32_t)id * 3;
        v->u64[i] = id << 40;
        v->u128[i][0] = id;
        v->u128[i][1] = ~id;
        v->text[i] = value_null(id, 4) ? (str){ (const char *)1, 99 } : value_text(id);
        for (size_t c = 0; c < COLUMNS; c++)
            set_bit(v->valid[c], i, !value_null(id, c));
    }
    const void *data[COLUMNS] = { v->u8, v->u32, v->u64, v->u128, v->text };
    for (size_t c = 0; c < COLUMNS; c++)
        v->columns[c] = (struct pit_column){ data[c], v->valid[c], NULL };
    return v;
}

static void check_value(uint64_t id, size_t column, const void *out, size_t i)
{
    uint64_t pair[2] = { id, ~id };
    switch (column) {
    case 0:
        CHECK_INT(((const uint8_t *)out)[i], (uint8_t)id);
        break;
    case 1:
        CHECK_INT(((const uint32_t *)out)[i], (uint32_t)id * 3);
        break;
    case 2:
        CHECK(((const uint64_t *)out)[i] == id << 40);
        break;
    case 3:
        CHECK(memcmp((const char *)out + 16 * i, pair, 16) == 0);
        break;
    default:
        CHECK(str_eq(((const str *)out)[i], value_text(id)));
    }
}

static void check_column(const struct world *w, const struct pit *p, size_t column)
{
    struct error err;
    int64_t ordinals[ROWS_MAX];
    uint64_t valid[ROWS_MAX / 64 + 1];
    struct values *v = arena_new(test_arena(), struct values);
    for (size_t i = 0; i < w->entities_n; i++)
        ordinals[i] = (int64_t)(w->entities_n - 1 - i);
    CHECK_OK(pit_gather(p, ordinals, w->entities_n, column, v->u128, valid, &err));
    for (size_t i = 0; i < w->entities_n; i++) {
        const struct row *f = answer(w, &w->entities[ordinals[i]]);
        bool there = f && !value_null(f->id, column);
        CHECK_INT(valid[i / 64] >> (i % 64) & 1, there);
        if (there)
            check_value(f->id, column, v->u128, i);
    }
}

struct offering {
    struct pit *pit;
    struct batch_memory **batches;
    bool untold; /* created timestamps are kept back */
};

static bool offer_one(void *ctx, size_t i, struct error *err)
{
    struct offering *o = ctx;
    struct pit_batch batch = o->batches[i]->batch;
    if (o->untold)
        batch.created = (struct pit_column){ NULL, NULL, NULL };
    return pit_offer(o->pit, &batch, err);
}

static bool take_one(void *ctx, size_t i, struct error *err)
{
    struct offering *o = ctx;
    const struct batch_memory *m = o->batches[i];
    const struct values *v = make_values(m);
    return pit_take(o->pit, m->batch.file, m->rows, m->batch.n, 0, v->columns, 2, err) &&
           pit_take(o->pit, m->batch.file, m->rows, m->batch.n, 2, v->columns + 2, COLUMNS - 2,
                    err);
}

static void feed_all(struct world *w, struct pit *p)
{
    struct error err;
    for (size_t at = 0; at < w->entities_n;) {
        struct batch_memory *m = next_batch(w, w->entities, w->entities_n, -1, &at);
        CHECK_OK(pit_feed(p, seal_batch(w, m), &err));
    }
}

/* Runs of winners cover exactly the files' winners and nothing before or behind them. */
static void check_runs(const struct world *w, const struct pit *p, struct batch_memory **batches,
                       size_t n)
{
    size_t total = 0;
    for (uint32_t f = 0; f < w->files_n; f++) {
        total += pit_file_winners(p, f);
        size_t runs = 0;
        int64_t from = 0, to = 0, before = -1;
        while (pit_file_run(p, f, 10, &from, &to)) {
            CHECK(from < to && from > before);
            before = to + 9;
            from = to;
            runs++;
        }
        CHECK_INT(runs > 0, pit_file_winners(p, f) > 0);
    }
    CHECK_INT(total, pit_winners(p));
    (void)batches;
    (void)n;
}

static void check_matched(const struct world *w, const struct pit *p)
{
    size_t matched = 0;
    for (size_t i = 0; i < w->entities_n; i++)
        matched += answer(w, &w->entities[i]) != NULL;
    CHECK_INT(pit_matched(p), matched);
}

static void offer_pass(struct world *w, struct offering *o, size_t n)
{
    struct error err;
    if (w->pool) {
        CHECK_OK(pool_for(w->pool, n, offer_one, o, &err));
        return;
    }
    for (size_t i = 0; i < n; i++)
        CHECK_OK(offer_one(o, i, &err));
}

/* Half of the worlds first try without created timestamps, and some of them give up half way. */
static void offer_all(struct world *w, struct offering *o, size_t n)
{
    const struct pit_config *c = &w->config;
    o->untold = c->has_created && c->cutoff == PIT_CUTOFF_NONE && below(w, 2);
    if (o->untold) {
        bool half = below(w, 4) == 0;
        offer_pass(w, o, half ? n / 2 : n);
        if (!half && !pit_tied(o->pit))
            return;
        pit_again(o->pit);
        CHECK(!pit_tied(o->pit));
        o->untold = false;
    }
    offer_pass(w, o, n);
}

static void check_world(struct world *w)
{
    struct error err;
    struct pit *p = NULL;
    CHECK_OK(pit_create(&w->config, w->pool, &p, &err));
    feed_all(w, p);
    CHECK_OK(pit_seal(p, &err));
    CHECK_OK(pit_open(p, w->files_n, &err));
    struct offering o = { .pit = p };
    o.batches = arena_array(test_arena(), struct batch_memory *, w->features_n + FILES_MAX + 1);
    size_t n = feature_batches(w, o.batches);
    for (size_t i = 0; i < n; i++)
        seal_batch(w, o.batches[i]);
    offer_all(w, &o, n);
    CHECK_OK(pit_finish(p, &err));
    check_matched(w, p);
    check_runs(w, p, o.batches, n);
    CHECK_OK(pit_rows_open(p, widths, COLUMNS, &err));
    for (size_t i = 0; i < n; i++)
        CHECK_OK(take_one(&o, i, &err));
    CHECK_OK(pit_rows_close(p, &err));
    for (size_t c = 0; c < COLUMNS; c++)
        check_column(w, p, c);
    pit_destroy(p);
}

static void check_worlds(uint64_t n, struct pool *pool)
{
    for (uint64_t i = 0; i < n; i++) {
        struct world *w = arena_new(test_arena(), struct world);
        rand_init(&w->rand, test_seed() * 1000003 + i);
        w->pool = pool;
        random_world(w);
        check_world(w);
        arena_reset(test_arena());
    }
}

TEST(equals_the_definition_on_random_cases)
{
    check_worlds(3000, NULL);
}

/* Threads race for the same few slots. */
TEST(equals_the_definition_with_threads)
{
    struct pool *pool = pool_create("pit", 4, 64);
    check_worlds(500, pool);
    pool_destroy(pool);
}

/* One key, one part, by hand: what the rules say in their own words. */

struct simple {
    struct pit *pit;
    int64_t keys[64], ts[64], created[64], rows[64];
    struct pit_column key;
    struct pit_batch batch;
};

static struct simple *simple_new(int64_t ttl_us, size_t entities_n)
{
    struct error err;
    struct simple *s = arena_new(test_arena(), struct simple);
    struct pit_config c = { .ttl_us = ttl_us,
                            .has_created = true,
                            .keys = { PIT_I64 },
                            .keys_n = 1,
                            .entities_n = entities_n };
    CHECK_OK(pit_create(&c, NULL, &s->pit, &err));
    return s;
}

static struct pit_batch *simple_row(struct simple *s, int64_t key, int64_t ts, int64_t created,
                                    uint32_t file, int64_t row)
{
    s->keys[0] = key;
    s->ts[0] = ts;
    s->created[0] = created;
    s->rows[0] = row;
    s->key = (struct pit_column){ s->keys, NULL, NULL };
    s->batch = (struct pit_batch){ .n = 1,
                                   .keys = &s->key,
                                   .ts = { s->ts, NULL, NULL },
                                   .created = { s->created, NULL, NULL },
                                   .rows = s->rows,
                                   .file = file };
    return &s->batch;
}

static void simple_seal(struct simple *s)
{
    struct error err;
    CHECK_OK(pit_seal(s->pit, &err));
    CHECK_OK(pit_open(s->pit, 1, &err));
}

static void simple_feed(struct simple *s, int64_t ordinal, int64_t key, int64_t time)
{
    struct error err;
    CHECK_OK(pit_feed(s->pit, simple_row(s, key, time, 0, 0, ordinal), &err));
}

static void simple_offer(struct simple *s, int64_t key, int64_t ts, int64_t created, uint32_t file,
                         int64_t row)
{
    struct error err;
    CHECK_OK(pit_offer(s->pit, simple_row(s, key, ts, created, file, row), &err));
}

/* A tie decides nothing once a later row has come; else the row's place does not speak for created. */
TEST(ties_without_created_are_seen)
{
    struct error err;
    struct simple *s = simple_new(0, 1);
    simple_feed(s, 0, 1, 10);
    simple_seal(s);
    const int64_t times[] = { 3, 3, 5, 5 };
    for (int64_t i = 0; i < 4; i++) {
        struct pit_batch *b = simple_row(s, 1, times[i], 0, 0, i);
        b->created.data = NULL;
        CHECK_OK(pit_offer(s->pit, b, &err));
        CHECK_INT(pit_tied(s->pit), i % 2);
    }
    CHECK_INT(pit_ties(s->pit), 2);
    pit_again(s->pit);
    CHECK_INT(pit_ties(s->pit), 0);
    for (int64_t i = 3; i >= 0; i--)
        simple_offer(s, 1, times[i], -i, 0, i);
    CHECK_OK(pit_finish(s->pit, &err));
    int64_t from = 0, to;
    CHECK(pit_file_run(s->pit, 0, 1, &from, &to));
    CHECK_INT(from, 2);
    CHECK_INT(to, 3);
    pit_destroy(s->pit);
}

/* Both ends of the ttl are inside; one microsecond more is not. */
TEST(ttl_is_inclusive_at_both_ends)
{
    for (int64_t age = 0; age <= 11; age++) {
        struct error err;
        struct simple *s = simple_new(10, 1);
        simple_feed(s, 0, 7, 1000);
        simple_seal(s);
        simple_offer(s, 7, 1000 - age, 0, 0, 0);
        CHECK_OK(pit_finish(s->pit, &err));
        CHECK_INT(pit_matched(s->pit), age <= 10);
        pit_destroy(s->pit);
    }
}

TEST(ranges_for_pruning_cover_ttl_and_keys)
{
    struct simple *s = simple_new(10, 3);
    int64_t lo, hi;
    simple_feed(s, 0, -7, 1000);
    simple_feed(s, 1, 70, 500);
    simple_seal(s);
    CHECK(pit_time_range(s->pit, &lo, &hi));
    CHECK_INT(lo, 490);
    CHECK_INT(hi, 1000);
    CHECK(pit_key_range(s->pit, &lo, &hi));
    CHECK_INT(lo, -7);
    CHECK_INT(hi, 70);
    pit_destroy(s->pit);
}

TEST(no_entity_row_that_can_match_means_no_range)
{
    struct error err;
    struct simple *s = simple_new(10, 2);
    int64_t lo, hi;
    simple_seal(s);
    CHECK(!pit_time_range(s->pit, &lo, &hi));
    CHECK(!pit_key_range(s->pit, &lo, &hi));
    simple_offer(s, 7, 1, 0, 0, 0);
    CHECK_OK(pit_finish(s->pit, &err));
    CHECK_INT(pit_matched(s->pit), 0);
    pit_destroy(s->pit);
}

/* A hot key: one bucket holds every slot and must be sorted and searched, not walked. */
TEST(one_key_with_many_times)
{
    enum { N = 100000 };
    struct error err;
    struct simple *s = simple_new(0, N);
    for (int64_t i = 0; i < N; i++)
        simple_feed(s, i, 7, i * 2654435761 % N * 10);
    simple_seal(s);
    for (int64_t i = 0; i < N; i += 100)
        simple_offer(s, 7, i * 10 + 1, 0, 0, i);
    CHECK_OK(pit_finish(s->pit, &err));
    CHECK_INT(pit_winners(s->pit), N / 100);
    CHECK_INT(pit_matched(s->pit), N - 1); /* all but the one at time 0 */
    pit_destroy(s->pit);
}

TEST(winners_that_do_not_come_again_are_an_error)
{
    struct error err;
    uint8_t width = 8;
    struct simple *s = simple_new(0, 1);
    simple_feed(s, 0, 7, 1000);
    simple_seal(s);
    simple_offer(s, 7, 1, 0, 0, 5);
    CHECK_OK(pit_finish(s->pit, &err));
    CHECK_OK(pit_rows_open(s->pit, &width, 1, &err));
    CHECK_FAILS(pit_rows_close(s->pit, &err), ERR_CORRUPT);
    pit_destroy(s->pit);
}

TEST(limits_are_refused)
{
    struct error err;
    struct pit *p;
    struct pit_config good = { .keys = { PIT_I64 }, .keys_n = 1, .entities_n = 1 };
    struct pit_config c = good;
    c.keys_n = 0;
    CHECK_FAILS(pit_create(&c, NULL, &p, &err), ERR_LIMIT);
    c.keys_n = PIT_KEYS_MAX + 1;
    CHECK_FAILS(pit_create(&c, NULL, &p, &err), ERR_LIMIT);
    c = good;
    c.entities_n = PIT_ENTITIES_MAX;
    CHECK_FAILS(pit_create(&c, NULL, &p, &err), ERR_LIMIT);
    c = good;
    c.ttl_us = -1;
    CHECK_FAILS(pit_create(&c, NULL, &p, &err), ERR_INVALID);
    c = good;
    c.cutoff = PIT_CUTOFF_CREATED;
    CHECK_FAILS(pit_create(&c, NULL, &p, &err), ERR_INVALID);
    CHECK_OK(pit_create(&good, NULL, &p, &err));
    CHECK_OK(pit_seal(p, &err));
    CHECK_FAILS(pit_open(p, PIT_FILES_MAX + 1, &err), ERR_LIMIT);
    pit_destroy(p);
}

TEST(rows_out_of_range_are_refused)
{
    struct error err;
    struct simple *s = simple_new(0, 1);
    CHECK_FAILS(pit_feed(s->pit, simple_row(s, 7, 1, 0, 0, 1), &err), ERR_INVALID);
    CHECK_FAILS(pit_feed(s->pit, simple_row(s, 7, 1, 0, 0, -1), &err), ERR_INVALID);
    simple_feed(s, 0, 7, 1000);
    simple_seal(s);
    CHECK_FAILS(pit_offer(s->pit, simple_row(s, 7, 1, 0, 0, PIT_FILE_ROWS_MAX), &err), ERR_LIMIT);
    CHECK_FAILS(pit_offer(s->pit, simple_row(s, 7, 1, 0, 0, -1), &err), ERR_LIMIT);
    pit_destroy(s->pit);
}
