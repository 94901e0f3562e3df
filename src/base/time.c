/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <stdio.h>

int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

/* Days are counted in years that begin in March, so that the leap day is the last of its year, within eras of 400 years. */
int64_t civil_to_days(int32_t year, int32_t month, int32_t day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = floor_div(y, 400), year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

void civil_from_days(int64_t days, int32_t *year, int32_t *month, int32_t *day)
{
    int64_t z = days + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *day = (int32_t)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int32_t)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int32_t)(yoe + era * 400 + (*month <= 2));
}

int64_t civil_to_us(const struct civil *c)
{
    int64_t seconds = c->hour * 3600 + c->minute * 60 + c->second;
    return civil_to_days(c->year, c->month, c->day) * US_PER_DAY + seconds * US_PER_S + c->us;
}

struct civil civil_from_us(int64_t us)
{
    struct civil c;
    int64_t days = floor_div(us, US_PER_DAY), rest = us - days * US_PER_DAY;
    civil_from_days(days, &c.year, &c.month, &c.day);
    c.hour = (int32_t)(rest / US_PER_HOUR);
    c.minute = (int32_t)(rest / US_PER_MINUTE % 60);
    c.second = (int32_t)(rest / US_PER_S % 60);
    c.us = (int32_t)(rest % US_PER_S);
    return c;
}

static size_t length_of(int n)
{
    return n > 0 ? (size_t)n : 0;
}

size_t time_format_iso(int64_t us, char out[TIME_TEXT_MAX])
{
    struct civil c = civil_from_us(us);
    size_t n = length_of(snprintf(out, TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", c.year,
                                  c.month, c.day, c.hour, c.minute, c.second));
    if (c.us % 1000)
        n += length_of(snprintf(out + n, TIME_TEXT_MAX - n, ".%06d", c.us));
    else if (c.us)
        n += length_of(snprintf(out + n, TIME_TEXT_MAX - n, ".%03d", c.us / 1000));
    return n + length_of(snprintf(out + n, TIME_TEXT_MAX - n, "Z"));
}

size_t time_format_date(int64_t days, char out[TIME_TEXT_MAX])
{
    int32_t year, month, day;
    civil_from_days(days, &year, &month, &day);
    return length_of(snprintf(out, TIME_TEXT_MAX, "%04d-%02d-%02d", year, month, day));
}

/* Exactly n digits off the front. */
static bool take_digits(str *s, size_t n, int32_t *out)
{
    int32_t v = 0;
    if (s->len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s->ptr[i] < '0' || s->ptr[i] > '9')
            return false;
        v = v * 10 + (s->ptr[i] - '0');
    }
    *s = str_from(*s, n);
    *out = v;
    return true;
}

static bool take_char(str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = str_from(*s, 1);
    return true;
}

static int32_t days_in_month(int32_t year, int32_t month)
{
    static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(str *s, struct civil *c)
{
    bool negative = take_char(s, '-');
    if (!take_digits(s, 4, &c->year) || !take_char(s, '-') || !take_digits(s, 2, &c->month) ||
        !take_char(s, '-') || !take_digits(s, 2, &c->day))
        return false;
    if (negative)
        c->year = -c->year;
    return c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days_in_month(c->year, c->month);
}

static bool take_fraction(str *s, int32_t *us)
{
    int32_t scale = 100000, digit;
    if (!take_digits(s, 1, &digit))
        return false;
    do {
        *us += digit * scale;
        scale /= 10;
    } while (scale && take_digits(s, 1, &digit));
    return true;
}

static bool take_clock(str *s, struct civil *c)
{
    if (!take_digits(s, 2, &c->hour) || !take_char(s, ':') || !take_digits(s, 2, &c->minute))
        return false;
    if (take_char(s, ':')) {
        if (!take_digits(s, 2, &c->second))
            return false;
        if (take_char(s, '.') && !take_fraction(s, &c->us))
            return false;
    }
    return c->hour <= 23 && c->minute <= 59 && c->second <= 59;
}

static bool take_zone(str *s, int64_t *offset_us, bool *has_zone)
{
    int32_t hours, minutes = 0;
    *offset_us = 0;
    *has_zone = s->len > 0;
    if (s->len == 0 || take_char(s, 'Z') || take_char(s, 'z'))
        return true;
    bool negative = s->ptr[0] == '-';
    if (!negative && s->ptr[0] != '+')
        return false;
    *s = str_from(*s, 1);
    if (!take_digits(s, 2, &hours))
        return false;
    bool colon = take_char(s, ':');
    if ((colon || s->len) && !take_digits(s, 2, &minutes))
        return false;
    *offset_us = (hours * 60 + minutes) * US_PER_MINUTE * (negative ? -1 : 1);
    return hours <= 23 && minutes <= 59;
}

bool time_parse(str s, int64_t *us, bool *has_zone)
{
    struct civil c = { 0 };
    int64_t offset = 0;
    bool zone = false;
    if (!take_date(&s, &c))
        return false;
    if (s.len && (take_char(&s, 'T') || take_char(&s, ' '))) {
        if (!take_clock(&s, &c) || !take_zone(&s, &offset, &zone))
            return false;
    }
    if (s.len)
        return false;
    *us = civil_to_us(&c) - offset;
    if (has_zone)
        *has_zone = zone;
    return true;
}

bool time_parse_date(str s, int64_t *days)
{
    struct civil c = { 0 };
    if (!take_date(&s, &c) || s.len)
        return false;
    *days = civil_to_days(c.year, c.month, c.day);
    return true;
}

static const struct {
    str unit;
    int64_t us;
} units[] = {
    { STR_INIT("ms"), US_PER_MS },    { STR_INIT("us"), 1 },
    { STR_INIT("d"), US_PER_DAY },    { STR_INIT("h"), US_PER_HOUR },
    { STR_INIT("m"), US_PER_MINUTE }, { STR_INIT("s"), US_PER_S },
};

static bool take_unit(str *s, int64_t *us)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (str_starts(*s, units[i].unit)) {
            *s = str_from(*s, units[i].unit.len);
            *us = units[i].us;
            return true;
        }
    }
    return false;
}

bool time_parse_duration(str s, int64_t *us)
{
    int64_t total = 0;
    if (str_is(s, "0")) {
        *us = 0;
        return true;
    }
    if (s.len == 0)
        return false;
    while (s.len) {
        size_t digits = 0;
        int64_t n, unit;
        while (digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9')
            digits++;
        if (!str_to_i64(str_sub(s, 0, digits), &n))
            return false;
        s = str_from(s, digits);
        if (!take_unit(&s, &unit) || __builtin_mul_overflow(n, unit, &n) ||
            __builtin_add_overflow(total, n, &total))
            return false;
    }
    *us = total;
    return true;
}

size_t time_format_duration(int64_t us, char out[TIME_TEXT_MAX])
{
    static const struct {
        const char *unit;
        int64_t us;
    } parts[] = { { "d", US_PER_DAY }, { "h", US_PER_HOUR }, { "m", US_PER_MINUTE },
                  { "s", US_PER_S },   { "ms", US_PER_MS },  { "us", 1 } };
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof *parts && us > 0; i++) {
        if (us < parts[i].us)
            continue;
        n += length_of(snprintf(out + n, TIME_TEXT_MAX - n, "%lld%s", (long long)(us / parts[i].us),
                                parts[i].unit));
        us %= parts[i].us;
    }
    return n ? n : length_of(snprintf(out, TIME_TEXT_MAX, "0"));
}
