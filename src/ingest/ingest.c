/* SPDX-License-Identifier: Apache-2.0
 *
 * A load in steps: find out the kind of the source and its columns, build the one query that reads it with the types that the
 * table wants, write that query's rows (sql/write.h), then keep what the reader rejected. */
#include "ingest/ingest.h"

#include <glob.h>

#include "base/buf.h"
#include "catalog/table.h"
#include "catalog/work_branch.h"
#include "govern/access.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "iceberg/metadata.h"
#include "sql/lake.h"
#include "sql/lex.h"
#include "sql/write.h"

#define QUERY_MAX ((size_t)8 << 20)
#define SUMMARY_MAX 4
#define SCAN_ALL_TYPES_ROWS 100000 /* rows of a text file that its types are guessed from */

struct load {
    struct lake *lake;
    const struct ingest_request *req;
    struct arena *a;
    struct session *session;
    const struct source_kind *kind;
    str ns, name; /* of the table */
    bool exists;
    const struct schema *target;   /* of the table; NULL when it is to be made */
    struct result_column *columns; /* of the source */
    size_t columns_n;
    str reader; /* "read_csv('...', ...)" */
    str checker; /* the same, keeping what it rejects, to name a bad cell with; empty: not a text file */
    str rejected_if; /* a row is rejected when this holds; empty: the reader itself rejects */
};

enum reader { READ_PARQUET, READ_CSV, READ_JSON };

static const struct source_kind {
    const char *suffix;
    enum reader reader;
    const char *function, *options;
} kinds[] = {
    { ".parquet", READ_PARQUET, "read_parquet", "" },
    { ".csv", READ_CSV, "read_csv", "" },
    { ".tsv", READ_CSV, "read_csv", ", delim='\\t'" },
    { ".json", READ_JSON, "read_json", "" },
    { ".jsonl", READ_JSON, "read_json", ", format='newline_delimited'" },
    { ".ndjson", READ_JSON, "read_json", ", format='newline_delimited'" },
};

static const char *const mode_names[] = { "append", "overwrite", "merge" };
static const char *const on_error_names[] = { "fail", "skip", "quarantine" };

static bool word_index(str text, const char *const *words, size_t n, unsigned *out)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(text, words[i])) {
            *out = (unsigned)i;
            return true;
        }
    }
    return false;
}

bool ingest_mode_parse(str text, enum ingest_mode *out)
{
    unsigned i;
    if (!word_index(text, mode_names, 3, &i))
        return false;
    *out = (enum ingest_mode)i;
    return true;
}

bool ingest_on_error_parse(str text, enum ingest_on_error *out)
{
    unsigned i;
    if (!word_index(text, on_error_names, 3, &i))
        return false;
    *out = (enum ingest_on_error)i;
    return true;
}

/* By the name's end; .gz and .zst in front of it are the reader's business. */
static bool find_kind(struct load *l, struct error *err)
{
    str name = l->req->source;
    if (str_ends(name, STR(".gz")))
        name.len -= 3;
    else if (str_ends(name, STR(".zst")))
        name.len -= 4;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !l->kind; i++)
        if (str_ends(name, str_of(kinds[i].suffix)))
            l->kind = &kinds[i];
    if (l->kind)
        return true;
    fail(err, ERR_UNSUPPORTED, STR_FMT " is no kind of file that can be loaded",
         STR_ARG(l->req->source));
    return fail_hint(
        err,
        "by the end of the name: .parquet .csv .tsv .json .jsonl .ndjson, text files also with .gz or .zst");
}

static bool check_files(struct load *l, struct error *err)
{
    glob_t found;
    int rc = glob(arena_cstr(l->a, l->req->source), GLOB_NOSORT, NULL, &found);
    globfree(&found);
    if (rc == GLOB_NOMATCH)
        return fail(err, ERR_NOT_FOUND, "there is no file " STR_FMT, STR_ARG(l->req->source));
    if (rc != 0)
        return fail(err, ERR_UNAVAILABLE, "look for " STR_FMT ": the folder cannot be read",
                    STR_ARG(l->req->source));
    return true;
}

static bool find_target(struct load *l, struct error *err)
{
    struct table t;
    if (!name_split(l->req->table, l->a, &l->ns, &l->name, err) ||
        !catalog_table_exists(l->lake->catalog, l->req->branch, l->ns, l->name, &l->exists, err))
        return false;
    if (!l->exists)
        return true;
    if (!catalog_load_table(l->lake->catalog, l->req->branch, l->ns, l->name, l->a, &t, err))
        return false;
    l->target = metadata_schema(t.metadata);
    return true;
}

/* The call that reads the source as it is. */
static str plain_reader(struct load *l, const char *more)
{
    struct buf *b = arena_new(l->a, struct buf);
    buf_init(b, QUERY_MAX);
    buf_in_arena(b, l->a);
    buf_printf(b, "%s(", l->kind->function);
    quote_text(b, l->req->source);
    buf_printf(b, "%s", l->kind->options);
    if (l->kind->reader != READ_PARQUET)
        buf_printf(b, ", sample_size=%d", SCAN_ALL_TYPES_ROWS);
    buf_printf(b, "%s)", more);
    return buf_str(b);
}

/* A file that ends too early, or is none of its kind, is damaged: that is not the query's fault. */
static bool source_error(struct load *l, struct error *err)
{
    if (err->code == ERR_INVALID && l->kind->reader == READ_PARQUET)
        err->code = ERR_CORRUPT;
    return fail_in(err, "read " STR_FMT, STR_ARG(l->req->source));
}

static bool describe(struct load *l, str reader, struct error *err)
{
    str sql = arena_printf(l->a, "SELECT * FROM " STR_FMT, STR_ARG(reader));
    return session_describe(l->session, sql, l->a, &l->columns, &l->columns_n, err) ||
           source_error(l, err);
}

static const struct field *target_field(const struct load *l, str name)
{
    return l->target ? schema_field_by_name(l->target, name, false) : NULL;
}

/* {'a': 'INTEGER', ...}: the table's type for each column of the source that it has, so that the reader checks each cell. */
static bool typed_options(struct load *l, struct buf *out, struct error *err)
{
    bool any = false;
    for (size_t i = 0; i < l->columns_n; i++) {
        const struct field *f = target_field(l, l->columns[i].name);
        struct buf type = BUF_INIT(QUERY_MAX);
        if (!f)
            continue;
        if (!sql_type(&type, f->type, err)) {
            buf_deinit(&type);
            return false;
        }
        buf_printf(out, "%s", any ? ", " : ", types={");
        quote_text(out, l->columns[i].name);
        buf_lit(out, ": ");
        quote_text(out, buf_str(&type));
        buf_deinit(&type);
        any = true;
    }
    if (any)
        buf_lit(out, "}");
    return true;
}

/* "a INTEGER, b DOUBLE" as the reader's types. */
static bool given_types(struct load *l, struct buf *out, struct error *err)
{
    struct lex lex;
    if (!lex_sql(l->req->columns, l->a, &lex, err))
        return false;
    buf_lit(out, ", types={");
    for (size_t i = 0, start = 0, depth = 0; i <= lex.n; i++) {
        depth += lex_is(&lex, i, "(");
        depth -= depth && lex_is(&lex, i, ")");
        if (i < lex.n && (depth || !lex_is(&lex, i, ",")))
            continue;
        if (i < start + 2)
            return fail(err, ERR_INVALID, "columns are given as NAME TYPE, NAME TYPE ...");
        if (start)
            buf_lit(out, ", ");
        quote_text(out, lex_ident(lex.at[start], l->a));
        buf_lit(out, ": ");
        quote_text(out, lex_span(&lex, start + 1, i));
        start = i + 1;
    }
    buf_lit(out, "}");
    return true;
}

/* Text files are read with the right types at once; the reader keeps what it rejects. */
static bool csv_reader(struct load *l, struct error *err)
{
    struct buf more = BUF_INIT(QUERY_MAX);
    bool ok = l->req->columns.len ? given_types(l, &more, err) : typed_options(l, &more, err);
    if (ok) {
        char *types = arena_cstr(l->a, buf_str(&more));
        l->checker = plain_reader(l, arena_printf(l->a, "%s, store_rejects=true", types).ptr);
        l->reader = l->req->on_error == ON_ERROR_FAIL ? plain_reader(l, types) : l->checker;
    }
    buf_deinit(&more);
    return ok;
}

/* Other files have types of their own: a row is rejected when a value cannot become the table's. */
static bool cast_condition(struct load *l, struct error *err)
{
    struct buf *b = arena_new(l->a, struct buf);
    buf_init(b, QUERY_MAX);
    buf_in_arena(b, l->a);
    for (size_t i = 0; i < l->columns_n; i++) {
        const struct field *f = target_field(l, l->columns[i].name);
        if (!f || (l->columns[i].type && type_equal(l->columns[i].type, f->type)))
            continue;
        buf_printf(b, "%s(", b->len ? " OR " : "");
        quote_ident(b, l->columns[i].name);
        buf_lit(b, " IS NOT NULL AND TRY_CAST(");
        quote_ident(b, l->columns[i].name);
        buf_lit(b, " AS ");
        if (!sql_type(b, f->type, err))
            return false;
        buf_lit(b, ") IS NULL)");
    }
    l->rejected_if = buf_str(b);
    return true;
}

static bool make_reader(struct load *l, struct error *err)
{
    l->reader = plain_reader(l, "");
    if (!describe(l, l->reader, err))
        return false;
    if (l->kind->reader == READ_CSV)
        return csv_reader(l, err) && describe(l, l->reader, err);
    if (l->req->columns.len)
        return fail(err, ERR_UNSUPPORTED, "--columns is for text files with separators");
    return l->req->on_error == ON_ERROR_FAIL || cast_condition(l, err);
}

/* The columns that the table has too; others of the source are an error, so that none is lost by a spelling. */
static bool check_columns(const struct load *l, struct error *err)
{
    for (size_t i = 0; l->target && l->req->mode != INGEST_OVERWRITE && i < l->columns_n; i++) {
        if (target_field(l, l->columns[i].name))
            continue;
        fail(err, ERR_INVALID, "the table " STR_FMT " has no column " STR_FMT,
             STR_ARG(l->req->table), STR_ARG(l->columns[i].name));
        return fail_hint(err,
                         "rename it in the file, or load into another table with --mode overwrite");
    }
    return true;
}

static bool check_key(const struct load *l, struct error *err)
{
    if (l->req->mode == INGEST_MERGE && l->req->key_n == 0)
        return fail(err, ERR_INVALID, "--mode merge needs --key COLUMNS");
    for (size_t i = 0; i < l->req->key_n; i++) {
        bool found = false;
        for (size_t k = 0; k < l->columns_n; k++)
            found = found || str_eq(l->columns[k].name, l->req->key[i]);
        if (!found)
            return fail(err, ERR_INVALID, "the key column " STR_FMT " is not in " STR_FMT,
                        STR_ARG(l->req->key[i]), STR_ARG(l->req->source));
    }
    return true;
}

static str accepted_rows(struct load *l)
{
    if (!l->rejected_if.len)
        return arena_printf(l->a, "SELECT * FROM " STR_FMT, STR_ARG(l->reader));
    return arena_printf(l->a, "SELECT * FROM " STR_FMT " WHERE NOT coalesce(" STR_FMT ", false)",
                        STR_ARG(l->reader), STR_ARG(l->rejected_if));
}

static str key_list(struct load *l)
{
    struct buf *b = arena_new(l->a, struct buf);
    buf_init(b, QUERY_MAX);
    buf_in_arena(b, l->a);
    for (size_t i = 0; i < l->req->key_n; i++) {
        if (i)
            buf_lit(b, ", ");
        quote_ident(b, l->req->key[i]);
    }
    return buf_str(b);
}

static str quoted_table(struct load *l)
{
    struct buf *b = arena_new(l->a, struct buf);
    buf_init(b, 4096);
    buf_in_arena(b, l->a);
    quote_name(b, (const str[]){ ns_to_text(l->ns, l->a), l->name }, 2);
    return buf_str(b);
}

/* The source's last row of each key. */
static str latest_rows(struct load *l)
{
    str rows = accepted_rows(l), keys = key_list(l);
    return arena_printf(
        l->a,
        "SELECT * EXCLUDE (firn_row) FROM (SELECT *, row_number() OVER () AS firn_row FROM (" STR_FMT
        ")) QUALIFY row_number() OVER (PARTITION BY " STR_FMT " ORDER BY firn_row DESC) = 1",
        STR_ARG(rows), STR_ARG(keys));
}

/* What the table holds afterwards: its rows whose key the source lacks, and the source's. */
static str merged_rows(struct load *l)
{
    str keys = key_list(l), rows = latest_rows(l), table = quoted_table(l);
    return arena_printf(l->a,
                        "WITH firn_new AS MATERIALIZED (" STR_FMT ") SELECT * FROM " STR_FMT
                        " ANTI JOIN firn_new USING (" STR_FMT
                        ") UNION ALL BY NAME SELECT * FROM firn_new",
                        STR_ARG(rows), STR_ARG(table), STR_ARG(keys));
}

static str written_rows(struct load *l)
{
    if (l->req->mode != INGEST_MERGE)
        return accepted_rows(l);
    return l->exists ? merged_rows(l) : latest_rows(l);
}

static bool count_rejected(struct load *l, int64_t *out, struct error *err)
{
    str sql, text;
    *out = 0;
    if (l->req->on_error == ON_ERROR_FAIL)
        return true;
    if (l->kind->reader == READ_CSV)
        sql = STR("SELECT count(DISTINCT (file_id, line)) FROM reject_errors");
    else if (l->rejected_if.len)
        sql = arena_printf(l->a, "SELECT count(*) FROM " STR_FMT " WHERE " STR_FMT,
                           STR_ARG(l->reader), STR_ARG(l->rejected_if));
    else
        return true;
    return session_scalar(l->session, sql, l->a, &text, err) &&
           (str_to_i64(text, out) ||
            fail(err, ERR_INTERNAL, "count of rejected rows: " STR_FMT, STR_ARG(text)));
}

/* The rejected rows as a query with the columns of the quarantine table. */
static str rejected_rows(struct load *l)
{
    struct buf *b = arena_new(l->a, struct buf);
    buf_init(b, QUERY_MAX);
    buf_in_arena(b, l->a);
    if (l->kind->reader == READ_CSV)
        buf_lit(
            b,
            "SELECT s.file_path AS file, CAST(e.line AS BIGINT) AS line, e.column_name AS column_name, "
            "e.csv_line AS row, e.error_message AS reason, now() AS rejected_at "
            "FROM reject_errors e JOIN reject_scans s USING (scan_id, file_id)");
    else {
        buf_lit(b, "SELECT ");
        quote_text(b, l->req->source);
        buf_printf(
            b,
            " AS file, CAST(NULL AS BIGINT) AS line, CAST(NULL AS VARCHAR) AS column_name, "
            "CAST(to_json(r) AS VARCHAR) AS row, 'a value does not fit its column' AS reason, now() AS rejected_at "
            "FROM (SELECT * FROM " STR_FMT " WHERE " STR_FMT ") AS r",
            STR_ARG(l->reader), STR_ARG(l->rejected_if));
    }
    return buf_str(b);
}

static bool quarantine(struct load *l, struct ingest_report *out, struct error *err)
{
    struct write_result done;
    if (l->req->on_error != ON_ERROR_QUARANTINE || out->rejected == 0)
        return true;
    out->quarantine = arena_printf(l->a, STR_FMT "_quarantine", STR_ARG(l->req->table));
    struct write_request w = { .branch = l->req->branch,
                               .table = out->quarantine,
                               .query = rejected_rows(l),
                               .mode = WRITE_APPEND,
                               .create_missing = true,
                               .local_files = true,
                               .access = l->req->access,
                               .cancel = l->req->cancel,
                               .session = l->session };
    return sql_write_query(l->lake, &w, l->a, &done, err);
}

static bool write_rows(struct load *l, struct ingest_report *out, struct error *err)
{
    const struct write_prop summary[SUMMARY_MAX] = {
        { STR("firn.operation"), STR("ingest") },
        { STR("firn.source"), l->req->source },
        { STR("firn.mode"), str_of(mode_names[l->req->mode]) },
        { STR("firn.on-error"), str_of(on_error_names[l->req->on_error]) },
    };
    struct write_request w = { .branch = l->req->branch,
                               .table = l->req->table,
                               .query = written_rows(l),
                               .mode = l->req->mode == INGEST_APPEND ? WRITE_APPEND : WRITE_REPLACE,
                               .create_missing = true,
                               .partition_by = l->req->partition_by,
                               .local_files = true,
                               .access = l->req->access,
                               .summary = summary,
                               .summary_n = SUMMARY_MAX,
                               .cancel = l->req->cancel,
                               .session = l->session };
    struct write_result done;
    if (!sql_write_query(l->lake, &w, l->a, &done, err))
        return false;
    *out = (struct ingest_report){ .rows = done.rows,
                                   .files = done.files,
                                   .bytes = done.bytes,
                                   .snapshot_id = done.snapshot_id,
                                   .commit_id = done.commit_id,
                                   .created = done.created };
    return true;
}

/* The reader's own words name the line only.  Reading once more tells the first cell that does not fit, with its column. */
static bool name_cell(struct load *l, struct error *err)
{
    struct error ignored = { 0 };
    struct result *rows = NULL;
    const struct chunk *chunk = NULL;
    str sql = arena_printf(l->a, "SELECT * FROM " STR_FMT, STR_ARG(l->checker)), cell = { 0 };
    if (err->code != ERR_INVALID || l->req->on_error != ON_ERROR_FAIL || !l->checker.len)
        return false;
    bool ok = session_query(l->session, sql, NULL, 0, &rows, &ignored);
    while (ok && (ok = result_next(rows, &chunk, &ignored)) && chunk)
        continue;
    result_close(rows);
    if (!ok ||
        !session_scalar(l->session,
                        STR("SELECT s.file_path || ': line ' || e.line || coalesce(', column ' || "
                            "e.column_name, '') || ': ' || regexp_replace(e.error_message, "
                            "'^Error when converting column \"[^\"]*\"[.] ', '') "
                            "FROM reject_errors e JOIN reject_scans s USING (scan_id, file_id) "
                            "ORDER BY e.scan_id DESC, e.file_id, e.line, e.column_idx LIMIT 1"),
                        l->a, &cell, &ignored) ||
        !cell.ptr)
        return false;
    fail(err, ERR_INVALID, STR_FMT, STR_ARG(cell));
    return fail_hint(
        err,
        "--on-error skip leaves such rows out, --on-error quarantine keeps them in " STR_FMT
        "_quarantine",
        STR_ARG(l->req->table));
}

static bool load(struct load *l, struct ingest_report *out, struct error *err)
{
    if (!find_kind(l, err) || !check_files(l, err) || !find_target(l, err) ||
        !make_reader(l, err) || !check_columns(l, err) || !check_key(l, err))
        return false;
    progress_report(l->req->progress, "reading and writing", 0, 0);
    if (!write_rows(l, out, err))
        return name_cell(l, err);
    return count_rejected(l, &out->rejected, err) && quarantine(l, out, err);
}

/* Rows and rejected rows are two tables: with a quarantine they are written on a branch and published together. */
static bool load_with_quarantine(struct load *l, struct ingest_report *out, struct error *err)
{
    const struct ingest_request *asked = l->req;
    struct ingest_request inner = *asked;
    struct catalog *c = l->lake->catalog;
    struct merge_result merged;
    struct commit_info info = { .message =
                                    arena_printf(l->a, "ingest " STR_FMT, STR_ARG(asked->table)) };
    access_sign(asked->access, l->a, &info);
    if (!work_branch_open(c, l->lake->env, "ingest", asked->branch, l->a, &inner.branch, err))
        return false;
    inner.access = access_as_ref(asked->access, asked->branch, l->a);
    l->req = &inner;
    bool ok = load(l, out, err) &&
              work_branch_merge(c, inner.branch, asked->branch, &info, l->a, &merged, err);
    l->req = asked;
    work_branch_drop(c, inner.branch);
    if (!ok)
        return false;
    out->commit_id = merged.commit_id;
    for (size_t i = 0; i < merged.n;
         i++) /* rows that were appended again have another snapshot there */
        if (str_eq(name_to_text(merged.entries[i].ns, merged.entries[i].name, l->a), asked->table))
            out->snapshot_id = merged.entries[i].snapshot_id;
    return true;
}

bool ingest_run(struct lake *lake, const struct ingest_request *req, struct arena *a,
                struct ingest_report *out, struct error *err)
{
    struct load l = { .lake = lake, .req = req, .a = a };
    if (!session_open(lake->engine, &l.session, err))
        return false;
    session_set_cancel(l.session, req->cancel);
    bool ok = req->on_error == ON_ERROR_QUARANTINE ? load_with_quarantine(&l, out, err)
                                                   : load(&l, out, err);
    session_close(l.session);
    return ok;
}
