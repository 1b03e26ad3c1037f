/* SPDX-License-Identifier: Apache-2.0 */
/* network.c -- the part of libzmq that Belfry calls, over the wires of wires.c.
 * Sources     zmq_socket(3): ROUTER, DEALER, PUB, SUB, XPUB, XSUB; zmq_socket_monitor(3). */
#include "lib/ensure.h"
#include "tests/sim/wires.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

void *zmq_ctx_new(void)
{
    return &net;
}

int zmq_ctx_term(void *ctx)
{
    (void)ctx;
    return 0;
}

void *zmq_socket(void *ctx, int type)
{
    struct sock *s = calloc(1, sizeof *s);
    (void)ctx;
    ENSURE(s != NULL);
    s->type = type;
    s->next_us = NEVER;
    s->place = sim.self;
    s->next = net.socks;
    net.socks = s;
    return s;
}

int zmq_close(void *sock)
{
    socket_free(sock);
    return 0;
}

static void subscribe(struct sock *s, const char *p, size_t n, bool on)
{
    char bytes[PREFIX_MAX + 1] = {on};
    memcpy(bytes + 1, p, n);
    if (on)
        prefixes_add(&s->subs, p, n);
    else
        prefixes_remove(&s->subs, p, n);
    if (prefixes_have(&s->subs, p, n) != on)
        return; /* wanted twice, and still once */
    for (struct wire *w = net.wires; w; w = w->next)
        if (w->up && (w->a == s || w->b == s))
            wire_post(w, w->a == s, SUBSCRIPTION, bytes, n + 1);
}

int zmq_setsockopt(void *sock, int option, const void *value, size_t n)
{
    if (((struct sock *)sock)->dead)
        return 0;
    if (option == ZMQ_SUBSCRIBE || option == ZMQ_UNSUBSCRIBE)
        subscribe(sock, value, n, option == ZMQ_SUBSCRIBE);
    return 0;
}

int zmq_bind(void *sock, const char *endpoint)
{
    struct sock *s = sock;
    ENSURE(strlen(endpoint) < sizeof s->endpoint);
    snprintf(s->endpoint, sizeof s->endpoint, "%s", endpoint);
    s->bound = true;
    return 0;
}

/* lib/sock.c locks the path first: there is none here. */
/* NOLINTBEGIN(bugprone-reserved-identifier): the linker makes these names */
void __wrap_sock_bind(void *sock, const char *endpoint);
/* NOLINTEND(bugprone-reserved-identifier) */
void __wrap_sock_bind(void *sock, const char *endpoint)
{
    zmq_bind(sock, endpoint);
}

/* lib/curve.c: nothing here is on another machine. */
bool curve_needed(const char *endpoint)
{
    (void)endpoint;
    return false;
}

const char *curve_load(const char *file)
{
    return file;
}

void curve_serve(void *sock)
{
    (void)sock;
}

void curve_call(void *sock)
{
    (void)sock;
}

static int connect_watcher(struct sock *s, const char *name)
{
    for (struct sock *o = net.socks; o; o = o->next)
        if (strcmp(o->watch, name) == 0) {
            o->watcher = s;
            return 0;
        }
    return -1;
}

int zmq_connect(void *sock, const char *endpoint)
{
    struct sock *s = sock;
    if (s->type == ZMQ_PAIR)
        return connect_watcher(s, endpoint);
    struct wire *w = calloc(1, sizeof *w);
    ENSURE(w != NULL);
    w->a = s;
    net.down++;
    snprintf(w->endpoint, sizeof w->endpoint, "%s", endpoint);
    uint64_t where = 0;
    for (const char *p = endpoint; *p; p++)
        where = where * 131 + (unsigned char)*p;
    w->dice = dice_of(where * PLACES + s->place, 1000 + world_life(s->place));
    w->connect_us = sim.now_us + roll(&w->dice, 4 * MS);
    struct wire **at = &net.wires;
    while (*at)
        at = &(*at)->next;
    *at = w;
    return 0;
}

int zmq_socket_monitor(void *sock, const char *name, int events)
{
    (void)events;
    if (name)
        snprintf(((struct sock *)sock)->watch, sizeof((struct sock *)sock)->watch, "%s", name);
    return 0;
}

/* The wire of a DEALER; the peer of a ROUTER. */
static struct wire *wire_to(struct sock *s, uint32_t identity)
{
    for (struct wire *w = net.wires; w; w = w->next)
        if (w->up && (s->type == ZMQ_ROUTER ? w->b == s && w->identity == identity : w->a == s))
            return w;
    return NULL;
}

static void publish(struct sock *s, const char *p, size_t n)
{
    for (struct wire *w = net.wires; w; w = w->next) {
        if (!w->up || (w->a != s && w->b != s))
            continue;
        wire_subscriptions(w, w->b == s);
        if (prefixes_match(&w->subs, p, n))
            wire_post(w, w->a == s, DATA, p, n);
    }
}

static int refused(int why)
{
    errno = why;
    return -1;
}

static int send_routed(struct sock *s, const void *p, size_t n, int flags)
{
    uint32_t identity = 0;
    if (!s->to) {
        ENSURE(n == 1 + sizeof identity);
        ENSURE(flags & ZMQ_SNDMORE);
        memcpy(&identity, (const char *)p + 1, sizeof identity);
        s->to = wire_to(s, identity);
        return s->to ? (int)n : refused(EHOSTUNREACH);
    }
    wire_post(s->to, false, DATA, p, n);
    s->to = NULL;
    return (int)n;
}

int zmq_send(void *sock, const void *p, size_t n, int flags)
{
    struct sock *s = sock;
    if (s->dead)
        return refused(EAGAIN);
    if (socket_publishes(s->type)) {
        publish(s, p, n);
        return (int)n;
    }
    if (s->type == ZMQ_ROUTER)
        return send_routed(s, p, n, flags);
    if (s->type == ZMQ_XSUB) { /* before anybody has connected: kept for all who will */
        prefixes_add(&s->subs, (const char *)p + 1, n - 1);
        return (int)n;
    }
    struct wire *w = wire_to(s, 0);
    if (!w || w->to_b.n >= HIGH_WATER)
        return refused(EAGAIN);
    wire_post(w, true, DATA, p, n);
    return (int)n;
}

/* ---- messages */

struct part {
    char *p;
    size_t n;
    bool more;
};
_Static_assert(sizeof(struct part) <= sizeof(zmq_msg_t), "it lies in libzmq's");

static struct part *part_of(zmq_msg_t *m)
{
    return (struct part *)(void *)m;
}

int zmq_msg_init(zmq_msg_t *m)
{
    *part_of(m) = (struct part){0};
    return 0;
}

int zmq_msg_init_size(zmq_msg_t *m, size_t n)
{
    *part_of(m) = (struct part){.p = malloc(n + 1), .n = n};
    return 0;
}

int zmq_msg_close(zmq_msg_t *m)
{
    free(part_of(m)->p);
    return zmq_msg_init(m);
}

void *zmq_msg_data(zmq_msg_t *m)
{
    return part_of(m)->p;
}

size_t zmq_msg_size(const zmq_msg_t *m)
{
    return ((const struct part *)(const void *)m)->n;
}

int zmq_msg_more(const zmq_msg_t *m)
{
    return ((const struct part *)(const void *)m)->more;
}

static int give(zmq_msg_t *m, const void *p, size_t n, bool more)
{
    zmq_msg_close(m);
    zmq_msg_init_size(m, n);
    memcpy(part_of(m)->p, p, n);
    part_of(m)->more = more;
    return (int)n;
}

static int give_letter(zmq_msg_t *m, struct letter *l)
{
    int n = give(m, l->bytes, l->n, false);
    free(l);
    return n;
}

/* The wire whose next message came first, if one has come. */
static struct wire *earliest(struct sock *s)
{
    struct wire *first = NULL;
    uint64_t first_us = NEVER;
    s->next_us = s->told.first ? s->told.first->due_us : NEVER;
    for (struct wire *w = net.wires; w; w = w->next) {
        if (w->a != s && w->b != s)
            continue;
        if (socket_publishes(s->type))
            wire_subscriptions(w, w->b == s);
        const struct letter *l = w->a == s ? w->to_a.first : w->to_b.first;
        if (l && l->due_us < first_us) {
            first = w;
            first_us = l->due_us;
        }
    }
    if (s->told.first && s->told.first->due_us < s->next_us)
        s->next_us = s->told.first->due_us;
    if (first_us < s->next_us)
        s->next_us = first_us;
    return first_us <= sim.now_us ? first : NULL;
}

int zmq_msg_recv(zmq_msg_t *m, void *sock, int flags)
{
    struct sock *s = sock;
    (void)flags;
    if (s->dead || (sim.now_us < s->next_us && !s->second))
        return refused(EAGAIN);
    if (s->second) {
        struct letter *l = s->second;
        s->second = NULL;
        return give_letter(m, l);
    }
    for (struct wire *w; (w = earliest(s));) {
        struct letter *l = letter_take(w->a == s ? &w->to_a : &w->to_b);
        if (s->type == ZMQ_SUB && !prefixes_match(&s->subs, l->bytes, l->n)) {
            free(l); /* unsubscribed meanwhile */
            continue;
        }
        if (s->type != ZMQ_ROUTER)
            return give_letter(m, l);
        char identity[1 + sizeof w->identity] = {0};
        memcpy(identity + 1, &w->identity, sizeof w->identity);
        s->second = l;
        return give(m, identity, sizeof identity, true);
    }
    struct letter *l = letter_take(&s->told);
    return l ? give_letter(m, l) : refused(EAGAIN);
}

int zmq_msg_send(zmq_msg_t *m, void *sock, int flags)
{
    int n = zmq_send(sock, part_of(m)->p, part_of(m)->n, flags);
    if (n >= 0)
        zmq_msg_close(m);
    return n;
}

const char *zmq_strerror(int why)
{
    return strerror(why);
}

/* Of a wait: the world's. libzmq writes through `n`. */
int zmq_getsockopt(void *sock, int option, void *value,
                   size_t *n) /* NOLINT(readability-non-const-parameter) */
{
    (void)sock;
    (void)option;
    (void)value;
    (void)n;
    return -1;
}
