/* SPDX-License-Identifier: Apache-2.0 */
/* rules.h -- which messages become notifications, and what these say. Pure. */
#pragma once

#include "proto/classes.h"
#include "proto/messages.h"

/* A fan-out's content is never longer: a title, a body and where it came from, as JSON. */
enum { RULE_TITLE_MAX = 255, RULE_BODY_MAX = 1024, RULE_CONTENT_MAX = 3500 };

bool rule_takes(const struct topic_rule *r, const struct msg_entry *e);

/* What the store knows it by: of what it says, not of where it stands, so that a file in another
 * order begins nothing twice. */
uint64_t rule_id(const struct topic_rule *r);

/* Append the content of the notification. The rule takes the entry. */
void rule_content(const struct topic_rule *r, const struct msg_entry *e, struct buf *out);
