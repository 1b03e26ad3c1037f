/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of the application, to a connect or to a join. What counts as one can be told to a session
 * process within every limit of the message, and says nothing but what may be said. */
#include "tests/fuzz/fuzz.h"

#include "hook/verdict.h"
#include "lib/json.h"
#include "proto/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input input = {data, n};
    struct arena *scratch = fuzz_arena(1 << 20);
    struct verdict v;
    struct buf out;
    enum hook_kind kind = input_byte(&input) % 2 ? HOOK_join : HOOK_connect;
    struct bytes text = input_rest(&input);
    if (verdict_read(&v, kind, text, scratch))
        return 0;
    ENSURE(json_valid(text));
    ENSURE(v.user[0] == '\0' || user_valid(bytes_of(v.user)));
    ENSURE(kind == HOOK_connect || (!v.user[0] && !v.claims && v.lifetime_s == 0));
    ENSURE(kind == HOOK_join || !v.publishes);
    struct msg told, said = verdict_msg(&v, 7);
    buf_init(&out, 1 << 16);
    msg_write(&out, &said); /* ends the process beyond a limit */
    struct mp_in in = mp_over(buf_all(&out));
    ENSURE(msg_read(&in, &told));
    ENSURE(bytes_equal(told.hooked.topics, bytes_of(v.topics)));
    buf_fini(&out);
    return 0;
}
