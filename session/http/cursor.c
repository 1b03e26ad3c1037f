/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http/cursor.h"

#include "lib/base64.h"
#include "lib/secret.h"

enum { VERSION = 1, SIGNED = 9, SIZE = SIGNED + 16 };

/* The question, and where: each part with its length, so that none runs into the next. */
static void sign(char raw[SIZE], const struct msg_snapshot *page, struct bytes key)
{
    char room[SIGNED + 5 * 9 + USER_MAX + CATEGORY_MAX + 16];
    uint8_t full[MAC_SIZE];
    struct buf said = {.p = room, .cap = sizeof room, .max = sizeof room};
    struct msg_snapshot question = {.user = page->user,
                                    .status = page->status,
                                    .place = page->place,
                                    .type = page->type,
                                    .category = page->category};
    buf_add(&said, raw, SIGNED);
    msg_write(&said, &(struct msg){.id = MSG_snapshot, .snapshot = question});
    mac(key, buf_all(&said), full);
    memcpy(raw + SIGNED, full, SIZE - SIGNED);
}

void cursor_write(struct buf *out, const struct msg_snapshot *page, uint64_t next, struct bytes key)
{
    char raw[SIZE] = {VERSION};
    if (next == 0) {
        buf_text(out, "null");
        return;
    }
    for (size_t i = 0; i < 8; i++)
        raw[1 + i] = (char)(next >> (56 - 8 * i) & 0xff);
    sign(raw, page, key);
    buf_byte(out, '"');
    base64url_write(out, (struct bytes){raw, SIZE});
    buf_byte(out, '"');
}

bool cursor_read(struct bytes text, struct msg_snapshot *page, struct bytes key,
                 struct arena *scratch)
{
    struct bytes raw;
    char again[SIZE];
    if (text.n > (size_t)2 * SIZE || !base64_read(text, scratch, &raw) || raw.n != SIZE ||
        raw.p[0] != VERSION)
        return false;
    memcpy(again, raw.p, SIGNED);
    sign(again, page, key);
    if (!secret_equal(raw, (struct bytes){again, SIZE}))
        return false;
    page->before = 0;
    for (size_t i = 0; i < 8; i++)
        page->before = page->before << 8 | (uint8_t)raw.p[1 + i];
    return page->before > 0 && page->before <= UINT64_C(1) << 53;
}
