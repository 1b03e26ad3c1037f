/* SPDX-License-Identifier: Apache-2.0 */
/* marking.h -- what a user does to items, as a client or a back end says it: by ids, or to all up to a pos.
 * From the list in proto/items.h come the pushes and the HTTP paths. Pure. */
#pragma once

#include "proto/items.h"
#include "session/actions/fields.h"

/* A name stands for one or both of them: a body with ids is by ids. */
struct marking {
    enum mark what;
    bool by_ids, all;
};

/* False: no such push; no such path behind /api/notifications/. */
bool marking_pushed(struct bytes event, struct marking *k);
bool marking_path(struct bytes path, struct marking *k);

/* The members of its body, for who is told of another one. */
const char *marking_allowed(const struct marking *k);

#define UP_TO_NEWEST UINT64_MAX

struct marker {
    struct bytes user;
    uint64_t shown;   /* `up_to` where none is named; UP_TO_NEWEST: all that is there then */
    uint64_t wall_ms; /* for an end of snoozing */
    bool batch;       /* the body names its own push, as `op` */
};

/* {"ids":[..],"until":..,"op_id":..,"observed_seq":..}, or {"up_to":..,"category":..,"only_read":..,..}.
 * False: `why` says which field and what is allowed. */
bool marking_read(struct msg *m, const struct marking *k, const struct marker *by,
                  struct bytes json, struct arena *scratch, struct problem *why);

/* Doing it twice does no harm. */
bool marking_repeats(const struct msg *m);

/* What of the request the store refuses; false: the reason is another. */
bool marking_refused(enum err e, struct problem *why);
