/* SPDX-License-Identifier: Apache-2.0 */
/* import.h -- what stood somewhere else moves in: notifications as they were there, memberships,
 * preferences.
 *
 * Order   as the lines come: the later one is the newer in its inbox, whenever it was made.
 * Once    an inbox remembers the name of everything that was imported into it, for as long as it is there
 *         itself: what is sent again, or was deleted since, does not come a second time.
 * Silent  an `imported` entry is not published, and is not told among changes: who follows the inbox finds
 *         by its head that something is missing, and gets one snapshot.
 * Rules   a line is done or refused by itself; the others of the message are not touched by it. */
#pragma once

#include "proto/items.h"
#include "store/topics.h"

/* `became`: an enum import for each line. OK; INVALID: one of them is none; WORLD. */
enum err import_lines(struct work *w, struct mp_list lines, char became[IMPORT_MAX]);
