/* SPDX-License-Identifier: Apache-2.0 */
#include "govern/roles.h"

#include "catalog/name.h"
#include "govern/govern_priv.h"

/* The two kinds of roles differ in their tables and words. */
static const struct {
    const char *what, *word, *insert, *update, *builtin;
    const char *drop[3];
} kinds[ROLE_KINDS] = {
    [ROLE_OF_PRINCIPALS] = { "principal role",
                             "PrincipalRole",
                             "INSERT INTO gov_roles (id, name, properties, created_us, updated_us,"
                             " version) VALUES (?, ?, ?, ?, ?, 1)",
                             "UPDATE gov_roles SET properties = ?, updated_us = ?,"
                             " version = version + 1 WHERE id = ?",
                             ROLE_SERVICE_ADMIN,
                             { "DELETE FROM gov_principal_roles WHERE role_id = ?",
                               "DELETE FROM gov_role_catalog_roles WHERE role_id = ?",
                               "DELETE FROM gov_roles WHERE id = ?" } },
    [ROLE_OF_CATALOG] = { "catalog role",
                          "CatalogRole",
                          "INSERT INTO gov_catalog_roles (id, name, properties, created_us,"
                          " updated_us, version) VALUES (?, ?, ?, ?, ?, 1)",
                          "UPDATE gov_catalog_roles SET properties = ?, updated_us = ?,"
                          " version = version + 1 WHERE id = ?",
                          ROLE_CATALOG_ADMIN,
                          { "DELETE FROM gov_grants WHERE catalog_role_id = ?",
                            "DELETE FROM gov_role_catalog_roles WHERE catalog_role_id = ?",
                            "DELETE FROM gov_catalog_roles WHERE id = ?" } },
};

static const struct role *find_role(const struct policy *p, enum role_kind kind, str name)
{
    if (kind == ROLE_OF_CATALOG) {
        const struct catalog_role *c = policy_catalog_role(p, name);
        return c ? &c->r : NULL;
    }
    const struct role_row *r = policy_role(p, name);
    return r ? &r->r : NULL;
}

static bool no_role(enum role_kind kind, str name, struct error *err)
{
    return fail(err, ERR_NOT_FOUND, "%s does not exist: " STR_FMT, kinds[kind].word,
                STR_ARG(str_sub(name, 0, PRINCIPAL_NAME_MAX)));
}

static bool no_principal(str name, struct error *err)
{
    return fail(err, ERR_NOT_FOUND, "Principal does not exist: " STR_FMT,
                STR_ARG(str_sub(name, 0, PRINCIPAL_NAME_MAX)));
}

/* ---- Roles */

struct role_change {
    enum role_kind kind;
    str name, properties;
    int64_t version;
};

static bool create_in(struct change *c, struct error *err)
{
    struct role_change *r = c->ctx;
    size_t n = r->kind == ROLE_OF_CATALOG ? c->now->catalog_roles.n : c->now->roles.n;
    int64_t id;
    if (find_role(c->now, r->kind, r->name))
        return fail(err, ERR_EXISTS, "%s already exists: " STR_FMT, kinds[r->kind].word,
                    STR_ARG(r->name));
    if (n >= PRINCIPALS_MAX)
        return fail(err, ERR_LIMIT, "there are %zu %ss, the most there may be", n,
                    kinds[r->kind].what);
    return change_id(c, &id, err) &&
           change_run(c, str_of(kinds[r->kind].insert),
                      DB_ARGS(db_val_int(id), db_val_text(r->name), db_val_text(r->properties),
                              db_val_int(c->now_us), db_val_int(c->now_us)),
                      NULL, err);
}

bool role_create(struct govern *g, enum role_kind kind, str name, str properties, struct arena *a,
                 struct role *out, struct error *err)
{
    struct role_change r = { .kind = kind, .name = name };
    return govern_name_check(name, kinds[kind].what, err) &&
           properties_check(properties, a, &r.properties, err) &&
           govern_change(g, create_in, &r, err) && role_by_name(g, kind, name, a, out, err);
}

static bool update_in(struct change *c, struct error *err)
{
    struct role_change *r = c->ctx;
    const struct role *row = find_role(c->now, r->kind, r->name);
    if (!row)
        return no_role(r->kind, r->name, err);
    if (r->version && r->version != row->version)
        return fail(err, ERR_CONFLICT, "%s " STR_FMT " is at version %lld, not %lld",
                    kinds[r->kind].what, STR_ARG(r->name), (long long)row->version,
                    (long long)r->version);
    return change_run(
        c, str_of(kinds[r->kind].update),
        DB_ARGS(db_val_text(r->properties), db_val_int(c->now_us), db_val_int(row->id)), NULL, err);
}

bool role_update(struct govern *g, enum role_kind kind, str name, int64_t version, str properties,
                 struct arena *a, struct role *out, struct error *err)
{
    struct role_change r = { .kind = kind, .name = name, .version = version };
    return properties_check(properties, a, &r.properties, err) &&
           govern_change(g, update_in, &r, err) && role_by_name(g, kind, name, a, out, err);
}

static bool drop_in(struct change *c, struct error *err)
{
    struct role_change *r = c->ctx;
    const struct role *row = find_role(c->now, r->kind, r->name);
    if (!row)
        return no_role(r->kind, r->name, err);
    if (str_is(r->name, kinds[r->kind].builtin))
        return fail(err, ERR_DENIED, "the %s %s is built in and cannot be dropped",
                    kinds[r->kind].what, kinds[r->kind].builtin);
    for (size_t i = 0; i < sizeof kinds->drop / sizeof *kinds->drop; i++)
        if (!change_run(c, str_of(kinds[r->kind].drop[i]), DB_ARGS(db_val_int(row->id)), NULL, err))
            return false;
    return true;
}

bool role_drop(struct govern *g, enum role_kind kind, str name, struct error *err)
{
    struct role_change r = { .kind = kind, .name = name };
    return govern_change(g, drop_in, &r, err);
}

bool role_by_name(struct govern *g, enum role_kind kind, str name, struct arena *a,
                  struct role *out, struct error *err)
{
    unsigned ticket;
    const struct policy *p = policy_enter(g, &ticket);
    const struct role *row = find_role(p, kind, name);
    if (row)
        *out = role_copy(row, a);
    policy_leave(g, ticket);
    return row || no_role(kind, name, err);
}

bool roles_list(struct govern *g, enum role_kind kind, struct arena *a, struct role_list *out,
                struct error *err)
{
    unsigned ticket;
    (void)err;
    const struct policy *p = policy_enter(g, &ticket);
    out->n = kind == ROLE_OF_CATALOG ? p->catalog_roles.n : p->roles.n;
    out->at = arena_array(a, struct role, out->n);
    for (size_t i = 0; i < out->n; i++)
        out->at[i] =
            role_copy(kind == ROLE_OF_CATALOG ? &p->catalog_roles.at[i].r : &p->roles.at[i].r, a);
    policy_leave(g, ticket);
    return true;
}

/* ---- Who has which */

struct link_change {
    str outer, inner; /* principal and role, or role and catalog role */
    bool catalog, give;
};

static bool write_link(struct change *c, const struct link_change *l, int64_t outer, int64_t inner,
                       struct error *err)
{
    static const char *const take[] = {
        "DELETE FROM gov_principal_roles WHERE principal_id = ? AND role_id = ?",
        "DELETE FROM gov_role_catalog_roles WHERE role_id = ? AND catalog_role_id = ?"
    };
    static const char *const give[] = {
        "INSERT INTO gov_principal_roles (principal_id, role_id) VALUES (?, ?)",
        "INSERT INTO gov_role_catalog_roles (role_id, catalog_role_id) VALUES (?, ?)"
    };
    struct db_value ids[] = { db_val_int(outer), db_val_int(inner) };
    if (!change_run(c, str_of(take[l->catalog]), ids, 2,
                    l->give ? NULL : "the role is not assigned", err))
        return false;
    return !l->give || change_run(c, str_of(give[l->catalog]), ids, 2, NULL, err);
}

static bool link_principal(struct change *c, struct error *err)
{
    struct link_change *l = c->ctx;
    const struct principal_row *who = policy_principal(c->now, l->outer);
    const struct role_row *role = policy_role(c->now, l->inner);
    if (!who)
        return no_principal(l->outer, err);
    if (!role)
        return no_role(ROLE_OF_PRINCIPALS, l->inner, err);
    if (!l->give && str_is(l->outer, PRINCIPAL_ROOT) && role->service_admin)
        return fail(err, ERR_DENIED, "the principal root keeps the role " ROLE_SERVICE_ADMIN);
    return write_link(c, l, who->p.id, role->r.id, err);
}

static bool link_role(struct change *c, struct error *err)
{
    struct link_change *l = c->ctx;
    const struct role_row *role = policy_role(c->now, l->outer);
    const struct catalog_role *inner = policy_catalog_role(c->now, l->inner);
    if (!role)
        return no_role(ROLE_OF_PRINCIPALS, l->outer, err);
    if (!inner)
        return no_role(ROLE_OF_CATALOG, l->inner, err);
    return write_link(c, l, role->r.id, inner->r.id, err);
}

bool principal_role_give(struct govern *g, str principal, str role, struct error *err)
{
    struct link_change l = { principal, role, false, true };
    return govern_change(g, link_principal, &l, err);
}

bool principal_role_take(struct govern *g, str principal, str role, struct error *err)
{
    struct link_change l = { principal, role, false, false };
    return govern_change(g, link_principal, &l, err);
}

bool catalog_role_give(struct govern *g, str role, str catalog_role, struct error *err)
{
    struct link_change l = { role, catalog_role, true, true };
    return govern_change(g, link_role, &l, err);
}

bool catalog_role_take(struct govern *g, str role, str catalog_role, struct error *err)
{
    struct link_change l = { role, catalog_role, true, false };
    return govern_change(g, link_role, &l, err);
}

bool roles_of_principal(struct govern *g, str principal, struct arena *a, struct role_list *out,
                        struct error *err)
{
    unsigned ticket;
    *out = (struct role_list){ 0 };
    const struct policy *p = policy_enter(g, &ticket);
    const struct principal_row *row = policy_principal(p, principal);
    if (row) {
        out->at = arena_array(a, struct role, row->roles.n);
        for (; out->n < row->roles.n; out->n++)
            out->at[out->n] = role_copy(&row->roles.at[out->n]->r, a);
    }
    policy_leave(g, ticket);
    return row || no_principal(principal, err);
}

bool principals_of_role(struct govern *g, str role, struct arena *a, struct principal_list *out,
                        struct error *err)
{
    unsigned ticket;
    *out = (struct principal_list){ 0 };
    const struct policy *p = policy_enter(g, &ticket);
    const struct role_row *row = policy_role(p, role);
    if (row) {
        out->at = arena_array(a, struct principal, row->principals.n);
        for (; out->n < row->principals.n; out->n++)
            out->at[out->n] = principal_copy(&row->principals.at[out->n]->p, a);
    }
    policy_leave(g, ticket);
    return row || no_role(ROLE_OF_PRINCIPALS, role, err);
}

bool catalog_roles_of_role(struct govern *g, str role, struct arena *a, struct role_list *out,
                           struct error *err)
{
    unsigned ticket;
    *out = (struct role_list){ 0 };
    const struct policy *p = policy_enter(g, &ticket);
    const struct role_row *row = policy_role(p, role);
    if (row) {
        out->at = arena_array(a, struct role, row->catalog_roles.n);
        for (; out->n < row->catalog_roles.n; out->n++)
            out->at[out->n] = role_copy(&row->catalog_roles.at[out->n]->r, a);
    }
    policy_leave(g, ticket);
    return row || no_role(ROLE_OF_PRINCIPALS, role, err);
}

bool roles_of_catalog_role(struct govern *g, str catalog_role, struct arena *a,
                           struct role_list *out, struct error *err)
{
    unsigned ticket;
    *out = (struct role_list){ 0 };
    const struct policy *p = policy_enter(g, &ticket);
    const struct catalog_role *row = policy_catalog_role(p, catalog_role);
    if (row) {
        out->at = arena_array(a, struct role, row->roles.n);
        for (; out->n < row->roles.n; out->n++)
            out->at[out->n] = role_copy(&row->roles.at[out->n]->r, a);
    }
    policy_leave(g, ticket);
    return row || no_role(ROLE_OF_CATALOG, catalog_role, err);
}

/* ---- Grants */

struct grant_change {
    str catalog_role;
    const struct grant *grant;
    bool add;
};

static bool check_object(const struct securable *on, struct error *err)
{
    bool named = on->kind != SECURABLE_SERVICE && on->kind != SECURABLE_CATALOG &&
                 on->kind != SECURABLE_NAMESPACE;
    bool leveled = on->kind == SECURABLE_NAMESPACE || on->kind == SECURABLE_TABLE ||
                   on->kind == SECURABLE_VIEW || on->kind == SECURABLE_FUNCTION;
    if (on->levels_n > NS_LEVELS_MAX || (leveled && on->levels_n == 0) ||
        (!leveled && on->kind != SECURABLE_POLICY && on->levels_n))
        return fail(err, ERR_INVALID, "a grant on a %s does not name a namespace of %zu levels",
                    securable_kind_name(on->kind), on->levels_n);
    if (named != (on->name.len > 0))
        return fail(err, ERR_INVALID, "a grant on a %s %s", securable_kind_name(on->kind),
                    named ? "needs its name" : "has no other name");
    for (size_t i = 0; i < on->levels_n; i++)
        if (!name_check(on->levels[i], err))
            return fail_in(err, "the grant's namespace");
    return !named || name_check(on->name, err) || fail_in(err, "the grant's object");
}

static bool check_grant(const struct grant *g, struct error *err)
{
    if (!privilege_grantable(g->privilege, g->on.kind))
        return fail(err, ERR_INVALID, "%s cannot be granted on a %s", privilege_name(g->privilege),
                    securable_kind_name(g->on.kind));
    if (g->ref.len > REF_PATTERN_MAX || !str_is_utf8(g->ref))
        return fail(err, ERR_INVALID, "a pattern of refs is UTF-8 text of at most %d bytes",
                    REF_PATTERN_MAX);
    for (size_t i = 0; i < g->ref.len; i++)
        if ((unsigned char)g->ref.ptr[i] <= 0x20 || g->ref.ptr[i] == 0x7f)
            return fail(err, ERR_INVALID, "a pattern of refs holds no blanks");
    return check_object(&g->on, err);
}

static bool grant_in(struct change *c, struct error *err)
{
    static const char key[] = "DELETE FROM gov_grants WHERE catalog_role_id = ? AND kind = ?"
                              " AND path = ? AND name = ? AND privilege = ? AND ref = ?";
    static const char row[] = "INSERT INTO gov_grants (catalog_role_id, kind, path, name,"
                              " privilege, ref) VALUES (?, ?, ?, ?, ?, ?)";
    struct grant_change *gc = c->ctx;
    const struct grant *g = gc->grant;
    const struct catalog_role *role = policy_catalog_role(c->now, gc->catalog_role);
    if (!role)
        return no_role(ROLE_OF_CATALOG, gc->catalog_role, err);
    if (gc->add && c->now->grants_n >= GRANTS_MAX)
        return fail(err, ERR_LIMIT, "there are %d grants, the most there may be", GRANTS_MAX);
    if (!gc->add && str_is(gc->catalog_role, ROLE_CATALOG_ADMIN) &&
        g->on.kind == SECURABLE_CATALOG && g->privilege == CATALOG_MANAGE_ACCESS)
        return fail(err, ERR_DENIED, ROLE_CATALOG_ADMIN " keeps CATALOG_MANAGE_ACCESS");
    str path = arena_join(c->a, g->on.levels, g->on.levels_n, str_make((char[]){ NS_SEP }, 1));
    struct db_value args[] = { db_val_int(role->r.id),
                               db_val_text(str_of(securable_kind_name(g->on.kind))),
                               db_val_text(path.len ? path : STR("")),
                               db_val_text(g->on.name.len ? g->on.name : STR("")),
                               db_val_text(str_of(privilege_name(g->privilege))),
                               db_val_text(g->ref.len ? g->ref : STR("*")) };
    size_t n = sizeof args / sizeof *args;
    if (!change_run(c, str_of(key), args, n, gc->add ? NULL : "there is no such grant", err))
        return false;
    return !gc->add || change_run(c, str_of(row), args, n, NULL, err);
}

bool grant_add(struct govern *g, str catalog_role, const struct grant *grant, struct error *err)
{
    struct grant_change c = { catalog_role, grant, true };
    return check_grant(grant, err) && govern_change(g, grant_in, &c, err);
}

bool grant_revoke(struct govern *g, str catalog_role, const struct grant *grant, struct error *err)
{
    struct grant_change c = { catalog_role, grant, false };
    return check_grant(grant, err) && govern_change(g, grant_in, &c, err);
}

bool grants_list(struct govern *g, str catalog_role, struct arena *a, struct grant_list *out,
                 struct error *err)
{
    unsigned ticket;
    *out = (struct grant_list){ 0 };
    const struct policy *p = policy_enter(g, &ticket);
    const struct catalog_role *row = policy_catalog_role(p, catalog_role);
    if (row) {
        out->at = arena_array(a, struct grant, row->grants.n);
        for (; out->n < row->grants.n; out->n++)
            out->at[out->n] = grant_copy(&row->grants.at[out->n], a);
    }
    policy_leave(g, ticket);
    return row || no_role(ROLE_OF_CATALOG, catalog_role, err);
}
