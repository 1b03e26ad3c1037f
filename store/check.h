/* SPDX-License-Identifier: Apache-2.0 */
/* check.h -- what the parts of the recount share. It trusts none of the code that keeps the counts: it
 * says again, in its own words, what each of them means. */
#pragma once

#include "store/reads.h"
#include "store/topics.h"

#include <stddef.h>

/* A large topic is read in several transactions, so that none holds back for long the pages that commits free:
 * each change of a topic changes its row, so while that is what it was it is one moment all the same. When it is
 * not, the topic is begun anew, and the last time it is read in one. */
enum { RECOUNT_SLICE = 20000, RECOUNT_TRIES = 3 };

struct recount {
    const struct reads *r;
    struct walk topics; /* closed where a transaction is let go of */
    char name[KEY_BYTES_MAX];
    struct bytes topic;
    unsigned tries; /* with slices, that came to nothing */
    bool moved;     /* this one has */
    struct topic_row kept;
    struct topic_row found;
    uint64_t messages; /* rows of a history, shown or not */
    uint64_t items;    /* looked at, of all topics */
    uint64_t sliced;   /* of them, when the transaction began */
    uint64_t trimmed;  /* the log may lack what lies up to there */
    uint64_t damaged;  /* records met before this topic */
    uint32_t drifts;
};

/* Told, when the two differ. */
void drift(struct recount *c, const char *what, uint64_t kept, uint64_t found);

/* The same row as it is kept and as it is counted, of the topic or of a category; told where the two
 * differ, and so that a repair can put that number right. But not where a damaged record was met: what
 * cannot be read cannot be counted. */
struct pair {
    uint64_t category; /* 0: the topic's own */
    const void *kept, *found;
};
#define NUMBER(row, member) (offsetof(row, member) / sizeof(uint64_t))
void compare_number(struct recount *c, const struct pair *pair, const char *what, size_t number);

/* Time for another transaction: close your walk, and go on behind where you were if recount_again() says so. */
bool recount_due(const struct recount *c);
bool recount_again(struct recount *c);

/* From the head back to the first entry. */
void follow_chain(struct recount *c);

/* In check_inbox.c. */
void recount_inbox(struct recount *c);
