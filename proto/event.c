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

/* `birth`: the pos in its id. */
static void id_of(struct buf *out, uint64_t at_ms, uint64_t birth)
{
    uint8_t id[ID_SIZE];
    id_make(at_ms, birth, id);
    buf_text(out, "\"id\":\"");
    id_write(out, id);
    buf_byte(out, '"');
}

void item_write(struct buf *out, const struct msg_item *item)
{
    buf_byte(out, '{');
    id_of(out, item->at_ms, item->birth ? item->birth : item->pos);
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
    buf_text(out, item->flags & ITEM_seen ? ",\"seen\":true" : ",\"seen\":false");
    buf_text(out, item->flags & ITEM_archived ? ",\"archived\":true" : ",\"archived\":false");
    buf_text(out, ",\"snoozed_until\":");
    time_write(out, item->until_ms);
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

/* Absolute, of the categories that it touched. */
static void tallies(struct buf *out, struct mp_list list)
{
    struct mp_in in = list_in(list);
    struct msg m;
    const char *mark = ",\"by_category\":{";
    while (msg_read(&in, &m)) {
        buf_text(out, mark);
        tally_write(out, &m.tally);
        mark = ",";
    }
    if (list.count > 0)
        buf_byte(out, '}');
}

void tally_write(struct buf *out, const struct msg_tally *t)
{
    json_write_string(out, t->name);
    number(out, ":{\"unread\":", t->unread);
    number(out, ",\"unseen\":", t->unseen);
    buf_byte(out, '}');
}

/* What ends every event of a stored change. */
static void state(struct buf *out, const struct msg_entry *e)
{
    if (e->op_id.n > 0) {
        buf_text(out, ",\"by\":{\"op_id\":");
        json_write_string(out, e->op_id);
        buf_byte(out, '}');
    }
    tallies(out, e->tallies);
    number(out, ",\"unread_count\":", e->unread);
    number(out, ",\"unseen_count\":", e->unseen);
    number(out, ",\"seq\":", e->seq);
    number(out, ",\"prev\":", e->prev);
    buf_byte(out, '}');
}

/* Is it shown live, or only there for who looks? */
static bool pushed(const struct msg_entry *e, const struct msg_item *item)
{
    return type_row(e->type)->push && (item->flags & ITEM_muted) == 0;
}

/* For whoever has the list open: there is something to pull. */
static struct bytes pulled(struct buf *out, const struct msg_entry *e, const struct msg_item *item,
                           const char *op)
{
    buf_format(out, "{\"changes\":[{\"op\":\"%s\",", op);
    id_of(out, item->at_ms, item->birth ? item->birth : item->pos);
    buf_format(out, ",\"type\":\"%s\"}]", type_row(e->type)->name);
    state(out, e);
    return BYTES("notifications:changes");
}

static struct bytes created(struct buf *out, const struct msg_entry *e)
{
    struct msg_item item = item_of(e);
    if (!pushed(e, &item))
        return pulled(out, e, &item, "created");
    buf_text(out, "{\"notification\":");
    item_write(out, &item);
    state(out, e);
    return bytes_of(type_row(e->type)->event);
}

bool entry_item(const struct msg_entry *e, struct msg_item *item)
{
    struct mp_in in = list_in(e->items);
    struct msg m;
    if (!msg_read(&in, &m) || m.id != MSG_item)
        return false;
    *item = m.item;
    return true;
}

static struct bytes resurfaced(struct buf *out, const struct msg_entry *e)
{
    struct msg_item item;
    ENSURE(entry_item(e, &item));
    if (!pushed(e, &item))
        return pulled(out, e, &item, "resurfaced");
    buf_text(out, "{\"notification\":");
    item_write(out, &item);
    buf_text(out, ",\"resurfaced\":true");
    state(out, e);
    return bytes_of(type_row(e->type)->event);
}

static struct bytes updated(struct buf *out, const struct msg_entry *e)
{
    struct msg_item item;
    const char *mark = ",\"fields\":[\"";
    ENSURE(entry_item(e, &item));
    if (!pushed(e, &item))
        return pulled(out, e, &item, "updated");
    buf_text(out, "{\"notification\":");
    item_write(out, &item);
    for (unsigned field = 0; field < ITEM_FIELDS_COUNT; field++) {
        if ((e->what >> field & 1) == 0)
            continue;
        buf_text(out, mark);
        buf_text(out, item_field_names[field]);
        mark = "\",\"";
    }
    buf_text(out, *mark == ',' ? ",\"fields\":[]" : "\"]");
    state(out, e);
    return BYTES("notification:updated");
}

static void by_ids(struct buf *out, const struct msg_entry *e)
{
    buf_text(out, "{\"ids\":");
    ids_write(out, e->ids);
    buf_text(out, ",\"at\":");
    time_write(out, e->at_ms);
}

/* The ids, and that is all. */
static struct bytes ids_only(struct buf *out, const struct msg_entry *e, const char *event)
{
    by_ids(out, e);
    state(out, e);
    return bytes_of(event);
}

static struct bytes snoozed(struct buf *out, const struct msg_entry *e)
{
    by_ids(out, e);
    buf_text(out, ",\"until\":");
    time_write(out, e->until_ms);
    state(out, e);
    return BYTES("notification:snoozed");
}

static struct bytes removed(struct buf *out, const struct msg_entry *e)
{
    ENSURE(e->what < REMOVED_COUNT);
    by_ids(out, e);
    buf_format(out, ",\"reason\":\"%s\"", removal_names[e->what]);
    state(out, e);
    return BYTES("notification:removed");
}

static void up_to(struct buf *out, const struct msg_entry *e)
{
    number(out, "{\"up_to\":", e->pos);
    buf_text(out, ",\"at\":");
    time_write(out, e->at_ms);
}

static struct bytes all_read(struct buf *out, const struct msg_entry *e)
{
    up_to(out, e);
    if (e->category.n > 0) {
        buf_text(out, ",\"category\":");
        json_write_string(out, e->category);
    }
    if (e->ids.n > 0) {
        buf_text(out, ",\"except\":");
        ids_write(out, e->ids);
    }
    state(out, e);
    return BYTES("notifications:all_read");
}

static struct bytes all_seen(struct buf *out, const struct msg_entry *e)
{
    up_to(out, e);
    state(out, e);
    return BYTES("notifications:all_seen");
}

static struct bytes all_archived(struct buf *out, const struct msg_entry *e)
{
    up_to(out, e);
    buf_text(out, e->what ? ",\"only_read\":true" : ",\"only_read\":false");
    state(out, e);
    return BYTES("notifications:all_archived");
}

/* Nothing happened, but the counts: a list that is open may be wrong, too. */
static struct bytes recounted(struct buf *out, const struct msg_entry *e)
{
    buf_text(out, "{\"changes\":[]");
    state(out, e);
    return BYTES("notifications:changes");
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
    case ENTRY_resurfaced:
        return resurfaced(out, e);
    case ENTRY_updated:
        return updated(out, e);
    case ENTRY_read:
        return ids_only(out, e, "notification:read");
    case ENTRY_unread:
        return ids_only(out, e, "notification:unread");
    case ENTRY_seen:
        return ids_only(out, e, "notification:seen");
    case ENTRY_archived:
        return ids_only(out, e, "notification:archived");
    case ENTRY_unarchived:
        return ids_only(out, e, "notification:unarchived");
    case ENTRY_expired:
        return ids_only(out, e, "notification:expired");
    case ENTRY_snoozed:
        return snoozed(out, e);
    case ENTRY_removed:
        return removed(out, e);
    case ENTRY_all_read:
        return all_read(out, e);
    case ENTRY_all_seen:
        return all_seen(out, e);
    case ENTRY_all_archived:
        return all_archived(out, e);
    case ENTRY_message:
        return message(out, e);
    case ENTRY_recounted:
        return recounted(out, e);
    case ENTRY_broadcast:
    case ENTRY_retracted:
    case ENTRY_revised:
    case ENTRY_erased:
    case ENTRY_scheduled:
    case ENTRY_cancelled:
    case ENTRY_imported: /* event.h: entry_told() */
    case ENTRY_none:
    case ENTRY_KIND_COUNT:
        break;
    }
    ENSURE(false && "an entry of no kind");
    return (struct bytes){0};
}
