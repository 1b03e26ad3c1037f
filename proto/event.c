/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/event.h"

#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/id.h"
#include "proto/items.h"
#include "proto/types.h"

void time_write(struct buf *out, uint64_t wall_ms)
{
    if (wall_ms == 0) {
        buf_text(out, "null");
        return;
    }
    buf_byte(out, '"');
    clock_write(out, wall_ms);
    buf_byte(out, '"');
}

void ids_write(struct buf *out, struct bytes ids)
{
    ENSURE(ids.n % ID_SIZE == 0);
    buf_byte(out, '[');
    for (size_t at = 0; at < ids.n; at += ID_SIZE) {
        buf_text(out, at ? ",\"" : "\"");
        id_write(out, (const uint8_t *)ids.p + at);
        buf_byte(out, '"');
    }
    buf_byte(out, ']');
}

static void number(struct buf *out, const char *key_and_colon, uint64_t n)
{
    buf_text(out, key_and_colon);
    buf_u64(out, n);
}

static void id_of(struct buf *out, uint64_t at_ms, uint64_t pos)
{
    uint8_t id[ID_SIZE];
    id_make(at_ms, pos, id);
    buf_text(out, "\"id\":\"");
    id_write(out, id);
    buf_byte(out, '"');
}

void item_write(struct buf *out, const struct msg_item *item)
{
    buf_byte(out, '{');
    id_of(out, item->at_ms, item->pos);
    number(out, ",\"pos\":", item->pos);
    number(out, ",\"rev\":", item->rev);
    buf_text(out, ",\"inserted_at\":");
    time_write(out, item->at_ms);
    buf_text(out, ",\"read_at\":");
    time_write(out, item->read_ms);
    buf_text(out, ",\"expires_at\":");
    time_write(out, item->expires_ms);
    if (item->flags & ITEM_muted)
        buf_text(out, ",\"muted\":true");
    if (item->flags & ITEM_quiet)
        buf_text(out, ",\"quiet\":true");
    ENSURE(item->content.n > 2); /* never {}: it has a type and a title */
    buf_byte(out, ',');
    buf_add(out, item->content.p + 1, item->content.n - 1);
}

static uint64_t born_ms(const struct msg_entry *e)
{
    return e->born_ms ? e->born_ms : e->at_ms;
}

struct msg_item item_of(const struct msg_entry *e)
{
    ENSURE(e->kind == ENTRY_created);
    return (struct msg_item){.pos = e->pos,
                             .at_ms = born_ms(e),
                             .rev = e->seq,
                             .type = e->type,
                             .expires_ms = e->expires_ms,
                             .flags = e->flags,
                             .content = e->content};
}

/* What ends every event of a stored change. */
static void state(struct buf *out, const struct msg_entry *e)
{
    if (e->op_id.n > 0) {
        buf_text(out, ",\"by\":{\"op_id\":");
        json_write_string(out, e->op_id);
        buf_byte(out, '}');
    }
    number(out, ",\"unread_count\":", e->unread);
    number(out, ",\"unseen_count\":", e->unseen);
    number(out, ",\"seq\":", e->seq);
    number(out, ",\"prev\":", e->prev);
    buf_byte(out, '}');
}

static struct bytes created(struct buf *out, const struct msg_entry *e)
{
    const struct type_row *type = type_row(e->type);
    if (type->push && !(e->flags & ITEM_muted)) {
        struct msg_item item = item_of(e);
        buf_text(out, "{\"notification\":");
        item_write(out, &item);
    } else { /* for whoever has the list open: something to pull */
        buf_text(out, "{\"changes\":[{\"op\":\"created\",");
        id_of(out, born_ms(e), e->pos);
        buf_format(out, ",\"type\":\"%s\"}]", type->name);
    }
    state(out, e);
    return e->flags & ITEM_muted ? BYTES("notifications:changes") : bytes_of(type->event);
}

static struct bytes read_or_expired(struct buf *out, const struct msg_entry *e, const char *event)
{
    buf_text(out, "{\"ids\":");
    ids_write(out, e->ids);
    buf_text(out, ",\"at\":");
    time_write(out, e->at_ms);
    state(out, e);
    return bytes_of(event);
}

static struct bytes removed(struct buf *out, const struct msg_entry *e)
{
    ENSURE(e->what < REMOVED_COUNT);
    buf_text(out, "{\"ids\":");
    ids_write(out, e->ids);
    buf_format(out, ",\"reason\":\"%s\",\"at\":", removal_names[e->what]);
    time_write(out, e->at_ms);
    state(out, e);
    return BYTES("notification:removed");
}

static struct bytes all_read(struct buf *out, const struct msg_entry *e)
{
    number(out, "{\"up_to\":", e->pos);
    buf_text(out, ",\"at\":");
    time_write(out, e->at_ms);
    state(out, e);
    return BYTES("notifications:all_read");
}

/* What was published, with ours behind it: the publisher may not use these names. */
static struct bytes message(struct buf *out, const struct msg_entry *e)
{
    ENSURE(e->content.n >= 2);
    buf_add(out, e->content.p, e->content.n - 1);
    number(out, e->content.n > 2 ? ",\"seq\":" : "\"seq\":", e->seq);
    number(out, ",\"prev\":", e->prev);
    buf_text(out, ",\"at\":");
    time_write(out, e->at_ms);
    buf_text(out, ",\"from\":");
    if (e->user.n > 0)
        json_write_string(out, e->user);
    else
        buf_text(out, "null");
    buf_byte(out, '}');
    return e->event;
}

struct bytes event_write(struct buf *out, const struct msg_entry *e)
{
    switch ((enum entry_kind)e->kind) {
    case ENTRY_created:
        return created(out, e);
    case ENTRY_read:
        return read_or_expired(out, e, "notification:read");
    case ENTRY_expired:
        return read_or_expired(out, e, "notification:expired");
    case ENTRY_removed:
        return removed(out, e);
    case ENTRY_all_read:
        return all_read(out, e);
    case ENTRY_message:
        return message(out, e);
    case ENTRY_scheduled:
    case ENTRY_cancelled:
    case ENTRY_unread:
    case ENTRY_seen:
    case ENTRY_all_seen:
    case ENTRY_archived:
    case ENTRY_all_archived:
    case ENTRY_unarchived:
    case ENTRY_snoozed:
    case ENTRY_resurfaced:
    case ENTRY_updated:
    case ENTRY_broadcast:
    case ENTRY_retracted:
    case ENTRY_erased:
    case ENTRY_none:
    case ENTRY_KIND_COUNT:
        break;
    }
    ENSURE(false && "an entry of no kind");
    return (struct bytes){0};
}
