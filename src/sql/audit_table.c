/* SPDX-License-Identifier: Apache-2.0
 *
 * For each segment of the spool: has the table rows of that segment already (a process died between commit and removal)?  If not they are
 * appended; then the file is removed.  The rows carry the segment's id, so the question is one scan that column bounds keep
 * small. */
#include "sql/audit_table.h"

#include "base/log.h"
#include "catalog/table.h"
#include "engine/quote.h"
#include "govern/audit.h"
#include "io/spool.h"
#include "sql/lake.h"
#include "sql/sql.h"
#include "sql/write.h"
#include "engine/result.h"

#define QUERY_MAX ((size_t)64 << 10)

/* Lines that a full disk cut off are no JSON, and are left out. */
static const char rows_of[] =
    "SELECT make_timestamptz(time_us) AS \"time\", principal, credential, action, kind AS object_kind,"
    " object, ref, allowed, reason, request_id, peer, ";
static const char from_file[] =
    ", format = 'newline_delimited', ignore_errors = true, columns = {time_us: 'BIGINT', principal: 'VARCHAR',"
    " credential: 'VARCHAR', action: 'VARCHAR', kind: 'VARCHAR', object: 'VARCHAR', ref: 'VARCHAR',"
    " allowed: 'BOOLEAN', reason: 'VARCHAR', request_id: 'VARCHAR', peer: 'VARCHAR'})"
    " WHERE time_us IS NOT NULL";

struct flushing {
    struct lake *lake;
    struct arena *a;
    const struct access *access;
    bool there; /* the table */
};

static bool has_segment(struct flushing *f, str id, bool *out, struct error *err)
{
    struct sql_outcome outcome;
    const struct chunk *chunk;
    struct buf sql = BUF_INIT(QUERY_MAX);
    *out = false;
    if (!f->there)
        return true;
    buf_lit(&sql, "SELECT 1 FROM " AUDIT_TABLE " WHERE segment = ");
    quote_text(&sql, id);
    buf_lit(&sql, " LIMIT 1");
    struct sql_request req = { .text = buf_str(&sql), .access = f->access };
    bool ok = sql_execute(f->lake, &req, f->a, &outcome, err);
    if (ok) {
        ok = result_next(outcome.rows, &chunk, err);
        *out = ok && chunk && chunk->n > 0;
        sql_close(&outcome);
    }
    buf_deinit(&sql);
    return ok;
}

static bool append_segment(struct flushing *f, const struct spool_segment *s, struct error *err)
{
    struct write_result done;
    struct buf sql = BUF_INIT(QUERY_MAX);
    const struct write_prop summary[] = { { STR("firn.operation"), STR("audit") },
                                          { STR("firn.audit.segment"), s->id } };
    buf_add_str(&sql, str_of(rows_of));
    quote_text(&sql, s->id);
    buf_lit(&sql, " AS segment FROM read_json(");
    quote_text(&sql, s->path);
    buf_add_str(&sql, str_of(from_file));
    struct write_request w = { .table = STR(AUDIT_TABLE),
                               .query = buf_str(&sql),
                               .mode = WRITE_APPEND,
                               .create_missing = true,
                               .partition_by = STR("day(\"time\")"),
                               .local_files = true,
                               .access = f->access,
                               .summary = summary,
                               .summary_n = sizeof summary / sizeof *summary };
    bool ok = sql_write_query(f->lake, &w, f->a, &done, err);
    buf_deinit(&sql);
    f->there = f->there || ok;
    return ok;
}

static bool move_segments(struct flushing *f, struct spool *spool, struct error *err)
{
    struct spool_segment *segments;
    size_t n;
    if (!spool_seal(spool, f->a, &segments, &n, err) ||
        !catalog_table_exists(f->lake->catalog, (str){ 0 }, STR(AUDIT_NAMESPACE),
                              STR(AUDIT_TABLE_NAME), &f->there, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool written;
        if (!has_segment(f, segments[i].id, &written, err) ||
            (!written && segments[i].bytes > 0 && !append_segment(f, &segments[i], err)) ||
            !spool_remove(spool, segments[i].id, err))
            return false;
    }
    return true;
}

bool audit_flush(struct lake *lake, struct error *err)
{
    struct spool *spool = audit_spool(lake->govern);
    if (!spool || spool_pending(spool) == 0)
        return true;
    audit_turn_take(lake->govern);
    struct flushing f = { .lake = lake, .a = arena_create(0) };
    f.access = access_system(lake->govern, f.a);
    bool ok = spool_pending(spool) == 0 || move_segments(&f, spool, err);
    arena_destroy(f.a);
    audit_turn_give(lake->govern);
    return ok || fail_in(err, "the audit log cannot be moved to its table");
}
