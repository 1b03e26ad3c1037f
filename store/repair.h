/* SPDX-License-Identifier: Apache-2.0 */
/* repair.h -- counts that the auditor found wrong are put right, in an ordinary commit.
 *
 * The idea: what takes long, the counting, is done already, by a reading transaction; here some numbers
 * are written, whatever the size of the inbox. That is right when the topic is as it was then: every
 * change of an inbox gives it a new head, and of what a topic counts without one (its members) the same
 * numbers mean the same mistake. If it is another by now, nothing is done, and the next round finds it
 * again.
 * Told    an inbox gets an entry with its absolute counts, so that each badge that shows it is put right
 *         like by any other change. */
#pragma once

#include "proto/messages.h"
#include "store/work.h"

void repair(struct work *w, const struct msg_repair *m);
