/* SPDX-License-Identifier: Apache-2.0
 *
 * What api_tables.c (definitions, snapshots) and api_scan.c (files, plans) share. */
#ifndef FIRN_SERVER_TABLES_PRIV_H
#define FIRN_SERVER_TABLES_PRIV_H

#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "server/answer_priv.h"

/* Loads "ns.name" from a branch. */
bool load_named_table(struct app *app, str dotted, str branch, struct arena *a, struct table *out,
                      struct error *err);

/* The summary's number under a key, -1 when it does not say. */
int64_t summary_number(const struct snapshot *s, const char *key);

/* GET /api/tables/{name}/files, POST /api/tables/plan */
bool list_files(struct app *app, struct api_request *req, struct api_answer *answer,
                struct json_writer *w, struct error *err);
bool plan_scan(struct app *app, struct api_request *req, struct api_answer *answer,
               struct json_writer *w, struct error *err);

#endif
