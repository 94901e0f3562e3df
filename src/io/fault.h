/* SPDX-License-Identifier: Apache-2.0
 *
 * A planned fault.  The faulty implementations of store, db and kv ask it before each operation;
 * it fires once, at the operation with the given number.  One plan may be shared by several
 * wrappers, so that a sweep runs over the whole order of operations of a commit:
 *
 *     bool fired = true;
 *     for (int64_t nth = 0; fired; nth++) {
 *         struct fault f = FAULT_AT(FAULT_REFUSED, nth);
 *         ... run with store_fault_create(real, &f) and db_fault_create(real_db, &f) ...
 *         fired = fault_fired(&f);
 *     }
 */
#ifndef FIRN_IO_FAULT_H
#define FIRN_IO_FAULT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"

enum fault_kind {
    FAULT_REFUSED,       /* nothing is done, ERR_UNAVAILABLE */
    FAULT_ANSWER_LOST,   /* it is done; a write answers ERR_UNKNOWN, a read ERR_UNAVAILABLE */
    FAULT_KILLED_BEFORE, /* the process ends with _exit(137), nothing is done */
    FAULT_KILLED_AFTER,  /* the operation is done, then the process ends with _exit(137) */
    FAULT_KINDS
};

#define FAULT_EXIT_STATUS 137 /* as a shell shows a SIGKILL */

struct fault {
    enum fault_kind kind;
    int64_t nth;      /* 0 is the first operation that counts; negative: never */
    bool writes_only; /* reads do not count and never fail */
    atomic_llong seen;
    atomic_bool fired;
};

#define FAULT_AT(kind_, nth_)                                                                      \
    {                                                                                              \
        .kind = (kind_), .nth = (nth_)                                                             \
    }

/* Counts one operation and says whether it is the one to fail.  Thread-safe. */
bool fault_hit(struct fault *f, bool is_write);

/* What a wrapper does around the real call: `before` is false (with err set) when the call must
 * not be made; `after` turns the result of the call into what the caller is told.  `hit` is what
 * fault_hit said; `what` names the operation in the error. */
MUST_USE bool fault_before(const struct fault *f, bool hit, const char *what, struct error *err);
MUST_USE bool fault_after(const struct fault *f, bool hit, bool is_write, bool ok, const char *what,
                          struct error *err);

static inline bool fault_fired(struct fault *f)
{
    return atomic_load(&f->fired);
}

static inline const char *fault_kind_name(enum fault_kind kind)
{
    static const char *const names[] = { "refused", "answer lost", "killed before",
                                         "killed after" };
    return (unsigned)kind < FAULT_KINDS ? names[kind] : "?";
}

#endif
