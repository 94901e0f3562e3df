/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects that stand in a request's body: permissions_body.c. */
#ifndef FIRN_SERVER_PERMISSIONS_PRIV_H
#define FIRN_SERVER_PERMISSIONS_PRIV_H

#include "server/permissions.h"

/* A request while it is asked about. */
struct asking {
    struct app *app;
    struct api_request *req;
    const struct route *route;
    str ref;           /* of the path or the query */
    const str *params; /* without the prefix */
};

/* Asks about a catalog's object; ns as the catalog writes it, empty with an empty name: the catalog. */
MUST_USE bool ask(struct asking *q, enum privilege p, enum securable_kind kind, str ns, str name,
                  str ref, struct error *err);

/* Each reads the body as its handler does and asks for everything in it. */
typedef bool (*ask_body)(struct asking *q, struct error *err);
bool ask_create_namespace(struct asking *q, struct error *err);
bool ask_drop_table(struct asking *q, struct error *err);
bool ask_register_table(struct asking *q, struct error *err);
bool ask_commit_table(struct asking *q, struct error *err);
bool ask_sign(struct asking *q, struct error *err);
bool ask_transaction(struct asking *q, struct error *err);
bool ask_rename_table(struct asking *q, struct error *err);
bool ask_rename_view(struct asking *q, struct error *err);
bool ask_put_function(struct asking *q, struct error *err);
bool ask_plan(struct asking *q, struct error *err);
bool ask_roll_back(struct asking *q, struct error *err);
bool ask_pick_snapshot(struct asking *q, struct error *err);
bool ask_upgrade(struct asking *q, struct error *err);
bool ask_add_files(struct asking *q, struct error *err);
bool ask_expire(struct asking *q, struct error *err);
bool ask_compact(struct asking *q, struct error *err);
bool ask_analyze(struct asking *q, struct error *err);
bool ask_orphans(struct asking *q, struct error *err);
bool ask_rewrite(struct asking *q, struct error *err);
bool ask_create_ref(struct asking *q, struct error *err);
bool ask_change_ref(struct asking *q, struct error *err);
bool ask_cherry_pick(struct asking *q, struct error *err);
bool ask_revert(struct asking *q, struct error *err);
bool ask_merge(struct asking *q, struct error *err);
bool ask_diff(struct asking *q, struct error *err);
bool ask_events(struct asking *q, struct error *err);
bool ask_define_features(struct asking *q, struct error *err);
bool ask_train(struct asking *q, struct error *err);
bool ask_grant(struct asking *q, struct error *err);
bool ask_rotate(struct asking *q, struct error *err);

/* Nessie's API (permissions_nessie.c). */
bool ask_nessie_list(struct asking *q, struct error *err);
bool ask_nessie_read(struct asking *q, struct error *err);
bool ask_nessie_delete(struct asking *q, struct error *err);
bool ask_nessie_assign(struct asking *q, struct error *err);
bool ask_nessie_create(struct asking *q, struct error *err);
bool ask_nessie_diff(struct asking *q, struct error *err);
bool ask_nessie_diff_v1(struct asking *q, struct error *err);
bool ask_nessie_content(struct asking *q, struct error *err);
bool ask_nessie_contents(struct asking *q, struct error *err);
bool ask_nessie_commit(struct asking *q, struct error *err);
bool ask_nessie_merge(struct asking *q, struct error *err);

#endif
