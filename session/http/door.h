/* SPDX-License-Identifier: Apache-2.0 */
/* door.h -- the listening socket: whose it is, and how many may come in.
 *
 * The idea    nobody is accepted to be thrown out: who has no place waits in the backlog. libmicrohttpd
 *             would spin when descriptors run out, so that we stay below what we may open.
 *             So it is at the start, too, until it is known which tokens are revoked (revoked.h).
 * Limits      the descriptors of the process (RLIMIT_NOFILE, raised to the hard limit) less DOOR_RESERVE.
 * Source      sd_listen_fds(3) for LISTEN_FDS and LISTEN_FDNAMES; socket(7) SO_REUSEPORT and
 *             SO_ATTACH_REUSEPORT_CBPF. */
#pragma once

#include "session/session.h"

struct MHD_Daemon;
struct door;

/* The supervisor's socket, or one of our own: bound, so that the sandbox needs to let no other be made; nobody
 * comes in before door_new(). */
int door_bind(const struct settings *set);

/* Opens s->front; what it accepts goes to `daemon`. */
struct door *door_new(struct session *s);
void door_free(struct door **slot);

void door_accept(struct session *s, struct door *d, struct MHD_Daemon *daemon);

/* The end of a turn: look again whether there is room. */
void door_turn(struct session *s, struct door *d);

/* When it may open again for the rate of newcomers; LOOP_NEVER: not for that. */
uint64_t door_deadline_ms(const struct session *s, const struct door *d);
void door_shut(struct session *s, struct door *d);

/* From now on the kernel gives new connections to the port's other sockets. Where it cannot be told to
 * (the sockets are not those of `belfry serve`, or this is the only one), nothing changes. */
void door_steer(struct session *s, struct door *d);

/* Sockets that this process may hold. */
uint32_t door_sockets_max(const struct door *d);
