/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/equality.h"

#include <errno.h>
#include <sys/stat.h>

#include "codec/uuid.h"
#include "engine/parquet.h"
#include "engine/quote.h"
#include "iceberg/metrics.h"
#include "iceberg/scan.h"
#include "iceberg/update.h"
#include "io/store.h"
#include "sql/delta.h"
#include "sql/dml_priv.h"
#include "sql/lake.h"
#include "sql/write_options.h"

#define KEY_SQL_MAX ((size_t)1 << 20)

struct equality {
    struct dml d;
    const struct delta_request *q;
    struct field *fields;              /* of the keys, ascending by id, all optional */
    size_t *columns;                   /* the request's column of each */
    int32_t *ids;                      /* likewise */
    const struct schema *keys;         /* the columns of the delete files */
    const struct partition_spec *spec; /* of the files; NULL: one without fields, to be settled */
};

/* ---- Keys */

/* As for identifier fields, but that they may be null; what is nested could be, too, and is not built. */
static bool can_be_key(const struct field *f, struct error *err)
{
    enum type_kind k = f->type->kind;
    if (k == TYPE_FLOAT || k == TYPE_DOUBLE)
        return fail(err, ERR_INVALID, "the column " STR_FMT " is a floating number: no key",
                    STR_ARG(f->name));
    if (k == TYPE_UNKNOWN || k >= TYPE_GEOMETRY)
        return fail(err, ERR_INVALID, "the column " STR_FMT " is a %s: no key", STR_ARG(f->name),
                    type_kind_name(k));
    return true;
}

static const struct field *find_key(struct equality *e, size_t i, struct error *err)
{
    const struct schema *s = e->d.schema;
    const struct delta_rows *keys = &e->q->keys;
    const struct field *f = e->q->key_ids ? schema_field_by_id(s, e->q->key_ids[i])
                                          : schema_field_by_name(s, keys->columns[i], false);
    if (!f && e->q->key_ids)
        fail(err, ERR_INVALID, "the table has no field %d to be a key", (int)e->q->key_ids[i]);
    else if (!f)
        fail(err, ERR_INVALID, "the table has no column " STR_FMT " to be a key",
             STR_ARG(keys->columns[i]));
    else if (schema_column_index(s, f->id) < 0)
        fail(err, ERR_UNSUPPORTED, "the key " STR_FMT " is nested: columns only",
             STR_ARG(schema_name_of(s, f->id)));
    else if (can_be_key(f, err))
        return f;
    return NULL;
}

static bool take_keys(struct equality *e, struct error *err)
{
    struct arena *a = e->d.a;
    size_t n = e->q->keys.columns_n;
    if (e->q->key_ids && e->q->key_ids_n != n)
        return fail(err, ERR_INVALID, "the keys have %zu columns, and %zu field ids are given", n,
                    e->q->key_ids_n);
    e->fields = arena_array(a, struct field, n);
    e->columns = arena_array(a, size_t, n);
    e->ids = arena_array(a, int32_t, n);
    for (size_t i = 0; i < n; i++) {
        const struct field *f = find_key(e, i, err);
        size_t at = i;
        if (!f)
            return false;
        for (; at > 0 && e->fields[at - 1].id > f->id; at--) {
            e->fields[at] = e->fields[at - 1];
            e->columns[at] = e->columns[at - 1];
        }
        if (at > 0 && e->fields[at - 1].id == f->id)
            return fail(err, ERR_INVALID, "the key " STR_FMT " is there twice", STR_ARG(f->name));
        e->fields[at] = *f;
        e->fields[at].required = false; /* a null is a key, too, which no row may have */
        e->columns[at] = i;
    }
    for (size_t i = 0; i < n; i++)
        e->ids[i] = e->fields[i].id;
    return n > 0 ? schema_build(0, e->fields, n, NULL, 0, a, &e->keys, err)
                 : fail(err, ERR_INVALID, "the keys have no columns");
}

/* ---- Scope */

static bool is_key(const struct equality *e, int32_t id)
{
    for (size_t i = 0; i < e->keys->fields_n; i++)
        if (e->ids[i] == id)
            return true;
    return false;
}

/* Every row with a key's values is in the partition that these values make. */
static bool says_partition(const struct equality *e, const struct partition_spec *spec)
{
    for (size_t i = 0; i < spec->fields_n; i++) {
        const struct partition_field *f = &spec->fields[i];
        bool voided = f->transform.kind == TRANSFORM_VOID;
        if (f->source_ids_n > 1 || f->transform.kind == TRANSFORM_UNKNOWN ||
            (!voided && !is_key(e, f->source_id)))
            return false;
    }
    return true;
}

/* Deletes of a partition apply to files of the same spec only. */
static bool is_only_spec(struct equality *e, int32_t id, bool *only, struct error *err)
{
    struct dml *d = &e->d;
    const struct snapshot *head = target_head(d->table.metadata, d->to.branch);
    struct manifest_file *manifests;
    size_t n = 0;
    *only = true;
    if (head && !scan_manifests(d->run->lake->warehouse, head, d->a, &manifests, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        *only = *only && (manifests[i].content != MANIFEST_DATA || manifests[i].spec_id == id);
    return true;
}

static bool find_scope(struct equality *e, struct error *err)
{
    const struct partition_spec *spec = metadata_spec(e->d.table.metadata);
    bool only = true;
    if (!partition_spec_is_unpartitioned(spec)) {
        if (!is_only_spec(e, spec->id, &only, err))
            return false;
        only = only && says_partition(e, spec);
    }
    e->spec = only ? spec : NULL;
    e->d.unscoped = !only;
    return true;
}

static const struct table_update add_spec = { .kind = UPDATE_ADD_SPEC,
                                              .spec = &partition_spec_none };

static const struct partition_spec *unpartitioned(const struct metadata *m)
{
    for (size_t i = 0; i < m->specs_n; i++)
        if (partition_spec_is_unpartitioned(m->specs[i]))
            return m->specs[i];
    return NULL;
}

bool equality_settle_spec(struct dml *d, struct arena *a, const struct metadata **base,
                          struct error *err)
{
    const struct partition_spec *spec = unpartitioned(*base);
    if (!spec) {
        if (!metadata_apply(*base, (str){ 0 }, &add_spec, 1, env_now_ms(d->run->lake->env), a, base,
                            err))
            return false;
        spec = unpartitioned(*base);
        ASSERT(spec);
    }
    for (size_t i = 0; i < d->deletes.n; i++) {
        d->deletes.at[i].spec_id = spec->id;
        d->deletes.at[i].partition_n = spec->fields_n; /* voids */
        d->deletes.at[i].partition = NULL;
        if (spec->fields_n) {
            struct value *nulls = arena_array(a, struct value, spec->fields_n);
            for (size_t k = 0; k < spec->fields_n; k++)
                nulls[k] = (struct value){ .is_null = true };
            d->deletes.at[i].partition = nulls;
        }
    }
    return true;
}

void equality_add_spec(struct arena *a, struct table_update **updates, size_t *n)
{
    struct table_update *all = arena_array(a, struct table_update, *n + 1);
    all[0] = add_spec;
    memcpy(all + 1, *updates, *n * sizeof *all);
    *updates = all;
    *n += 1;
}

/* ---- Files */

static str key_query(struct equality *e)
{
    struct buf sql = BUF_INIT(KEY_SQL_MAX);
    buf_lit(&sql, "SELECT DISTINCT ");
    for (size_t i = 0; i < e->keys->fields_n; i++) {
        buf_add_str(&sql, i ? STR(", ") : STR(""));
        quote_ident(&sql, e->q->keys.columns[e->columns[i]]);
    }
    buf_lit(&sql, " FROM ");
    quote_ident(&sql, e->q->keys.table);
    str text = arena_str(e->d.a, buf_str(&sql));
    buf_deinit(&sql);
    return text;
}

static bool describe(struct equality *e, const struct parquet_file *f, str path,
                     struct data_file *out, struct error *err)
{
    struct dml *d = &e->d;
    struct column_metrics *columns;
    *out = (struct data_file){ .content = FILE_EQUALITY_DELETES,
                               .spec_id = e->spec ? e->spec->id : 0,
                               .path = store_uri(d->run->lake->warehouse, path, d->a),
                               .format = STR("parquet"),
                               .partition = f->partition,
                               .partition_n = f->partition ? e->spec->fields_n : 0,
                               .records = f->rows,
                               .size = f->size,
                               .equality_ids = e->ids,
                               .equality_ids_n = e->keys->fields_n,
                               .sort_order_id = -1,
                               .first_row_id = -1,
                               .content_offset = -1,
                               .content_size = -1 };
    if (!metrics_make(d->schema, NULL, &d->table.metadata->properties, f->stats, f->stats_n, d->a,
                      &columns, &out->columns_n, err))
        return false;
    out->columns = columns;
    d->rows += f->rows;
    return true;
}

static bool publish(struct equality *e, const struct parquet_file *files, size_t n, str data,
                    str prefix, struct error *err)
{
    struct dml *d = &e->d;
    struct store *store = d->run->lake->warehouse;
    for (size_t i = 0; i < n; i++) {
        str folder =
            files[i].partition ? partition_path(e->spec, files[i].partition, d->a) : (str){ 0 };
        str path =
            arena_printf(d->a, STR_FMT "/" STR_FMT "%s" STR_FMT "-%05zu.parquet", STR_ARG(data),
                         STR_ARG(folder), folder.len ? "/" : "", STR_ARG(prefix), i + 1);
        struct data_file *out = vec_push(d->a, &d->deletes); /* named before the attempt */
        if (!describe(e, &files[i], path, out, err) || !cancel_check(d->run->req->cancel, err) ||
            !store_publish(store, path, files[i].path, STORE_CREATE_NEW, err))
            return false;
    }
    return true;
}

static str new_prefix(struct dml *d)
{
    uint8_t random[16];
    char text[UUID_TEXT_LEN + 1];
    env_random(d->run->lake->env, random, sizeof random);
    struct uuid id = uuid_v4(random);
    return arena_printf(d->a, STR_FMT "-eq-deletes", STR_ARG(uuid_format(&id, text)));
}

static bool write_keys(struct equality *e, struct error *err)
{
    struct dml *d = &e->d;
    struct store *store = d->run->lake->warehouse;
    struct parquet_file *files;
    size_t n;
    str data, dir;
    struct parquet_write w = { .query = key_query(e),
                               .schema = e->keys,
                               .spec = e->spec,
                               .prefix = new_prefix(d),
                               .file_bytes = metadata_property_int(
                                   d->table.metadata, "write.delete.target-file-size-bytes", 0) };
    if (!write_options(d->table.metadata, d->a, &w, err) ||
        !write_data_path(d->run->lake, &d->table, d->table.metadata, d->a, &data, err) ||
        !store_stage(store, arena_printf(d->a, STR_FMT "/deletes", STR_ARG(data)), d->a, &dir, err))
        return false;
    w.dir = dir.ptr;
    bool ok = mkdir(w.dir, 0777) == 0 || fail_errno(err, errno, "make the folder %s", w.dir);
    ok = ok && parquet_write(d->run->session, &w, d->a, &files, &n, err) &&
         publish(e, files, n, data, w.prefix, err);
    store_discard(store, dir);
    return ok;
}

/* ---- Rows */

static ptrdiff_t place_of(const struct delta_rows *rows, str column)
{
    for (size_t i = 0; i < rows->columns_n; i++)
        if (str_eq_nocase(rows->columns[i], column))
            return (ptrdiff_t)i;
    return -1;
}

/* The table's columns in order, of the stream's by name; others get their default. */
static bool rows_query(struct equality *e, struct buf *sql, struct error *err)
{
    const struct delta_rows *rows = &e->q->rows;
    const struct schema *s = e->d.schema;
    for (size_t i = 0; i < rows->columns_n; i++) {
        const struct field *f = schema_field_by_name(s, rows->columns[i], false);
        if (!f || schema_column_index(s, f->id) < 0)
            return fail(err, ERR_INVALID, "the table has no column " STR_FMT,
                        STR_ARG(rows->columns[i]));
    }
    buf_lit(sql, "SELECT ");
    for (size_t i = 0; i < s->fields_n; i++) {
        ptrdiff_t at = place_of(rows, s->fields[i].name);
        buf_add_str(sql, i ? STR(", ") : STR(""));
        if (at >= 0)
            quote_ident(sql, rows->columns[at]);
        else if (!quote_default(sql, &s->fields[i], err))
            return false;
    }
    buf_lit(sql, " FROM ");
    quote_ident(sql, rows->table);
    return buf_ok(sql, "the rows", err);
}

static bool write_rows(struct equality *e, struct error *err)
{
    struct dml *d = &e->d;
    struct buf sql = BUF_INIT(KEY_SQL_MAX);
    if (!e->q->rows.table.len)
        return true;
    bool ok = rows_query(e, &sql, err);
    struct rows_request req = { .session = d->run->session,
                                .table = d->table.metadata,
                                .query = arena_str(d->a, buf_str(&sql)),
                                .cancel = d->run->req->cancel };
    buf_deinit(&sql);
    if (!ok || !sql_write_rows(d->run->lake, &req, d->a, &d->added, &d->added_n, err))
        return false;
    for (size_t i = 0; i < d->added_n; i++)
        d->rows += d->added[i].records;
    return true;
}

/* ---- All of it */

static bool open_table(struct equality *e, struct error *err)
{
    struct dml *d = &e->d;
    str ns, name;
    if (!name_split(e->q->table, d->a, &ns, &name, err))
        return false;
    d->statement = (struct dml_statement){ .kind = DML_MERGE,
                                           .schema = ns_to_text(ns, d->a),
                                           .name = name,
                                           .alias = name,
                                           .dotted = e->q->table };
    if (!dml_open(d, err))
        return false;
    if (d->table.metadata->format_version < 2)
        return fail(err, ERR_INVALID, "format version 1 has no delete files: upgrade the table");
    /* What is deleted was not read: nothing that others do meanwhile contradicts it. */
    d->deletes_only = d->merge_on_read = true;
    d->serializable = false;
    return true;
}

bool run_equality_delta(struct run *r, const struct delta_request *q, struct error *err)
{
    struct equality e = { .d = { .run = r, .a = r->a }, .q = q };
    if (q->filter.len)
        return fail(err, ERR_INVALID, "equality deletes are of keys: no filter goes with them");
    if (open_table(&e, err) && take_keys(&e, err) && find_scope(&e, err) && write_keys(&e, err) &&
        write_rows(&e, err) && dml_commit(&e.d, err))
        return true;
    dml_drop(&e.d);
    return fail_in(err, "change " STR_FMT, STR_ARG(q->table));
}
