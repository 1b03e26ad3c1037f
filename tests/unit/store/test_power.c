/* SPDX-License-Identifier: Apache-2.0 */
/* The power goes, at any moment: of what was not synced the disk has all, nothing, or any part, in
 * any order. The store works with disk.so before it, which writes down what LMDB does
 * to its file; then it is killed, its disk fails, and it starts again. From what was written down
 * come hundreds of disks as a power cut could have left them, and on each the store must start, have
 * everything that was acknowledged until then, and agree with its own recount.
 *
 * SEED=n cuts at the same moments of a run, as far as the machine does; CUTS=n are so many. */
#include "tests/unit/store/cuts.h"

enum {
    LIVES = 9, /* how often the store ends while it works */
    KEYS_PER_LIFE = 60,
    KEYS = LIVES * KEYS_PER_LIFE,
    IN_FLIGHT = 6,
    USERS = 5,
    CUTS_FIRST = 40, /* cuts at each of the first rows: the file comes into being */
    CUTS = 250,
    PADDING_MAX = 9000, /* of a content: some fill pages of their own */
};

static struct world {
    struct process process, cut; /* the one that works, and the one on what a cut left */
    struct asker asker;
    char trace_path[100], fault_path[100];
    int trace;
    uint64_t acknowledged[KEYS]; /* what the answer said, by key; 0: nothing yet */
    uint64_t keys, done, faults;
    uint64_t kept[KEYS]; /* of them, those that were acknowledged before a cut */
    uint64_t newest;     /* seq of those */
} w;

/* -- actions: what a key asks for, whenever it asks ------------------------------------------- */

static enum msg_id kind_of(uint64_t key)
{
    return key % 8 == 7 ? MSG_mark_all : key % 8 == 6 ? MSG_publish : MSG_create;
}

/* One inbox is marked read now and then; the others are not, so that they can be counted. */
static const char *user_of(uint64_t key)
{
    static char name[20];
    unsigned user = kind_of(key) == MSG_mark_all ? 0 : (unsigned)(key % USERS);
    snprintf(name, sizeof name, "u%u", user);
    return name;
}

static struct bytes content_of(uint64_t key)
{
    static char text[PADDING_MAX + 60];
    int padding = (int)(key * 2654435761 % 97 * key % PADDING_MAX);
    int n = snprintf(text, sizeof text, "{\"title\":\"%llu\",\"body\":\"%0*d\"}",
                     (unsigned long long)key, key % 3 ? 1 : padding + 1, 0);
    return (struct bytes){text, (size_t)n};
}

static void send_key(struct asker *a, uint64_t key)
{
    static char text[30];
    snprintf(text, sizeof text, "key-%llu", (unsigned long long)key);
    struct msg m = create_for(user_of(key), text);
    m.create.content = content_of(key);
    if (kind_of(key) == MSG_publish)
        m = (struct msg){.id = MSG_publish,
                         .publish = {.topic = BYTES("log:1"),
                                     .event = BYTES("line"),
                                     .payload = content_of(key),
                                     .history = 20,
                                     .key = bytes_of(text),
                                     .body_hash = BYTES("0123456789abcdef")}};
    if (kind_of(key) == MSG_mark_all)
        m = (struct msg){.id = MSG_mark_all,
                         .mark_all = {.user = bytes_of(user_of(key)),
                                      .observed_seq = UINT64_MAX,
                                      .up_to = UINT64_MAX,
                                      .op_id = bytes_of(text),
                                      .body_hash = BYTES("0123456789abcdef")}};
    m.create.req = key; /* req and ttl_ms stand first in each */
    m.create.ttl_ms = PATIENCE_MS;
    asker_send(a, &m);
}

/* What an answer acknowledges: the seq it got, or up to where all was read. */
static uint64_t value_of(const struct msg *m)
{
    assert_int_equal(m->created.status, ERR_OK);
    switch (m->id) {
    case MSG_created:
        return m->created.first_seq;
    case MSG_published:
        return m->published.seq;
    case MSG_changed:
        return m->changed.seq;
    default:
        fail_msg("an answer of kind %d", (int)m->id);
        return 0;
    }
}

/* -- the run ---------------------------------------------------------------------------------- */

/* Among what disk.so wrote down, at this moment. */
static void note(uint64_t key, uint64_t value)
{
    struct disk_row row = {.kind = DISK_heard, .at = key, .value = value};
    assert_int_equal(write(w.trace, &row, sizeof row), sizeof row);
}

/* All answers that are there. */
static void hear(void)
{
    struct msg m;
    while (sock_read(w.asker.dealer, &w.asker.part)) {
        struct mp_in in = mp_over(sock_bytes(&w.asker.part));
        while (msg_read(&in, &m)) {
            uint64_t key = m.created.req, value = value_of(&m), *known = &w.acknowledged[key];
            note(key, value);
            assert_true(*known == 0 || *known == value); /* the same answer for ever */
            w.done += *known == 0;
            *known = value;
        }
        assert_true(in.ok);
    }
}

/* Until all that was sent is answered, or the process has left. True: answered. */
static bool wait_for(uint64_t done)
{
    uint64_t until = clock_ms() + PATIENCE_MS;
    while (w.done < done) {
        zmq_pollitem_t on = {.socket = w.asker.dealer, .events = ZMQ_POLLIN};
        uint64_t now = clock_ms();
        assert_true(now < until);
        if (process_left(&w.process))
            return false;
        loop_wait(&on, 1, now + 2, now);
        hear();
    }
    return true;
}

static void plant(const char *fault)
{
    int fd = open(w.fault_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, fault, strlen(fault)), (ssize_t)strlen(fault));
    close(fd);
}

/* What is unknown is asked again, one by one: a repeat alone makes no commit of its own. */
static void ask_again(void)
{
    for (uint64_t key = 0; key < w.keys; key++) {
        if (w.acknowledged[key])
            continue;
        send_key(&w.asker, key);
        assert_true(wait_for(w.done + 1));
    }
}

static void live(int life)
{
    static const char *const faults[] = {NULL, "sync_eio", "meta_eio", "meta_die"};
    static const int ends[] = {1000 + SIGKILL, EXIT_again, EXIT_again, 1000 + SIGKILL};
    uint64_t until = w.keys + KEYS_PER_LIFE, fault_at = w.keys + 10 + roll(KEYS_PER_LIFE - 20);
    int fault = life % 4;
    bool there = true;
    assert_true(process_start(&w.process));
    asker_again(&w.asker);
    ask_again();
    while (w.keys < until && there) {
        while (w.keys < w.done + IN_FLIGHT && w.keys < until)
            send_key(&w.asker, w.keys++);
        if (fault && w.keys >= fault_at)
            plant(faults[fault]);
        there = wait_for(w.done + 1);
    }
    int end = process_end(&w.process, there ? SIGKILL : 0, NULL, 0);
    assert_int_equal(end, there ? 1000 + SIGKILL : ends[fault]);
    w.faults += !there;
    unlink(w.fault_path);
    hear(); /* what it said before */
}

static void run(void)
{
    snprintf(w.trace_path, sizeof w.trace_path, "%s.trace", w.process.folder);
    snprintf(w.fault_path, sizeof w.fault_path, "%s.fault", w.process.folder);
    w.trace = open(w.trace_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(w.trace >= 0);
    setenv("DISK_TRACE", w.trace_path, 1);
    setenv("DISK_FAULT", w.fault_path, 1);
    setenv("DISK_SYNC_US", "1000", 1);
    preload("disk.so");
    w.asker = asker_new(&w.process);
    for (int life = 0; life < LIVES; life++)
        live(life);
    assert_true(process_start(&w.process));
    asker_again(&w.asker);
    ask_again();
    assert_int_equal(process_end(&w.process, SIGTERM, NULL, 0), EXIT_drained);
    asker_free(&w.asker);
    unsetenv("LD_PRELOAD");
}

/* -- on each of them -------------------------------------------------------------------------- */

/* Everything in front of the last mark that was acknowledged is read. */
static void marks_hold(struct asker *a)
{
    uint64_t up_to = 0, before = 0;
    for (uint64_t key = 0; key < KEYS; key++)
        if (kind_of(key) == MSG_mark_all && w.kept[key] > up_to)
            up_to = w.kept[key];
    do {
        struct msg_inbox in = ask_inbox(a, "u0", before, 100);
        struct mp_in items = list_in(in.items);
        struct msg m;
        while (msg_read(&items, &m))
            assert_true(m.item.pos > up_to || m.item.read_ms != 0);
        before = in.next;
    } while (before > 0);
}

/* The same answer to what was acknowledged, a first one to the rest. */
static void all_answer(struct asker *a)
{
    struct msg m;
    uint64_t answers = 0;
    for (uint64_t key = 0; key < w.keys; key++)
        send_key(a, key);
    while (answers < w.keys)
        for (struct mp_in in = asker_wait(a); msg_read(&in, &m); answers++) {
            uint64_t kept = w.kept[m.created.req], value = value_of(&m);
            if (kept && value != kept)
                fail_msg("action %llu was acknowledged with %llu, and now with %llu",
                         (unsigned long long)m.created.req, (unsigned long long)kept,
                         (unsigned long long)value);
        }
}

static void counts_hold(struct asker *a)
{
    uint64_t want[USERS] = {0};
    for (uint64_t key = 0; key < w.keys; key++)
        want[key % USERS] += kind_of(key) == MSG_create;
    for (unsigned u = 1; u < USERS; u++) {
        char name[20];
        snprintf(name, sizeof name, "u%u", u);
        assert_int_equal(ask_inbox(a, name, 0, 0).unread, want[u]);
    }
    assert_int_equal(ask_check(a), USERS + 1); /* and the topic */
}

static void store_holds(struct process *p)
{
    assert_true(process_start(p));
    struct asker a = asker_new(p);
    uint64_t head = ask_inbox(&a, "u0", 0, 0).log_seq;
    if (head < w.newest)
        fail_msg("the log ends at %llu, and %llu was acknowledged", (unsigned long long)head,
                 (unsigned long long)w.newest);
    marks_hold(&a);
    all_answer(&a);
    counts_hold(&a);
    asker_free(&a);
    process_end(p, SIGKILL, NULL, 0);
}

/* -- all of it -------------------------------------------------------------------------------- */

/* The caller frees it. */
static struct bytes trace_read(void)
{
    off_t size = lseek(w.trace, 0, SEEK_END);
    char *all = malloc((size_t)size);
    assert_non_null(all);
    assert_int_equal(pread(w.trace, all, (size_t)size, 0), size);
    return (struct bytes){all, (size_t)size};
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void compare_with_the_file(void)
{
    char path[200];
    struct stat st;
    static char bytes[FILE_BYTES];
    snprintf(path, sizeof path, "%s/store/data.mdb", w.process.folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, model.cache.n); /* nothing was written that we did not see */
    assert_int_equal(read(fd, bytes, sizeof bytes), st.st_size);
    close(fd);
    assert_memory_equal(bytes, model.cache.bytes, model.cache.n);
}

static void remember(const struct disk_row *row)
{
    if (row->kind != DISK_heard)
        return;
    w.kept[row->at] = row->value;
    w.newest = row->value > w.newest ? row->value : w.newest;
}

static uint64_t count_rows(struct bytes trace)
{
    struct disk_row row;
    struct bytes data;
    uint64_t rows = 0;
    for (size_t at = 0; row_next(trace, &at, &row, &data);)
        rows++;
    return rows;
}

static void what_was_acknowledged_survives_a_power_cut(void **state)
{
    (void)state;
    uint64_t cuts = number_of("CUTS", CUTS), n = 0, made = 0;
    run();
    struct bytes trace = trace_read(), data;
    struct disk_row row;
    uint64_t rows = count_rows(trace);
    model_new();
    for (size_t at = 0; row_next(trace, &at, &row, &data); n++) {
        apply(&row, data);
        remember(&row);
        if (n >= CUTS_FIRST && roll(rows) >= cuts)
            continue;
        print_message("# cut %llu behind row %llu of %llu\n", (unsigned long long)++made,
                      (unsigned long long)n, (unsigned long long)rows);
        cut();
        disk_make(w.cut.folder);
        store_holds(&w.cut);
    }
    free((void *)(uintptr_t)trace.p);
    compare_with_the_file();
    print_message("keys=%llu rows=%llu cuts=%llu\n", (unsigned long long)w.keys,
                  (unsigned long long)rows, (unsigned long long)made);
    assert_true(made >= cuts / 2);
    assert_int_equal(w.faults, LIVES - (LIVES + 3) / 4); /* each that was planted */
}

static int setup(void **state)
{
    (void)state;
    uint64_t seed = number_of("SEED", (uint64_t)getpid() * 2654435761 + clock_ms());
    print_message("SEED=%llu\n", (unsigned long long)seed);
    model.dice = seed | 1;
    process_open(&w.process, NULL);
    process_open(&w.cut, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    process_close(&w.process);
    process_close(&w.cut);
    unlink(w.trace_path);
    unlink(w.fault_path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"R22: what was acknowledged survives a power cut",
         what_was_acknowledged_survives_a_power_cut, setup, teardown, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
