/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of topics and users without changing anything. */
#include "store/reads.h"

#include "proto/topic.h"
#include "proto/types.h"
#include "store/erase.h"
#include "store/fanout.h"
#include "store/history.h"
#include "store/log.h"
#include "store/members.h"
#include "store/record.h"
#include "store/refuse.h"
#include "store/users.h"

enum err read_allowed(const struct reads *r, struct bytes topic, struct bytes member)
{
    if (!topic_valid(topic))
        return ERR_INVALID;
    return member.n > 0 ? member_must_be(r->txn, topic, member) : ERR_OK;
}

/* The message that the index says is there, behind the others in r->list. */
static enum err add_message(const struct reads *r, struct bytes topic, uint64_t seq)
{
    struct msg_entry entry;
    struct bytes raw;
    enum err e = log_get(r->txn, seq, &entry, &raw);
    if (e == ERR_NOT_FOUND ||
        (!e && (entry.kind != ENTRY_message || !bytes_equal(entry.topic, topic)))) {
        struct key key = key1(seq);
        e = record_damaged(r->txn, TABLE_log, key_bytes(&key));
    }
    if (!e)
        buf_bytes(r->list, raw);
    return e;
}

/* Newest first, below `before`, down to what is not shown any more. `next`: where the page behind
 * begins, 0 when there is none. */
static enum err add_messages(const struct reads *r, const struct msg_history *m,
                             const struct topic_row *row, uint32_t *count, uint64_t *next)
{
    struct key from = key2(row->no, m->before ? m->before - 1 : UINT64_MAX);
    struct bytes key, value;
    struct message_row message;
    struct walk w;
    enum err e = ERR_OK;
    uint64_t last = 0;
    walk_open(&w, r->txn, TABLE_index, WALK_down, key_bytes(&from));
    while (!e && walk_next(&w, &key, &value) && key_number(key, 0) == row->no) {
        uint64_t seq = key_number(key, 1);
        e = record_read(r->txn, TABLE_index, key, value, &message, FIELDS_OF(message), NULL);
        if (e || seq <= row->cut || history_over(row, message.at_ms, r->now_ms))
            break;
        if (*count == m->limit || *count == PAGE_MAX || !read_fits(r, CONTENT_MAX)) {
            *next = last;
            break;
        }
        e = add_message(r, m->topic, seq);
        last = seq;
        ++*count;
    }
    walk_close(&w);
    return e ? e : r->txn->failed;
}

void read_history(const struct reads *r, const struct msg_history *m)
{
    struct topic_row row = {0};
    struct msg a = {.id = MSG_page, .page = {.req = m->req}};
    uint32_t count = 0;
    enum err e = topic_plain(m->topic) ? read_allowed(r, m->topic, m->member) : ERR_INVALID;
    buf_reset(r->list);
    if (!e)
        e = topic_load(r->txn, m->topic, &row);
    if (!e && m->limit > 0 && row.items > 0)
        e = add_messages(r, m, &row, &count, &a.page.next);
    if (e) {
        answer_refused(r->out, &(struct msg){.id = MSG_history, .history = *m}, e);
        return;
    }
    a.page.seq = row.head;
    a.page.epoch = r->epoch;
    a.page.now_ms = r->now_ms;
    a.page.entries = list_of(r->list, count);
    msg_write(r->out, &a);
}

/* `next` is borrowed from the list. */
static enum err add_members(const struct reads *r, const struct msg_members *m, uint32_t *count,
                            struct bytes *next)
{
    struct members_walk w;
    struct bytes user, value, last = {0};
    uint64_t limit = m->limit < USERS_MAX ? m->limit : USERS_MAX;
    members_open(&w, r->txn, m->topic, m->after);
    while (limit > 0 && members_next(&w, &user, &value)) {
        if (*count == limit) {
            *next = last;
            break;
        }
        mp_put_str(r->list, user);
        last = user; /* nothing is written: it stays until the transaction ends */
        ++*count;
    }
    members_close(&w);
    return r->txn->failed;
}

void read_members(const struct reads *r, const struct msg_members *m)
{
    struct topic_row row = {0};
    struct msg a = {.id = MSG_member_list, .member_list = {.req = m->req}};
    uint32_t count = 0;
    enum err e = topic_plain(m->topic) ? topic_load(r->txn, m->topic, &row) : ERR_INVALID;
    buf_reset(r->list);
    if (!e)
        e = add_members(r, m, &count, &a.member_list.next);
    if (e) {
        answer_refused(r->out, &(struct msg){.id = MSG_members, .members = *m}, e);
        return;
    }
    a.member_list.users = list_of(r->list, count);
    a.member_list.members = row.members;
    msg_write(r->out, &a);
}

void read_fanouts(const struct reads *r, const struct msg_fanouts *m)
{
    struct msg a = {.id = MSG_fanout_list, .fanout_list = {.req = m->req}};
    uint32_t count;
    buf_reset(r->list);
    a.fanout_list.status = fanouts_list(r->txn, r->list, &count);
    a.fanout_list.fanouts = list_of(r->list, count);
    msg_write(r->out, &a);
}

void read_user(const struct reads *r, const struct msg_user *m)
{
    struct user_row row = {0};
    enum err e = user_valid(m->user) ? user_load(r->txn, m->user, &row) : ERR_INVALID;
    struct msg a = {.id = MSG_user_info,
                    .user_info = {.req = m->req, .status = e, .seen_ms = row.seen_ms}};
    msg_write(r->out, &a);
}

/* `next` is borrowed from the transaction. */
static enum err add_memberships(const struct reads *r, const struct msg_about *m,
                                struct msg_about_user *a)
{
    struct joined_walk w;
    struct bytes topic, last = {0};
    uint32_t count = 0;
    uint64_t limit = m->limit < USERS_MAX ? m->limit : USERS_MAX;
    joined_open(&w, r->txn, m->user, m->after);
    while (limit > 0 && joined_next(&w, &topic)) {
        if (count == limit) {
            a->next = last;
            break;
        }
        mp_put_str(r->list, topic);
        last = topic;
        count++;
    }
    joined_close(&w);
    a->topics = list_of(r->list, count);
    return r->txn->failed;
}

void read_about(const struct reads *r, const struct msg_about *m)
{
    char name[TOPIC_MAX + 1];
    struct user_row user = {0};
    struct topic_row inbox = {0};
    struct msg a = {.id = MSG_about_user, .about_user = {.req = m->req, .now_ms = r->now_ms}};
    enum err e = user_valid(m->user) ? user_load(r->txn, m->user, &user) : ERR_INVALID;
    buf_reset(r->list);
    if (!e)
        e = topic_load(r->txn, (struct bytes){name, topic_of_user(m->user, name)}, &inbox);
    if (!e)
        e = add_memberships(r, m, &a.about_user);
    a.about_user.status = e;
    a.about_user.seen_ms = user.seen_ms;
    a.about_user.known = inbox.no != 0 || inbox.known != 0;
    msg_write(r->out, &a);
}

/* One that is done leaves its number only: what is beyond the newest, or another's place in the log, never was. */
static enum err erasure_was(struct txn *t, uint64_t seq)
{
    struct topic_row own;
    struct msg_entry entry;
    struct bytes raw;
    enum err e = topic_load(t, BYTES(TOPIC_ERASURES), &own);
    if (e || seq < own.no || seq > own.head)
        return e ? e : ERR_NOT_FOUND;
    e = log_get(t, seq, &entry, &raw);
    bool other = !e && entry.kind != ENTRY_erased;
    return other ? ERR_NOT_FOUND : e == ERR_NOT_FOUND ? ERR_OK : e;
}

void read_erasure(const struct reads *r, const struct msg_erasure *m)
{
    enum err was = erasure_was(r->txn, m->erasure);
    enum err e = was ? was : erase_runs(r->txn, m->erasure);
    struct msg a = {.id = MSG_erasing,
                    .erasing = {.req = m->req,
                                .status = was                  ? was
                                          : e == ERR_NOT_FOUND ? ERR_OK
                                                               : e,
                                .erasure = m->erasure,
                                .done = !was && e == ERR_NOT_FOUND}};
    msg_write(r->out, &a);
}

void read_prefs(const struct reads *r, const struct msg_prefs_get *m)
{
    struct prefs p = {0};
    enum err e = user_valid(m->user) ? prefs_load(r->txn, m->user, &p) : ERR_INVALID;
    struct msg a = {.id = MSG_prefs,
                    .prefs = {.req = m->req,
                              .status = e,
                              .types = p.row.types,
                              .categories = p.categories,
                              .topics = p.topics,
                              .quiet = p.row.quiet,
                              .from_min = p.row.from_min,
                              .to_min = p.row.to_min,
                              .zone = p.zone,
                              .allow = p.row.allow}};
    msg_write(r->out, &a);
}

void read_assess(const struct reads *r, const struct msg_assess *m)
{
    char why[USERS_MAX];
    struct subject s = {m->type, m->category, {0}};
    struct mp_in in = list_in(m->users);
    enum err e = m->type < TYPE_COUNT ? ERR_OK : ERR_INVALID;
    for (uint32_t i = 0; !e && i < m->users.count; i++) {
        struct bytes user = mp_str(&in);
        if (user_valid(user))
            why[i] = (char)prefs_why_not(r->txn, r->zones, user, &s, r->now_ms);
        else
            e = ERR_INVALID;
    }
    struct msg a = {
        .id = MSG_assessed,
        .assessed = {.req = m->req, .status = e, .why_not = {why, e ? 0 : m->users.count}}};
    msg_write(r->out, &a);
}
