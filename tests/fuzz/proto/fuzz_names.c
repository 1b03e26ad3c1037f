/* SPDX-License-Identifier: Apache-2.0 */
/* Names that clients bring: ids (the cursor of a page), topics, users, events, patterns, percent-free
 * base64 and JSON as it lies. */
#include "tests/fuzz/fuzz.h"

#include "lib/base64.h"
#include "lib/json.h"
#include "proto/id.h"
#include "proto/pattern.h"
#include "proto/topic.h"

static void ids(struct bytes text)
{
    uint8_t id[ID_SIZE], again[ID_SIZE];
    struct buf out;
    if (!id_read(text, id))
        return;
    buf_init(&out, 100);
    id_write(&out, id);
    ENSURE(id_read(buf_all(&out), again) && memcmp(id, again, sizeof id) == 0);
    buf_fini(&out);
}

static void patterns(struct bytes text)
{
    char pattern[TOPIC_MAX + 1] = "";
    size_t n = 0;
    struct capture captures[CAPTURES_MAX];
    const char *nul = memchr(text.p ? text.p : "", '\0', text.n);
    size_t front = nul ? (size_t)(nul - text.p) : 0;
    if (!nul || front > TOPIC_MAX)
        return;
    memcpy(pattern, text.p, front);
    struct bytes topic = {text.p + front + 1, text.n - front - 1};
    if (!pattern_valid(pattern))
        return;
    pattern_match(pattern, topic, captures, &n);
    ENSURE(n <= CAPTURES_MAX);
    ENSURE(pattern_overlap(pattern, pattern) && pattern_same(pattern, pattern));
}

static void json(struct bytes text)
{
    struct arena *scratch = fuzz_arena(1 << 20);
    struct bytes plain;
    uint64_t number;
    struct buf out;
    if (!json_valid(text))
        return;
    struct json j = json_over(text);
    struct bytes value = json_value(&j);
    ENSURE(json_end(&j));
    json_u64(value, &number);
    buf_init(&out, 8 * text.n + 16);
    if (json_string(value, scratch, &plain)) {
        json_write_string(&out, plain);
        ENSURE(json_valid(buf_all(&out)));
        buf_reset(&out);
    }
    json_write_compact(&out, value);
    ENSURE(json_valid(buf_all(&out)) && out.n <= text.n);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    uint8_t which = input_byte(&in) % 5;
    struct bytes text = input_rest(&in), out;
    if (which == 0)
        ids(text);
    else if (which == 1)
        patterns(text);
    else if (which == 2)
        json(text);
    else if (which == 3 && base64_read(text, fuzz_arena(1 << 20), &out))
        ENSURE(out.n <= text.n);
    else if (which == 4 && topic_valid(text))
        ENSURE(text.n <= TOPIC_MAX && utf8_valid(text) && (user_valid(text), event_valid(text), 1));
    return 0;
}
