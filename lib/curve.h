/* SPDX-License-Identifier: Apache-2.0 */
/* curve.h -- sockets between machines: encrypted, and only among those who have the key.
 *
 * The idea  an installation has one key, the same file on each of its machines, and whoever has it is one
 *           of its processes: as with the sockets of its folder, for whoever may open that. Both ends prove
 *           that they have it (CURVE); what asks who a peer is (ZAP) is a thread of ours that knows one key.
 * Shape     curve_load() before the sandbox, curve_open() when there is a context; then sock_bind() and
 *           sock_connect() of tcp:// do what is needed by curve_serve() and curve_call().
 * Limits    who has not proved anything has HANDSHAKE_MS, and no message of more than MESSAGE_MAX bytes.
 * Owner     one key and one context for the process.
 * Source    zmq_curve(7); rfc.zeromq.org 26 (CurveZMQ), 27 (ZAP). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* An endpoint of tcp://: for these the key is needed. */
bool curve_needed(const char *endpoint);

/* A fresh key into a file that is not there yet, 0600, synced. False: errno says why. */
bool curve_make(const char *file);

/* NULL, or what is wrong with the file. */
const char *curve_load(const char *file);

/* Answers for the sockets of this context until it is terminated. Nothing without a key. */
void curve_open(void *ctx);

/* Before the socket is bound or connected. Without a key loaded: ours. */
void curve_serve(void *sock);
void curve_call(void *sock);

/* Connections that were refused for their key, since the start. */
uint64_t curve_refused(void);
