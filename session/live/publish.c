/* SPDX-License-Identifier: Apache-2.0 */
#include "session/live/publish.h"

#include "lib/ensure.h"
#include "lib/hash.h"
#include "lib/json.h"
#include "proto/event.h"
#include "proto/topic.h"
#include "session/bus.h"

/* What a message is told with stands in its payload too. */
static bool reserved(struct bytes key)
{
    static const char *const names[] = {"seq", "prev", "at", "from"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_key_is(key, names[i]))
            return true;
    return false;
}

static bool payload_valid(const struct publication *p, struct problem *why)
{
    if (p->payload.n == 0 || !json_valid(p->payload) || p->payload.p[0] != '{')
        return problem_set(why, "payload", "must be a JSON object");
    if (p->class->history == 0)
        return true;
    struct json in = json_over(p->payload);
    struct bytes key, value;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value))
        if (reserved(key))
            return problem_set(why, "payload", "may not use the names " EVENT_RESERVED);
    return true;
}

bool publication_valid(const struct publication *p, struct problem *why)
{
    if (!event_valid(p->event))
        return problem_set(
            why, "event",
            "must be 1 to 64 bytes without space, control characters, and , \" \\, and not "
            "begin with phx_ or presence");
    if (p->payload.n > CONTENT_MAX)
        return problem_set(why, "payload", "must have at most 32768 bytes");
    if (p->binary && p->class->history > 0)
        return problem_set(why, "payload", "must be JSON: a topic with history keeps no bytes");
    return p->binary || payload_valid(p, why);
}

void publish_kept(struct session *s, const struct publication *p, struct ask_waiter w)
{
    struct buf compact;
    uint8_t hash[16];
    buf_init(&compact, CONTENT_MAX + TOPIC_MAX + EVENT_MAX + 2);
    json_write_compact(&compact, p->payload);
    size_t n = compact.n;
    buf_bytes(&compact, p->event); /* the same key must bring the same event of the same topic */
    buf_byte(&compact, '\n');
    buf_bytes(&compact, p->topic);
    hash128(buf_all(&compact), hash);
    struct msg m = {.id = MSG_publish,
                    .publish = {.topic = p->topic,
                                .event = p->event,
                                .payload = {compact.p, n},
                                .user = p->user,
                                .members_only = p->members_only,
                                .history = p->class->history,
                                .history_ms = p->class->history_h * 3600 * 1000,
                                .key = p->key,
                                .body_hash = {(char *)hash, sizeof hash}}};
    count_one(s, COUNT_publishes);
    ask(s->store, &m, s->now_ms, s->settings->request_ms, p->key.n > 0, w);
    buf_fini(&compact);
}

bool publish_now(struct session *s, const struct publication *p)
{
    struct msg_broadcast b = {.topic = p->topic, .event = p->event, .except = p->except};
    struct buf compact;
    buf_init(&compact, CONTENT_MAX);
    if (p->binary) {
        b.binary = 1;
        b.data = p->payload;
    } else {
        json_write_compact(&compact, p->payload);
        b.payload = buf_all(&compact);
    }
    count_one(s, COUNT_publishes);
    bool sent = bus_publish(s, &b);
    buf_fini(&compact);
    return sent;
}
