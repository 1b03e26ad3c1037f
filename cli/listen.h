/* SPDX-License-Identifier: Apache-2.0 */
/* listen.h -- the listening sockets, which outlive the processes that accept from them.
 *
 * Shape   one SO_REUSEPORT socket for each session process, so that the kernel spreads connects
 *         evenly, and those for a dead one wait in its backlog until it is back.
 * Errors  leave with 100, or with 111 when the port is in use. Source  socket(7); sd_listen_fds(3). */
#pragma once

#include "lib/buf.h"

enum { LISTEN_BACKLOG = 4096, LISTEN_TEXT = 64 };

struct listen_at {
    char text[LISTEN_TEXT];    /* HOST:PORT as it was asked for, with the port that it became */
    char address[LISTEN_TEXT]; /* HOST:PORT that a client on this machine connects to */
};

/* Open `count` sockets on HOST:PORT. `loopback_only`: refuse anything else. */
struct listen_at listen_open(const char *where, unsigned count, bool loopback_only, int *sockets);
