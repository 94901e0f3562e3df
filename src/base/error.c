/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One row a code: what people, HTTP clients and programs are told. */
static const struct {
    const char *name, *type;
    int http;
} codes[ERR_CODES] = {
    [ERR_NONE] = { "no error", "None", 200 },
    [ERR_INVALID] = { "invalid", "BadRequest", 400 },
    [ERR_NOT_FOUND] = { "not found", "NotFound", 404 },
    [ERR_EXISTS] = { "exists already", "AlreadyExists", 409 },
    [ERR_CONFLICT] = { "conflict", "Conflict", 409 },
    [ERR_DENIED] = { "denied", "Forbidden", 403 },
    [ERR_CORRUPT] = { "corrupt", "Corrupt", 500 },
    [ERR_LIMIT] = { "limit reached", "LimitExceeded", 413 },
    [ERR_UNAVAILABLE] = { "unavailable", "ServiceUnavailable", 503 },
    [ERR_UNKNOWN] = { "outcome unknown", "CommitStateUnknown", 500 },
    [ERR_CANCELLED] = { "cancelled", "Cancelled", 408 },
    [ERR_UNSUPPORTED] = { "not supported", "NotSupported", 501 },
    [ERR_INTERNAL] = { "internal error", "InternalError", 500 },
};

bool fail_va(struct error *err, enum err_code code, const char *fmt, va_list args)
{
    char text[sizeof err->msg]; /* an argument may be err->msg itself */
    vsnprintf(text, sizeof text, fmt, args);
    err->code = code;
    err->hint[0] = '\0';
    memcpy(err->msg, text, sizeof text);
    return false;
}

bool fail(struct error *err, enum err_code code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail_va(err, code, fmt, args);
    va_end(args);
    return false;
}

bool fail_in(struct error *err, const char *fmt, ...)
{
    char text[sizeof err->msg];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    size_t room = sizeof text - 1 - used, kept = strlen(err->msg);
    if (room >
        2) { /* a full context leaves no room: the end of the message is lost, not its beginning */
        memcpy(text + used, ": ", 2);
        kept = kept < room - 2 ? kept : room - 2;
        memcpy(text + used + 2, err->msg, kept);
        text[used + 2 + kept] = '\0';
    }
    memcpy(err->msg, text, sizeof text);
    return false;
}

bool fail_hint(struct error *err, const char *fmt, ...)
{
    char text[sizeof err->hint];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    memcpy(err->hint, text, sizeof text);
    return false;
}

static enum err_code code_of_errno(int value)
{
    switch (value) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_LIMIT;
    case EINVAL:
    case ENAMETOOLONG:
    case EISDIR:
        return ERR_INVALID;
    default:
        return ERR_UNAVAILABLE;
    }
}

bool fail_errno(struct error *err, int errno_value, const char *fmt, ...)
{
    char text[sizeof err->msg];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fail(err, code_of_errno(errno_value), "%s: %s", text, strerror(errno_value));
    if (errno_value == ENOSPC || errno_value == EDQUOT)
        fail_hint(err, "free some space on that disk and run it again");
    return false;
}

bool err_retriable(const struct error *err)
{
    return err->code == ERR_CONFLICT || err->code == ERR_UNAVAILABLE;
}

static enum err_code known(enum err_code code)
{
    return (unsigned)code < ERR_CODES ? code : ERR_INTERNAL;
}

const char *err_code_name(enum err_code code)
{
    return codes[known(code)].name;
}

int err_http_status(enum err_code code)
{
    return codes[known(code)].http;
}

const char *err_code_type(enum err_code code)
{
    return codes[known(code)].type;
}

void panic(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("firn: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}
