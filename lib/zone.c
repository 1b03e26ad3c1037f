/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/zone.h"

#include "lib/ensure.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 64 << 10, HEADER = 44, RULE_MAX = 100, DAY_S = 86400 };

struct zone {
    uint32_t transitions, types;
    int64_t *at_s;       /* ascending */
    uint8_t *type;       /* from at_s[i] on */
    int32_t *offset_s;   /* of a type */
    char rule[RULE_MAX]; /* behind the last transition; empty: none */
};

/* ---- the rule for what the table does not reach ---- */

struct date_rule {
    char kind; /* M: month, week, weekday; J: day 1-365, never Feb 29; 0: day 0-365 */
    int month, week, day;
    int32_t time_s;
};

static bool take(struct bytes *in, char c)
{
    if (in->n == 0 || in->p[0] != c)
        return false;
    in->p++, in->n--;
    return true;
}

static bool take_number(struct bytes *in, int most, int *out)
{
    size_t from = in->n;
    *out = 0;
    while (in->n > 0 && in->p[0] >= '0' && in->p[0] <= '9' && *out <= most) {
        *out = *out * 10 + (in->p[0] - '0');
        in->p++, in->n--;
    }
    return in->n < from && *out <= most;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct bytes *in, int32_t *out)
{
    int h, m = 0, s = 0;
    bool minus = take(in, '-');
    if (!minus)
        take(in, '+');
    if (!take_number(in, 167, &h) || (take(in, ':') && !take_number(in, 59, &m)) ||
        (m >= 0 && take(in, ':') && !take_number(in, 59, &s)))
        return false;
    *out = h * 3600 + m * 60 + s;
    if (minus)
        *out = -*out;
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool take_name(struct bytes *in)
{
    size_t from = in->n;
    if (take(in, '<')) {
        while (in->n > 0 && in->p[0] != '>')
            in->p++, in->n--;
        return take(in, '>');
    }
    while (in->n > 0 && is_letter(in->p[0]))
        in->p++, in->n--;
    return from - in->n >= 3;
}

static bool take_date(struct bytes *in, struct date_rule *r)
{
    *r = (struct date_rule){.time_s = 7200};
    if (take(in, 'M')) {
        r->kind = 'M';
        if (!take_number(in, 12, &r->month) || !take(in, '.') || !take_number(in, 5, &r->week) ||
            !take(in, '.') || !take_number(in, 6, &r->day) || r->month < 1 || r->week < 1)
            return false;
    } else {
        r->kind = take(in, 'J') ? 'J' : '0';
        if (!take_number(in, 365, &r->day) || (r->kind == 'J' && r->day < 1))
            return false;
    }
    return !take(in, '/') || take_time(in, &r->time_s);
}

static bool leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970 to the first of January. */
static int64_t year_day(int64_t year)
{
    int64_t y = year - 1;
    return 365 * (year - 1970) + (y / 4 - y / 100 + y / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
}

static int64_t year_of(int64_t day)
{
    int64_t year = 1970 + day / 366;
    while (year_day(year + 1) <= day)
        year++;
    return year;
}

/* The rule's moment of a year, by the clocks that hold until then. */
static int64_t moment(const struct date_rule *r, int64_t year)
{
    static const int months[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    int64_t day = year_day(year);
    if (r->kind == '0')
        day += r->day;
    else if (r->kind == 'J')
        day += r->day - 1 + (leap(year) && r->day >= 60);
    else {
        int64_t first = day + months[r->month - 1] + (leap(year) && r->month > 2);
        int64_t next = day + months[r->month] + (leap(year) && r->month > 1);
        int64_t weekday = (first + 4) % 7; /* the first day of 1970 was a Thursday */
        day = first + (r->day - weekday + 7) % 7 + 7 * (r->week - 1);
        while (day >= next)
            day -= 7;
    }
    return day * DAY_S + r->time_s;
}

bool zone_rule_offset_s(struct bytes rule, int64_t utc_s, int32_t *offset_s)
{
    int32_t west_s, dst_west_s;
    struct date_rule start, end;
    if (utc_s < 0 || !take_name(&rule) || !take_time(&rule, &west_s))
        return false;
    *offset_s = -west_s;
    if (rule.n == 0)
        return true;
    dst_west_s = west_s - 3600;
    if (!take_name(&rule) || (rule.n > 0 && rule.p[0] != ',' && !take_time(&rule, &dst_west_s)) ||
        !take(&rule, ',') || !take_date(&rule, &start) || !take(&rule, ',') ||
        !take_date(&rule, &end) || rule.n > 0)
        return false;
    int64_t year = year_of((utc_s - west_s < 0 ? 0 : utc_s - west_s) / DAY_S);
    int64_t from = moment(&start, year) + west_s, to = moment(&end, year) + dst_west_s;
    bool dst = from < to ? utc_s >= from && utc_s < to : utc_s >= from || utc_s < to;
    if (dst)
        *offset_s = -dst_west_s;
    return true;
}

/* ---- the file ---- */

static int64_t number(const char *p, unsigned n)
{
    uint64_t v = (uint8_t)p[0] & 0x80 ? UINT64_MAX : 0;
    for (unsigned i = 0; i < n; i++)
        v = v << 8 | (uint8_t)p[i];
    return (int64_t)v;
}

struct header {
    uint32_t isut, isstd, leaps, transitions, types, chars;
};

static bool read_header(struct bytes file, size_t at, struct header *h)
{
    if (file.n < at + HEADER || memcmp(file.p + at, "TZif", 4) != 0)
        return false;
    uint32_t *n = &h->isut;
    for (unsigned i = 0; i < 6; i++)
        n[i] = (uint32_t)number(file.p + at + 20 + 4 * i, 4);
    return h->transitions < FILE_MAX && h->types > 0 && h->types <= 256 && h->chars < FILE_MAX &&
           h->leaps < FILE_MAX && h->isut <= 256 && h->isstd <= 256;
}

static size_t body(const struct header *h, size_t time_size)
{
    return h->transitions * (time_size + 1) + h->types * (size_t)6 + h->chars +
           h->leaps * (time_size + 4) + h->isstd + h->isut;
}

static void *array(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    ENSURE(p != NULL);
    return p;
}

static bool fill(struct zone *z, const char *at, const struct header *h)
{
    z->at_s = array(h->transitions, sizeof *z->at_s);
    z->type = array(h->transitions, sizeof *z->type);
    z->offset_s = array(h->types, sizeof *z->offset_s);
    z->transitions = h->transitions;
    z->types = h->types;
    for (uint32_t i = 0; i < h->transitions; i++, at += 8) {
        z->at_s[i] = number(at, 8);
        if (i > 0 && z->at_s[i] < z->at_s[i - 1])
            return false;
    }
    for (uint32_t i = 0; i < h->transitions; i++, at++) {
        z->type[i] = (uint8_t)*at;
        if (z->type[i] >= h->types)
            return false;
    }
    for (uint32_t i = 0; i < h->types; i++, at += 6)
        z->offset_s[i] = (int32_t)number(at, 4);
    return true;
}

struct zone *zone_read(struct bytes file)
{
    struct header h;
    if (!read_header(file, 0, &h) || file.p[4] < '2')
        return NULL;
    size_t at = HEADER + body(&h, 4);
    if (!read_header(file, at, &h) || file.n < at + HEADER + body(&h, 8) + 2)
        return NULL;
    struct zone *z = array(1, sizeof *z);
    const char *rule = file.p + at + HEADER + body(&h, 8) + 1;
    const char *end = memchr(rule, '\n', (size_t)(file.p + file.n - rule));
    int32_t any;
    bool good = fill(z, file.p + at + HEADER, &h) && end && end - rule < RULE_MAX;
    if (good && end > rule) {
        memcpy(z->rule, rule, (size_t)(end - rule));
        good = zone_rule_offset_s(bytes_of(z->rule), 0, &any);
    }
    if (!good)
        zone_free(&z);
    return z;
}

static bool name_valid(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!is_letter(c) && !(c >= '0' && c <= '9') && (c == '\0' || !strchr("/_+-", c)))
            return false;
    }
    return name.n > 0 && name.n <= ZONE_MAX && name.p[0] != '/' && name.p[name.n - 1] != '/';
}

struct zone *zone_load(struct bytes name)
{
    char path[ZONE_MAX + 32], *room;
    struct zone *z = NULL;
    if (bytes_is(name, "UTC"))
        return array(1, sizeof *z);
    if (!name_valid(name))
        return NULL;
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%.*s", (int)name.n, name.p);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    room = array(FILE_MAX, 1);
    size_t n = fread(room, 1, FILE_MAX, f);
    z = n > 0 ? zone_read((struct bytes){room, n}) : NULL; /* a folder gives nothing */
    free(room);
    fclose(f);
    return z;
}

void zone_free(struct zone **slot)
{
    struct zone *z = *slot;
    *slot = NULL;
    if (!z)
        return;
    free(z->at_s);
    free(z->type);
    free(z->offset_s);
    free(z);
}

int32_t zone_offset_s(const struct zone *z, int64_t utc_s)
{
    int32_t offset_s = 0;
    uint32_t n = z->transitions;
    if ((n == 0 || utc_s >= z->at_s[n - 1]) && z->rule[0] &&
        zone_rule_offset_s(bytes_of(z->rule), utc_s, &offset_s))
        return offset_s;
    while (n > 0 && z->at_s[n - 1] > utc_s)
        n--;
    if (n > 0)
        return z->offset_s[z->type[n - 1]];
    return z->types > 0 ? z->offset_s[0] : 0;
}
