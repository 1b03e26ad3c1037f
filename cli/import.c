/* SPDX-License-Identifier: Apache-2.0 */
/* belfry import -- lines of JSON to POST /api/import, some hundred at a time and in their order.
 *
 * The server remembers each by its id: so whatever was cut off, here or there, is sent again whole, and
 * nothing is doubled. What it cannot take now is sent again for TRY_S seconds; a line that is wrong is
 * said by its number, and the others go on. */
#include "cli/commands.h"
#include "cli/http.h"
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/json.h"
#include "lib/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TRY_S = 60, AGAIN_MS = 250, PROGRESS_MS = 2000, BODY_MOST = 1 << 18 };

static const char *const counted[] = {"notifications", "memberships", "preferences", "known",
                                      "over"};
enum { COUNTED = sizeof counted / sizeof *counted };

static struct import {
    FILE *file;
    struct http_client *http;
    char *in; /* read, and not sent yet: `n` bytes */
    size_t n;
    size_t body_most; /* of one request, and room in `in` */
    bool ended;       /* nothing is behind `in` */
    uint64_t line;    /* of the first in `in` */
    uint64_t lines;   /* that were sent */
    uint64_t refused; /* that were wrong */
    uint64_t told_ms;
    uint64_t counts[COUNTED];
    struct buf answer;
} x;

/* ---- lines ---- */

static void fill(void)
{
    while (!x.ended && x.n < x.body_most) {
        size_t n = fread(x.in + x.n, 1, x.body_most - x.n, x.file);
        x.n += n;
        x.ended = n == 0;
        if (n == 0 && ferror(x.file))
            try_again("belfry import: line %llu: %s", (unsigned long long)x.line, strerror(errno));
    }
}

static void drop(size_t n)
{
    memmove(x.in, x.in + n, x.n - n);
    x.n -= n;
}

static void line_refused(uint64_t line, struct bytes field, struct bytes detail)
{
    fprintf(stderr, "belfry import: line %llu: %.*s%s%.*s\n", (unsigned long long)line,
            (int)field.n, field.p, field.n ? ": " : "", (int)detail.n, detail.p);
    x.refused++;
}

/* It is longer than what one request may bring: all of it is passed over. */
static void drop_long_line(void)
{
    char detail[80];
    snprintf(detail, sizeof detail, "is longer than %zu bytes", x.body_most);
    line_refused(x.line, BYTES(""), bytes_of(detail));
    for (const char *stop = NULL; !stop && x.n > 0;) {
        stop = memchr(x.in, '\n', x.n);
        drop(stop ? (size_t)(stop - x.in) + 1 : x.n);
        fill();
    }
    x.line++;
    x.lines++;
}

/* Whole lines, as many as one request may have. */
static struct bytes next_lines(unsigned *count)
{
    size_t n = 0;
    *count = 0;
    fill();
    while (*count < IMPORT_MAX && n < x.n) {
        const char *stop = memchr(x.in + n, '\n', x.n - n);
        if (!stop && !x.ended)
            break;
        n = stop ? (size_t)(stop - x.in) + 1 : x.n;
        ++*count;
    }
    return (struct bytes){x.in, n};
}

/* ---- one request ---- */

static bool later(long status)
{
    return status == 0 || status == 429 || status == 503 || status == 507;
}

static void wait_some(void)
{
    usleep(AGAIN_MS * 1000);
}

/* Sent until it is taken. */
static void send_lines(const struct args *a, struct bytes body)
{
    uint64_t until_ms = clock_ms() + TRY_S * 1000;
    long status;
    while (later(status = http_send(x.http, "POST", "/api/import", "application/x-ndjson", body,
                                    &x.answer))) {
        if (clock_ms() >= until_ms) {
            if (status != 0)
                http_say(a->command->name, status, buf_all(&x.answer));
            try_again("belfry import: line %llu: not taken within %d s%s%s; run it again, or from "
                      "there with --from %llu",
                      (unsigned long long)x.line, TRY_S, status ? "" : ": ",
                      status ? "" : http_why(x.http), (unsigned long long)x.line);
        }
        wait_some();
    }
    if (status == 200)
        return;
    http_say(a->command->name, status, buf_all(&x.answer));
    exit(EXIT_no);
}

static void take_refused(struct bytes object)
{
    char room[1024];
    struct arena scratch = {.p = room, .cap = sizeof room};
    struct bytes key, value, field = BYTES(""), detail = BYTES("");
    uint64_t line = 0;
    struct json in = json_over(object);
    json_enter(&in, '{');
    while (json_member(&in, &key, &value)) {
        if (json_key_is(key, "line"))
            json_u64(value, &line);
        else if (json_key_is(key, "field"))
            json_string(value, &scratch, &field);
        else if (json_key_is(key, "detail"))
            json_string(value, &scratch, &detail);
    }
    line_refused(x.line + line - 1, field, detail);
}

static void take_answer(void)
{
    struct bytes key, value, one;
    struct json in = json_over(buf_all(&x.answer));
    json_enter(&in, '{');
    while (json_member(&in, &key, &value)) {
        uint64_t n;
        for (unsigned i = 0; i < COUNTED; i++)
            if (json_key_is(key, counted[i]) && json_u64(value, &n))
                x.counts[i] += n;
        if (!json_key_is(key, "refused"))
            continue;
        struct json list = json_over(value);
        json_enter(&list, '[');
        while (json_element(&list, &one))
            take_refused(one);
    }
    if (!json_end(&in))
        try_again("belfry import: line %llu: the answer is not understood",
                  (unsigned long long)x.line);
}

/* ---- the command ---- */

static void counts_write(FILE *to, const char *before)
{
    fprintf(to, "%s{\"lines\":%llu", before, (unsigned long long)x.lines);
    for (unsigned i = 0; i < COUNTED; i++)
        fprintf(to, ",\"%s\":%llu", counted[i], (unsigned long long)x.counts[i]);
    fprintf(to, ",\"refused\":%llu}\n", (unsigned long long)x.refused);
}

static void progress(void)
{
    uint64_t now_ms = clock_ms();
    if (now_ms - x.told_ms < PROGRESS_MS)
        return;
    x.told_ms = now_ms;
    char before[80];
    snprintf(before, sizeof before,
             "belfry import: up to line %llu: ", (unsigned long long)x.line - 1);
    counts_write(stderr, before);
}

static void skip_to(uint64_t from)
{
    for (int c = 0; x.line < from && c != EOF;) {
        c = getc_unlocked(x.file);
        x.line += c == '\n';
    }
}

static void run(const struct args *a)
{
    unsigned count;
    for (;;) {
        struct bytes body = next_lines(&count);
        if (x.n == 0)
            return;
        if (count == 0) {
            drop_long_line();
            continue;
        }
        send_lines(a, body);
        take_answer();
        x.lines += count;
        x.line += count;
        drop(body.n);
        progress();
    }
}

int import_command(const struct args *a)
{
    struct settings s = args_settings(a);
    bool named = a->count > 0 && strcmp(a->words[0], "-") != 0;
    x = (struct import){.line = 1, .told_ms = clock_ms()};
    x.file = named ? fopen(a->words[0], "re") : stdin;
    if (!x.file)
        refuse("belfry import: %s: %s", a->words[0], strerror(errno));
    x.body_most = s.body_bytes < BODY_MOST ? s.body_bytes : BODY_MOST;
    x.in = malloc(x.body_most);
    ENSURE(x.in != NULL);
    buf_init(&x.answer, HTTP_BODY_MAX);
    x.http = http_open(a);
    skip_to(args_number(a, "--from", 1, UINT64_MAX, 1));
    run(a);
    counts_write(stdout, "");
    http_close(&x.http);
    free(x.in);
    buf_fini(&x.answer);
    if (named)
        fclose(x.file);
    return x.refused > 0 ? EXIT_no : 0;
}
