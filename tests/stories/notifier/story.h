/* SPDX-License-Identifier: Apache-2.0 */
/* story.h -- how the notifier's stories are told: events in, text out, compared whole. A line is
 *     [now] event > effects = state
 * `follow kept` asks for the log after the position that the store kept, `follow 7` after 7;
 * `cast 8` publishes entry 8; `heads 5-8 ann@7` says that between them ann's inbox changed, last at
 * 7; `done 8` tells the store that 8 is published, `keep 8` that it shall keep this position.
 * `begin 8/0` begins the fan-out of message 8 by rule 0, `page 8/0` asks for its next page, `list`
 * for those that are not done; `#3` is the request's number. Behind the state, how far all is begun,
 * where that is not how far all is broadcast. */
#pragma once

#include "notifier/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HEAD_MS = 500 };
enum { WALL_MS = 1000000 }; /* the wall clock when now is 0 */

struct line {
    enum notify_event_kind kind;
    uint64_t now_ms;
    uint64_t a,
        b; /* tail: from, of so many follows before the last; entry: seq, expires_ms; tailed: to; expired: asked, next;
                          fanned: asked, done; fanout_list: asked, how many */
    const char *topic; /* entry */
    uint64_t status;   /* answers */
    const char *event; /* entry: of a message */
    const struct fanout_id *fanouts;
};

/* The rules that stories are played by; none, unless a test sets them. */
static const struct topic_rule *story_rules;
static uint64_t story_rules_n;

static inline void write_fanout(struct buf *out, const struct notify *n, const char *what,
                                const struct notify_effect *fx)
{
    uint64_t rule = 0;
    while (rule < n->fanouts.rules_n && n->fanouts.ids[rule] != fx->fanout.rule)
        rule++;
    buf_format(out, "%s %llu/", what, (unsigned long long)fx->fanout.source);
    if (rule < n->fanouts.rules_n)
        buf_u64(out, rule);
    else
        buf_byte(out, '?'); /* of a rule that the file no longer has */
    buf_format(out, " #%llu", (unsigned long long)fx->asked);
}

static inline void write_effect(struct buf *out, const struct notify *n,
                                const struct notify_effect *fx)
{
    unsigned long long from = fx->from, to = fx->to;
    uint32_t count;
    const struct notify_head *heads = notify_heads(n, &count);
    switch (fx->kind) {
    case NOTIFY_FX_follow:
        if (fx->from == UINT64_MAX)
            buf_text(out, "follow kept");
        else
            buf_format(out, "follow %llu", from);
        break;
    case NOTIFY_FX_broadcast:
        buf_format(out, "cast %llu", (unsigned long long)fx->entry->seq);
        break;
    case NOTIFY_FX_heads:
        buf_format(out, "heads %llu-%llu", from, to);
        for (uint32_t i = 0; i < count && i < 3; i++)
            buf_format(out, " %.*s@%llu", (int)heads[i].n, heads[i].topic,
                       (unsigned long long)heads[i].seq);
        if (count > 3)
            buf_format(out, " and %u more", count - 3);
        break;
    case NOTIFY_FX_followed:
        buf_format(out, "%s %llu", fx->keep ? "keep" : "done", to);
        break;
    case NOTIFY_FX_expire:
        buf_format(out, "expire #%llu", (unsigned long long)fx->asked);
        break;
    case NOTIFY_FX_fanout:
        write_fanout(out, n, "begin", fx);
        break;
    case NOTIFY_FX_fanout_step:
        write_fanout(out, n, "page", fx);
        break;
    case NOTIFY_FX_fanouts:
        buf_format(out, "list #%llu", (unsigned long long)fx->asked);
        break;
    }
}

static inline void play(struct notify *n, const struct line *line, struct buf *out)
{
    struct msg_entry entry = {.kind = line->event ? ENTRY_message : ENTRY_created,
                              .event = bytes_of(line->event ? line->event : ""),
                              .seq = line->a,
                              .expires_ms = line->b,
                              .topic = bytes_of(line->topic ? line->topic : "ann")};
    struct notify_event ev = {.kind = line->kind,
                              .now_ms = line->now_ms,
                              .wall_ms = WALL_MS + line->now_ms,
                              .from = line->a,
                              .to = line->a,
                              .asked = line->kind == NOTIFY_EV_tail ? n->follow_asked - line->b
                                                                    : line->a,
                              .status = line->status,
                              .next_in_ms = line->b,
                              .done = line->b == 1,
                              .count = (uint32_t)line->b,
                              .fanouts = line->fanouts,
                              .entry = line->kind == NOTIFY_EV_entry ? &entry : NULL};
    struct notify_effects fx;
    notify_step(n, &ev, &fx);
    if (!out)
        return;
    buf_format(out, "[%5llu] %s", (unsigned long long)line->now_ms, notify_event_name(line->kind));
    for (unsigned i = 0; i < fx.n; i++) {
        buf_text(out, i ? ", " : " > ");
        write_effect(out, n, &fx.list[i]);
    }
    buf_format(out, " = %s", notify_state_name(n->state));
    if (fanouts_begun(&n->fanouts) != n->position)
        buf_format(out, ", begun %llu", (unsigned long long)fanouts_begun(&n->fanouts));
    buf_byte(out, '\n');
}

static inline void story(const char *want, const struct line *lines, size_t count)
{
    struct notify *n = malloc(sizeof *n);
    struct buf out;
    buf_init(&out, 1 << 16);
    notify_init(n, HEAD_MS, story_rules, story_rules_n);
    for (size_t i = 0; i < count; i++)
        play(n, &lines[i], &out);
    buf_byte(&out, 0);
    assert_string_equal(out.p, want);
    buf_fini(&out);
    notify_fini(n);
    free(n);
}

#define STORY(want, ...)                                                                           \
    do {                                                                                           \
        const struct line lines_[] = {__VA_ARGS__};                                                \
        story(want, lines_, sizeof lines_ / sizeof *lines_);                                       \
    } while (0)

/* clang-format off */
/* The words that stories are told in. */
#define AT(event, now) .kind = NOTIFY_EV_##event, .now_ms = (now)
#define STORE_UP(now) {AT(store_up, now)}
#define STORE_DOWN(now) {AT(store_down, now)}
#define BUS_UP(now) {AT(bus_up, now)}
#define BUS_DOWN(now) {AT(bus_down, now)}
#define UP(now) STORE_UP(now), BUS_UP(now)
#define TICK(now) {AT(tick, now)}
#define DRAIN(now) {AT(drain, now)}
#define TAIL(now, from) {AT(tail, now), .a = (from)}
#define LATE_TAIL(now, from) {AT(tail, now), .a = (from), .b = 1}
#define TAILED(now, to) {AT(tailed, now), .a = (to)}
#define ENTRY(now, seq, whose) {AT(entry, now), .a = (seq), .topic = (whose)}
#define ENDING(now, seq, at_ms) {AT(entry, now), .a = (seq), .b = WALL_MS + (at_ms)}
#define SAID(now, seq, whose) {AT(entry, now), .a = (seq), .topic = (whose), .event = "say"}
#define FANNED(now, number) {AT(fanned, now), .a = (number)}
#define ALL_DONE(now, number) {AT(fanned, now), .a = (number), .b = 1}
#define NOT_FANNED(now, number, why) {AT(fanned, now), .a = (number), .status = (why)}
#define LISTED(now, number, how_many, which) \
    {AT(fanout_list, now), .a = (number), .b = (how_many), .fanouts = (which)}
#define EXPIRED(now, number, next_in) {AT(expired, now), .a = (number), .b = (next_in)}
#define REFUSED(now, number, why) {AT(expired, now), .a = (number), .status = (why)}
/* clang-format on */
#define NONE UINT64_MAX
