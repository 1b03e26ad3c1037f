/* SPDX-License-Identifier: Apache-2.0 */
#include "store/turn.h"

#include "proto/settings.h"

enum {
    PARTS_BUDGET = 256, /* parts taken in one turn */
    READS_BUDGET = 200, /* reads answered in one turn: some 10 ms */
};

static struct buf *out(void *world, const struct hub_peer *to)
{
    return hub_out(world, to);
}

static struct limits limits_of(const struct settings *s)
{
    return (struct limits){.reserve_bytes = s->reserve_mb << 20,
                           .remember_ms = s->remember_h * 3600 * 1000,
                           .log_bytes = s->log_mb << 20,
                           .log_ms = s->log_days * 24 * 3600 * 1000,
                           .scheduled = s->scheduled,
                           .broadcasts = s->broadcasts,
                           .drop_muted = s->drop_muted,
                           .revocations = s->revocations,
                           .max_items = s->max_items};
}

void store_open(struct store *s, const struct state *state, struct counter *counts, uint64_t seed)
{
    struct limits limits = limits_of(s->settings);
    commit_init(&s->commit, s->engine, state, &limits, seed);
    committer_start(&s->committer, s->ctx, &s->commit);
    checker_start(&s->checker, s->ctx, s->engine);
    s->requests = (struct requests){.engine = s->engine,
                                    .queue = s->settings->queue,
                                    .out = out,
                                    .world = &s->hub,
                                    .counts = counts,
                                    .audit = {.every_ms = s->settings->audit_ms},
                                    .state = *state};
    requests_init(&s->requests, seed);
    zmq_msg_init(&s->part);
}

void store_close(struct store *s)
{
    zmq_msg_close(&s->part);
    checker_stop(&s->checker);
    requests_fini(&s->requests);
    committer_stop(&s->committer);
    commit_fini(&s->commit);
}

static enum err take_committed(struct store *s, struct instant now)
{
    return committer_take(&s->committer) ? requests_committed(&s->requests, now) : ERR_OK;
}

static void take_counted(struct store *s, struct instant now)
{
    struct check_job *j;
    while ((j = checker_take(&s->checker)))
        requests_checked(&s->requests, j, now);
}

static void give_to_count(struct store *s, struct instant now)
{
    struct check_job *j;
    while ((j = requests_to_check(&s->requests, now)))
        checker_give(&s->checker, j);
}

static enum err read_requests(struct store *s, struct instant now, bool *more)
{
    unsigned reads = READS_BUDGET;
    *more = true;
    for (int parts = 0; parts < PARTS_BUDGET && reads > 0;) {
        if (s->in.ok && !mp_end(&s->in)) {
            enum err e = requests_take(&s->requests, &s->from, &s->in, &reads, now);
            if (e)
                return e;
        } else {
            *more = hub_read(&s->hub, &s->from, &s->part);
            if (!*more)
                return ERR_OK;
            s->in = mp_over(sock_bytes(&s->part));
            parts++;
        }
    }
    return ERR_OK;
}

static void give_to_commit(struct store *s)
{
    struct batch *b = requests_to_commit(&s->requests);
    if (b)
        committer_give(&s->committer, b);
}

/* Everything that a turn produced leaves at its end. */
static enum err end_turn(struct store *s)
{
    enum err e = requests_push(&s->requests);
    requests_rest(&s->requests);
    if (!e)
        hub_flush(&s->hub);
    return e;
}

enum err store_turn(struct store *s, struct instant now, bool *more)
{
    take_counted(s, now);
    enum err e = take_committed(s, now);
    if (!e)
        e = read_requests(s, now, more);
    if (e)
        return e;
    give_to_commit(s);
    give_to_count(s, now);
    return end_turn(s);
}

uint64_t store_deadline_ms(const struct store *s)
{
    return audit_due_ms(&s->requests.audit);
}

enum err store_drain_turn(struct store *s, struct instant now)
{
    enum err e = take_committed(s, now);
    if (e)
        return e;
    give_to_commit(s);
    return end_turn(s);
}
