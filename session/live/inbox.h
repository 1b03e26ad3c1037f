/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.h -- what a client is shown of its inbox, as JSON. Pure. */
#pragma once

#include "proto/messages.h"

enum { INBOX_PAGE = 50 }; /* items of a join, a sync, and of a list that names no limit */

/* {"unread_count":..,"notifications":[..],"next":..,"seq":..,"epoch":..,"server_time":".."} */
void inbox_write_page(struct buf *out, const struct msg_inbox *inbox);

/* notifications:sync: the same with the names of the guide: count, recent. */
void inbox_write_sync(struct buf *out, const struct msg_inbox *inbox);

/* {"notification":{..},"unread_count":..,"seq":..,"epoch":..,"server_time":".."} */
void inbox_write_one(struct buf *out, const struct msg_inbox *inbox);

/* {"unread_count":..,"unseen_count":..,"by_type":{..},"by_category":{..},"seq":..,"epoch":..} */
void inbox_write_count(struct buf *out, const struct msg_inbox *inbox);

/* {"resumed":true,"changes":[{"event":..,"payload":{..}}],"unread_count":..,...}; those after
 * `since`. */
void inbox_write_changes(struct buf *out, const struct msg_changes *changes, uint64_t since);

/* The answer to an action. */
void inbox_write_marked(struct buf *out, const struct msg_changed *changed);
void inbox_write_all_marked(struct buf *out, const struct msg_changed *changed);

/* The highest pos shown by them; 0: none. */
uint64_t inbox_shown(const struct msg_inbox *inbox);
uint64_t changes_shown(const struct msg_changes *changes);
