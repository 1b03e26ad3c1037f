/* SPDX-License-Identifier: Apache-2.0 */
#include "store/committer.h"

#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/sock.h"

#include <errno.h>

static const char pair[] = "inproc://committer";

static void give(void *end, struct batch *b)
{
    ENSURE(sock_send(end, (struct bytes){(const char *)&b, sizeof b}, 0));
}

/* Waits. NULL: stop. */
static struct batch *next(void *end)
{
    struct batch *b;
    int n;
    do
        n = zmq_recv(end, &b, sizeof b, 0);
    while (n < 0 && errno == EINTR);
    ENSURE(n == sizeof b);
    return b;
}

static void *run(void *arg)
{
    struct committer *c = arg;
    struct batch *b;
    while ((b = next(c->theirs))) {
        while (b->done < b->count && !b->failed)
            commit_some(c->commit, b, (struct instant){clock_ms(), clock_wall_ms()});
        give(c->theirs, b);
    }
    return NULL;
}

/* No high-water mark: there is one batch at most, but libzmq learns late that the other end has read
 * (at half the mark, and only now and then), and would refuse one that fits. */
void committer_start(struct committer *c, void *ctx, struct commit *commit)
{
    *c = (struct committer){
        .commit = commit, .ours = sock_new(ctx, ZMQ_PAIR, 0), .theirs = sock_new(ctx, ZMQ_PAIR, 0)};
    ENSURE(zmq_bind(c->ours, pair) == 0);
    ENSURE(zmq_connect(c->theirs, pair) == 0);
    ENSURE(pthread_create(&c->thread, NULL, run, c) == 0); /* which hands `theirs` over */
}

void committer_stop(struct committer *c)
{
    give(c->ours, NULL);
    ENSURE(pthread_join(c->thread, NULL) == 0);
    zmq_close(c->theirs);
    zmq_close(c->ours);
}

void committer_give(struct committer *c, struct batch *b)
{
    give(c->ours, b);
}

struct batch *committer_take(struct committer *c)
{
    struct batch *b = NULL;
    sock_used = true;
    int n = zmq_recv(c->ours, &b, sizeof b, ZMQ_DONTWAIT);
    ENSURE(n == sizeof b || errno == EAGAIN || errno == EINTR);
    return n < 0 ? NULL : b;
}
