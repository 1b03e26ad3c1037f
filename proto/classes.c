/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/classes.h"

#include "lib/json.h"
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
      "who may join: nobody, anyone, authenticated, owner, member, token, hook")                   \
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
    S(str, title, "title", 0, 255, "",                                                             \
      "its title; {id} is the pattern's, {from} the author, someone for a back end")               \
    S(str, body, "body", 0, 511, "", "its body, the same way")

const struct conf_setting rule_rows[RULE_ROWS] = {RULE_SETTINGS(RULE_ROW)};

static const char *const accesses[] = {
#define AS_NAME(name, doc) #name,
    ACCESSES(AS_NAME)};

#define ACCESS_WORDS "nobody, anyone, authenticated, owner, member, token, hook"

static bool read_access(const char *text, enum access *out)
{
    for (unsigned i = 0; i < ACCESS_COUNT; i++)
        if (strcmp(text, accesses[i]) == 0) {
            *out = (enum access)i;
            return true;
        }
    return false;
}

/* The next name of a list with commas between; false at its end. Nothing between two commas is an
 * empty name. */
static bool next_name(const char **list, struct bytes *name)
{
    const char *p = *list + strspn(*list, " ");
    size_t n = strcspn(p, ",");
    if (!*p)
        return false;
    *list = p[n] ? p + n + 1 : p + n;
    while (n > 0 && p[n - 1] == ' ')
        n--;
    *name = (struct bytes){p, n};
    return true;
}

static bool events_valid(const char *list)
{
    struct bytes name;
    bool good = true;
    if (strcmp(list, "*") == 0)
        return true;
    while (good && next_name(&list, &name))
        good = event_valid(name) && !memchr(name.p, '*', name.n);
    return good;
}

bool class_check(struct topic_class *c, struct buf *why)
{
    if (!pattern_valid(c->pattern))
        buf_text(why, "pattern must be a topic with names in braces, like channel:{id}");
    else if (strcmp(c->pattern, "phoenix") == 0 || strncmp(c->pattern, "user:", 5) == 0)
        buf_text(why, "pattern is taken: the topics \"phoenix\" and user:... are Belfry's own");
    else if (!read_access(c->join_text, &c->join))
        buf_format(why, "join = \"%s\" is not one of " ACCESS_WORDS, c->join_text);
    else if (!read_access(c->publish_text, &c->publish))
        buf_format(why, "publish = \"%s\" is not one of " ACCESS_WORDS, c->publish_text);
    else if ((c->join == ACCESS_owner || c->publish == ACCESS_owner) &&
             !strstr(c->pattern, "{user}"))
        buf_text(why, "owner needs {user} in the pattern");
    else if (c->publish == ACCESS_hook && c->join != ACCESS_hook)
        buf_text(why, "publish = \"hook\" needs join = \"hook\": the answer to the join says it");
    else if (!events_valid(c->events))
        buf_format(why,
                   "events must be * or names with commas between, each of 1 to %d bytes without "
                   "spaces and *, and none that begins with phx_ or presence",
                   EVENT_MAX);
    else if (!c->echo && c->history > 0)
        buf_text(why, "echo = 0 is for topics without history: what is numbered goes to everybody");
    else if (c->history_h > 0 && c->history == 0)
        buf_text(why, "history_h needs history: how many messages are kept at most");
    return why->n == 0;
}

/* The first class that has all of a pattern's topics leaves none for those behind it. */
static bool history_possible(const char *pattern, const struct topic_class *classes, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (classes[i].history > 0 && pattern_overlap(classes[i].pattern, pattern))
            return true;
        if (pattern_same(classes[i].pattern, pattern))
            return false;
    }
    return false;
}

static bool plain(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ')
            return false;
    return utf8_valid(bytes_of(text));
}

static void check_template(const char *name, const char *text, const char *pattern, struct buf *why)
{
    struct bytes unknown = template_unknown(text, pattern, "from");
    if (unknown.n > 0)
        buf_format(why, "%s names {%.*s}, which is neither in \"%s\" nor {from}", name,
                   (int)unknown.n, unknown.p, pattern);
    else if (!plain(text))
        buf_format(why, "%s must be UTF-8 without control characters", name);
}

bool rule_check(struct topic_rule *r, const struct topic_class *classes, uint64_t n,
                struct buf *why)
{
    enum notification_type type = type_named(bytes_of(r->type));
    r->type_number = type;
    if (!event_valid(bytes_of(r->event)))
        buf_text(why, "event must be the name of one, like message.create");
    else if (!pattern_valid(r->topic))
        buf_text(why, "topic must be a topic with names in braces, like channel:{id}");
    else if (!history_possible(r->topic, classes, n))
        buf_format(why, "no class with history has topics like \"%s\": its events are not kept",
                   r->topic);
    else if (type == TYPE_COUNT || !type_row(type)->stored)
        buf_format(why, "type = \"%s\" is not one of activity, alert, system", r->type);
    else if (!r->title[0])
        buf_text(why, "title must be there");
    else
        check_template("title", r->title, r->topic, why);
    if (why->n == 0)
        check_template("body", r->body, r->topic, why);
    return why->n == 0;
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
    struct bytes name;
    if (!event_valid(event))
        return false;
    if (strcmp(list, "*") == 0)
        return true;
    while (next_name(&list, &name))
        if (bytes_equal(name, event))
            return true;
    return false;
}
