/* SPDX-License-Identifier: Apache-2.0
 *
 * Days are counted in eras of 400 years (146,097 days) that begin on 1 March, so that the leap day
 * is the last day of a year and a month's first day is a linear formula of the month. */
#include "base/time.h"

#include <stdio.h>

#define DAYS_PER_ERA 146097
#define DAYS_TO_EPOCH 719468 /* from 0000-03-01 to 1970-01-01 */

int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

/* The rest of that division, 0 <= rest < b. */
static int64_t floor_mod(int64_t a, int64_t b)
{
    int64_t rest = a % b;
    return rest < 0 ? rest + b : rest;
}

int64_t civil_to_days(int32_t year, int32_t month, int32_t day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

void civil_from_days(int64_t days, int32_t *year, int32_t *month, int32_t *day)
{
    /* The era is split off before the shift: no day overflows. */
    int64_t era = floor_div(days, DAYS_PER_ERA);
    int64_t shifted = floor_mod(days, DAYS_PER_ERA) + DAYS_TO_EPOCH;
    era += shifted / DAYS_PER_ERA;
    int64_t day_of_era = shifted % DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153; /* 0: March */
    *day = (int32_t)(day_of_year - (153 * m + 2) / 5 + 1);
    *month = (int32_t)(m < 10 ? m + 3 : m - 9);
    *year = (int32_t)(era * 400 + year_of_era + (m >= 10));
}

int64_t civil_to_us(const struct civil *c)
{
    return civil_to_days(c->year, c->month, c->day) * US_PER_DAY + c->hour * US_PER_HOUR +
           c->minute * US_PER_MINUTE + c->second * US_PER_S + c->us;
}

struct civil civil_from_us(int64_t us)
{
    struct civil c;
    int64_t days = floor_div(us, US_PER_DAY);
    int64_t rest = floor_mod(us, US_PER_DAY);
    civil_from_days(days, &c.year, &c.month, &c.day);
    c.hour = (int32_t)(rest / US_PER_HOUR);
    c.minute = (int32_t)(rest / US_PER_MINUTE % 60);
    c.second = (int32_t)(rest / US_PER_S % 60);
    c.us = (int32_t)(rest % US_PER_S);
    return c;
}

/* ---- Text out ---- */

static size_t format_ymd(int32_t year, int32_t month, int32_t day, char *out)
{
    int n = snprintf(out, TIME_TEXT_MAX, "%s%04lld-%02d-%02d",
                     year < 0      ? "-"
                     : year > 9999 ? "+"
                                   : "", /* ISO 8601, expanded years */
                     year < 0 ? -(long long)year : year, month, day);
    return (size_t)n;
}

size_t time_format_date(int64_t days, char out[TIME_TEXT_MAX])
{
    int32_t year, month, day;
    civil_from_days(days, &year, &month, &day);
    return format_ymd(year, month, day, out);
}

size_t time_format_iso(int64_t us, char out[TIME_TEXT_MAX])
{
    struct civil c = civil_from_us(us);
    size_t n = format_ymd(c.year, c.month, c.day, out);
    n +=
        (size_t)snprintf(out + n, TIME_TEXT_MAX - n, "T%02d:%02d:%02d", c.hour, c.minute, c.second);
    if (c.us % 1000)
        n += (size_t)snprintf(out + n, TIME_TEXT_MAX - n, ".%06d", c.us);
    else if (c.us)
        n += (size_t)snprintf(out + n, TIME_TEXT_MAX - n, ".%03d", c.us / 1000);
    out[n++] = 'Z';
    out[n] = 0;
    return n;
}

/* ---- Text in ---- */

/* Takes one character off the front when it is c. */
static bool take_char(str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = str_from(*s, 1);
    return true;
}

/* Takes exactly `width` digits off the front. */
static bool take_digits(str *s, size_t width, int32_t min, int32_t max, int32_t *out)
{
    int32_t v = 0;
    if (s->len < width)
        return false;
    for (size_t i = 0; i < width; i++) {
        if (s->ptr[i] < '0' || s->ptr[i] > '9')
            return false;
        v = v * 10 + (s->ptr[i] - '0');
    }
    *s = str_from(*s, width);
    *out = v;
    return v >= min && v <= max;
}

static int32_t days_in_month(int32_t year, int32_t month)
{
    static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(str *s, struct civil *c)
{
    bool negative = take_char(s, '-');
    if (!take_digits(s, 4, 0, 9999, &c->year) || !take_char(s, '-') ||
        !take_digits(s, 2, 1, 12, &c->month) || !take_char(s, '-') ||
        !take_digits(s, 2, 1, 31, &c->day))
        return false;
    if (negative)
        c->year = -c->year;
    return c->day <= days_in_month(c->year, c->month);
}

/* Digits behind the point; those below a microsecond must be zero. */
static bool take_fraction(str *s, int32_t *us)
{
    int32_t v = 0;
    size_t n = 0;
    for (; n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++) {
        if (n < 6)
            v = v * 10 + (s->ptr[n] - '0');
        else if (s->ptr[n] != '0')
            return false;
    }
    if (n == 0 || n > 9)
        return false;
    for (size_t i = n; i < 6; i++)
        v *= 10;
    *s = str_from(*s, n);
    *us = v;
    return true;
}

static bool take_clock(str *s, struct civil *c)
{
    if (!take_digits(s, 2, 0, 23, &c->hour) || !take_char(s, ':') ||
        !take_digits(s, 2, 0, 59, &c->minute))
        return false;
    if (!take_char(s, ':'))
        return true;
    return take_digits(s, 2, 0, 59, &c->second) && (!take_char(s, '.') || take_fraction(s, &c->us));
}

/* Z, +hh:mm, +hhmm, +hh or nothing; the whole of s. */
static bool take_zone(str *s, int64_t *offset_us, bool *has_zone)
{
    int32_t hours = 0, minutes = 0;
    *has_zone = s->len > 0;
    *offset_us = 0;
    if (s->len == 0 || take_char(s, 'Z'))
        return s->len == 0;
    bool west = take_char(s, '-');
    if ((!west && !take_char(s, '+')) || !take_digits(s, 2, 0, 23, &hours))
        return false;
    if (s->len > 0) {
        take_char(s, ':');
        if (!take_digits(s, 2, 0, 59, &minutes))
            return false;
    }
    *offset_us = (hours * US_PER_HOUR + minutes * US_PER_MINUTE) * (west ? -1 : 1);
    return s->len == 0;
}

bool time_parse(str s, int64_t *us, bool *has_zone)
{
    struct civil c = { 0 };
    int64_t offset_us = 0;
    bool zone = false;
    if (!take_date(&s, &c))
        return false;
    if (s.len > 0) {
        if (!take_char(&s, 'T') && !take_char(&s, ' '))
            return false;
        if (!take_clock(&s, &c) || !take_zone(&s, &offset_us, &zone))
            return false;
    }
    *us = civil_to_us(&c) - offset_us;
    if (has_zone)
        *has_zone = zone;
    return true;
}

bool time_parse_date(str s, int64_t *days)
{
    struct civil c = { 0 };
    if (!take_date(&s, &c) || s.len > 0)
        return false;
    *days = civil_to_days(c.year, c.month, c.day);
    return true;
}

/* ---- Durations ---- */

static const struct unit {
    const char *name;
    int64_t us;
} units[] = { /* largest first: a duration names them in this order, each at most once */
              { "d", US_PER_DAY }, { "h", US_PER_HOUR }, { "m", US_PER_MINUTE },
              { "s", US_PER_S },   { "ms", US_PER_MS },  { "us", 1 }
};
#define UNITS (sizeof units / sizeof units[0])

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes a number and its unit, which must come after `*unit` in the table. */
static bool take_amount(str *s, size_t *unit, int64_t *us)
{
    size_t digits = 0, letters;
    int64_t n;
    while (digits < s->len && is_digit(s->ptr[digits]))
        digits++;
    for (letters = digits; letters < s->len && !is_digit(s->ptr[letters]);)
        letters++;
    if (!str_to_i64(str_sub(*s, 0, digits), &n))
        return false;
    while (*unit < UNITS && !str_is(str_sub(*s, digits, letters), units[*unit].name))
        ++*unit;
    if (*unit == UNITS)
        return false;
    *s = str_from(*s, letters);
    return !__builtin_mul_overflow(n, units[(*unit)++].us, us);
}

bool time_parse_duration(str s, int64_t *us)
{
    int64_t total = 0, part;
    size_t unit = 0;
    if (str_is(s, "0")) {
        *us = 0;
        return true;
    }
    if (s.len == 0)
        return false;
    while (s.len > 0)
        if (!take_amount(&s, &unit, &part) || __builtin_add_overflow(total, part, &total))
            return false;
    *us = total;
    return true;
}

size_t time_format_duration(int64_t us, char out[TIME_TEXT_MAX])
{
    uint64_t rest = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    size_t n = (size_t)snprintf(out, TIME_TEXT_MAX, "%s", us < 0 ? "-" : us == 0 ? "0s" : "");
    for (size_t i = 0; i < UNITS; i++) {
        uint64_t count = rest / (uint64_t)units[i].us;
        rest %= (uint64_t)units[i].us;
        if (count)
            n += (size_t)snprintf(out + n, TIME_TEXT_MAX - n, "%llu%s", (unsigned long long)count,
                                  units[i].name);
    }
    return n;
}
