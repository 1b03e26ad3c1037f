/* SPDX-License-Identifier: Apache-2.0 */
#include "store/repair.h"

#include "lib/log.h"
#include "proto/topic.h"
#include "store/categories.h"

/* The number that is meant; NULL: there is none. */
static uint64_t *number_of(struct topic *t, const struct msg_drift *d)
{
    struct category *c = category_of(t, d->category);
    uint64_t *row = d->category == 0 ? (uint64_t *)&t->row : c ? (uint64_t *)&c->row : NULL;
    uint64_t numbers = d->category == 0 ? sizeof t->row : sizeof c->row;
    numbers /= sizeof(uint64_t);
    return row && d->number > 0 && d->number <= numbers ? &row[d->number - 1] : NULL;
}

static bool open_topic(struct work *w, struct bytes name, struct topic **t)
{
    enum err e = topic_open(w, name, t);
    if (!e && (*t)->row.categories > 0 && !(*t)->categories)
        e = categories_open(w, *t);
    return e == ERR_OK;
}

/* It is as it was when it was counted. Gives how many numbers are wrong. */
static bool unchanged(struct topic *t, struct mp_list drifts, unsigned *wrong)
{
    struct mp_in in = list_in(drifts);
    struct msg m;
    *wrong = 0;
    while (msg_read(&in, &m)) {
        const uint64_t *number = number_of(t, &m.drift);
        if (m.drift.head != t->row.head || (m.drift.number > 0 && !number) ||
            (number && *number != m.drift.kept))
            return false;
        *wrong += number != NULL;
    }
    return true;
}

static void put_right(struct topic *t, struct mp_list drifts)
{
    struct mp_in in = list_in(drifts);
    struct msg m;
    while (msg_read(&in, &m)) {
        uint64_t *number = number_of(t, &m.drift);
        struct category *c = category_of(t, m.drift.category);
        if (number)
            *number = m.drift.found;
        if (number && c)
            c->dirty = c->untold = true;
    }
    t->dirty = true;
}

void repair(struct work *w, const struct msg_repair *m)
{
    struct mp_in in = list_in(m->drifts);
    struct msg first;
    struct topic *t;
    struct bytes user;
    unsigned wrong;
    if (!msg_read(&in, &first) || !open_topic(w, first.drift.topic, &t) ||
        !unchanged(t, m->drifts, &wrong) || wrong == 0)
        return;
    put_right(t, m->drifts);
    if (topic_user(t->name, &user))
        topic_append(w, t, &(struct msg_entry){.kind = ENTRY_recounted});
    w->tally.repaired++;
    log_line("store.repair topic=%s numbers=%u seq=%llu", log_safe(t->name), wrong,
             (unsigned long long)t->row.head);
}
