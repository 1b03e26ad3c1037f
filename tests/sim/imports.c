/* SPDX-License-Identifier: Apache-2.0 */
/* imports.c -- what stood elsewhere moves in: each line once, as it was there, however often it is sent. */
#include "tests/sim/inboxes.h"

/* What the line says of the item: snoozed while that lasts, and then there again, unread. */
static struct stage stage_of(const struct op *op, const struct msg_entry *e)
{
    bool sleeps = op->until_ms > wall_ms(), woke = op->until_ms != 0 && !sleeps;
    struct stage s = {.seq = e->seq,
                      .pos = e->pos,
                      .expires_ms = op->expires_ms,
                      .until_ms = sleeps ? op->until_ms : 0,
                      .place = op->archived ? PLACE_archive
                               : sleeps     ? PLACE_snoozed
                                            : PLACE_inbox,
                      .type = e->type,
                      .quiet = !op->loud,
                      .read = op->read && !woke,
                      .seen = op->seen,
                      .category = op->category};
    title_of(e->content, s.title);
    return s;
}

void import_committed(unsigned user, const struct msg_entry *e)
{
    char title[TITLE_SIZE];
    title_of(e->content, title);
    uint64_t number = title[0] == 'i' ? text_digits(bytes_of(title + 1)) : 0;
    struct op *op = model_op_of(number);
    if (!op || op->kind != OP_import || op->user != user)
        wrong("out of nothing", "seq %llu is of nobody's import", (unsigned long long)e->seq);
    else if (op->committed)
        wrong("done twice", "row-%llu is in the inbox of %s twice", (unsigned long long)number,
              users[user]);
    else if (op->expires_ms && op->expires_ms <= wall_ms())
        wrong("past its end", "row-%llu comes when it is over", (unsigned long long)number);
    if (verdict.wrong || !op)
        return;
    op->committed = 1;
    op->seq = e->seq;
    struct stage s = stage_of(op, e);
    if (e->expires_ms != s.expires_ms || e->until_ms != s.until_ms ||
        type_row(s.type)->counted != op->counted)
        wrong("another item", "row-%llu ends or wakes when it should not, or is of another type",
              (unsigned long long)number);
    inboxes_add(user, &(struct item){.birth = e->pos}, &s, e);
}

void model_imported(uint64_t first, unsigned lines, const uint64_t became[3])
{
    for (uint64_t i = first; i < first + lines; i++) {
        const struct op *op = model_op_of(i);
        bool over = op->expires_ms && op->expires_ms <= wall_most_ms();
        if (!op->committed && !over && !model_outlived(op, op->user))
            wrong("acknowledged, not on disk", "row-%llu is in no inbox", (unsigned long long)i);
    }
    if (became[0] + became[1] + became[2] != lines)
        wrong("refused", "of %u lines %llu came, %llu were there, %llu were over", lines,
              (unsigned long long)became[0], (unsigned long long)became[1],
              (unsigned long long)became[2]);
}

void imports_erased(unsigned user)
{
    struct op *op;
    for (uint64_t i = 1; (op = model_op_of(i)) != NULL; i++)
        if (op->kind == OP_import && op->user == user)
            op->committed = 0;
}
