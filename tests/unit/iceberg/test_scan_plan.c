/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans of tables that are made here, manifest by manifest: parts, residuals, changes between snapshots, answers
 * from metadata, pieces of files. */
#include "iceberg/scan.h"

#include <stdlib.h>

#include "base/env.h"
#include "base/rand.h"
#include "base/thread.h"
#include "base/vec.h"
#include "codec/json.h"
#include "iceberg/delete_index_priv.h"
#include "iceberg/metadata.h"
#include "iceberg/update.h"
#include "io/store.h"
#include "test.h"

static const char schema_text[] =
    "{\"type\":\"struct\",\"schema-id\":0,\"fields\":["
    "{\"id\":1,\"name\":\"id\",\"required\":false,\"type\":\"long\"},"
    "{\"id\":2,\"name\":\"p\",\"required\":false,\"type\":\"int\"},"
    "{\"id\":3,\"name\":\"s\",\"required\":false,\"type\":\"string\"}]}";

struct table {
    struct store *store;
    const struct metadata *metadata;
    VEC(struct manifest_file) manifests; /* of the next snapshot */
    int64_t snapshots;
};

static struct table create(void)
{
    struct error err;
    struct json *json;
    const struct schema *schema;
    struct table t = { 0 };
    struct arena *a = test_arena();
    struct store_fs_options o = { .root = str_of(test_tmpdir()) };
    CHECK_OK(store_fs_open(&o, &t.store, &err));
    CHECK_OK(json_parse(str_of(schema_text), a, &json, &err));
    CHECK_OK(schema_parse(json, a, &schema, &err));
    struct partition_field *field = arena_new(a, struct partition_field);
    *field = (struct partition_field){ .source_id = 2,
                                       .field_id = 1000,
                                       .name = STR("p"),
                                       .transform = transform_make(TRANSFORM_IDENTITY, 0, a) };
    struct partition_spec *spec = arena_new(a, struct partition_spec);
    *spec = (struct partition_spec){ .fields = field, .fields_n = 1 };
    struct property_list none = { 0 };
    CHECK_OK(metadata_create(schema, spec, NULL, store_uri(t.store, STR("t"), a), &none, 3,
                             STR("9c12d441-03fe-4693-9a96-a0705ddf69c1"), 1700000000000, a,
                             &t.metadata, &err));
    return t;
}

static struct column_metrics *id_metrics(int64_t low, int64_t high, int64_t records, int64_t nulls)
{
    struct column_metrics *c = arena_new(test_arena(), struct column_metrics);
    struct value v = value_i64(TYPE_LONG, low), w = value_i64(TYPE_LONG, high);
    *c = (struct column_metrics){ .field_id = 1,
                                  .size = 10,
                                  .values = records,
                                  .nulls = nulls,
                                  .nans = -1,
                                  .lower = value_encode_in(&v, test_arena()),
                                  .upper = value_encode_in(&w, test_arena()) };
    return c;
}

static struct data_file base_file(str path, int p)
{
    struct value *v = arena_new(test_arena(), struct value);
    *v = value_i64(TYPE_INT, p);
    return (struct data_file){ .path = path,
                               .format = STR("parquet"),
                               .partition = v,
                               .partition_n = 1,
                               .size = 1000,
                               .sort_order_id = -1,
                               .first_row_id = -1,
                               .content_offset = -1,
                               .content_size = -1 };
}

/* A file of partition p with ids from low to high. */
static struct data_file data(const char *name, int p, int64_t low, int64_t high)
{
    struct data_file f = base_file(str_of(name), p);
    f.records = high - low + 1;
    f.columns = id_metrics(low, high, f.records, 0);
    f.columns_n = 1;
    return f;
}

static struct data_file vector(const char *name, const char *of, int p, int64_t rows)
{
    struct data_file f = base_file(str_of(name), p);
    f.content = FILE_POSITION_DELETES;
    f.format = STR("puffin");
    f.records = rows;
    f.referenced_file = str_of(of);
    f.content_offset = 4;
    f.content_size = 40;
    return f;
}

static struct data_file equality(const char *name, int p, int64_t low, int64_t high)
{
    static const int32_t ids[] = { 1 };
    struct data_file f = data(name, p, low, high);
    f.content = FILE_EQUALITY_DELETES;
    f.equality_ids = ids;
    f.equality_ids_n = 1;
    return f;
}

static struct manifest_entry entry(enum entry_status status, int64_t snapshot_id, int64_t sequence,
                                   struct data_file f)
{
    return (struct manifest_entry){ .status = status,
                                    .snapshot_id = snapshot_id,
                                    .sequence_number = sequence,
                                    .file_sequence_number = sequence,
                                    .file = f };
}

static struct manifest_entry added(struct data_file f)
{
    return entry(ENTRY_ADDED, -1, -1, f);
}

/* A manifest that the next snapshot writes. */
static void manifest(struct table *t, enum manifest_content content,
                     const struct manifest_entry *entries, size_t n)
{
    struct error err;
    struct arena *a = test_arena();
    struct buf b = BUF_INIT(MANIFEST_BYTES_MAX);
    struct manifest_write_options o = { .format_version = 3,
                                        .content = content,
                                        .schema = metadata_schema(t->metadata),
                                        .spec = metadata_spec(t->metadata),
                                        .snapshot_id = t->snapshots + 1,
                                        .sync = "0123456789abcde" };
    struct manifest_writer *w;
    struct manifest_file *m = vec_push(a, &t->manifests);
    CHECK_OK(manifest_writer_create(&o, &b, a, &w, &err));
    for (size_t i = 0; i < n; i++)
        CHECK_OK(manifest_writer_add(w, &entries[i], &err));
    CHECK_OK(manifest_writer_finish(w, m, &err));
    str path =
        arena_printf(a, "t/metadata/m%lld-%zu.avro", (long long)t->snapshots + 1, t->manifests.n);
    CHECK_OK(store_put(t->store, path, buf_str(&b), STORE_REPLACE, &err));
    m->path = store_uri(t->store, path, a);
    buf_deinit(&b);
}

/* Ends the snapshot; its id is its sequence number. */
static int64_t commit(struct table *t, const char *operation)
{
    struct error err;
    struct arena *a = test_arena();
    int64_t id = ++t->snapshots, next_row;
    struct manifest_list_info info = { .format_version = 3,
                                       .snapshot_id = id,
                                       .parent_id = id > 1 ? id - 1 : SNAPSHOT_NONE,
                                       .sequence_number = id,
                                       .first_row_id = t->metadata->next_row_id };
    struct buf b = BUF_INIT(MANIFEST_LIST_BYTES_MAX);
    CHECK_OK(manifest_list_write(&info, t->manifests.at, t->manifests.n, &b, &next_row, &err));
    str path = arena_printf(a, "t/metadata/snap-%lld.avro", (long long)id);
    CHECK_OK(store_put(t->store, path, buf_str(&b), STORE_REPLACE, &err));
    struct snapshot *s = arena_new(a, struct snapshot);
    *s = (struct snapshot){ .id = id,
                            .parent_id = info.parent_id,
                            .sequence_number = id,
                            .timestamp_ms = 1700000000000 + id,
                            .manifest_list = store_uri(t->store, path, a),
                            .operation = str_of(operation),
                            .schema_id = 0,
                            .first_row_id = info.first_row_id,
                            .added_rows = next_row - info.first_row_id };
    struct table_update updates[] = { update_add_snapshot(s),
                                      update_set_ref(STR("main"), REF_BRANCH, id) };
    CHECK_OK(
        metadata_apply(t->metadata, (str){ 0 }, updates, 2, 1700000001000, a, &t->metadata, &err));
    /* What the next one keeps has its numbers. */
    struct manifest_file *kept;
    size_t n;
    CHECK_OK(manifest_list_parse(arena_str(a, buf_str(&b)), a, &kept, &n, &err));
    t->manifests.at = kept;
    t->manifests.n = t->manifests.cap = n;
    buf_deinit(&b);
    return id;
}

/* --- what plans give, as text --- */

#define CHECK_LINES(got, want) CHECK_STR(str_of(got), want)

struct lines {
    VEC(str) at;
};

static str names(const struct data_file *const *files, size_t n)
{
    str *parts = arena_array(test_arena(), str, n);
    for (size_t i = 0; i < n; i++)
        parts[i] = arena_str(test_arena(), files[i]->path);
    return arena_join(test_arena(), parts, n, STR(","));
}

static bool take(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    static const char *const changes[] = { "", "+", "-", "~" };
    struct lines *l = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        const struct scan_task *t = &tasks[i];
        str s =
            arena_printf(test_arena(), "%s" STR_FMT, changes[t->change], STR_ARG(t->file->path));
        if (t->change != CHANGE_NONE)
            s = arena_printf(test_arena(), "%lld:" STR_FMT, (long long)t->change_snapshot_id,
                             STR_ARG(s));
        if (t->deletes_n > 0)
            s = arena_printf(test_arena(), STR_FMT "(" STR_FMT ")", STR_ARG(s),
                             STR_ARG(names(t->deletes, t->deletes_n)));
        if (t->added_deletes_n > 0)
            s = arena_printf(test_arena(), STR_FMT "[" STR_FMT "]", STR_ARG(s),
                             STR_ARG(names(t->added_deletes, t->added_deletes_n)));
        *vec_push(test_arena(), &l->at) = s;
    }
    return true;
}

static int line_order(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

static const char *planned(struct table *t, struct scan_options o, const char *filter)
{
    struct error err;
    struct lines l = { 0 };
    if (filter)
        CHECK_OK(expr_parse(str_of(filter), test_arena(), &o.filter, &err));
    CHECK_OK(scan_plan(t->store, env_real(), t->metadata, &o, take, &l, NULL, &err));
    if (l.at.n > 0)
        qsort(l.at.at, l.at.n, sizeof(str), line_order);
    return arena_cstr(test_arena(), arena_join(test_arena(), l.at.at, l.at.n, STR(" ")));
}

/* 1: a, b.  2: a vector for a.  3: c, an equality delete.  4 (replace): b becomes b2.  5: a goes, a new vector for c. */
static struct table history(void)
{
    struct table t = create();
    manifest(&t, MANIFEST_DATA,
             (struct manifest_entry[]){ added(data("a", 1, 0, 9)), added(data("b", 2, 10, 19)) },
             2);
    commit(&t, "append");
    manifest(&t, MANIFEST_DELETES, (struct manifest_entry[]){ added(vector("dv1", "a", 1, 3)) }, 1);
    commit(&t, "delete");
    manifest(&t, MANIFEST_DATA, (struct manifest_entry[]){ added(data("c", 1, 20, 29)) }, 1);
    manifest(&t, MANIFEST_DELETES, (struct manifest_entry[]){ added(equality("eq", 1, 5, 6)) }, 1);
    commit(&t, "append");
    struct manifest_file *old = t.manifests.at;
    size_t n = t.manifests.n, kept = 0;
    for (size_t i = 0; i < n; i++) /* the first manifest is written anew */
        if (old[i].added_snapshot_id != 1)
            old[kept++] = old[i];
    t.manifests.n = kept;
    manifest(&t, MANIFEST_DATA,
             (struct manifest_entry[]){ entry(ENTRY_EXISTING, 1, 1, data("a", 1, 0, 9)),
                                        entry(ENTRY_DELETED, 4, 1, data("b", 2, 10, 19)),
                                        added(data("b2", 2, 10, 19)) },
             3);
    commit(&t, "replace");
    kept = 0;
    for (size_t i = 0; i < t.manifests.n; i++)
        if (t.manifests.at[i].added_snapshot_id != 4)
            t.manifests.at[kept++] = t.manifests.at[i];
    t.manifests.n = kept;
    manifest(&t, MANIFEST_DATA,
             (struct manifest_entry[]){ entry(ENTRY_DELETED, 5, 1, data("a", 1, 0, 9)),
                                        entry(ENTRY_EXISTING, 4, 4, data("b2", 2, 10, 19)) },
             2);
    manifest(&t, MANIFEST_DELETES, (struct manifest_entry[]){ added(vector("dv2", "c", 1, 1)) }, 1);
    commit(&t, "overwrite");
    return t;
}

TEST(changes_between_snapshots_are_found)
{
    struct table t = history();
    struct error err;
    struct scan_range appends = { .kind = SCAN_APPENDS }, all = { .kind = SCAN_CHANGELOG };
    CHECK_LINES(planned(&t, (struct scan_options){ 0 }, NULL), "b2 c(dv2)");
    CHECK_LINES(planned(&t, (struct scan_options){ .at.snapshot_id = 3 }, NULL), "a(dv1,eq) b c");
    CHECK_LINES(planned(&t, (struct scan_options){ .range = appends }, NULL), "a b c");
    appends.after_id = 1;
    CHECK_LINES(planned(&t, (struct scan_options){ .range = appends }, NULL), "c");
    CHECK_LINES(planned(&t, (struct scan_options){ .range = appends }, "id < 20"), "");
    CHECK_LINES(planned(&t, (struct scan_options){ .range = all }, NULL),
                "1:+a 1:+b 2:~a[dv1] 3:+c 3:~a(dv1)[eq] 5:-a(dv1,eq) 5:~c[dv2]");
    all.after_id = 2;
    all.to_id = 4;
    CHECK_LINES(planned(&t, (struct scan_options){ .range = all }, NULL), "3:+c 3:~a(dv1)[eq]");
    all = (struct scan_range){ .kind = SCAN_CHANGELOG, .after_id = 4 };
    CHECK_LINES(planned(&t, (struct scan_options){ .range = all }, "p = 2"), "");

    struct lines l = { 0 };
    struct scan_options o = { .range = { SCAN_APPENDS, 5, 3 } };
    CHECK_FAILS(scan_plan(t.store, env_real(), t.metadata, &o, take, &l, NULL, &err), ERR_INVALID);
    o.range.after_id = 77;
    CHECK_FAILS(scan_plan(t.store, env_real(), t.metadata, &o, take, &l, NULL, &err),
                ERR_NOT_FOUND);
    o.range = (struct scan_range){ SCAN_APPENDS, 1, 77 };
    CHECK_FAILS(scan_plan(t.store, env_real(), t.metadata, &o, take, &l, NULL, &err),
                ERR_NOT_FOUND);
    store_destroy(t.store);
}

TEST(equality_deletes_apart_from_a_file_are_left_out)
{
    struct table t = create();
    manifest(
        &t, MANIFEST_DATA,
        (struct manifest_entry[]){ added(data("low", 1, 0, 9)), added(data("high", 1, 90, 99)) },
        2);
    commit(&t, "append");
    struct data_file nulls = equality("nulls", 1, 0, 0);
    nulls.columns = id_metrics(0, 0, 1, 1);
    manifest(&t, MANIFEST_DELETES,
             (struct manifest_entry[]){ added(equality("e5", 1, 5, 7)), added(nulls),
                                        added(equality("e50", 1, 50, 60)),
                                        added(equality("e9", 1, 9, 90)) },
             4);
    commit(&t, "delete");
    CHECK_LINES(planned(&t, (struct scan_options){ 0 }, NULL), "high(e9) low(e5,e9)");
    CHECK_LINES(planned(&t, (struct scan_options){ .ignore_deletes = true }, NULL), "high low");
    store_destroy(t.store);
}

/* --- parts --- */

static struct table large(struct rand *r, size_t manifests_n)
{
    struct table t = create();
    int64_t n = 0;
    for (size_t i = 0; i < manifests_n; i++) {
        size_t count = 1 + rand_below(r, 60);
        struct manifest_entry *e = arena_array(test_arena(), struct manifest_entry, count);
        for (size_t k = 0; k < count; k++, n++)
            e[k] = added(data(arena_printf(test_arena(), "f%05lld", (long long)n).ptr,
                              (int)rand_below(r, 3), n * 10, n * 10 + 9));
        manifest(&t, MANIFEST_DATA, e, count);
    }
    commit(&t, "append");
    return t;
}

static const char *planned_in_parts(struct table *t, struct scan_options o, const char *filter,
                                    uint64_t files, struct rand *r)
{
    struct error err;
    struct lines l = { 0 };
    struct scan_part *parts;
    size_t n;
    CHECK_OK(expr_parse(str_of(filter), test_arena(), &o.filter, &err));
    CHECK_OK(scan_parts(t->store, t->metadata, &o, files, test_arena(), &parts, &n, &err));
    for (size_t i = 0; i < n;) {
        size_t join = 1 + rand_below(r, 3);
        size_t last = i + join < n ? i + join - 1 : n - 1;
        o.part = (struct scan_part){ parts[i].manifest_from, parts[last].manifest_to,
                                     parts[i].entry_from, parts[last].entry_to };
        CHECK_OK(scan_plan(t->store, env_real(), t->metadata, &o, take, &l, NULL, &err));
        i = last + 1;
    }
    if (l.at.n > 0)
        qsort(l.at.at, l.at.n, sizeof(str), line_order);
    return arena_cstr(test_arena(), arena_join(test_arena(), l.at.at, l.at.n, STR(" ")));
}

TEST(parts_together_are_the_whole)
{
    static const char *const filters[] = { "true", "p = 1", "id between 400 and 2500", "id = 777" };
    struct rand r;
    rand_init(&r, test_seed());
    for (int round = 0; round < 5; round++) {
        struct table t = large(&r, 1 + rand_below(&r, 12));
        for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
            for (uint64_t files = 1; files < 200; files = files * 3 + 1)
                CHECK_LINES(planned_in_parts(&t, (struct scan_options){ 0 }, filters[i], files, &r),
                            planned(&t, (struct scan_options){ 0 }, filters[i]));
        struct scan_options o = { .range = { .kind = SCAN_APPENDS } };
        CHECK_LINES(planned_in_parts(&t, o, "true", 7, &r), planned(&t, o, NULL));
        store_destroy(t.store);
    }
}

TEST(a_part_of_a_part_is_no_more_than_it)
{
    struct rand r;
    struct error err;
    rand_init(&r, test_seed());
    struct table t = large(&r, 6);
    struct scan_options o = { 0 };
    struct scan_part *outer, *inner;
    size_t outer_n, inner_n;
    CHECK_OK(scan_parts(t.store, t.metadata, &o, 40, test_arena(), &outer, &outer_n, &err));
    for (size_t i = 0; i < outer_n; i++) {
        struct lines whole = { 0 }, pieces = { 0 };
        o.part = outer[i];
        CHECK_OK(scan_plan(t.store, env_real(), t.metadata, &o, take, &whole, NULL, &err));
        CHECK_OK(scan_parts(t.store, t.metadata, &o, 7, test_arena(), &inner, &inner_n, &err));
        for (size_t k = 0; k < inner_n; k++) {
            o.part = inner[k];
            CHECK_OK(scan_plan(t.store, env_real(), t.metadata, &o, take, &pieces, NULL, &err));
        }
        CHECK_INT(pieces.at.n, whole.at.n);
        for (size_t k = 0; k < whole.at.n; k++)
            CHECK(str_eq(pieces.at.at[k], whole.at.at[k]));
    }
    store_destroy(t.store);
}

TEST(a_plan_ends_when_it_has_the_rows_that_are_wanted)
{
    struct rand r;
    struct error err;
    rand_init(&r, test_seed());
    struct table t = large(&r, 8);
    struct lines l = { 0 };
    struct scan_options o = { .rows_wanted = 25 };
    CHECK_OK(scan_plan(t.store, env_real(), t.metadata, &o, take, &l, NULL, &err));
    CHECK(l.at.n >= 3 && l.at.n <= 60); /* no more than the block that had them */
    store_destroy(t.store);
}

/* With residuals, deletes, and an early end: what threads share. */
TEST(many_threads_plan_what_one_does)
{
    struct rand r;
    struct error err;
    struct pool *pool = pool_create("plan", 3, 16);
    rand_init(&r, test_seed());
    struct table t = large(&r, 12);
    for (int i = 0; i < 3; i++)
        manifest(&t, MANIFEST_DELETES,
                 (struct manifest_entry[]){ added(equality("e0", 0, 100, 900)),
                                            added(equality("e1", 1, 700, 1500)),
                                            added(vector("v", "f00010", 1, 2)) },
                 3);
    commit(&t, "delete");
    struct scan_options one = { .residuals = true }, many = { .residuals = true, .pool = pool };
    for (int i = 0; i < 5; i++)
        CHECK_LINES(planned(&t, many, "id < 2000 and p != 2"),
                    planned(&t, one, "id < 2000 and p != 2"));
    struct lines l = { 0 };
    many.rows_wanted = 30;
    CHECK_OK(scan_plan(t.store, env_real(), t.metadata, &many, take, &l, NULL, &err));
    CHECK(l.at.n >= 3);
    store_destroy(t.store);
    pool_destroy(pool);
}

/* --- answers from metadata --- */

static struct scan_summary summary(struct table *t, const char *filter, int32_t column)
{
    struct error err;
    struct scan_summary s;
    struct scan_options o = { 0 };
    if (filter)
        CHECK_OK(expr_parse(str_of(filter), test_arena(), &o.filter, &err));
    CHECK_OK(scan_summarize(t->store, env_real(), t->metadata, &o, column, test_arena(), &s, &err));
    return s;
}

TEST(counts_and_bounds_are_known_where_metadata_proves_them)
{
    struct table t = create();
    CHECK(summary(&t, NULL, 1).known);
    CHECK_INT(summary(&t, NULL, 0).rows, 0);
    manifest(&t, MANIFEST_DATA,
             (struct manifest_entry[]){ added(data("a", 1, 0, 9)), added(data("b", 2, 10, 19)) },
             2);
    commit(&t, "append");
    struct scan_summary s = summary(&t, NULL, 1);
    CHECK(s.known && s.bounds_known);
    CHECK_INT(s.rows, 20);
    CHECK_INT(s.min.i, 0);
    CHECK_INT(s.max.i, 19);
    s = summary(&t, "p = 2", 1);
    CHECK(s.known && s.bounds_known);
    CHECK_INT(s.rows, 10);
    CHECK_INT(s.min.i, 10);
    CHECK_INT(summary(&t, "id >= 10", 0).rows, 10); /* by bounds */
    CHECK(!summary(&t, "id >= 5", 0).known);
    CHECK(!summary(&t, NULL, 3).bounds_known && summary(&t, NULL, 3).known);
    manifest(&t, MANIFEST_DELETES, (struct manifest_entry[]){ added(vector("dv", "a", 1, 3)) }, 1);
    commit(&t, "delete");
    s = summary(&t, NULL, 1);
    CHECK(s.known && !s.bounds_known);
    CHECK_INT(s.rows, 17);
    CHECK(summary(&t, "p = 2", 1).bounds_known);
    manifest(&t, MANIFEST_DELETES, (struct manifest_entry[]){ added(equality("e", 2, 11, 12)) }, 1);
    commit(&t, "delete");
    CHECK(!summary(&t, NULL, 0).known);
    CHECK_INT(summary(&t, "p = 1", 0).rows, 7);
    store_destroy(t.store);
}

/* --- pieces --- */

static void check_pieces(const struct data_file *f, int64_t target)
{
    struct file_piece *pieces;
    size_t n;
    int64_t at = 0;
    data_file_split(f, target, test_arena(), &pieces, &n);
    for (size_t i = 0; i < n; i++) { /* they cover the file, in order */
        CHECK_INT(pieces[i].start, at);
        CHECK(pieces[i].length > 0 || f->size == 0);
        at += pieces[i].length;
    }
    CHECK_INT(at, f->size);
}

TEST(files_are_cut_at_their_offsets)
{
    static const int64_t offsets[] = { 4, 100, 180, 300, 900 };
    static const int64_t wrong[] = { 4, 100, 90, 2000 };
    struct data_file f = data("f", 1, 0, 9);
    struct file_piece *pieces;
    size_t n;
    f.split_offsets = offsets;
    f.split_offsets_n = 5;
    data_file_split(&f, 200, test_arena(), &pieces, &n);
    CHECK_INT(n, 4);
    CHECK_INT(pieces[1].start, 180);
    CHECK_INT(pieces[2].start, 300); /* one row group is never cut */
    CHECK_INT(pieces[2].length, 600);
    for (int64_t target = 1; target < 2000; target += 37)
        check_pieces(&f, target);
    f.split_offsets = wrong;
    f.split_offsets_n = 4;
    data_file_split(&f, 400, test_arena(), &pieces, &n);
    CHECK_INT(n, 3); /* as if there were none */
    for (int64_t target = 1; target < 2000; target += 37)
        check_pieces(&f, target);
    f.split_offsets_n = 0;
    f.format = STR("puffin");
    data_file_split(&f, 10, test_arena(), &pieces, &n);
    CHECK_INT(n, 1);
    f.format = STR("parquet");
    f.size = INT64_MAX;
    data_file_split(&f, 1, test_arena(), &pieces,
                    &n); /* a size that lies does not take the memory */
    CHECK(n <= 100001);
}

TEST(pieces_are_packed_into_groups)
{
    int64_t weights[] = { 60, 60, 30, 10, 200, 5, 40 };
    size_t group[7];
    CHECK_INT(split_pack(weights, 7, 100, 10, group), 4);
    static const size_t want[] = { 0, 1, 0, 0, 2, 1, 3 };
    for (size_t i = 0; i < 7; i++)
        CHECK_INT(group[i], want[i]);
    CHECK_INT(split_pack(weights, 7, 100, 1, group), 4); /* 60, 60 30 10, 200, 5 40 */
    CHECK_INT(group[6], 3);
    CHECK_INT(split_pack(weights, 0, 100, 1, group), 0);
}

/* --- many delete files --- */

static size_t found_with(size_t deletes, bool vectors)
{
    struct arena *a = arena_create(0);
    struct delete_index x;
    size_t found = 0;
    delete_index_init(&x, a);
    for (size_t i = 0; i < deletes; i++) {
        const char *path = arena_printf(a, "data/f%07zu", i).ptr;
        struct manifest_entry e = { .sequence_number = 2, .file = vector("dv", path, 1, 1) };
        struct column_metrics bounds = { .field_id = DELETE_FIELD_PATH,
                                         .lower = str_of(path),
                                         .upper = str_of(path) };
        if (!vectors) {
            e.file.format = STR("parquet");
            e.file.referenced_file = (str){ 0 };
            e.file.columns = &bounds;
            e.file.columns_n = 1;
        }
        delete_index_add(&x, &e, false);
    }
    delete_index_seal(&x);
    struct arena *chunk = arena_create(0);
    for (size_t i = 0; i < 2 * deletes; i++) {
        const struct data_file *const *out;
        size_t n;
        struct data_file f = base_file(arena_printf(chunk, "data/f%07zu", i), 1);
        delete_index_find(&x, &f, 1, chunk, &out, &n);
        found += n;
        arena_reset(chunk);
    }
    arena_destroy(chunk);
    arena_destroy(a);
    return found;
}

/* Quadratic work would take minutes here. */
TEST(a_hundred_thousand_delete_files_are_found_by_name)
{
    CHECK_INT(found_with(100000, true), 100000);
    CHECK_INT(found_with(100000, false), 100000);
}

/* --- found deletes against all of them --- */

enum { WORLD_FILES = 12, WORLD_ROWS = 5, WORLD_DELETES = 14, WORLD_PAIRS = 6, NULL_ID = -1 };

/* A delete file with what stands in it. */
struct real_delete {
    struct delete_file meta;
    bool global; /* an equality delete of an unpartitioned spec */
    size_t n;
    size_t files[WORLD_PAIRS]; /* of position deletes: which file, which row */
    int64_t values[WORLD_PAIRS];
};

struct world {
    struct data_file files[WORLD_FILES];
    int64_t sequence[WORLD_FILES];
    int64_t ids[WORLD_FILES][WORLD_ROWS];
    struct real_delete deletes[WORLD_DELETES];
};

static int64_t pick_id(struct rand *r, int64_t near)
{
    return rand_below(r, 6) == 0 ? NULL_ID : near + (int64_t)rand_below(r, 5);
}

static void set_bounds(struct data_file *f, const int64_t *ids, size_t n)
{
    int64_t low = INT64_MAX, high = INT64_MIN, nulls = 0;
    for (size_t i = 0; i < n; i++) {
        nulls += ids[i] == NULL_ID;
        if (ids[i] == NULL_ID)
            continue;
        low = ids[i] < low ? ids[i] : low;
        high = ids[i] > high ? ids[i] : high;
    }
    struct column_metrics *c = id_metrics(low, high, (int64_t)n, nulls);
    if (low > high)
        c->lower = c->upper = (str){ 0 };
    f->columns = c;
    f->columns_n = 1;
}

static void pick_file(struct rand *r, struct world *w, size_t i)
{
    int64_t near = (int64_t)rand_below(r, 3) * 4;
    w->files[i] = base_file(arena_printf(test_arena(), "f%02zu", i), (int)rand_below(r, 2));
    w->files[i].records = WORLD_ROWS;
    w->sequence[i] = 1 + (int64_t)rand_below(r, 4);
    for (size_t k = 0; k < WORLD_ROWS; k++)
        w->ids[i][k] = pick_id(r, near);
    if (rand_below(r, 4) > 0)
        set_bounds(&w->files[i], w->ids[i], WORLD_ROWS);
}

static void pick_positions(struct rand *r, struct world *w, struct real_delete *d)
{
    struct data_file *f = &d->meta.file;
    size_t only = rand_below(r, WORLD_FILES);
    bool one = rand_below(r, 2);
    str low = { 0 }, high = { 0 };
    d->n = 1 + rand_below(r, WORLD_PAIRS);
    for (size_t i = 0; i < d->n; i++) {
        d->files[i] = one ? only : rand_below(r, WORLD_FILES);
        d->values[i] = (int64_t)rand_below(r, WORLD_ROWS);
        str path = w->files[d->files[i]].path;
        low = i == 0 || str_cmp(path, low) < 0 ? path : low;
        high = i == 0 || str_cmp(path, high) > 0 ? path : high;
    }
    f->content = FILE_POSITION_DELETES;
    if (one && rand_below(r, 3) == 0) {
        f->referenced_file = w->files[only].path;
        f->format = rand_below(r, 2) ? STR("puffin") : STR("parquet");
    } else if (rand_below(r, 3) > 0) {
        struct column_metrics *c = arena_new(test_arena(), struct column_metrics);
        *c = (struct column_metrics){ .field_id = DELETE_FIELD_PATH, .lower = low, .upper = high };
        f->columns = c;
        f->columns_n = 1;
    }
}

static void pick_equality(struct rand *r, struct real_delete *d)
{
    static const int32_t ids[] = { 1 };
    struct data_file *f = &d->meta.file;
    d->n = 1 + rand_below(r, WORLD_PAIRS);
    int64_t near = (int64_t)rand_below(r, 3) * 4;
    for (size_t i = 0; i < d->n; i++)
        d->values[i] = pick_id(r, near);
    f->content = FILE_EQUALITY_DELETES;
    f->equality_ids = ids;
    f->equality_ids_n = 1;
    d->global = rand_below(r, 4) == 0;
    if (d->global) {
        f->spec_id = 7;
        f->partition_n = 0;
    }
    if (rand_below(r, 3) > 0)
        set_bounds(f, d->values, d->n);
}

static bool is_dv(const struct real_delete *d)
{
    return str_is(d->meta.file.format, "puffin");
}

static bool in_partition(const struct world *w, const struct real_delete *d, size_t file)
{
    return d->global || d->meta.file.partition[0].i == w->files[file].partition[0].i;
}

static bool removes(const struct world *w, const struct real_delete *d, size_t file, size_t row)
{
    for (size_t i = 0; i < d->n; i++) {
        bool position = d->meta.file.content == FILE_POSITION_DELETES;
        if (position ? d->files[i] == file && d->values[i] == (int64_t)row
                     : d->values[i] == w->ids[file][row])
            return true;
    }
    return false;
}

/* The scope rules of the specification, word by word. */
static bool in_scope(const struct world *w, const struct real_delete *d, size_t file)
{
    if (!in_partition(w, d, file))
        return false;
    if (d->meta.file.content == FILE_EQUALITY_DELETES)
        return w->sequence[file] < d->meta.sequence_number;
    return w->sequence[file] <= d->meta.sequence_number;
}

static const struct real_delete *vector_of(const struct world *w, size_t file)
{
    const struct real_delete *found = NULL;
    for (size_t i = 0; i < WORLD_DELETES; i++) {
        const struct real_delete *d = &w->deletes[i];
        if (is_dv(d) && str_eq(d->meta.file.referenced_file, w->files[file].path) &&
            in_scope(w, d, file) &&
            (found == NULL || d->meta.sequence_number >= found->meta.sequence_number))
            found = d;
    }
    return found;
}

static bool deleted(const struct world *w, size_t file, size_t row)
{
    const struct real_delete *vector = vector_of(w, file);
    if (vector && removes(w, vector, file, row))
        return true;
    for (size_t i = 0; i < WORLD_DELETES; i++) {
        const struct real_delete *d = &w->deletes[i];
        bool position = d->meta.file.content == FILE_POSITION_DELETES;
        if (!is_dv(d) && !(position && vector) && in_scope(w, d, file) && removes(w, d, file, row))
            return true;
    }
    return false;
}

static bool deleted_by_found(const struct world *w, const struct data_file *const *found, size_t n,
                             size_t file, size_t row)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < WORLD_DELETES; k++)
            if (str_eq(found[i]->path, w->deletes[k].meta.file.path) &&
                removes(w, &w->deletes[k], file, row))
                return true;
    return false;
}

static void pick_world(struct rand *r, struct world *w, struct delete_index *x)
{
    for (size_t i = 0; i < WORLD_FILES; i++)
        pick_file(r, w, i);
    for (size_t i = 0; i < WORLD_DELETES; i++) {
        struct real_delete *d = &w->deletes[i];
        d->meta.file = base_file(arena_printf(test_arena(), "d%02zu", i), (int)rand_below(r, 2));
        d->meta.sequence_number = 1 + (int64_t)rand_below(r, 5);
        if (rand_below(r, 2))
            pick_positions(r, w, d);
        else
            pick_equality(r, d);
        /* A table has one vector for a file, and a second one only by accident. */
        for (size_t k = 0; k < i; k++)
            if (is_dv(d) && is_dv(&w->deletes[k]) &&
                str_eq(d->meta.file.referenced_file, w->deletes[k].meta.file.referenced_file))
                d->meta.file.format = STR("parquet");
        struct manifest_entry e = { .sequence_number = d->meta.sequence_number,
                                    .file = d->meta.file };
        delete_index_add(x, &e, d->global);
    }
    delete_index_seal(x);
}

TEST(deletes_found_remove_what_all_of_them_would)
{
    struct table t = create();
    struct rand r;
    size_t found_n = 0, scope_n = 0;
    rand_init(&r, test_seed());
    for (int round = 0; round < 400; round++) {
        struct arena *a = arena_create(0);
        struct world *w = arena_new(a, struct world);
        struct delete_index x;
        delete_index_init(&x, a);
        x.schema = metadata_schema(t.metadata);
        pick_world(&r, w, &x);
        for (size_t f = 0; f < WORLD_FILES; f++) {
            const struct data_file *const *found;
            size_t n;
            delete_index_find(&x, &w->files[f], w->sequence[f], a, &found, &n);
            for (size_t row = 0; row < WORLD_ROWS; row++)
                CHECK_INT(deleted_by_found(w, found, n, f, row), deleted(w, f, row));
            found_n += n;
            for (size_t i = 0; i < WORLD_DELETES; i++)
                scope_n += in_scope(w, &w->deletes[i], f);
        }
        arena_destroy(a);
    }
    CHECK(found_n * 4 < scope_n * 3); /* bounds and names leave many out */
    store_destroy(t.store);
}
