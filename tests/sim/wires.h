/* SPDX-License-Identifier: Apache-2.0 */
/* wires.h -- what network.c (the calls of libzmq) and wires.c (what lies between them) share. */
#pragma once

#include "tests/sim/sim.h"

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

struct network {
    struct sock *socks;
    struct wire *wires;
    uint32_t identities;
    unsigned down; /* wires */
    struct weather weather[PLACES];
};
extern struct network net;

struct letter *letter_new(enum letter_kind kind, const void *p, size_t n, uint64_t due_us);
void letter_put(struct queue *q, struct letter *l);
struct letter *letter_take(struct queue *q); /* the first, if it has arrived */
void letters_drop(struct queue *q, unsigned keep);

bool prefixes_have(const struct prefixes *s, const char *p, size_t n);
bool prefixes_match(const struct prefixes *s, const char *p, size_t n);
void prefixes_add(struct prefixes *s, const char *p, size_t n);
void prefixes_remove(struct prefixes *s, const char *p, size_t n);

void wire_post(struct wire *w, bool to_b, enum letter_kind kind, const void *p, size_t n);
void wire_subscriptions(struct wire *w, bool at_b); /* takes those that have arrived */

void socket_arrives(struct sock *s, uint64_t due_us);
void socket_free(struct sock *s);
bool socket_publishes(int type);
bool socket_subscribes(int type);
