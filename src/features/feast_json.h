/* SPDX-License-Identifier: Apache-2.0
 *
 * Feast's wire format of online features (POST /get-online-features): columns of join keys in, columns of values, statuses and
 * event times out.  features_get_online and features_online_error are implemented here. */
#ifndef FIRN_FEATURES_FEAST_JSON_H
#define FIRN_FEATURES_FEAST_JSON_H

#include "features/online.h"

struct feast_request {
    struct online_input *inputs;
    size_t inputs_n, rows_n;
    struct feature_refs features;
    bool full_feature_names;
};

/* Strings live in the body or in `a`.  ERR_INVALID with line and column or the member's name, ERR_LIMIT for too many rows. */
MUST_USE bool feast_request_parse(str body, struct arena *a, struct feast_request *out,
                                  struct error *err);

struct json_writer;
/* A value as Feast's server prints it. */
void feast_value_write(const struct value *v, enum dtype dtype, struct arena *a,
                       struct json_writer *w);

#endif
