/* SPDX-License-Identifier: Apache-2.0 */
/* shown.c -- what clients are shown of inboxes, held against what their items were at that seq. */
#include "lib/json.h"
#include "tests/sim/inboxes.h"

static bool is_at(const struct item *it, uint64_t seq, enum item_place place)
{
    return it->stages[0].seq <= seq && stage_at(it, seq)->place == place;
}

static void shown(const char *who, const struct item *it, uint64_t seq, struct bytes json)
{
    const struct stage *s = stage_at(it, seq);
    struct bytes id, title;
    uint64_t pos = 0;
    bool named = text_string(text_member(json, "id"), &id) && bytes_is(id, it->id);
    bool titled = text_string(text_member(json, "title"), &title) && bytes_is(title, s->title);
    text_number(json, "pos", &pos);
    if (!named || pos != s->pos)
        wrong("another item", "%s: pos %llu at seq %llu", who, (unsigned long long)s->pos,
              (unsigned long long)seq);
    else if (!titled)
        wrong("another text", "%s: pos %llu at seq %llu is %s, and not %.*s", who,
              (unsigned long long)pos, (unsigned long long)seq, s->title, (int)title.n, title.p);
    else if (s->read == bytes_is(text_member(json, "read_at"), "null"))
        wrong("read or not", "%s: pos %llu at seq %llu", who, (unsigned long long)pos,
              (unsigned long long)seq);
    else if (s->quiet != bytes_is(text_member(json, "quiet"), "true"))
        wrong("quiet or not", "%s: pos %llu at seq %llu", who, (unsigned long long)pos,
              (unsigned long long)seq);
    else if ((s->seen || s->read) != bytes_is(text_member(json, "seen"), "true"))
        wrong("seen or not", "%s: pos %llu at seq %llu", who, (unsigned long long)pos,
              (unsigned long long)seq);
}

void inboxes_shown(const char *who, unsigned user, uint64_t seq, uint64_t pos, struct bytes json)
{
    for (uint64_t i = 0; i < inboxes[user].n; i++) {
        const struct item *it = &inboxes[user].items[i];
        if (it->stages[0].seq > seq || stage_at(it, seq)->pos != pos)
            continue;
        if (stage_at(it, seq)->muted)
            wrong("shown though muted", "%s: seq %llu", who, (unsigned long long)seq);
        shown(who, it, seq, json);
        return;
    }
    wrong("another item", "%s: seq %llu", who, (unsigned long long)seq);
}

static bool asked_for(const struct page *p, const struct stage *s)
{
    return (p->status == STATUS_all || s->read == (p->status == STATUS_read)) &&
           (p->category == 0 || s->category == p->category) && (!p->of_type || s->type == p->type);
}

/* The newest below `below` that the page is about; NULL: none. */
static const struct item *newest(unsigned user, const struct page *p, uint64_t below)
{
    const struct item *found = NULL;
    for (uint64_t i = 0; i < inboxes[user].n; i++) {
        const struct item *it = &inboxes[user].items[i];
        if (!is_at(it, p->seq, p->place))
            continue;
        const struct stage *s = stage_at(it, p->seq);
        if (s->pos < below && asked_for(p, s) && (!found || s->pos > stage_at(found, p->seq)->pos))
            found = it;
    }
    return found;
}

void inboxes_page(const char *who, unsigned user, const struct page *p)
{
    struct json in = json_over(p->items);
    struct bytes one;
    uint64_t below = p->before ? p->before : UINT64_MAX;
    json_enter(&in, '[');
    while (!verdict.wrong && json_element(&in, &one)) {
        const struct item *it = newest(user, p, below);
        if (!it) {
            wrong("another list", "%s: more than there is at seq %llu", who,
                  (unsigned long long)p->seq);
            return;
        }
        shown(who, it, p->seq, one);
        const struct stage *s = stage_at(it, p->seq);
        below = s->pos;
        if (s->expires_ms && s->expires_ms <= p->now_ms)
            wrong("past its end", "%s is shown pos %llu", who, (unsigned long long)s->pos);
    }
    if (!verdict.wrong && p->last && newest(user, p, below))
        wrong("another list", "%s: pos %llu is missing at seq %llu", who,
              (unsigned long long)stage_at(newest(user, p, below), p->seq)->pos,
              (unsigned long long)p->seq);
}

void model_current(const char *who, unsigned topic, uint64_t seq, uint64_t now_ms)
{
    for (uint64_t i = 0; i < inboxes[topic].n; i++) {
        const struct item *it = &inboxes[topic].items[i];
        const struct stage *s = stage_at(it, seq);
        if (it->stages[0].seq > seq || s->place == PLACE_COUNT)
            continue;
        if (s->expires_ms && s->expires_ms <= now_ms)
            wrong("past its end", "%s has pos %llu at seq %llu still", who,
                  (unsigned long long)s->pos, (unsigned long long)seq);
        else if (s->place == PLACE_snoozed && s->until_ms <= now_ms)
            wrong("asleep too long", "%s has pos %llu at seq %llu still", who,
                  (unsigned long long)s->pos, (unsigned long long)seq);
    }
}
