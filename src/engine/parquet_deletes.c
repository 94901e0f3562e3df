/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that are gone, and metadata columns: what stands around the SELECT that reads a group of files.
 *
 *     SELECT columns, metadata columns, positions
 *     FROM (SELECT columns, keys, file_index AS firn_file, file_row_number AS firn_row FROM read_parquet(...)) AS t
 *     ANTI JOIN (SELECT keys, max(sequence) AS sequence ... GROUP BY keys) AS d0 ON t.key IS NOT DISTINCT FROM d0.key AND ...
 *     WHERE firn_udf(firn_file, firn_row) = 1
 *
 * Positions are asked with a function in C: a vector's rows lie close together, so their part of the set is
 * taken out as a mask once.  Equality deletes are joins by their values; the newest delete of a value is the one that
 * counts, so each value is there once and a left join (for `_deleted`) does not double rows. */
#include "codec/roaring.h"
#include "engine/parquet_scan_priv.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "engine/session_priv.h"
#include "engine/udf.h"
#include "iceberg/value.h"

#define EXPRESSION_MAX ((size_t)64 << 20)
#define MASK_BITS 16384 /* rows of a vector lie within so many, as a rule */
#define NO_VALUE INT64_MIN

const char *const scan_column_names[SCAN_COLUMNS_N] = {
    "_file",
    "_pos",
    "_deleted",
    "_spec_id",
    "_partition",
    "_row_id",
    "_last_updated_sequence_number",
};

static const char *const column_types[SCAN_COLUMNS_N] = {
    "VARCHAR", "BIGINT", "BOOLEAN", "INTEGER", NULL, "BIGINT", "BIGINT",
};

/* ---- Functions */

struct live {
    const struct positions **deleted; /* by file of the group */
    size_t file_width;                /* bytes of a file's index */
};

/* Two words in a register of any x86-64 or arm64. */
typedef uint64_t pair __attribute__((vector_size(16)));

/* Whether rows are first, first + 1, ... */
static bool is_sequence(const int64_t *rows, size_t n)
{
    const uint64_t first = (uint64_t)rows[0];
    pair low = { first, first + 1 }, high = { first + 2, first + 3 }, differ = { 0 };
    size_t i = 0;
    for (; i + 4 <= n; i += 4, low += 4, high += 4) {
        pair a, b;
        memcpy(&a, rows + i, sizeof a);
        memcpy(&b, rows + i + 2, sizeof b);
        differ |= (a ^ low) | (b ^ high);
    }
    uint64_t any = differ[0] | differ[1];
    for (; i < n; i++)
        any |= (uint64_t)rows[i] ^ (first + i);
    return any == 0;
}

/* A byte a row from a bit a row, which says that it is gone: eight at a time. */
static void spread(const uint64_t *mask, size_t n, uint8_t *out)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t bits = (mask[i / 64] >> (i % 64) & 0xff) * 0x0101010101010101 & 0x8040201008040201;
        uint64_t live = ~((bits + 0x7f7f7f7f7f7f7f7f) >> 7) & 0x0101010101010101;
        memcpy(out + i, &live, 8);
    }
    for (; i < n; i++)
        out[i] = !(mask[i / 64] >> (i % 64) & 1);
}

/* Rows one after the other, as a scan without filters has them. */
static void live_sequence(const struct positions *deleted, uint64_t row, size_t n, uint8_t *out)
{
    uint64_t mask[UDF_ROWS_MAX / 64] = { 0 };
    positions_mask(deleted, row, n, mask);
    spread(mask, n, out);
}

/* Rows of one file in any order. */
static void live_rows(const struct positions *deleted, const int64_t *rows, size_t n, uint8_t *out)
{
    uint64_t mask[MASK_BITS / 64];
    int64_t lo = rows[0], hi = rows[0];
    for (size_t i = 1; i < n; i++) {
        lo = rows[i] < lo ? rows[i] : lo;
        hi = rows[i] > hi ? rows[i] : hi;
    }
    if (hi - lo >= MASK_BITS) {
        for (size_t i = 0; i < n; i++)
            out[i] = !positions_has(deleted, (uint64_t)rows[i]);
        return;
    }
    size_t width = (size_t)(hi - lo) + 1;
    memset(mask, 0, (width + 63) / 64 * 8);
    positions_mask(deleted, (uint64_t)lo, width, mask);
    for (size_t i = 0; i < n; i++) {
        size_t bit = (size_t)(rows[i] - lo);
        out[i] = !(mask[bit / 64] >> (bit % 64) & 1);
    }
}

static void live_run(const struct positions *deleted, const int64_t *rows, size_t n, uint8_t *out)
{
    if (!deleted)
        memset(out, 1, n);
    else if (is_sequence(rows, n))
        live_sequence(deleted, (uint64_t)rows[0], n, out);
    else
        live_rows(deleted, rows, n, out);
}

static size_t file_at(const struct live *l, const void *files, size_t i)
{
    return l->file_width == 1   ? ((const uint8_t *)files)[i]
           : l->file_width == 2 ? ((const uint16_t *)files)[i]
                                : ((const uint32_t *)files)[i];
}

/* Whether n files are all the first one: each is the one before. */
static bool same_file(const struct live *l, const void *files, size_t n)
{
    return memcmp(files, (const char *)files + l->file_width, (n - 1) * l->file_width) == 0;
}

static bool live_call(void *ctx, const struct udf_call *call, struct error *err)
{
    (void)err;
    const struct live *l = ctx;
    const void *files = call->args[0].data;
    const int64_t *row = call->args[1].data;
    uint8_t *out = call->out;
    bool same = call->n && same_file(l, files, call->n);
    for (size_t i = 0, end; i < call->n; i = end) {
        size_t file = file_at(l, files, i);
        for (end = same ? call->n : i + 1; end < call->n && file_at(l, files, end) == file;)
            end++;
        live_run(l->deleted[file], row + i, end - i, out + i);
    }
    return true;
}

/* The narrowest type that holds the index of each of n files: the engine lays it out for each row. */
static const char *index_type(size_t n, size_t *width)
{
    *width = n <= 1u << 8 ? 1 : n <= 1u << 16 ? 2 : 4;
    return *width == 1 ? "UTINYINT" : *width == 2 ? "USMALLINT" : "UINTEGER";
}

/* Whether a row is there, as a condition.  The function gives a number, not a truth: the engine picks rows by a comparison
 * without branches, by a truth with one for each row. */
static bool live_sql(struct builder *b, const struct group *g, str *out, struct error *err)
{
    static const str args[] = { STR_INIT(INNER_FILE), STR_INIT(INNER_ROW) };
    struct arena *own = session_arena(b->s);
    struct live *l = arena_new(own, struct live);
    const char *types[] = { index_type(g->files.n, &l->file_width), "BIGINT" };
    l->deleted = arena_array(own, const struct positions *, g->files.n);
    for (size_t i = 0; i < g->files.n; i++)
        l->deleted[i] = b->scan->files[g->files.at[i]].deleted;
    struct udf f = {
        .arg_types = types, .args_n = 2, .return_type = "UTINYINT", .fn = live_call, .ctx = l
    };
    if (!udf_add(b->s, &f, args, b->arena, out, err))
        return false;
    *out = arena_printf(b->arena, "(" STR_FMT " = 1)", STR_ARG(*out));
    return true;
}

/* A number of each file. */
struct numbers {
    int64_t *at;
};

static bool number_call(void *ctx, const struct udf_call *call, struct error *err)
{
    (void)err;
    const struct numbers *numbers = ctx;
    const uint64_t *file = call->args[0].data;
    int64_t *out = call->out;
    for (size_t i = 0; i < call->n; i++) {
        out[i] = numbers->at[file[i]];
        if (out[i] == NO_VALUE)
            call->valid[i / 64] &= ~((uint64_t)1 << (i % 64));
    }
    return true;
}

/* The number that belongs to the file index `file`; `at` lives as long as the session. */
static bool number_sql(struct builder *b, int64_t *at, const char *file, str *out,
                       struct error *err)
{
    static const char *const types[] = { "UBIGINT" };
    struct numbers *numbers = arena_new(session_arena(b->s), struct numbers);
    numbers->at = at;
    struct udf f = {
        .arg_types = types, .args_n = 1, .return_type = "BIGINT", .fn = number_call, .ctx = numbers
    };
    str arg = str_of(file);
    return udf_add(b->s, &f, &arg, b->arena, out, err);
}

typedef int64_t (*file_number_fn)(const struct scan_file *f);

static int64_t sequence_of(const struct scan_file *f)
{
    return f->sequence;
}

static int64_t place_of(const struct scan_file *f)
{
    return f->place;
}

static int64_t spec_of(const struct scan_file *f)
{
    return f->spec_id;
}

static int64_t first_row_id_of(const struct scan_file *f)
{
    return f->first_row_id < 0 ? NO_VALUE : f->first_row_id;
}

static bool group_number_sql(struct builder *b, const struct group *g, file_number_fn fn, str *out,
                             struct error *err)
{
    int64_t *at = arena_array(session_arena(b->s), int64_t, g->files.n);
    for (size_t i = 0; i < g->files.n; i++)
        at[i] = fn(&b->scan->files[g->files.at[i]]);
    return number_sql(b, at, INNER_FILE, out, err);
}

/* ---- Which fields to read */

bool group_is_wrapped(const struct builder *b, const struct group *g)
{
    return g->deletes != DELETES_NONE || b->scan->metadata;
}

static str dropped_name(struct builder *b, int32_t id)
{
    return arena_printf(b->arena, "firn_dropped_%d", id);
}

#define LINEAGE (SCAN_COLUMN_ROW_ID | SCAN_COLUMN_UPDATED)

void group_fields(struct builder *b, const struct group *g)
{
    const struct parquet_scan *scan = b->scan;
    struct field *f =
        arena_array(b->arena, struct field, scan->schema->fields_n + scan->dropped_n + 2);
    size_t n = scan->schema->fields_n;
    memcpy(f, scan->schema->fields, n * sizeof *f);
    for (size_t i = 0; g->deletes == DELETES_EQUALITY && i < scan->dropped_n; i++) {
        f[n] = scan->dropped[i];
        f[n].name = dropped_name(b, f[n].id);
        n++;
    }
    if (scan->metadata & LINEAGE) {
        f[n++] = (struct field){ .id = FIELD_ROW_ID,
                                 .name = STR("firn_row_id"),
                                 .type = type_of(TYPE_LONG) };
        f[n++] = (struct field){ .id = FIELD_UPDATED,
                                 .name = STR("firn_updated"),
                                 .type = type_of(TYPE_LONG) };
    }
    b->fields = f;
    b->fields_n = n;
}

/* ---- Equality deletes */

/* Members from a column to field `id`, outermost first; 0: it is not in there, or inside a list or map. */
static size_t path_to(const struct field *f, int32_t id, const struct field **path)
{
    path[0] = f;
    if (f->id == id)
        return 1;
    for (size_t i = 0; f->type->kind == TYPE_STRUCT && i < f->type->fields_n; i++) {
        size_t n = path_to(&f->type->fields[i], id, path + 1);
        if (n)
            return n + 1;
    }
    return 0;
}

struct key {
    const struct field *path[TYPE_DEPTH_MAX + 1];
    size_t n;
    bool dropped;
};

static bool find_key(const struct builder *b, int32_t id, struct key *k, struct error *err)
{
    const struct parquet_scan *scan = b->scan;
    for (size_t i = 0; i < scan->schema->fields_n; i++)
        if ((k->n = path_to(&scan->schema->fields[i], id, k->path)))
            return true;
    k->dropped = true;
    for (size_t i = 0; i < scan->dropped_n; i++)
        if ((k->n = path_to(&scan->dropped[i], id, k->path)))
            return true;
    return fail(err, ERR_CORRUPT, "an equality delete compares column %d, which the table has not",
                id);
}

/* struct_extract(struct_extract(t."a", 'b'), 'c') */
static void add_key(struct builder *b, const struct key *k, const char *table)
{
    for (size_t i = 1; i < k->n; i++)
        buf_lit(b->out, "struct_extract(");
    buf_printf(b->out, "%s.", table);
    quote_ident(b->out, k->dropped ? dropped_name(b, k->path[0]->id) : k->path[0]->name);
    for (size_t i = 1; i < k->n; i++) {
        buf_lit(b->out, ", ");
        quote_text(b->out, k->path[i]->name);
        buf_add_char(b->out, ')');
    }
}

/* One join: the deletes of some columns that apply everywhere, or those by partition. */
struct join {
    const struct scan_equality *equality;
    bool anywhere;
    struct key *keys;
    size_t files_n;
};

static size_t count_files(const struct scan_equality *e, bool anywhere)
{
    size_t n = 0;
    for (size_t i = 0; i < e->files_n; i++)
        n += (e->files[i].place == SCAN_ANYWHERE) == anywhere;
    return n;
}

/* The columns that the delete files are read for: the keys' outermost ones, each once. */
static bool key_schema(struct builder *b, const struct join *j, const struct schema **out,
                       struct error *err)
{
    struct field *fields = arena_array(b->arena, struct field, j->equality->ids_n);
    size_t n = 0;
    for (size_t i = 0; i < j->equality->ids_n; i++) {
        struct field f = *j->keys[i].path[0];
        bool seen = false;
        for (size_t k = 0; k < n; k++)
            seen = seen || fields[k].id == f.id;
        if (j->keys[i].dropped)
            f.name = dropped_name(b, f.id);
        if (!seen)
            fields[n++] = f;
    }
    return schema_build(0, fields, n, NULL, 0, b->arena, out, err);
}

static bool delete_files(struct builder *b, const struct join *j, struct parquet_scan *scan,
                         str *sequence, str *place, struct error *err)
{
    struct arena *own = session_arena(b->s);
    struct scan_file *files = arena_array(b->arena, struct scan_file, j->files_n);
    int64_t *sequences = arena_array(own, int64_t, j->files_n);
    int64_t *places = arena_array(own, int64_t, j->files_n);
    size_t n = 0;
    for (size_t i = 0; i < j->equality->files_n; i++) {
        const struct scan_equality_file *f = &j->equality->files[i];
        if ((f->place == SCAN_ANYWHERE) != j->anywhere)
            continue;
        sequences[n] = f->sequence;
        places[n] = f->place;
        files[n].avro = f->avro;
        files[n++].path = f->path;
    }
    *scan = (struct parquet_scan){ .files = files,
                                   .files_n = n,
                                   .names = b->scan->names,
                                   .names_n = b->scan->names_n,
                                   .same_names = b->scan->same_names,
                                   .positions = true };
    return key_schema(b, j, &scan->schema, err) &&
           number_sql(b, sequences, "d.file_index", sequence, err) &&
           number_sql(b, places, "d.file_index", place, err);
}

/* (SELECT k0, k1, place, max(sequence) AS sequence FROM (...) GROUP BY ALL) */
static bool add_deletes(struct builder *b, const struct join *j, struct error *err)
{
    struct parquet_scan scan;
    str sequence, place;
    if (!delete_files(b, j, &scan, &sequence, &place, err))
        return false;
    buf_lit(b->out, "(SELECT ");
    for (size_t i = 0; i < j->equality->ids_n; i++) {
        add_key(b, &j->keys[i], "d");
        buf_printf(b->out, " AS k%zu, ", i);
    }
    if (!j->anywhere)
        buf_printf(b->out, STR_FMT " AS place, ", STR_ARG(place));
    buf_printf(b->out, "max(" STR_FMT ") AS sequence FROM (", STR_ARG(sequence));
    if (!parquet_scan_build(b->s, &scan, b->arena, b->out, err))
        return false;
    buf_lit(b->out, ") AS d GROUP BY ALL)");
    return true;
}

static bool add_join(struct builder *b, const struct group *g, const struct join *j, size_t number,
                     bool keep, struct error *err)
{
    str sequence, place;
    if (!group_number_sql(b, g, sequence_of, &sequence, err) ||
        !group_number_sql(b, g, place_of, &place, err))
        return false;
    buf_add_str(b->out, keep ? STR(" LEFT JOIN ") : STR(" ANTI JOIN "));
    if (!add_deletes(b, j, err))
        return false;
    buf_printf(b->out, " AS d%zu ON ", number);
    for (size_t i = 0; i < j->equality->ids_n; i++) {
        add_key(b, &j->keys[i], "t");
        buf_printf(b->out, " IS NOT DISTINCT FROM d%zu.k%zu AND ", number, i);
    }
    if (!j->anywhere)
        buf_printf(b->out, STR_FMT " = d%zu.place AND ", STR_ARG(place), number);
    buf_printf(b->out, STR_FMT " < d%zu.sequence", STR_ARG(sequence), number);
    return true;
}

static bool find_keys(struct builder *b, const struct scan_equality *e, struct key **out,
                      struct error *err)
{
    *out = arena_array(b->arena, struct key, e->ids_n);
    if (!e->ids_n)
        return fail(err, ERR_CORRUPT, "an equality delete file names no columns");
    for (size_t i = 0; i < e->ids_n; i++)
        if (!find_key(b, e->ids[i], &(*out)[i], err))
            return false;
    return true;
}

/* Every join; *n of them. */
static bool add_joins(struct builder *b, const struct group *g, bool keep, size_t *n,
                      struct error *err)
{
    *n = 0;
    for (size_t i = 0; g->deletes == DELETES_EQUALITY && i < b->scan->equality_n; i++) {
        struct join j = { .equality = &b->scan->equality[i] };
        if (!find_keys(b, j.equality, &j.keys, err))
            return false;
        for (int anywhere = 0; anywhere < 2; anywhere++) {
            j.anywhere = anywhere;
            j.files_n = count_files(j.equality, j.anywhere);
            if (j.files_n && !add_join(b, g, &j, (*n)++, keep, err))
                return false;
        }
    }
    return true;
}

static size_t joins_of(const struct builder *b, const struct group *g)
{
    size_t n = 0;
    for (size_t i = 0; g->deletes == DELETES_EQUALITY && i < b->scan->equality_n; i++)
        n += (count_files(&b->scan->equality[i], false) > 0) +
             (count_files(&b->scan->equality[i], true) > 0);
    return n;
}

/* ---- The columns outside */

static bool keeps_rows(const struct parquet_scan *scan)
{
    return scan->null_deleted || scan->metadata & SCAN_COLUMN_DELETED;
}

static bool has_deleted(const struct builder *b, const struct group *g)
{
    for (size_t i = 0; i < g->files.n; i++)
        if (b->scan->files[g->files.at[i]].deleted)
            return true;
    return false;
}

/* Whether a row is gone, as an expression; "false" for a group without deletes. */
static bool deleted_sql(struct builder *b, const struct group *g, str *out, struct error *err)
{
    struct buf text = BUF_INIT(EXPRESSION_MAX);
    size_t joins = joins_of(b, g);
    str live;
    buf_lit(&text, "(");
    if (has_deleted(b, g)) {
        if (!live_sql(b, g, &live, err))
            return false;
        buf_printf(&text, "NOT " STR_FMT, STR_ARG(live));
    } else {
        buf_lit(&text, "false");
    }
    for (size_t i = 0; i < joins; i++)
        buf_printf(&text, " OR d%zu.sequence IS NOT NULL", i);
    buf_lit(&text, ")");
    *out = arena_str(b->arena, buf_str(&text));
    buf_deinit(&text);
    return true;
}

/* A text of each file, as [a, b, ...][place]. */
static void add_texts(struct builder *b, const struct group *g, bool partition)
{
    for (size_t i = 0; i < g->files.n; i++) {
        const struct scan_file *f = &b->scan->files[g->files.at[i]];
        buf_add_str(b->out, i ? STR(", ") : STR("(["));
        if (partition)
            buf_add_str(b->out, f->partition.len ? f->partition : STR("NULL"));
        else
            quote_text(b->out, f->location);
    }
    buf_lit(b->out, "])[CAST(" INNER_FILE " AS BIGINT) + 1]");
}

static bool add_metadata_column(struct builder *b, const struct group *g, enum scan_column column,
                                str deleted, struct error *err)
{
    str number;
    switch (column) {
    case SCAN_COLUMN_FILE:
    case SCAN_COLUMN_PARTITION:
        add_texts(b, g, column == SCAN_COLUMN_PARTITION);
        return true;
    case SCAN_COLUMN_POS:
        buf_lit(b->out, INNER_ROW);
        return true;
    case SCAN_COLUMN_DELETED:
        buf_add_str(b->out, deleted);
        return true;
    case SCAN_COLUMN_SPEC_ID:
        if (!group_number_sql(b, g, spec_of, &number, err))
            return false;
        buf_printf(b->out, "CAST(" STR_FMT " AS INTEGER)", STR_ARG(number));
        return true;
    case SCAN_COLUMN_ROW_ID:
        if (!group_number_sql(b, g, first_row_id_of, &number, err))
            return false;
        buf_printf(b->out, "coalesce(t.firn_row_id, " STR_FMT " + " INNER_ROW ")", STR_ARG(number));
        return true;
    case SCAN_COLUMN_UPDATED:
        break;
    }
    str first;
    if (!group_number_sql(b, g, sequence_of, &number, err) ||
        !group_number_sql(b, g, first_row_id_of, &first, err))
        return false;
    buf_printf(b->out,
               "coalesce(t.firn_updated, CASE WHEN " STR_FMT " IS NOT NULL THEN " STR_FMT " END)",
               STR_ARG(first), STR_ARG(number));
    return true;
}

static void add_column(struct builder *b, const struct field *f, str deleted)
{
    if (f->id == b->scan->null_deleted) {
        buf_printf(b->out, "CASE WHEN " STR_FMT " THEN NULL ELSE t.", STR_ARG(deleted));
        quote_ident(b->out, f->name);
        buf_lit(b->out, " END AS ");
    } else {
        buf_lit(b->out, "t.");
    }
    quote_ident(b->out, f->name);
}

bool add_wrap_begin(struct builder *b, const struct group *g, struct error *err)
{
    const struct parquet_scan *scan = b->scan;
    str deleted = { 0 };
    if (keeps_rows(scan) && !deleted_sql(b, g, &deleted, err))
        return false;
    for (size_t i = 0; i < scan->schema->fields_n; i++) {
        buf_add_str(b->out, i ? STR(", ") : STR("SELECT "));
        add_column(b, &scan->schema->fields[i], deleted);
    }
    for (size_t i = 0; i < SCAN_COLUMNS_N; i++) {
        if (!(scan->metadata & 1u << i))
            continue;
        buf_lit(b->out, ", ");
        if (!add_metadata_column(b, g, (enum scan_column)(1u << i), deleted, err))
            return false;
        buf_printf(b->out, " AS %s", scan_column_names[i]);
    }
    add_positions(b, g, INNER_FILE, INNER_ROW);
    buf_lit(b->out, " FROM (");
    return true;
}

bool add_wrap_end(struct builder *b, const struct group *g, struct error *err)
{
    bool keep = keeps_rows(b->scan);
    size_t joins;
    str live;
    buf_lit(b->out, ") AS t");
    if (!add_joins(b, g, keep, &joins, err))
        return false;
    if (keep || !has_deleted(b, g))
        return true;
    if (!live_sql(b, g, &live, err))
        return false;
    buf_printf(b->out, " WHERE " STR_FMT, STR_ARG(live));
    return true;
}

void add_empty_metadata(struct builder *b)
{
    for (size_t i = 0; i < SCAN_COLUMNS_N; i++) {
        if (!(b->scan->metadata & 1u << i))
            continue;
        str type = column_types[i] ? str_of(column_types[i]) : b->scan->partition_type;
        buf_printf(b->out, ", CAST(NULL AS " STR_FMT ") AS %s", STR_ARG(type),
                   scan_column_names[i]);
    }
}
