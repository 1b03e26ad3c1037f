/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mp.h"

#include "lib/ensure.h"

enum { MP_DEPTH = 8 };

struct mp_in mp_over(struct bytes bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    return (struct mp_in){p, bytes.n > 0 ? p + bytes.n : p, true}; /* an empty one may be NULL */
}

static void fail(struct mp_in *in)
{
    in->ok = false;
    in->p = in->end;
}

static uint8_t byte(struct mp_in *in)
{
    if (in->p == in->end) {
        fail(in);
        return 0xc1; /* never used by the format */
    }
    return *in->p++;
}

/* A big-endian number of `size` bytes that would not have fitted into half of them, nor below
 * `least`. */
static uint64_t big_endian(struct mp_in *in, size_t size, uint64_t least)
{
    if ((size_t)(in->end - in->p) < size) {
        fail(in);
        return 0;
    }
    uint64_t n = 0;
    for (size_t i = 0; i < size; i++)
        n = n << 8 | *in->p++;
    if (n < least) {
        fail(in);
        return 0;
    }
    return n;
}

uint32_t mp_array(struct mp_in *in)
{
    uint8_t c = byte(in);
    if ((c & 0xf0) == 0x90)
        return c & 0x0f;
    if (c == 0xdc)
        return (uint32_t)big_endian(in, 2, 16);
    if (c == 0xdd)
        return (uint32_t)big_endian(in, 4, 0x10000);
    fail(in);
    return 0;
}

uint64_t mp_u64(struct mp_in *in)
{
    uint8_t c = byte(in);
    if (c < 0x80)
        return c;
    switch (c) {
    case 0xcc:
        return big_endian(in, 1, 0x80);
    case 0xcd:
        return big_endian(in, 2, 0x100);
    case 0xce:
        return big_endian(in, 4, 0x10000);
    case 0xcf:
        return big_endian(in, 8, UINT64_C(0x100000000));
    default:
        fail(in);
        return 0;
    }
}

static struct bytes take(struct mp_in *in, uint64_t n)
{
    if (!in->ok || n > (uint64_t)(in->end - in->p)) {
        fail(in);
        return (struct bytes){0};
    }
    struct bytes taken = {(const char *)in->p, (size_t)n};
    in->p += n;
    return taken;
}

struct bytes mp_str(struct mp_in *in)
{
    uint8_t c = byte(in);
    if ((c & 0xe0) == 0xa0)
        return take(in, c & 0x1f);
    switch (c) {
    case 0xd9:
        return take(in, big_endian(in, 1, 32));
    case 0xda:
        return take(in, big_endian(in, 2, 0x100));
    case 0xdb:
        return take(in, big_endian(in, 4, 0x10000));
    default:
        fail(in);
        return (struct bytes){0};
    }
}

struct bytes mp_bin(struct mp_in *in)
{
    switch (byte(in)) {
    case 0xc4:
        return take(in, big_endian(in, 1, 0));
    case 0xc5:
        return take(in, big_endian(in, 2, 0x100));
    case 0xc6:
        return take(in, big_endian(in, 4, 0x10000));
    default:
        fail(in);
        return (struct bytes){0};
    }
}

static void skip(struct mp_in *in, int depth)
{
    uint8_t c = in->p < in->end ? *in->p : 0xc1;
    if ((c & 0xf0) == 0x90 || c == 0xdc || c == 0xdd) {
        uint32_t n = mp_array(in);
        if (depth == MP_DEPTH)
            fail(in);
        for (uint32_t i = 0; i < n && in->ok; i++)
            skip(in, depth + 1);
    } else if ((c & 0xe0) == 0xa0 || (c >= 0xd9 && c <= 0xdb)) {
        mp_str(in);
    } else if (c >= 0xc4 && c <= 0xc6) {
        mp_bin(in);
    } else {
        mp_u64(in);
    }
}

void mp_skip(struct mp_in *in)
{
    skip(in, 0);
}

/* `mark` and then the `size` low bytes of n, big-endian. */
static void put(struct buf *out, uint8_t mark, uint64_t n, size_t size)
{
    uint8_t bytes[9] = {mark};
    ENSURE(size < sizeof bytes);
    for (size_t i = 0; i < size; i++)
        bytes[1 + i] = (uint8_t)(n >> (8 * (size - 1 - i)));
    buf_add(out, bytes, 1 + size);
}

void mp_put_array(struct buf *out, uint32_t n)
{
    if (n < 16)
        buf_byte(out, (uint8_t)(0x90 | n));
    else if (n <= UINT16_MAX)
        put(out, 0xdc, n, 2);
    else
        put(out, 0xdd, n, 4);
}

void mp_put_u64(struct buf *out, uint64_t n)
{
    if (n < 0x80)
        buf_byte(out, (uint8_t)n);
    else if (n <= UINT8_MAX)
        put(out, 0xcc, n, 1);
    else if (n <= UINT16_MAX)
        put(out, 0xcd, n, 2);
    else if (n <= UINT32_MAX)
        put(out, 0xce, n, 4);
    else
        put(out, 0xcf, n, 8);
}

void mp_put_str(struct buf *out, struct bytes text)
{
    ENSURE(text.n <= UINT32_MAX);
    if (text.n < 32)
        buf_byte(out, (uint8_t)(0xa0 | text.n));
    else if (text.n <= UINT8_MAX)
        put(out, 0xd9, text.n, 1);
    else if (text.n <= UINT16_MAX)
        put(out, 0xda, text.n, 2);
    else
        put(out, 0xdb, text.n, 4);
    buf_bytes(out, text);
}

void mp_put_bin(struct buf *out, struct bytes bytes)
{
    ENSURE(bytes.n <= UINT32_MAX);
    if (bytes.n <= UINT8_MAX)
        put(out, 0xc4, bytes.n, 1);
    else if (bytes.n <= UINT16_MAX)
        put(out, 0xc5, bytes.n, 2);
    else
        put(out, 0xc6, bytes.n, 4);
    buf_bytes(out, bytes);
}
