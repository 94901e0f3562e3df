/* SPDX-License-Identifier: Apache-2.0
 *
 * Request bodies as structs.  Parsing needs nothing but the text: no app, no I/O.  A member that a body does not have is refused by
 * name, so that a slip of the pen is not taken for a default. */
#ifndef FIRN_SERVER_BODIES_H
#define FIRN_SERVER_BODIES_H

#include "codec/json.h"
#include "sql/settings.h"

#define SQL_PARAMS_MAX 10000
#define TIMEOUT_MS_MAX (24 * 3600 * 1000LL)
#define BODY_LIST_MAX 100000

/* The text as a JSON object; ERR_INVALID with line and column. */
MUST_USE bool body_object(str text, struct arena *a, const struct json **out, struct error *err);

/* Fails with ERR_INVALID when the object has a member that is not among `names`, which are separated by spaces. */
MUST_USE bool body_only(const struct json *object, const char *names, struct error *err);

/* An array of strings; absent: none. */
MUST_USE bool body_strings(const struct json *object, const char *key, struct arena *a,
                           const str **out, size_t *n, struct error *err);

enum sql_format { SQL_JSON, SQL_OBJECTS, SQL_JSONL, SQL_CSV, SQL_MARKDOWN, SQL_TABLE, SQL_PARQUET };

/* {"sql": "...", "branch": "main", "params": [1, "x", null], "format": "json", "max_rows": 0, "timeout_ms": 60000} */
struct sql_body {
    str sql, branch;
    str *params; /* as texts; ptr NULL: null */
    size_t params_n;
    enum sql_format format;
    str out;            /* SQL_PARQUET: absolute path of the file to write */
    int64_t max_rows;   /* 0: all */
    int64_t timeout_ms; /* -1: not said; 0: none */
    struct sql_settings settings;
};
MUST_USE bool sql_body_parse(str text, struct arena *a, struct sql_body *out, struct error *err);

/* {"table": "ns.t" | "metadata": "/x.metadata.json", "filter": "...", "branch", "snapshot_id", "list": false} */
struct plan_body {
    str table, metadata, filter, branch;
    int64_t snapshot_id; /* 0: not said */
    bool list;           /* the paths too */
};
MUST_USE bool plan_body_parse(str text, struct arena *a, struct plan_body *out, struct error *err);

/* A tensor of the Open Inference Protocol, version 2 ("inputs" of an inference request). */
enum tensor_type {
    TENSOR_BOOL,
    TENSOR_UINT8,
    TENSOR_UINT16,
    TENSOR_UINT32,
    TENSOR_UINT64,
    TENSOR_INT8,
    TENSOR_INT16,
    TENSOR_INT32,
    TENSOR_INT64,
    TENSOR_FP16,
    TENSOR_FP32,
    TENSOR_FP64,
    TENSOR_BYTES,
    TENSOR_TYPES
};
const char *tensor_type_name(enum tensor_type t); /* "FP32" */

#define TENSOR_DIMS_MAX 8
#define TENSOR_VALUES_MAX ((size_t)16 << 20) /* of a request together */

struct tensor {
    str name;
    enum tensor_type type;
    int64_t shape[TENSOR_DIMS_MAX];
    size_t dims;
    size_t n;      /* the product of the shape */
    float *values; /* n, row by row; null is NaN; NULL for TENSOR_BYTES */
};

struct infer_body {
    str id; /* empty: none */
    struct tensor *inputs;
    size_t inputs_n;
    str *outputs; /* names asked for; none: all */
    size_t outputs_n;
};
/* ERR_INVALID in the protocol's own terms: a missing member, a shape that its data does not have, a type that is none.  The data may
 * be flat or nested as the shape says. */
MUST_USE bool infer_body_parse(str text, struct arena *a, struct infer_body *out,
                               struct error *err);

#endif
