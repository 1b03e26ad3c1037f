/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h -- what every process does around its one wait.
 *
 * The wait is one poll() over descriptors, those of ZeroMQ sockets among them. Such a one says only
 * that its socket has something to look at, and any use of the socket may take that word away
 * (zmq_getsockopt(3) ZMQ_FD): so a socket is asked before the wait if any was used since the last,
 * and after it if its descriptor spoke. zmq_poll() asks each of them twice, whatever happened.
 *
 * Exit codes speak to the supervisor: 0 drained, 111 try again, 100 a person must change something.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

enum { EXIT_drained = 0, EXIT_refused = 100, EXIT_again = 111 };

#define LOOP_NEVER UINT64_MAX

/* TERM and INT as a readable descriptor; PIPE ignored. Call before any thread is made. */
int signals_take(void);

enum { LOOP_MAX = 160 };

/* Wait until something is readable or `deadline_ms` (monotonic, LOOP_NEVER for none) has come. At
 * most LOOP_MAX things, for input alone. */
void loop_wait(zmq_pollitem_t *on, int n, uint64_t deadline_ms, uint64_t now_ms);

/* One newline to the supervisor, and the descriptor closed; -1 does nothing. */
void ready_tell(int fd);

/* Leave with a line on standard error that a person can act on. */
_Noreturn void refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void try_again(const char *format, ...) __attribute__((format(printf, 1, 2)));
