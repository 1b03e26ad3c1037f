/* SPDX-License-Identifier: Apache-2.0 */
/* messages.c -- what is kept of a channel: so many of the newest, each as it was published. */
#include "lib/json.h"
#include "tests/sim/model.h"

void messages_page(const char *who, unsigned topic, const struct page *page)
{
    struct json in = json_over(page->items);
    struct bytes one;
    uint64_t next = page->seq;
    unsigned n = 0;
    json_enter(&in, '[');
    for (; !verdict.wrong && json_element(&in, &one); n++) {
        struct bytes payload = text_member(one, "payload");
        uint64_t seq = 0;
        text_number(payload, "seq", &seq);
        if (seq != next || n == HISTORY)
            wrong("another list", "%s: %s at seq %llu has %llu in the place of %llu", who,
                  model_name(topic), (unsigned long long)page->seq, (unsigned long long)seq,
                  (unsigned long long)next);
        else
            model_event(who, topic, payload);
        next = model_prev(topic, seq);
    }
    if (next != 0 && n < HISTORY)
        wrong("another list", "%s: %s at seq %llu has only %u messages", who, model_name(topic),
              (unsigned long long)page->seq, n);
}
