/* SPDX-License-Identifier: Apache-2.0
 *
 * A database with access control in a temporary folder, and short ways to give and to ask. */
#ifndef FIRN_TEST_GOVERN_FIXTURE_H
#define FIRN_TEST_GOVERN_FIXTURE_H

#include "db_place.h"
#include "govern/access.h"
#include "govern/audit.h"
#include "govern/roles.h"
#include "io/db.h"
#include "test.h"

struct fixture {
    struct arena *a;
    struct db *db;
    struct govern *g;
    struct principal_secret root;
    struct error err;
};

static inline str fixture_path(struct fixture *f, const char *name)
{
    return arena_printf(f->a, "%s/%s", test_tmpdir(), name);
}

static inline void fixture_open(struct fixture *f)
{
    struct error err = { 0 };
    *f = (struct fixture){ .a = test_arena() };
    CHECK_OK(db_open(db_place(fixture_path(f, "catalog.db")), &f->db, &err));
    CHECK_OK(govern_open(f->db, env_real(), NULL, fixture_path(f, "audit"), &f->g, &err));
}

static inline void fixture_begin(struct fixture *f)
{
    struct error err = { 0 };
    fixture_open(f);
    CHECK_OK(principals_bootstrap(f->g, f->a, &f->root, &err));
}

static inline void fixture_end(struct fixture *f)
{
    govern_close(f->g);
    db_close(f->db);
}

/* A principal with a role and a catalog role, all of one name. */
static inline int64_t make_principal(struct fixture *f, const char *name)
{
    struct error err = { 0 };
    struct principal p;
    struct principal_secret secret;
    struct role r;
    str n = str_of(name);
    CHECK_OK(principal_create(f->g, n, (str){ 0 }, false, f->a, &p, &secret, &err));
    CHECK_OK(role_create(f->g, ROLE_OF_PRINCIPALS, n, (str){ 0 }, f->a, &r, &err));
    CHECK_OK(role_create(f->g, ROLE_OF_CATALOG, n, (str){ 0 }, f->a, &r, &err));
    CHECK_OK(principal_role_give(f->g, n, n, &err));
    CHECK_OK(catalog_role_give(f->g, n, n, &err));
    return p.id;
}

/* "a.b.t" of a kind; of a namespace "a.b". */
static inline struct securable object(struct fixture *f, enum securable_kind kind, const char *text)
{
    str rest = str_of(text), part, *levels = arena_array(f->a, str, 32);
    size_t n = 0;
    while (rest.len && str_next(&rest, '.', &part))
        levels[n++] = part;
    if (kind == SECURABLE_NAMESPACE)
        return (struct securable){ kind, levels, n, (str){ 0 } };
    if (n == 0)
        return (struct securable){ .kind = kind };
    return (struct securable){ kind, levels, n - 1, levels[n - 1] };
}

static inline void give(struct fixture *f, const char *role, enum privilege p,
                        enum securable_kind kind, const char *on, const char *ref)
{
    struct error err = { 0 };
    struct grant g = { object(f, kind, on), p, str_of(ref) };
    CHECK_OK(grant_add(f->g, str_of(role), &g, &err));
}

static inline const struct access *as(struct fixture *f, int64_t principal)
{
    struct error err = { 0 };
    const struct identity *who;
    struct access *x = arena_new(f->a, struct access);
    CHECK_OK(principal_identity(f->g, principal, (str){ 0 }, STR("test"), f->a, &who, &err));
    *x = (struct access){
        .govern = f->g, .who = who, .request_id = STR("req-1"), .peer = STR("127.0.0.1")
    };
    return x;
}

static inline bool may(struct fixture *f, int64_t who, enum privilege p, enum securable_kind kind,
                       const char *on, const char *ref)
{
    struct error err = { 0 };
    struct securable o = object(f, kind, on);
    bool ok = access_check(as(f, who), p, &o, str_of(ref), &err);
    CHECK(ok || err.code == ERR_DENIED);
    CHECK(ok == access_allows(as(f, who), p, &o, str_of(ref)));
    return ok;
}

#endif
