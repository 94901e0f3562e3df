/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIRN_FEATURES_FEATURES_PRIV_H
#define FIRN_FEATURES_FEATURES_PRIV_H

#include <pthread.h>

#include "features/features.h"
#include "features/online_state.h"
#include "base/published.h"
#include "io/db.h"

struct features {
    struct lake *lake;
    /* Lock order: materializing, then writing.  Readers of the online store take neither. */
    pthread_mutex_t
        materializing; /* guards the tables of the online store; held for as long as that takes */
    pthread_mutex_t writing; /* guards definitions and the swap of `state` */
    struct published state;  /* struct online_state */
    struct db_watch watch;   /* of definitions, on a shared database */
};

#define FEATURES_AREA "features" /* in io/db.h's counts of changes */

/* Reads the state anew and publishes it.  Takes `writing`: the caller must not hold it. */
MUST_USE bool features_reload(struct features *f, struct error *err);

/* For those who look at the registry for longer than a read takes: a registry of their own, in `a`. */
MUST_USE bool features_registry(struct features *f, struct arena *a, struct registry *out,
                                struct error *err);

#endif
