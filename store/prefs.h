/* SPDX-License-Identifier: Apache-2.0 */
/* prefs.h -- what a user wants to be told, and when.
 *
 * Rules   looked at in the commit that makes a notification, so that nothing slips between. Muting
 *         comes before quiet hours. Who has no preferences costs a create nothing: the inbox's row
 *         says whether there are any.
 *         Quiet hours are by the clocks of a place, from a minute of the day up to another, which
 *         may be of the next day; a zone that this machine does not know any more is UTC. */
#pragma once

#include "lib/zone.h"
#include "proto/items.h"
#include "store/topics.h"

struct prefs_row {
    uint64_t types; /* muted: bits */
    uint64_t quiet; /* 1: there are quiet hours */
    uint64_t from_min, to_min;
    uint64_t allow; /* bits of types */
};

struct prefs {
    struct prefs_row row;
    struct bytes zone; /* borrowed, as are the lists */
    struct mp_list categories, topics;
};

/* What a notification is of. */
struct subject {
    uint64_t type;
    struct bytes category, topic; /* may be empty */
};

/* Zones that were needed, read again each day. */
struct zones {
    struct {
        char name[ZONE_MAX + 1];
        struct zone *zone;
        int64_t day;
    } slots[64];
    unsigned next;
};
void zones_fini(struct zones *z);

/* Within limits, and its time zone is known here. */
bool prefs_valid(const struct msg_prefs_put *m);

/* Replace all. OK, INVALID (no such zone; times out of a day) or WORLD. */
enum err prefs_put(struct work *w, const struct msg_prefs_put *m);

/* Nothing is muted and nothing quiet when there are none. OK or WORLD. */
enum err prefs_load(struct txn *t, struct bytes user, struct prefs *p);

/* Why it is not simply shown, if at all. A damaged row is none: what cannot be read mutes nothing. */
enum why_not prefs_why_not(struct txn *t, struct zones *z, struct bytes user,
                           const struct subject *s, uint64_t now_ms);

void prefs_forget(struct work *w, struct bytes user);
