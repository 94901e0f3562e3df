/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts are built in a buffer of their own first, so that an argument may be the old text itself,
 * and are cut at a character, so that a full message is still UTF-8 for the JSON it ends up in. */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *type;
    int http;
    bool retriable;
} codes[ERR_CODES] = {
    [ERR_NONE] = { "no error", "None", 200, false },
    [ERR_INVALID] = { "invalid", "Invalid", 400, false },
    [ERR_NOT_FOUND] = { "not found", "NotFound", 404, false },
    [ERR_EXISTS] = { "already exists", "AlreadyExists", 409, false },
    [ERR_CONFLICT] = { "conflict", "Conflict", 409, true },
    [ERR_DENIED] = { "denied", "Denied", 403, false },
    [ERR_CORRUPT] = { "corrupt", "Corrupt", 500, false },
    [ERR_LIMIT] = { "limit reached", "LimitReached", 413, false },
    [ERR_UNAVAILABLE] = { "unavailable", "Unavailable", 503, true },
    [ERR_UNKNOWN] = { "state unknown", "StateUnknown", 500, false },
    [ERR_CANCELLED] = { "cancelled", "Cancelled", 408, false },
    [ERR_UNSUPPORTED] = { "not supported", "Unsupported", 501, false },
    [ERR_INTERNAL] = { "internal error", "Internal", 500, false },
};

/* Ends a text that did not fit into `cap` bytes with dots, after a whole character. */
static void mark_cut(char *text, size_t cap)
{
    size_t end = cap - sizeof "...";
    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80)
        end--;
    memcpy(text + end, "...", sizeof "...");
}

static void format_into(char *out, size_t cap, const char *fmt, va_list args)
{
    int n = vsnprintf(out, cap, fmt, args);
    if (n < 0)
        out[0] = 0;
    else if ((size_t)n >= cap)
        mark_cut(out, cap);
}

bool fail_va(struct error *err, enum err_code code, const char *fmt, va_list args)
{
    char text[sizeof err->msg];
    format_into(text, sizeof text, fmt, args);
    err->code = code;
    memcpy(err->msg, text, strlen(text) + 1);
    err->hint[0] = 0;
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

/* The cause matters most: a context that would push more than half of the text out is cut itself. */
bool fail_in(struct error *err, const char *fmt, ...)
{
    char context[sizeof err->msg / 2], old[sizeof err->msg];
    va_list args;
    va_start(args, fmt);
    format_into(context, sizeof context, fmt, args);
    va_end(args);
    memcpy(old, err->msg, sizeof old);
    old[sizeof old - 1] = 0;
    int n = snprintf(err->msg, sizeof err->msg, "%s: %s", context, old);
    if (n >= (int)sizeof err->msg)
        mark_cut(err->msg, sizeof err->msg);
    return false;
}

bool fail_hint(struct error *err, const char *fmt, ...)
{
    char text[sizeof err->hint];
    va_list args;
    va_start(args, fmt);
    format_into(text, sizeof text, fmt, args);
    va_end(args);
    memcpy(err->hint, text, strlen(text) + 1);
    return false;
}

static enum err_code code_of_errno(int e)
{
    switch (e) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
    case EXDEV: /* openat2 answers it for a path that leaves its root */
        return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_LIMIT;
    case EINVAL:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return ERR_INVALID;
    case ENOSYS:
    case EOPNOTSUPP:
        return ERR_UNSUPPORTED;
    default:
        return ERR_UNAVAILABLE;
    }
}

bool fail_errno(struct error *err, int errno_value, const char *fmt, ...)
{
    char reason[128], what[sizeof err->msg];
    va_list args;
    va_start(args, fmt);
    format_into(what, sizeof what, fmt, args);
    va_end(args);
    fail(err, code_of_errno(errno_value), "%s", strerror_r(errno_value, reason, sizeof reason));
    fail_in(err, "%s", what);
    if (errno_value == ENOSPC || errno_value == EDQUOT)
        fail_hint(err, "free space on the device, then try again");
    return false;
}

bool err_retriable(const struct error *err)
{
    return (unsigned)err->code < ERR_CODES && codes[err->code].retriable;
}

const char *err_code_name(enum err_code code)
{
    return codes[(unsigned)code < ERR_CODES ? code : ERR_INTERNAL].name;
}

int err_http_status(enum err_code code)
{
    return codes[(unsigned)code < ERR_CODES ? code : ERR_INTERNAL].http;
}

const char *err_code_type(enum err_code code)
{
    return codes[(unsigned)code < ERR_CODES ? code : ERR_INTERNAL].type;
}

void panic(const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    format_into(text, sizeof text, fmt, args);
    va_end(args);
    fprintf(stderr, "firn: panic: %s\n", text);
    abort();
}
