/* SPDX-License-Identifier: Apache-2.0 */
#include "session/peers.h"

#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "session/asks.h"
#include "session/disconnect.h"
#include "session/socket/longpoll.h"
#include "session/live/passed.h"
#include "session/presence/presence_live.h"
#include "session/subscribers.h"

#include <stdio.h>
#include <stdlib.h>

enum { PEERS_BUDGET = 256 };

struct peers {
    struct hub hub;
    struct asks *links[PEERS_MAX]; /* opened when first needed */
    void *zmq;
};

struct peers *peers_new(struct session *s, void *zmq)
{
    struct peers *p = calloc(1, sizeof *p);
    ENSURE(p != NULL);
    char endpoint[ENDPOINT_SIZE], name[24];
    path_session(s->settings, s->index, endpoint);
    snprintf(name, sizeof name, "session.%u/socket", s->index);
    bus_lock(s->settings, endpoint, name);
    hub_open(&p->hub, zmq, endpoint, TEXT_MAX + FRAME_MAX); /* a body and what is around it */
    p->zmq = zmq;
    s->peers = p;
    return p;
}

void peers_free(struct peers **slot)
{
    struct peers *p = *slot;
    if (!p)
        return;
    for (unsigned i = 0; i < PEERS_MAX; i++)
        asks_free(&p->links[i]);
    *slot = NULL;
    hub_close(&p->hub);
    free(p);
}

struct asks *peer_asks(struct session *s, unsigned index)
{
    struct peers *p = s->peers;
    if (index >= s->settings->sessions || index >= PEERS_MAX || index == s->index)
        return NULL;
    if (!p->links[index]) {
        char endpoint[ENDPOINT_SIZE];
        path_session(s->settings, index, endpoint);
        p->links[index] = asks_new(p->zmq, endpoint, &s->counts[COUNT_peer_asks].value,
                                   &s->counts[COUNT_asks_failed].value);
    }
    return p->links[index];
}

void peer_answer(struct session *s, const struct hub_peer *to, const struct msg *m)
{
    msg_write(hub_out(&s->peers->hub, to), m);
}

int peers_poll(const struct session *s, zmq_pollitem_t on[PEERS_POLL])
{
    const struct peers *p = s->peers;
    int n = 0;
    on[n++] = (zmq_pollitem_t){.socket = p->hub.router, .events = ZMQ_POLLIN};
    for (unsigned i = 0; i < PEERS_MAX; i++)
        if (p->links[i]) {
            asks_poll(p->links[i], on + n);
            n += LINK_POLL;
        }
    return n;
}

static void disconnected(struct session *s, const struct hub_peer *from,
                         const struct msg_disconnect *m)
{
    struct msg answer = {.id = MSG_disconnected, .disconnected = {.req = m->req}};
    disconnect_here(s, m);
    peer_answer(s, from, &answer);
}

static void receive(struct session *s, const struct hub_peer *from, const struct msg *m)
{
    if (m->id == MSG_poll)
        longpoll_asked(s, from, &m->poll);
    else if (m->id == MSG_poll_gone)
        longpoll_gone(s, from, &m->poll_gone);
    else if (m->id == MSG_presence_ask || m->id == MSG_presence_user)
        presence_question(s, from, m);
    else if (m->id == MSG_disconnect)
        disconnected(s, from, &m->disconnect);
    else if (m->id == MSG_pass)
        passed_asked(s, from, &m->pass);
    else if (m->id == MSG_joined)
        subscribers_asked(s, from, &m->joined);
    else
        log_line("session.peers message=%s error=\"not for a session\"", msg_name(m->id));
}

void peers_read(struct session *s)
{
    struct peers *p = s->peers;
    struct hub_peer from;
    zmq_msg_t part;
    zmq_msg_init(&part);
    for (int n = 0; n < PEERS_BUDGET && hub_read(&p->hub, &from, &part); n++) {
        struct mp_in in = mp_over(sock_bytes(&part));
        struct msg m;
        while (msg_read(&in, &m))
            receive(s, &from, &m);
        if (!in.ok)
            log_line("session.peers error=\"a message that is none of ours\"");
    }
    zmq_msg_close(&part);
    for (unsigned i = 0; i < PEERS_MAX; i++)
        if (p->links[i])
            asks_read(p->links[i], s->now_ms);
}

void peers_flush(struct session *s)
{
    struct peers *p = s->peers;
    hub_flush(&p->hub);
    for (unsigned i = 0; i < PEERS_MAX; i++)
        if (p->links[i])
            asks_flush(p->links[i]);
}

uint64_t peers_deadline_ms(const struct session *s)
{
    uint64_t first = LOOP_NEVER;
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        const struct asks *link = s->peers->links[i];
        if (link && asks_deadline_ms(link) < first)
            first = asks_deadline_ms(link);
    }
    return first;
}
