/* SPDX-License-Identifier: Apache-2.0 */
/* publish.h -- our end towards the broker.
 *
 * Shape   broadcasts of a turn gather; publish_flush() sends one message for each bucket that got
 *         any, in the order of the log within it. Heads are sent behind what gathered before them.
 *         The socket is an XPUB: the broker asks every publisher for everything, so that its
 *         subscription tells us when what we send arrives somewhere, and its end when not.
 * Limits  PUBLISH_TURN broadcasts or BATCH_MAX bytes gather; then they are sent at once.
 *         QUEUE messages wait for the broker; what is over is dropped: the heads show it.
 * Owner   one thread. */
#pragma once

#include "lib/sock.h"
#include "notifier/notify.h"

enum { PUBLISH_TURN = 1000 };

enum publish_change { PUBLISH_same, PUBLISH_up, PUBLISH_down };

struct publish {
    void *xpub;
    struct buf gathered; /* messages, back to back */
    struct buf payload;
    struct publish_part {
        uint16_t bucket;
        uint32_t at, n; /* in `gathered` */
    } parts[PUBLISH_TURN];
    unsigned count;
    uint64_t sent, sent_bytes; /* messages to the broker */
};

void publish_open(struct publish *p, void *ctx, const char *endpoint);
void publish_close(struct publish *p); /* what is on its way has 200 ms */

/* Whether the broker came or went since the last call; call until PUBLISH_same. */
enum publish_change publish_change(struct publish *p);

/* False: the entry says something that this version does not know; nothing is sent. */
bool publish_entry(struct publish *p, const struct msg_entry *entry);
void publish_heads(struct publish *p, uint64_t from, uint64_t to, const struct notify_head *heads,
                   uint32_t count);
void publish_flush(struct publish *p);
