/* SPDX-License-Identifier: Apache-2.0 */
/* api.h -- the HTTP API: for back ends (API key, service token) and for pages (user token).
 *
 * A request is checked here, becomes one request to the store, and is answered with what the store
 * answers. Source: docs/api.md "HTTP". */
#pragma once

#include "session/http.h"

/* As routes_admit(), of a POST: somebody known sends it. */
bool api_admit(struct session *s, struct request *r);
void api_create(struct session *s, struct request *r);
void api_list(struct session *s, struct request *r);
void api_count(struct session *s, struct request *r);
void api_mark_read(struct session *s, struct request *r);
void api_mark_all_read(struct session *s, struct request *r);
