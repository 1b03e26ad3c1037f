/* SPDX-License-Identifier: Apache-2.0 */
/* import_line.h -- a line of an import: what the store is asked to take over, or what is wrong. Pure.
 *
 * A line is a notification as a row of some table gives it, {"user":..,"id":..,"title":..,...}; or what an
 * export printed: {"kind":"notification","user":..,"notification":{..}}, a membership, preferences. */
#pragma once

#include "proto/settings.h"
#include "session/actions/fields.h"

/* Memory for what a message borrows. */
struct import_room {
    struct buf content, lists[2];
};
void import_room_init(struct import_room *r);
void import_room_fini(struct import_room *r);

/* `m`: an import_item, a member or a prefs_put; an id of 0: the line says nothing that is kept. */
bool import_line(struct msg *m, struct bytes json, const struct settings *settings,
                 uint64_t wall_ms, struct import_room *room, struct arena *scratch,
                 struct problem *why);
