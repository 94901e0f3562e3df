/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/time.h"

#define LINE_MAX_BYTES 4096

static const char *const names[] = { "error", "warn", "info", "debug" };
static atomic_int threshold = LOG_WARN;

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, (int)level);
}

bool log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&threshold, memory_order_relaxed);
}

void log_at(enum log_level level, const char *mod, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    char line[LINE_MAX_BYTES], ts[TIME_TEXT_MAX];
    time_format_iso(env_now_us(env_real()), ts);
    int n = snprintf(line, sizeof line, "ts=%s level=%s mod=%s ", ts, names[level], mod);
    size_t used = n > 0 ? (size_t)n : 0;
    va_list args;
    va_start(args, fmt);
    n = vsnprintf(line + used, sizeof line - used - 1, fmt, args);
    va_end(args);
    used += n > 0 ? (size_t)n : 0;
    if (used > sizeof line - 2)
        used = sizeof line - 2;
    for (size_t i = 0; i < used; i++) /* one event, one line, whatever a message holds */
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' ';
    line[used++] = '\n';
    if (write(STDERR_FILENO, line, used) < 0)
        return; /* nobody is left to be told */
}
