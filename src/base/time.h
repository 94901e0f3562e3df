/* SPDX-License-Identifier: Apache-2.0
 *
 * Civil time without the C library's global zone: proleptic Gregorian, UTC, years -9999 to 9999
 * unless said.  Times are microseconds since 1970-01-01T00:00:00Z; naive times are taken as UTC. */
#ifndef FIRN_BASE_TIME_H
#define FIRN_BASE_TIME_H

#include "base/str.h"

#define US_PER_MS 1000LL
#define US_PER_S 1000000LL
#define US_PER_MINUTE (60 * US_PER_S)
#define US_PER_HOUR (3600 * US_PER_S)
#define US_PER_DAY (86400 * US_PER_S)

struct civil {
    int32_t year, month, day;     /* month 1-12, day 1-31 */
    int32_t hour, minute, second; /* 0-23, 0-59, 0-59 */
    int32_t us;                   /* 0-999999 */
};

int64_t civil_to_days(int32_t year, int32_t month, int32_t day); /* days since 1970-01-01 */
void civil_from_days(int64_t days, int32_t *year, int32_t *month, int32_t *day);
int64_t civil_to_us(const struct civil *c);
struct civil civil_from_us(int64_t us);

/* Division that rounds towards minus infinity, as Iceberg's time transforms do. */
int64_t floor_div(int64_t a, int64_t b);

#define TIME_TEXT_MAX 40

/* "2001-02-03T04:05:06.789Z": 0, 3 or 6 fraction digits, the fewest that keep the value.
 * Return the length; `out` gets a NUL. */
size_t time_format_iso(int64_t us, char out[TIME_TEXT_MAX]);
/* "2001-02-03" */
size_t time_format_date(int64_t days, char out[TIME_TEXT_MAX]);

/* Reads "2001-02-03", "2001-02-03 04:05[:06[.789012]]" with 'T' or a space, and an optional zone
 * (Z, +hh:mm, +hhmm, +hh).  *has_zone may be NULL.  False on anything else. */
bool time_parse(str s, int64_t *us, bool *has_zone);
bool time_parse_date(str s, int64_t *days);

/* Reads a duration with a unit: "90s", "15m", "2h", "7d", "1h30m", "250ms"; "0" is zero. */
bool time_parse_duration(str s, int64_t *us);
size_t time_format_duration(int64_t us, char out[TIME_TEXT_MAX]);

#endif
