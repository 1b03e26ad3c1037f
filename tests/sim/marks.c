/* SPDX-License-Identifier: Apache-2.0 */
/* marks.c -- what a client does to notifications. Each mark has an op_id, which is the number of its operation,
 * and may be sent again: by this connection, by the next one. */
#include "lib/clock.h"
#include "lib/ensure.h"
#include "proto/items.h"
#include "proto/types.h"
#include "tests/sim/client.h"

#include <stdio.h>

/* Of 16: what somebody does to one notification. */
static const char *const by_id[16] = {"mark_read", "mark_read",   "mark_read", "mark_read",
                                      "mark_read", "mark_unread", "mark_seen", "mark_unread",
                                      "archive",   "archive",     "unarchive", "unarchive",
                                      "snooze",    "snooze",      "unsnooze",  "delete"};

/* Of 8: to all of them, up to what it was shown. */
static const struct {
    const char *event, *with;
} to_all[8] = {{"mark_all_read", ""},
               {"mark_all_read", ""},
               {"mark_all_read", ",\"category\":\"c1\""},
               {"mark_all_read", ",\"category\":\"c2\""},
               {"mark_seen", ""},
               {"mark_seen", ""},
               {"archive_all", ",\"only_read\":true"},
               {"archive_all", ""}};

/* Pages that somebody asks for: what is said, and which items of the inbox are to be on it. */
static const struct {
    const char *with;
    struct page page;
} lists[] = {
    {"", {.place = PLACE_inbox}},
    {",\"archived\":true", {.place = PLACE_archive}},
    {",\"snoozed\":true", {.place = PLACE_snoozed}},
    {",\"status\":\"unread\"", {.status = STATUS_unread}},
    {",\"status\":\"read\"", {.status = STATUS_read}},
    {",\"category\":\"c1\"", {.category = 1}},
    {",\"category\":\"c2\",\"status\":\"unread\"", {.category = 2, .status = STATUS_unread}},
    {",\"type\":\"alert\"", {.of_type = true, .type = TYPE_alert}},
    {",\"type\":\"system\",\"category\":\"c1\"",
     {.category = 1, .of_type = true, .type = TYPE_system}}};
enum { LISTS = sizeof lists / sizeof *lists };

/* What is asked for as one number: the list, and below which pos. */
struct page list_asked(uint64_t what)
{
    struct page page = lists[what % LISTS].page;
    page.before = what / LISTS;
    return page;
}

static void list(struct client *c, const struct step *step)
{
    char text[120];
    uint64_t before = step->a % 2 ? 0 : 1 + step->a / 2 % (model_log_head() + 1);
    uint64_t what = step->b % LISTS + LISTS * before;
    struct buf out = {.p = text, .cap = sizeof text, .max = sizeof text - 1};
    buf_format(&out, "{\"limit\":%u", 1 + (unsigned)(step->c % 10));
    if (before)
        buf_format(&out, ",\"before\":%llu", (unsigned long long)before);
    buf_format(&out, "%s}", lists[what % LISTS].with);
    buf_byte(&out, '\0');
    client_push(&c->subs[SUB_inbox], "list", text, step->kind, what);
}

static void push(struct client *c)
{
    client_push(&c->subs[SUB_inbox], c->last_event, c->last_text, c->last.kind, c->last.op);
}

static struct buf text_of(struct client *c)
{
    return (struct buf){
        .p = c->last_text, .cap = sizeof c->last_text, .max = sizeof c->last_text - 1};
}

/* A mark begins: perhaps with what its user knew, perhaps with how far it goes. */
static struct buf begin(struct client *c, const struct step *step, const char *event, bool up_to)
{
    struct buf out = text_of(c);
    uint64_t seq = c->subs[SUB_inbox].seq;
    bool observed = step->c % 2;
    c->last = (struct pending){.kind = step->kind == STEP_mark ? STEP_mark : STEP_mark_all,
                               .op = model_op((struct op){.kind = OP_mark,
                                                          .user = c->user,
                                                          .observed = observed ? seq : UINT64_MAX,
                                                          .up_to = up_to ? seq : UINT64_MAX})};
    snprintf(c->last_event, sizeof c->last_event, "%s", event);
    buf_format(&out, "{\"op_id\":\"m%llu\"", (unsigned long long)c->last.op);
    if (observed)
        buf_format(&out, ",\"observed_seq\":%llu", (unsigned long long)seq);
    if (up_to)
        buf_format(&out, ",\"up_to\":%llu", (unsigned long long)seq);
    return out;
}

static void end(struct client *c, struct buf *out)
{
    buf_text(out, "}");
    buf_byte(out, '\0');
    ENSURE(!out->overflowed);
    push(c);
}

static void mark_one(struct client *c, const struct step *step)
{
    char id[32];
    const char *event = by_id[step->b % 16];
    if (!model_some_item(c->user, step->a, id))
        return;
    struct buf out = begin(c, step, event, false);
    buf_format(&out, ",\"ids\":[\"%s\"]", id);
    if (strcmp(event, "snooze") == 0) {
        buf_text(&out, ",\"until\":\"");
        clock_write(&out, wall_ms() + 100 + step->c / 2 % 6000);
        buf_text(&out, "\"");
    }
    end(c, &out);
}

static void mark_all(struct client *c, const struct step *step)
{
    unsigned which = step->a % 8;
    struct buf out = begin(c, step, to_all[which].event, step->kind == STEP_mark_up_to);
    buf_text(&out, to_all[which].with);
    end(c, &out);
}

bool marks_step(struct client *c, const struct step *step)
{
    bool there = c->subs[SUB_inbox].state == SUB_joined;
    switch (step->kind) {
    case STEP_mark:
        if (there)
            mark_one(c, step);
        return true;
    case STEP_mark_all:
    case STEP_mark_up_to:
        if (there)
            mark_all(c, step);
        return true;
    case STEP_again:
        if (there && c->last.op) {
            model_op_of(c->last.op)->again = true;
            push(c);
        }
        return true;
    case STEP_list:
        if (there)
            list(c, step);
        return true;
    default:
        return false;
    }
}
