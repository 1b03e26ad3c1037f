/* SPDX-License-Identifier: Apache-2.0 */
/* preferences.h -- what users want to be told, over HTTP.
 *
 * Source: docs/api.md "Preferences". */
#pragma once

#include "session/actions/fields.h"
#include "session/http/http.h"

#define PREFERENCES_MEMBERS "mute, quiet_hours" /* and of a service: user */

void preferences_get(struct session *s, struct request *r);
void preferences_put(struct session *s, struct request *r);

/* {"mute":{..},"quiet_hours":{..}}; `lists` is the memory of the lists. Pure. */
bool preferences_read(struct msg *m, struct bytes user, struct bytes json, struct buf lists[2],
                      struct arena *scratch, struct problem *why);

/* The same as JSON. */
void preferences_write(struct buf *out, const struct msg_prefs *p);
