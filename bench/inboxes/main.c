/* SPDX-License-Identifier: Apache-2.0 */
/* bench-inboxes: what a running store takes for the questions and actions of inboxes, asked over its own
 * socket, one at a time, as a session process asks them. Everything that answers an action is
 * on disk by then.
 *
 *     bench-inboxes fill --data DIR --users N --each N     inboxes, a thousand to a create
 *     bench-inboxes measure --data DIR --users N           of those: the figures
 *
 * Source  issue "The inbox": what must be shown. */
#include "bench/common/report.h"
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/link.h"
#include "lib/loop.h"
#include "proto/items.h"
#include "proto/messages.h"
#include "proto/settings.h"
#include "proto/topic.h"
#include "proto/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { ANSWER_MS = 60000, AHEAD = 8, DEEP_ITEMS = 100000, DEEP_INBOXES = 3, CHANGES = 1000 };

static struct options {
    const char *data;
    uint64_t users, each, json, rounds;
} opt = {"", 100000, 10, 0, 2000};

static struct bench {
    struct link link;
    zmq_pollitem_t on[LINK_POLL];
    zmq_msg_t part;
    struct mp_in in;
    uint64_t req, run;
    struct report report;
} b;

/* ---- asking ---- */

static void send_one(struct msg *m)
{
    m->create.req = ++b.req;
    m->create.ttl_ms = ANSWER_MS;
    msg_write(link_out(&b.link), m);
    ENSURE(!link_out(&b.link)->overflowed);
    while (link_flush(&b.link) == ERR_LATER)
        loop_wait(b.on, LINK_POLL, clock_ms() + 1, clock_ms());
}

/* The next answer; it is borrowed until the one after. */
static struct msg receive(void)
{
    struct msg m;
    uint64_t until_ms = clock_ms() + ANSWER_MS;
    while (!(b.in.ok && !mp_end(&b.in) && msg_read(&b.in, &m))) {
        while (link_change(&b.link) != LINK_same)
            ;
        if (link_read(&b.link, &b.part))
            b.in = mp_over(sock_bytes(&b.part));
        else if (clock_ms() > until_ms)
            refuse("the store does not answer");
        else
            loop_wait(b.on, LINK_POLL, until_ms, clock_ms());
    }
    if (m.created.status != ERR_OK)
        refuse("%s: %s", msg_name(m.id), err_text((enum err)m.created.status));
    return m;
}

static struct msg ask(struct msg *m)
{
    send_one(m);
    return receive();
}

static struct msg timed(struct msg *m, struct histogram *h)
{
    uint64_t from_ns = clock_ns();
    struct msg answer = ask(m);
    histogram_add(h, clock_ns() - from_ns);
    return answer;
}

static void connect_store(void)
{
    struct settings s = settings_load(NULL, opt.data);
    struct paths paths = paths_of(&s);
    link_open(&b.link, zmq_ctx_new(), paths.store, FRAME_MAX);
    link_poll(&b.link, b.on);
    zmq_msg_init(&b.part);
    uint64_t until_ms = clock_ms() + 3000;
    while (!b.link.up) {
        if (clock_ms() > until_ms)
            refuse("the store of %s is not there: is it running?", opt.data);
        loop_wait(b.on, LINK_POLL, until_ms, clock_ms());
        while (link_change(&b.link) != LINK_same)
            ;
    }
}

/* ---- users ---- */

static struct bytes user_name(char room[32], uint64_t n)
{
    return (struct bytes){room, (size_t)snprintf(room, 32, "u%07llu", (unsigned long long)n)};
}

static struct bytes deep_name(char room[32], unsigned n)
{
    int length = snprintf(room, 32, "deep%u-%08x", n, (unsigned)b.run);
    return (struct bytes){room, (size_t)length};
}

static const char content[] =
    "{\"type\":\"activity\",\"title\":\"New message in #design\","
    "\"body\":\"Ann: shall we ring the bell at noon?\",\"data\":{\"n\":7}}";

static struct msg create_for(struct mp_list users)
{
    return (struct msg){.id = MSG_create,
                        .create = {.users = users,
                                   .type = TYPE_activity,
                                   .content = {content, sizeof content - 1}}};
}

/* ---- filling ---- */

static void put_users(struct buf *list, uint64_t from, uint64_t n)
{
    char room[32];
    buf_reset(list);
    for (uint64_t i = 0; i < n; i++)
        mp_put_str(list, user_name(room, from + i));
}

static void fill(void)
{
    struct buf users;
    uint64_t waiting = 0, from_ns = clock_ns();
    buf_init(&users, FRAME_MAX);
    for (uint64_t round = 0; round < opt.each; round++)
        for (uint64_t at = 0; at < opt.users; at += USERS_MAX) {
            uint64_t n = opt.users - at < USERS_MAX ? opt.users - at : USERS_MAX;
            put_users(&users, at, n);
            struct msg m = create_for(list_of(&users, (uint32_t)n));
            if (waiting++ >= AHEAD)
                receive();
            send_one(&m);
        }
    for (uint64_t left = waiting < AHEAD ? waiting : AHEAD; left > 0; left--)
        receive();
    double s = (double)(clock_ns() - from_ns) / 1e9;
    report_add(&b.report, s, 1, "fill_s");
    report_add(&b.report, (double)(opt.users * opt.each) / s, 0, "notifications_per_s");
    buf_fini(&users);
}

/* Inboxes with very many, all unread; gives the first one's seq with CHANGES behind it. */
static uint64_t fill_deep(void)
{
    enum { WAITING = 500 };
    struct buf users;
    char room[32];
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
    char room[32];
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
    char room[32], topic[TOPIC_MAX + 1];
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
    char room[32];
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
    char room[32];
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
    char room[32];
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
    char room[32], topic[TOPIC_MAX + 1];
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
            refuse("%s: allowed: --data DIR --users N --each N --rounds N --json 0|1", argv[i]);
    }
    if (!opt.data[0] || !opt.users || opt.rounds < 200)
        refuse("--data DIR must be said; users above 0, rounds from 200 on");
}

int main(int argc, char **argv)
{
    bool filling = argc > 1 && strcmp(argv[1], "fill") == 0;
    if (!filling && (argc < 2 || strcmp(argv[1], "measure") != 0))
        refuse("bench-inboxes fill|measure --data DIR ...");
    options_read(argc, argv);
    ENSURE(getrandom(&b.run, sizeof b.run, 0) == sizeof b.run);
    connect_store();
    if (filling)
        fill();
    else
        measure();
    report_print(&b.report, opt.json != 0);
    return 0;
}
