/* SPDX-License-Identifier: Apache-2.0
 *
 * Random histories of appends, branches, merges, picks, reverts, compactions and resets against a plain model: a commit's state is a
 * set of rows per table, and every merge is the three-way merge of sets.  A conflict is right when nothing moved, and never comes
 * while all that happened were appends. */
#include "base/map.h"
#include "base/rand.h"
#include "base/vec.h"
#include "fixture.h"
#include "iceberg/snapshot.h"

#define TABLES 3
#define BRANCHES 4
#define ROWS_MAX 60 /* one a bit */

struct state {
    uint64_t rows[TABLES];
};

struct model {
    struct fixture f;
    struct rand rng;
    struct map commits; /* id -> struct state */
    const char *branches[BRANCHES];
    str heads[BRANCHES];
    VEC(str) log; /* commit ids, for picks and resets */
    int rows, conflicts, merged;
    bool appends_only;
};

static const char *const tables[TABLES] = { "t0", "t1", "t2" };

static struct state *state_of(struct model *m, str id)
{
    struct state *s = map_get(&m->commits, id);
    CHECK(s != NULL);
    return s;
}

static void record(struct model *m, size_t branch, str id, struct state s)
{
    str key = arena_str(m->f.arena, id);
    struct state *kept = arena_new(m->f.arena, struct state);
    *kept = s;
    map_put(&m->commits, key, kept);
    m->heads[branch] = key;
    *vec_push(m->f.arena, &m->log) = key;
}

/* A file "3-x.parquet" holds row 3; a compacted one holds the rows in its name: "1-2-3-x.parquet". */
static uint64_t rows_in(str path)
{
    uint64_t rows = 0;
    str name = str_from(path, (size_t)str_rfind_char(path, '/') + 1), piece;
    while (str_next(&name, '-', &piece)) {
        int64_t row;
        if (str_to_i64(piece, &row))
            rows |= 1ull << row;
    }
    return rows;
}

struct live {
    VEC(str) paths;
};

static uint64_t read_rows(struct model *m, const char *ref, const char *table, struct live *live)
{
    struct error err;
    struct table t;
    struct arena *a = arena_create(0);
    struct fixture *f = &m->f;
    uint64_t rows = 0;
    str path, bytes;
    struct manifest_file *manifests;
    size_t n, entries_n;
    CHECK_OK(catalog_load_table(f->catalog, str_of(ref), STR("ns"), str_of(table), a, &t, &err));
    const struct snapshot *s = metadata_snapshot(t.metadata);
    if (s) {
        CHECK_OK(store_from_uri(f->store, s->manifest_list, a, &path, &err));
        CHECK_OK(store_get(f->store, path, MANIFEST_LIST_BYTES_MAX, a, &bytes, &err));
        CHECK_OK(manifest_list_parse(bytes, a, &manifests, &n, &err));
        for (size_t i = 0; i < n; i++) {
            struct manifest_read_options o = { .file = &manifests[i],
                                               .spec = metadata_spec(t.metadata),
                                               .schema = metadata_schema(t.metadata) };
            struct manifest_entry *entries;
            CHECK_OK(store_from_uri(f->store, manifests[i].path, a, &path, &err));
            CHECK_OK(store_get(f->store, path, MANIFEST_BYTES_MAX, a, &bytes, &err));
            CHECK_OK(manifest_parse(bytes, &o, a, &entries, &entries_n, &err));
            for (size_t j = 0; j < entries_n; j++) {
                if (entries[j].status == ENTRY_DELETED)
                    continue;
                uint64_t in = rows_in(entries[j].file.path);
                CHECK((rows & in) == 0); /* no row twice */
                rows |= in;
                if (live)
                    *vec_push(f->arena, &live->paths) = arena_str(f->arena, entries[j].file.path);
            }
        }
    }
    arena_destroy(a);
    return rows;
}

static void check_branch(struct model *m, size_t branch)
{
    struct error err;
    struct ref_info info;
    struct state *want = state_of(m, m->heads[branch]);
    CHECK_OK(catalog_get_ref(m->f.catalog, str_of(m->branches[branch]), m->f.arena, &info, &err));
    CHECK_STR(info.commit_id, arena_cstr(m->f.arena, m->heads[branch]));
    for (size_t i = 0; i < TABLES; i++) {
        uint64_t got = read_rows(m, m->branches[branch], tables[i], NULL);
        if (got != want->rows[i])
            test_fail(__FILE__, __LINE__, "%s has rows %llx of %s instead of %llx",
                      m->branches[branch], (unsigned long long)got, tables[i],
                      (unsigned long long)want->rows[i]);
    }
}

static void append_row(struct model *m, size_t branch, size_t table)
{
    struct error err;
    struct write_outcome w;
    struct state s = *state_of(m, m->heads[branch]);
    if (m->rows == ROWS_MAX)
        return;
    CHECK_OK(append_file(&m->f, m->branches[branch], tables[table],
                         arena_printf(m->f.arena, "%d-x.parquet", m->rows).ptr, m->f.arena, &w,
                         &err));
    s.rows[table] |= 1ull << m->rows++;
    record(m, branch, w.commit_id, s);
}

/* All files of a table become one. */
static void compact(struct model *m, size_t branch, size_t table)
{
    struct error err;
    struct table t;
    struct live live = { 0 };
    struct fixture *f = &m->f;
    struct state s = *state_of(m, m->heads[branch]);
    uint64_t rows = read_rows(m, m->branches[branch], tables[table], &live);
    if (live.paths.n < 2)
        return;
    struct buf name = BUF_INIT(4096);
    for (int i = 0; i < ROWS_MAX; i++)
        if (rows >> i & 1)
            buf_printf(&name, "%d-", i);
    buf_printf(&name, "c%llx.parquet", (unsigned long long)rand_u64(&m->rng));
    CHECK_OK(catalog_load_table(f->catalog, str_of(m->branches[branch]), STR("ns"),
                                str_of(tables[table]), f->arena, &t, &err));
    struct data_file d =
        data_file_of(t.metadata->location, arena_cstr(f->arena, buf_str(&name)), 10, f->arena);
    struct snapshot_change change = { .operation = SNAPSHOT_REPLACE,
                                      .added = &d,
                                      .added_n = 1,
                                      .removed = live.paths.at,
                                      .removed_n = live.paths.n };
    struct snapshot_result r;
    struct commit_result done;
    CHECK_OK(snapshot_produce(f->store, f->env, t.metadata, &change, f->arena, &r, &err));
    struct table_change ch = { .ns = STR("ns"),
                               .name = str_of(tables[table]),
                               .updates = r.updates,
                               .updates_n = r.updates_n };
    CHECK_OK(catalog_commit(f->catalog, str_of(m->branches[branch]), &ch, 1, NULL, f->arena, &done,
                            &err));
    buf_deinit(&name);
    record(m, branch, done.commit_id, s);
}

static struct state three_way(const struct state *base, const struct state *source,
                              const struct state *target)
{
    struct state s;
    for (size_t i = 0; i < TABLES; i++)
        s.rows[i] = (target->rows[i] | (source->rows[i] & ~base->rows[i])) &
                    ~(base->rows[i] & ~source->rows[i]);
    return s;
}

/* Where one side's snapshots descend from the other's, that side is right as a whole: it has seen the other's rows, and what it does
 * not have it gave back. */
static void by_descent(const struct merge_result *r, const struct state *source,
                       const struct state *target, struct state *s)
{
    for (size_t i = 0; i < r->n; i++) {
        size_t table = (size_t)(r->entries[i].name.ptr[1] - '0');
        if (str_starts(r->entries[i].reason, STR("the source has all")))
            s->rows[table] = source->rows[table];
        if (str_starts(r->entries[i].reason, STR("the target has all")))
            s->rows[table] = target->rows[table];
    }
}

static void settle(struct model *m, size_t branch, const struct merge_result *r,
                   const struct state *base, const struct state *source)
{
    const struct state *target = state_of(m, m->heads[branch]);
    struct state s = three_way(base, source, target);
    by_descent(r, source, target, &s);
    if (r->applied) {
        record(m, branch, r->commit_id, s);
        m->merged += !r->up_to_date;
        return;
    }
    CHECK(r->conflicts_n > 0);
    m->conflicts++;
    for (size_t i = 0; i < r->n && m->appends_only; i++)
        if (r->entries[i].conflict)
            test_fail(__FILE__, __LINE__, "a conflict between appends: " STR_FMT,
                      STR_ARG(r->entries[i].reason));
}

static void merge_into(struct model *m, size_t from, size_t into)
{
    struct error err;
    struct merge_result r;
    struct merge_request req = { .from = str_of(m->branches[from]),
                                 .into = str_of(m->branches[into]),
                                 .no_fast_forward = rand_below(&m->rng, 2) };
    CHECK_OK(catalog_merge(m->f.catalog, &req, NULL, m->f.arena, &r, &err));
    settle(m, into, &r, state_of(m, r.base_id), state_of(m, m->heads[from]));
}

static void pick_into(struct model *m, size_t into, bool revert)
{
    struct error err;
    struct merge_result r;
    struct log_page log;
    str id = m->log.at[rand_below(&m->rng, m->log.n)];
    CHECK_OK(catalog_log(m->f.catalog, id, (str){ 0 }, 1, m->f.arena, &log, &err));
    struct state *after = state_of(m, id),
                 *before = map_get(&m->commits, log.commits[0].parents[0]);
    if (!before)
        return;
    struct pick_request req = {
        .commits = &id, .commits_n = 1, .into = str_of(m->branches[into]), .revert = revert
    };
    CHECK_OK(catalog_pick(m->f.catalog, &req, NULL, m->f.arena, &r, &err));
    settle(m, into, &r, revert ? after : before, revert ? before : after);
}

static void reset(struct model *m, size_t branch)
{
    struct error err;
    str id = m->log.at[rand_below(&m->rng, m->log.n)];
    CHECK_OK(catalog_assign_ref(m->f.catalog, str_of(m->branches[branch]), m->heads[branch], id,
                                NULL, &err));
    m->heads[branch] = id;
}

static void step(struct model *m)
{
    size_t branch = rand_below(&m->rng, BRANCHES), other = rand_below(&m->rng, BRANCHES);
    size_t table = rand_below(&m->rng, TABLES),
           what = rand_below(&m->rng, m->appends_only ? 8 : 12);
    if (what < 4)
        append_row(m, branch, table);
    else if (what < 7 && branch != other)
        merge_into(m, branch, other);
    else if (what == 7)
        pick_into(m, branch, false);
    else if (what < 10)
        pick_into(m, branch, true);
    else if (what == 10)
        compact(m, branch, table);
    else if (what == 11)
        reset(m, branch);
    check_branch(m, branch);
    check_branch(m, other);
}

static void start(struct model *m, uint64_t seed, bool appends_only)
{
    static const char *const names[BRANCHES] = { "main", "a", "b", "c" };
    struct error err;
    struct ref_info info;
    *m = (struct model){ .appends_only = appends_only };
    fixture_open(&m->f);
    rand_init(&m->rng, seed);
    map_init(&m->commits, m->f.arena);
    make_namespace(&m->f, "ns");
    for (size_t i = 0; i < TABLES; i++)
        make_table(&m->f, tables[i]);
    CHECK_OK(catalog_get_ref(m->f.catalog, (str){ 0 }, m->f.arena, &info, &err));
    for (size_t i = 0; i < BRANCHES; i++) {
        m->branches[i] = names[i];
        if (i > 0)
            CHECK_OK(catalog_create_ref(m->f.catalog, CATALOG_BRANCH, str_of(names[i]), (str){ 0 },
                                        m->f.arena, NULL, &err));
        record(m, i, info.commit_id, (struct state){ 0 });
    }
}

static void run(uint64_t seed, bool appends_only, int steps)
{
    struct model m;
    start(&m, seed, appends_only);
    for (int i = 0; i < steps; i++)
        step(&m);
    CHECK(m.merged > 0);
    CHECK(!appends_only || m.conflicts == 0);
    fixture_close(&m.f);
}

TEST(histories_of_appends_never_conflict)
{
    run(test_seed(), true, 70);
}

TEST(histories_with_reverts_compactions_and_resets_merge_as_sets)
{
    run(test_seed() + 1, false, 90);
}
