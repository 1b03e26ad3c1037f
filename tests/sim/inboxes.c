/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/inboxes.h"

#include "lib/ensure.h"
#include "proto/event.h"
#include "proto/id.h"

#include <stdio.h>
#include <stdlib.h>

struct inbox inboxes[INBOXES];

void inboxes_open(void)
{
    memset(inboxes, 0, sizeof inboxes);
}

void inboxes_close(void)
{
    for (unsigned u = 0; u < INBOXES; u++) {
        for (uint64_t i = 0; i < inboxes[u].n; i++)
            free(inboxes[u].items[i].stages);
        free(inboxes[u].items);
    }
}

/* ---- what an item is */

/* What it is from this seq on: as it was, until it is changed. */
static struct stage *becomes(struct item *it, uint64_t seq)
{
    it->stages = model_grown(it->stages, it->n, &it->cap, sizeof *it->stages);
    it->stages[it->n] = it->stages[it->n - 1];
    it->stages[it->n].seq = seq;
    return &it->stages[it->n++];
}

static struct item *born(struct inbox *in, uint64_t birth)
{
    for (uint64_t i = in->n; i-- > 0;)
        if (in->items[i].birth == birth)
            return &in->items[i];
    return NULL;
}

void inboxes_erased(unsigned user, uint64_t seq)
{
    struct inbox *in = &inboxes[user];
    for (uint64_t i = 0; i < in->n; i++)
        if (!is_gone(&in->items[i]))
            becomes(&in->items[i], seq)->place = PLACE_COUNT;
    memset(in->deduped, 0, sizeof in->deduped);
}

void inboxes_counts(unsigned user, uint64_t *unread, uint64_t *unseen)
{
    *unread = *unseen = 0;
    for (uint64_t i = 0; i < inboxes[user].n; i++) {
        const struct stage *s = stage_now(&inboxes[user].items[i]);
        bool counts = stage_counts(s) && type_row(s->type)->counted;
        *unread += counts;
        *unseen += counts && !s->seen;
    }
}

bool inboxes_has_op(unsigned user, uint64_t op)
{
    for (uint64_t i = 0; i < inboxes[user].n; i++)
        if (inboxes[user].items[i].op == op && !is_gone(&inboxes[user].items[i]))
            return true;
    return false;
}

bool inboxes_has_source(unsigned user, uint64_t source, bool *gone)
{
    for (uint64_t i = 0; i < inboxes[user].n; i++)
        if (inboxes[user].items[i].source == source) {
            *gone = is_gone(&inboxes[user].items[i]);
            return true;
        }
    return false;
}

uint64_t inboxes_changed(unsigned user, uint64_t op, uint64_t revision)
{
    for (uint64_t i = 0; i < inboxes[user].n; i++) {
        const struct item *it = &inboxes[user].items[i];
        for (uint64_t k = 0; it->op == op && k < it->n; k++) {
            const struct stage *s = &it->stages[k];
            if (!(revision ? model_titled(s->title).revision == revision : s->taken))
                continue;
            if (k == 0)
                break; /* it came as it is */
            return s->seq;
        }
    }
    return 0;
}

bool inboxes_deduped(unsigned user, unsigned dedupe)
{
    return dedupe != 0 && inboxes[user].deduped[dedupe] != 0;
}

/* ---- arrivals */

void title_of(struct bytes content, char title[TITLE_SIZE])
{
    struct bytes text = {0};
    if (text_string(text_member(content, "title"), &text) && text.n < TITLE_SIZE)
        memcpy(title, text.p, text.n);
    title[text.n < TITLE_SIZE ? text.n : 0] = '\0';
}

static bool in_quiet_hours(const struct wishes *w)
{
    uint64_t now = (wall_ms() / 60000 + ZONE_MIN) % DAY_MIN;
    uint64_t since = (now + DAY_MIN - w->from_min) % DAY_MIN;
    return since < (w->to_min + DAY_MIN - w->from_min) % DAY_MIN;
}

/* What its preferences make of what comes now. */
static uint64_t wished(unsigned user, uint64_t type, const struct op *op, unsigned channel)
{
    const struct wishes *w = model_wishes(user);
    if (model_mutes(user) == MUTES_nothing)
        return 0;
    if ((w->alerts && type == TYPE_alert) || (op && op->category == MUTED_CATEGORY) ||
        channel == MUTED_CHANNEL)
        return ITEM_muted;
    return type != TYPE_alert && in_quiet_hours(w) ? ITEM_quiet : 0;
}

/* Its preferences say so, where it is known what they are. */
static void wishes_right(unsigned user, struct stage *s, const struct msg_entry *e, uint64_t flags,
                         const struct op *op, unsigned channel)
{
    uint64_t is = flags & (ITEM_muted | ITEM_quiet);
    s->muted = (flags & ITEM_muted) != 0;
    s->quiet = (flags & ITEM_quiet) != 0;
    if (model_mutes(user) == MUTES_perhaps)
        return;
    uint64_t should = wished(user, e->type, op, channel);
    if ((is & ITEM_muted) != (should & ITEM_muted))
        wrong("muted or not", "seq %llu of %s", (unsigned long long)e->seq, users[user]);
    else if (is != should)
        wrong("quiet or not", "seq %llu of %s", (unsigned long long)e->seq, users[user]);
}

/* This create reaches this user now, and has not before. */
static bool reaches(unsigned user, struct op *op, struct titled t, const struct msg_entry *e)
{
    uint64_t number = t.op;
    if (!model_may_be(op, OP_create, number) || !op)
        return false;
    if (!(op->users & 1u << user))
        wrong("out of nothing", "n%llu is not for %s", (unsigned long long)number, users[user]);
    else if (op->committed & 1u << user)
        wrong("done twice", "n%llu came twice to %s", (unsigned long long)number, users[user]);
    else if (inboxes_deduped(user, op->dedupe))
        wrong("done twice", "n%llu came to %s, who has its dedupe_key", (unsigned long long)number,
              users[user]);
    else if (op->expires_ms != e->expires_ms)
        wrong("another end", "n%llu does not end when it should", (unsigned long long)number);
    if (!revision_made(number, t.revision))
        return false;
    op->seq = op->committed ? op->seq : e->seq;
    op->committed |= 1u << user;
    inboxes[user].deduped[op->dedupe] = number;
    return !verdict.wrong;
}

static void from_source(unsigned user, struct item *it, uint64_t source)
{
    bool gone;
    if (inboxes_has_source(user, source, &gone))
        wrong("notified twice", "%s got two notifications of seq %llu", users[user],
              (unsigned long long)source);
    it->source = source;
}

static void name_item(struct item *it, const struct msg_entry *e)
{
    char room[ID_TEXT + 1];
    struct buf text = {.p = room, .cap = sizeof room, .max = ID_TEXT};
    uint8_t id[ID_SIZE];
    id_make(e->born_ms ? e->born_ms : e->at_ms, e->pos, id);
    id_write(&text, id);
    memcpy(it->id, room, ID_TEXT);
}

/* Of a broadcast, of a rule, or of a create: which of them, and of which channel. */
static struct op *whence(unsigned user, const struct msg_entry *e, struct item *it, struct stage *s,
                         unsigned *channel)
{
    struct bytes source = text_member(text_member(e->content, "data"), "seq");
    struct op *op = NULL;
    *channel = CHANNELS;
    if (e->body != 0) {
        it->op = model_log_op(e->body);
        op = model_op_of(it->op);
        from_source(user, it, e->body);
        if (!model_may_be(op, OP_broadcast, it->op))
            return NULL;
        if (op->revised != op->first)
            wrong("another text", "seq %llu comes as it was before its revision r%llu",
                  (unsigned long long)e->seq, (unsigned long long)op->revised);
        *channel = op->channel;
        it->revised = op->first;
        snprintf(s->title, sizeof s->title, op->first ? "n.r%llu" : "n%llu",
                 (unsigned long long)(op->first ? op->first : it->op));
        return op;
    }
    title_of(e->content, s->title);
    if (source.n > 0) {
        uint64_t seq = text_digits(source);
        from_source(user, it, seq);
        *channel = model_channel(seq);
        return NULL;
    }
    struct titled t = model_titled(s->title);
    it->op = t.op;
    it->revised = t.revision;
    op = model_op_of(it->op);
    if (op && op->kind == OP_broadcast &&
        t.revision != 0) { /* it was revised before it came here */
        from_source(user, it, op->seq);
        *channel = op->channel;
        if (op->revised != t.revision)
            wrong("another text", "seq %llu comes with r%llu, and the newest is r%llu",
                  (unsigned long long)e->seq, (unsigned long long)t.revision,
                  (unsigned long long)op->revised);
        return model_may_be(op, OP_broadcast, it->op) ? op : NULL;
    }
    return reaches(user, op, t, e) ? op : NULL;
}

void inboxes_add(unsigned user, struct item *it, const struct stage *s, const struct msg_entry *e)
{
    struct inbox *in = &inboxes[user];
    name_item(it, e);
    model_known(user);
    in->items = model_grown(in->items, in->n, &in->cap, sizeof *in->items);
    it->stages = model_grown(NULL, 0, &it->cap, sizeof *it->stages);
    it->stages[it->n++] = *s;
    in->items[in->n++] = *it;
}

static void arrived(unsigned user, const struct msg_entry *e)
{
    struct inbox *in = &inboxes[user];
    struct item it = {.birth = e->pos};
    struct stage s = {.seq = e->seq, .pos = e->pos, .expires_ms = e->expires_ms, .type = e->type};
    unsigned channel;
    const struct op *op = whence(user, e, &it, &s, &channel);
    if (!verdict.wrong)
        wishes_right(user, &s, e, e->flags, op, channel);
    if (verdict.wrong)
        return;
    s.category = op ? op->category : 0;
    it.collapse = op ? op->collapse : 0;
    for (uint64_t i = 0; i < in->n; i++)
        if (it.collapse && in->items[i].collapse == it.collapse && !is_gone(&in->items[i]))
            wrong("not collapsed", "n%llu stands beside pos %llu of %s, with the same key",
                  (unsigned long long)it.op, (unsigned long long)stage_now(&in->items[i])->pos,
                  users[user]);
    inboxes_add(user, &it, &s, e);
}

/* ---- changes */

static bool is_named(struct bytes ids, uint64_t birth)
{
    for (size_t i = 0; i < ids.n; i += ID_SIZE)
        if (id_pos((const uint8_t *)ids.p + i) == birth)
            return true;
    return false;
}

static void change_one(struct item *it, const struct msg_entry *e, const struct op *asked)
{
    const struct stage was = *stage_now(it);
    struct stage *s = becomes(it, e->seq);
    bool same = false;
    switch ((enum entry_kind)e->kind) {
    case ENTRY_read:
        same = was.read;
        s->read = true;
        s->wanted = false;
        if (asked && was.unread_seq > asked->observed)
            wrong("an older read", "seq %llu reads pos %llu, unread since %llu",
                  (unsigned long long)e->seq, (unsigned long long)was.pos,
                  (unsigned long long)was.unread_seq);
        break;
    case ENTRY_unread:
        same = !was.read;
        s->read = false;
        s->seen = s->wanted = true;
        s->unread_seq = e->seq;
        break;
    case ENTRY_seen:
        same = was.seen || was.read;
        s->seen = true;
        break;
    case ENTRY_archived:
    case ENTRY_unarchived:
        same = (was.place == PLACE_archive) == (e->kind == ENTRY_archived);
        s->place = e->kind == ENTRY_archived ? PLACE_archive : PLACE_inbox;
        s->until_ms = 0;
        break;
    case ENTRY_snoozed:
        same = was.place == PLACE_snoozed && was.until_ms == e->until_ms;
        s->place = PLACE_snoozed;
        s->until_ms = e->until_ms;
        break;
    case ENTRY_expired:
        if (was.expires_ms == 0 || was.expires_ms > wall_ms())
            wrong("ended too early", "pos %llu", (unsigned long long)was.pos);
        s->place = PLACE_COUNT;
        break;
    default:
        s->place = PLACE_COUNT;
        s->taken = e->what == REMOVED_retracted;
        break;
    }
    if (same)
        wrong("done again", "seq %llu changes pos %llu to what it is", (unsigned long long)e->seq,
              (unsigned long long)was.pos);
}

static void by_ids(unsigned user, const struct msg_entry *e, const struct op *asked)
{
    struct inbox *in = &inboxes[user];
    for (size_t i = 0; i < e->ids.n; i += ID_SIZE) {
        struct item *it = born(in, id_pos((const uint8_t *)e->ids.p + i));
        if (it && !is_gone(it) && e->kind == ENTRY_removed && e->what == REMOVED_evicted)
            inboxes_evicts(user, it);
        if (it && !is_gone(it))
            change_one(it, e, asked);
        else
            wrong("changed what is not there", "seq %llu names the item born as %llu",
                  (unsigned long long)e->seq,
                  (unsigned long long)id_pos((const uint8_t *)e->ids.p + i));
    }
}

/* What its user marked as unread after what the reader knew stays so, and is named. */
static void read_by_all(struct item *it, const struct msg_entry *e, const struct op *asked)
{
    const struct stage *was = stage_now(it);
    bool stays = was->wanted && asked && was->unread_seq > asked->observed;
    if (is_named(e->ids, it->birth) != stays)
        wrong("an older read", "pos %llu and the mark of all at seq %llu",
              (unsigned long long)was->pos, (unsigned long long)e->seq);
    if (stays)
        return;
    struct stage *s = becomes(it, e->seq);
    s->read = true;
    s->wanted = false;
}

static void to_all(struct inbox *in, const struct msg_entry *e, const struct op *asked)
{
    for (uint64_t i = 0; i < in->n; i++) {
        struct item *it = &in->items[i];
        const struct stage *was = stage_now(it);
        if (was->place == PLACE_COUNT || was->pos > e->pos)
            continue;
        bool its = e->category.n == 0 || was->category == category_number(e->category);
        if (e->kind == ENTRY_all_read && its && !was->read)
            read_by_all(it, e, asked);
        else if (e->kind == ENTRY_all_seen && !was->seen)
            becomes(it, e->seq)->seen = true;
        else if (e->kind == ENTRY_all_archived && was->place == PLACE_inbox &&
                 (!e->what || was->read))
            becomes(it, e->seq)->place = PLACE_archive;
    }
}

/* The newer one stands in the place of the older, unread, at a pos of its own. */
static void collapsed(unsigned user, struct item *it, struct stage *s, const struct msg_entry *e)
{
    struct titled t = model_titled(s->title);
    uint64_t number = t.op;
    struct op *op = model_op_of(number);
    if (!reaches(user, op, t, e))
        return;
    if (op->collapse == 0 || op->collapse != it->collapse)
        wrong("collapsed into another", "n%llu into pos %llu", (unsigned long long)number,
              (unsigned long long)s->pos);
    s->pos = s->unread_seq = e->seq;
    s->expires_ms = e->expires_ms;
    s->until_ms = 0;
    s->place = PLACE_inbox;
    s->type = e->type;
    s->read = s->seen = s->wanted = false;
    s->category = op->category;
    it->op = number;
    it->revised = t.revision;
}

static void patched(unsigned user, const struct item *it, struct stage *s,
                    const struct msg_entry *e)
{
    const char *u = strchr(s->title, 'u');
    uint64_t number = u ? text_digits(bytes_of(u + 1)) : 0;
    struct op *op = model_op_of(number);
    if (!op || op->kind != OP_update || op->user != user || op->birth != it->birth)
        wrong("out of nothing", "seq %llu is of nobody's PATCH", (unsigned long long)e->seq);
    else if (op->committed)
        wrong("done twice", "u%llu", (unsigned long long)number);
    if (!op || verdict.wrong)
        return;
    op->committed = 1;
    op->seq = e->seq;
    s->expires_ms = op->expires_ms ? op->expires_ms : s->expires_ms;
}

static void woken(struct stage *s, const struct msg_entry *e)
{
    if (s->place != PLACE_snoozed)
        wrong("woken twice", "seq %llu wakes pos %llu, which does not sleep",
              (unsigned long long)e->seq, (unsigned long long)s->pos);
    else if (e->op_id.n == 0 && s->until_ms > wall_ms())
        wrong("woken too early", "seq %llu wakes pos %llu", (unsigned long long)e->seq,
              (unsigned long long)s->pos);
    s->pos = s->unread_seq = e->seq;
    s->until_ms = 0;
    s->place = PLACE_inbox;
    s->read = s->seen = s->wanted = false;
}

/* The entry has the whole item: it must be what it is here. */
static void compare(const struct stage *s, const struct msg_item *m, const struct msg_entry *e)
{
    enum item_place place = m->flags & ITEM_archived  ? PLACE_archive
                            : m->flags & ITEM_snoozed ? PLACE_snoozed
                                                      : PLACE_inbox;
    bool seen = (m->flags & ITEM_seen) != 0;
    if (m->pos != s->pos || place != s->place || (m->read_ms != 0) != s->read ||
        (m->read_ms == 0 && type_row(s->type)->counted && seen != s->seen) ||
        m->expires_ms != s->expires_ms || m->until_ms != s->until_ms)
        wrong("another item", "seq %llu has it at pos %llu, place %d, %s, %s",
              (unsigned long long)e->seq, (unsigned long long)m->pos, (int)place,
              m->read_ms ? "read" : "unread", seen ? "seen" : "unseen");
}

static void whole(unsigned user, const struct msg_entry *e)
{
    struct msg_item m;
    struct item *it = NULL;
    if (entry_item(e, &m))
        it = born(&inboxes[user], m.birth ? m.birth : m.pos);
    if (!it || is_gone(it)) {
        wrong("changed what is not there", "seq %llu", (unsigned long long)e->seq);
        return;
    }
    struct stage *s = becomes(it, e->seq);
    if (e->kind == ENTRY_resurfaced) {
        woken(s, e);
    } else {
        title_of(m.content, s->title);
        if (e->what & 1 << FIELD_NO_pos) {
            collapsed(user, it, s, e);
            if (!verdict.wrong)
                wishes_right(user, s, e, m.flags, model_op_of(it->op), CHANNELS);
        } else if (model_titled(s->title).revision != 0) {
            revision_shown(user, it, s, e);
        } else {
            patched(user, it, s, e);
        }
    }
    if (!verdict.wrong)
        compare(s, &m, e);
}

void inboxes_committed(unsigned user, const struct msg_entry *e, const struct op *asked)
{
    switch ((enum entry_kind)e->kind) {
    case ENTRY_created:
        arrived(user, e);
        break;
    case ENTRY_imported:
        import_committed(user, e);
        break;
    case ENTRY_read:
    case ENTRY_unread:
    case ENTRY_seen:
    case ENTRY_archived:
    case ENTRY_unarchived:
    case ENTRY_snoozed:
    case ENTRY_expired:
    case ENTRY_removed:
        by_ids(user, e, asked);
        break;
    case ENTRY_all_read:
    case ENTRY_all_seen:
    case ENTRY_all_archived:
        to_all(&inboxes[user], e, asked);
        break;
    case ENTRY_resurfaced:
    case ENTRY_updated:
        whole(user, e);
        break;
    default:
        wrong("model", "it knows no entry of kind %llu", (unsigned long long)e->kind);
    }
}

uint64_t model_some_item(unsigned topic, uint64_t dice, char id[32])
{
    const struct inbox *in = &inboxes[topic];
    if (in->n == 0)
        return 0;
    uint64_t back = dice % (in->n < 12 ? in->n : 12);
    const struct item *it = &in->items[in->n - 1 - back];
    snprintf(id, 32, "%s", it->id);
    return it->birth;
}

void inboxes_quiet(unsigned user)
{
    for (uint64_t i = 0; i < inboxes[user].n; i++) {
        const struct stage *s = stage_now(&inboxes[user].items[i]);
        if (s->place == PLACE_COUNT)
            continue;
        if (s->expires_ms && s->expires_ms + 2000 <= wall_ms())
            wrong("past its end", "pos %llu of %s is there still", (unsigned long long)s->pos,
                  users[user]);
        else if (s->place == PLACE_snoozed && s->until_ms + 2000 <= wall_ms())
            wrong("asleep too long", "pos %llu of %s sleeps still", (unsigned long long)s->pos,
                  users[user]);
    }
}
