/* SPDX-License-Identifier: Apache-2.0 */
/* page.h -- the parts that every page of the log has in JSON, of an inbox or of a topic. Pure. */
#pragma once

#include "proto/messages.h"

/* A key with its colon (and what stands before it), and a number. */
void page_number(struct buf *out, const char *key_and_colon, uint64_t n);

/* [{"event":..,"payload":{..}},...]: those of the entries after `since`. */
void page_events(struct buf *out, struct mp_list entries, uint64_t since);

/* ,"next":.. : where the page behind this one begins; null for 0. */
void page_next(struct buf *out, uint64_t next);

/* ,"seq":..,"epoch":..,"server_time":".."}: when and where in the log it was read; ends the object. */
void page_stamp(struct buf *out, uint64_t seq, uint64_t epoch, uint64_t now_ms);
