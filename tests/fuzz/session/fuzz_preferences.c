/* SPDX-License-Identifier: Apache-2.0 */
/* What users want to be told: refused with a reason, or written as JSON that is read as the same again. */
#include "tests/fuzz/fuzz.h"

#include "session/api/preferences.h"

#define ANN BYTES("ann")

static struct buf lists[2], others[2], wire, again, text;

static struct bytes message(struct buf *out, const struct msg *m)
{
    buf_reset(out);
    msg_write(out, m);
    ENSURE(!out->overflowed);
    return buf_all(out);
}

static void comes_back(const struct msg *m)
{
    static struct arena scratch;
    const struct msg_prefs_put *p = &m->prefs_put;
    struct msg_prefs kept = {.types = p->types,
                             .categories = p->categories,
                             .topics = p->topics,
                             .quiet = p->quiet,
                             .from_min = p->from_min,
                             .to_min = p->to_min,
                             .zone = p->zone,
                             .allow = p->allow};
    struct msg other;
    struct problem why = {0};
    if (!scratch.p)
        arena_init(&scratch, 1 << 20);
    arena_reset(&scratch);
    buf_reset(&text);
    preferences_write(&text, &kept);
    ENSURE(!text.overflowed);
    ENSURE(preferences_read(&other, ANN, buf_all(&text), others, &scratch, &why));
    ENSURE(bytes_equal(message(&wire, m), message(&again, &other)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct msg m = {0};
    struct problem why = {0};
    if (wire.max == 0) {
        for (int i = 0; i < 2; i++) {
            buf_init(&lists[i], MUTES_MAX * (TOPIC_MAX + 5));
            buf_init(&others[i], MUTES_MAX * (TOPIC_MAX + 5));
        }
        buf_init(&wire, FRAME_MAX);
        buf_init(&again, FRAME_MAX);
        buf_init(&text, FRAME_MAX);
    }
    struct bytes json = {(const char *)data, n};
    bool taken = preferences_read(&m, ANN, json, lists, fuzz_arena(1 << 20), &why);
    ENSURE(taken || why.detail[0]);
    if (taken)
        comes_back(&m);
    return 0;
}
