/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/api.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/token.h"

#include <stdlib.h>

enum { ANSWER_MAX = 1 << 20 };

static void answered(struct http *h, int status, struct bytes body)
{
    struct api *a = (struct api *)h;
    a->status = status;
    buf_reset(&a->answer);
    buf_bytes(&a->answer, body);
}

static void gone(struct http *h, const char *why)
{
    struct api *a = (struct api *)h;
    if (h->waiting)
        bench_failed(a->bench, "no answer: %s", why);
}

struct api *api_new(struct bench *b)
{
    static const struct http_ops ops = {answered, gone};
    struct api *a = calloc(1, sizeof *a);
    ENSURE(a != NULL);
    http_init(&a->http, b->poller, &ops, &b->server.at, b->conns++);
    a->bench = b;
    buf_init(&a->head, TOKEN_MAX * 2);
    buf_init(&a->answer, ANSWER_MAX);
    return a;
}

void api_free(struct api **slot)
{
    struct api *a = *slot;
    *slot = NULL;
    if (!a)
        return;
    http_fini(&a->http);
    buf_fini(&a->head);
    buf_fini(&a->answer);
    free(a);
}

struct bytes api_call(struct api *a, const char *what, const char *user, const char *type,
                      struct bytes body)
{
    struct bench *b = a->bench;
    buf_reset(&a->head);
    buf_format(&a->head, "%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer ", what,
               ntohs(b->server.at.sin_port));
    server_token(&b->server, &a->head, user);
    buf_text(&a->head, "\r\n");
    if (type)
        buf_format(&a->head, "Content-Type: %s\r\n", type);
    a->status = 0;
    http_ask(&a->http, buf_all(&a->head), body);
    uint64_t until = clock_ns() + UINT64_C(10000000000);
    while (a->http.waiting && clock_ns() < until)
        poller_turn(b->poller, until);
    struct bytes answer = buf_all(&a->answer);
    if (a->status >= 200 && a->status < 300 && json_valid(answer))
        return answer;
    bench_failed(b, "%s: %d %.*s", what, a->status, (int)(answer.n < 200 ? answer.n : 200),
                 a->status ? answer.p : "no answer within 10 s");
    return (struct bytes){0};
}
