/* SPDX-License-Identifier: Apache-2.0 */
/* bench-inboxes: what a running store takes for the questions and actions of inboxes, asked over its own
 * socket, one at a time, as a session process asks them. Everything that answers an action is
 * on disk by then.
 *
 *     bench-inboxes fill --data DIR --users N --each N     inboxes, a thousand to a create
 *     bench-inboxes measure --data DIR --users N           of those: the figures
 *     bench-inboxes costs --data DIR --users N             creates: by the size of their inbox, up to N items; by
 *                                                          how many inboxes there are, up to N
 *
 * Source  issue "The inbox": what must be shown. */
#include "bench/inboxes/asking.h"
#include "bench/inboxes/costs.h"
#include "lib/ensure.h"
#include "lib/loop.h"
#include "proto/items.h"
#include "proto/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { DEEP_ITEMS = 100000, DEEP_INBOXES = 3, CHANGES = 1000 };

static struct options {
    const char *data;
    uint64_t users, each, bytes, json, rounds;
} opt = {"", 100000, 10, 0, 0, 2000};

static struct bench {
    uint64_t run;
    struct report report;
} b;

static struct bytes deep_name(char room[NAME], unsigned n)
{
    int length = snprintf(room, NAME, "deep%u-%08x", n, (unsigned)b.run);
    return (struct bytes){room, (size_t)length};
}

/* ---- filling ---- */

static void fill(void)
{
    uint64_t from_ns = clock_ns();
    create_bytes(opt.bytes);
    create_all(user_name, opt.users, opt.each);
    double s = (double)(clock_ns() - from_ns) / 1e9;
    report_add(&b.report, s, 1, "fill_s");
    report_add(&b.report, (double)(opt.users * opt.each) / s, 0, "notifications_per_s");
}

/* Inboxes with very many, all unread; gives the first one's seq with CHANGES behind it. */
static uint64_t fill_deep(void)
{
    enum { WAITING = 500 };
    struct buf users;
    char room[NAME];
    uint64_t since = 0;
    buf_init(&users, FRAME_MAX);
    for (unsigned i = 0; i < DEEP_INBOXES; i++)
        mp_put_str(&users, deep_name(room, i));
    struct msg m = create_for(list_of(&users, DEEP_INBOXES));
    for (uint64_t i = 0; i < DEEP_ITEMS + WAITING; i++) {
        if (i >= WAITING) {
            struct msg answer = receive();
            if (i - WAITING + 1 + CHANGES == DEEP_ITEMS)
                since = answer.created.first_seq;
        }
        if (i < DEEP_ITEMS)
            send_one(&m);
    }
    buf_fini(&users);
    return since;
}

/* ---- measuring ---- */

static uint64_t any_user(void)
{
    static uint64_t state = 88172645463325252;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % opt.users;
}

static void reads(const char *name, uint64_t limit, bool deep)
{
    static struct histogram h;
    char room[NAME];
    h = (struct histogram){0};
    for (uint64_t i = 0; i < opt.rounds; i++) {
        struct bytes user = deep ? deep_name(room, 0) : user_name(room, any_user());
        struct msg m = {.id = MSG_snapshot, .snapshot = {.user = user, .limit = limit}};
        struct msg a = timed(&m, &h);
        ENSURE(a.id == MSG_inbox && a.inbox.items.count == (deep ? limit : 0));
    }
    report_times(&b.report, name, &h);
}

static void resumes(uint64_t since)
{
    static struct histogram h;
    char room[NAME], topic[TOPIC_MAX + 1];
    struct bytes name = {topic, topic_of_user(deep_name(room, 0), topic)};
    for (uint64_t i = 0; i < opt.rounds / 10; i++) {
        struct msg m = {.id = MSG_since, .since = {.topic = name, .since = since}};
        struct msg a = timed(&m, &h);
        ENSURE(a.id == MSG_changes && a.changes.entries.count == CHANGES);
    }
    report_times(&b.report, "resume_of_1000_changes", &h);
}

/* `up_to` of the deep inbox `n`; what stays unread. */
static uint64_t mark_all(const char *name, unsigned n, uint64_t up_to)
{
    static struct histogram h;
    char room[NAME];
    h = (struct histogram){0};
    struct msg m = {.id = MSG_mark_all,
                    .mark_all = {.user = deep_name(room, n),
                                 .what = MARK_read,
                                 .up_to = up_to,
                                 .observed_seq = UINT64_MAX}};
    struct msg a = timed(&m, &h);
    report_add(&b.report, (double)h.max_ns / 1e6, 3, "%s_ms", name);
    return a.changed.unread;
}

static void marks(void)
{
    char room[NAME];
    struct msg m = {.id = MSG_snapshot, .snapshot = {.user = deep_name(room, 1), .limit = 1}};
    struct msg a = ask(&m);
    struct mp_in in = list_in(a.inbox.items);
    struct msg item;
    ENSURE(msg_read(&in, &item));
    ENSURE(mark_all("mark_all_of_100000", 0, UINT64_MAX) == 0);
    /* A create for three takes three positions. */
    uint64_t middle = item.item.pos - UINT64_C(3) * DEEP_ITEMS / 2;
    uint64_t left = mark_all("mark_all_up_to_half", 1, middle);
    ENSURE(left > DEEP_ITEMS / 3 && left < DEEP_ITEMS * 2 / 3);
}

static void broadcasts(void)
{
    static struct histogram accepted, merged;
    char room[NAME];
    for (unsigned i = 0; i < 100; i++) {
        struct msg m = create_for((struct mp_list){0});
        m.create.all = 1;
        timed(&m, &accepted);
        for (unsigned k = 0; k < opt.rounds / 200; k++) {
            struct msg read = {.id = MSG_snapshot,
                               .snapshot = {.user = user_name(room, any_user()), .limit = 50}};
            timed(&read, &merged);
        }
    }
    report_times(&b.report, "broadcast_accepted", &accepted);
    report_times(&b.report, "first_read_after_it", &merged);
}

/* Counts that are read while the deep inboxes are recounted. */
static void reads_amid_check(void)
{
    static struct histogram h;
    char room[NAME], topic[TOPIC_MAX + 1];
    struct bytes after = {topic, topic_of_user(deep_name(room, 0), topic)};
    uint64_t from_ns = clock_ns();
    struct msg check = {.id = MSG_check, .check = {.after = after, .limit = 1}}; /* the next one */
    send_one(&check);
    for (bool done = false; !done;) {
        uint64_t asked_ns = clock_ns();
        struct msg m = {.id = MSG_snapshot, .snapshot = {.user = user_name(room, any_user())}};
        send_one(&m);
        struct msg a = receive();
        done = a.id == MSG_checked;
        if (done)
            report_add(&b.report, (double)(clock_ns() - from_ns) / 1e6, 1, "recount_of_100000_ms");
        if (done)
            receive();
        else
            histogram_add(&h, clock_ns() - asked_ns);
    }
    report_times(&b.report, "count_amid_it", &h);
}

static void measure(void)
{
    uint64_t since = fill_deep();
    reads("count", 0, false);
    reads("snapshot_of_50", 50, true);
    resumes(since);
    reads_amid_check();
    marks();
    broadcasts();
}

/* ---- */

static void options_read(int argc, char **argv)
{
    const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {{"--users", &opt.users},
                   {"--each", &opt.each},
                   {"--bytes", &opt.bytes},
                   {"--rounds", &opt.rounds},
                   {"--json", &opt.json}};
    for (int i = 2; i < argc; i += 2) {
        bool known = i + 1 < argc && strcmp(argv[i], "--data") == 0;
        if (known)
            opt.data = argv[i + 1];
        for (size_t k = 0; i + 1 < argc && k < sizeof numbers / sizeof *numbers; k++)
            if (strcmp(argv[i], numbers[k].name) == 0) {
                *numbers[k].value = strtoull(argv[i + 1], NULL, 10);
                known = true;
            }
        if (!known)
            refuse("%s: allowed: --data DIR --users N --each N --bytes N --rounds N --json 0|1",
                   argv[i]);
    }
    if (!opt.data[0] || !opt.users || opt.rounds < 200 || opt.bytes > BYTES_MOST)
        refuse("--data DIR must be said; users above 0, rounds from 200 on, bytes up to %d",
               BYTES_MOST);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    options_read(argc, argv);
    ENSURE(getrandom(&b.run, sizeof b.run, 0) == sizeof b.run);
    asking_open(opt.data);
    if (strcmp(what, "fill") == 0)
        fill();
    else if (strcmp(what, "measure") == 0)
        measure();
    else if (strcmp(what, "costs") == 0)
        costs_run(&b.report, opt.data, opt.users);
    else
        refuse("bench-inboxes fill|measure|costs --data DIR ...");
    report_print(&b.report, opt.json != 0);
    return 0;
}
