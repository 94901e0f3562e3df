/* SPDX-License-Identifier: Apache-2.0
 *
 * Tracking, in MLflow's words and with its rules: an experiment holds runs; a run has parameters (written once), metrics
 * (a history of points per key), tags, the inputs that it read and the artifacts that it made.
 *
 *   R1  One call is one transaction of the metadata database: it is visible whole or not at all.
 *   R2  An artifact's file is durable before the row that names it; a file without a row is nobody's and harmless.
 *   R3  A run of this program that a dead process left RUNNING is marked FAILED by the next models_open.  Runs that belong to
 *       clients outlive the process and stay as they are.
 *
 * All functions are thread-safe; results live in the arena given.  ERR_NOT_FOUND names the run or experiment, ERR_INVALID a
 * key or value against the limits, ERR_LIMIT too many at once; errors of io/db.h. */
#ifndef FIRN_MODELS_TRACKING_H
#define FIRN_MODELS_TRACKING_H

#include "base/arena.h"
#include "base/error.h"

struct models;

#define RUN_ID_LEN 32
#define RUN_KEY_MAX 250    /* bytes of a param's, metric's or tag's name, as MLflow has it */
#define RUN_PARAM_MAX 6000 /* bytes of a param's value */
#define RUN_TAG_MAX 8000   /* bytes of a tag's value */
#define RUN_NAME_MAX 500   /* bytes of a name of a run or an experiment */
#define RUN_BATCH_MAX 1000 /* metrics of one batch, and rows of one in all */
#define RUN_ARTIFACT_MAX ((size_t)1 << 30) /* bytes of one artifact */
#define RUN_LIST_MAX 1000                  /* runs of one page */
#define EXPERIMENT_DEFAULT 0               /* the experiment "Default", always there */

enum run_status { RUN_RUNNING, RUN_SCHEDULED, RUN_FINISHED, RUN_FAILED, RUN_KILLED, RUN_STATUSES };
const char *run_status_name(enum run_status s); /* "RUNNING" */
bool run_status_parse(str text, enum run_status *out);

struct run_pair { /* a param or a tag */
    str key, value;
};

struct run_metric {
    str key;
    double value;         /* any, NaN and infinities too */
    int64_t timestamp_ms; /* of the point */
    int64_t step;
};

struct run_input {
    str table;           /* "training.flights" */
    int64_t snapshot_id; /* -1: the table had none */
    str context;         /* "training" */
};

struct run_artifact {
    str path; /* within the run: "model/model.ubj" */
    int64_t bytes;
};

struct experiment {
    int64_t id;
    str name;
    int64_t created_ms, updated_ms;
};

struct run_info {
    str id, name, source, user;
    int64_t experiment_id;
    str experiment;
    enum run_status status;
    str message;              /* why it failed; empty otherwise */
    int64_t start_ms, end_ms; /* end_ms -1: not ended */
    struct run_pair *params;  /* sorted by key, as all below */
    size_t params_n;
    struct run_metric
        *metrics; /* the latest of each key: greatest step, then timestamp, then value */
    size_t metrics_n;
    struct run_pair *tags;
    size_t tags_n;
    struct run_input *inputs;
    size_t inputs_n;
    struct run_artifact *artifacts;
    size_t artifacts_n;
};

/* ERR_EXISTS when the name is taken. */
MUST_USE bool experiment_create(struct models *m, str name, struct arena *a, struct experiment *out,
                                struct error *err);
MUST_USE bool experiment_get(struct models *m, int64_t id, struct arena *a, struct experiment *out,
                             struct error *err);
MUST_USE bool experiment_by_name(struct models *m, str name, struct arena *a,
                                 struct experiment *out, struct error *err);
/* The one of this name, made when it is missing. */
MUST_USE bool experiment_ensure(struct models *m, str name, struct arena *a, struct experiment *out,
                                struct error *err);
/* All, by id. */
MUST_USE bool experiment_list(struct models *m, struct arena *a, struct experiment **out, size_t *n,
                              struct error *err);

struct run_create {
    int64_t experiment_id;
    str name;         /* empty: one is made up from its id */
    str source, user; /* "firn model train"; may be empty */
    int64_t start_ms; /* 0: now */
    bool owned;       /* the run ends with this process at the latest (R3) */
    const struct run_pair *tags;
    size_t tags_n;
};

/* Makes a RUNNING run and gives its id. */
MUST_USE bool run_create(struct models *m, const struct run_create *req, struct arena *a, str *id,
                         struct error *err);

/* What is written to a run at once.  A param that is there with the same value is fine, with another one ERR_INVALID; a point
 * of a metric that is there already is kept once; a tag is replaced. */
struct run_batch {
    const struct run_pair *params, *tags;
    const struct run_metric *metrics;
    const struct run_input *inputs;
    size_t params_n, tags_n, metrics_n, inputs_n;
};
MUST_USE bool run_log(struct models *m, str id, const struct run_batch *batch, struct error *err);

/* Keeps a file with the run; what the path held before is replaced. */
MUST_USE bool run_log_artifact(struct models *m, str id, str path, str bytes, struct error *err);
MUST_USE bool run_read_artifact(struct models *m, str id, str path, struct arena *a, str *out,
                                struct error *err);

/* Sets the status; any but RUNNING and SCHEDULED sets the end too (end_ms 0: now). */
MUST_USE bool run_end(struct models *m, str id, enum run_status status, str message, int64_t end_ms,
                      struct error *err);

/* A run with everything in it. */
MUST_USE bool run_get(struct models *m, str id, struct arena *a, struct run_info *out,
                      struct error *err);

struct run_query {
    str experiment; /* name; empty: all */
    str model;      /* only runs that made a version of this model; empty: all */
    size_t limit;   /* 0: RUN_LIST_MAX, which is the most */
    size_t offset;
};
/* Newest start first, each with its params, latest metrics and tags, without inputs and artifacts. */
MUST_USE bool run_list(struct models *m, const struct run_query *q, struct arena *a,
                       struct run_info **out, size_t *n, struct error *err);

/* All points of a metric, by step, then timestamp, then value. */
MUST_USE bool run_metric_history(struct models *m, str id, str key, struct arena *a,
                                 struct run_metric **out, size_t *n, struct error *err);

#endif
