/* SPDX-License-Identifier: Apache-2.0 */
/* topics.h -- the HTTP API of topics and users: publishing, history, members, disconnecting.
 *
 * Back ends (API key, service token) may all of it; a user's token may read the history of a topic that
 * it may join. Source: docs/api.md. */
#pragma once

#include "session/http/http.h"

/* r->topic and r->rest are set. */
#define EVENT_MEMBERS "event, payload"
#define MEMBER_MEMBERS "user, remove" /* of a line */

void topics_publish(struct session *s, struct request *r);
void topics_history(struct session *s, struct request *r);
void topics_members(struct session *s, struct request *r);       /* GET */
void topics_members_bulk(struct session *s, struct request *r);  /* POST, NDJSON */
void topics_member_put(struct session *s, struct request *r);    /* rest: the user */
void topics_member_delete(struct session *s, struct request *r); /* rest: the user */

void users_disconnect(struct session *s, struct request *r);
