/* SPDX-License-Identifier: Apache-2.0 */
#include "govern/govern.h"

#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "govern/govern_priv.h"
#include "io/spool.h"

#define PROPERTIES_MAX ((size_t)64 << 10)

static const struct migration migrations[] = {
    { 1, "principals, roles, grants",
      "CREATE TABLE gov_state (id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL,"
      " next_id BIGINT NOT NULL, enabled BIGINT NOT NULL);"
      "INSERT INTO gov_state (id, version, next_id, enabled) VALUES (1, 1, 1, 0);"
      "CREATE TABLE gov_principals (id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
      " client_id TEXT NOT NULL UNIQUE, enabled BIGINT NOT NULL, rotate_required BIGINT NOT NULL,"
      " properties TEXT NOT NULL, created_us BIGINT NOT NULL, updated_us BIGINT NOT NULL,"
      " version BIGINT NOT NULL, salt TEXT NOT NULL, hash TEXT NOT NULL, rounds BIGINT NOT NULL,"
      " previous_salt TEXT NOT NULL, previous_hash TEXT NOT NULL,"
      " previous_rounds BIGINT NOT NULL);"
      "CREATE TABLE gov_api_keys (id TEXT NOT NULL PRIMARY KEY, principal_id BIGINT NOT NULL,"
      " digest TEXT NOT NULL UNIQUE, note TEXT NOT NULL, created_us BIGINT NOT NULL,"
      " expires_us BIGINT NOT NULL);"
      "CREATE TABLE gov_roles (id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
      " properties TEXT NOT NULL, created_us BIGINT NOT NULL, updated_us BIGINT NOT NULL,"
      " version BIGINT NOT NULL);"
      "CREATE TABLE gov_catalog_roles (id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
      " properties TEXT NOT NULL, created_us BIGINT NOT NULL, updated_us BIGINT NOT NULL,"
      " version BIGINT NOT NULL);"
      "CREATE TABLE gov_principal_roles (principal_id BIGINT NOT NULL, role_id BIGINT NOT NULL,"
      " PRIMARY KEY (principal_id, role_id));"
      "CREATE TABLE gov_role_catalog_roles (role_id BIGINT NOT NULL,"
      " catalog_role_id BIGINT NOT NULL, PRIMARY KEY (role_id, catalog_role_id));"
      "CREATE TABLE gov_grants (catalog_role_id BIGINT NOT NULL, kind TEXT NOT NULL,"
      " path TEXT NOT NULL, name TEXT NOT NULL, privilege TEXT NOT NULL, ref TEXT NOT NULL,"
      " PRIMARY KEY (catalog_role_id, kind, path, name, privilege, ref));" },
    { 2, "tokens end with the secret",
      "ALTER TABLE gov_principals ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;" },
};

/* From the first policy on that decides something. */
static bool begin_audit(struct govern *g, const struct policy *now, struct error *err)
{
    struct spool *s;
    if (!now->on || !g->audit_dir || atomic_load(&g->audit))
        return true;
    if (!spool_open(str_of(g->audit_dir), g->env, &s, err))
        return fail_in(err, "open the audit log");
    atomic_store(&g->audit, s);
    return true;
}

/* `changing` is held. */
static bool reload(struct govern *g, struct error *err)
{
    struct policy *now = NULL;
    if (!policy_read(g, &now, err) || !begin_audit(g, now, err)) {
        policy_free(now);
        atomic_store(&g->stale, true);
        return false;
    }
    policy_free(published_swap(&g->policy, now, env_real()));
    atomic_store(&g->on, now->on);
    atomic_store(&g->stale, false);
    return true;
}

static void moved(void *arg)
{
    struct error away = { 0 };
    if (!govern_refresh(arg, &away))
        log_warn("govern", "grants are as they were read last: %s", away.msg);
}

bool govern_open(struct db *db, struct env *env, struct pool *pool, str audit_dir,
                 struct govern **out, struct error *err)
{
    struct govern *g = mem_new(struct govern);
    g->db = db;
    g->env = env;
    g->secrets = secret_cache_create(env);
    pthread_mutex_init(&g->changing, NULL);
    db_watch_init(&g->watch, db, "govern", pool, moved, g);
    pthread_mutex_init(&g->flushing, NULL);
    if (audit_dir.len) {
        g->audit_dir = mem_array(char, audit_dir.len + 1);
        memcpy(g->audit_dir, audit_dir.ptr, audit_dir.len);
    }
    if (!db_migrate(db, "govern", migrations, sizeof migrations / sizeof *migrations, err) ||
        !reload(g, err)) {
        govern_close(g);
        return fail_in(err, "open access control");
    }
    *out = g;
    return true;
}

void govern_close(struct govern *g)
{
    if (!g)
        return;
    db_watch_end(&g->watch);
    policy_free(atomic_load(&g->policy.current));
    secret_cache_destroy(g->secrets);
    spool_close(atomic_load(&g->audit));
    mem_free(g->audit_dir);
    pthread_mutex_destroy(&g->flushing);
    pthread_mutex_destroy(&g->changing);
    mem_free(g);
}

bool govern_on(struct govern *g)
{
    db_watch(&g->watch);
    return atomic_load(&g->on);
}

static bool read_version(struct govern *g, int64_t *out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct db_tx *tx;
    struct db_rows rows;
    bool ok = db_read_begin(g->db, &tx, err);
    if (ok) {
        ok = db_run(tx, STR("SELECT version FROM gov_state"), DB_NO_ARGS, a, &rows, err);
        *out = ok && rows.n ? db_int(&rows, 0, 0) : 0;
        db_rollback(tx);
    }
    arena_destroy(a);
    return ok;
}

bool govern_refresh(struct govern *g, struct error *err)
{
    int64_t version;
    if (!read_version(g, &version, err))
        return false;
    unsigned ticket;
    bool same = policy_enter(g, &ticket)->version == version && !atomic_load(&g->stale);
    policy_leave(g, ticket);
    if (same) {
        return true;
    }
    pthread_mutex_lock(&g->changing);
    bool ok = reload(g, err);
    pthread_mutex_unlock(&g->changing);
    return ok;
}

/* ---- Changes */

bool change_run(struct change *c, str sql, const struct db_value *args, size_t n, const char *what,
                struct error *err)
{
    struct db_rows rows;
    if (!db_run(c->tx, sql, args, n, c->a, &rows, err))
        return false;
    return rows.changes > 0 || !what || fail(err, ERR_NOT_FOUND, "%s", what);
}

bool change_id(struct change *c, int64_t *out, struct error *err)
{
    struct db_rows rows;
    if (!db_run(c->tx, STR("UPDATE gov_state SET next_id = next_id + 1"), DB_NO_ARGS, NULL, NULL,
                err) ||
        !db_run(c->tx, STR("SELECT next_id FROM gov_state"), DB_NO_ARGS, c->a, &rows, err))
        return false;
    *out = db_int(&rows, 0, 0) - 1;
    return true;
}

/* Raising the version first makes changes of several servers wait for each other; what another one changed is read before
 * this change looks at anything. */
static bool begin_change(struct change *c, struct error *err)
{
    struct db_rows rows;
    unsigned ticket;
    if (!db_begin(c->g->db, &c->tx, err))
        return false;
    if (!db_touch(c->tx, "govern", err) ||
        !db_run(c->tx, STR("UPDATE gov_state SET version = version + 1"), DB_NO_ARGS, NULL, NULL,
                err) ||
        !db_run(c->tx, STR("SELECT version FROM gov_state"), DB_NO_ARGS, c->a, &rows, err))
        goto undo;
    c->now = policy_enter(c->g, &ticket);
    policy_leave(c->g, ticket); /* `changing` keeps it */
    if (c->now->version + 1 == db_int(&rows, 0, 0) && !atomic_load(&c->g->stale))
        return true;
    fail(err, ERR_CONFLICT, "another server changed the grants");
undo:
    db_rollback(c->tx);
    return false;
}

static bool try_change(struct change *c, bool (*fn)(struct change *c, struct error *err),
                       struct error *err)
{
    if (!begin_change(c, err))
        return false;
    if (!fn(c, err)) {
        db_rollback(c->tx);
        return false;
    }
    return db_commit(c->tx, err);
}

bool govern_change(struct govern *g, bool (*fn)(struct change *c, struct error *err), void *ctx,
                   struct error *err)
{
    struct error reading = { 0 };
    struct change c = { .g = g, .a = arena_create(0), .now_us = env_now_us(g->env), .ctx = ctx };
    unsigned ticket;
    bool ok = false, again = true;
    pthread_mutex_lock(&g->changing);
    for (int i = 0; i < 10 && again; i++) {
        int64_t version = policy_enter(g, &ticket)->version;
        policy_leave(g, ticket);
        ok = try_change(&c, fn, err);
        again = !ok && err->code == ERR_CONFLICT;
        /* Also after a failure: it may have happened, or somebody else was faster. */
        if (!reload(g, &reading))
            log_error("govern", "the grants cannot be read again: %s", reading.msg);
        else if (again && version == ((struct policy *)atomic_load(&g->policy.current))->version)
            again = false; /* the conflict is the caller's own */
    }
    pthread_mutex_unlock(&g->changing);
    arena_destroy(c.a);
    return ok;
}

/* ---- Words */

bool govern_name_check(str name, const char *what, struct error *err)
{
    if (name.len == 0 || name.len > PRINCIPAL_NAME_MAX)
        return fail(err, ERR_INVALID, "the name of a %s has 1 to %d bytes, not %zu", what,
                    PRINCIPAL_NAME_MAX, name.len);
    if (!str_is_utf8(name))
        return fail(err, ERR_INVALID, "the name of a %s is not UTF-8", what);
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f)
            return fail(err, ERR_INVALID, "the name of a %s holds the control character 0x%02x",
                        what, (unsigned char)name.ptr[i]);
    if (!str_eq(str_trim(name), name))
        return fail(err, ERR_INVALID, "the name of a %s begins or ends with a blank", what);
    if (str_starts_nocase(name, STR("SYSTEM$")))
        return fail(err, ERR_INVALID, "names that begin with SYSTEM$ are reserved");
    return true;
}

bool properties_check(str json, struct arena *a, str *out, struct error *err)
{
    struct json *doc;
    *out = STR("{}");
    if (json.len == 0)
        return true;
    if (json.len > PROPERTIES_MAX)
        return fail(err, ERR_LIMIT, "properties have %zu bytes, at most %zu", json.len,
                    PROPERTIES_MAX);
    if (!json_parse(json, a, &doc, err))
        return fail_in(err, "properties");
    if (doc->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "properties are %s, not an object",
                    json_kind_name(doc->kind));
    for (size_t i = 0; i < doc->object.n; i++)
        if (doc->object.members[i].value.kind != JSON_STR)
            return fail(err, ERR_INVALID, "the property " STR_FMT " is %s, not a string",
                        STR_ARG(doc->object.members[i].key),
                        json_kind_name(doc->object.members[i].value.kind));
    *out = json;
    return true;
}

struct principal principal_copy(const struct principal *p, struct arena *a)
{
    struct principal c = *p;
    c.name = arena_str(a, p->name);
    c.client_id = arena_str(a, p->client_id);
    c.properties = arena_str(a, p->properties);
    return c;
}

struct role role_copy(const struct role *r, struct arena *a)
{
    struct role c = *r;
    c.name = arena_str(a, r->name);
    c.properties = arena_str(a, r->properties);
    return c;
}

struct grant grant_copy(const struct grant *g, struct arena *a)
{
    struct grant c = *g;
    str *levels = arena_array(a, str, g->on.levels_n);
    for (size_t i = 0; i < g->on.levels_n; i++)
        levels[i] = arena_str(a, g->on.levels[i]);
    c.on.levels = levels;
    c.on.name = arena_str(a, g->on.name);
    c.ref = arena_str(a, g->ref);
    return c;
}
