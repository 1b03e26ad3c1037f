/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between processes: what decodes encodes to the same bytes, but for the fields of a later version. */
#include "tests/fuzz/fuzz.h"

#include "proto/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct mp_in in = mp_over((struct bytes){(const char *)data, n});
    struct msg m;
    struct buf out;
    struct msg again;
    if (!msg_read(&in, &m) || !mp_end(&in))
        return 0;
    buf_init(&out, n + 1);
    msg_write(&out, &m);
    ENSURE(!out.overflowed && out.n <= n);
    if (out.n == n)
        ENSURE(memcmp(out.p, data, n) == 0);
    struct mp_in written = mp_over(buf_all(&out));
    ENSURE(msg_read(&written, &again) && mp_end(&written) && again.id == m.id);
    buf_fini(&out);
    return 0;
}
