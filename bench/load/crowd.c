/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/crowd.h"

#include "bench/load/inbox.h"
#include "lib/ensure.h"
#include "lib/loop.h"
#include "proto/topic.h"

#include <stdio.h>
#include <stdlib.h>

#define OPEN_NS (UINT64_C(60) * 1000000000) /* with nobody joining: something is broken */
#define MS UINT64_C(1000000)

/* phoenix.js, Socket: reconnectAfterMs; the last one is for all tries that follow. */
static const uint64_t return_ms[RETURN_STEPS] = {10, 50, 100, 150, 200, 250, 500, 1000, 2000, 5000};

static void member_open(struct member *m);

static uint64_t now_ns(const struct member *m)
{
    return m->crowd->bench->poller->now_ns;
}

static void put(struct member *m, const struct phoenix *message)
{
    struct buf *text = &m->crowd->text;
    buf_reset(text);
    phoenix_write(text, message);
    client_text(&m->client, buf_all(text));
}

static uint32_t topics_each(const struct crowd *c)
{
    return c->plan.topics_each ? c->plan.topics_each : 1;
}

static void user_of(const struct member *m, char out[BENCH_USER])
{
    bench_user(m->crowd->bench, m->crowd->plan.first + member_number(m), out);
}

struct bytes crowd_topic(const struct member *m, uint32_t k, char out[CROWD_TOPIC])
{
    const struct crowd *c = m->crowd;
    char user[BENCH_USER], name[TOPIC_MAX + 1];
    if (!c->plan.topic) {
        user_of(m, user);
        size_t n = topic_of_user(bytes_of(user), name);
        ENSURE(n < CROWD_TOPIC);
        memcpy(out, name, n);
        return (struct bytes){out, n};
    }
    uint32_t number = c->plan.own ? member_number(m) * topics_each(c) + k : 0;
    int n = snprintf(out, CROWD_TOPIC, "%s:%s-%u", c->plan.topic, c->bench->run, number);
    ENSURE(n > 0 && n < CROWD_TOPIC);
    return (struct bytes){out, (size_t)n};
}

/* join_ref of its k-th topic, as decimal. */
static struct bytes join_ref(uint32_t k, char room[12])
{
    int n = snprintf(room, 12, "%u", k + 1);
    return (struct bytes){room, (size_t)n};
}

void crowd_push(struct member *m, uint32_t k, struct bytes event, struct bytes payload)
{
    char name[CROWD_TOPIC], ref[12];
    put(m, &(struct phoenix){.join_ref = join_ref(k, ref),
                             .ref = BYTES("9"),
                             .topic = crowd_topic(m, k, name),
                             .event = event,
                             .payload = payload});
}

static void on_opened(struct client *client)
{
    struct member *m = (struct member *)client;
    char name[CROWD_TOPIC], ref[12], room[100];
    struct buf since = {.p = room, .cap = sizeof room, .max = sizeof room};
    if (m->was_lost && !m->crowd->plan.topic)
        buf_format(&since, "{\"since\":%llu,\"epoch\":%llu}", (unsigned long long)m->seq,
                   (unsigned long long)m->epoch);
    else
        buf_text(&since, "{}");
    m->state = MEMBER_joining;
    m->joined_topics = 0;
    for (uint32_t k = 0; k < topics_each(m->crowd); k++)
        put(m, &(struct phoenix){.join_ref = join_ref(k, ref),
                                 .ref = join_ref(k, ref),
                                 .topic = crowd_topic(m, k, name),
                                 .event = BYTES("phx_join"),
                                 .payload = buf_all(&since)});
    client_flush(&m->client);
}

static void come_back_later(struct member *m)
{
    struct crowd *c = m->crowd;
    unsigned step = m->tries < RETURN_STEPS ? m->tries : RETURN_STEPS - 1;
    if (m->tries < RETURN_STEPS)
        m->tries++;
    m->was_lost = true;
    m->beat_ns = clock_ns();
    m->later = NULL;
    *(c->away[step] ? c->away_end[step] : &c->away[step]) = m;
    c->away_end[step] = &m->later;
}

static void on_gone(struct client *client, const char *why)
{
    struct member *m = (struct member *)client;
    if (m->state == MEMBER_joined)
        m->crowd->joined--;
    m->state = MEMBER_lost;
    m->crowd->lost++;
    if (m->crowd->plan.returns)
        come_back_later(m);
    else
        bench_failed(m->crowd->bench, "connection %u: %s", member_number(m), why);
}

static void joined(struct member *m)
{
    histogram_add(&m->crowd->join_times, now_ns(m) - m->beat_ns);
    m->beat_ns = 0;
    m->tries = 0;
    m->state = MEMBER_joined;
    m->crowd->joined++;
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
    } else if (m->state == MEMBER_joining && ok && (c->plan.topic || inbox_joined(m, response))) {
        if (++m->joined_topics == topics_each(c))
            joined(m);
    } else if (m->state == MEMBER_joined && ok) {
        c->replies++;
    } else {
        bench_failed(c->bench, "connection %u: answered %.*s", member_number(m),
                     (int)(reply->payload.n < 200 ? reply->payload.n : 200), reply->payload.p);
    }
}

static void on_message(struct client *client, struct bytes text)
{
    struct member *m = (struct member *)client;
    struct crowd *c = m->crowd;
    struct phoenix message;
    if (c->plan.took && c->plan.took(m, text, c->plan.of))
        return;
    if (!phoenix_read(text, &message))
        bench_failed(c->bench, "connection %u: not a Phoenix message: %.*s", member_number(m),
                     (int)(text.n < 200 ? text.n : 200), text.p);
    else if (bytes_is(message.event, "phx_reply"))
        on_reply(m, &message);
    else if (c->plan.topic)
        bench_failed(c->bench, "connection %u: nobody said %.*s", member_number(m),
                     (int)(text.n < 200 ? text.n : 200), text.p);
    else
        inbox_event(m, &message);
}

static void member_open(struct member *m)
{
    static const struct client_ops ops = {on_opened, on_message, on_gone};
    struct bench *b = m->crowd->bench;
    char user[BENCH_USER];
    user_of(m, user);
    m->state = MEMBER_connecting;
    m->beat_ns = clock_ns(); /* until it has joined: when it began */
    client_open(&m->client, b, &ops, user);
}

struct crowd *crowd_new(struct bench *b, const struct crowd_plan *plan)
{
    struct crowd *c = calloc(1, sizeof *c);
    ENSURE(c != NULL);
    *c = (struct crowd){.bench = b, .plan = *plan, .beats_most = UINT64_MAX};
    c->members = calloc(plan->count, sizeof *c->members);
    ENSURE(c->members != NULL);
    buf_init(&c->text, 1 << 20);
    return c;
}

void crowd_grow(struct crowd *c, uint32_t count)
{
    struct bench *b = c->bench;
    ENSURE(count <= c->plan.count);
    c->count = count;
    uint64_t moved_ns = clock_ns();
    for (uint32_t before = c->joined; c->joined < c->count; before = c->joined) {
        while (c->asked < c->count && c->asked - c->joined < b->opt.opening) {
            struct member *m = &c->members[c->asked++];
            m->crowd = c;
            member_open(m);
        }
        poller_turn(b->poller, b->poller->now_ns + 100 * MS);
        if (c->joined != before)
            moved_ns = b->poller->now_ns;
        if (c->lost > 0 || b->failures > 0 || b->poller->now_ns - moved_ns > OPEN_NS)
            try_again("%u of %u joined, %u lost: giving up", c->joined, c->count, c->lost);
    }
}

struct crowd *crowd_open(struct bench *b, const struct crowd_plan *plan)
{
    struct crowd *c = crowd_new(b, plan);
    crowd_grow(c, plan->count);
    return c;
}

void crowd_free(struct crowd **slot)
{
    struct crowd *c = *slot;
    if (!c)
        return;
    for (uint32_t i = 0; i < c->asked; i++)
        client_close(&c->members[i].client);
    buf_fini(&c->text);
    free(c->members);
    free(c);
    *slot = NULL;
}

/* Each list holds those with the same delay, so that its first one is due first. */
static uint64_t let_return(struct crowd *c)
{
    uint64_t next = UINT64_MAX, now = c->bench->poller->now_ns;
    for (unsigned step = 0; step < RETURN_STEPS; step++) {
        struct member *m;
        while ((m = c->away[step]) && m->beat_ns + return_ms[step] * MS <= now) {
            c->away[step] = m->later;
            member_open(m);
        }
        if (m && m->beat_ns + return_ms[step] * MS < next)
            next = m->beat_ns + return_ms[step] * MS;
    }
    return next;
}

uint64_t crowd_beat(struct crowd *c)
{
    uint64_t now = c->bench->poller->now_ns, back = c->plan.returns ? let_return(c) : UINT64_MAX;
    uint64_t step = c->bench->opt.beat * 1000 * MS / c->count;
    if (c->beats_from_ns == 0)
        c->beats_from_ns = now;
    for (; c->beats < c->beats_most && c->beats_from_ns + c->beats * step <= now; c->beats++) {
        struct member *m = &c->members[c->beats % c->count];
        if (m->state != MEMBER_joined)
            continue;
        m->beat_ns = clock_ns();
        put(m, &(struct phoenix){.ref = BYTES("2"),
                                 .topic = BYTES("phoenix"),
                                 .event = BYTES("heartbeat"),
                                 .payload = BYTES("{}")});
        client_flush(&m->client);
    }
    uint64_t beat = c->beats < c->beats_most ? c->beats_from_ns + c->beats * step : UINT64_MAX;
    return beat < back ? beat : back;
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
