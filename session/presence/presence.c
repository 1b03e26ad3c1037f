/* SPDX-License-Identifier: Apache-2.0 */
#include "session/presence/presence.h"

#include "lib/base64.h"
#include "lib/ensure.h"
#include "session/presence/presence_core.h"

#include <stdlib.h>

const struct presence_limits presence_limits = {
    .rooms = 200000, .entries = PRESENCE_PART_MAX, .bytes = 12 << 20, .merged = 1000000};

struct presence *presence_new(const struct presence_hand *hand,
                              const struct presence_limits *limits, unsigned index,
                              uint64_t instance, uint64_t seed, uint64_t now_ms)
{
    ENSURE(instance != 0);
    ENSURE(index < limits->owners);
    ENSURE(limits->owners <= UINT8_MAX); /* and one more: who has departed */
    ENSURE(limits->entries <= PRESENCE_PART_MAX);
    struct presence *p = calloc(1, sizeof *p);
    ENSURE(p != NULL);
    p->hand = *hand;
    p->limits = *limits;
    p->self = index;
    p->instance = instance;
    p->seed = seed;
    p->start_ms = p->now_ms = now_ms;
    map_init(&p->rooms, room_name, seed);
    p->owners = calloc(limits->owners, sizeof *p->owners);
    ENSURE(p->owners != NULL);
    for (unsigned i = 0; i < limits->owners; i++) {
        ring_init(&p->owners[i].suspects);
        ring_init(&p->owners[i].asked);
    }
    ring_init(&p->soon);
    ring_init(&p->later);
    ring_init(&p->changed);
    buf_init(&p->text, TEXT_MAX);
    buf_init(&p->list, TEXT_MAX);
    buf_init(&p->leaves, FRAME_MAX);
    return p;
}

void presence_free(struct presence **slot)
{
    struct presence *p = *slot;
    *slot = NULL;
    if (!p)
        return;
    struct room *r;
    for (size_t at = 0; (r = map_next(&p->rooms, &at));)
        room_free(r);
    map_fini(&p->rooms);
    free(p->owners);
    buf_fini(&p->text);
    buf_fini(&p->list);
    buf_fini(&p->leaves);
    free(p);
}

void presence_touch(struct presence *p, struct room *r)
{
    if (!ring_empty(&r->due))
        return;
    r->due_ms = p->now_ms + PRESENCE_GATHER_MS;
    bool quiet = r->flushed_ms == 0 || p->now_ms - r->flushed_ms >= PRESENCE_GATHER_MS;
    ring_add(quiet ? &p->soon : &p->later, &r->due);
}

static struct room *room_at(struct presence *p, struct bytes topic)
{
    struct room *r = map_get(&p->rooms, topic);
    if (r || p->rooms.used >= p->limits.rooms)
        return r;
    r = room_new(topic, p->seed);
    map_put(&p->rooms, r);
    return r;
}

/* The first of this process looks on: every owner is asked. An answer that was asked for before may be
 * older than what the owner's heads have said since, when nobody here looked on. */
static void open_eyes(struct presence *p, struct room *r)
{
    r->parts = calloc(p->limits.owners, sizeof *r->parts);
    ENSURE(r->parts != NULL);
    r->watched_ms = p->now_ms;
    r->counting = false;
    for (unsigned i = 0; i < p->limits.owners; i++) {
        r->parts[i].room = r;
        r->parts[i].heard = p->owners[i].at;
        ring_init(&r->parts[i].ring);
        if (i != p->self)
            presence_suspect(p, i, &r->parts[i]);
    }
}

static void close_eyes(struct presence *p, struct room *r)
{
    for (unsigned i = 0; i < p->limits.owners; i++)
        ring_off(&r->parts[i].ring);
    room_blind(r, p->self);
}

static void track(struct presence *p, struct watcher *w, struct bytes user, struct bytes meta,
                  struct bytes prev)
{
    uint8_t id[15];
    char room[PRESENCE_REF_MAX];
    struct buf ref = {.p = room, .cap = sizeof room, .max = sizeof room};
    ++p->refs;
    memcpy(id, &p->instance, 8);
    id[8] = (uint8_t)p->self; /* processes are started together */
    for (unsigned i = 0; i < 6; i++)
        id[14 - i] = (uint8_t)(p->refs >> (8 * i));
    base64url_write(&ref, (struct bytes){(const char *)id, sizeof id});
    struct msg_presence_entry m = {buf_all(&ref), prev, user, meta};
    w->entry = entry_new(&m, p->self);
    room_join(w->room, w->entry, p->self);
    p->counts.entries++;
}

static void untrack(struct presence *p, struct room *r, struct presence_entry *e)
{
    room_leave(r, e, p->self);
    p->counts.entries--;
}

struct watcher *presence_watch(struct presence *p, void *member, struct bytes topic, uint32_t max,
                               struct bytes user, struct bytes meta, uint64_t now_ms)
{
    ENSURE(meta.n <= PRESENCE_META_MAX);
    p->now_ms = now_ms;
    struct room *r = room_at(p, topic);
    if (!r) {
        p->counts.unlisted++;
        return NULL;
    }
    r->max = max;
    if (r->watchers_n == 0)
        open_eyes(p, r);
    struct watcher *w = room_watch(r, member);
    bool full = r->own >= p->limits.entries || r->own_bytes + PRESENCE_META_MAX > p->limits.bytes ||
                r->entries.used >= p->limits.merged;
    if (full)
        p->counts.unlisted++;
    else if (user.n > 0)
        track(p, w, user, meta, (struct bytes){NULL, 0});
    presence_touch(p, r);
    return w;
}

bool presence_update(struct presence *p, struct watcher *w, struct bytes meta, uint64_t now_ms)
{
    ENSURE(meta.n <= PRESENCE_META_MAX);
    p->now_ms = now_ms;
    struct presence_entry *old = w->entry;
    if (!old)
        return false;
    struct msg m = entry_msg(old);
    /* What nobody was told of is not what the new one takes the place of. */
    struct bytes prev = old->fresh ? m.presence_entry.prev : entry_ref(old);
    track(p, w, m.presence_entry.user, meta, prev);
    untrack(p, w->room, old);
    presence_touch(p, w->room);
    return true;
}

void presence_unwatch(struct presence *p, struct watcher *w, bool stays, uint64_t now_ms)
{
    p->now_ms = now_ms;
    struct room *r = w->room;
    if (w->entry && !stays)
        untrack(p, r, w->entry);
    room_unwatch(w);
    if (r->watchers_n == 0)
        close_eyes(p, r);
    presence_touch(p, r);
}

const struct room *presence_room(const struct presence *p, struct bytes topic, bool *is_whole)
{
    const struct room *r = map_get(&p->rooms, topic);
    *is_whole = r && presence_whole(p, r);
    return r;
}

const struct presence_counts *presence_counts(const struct presence *p)
{
    return &p->counts;
}

void presence_leaving(struct presence *p, uint64_t now_ms)
{
    p->leaving = true;
    p->heads_ms = now_ms;
}

void presence_tick(struct presence *p, uint64_t now_ms)
{
    p->now_ms = now_ms;
    p->counts.rooms = p->rooms.used;
    presence_judge(p);
    while (!ring_empty(&p->later)) {
        struct room *r = RING_OF(struct room, due, p->later.next);
        if (r->due_ms > now_ms)
            break;
        ring_add(&p->soon, &r->due);
    }
    while (!ring_empty(&p->soon))
        presence_flush(p, RING_OF(struct room, due, p->soon.next));
    if (now_ms >= p->heads_ms)
        presence_say_heads(p);
    for (unsigned i = 0; i < p->limits.owners; i++)
        presence_ask_owner(p, i);
}

uint64_t presence_deadline_ms(const struct presence *p)
{
    uint64_t first = p->heads_ms;
    if (p->departed_ms != 0 && p->departed_ms < first)
        first = p->departed_ms;
    if (!ring_empty(&p->soon))
        return p->now_ms;
    if (!ring_empty(&p->later)) {
        const struct room *r = RING_OF(struct room, due, p->later.next);
        first = r->due_ms < first ? r->due_ms : first;
    }
    for (unsigned i = 0; i < p->limits.owners; i++) {
        const struct owner *o = &p->owners[i];
        if (!o->asking && !ring_empty(&o->suspects) && o->retry_ms < first &&
            presence_expects(p, i))
            first = o->retry_ms;
    }
    return first;
}
