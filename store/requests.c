/* SPDX-License-Identifier: Apache-2.0 */
#include "store/requests.h"

#include "lib/ensure.h"
#include "store/actions.h"
#include "store/refuse.h"

void requests_init(struct requests *r, uint64_t seed)
{
    batch_init(&r->batches[0]);
    batch_init(&r->batches[1]);
    r->filling = &r->batches[0];
    r->busy = NULL;
    r->counts[COUNT_log_head].value = r->state.head;
    r->counts[COUNT_notifier_seq].value = r->state.meta.notifier;
    buf_init(&r->list, READ_BYTES);
    check_job_init(&r->check);
    audit_init(&r->audit);
    map_init(&r->seen, head_name, seed);
}

void requests_fini(struct requests *r)
{
    requests_rest(r);
    batch_fini(&r->batches[0]);
    batch_fini(&r->batches[1]);
    buf_fini(&r->list);
    check_job_fini(&r->check);
    audit_fini(&r->audit);
    zones_fini(&r->zones);
    map_fini(&r->seen);
}

void requests_rest(struct requests *r)
{
    if (r->txn)
        r->counts[COUNT_damaged].value += r->txn->damaged;
    txn_abort(&r->txn);
}

static void count(struct requests *r, unsigned which, uint64_t more)
{
    r->counts[which].value += more;
}

/* What a read needs. All reads of a turn share a transaction. */
static enum err reads_begin(struct requests *r, const struct hub_peer *peer, uint64_t now_ms,
                            struct reads *reads)
{
    if (!r->txn) {
        enum err e = engine_read(r->engine, &r->txn);
        if (e)
            return e;
    }
    *reads = (struct reads){.txn = r->txn,
                            .epoch = r->state.meta.epoch,
                            .broadcast = r->state.broadcast,
                            .zones = &r->zones,
                            .now_ms = now_ms,
                            .list = &r->list,
                            .seen = &r->seen,
                            .out = r->out(r->world, peer)};
    return ERR_OK;
}

static bool is_read(enum msg_id id)
{
    switch (id) {
    case MSG_snapshot:
    case MSG_get:
    case MSG_since:
    case MSG_heads_since:
    case MSG_history:
    case MSG_members:
    case MSG_fanouts:
    case MSG_user:
    case MSG_erasure:
    case MSG_prefs_get:
    case MSG_assess:
    case MSG_about:
    case MSG_revocations:
        return true;
    default:
        return false;
    }
}

/* True: answered. False: expire first. */
static bool read_one(const struct reads *reads, const struct msg *m)
{
    switch (m->id) {
    case MSG_snapshot:
        return read_snapshot(reads, &m->snapshot);
    case MSG_get:
        return read_item(reads, &m->get);
    case MSG_since:
        return read_since(reads, &m->since);
    case MSG_heads_since:
        read_heads(reads, &m->heads_since);
        return true;
    case MSG_history:
        read_history(reads, &m->history);
        return true;
    case MSG_members:
        read_members(reads, &m->members);
        return true;
    case MSG_fanouts:
        read_fanouts(reads, &m->fanouts);
        return true;
    case MSG_user:
        read_user(reads, &m->user);
        return true;
    case MSG_prefs_get:
        read_prefs(reads, &m->prefs_get);
        return true;
    case MSG_assess:
        read_assess(reads, &m->assess);
        return true;
    case MSG_about:
        read_about(reads, &m->about);
        return true;
    case MSG_erasure:
        read_erasure(reads, &m->erasure);
        return true;
    case MSG_revocations:
        read_revocations(reads, &m->revocations);
        return true;
    default:
        ensure_failed("a read", __FILE__, __LINE__);
    }
}

/* When nobody waits for the answer any more. Every request has ttl_ms behind req, so any of them
 * would do to read it from. 0: it will wait. */
static uint64_t deadline_of(const struct msg *m, uint64_t now_ms)
{
    uint64_t ttl_ms = m->expire.ttl_ms;
    return ttl_ms == 0 || ttl_ms > UINT64_MAX - now_ms ? UINT64_MAX : now_ms + ttl_ms;
}

static uint64_t waiting(const struct requests *r)
{
    return r->filling->count + (r->busy ? r->busy->count : 0);
}

static void wait_for_commit(struct requests *r, const struct hub_peer *from, const struct msg *m,
                            struct bytes request, uint64_t deadline_ms)
{
    bool fits = r->filling->count < r->queue;
    if (fits && batch_add(r->filling, from, request, deadline_ms))
        return;
    count(r, COUNT_refused_full, 1);
    answer_refused(r->out(r->world, from), m, ERR_LATER);
}

static enum err answer_read(struct requests *r, const struct hub_peer *from, const struct msg *m,
                            struct bytes request, uint64_t deadline_ms, uint64_t now_wall_ms)
{
    struct reads reads;
    enum err e = reads_begin(r, from, now_wall_ms, &reads);
    if (e)
        return e;
    if (read_one(&reads, m))
        count(r, COUNT_reads, 1);
    else
        wait_for_commit(r, from, m, request, deadline_ms);
    return r->txn->failed;
}

static void follow(struct requests *r, const struct hub_peer *from, const struct msg_follow *m)
{
    uint64_t after = m->after == UINT64_MAX ? r->state.meta.notifier : m->after;
    if (after > r->state.head)
        after = r->state.head; /* of another history; it hears from us where it stands */
    follower_start(&r->follower, from, after, m);
}

static void followed(struct requests *r, const struct hub_peer *from, const struct msg *m,
                     struct bytes request)
{
    if (!follower_done(&r->follower, from, m->followed.to))
        return;
    r->counts[COUNT_notifier_seq].value = r->follower.followed;
    if (m->followed.keep == 1)
        wait_for_commit(r, from, m, request, UINT64_MAX);
}

/* One at a time: who asks while another page is being counted asks again. */
static void wait_for_check(struct requests *r, const struct hub_peer *from, const struct msg *m,
                           struct bytes request)
{
    if (r->check.busy) {
        answer_refused(r->out(r->world, from), m, ERR_LATER);
        return;
    }
    r->check.busy = true;
    r->check.peer = *from;
    buf_reset(&r->check.request);
    buf_bytes(&r->check.request, request);
    r->to_check = &r->check;
}

/* Who asks comes first. */
struct check_job *requests_to_check(struct requests *r, struct instant now)
{
    struct check_job *j = r->to_check;
    r->to_check = NULL;
    return j || r->check.busy ? j : audit_next(&r->audit, now.ms);
}

/* Where there is no room for a repair now, the next round finds the same again. */
static void repair(struct requests *r)
{
    struct mp_in in = mp_over(buf_all(&r->audit.repairs));
    struct msg m;
    for (const uint8_t *at = in.p; msg_read(&in, &m); at = in.p)
        if (r->filling->count < r->queue)
            batch_add(r->filling, &(struct hub_peer){0},
                      (struct bytes){(const char *)at, (size_t)(in.p - at)}, UINT64_MAX);
}

void requests_checked(struct requests *r, struct check_job *j, struct instant now)
{
    ENSURE(j->busy);
    j->busy = false;
    count(r, COUNT_damaged, j->damaged);
    if (j == &r->check) {
        count(r, COUNT_reads, 1);
        buf_bytes(r->out(r->world, &j->peer), buf_all(&j->answer));
        return;
    }
    audit_read(&r->audit, r->counts, now.ms);
    repair(r);
}

static enum err take_one(struct requests *r, const struct hub_peer *from, const struct msg *m,
                         struct bytes request, struct instant now)
{
    if (is_read(m->id))
        return answer_read(r, from, m, request, deadline_of(m, now.ms), now.wall_ms);
    if (m->id == MSG_check)
        wait_for_check(r, from, m, request);
    else if (action_known(m->id))
        wait_for_commit(r, from, m, request, deadline_of(m, now.ms));
    else if (m->id == MSG_follow)
        follow(r, from, &m->follow);
    else if (m->id == MSG_followed)
        followed(r, from, m, request);
    else
        count(r, COUNT_malformed, 1);
    return ERR_OK;
}

enum err requests_take(struct requests *r, const struct hub_peer *from, struct mp_in *part,
                       unsigned *reads, struct instant now)
{
    struct msg m;
    enum err e = ERR_OK;
    const uint8_t *at = part->p;
    for (; !e && *reads > 0 && msg_read(part, &m); at = part->p) {
        struct bytes request = {(const char *)at, (size_t)(part->p - at)};
        *reads -= is_read(m.id);
        e = take_one(r, from, &m, request, now);
    }
    if (!part->ok)
        count(r, COUNT_malformed, 1);
    r->counts[COUNT_waiting].value = waiting(r);
    return e;
}

struct batch *requests_to_commit(struct requests *r)
{
    if (r->busy || r->filling->count == 0)
        return NULL;
    r->busy = r->filling;
    r->filling = r->busy == &r->batches[0] ? &r->batches[1] : &r->batches[0];
    return r->busy;
}

static void tell(struct requests *r, const struct batch *b)
{
    uint64_t each = b->commits > 0 ? b->count / b->commits : 0;
    r->state = b->state;
    r->counts[COUNT_log_head].value = b->state.head;
    if (each > r->counts[COUNT_batch_max].value)
        r->counts[COUNT_batch_max].value = each;
    count(r, COUNT_commits, b->commits);
    count(r, COUNT_writes, b->tally.writes);
    count(r, COUNT_expired, b->tally.expired);
    count(r, COUNT_cut, b->tally.cut);
    count(r, COUNT_trimmed, b->tally.trimmed);
    count(r, COUNT_fanned, b->tally.fanned);
    count(r, COUNT_delivered, b->tally.delivered);
    count(r, COUNT_merged, b->tally.merged);
    count(r, COUNT_forgotten, b->tally.forgotten);
    count(r, COUNT_evicted, b->tally.evicted);
    count(r, COUNT_repaired, b->tally.repaired);
    count(r, COUNT_idem_repeats, b->tally.repeats);
    count(r, COUNT_refused_space, b->tally.full);
    count(r, COUNT_late, b->tally.late);
    count(r, COUNT_damaged, b->tally.damaged);
}

/* A job without an answer that is a read: its inbox is up to date now. */
static enum err read_again(struct requests *r, const struct batch *b, const struct job *j,
                           struct instant now)
{
    struct bytes request = job_request(b, j);
    struct mp_in in = mp_over(request);
    struct msg m;
    ENSURE(msg_read(&in, &m));
    if (!is_read(m.id))
        return ERR_OK;
    return answer_read(r, &j->peer, &m, request, j->deadline_ms, now.wall_ms);
}

enum err requests_committed(struct requests *r, struct instant now)
{
    struct batch *b = r->busy;
    ENSURE(b != NULL);
    r->busy = NULL;
    if (b->failed)
        return b->failed;
    tell(r, b);
    requests_rest(r); /* what is read from here on shows this commit */
    enum err e = ERR_OK;
    for (uint32_t i = 0; !e && i < b->count; i++) {
        const struct job *j = &b->jobs[i];
        if (j->answer_n > 0)
            buf_bytes(r->out(r->world, &j->peer), job_answer(b, j));
        else if (!j->late)
            e = read_again(r, b, j, now);
    }
    batch_reset(b);
    r->counts[COUNT_waiting].value = waiting(r);
    return e;
}

enum err requests_push(struct requests *r)
{
    struct follower *f = &r->follower;
    uint64_t most;
    while (follower_wants(f, r->state.head, &most)) {
        struct reads reads;
        enum err e = reads_begin(r, &f->peer, 0, &reads);
        if (e)
            return e;
        uint64_t to = read_tail(&reads, f, r->state.head, most);
        if (r->txn->failed)
            return r->txn->failed;
        if (to == f->pushed && most > 0)
            return ERR_WORLD; /* the log ends before its head */
        follower_pushed(f, to);
    }
    return ERR_OK;
}
