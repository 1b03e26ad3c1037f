/* SPDX-License-Identifier: Apache-2.0 */
/* admit.h -- is there room for one more? Asked before anything is answered, so that nobody is let in to be
 * thrown out. */
#pragma once

#include "session/socket/addresses.h"
#include "session/auth/auth.h"
#include "session/limits.h"

/* For the connection that this request is to become: LIMIT_COUNT, and it is counted as if it were here, as
 * others may be let in before it is; or which limit it is. */
enum limit admit_connection(struct session *s, struct request *r);

/* It is here from now on, or will not be. Once more is fine. */
struct entrance;
void admit_came(struct session *s, struct entrance *e);

/* For one more message of so many bytes. */
bool admit_message(struct session *s, struct conn *c, uint64_t bytes);

/* For one more join. */
bool admit_join(struct session *s);

/* Once a second: how much memory is in use. */
void admit_sweep(struct session *s);

/* Requests of one API key, and how many of them wait for an answer. A slot is its key's while a request
 * holds it. */
enum { KEY_QUEUES = APIKEYS_MAX + 2 };
struct key_queue {
    uint32_t held, waiting;
    char name[APIKEY_NAME + 1];
};

/* The queue of the key, held until admit_request_over(); NULL: it is full. */
struct key_queue *admit_request(struct session *s, const char *key);
void admit_request_over(struct key_queue **slot); /* NULL is fine */
