/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/table.h"
#include "govern/access.h"
#include "sql/lake.h"
#include "sql/overwrite.h"
#include "sql/statement_priv.h"

/* A dotted name at token *i, which moves behind it. */
static bool read_dotted(struct run *r, size_t *i, const char *what, str *out, struct error *err)
{
    str *parts;
    size_t n;
    if (!lex_name(&r->lex, i, r->a, &parts, &n))
        return fail(err, ERR_INVALID, "the name of a %s is missing", what);
    *out = arena_join(r->a, parts, n, STR("."));
    return true;
}

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

static bool nothing_after(const struct run *r, size_t i, struct error *err)
{
    if (i < r->lex.n)
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" was not expected here",
                    STR_ARG(r->lex.at[i].text));
    return true;
}

bool run_create_schema(struct run *r, struct error *err)
{
    size_t i = 2, words = lex_match(&r->lex, 2, "IF NOT EXISTS");
    struct commit_info info = who_commits(r);
    str name;
    i += words;
    if (!read_dotted(r, &i, "schema", &name, err) || !nothing_after(r, i, err) ||
        !may(r, NAMESPACE_CREATE, ns_parent(ns_from_dotted(name, r->a)), (str){ 0 }, err))
        return false;
    if (catalog_create_namespace(r->lake->catalog, r->req->branch, ns_from_dotted(name, r->a), NULL,
                                 0, &info, r->a, &r->out->commit_id, err))
        return true;
    return words && err->code == ERR_EXISTS;
}

bool run_drop_schema(struct run *r, struct error *err)
{
    size_t i = 2, words = lex_match(&r->lex, 2, "IF EXISTS");
    struct commit_info info = who_commits(r);
    str name;
    i += words;
    if (!read_dotted(r, &i, "schema", &name, err) || !nothing_after(r, i, err) ||
        !may(r, NAMESPACE_DROP, ns_from_dotted(name, r->a), (str){ 0 }, err))
        return false;
    if (catalog_drop_namespace(r->lake->catalog, r->req->branch, ns_from_dotted(name, r->a), &info,
                               r->a, &r->out->commit_id, err))
        return true;
    return words && err->code == ERR_NOT_FOUND;
}

bool run_drop_table(struct run *r, struct error *err)
{
    size_t i = 2, words = lex_match(&r->lex, 2, "IF EXISTS");
    struct commit_info info = who_commits(r);
    str dotted, ns, name;
    i += words;
    if (!read_dotted(r, &i, "table", &dotted, err))
        return false;
    bool purge = lex_is(&r->lex, i, "PURGE");
    if (!nothing_after(r, i + purge, err) || !name_split(dotted, r->a, &ns, &name, err) ||
        !may(r, TABLE_DROP, ns, name, err))
        return false;
    if (catalog_drop_table(r->lake->catalog, r->req->branch, ns, name, purge, &info, r->a,
                           &r->out->commit_id, err))
        return true;
    return words && err->code == ERR_NOT_FOUND;
}
