/* SPDX-License-Identifier: Apache-2.0 */
#include "store/import.h"

#include "lib/hash.h"
#include "proto/topic.h"
#include "store/categories.h"
#include "store/evict.h"
#include "store/marks.h"
#include "store/members.h"
#include "store/prefs.h"
#include "store/record.h"

static enum err open_user(struct work *w, struct bytes user, struct topic **in)
{
    char topic[TOPIC_MAX + 1];
    size_t n = topic_of_user(user, topic);
    return inbox_open(w, (struct bytes){topic, n}, in);
}

/* ---- notifications ---- */

static struct key name_key(const struct topic *in, struct bytes name)
{
    struct key key = key1(in->row.no);
    hash128(name, key.p + key.n);
    key.n += 16;
    return key;
}

static bool remembered(struct work *w, const struct topic *in, struct bytes name)
{
    struct key key = name_key(in, name);
    struct bytes value;
    return in->row.no != 0 && txn_get(w->txn, TABLE_imported, key_bytes(&key), &value) == ERR_OK;
}

static void remember(struct work *w, const struct topic *in, struct bytes name)
{
    struct key key = name_key(in, name);
    record_put(w->txn, TABLE_imported, key_bytes(&key), NULL, 0, (struct bytes){0});
}

/* Snoozed, unless that is over: then it is there again, unread. */
static struct item item_of_line(struct work *w, const struct msg_import_item *m)
{
    bool snoozed = m->until_ms > w->now_ms, woke = m->until_ms != 0 && !snoozed;
    return (struct item){.pos = w->state.head + 1,
                         .row = {.at_ms = m->at_ms ? m->at_ms : w->at_ms,
                                 .type = m->type,
                                 .expires_ms = m->expires_ms,
                                 .read_ms = woke ? 0 : m->read_ms,
                                 .rev = w->state.head + 1,
                                 .flags = m->flags | (snoozed ? ITEM_snoozed : 0),
                                 .until_ms = snoozed ? m->until_ms : 0}};
}

static void put(struct work *w, struct topic *in, const struct msg_import_item *m)
{
    struct category *c = m->category.n > 0 ? category_make(w, in, m->category) : NULL;
    struct item item = item_of_line(w, m);
    item.row.category = c ? c->no : 0;
    item_recount(in, NULL, &item);
    topic_append(w, in,
                 &(struct msg_entry){.kind = ENTRY_imported,
                                     .type = m->type,
                                     .pos = item.pos,
                                     .expires_ms = m->expires_ms,
                                     .until_ms = item.row.until_ms,
                                     .content = m->content,
                                     .flags = item.row.flags,
                                     .born_ms = item.row.at_ms});
    item_rewrite(w, in, NULL, &item);
}

static bool item_valid(const struct msg_import_item *m)
{
    static const uint64_t may = ITEM_archived | ITEM_seen | ITEM_muted | ITEM_quiet;
    bool both = (m->flags & ITEM_archived) && m->until_ms != 0;
    return user_valid(m->user) && m->id.n > 0 && inbox_takes(m->type, m->content) && !both &&
           (m->flags & ~may) == 0;
}

static enum import import_item(struct work *w, const struct msg_import_item *m)
{
    struct topic *in;
    if (open_user(w, m->user, &in))
        return IMPORT_damaged;
    if (remembered(w, in, m->id))
        return IMPORT_known;
    if (m->expires_ms != 0 && m->expires_ms <= w->now_ms)
        return IMPORT_over;
    if (!category_fits(in, m->category))
        return IMPORT_categories;
    if (m->until_ms > w->now_ms && in->row.snoozed >= MARK_SNOOZED_MAX)
        return IMPORT_snoozed;
    put(w, in, m);
    remember(w, in, m->id);
    inbox_evict(w, in);
    return IMPORT_done;
}

/* ---- what else a user has ---- */

static enum import import_member(struct work *w, const struct msg_member *m)
{
    struct topic *t;
    uint64_t changed;
    bool bad = topic_open(w, m->topic, &t) || members_change(w, t, true, m->users, &changed);
    return bad ? IMPORT_damaged : changed > 0 ? IMPORT_done : IMPORT_known;
}

static enum import import_prefs(struct work *w, const struct msg_prefs_put *m)
{
    struct topic *in;
    if (open_user(w, m->user, &in))
        return IMPORT_damaged;
    if (in->row.prefs)
        return IMPORT_known;
    return prefs_put(w, m) ? IMPORT_damaged : IMPORT_done;
}

/* ---- lines ---- */

static bool line_valid(const struct msg *line)
{
    if (line->id == MSG_member) {
        struct mp_in in = list_in(line->member.users);
        return topic_plain(line->member.topic) && line->member.users.count == 1 &&
               user_valid(mp_str(&in));
    }
    if (line->id == MSG_prefs_put)
        return user_valid(line->prefs_put.user) && prefs_valid(&line->prefs_put);
    return line->id == MSG_import_item && item_valid(&line->import_item);
}

static enum import import_line(struct work *w, const struct msg *line)
{
    if (line->id == MSG_member)
        return import_member(w, &line->member);
    if (line->id == MSG_prefs_put)
        return import_prefs(w, &line->prefs_put);
    return import_item(w, &line->import_item);
}

enum err import_lines(struct work *w, struct mp_list lines, char became[IMPORT_MAX])
{
    struct mp_in in = list_in(lines);
    struct msg line;
    for (uint32_t i = 0; i < lines.count; i++)
        if (!msg_read(&in, &line) || !line_valid(&line))
            return ERR_INVALID;
    in = list_in(lines);
    for (uint32_t i = 0; i < lines.count && msg_read(&in, &line); i++)
        became[i] = (char)import_line(w, &line);
    return w->txn->failed;
}
