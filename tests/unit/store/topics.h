/* SPDX-License-Identifier: Apache-2.0 */
/* topics.h -- what is asked of topics, over the desk. */
#pragma once

#include "store/fanout.h"
#include "store/history.h"
#include "store/members.h"
#include "tests/unit/store/desk.h"

#define ROOM BYTES("room:7")
#define PAYLOAD BYTES("{\"text\":\"Hi\"}")

static inline struct msg publish_of(struct bytes topic, uint64_t history, uint64_t history_ms)
{
    return (struct msg){.id = MSG_publish,
                        .publish = {.topic = topic,
                                    .event = BYTES("message.create"),
                                    .payload = PAYLOAD,
                                    .user = BYTES("ann"),
                                    .history = history,
                                    .history_ms = history_ms,
                                    .body_hash = HASH_A}};
}

/* One message; its seq. */
static inline uint64_t publish(struct desk *d, struct bytes topic, uint64_t history,
                               uint64_t history_ms)
{
    struct msg a = ask(d, publish_of(topic, history, history_ms));
    assert_int_equal(a.id, MSG_published);
    assert_int_equal(a.published.status, ERR_OK);
    return a.published.seq;
}

static inline struct msg_page history(struct desk *d, struct bytes topic, uint64_t before,
                                      uint64_t limit, struct bytes member)
{
    struct msg a = ask(
        d, (struct msg){
               .id = MSG_history,
               .history = {.topic = topic, .before = before, .limit = limit, .member = member}});
    assert_int_equal(a.id, MSG_page);
    return a.page;
}

static inline struct msg_changes topic_since(struct desk *d, struct bytes topic, uint64_t from,
                                             struct bytes member)
{
    struct msg a = ask(d, (struct msg){.id = MSG_since,
                                       .since = {.topic = topic, .since = from, .member = member}});
    assert_int_equal(a.id, MSG_changes);
    return a.changes;
}

/* How many seqs of the page are there, newest first; they go to `seqs`. */
static inline unsigned seqs_of(const struct msg_page *page, uint64_t seqs[PAGE_MAX])
{
    struct msg_entry entries[PAGE_MAX];
    unsigned n = entries_of(page->entries, entries, PAGE_MAX);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(entries[i].kind, ENTRY_message);
        seqs[i] = entries[i].seq;
    }
    return n;
}

static inline struct msg_membered member_change(struct desk *d, struct bytes topic, bool add,
                                                const struct buf *users, uint32_t count)
{
    struct msg a = ask(
        d, (struct msg){.id = MSG_member,
                        .member = {.topic = topic, .add = add, .users = list_of(users, count)}});
    assert_int_equal(a.id, MSG_membered);
    return a.membered;
}

static inline struct msg_membered member_one(struct desk *d, struct bytes topic, bool add,
                                             const char *user)
{
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, bytes_of(user));
    struct msg_membered a = member_change(d, topic, add, &users, 1);
    buf_fini(&users);
    return a;
}

static inline struct msg_member_list member_list(struct desk *d, struct bytes topic,
                                                 struct bytes after, uint64_t limit)
{
    struct msg a = ask(d,
                       (struct msg){.id = MSG_members,
                                    .members = {.topic = topic, .after = after, .limit = limit}});
    assert_int_equal(a.id, MSG_member_list);
    return a.member_list;
}

/* The notifier has published everything so far, and its position is kept. */
static inline void notifier_keeps(struct desk *d)
{
    uint64_t head = d->requests.state.head;
    desk_clear(d);
    desk_send(d, 1, &(struct msg){.id = MSG_follow, .follow = {.after = head, .window = 100000}});
    desk_commit(d);
    desk_send(d, 1, &(struct msg){.id = MSG_followed, .followed = {head, 1}});
    desk_commit(d);
    assert_int_equal(d->requests.state.meta.notifier, head);
    desk_clear(d);
}
