/* SPDX-License-Identifier: Apache-2.0 */
/* polls.c -- Phoenix.LongPoll of a client: one GET waits; what is to be sent goes in POSTs, one after
 * the other. Each may land on any session process. An answer that was lost is asked for again with
 * the same token. */
#include "lib/ensure.h"
#include "lib/json.h"
#include "tests/sim/client.h"

#include <stdio.h>

enum { PATIENCE_S = 20 };

static void polled(void *about, const struct answer *a);

static void get(struct client *c)
{
    struct call call = {.session = front_session(&c->dice),
                        .method = "GET",
                        .path = "/socket/longpoll",
                        .query_token = c->token,
                        .user = users[c->user],
                        .iat_s = c->iat_s};
    c->get = http_call(&call, PATIENCE_S * SECOND, polled, c);
}

void poll_open(struct client *c)
{
    c->token[0] = '\0';
    get(c);
}

static void messages(struct client *c, struct bytes list)
{
    static struct arena scratch;
    struct json in = json_over(list);
    struct bytes one, text;
    if (scratch.cap == 0)
        arena_init(&scratch, 4 << 20);
    arena_reset(&scratch);
    json_enter(&in, '[');
    while (!verdict.wrong && c->open && json_element(&in, &one))
        if (json_string(one, &scratch, &text))
            client_heard(c, text);
}

static void polled(void *about, const struct answer *a)
{
    struct client *c = about;
    uint64_t status = 0;
    struct bytes token;
    c->get = 0;
    if (c->lose && a->status != 0 && c->open) {
        c->lose = false;
        tell(c->name, "never sees an answer to its poll, and polls again");
        get(c);
        return;
    }
    if (a->status != 0)
        text_number(a->body, "status", &status);
    if (text_string(text_member(a->body, "token"), &token) && token.n < sizeof c->token) {
        memcpy(c->token, token.p, token.n);
        c->token[token.n] = '\0';
    }
    if (status == 410 && !c->open && c->wanted) {
        client_opened(c);
        get(c);
    } else if ((status == 200 || status == 204) && c->open) {
        static char room[1 << 21];
        struct bytes list = text_member(a->body, "messages");
        ENSURE(list.n < sizeof room);
        if (list.n > 0)
            memcpy(room, list.p, list.n);
        get(c);
        if (status == 200)
            messages(c, (struct bytes){room, list.n});
    } else {
        client_lost(c);
    }
}

static void posted(void *about, const struct answer *a)
{
    struct client *c = about;
    uint64_t status = 0;
    c->post = 0;
    if (a->status != 0)
        text_number(a->body, "status", &status);
    if (status == 200)
        poll_flush(c);
    else
        client_lost(c);
}

void poll_flush(struct client *c)
{
    if (c->post || c->out.n == 0 || !c->open)
        return;
    buf_byte(&c->out, '\0');
    struct call call = {.session = front_session(&c->dice),
                        .method = "POST",
                        .path = "/socket/longpoll",
                        .query_token = c->token,
                        .body = c->out.p};
    c->post = http_call(&call, PATIENCE_S * SECOND, posted, c);
    buf_reset(&c->out);
}

void poll_close(struct client *c)
{
    if (c->get)
        http_give_up(c->get);
    if (c->post)
        http_give_up(c->post);
    c->get = c->post = 0;
    buf_reset(&c->out);
}
