/* SPDX-License-Identifier: Apache-2.0
 *
 * Polaris's management API under /api/management/v1 (apache/polaris, spec/polaris-management-service.yml): what its files share.
 *
 *   api_management.c    principals, API keys, principal roles
 *   management_roles.c  the catalog, catalog roles and grants
 *
 * There is one catalog, named GOVERN_CATALOG.  Beyond Polaris: API keys, "enabled" of a principal, grants on functions, feature views,
 * models and the service, and "ref" of a grant: the pattern of branches and tags where it holds. */
#ifndef FIRN_SERVER_MANAGEMENT_PRIV_H
#define FIRN_SERVER_MANAGEMENT_PRIV_H

#include "govern/roles.h"
#include "server/answer_priv.h"
#include "server/iceberg_priv.h"
#include "server/router.h"
#include "sql/lake.h"

#define MANAGEMENT "/api/management/v1/"

#define MANAGE(method_, path_, permission_, handler_, summary_)                                    \
    ROUTE(method_, MANAGEMENT path_, permission_, handler_, "Management: " summary_, .slow = true, \
          .failed = iceberg_failed)
#define MANAGE_READ(method_, path_, handler_, summary_)                                            \
    MANAGE(method_, path_, PERMISSION_READ, handler_, summary_)
#define MANAGE_WRITE(method_, path_, handler_, summary_)                                           \
    MANAGE(method_, path_, PERMISSION_ADMIN, handler_, summary_)

#define MANAGEMENT_HANDLER(name_)                                                                  \
    bool name_(struct app *app, struct api_request *req, struct api_answer *answer,                \
               struct json_writer *w, struct error *err)

/* Members that entities share, after their name. */
void management_write_meta(struct json_writer *w, str properties, int64_t created_us,
                           int64_t updated_us, int64_t version);
void management_write_role(struct json_writer *w, const struct role *r, enum role_kind kind);
void management_write_roles(struct json_writer *w, const struct role_list *roles,
                            enum role_kind kind);

/* The object under `key`, or the body itself where the client leaves the wrapping out. */
MUST_USE bool management_body(struct api_request *req, const char *key, const struct json **out,
                              struct error *err);
/* "properties" of an object as JSON text; empty when absent. */
MUST_USE bool management_properties(const struct json *doc, struct arena *a, str *out,
                                    struct error *err);

/* ERR_NOT_FOUND unless it is our catalog. */
MUST_USE bool management_catalog(str name, struct error *err);

MANAGEMENT_HANDLER(management_list_catalogs);
MANAGEMENT_HANDLER(management_create_catalog);
MANAGEMENT_HANDLER(management_get_catalog);
MANAGEMENT_HANDLER(management_change_catalog);
MANAGEMENT_HANDLER(management_list_catalog_roles);
MANAGEMENT_HANDLER(management_create_catalog_role);
MANAGEMENT_HANDLER(management_get_catalog_role);
MANAGEMENT_HANDLER(management_update_catalog_role);
MANAGEMENT_HANDLER(management_drop_catalog_role);
MANAGEMENT_HANDLER(management_roles_of_catalog_role);
MANAGEMENT_HANDLER(management_catalog_roles_of_role);
MANAGEMENT_HANDLER(management_give_catalog_role);
MANAGEMENT_HANDLER(management_take_catalog_role);
MANAGEMENT_HANDLER(management_list_grants);
MANAGEMENT_HANDLER(management_add_grant);
MANAGEMENT_HANDLER(management_revoke_grant);

#endif
