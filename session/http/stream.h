/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h -- an answer in parts, whose length nobody knows when it begins.
 *
 * The idea: one part is in memory at a time. When the client has taken it the owner is asked for the next
 * one, and the request waits until that is there; so a client that reads slowly costs one part.
 * Owner   `about` is the owner's, from stream_begin() until `ended` is called, which it is once:
 *         the client has all of it, or has left. The parts' bytes are the stream's.
 * Errors  a stream that breaks off ends without the last chunk: no client takes it for whole. */
#pragma once

#include "lib/buf.h"

struct session;
struct request;
struct stream;

struct stream_owner {
    void *about;
    void (*more)(void *about); /* give the next part, now or later */
    void (*ended)(void *about);
};

/* Answer 200 with the first part, already there or to come; `type` is a media type. */
struct stream *stream_begin(struct session *s, struct request *r, const char *type,
                            struct stream_owner owner);

/* Where the next part is written, empty; then stream_give() it. */
struct buf *stream_part(struct stream *st);
void stream_give(struct stream *st, bool last);

/* Nothing more can be had. */
void stream_break(struct stream *st);
