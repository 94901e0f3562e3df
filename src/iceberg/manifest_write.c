/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing manifests: the fields of each format version are rows of two tables, from which both the
 * Avro schema and the order of values follow.  Names, ids and shapes are those of the Java
 * library. */
#include "base/buf.h"
#include "codec/json.h"
#include "iceberg/manifest_priv.h"
#include "iceberg/manifest_tuple_priv.h"

#define BLOCK_SIZE_DEFAULT (64 << 20) /* block_size_in_bytes of format 1, which nobody reads */

struct write_field {
    int what, id;
    bool optional;
    int since, until; /* format versions */
    const char *name;
    const char *type; /* Avro; NULL: the partition record, or the map of `map` */
    struct {
        int key, value;
        const char *type;
    } map;
};

#define MAP(k, v, t)                                                                               \
    NULL,                                                                                          \
    {                                                                                              \
        k, v, t                                                                                    \
    }
#define LIST(id, t)                                                                                \
    "{\"type\":\"array\",\"items\":\"" t "\",\"element-id\":" #id "}",                             \
    {                                                                                              \
        0, 0, NULL                                                                                 \
    }
#define PLAIN(t)                                                                                   \
    "\"" t "\"",                                                                                   \
    {                                                                                              \
        0, 0, NULL                                                                                 \
    }

static const struct write_field file_fields[] = {
    { FILE_CONTENT, 134, false, 2, 3, "content", PLAIN("int") },
    { FILE_PATH, 100, false, 1, 3, "file_path", PLAIN("string") },
    { FILE_FORMAT, 101, false, 1, 3, "file_format", PLAIN("string") },
    { FILE_PARTITION, 102, false, 1, 3, "partition", MAP(0, 0, NULL) },
    { FILE_RECORDS, 103, false, 1, 3, "record_count", PLAIN("long") },
    { FILE_SIZE, 104, false, 1, 3, "file_size_in_bytes", PLAIN("long") },
    { FILE_BLOCK_SIZE, 105, false, 1, 1, "block_size_in_bytes", PLAIN("long") },
    { FILE_COLUMN_SIZES, 108, true, 1, 3, "column_sizes", MAP(117, 118, "long") },
    { FILE_VALUE_COUNTS, 109, true, 1, 3, "value_counts", MAP(119, 120, "long") },
    { FILE_NULL_COUNTS, 110, true, 1, 3, "null_value_counts", MAP(121, 122, "long") },
    { FILE_NAN_COUNTS, 137, true, 1, 3, "nan_value_counts", MAP(138, 139, "long") },
    { FILE_LOWER_BOUNDS, 125, true, 1, 3, "lower_bounds", MAP(126, 127, "bytes") },
    { FILE_UPPER_BOUNDS, 128, true, 1, 3, "upper_bounds", MAP(129, 130, "bytes") },
    { FILE_KEY_METADATA, 131, true, 1, 3, "key_metadata", PLAIN("bytes") },
    { FILE_SPLIT_OFFSETS, 132, true, 1, 3, "split_offsets", LIST(133, "long") },
    { FILE_EQUALITY_IDS, 135, true, 2, 3, "equality_ids", LIST(136, "int") },
    { FILE_SORT_ORDER, 140, true, 1, 3, "sort_order_id", PLAIN("int") },
    { FILE_FIRST_ROW_ID, 142, true, 3, 3, "first_row_id", PLAIN("long") },
    { FILE_REFERENCED, 143, true, 2, 3, "referenced_data_file", PLAIN("string") },
    { FILE_CONTENT_OFFSET, 144, true, 3, 3, "content_offset", PLAIN("long") },
    { FILE_CONTENT_SIZE, 145, true, 3, 3, "content_size_in_bytes", PLAIN("long") },
};
#define FILE_FIELDS_N (sizeof file_fields / sizeof file_fields[0])

static bool is_written(const struct write_field *f, int version)
{
    return f->since <= version && version <= f->until;
}

/* --- schema --- */

static void put_map_type(const struct write_field *f, struct buf *out)
{
    buf_printf(
        out,
        "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"k%d_v%d\",\"fields\":["
        "{\"name\":\"key\",\"type\":\"int\",\"field-id\":%d},"
        "{\"name\":\"value\",\"type\":\"%s\",\"field-id\":%d}]},\"logicalType\":\"map\"}",
        f->map.key, f->map.value, f->map.key, f->map.type, f->map.value);
}

static void put_file_schema(const struct manifest_write_options *o, struct buf *out)
{
    buf_lit(out, "{\"type\":\"record\",\"name\":\"r2\",\"fields\":[");
    bool first = true;
    for (size_t i = 0; i < FILE_FIELDS_N; i++) {
        const struct write_field *f = &file_fields[i];
        if (!is_written(f, o->format_version))
            continue;
        buf_printf(out, "%s{\"name\":\"%s\",\"type\":%s", first ? "" : ",", f->name,
                   f->optional ? "[\"null\"," : "");
        if (f->what == FILE_PARTITION)
            tuple_schema(o->spec, o->schema, out);
        else if (f->type == NULL)
            put_map_type(f, out);
        else
            buf_add_str(out, str_of(f->type));
        buf_printf(out, "%s,\"field-id\":%d}", f->optional ? "],\"default\":null" : "", f->id);
        first = false;
    }
    buf_lit(out, "]}");
}

static void put_schema(const struct manifest_write_options *o, struct buf *out)
{
    static const char sequence[] =
        "{\"name\":\"sequence_number\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":3},"
        "{\"name\":\"file_sequence_number\",\"type\":[\"null\",\"long\"],\"default\":null,"
        "\"field-id\":4},";
    buf_lit(
        out,
        "{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":["
        "{\"name\":\"status\",\"type\":\"int\",\"field-id\":0},"
        "{\"name\":\"snapshot_id\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":1},");
    if (o->format_version >= 2)
        buf_add_str(out, str_of(sequence));
    buf_lit(out, "{\"name\":\"data_file\",\"type\":");
    put_file_schema(o, out);
    buf_lit(out, ",\"field-id\":2}]}");
}

/* --- writer --- */

/* What a field summary in the manifest list will say. */
struct tuple_summary {
    bool has_null, has_nan;
    bool any;
    struct value lower, upper;
};

struct manifest_writer {
    struct manifest_write_options options;
    struct arena *arena;
    struct buf *out;
    size_t out_begin;
    struct avro_writer avro;
    const struct type **types; /* of partition values */
    struct tuple_summary *summaries;
    int64_t files[3], rows[3]; /* by status */
    int64_t numbered_rows;     /* see struct manifest_file */
    int64_t min_sequence;      /* of live entries that state theirs; -1: none */
};

static void close_writer(void *arg)
{
    avro_writer_deinit(arg);
}

static str json_text(struct buf *b, struct arena *a)
{
    str s = arena_str(a, buf_str(b));
    buf_clear(b);
    return s;
}

static bool writer_meta(const struct manifest_write_options *o, struct arena *a,
                        struct avro_meta meta[6], size_t *n, struct error *err)
{
    struct buf b = BUF_INIT(AVRO_SCHEMA_BYTES_MAX);
    struct json_writer w;
    *n = 0;
    jw_init(&w, &b);
    schema_write(o->schema, true, &w);
    bool ok = buf_ok(&b, "schema of a manifest", err);
    meta[(*n)++] = (struct avro_meta){ STR("schema"), json_text(&b, a) };
    jw_init(&w, &b);
    partition_fields_write(o->spec, &w);
    ok = ok && buf_ok(&b, "partition spec of a manifest", err);
    meta[(*n)++] = (struct avro_meta){ STR("partition-spec"), json_text(&b, a) };
    buf_deinit(&b);
    meta[(*n)++] =
        (struct avro_meta){ STR("schema-id"), arena_printf(a, "%d", (int)o->schema->id) };
    meta[(*n)++] =
        (struct avro_meta){ STR("partition-spec-id"), arena_printf(a, "%d", (int)o->spec->id) };
    meta[(*n)++] =
        (struct avro_meta){ STR("format-version"), arena_printf(a, "%d", o->format_version) };
    if (o->format_version >= 2)
        meta[(*n)++] =
            (struct avro_meta){ STR("content"),
                                o->content == MANIFEST_DATA ? STR("data") : STR("deletes") };
    return ok;
}

static bool writer_open(struct manifest_writer *w, struct error *err)
{
    struct avro_meta meta[6];
    size_t meta_n;
    if (!writer_meta(&w->options, w->arena, meta, &meta_n, err))
        return false;
    struct buf schema = BUF_INIT(AVRO_SCHEMA_BYTES_MAX);
    put_schema(&w->options, &schema);
    bool ok = buf_ok(&schema, "Avro schema of a manifest", err) &&
              avro_writer_init(&w->avro, w->out, arena_str(w->arena, buf_str(&schema)), meta,
                               meta_n, AVRO_CODEC_DEFLATE, w->options.sync, err);
    buf_deinit(&schema);
    return ok;
}

bool manifest_writer_create(const struct manifest_write_options *options, struct buf *out,
                            struct arena *a, struct manifest_writer **w, struct error *err)
{
    if (options->format_version < 1 || options->format_version > 3)
        return fail(err, ERR_UNSUPPORTED, "format version %d", options->format_version);
    if (options->format_version == 1 && options->content == MANIFEST_DELETES)
        return fail(err, ERR_INVALID, "format 1 has no delete files");
    struct manifest_writer *m = arena_new(a, struct manifest_writer);
    *m = (struct manifest_writer){
        .options = *options, .arena = a, .out = out, .out_begin = out->len, .min_sequence = -1
    };
    size_t fields = options->spec->fields_n;
    m->types = arena_array(a, const struct type *, fields);
    m->summaries = arena_array(a, struct tuple_summary, fields);
    for (size_t i = 0; i < fields; i++)
        m->types[i] = partition_field_type(options->spec, i, options->schema);
    arena_defer(a, close_writer, &m->avro);
    *w = m;
    return writer_open(m, err);
}

/* --- entries --- */

static bool check_file(const struct manifest_writer *w, const struct data_file *f,
                       struct error *err)
{
    const struct manifest_write_options *o = &w->options;
    if (f->path.len == 0 || f->format.len == 0)
        return fail(err, ERR_INVALID, "data file without a path or a format");
    if (f->records < 0 || f->size < 0)
        return fail(err, ERR_INVALID, "file " STR_FMT ": %lld records, %lld bytes",
                    STR_ARG(f->path), (long long)f->records, (long long)f->size);
    if ((f->content == FILE_DATA) != (o->content == MANIFEST_DATA))
        return fail(err, ERR_INVALID, "file " STR_FMT ": data and delete files do not mix",
                    STR_ARG(f->path));
    if (f->partition_n != o->spec->fields_n)
        return fail(err, ERR_INVALID, "file " STR_FMT ": %zu partition values, spec %d has %zu",
                    STR_ARG(f->path), f->partition_n, (int)o->spec->id, o->spec->fields_n);
    for (size_t i = 0; i < f->partition_n; i++)
        if (!tuple_check(o->spec, i, w->types[i], &f->partition[i], err))
            return fail_in(err, "file " STR_FMT, STR_ARG(f->path));
    return true;
}

static bool check_entry(const struct manifest_writer *w, const struct manifest_entry *e,
                        struct error *err)
{
    if (!check_file(w, &e->file, err))
        return false;
    if (e->status == ENTRY_ADDED || w->options.format_version == 1)
        return true;
    if (e->snapshot_id < 0 || e->sequence_number < 0 || e->file_sequence_number < 0)
        return fail(err, ERR_INVALID,
                    "file " STR_FMT ": an entry that is not new needs its sequence numbers",
                    STR_ARG(e->file.path));
    return true;
}

static void summarize(struct manifest_writer *w, const struct value *values)
{
    for (size_t i = 0; i < w->options.spec->fields_n; i++) {
        struct tuple_summary *s = &w->summaries[i];
        const struct value *v = &values[i];
        if (v->is_null) {
            s->has_null = true;
        } else if (value_is_nan(v)) {
            s->has_nan = true;
        } else {
            if (!s->any || value_cmp(v, &s->lower) < 0)
                s->lower = value_copy(v, w->arena);
            if (!s->any || value_cmp(v, &s->upper) > 0)
                s->upper = value_copy(v, w->arena);
            s->any = true;
        }
    }
}

static void count_entry(struct manifest_writer *w, const struct manifest_entry *e)
{
    w->files[e->status]++;
    w->rows[e->status] += e->file.records;
    if (e->status == ENTRY_DELETED)
        return;
    if (e->file.first_row_id >= 0)
        w->numbered_rows += e->file.records;
    if (e->sequence_number >= 0 && (w->min_sequence < 0 || e->sequence_number < w->min_sequence))
        w->min_sequence = e->sequence_number;
}

static bool metric_there(const struct column_metrics *c, int what)
{
    switch (what) {
    case FILE_COLUMN_SIZES:
        return c->size >= 0;
    case FILE_VALUE_COUNTS:
        return c->values >= 0;
    case FILE_NULL_COUNTS:
        return c->nulls >= 0;
    case FILE_NAN_COUNTS:
        return c->nans >= 0;
    case FILE_LOWER_BOUNDS:
        return c->lower.ptr != NULL;
    default:
        return c->upper.ptr != NULL;
    }
}

static void put_metric(struct buf *b, const struct column_metrics *c, int what)
{
    avro_put_long(b, c->field_id);
    if (what == FILE_LOWER_BOUNDS || what == FILE_UPPER_BOUNDS)
        avro_put_bytes(b, what == FILE_LOWER_BOUNDS ? c->lower : c->upper);
    else
        avro_put_long(b, what == FILE_COLUMN_SIZES   ? c->size
                         : what == FILE_VALUE_COUNTS ? c->values
                         : what == FILE_NULL_COUNTS  ? c->nulls
                                                     : c->nans);
}

static void put_map(struct buf *b, const struct data_file *f, int what)
{
    int64_t n = 0;
    for (size_t i = 0; i < f->columns_n; i++)
        n += metric_there(&f->columns[i], what);
    avro_put_long(b, n > 0);
    if (n == 0)
        return;
    avro_put_long(b, n);
    for (size_t i = 0; i < f->columns_n; i++)
        if (metric_there(&f->columns[i], what))
            put_metric(b, &f->columns[i], what);
    avro_put_long(b, 0);
}

static void put_optional_long(struct buf *b, int64_t v)
{
    avro_put_long(b, v >= 0);
    if (v >= 0)
        avro_put_long(b, v);
}

static void put_optional_bytes(struct buf *b, str s)
{
    avro_put_long(b, s.ptr != NULL);
    if (s.ptr != NULL)
        avro_put_bytes(b, s);
}

static void put_list(struct buf *b, const struct data_file *f, int what)
{
    bool offsets = what == FILE_SPLIT_OFFSETS;
    size_t n = offsets ? f->split_offsets_n : f->equality_ids_n;
    avro_put_long(b, n > 0);
    if (n == 0)
        return;
    avro_put_long(b, (int64_t)n);
    for (size_t i = 0; i < n; i++)
        avro_put_long(b, offsets ? f->split_offsets[i] : f->equality_ids[i]);
    avro_put_long(b, 0);
}

/* Java's readers of format 1 and 2 know the formats in capitals; all accept them in both. */
static void put_format(struct buf *b, str format)
{
    char upper[16];
    size_t n = format.len < sizeof upper ? format.len : sizeof upper;
    for (size_t i = 0; i < n; i++) {
        char c = format.ptr[i];
        upper[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    avro_put_bytes(b, str_make(upper, n));
}

static void put_file_field(struct manifest_writer *w, const struct data_file *f, int what)
{
    struct buf *b = &w->avro.block;
    switch (what) {
    case FILE_CONTENT:
        avro_put_long(b, f->content);
        break;
    case FILE_PATH:
        avro_put_bytes(b, f->path);
        break;
    case FILE_FORMAT:
        put_format(b, f->format);
        break;
    case FILE_PARTITION:
        for (size_t i = 0; i < f->partition_n; i++)
            tuple_put(w->types[i], &f->partition[i], b);
        break;
    case FILE_RECORDS:
        avro_put_long(b, f->records);
        break;
    case FILE_SIZE:
        avro_put_long(b, f->size);
        break;
    case FILE_BLOCK_SIZE:
        avro_put_long(b, BLOCK_SIZE_DEFAULT);
        break;
    case FILE_KEY_METADATA:
        put_optional_bytes(b, f->key_metadata);
        break;
    case FILE_SPLIT_OFFSETS:
    case FILE_EQUALITY_IDS:
        put_list(b, f, what);
        break;
    case FILE_SORT_ORDER:
        put_optional_long(b, f->sort_order_id);
        break;
    case FILE_FIRST_ROW_ID:
        put_optional_long(b, f->first_row_id);
        break;
    case FILE_REFERENCED:
        put_optional_bytes(b, f->referenced_file);
        break;
    case FILE_CONTENT_OFFSET:
        put_optional_long(b, f->content_offset);
        break;
    case FILE_CONTENT_SIZE:
        put_optional_long(b, f->content_size);
        break;
    default:
        put_map(b, f, what);
    }
}

bool manifest_writer_add(struct manifest_writer *w, const struct manifest_entry *e,
                         struct error *err)
{
    if (!check_entry(w, e, err))
        return false;
    struct buf *b = &w->avro.block;
    avro_put_long(b, e->status);
    put_optional_long(b, e->snapshot_id >= 0 ? e->snapshot_id : w->options.snapshot_id);
    if (w->options.format_version >= 2) {
        put_optional_long(b, e->sequence_number);
        put_optional_long(b, e->file_sequence_number);
    }
    for (size_t i = 0; i < FILE_FIELDS_N; i++)
        if (is_written(&file_fields[i], w->options.format_version))
            put_file_field(w, &e->file, file_fields[i].what);
    summarize(w, e->file.partition);
    count_entry(w, e);
    return avro_end_record(&w->avro, err);
}

static const struct field_summary *finish_summaries(const struct manifest_writer *w)
{
    size_t n = w->options.spec->fields_n;
    /* An unpartitioned manifest has an empty list, not an unknown one. */
    struct field_summary *out = arena_array(w->arena, struct field_summary, n ? n : 1);
    for (size_t i = 0; i < n; i++) {
        const struct tuple_summary *s = &w->summaries[i];
        out[i] = (struct field_summary){ .contains_null = s->has_null, .contains_nan = s->has_nan };
        if (s->any) {
            out[i].lower = value_encode_in(&s->lower, w->arena);
            out[i].upper = value_encode_in(&s->upper, w->arena);
        }
        if (s->any && out[i].lower.ptr == NULL)
            out[i].lower = STR("");
        if (s->any && out[i].upper.ptr == NULL)
            out[i].upper = STR("");
    }
    return out;
}

bool manifest_writer_finish(struct manifest_writer *w, struct manifest_file *out, struct error *err)
{
    if (!avro_writer_finish(&w->avro, err) || !buf_ok(w->out, "manifest", err))
        return false;
    *out = (struct manifest_file){
        .length = (int64_t)(w->out->len - w->out_begin),
        .spec_id = w->options.spec->id,
        .content = w->options.content,
        .sequence_number = -1,
        .min_sequence_number = w->min_sequence,
        .added_snapshot_id = w->options.snapshot_id,
        .added_files = w->files[ENTRY_ADDED],
        .existing_files = w->files[ENTRY_EXISTING],
        .deleted_files = w->files[ENTRY_DELETED],
        .added_rows = w->rows[ENTRY_ADDED],
        .existing_rows = w->rows[ENTRY_EXISTING],
        .deleted_rows = w->rows[ENTRY_DELETED],
        .partitions = finish_summaries(w),
        .partitions_n = w->options.spec->fields_n,
        .first_row_id = -1,
        .numbered_rows = w->numbered_rows,
    };
    return true;
}
