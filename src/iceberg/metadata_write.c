/* SPDX-License-Identifier: Apache-2.0
 *
 * Table metadata as JSON, in the order and with the omissions of the Java library, so that every
 * reader finds what it expects: v1 carries its deprecated `schema` and `partition-spec` too, an
 * empty table says -1 before v3 and null in v3. */
#include <stdlib.h>

#include "iceberg/metadata_priv.h"

void properties_write(const struct property_list *p, struct json_writer *w)
{
    jw_begin_object(w);
    for (size_t i = 0; i < p->n; i++) {
        jw_key(w, p->at[i].key);
        jw_str(w, p->at[i].value);
    }
    jw_end_object(w);
}

static void write_summary(const struct snapshot *s, struct json_writer *w)
{
    if (s->operation.len == 0 && s->summary.n == 0)
        return;
    jw_kv_object(w, "summary");
    if (s->operation.len > 0)
        jw_kv_str(w, "operation", s->operation);
    for (size_t i = 0; i < s->summary.n; i++) {
        jw_key(w, s->summary.at[i].key);
        jw_str(w, s->summary.at[i].value);
    }
    jw_end_object(w);
}

static void write_manifests(const struct snapshot *s, struct json_writer *w)
{
    if (s->manifest_list.len > 0) {
        jw_kv_str(w, "manifest-list", s->manifest_list);
        return;
    }
    jw_kv_array(w, "manifests");
    for (size_t i = 0; i < s->manifests_n; i++)
        jw_str(w, s->manifests[i]);
    jw_end_array(w);
}

void snapshot_write(const struct snapshot *s, int format_version, struct json_writer *w)
{
    if (s->text.len > 0 && format_version > 1 && !w->pretty) {
        jw_raw(w, s->text);
        return;
    }
    jw_begin_object(w);
    if (format_version > 1 && s->sequence_number > 0)
        jw_kv_int(w, "sequence-number", s->sequence_number);
    jw_kv_int(w, "snapshot-id", s->id);
    if (s->parent_id != SNAPSHOT_NONE)
        jw_kv_int(w, "parent-snapshot-id", s->parent_id);
    jw_kv_int(w, "timestamp-ms", s->timestamp_ms);
    write_summary(s, w);
    write_manifests(s, w);
    if (s->schema_id >= 0)
        jw_kv_int(w, "schema-id", s->schema_id);
    if (s->first_row_id >= 0)
        jw_kv_int(w, "first-row-id", s->first_row_id);
    if (s->added_rows >= 0)
        jw_kv_int(w, "added-rows", s->added_rows);
    if (s->key_id.len > 0)
        jw_kv_str(w, "key-id", s->key_id);
    jw_end_object(w);
}

str snapshot_text(const struct snapshot *s, struct arena *a)
{
    struct buf out = BUF_INIT(SNAPSHOT_TEXT_MAX);
    struct json_writer w;
    jw_init(&w, &out);
    snapshot_write(s, FORMAT_VERSION_MAX, &w);
    str text = out.overflow ? STR("") : arena_str(a, buf_str(&out));
    buf_deinit(&out);
    return text;
}

void snapshot_ref_write_members(const struct snapshot_ref *r, struct json_writer *w)
{
    jw_kv_int(w, "snapshot-id", r->snapshot_id);
    jw_kv_str(w, "type", r->kind == REF_TAG ? STR("tag") : STR("branch"));
    if (r->min_snapshots_to_keep > 0)
        jw_kv_int(w, "min-snapshots-to-keep", r->min_snapshots_to_keep);
    if (r->max_snapshot_age_ms > 0)
        jw_kv_int(w, "max-snapshot-age-ms", r->max_snapshot_age_ms);
    if (r->max_ref_age_ms > 0)
        jw_kv_int(w, "max-ref-age-ms", r->max_ref_age_ms);
}

void snapshot_ref_write(const struct snapshot_ref *r, struct json_writer *w)
{
    jw_begin_object(w);
    snapshot_ref_write_members(r, w);
    jw_end_object(w);
}

static void write_blob(const struct blob_metadata *b, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "type", b->type);
    jw_kv_int(w, "snapshot-id", b->snapshot_id);
    jw_kv_int(w, "sequence-number", b->sequence_number);
    jw_kv_array(w, "fields");
    for (size_t i = 0; i < b->fields_n; i++)
        jw_int(w, b->fields[i]);
    jw_end_array(w);
    if (b->properties.n > 0) {
        jw_key(w, STR("properties"));
        properties_write(&b->properties, w);
    }
    jw_end_object(w);
}

void statistics_file_write(const struct statistics_file *f, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_int(w, "snapshot-id", f->snapshot_id);
    jw_kv_str(w, "statistics-path", f->path);
    jw_kv_int(w, "file-size-in-bytes", f->size);
    jw_kv_int(w, "file-footer-size-in-bytes", f->footer_size);
    if (f->key_metadata.len > 0)
        jw_kv_str(w, "key-metadata", f->key_metadata);
    jw_kv_array(w, "blob-metadata");
    for (size_t i = 0; i < f->blobs_n; i++)
        write_blob(&f->blobs[i], w);
    jw_end_array(w);
    jw_end_object(w);
}

void partition_statistics_file_write(const struct partition_statistics_file *f,
                                     struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_int(w, "snapshot-id", f->snapshot_id);
    jw_kv_str(w, "statistics-path", f->path);
    jw_kv_int(w, "file-size-in-bytes", f->size);
    jw_end_object(w);
}

static void write_schemas(const struct metadata *m, struct json_writer *w)
{
    if (m->format_version == 1) {
        jw_key(w, STR("schema"));
        schema_write(metadata_schema(m), true, w);
    }
    jw_kv_int(w, "current-schema-id", m->current_schema_id);
    jw_kv_array(w, "schemas");
    for (size_t i = 0; i < m->schemas_n; i++)
        schema_write(m->schemas[i], true, w);
    jw_end_array(w);
}

static void write_specs(const struct metadata *m, struct json_writer *w)
{
    if (m->format_version == 1) {
        jw_key(w, STR("partition-spec"));
        partition_fields_write(metadata_spec(m), w);
    }
    jw_kv_int(w, "default-spec-id", m->default_spec_id);
    jw_kv_array(w, "partition-specs");
    for (size_t i = 0; i < m->specs_n; i++)
        partition_spec_write(m->specs[i], w);
    jw_end_array(w);
    jw_kv_int(w, "last-partition-id", m->last_partition_id);
    jw_kv_int(w, "default-sort-order-id", m->default_order_id);
    jw_kv_array(w, "sort-orders");
    for (size_t i = 0; i < m->orders_n; i++)
        sort_order_write(m->orders[i], w);
    jw_end_array(w);
}

static void write_refs(const struct metadata *m, struct json_writer *w)
{
    jw_kv_object(w, "refs");
    for (size_t i = 0; i < m->refs_n; i++) {
        jw_key(w, m->refs[i].name);
        snapshot_ref_write(&m->refs[i], w);
    }
    jw_end_object(w);
}

static int cmp_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Snapshots that a ref points to, in the file's order. */
static void write_ref_snapshots(const struct metadata *m, struct json_writer *w)
{
    struct arena *a = arena_create(0);
    int64_t *ids = arena_array(a, int64_t, m->refs_n);
    for (size_t i = 0; i < m->refs_n; i++)
        ids[i] = m->refs[i].snapshot_id;
    if (m->refs_n > 0)
        qsort(ids, m->refs_n, sizeof *ids, cmp_i64);
    for (size_t i = 0; m->refs_n > 0 && i < m->snapshots_n; i++)
        if (bsearch(&m->snapshots[i]->id, ids, m->refs_n, sizeof *ids, cmp_i64))
            snapshot_write(m->snapshots[i], m->format_version, w);
    arena_destroy(a);
}

static void write_snapshots(const struct metadata *m, bool refs_only, struct json_writer *w)
{
    jw_kv_array(w, "snapshots");
    if (refs_only)
        write_ref_snapshots(m, w);
    else
        for (size_t i = 0; i < m->snapshots_n; i++)
            snapshot_write(m->snapshots[i], m->format_version, w);
    jw_end_array(w);
}

static void write_statistics(const struct metadata *m, struct json_writer *w)
{
    jw_kv_array(w, "statistics");
    for (size_t i = 0; i < m->statistics_n; i++)
        statistics_file_write(&m->statistics[i], w);
    jw_end_array(w);
    jw_kv_array(w, "partition-statistics");
    for (size_t i = 0; i < m->partition_statistics_n; i++)
        partition_statistics_file_write(&m->partition_statistics[i], w);
    jw_end_array(w);
}

static void write_logs(const struct metadata *m, struct json_writer *w)
{
    jw_kv_array(w, "snapshot-log");
    for (size_t i = 0; i < m->snapshot_log_n; i++) {
        jw_begin_object(w);
        jw_kv_int(w, "timestamp-ms", m->snapshot_log[i].timestamp_ms);
        jw_kv_int(w, "snapshot-id", m->snapshot_log[i].snapshot_id);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_kv_array(w, "metadata-log");
    for (size_t i = 0; i < m->metadata_log_n; i++) {
        jw_begin_object(w);
        jw_kv_int(w, "timestamp-ms", m->metadata_log[i].timestamp_ms);
        jw_kv_str(w, "metadata-file", m->metadata_log[i].file);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void write_current_snapshot(const struct metadata *m, struct json_writer *w)
{
    if (m->current_snapshot_id == SNAPSHOT_NONE && m->format_version > 2)
        jw_kv_null(w, "current-snapshot-id");
    else
        jw_kv_int(w, "current-snapshot-id", m->current_snapshot_id);
    if (m->format_version > 2)
        jw_kv_int(w, "next-row-id", m->next_row_id);
    if (m->keys_n == 0)
        return;
    jw_kv_array(w, "encryption-keys");
    for (size_t i = 0; i < m->keys_n; i++)
        jw_json(w, m->keys[i].json);
    jw_end_array(w);
}

void metadata_write_json(const struct metadata *m, bool refs_only, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_int(w, "format-version", m->format_version);
    if (m->uuid.len > 0)
        jw_kv_str(w, "table-uuid", m->uuid);
    jw_kv_str(w, "location", m->location);
    if (m->format_version > 1)
        jw_kv_int(w, "last-sequence-number", m->last_sequence_number);
    jw_kv_int(w, "last-updated-ms", m->last_updated_ms);
    jw_kv_int(w, "last-column-id", m->last_column_id);
    write_schemas(m, w);
    write_specs(m, w);
    jw_key(w, STR("properties"));
    properties_write(&m->properties, w);
    write_current_snapshot(m, w);
    write_refs(m, w);
    write_snapshots(m, refs_only, w);
    write_statistics(m, w);
    write_logs(m, w);
    jw_end_object(w);
}

void metadata_write(const struct metadata *m, struct buf *out)
{
    struct json_writer w;
    jw_init(&w, out);
    metadata_write_json(m, false, &w);
}
