/* SPDX-License-Identifier: Apache-2.0
 *
 * The manifests of a new snapshot.  Files added go to manifests of their own; a manifest that
 * loses files is written again, with the lost ones marked as deleted by this snapshot and the
 * others as existing; all other manifests are carried over untouched, unless there are so many
 * small ones that they are merged. */
#include "base/env.h"
#include "iceberg/delete_index_priv.h"
#include "iceberg/scan.h"
#include "iceberg/snapshot_priv.h"
#include "io/store.h"

#define MERGE_COUNT_DEFAULT 100 /* commit.manifest.min-count-to-merge */

/* --- schemas of specs --- */

static bool has_sources(const struct schema *s, const struct partition_spec *spec)
{
    for (size_t i = 0; i < spec->fields_n; i++)
        if (schema_field_by_id(s, spec->fields[i].source_id) == NULL)
            return false;
    return true;
}

/* The current schema, or the newest that still has the columns of an old spec. */
const struct schema *snapshot_schema_of_spec(const struct metadata *m,
                                             const struct partition_spec *spec)
{
    const struct schema *current = metadata_schema(m);
    if (has_sources(current, spec))
        return current;
    for (size_t i = m->schemas_n; i-- > 0;)
        if (has_sources(m->schemas[i], spec))
            return m->schemas[i];
    return current;
}

/* --- output: entries to manifests of about the target size --- */

static struct field_summary *copy_summaries(const struct manifest_file *m, struct arena *a)
{
    struct field_summary *s = arena_array(a, struct field_summary, m->partitions_n + 1);
    for (size_t i = 0; i < m->partitions_n; i++) {
        s[i] = m->partitions[i];
        if (s[i].lower.len > 0)
            s[i].lower = arena_str(a, s[i].lower);
        if (s[i].upper.len > 0)
            s[i].upper = arena_str(a, s[i].upper);
    }
    return s;
}

static bool output_open(struct snapshot_output *o, struct error *err)
{
    struct manifest_write_options options = { .format_version = o->p->metadata->format_version,
                                              .content = o->content,
                                              .schema =
                                                  snapshot_schema_of_spec(o->p->metadata, o->spec),
                                              .spec = o->spec,
                                              .snapshot_id = o->p->snapshot_id };
    env_random(o->p->env, options.sync, sizeof options.sync);
    o->arena = arena_create(0);
    o->bytes = (struct buf)BUF_INIT(MANIFEST_BYTES_MAX);
    return manifest_writer_create(&options, &o->bytes, o->arena, &o->writer, err);
}

static void output_drop(struct snapshot_output *o)
{
    arena_destroy(o->arena);
    buf_deinit(&o->bytes);
    o->arena = NULL;
    o->writer = NULL;
}

static bool output_close(struct snapshot_output *o, struct error *err)
{
    struct manifest_file m;
    struct produce *p = o->p;
    if (o->writer == NULL)
        return true;
    if (!manifest_writer_finish(o->writer, &m, err))
        return false;
    str name = arena_printf(p->arena, "%s-m%zu.avro", p->uuid, p->manifests_made++);
    if (!snapshot_put(p, name, buf_str(&o->bytes), &m.path, err))
        return false;
    m.partitions = copy_summaries(&m, p->arena);
    *vec_push(p->arena, &p->fresh) = m;
    output_drop(o);
    return true;
}

bool snapshot_output_add(struct snapshot_output *o, const struct manifest_entry *e,
                         struct error *err)
{
    int64_t target = o->target_bytes;
    if (target == 0)
        target = metadata_property_int(o->p->metadata, "commit.manifest.target-size-bytes",
                                       SNAPSHOT_MANIFEST_BYTES);
    if (o->writer != NULL && (int64_t)o->bytes.len >= target && !output_close(o, err))
        return false;
    if (o->writer == NULL && !output_open(o, err))
        return false;
    return manifest_writer_add(o->writer, e, err);
}

bool snapshot_output_end(struct snapshot_output *o, bool ok, struct error *err)
{
    ok = ok && output_close(o, err);
    if (o->arena != NULL)
        output_drop(o);
    return ok;
}

/* --- files added --- */

static bool check_added(struct produce *p, struct error *err)
{
    struct map paths;
    map_init(&paths, p->arena);
    for (size_t i = 0; i < p->change->added_n; i++) {
        const struct data_file *f = &p->change->added[i];
        if (f->content != FILE_DATA)
            return fail(err, ERR_INVALID, STR_FMT " is a delete file, not a data file",
                        STR_ARG(f->path));
        if (!map_add(&paths, f->path, p))
            return fail(err, ERR_INVALID, "file " STR_FMT " is added twice", STR_ARG(f->path));
        if (metadata_spec_by_id(p->metadata, f->spec_id) == NULL)
            return fail(err, ERR_INVALID, "file " STR_FMT ": the table has no partition spec %d",
                        STR_ARG(f->path), (int)f->spec_id);
    }
    return true;
}

/* Format 1 has no deletes; in format 3 positions are in vectors only, one for a data file. */
static bool check_delete(struct produce *p, const struct data_file *f, struct map *vectors,
                         struct error *err)
{
    int version = p->metadata->format_version;
    bool vector = str_is(f->format, DELETE_VECTOR_FORMAT);
    bool fits = f->content == FILE_EQUALITY_DELETES ? !vector : vector == (version >= 3);
    if (f->content == FILE_DATA)
        return fail(err, ERR_INVALID, STR_FMT " is a data file, not a delete file",
                    STR_ARG(f->path));
    if (version < 2 || !fits)
        return fail(err, ERR_INVALID, "file " STR_FMT ": tables of format version %d have no %s",
                    STR_ARG(f->path), version, vector ? "deletion vectors" : "such delete files");
    if (metadata_spec_by_id(p->metadata, f->spec_id) == NULL)
        return fail(err, ERR_INVALID, "file " STR_FMT ": the table has no partition spec %d",
                    STR_ARG(f->path), (int)f->spec_id);
    if (vector && (!f->referenced_file.len || f->content_offset < 0 || f->content_size < 0))
        return fail(err, ERR_INVALID, "file " STR_FMT ": a vector needs its data file and place",
                    STR_ARG(f->path));
    if (vector && !map_add(vectors, f->referenced_file, p))
        return fail(err, ERR_INVALID, "two deletion vectors for the file " STR_FMT,
                    STR_ARG(f->referenced_file));
    return true;
}

static bool check_added_deletes(struct produce *p, struct error *err)
{
    struct map vectors;
    map_init(&vectors, p->arena);
    for (size_t i = 0; i < p->change->added_deletes_n; i++)
        if (!check_delete(p, &p->change->added_deletes[i], &vectors, err))
            return false;
    return true;
}

static bool write_added_of(struct produce *p, const struct partition_spec *spec,
                           enum manifest_content content, const struct data_file *files, size_t n,
                           struct error *err)
{
    struct snapshot_output o = { .p = p, .spec = spec, .content = content };
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        const struct data_file *f = &files[i];
        if (f->spec_id != spec->id)
            continue;
        struct manifest_entry e = { .status = ENTRY_ADDED,
                                    .snapshot_id = p->snapshot_id,
                                    .sequence_number = -1,
                                    .file_sequence_number = -1,
                                    .file = *f };
        ok = snapshot_output_add(&o, &e, err);
        if (ok)
            snapshot_count(p, &p->added, f);
    }
    return snapshot_output_end(&o, ok, err);
}

bool snapshot_write_added(struct produce *p, struct error *err)
{
    const struct snapshot_change *c = p->change;
    if (!check_added(p, err) || !check_added_deletes(p, err))
        return false;
    for (size_t i = 0; i < p->metadata->specs_n; i++) {
        const struct partition_spec *spec = p->metadata->specs[i];
        if (!write_added_of(p, spec, MANIFEST_DATA, c->added, c->added_n, err) ||
            !write_added_of(p, spec, MANIFEST_DELETES, c->added_deletes, c->added_deletes_n, err))
            return false;
    }
    return true;
}

/* --- manifests read again --- */

static bool read_manifest_bytes(struct produce *p, const struct manifest_file *m, struct arena *a,
                                str *bytes, struct error *err)
{
    str path;
    if (m->key_metadata.len > 0)
        return fail(err, ERR_UNSUPPORTED, "manifest " STR_FMT " is encrypted", STR_ARG(m->path));
    if (!store_from_uri(p->store, m->path, a, &path, err) ||
        !store_get(p->store, path, MANIFEST_BYTES_MAX, a, bytes, err))
        return fail_in(err, "read " STR_FMT, STR_ARG(m->path));
    return true;
}

static bool each_live(struct produce *p, const struct manifest_file *m, bool all_columns,
                      struct arena *a, snapshot_entry_fn fn, void *ctx, struct error *err)
{
    str bytes;
    const struct partition_spec *spec = metadata_spec_by_id(p->metadata, m->spec_id);
    if (spec == NULL)
        return fail(err, ERR_CORRUPT, "partition spec %d is not in the table's metadata",
                    (int)m->spec_id);
    struct manifest_read_options o = { .file = m,
                                       .spec = spec,
                                       .schema = snapshot_schema_of_spec(p->metadata, spec),
                                       .all_columns = all_columns };
    struct manifest_reader *r;
    const struct manifest_entry *entries;
    size_t n;
    if (!read_manifest_bytes(p, m, a, &bytes, err) || !manifest_open(bytes, &o, a, &r, err))
        return false;
    do {
        if (!manifest_next(r, &entries, &n, err))
            return false;
        for (size_t i = 0; i < n; i++)
            if (entries[i].status != ENTRY_DELETED && !fn(ctx, &entries[i], err))
                return false;
    } while (n > 0);
    return true;
}

bool snapshot_visit(struct produce *p, const struct manifest_file *m, bool all_columns,
                    snapshot_entry_fn fn, void *ctx, struct error *err)
{
    struct arena *a = arena_create(0);
    bool ok = each_live(p, m, all_columns, a, fn, ctx, err);
    arena_destroy(a);
    return ok || fail_in(err, "manifest " STR_FMT, STR_ARG(m->path));
}

static bool is_removed(const struct produce *p, const struct data_file *f)
{
    if (p->change->remove_all)
        return true;
    if (f->content == FILE_DATA)
        return p->removed.n > 0 && map_get(&p->removed, f->path) != NULL;
    if (p->removed_deletes.n == 0)
        return false;
    int64_t offset = delete_file_is_vector(f) ? f->content_offset : -1;
    return map_get(&p->removed_deletes, snapshot_delete_key(f->path, offset, p->arena)) != NULL;
}

struct hits {
    const struct produce *p;
    size_t n;
};

static bool count_hit(void *ctx, const struct manifest_entry *e, struct error *err)
{
    (void)err;
    struct hits *h = ctx;
    h->n += is_removed(h->p, &e->file);
    return true;
}

static bool rewrite_entry(void *ctx, const struct manifest_entry *entry, struct error *err)
{
    struct snapshot_output *o = ctx;
    struct produce *p = o->p;
    struct manifest_entry e = *entry;
    e.status = ENTRY_EXISTING;
    if (is_removed(p, &e.file)) {
        e.status = ENTRY_DELETED;
        e.snapshot_id = p->snapshot_id;
        *(e.file.content == FILE_DATA ? &p->removed_found : &p->removed_deletes_found) += 1;
        snapshot_count(p, &p->gone, &e.file);
    }
    return snapshot_output_add(o, &e, err);
}

/* Writes the live entries of n manifests of one spec and kind again. */
static bool rewrite(struct produce *p, const struct manifest_file *manifests, size_t n,
                    struct error *err)
{
    struct snapshot_output o = { .p = p,
                                 .spec = metadata_spec_by_id(p->metadata, manifests[0].spec_id),
                                 .content = manifests[0].content };
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = snapshot_visit(p, &manifests[i], true, rewrite_entry, &o, err);
    p->replaced += n;
    return snapshot_output_end(&o, ok, err);
}

/* --- carrying over --- */

struct recount {
    struct manifest_file *m;
};

static bool recount_entry(void *ctx, const struct manifest_entry *e, struct error *err)
{
    (void)err;
    struct manifest_file *m = ((struct recount *)ctx)->m;
    bool added = e->status == ENTRY_ADDED;
    *(added ? &m->added_files : &m->existing_files) += 1;
    *(added ? &m->added_rows : &m->existing_rows) += e->file.records;
    return true;
}

/* Later formats must have the counts that old lists leave out. */
bool snapshot_complete(struct produce *p, struct manifest_file *m, struct error *err)
{
    bool known = m->added_files >= 0 && m->existing_files >= 0 && m->deleted_files >= 0 &&
                 m->added_rows >= 0 && m->existing_rows >= 0 && m->deleted_rows >= 0;
    if (known && m->length > 0)
        return true;
    struct arena *a = arena_create(0);
    str bytes;
    bool ok = read_manifest_bytes(p, m, a, &bytes, err);
    arena_destroy(a);
    if (!ok)
        return false;
    m->length = (int64_t)bytes.len;
    if (m->spec_id < 0)
        m->spec_id = p->metadata->default_spec_id;
    m->added_files = m->existing_files = m->deleted_files = 0;
    m->added_rows = m->existing_rows = m->deleted_rows = 0;
    struct recount count = { m };
    return snapshot_visit(p, m, false, recount_entry, &count, err);
}

static bool loses_files(struct produce *p, const struct manifest_file *m, bool *out,
                        struct error *err)
{
    *out = p->change->remove_all;
    size_t wanted = m->content == MANIFEST_DATA ? p->removed.n : p->removed_deletes.n;
    if (*out || wanted == 0)
        return true;
    struct hits hits = { p, 0 };
    if (!snapshot_visit(p, m, false, count_hit, &hits, err))
        return false;
    *out = hits.n > 0;
    return true;
}

bool snapshot_carry_over(struct produce *p, struct manifest_file *manifests, size_t n,
                         struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        struct manifest_file *m = &manifests[i];
        bool rewritten;
        if (!snapshot_complete(p, m, err))
            return false;
        if (!manifest_has_live(m))
            continue; /* told of files that are gone, to the snapshot that removed them */
        if (!loses_files(p, m, &rewritten, err))
            return false;
        if (!rewritten)
            *vec_push(p->arena, &p->kept) = *m;
        else if (!rewrite(p, m, 1, err))
            return false;
    }
    return true;
}

/* --- merging --- */

static bool is_small(const struct produce *p, const struct manifest_file *m, int32_t spec_id,
                     enum manifest_content content)
{
    int64_t target = metadata_property_int(p->metadata, "commit.manifest.target-size-bytes",
                                           SNAPSHOT_MANIFEST_BYTES);
    return m->content == content && m->spec_id == spec_id && m->length < target;
}

static bool merge_spec(struct produce *p, int32_t spec_id, enum manifest_content content,
                       struct error *err)
{
    size_t small = 0, kept = 0;
    struct manifest_file *all = p->kept.at;
    for (size_t i = 0; i < p->kept.n; i++)
        small += is_small(p, &all[i], spec_id, content);
    int64_t min_count = metadata_property_int(p->metadata, "commit.manifest.min-count-to-merge",
                                              MERGE_COUNT_DEFAULT);
    if (small < 2 || (int64_t)(small + p->fresh.n) < min_count)
        return true;
    struct manifest_file *merge = arena_array(p->arena, struct manifest_file, small);
    size_t merge_n = 0;
    for (size_t i = 0; i < p->kept.n; i++)
        if (is_small(p, &all[i], spec_id, content))
            merge[merge_n++] = all[i];
        else
            all[kept++] = all[i];
    p->kept.n = kept;
    return rewrite(p, merge, merge_n, err);
}

bool snapshot_merge_kept(struct produce *p, struct error *err)
{
    str enabled = metadata_property(p->metadata, "commit.manifest-merge.enabled", STR("true"));
    if (str_eq_nocase(enabled, STR("false")) || p->change->remove_all)
        return true;
    for (size_t i = 0; i < p->metadata->specs_n; i++)
        if (!merge_spec(p, p->metadata->specs[i]->id, MANIFEST_DATA, err) ||
            !merge_spec(p, p->metadata->specs[i]->id, MANIFEST_DELETES, err))
            return false;
    return true;
}
