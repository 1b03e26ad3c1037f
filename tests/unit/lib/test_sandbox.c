/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox: each thing that a process gives up is tried by a child that has entered it. */
#include "lib/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int setup(void **state)
{
    (void)state;
    char path[128];
    snprintf(folder, sizeof folder, "/tmp/belfry-sandbox.XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"mine", "read", "other"};
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof path, "%s/%s/file", folder, names[i]);
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
    return 0;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *in(const char *name)
{
    static char path[4][160];
    static unsigned next;
    char *out = path[next++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool binds(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    return good;
}

/* A server that waits in `folder`; made before the sandbox is entered. */
static bool listens(struct sockaddr_un *at)
{
    *at = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(at->sun_path, sizeof at->sun_path, "%s/other/server", folder);
    unlink(at->sun_path); /* of the child before */
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)at, sizeof *at) == 0 && listen(fd, 1) == 0;
}

static bool connects_to(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    bool good = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) == 0;
    int why = errno;
    close(fd);
    errno = why;
    return good;
}

/* Whether it is the filter that refuses: no socket is asked. */
static bool cannot_send(int flags)
{
    return sendto(-1, "x", 1, flags, NULL, 0) < 0 && errno == ENOSYS;
}

static bool socket_of(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* We are still here, and it is the filter that said no: Landlock would say EACCES. */
static bool cannot_execute(void)
{
    char *const argv[] = {"true", NULL};
    execv("/bin/true", argv);
    return errno == ENOSYS;
}

/* What happens to a file could be told another process by a signal; it cannot. */
static bool no_signals_by_files(void)
{
    int pair[2], owner = getppid();
    bool none = socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
                fcntl(pair[0], F_SETOWN, owner) != 0 && ioctl(pair[0], FIOSETOWN, &owner) != 0 &&
                fcntl(pair[0], F_SETSIG, SIGKILL) != 0 && fcntl(pair[0], F_GETFL) >= 0;
    close(pair[0]);
    close(pair[1]);
    return none;
}

/* Memory of its own, but no code of its own in there. */
static bool writes_no_code(void)
{
    const int how = MAP_PRIVATE | MAP_ANONYMOUS, both = PROT_READ | PROT_WRITE;
    void *memory = mmap(NULL, 4096, both, how, -1, 0);
    return memory != MAP_FAILED && mprotect(memory, 4096, PROT_READ) == 0 &&
           mprotect(memory, 4096, PROT_READ | PROT_EXEC) != 0 && errno == ENOSYS &&
           mmap(NULL, 4096, both | PROT_EXEC, how, -1, 0) == MAP_FAILED && errno == ENOSYS;
}

static void *nothing(void *arg)
{
    return arg;
}

static bool has_threads(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

/* CapPrm is all that CapEff could be raised to; capget(2) is not allowed here. */
static bool powers_are_few(void)
{
    const unsigned long long kept = 1u << CAP_DAC_READ_SEARCH;
    unsigned long long powers = ~0ull;
    char line[256];
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f) && sscanf(line, "CapPrm: %llx", &powers) != 1)
        ;
    if (f)
        fclose(f);
    return (powers & ~kept) == 0;
}

/* Asked of the kernel, not of what can be opened: a sandbox that lets too much through has Landlock, too. */
static bool kernel_has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

/* Which of the questions goes wrong; 0: none. The child's exit code. */
static int ask(bool local, bool connects, bool internet, bool interfaces)
{
    struct sandbox box = {.write = {in("mine")},
                          .read = {in("read")},
                          .list = in("other"),
                          .local = local,
                          .connects = connects,
                          .internet = internet,
                          .interfaces = interfaces};
    struct sockaddr_un server;
    struct rlimit limit;
    bool listening = listens(&server), no_landlock = !kernel_has_landlock(); /* said in the log */
    sandbox_enter(&box);
    int n = 1;
#define MUST(what)                                                                                 \
    do {                                                                                           \
        if (!(what))                                                                               \
            return n;                                                                              \
        n++;                                                                                       \
    } while (0)
    MUST(opens(in("mine/file"), O_RDWR));
    MUST(opens(in("mine/new"), O_RDWR | O_CREAT));
    MUST(rename(in("mine/new"), in("mine/newer")) == 0);
    MUST(binds(in("mine/socket")) == local);
    MUST((unlink(in("mine/socket")) == 0) == local);
    MUST(opens(in("read/file"), O_RDONLY));
    MUST(opens(in("other"), O_RDONLY | O_DIRECTORY));
    MUST(opens("/proc/self/statm", O_RDONLY));
    MUST(socket_of(AF_UNIX, SOCK_STREAM) == local);
    MUST(no_landlock || !opens(in("read/file"), O_RDWR)); /* 9 */
    MUST(no_landlock || !opens(in("other/file"), O_RDONLY));
    MUST(no_landlock || !opens(in("other/new"), O_RDWR | O_CREAT));
    MUST(no_landlock || !opens("/etc/belfry-was-here", O_WRONLY | O_CREAT));
    MUST(no_landlock || !opens("/root", O_RDONLY | O_DIRECTORY));
    MUST(socket_of(AF_INET, SOCK_STREAM) == internet); /* 14 */
    MUST(socket_of(AF_INET6, SOCK_STREAM) == internet || errno == EAFNOSUPPORT);
    MUST(socket_of(AF_INET, SOCK_DGRAM) == (internet && connects));
    MUST(listening && connects_to(&server) == (local && connects));
    MUST((local && connects) || errno == ENOSYS);
    MUST(!cannot_send(0));
    MUST(cannot_send(MSG_FASTOPEN) == !connects); /* 19 */
    MUST((socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) >= 0) == interfaces);
    MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT) < 0);
    MUST(kill(getppid(), 0) != 0 && errno == ENOSYS);
    MUST(syscall(SYS_tgkill, getppid(), getppid(), 0) != 0 && errno == ENOSYS);
    MUST(raise(SIGCHLD) == 0); /* to itself it may: abort(3) */
    MUST(no_signals_by_files());
    MUST(fork() < 0 && errno == ENOSYS);
    MUST(has_threads());
    MUST(writes_no_code());
    MUST(prlimit(getppid(), RLIMIT_CORE, NULL, &limit) != 0 && errno == ENOSYS);
    MUST(getrlimit(RLIMIT_CORE, &limit) == 0);
    MUST(chmod(in("mine/file"), 0600) != 0 && truncate(in("mine/file"), 0) != 0);
    MUST(opens("/dev/null", O_RDWR) && opens("/dev/urandom", O_RDONLY));
    MUST(no_landlock || !opens("/dev/zero", O_RDONLY));
    MUST(ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 && errno == ENOSYS);
    MUST(setuid(getuid()) != 0);
    MUST(chroot("/") != 0);
    MUST(chown(in("mine/file"), 1, 1) != 0);
    MUST(cannot_execute());
    MUST(powers_are_few());
    return 0;
}

static int child(bool local, bool connects, bool internet, bool interfaces)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(ask(local, connects, internet, interfaces));
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void without_the_internet(void **state)
{
    (void)state;
    assert_int_equal(child(true, true, false, false), 0);
}

static void without_connecting(void **state)
{
    (void)state;
    assert_int_equal(child(true, false, false, false), 0);
    assert_int_equal(child(true, false, true, true), 0);
}

static void without_this_machine(void **state)
{
    (void)state;
    assert_int_equal(child(false, true, true, false), 0);
}

static void with_the_internet(void **state)
{
    (void)state;
    assert_int_equal(child(true, true, true, false), 0);
}

static void with_the_interfaces(void **state)
{
    (void)state;
    assert_int_equal(child(true, true, true, true), 0);
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__)
    printf("1..1\nok 1 - the sanitizers' builds have no sandbox\n");
    return 0;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_the_internet, setup, teardown),
        cmocka_unit_test_setup_teardown(without_connecting, setup, teardown),
        cmocka_unit_test_setup_teardown(without_this_machine, setup, teardown),
        cmocka_unit_test_setup_teardown(with_the_internet, setup, teardown),
        cmocka_unit_test_setup_teardown(with_the_interfaces, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
