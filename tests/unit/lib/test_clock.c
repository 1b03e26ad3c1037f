/* SPDX-License-Identifier: Apache-2.0 */
/* clock: RFC 3339 read and written; the oracle for whole days is timegm(). */
#include "tests/unit/edge.h"

#include "lib/clock.h"

#include <time.h>

static const struct {
    const char *text;
    bool good;
    uint64_t wall_ms;
} rows[] = {
    {"1970-01-01T00:00:00Z", true, 0},
    {"1970-01-01T00:00:00.001Z", true, 1},
    {"2026-11-23T14:45:00.123Z", true, 1795445100123},
    {"2026-11-23t14:45:00z", true, 1795445100000},
    {"2026-11-23 14:45:00Z", true, 1795445100000},
    {"2026-11-23T14:45:00.1Z", true, 1795445100100},
    {"2026-11-23T14:45:00.12Z", true, 1795445100120},
    {"2026-11-23T14:45:00.123999999Z", true, 1795445100123},
    {"2026-11-23T14:45:00+00:00", true, 1795445100000},
    {"2026-11-23T14:45:00-00:00", true, 1795445100000},
    {"2026-11-23T16:45:00+02:00", true, 1795445100000},
    {"2026-11-23T09:15:00-05:30", true, 1795445100000},
    {"2026-11-24T00:44:00+09:59", true, 1795445100000},
    {"2016-12-31T23:59:60Z", true, 1483228800000}, /* a leap second is the next one */
    {"2017-01-01T00:59:60.5+01:00", true, 1483228800500},
    {"2024-02-29T00:00:00Z", true, 1709164800000},
    {"2000-02-29T00:00:00Z", true, 951782400000},
    {"1970-01-01T01:00:00+01:00", true, 0},
    {"9999-12-31T23:59:59.999Z", true, CLOCK_WALL_MAX},

    {"2026-02-29T00:00:00Z", false, 0},
    {"2100-02-29T00:00:00Z", false, 0},
    {"2026-04-31T00:00:00Z", false, 0},
    {"2026-01-32T00:00:00Z", false, 0},
    {"2026-00-01T00:00:00Z", false, 0},
    {"2026-13-01T00:00:00Z", false, 0},
    {"2026-01-00T00:00:00Z", false, 0},
    {"2026-01-01T24:00:00Z", false, 0},
    {"2026-01-01T00:60:00Z", false, 0},
    {"2026-01-01T00:00:61Z", false, 0},
    {"2026-01-01T00:00:60Z", false, 0}, /* no leap second can be there */
    {"2016-12-31T23:59:60+01:00", false, 0},
    {"9999-12-31T23:59:60Z", false, 0},
    {"1969-12-31T23:59:59Z", false, 0},
    {"1970-01-01T00:59:59+01:00", false, 0}, /* before 1970, by its offset */
    {"9999-12-31T23:59:59-00:01", false, 0}, /* in the year 10000, by its offset */
    {"10000-01-01T00:00:00Z", false, 0},
    {"2026-11-23T14:45:00", false, 0},
    {"2026-11-23T14:45Z", false, 0},
    {"2026-11-23", false, 0},
    {"", false, 0},
    {"2026-11-23T14:45:00.Z", false, 0},
    {"2026-11-23T14:45:00.1234567890Z", false, 0},
    {"2026-11-23T14:45:00,5Z", false, 0},
    {"2026-11-23T14:45:00ZZ", false, 0},
    {"2026-11-23T14:45:00Z ", false, 0},
    {" 2026-11-23T14:45:00Z", false, 0},
    {"2026-11-23T14:45:00+02", false, 0},
    {"2026-11-23T14:45:00+0200", false, 0},
    {"2026-11-23T14:45:00+24:00", false, 0},
    {"2026-11-23T14:45:00+02:60", false, 0},
    {"2026-11-23_14:45:00Z", false, 0},
    {"2026/11/23T14:45:00Z", false, 0},
    {"2026-1-23T14:45:00Z", false, 0},
    {"+026-11-23T14:45:00Z", false, 0},
    {"now", false, 0},
};

static void reads_rfc_3339(void **state)
{
    (void)state;
    struct edge edge = edge_new(100);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t got = 0;
        bool good = clock_read(edge_put(&edge, bytes_of(rows[i].text)), &got);
        CHECK(rows[i].text, good == rows[i].good);
        CHECK(rows[i].text, !good || got == rows[i].wall_ms);
    }
    edge_free(&edge);
}

static void refuses_every_part_of_it(void **state)
{
    (void)state;
    struct edge edge = edge_new(100);
    struct bytes whole = BYTES("2026-11-23T14:45:00.123+02:00");
    uint64_t got;
    assert_true(clock_read(whole, &got));
    for (size_t n = 0; n < whole.n; n++)
        assert_false(clock_read(edge_put(&edge, (struct bytes){whole.p, n}), &got));
    char text[30];
    memcpy(text, whole.p, whole.n);
    for (size_t i = 0; i < whole.n; i++) {
        text[i] = '\0';
        assert_false(clock_read((struct bytes){text, whole.n}, &got));
        text[i] = whole.p[i];
    }
    edge_free(&edge);
}

static void check_written(uint64_t wall_ms, const char *want)
{
    struct buf out;
    buf_init(&out, 100);
    clock_write(&out, wall_ms);
    assert_bytes(want, buf_all(&out), bytes_of(want));
    buf_fini(&out);
}

static void writes_rfc_3339(void **state)
{
    (void)state;
    check_written(0, "1970-01-01T00:00:00.000Z");
    check_written(1795445100123, "2026-11-23T14:45:00.123Z");
    check_written(1709164800009, "2024-02-29T00:00:00.009Z");
    check_written(CLOCK_WALL_MAX, "9999-12-31T23:59:59.999Z");
    check_written(CLOCK_WALL_MAX + 1, "9999-12-31T23:59:59.999Z");
    check_written(UINT64_MAX, "9999-12-31T23:59:59.999Z");
}

/* Every day of 1970 to 2400, read and written. */
static void every_day(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    struct tm last = {.tm_year = 500, .tm_mon = 0, .tm_mday = 1};
    uint64_t days = (uint64_t)timegm(&last) / 86400;
    for (uint64_t day = 0; day < days; day++) {
        uint64_t want = day * 86400000 + day % 86400000, got = 0;
        buf_reset(&out);
        clock_write(&out, want);
        time_t seconds = (time_t)(want / 1000);
        char text[40];
        size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime(&seconds));
        assert_memory_equal(out.p, text, n);
        assert_true(clock_read(buf_all(&out), &got));
        assert_int_equal(got, want);
    }
    buf_fini(&out);
}

static void clocks_run(void **state)
{
    (void)state;
    uint64_t before = clock_ms(), wall = clock_wall_ms();
    assert_in_range(wall, (uint64_t)time(NULL) * 1000 - 2000, (uint64_t)time(NULL) * 1000 + 2000);
    assert_true(clock_ms() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_rfc_3339),  cmocka_unit_test(refuses_every_part_of_it),
        cmocka_unit_test(writes_rfc_3339), cmocka_unit_test(every_day),
        cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
