/* SPDX-License-Identifier: Apache-2.0 */
#include "session/disconnect.h"

#include "session/asks.h"
#include "session/peers.h"
#include "session/users.h"

enum { DISCONNECT_MS = 5000 };

void disconnect_here(struct session *s, const struct msg_disconnect *m)
{
    struct mp_in in = list_in(m->users);
    for (uint32_t i = 0; i < m->users.count; i++)
        user_disconnect(s, mp_str(&in), m->topic, m->forget);
}

/* An answer changes nothing here; that there is none is counted (asks_failed). */
static void told(struct ask_waiter w, const struct msg *answer, enum err e)
{
    (void)w;
    (void)answer;
    (void)e;
}

static void everywhere(struct session *s, const struct msg_disconnect *what)
{
    struct msg m = {.id = MSG_disconnect, .disconnect = *what};
    struct ask_waiter w = {told, s, NULL, 0};
    for (unsigned i = 0; i < s->settings->sessions; i++) {
        struct asks *to = peer_asks(s, i);
        if (to)
            ask(to, &m, s->now_ms, DISCONNECT_MS, true, w);
    }
    disconnect_here(s, what);
}

void disconnect_users(struct session *s, struct mp_list users, struct bytes topic)
{
    everywhere(s, &(struct msg_disconnect){.topic = topic, .users = users});
}

void disconnect_user(struct session *s, struct bytes user, struct bytes topic)
{
    struct buf list;
    buf_init(&list, USER_MAX + 8);
    mp_put_str(&list, user);
    disconnect_users(s, list_of(&list, 1), topic);
    buf_fini(&list);
}

void forget_user(struct session *s, struct bytes user)
{
    struct buf list;
    buf_init(&list, USER_MAX + 8);
    mp_put_str(&list, user);
    everywhere(s, &(struct msg_disconnect){.users = list_of(&list, 1), .forget = 1});
    buf_fini(&list);
}
