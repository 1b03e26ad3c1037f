/* SPDX-License-Identifier: Apache-2.0 */
/* drop_proxy IN OUT -- stands between the notifier and the broker and loses a message when told.
 *
 * Binds IN, where the notifier publishes (setting notifier/publish_to), and connects to OUT, the
 * broker. Each USR1 loses the next message that has broadcasts, each USR2 that and the next heads
 * too. Says `ready`, and `dropped` or `dropped heads` after each, on standard output. TERM ends
 * it. */
#include "lib/sock.h"
#include "proto/topic.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t to_drop, heads_too, leave;

static void on_signal(int number)
{
    if (number == SIGTERM)
        leave = 1;
    else
        to_drop = 1;
    if (number == SIGUSR2)
        heads_too = 1;
}

static void say(const char *word)
{
    puts(word);
    fflush(stdout);
}

static bool begins(zmq_msg_t *m, char kind)
{
    struct bytes b = sock_bytes(m);
    return b.n > 0 && b.p[0] == kind;
}

static void pass(void *in, void *out)
{
    zmq_msg_t m;
    zmq_msg_init(&m);
    while (sock_read(in, &m)) {
        if (to_drop && begins(&m, BUS_TOPIC)) {
            to_drop = 0;
            say("dropped");
        } else if (heads_too && !to_drop && begins(&m, BUS_HEADS)) {
            heads_too = 0;
            say("dropped heads");
        } else {
            sock_send(out, sock_bytes(&m), 0);
        }
    }
    zmq_msg_close(&m);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "use: drop_proxy IN OUT\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    void *ctx = zmq_ctx_new();
    void *in = sock_new(ctx, ZMQ_SUB, 0);
    zmq_setsockopt(in, ZMQ_SUBSCRIBE, "", 0);
    sock_bind(in, argv[1]);
    void *out = sock_new(ctx, ZMQ_PUB, 0);
    sock_connect(out, argv[2]);
    say("ready");

    while (!leave) {
        zmq_pollitem_t on = {.socket = in, .events = ZMQ_POLLIN};
        if (zmq_poll(&on, 1, 100) < 0 && errno != EINTR)
            return 1;
        pass(in, out);
    }
    zmq_close(in);
    zmq_close(out);
    zmq_ctx_term(ctx);
    return 0;
}
