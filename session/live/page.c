/* SPDX-License-Identifier: Apache-2.0 */
#include "session/live/page.h"

#include "lib/ensure.h"
#include "proto/event.h"

void page_number(struct buf *out, const char *key_and_colon, uint64_t n)
{
    buf_text(out, key_and_colon);
    buf_u64(out, n);
}

void page_events(struct buf *out, struct mp_list entries, uint64_t since)
{
    struct buf payload;
    struct mp_in in = list_in(entries);
    struct msg m;
    const char *mark = "[";
    buf_init(&payload, TEXT_MAX);
    while (msg_read(&in, &m)) {
        if (m.entry.seq <= since)
            continue;
        buf_reset(&payload);
        struct bytes event = event_write(&payload, &m.entry);
        ENSURE(!payload.overflowed);
        buf_text(out, mark);
        buf_text(out, "{\"event\":\"");
        buf_bytes(out, event);
        buf_text(out, "\",\"payload\":");
        buf_bytes(out, buf_all(&payload));
        buf_byte(out, '}');
        mark = ",";
    }
    buf_text(out, *mark == '[' ? "[]" : "]");
    buf_fini(&payload);
}

void page_next(struct buf *out, uint64_t next)
{
    buf_text(out, ",\"next\":");
    if (next > 0)
        buf_u64(out, next);
    else
        buf_text(out, "null");
}

void page_stamp(struct buf *out, uint64_t seq, uint64_t epoch, uint64_t now_ms)
{
    page_number(out, ",\"seq\":", seq);
    page_number(out, ",\"epoch\":", epoch);
    buf_text(out, ",\"server_time\":");
    time_write(out, now_ms);
    buf_byte(out, '}');
}
