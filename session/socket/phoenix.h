/* SPDX-License-Identifier: Apache-2.0 */
/* phoenix.h -- Phoenix Channels on the wire: reading what a client sends, writing what it gets.
 *
 * Shape   A frame to a client is written once, as a WebSocket text frame (unmasked, with its header),
 *         and shared; long-poll takes the text behind the header.
 *             vsn 2   [join_ref, ref, topic, event, payload]
 *             vsn 1   {"topic":..,"event":..,"payload":..,"ref":..}
 * Rules   compact, no white space, payload last; refs are repeated as the very text that came, so that
 *         a string stays a string. Our own topics and events need no escaping (proto/topic.h); what a
 *         client made up is repeated raw.
 * Source  Phoenix.Socket.V2.JSONSerializer; RFC 6455 section 5.2. */
#pragma once

#include "lib/arena.h"
#include "lib/frame.h"

enum { REF_MAX = 64, WS_HEADER_MAX = 10 };

enum phx_vsn { PHX_V1 = 1, PHX_V2 = 2 };

struct phx_in {
    struct bytes join_ref, ref; /* raw JSON: "6" with its quotes, a number, or null */
    struct bytes topic, event;  /* plain text */
    struct bytes topic_raw; /* as it may be written into a frame again: of a valid topic its name */
    struct bytes payload;   /* checked JSON; of a binary push its bytes */
    bool binary;
};

/* NULL, or a word why the message is not one. What is read borrows from `text` and the arena. */
const char *phx_read_text(struct phx_in *in, struct bytes text, enum phx_vsn vsn,
                          struct arena *scratch);
const char *phx_read_binary(struct phx_in *in, struct bytes bytes, struct arena *scratch);

static inline bool phx_is_null(struct bytes ref)
{
    return ref.n == 4 && ref.p[0] == 'n';
}

#define PHX_NULL BYTES("null")

/* One frame, owned by the caller. `payload` is JSON text. vsn 1 has no join_ref. */
struct frame *phx_frame(enum phx_vsn vsn, struct bytes join_ref, struct bytes ref,
                        struct bytes topic, struct bytes event, struct bytes payload);

/* A phx_reply; `status` is "ok" or "error". */
struct frame *phx_reply(enum phx_vsn vsn, struct bytes join_ref, struct bytes ref,
                        struct bytes topic, const char *status, struct bytes response);

/* Bytes: kind 2 to everybody on a topic, kind 1 as the reply to a push. WebSocket and vsn 2 only. The
 * names have at most 255 bytes each. */
struct frame *phx_binary_broadcast(struct bytes topic, struct bytes event, struct bytes data);
struct frame *phx_binary_reply(struct bytes join_ref, struct bytes ref, struct bytes topic,
                               const char *status, struct bytes data);

/* The text of such a frame, without its WebSocket header. */
struct bytes phx_text(const struct frame *f);

/* A WebSocket control frame: opcode 8 close, 10 pong; at most 125 bytes. */
struct frame *ws_control(uint8_t opcode, struct bytes payload);
