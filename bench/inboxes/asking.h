/* SPDX-License-Identifier: Apache-2.0 */
/* asking.h -- one connection to the store, as a session process has it.
 *
 * Shape   answers come in the order in which they are done; who has one request under way at a time
 *         uses ask(). A failure, or no answer in ANSWER_MS, ends the program. */
#pragma once

#include "bench/common/report.h"
#include "proto/messages.h"

enum { ANSWER_MS = 60000, NAME = 32, BYTES_MOST = 16384 };

/* To the store of this data folder, which runs. */
void asking_open(const char *data);

void send_one(struct msg *m);

/* The next answer; it is borrowed until the one after. */
struct msg receive(void);

struct msg ask(struct msg *m);
struct msg timed(struct msg *m, struct histogram *h);

/* A create for these users; how many bytes the body of each such has, when more than a line of text. */
struct msg create_for(struct mp_list users);
void create_bytes(uint64_t bytes);

/* Creates for `n` users each, a thousand to a create, `each` times. */
typedef struct bytes name_of(char room[NAME], uint64_t number);
void create_all(name_of *name, uint64_t n, uint64_t each);

/* The names that `fill` gives. */
name_of user_name;
