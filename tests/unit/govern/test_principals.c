/* SPDX-License-Identifier: Apache-2.0 */
#include "io/fault.h"
#include "fixture.h"

static bool proves(struct fixture *f, str id, str secret)
{
    struct principal p;
    struct error err = { 0 };
    bool ok = principal_check_secret(f->g, id, secret, f->a, &p, &err);
    CHECK(ok || err.code == ERR_DENIED);
    return ok;
}

TEST(secrets_prove_rotate_and_reset)
{
    struct fixture f;
    struct principal_secret second, third, fourth;
    struct principal p;
    fixture_begin(&f);
    struct error err = { 0 };
    CHECK_INT(f.root.client_id.len, 16);
    CHECK_INT(f.root.client_secret.len, 32);
    CHECK(proves(&f, f.root.client_id, f.root.client_secret));
    CHECK(proves(&f, f.root.client_id, f.root.client_secret)); /* from memory */
    CHECK(!proves(&f, f.root.client_id, STR("wrong")));
    CHECK(!proves(&f, f.root.client_id, (str){ 0 }));
    CHECK(!proves(&f, STR("nobody"), f.root.client_secret));
    CHECK_OK(principal_rotate(f.g, STR("root"), f.a, &second, &err));
    CHECK_STR(second.client_id, arena_cstr(f.a, f.root.client_id));
    CHECK(proves(&f, f.root.client_id, f.root.client_secret));
    CHECK(proves(&f, f.root.client_id, second.client_secret));
    CHECK_OK(principal_rotate(f.g, STR("root"), f.a, &third, &err));
    CHECK(!proves(&f, f.root.client_id, f.root.client_secret));
    CHECK(proves(&f, f.root.client_id, second.client_secret));
    CHECK_OK(principal_reset(f.g, STR("root"), (str){ 0 }, (str){ 0 }, f.a, &fourth, &err));
    CHECK(!proves(&f, f.root.client_id, second.client_secret));
    CHECK(!proves(&f, f.root.client_id, third.client_secret));
    CHECK(proves(&f, f.root.client_id, fourth.client_secret));
    CHECK_FAILS(principal_reset(f.g, STR("root"), (str){ 0 }, STR("short"), f.a, &fourth, &err),
                ERR_INVALID);
    CHECK_OK(principal_check_secret(f.g, fourth.client_id, fourth.client_secret, f.a, &p, &err));
    CHECK_STR(p.name, "root");
    fixture_end(&f);
}

/* The database holds no secret, and what it holds differs for equal secrets. */
TEST(secrets_are_not_stored)
{
    struct fixture f;
    struct db_tx *tx;
    struct db_rows rows;
    struct principal p;
    struct principal_secret s;
    str chosen = STR("the same secret for both");
    fixture_begin(&f);
    struct error err = { 0 };
    CHECK_OK(principal_create(f.g, STR("bob"), (str){ 0 }, false, f.a, &p, &s, &err));
    CHECK_OK(principal_reset(f.g, STR("root"), STR("r"), chosen, f.a, &s, &err));
    CHECK_OK(principal_reset(f.g, STR("bob"), STR("b"), chosen, f.a, &s, &err));
    CHECK_OK(db_read_begin(f.db, &tx, &err));
    CHECK_OK(
        db_run(tx, STR("SELECT salt, hash FROM gov_principals"), DB_NO_ARGS, f.a, &rows, &err));
    db_rollback(tx);
    CHECK_INT(rows.n, 2);
    CHECK(!str_eq(db_str(&rows, 0, 0), db_str(&rows, 1, 0)));
    CHECK(!str_eq(db_str(&rows, 0, 1), db_str(&rows, 1, 1)));
    CHECK_FAILS(principal_reset(f.g, STR("bob"), STR("r"), chosen, f.a, &s, &err), ERR_EXISTS);
    fixture_end(&f);
}

TEST(a_disabled_or_dropped_principal_proves_nothing)
{
    struct fixture f;
    struct principal p;
    struct principal_secret s;
    const struct identity *who;
    struct api_key k;
    str key;
    fixture_begin(&f);
    struct error err = { 0 };
    CHECK_OK(principal_create(f.g, STR("bob"), (str){ 0 }, false, f.a, &p, &s, &err));
    CHECK_OK(api_key_create(f.g, STR("bob"), STR("laptop"), 0, f.a, &k, &key, &err));
    CHECK(proves(&f, s.client_id, s.client_secret));
    CHECK_OK(principal_enable(f.g, STR("bob"), false, &err));
    CHECK(!proves(&f, s.client_id, s.client_secret));
    CHECK_FAILS(principal_find_api_key(f.g, key, f.a, &p, NULL, &err), ERR_DENIED);
    CHECK_FAILS(principal_identity(f.g, p.id, (str){ 0 }, STR(""), f.a, &who, &err), ERR_DENIED);
    CHECK_OK(principal_enable(f.g, STR("bob"), true, &err));
    CHECK(proves(&f, s.client_id, s.client_secret));
    CHECK_OK(principal_drop(f.g, STR("bob"), &err));
    CHECK(!proves(&f, s.client_id, s.client_secret));
    CHECK_FAILS(principal_find_api_key(f.g, key, f.a, &p, NULL, &err), ERR_DENIED);
    CHECK_FAILS(principal_drop(f.g, STR("bob"), &err), ERR_NOT_FOUND);
    CHECK_FAILS(principal_drop(f.g, STR("root"), &err), ERR_DENIED);
    CHECK_FAILS(principal_enable(f.g, STR("root"), false, &err), ERR_DENIED);
    CHECK_FAILS(principal_role_take(f.g, STR("root"), STR("service_admin"), &err), ERR_DENIED);
    CHECK_FAILS(role_drop(f.g, ROLE_OF_PRINCIPALS, STR("service_admin"), &err), ERR_DENIED);
    CHECK_FAILS(role_drop(f.g, ROLE_OF_CATALOG, STR("catalog_admin"), &err), ERR_DENIED);
    fixture_end(&f);
}

TEST(api_keys)
{
    struct fixture f;
    struct api_key k, old;
    struct api_key_list keys;
    struct principal p;
    str key, expired, id;
    fixture_begin(&f);
    struct error err = { 0 };
    CHECK_OK(api_key_create(f.g, STR("root"), STR("ci"), 0, f.a, &k, &key, &err));
    CHECK_OK(api_key_create(f.g, STR("root"), STR("old"), 1, f.a, &old, &expired, &err));
    CHECK(str_starts(key, STR(API_KEY_PREFIX)) && key.len == 5 + 43);
    CHECK_OK(principal_find_api_key(f.g, key, f.a, &p, &id, &err));
    CHECK_STR(p.name, "root");
    CHECK(str_eq(id, k.id));
    CHECK_FAILS(principal_find_api_key(f.g, expired, f.a, &p, &id, &err), ERR_DENIED);
    CHECK_FAILS(principal_find_api_key(f.g, STR("firn_x"), f.a, &p, &id, &err), ERR_DENIED);
    CHECK_FAILS(principal_find_api_key(f.g, (str){ 0 }, f.a, &p, &id, &err), ERR_DENIED);
    CHECK_OK(api_keys_list(f.g, STR("root"), f.a, &keys, &err));
    CHECK_INT(keys.n, 2);
    CHECK_OK(api_key_drop(f.g, STR("root"), k.id, &err));
    CHECK_FAILS(principal_find_api_key(f.g, key, f.a, &p, &id, &err), ERR_DENIED);
    CHECK_FAILS(api_key_drop(f.g, STR("root"), k.id, &err), ERR_NOT_FOUND);
    CHECK_FAILS(api_keys_list(f.g, STR("nobody"), f.a, &keys, &err), ERR_NOT_FOUND);
    fixture_end(&f);
}

TEST(a_secret_that_must_be_rotated_activates_nothing)
{
    struct fixture f;
    struct principal p;
    struct principal_secret s;
    const struct identity *who;
    fixture_begin(&f);
    struct error err = { 0 };
    CHECK_OK(principal_create(f.g, STR("bob"), (str){ 0 }, true, f.a, &p, &s, &err));
    CHECK_OK(principal_role_give(f.g, STR("bob"), STR("service_admin"), &err));
    CHECK_OK(principal_identity(f.g, p.id, (str){ 0 }, STR(""), f.a, &who, &err));
    CHECK_INT(who->roles_n, 0);
    CHECK_OK(principal_rotate(f.g, STR("bob"), f.a, &s, &err));
    CHECK_OK(principal_identity(f.g, p.id, (str){ 0 }, STR(""), f.a, &who, &err));
    CHECK_INT(who->roles_n, 1);
    fixture_end(&f);
}

TEST(versions_guard_updates)
{
    struct fixture f;
    struct principal p;
    struct role r;
    fixture_begin(&f);
    struct error err = { 0 };
    CHECK_OK(principal_update(f.g, STR("root"), 1, STR("{\"a\":\"b\"}"), f.a, &p, &err));
    CHECK_INT(p.version, 2);
    CHECK_FAILS(principal_update(f.g, STR("root"), 1, STR("{}"), f.a, &p, &err), ERR_CONFLICT);
    CHECK_FAILS(principal_update(f.g, STR("root"), 2, STR("[]"), f.a, &p, &err), ERR_INVALID);
    CHECK_FAILS(principal_update(f.g, STR("root"), 2, STR("{\"a\":1}"), f.a, &p, &err),
                ERR_INVALID);
    CHECK_OK(role_create(f.g, ROLE_OF_CATALOG, STR("r"), STR("{\"x\":\"y\"}"), f.a, &r, &err));
    CHECK_FAILS(role_create(f.g, ROLE_OF_CATALOG, STR("r"), (str){ 0 }, f.a, &r, &err), ERR_EXISTS);
    CHECK_OK(role_update(f.g, ROLE_OF_CATALOG, STR("r"), 1, STR("{}"), f.a, &r, &err));
    CHECK_FAILS(role_update(f.g, ROLE_OF_CATALOG, STR("r"), 1, STR("{}"), f.a, &r, &err),
                ERR_CONFLICT);
    fixture_end(&f);
}

TEST(what_was_changed_is_there_after_opening_again)
{
    struct fixture f;
    fixture_begin(&f);
    struct error err = { 0 };
    int64_t bob = make_principal(&f, "bob");
    give(&f, "bob", TABLE_READ_DATA, SECURABLE_TABLE, "a.b.t", "dev*");
    govern_close(f.g);
    CHECK_OK(govern_open(f.db, env_real(), NULL, fixture_path(&f, "audit"), &f.g, &err));
    CHECK(govern_on(f.g));
    CHECK(proves(&f, f.root.client_id, f.root.client_secret));
    CHECK(may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "a.b.t", "dev1"));
    CHECK(!may(&f, bob, TABLE_READ_DATA, SECURABLE_TABLE, "a.b.t", "main"));
    fixture_end(&f);
}

/* Fails each operation of a change in turn.  The grant is there exactly when the database has it, whatever was answered, and
 * an answer of success is never wrong. */
TEST(a_change_is_atomic_under_any_single_fault)
{
    struct fixture f;
    fixture_begin(&f);
    int64_t bob = make_principal(&f, "bob");
    govern_close(f.g);
    for (int kind = FAULT_REFUSED; kind <= FAULT_ANSWER_LOST; kind++) {
        bool fired = true;
        for (int64_t nth = 0; fired; nth++) {
            struct error err = { 0 }, later = { 0 };
            struct fault plan = FAULT_AT((enum fault_kind)kind, -1);
            struct db *faulty = db_fault_create(f.db, &plan), *db = f.db;
            CHECK_OK(govern_open(faulty, env_real(), NULL, fixture_path(&f, "audit"), &f.g, &err));
            struct grant g = { object(&f, SECURABLE_TABLE, "a.t"), TABLE_DROP, (str){ 0 } };
            plan.nth = nth + atomic_load(&plan.seen);
            bool ok = grant_add(f.g, STR("bob"), &g, &err);
            fired = fault_fired(&plan);
            struct access x = *as(&f, bob);
            bool seen = access_check(&x, TABLE_DROP, &g.on, (str){ 0 }, &later);
            govern_close(f.g);
            CHECK_OK(govern_open(db, env_real(), NULL, fixture_path(&f, "audit"), &f.g, &err));
            bool stored = may(&f, bob, TABLE_DROP, SECURABLE_TABLE, "a.t", "");
            CHECK(!ok || stored);
            CHECK(seen == stored);
            if (stored)
                CHECK_OK(grant_revoke(f.g, STR("bob"), &g, &err));
            CHECK(!may(&f, bob, TABLE_DROP, SECURABLE_TABLE, "a.t", ""));
            govern_close(f.g);
            db_close(faulty);
            CHECK(nth < 200);
        }
    }
    db_close(f.db);
}
