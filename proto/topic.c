/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/topic.h"

#include "lib/ensure.h"
#include "lib/hash.h"
#include "lib/json.h"

static const char before[] = "user:";
static const char behind[] = ":notifications";
_Static_assert(sizeof before + sizeof behind + USER_MAX <= TOPIC_MAX, "every user has a topic");

static bool name_valid(struct bytes name, size_t max, const char *forbidden)
{
    if (name.n == 0 || name.n > max)
        return false;
    bool ascii = true;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c <= ' ' || c == 0x7f || strchr(forbidden, c))
            return false;
        ascii = ascii && c < 0x80;
    }
    return ascii || utf8_valid(name);
}

bool user_valid(struct bytes user)
{
    return name_valid(user, USER_MAX, ",\"\\:");
}

bool topic_valid(struct bytes topic)
{
    return name_valid(topic, TOPIC_MAX, ",\"\\");
}

static bool begins(struct bytes name, const char *with)
{
    size_t n = strlen(with);
    return name.n >= n && memcmp(name.p, with, n) == 0;
}

bool event_valid(struct bytes event)
{
    return name_valid(event, EVENT_MAX, ",\"\\") && !begins(event, "phx_") &&
           !begins(event, "presence");
}

size_t topic_of_user(struct bytes user, char out[TOPIC_MAX + 1])
{
    ENSURE(user.n > 0 && user.n <= USER_MAX);
    char *to = out;
    memcpy(to, before, sizeof before - 1);
    to += sizeof before - 1;
    memcpy(to, user.p, user.n);
    to += user.n;
    memcpy(to, behind, sizeof behind);
    return (size_t)(to - out) + sizeof behind - 1;
}

bool topic_user(struct bytes topic, struct bytes *user)
{
    size_t head = sizeof before - 1, tail = sizeof behind - 1;
    if (topic.n <= head + tail || memcmp(topic.p, before, head) != 0 ||
        memcmp(topic.p + topic.n - tail, behind, tail) != 0)
        return false;
    *user = (struct bytes){topic.p + head, topic.n - head - tail};
    return user_valid(*user);
}

bool topic_own(struct bytes topic)
{
    return begins(topic, "store ");
}

uint16_t topic_bucket(struct bytes topic)
{
    return (uint16_t)(hash64(topic, 0) % TOPIC_BUCKETS);
}

void bus_key(uint16_t bucket, char out[BUS_KEY])
{
    out[0] = BUS_TOPIC;
    out[1] = (char)(bucket >> 8);
    out[2] = (char)(bucket & 0xff);
}
