/* SPDX-License-Identifier: Apache-2.0 */
/* subs.c -- one joined topic of a client. Every frame is held against the model, and against the
 * frame before it: nothing missing, nothing twice, never back. */
#include "lib/json.h"
#include "proto/items.h"
#include "tests/sim/client.h"

#include <stdio.h>
#include <stdlib.h>

enum { AGAIN_MS = 1000, LATE_S = 10, PROMPT_MS = 400, CALM_S = 4 };

void sub_left(struct sub *s, uint64_t again_us)
{
    s->state = SUB_idle;
    s->join_ref = 0;
    s->asked = false;
    s->synced = false;
    s->seen_n = 0;
    s->late_us = NEVER;
    s->again_us = again_us;
}

void sub_join(struct sub *s)
{
    char payload[100] = "{}";
    struct client *c = s->client;
    if (s->state != SUB_idle)
        s->fresh = false; /* what the old join got may still come */
    sub_left(s, NEVER);
    if (!c->open)
        return;
    s->number = c->index * UINT64_C(1000000) + c->refs + 1;
    if (s->model == TOPICS)
        snprintf(payload, sizeof payload, "{\"meta\":{\"n\":%llu}}", (unsigned long long)s->number);
    else if (s->has)
        snprintf(payload, sizeof payload, "{\"since\":%llu,\"epoch\":%llu}",
                 (unsigned long long)s->seq, (unsigned long long)s->epoch);
    s->state = SUB_joining;
    s->late_us = sim.now_us + LATE_S * SECOND;
    s->join_ref = c->refs + 1; /* the ref that the push takes */
    client_push(s, "phx_join", payload, STEP_rejoin, 0);
}

/* ---- the chain */

/* In calm weather what is committed is there at once; only then a missed message is not yet found. */
static void prompt(struct sub *s, uint64_t seq)
{
    uint64_t from_us = model_committed_us(seq);
    if (from_us < s->joined_us)
        from_us = s->joined_us;
    if (from_us < s->client->stalled_us)
        from_us = s->client->stalled_us;
    bool calm = sim.fault_us + CALM_S * SECOND < from_us && s->client->stall_us == NEVER;
    if (calm && !s->asked && sim.now_us > from_us + PROMPT_MS * MS)
        wrong("late", "%s gets seq %llu %llu ms after its commit", s->client->name,
              (unsigned long long)seq, (unsigned long long)((sim.now_us - from_us) / MS));
}

static void chain(struct sub *s, struct bytes event, struct bytes payload)
{
    uint64_t seq = 0, prev = 0;
    if (!text_number(payload, "seq", &seq) || !text_number(payload, "prev", &prev))
        return; /* not numbered: transient */
    model_event(s->client->name, s->model, payload);
    if (verdict.wrong)
        return;
    if (seq <= s->seq) {
        if (!s->asked && s->fresh)
            wrong("twice", "%s has %s up to %llu, and gets seq %llu", s->client->name, s->topic,
                  (unsigned long long)s->seq, (unsigned long long)seq);
        return;
    }
    if (prev != s->seq) {
        wrong("gap", "%s has %s up to %llu, and gets seq %llu behind %llu", s->client->name,
              s->topic, (unsigned long long)s->seq, (unsigned long long)seq,
              (unsigned long long)prev);
        return;
    }
    prompt(s, seq);
    s->seq = seq;
    text_number(payload, "unread_count", &s->unread);
    tell(s->client->name, "gets %.*s seq %llu of %s, unread %llu", (int)event.n, event.p,
         (unsigned long long)seq, s->topic, (unsigned long long)s->unread);
}

/* What replaces everything: a join's answer or a sync. */
static void replaces(struct sub *s, struct bytes all, const char *items, const char *how)
{
    uint64_t seq = 0, unread = 0, epoch = 0;
    text_number(all, "seq", &seq);
    text_number(all, "epoch", &epoch);
    text_number(all, "unread_count", &unread);
    tell(s->client->name, "%s %s at seq %llu, unread %llu", how, s->topic, (unsigned long long)seq,
         (unsigned long long)unread);
    if (s->has && epoch == s->epoch && seq < s->seq)
        wrong("back", "%s had %s up to %llu, and is shown it at %llu", s->client->name, s->topic,
              (unsigned long long)s->seq, (unsigned long long)seq);
    model_page(s->client->name, s->model,
               &(struct page){.seq = seq,
                              .unread = unread,
                              .items = text_member(all, items),
                              .answer = all,
                              .now_ms = text_time(all, "server_time"),
                              .last = bytes_is(text_member(all, "next"), "null")});
    s->seq = seq;
    s->epoch = epoch;
    s->unread = unread;
    s->has = true;
}

static void resumed(struct sub *s, struct bytes all)
{
    struct json in = json_over(text_member(all, "changes"));
    struct bytes one, event;
    uint64_t seq = 0, unread = 0;
    bool fresh = s->fresh, asked = s->asked;
    s->fresh = true;
    s->asked = true; /* no hurry */
    json_enter(&in, '[');
    while (!verdict.wrong && json_element(&in, &one))
        if (text_string(text_member(one, "event"), &event))
            chain(s, event, text_member(one, "payload"));
    s->fresh = fresh;
    s->asked = asked;
    text_number(all, "seq", &seq);
    text_number(all, "unread_count", &unread);
    if (!verdict.wrong && seq != s->seq)
        wrong("gap", "%s resumes %s up to %llu, and is told %llu", s->client->name, s->topic,
              (unsigned long long)s->seq, (unsigned long long)seq);
    if (!verdict.wrong && s->model < USERS) {
        model_count(s->client->name, s->model, seq, unread);
        model_current(s->client->name, s->model, seq, text_time(all, "server_time"));
    }
    s->unread = unread;
    tell(s->client->name, "resumes %s up to seq %llu, unread %llu", s->topic,
         (unsigned long long)seq, (unsigned long long)unread);
}

void sub_reply(struct sub *s, uint64_t ref, bool ok, struct bytes response)
{
    (void)ref;
    if (s->state != SUB_joining)
        return;
    s->late_us = NEVER;
    if (!ok) {
        sub_left(s, sim.now_us + AGAIN_MS * MS);
        return;
    }
    s->state = SUB_joined;
    if (s->model < USERS)
        model_known(s->model);
    s->fresh = true; /* what an earlier join got came before this answer */
    s->joined_us = sim.now_us;
    if (s->model == TOPICS) {
        tell(s->client->name, "joins %s as %llu", s->topic, (unsigned long long)s->number);
    } else if (bytes_is(text_member(response, "resumed"), "true")) {
        resumed(s, response);
    } else if (bytes_is(text_member(response, "recovered"), "true")) {
        tell(s->client->name, "recovers %s from seq %llu", s->topic, (unsigned long long)s->seq);
    } else {
        replaces(s, response, s->model < USERS ? "notifications" : "messages", "joins");
    }
}

/* ---- the room */

static void meet(struct sub *s, struct bytes meta, bool joins)
{
    struct bytes ref;
    unsigned i = 0;
    if (!text_string(text_member(meta, "phx_ref"), &ref))
        return;
    while (i < s->seen_n && !bytes_is(ref, s->seen[i].ref))
        i++;
    if (joins && i == s->seen_n && i < SEEN_MAX) {
        s->seen[s->seen_n] = (struct seen){0};
        memcpy(s->seen[i].ref, ref.p, ref.n < sizeof s->seen[i].ref ? ref.n : 0);
        text_number(meta, "n", &s->seen[s->seen_n++].number);
    } else if (!joins && i < s->seen_n) {
        s->seen[i] = s->seen[--s->seen_n];
    } else if (!joins) {
        wrong("presence", "%s is told that one leaves who is not there", s->client->name);
    }
}

static void meet_all(struct sub *s, struct bytes people, bool joins)
{
    struct json in = json_over(people);
    struct bytes key, value, meta;
    if (people.n == 0)
        return;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value)) {
        struct json metas = json_over(text_member(value, "metas"));
        json_enter(&metas, '[');
        while (json_element(&metas, &meta))
            meet(s, meta, joins);
    }
}

static void room_event(struct sub *s, struct bytes event, struct bytes payload)
{
    if (bytes_is(event, "presence_state")) {
        s->seen_n = 0;
        s->synced = true;
        meet_all(s, payload, true);
    } else if (bytes_is(event, "presence_diff") && s->synced) {
        meet_all(s, text_member(payload, "joins"), true);
        meet_all(s, text_member(payload, "leaves"), false);
    } else {
        return;
    }
    tell(s->client->name, "sees %u in %s", s->seen_n, s->topic);
}

/* ---- everything else */

void sub_event(struct sub *s, struct bytes join_ref, struct bytes event, struct bytes payload)
{
    struct bytes ref;
    bool named = text_string(join_ref, &ref);
    uint64_t seq = 0;
    if (text_number(payload, "seq", &seq) && seq > s->shown)
        s->shown = seq; /* perhaps of the join before, on the same connection */
    if (named && strtoull(ref.p, NULL, 10) != s->join_ref)
        return; /* of an earlier join */
    if (bytes_is(event, "phx_error") || bytes_is(event, "phx_close")) {
        sub_left(s, sim.now_us + AGAIN_MS * MS);
        return;
    }
    if (s->state != SUB_joined) {
        if (s->fresh)
            wrong("before the join", "%s gets %.*s of %s", s->client->name, (int)event.n, event.p,
                  s->topic);
        return;
    }
    if (s->model == TOPICS)
        room_event(s, event, payload);
    else if (bytes_is(event, "notifications:sync"))
        replaces(s, payload, "recent", "syncs");
    else if (bytes_is(event, "topic:sync"))
        replaces(s, payload, "messages", "syncs");
    else
        chain(s, event, payload);
}

void sub_answer(struct sub *s, const struct pending *p, bool ok, struct bytes response)
{
    uint64_t seq = 0, unread = 0, up_to = 0;
    if (p->kind == STEP_reconnect)
        s->asked = false;
    if (!ok) {
        tell(s->client->name, "is refused: %.*s", (int)response.n, response.p);
        return;
    }
    text_number(response, "seq", &seq);
    text_number(response, "unread_count", &unread);
    if (p->kind == STEP_say) {
        model_ok(p->op, seq);
    } else if (s->model < USERS && p->kind == STEP_list) {
        struct page page = list_asked(p->op);
        page.seq = seq;
        page.unread = unread;
        page.items = text_member(response, "notifications");
        page.answer = response;
        page.now_ms = text_time(response, "server_time");
        page.last = bytes_is(text_member(response, "next"), "null");
        model_page(s->client->name, s->model, &page);
    } else if (s->model < USERS) {
        model_count(s->client->name, s->model, seq, unread);
    }
    if (p->kind == STEP_mark || p->kind == STEP_mark_all)
        model_marked(p->op, response);
    text_number(response, "up_to", &up_to);
    if (p->kind == STEP_mark_all && !model_op_of(p->op)->again && up_to > s->seq &&
        up_to > s->shown)
        wrong("marked unseen", "%s has its inbox up to %llu, and marked all up to %llu",
              s->client->name, (unsigned long long)s->seq, (unsigned long long)up_to);
}
