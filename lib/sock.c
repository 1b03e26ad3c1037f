/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sock.h"

#include "lib/curve.h"
#include "lib/ensure.h"
#include "lib/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { RECONNECT_MS = 10, RECONNECT_MAX_MS = 250, BACKLOG = 100 };

static int held = -1; /* of sock_hold() */

_Thread_local bool sock_used = true;

void sock_set(void *sock, int option, int value)
{
    sock_used = true;
    ENSURE(zmq_setsockopt(sock, option, &value, sizeof value) == 0);
}

void *sock_new(void *ctx, int type, int high_water)
{
    void *sock = zmq_socket(ctx, type);
    ENSURE(sock != NULL);
    sock_set(sock, ZMQ_LINGER, 0);
    sock_set(sock, ZMQ_SNDHWM, high_water);
    sock_set(sock, ZMQ_RCVHWM, high_water);
    sock_set(sock, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    sock_set(sock, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    return sock;
}

void sock_connect(void *sock, const char *endpoint)
{
    if (curve_needed(endpoint))
        curve_call(sock);
    if (zmq_connect(sock, endpoint) != 0)
        refuse("sock.connect endpoint=%s error=\"%s\"", endpoint, zmq_strerror(errno));
}

void sock_lock(const char *path)
{
    char name[SOCK_PATH_MAX + 8];
    int n = snprintf(name, sizeof name, "%s.lock", path);
    ENSURE(n > 0 && (size_t)n < sizeof name);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        refuse("sock.lock path=%s error=\"%s\"", name, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        try_again("sock.lock path=%s error=\"another process holds it\"", name);
    /* never closed: the lock is ours as long as we live */
}

/* The path of ipc://PATH, which is locked now; NULL: it is another endpoint. */
static const char *path_take(const char *endpoint)
{
    const char ipc[] = "ipc://";
    if (strncmp(endpoint, ipc, sizeof ipc - 1) != 0)
        return NULL;
    const char *path = endpoint + sizeof ipc - 1;
    if (strlen(path) > SOCK_PATH_MAX)
        refuse("sock.bind endpoint=%s error=\"the path is over %d bytes: choose a shorter data "
               "folder\"",
               endpoint, SOCK_PATH_MAX);
    sock_lock(path);
    return path;
}

void sock_hold(const char *endpoint)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = path_take(endpoint);
    ENSURE(path != NULL && held < 0);
    memcpy(at.sun_path, path, strlen(path));
    unlink(path); /* of whoever had the lock before */
    held = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (held < 0 || bind(held, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(held, BACKLOG) != 0)
        refuse("sock.bind endpoint=%s error=\"%s\"", endpoint, strerror(errno));
}

void sock_bind(void *sock, const char *endpoint)
{
    if (held >= 0)
        sock_set(sock, ZMQ_USE_FD, held);
    else
        path_take(endpoint);
    held = -1; /* it is the socket's now */
    if (curve_needed(endpoint))
        curve_serve(sock);
    int rc = zmq_bind(sock, endpoint);
    if (rc != 0 && errno == EADDRINUSE)
        try_again("sock.bind endpoint=%s error=\"another process holds it\"", endpoint);
    if (rc != 0)
        refuse("sock.bind endpoint=%s error=\"%s\"", endpoint, zmq_strerror(errno));
}

bool sock_read(void *sock, zmq_msg_t *part)
{
    sock_used = true;
    int n = zmq_msg_recv(part, sock, ZMQ_DONTWAIT);
    ENSURE(n >= 0 || errno == EAGAIN || errno == EINTR || errno == EFSM);
    return n >= 0;
}

bool sock_send(void *sock, struct bytes bytes, int flags)
{
    sock_used = true;
    int n = zmq_send(sock, bytes.p, bytes.n, flags | ZMQ_DONTWAIT);
    ENSURE(n >= 0 || errno == EAGAIN || errno == EINTR || errno == EHOSTUNREACH);
    return n >= 0;
}

void sock_subscribe(void *sock, struct bytes key, bool on)
{
    sock_used = true;
    ENSURE(zmq_setsockopt(sock, on ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, key.p, key.n) == 0);
}
