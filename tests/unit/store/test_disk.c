/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that is full, or fails. The disk is a small tmpfs, mounted where only this program sees it,
 * which a user without privileges may do too (user_namespaces(7)). */
#include "tests/unit/store/process.h"

#include "lib/log.h"
#include "store/engine_lmdb.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

enum { DISK_MB = 40, RESERVE_MB = 8 };

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* A mount namespace of our own; without root, as the root of a user namespace. */
static bool unshare_mounts(void)
{
    char map[60];
    unsigned uid = getuid(), gid = getgid();
    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return false;
        snprintf(map, sizeof map, "0 %u 1", uid);
        write_text("/proc/self/uid_map", map);
        write_text("/proc/self/setgroups", "deny");
        snprintf(map, sizeof map, "0 %u 1", gid);
        write_text("/proc/self/gid_map", map);
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static char disk[60];

static int setup(void **state)
{
    char size[20];
    (void)state;
    strcpy(disk, "/tmp/bs.XXXXXX");
    if (!mkdtemp(disk))
        return -1;
    snprintf(size, sizeof size, "size=%dm", DISK_MB);
    return mount("none", disk, "tmpfs", 0, size);
}

static int teardown(void **state)
{
    (void)state;
    umount2(disk, MNT_DETACH);
    rmdir(disk);
    return 0;
}

static uint64_t free_bytes(void)
{
    struct statvfs fs;
    assert_int_equal(statvfs(disk, &fs), 0);
    return (uint64_t)fs.f_bavail * fs.f_frsize;
}

/* Fill the disk until `left` bytes are free; 0 makes room again. */
static void ballast(uint64_t left)
{
    char path[80];
    static const char zero[4096];
    snprintf(path, sizeof path, "%s/ballast", disk);
    if (left == 0) {
        assert_int_equal(unlink(path), 0);
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (free_bytes() > left)
        assert_int_equal(write(fd, zero, sizeof zero), sizeof zero);
    close(fd);
}

static void open_on_disk(struct process *p)
{
    char folder[80];
    snprintf(folder, sizeof folder, "%s/d", disk);
    process_open(p, folder);
}

static void writes_are_refused_and_reads_go_on(void **state)
{
    (void)state;
    struct process p;
    char said[8000], number[10];
    snprintf(number, sizeof number, "%d", RESERVE_MB);
    setenv("BELFRY_STORE_RESERVE_MB", number, 1);
    open_on_disk(&p);
    assert_true(process_start(&p));
    struct asker a = asker_new(&p);
    struct msg m = create_for("ann", "");
    assert_int_equal(asker_ask(&a, m).created.status, ERR_OK);
    m.create.expires_ms = clock_wall_ms() + 700;
    assert_int_equal(asker_ask(&a, m).created.status, ERR_OK);
    m.create.expires_ms = 0;
    ballast((RESERVE_MB - 2) << 20);
    assert_int_equal(asker_ask(&a, m).created.status, ERR_NO_SPACE);
    m = (struct msg){
        .id = MSG_mark_all,
        .mark_all = {.observed_seq = UINT64_MAX, .user = BYTES("ann"), .up_to = UINT64_MAX}};
    assert_int_equal(asker_ask(&a, m).changed.status, ERR_NO_SPACE);
    uint64_t until = clock_ms() + PATIENCE_MS;
    while (ask_inbox(&a, "ann", 0, 10).unread == 2) /* until it expires, into the reserve */
        assert_true(clock_ms() < until);
    struct msg_inbox in = ask_inbox(&a, "ann", 0, 10);
    assert_int_equal(in.status, ERR_OK);
    assert_int_equal(in.unread, 1);
    assert_int_equal(in.items.count, 1);
    assert_int_equal(counter_of(&p, "refused_space"), 2);
    assert_int_equal(asker_ask(&a, create_for("ann", "")).created.status, ERR_NO_SPACE);
    ballast(0);
    assert_int_equal(asker_ask(&a, create_for("ann", "")).created.status, ERR_OK);
    assert_int_equal(ask_inbox(&a, "ann", 0, 10).unread, 2);
    assert_int_equal(ask_check(&a), 1);
    asker_free(&a);
    assert_int_equal(process_end(&p, SIGTERM, said, sizeof said), EXIT_drained);
    assert_non_null(strstr(said, "store.full"));
    assert_non_null(strstr(said, "store.room"));
    process_close(&p);
}

/* Without a reserve, and whatever else fills the disk: every answer still tells the truth. */
static void to_the_last_byte(void **state)
{
    (void)state;
    struct process p;
    static char content[30000];
    memset(content, 'x', sizeof content);
    content[0] = '{';
    content[sizeof content - 1] = '}';
    setenv("BELFRY_STORE_RESERVE_MB", "0", 1);
    open_on_disk(&p);
    assert_true(process_start(&p));
    struct asker a = asker_new(&p);
    uint64_t good = 0, refused = 0;
    ballast(3 << 20);
    while (refused < 20) {
        struct msg m = create_for("ann", "");
        m.create.content = (struct bytes){content, sizeof content};
        struct msg answer = asker_ask(&a, m);
        assert_true(answer.created.status == ERR_OK || answer.created.status == ERR_NO_SPACE);
        ++*(answer.created.status == ERR_OK ? &good : &refused);
    }
    assert_true(good > 10);
    assert_int_equal(ask_inbox(&a, "ann", 0, 10).unread, good);
    assert_int_equal(process_end(&p, SIGKILL, NULL, 0), 1000 + SIGKILL);
    ballast(0);
    assert_true(process_start(&p));
    asker_again(&a);
    assert_int_equal(ask_inbox(&a, "ann", 0, 10).unread, good);
    assert_int_equal(asker_ask(&a, create_for("ann", "")).created.status, ERR_OK);
    assert_int_equal(ask_check(&a), 1);
    asker_free(&a);
    process_close(&p);
}

/* The engine by itself, where nobody looked for room before. */
static void a_commit_that_does_not_fit_says_so(void **state)
{
    (void)state;
    char folder[80];
    static char value[100000];
    snprintf(folder, sizeof folder, "%s/e", disk);
    assert_int_equal(mkdir(folder, 0700), 0);
    enum err why;
    struct engine *e = engine_lmdb_open(folder, UINT64_C(1) << 30, &why);
    assert_non_null(e);
    ballast(2 << 20);
    enum err err = ERR_OK;
    unsigned good = 0;
    for (int key = 0; key < 26 && !err; key++) {
        struct txn *t = NULL;
        assert_int_equal(engine_write(e, &t), ERR_OK);
        for (int second = 0; second < 4; second++) {
            char name[] = {(char)('a' + key), (char)('a' + second)};
            txn_put(t, TABLE_log, (struct bytes){name, 2}, (struct bytes){value, sizeof value});
        }
        err = txn_commit(&t);
        good += !err;
    }
    assert_int_equal(err, ERR_NO_SPACE);
    assert_true(good > 0);
    struct txn *t = NULL;
    struct walk w;
    struct bytes key, got;
    unsigned rows = 0;
    assert_int_equal(engine_read(e, &t), ERR_OK);
    walk_open(&w, t, TABLE_log, WALK_up, (struct bytes){0});
    for (; walk_next(&w, &key, &got); rows++)
        assert_memory_equal(got.p, value, sizeof value);
    walk_close(&w);
    txn_abort(&t);
    assert_int_equal(rows, good * 4); /* nothing of the one that failed */
    ballast(0);
    assert_int_equal(engine_write(e, &t), ERR_OK);
    txn_put(t, TABLE_log, BYTES("zz"), (struct bytes){value, sizeof value});
    assert_int_equal(txn_commit(&t), ERR_OK);
    engine_close(&e);
}

/* A file that may not grow: room on the disk, and yet a write fails. Nobody can say what is on disk
 * then, so the process ends, and says 111. */
static void a_commit_that_fails_ends_the_process(void **state)
{
    (void)state;
    struct process p;
    char said[8000];
    struct rlimit before, small = {1 << 20, RLIM_INFINITY};
    setenv("BELFRY_STORE_RESERVE_MB", "0", 1);
    open_on_disk(&p);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN); /* the write fails with EFBIG instead */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_true(process_start(&p));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    struct asker a = asker_new(&p);
    struct msg m = create_for("ann", "");
    static char content[30000];
    memset(content, 'x', sizeof content);
    content[0] = '{';
    content[sizeof content - 1] = '}';
    m.create.content = (struct bytes){content, sizeof content};
    uint64_t good = 0;
    for (;;) {
        asker_send(&a, &m);
        while (!sock_read(a.dealer, &a.part) && !process_left(&p))
            usleep(200); /* until one of the two happens */
        struct mp_in in = mp_over(sock_bytes(&a.part));
        if (!msg_read(&in, &m))
            break;
        zmq_msg_close(&a.part);
        zmq_msg_init(&a.part);
        assert_int_equal(m.created.status, ERR_OK);
        good++;
        m = create_for("ann", "");
        m.create.content = (struct bytes){content, sizeof content};
    }
    assert_int_equal(process_end(&p, 0, said, sizeof said), EXIT_again);
    assert_non_null(strstr(said, "engine.commit"));
    assert_true(good > 5);
    assert_true(process_start(&p));
    asker_again(&a);
    assert_int_equal(ask_inbox(&a, "ann", 0, 10).unread, good);
    assert_int_equal(ask_check(&a), 1);
    asker_free(&a);
    process_close(&p);
}

/* Then a process says what it has to say without it. */
static void a_log_without_room_is_not_kept(void **state)
{
    (void)state;
    char path[80];
    snprintf(path, sizeof path, "%s/run.log", disk);
    ballast(8192);
    assert_false(log_keep(path));
    ballast(0);
    assert_true(log_keep(path));
}

int main(void)
{
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON_DISK(writes_are_refused_and_reads_go_on), ON_DISK(to_the_last_byte),
        ON_DISK(a_commit_that_does_not_fit_says_so), ON_DISK(a_commit_that_fails_ends_the_process),
        ON_DISK(a_log_without_room_is_not_kept),
    };
    if (!unshare_mounts()) {
        print_message(
            "1..0 # SKIP no tmpfs can be mounted here: it takes root, or user namespaces\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
