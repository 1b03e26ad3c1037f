/* SPDX-License-Identifier: Apache-2.0 */
/* A message of a client: 0 vsn 2 text, 1 vsn 1 text, 2 binary. What is taken can be answered, and the
 * answer is one JSON text again. */
#include "tests/fuzz/fuzz.h"

#include "lib/json.h"
#include "proto/limits.h"
#include "session/socket/phoenix.h"

static void answer(const struct phx_in *in, enum phx_vsn vsn)
{
    struct frame *f = phx_reply(vsn, in->join_ref, in->ref, in->topic_raw, "ok", BYTES("{}"));
    ENSURE(json_valid(phx_text(f)));
    frame_unref(&f);
    if (!in->binary)
        return;
    f = phx_binary_reply(in->join_ref, in->ref, in->topic, "ok", in->payload);
    frame_unref(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input input = {data, n};
    struct arena *scratch = fuzz_arena(1 << 20);
    struct phx_in in;
    uint8_t how = input_byte(&input) % 3;
    struct bytes text = input_rest(&input);
    enum phx_vsn vsn = how == 1 ? PHX_V1 : PHX_V2;
    if (how == 2 ? phx_read_binary(&in, text, scratch) : phx_read_text(&in, text, vsn, scratch))
        return 0;
    ENSURE(in.join_ref.n <= REF_MAX && in.ref.n <= REF_MAX);
    ENSURE(in.binary || json_valid(in.payload));
    answer(&in, vsn);
    return 0;
}
