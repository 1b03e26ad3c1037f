/* SPDX-License-Identifier: Apache-2.0 */
#include "session/inbox.h"

#include "proto/event.h"

static void number(struct buf *out, const char *key_and_colon, uint64_t n)
{
    buf_text(out, key_and_colon);
    buf_u64(out, n);
}

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

/* When and where in the log it was read; ends the object. */
static void stamp(struct buf *out, uint64_t seq, uint64_t epoch, uint64_t now_ms)
{
    number(out, ",\"seq\":", seq);
    number(out, ",\"epoch\":", epoch);
    buf_text(out, ",\"server_time\":");
    time_write(out, now_ms);
    buf_byte(out, '}');
}

static void next(struct buf *out, uint64_t pos)
{
    buf_text(out, ",\"next\":");
    if (pos > 0)
        buf_u64(out, pos);
    else
        buf_text(out, "null");
}

void inbox_write_page(struct buf *out, const struct msg_inbox *inbox)
{
    number(out, "{\"unread_count\":", inbox->unread);
    buf_text(out, ",\"notifications\":");
    items(out, inbox->items);
    next(out, inbox->next);
    stamp(out, inbox->seq, inbox->epoch, inbox->now_ms);
}

void inbox_write_sync(struct buf *out, const struct msg_inbox *inbox)
{
    number(out, "{\"count\":", inbox->unread);
    number(out, ",\"unread_count\":", inbox->unread);
    buf_text(out, ",\"recent\":");
    items(out, inbox->items);
    next(out, inbox->next);
    stamp(out, inbox->seq, inbox->epoch, inbox->now_ms);
}

void inbox_write_count(struct buf *out, const struct msg_inbox *inbox)
{
    number(out, "{\"unread_count\":", inbox->unread);
    number(out, ",\"seq\":", inbox->seq);
    number(out, ",\"epoch\":", inbox->epoch);
    buf_byte(out, '}');
}

void inbox_write_changes(struct buf *out, const struct msg_changes *changes, uint64_t since)
{
    struct buf payload;
    buf_init(&payload, TEXT_MAX);
    struct mp_in in = list_in(changes->entries);
    struct msg m;
    const char *mark = "";
    buf_text(out, "{\"resumed\":true,\"changes\":[");
    while (msg_read(&in, &m)) {
        if (m.entry.seq <= since)
            continue;
        buf_reset(&payload);
        struct bytes event = event_write(&payload, &m.entry);
        buf_text(out, mark);
        buf_text(out, "{\"event\":\"");
        buf_bytes(out, event);
        buf_text(out, "\",\"payload\":");
        buf_bytes(out, buf_all(&payload));
        buf_byte(out, '}');
        mark = ",";
    }
    number(out, "],\"unread_count\":", changes->unread);
    stamp(out, changes->head, changes->epoch, changes->now_ms);
    buf_fini(&payload);
}

void inbox_write_marked(struct buf *out, const struct msg_changed *changed)
{
    buf_text(out, "{\"changed\":");
    ids_write(out, changed->changed);
    buf_text(out, ",\"unknown\":");
    ids_write(out, changed->unknown);
    number(out, ",\"unread_count\":", changed->unread);
    number(out, ",\"seq\":", changed->seq);
    buf_byte(out, '}');
}

void inbox_write_all_marked(struct buf *out, const struct msg_changed *changed)
{
    number(out, "{\"up_to\":", changed->up_to);
    number(out, ",\"unread_count\":", changed->unread);
    number(out, ",\"seq\":", changed->seq);
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
        if (m.entry.kind == ENTRY_created)
            shown = m.entry.pos;
    return shown;
}
