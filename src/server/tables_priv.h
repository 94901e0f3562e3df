/* SPDX-License-Identifier: Apache-2.0
 *
 * What api_tables.c (definitions, snapshots), api_scan.c (files, plans), api_moves.c and api_maintain.c share. */
#ifndef FIRN_SERVER_TABLES_PRIV_H
#define FIRN_SERVER_TABLES_PRIV_H

#include "catalog/table.h"
#include "catalog/table_ops.h"
#include "iceberg/metadata.h"
#include "server/answer_priv.h"

/* Loads "ns.name" from a branch. */
bool load_named_table(struct app *app, str dotted, str branch, struct arena *a, struct table *out,
                      struct error *err);

/* The summary's number under a key, -1 when it does not say. */
int64_t summary_number(const struct snapshot *s, const char *key);

/* A time in a body, which must be there: a text, or milliseconds since 1970. */
MUST_USE bool body_time(const struct json *doc, const char *key, int64_t *out, struct error *err);

/* Who writes, for a request that may take so long. */
struct write_info request_write_info(struct api_request *req, int64_t timeout_ms);

/* GET /api/tables/{name}/files, POST /api/tables/plan */
bool list_files(struct app *app, struct api_request *req, struct api_answer *answer,
                struct json_writer *w, struct error *err);
bool plan_scan(struct app *app, struct api_request *req, struct api_answer *answer,
               struct json_writer *w, struct error *err);

#endif
