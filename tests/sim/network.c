/* SPDX-License-Identifier: Apache-2.0 */
/* network.c -- the part of libzmq that Belfry calls, over wires that the dice moves.
 *
 * A wire is one connection, from a socket that connected to one that bound. What is sent on it arrives
 * in order and whole, later; when it breaks, of what is under way only a first part still arrives, and
 * the rest is lost; it connects again 10 to 250 ms later, if both ends are there. That is what ZeroMQ
 * does, and all that it promises. Beyond it: the weather of a place makes its wires slow, cuts them,
 * and loses and doubles what passes the broker (as a high-water mark loses, and a notifier that was
 * restarted doubles).
 * Sources     zmq_socket(3): ROUTER, DEALER, PUB, SUB, XPUB, XSUB; zmq_socket_monitor(3). */
#include "lib/ensure.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

enum { PREFIX_MAX = 80, HIGH_WATER = 1000 };
enum letter_kind { DATA, SUBSCRIPTION };

struct letter {
    struct letter *next;
    uint64_t due_us;
    enum letter_kind kind;
    size_t n;
    char bytes[];
};

/* One direction of a wire; or what a socket itself has to tell its owner. */
struct queue {
    struct letter *first, **last;
    unsigned n;
    uint64_t last_us; /* nothing overtakes */
};

struct prefix {
    uint8_t n;
    char p[PREFIX_MAX];
};

struct prefixes {
    struct prefix *list;
    unsigned n, cap;
};

struct sock {
    struct sock *next;
    int type;
    unsigned place;
    char endpoint[ENDPOINT_SIZE];
    bool bound, dead;
    uint64_t next_us;      /* nothing arrives before; a lower bound */
    struct prefixes subs;  /* SUB: what it wants; XSUB: that too */
    struct queue told;     /* monitor's events; XPUB: subscriptions that came */
    struct sock *watcher;  /* the PAIR that gets our events */
    char watch[64];        /* its name */
    struct wire *to;       /* ROUTER: whom the next part goes to */
    struct letter *second; /* ROUTER: the part behind the identity that was read */
};

struct wire {
    struct wire *next;
    struct sock *a, *b; /* who connected; to whom, while up */
    char endpoint[ENDPOINT_SIZE];
    bool up;
    uint32_t identity;
    struct queue to_a, to_b;
    struct prefixes subs; /* of the subscribing end, as the other end knows them */
    uint64_t connect_us;  /* while down: the next try */
    struct dice dice;
};

static struct {
    struct sock *socks;
    struct wire *wires;
    uint32_t identities;
    unsigned down; /* wires */
    struct weather weather[PLACES];
} net;

/* ---- letters and prefixes */

static void put(struct queue *q, struct letter *l)
{
    l->next = NULL;
    if (!q->first)
        q->last = &q->first;
    *q->last = l;
    q->last = &l->next;
    q->n++;
}

static struct letter *letter(enum letter_kind kind, const void *p, size_t n, uint64_t due_us)
{
    struct letter *l = malloc(sizeof *l + n + 1);
    ENSURE(l != NULL);
    *l = (struct letter){.due_us = due_us, .kind = kind, .n = n};
    memcpy(l->bytes, p, n);
    return l;
}

static struct letter *take(struct queue *q)
{
    struct letter *l = q->first;
    if (!l || l->due_us > sim.now_us)
        return NULL;
    q->first = l->next;
    q->n--;
    return l;
}

static void drop(struct queue *q, unsigned keep)
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

static bool has(const struct prefixes *s, const char *p, size_t n)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->list[i].n == n && memcmp(s->list[i].p, p, n) == 0)
            return true;
    return false;
}

static bool matches(const struct prefixes *s, const char *p, size_t n)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->list[i].n <= n && memcmp(s->list[i].p, p, s->list[i].n) == 0)
            return true;
    return false;
}

static void add(struct prefixes *s, const char *p, size_t n)
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

static void remove_one(struct prefixes *s, const char *p, size_t n)
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

static void arrives(struct sock *s, uint64_t due_us)
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

static void post(struct wire *w, bool to_b, enum letter_kind kind, const void *p, size_t n)
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
        put(q, letter(kind, p, n, due_us));
        q->last_us = due_us;
        arrives(reader, due_us);
    }
}

/* An XPUB's owner hears of each subscription; a PUB's does not. */
static void subscriptions_take(struct wire *w, bool at_b)
{
    struct queue *q = at_b ? &w->to_b : &w->to_a;
    struct sock *s = at_b ? w->b : w->a;
    while (q->first && q->first->kind == SUBSCRIPTION && q->first->due_us <= sim.now_us) {
        struct letter *l = take(q);
        if (l->bytes[0] == 1 && !has(&w->subs, l->bytes + 1, l->n - 1))
            add(&w->subs, l->bytes + 1, l->n - 1);
        else if (l->bytes[0] == 0)
            remove_one(&w->subs, l->bytes + 1, l->n - 1);
        if (s->type == ZMQ_XPUB)
            put(&s->told, l);
        else
            free(l);
    }
}

static bool publishes(int type)
{
    return type == ZMQ_PUB || type == ZMQ_XPUB;
}

static bool subscribes(int type)
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
    put(&s->watcher->told, letter(DATA, bytes, sizeof bytes, sim.now_us));
    arrives(s->watcher, sim.now_us);
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
        post(w, to_b, SUBSCRIPTION, bytes, 1u + s->subs.list[i].n);
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
    if (subscribes(w->a->type))
        say_subscriptions(w, w->a);
    if (subscribes(b->type))
        say_subscriptions(w, b);
}

static void publisher_lost(struct wire *w, struct sock *s)
{
    for (unsigned i = 0; s->type == ZMQ_XPUB && i < w->subs.n; i++) {
        char bytes[PREFIX_MAX + 1] = {0};
        memcpy(bytes + 1, w->subs.list[i].p, w->subs.list[i].n);
        put(&s->told, letter(SUBSCRIPTION, bytes, 1u + w->subs.list[i].n, sim.now_us));
        arrives(s, sim.now_us);
    }
}

/* Of what is under way a first part still arrives, as it was in the kernel already. */
static void down(struct wire *w)
{
    struct sock *publisher = publishes(w->a->type) ? w->a : w->b;
    w->up = false;
    net.down++;
    drop(&w->to_a, (unsigned)roll(&w->dice, w->to_a.n + 1));
    drop(&w->to_b, 0); /* its reader sees a new connection next, with another identity */
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
    drop(&w->to_a, 0);
    drop(&w->to_b, 0);
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
            if (w->up && w->b && publishes(w->b->type))
                publisher_lost(w, w->b);
            wire_free(at);
            continue;
        }
        if (w->b == s)
            down(w);
        at = &w->next;
    }
    drop(&s->told, 0);
    s->next_us = NEVER;
}

static void sock_free(struct sock *s)
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
        sock_free(net.socks);
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

/* ---- what the processes call */

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
    sock_free(sock);
    return 0;
}

static void subscribe(struct sock *s, const char *p, size_t n, bool on)
{
    char bytes[PREFIX_MAX + 1] = {on};
    memcpy(bytes + 1, p, n);
    if (on)
        add(&s->subs, p, n);
    else
        remove_one(&s->subs, p, n);
    if (has(&s->subs, p, n) != on)
        return; /* wanted twice, and still once */
    for (struct wire *w = net.wires; w; w = w->next)
        if (w->up && (w->a == s || w->b == s))
            post(w, w->a == s, SUBSCRIPTION, bytes, n + 1);
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
        subscriptions_take(w, w->b == s);
        if (matches(&w->subs, p, n))
            post(w, w->a == s, DATA, p, n);
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
    post(s->to, false, DATA, p, n);
    s->to = NULL;
    return (int)n;
}

int zmq_send(void *sock, const void *p, size_t n, int flags)
{
    struct sock *s = sock;
    if (s->dead)
        return refused(EAGAIN);
    if (publishes(s->type)) {
        publish(s, p, n);
        return (int)n;
    }
    if (s->type == ZMQ_ROUTER)
        return send_routed(s, p, n, flags);
    if (s->type == ZMQ_XSUB) { /* before anybody has connected: kept for all who will */
        add(&s->subs, (const char *)p + 1, n - 1);
        return (int)n;
    }
    struct wire *w = wire_to(s, 0);
    if (!w || w->to_b.n >= HIGH_WATER)
        return refused(EAGAIN);
    post(w, true, DATA, p, n);
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
        if (publishes(s->type))
            subscriptions_take(w, w->b == s);
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
        struct letter *l = take(w->a == s ? &w->to_a : &w->to_b);
        if (s->type == ZMQ_SUB && !matches(&s->subs, l->bytes, l->n)) {
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
    struct letter *l = take(&s->told);
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
