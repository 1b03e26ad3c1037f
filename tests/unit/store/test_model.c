/* SPDX-License-Identifier: Apache-2.0 */
/* Random actions against a model that is too simple to be wrong: per user an array of items, per topic
 * one of all messages that ever were, looked through from end to end for every answer. Actions share commits, the process is started again,
 * the clock steps; SEED=n replays a run. */
#include "tests/unit/store/topics.h"

enum { USERS = 5, ITEMS = 400, ROUNDS = 3000, TOPICS = 3, MESSAGES_MAX = 2000 };

struct model_item {
    uint64_t pos, at_ms, expires_ms, read_ms;
    enum notification_type type;
    bool gone;
};

struct model_user {
    char name[16];
    struct model_item items[ITEMS];
    unsigned count;
    uint64_t head, chain[4 * ITEMS];
    unsigned changes;
};

struct model_message {
    uint64_t seq, at_ms;
    bool cut; /* some publish found it too many or too old */
};

struct model_topic {
    char name[20];
    struct model_message messages[MESSAGES_MAX];
    unsigned count;
    uint64_t keep, keep_ms; /* of the last publish */
    bool members[USERS];
};

struct model {
    struct desk *d;
    struct model_user users[USERS];
    struct model_topic topics[TOPICS];
    uint64_t notifier;
    bool trims; /* the log's old end may be gone */
    uint64_t dice, head, at_ms;
};

static uint64_t roll(struct model *m, uint64_t sides)
{
    m->dice ^= m->dice << 13;
    m->dice ^= m->dice >> 7;
    m->dice ^= m->dice << 17;
    return m->dice % sides;
}

/* The log grows. */
static uint64_t grow(struct model *m)
{
    if (m->d->now.wall_ms > m->at_ms)
        m->at_ms = m->d->now.wall_ms;
    return ++m->head;
}

static void changed(struct model *m, struct model_user *u)
{
    u->chain[u->changes++] = u->head = grow(m);
}

static uint64_t unread(const struct model_user *u)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < u->count; i++)
        n += !u->items[i].gone && u->items[i].read_ms == 0 && type_row(u->items[i].type)->counted;
    return n;
}

/* An inbox is told or changed: what is due goes first. */
static void touch(struct model *m, struct model_user *u)
{
    bool any = false;
    for (unsigned i = 0; i < u->count; i++) {
        struct model_item *item = &u->items[i];
        bool due = item->expires_ms != 0 && item->expires_ms <= m->d->now.wall_ms;
        if (item->gone || !due)
            continue;
        item->gone = any = true;
    }
    if (any)
        changed(m, u);
}

static void play_create(struct model *m)
{
    struct buf users;
    buf_init(&users, 1000);
    struct model_user *to[USERS];
    unsigned n = 0;
    for (unsigned i = 0; i < USERS; i++)
        if (roll(m, 3) == 0 && m->users[i].count < ITEMS)
            to[n++] = &m->users[i];
    if (n == 0)
        return;
    static const enum notification_type types[] = {TYPE_activity, TYPE_alert, TYPE_system};
    struct msg a = {.id = MSG_create};
    a.create.type = types[roll(m, 3)];
    a.create.expires_ms = roll(m, 3) ? 0 : m->d->now.wall_ms + 1 + roll(m, 20000);
    a.create.content = CONTENT;
    for (unsigned i = 0; i < n; i++) {
        mp_put_str(&users, bytes_of(to[i]->name));
        touch(m, to[i]);
    }
    a.create.users = list_of(&users, n);
    uint64_t first = m->head + 1;
    for (unsigned i = 0; i < n; i++) {
        changed(m, to[i]);
        to[i]->items[to[i]->count++] = (struct model_item){
            .pos = m->head,
            .at_ms = m->at_ms,
            .type = (enum notification_type)a.create.type,
            .expires_ms = a.create.expires_ms};
    }
    struct msg answer = ask(m->d, a);
    assert_int_equal(answer.created.status, ERR_OK);
    assert_int_equal(answer.created.first_seq, first);
    assert_int_equal(answer.created.at_ms, m->at_ms);
    buf_fini(&users);
}

static void play_mark_read(struct model *m, struct model_user *u)
{
    char ids[20 * ID_SIZE];
    size_t n = 0;
    uint64_t reads = 0, unknown = 0, want = 1 + roll(m, 20);
    touch(m, u);
    struct model_item *picked[20];
    uint64_t pick[20];
    for (uint64_t i = 0; i < want; i++)
        pick[i] = roll(m, u->count + 2u);
    /* Its time is that of the commit, so it is known only when something changes. */
    for (uint64_t i = 0; i < want; i++) {
        struct model_item *item = pick[i] < u->count ? &u->items[pick[i]] : NULL;
        bool wrong = roll(m, 10) == 0;
        id_at(item ? item->at_ms + wrong : 1, item ? item->pos : 1, ids + n);
        n += ID_SIZE;
        if (!item || item->gone || wrong) {
            unknown++;
        } else if (item->read_ms == 0) {
            item->read_ms = 1;
            picked[reads++] = item;
        }
    }
    if (reads > 0)
        changed(m, u);
    for (uint64_t i = 0; i < reads; i++)
        picked[i]->read_ms = m->at_ms;
    struct msg_changed c = mark_read(m->d, u->name, (struct bytes){ids, n}, "", HASH_A);
    assert_int_equal(c.status, ERR_OK);
    assert_int_equal(c.changed.n, reads * ID_SIZE);
    assert_int_equal(c.unknown.n, unknown * ID_SIZE);
    assert_int_equal(c.unread, unread(u));
    assert_int_equal(c.seq, u->head);
}

static void play_mark_all(struct model *m, struct model_user *u)
{
    touch(m, u);
    uint64_t newest = u->count ? u->items[u->count - 1].pos : 0;
    uint64_t up_to = u->count && roll(m, 2) ? u->items[roll(m, u->count)].pos + roll(m, 2)
                                            : UINT64_MAX;
    uint64_t applied = up_to > newest ? newest : up_to;
    bool any = false;
    for (unsigned i = 0; i < u->count; i++)
        any = any || (!u->items[i].gone && u->items[i].read_ms == 0 && u->items[i].pos <= applied);
    if (any)
        changed(m, u);
    for (unsigned i = 0; any && i < u->count; i++)
        if (!u->items[i].gone && u->items[i].read_ms == 0 && u->items[i].pos <= applied)
            u->items[i].read_ms = m->at_ms;
    struct msg_changed c = mark_all(m->d, u->name, up_to, "");
    assert_int_equal(c.up_to, applied);
    assert_int_equal(c.unread, unread(u));
    assert_int_equal(c.seq, u->head);
}

static void compare_inbox(struct model *m, struct model_user *u)
{
    touch(m, u);
    unsigned at = u->count;
    uint64_t before = 0, limit = 1 + roll(m, 30);
    do {
        struct msg_item items[PAGE_MAX];
        struct msg_inbox in = snapshot(m->d, u->name, before, limit);
        assert_int_equal(in.status, ERR_OK);
        assert_int_equal(in.unread, unread(u));
        assert_int_equal(in.seq, u->head);
        assert_int_equal(in.log_seq, m->head);
        unsigned n = items_of(&in, items, PAGE_MAX);
        for (unsigned i = 0; i < n; i++) {
            do
                assert_true(at-- > 0);
            while (u->items[at].gone);
            assert_int_equal(items[i].pos, u->items[at].pos);
            assert_int_equal(items[i].at_ms, u->items[at].at_ms);
            assert_int_equal(items[i].read_ms, u->items[at].read_ms);
            assert_int_equal(items[i].type, u->items[at].type);
        }
        before = in.next;
    } while (before != 0);
    while (at > 0)
        assert_true(u->items[--at].gone);
}

static void compare_chain(struct model *m, struct model_user *u)
{
    struct msg_entry entries[CHANGES_MAX];
    touch(m, u);
    uint64_t pick = roll(m, u->changes + 1u);
    uint64_t from = pick ? u->chain[pick - 1] : 0;
    struct msg_changes ch = since(m->d, u->name, from, 0);
    if (u->changes - pick > CHANGES_MAX) {
        assert_int_equal(ch.status, ERR_TOO_OLD);
        return;
    }
    if (m->trims &&
        ch.status == ERR_TOO_OLD) { /* of what the notifier has passed; never the newest */
        assert_true(pick + 1 < u->changes && u->chain[pick] <= m->notifier);
        assert_int_equal(ch.head, u->head);
        return;
    }
    assert_int_equal(ch.status, ERR_OK);
    assert_int_equal(entries_of(ch.entries, entries, CHANGES_MAX), u->changes - pick);
    for (unsigned i = 0; i < ch.entries.count; i++) {
        assert_int_equal(entries[i].seq, u->chain[pick + i]);
        assert_int_equal(entries[i].prev, pick + i ? u->chain[pick + i - 1] : 0);
    }
}

/* -- topics ----------------------------------------------------------------------------------- */

static bool too_old(const struct model *m, const struct model_topic *t,
                    const struct model_message *message)
{
    uint64_t now = m->d->now.wall_ms;
    return t->keep_ms != 0 && now > message->at_ms && now - message->at_ms >= t->keep_ms;
}

/* Oldest first, and never the newest. */
static void cut(struct model *m, struct model_topic *t)
{
    for (unsigned i = 0; i + 1 < t->count; i++) {
        bool too_many = t->count - i > t->keep;
        if (!t->messages[i].cut && !too_many && !too_old(m, t, &t->messages[i]))
            break;
        t->messages[i].cut = true;
    }
}

static void play_publish(struct model *m, struct model_topic *t)
{
    static const uint64_t keeps[] = {1, 5, 20, 300};
    if (t->count == MESSAGES_MAX)
        return;
    unsigned user = (unsigned)roll(m, USERS);
    struct msg a = publish_of(bytes_of(t->name), keeps[roll(m, 4)], roll(m, 2) ? 0 : 30000);
    a.publish.user = bytes_of(m->users[user].name);
    a.publish.members_only = roll(m, 2);
    for (uint64_t n = 1 + roll(m, 4); n > 0 && t->count < MESSAGES_MAX; n--) {
        struct msg answer = ask(m->d, a);
        if (a.publish.members_only && !t->members[user]) {
            assert_int_equal(answer.published.status, ERR_FORBIDDEN);
            continue;
        }
        t->keep = a.publish.history;
        t->keep_ms = a.publish.history_ms;
        uint64_t seq = grow(m);
        t->messages[t->count++] = (struct model_message){.seq = seq, .at_ms = m->at_ms};
        cut(m, t);
        assert_int_equal(answer.published.status, ERR_OK);
        assert_int_equal(answer.published.seq, seq);
        assert_int_equal(answer.published.at_ms, m->at_ms);
    }
}

static void play_member(struct model *m, struct model_topic *t)
{
    struct buf users;
    buf_init(&users, 1000);
    bool add = roll(m, 2);
    uint32_t named = 0;
    uint64_t flips = 0, members = 0;
    for (unsigned i = 0; i < USERS; i++) {
        if (roll(m, 2) || (named == 0 && i == USERS - 1)) {
            mp_put_str(&users, bytes_of(m->users[i].name));
            named++;
            flips += t->members[i] != add;
            t->members[i] = add;
        }
        members += t->members[i];
    }
    struct msg_membered a = member_change(m->d, bytes_of(t->name), add, &users, named);
    assert_int_equal(a.status, ERR_OK);
    assert_int_equal(a.changed, flips);
    assert_int_equal(a.members, members);
    buf_fini(&users);
}

static void compare_history(struct model *m, struct model_topic *t)
{
    uint64_t before = 0, seqs[PAGE_MAX];
    unsigned at = t->count, user = (unsigned)roll(m, USERS);
    struct bytes member = bytes_of(roll(m, 3) ? "" : m->users[user].name);
    do {
        struct msg_page page = history(m->d, bytes_of(t->name), before, 1 + roll(m, 30), member);
        if (member.n > 0 && !t->members[user]) {
            assert_int_equal(page.status, ERR_FORBIDDEN);
            return;
        }
        assert_int_equal(page.status, ERR_OK);
        assert_int_equal(page.seq, t->count ? t->messages[t->count - 1].seq : 0);
        unsigned n = seqs_of(&page, seqs);
        for (unsigned i = 0; i < n; i++) {
            assert_true(at-- > 0);
            assert_int_equal(seqs[i], t->messages[at].seq);
            assert_false(t->messages[at].cut || too_old(m, t, &t->messages[at]));
        }
        before = page.next;
    } while (before != 0);
    assert_true(at == 0 || t->messages[at - 1].cut || too_old(m, t, &t->messages[at - 1]));
}

/* All of it in order; or TOO_OLD, and then something of it was cut and passed by the notifier, or is
 * too old to be shown. */
static void compare_since(struct model *m, struct model_topic *t)
{
    struct msg_entry entries[CHANGES_MAX];
    unsigned pick = (unsigned)roll(m, t->count + 1u), reason = 0;
    struct msg_changes ch = topic_since(m->d, bytes_of(t->name),
                                        pick ? t->messages[pick - 1].seq : 0, BYTES(""));
    for (unsigned i = pick; i < t->count; i++) {
        struct model_message *message = &t->messages[i];
        assert_false(ch.status == ERR_OK && too_old(m, t, message));
        reason += too_old(m, t, message) || (message->cut && message->seq <= m->notifier);
    }
    if (ch.status == ERR_TOO_OLD) {
        assert_true(reason > 0 || t->count - pick > CHANGES_MAX);
        return;
    }
    assert_int_equal(ch.status, ERR_OK);
    assert_int_equal(entries_of(ch.entries, entries, CHANGES_MAX), t->count - pick);
    for (unsigned i = 0; i < ch.entries.count; i++)
        assert_int_equal(entries[i].seq, t->messages[pick + i].seq);
}

static void step_topic(struct model *m)
{
    struct model_topic *t = &m->topics[roll(m, TOPICS)];
    switch (roll(m, 8)) {
    case 0 ... 3:
        play_publish(m, t);
        break;
    case 4:
        play_member(m, t);
        break;
    case 5:
        compare_history(m, t);
        break;
    case 6:
        compare_since(m, t);
        break;
    case 7:
        notifier_keeps(m->d);
        m->notifier = m->head;
        break;
    }
}

static void step(struct model *m)
{
    struct model_user *u = &m->users[roll(m, USERS)];
    m->d->now.wall_ms += roll(m, 200);
    m->d->now.ms += 1;
    switch (roll(m, 18)) {
    case 0 ... 4:
        play_create(m);
        break;
    case 5 ... 6:
        play_mark_read(m, u);
        break;
    case 7:
        play_mark_all(m, u);
        break;
    case 8:
        compare_inbox(m, u);
        break;
    case 9:
        compare_chain(m, u);
        break;
    case 10:
        if (roll(m, 4) == 0)
            m->d->now.wall_ms += roll(m, 2) ? 30000 : (uint64_t)-15000;
        break;
    case 11:
        if (m->trims && roll(m, 3) == 0)
            m->d->limits.log_bytes = roll(m, 3) ? 2000 + roll(m, 20000) : 0;
        if (roll(m, 10) == 0) {
            desk_stop(m->d);
            desk_start(m->d);
        }
        break;
    case 12 ... 17:
        step_topic(m);
        break;
    }
}

static void the_store_is_as_the_model(void **state)
{
    static struct model m;
    const char *text = getenv("SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : (uint64_t)getpid() * 2654435761 + clock_ms();
    print_message("SEED=%llu\n", (unsigned long long)seed);
    m = (struct model){.d = *state, .dice = seed | 1, .trims = seed & 2};
    for (int i = 0; i < USERS; i++)
        snprintf(m.users[i].name, sizeof m.users[i].name, "user%d", i);
    for (int i = 0; i < TOPICS; i++)
        snprintf(m.topics[i].name, sizeof m.topics[i].name, "room:%d", i);
    for (int i = 0; i < ROUNDS; i++)
        step(&m);
    for (int i = 0; i < USERS; i++)
        compare_inbox(&m, &m.users[i]);
    for (int i = 0; i < TOPICS; i++)
        compare_history(&m, &m.topics[i]);
    assert_int_equal(recount(m.d, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {OVER_BOTH(the_store_is_as_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
