/* SPDX-License-Identifier: Apache-2.0 */
#include "session/bus.h"

#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/secret.h"
#include "proto/topic.h"
#include "session/live/heads.h"
#include "session/live/live.h"
#include "session/presence/presence_live.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUS_BUDGET = 512, BUS_HIGH_WATER = 100000, BUS_AGAIN_MS = 500 };
enum { BUS_LONG_MS = 10, BUS_REST_MS = 20 }; /* what rests, and how long at most */

struct bus {
    void *sub, *pub;
    struct buf out;     /* the message being published */
    char name[40];      /* of our confirmations, before their number */
    uint64_t asked;     /* number of the last confirmation subscribed to */
    uint64_t confirmed; /* number of the last one answered */
    uint64_t again_ms;  /* not answered by then: it was lost, as any message may be */
    bool unconfirmed;   /* buckets were added since */
    uint64_t rest_ms;   /* nothing is read before; 0: it is at once */
    struct bucket {
        uint32_t wanted;  /* by so many topics */
        uint64_t confirm; /* holds when this number is confirmed */
    } buckets[TOPIC_BUCKETS];
};

struct bus *bus_new(struct session *s, void *zmq, const struct paths *paths)
{
    struct bus *b = calloc(1, sizeof *b);
    ENSURE(b != NULL);
    b->sub = sock_new(zmq, ZMQ_SUB, BUS_HIGH_WATER);
    sock_set(b->sub, ZMQ_SNDHWM, 0); /* else subscriptions are cut at it (libzmq issue 2258) */
    static const char always[] = {BUS_HEADS, BUS_PRESENCE};
    for (size_t i = 0; i < sizeof always; i++)
        sock_subscribe(b->sub, (struct bytes){always + i, 1}, true);
    sock_connect(b->sub, paths->broker_out);
    b->pub = sock_new(zmq, ZMQ_PUB, BUS_HIGH_WATER);
    sock_connect(b->pub, paths->broker_in);
    buf_init(&b->out, FRAME_MAX);
    uint64_t chance;
    secret_random(&chance, sizeof chance);
    snprintf(b->name, sizeof b->name, "%u-%016llx", s->index, (unsigned long long)chance);
    s->bus = b;
    return b;
}

void bus_free(struct bus **slot)
{
    struct bus *b = *slot;
    *slot = NULL;
    if (!b)
        return;
    zmq_close(b->sub);
    zmq_close(b->pub);
    buf_fini(&b->out);
    free(b);
}

static void subscribe(struct bus *b, uint16_t bucket, bool on)
{
    char key[BUS_KEY];
    bus_key(bucket, key);
    sock_subscribe(b->sub, (struct bytes){key, sizeof key}, on);
}

uint64_t bus_want(struct session *s, uint16_t bucket)
{
    struct bus *b = s->bus;
    struct bucket *it = &b->buckets[bucket];
    if (it->wanted++ == 0) {
        subscribe(b, bucket, true);
        it->confirm = b->asked + 1;
        b->unconfirmed = true;
    }
    return bus_wait(s, bucket);
}

uint64_t bus_wait(const struct session *s, uint16_t bucket)
{
    uint64_t confirm = s->bus->buckets[bucket].confirm;
    return confirm > s->bus->confirmed ? confirm : 0;
}

void bus_unwant(struct session *s, uint16_t bucket)
{
    struct bucket *it = &s->bus->buckets[bucket];
    ENSURE(it->wanted > 0);
    if (--it->wanted == 0)
        subscribe(s->bus, bucket, false);
}

bool bus_say(struct session *s, struct bytes key, const struct msg *m)
{
    struct bus *b = s->bus;
    buf_reset(&b->out);
    buf_bytes(&b->out, key);
    msg_write(&b->out, m);
    ENSURE(!b->out.overflowed);
    return sock_send(b->pub, buf_all(&b->out), 0);
}

bool bus_say_topic(struct session *s, struct bytes topic, const struct msg *m)
{
    char key[BUS_KEY];
    bus_key(topic_bucket(topic), key);
    return bus_say(s, (struct bytes){key, sizeof key}, m);
}

bool bus_publish(struct session *s, const struct msg_broadcast *broadcast)
{
    struct msg m = {.id = MSG_broadcast, .broadcast = *broadcast};
    return bus_say_topic(s, broadcast->topic, &m);
}

const char *bus_name(const struct session *s)
{
    return s->bus->name;
}

static void confirmation(struct bus *b, uint64_t number, bool on)
{
    char key[80];
    int n = snprintf(key, sizeof key, "%c%s.%llu", BUS_CONFIRM, b->name,
                     (unsigned long long)number);
    ENSURE(n > 0 && (size_t)n < sizeof key);
    sock_subscribe(b->sub, (struct bytes){key, (size_t)n}, on);
}

/* `name` is ours and a number: everything up to it holds. */
static void confirmed(struct session *s, struct bytes name)
{
    struct bus *b = s->bus;
    size_t n = strlen(b->name);
    char digits[24] = "";
    if (name.n <= n + 1 || name.n > n + 21 || memcmp(name.p, b->name, n) != 0)
        return; /* another process's */
    memcpy(digits, name.p + n + 1, name.n - n - 1);
    uint64_t number = strtoull(digits, NULL, 10);
    if (number <= b->confirmed || number > b->asked)
        return; /* said again after the broker came back */
    for (uint64_t old = b->confirmed + 1; old <= number; old++)
        confirmation(b, old, false);
    b->confirmed = number;
    live_confirmed(s, number);
}

static void receive(struct session *s, const struct msg *m)
{
    if (m->id == MSG_broadcast) {
        live_broadcast(s, &m->broadcast);
    } else if (m->id == MSG_heads) {
        heads_heard(s, &m->heads);
    } else if (m->id == MSG_presence_delta || m->id == MSG_presence_heads) {
        presence_heard(s, m);
    } else if (m->id == MSG_confirmed) {
        confirmed(s, m->confirmed.name);
    } else {
        log_line("session.bus message=%s error=\"not for a session\"", msg_name(m->id));
    }
}

/* A part is its key, then messages. The key's length follows from its first byte; a confirmation's
 * is ASCII, and a message begins with an array's mark, which is not. */
static size_t key_size(struct bytes part)
{
    size_t n = 1;
    if (part.p[0] == BUS_TOPIC)
        n = BUS_KEY;
    else if (part.p[0] == BUS_CONFIRM)
        while (n < part.n && (unsigned char)part.p[n] < 0x80)
            n++;
    return n < part.n ? n : part.n;
}

void bus_read(struct session *s)
{
    if (s->now_ms < s->bus->rest_ms)
        return;
    s->bus->rest_ms = 0;
    zmq_msg_t part;
    zmq_msg_init(&part);
    for (int n = 0; n < BUS_BUDGET && sock_read(s->bus->sub, &part); n++) {
        struct bytes all = sock_bytes(&part);
        if (all.n == 0)
            continue;
        size_t key = key_size(all);
        struct mp_in in = mp_over((struct bytes){all.p + key, all.n - key});
        struct msg m;
        while (msg_read(&in, &m))
            receive(s, &m);
        if (!in.ok)
            log_line("session.bus error=\"a message that is none of ours\"");
    }
    zmq_msg_close(&part);
}

void bus_flush(struct session *s)
{
    struct bus *b = s->bus;
    bool lost = b->asked > b->confirmed && s->now_ms >= b->again_ms;
    if (!b->unconfirmed && !lost)
        return;
    for (uint64_t old = b->confirmed + 1; lost && old <= b->asked; old++)
        confirmation(b, old, false); /* the next one covers them */
    b->unconfirmed = false;
    b->again_ms = s->now_ms + BUS_AGAIN_MS;
    confirmation(b, ++b->asked, true);
}

void bus_poll(const struct session *s, zmq_pollitem_t on[BUS_POLL])
{
    bool resting = s->bus->rest_ms > 0;
    on[0] = (zmq_pollitem_t){
        .socket = resting ? NULL : s->bus->sub, .fd = -1, .events = ZMQ_POLLIN};
}

void bus_rest(struct session *s, uint64_t worked_ms)
{
    uint64_t rest_ms = worked_ms / 2 < BUS_REST_MS ? worked_ms / 2 : BUS_REST_MS;
    if (worked_ms >= BUS_LONG_MS)
        s->bus->rest_ms = clock_ms() + rest_ms;
}

uint64_t bus_deadline_ms(const struct session *s)
{
    return s->bus->rest_ms ? s->bus->rest_ms : LOOP_NEVER;
}
