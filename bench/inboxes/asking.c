/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/inboxes/asking.h"

#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/link.h"
#include "lib/loop.h"
#include "proto/limits.h"
#include "proto/settings.h"
#include "proto/types.h"

#include <stdio.h>

enum { AHEAD = 8, SMALL_AHEAD = 500 };

static struct {
    struct link link;
    zmq_pollitem_t on[LINK_POLL];
    zmq_msg_t part;
    struct mp_in in;
    uint64_t req;
} b;

/* ---- asking ---- */

void send_one(struct msg *m)
{
    m->create.req = ++b.req;
    m->create.ttl_ms = ANSWER_MS;
    msg_write(link_out(&b.link), m);
    ENSURE(!link_out(&b.link)->overflowed);
    while (link_flush(&b.link) == ERR_LATER)
        loop_wait(b.on, LINK_POLL, clock_ms() + 1, clock_ms());
}

/* The next answer; it is borrowed until the one after. */
struct msg receive(void)
{
    struct msg m;
    uint64_t until_ms = clock_ms() + ANSWER_MS;
    while (!(b.in.ok && !mp_end(&b.in) && msg_read(&b.in, &m))) {
        while (link_change(&b.link) != LINK_same)
            ;
        if (link_read(&b.link, &b.part))
            b.in = mp_over(sock_bytes(&b.part));
        else if (clock_ms() > until_ms)
            refuse("the store does not answer");
        else
            loop_wait(b.on, LINK_POLL, until_ms, clock_ms());
    }
    if (m.created.status != ERR_OK)
        refuse("%s: %s", msg_name(m.id), err_text((enum err)m.created.status));
    return m;
}

struct msg ask(struct msg *m)
{
    send_one(m);
    return receive();
}

struct msg timed(struct msg *m, struct histogram *h)
{
    uint64_t from_ns = clock_ns();
    struct msg answer = ask(m);
    histogram_add(h, clock_ns() - from_ns);
    return answer;
}

void asking_open(const char *data)
{
    struct settings s = settings_load(NULL, data);
    struct paths paths = paths_of(&s);
    bus_key_load(&s);
    link_open(&b.link, zmq_ctx_new(), paths.store, FRAME_MAX);
    link_poll(&b.link, b.on);
    zmq_msg_init(&b.part);
    uint64_t until_ms = clock_ms() + 3000;
    while (!b.link.up) {
        if (clock_ms() > until_ms)
            refuse("the store of %s is not there: is it running?", data);
        loop_wait(b.on, LINK_POLL, until_ms, clock_ms());
        while (link_change(&b.link) != LINK_same)
            ;
    }
}

/* ---- users ---- */

struct bytes user_name(char room[NAME], uint64_t n)
{
    return (struct bytes){room, (size_t)snprintf(room, NAME, "u%07llu", (unsigned long long)n)};
}

static char content[BYTES_MOST + 200];

void create_bytes(uint64_t bytes)
{
    ENSURE(bytes <= BYTES_MOST);
    static const char line[] = "Ann: shall we ring the bell at noon?";
    size_t pad = bytes > sizeof line - 1 ? (size_t)bytes - (sizeof line - 1) : 0;
    int n = snprintf(
        content, sizeof content,
        "{\"type\":\"activity\",\"title\":\"New message in #design\",\"body\":\"%s%*s\","
        "\"data\":{\"n\":7}}",
        line, (int)pad, "");
    ENSURE(n > 0 && (size_t)n < sizeof content);
}

struct msg create_for(struct mp_list users)
{
    if (!content[0])
        create_bytes(0);
    return (struct msg){
        .id = MSG_create,
        .create = {.users = users, .type = TYPE_activity, .content = bytes_of(content)}};
}

static void put_users(struct buf *list, name_of *name, uint64_t from, uint64_t n)
{
    char room[NAME];
    buf_reset(list);
    for (uint64_t i = 0; i < n; i++)
        mp_put_str(list, name(room, from + i));
}

/* So many are under way that a commit has about as many notifications, however few users there are. */
void create_all(name_of *name, uint64_t n, uint64_t each)
{
    struct buf users;
    uint64_t sent = 0, answered = 0, ahead = AHEAD + SMALL_AHEAD / n;
    buf_init(&users, FRAME_MAX);
    for (uint64_t round = 0; round < each; round++)
        for (uint64_t at = 0; at < n; at += USERS_MAX) {
            uint64_t some = n - at < USERS_MAX ? n - at : USERS_MAX;
            put_users(&users, name, at, some);
            struct msg m = create_for(list_of(&users, (uint32_t)some));
            for (; sent - answered >= ahead; answered++)
                receive();
            send_one(&m);
            sent++;
        }
    for (; answered < sent; answered++)
        receive();
    buf_fini(&users);
}
