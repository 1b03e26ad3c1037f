/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/id.h"

#include "lib/ensure.h"

static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void put(uint8_t *to, uint64_t n, int size)
{
    for (int i = size - 1; i >= 0; i--, n >>= 8)
        to[i] = (uint8_t)n;
}

static uint64_t get(const uint8_t *from, int size)
{
    uint64_t n = 0;
    for (int i = 0; i < size; i++)
        n = n << 8 | from[i];
    return n;
}

void id_make(uint64_t at_ms, uint64_t pos, uint8_t out[ID_SIZE])
{
    ENSURE(at_ms >> 48 == 0);
    put(out, at_ms, 6);
    put(out + 6, 0, 2);
    put(out + 8, pos, 8);
}

uint64_t id_at_ms(const uint8_t id[ID_SIZE])
{
    return get(id, 6);
}

uint64_t id_pos(const uint8_t id[ID_SIZE])
{
    return get(id + 8, 8);
}

/* 128 bits in 26 letters of 5: the first letter carries 3. */
void id_write(struct buf *out, const uint8_t id[ID_SIZE])
{
    uint64_t high = get(id, 8), low = get(id + 8, 8);
    char text[ID_TEXT];
    for (int i = ID_TEXT - 1; i >= 0; i--) {
        text[i] = letters[low & 31];
        low = low >> 5 | high << 59;
        high >>= 5;
    }
    buf_add(out, text, sizeof text);
}

bool id_read_any(struct bytes text, uint8_t out[ID_SIZE])
{
    if (text.n != ID_TEXT || text.p[0] > '7')
        return false;
    uint64_t high = 0, low = 0;
    for (size_t i = 0; i < ID_TEXT; i++) {
        const char *letter = text.p[i] ? strchr(letters, text.p[i]) : NULL;
        if (!letter)
            return false;
        high = high << 5 | low >> 59;
        low = low << 5 | (uint64_t)(letter - letters);
    }
    put(out, high, 8);
    put(out + 8, low, 8);
    return true;
}

bool id_read(struct bytes text, uint8_t out[ID_SIZE])
{
    return id_read_any(text, out) && get(out + 6, 2) == 0;
}
