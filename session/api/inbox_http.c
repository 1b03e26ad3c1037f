/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/inbox_http.h"

#include "lib/ensure.h"
#include "proto/id.h"
#include "session/api/api.h"
#include "session/asks.h"
#include "session/http/cursor.h"
#include "session/live/inbox.h"
#include "session/actions/listing.h"
#include "session/actions/marking.h"
#include "session/http/query.h"

#include <stdlib.h>

static void answer_json(struct session *s, struct request *r, const struct buf *out)
{
    ENSURE(!out->overflowed);
    http_answer(s, r, 200, "application/json", buf_all(out), NULL);
}

static void refuse(struct session *s, struct request *r, enum err e)
{
    if (e == ERR_NOT_FOUND)
        http_problem(s, r, 404, "", "there is no such notification in this inbox (any more)");
    else
        api_error(s, r, e == ERR_OK ? ERR_PROTOCOL : e);
}

static uint64_t ask_for(struct session *s, struct msg *m, struct ask_waiter w)
{
    return ask(s->store, m, s->now_ms, s->settings->request_ms, marking_repeats(m), w);
}

/* ---- pages ---- */

/* What was asked, until it is answered: the cursor of the next page says it, too. */
struct listing {
    struct request *r;
    struct msg_snapshot page;
    char user[USER_MAX], category[CATEGORY_MAX];
};

static struct bytes keep(char *room, struct bytes text)
{
    if (text.n > 0)
        memcpy(room, text.p, text.n);
    return (struct bytes){room, text.n};
}

static void listed(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct listing *l = w.about;
    if (e != ERR_OK || answer->id != MSG_inbox) {
        refuse(s, l->r, e);
    } else {
        struct buf out;
        buf_init(&out, TEXT_MAX);
        inbox_write_page(&out, &answer->inbox);
        buf_cut(&out, out.n - 1);
        buf_text(&out, ",\"cursor\":");
        cursor_write(&out, &l->page, answer->inbox.next, bytes_of(s->token_key));
        buf_byte(&out, '}');
        answer_json(s, l->r, &out);
        buf_fini(&out);
    }
    free(l);
}

/* Where the page begins: a pos, or as an earlier page said. */
static bool begins(struct session *s, struct request *r, struct msg_snapshot *page,
                   struct problem *why)
{
    struct bytes cursor = request_query(r, "cursor");
    if (cursor.n == 0)
        return true;
    if (page->before != 0)
        return problem_set(why, "cursor", "and before exclude each other");
    return cursor_read(cursor, page, bytes_of(s->token_key), &s->scratch) ||
           problem_set(why, "cursor", "is none that an answer to the same question gave");
}

static bool filters(struct session *s, struct request *r, struct msg_snapshot *page,
                    struct problem *why)
{
    for (size_t i = 0; i < LISTING_FILTERS; i++) {
        struct bytes text = request_query(r, listing_filters[i]);
        if (text.n > 0 && !listing_filter(page, listing_filters[i], text, why))
            return false;
    }
    return begins(s, r, page, why);
}

void inbox_get_list(struct session *s, struct request *r)
{
    struct who who;
    struct problem why = {0};
    struct msg m = {.id = MSG_snapshot};
    struct msg_snapshot *page = &m.snapshot;
    if (!api_authorised(s, r, &who) ||
        !api_about(s, r, &who, request_query(r, "user"), &page->user) ||
        !query_number(s, r, "before", 0, 1, UINT64_C(1) << 53, &page->before) ||
        !query_number(s, r, "limit", INBOX_PAGE, 1, PAGE_MAX, &page->limit))
        return;
    if (!filters(s, r, page, &why)) {
        http_problem(s, r, 400, why.field, why.detail);
        return;
    }
    struct listing *l = malloc(sizeof *l);
    ENSURE(l != NULL);
    l->r = r;
    page->user = keep(l->user, page->user);
    page->category = keep(l->category, page->category);
    l->page = *page;
    ask_for(s, &m, (struct ask_waiter){listed, s, l, 0});
}

/* ---- one, and the counts ---- */

static void told(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct buf out;
    if (e != ERR_OK || answer->id != MSG_inbox) {
        refuse(w.s, w.about, e);
        return;
    }
    buf_init(&out, TEXT_MAX);
    inbox_write_one(&out, &answer->inbox);
    answer_json(w.s, w.about, &out);
    buf_fini(&out);
}

void inbox_get_one(struct session *s, struct request *r)
{
    struct who who;
    struct msg m = {.id = MSG_get};
    uint8_t id[ID_SIZE];
    if (!api_authorised(s, r, &who) ||
        !api_about(s, r, &who, request_query(r, "user"), &m.get.user))
        return;
    m.get.id = (struct bytes){(char *)id, ID_SIZE};
    if (id_read(r->topic, id))
        ask_for(s, &m, (struct ask_waiter){told, s, r, 0});
    else
        http_problem(s, r, 404, "", "there is nothing at this path");
}

/* The count is what it is at a seq: whoever has that one needs no other. */
static bool has_it(const struct request *r, const char *tag)
{
    const char *has = request_header(r, "If-None-Match");
    return has && (strcmp(has, "*") == 0 || strstr(has, tag) != NULL);
}

static void counted(struct ask_waiter w, const struct msg *answer, enum err e)
{
    char tag[48];
    const char *const headers[] = {"ETag", tag, NULL};
    struct buf out;
    if (e != ERR_OK || answer->id != MSG_inbox) {
        refuse(w.s, w.about, e);
        return;
    }
    snprintf(tag, sizeof tag, "\"%llu-%llu\"", (unsigned long long)answer->inbox.epoch,
             (unsigned long long)answer->inbox.seq);
    if (has_it(w.about, tag)) {
        http_answer(w.s, w.about, 304, NULL, (struct bytes){0}, headers);
        return;
    }
    buf_init(&out, TEXT_MAX);
    inbox_write_count(&out, &answer->inbox);
    ENSURE(!out.overflowed);
    http_answer(w.s, w.about, 200, "application/json", buf_all(&out), headers);
    buf_fini(&out);
}

void inbox_get_count(struct session *s, struct request *r)
{
    struct who who;
    struct msg m = {.id = MSG_snapshot};
    if (api_authorised(s, r, &who) &&
        api_about(s, r, &who, request_query(r, "user"), &m.snapshot.user))
        ask_for(s, &m, (struct ask_waiter){counted, s, r, 0});
}

/* ---- marking ---- */

static void marked(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct problem why;
    struct buf out;
    if (e != ERR_OK && w.tag == MSG_mark && marking_refused(e, &why)) {
        http_problem(w.s, w.about, e == ERR_FULL ? 409 : 400, why.field, why.detail);
        return;
    }
    if (e != ERR_OK || answer->id != MSG_changed) {
        refuse(w.s, w.about, e);
        return;
    }
    buf_init(&out, TEXT_MAX);
    if (w.tag == MSG_mark_all)
        inbox_write_all_marked(&out, &answer->changed);
    else
        inbox_write_marked(&out, &answer->changed);
    answer_json(w.s, w.about, &out);
    buf_fini(&out);
}

/* A back end says it in the header, as for a create. */
static bool read_key(struct session *s, struct request *r, struct msg *m)
{
    struct bytes key, *op_id = m->id == MSG_mark ? &m->mark.op_id : &m->mark_all.op_id;
    if (!api_key_of(s, r, &key))
        return false;
    if (op_id->n == 0)
        *op_id = key;
    return true;
}

void inbox_post_mark(struct session *s, struct request *r)
{
    struct who who;
    struct marking marking;
    struct problem why = {0};
    struct marker by = {.shown = UP_TO_NEWEST, .wall_ms = s->wall_ms};
    struct msg m;
    if (!marking_path(r->topic, &marking)) {
        http_problem(s, r, 404, "", "there is nothing at this path");
        return;
    }
    if (!api_body_about(s, r, &by.user, &who))
        return;
    if (marking_read(&m, &marking, &by, request_body(r), &s->scratch, &why) && read_key(s, r, &m))
        ask_for(s, &m, (struct ask_waiter){marked, s, r, m.id});
    else if (why.detail[0])
        http_problem(s, r, 400, why.field, why.detail);
}
