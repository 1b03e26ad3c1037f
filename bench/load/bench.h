/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h -- what every mode of the load generator is given. */
#pragma once

#include "bench/load/poller.h"
#include "bench/load/server.h"

/* O(member, name, default, help): options are --name NUMBER. */
#define OPTIONS(O)                                                                                 \
    O(users, "users", 1000, "users: connected ones, and whom creates go to")                       \
    O(rate, "rate", 100, "creates or messages a second; fanout, pairs: 0 for all that goes")       \
    O(writers, "writers", 64, "connections that create (one each in flight); pairs: that publish") \
    O(window, "window", 128, "fanout, pairs with rate 0: messages under way")                      \
    O(bytes, "bytes", 128, "fanout, pairs: payload")                                               \
    O(slow, "slow", 0, "fanout: so many do not read")                                              \
    O(seconds, "seconds", 10, "how long to measure")                                               \
    O(warm, "warm", 1, "seconds of the same load before that")                                     \
    O(key, "key", 1, "creates carry an Idempotency-Key (0 or 1)")                                  \
    O(members, "members", 100000, "members: of the topic")                                         \
    O(kill, "kill", 0, "storm: kill a session process of the server (0 or 1)")                     \
    O(inbox, "inbox", 0, "idle, churn: join one's inbox, not a topic (0 or 1)")                    \
    O(longpoll, "longpoll", 0, "long-poll instead of WebSocket (0 or 1)")                          \
    O(pid, "pid", 0, "instead of --data: the one process of a floor")                              \
    O(beat, "beat", 30, "seconds between two heartbeats of a connection")                          \
    O(opening, "opening", 64, "connections being opened at a time")                                \
    O(processes, "processes", 1, "hold: generators that share the users")                          \
    O(step, "step", 50000, "hold: users of the first stop; each other has twice as many")          \
    O(spare_mb, "spare_mb", 2048, "hold: open no more when the machine has less memory left")      \
    O(topics, "topics", 1000000, "topics: so many at the end, at most 90 for each user")           \
    O(json, "json", 0, "print one JSON object instead of a table (0 or 1)")

struct options {
#define OPTION_MEMBER(member, name, standard, help) uint64_t member;
    OPTIONS(OPTION_MEMBER)
#undef OPTION_MEMBER
};

struct bench {
    struct options opt;
    struct server server;
    struct poller *poller;
    struct report report;
    uint64_t start_ns; /* times in payloads count from here, so that they are whole JSON numbers */
    char run[16];      /* in every user and key of this run, so that runs do not meet */
    uint32_t conns;    /* opened so far: numbers for conn_open() */
    uint64_t failures; /* what makes the run worthless: said on standard error, exit 1 */
};

/* Say what went wrong (the first few of a kind that is counted) and count it. */
void bench_failed(struct bench *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum { BENCH_USER = 40 };
/* The name of this run's user `n`. */
void bench_user(const struct bench *b, uint64_t n, char out[BENCH_USER]);

void notify_run(struct bench *b);
void create_run(struct bench *b);
void idle_run(struct bench *b);
void hold_run(struct bench *b);
void fanout_run(struct bench *b);
void pairs_run(struct bench *b);
void topics_run(struct bench *b);
void churn_run(struct bench *b);
void presence_run(struct bench *b);
void storm_run(struct bench *b);
void members_run(struct bench *b);
