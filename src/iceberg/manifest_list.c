/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/manifest_list.h"

#include "base/vec.h"
#include "codec/avro.h"
#include "iceberg/avro_plan_priv.h"
#include "iceberg/partition.h"

/* Iceberg specification, "Manifest Lists".  The order is that of the Java library's format 2; the
 * numbers say in which formats a field is written. */
enum list_field {
    F_PATH,
    F_LENGTH,
    F_SPEC,
    F_CONTENT,
    F_SEQUENCE,
    F_MIN_SEQUENCE,
    F_SNAPSHOT,
    F_ADDED_FILES,
    F_EXISTING_FILES,
    F_DELETED_FILES,
    F_ADDED_ROWS,
    F_EXISTING_ROWS,
    F_DELETED_ROWS,
    F_PARTITIONS,
    F_KEY,
    F_FIRST_ROW_ID,
};

static const struct plan_field list_fields[] = {
    { F_PATH, 500, PLAN_BYTES, true, "manifest_path", NULL },
    { F_LENGTH, 501, PLAN_LONG, true, "manifest_length", NULL },
    { F_SPEC, 502, PLAN_LONG, false, "partition_spec_id", NULL },
    { F_CONTENT, 517, PLAN_LONG, false, "content", NULL },
    { F_SEQUENCE, 515, PLAN_LONG, false, "sequence_number", NULL },
    { F_MIN_SEQUENCE, 516, PLAN_LONG, false, "min_sequence_number", NULL },
    { F_SNAPSHOT, 503, PLAN_LONG, false, "added_snapshot_id", NULL },
    { F_ADDED_FILES, 504, PLAN_LONG, false, "added_files_count", "added_data_files_count" },
    { F_EXISTING_FILES, 505, PLAN_LONG, false, "existing_files_count",
      "existing_data_files_count" },
    { F_DELETED_FILES, 506, PLAN_LONG, false, "deleted_files_count", "deleted_data_files_count" },
    { F_ADDED_ROWS, 512, PLAN_LONG, false, "added_rows_count", NULL },
    { F_EXISTING_ROWS, 513, PLAN_LONG, false, "existing_rows_count", NULL },
    { F_DELETED_ROWS, 514, PLAN_LONG, false, "deleted_rows_count", NULL },
    { F_PARTITIONS, 507, PLAN_ARRAY, false, "partitions", NULL },
    { F_KEY, 519, PLAN_BYTES, false, "key_metadata", NULL },
    { F_FIRST_ROW_ID, 520, PLAN_LONG, false, "first_row_id", NULL },
};
#define LIST_FIELDS (sizeof list_fields / sizeof list_fields[0])

enum summary_field { S_NULL, S_NAN, S_LOWER, S_UPPER };

static const struct plan_field summary_fields[] = {
    { S_NULL, 509, PLAN_BOOL, true, "contains_null", NULL },
    { S_NAN, 518, PLAN_BOOL, false, "contains_nan", NULL },
    { S_LOWER, 510, PLAN_BYTES, false, "lower_bound", NULL },
    { S_UPPER, 511, PLAN_BYTES, false, "upper_bound", NULL },
};
#define SUMMARY_FIELDS (sizeof summary_fields / sizeof summary_fields[0])

/* --- reading --- */

struct list_reader {
    struct arena *arena;
    struct plan plan;
    struct plan_step summary; /* the items of `partitions` */
    struct plan summary_plan;
};

static struct field_summary read_summary(const struct list_reader *r, struct avro_rd *rd)
{
    struct field_summary s = { .contains_nan = -1 };
    for (size_t i = 0; i < r->summary_plan.n; i++) {
        const struct plan_step *step = &r->summary_plan.steps[i];
        if (step->what == PLAN_SKIP) {
            avro_skip(step->type, rd);
            continue;
        }
        if (!plan_present(step, rd))
            continue;
        if (step->what == S_NULL)
            s.contains_null = avro_bool(rd);
        else if (step->what == S_NAN)
            s.contains_nan = avro_bool(rd);
        else if (step->what == S_LOWER)
            s.lower = avro_bytes(rd);
        else
            s.upper = avro_bytes(rd);
    }
    return s;
}

static void read_summaries(const struct list_reader *r, struct avro_rd *rd, struct manifest_file *m)
{
    VEC(struct field_summary) list = { 0 };
    struct avro_items it = { 0 };
    while (avro_items_next(rd, &it)) {
        struct field_summary s = { .contains_null = true, .contains_nan = -1 };
        if (plan_present(&r->summary, rd))
            s = read_summary(r, rd);
        if (list.n == PARTITION_FIELDS_MAX) {
            rd->bad = true;
            return;
        }
        *vec_push(r->arena, &list) = s;
    }
    m->partitions = list.at;
    m->partitions_n = list.n;
}

static void read_field(const struct list_reader *r, const struct plan_step *step,
                       struct avro_rd *rd, struct manifest_file *m)
{
    switch ((enum list_field)step->what) {
    case F_PATH:
        m->path = avro_bytes(rd);
        break;
    case F_LENGTH:
        m->length = avro_long(rd);
        break;
    case F_SPEC:
        m->spec_id = avro_int(rd);
        break;
    case F_CONTENT:
        m->content = (enum manifest_content)avro_index(rd, 2);
        break;
    case F_SEQUENCE:
        m->sequence_number = avro_long(rd);
        break;
    case F_MIN_SEQUENCE:
        m->min_sequence_number = avro_long(rd);
        break;
    case F_SNAPSHOT:
        m->added_snapshot_id = avro_long(rd);
        break;
    case F_ADDED_FILES:
        m->added_files = avro_long(rd);
        break;
    case F_EXISTING_FILES:
        m->existing_files = avro_long(rd);
        break;
    case F_DELETED_FILES:
        m->deleted_files = avro_long(rd);
        break;
    case F_ADDED_ROWS:
        m->added_rows = avro_long(rd);
        break;
    case F_EXISTING_ROWS:
        m->existing_rows = avro_long(rd);
        break;
    case F_DELETED_ROWS:
        m->deleted_rows = avro_long(rd);
        break;
    case F_PARTITIONS:
        read_summaries(r, rd, m);
        break;
    case F_KEY:
        m->key_metadata = avro_bytes(rd);
        break;
    case F_FIRST_ROW_ID:
        m->first_row_id = avro_long(rd);
        break;
    }
}

struct manifest_file manifest_unknown(void)
{
    return (struct manifest_file){
        .added_snapshot_id = -1,
        .added_files = -1,
        .existing_files = -1,
        .deleted_files = -1,
        .added_rows = -1,
        .existing_rows = -1,
        .deleted_rows = -1,
        .first_row_id = -1,
    };
}

static struct manifest_file read_manifest(const struct list_reader *r, struct avro_rd *rd)
{
    struct manifest_file m = manifest_unknown();
    for (size_t i = 0; i < r->plan.n; i++) {
        const struct plan_step *step = &r->plan.steps[i];
        if (step->what == PLAN_SKIP)
            avro_skip(step->type, rd);
        else if (plan_present(step, rd))
            read_field(r, step, rd, &m);
    }
    return m;
}

static bool check_manifest(const struct manifest_file *m, struct error *err)
{
    if (m->path.len == 0)
        return fail(err, ERR_CORRUPT, "manifest list: a manifest has no path");
    if (m->length < 0 || m->sequence_number < 0)
        return fail(err, ERR_CORRUPT,
                    "manifest list: manifest " STR_FMT " has length %lld, sequence number %lld",
                    STR_ARG(m->path), (long long)m->length, (long long)m->sequence_number);
    return true;
}

static bool plan_list(const struct avro_schema *schema, struct arena *a, struct list_reader *r,
                      struct error *err)
{
    *r = (struct list_reader){ .arena = a };
    if (!plan_make(schema, list_fields, LIST_FIELDS, "manifest list", a, &r->plan, err))
        return false;
    for (size_t i = 0; i < r->plan.n; i++) {
        if (r->plan.steps[i].what != F_PARTITIONS)
            continue;
        if (!plan_value(r->plan.steps[i].type->items, PLAN_RECORD, &r->summary))
            return fail(err, ERR_CORRUPT, "manifest list: partitions hold no records");
        return plan_make(r->summary.type, summary_fields, SUMMARY_FIELDS,
                         "manifest list partitions", a, &r->summary_plan, err);
    }
    return true;
}

bool manifest_list_parse(str bytes, struct arena *a, struct manifest_file **out, size_t *n,
                         struct error *err)
{
    struct avro_reader avro;
    struct list_reader r;
    if (!avro_open(&avro, bytes, a, err) || !plan_list(avro.schema, a, &r, err))
        return false;
    VEC(struct manifest_file) list = { 0 };
    for (;;) {
        struct avro_rd rd;
        size_t count;
        if (!avro_next_block(&avro, a, &rd, &count, err))
            return false;
        if (count == 0)
            break;
        if (count > MANIFESTS_MAX - list.n)
            return fail(err, ERR_LIMIT, "manifest list has more than %d manifests", MANIFESTS_MAX);
        for (size_t i = 0; i < count && !rd.bad; i++) {
            struct manifest_file m = read_manifest(&r, &rd);
            if (!rd.bad && !check_manifest(&m, err))
                return false;
            *vec_push(a, &list) = m;
        }
        if (!avro_end_block(&avro, &rd, err))
            return fail_in(err, "manifest list");
    }
    *out = list.at;
    *n = list.n;
    return true;
}

bool manifest_has_live(const struct manifest_file *m)
{
    return m->added_files != 0 || m->existing_files != 0;
}

/* --- writing --- */

#define SUMMARY_TYPE                                                                               \
    "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"r508\",\"fields\":["            \
    "{\"name\":\"contains_null\",\"type\":\"boolean\",\"field-id\":509},"                          \
    "{\"name\":\"contains_nan\",\"type\":[\"null\",\"boolean\"],\"default\":null,"                 \
    "\"field-id\":518},"                                                                           \
    "{\"name\":\"lower_bound\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":510},"  \
    "{\"name\":\"upper_bound\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":511}"   \
    "]},\"element-id\":508}"

static const struct {
    const char *type;
    bool optional_v1; /* may be null in format 1 */
    bool optional;    /* in later ones */
    int since;
} write_fields[] = {
    [F_PATH] = { "\"string\"", false, false, 1 },
    [F_LENGTH] = { "\"long\"", false, false, 1 },
    [F_SPEC] = { "\"int\"", false, false, 1 },
    [F_CONTENT] = { "\"int\"", false, false, 2 },
    [F_SEQUENCE] = { "\"long\"", false, false, 2 },
    [F_MIN_SEQUENCE] = { "\"long\"", false, false, 2 },
    [F_SNAPSHOT] = { "\"long\"", false, false, 1 },
    [F_ADDED_FILES] = { "\"int\"", true, false, 1 },
    [F_EXISTING_FILES] = { "\"int\"", true, false, 1 },
    [F_DELETED_FILES] = { "\"int\"", true, false, 1 },
    [F_ADDED_ROWS] = { "\"long\"", true, false, 1 },
    [F_EXISTING_ROWS] = { "\"long\"", true, false, 1 },
    [F_DELETED_ROWS] = { "\"long\"", true, false, 1 },
    [F_PARTITIONS] = { SUMMARY_TYPE, true, true, 1 },
    [F_KEY] = { "\"bytes\"", true, true, 1 },
    [F_FIRST_ROW_ID] = { "\"long\"", true, true, 3 },
};

static bool field_optional(size_t i, int version)
{
    return version == 1 ? write_fields[i].optional_v1 : write_fields[i].optional;
}

static void list_schema(int version, struct buf *out)
{
    buf_lit(out, "{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":[");
    for (size_t i = 0; i < LIST_FIELDS; i++) {
        if (write_fields[i].since > version)
            continue;
        bool optional = field_optional(i, version);
        buf_printf(out, "%s{\"name\":\"%s\",\"type\":%s%s%s%s,\"field-id\":%d}", i ? "," : "",
                   list_fields[i].name, optional ? "[\"null\"," : "", write_fields[i].type,
                   optional ? "]" : "", optional ? ",\"default\":null" : "",
                   (int)list_fields[i].id);
    }
    buf_lit(out, "]}");
}

static void put_optional_bytes(struct buf *b, str s)
{
    avro_put_long(b, s.ptr != NULL);
    if (s.ptr != NULL)
        avro_put_bytes(b, s);
}

static void put_summaries(struct buf *b, const struct manifest_file *m)
{
    if (m->partitions_n > 0)
        avro_put_long(b, (int64_t)m->partitions_n);
    for (size_t i = 0; i < m->partitions_n; i++) {
        const struct field_summary *s = &m->partitions[i];
        avro_put_bool(b, s->contains_null);
        avro_put_long(b, s->contains_nan >= 0);
        if (s->contains_nan >= 0)
            avro_put_bool(b, s->contains_nan == 1);
        put_optional_bytes(b, s->lower);
        put_optional_bytes(b, s->upper);
    }
    avro_put_long(b, 0);
}

static int64_t list_number(enum list_field f, const struct manifest_file *m)
{
    switch (f) {
    case F_LENGTH:
        return m->length;
    case F_SPEC:
        return m->spec_id;
    case F_CONTENT:
        return m->content;
    case F_SEQUENCE:
        return m->sequence_number;
    case F_MIN_SEQUENCE:
        return m->min_sequence_number;
    case F_SNAPSHOT:
        return m->added_snapshot_id;
    case F_ADDED_FILES:
        return m->added_files;
    case F_EXISTING_FILES:
        return m->existing_files;
    case F_DELETED_FILES:
        return m->deleted_files;
    case F_ADDED_ROWS:
        return m->added_rows;
    case F_EXISTING_ROWS:
        return m->existing_rows;
    case F_DELETED_ROWS:
        return m->deleted_rows;
    case F_FIRST_ROW_ID:
        return m->first_row_id;
    default:
        panic("manifest list field %d is no number", (int)f);
    }
}

static void put_field(struct buf *b, enum list_field f, const struct manifest_file *m, int version)
{
    bool optional = field_optional(f, version);
    if (f == F_PATH) {
        avro_put_bytes(b, m->path);
    } else if (f == F_KEY) {
        put_optional_bytes(b, m->key_metadata);
    } else if (f == F_PARTITIONS) {
        avro_put_long(b, m->partitions != NULL);
        if (m->partitions != NULL)
            put_summaries(b, m);
    } else {
        int64_t v = list_number(f, m);
        if (optional)
            avro_put_long(b, v >= 0);
        if (!optional || v >= 0)
            avro_put_long(b, v);
    }
}

static bool check_counts(const struct manifest_file *m, int version, struct error *err)
{
    bool known = m->added_files >= 0 && m->existing_files >= 0 && m->deleted_files >= 0 &&
                 m->added_rows >= 0 && m->existing_rows >= 0 && m->deleted_rows >= 0;
    if (version > 1 && !known)
        return fail(err, ERR_INVALID,
                    "manifest " STR_FMT ": format %d needs counts of files and rows",
                    STR_ARG(m->path), version);
    if (version == 1 && m->content == MANIFEST_DELETES)
        return fail(err, ERR_INVALID, "manifest " STR_FMT ": format 1 has no delete files",
                    STR_ARG(m->path));
    return true;
}

static bool put_manifest(struct avro_writer *w, const struct manifest_list_info *info,
                         const struct manifest_file *manifest, int64_t *next_row_id,
                         struct error *err)
{
    struct manifest_file m = *manifest;
    if (m.sequence_number < 0)
        m.sequence_number = info->sequence_number;
    if (m.min_sequence_number < 0)
        m.min_sequence_number = info->sequence_number;
    if (!check_counts(&m, info->format_version, err))
        return false;
    if (info->format_version >= 3 && m.content == MANIFEST_DATA && m.first_row_id < 0) {
        m.first_row_id = *next_row_id;
        *next_row_id += m.added_rows + m.existing_rows - m.numbered_rows;
    }
    for (size_t i = 0; i < LIST_FIELDS; i++)
        if (write_fields[i].since <= info->format_version)
            put_field(&w->block, (enum list_field)i, &m, info->format_version);
    return avro_end_record(w, err);
}

static str number_text(struct arena *a, int64_t v)
{
    return arena_printf(a, "%lld", (long long)v);
}

static size_t list_meta(const struct manifest_list_info *info, struct arena *a,
                        struct avro_meta meta[5])
{
    size_t n = 0;
    meta[n++] = (struct avro_meta){ STR("snapshot-id"), number_text(a, info->snapshot_id) };
    meta[n++] =
        (struct avro_meta){ STR("parent-snapshot-id"),
                            info->parent_id < 0 ? STR("null") : number_text(a, info->parent_id) };
    if (info->format_version >= 2)
        meta[n++] =
            (struct avro_meta){ STR("sequence-number"), number_text(a, info->sequence_number) };
    if (info->format_version >= 3)
        meta[n++] = (struct avro_meta){ STR("first-row-id"), number_text(a, info->first_row_id) };
    meta[n++] = (struct avro_meta){ STR("format-version"), number_text(a, info->format_version) };
    return n;
}

static bool write_list(const struct manifest_list_info *info, const struct manifest_file *manifests,
                       size_t n, struct arena *a, struct buf *out, int64_t *next_row_id,
                       struct error *err)
{
    struct buf schema = BUF_INIT(AVRO_SCHEMA_BYTES_MAX);
    list_schema(info->format_version, &schema);
    struct avro_meta meta[5];
    size_t meta_n = list_meta(info, a, meta);
    struct avro_writer w;
    bool ok = avro_writer_init(&w, out, buf_str(&schema), meta, meta_n, AVRO_CODEC_DEFLATE,
                               info->sync, err);
    for (size_t i = 0; ok && i < n; i++)
        ok = put_manifest(&w, info, &manifests[i], next_row_id, err);
    ok = ok && avro_writer_finish(&w, err);
    avro_writer_deinit(&w);
    buf_deinit(&schema);
    return ok;
}

bool manifest_list_write(const struct manifest_list_info *info,
                         const struct manifest_file *manifests, size_t n, struct buf *out,
                         int64_t *next_row_id, struct error *err)
{
    int64_t next = info->first_row_id;
    struct arena *a = arena_create(0);
    bool ok = write_list(info, manifests, n, a, out, &next, err);
    arena_destroy(a);
    if (next_row_id != NULL)
        *next_row_id = next;
    return ok && buf_ok(out, "manifest list", err);
}
