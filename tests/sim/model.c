/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/model.h"

#include "lib/ensure.h"
#include "lib/hash.h"
#include "proto/topic.h"
#include "store/log.h"
#include "store/reads.h"
#include "store/requests.h"
#include "tests/sim/inboxes.h"

#include <stdio.h>
#include <stdlib.h>

enum { FANOUT_OP = 0 };

struct entry {
    uint64_t prev, unread, pos, committed_us, op;
    uint8_t topic, kind;
    uint8_t must; /* message, broadcast: a bit for each user who must have it */
};

static struct {
    struct entry *log; /* by seq */
    uint64_t head, cap;
    uint64_t heads[ALL_TOPICS];
    struct op *ops;
    uint64_t ops_n, ops_cap;
    bool member[CHANNELS][USERS], touched[CHANNELS][USERS];
    bool known[USERS];
    enum mutes mutes[USERS];
    struct wishes wishes[USERS];
    struct {
        uint64_t begun, done, done_us;
    } revoked[USERS];
    uint64_t told[USERS];   /* everywhere, up to there */
    uint64_t erased, floor; /* seq of the last erasure; of the last one that was answered */
} model;

const char *const users[USERS] = {"ann", "bob", "cem", "dan"};

const char *model_name(unsigned topic)
{
    static const char *const names[ALL_TOPICS] = {"user:ann:notifications",
                                                  "user:bob:notifications",
                                                  "user:cem:notifications",
                                                  "user:dan:notifications",
                                                  "channel:a",
                                                  "channel:b",
                                                  TOPIC_SCHEDULED,
                                                  TOPIC_BROADCASTS,
                                                  TOPIC_ERASURES};
    return names[topic];
}

unsigned model_topic(struct bytes name)
{
    unsigned i = 0;
    while (i < ALL_TOPICS && !bytes_is(name, model_name(i)))
        i++;
    return i;
}

void *model_grown(void *list, uint64_t n, uint64_t *cap, size_t size)
{
    if (n < *cap)
        return list;
    *cap = *cap ? 2 * *cap : 16;
    list = realloc(list, *cap * size);
    ENSURE(list != NULL);
    return list;
}

void model_open(void)
{
    memset(&model, 0, sizeof model);
    inboxes_open();
    model_op((struct op){0}); /* FANOUT_OP is nobody's */
}

void model_close(void)
{
    inboxes_close();
    free(model.log);
    free(model.ops);
}

/* ---- operations */

uint64_t model_op(struct op op)
{
    model.ops = model_grown(model.ops, model.ops_n, &model.ops_cap, sizeof *model.ops);
    op.born = model.head;
    op.begun_us = sim.now_us;
    model.ops[model.ops_n] = op;
    return model.ops_n++;
}

uint64_t model_ops(void)
{
    return model.ops_n;
}

struct op *model_op_of(uint64_t number)
{
    return number < model.ops_n ? &model.ops[number] : NULL;
}

/* Everybody whom it is for has it, or had its dedupe_key. */
static bool everywhere(const struct op *op)
{
    for (unsigned u = 0; op->kind == OP_create && u < USERS; u++)
        if (op->users & ~op->committed & 1u << u && !inboxes_deduped(u, op->dedupe) &&
            !model_outlived(op, u))
            return false;
    return op->kind == OP_create || op->committed == 1;
}

bool model_lasts(uint64_t number)
{
    const struct op *op = &model.ops[number];
    return op->committed && !model_outlived(op, op->user);
}

void model_ok(uint64_t number, uint64_t seq)
{
    struct op *op = model_op_of(number);
    if (seq > model.head)
        wrong("acknowledged, not on disk", "n%llu was answered with seq %llu; the log ends at %llu",
              (unsigned long long)number, (unsigned long long)seq, (unsigned long long)model.head);
    else if (op->deliver_ms == 0 && op->dedupe == 0 && op->seq != seq)
        wrong("acknowledged, another", "n%llu was answered with seq %llu, and stands at %llu",
              (unsigned long long)number, (unsigned long long)seq, (unsigned long long)op->seq);
    else if (op->deliver_ms == 0 && op->kind == OP_create && !everywhere(op))
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
        if (inboxes_has_op(u, number))
            wrong("retracted, yet there", "n%llu was retracted, and %s has it",
                  (unsigned long long)number, users[u]);
}

/* What an answer to a mark says. */
static uint64_t hash_of(struct bytes answer)
{
    static const char *const names[] = {"changed",      "unknown",      "up_to",
                                        "unread_count", "unseen_count", "seq"};
    uint64_t hash = 1;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        hash = hash64(text_member(answer, names[i]), hash);
    return hash ? hash : 1;
}

void model_marked(uint64_t number, struct bytes answer)
{
    struct op *op = model_op_of(number);
    struct bytes changed = text_member(answer, "changed");
    uint64_t hash = hash_of(answer);
    if (model_outlived(op, op->user))
        return; /* what was remembered is forgotten */
    if (op->answer && op->answer != hash)
        wrong("another answer", "m%llu is answered %.*s the second time",
              (unsigned long long)number, (int)answer.n, answer.p);
    else if (changed.n > 0 && (changed.n > 2) != (op->committed != 0))
        wrong("acknowledged, not on disk", "m%llu is answered with changed %.*s",
              (unsigned long long)number, (int)changed.n, changed.p);
    op->answer = hash;
    uint64_t up_to;
    if (text_number(answer, "up_to", &up_to) && up_to > op->up_to)
        wrong("marked more", "m%llu said up to %llu, and it was done up to %llu",
              (unsigned long long)number, (unsigned long long)op->up_to, (unsigned long long)up_to);
}

void model_patched(uint64_t number, uint64_t seq)
{
    const struct op *op = model_op_of(number);
    if (!op->committed || op->seq != seq)
        wrong("acknowledged, not on disk", "u%llu was answered with seq %llu, and stands at %llu",
              (unsigned long long)number, (unsigned long long)seq, (unsigned long long)op->seq);
}

void model_everywhere(uint64_t number)
{
    const struct op *op = model_op_of(number);
    uint64_t of = op->kind == OP_revise ? op->target : number;
    if (op->kind == OP_revise && !op->committed)
        return; /* it waited: nobody had it as it was */
    for (unsigned u = 0; u < USERS; u++) {
        uint64_t seq = inboxes_changed(u, of, op->kind == OP_revise ? number : 0);
        if (seq > model.told[u])
            model.told[u] = seq;
    }
}

uint64_t model_told(unsigned topic)
{
    return topic < USERS ? model.told[topic] : 0;
}

void model_mute(unsigned user, enum mutes mutes)
{
    model.mutes[user] = mutes;
}

enum mutes model_mutes(unsigned user)
{
    return model.mutes[user];
}

struct wishes *model_wishes(unsigned user)
{
    return &model.wishes[user];
}

enum { REVOKES_FROM_S = 1780000000, REVOKES_APART_S = 100 };

uint64_t model_iat_s(unsigned user)
{
    return REVOKES_FROM_S + REVOKES_APART_S * model.revoked[user].begun + 1;
}

uint64_t model_revoke(unsigned user)
{
    return REVOKES_FROM_S + REVOKES_APART_S * ++model.revoked[user].begun;
}

void model_revoked(unsigned user, uint64_t before_s)
{
    if (before_s <= model.revoked[user].done)
        return;
    model.revoked[user].done = before_s;
    model.revoked[user].done_us = sim.now_us;
}

bool model_token_good(unsigned user, uint64_t iat_s, uint64_t done_us)
{
    return iat_s >= model.revoked[user].done || model.revoked[user].done_us >= done_us;
}

void model_erased(unsigned user)
{
    if (user == ERASED)
        model.floor = model.erased;
}

uint64_t model_floor(unsigned user)
{
    return user == ERASED ? model.floor : 0;
}

bool model_outlived(const struct op *op, unsigned user)
{
    return user == ERASED && op->born < model.erased;
}

/* Nothing of it is left: a new inbox begins with the next entry, and nobody must have anything. */
static void erased(const struct msg_entry *e)
{
    model.erased = e->seq;
    model.heads[ERASED] = 0;
    model.known[ERASED] = false;
    if (model.mutes[ERASED] != MUTES_nothing)
        model.mutes[ERASED] = MUTES_perhaps;
    for (unsigned c = 0; c < CHANNELS; c++)
        model_member(c, ERASED, false);
    for (uint64_t seq = 1; seq < e->seq; seq++)
        model.log[seq].must &= (uint8_t) ~(1u << ERASED);
    imports_erased(ERASED);
    inboxes_erased(ERASED, e->seq);
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

uint64_t text_digits(struct bytes text)
{
    uint64_t n = 0;
    for (size_t i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
        n = n * 10 + (uint64_t)(text.p[i] - '0');
    return n;
}

/* May this be made now? */
bool model_may_be(const struct op *op, enum op_kind kind, uint64_t number)
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

/* What the entry was asked with: a mark is done once. */
static struct op *asked_by(unsigned user, const struct msg_entry *e)
{
    if (e->op_id.n < 2 || e->op_id.p[0] != 'm')
        return NULL;
    uint64_t number = text_digits((struct bytes){e->op_id.p + 1, e->op_id.n - 1});
    struct op *op = model_op_of(number);
    if (!op || op->kind != OP_mark || op->user != user)
        wrong("out of nothing", "seq %llu is of nobody's mark", (unsigned long long)e->seq);
    else if (op->committed)
        wrong("done twice", "m%llu, at seq %llu", (unsigned long long)number,
              (unsigned long long)e->seq);
    else
        op->committed = 1;
    return op;
}

static void of_inbox(unsigned user, const struct msg_entry *e)
{
    uint64_t unread, unseen;
    const struct op *asked = asked_by(user, e);
    if (!verdict.wrong)
        inboxes_committed(user, e, asked);
    if (!verdict.wrong)
        tallies_committed(user, e);
    inboxes_counts(user, &unread, &unseen);
    if (unread != e->unread || unseen != e->unseen)
        wrong("count",
              "at seq %llu %s has %llu unread and %llu unseen, and the log says %llu, %llu",
              (unsigned long long)e->seq, users[user], (unsigned long long)unread,
              (unsigned long long)unseen, (unsigned long long)e->unread,
              (unsigned long long)e->unseen);
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
    if (e->kind == ENTRY_erased) {
        erased(e);
    } else if (e->kind == ENTRY_retracted || e->kind == ENTRY_cancelled) {
        model_op_of(model.log[e->pos].op)->off = true;
    } else if (e->kind == ENTRY_revised) {
        revision_committed(e);
    } else if (e->kind == ENTRY_broadcast) {
        char title[TITLE_SIZE];
        title_of(e->content, title);
        struct titled t = model_titled(title);
        uint64_t number = t.op;
        struct op *op = model_op_of(number);
        if (!model_may_be(op, OP_broadcast, number))
            return;
        if (op->committed)
            wrong("done twice", "n%llu was broadcast twice", (unsigned long long)number);
        if (!revision_made(number, t.revision))
            return;
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
    model.log = model_grown(model.log, e->seq, &model.cap, sizeof *model.log);
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
    of_inbox(topic, e);
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
    inboxes_bounded();
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

bool model_silent(uint64_t after, uint64_t seq)
{
    for (; seq > after && seq <= model.head; seq = model.log[seq].prev)
        if (model.log[seq].kind == ENTRY_imported)
            return true;
    return false;
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

uint64_t model_log_op(uint64_t seq)
{
    return seq > 0 && seq <= model.head ? model.log[seq].op : 0;
}

unsigned model_channel(uint64_t seq)
{
    unsigned topic = seq > 0 && seq <= model.head ? model.log[seq].topic : TOPICS;
    return topic >= USERS && topic < TOPICS ? topic - USERS : CHANNELS;
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

void model_event(const char *who, unsigned topic, struct bytes payload)
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
    if (topic < USERS)
        tallies_shown(who, topic, seq, payload, false);
    struct bytes item = text_member(payload, "notification");
    if (topic < USERS && item.n > 0)
        inboxes_shown(who, topic, seq, e->pos, item);
    if (e->kind == ENTRY_message && (!text_number(payload, "n", &number) || number != e->op))
        wrong("another message", "%s: seq %llu is n%llu", who, (unsigned long long)seq,
              (unsigned long long)number);
}

void model_counted(const char *who, unsigned topic, const struct page *page)
{
    model_count(who, topic, page->seq, page->unread);
    if (!verdict.wrong)
        tallies_shown(who, topic, page->seq, page->answer, true);
}

void model_page(const char *who, unsigned topic, const struct page *page)
{
    if (topic < USERS)
        model_counted(who, topic, page);
    else
        model_count(who, topic, page->seq, page->unread);
    if (!verdict.wrong && topic < USERS)
        inboxes_page(who, topic, page);
    else if (!verdict.wrong)
        messages_page(who, topic, page);
}

/* ---- at the end */

/* Whoever must have got it got it; what was taken back nobody has. */
static void source_right(uint64_t seq, const struct entry *e, unsigned u)
{
    const struct op *op = model_op_of(e->op);
    bool gone = false, has = inboxes_has_source(u, seq, &gone);
    bool broadcast = e->kind == ENTRY_broadcast;
    bool looked = u != ERASED || e->committed_us + 3 * SECOND < sim.now_us; /* run.c */
    bool sure = (e->must & 1u << u) && (looked || !broadcast) &&
                (op->channel == CHANNELS || !model.touched[op->channel][u]) &&
                !(broadcast && (op->off || op->expires_ms));
    if (sure && !has)
        wrong("not notified", "%s got no notification of seq %llu", users[u],
              (unsigned long long)seq);
    if (has && broadcast && op->off && !gone)
        wrong("taken back, yet there", "%s has the broadcast %llu still", users[u],
              (unsigned long long)seq);
}

static void operation_right(uint64_t number)
{
    const struct op *op = &model.ops[number];
    bool due = op->deliver_ms == 0 || op->deliver_ms + 3000 <= wall_ms();
    bool may_miss = op->deliver_ms && op->expires_ms; /* over before it was made */
    if (op->kind == OP_revise || op->kind == OP_import)
        return; /* revisions.c, imports.c */
    if (op->ok && !op->off && due && !may_miss && !everywhere(op))
        wrong("lost", "n%llu was acknowledged", (unsigned long long)number);
    if (op->committed && !everywhere(op))
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
    revisions_quiet();
    for (unsigned u = 0; u < INBOXES; u++)
        inboxes_quiet(u);
}
