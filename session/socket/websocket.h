/* SPDX-License-Identifier: Apache-2.0 */
/* websocket.h -- receiving on WebSockets; sending is conn.h's.
 *
 * The idea    wslay reads (its conformance), but a context of it is 8.8 KB: contexts are pooled, and
 *             an idle connection, or one between two messages, holds none.
 * Limits      a message of settings->message_bytes (1009 beyond); one read buffer for the process;
 *             RECEIVERS_SPARE contexts kept for reuse.
 * Source      RFC 6455; wslay's event API. */
#pragma once

#include "session/socket/conn.h"

struct websockets;
struct websockets *websockets_new(struct session *s);
void websockets_free(struct websockets **slot);

/* Take over an upgraded socket; closes it when there is no room. `extra`: what the client sent behind
 * its handshake. */
void websocket_adopt(struct session *s, int fd, const struct hello *hello, struct bytes extra);

/* Its descriptor is readable, writable or closed (EPOLL* bits). */
void websocket_ready(struct session *s, struct conn *c, uint32_t events);

/* The connection goes: give back what it holds. */
void websocket_forget(struct session *s, struct conn *c);
