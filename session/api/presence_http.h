/* SPDX-License-Identifier: Apache-2.0 */
/* presence_http.h -- who is on a topic, and whether a user is connected, over HTTP. docs/api.md. */
#pragma once

#include "session/http/http.h"

/* r->topic is the topic: {topic, count, presences}; ?count=1: without the presences. */
void topics_presence(struct session *s, struct request *r);

/* r->topic is the user: {user, online, since, connections, last_seen}. */
void users_one(struct session *s, struct request *r);
