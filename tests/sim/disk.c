/* SPDX-License-Identifier: Apache-2.0 */
/* disk.c -- the database in memory, and the committing thread: it fills store/committer.h.
 *
 * A batch that is given is committed a while later, one transaction after the other; until then
 * nothing of it is there. The store may die meanwhile: then the transaction at work was done or was
 * not, as the dice says, those before it are there, and those behind it are not. A commit may fail,
 * and may nevertheless have been done, as a failed fsync leaves it open. */
#include "store/checker.h"
#include "store/committer.h"
#include "tests/lib/engine_mem.c" /* NOLINT(bugprone-suspicious-include): it is looked into */
#include "tests/sim/model.h"
#include "tests/sim/sim.h"

enum { MAP_FIRST = 1 << 15 };

struct disk disk;
static struct {
    struct engine *engine;
    struct commit *commit;
    struct batch *busy, *done;
    uint64_t due_us;
    struct dice dice;
} at;

void disk_open(void)
{
    memset(&disk, 0, sizeof disk);
    memset(&at, 0, sizeof at);
    at.engine = engine_mem_new();
    at.dice = dice_of(3, 3);
    engine_mem_faults(at.engine)->map_bytes = MAP_FIRST; /* so that it grows now and then */
}

void disk_close(void)
{
    engine_close(&at.engine);
}

struct engine *disk_engine(void)
{
    return at.engine;
}

static void schedule(void)
{
    at.due_us = sim.now_us + roll_between(&at.dice, 200, 2500);
    if (sim.now_us < disk.slow_until_us)
        at.due_us += roll(&at.dice, disk.slow_us + 1);
}

static bool commit_some_more(unsigned index)
{
    (void)index;
    commit_some(at.commit, at.busy, (struct instant){sim.now_us / MS, wall_ms()});
    return true;
}

static void commit_one(void)
{
    struct mem_faults *faults = engine_mem_faults(at.engine);
    faults->free_bytes = sim.now_us < disk.full_until_us ? 0 : UINT64_MAX;
    if (disk.fail_next) {
        faults->next_commit = ERR_WORLD;
        faults->done_anyway = disk.torn_next;
        disk.fail_next = false;
    }
    world_enter(AT_store, commit_some_more);
    model_committed(at.engine);
}

uint64_t disk_due_us(void)
{
    return at.busy && !at.done ? at.due_us : NEVER;
}

void disk_run(void)
{
    commit_one();
    if (at.busy->done < at.busy->count && !at.busy->failed) {
        schedule();
        return;
    }
    at.done = at.busy;
    world_wake(AT_store, sim.now_us);
}

void disk_crash(struct dice *d)
{
    bool begun = at.busy && !at.done;
    engine_mem_crash(at.engine); /* a transaction that reads, perhaps */
    if (begun && roll(d, 2) == 0)
        commit_one();
    at.busy = at.done = NULL;
}

/* ---- checker.h: a page is counted when the next turn looks for it, with no other transaction */

static struct {
    struct check_job *job;
    struct engine *engine;
} page;

void checker_start(struct checker *c, void *ctx, struct engine *engine)
{
    (void)ctx;
    *c = (struct checker){.engine = engine};
    page.job = NULL;
}

void checker_stop(struct checker *c)
{
    (void)c;
}

void checker_give(struct checker *c, struct check_job *j)
{
    ENSURE(!page.job); /* nobody asks for a check: those are the auditor's */
    page.job = j;
    page.engine = c->engine;
}

struct check_job *checker_take(struct checker *c)
{
    struct check_job *j = page.job;
    (void)c;
    page.job = NULL;
    if (j)
        check_job_run(j, page.engine);
    return j;
}

/* ---- committer.h */

void committer_start(struct committer *c, void *ctx, struct commit *commit)
{
    (void)ctx;
    *c = (struct committer){.commit = commit};
    at.commit = commit;
    at.busy = at.done = NULL;
}

void committer_stop(struct committer *c)
{
    (void)c;
    at.busy = at.done = NULL;
}

void committer_give(struct committer *c, struct batch *b)
{
    (void)c;
    at.busy = b;
    at.done = NULL;
    schedule();
}

struct batch *committer_take(struct committer *c)
{
    struct batch *b = at.done;
    (void)c;
    if (b)
        at.busy = at.done = NULL;
    return b;
}
