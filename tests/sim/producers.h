/* SPDX-License-Identifier: Apache-2.0 */
/* producers.h -- what back ends and pages ask by HTTP, and what they know of it.
 *
 * wants.c      what the plan wants asked: paths and bodies
 * producers.c  asking, asking again, and what the answers say */
#pragma once

#include "tests/sim/model.h"

enum job_kind {
    JOB_create,
    JOB_publish,
    JOB_count,
    JOB_list,
    JOB_history,
    JOB_patch,
    JOB_revise,
    JOB_batch,
    JOB_import,
    JOB_member,
    JOB_mute,
    JOB_revoke,
    JOB_erase,
    JOB_take_back
};
enum { BATCH_MOST = 5, LINES_MOST = 6 };

struct job {
    bool used, under_way, done;
    enum job_kind kind;
    const char *method;
    char path[96], key[32], body[1500], user[16];
    char publish[32]; /* its id, when it can be taken back */
    uint64_t op, again_us;
    unsigned marks;           /* JOB_batch, JOB_import: how many, from `op` on */
    unsigned channel, member; /* JOB_member, JOB_history; JOB_mute, JOB_revoke: the user */
    bool add;
    uint64_t floor; /* nothing older may be shown */
};

/* A job that is not asked for yet. */
struct job *job(enum job_kind kind, const char *method);
void ask_for(struct job *j);
/* One of the last that can be named by what it was answered with, or NULL. */
const struct job *published(uint64_t back);
const struct job *job_of(enum job_kind kind, uint64_t back);
/* `sure`: from its answer on it is a member. */
void member(unsigned channel, unsigned user, bool add, bool sure);
