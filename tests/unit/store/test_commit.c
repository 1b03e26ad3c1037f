/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit and everything that can go wrong with it, over memory, where the disk does as it is
 * told. */
#include "tests/unit/store/desk.h"

/* Good until the next one. */
static struct msg create_for(struct desk *d, const char *user)
{
    static struct buf users;
    static char room[300];
    users = (struct buf){.p = room, .cap = sizeof room, .max = sizeof room};
    mp_put_str(&users, bytes_of(user));
    struct msg m = create_of(&users, 1);
    m.create.req = ++d->req;
    return m;
}

static void send_create(struct desk *d, const char *user)
{
    struct msg m = create_for(d, user);
    desk_send(d, 0, &m);
}

static uint64_t value(struct desk *d, unsigned which)
{
    return d->counts[which].value;
}

static void all_that_waits_shares_a_commit(void **state)
{
    struct desk *d = *state;
    struct mem_faults *disk = engine_mem_faults(d->engine);
    uint64_t before = disk->commits;
    for (int i = 0; i < 300; i++)
        send_create(d, i % 2 ? "ann" : "bob");
    struct batch *first = requests_to_commit(&d->requests);
    assert_non_null(first);
    for (int i = 0; i < 200; i++)
        send_create(d, "cy"); /* while that one is on its way */
    assert_null(requests_to_commit(&d->requests));
    assert_int_equal(d->out[0].n, 0); /* nothing is answered before it is on disk */
    while (first->done < first->count)
        commit_some(&d->commit, first, d->now);
    assert_int_equal(requests_committed(&d->requests, d->now), ERR_OK);
    assert_true(d->out[0].n > 0);
    desk_commit(d);
    assert_int_equal(disk->commits - before, 2);
    assert_int_equal(value(d, COUNT_commits), 2);
    assert_int_equal(value(d, COUNT_writes), 500);
    assert_int_equal(value(d, COUNT_batch_max), 300);
    struct msg m;
    for (uint64_t req = 1; req <= 500; req++) { /* every one answered, in order */
        assert_true(desk_next(d, 0, &m));
        assert_int_equal(m.created.req, req);
        assert_int_equal(m.created.first_seq, req);
    }
}

static void a_commit_has_a_most(void **state)
{
    struct desk *d = *state;
    d->requests.queue = 100000;
    for (int i = 0; i < WORK_WEIGHT * 2 + 10; i++)
        send_create(d, "ann");
    desk_commit(d);
    assert_int_equal(value(d, COUNT_commits), 3);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, WORK_WEIGHT * 2 + 10);
}

static void the_queue_has_a_most(void **state)
{
    struct desk *d = *state;
    d->requests.queue = 10;
    for (int i = 0; i < 15; i++)
        send_create(d, "ann");
    struct msg m;
    for (uint64_t req = 11; req <= 15; req++) { /* told at once */
        assert_true(desk_next(d, 0, &m));
        assert_int_equal(m.created.req, req);
        assert_int_equal(m.created.status, ERR_LATER);
    }
    assert_int_equal(value(d, COUNT_refused_full), 5);
    assert_int_equal(value(d, COUNT_waiting), 10);
    desk_commit(d);
    assert_int_equal(value(d, COUNT_waiting), 0);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 10);
}

static void who_waits_no_longer_is_dropped(void **state)
{
    struct desk *d = *state;
    struct msg m = create_for(d, "ann");
    m.create.ttl_ms = 100;
    desk_send(d, 0, &m);
    d->now.ms += 100;
    send_create(d, "ann"); /* waits for ever */
    desk_commit(d);
    assert_int_equal(value(d, COUNT_late), 0);
    desk_send(d, 0, &m);
    d->now.ms += 101;
    send_create(d, "bob");
    desk_commit(d);
    assert_int_equal(value(d, COUNT_late), 1);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 2);
    assert_int_equal(snapshot(d, "bob", 0, 0).unread, 1);
}

static void a_full_map_grows_and_does_it_again(void **state)
{
    struct desk *d = *state;
    struct mem_faults *disk = engine_mem_faults(d->engine);
    disk->map_bytes = 4000;
    for (int i = 0; i < 300; i++)
        send_create(d, i % 3 ? "ann" : "bob");
    desk_commit(d);
    assert_true(disk->map_bytes > 4000);
    assert_int_equal(value(d, COUNT_writes), 300);
    struct msg m;
    for (uint64_t seq = 1; seq <= 300; seq++) {
        assert_true(desk_next(d, 0, &m));
        assert_int_equal(m.created.first_seq, seq); /* none of the tries left a trace */
    }
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 200);
    assert_int_equal(recount(d, NULL), 0);
}

static void a_full_disk_refuses_and_recovers(void **state)
{
    struct desk *d = *state;
    struct mem_faults *disk = engine_mem_faults(d->engine);
    desk_stop(d);
    d->limits.reserve_bytes = 16 << 20;
    desk_start(d);
    uint64_t pos = create_one(d, "ann", TYPE_activity, 0), at_ms = d->now.wall_ms;
    create_one(d, "ann", TYPE_activity, d->now.wall_ms + 1000);
    disk->free_bytes = 16 << 20; /* the reserve, and nothing for the batch */
    uint64_t commits = disk->commits;
    assert_int_equal(ask(d, create_for(d, "ann")).created.status, ERR_NO_SPACE);
    char id[ID_SIZE];
    id_at(at_ms, pos, id);
    assert_int_equal(mark_read(d, "ann", (struct bytes){id, ID_SIZE}, "", HASH_A).status,
                     ERR_NO_SPACE);
    assert_int_equal(disk->commits, commits);
    assert_int_equal(value(d, COUNT_refused_space), 2);
    assert_int_equal(snapshot(d, "ann", 0, 10).unread, 2); /* reads go on */
    d->now.wall_ms += 1000;
    assert_int_equal(snapshot(d, "ann", 0, 10).unread, 1); /* and never count what has expired */
    disk->free_bytes = 20 << 20;
    assert_int_equal(ask(d, create_for(d, "ann")).created.status, ERR_OK);
    assert_int_equal(snapshot(d, "ann", 0, 10).unread, 2);
    assert_int_equal(recount(d, NULL), 0);
}

static void a_commit_that_finds_the_disk_full_refuses_all_of_it(void **state)
{
    struct desk *d = *state;
    struct mem_faults *disk = engine_mem_faults(d->engine);
    create_one(d, "ann", TYPE_activity, d->now.wall_ms + 1000);
    desk_clear(d);
    disk->next_commit = ERR_NO_SPACE;
    struct msg m, keyed = create_for(d, "ann");
    keyed.create.key = BYTES("key");
    desk_send(d, 0, &keyed);
    send_create(d, "bob");
    desk_commit(d);
    for (int i = 0; i < 2; i++) {
        assert_true(desk_next(d, 0, &m));
        assert_int_equal(m.created.status, ERR_NO_SPACE);
    }
    assert_int_equal(value(d, COUNT_log_head), 1);
    assert_int_equal(snapshot(d, "bob", 0, 0).seq, 0);
    keyed = create_for(d, "ann");
    keyed.create.key = BYTES("key");
    assert_int_equal(ask(d, keyed).created.first_seq, 2); /* the key was not kept */
    d->now.wall_ms += 1000;
    disk->next_commit =
        ERR_NO_SPACE; /* not even the expiry fits: no count, rather than a wrong one */
    assert_int_equal(snapshot(d, "ann", 0, 0).status, ERR_NO_SPACE);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 1);
    assert_int_equal(recount(d, NULL), 0);
}

static void a_failed_sync_ends_the_process(void **state)
{
    struct desk *d = *state;
    engine_mem_faults(d->engine)->next_commit = ERR_WORLD;
    send_create(d, "ann");
    struct batch *b = requests_to_commit(&d->requests);
    commit_some(&d->commit, b, d->now);
    assert_int_equal(b->failed, ERR_WORLD);
    assert_int_equal(requests_committed(&d->requests, d->now), ERR_WORLD);
    assert_int_equal(d->out[0].n, 0);
}

static void a_crash_loses_what_was_not_acknowledged_and_nothing_else(void **state)
{
    struct desk *d = *state;
    uint64_t seq = create_one(d, "ann", TYPE_activity, 0);
    send_create(d, "ann");
    struct batch *b = requests_to_commit(&d->requests);
    assert_non_null(b);
    engine_mem_crash(d->engine); /* before it came to the disk */
    desk_stop(d);
    desk_start(d);
    assert_int_equal(snapshot(d, "ann", 0, 0).seq, seq);
    assert_int_equal(create_one(d, "ann", TYPE_activity, 0), seq + 1);
    assert_int_equal(recount(d, NULL), 0);
}

static void what_writes_nothing_commits_nothing(void **state)
{
    struct desk *d = *state;
    struct mem_faults *disk = engine_mem_faults(d->engine);
    struct msg keyed = create_for(d, "ann");
    keyed.create.key = BYTES("key");
    ask(d, keyed);
    uint64_t commits = disk->commits;
    ask(d, keyed);
    ask(d, (struct msg){.id = MSG_expire});
    mark_read(d, "ann", (struct bytes){0}, "", HASH_A);
    assert_int_equal(disk->commits, commits);
    assert_int_equal(value(d, COUNT_commits), 1);
}

static void nonsense_is_counted_and_hurts_nobody(void **state)
{
    struct desk *d = *state;
    struct hub_peer from = peer_no(1);
    struct msg answer = {.id = MSG_created};
    desk_take(d, &from, BYTES("\xc1nonsense"));
    desk_send(d, 1, &answer); /* ours, but not for us */
    assert_int_equal(value(d, COUNT_malformed), 2);
    buf_reset(&d->request); /* what stands before it is heard */
    struct msg m = create_for(d, "ann");
    msg_write(&d->request, &m);
    buf_text(&d->request, "\xc1");
    desk_take(d, &from, buf_all(&d->request));
    desk_commit(d);
    assert_int_equal(value(d, COUNT_malformed), 3);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 1);
}

static void reads_have_a_budget(void **state)
{
    struct desk *d = *state;
    struct hub_peer from = peer_no(1);
    struct msg ask_page = {.id = MSG_snapshot, .snapshot = {.user = BYTES("ann"), .limit = 10}};
    snapshot(d, "ann", 0, 0); /* who is known is answered at once */
    desk_clear(d);
    buf_reset(&d->request);
    struct msg m = create_for(d, "ann");
    for (int i = 0; i < 10; i++)
        msg_write(&d->request, i == 5 ? &m : &ask_page);
    struct mp_in in = mp_over(buf_all(&d->request));
    const unsigned answered[] = {4, 4, 1};
    for (int turn = 0; turn < 3; turn++) {
        unsigned reads = 4, answers = 0;
        assert_int_equal(requests_take(&d->requests, &from, &in, &reads, d->now), ERR_OK);
        assert_int_equal(mp_end(&in), turn == 2);
        while (desk_next(d, 1, &m))
            answers++;
        assert_int_equal(answers, answered[turn]);
        assert_int_equal(value(d, COUNT_waiting), turn >= 1); /* the write goes on meanwhile */
    }
}

int main(void)
{
#define OVER_MEMORY(test) cmocka_unit_test_setup_teardown(test, setup_mem, teardown)
    const struct CMUnitTest tests[] = {
        OVER_MEMORY(all_that_waits_shares_a_commit),
        OVER_MEMORY(a_commit_has_a_most),
        OVER_MEMORY(the_queue_has_a_most),
        OVER_MEMORY(who_waits_no_longer_is_dropped),
        OVER_MEMORY(a_full_map_grows_and_does_it_again),
        OVER_MEMORY(a_full_disk_refuses_and_recovers),
        OVER_MEMORY(a_commit_that_finds_the_disk_full_refuses_all_of_it),
        OVER_MEMORY(a_failed_sync_ends_the_process),
        OVER_MEMORY(a_crash_loses_what_was_not_acknowledged_and_nothing_else),
        OVER_MEMORY(what_writes_nothing_commits_nothing),
        OVER_MEMORY(reads_have_a_budget),
        OVER_MEMORY(nonsense_is_counted_and_hurts_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
