/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/import.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/items.h"
#include "session/api/api.h"
#include "session/asks.h"
#include "session/actions/import_line.h"
#include "session/limits.h"

#include <stdlib.h>
#include <strings.h>

/* Of the messages that it becomes: one to the store may be so large. */
enum { LIST_MAX = BATCH_MAX / 2, PROBLEM_MOST = 600 };

struct importing {
    struct request *r;
    unsigned lines, sent, skipped;
    struct {
        uint32_t line;
        enum msg_id id;
    } asked[IMPORT_MAX];
    uint64_t done[3], known, over; /* by what: notifications, memberships, preferences */
    struct buf refused;            /* JSON objects, comma between */
};

static void refuse_line(struct importing *x, uint32_t line, const struct problem *why)
{
    buf_format(&x->refused, "%s{\"line\":%u,\"field\":", x->refused.n > 0 ? "," : "", line);
    json_write_string(&x->refused, bytes_of(why->field));
    buf_text(&x->refused, ",\"detail\":");
    json_write_string(&x->refused, bytes_of(why->detail));
    buf_byte(&x->refused, '}');
}

static void finish(struct session *s, struct importing *x)
{
    struct buf out;
    buf_init(&out, TEXT_MAX);
    buf_format(&out,
               "{\"lines\":%u,\"notifications\":%llu,\"memberships\":%llu,\"preferences\":%llu,"
               "\"known\":%llu,\"over\":%llu,\"skipped\":%u,\"refused\":[",
               x->lines, (unsigned long long)x->done[0], (unsigned long long)x->done[1],
               (unsigned long long)x->done[2], (unsigned long long)x->known,
               (unsigned long long)x->over, x->skipped);
    buf_bytes(&out, buf_all(&x->refused));
    buf_text(&out, "]}");
    ENSURE(!out.overflowed);
    http_answer(s, x->r, 200, "application/json", buf_all(&out), NULL);
    buf_fini(&out);
}

static void forget(struct importing *x)
{
    buf_fini(&x->refused);
    free(x);
}

/* ---- what the store says ---- */

static void count_done(struct importing *x, enum msg_id id)
{
    x->done[id == MSG_import_item ? 0 : id == MSG_member ? 1 : 2]++;
}

static void tell_line(struct importing *x, unsigned i, enum import became)
{
    struct problem why = {0};
    switch (became) {
    case IMPORT_done:
        count_done(x, x->asked[i].id);
        return;
    case IMPORT_known:
        x->known++;
        return;
    case IMPORT_over:
        x->over++;
        return;
    case IMPORT_categories:
        problem_set(&why, "category", "is one too many: an inbox has at most 32");
        break;
    case IMPORT_snoozed:
        problem_set(&why, "snoozed_until", "is one too many: an inbox has at most 1000 snoozed");
        break;
    case IMPORT_damaged:
    case IMPORT_COUNT:
        problem_set(&why, "", "what is there already is damaged: see the store's log");
        break;
    }
    refuse_line(x, x->asked[i].line, &why);
}

static void imported(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct importing *x = w.about;
    bool good = e == ERR_OK && answer->id == MSG_imported && answer->imported.done.n == x->sent;
    for (unsigned i = 0; good && i < x->sent; i++)
        tell_line(x, i, (enum import)(unsigned char)answer->imported.done.p[i]);
    if (good)
        finish(w.s, x);
    else
        api_error(w.s, x->r, e == ERR_OK ? ERR_PROTOCOL : e);
    forget(x);
}

/* ---- what is asked of it ---- */

/* The next line, without what ends it; false: there is none. */
static bool next_line(struct bytes *body, struct bytes *line)
{
    if (body->n == 0)
        return false;
    const char *stop = memchr(body->p, '\n', body->n);
    line->p = body->p;
    line->n = stop ? (size_t)(stop - body->p) : body->n;
    size_t taken = line->n + (stop != NULL);
    *body = (struct bytes){body->p + taken, body->n - taken};
    while (line->n > 0 && (line->p[line->n - 1] == '\r' || line->p[line->n - 1] == ' '))
        line->n--;
    return true;
}

/* False: there are too many, and nothing is done. */
static bool read_lines(struct session *s, struct importing *x, struct buf *list)
{
    struct bytes body = request_body(x->r), line;
    struct import_room room;
    bool fits = true;
    import_room_init(&room);
    for (uint32_t number = 1; fits && next_line(&body, &line); number++) {
        struct problem why = {0};
        struct msg m;
        if (line.n == 0)
            continue;
        fits = ++x->lines <= IMPORT_MAX;
        arena_reset(&s->scratch);
        if (!fits)
            break;
        if (!import_line(&m, line, s->settings, s->wall_ms, &room, &s->scratch, &why)) {
            refuse_line(x, number, &why);
        } else if (m.id == 0) {
            x->skipped++;
        } else {
            x->asked[x->sent].line = number;
            x->asked[x->sent++].id = m.id;
            msg_write(list, &m);
            fits = !list->overflowed;
        }
    }
    import_room_fini(&room);
    return fits;
}

static void begin(struct session *s, struct request *r, struct buf *list)
{
    struct importing *x = calloc(1, sizeof *x);
    ENSURE(x != NULL);
    x->r = r;
    buf_init(&x->refused, IMPORT_MAX * PROBLEM_MOST);
    if (!read_lines(s, x, list)) {
        limit_refuse(s, r, LIMIT_import);
        forget(x);
    } else if (x->sent == 0) {
        finish(s, x);
        forget(x);
    } else {
        struct msg m = {.id = MSG_import, .import.lines = list_of(list, x->sent)};
        ask(s->store, &m, s->now_ms, s->settings->request_ms, true,
            (struct ask_waiter){imported, s, x, 0});
    }
}

void import_post(struct session *s, struct request *r)
{
    struct who who;
    struct buf list;
    const char *type = request_header(r, "Content-Type");
    if (!api_authorised(s, r, &who))
        return;
    if (who.kind != WHO_service) {
        http_problem(s, r, 403, "", "importing needs an API key or a token with the scope admin");
    } else if (!type || strncasecmp(type, "application/x-ndjson", 20) != 0) {
        http_problem(s, r, 415, "", "Content-Type must be application/x-ndjson");
    } else {
        buf_init(&list, LIST_MAX);
        begin(s, r, &list);
        buf_fini(&list);
    }
}
