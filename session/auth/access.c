/* SPDX-License-Identifier: Apache-2.0 */
#include "session/auth/access.h"

#include "lib/ensure.h"

/* {user} in the class's pattern is this user. */
static bool owns(const struct topic_class *class, struct bytes topic, struct bytes user)
{
    struct capture captures[CAPTURES_MAX];
    size_t n;
    if (!pattern_match(class->pattern, topic, captures, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (bytes_is(captures[i].name, "user"))
            return bytes_equal(captures[i].value, user);
    return false;
}

/* One of the token's patterns matches the topic. */
static bool listed(struct bytes topics, struct bytes topic)
{
    for (const char *p = topics.p, *end = topics.p + topics.n; p < end;) {
        char pattern[TOPIC_MAX + 1];
        const char *comma = memchr(p, ',', (size_t)(end - p));
        size_t n = (size_t)((comma ? comma : end) - p);
        if (n <= TOPIC_MAX) {
            memcpy(pattern, p, n);
            pattern[n] = '\0';
            if (pattern_valid(pattern) && pattern_match(pattern, topic, NULL, NULL))
                return true;
        }
        p += n + 1;
    }
    return false;
}

enum allowed access_allows(enum access access, const struct topic_class *class, struct bytes topic,
                           const struct visitor *who)
{
    bool known = who->user.n > 0;
    switch (access) {
    case ACCESS_anyone:
        return ALLOWED_yes;
    case ACCESS_authenticated:
        return known ? ALLOWED_yes : ALLOWED_no;
    case ACCESS_owner:
        return known && owns(class, topic, who->user) ? ALLOWED_yes : ALLOWED_no;
    case ACCESS_member:
        return known ? ALLOWED_member : ALLOWED_no;
    case ACCESS_token:
        return known && listed(who->topics, topic) ? ALLOWED_yes : ALLOWED_no;
    case ACCESS_hook:
        return ALLOWED_hook;
    case ACCESS_nobody:
    case ACCESS_COUNT:
        break;
    }
    return ALLOWED_no;
}

const char *access_refused(enum allowed allowed)
{
    return allowed == ALLOWED_hook ? "the application lets users into this topic by a join only"
                                   : "this user may not join the topic";
}
