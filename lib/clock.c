/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t clock_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME);
}

static void two(char *at, int number)
{
    at[0] = (char)('0' + number / 10 % 10);
    at[1] = (char)('0' + number % 10);
}

void clock_write(struct buf *out, uint64_t wall_ms)
{
    if (wall_ms > CLOCK_WALL_MAX)
        wall_ms = CLOCK_WALL_MAX;
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t;
    gmtime_r(&seconds, &t);
    char text[] = "0000-00-00T00:00:00.000Z";
    two(text, (t.tm_year + 1900) / 100);
    two(text + 2, (t.tm_year + 1900) % 100);
    two(text + 5, t.tm_mon + 1);
    two(text + 8, t.tm_mday);
    two(text + 11, t.tm_hour);
    two(text + 14, t.tm_min);
    two(text + 17, t.tm_sec);
    two(text + 20, (int)(wall_ms % 1000 / 10));
    text[22] = (char)('0' + wall_ms % 10);
    buf_add(out, text, sizeof text - 1);
}

/* A cursor over the text: the first thing that is not as it must be clears `ok`. */
struct reader {
    const char *p, *end;
    bool ok;
};

/* So many digits, from min to max; min when they are not that. */
static int number(struct reader *r, int digits, int min, int max)
{
    int n = 0;
    for (; digits > 0 && r->p < r->end && *r->p >= '0' && *r->p <= '9'; digits--)
        n = n * 10 + (*r->p++ - '0');
    if (digits == 0 && n >= min && n <= max)
        return n;
    r->ok = false;
    return min;
}

static char one_of(struct reader *r, const char *allowed)
{
    if (r->p == r->end || !strchr(allowed, *r->p) || *r->p == '\0') {
        r->ok = false;
        return '\0';
    }
    return *r->p++;
}

static int milliseconds(struct reader *r)
{
    int ms = 0, digits = 0;
    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++, digits++)
        if (digits < 3)
            ms = ms * 10 + (*r->p - '0');
    if (digits == 0 || digits > 9)
        r->ok = false;
    for (; digits < 3; digits++)
        ms *= 10;
    return ms;
}

/* `month` from 0. */
static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month] + (month == 1 && leap);
}

bool clock_read(struct bytes text, uint64_t *wall_ms)
{
    struct reader r = {text.p, text.p + text.n, true};
    struct tm t = {0};
    t.tm_year = number(&r, 4, 1970, 9999) - 1900;
    one_of(&r, "-");
    t.tm_mon = number(&r, 2, 1, 12) - 1;
    one_of(&r, "-");
    t.tm_mday = number(&r, 2, 1, 31);
    one_of(&r, "Tt ");
    t.tm_hour = number(&r, 2, 0, 23);
    one_of(&r, ":");
    t.tm_min = number(&r, 2, 0, 59);
    one_of(&r, ":");
    t.tm_sec = number(&r, 2, 0, 60);
    int ms = 0;
    if (r.ok && r.p < r.end && *r.p == '.') {
        r.p++;
        ms = milliseconds(&r);
    }
    char zone = one_of(&r, "Zz+-");
    int64_t offset_s = 0;
    if (zone == '+' || zone == '-') {
        offset_s = number(&r, 2, 0, 23) * 3600;
        one_of(&r, ":");
        offset_s += number(&r, 2, 0, 59) * 60;
        if (zone == '-')
            offset_s = -offset_s;
    }
    if (!r.ok || r.p != r.end || t.tm_mday > days_of(t.tm_year + 1900, t.tm_mon))
        return false;
    bool leap_second = t.tm_sec == 60; /* timegm() makes it the next minute */
    int64_t seconds = (int64_t)timegm(&t) - offset_s;
    if (seconds < 0 || (uint64_t)seconds > CLOCK_WALL_MAX / 1000)
        return false; /* the offset can lead out at either end */
    if (leap_second && seconds % 86400 != 0)
        return false; /* one is the last second of a day in UTC */
    *wall_ms = (uint64_t)seconds * 1000 + (uint64_t)ms;
    return true;
}
