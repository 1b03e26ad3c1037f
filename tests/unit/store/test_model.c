/* SPDX-License-Identifier: Apache-2.0 */
/* Random actions against a model that is too simple to be wrong: per user an array of items, looked
 * through from end to end for every answer. Actions share commits, the process is started again,
 * the clock steps; SEED=n replays a run. */
#include "tests/unit/store/desk.h"

enum { USERS = 5, ITEMS = 400, ROUNDS = 1500 };

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

struct model {
    struct desk *d;
    struct model_user users[USERS];
    uint64_t dice, head, at_ms;
};

static uint64_t roll(struct model *m, uint64_t sides)
{
    m->dice ^= m->dice << 13;
    m->dice ^= m->dice >> 7;
    m->dice ^= m->dice << 17;
    return m->dice % sides;
}

static void changed(struct model *m, struct model_user *u)
{
    u->chain[u->changes++] = u->head = ++m->head;
    if (m->d->now.wall_ms > m->at_ms)
        m->at_ms = m->d->now.wall_ms;
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
    assert_int_equal(ch.status, ERR_OK);
    assert_int_equal(entries_of(ch.entries, entries, CHANGES_MAX), u->changes - pick);
    for (unsigned i = 0; i < ch.entries.count; i++) {
        assert_int_equal(entries[i].seq, u->chain[pick + i]);
        assert_int_equal(entries[i].prev, pick + i ? u->chain[pick + i - 1] : 0);
    }
}

static void step(struct model *m)
{
    struct model_user *u = &m->users[roll(m, USERS)];
    m->d->now.wall_ms += roll(m, 200);
    m->d->now.ms += 1;
    switch (roll(m, 12)) {
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
        if (roll(m, 10) == 0) {
            desk_stop(m->d);
            desk_start(m->d);
        }
        break;
    }
}

static void the_store_is_as_the_model(void **state)
{
    static struct model m;
    const char *text = getenv("SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : (uint64_t)getpid() * 2654435761 + clock_ms();
    print_message("SEED=%llu\n", (unsigned long long)seed);
    m = (struct model){.d = *state, .dice = seed | 1};
    for (int i = 0; i < USERS; i++)
        snprintf(m.users[i].name, sizeof m.users[i].name, "user%d", i);
    for (int i = 0; i < ROUNDS; i++)
        step(&m);
    for (int i = 0; i < USERS; i++)
        compare_inbox(&m, &m.users[i]);
    assert_int_equal(recount(m.d, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {OVER_BOTH(the_store_is_as_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
