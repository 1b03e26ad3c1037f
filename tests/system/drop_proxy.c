/* SPDX-License-Identifier: Apache-2.0 */
/* drop_proxy IN OUT -- stands between the notifier and the broker and loses a message when told.
 *
 * Binds IN, where the notifier publishes (setting notifier/publish_to), and connects to OUT, the
 * broker. Each USR1 loses the next message that has broadcasts; heads pass. Says `ready`, and
 * `dropped` after each, on standard output. TERM ends it. */
#include "lib/sock.h"
#include "proto/topic.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t to_drop, leave;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        to_drop = 1;
    else
        leave = 1;
}

static void say(const char *word)
{
    puts(word);
    fflush(stdout);
}

static bool has_broadcasts(zmq_msg_t *m)
{
    char key[BUS_KEY];
    bus_key(0, key);
    struct bytes b = sock_bytes(m);
    return b.n >= BUS_KEY && b.p[0] == key[0];
}

static void pass(void *in, void *out)
{
    zmq_msg_t m;
    zmq_msg_init(&m);
    while (sock_read(in, &m)) {
        if (to_drop && has_broadcasts(&m)) {
            to_drop = 0;
            say("dropped");
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
