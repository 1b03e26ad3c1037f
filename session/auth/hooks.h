/* SPDX-License-Identifier: Apache-2.0 */
/* hooks.h -- the application is asked whether somebody may connect or join: a session's side of it.
 *
 * The idea    the process `hook` speaks HTTP with the application; here a question is a request like
 *             those to the store, so that whatever happens there nobody else waits.
 * Rules       closed unless the application says otherwise: no answer in hook/timeout_ms, and any
 *             answer that is not one, refuses.
 * Limits      HOOK_PARAMS_MAX of what a client says of itself; ASKS_MAX waiting.
 * Source      docs/api.md "The application decides". */
#pragma once

#include "proto/messages.h"
#include "proto/token.h"
#include "session/asks.h"
#include "session/socket/conn.h"

/* s->hook, where there is something to ask. */
void hooks_open(struct session *s, void *zmq, const struct paths *paths);

/* Whom it is about. */
struct hook_subject {
    struct bytes user;            /* empty: nobody that we know */
    struct bytes claims;          /* JSON object: all of its token; empty: none */
    struct bytes topics, publish; /* without `claims`: what the connection may */
    const uint8_t *ip;
};

/* Write {"hook":..,"user":..,"claims":..,"address":..; hook_end() writes the parameters (JSON) and the
 * end. */
void hook_begin(struct buf *out, enum hook_kind kind, const struct hook_subject *who);
void hook_end(struct buf *out, struct bytes params);

/* Ask; `done` is called once, at once or within hook/timeout_ms and a little. */
uint64_t hook_ask(struct session *s, enum hook_kind kind, struct bytes question,
                  struct ask_waiter w);

/* What a connect's answer says of who they are, and of what they may, counts. */
void hook_take(const struct session *s, struct token *t, const struct msg_hooked *said);

/* What came of it, counted. `why`: for the client, borrowed from the answer or static. */
enum hook_word { HOOK_yes, HOOK_no, HOOK_silent };
enum hook_word hook_said(struct session *s, const struct msg *answer, enum err e,
                         struct bytes *why);
