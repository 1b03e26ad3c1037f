/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/feed.h"

#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"

enum { TELL_MAX = BATCH_MAX, LAST_MS = 200 };
_Static_assert(FANOUT_BEGINS *(RULE_CONTENT_MAX + 2 * TOPIC_MAX) < TELL_MAX / 2,
               "all fan-outs that may be under way, and the rest");

void feed_open(struct feed *f, void *ctx, const char *endpoint)
{
    *f = (struct feed){.messages = mp_over((struct bytes){0})};
    zmq_msg_init(&f->msg);
    link_open(&f->link, ctx, endpoint, TELL_MAX);
}

void feed_close(struct feed *f)
{
    sock_set(f->link.dealer, ZMQ_LINGER, LAST_MS);
    zmq_msg_close(&f->msg);
    link_close(&f->link);
}

static bool next_entry(struct feed *f, struct notify_event *ev)
{
    if (msg_read(&f->entries, &f->entry) && f->entry.id == MSG_entry) {
        ev->kind = NOTIFY_EV_entry;
        ev->entry = &f->entry.entry;
        return true;
    }
    f->tail = false;
    if (!mp_end(&f->entries) || !f->entries.ok)
        try_again("feed.tail to=%llu error=\"holds something that is not an entry\"",
                  (unsigned long long)f->tail_to);
    ev->kind = NOTIFY_EV_tailed;
    ev->to = f->tail_to;
    return true;
}

static void list_read(struct feed *f, struct mp_list list, struct notify_event *ev)
{
    struct mp_in in = list_in(list);
    struct msg m;
    while (msg_read(&in, &m) && m.id == MSG_fanout_step)
        f->fanouts[ev->count++] = (struct fanout_id){m.fanout_step.source, m.fanout_step.rule};
    ev->fanouts = f->fanouts;
}

static bool next_message(struct feed *f, struct notify_event *ev)
{
    struct msg m;
    while (msg_read(&f->messages, &m)) {
        if (m.id == MSG_tail) {
            ev->kind = NOTIFY_EV_tail;
            ev->from = m.tail.from;
            ev->asked = m.tail.asked;
            f->tail = true;
            f->tail_to = m.tail.to;
            f->entries = list_in(m.tail.entries);
            return true;
        }
        if (m.id == MSG_expired) {
            ev->kind = NOTIFY_EV_expired;
            ev->asked = m.expired.req;
            ev->status = m.expired.status;
            ev->next_in_ms = m.expired.next_in_ms;
            return true;
        }
        if (m.id == MSG_fanned) {
            ev->kind = NOTIFY_EV_fanned;
            ev->asked = m.fanned.req;
            ev->status = m.fanned.status;
            ev->done = m.fanned.done == 1;
            return true;
        }
        if (m.id == MSG_fanout_list) {
            ev->kind = NOTIFY_EV_fanout_list;
            ev->asked = m.fanout_list.req;
            ev->status = m.fanout_list.status;
            list_read(f, m.fanout_list.fanouts, ev);
            return true;
        }
        log_line("feed.message id=%s error=\"not for the notifier\"", msg_name(m.id));
    }
    if (!f->messages.ok)
        try_again("feed.message error=\"not a message of this version\"");
    return false;
}

bool feed_read(struct feed *f, struct notify_event *ev)
{
    *ev = (struct notify_event){0};
    for (;;) {
        if (f->tail && next_entry(f, ev))
            return true;
        if (next_message(f, ev))
            return true;
        enum link_change change = link_change(&f->link);
        if (change != LINK_same) {
            ev->kind = change == LINK_up ? NOTIFY_EV_store_up : NOTIFY_EV_store_down;
            return true;
        }
        if (!link_read(&f->link, &f->msg))
            return false;
        f->messages = mp_over(sock_bytes(&f->msg));
    }
}

static void tell_fanout(struct feed *f, const struct notify_effect *fx)
{
    struct buf content;
    buf_init(&content, RULE_CONTENT_MAX);
    rule_content(fx->rule, fx->entry, &content);
    ENSURE(!content.overflowed);
    msg_write(link_out(&f->link), &(struct msg){.id = MSG_fanout,
                                                .fanout = {.req = fx->asked,
                                                           .ttl_ms = FANOUT_TTL_MS,
                                                           .source = fx->fanout.source,
                                                           .rule = fx->fanout.rule,
                                                           .topic = fx->entry->topic,
                                                           .author = fx->entry->user,
                                                           .type = fx->rule->type_number,
                                                           .content = buf_all(&content)}});
    buf_fini(&content);
}

void feed_tell(struct feed *f, const struct notify_effect *fx, uint64_t window)
{
    struct msg m = {0};
    switch (fx->kind) {
    case NOTIFY_FX_follow:
        m.id = MSG_follow;
        m.follow = (struct msg_follow){.after = fx->from, .window = window, .asked = fx->asked};
        break;
    case NOTIFY_FX_followed:
        m.id = MSG_followed;
        m.followed = (struct msg_followed){.to = fx->to, .keep = fx->keep};
        break;
    case NOTIFY_FX_expire:
        m.id = MSG_expire;
        m.expire = (struct msg_expire){.req = fx->asked, .ttl_ms = EXPIRE_TTL_MS};
        break;
    case NOTIFY_FX_fanout:
        tell_fanout(f, fx);
        return;
    case NOTIFY_FX_fanout_step:
        m.id = MSG_fanout_step;
        m.fanout_step = (struct msg_fanout_step){.req = fx->asked,
                                                 .ttl_ms = FANOUT_TTL_MS,
                                                 .source = fx->fanout.source,
                                                 .rule = fx->fanout.rule,
                                                 .limit = FANOUT_PAGE};
        break;
    case NOTIFY_FX_fanouts:
        m.id = MSG_fanouts;
        m.fanouts = (struct msg_fanouts){.req = fx->asked, .ttl_ms = FANOUT_TTL_MS};
        break;
    case NOTIFY_FX_broadcast:
    case NOTIFY_FX_heads:
        ENSURE(false && "for the broker, not for the store");
    }
    msg_write(link_out(&f->link), &m);
}

void feed_flush(struct feed *f)
{
    link_flush(&f->link);
}
