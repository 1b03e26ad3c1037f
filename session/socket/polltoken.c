/* SPDX-License-Identifier: Apache-2.0 */
#include "session/socket/polltoken.h"

#include "lib/base64.h"
#include "lib/secret.h"

enum { SIGNED = 21, SIZE = SIGNED + 16 };
static const char prefix[] = "lp_";

static void put(char *to, uint64_t n, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (char)(n >> (8 * (size - 1 - i)) & 0xff);
}

static uint64_t get(const char *from, size_t size)
{
    uint64_t n = 0;
    for (size_t i = 0; i < size; i++)
        n = n << 8 | (uint8_t)from[i];
    return n;
}

static void sign(char raw[SIZE], struct bytes key)
{
    uint8_t full[MAC_SIZE];
    mac(key, (struct bytes){raw, SIGNED}, full);
    memcpy(raw + SIGNED, full, SIZE - SIGNED);
}

void poll_token_write(struct buf *out, const struct poll_token *t, struct bytes key)
{
    char raw[SIZE];
    put(raw, t->owner, 1);
    put(raw + 1, t->slot, 4);
    put(raw + 5, t->generation, 8);
    put(raw + 13, t->cursor, 8);
    sign(raw, key);
    buf_text(out, prefix);
    base64url_write(out, (struct bytes){raw, sizeof raw});
}

bool poll_token_read(struct poll_token *t, struct bytes text, struct bytes key,
                     struct arena *scratch)
{
    struct bytes raw;
    size_t n = sizeof prefix - 1;
    if (text.n < n || text.n > n + 2 * SIZE || memcmp(text.p, prefix, n) != 0 ||
        !base64_read((struct bytes){text.p + n, text.n - n}, scratch, &raw) || raw.n != SIZE)
        return false;
    char again[SIZE];
    memcpy(again, raw.p, SIGNED);
    sign(again, key);
    if (!secret_equal(raw, (struct bytes){again, SIZE}))
        return false;
    *t = (struct poll_token){.owner = (uint8_t)get(raw.p, 1),
                             .slot = (uint32_t)get(raw.p + 1, 4),
                             .generation = get(raw.p + 5, 8),
                             .cursor = get(raw.p + 13, 8)};
    return true;
}
