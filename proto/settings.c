/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/settings.h"

#include "lib/curve.h"
#include "lib/ensure.h"
#include "lib/hash.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTING_ROW(kind, member, text, least, most, value, says)                                  \
    {.path = (text),                                                                               \
     .type = CONF_##kind,                                                                          \
     .offset = offsetof(struct settings, member),                                                  \
     .size = sizeof(((struct settings *)0)->member),                                               \
     .min = (least),                                                                               \
     .max = (most),                                                                                \
     .standard = (value),                                                                          \
     .help = (says)},
static const struct conf_setting rows[] = {SETTINGS(SETTING_ROW)};

static bool check_class(void *settings, void *item, struct buf *why)
{
    (void)settings;
    return class_check(item, why);
}

static bool check_rule(void *settings, void *item, struct buf *why)
{
    const struct settings *s = settings;
    return rule_check(item, s->classes, s->classes_n, why);
}

static const struct conf_list lists[] = {
    {.section = "topic",
     .help = "A class of topics. A topic belongs to the first one whose pattern it matches.",
     .rows = class_rows,
     .count = CLASS_ROWS,
     .items = offsetof(struct settings, classes),
     .item_size = sizeof(struct topic_class),
     .items_max = CLASSES_MAX,
     .n = offsetof(struct settings, classes_n),
     .line = offsetof(struct topic_class, line),
     .check = check_class},
    {.section = "rule",
     .help = "What else is done with a committed event; every rule that matches.",
     .rows = rule_rows,
     .count = RULE_ROWS,
     .items = offsetof(struct settings, rules),
     .item_size = sizeof(struct topic_rule),
     .items_max = RULES_MAX,
     .n = offsetof(struct settings, rules_n),
     .line = offsetof(struct topic_rule, line),
     .check = check_rule},
};

/* What scripts and tests use: which file, which programs, run by whom, where to put pictures. */
static const char *const others[] = {"BELFRY_CONFIG", "BELFRY_BIN", "BELFRY_AS", "BELFRY_ARTEFACTS",
                                     NULL};

const struct conf_table settings_table = {.prefix = "BELFRY_",
                                          .others = others,
                                          .rows = rows,
                                          .count = sizeof rows / sizeof *rows,
                                          .lists = lists,
                                          .lists_n = sizeof lists / sizeof *lists};

static void set_or_leave(struct settings *s, const char *path, const char *value,
                         const char *option)
{
    struct buf why;
    buf_init(&why, 4096);
    if (!conf_set(&settings_table, path, value, option, s, &why))
        refuse("%.*s", (int)why.n, why.p);
    buf_fini(&why);
}

static unsigned number_or_leave(const char *option, const char *value)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || n > 100000)
        refuse("%s: \"%s\" is not a number from 0 to 100000", option, value);
    return (unsigned)n;
}

struct settings settings_load(const char *config, const char *data)
{
    struct settings s = {0};
    struct buf why;
    umask(077); /* what any of us makes, sockets among it, is ours alone */
    buf_init(&why, 4096);
    if (!config)
        config = getenv("BELFRY_CONFIG");
    if (!conf_load(&settings_table, config, &s, &why))
        refuse("%.*s", (int)why.n, why.p);
    buf_fini(&why);
    if (data)
        set_or_leave(&s, "data", data, "--data");
    return s;
}

struct start settings_start(int argc, char **argv)
{
    struct start start = {.ready_fd = -1};
    const char *config = NULL, *data = NULL;
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!value)
            refuse("%s: a value must follow", argv[i]);
        if (strcmp(argv[i], "--config") == 0)
            config = value;
        else if (strcmp(argv[i], "--data") == 0)
            data = value;
        else if (strcmp(argv[i], "--ready-fd") == 0)
            start.ready_fd = (int)number_or_leave("--ready-fd", value);
        else if (strcmp(argv[i], "--index") == 0)
            start.index = number_or_leave("--index", value);
        else
            refuse("%s: not an option; allowed: --config FILE --data DIR --index N --ready-fd N",
                   argv[i]);
    }
    start.settings = settings_load(config, data);
    owner_become(start.settings.data);
    return start;
}

/* The data folder's own limit (85 bytes) keeps every path below its own. */
#define PUT(out, ...)                                                                              \
    do {                                                                                           \
        int n_ = snprintf((out), sizeof(out), __VA_ARGS__);                                        \
        ENSURE(n_ > 0 && (size_t)n_ < sizeof(out));                                                \
    } while (0)

static void endpoint_put(char out[ENDPOINT_SIZE], const char *set, const char *data,
                         const char *name)
{
    int n = *set ? snprintf(out, ENDPOINT_SIZE, "%s", set)
                 : snprintf(out, ENDPOINT_SIZE, "ipc://%s/run/%s", data, name);
    ENSURE(n > 0 && n < ENDPOINT_SIZE);
}

struct paths paths_of(const struct settings *s)
{
    struct paths p;
    PUT(p.run, "%s/run", s->data);
    PUT(p.db, "%s/store", s->data);
    PUT(p.token_key, "%s/secrets/token.key", s->data);
    PUT(p.api_key, "%s/secrets/api.key", s->data);
    PUT(p.api_keys, "%s/secrets/api.keys", s->data);
    PUT(p.bus_key, "%s/secrets/bus.key", s->data);
    endpoint_put(p.store, s->store_endpoint, s->data, "store/socket");
    endpoint_put(p.broker_in, s->broker_in, s->data, "broker/in");
    endpoint_put(p.broker_out, s->broker_out, s->data, "broker/out");
    PUT(p.hook, "ipc://%s/run/hook/socket", s->data);
    PUT(p.hook_key, "%s/secrets/hook.key", s->data);
    PUT(p.jwks, "%s/run/hook/jwks.%016llx", s->data,
        (unsigned long long)hash64(bytes_of(s->jwks), 0));
    return p;
}

static void make_folder(const char *path)
{
    struct stat is;
    if ((mkdir(path, 0700) != 0 && errno != EEXIST) || stat(path, &is) != 0)
        refuse("data: cannot make %s: %s", path, strerror(errno));
    if (is.st_uid != geteuid())
        refuse("data: %s belongs to uid %u, and we are %u: chown -R it", path, (unsigned)is.st_uid,
               (unsigned)geteuid());
}

void paths_make(const struct settings *s)
{
    struct paths p = paths_of(s);
    char secrets[PATH_SIZE];
    PUT(secrets, "%s/secrets", s->data);
    make_folder(s->data);
    make_folder(p.run);
    make_folder(secrets);
    make_folder(p.db);
}

/* The entry `index` of a list with commas between; false: there is none. */
static bool entry_of(const char *list, unsigned index, char out[ENDPOINT_SIZE])
{
    const char *p = list + strspn(list, ", ");
    while (*p && index-- > 0) {
        p += strcspn(p, ", ");
        p += strspn(p, ", ");
    }
    size_t n = strcspn(p, ", ");
    if (n >= ENDPOINT_SIZE)
        refuse("session/endpoints: \"%.*s\" is longer than %d bytes", (int)n, p, ENDPOINT_SIZE - 1);
    memcpy(out, p, n);
    out[n] = '\0';
    return n > 0;
}

void path_session(const struct settings *s, unsigned index, char out[ENDPOINT_SIZE])
{
    char name[24], set[ENDPOINT_SIZE] = "";
    bool given = entry_of(s->session_endpoints, index, set);
    if (*s->session_endpoints && !given)
        refuse("session/endpoints = \"%s\": there is none for session process %u",
               s->session_endpoints, index);
    snprintf(name, sizeof name, "session.%u/socket", index);
    endpoint_put(out, set, s->data, name);
}

/* tcp://ADDRESS:PORT or ipc://PATH. */
static bool endpoint_valid(const char *endpoint)
{
    if (strncmp(endpoint, "ipc://", 6) == 0)
        return endpoint[6] != '\0';
    const char *port = strrchr(endpoint, ':');
    if (!curve_needed(endpoint) || port <= endpoint + 6 || endpoint[6] == '*')
        return false;
    port++;
    return *port && strspn(port, "0123456789") == strlen(port) && strtoul(port, NULL, 10) < 65536 &&
           strtoul(port, NULL, 10) > 0;
}

/* Whether it is tcp://. */
static bool endpoint_check(const char *path, const char *endpoint)
{
    if (*endpoint && !endpoint_valid(endpoint))
        refuse("%s = \"%s\" is not allowed: tcp://ADDRESS:PORT, ipc://PATH, or empty", path,
               endpoint);
    return curve_needed(endpoint);
}

bool bus_tcp(const struct settings *s)
{
    char one[ENDPOINT_SIZE];
    bool tcp = endpoint_check("store/endpoint", s->store_endpoint);
    tcp |= endpoint_check("broker/in", s->broker_in);
    tcp |= endpoint_check("broker/out", s->broker_out);
    tcp |= endpoint_check("notifier/publish_to", s->publish_to);
    unsigned sessions = 0;
    for (; entry_of(s->session_endpoints, sessions, one); sessions++)
        tcp |= endpoint_check("session/endpoints", one);
    if (sessions > 0 && sessions < s->sessions)
        refuse("session/endpoints = \"%s\": one for each of %llu session processes",
               s->session_endpoints, (unsigned long long)s->sessions);
    return tcp;
}

bool bus_key_load(const struct settings *s)
{
    struct paths p = paths_of(s);
    bool tcp = bus_tcp(s);
    const char *why = tcp ? curve_load(p.bus_key) : NULL;
    if (why)
        refuse("%s: %s; it is needed for tcp:// endpoints: `belfry init` makes it, and it is the "
               "same on each machine",
               p.bus_key, why);
    return tcp;
}

void bus_lock(const struct settings *s, const char *endpoint, const char *name)
{
    char path[PATH_SIZE];
    int n = snprintf(path, sizeof path, "%s/run/%s", s->data, name);
    ENSURE(n > 0 && (size_t)n < sizeof path);
    if (strncmp(endpoint, "ipc://", 6) != 0)
        sock_lock(path);
}

void path_counters(const struct settings *s, const char *role, char out[PATH_SIZE])
{
    int n = snprintf(out, PATH_SIZE, "%s/run/%s/count", s->data, role);
    ENSURE(n > 0 && n < PATH_SIZE);
}

void path_log(const struct settings *s, const char *role, char out[PATH_SIZE])
{
    int n = snprintf(out, PATH_SIZE, "%s/run/%s/log", s->data, role);
    ENSURE(n > 0 && n < PATH_SIZE);
}

void role_open(const struct settings *s, const char *role, char folder[PATH_SIZE])
{
    char file[PATH_SIZE];
    int n = snprintf(folder, PATH_SIZE, "%s/run/%s", s->data, role);
    ENSURE(n > 0 && n < PATH_SIZE);
    paths_make(s);
    unlink(folder); /* an older one of us had a socket there; to a folder this does nothing */
    make_folder(folder);
    path_log(s, role, file);
    if (!log_keep(file))
        log_line("log.keep file=%s error=\"cannot be made\"", file);
}

bool process_alive(uint64_t pid)
{
    char file[64], name[32] = "";
    snprintf(file, sizeof file, "/proc/%llu/comm", (unsigned long long)pid);
    FILE *f = fopen(file, "re");
    if (!f)
        return false;
    bool ours = fgets(name, sizeof name, f) && strncmp(name, "belfry", 6) == 0;
    fclose(f);
    return ours;
}
