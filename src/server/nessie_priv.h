/* SPDX-License-Identifier: Apache-2.0
 *
 * Nessie's REST API under /nessie/api: what its files share.
 *
 *   nessie.c         routes, errors in the protocol's words, configuration
 *   nessie_refs.c    references: list, make, show, assign, delete
 *   nessie_read.c    contents, entries, differences
 *   nessie_log.c     commits
 *   nessie_write.c   commits, merges, transplants
 *   nessie_body.c    keys and bodies
 *
 * v2 is what Nessie's Java client speaks (org.apache.iceberg.nessie.NessieCatalog of the Iceberg runtimes), v1 the paths of its Python
 * client.  Both are the same catalog as everything else here: a table that is committed through Nessie is the table of Iceberg REST, and
 * its content id is the table's UUID.  Model: projectnessie/nessie, api/model/src/main/java/org/projectnessie/model. */
#ifndef FIRN_SERVER_NESSIE_PRIV_H
#define FIRN_SERVER_NESSIE_PRIV_H

#include "govern/access.h"
#include "server/refs_priv.h"
#include "server/cel.h"
#include "server/nessie_body.h"
#include "sql/lake.h"

/* A reference as it was asked for. */
struct nessie_ref {
    str text; /* for the catalog */
    str name; /* of branch or tag; empty: a commit alone */
    enum catalog_ref_kind kind;
    str hash;
    bool exact; /* the text named the commit */
};

/* The catalog's text for a reference, which permissions_nessie.c asks about and nessie_resolve looks up, so that both mean the same:
 * "-" is the default branch; "x@" is x (its name may hold a slash); "DETACHED@h" is "@h"; v1 has name and hash apart (`hash` may be
 * empty). */
str nessie_ref_text(str text, str hash, struct arena *a);
/* The same for where a body says that a reference is to point.  via: the name, where v1 has it; else empty. */
str nessie_target_text(const struct nessie_ref_body *body, str via, struct arena *a);

/* v1's hash beside the name of the reference that is read; empty in v2, where it is a part of the name. */
str nessie_hash_query(const struct api_request *req);

/* Looks nessie_ref_text() up. */
MUST_USE bool nessie_resolve(struct app *app, struct api_request *req, str text, str hash,
                             struct nessie_ref *out, struct error *err);
void nessie_ref_write(const struct nessie_ref *r, struct json_writer *w);

/* What a request's filter and ranges ask for; parse once. */
struct nessie_filter {
    const struct cel *cel; /* NULL: none */
    str *keys;
    size_t keys_n;
    str prefix, min, max; /* paths; empty: none */
};
MUST_USE bool nessie_filter_parse(struct api_request *req, struct nessie_filter *out,
                                  struct error *err);
/* Whether a path of a type passes. */
MUST_USE bool nessie_filter_passes(const struct nessie_filter *f, str path, enum entry_type type,
                                   struct arena *a, bool *out, struct error *err);

/* v2's name of a query parameter ("max-records"), or v1's ("maxRecords"). */
str nessie_query(const struct api_request *req, const char *name, const char *name_v1);
MUST_USE bool nessie_max_records(const struct api_request *req, size_t *out, struct error *err);
void nessie_page_write(str token, struct json_writer *w);

const char *nessie_type_name(enum entry_type type); /* "ICEBERG_TABLE" */
void nessie_content_write(struct app *app, const struct catalog_entry *e, bool v1,
                          struct json_writer *w);
/* Members that filters see of a key: key, keyElements, encodedKey, namespace, namespaceElements, name, contentType. */
struct cel_value nessie_key_value(str path, const char *type, struct arena *a);
void nessie_meta_write(const struct commit_entry *c, bool v1, struct json_writer *w);

struct nessie_conflict {
    const char *type; /* of Conflict.ConflictType */
    str path;         /* ptr NULL: of no key */
    str message;
};
/* The answer 409, REFERENCE_CONFLICT. */
void nessie_conflicts(struct api_answer *answer, const char *message,
                      const struct nessie_conflict *conflicts, size_t n);
void nessie_failed(struct api_answer *answer, const struct error *err, int status);
void nessie_no_content(struct api_answer *answer);

/* Whether the path of the request is v1's. */
bool nessie_is_v1(const struct api_request *req);

#define NESSIE_HANDLER(name_)                                                                      \
    bool name_(struct app *app, struct api_request *req, struct api_answer *answer,                \
               struct json_writer *w, struct error *err)

NESSIE_HANDLER(nessie_list_refs);
NESSIE_HANDLER(nessie_create_ref);
NESSIE_HANDLER(nessie_get_ref);
NESSIE_HANDLER(nessie_assign_ref);
NESSIE_HANDLER(nessie_delete_ref);
NESSIE_HANDLER(nessie_recent_changes);
NESSIE_HANDLER(nessie_list_entries);
NESSIE_HANDLER(nessie_get_content);
NESSIE_HANDLER(nessie_get_contents);
NESSIE_HANDLER(nessie_show_diff);
NESSIE_HANDLER(nessie_show_diff_v1);
NESSIE_HANDLER(nessie_show_log);
NESSIE_HANDLER(nessie_commit);
NESSIE_HANDLER(nessie_merge);
NESSIE_HANDLER(nessie_transplant);

#endif
