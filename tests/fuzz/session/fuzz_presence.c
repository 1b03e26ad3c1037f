/* SPDX-License-Identifier: Apache-2.0 */
/* Presence's core as a sequence of events: members that come, change and go; what the other owners say, true or
 * not, in any order; answers, or none; a clock that jumps. Whatever comes, a member is told a state or a count
 * first, well-formed JSON always, and nothing once it has left; and our own entries are those of our members. */
#include "tests/fuzz/fuzz.h"

#include "lib/json.h"
#include "session/presence/presence.h"

#include <stdio.h>

enum { OWNERS = 3, SELF = 1, MEMBERS = 6, TOPICS = 3, NAMES = 16, MAX = 8 };

static struct member {
    struct watcher *watcher;
    bool synced, listed;
} members[MEMBERS];

static struct {
    struct input in;
    uint64_t now_ms;
    struct msg ask;
    unsigned asked; /* bit of the owner */
} world;

static const char *const topics[TOPICS] = {"room:a", "room:b", "room:c"};

static struct bytes topic(void)
{
    return bytes_of(topics[input_byte(&world.in) % TOPICS]);
}

static void publish(void *about, const struct msg *m)
{
    (void)about;
    ENSURE(m->id == MSG_presence_delta || m->id == MSG_presence_heads);
    ENSURE(m->id != MSG_presence_delta || m->presence_delta.index == SELF);
}

static void ask(void *about, unsigned index, struct msg *m)
{
    (void)about;
    ENSURE(index < OWNERS && index != SELF);
    ENSURE(!(world.asked >> index & 1)); /* one question at a time */
    ENSURE(m->id == MSG_presence_ask && m->presence_ask.topics.count > 0);
    world.asked |= 1U << index;
}

static bool ready(void *about, const void *member)
{
    (void)about;
    (void)member;
    return input_byte(&world.in) % 4 > 0;
}

static void tell(void *about, void *member, const struct presence_news *news)
{
    struct member *m = member;
    (void)about;
    ENSURE(m->watcher != NULL);
    ENSURE(json_valid(news->payload));
    ENSURE(news->kind != NEWS_diff || m->synced);
    m->synced = news->kind != NEWS_count;
}

/* A few names, so that they meet. */
static int name_of(char *room, size_t n, char kind)
{
    return snprintf(room, n, "%c%d", kind, input_byte(&world.in) % NAMES);
}

static struct bytes meta_of(char *room, size_t n)
{
    return (struct bytes){room, (size_t)snprintf(room, n, "{\"n\":%d}", input_byte(&world.in))};
}

static uint32_t some(struct buf *list, bool refs)
{
    uint32_t n = input_byte(&world.in) % 4;
    for (uint32_t i = 0; i < n; i++) {
        char ref[8], prev[8], user[8], meta[16];
        struct bytes one = {ref, (size_t)name_of(ref, sizeof ref, 'r')};
        struct bytes before = {prev, (size_t)name_of(prev, sizeof prev, 'r')};
        if (refs) {
            mp_put_str(list, one);
            continue;
        }
        if (before.p[1] % 2)
            before.n = 0;
        struct bytes who = {user, (size_t)name_of(user, sizeof user, 'u')};
        struct msg m = {.id = MSG_presence_entry,
                        .presence_entry = {one, before, who, meta_of(meta, sizeof meta)}};
        msg_write(list, &m);
    }
    return n;
}

/* As what it says comes from the wire: written, and read again. */
static void hear(struct presence *p, const struct msg *said)
{
    struct buf wire;
    struct msg m;
    buf_init(&wire, TEXT_MAX);
    msg_write(&wire, said);
    struct mp_in in = mp_over(buf_all(&wire));
    ENSURE(msg_read(&in, &m));
    if (m.id == MSG_presence_delta)
        presence_delta(p, &m.presence_delta, world.now_ms);
    else if (m.id == MSG_presence_heads)
        presence_heads(p, &m.presence_heads, world.now_ms);
    else
        presence_answered(p, (unsigned)m.presence_parts.index, &m.presence_parts, world.now_ms);
    buf_fini(&wire);
}

/* Its place, or one that there is not; which of those in this place. */
static void owner_of(uint64_t *instance, uint64_t *index)
{
    uint8_t how = input_byte(&world.in);
    *index = how % 8 < OWNERS ? how % 8 : how % 8 == 7 ? UINT64_MAX : 0;
    *instance = how / 8 % 4;
}

static void a_delta(struct presence *p)
{
    struct buf joins, leaves;
    buf_init(&joins, BATCH_MAX);
    buf_init(&leaves, BATCH_MAX);
    struct msg m = {.id = MSG_presence_delta};
    struct msg_presence_delta *d = &m.presence_delta;
    owner_of(&d->owner, &d->index);
    d->topic = topic();
    d->seq = input_byte(&world.in);
    d->prev = input_byte(&world.in) % (d->seq + 1);
    uint32_t n = some(&joins, false);
    d->joins = list_of(&joins, n);
    n = some(&leaves, true);
    d->leaves = list_of(&leaves, n);
    if (d->index != SELF)
        hear(p, &m);
    buf_fini(&joins);
    buf_fini(&leaves);
}

static void heads(struct presence *p)
{
    struct buf list;
    buf_init(&list, BATCH_MAX);
    struct msg m = {.id = MSG_presence_heads};
    struct msg_presence_heads *h = &m.presence_heads;
    owner_of(&h->owner, &h->index);
    h->from = input_byte(&world.in);
    h->to = h->from + input_byte(&world.in);
    h->leaving = input_byte(&world.in) % 8 == 0;
    uint32_t n = input_byte(&world.in) % TOPICS;
    for (uint32_t i = 0; i < n; i++) {
        struct msg head = {.id = MSG_head, .head = {topic(), input_byte(&world.in)}};
        msg_write(&list, &head);
    }
    h->topics = list_of(&list, n);
    hear(p, &m);
    buf_fini(&list);
}

/* To a question that was asked: parts of it, or of something else. */
static void answer(struct presence *p)
{
    unsigned index = input_byte(&world.in) % OWNERS;
    if (!(world.asked >> index & 1))
        return;
    world.asked &= ~(1U << index);
    if (input_byte(&world.in) % 4 == 0) {
        presence_answered(p, index, NULL, world.now_ms);
        return;
    }
    struct buf parts, entries;
    buf_init(&parts, BATCH_MAX);
    uint32_t n = input_byte(&world.in) % 4;
    for (uint32_t i = 0; i < n; i++) {
        struct msg m = {.id = MSG_presence_part};
        buf_init(&entries, BATCH_MAX);
        m.presence_part.topic = topic();
        m.presence_part.seq = input_byte(&world.in);
        m.presence_part.same = input_byte(&world.in) % 4 == 0;
        uint32_t k = m.presence_part.same ? 0 : some(&entries, false);
        m.presence_part.count = k;
        m.presence_part.entries = list_of(&entries, k);
        msg_write(&parts, &m);
        buf_fini(&entries);
    }
    struct msg m = {.id = MSG_presence_parts,
                    .presence_parts = {.owner = input_byte(&world.in) % 4,
                                       .index = index,
                                       .parts = list_of(&parts, n)}};
    hear(p, &m);
    buf_fini(&parts);
}

/* Another process asks us. */
static void asked(struct presence *p)
{
    struct buf list;
    struct msg answer;
    buf_init(&list, BATCH_MAX);
    uint32_t n = input_byte(&world.in) % 4;
    for (uint32_t i = 0; i < n; i++) {
        struct msg head = {.id = MSG_head, .head = {topic(), input_byte(&world.in)}};
        msg_write(&list, &head);
    }
    struct msg_presence_ask m = {.owner = input_byte(&world.in) % 4,
                                 .counts = input_byte(&world.in) % 2,
                                 .topics = list_of(&list, n)};
    presence_asked(p, &m, &answer);
    ENSURE(answer.id == MSG_presence_parts && answer.presence_parts.parts.count <= n);
    buf_fini(&list);
}

static void leave(struct presence *p, struct member *m)
{
    struct watcher *w = m->watcher;
    bool stays = m->listed && input_byte(&world.in) % 8 == 0;
    *m = (struct member){0};
    presence_unwatch(p, w, stays, world.now_ms);
}

static void member(struct presence *p)
{
    struct member *m = &members[input_byte(&world.in) % MEMBERS];
    char user[8], meta[16];
    struct bytes says = meta_of(meta, sizeof meta);
    if (!m->watcher) {
        struct bytes who = {user, (size_t)name_of(user, sizeof user, 'u')};
        struct bytes where = topic();
        if (who.p[1] == '0')
            who.n = 0; /* looks on */
        m->watcher = presence_watch(p, m, where, MAX, who, says, world.now_ms);
        m->listed = m->watcher && m->watcher->entry;
    } else if (input_byte(&world.in) % 2) {
        ENSURE(presence_update(p, m->watcher, says, world.now_ms) == m->listed);
    } else {
        leave(p, m);
    }
}

static void step(struct presence *p)
{
    static void (*const kinds[])(struct presence *) = {member, a_delta, heads, answer, asked};
    uint8_t kind = input_byte(&world.in), later = input_byte(&world.in);
    world.now_ms += (uint64_t)later * later;
    if (kind < 128)
        kinds[kind % (sizeof kinds / sizeof *kinds)](p);
    else if (kind < 132)
        presence_leaving(p, world.now_ms);
    if (presence_deadline_ms(p) <= world.now_ms)
        presence_tick(p, world.now_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct presence_hand hand = {NULL, publish, ask, ready, tell};
    struct presence_limits limits = presence_limits;
    world.in = (struct input){data, n};
    world.now_ms = 1000;
    world.asked = 0;
    limits.owners = OWNERS;
    limits.entries = MEMBERS - 1; /* the last one is not listed */
    struct presence *p = presence_new(&hand, &limits, SELF, 2, 7, world.now_ms);
    while (world.in.n > 0) {
        unsigned listed = 0;
        step(p);
        for (unsigned i = 0; i < MEMBERS; i++)
            listed += members[i].listed;
        ENSURE(presence_counts(p)->entries >= listed); /* more: of who left, and stays */
    }
    for (unsigned i = 0; i < MEMBERS; i++)
        if (members[i].watcher)
            leave(p, &members[i]);
    presence_free(&p);
    return 0;
}
