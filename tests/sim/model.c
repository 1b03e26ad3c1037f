/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/model.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/id.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "store/log.h"
#include "store/reads.h"
#include "store/requests.h"

#include <stdio.h>
#include <stdlib.h>

enum { FANOUT_OP = 0 };

enum { TURNS = 24 };

struct item {
    uint64_t pos, at_ms, expires_ms;
    uint64_t turns[TURNS]; /* seqs at which it became read, unread, read, ... */
    unsigned turns_n;
    bool aside;        /* in the archive, from gone_seq on */
    uint64_t gone_seq; /* from the list; 0: not */
    uint64_t op;       /* FANOUT_OP: of a rule */
    uint64_t source;   /* the message that a rule made it of; the broadcast that it is */
    bool counted;
    char id[ID_TEXT + 1];
};

struct entry {
    uint64_t prev, unread, pos, committed_us, op;
    uint8_t topic, kind;
    uint8_t must; /* message, broadcast: a bit for each user who must have it */
};

struct inbox {
    struct item *items;
    unsigned n, cap;
    uint64_t unread;
};

static struct {
    struct entry *log; /* by seq */
    uint64_t head, cap;
    uint64_t heads[ALL_TOPICS];
    struct inbox inboxes[INBOXES];
    struct op *ops;
    uint64_t ops_n, ops_cap;
    bool member[CHANNELS][USERS], touched[CHANNELS][USERS];
    bool known[USERS];
} model;

const char *const users[USERS] = {"ann", "bob", "cem"};

const char *model_name(unsigned topic)
{
    static const char *const names[ALL_TOPICS] = {"user:ann:notifications",
                                                  "user:bob:notifications",
                                                  "user:cem:notifications",
                                                  "channel:a",
                                                  "channel:b",
                                                  TOPIC_SCHEDULED,
                                                  TOPIC_BROADCASTS};
    return names[topic];
}

unsigned model_topic(struct bytes name)
{
    unsigned i = 0;
    while (i < ALL_TOPICS && !bytes_is(name, model_name(i)))
        i++;
    return i;
}

static void *grown(void *list, uint64_t n, uint64_t *cap, size_t size)
{
    if (n < *cap)
        return list;
    *cap = *cap ? 2 * *cap : 256;
    list = realloc(list, *cap * size);
    ENSURE(list != NULL);
    return list;
}

void model_open(void)
{
    memset(&model, 0, sizeof model);
    model_op((struct op){0}); /* FANOUT_OP is nobody's */
}

void model_close(void)
{
    for (unsigned i = 0; i < INBOXES; i++)
        free(model.inboxes[i].items);
    free(model.log);
    free(model.ops);
}

/* ---- operations */

uint64_t model_op(struct op op)
{
    model.ops = grown(model.ops, model.ops_n, &model.ops_cap, sizeof *model.ops);
    model.ops[model.ops_n] = op;
    return model.ops_n++;
}

struct op *model_op_of(uint64_t number)
{
    return number < model.ops_n ? &model.ops[number] : NULL;
}

void model_ok(uint64_t number, uint64_t seq)
{
    struct op *op = model_op_of(number);
    if (seq > model.head)
        wrong("acknowledged, not on disk", "n%llu was answered with seq %llu; the log ends at %llu",
              (unsigned long long)number, (unsigned long long)seq, (unsigned long long)model.head);
    else if (op->deliver_ms == 0 && op->seq != seq)
        wrong("acknowledged, another", "n%llu was answered with seq %llu, and stands at %llu",
              (unsigned long long)number, (unsigned long long)seq, (unsigned long long)op->seq);
    else if (op->deliver_ms == 0 && op->kind == OP_create && op->committed != op->users)
        wrong("acknowledged, in part", "n%llu was answered, but not everybody has it",
              (unsigned long long)number);
    op->ok = true;
    if (!verdict.wrong && op->deliver_ms != 0 && model.log[seq].kind == ENTRY_scheduled)
        model.log[seq].op = number;
}

void model_refused(uint64_t number)
{
    struct op *op = model_op_of(number);
    op->refused = true;
    if (op->committed)
        wrong("refused, yet done", "n%llu was refused, and is in the log",
              (unsigned long long)number);
}

void model_off(uint64_t number)
{
    struct op *op = model_op_of(number);
    op->off = true;
    for (unsigned u = 0; op->kind == OP_create && u < USERS; u++)
        for (unsigned i = 0; i < model.inboxes[u].n; i++)
            if (model.inboxes[u].items[i].op == number && !model.inboxes[u].items[i].gone_seq)
                wrong("retracted, yet there", "n%llu was retracted, and %s has it",
                      (unsigned long long)number, users[u]);
}

void model_known(unsigned user)
{
    model.known[user] = true;
}

void model_member(unsigned channel, unsigned user, bool sure)
{
    model.member[channel][user] = sure;
    if (!sure)
        model.touched[channel][user] = true;
}

/* ---- commits */

static uint64_t digits(struct bytes text)
{
    uint64_t n = 0;
    for (size_t i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
        n = n * 10 + (uint64_t)(text.p[i] - '0');
    return n;
}

static struct item *item_at(struct inbox *in, uint64_t pos)
{
    for (unsigned i = in->n; i-- > 0;)
        if (in->items[i].pos == pos)
            return &in->items[i];
    return NULL;
}

static bool live_at(const struct item *it, uint64_t seq)
{
    return it->pos <= seq && (it->gone_seq == 0 || it->gone_seq > seq);
}

static bool read_at(const struct item *it, uint64_t seq)
{
    unsigned n = 0;
    while (n < it->turns_n && it->turns[n] <= seq)
        n++;
    return n % 2 == 1;
}

static bool is_read(const struct item *it)
{
    return it->turns_n % 2 == 1;
}

static void turn(struct inbox *in, struct item *it, uint64_t seq)
{
    if (it->turns_n == TURNS) {
        wrong("model", "it has no room for another reading of pos %llu",
              (unsigned long long)it->pos);
        return;
    }
    it->turns[it->turns_n++] = seq;
    in->unread += it->counted && !is_read(it);
    in->unread -= it->counted && is_read(it);
}

/* The title of all that back ends make: n and the number of the operation. */
static uint64_t op_of(const struct msg_entry *e)
{
    struct bytes title;
    if (!text_string(text_member(e->content, "title"), &title) || title.p[0] != 'n')
        return FANOUT_OP;
    return digits((struct bytes){title.p + 1, title.n - 1});
}

/* May this be made now? */
static bool may_be(const struct op *op, enum op_kind kind, uint64_t number)
{
    if (!op || number == FANOUT_OP || op->kind != kind)
        wrong("out of nothing", "something is of nobody's request");
    else if (op->refused)
        wrong("refused, yet done", "n%llu was refused before it was committed",
              (unsigned long long)number);
    else if (op->off)
        wrong("taken back, yet done", "n%llu was taken back before it was made",
              (unsigned long long)number);
    else if (op->deliver_ms > wall_ms() && !op->committed)
        wrong("too early", "n%llu is made %llu ms before its time", (unsigned long long)number,
              (unsigned long long)(op->deliver_ms - wall_ms()));
    return !verdict.wrong;
}

static void from_source(struct inbox *in, unsigned topic, struct item *it, uint64_t source)
{
    it->source = source;
    for (unsigned i = 0; i < in->n; i++)
        if (in->items[i].source == source)
            wrong("notified twice", "%s got two notifications of seq %llu", users[topic],
                  (unsigned long long)source);
}

static void arrived(struct inbox *in, unsigned topic, const struct msg_entry *e)
{
    static struct buf text;
    struct bytes source;
    uint64_t born_ms = e->born_ms ? e->born_ms : e->at_ms;
    struct item it = {.pos = e->pos,
                      .at_ms = born_ms,
                      .expires_ms = e->expires_ms,
                      .counted = type_row(e->type)->counted};
    uint8_t id[ID_SIZE];
    id_make(born_ms, e->pos, id);
    if (text.max == 0)
        buf_init(&text, 64);
    buf_reset(&text);
    id_write(&text, id);
    memcpy(it.id, text.p, ID_TEXT);
    source = text_member(text_member(e->content, "data"), "seq");
    if (e->body != 0) { /* a broadcast, merged */
        it.op = model.log[e->body].op;
        from_source(in, topic, &it, e->body);
        may_be(model_op_of(it.op), OP_broadcast, it.op);
    } else if (source.n > 0) {
        from_source(in, topic, &it, digits(source));
    } else {
        it.op = op_of(e);
        struct op *op = model_op_of(it.op);
        if (!may_be(op, OP_create, it.op))
            return;
        if (!(op->users & 1u << topic))
            wrong("out of nothing", "n%llu is not for %s", (unsigned long long)it.op, users[topic]);
        else if (op->committed & 1u << topic)
            wrong("done twice", "n%llu came twice to %s", (unsigned long long)it.op, users[topic]);
        else if (op->expires_ms != e->expires_ms)
            wrong("another end", "n%llu does not end when it should", (unsigned long long)it.op);
        op->seq = op->committed ? op->seq : e->seq;
        op->committed |= 1u << topic;
    }
    if (verdict.wrong)
        return;
    model.known[topic] = true;
    uint64_t cap = in->cap;
    in->items = grown(in->items, in->n, &cap, sizeof *in->items);
    in->cap = (unsigned)cap;
    in->items[in->n++] = it;
    in->unread += it.counted;
}

/* It leaves the list: for the archive, or for ever. */
static void leaves(struct inbox *in, struct item *it, const struct msg_entry *e)
{
    if (e->kind == ENTRY_expired && (it->expires_ms == 0 || it->expires_ms > wall_ms()))
        wrong("ended too early", "pos %llu", (unsigned long long)it->pos);
    it->gone_seq = e->seq;
    it->aside = e->kind == ENTRY_archived;
    in->unread -= it->counted && !is_read(it);
}

static void one_id(struct inbox *in, struct item *it, const struct msg_entry *e)
{
    if (e->kind == ENTRY_seen)
        return;
    if (e->kind != ENTRY_read && e->kind != ENTRY_unread)
        leaves(in, it, e);
    else if (is_read(it) == (e->kind == ENTRY_read))
        wrong("read twice", "seq %llu changes pos %llu to what it is", (unsigned long long)e->seq,
              (unsigned long long)it->pos);
    else
        turn(in, it, e->seq);
}

static void ids(struct inbox *in, const struct msg_entry *e)
{
    for (size_t i = 0; i < e->ids.n; i += ID_SIZE) {
        uint64_t pos = id_pos((const uint8_t *)e->ids.p + i);
        struct item *it = item_at(in, pos);
        if (it && it->aside && e->kind != ENTRY_archived)
            it->aside = e->kind == ENTRY_read || e->kind == ENTRY_unread || e->kind == ENTRY_seen;
        else if (!it || !live_at(it, e->seq))
            wrong("changed what is not there", "seq %llu names pos %llu",
                  (unsigned long long)e->seq, (unsigned long long)pos);
        else
            one_id(in, it, e);
    }
}

static bool by_ids(enum entry_kind kind)
{
    return kind == ENTRY_read || kind == ENTRY_unread || kind == ENTRY_seen ||
           kind == ENTRY_archived || kind == ENTRY_expired || kind == ENTRY_removed;
}

static void published(unsigned topic, const struct msg_entry *e)
{
    uint64_t number;
    struct op *op = NULL;
    if (text_number(e->content, "n", &number))
        op = model_op_of(number);
    if (!op || op->kind != OP_publish || op->channel != topic - USERS)
        wrong("out of nothing", "seq %llu is of nobody's publish", (unsigned long long)e->seq);
    else if (op->refused)
        wrong("refused, yet done", "n%llu", (unsigned long long)number);
    else if (op->committed)
        wrong("done twice", "n%llu is on %s twice", (unsigned long long)number, model_name(topic));
    if (verdict.wrong || !op)
        return;
    op->committed = 1;
    op->seq = e->seq;
    model.log[e->seq].op = number;
    for (unsigned u = 0; u < USERS; u++)
        if (model.member[op->channel][u] && u != op->author)
            model.log[e->seq].must |= (uint8_t)(1u << u);
}

/* In the store's own topics: what is scheduled has no name there; a broadcast has its content. */
static void own(const struct msg_entry *e)
{
    if (e->kind == ENTRY_retracted || e->kind == ENTRY_cancelled) {
        model_op_of(model.log[e->pos].op)->off = true;
    } else if (e->kind == ENTRY_broadcast) {
        uint64_t number = op_of(e);
        struct op *op = model_op_of(number);
        if (!may_be(op, OP_broadcast, number))
            return;
        if (op->committed)
            wrong("done twice", "n%llu was broadcast twice", (unsigned long long)number);
        op->committed = 1;
        op->seq = e->seq;
        model.log[e->seq].op = number;
        for (unsigned u = 0; u < USERS; u++)
            if (op->channel == CHANNELS ? model.known[u] : model.member[op->channel][u])
                model.log[e->seq].must |= (uint8_t)(1u << u);
    }
}

static void say(unsigned topic, const struct msg_entry *e)
{
#define AS_NAME(name, doc) #name,
    static const char *const kinds[] = {ENTRY_KINDS(AS_NAME)};
#undef AS_NAME
    if (telling)
        tell("disk", "seq %llu: %s %s %.*s (prev %llu, unread %llu)", (unsigned long long)e->seq,
             model_name(topic), kinds[e->kind], (int)(e->content.n < 60 ? e->content.n : 60),
             e->content.n ? e->content.p : "", (unsigned long long)e->prev,
             (unsigned long long)e->unread);
}

static void commit(const struct msg_entry *e)
{
    unsigned topic = model_topic(e->topic);
    ENSURE(topic < ALL_TOPICS);
    model.log = grown(model.log, e->seq, &model.cap, sizeof *model.log);
    say(topic, e);
    if (e->seq != model.head + 1)
        wrong("log", "seq %llu follows %llu", (unsigned long long)e->seq,
              (unsigned long long)model.head);
    if (e->prev != model.heads[topic])
        wrong("chain", "seq %llu has prev %llu, not %llu", (unsigned long long)e->seq,
              (unsigned long long)e->prev, (unsigned long long)model.heads[topic]);
    model.head = model.heads[topic] = e->seq;
    model.log[e->seq] = (struct entry){.prev = e->prev,
                                       .unread = e->unread,
                                       .pos = e->pos,
                                       .committed_us = sim.now_us,
                                       .topic = (uint8_t)topic,
                                       .kind = (uint8_t)e->kind};
    if (topic >= TOPICS) {
        own(e);
        return;
    }
    if (topic >= USERS) {
        published(topic, e);
        return;
    }
    struct inbox *in = &model.inboxes[topic];
    if (e->kind == ENTRY_created)
        arrived(in, topic, e);
    else if (by_ids((enum entry_kind)e->kind))
        ids(in, e);
    else if (e->kind != ENTRY_all_read && e->kind != ENTRY_all_seen)
        wrong("model", "it knows no entry of kind %llu", (unsigned long long)e->kind);
    for (unsigned i = 0; e->kind == ENTRY_all_read && i < in->n; i++)
        if (in->items[i].pos <= e->pos && live_at(&in->items[i], e->seq) && !is_read(&in->items[i]))
            turn(in, &in->items[i], e->seq);
    if (in->unread != e->unread)
        wrong("count", "at seq %llu %s has %llu unread, and the log says %llu",
              (unsigned long long)e->seq, users[topic], (unsigned long long)in->unread,
              (unsigned long long)e->unread);
}

void model_committed(struct engine *engine)
{
    struct txn *txn = NULL;
    struct msg_entry e;
    struct bytes raw;
    uint64_t head;
    if (verdict.wrong)
        return;
    ENSURE(engine_read(engine, &txn) == ERR_OK);
    log_head(txn, &head);
    if (head < model.head)
        wrong("lost", "the log ends at %llu, and was at %llu", (unsigned long long)head,
              (unsigned long long)model.head);
    while (!verdict.wrong && model.head < head && log_get(txn, model.head + 1, &e, &raw) == ERR_OK)
        commit(&e);
    if (!verdict.wrong && model.head != head)
        wrong("log", "seq %llu cannot be read", (unsigned long long)model.head + 1);
    txn_abort(&txn);
}

/* ---- questions */

uint64_t model_log_head(void)
{
    return model.head;
}

uint64_t model_head(unsigned topic)
{
    return model.heads[topic];
}

bool model_is(unsigned topic, uint64_t seq)
{
    return seq == 0 || (seq <= model.head && model.log[seq].topic == topic);
}

uint64_t model_unread(unsigned topic, uint64_t seq)
{
    return model_is(topic, seq) && seq > 0 ? model.log[seq].unread : 0;
}

uint64_t model_prev(unsigned topic, uint64_t seq)
{
    return model_is(topic, seq) && seq > 0 ? model.log[seq].prev : 0;
}

uint64_t model_committed_us(uint64_t seq)
{
    return seq > 0 && seq <= model.head ? model.log[seq].committed_us : 0;
}

uint64_t model_newest_pos(unsigned topic, uint64_t seq)
{
    uint64_t pos = 0;
    for (unsigned i = 0; topic < USERS && i < model.inboxes[topic].n; i++)
        if (model.inboxes[topic].items[i].pos <= seq)
            pos = model.inboxes[topic].items[i].pos;
    return pos;
}

uint64_t model_some_item(unsigned topic, uint64_t dice, char id[32])
{
    const struct inbox *in = &model.inboxes[topic];
    if (in->n == 0)
        return 0;
    unsigned back = (unsigned)(dice % (in->n < 12 ? in->n : 12));
    const struct item *it = &in->items[in->n - 1 - back];
    snprintf(id, 32, "%s", it->id);
    return it->pos;
}

void model_count(const char *who, unsigned topic, uint64_t seq, uint64_t unread)
{
    if (seq > model.head || !model_is(topic, seq))
        wrong("shown before its commit", "%s: %s at seq %llu", who, model_name(topic),
              (unsigned long long)seq);
    else if (topic < USERS && model_unread(topic, seq) != unread)
        wrong("badge", "%s is shown %llu unread at seq %llu, and there were %llu", who,
              (unsigned long long)unread, (unsigned long long)seq,
              (unsigned long long)model_unread(topic, seq));
}

static bool is_id(struct bytes raw, const struct item *it)
{
    struct bytes id;
    return text_string(raw, &id) && bytes_is(id, it->id);
}

void model_event(const char *who, unsigned topic, struct bytes event, struct bytes payload)
{
    uint64_t seq = 0, prev = 0, unread = 0, number = 0;
    text_number(payload, "seq", &seq);
    text_number(payload, "prev", &prev);
    text_number(payload, "unread_count", &unread);
    model_count(who, topic, seq, unread);
    if (verdict.wrong)
        return;
    const struct entry *e = &model.log[seq];
    if (e->prev != prev)
        wrong("another prev", "%s: seq %llu with prev %llu", who, (unsigned long long)seq,
              (unsigned long long)prev);
    if (e->kind == ENTRY_created && bytes_is(event, "notification:new")) {
        struct bytes n = text_member(payload, "notification");
        const struct item *it = item_at(&model.inboxes[topic], e->pos);
        if (!is_id(text_member(n, "id"), it))
            wrong("another item", "%s: seq %llu", who, (unsigned long long)seq);
    }
    if (e->kind == ENTRY_message && (!text_number(payload, "n", &number) || number != e->op))
        wrong("another message", "%s: seq %llu is n%llu", who, (unsigned long long)seq,
              (unsigned long long)number);
}

void model_page(const char *who, unsigned topic, uint64_t seq, uint64_t unread, uint64_t before,
                struct bytes items, uint64_t now_ms)
{
    struct json in = json_over(items);
    struct bytes one;
    model_count(who, topic, seq, unread);
    if (verdict.wrong || topic >= USERS)
        return;
    const struct inbox *box = &model.inboxes[topic];
    unsigned at = box->n;
    json_enter(&in, '[');
    while (json_element(&in, &one)) {
        while (at > 0 &&
               (!live_at(&box->items[at - 1], seq) || (before && box->items[at - 1].pos >= before)))
            at--;
        const struct item *it = at > 0 ? &box->items[--at] : NULL;
        bool read = it && read_at(it, seq);
        if (!it || !is_id(text_member(one, "id"), it)) {
            wrong("another list", "%s: the list at seq %llu", who, (unsigned long long)seq);
            return;
        }
        if (read != !bytes_is(text_member(one, "read_at"), "null"))
            wrong("read or not", "%s: pos %llu at seq %llu", who, (unsigned long long)it->pos,
                  (unsigned long long)seq);
        if (it->expires_ms && it->expires_ms <= now_ms)
            wrong("past its end", "%s is shown pos %llu", who, (unsigned long long)it->pos);
    }
}

void model_current(const char *who, unsigned topic, uint64_t seq, uint64_t now_ms)
{
    const struct inbox *box = &model.inboxes[topic];
    for (unsigned i = 0; i < box->n; i++) {
        const struct item *it = &box->items[i];
        if (live_at(it, seq) && it->expires_ms && it->expires_ms <= now_ms)
            wrong("past its end", "%s has pos %llu at seq %llu still", who,
                  (unsigned long long)it->pos, (unsigned long long)seq);
    }
}

/* ---- at the end */

static const struct item *item_from(const struct inbox *in, uint64_t source)
{
    for (unsigned i = 0; i < in->n; i++)
        if (in->items[i].source == source)
            return &in->items[i];
    return NULL;
}

/* Whoever must have got it got it; what was taken back nobody has. */
static void source_right(uint64_t seq, const struct entry *e, unsigned u)
{
    const struct op *op = model_op_of(e->op);
    const struct item *it = item_from(&model.inboxes[u], seq);
    bool broadcast = e->kind == ENTRY_broadcast;
    bool sure = (e->must & 1u << u) &&
                (op->channel == CHANNELS || !model.touched[op->channel][u]) &&
                !(broadcast && (op->off || op->expires_ms));
    if (sure && !it)
        wrong("not notified", "%s got no notification of seq %llu", users[u],
              (unsigned long long)seq);
    if (it && broadcast && op->off && !it->gone_seq)
        wrong("taken back, yet there", "%s has the broadcast %llu still", users[u],
              (unsigned long long)seq);
}

static void operation_right(uint64_t number)
{
    const struct op *op = &model.ops[number];
    bool due = op->deliver_ms == 0 || op->deliver_ms + 3000 <= wall_ms();
    bool may_miss = op->deliver_ms && op->expires_ms; /* over before it was made */
    unsigned all = op->kind == OP_create ? op->users : 1;
    if (op->ok && !op->off && due && !may_miss && op->committed != all)
        wrong("lost", "n%llu was acknowledged", (unsigned long long)number);
    if (op->committed && op->committed != all)
        wrong("in part", "n%llu is in some inboxes of those it was for",
              (unsigned long long)number);
}

void model_quiet(void)
{
    for (uint64_t seq = 1; seq <= model.head; seq++)
        for (unsigned u = 0; u < USERS; u++)
            if (model.log[seq].kind == ENTRY_message || model.log[seq].kind == ENTRY_broadcast)
                source_right(seq, &model.log[seq], u);
    for (uint64_t i = 1; i < model.ops_n; i++)
        operation_right(i);
    for (unsigned i = 0; i < INBOXES; i++)
        for (unsigned k = 0; k < model.inboxes[i].n; k++) {
            const struct item *it = &model.inboxes[i].items[k];
            if (it->expires_ms && it->expires_ms + 2000 <= wall_ms() && !it->gone_seq)
                wrong("past its end", "pos %llu of %s is there still", (unsigned long long)it->pos,
                      users[i]);
        }
}
