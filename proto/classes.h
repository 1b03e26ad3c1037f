/* SPDX-License-Identifier: Apache-2.0 */
/* classes.h -- what the configuration says of topics: classes of them, and rules about their events.
 *
 * A topic belongs to the first class whose pattern matches it whole; one that matches none does not
 * exist. `{user}` in a pattern is the user that the topic belongs to ("owner").
 * Pure; the items are filled by lib/conf and do not change afterwards. */
#pragma once

#include "lib/conf.h"
#include "proto/pattern.h"

#define ACCESSES(X)                                                                                \
    X(nobody, "back ends only, by HTTP")                                                           \
    X(anyone, "also a socket without a token")                                                     \
    X(authenticated, "whoever has a user's token")                                                 \
    X(owner, "the user that {user} in the pattern names")                                          \
    X(member, "who was made a member by PUT /api/topics/{topic}/members/{user}")                   \
    X(token, "whose token's claim `topics` has a pattern that matches")                            \
    X(hook, "whom the application lets in: hook/join")

#define AS_ACCESS(name, doc) ACCESS_##name,
enum access { ACCESSES(AS_ACCESS) ACCESS_COUNT };
#undef AS_ACCESS

enum { CLASSES_MAX = 64, RULES_MAX = 64, EVENTS_TEXT = 500, ACCESS_TEXT = 16 };

struct topic_class {
    char pattern[TOPIC_MAX + 1];
    char join_text[ACCESS_TEXT], publish_text[ACCESS_TEXT];
    char events[EVENTS_TEXT + 1]; /* that clients may publish: names, comma between; "*": any */
    uint64_t history;             /* messages kept; 0: none, and none is numbered */
    uint64_t history_h;        /* hours that they are kept; 0: as long as there is room for them */
    uint64_t presence;         /* 0 or 1 */
    uint64_t presence_max;     /* above so many, counts instead of lists */
    uint64_t echo;             /* 0: the publisher does not get its own (only without history) */
    enum access join, publish; /* read from the texts */
    uint64_t line;             /* of the file */
};

/* On `event` of a topic that matches, a notification for every member but the author. */
struct topic_rule {
    char event[EVENT_MAX + 1];
    char topic[TOPIC_MAX + 1]; /* a pattern */
    char type[16];
    char title[256], body[512]; /* {name}: a capture of the pattern; {from}: the author */
    uint64_t type_number;       /* enum notification_type, read from the text */
    uint64_t line;              /* of the file */
};

/* The class of a topic, or NULL. */
const struct topic_class *class_of(const struct topic_class *classes, uint64_t n,
                                   struct bytes topic);

/* Clients may publish this event in it. */
bool class_takes(const struct topic_class *c, struct bytes event);

/* For lib/conf: the lists `topic` and `rule`; an item checked and its texts read. A rule is checked
 * against the classes: the topics of some that has history must be able to match it. */
enum { CLASS_ROWS = 9, RULE_ROWS = 5 };
extern const struct conf_setting class_rows[CLASS_ROWS], rule_rows[RULE_ROWS];
bool class_check(struct topic_class *c, struct buf *why);
bool rule_check(struct topic_rule *r, const struct topic_class *classes, uint64_t n,
                struct buf *why);
