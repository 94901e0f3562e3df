/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors.  Everything that can fail returns bool and takes `struct error *err` last, never NULL.
 * The code says what the caller can do about it; the text says what is wrong, where, and gains
 * context on the way up.  Texts are lower case, without a full stop, and name the offending value. */
#ifndef FIRN_BASE_ERROR_H
#define FIRN_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_code {
    ERR_NONE,
    ERR_INVALID,     /* the request is wrong: correct it */
    ERR_NOT_FOUND,   /* the thing named is not there */
    ERR_EXISTS,      /* the thing to be made is there already */
    ERR_CONFLICT,    /* somebody was faster and nothing was written: read again and retry */
    ERR_DENIED,      /* not allowed */
    ERR_CORRUPT,     /* stored bytes are not what they should be */
    ERR_LIMIT,       /* a named limit was reached */
    ERR_UNAVAILABLE, /* I/O failed or a server is away: retry later */
    ERR_UNKNOWN,     /* a write may or may not have happened: look before retrying */
    ERR_CANCELLED,   /* the caller asked to stop, or the deadline passed */
    ERR_UNSUPPORTED, /* not built */
    ERR_INTERNAL,    /* our bug */
    ERR_CODES
};

struct error {
    enum err_code code;
    char msg[480];
    char hint[240]; /* advice: what to do about it; empty when there is none */
};

/* Sets code and text, clears the hint.  Always false, so that `return fail(...)` reads well. */
bool fail(struct error *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool fail_va(struct error *err, enum err_code code, const char *fmt, va_list args);

/* Prefixes "context: " to the text, keeping code and hint.  Always false. */
bool fail_in(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Sets the advice shown under the error.  Always false. */
bool fail_hint(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Fails with `what`: strerror(errno_value); ENOENT, EEXIST, EACCES, ENOSPC map to their codes. */
bool fail_errno(struct error *err, int errno_value, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* True for codes after which the same call may succeed later without a change by the caller. */
bool err_retriable(const struct error *err);

/* The code's name in words ("not found"), its HTTP status, and its API type ("NotFound"). */
const char *err_code_name(enum err_code code);
int err_http_status(enum err_code code);
const char *err_code_type(enum err_code code);

/* Out of memory and broken invariants end the process: one line on stderr, then abort(). */
_Noreturn void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Cheap check of our own invariants; stays on in release builds. */
#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond))                                                                               \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond);                       \
    } while (0)

#endif
