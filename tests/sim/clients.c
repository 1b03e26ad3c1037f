/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/client.h"

#include "lib/ensure.h"
#include "lib/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { BEAT_S = 30, CALM_S = 4, REVOKED_WITHIN_S = 2 };

static struct client all[CLIENTS];

static struct sub sub_of(struct client *c, unsigned model, const char *topic)
{
    struct sub s = {.client = c, .model = model, .again_us = NEVER, .late_us = NEVER};
    snprintf(s.topic, sizeof s.topic, "%s", topic);
    return s;
}

void clients_open(void)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *c = &all[i];
        *c = (struct client){.index = i,
                             .user = i % ERASED,
                             .longpoll = i % 3 == 2 || i == 1,
                             .again_us = NEVER,
                             .beat_us = NEVER,
                             .stall_us = NEVER,
                             .dice = dice_of(100, i)};
        snprintf(c->name, sizeof c->name, "%s.%s%u", users[c->user], c->longpoll ? "poll" : "ws",
                 i);
        c->subs[SUB_inbox] = sub_of(c, c->user, model_name(c->user));
        unsigned channel = USERS + i % CHANNELS;
        c->subs[SUB_channel] = sub_of(c, channel, model_name(channel));
        c->subs[SUB_room] = sub_of(c, TOPICS, "room:a");
        buf_init(&c->out, 1 << 20);
    }
}

void clients_close(void)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        buf_fini(&all[i].out);
}

/* ---- the connection */

static void come(struct client *c)
{
    c->again_us = NEVER;
    if (!c->wanted || c->open)
        return;
    c->iat_s = model_iat_s(c->user); /* each time another token */
    if (c->longpoll) {
        poll_open(c);
    } else {
        c->stream = stream_open(c->index, front_session(&c->dice), users[c->user], c->iat_s);
        client_opened(c);
    }
}

void client_opened(struct client *c)
{
    c->open = true;
    c->beat_us = sim.now_us + BEAT_S * SECOND;
    tell(c->name, "connects");
    for (unsigned i = 0; i < SUBS; i++) {
        c->subs[i].fresh = true;
        c->subs[i].shown = 0;
        sub_join(&c->subs[i]);
    }
}

static void over(struct client *c)
{
    c->open = false;
    c->beat_us = c->again_us = c->stall_us = NEVER;
    stream_close(&c->stream);
    poll_close(c);
    for (unsigned i = 0; i < SUBS; i++)
        sub_left(&c->subs[i], NEVER);
    for (unsigned i = 0; i < PENDING; i++)
        c->pending[i].sub = NULL;
}

void client_lost(struct client *c)
{
    static const unsigned wait_ms[] = {10, 50, 100, 150, 200, 250, 500, 1000, 2000};
    unsigned most = sizeof wait_ms / sizeof *wait_ms - 1;
    if (c->open)
        tell(c->name, "loses its connection");
    over(c);
    if (c->wanted)
        c->again_us = sim.now_us + wait_ms[c->tries < most ? c->tries : most] * MS;
    c->tries++;
}

void client_send(struct client *c, const char *text)
{
    if (c->longpoll) {
        buf_text(&c->out, text);
        buf_byte(&c->out, '\n');
        poll_flush(c);
    } else if (c->stream) {
        stream_send(c->stream, text, strlen(text));
    }
}

uint64_t client_push(struct sub *s, const char *event, const char *payload, enum step_kind kind,
                     uint64_t op)
{
    char text[700];
    struct client *c = s->client;
    uint64_t ref = ++c->refs;
    c->pending[c->pending_at++ % PENDING] = (struct pending){ref, op, kind, s};
    snprintf(text, sizeof text, "[\"%llu\",\"%llu\",\"%s\",\"%s\",%s]",
             (unsigned long long)(s->join_ref ? s->join_ref : ref), (unsigned long long)ref,
             s->topic, event, payload);
    client_send(c, text);
    return ref;
}

static void replied(struct client *c, struct sub *s, struct bytes ref_raw, struct bytes payload)
{
    struct bytes text, status, response = text_member(payload, "response");
    if (!text_string(ref_raw, &text) || !text_string(text_member(payload, "status"), &status))
        return;
    uint64_t ref = strtoull(text.p, NULL, 10);
    bool ok = bytes_is(status, "ok");
    if (ref == s->join_ref) {
        sub_reply(s, ref, ok, response);
        return;
    }
    for (unsigned i = 0; i < PENDING; i++)
        if (c->pending[i].sub == s && c->pending[i].ref == ref) {
            struct pending p = c->pending[i];
            c->pending[i].sub = NULL;
            sub_answer(s, &p, ok, response);
        }
}

/* In calm weather a connection whose token was revoked is closed soon. */
static void check_token(const struct client *c)
{
    bool calm = sim.fault_us + CALM_S * SECOND < sim.now_us && c->stall_us == NEVER &&
                c->stalled_us + CALM_S * SECOND < sim.now_us;
    if (calm && !model_token_good(c->user, c->iat_s, sim.now_us - REVOKED_WITHIN_S * SECOND))
        wrong("revoked", "%s is told something though its token was revoked", c->name);
}

/* [join_ref, ref, topic, event, payload] */
void client_heard(struct client *c, struct bytes text)
{
    struct json in = json_over(text);
    struct bytes part[5], topic, event;
    unsigned n = 0;
    json_enter(&in, '[');
    while (n < 5 && json_element(&in, &part[n]))
        n++;
    if (n < 5 || !text_string(part[2], &topic) || !text_string(part[3], &event)) {
        wrong("wire", "%s got what is no frame: %.*s", c->name, (int)text.n, text.p);
        return;
    }
    c->tries = 0;
    check_token(c);
    for (unsigned i = 0; i < SUBS; i++) {
        struct sub *s = &c->subs[i];
        if (!bytes_is(topic, s->topic))
            continue;
        if (bytes_is(event, "phx_reply"))
            replied(c, s, part[1], part[4]);
        else
            sub_event(s, part[0], event, part[4]);
    }
}

static void listen_to(struct client *c)
{
    struct bytes text;
    bool end = false;
    while (!verdict.wrong && c->stream && stream_read(c->stream, &text, &end))
        if (text.n > 0)
            client_heard(c, text);
    if (end && c->stream)
        client_lost(c);
}

/* ---- timers */

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t due_us(const struct client *c)
{
    uint64_t first = sooner(sooner(c->again_us, c->beat_us), c->stall_us);
    if (c->stream)
        first = sooner(first, stream_due_us(c->stream));
    for (unsigned i = 0; i < SUBS; i++)
        first = sooner(first, sooner(c->subs[i].again_us, c->subs[i].late_us));
    return first;
}

uint64_t clients_due_us(void)
{
    uint64_t first = NEVER;
    for (unsigned i = 0; i < CLIENTS; i++)
        first = sooner(first, due_us(&all[i]));
    return first;
}

static void beat(struct client *c)
{
    char text[80];
    c->beat_us = sim.now_us + BEAT_S * SECOND;
    snprintf(text, sizeof text, "[null,\"%llu\",\"phoenix\",\"heartbeat\",{}]",
             (unsigned long long)++c->refs);
    client_send(c, text);
}

static void unstall(struct client *c)
{
    c->stall_us = NEVER;
    c->stalled_us = sim.now_us;
    if (c->stream)
        stream_stall(c->stream, false);
}

static void run(struct client *c)
{
    if (c->again_us <= sim.now_us)
        come(c);
    if (c->stall_us <= sim.now_us)
        unstall(c);
    if (c->beat_us <= sim.now_us)
        beat(c);
    for (unsigned i = 0; i < SUBS; i++) {
        struct sub *s = &c->subs[i];
        if (s->again_us <= sim.now_us || s->late_us <= sim.now_us)
            sub_join(s);
    }
    if (c->stream && stream_due_us(c->stream) <= sim.now_us)
        listen_to(c);
}

void clients_run(void)
{
    for (unsigned i = 0; i < CLIENTS && !verdict.wrong; i++)
        if (due_us(&all[i]) <= sim.now_us)
            run(&all[i]);
}

void clients_online(void)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *c = &all[i];
        c->wanted = true;
        c->lose = false;
        unstall(c);
        if (!c->open && c->again_us == NEVER && !c->get)
            c->again_us = sim.now_us;
    }
}

/* ---- what the plan wants */

bool client_step(const struct step *step)
{
    struct client *c = &all[step->who % CLIENTS];
    struct sub *channel = &c->subs[SUB_channel];
    struct sub *one = &c->subs[step->a % SUBS];
    char text[300];
    if (step->kind <= STEP_say && (c->open || step->kind == STEP_come))
        tell(c->name, "%s", step_says(step));
    if (marks_step(c, step))
        return true;
    switch (step->kind) {
    case STEP_come:
        c->wanted = true;
        if (!c->open && c->again_us == NEVER && !c->get)
            c->again_us = sim.now_us;
        return true;
    case STEP_go:
        c->wanted = false;
        over(c);
        return true;
    case STEP_stall:
        if (!c->longpoll && c->open) {
            stream_stall(c->stream, true);
            c->stall_us = sim.now_us + 50 * MS + step->a % (8 * SECOND);
        }
        return true;
    case STEP_lose_poll:
        c->lose = c->longpoll;
        return true;
    case STEP_reconnect:
        if (one->model < TOPICS && one->state == SUB_joined && one->has && !one->asked) {
            one->asked = true;
            snprintf(text, sizeof text, "{\"since\":%llu,\"epoch\":%llu}",
                     (unsigned long long)one->seq, (unsigned long long)one->epoch);
            client_push(one, "reconnect", step->b % 3 == 0 ? "{}" : text, step->kind,
                        step->b % 3 == 0);
        }
        return true;
    case STEP_rejoin:
        if (one->state == SUB_joined)
            sub_join(one);
        return true;
    case STEP_say:
        if (channel->state == SUB_joined) {
            uint64_t op = model_op((struct op){
                .kind = OP_publish, .channel = channel->model - USERS, .author = c->user});
            snprintf(text, sizeof text, "{\"n\":%llu}", (unsigned long long)op);
            client_push(channel, "message.create", text, step->kind, op);
        }
        return true;
    default:
        return false;
    }
}

/* ---- what must be true of them */

static bool in_room(const struct client *c)
{
    return c->open && c->subs[SUB_room].state == SUB_joined;
}

static void check_room(const struct client *c)
{
    const struct sub *s = &c->subs[SUB_room];
    unsigned truth = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        unsigned times = 0;
        if (!in_room(&all[i]))
            continue;
        truth++;
        for (unsigned k = 0; k < s->seen_n; k++)
            times += s->seen[k].number == all[i].subs[SUB_room].number;
        if (times != 1)
            wrong("presence", "%s sees %s %u times in the room", c->name, all[i].name, times);
    }
    if (truth != s->seen_n)
        wrong("presence", "%s sees %u in the room, and there are %u", c->name, s->seen_n, truth);
}

static void check_topic(const struct client *c, const struct sub *s)
{
    uint64_t head = model_head(s->model);
    if (model_committed_us(head) + SECOND > sim.now_us)
        return; /* it is on its way */
    if (s->seq != head)
        wrong("not converged", "%s has %s up to %llu, and it stands at %llu", c->name, s->topic,
              (unsigned long long)s->seq, (unsigned long long)head);
    else if (s->model < USERS && s->unread != model_unread(s->model, head))
        wrong("badge", "%s shows %llu, and %llu are unread", c->name, (unsigned long long)s->unread,
              (unsigned long long)model_unread(s->model, head));
}

void clients_check(bool every)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct client *c = &all[i];
        if (every && c->open && !model_token_good(c->user, c->iat_s, sim.now_us))
            wrong("revoked", "%s is connected though its token was revoked", c->name);
        for (unsigned k = 0; k < SUBS; k++) {
            const struct sub *s = &c->subs[k];
            bool joined = c->open && s->state == SUB_joined;
            if (!joined && every)
                wrong("not back", "%s has not joined %s again", c->name, s->topic);
            if (joined && s->model < TOPICS && s->joined_us + SECOND < sim.now_us)
                check_topic(c, s);
            if (joined && s->model == TOPICS && every)
                check_room(c);
        }
    }
}
