/* SPDX-License-Identifier: Apache-2.0 */
/* ws.h -- the client's end of a WebSocket: handshake, masked frames out, frames in.
 *
 * Limits  the server's messages come in one frame each, at most 8 MB: a fragmented one closes.
 * Source  RFC 6455, sections 4.1, 5.2, 5.3. */
#pragma once

#include "bench/load/conn.h"

struct ws;
struct ws_ops {
    void (*opened)(struct ws *w);
    void (*message)(struct ws *w, struct bytes text); /* borrowed for the call */
    void (*gone)(struct ws *w, const char *why);
};

struct ws {
    struct conn conn; /* first */
    const struct ws_ops *ops;
    uint32_t mask; /* of the last frame */
    bool upgraded;
};

/* `path` with its query. It asks at once; number as in conn_open(). */
void ws_open(struct ws *w, struct poller *p, const struct ws_ops *ops, const struct sockaddr_in *to,
             struct bytes path, uint32_t number);

/* Put a text message into the output; ws_flush() sends all of it. */
void ws_text(struct ws *w, struct bytes text);
void ws_flush(struct ws *w);
void ws_close(struct ws *w);
