/* SPDX-License-Identifier: Apache-2.0
 *
 * CALL system.create_changelog_view: the changes of a table between two snapshots as Spark's procedure of this name makes them, without rows
 * that were only written again, as images before and after an update, or as what is left of all of them in the end.  A session ends
 * with its statement here, so the rows are the answer rather than a view's name. */
#include "engine/quote.h"
#include "iceberg/metadata.h"
#include "sql/changes.h"
#include "sql/lake.h"
#include "sql/procedure_priv.h"

#define CHANGES_QUERY_MAX ((size_t)256 << 20)

struct changelog {
    struct call *call;
    struct table table;
    struct changes_request changes;
    const struct argument *keys; /* identifier_columns */
    bool updates, net;
};

/* ---- Arguments. */

/* The newest snapshot of the current history before (or at, with `at`) a time; 0: none. */
static int64_t snapshot_before(const struct metadata *m, int64_t ms, bool at)
{
    const struct snapshot *s = metadata_snapshot(m);
    for (size_t i = 0; s && i <= m->snapshots_n; i++) {
        if (s->timestamp_ms < ms || (at && s->timestamp_ms == ms))
            return s->id;
        s = metadata_snapshot_by_id(m, s->parent_id);
    }
    return 0;
}

static bool take_option(struct changelog *l, str key, str value, struct error *err)
{
    struct scan_range *r = &l->changes.range;
    const struct metadata *m = l->table.metadata;
    int64_t n;
    if (!str_to_i64(value, &n))
        return fail(err, ERR_INVALID,
                    "the option " STR_FMT " has to be a number, not \"" STR_FMT "\"", STR_ARG(key),
                    STR_ARG(value));
    if (str_is(key, "start-snapshot-id"))
        r->after_id = n;
    else if (str_is(key, "end-snapshot-id"))
        r->to_id = n;
    else if (str_is(key, "start-timestamp"))
        r->after_id = snapshot_before(m, n, false);
    else if (str_is(key, "end-timestamp")) {
        r->to_id = snapshot_before(m, n, true);
        return r->to_id ||
               fail(err, ERR_NOT_FOUND, "there is no snapshot as old as %lld", (long long)n);
    } else
        return fail(err, ERR_INVALID,
                    "there is no option \"" STR_FMT "\" (start-snapshot-id, end-snapshot-id, "
                    "start-timestamp, end-timestamp)",
                    STR_ARG(key));
    return true;
}

static bool read_options(struct changelog *l, struct error *err)
{
    const struct argument *o = call_argument(l->call, "options");
    if (o->kind != ARGUMENT_NONE && o->kind != ARGUMENT_MAP)
        return fail(err, ERR_INVALID, "the argument options has to be a map");
    for (size_t i = 0; i < o->list_n; i += 2)
        if (!take_option(l, o->list[i], o->list[i + 1], err))
            return false;
    return true;
}

static bool check_keys(struct changelog *l, struct error *err)
{
    const struct schema *s = l->changes.columns;
    if (l->keys->kind != ARGUMENT_NONE && l->keys->kind != ARGUMENT_LIST)
        return fail(err, ERR_INVALID, "the argument identifier_columns has to be a list of names");
    for (size_t i = 0; i < l->keys->list_n; i++) {
        const struct field *f = schema_field_by_name(s, l->keys->list[i], false);
        if (!f || schema_column_index(s, f->id) < 0)
            return fail(err, ERR_NOT_FOUND, "the table has no column \"" STR_FMT "\"",
                        STR_ARG(l->keys->list[i]));
    }
    if (l->updates && !l->keys->list_n && !s->identifier_ids_n)
        return fail(err, ERR_INVALID,
                    "compute_updates needs identifier_columns: the table has no "
                    "identifier fields");
    if (l->updates && l->net)
        return fail(err, ERR_INVALID, "net_changes and compute_updates do not go together");
    return true;
}

static bool read_arguments(struct changelog *l, struct error *err)
{
    struct call *c = l->call;
    struct run *r = c->run;
    str ns, name, view;
    bool carried;
    if (!call_table(c, TABLE_READ_DATA, &ns, &name, err) ||
        !call_text(c, "changelog_view", (str){ 0 }, &view, err) ||
        !call_bool(c, "net_changes", false, &l->net, err) ||
        !call_bool(c, "remove_carryovers", true, &carried, err) ||
        !catalog_load_table(r->lake->catalog, r->req->branch, ns, name, r->a, &l->table, err))
        return false;
    if (view.len)
        return fail(err, ERR_UNSUPPORTED,
                    "there are no views of a session: the rows are the answer, "
                    "leave changelog_view out");
    if (!carried)
        return fail(err, ERR_INVALID,
                    "with remove_carryovers => false it is the table " STR_FMT ".changes",
                    STR_ARG(name));
    l->keys = call_argument(c, "identifier_columns");
    l->changes = (struct changes_request){ .metadata = l->table.metadata,
                                           .columns = metadata_schema(l->table.metadata),
                                           .cancel = r->req->cancel };
    /* As in Spark, identifier columns alone ask for updates. */
    return call_bool(c, "compute_updates", l->keys->list_n > 0 && !l->net, &l->updates, err) &&
           read_options(l, err) && check_keys(l, err);
}

/* ---- SQL. */

static void add_columns(const struct changelog *l, struct buf *sql)
{
    for (size_t i = 0; i < l->changes.columns->fields_n; i++) {
        buf_add_str(sql, i ? STR(", ") : (str){ 0 });
        quote_ident(sql, l->changes.columns->fields[i].name);
    }
}

static void add_keys(const struct changelog *l, struct buf *sql)
{
    const struct schema *s = l->changes.columns;
    for (size_t i = 0; i < l->keys->list_n; i++) {
        buf_add_str(sql, i ? STR(", ") : (str){ 0 });
        quote_ident(sql, l->keys->list[i]);
    }
    for (size_t i = 0; !l->keys->list_n && i < s->identifier_ids_n; i++) {
        buf_add_str(sql, i ? STR(", ") : (str){ 0 });
        quote_ident(sql, schema_name_of(s, s->identifier_ids[i]));
    }
}

/* Equal rows that are deleted and inserted cancel, within a snapshot or in the whole range; of those left the latest are kept. */
static void add_cancelled(const struct changelog *l, str changes, struct buf *sql)
{
    const char *within = l->net ? "" : ", _change_ordinal";
    buf_lit(sql, "SELECT * EXCLUDE (firn_net, firn_nth) FROM (SELECT *,"
                 " count(*) FILTER (_change_type = 'INSERT') OVER firn_same"
                 " - count(*) FILTER (_change_type = 'DELETE') OVER firn_same AS firn_net,"
                 " row_number() OVER (PARTITION BY ");
    add_columns(l, sql);
    buf_printf(sql,
               "%s, _change_type ORDER BY _change_ordinal DESC) AS firn_nth FROM (" STR_FMT
               ") WINDOW firn_same AS (PARTITION BY ",
               within, STR_ARG(changes));
    add_columns(l, sql);
    buf_printf(sql,
               "%s)) WHERE firn_nth <= CASE _change_type WHEN 'INSERT' THEN firn_net"
               " ELSE -firn_net END",
               within);
}

/* One row deleted and one inserted under a key are an update. */
static void add_updates(const struct changelog *l, str changes, struct buf *sql)
{
    buf_lit(
        sql,
        "SELECT * EXCLUDE (firn_d, firn_i) REPLACE (CASE"
        " WHEN firn_d > 1 OR firn_i > 1 THEN error('cannot compute updates: there are several rows"
        " with the same identifier in one snapshot')"
        " WHEN firn_d = 0 OR firn_i = 0 THEN _change_type"
        " WHEN _change_type = 'DELETE' THEN 'UPDATE_BEFORE' ELSE 'UPDATE_AFTER' END"
        " AS _change_type) FROM (SELECT *,"
        " count(*) FILTER (_change_type = 'DELETE') OVER firn_key AS firn_d,"
        " count(*) FILTER (_change_type = 'INSERT') OVER firn_key AS firn_i FROM (");
    add_cancelled(l, changes, sql);
    buf_lit(sql, ") WINDOW firn_key AS (PARTITION BY ");
    add_keys(l, sql);
    buf_lit(sql, ", _change_ordinal))");
}

static bool make_query(struct changelog *l, struct buf *sql, struct error *err)
{
    struct run *r = l->call->run;
    struct buf changes = BUF_INIT(CHANGES_QUERY_MAX);
    bool ok = changes_sql(r->lake, r->session, &l->changes, r->a, &changes, err) &&
              buf_ok(&changes, "the changes", err);
    if (ok && l->updates)
        add_updates(l, buf_str(&changes), sql);
    else if (ok)
        add_cancelled(l, buf_str(&changes), sql);
    buf_lit(sql, " ORDER BY _change_ordinal, ");
    if (l->updates) {
        add_keys(l, sql);
        buf_lit(sql, ", ");
    }
    buf_lit(sql, "CASE _change_type WHEN 'DELETE' THEN 0 WHEN 'UPDATE_BEFORE' THEN 1"
                 " WHEN 'UPDATE_AFTER' THEN 2 ELSE 3 END, ");
    add_columns(l, sql);
    buf_deinit(&changes);
    return ok && buf_ok(sql, "the changes", err);
}

bool call_create_changelog_view(struct call *c, struct error *err)
{
    struct changelog *l = arena_new(c->run->a, struct changelog);
    struct buf sql = BUF_INIT(CHANGES_QUERY_MAX);
    l->call = c;
    bool ok = read_arguments(l, err) && make_query(l, &sql, err) &&
              session_query(c->run->session, buf_str(&sql), NULL, 0, &c->run->out->rows, err);
    buf_deinit(&sql);
    return ok;
}
