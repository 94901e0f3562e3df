/* SPDX-License-Identifier: Apache-2.0
 *
 * The metadata tables of files.  All of them are SELECTs over one relation, an entry of a manifest a row, which is streamed: a
 * block of a manifest is in memory at a time.  Partition values and bounds come as text, which the SELECT casts to their types. */
#include "base/map.h"
#include "base/thread.h"
#include "codec/digest.h"
#include "engine/quote.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "sql/lake.h"
#include "sql/metadata_tables_priv.h"

enum entry_column {
    C_STATUS,
    C_SNAPSHOT,
    C_SEQUENCE,
    C_FILE_SEQUENCE,
    C_COMMITTED,
    C_CONTENT,
    C_PATH,
    C_FORMAT,
    C_SPEC,
    C_RECORDS,
    C_BYTES,
    C_SIZES,
    C_VALUES,
    C_NULLS,
    C_NANS,
    C_LOWER,
    C_UPPER,
    C_KEY,
    C_OFFSETS,
    C_EQUALITY,
    C_ORDER,
    C_FIRST_ROW,
    C_REFERENCED,
    C_CONTENT_OFFSET,
    C_CONTENT_SIZE,
    C_READABLE,
    C_PARTITION, /* and one more for each further field */
};

static const struct row_source_column entry_columns[C_PARTITION] = {
    { STR_INIT("status"), "INTEGER" },
    { STR_INIT("snapshot_id"), "BIGINT" },
    { STR_INIT("sequence_number"), "BIGINT" },
    { STR_INIT("file_sequence_number"), "BIGINT" },
    { STR_INIT("committed_at"), "TIMESTAMPTZ" },
    { STR_INIT("content"), "INTEGER" },
    { STR_INIT("file_path"), "VARCHAR" },
    { STR_INIT("file_format"), "VARCHAR" },
    { STR_INIT("spec_id"), "INTEGER" },
    { STR_INIT("record_count"), "BIGINT" },
    { STR_INIT("file_size_in_bytes"), "BIGINT" },
    { STR_INIT("column_sizes"), "VARCHAR" },
    { STR_INIT("value_counts"), "VARCHAR" },
    { STR_INIT("null_value_counts"), "VARCHAR" },
    { STR_INIT("nan_value_counts"), "VARCHAR" },
    { STR_INIT("lower_bounds"), "VARCHAR" },
    { STR_INIT("upper_bounds"), "VARCHAR" },
    { STR_INIT("key_metadata"), "BLOB" },
    { STR_INIT("split_offsets"), "VARCHAR" },
    { STR_INIT("equality_ids"), "VARCHAR" },
    { STR_INIT("sort_order_id"), "INTEGER" },
    { STR_INIT("first_row_id"), "BIGINT" },
    { STR_INIT("referenced_data_file"), "VARCHAR" },
    { STR_INIT("content_offset"), "BIGINT" },
    { STR_INIT("content_size_in_bytes"), "BIGINT" },
    { STR_INIT("readable_metrics"), "VARCHAR" },
};

/* What the table shows of the entries. */
struct entries_source {
    struct metadata_source *src;
    bool all, live, data, deletes;
    const struct type *partition;      /* NULL: never had any */
    const struct schema_node **leaves; /* columns of readable_metrics */
    const char **leaf_names;
    size_t leaves_n;
};

struct entries_pass {
    const struct entries_source *of;
    struct manifest_walk walk;
    struct map seen; /* manifests, when all snapshots are walked */
    struct arena *arena, *manifest;
    str path; /* of the manifest */
    struct manifest_reader *reader;
    const struct manifest_entry *entries;
    size_t n, at;
    const struct manifest_entry *batch[UDF_ROWS_MAX];
};

static void destroy_arena(void *arena)
{
    arena_destroy(arena);
}

static bool entries_open(void *ctx, struct arena *a, void **pass, struct error *err)
{
    (void)err;
    struct entries_source *of = ctx;
    struct entries_pass *p = arena_new(a, struct entries_pass);
    p->of = of;
    p->arena = a;
    p->manifest = arena_create(0);
    arena_defer(a, destroy_arena, p->manifest);
    map_init(&p->seen, a);
    manifest_walk_begin(&p->walk, of->src, of->all, a);
    *pass = p;
    return true;
}

static bool wanted(struct entries_pass *p, const struct manifest_file *m)
{
    const struct entries_source *of = p->of;
    if (of->src->view.since && m->added_snapshot_id != p->walk.snapshot->id)
        return false;
    if (!(m->content == MANIFEST_DELETES ? of->deletes : of->data) ||
        (of->live && !manifest_has_live(m)))
        return false;
    return !of->all || map_add(&p->seen, arena_str(p->arena, m->path), p);
}

/* Opens the next manifest; the reader is NULL after the last. */
static bool next_manifest(struct entries_pass *p, struct error *err)
{
    const struct metadata_source *src = p->of->src;
    const struct manifest_file *m;
    p->reader = NULL;
    do {
        if (!manifest_walk_next(&p->walk, &m, err))
            return false;
    } while (m && !wanted(p, m));
    if (!m)
        return true;
    arena_reset(p->manifest);
    p->path = arena_str(p->manifest, m->path);
    return (!src->view.cancel || cancel_check(src->view.cancel, err)) &&
           scan_open_manifest(src->lake->warehouse, src->metadata, src->view.columns, m,
                              p->manifest, &p->reader, err);
}

/* Entries of other snapshots were told when these were walked. */
static bool is_shown(const struct entries_pass *p, const struct manifest_entry *e)
{
    if (p->of->src->view.since)
        return e->status != ENTRY_EXISTING && e->snapshot_id == p->walk.snapshot->id;
    return !p->of->live || e->status != ENTRY_DELETED;
}

/* The rest of the block that is shown, up to a batch. */
static size_t take_batch(struct entries_pass *p)
{
    size_t n = 0;
    for (; p->at < p->n && n < UDF_ROWS_MAX; p->at++)
        if (is_shown(p, &p->entries[p->at]))
            p->batch[n++] = &p->entries[p->at];
    return n;
}

static bool entries_next(void *pass, size_t *n, struct error *err)
{
    struct entries_pass *p = pass;
    while ((*n = take_batch(p)) == 0) {
        p->at = p->n = 0;
        if (p->reader && !manifest_next(p->reader, &p->entries, &p->n, err))
            return fail_in(err, "manifest " STR_FMT, STR_ARG(p->path));
        if (p->n > 0)
            continue;
        if (!next_manifest(p, err))
            return false;
        if (!p->reader)
            return true;
    }
    return true;
}

/* ---- Cells. */

static int64_t metric(const struct column_metrics *c, size_t column)
{
    return column == C_SIZES    ? c->size
           : column == C_VALUES ? c->values
           : column == C_NULLS  ? c->nulls
                                : c->nans;
}

static bool metrics_cell(const struct data_file *f, size_t column, struct arena *a,
                         struct cell *out, struct error *err)
{
    struct json_cell j;
    bool any = false;
    json_cell_begin(&j);
    jw_begin_array(&j.w);
    for (size_t i = 0; i < f->columns_n; i++) {
        const struct column_metrics *c = &f->columns[i];
        bool bounds = column == C_LOWER || column == C_UPPER;
        str bound = column == C_LOWER ? c->lower : c->upper;
        if (bounds ? !bound.ptr : metric(c, column) < 0)
            continue;
        any = true;
        jw_begin_object(&j.w);
        jw_kv_int(&j.w, "k", c->field_id);
        if (bounds)
            jw_kv_str(&j.w, "v", hex_encode(bound, a));
        else
            jw_kv_int(&j.w, "v", metric(c, column));
        jw_end_object(&j.w);
    }
    jw_end_array(&j.w);
    bool ok = json_cell_end(&j, a, out, err);
    out->present = ok && any;
    return ok;
}

static bool numbers_cell(const int64_t *longs, const int32_t *ints, size_t n, struct arena *a,
                         struct cell *out, struct error *err)
{
    struct json_cell j;
    if (n == 0)
        return true;
    json_cell_begin(&j);
    jw_begin_array(&j.w);
    for (size_t i = 0; i < n; i++)
        jw_int(&j.w, longs ? longs[i] : ints[i]);
    jw_end_array(&j.w);
    return json_cell_end(&j, a, out, err);
}

static bool is_bytes(const struct type *t)
{
    return t->kind == TYPE_BINARY || t->kind == TYPE_FIXED;
}

/* As the SELECT reads it: hexadecimal for bytes. */
static str plain_text(const struct type *t, const struct value *v, struct arena *a)
{
    return is_bytes(t) ? hex_encode(v->bytes, a) : value_to_text(v, a);
}

static bool add_bound(struct json_writer *w, const char *key, const struct type *t, str bytes,
                      struct arena *a, struct error *err)
{
    struct value v;
    jw_key(w, str_of(key));
    if (!bytes.ptr || !value_decode(t, bytes, &v, err)) {
        jw_null(w);
        return !bytes.ptr;
    }
    jw_str(w, plain_text(t, &v, a));
    return true;
}

static void add_count(struct json_writer *w, const char *key, int64_t n)
{
    if (n >= 0)
        jw_kv_int(w, key, n);
    else
        jw_kv_null(w, key);
}

static bool add_leaf(struct json_writer *w, const char *name, const struct type *t,
                     const struct column_metrics *c, struct arena *a, struct error *err)
{
    static const struct column_metrics unknown = {
        .size = -1, .values = -1, .nulls = -1, .nans = -1
    };
    c = c ? c : &unknown;
    jw_kv_object(w, name);
    add_count(w, "column_size", c->size);
    add_count(w, "value_count", c->values);
    add_count(w, "null_value_count", c->nulls);
    add_count(w, "nan_value_count", c->nans);
    bool ok = add_bound(w, "lower_bound", t, c->lower, a, err) &&
              add_bound(w, "upper_bound", t, c->upper, a, err);
    jw_end_object(w);
    return ok;
}

static bool readable_cell(const struct entries_pass *p, const struct data_file *f, struct arena *a,
                          struct cell *out, struct error *err)
{
    const struct entries_source *of = p->of;
    struct json_cell j;
    bool ok = true;
    json_cell_begin(&j);
    jw_begin_object(&j.w);
    for (size_t i = 0; i < of->leaves_n && ok; i++) {
        const struct field *field = of->leaves[i]->field;
        ok = add_leaf(&j.w, of->leaf_names[i], field->type, data_file_column(f, field->id), a, err);
    }
    jw_end_object(&j.w);
    if (ok)
        return json_cell_end(&j, a, out, err);
    buf_deinit(&j.text);
    return fail_in(err, "bounds of " STR_FMT " in manifest " STR_FMT, STR_ARG(f->path),
                   STR_ARG(p->path));
}

static struct cell partition_cell(const struct entries_pass *p, const struct data_file *f, size_t i,
                                  struct arena *a)
{
    const struct field *field = &p->of->partition->fields[i];
    const struct partition_spec *spec = metadata_spec_by_id(p->of->src->metadata, f->spec_id);
    for (size_t k = 0; spec && k < spec->fields_n && k < f->partition_n; k++)
        if (spec->fields[k].field_id == field->id && !f->partition[k].is_null)
            return cell_text(plain_text(field->type, &f->partition[k], a));
    return (struct cell){ 0 };
}

static str upper_case(str s, struct arena *a)
{
    char *text = arena_cstr(a, s);
    for (size_t i = 0; i < s.len; i++)
        if (text[i] >= 'a' && text[i] <= 'z')
            text[i] = (char)(text[i] - 'a' + 'A');
    return str_make(text, s.len);
}

static struct cell committed_cell(const struct metadata *m, int64_t snapshot_id)
{
    const struct snapshot *s = metadata_snapshot_by_id(m, snapshot_id);
    return s ? cell_time(s->timestamp_ms) : (struct cell){ 0 };
}

/* Columns that are one number or one text. */
static struct cell simple_cell(const struct entries_pass *p, const struct manifest_entry *e,
                               size_t column, struct arena *a)
{
    const struct data_file *f = &e->file;
    switch (column) {
    case C_STATUS:
        return cell_int(e->status);
    case C_SNAPSHOT:
        return cell_count(e->snapshot_id);
    case C_SEQUENCE:
        return cell_count(e->sequence_number);
    case C_FILE_SEQUENCE:
        return cell_count(e->file_sequence_number);
    case C_COMMITTED:
        return committed_cell(p->of->src->metadata, e->snapshot_id);
    case C_CONTENT:
        return cell_int(f->content);
    case C_PATH:
        return cell_text(f->path);
    case C_FORMAT:
        return cell_text(upper_case(f->format, a));
    case C_SPEC:
        return cell_count(f->spec_id);
    case C_RECORDS:
        return cell_count(f->records);
    case C_BYTES:
        return cell_count(f->size);
    case C_KEY:
        return cell_text(f->key_metadata);
    case C_ORDER:
        return cell_count(f->sort_order_id);
    case C_FIRST_ROW:
        return cell_count(f->first_row_id);
    case C_REFERENCED:
        return cell_text(f->referenced_file);
    case C_CONTENT_OFFSET:
        return cell_count(f->content_offset);
    case C_CONTENT_SIZE:
        return cell_count(f->content_size);
    default:
        return partition_cell(p, f, column - C_PARTITION, a);
    }
}

static bool entries_cell(void *pass, size_t row, size_t column, struct arena *a, struct cell *out,
                         struct error *err)
{
    struct entries_pass *p = pass;
    const struct data_file *f = &p->batch[row]->file;
    switch (column) {
    case C_SIZES:
    case C_VALUES:
    case C_NULLS:
    case C_NANS:
    case C_LOWER:
    case C_UPPER:
        return metrics_cell(f, column, a, out, err);
    case C_OFFSETS:
        return numbers_cell(f->split_offsets, NULL, f->split_offsets_n, a, out, err);
    case C_EQUALITY:
        return numbers_cell(NULL, f->equality_ids, f->equality_ids_n, a, out, err);
    case C_READABLE:
        return readable_cell(p, f, a, out, err);
    default:
        *out = simple_cell(p, p->batch[row], column, a);
        return true;
    }
}

/* ---- SQL. */

/* Types that the engine does not have are shown as text. */
static str engine_type(const struct type *t, struct arena *a)
{
    struct buf text = BUF_INIT(1 << 16);
    struct error ignored = { 0 };
    bool ok = sql_type(&text, t, &ignored);
    str name = ok ? arena_str(a, buf_str(&text)) : STR("VARCHAR");
    buf_deinit(&text);
    return name;
}

static void add_typed(struct buf *sql, const struct type *t, str column, struct arena *a)
{
    if (is_bytes(t))
        buf_printf(sql, "from_hex(" STR_FMT ")", STR_ARG(column));
    else
        buf_printf(sql, "CAST(" STR_FMT " AS " STR_FMT ")", STR_ARG(column),
                   STR_ARG(engine_type(t, a)));
}

/* struct_pack("d" := CAST(partition_0 AS DATE), ...) */
static void add_partition_sql(const struct entries_source *of, struct arena *a, struct buf *sql)
{
    buf_lit(sql, "struct_pack(");
    for (size_t i = 0; i < of->partition->fields_n; i++) {
        if (i)
            buf_lit(sql, ", ");
        quote_ident(sql, of->partition->fields[i].name);
        buf_lit(sql, " := ");
        add_typed(sql, of->partition->fields[i].type, arena_printf(a, "partition_%zu", i), a);
    }
    buf_lit(sql, ")");
}

static const char *const counts[] = { "column_size", "value_count", "null_value_count",
                                      "nan_value_count" };

/* The type that the JSON of readable_metrics is cast to; bytes are still text. */
static void add_readable_type(const struct entries_source *of, struct arena *a, struct buf *sql)
{
    buf_lit(sql, "STRUCT(");
    for (size_t i = 0; i < of->leaves_n; i++) {
        const struct type *t = of->leaves[i]->field->type;
        str type = is_bytes(t) ? STR("VARCHAR") : engine_type(t, a);
        buf_add_str(sql, i ? STR(", ") : (str){ 0 });
        quote_ident(sql, str_of(of->leaf_names[i]));
        buf_lit(sql, " STRUCT(");
        for (size_t k = 0; k < 4; k++)
            buf_printf(sql, "%s BIGINT, ", counts[k]);
        buf_printf(sql, "lower_bound " STR_FMT ", upper_bound " STR_FMT ")", STR_ARG(type),
                   STR_ARG(type));
    }
    buf_lit(sql, ")");
}

/* One column of readable_metrics out of readable_text, with its bytes as such. */
static void add_leaf_sql(const struct entries_source *of, size_t i, struct buf *sql)
{
    struct buf at = BUF_INIT(1 << 20);
    buf_lit(&at, "readable_text.");
    quote_ident(&at, str_of(of->leaf_names[i]));
    quote_ident(sql, str_of(of->leaf_names[i]));
    if (!is_bytes(of->leaves[i]->field->type)) {
        buf_printf(sql, " := " STR_FMT, STR_ARG(buf_str(&at)));
        buf_deinit(&at);
        return;
    }
    buf_lit(sql, " := struct_pack(");
    for (size_t k = 0; k < 4; k++)
        buf_printf(sql, "%s := " STR_FMT ".%s, ", counts[k], STR_ARG(buf_str(&at)), counts[k]);
    buf_printf(sql,
               "lower_bound := from_hex(" STR_FMT ".lower_bound),"
               " upper_bound := from_hex(" STR_FMT ".upper_bound))",
               STR_ARG(buf_str(&at)), STR_ARG(buf_str(&at)));
    buf_deinit(&at);
}

static void add_readable_sql(const struct entries_source *of, struct buf *sql)
{
    if (of->leaves_n == 0)
        return;
    buf_lit(sql, ", struct_pack(");
    for (size_t i = 0; i < of->leaves_n; i++) {
        buf_add_str(sql, i ? STR(", ") : (str){ 0 });
        add_leaf_sql(of, i, sql);
    }
    buf_lit(sql, ") AS readable_metrics");
}

static void add_bounds_sql(struct buf *sql, const char *column)
{
    buf_printf(
        sql,
        "map_from_entries(list_transform(CAST(CAST(%s AS JSON) AS STRUCT(k INTEGER, v VARCHAR)[]),"
        " lambda e: struct_pack(k := e.k, v := from_hex(e.v))))",
        column);
}

/* The columns of a file; `named` begins each: "name := " within a struct, "" AS a column. */
static void add_file_columns(const struct entries_source *of, bool in_struct, struct arena *a,
                             struct buf *sql)
{
    for (size_t c = C_CONTENT; c < C_READABLE; c++) {
        str name = entry_columns[c].name;
        buf_add_str(sql, c > C_CONTENT ? STR(", ") : (str){ 0 });
        if (in_struct)
            buf_printf(sql, STR_FMT " := ", STR_ARG(name));
        if (c >= C_SIZES && c <= C_NANS)
            add_map_sql(sql, name.ptr, "INTEGER", "BIGINT");
        else if (c == C_LOWER || c == C_UPPER)
            add_bounds_sql(sql, name.ptr);
        else if (c == C_OFFSETS || c == C_EQUALITY)
            buf_printf(sql, "CAST(CAST(" STR_FMT " AS JSON) AS %s[])", STR_ARG(name),
                       c == C_OFFSETS ? "BIGINT" : "INTEGER");
        else
            buf_add_str(sql, name);
        if (!in_struct)
            buf_printf(sql, " AS " STR_FMT, STR_ARG(name));
        if (c != C_SPEC || !of->partition)
            continue;
        buf_add_str(sql, in_struct ? STR(", partition := ") : STR(", "));
        add_partition_sql(of, a, sql);
        buf_add_str(sql, in_struct ? (str){ 0 } : STR(" AS \"partition\""));
    }
}

/* The least that changed a partition decides nothing, the newest does (Java's PartitionsTable). */
static void add_partitions_sql(const struct entries_source *of, struct arena *a, str from,
                               struct buf *sql)
{
    buf_lit(sql, "SELECT ");
    if (of->partition) {
        add_partition_sql(of, a, sql);
        buf_lit(sql, " AS \"partition\", "
                     "coalesce(arg_max(spec_id, committed_at), max(spec_id)) AS spec_id, ");
    }
    buf_printf(
        sql,
        "CAST(coalesce(sum(record_count) FILTER (content = 0), 0) AS BIGINT) AS record_count,"
        " CAST(count(*) FILTER (content = 0) AS INTEGER) AS file_count,"
        " CAST(coalesce(sum(file_size_in_bytes) FILTER (content = 0), 0) AS BIGINT)"
        " AS total_data_file_size_in_bytes,"
        " CAST(coalesce(sum(record_count) FILTER (content = 1), 0) AS BIGINT)"
        " AS position_delete_record_count,"
        " CAST(count(*) FILTER (content = 1) AS INTEGER) AS position_delete_file_count,"
        " CAST(coalesce(sum(record_count) FILTER (content = 2), 0) AS BIGINT)"
        " AS equality_delete_record_count,"
        " CAST(count(*) FILTER (content = 2) AS INTEGER) AS equality_delete_file_count,"
        " max(committed_at) AS last_updated_at,"
        " arg_max(snapshot_id, committed_at) AS last_updated_snapshot_id FROM " STR_FMT,
        STR_ARG(from));
    for (size_t i = 0; of->partition && i < of->partition->fields_n; i++)
        buf_printf(sql, "%spartition_%zu", i ? ", " : " GROUP BY ", i);
    buf_lit(sql, " HAVING count(*) > 0");
}

static void add_flat_sql(const struct entries_source *of, struct arena *a, str from,
                         struct buf *sql)
{
    buf_lit(sql, "SELECT ");
    add_partition_sql(of, a, sql);
    buf_printf(sql,
               " AS \"partition\", status, content, spec_id, record_count, file_size_in_bytes,"
               " file_format, snapshot_id, committed_at FROM " STR_FMT,
               STR_ARG(from));
}

static void add_entries_sql(const struct entries_source *of, struct arena *a, str from,
                            struct buf *sql)
{
    bool entries =
        of->src->view.kind == METADATA_ENTRIES || of->src->view.kind == METADATA_ALL_ENTRIES;
    buf_lit(sql, "SELECT ");
    if (entries)
        buf_lit(sql, "status, snapshot_id, sequence_number, file_sequence_number, struct_pack(");
    add_file_columns(of, entries, a, sql);
    if (entries)
        buf_lit(sql, ") AS data_file");
    add_readable_sql(of, sql);
    buf_lit(sql, " FROM (SELECT *");
    if (of->leaves_n) {
        buf_lit(sql, ", CAST(CAST(readable_metrics AS JSON) AS ");
        add_readable_type(of, a, sql);
        buf_lit(sql, ") AS readable_text");
    }
    buf_printf(sql, " FROM " STR_FMT ")", STR_ARG(from));
}

/* ---- What is shown. */

static bool has_bounds(const struct type *t)
{
    return type_is_primitive(t) && t->kind != TYPE_UNKNOWN && t->kind != TYPE_VARIANT &&
           t->kind != TYPE_GEOMETRY && t->kind != TYPE_GEOGRAPHY;
}

/* Names that differ in case only would be one to the engine. */
static void find_leaves(struct entries_source *of, struct arena *a)
{
    const struct schema *schema = of->src->view.columns;
    struct map names;
    map_init(&names, a);
    of->leaves = arena_array(a, const struct schema_node *, schema->nodes_n);
    of->leaf_names = arena_array(a, const char *, schema->nodes_n);
    for (size_t i = 0; i < schema->nodes_n; i++) {
        const struct schema_node *node = schema->by_id[i];
        if (!has_bounds(node->field->type))
            continue;
        char *lower = arena_cstr(a, node->name);
        for (size_t k = 0; k < node->name.len; k++)
            if (lower[k] >= 'A' && lower[k] <= 'Z')
                lower[k] = (char)(lower[k] - 'A' + 'a');
        bool first = map_add(&names, str_of(lower), of);
        of->leaves[of->leaves_n] = node;
        of->leaf_names[of->leaves_n++] =
            first ? arena_cstr(a, node->name)
                  : arena_printf(a, STR_FMT "_%d", STR_ARG(node->name), (int)node->field->id).ptr;
    }
}

static struct entries_source *make_source(struct metadata_source *src, struct arena *a)
{
    enum metadata_table k = src->view.kind;
    struct entries_source *of = arena_new(a, struct entries_source);
    of->src = src;
    of->all = k == METADATA_ALL_ENTRIES || k == METADATA_ALL_FILES ||
              k == METADATA_ALL_DATA_FILES || k == METADATA_ALL_DELETE_FILES;
    of->live =
        k != METADATA_ENTRIES && k != METADATA_ALL_ENTRIES && k != METADATA_PARTITION_ENTRIES;
    of->data = k != METADATA_DELETE_FILES && k != METADATA_ALL_DELETE_FILES;
    of->deletes = k != METADATA_DATA_FILES && k != METADATA_ALL_DATA_FILES;
    of->partition = metadata_partition_type(src->metadata, src->view.columns, a);
    find_leaves(of, a);
    return of;
}

static bool add_source(struct entries_source *of, struct arena *a, str *from, struct error *err)
{
    size_t n = C_PARTITION + (of->partition ? of->partition->fields_n : 0);
    struct row_source_column *columns = arena_array(a, struct row_source_column, n);
    for (size_t i = 0; i < n; i++)
        columns[i] =
            i < C_PARTITION
                ? entry_columns[i]
                : (struct row_source_column){ arena_printf(a, "partition_%zu", i - C_PARTITION),
                                              "VARCHAR" };
    int64_t files = 0;
    if (of->src->view.snapshot)
        (void)str_to_i64(
            property_get(&of->src->view.snapshot->summary, "total-data-files", STR("0")), &files);
    struct cells t = { .columns = columns,
                       .columns_n = n,
                       .rows_hint = files > 0 && files < INT32_MAX ? files : 0,
                       .ctx = of,
                       .open = entries_open,
                       .next = entries_next,
                       .cell = entries_cell };
    return cells_add(of->src->session, &t, a, from, err);
}

bool entries_sql(struct metadata_source *src, struct arena *a, struct buf *sql, struct error *err)
{
    if (src->view.kind == METADATA_PARTITIONS && partition_stats_current(src, a))
        return partition_stats_table_sql(src, a, sql, err);
    str from;
    struct entries_source *of = make_source(src, a);
    if (!add_source(of, a, &from, err))
        return false;
    if (src->view.kind == METADATA_PARTITION_ENTRIES)
        add_flat_sql(of, a, from, sql);
    else if (src->view.kind == METADATA_PARTITIONS)
        add_partitions_sql(of, a, from, sql);
    else
        add_entries_sql(of, a, from, sql);
    return true;
}
