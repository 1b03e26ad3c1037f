/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base64.h"

void base64url_write(struct buf *out, struct bytes bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? (uint8_t)bytes.p[i + k] : 0);
        for (size_t k = 0; k <= n; k++)
            buf_byte(out, (uint8_t)letters[bits >> (18 - 6 * k) & 63]);
    }
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

bool base64_read(struct bytes text, struct arena *scratch, struct bytes *out)
{
    size_t n = text.n;
    for (int pad = 0; pad < 2 && n > 0 && text.n % 4 == 0 && text.p[n - 1] == '='; pad++)
        n--;
    uint8_t *to = n % 4 == 1 ? NULL : arena_alloc(scratch, n / 4 * 3 + 3);
    if (!to)
        return false;
    size_t made = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        int s = sextet(text.p[i]);
        if (s < 0)
            return false;
        bits = bits << 6 | (uint32_t)s;
        if (i % 4 != 0)
            to[made++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    if (bits & (n % 4 == 2 ? 15 : n % 4 == 3 ? 3 : 0))
        return false; /* bits behind the last byte: one run of bytes has one text */
    *out = (struct bytes){(const char *)to, made};
    return true;
}
