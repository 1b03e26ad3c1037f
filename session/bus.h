/* SPDX-License-Identifier: Apache-2.0 */
/* bus.h -- our end towards the broker: what we hear, and the transient events that we say.
 *
 * The idea    we subscribe to buckets of topics, not to topics (proto/topic.h). After the last new
 *             bucket of a turn comes the subscription to a confirmation; the broker answers it, and
 *             by then the ones before it hold.
 * Limits      BUS_BUDGET messages a turn; none while it rests. What the broker drops shows in seq
 *             and prev.
 * Errors      a broker that is away loses what is published meanwhile. */
#pragma once

#include "proto/messages.h"
#include "session/session.h"

struct bus;
struct bus *bus_new(struct session *s, void *zmq, const struct paths *paths);
void bus_free(struct bus **slot);

/* Someone here wants this bucket. 0: we hear it already; else the number of the confirmation to
 * wait for (live_confirmed). */
uint64_t bus_want(struct session *s, uint16_t bucket);
/* The same of a bucket that is wanted already. */
uint64_t bus_wait(const struct session *s, uint16_t bucket);
void bus_unwant(struct session *s, uint16_t bucket);

/* Publish an event that is not kept. False: the broker is away or behind. */
bool bus_publish(struct session *s, const struct msg_broadcast *b);

/* The same of another message: with its own key, or that of a topic's bucket. */
bool bus_say(struct session *s, struct bytes key, const struct msg *m);
bool bus_say_topic(struct session *s, struct bytes topic, const struct msg *m);

/* A name of this process that no other one has, nor had. */
const char *bus_name(const struct session *s);

enum { BUS_POLL = 1 };
void bus_poll(const struct session *s, zmq_pollitem_t on[BUS_POLL]);
void bus_read(struct session *s);
void bus_flush(struct session *s);

/* Writing the turn's frames took so long: if that is 10 ms or more, read nothing for half of it, 20 ms
 * at most. What comes meanwhile leaves together, where it would have cost each of some thousand
 * connections a write of its own. */
void bus_rest(struct session *s, uint64_t worked_ms);
uint64_t bus_deadline_ms(const struct session *s); /* when it is over, if there is one */
