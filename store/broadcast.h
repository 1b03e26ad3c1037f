/* SPDX-License-Identifier: Apache-2.0 */
/* broadcast.h -- a notification for all, or for a topic's members, written once.
 *
 * The idea: a broadcast is one entry of the log, in a topic of the store's own, and one row. An inbox
 * says up to which broadcast it has merged them; whatever touches it merges the rest first: the items
 * are made then, in the inbox's own chain, with counts as of any other. So a broadcast costs the
 * same for one user and for a million, each pays when they act, and every count told is exact.
 * Body    is not copied: an item names its broadcast, whose entry stays while an item does.
 * Who     `all`: whoever was known: had an inbox, or had looked at one; `new_too`: also who becomes
 *         known later. A topic: who was a member; who is taken off merges first.
 * Retract is a row behind the others: inboxes that meet it let their item go; those that meet the
 *         broadcast after it was retracted get none.
 * Revise  the same: inboxes that meet its row put the content of the newest one into their item, as a copy;
 *         those that meet the broadcast later get it so from the start. Its end stays: an inbox that nobody
 *         touched would not know in time that it was moved.
 * Limits  limits.broadcasts are kept for who has not merged them; the oldest gives way, and who was
 *         away for longer does not get it. */
#pragma once

#include "store/topics.h"

struct broadcast_row {
    uint64_t at_ms;
    uint64_t type;
    uint64_t expires_ms;
    uint64_t new_too;
    uint64_t items;    /* that have it as their body */
    uint64_t retracts; /* 0; else this row retracts that broadcast */
    uint64_t retracted;
    uint64_t category; /* 1: its entry names one */
    uint64_t revises;  /* 0; else this row gives that broadcast other content */
    uint64_t revised;  /* seq of the newest entry that did; 0: none */
};

/* `m` has passed the tests of a create, and names an audience. OK or WORLD; `seq`: of it. */
enum err broadcast_add(struct work *w, const struct msg_create *m, uint64_t *seq);

/* By its seq, and when it was; at 0: whenever. OK; NOT_FOUND: it is none, or was retracted; WORLD. */
enum err broadcast_retract(struct work *w, uint64_t seq, uint64_t at_ms);

/* Also INVALID: its end is to be another; FULL: too large. */
enum err broadcast_revise(struct work *w, uint64_t seq, uint64_t at_ms, const struct msg_revise *m);

/* Has this inbox merged them all? `newest`: state.broadcast. */
static inline bool broadcast_merged(const struct topic_row *row, uint64_t newest)
{
    return row->merged >= newest;
}

/* Merge what it has not. OK or WORLD. */
enum err broadcast_merge(struct work *w, struct topic *in);

/* An item of this inbox, whose body it is, is gone. */
void broadcast_let_go(struct work *w, uint64_t no, uint64_t seq);

/* OK, NOT_FOUND or WORLD; `topic` (may be NULL): borrowed; empty: all. */
enum err broadcast_load(struct txn *t, uint64_t seq, struct broadcast_row *row,
                        struct bytes *topic);

/* Its entry. OK, NOT_FOUND or WORLD. */
enum err broadcast_body(struct txn *t, uint64_t seq, struct msg_entry *entry);

/* Is this `revised` entry what its broadcast is now? OK, NOT_FOUND or WORLD. */
enum err broadcast_holds(struct txn *t, const struct msg_entry *entry);
