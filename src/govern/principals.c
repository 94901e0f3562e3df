/* SPDX-License-Identifier: Apache-2.0 */
#include "govern/principals.h"

#include "govern/govern_priv.h"

#define CLIENT_ID_BYTES 8      /* 16 hexadecimal digits, as Polaris has them */
#define CLIENT_SECRET_BYTES 16 /* 32 */
#define API_KEY_BYTES 32
#define SECRET_MIN 16 /* of a secret that a caller chose */
#define SECRET_MAX 256
#define NOTE_MAX 256

/* ---- Proof */

static bool refuse(struct error *err)
{
    return fail(err, ERR_DENIED, "the client id or its secret is wrong");
}

/* Both hashes are tried whatever the first says, and for ids that do not exist too. */
static bool matches(const struct principal_row *row, str secret)
{
    static const struct secret_hash none;
    bool current = secret_hash_matches(row ? &row->current : &none, secret);
    bool previous = secret_hash_matches(row ? &row->previous : &none, secret);
    return current || previous;
}

bool principal_check_secret(struct govern *g, str client_id, str secret, struct arena *a,
                            struct principal *out, struct error *err)
{
    unsigned ticket;
    struct principal_row copy = { 0 };
    const struct policy *p = policy_enter(g, &ticket);
    const struct principal_row *row = map_get(&p->principals_by_client, client_id);
    if (row) {
        copy.p = principal_copy(&row->p, a);
        copy.current = (struct secret_hash){ arena_str(a, row->current.salt),
                                             arena_str(a, row->current.hash), row->current.rounds };
        copy.previous =
            (struct secret_hash){ arena_str(a, row->previous.salt),
                                  arena_str(a, row->previous.hash), row->previous.rounds };
    }
    policy_leave(g, ticket);
    *out = copy.p;
    if (row && copy.p.enabled &&
        secret_cache_has(g->secrets, client_id, secret, copy.p.id, copy.p.version))
        return true;
    if (!secret_slot_take(g->secrets))
        return fail(err, ERR_UNAVAILABLE, "too many secrets are being verified; try again");
    bool same = matches(row ? &copy : NULL, str_sub(secret, 0, SECRET_MAX + 1));
    secret_slot_give(g->secrets);
    if (!same || !copy.p.enabled)
        return refuse(err);
    secret_cache_put(g->secrets, client_id, secret, copy.p.id, copy.p.version);
    return true;
}

static str key_digest(str key, struct arena *a)
{
    struct sha256 d = sha256_of(key);
    return hex_encode(str_make(d.bytes, sizeof d.bytes), a);
}

bool principal_find_api_key(struct govern *g, str key, struct arena *a, struct principal *out,
                            str *key_id, struct error *err)
{
    unsigned ticket;
    str digest = key_digest(key, a);
    const struct policy *p = policy_enter(g, &ticket);
    const struct key_row *k = map_get(&p->keys_by_digest, digest);
    const struct principal_row *row = k ? policy_principal_by_id(p, k->principal_id) : NULL;
    bool good =
        row && row->p.enabled && (k->k.expires_us == 0 || k->k.expires_us > env_now_us(g->env));
    if (good) {
        *out = principal_copy(&row->p, a);
        if (key_id)
            *key_id = arena_str(a, k->k.id);
    }
    policy_leave(g, ticket);
    return good || fail(err, ERR_DENIED, "the API key is wrong or has expired");
}

/* ---- Reading */

static bool take_row(struct govern *g, unsigned ticket, const struct principal_row *row, str name,
                     struct arena *a, struct principal *out, struct error *err)
{
    if (row)
        *out = principal_copy(&row->p, a);
    policy_leave(g, ticket);
    return row || fail(err, ERR_NOT_FOUND, "Principal does not exist: " STR_FMT,
                       STR_ARG(str_sub(name, 0, PRINCIPAL_NAME_MAX)));
}

bool principal_by_name(struct govern *g, str name, struct arena *a, struct principal *out,
                       struct error *err)
{
    unsigned ticket;
    const struct policy *p = policy_enter(g, &ticket);
    return take_row(g, ticket, policy_principal(p, name), name, a, out, err);
}

bool principals_list(struct govern *g, struct arena *a, struct principal_list *out,
                     struct error *err)
{
    unsigned ticket;
    (void)err;
    const struct policy *p = policy_enter(g, &ticket);
    *out = (struct principal_list){ arena_array(a, struct principal, p->principals.n),
                                    p->principals.n };
    for (size_t i = 0; i < out->n; i++)
        out->at[i] = principal_copy(&p->principals.at[i].p, a);
    policy_leave(g, ticket);
    return true;
}

/* ---- Identities */

#define SCOPE_WORD "PRINCIPAL_ROLE:"

static const struct role_row *held_role(const struct principal_row *row, str name)
{
    for (size_t i = 0; i < row->roles.n; i++)
        if (str_eq(row->roles.at[i]->r.name, name))
            return row->roles.at[i];
    return NULL;
}

/* The roles that a scope names; *all when it names none or all. */
static bool scoped_roles(const struct principal_row *row, str scope, int64_t *ids, size_t *n,
                         bool *all, struct error *err)
{
    str word;
    *n = 0;
    *all = false;
    bool named = false;
    while (scope.ptr && str_next(&scope, ' ', &word)) {
        if (!str_starts(word, STR(SCOPE_WORD)))
            continue;
        str name = str_from(word, sizeof SCOPE_WORD - 1);
        named = true;
        if (str_is(name, "ALL")) {
            *all = true;
            continue;
        }
        const struct role_row *role = held_role(row, name);
        if (!role)
            return fail(err, ERR_DENIED,
                        "principal '" STR_FMT "' does not hold the role '" STR_FMT "'",
                        STR_ARG(row->p.name), STR_ARG(str_sub(name, 0, PRINCIPAL_NAME_MAX)));
        if (*n == IDENTITY_ROLES_MAX)
            return fail(err, ERR_LIMIT, "the scope names more than %d roles", IDENTITY_ROLES_MAX);
        ids[(*n)++] = role->r.id;
    }
    *all = *all || !named;
    return true;
}

static bool fill_identity(const struct principal_row *row, str scope, struct arena *a,
                          struct identity *who, struct error *err)
{
    int64_t *ids = arena_array(a, int64_t, IDENTITY_ROLES_MAX);
    bool all;
    size_t n;
    who->principal = arena_str(a, row->p.name);
    who->principal_id = row->p.id;
    who->roles = ids;
    if (!scoped_roles(row, scope, ids, &n, &all, err))
        return false;
    if (all)
        for (n = 0; n < row->roles.n && n < IDENTITY_ROLES_MAX; n++)
            ids[n] = row->roles.at[n]->r.id;
    who->roles_n = row->p.rotate_required ? 0 : n;
    return true;
}

/* As long as `stale` is set nobody knows who is still there: what was read before is not believed. */
static bool identity_of(struct govern *g, int64_t principal_id, const int64_t *generation,
                        str scope, str credential_id, struct arena *a, const struct identity **out,
                        struct error *err)
{
    unsigned ticket;
    struct identity *who = arena_new(a, struct identity);
    *out = who;
    who->credential_id = arena_str(a, credential_id);
    (void)govern_on(g); /* looks at what other servers change */
    if (atomic_load(&g->stale) && !govern_refresh(g, err))
        return fail_in(err, "principals changed and cannot be read");
    const struct policy *p = policy_enter(g, &ticket);
    const struct principal_row *row = policy_principal_by_id(p, principal_id);
    bool ok = false;
    if (!row || !row->p.enabled)
        refuse(err);
    else if (generation && *generation != row->p.generation)
        fail(err, ERR_DENIED, "the principal's secret was changed after this token: log in again");
    else
        ok = fill_identity(row, scope, a, who, err);
    policy_leave(g, ticket);
    return ok;
}

bool principal_identity(struct govern *g, int64_t principal_id, str scope, str credential_id,
                        struct arena *a, const struct identity **out, struct error *err)
{
    return identity_of(g, principal_id, NULL, scope, credential_id, a, out, err);
}

bool principal_identity_of_token(struct govern *g, int64_t principal_id, int64_t generation,
                                 str scope, str credential_id, struct arena *a,
                                 const struct identity **out, struct error *err)
{
    return identity_of(g, principal_id, &generation, scope, credential_id, a, out, err);
}

str *identity_role_names(struct govern *g, const struct identity *who, struct arena *a, size_t *n)
{
    unsigned ticket;
    str *names = arena_array(a, str, who->roles_n);
    *n = 0;
    const struct policy *p = policy_enter(g, &ticket);
    for (size_t i = 0; i < who->roles_n; i++) {
        const struct role_row *role = policy_role_by_id(p, who->roles[i]);
        if (role)
            names[(*n)++] = arena_str(a, role->r.name);
    }
    policy_leave(g, ticket);
    return names;
}

/* ---- Changes */

struct principal_change {
    str name, properties, client_id, secret;
    int64_t version;
    bool enabled, rotate_required;
    struct arena *a;
    struct principal_secret made;
};

static str random_hex(struct change *c, size_t bytes, struct arena *a)
{
    uint8_t random[API_KEY_BYTES];
    ASSERT(bytes <= sizeof random);
    env_random(c->g->env, random, bytes);
    return hex_encode(str_make(random, bytes), a);
}

static bool need_row(struct change *c, str name, const struct principal_row **out,
                     struct error *err)
{
    *out = policy_principal(c->now, name);
    return *out || fail(err, ERR_NOT_FOUND, "Principal does not exist: " STR_FMT,
                        STR_ARG(str_sub(name, 0, PRINCIPAL_NAME_MAX)));
}

static bool insert_principal(struct change *c, struct principal_change *p, int64_t *id,
                             struct error *err)
{
    p->made.client_id = random_hex(c, CLIENT_ID_BYTES, p->a);
    p->made.client_secret = random_hex(c, CLIENT_SECRET_BYTES, p->a);
    struct secret_hash h = secret_hash_make(c->g->env, p->made.client_secret, c->a);
    if (policy_principal(c->now, p->name))
        return fail(err, ERR_EXISTS, "Principal already exists: " STR_FMT, STR_ARG(p->name));
    if (c->now->principals.n >= PRINCIPALS_MAX)
        return fail(err, ERR_LIMIT, "there are %d principals, the most there may be",
                    PRINCIPALS_MAX);
    return change_id(c, id, err) &&
           change_run(
               c,
               STR("INSERT INTO gov_principals (id, name, client_id, enabled, rotate_required,"
                   " properties, created_us, updated_us, version, salt, hash, rounds,"
                   " previous_salt, previous_hash, previous_rounds)"
                   " VALUES (?, ?, ?, 1, ?, ?, ?, ?, 1, ?, ?, ?, '', '', 0)"),
               DB_ARGS(db_val_int(*id), db_val_text(p->name), db_val_text(p->made.client_id),
                       db_val_int(p->rotate_required), db_val_text(p->properties),
                       db_val_int(c->now_us), db_val_int(c->now_us), db_val_text(h.salt),
                       db_val_text(h.hash), db_val_int(h.rounds)),
               NULL, err);
}

static bool create_in(struct change *c, struct error *err)
{
    int64_t id;
    return insert_principal(c, c->ctx, &id, err);
}

bool principal_create(struct govern *g, str name, str properties, bool rotate_required,
                      struct arena *a, struct principal *out, struct principal_secret *secret,
                      struct error *err)
{
    struct principal_change p = { .name = name, .rotate_required = rotate_required, .a = a };
    if (!govern_name_check(name, "principal", err) ||
        !properties_check(properties, a, &p.properties, err) ||
        !govern_change(g, create_in, &p, err))
        return false;
    *secret = p.made;
    return principal_by_name(g, name, a, out, err);
}

static bool update_in(struct change *c, struct error *err)
{
    struct principal_change *p = c->ctx;
    const struct principal_row *row;
    if (!need_row(c, p->name, &row, err))
        return false;
    if (p->version && p->version != row->p.version)
        return fail(err, ERR_CONFLICT, "principal " STR_FMT " is at version %lld, not %lld",
                    STR_ARG(p->name), (long long)row->p.version, (long long)p->version);
    return change_run(
        c,
        STR("UPDATE gov_principals SET properties = ?, updated_us = ?,"
            " version = version + 1 WHERE id = ?"),
        DB_ARGS(db_val_text(p->properties), db_val_int(c->now_us), db_val_int(row->p.id)), NULL,
        err);
}

bool principal_update(struct govern *g, str name, int64_t version, str properties, struct arena *a,
                      struct principal *out, struct error *err)
{
    struct principal_change p = { .name = name, .version = version, .a = a };
    return properties_check(properties, a, &p.properties, err) &&
           govern_change(g, update_in, &p, err) && principal_by_name(g, name, a, out, err);
}

static bool enable_in(struct change *c, struct error *err)
{
    struct principal_change *p = c->ctx;
    const struct principal_row *row;
    if (!p->enabled && str_is(p->name, PRINCIPAL_ROOT))
        return fail(err, ERR_DENIED, "the principal root cannot be disabled");
    return need_row(c, p->name, &row, err) &&
           change_run(c,
                      STR("UPDATE gov_principals SET enabled = ?, updated_us = ?,"
                          " version = version + 1 WHERE id = ?"),
                      DB_ARGS(db_val_int(p->enabled), db_val_int(c->now_us), db_val_int(row->p.id)),
                      NULL, err);
}

bool principal_enable(struct govern *g, str name, bool enabled, struct error *err)
{
    struct principal_change p = { .name = name, .enabled = enabled };
    return govern_change(g, enable_in, &p, err);
}

static bool drop_in(struct change *c, struct error *err)
{
    static const char *const statements[] = { "DELETE FROM gov_api_keys WHERE principal_id = ?",
                                              "DELETE FROM gov_principal_roles"
                                              " WHERE principal_id = ?",
                                              "DELETE FROM gov_principals WHERE id = ?" };
    struct principal_change *p = c->ctx;
    const struct principal_row *row;
    if (str_is(p->name, PRINCIPAL_ROOT))
        return fail(err, ERR_DENIED, "the principal root cannot be dropped");
    if (!need_row(c, p->name, &row, err))
        return false;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (!change_run(c, str_of(statements[i]), DB_ARGS(db_val_int(row->p.id)), NULL, err))
            return false;
    return true;
}

bool principal_drop(struct govern *g, str name, struct error *err)
{
    struct principal_change p = { .name = name };
    return govern_change(g, drop_in, &p, err);
}

static bool rotate_in(struct change *c, struct error *err)
{
    struct principal_change *p = c->ctx;
    const struct principal_row *row;
    if (!need_row(c, p->name, &row, err))
        return false;
    p->made.client_id = arena_str(p->a, row->p.client_id);
    p->made.client_secret = random_hex(c, CLIENT_SECRET_BYTES, p->a);
    struct secret_hash h = secret_hash_make(c->g->env, p->made.client_secret, c->a);
    return change_run(c,
                      STR("UPDATE gov_principals SET previous_salt = salt, previous_hash = hash,"
                          " previous_rounds = rounds, salt = ?, hash = ?, rounds = ?,"
                          " rotate_required = 0, updated_us = ?, version = version + 1,"
                          " generation = generation + 1"
                          " WHERE id = ?"),
                      DB_ARGS(db_val_text(h.salt), db_val_text(h.hash), db_val_int(h.rounds),
                              db_val_int(c->now_us), db_val_int(row->p.id)),
                      NULL, err);
}

bool principal_rotate(struct govern *g, str name, struct arena *a, struct principal_secret *out,
                      struct error *err)
{
    struct principal_change p = { .name = name, .a = a };
    if (!govern_change(g, rotate_in, &p, err))
        return false;
    *out = p.made;
    return true;
}

static bool reset_in(struct change *c, struct error *err)
{
    struct principal_change *p = c->ctx;
    const struct principal_row *row, *other;
    if (!need_row(c, p->name, &row, err))
        return false;
    p->made.client_id = p->client_id.len ? p->client_id : arena_str(p->a, row->p.client_id);
    p->made.client_secret = p->secret.len ? p->secret : random_hex(c, CLIENT_SECRET_BYTES, p->a);
    other = map_get(&c->now->principals_by_client, p->made.client_id);
    if (other && other != row)
        return fail(err, ERR_EXISTS, "another principal has this client id");
    struct secret_hash h = secret_hash_make(c->g->env, p->made.client_secret, c->a);
    return change_run(c,
                      STR("UPDATE gov_principals SET client_id = ?, salt = ?, hash = ?, rounds = ?,"
                          " previous_salt = '', previous_hash = '', previous_rounds = 0,"
                          " updated_us = ?, version = version + 1, generation = generation + 1"
                          " WHERE id = ?"),
                      DB_ARGS(db_val_text(p->made.client_id), db_val_text(h.salt),
                              db_val_text(h.hash), db_val_int(h.rounds), db_val_int(c->now_us),
                              db_val_int(row->p.id)),
                      NULL, err);
}

static bool chosen_check(str client_id, str secret, struct error *err)
{
    if (client_id.len && !govern_name_check(client_id, "client", err))
        return false;
    if (str_find_char(client_id, ':') >= 0)
        return fail(err, ERR_INVALID, "a client id holds no colon");
    if (secret.len && (secret.len < SECRET_MIN || secret.len > SECRET_MAX))
        return fail(err, ERR_INVALID, "a secret has %d to %d bytes", SECRET_MIN, SECRET_MAX);
    return true;
}

bool principal_reset(struct govern *g, str name, str client_id, str secret, struct arena *a,
                     struct principal_secret *out, struct error *err)
{
    struct principal_change p = { .name = name, .client_id = client_id, .secret = secret, .a = a };
    if (!chosen_check(client_id, secret, err) || !govern_change(g, reset_in, &p, err))
        return false;
    *out = p.made;
    return true;
}

/* ---- The first principal */

static bool give_root(struct change *c, int64_t principal, struct error *err)
{
    int64_t role, catalog_role;
    struct db_value now = db_val_int(c->now_us);
    return change_id(c, &role, err) && change_id(c, &catalog_role, err) &&
           change_run(c,
                      STR("INSERT INTO gov_roles (id, name, properties, created_us, updated_us,"
                          " version) VALUES (?, ?, '{}', ?, ?, 1)"),
                      DB_ARGS(db_val_int(role), db_val_text(STR(ROLE_SERVICE_ADMIN)), now, now),
                      NULL, err) &&
           change_run(
               c,
               STR("INSERT INTO gov_catalog_roles (id, name, properties, created_us,"
                   " updated_us, version) VALUES (?, ?, '{}', ?, ?, 1)"),
               DB_ARGS(db_val_int(catalog_role), db_val_text(STR(ROLE_CATALOG_ADMIN)), now, now),
               NULL, err) &&
           change_run(c,
                      STR("INSERT INTO gov_grants (catalog_role_id, kind, path, name, privilege,"
                          " ref) VALUES (?, 'catalog', '', '', 'CATALOG_MANAGE_ACCESS', '*'),"
                          " (?, 'catalog', '', '', 'CATALOG_MANAGE_CONTENT', '*')"),
                      DB_ARGS(db_val_int(catalog_role), db_val_int(catalog_role)), NULL, err) &&
           change_run(c,
                      STR("INSERT INTO gov_principal_roles (principal_id, role_id) VALUES (?, ?)"),
                      DB_ARGS(db_val_int(principal), db_val_int(role)), NULL, err) &&
           change_run(c,
                      STR("INSERT INTO gov_role_catalog_roles (role_id, catalog_role_id)"
                          " VALUES (?, ?)"),
                      DB_ARGS(db_val_int(role), db_val_int(catalog_role)), NULL, err);
}

static bool bootstrap_in(struct change *c, struct error *err)
{
    int64_t id;
    if (c->now->on) {
        fail(err, ERR_EXISTS, "access control is on already");
        return fail_hint(err, "firn admin principal reset root makes a new secret for root");
    }
    return insert_principal(c, c->ctx, &id, err) && give_root(c, id, err) &&
           change_run(c, STR("UPDATE gov_state SET enabled = 1"), DB_NO_ARGS, NULL, err);
}

bool principals_bootstrap(struct govern *g, struct arena *a, struct principal_secret *out,
                          struct error *err)
{
    struct principal_change p = { .name = STR(PRINCIPAL_ROOT), .properties = STR("{}"), .a = a };
    if (!govern_change(g, bootstrap_in, &p, err))
        return false;
    *out = p.made;
    return true;
}

/* ---- API keys */

struct key_change {
    str principal, id, note, key;
    int64_t expires_us, created_us;
    struct arena *a;
};

static bool key_create_in(struct change *c, struct error *err)
{
    struct key_change *k = c->ctx;
    const struct principal_row *row;
    uint8_t random[API_KEY_BYTES];
    if (!need_row(c, k->principal, &row, err))
        return false;
    env_random(c->g->env, random, sizeof random);
    str text = base64url_encode(str_make(random, sizeof random), k->a);
    k->key = arena_printf(k->a, API_KEY_PREFIX STR_FMT, STR_ARG(text));
    k->id = random_hex(c, CLIENT_ID_BYTES, k->a);
    k->created_us = c->now_us;
    return change_run(c,
                      STR("INSERT INTO gov_api_keys (id, principal_id, digest, note, created_us,"
                          " expires_us) VALUES (?, ?, ?, ?, ?, ?)"),
                      DB_ARGS(db_val_text(k->id), db_val_int(row->p.id),
                              db_val_text(key_digest(k->key, c->a)), db_val_text(k->note),
                              db_val_int(c->now_us), db_val_int(k->expires_us)),
                      NULL, err);
}

bool api_key_create(struct govern *g, str principal, str note, int64_t expires_us, struct arena *a,
                    struct api_key *out, str *key, struct error *err)
{
    struct key_change k = {
        .principal = principal, .note = note, .expires_us = expires_us, .a = a
    };
    if (note.len > NOTE_MAX || !str_is_utf8(note))
        return fail(err, ERR_INVALID, "the note of a key is UTF-8 text of at most %d bytes",
                    NOTE_MAX);
    if (expires_us < 0)
        return fail(err, ERR_INVALID, "the key would have expired before 1970");
    if (!govern_change(g, key_create_in, &k, err))
        return false;
    *out = (struct api_key){ k.id, arena_str(a, principal), arena_str(a, note), k.created_us,
                             expires_us };
    *key = k.key;
    return true;
}

static bool key_drop_in(struct change *c, struct error *err)
{
    struct key_change *k = c->ctx;
    const struct principal_row *row;
    return need_row(c, k->principal, &row, err) &&
           change_run(c, STR("DELETE FROM gov_api_keys WHERE principal_id = ? AND id = ?"),
                      DB_ARGS(db_val_int(row->p.id), db_val_text(k->id)),
                      "the principal has no such API key", err);
}

bool api_key_drop(struct govern *g, str principal, str id, struct error *err)
{
    struct key_change k = { .principal = principal, .id = id };
    return govern_change(g, key_drop_in, &k, err);
}

bool api_keys_list(struct govern *g, str principal, struct arena *a, struct api_key_list *out,
                   struct error *err)
{
    unsigned ticket;
    *out = (struct api_key_list){ 0 };
    const struct policy *p = policy_enter(g, &ticket);
    const struct principal_row *row = policy_principal(p, principal);
    if (row) {
        out->at = arena_array(a, struct api_key, p->keys.n);
        for (size_t i = 0; i < p->keys.n; i++) {
            const struct key_row *k = &p->keys.at[i];
            if (k->principal_id != row->p.id)
                continue;
            out->at[out->n++] =
                (struct api_key){ arena_str(a, k->k.id), arena_str(a, row->p.name),
                                  arena_str(a, k->k.note), k->k.created_us, k->k.expires_us };
        }
    }
    policy_leave(g, ticket);
    return row || fail(err, ERR_NOT_FOUND, "Principal does not exist: " STR_FMT,
                       STR_ARG(str_sub(principal, 0, PRINCIPAL_NAME_MAX)));
}
