/* SPDX-License-Identifier: Apache-2.0 */
/* publish.h -- an event for everybody on a topic: from a client's push, or from a back end.
 *
 * With history it is an action: committed, numbered, and answered after that. Without, it goes to the
 * broker at once, at most once, and never touches the store: for typing indicators and cursors. */
#pragma once

#include "proto/classes.h"
#include "session/actions/actions.h"
#include "session/asks.h"

struct publication {
    const struct topic_class *class;
    struct bytes topic, event;
    struct bytes payload; /* JSON, or bytes */
    bool binary;
    struct bytes user;   /* who publishes; empty: a back end */
    bool members_only;   /* the store must look whether the user is a member */
    struct bytes except; /* the connection that does not get it; empty: all do */
    struct bytes key;    /* idempotency key, or empty */
};

/* False: `why` says what is not allowed. */
bool publication_valid(const struct publication *p, struct problem *why);

/* Of a class with history: the waiter gets `published`. */
void publish_kept(struct session *s, const struct publication *p, struct ask_waiter w);

/* Of a class without. False: the broker is away or behind. */
bool publish_now(struct session *s, const struct publication *p);
