/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the rows and compiling them for checks: one hash table from (catalog role, object) to the set of privileges that its
 * grants bring along.  A check looks up the object and everything above it for every catalog role of the identity: a
 * handful of probes. */
#include <stdlib.h>

#include "catalog/catalog.h"
#include "catalog/name.h"
#include "govern/govern_priv.h"

/* ---- Rows */

struct reading {
    struct db_tx *tx;
    struct policy *p;
    struct db_rows rows;
};

static bool read_rows(struct reading *r, str sql, struct error *err)
{
    return db_run(r->tx, sql, DB_NO_ARGS, r->p->a, &r->rows, err);
}

static bool read_state(struct reading *r, struct error *err)
{
    if (!read_rows(r, STR("SELECT version, enabled FROM gov_state"), err))
        return false;
    if (r->rows.n != 1)
        return fail(err, ERR_CORRUPT, "gov_state has %zu rows instead of 1", r->rows.n);
    r->p->version = db_int(&r->rows, 0, 0);
    r->p->on = db_int(&r->rows, 0, 1) != 0;
    return true;
}

static bool read_principals(struct reading *r, struct error *err)
{
    if (!read_rows(
            r,
            STR("SELECT id, name, client_id, enabled, rotate_required, properties,"
                " created_us, updated_us, version, salt, hash, rounds, previous_salt,"
                " previous_hash, previous_rounds, generation FROM gov_principals ORDER BY name"),
            err))
        return false;
    for (size_t i = 0; i < r->rows.n; i++) {
        const struct db_rows *c = &r->rows;
        *vec_push(r->p->a, &r->p->principals) = (struct principal_row){
            .p = { .id = db_int(c, i, 0),
                   .name = db_str(c, i, 1),
                   .client_id = db_str(c, i, 2),
                   .enabled = db_int(c, i, 3) != 0,
                   .rotate_required = db_int(c, i, 4) != 0,
                   .properties = db_str(c, i, 5),
                   .created_us = db_int(c, i, 6),
                   .updated_us = db_int(c, i, 7),
                   .version = db_int(c, i, 8),
                   .generation = db_int(c, i, 15) },
            .current = { db_str(c, i, 9), db_str(c, i, 10), db_int(c, i, 11) },
            .previous = { db_str(c, i, 12), db_str(c, i, 13), db_int(c, i, 14) },
        };
    }
    return true;
}

static struct role role_of(const struct db_rows *c, size_t i)
{
    return (struct role){ .id = db_int(c, i, 0),
                          .name = db_str(c, i, 1),
                          .properties = db_str(c, i, 2),
                          .created_us = db_int(c, i, 3),
                          .updated_us = db_int(c, i, 4),
                          .version = db_int(c, i, 5) };
}

static bool read_roles(struct reading *r, struct error *err)
{
    struct policy *p = r->p;
    if (!read_rows(r,
                   STR("SELECT id, name, properties, created_us, updated_us, version"
                       " FROM gov_roles ORDER BY name"),
                   err))
        return false;
    for (size_t i = 0; i < r->rows.n; i++) {
        struct role_row *row = vec_push(p->a, &p->roles);
        row->r = role_of(&r->rows, i);
        row->service_admin = str_is(row->r.name, ROLE_SERVICE_ADMIN);
    }
    if (!read_rows(r,
                   STR("SELECT id, name, properties, created_us, updated_us, version"
                       " FROM gov_catalog_roles ORDER BY name"),
                   err))
        return false;
    for (size_t i = 0; i < r->rows.n; i++) {
        struct catalog_role *row = vec_push(p->a, &p->catalog_roles);
        row->r = role_of(&r->rows, i);
        row->number = (uint32_t)i;
    }
    return true;
}

static bool read_keys(struct reading *r, struct error *err)
{
    if (!read_rows(r,
                   STR("SELECT id, principal_id, digest, note, created_us, expires_us"
                       " FROM gov_api_keys ORDER BY created_us, id"),
                   err))
        return false;
    for (size_t i = 0; i < r->rows.n; i++)
        *vec_push(r->p->a, &r->p->keys) =
            (struct key_row){ .k = { .id = db_str(&r->rows, i, 0),
                                     .note = db_str(&r->rows, i, 3),
                                     .created_us = db_int(&r->rows, i, 4),
                                     .expires_us = db_int(&r->rows, i, 5) },
                              .principal_id = db_int(&r->rows, i, 1),
                              .digest = db_str(&r->rows, i, 2) };
    return true;
}

/* ---- Indexes: rows are in their final places now */

static str id_key(const int64_t *id)
{
    return str_make(id, sizeof *id);
}

static void index_rows(struct policy *p)
{
    struct map *maps[] = { &p->principals_by_name,  &p->principals_by_client,
                           &p->principals_by_id,    &p->roles_by_name,
                           &p->roles_by_id,         &p->catalog_roles_by_name,
                           &p->catalog_roles_by_id, &p->keys_by_digest };
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        map_init(maps[i], p->a);
    for (size_t i = 0; i < p->principals.n; i++) {
        struct principal_row *row = &p->principals.at[i];
        map_add(&p->principals_by_name, row->p.name, row);
        map_add(&p->principals_by_client, row->p.client_id, row);
        map_add(&p->principals_by_id, id_key(&row->p.id), row);
    }
    for (size_t i = 0; i < p->roles.n; i++) {
        map_add(&p->roles_by_name, p->roles.at[i].r.name, &p->roles.at[i]);
        map_add(&p->roles_by_id, id_key(&p->roles.at[i].r.id), &p->roles.at[i]);
    }
    for (size_t i = 0; i < p->catalog_roles.n; i++) {
        struct catalog_role *row = &p->catalog_roles.at[i];
        map_add(&p->catalog_roles_by_name, row->r.name, row);
        map_add(&p->catalog_roles_by_id, id_key(&row->r.id), row);
    }
    for (size_t i = 0; i < p->keys.n; i++) {
        struct key_row *k = &p->keys.at[i];
        struct principal_row *owner = map_get(&p->principals_by_id, id_key(&k->principal_id));
        if (!owner)
            continue;
        k->k.principal = owner->p.name;
        map_add(&p->keys_by_digest, k->digest, k);
    }
}

struct principal_row *policy_principal(const struct policy *p, str name)
{
    return map_get(&p->principals_by_name, name);
}

struct principal_row *policy_principal_by_id(const struct policy *p, int64_t id)
{
    return map_get(&p->principals_by_id, id_key(&id));
}

struct role_row *policy_role(const struct policy *p, str name)
{
    return map_get(&p->roles_by_name, name);
}

struct role_row *policy_role_by_id(const struct policy *p, int64_t id)
{
    return map_get(&p->roles_by_id, id_key(&id));
}

struct catalog_role *policy_catalog_role(const struct policy *p, str name)
{
    return map_get(&p->catalog_roles_by_name, name);
}

/* Assignments of rows that are gone are left out: a drop removes both in one transaction. */
static bool read_assignments(struct reading *r, struct error *err)
{
    struct policy *p = r->p;
    if (!read_rows(r,
                   STR("SELECT x.principal_id, x.role_id FROM gov_principal_roles x"
                       " JOIN gov_roles y ON y.id = x.role_id ORDER BY y.name, x.principal_id"),
                   err))
        return false;
    for (size_t i = 0; i < r->rows.n; i++) {
        struct principal_row *who = policy_principal_by_id(p, db_int(&r->rows, i, 0));
        struct role_row *role = policy_role_by_id(p, db_int(&r->rows, i, 1));
        if (!who || !role)
            continue;
        *vec_push(p->a, &who->roles) = role;
        *vec_push(p->a, &role->principals) = who;
    }
    if (!read_rows(
            r,
            STR("SELECT x.role_id, x.catalog_role_id FROM gov_role_catalog_roles x"
                " JOIN gov_catalog_roles y ON y.id = x.catalog_role_id ORDER BY y.name, x.role_id"),
            err))
        return false;
    for (size_t i = 0; i < r->rows.n; i++) {
        int64_t id = db_int(&r->rows, i, 1);
        struct role_row *role = policy_role_by_id(p, db_int(&r->rows, i, 0));
        struct catalog_role *c = map_get(&p->catalog_roles_by_id, id_key(&id));
        if (!role || !c)
            continue;
        *vec_push(p->a, &role->catalog_roles) = c;
        *vec_push(p->a, &c->roles) = role;
    }
    return true;
}

/* ---- Grants */

static void cut_levels(struct policy *p, str path, struct securable *out)
{
    VEC(str) levels = { 0 };
    str level;
    while (path.len && str_next(&path, NS_SEP, &level))
        *vec_push(p->a, &levels) = level;
    out->levels = levels.at;
    out->levels_n = levels.n;
}

/* A row whose words a later program wrote is no grant to us. */
static bool read_grants(struct reading *r, struct error *err)
{
    struct policy *p = r->p;
    if (!read_rows(r,
                   STR("SELECT catalog_role_id, kind, path, name, privilege, ref FROM gov_grants"
                       " ORDER BY catalog_role_id, kind, path, name, privilege, ref"),
                   err))
        return false;
    for (size_t i = 0; i < r->rows.n; i++) {
        const struct db_rows *c = &r->rows;
        int64_t id = db_int(c, i, 0);
        struct catalog_role *role = map_get(&p->catalog_roles_by_id, id_key(&id));
        struct grant g = { .ref = db_str(c, i, 5) };
        g.on.name = db_str(c, i, 3);
        if (!role || !securable_kind_parse(db_str(c, i, 1), &g.on.kind) ||
            !privilege_parse(db_str(c, i, 4), &g.privilege) ||
            !privilege_grantable(g.privilege, g.on.kind))
            continue;
        cut_levels(p, db_str(c, i, 2), &g.on);
        *vec_push(p->a, &role->grants) = g;
        p->grants_n++;
    }
    return true;
}

/* ---- Objects as keys */

static bool same_object(const struct securable *a, const struct securable *b)
{
    if (a->kind != b->kind || a->levels_n != b->levels_n || !str_eq(a->name, b->name))
        return false;
    for (size_t i = 0; i < a->levels_n; i++)
        if (!str_eq(a->levels[i], b->levels[i]))
            return false;
    return true;
}

static uint64_t mix(uint64_t h)
{
    h ^= h >> 31;
    h *= 0x9e3779b97f4a7c15ULL;
    return h ^ h >> 29;
}

/* The hash of the first n levels, on top of that of n - 1. */
static uint64_t hash_level(uint64_t h, str level)
{
    return str_hash(level, mix(h + 1));
}

static uint64_t hash_object(uint64_t levels, enum securable_kind kind, str name)
{
    return str_hash(name, mix(levels ^ (uint64_t)(kind + 1) << 56));
}

static uint64_t hash_rule(uint64_t object, uint32_t role)
{
    uint64_t h = mix(object + role * 0xd1342543de82ef95ULL);
    return h ? h : 1;
}

static struct rule *find_rule(const struct policy *p, uint64_t hash, uint32_t role,
                              const struct securable *on)
{
    for (size_t i = hash & (p->rules_n - 1);; i = (i + 1) & (p->rules_n - 1)) {
        struct rule *r = &p->rules[i];
        if (r->hash == 0 || (r->hash == hash && r->role == role && same_object(&r->on, on)))
            return r;
    }
}

static struct privileges *rule_set(struct policy *p, struct rule *r, str ref)
{
    if (ref.len == 0 || str_is(ref, "*"))
        return &r->may;
    for (struct ref_grant *g = r->by_ref; g; g = g->next)
        if (str_eq(g->pattern, ref))
            return &g->may;
    struct ref_grant *g = arena_new(p->a, struct ref_grant);
    *g = (struct ref_grant){ .pattern = ref, .next = r->by_ref };
    r->by_ref = g;
    return &g->may;
}

static void compile_grant(struct policy *p, const struct catalog_role *role, const struct grant *g)
{
    uint64_t levels = p->seed;
    for (size_t i = 0; i < g->on.levels_n; i++)
        levels = hash_level(levels, g->on.levels[i]);
    uint64_t hash = hash_rule(hash_object(levels, g->on.kind, g->on.name), role->number);
    struct rule *r = find_rule(p, hash, role->number, &g->on);
    if (r->hash == 0)
        *r = (struct rule){ .hash = hash, .role = role->number, .on = g->on };
    struct privileges *set = rule_set(p, r, g->ref);
    const struct privileges *more = privilege_implied(g->privilege);
    for (size_t i = 0; i < sizeof set->bits / sizeof *set->bits; i++)
        set->bits[i] |= more->bits[i];
}

static void compile(struct policy *p)
{
    p->rules_n = 16;
    while (p->rules_n < p->grants_n * 2 + 1)
        p->rules_n *= 2;
    p->rules = arena_array(p->a, struct rule, p->rules_n);
    for (size_t i = 0; i < p->catalog_roles.n; i++) {
        const struct catalog_role *role = &p->catalog_roles.at[i];
        for (size_t k = 0; k < role->grants.n; k++)
            compile_grant(p, role, &role->grants.at[k]);
    }
}

bool policy_read(struct govern *g, struct policy **out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct policy *p = arena_new(a, struct policy);
    struct reading r = { .p = p };
    p->a = a;
    env_random(env_real(), &p->seed, sizeof p->seed);
    if (!db_read_begin(g->db, &r.tx, err)) {
        arena_destroy(a);
        return false;
    }
    bool ok = read_state(&r, err) && read_principals(&r, err) && read_roles(&r, err) &&
              read_keys(&r, err);
    if (ok)
        index_rows(p);
    ok = ok && read_assignments(&r, err) && read_grants(&r, err);
    db_rollback(r.tx);
    if (!ok) {
        arena_destroy(a);
        return fail_in(err, "read the grants");
    }
    compile(p);
    *out = p;
    return true;
}

void policy_free(struct policy *p)
{
    if (p)
        arena_destroy(p->a);
}

/* ---- The question */

bool ref_pattern_matches(str pattern, str ref)
{
    size_t p = 0, r = 0, star = SIZE_MAX, mark = 0;
    while (r < ref.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            mark = r;
        } else if (p < pattern.len && (pattern.ptr[p] == '?' || pattern.ptr[p] == ref.ptr[r])) {
            p++, r++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            r = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

bool policy_is_commit(str ref)
{
    if (ref.len && ref.ptr[0] == '@')
        return true;
    for (size_t i = 0; i < COMMIT_ID_LEN; i++)
        if (i >= ref.len || !strchr("0123456789abcdefABCDEF", ref.ptr[i]) || !ref.ptr[i])
            return false;
    return true;
}

/* main@<id>, main~3 are states of main.  ^ leaves main's own line, so the whole text must fit then.  A commit id is no name: only
 * what fits every ref fits it (access.c looks for refs that have it). */
static str ref_name(str ref)
{
    if (ref.len == 0)
        return STR("main");
    if (policy_is_commit(ref))
        return str_sub(ref, 0, 0);
    for (size_t i = 0; i < ref.len; i++)
        if (ref.ptr[i] == '@' || ref.ptr[i] == '*' || ref.ptr[i] == '~')
            return str_find_char(ref, '^') >= 0 ? ref : str_sub(ref, 0, i);
    return ref;
}

/* An object and what is above it, hashed once for all roles. */
#define ABOVE_MAX (NS_LEVELS_MAX + 3)
struct chain {
    struct securable on[ABOVE_MAX];
    uint64_t hash[ABOVE_MAX];
    size_t n;
};

static void chain_add(struct chain *c, uint64_t levels, struct securable on)
{
    c->on[c->n] = on;
    c->hash[c->n++] = hash_object(levels, on.kind, on.name);
}

static bool make_chain(const struct policy *p, const struct securable *on, struct chain *c)
{
    uint64_t levels = p->seed;
    c->n = 0;
    if (on->levels_n > NS_LEVELS_MAX)
        return false;
    if (on->kind == SECURABLE_SERVICE) {
        chain_add(c, levels, SECURE_SERVICE);
        return true;
    }
    chain_add(c, levels, SECURE_CATALOG);
    for (size_t i = 0; i < on->levels_n; i++) {
        levels = hash_level(levels, on->levels[i]);
        chain_add(c, levels,
                  (struct securable){ SECURABLE_NAMESPACE, on->levels, i + 1, (str){ 0 } });
    }
    if (on->kind != SECURABLE_CATALOG && on->kind != SECURABLE_NAMESPACE)
        chain_add(c, levels, *on);
    return true;
}

static bool rule_allows(const struct rule *r, enum privilege privilege, str ref)
{
    if (privileges_has(&r->may, privilege))
        return true;
    for (const struct ref_grant *g = r->by_ref; g; g = g->next)
        if (privileges_has(&g->may, privilege) && ref_pattern_matches(g->pattern, ref))
            return true;
    return false;
}

static bool role_allows(const struct policy *p, const struct role_row *role,
                        enum privilege privilege, const struct chain *c, str ref)
{
    for (size_t i = 0; i < role->catalog_roles.n; i++) {
        uint32_t number = role->catalog_roles.at[i]->number;
        for (size_t k = 0; k < c->n; k++) {
            const struct rule *r = find_rule(p, hash_rule(c->hash[k], number), number, &c->on[k]);
            if (r->hash && rule_allows(r, privilege, ref))
                return true;
        }
    }
    return false;
}

bool policy_allows(const struct policy *p, const struct identity *who, enum privilege privilege,
                   const struct securable *on, str ref)
{
    struct chain c;
    if (who->root)
        return true;
    if (!make_chain(p, on, &c))
        return false;
    ref = ref_name(ref);
    for (size_t i = 0; i < who->roles_n; i++) {
        const struct role_row *role = policy_role_by_id(p, who->roles[i]);
        if (!role)
            continue;
        if (role->service_admin && privilege_kind(privilege) == SECURABLE_SERVICE &&
            on->kind == SECURABLE_SERVICE)
            return true;
        if (role_allows(p, role, privilege, &c, ref))
            return true;
    }
    return false;
}

static bool lies_below(const struct securable *what, const struct securable *on)
{
    if (on->kind == SECURABLE_CATALOG)
        return what->kind != SECURABLE_SERVICE;
    if (on->kind != SECURABLE_NAMESPACE || what->levels_n < on->levels_n)
        return false;
    for (size_t i = 0; i < on->levels_n; i++)
        if (!str_eq(what->levels[i], on->levels[i]))
            return false;
    return true;
}

static bool role_allows_below(const struct role_row *role, enum privilege privilege,
                              const struct securable *on, str ref)
{
    for (size_t i = 0; i < role->catalog_roles.n; i++) {
        const struct catalog_role *c = role->catalog_roles.at[i];
        for (size_t k = 0; k < c->grants.n; k++) {
            const struct grant *g = &c->grants.at[k];
            if (privileges_has(privilege_implied(g->privilege), privilege) &&
                lies_below(&g->on, on) && (g->ref.len == 0 || ref_pattern_matches(g->ref, ref)))
                return true;
        }
    }
    return false;
}

bool policy_allows_below(const struct policy *p, const struct identity *who,
                         enum privilege privilege, const struct securable *on, str ref)
{
    if (policy_allows(p, who, privilege, on, ref))
        return true;
    ref = ref_name(ref);
    for (size_t i = 0; i < who->roles_n; i++) {
        const struct role_row *role = policy_role_by_id(p, who->roles[i]);
        if (role && role_allows_below(role, privilege, on, ref))
            return true;
    }
    return false;
}
