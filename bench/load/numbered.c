/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/numbered.h"

#include "lib/ensure.h"

#include <stdlib.h>

#define SECOND UINT64_C(1000000000)

static uint32_t readers(const struct numbered *y)
{
    return y->crowd->count - y->muted;
}

static void arrived(struct numbered *y, struct said *s, uint64_t t)
{
    y->arrived++;
    s->got++;
    for (s = &y->ring[(y->everywhere + 1) % SAID];
         s->n == y->everywhere + 1 && s->got == readers(y);
         s = &y->ring[(y->everywhere + 1) % SAID])
        y->everywhere++;
    if (!y->counting)
        return;
    y->counted++;
    histogram_add(&y->times, clock_ns() - y->crowd->bench->start_ns - t);
}

/* Read it whole, and keep it for those who get the same. False: it is none of ours. */
static bool read_first(struct numbered *y, struct member *m, struct bytes text)
{
    struct phoenix message;
    uint64_t n, t;
    if (!phoenix_read(text, &message) || !bytes_is(message.event, "numbered") ||
        !field_u64(message.payload, "n", &n) || !field_u64(message.payload, "t", &t))
        return false;
    if (n < m->next) {
        y->crowd->repeats++;
        return true;
    }
    y->crowd->holes += n - m->next;
    m->next = n + 1;
    struct said *s = &y->ring[n % SAID];
    if (y->shared && s->n != n) {
        ENSURE(text.n <= SAID_BYTES);
        *s = (struct said){.n = n, .t = t, .size = (uint32_t)text.n};
        memcpy(s->text, text.p, text.n);
    }
    arrived(y, s, t);
    return true;
}

static bool took(struct member *m, struct bytes text, void *of)
{
    struct numbered *y = of;
    struct said *s = &y->ring[m->next % SAID];
    if (s->n != m->next || s->size != text.n || memcmp(s->text, text.p, text.n) != 0)
        return read_first(y, m, text);
    m->next++;
    arrived(y, s, s->t);
    return true;
}

struct numbered *numbered_new(struct crowd *c, uint32_t topics)
{
    struct numbered *y = calloc(1, sizeof *y);
    ENSURE(y != NULL);
    y->crowd = c;
    y->topics = topics;
    y->shared = topics == 1;
    y->next = calloc(topics, sizeof *y->next);
    y->ring = calloc(SAID, sizeof *y->ring);
    ENSURE(y->next != NULL && y->ring != NULL);
    for (uint32_t i = 0; i < topics; i++)
        y->next[i] = 1;
    for (uint32_t i = 0; i < c->count; i++)
        c->members[i].next = 1;
    buf_init(&y->payload, SAID_BYTES);
    c->plan.took = took;
    c->plan.of = y;
    return y;
}

void numbered_free(struct numbered **slot)
{
    struct numbered *y = *slot;
    *slot = NULL;
    if (!y)
        return;
    buf_fini(&y->payload);
    free(y->ring);
    free(y->next);
    free(y);
}

void numbered_say(struct numbered *y, struct member *from, uint32_t k, uint32_t topic)
{
    struct bench *b = y->crowd->bench;
    static const char tail[] = "\"}";
    buf_reset(&y->payload);
    buf_format(&y->payload, "{\"n\":%llu,\"t\":%llu,\"pad\":\"",
               (unsigned long long)y->next[topic]++,
               (unsigned long long)(clock_ns() - b->start_ns));
    while (y->payload.n + sizeof tail - 1 < b->opt.bytes)
        buf_byte(&y->payload, 'x');
    buf_text(&y->payload, tail);
    ENSURE(!y->payload.overflowed);
    crowd_push(from, k, BYTES("numbered"), buf_all(&y->payload));
    y->said++;
}

uint64_t numbered_under_way(const struct numbered *y)
{
    return y->said * (y->shared ? readers(y) : 1) - y->arrived;
}

uint64_t numbered_ahead(const struct numbered *y)
{
    return y->said - y->everywhere;
}

void numbered_settle(struct numbered *y)
{
    struct bench *b = y->crowd->bench;
    uint64_t until = clock_ns() + 5 * SECOND;
    while (numbered_under_way(y) > 0 && clock_ns() < until && b->failures == 0)
        poller_turn(b->poller, until);
    if (numbered_under_way(y) > 0)
        bench_failed(b, "%llu messages never arrived", (unsigned long long)numbered_under_way(y));
}
