/* SPDX-License-Identifier: Apache-2.0 */
/* audit.h -- the auditor: the store recounts itself, page by page, all the time.
 *
 * The idea: a page of `belfry check` that nobody asked for, by the same thread, whenever that has
 * nothing else to do. What it finds is logged and counted, and goes into the next commit as a
 * request of the store's own, which puts the counts right: repair.h.
 * Exact   a topic is seen at one moment (check.h), so what is counted and what that is compared
 *         with are of the same commit, in whose making both were changed: a difference is a mistake of
 *         ours, never a change on its way. What a page ends on its way (it gives way to a growing map,
 *         or the disk failed) is not looked at. The repair is of the same moment: see there.
 * Pace    AUDIT_PAGE topics and records, then a pause of every_ms; a page with an inbox larger than
 *         that is followed by as many pauses as it was pages long. A round begins AUDIT_ROUND pauses
 *         after the last one at the earliest. Where it was is not kept: a restart begins anew.
 * Limits  a whole topic at a time, in its own thread: neither reads nor commits wait for it. Pages that
 *         commits free are not used again while a reading transaction is open: for RECOUNT_SLICE records at
 *         most, but for an inbox that changed during each of RECOUNT_TRIES counts. */
#pragma once

#include "lib/counters.h"
#include "store/checker.h"

enum { AUDIT_PAGE = 500, AUDIT_ROUND = 60 };

struct audit {
    uint64_t every_ms; /* 0: it is off */
    uint64_t due_ms;   /* monotonic: the next page */
    uint64_t round_ms; /* when this round began */
    struct check_job job;
    struct buf after, repairs; /* the topic that the last page ended with; repair messages */
};

/* every_ms is given. */
void audit_init(struct audit *a);
void audit_fini(struct audit *a);

/* When audit_next() has something to count; all ones: it waits for audit_read(), or is off. */
uint64_t audit_due_ms(const struct audit *a);

/* The page to count, if it is time. */
struct check_job *audit_next(struct audit *a, uint64_t now_ms);

/* It was counted: logs, counts (COUNT_store rows), and leaves what is to be done in `repairs`. */
void audit_read(struct audit *a, struct counter *counts, uint64_t now_ms);
