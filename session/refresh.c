/* SPDX-License-Identifier: Apache-2.0 */
#include "session/refresh.h"

#include "lib/json.h"
#include "session/access.h"
#include "session/auth.h"
#include "session/live.h"

static bool token_of(struct bytes payload, struct arena *scratch, struct bytes *token)
{
    struct json in = json_over(payload);
    struct bytes key, value;
    bool found = false;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value))
        if (json_key_is(key, "token"))
            found = json_string(value, scratch, token);
    return json_end(&in) && found;
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
    if (!token_of(payload, &s->scratch, &text))
        return "token must be given";
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
