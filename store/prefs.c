/* SPDX-License-Identifier: Apache-2.0 */
#include "store/prefs.h"

#include "proto/topic.h"
#include "proto/types.h"
#include "store/inbox.h"
#include "store/record.h"

enum { DAY_MIN = 1440, DAY_S = 86400 };

void zones_fini(struct zones *z)
{
    for (unsigned i = 0; i < sizeof z->slots / sizeof *z->slots; i++)
        zone_free(&z->slots[i].zone);
}

/* NULL: no such zone. */
static const struct zone *zone_of(struct zones *z, struct bytes name, int64_t day)
{
    enum { SLOTS = sizeof z->slots / sizeof *z->slots };
    unsigned i = 0;
    if (name.n > ZONE_MAX)
        return NULL;
    while (i < SLOTS && !(z->slots[i].zone && bytes_is(name, z->slots[i].name)))
        i++;
    if (i < SLOTS && z->slots[i].day == day)
        return z->slots[i].zone;
    struct zone *loaded = zone_load(name);
    if (!loaded)
        return i < SLOTS ? z->slots[i].zone : NULL;
    if (i == SLOTS)
        i = z->next++ % SLOTS;
    zone_free(&z->slots[i].zone);
    z->slots[i].zone = loaded;
    z->slots[i].day = day;
    memcpy(z->slots[i].name, name.p, name.n);
    z->slots[i].name[name.n] = '\0';
    return loaded;
}

static bool quiet_now(struct zones *z, const struct prefs *p, uint64_t now_ms)
{
    int64_t now_s = (int64_t)(now_ms / 1000);
    const struct zone *zone = zone_of(z, p->zone, now_s / DAY_S);
    int64_t there_s = now_s + (zone ? zone_offset_s(zone, now_s) : 0);
    uint64_t minute = (uint64_t)((there_s % DAY_S + DAY_S) % DAY_S / 60);
    bool over_midnight = p->row.from_min > p->row.to_min;
    return over_midnight ? minute >= p->row.from_min || minute < p->row.to_min
                         : minute >= p->row.from_min && minute < p->row.to_min;
}

enum err prefs_load(struct txn *t, struct bytes user, struct prefs *p)
{
    struct bytes rest;
    *p = (struct prefs){0};
    enum err e = record_get(t, TABLE_prefs, user, &p->row, FIELDS_OF(p->row), &rest);
    if (e)
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    struct mp_in in = mp_over(rest);
    struct msg m;
    if (!msg_read(&in, &m) || m.id != MSG_prefs || !mp_end(&in))
        return record_damaged(t, TABLE_prefs, user);
    p->zone = m.prefs.zone;
    p->categories = m.prefs.categories;
    p->topics = m.prefs.topics;
    return ERR_OK;
}

static bool among(struct mp_list list, struct bytes text)
{
    struct mp_in in = list_in(list);
    for (uint32_t i = 0; text.n > 0 && i < list.count; i++)
        if (bytes_equal(mp_str(&in), text))
            return true;
    return false;
}

enum why_not prefs_why_not(struct txn *t, struct zones *z, struct bytes user,
                           const struct subject *s, uint64_t now_ms)
{
    struct prefs p;
    if (prefs_load(t, user, &p))
        return WHY_none;
    if (p.row.types >> s->type & 1)
        return WHY_type;
    if (among(p.categories, s->category))
        return WHY_category;
    if (among(p.topics, s->topic))
        return WHY_topic;
    bool quiet = p.row.quiet && !(p.row.allow >> s->type & 1) && quiet_now(z, &p, now_ms);
    return quiet ? WHY_quiet_hours : WHY_none;
}

static bool texts_valid(struct mp_list list, size_t max)
{
    struct mp_in in = list_in(list);
    for (uint32_t i = 0; i < list.count; i++) {
        struct bytes text = mp_str(&in);
        if (!in.ok || text.n == 0 || text.n > max)
            return false;
    }
    return true;
}

bool prefs_valid(const struct msg_prefs_put *m)
{
    uint64_t types = (UINT64_C(1) << TYPE_COUNT) - 1;
    if ((m->types | m->allow) & ~types || !texts_valid(m->categories, CATEGORY_MAX) ||
        !texts_valid(m->topics, TOPIC_MAX))
        return false;
    if (!m->quiet)
        return true;
    struct zone *zone = zone_load(m->zone);
    bool known = zone != NULL;
    zone_free(&zone);
    return known && m->from_min < DAY_MIN && m->to_min < DAY_MIN && m->from_min != m->to_min;
}

void prefs_forget(struct work *w, struct bytes user)
{
    txn_del(w->txn, TABLE_prefs, user);
}

enum err prefs_put(struct work *w, const struct msg_prefs_put *m)
{
    char name[TOPIC_MAX + 1];
    struct topic *in;
    if (!user_valid(m->user) || !prefs_valid(m))
        return ERR_INVALID;
    size_t n = topic_of_user(m->user, name);
    enum err e = inbox_open(w, (struct bytes){name, n}, &in);
    if (e)
        return e;
    bool any = m->types || m->categories.count || m->topics.count || m->quiet;
    inbox_know(w, in);
    in->row.prefs = any;
    in->dirty = true;
    if (!any) {
        prefs_forget(w, m->user);
        return ERR_OK;
    }
    struct prefs_row row = {m->types, m->quiet, m->from_min, m->to_min, m->allow};
    struct msg lists = {
        .id = MSG_prefs,
        .prefs = {.zone = m->zone, .categories = m->categories, .topics = m->topics}};
    struct buf rest;
    buf_init(&rest, FRAME_MAX);
    msg_write(&rest, &lists);
    record_put(w->txn, TABLE_prefs, m->user, &row, FIELDS_OF(row), buf_all(&rest));
    buf_fini(&rest);
    return ERR_OK;
}
