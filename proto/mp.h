/* SPDX-License-Identifier: Apache-2.0 */
/* mp.h -- MessagePack, the part of it that our messages use: arrays, unsigned numbers, str, bin.
 *
 * Shape   struct mp_in is a cursor: the first thing that is wrong clears `ok`, and stays, so a
 *         chain of reads has one check. What is read is borrowed from the message.
 * Rules   numbers and lengths in their shortest form only, so that what decodes encodes to the
 *         same bytes again. Nothing is allocated, whatever a length claims.
 * Source  the MessagePack specification; msgpack-c is the oracle in tests/unit. */
#pragma once

#include "lib/buf.h"

struct mp_in {
    const uint8_t *p, *end;
    bool ok;
};

struct mp_in mp_over(struct bytes bytes);

static inline bool mp_end(const struct mp_in *in)
{
    return in->p == in->end;
}

uint32_t mp_array(struct mp_in *in); /* the number of elements that follow */
uint64_t mp_u64(struct mp_in *in);
struct bytes mp_str(struct mp_in *in);
struct bytes mp_bin(struct mp_in *in);
void mp_skip(struct mp_in *in); /* one of the above, arrays with what is in them up to depth 8 */

void mp_put_array(struct buf *out, uint32_t n);
void mp_put_u64(struct buf *out, uint64_t number);
void mp_put_str(struct buf *out, struct bytes text);
void mp_put_bin(struct buf *out, struct bytes bytes);
