/* SPDX-License-Identifier: Apache-2.0 */
/* guard.h -- what libmicrohttpd lets through and we do not.
 *
 * Two lengths, a Transfer-Encoding, a folded line, a name that is no token: each is how one proxy's request becomes
 * another's two. Measured on libmicrohttpd 0.9.75, strict mode; see docs/decisions.md.
 * Source  RFC 9112 sections 5 and 6; RFC 6455 section 4.2.1. */
#pragma once

#include "lib/buf.h"

struct MHD_Connection;

/* 0, or the status to refuse with, and why. */
unsigned guard_request(struct MHD_Connection *c, uint64_t body_max, const char **why);

/* Of a request's target the path: behind `http://HOST` of the absolute form (RFC 9112, 3.2.2), too.
 * NULL: HOST is not what the header Host says. A part of `target`, or static. */
const char *guard_path(struct MHD_Connection *c, const char *target);

/* 0, or the status to refuse this handshake with, and why. `key`: the client's Sec-WebSocket-Key. */
unsigned guard_handshake(struct MHD_Connection *c, const char **key, const char **why);

/* A comma-separated header lists this token (any case). */
bool header_lists(const char *value, const char *token);

/* Undo percent-encoding in place; gives the new length. What is no escape, and %00, which would cut the
 * text, becomes a control character: no name has any, so that two texts never name the same. */
size_t guard_unescape(char *text);
