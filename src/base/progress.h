/* SPDX-License-Identifier: Apache-2.0
 *
 * How long work tells how far it is.  The receiver may be called from any thread, one call at a time. */
#ifndef FIRN_BASE_PROGRESS_H
#define FIRN_BASE_PROGRESS_H

#include <stdint.h>

struct progress {
    /* `what` is a few words; total 0: not known. */
    void (*report)(struct progress *p, const char *what, int64_t done, int64_t total);
};

static inline void progress_report(struct progress *p, const char *what, int64_t done,
                                   int64_t total)
{
    if (p)
        p->report(p, what, done, total);
}

#endif
