/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quote.h"
#include "govern/access.h"
#include "sql/lake.h"
#include "sql/maintain_priv.h"

#define QUERY_MAX ((size_t)1 << 20)

static bool may(const struct dml *d, enum privilege p, struct error *err)
{
    const struct run *r = d->run;
    struct securable on = secure_in(SECURABLE_TABLE, d->ns, d->name, d->a);
    return access_check_in(r->lake->govern, r->req->access, p, &on, r->req->branch, err);
}

bool maintain_open(struct dml *d, str table, str own_branch, struct error *err)
{
    struct run *r = d->run;
    if (!target_name(r->lake, r->req->branch, table, d->a, &d->to, err))
        return false;
    if (own_branch.len) {
        d->to.branch = str_is(own_branch, "main") ? (str){ 0 } : own_branch;
        d->to.named = d->to.branch.len > 0;
    }
    if (!name_split(d->to.table, d->a, &d->ns, &d->name, err) || !may(d, TABLE_WRITE_DATA, err) ||
        !may(d, TABLE_READ_DATA, err) ||
        !catalog_load_table(r->lake->catalog, r->req->branch, d->ns, d->name, d->a, &d->table,
                            err) ||
        !target_settle(d->table.metadata, NULL, &d->to, err)) /* nothing is staged */
        return false;
    d->schema = metadata_schema(d->table.metadata);
    d->lineage = d->table.metadata->format_version >= 3;
    d->replaces = true;
    d->target =
        (struct bind_target){ .schema = ns_to_text(d->ns, d->a),
                              .name = d->name,
                              .view = arena_printf(d->a, STR_FMT "@target", STR_ARG(d->name)),
                              .table = &d->table,
                              .ref = d->to.branch,
                              .metadata = d->lineage ? SCAN_COLUMN_ROW_ID : 0 };
    return true;
}

/* The condition only chooses files: those that it cannot rule out. */
bool maintain_bind(struct dml *d, str where, struct error *err)
{
    struct run *r = d->run;
    struct buf sql = BUF_INIT(QUERY_MAX);
    buf_lit(&sql, "SELECT * FROM ");
    quote_ident(&sql, d->target.schema);
    buf_add_char(&sql, '.');
    quote_ident(&sql, d->target.view);
    if (where.len)
        buf_printf(&sql, " WHERE (" STR_FMT ")", STR_ARG(where));
    bool ok = buf_ok(&sql, "the condition", err);
    struct bind_request b = { .query = arena_str(d->a, buf_str(&sql)),
                              .branch = r->req->branch,
                              .access = r->req->access,
                              .cancel = r->req->cancel,
                              .target = &d->target };
    buf_deinit(&sql);
    if (!ok || !sql_bind(r->lake, r->session, &b, d->a, &d->bound, err))
        return false;
    struct result_column
        *columns; /* nothing is run, but a condition that is wrong has to be said so */
    size_t columns_n;
    if (where.len && !session_describe(r->session, d->bound.query, d->a, &columns, &columns_n, err))
        return false;
    d->filter = d->target.filter;
    d->matched = arena_array(d->a, struct positions *, d->target.files_n);
    return true;
}
