/* SPDX-License-Identifier: Apache-2.0 */
/* bus.h -- the broker's two sockets, and what goes from one to the other.
 *
 * Shape   publishers connect to `in` (XSUB), subscribers to `out` (XPUB). A message goes from in to
 *         out as it came: its payload is nobody's business here. Publishers are asked for
 *         everything, so that filtering happens in one place, by the subscriptions at `out`.
 * Confirm a subscription to BUS_CONFIRM + name is answered with `confirmed` on that very key: a
 *         peer's subscriptions take effect in the order in which they arrive, so whoever hears it
 *         knows that all of its earlier ones hold (proto/topic.h says why the key sorts last).
 * Limits  `queue` messages wait for one subscriber and from one publisher; what is over is dropped
 *         in silence, as ZeroMQ does: numbers in the messages show it, the log heals it. There is
 *         no mark on subscriptions: at the mark they would be lost (libzmq issue 2258).
 * Owner   one thread.
 * Source  zmq_socket(3) ZMQ_XPUB, ZMQ_XSUB; zmq_setsockopt(3) ZMQ_XPUB_VERBOSE. */
#pragma once

#include "lib/counters.h"
#include "lib/sock.h"

#define BUS_COUNTERS(X)                                                                            \
    X(messages, total, "messages forwarded")                                                       \
    X(message_bytes, total, "their bytes")                                                         \
    X(subscribes, total, "subscriptions that arrived, repeated ones too")                          \
    X(unsubscribes, total, "subscriptions that nobody holds any more")                             \
    X(confirmed, total, "confirmations sent")                                                      \
    X(strangers, total, "connections over tcp:// refused for their key")
enum { BUS_COUNTERS(COUNTER_INDEX) BUS_COUNT };

struct bus {
    void *in, *out;
    struct counter *count; /* BUS_COUNT rows of the caller's */
};

/* Set `count` before the first run. */
void bus_open(struct bus *b, void *ctx, const char *in, const char *out, int queue);

/* What is on its way to subscribers has 200 ms to leave: zmq_ctx_term() waits so long. */
void bus_close(struct bus *b);

/* Take in the subscriptions, then forward at most `budget` messages. True when there may be more:
 * then do not sleep. */
bool bus_run(struct bus *b, unsigned budget);
