/* SPDX-License-Identifier: Apache-2.0 */
#include "io/fault.h"

#include <unistd.h>

bool fault_hit(struct fault *f, bool is_write)
{
    if (f->writes_only && !is_write)
        return false;
    long long mine = atomic_fetch_add(&f->seen, 1);
    if (mine != f->nth)
        return false;
    atomic_store(&f->fired, true);
    return true;
}

bool fault_before(const struct fault *f, bool hit, const char *what, struct error *err)
{
    if (!hit)
        return true;
    if (f->kind == FAULT_KILLED_BEFORE)
        _exit(FAULT_EXIT_STATUS);
    if (f->kind == FAULT_REFUSED)
        return fail(err, ERR_UNAVAILABLE, "%s: planned fault %lld: refused", what,
                    (long long)f->nth);
    return true;
}

bool fault_after(const struct fault *f, bool hit, bool is_write, bool ok, const char *what,
                 struct error *err)
{
    if (!hit)
        return ok;
    if (f->kind == FAULT_KILLED_AFTER)
        _exit(FAULT_EXIT_STATUS);
    return fail(err, is_write ? ERR_UNKNOWN : ERR_UNAVAILABLE,
                "%s: planned fault %lld: the answer was lost", what, (long long)f->nth);
}
