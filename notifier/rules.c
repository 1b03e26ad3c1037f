/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/rules.h"

#include "lib/ensure.h"
#include "lib/hash.h"
#include "lib/json.h"
#include "proto/types.h"

/* A byte of text takes two at most: neither it nor a name has what JSON writes longer. */
_Static_assert(2 * (RULE_TITLE_MAX + RULE_BODY_MAX + TOPIC_MAX) + 200 < RULE_CONTENT_MAX,
               "every content fits");
_Static_assert((int)RULE_CONTENT_MAX <= (int)CONTENT_MAX, "the store takes it");

bool rule_takes(const struct topic_rule *r, const struct msg_entry *e)
{
    return e->kind == ENTRY_message && bytes_is(e->event, r->event) &&
           pattern_match(r->topic, e->topic, NULL, NULL);
}

uint64_t rule_id(const struct topic_rule *r)
{
    const char *const texts[] = {r->event, r->topic, r->type, r->title, r->body};
    struct buf all;
    buf_init(&all, sizeof *r);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        buf_add(&all, texts[i], strlen(texts[i]) + 1);
    uint64_t id = hash64(buf_all(&all), 0);
    buf_fini(&all);
    return id;
}

/* At most `max` bytes, and no half character. */
static struct bytes cut(struct bytes text, size_t max)
{
    if (text.n <= max)
        return text;
    while (max > 0 && ((unsigned char)text.p[max] & 0xc0) == 0x80)
        max--;
    return (struct bytes){text.p, max};
}

static void write_text(struct buf *out, const char *template, size_t max,
                       const struct capture *captures, size_t n)
{
    struct buf text;
    buf_init(&text, 1 << 16); /* 511 bytes of placeholders, each of them a topic */
    template_write(&text, template, captures, n);
    ENSURE(!text.overflowed);
    json_write_string(out, cut(buf_all(&text), max));
    buf_fini(&text);
}

void rule_content(const struct topic_rule *r, const struct msg_entry *e, struct buf *out)
{
    struct capture captures[CAPTURES_MAX + 1];
    size_t n;
    ENSURE(pattern_match(r->topic, e->topic, captures, &n));
    captures[n++] = (struct capture){BYTES("from"), e->user.n ? e->user : BYTES("someone")};
    buf_format(out, "{\"type\":\"%s\",\"title\":", type_row(r->type_number)->name);
    write_text(out, r->title, RULE_TITLE_MAX, captures, n);
    buf_text(out, ",\"body\":");
    if (*r->body)
        write_text(out, r->body, RULE_BODY_MAX, captures, n);
    else
        buf_text(out, "null");
    buf_text(out, ",\"data\":{\"topic\":");
    json_write_string(out, e->topic);
    buf_format(out, ",\"seq\":%llu}}", (unsigned long long)e->seq);
}
