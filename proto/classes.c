/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/classes.h"

#include "lib/ensure.h"
#include "proto/topic.h"
#include "proto/types.h"

#define CLASS_ROW(kind, member, text, least, most, value, says)                                    \
    {.path = (text),                                                                               \
     .type = CONF_##kind,                                                                          \
     .offset = offsetof(struct topic_class, member),                                               \
     .size = sizeof(((struct topic_class *)0)->member),                                            \
     .min = (least),                                                                               \
     .max = (most),                                                                                \
     .standard = (value),                                                                          \
     .help = (says)},

#define CLASS_SETTINGS(S)                                                                          \
    S(str, pattern, "pattern", 0, TOPIC_MAX, "", "which topics: like channel:{id}")                \
    S(str, join_text, "join", 1, ACCESS_TEXT - 1, "authenticated",                                 \
      "who may join: nobody, anyone, authenticated, owner, member, token")                         \
    S(str, publish_text, "publish", 1, ACCESS_TEXT - 1, "nobody",                                  \
      "who of those may publish: the same words; back ends always may")                            \
    S(str, events, "events", 0, EVENTS_TEXT, "*",                                                  \
      "events that clients may publish, comma between; * for any")                                 \
    S(u64, history, "history", 0, 1000000, "0",                                                    \
      "messages kept, with numbers and recovery; 0: none")                                         \
    S(u64, history_h, "history_h", 0, 87600, "0",                                                  \
      "hours that they are kept; 0: no limit but `history`")                                       \
    S(flag, presence, "presence", 0, 1, "0", "1: who is there is told to who is there")            \
    S(u64, presence_max, "presence_max", 1, 100000, "1000",                                        \
      "above so many there, only their count is told")                                             \
    S(flag, echo, "echo", 0, 1, "1",                                                               \
      "0: a publisher does not get its own back (only without history)")

const struct conf_setting class_rows[CLASS_ROWS] = {CLASS_SETTINGS(CLASS_ROW)};

#define RULE_ROW(kind, member, text, least, most, value, says)                                     \
    {.path = (text),                                                                               \
     .type = CONF_##kind,                                                                          \
     .offset = offsetof(struct topic_rule, member),                                                \
     .size = sizeof(((struct topic_rule *)0)->member),                                             \
     .min = (least),                                                                               \
     .max = (most),                                                                                \
     .standard = (value),                                                                          \
     .help = (says)},

#define RULE_SETTINGS(S)                                                                           \
    S(str, event, "event", 0, EVENT_MAX, "", "on this event, like message.create,")                \
    S(str, topic, "topic", 0, TOPIC_MAX, "",                                                       \
      "of a topic like channel:{id} (its class must have history),")                               \
    S(str, type, "type", 1, 15, "activity",                                                        \
      "a notification of this type (a stored one) to each member but the author")                  \
    S(str, title, "title", 0, 255, "", "its title; {id} is the pattern's, {from} the author")      \
    S(str, body, "body", 0, 511, "", "its body, the same way")

const struct conf_setting rule_rows[RULE_ROWS] = {RULE_SETTINGS(RULE_ROW)};

static const char *const accesses[] = {
#define AS_NAME(name, doc) #name,
    ACCESSES(AS_NAME)};

static bool read_access(const char *text, enum access *out)
{
    for (unsigned i = 0; i < ACCESS_COUNT; i++)
        if (strcmp(text, accesses[i]) == 0) {
            *out = (enum access)i;
            return true;
        }
    return false;
}

bool pattern_valid(const char *pattern)
{
    size_t n = 0;
    for (const char *p = pattern; *p; p++) {
        if (*p == '}' || *p == ' ' || *p == ',' || *p == '"')
            return false;
        if (*p != '{')
            continue;
        const char *end = strchr(p, '}');
        if (!end || end == p + 1 || memchr(p + 1, '{', (size_t)(end - p - 1)) || end[1] == '{' ||
            ++n > CAPTURES_MAX)
            return false;
        p = end;
    }
    return pattern[0] != '\0';
}

bool class_check(void *item, struct buf *why)
{
    struct topic_class *c = item;
    if (!pattern_valid(c->pattern))
        buf_text(why, "pattern must be a topic with names in braces, like channel:{id}");
    else if (strcmp(c->pattern, "phoenix") == 0 || strncmp(c->pattern, "user:{", 6) == 0)
        buf_text(why,
                 "pattern is taken: the topics \"phoenix\" and user:{id}:... are Belfry's own");
    else if (!read_access(c->join_text, &c->join))
        buf_format(
            why, "join = \"%s\" is not one of nobody, anyone, authenticated, owner, member, token",
            c->join_text);
    else if (!read_access(c->publish_text, &c->publish))
        buf_format(
            why,
            "publish = \"%s\" is not one of nobody, anyone, authenticated, owner, member, token",
            c->publish_text);
    else if ((c->join == ACCESS_owner || c->publish == ACCESS_owner) &&
             !strstr(c->pattern, "{user}"))
        buf_text(why, "owner needs {user} in the pattern");
    else if (!c->echo && c->history > 0)
        buf_text(why, "echo = 0 is for topics without history: what is numbered goes to everybody");
    return why->n == 0;
}

bool rule_check(void *item, struct buf *why)
{
    struct topic_rule *r = item;
    enum notification_type type = type_named(bytes_of(r->type));
    r->type_number = type;
    if (!r->event[0])
        buf_text(why, "event must be there");
    else if (!pattern_valid(r->topic))
        buf_text(why, "topic must be a pattern, like channel:{id}");
    else if (!r->title[0])
        buf_text(why, "title must be there");
    else if (type == TYPE_COUNT || !type_row(type)->stored)
        buf_format(why, "type = \"%s\" is not one of activity, alert, system", r->type);
    return why->n == 0;
}

bool pattern_match(const char *pattern, struct bytes topic, struct capture captures[CAPTURES_MAX],
                   size_t *n)
{
    const char *p = topic.p, *end = topic.p + topic.n;
    size_t found = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (p == end || *p++ != *pattern++)
                return false;
            continue;
        }
        const char *close = strchr(pattern, '}');
        ENSURE(close != NULL);
        const char *from = p;
        /* up to what follows the braces, but never over a colon */
        while (p < end && *p != ':' && (close[1] == '\0' || *p != close[1]))
            p++;
        if (p == from)
            return false;
        if (captures && found < CAPTURES_MAX)
            captures[found++] = (struct capture){{pattern + 1, (size_t)(close - pattern - 1)},
                                                 {from, (size_t)(p - from)}};
        pattern = close + 1;
    }
    if (n)
        *n = found;
    return p == end;
}

const struct topic_class *class_of(const struct topic_class *classes, uint64_t n,
                                   struct bytes topic)
{
    for (uint64_t i = 0; i < n; i++)
        if (pattern_match(classes[i].pattern, topic, NULL, NULL))
            return &classes[i];
    return NULL;
}

bool class_takes(const struct topic_class *c, struct bytes event)
{
    const char *list = c->events;
    if (strcmp(list, "*") == 0)
        return true;
    while (*list) {
        list += strspn(list, " ,");
        size_t here = strcspn(list, ",");
        size_t end = here;
        while (end > 0 && list[end - 1] == ' ')
            end--;
        if (end == event.n && end > 0 && memcmp(list, event.p, end) == 0)
            return true;
        list += here;
    }
    return false;
}

void template_write(struct buf *out, const char *text, const struct capture *captures, size_t n)
{
    while (*text) {
        const char *close = *text == '{' ? strchr(text, '}') : NULL;
        size_t i = 0;
        if (close) {
            struct bytes name = {text + 1, (size_t)(close - text - 1)};
            while (i < n && !bytes_equal(captures[i].name, name))
                i++;
        }
        if (close && i < n) {
            buf_bytes(out, captures[i].value);
            text = close + 1;
        } else {
            buf_byte(out, (uint8_t)*text++);
        }
    }
}
