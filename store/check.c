/* SPDX-License-Identifier: Apache-2.0 */
/* The recount: everything that a topic's row says, found again from the other tables. */
#include "store/check.h"

#include "lib/ensure.h"
#include "store/broadcast.h"
#include "store/checker.h"
#include "store/history.h"
#include "store/log.h"
#include "store/members.h"
#include "store/record.h"
#include "store/refuse.h"
#include "store/schedule.h"

#include "proto/topic.h"

enum { ITEMS_MAX = 10000 };

static void tell(struct recount *c, struct msg_drift d)
{
    if (d.kept == d.found || c->drifts == CHANGES_MAX)
        return;
    d.topic = c->topic;
    d.head = c->kept.head;
    msg_write(c->r->list, &(struct msg){.id = MSG_drift, .drift = d});
    c->drifts++;
}

void drift(struct recount *c, const char *what, uint64_t kept, uint64_t found)
{
    tell(c, (struct msg_drift){.what = bytes_of(what), .kept = kept, .found = found});
}

void compare_number(struct recount *c, const struct pair *pair, const char *what, size_t number)
{
    tell(c, (struct msg_drift){.what = bytes_of(what),
                               .kept = ((const uint64_t *)pair->kept)[number],
                               .found = ((const uint64_t *)pair->found)[number],
                               .category = pair->category,
                               .number = c->r->txn->damaged == c->damaged ? number + 1 : 0});
}

static void compare_own(struct recount *c, const char *what, size_t number)
{
    compare_number(c, &(struct pair){.kept = &c->kept, .found = &c->found}, what, number);
}

/* A row of the index has its entry in the log. */
static void find_entry(struct recount *c, uint64_t pos, uint64_t at_ms, enum entry_kind kind)
{
    struct msg_entry entry;
    struct bytes raw;
    if (log_get(c->r->txn, pos, &entry, &raw) || entry.kind != kind || entry.at_ms != at_ms ||
        !bytes_equal(entry.topic, c->topic))
        drift(c, "item without its entry", pos, 0);
}

static void count_messages(struct recount *c)
{
    struct key from = key2(c->kept.no, 0);
    struct bytes key, value;
    struct message_row message;
    struct walk w;
    walk_open(&w, c->r->txn, TABLE_index, WALK_up, key_bytes(&from));
    while (walk_next(&w, &key, &value) && key_number(key, 0) == c->kept.no) {
        uint64_t seq = key_number(key, 1);
        c->items++;
        c->messages++;
        c->found.items += seq > c->kept.cut;
        if (record_read(c->r->txn, TABLE_index, key, value, &message, FIELDS_OF(message), NULL))
            drift(c, "damaged item", seq, 0);
        else
            find_entry(c, seq, message.at_ms, ENTRY_message);
    }
    walk_close(&w);
}

static void count_members(struct recount *c)
{
    struct members_walk w;
    struct bytes user, value;
    struct member_row row;
    members_open(&w, c->r->txn, c->topic, (struct bytes){0});
    while (members_next(&w, &user, &value)) {
        c->items++;
        c->found.members++;
        if (member_read(&w, user, value, &row))
            drift(c, "damaged member", c->found.members, 0);
        else if (!member_joined(c->r->txn, user, c->topic))
            drift(c, "member without the other side", c->found.members, 0);
    }
    members_close(&w);
}

/* From the head back to the first entry, which gave the topic its number, or to where a history was
 * deleted. */
void follow_chain(struct recount *c)
{
    uint64_t at = c->kept.head, count = counts_unread(&c->kept.counts), entries = 0;
    while (at != 0 && at != c->kept.gone) {
        struct msg_entry entry;
        struct bytes raw;
        if (recount_due(c) && !recount_again(c))
            return;
        c->items++;
        entries++;
        enum err e = log_get(c->r->txn, at, &entry, &raw);
        if (e == ERR_NOT_FOUND && at <= c->trimmed && at != c->kept.head) {
            c->found.no = c->kept.no; /* who knows: that entry is gone */
            if (c->found.newest_pos < c->kept.newest_pos)
                c->found.newest_pos = c->kept.newest_pos;
            return;
        }
        if (e || !bytes_equal(entry.topic, c->topic) || entry.prev >= at) {
            drift(c, "chain broken at", at, 0);
            return;
        }
        if (at == c->kept.head) {
            drift(c, "unread in the newest entry", entry.unread, count);
            drift(c, "unseen in the newest entry", entry.unseen, c->kept.counts.unseen);
        }
        bool placed = entry.kind == ENTRY_created || entry.kind == ENTRY_imported ||
                      entry.kind == ENTRY_resurfaced || entry.kind == ENTRY_updated;
        if (placed && entry.pos > c->found.newest_pos)
            c->found.newest_pos = entry.pos;
        c->found.no = at;
        at = entry.prev;
    }
    drift(c, "deleted up to", c->kept.gone, at);
    if (c->kept.gone != 0)
        c->found.no = c->kept.no; /* that entry is gone */
    if (topic_plain(c->topic))
        drift(c, "messages in the chain", c->messages, entries);
}

static void recount_history(struct recount *c)
{
    count_messages(c);
    count_members(c);
    follow_chain(c);
    compare_own(c, "members", NUMBER(struct topic_row, members));
}

/* The store's own topic of what waits for its time. */
static void recount_scheduled(struct recount *c)
{
    struct bytes key, value, raw;
    struct msg_create m;
    struct msg_entry entry;
    struct walk w;
    walk_open(&w, c->r->txn, TABLE_scheduled, WALK_up, (struct bytes){0});
    while (walk_next(&w, &key, &value)) {
        uint64_t seq = key_number(key, 1);
        c->items++;
        c->found.items++;
        if (schedule_read(c->r->txn, key, value, &m))
            drift(c, "damaged item", seq, 0);
        else if (log_get(c->r->txn, seq, &entry, &raw) || entry.kind != ENTRY_scheduled ||
                 entry.expires_ms != key_number(key, 0))
            drift(c, "item without its entry", seq, 0);
    }
    walk_close(&w);
    walk_open(&w, c->r->txn, TABLE_delivered, WALK_up, (struct bytes){0});
    while (walk_next(&w, &key, &value))
        c->found.keep++;
    walk_close(&w);
    compare_own(c, "what was delivered", NUMBER(struct topic_row, keep));
    follow_chain(c);
}

/* Who is being forgotten. */
static void recount_erasures(struct recount *c)
{
    struct bytes key, value;
    struct walk w;
    walk_open(&w, c->r->txn, TABLE_erasures, WALK_up, (struct bytes){0});
    while (walk_next(&w, &key, &value))
        c->found.items++;
    walk_close(&w);
    follow_chain(c);
}

/* Of what is kept for many. */
static void recount_broadcasts(struct recount *c)
{
    struct bytes key, value, topic;
    struct broadcast_row row;
    struct msg_entry entry;
    struct walk w;
    uint64_t items = 0, rows = 0;
    walk_open(&w, c->r->txn, TABLE_broadcasts, WALK_up, (struct bytes){0});
    while (walk_next(&w, &key, &value)) {
        uint64_t seq = key_number(key, 0);
        c->items++;
        c->found.items += seq > c->kept.cut;
        if (record_read(c->r->txn, TABLE_broadcasts, key, value, &row, FIELDS_OF(row), &topic))
            drift(c, "damaged item", seq, 0);
        else if (!row.retracts && !row.revises && broadcast_body(c->r->txn, seq, &entry))
            drift(c, "item without its entry", seq, 0);
        items += row.items;
    }
    walk_close(&w);
    walk_open(&w, c->r->txn, TABLE_merged, WALK_up, (struct bytes){0});
    while (walk_next(&w, &key, &value))
        rows++;
    walk_close(&w);
    drift(c, "items of broadcasts", items, rows);
    follow_chain(c);
}

/* OK, NOT_FOUND or WORLD. */
static enum err load(struct recount *c, struct topic_row *row)
{
    struct meta meta;
    struct bytes value;
    if (meta_load(c->r->txn, &meta) == ERR_OK)
        c->trimmed = meta.trimmed;
    enum err e = txn_get(c->r->txn, TABLE_topics, c->topic, &value);
    return e ? e
             : record_read(c->r->txn, TABLE_topics, c->topic, value, row, FIELDS_OF(*row), NULL);
}

bool recount_due(const struct recount *c)
{
    return c->tries < RECOUNT_TRIES && c->items - c->sliced >= RECOUNT_SLICE;
}

bool recount_again(struct recount *c)
{
    struct topic_row row = {0};
    walk_close(&c->topics);
    c->sliced = c->items;
    bool same = txn_again(c->r->txn) == ERR_OK && load(c, &row) == ERR_OK &&
                memcmp(&row, &c->kept, sizeof row) == 0;
    walk_open(&c->topics, c->r->txn, TABLE_topics, WALK_up, c->topic);
    c->moved = !same;
    return same;
}

static void recount_kind(struct recount *c)
{
    if (bytes_is(c->topic, TOPIC_BROADCASTS))
        recount_broadcasts(c);
    else if (bytes_is(c->topic, TOPIC_ERASURES))
        recount_erasures(c);
    else if (topic_own(c->topic))
        recount_scheduled(c);
    else if (topic_plain(c->topic))
        recount_history(c);
    else
        recount_inbox(c);
}

/* False: it has changed meanwhile, and nothing is said of it. */
static bool recount(struct recount *c)
{
    uint64_t items = c->items;
    uint32_t drifts = c->drifts;
    size_t told = c->r->list->n;
    c->kept = c->found = (struct topic_row){0};
    c->messages = 0;
    c->moved = false;
    c->damaged = c->r->txn->damaged;
    enum err e = load(c, &c->kept);
    if (e == ERR_NOT_FOUND)
        return true; /* gone since */
    if (e) {
        drift(c, "damaged topic", 1, 0);
        return true;
    }
    recount_kind(c);
    if (c->moved && !c->r->txn->failed) {
        c->items = c->sliced = items;
        c->drifts = drifts;
        c->r->list->n = told;
        return false;
    }
    compare_own(c, "items", NUMBER(struct topic_row, items));
    drift(c, "first entry", c->kept.no, c->found.no);
    return true;
}

/* The one behind `topic`, into its place. */
static bool next_topic(struct recount *c)
{
    struct bytes key, value;
    do
        if (!walk_next(&c->topics, &key, &value))
            return false;
    while (bytes_equal(key, c->topic));
    memcpy(c->name, key.p, key.n);
    c->topic = (struct bytes){c->name, key.n};
    return true;
}

/* Whole topics only. */
void read_check(const struct reads *r, const struct msg_check *m)
{
    struct recount c = {.r = r, .topic = m->after};
    struct msg a = {.id = MSG_checked, .checked = {.req = m->req}};
    uint64_t limit = m->limit < ITEMS_MAX ? m->limit : ITEMS_MAX;
    bool more = false;
    buf_reset(r->list);
    walk_open(&c.topics, r->txn, TABLE_topics, WALK_up, m->after);
    while (!more && next_topic(&c)) {
        for (c.tries = 0; !recount(&c);)
            c.tries++;
        a.checked.inboxes++;
        more = c.items + a.checked.inboxes >= limit || c.drifts >= CHANGES_MAX;
    }
    walk_close(&c.topics);
    if (more && c.topic.n <= TOPIC_MAX)
        a.checked.next = c.topic;
    a.checked.status = r->txn->failed;
    a.checked.items = c.items;
    a.checked.drifts = list_of(r->list, c.drifts);
    msg_write(r->out, &a);
}

/* ---- checker.h: what the thread does ---- */

void check_job_init(struct check_job *j)
{
    *j = (struct check_job){0};
    buf_init(&j->request, FRAME_MAX);
    buf_init(&j->answer, FRAME_MAX);
    buf_init(&j->list, READ_BYTES);
}

void check_job_fini(struct check_job *j)
{
    buf_fini(&j->request);
    buf_fini(&j->answer);
    buf_fini(&j->list);
}

void check_job_run(struct check_job *j, struct engine *engine)
{
    struct txn *txn = NULL;
    struct mp_in in = mp_over(buf_all(&j->request));
    struct msg m;
    ENSURE(msg_read(&in, &m)); /* it was read once before it came here */
    buf_reset(&j->answer);
    j->damaged = 0;
    enum err e = engine_read(engine, &txn);
    if (e) {
        answer_refused(&j->answer, &m, e);
        return;
    }
    txn->gives_way = true;
    struct reads reads = {.txn = txn, .list = &j->list, .out = &j->answer};
    read_check(&reads, &m.check);
    j->damaged = txn->damaged;
    txn_abort(&txn);
}
