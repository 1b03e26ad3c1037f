/* SPDX-License-Identifier: Apache-2.0 */
/* taken.so (LD_PRELOAD) -- a process of ours in another's hands: when it has entered its sandbox, and before it does
 * anything else, it tries what it has no business to. A line for each on standard error, `taken ROLE WHAT yes|no`: yes,
 * it could. TAKEN_DATA is the data folder, TAKEN_SOCKET, TAKEN_PORT and TAKEN_PID are another program's. Nothing
 * is harmed. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* What the test says: one that is missing is the test's mistake. */
static const char *told(const char *name)
{
    const char *value = getenv(name);
    if (!value)
        abort();
    return value;
}

static const char *role(void)
{
    return program_invocation_short_name + strlen("belfry-");
}

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static const char *of_data(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", told("TAKEN_DATA"), name);
    return path;
}

static bool connects(int family, const void *to, socklen_t n)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && connect(fd, to, n) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static pid_t other(void)
{
    return atoi(told("TAKEN_PID"));
}

/* -- what is tried ---------------------------------------------------------------------------- */

static bool others_files(void)
{
    static const char *const all[] = {"serve", "store", "broker", "notifier", "hook", "session.0"};
    bool any = false;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char name[64];
        snprintf(name, sizeof name, "run/%s/count", all[i]);
        if (strncmp(all[i], role(), strlen(role())) != 0)
            any |= opens(of_data(name), O_RDWR);
    }
    return any;
}

static bool run_folder(void)
{
    return opens(of_data("run/taken"), O_WRONLY | O_CREAT);
}

static bool address(void)
{
    return opens(of_data("run/address"), O_WRONLY);
}

static bool tables(void)
{
    return opens(of_data("store/data.mdb"), O_RDWR);
}

static bool secrets(void)
{
    return opens(of_data("secrets/token.key"), O_RDONLY);
}

static bool connect_unix(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", told("TAKEN_SOCKET"));
    return connects(AF_UNIX, &to, sizeof to);
}

static bool connect_tcp(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(told("TAKEN_PORT"))),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return connects(AF_INET, &to, sizeof to);
}

/* A folder is no program: whoever may start programs hears that. */
static bool program(void)
{
    char *const argv[] = {"/", NULL};
    execv("/", argv);
    return errno == EACCES;
}

static bool signals(void)
{
    return kill(other(), 0) == 0 || syscall(SYS_tgkill, other(), other(), 0) == 0;
}

static bool limits(void)
{
    struct rlimit is;
    return prlimit(other(), RLIMIT_CORE, NULL, &is) == 0;
}

static bool process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0;
}

static bool mode(void)
{
    return chmod(of_data("secrets/token.key"), 0600) == 0;
}

static bool length(void)
{
    struct stat is;
    const char *path = of_data("store/data.mdb");
    return stat(path, &is) == 0 && truncate(path, is.st_size) == 0;
}

static bool device(void)
{
    return opens("/dev/zero", O_RDWR);
}

static bool memory(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)other());
    return opens(path, O_RDONLY);
}

static const struct {
    const char *what;
    bool (*try)(void);
} tries[] = {{"others' files", others_files},
             {"the run folder", run_folder},
             {"the address", address},
             {"the tables", tables},
             {"the secrets", secrets},
             {"connect by Unix", connect_unix},
             {"connect by TCP", connect_tcp},
             {"a program", program},
             {"a signal", signals},
             {"another's memory", memory},
             {"another's limits", limits},
             {"a process", process},
             {"a mode", mode},
             {"a length", length},
             {"a device", device}};

/* The first thing that each does in its sandbox. */
void *zmq_ctx_new(void)
{
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        fprintf(stderr, "taken %s %s: %s\n", role(), tries[i].what, tries[i].try() ? "yes" : "no");
    void *(*real)(void);
    *(void **)&real = dlsym(RTLD_NEXT, "zmq_ctx_new");
    return real();
}
