/* SPDX-License-Identifier: Apache-2.0 */
#include "session/subscribers.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "session/api/api.h"
#include "session/asks.h"
#include "session/live/live.h"
#include "session/api/node.h"
#include "session/live/page.h"
#include "session/peers.h"
#include "session/http/query.h"

#include <stdlib.h>

enum { SUBSCRIBERS_MS = 1000, SUBSCRIBERS_PAGE = 100, SUBSCRIBERS_MOST = 500 };

/* ---- what there is ---- */

struct row {
    struct bytes topic;
    uint64_t n;
};

struct rows {
    struct row *p;
    size_t n, cap;
};

static void rows_add(struct rows *rows, struct bytes topic, uint64_t n)
{
    if (rows->n == rows->cap) {
        rows->cap = rows->cap ? 2 * rows->cap : 64;
        rows->p = realloc(rows->p, rows->cap * sizeof *rows->p);
        ENSURE(rows->p != NULL);
    }
    rows->p[rows->n++] = (struct row){topic, n};
}

static int order(struct bytes a, struct bytes b)
{
    int first = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return first != 0 ? first : (a.n > b.n) - (a.n < b.n);
}

static int by_name(const void *left, const void *right)
{
    return order(((const struct row *)left)->topic, ((const struct row *)right)->topic);
}

static void rows_sort(struct rows *rows)
{
    if (rows->n > 0)
        qsort(rows->p, rows->n, sizeof *rows->p, by_name);
}

/* Ours that begin with `prefix` and stand behind `after`, by name. */
static struct rows own(const struct session *s, const struct msg_joined *m)
{
    struct rows rows = {0};
    const struct topic *t;
    for (size_t at = 0; (t = map_next(&live_roster(s)->topics, &at));) {
        struct bytes name = topic_name(t);
        if (t->n > 0 && name.n >= m->prefix.n && memcmp(name.p, m->prefix.p, m->prefix.n) == 0 &&
            order(name, m->after) > 0)
            rows_add(&rows, name, t->n);
    }
    rows_sort(&rows);
    if (rows.n > m->limit)
        rows.n = m->limit;
    return rows;
}

void subscribers_asked(struct session *s, const struct hub_peer *from, const struct msg_joined *m)
{
    struct rows rows = own(s, m);
    uint32_t n = rows.n < CHANGES_MAX ? (uint32_t)rows.n : CHANGES_MAX;
    struct buf list;
    buf_init(&list, (TOPIC_MAX + 32) * CHANGES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        struct msg one = {.id = MSG_head, .head = {rows.p[i].topic, rows.p[i].n}};
        msg_write(&list, &one);
    }
    struct msg answer = {.id = MSG_joined_list,
                         .joined_list = {.req = m->req, .topics = list_of(&list, n)}};
    peer_answer(s, from, &answer);
    buf_fini(&list);
    free(rows.p);
}

/* ---- put together ---- */

struct gather {
    struct request *r;
    uint64_t limit;
    unsigned waiting; /* for so many answers; one is our own, until all are asked */
    bool incomplete;  /* somebody did not answer */
    struct rows rows; /* the names are ours to free */
};

static void add(struct gather *g, struct bytes topic, uint64_t n)
{
    char *name = malloc(topic.n + 1);
    ENSURE(name != NULL);
    memcpy(name, topic.p, topic.n);
    rows_add(&g->rows, (struct bytes){name, topic.n}, n);
}

/* The same topic of several processes becomes one row. */
static void merge(struct rows *rows)
{
    size_t n = 0;
    rows_sort(rows);
    for (size_t i = 0; i < rows->n; i++)
        if (n > 0 && bytes_equal(rows->p[n - 1].topic, rows->p[i].topic)) {
            rows->p[n - 1].n += rows->p[i].n;
            free((char *)rows->p[i].topic.p);
        } else {
            rows->p[n++] = rows->p[i];
        }
    rows->n = n;
}

static void rows_write(struct buf *out, const struct gather *g)
{
    size_t n = g->rows.n < g->limit ? g->rows.n : g->limit;
    buf_text(out, "{\"topics\":[");
    for (size_t i = 0; i < n; i++) {
        buf_text(out, i ? ",{\"topic\":" : "{\"topic\":");
        json_write_string(out, g->rows.p[i].topic);
        page_number(out, ",\"subscribers\":", g->rows.p[i].n);
        buf_byte(out, '}');
    }
    buf_text(out, "],\"next\":");
    if (n < g->rows.n)
        json_write_string(out, g->rows.p[n - 1].topic);
    else
        buf_text(out, "null");
    buf_format(out, ",\"complete\":%s}", g->incomplete ? "false" : "true");
}

static void answer_one(struct session *s, struct gather *g)
{
    if (--g->waiting > 0)
        return;
    struct buf out;
    buf_init(&out, 1 << 20);
    merge(&g->rows);
    rows_write(&out, g);
    ENSURE(!out.overflowed);
    http_answer(s, g->r, 200, "application/json", buf_all(&out), NULL);
    buf_fini(&out);
    for (size_t i = 0; i < g->rows.n; i++)
        free((char *)g->rows.p[i].topic.p);
    free(g->rows.p);
    free(g);
}

static void came(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct gather *g = w.about;
    if (e == ERR_OK && answer->id == MSG_joined_list) {
        struct mp_in in = list_in(answer->joined_list.topics);
        struct msg one;
        while (msg_read(&in, &one))
            add(g, one.head.topic, one.head.seq);
    } else {
        g->incomplete = true;
    }
    answer_one(w.s, g);
}

static void ask_all(struct session *s, struct gather *g, const struct msg_joined *what)
{
    struct rows mine = own(s, what);
    for (size_t i = 0; i < mine.n; i++)
        add(g, mine.p[i].topic, mine.p[i].n);
    free(mine.p);
    for (unsigned i = 0; i < s->settings->sessions; i++) {
        struct asks *to = peer_asks(s, i);
        struct msg m = {.id = MSG_joined, .joined = *what};
        struct ask_waiter w = {came, s, g, i};
        if (!to)
            continue;
        g->waiting++;
        ask(to, &m, s->now_ms, SUBSCRIBERS_MS, true, w);
    }
    answer_one(s, g);
}

void subscribers_get(struct session *s, struct request *r)
{
    uint64_t limit;
    struct msg_joined what = {.prefix = request_query(r, "prefix"),
                              .after = request_query(r, "after")};
    if (!node_service(s, r) ||
        !query_number(s, r, "limit", SUBSCRIBERS_PAGE, 1, SUBSCRIBERS_MOST, &limit))
        return;
    if (what.prefix.n > TOPIC_MAX || what.after.n > TOPIC_MAX) {
        http_problem(s, r, 400, what.prefix.n > TOPIC_MAX ? "prefix" : "after",
                     "is longer than a topic can be");
        return;
    }
    struct gather *g = calloc(1, sizeof *g);
    ENSURE(g != NULL);
    *g = (struct gather){.r = r, .limit = limit, .waiting = 1};
    what.limit = limit + 1; /* one more says whether there is a next page */
    ask_all(s, g, &what);
}
