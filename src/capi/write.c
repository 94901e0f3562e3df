/* SPDX-License-Identifier: Apache-2.0
 *
 * Appends, overwrites and row deltas: the streams become tables of a session, the rest is sql/write.h and sql/delta.h. */
#include "capi/capi_priv.h"
#include "engine/arrow.h"
#include "engine/session.h"
#include "iceberg/metadata.h"
#include "sql/delta.h"
#include "sql/write.h"

#define ROWS_TABLE "firn_rows_in"
#define KEYS_TABLE "firn_keys_in"

void write_result(firn_write_result *out, int64_t snapshot_id, int64_t rows, str commit_id)
{
    if (!out || out->size < sizeof *out)
        return;
    size_t n = commit_id.len < sizeof out->commit ? commit_id.len : sizeof out->commit - 1;
    out->snapshot_id = snapshot_id;
    out->rows = rows;
    if (n)
        memcpy(out->commit, commit_id.ptr, n);
    out->commit[n] = 0;
}

/* Streams are consumed whatever happens. */
static void drop_stream(struct ArrowArrayStream *s)
{
    if (s && s->release)
        s->release(s);
}

/* Keys of a summary that the specification gives a meaning are made here, not by the caller. */
static bool check_summary(struct call *c, const struct property *s, size_t n)
{
    static const char *const ours[] = { "added-", "removed-", "deleted-",
                                        "total-", "changed-", "replaced-" };
    for (size_t i = 0; i < n; i++) {
        bool taken = str_is(s[i].key, "operation") || !s[i].key.len;
        for (size_t k = 0; k < sizeof ours / sizeof *ours; k++)
            taken = taken || str_starts(s[i].key, str_of(ours[k]));
        for (size_t k = 0; k < i; k++)
            taken = taken || str_eq(s[i].key, s[k].key);
        if (taken)
            return fail(&c->err, ERR_INVALID,
                        "the summary's key \"" STR_FMT "\" is there already, or not for callers",
                        STR_ARG(s[i].key));
    }
    return true;
}

static bool read_stream(struct call *c, struct session *s, const char *table,
                        struct ArrowArrayStream *in, struct delta_rows *out)
{
    struct result_column *columns;
    size_t n;
    if (!in)
        return true;
    if (!session_arrow_table(s, str_of(table), in, c->a, &columns, &n, &c->err))
        return false;
    str *names = arena_array(c->a, str, n);
    for (size_t i = 0; i < n; i++)
        names[i] = columns[i].name;
    *out = (struct delta_rows){ str_of(table), names, n };
    return true;
}

static bool append(struct call *c, const struct delta_request *d, firn_write_result *result)
{
    struct write_result done;
    struct write_request w = { .branch = d->branch,
                               .table = d->table,
                               .query = STR("SELECT * FROM " ROWS_TABLE),
                               .mode = WRITE_APPEND,
                               .summary = d->summary,
                               .summary_n = d->summary_n,
                               .access = d->access,
                               .cancel = d->cancel,
                               .session = d->session };
    if (!sql_write_query(c->lake->lake, &w, c->a, &done, &c->err))
        return false;
    write_result(result, done.snapshot_id, done.rows, done.commit_id);
    return true;
}

static bool put_rows(struct call *c, struct delta_request *d, struct ArrowArrayStream *rows,
                     struct ArrowArrayStream *keys, firn_write_result *result)
{
    struct sql_outcome done;
    if (!read_stream(c, d->session, ROWS_TABLE, rows, &d->rows) ||
        !read_stream(c, d->session, KEYS_TABLE, keys, &d->keys))
        return false;
    if (!d->filter.len && !keys)
        return append(c, d, result);
    if (!sql_row_delta(c->lake->lake, d, c->a, &done, &c->err))
        return false;
    write_result(result, done.snapshot_id, done.rows_written, done.commit_id);
    return true;
}

static bool write_streams(struct call *c, const firn_write_options *o, const char *filter,
                          struct ArrowArrayStream *rows, struct ArrowArrayStream *keys,
                          firn_write_result *result)
{
    struct property *summary;
    if (!capi_options(c, o, sizeof *o) || !capi_needs(c, o->table, "the table's name") ||
        !capi_pairs(c, o->summary, o->summary_n, &summary) ||
        !check_summary(c, summary, o->summary_n) ||
        (filter && !sql_check_condition(str_of(filter), c->a, &c->err)))
        return false;
    if (!rows && !keys && !filter)
        return fail(&c->err, ERR_INVALID, "there are neither rows nor keys nor a filter");
    struct write_prop *props = arena_array(c->a, struct write_prop, o->summary_n);
    for (size_t i = 0; i < o->summary_n; i++)
        props[i] = (struct write_prop){ summary[i].key, summary[i].value };
    struct delta_request d = { .branch = str_of(o->branch),
                               .table = str_of(o->table),
                               .filter = str_of(filter),
                               .summary = props,
                               .summary_n = o->summary_n,
                               .access = c->access,
                               .cancel = capi_cancel(o->cancel) };
    if (!session_open(c->lake->lake->engine, &d.session, &c->err))
        return false;
    session_set_cancel(d.session, d.cancel);
    bool ok = put_rows(c, &d, rows, keys, result);
    session_close(d.session);
    return ok;
}

int firn_append(firn_lake *lake, const firn_write_options *options, struct ArrowArrayStream *rows,
                firn_write_result *result, firn_error *err)
{
    struct call c;
    bool ok = capi_begin(&c, lake, true, err) && capi_needs(&c, rows, "the stream") &&
              write_streams(&c, options, NULL, rows, NULL, result);
    drop_stream(rows);
    return capi_end(&c, ok);
}

int firn_overwrite(firn_lake *lake, const firn_write_options *options, const char *filter,
                   struct ArrowArrayStream *rows, firn_write_result *result, firn_error *err)
{
    struct call c;
    bool ok = capi_begin(&c, lake, true, err) && capi_needs(&c, rows, "the stream") &&
              write_streams(&c, options, filter ? filter : "true", rows, NULL, result);
    drop_stream(rows);
    return capi_end(&c, ok);
}

int firn_row_delta(firn_lake *lake, const firn_write_options *options,
                   struct ArrowArrayStream *rows, const char *filter, struct ArrowArrayStream *keys,
                   firn_write_result *result, firn_error *err)
{
    struct call c;
    bool ok =
        capi_begin(&c, lake, true, err) && write_streams(&c, options, filter, rows, keys, result);
    drop_stream(rows);
    drop_stream(keys);
    return capi_end(&c, ok);
}
