/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share.  Functions that end in _in work inside the caller's transaction. */
#ifndef FIRN_MODELS_MODELS_PRIV_H
#define FIRN_MODELS_MODELS_PRIV_H

#include <stdatomic.h>

#include "io/db.h"
#include "models/models.h"

struct lru;

#define MODEL_FILE "model.ubj"
#define MODEL_DESCRIPTOR "model.json"

struct models {
    struct arena *arena; /* of this struct */
    struct lake *lake;
    struct lru *loaded; /* predictors, and names that lead to them */
    atomic_uint_fast64_t
        changes; /* of versions and aliases; part of the names' keys, so that old ones are never found */
    struct db_watch watch; /* of the same, by other servers */
};

#define MODELS_AREA "models" /* in io/db.h's counts of changes */

/* Commits, or undoes when ok is false. */
MUST_USE bool tx_end(struct db_tx *tx, bool ok, struct error *err);

int64_t now_ms(const struct models *m);

/* ERR_INVALID unless 1 to bytes_max bytes of UTF-8 without control characters. */
MUST_USE bool text_check(const char *what, str text, size_t bytes_max, struct error *err);

MUST_USE bool run_need_in(struct db_tx *tx, str id, struct arena *a, struct error *err);
MUST_USE bool run_log_in(struct db_tx *tx, str id, const struct run_batch *batch, struct arena *a,
                         struct error *err);
MUST_USE bool run_artifact_in(struct db_tx *tx, str id, str path, size_t bytes, struct error *err);
MUST_USE bool run_end_in(struct db_tx *tx, str id, enum run_status status, str message,
                         int64_t end_ms, struct error *err);
MUST_USE bool version_create_in(struct db_tx *tx, str name, str run_id, str path, int64_t at_ms,
                                int64_t *version, struct error *err);

/* The store path of a run's artifact; ERR_INVALID for a path that leads elsewhere. */
MUST_USE bool artifact_path(str id, str path, struct arena *a, str *out, struct error *err);

#endif
