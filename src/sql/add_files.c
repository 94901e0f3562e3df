/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/add_files.h"

#include <fnmatch.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/vec.h"
#include "catalog/garbage.h"
#include "catalog/table_ops.h"
#include "codec/json.h"
#include "engine/parquet_footer.h"
#include "govern/access.h"
#include "iceberg/import.h"
#include "iceberg/metrics.h"
#include "iceberg/name_mapping.h"
#include "iceberg/scan.h"
#include "iceberg/snapshot.h"
#include "io/store.h"
#include "sql/lake.h"
#include "sql/own_run_priv.h"
#include "sql/statement_priv.h"

#define MAPPING_BYTES_MAX ((size_t)64 << 20)

/* A file on its way in. */
struct incoming {
    str path, local; /* in the store; on this machine */
    int64_t size;
    const struct value *partition; /* of a table that it comes from; NULL: to be found out */
};

struct adding {
    struct run *run;
    struct arena *a;
    const struct add_files_request *req;
    str ns, name;
    struct table table; /* as it was read */
    const struct name_mapping *mapping;
    str new_mapping; /* a property to be set with the files; empty: none */
    VEC(struct incoming) files;
    struct data_file *made;
    struct snapshot_result produced;
    struct add_files_result *out;
};

static struct store *warehouse(const struct adding *x)
{
    return x->run->lake->warehouse;
}

/* ---- Permission */

static bool may(const struct adding *x, enum privilege p, const struct securable *on,
                struct error *err)
{
    return access_check_in(x->run->lake->govern, x->req->access, p, on, x->req->branch, err);
}

static bool open_table(struct adding *x, struct error *err)
{
    if (!name_split(x->req->table, x->a, &x->ns, &x->name, err))
        return false;
    struct securable on = secure_in(SECURABLE_TABLE, x->ns, x->name, x->a);
    /* A path may lead to the files of any table. */
    return may(x, TABLE_WRITE_DATA, &on, err) &&
           (x->req->from_table || may(x, TABLE_READ_DATA, &SECURE_CATALOG, err)) &&
           catalog_load_table(x->run->lake->catalog, x->req->branch, x->ns, x->name, x->a,
                              &x->table, err);
}

/* ---- Files of a place */

struct listing {
    struct adding *x;
    str pattern; /* a whole path; empty: everything */
    str folder;
};

static bool is_hidden(str path, size_t from)
{
    str rest = str_from(path, from), part;
    while (str_next(&rest, '/', &part))
        if (str_starts(part, STR("_")) || str_starts(part, STR(".")))
            return true;
    return false;
}

static bool is_wanted(const struct adding *x, str path)
{
    struct property *folders;
    size_t n, found = 0;
    if (!x->req->only_n)
        return true;
    import_folders(path, x->a, &folders, &n);
    for (size_t i = 0; i < x->req->only_n; i++)
        for (size_t k = n; k > 0; k--) /* the innermost folder of a name counts */
            if (str_eq(folders[k - 1].key, x->req->only[i].key)) {
                found += str_eq(folders[k - 1].value, x->req->only[i].value);
                break;
            }
    return found == x->req->only_n;
}

static bool take(struct adding *x, str path, int64_t size, const struct value *partition,
                 struct error *err)
{
    if (x->files.n == ADD_FILES_MAX)
        return fail(err, ERR_LIMIT, "more than %d files in one call", ADD_FILES_MAX);
    struct incoming *f = vec_push(x->a, &x->files);
    *f = (struct incoming){ .path = arena_str(x->a, path), .size = size, .partition = partition };
    return store_local_path(warehouse(x), f->path, x->a, &f->local, err);
}

static bool take_listed(void *ctx, str path, const struct store_info *info, struct error *err)
{
    struct listing *l = ctx;
    struct adding *x = l->x;
    if (is_hidden(path, l->folder.len))
        return true;
    if (l->pattern.len &&
        fnmatch(l->pattern.ptr, arena_cstr(x->a, path), FNM_PATHNAME) != 0) /* both end in NUL */
        return true;
    return !is_wanted(x, path) || take(x, path, info->size, NULL, err);
}

static size_t pattern_at(str path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] == '*' || path.ptr[i] == '?' || path.ptr[i] == '[')
            return i;
    return path.len;
}

/* Parts of `plain` without the pattern, then all objects below, which the pattern chooses from. */
static bool list_pattern(struct adding *x, str source, struct error *err)
{
    ptrdiff_t slash = str_rfind_char(str_sub(source, 0, pattern_at(source)), '/');
    if (slash <= 0)
        return fail(err, ERR_INVALID, "the pattern " STR_FMT " has to begin with a folder",
                    STR_ARG(source));
    struct listing l = { .x = x };
    if (!store_from_uri(warehouse(x), str_sub(source, 0, (size_t)slash), x->a, &l.folder, err))
        return false;
    l.pattern = str_of(arena_cstr(x->a, arena_printf(x->a, STR_FMT STR_FMT, STR_ARG(l.folder),
                                                     STR_ARG(str_from(source, (size_t)slash)))));
    return store_list(warehouse(x), l.folder, take_listed, &l, err);
}

static bool list_place(struct adding *x, struct error *err)
{
    str source = x->req->source;
    struct store_info info;
    struct error missing = { 0 };
    while (source.len > 1 && str_ends(source, STR("/")))
        source.len--;
    if (pattern_at(source) < source.len)
        return list_pattern(x, source, err);
    struct listing l = { .x = x };
    if (!store_from_uri(warehouse(x), source, x->a, &l.folder, err))
        return false;
    if (store_head(warehouse(x), l.folder, &info, &missing))
        return take(x, l.folder, info.size, NULL, err);
    return store_list(warehouse(x), l.folder, take_listed, &l, err);
}

/* ---- Files of a table */

struct source_scan {
    struct adding *x;
    const struct partition_spec *spec; /* of the target */
    const struct metadata *source;
};

/* The tuple of a file, when its spec is field by field the target's over columns of the same names and types. */
static const struct value *same_partition(const struct source_scan *s, const struct data_file *f)
{
    const struct partition_spec *theirs = metadata_spec_by_id(s->source, f->spec_id);
    const struct schema *mine = metadata_schema(s->x->table.metadata),
                        *its = metadata_schema(s->source);
    if (!theirs || theirs->fields_n != s->spec->fields_n)
        return NULL;
    for (size_t i = 0; i < theirs->fields_n; i++) {
        const struct field *a = schema_field_by_id(mine, s->spec->fields[i].source_id);
        const struct field *b = schema_field_by_id(its, theirs->fields[i].source_id);
        if (!a || !b || !str_eq(a->name, b->name) || !type_equal(a->type, b->type) ||
            !transform_equal(&s->spec->fields[i].transform, &theirs->fields[i].transform))
            return NULL;
    }
    struct value *copy = arena_array(s->x->a, struct value, f->partition_n);
    for (size_t i = 0; i < f->partition_n; i++)
        copy[i] = value_copy(&f->partition[i], s->x->a);
    return copy;
}

static bool take_tasks(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    struct source_scan *s = ctx;
    for (size_t i = 0; i < n; i++) {
        const struct data_file *f = tasks[i].file;
        str path;
        if (tasks[i].deletes_n > 0)
            return fail(err, ERR_INVALID,
                        "rows of the file " STR_FMT " are deleted; compact the table first",
                        STR_ARG(f->path));
        if (!store_from_uri(warehouse(s->x), f->path, s->x->a, &path, err))
            return false;
        if (is_wanted(s->x, path) && !take(s->x, path, f->size, same_partition(s, f), err))
            return false;
    }
    return true;
}

static bool list_table(struct adding *x, struct error *err)
{
    struct lake *lake = x->run->lake;
    struct table t;
    str ns, name;
    if (!name_split(x->req->source, x->a, &ns, &name, err))
        return false;
    struct securable on = secure_in(SECURABLE_TABLE, ns, name, x->a);
    if (!may(x, TABLE_READ_DATA, &on, err) ||
        !catalog_load_table(lake->catalog, x->req->branch, ns, name, x->a, &t, err))
        return false;
    struct source_scan s = { x, metadata_spec(x->table.metadata), t.metadata };
    struct scan_options o = { .cancel = x->req->cancel };
    return scan_plan(lake->warehouse, lake->env, t.metadata, &o, take_tasks, &s, NULL, err);
}

static int by_path(const void *a, const void *b)
{
    return str_cmp(((const struct incoming *)a)->path, ((const struct incoming *)b)->path);
}

static bool find_files(struct adding *x, struct error *err)
{
    if (x->req->from_table ? !list_table(x, err) : !list_place(x, err))
        return false;
    if (x->files.n == 0)
        return fail(err, ERR_NOT_FOUND, "there are no files to add in " STR_FMT,
                    STR_ARG(x->req->source));
    qsort(x->files.at, x->files.n, sizeof *x->files.at, by_path);
    return true;
}

/* ---- What they are */

/* The table's name mapping, or one of its present names that it will get. */
static bool find_mapping(struct adding *x, struct error *err)
{
    const struct metadata *m = x->table.metadata;
    str text = metadata_property(m, NAME_MAPPING_PROPERTY, (str){ 0 });
    struct json *doc;
    if (x->mapping)
        return true;
    if (text.len)
        return (json_parse(text, x->a, &doc, err) &&
                name_mapping_parse(doc, x->a, &x->mapping, err)) ||
               fail_in(err, NAME_MAPPING_PROPERTY);
    struct buf out = BUF_INIT(MAPPING_BYTES_MAX);
    struct json_writer w;
    x->mapping = name_mapping_of(metadata_schema(m), x->a);
    jw_init(&w, &out);
    name_mapping_write(x->mapping, &w);
    x->new_mapping = arena_str(x->a, buf_str(&out));
    bool ok = buf_ok(&out, "the name mapping", err);
    buf_deinit(&out);
    return ok;
}

/* Columns whose value a folder gives. */
static void given_columns(const struct adding *x, const struct property *folders, size_t n,
                          int32_t *ids, size_t *ids_n)
{
    const struct partition_spec *spec = metadata_spec(x->table.metadata);
    const struct schema *schema = metadata_schema(x->table.metadata);
    *ids_n = 0;
    for (size_t i = 0; i < spec->fields_n; i++) {
        const struct field *f = schema_field_by_id(schema, spec->fields[i].source_id);
        if (!f || spec->fields[i].transform.kind != TRANSFORM_IDENTITY)
            continue;
        for (size_t k = 0; k < n; k++)
            if (str_eq(folders[k].key, f->name) && *ids_n < PARTITION_FIELDS_MAX)
                ids[(*ids_n)++] = f->id;
    }
}

static bool describe(struct adding *x, const struct incoming *f, const struct parquet_footer *foot,
                     struct data_file *out, struct error *err)
{
    const struct metadata *m = x->table.metadata;
    const struct schema *schema = metadata_schema(m);
    const struct partition_spec *spec = metadata_spec(m);
    struct property *folders;
    size_t folders_n, given_n, stats_n;
    int32_t *given = arena_array(x->a, int32_t, spec->fields_n * 4);
    struct import_match match;
    struct column_stats *stats;
    struct column_metrics *columns;
    struct value *partition = NULL;
    import_folders(f->path, x->a, &folders, &folders_n);
    given_columns(x, folders, folders_n < 4 ? folders_n : 4, given, &given_n);
    *out = (struct data_file){ .content = FILE_DATA,
                               .spec_id = spec->id,
                               .path = store_uri(warehouse(x), f->path, x->a),
                               .format = STR("parquet"),
                               .partition_n = spec->fields_n,
                               .records = foot->rows,
                               .size = f->size,
                               .split_offsets = foot->row_groups,
                               .split_offsets_n = foot->row_groups_n,
                               .sort_order_id = -1,
                               .first_row_id = -1,
                               .content_offset = -1,
                               .content_size = -1 };
    if ((!foot->has_ids && !find_mapping(x, err)) ||
        !import_match(schema, m->format_version, foot->has_ids ? NULL : x->mapping, foot->schema,
                      given, given_n, x->a, &match, err) ||
        !import_stats(schema, &match, foot->stats, foot->stats_n, x->a, &stats, &stats_n, err) ||
        (!f->partition && !import_partition(schema, spec, folders, folders_n, stats, stats_n, x->a,
                                            &partition, err)) ||
        !metrics_make(schema, metadata_order(m), &m->properties, stats, stats_n, x->a, &columns,
                      &out->columns_n, err))
        return fail_in(err, STR_FMT, STR_ARG(out->path));
    out->columns = columns;
    out->partition = f->partition ? f->partition : partition;
    return true;
}

static bool describe_all(struct adding *x, struct error *err)
{
    size_t n = x->files.n;
    struct parquet_footer *feet = arena_array(x->a, struct parquet_footer, n);
    str *paths = arena_array(x->a, str, n);
    struct map partitions;
    map_init(&partitions, x->a);
    x->made = arena_array(x->a, struct data_file, n);
    for (size_t i = 0; i < n; i++)
        paths[i] = x->files.at[i].local;
    if (!parquet_footers_read(x->run->session, paths, n, x->a, feet, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!cancel_check(x->req->cancel, err) ||
            !describe(x, &x->files.at[i], &feet[i], &x->made[i], err))
            return false;
        map_add(&partitions, data_file_partition_key(&x->made[i], x->a), x);
        x->out->rows += x->made[i].records;
        x->out->bytes += x->made[i].size;
    }
    x->out->files = (int64_t)n;
    x->out->partitions = (int64_t)partitions.n;
    x->out->mapping = x->new_mapping.len > 0;
    return true;
}

/* ---- The commit */

struct duplicates {
    struct map paths; /* of the files to be added */
    str first;
    size_t n;
    struct arena *a;
};

static bool note_duplicates(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    (void)err;
    struct duplicates *d = ctx;
    for (size_t i = 0; i < n; i++)
        if (map_get(&d->paths, tasks[i].file->path) && d->n++ == 0)
            d->first = arena_str(d->a, tasks[i].file->path);
    return true;
}

static bool check_duplicates(struct adding *x, const struct metadata *m, struct arena *a,
                             struct error *err)
{
    struct duplicates d = { .a = a };
    struct scan_options o = { .ignore_deletes = true,
                              .at.ref = metadata_ref(m, x->req->table_branch) ? x->req->table_branch
                                                                              : (str){ 0 },
                              .cancel = x->req->cancel };
    if (x->req->allow_duplicates)
        return true;
    map_init(&d.paths, a);
    for (size_t i = 0; i < x->files.n; i++)
        map_put(&d.paths, x->made[i].path, x);
    if (!scan_plan(warehouse(x), x->run->lake->env, m, &o, note_duplicates, &d, NULL, err))
        return false;
    return d.n == 0 ||
           fail(err, ERR_EXISTS, "%zu of the files are in the table already, such as " STR_FMT, d.n,
                STR_ARG(d.first));
}

static bool still_fits(struct adding *x, const struct metadata *now, struct error *err)
{
    const struct metadata *was = x->table.metadata;
    bool mapped = metadata_property(now, NAME_MAPPING_PROPERTY, (str){ 0 }).len > 0;
    return (str_eq(now->uuid, was->uuid) && now->current_schema_id == was->current_schema_id &&
            now->default_spec_id == was->default_spec_id && !(mapped && x->new_mapping.len)) ||
           fail(err, ERR_CONFLICT, "the definition of the table changed meanwhile; run it again");
}

static void drop_produced(struct adding *x)
{
    struct error late = { 0 };
    if (x->produced.written_n &&
        !catalog_list_garbage(x->run->lake->catalog, "failed snapshot", x->produced.written,
                              x->produced.written_n, &late))
        log_warn("sql", "files of a failed snapshot are not listed: %s", late.msg);
    x->produced = (struct snapshot_result){ 0 };
}

static void add_pins(struct adding *x, const struct metadata *m, struct arena *a,
                     struct table_change *out)
{
    size_t n = x->produced.requirements_n, u = 0;
    struct table_requirement *pins = arena_array(a, struct table_requirement, n + 2);
    struct table_update *updates = arena_array(a, struct table_update, x->produced.updates_n + 1);
    for (size_t i = 0; i < n; i++)
        pins[i] = x->produced.requirements[i];
    pins[n++] =
        (struct table_requirement){ .kind = REQUIRE_CURRENT_SCHEMA_ID, .id = m->current_schema_id };
    pins[n++] =
        (struct table_requirement){ .kind = REQUIRE_DEFAULT_SPEC_ID, .id = m->default_spec_id };
    if (x->new_mapping.len) {
        struct property *p = arena_new(a, struct property);
        *p = (struct property){ STR(NAME_MAPPING_PROPERTY), x->new_mapping };
        updates[u++] =
            (struct table_update){ .kind = UPDATE_SET_PROPERTIES, .properties = { p, 1 } };
    }
    for (size_t i = 0; i < x->produced.updates_n; i++)
        updates[u++] = x->produced.updates[i];
    *out = (struct table_change){ .ns = x->ns,
                                  .name = x->name,
                                  .requirements = pins,
                                  .requirements_n = n,
                                  .updates = updates,
                                  .updates_n = u };
}

static bool plan(void *ctx, const struct table *t, struct arena *a, struct table_change *out,
                 struct error *err)
{
    struct adding *x = ctx;
    struct snapshot_change change = { .operation = SNAPSHOT_APPEND,
                                      .branch = x->req->table_branch,
                                      .added = x->made,
                                      .added_n = x->files.n };
    drop_produced(x);
    if (!still_fits(x, t->metadata, err) || !check_duplicates(x, t->metadata, a, err) ||
        !snapshot_produce(warehouse(x), x->run->lake->env, t->metadata, &change, a, &x->produced,
                          err))
        return false;
    add_pins(x, t->metadata, a, out);
    return true;
}

static bool commit(struct adding *x, struct error *err)
{
    struct write_info info = { .cancel = x->req->cancel };
    struct write_outcome done;
    access_sign(x->req->access, x->a, &info.commit);
    if (!catalog_retry(x->run->lake->catalog, x->req->branch, x->ns, x->name, plan, x, &info, x->a,
                       &done, err)) {
        if (err->code != ERR_UNKNOWN)
            drop_produced(x);
        return false;
    }
    x->out->snapshot_id = x->produced.snapshot_id;
    x->out->commit_id = done.commit_id;
    return true;
}

bool run_add_files(struct run *r, const struct add_files_request *req, struct add_files_result *out,
                   struct error *err)
{
    struct adding x = { .run = r, .a = r->a, .req = req, .out = out };
    *out = (struct add_files_result){ .snapshot_id = SNAPSHOT_NONE };
    if (!open_table(&x, err) || !find_files(&x, err) || !describe_all(&x, err))
        return false;
    return req->dry_run ? check_duplicates(&x, x.table.metadata, r->a, err) : commit(&x, err);
}

bool add_files(struct lake *lake, const struct add_files_request *req, struct arena *a,
               struct add_files_result *out, struct error *err)
{
    struct own_run own;
    if (!own_run_open(&own, lake, req->branch, req->access, req->cancel, a, err))
        return false;
    bool ok = run_add_files(&own.run, req, out, err);
    own_run_close(&own);
    return ok || fail_in(err, "add files to " STR_FMT, STR_ARG(req->table));
}
