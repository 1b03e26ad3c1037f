/* SPDX-License-Identifier: Apache-2.0 */
#include "session/refresh.h"

#include "lib/json.h"
#include "session/access.h"
#include "session/auth.h"
#include "session/live.h"

/* NULL, or why there is none. */
static const char *token_of(struct bytes payload, struct arena *scratch, struct bytes *token)
{
    struct bytes value = {0};
    const struct json_place places[] = {{"token", &value}};
    struct json_members m = {.places = places, .count = 1};
    if (!json_read(payload, &m) || value.n == 0 || !json_string(value, scratch, token))
        return "token must be given";
    return json_twice(&m, scratch);
}

/* Members of a topic are the store's to judge, and are told by it. */
static void leave_forbidden(struct session *s, struct conn *c, const struct token *t)
{
    struct visitor who = {bytes_of(t->sub), bytes_of(t->topics)};
    for (struct member *m = c->members, *next; m && conn_open(c); m = next) {
        next = m->next;
        const struct topic_class *class = m->topic->class;
        if (class && access_allows(class->join, class, member_topic(m), &who) == ALLOWED_no)
            live_kick(s, m);
    }
}

const char *refresh_token(struct session *s, struct conn *c, struct bytes payload)
{
    struct bytes text = {0};
    struct who who;
    const char *wrong = token_of(payload, &s->scratch, &text);
    if (wrong)
        return wrong;
    auth_token(s, text, &who);
    if (who.kind == WHO_nobody)
        return who.why;
    if (who.kind != WHO_user || !bytes_equal(bytes_of(who.token.sub), user_name(c->user)))
        return "the token is another user's";
    struct hello hello = auth_hello(s, &who.token, c->vsn);
    conn_token(c, &hello);
    leave_forbidden(s, c, &who.token);
    return NULL;
}
