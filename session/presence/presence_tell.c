/* SPDX-License-Identifier: Apache-2.0 */
/* What is new, told: our own to the other owners, all of it to the members here. */
#include "session/presence/presence_core.h"

enum { TOLD_MAX = TEXT_MAX / 2 - 1024 }; /* bytes; around it in an answer are less than 1024 */

static void publish_delta(struct presence *p, struct room *r, uint32_t joins, uint32_t leaves)
{
    struct msg m = {.id = MSG_presence_delta,
                    .presence_delta = {.owner = p->instance,
                                       .index = p->self,
                                       .seq = ++p->seq,
                                       .prev = r->seq,
                                       .topic = room_name(r),
                                       .joins = list_of(&p->list, joins),
                                       .leaves = list_of(&p->leaves, leaves)}};
    r->seq = p->seq;
    ring_add(&p->changed, &r->changed);
    p->hand.publish(p->hand.about, &m);
    buf_reset(&p->list);
    buf_reset(&p->leaves);
}

/* What is new of our own, to the other owners: who came first, so that an update never empties a user. */
static void publish_own(struct presence *p, struct room *r)
{
    uint32_t joins = 0, leaves = 0;
    buf_reset(&p->list);
    buf_reset(&p->leaves);
    for (uint32_t i = 0; i < r->fresh.n; i++) {
        if (r->fresh.p[i]->owner != p->self)
            continue;
        struct msg m = entry_msg(r->fresh.p[i]);
        msg_write(&p->list, &m);
        if (++joins == PRESENCE_BATCH) {
            publish_delta(p, r, joins, 0);
            joins = 0;
        }
    }
    for (uint32_t i = 0; i < r->left.n; i++) {
        if (r->left.p[i]->owner != p->self)
            continue;
        mp_put_str(&p->leaves, entry_ref(r->left.p[i]));
        if (++leaves == PRESENCE_BATCH) {
            publish_delta(p, r, joins, leaves);
            joins = leaves = 0;
        }
    }
    if (joins + leaves > 0)
        publish_delta(p, r, joins, leaves);
}

static struct presence_news news(struct presence *p, const struct room *r,
                                 enum presence_news_kind kind)
{
    return (struct presence_news){kind, ++p->news, room_name(r), buf_all(&p->text)};
}

static struct presence_news count_news(struct presence *p, const struct room *r)
{
    buf_reset(&p->text);
    buf_format(&p->text, "{\"count\":%zu}", r->entries.used);
    return news(p, r, NEWS_count);
}

/* It cannot be told as one text. A long-poll's answer has it as a string of JSON, twice as long at most. */
static bool too_long(const struct presence *p)
{
    return p->text.overflowed || p->text.n > TOLD_MAX;
}

static struct presence_news state_news(struct presence *p, const struct room *r)
{
    struct entry_list all = room_state(r);
    buf_reset(&p->text);
    entries_write(&p->text, &all);
    entries_fini(&all);
    return too_long(p) ? count_news(p, r) : news(p, r, NEWS_state);
}

/* To everyone who has the state. A member may leave while it is told: from the last to the first. */
static void tell_all(struct presence *p, struct room *r, const struct presence_news *n)
{
    for (uint32_t i = r->told; i-- > 0;) {
        if (i >= r->told)
            continue; /* more than one left meanwhile */
        struct watcher *w = r->watchers[i];
        if (p->hand.ready(p->hand.about, w->member))
            p->hand.tell(p->hand.about, w->member, n);
        else
            room_untell(w);
    }
}

/* The state to whoever has not got it and can take it. */
static void tell_new(struct presence *p, struct room *r)
{
    struct presence_news n = {.number = 0};
    if (!presence_whole(p, r) && p->now_ms - r->watched_ms < PRESENCE_STATE_MS)
        return;
    if (p->now_ms - p->start_ms < PRESENCE_YOUNG_MS)
        return;
    for (uint32_t i = r->told; i < r->watchers_n; i++) {
        struct watcher *w = r->watchers[i];
        if (!p->hand.ready(p->hand.about, w->member))
            continue;
        if (n.number == 0)
            n = r->counting ? count_news(p, r) : state_news(p, r);
        room_tell(w);
        p->hand.tell(p->hand.about, w->member, &n);
    }
}

/* Who came and went, as one diff. Nothing is new any more before anyone is told, as whoever is told
 * may leave by it. */
static void tell_diff(struct presence *p, struct room *r, bool wanted)
{
    bool any = room_settle(r);
    if (!any || !wanted || r->told == 0) {
        room_told(r);
        return;
    }
    buf_reset(&p->text);
    buf_text(&p->text, "{\"joins\":");
    entries_write(&p->text, &r->fresh);
    buf_text(&p->text, ",\"leaves\":");
    entries_write(&p->text, &r->left);
    buf_byte(&p->text, '}');
    room_told(r);
    if (too_long(p))
        r->told = 0; /* too much for one: everyone gets the state instead */
    struct presence_news n = news(p, r, NEWS_diff);
    tell_all(p, r, &n);
}

static void tell_count(struct presence *p, struct room *r)
{
    uint32_t count = (uint32_t)r->entries.used;
    if (count == r->counted || p->now_ms - r->counted_ms < PRESENCE_COUNT_MS)
        return;
    r->counted = count;
    r->counted_ms = p->now_ms;
    struct presence_news n = count_news(p, r);
    tell_all(p, r, &n);
}

static void reap(struct presence *p, struct room *r)
{
    if (r->watchers_n > 0 || r->entries.used > 0 || r->left.n > 0 || r->busy ||
        !ring_empty(&r->changed) || !ring_empty(&r->due))
        return;
    map_remove(&p->rooms, r);
    room_free(r);
}

void presence_flush(struct presence *p, struct room *r)
{
    ring_off(&r->due);
    r->busy = true;
    r->flushed_ms = p->now_ms;
    publish_own(p, r);
    bool counting = r->entries.used > (r->counting ? r->max - r->max / 8 : r->max);
    tell_diff(p, r, !counting && !r->counting);
    if (r->counting && !counting)
        r->told = 0; /* lists again: everyone gets the state */
    if (!r->counting && counting)
        r->counted = 0;
    r->counting = counting;
    if (counting)
        tell_count(p, r);
    tell_new(p, r);
    r->busy = false;
    if (r->told < r->watchers_n || (r->counting && r->counted != r->entries.used))
        presence_touch(p, r);
    reap(p, r);
}

static void write_heads(struct presence *p, uint32_t topics, uint64_t to)
{
    struct msg m = {.id = MSG_presence_heads,
                    .presence_heads = {.owner = p->instance,
                                       .index = p->self,
                                       .from = p->heads_at,
                                       .to = to,
                                       .topics = list_of(&p->list, topics),
                                       .leaving = p->leaving}};
    p->heads_at = to;
    p->hand.publish(p->hand.about, &m);
    buf_reset(&p->list);
}

void presence_say_heads(struct presence *p)
{
    uint32_t n = 0;
    uint64_t last = p->heads_at;
    buf_reset(&p->list);
    /* At the same moments as the other processes of this machine, so that each of them is woken once for
     * all of these, and the broker too. */
    uint64_t every_ms = p->echo_ms ? PRESENCE_HEADS_MS : PRESENCE_FIRST_MS;
    p->heads_ms = (p->now_ms / every_ms + 1) * every_ms;
    while (!ring_empty(&p->changed)) {
        struct room *r = RING_OF(struct room, changed, p->changed.next);
        if (n == CHANGES_MAX) {
            write_heads(p, n, last);
            n = 0;
        }
        struct msg m = {.id = MSG_head, .head = {room_name(r), r->seq}};
        msg_write(&p->list, &m);
        last = r->seq;
        n++;
        ring_off(&r->changed);
        reap(p, r);
    }
    write_heads(p, n, p->seq);
}
