/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/publish.h"

#include "lib/ensure.h"
#include "proto/event.h"
#include "proto/id.h"
#include "proto/items.h"
#include "proto/topic.h"
#include "proto/types.h"

#include <stdlib.h>

enum { QUEUE = 100000, LAST_MS = 200 };
enum { PAYLOAD_MAX = CONTENT_MAX + IDS_MAX * (ID_TEXT + 3) + 16 * KEY_MAX };
_Static_assert(PAYLOAD_MAX + 2 * TOPIC_MAX < BATCH_MAX, "one broadcast always fits");

void publish_open(struct publish *p, void *ctx, const char *endpoint)
{
    *p = (struct publish){0};
    buf_init(&p->gathered, BATCH_MAX);
    buf_init(&p->payload, PAYLOAD_MAX);
    p->xpub = sock_new(ctx, ZMQ_XPUB, QUEUE);
    sock_set(p->xpub, ZMQ_IMMEDIATE, 1); /* a broker that went takes its subscription with it */
    sock_connect(p->xpub, endpoint);
}

void publish_close(struct publish *p)
{
    sock_set(p->xpub, ZMQ_LINGER, LAST_MS);
    zmq_close(p->xpub);
    buf_fini(&p->gathered);
    buf_fini(&p->payload);
    *p = (struct publish){0};
}

enum publish_change publish_change(struct publish *p)
{
    enum publish_change change = PUBLISH_same;
    zmq_msg_t part;
    zmq_msg_init(&part);
    while (change == PUBLISH_same && sock_read(p->xpub, &part)) {
        struct bytes said = sock_bytes(&part);
        if (bytes_equal(said, BYTES("\1")))
            change = PUBLISH_up;
        else if (bytes_equal(said, BYTES("\0")))
            change = PUBLISH_down;
    }
    zmq_msg_close(&part);
    return change;
}

static bool shows_item(const struct msg_entry *e)
{
    struct msg_item item;
    return entry_item(e, &item) && item.content.n > 2 && item.at_ms >> 48 == 0 &&
           item.read_ms >> 48 == 0 && item.expires_ms >> 48 == 0 && item.until_ms >> 48 == 0;
}

/* The store is ours, but it may be of another version. */
static bool known(const struct msg_entry *e)
{
    if (e->kind == ENTRY_none || e->kind >= ENTRY_KIND_COUNT || e->ids.n % ID_SIZE != 0)
        return false;
    if (e->at_ms >> 48 || e->expires_ms >> 48 || e->until_ms >> 48)
        return false;
    if (e->kind == ENTRY_removed && e->what >= REMOVED_COUNT)
        return false;
    if (e->kind == ENTRY_message)
        return event_valid(e->event) && e->content.n >= 2;
    if (e->born_ms >> 48)
        return false;
    if (e->kind == ENTRY_resurfaced || e->kind == ENTRY_updated)
        return e->type < TYPE_COUNT && shows_item(e);
    return e->kind != ENTRY_created || (e->type < TYPE_COUNT && e->content.n > 2);
}

bool publish_entry(struct publish *p, const struct msg_entry *e)
{
    if (!known(e))
        return false;
    if (!entry_told(e))
        return true; /* the heads say that there is something */
    if (topic_own(e->topic) && !bytes_is(e->topic, TOPIC_BROADCASTS))
        return true; /* of the store's own: nobody is on it */
    buf_reset(&p->payload);
    struct bytes event = BYTES(
        "broadcast"); /* for sessions: their inboxes have something to merge */
    if (!topic_own(e->topic))
        event = event_write(&p->payload, e);
    ENSURE(!p->payload.overflowed);
    size_t most = p->payload.n + 2 * TOPIC_MAX;
    if (p->count == PUBLISH_TURN || p->gathered.n + most > BATCH_MAX)
        publish_flush(p);
    size_t at = p->gathered.n;
    msg_write(&p->gathered, &(struct msg){.id = MSG_broadcast,
                                          .broadcast = {.topic = e->topic,
                                                        .seq = e->seq,
                                                        .prev = e->prev,
                                                        .pos = entry_shows(e),
                                                        .event = event,
                                                        .payload = buf_all(&p->payload)}});
    ENSURE(!p->gathered.overflowed);
    p->parts[p->count++] = (struct publish_part){topic_bucket(e->topic), (uint32_t)at,
                                                 (uint32_t)(p->gathered.n - at)};
    return true;
}

static void send_msg(struct publish *p, zmq_msg_t *msg)
{
    p->sent++;
    p->sent_bytes += zmq_msg_size(msg);
    ENSURE(zmq_msg_send(msg, p->xpub, ZMQ_DONTWAIT) >= 0); /* an XPUB is never busy: it drops */
}

void publish_heads(struct publish *p, uint64_t from, uint64_t to, const struct notify_head *heads,
                   uint32_t count)
{
    publish_flush(p);
    struct buf list, out;
    buf_init(&list, FRAME_MAX);
    buf_init(&out, FRAME_MAX);
    for (uint32_t i = 0; i < count; i++)
        msg_write(&list, &(struct msg){
                             .id = MSG_head,
                             .head = {.topic = {heads[i].topic, heads[i].n}, .seq = heads[i].seq}});
    buf_byte(&out, BUS_HEADS);
    msg_write(&out,
              &(struct msg){.id = MSG_heads,
                            .heads = {.from = from, .to = to, .topics = list_of(&list, count)}});
    ENSURE(!list.overflowed);
    ENSURE(!out.overflowed);
    zmq_msg_t msg;
    ENSURE(zmq_msg_init_size(&msg, out.n) == 0);
    memcpy(zmq_msg_data(&msg), out.p, out.n);
    send_msg(p, &msg);
    buf_fini(&list);
    buf_fini(&out);
}

/* By bucket, and within it as they came. */
static int compare(const void *left, const void *right)
{
    const struct publish_part *a = left, *b = right;
    if (a->bucket != b->bucket)
        return a->bucket < b->bucket ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

static void send_bucket(struct publish *p, const struct publish_part *parts, unsigned count)
{
    size_t n = BUS_KEY;
    for (unsigned i = 0; i < count; i++)
        n += parts[i].n;
    zmq_msg_t msg;
    ENSURE(zmq_msg_init_size(&msg, n) == 0);
    char *to = zmq_msg_data(&msg);
    bus_key(parts[0].bucket, to);
    to += BUS_KEY;
    for (unsigned i = 0; i < count; i++) {
        memcpy(to, p->gathered.p + parts[i].at, parts[i].n);
        to += parts[i].n;
    }
    send_msg(p, &msg);
}

void publish_flush(struct publish *p)
{
    qsort(p->parts, p->count, sizeof *p->parts, compare);
    for (unsigned from = 0, to; from < p->count; from = to) {
        for (to = from + 1; to < p->count && p->parts[to].bucket == p->parts[from].bucket; to++)
            ;
        send_bucket(p, p->parts + from, to - from);
    }
    p->count = 0;
    buf_reset(&p->gathered);
}
