/* SPDX-License-Identifier: Apache-2.0 */
/* bench-floor-zmq: the floor under the way between processes. A publisher, a relay (XSUB to XPUB) and
 * a subscriber, each a process, over ipc; 200 bytes a message. With --rate 0 as many as arrive,
 * --window under way, as bench-load does it; else so many a second. */
#include "bench/common/report.h"
#include "lib/ensure.h"
#include "lib/loop.h"
#include "lib/sock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 200, QUEUE = 100000 };
#define SECOND UINT64_C(1000000000)

static char in[64], out[64], back[64]; /* endpoints */

static void *socket_on(void *ctx, int type, const char *endpoint, bool bind)
{
    void *s = sock_new(ctx, type, QUEUE);
    if (bind)
        ENSURE(zmq_bind(s, endpoint) == 0);
    else
        sock_connect(s, endpoint);
    return s;
}

static _Noreturn void relay(void)
{
    void *ctx = zmq_ctx_new();
    zmq_proxy(socket_on(ctx, ZMQ_XSUB, in, true), socket_on(ctx, ZMQ_XPUB, out, true), NULL);
    exit(0);
}

/* Every message is sent back to the publisher, which looks at its time: some gather in one. */
static _Noreturn void subscriber(void)
{
    void *ctx = zmq_ctx_new(), *sub = socket_on(ctx, ZMQ_SUB, out, false);
    void *push = socket_on(ctx, ZMQ_PUSH, back, false);
    ENSURE(zmq_setsockopt(sub, ZMQ_SUBSCRIBE, "", 0) == 0);
    for (;;) {
        char message[SIZE], all[128 * 8];
        size_t n = 0;
        ENSURE(zmq_recv(sub, message, SIZE, 0) == SIZE);
        do {
            memcpy(all + n, message, 8);
            n += 8;
        } while (n < sizeof all && zmq_recv(sub, message, SIZE, ZMQ_DONTWAIT) == SIZE);
        zmq_send(push, all, n, 0);
    }
}

struct floor {
    void *pub, *pull;
    uint64_t said, arrived, counted;
    bool counting;
    struct histogram times;
};

static void say(struct floor *f)
{
    char message[SIZE] = {0};
    uint64_t now = clock_ns();
    memcpy(message, &now, sizeof now);
    zmq_send(f->pub, message, SIZE, ZMQ_DONTWAIT);
    f->said++;
}

static void hear(struct floor *f, uint64_t until)
{
    uint64_t all[128], now = clock_ns();
    zmq_pollitem_t on = {.socket = f->pull, .events = ZMQ_POLLIN};
    zmq_poll(&on, 1, until > now ? (long)((until - now) / 1000000) : 0);
    for (int n; (n = zmq_recv(f->pull, all, sizeof all, ZMQ_DONTWAIT)) > 0;)
        for (int i = 0; i < n / 8; i++) {
            f->arrived++;
            f->counted += f->counting;
            if (f->counting)
                histogram_add(&f->times, clock_ns() - all[i]);
        }
}

static void run_for(struct floor *f, uint64_t seconds, uint64_t rate, uint64_t window)
{
    uint64_t due = clock_ns(), until = due + seconds * SECOND;
    while (clock_ns() < until) {
        if (rate == 0)
            while (f->said - f->arrived < window)
                say(f);
        for (; rate > 0 && due <= clock_ns(); due += SECOND / rate)
            say(f);
        hear(f, rate > 0 && due < until ? due : until);
    }
}

/* Until the subscription has come through, what is said is lost. */
static void connect_all(struct floor *f)
{
    void *ctx = zmq_ctx_new();
    f->pull = socket_on(ctx, ZMQ_PULL, back, true);
    f->pub = socket_on(ctx, ZMQ_PUB, in, false);
    for (uint64_t until = clock_ns() + 5 * SECOND; f->arrived == 0;) {
        if (clock_ns() > until)
            try_again("the relay carries nothing");
        say(f);
        hear(f, clock_ns() + SECOND / 20);
    }
    hear(f, clock_ns() + SECOND / 5);
    f->said = f->arrived = 0;
}

static double children_cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_CHILDREN, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static pid_t start(void (*run)(void))
{
    pid_t pid = fork();
    ENSURE(pid >= 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run();
    exit(0);
}

static uint64_t number(int argc, char **argv, const char *name, uint64_t standard)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    return standard;
}

int main(int argc, char **argv)
{
    static struct floor f;
    static struct report report;
    char folder[] = "/tmp/bench-zmq-XXXXXX";
    uint64_t seconds = number(argc, argv, "--seconds", 3), rate = number(argc, argv, "--rate", 0);
    uint64_t window = number(argc, argv, "--window", 256);
    ENSURE(mkdtemp(folder) != NULL);
    snprintf(in, sizeof in, "ipc://%s/in", folder);
    snprintf(out, sizeof out, "ipc://%s/out", folder);
    snprintf(back, sizeof back, "ipc://%s/back", folder);
    prctl(PR_SET_TIMERSLACK, 1UL);
    pid_t pids[] = {start(relay), start(subscriber)};
    connect_all(&f);
    run_for(&f, 1, rate, window);
    f.counting = true;
    run_for(&f, seconds, rate, window);
    for (int i = 0; i < 2; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    for (const char *const *p = (const char *const[]){in, out, back, NULL}; *p; p++)
        unlink(*p + 6);
    rmdir(folder);
    report_add(&report, (double)f.counted / (double)seconds, 0, "messages_per_s");
    report_times(&report, "message", &f.times);
    report_add(&report, children_cpu_s() * 1e6 / (double)f.said, 2, "cpu_s_per_million");
    report_print(&report, number(argc, argv, "--json", 0) != 0);
    return 0;
}
