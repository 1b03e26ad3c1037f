/* SPDX-License-Identifier: Apache-2.0 */
/* 0: which pages may talk to us: origins, hosts and the list, each as somebody writes it; 1: a page's cursor as a
 * client carries it: nobody makes one without the key, and one of ours is good for its question alone. */
#include "tests/fuzz/fuzz.h"

#include "session/http/cursor.h"
#include "session/http/origin.h"

enum { TEXT = 600 };

/* The next text, up to a NUL or the end. */
static const char *text(struct input *in, char room[TEXT])
{
    size_t n = 0;
    for (uint8_t c; n < TEXT - 1 && (c = input_byte(in)) != 0;)
        room[n++] = (char)c;
    room[n] = '\0';
    return room;
}

static void origins(struct input *in)
{
    char list[TEXT], origin[TEXT], host[TEXT];
    struct bytes bad = {0};
    text(in, list);
    text(in, origin);
    text(in, host);
    bool valid = origins_valid(list, &bad);
    ENSURE(valid || (bad.p >= list && bad.p + bad.n <= list + strlen(list)));
    bool listed = origin_listed(list, origin), allowed = origin_allowed(list, origin, host);
    ENSURE(allowed || !listed);                   /* what is listed may */
    ENSURE(origin_allowed(list, NULL, host));     /* no page */
    ENSURE(listed || !origin_listed("", origin)); /* nothing is, in no list */
    if (allowed && !listed)
        ENSURE(same_host(origin_host(origin), origin_host(host)));
}

static void cursors(struct input *in)
{
    static struct buf out;
    const struct bytes key = BYTES("0123456789012345678901234567890123456789abc");
    struct msg_snapshot page = {.user = BYTES("ann"),
                                .status = input_byte(in) % 3,
                                .place = input_byte(in) % 3,
                                .type = input_byte(in)};
    uint64_t pos = input_u64(in, 8) >> 11;
    size_t at = input_byte(in);
    struct msg_snapshot other = page, same = page;
    if (out.max == 0)
        buf_init(&out, 1000);
    ENSURE(!cursor_read(input_rest(in), &same, key, fuzz_arena(1 << 20)));
    if (pos == 0)
        return;
    buf_reset(&out);
    cursor_write(&out, &page, pos, key);
    struct bytes ours = {out.p + 1, out.n - 2};
    ENSURE(cursor_read(ours, &same, key, fuzz_arena(1 << 20)) && same.before == pos);
    other.type++;
    ENSURE(!cursor_read(ours, &other, key, fuzz_arena(1 << 20)));
    out.p[1 + at % ours.n] ^= 1;
    struct bytes left = {out.p + 1,
                         32}; /* whole groups: the last letter's spare bits say nothing */
    if (at % ours.n < left.n)
        ENSURE(!cursor_read(ours, &same, key, fuzz_arena(1 << 20)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    if (input_byte(&in) % 2 == 0)
        origins(&in);
    else
        cursors(&in);
    return 0;
}
