/* SPDX-License-Identifier: Apache-2.0 */
/* topic.h -- names of users and topics, and where a topic travels on the broker.
 *
 * Names   A user id: 1 to USER_MAX bytes of UTF-8 without control characters, space, and , : " \
 *         A topic: 1 to TOPIC_MAX bytes, the same, with colons. Hand-written Phoenix clients cut
 *         frames at commas and quotes, so no name may hold them.
 * Wire    ZeroMQ matches by prefix ("room:7" hears "room:70") and keeps every subscription in
 *         memory, so topics are hashed to TOPIC_BUCKETS buckets, a published message starts with
 *         the three bytes of its bucket, and whoever receives it compares the whole name.
 *             'T' hi lo   broadcasts of a bucket's topics
 *             'H'         heads
 *             'P'         presence: what each session process owns
 *             'Z' name    confirmation of the subscriptions made before it. It is the last of the
 *                         three because libzmq sends a SUB's subscriptions again in byte order
 *                         when it reconnects (measured): so the confirmation still comes last. */
#pragma once

#include "lib/buf.h"
#include "proto/limits.h"

enum { TOPIC_BUCKETS = 4096, BUS_KEY = 3 };
enum { BUS_HEADS = 'H', BUS_PRESENCE = 'P', BUS_TOPIC = 'T', BUS_CONFIRM = 'Z' };
_Static_assert((int)BUS_CONFIRM > (int)BUS_TOPIC && (int)BUS_CONFIRM > (int)BUS_HEADS,
               "replayed last");

/* What it must be is said to whoever brings another. */
#define USER_VALID                                                                                 \
    "must be a user id: 1 to 128 bytes without space, control characters, and , : \" \\"
bool user_valid(struct bytes user);
bool topic_valid(struct bytes topic);

/* An event that may be published: 1 to EVENT_MAX bytes as of a topic, and none of the protocol's. */
bool event_valid(struct bytes event);

/* `user:{id}:notifications`, with a NUL; gives its length. The user must be valid. */
size_t topic_of_user(struct bytes user, char out[TOPIC_MAX + 1]);

/* The user of such a topic; false for any other topic. */
bool topic_user(struct bytes topic, struct bytes *user);

/* The store's own topics, for what concerns no inbox (yet). No client's name holds a space. */
#define TOPIC_SCHEDULED "store scheduled"
#define TOPIC_BROADCASTS "store broadcasts"
#define TOPIC_ERASURES "store erasures"
bool topic_own(struct bytes topic);

uint16_t topic_bucket(struct bytes topic);
void bus_key(uint16_t bucket, char out[BUS_KEY]);
