/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/time.h"

TEST(floor_division)
{
    CHECK_INT(floor_div(7, 2), 3);
    CHECK_INT(floor_div(-7, 2), -4);
    CHECK_INT(floor_div(-8, 2), -4);
    CHECK_INT(floor_div(7, -2), -4);
    CHECK_INT(floor_div(-7, -2), 3);
    CHECK_INT(floor_div(-1, 86400), -1);
    CHECK_INT(floor_div(INT64_MIN, 1), INT64_MIN);
}

TEST(known_days)
{
    CHECK_INT(civil_to_days(1970, 1, 1), 0);
    CHECK_INT(civil_to_days(1969, 12, 31), -1);
    CHECK_INT(civil_to_days(2000, 2, 29), 11016);
    CHECK_INT(civil_to_days(2024, 2, 29), 19782);
    CHECK_INT(civil_to_days(1582, 10, 15), -141427);
    CHECK_INT(civil_to_days(1, 1, 1), -719162);
    CHECK_INT(civil_to_days(0, 3, 1), -719468);
    CHECK_INT(civil_to_days(9999, 12, 31), 2932896);
}

static int days_of(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* A calendar that only counts, from the first day of year -9999 to the last of 9999. */
TEST(every_day_of_twenty_thousand_years)
{
    int64_t days = civil_to_days(-9999, 1, 1);
    for (int year = -9999; year <= 9999; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= days_of(year, month); day++, days++) {
                int32_t y, m, d;
                CHECK(civil_to_days(year, month, day) == days);
                civil_from_days(days, &y, &m, &d);
                CHECK(y == year && m == month && d == day);
            }
        }
    }
    CHECK_INT(days, 2932897);
}

TEST(far_days_do_not_overflow)
{
    static const int64_t far[] = { INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN };
    int32_t y, m, d;
    char text[TIME_TEXT_MAX];
    for (size_t i = 0; i < 4; i++) {
        civil_from_days(far[i], &y, &m, &d);
        CHECK(m >= 1 && m <= 12 && d >= 1 && d <= 31);
        CHECK(time_format_date(far[i], text) == strlen(text));
    }
    civil_from_days(INT32_MAX, &y, &m, &d);
    CHECK_INT(civil_to_days(y, m, d), INT32_MAX);
    civil_from_days(INT32_MIN, &y, &m, &d);
    CHECK_INT(civil_to_days(y, m, d), INT32_MIN);
}

TEST(civil_round_trip)
{
    struct rand r;
    rand_init(&r, test_seed());
    for (int i = 0; i < 100000; i++) {
        int64_t us = (int64_t)rand_u64(&r) >> rand_below(&r, 40);
        struct civil c = civil_from_us(us);
        CHECK(c.hour >= 0 && c.hour < 24 && c.minute >= 0 && c.minute < 60 && c.second >= 0 &&
              c.second < 60);
        CHECK(c.us >= 0 && c.us < 1000000);
        if (i % 2 == 0 && c.year > -290307 && c.year < 294246)
            CHECK_INT(civil_to_us(&c), us);
    }
    struct civil before = civil_from_us(-1);
    CHECK(before.year == 1969 && before.month == 12 && before.day == 31 && before.second == 59);
    CHECK_INT(before.us, 999999);
}

static str iso(int64_t us)
{
    char text[TIME_TEXT_MAX];
    size_t n = time_format_iso(us, text);
    CHECK_INT(n, strlen(text));
    return arena_str(test_arena(), str_make(text, n));
}

TEST(iso_text)
{
    CHECK_STR(iso(0), "1970-01-01T00:00:00Z");
    CHECK_STR(iso(1), "1970-01-01T00:00:00.000001Z");
    CHECK_STR(iso(1000), "1970-01-01T00:00:00.001Z");
    CHECK_STR(iso(-1), "1969-12-31T23:59:59.999999Z");
    CHECK_STR(iso(981173106789000), "2001-02-03T04:05:06.789Z");
    CHECK_STR(iso(civil_to_days(-44, 3, 15) * US_PER_DAY), "-0044-03-15T00:00:00Z");
    CHECK_STR(iso(INT64_MAX), "+294247-01-10T04:00:54.775807Z");
    CHECK_STR(iso(INT64_MIN), "-290308-12-21T19:59:05.224192Z");
}

TEST(date_text)
{
    char text[TIME_TEXT_MAX];
    CHECK_INT(time_format_date(0, text), 10);
    CHECK_STR(str_of(text), "1970-01-01");
    time_format_date(-719468, text);
    CHECK_STR(str_of(text), "0000-03-01");
    time_format_date(2932897, text);
    CHECK_STR(str_of(text), "+10000-01-01");
}

TEST(times_are_read)
{
    static const struct {
        const char *text, *want;
        bool zone;
    } cases[] = {
        { "2001-02-03", "2001-02-03T00:00:00Z", false },
        { "2001-02-03 04:05", "2001-02-03T04:05:00Z", false },
        { "2001-02-03T04:05:06", "2001-02-03T04:05:06Z", false },
        { "2001-02-03 04:05:06.7", "2001-02-03T04:05:06.700Z", false },
        { "2001-02-03T04:05:06.789012Z", "2001-02-03T04:05:06.789012Z", true },
        { "2001-02-03T04:05:06.789012000Z", "2001-02-03T04:05:06.789012Z", true },
        { "2001-02-03T04:05:06+01:30", "2001-02-03T02:35:06Z", true },
        { "2001-02-03T04:05:06-0800", "2001-02-03T12:05:06Z", true },
        { "2001-02-03 04:05:06+00", "2001-02-03T04:05:06Z", true },
        { "2001-01-01T00:30+01", "2000-12-31T23:30:00Z", true },
        { "2000-02-29T23:59:59.999999", "2000-02-29T23:59:59.999999Z", false },
        { "-0044-03-15", "-0044-03-15T00:00:00Z", false },
        { "9999-12-31T23:59:59.999999-23:59", "+10000-01-01T23:58:59.999999Z", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us;
        bool zone = !cases[i].zone;
        CHECK(time_parse(str_of(cases[i].text), &us, &zone));
        CHECK_STR(iso(us), cases[i].want);
        CHECK(zone == cases[i].zone);
        CHECK(time_parse(str_of(cases[i].text), &us, NULL));
    }
}

TEST(what_is_no_time_is_refused)
{
    static const char *const bad[] = {
        "",
        "2001",
        "2001-02",
        "2001-2-3",
        "2001-02-03T",
        "2001-02-03T04",
        "2001-02-03T04:5",
        "2001-02-03 04:05:",
        "2001-02-03 04:05:06.",
        "2001-02-03  04:05",
        "2001-02-03x04:05",
        "2001-00-03",
        "2001-13-03",
        "2001-02-00",
        "2001-02-29",
        "1900-02-29",
        "2001-04-31",
        "2001-01-32",
        "2001-02-03 24:00",
        "2001-02-03 23:60",
        "2001-02-03 23:59:60",
        "2001-02-03Z",
        "2001-02-03 ",
        "2001-02-03T04:05:06 Z",
        "2001-02-03T04:05:06ZZ",
        "2001-02-03T04:05:06+",
        "2001-02-03T04:05:06+1",
        "2001-02-03T04:05:06+1:00",
        "2001-02-03T04:05:06+01:0",
        "2001-02-03T04:05:06+24:00",
        "2001-02-03T04:05:06+01:60",
        "2001-02-03T04:05:06+01:00:00",
        "2001-02-03T04:05:06.1234567",
        "2001-02-03T04:05:06.1234560000",
        " 2001-02-03",
        "02001-02-03",
        "+2001-02-03",
        "2001/02/03",
        "20010203",
        "--001-02-03",
        "2001-02-03T04:05:06.12 ",
        "2001-02-03T04:05.5",
        "2001-02-0a",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t us;
        if (time_parse(str_of(bad[i]), &us, NULL))
            test_fail(__FILE__, __LINE__, "\"%s\" was read", bad[i]);
    }
}

/* Every way to cut a good text short is refused, or is one of the shorter forms. */
TEST(truncated_times)
{
    static const char full[] = "2001-02-03T04:05:06.789+01:30";
    int accepted = 0;
    for (size_t n = 0; n < sizeof full - 1; n++) {
        char *copy = arena_alloc(test_arena(), n); /* so that reading past the end is found */
        int64_t us;
        memcpy(copy, full, n);
        accepted += time_parse(str_make(copy, n), &us, NULL);
    }
    CHECK_INT(accepted, 7); /* date; :05; :06; .7 .78 .789; +01 */
}

TEST(text_round_trip)
{
    struct rand r;
    rand_init(&r, test_seed());
    int64_t from = civil_to_days(-9999, 1, 1) * US_PER_DAY,
            to = civil_to_days(10000, 1, 1) * US_PER_DAY;
    for (int i = 0; i < 50000; i++) {
        int64_t us = from + (int64_t)rand_below(&r, (uint64_t)(to - from)), again, days;
        char text[TIME_TEXT_MAX];
        if (i % 3 == 0)
            us = floor_div(us, 1000) * 1000;
        size_t n = time_format_iso(us, text);
        CHECK(time_parse(str_make(text, n), &again, NULL));
        CHECK_INT(again, us);
        n = time_format_date(floor_div(us, US_PER_DAY), text);
        CHECK(time_parse_date(str_make(text, n), &days));
        CHECK_INT(days, floor_div(us, US_PER_DAY));
    }
    int64_t days;
    CHECK(!time_parse_date(STR("2001-02-03T00:00"), &days) &&
          !time_parse_date(STR("2001-02-30"), &days));
}

TEST(durations)
{
    static const struct {
        const char *text;
        int64_t us; /* -1: refused */
    } cases[] = {
        { "0", 0 },
        { "0s", 0 },
        { "90s", 90 * US_PER_S },
        { "15m", 15 * US_PER_MINUTE },
        { "2h", 2 * US_PER_HOUR },
        { "7d", 7 * US_PER_DAY },
        { "1h30m", 90 * US_PER_MINUTE },
        { "250ms", 250 * US_PER_MS },
        { "3us", 3 },
        { "1d2h3m4s5ms6us",
          US_PER_DAY + 2 * US_PER_HOUR + 3 * US_PER_MINUTE + 4 * US_PER_S + 5006 },
        { "106751991d", 106751991 * US_PER_DAY },
        { "106751992d", -1 },
        { "9223372036854775807us", INT64_MAX },
        { "9223372036854775808us", -1 },
        { "106751991d5h", -1 },
        { "", -1 },
        { "5", -1 },
        { "h", -1 },
        { "-5m", -1 },
        { "5 m", -1 },
        { "1.5h", -1 },
        { "5M", -1 },
        { "30m1h", -1 },
        { "1h1h", -1 },
        { "1h30", -1 },
        { "5w", -1 },
        { "5min", -1 },
        { "1h ", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = -1;
        bool ok = time_parse_duration(str_of(cases[i].text), &us);
        CHECK(ok == (cases[i].us >= 0));
        CHECK_INT(us, cases[i].us);
    }
}

TEST(duration_text)
{
    char text[TIME_TEXT_MAX];
    CHECK_INT(time_format_duration(0, text), 2);
    CHECK_STR(str_of(text), "0s");
    time_format_duration(90 * US_PER_MINUTE + 250 * US_PER_MS, text);
    CHECK_STR(str_of(text), "1h30m250ms");
    time_format_duration(-US_PER_DAY, text);
    CHECK_STR(str_of(text), "-1d");
    time_format_duration(INT64_MIN, text);
    CHECK_STR(str_of(text), "-106751991d4h54s775ms808us");
    struct rand r;
    rand_init(&r, test_seed());
    for (int i = 0; i < 20000; i++) {
        int64_t us = (int64_t)(rand_u64(&r) >> (1 + rand_below(&r, 62))), again;
        size_t n = time_format_duration(us, text);
        CHECK(n == strlen(text) && time_parse_duration(str_make(text, n), &again));
        CHECK_INT(again, us);
    }
}
