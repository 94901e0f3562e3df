/* SPDX-License-Identifier: Apache-2.0
 *
 * Procedures that move a table between its snapshots (catalog/moves.h), with the names, arguments and answers of Iceberg's
 * Spark procedures; `branch` is ours: a branch of the table other than main. */
#include "catalog/moves.h"
#include "engine/quote.h"
#include "govern/access.h"
#include "iceberg/metadata.h"
#include "sql/lake.h"
#include "sql/procedure_priv.h"

#define ANSWER_MAX ((size_t)64 << 20)

static bool need(const struct call *c, const char *name, struct error *err)
{
    return call_argument(c, name)->kind != ARGUMENT_NONE ||
           fail(err, ERR_INVALID, "the argument %s is missing", name);
}

/* An operation that brings rows along is a write of rows, too. */
static bool run_move(struct call *c, struct move *v, const char *names, struct error *err)
{
    struct write_info info = call_info(c);
    struct moved done;
    str ns, name;
    bool adds = v->kind == MOVE_CHERRY_PICK || v->kind == MOVE_PUBLISH;
    if (!call_table(c, TABLE_SET_SNAPSHOT_REF, &ns, &name, err) ||
        (adds && !call_table(c, TABLE_WRITE_DATA, &ns, &name, err)) ||
        !catalog_move(c->run->lake->catalog, c->run->req->branch, ns, name, v, &info, c->run->a,
                      &done, err))
        return false;
    c->run->out->commit_id = done.commit_id;
    c->run->out->snapshot_id = done.current_id;
    return call_answer(
        c, names, (int64_t[]){ adds ? done.source_id : done.previous_id, done.current_id }, err);
}

bool call_rollback_to_snapshot(struct call *c, struct error *err)
{
    struct move v = { .kind = MOVE_ROLLBACK };
    return need(c, "snapshot_id", err) &&
           call_int(c, "snapshot_id", 0, INT64_MIN, &v.snapshot_id, err) &&
           call_text(c, "branch", (str){ 0 }, &v.branch, err) &&
           run_move(c, &v, "previous_snapshot_id current_snapshot_id", err);
}

bool call_rollback_to_timestamp(struct call *c, struct error *err)
{
    struct move v = { .kind = MOVE_ROLLBACK_TIME };
    return need(c, "timestamp", err) && call_time(c, "timestamp", 0, &v.timestamp_ms, err) &&
           call_text(c, "branch", (str){ 0 }, &v.branch, err) &&
           run_move(c, &v, "previous_snapshot_id current_snapshot_id", err);
}

bool call_set_current_snapshot(struct call *c, struct error *err)
{
    struct move v = { .kind = MOVE_SET_CURRENT };
    bool id = call_argument(c, "snapshot_id")->kind != ARGUMENT_NONE;
    if (id == (call_argument(c, "ref")->kind != ARGUMENT_NONE))
        return fail(err, ERR_INVALID, "either snapshot_id or ref has to be given, not both");
    return call_int(c, "snapshot_id", 0, INT64_MIN, &v.snapshot_id, err) &&
           call_text(c, "ref", (str){ 0 }, &v.to, err) &&
           call_text(c, "branch", (str){ 0 }, &v.branch, err) &&
           run_move(c, &v, "previous_snapshot_id current_snapshot_id", err);
}

bool call_cherrypick_snapshot(struct call *c, struct error *err)
{
    struct move v = { .kind = MOVE_CHERRY_PICK };
    return need(c, "snapshot_id", err) &&
           call_int(c, "snapshot_id", 0, INT64_MIN, &v.snapshot_id, err) &&
           call_text(c, "branch", (str){ 0 }, &v.branch, err) &&
           run_move(c, &v, "source_snapshot_id current_snapshot_id", err);
}

bool call_publish_changes(struct call *c, struct error *err)
{
    struct move v = { .kind = MOVE_PUBLISH };
    return need(c, "wap_id", err) && call_text(c, "wap_id", (str){ 0 }, &v.wap_id, err) &&
           call_text(c, "branch", (str){ 0 }, &v.branch, err) &&
           run_move(c, &v, "source_snapshot_id current_snapshot_id", err);
}

static bool answer_sql(const struct call *c, struct buf *sql, struct error *err)
{
    bool ok = buf_ok(sql, "the answer", err) &&
              session_query(c->run->session, buf_str(sql), NULL, 0, &c->run->out->rows, err);
    buf_deinit(sql);
    return ok;
}

static void add_id(struct buf *sql, int64_t id, const char *name)
{
    if (id == SNAPSHOT_NONE)
        buf_printf(sql, ", CAST(NULL AS BIGINT) AS %s", name);
    else
        buf_printf(sql, ", CAST(%lld AS BIGINT) AS %s", (long long)id, name);
}

bool call_fast_forward(struct call *c, struct error *err)
{
    struct move v = { .kind = MOVE_FAST_FORWARD };
    struct write_info info = call_info(c);
    struct moved done;
    str ns, name;
    if (!need(c, "branch", err) || !need(c, "to", err) ||
        !call_text(c, "branch", (str){ 0 }, &v.branch, err) ||
        !call_text(c, "to", (str){ 0 }, &v.to, err) ||
        !call_table(c, TABLE_SET_SNAPSHOT_REF, &ns, &name, err) ||
        !catalog_move(c->run->lake->catalog, c->run->req->branch, ns, name, &v, &info, c->run->a,
                      &done, err))
        return false;
    c->run->out->commit_id = done.commit_id;
    struct buf sql = BUF_INIT(ANSWER_MAX);
    buf_lit(&sql, "SELECT ");
    quote_text(&sql, v.branch);
    buf_lit(&sql, " AS branch_updated");
    add_id(&sql, done.previous_id, "previous_ref");
    add_id(&sql, done.current_id, "updated_ref");
    return answer_sql(c, &sql, err);
}

/* Spark has ALTER TABLE for this; here it can be called, too. */
bool call_upgrade(struct call *c, struct error *err)
{
    struct write_info info = call_info(c);
    int64_t version;
    int was;
    str ns, name;
    if (!need(c, "format_version", err) || !call_int(c, "format_version", 0, 1, &version, err) ||
        !call_table(c, TABLE_UPGRADE_FORMAT_VERSION, &ns, &name, err))
        return false;
    version = version > INT32_MAX ? INT32_MAX : version;
    if (!catalog_upgrade_table(c->run->lake->catalog, c->run->req->branch, ns, name, (int)version,
                               false, &info, c->run->a, &was, &c->run->out->commit_id, err))
        return false;
    return call_answer(c, "previous_format_version current_format_version",
                       (int64_t[]){ was, version }, err);
}

bool call_ancestors_of(struct call *c, struct error *err)
{
    struct table t;
    int64_t id;
    str ns, name;
    if (!call_table(c, TABLE_READ_PROPERTIES, &ns, &name, err) ||
        !catalog_load_table(c->run->lake->catalog, c->run->req->branch, ns, name, c->run->a, &t,
                            err) ||
        !call_int(c, "snapshot_id", t.metadata->current_snapshot_id, INT64_MIN, &id, err))
        return false;
    const struct snapshot *s = metadata_snapshot_by_id(t.metadata, id);
    if (!s && call_argument(c, "snapshot_id")->kind != ARGUMENT_NONE)
        return fail(err, ERR_NOT_FOUND, "the table has no snapshot %lld", (long long)id);
    struct buf sql = BUF_INIT(ANSWER_MAX);
    buf_lit(&sql, "SELECT snapshot_id, \"timestamp\" FROM (VALUES ");
    for (size_t n = 0; s && n <= t.metadata->snapshots_n; n++) {
        buf_printf(&sql, "(%zu, CAST(%lld AS BIGINT), CAST(%lld AS BIGINT)), ", n, (long long)s->id,
                   (long long)s->timestamp_ms);
        s = s->parent_id == SNAPSHOT_NONE ? NULL
                                          : metadata_snapshot_by_id(t.metadata, s->parent_id);
    }
    buf_lit(
        &sql,
        "(NULL, NULL, NULL)) AS ancestors(place, snapshot_id, \"timestamp\") WHERE place IS NOT NULL "
        "ORDER BY place");
    return answer_sql(c, &sql, err);
}

static int64_t total(const struct metadata *m, const char *key)
{
    const struct snapshot *s = metadata_snapshot(m);
    int64_t n;
    return s && str_to_i64(property_get(&s->summary, key, (str){ 0 }), &n) ? n : -1;
}

/* A metadata file can name any file, so this asks for what a registration over REST asks for. */
bool call_register_table(struct call *c, struct error *err)
{
    struct run *r = c->run;
    struct write_info info = call_info(c);
    struct table t;
    str dotted, file, ns, name;
    if (!need(c, "table", err) || !need(c, "metadata_file", err) ||
        !call_text(c, "table", (str){ 0 }, &dotted, err) ||
        !call_text(c, "metadata_file", (str){ 0 }, &file, err) ||
        !name_split(dotted, r->a, &ns, &name, err))
        return false;
    struct securable space = secure_in(SECURABLE_NAMESPACE, ns, (str){ 0 }, r->a);
    if (!access_check_in(r->lake->govern, r->req->access, TABLE_CREATE, &space, r->req->branch,
                         err) ||
        !access_check_in(r->lake->govern, r->req->access, TABLE_READ_DATA, &SECURE_CATALOG,
                         r->req->branch, err) ||
        !catalog_register_table(r->lake->catalog, r->req->branch, ns, name, file, false,
                                &info.commit, r->a, &t, err))
        return false;
    r->out->commit_id = t.commit_id;
    return call_answer(c, "current_snapshot_id total_records_count total_data_files_count",
                       (int64_t[]){ t.snapshot_id, total(t.metadata, "total-records"),
                                    total(t.metadata, "total-data-files") },
                       err);
}
