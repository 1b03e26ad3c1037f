/* SPDX-License-Identifier: Apache-2.0 */
/* process.h -- the real belfry-store in a folder of its own, and askers that speak to it. */
#pragma once

#include "lib/clock.h"
#include "lib/counters.h"
#include "lib/ensure.h"
#include "lib/loop.h"
#include "lib/sock.h"
#include "proto/id.h"
#include "proto/messages.h"
#include "proto/settings.h"
#include "proto/topic.h"
#include "proto/types.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 10000 };

struct process {
    struct settings settings; /* for its paths */
    char folder[85];
    pid_t pid;
    int errors; /* its standard error */
    void *ctx;
    unsigned askers;
};

struct asker {
    struct process *process;
    void *dealer;
    zmq_msg_t part;
    struct buf out;
    uint64_t req;
};

static inline int process_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline const char *program(void)
{
    static char path[400];
    const char *bin = getenv("BELFRY_BIN");
    snprintf(path, sizeof path, "%s/belfry-store", bin ? bin : "build/release/bin");
    return path;
}

/* Start it; false when it left instead of getting ready. */
static inline bool process_start(struct process *p)
{
    int ready[2], errors[2];
    char fd[12], byte;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(errors), 0);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that is stopped leaves nobody behind */
        close(ready[0]);
        dup2(errors[1], STDERR_FILENO);
        close(errors[0]);
        close(errors[1]);
        snprintf(fd, sizeof fd, "%d", ready[1]);
        execl(program(), program(), "--data", p->folder, "--ready-fd", fd, (char *)NULL);
        _exit(127);
    }
    close(ready[1]);
    close(errors[1]);
    p->errors = errors[0];
    bool good = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    return good;
}

/* Its exit code, or 1000 and the signal; what it said goes to `said`. */
static inline int process_end(struct process *p, int signal, char *said, size_t size)
{
    int status;
    size_t n = 0;
    if (signal)
        kill(p->pid, signal);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    p->pid = 0;
    fcntl(p->errors, F_SETFL, O_NONBLOCK);
    for (ssize_t got; n + 1 < size && (got = read(p->errors, said + n, size - 1 - n)) > 0;)
        n += (size_t)got;
    if (size > 0)
        said[n] = '\0';
    close(p->errors);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* The processes that are started from now on load it first. (The sanitizers want to be the first.) */
static inline void preload(const char *library)
{
    char path[500], folder[400], options[500];
    const char *asan = getenv("ASAN_OPTIONS");
    snprintf(folder, sizeof folder, "%s", program());
    *strrchr(folder, '/') = '\0';
    snprintf(path, sizeof path, "%s/../tests/preload/%s", folder, library);
    assert_int_equal(access(path, R_OK), 0);
    snprintf(options, sizeof options, "%s:verify_asan_link_order=0", asan ? asan : "");
    setenv("ASAN_OPTIONS", options, 1);
    setenv("BELFRY_SANDBOX", "0", 1); /* it writes where the store may not */
    setenv("LD_PRELOAD", path, 1);
}

static inline void process_open(struct process *p, const char *folder)
{
    *p = (struct process){0};
    if (folder) {
        snprintf(p->folder, sizeof p->folder, "%s", folder);
    } else {
        strcpy(p->folder, "/tmp/bs.XXXXXX");
        assert_non_null(mkdtemp(p->folder));
    }
    strcpy(p->settings.data, p->folder);
    p->ctx = zmq_ctx_new();
    assert_non_null(p->ctx);
}

static inline void process_close(struct process *p)
{
    if (p->pid)
        process_end(p, SIGKILL, NULL, 0);
    if (p->askers == 0) /* a test that failed leaves them open, and term would wait for them */
        zmq_ctx_term(p->ctx);
    nftw(p->folder, process_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static inline struct asker asker_new(struct process *p)
{
    struct asker a = {.process = p, .dealer = sock_new(p->ctx, ZMQ_DEALER, 100000)};
    p->askers++;
    sock_connect(a.dealer, paths_of(&p->settings).store);
    buf_init(&a.out, FRAME_MAX);
    zmq_msg_init(&a.part);
    return a;
}

static inline void asker_free(struct asker *a)
{
    a->process->askers--;
    zmq_close(a->dealer);
    zmq_msg_close(&a->part);
    buf_fini(&a->out);
}

static inline void asker_send(struct asker *a, const struct msg *m)
{
    buf_reset(&a->out);
    msg_write(&a->out, m);
    assert_true(sock_send(a->dealer, buf_all(&a->out), 0));
}

static inline bool process_left(struct process *p)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

static inline _Noreturn void process_failed(struct process *p)
{
    char said[4000];
    int status = 0;
    fcntl(p->errors, F_SETFL, O_NONBLOCK);
    ssize_t n = read(p->errors, said, sizeof said);
    bool left = waitpid(p->pid, &status, WNOHANG) == p->pid;
    if (left)
        p->pid = 0;
    print_error("no answer; the process %s (status 0x%x) and said:\n%.*s\n",
                left ? "has left" : "is there", (unsigned)status, n > 0 ? (int)n : 0, said);
    fail();
    abort();
}

/* After the process was started again: what is sent before the old socket hears of that is lost. */
static inline void asker_again(struct asker *a)
{
    struct process *p = a->process;
    asker_free(a);
    *a = asker_new(p);
}

/* Wait for a part with answers. */
static inline struct mp_in asker_wait(struct asker *a)
{
    uint64_t until = clock_ms() + PATIENCE_MS;
    while (!sock_read(a->dealer, &a->part)) {
        zmq_pollitem_t on = {.socket = a->dealer, .events = ZMQ_POLLIN};
        uint64_t now = clock_ms();
        if (now >= until)
            process_failed(a->process);
        loop_wait(&on, 1, until, now);
    }
    return mp_over(sock_bytes(&a->part));
}

static inline struct msg asker_ask(struct asker *a, struct msg m)
{
    struct msg answer = {0};
    m.expire.req = ++a->req; /* the same place in every request */
    m.expire.ttl_ms = PATIENCE_MS;
    asker_send(a, &m);
    struct mp_in in = asker_wait(a);
    assert_true(msg_read(&in, &answer));
    assert_true(mp_end(&in));
    assert_int_equal(answer.expired.req, a->req);
    return answer;
}

/* A request to create one notification; good until the next one. */
static inline struct msg create_for(const char *user, const char *key)
{
    static struct buf users;
    static char room[300];
    users = (struct buf){.p = room, .cap = sizeof room, .max = sizeof room};
    mp_put_str(&users, bytes_of(user));
    return (struct msg){.id = MSG_create,
                        .create = {.users = list_of(&users, 1),
                                   .ttl_ms = PATIENCE_MS,
                                   .type = TYPE_activity,
                                   .content = BYTES("{\"type\":\"activity\",\"title\":\"Hi\"}"),
                                   .key = bytes_of(key),
                                   .body_hash = BYTES("0123456789abcdef")}};
}

static inline struct msg_inbox ask_inbox(struct asker *a, const char *user, uint64_t before,
                                         uint64_t limit)
{
    struct msg m = asker_ask(
        a, (struct msg){.id = MSG_snapshot,
                        .snapshot = {.user = bytes_of(user), .before = before, .limit = limit}});
    assert_int_equal(m.id, MSG_inbox);
    return m.inbox;
}

/* Recount everything; the number of inboxes. */
static inline uint64_t ask_check(struct asker *a)
{
    char after[TOPIC_MAX];
    size_t n = 0;
    uint64_t inboxes = 0;
    do {
        struct msg m = asker_ask(
            a, (struct msg){.id = MSG_check, .check = {.after = {after, n}, .limit = 1000}});
        assert_int_equal(m.id, MSG_checked);
        assert_int_equal(m.checked.status, ERR_OK);
        assert_int_equal(m.checked.drifts.count, 0);
        inboxes += m.checked.inboxes;
        n = m.checked.next.n;
        if (n > 0)
            memcpy(after, m.checked.next.p, n);
    } while (n > 0);
    return inboxes;
}

static inline uint64_t counter_of(struct process *p, const char *name)
{
    char path[PATH_SIZE];
    struct counters c;
    uint64_t value = UINT64_MAX;
    path_counters(&p->settings, "store", path);
    assert_true(counters_read(&c, path));
    for (uint64_t i = 0; i < c.head->count; i++)
        if (strcmp(c.rows[i].name, name) == 0)
            value = c.rows[i].value;
    counters_close(&c);
    assert_true(value != UINT64_MAX);
    return value;
}
