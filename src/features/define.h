/* SPDX-License-Identifier: Apache-2.0
 *
 * Definitions as people write them, in YAML or JSON:
 *
 *   entities:         [{name, join_keys: [column, ...], description, tags}]
 *   feature_views:    [{name, entities: [name, ...], ttl: 2h, online: true, description, tags,
 *                       source: {table: ns.name, timestamp_field, created_timestamp_column},
 *                       schema: [{name, dtype}]}]                 without schema: all other columns of the table
 *   feature_services: [{name, features: [view, "view:feature"], description, tags}]
 *
 * join_keys defaults to the entity's name; ttl to 0, which is unlimited; online to false.  Every mistake is an error that names the
 * document and the object's path in it; nothing is guessed or ignored. */
#ifndef FIRN_FEATURES_DEFINE_H
#define FIRN_FEATURES_DEFINE_H

#include "features/registry.h"

struct lake;

#define DEFINE_OBJECTS_MAX 100000

struct definition {
    struct feature_head *head; /* the first member of an entity, a view or a service */
    str document, path;        /* "flights.yaml", "feature_views[0] (airport_hourly)" */
};

struct definitions {
    struct definition *at; /* in the order of the documents */
    size_t n;
};

/* Parses and checks the documents as a whole: against each other, what `known` has already, and the tables of the catalog on
 * `branch`.  Objects are complete, with their bodies, but have no versions. */
MUST_USE bool define(const struct features_apply_request *req, const struct registry *known,
                     struct lake *lake, struct arena *a, struct definitions *out,
                     struct error *err);

#endif
