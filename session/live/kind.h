/* SPDX-License-Identifier: Apache-2.0 */
/* kind.h -- what a view shows, by the kind of its topic: an inbox, a topic with history, or one
 * without. The machine (view.h) is the same for all; here is what it asks for and what it says.
 *
 * Pure: requests and JSON are written, nothing is sent. */
#pragma once

#include "session/live/roster.h"

#include "proto/messages.h"

struct kind {
    /* The request for what a join shows. False: there is nothing to ask for. */
    bool (*ask)(struct msg *request, const struct member *m);
    /* The join's answer: a snapshot, or (for a client that comes back) the changes after `since`. */
    void (*write_joined)(struct buf *out, const struct msg *answer);
    void (*write_resumed)(struct buf *out, const struct msg_changes *changes, uint64_t since);
    /* The changes follow the resumed join's answer as events; else they are in it. */
    bool changes_follow;
    /* One event that replaces everything; NULL: there is nothing to be replaced. */
    const char *sync_event;
    void (*write_sync)(struct buf *out, const struct msg *answer);
};

/* `class` is NULL for an inbox. */
const struct kind *kind_of(const struct topic_class *class);

/* Where the topic stands in an answer of the store; and the highest pos that it shows, 0 for none. */
uint64_t answer_seq(const struct msg *answer);
uint64_t answer_epoch(const struct msg *answer);
uint64_t answer_shown(const struct msg *answer);

/* A request for the changes after `since`. */
void kind_ask_changes(struct msg *request, const struct member *m, uint64_t since);

/* {"messages":[{"event":..,"payload":..}],"next":..,"seq":..,"epoch":..,"server_time":..}, with
 * "recovered":false before it in a join and a sync. */
void history_write(struct buf *out, const struct msg_page *page);
