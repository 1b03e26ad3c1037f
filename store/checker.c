/* SPDX-License-Identifier: Apache-2.0 */
#include "store/checker.h"

#include "lib/ensure.h"
#include "lib/sock.h"

#include <errno.h>

static const char pair[] = "inproc://checker";

static void give(void *end, struct check_job *j)
{
    ENSURE(sock_send(end, (struct bytes){(const char *)&j, sizeof j}, 0));
}

/* Waits. NULL: stop. */
static struct check_job *next(void *end)
{
    struct check_job *j;
    int n;
    do
        n = zmq_recv(end, &j, sizeof j, 0);
    while (n < 0 && errno == EINTR);
    ENSURE(n == sizeof j);
    return j;
}

static void *run(void *arg)
{
    struct checker *c = arg;
    struct check_job *j;
    while ((j = next(c->theirs))) {
        check_job_run(j, c->engine);
        give(c->theirs, j);
    }
    return NULL;
}

void checker_start(struct checker *c, void *ctx, struct engine *engine)
{
    *c = (struct checker){
        .engine = engine, .ours = sock_new(ctx, ZMQ_PAIR, 0), .theirs = sock_new(ctx, ZMQ_PAIR, 0)};
    ENSURE(zmq_bind(c->ours, pair) == 0);
    ENSURE(zmq_connect(c->theirs, pair) == 0);
    ENSURE(pthread_create(&c->thread, NULL, run, c) == 0); /* which hands `theirs` over */
}

void checker_stop(struct checker *c)
{
    give(c->ours, NULL);
    ENSURE(pthread_join(c->thread, NULL) == 0);
    zmq_close(c->theirs);
    zmq_close(c->ours);
}

void checker_give(struct checker *c, struct check_job *j)
{
    give(c->ours, j);
}

struct check_job *checker_take(struct checker *c)
{
    struct check_job *j = NULL;
    sock_used = true;
    int n = zmq_recv(c->ours, &j, sizeof j, ZMQ_DONTWAIT);
    ENSURE(n == sizeof j || errno == EAGAIN || errno == EINTR);
    return n < 0 ? NULL : j;
}
