/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/writers.h"

#include "lib/ensure.h"

#include <stdlib.h>

enum { REQUEST_MAX = 8192 };

static void set_free(struct writer *writer)
{
    writer->next_free = writer->all->free;
    writer->all->free = writer;
}

static void answered(struct http *h, int status, struct bytes body)
{
    struct writer *writer = (struct writer *)h;
    struct writers *w = writer->all;
    uint64_t now = w->bench->poller->now_ns;
    w->answered++;
    set_free(writer);
    if (status != 201) {
        bench_failed(w->bench, "create: %d %.*s", status, (int)(body.n < 300 ? body.n : 300),
                     body.p);
        return;
    }
    w->acknowledged++;
    if (w->counting) {
        histogram_add(&w->times, now - writer->sent_ns);
        w->counted++;
    }
    if (w->done)
        w->done(w, writer->n);
}

static void gone(struct http *h, const char *why)
{
    struct writer *writer = (struct writer *)h;
    if (!h->waiting)
        return; /* kept open too long for the server: the next request opens it again */
    if (writer->all->repeats && writer->all->bench->opt.key) {
        writer->next_free = writer->all->again;
        writer->all->again = writer;
        if (writer->all->lost)
            writer->all->lost(writer->all, writer->n);
        return;
    }
    bench_failed(writer->all->bench, "create: no answer: %s", why);
    writer->all->answered++;
    h->waiting = false;
    set_free(writer);
}

static void write_head(struct writers *w)
{
    struct server *s = &w->bench->server;
    buf_format(&w->head, "POST /api/notifications HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n",
               ntohs(s->at.sin_port));
    buf_text(&w->head, "Content-Type: application/json\r\nAuthorization: Bearer ");
    server_token(s, &w->head, NULL);
    buf_text(&w->head, "\r\n");
}

struct writers *writers_new(struct bench *b)
{
    static const struct http_ops ops = {answered, gone};
    struct writers *w = calloc(1, sizeof *w);
    ENSURE(w != NULL);
    w->bench = b;
    w->of = calloc(b->opt.writers, sizeof *w->of);
    ENSURE(w->of != NULL);
    for (uint64_t i = 0; i < b->opt.writers; i++) {
        http_init(&w->of[i].http, b->poller, &ops, &b->server.at, b->conns++);
        w->of[i].all = w;
        set_free(&w->of[i]);
    }
    buf_init(&w->head, REQUEST_MAX);
    buf_init(&w->request, REQUEST_MAX);
    buf_init(&w->body, REQUEST_MAX);
    write_head(w);
    return w;
}

void writers_free(struct writers **slot)
{
    struct writers *w = *slot;
    if (!w)
        return;
    for (uint64_t i = 0; i < w->bench->opt.writers; i++)
        http_fini(&w->of[i].http);
    buf_fini(&w->head);
    buf_fini(&w->request);
    buf_fini(&w->body);
    free(w->of);
    free(w);
    *slot = NULL;
}

static void ask(struct writers *w, struct writer *writer)
{
    char name[BENCH_USER];
    bench_user(w->bench, writer->user, name);

    buf_reset(&w->request);
    buf_bytes(&w->request, buf_all(&w->head));
    if (w->bench->opt.key)
        buf_format(&w->request, "Idempotency-Key: %s-%llu\r\n", w->bench->run,
                   (unsigned long long)writer->n);
    buf_reset(&w->body);
    buf_format(&w->body,
               "{\"to\":\"%s\",\"type\":\"activity\",\"title\":\"New message in #design\","
               "\"body\":\"Ann: shall we ring the bell at noon?\","
               "\"data\":{\"n\":%llu,\"t\":%llu}}",
               name, (unsigned long long)writer->n,
               (unsigned long long)(writer->sent_ns - w->bench->start_ns));
    http_ask(&writer->http, buf_all(&w->request), buf_all(&w->body));
}

bool writers_create(struct writers *w, uint64_t user)
{
    struct writer *writer = w->free;
    if (!writer)
        return false;
    w->free = writer->next_free;
    writer->n = w->asked++;
    writer->user = user;
    writer->sent_ns = clock_ns();
    w->fresh = !writer->http.conn.open;
    ask(w, writer);
    return true;
}

void writers_repeat(struct writers *w)
{
    while (w->again) {
        struct writer *writer = w->again;
        w->again = writer->next_free;
        ask(w, writer);
    }
}
