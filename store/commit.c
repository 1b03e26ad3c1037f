/* SPDX-License-Identifier: Apache-2.0 */
#include "store/commit.h"

#include "lib/ensure.h"
#include "lib/log.h"
#include "store/actions.h"
#include "store/categories.h"
#include "store/idem.h"
#include "store/refuse.h"
#include "store/topics.h"
#include "store/trim.h"

/* Pages that one notification makes dirty at most: its leaf in log, index, topics, idem, expiry. */
enum { PAGES_OF_ONE = 6, PAGES_OF_ALL = 64, PAGE_BYTES = 4096 };

/* The topics of a commit: each costs its struct and its name, and an inbox its categories. Memory that
 * is not used is only an address. */
enum { TOPICS_MAX = WORK_WEIGHT + EXPIRE_WEIGHT + USERS_MAX };
#define CATEGORY_BYTES (sizeof(struct category) + CATEGORY_MAX + 32)
#define ARENA_BYTES                                                                                \
    ((size_t)TOPICS_MAX * (sizeof(struct topic) + TOPIC_MAX + 32 + CATEGORIES_MAX * CATEGORY_BYTES))

static struct bytes name_of(const void *thing)
{
    return ((const struct topic *)thing)->name;
}

void commit_init(struct commit *c, struct engine *engine, const struct state *state,
                 const struct limits *limits, uint64_t seed)
{
    *c = (struct commit){.engine = engine, .state = *state, .work.limits = *limits};
    c->work.zones = &c->zones;
    map_init(&c->work.topics, name_of, seed);
    arena_init(&c->work.arena, ARENA_BYTES);
}

void commit_fini(struct commit *c)
{
    zones_fini(&c->zones);
    map_fini(&c->work.topics);
    arena_fini(&c->work.arena);
}

static void read_request(const struct batch *b, const struct job *j, struct msg *m)
{
    struct mp_in in = mp_over(job_request(b, j));
    ENSURE(msg_read(&in, m)); /* it was read once before it came here */
}

static bool is_undone(const struct batch *b, const struct job *j)
{
    struct msg m;
    read_request(b, j, &m);
    return action_undone(m.id);
}

/* The jobs from b->done that go into one transaction; one that is undone goes alone. */
static uint32_t take(const struct batch *b, uint64_t *weight)
{
    uint32_t to = b->done;
    bool alone = is_undone(b, &b->jobs[to]);
    for (*weight = 0; to < b->count && *weight < WORK_WEIGHT; to++) {
        struct msg m;
        read_request(b, &b->jobs[to], &m);
        if (to > b->done && (alone || action_undone(m.id)))
            break;
        *weight += action_weight(&m);
    }
    return to;
}

static void start(struct commit *c, struct txn *txn, struct instant now)
{
    struct work *w = &c->work;
    map_clear(&w->topics);
    arena_reset(&w->arena);
    w->txn = txn;
    w->state = c->state;
    w->now_ms = now.wall_ms;
    w->at_ms = now.wall_ms > c->state.at_ms ? now.wall_ms : c->state.at_ms;
    w->tally = (struct tally){0};
    w->due = w->kept = 0;
}

static void run_one(struct work *w, struct batch *b, struct job *j, bool room, uint64_t now_ms)
{
    struct msg m;
    j->answer_at = (uint32_t)b->answers.n;
    j->answer_n = 0;
    j->late = j->deadline_ms < now_ms;
    if (j->late) {
        w->tally.late++;
        return;
    }
    read_request(b, j, &m);
    uint64_t before = w->txn->writes;
    if (room || action_tidies(m.id)) {
        action_run(w, &m, &b->answers);
    } else {
        answer_refused(&b->answers, &m, ERR_NO_SPACE);
        w->tally.full++;
    }
    w->tally.writes += w->txn->writes > before;
    ENSURE(!b->answers.overflowed);
    j->answer_n = (uint32_t)b->answers.n - j->answer_at;
}

/* The disk was full in the end: none of it was done. */
static void refuse_all(struct work *w, struct batch *b, uint32_t to)
{
    w->tally = (struct tally){0};
    for (uint32_t i = b->done; i < to; i++) {
        struct job *j = &b->jobs[i];
        struct msg m;
        j->answer_at = (uint32_t)b->answers.n;
        read_request(b, j, &m);
        answer_refused(&b->answers, &m, ERR_NO_SPACE);
        j->answer_n = (uint32_t)b->answers.n - j->answer_at;
        w->tally.full++;
    }
}

/* What it did was only to be seen. */
static enum err undo(struct work *w, struct txn *txn)
{
    enum err e = txn->failed;
    w->tally = (struct tally){
        .late = w->tally.late, .full = w->tally.full, .damaged = txn->damaged};
    txn_abort(&txn);
    return e;
}

/* One transaction over jobs b->done to `to`. */
static enum err run(struct commit *c, struct batch *b, uint32_t to, bool room, struct instant now)
{
    struct txn *txn = NULL;
    enum err e = engine_write(c->engine, &txn);
    if (e)
        return e;
    start(c, txn, now);
    for (uint32_t i = b->done; i < to && !txn->failed; i++)
        run_one(&c->work, b, &b->jobs[i], room, now.ms);
    if (is_undone(b, &b->jobs[b->done]))
        return undo(&c->work, txn);
    topics_flush(&c->work);
    c->work.tally.damaged = txn->damaged;
    if (txn->writes == 0 && !txn->failed) {
        txn_abort(&txn); /* repeats and refusals: what they tell is on disk already */
        return ERR_OK;
    }
    idem_forget(&c->work);
    log_trim(&c->work);
    e = txn_commit(&txn);
    if (e)
        return e;
    if (c->work.state.head > c->state.head)
        c->work.state.at_ms = c->work.at_ms;
    c->state = c->work.state;
    b->commits++;
    return ERR_OK;
}

static void set_low(struct commit *c, bool low)
{
    if (low && !c->low)
        log_line("store.full note=\"writes are refused until the disk has room\"");
    if (!low && c->low)
        log_line("store.room note=\"writes go on\"");
    c->low = low;
}

static bool look_for_room(struct commit *c, uint64_t weight)
{
    uint64_t need = c->work.limits.reserve_bytes +
                    (weight * PAGES_OF_ONE + PAGES_OF_ALL) * PAGE_BYTES;
    set_low(c, engine_room(c->engine, need) == ERR_NO_SPACE);
    return !c->low;
}

static void add(struct tally *sum, const struct tally *t)
{
    sum->writes += t->writes;
    sum->expired += t->expired;
    sum->cut += t->cut;
    sum->trimmed += t->trimmed;
    sum->fanned += t->fanned;
    sum->delivered += t->delivered;
    sum->merged += t->merged;
    sum->forgotten += t->forgotten;
    sum->evicted += t->evicted;
    sum->repaired += t->repaired;
    sum->repeats += t->repeats;
    sum->full += t->full;
    sum->late += t->late;
    sum->damaged += t->damaged;
}

void commit_some(struct commit *c, struct batch *b, struct instant now)
{
    ENSURE(b->done < b->count);
    uint64_t weight;
    uint32_t to = take(b, &weight);
    size_t answers = b->answers.n;
    bool room = look_for_room(c, weight);
    enum err e = run(c, b, to, room, now);
    while (e == ERR_FULL && engine_grow(c->engine) == ERR_OK) {
        buf_cut(&b->answers, answers);
        e = run(c, b, to, room, now);
    }
    if (e == ERR_NO_SPACE) {
        buf_cut(&b->answers, answers);
        refuse_all(&c->work, b, to);
        set_low(c, true);
    } else if (e) {
        b->failed = ERR_WORLD;
        return;
    }
    add(&b->tally, &c->work.tally);
    b->done = to;
    b->state = c->state;
}
