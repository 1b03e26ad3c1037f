/* SPDX-License-Identifier: Apache-2.0 */
#include "store/topics.h"

#include "lib/ensure.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "store/categories.h"
#include "store/log.h"
#include "store/record.h"
#include "store/trim.h"

uint64_t counts_unread(const struct counts *c)
{
    uint64_t n = 0;
    for (unsigned type = 0; type < TYPE_COUNT; type++)
        if (type_row(type)->counted)
            n += c->unread[type];
    return n;
}

bool topic_plain(struct bytes name)
{
    struct bytes user;
    return topic_valid(name) && !topic_user(name, &user);
}

enum err topic_load(struct txn *t, struct bytes name, struct topic_row *row)
{
    enum err e = record_get(t, TABLE_topics, name, row, FIELDS_OF(*row), NULL);
    if (e)
        *row = (struct topic_row){0};
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err topic_open(struct work *w, struct bytes name, struct topic **topic)
{
    *topic = map_get(&w->topics, name);
    if (*topic)
        return ERR_OK;
    struct topic_row row;
    enum err e = topic_load(w->txn, name, &row);
    if (e)
        return e;
    struct topic *t = arena_alloc(&w->arena, sizeof *t);
    char *text = arena_text(&w->arena, name);
    ENSURE(t != NULL && text != NULL); /* the weight of a commit bounds them */
    *t = (struct topic){.name = {text, name.n}, .row = row, .due_ms = row.next_expiry_ms};
    map_put(&w->topics, t);
    *topic = t;
    return ERR_OK;
}

void topic_append(struct work *w, struct topic *t, struct msg_entry *e)
{
    e->seq = ++w->state.head;
    e->prev = t->row.head;
    e->topic = t->name;
    e->at_ms = w->at_ms;
    e->unread = counts_unread(&t->row.counts);
    e->unseen = t->row.counts.unseen;
    e->log_bytes = w->state.bytes;
    char room[CATEGORIES_MAX * (CATEGORY_MAX + 32)];
    struct buf tallies = {.p = room, .cap = sizeof room, .max = sizeof room};
    uint32_t told = categories_tell(t, &tallies);
    e->tallies = list_of(&tallies, told);
    if (t->row.no == 0)
        t->row.no = e->seq;
    t->row.head = e->seq;
    t->dirty = true;
    w->state.bytes += log_append(w->txn, e);
    log_let_go(w, &t->row, e->prev);
}

/* Where it stands among the inboxes that wait for an expiry. */
static void move_due(struct work *w, struct topic *t)
{
    if (t->row.next_expiry_ms == t->due_ms)
        return;
    struct key from = key2(t->due_ms, t->row.no), to = key2(t->row.next_expiry_ms, t->row.no);
    if (t->due_ms != 0)
        txn_del(w->txn, TABLE_due, key_bytes(&from));
    if (t->row.next_expiry_ms != 0)
        record_put(w->txn, TABLE_due, key_bytes(&to), NULL, 0, t->name);
    t->due_ms = t->row.next_expiry_ms;
}

void topic_forget(struct work *w, struct topic *t)
{
    struct key due = key2(t->due_ms, t->row.no);
    if (t->due_ms != 0)
        txn_del(w->txn, TABLE_due, key_bytes(&due));
    txn_del(w->txn, TABLE_topics, t->name);
    t->row = (struct topic_row){0};
    t->categories = NULL; /* or what comes in the same commit is counted with what was there */
    t->due_ms = 0;
    t->dirty = false;
}

void topics_flush(struct work *w)
{
    struct topic *t;
    for (size_t at = 0; (t = map_next(&w->topics, &at));) {
        if (!t->dirty)
            continue;
        bool empty = t->row.no == 0 && t->row.members == 0 && t->row.known == 0;
        if (empty) /* its last member left, and nothing ever came */
            txn_del(w->txn, TABLE_topics, t->name);
        else
            record_put(w->txn, TABLE_topics, t->name, &t->row, FIELDS_OF(t->row),
                       (struct bytes){0});
        categories_flush(w, t);
        move_due(w, t);
        t->dirty = false;
    }
}
