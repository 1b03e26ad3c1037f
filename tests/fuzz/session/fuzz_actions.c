/* SPDX-License-Identifier: Apache-2.0 */
/* JSON bodies and payloads: each is refused with a reason, or becomes a request that the store reads as
 * it was written. */
#include "tests/fuzz/fuzz.h"

#include "lib/json.h"
#include "proto/types.h"
#include "session/actions/actions.h"
#include "session/actions/listing.h"
#include "session/actions/marking.h"

#define ANN BYTES("ann")

static struct buf users, content, wire;

static void goes_over(const struct msg *m)
{
    struct msg again;
    buf_reset(&wire);
    msg_write(&wire, m);
    ENSURE(!wire.overflowed);
    struct mp_in in = mp_over(buf_all(&wire));
    ENSURE(msg_read(&in, &again) && again.id == m->id);
}

static const char *const all_pushes[] = {"mark_all_read", "mark_seen", "archive_all", "snooze"};

static bool mark(const char *push, struct msg *m, struct bytes json, struct arena *scratch,
                 struct problem *why)
{
    struct marking k;
    struct marker by = {ANN, 7, 1700000000000, false};
    ENSURE(marking_pushed(bytes_of(push), &k));
    return marking_read(m, &k, &by, json, scratch, why);
}

/* What an update is made of. */
static const struct msg_item old = {
    .rev = 7,
    .type = TYPE_activity,
    .content = {"{\"type\":\"activity\",\"title\":\"t\",\"body\":null,\"data\":{}}", 53}};

static bool act(uint8_t which, struct msg *m, struct bytes json, struct problem *why)
{
    struct arena *scratch = fuzz_arena(4 << 20);
    struct resume resume;
    struct bytes user;
    if (which >= 250)
        return action_update(m, json, &old, 1700000000000, &content, scratch, why);
    if (which >= 244)
        return action_revise(m, json, 1700000000000, &content, scratch, why);
    if (which % 6 == 4 && !json_valid(json))
        return problem_set(why, "", "a payload is checked before"); /* by phx_read_text() */
    switch (which % 6) {
    case 0:
        return mark("mark_read", m, json, scratch, why);
    case 1:
        return mark(all_pushes[which / 6 % 4], m, json, scratch, why);
    case 2:
        *m = (struct msg){.id = MSG_snapshot, .snapshot = {.user = ANN, .limit = 50}};
        return listing_read(&m->snapshot, json, scratch, why);
    case 3:
        return action_create(m, json, BYTES("key"), 1700000000000, &users, &content, scratch, why);
    case 4:
        m->id = 0;
        return action_resume(json, &resume, why);
    default:
        m->id = 0;
        return action_user(json, &user, scratch, why);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    struct problem why = {0};
    struct msg m = {0};
    if (users.max == 0) {
        buf_init(&users, 1 << 20);
        buf_init(&content, 1 << 20);
        buf_init(&wire, FRAME_MAX);
    }
    uint8_t which = input_byte(&in);
    buf_reset(&users);
    buf_reset(&content);
    bool taken = act(which, &m, input_rest(&in), &why);
    ENSURE(taken || why.detail[0]);
    ENSURE(memchr(why.detail, '\0', sizeof why.detail) &&
           memchr(why.field, '\0', sizeof why.field));
    if (taken && m.id != 0)
        goes_over(&m);
    return 0;
}
