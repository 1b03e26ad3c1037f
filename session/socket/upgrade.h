/* SPDX-License-Identifier: Apache-2.0 */
/* upgrade.h -- how a client connects: the WebSocket handshake, and the first GET of a long-poll.
 *
 * Both carry the same: vsn, and the user's token as params.token or as phoenix.js's authToken (a
 * subprotocol on WebSocket, a header on long-poll). The upgraded socket is duplicated and
 * libmicrohttpd's side closed at once, so that it holds nothing for a WebSocket.
 * Source  RFC 6455 section 4.2; Phoenix.Socket.Transport. */
#pragma once

#include "session/http/http.h"

void upgrade_websocket(struct session *s, struct request *r);
/* As routes_admit(), of a long-poll's POST. */
bool upgrade_admit(struct session *s, struct request *r);
void upgrade_longpoll(struct session *s, struct request *r);

/* From entrance.h: its request is answered, well or not. */
void upgrade_let_in(struct session *s, struct request *r);
void upgrade_refuse(struct session *s, struct request *r, bool later, const char *why);
