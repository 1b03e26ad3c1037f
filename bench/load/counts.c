/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/counts.h"

#include "bench/load/http.h"
#include "bench/load/phoenix.h"
#include "lib/json.h"
#include "proto/token.h"

struct asking {
    struct http http; /* first */
    struct bench *bench;
    uint64_t sum;
};

static void answered(struct http *h, int status, struct bytes body)
{
    struct asking *a = (struct asking *)h;
    uint64_t unread;
    if (status == 200 && json_valid(body) && field_u64(body, "unread_count", &unread))
        a->sum += unread;
    else
        bench_failed(a->bench, "count: %d %.*s", status, (int)(body.n < 200 ? body.n : 200),
                     body.p);
}

static void gone(struct http *h, const char *why)
{
    struct asking *a = (struct asking *)h;
    if (h->waiting)
        bench_failed(a->bench, "count: no answer: %s", why);
}

uint64_t counts_sum(struct bench *b)
{
    static const struct http_ops ops = {answered, gone};
    struct asking a = {.bench = b};
    struct buf head;
    buf_init(&head, TOKEN_MAX * 2);
    http_init(&a.http, b->poller, &ops, &b->server.at, b->conns++);
    for (uint64_t n = 0; n < b->opt.users && b->failures == 0; n++) {
        char user[BENCH_USER];
        bench_user(b, n, user);
        buf_reset(&head);
        buf_format(&head,
                   "GET /api/notifications/count HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                   "Authorization: Bearer ",
                   ntohs(b->server.at.sin_port));
        server_token(&b->server, &head, user);
        buf_text(&head, "\r\n");
        http_ask(&a.http, buf_all(&head), (struct bytes){0});
        uint64_t until = clock_ns() + UINT64_C(10000000000);
        while (a.http.waiting && clock_ns() < until)
            poller_turn(b->poller, until);
        if (a.http.waiting)
            bench_failed(b, "count: no answer within 10 s");
    }
    http_fini(&a.http);
    buf_fini(&head);
    return a.sum;
}
