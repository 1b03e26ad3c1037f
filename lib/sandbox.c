/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sandbox.h"

#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- system calls ---- */

/* What is not here is answered ENOSYS, as by an older kernel: the C library then takes what is. */
static const char *const calls[] = {
    /* files */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2",
    "pwritev2", "close", "close_range", "open", "openat", "creat", "stat", "fstat", "lstat",
    "newfstatat", "fstatat64", "statx", "access", "faccessat", "faccessat2", "lseek", "_llseek",
    "fsync", "fdatasync", "msync", "sync_file_range", "ftruncate", "fallocate", "rename",
    "renameat", "renameat2", "unlink", "unlinkat", "umask", "getcwd", "readlink", "readlinkat",
    "getdents64", "flock", "statfs", "fstatfs", "dup", "dup2", "dup3", "pipe", "pipe2", "fadvise64",
    /* memory */
    "munmap", "mremap", "madvise", "brk", "membarrier",
    /* waiting */
    "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl",
    "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "signalfd4", "timerfd_create",
    "timerfd_settime", "nanosleep", "clock_nanosleep", "restart_syscall",
    /* threads and signals */
    "futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "exit",
    "exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend",
    "rt_sigtimedwait", "sigaltstack", "sched_yield", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "getcpu",
    /* who and when */
    "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getrandom",
    "clock_gettime", "clock_getres", "gettimeofday", "time", "times", "getrusage", "sysinfo",
    "uname", "getrlimit", "setrlimit", "prctl", "arch_prctl",
    /* sockets; which ones is said below */
    "socketpair", "bind", "listen", "accept", "accept4", "recvfrom", "recvmsg", "recvmmsg",
    "shutdown", "getsockname", "getpeername", "setsockopt", "getsockopt"};

/* Of these only what has to do with nobody else, and no memory that is written and then run; clone3 hides its flags, so that threads are made by clone. */
#define NUMBER UINT32_MAX /* of the argument the kernel takes no more */
static const struct {
    int call;
    unsigned arg;
    uint64_t bits, are;
} parts[] = {
    {SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD},
    {SCMP_SYS(mmap), 2, PROT_WRITE | PROT_EXEC, 0},
    {SCMP_SYS(mmap), 2, PROT_WRITE | PROT_EXEC, PROT_WRITE},
    {SCMP_SYS(mmap), 2, PROT_WRITE | PROT_EXEC, PROT_EXEC},
    {SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
    {SCMP_SYS(prlimit64), 0, NUMBER, 0},
    {SCMP_SYS(sched_setscheduler), 1, NUMBER, SCHED_OTHER},
    {SCMP_SYS(fcntl), 1, NUMBER, F_DUPFD},
    {SCMP_SYS(fcntl), 1, NUMBER, F_DUPFD_CLOEXEC},
    {SCMP_SYS(fcntl), 1, NUMBER, F_GETFD},
    {SCMP_SYS(fcntl), 1, NUMBER, F_SETFD},
    {SCMP_SYS(fcntl), 1, NUMBER, F_GETFL},
    {SCMP_SYS(fcntl), 1, NUMBER, F_SETFL},
    {SCMP_SYS(fcntl), 1, NUMBER, F_GETLK},
    {SCMP_SYS(fcntl), 1, NUMBER, F_SETLK},
    {SCMP_SYS(fcntl), 1, NUMBER, F_SETLKW},
    {SCMP_SYS(ioctl), 1, NUMBER, FIONBIO},
    {SCMP_SYS(ioctl), 1, NUMBER, FIONREAD},
    {SCMP_SYS(ioctl), 1, NUMBER, TCGETS},
};

static int allow_part(scmp_filter_ctx filter, int call, unsigned arg, uint64_t bits, uint64_t are)
{
    const struct scmp_arg_cmp is = {
        .arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = bits, .datum_b = are};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &is);
}

static int allow(scmp_filter_ctx filter, const char *name)
{
    int call = seccomp_syscall_resolve_name(name);
    return call == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
}

/* Datagrams need no connection: only who connects has them. */
static int allow_sockets(scmp_filter_ctx filter, int family, bool datagrams)
{
    enum { TYPE = ~(SOCK_CLOEXEC | SOCK_NONBLOCK) };
    const struct scmp_arg_cmp is[] = {
        {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)family},
        {.arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = (uint32_t)TYPE, .datum_b = SOCK_STREAM},
    };
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), datagrams ? 1 : 2, is);
}

/* To send with MSG_FASTOPEN is to connect. */
static int allow_sends(scmp_filter_ctx filter, bool connects)
{
    static const struct {
        int call;
        unsigned flags; /* which argument they are */
    } sends[] = {{SCMP_SYS(sendto), 3}, {SCMP_SYS(sendmsg), 2}, {SCMP_SYS(sendmmsg), 3}};
    int rc = connects ? allow(filter, "connect") : 0;
    for (size_t i = 0; rc == 0 && i < sizeof sends / sizeof *sends; i++) {
        rc = allow_part(filter, sends[i].call, sends[i].flags, connects ? 0 : MSG_FASTOPEN, 0);
    }
    return rc;
}

/* Of netlink no more than what getifaddrs(3) asks. */
static int allow_interfaces(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp is[] = {
        {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_NETLINK},
        {.arg = 2, .op = SCMP_CMP_EQ, .datum_a = NETLINK_ROUTE},
    };
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, is);
}

/* 0, or an errno, negative. */
static int keep_calls(const struct sandbox *s)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int rc = filter ? 0 : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < sizeof calls / sizeof *calls; i++)
        rc = allow(filter, calls[i]);
    for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof *parts; i++)
        rc = allow_part(filter, parts[i].call, parts[i].arg, parts[i].bits, parts[i].are);
    if (rc == 0)
        rc = allow_part(filter, SCMP_SYS(tgkill), 0, NUMBER, (uint64_t)getpid());
    if (rc == 0)
        rc = allow_sends(filter, s->connects);
    if (rc == 0 && s->local)
        rc = allow_sockets(filter, AF_UNIX, s->connects);
    if (rc == 0 && s->internet)
        rc = allow_sockets(filter, AF_INET, s->connects);
    if (rc == 0 && s->internet)
        rc = allow_sockets(filter, AF_INET6, s->connects);
    if (rc == 0 && s->interfaces)
        rc = allow_interfaces(filter);
    if (rc == 0 && s->kill)
        rc = allow(filter, "kill");
    if (rc == 0)
        rc = seccomp_load(filter);
    if (filter)
        seccomp_release(filter);
    return rc;
}

/* ---- files ---- */

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITING                                                                                    \
    (READING | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                    \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK)
/* The first version of Landlock; later rights (truncating, moving between folders) stay as they are. */
#define HANDLED ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
/* Of a file that is no folder. */
#define OF_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)

static bool let(int rules, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access};
    struct stat is;
    if (!path || !path[0])
        return true;
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return errno == ENOENT; /* what is not there cannot be reached */
    if (fstat(rule.parent_fd, &is) == 0 && !S_ISDIR(is.st_mode))
        rule.allowed_access &= OF_FILE;
    long rc = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
    return rc == 0;
}

static bool let_all(int rules, const struct sandbox *s)
{
    static const char *const system[] = {"/usr",   "/etc", "/proc",       "/lib",
                                         "/lib64", "/sys", "/dev/urandom"};
    bool good = let(rules, s->list, LANDLOCK_ACCESS_FS_READ_DIR) &&
                let(rules, "/dev/null", READING | LANDLOCK_ACCESS_FS_WRITE_FILE);
    for (size_t i = 0; good && i < sizeof system / sizeof *system; i++)
        good = let(rules, system[i], READING);
    for (size_t i = 0; good && i < SANDBOX_PATHS; i++)
        good = let(rules, s->read[i], READING) && let(rules, s->write[i], WRITING);
    return good;
}

static int keep_files(const struct sandbox *s)
{
    struct landlock_ruleset_attr attr = {.handled_access_fs = HANDLED};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (rules < 0)
        return -errno;
    bool good = let_all(rules, s) && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    int rc = good ? 0 : -errno;
    close(rules);
    return rc;
}

/* ---- what root may ---- */

/* The way to what is ours may lead through another user's home; of all else that root may nothing is needed. */
static int keep_powers(void)
{
    enum { WORDS = 2 };
    const uint32_t kept[WORDS] = {1u << CAP_DAC_READ_SEARCH};
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct words[WORDS];
    if (syscall(SYS_capget, &head, words) != 0)
        return -errno;
    for (unsigned i = 0; i < WORDS; i++) {
        words[i].permitted &= kept[i];
        words[i].effective &= kept[i];
        words[i].inheritable = 0;
    }
    return syscall(SYS_capset, &head, words) == 0 ? 0 : -errno;
}

void sandbox_enter(const struct sandbox *s)
{
    int files = -ENOTSUP, system_calls = -ENOTSUP, powers = keep_powers();
    if (powers != 0)
        log_line("sandbox powers=\"%s\"", strerror(-powers));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && !SANITIZED) {
        files = keep_files(s);
        system_calls = keep_calls(s);
    }
    if (files != 0 || system_calls != 0)
        log_line("sandbox files=\"%s\" calls=\"%s\"", files == 0 ? "kept" : strerror(-files),
                 system_calls == 0 ? "kept" : strerror(-system_calls));
}

const char *sandbox_lacks(void)
{
    const uint32_t action = SECCOMP_RET_ERRNO;
    bool files = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
    bool system_calls = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
    if (SANITIZED)
        return "in a build with sanitizers there is none";
    if (!files && !system_calls)
        return "no Landlock and no seccomp here";
    return files ? system_calls ? NULL : "no seccomp here" : "no Landlock here";
}
