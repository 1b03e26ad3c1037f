/* SPDX-License-Identifier: Apache-2.0 */
/* What the other owners have: heard through the broker, and asked for where something was missed. */
#include "session/presence/presence_core.h"

#include "lib/ensure.h"

enum {
    ASK_TOPICS = 256,       /* of one question */
    ANSWER_BYTES = 1 << 20, /* of one answer, but always at least a topic */
};

bool presence_expects(const struct presence *p, unsigned index)
{
    if (index >= p->limits.owners || index == p->self)
        return false;
    const struct owner *o = &p->owners[index];
    if (o->instance == 0)
        return p->now_ms - p->start_ms < PRESENCE_START_MS;
    return !o->gone;
}

bool presence_whole(const struct presence *p, const struct room *r)
{
    if (!r->parts)
        return false;
    for (unsigned i = 0; i < p->limits.owners; i++)
        if (!r->parts[i].known && presence_expects(p, i))
            return false;
    return true;
}

void presence_suspect(struct presence *p, unsigned index, struct part *part)
{
    if (!ring_empty(&part->ring))
        return;
    ring_add(&p->owners[index].suspects, &part->ring);
    if (part->known)
        p->counts.holes++;
}

static void hear(struct part *part, uint64_t seq)
{
    if (seq > part->heard)
        part->heard = seq;
}

/* Any of its steps up to `seq` may have been missed: also an answer on its way may be older. */
static void suspect_all(struct presence *p, unsigned index, uint64_t seq)
{
    struct room *r;
    for (size_t at = 0; (r = map_next(&p->rooms, &at));)
        if (r->parts) {
            hear(&r->parts[index], seq);
            presence_suspect(p, index, &r->parts[index]);
        }
}

/* Its entries leave everywhere. */
static void sweep_owner(struct presence *p, unsigned index)
{
    struct room *r;
    p->counts.gone++;
    for (size_t at = 0; (r = map_next(&p->rooms, &at));) {
        if (!r->parts)
            continue;
        struct part *part = &r->parts[index];
        room_unkeep(r, index);
        room_sweep(r, index, p->self);
        part->seq = part->heard = 0;
        part->known = false;
        presence_touch(p, r); /* also when it had none here: it is not waited for any more */
    }
}

/* It drained, and its clients are about to be somewhere else: their old entries are nobody's, until
 * departed_ms. */
static void depart_owner(struct presence *p, unsigned index)
{
    struct room *r;
    struct presence_entry *e;
    p->departed_ms = p->now_ms + PRESENCE_GRACE_MS;
    for (size_t at = 0; (r = map_next(&p->rooms, &at));) {
        if (!r->parts)
            continue;
        for (size_t i = 0; (e = map_next(&r->entries, &i));)
            if (e->owner == index)
                e->owner = (uint8_t)p->limits.owners;
        r->parts[index].seq = r->parts[index].heard = 0;
        r->parts[index].known = false;
    }
}

static void sweep_departed(struct presence *p)
{
    struct room *r;
    p->departed_ms = 0;
    for (size_t at = 0; (r = map_next(&p->rooms, &at));) {
        if (!r->parts)
            continue;
        room_unkeep(r, p->limits.owners);
        room_sweep(r, p->limits.owners, p->self);
        presence_touch(p, r);
    }
}

/* The owner at this place is `instance`. NULL: it is ourselves, or one that is over: an older one than
 * we know is a late word, unless the one we know is gone (the clock was set back between them). */
static struct owner *owner_at(struct presence *p, uint64_t index, uint64_t instance)
{
    if (index >= p->limits.owners || index == p->self || instance == 0)
        return NULL;
    struct owner *o = &p->owners[index];
    if (o->instance == instance)
        return o;
    if (instance < o->instance && !o->gone)
        return NULL;
    if (o->instance != 0 && !o->gone) {
        if (o->leaving)
            depart_owner(p, (unsigned)index);
        else
            sweep_owner(p, (unsigned)index);
    }
    o->instance = instance;
    o->heard_ms = p->now_ms;
    o->at = 0;
    o->retry_ms = 0;
    o->gone = o->leaving = false;
    suspect_all(p, (unsigned)index, 0);
    return o;
}

/* The same, and it has just spoken. */
static struct owner *owner_speaks(struct presence *p, uint64_t index, uint64_t instance)
{
    struct owner *o = owner_at(p, index, instance);
    if (!o)
        return NULL;
    o->heard_ms = p->now_ms;
    if (o->gone) {
        o->gone = false;
        suspect_all(p, (unsigned)index, o->at);
    }
    return o;
}

static void join_one(struct presence *p, struct room *r, unsigned index,
                     const struct msg_presence_entry *m)
{
    struct presence_entry *e = room_find(r, m->ref);
    if (!e) {
        e = entry_new(m, index);
        room_join(r, e, p->self);
    }
    e->kept = true;
}

static void join_all(struct presence *p, struct room *r, unsigned index, struct mp_list entries)
{
    struct mp_in in = list_in(entries);
    struct msg m;
    while (msg_read(&in, &m))
        if (m.id == MSG_presence_entry)
            join_one(p, r, index, &m.presence_entry);
}

static void leave_all(struct presence *p, struct room *r, unsigned index, struct mp_list refs)
{
    struct mp_in in = list_in(refs);
    for (uint32_t i = 0; i < refs.count; i++) {
        struct bytes ref = mp_str(&in);
        struct presence_entry *e = in.ok ? room_find(r, ref) : NULL;
        if (e && e->owner == index)
            room_leave(r, e, p->self);
    }
}

/* These are all that the owner has here. */
static void replace(struct presence *p, struct room *r, unsigned index, struct mp_list entries)
{
    room_unkeep(r, index);
    join_all(p, r, index, entries);
    room_sweep(r, index, p->self);
}

static struct part *part_of(struct presence *p, struct bytes topic, unsigned index)
{
    struct room *r = map_get(&p->rooms, topic);
    return r && r->parts ? &r->parts[index] : NULL;
}

void presence_delta(struct presence *p, const struct msg_presence_delta *d, uint64_t now_ms)
{
    p->now_ms = now_ms;
    unsigned index = (unsigned)d->index;
    if (!owner_speaks(p, d->index, d->owner))
        return;
    struct part *part = part_of(p, d->topic, index);
    if (!part || (part->known && d->seq <= part->seq))
        return;
    hear(part, d->seq);
    if (d->prev != 0 && (!part->known || d->prev > part->seq)) {
        presence_suspect(p, index, part);
        return;
    }
    if (d->prev == 0) {
        replace(p, part->room, index, d->joins);
    } else {
        join_all(p, part->room, index, d->joins);
        leave_all(p, part->room, index, d->leaves);
    }
    part->seq = d->seq;
    part->known = true;
    presence_touch(p, part->room);
}

/* Our own heads are back: the broker is there. */
static void echo(struct presence *p)
{
    if (p->echo_ms == 0 || p->now_ms - p->echo_ms > PRESENCE_ECHO_MS)
        p->echo_since = p->now_ms;
    p->echo_ms = p->now_ms;
}

void presence_heads(struct presence *p, const struct msg_presence_heads *h, uint64_t now_ms)
{
    p->now_ms = now_ms;
    if (h->index == p->self && h->owner == p->instance)
        echo(p);
    unsigned index = (unsigned)h->index;
    struct owner *o = owner_speaks(p, h->index, h->owner);
    if (!o)
        return;
    if (h->from > o->at) {
        p->counts.heads_missed += o->at != 0;
        suspect_all(p, index, h->from);
    }
    if (h->to > o->at)
        o->at = h->to;
    o->leaving = h->leaving;
    struct mp_in in = list_in(h->topics);
    struct msg m;
    while (msg_read(&in, &m)) {
        struct part *part = m.id == MSG_head ? part_of(p, m.head.topic, index) : NULL;
        if (!part)
            continue;
        hear(part, m.head.seq);
        if (!part->known || part->seq < m.head.seq)
            presence_suspect(p, index, part);
    }
}

void presence_judge(struct presence *p)
{
    if (p->departed_ms != 0 && p->now_ms >= p->departed_ms)
        sweep_departed(p);
    if (p->echo_ms == 0 || p->now_ms - p->echo_ms > PRESENCE_ECHO_MS)
        return; /* the broker is away, or we were */
    for (unsigned i = 0; i < p->limits.owners; i++) {
        struct owner *o = &p->owners[i];
        if (o->instance == 0 || o->gone)
            continue;
        uint64_t last_ms = o->heard_ms > p->echo_since ? o->heard_ms : p->echo_since;
        if (p->now_ms - last_ms < PRESENCE_SILENT_MS)
            continue;
        o->gone = true;
        sweep_owner(p, i);
    }
}

void presence_ask_owner(struct presence *p, unsigned index)
{
    struct owner *o = &p->owners[index];
    if (o->asking || ring_empty(&o->suspects) || p->now_ms < o->retry_ms ||
        !presence_expects(p, index))
        return;
    uint32_t n = 0;
    buf_reset(&p->list);
    for (; n < ASK_TOPICS && !ring_empty(&o->suspects); n++) {
        struct part *part = RING_OF(struct part, ring, o->suspects.next);
        struct msg m = {.id = MSG_head,
                        .head = {room_name(part->room), part->known ? part->seq : 0}};
        msg_write(&p->list, &m);
        ring_add(&o->asked, &part->ring);
    }
    o->asking = true;
    struct msg m = {.id = MSG_presence_ask,
                    .presence_ask = {.owner = o->instance, .topics = list_of(&p->list, n)}};
    p->hand.ask(p->hand.about, index, &m);
}

/* One topic of an answer. */
static void take(struct presence *p, unsigned index, const struct msg_presence_part *m)
{
    struct part *part = part_of(p, m->topic, index);
    if (!part)
        return; /* nobody here looks on any more */
    ring_off(&part->ring);
    if (m->same ? part->known : !part->known || m->seq >= part->seq) {
        struct room *r = part->room;
        if (!m->same) {
            replace(p, r, index, m->entries);
            presence_touch(p, r);
        }
        part->seq = m->seq > part->seq ? m->seq : part->seq;
        part->known = true;
        if (r->told < r->watchers_n) /* who waits for the state gets it now */
            ring_add(&p->soon, &r->due);
    }
    if (!part->known || part->heard > part->seq)
        presence_suspect(p, index, part); /* a delta overtook the answer */
}

void presence_answered(struct presence *p, unsigned index, const struct msg_presence_parts *answer,
                       uint64_t now_ms)
{
    p->now_ms = now_ms;
    struct owner *o = &p->owners[index];
    o->asking = false;
    bool good = answer && answer->index == index && owner_at(p, index, answer->owner) && !o->gone;
    if (!good || answer->parts.count == 0) /* not at once again */
        o->retry_ms = now_ms + PRESENCE_RETRY_MS;
    if (good) {
        struct mp_in in = list_in(answer->parts);
        struct msg m;
        while (msg_read(&in, &m))
            if (m.id == MSG_presence_part)
                take(p, index, &m.presence_part);
    }
    ring_move(&o->suspects, &o->asked); /* what was not answered is asked again */
}

/* What we told of this room is what is true at our present step. */
static uint32_t write_own(const struct presence *p, const struct room *r, struct buf *out)
{
    uint32_t n = 0;
    const struct presence_entry *e;
    for (size_t at = 0; (e = map_next(&r->entries, &at));)
        if (e->owner == p->self && !e->fresh) {
            struct msg m = entry_msg(e);
            msg_write(out, &m);
            n++;
        }
    for (uint32_t i = 0; i < r->left.n; i++)
        if (r->left.p[i]->owner == p->self) {
            struct msg m = entry_msg(r->left.p[i]);
            msg_write(out, &m);
            n++;
        }
    return n;
}

void presence_asked(struct presence *p, const struct msg_presence_ask *ask, struct msg *answer)
{
    struct mp_in in = list_in(ask->topics);
    struct msg m;
    uint32_t n = 0;
    buf_reset(&p->list);
    while (msg_read(&in, &m) && (n == 0 || p->list.n < ANSWER_BYTES)) {
        if (m.id != MSG_head)
            break;
        const struct room *r = map_get(&p->rooms, m.head.topic);
        bool same = r && r->seq > 0 && ask->owner == p->instance && m.head.seq >= r->seq;
        struct msg part = {.id = MSG_presence_part,
                           .presence_part = {.topic = m.head.topic, .seq = p->seq, .same = same}};
        buf_reset(&p->text);
        if (r && !same && !ask->counts)
            part.presence_part.entries = list_of(&p->text, write_own(p, r, &p->text));
        ENSURE(!p->text.overflowed); /* what was told is within the limit of bytes */
        part.presence_part.entries.raw = buf_all(&p->text);
        part.presence_part.count = r ? r->own : 0;
        msg_write(&p->list, &part);
        n++;
    }
    *answer = (struct msg){.id = MSG_presence_parts,
                           .presence_parts = {.req = ask->req,
                                              .owner = p->instance,
                                              .index = p->self,
                                              .parts = list_of(&p->list, n)}};
}
