/* SPDX-License-Identifier: Apache-2.0 */
/* phoenix.h -- Phoenix messages, vsn 2.0.0: [join_ref, ref, topic, event, payload]. */
#pragma once

#include "lib/buf.h"

struct phoenix {
    struct bytes join_ref, ref; /* empty when null */
    struct bytes topic, event;
    struct bytes payload; /* JSON, checked */
};

/* Append one; `payload` is JSON. An empty join_ref or ref is written as null. */
void phoenix_write(struct buf *out, const struct phoenix *m);

/* Read one; it borrows from the text. False when it is not one. Names with escapes in them stay as
 * they are: no name of Belfry has any. */
bool phoenix_read(struct bytes text, struct phoenix *m);

/* A phx_reply's response when its status is ok; false otherwise. */
bool phoenix_ok(struct bytes payload, struct bytes *response);

/* A member of a checked JSON object, and a whole number of it; empty and false when not there. */
struct bytes field(struct bytes object, const char *name);
bool field_u64(struct bytes object, const char *name, uint64_t *out);
