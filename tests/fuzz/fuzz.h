/* SPDX-License-Identifier: Apache-2.0
 *
 * A fuzz target defines LLVMFuzzerTestOneInput.  An oracle is a HOLDS: what must be true of whatever
 * was accepted. */
#ifndef FIRN_FUZZ_H
#define FIRN_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Errors that bytes from outside may cause. */
static inline bool fuzz_expected(const struct error *err)
{
    return (err->code == ERR_INVALID || err->code == ERR_CORRUPT || err->code == ERR_LIMIT ||
            err->code == ERR_UNSUPPORTED) &&
           err->msg[0];
}

#endif
