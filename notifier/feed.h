/* SPDX-License-Identifier: Apache-2.0 */
/* feed.h -- our end towards the store: its messages as events of the core, the core's as messages.
 *
 * Shape   feed_read() gives one event after the other: the store came or went, a tail, each of its
 *         entries, its end, an answer. An event's entry is good until the next call.
 * Limits  what the store is told in one turn has room many times over; while the store is behind it
 *         is kept, and what no longer fits is said again later: positions are cumulative, requests
 *         have a deadline.
 * Errors  a store that speaks another language: leaves with 111.
 * Owner   one thread. Not copied after feed_open(). */
#pragma once

#include "lib/link.h"
#include "notifier/notify.h"

struct feed {
    struct link link;
    zmq_msg_t msg;
    struct mp_in messages, entries;
    struct msg entry;
    struct fanout_id fanouts[CHANGES_MAX];
    bool tail; /* reading `entries` */
    uint64_t tail_to;
};

void feed_open(struct feed *f, void *ctx, const char *endpoint);
void feed_close(struct feed *f); /* what the store is being told has 200 ms */

/* Fills all but the times; false when there is nothing now. */
bool feed_read(struct feed *f, struct notify_event *ev);

/* For the effects follow, followed, expire and those of fan-outs; they leave with feed_flush(). */
void feed_tell(struct feed *f, const struct notify_effect *effect, uint64_t window);
void feed_flush(struct feed *f);
