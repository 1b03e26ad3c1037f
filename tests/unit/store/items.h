/* SPDX-License-Identifier: Apache-2.0 */
/* items.h -- what is done to items, asked over a desk. */
#pragma once

#include "proto/items.h"
#include "store/marks.h"
#include "tests/unit/store/desk.h"

/* A test with a name of its own, over both engines: the rules' tests carry their numbers. */
#define RULE(name, test)                                                                           \
    {name " (memory)", test, setup_mem, teardown, NULL},                                           \
    {                                                                                              \
        name " (LMDB)", test, setup_lmdb, teardown, NULL                                           \
    }

static inline struct msg_mark mark_of(const char *user, enum mark what, struct bytes ids)
{
    return (struct msg_mark){.user = bytes_of(user),
                             .what = what,
                             .ids = ids,
                             .observed_seq = UINT64_MAX,
                             .body_hash = HASH_A};
}

static inline struct msg_changed mark_ask(struct desk *d, struct msg_mark m)
{
    struct msg a = ask(d, (struct msg){.id = MSG_mark, .mark = m});
    assert_int_equal(a.id, MSG_changed);
    return a.changed;
}

static inline struct msg_changed mark_ids(struct desk *d, const char *user, enum mark what,
                                          struct bytes ids)
{
    struct msg_changed c = mark_ask(d, mark_of(user, what, ids));
    assert_int_equal(c.status, ERR_OK);
    return c;
}

static inline struct msg_mark_all all_of(const char *user, enum mark what, uint64_t up_to)
{
    return (struct msg_mark_all){.user = bytes_of(user),
                                 .what = what,
                                 .up_to = up_to,
                                 .observed_seq = UINT64_MAX,
                                 .body_hash = HASH_A};
}

static inline struct msg_changed all_ask(struct desk *d, struct msg_mark_all m)
{
    struct msg a = ask(d, (struct msg){.id = MSG_mark_all, .mark_all = m});
    assert_int_equal(a.id, MSG_changed);
    return a.changed;
}

/* A create of one for one user, with what `m` says beyond the usual. */
static inline struct msg_created create_with(struct desk *d, const char *user, struct msg_create m)
{
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, bytes_of(user));
    struct msg a = create_of(&users, 1);
    a.create.type = m.type;
    a.create.expires_ms = m.expires_ms;
    a.create.category = m.category;
    a.create.collapse_key = m.collapse_key;
    a.create.dedupe_key = m.dedupe_key;
    if (m.content.n > 0)
        a.create.content = m.content;
    struct msg done = ask(d, a);
    buf_fini(&users);
    assert_int_equal(done.id, MSG_created);
    return done.created;
}

static inline uint64_t create_in(struct desk *d, const char *user, const char *category)
{
    struct msg_created c = create_with(
        d, user, (struct msg_create){.type = TYPE_activity, .category = bytes_of(category)});
    assert_int_equal(c.status, ERR_OK);
    return c.first_seq;
}

static inline struct msg_inbox page_of(struct desk *d, struct msg_snapshot m)
{
    struct msg a = ask(d, (struct msg){.id = MSG_snapshot, .snapshot = m});
    assert_int_equal(a.id, MSG_inbox);
    assert_int_equal(a.inbox.status, ERR_OK);
    return a.inbox;
}

static inline struct msg_inbox shown_at(struct desk *d, const char *user, enum item_place place)
{
    return page_of(
        d, (struct msg_snapshot){.user = bytes_of(user), .limit = PAGE_MAX, .place = place});
}

/* The tally of this name, zeroes when there is none. */
static inline struct msg_tally tally_in(struct mp_list list, const char *name)
{
    struct mp_in in = list_in(list);
    struct msg m;
    while (msg_read(&in, &m))
        if (bytes_is(m.tally.name, name))
            return m.tally;
    return (struct msg_tally){0};
}

/* One item by its id; `item` borrows from the answer. */
static inline enum err get_item(struct desk *d, const char *user, const char id[ID_SIZE],
                                struct msg_item *item)
{
    struct msg a = ask(
        d, (struct msg){.id = MSG_get, .get = {.user = bytes_of(user), .id = {id, ID_SIZE}}});
    assert_int_equal(a.id, MSG_inbox);
    if (a.inbox.status == ERR_OK)
        assert_int_equal(items_of(&a.inbox, item, 1), 1);
    return (enum err)a.inbox.status;
}

/* The newest entry of an inbox. */
static inline struct msg_entry newest_of(struct desk *d, const char *user)
{
    static struct msg_entry entries[CHANGES_MAX];
    unsigned n = entries_of(since(d, user, 0, 0).entries, entries, CHANGES_MAX);
    assert_true(n > 0);
    return entries[n - 1];
}

#define SAYS(field) (UINT64_C(1) << FIELD_NO_##field)

/* Other content for all of a publish; of `m` what counts is set. */
static inline struct msg_unpublished revise_ask(struct desk *d, const struct msg_created *of,
                                                struct msg_revise m)
{
    char id[ID_SIZE];
    id_at(of->at_ms, of->first_seq, id);
    m.id = (struct bytes){id, sizeof id};
    m.body_hash = HASH_A;
    if (m.content.n == 0)
        m.content = BYTES("{}");
    struct msg a = ask(d, (struct msg){.id = MSG_revise, .revise = m});
    assert_int_equal(a.id, MSG_unpublished);
    return a.unpublished;
}

static inline struct msg_unpublished retitle(struct desk *d, const struct msg_created *of,
                                             const char *content)
{
    return revise_ask(d, of,
                      (struct msg_revise){.what = SAYS(title), .content = bytes_of(content)});
}

/* What the newest notification of an inbox says. */
static inline void assert_says(struct desk *d, const char *user, const char *content)
{
    struct msg_inbox in = page_of(d, (struct msg_snapshot){.user = bytes_of(user), .limit = 1});
    struct msg_item item;
    assert_int_equal(items_of(&in, &item, 1), 1);
    char text[CONTENT_MAX + 1];
    memcpy(text, item.content.p, item.content.n);
    text[item.content.n] = '\0';
    assert_string_equal(text, content);
}
