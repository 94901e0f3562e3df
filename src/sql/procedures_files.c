/* SPDX-License-Identifier: Apache-2.0
 *
 * add_files as Spark has it: the source is a table, or `parquet`.`path`. */
#include "iceberg/metadata.h"
#include "sql/add_files.h"
#include "sql/lake.h"
#include "sql/procedure_priv.h"

/* `parquet`.`/path` (or "parquet"."/path", or parquet.`/path`), else the name of a table; a bare path will do, too. */
static bool read_source(str text, struct add_files_request *out, struct error *err)
{
    static const char *const formats[] = { "`parquet`.", "\"parquet\".", "parquet." };
    static const char *const others[] = { "`orc`.", "orc.", "`avro`.", "avro." };
    str path = { 0 };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (str_starts(text, str_of(others[i])))
            return fail(err, ERR_UNSUPPORTED, "only Parquet files can be added, not " STR_FMT,
                        STR_ARG(text));
    for (size_t i = 0; i < sizeof formats / sizeof *formats && !path.len; i++)
        if (str_starts(text, str_of(formats[i])))
            path = str_from(text, strlen(formats[i]));
    if (path.len >= 2 && (path.ptr[0] == '`' || path.ptr[0] == '"') &&
        path.ptr[path.len - 1] == path.ptr[0])
        path = str_sub(path, 1, path.len - 1);
    if (!path.len && str_find_char(text, '/') >= 0)
        path = text;
    out->from_table = !path.len;
    out->source = path.len ? path : text;
    return text.len > 0 || fail(err, ERR_INVALID, "the argument source_table is missing");
}

bool call_add_files(struct call *c, struct error *err)
{
    struct run *r = c->run;
    struct add_files_request req = { .branch = r->req->branch,
                                     .access = r->req->access,
                                     .cancel = r->req->cancel };
    struct add_files_result done;
    const struct argument *only = call_argument(c, "partition_filter");
    int64_t ignored;
    str source, ns, name;
    bool check;
    if (!call_table(c, TABLE_WRITE_DATA, &ns, &name, err) ||
        !call_text(c, "table", (str){ 0 }, &req.table, err) ||
        !call_text(c, "source_table", (str){ 0 }, &source, err) ||
        !read_source(source, &req, err) ||
        !call_bool(c, "check_duplicate_files", true, &check, err) ||
        !call_int(c, "parallelism", 1, 1, &ignored, err) ||
        !call_text(c, "branch", (str){ 0 }, &req.table_branch, err))
        return false;
    if (only->kind != ARGUMENT_NONE && only->kind != ARGUMENT_MAP)
        return fail(err, ERR_INVALID, "the argument partition_filter has to be a map");
    struct property *values = arena_array(r->a, struct property, only->list_n / 2);
    for (size_t i = 0; i + 1 < only->list_n; i += 2)
        values[req.only_n++] = (struct property){ only->list[i], only->list[i + 1] };
    req.only = values;
    req.allow_duplicates = !check;
    if (!run_add_files(r, &req, &done, err))
        return false;
    r->out->commit_id = done.commit_id;
    r->out->snapshot_id = done.snapshot_id;
    return call_answer(c, "added_files_count changed_partition_count",
                       (int64_t[]){ done.files, done.partitions }, err);
}
