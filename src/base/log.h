/* SPDX-License-Identifier: Apache-2.0
 *
 * One line per event on stderr, logfmt: ts level mod msg.  Log where an error is handled, not at
 * each level it passes.  Thread-safe; lines are written whole. */
#ifndef FIRN_BASE_LOG_H
#define FIRN_BASE_LOG_H

#include "base/error.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level); /* default LOG_WARN */
bool log_level_parse(const char *name, enum log_level *out);
bool log_enabled(enum log_level level);
void log_at(enum log_level level, const char *mod, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_error(mod, ...) log_at(LOG_ERROR, mod, __VA_ARGS__)
#define log_warn(mod, ...) log_at(LOG_WARN, mod, __VA_ARGS__)
#define log_info(mod, ...) (log_enabled(LOG_INFO) ? log_at(LOG_INFO, mod, __VA_ARGS__) : (void)0)
#define log_debug(mod, ...) (log_enabled(LOG_DEBUG) ? log_at(LOG_DEBUG, mod, __VA_ARGS__) : (void)0)

#endif
