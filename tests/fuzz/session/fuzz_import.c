/* SPDX-License-Identifier: Apache-2.0 */
/* A line of an import: refused by the name of what is wrong, or something that the store reads as it was
 * written. */
#include "tests/fuzz/fuzz.h"

#include "lib/json.h"
#include "session/actions/import_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct import_room room;
    static struct buf wire;
    static const struct settings settings;
    struct input in = {data, n};
    struct bytes json = input_rest(&in);
    struct problem why = {0};
    struct msg m = {0}, again;
    if (wire.max == 0) {
        import_room_init(&room);
        buf_init(&wire, FRAME_MAX);
    }
    if (!import_line(&m, json, &settings, 1700000000000, &room, fuzz_arena(4 << 20), &why)) {
        ENSURE(why.detail[0]);
        ENSURE(memchr(why.detail, '\0', sizeof why.detail) &&
               memchr(why.field, '\0', sizeof why.field));
        return 0;
    }
    ENSURE(json_valid(json));
    if (m.id == 0)
        return 0; /* it says nothing that is kept */
    buf_reset(&wire);
    msg_write(&wire, &m); /* ends the process beyond a limit */
    struct mp_in over = mp_over(buf_all(&wire));
    ENSURE(msg_read(&over, &again) && again.id == m.id);
    return 0;
}
