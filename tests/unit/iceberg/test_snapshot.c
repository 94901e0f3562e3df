/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/snapshot.h"

#include <inttypes.h>

#include "base/vec.h"
#include "codec/json.h"
#include "golden_tables.h"
#include "iceberg/scan.h"
#include "iceberg/value.h"
#include "io/fault.h"

static const char schema_text[] =
    "{\"type\":\"struct\",\"schema-id\":0,\"fields\":["
    "{\"id\":1,\"name\":\"id\",\"required\":false,\"type\":\"long\"},"
    "{\"id\":2,\"name\":\"p\",\"required\":false,\"type\":\"string\"}]}";

struct table {
    struct store *store;
    struct env *env;
    const struct metadata *metadata;
};

static struct table create(int version, const struct property *properties, size_t n)
{
    struct error err;
    struct json *json;
    const struct schema *schema;
    struct table t = { .env = env_fake_create(1700000000000000, 1000,
                                              test_seed() + (uint64_t)version) };
    struct store_fs_options o = { .root = str_of(test_tmpdir()) };
    CHECK_OK(store_fs_open(&o, &t.store, &err));
    CHECK_OK(json_parse(str_of(schema_text), test_arena(), &json, &err));
    CHECK_OK(schema_parse(json, test_arena(), &schema, &err));
    struct partition_field *field = arena_new(test_arena(), struct partition_field);
    *field = (struct partition_field){
        .source_id = 2,
        .field_id = 1000,
        .name = STR("p"),
        .transform = transform_make(TRANSFORM_IDENTITY, 0, test_arena()),
    };
    struct partition_spec *spec = arena_new(test_arena(), struct partition_spec);
    *spec = (struct partition_spec){ .fields = field, .fields_n = 1 };
    struct property_list list = { properties, n };
    CHECK_OK(metadata_create(schema, spec, NULL, store_uri(t.store, STR("t"), test_arena()), &list,
                             version, STR("9c12d441-03fe-4693-9a96-a0705ddf69c1"), 1700000000000,
                             test_arena(), &t.metadata, &err));
    return t;
}

static void drop(struct table *t)
{
    store_destroy(t->store);
    env_fake_destroy(t->env);
}

static struct data_file file(const char *name, const char *p, int64_t records)
{
    struct value *v = arena_new(test_arena(), struct value);
    *v = p != NULL ? value_bytes(TYPE_STRING, str_of(p)) : value_null(TYPE_STRING);
    return (struct data_file){ .path = arena_printf(test_arena(), "/w/t/data/%s.parquet", name),
                               .format = STR("parquet"),
                               .partition = v,
                               .partition_n = 1,
                               .records = records,
                               .size = records * 10,
                               .sort_order_id = -1,
                               .first_row_id = -1,
                               .content_offset = -1,
                               .content_size = -1 };
}

static struct snapshot_result commit(struct table *t, const struct snapshot_change *c)
{
    struct error err;
    struct snapshot_result r;
    CHECK_OK(snapshot_produce(t->store, t->env, t->metadata, c, test_arena(), &r, &err));
    CHECK_OK(requirements_check(r.requirements, r.requirements_n, t->metadata, &err));
    CHECK_OK(metadata_apply(t->metadata, (str){ 0 }, r.updates, r.updates_n, env_now_ms(t->env),
                            test_arena(), &t->metadata, &err));
    CHECK_INT(t->metadata->current_snapshot_id, r.snapshot_id);
    return r;
}

static struct snapshot_result append(struct table *t, const struct data_file *files, size_t n)
{
    return commit(
        t, &(struct snapshot_change){ .operation = SNAPSHOT_APPEND, .added = files, .added_n = n });
}

struct live {
    size_t n;
    int64_t records, min_sequence, max_sequence;
    int64_t row_ids; /* sum, to see that they do not move */
    VEC(str) paths;
};

static bool see(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    (void)err;
    struct live *l = ctx;
    for (size_t i = 0; i < n; i++) {
        l->n++;
        l->records += tasks[i].file->records;
        if (l->n == 1 || tasks[i].sequence_number < l->min_sequence)
            l->min_sequence = tasks[i].sequence_number;
        if (tasks[i].sequence_number > l->max_sequence)
            l->max_sequence = tasks[i].sequence_number;
        l->row_ids += tasks[i].file->first_row_id;
        *vec_push(test_arena(), &l->paths) = arena_str(test_arena(), tasks[i].file->path);
    }
    return true;
}

static struct live live(struct table *t, const char *filter)
{
    struct error err;
    struct live l = { 0 };
    struct scan_options o = { 0 };
    if (filter != NULL)
        CHECK_OK(expr_parse(str_of(filter), test_arena(), &o.filter, &err));
    CHECK_OK(scan_plan(t->store, t->env, t->metadata, &o, see, &l, NULL, &err));
    return l;
}

static size_t manifests(struct table *t)
{
    struct error err;
    struct manifest_file *m;
    size_t n;
    CHECK_OK(scan_manifests(t->store, metadata_snapshot(t->metadata), test_arena(), &m, &n, &err));
    return n;
}

static str summary(const struct snapshot_result *r, const char *key)
{
    return property_get(&r->snapshot->summary, key, STR("absent"));
}

TEST(appends_add_up_in_each_format)
{
    for (int version = 1; version <= 3; version++) {
        struct table t = create(version, NULL, 0);
        struct data_file one[] = { file("a", "x", 10), file("b", NULL, 20) };
        struct data_file two[] = { file("c", "y", 5) };
        struct snapshot_result r = append(&t, one, 2);
        CHECK_STR(r.snapshot->operation, "append");
        CHECK_STR(summary(&r, "added-data-files"), "2");
        CHECK_STR(summary(&r, "changed-partition-count"), "2");
        CHECK_STR(summary(&r, "total-records"), "30");
        CHECK_INT(r.written_n, 2);
        CHECK(str_ends(r.written[0], STR("-m0.avro")));
        CHECK(str_find(r.written[1], STR("/metadata/snap-")) > 0);
        r = append(&t, two, 1);
        CHECK_STR(summary(&r, "total-records"), "35");
        CHECK_STR(summary(&r, "total-files-size"), "350");
        CHECK_STR(summary(&r, "deleted-data-files"), "absent");
        CHECK_INT(manifests(&t), 2);
        struct live l = live(&t, NULL);
        CHECK_INT(l.n, 3);
        CHECK_INT(l.records, 35);
        CHECK_INT(l.min_sequence, version == 1 ? 0 : 1);
        CHECK_INT(l.max_sequence, version == 1 ? 0 : 2);
        CHECK_INT(live(&t, "p = 'y'").n, 1);
        CHECK_INT(live(&t, "p is null").n, 1);
        CHECK_INT(live(&t, "p = 'z'").n, 0);
        if (version == 3) {
            CHECK_INT(t.metadata->next_row_id, 35);
            CHECK_INT(l.row_ids, 0 + 10 + 30);
        }
        drop(&t);
    }
}

TEST(named_files_go_and_the_others_keep_their_place)
{
    for (int version = 1; version <= 3; version++) {
        struct table t = create(version, NULL, 0);
        struct data_file one[] = { file("a", "x", 10), file("b", "y", 20) };
        struct data_file two[] = { file("c", "y", 5) };
        append(&t, one, 2);
        append(&t, two, 1);
        int64_t ids = live(&t, NULL).row_ids;
        str gone[] = { one[0].path };
        struct snapshot_result r =
            commit(&t, &(struct snapshot_change){
                           .operation = SNAPSHOT_DELETE, .removed = gone, .removed_n = 1 });
        CHECK_STR(summary(&r, "deleted-data-files"), "1");
        CHECK_STR(summary(&r, "deleted-records"), "10");
        CHECK_STR(summary(&r, "removed-files-size"), "100");
        CHECK_STR(summary(&r, "total-records"), "25");
        CHECK_STR(summary(&r, "manifests-replaced"), "1");
        CHECK_STR(summary(&r, "manifests-kept"), "1");
        struct live l = live(&t, NULL);
        CHECK_INT(l.n, 2);
        CHECK_INT(l.records, 25);
        CHECK_INT(l.min_sequence, version == 1 ? 0 : 1);
        CHECK_INT(l.max_sequence, version == 1 ? 0 : 2);
        if (version == 3)
            CHECK_INT(l.row_ids, ids); /* the one that went had row id 0 */

        struct error err;
        struct snapshot_change again = { .operation = SNAPSHOT_DELETE,
                                         .removed = gone,
                                         .removed_n = 1 };
        CHECK_FAILS(snapshot_produce(t.store, t.env, t.metadata, &again, test_arena(), &r, &err),
                    ERR_CONFLICT);
        drop(&t);
    }
}

TEST(overwrite_replaces_everything)
{
    struct table t = create(2, NULL, 0);
    struct data_file one[] = { file("a", "x", 10), file("b", "y", 20) };
    struct data_file two[] = { file("c", "z", 5) };
    append(&t, one, 2);
    struct snapshot_result r = commit(
        &t, &(struct snapshot_change){
                .operation = SNAPSHOT_OVERWRITE, .added = two, .added_n = 1, .remove_all = true });
    CHECK_STR(summary(&r, "deleted-records"), "30");
    CHECK_STR(summary(&r, "total-records"), "5");
    CHECK_STR(summary(&r, "total-data-files"), "1");
    CHECK_INT(live(&t, NULL).records, 5);
    CHECK_INT(manifests(&t), 2); /* one tells what was removed */
    r = append(&t, one, 1);
    CHECK_INT(manifests(&t), 2); /* and is not carried on */
    drop(&t);
}

TEST(small_manifests_are_merged_when_there_are_many)
{
    struct property p[] = { { STR("commit.manifest.min-count-to-merge"), STR("5") } };
    struct table t = create(3, p, 1);
    size_t most = 0;
    for (int i = 0; i < 13; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        struct data_file f = file(name, i % 2 ? "x" : "y", i + 1);
        append(&t, &f, 1);
        most = manifests(&t) > most ? manifests(&t) : most;
    }
    CHECK_INT(most, 4);
    struct live l = live(&t, NULL);
    CHECK_INT(l.n, 13);
    CHECK_INT(l.records, 91);
    CHECK_INT(l.min_sequence, 1);
    CHECK_INT(l.max_sequence, 13);
    CHECK_INT(t.metadata->next_row_id, 91);
    int64_t want = 0, first = 0;
    for (int i = 0; i < 13; i++, first += i)
        want += first;
    CHECK_INT(l.row_ids, want);
    drop(&t);
}

TEST(what_does_not_fit_is_refused_before_it_is_committed)
{
    struct error err;
    struct snapshot_result r;
    struct table t = create(2, NULL, 0);
    struct data_file f[] = { file("a", "x", 10), file("a", "x", 10) };
    struct snapshot_change c = { .operation = SNAPSHOT_APPEND, .added = f, .added_n = 2 };
    CHECK_FAILS(snapshot_produce(t.store, t.env, t.metadata, &c, test_arena(), &r, &err),
                ERR_INVALID);
    c.added_n = 1;
    f[0].spec_id = 9;
    CHECK_FAILS(snapshot_produce(t.store, t.env, t.metadata, &c, test_arena(), &r, &err),
                ERR_INVALID);
    f[0].spec_id = 0;
    c.remove_all = true;
    CHECK_FAILS(snapshot_produce(t.store, t.env, t.metadata, &c, test_arena(), &r, &err),
                ERR_INVALID);
    c.remove_all = false;
    c.base_snapshot_id = 5;
    CHECK_FAILS(snapshot_produce(t.store, t.env, t.metadata, &c, test_arena(), &r, &err),
                ERR_CONFLICT);
    c.base_snapshot_id = 0;
    f[0].content = FILE_POSITION_DELETES;
    CHECK_FAILS(snapshot_produce(t.store, t.env, t.metadata, &c, test_arena(), &r, &err),
                ERR_INVALID);
    drop(&t);
}

TEST(a_commit_that_lost_the_race_fails_its_requirements)
{
    struct error err;
    struct snapshot_result r;
    struct table t = create(2, NULL, 0);
    struct data_file a = file("a", "x", 10), b = file("b", "x", 10);
    struct snapshot_change c = { .operation = SNAPSHOT_APPEND, .added = &a, .added_n = 1 };
    CHECK_OK(snapshot_produce(t.store, t.env, t.metadata, &c, test_arena(), &r, &err));
    append(&t, &b, 1);
    CHECK_FAILS(requirements_check(r.requirements, r.requirements_n, t.metadata, &err),
                ERR_CONFLICT);
    append(&t, &a, 1); /* produced again from the new state it fits */
    CHECK_INT(live(&t, NULL).n, 2);
    drop(&t);
}

TEST(branches_are_written_to_without_touching_main)
{
    struct error err;
    struct snapshot_result r;
    struct table t = create(2, NULL, 0);
    struct data_file a = file("a", "x", 10), b = file("b", "x", 10);
    append(&t, &a, 1);
    struct snapshot_change c = {
        .operation = SNAPSHOT_APPEND, .branch = STR("side"), .added = &b, .added_n = 1
    };
    CHECK_OK(snapshot_produce(t.store, t.env, t.metadata, &c, test_arena(), &r, &err));
    CHECK_OK(metadata_apply(t.metadata, (str){ 0 }, r.updates, r.updates_n, env_now_ms(t.env),
                            test_arena(), &t.metadata, &err));
    CHECK_INT(live(&t, NULL).n, 1);
    struct scan_options o = { .at.ref = STR("side") };
    struct live l = { 0 };
    CHECK_OK(scan_plan(t.store, t.env, t.metadata, &o, see, &l, NULL, &err));
    CHECK_INT(l.n, 2);
    o.at.ref = STR("nothere");
    CHECK_FAILS(scan_plan(t.store, t.env, t.metadata, &o, see, &l, NULL, &err), ERR_NOT_FOUND);
    drop(&t);
}

TEST(tables_of_other_engines_are_appended_to_and_cut_down)
{
    golden_need();
    str base = arena_printf(test_arena(), "%s/spark", test_golden_dir());
    static const char *const names[] = { "copy_v2", "mor_v3", "upgraded", "evolve_v1" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct error err;
        struct json *expected;
        str metadata;
        CHECK_OK(json_parse(
            golden_read(
                arena_printf(test_arena(), "%s/t/%s/expected.json", base.ptr, names[i]).ptr),
            test_arena(), &expected, &err));
        CHECK_OK(json_need_str(expected, "metadata", &metadata, &err));
        struct golden g;
        golden_open(arena_printf(test_arena(), "%s/" STR_FMT, base.ptr, STR_ARG(metadata)).ptr,
                    STR("file:/golden/spark"), base, &g);
        struct table t = { g.store, env_fake_create(1900000000000000, 1000, i), g.metadata };
        struct property here = { STR("write.metadata.path"),
                                 store_uri(t.store, STR("metadata"), test_arena()) };
        struct table_update set = { .kind = UPDATE_SET_PROPERTIES, .properties = { &here, 1 } };
        CHECK_OK(metadata_apply(t.metadata, (str){ 0 }, &set, 1, 1900000000000, test_arena(),
                                &t.metadata, &err));
        struct live before = live(&t, NULL);
        CHECK(before.n > 0);
        str gone[] = { before.paths.at[0] };
        commit(&t, &(struct snapshot_change){
                       .operation = SNAPSHOT_DELETE, .removed = gone, .removed_n = 1 });
        struct live after = live(&t, NULL);
        CHECK_INT(after.n, before.n - 1);
        CHECK_INT(after.max_sequence <= before.max_sequence, 1);
        drop(&t);
    }
}
