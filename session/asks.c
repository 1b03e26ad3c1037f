/* SPDX-License-Identifier: Apache-2.0 */
#include "session/asks.h"

#include "lib/ensure.h"
#include "lib/frame.h"
#include "lib/log.h"
#include "lib/loop.h"

#include <stdlib.h>

enum { ASKS_FIRST = 64, ASKS_SWEEP_MS = 50, ASKS_BUDGET = 256 };

/* A number is generation and slot, so that a late answer finds nobody. */
struct ask {
    uint64_t number; /* 0: free */
    uint64_t deadline_ms;
    struct frame *request; /* encoded with its number; NULL once it must not be sent again */
    struct ask_waiter waiter;
    bool again;
    bool sent;  /* to the peer that is there now */
    bool tried; /* sent once, to whomever: it may have been done */
};

struct asks {
    struct link link;
    char endpoint[128];
    struct ask *slots;
    uint32_t *free_ids;
    uint32_t cap, free_n, used, most;
    uint64_t generation;
    uint64_t sweep_ms; /* when deadlines are looked at next */
    uint64_t *asked, *failed;
    struct buf scratch;
    bool unsent; /* something waits for the link's buffer to have room */
};

struct asks *asks_new(void *zmq, const char *endpoint, uint64_t *asked, uint64_t *failed)
{
    struct asks *a = calloc(1, sizeof *a);
    ENSURE(a != NULL);
    strncpy(a->endpoint, endpoint, sizeof a->endpoint - 1);
    link_open(&a->link, zmq, endpoint, FRAME_MAX);
    buf_init(&a->scratch, FRAME_MAX);
    a->asked = asked;
    a->failed = failed;
    a->most = ASKS_MAX;
    return a;
}

void asks_most(struct asks *a, uint64_t most)
{
    _Static_assert(ASKS_TOP < 1 << 20, "a slot is 20 bits of a request's number");
    ENSURE(most > 0 && most <= ASKS_TOP);
    a->most = (uint32_t)most;
}

static void grow(struct asks *a)
{
    uint32_t cap = a->cap ? a->cap * 2 : ASKS_FIRST;
    a->slots = realloc(a->slots, cap * sizeof *a->slots);
    a->free_ids = realloc(a->free_ids, cap * sizeof *a->free_ids);
    ENSURE(a->slots != NULL && a->free_ids != NULL);
    memset(a->slots + a->cap, 0, (cap - a->cap) * sizeof *a->slots);
    for (uint32_t id = cap; id > a->cap; id--)
        a->free_ids[a->free_n++] = id - 1;
    a->cap = cap;
}

static struct ask *find(struct asks *a, uint64_t number)
{
    uint32_t id = (uint32_t)number & 0xfffff;
    struct ask *one = id < a->cap ? &a->slots[id] : NULL;
    return one && number != 0 && one->number == number ? one : NULL;
}

/* Take the waiter and free the slot: the waiter may ask again at once. */
static struct ask_waiter settle(struct asks *a, struct ask *one)
{
    struct ask_waiter w = one->waiter;
    a->free_ids[a->free_n++] = (uint32_t)(one - a->slots);
    frame_unref(&one->request);
    *one = (struct ask){0};
    a->used--;
    return w;
}

static void fail(struct asks *a, struct ask *one, enum err e)
{
    ++*a->failed;
    struct ask_waiter w = settle(a, one);
    if (w.done)
        w.done(w, NULL, e);
}

static void send_one(struct asks *a, struct ask *one)
{
    if (!a->link.up || one->sent)
        return;
    struct buf *out = link_out(&a->link);
    size_t before = out->n;
    buf_add(out, one->request->p, one->request->n);
    if (out->overflowed) {
        buf_cut(out, before);
        a->unsent = true; /* the next flush makes room */
        return;
    }
    one->sent = one->tried = true;
    if (!one->again)
        frame_unref(&one->request);
}

uint64_t ask(struct asks *a, struct msg *m, uint64_t now_ms, uint64_t ttl_ms, bool again,
             struct ask_waiter w)
{
    if (a->used == a->most) {
        ++*a->failed;
        w.done(w, NULL, ERR_LATER);
        return 0;
    }
    if (a->free_n == 0)
        grow(a);
    uint32_t id = a->free_ids[--a->free_n];
    struct ask *one = &a->slots[id];
    *one = (struct ask){.number = ++a->generation << 20 | id,
                        .deadline_ms = now_ms + ttl_ms,
                        .waiter = w,
                        .again = again};
    a->used++;
    ++*a->asked;
    m->expire.req = one->number; /* every request starts with these two */
    m->expire.ttl_ms = ttl_ms;
    buf_reset(&a->scratch);
    msg_write(&a->scratch, m);
    ENSURE(!a->scratch.overflowed);
    one->request = frame_copy(buf_all(&a->scratch));
    uint64_t number = one->number;
    send_one(a, one);
    return number;
}

void ask_cancel(struct asks *a, uint64_t number)
{
    struct ask *one = find(a, number);
    if (one)
        one->waiter.done = NULL;
}

void ask_tell(struct asks *a, const struct msg *m)
{
    msg_write(link_out(&a->link), m);
}

bool asks_up(const struct asks *a)
{
    return a->link.up;
}

void asks_poll(const struct asks *a, zmq_pollitem_t on[LINK_POLL])
{
    link_poll(&a->link, on);
}

/* The peer went: what it was asked may have been done, or not. */
static void went(struct asks *a)
{
    log_line("session.link endpoint=%s state=down waiting=%u", a->endpoint, a->used);
    for (uint32_t id = 0; id < a->cap; id++) {
        struct ask *one = &a->slots[id];
        if (one->number == 0 || !one->sent)
            continue;
        one->sent = false;
        if (!one->again)
            fail(a, one, ERR_UNKNOWN);
    }
}

static void send_unsent(struct asks *a)
{
    a->unsent = false;
    for (uint32_t id = 0; id < a->cap && !a->unsent; id++)
        if (a->slots[id].number != 0)
            send_one(a, &a->slots[id]);
}

static void answer(struct asks *a, const struct msg *m)
{
    struct ask *one = find(a, m->expired.req); /* every answer starts with these two */
    if (!one)
        return; /* late: its waiter was told already */
    enum err e = m->expired.status < ERR_COUNT ? (enum err)m->expired.status : ERR_PROTOCOL;
    struct ask_waiter w = settle(a, one);
    if (w.done)
        w.done(w, m, e);
}

static void read_answers(struct asks *a)
{
    zmq_msg_t part;
    zmq_msg_init(&part);
    for (int n = 0; n < ASKS_BUDGET && link_read(&a->link, &part); n++) {
        struct mp_in in = mp_over(sock_bytes(&part));
        struct msg m;
        while (msg_read(&in, &m))
            answer(a, &m);
        if (!in.ok)
            log_line("session.link endpoint=%s error=\"a message that is none of ours\"",
                     a->endpoint);
    }
    zmq_msg_close(&part);
}

static void expire(struct asks *a, uint64_t now_ms)
{
    if (now_ms < a->sweep_ms)
        return;
    a->sweep_ms = now_ms + ASKS_SWEEP_MS;
    for (uint32_t id = 0; id < a->cap; id++)
        if (a->slots[id].number != 0 && a->slots[id].deadline_ms <= now_ms)
            fail(a, &a->slots[id], a->slots[id].tried ? ERR_UNKNOWN : ERR_LATER);
}

void asks_read(struct asks *a, uint64_t now_ms)
{
    read_answers(a);
    for (enum link_change change; (change = link_change(&a->link)) != LINK_same;) {
        if (change == LINK_down)
            went(a);
        else
            send_unsent(a);
    }
    expire(a, now_ms);
}

uint64_t asks_deadline_ms(const struct asks *a)
{
    return a->used > 0 ? a->sweep_ms : LOOP_NEVER;
}

void asks_flush(struct asks *a)
{
    if (link_flush(&a->link) == ERR_OK && a->unsent)
        send_unsent(a);
}

void asks_free(struct asks **slot)
{
    struct asks *a = *slot;
    *slot = NULL;
    if (!a)
        return;
    for (uint32_t id = 0; id < a->cap; id++)
        if (a->slots[id].number != 0)
            fail(a, &a->slots[id], ERR_UNKNOWN);
    link_close(&a->link);
    buf_fini(&a->scratch);
    free(a->slots);
    free(a->free_ids);
    free(a);
}
