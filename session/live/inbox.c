/* SPDX-License-Identifier: Apache-2.0 */
#include "session/live/inbox.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/event.h"
#include "session/live/page.h"

static void items(struct buf *out, struct mp_list list)
{
    struct mp_in in = list_in(list);
    struct msg m;
    const char *mark = "[";
    while (msg_read(&in, &m)) {
        buf_text(out, mark);
        item_write(out, &m.item);
        mark = ",";
    }
    if (*mark == '[')
        buf_byte(out, '[');
    buf_byte(out, ']');
}

static void by_category(struct buf *out, struct mp_list list)
{
    struct mp_in in = list_in(list);
    struct msg m;
    const char *mark = ",\"by_category\":{";
    while (msg_read(&in, &m)) {
        buf_text(out, mark);
        tally_write(out, &m.tally);
        mark = ",";
    }
    buf_text(out, mark[1] ? ",\"by_category\":{}" : "}");
}

static void by_type(struct buf *out, struct mp_list list)
{
    struct mp_in in = list_in(list);
    struct msg m;
    const char *mark = ",\"by_type\":{";
    while (msg_read(&in, &m)) {
        buf_text(out, mark);
        json_write_string(out, m.tally.name);
        page_number(out, ":", m.tally.unread);
        mark = ",";
    }
    buf_text(out, mark[1] ? ",\"by_type\":{}" : "}");
}

/* What every answer about an inbox begins with; categories only where there are some. */
static void counts(struct buf *out, const struct msg_inbox *inbox)
{
    page_number(out, "\"unread_count\":", inbox->unread);
    page_number(out, ",\"unseen_count\":", inbox->unseen);
    if (inbox->by_category.count > 0)
        by_category(out, inbox->by_category);
}

void inbox_write_one(struct buf *out, const struct msg_inbox *inbox)
{
    struct mp_in in = list_in(inbox->items);
    struct msg m;
    ENSURE(msg_read(&in, &m));
    buf_text(out, "{\"notification\":");
    item_write(out, &m.item);
    buf_byte(out, ',');
    counts(out, inbox);
    page_stamp(out, inbox->seq, inbox->epoch, inbox->now_ms);
}

void inbox_write_page(struct buf *out, const struct msg_inbox *inbox)
{
    buf_byte(out, '{');
    counts(out, inbox);
    buf_text(out, ",\"notifications\":");
    items(out, inbox->items);
    page_next(out, inbox->next);
    page_stamp(out, inbox->seq, inbox->epoch, inbox->now_ms);
}

void inbox_write_sync(struct buf *out, const struct msg_inbox *inbox)
{
    page_number(out, "{\"count\":", inbox->unread);
    buf_byte(out, ',');
    counts(out, inbox);
    buf_text(out, ",\"recent\":");
    items(out, inbox->items);
    page_next(out, inbox->next);
    page_stamp(out, inbox->seq, inbox->epoch, inbox->now_ms);
}

void inbox_write_count(struct buf *out, const struct msg_inbox *inbox)
{
    page_number(out, "{\"unread_count\":", inbox->unread);
    page_number(out, ",\"unseen_count\":", inbox->unseen);
    by_type(out, inbox->by_type);
    by_category(out, inbox->by_category);
    page_number(out, ",\"seq\":", inbox->seq);
    page_number(out, ",\"epoch\":", inbox->epoch);
    buf_byte(out, '}');
}

void inbox_write_changes(struct buf *out, const struct msg_changes *changes, uint64_t since)
{
    buf_text(out, "{\"resumed\":true,\"changes\":");
    page_events(out, changes->entries, since);
    page_number(out, ",\"unread_count\":", changes->unread);
    page_number(out, ",\"unseen_count\":", changes->unseen);
    page_stamp(out, changes->head, changes->epoch, changes->now_ms);
}

void inbox_write_marked(struct buf *out, const struct msg_changed *changed)
{
    buf_text(out, "{\"changed\":");
    ids_write(out, changed->changed);
    buf_text(out, ",\"unknown\":");
    ids_write(out, changed->unknown);
    page_number(out, ",\"unread_count\":", changed->unread);
    page_number(out, ",\"unseen_count\":", changed->unseen);
    page_number(out, ",\"seq\":", changed->seq);
    buf_byte(out, '}');
}

void inbox_write_all_marked(struct buf *out, const struct msg_changed *changed)
{
    page_number(out, "{\"up_to\":", changed->up_to);
    page_number(out, ",\"unread_count\":", changed->unread);
    page_number(out, ",\"unseen_count\":", changed->unseen);
    page_number(out, ",\"seq\":", changed->seq);
    buf_byte(out, '}');
}

uint64_t inbox_shown(const struct msg_inbox *inbox)
{
    struct mp_in in = list_in(inbox->items);
    struct msg m;
    return msg_read(&in, &m) ? m.item.pos : 0; /* newest first */
}

uint64_t changes_shown(const struct msg_changes *changes)
{
    struct mp_in in = list_in(changes->entries);
    struct msg m;
    uint64_t shown = 0;
    while (msg_read(&in, &m))
        if (entry_shows(&m.entry) > shown)
            shown = m.entry.pos;
    return shown;
}
