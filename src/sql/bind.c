/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/bind_priv.h"

#include <stdlib.h>

#include "base/time.h"
#include "engine/filters.h"
#include "engine/parquet_scan.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "govern/access.h"
#include "iceberg/metadata.h"
#include "iceberg/name_mapping.h"
#include "iceberg/value.h"
#include "io/store.h"
#include "sql/deletes.h"
#include "sql/lake.h"
#include "sql/lex.h"
#include "sql/metadata_answer.h"
#include "sql/scan_names.h"
#include "sql/schema_name.h"
#include "sql/settings.h"
#include "sql/system_names.h"
#include "sql/target.h"

#define VIEW_SQL_MAX ((size_t)256 << 20)

static bool exec_buf(struct binder *b, struct buf *sql, struct error *err)
{
    bool ok = buf_ok(sql, "the statement that reads the tables", err) &&
              session_exec(b->session, buf_str(sql), err);
    buf_deinit(sql);
    return ok;
}

/* What only computes is free. */
bool bind_check_functions(const struct statement_sources *found, bool local_files,
                          struct error *err)
{
    static const char *const harmless[] = { "range",     "generate_series", "unnest",
                                            "firn_rows", "repeat",          "summary" };
    for (size_t i = 0; !local_files && i < found->functions_n; i++) {
        bool ok = false;
        for (size_t k = 0; k < sizeof harmless / sizeof *harmless; k++)
            ok = ok || str_is(found->functions[i], harmless[k]);
        if (!ok)
            return fail(err, ERR_DENIED, "the table function " STR_FMT " is not allowed here",
                        STR_ARG(found->functions[i]));
    }
    return true;
}

static bool is_file_name(str name)
{
    return str_find_char(name, '/') >= 0 || str_find_char(name, '.') >= 0 ||
           str_find_char(name, '*') >= 0;
}

static struct travel *find_travel(const struct binder *b, str ns, str view)
{
    for (size_t i = 0; i < b->travels.n; i++)
        if (str_eq(b->travels.at[i].ns, ns) && str_eq(b->travels.at[i].view, view))
            return &b->travels.at[i];
    return NULL;
}

/* Asked before the name is looked up, so that a refusal tells nothing about what is there. */
static bool may_read(struct binder *b, const struct source *s, str ref, str ns, str name,
                     struct error *err)
{
    struct securable table = secure_in(SECURABLE_TABLE, ns, name, b->a);
    bool rows = s->about == METADATA_TABLE_NONE || metadata_table_shows_values(s->about);
    return access_check_in(b->lake->govern, b->req->access,
                           rows ? TABLE_READ_DATA : TABLE_READ_PROPERTIES, &table, ref, err);
}

/* A name after AS OF is a branch or tag of the catalog, else one of the table's own. */
static bool load_table(struct binder *b, struct source *s, const struct travel *t, str ref, str ns,
                       str name, struct error *err)
{
    struct catalog *c = b->lake->catalog;
    bool own = str_eq(ref, b->req->branch);
    if (t && t->ref.len) {
        struct error first = { 0 };
        if (catalog_load_table(c, t->ref, ns, name, b->a, &s->table, &first))
            return may_read(b, s, t->ref, ns, name, err);
        s->at.ref = t->ref;
    }
    if (t && t->snapshot_id)
        s->at.snapshot_id = t->snapshot_id;
    if (t && t->has_time)
        s->at.timestamp_ms = floor_div(t->timestamp_us, 1000);
    if (!may_read(b, s, ref, ns, name, err) ||
        !catalog_load_table(c, b->pin.len && own ? b->pin : ref, ns, name, b->a, &s->table, err))
        return false;
    if (own)
        b->pin = s->table.commit_id;
    return true;
}

static bool is_target(const struct binder *b, const struct statement_name *n)
{
    const struct bind_target *t = b->req->target;
    return t && str_eq(t->schema, n->schema) && str_eq(t->view, n->name);
}

/* A column of the table's own hides the metadata column of that name. */
static unsigned shown_metadata(const struct binder *b, const struct source *s)
{
    unsigned shown = b->metadata | (s->target ? s->target->metadata : 0);
    for (size_t i = 0; i < SCAN_COLUMNS_N; i++)
        if (schema_field_by_name(s->columns, str_of(scan_column_names[i]), false))
            shown &= ~(1u << i);
    return shown;
}

/* Up to where the view's SELECT follows. */
static void begin_create(struct buf *sql, const struct source *s)
{
    buf_lit(sql, "CREATE SCHEMA IF NOT EXISTS ");
    quote_ident(sql, s->schema);
    buf_lit(sql, "; CREATE OR REPLACE VIEW ");
    quote_name(sql, (const str[]){ s->schema, s->view }, 2);
    buf_lit(sql, " AS ");
}

/* "t$files" is a metadata table of "t": the catalog takes no '$' in names.  So is "files" in "ns.t" (time travel keeps all but the last
 * part as the namespace), but a table that really has this name goes first. */
static bool split_metadata_name(struct binder *b, const struct travel *t, str *dotted, str *name,
                                enum metadata_table *about, struct error *err)
{
    str ns = *dotted, table = *name;
    ptrdiff_t dollar = str_rfind_char(*name, '$'), dot = str_rfind_char(*dotted, '.');
    enum metadata_table kind = METADATA_TABLE_NONE;
    if (dollar > 0) {
        kind = metadata_table_named(str_from(*name, (size_t)dollar + 1));
        table = str_sub(*name, 0, (size_t)dollar);
    } else if (t && dot > 0) {
        kind = metadata_table_named(*name);
        ns = str_sub(*dotted, 0, (size_t)dot);
        table = str_from(*dotted, (size_t)dot + 1);
    }
    bool real = kind == METADATA_TABLE_NONE;
    if (!real && dollar <= 0 &&
        !catalog_table_exists(b->lake->catalog, b->req->branch,
                              ns_from_dotted(system_names_of(*dotted), b->a), *name, &real, err))
        return false;
    if (real)
        return true;
    *dotted = ns;
    *name = table;
    *about = kind;
    return true;
}

/* "t$branch_x" and "t$tag_x" are a table's own (sql/metadata_names.c makes them of "ns.t.branch_x"). */
static void split_ref_name(str *name, struct source *s, enum ref_kind *kind)
{
    ptrdiff_t dollar = str_rfind_char(*name, '$');
    str ref;
    if (dollar <= 0 || !target_names_ref(str_from(*name, (size_t)dollar + 1), &ref))
        return;
    *kind = str_starts(str_from(*name, (size_t)dollar + 1), STR(TAG_PREFIX)) ? REF_TAG : REF_BRANCH;
    *name = str_sub(*name, 0, (size_t)dollar);
    s->at.ref = ref;
}

/* The branch that is named has to be one, and a tag a tag.  Without one, a table that is audited is read from the branch that is
 * set for that. */
static bool settle_ref(struct binder *b, struct source *s, bool named, enum ref_kind kind,
                       bool travels, struct error *err)
{
    const struct metadata *m = s->table.metadata;
    str audited = settings_get(b->req->settings, SETTING_WAP_BRANCH);
    const struct snapshot_ref *r = named ? metadata_ref(m, s->at.ref) : NULL;
    if (named)
        return (r && r->kind == kind) || (kind == REF_BRANCH && str_is(s->at.ref, "main")) ||
               fail(err, ERR_NOT_FOUND, "the table " STR_FMT " has no %s \"" STR_FMT "\"",
                    STR_ARG(s->label), kind == REF_TAG ? "tag" : "branch", STR_ARG(s->at.ref));
    if (s->target)
        s->at.ref = metadata_ref(m, s->target->ref) ? s->target->ref : (str){ 0 };
    else if (!travels && audited.len && metadata_ref(m, audited) &&
             str_eq_nocase(metadata_property(m, "write.wap.enabled", (str){ 0 }), STR("true")))
        s->at.ref = audited;
    return true;
}

/* The view is made at once: filters are the engine's own business. */
static bool show_metadata(struct binder *b, struct source *s, struct error *err)
{
    struct buf sql = BUF_INIT(VIEW_SQL_MAX);
    struct table *table = arena_new(b->a, struct table);
    *table = s->table;
    struct metadata_view v = { .kind = s->about,
                               .table = table,
                               .snapshot = s->snapshot,
                               .columns = s->columns,
                               .cancel = b->req->cancel };
    bool travels = s->at.snapshot_id || s->at.timestamp_ms || s->at.ref.len;
    if (travels && !metadata_table_travels(s->about))
        return fail(err, ERR_INVALID,
                    STR_FMT " is of all snapshots of the table: AS OF has no meaning for it",
                    STR_ARG(s->label));
    begin_create(&sql, s);
    if (!metadata_table_sql(b->lake, b->session, &v, b->a, &sql, err)) {
        buf_deinit(&sql);
        return fail_in(err, "table " STR_FMT, STR_ARG(s->label));
    }
    return exec_buf(b, &sql, err);
}

/* The table, or the view whose text takes its place. */
static bool load_entry(struct binder *b, struct source *s, const struct statement_name *n,
                       const struct travel *point, str schema, str name, ptrdiff_t context,
                       bool *view, struct error *err)
{
    str ns, branch = context >= 0 ? b->contexts.at[context].branch : b->req->branch;
    struct error missing = { 0 };
    *view = false;
    if (!schema_namespace(b->lake, branch, schema, b->a, &ns, err))
        return false;
    if (s->about == METADATA_TABLE_NONE && bind_view_first(b, ns, name, branch)) {
        if (!bind_view(b, n, ns, name, point, context, view, err))
            return false;
        if (*view)
            return true;
    }
    if (load_table(b, s, point, branch, ns, name, &missing))
        return true;
    if (missing.code == ERR_NOT_FOUND && s->about == METADATA_TABLE_NONE &&
        !bind_view(b, n, ns, name, point, context, view, err))
        return false;
    if (!*view)
        *err = missing;
    return *view;
}

static bool is_known(const struct binder *b, const struct statement_name *n)
{
    for (size_t i = 0; i < b->sources.n; i++)
        if (str_eq(b->sources.at[i].schema, n->schema) && str_eq(b->sources.at[i].view, n->name))
            return true;
    return false;
}

bool bind_name(struct binder *b, const struct statement_name *n, ptrdiff_t context,
               struct error *err)
{
    struct source s = { .schema = n->schema, .view = n->name };
    const struct travel *t = find_travel(b, n->schema, n->name),
                        *point = t || context < 0 ? t : b->contexts.at[context].point;
    str name, ns;
    bool view = false;
    ns = n->schema;
    if (context >= 0)
        (void)bind_context_of(b, n->schema, &ns);
    s.target = context < 0 && is_target(b, n) ? b->req->target : NULL;
    name = s.target ? s.target->name : t ? t->name : n->name;
    s.label = arena_printf(b->a, STR_FMT "." STR_FMT, STR_ARG(system_names_of(ns)), STR_ARG(name));
    if (is_known(b, n))
        return true;
    enum ref_kind kind = REF_BRANCH;
    if (!s.target && !point)
        split_ref_name(&name, &s, &kind);
    bool named = s.at.ref.len > 0;
    if (!s.target && !split_metadata_name(b, t, &ns, &name, &s.about, err))
        return false;
    if (s.target)
        s.table = *s.target->table;
    else if (!load_entry(b, &s, n, point, system_names_of(ns), name, context, &view, err))
        return false;
    if (view)
        return true;
    const struct metadata *m = s.table.metadata;
    if (!settle_ref(b, &s, named, kind, point != NULL, err))
        return false;
    if (!scan_snapshot(m, &s.at, &s.snapshot, err) || !scan_schema(m, &s.at, &s.columns, err))
        return fail_in(err, "table " STR_FMT, STR_ARG(s.label));
    if (s.about != METADATA_TABLE_NONE)
        return show_metadata(b, &s, err);
    if (s.snapshot && !str_to_i64(property_get(&s.snapshot->summary, "total-data-files", STR("-1")),
                                  &s.files_total))
        s.files_total = -1;
    s.metadata = shown_metadata(b, &s);
    *vec_push(b->a, &b->sources) = s;
    return true;
}

/* Looks up every name of the query that has a namespace; others are the session's own, or files. */
static bool resolve_all(struct binder *b, struct error *err)
{
    struct statement_sources found;
    if (!statement_sources(b->session, b->query, b->a, &found, err) ||
        !bind_check_functions(&found, b->req->local_files, err))
        return false;
    for (size_t i = 0; i < found.tables_n; i++) {
        const struct statement_name *n = &found.tables[i];
        if (n->catalog.len) {
            if (str_eq(n->catalog, session_catalog(b->session)))
                continue;
            fail(err, ERR_INVALID, "the name " STR_FMT "." STR_FMT "." STR_FMT " has three parts",
                 STR_ARG(n->catalog), STR_ARG(n->schema), STR_ARG(n->name));
            return fail_hint(err, "quote a nested namespace: \"" STR_FMT "." STR_FMT "\"." STR_FMT,
                             STR_ARG(n->catalog), STR_ARG(n->schema), STR_ARG(n->name));
        }
        if (n->schema.len == 0 && is_file_name(n->name) && !b->req->local_files)
            return fail(err, ERR_DENIED, "reading the file " STR_FMT " is not allowed here",
                        STR_ARG(n->name));
        if (n->schema.len == 0 || str_is(n->schema, "information_schema") ||
            str_is(n->schema, "pg_catalog"))
            continue;
        if (!bind_name(b, n, -1, err))
            return false;
    }
    return true;
}

static bool create_view_as(struct binder *b, const struct source *s, str select, struct error *err)
{
    struct buf sql = BUF_INIT(VIEW_SQL_MAX);
    begin_create(&sql, s);
    buf_add_str(&sql, select);
    return exec_buf(b, &sql, err) || fail_in(err, "table " STR_FMT, STR_ARG(s->label));
}

/* Planning twice pays only where there are files to leave out. */
static bool worth_filters(const struct binder *b)
{
    for (size_t i = 0; i < b->sources.n; i++)
        if (b->sources.at[i].files_total != 0 && b->sources.at[i].files_total != 1)
            return true;
    return false;
}

/* The type of _partition; INTEGER for a table that never had partitions. */
static bool partition_type_sql(struct binder *b, const struct source *s, str *out,
                               struct error *err)
{
    const struct type *t = metadata_partition_type(s->table.metadata, s->columns, b->a);
    struct buf text = BUF_INIT(1 << 24);
    bool ok = !t || sql_type(&text, t, err);
    *out = t ? arena_str(b->a, buf_str(&text)) : STR("INTEGER");
    buf_deinit(&text);
    return ok;
}

/* For planning: columns that the plan must not know anything of, and that no constant can be folded into.  `row` is a
 * number that depends on the row. */
static bool add_planning_columns(struct binder *b, const struct source *s, str *select,
                                 struct error *err)
{
    static const char *const ends[SCAN_COLUMNS_N] = {
        " AS VARCHAR)", " >> 1 AS BIGINT)", " = 0 AS BOOLEAN)", " % 9 AS INTEGER)",
        NULL,           " >> 1 AS BIGINT)", " >> 1 AS BIGINT)"
    };
    struct buf sql = BUF_INIT(VIEW_SQL_MAX), row = BUF_INIT(1 << 16);
    str partition;
    buf_lit(&row, "hash(");
    quote_ident(&row, s->columns->fields[0].name);
    buf_add_char(&row, ')');
    buf_lit(&sql, "SELECT *");
    bool ok = partition_type_sql(b, s, &partition, err);
    for (size_t i = 0; i < SCAN_COLUMNS_N && ok; i++) {
        if (!(s->metadata & 1u << i))
            continue;
        buf_lit(&sql, ", ");
        if (ends[i])
            buf_printf(&sql, "CAST(" STR_FMT "%s", STR_ARG(buf_str(&row)), ends[i]);
        else
            buf_printf(&sql, "CASE WHEN " STR_FMT " = 0 THEN CAST(NULL AS " STR_FMT ") END",
                       STR_ARG(buf_str(&row)), STR_ARG(partition));
        buf_printf(&sql, " AS %s", scan_column_names[i]);
    }
    if (s->target)
        buf_printf(&sql,
                   ", " STR_FMT " AS file_index, CAST(" STR_FMT
                   " >> 1 AS BIGINT) AS file_row_number",
                   STR_ARG(buf_str(&row)), STR_ARG(buf_str(&row)));
    buf_printf(&sql, " FROM (" STR_FMT ")", STR_ARG(*select));
    ok = ok && buf_ok(&sql, "a query's plan", err);
    *select = arena_str(b->a, buf_str(&sql));
    buf_deinit(&sql);
    buf_deinit(&row);
    return ok;
}

/* Plans the query over views without rows; a filter then holds for every place where the query reads its table. */
static bool learn_filters(struct binder *b, struct error *err)
{
    size_t n = b->sources.n;
    if (!worth_filters(b))
        return true;
    struct filter_table *tables = arena_array(b->a, struct filter_table, n);
    for (size_t i = 0; i < n; i++)
        tables[i].schema = b->sources.at[i].columns;
    if (!filter_tables_sql(b->session, tables, n, b->a, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct source *s = &b->sources.at[i];
        str select = tables[i].select_sql;
        if ((s->metadata || s->target) && !add_planning_columns(b, s, &select, err))
            return false;
        if (!create_view_as(b, s, select, err))
            return false;
    }
    if (!bind_make_views(b, err) || !session_filters(b->session, b->query, b->req->params,
                                                     b->req->params_n, tables, n, b->a, err))
        return false;
    for (size_t i = 0; i < n; i++)
        b->sources.at[i].filter = tables[i].filter;
    return true;
}

/* The files of one scan, in the snapshot's order. */
struct planned_file {
    size_t manifest, entry;
    struct scan_file file;
    struct file_deletes *deletes; /* NULL: none */
    struct data_file *described;  /* of a target */
};

struct plan {
    struct binder *binder;
    const struct source *source;
    const struct type *partition; /* of the column _partition; NULL: not shown */
    struct deletes *deletes;
    VEC(struct planned_file) files;
};

/* Values of identity partition fields stand in for columns that a file does not hold.  Writers of Iceberg put all columns into
 * their files; those taken over from other layouts may lack some, and come with a name mapping.  Only they are worth a look into
 * every footer. */
static void file_constants(struct plan *p, const struct data_file *f, struct scan_file *out)
{
    if (!metadata_property(p->source->table.metadata, NAME_MAPPING_PROPERTY, (str){ 0 }).len)
        return;
    const struct partition_spec *spec = metadata_spec_by_id(p->source->table.metadata, f->spec_id);
    if (!spec)
        return;
    struct arena *a = p->binder->a;
    struct scan_constant *constants = arena_array(a, struct scan_constant, f->partition_n);
    for (size_t i = 0; i < spec->fields_n && i < f->partition_n; i++) {
        if (spec->fields[i].transform.kind != TRANSFORM_IDENTITY)
            continue;
        struct value *v = arena_new(a, struct value);
        *v = value_copy(&f->partition[i], a);
        constants[out->constants_n++] = (struct scan_constant){ spec->fields[i].source_id, v };
    }
    out->constants = constants;
}

/* {'a': 1::INTEGER, 'b': NULL::VARCHAR} */
static bool partition_sql(struct plan *p, const struct data_file *f, str *out, struct error *err)
{
    const struct partition_spec *spec = metadata_spec_by_id(p->source->table.metadata, f->spec_id);
    struct buf sql = BUF_INIT(1 << 24);
    bool ok = true;
    for (size_t i = 0; ok && i < p->partition->fields_n; i++) {
        const struct field *field = &p->partition->fields[i];
        struct value v = value_null(field->type->kind);
        for (size_t k = 0; spec && k < spec->fields_n && k < f->partition_n; k++)
            if (spec->fields[k].field_id == field->id)
                v = f->partition[k];
        buf_add_str(&sql, i ? STR(", ") : STR("{"));
        quote_text(&sql, field->name);
        buf_lit(&sql, ": ");
        ok = quote_value(&sql, field->type, &v, err);
    }
    buf_add_char(&sql, '}');
    *out = arena_str(p->binder->a, buf_str(&sql));
    ok = ok && buf_ok(&sql, "a partition", err);
    buf_deinit(&sql);
    return ok;
}

/* What metadata columns show of the file, and what a statement that changes it needs to know. */
static bool file_lineage(struct plan *p, const struct scan_task *t, struct planned_file *f,
                         struct error *err)
{
    struct arena *a = p->binder->a;
    f->file.sequence = t->sequence_number;
    f->file.first_row_id = t->file->first_row_id;
    f->file.spec_id = t->file->spec_id;
    if (p->source->metadata & SCAN_COLUMN_FILE)
        f->file.location = arena_str(a, t->file->path);
    if (p->source->target) {
        f->described = arena_new(a, struct data_file);
        data_file_copy(t->file, a, f->described);
    }
    return !p->partition || partition_sql(p, t->file, &f->file.partition, err);
}

static bool take_tasks(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    struct plan *p = ctx;
    struct arena *a = p->binder->a;
    for (size_t i = 0; i < n; i++) {
        const struct scan_task *t = &tasks[i];
        str path, local;
        bool avro = str_is(t->file->format, "avro");
        if (!avro && !str_is(t->file->format, "parquet"))
            return fail(err, ERR_UNSUPPORTED,
                        "data file " STR_FMT " is " STR_FMT ": only parquet and avro are read",
                        STR_ARG(t->file->path), STR_ARG(t->file->format));
        if (!store_from_uri(p->binder->lake->warehouse, t->file->path, a, &path, err) ||
            !store_local_path(p->binder->lake->warehouse, path, a, &local, err))
            return false;
        struct planned_file *f = vec_push(a, &p->files);
        *f = (struct planned_file){ t->manifest,
                                    t->entry,
                                    { .path = local, .rows = t->file->records, .avro = avro },
                                    NULL,
                                    NULL };
        file_constants(p, t->file, &f->file);
        if (!deletes_note(p->deletes, t, &f->deletes, err) || !file_lineage(p, t, f, err))
            return false;
    }
    return true;
}

static int by_place(const void *x, const void *y)
{
    const struct planned_file *a = x, *b = y;
    if (a->manifest != b->manifest)
        return a->manifest < b->manifest ? -1 : 1;
    return a->entry < b->entry ? -1 : a->entry > b->entry;
}

/* The files by their place, for the statement that changes them. */
static void give_target(struct plan *p, struct source *s)
{
    struct bind_target *t = s->target;
    t->filter = s->filter;
    t->files_n = p->files.n;
    t->files = arena_array(p->binder->a, struct target_file, p->files.n);
    for (size_t i = 0; i < p->files.n; i++) {
        const struct planned_file *f = &p->files.at[i];
        t->files[i] =
            (struct target_file){ .file = f->described, .scan = f->file, .deletes = f->deletes };
    }
}

static bool plan_files(struct binder *b, struct source *s, struct parquet_scan *scan,
                       struct error *err)
{
    struct plan p = { .binder = b,
                      .source = s,
                      .deletes = deletes_create(b->lake, s->table.metadata, s->columns, b->a) };
    if (s->metadata & SCAN_COLUMN_PARTITION) {
        p.partition = metadata_partition_type(s->table.metadata, s->columns, b->a);
        if (!partition_type_sql(b, s, &scan->partition_type, err))
            return false;
    }
    struct scan_options o = { .at = s->at,
                              .filter = s->filter,
                              .case_sensitive = true,
                              .pool = b->lake->pool,
                              .cancel = b->req->cancel };
    struct scan_stats stats = { 0 };
    if (b->req->range)
        o.range = *b->req->range;
    if (!scan_plan(b->lake->warehouse, b->lake->env, s->table.metadata, &o, take_tasks, &p, &stats,
                   err))
        return fail_in(err, "table " STR_FMT, STR_ARG(s->label));
    if (p.files.n)
        qsort(p.files.at, p.files.n, sizeof *p.files.at, by_place);
    if (!deletes_load(p.deletes, b->session, b->req->cancel, err) ||
        !deletes_apply(p.deletes, scan, err))
        return fail_in(err, "table " STR_FMT, STR_ARG(s->label));
    struct scan_file *files = arena_array(b->a, struct scan_file, p.files.n);
    for (size_t i = 0; i < p.files.n; i++) {
        deletes_apply_file(p.files.at[i].deletes, &p.files.at[i].file);
        files[i] = p.files.at[i].file;
    }
    scan->files = files;
    scan->files_n = p.files.n;
    if (s->target)
        give_target(&p, s);
    s->files_read = (int64_t)p.files.n;
    s->files_total = (int64_t)stats.files;
    return true;
}

static bool create_view(struct binder *b, struct source *s, struct error *err)
{
    struct parquet_scan scan = { .schema = s->columns,
                                 .metadata = s->metadata,
                                 .positions = s->target != NULL,
                                 .same_names = s->table.metadata->schemas_n == 1 };
    if (!plan_files(b, s, &scan, err))
        return false;
    if (!session_reads(b->session, scan.files, scan.files_n, err))
        return fail_in(err, "table " STR_FMT, STR_ARG(s->label));
    if (!scan_names_of(s->table.metadata, b->a, &scan.names, &scan.names_n, err))
        return fail_in(err, "table " STR_FMT, STR_ARG(s->label));
    if (s->target)
        s->target->scan = scan;
    struct buf sql = BUF_INIT(VIEW_SQL_MAX);
    begin_create(&sql, s);
    if (!parquet_scan_sql(b->session, &scan, &sql, err)) {
        buf_deinit(&sql);
        return fail_in(err, "table " STR_FMT, STR_ARG(s->label));
    }
    return exec_buf(b, &sql, err) || fail_in(err, "table " STR_FMT, STR_ARG(s->label));
}

static void report_scans(struct binder *b, struct bound *out)
{
    out->scans_n = b->sources.n;
    out->scans = arena_array(b->a, struct sql_scan_stats, out->scans_n);
    for (size_t i = 0; i < out->scans_n; i++) {
        const struct source *s = &b->sources.at[i];
        out->scans[i] = (struct sql_scan_stats){
            .table = s->label,
            .snapshot_id = s->snapshot ? s->snapshot->id : SNAPSHOT_NONE,
            .files_total = s->files_total,
            .files_read = s->files_read,
        };
    }
}

/* Metadata columns are there only for who names them: views have no hidden columns. */
bool bind_metadata_words(struct binder *b, str text, unsigned *out, struct error *err)
{
    struct lex lex;
    *out = 0;
    if (!lex_sql(text, b->a, &lex, err))
        return false;
    for (size_t i = 0; i < lex.n; i++) {
        if (lex.at[i].kind != LEX_WORD && lex.at[i].kind != LEX_QUOTED)
            continue;
        str word = lex_ident(lex.at[i], b->a);
        for (size_t k = 0; k < SCAN_COLUMNS_N; k++)
            if (str_eq_nocase(word, str_of(scan_column_names[k])))
                *out |= 1u << k;
    }
    return true;
}

/* Names are the engine's own, from the query over the table's columns without its rows. */
static bool answer_names(struct binder *b, const struct source *s, str *names, size_t n,
                         struct error *err)
{
    struct filter_table table = { .schema = s->columns };
    struct result_column *columns;
    size_t columns_n;
    if (!filter_tables_sql(b->session, &table, 1, b->a, err) ||
        !create_view_as(b, s, table.select_sql, err) ||
        !session_describe(b->session, b->query, b->a, &columns, &columns_n, err))
        return false;
    for (size_t i = 0; i < n && i < columns_n; i++)
        names[i] = columns[i].name;
    return columns_n == n ||
           fail(err, ERR_INTERNAL, "a query of %zu columns gives %zu", n, columns_n);
}

/* Some queries need no rows (sql/metadata_answer.h). */
static bool answer(struct binder *b, bool *done, struct error *err)
{
    struct answer_item *items;
    size_t n;
    *done = false;
    if (b->sources.n != 1 || b->views.n || b->req->target || b->req->params_n || b->metadata)
        return true;
    struct source *s = &b->sources.at[0];
    if (!answer_parse(b->query, s->columns, b->a, &items, &n))
        return true;
    str *names = arena_array(b->a, str, n);
    struct buf sql = BUF_INIT(1 << 20);
    bool ok = answer_names(b, s, names, n, err) &&
              answer_sql(b->lake, s->table.metadata, &s->at, s->columns, items, names, n,
                         b->req->cancel, b->a, &sql, done, err);
    if (ok && *done) {
        b->query = arena_str(b->a, buf_str(&sql));
        s->files_read = 0;
        ok = buf_ok(&sql, "an answer", err);
    }
    buf_deinit(&sql);
    return ok || fail_in(err, "table " STR_FMT, STR_ARG(s->label));
}

bool sql_bind(struct lake *lake, struct session *s, const struct bind_request *req, struct arena *a,
              struct bound *out, struct error *err)
{
    struct binder b = { .lake = lake, .session = s, .req = req, .a = a };
    bool answered = false;
    if (req->target) /* what the statement reads is of the time of what it changes */
        b.pin = req->target->table->commit_id;
    if (!bind_metadata_words(&b, req->query, &b.metadata, err) ||
        !travel_rewrite(system_names_hide(req->query, a), a, &b.query, &b.travels.at, &b.travels.n,
                        err))
        return false;
    b.travels.cap = b.travels.n;
    if (!metadata_names_rewrite(s, b.query, a, &b.query, err) || !resolve_all(&b, err) ||
        !answer(&b, &answered, err) || (!answered && !learn_filters(&b, err)))
        return false;
    for (size_t i = 0; i < b.sources.n && !answered; i++)
        if (!create_view(&b, &b.sources.at[i], err))
            return false;
    if (!bind_make_views(&b, err))
        return false;
    out->query = b.query;
    report_scans(&b, out);
    return true;
}
