/* SPDX-License-Identifier: Apache-2.0
 *
 * The Iceberg REST catalog under /iceberg: what its files share.
 *
 *   iceberg.c            the routes, the configuration, errors in the protocol's words
 *   iceberg_namespace.c  namespaces
 *   iceberg_table.c      tables: list, create, load, drop, register, rename
 *   iceberg_commit.c     commits of one table or of several
 *   iceberg_answer.c     tables as answers, encoded once per metadata file
 *
 * A path may name a branch or tag: /iceberg/v1/{prefix}/namespaces; without one it is main.  Which words and status an
 * error has is part of the protocol (open-api rest-catalog-open-api.yaml, "IcebergErrorResponse"): clients choose
 * their exception by status and type, and compare texts. */
#ifndef FIRN_SERVER_ICEBERG_PRIV_H
#define FIRN_SERVER_ICEBERG_PRIV_H

#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "server/answer_priv.h"
#include "sql/lake.h"

/* The `wanted` parameters of the path without its prefix; the prefix goes to *ref (empty: main). */
const str *iceberg_path(const struct api_request *req, size_t wanted, str *ref);

/* Who commits, with the request's Idempotency-Key; ERR_INVALID when that is no UUID. */
MUST_USE bool iceberg_commit_info(struct api_request *req, struct commit_info *out,
                                  struct error *err);

/* A namespace as the protocol writes it, an array of levels: ["a","b"]. */
MUST_USE bool iceberg_namespace_parse(const struct json *object, const char *key, struct arena *a,
                                      str *out, struct error *err);
void iceberg_namespace_write(str ns, struct json_writer *w);

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
 * refs_only: snapshots=refs.  304 when the request has this version already and may_match is set. */
MUST_USE bool iceberg_answer_table(struct app *app, struct api_request *req,
                                   struct api_answer *answer, const struct table *t, bool refs_only,
                                   bool may_match, struct json_writer *w, struct error *err);

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

bool iceberg_commit_table(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err);
bool iceberg_commit_transaction(struct app *app, struct api_request *req, struct api_answer *answer,
                                struct json_writer *w, struct error *err);

#endif
