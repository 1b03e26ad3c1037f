/* SPDX-License-Identifier: Apache-2.0 */
/* longpoll.h -- Phoenix over HTTP: sessions that live here, and polls for those that live elsewhere.
 *
 * The idea    a session lives in one process; its polls land on any. The token names the owner, and
 *             who is not the owner forwards over ZeroMQ. The token also says how many batches the
 *             client has: a batch is kept until a poll shows that it arrived, so that neither a lost
 *             answer nor a repeated poll loses or doubles anything.
 * Rules       a GET body's status is 200, 204, 403, 410 or 500, whatever happens: any other stops
 *             phoenix.js for ever. An unknown token is a 500: the client comes anew and joins again.
 * Limits      output as for a WebSocket (conn.h); BATCH_BYTES a GET; one GET waits at a time; LOST_MS
 *             without a poll after a loss.
 * Source      reference: Phoenix.Transports.LongPoll; docs/tour.md "Long-poll". */
#pragma once

#include "lib/hub.h"
#include "proto/messages.h"
#include "session/socket/conn.h"

struct request; /* http.h */
struct longpolls;

struct longpolls *longpolls_new(struct session *s);
void longpolls_free(struct longpolls **slot);

/* A new session, for a GET without a token; answers it. */
void longpoll_open(struct session *s, struct request *r, const struct hello *hello);

/* A GET or POST with a token; answers it, now or later. */
void longpoll_request(struct session *s, struct request *r, struct bytes token, bool post,
                      bool ndjson);

/* The client of a waiting request has left. */
void longpoll_left(struct session *s, struct request *r);

/* Something that is kept nowhere was dropped, as too much waits already. Who goes on polling loses it, as a
 * slow WebSocket does; the session of who does not is over, so that the client hears of it. */
void longpoll_lost(struct conn *c);

/* From conn.h: frames wait; once a second; the connection goes. */
void longpoll_flush(struct session *s, struct conn *c);
void longpoll_sweep(struct session *s, struct conn *c);
void longpoll_forget(struct session *s, struct conn *c);

/* From peers.h: another process's poll for one of ours, and that its client has left. */
void longpoll_asked(struct session *s, const struct hub_peer *from, const struct msg_poll *m);
void longpoll_gone(struct session *s, const struct hub_peer *from, const struct msg_poll_gone *m);
