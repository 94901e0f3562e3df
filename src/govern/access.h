/* SPDX-License-Identifier: Apache-2.0
 *
 * The one question: may this identity do this to that, on this ref?  Everything that touches an object of the catalog, a feature view or a
 * model asks it; the router asks for routes whose object stands in the path, handlers for objects that stand in the body,
 * the SQL binder for each table that a statement reads or writes.
 *
 * Deny by default: an object is reached only by a grant, to a role that the identity has activated, of a privilege that implies
 * the one asked for (privilege.h), on the object or on something above it (namespace, catalog), with a ref pattern that the ref
 * fits.  The answer comes from an immutable table in memory: under a microsecond, no lock, no I/O.  Every decision is put
 * into the audit log (audit.h).
 *
 * Grants are of names, not of incarnations: they hold on every branch that their pattern names, and a table that is dropped
 * and made again under its name is the same object for them. */
#ifndef FIRN_GOVERN_ACCESS_H
#define FIRN_GOVERN_ACCESS_H

#include "base/arena.h"
#include "base/error.h"
#include "govern/govern.h"
#include "govern/identity.h"
#include "govern/privilege.h"

#define MAIN_REF "main" /* what an empty ref stands for */

/* Who asks, and for which request: made once a request by the router (server/api.h), handed down to whoever touches objects.
 * NULL stands for nobody: it is refused while access control is on, so that a forgotten hand-over denies. */
struct catalog;
struct access {
    struct govern *govern;
    const struct identity *who;
    str request_id, peer; /* for the audit log */
    str as_ref;           /* not empty: every ref is taken for this one (access_as_ref) */
    /* Tells in which refs' history a commit lies: a commit id may be read by who may read a ref that has it.  NULL: commit ids are
     * for grants at all refs only. */
    struct catalog *catalog;
};

/* The process itself: jobs of its own, tests.  Lives in `a`. */
const struct access *access_system(struct govern *g, struct arena *a);

/* For jobs that work on a branch of their own: decided as at the ref that they work for.  NULL stays NULL. */
const struct access *access_as_ref(const struct access *access, str ref, struct arena *a);

struct securable {
    enum securable_kind kind;
    const str
        *levels; /* of the namespace, outermost first; of an object: the namespace that it is in */
    size_t levels_n;
    str name; /* of a table, view, ...; empty for service, catalog and namespace */
};

#define SECURE_CATALOG ((struct securable){ .kind = SECURABLE_CATALOG })
#define SECURE_SERVICE ((struct securable){ .kind = SECURABLE_SERVICE })

/* Allowed or not.  `ref` is a branch's or tag's name (empty: main; ignored for the service).  A refusal is ERR_DENIED
 * "principal 'x' with activated roles [r] is not authorized for TABLE_READ_DATA on table ns.t at ref main", the same whether the object exists or not.  Both are put into
 * the audit log.  Without `access`: ERR_DENIED while access control is on (govern NULL included). */
MUST_USE bool access_check(const struct access *access, enum privilege privilege,
                           const struct securable *on, str ref, struct error *err);

/* The same for layers that hold the lake and are handed an `access` that may be NULL: allowed while access control is off. */
MUST_USE bool access_check_in(struct govern *g, const struct access *access,
                              enum privilege privilege, const struct securable *on, str ref,
                              struct error *err);

/* An object by its namespace as the catalog writes it (levels separated by NS_SEP, catalog/name.h); a namespace has no name.
 * The levels live in `a` and are views into `ns`. */
struct securable secure_in(enum securable_kind kind, str ns, str name, struct arena *a);

/* Puts who asks into a commit: principal and roles for the rules of branches (catalog/rules.h), and the author when it
 * has none.  NULL and the process itself leave it as it is. */
struct commit_info;
void access_sign(const struct access *access, struct arena *a, struct commit_info *info);

/* Whether it would be allowed, without a note in the audit log: for filtering lists. */
bool access_allows(const struct access *access, enum privilege privilege,
                   const struct securable *on, str ref);

/* Whether the identity holds the privilege on something inside `on` (a table of the namespace, say): lists show the way to what
 * may be reached. */
bool access_allows_below(const struct access *access, enum privilege privilege,
                         const struct securable *on, str ref);

/* Writes "principal 'x' is not allowed to P on table a.b at ref main" as ERR_DENIED.  Always false. */
bool access_denied(const struct access *access, enum privilege privilege,
                   const struct securable *on, str ref, struct error *err);

/* Whether a ref's name fits a pattern of a grant or a branch rule: '*' stands for any text, '?' for one character, all others
 * for themselves. */
bool ref_pattern_matches(str pattern, str ref);

#endif
