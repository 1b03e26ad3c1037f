/* SPDX-License-Identifier: Apache-2.0 */
/* churn: --opening clients at a time connect, join, and go as soon as they are answered; each is
 * followed by the next. They join one topic, or with --inbox 1 the inbox of a user, of which there
 * are --users, so that each join reads a snapshot from the store. */
#include "bench/load/client.h"

#include "bench/load/phoenix.h"
#include "lib/ensure.h"
#include "proto/topic.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000000)

struct churn;
struct visitor {
    struct client client; /* first */
    struct churn *churn;
    uint64_t from_ns, user;
    bool leaves;
};

struct churn {
    struct bench *bench;
    struct visitor *visitors;
    struct buf text;
    uint64_t visits, counted;
    bool counting;
    struct histogram times; /* from connect to the answered join */
};

static void join(struct client *client)
{
    struct visitor *v = (struct visitor *)client;
    struct bench *b = v->churn->bench;
    char user[BENCH_USER], topic[TOPIC_MAX + 1];
    size_t n;
    if (b->opt.inbox) {
        bench_user(b, v->user, user);
        n = topic_of_user(bytes_of(user), topic);
    } else {
        n = (size_t)snprintf(topic, sizeof topic, "bench-room:%s-0", b->run);
    }
    buf_reset(&v->churn->text);
    phoenix_write(&v->churn->text, &(struct phoenix){.join_ref = BYTES("1"),
                                                     .ref = BYTES("1"),
                                                     .topic = {topic, n},
                                                     .event = BYTES("phx_join"),
                                                     .payload = BYTES("{}")});
    client_text(client, buf_all(&v->churn->text));
    client_flush(client);
}

/* It is left open until the turn is over: it may be amid its own message. */
static void message(struct client *client, struct bytes text)
{
    struct visitor *v = (struct visitor *)client;
    struct churn *h = v->churn;
    struct phoenix reply;
    struct bytes response;
    bool read = phoenix_read(text, &reply);
    if (read && !bytes_is(reply.event, "phx_reply"))
        return;
    if (!read || !phoenix_ok(reply.payload, &response)) {
        bench_failed(h->bench, "join: answered %.*s", (int)(text.n < 200 ? text.n : 200), text.p);
        return;
    }
    h->visits++;
    v->leaves = true;
    if (!h->counting)
        return;
    h->counted++;
    histogram_add(&h->times, clock_ns() - v->from_ns);
}

static void gone(struct client *client, const char *why)
{
    bench_failed(((struct visitor *)client)->churn->bench, "visitor: %s", why);
}

static void arrive(struct visitor *v)
{
    static const struct client_ops ops = {join, message, gone};
    struct bench *b = v->churn->bench;
    char user[BENCH_USER];
    v->user = b->conns % b->opt.users;
    bench_user(b, v->user, user);
    v->leaves = false;
    v->from_ns = clock_ns();
    client_open(&v->client, b, &ops, user);
}

static void run_for(struct churn *h, uint64_t seconds)
{
    struct bench *b = h->bench;
    uint64_t until = clock_ns() + seconds * SECOND;
    while (clock_ns() < until && b->failures == 0) {
        poller_turn(b->poller, until);
        for (uint64_t i = 0; i < b->opt.opening; i++) {
            struct visitor *v = &h->visitors[i];
            if (!v->leaves)
                continue;
            client_close(&v->client);
            arrive(v);
        }
    }
}

void churn_run(struct bench *b)
{
    struct churn *h = calloc(1, sizeof *h);
    ENSURE(h != NULL);
    struct usage before, after;
    h->bench = b;
    h->visitors = calloc(b->opt.opening, sizeof *h->visitors);
    ENSURE(h->visitors != NULL);
    buf_init(&h->text, 4096);
    for (uint64_t i = 0; i < b->opt.opening; i++) {
        h->visitors[i].churn = h;
        arrive(&h->visitors[i]);
    }
    run_for(h, b->opt.warm);
    usage_read(&before, &b->server);
    uint64_t from = clock_ns();
    h->counting = true;
    run_for(h, b->opt.seconds);
    double took = (double)(clock_ns() - from) / 1e9;
    usage_read(&after, &b->server);
    usage_same(&before, &after);

    report_add(&b->report, (double)h->counted / took, 0, "joins_per_s");
    report_times(&b->report, "join", &h->times);
    report_add(&b->report, (double)h->counted, 0, "joins");
    usage_report_cpu(&b->report, &before, &after, h->counted);
    for (uint64_t i = 0; i < b->opt.opening; i++)
        client_close(&h->visitors[i].client);
    buf_fini(&h->text);
    free(h->visitors);
    free(h);
}
