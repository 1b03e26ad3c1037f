/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones against the C library, which knows one at a time: every zone of this machine's database,
 * over eighty years. */
#include "lib/zone.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static unsigned zones, wrong;

static void compare(const char *name)
{
    struct zone *z = zone_load(bytes_of(name));
    if (!z)
        return; /* not a zone: the folder has lists too */
    zones++;
    setenv("TZ", name, 1);
    tzset();
    for (int64_t t = 0; t < INT64_C(80) * 366 * 86400; t += 7 * 86400 + 4567) {
        time_t at = (time_t)t;
        struct tm tm;
        localtime_r(&at, &tm);
        if (zone_offset_s(z, t) != (int32_t)tm.tm_gmtoff) {
            print_message("%s at %lld: %d, not %ld\n", name, (long long)t, zone_offset_s(z, t),
                          tm.tm_gmtoff);
            wrong++;
            break;
        }
    }
    zone_free(&z);
}

static int visit(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)ftw;
    const char *name = path + strlen("/usr/share/zoneinfo/");
    if (flag == FTW_F && strncmp(name, "right/", 6) != 0 && strncmp(name, "posix/", 6) != 0)
        compare(name);
    return 0;
}

static void every_zone_is_as_the_c_library_says(void **state)
{
    (void)state;
    nftw("/usr/share/zoneinfo", visit, 8, FTW_PHYS);
    print_message("%u zones\n", zones);
    assert_true(zones > 300);
    assert_int_equal(wrong, 0);
}

static void rules_beyond_the_table(void **state)
{
    static const struct {
        const char *rule;
        int64_t at;
        int32_t offset;
        bool valid;
    } rows[] = {
        {"UTC0", 0, 0, true},
        {"<+0545>-5:45", 1, 20700, true},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 4102444800, 3600, true}, /* 2100-01-01 */
        {"CET-1CEST,M3.5.0,M10.5.0/3", 4118083200, 7200, true}, /* 2100-07-01 */
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1774745999, 3600, true}, /* 2026-03-29T00:59:59Z */
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1774746000, 7200, true},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1792889999, 7200, true}, /* 2026-10-25T00:59:59Z */
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1792890000, 3600, true},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", 1782864000, 36000, true}, /* 2026-07-01 */
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", 1767225600, 39600, true}, /* 2026-01-01 */
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 1767225600, 0, true},
        {"XXX3YYY,J60,J300", 1772409600, -7200, true}, /* 2026-03-02 */
        {"XXX3YYY,59,299", 1767225600, -10800, true},
        {"", 0, 0, false},
        {"CE-1", 0, 0, false},
        {"CET", 0, 0, false},
        {"CET-1CEST", 0, 0, false},
        {"CET-1CEST,M13.5.0,M10.5.0", 0, 0, false},
        {"CET-1CEST,M3.6.0,M10.5.0", 0, 0, false},
        {"CET-1CEST,M3.5.7,M10.5.0", 0, 0, false},
        {"CET-1CEST,M3.5.0,M10.5.0x", 0, 0, false},
        {"CET-1CEST,J0,J3", 0, 0, false},
        {"<CET", 0, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int32_t offset = 0;
        print_message("%s\n", rows[i].rule);
        assert_int_equal(zone_rule_offset_s(bytes_of(rows[i].rule), rows[i].at, &offset),
                         rows[i].valid);
        if (rows[i].valid)
            assert_int_equal(offset, rows[i].offset);
    }
}

static void what_is_no_zone(void **state)
{
    static const char *const names[] = {"",
                                        "Europe",
                                        "Europe/Atlantis",
                                        "../../../etc/passwd",
                                        "/etc/localtime",
                                        "Europe/Berlin/",
                                        "a b",
                                        "zone.tab"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_null(zone_load(bytes_of(names[i])));
    assert_null(zone_load((struct bytes){"Europe\0Berlin", 13}));
    struct zone *utc = zone_load(BYTES("UTC"));
    assert_int_equal(zone_offset_s(utc, 1774746000), 0);
    zone_free(&utc);
}

/* Every truncation, and every byte changed: refused or read, and never beyond. */
static void broken_files(void **state)
{
    (void)state;
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");
    assert_non_null(f);
    static char whole[8192];
    size_t n = fread(whole, 1, sizeof whole, f);
    fclose(f);
    for (size_t i = 0; i < n; i++) {
        char *cut = test_malloc(i + 1);
        memcpy(cut, whole, i);
        struct zone *z = zone_read((struct bytes){cut, i});
        zone_free(&z);
        test_free(cut);
        whole[i] ^= 0x55;
        z = zone_read((struct bytes){whole, n});
        if (z)
            zone_offset_s(z, 1774746000);
        zone_free(&z);
        whole[i] ^= 0x55;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_zone_is_as_the_c_library_says),
        cmocka_unit_test(rules_beyond_the_table),
        cmocka_unit_test(what_is_no_zone),
        cmocka_unit_test(broken_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
