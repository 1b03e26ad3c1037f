/* SPDX-License-Identifier: Apache-2.0 */
/* turn.h -- one turn of a session process: everything that came is handled, everything that it
 * produced leaves. What is around it (settings, signals, the one wait) is main.c's.
 *
 * Order   what came from other processes, then from clients; then deadlines; then what leaves:
 *         frames, HTTP answers, the bus, the peers, the store. */
#pragma once

#include "session/session.h"

/* Make and end the parts of the process. `s` has its settings, index, clocks, counters and keys. */
void turn_open(struct session *s, void *zmq, const struct paths *paths);
void turn_close(struct session *s);

/* `descriptors`: s->epoll has something to say; `sockets`: a process has. The clocks of `s` are those
 * of this turn. */
void turn_run(struct session *s, bool descriptors, bool sockets);
uint64_t turn_deadline_ms(const struct session *s);
