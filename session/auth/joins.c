/* SPDX-License-Identifier: Apache-2.0 */
#include "session/auth/joins.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "session/live/channel.h"
#include "session/auth/hooks.h"
#include "session/users.h"

#include <stdlib.h>

struct asked_join {
    struct asked_join *next; /* of the same connection */
    uint64_t number;         /* of the question */
    uint64_t since_ms;
    uint32_t id, generation; /* of the connection */
    uint32_t payload_n;
    uint8_t join_ref_n, ref_n, topic_n;
    char text[]; /* join_ref, ref, topic, payload */
};

static struct asked_join *asked_new(const struct session *s, const struct conn *c,
                                    const struct phx_in *in)
{
    struct asked_join *a = malloc(sizeof *a + in->join_ref.n + in->ref.n + in->topic.n +
                                  in->payload.n);
    ENSURE(a != NULL);
    *a = (struct asked_join){.since_ms = s->now_ms,
                             .id = c->id,
                             .generation = c->generation,
                             .payload_n = (uint32_t)in->payload.n,
                             .join_ref_n = (uint8_t)in->join_ref.n,
                             .ref_n = (uint8_t)in->ref.n,
                             .topic_n = (uint8_t)in->topic.n};
    const struct bytes parts[] = {in->join_ref, in->ref, in->topic, in->payload};
    char *to = a->text;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        memcpy(to, parts[i].p, parts[i].n);
        to += parts[i].n;
    }
    return a;
}

/* The push as it came; a name that is valid stands for itself in a frame. */
static struct phx_in push_of(const struct asked_join *a)
{
    const char *ref = a->text + a->join_ref_n, *topic = ref + a->ref_n;
    struct bytes name = {topic, a->topic_n};
    return (struct phx_in){.join_ref = {a->text, a->join_ref_n},
                           .ref = {ref, a->ref_n},
                           .topic = name,
                           .topic_raw = name,
                           .event = BYTES("phx_join"),
                           .payload = {topic + a->topic_n, a->payload_n}};
}

/* Off its connection's list. */
static void unlink_one(struct conn *c, const struct asked_join *a)
{
    struct asked_join **at = &c->asked;
    while (*at != a) {
        ENSURE(*at != NULL);
        at = &(*at)->next;
    }
    *at = a->next;
}

static void answered(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct asked_join *a = w.about;
    struct conn *c = conn_find(s, a->id, a->generation);
    struct phx_in in = push_of(a);
    struct bytes why;
    ENSURE(c != NULL); /* or it would have been taken back */
    unlink_one(c, a);
    enum hook_word word = hook_said(s, answer, e, &why);
    arena_reset(&s->scratch);
    if (word == HOOK_yes)
        channel_join_allowed(s, c, &in, a->since_ms, answer->hooked.publishes);
    else
        channel_join_refused(s, c, &in, word == HOOK_no ? why : BYTES("unavailable"));
    free(a);
}

void joins_ask(struct session *s, struct conn *c, const struct phx_in *in)
{
    struct buf out;
    struct hook_subject who = {.user = user_name(c->user),
                               .topics = bytes_of(c->topics ? c->topics : ""),
                               .publish = bytes_of(c->publish ? c->publish : ""),
                               .ip = c->ip};
    joins_cancel(s, c, in->topic);
    struct asked_join *a = asked_new(s, c, in);
    a->next = c->asked;
    c->asked = a;
    buf_init(&out, HOOK_QUESTION_MAX);
    hook_begin(&out, HOOK_join, &who);
    buf_text(&out, ",\"topic\":");
    json_write_string(&out, in->topic);
    hook_end(&out, in->payload);
    ENSURE(!out.overflowed);
    uint64_t number = hook_ask(s, HOOK_join, buf_all(&out), (struct ask_waiter){answered, s, a, 0});
    buf_fini(&out);
    if (number != 0) /* else it is answered already */
        a->number = number;
}

bool joins_cancel(struct session *s, struct conn *c, struct bytes topic)
{
    for (struct asked_join *a = c->asked; a; a = a->next) {
        if (!bytes_equal(push_of(a).topic, topic))
            continue;
        ask_cancel(s->hook, a->number);
        unlink_one(c, a);
        free(a);
        return true;
    }
    return false;
}

void joins_forget(struct session *s, struct conn *c)
{
    while (c->asked)
        joins_cancel(s, c, push_of(c->asked).topic);
}

unsigned joins_waiting(const struct conn *c)
{
    unsigned n = 0;
    for (const struct asked_join *a = c->asked; a; a = a->next)
        n++;
    return n;
}
