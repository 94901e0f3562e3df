/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

/* Nothing is granted to begin with, whatever the object. */
TEST(without_a_grant_everything_is_denied)
{
    struct fixture f;
    fixture_begin(&f);
    int64_t bob = make_principal(&f, "bob");
    for (int p = PRIVILEGE_SIGNED_IN + 1; p < PRIVILEGES_N; p++) {
        CHECK(!may(&f, bob, (enum privilege)p, SECURABLE_TABLE, "a.t", ""));
        CHECK(!may(&f, bob, (enum privilege)p, SECURABLE_CATALOG, "", ""));
        CHECK(!may(&f, bob, (enum privilege)p, SECURABLE_SERVICE, "", ""));
    }
    fixture_end(&f);
}

TEST(access_control_is_off_until_the_first_principal)
{
    struct fixture f;
    struct principal_secret again;
    fixture_open(&f);
    struct error err = { 0 };
    struct access nobody = { .govern = f.g, .who = &identity_anonymous };
    CHECK(!govern_on(f.g));
    CHECK_OK(access_check(&nobody, TABLE_DROP, &SECURE_CATALOG, (str){ 0 }, &err));
    CHECK_OK(access_check_in(f.g, NULL, TABLE_DROP, &SECURE_CATALOG, (str){ 0 }, &err));
    CHECK_OK(principals_bootstrap(f.g, f.a, &f.root, &err));
    CHECK(govern_on(f.g));
    CHECK_FAILS(access_check(&nobody, TABLE_DROP, &SECURE_CATALOG, (str){ 0 }, &err), ERR_DENIED);
    CHECK_FAILS(access_check_in(f.g, NULL, TABLE_DROP, &SECURE_CATALOG, (str){ 0 }, &err),
                ERR_DENIED);
    CHECK_FAILS(access_check(NULL, TABLE_DROP, &SECURE_CATALOG, (str){ 0 }, &err), ERR_DENIED);
    CHECK_FAILS(principals_bootstrap(f.g, f.a, &again, &err), ERR_EXISTS);
    fixture_end(&f);
}

TEST(root_may_everything_and_a_scope_takes_away)
{
    struct fixture f;
    struct principal root;
    const struct identity *who;
    fixture_begin(&f);
    struct error err = { 0 };
    CHECK_OK(principal_by_name(f.g, STR("root"), f.a, &root, &err));
    CHECK(may(&f, root.id, SERVICE_MANAGE_ACCESS, SECURABLE_SERVICE, "", ""));
    CHECK(may(&f, root.id, CATALOG_MANAGE_ACCESS, SECURABLE_CATALOG, "", ""));
    CHECK(may(&f, root.id, TABLE_WRITE_DATA, SECURABLE_TABLE, "a.b.t", "dev"));
    CHECK(may(&f, root.id, REFERENCE_DELETE, SECURABLE_CATALOG, "", "dev"));
    CHECK_FAILS(
        principal_identity(f.g, root.id, STR("PRINCIPAL_ROLE:nothing"), STR("x"), f.a, &who, &err),
        ERR_DENIED);
    CHECK_OK(principal_identity(f.g, root.id, STR("catalog PRINCIPAL_ROLE:service_admin"), STR("x"),
                                f.a, &who, &err));
    CHECK_INT(who->roles_n, 1);
    fixture_end(&f);
}

/* A grant holds for what is below, and for nothing beside or above. */
TEST(grants_are_inherited_downwards)
{
    struct fixture f;
    fixture_begin(&f);
    int64_t bob = make_principal(&f, "bob");
    give(&f, "bob", TABLE_READ_DATA, SECURABLE_NAMESPACE, "a.b", "");
    CHECK(may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "a.b.t", ""));
    CHECK(may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "a.b.c.d.t", ""));
    CHECK(may(&f, bob, TABLE_READ_PROPERTIES, SECURABLE_TABLE, "a.b.t", ""));
    CHECK(may(&f, bob, TABLE_LIST, SECURABLE_NAMESPACE, "a.b", ""));
    CHECK(!may(&f, bob, TABLE_LIST, SECURABLE_NAMESPACE, "a", ""));
    CHECK(!may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "a.t", ""));
    CHECK(!may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "a.bb.t", ""));
    CHECK(!may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "b.t", ""));
    CHECK(!may(&f, bob, TABLE_WRITE_DATA, SECURABLE_TABLE, "a.b.t", ""));
    CHECK(!may(&f, bob, VIEW_READ_PROPERTIES, SECURABLE_VIEW, "a.b.v", ""));
    give(&f, "bob", TABLE_WRITE_DATA, SECURABLE_TABLE, "x.t", "");
    CHECK(may(&f, bob, TABLE_ADD_SNAPSHOT, SECURABLE_TABLE, "x.t", ""));
    CHECK(!may(&f, bob, TABLE_ADD_SNAPSHOT, SECURABLE_TABLE, "x.tt", ""));
    CHECK(!may(&f, bob, TABLE_ADD_SNAPSHOT, SECURABLE_TABLE, "x.y.t", ""));
    struct securable top = SECURE_CATALOG;
    CHECK(access_allows_below(as(&f, bob), TABLE_READ_DATA, &top, (str){ 0 }));
    CHECK(!access_allows_below(as(&f, bob), TABLE_DROP, &top, (str){ 0 }));
    fixture_end(&f);
}

static const struct {
    enum privilege granted, asked;
    bool yes;
} brought[] = {
    { CATALOG_MANAGE_CONTENT, TABLE_WRITE_DATA, true },
    { CATALOG_MANAGE_CONTENT, TABLE_READ_DATA, true },
    { CATALOG_MANAGE_CONTENT, MODEL_WRITE_DATA, true },
    { CATALOG_MANAGE_CONTENT, NAMESPACE_LIST, true },
    { CATALOG_MANAGE_CONTENT, REFERENCE_DELETE, true },
    { CATALOG_MANAGE_CONTENT, CATALOG_MANAGE_ACCESS, false },
    { CATALOG_MANAGE_METADATA, TABLE_DROP, true },
    { CATALOG_MANAGE_METADATA, TABLE_READ_DATA, false },
    { CATALOG_MANAGE_METADATA, TABLE_ADD_SNAPSHOT, false },
    { CATALOG_MANAGE_ACCESS, TABLE_LIST, false },
    { CATALOG_MANAGE_ACCESS, NAMESPACE_LIST, false },
    { TABLE_FULL_METADATA, TABLE_ADD_SCHEMA, true },
    { TABLE_FULL_METADATA, TABLE_READ_DATA, false },
    { TABLE_WRITE_DATA, TABLE_ADD_SNAPSHOT, true },
    { TABLE_WRITE_DATA, TABLE_SET_PROPERTIES, true },
    { TABLE_WRITE_DATA, TABLE_DROP, false },
    { TABLE_WRITE_PROPERTIES, TABLE_ADD_SNAPSHOT, false },
    { TABLE_WRITE_PROPERTIES, TABLE_REMOVE_SNAPSHOTS, false },
    { TABLE_MANAGE_STRUCTURE, TABLE_SET_CURRENT_SCHEMA, true },
    { TABLE_MANAGE_STRUCTURE, TABLE_SET_PROPERTIES, false },
    { TABLE_CREATE, TABLE_LIST, true },
    { TABLE_CREATE, TABLE_DROP, false },
    { TABLE_LIST, TABLE_READ_PROPERTIES, false },
    { NAMESPACE_FULL_METADATA, NAMESPACE_LIST, true },
    { NAMESPACE_FULL_METADATA, TABLE_LIST, false },
    { FEATURE_VIEW_WRITE_DATA, FEATURE_VIEW_READ_DATA, false },
    { MODEL_READ_DATA, MODEL_WRITE_DATA, false },
    { REFERENCE_MERGE, REFERENCE_DELETE, false },
};

TEST(privileges_bring_others_along)
{
    for (size_t i = 0; i < sizeof brought / sizeof *brought; i++)
        if (privileges_has(privilege_implied(brought[i].granted), brought[i].asked) !=
            brought[i].yes)
            test_fail(__FILE__, __LINE__, "%s -> %s", privilege_name(brought[i].granted),
                      privilege_name(brought[i].asked));
    /* Everything but access and the service comes with CATALOG_MANAGE_CONTENT; each word is read back. */
    for (int p = PRIVILEGE_SIGNED_IN + 1; p < PRIVILEGES_N; p++) {
        enum privilege back;
        CHECK(privilege_parse(str_of(privilege_name((enum privilege)p)), &back) && (int)back == p);
        bool apart =
            p == SERVICE_MANAGE_ACCESS || p == SERVICE_OPERATE || p == CATALOG_MANAGE_ACCESS;
        CHECK(privileges_has(privilege_implied(CATALOG_MANAGE_CONTENT), (enum privilege)p) ==
              !apart);
    }
    enum privilege none;
    CHECK(!privilege_parse(STR("PUBLIC"), &none) && !privilege_parse(STR(""), &none));
}

TEST(grants_hold_at_the_refs_of_their_pattern)
{
    struct fixture f;
    fixture_begin(&f);
    int64_t bob = make_principal(&f, "bob");
    give(&f, "bob", TABLE_WRITE_DATA, SECURABLE_CATALOG, "", "dev/*");
    give(&f, "bob", TABLE_READ_DATA, SECURABLE_CATALOG, "", "main");
    CHECK(may(&f, bob, TABLE_WRITE_DATA, SECURABLE_TABLE, "a.t", "dev/bob"));
    CHECK(!may(&f, bob, TABLE_WRITE_DATA, SECURABLE_TABLE, "a.t", "dev"));
    CHECK(!may(&f, bob, TABLE_WRITE_DATA, SECURABLE_TABLE, "a.t", "main"));
    CHECK(!may(&f, bob, TABLE_WRITE_DATA, SECURABLE_TABLE, "a.t", ""));
    CHECK(may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "a.t", ""));
    CHECK(may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "a.t", "main@0123456789abcdef"));
    CHECK(may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "a.t", "main~2"));
    /* The second parent of a merge is another branch's history, and a bare commit may be anybody's. */
    CHECK(!may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "a.t", "main^2"));
    CHECK(!may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "a.t", "main~1^2"));
    CHECK(!may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "a.t",
               "0123456789012345678901234567890123456789012345678901234567890123"));
    give(&f, "bob", TABLE_READ_DATA, SECURABLE_TABLE, "x.t", "");
    CHECK(may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "x.t", "main^2"));
    fixture_end(&f);
}

TEST(patterns_of_refs)
{
    static const struct {
        const char *pattern, *ref;
        bool fits;
    } rows[] = {
        { "*", "main", true },        { "*", "", true },         { "", "", true },
        { "", "main", false },        { "main", "main", true },  { "main", "mains", false },
        { "dev/*", "dev/a/b", true }, { "dev/*", "dev/", true }, { "dev/*", "dev", false },
        { "*-x", "a-x-x", true },     { "*-x", "a-x-y", false }, { "a?c", "abc", true },
        { "a?c", "ac", false },       { "**a**", "bab", true },  { "a*b*c", "a1b2b3c", true },
        { "a*b*c", "a1b2b3", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ref_pattern_matches(str_of(rows[i].pattern), str_of(rows[i].ref)) != rows[i].fits)
            test_fail(__FILE__, __LINE__, "%s against %s", rows[i].pattern, rows[i].ref);
}

TEST(a_change_is_seen_by_the_next_check)
{
    struct fixture f;
    fixture_begin(&f);
    struct error err = { 0 };
    int64_t bob = make_principal(&f, "bob");
    const struct access *x = as(&f, bob);
    struct securable t = object(&f, SECURABLE_TABLE, "a.t");
    struct grant g = { t, TABLE_DROP, (str){ 0 } };
    CHECK_FAILS(access_check(x, TABLE_DROP, &t, (str){ 0 }, &err), ERR_DENIED);
    CHECK_OK(grant_add(f.g, STR("bob"), &g, &err));
    CHECK_OK(grant_add(f.g, STR("bob"), &g, &err));
    CHECK_OK(access_check(x, TABLE_DROP, &t, (str){ 0 }, &err));
    CHECK_OK(grant_revoke(f.g, STR("bob"), &g, &err));
    CHECK_FAILS(access_check(x, TABLE_DROP, &t, (str){ 0 }, &err), ERR_DENIED);
    CHECK_FAILS(grant_revoke(f.g, STR("bob"), &g, &err), ERR_NOT_FOUND);
    CHECK_OK(grant_add(f.g, STR("bob"), &g, &err));
    CHECK_OK(catalog_role_take(f.g, STR("bob"), STR("bob"), &err));
    CHECK_FAILS(access_check(x, TABLE_DROP, &t, (str){ 0 }, &err), ERR_DENIED);
    CHECK_OK(catalog_role_give(f.g, STR("bob"), STR("bob"), &err));
    CHECK_OK(access_check(x, TABLE_DROP, &t, (str){ 0 }, &err));
    CHECK_OK(role_drop(f.g, ROLE_OF_CATALOG, STR("bob"), &err));
    CHECK_FAILS(access_check(x, TABLE_DROP, &t, (str){ 0 }, &err), ERR_DENIED);
    fixture_end(&f);
}

/* A second server on the same database sees what the first one changes when it looks. */
TEST(another_servers_change_is_read)
{
    struct fixture f;
    struct govern *other;
    fixture_begin(&f);
    struct error err = { 0 };
    int64_t bob = make_principal(&f, "bob");
    CHECK_OK(govern_open(f.db, env_real(), NULL, (str){ 0 }, &other, &err));
    give(&f, "bob", TABLE_DROP, SECURABLE_CATALOG, "", "");
    struct access x = *as(&f, bob);
    x.govern = other;
    if (!f.db->shared) /* a shared one is looked at by itself */
        CHECK_FAILS(access_check(&x, TABLE_DROP, &SECURE_CATALOG, (str){ 0 }, &err), ERR_DENIED);
    CHECK_OK(govern_refresh(other, &err));
    CHECK_OK(access_check(&x, TABLE_DROP, &SECURE_CATALOG, (str){ 0 }, &err));
    /* And a change made there first reads what it did not know. */
    struct role r;
    CHECK_OK(role_create(f.g, ROLE_OF_CATALOG, STR("late"), (str){ 0 }, f.a, &r, &err));
    struct grant g = { SECURE_CATALOG, TABLE_LIST, (str){ 0 } };
    CHECK_OK(grant_add(other, STR("late"), &g, &err));
    govern_close(other);
    fixture_end(&f);
}

/* A token that one server issued is not believed by the other when the secret has been changed at the first. */
TEST(another_servers_reset_ends_tokens)
{
    struct fixture f;
    struct govern *other;
    struct principal p;
    struct principal_secret s;
    const struct identity *who;
    fixture_begin(&f);
    struct error err = { 0 };
    make_principal(&f, "bob");
    CHECK_OK(principal_by_name(f.g, STR("bob"), f.a, &p, &err));
    CHECK_OK(govern_open(f.db, env_real(), NULL, (str){ 0 }, &other, &err));
    CHECK_OK(principal_identity_of_token(other, p.id, p.generation, (str){ 0 }, STR("t"), f.a, &who,
                                         &err));
    CHECK_OK(principal_reset(f.g, STR("bob"), (str){ 0 }, (str){ 0 }, f.a, &s, &err));
    CHECK_FAILS(
        principal_identity_of_token(f.g, p.id, p.generation, (str){ 0 }, STR("t"), f.a, &who, &err),
        ERR_DENIED);
    if (f.db->shared) { /* it looks by itself, when it is asked */
        for (int i = 0; i < 40 && principal_identity_of_token(other, p.id, p.generation, (str){ 0 },
                                                              STR("t"), f.a, &who, &err);
             i++)
            env_sleep_us(env_real(), DB_WATCH_US / 4);
        err = (struct error){ 0 };
    } else {
        CHECK_OK(govern_refresh(other, &err));
    }
    CHECK_FAILS(principal_identity_of_token(other, p.id, p.generation, (str){ 0 }, STR("t"), f.a,
                                            &who, &err),
                ERR_DENIED);
    CHECK_OK(principal_by_name(other, STR("bob"), f.a, &p, &err));
    CHECK_OK(principal_identity_of_token(other, p.id, p.generation, (str){ 0 }, STR("t"), f.a, &who,
                                         &err));
    govern_close(other);
    fixture_end(&f);
}

TEST(the_namespace_of_the_audit_log_is_read_only)
{
    struct fixture f;
    struct principal root;
    fixture_begin(&f);
    struct error err = { 0 };
    CHECK_OK(principal_by_name(f.g, STR("root"), f.a, &root, &err));
    CHECK(may(&f, root.id, TABLE_READ_DATA, SECURABLE_TABLE, "system.audit_logs", ""));
    CHECK(!may(&f, root.id, TABLE_WRITE_DATA, SECURABLE_TABLE, "system.audit_logs", ""));
    CHECK(!may(&f, root.id, TABLE_DROP, SECURABLE_TABLE, "system.audit_logs", ""));
    CHECK(!may(&f, root.id, TABLE_CREATE, SECURABLE_NAMESPACE, "system", ""));
    CHECK(!may(&f, root.id, NAMESPACE_DROP, SECURABLE_NAMESPACE, "system", ""));
    CHECK(may(&f, root.id, TABLE_DROP, SECURABLE_TABLE, "systems.audit_logs", ""));
    fixture_end(&f);
}

/* Refusals say who asked for what, and nothing about whether it exists. */
TEST(refusals_name_principal_roles_privilege_and_object)
{
    struct fixture f;
    fixture_begin(&f);
    struct error err = { 0 };
    int64_t bob = make_principal(&f, "bob");
    struct securable t = object(&f, SECURABLE_TABLE, "a.b.t");
    CHECK_FAILS(access_check(as(&f, bob), TABLE_DROP, &t, STR("dev"), &err), ERR_DENIED);
    CHECK_STR(str_of(err.msg), "principal 'bob' with activated roles [bob] is not authorized for "
                               "TABLE_DROP on table a.b.t at ref dev");
    CHECK_FAILS(access_check(as(&f, bob), SERVICE_MANAGE_ACCESS, &SECURE_SERVICE, STR("dev"), &err),
                ERR_DENIED);
    CHECK_STR(str_of(err.msg), "principal 'bob' with activated roles [bob] is not authorized for "
                               "SERVICE_MANAGE_ACCESS on service");
    fixture_end(&f);
}

TEST(hostile_names)
{
    static const char *const bad[] = { "",
                                       "..",
                                       ".",
                                       "a\x1f"
                                       "b",
                                       "a\nb",
                                       "\xff\xfe",
                                       " a",
                                       "a ",
                                       "$x",
                                       "a*b",
                                       "a\\b",
                                       "a\x7f" };
    struct fixture f;
    fixture_begin(&f);
    struct error err = { 0 };
    struct role r;
    make_principal(&f, "bob");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        str level = str_of(bad[i]);
        struct grant ns = { { SECURABLE_NAMESPACE, &level, 1, { 0 } }, TABLE_LIST, { 0 } };
        struct grant t = { { SECURABLE_TABLE, &(str){ "a", 1 }, 1, level }, TABLE_LIST, { 0 } };
        CHECK_FAILS(grant_add(f.g, STR("bob"), &ns, &err), ERR_INVALID);
        CHECK_FAILS(grant_add(f.g, STR("bob"), &t, &err), ERR_INVALID);
    }
    static const char *const bad_roles[] = {
        "", "a\nb", " a", "a ", "\xff", "SYSTEM$x", "system$"
    };
    for (size_t i = 0; i < sizeof bad_roles / sizeof *bad_roles; i++)
        CHECK_FAILS(
            role_create(f.g, ROLE_OF_PRINCIPALS, str_of(bad_roles[i]), (str){ 0 }, f.a, &r, &err),
            ERR_INVALID);
    /* Names that only look like SQL are names. */
    CHECK_OK(role_create(f.g, ROLE_OF_PRINCIPALS, STR("x'; DROP TABLE gov_roles; --"), (str){ 0 },
                         f.a, &r, &err));
    CHECK_OK(role_drop(f.g, ROLE_OF_PRINCIPALS, STR("x'; DROP TABLE gov_roles; --"), &err));
    static const char deep[] = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q";
    struct grant g = { object(&f, SECURABLE_NAMESPACE, deep), TABLE_LIST, { 0 } };
    CHECK_FAILS(grant_add(f.g, STR("bob"), &g, &err), ERR_INVALID);
    fixture_end(&f);
}

TEST(only_fitting_privileges_are_granted)
{
    struct fixture f;
    fixture_begin(&f);
    struct error err = { 0 };
    make_principal(&f, "bob");
    struct grant wrong[] = {
        { object(&f, SECURABLE_TABLE, "a.t"), NAMESPACE_LIST, { 0 } },
        { object(&f, SECURABLE_TABLE, "a.t"), VIEW_LIST, { 0 } },
        { object(&f, SECURABLE_VIEW, "a.t"), TABLE_LIST, { 0 } },
        { object(&f, SECURABLE_NAMESPACE, "a"), CATALOG_MANAGE_ACCESS, { 0 } },
        { SECURE_CATALOG, SERVICE_MANAGE_ACCESS, { 0 } },
        { SECURE_SERVICE, TABLE_LIST, { 0 } },
        { SECURE_CATALOG, PRIVILEGE_PUBLIC, { 0 } },
        { SECURE_CATALOG, (enum privilege)PRIVILEGES_N, { 0 } },
        { SECURE_CATALOG, TABLE_LIST, STR_INIT("a b") },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_FAILS(grant_add(f.g, STR("bob"), &wrong[i], &err), ERR_INVALID);
    fixture_end(&f);
}

/* A million checks: the figure is for people, the limit is ten times what a busy machine needs. */
TEST(a_check_is_cheap)
{
    struct fixture f;
    fixture_begin(&f);
    int64_t bob = make_principal(&f, "bob");
    for (int i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%d.t", i);
        give(&f, "bob", TABLE_READ_DATA, SECURABLE_TABLE, name, "");
    }
    const struct access *x = as(&f, bob);
    struct securable t = object(&f, SECURABLE_TABLE, "n17.t");
    int64_t began = env_monotonic_ns(env_real());
    for (int i = 0; i < 20000; i++)
        CHECK(access_allows(x, TABLE_READ_DATA, &t, (str){ 0 }));
    int64_t each = (env_monotonic_ns(env_real()) - began) / 20000;
    printf("a check takes %lld ns\n", (long long)each);
    CHECK(each < 50000);
    fixture_end(&f);
}
