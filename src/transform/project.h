/* SPDX-License-Identifier: Apache-2.0
 *
 * A project read into memory: its models in the order of their references, and its data tests. */
#ifndef FIRN_TRANSFORM_PROJECT_H
#define FIRN_TRANSFORM_PROJECT_H

#include "base/vec.h"
#include "transform/transform.h"

/* What a model's text says besides SQL. */
struct model {
    str name, path, text;
    str schema; /* namespace of its table */
    str table;  /* "silver.flights" */
    str partition_by;
    VEC(str) refs; /* names of other models */
    bool selected;
    enum { MODEL_NEW, MODEL_VISITING, MODEL_ORDERED } mark;
};

struct check {
    str name, query; /* the query gives the rows that break it */
    str model;
};

struct source_table {
    str source, name, table; /* "bronze", "flights", "bronze.flights" */
};

struct project {
    VEC(struct model) models;
    VEC(struct model *) order; /* references first */
    VEC(struct check) checks;
    VEC(struct source_table) sources;
};

/* Reads the files; others than *.sql and *.yml below models/ are left aside.  Errors name file and line. */
MUST_USE bool project_read(const struct project_file *files, size_t n, struct arena *a,
                           struct project *out, struct error *err);

/* Marks the models that the words name; ERR_NOT_FOUND for a model that there is not. */
MUST_USE bool project_select(struct project *p, const str *words, size_t n, struct error *err);

/* NULL when there is none. */
struct model *project_model(struct project *p, str name);
const struct source_table *project_source(const struct project *p, str source, str name);

#endif
