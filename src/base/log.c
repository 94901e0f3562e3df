/* SPDX-License-Identifier: Apache-2.0
 *
 * A line is built on the stack and written with one write(2), so that lines of several threads and
 * processes do not mix.  Quotes and control characters in the text are escaped: one event stays one
 * line, whatever a client sent. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/env.h"
#include "base/str.h"
#include "base/time.h"

#define TEXT_MAX 3000 /* bytes of one text; longer ones are cut */
#define LINE_MAX_BYTES 4096

static const char *const names[] = { "error", "warn", "info", "debug" };

/* The log sink's level is one of the few globals: it is set once, by main. */
static atomic_int level_now = LOG_WARN;

void log_set_level(enum log_level level)
{
    atomic_store(&level_now, (int)level);
}

bool log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (str_eq_nocase(str_of(name), str_of(names[i]))) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

/* Appends c as it stands inside quotes; at most 4 bytes.  The new length. */
static size_t put_escaped(char *line, size_t n, char c)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char u = (unsigned char)c;
    if (c == '"' || c == '\\' || c == '\n') {
        line[n++] = '\\';
        line[n++] = c == '\n' ? 'n' : c;
    } else if (u < 0x20 || u == 0x7F) {
        line[n++] = '\\';
        line[n++] = 'x';
        line[n++] = hex[u >> 4];
        line[n++] = hex[u & 15];
    } else {
        line[n++] = c;
    }
    return n;
}

static void write_whole(const char *line, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, line, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* nobody to tell */
        line += done;
        n -= (size_t)done;
    }
}

void log_at(enum log_level level, const char *mod, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    char text[TEXT_MAX], line[LINE_MAX_BYTES], ts[TIME_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len < 0)
        return;
    time_format_iso(env_now_ms(env_real()) * US_PER_MS, ts);
    int head =
        snprintf(line, sizeof line / 8, "ts=%s level=%s mod=%.64s msg=\"", ts, names[level], mod);
    size_t n = (size_t)head;
    for (const char *p = text; *p && n < sizeof line - 16; p++)
        n = put_escaped(line, n, *p);
    if ((size_t)len >= sizeof text || n >= sizeof line - 16)
        n += (size_t)snprintf(line + n, sizeof line - n, "...");
    line[n++] = '"';
    line[n++] = '\n';
    write_whole(line, n);
}
