/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h -- every limit of what a client, a page or a back end may take, said once.
 *
 * Shape   a row is the name, the setting (or what it is fixed at), whom it protects from what, what happens
 *         beyond it as text and as code on the wire, and the counter. docs/limits.md is printed from it;
 *         where the code refuses an HTTP request for a limit it does so by its row (limit_refuse()).
 * Rules   a new limit is a row, and a row has a test that reaches it (tests/system/limits.test.mjs says
 *         which). */
#pragma once

#include "session/http/http.h"

/* X(name, setting or size, what is limited, text beyond it, code, counter) */
#define LIMITS(X)                                                                                  \
    X(connections, "session/connections", "WebSockets and long-poll sessions of a process",        \
      "this process takes no more connections now", "503; long-poll 500", refused_full)            \
    X(user_connections, "session/user_connections", "those of one user, in a process",             \
      "this user has too many connections", "429; long-poll 500", refused_user)                    \
    X(address_connections, "session/address_connections",                                          \
      "those of one address (IPv6: of its /64), and its HTTP connections, in a process",           \
      "this address has too many connections", "429; long-poll 500; HTTP: closed",                 \
      refused_address)                                                                             \
    X(memory, "session/memory_mb", "memory of a process: beyond it nobody new",                    \
      "this process has no memory to spare now", "503; long-poll 500", refused_memory)             \
    X(sockets, "`ulimit -n` less 300", "sockets of a process", "waits in the backlog", "none",     \
      accept_waits)                                                                                \
    X(accepts, "session/accepts_per_s", "connections accepted by a process in a second",           \
      "waits in the backlog", "none", accept_waits)                                                \
    X(joins, "session/joins_per_s", "joins of a process in a second",                              \
      "too many joins now: try again", "reply `error`", refused_joins)                             \
    X(messages, "session/messages_per_s", "messages of a connection, in a second; twice at once",  \
      "the client sent more than it may", "1008 flood", close_flood)                               \
    X(bytes, "session/bytes_per_s", "bytes of a connection's messages, likewise",                  \
      "the client sent more than it may", "1008 flood", close_flood)                               \
    X(user_messages, "session/user_messages_per_s",                                                \
      "messages of all connections of a user to a process, likewise",                              \
      "the client sent more than it may", "1008 flood", close_flood)                               \
    X(user_bytes, "session/user_bytes_per_s", "bytes of those, likewise",                          \
      "the client sent more than it may", "1008 flood", close_flood)                               \
    X(hook_queue, "hook/queue", "connects and joins that wait for the application",                \
      "too many questions wait for the application", "503; long-poll 500; reply `unavailable`",    \
      refused_hook_queue)                                                                          \
    X(hook_time, "hook/timeout_ms", "time for the application's answer",                           \
      "the application did not answer in time", "503; long-poll 500; reply `unavailable`",         \
      refused_hook_time)                                                                           \
    X(params, "16384 bytes", "payload of a join that the application is asked about",              \
      "the payload is too large", "reply `error`", refused_params)                                 \
    X(topics, "session/topics", "topics of a connection", "too many channels joined",              \
      "reply `error`", refused_topics)                                                             \
    X(pushes, "session/pushes", "pushes of a connection that wait for the store",                  \
      "too many pushes wait for an answer", "reply `error`", refused_pushes)                       \
    X(message, "session/message_bytes", "a message of a client",                                   \
      "a message was larger than it may be", "1009 too_large; long-poll 410", close_too_large)     \
    X(fragments, "1000", "fragments of a message", "a message came in more fragments than it may", \
      "1008 fragments", close_fragments)                                                           \
    X(headers, "session/header_bytes", "request line and headers", "libmicrohttpd's own page",     \
      "431 or 414", refused_headers)                                                               \
    X(body, "session/body_bytes", "body of a request",                                             \
      "the body is larger than session/body_bytes allows", "413", refused_body)                    \
    X(import, "500 lines, 524288 bytes", "what one import may be",                                 \
      "at most 500 lines, and half a megabyte, at a time", "413", refused_import)                  \
    X(presence, "16777216 bytes", "the list of who is on a topic, as one answer",                  \
      "too many are there for one answer: ask with ?count=1", "413", refused_presence)             \
    X(scheduled, "store/scheduled", "publishes that wait for their `deliver_at`, of all",          \
      "as many wait for their deliver_at as store/scheduled says", "503", refused_scheduled)       \
    X(revocations, "store/revocations", "tokens and users that are revoked at a time",             \
      "store/revocations are kept already: raise it, or lower auth/lifetime_days", "503",          \
      refused_revocations)                                                                         \
    X(slow, "session/header_ms", "time for a request to arrive", "cut off", "closed", close_slow)  \
    X(idle, "session/idle_ms", "time without a message", "nothing came for too long", "1001 idle", \
      close_idle)                                                                                  \
    X(polls, "1 a session", "polls that wait", "the older one is answered at once", "204",         \
      polls_replaced)                                                                              \
    X(reap, "session/poll_reap_ms", "time without a poll", "nobody polled the session", "410",     \
      close_unpolled)                                                                              \
    X(output, "session/output_bytes", "bytes that wait for a client that does not read",           \
      "its topics stop, and are one sync when it reads", "`notifications:sync`", behind)           \
    X(output_hard, "4 x session/output_bytes",                                                     \
      "those behind the frame that is its turn, replies too", "the client did not read",           \
      "1013 slow_reader", close_slow_reader)                                                       \
    X(stall, "session/stall_ms", "time that a client takes nothing", "the client did not read",    \
      "1013 slow_reader", close_slow_reader)                                                       \
    X(asks, "session/store_requests", "requests of a process that wait for the store",             \
      "not now: the store is away or behind", "503; reply `error`", asks_failed)                   \
    X(key_requests, "session/key_requests", "requests of one API key that wait, in a process",     \
      "too many requests of this key wait for an answer", "429", refused_key)

#define AS_LIMIT(name, setting, what, text, code, counter) LIMIT_##name,
enum limit { LIMITS(AS_LIMIT) LIMIT_COUNT };
#undef AS_LIMIT

struct limit_row {
    const char *name, *setting, *what, *text, *code;
    unsigned counter;
};
extern const struct limit_row limit_rows[LIMIT_COUNT];

/* Counts it and answers with its text; the connection is closed. For a long-poll that opens: 500. */
void limit_refuse(struct session *s, struct request *r, enum limit which);
