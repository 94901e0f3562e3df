/* SPDX-License-Identifier: Apache-2.0
 *
 * SQL models, as dbt projects are written: a folder of SELECTs that name each other with {{ ref('...') }} and sources with
 * {{ source('...', '...') }}, set with {{ config(...) }}, described and tested in YAML.
 *
 * A build works on a branch of its own: models are written there in the order of their references, then the data tests run,
 * and only when all is well does the branch merge into the target as one commit.  Readers of the target see all of a build or
 * nothing of it; a killed build leaves an unmerged branch behind. */
#ifndef FIRN_TRANSFORM_TRANSFORM_H
#define FIRN_TRANSFORM_TRANSFORM_H

#include "base/arena.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/thread.h"

struct lake;

#define PROJECT_FILES_MAX 100000
#define PROJECT_FILE_BYTES_MAX (1u << 20)

struct project_file {
    str path; /* within the project: "models/silver/flights.sql" */
    str text;
};

struct access;
struct build_request {
    const struct project_file *files;
    size_t files_n;
    const str *
        select; /* "flights", "+flights" (with what it needs), "flights+" (with what needs it); none: all */
    size_t select_n;
    bool full_refresh; /* build models whose text and inputs have not changed, too */
    str branch;        /* empty: main */
    const struct access
        *access; /* who asks (govern/access.h); NULL: refused while access control is on */
    struct cancel *cancel;
    struct progress *progress;
};

enum model_status { MODEL_BUILT, MODEL_UNCHANGED };

struct model_report {
    str name, table;
    enum model_status status;
    int64_t rows, files, bytes, snapshot_id, wall_us;
};

struct check_report {
    str name;         /* "not_null flights.origin" */
    int64_t failures; /* rows that break it */
    str query;        /* that finds them */
};

struct build_report {
    struct model_report *models; /* in the order of their building */
    size_t models_n;
    struct check_report *checks;
    size_t checks_n, checks_failed;
    bool merged;   /* false: checks failed, and nothing of the build is visible */
    str branch;    /* of the build; kept when it was not merged, to look at */
    str commit_id; /* of the target afterwards */
};

/* Builds the project.  A failed data test is no error: see report->merged.  ERR_INVALID names file and line of what is wrong
 * in the project; an error of a model names the model. */
MUST_USE bool transform_build(struct lake *lake, const struct build_request *req, struct arena *a,
                              struct build_report *out, struct error *err);

#endif
