/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading manifests.  The hot path of scan planning: an entry is decoded in one pass over the
 * unpacked block, strings and bounds stay where they are, and of the six maps of column metrics
 * only the columns asked for are kept.
 *
 * The maps are merged into one row a column.  Each map lists about the same columns in the same
 * order, so the row of an element is nearly always the one after the row of the element before;
 * a small hash table by field id finds the others. */
#include "base/vec.h"
#include "iceberg/manifest_priv.h"
#include "iceberg/manifest_tuple_priv.h"

#define CHUNK_ENTRIES 512 /* handed out at once, whatever the size of a block */

static const struct plan_field entry_fields[] = {
    { ENTRY_STATUS, 0, PLAN_LONG, true, "status", NULL },
    { ENTRY_SNAPSHOT, 1, PLAN_LONG, false, "snapshot_id", NULL },
    { ENTRY_SEQUENCE, 3, PLAN_LONG, false, "sequence_number", NULL },
    { ENTRY_FILE_SEQUENCE, 4, PLAN_LONG, false, "file_sequence_number", NULL },
    { ENTRY_FILE, 2, PLAN_RECORD, true, "data_file", NULL },
};

static const struct plan_field file_fields[] = {
    { FILE_CONTENT, 134, PLAN_LONG, false, "content", NULL },
    { FILE_PATH, 100, PLAN_BYTES, true, "file_path", NULL },
    { FILE_FORMAT, 101, PLAN_BYTES, true, "file_format", NULL },
    { FILE_PARTITION, 102, PLAN_RECORD, false, "partition", NULL },
    { FILE_RECORDS, 103, PLAN_LONG, true, "record_count", NULL },
    { FILE_SIZE, 104, PLAN_LONG, true, "file_size_in_bytes", NULL },
    { FILE_COLUMN_SIZES, 108, PLAN_ARRAY, false, "column_sizes", NULL },
    { FILE_VALUE_COUNTS, 109, PLAN_ARRAY, false, "value_counts", NULL },
    { FILE_NULL_COUNTS, 110, PLAN_ARRAY, false, "null_value_counts", NULL },
    { FILE_NAN_COUNTS, 137, PLAN_ARRAY, false, "nan_value_counts", NULL },
    { FILE_LOWER_BOUNDS, 125, PLAN_ARRAY, false, "lower_bounds", NULL },
    { FILE_UPPER_BOUNDS, 128, PLAN_ARRAY, false, "upper_bounds", NULL },
    { FILE_KEY_METADATA, 131, PLAN_BYTES, false, "key_metadata", NULL },
    { FILE_SPLIT_OFFSETS, 132, PLAN_ARRAY, false, "split_offsets", NULL },
    { FILE_EQUALITY_IDS, 135, PLAN_ARRAY, false, "equality_ids", NULL },
    { FILE_SORT_ORDER, 140, PLAN_LONG, false, "sort_order_id", NULL },
    { FILE_FIRST_ROW_ID, 142, PLAN_LONG, false, "first_row_id", NULL },
    { FILE_REFERENCED, 143, PLAN_BYTES, false, "referenced_data_file", NULL },
    { FILE_CONTENT_OFFSET, 144, PLAN_LONG, false, "content_offset", NULL },
    { FILE_CONTENT_SIZE, 145, PLAN_LONG, false, "content_size_in_bytes", NULL },
};

#define COUNT_OF(table) (sizeof(table) / sizeof(table)[0])

/* How a map's elements lie in the file: a record of key and value, in either order. */
struct map_plan {
    bool value_first;
    struct plan_step value;
};

/* Field id -> row, for the file being read.  A slot counts when its stamp is the current one. */
struct id_slot {
    int32_t id;
    uint32_t stamp, row;
};

struct column_rows {
    VEC(struct column_metrics) rows;
    size_t next; /* the row that the next element probably has */
    struct id_slot *slots;
    size_t slots_n; /* a power of two, or 0 */
    uint32_t stamp;
};

struct manifest_reader {
    struct arena *arena, *chunk; /* chunk: what the last manifest_next gave */
    struct avro_reader avro;
    struct manifest_read_options options;
    struct plan entry_plan, file_plan;
    struct map_plan maps[FILE_FIELDS];
    const struct tuple_plan *tuple; /* NULL: manifests without a partition field */
    bool has_sequence;              /* the file has the column */
    int32_t spec_id;
    int64_t next_row_id; /* first row id inheritance; -1: off */
    struct avro_rd rd;   /* of the current block */
    size_t block_left;   /* entries not yet read in it */
    bool block_open;
    bool keep_all; /* manifest_parse: chunks live as long as the arena */
    uint64_t entries;
    struct column_rows columns;
};

/* --- header --- */

static bool plan_map(const struct avro_schema *array, bool bounds, const char *name,
                     struct map_plan *out, struct error *err)
{
    const struct avro_schema *pair = array->items;
    bool ok = pair->kind == AVRO_RECORD && pair->n == 2;
    if (ok) {
        out->value_first = str_is(pair->fields[1].name, "key");
        const struct avro_field *key = &pair->fields[out->value_first];
        const struct avro_field *value = &pair->fields[!out->value_first];
        ok = (key->type->kind == AVRO_INT || key->type->kind == AVRO_LONG) &&
             plan_value(value->type, bounds ? PLAN_BYTES : PLAN_LONG, &out->value);
    }
    if (!ok)
        return fail(err, ERR_CORRUPT, "manifest: field %s is no map from column ids", name);
    return true;
}

static bool plan_list(const struct avro_schema *array, const char *name, struct error *err)
{
    if (array->items->kind != AVRO_INT && array->items->kind != AVRO_LONG)
        return fail(err, ERR_CORRUPT, "manifest: field %s is no list of numbers", name);
    return true;
}

static const char *file_field_name(int what)
{
    for (size_t i = 0; i < COUNT_OF(file_fields); i++)
        if (file_fields[i].what == what)
            return file_fields[i].name;
    return "?";
}

static bool plan_file(struct manifest_reader *r, const struct avro_schema *record,
                      struct error *err)
{
    if (!plan_make(record, file_fields, COUNT_OF(file_fields), "manifest data_file", r->arena,
                   &r->file_plan, err))
        return false;
    for (size_t i = 0; i < r->file_plan.n; i++) {
        const struct plan_step *s = &r->file_plan.steps[i];
        bool ok = true;
        if (file_field_is_map(s->what))
            ok = plan_map(s->type, file_field_is_bounds(s->what), file_field_name(s->what),
                          &r->maps[s->what], err);
        else if (s->what == FILE_SPLIT_OFFSETS || s->what == FILE_EQUALITY_IDS)
            ok = plan_list(s->type, file_field_name(s->what), err);
        else if (s->what == FILE_PARTITION)
            ok = tuple_plan_make(s->type, r->options.spec, r->options.schema, r->arena, &r->tuple,
                                 err);
        if (!ok)
            return false;
    }
    return true;
}

static bool plan_manifest(struct manifest_reader *r, struct error *err)
{
    if (!plan_make(r->avro.schema, entry_fields, COUNT_OF(entry_fields), "manifest", r->arena,
                   &r->entry_plan, err))
        return false;
    for (size_t i = 0; i < r->entry_plan.n; i++) {
        const struct plan_step *s = &r->entry_plan.steps[i];
        r->has_sequence = r->has_sequence || s->what == ENTRY_SEQUENCE;
        if (s->what == ENTRY_FILE && !plan_file(r, s->type, err))
            return false;
    }
    return true;
}

static int32_t header_spec_id(const struct manifest_reader *r)
{
    int64_t id;
    if (str_to_i64(avro_meta_get(&r->avro, "partition-spec-id"), &id) && id >= 0 && id <= INT32_MAX)
        return (int32_t)id;
    return -1;
}

static void destroy_chunk(void *arg)
{
    arena_destroy(arg);
}

bool manifest_open(str bytes, const struct manifest_read_options *options, struct arena *a,
                   struct manifest_reader **out, struct error *err)
{
    struct manifest_reader *r = arena_new(a, struct manifest_reader);
    r->arena = a;
    r->options = *options;
    if (!avro_open(&r->avro, bytes, a, err) || !plan_manifest(r, err))
        return false;
    r->spec_id = options->file != NULL ? options->file->spec_id : header_spec_id(r);
    r->next_row_id = options->file != NULL && options->file->content == MANIFEST_DATA
                         ? options->file->first_row_id
                         : -1;
    r->chunk = arena_create(0);
    arena_defer(a, destroy_chunk, r->chunk);
    *out = r;
    return true;
}

int32_t manifest_spec_id(const struct manifest_reader *r)
{
    return header_spec_id(r);
}

str manifest_spec_json(const struct manifest_reader *r)
{
    return avro_meta_get(&r->avro, "partition-spec");
}

str manifest_schema_json(const struct manifest_reader *r)
{
    return avro_meta_get(&r->avro, "schema");
}

/* --- column metrics --- */

static struct column_metrics column_unknown(int32_t id)
{
    return (
        struct column_metrics){ .field_id = id, .size = -1, .values = -1, .nulls = -1, .nans = -1 };
}

static void columns_begin(struct manifest_reader *r)
{
    struct column_rows *c = &r->columns;
    c->rows.at = NULL;
    c->rows.n = c->rows.cap = 0;
    c->next = 0;
    c->stamp++;
    const struct manifest_read_options *o = &r->options;
    if (o->all_columns || o->field_ids_n == 0)
        return;
    c->rows.at = arena_array(r->chunk, struct column_metrics, o->field_ids_n);
    c->rows.n = c->rows.cap = o->field_ids_n;
    for (size_t i = 0; i < o->field_ids_n; i++)
        c->rows.at[i] = column_unknown(o->field_ids[i]);
}

static size_t slot_of(const struct column_rows *c, int32_t id)
{
    size_t i = (uint32_t)id * 2654435761u & (c->slots_n - 1);
    while (c->slots[i].stamp == c->stamp && c->slots[i].id != id)
        i = (i + 1) & (c->slots_n - 1);
    return i;
}

static void slots_grow(struct manifest_reader *r)
{
    struct column_rows *c = &r->columns;
    c->slots_n = c->slots_n ? c->slots_n * 2 : 64;
    c->slots = arena_array(r->arena, struct id_slot, c->slots_n);
    c->stamp = 1;
    for (size_t i = 0; i < c->rows.n; i++) {
        int32_t id = c->rows.at[i].field_id;
        c->slots[slot_of(c, id)] = (struct id_slot){ id, c->stamp, (uint32_t)i };
    }
}

/* The row of a column, made when it is new; NULL over the limit. */
static struct column_metrics *row_of_any(struct manifest_reader *r, int32_t id)
{
    struct column_rows *c = &r->columns;
    if (c->next < c->rows.n && c->rows.at[c->next].field_id == id)
        return &c->rows.at[c->next++];
    if (2 * (c->rows.n + 1) > c->slots_n)
        slots_grow(r);
    struct id_slot *slot = &c->slots[slot_of(c, id)];
    if (slot->stamp != c->stamp) {
        if (c->rows.n == FILE_COLUMNS_MAX)
            return NULL;
        *slot = (struct id_slot){ id, c->stamp, (uint32_t)c->rows.n };
        *vec_push(r->chunk, &c->rows) = column_unknown(id);
    }
    c->next = slot->row + 1;
    return &c->rows.at[slot->row];
}

/* The row of a column that was asked for; NULL for others. */
static struct column_metrics *row_of_wanted(struct manifest_reader *r, int32_t id)
{
    struct column_rows *c = &r->columns;
    size_t lo = 0, hi = c->rows.n;
    if (id < c->rows.at[0].field_id || id > c->rows.at[hi - 1].field_id)
        return NULL;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c->rows.at[mid].field_id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < c->rows.n && c->rows.at[lo].field_id == id ? &c->rows.at[lo] : NULL;
}

static void set_metric(struct column_metrics *row, int what, int64_t number, str bytes)
{
    switch (what) {
    case FILE_COLUMN_SIZES:
        row->size = number;
        break;
    case FILE_VALUE_COUNTS:
        row->values = number;
        break;
    case FILE_NULL_COUNTS:
        row->nulls = number;
        break;
    case FILE_NAN_COUNTS:
        row->nans = number;
        break;
    case FILE_LOWER_BOUNDS:
        row->lower = bytes;
        break;
    case FILE_UPPER_BOUNDS:
        row->upper = bytes;
        break;
    default:
        panic("manifest field %d is no metric", what);
    }
}

/* The value of a map's element; false when it is null. */
static bool read_metric(const struct map_plan *m, bool bounds, struct avro_rd *rd, int64_t *number,
                        str *bytes)
{
    if (!plan_present(&m->value, rd))
        return false;
    if (bounds) {
        *bytes = avro_bytes(rd);
        if (bytes->ptr == NULL)
            *bytes = STR("");
    } else {
        *number = avro_long(rd);
    }
    return true;
}

static void read_map(struct manifest_reader *r, int what, struct avro_rd *rd)
{
    const struct map_plan *m = &r->maps[what];
    bool bounds = file_field_is_bounds(what), all = r->options.all_columns;
    bool some = all || (r->columns.rows.n && what != FILE_COLUMN_SIZES);
    struct avro_items it = { 0 };
    r->columns.next = 0;
    while (avro_items_next(rd, &it)) {
        int64_t number = -1;
        str bytes = { 0 };
        bool there = m->value_first && read_metric(m, bounds, rd, &number, &bytes);
        int32_t id = avro_int(rd);
        if (!m->value_first)
            there = read_metric(m, bounds, rd, &number, &bytes);
        if (rd->bad)
            return;
        if (!some)
            continue;
        struct column_metrics *row = all ? row_of_any(r, id) : row_of_wanted(r, id);
        if (row != NULL && there)
            set_metric(row, what, number, bytes);
        else if (row == NULL && all)
            rd->bad = true;
    }
}

/* --- data files --- */

static void read_longs(struct manifest_reader *r, struct avro_rd *rd, const int64_t **out,
                       size_t *n)
{
    VEC(int64_t) list = { 0 };
    struct avro_items it = { 0 };
    while (avro_items_next(rd, &it))
        *vec_push(r->chunk, &list) = avro_long(rd);
    *out = list.at;
    *n = list.n;
}

static void read_ints(struct manifest_reader *r, struct avro_rd *rd, const int32_t **out, size_t *n)
{
    VEC(int32_t) list = { 0 };
    struct avro_items it = { 0 };
    while (avro_items_next(rd, &it))
        *vec_push(r->chunk, &list) = avro_int(rd);
    *out = list.at;
    *n = list.n;
}

/* Old writers spell formats in capitals. */
static str file_format(struct manifest_reader *r, str s)
{
    static const str known[] = { STR_INIT("parquet"), STR_INIT("avro"), STR_INIT("orc"),
                                 STR_INIT("puffin") };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_eq_nocase(s, known[i]))
            return known[i];
    return arena_str(r->chunk, s);
}

static void read_partition(struct manifest_reader *r, struct avro_rd *rd, struct data_file *f)
{
    struct value *values = arena_array(r->chunk, struct value, r->options.spec->fields_n);
    tuple_read(r->tuple, rd, values);
    f->partition = values;
    f->partition_n = r->options.spec->fields_n;
}

static void read_file_field(struct manifest_reader *r, const struct plan_step *s,
                            struct avro_rd *rd, struct data_file *f)
{
    switch (s->what) {
    case FILE_CONTENT:
        f->content = (enum file_content)avro_index(rd, 3);
        break;
    case FILE_PATH:
        f->path = avro_bytes(rd);
        break;
    case FILE_FORMAT:
        f->format = file_format(r, avro_bytes(rd));
        break;
    case FILE_PARTITION:
        read_partition(r, rd, f);
        break;
    case FILE_RECORDS:
        f->records = avro_long(rd);
        break;
    case FILE_SIZE:
        f->size = avro_long(rd);
        break;
    case FILE_KEY_METADATA:
        f->key_metadata = avro_bytes(rd);
        break;
    case FILE_SPLIT_OFFSETS:
        read_longs(r, rd, &f->split_offsets, &f->split_offsets_n);
        break;
    case FILE_EQUALITY_IDS:
        read_ints(r, rd, &f->equality_ids, &f->equality_ids_n);
        break;
    case FILE_SORT_ORDER:
        f->sort_order_id = avro_int(rd);
        break;
    case FILE_FIRST_ROW_ID:
        f->first_row_id = avro_long(rd);
        break;
    case FILE_REFERENCED:
        f->referenced_file = avro_bytes(rd);
        break;
    case FILE_CONTENT_OFFSET:
        f->content_offset = avro_long(rd);
        break;
    case FILE_CONTENT_SIZE:
        f->content_size = avro_long(rd);
        break;
    default:
        read_map(r, s->what, rd);
    }
}

static void read_file(struct manifest_reader *r, struct avro_rd *rd, struct data_file *f)
{
    *f = (struct data_file){ .spec_id = r->spec_id,
                             .sort_order_id = -1,
                             .first_row_id = -1,
                             .content_offset = -1,
                             .content_size = -1 };
    columns_begin(r);
    for (size_t i = 0; i < r->file_plan.n; i++) {
        const struct plan_step *s = &r->file_plan.steps[i];
        if (s->what == PLAN_SKIP)
            avro_skip(s->type, rd);
        else if (plan_present(s, rd))
            read_file_field(r, s, rd, f);
    }
    f->columns = r->columns.rows.at;
    f->columns_n = r->columns.rows.n;
    if (r->tuple == NULL && r->options.spec->fields_n > 0) {
        f->partition_n = r->options.spec->fields_n;
        struct value *values = arena_array(r->chunk, struct value, f->partition_n);
        for (size_t i = 0; i < f->partition_n; i++)
            values[i] = value_null(TYPE_UNKNOWN);
        f->partition = values;
    }
}

/* --- entries --- */

static void read_entry(struct manifest_reader *r, struct avro_rd *rd, struct manifest_entry *e)
{
    e->snapshot_id = e->sequence_number = e->file_sequence_number = -1;
    for (size_t i = 0; i < r->entry_plan.n; i++) {
        const struct plan_step *s = &r->entry_plan.steps[i];
        if (s->what == PLAN_SKIP) {
            avro_skip(s->type, rd);
            continue;
        }
        if (!plan_present(s, rd))
            continue;
        if (s->what == ENTRY_STATUS)
            e->status = (enum entry_status)avro_index(rd, 3);
        else if (s->what == ENTRY_SNAPSHOT)
            e->snapshot_id = avro_long(rd);
        else if (s->what == ENTRY_SEQUENCE)
            e->sequence_number = avro_long(rd);
        else if (s->what == ENTRY_FILE_SEQUENCE)
            e->file_sequence_number = avro_long(rd);
        else
            read_file(r, rd, &e->file);
    }
}

/* Iceberg specification, "Sequence Number Inheritance", "First Row ID Inheritance". */
static void inherit(struct manifest_reader *r, struct manifest_entry *e)
{
    const struct manifest_file *m = r->options.file;
    if (m != NULL) {
        if (e->snapshot_id < 0)
            e->snapshot_id = m->added_snapshot_id;
        bool may = e->status == ENTRY_ADDED || m->sequence_number == 0;
        if (e->sequence_number < 0 && may)
            e->sequence_number = m->sequence_number;
        if (e->file_sequence_number < 0 && may)
            e->file_sequence_number = m->sequence_number;
    }
    if (!r->has_sequence) { /* written by format 1 */
        e->sequence_number = 0;
        e->file_sequence_number = 0;
    }
    if (r->next_row_id >= 0 && e->status != ENTRY_DELETED && e->file.content == FILE_DATA &&
        e->file.first_row_id < 0) {
        e->file.first_row_id = r->next_row_id;
        r->next_row_id += e->file.records > 0 ? e->file.records : 0;
    }
}

static bool check_entry(const struct manifest_reader *r, const struct manifest_entry *e,
                        struct error *err)
{
    if (e->file.path.len == 0)
        return fail(err, ERR_CORRUPT, "manifest: entry %llu has no path",
                    (unsigned long long)r->entries);
    if (e->file.size < 0 || e->file.records < -1 || e->file.records > INT64_MAX / 2)
        return fail(err, ERR_CORRUPT, "manifest: file " STR_FMT " has %lld bytes and %lld records",
                    STR_ARG(e->file.path), (long long)e->file.size, (long long)e->file.records);
    const struct manifest_file *m = r->options.file;
    if (m && (m->content == MANIFEST_DATA) != (e->file.content == FILE_DATA))
        return fail(err, ERR_CORRUPT, "manifest: file " STR_FMT " is %s in a manifest of %s",
                    STR_ARG(e->file.path), e->file.content == FILE_DATA ? "a data file" : "deletes",
                    m->content == MANIFEST_DATA ? "data files" : "deletes");
    return true;
}

static bool next_block(struct manifest_reader *r, struct error *err)
{
    if (r->block_open && !avro_end_block(&r->avro, &r->rd, err))
        return false;
    r->block_open = false;
    if (!avro_next_block(&r->avro, r->keep_all ? r->arena : NULL, &r->rd, &r->block_left, err))
        return false;
    if (r->block_left > (size_t)(r->rd.end - r->rd.p))
        return fail(err, ERR_CORRUPT, "manifest: a block of %zu bytes cannot hold %zu entries",
                    (size_t)(r->rd.end - r->rd.p), r->block_left);
    r->block_open = r->block_left > 0;
    return true;
}

static bool read_chunk(struct manifest_reader *r, struct manifest_entry *entries, size_t n,
                       struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        read_entry(r, &r->rd, &entries[i]);
        if (r->rd.bad)
            return fail(err, ERR_CORRUPT, "manifest: entry %llu is malformed",
                        (unsigned long long)r->entries);
        if (!check_entry(r, &entries[i], err))
            return false;
        inherit(r, &entries[i]);
        r->entries++;
    }
    r->block_left -= n;
    return true;
}

bool manifest_next(struct manifest_reader *r, const struct manifest_entry **entries, size_t *n,
                   struct error *err)
{
    *n = 0;
    *entries = NULL;
    if (r->block_left == 0 && !next_block(r, err))
        return fail_in(err, "manifest");
    if (r->block_left == 0)
        return true;
    if (r->entries + r->block_left > MANIFEST_ENTRIES_MAX)
        return fail(err, ERR_LIMIT, "manifest has more than %d entries", MANIFEST_ENTRIES_MAX);
    if (!r->keep_all)
        arena_reset(r->chunk);
    size_t take = r->block_left < CHUNK_ENTRIES ? r->block_left : CHUNK_ENTRIES;
    struct manifest_entry *at = arena_array(r->chunk, struct manifest_entry, take);
    if (!read_chunk(r, at, take, err))
        return false;
    *entries = at;
    *n = take;
    return true;
}

bool manifest_parse(str bytes, const struct manifest_read_options *options, struct arena *a,
                    struct manifest_entry **out, size_t *n, struct error *err)
{
    struct manifest_reader *r;
    if (!manifest_open(bytes, options, a, &r, err))
        return false;
    r->keep_all = true;
    VEC(struct manifest_entry) list = { 0 };
    for (;;) {
        const struct manifest_entry *entries;
        size_t count;
        if (!manifest_next(r, &entries, &count, err))
            return false;
        if (count == 0)
            break;
        for (size_t i = 0; i < count; i++)
            *vec_push(a, &list) = entries[i];
    }
    *out = list.at;
    *n = list.n;
    return true;
}
