/* SPDX-License-Identifier: Apache-2.0 */
/* Random actions against a model that is too simple to be wrong: per user an array of items, per topic
 * one of all messages that ever were, looked through from end to end for every answer. Actions share commits, the process is started again,
 * the clock steps; SEED=n replays a run. */
#include "tests/unit/store/items.h"
#include "tests/unit/store/topics.h"

enum { USERS = 5, ITEMS = 400, ROUNDS = 3000, TOPICS = 3, MESSAGES_MAX = 2000, CATEGORIES = 4 };

static const char *const category_names[CATEGORIES] = {"", "work", "home", "a\"b"};

struct model_item {
    uint64_t pos, birth, at_ms, expires_ms, read_ms, until_ms;
    enum notification_type type;
    unsigned category; /* 0: none */
    unsigned collapse; /* 0: none */
    bool gone, seen, archived;
    bool unread;         /* because its user said so */
    uint64_t unread_seq; /* when */
};

struct model_user {
    char name[16];
    struct model_item items[ITEMS];
    unsigned count;
    uint64_t newest;
    uint64_t read_upto[CATEGORIES], seen_upto; /* marks: of all at 0 */
    uint64_t head, chain[8 * ITEMS];
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
    assert_true(u->changes < 8 * ITEMS);
    u->chain[u->changes++] = u->head = grow(m);
}

static bool snoozed(const struct model_item *i)
{
    return i->until_ms != 0;
}

static bool aside(const struct model_item *i)
{
    return i->archived || snoozed(i);
}

static bool is_counted(const struct model_item *i)
{
    return !i->gone && !aside(i) && i->read_ms == 0 && type_row(i->type)->counted;
}

/* Of all, or of one category. */
static struct msg_tally count(const struct model_user *u, unsigned category)
{
    struct msg_tally t = {.name = bytes_of(category_names[category])};
    for (unsigned i = 0; i < u->count; i++) {
        const struct model_item *item = &u->items[i];
        bool its = category == 0 || item->category == category;
        t.unread += its && is_counted(item);
        t.unseen += its && is_counted(item) && !item->seen;
    }
    return t;
}

/* A category is there while an item has it, and so is its mark. */
static void tidy(struct model_user *u)
{
    bool there[CATEGORIES] = {true};
    for (unsigned i = 0; i < u->count; i++)
        there[u->items[i].category] |= !u->items[i].gone;
    for (unsigned c = 0; c < CATEGORIES; c++)
        if (!there[c])
            u->read_upto[c] = 0;
}

static void wake(struct model *m, struct model_user *u, struct model_item *i)
{
    changed(m, u);
    i->pos = i->unread_seq = u->newest = u->head;
    i->read_ms = i->until_ms = 0;
    i->seen = i->unread = false;
}

/* The one that is to wake first. */
static struct model_item *first_due(struct model *m, struct model_user *u)
{
    struct model_item *first = NULL;
    for (unsigned i = 0; i < u->count; i++) {
        struct model_item *item = &u->items[i];
        bool due = !item->gone && snoozed(item) && item->until_ms <= m->d->now.wall_ms;
        bool before = due && first &&
                      (item->until_ms < first->until_ms ||
                       (item->until_ms == first->until_ms && item->pos < first->pos));
        if (due && (!first || before))
            first = item;
    }
    return first;
}

/* An inbox is told or changed: what is due goes first, then what wakes comes. */
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
    for (struct model_item *item; (item = first_due(m, u));)
        wake(m, u, item);
    tidy(u);
}

static struct model_item *under_key(struct model_user *u, unsigned collapse)
{
    for (unsigned i = 0; collapse > 0 && i < u->count; i++)
        if (!u->items[i].gone && u->items[i].collapse == collapse)
            return &u->items[i];
    return NULL;
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
    unsigned category = (unsigned)roll(m, CATEGORIES);
    a.create.category = bytes_of(category_names[category]);
    unsigned collapse = (unsigned)roll(m, 8), collapsed = 0;
    static const char *const keys[] = {"", "a", "b"};
    collapse = collapse < 3 ? collapse : 0;
    a.create.collapse_key = bytes_of(keys[collapse]);
    for (unsigned i = 0; i < n; i++) {
        mp_put_str(&users, bytes_of(to[i]->name));
        touch(m, to[i]);
    }
    a.create.users = list_of(&users, n);
    uint64_t first = m->head + 1;
    for (unsigned i = 0; i < n; i++) {
        struct model_item *old = under_key(to[i], collapse), *item = old;
        changed(m, to[i]);
        if (!item)
            item = &to[i]->items[to[i]->count++];
        collapsed += old != NULL;
        *item = (struct model_item){.pos = m->head,
                                    .birth = old ? old->birth : m->head,
                                    .at_ms = old ? old->at_ms : m->at_ms,
                                    .collapse = collapse,
                                    .unread_seq = old ? m->head : 0,
                                    .category = category,
                                    .type = (enum notification_type)a.create.type,
                                    .expires_ms = a.create.expires_ms};
        to[i]->newest = m->head;
        tidy(to[i]);
    }
    struct msg answer = ask(m->d, a);
    assert_int_equal(answer.created.status, ERR_OK);
    assert_int_equal(answer.created.first_seq, first);
    assert_int_equal(answer.created.at_ms, m->at_ms);
    for (unsigned i = 0; i < answer.created.taken.n; i++)
        collapsed -= answer.created.taken.p[i] == TAKEN_collapsed;
    assert_int_equal(collapsed, 0);
    buf_fini(&users);
}

/* What one id does. False: nothing. */
static bool do_mark(struct model *m, struct model_user *u, const struct msg_mark *a,
                    struct model_item *i)
{
    switch ((enum mark)a->what) {
    case MARK_read:
        if (i->read_ms != 0 || i->unread_seq > a->observed_seq)
            return false;
        i->read_ms = m->at_ms;
        i->seen = true;
        i->unread = false;
        return true;
    case MARK_unread:
        if (i->read_ms == 0)
            return false;
        i->read_ms = 0;
        i->unread_seq = u->head;
        return i->unread = true;
    case MARK_seen:
        if (i->seen || i->read_ms != 0 || !type_row(i->type)->counted)
            return false;
        return i->seen = true;
    case MARK_archive:
        if (i->archived)
            return false;
        i->until_ms = 0;
        return i->archived = true;
    case MARK_unarchive:
        if (!i->archived)
            return false;
        i->archived = false;
        return true;
    case MARK_snooze:
        if (i->until_ms == a->until_ms)
            return false;
        i->archived = false;
        i->until_ms = a->until_ms;
        return true;
    case MARK_unsnooze:
        if (!snoozed(i))
            return false;
        wake(m, u, i);
        return true;
    case MARK_delete:
        return i->gone = true;
    case MARK_COUNT:
        break;
    }
    return false;
}

/* Its time and seq are those of the commit, so whether there is one is known first: on a copy. */
static bool does_anything(struct model *m, const struct model_user *u, const struct msg_mark *a,
                          struct model_item *const *picked, unsigned n)
{
    static struct model copy;
    static struct model_user user;
    copy = *m;
    user = *u;
    for (unsigned i = 0; i < n; i++) {
        struct model_item item = *picked[i];
        if (do_mark(&copy, &user, a, &item))
            return true;
    }
    return false;
}

static void play_mark(struct model *m, struct model_user *u)
{
    char ids[20 * ID_SIZE];
    struct msg_mark a = {.user = bytes_of(u->name), .body_hash = HASH_A};
    a.what = roll(m, 3) ? roll(m, MARK_COUNT) : MARK_read;
    touch(m, u);
    a.observed_seq = roll(m, 3) ? UINT64_MAX : u->head - roll(m, u->head + 1);
    a.until_ms = a.what == MARK_snooze ? m->d->now.wall_ms + 1 + roll(m, 20000) : 0;
    unsigned want = 1 + (unsigned)roll(m, a.what == MARK_delete ? 2 : 20), n = 0;
    uint64_t changes = 0, unknown = 0;
    struct model_item *picked[20];
    for (unsigned i = 0; i < want; i++) {
        uint64_t pick = roll(m, u->count + 2u);
        struct model_item *item = pick < u->count ? &u->items[pick] : NULL;
        bool wrong = roll(m, 10) == 0;
        id_at(item ? item->at_ms + wrong : 1, item ? item->birth : 1, ids + i * ID_SIZE);
        if (item && !item->gone && !wrong)
            picked[n++] = item;
        else
            unknown++;
    }
    if (a.what != MARK_unsnooze && does_anything(m, u, &a, picked, n))
        changed(m, u);
    for (unsigned i = 0; i < n; i++) {
        unknown += picked[i]->gone; /* by this very request */
        changes += !picked[i]->gone && do_mark(m, u, &a, picked[i]);
    }
    tidy(u);
    a.ids = (struct bytes){ids, want * ID_SIZE};
    struct msg answer = ask(m->d, (struct msg){.id = MSG_mark, .mark = a});
    assert_int_equal(answer.changed.status, ERR_OK);
    assert_int_equal(answer.changed.changed.n, changes * ID_SIZE);
    assert_int_equal(answer.changed.unknown.n, unknown * ID_SIZE);
    assert_int_equal(answer.changed.unread, count(u, 0).unread);
    assert_int_equal(answer.changed.unseen, count(u, 0).unseen);
    assert_int_equal(answer.changed.seq, u->head);
}

/* Does a mark of all that is up to here concern it? */
static bool concerns(const struct msg_mark_all *a, const struct model_item *i, unsigned category)
{
    if (i->gone || i->pos > a->up_to || (category && i->category != category))
        return false;
    switch ((enum mark)a->what) {
    case MARK_read:
        return i->read_ms == 0 && !(i->unread && i->unread_seq > a->observed_seq);
    case MARK_archive:
        return !aside(i) && (a->only_read == 0 || i->read_ms != 0);
    default:
        return !i->seen && i->read_ms == 0;
    }
}

static bool mark_rises(const struct model_user *u, const struct msg_mark_all *a, unsigned category)
{
    uint64_t own = u->read_upto[category], all = u->read_upto[0];
    if (a->what == MARK_archive)
        return false;
    return a->up_to > (a->what == MARK_seen ? u->seen_upto : own > all ? own : all);
}

static void do_mark_all(struct model *m, struct model_user *u, const struct msg_mark_all *a,
                        unsigned category)
{
    bool rises = mark_rises(u, a, category), any = rises;
    for (unsigned i = 0; i < u->count; i++)
        any = any || (a->what != MARK_seen && concerns(a, &u->items[i], category));
    if (!any || a->up_to == 0)
        return;
    changed(m, u);
    for (unsigned i = 0; i < u->count; i++) {
        struct model_item *item = &u->items[i];
        if (!concerns(a, item, category))
            continue;
        item->seen |= a->what != MARK_archive;
        item->archived |= a->what == MARK_archive;
        if (a->what != MARK_read)
            continue;
        item->read_ms = m->at_ms;
        item->unread = false;
    }
    if (rises)
        *(a->what == MARK_seen ? &u->seen_upto : &u->read_upto[category]) = a->up_to;
}

static void play_mark_all(struct model *m, struct model_user *u)
{
    static const enum mark whats[] = {MARK_read, MARK_read, MARK_seen, MARK_archive};
    touch(m, u);
    uint64_t up_to = u->count && roll(m, 2) ? u->items[roll(m, u->count)].pos + roll(m, 2)
                                            : UINT64_MAX;
    struct msg_mark_all a = {.user = bytes_of(u->name),
                             .what = whats[roll(m, 4)],
                             .observed_seq = UINT64_MAX,
                             .up_to = up_to > u->newest ? u->newest : up_to,
                             .body_hash = HASH_A};
    unsigned category = a.what == MARK_read && roll(m, 3) == 0 ? (unsigned)roll(m, CATEGORIES) : 0;
    bool there = category == 0;
    if (roll(m, 3) == 0)
        a.observed_seq = u->head - roll(m, u->head + 1);
    a.only_read = a.what == MARK_archive && roll(m, 3);
    a.category = bytes_of(category_names[category]);
    for (unsigned i = 0; i < u->count; i++)
        there = there || (!u->items[i].gone && u->items[i].category == category);
    if (there)
        do_mark_all(m, u, &a, category);
    uint64_t applied = a.up_to;
    a.up_to = up_to;
    struct msg answer = ask(m->d, (struct msg){.id = MSG_mark_all, .mark_all = a});
    assert_int_equal(answer.changed.status, ERR_OK);
    assert_int_equal(answer.changed.up_to, applied);
    assert_int_equal(answer.changed.unread, count(u, 0).unread);
    assert_int_equal(answer.changed.unseen, count(u, 0).unseen);
    assert_int_equal(answer.changed.seq, u->head);
}

static void compare_item(const struct model_item *want, const struct msg_item *item)
{
    assert_int_equal(item->pos, want->pos);
    assert_int_equal(item->birth ? item->birth : item->pos, want->birth);
    assert_int_equal(item->at_ms, want->at_ms);
    assert_int_equal(item->read_ms, want->read_ms);
    assert_int_equal(item->until_ms, want->until_ms);
    assert_int_equal(item->type, want->type);
    assert_int_equal((item->flags & ITEM_archived) != 0, want->archived);
    assert_int_equal((item->flags & ITEM_snoozed) != 0, snoozed(want));
    assert_int_equal((item->flags & ITEM_unread) != 0, want->unread);
    if (type_row(want->type)->counted)
        assert_int_equal((item->flags & ITEM_seen) != 0, want->seen);
}

static bool is_shown(const struct model_item *i, const struct msg_snapshot *s)
{
    if (i->gone || (s->place == PLACE_inbox && aside(i)))
        return false;
    if ((s->place == PLACE_archive && !i->archived) || (s->place == PLACE_snoozed && !snoozed(i)))
        return false;
    if (s->status != 0 && (i->read_ms != 0) != (s->status == 2))
        return false;
    if (s->type != 0 && i->type != s->type - 1)
        return false;
    return s->category.n == 0 || bytes_is(s->category, category_names[i->category]);
}

/* The next one below `before`: they are not in order, as some have moved. */
static const struct model_item *below(const struct model_user *u, const struct msg_snapshot *s,
                                      uint64_t before)
{
    const struct model_item *next = NULL;
    for (unsigned i = 0; i < u->count; i++) {
        const struct model_item *item = &u->items[i];
        if (is_shown(item, s) && item->pos < before && (!next || item->pos > next->pos))
            next = item;
    }
    return next;
}

static void compare_counts(const struct model_user *u, const struct msg_inbox *in)
{
    assert_int_equal(in->unread, count(u, 0).unread);
    assert_int_equal(in->unseen, count(u, 0).unseen);
    for (unsigned c = 1; c < CATEGORIES; c++) {
        struct msg_tally want = count(u, c), got = tally_in(in->by_category, category_names[c]);
        assert_int_equal(got.unread, want.unread);
        assert_int_equal(got.unseen, want.unseen);
    }
}

static void compare_inbox(struct model *m, struct model_user *u)
{
    touch(m, u);
    struct msg_snapshot s = {.user = bytes_of(u->name),
                             .limit = 1 + roll(m, 30),
                             .place = roll(m, 2) ? PLACE_inbox : roll(m, PLACE_COUNT)};
    if (roll(m, 2)) {
        s.status = roll(m, 3);
        s.type = roll(m, 3) ? 0 : TYPE_alert + 1;
        s.category = bytes_of(category_names[roll(m, CATEGORIES)]);
    }
    uint64_t at = UINT64_MAX;
    do {
        struct msg_item items[PAGE_MAX];
        struct msg_inbox in = page_of(m->d, s);
        compare_counts(u, &in);
        assert_int_equal(in.seq, u->head);
        assert_int_equal(in.log_seq, m->head);
        unsigned n = items_of(&in, items, PAGE_MAX);
        for (unsigned i = 0; i < n; i++) {
            const struct model_item *want = below(u, &s, at);
            assert_non_null(want);
            compare_item(want, &items[i]);
            at = want->pos;
        }
        s.before = in.next;
    } while (s.before != 0);
    assert_null(below(u, &s, at));
}

static void compare_one(struct model *m, struct model_user *u)
{
    char id[ID_SIZE];
    struct msg_item got;
    touch(m, u);
    if (u->count == 0)
        return;
    const struct model_item *item = &u->items[roll(m, u->count)];
    id_at(item->at_ms, item->birth, id);
    enum err e = get_item(m->d, u->name, id, &got);
    assert_int_equal(e, item->gone ? ERR_NOT_FOUND : ERR_OK);
    if (!e)
        compare_item(item, &got);
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
        play_mark(m, u);
        break;
    case 7:
        play_mark_all(m, u);
        break;
    case 8:
        compare_inbox(m, u);
        compare_one(m, u);
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
