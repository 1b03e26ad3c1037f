/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fanout.h"

#include "lib/ensure.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "store/evict.h"
#include "store/members.h"
#include "store/record.h"

enum { FORGET_SLICE = 256 };

/* A row: these numbers, then the texts. */
struct fanout_row {
    uint64_t type;
    uint64_t made;
    uint64_t done;
};

struct fanout {
    struct fanout_row row;
    struct bytes topic, author, content;
    struct bytes cursor; /* the last member that was looked at; empty: none yet */
};

/* A page in the making: the fan-out, copied, as what is read is borrowed until the next write; and
 * the inboxes of the next members. */
struct page {
    struct fanout fanout;
    char texts[TOPIC_MAX + USER_MAX + CONTENT_MAX];
    char cursor[USER_MAX];
    struct topic *inboxes[USERS_MAX];
    uint64_t count;
    bool last; /* no member is behind it */
};

static void put(struct work *w, struct bytes key, const struct fanout *f)
{
    struct buf *b = record_begin(w->txn);
    mp_put_u64(b, f->row.type);
    mp_put_u64(b, f->row.made);
    mp_put_u64(b, f->row.done);
    mp_put_str(b, f->topic);
    mp_put_str(b, f->author);
    mp_put_str(b, f->content);
    mp_put_str(b, f->cursor);
    record_end(w->txn, TABLE_fanouts, key, false);
}

static enum err read_row(struct txn *t, struct bytes key, struct bytes value, struct fanout *f)
{
    struct bytes rest;
    enum err e = record_read(t, TABLE_fanouts, key, value, &f->row, FIELDS_OF(f->row), &rest);
    if (e)
        return e;
    struct mp_in in = mp_over(rest);
    f->topic = mp_str(&in);
    f->author = mp_str(&in);
    f->content = mp_str(&in);
    f->cursor = mp_str(&in);
    bool valid = in.ok && mp_end(&in) && f->topic.n <= TOPIC_MAX && f->author.n <= USER_MAX &&
                 f->content.n <= CONTENT_MAX && f->cursor.n <= USER_MAX && f->row.type < TYPE_COUNT;
    return valid ? ERR_OK : record_damaged(t, TABLE_fanouts, key);
}

static enum err load(struct txn *t, struct bytes key, struct fanout *f)
{
    struct bytes value;
    enum err e = txn_get(t, TABLE_fanouts, key, &value);
    return e ? e : read_row(t, key, value, f);
}

enum err fanout_begin(struct work *w, const struct msg_fanout *m, uint64_t *done)
{
    bool valid = topic_plain(m->topic) && (m->author.n == 0 || user_valid(m->author)) &&
                 inbox_takes(m->type, m->content) && m->source > 0 && m->source <= w->state.head;
    if (!valid)
        return ERR_INVALID;
    struct key key = key2(m->source, m->rule);
    struct fanout f;
    struct topic *t;
    enum err e = load(w->txn, key_bytes(&key), &f);
    if (e == ERR_OK)
        *done = f.row.done;
    if (e != ERR_NOT_FOUND)
        return e;
    e = topic_open(w, m->topic, &t);
    if (e)
        return e;
    *done = m->source <= w->state.meta.notifier || t->row.members == 0; /* later ones get none */
    if (*done)
        return ERR_OK;
    f = (struct fanout){
        .row.type = m->type, .topic = m->topic, .author = m->author, .content = m->content};
    put(w, key_bytes(&key), &f);
    return ERR_OK;
}

static struct bytes copy(char **to, struct bytes text)
{
    struct bytes there = {*to, text.n};
    if (text.n > 0)
        memcpy(*to, text.p, text.n);
    *to += text.n;
    return there;
}

static void page_init(struct page *p, const struct fanout *f)
{
    char *at = p->texts, *cursor = p->cursor;
    p->fanout = *f;
    p->fanout.topic = copy(&at, f->topic);
    p->fanout.author = copy(&at, f->author);
    p->fanout.content = copy(&at, f->content);
    p->fanout.cursor = copy(&cursor, f->cursor);
    p->count = 0;
    p->last = true;
}

static void take_member(struct work *w, struct page *p, struct bytes user)
{
    char topic[TOPIC_MAX + 1];
    size_t n = topic_of_user(user, topic);
    if (inbox_open(w, (struct bytes){topic, n}, &p->inboxes[p->count]) == ERR_OK)
        p->count++;
}

/* Look at no more than `limit` members. Opening an inbox may expire some of it, which writes: so the
 * name, which the cursor needs anyway, is copied first. */
static enum err find_page(struct work *w, struct page *p, uint64_t source, uint64_t limit)
{
    struct fanout *f = &p->fanout;
    struct members_walk walk;
    struct member_row row;
    struct bytes user, value;
    members_open(&walk, w->txn, f->topic, f->cursor);
    for (uint64_t n = 0; members_next(&walk, &user, &value); n++) {
        p->last = n < limit;
        if (!p->last)
            break;
        enum err e = member_read(&walk, user, value, &row);
        char *to = p->cursor;
        f->cursor = copy(&to, user);
        if (!e && row.since < source && !bytes_equal(f->cursor, f->author))
            take_member(w, p, f->cursor);
    }
    members_close(&walk);
    return w->txn->failed;
}

/* What is done is not begun again while its row is there, which it is until the notifier will not
 * ask any more. */
static void keep(struct work *w, uint64_t source, struct bytes key, struct page *p)
{
    struct fanout *f = &p->fanout;
    if (p->last) {
        f->row.done = 1;
        f->content = f->author = f->cursor = (struct bytes){0};
    }
    if (f->row.done && source <= w->state.meta.notifier)
        txn_del(w->txn, TABLE_fanouts, key);
    else
        put(w, key, f);
}

static uint64_t page_limit(uint64_t limit, size_t content)
{
    uint64_t most = FANOUT_BYTES / (content + 1);
    if (limit > USERS_MAX)
        limit = USERS_MAX;
    return limit < most ? limit : most;
}

enum err fanout_step(struct work *w, const struct msg_fanout_step *m, uint64_t *made,
                     uint64_t *done)
{
    static _Thread_local struct page page; /* 40 KB that need not be on the stack */
    struct key key = key2(m->source, m->rule);
    struct fanout f;
    *made = *done = 0;
    if (m->limit == 0)
        return ERR_INVALID;
    enum err e = load(w->txn, key_bytes(&key), &f);
    *done = e == ERR_NOT_FOUND ? m->source <= w->state.meta.notifier : !e && f.row.done;
    if (*done)
        return ERR_OK;
    if (e)
        return e;
    page_init(&page, &f);
    e = find_page(w, &page, m->source, page_limit(m->limit, f.content.n));
    if (e)
        return e;
    struct msg_create one = {
        .type = page.fanout.row.type, .content = page.fanout.content, .topic = page.fanout.topic};
    for (uint64_t i = 0; i < page.count; i++) {
        inbox_create(w, page.inboxes[i], &one);
        inbox_evict(w, page.inboxes[i]);
    }
    page.fanout.row.made += page.count;
    keep(w, m->source, key_bytes(&key), &page);
    *made = page.count;
    *done = page.fanout.row.done;
    w->tally.fanned += page.count;
    return ERR_OK;
}

/* Rows from `*at` on that are done, and where the next slice begins. */
static unsigned find_done(struct work *w, struct key *at, uint64_t to,
                          struct key found[FORGET_SLICE], bool *more)
{
    struct key from = *at;
    struct bytes key, value;
    struct fanout f;
    struct walk walk;
    unsigned n = 0;
    *more = false;
    walk_open(&walk, w->txn, TABLE_fanouts, WALK_up, key_bytes(&from));
    while (walk_next(&walk, &key, &value) && key_number(key, 0) <= to) {
        *at = key2(key_number(key, 0), key_number(key, 1));
        *more = n == FORGET_SLICE;
        if (*more)
            break;
        if (read_row(w->txn, key, value, &f) == ERR_OK && f.row.done)
            found[n++] = *at;
    }
    walk_close(&walk);
    return n;
}

void fanouts_forget(struct work *w, uint64_t from, uint64_t to)
{
    struct key found[FORGET_SLICE], at = key2(from + 1, 0);
    for (bool more = true; more;) {
        unsigned n = find_done(w, &at, to, found, &more);
        for (unsigned i = 0; i < n; i++)
            txn_del(w->txn, TABLE_fanouts, key_bytes(&found[i]));
    }
}

enum err fanouts_list(struct txn *t, struct buf *list, uint32_t *count)
{
    struct bytes key, value;
    struct fanout f;
    struct walk walk;
    *count = 0;
    walk_open(&walk, t, TABLE_fanouts, WALK_up, (struct bytes){0});
    while (*count < CHANGES_MAX && walk_next(&walk, &key, &value)) {
        if (read_row(t, key, value, &f) || f.row.done)
            continue;
        struct msg m = {.id = MSG_fanout_step,
                        .fanout_step = {.source = key_number(key, 0), .rule = key_number(key, 1)}};
        msg_write(list, &m);
        ++*count;
    }
    walk_close(&walk);
    return t->failed;
}

bool fanouts_before(struct txn *t, uint64_t source)
{
    struct bytes key, value;
    struct fanout f;
    struct walk walk;
    bool any = false;
    walk_open(&walk, t, TABLE_fanouts, WALK_up, (struct bytes){0});
    while (!any && walk_next(&walk, &key, &value) && key_number(key, 0) < source)
        any = read_row(t, key, value, &f) == ERR_OK && !f.row.done;
    walk_close(&walk);
    return any;
}
