/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h -- every setting, said once: belfry.conf, the environment and `belfry conf` come from
 * it.
 *
 * All processes of an installation read the same ones. Where they meet is in their data folder:
 * paths_of() says which file and which socket is whose. */
#pragma once

#include "lib/conf.h"
#include "lib/sock.h"
#include "proto/classes.h"
#include "proto/token.h"

/* S(type, member, path, min, max, default, help) */
#define SETTINGS(S)                                                                                \
    S(str, listen, "listen", 3, 63, "127.0.0.1:4000", "HOST:PORT of HTTP and WebSocket")           \
    S(str, data, "data", 1, 85, "data", "the folder of everything that is kept")                   \
    S(u64, sessions, "sessions", 1, 64, "2", "session processes sharing the port")                 \
    S(flag, dev, "dev", 0, 1, "0",                                                                 \
      "development: no keys asked from loopback; never in production")                             \
    S(flag, sandbox, "sandbox", 0, 1, "1",                                                         \
      "each process gives up what it has no use for: system calls, files (lib/sandbox.h)")         \
    S(str, web, "web", 0, 200, "", "folder of built pages to serve; empty: beside the programs")   \
    S(u64, connections, "session/connections", 0, 1000000, "0",                                    \
      "most connections of a process; 0: what its descriptors allow")                              \
    S(u64, user_connections, "session/user_connections", 0, 1000000, "1000",                       \
      "most connections of one user to a process; 0: no limit")                                    \
    S(u64, address_connections, "session/address_connections", 0, 1000000, "2000",                 \
      "most connections of one address (IPv6: a /64) to a process, loopback not counted; 0: no "   \
      "limit")                                                                                     \
    S(str, proxies, "session/proxies", 0, 500, "",                                                 \
      "addresses of proxies whose X-Forwarded-For is believed, comma between; empty: none")        \
    S(u64, accepts_per_s, "session/accepts_per_s", 0, 1000000, "10000",                            \
      "connections that a process accepts in a second; 0: no limit")                               \
    S(u64, joins_per_s, "session/joins_per_s", 0, 1000000, "20000",                                \
      "joins that a process takes in a second; 0: no limit")                                       \
    S(u64, messages_per_s, "session/messages_per_s", 0, 1000000, "1000",                           \
      "messages from a connection in a second, twice as many at once; 0: no limit")                \
    S(u64, bytes_per_s, "session/bytes_per_s", 0, 1073741824, "4194304",                           \
      "and bytes of them; 0: no limit")                                                            \
    S(u64, user_messages_per_s, "session/user_messages_per_s", 0, 1000000, "5000",                 \
      "messages from all connections of a user to a process, likewise; 0: no limit")               \
    S(u64, user_bytes_per_s, "session/user_bytes_per_s", 0, 1073741824, "16777216",                \
      "and bytes of them; 0: no limit")                                                            \
    S(u64, memory_mb, "session/memory_mb", 0, 1048576, "4096",                                     \
      "a process that has more in memory takes nobody new; 0: no limit")                           \
    S(u64, key_requests, "session/key_requests", 0, 20000, "5000",                                 \
      "requests of one API key that may wait in a process; 0: no limit")                           \
    S(str, origins, "session/origins", 0, 500, "",                                                 \
      "pages of other hosts that may connect and use the API, comma between: "                     \
      "https://example.com, "                                                                      \
      "//example.com, //*.example.com, or * for all; empty: none")                                 \
    S(u64, idle_ms, "session/idle_ms", 1000, 3600000, "60000",                                     \
      "close a WebSocket that sent nothing for so long")                                           \
    S(u64, poll_ms, "session/poll_ms", 100, 15000, "10000", "a long-poll waits so long")           \
    S(u64, poll_reap_ms, "session/poll_reap_ms", 500, 120000, "20000",                             \
      "forget a long-poll client that has not polled for so long")                                 \
    S(u64, request_ms, "session/request_ms", 500, 60000, "5000",                                   \
      "answer 503 when the store has not answered in so long")                                     \
    S(u64, message_bytes, "session/message_bytes", 1024, 1048576, "65536",                         \
      "largest message from a client")                                                             \
    S(u64, body_bytes, "session/body_bytes", 1024, 1048576, "262144", "largest HTTP body")         \
    S(u64, header_bytes, "session/header_bytes", 4096, HEADER_BYTES_MAX, "8192",                   \
      "largest request line and headers; each HTTP connection has so much memory")                 \
    S(u64, store_requests, "session/store_requests", 100, 1000000, "20000",                        \
      "requests of a process that may wait for the store")                                         \
    S(u64, pushes, "session/pushes", 1, 60000, "1000",                                             \
      "pushes of a connection that may wait for the store")                                        \
    S(u64, topics, "session/topics", 1, 1000, "100", "topics that one connection may join")        \
    S(u64, output_bytes, "session/output_bytes", 4096, 16777216, "65536",                          \
      "waiting for a slow client; more, and it gets one sync instead")                             \
    S(u64, stall_ms, "session/stall_ms", 1000, 600000, "30000",                                    \
      "close a client that takes nothing for so long")                                             \
    S(u64, header_ms, "session/header_ms", 500, 120000, "10000",                                   \
      "a request must have arrived whole in so long")                                              \
    S(u64, drain_ms, "session/drain_ms", 0, 60000, "1000",                                         \
      "spread of goodbyes when a process stops")                                                   \
    S(str, session_endpoints, "session/endpoints", 0, 2000, "",                                    \
      "where the session processes meet each other, in their order, comma between: "               \
      "tcp://ADDRESS:PORT, encrypted by secrets/bus.key; empty: in the data folder")               \
    S(str, jwks, "auth/jwks", 0, 200, "",                                                          \
      "file or https:// URL of a JSON Web Key Set: keys that tokens may be signed with, beside "   \
      "secrets/token.key")                                                                         \
    S(u64, jwks_s, "auth/jwks_s", 1, 86400, "300",                                                 \
      "seconds between two looks at the URL of auth/jwks")                                         \
    S(str, issuer, "auth/issuer", 0, 200, "", "tokens must name this issuer (iss); empty: any")    \
    S(str, audience, "auth/audience", 0, 200, "",                                                  \
      "tokens must name this audience (aud); empty: any")                                          \
    S(str, cookie, "auth/cookie", 0, 64, "", "cookie that may carry a user's token; empty: none")  \
    S(u64, leeway_s, "auth/leeway_s", 0, 300, "5",                                                 \
      "seconds that the clocks of who signs tokens and of this machine may differ")                \
    S(u64, lifetime_days, "auth/lifetime_days", 1, 3660, "400",                                    \
      "tokens that are good for longer are refused; a revocation is remembered for so long")       \
    S(u64, map_mb, "store/map_mb", 1, 1048576, "1024",                                             \
      "first size of the map; it grows by itself")                                                 \
    S(u64, reserve_mb, "store/reserve_mb", 0, 1048576, "16",                                       \
      "refuse writes when the disk has less free than this")                                       \
    S(u64, queue, "store/queue", 16, 1000000, "20000", "writes that may wait for a commit")        \
    S(u64, remember_h, "store/remember_h", 1, 168, "24", "hours that idempotency keys are known")  \
    S(u64, log_mb, "store/log_mb", 0, 1048576, "1024",                                             \
      "who missed no more than the newest so much of the log gets each change, others a sync; 0: " \
      "no limit")                                                                                  \
    S(u64, log_days, "store/log_days", 0, 3650, "30",                                              \
      "and who was away no longer than so many days; 0: no limit")                                 \
    S(u64, scheduled, "store/scheduled", 0, 10000000, "100000",                                    \
      "publishes that may wait for their deliver_at")                                              \
    S(u64, broadcasts, "store/broadcasts", 1, 10000, "1000",                                       \
      "broadcasts that wait for users who are away; the oldest gives way")                         \
    S(u64, max_items, "store/max_items", 0, 10000000, "0",                                         \
      "notifications that an inbox keeps; the oldest read one gives way, else the oldest; 0: all") \
    S(flag, drop_muted, "store/drop_muted", 0, 1, "0",                                             \
      "what a user muted is not kept; 0: it is kept, in no count and not shown live")              \
    S(u64, revocations, "store/revocations", 100, 1000000, "100000",                               \
      "tokens and users that are revoked at a time")                                               \
    S(u64, audit_ms, "store/audit_ms", 0, 3600000, "1000",                                         \
      "between two pages of the recount that the store makes by itself, to find and repair wrong " \
      "counts; 0: none")                                                                           \
    S(str, store_endpoint, "store/endpoint", 0, 100, "",                                           \
      "where the store is met: tcp://ADDRESS:PORT, as session/endpoints; empty: in the data "      \
      "folder")                                                                                    \
    S(u64, broker_queue, "broker/queue", 1000, 1000000, "50000",                                   \
      "messages that wait for a slow session; what is over is dropped and healed from the log")    \
    S(str, broker_in, "broker/in", 0, 100, "", "where the broker takes messages, likewise")        \
    S(str, broker_out, "broker/out", 0, 100, "", "where the broker hands them on, likewise")       \
    S(u64, head_ms, "notifier/head_ms", 50, 1000, "500", "repeat the heads this often")            \
    S(u64, window, "notifier/window", 16, 100000, "5000", "entries under way from the store")      \
    S(str, publish_to, "notifier/publish_to", 0, 120, "",                                          \
      "broker endpoint to publish to; empty: broker/in")                                           \
    S(str, hook_connect, "hook/connect", 0, 200, "",                                               \
      "URL of the application that is asked whether somebody may connect; empty: it is not asked") \
    S(str, hook_join, "hook/join", 0, 200, "",                                                     \
      "URL that is asked for each join of a topic whose class has join = \"hook\"")                \
    S(u64, hook_ms, "hook/timeout_ms", 100, 5000, "2000",                                          \
      "who has no answer after so long is refused")                                                \
    S(u64, hook_parallel, "hook/parallel", 1, 256, "16",                                           \
      "questions that the application is asked at a time")                                         \
    S(u64, hook_queue, "hook/queue", 1, 20000, "1000",                                             \
      "who may wait for an answer of it; more are refused at once")                                \
    S(u64, hook_cache_s, "hook/cache_s", 0, 3600, "5",                                             \
      "seconds that an answer is good for the same question, if it does not say less; 0: never")   \
    S(str, hook_ca, "hook/ca", 0, 200, "",                                                         \
      "file of certificates that https:// of hooks and auth/jwks must lead to; empty: the "        \
      "system's")

#define CONF_TYPE_str(member, max) char member[(max) + 1];
#define CONF_TYPE_u64(member, max) uint64_t member;
#define CONF_TYPE_flag(member, max) uint64_t member;
#define SETTING_MEMBER(type, member, path, min, max, standard, help) CONF_TYPE_##type(member, max)
struct settings {
    SETTINGS(SETTING_MEMBER)
    struct topic_class classes[CLASSES_MAX]; /* sections `topic` */
    struct topic_rule rules[RULES_MAX];      /* sections `rule` */
    uint64_t classes_n, rules_n;
};
#undef SETTING_MEMBER

extern const struct conf_table settings_table;

/* From the file (NULL: BELFRY_CONFIG, or none), the environment, and then `data` (NULL: as it was); leaves with 100
 * and a reason when something is wrong. */
struct settings settings_load(const char *config, const char *data);

/* What is asked of tokens. Borrows from the settings. */
static inline struct token_rules token_rules_of(const struct settings *s)
{
    return (struct token_rules){s->issuer, s->audience, s->leeway_s, s->lifetime_days * 86400};
}

/* For the programs of single processes, which are the data folder's owner from then on (owner.h): reads `--config FILE`, `--data DIR`, `--ready-fd N`,
 * `--index N`, the environment; leaves with 100 and a reason when something is wrong. */
struct start {
    struct settings settings;
    int ready_fd; /* -1: none */
    unsigned index;
};
struct start settings_start(int argc, char **argv);

/* `data` of 85 bytes and what stands behind it; sockets have a shorter limit of their own. */
enum { PATH_SIZE = 128, ENDPOINT_SIZE = 6 + SOCK_PATH_MAX + 1 };

/* Where things are in the data folder. Endpoints are ipc://PATH, or what the settings say. */
struct paths {
    char run[PATH_SIZE];            /* DATA/run: a folder for each process; 0700 */
    char db[PATH_SIZE];             /* DATA/store */
    char token_key[PATH_SIZE];      /* DATA/secrets/token.key */
    char api_key[PATH_SIZE];        /* DATA/secrets/api.key */
    char api_keys[PATH_SIZE];       /* DATA/secrets/api.keys */
    char bus_key[PATH_SIZE];        /* DATA/secrets/bus.key */
    char store[ENDPOINT_SIZE];      /* ROUTER, bound by store */
    char broker_in[ENDPOINT_SIZE];  /* XSUB, bound by broker: publishers connect */
    char broker_out[ENDPOINT_SIZE]; /* XPUB, bound by broker: subscribers connect */
    char hook[ENDPOINT_SIZE];       /* ROUTER, bound by hook */
    char hook_key[PATH_SIZE];       /* DATA/secrets/hook.key */
    char jwks[PATH_SIZE];           /* what the URL auth/jwks said last; each URL has its own */
};
struct paths paths_of(const struct settings *s);

/* Whether some endpoint is tcp://. Leaves with 100 when one is no endpoint. */
bool bus_tcp(const struct settings *s);

/* The same; then the installation's key has been read (curve.h). Leaves with 100 when it cannot be. Before
 * the sandbox. */
bool bus_key_load(const struct settings *s);

/* Whoever binds `endpoint` is alone in its data folder: what is no ipc path has run/NAME.lock for it, in its role's folder. */
void bus_lock(const struct settings *s, const char *endpoint, const char *name);

/* DATA, DATA/run, DATA/secrets, DATA/store made where missing (0700); leaves with 100 if it cannot, or where one is
 * another user's. */
void paths_make(const struct settings *s);

/* ROUTER of session process `index`, and the counters' file of a role. */
void path_session(const struct settings *s, unsigned index, char out[ENDPOINT_SIZE]);
void path_counters(const struct settings *s, const char *role, char out[PATH_SIZE]);

/* The file of a role's newest log lines. */
void path_log(const struct settings *s, const char *role, char out[PATH_SIZE]);

/* What a process does first: paths_make(), and its own `folder`, DATA/run/ROLE, for its sockets, its counters and
 * its newest log lines (log.h; without them it goes on). */
void role_open(const struct settings *s, const char *role, char folder[PATH_SIZE]);

/* A process of ours that runs, and not another one that got its number since. */
bool process_alive(uint64_t pid);
