/* SPDX-License-Identifier: Apache-2.0 */
/* text.c -- looking into JSON that the processes wrote. What a client wrote is never looked into. */
#include "lib/clock.h"
#include "lib/json.h"
#include "tests/sim/sim.h"

bool text_number(struct bytes text, const char *name, uint64_t *out)
{
    return json_u64(text_member(text, name), out);
}

struct bytes text_member(struct bytes object, const char *name)
{
    struct json in = json_over(object);
    struct bytes key, value, found = {0};
    if (object.n == 0 || object.p[0] != '{')
        return found;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value))
        if (json_key_is(key, name))
            found = value;
    return found;
}

bool text_string(struct bytes raw, struct bytes *out)
{
    if (raw.n < 2 || raw.p[0] != '"')
        return false;
    *out = (struct bytes){raw.p + 1, raw.n - 2}; /* nothing of ours is escaped */
    return true;
}

uint64_t text_time(struct bytes object, const char *name)
{
    uint64_t ms = 0;
    struct bytes at;
    if (text_string(text_member(object, name), &at))
        clock_read(at, &ms);
    return ms;
}
