/* SPDX-License-Identifier: Apache-2.0 */
/* 100,000 messages changed by dice: each is refused, or is one of ours that encodes to the same bytes
 * again; nothing is read that is not there. The sanitizers' build sees more of it, and so does
 * tests/fuzz. SEED repeats a run. */
#include "tests/unit/edge.h"

#include "tests/unit/proto/goldens.h"

#include <msgpack.h>

enum { TURNS = 100000, ROOM = 1000 };

/* Bytes that mean something to MessagePack come more often than the others. */
static char any_byte(uint64_t *seed)
{
    static const unsigned char marks[] = {0x00, 0x7f, 0x80, 0x90, 0x91, 0x9f, 0xa0, 0xa1,
                                          0xbf, 0xc0, 0xc4, 0xc5, 0xc6, 0xcc, 0xcd, 0xce,
                                          0xcf, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xff};
    uint64_t roll = dice(seed);
    return (char)(roll & 1 ? marks[(roll >> 8) % sizeof marks] : (roll >> 16) & 0xff);
}

static size_t mutate(uint64_t *seed, char *text, size_t n)
{
    for (size_t times = 1 + dice_below(seed, 3); times > 0 && n > 1; times--) {
        size_t at = dice_below(seed, n);
        switch (dice_below(seed, 5)) {
        case 0:
            text[at] = any_byte(seed);
            break;
        case 1:
            text[at] ^= (char)(1 << dice_below(seed, 8));
            break;
        case 2:
            if (n < ROOM) {
                memmove(text + at + 1, text + at, n - at);
                text[at] = any_byte(seed);
                n++;
            }
            break;
        case 3:
            memmove(text + at, text + at + 1, n - at - 1);
            n--;
            break;
        case 4:
            if (dice_below(seed, 4) == 0)
                n = at + 1;
            break;
        }
    }
    return n;
}

static unsigned touched;

static void touch(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        touched += (unsigned char)bytes.p[i];
}

/* Every byte of every field, and the messages of every list, as a receiver does. */
static void touch_all(const struct msg *m)
{
    const struct msg_shape *shape = shape_of_golden(&(struct golden){.msg.id = m->id});
    const char *at = (const char *)&m->entry;
    for (uint32_t k = 0; k < shape->count; k++) {
        enum field_type type = shape->fields[k].type;
        const struct mp_list *list = (const void *)at; /* begins like a struct bytes */
        if (type != FIELD_u64)
            touch(list->raw);
        if (type == FIELD_list) {
            struct mp_in in = list_in(*list);
            struct msg element;
            while (msg_read(&in, &element))
                touched++;
        }
        at += field_size(type);
    }
}

static void check_one(struct bytes bytes, unsigned *accepted, struct buf *again)
{
    struct mp_in in = mp_over(bytes);
    struct msg m;
    if (!msg_read(&in, &m)) {
        assert_false(in.ok);
        return;
    }
    ++*accepted;
    touch_all(&m);
    size_t size = (size_t)((const char *)in.p - bytes.p);
    msgpack_unpacked oracle;
    msgpack_unpacked_init(&oracle);
    size_t at = 0;
    assert_int_equal(msgpack_unpack_next(&oracle, bytes.p, bytes.n, &at), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(at, size);
    uint32_t fields = oracle.data.via.array.size;
    msgpack_unpacked_destroy(&oracle);
    buf_reset(again);
    msg_write(again, &m);
    if (fields == shape_of_golden(&(struct golden){.msg.id = m.id})->count + 1)
        assert_true(bytes_equal(buf_all(again), (struct bytes){bytes.p, size}));
}

static void changed_messages_are_refused_or_right(void **state)
{
    (void)state;
    struct edge edge = edge_new(ROOM);
    struct buf text, again;
    buf_init(&text, ROOM);
    buf_init(&again, 4 * ROOM);
    uint64_t seed = dice_seed();
    unsigned accepted = 0;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        buf_reset(&text);
        hex_read(&text, goldens[dice_below(&seed, GOLDENS)].hex);
        char changed[ROOM];
        memcpy(changed, text.p, text.n);
        size_t n = mutate(&seed, changed, text.n);
        check_one(edge_put(&edge, (struct bytes){changed, n}), &accepted, &again);
    }
    assert_in_range(accepted, TURNS / 50, TURNS - TURNS / 10); /* the dice give enough of both */
    buf_fini(&again);
    buf_fini(&text);
    edge_free(&edge);
}

static void random_bytes_are_refused_or_right(void **state)
{
    (void)state;
    struct edge edge = edge_new(ROOM);
    struct buf again;
    buf_init(&again, 4 * ROOM);
    uint64_t seed = dice_seed() + 1;
    unsigned accepted = 0;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        char text[64];
        size_t n = 1 + dice_below(&seed, sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = any_byte(&seed);
        check_one(edge_put(&edge, (struct bytes){text, n}), &accepted, &again);
    }
    buf_fini(&again);
    edge_free(&edge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_messages_are_refused_or_right),
        cmocka_unit_test(random_bytes_are_refused_or_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
