/* SPDX-License-Identifier: Apache-2.0 */
#include "session/live/kind.h"

#include "lib/ensure.h"
#include "proto/topic.h"
#include "session/live/inbox.h"
#include "session/live/page.h"

uint64_t answer_seq(const struct msg *answer)
{
    return answer->id == MSG_inbox     ? answer->inbox.seq
           : answer->id == MSG_changes ? answer->changes.head
                                       : answer->page.seq;
}

uint64_t answer_epoch(const struct msg *answer)
{
    return answer->id == MSG_inbox     ? answer->inbox.epoch
           : answer->id == MSG_changes ? answer->changes.epoch
                                       : answer->page.epoch;
}

uint64_t answer_shown(const struct msg *answer)
{
    return answer->id == MSG_inbox     ? inbox_shown(&answer->inbox)
           : answer->id == MSG_changes ? changes_shown(&answer->changes)
                                       : 0;
}

/* Who must be a member of the topic to read it; empty: nobody must. */
static struct bytes must_be_member(const struct member *m)
{
    const struct topic_class *class = m->topic->class;
    return class && class->join == ACCESS_member ? user_name(m->conn->user) : (struct bytes){0};
}

void kind_ask_changes(struct msg *request, const struct member *m, uint64_t since)
{
    *request = (struct msg){.id = MSG_since,
                            .since = {.topic = member_topic(m),
                                      .since = since,
                                      .epoch = m->epoch,
                                      .member = must_be_member(m)}};
}

/* ---- an inbox ---- */

static bool inbox_ask(struct msg *request, const struct member *m)
{
    struct bytes user;
    ENSURE(topic_user(member_topic(m), &user));
    *request = (struct msg){.id = MSG_snapshot, .snapshot = {.user = user, .limit = INBOX_PAGE}};
    if (m->have > INBOX_PAGE)
        request->snapshot.limit = m->have;
    return true;
}

static void inbox_joined(struct buf *out, const struct msg *answer)
{
    inbox_write_page(out, &answer->inbox);
}

static void inbox_sync(struct buf *out, const struct msg *answer)
{
    inbox_write_sync(out, &answer->inbox);
}

/* ---- a topic with history ---- */

static void write_page(struct buf *out, const struct msg_page *page)
{
    buf_text(out, "\"messages\":");
    page_events(out, page->entries, 0);
    page_next(out, page->next);
    page_stamp(out, page->seq, page->epoch, page->now_ms);
}

void history_write(struct buf *out, const struct msg_page *page)
{
    buf_byte(out, '{');
    write_page(out, page);
}

static bool history_ask(struct msg *request, const struct member *m)
{
    *request = (struct msg){
        .id = MSG_history,
        .history = {.topic = member_topic(m), .limit = INBOX_PAGE, .member = must_be_member(m)}};
    return true;
}

static void history_joined(struct buf *out, const struct msg *answer)
{
    buf_text(out, "{\"recovered\":false,");
    write_page(out, &answer->page);
}

static void history_resumed(struct buf *out, const struct msg_changes *changes, uint64_t since)
{
    buf_text(out, "{\"recovered\":true");
    page_stamp(out, since, changes->epoch, changes->now_ms);
}

/* ---- a topic without ---- */

static bool plain_ask(struct msg *request, const struct member *m)
{
    *request = (struct msg){.id = MSG_history,
                            .history = {.topic = member_topic(m), .member = must_be_member(m)}};
    return request->history.member.n > 0; /* nothing to read, but perhaps to ask whether it may */
}

static void plain_joined(struct buf *out, const struct msg *answer)
{
    (void)answer;
    buf_text(out, "{}");
}

const struct kind *kind_of(const struct topic_class *class)
{
    static const struct kind an_inbox = {.ask = inbox_ask,
                                         .write_joined = inbox_joined,
                                         .write_resumed = inbox_write_changes,
                                         .sync_event = "notifications:sync",
                                         .write_sync = inbox_sync};
    static const struct kind with_history = {.ask = history_ask,
                                             .write_joined = history_joined,
                                             .write_resumed = history_resumed,
                                             .changes_follow = true,
                                             .sync_event = "topic:sync",
                                             .write_sync = history_joined};
    static const struct kind without = {.ask = plain_ask, .write_joined = plain_joined};
    if (!class)
        return &an_inbox;
    return class->history > 0 ? &with_history : &without;
}
