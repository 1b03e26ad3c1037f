/* SPDX-License-Identifier: Apache-2.0 */
/* A long-poll's body, its token, and the poll tokens: the cursor that a client carries. A token that is
 * read is written the same; nobody makes one without the key. */
#include "tests/fuzz/fuzz.h"

#include "session/socket/phoenix.h"
#include "session/socket/polllines.h"
#include "session/socket/polltoken.h"

#define KEY BYTES("0123456789012345678901234567890123456789abc")

static void lines(struct bytes body, struct arena *scratch)
{
    struct poll_lines l = poll_lines_over(body, scratch);
    struct bytes message;
    bool binary;
    static struct arena frames;
    if (!frames.p)
        arena_init(&frames, 1 << 20);
    while (poll_lines_next(&l, &message, &binary)) {
        struct phx_in in;
        ENSURE(message.n <= body.n);
        arena_reset(&frames);
        if (binary)
            phx_read_binary(&in, message, &frames);
        else
            phx_read_text(&in, message, PHX_V2, &frames);
    }
}

static void token(struct bytes text, struct arena *scratch)
{
    struct poll_token t;
    struct buf out;
    if (!poll_token_read(&t, text, KEY, scratch))
        return;
    buf_init(&out, 4096);
    poll_token_write(&out, &t, KEY);
    ENSURE(out.n == text.n);
    buf_fini(&out);
}

/* One of ours comes back as it was; with one letter changed it is nobody's. */
static void made(struct input *in, struct arena *scratch)
{
    struct poll_token was = {input_byte(in), (uint32_t)input_u64(in, 4), input_u64(in, 8),
                             input_u64(in, 8)};
    struct poll_token t;
    struct buf out;
    buf_init(&out, 4096);
    poll_token_write(&out, &was, KEY);
    ENSURE(poll_token_read(&t, buf_all(&out), KEY, scratch));
    ENSURE(t.owner == was.owner && t.slot == was.slot && t.generation == was.generation &&
           t.cursor == was.cursor);
    out.p[input_byte(in) % out.n] ^= 1; /* no two letters of the other alphabet differ so */
    ENSURE(!poll_token_read(&t, buf_all(&out), KEY, scratch));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    struct arena *scratch = fuzz_arena(1 << 20);
    uint8_t which = input_byte(&in) % 3;
    if (which == 0)
        token(input_rest(&in), scratch);
    else if (which == 1)
        lines(input_rest(&in), scratch);
    else
        made(&in, scratch);
    return 0;
}
