/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/table.h"
#include "govern/access.h"
#include "sql/clauses.h"
#include "sql/lake.h"
#include "sql/overwrite.h"
#include "sql/statement_priv.h"

/* On a table (with a name), a namespace, or above all of them. */
static bool may(struct run *r, enum privilege privilege, str ns, str name, struct error *err)
{
    struct securable on =
        secure_in(name.len ? SECURABLE_TABLE : SECURABLE_NAMESPACE, ns, name, r->a);
    return access_check_in(r->lake->govern, r->req->access, privilege,
                           ns.len ? &on : &SECURE_CATALOG, r->req->branch, err);
}

static struct commit_info who_commits(struct run *r)
{
    struct commit_info info = { 0 };
    access_sign(r->req->access, r->a, &info);
    return info;
}

bool run_create_schema(struct run *r, struct error *err)
{
    size_t i = 2, words = lex_match(&r->lex, 2, "IF NOT EXISTS");
    struct commit_info info = who_commits(r);
    str name, ns;
    i += words;
    if (!clause_dotted(r, &i, "schema", &name, err) || !clause_end(r, i, err))
        return false;
    ns = ns_from_dotted(name, r->a);
    if (!may(r, NAMESPACE_CREATE, ns_parent(ns), (str){ 0 }, err))
        return false;
    if (catalog_create_namespace(r->lake->catalog, r->req->branch, ns, NULL, 0, &info, r->a,
                                 &r->out->commit_id, err))
        return true;
    return words && err->code == ERR_EXISTS;
}

bool run_drop_schema(struct run *r, struct error *err)
{
    size_t i = 2, words = lex_match(&r->lex, 2, "IF EXISTS");
    struct commit_info info = who_commits(r);
    str ns;
    i += words;
    if (!clause_namespace(r, &i, &ns, err) || !clause_end(r, i, err) ||
        !may(r, NAMESPACE_DROP, ns, (str){ 0 }, err))
        return false;
    if (catalog_drop_namespace(r->lake->catalog, r->req->branch, ns, &info, r->a,
                               &r->out->commit_id, err))
        return true;
    return words && err->code == ERR_NOT_FOUND;
}

bool run_drop_table(struct run *r, struct error *err)
{
    size_t i = 2, words = lex_match(&r->lex, 2, "IF EXISTS");
    struct commit_info info = who_commits(r);
    str dotted, ns, name;
    i += words;
    if (!clause_table(r, &i, "table", &dotted, err))
        return false;
    bool purge = lex_is(&r->lex, i, "PURGE");
    if (!clause_end(r, i + purge, err) || !name_split(dotted, r->a, &ns, &name, err) ||
        !may(r, TABLE_DROP, ns, name, err))
        return false;
    if (catalog_drop_table(r->lake->catalog, r->req->branch, ns, name, purge, &info, r->a,
                           &r->out->commit_id, err))
        return true;
    return words && err->code == ERR_NOT_FOUND;
}
