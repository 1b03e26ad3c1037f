/* SPDX-License-Identifier: Apache-2.0 */
/* preferences.h -- what users want to be told, and who would get a notification, over HTTP.
 *
 * Source: docs/api.md "Preferences". */
#pragma once

#include "session/actions/actions.h"
#include "session/http/http.h"

#define PREFERENCES_MEMBERS "mute, quiet_hours" /* and of a service: user */

void preferences_get(struct session *s, struct request *r);
void preferences_put(struct session *s, struct request *r);

/* {"mute":{..},"quiet_hours":{..}}; `lists` is the memory of the lists. Pure. */
bool preferences_read(struct msg *m, struct bytes user, struct bytes json, struct buf lists[2],
                      struct arena *scratch, struct problem *why);

/* The same as JSON. */
void preferences_write(struct buf *out, const struct msg_prefs *p);

/* Answer who would get this and who not; nothing is stored or sent. */
void assess_dry(struct session *s, struct request *r, const struct msg_create *create);

/* Push what is neither stored nor numbered to those who may be disturbed. */
void assess_push(struct session *s, struct request *r, const struct msg_create *create);
