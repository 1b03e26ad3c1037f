/* SPDX-License-Identifier: Apache-2.0 */
/* revisions.c -- PATCH of a publish: what it says is put into all that is there of it, in one commit. A broadcast
 * is changed once, and each inbox has its newest revision when it is next touched. What waits for its time
 * changes where it waits: of that no entry tells, and only what it is made with shows it. */
#include "tests/sim/inboxes.h"

static bool titles_revision(const char *title)
{
    return title[0] == 'n' && title[1] == '.' && title[2] == 'r';
}

struct titled model_titled(const char *title)
{
    if (!titles_revision(title))
        return (struct titled){title[0] == 'n' ? text_digits(bytes_of(title + 1)) : 0, 0};
    uint64_t number = text_digits(bytes_of(title + 3));
    const struct op *op = model_op_of(number);
    if (!op || op->kind != OP_revise)
        wrong("out of nothing", "%s is of nobody's revision", title);
    return !op || verdict.wrong ? (struct titled){0} : (struct titled){op->target, number};
}

/* ---- what waited */

/* A revision was said to be done before this is made, and another one that was over before it began is what
 * it is made with. */
static bool overtaken(uint64_t number, uint64_t revision)
{
    const struct op *has = model_op_of(revision), *op;
    uint64_t over_us = revision == 0 ? 0 : has->ok ? has->ok_us : NEVER;
    for (uint64_t i = number + 1; (op = model_op_of(i)) != NULL; i++)
        if (op->kind == OP_revise && op->target == number && op->ok && op->begun_us > over_us)
            return true;
    return false;
}

bool revision_made(uint64_t number, uint64_t revision)
{
    struct op *op = model_op_of(number);
    const struct op *has = model_op_of(revision);
    if (op->committed && op->revised != revision)
        wrong("in part", "n%llu is made with r%llu, and was made with r%llu",
              (unsigned long long)number, (unsigned long long)revision,
              (unsigned long long)op->revised);
    else if (revision != 0 && (op->deliver_ms == 0 || has->target != number))
        wrong("out of nothing", "n%llu is made with r%llu", (unsigned long long)number,
              (unsigned long long)revision);
    else if (revision != 0 && has->refused)
        wrong("refused, yet done", "r%llu was refused, and n%llu is made with it",
              (unsigned long long)revision, (unsigned long long)number);
    else if (!op->committed && overtaken(number, revision))
        wrong("lost", "n%llu is made with r%llu, and a newer one was acknowledged",
              (unsigned long long)number, (unsigned long long)revision);
    op->revised = op->first = revision;
    if (revision != 0)
        op->category = has->category;
    return !verdict.wrong;
}

/* ---- what was made */

static bool may_be(const struct op *op, uint64_t number)
{
    if (op->refused)
        wrong("refused, yet done", "r%llu was refused before it was committed",
              (unsigned long long)number);
    else if (model_op_of(op->target)->off)
        wrong("taken back, yet done", "r%llu changes n%llu, which was taken back",
              (unsigned long long)number, (unsigned long long)op->target);
    return !verdict.wrong;
}

void revision_committed(const struct msg_entry *e)
{
    char title[TITLE_SIZE];
    title_of(e->content, title);
    struct titled t = model_titled(title);
    struct op *op = model_op_of(t.revision), *of = model_op_of(t.op);
    if (t.revision == 0 || t.op != model_log_op(e->pos))
        wrong("out of nothing", "seq %llu changes a broadcast", (unsigned long long)e->seq);
    else if (op->committed)
        wrong("done twice", "r%llu", (unsigned long long)t.revision);
    if (verdict.wrong || !may_be(op, t.revision))
        return;
    op->committed = 1;
    op->seq = e->seq;
    of->revised = t.revision;
    of->category = op->category;
}

void revision_shown(unsigned user, struct item *it, struct stage *s, const struct msg_entry *e)
{
    struct titled t = model_titled(s->title);
    struct op *op = model_op_of(t.revision);
    const struct op *of = model_op_of(t.op);
    unsigned bit = 1u << user;
    if (t.op != it->op)
        wrong("another item", "seq %llu puts r%llu of n%llu into n%llu", (unsigned long long)e->seq,
              (unsigned long long)t.revision, (unsigned long long)t.op, (unsigned long long)it->op);
    else if (of->kind == OP_broadcast && of->revised != t.revision)
        wrong("another text", "seq %llu puts r%llu into n%llu, and the newest is r%llu",
              (unsigned long long)e->seq, (unsigned long long)t.revision, (unsigned long long)t.op,
              (unsigned long long)of->revised);
    else if (of->kind == OP_broadcast ? it->revised == t.revision : (op->committed & bit) != 0)
        wrong("done twice", "r%llu in pos %llu of %s", (unsigned long long)t.revision,
              (unsigned long long)s->pos, users[user]);
    if (verdict.wrong || (of->kind == OP_create && !may_be(op, t.revision)))
        return;
    if (of->kind == OP_create) {
        op->committed |= bit;
        op->seq = e->seq;
    }
    it->revised = t.revision;
    s->category = op->category;
    s->expires_ms = op->expires_ms ? op->expires_ms : s->expires_ms;
}

/* ---- answers */

/* Who has what it is of, and not what it says. */
static void whole(uint64_t number, const char *check)
{
    const struct op *op = model_op_of(number), *of = model_op_of(op->target);
    for (unsigned u = 0; of->kind == OP_create && u < USERS; u++)
        if (inboxes_has_op(u, op->target) && !(op->committed & 1u << u))
            wrong(check, "%s has n%llu without its revision r%llu", users[u],
                  (unsigned long long)op->target, (unsigned long long)number);
}

void model_revised(uint64_t number, uint64_t seq, uint64_t count)
{
    struct op *op = model_op_of(number);
    const struct op *of = model_op_of(op->target);
    unsigned done = of->kind == OP_create ? (unsigned)__builtin_popcount(op->committed) : 0;
    if (!op->committed && of->deliver_ms == 0)
        wrong("acknowledged, not on disk", "r%llu", (unsigned long long)number);
    else if (op->committed && (seq != op->seq || count != done))
        wrong("acknowledged, another",
              "r%llu was answered with %llu at seq %llu, and is in %u at %llu",
              (unsigned long long)number, (unsigned long long)count, (unsigned long long)seq, done,
              (unsigned long long)op->seq);
    else if (op->committed)
        whole(number, "acknowledged, in part");
    op->ok_us = op->ok ? op->ok_us : sim.now_us;
    op->ok = true;
}

bool model_there(uint64_t number)
{
    const struct op *op = model_op_of(number), *of = model_op_of(op->target);
    if (of->off)
        return false;
    if (!of->committed)
        return of->ok && of->deliver_ms > wall_most_ms() && !(of->users & 1u << ERASED);
    if (of->kind == OP_broadcast)
        return true;
    for (unsigned u = 0; u < USERS; u++)
        if (inboxes_has_op(u, op->target))
            return true;
    return false;
}

/* ---- at the end */

static void broadcast_right(uint64_t number, const struct op *op)
{
    const struct op *newest = model_op_of(op->revised);
    if (op->revised == op->first || model_committed_us(newest->seq) + 3 * SECOND > sim.now_us)
        return;
    for (unsigned u = 0; u < USERS; u++)
        for (uint64_t i = 0; i < inboxes[u].n; i++) {
            const struct item *it = &inboxes[u].items[i];
            if (it->op == number && !is_gone(it) && it->revised != op->revised)
                wrong("another text", "%s has n%llu without its revision r%llu", users[u],
                      (unsigned long long)number, (unsigned long long)op->revised);
        }
}

void revisions_quiet(void)
{
    const struct op *op;
    for (uint64_t i = 1; (op = model_op_of(i)) != NULL; i++) {
        if (op->kind == OP_broadcast)
            broadcast_right(i, op);
        if (op->kind == OP_revise && op->committed)
            whole(i, "in part");
    }
}
