/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/client.h"

#include "bench/load/phoenix.h"
#include "lib/ensure.h"
#include "lib/json.h"

#include <stdlib.h>

enum { PATH_MAX_BYTES = 4096 };

static uint64_t polls_answered;

uint64_t client_polls(void)
{
    return polls_answered;
}

/* ---- WebSocket ---- */

static void ws_opened(struct ws *w)
{
    struct client *c = (struct client *)w;
    c->ops->opened(c);
}

static void ws_message(struct ws *w, struct bytes text)
{
    struct client *c = (struct client *)w;
    c->ops->message(c, text);
}

static void ws_gone(struct ws *w, const char *why)
{
    struct client *c = (struct client *)w;
    c->ops->gone(c, why);
}

static void write_query(struct client *c, struct buf *to, const char *user)
{
    buf_text(to, "?token=");
    server_token(&c->bench->server, to, user);
    buf_text(to, "&vsn=2.0.0");
}

static void open_websocket(struct client *c, const char *user)
{
    static const struct ws_ops ops = {ws_opened, ws_message, ws_gone};
    char room[PATH_MAX_BYTES];
    struct buf path = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_text(&path, "/socket/websocket");
    write_query(c, &path, user);
    ENSURE(!path.overflowed);
    ws_open(&c->ws, c->bench->poller, &ops, &c->bench->server.at, buf_all(&path),
            c->bench->conns++);
}

/* ---- long-poll ---- */

static void lose(struct client *c, const char *why)
{
    client_close(c);
    c->ops->gone(c, why);
}

/* One request; its path's query is whole, or carries the session's token. */
static void ask(struct client *c, struct http *h, const char *method, struct bytes query,
                struct bytes body)
{
    char room[PATH_MAX_BYTES];
    struct buf head = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_format(&head, "%s /socket/longpoll", method);
    buf_bytes(&head, query);
    if (query.n == 0)
        buf_format(&head, "?vsn=2.0.0&token=%s", c->polls->token);
    buf_format(&head, " HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", ntohs(c->bench->server.at.sin_port));
    if (body.n > 0)
        buf_text(&head, "Content-Type: application/x-ndjson\r\n");
    ENSURE(!head.overflowed);
    http_ask(h, buf_all(&head), body);
}

/* Say what waits to be said; else, when nothing does, listen. */
static void go_on(struct client *c)
{
    struct polls *p = c->polls;
    if (p->token[0] && p->waiting.n > 0 && !p->saying) {
        p->saying = !p->get.waiting ? &p->get : &p->post;
        ask(c, p->saying, "POST", (struct bytes){0}, buf_all(&p->waiting));
        buf_reset(&p->waiting);
    } else if (p->token[0] && !p->get.waiting) {
        ask(c, &p->get, "GET", (struct bytes){0}, (struct bytes){0});
    }
}

static void take_messages(struct client *c, struct bytes list)
{
    static struct arena scratch;
    if (!scratch.p)
        arena_init(&scratch, CLIENT_BATCH);
    struct json in = json_over(list);
    struct bytes value, text;
    json_enter(&in, '[');
    while (json_element(&in, &value)) {
        arena_reset(&scratch);
        ENSURE(json_string(value, &scratch, &text));
        c->ops->message(c, text);
        if (c->polls->closed)
            return;
    }
}

static void take_token(struct polls *p, struct bytes body)
{
    struct bytes token = field(body, "token");
    if (token.n < 3)
        return; /* an answer to a POST has none */
    ENSURE(token.n - 2 < sizeof p->token);
    memcpy(p->token, token.p + 1, token.n - 2);
    p->token[token.n - 2] = '\0';
}

static void answered(struct http *h, int status, struct bytes body)
{
    struct client *c = h->of;
    struct polls *p = c->polls;
    uint64_t code = 0;
    if (status != 200 || !json_valid(body) || !field_u64(body, "status", &code) ||
        (code != 200 && code != 204 && (code != 410 || p->token[0]))) {
        lose(c, "a poll was refused");
        return;
    }
    take_token(p, body);
    if (h == p->saying)
        p->saying = NULL;
    if (code == 410)
        c->ops->opened(c);
    struct bytes messages = field(body, "messages");
    polls_answered += messages.n > 2;
    if (messages.n > 2)
        take_messages(c, messages);
    if (!p->closed)
        go_on(c);
}

static void gone(struct http *h, const char *why)
{
    if (h->waiting)
        lose(h->of, why);
}

static void open_longpoll(struct client *c, const char *user)
{
    static const struct http_ops ops = {answered, gone};
    char room[PATH_MAX_BYTES];
    struct buf query = {.p = room, .cap = sizeof room, .max = sizeof room};
    free(c->polls);
    struct polls *p = c->polls = calloc(1, sizeof *p);
    ENSURE(p != NULL);
    buf_init(&p->waiting, 1 << 20);
    http_init(&p->get, c->bench->poller, &ops, &c->bench->server.at, c->bench->conns++);
    http_init(&p->post, c->bench->poller, &ops, &c->bench->server.at, c->bench->conns++);
    p->get.of = p->post.of = c;
    write_query(c, &query, user);
    ENSURE(!query.overflowed);
    ask(c, &p->get, "GET", buf_all(&query), (struct bytes){0});
}

/* ---- either ---- */

void client_open(struct client *c, struct bench *b, const struct client_ops *ops, const char *user)
{
    c->bench = b;
    c->ops = ops;
    c->longpoll = b->opt.longpoll != 0;
    if (c->longpoll)
        open_longpoll(c, user);
    else
        open_websocket(c, user);
}

void client_close(struct client *c)
{
    if (!c->ops)
        return; /* was never opened */
    if (!c->longpoll) {
        ws_close(&c->ws);
        return;
    }
    c->polls->closed = true; /* whoever is amid its answer sees it; the next open frees it */
    http_fini(&c->polls->get);
    http_fini(&c->polls->post);
    buf_fini(&c->polls->waiting);
}

void client_text(struct client *c, struct bytes text)
{
    if (!c->longpoll) {
        ws_text(&c->ws, text);
        return;
    }
    buf_bytes(&c->polls->waiting, text);
    buf_byte(&c->polls->waiting, '\n');
    ENSURE(!c->polls->waiting.overflowed);
}

void client_flush(struct client *c)
{
    if (c->longpoll)
        go_on(c);
    else
        ws_flush(&c->ws);
}
