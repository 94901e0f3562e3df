/* SPDX-License-Identifier: Apache-2.0
 *
 * Appends, overwrites and row deltas: the streams become tables of a session, the rest is sql/write.h and sql/delta.h. */
#include "capi/capi_priv.h"
#include "engine/arrow.h"
#include "engine/quote.h"
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

/* What becomes of keys, where a call has keys. */
static bool take_deletes(struct call *c, const firn_write_options *o, struct delta_request *d)
{
    if (o->deletes != FIRN_DELETES_BY_TABLE && o->deletes != FIRN_DELETES_EQUALITY)
        return fail(&c->err, ERR_INVALID, "%d is no kind of deletes", (int)o->deletes);
    d->equality = o->deletes == FIRN_DELETES_EQUALITY;
    d->key_ids = o->key_ids;
    d->key_ids_n = o->key_ids_n;
    if (!capi_count(c, o->key_ids, o->key_ids_n, "key_ids"))
        return false;
    return !o->key_ids || d->equality ||
           fail(&c->err, ERR_INVALID, "field ids of keys go with equality deletes only");
}

/* What the options say; `d` has no session yet. */
static bool take_options(struct call *c, const firn_write_options *o, const char *filter,
                         struct delta_request *d)
{
    struct property *summary;
    if (!capi_options(c, o, sizeof *o) || !capi_needs(c, o->table, "the table's name") ||
        !capi_pairs(c, o->summary, o->summary_n, &summary) ||
        !check_summary(c, summary, o->summary_n) ||
        (filter && !sql_check_condition(str_of(filter), c->a, &c->err)))
        return false;
    struct write_prop *props = arena_array(c->a, struct write_prop, o->summary_n);
    for (size_t i = 0; i < o->summary_n; i++)
        props[i] = (struct write_prop){ summary[i].key, summary[i].value };
    *d = (struct delta_request){ .branch = str_of(o->branch),
                                 .table = str_of(o->table),
                                 .filter = str_of(filter),
                                 .summary = props,
                                 .summary_n = o->summary_n,
                                 .access = c->access,
                                 .cancel = capi_cancel(o->cancel) };
    return take_deletes(c, o, d);
}

/* Of calls that have no keys. */
static bool take_plain_options(struct call *c, const firn_write_options *o, const char *filter,
                               struct delta_request *d)
{
    return take_options(c, o, filter, d) &&
           (!d->equality || fail(&c->err, ERR_INVALID, "this call has no keys to be deleted"));
}

static bool begin_session(struct call *c, struct delta_request *d)
{
    if (!session_open(c->lake->lake->engine, &d->session, &c->err))
        return false;
    session_set_cancel(d->session, d->cancel);
    return true;
}

/* Ten rows need no query. */
static bool append_small(struct call *c, const struct delta_request *d,
                         struct ArrowArrayStream *rows, firn_write_result *result, bool *done)
{
    struct write_result wrote;
    struct write_request w = { .branch = d->branch,
                               .table = d->table,
                               .mode = WRITE_APPEND,
                               .summary = d->summary,
                               .summary_n = d->summary_n,
                               .access = d->access,
                               .cancel = d->cancel };
    if (!sql_append_small(c->lake->lake, &w, rows, c->a, &wrote, done, &c->err))
        return false;
    if (*done)
        write_result(result, wrote.snapshot_id, wrote.rows, wrote.commit_id);
    return true;
}

static bool write_streams(struct call *c, const firn_write_options *o, const char *filter,
                          struct ArrowArrayStream *rows, struct ArrowArrayStream *keys, bool delta,
                          firn_write_result *result)
{
    struct delta_request d;
    if (delta ? !take_options(c, o, filter, &d) : !take_plain_options(c, o, filter, &d))
        return false;
    if (!rows && !keys && !filter)
        return fail(&c->err, ERR_INVALID, "there are neither rows nor keys nor a filter");
    if (d.equality && !keys)
        return fail(&c->err, ERR_INVALID, "equality deletes need keys");
    bool done = false;
    if (rows && rows->release && !keys && !filter && !append_small(c, &d, rows, result, &done))
        return false;
    if (done)
        return true;
    if (!begin_session(c, &d))
        return false;
    bool ok = put_rows(c, &d, rows, keys, result);
    session_close(d.session);
    return ok;
}

/* ---- Upserts */

/* The columns named, or the table's identifier fields. */
static bool upsert_keys(struct call *c, const struct delta_request *d, const char *const *keys,
                        size_t n, struct delta_rows *out)
{
    str ns, name, *columns;
    struct table t;
    if (!capi_count(c, keys, n, "keys"))
        return false;
    if (!n) {
        if (!name_split(d->table, c->a, &ns, &name, &c->err) ||
            !catalog_load_table(c->lake->lake->catalog, d->branch, ns, name, c->a, &t, &c->err))
            return false;
        const struct schema *s = metadata_schema(t.metadata);
        n = s->identifier_ids_n;
        columns = arena_array(c->a, str, n);
        for (size_t i = 0; i < n; i++)
            columns[i] = schema_name_of(s, s->identifier_ids[i]);
    } else {
        columns = arena_array(c->a, str, n);
        for (size_t i = 0; i < n; i++) {
            if (!capi_needs(c, keys[i], "a key's name"))
                return false;
            columns[i] = str_of(keys[i]);
        }
    }
    *out = (struct delta_rows){ STR(ROWS_TABLE), columns, n };
    return n > 0 ||
           fail(&c->err, ERR_INVALID, "no keys are named, and the table has no identifier fields");
}

/* Every key once: of two rows with one key only chance could say which stays. */
static bool check_unique(struct call *c, struct session *s, const struct delta_rows *keys)
{
    struct result *rows;
    const struct chunk *chunk;
    struct buf sql = BUF_INIT(CAPI_SQL_MAX);
    buf_lit(&sql, "SELECT 1 FROM " ROWS_TABLE " GROUP BY ");
    for (size_t i = 0; i < keys->columns_n; i++) {
        buf_add_str(&sql, i ? STR(", ") : STR(""));
        quote_ident(&sql, keys->columns[i]);
    }
    buf_lit(&sql, " HAVING count(*) > 1 LIMIT 1");
    bool ok = buf_ok(&sql, "the keys", &c->err) &&
              session_query(s, buf_str(&sql), NULL, 0, &rows, &c->err);
    buf_deinit(&sql);
    if (!ok)
        return fail_in(&c->err, "the keys");
    ok = result_next(rows, &chunk, &c->err);
    if (ok && chunk && chunk->n)
        ok = fail(&c->err, ERR_INVALID, "two of the rows have the same key");
    result_close(rows);
    return ok;
}

static bool upsert(struct call *c, struct delta_request *d, struct ArrowArrayStream *rows,
                   const char *const *keys, size_t n, firn_write_result *result)
{
    struct sql_outcome done;
    if (!upsert_keys(c, d, keys, n, &d->keys) || !begin_session(c, d))
        return false;
    bool ok = read_stream(c, d->session, ROWS_TABLE, rows, &d->rows) &&
              check_unique(c, d->session, &d->keys) &&
              sql_row_delta(c->lake->lake, d, c->a, &done, &c->err);
    session_close(d->session);
    if (ok)
        write_result(result, done.snapshot_id, done.rows_written, done.commit_id);
    return ok;
}

int firn_upsert(firn_lake *lake, const firn_write_options *options, struct ArrowArrayStream *rows,
                const char *const *keys, size_t keys_n, firn_write_result *result, firn_error *err)
{
    struct call c;
    struct delta_request d;
    bool ok = capi_begin(&c, lake, true, err) && capi_needs(&c, rows, "the stream") &&
              take_options(&c, options, NULL, &d) && upsert(&c, &d, rows, keys, keys_n, result);
    drop_stream(rows);
    return capi_end(&c, ok);
}

/* ---- Partitions */

static bool replace_partitions(struct call *c, struct delta_request *d,
                               struct ArrowArrayStream *rows, firn_write_result *result)
{
    struct sql_outcome done;
    if (!begin_session(c, d))
        return false;
    bool ok = read_stream(c, d->session, ROWS_TABLE, rows, &d->rows) &&
              sql_replace_partitions(c->lake->lake, d, c->a, &done, &c->err);
    session_close(d->session);
    if (ok)
        write_result(result, done.snapshot_id, done.rows_written, done.commit_id);
    return ok;
}

int firn_overwrite_partitions(firn_lake *lake, const firn_write_options *options,
                              struct ArrowArrayStream *rows, firn_write_result *result,
                              firn_error *err)
{
    struct call c;
    struct delta_request d;
    bool ok = capi_begin(&c, lake, true, err) && capi_needs(&c, rows, "the stream") &&
              take_plain_options(&c, options, NULL, &d) && replace_partitions(&c, &d, rows, result);
    drop_stream(rows);
    return capi_end(&c, ok);
}

/* ---- The other calls */

int firn_append(firn_lake *lake, const firn_write_options *options, struct ArrowArrayStream *rows,
                firn_write_result *result, firn_error *err)
{
    struct call c;
    bool ok = capi_begin(&c, lake, true, err) && capi_needs(&c, rows, "the stream") &&
              write_streams(&c, options, NULL, rows, NULL, false, result);
    drop_stream(rows);
    return capi_end(&c, ok);
}

int firn_overwrite(firn_lake *lake, const firn_write_options *options, const char *filter,
                   struct ArrowArrayStream *rows, firn_write_result *result, firn_error *err)
{
    struct call c;
    bool ok = capi_begin(&c, lake, true, err) && capi_needs(&c, rows, "the stream") &&
              write_streams(&c, options, filter ? filter : "true", rows, NULL, false, result);
    drop_stream(rows);
    return capi_end(&c, ok);
}

int firn_row_delta(firn_lake *lake, const firn_write_options *options,
                   struct ArrowArrayStream *rows, const char *filter, struct ArrowArrayStream *keys,
                   firn_write_result *result, firn_error *err)
{
    struct call c;
    bool ok = capi_begin(&c, lake, true, err) &&
              write_streams(&c, options, filter, rows, keys, true, result);
    drop_stream(rows);
    drop_stream(keys);
    return capi_end(&c, ok);
}
