/* SPDX-License-Identifier: Apache-2.0 */
/* inboxes.h -- the part of the model that knows each item of each inbox, as it was at any seq: an array
 * of items, and of each an array of what it became. Nothing is added up: counts are counted anew. */
#pragma once

#include "proto/id.h"
#include "proto/items.h"
#include "proto/messages.h"
#include "proto/types.h"
#include "tests/sim/model.h"

enum { TITLE_SIZE = 28 };

/* What an item was from a seq on. */
struct stage {
    uint64_t seq, pos, expires_ms, until_ms;
    uint64_t unread_seq;   /* it became unread again then */
    enum item_place place; /* PLACE_COUNT: gone */
    uint64_t type;
    bool muted, quiet, read, seen;
    bool wanted; /* unread, because its user said so */
    bool taken;  /* gone, because it was taken back */
    unsigned category;
    char title[TITLE_SIZE];
};

struct item {
    uint64_t birth; /* its pos in its id */
    uint64_t op, source;
    uint64_t revised;  /* the newest revision of its publish that it has */
    unsigned collapse; /* its key; 0: none */
    char id[ID_TEXT + 1];
    struct stage *stages;
    uint64_t n, cap;
};

struct inbox {
    struct item *items;
    uint64_t n, cap;
    uint64_t deduped[DEDUPES]; /* by which operation */
};
extern struct inbox inboxes[INBOXES];

static inline const struct stage *stage_now(const struct item *it)
{
    return &it->stages[it->n - 1];
}

static inline const struct stage *stage_at(const struct item *it, uint64_t seq)
{
    uint64_t n = it->n;
    while (n > 1 && it->stages[n - 1].seq > seq)
        n--;
    return &it->stages[n - 1];
}

/* It is in a count, if its type counts. */
static inline bool stage_counts(const struct stage *s)
{
    return s->place == PLACE_inbox && !s->muted && !s->read;
}

static inline bool is_gone(const struct item *it)
{
    return stage_now(it)->place == PLACE_COUNT;
}

void inboxes_add(unsigned user, struct item *it, const struct stage *s, const struct msg_entry *e);
/* The title that this content has. */
void title_of(struct bytes content, char title[TITLE_SIZE]);

void inboxes_open(void);
void inboxes_close(void);

/* An entry of this user's inbox is on disk. `asked`: the mark that it comes from; NULL: of none that was
 * named. */
void inboxes_committed(unsigned user, const struct msg_entry *e, const struct op *asked);
void inboxes_erased(unsigned user, uint64_t seq);
void inboxes_counts(unsigned user, uint64_t *unread, uint64_t *unseen);

/* Is anything here of this operation, of this source? */
bool inboxes_has_op(unsigned user, uint64_t op);
bool inboxes_has_source(unsigned user, uint64_t source, bool *gone);
/* When what is of this operation was taken back, or came to say what this revision says; 0: it was not. */
uint64_t inboxes_changed(unsigned user, uint64_t op, uint64_t revision);
/* Somebody has it since then already: what comes with the same dedupe_key makes nothing. */
bool inboxes_deduped(unsigned user, unsigned dedupe);

/* At the end: nothing that is over is there, nobody sleeps who should be awake. */
void inboxes_quiet(unsigned user);

/* ---- tallies.c: counts by type and category */
unsigned category_number(struct bytes name); /* 0: none of ours */
void tallies_committed(unsigned user, const struct msg_entry *e);
/* An answer about the inbox at seq; `whole`: it has every category that there is. */
void tallies_shown(const char *who, unsigned user, uint64_t seq, struct bytes answer, bool whole);

/* ---- evicted.c: store/max_items */

/* An entry says that this one gives way: is it its turn? */
void inboxes_evicts(unsigned user, const struct item *it);
/* Between two commits: none holds more than it may. */
void inboxes_bounded(void);

/* ---- revisions.c */

/* What was published has other content, and so has this item of it. */
void revision_shown(unsigned user, struct item *it, struct stage *s, const struct msg_entry *e);

/* ---- imports.c */
void import_committed(unsigned user, const struct msg_entry *e);
void imports_erased(unsigned user); /* what it was imported is forgotten */
