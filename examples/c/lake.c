/* SPDX-License-Identifier: Apache-2.0
 *
 * A program on libfirn: makes a table, appends rows that it holds in arrays, replaces some on a branch, merges, and reads them
 * back with a filter and at an earlier snapshot; an upsert is taken back, and a scan planned.
 *
 *   cc lake.c $(pkg-config --cflags --libs firn) -o lake && ./lake /tmp/example-lake */
#include <firn.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Rows of two columns as an Arrow stream of one batch.  Programs that use an Arrow library get this from it */

struct rows {
    const int64_t *ids;
    const int32_t *offsets; /* n + 1, into text */
    const char *text;
    int64_t n;
    int given;
};

/* Everything below points to memory that outlives the stream, so releasing frees nothing. */
static void release_schema(struct ArrowSchema *s)
{
    s->release = NULL;
}

static void release_array(struct ArrowArray *a)
{
    a->release = NULL;
}

static int rows_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    static struct ArrowSchema columns[2];
    static struct ArrowSchema *list[] = { &columns[0], &columns[1] };
    (void)stream;
    columns[0] = (struct ArrowSchema){
        .format = "l", .name = "id", .flags = ARROW_FLAG_NULLABLE, .release = release_schema
    };
    columns[1] = (struct ArrowSchema){
        .format = "u", .name = "name", .flags = ARROW_FLAG_NULLABLE, .release = release_schema
    };
    *out = (struct ArrowSchema){
        .format = "+s", .name = "", .n_children = 2, .children = list, .release = release_schema
    };
    return 0;
}

static int rows_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    static struct ArrowArray columns[2];
    static struct ArrowArray *list[] = { &columns[0], &columns[1] };
    static const void *none[1], *ids[2], *names[3];
    struct rows *r = stream->private_data;
    *out = (struct ArrowArray){ 0 }; /* release NULL: the end */
    if (r->given++)
        return 0;
    ids[1] = r->ids;
    names[1] = r->offsets;
    names[2] = r->text;
    columns[0] = (struct ArrowArray){
        .length = r->n, .n_buffers = 2, .buffers = ids, .release = release_array
    };
    columns[1] = (struct ArrowArray){
        .length = r->n, .n_buffers = 3, .buffers = names, .release = release_array
    };
    *out = (struct ArrowArray){ .length = r->n,
                                .n_buffers = 1,
                                .buffers = none,
                                .n_children = 2,
                                .children = list,
                                .release = release_array };
    return 0;
}

static const char *rows_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return NULL;
}

static void rows_release(struct ArrowArrayStream *stream)
{
    stream->release = NULL;
}

static struct ArrowArrayStream stream_of(struct rows *r)
{
    return (struct ArrowArrayStream){ .get_schema = rows_schema,
                                      .get_next = rows_next,
                                      .get_last_error = rows_error,
                                      .release = rows_release,
                                      .private_data = r };
}

/* ---- The library */

static firn_error err = FIRN_ERROR_INIT;

static void must(int code)
{
    if (code == FIRN_OK)
        return;
    fprintf(stderr, "%s: %s\n", firn_code_name(code), err.message);
    if (*err.hint)
        fprintf(stderr, "  %s\n", err.hint);
    exit(1);
}

/* Prints the two columns; nulls do not occur here. */
static void print_rows(const char *title, struct ArrowArrayStream *stream)
{
    struct ArrowArray batch;
    printf("%s:", title);
    for (;;) {
        if (stream->get_next(stream, &batch) != 0) {
            fprintf(stderr, "%s\n", stream->get_last_error(stream));
            exit(1);
        }
        if (!batch.release)
            break;
        const int64_t *ids = batch.children[0]->buffers[1];
        const int32_t *offsets = batch.children[1]->buffers[1];
        const char *text = batch.children[1]->buffers[2];
        for (int64_t i = 0; i < batch.length; i++)
            printf(" %" PRId64 "=%.*s", ids[i], (int)(offsets[i + 1] - offsets[i]),
                   text + offsets[i]);
        batch.release(&batch);
    }
    printf("\n");
    stream->release(stream);
}

static void create(firn_lake *lake)
{
    struct rows none = { 0 };
    struct ArrowArrayStream stream = stream_of(&none);
    struct ArrowSchema schema;
    firn_create_options o = FIRN_CREATE_OPTIONS_INIT;
    rows_schema(&stream, &schema);
    o.table = "shop.people";
    o.schema = &schema;
    must(firn_create_namespace(lake, NULL, "shop", NULL, 0, &err));
    must(firn_create_table(lake, &o, &err));
}

static int64_t append(firn_lake *lake)
{
    static const int64_t ids[] = { 1, 2, 3 };
    static const int32_t offsets[] = { 0, 3, 6, 9 };
    static const firn_pair summary[] = { { "job", "example" } };
    struct rows rows = { ids, offsets, "AnnBobCid", 3, 0 };
    struct ArrowArrayStream stream = stream_of(&rows);
    firn_write_result done = FIRN_WRITE_RESULT_INIT;
    firn_write_options o = FIRN_WRITE_OPTIONS_INIT;
    o.table = "shop.people";
    o.summary = summary;
    o.summary_n = 1;
    must(firn_append(lake, &o, &stream, &done, &err));
    printf("appended %" PRId64 " rows\n", done.rows);
    return done.snapshot_id;
}

/* Two goes, Bob gets another name, Dan is new: one commit, on a branch, then merged. */
static void change(firn_lake *lake)
{
    static const int64_t ids[] = { 2, 4 };
    static const int32_t offsets[] = { 0, 6, 9 };
    struct rows rows = { ids, offsets, "RobertDan", 2, 0 };
    struct ArrowArrayStream stream = stream_of(&rows);
    firn_write_options o = FIRN_WRITE_OPTIONS_INIT;
    o.table = "shop.people";
    o.branch = "trial";
    must(firn_create_ref(lake, FIRN_BRANCH, "trial", "main", &err));
    must(firn_row_delta(lake, &o, &stream, "id IN (1, 2)", NULL, NULL, &err));
    must(firn_merge(lake, "trial", "main", "people renamed", NULL, &err));
}

static void evolve(firn_lake *lake)
{
    const firn_change changes[] = {
        { .kind = FIRN_ADD_COLUMN, .name = "born", .type = "date", .text = "day of birth" },
        { .kind = FIRN_SET_PROPERTY, .name = "owner", .text = "example" },
    };
    must(firn_alter_table(lake, NULL, "shop.people", changes, 2, &err));
}

/* A row in place of the one with its id, and then the table as it was before that. */
static void upsert_and_undo(firn_lake *lake)
{
    static const int64_t ids[] = { 3 };
    static const int32_t offsets[] = { 0, 4 };
    static const char *const keys[] = { "id" };
    struct rows rows = { ids, offsets, "Cleo", 1, 0 };
    struct ArrowArrayStream stream = stream_of(&rows);
    firn_table *before;
    firn_write_options o = FIRN_WRITE_OPTIONS_INIT;
    firn_move_options back = FIRN_MOVE_OPTIONS_INIT;
    o.table = back.table = "shop.people";
    back.kind = FIRN_ROLLBACK;
    must(firn_table_load(lake, NULL, "shop.people", &before, &err));
    back.snapshot_id = firn_table_snapshot_id(before);
    firn_table_free(before);
    must(firn_upsert(lake, &o, &stream, keys, 1, NULL, &err));
    must(firn_move_snapshot(lake, &back, NULL, &err));
}

/* What a scan would read, without reading it. */
static void plan(firn_lake *lake)
{
    firn_plan *plan;
    char *json;
    int files = 0;
    firn_scan_options o = FIRN_SCAN_OPTIONS_INIT;
    o.table = "shop.people";
    o.filter = "id = 4";
    must(firn_plan_open(lake, &o, &plan, &err));
    for (;;) {
        must(firn_plan_next(plan, &json, &err));
        if (!json)
            break;
        for (const char *at = json; (at = strstr(at, "\"data-file\"")); at++)
            files++;
        firn_free(json);
    }
    firn_plan_close(plan);
    printf("files for id 4: %d\n", files);
}

static void read_all(firn_lake *lake, int64_t first_snapshot)
{
    static const char *const columns[] = { "id", "name" };
    struct ArrowArrayStream stream;
    firn_scan_options o = FIRN_SCAN_OPTIONS_INIT;
    o.table = "shop.people";
    o.columns = columns;
    o.columns_n = 2;
    o.filter = "id >= 4";
    must(firn_scan(lake, &o, &stream, &err));
    print_rows("four and more", &stream);
    o.snapshot_id = first_snapshot;
    o.filter = NULL;
    must(firn_scan(lake, &o, &stream, &err));
    print_rows("before", &stream);
    firn_sql_options q = FIRN_SQL_OPTIONS_INIT;
    q.text = "SELECT id, name FROM shop.people WHERE born IS NULL ORDER BY id";
    must(firn_sql(lake, &q, &stream, NULL, &err));
    print_rows("now", &stream);
}

int main(int argc, char **argv)
{
    firn_lake *lake;
    firn_table *table;
    char *json;
    if (argc != 2) {
        fprintf(stderr, "usage: lake FOLDER\n");
        return 2;
    }
    must(firn_open(argv[1], NULL, &lake, &err));
    create(lake);
    int64_t first = append(lake);
    change(lake);
    evolve(lake);
    upsert_and_undo(lake);
    plan(lake);
    read_all(lake, first);
    must(firn_list_tables(lake, NULL, NULL, &json, &err));
    printf("tables: %s\n", json);
    firn_free(json);
    must(firn_table_load(lake, NULL, "shop.people", &table, &err));
    must(firn_table_json(table, FIRN_TABLE_PROPERTIES, &json, &err));
    printf("properties: %s\n", json);
    firn_free(json);
    firn_table_free(table);
    firn_close(lake);
    return 0;
}
