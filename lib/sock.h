/* SPDX-License-Identifier: Apache-2.0 */
/* sock.h -- ZeroMQ sockets with nothing left to its defaults.
 *
 * Rules   linger 0; reconnects from 10 to 250 ms; a high-water mark said by the caller.
 *         An ipc path is locked before it is bound: libzmq would silently steal it.
 *         What is tcp:// is encrypted, and its peers are known (curve.h).
 * Limits  an ipc path of at most SOCK_PATH_MAX bytes (sockaddr_un).
 * Errors  ours end the process; an endpoint that another process holds leaves with 111. */
#pragma once

#include "lib/buf.h"

#include <zmq.h>

enum { SOCK_PATH_MAX = 107 };

void *sock_new(void *ctx, int type, int high_water);
void sock_set(void *sock, int option, int value);
void sock_connect(void *sock, const char *endpoint);

/* Bind `ipc://PATH`, holding PATH.lock until the process ends, or `tcp://ADDRESS:PORT`. */
void sock_bind(void *sock, const char *endpoint);

/* Bind `ipc://PATH` before there is a context: the sock_bind() of it that follows takes that socket, and needs
 * to make none (sandbox.h). One of a process. */
void sock_hold(const char *endpoint);

/* Hold PATH.lock until the process ends. */
void sock_lock(const char *path);

/* The bytes of a received part, borrowed from it. */
static inline struct bytes sock_bytes(zmq_msg_t *part)
{
    return (struct bytes){zmq_msg_data(part), zmq_msg_size(part)};
}

/* Receive a part without waiting into an initialised msg; false when there is none. */
bool sock_read(void *sock, zmq_msg_t *part);

/* Send a copy of `bytes`; false when the high-water mark is reached or nobody is there. */
bool sock_send(void *sock, struct bytes bytes, int flags);

/* A SUB hears what begins with `key`, or not any more. */
void sock_subscribe(void *sock, struct bytes key, bool on);

/* Whether this thread used a socket since the last wait: only then may something wait in one whose
 * descriptor says nothing (lib/loop.h). Set by everything above; who calls libzmq itself sets it. */
extern _Thread_local bool sock_used;
