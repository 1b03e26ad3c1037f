/* SPDX-License-Identifier: Apache-2.0 */
/* longpoll.h -- Phoenix over HTTP: sessions that live here, and polls for those that live elsewhere.
 *
 * The idea    a session lives in one process; its polls land on any. The token names the owner, and
 *             who is not the owner forwards over ZeroMQ. The token also says how many batches the
 *             client has: a batch is kept until a poll shows that it arrived, so that neither a lost
 *             answer nor a repeated poll loses or doubles anything.
 * Rules       a GET body's status is 200, 204, 403, 410 or 500, whatever happens: any other stops
 *             phoenix.js for ever. An unknown token is a 500: the client comes anew and joins again.
 * Limits      output as for a WebSocket (conn.h); BATCH_BYTES a GET; one GET waits at a time.
 * Source      reference: Phoenix.Transports.LongPoll; docs/tour.md "Long-poll". */
#pragma once

#include "lib/hub.h"
#include "session/conn.h"

struct request; /* http.h */
struct longpolls;

struct longpolls *longpolls_new(struct session *s, void *zmq);
void longpolls_free(struct longpolls **slot);

/* A new session, for a GET without a token; answers it. */
struct longpoll_hello {
    struct bytes user;
    uint64_t token_exp_s;
    uint8_t vsn;
};
void longpoll_open(struct session *s, struct request *r, const struct longpoll_hello *hello);

/* A GET or POST with a token; answers it, now or later. */
void longpoll_request(struct session *s, struct request *r, struct bytes token, bool post,
                      bool ndjson);

/* The client of a waiting request has left. */
void longpoll_left(struct session *s, struct request *r);

/* From conn.h: frames wait; once a second; the connection goes. */
void longpoll_flush(struct session *s, struct conn *c);
void longpoll_sweep(struct session *s, struct conn *c);
void longpoll_forget(struct session *s, struct conn *c);

/* The other processes' polls for ours, and their answers to ours. */
int longpolls_poll(const struct session *s, zmq_pollitem_t *on); /* how many; at most ..._POLL */
enum { LONGPOLLS_POLL = 1 + 2 * 64 };
void longpolls_read(struct session *s);
void longpolls_flush(struct session *s);
uint64_t longpolls_deadline_ms(const struct session *s);
