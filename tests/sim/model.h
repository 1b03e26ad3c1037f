/* SPDX-License-Identifier: Apache-2.0 */
/* model.h -- what must be true (design section 8), kept by the simplest means: an array of what was
 * committed, and what follows from it. It hears of every commit when it is on disk, of every
 * operation when it begins and ends, and is asked of whatever a client is shown.
 *
 * An operation is something that a client or a back end wants: it is `ok` once a success was sent,
 * `refused` once it was said that nothing was done, and before that nobody knows. */
#pragma once

#include "store/engine.h"
#include "tests/sim/sim.h"

/* Behind the topics that clients see, those of the store's own. */
enum { HISTORY = 12 }; /* messages that a channel keeps */
enum { INBOXES = USERS, TOPICS = USERS + CHANNELS, ALL_TOPICS = TOPICS + 3, ERASED = USERS - 1 };

extern const char *const users[USERS];
const char *model_name(unsigned topic);
unsigned model_topic(struct bytes name); /* ALL_TOPICS: none of ours */

enum op_kind { OP_create, OP_publish, OP_broadcast, OP_mark, OP_update, OP_revise, OP_import };
/* Of a create; 0: none. A category is named c1, c2, ... */
enum { COLLAPSES = 3, DEDUPES = 4, CATEGORIES = 3 };
struct msg_entry;
struct op {
    enum op_kind kind;
    unsigned users;   /* create: a bit for each */
    unsigned channel; /* publish; broadcast: for its members, CHANNELS: for all */
    unsigned author;  /* publish: USERS for a back end */
    unsigned user;    /* mark, update: whose inbox */
    unsigned collapse, dedupe, category;
    uint64_t birth;    /* update: the pos in its item's id */
    uint64_t target;   /* revise: the create or broadcast */
    uint64_t revised;  /* create, broadcast: the newest revision that it has; 0: none */
    uint64_t first;    /* broadcast: the one that it was made with */
    uint64_t until_ms; /* import: snoozed */
    bool archived, read, seen, loud; /* import */
    uint64_t begun_us, ok_us;
    uint64_t observed; /* mark: what its user knew; UINT64_MAX: it was not said */
    uint64_t up_to;    /* mark: how far; UINT64_MAX: it was not said */
    bool again;        /* mark: sent more than once */
    uint64_t answer;   /* mark: a hash of the first; 0: none yet */
    uint64_t born;     /* the log's head when it began */
    bool refused;
    bool ok;
    bool off;     /* cancelled or retracted: it was said so */
    bool counted; /* of a type that counts */
    uint64_t expires_ms;
    uint64_t deliver_ms; /* 0: at once */
    uint64_t seq;        /* where it was committed, of the first user; 0: not */
    unsigned committed;  /* create, and its revisions: for these users; else 1 */
};

/* What a user mutes: alerts or no type, this category and channel; or nothing. And the hours in which only
 * alerts may be loud, in minutes of that zone's day. */
enum mutes { MUTES_nothing, MUTES_perhaps, MUTES_some };
enum { MUTED_CATEGORY = 2, MUTED_CHANNEL = 1, DAY_MIN = 24 * 60, ZONE_MIN = 5 * 60 + 30 };
#define ZONE "Asia/Kolkata" /* no summer time */
struct wishes {
    bool alerts; /* are muted */
    unsigned from_min, to_min;
};

void model_open(void);
void model_close(void);

uint64_t model_op(struct op op); /* its number; the texts that it makes hold it */
struct op *model_op_of(uint64_t number);
uint64_t model_ops(void); /* how many: the number of the next */
/* An answer left a session process, or came: it said yes, and named this seq; or it said no. */
void model_ok(uint64_t op, uint64_t seq);
void model_refused(uint64_t op);
void model_off(uint64_t op); /* nobody gets it from now on */
/* A mark was answered: as every time before. */
void model_marked(uint64_t op, struct bytes answer);
void model_patched(uint64_t op, uint64_t seq); /* an update was answered with this seq */
bool model_lasts(uint64_t op); /* an update that was done, and is not forgotten since */
/* A revision was answered with this seq, and that so many notifications have it. */
void model_revised(uint64_t op, uint64_t seq, uint64_t count);
bool model_there(uint64_t op); /* what it revises was there all the time until now */
/* It was said that this change of what was published, or its being taken back, is told everywhere: nobody is
 * sent an inbox from before it any more. */
void model_everywhere(uint64_t op);
uint64_t model_told(unsigned topic);

/* So many lines of an import from this one on were answered: so many came now, were there before, had ended. */
void model_imported(uint64_t op, unsigned lines, const uint64_t became[3]);

/* It is asked that this user has these preferences, or is done. */
void model_mute(unsigned user, enum mutes mutes);
enum mutes model_mutes(unsigned user);
struct wishes *model_wishes(unsigned user);

/* A user's tokens are made at these times, so that each revocation that was begun makes those before it bad
 * and those after it good, whatever the clocks say. */
uint64_t model_iat_s(unsigned user);
uint64_t model_revoke(unsigned user);                 /* begin one: `before`, in seconds */
void model_revoked(unsigned user, uint64_t before_s); /* it was said that it is done */
bool model_token_good(unsigned user, uint64_t iat_s,
                      uint64_t done_us); /* or not bad before done_us */

/* It was said that the user is erased; from which seq on nothing older may be shown: 0: any. */
void model_erased(unsigned user);
uint64_t model_floor(unsigned user);
bool model_outlived(const struct op *op, unsigned user); /* the user was erased since it began */

/* channel, user: who must get notifications, from now on. */
void model_member(unsigned channel, unsigned user, bool sure);

/* This user is known from now on: it has looked at its inbox. */
void model_known(unsigned user);

/* From the disk: something may have been committed. */
void model_committed(struct engine *e);
uint64_t model_log_head(void);
uint64_t model_head(unsigned topic); /* 0: nothing yet */

/* A seq at which this topic changed. */
bool model_is(unsigned topic, uint64_t seq);
/* Behind `after`, up to seq, something came that nobody is told of but by a snapshot. */
bool model_silent(uint64_t after, uint64_t seq);
uint64_t model_unread(unsigned topic, uint64_t seq);
uint64_t model_prev(unsigned topic, uint64_t seq);
uint64_t model_committed_us(uint64_t seq);

/* What a client is shown; `who` is for the story. An event: payload as it came. */
void model_event(const char *who, unsigned topic, struct bytes payload);
/* A join's answer, a sync, a page: these items, newest first, and this count, are the inbox at seq. */
struct page {
    uint64_t seq, unread;
    struct bytes items, answer; /* the whole of it */
    uint64_t now_ms;            /* the server's time */
    bool last;                  /* it says that none is behind it */
    /* what was asked for */
    unsigned place;  /* enum item_place */
    uint64_t before; /* a pos; 0: the newest */
    enum { STATUS_all, STATUS_unread, STATUS_read } status;
    unsigned category; /* 0: any */
    bool of_type;      /* only of this one: */
    uint64_t type;
};
void model_page(const char *who, unsigned topic, const struct page *page);
/* The counts of an answer about an inbox, without its items. */
void model_counted(const char *who, unsigned topic, const struct page *page);
/* What a client has at seq, as the server says at now_ms: nothing of it is over by then. */
void model_current(const char *who, unsigned topic, uint64_t seq, uint64_t now_ms);
/* A count alone, true at seq. */
void model_count(const char *who, unsigned topic, uint64_t seq, uint64_t unread);

/* Nothing is under way any more. */
void model_quiet(void);

/* An item that a client could mark, of the newest, perhaps gone: the pos in its id; 0: none. */
uint64_t model_some_item(unsigned topic, uint64_t dice, char id[32]);

/* ---- model.c and inboxes.c, of each other */
void *model_grown(void *list, uint64_t n, uint64_t *cap, size_t size);
bool model_may_be(const struct op *op, enum op_kind kind, uint64_t number);
uint64_t model_log_op(uint64_t seq);     /* of the publish, of the broadcast that stands there */
unsigned model_channel(uint64_t seq);    /* whose message stands there; CHANNELS: none */
uint64_t text_digits(struct bytes text); /* at its front */
void inboxes_shown(const char *who, unsigned user, uint64_t seq, uint64_t pos, struct bytes item);
void inboxes_page(const char *who, unsigned user, const struct page *page);

/* ---- messages.c */
void messages_page(const char *who, unsigned topic, const struct page *page);

/* ---- revisions.c: PATCH of a publish */

/* What a title names: n7 is of the create or broadcast 7; n.r9 of the revision 9, and so of what that is of. */
struct titled {
    uint64_t op, revision;
};
struct titled model_titled(const char *title);
/* It is made now, with this revision: perhaps of while it waited. */
bool revision_made(uint64_t number, uint64_t revision);
void revision_committed(const struct msg_entry *e); /* of a broadcast */
void revisions_quiet(void);
