/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/export.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/event.h"
#include "proto/items.h"
#include "proto/topic.h"
#include "session/api/api.h"
#include "session/asks.h"
#include "session/api/preferences.h"
#include "session/http/stream.h"

#include <stdlib.h>

enum { MEMBERSHIPS = 500, ITEMS = 50 };

/* Where the items are that come one after the other. */
static const enum item_place places[] = {PLACE_inbox, PLACE_archive, PLACE_snoozed};
enum { PLACES = sizeof places / sizeof *places };

struct exporting {
    struct session *s;
    struct request *r;
    struct stream *out; /* NULL: nothing was answered yet */
    uint64_t asked;     /* the number of what the store is asked; 0: nothing */
    struct msg next;    /* what to ask next; its texts are `user` and `after` */
    unsigned place;
    bool known;
    uint64_t memberships, notifications;
    size_t user_n;
    char user[USER_MAX], after[TOPIC_MAX];
};

static void answered(struct ask_waiter w, const struct msg *answer, enum err e);

static struct bytes user_of(const struct exporting *x)
{
    return (struct bytes){x->user, x->user_n};
}

static void ask_next(void *about)
{
    struct exporting *x = about;
    uint64_t number = ask(x->s->store, &x->next, x->s->now_ms, x->s->settings->request_ms, true,
                          (struct ask_waiter){answered, x->s, x, 0});
    if (number != 0) /* else it is answered already, and `x` may be gone */
        x->asked = number;
}

static void ended(void *about)
{
    struct exporting *x = about;
    if (x->asked)
        ask_cancel(x->s->store, x->asked);
    free(x);
}

/* ---- lines ---- */

static void write_user(struct buf *out, const struct exporting *x, const struct msg_about_user *a)
{
    buf_text(out, "{\"kind\":\"user\",\"user\":");
    json_write_string(out, user_of(x));
    buf_text(out, ",\"last_seen_at\":");
    time_write(out, a->seen_ms);
    buf_text(out, ",\"exported_at\":");
    time_write(out, a->now_ms);
    buf_text(out, "}\n");
}

static void write_memberships(struct buf *out, struct exporting *x, struct mp_list topics)
{
    struct mp_in in = list_in(topics);
    for (uint32_t i = 0; i < topics.count; i++) {
        buf_text(out, "{\"kind\":\"membership\",\"user\":");
        json_write_string(out, user_of(x));
        buf_text(out, ",\"topic\":");
        json_write_string(out, mp_str(&in));
        buf_text(out, "}\n");
    }
    x->memberships += topics.count;
}

static void write_items(struct buf *out, struct exporting *x, struct mp_list items)
{
    struct mp_in in = list_in(items);
    struct msg m;
    while (msg_read(&in, &m)) {
        buf_text(out, "{\"kind\":\"notification\",\"user\":");
        json_write_string(out, user_of(x));
        buf_text(out, ",\"notification\":");
        item_write(out, &m.item);
        buf_text(out, "}\n");
        x->notifications++;
    }
}

static void write_end(struct buf *out, const struct exporting *x)
{
    buf_format(out, "{\"kind\":\"end\",\"memberships\":%llu,\"notifications\":%llu}\n",
               (unsigned long long)x->memberships, (unsigned long long)x->notifications);
}

/* ---- one page after the other: each takes an answer, and says what is asked next ---- */

/* The next page of items, in this place or the one behind it. True: there is none. */
static bool items_next(struct exporting *x, uint64_t before)
{
    if (before == 0 && x->place == PLACES)
        return true;
    x->next = (struct msg){.id = MSG_snapshot,
                           .snapshot = {.user = user_of(x),
                                        .before = before,
                                        .oldest_first = 1, /* as they are imported */
                                        .limit = ITEMS,
                                        .place = places[before == 0 ? x->place++ : x->place - 1]}};
    return false;
}

static bool took_about(struct exporting *x, struct buf *out, const struct msg_about_user *a)
{
    if (x->next.about.after.n == 0)
        write_user(out, x, a);
    write_memberships(out, x, a->topics);
    x->known = a->known != 0;
    x->next = (struct msg){.id = MSG_prefs_get, .prefs_get = {.user = user_of(x)}};
    if (a->next.n == 0)
        return false;
    memcpy(x->after, a->next.p, a->next.n);
    x->next = (struct msg){
        .id = MSG_about,
        .about = {.user = user_of(x), .after = {x->after, a->next.n}, .limit = MEMBERSHIPS}};
    return false;
}

static bool took_prefs(struct exporting *x, struct buf *out, const struct msg_prefs *p)
{
    buf_text(out, "{\"kind\":\"preferences\",\"user\":");
    json_write_string(out, user_of(x));
    buf_text(out, ",\"preferences\":");
    preferences_write(out, p);
    buf_text(out, "}\n");
    return !x->known || items_next(x, 0);
}

static bool took_items(struct exporting *x, struct buf *out, const struct msg_inbox *inbox)
{
    write_items(out, x, inbox->items);
    return items_next(x, inbox->next);
}

static bool took(struct exporting *x, struct buf *out, const struct msg *answer)
{
    switch (answer->id) {
    case MSG_about_user:
        return took_about(x, out, &answer->about_user);
    case MSG_prefs:
        return took_prefs(x, out, &answer->prefs);
    case MSG_inbox:
        return took_items(x, out, &answer->inbox);
    default:
        ensure_failed("an answer to what was asked", __FILE__, __LINE__);
    }
}

static void failed(struct exporting *x, enum err e)
{
    if (x->out) {
        stream_break(x->out);
        return;
    }
    api_error(x->s, x->r, e);
    free(x);
}

static bool expected(const struct exporting *x, const struct msg *answer)
{
    static const enum msg_id answers[] = {
        [MSG_about] = MSG_about_user, [MSG_prefs_get] = MSG_prefs, [MSG_snapshot] = MSG_inbox};
    return answer->id == answers[x->next.id];
}

static void answered(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct exporting *x = w.about;
    x->asked = 0;
    if (e != ERR_OK || !expected(x, answer)) {
        failed(x, e == ERR_OK ? ERR_PROTOCOL : e);
        return;
    }
    if (!x->out)
        x->out = stream_begin(x->s, x->r, "application/x-ndjson",
                              (struct stream_owner){x, ask_next, ended});
    struct buf *out = stream_part(x->out);
    bool last = took(x, out, answer);
    if (last)
        write_end(out, x);
    stream_give(x->out, last);
}

void users_export(struct session *s, struct request *r)
{
    struct who who;
    if (!api_authorised(s, r, &who))
        return;
    bool own = who.kind == WHO_user && bytes_is(r->topic, who.token.sub);
    if (who.kind != WHO_service && !own) {
        http_problem(s, r, 403, "user", "a user's token exports that user only");
        return;
    }
    if (!user_valid(r->topic)) {
        http_problem(s, r, 400, "user", USER_VALID);
        return;
    }
    struct exporting *x = calloc(1, sizeof *x);
    ENSURE(x != NULL);
    *x = (struct exporting){.s = s, .r = r, .user_n = r->topic.n};
    memcpy(x->user, r->topic.p, r->topic.n);
    x->next = (struct msg){.id = MSG_about, .about = {.user = user_of(x), .limit = MEMBERSHIPS}};
    ask_next(x);
}
