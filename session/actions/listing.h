/* SPDX-License-Identifier: Apache-2.0 */
/* listing.h -- which notifications of an inbox a page is to show. Pure. */
#pragma once

#include "session/actions/fields.h"

enum { LISTING_FILTERS = 5 };
extern const char *const listing_filters[LISTING_FILTERS];

/* One of them, and its value as text: status (unread, read, all), archived and snoozed (true, false), type,
 * category. The category is borrowed. False: `why`. */
bool listing_filter(struct msg_snapshot *page, const char *name, struct bytes text,
                    struct problem *why);

/* {"before":..,"limit":..}, and any of the filters. */
bool listing_read(struct msg_snapshot *page, struct bytes json, struct arena *scratch,
                  struct problem *why);
