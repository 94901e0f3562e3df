/* SPDX-License-Identifier: Apache-2.0
 *
 * The Iceberg REST catalog under /iceberg: what its files share.
 *
 *   iceberg.c            the routes, the configuration, errors in the protocol's words
 *   iceberg_namespace.c  namespaces
 *   iceberg_table.c      tables: list, create, load, drop, register, rename
 *   iceberg_commit.c     commits of one table or of several
 *   iceberg_view.c       views
 *   iceberg_function.c   functions, and the native routes that store them
 *   iceberg_storage.c    credentials and signed requests: what local files have instead
 *   iceberg_answer.c     tables and views as answers, encoded once per metadata file
 *   iceberg_plan*.c      scan planning (iceberg_plan_priv.h)
 *
 * A path may name a branch or tag: /iceberg/v1/{prefix}/namespaces or /iceberg/{ref}/v1/namespaces (which the router reads as
 * the first: iceberg_canonical); without one it is main.  Which words and status an
 * error has is part of the protocol (open-api rest-catalog-open-api.yaml, "IcebergErrorResponse"): clients choose
 * their exception by status and type, and compare texts. */
#ifndef FIRN_SERVER_ICEBERG_PRIV_H
#define FIRN_SERVER_ICEBERG_PRIV_H

#include "catalog/table.h"
#include "catalog/views.h"
#include "iceberg/metadata.h"
#include "server/answer_priv.h"
#include "sql/lake.h"

/* The `wanted` parameters of the path without its prefix; the prefix goes to *ref (empty: main). */
const str *iceberg_path(const struct api_request *req, size_t wanted, str *ref);

/* Who commits, with the request's Idempotency-Key; ERR_INVALID when that is no UUID. */
MUST_USE bool iceberg_commit_info(struct api_request *req, struct commit_info *out,
                                  struct error *err);

/* Whether what the caller's tables name must be their own (catalog/confine.h): all but who may read and write every table at the
 * ref, as far as access control is on. */
bool iceberg_confined(const struct api_request *req, str ref);

/* A namespace as the protocol writes it, an array of levels: ["a","b"]. */
MUST_USE bool iceberg_namespace_parse(const struct json *object, const char *key, struct arena *a,
                                      str *out, struct error *err);
void iceberg_namespace_write(str ns, struct json_writer *w);

/* The namespace of the parameter "parent"; empty: none. */
str iceberg_parent(struct app *app, const struct api_request *req, str ref);

/* Properties that may be absent. */
MUST_USE bool iceberg_properties_parse(const struct json *object, const char *key, struct arena *a,
                                       struct property_list *out, struct error *err);

/* pageToken and pageSize: without a token everything is listed (all), with one page by page. */
struct iceberg_paging {
    bool all;
    str token;
    size_t size; /* 0: the catalog's */
};
MUST_USE bool iceberg_paging(const struct api_request *req, struct iceberg_paging *out,
                             struct error *err);
void iceberg_next_page_write(str token, struct json_writer *w);

/* The answer 204. */
void iceberg_no_content(struct api_answer *answer);
/* An error that none of the codes stands for. */
void iceberg_refuse(struct api_answer *answer, int status, const char *type, const char *message);

/* Answers with the table (LoadTableResult), from the cache of encoded answers when its metadata file has been answered before.
 * refs_only: snapshots=refs.  `made` is for loads, else NULL: catalog_changes_made from before the table was looked up.  Then it is a 304 when
 * the request has this version already, and else the answer is remembered for iceberg_load_quick. */
MUST_USE bool iceberg_answer_table(struct app *app, struct api_request *req,
                                   struct api_answer *answer, const struct table *t, bool refs_only,
                                   const uint64_t *made, struct json_writer *w, struct error *err);

/* The answers that the table got before its last commit are not kept: few will ask for them. */
void iceberg_forget_before(struct app *app, const struct table *t, struct arena *a);

/* Answers a load that is remembered, as long as the catalog has not changed. */
bool iceberg_load_quick(struct app *app, struct api_request *req, struct api_answer *answer);

/* The same with a view (LoadViewResult). */
MUST_USE bool iceberg_answer_view(struct app *app, struct api_request *req,
                                  struct api_answer *answer, const struct catalog_view *v,
                                  bool may_match, struct json_writer *w, struct error *err);

/* {"namespace":[…],"name":…} */
void iceberg_identifier_write(str ns, str name, struct json_writer *w);
MUST_USE bool iceberg_identifier_parse(const struct json *doc, const char *key, struct arena *a,
                                       str *ns, str *name, struct error *err);
/* One page, or all, of the entries of a kind in the namespace of the path. */
MUST_USE bool iceberg_list_entries(struct app *app, struct api_request *req, enum entry_type type,
                                   struct json_writer *w, struct error *err);
/* The table or view that the body names gets the other name that it names. */
MUST_USE bool iceberg_rename_entry(struct app *app, struct api_request *req, enum entry_type type,
                                   struct api_answer *answer, struct error *err);
/* What a client sent, not what is stored, is at fault when a schema or a metadata file cannot be read.  Always false. */
bool iceberg_blame_request(struct error *err);

/* Errors of routes that write a commit: every status of 500 and more makes clients keep the files of a commit that may
 * have happened, so it is answered only where that is so. */
void iceberg_commit_failed(struct api_answer *answer, const struct error *err, int status);
void iceberg_failed(struct api_answer *answer, const struct error *err, int status);

bool iceberg_list_namespaces(struct app *app, struct api_request *req, struct api_answer *answer,
                             struct json_writer *w, struct error *err);
bool iceberg_create_namespace(struct app *app, struct api_request *req, struct api_answer *answer,
                              struct json_writer *w, struct error *err);
bool iceberg_load_namespace(struct app *app, struct api_request *req, struct api_answer *answer,
                            struct json_writer *w, struct error *err);
bool iceberg_namespace_exists(struct app *app, struct api_request *req, struct api_answer *answer,
                              struct json_writer *w, struct error *err);
bool iceberg_drop_namespace(struct app *app, struct api_request *req, struct api_answer *answer,
                            struct json_writer *w, struct error *err);
bool iceberg_update_namespace(struct app *app, struct api_request *req, struct api_answer *answer,
                              struct json_writer *w, struct error *err);

bool iceberg_list_tables(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err);
bool iceberg_create_table(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err);
bool iceberg_load_table(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err);
bool iceberg_table_exists(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err);
bool iceberg_drop_table(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err);
bool iceberg_register_table(struct app *app, struct api_request *req, struct api_answer *answer,
                            struct json_writer *w, struct error *err);
bool iceberg_rename_table(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err);
bool iceberg_report_metrics(struct app *app, struct api_request *req, struct api_answer *answer,
                            struct json_writer *w, struct error *err);

bool iceberg_plan_scan(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err);
bool iceberg_fetch_plan(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err);
bool iceberg_cancel_plan(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err);
bool iceberg_fetch_tasks(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err);

bool iceberg_unregister_table(struct app *app, struct api_request *req, struct api_answer *answer,
                              struct json_writer *w, struct error *err);

bool iceberg_load_credentials(struct app *app, struct api_request *req, struct api_answer *answer,
                              struct json_writer *w, struct error *err);
bool iceberg_sign(struct app *app, struct api_request *req, struct api_answer *answer,
                  struct json_writer *w, struct error *err);

bool iceberg_list_views(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err);
bool iceberg_create_view(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err);
bool iceberg_load_view(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err);
bool iceberg_view_exists(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err);
bool iceberg_replace_view(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err);
bool iceberg_drop_view(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err);
bool iceberg_rename_view(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err);
bool iceberg_register_view(struct app *app, struct api_request *req, struct api_answer *answer,
                           struct json_writer *w, struct error *err);

bool iceberg_list_functions(struct app *app, struct api_request *req, struct api_answer *answer,
                            struct json_writer *w, struct error *err);
bool iceberg_load_function(struct app *app, struct api_request *req, struct api_answer *answer,
                           struct json_writer *w, struct error *err);

bool iceberg_commit_table(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err);
bool iceberg_commit_transaction(struct app *app, struct api_request *req, struct api_answer *answer,
                                struct json_writer *w, struct error *err);

#endif
