/* SPDX-License-Identifier: Apache-2.0 */
#include "govern/access.h"

#include "base/log.h"
#include "catalog/catalog.h"
#include "catalog/refs.h"
#include "govern/audit.h"
#include "govern/govern_priv.h"

#define NAMES_SHOWN 8 /* roles in a refusal */

const struct access *access_system(struct govern *g, struct arena *a)
{
    struct access *x = arena_new(a, struct access);
    *x = (struct access){ .govern = g, .who = &identity_system };
    return x;
}

const struct access *access_as_ref(const struct access *access, str ref, struct arena *a)
{
    if (!access)
        return NULL;
    struct access *x = arena_new(a, struct access);
    *x = *access;
    x->as_ref = ref.len ? ref : STR(MAIN_REF);
    return x;
}

/* ---- Texts */

static void add_object(struct buf *out, const struct securable *on)
{
    buf_printf(out, "%s", securable_kind_name(on->kind));
    for (size_t i = 0; i < on->levels_n; i++)
        buf_printf(out, "%s" STR_FMT, i ? "." : " ", STR_ARG(on->levels[i]));
    if (on->name.len)
        buf_printf(out, "%s" STR_FMT, on->levels_n ? "." : " ", STR_ARG(on->name));
}

static void add_roles(struct buf *out, const struct access *x)
{
    struct arena *a = arena_create(0);
    size_t n;
    str *names = identity_role_names(x->govern, x->who, a, &n);
    for (size_t i = 0; i < n && i < NAMES_SHOWN; i++)
        buf_printf(out, "%s" STR_FMT, i ? ", " : "", STR_ARG(names[i]));
    arena_destroy(a);
}

bool access_denied(const struct access *access, enum privilege privilege,
                   const struct securable *on, str ref, struct error *err)
{
    struct buf text = BUF_INIT(sizeof err->msg - 1);
    buf_printf(&text, "principal '" STR_FMT "' with activated roles [",
               STR_ARG(access->who->principal));
    add_roles(&text, access);
    buf_printf(&text, "] is not authorized for %s on ", privilege_name(privilege));
    add_object(&text, on);
    if (on->kind != SECURABLE_SERVICE)
        buf_printf(&text, " at ref " STR_FMT, STR_ARG(ref.len ? ref : STR("main")));
    if (text.overflow)
        fail(err, ERR_DENIED, "principal '" STR_FMT "' is not authorized for %s",
             STR_ARG(access->who->principal), privilege_name(privilege));
    else
        fail(err, ERR_DENIED, STR_FMT, STR_ARG(buf_str(&text)));
    buf_deinit(&text);
    return false;
}

/* ---- Decisions */

/* After a change that could not be read back nothing is decided before it has been. */
static bool keep_fresh(struct govern *g, struct error *err)
{
    return !atomic_load(&g->stale) || govern_refresh(g, err) ||
           fail_in(err, "grants changed and cannot be read");
}

static bool only_reads(enum privilege p)
{
    return p == NAMESPACE_LIST || p == NAMESPACE_READ_PROPERTIES || p == TABLE_LIST ||
           p == TABLE_READ_PROPERTIES || p == TABLE_READ_DATA || p == VIEW_LIST ||
           p == VIEW_READ_PROPERTIES || p == FUNCTION_LIST || p == FUNCTION_READ_PROPERTIES;
}

/* The namespace of the audit log is written by the process alone; who owns the data directory may do as they like. */
static bool is_ours(const struct access *x, enum privilege p, const struct securable *on)
{
    bool local = x->who->root && x->who->principal_id == 0;
    return !local && on->levels_n > 0 && str_is(on->levels[0], AUDIT_NAMESPACE) && !only_reads(p);
}

static bool decide(const struct access *x, enum privilege p, const struct securable *on, str ref,
                   const char **reason)
{
    unsigned ticket;
    if (x->who->root && !is_ours(x, p, on)) {
        *reason = "root";
        return true;
    }
    if (is_ours(x, p, on)) {
        *reason = "the namespace " AUDIT_NAMESPACE " is the server's own";
        return false;
    }
    const struct policy *policy = policy_enter(x->govern, &ticket);
    bool ok = policy_allows(policy, x->who, p, on, ref);
    policy_leave(x->govern, ticket);
    *reason = ok ? "granted" : x->who->principal_id ? "no grant" : "no credentials";
    return ok;
}

struct at_ref {
    const struct access *x;
    enum privilege p;
    const struct securable *on;
};

static bool may_at(void *ctx, str name)
{
    const struct at_ref *q = ctx;
    const char *ignored;
    return decide(q->x, q->p, q->on, name, &ignored);
}

/* A commit by its id is a state of each ref that has it: who may read one of those may read it.  Writing to one is not possible. */
static bool decide_at(const struct access *x, enum privilege p, const struct securable *on, str ref,
                      const char **reason)
{
    struct at_ref q = { x, p, on };
    struct error unknown = { 0 };
    bool there;
    if (decide(x, p, on, ref, reason))
        return true;
    if (!x->catalog || !policy_is_commit(ref) || x->who->roles_n == 0)
        return false;
    if (!catalog_commit_is_in(x->catalog, ref, may_at, &q, &there, &unknown)) {
        log_warn("govern", "commit " STR_FMT " is not decided on: %s", STR_ARG(ref), unknown.msg);
        return false;
    }
    if (there)
        *reason = "granted at a ref that has the commit";
    return there;
}

bool access_check(const struct access *access, enum privilege privilege, const struct securable *on,
                  str ref, struct error *err)
{
    const char *reason;
    if (!access || !access->govern || !access->who)
        return fail(err, ERR_DENIED, "nobody asks for %s: it is not allowed",
                    privilege_name(privilege));
    if (!govern_on(access->govern) || access->who == &identity_system)
        return true;
    if (!keep_fresh(access->govern, err))
        return false;
    if (access->as_ref.len)
        ref = access->as_ref;
    bool ok = decide_at(access, privilege, on, ref, &reason);
    struct audit_event e = { .who = access->who,
                             .request_id = access->request_id,
                             .peer = access->peer,
                             .action = str_of(privilege_name(privilege)),
                             .on = on,
                             .ref = ref.len ? ref : STR(MAIN_REF),
                             .allowed = ok,
                             .reason = reason };
    struct error unwritten = { 0 };
    if (!audit_note(access->govern, &e, &unwritten)) {
        log_error("govern", "%s", unwritten.msg);
        if (ok) {
            *err = unwritten;
            return false;
        }
    }
    return ok || access_denied(access, privilege, on, ref, err);
}

bool access_check_in(struct govern *g, const struct access *access, enum privilege privilege,
                     const struct securable *on, str ref, struct error *err)
{
    return (g && !govern_on(g)) || access_check(access, privilege, on, ref, err);
}

bool access_allows(const struct access *access, enum privilege privilege,
                   const struct securable *on, str ref)
{
    const char *reason;
    if (!access || !access->govern || !access->who)
        return false;
    if (access->as_ref.len)
        ref = access->as_ref;
    return !govern_on(access->govern) || access->who == &identity_system ||
           decide_at(access, privilege, on, ref, &reason);
}

bool access_allows_below(const struct access *access, enum privilege privilege,
                         const struct securable *on, str ref)
{
    unsigned ticket;
    if (access_allows(access, privilege, on, ref))
        return true;
    if (!access || !access->govern || !access->who || access->who->root)
        return false;
    const struct policy *policy = policy_enter(access->govern, &ticket);
    bool ok = policy_allows_below(policy, access->who, privilege, on, ref);
    policy_leave(access->govern, ticket);
    return ok;
}

struct securable secure_in(enum securable_kind kind, str ns, str name, struct arena *a)
{
    VEC(str) levels = { 0 };
    str level;
    while (ns.len && str_next(&ns, NS_SEP, &level))
        *vec_push(a, &levels) = level;
    return (struct securable){ kind, levels.at, levels.n, name };
}

void access_sign(const struct access *access, struct arena *a, struct commit_info *info)
{
    if (!access || !access->govern || !govern_on(access->govern))
        return;
    if (access->who == &identity_system) {
        info->own = true;
        return;
    }
    info->principal = access->who->principal;
    info->roles = identity_role_names(access->govern, access->who, a, &info->roles_n);
    if (info->author.len == 0)
        info->author = access->who->principal;
}
