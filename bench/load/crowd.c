/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/crowd.h"

#include "lib/ensure.h"
#include "lib/loop.h"
#include "proto/topic.h"

#include <stdlib.h>

#define OPEN_NS (UINT64_C(60) * 1000000000) /* with nobody joining: something is broken */

static uint64_t now_ns(const struct member *m)
{
    return m->crowd->bench->poller->now_ns;
}

static void send_message(struct member *m, const struct phoenix *message)
{
    struct buf *text = &m->crowd->text;
    buf_reset(text);
    phoenix_write(text, message);
    ws_text(&m->ws, buf_all(text));
    ws_flush(&m->ws);
}

static void on_opened(struct ws *w)
{
    struct member *m = (struct member *)w;
    char user[BENCH_USER], topic[TOPIC_MAX + 1];
    bench_user(m->crowd->bench, member_number(m), user);
    size_t n = topic_of_user(bytes_of(user), topic);
    m->state = MEMBER_joining;
    send_message(m, &(struct phoenix){.join_ref = BYTES("1"),
                                      .ref = BYTES("1"),
                                      .topic = {topic, n},
                                      .event = BYTES("phx_join"),
                                      .payload = BYTES("{}")});
}

static void on_gone(struct ws *w, const char *why)
{
    struct member *m = (struct member *)w;
    if (m->state == MEMBER_joined)
        m->crowd->joined--;
    m->state = MEMBER_lost;
    m->crowd->lost++;
    bench_failed(m->crowd->bench, "connection %u: %s", member_number(m), why);
}

/* Take the state that a reply or a sync brings whole. */
static bool take_state(struct member *m, struct bytes state)
{
    return field_u64(state, "seq", &m->seq) && field_u64(state, "unread_count", &m->unread);
}

static void on_reply(struct member *m, const struct phoenix *reply)
{
    struct crowd *c = m->crowd;
    struct bytes response;
    bool ok = phoenix_ok(reply->payload, &response);
    if (bytes_is(reply->topic, "phoenix")) {
        if (m->beat_ns == 0)
            return;
        histogram_add(&c->beat_times, now_ns(m) - m->beat_ns);
        m->beat_ns = 0;
        c->beats_answered++;
    } else if (m->state == MEMBER_joining && ok && take_state(m, response)) {
        histogram_add(&c->join_times, now_ns(m) - m->beat_ns);
        m->beat_ns = 0;
        m->state = MEMBER_joined;
        c->joined++;
    } else {
        bench_failed(c->bench, "connection %u: answered %.*s", member_number(m),
                     (int)(reply->payload.n < 200 ? reply->payload.n : 200), reply->payload.p);
    }
}

/* One durable event: it must follow the one before it. */
static bool follows(struct member *m, const struct phoenix *event)
{
    struct crowd *c = m->crowd;
    uint64_t seq, prev, unread;
    if (!field_u64(event->payload, "seq", &seq) || !field_u64(event->payload, "prev", &prev) ||
        !field_u64(event->payload, "unread_count", &unread))
        return true; /* toast, transient: not numbered */
    if (seq <= m->seq) {
        c->repeats++;
        return false;
    }
    if (prev != m->seq)
        c->holes++;
    else if (bytes_is(event->event, "notification:new") && unread != m->unread + 1)
        c->wrong_counts++;
    m->seq = seq;
    m->unread = unread;
    return true;
}

static void on_message(struct ws *w, struct bytes text)
{
    struct member *m = (struct member *)w;
    struct crowd *c = m->crowd;
    struct phoenix message;
    if (!phoenix_read(text, &message)) {
        bench_failed(c->bench, "connection %u: not a Phoenix message: %.*s", member_number(m),
                     (int)(text.n < 200 ? text.n : 200), text.p);
        return;
    }
    if (bytes_is(message.event, "phx_reply")) {
        on_reply(m, &message);
    } else if (bytes_is(message.event, "notifications:sync")) {
        uint64_t before = m->seq;
        c->syncs++;
        if (take_state(m, message.payload) && c->heard)
            c->heard(m, &message, c->of);
        c->repeats += m->seq < before; /* gone back */
    } else if (follows(m, &message) && c->heard) {
        c->heard(m, &message, c->of);
    }
}

static void member_open(struct member *m)
{
    static const struct ws_ops ops = {on_opened, on_message, on_gone};
    struct bench *b = m->crowd->bench;
    struct buf *path = &m->crowd->text;
    char user[BENCH_USER];
    bench_user(b, member_number(m), user);
    buf_reset(path);
    buf_text(path, "/socket/websocket?token=");
    server_token(&b->server, path, user);
    buf_text(path, "&vsn=2.0.0");
    m->state = MEMBER_connecting;
    m->beat_ns = clock_ns(); /* until it has joined: when it began */
    ws_open(&m->ws, b->poller, &ops, &b->server.at, buf_all(path), b->conns++);
}

struct crowd *crowd_open(struct bench *b, uint32_t count)
{
    struct crowd *c = calloc(1, sizeof *c);
    ENSURE(c != NULL);
    *c = (struct crowd){.bench = b, .count = count};
    c->members = calloc(count, sizeof *c->members);
    ENSURE(c->members != NULL);
    buf_init(&c->text, 1 << 20);
    uint64_t moved_ns = clock_ns();
    for (uint32_t before = 0; c->joined < count; before = c->joined) {
        while (c->asked < count && c->asked - c->joined < b->opt.opening) {
            struct member *m = &c->members[c->asked++];
            m->crowd = c;
            member_open(m);
        }
        poller_turn(b->poller, b->poller->now_ns + 100000000);
        if (c->joined != before)
            moved_ns = b->poller->now_ns;
        if (c->lost > 0 || b->poller->now_ns - moved_ns > OPEN_NS)
            try_again("%u of %u joined, %u lost: giving up", c->joined, count, c->lost);
    }
    return c;
}

void crowd_free(struct crowd **slot)
{
    struct crowd *c = *slot;
    if (!c)
        return;
    for (uint32_t i = 0; i < c->asked; i++)
        ws_close(&c->members[i].ws);
    buf_fini(&c->text);
    free(c->members);
    free(c);
    *slot = NULL;
}

uint64_t crowd_beat(struct crowd *c)
{
    uint64_t now = c->bench->poller->now_ns;
    uint64_t step = c->bench->opt.beat * 1000000000 / c->count;
    if (c->beats_from_ns == 0)
        c->beats_from_ns = now;
    for (; c->beats_from_ns + c->beats * step <= now; c->beats++) {
        struct member *m = &c->members[c->beats % c->count];
        if (m->state != MEMBER_joined)
            continue;
        m->beat_ns = clock_ns();
        send_message(m, &(struct phoenix){.ref = BYTES("2"),
                                          .topic = BYTES("phoenix"),
                                          .event = BYTES("heartbeat"),
                                          .payload = BYTES("{}")});
    }
    return c->beats_from_ns + c->beats * step;
}

void crowd_report(struct crowd *c)
{
    struct report *r = &c->bench->report;
    if (c->holes + c->repeats + c->wrong_counts > 0)
        bench_failed(c->bench, "events: %llu holes, %llu repeats, %llu wrong counts",
                     (unsigned long long)c->holes, (unsigned long long)c->repeats,
                     (unsigned long long)c->wrong_counts);
    report_add(r, c->joined, 0, "joined");
    report_add(r, c->lost, 0, "connections_lost");
    report_add(r, (double)c->holes, 0, "holes");
    report_add(r, (double)c->repeats, 0, "repeats");
    report_add(r, (double)c->wrong_counts, 0, "wrong_counts");
    report_add(r, (double)c->syncs, 0, "syncs");
}
