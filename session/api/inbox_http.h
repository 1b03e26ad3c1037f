/* SPDX-License-Identifier: Apache-2.0 */
/* inbox_http.h -- an inbox by HTTP: its pages, one of its notifications, its counts, and what is done to
 * them. Source: docs/api.md "HTTP". */
#pragma once

#include "session/http/http.h"

void inbox_get_list(struct session *s, struct request *r);
void inbox_get_one(struct session *s, struct request *r);
void inbox_get_count(struct session *s, struct request *r);
void inbox_post_mark(struct session *s, struct request *r); /* whatever is in MARKS */
