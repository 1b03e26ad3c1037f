/* SPDX-License-Identifier: Apache-2.0 */
/* wires.c -- connections between sockets of the processes, which the dice moves.
 *
 * A wire is one connection, from a socket that connected to one that bound. What is sent on it arrives
 * in order and whole, later; when it breaks, of what is under way only a first part still arrives, and
 * the rest is lost; it connects again 10 to 250 ms later, if both ends are there. That is what ZeroMQ
 * does, and all that it promises. Beyond it: the weather of a place makes its wires slow, cuts them,
 * and loses and doubles what passes the broker (as a high-water mark loses, and a notifier that was
 * restarted doubles). */
#include "lib/ensure.h"
#include "tests/sim/wires.h"

#include <stdlib.h>
#include <zmq.h>

struct network net;

/* ---- letters and prefixes */

void letter_put(struct queue *q, struct letter *l)
{
    l->next = NULL;
    if (!q->first)
        q->last = &q->first;
    *q->last = l;
    q->last = &l->next;
    q->n++;
}

struct letter *letter_new(enum letter_kind kind, const void *p, size_t n, uint64_t due_us)
{
    struct letter *l = malloc(sizeof *l + n + 1);
    ENSURE(l != NULL);
    *l = (struct letter){.due_us = due_us, .kind = kind, .n = n};
    memcpy(l->bytes, p, n);
    return l;
}

struct letter *letter_take(struct queue *q)
{
    struct letter *l = q->first;
    if (!l || l->due_us > sim.now_us)
        return NULL;
    q->first = l->next;
    q->n--;
    return l;
}

void letters_drop(struct queue *q, unsigned keep)
{
    struct letter **at = &q->first;
    for (; *at && keep > 0; keep--)
        at = &(*at)->next;
    while (*at) {
        struct letter *l = *at;
        *at = l->next;
        q->n--;
        free(l);
    }
    q->last = at;
}

bool prefixes_have(const struct prefixes *s, const char *p, size_t n)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->list[i].n == n && memcmp(s->list[i].p, p, n) == 0)
            return true;
    return false;
}

bool prefixes_match(const struct prefixes *s, const char *p, size_t n)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->list[i].n <= n && memcmp(s->list[i].p, p, s->list[i].n) == 0)
            return true;
    return false;
}

void prefixes_add(struct prefixes *s, const char *p, size_t n)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 8;
        s->list = realloc(s->list, s->cap * sizeof *s->list);
        ENSURE(s->list != NULL);
    }
    ENSURE(n <= PREFIX_MAX);
    s->list[s->n].n = (uint8_t)n;
    memcpy(s->list[s->n++].p, p, n);
}

void prefixes_remove(struct prefixes *s, const char *p, size_t n)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->list[i].n == n && memcmp(s->list[i].p, p, n) == 0) {
            s->list[i] = s->list[--s->n];
            return;
        }
}

static int by_bytes(const void *left, const void *right)
{
    const struct prefix *a = left, *b = right;
    int c = memcmp(a->p, b->p, a->n < b->n ? a->n : b->n);
    return c ? c : a->n - b->n;
}

/* ---- wires */

void socket_arrives(struct sock *s, uint64_t due_us)
{
    if (s->type == ZMQ_PUB)
        return; /* it is never read */
    if (due_us < s->next_us)
        s->next_us = due_us;
    world_wake(s->place, due_us);
}

static struct weather *worse(const struct wire *w, struct weather *mixed)
{
    const struct weather *a = &net.weather[w->a->place], *b = w->b ? &net.weather[w->b->place] : a;
    *mixed = a->slow_until_us > b->slow_until_us ? *a : *b;
    const struct weather *lossy = a->loss_until_us > b->loss_until_us ? a : b;
    mixed->loss = lossy->loss;
    mixed->twice = lossy->twice;
    mixed->loss_until_us = lossy->loss_until_us;
    mixed->cut_until_us = a->cut_until_us > b->cut_until_us ? a->cut_until_us : b->cut_until_us;
    return mixed;
}

static bool through_broker(const struct wire *w)
{
    return w->a->place == AT_broker || (w->b && w->b->place == AT_broker);
}

void wire_post(struct wire *w, bool to_b, enum letter_kind kind, const void *p, size_t n)
{
    struct queue *q = to_b ? &w->to_b : &w->to_a;
    struct sock *reader = to_b ? w->b : w->a;
    struct weather mixed, *today = worse(w, &mixed);
    uint64_t due_us = sim.now_us + roll_between(&w->dice, 50, 600);
    if (sim.now_us < today->slow_until_us)
        due_us += roll(&w->dice, today->slow_us + 1);
    if (due_us <= q->last_us)
        due_us = q->last_us + 1;
    unsigned copies = 1;
    if (kind == DATA && sim.now_us < today->loss_until_us && through_broker(w)) {
        if (roll(&w->dice, 100) < today->loss)
            copies = 0;
        else if (roll(&w->dice, 100) < today->twice)
            copies = 2;
    }
    for (; copies > 0; copies--) {
        letter_put(q, letter_new(kind, p, n, due_us));
        q->last_us = due_us;
        socket_arrives(reader, due_us);
    }
}

/* An XPUB's owner hears of each subscription; a PUB's does not. */
void wire_subscriptions(struct wire *w, bool at_b)
{
    struct queue *q = at_b ? &w->to_b : &w->to_a;
    struct sock *s = at_b ? w->b : w->a;
    while (q->first && q->first->kind == SUBSCRIPTION && q->first->due_us <= sim.now_us) {
        struct letter *l = letter_take(q);
        if (l->bytes[0] == 1 && !prefixes_have(&w->subs, l->bytes + 1, l->n - 1))
            prefixes_add(&w->subs, l->bytes + 1, l->n - 1);
        else if (l->bytes[0] == 0)
            prefixes_remove(&w->subs, l->bytes + 1, l->n - 1);
        if (s->type == ZMQ_XPUB)
            letter_put(&s->told, l);
        else
            free(l);
    }
}

bool socket_publishes(int type)
{
    return type == ZMQ_PUB || type == ZMQ_XPUB;
}

bool socket_subscribes(int type)
{
    return type == ZMQ_SUB || type == ZMQ_XSUB;
}

/* The events of zmq_socket_monitor(3): 16 bits of event, 32 of value. */
static void monitor(struct sock *s, uint16_t event)
{
    char bytes[6] = {0};
    if (!s->watcher)
        return;
    memcpy(bytes, &event, sizeof event);
    letter_put(&s->watcher->told, letter_new(DATA, bytes, sizeof bytes, sim.now_us));
    socket_arrives(s->watcher, sim.now_us);
}

static void say_subscriptions(struct wire *w, struct sock *s)
{
    bool to_b = s == w->a;
    if (s->subs.n > 1)
        qsort(s->subs.list, s->subs.n, sizeof *s->subs.list,
              by_bytes); /* as libzmq does (measured) */
    for (unsigned i = 0; i < s->subs.n; i++) {
        char bytes[PREFIX_MAX + 1] = {1};
        memcpy(bytes + 1, s->subs.list[i].p, s->subs.list[i].n);
        wire_post(w, to_b, SUBSCRIPTION, bytes, 1u + s->subs.list[i].n);
    }
}

static void up(struct wire *w, struct sock *b)
{
    w->b = b;
    w->up = true;
    net.down--;
    w->identity = ++net.identities;
    w->connect_us = NEVER;
    w->to_a.last_us = w->to_b.last_us = 0;
    monitor(w->a, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    if (socket_subscribes(w->a->type))
        say_subscriptions(w, w->a);
    if (socket_subscribes(b->type))
        say_subscriptions(w, b);
}

static void publisher_lost(struct wire *w, struct sock *s)
{
    for (unsigned i = 0; s->type == ZMQ_XPUB && i < w->subs.n; i++) {
        char bytes[PREFIX_MAX + 1] = {0};
        memcpy(bytes + 1, w->subs.list[i].p, w->subs.list[i].n);
        letter_put(&s->told, letter_new(SUBSCRIPTION, bytes, 1u + w->subs.list[i].n, sim.now_us));
        socket_arrives(s, sim.now_us);
    }
}

/* Of what is under way a first part still arrives, as it was in the kernel already. */
static void down(struct wire *w)
{
    struct sock *publisher = socket_publishes(w->a->type) ? w->a : w->b;
    w->up = false;
    net.down++;
    letters_drop(&w->to_a, (unsigned)roll(&w->dice, w->to_a.n + 1));
    letters_drop(&w->to_b, 0); /* its reader sees a new connection next, with another identity */
    monitor(w->a, ZMQ_EVENT_DISCONNECTED);
    if (publisher)
        publisher_lost(w, publisher);
    w->subs.n = 0;
    w->b = NULL;
    w->connect_us = sim.now_us + roll_between(&w->dice, 10 * MS, 250 * MS);
}

static void connect_now(struct wire *w)
{
    w->connect_us = sim.now_us + roll_between(&w->dice, 10 * MS, 250 * MS);
    if (!world_alive(w->a->place) || net.weather[w->a->place].cut_until_us > sim.now_us)
        return;
    for (struct sock *s = net.socks; s; s = s->next)
        if (s->bound && strcmp(s->endpoint, w->endpoint) == 0 && world_alive(s->place) &&
            net.weather[s->place].cut_until_us <= sim.now_us) {
            up(w, s);
            return;
        }
}

static void wire_free(struct wire **at)
{
    struct wire *w = *at;
    *at = w->next;
    net.down -= !w->up;
    letters_drop(&w->to_a, 0);
    letters_drop(&w->to_b, 0);
    free(w->subs.list);
    free(w);
}

/* Its wires end; nobody hears it any more. */
static void die(struct sock *s)
{
    s->dead = true;
    s->bound = false;
    for (struct wire **at = &net.wires, *w; (w = *at);) {
        if (w->a == s) {
            if (w->up && w->b && socket_publishes(w->b->type))
                publisher_lost(w, w->b);
            wire_free(at);
            continue;
        }
        if (w->b == s)
            down(w);
        at = &w->next;
    }
    letters_drop(&s->told, 0);
    s->next_us = NEVER;
}

void socket_free(struct sock *s)
{
    die(s);
    struct sock **at = &net.socks;
    for (struct sock *o = net.socks; o; o = o->next)
        if (o->watcher == s)
            o->watcher = NULL;
    while (*at && *at != s)
        at = &(*at)->next;
    if (*at)
        *at = s->next;
    free(s->second);
    free(s->subs.list);
    free(s);
}

/* ---- for the world */

void network_open(void)
{
    memset(&net, 0, sizeof net);
}

void network_close(void)
{
    while (net.socks)
        socket_free(net.socks);
}

uint64_t network_due_us(void)
{
    uint64_t first = NEVER;
    for (struct wire *w = net.down > 0 ? net.wires : NULL; w; w = w->next)
        if (!w->up && w->connect_us < first)
            first = w->connect_us;
    return first;
}

void network_run(void)
{
    for (struct wire *w = net.wires; w; w = w->next)
        if (!w->up && w->connect_us <= sim.now_us)
            connect_now(w);
}

uint64_t network_arrival_us(unsigned place)
{
    uint64_t first = NEVER;
    for (struct sock *s = net.socks; s; s = s->next)
        if (s->place == place && s->next_us < first)
            first = s->next_us;
    return first;
}

/* The process closes them yet, when it is ended. */
void network_died(unsigned place)
{
    for (struct sock *s = net.socks; s; s = s->next)
        if (s->place == place)
            die(s);
}

struct weather *network_weather(unsigned place)
{
    return &net.weather[place];
}

void network_cut(unsigned place)
{
    for (struct wire *w = net.wires; w; w = w->next)
        if (w->up && (w->a->place == place || w->b->place == place))
            down(w);
}

void network_heal(void)
{
    memset(net.weather, 0, sizeof net.weather);
}
