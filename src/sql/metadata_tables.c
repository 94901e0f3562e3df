/* SPDX-License-Identifier: Apache-2.0
 *
 * The metadata tables that a metadata file holds, and what all of them share.  Rows come to the engine as plain values; nested
 * ones take the way over JSON, which the SELECT around the relation casts to their type. */
#include "base/map.h"
#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "sql/changes.h"
#include "sql/metadata_tables_priv.h"

static const struct {
    const char *name;
    enum metadata_table kind;
    bool values, travels;
} tables[] = {
    { "snapshots", METADATA_SNAPSHOTS, false, false },
    { "history", METADATA_HISTORY, false, false },
    { "refs", METADATA_REFS, false, false },
    { "metadata_log_entries", METADATA_LOG_ENTRIES, false, false },
    { "properties", METADATA_PROPERTIES, false, false },
    { "manifests", METADATA_MANIFESTS, true, true },
    { "all_manifests", METADATA_ALL_MANIFESTS, true, false },
    { "entries", METADATA_ENTRIES, true, true },
    { "all_entries", METADATA_ALL_ENTRIES, true, false },
    { "files", METADATA_FILES, true, true },
    { "data_files", METADATA_DATA_FILES, true, true },
    { "delete_files", METADATA_DELETE_FILES, true, true },
    { "all_files", METADATA_ALL_FILES, true, false },
    { "all_data_files", METADATA_ALL_DATA_FILES, true, false },
    { "all_delete_files", METADATA_ALL_DELETE_FILES, true, false },
    { "partitions", METADATA_PARTITIONS, true, true },
    { "position_deletes", METADATA_POSITION_DELETES, true, true },
    { "changes", METADATA_CHANGES, true, true },
};
#define TABLES_N (sizeof tables / sizeof *tables)

enum metadata_table metadata_table_named(str name)
{
    for (size_t i = 0; i < TABLES_N; i++)
        if (str_eq_nocase(name, str_of(tables[i].name)))
            return tables[i].kind;
    return METADATA_TABLE_NONE;
}

bool metadata_table_shows_values(enum metadata_table kind)
{
    for (size_t i = 0; i < TABLES_N; i++)
        if (tables[i].kind == kind)
            return tables[i].values;
    return true;
}

bool metadata_table_travels(enum metadata_table kind)
{
    for (size_t i = 0; i < TABLES_N; i++)
        if (tables[i].kind == kind)
            return tables[i].travels;
    return false;
}

/* ---- Shared. */

struct cell cell_time(int64_t ms)
{
    const int64_t most = INT64_MAX / 1000 - 1;
    return cell_int((ms > most ? most : ms < -most ? -most : ms) * 1000);
}

void json_cell_begin(struct json_cell *j)
{
    buf_init(&j->text, JSON_CELL_MAX);
    jw_init(&j->w, &j->text);
}

bool json_cell_end(struct json_cell *j, struct arena *a, struct cell *out, struct error *err)
{
    bool ok = buf_ok(&j->text, "a value of a metadata table", err);
    if (ok)
        *out = cell_text(arena_str(a, buf_str(&j->text)));
    buf_deinit(&j->text);
    return ok;
}

void add_map_sql(struct buf *sql, const char *column, const char *key, const char *value)
{
    buf_printf(sql, "map_from_entries(CAST(CAST(%s AS JSON) AS STRUCT(k %s, v %s)[]))", column, key,
               value);
}

bool counted_open(void *ctx, size_t n, struct arena *a, void **pass)
{
    struct counted_pass *p = arena_new(a, struct counted_pass);
    *p = (struct counted_pass){ .ctx = ctx, .n = n };
    *pass = p;
    return true;
}

bool counted_next(void *pass, size_t *n, struct error *err)
{
    struct counted_pass *p = pass;
    (void)err;
    p->from = p->next;
    *n = p->n - p->from < UDF_ROWS_MAX ? p->n - p->from : UDF_ROWS_MAX;
    p->next += *n;
    return true;
}

/* ---- Tables of the metadata file. */

static const struct metadata *metadata_of(const void *pass, size_t row, size_t *at)
{
    const struct counted_pass *p = pass;
    *at = p->from + row;
    return ((const struct metadata_source *)p->ctx)->metadata;
}

static const struct row_source_column snapshot_columns[] = {
    { STR_INIT("committed_at"), "TIMESTAMPTZ" }, { STR_INIT("snapshot_id"), "BIGINT" },
    { STR_INIT("parent_id"), "BIGINT" },         { STR_INIT("operation"), "VARCHAR" },
    { STR_INIT("manifest_list"), "VARCHAR" },    { STR_INIT("summary"), "VARCHAR" },
};

static bool snapshots_open(void *ctx, struct arena *a, void **pass, struct error *err)
{
    (void)err;
    return counted_open(ctx, ((struct metadata_source *)ctx)->metadata->snapshots_n, a, pass);
}

static bool summary_cell(const struct property_list *p, struct arena *a, struct cell *out,
                         struct error *err)
{
    struct json_cell j;
    json_cell_begin(&j);
    jw_begin_array(&j.w);
    for (size_t i = 0; i < p->n; i++) {
        jw_begin_object(&j.w);
        jw_kv_str(&j.w, "k", p->at[i].key);
        jw_kv_str(&j.w, "v", p->at[i].value);
        jw_end_object(&j.w);
    }
    jw_end_array(&j.w);
    return json_cell_end(&j, a, out, err);
}

static bool snapshots_cell(void *pass, size_t row, size_t column, struct arena *a, struct cell *out,
                           struct error *err)
{
    size_t at;
    const struct snapshot *s = metadata_of(pass, row, &at)->snapshots[at];
    switch (column) {
    case 0:
        *out = cell_time(s->timestamp_ms);
        return true;
    case 1:
        *out = cell_int(s->id);
        return true;
    case 2:
        *out = cell_int(s->parent_id);
        out->present = s->parent_id != SNAPSHOT_NONE;
        return true;
    case 3:
        *out = cell_text(s->operation);
        out->present = s->operation.len > 0;
        return true;
    case 4:
        *out = cell_text(s->manifest_list);
        out->present = s->manifest_list.len > 0;
        return true;
    default:
        return s->operation.len == 0 || summary_cell(&s->summary, a, out, err);
    }
}

static const struct row_source_column history_columns[] = {
    { STR_INIT("made_current_at"), "TIMESTAMPTZ" },
    { STR_INIT("snapshot_id"), "BIGINT" },
    { STR_INIT("parent_id"), "BIGINT" },
    { STR_INIT("is_current_ancestor"), "BOOLEAN" },
};

/* The current snapshot's history is walked once, not once a row. */
struct history_pass {
    struct counted_pass counted; /* first */
    struct map ancestors;
};

static str id_key(int64_t id, struct arena *a)
{
    return arena_printf(a, "%lld", (long long)id);
}

static bool history_open(void *ctx, struct arena *a, void **pass, struct error *err)
{
    (void)err;
    const struct metadata *m = ((struct metadata_source *)ctx)->metadata;
    struct history_pass *p = arena_new(a, struct history_pass);
    p->counted = (struct counted_pass){ .ctx = ctx, .n = m->snapshot_log_n };
    map_init(&p->ancestors, a);
    const struct snapshot *s = metadata_snapshot(m);
    while (s && map_add(&p->ancestors, id_key(s->id, a), p)) /* a loop of parents ends, too */
        s = metadata_snapshot_by_id(m, s->parent_id);
    *pass = p;
    return true;
}

static bool history_cell(void *pass, size_t row, size_t column, struct arena *a, struct cell *out,
                         struct error *err)
{
    (void)err;
    size_t at;
    const struct metadata *m = metadata_of(pass, row, &at);
    const struct snapshot_log_entry *e = &m->snapshot_log[at];
    const struct snapshot *s = metadata_snapshot_by_id(m, e->snapshot_id);
    if (column == 0)
        *out = cell_time(e->timestamp_ms);
    else if (column == 1)
        *out = cell_int(e->snapshot_id);
    else if (column == 2 && s && s->parent_id != SNAPSHOT_NONE)
        *out = cell_int(s->parent_id);
    else if (column == 3)
        *out = cell_int(
            map_get(&((struct history_pass *)pass)->ancestors, id_key(e->snapshot_id, a)) != NULL);
    return true;
}

static const struct row_source_column ref_columns[] = {
    { STR_INIT("name"), "VARCHAR" },
    { STR_INIT("type"), "VARCHAR" },
    { STR_INIT("snapshot_id"), "BIGINT" },
    { STR_INIT("max_reference_age_in_ms"), "BIGINT" },
    { STR_INIT("min_snapshots_to_keep"), "INTEGER" },
    { STR_INIT("max_snapshot_age_in_ms"), "BIGINT" },
};

static bool refs_open(void *ctx, struct arena *a, void **pass, struct error *err)
{
    (void)err;
    return counted_open(ctx, ((struct metadata_source *)ctx)->metadata->refs_n, a, pass);
}

static bool refs_cell(void *pass, size_t row, size_t column, struct arena *a, struct cell *out,
                      struct error *err)
{
    (void)a, (void)err;
    size_t at;
    const struct snapshot_ref *r = &metadata_of(pass, row, &at)->refs[at];
    int64_t limits[] = { r->max_ref_age_ms, r->min_snapshots_to_keep, r->max_snapshot_age_ms };
    if (column == 0)
        *out = cell_text(r->name);
    else if (column == 1)
        *out = cell_text(r->kind == REF_TAG ? STR("TAG") : STR("BRANCH"));
    else if (column == 2)
        *out = cell_int(r->snapshot_id);
    else if (limits[column - 3] > 0)
        *out = cell_int(limits[column - 3]);
    return true;
}

static const struct row_source_column log_columns[] = {
    { STR_INIT("timestamp"), "TIMESTAMPTZ" },         { STR_INIT("file"), "VARCHAR" },
    { STR_INIT("latest_snapshot_id"), "BIGINT" },     { STR_INIT("latest_schema_id"), "INTEGER" },
    { STR_INIT("latest_sequence_number"), "BIGINT" },
};

/* The files before, and the current one. */
static bool log_open(void *ctx, struct arena *a, void **pass, struct error *err)
{
    (void)err;
    return counted_open(ctx, ((struct metadata_source *)ctx)->metadata->metadata_log_n + 1, a,
                        pass);
}

static bool log_cell(void *pass, size_t row, size_t column, struct arena *a, struct cell *out,
                     struct error *err)
{
    (void)a, (void)err;
    size_t at;
    const struct metadata *m = metadata_of(pass, row, &at);
    const struct metadata_source *src = ((struct counted_pass *)pass)->ctx;
    struct metadata_log_entry now = { m->last_updated_ms, src->view.table->metadata_location };
    const struct metadata_log_entry *e = at < m->metadata_log_n ? &m->metadata_log[at] : &now;
    const struct snapshot *s = metadata_snapshot_as_of(m, e->timestamp_ms);
    if (column == 0)
        *out = cell_time(e->timestamp_ms);
    else if (column == 1)
        *out = cell_text(e->file);
    else if (s && column == 2)
        *out = cell_int(s->id);
    else if (s && column == 3)
        *out = cell_count(s->schema_id);
    else if (s)
        *out = cell_int(s->sequence_number);
    return true;
}

static const struct row_source_column property_columns[] = {
    { STR_INIT("key"), "VARCHAR" },
    { STR_INIT("value"), "VARCHAR" },
};

static bool properties_open(void *ctx, struct arena *a, void **pass, struct error *err)
{
    (void)err;
    return counted_open(ctx, ((struct metadata_source *)ctx)->metadata->properties.n, a, pass);
}

static bool properties_cell(void *pass, size_t row, size_t column, struct arena *a,
                            struct cell *out, struct error *err)
{
    (void)a, (void)err;
    size_t at;
    const struct property *p = &metadata_of(pass, row, &at)->properties.at[at];
    *out = cell_text(column ? p->value : p->key);
    return true;
}

#define COLUMNS(list) (list), sizeof(list) / sizeof *(list)

static const struct {
    enum metadata_table kind;
    const struct row_source_column *columns;
    size_t columns_n;
    bool (*open)(void *ctx, struct arena *a, void **pass, struct error *err);
    bool (*cell)(void *pass, size_t row, size_t column, struct arena *a, struct cell *out,
                 struct error *err);
} small[] = {
    { METADATA_SNAPSHOTS, COLUMNS(snapshot_columns), snapshots_open, snapshots_cell },
    { METADATA_HISTORY, COLUMNS(history_columns), history_open, history_cell },
    { METADATA_REFS, COLUMNS(ref_columns), refs_open, refs_cell },
    { METADATA_LOG_ENTRIES, COLUMNS(log_columns), log_open, log_cell },
    { METADATA_PROPERTIES, COLUMNS(property_columns), properties_open, properties_cell },
};

static bool small_sql(struct metadata_source *src, size_t i, struct arena *a, struct buf *sql,
                      struct error *err)
{
    str from;
    struct cells t = { .columns = small[i].columns,
                       .columns_n = small[i].columns_n,
                       .ctx = src,
                       .open = small[i].open,
                       .next = counted_next,
                       .cell = small[i].cell };
    if (!cells_add(src->session, &t, a, &from, err))
        return false;
    buf_lit(sql, "SELECT *");
    if (small[i].kind == METADATA_SNAPSHOTS) {
        buf_lit(sql, " REPLACE (");
        add_map_sql(sql, "summary", "VARCHAR", "VARCHAR");
        buf_lit(sql, " AS summary)");
    }
    buf_printf(sql, " FROM " STR_FMT, STR_ARG(from));
    return true;
}

/* From the oldest snapshot that is known on. */
static bool all_changes_sql(struct metadata_source *src, struct arena *a, struct buf *sql,
                            struct error *err)
{
    struct changes_request req = { .metadata = src->metadata,
                                   .columns = src->view.columns,
                                   .cancel = src->view.cancel };
    req.range.to_id = src->view.snapshot ? src->view.snapshot->id : 0;
    return changes_sql(src->lake, src->session, &req, a, sql, err);
}

bool metadata_table_sql(struct lake *lake, struct session *s, const struct metadata_view *v,
                        struct arena *a, struct buf *sql, struct error *err)
{
    struct metadata_source *src = arena_new(a, struct metadata_source);
    *src = (struct metadata_source){
        .lake = lake, .session = s, .view = *v, .metadata = v->table->metadata
    };
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        if (small[i].kind == v->kind)
            return small_sql(src, i, a, sql, err);
    if (v->kind == METADATA_POSITION_DELETES)
        return position_deletes_sql(src, a, sql, err);
    if (v->kind == METADATA_CHANGES)
        return all_changes_sql(src, a, sql, err);
    return v->kind == METADATA_MANIFESTS || v->kind == METADATA_ALL_MANIFESTS
               ? manifests_sql(src, a, sql, err)
               : entries_sql(src, a, sql, err);
}
