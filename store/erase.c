/* SPDX-License-Identifier: Apache-2.0 */
#include "store/erase.h"

#include "lib/log.h"
#include "proto/topic.h"
#include "store/broadcast.h"
#include "store/fanout.h"
#include "store/idem.h"
#include "store/inbox.h"
#include "store/log.h"
#include "store/members.h"
#include "store/prefs.h"
#include "store/record.h"
#include "store/schedule.h"
#include "store/users.h"

/* Rows of one slice, and entries of the log that are only looked at. */
enum { SLICE = 500, LOOK = 5000, AGAIN_MS = 500, MEMBERSHIPS_AT_ONCE = 16, ANSWERS_AT_ONCE = 16 };

#define PHASES(X)                                                                                  \
    X(answers) /* only of who had more of them than are forgotten at once */                       \
    X(memberships)                                                                                 \
    X(merged)                                                                                      \
    X(index)                                                                                       \
    X(aside)                                                                                       \
    X(moved)                                                                                       \
    X(unread)                                                                                      \
    X(categories)                                                                                  \
    X(category_marks)                                                                              \
    X(marks)                                                                                       \
    X(expiry)                                                                                      \
    X(read)                                                                                        \
    X(collapse)                                                                                    \
    X(imported)                                                                                    \
    X(scheduled)                                                                                   \
    X(log)                                                                                         \
    X(done)
#define AS_PHASE(name) PHASE_##name,
enum phase { PHASES(AS_PHASE) };

struct erasure_row {
    uint64_t no;    /* of the inbox that was */
    uint64_t phase; /* enum phase */
    uint64_t at;    /* how far in it */
};

struct erasure {
    uint64_t seq;
    struct erasure_row row;
    char name[USER_MAX];
    struct bytes user; /* in `name` */
};

static void put(struct work *w, const struct erasure *e)
{
    struct key key = key1(e->seq);
    record_put(w->txn, TABLE_erasures, key_bytes(&key), &e->row, FIELDS_OF(e->row), e->user);
}

static bool read_row(struct txn *t, struct bytes key, struct bytes value, struct erasure *e)
{
    struct bytes user;
    if (record_read(t, TABLE_erasures, key, value, &e->row, FIELDS_OF(e->row), &user) ||
        !user_valid(user))
        return false;
    e->seq = key_number(key, 0);
    memcpy(e->name, user.p, user.n);
    e->user = (struct bytes){e->name, user.n};
    return true;
}

/* The newest one of this user, or (empty) the oldest of all. */
static bool find(struct txn *t, struct bytes user, struct erasure *e)
{
    struct bytes key, value;
    struct walk walk;
    bool found = false;
    walk_open(&walk, t, TABLE_erasures, user.n > 0 ? WALK_down : WALK_up, (struct bytes){0});
    while (!found && walk_next(&walk, &key, &value))
        found = read_row(t, key, value, e) && (user.n == 0 || bytes_equal(user, e->user));
    walk_close(&walk);
    return found;
}

enum err erase_runs(struct txn *t, uint64_t seq)
{
    struct key key = key1(seq);
    struct bytes value;
    return txn_get(t, TABLE_erasures, key_bytes(&key), &value);
}

static size_t inbox_name(struct bytes user, char out[TOPIC_MAX + 1])
{
    return topic_of_user(user, out);
}

/* At once, or the new inbox would be without what has an old dedupe_key, and forget its own. */
static enum phase answers(struct work *w, struct bytes user)
{
    for (unsigned i = 0; i < ANSWERS_AT_ONCE; i++)
        if (idem_forget_user(w, user, SLICE))
            return PHASE_memberships;
    return PHASE_answers;
}

static bool memberships(struct work *w, struct erasure *e)
{
    struct erased_members m;
    unsigned n = members_of_user(w->txn, e->user, &m);
    for (unsigned i = 0; i < n; i++)
        member_forget(w, (struct bytes){m.topic[i], m.n[i]}, e->user);
    return n < ERASED_MEMBERS;
}

enum err erase_begin(struct work *w, struct bytes user, uint64_t *seq)
{
    char name[TOPIC_MAX + 1];
    struct topic *own, *inbox;
    struct erasure e;
    if (!user_valid(user))
        return ERR_INVALID;
    enum err err = topic_open(w, BYTES(TOPIC_ERASURES), &own);
    if (!err)
        err = topic_open(w, (struct bytes){name, inbox_name(user, name)}, &inbox);
    if (err)
        return err;
    bool there = inbox->row.no != 0 || inbox->row.known != 0;
    if (!there && find(w->txn, user, &e)) {
        *seq = e.seq;
        return ERR_OK;
    }
    e.row = (struct erasure_row){.no = inbox->row.no, .phase = answers(w, user)};
    e.user = user;
    for (unsigned i = 0; i < MEMBERSHIPS_AT_ONCE && !memberships(w, &e); i++)
        ; /* or a fan-out that is under way makes it an inbox again */
    topic_forget(w, inbox);
    user_forget(w, user);
    prefs_forget(w, user);
    own->row.items++;
    topic_append(w, own, &(struct msg_entry){.kind = ENTRY_erased});
    *seq = e.seq = own->row.head;
    put(w, &e);
    return ERR_OK;
}

/* ---- the phases: each does some, and says whether it is through ---- */

/* Rows that begin with the inbox's number. */
static bool rows(struct work *w, const struct erasure *e, enum table table)
{
    struct key keys[SLICE], from = key1(e->row.no);
    struct bytes key, value;
    struct walk walk;
    unsigned n = 0;
    if (e->row.no == 0)
        return true;
    walk_open(&walk, w->txn, table, WALK_up, key_bytes(&from));
    while (n < SLICE && walk_next(&walk, &key, &value) && key_number(key, 0) == e->row.no) {
        memcpy(keys[n].p, key.p, key.n);
        keys[n++].n = key.n;
    }
    walk_close(&walk);
    for (unsigned i = 0; i < n; i++) {
        if (table == TABLE_merged) /* with the row */
            broadcast_let_go(w, e->row.no, key_number(key_bytes(&keys[i]), 1));
        txn_del(w->txn, table, key_bytes(&keys[i]));
    }
    return n < SLICE;
}

/* The log: what lies between the cursor and the erasure. */
struct sweep {
    unsigned looked; /* at so many entries */
    uint64_t drop[SLICE];
    unsigned n;
    uint64_t rename; /* one that the user published; 0: none */
};

static bool look(struct work *w, struct erasure *e, struct sweep *s)
{
    char name[TOPIC_MAX + 1];
    struct bytes inbox = {name, inbox_name(e->user, name)}, key, value, raw;
    struct key from = key1(e->row.at + 1);
    struct msg_entry entry;
    struct walk walk;
    bool through = true;
    s->n = 0;
    s->rename = 0;
    walk_open(&walk, w->txn, TABLE_log, WALK_up, key_bytes(&from));
    for (; walk_next(&walk, &key, &value); s->looked++) {
        uint64_t seq = key_number(key, 0);
        if (seq >= e->seq)
            break;
        through = s->looked < LOOK && s->n < SLICE && s->rename == 0;
        if (!through)
            break;
        e->row.at = seq;
        if (log_read(w->txn, key, value, &entry, &raw))
            continue;
        if (bytes_equal(entry.topic, inbox))
            s->drop[s->n++] = seq;
        else if (bytes_equal(entry.user, e->user))
            s->rename = seq;
    }
    walk_close(&walk);
    return through;
}

static bool log_slice(struct work *w, struct erasure *e)
{
    struct sweep s = {.looked = 0};
    bool through = false;
    if (w->state.meta.notifier < e->seq || fanouts_before(w->txn, e->seq))
        return false; /* not yet */
    for (unsigned renames = 0; !through && renames < SLICE; renames++) {
        through = look(w, e, &s);
        for (unsigned i = 0; i < s.n; i++) {
            struct key key = key1(s.drop[i]);
            txn_del(w->txn, TABLE_log, key_bytes(&key));
        }
        if (s.rename == 0)
            break;
        log_forget_user(w->txn, s.rename);
    }
    return through;
}

static bool step(struct work *w, struct erasure *e)
{
    switch ((enum phase)e->row.phase) {
    case PHASE_answers:
        return idem_forget_user(w, e->user, SLICE);
    case PHASE_memberships:
        return memberships(w, e);
    case PHASE_merged:
        return rows(w, e, TABLE_merged);
    case PHASE_index:
        return rows(w, e, TABLE_index);
    case PHASE_aside:
        return rows(w, e, TABLE_aside);
    case PHASE_moved:
        return rows(w, e, TABLE_moved);
    case PHASE_unread:
        return rows(w, e, TABLE_unread);
    case PHASE_categories:
        return rows(w, e, TABLE_categories);
    case PHASE_category_marks:
        return rows(w, e, TABLE_category_marks);
    case PHASE_marks:
        return rows(w, e, TABLE_marks);
    case PHASE_expiry:
        return rows(w, e, TABLE_expiry);
    case PHASE_read:
        return rows(w, e, TABLE_read);
    case PHASE_collapse:
        return rows(w, e, TABLE_collapse);
    case PHASE_imported:
        return rows(w, e, TABLE_imported);
    case PHASE_scheduled:
        return schedule_forget_user(w, e->user, e->seq, &e->row.at);
    case PHASE_log:
        return log_slice(w, e);
    case PHASE_done:
        break;
    }
    return false;
}

static void finish(struct work *w, struct erasure *e)
{
    struct key key = key1(e->seq);
    struct topic *own;
    txn_del(w->txn, TABLE_erasures, key_bytes(&key));
    if (topic_open(w, BYTES(TOPIC_ERASURES), &own) == ERR_OK) {
        own->row.items -= own->row.items > 0;
        own->dirty = true;
    }
    log_line("store.erased erasure=%llu", (unsigned long long)e->seq);
}

bool erasing(struct txn *t, struct bytes user, uint64_t since)
{
    struct erasure e;
    return find(t, user, &e) && e.seq > since;
}

uint64_t erase_some(struct work *w)
{
    struct erasure e;
    if (!find(w->txn, (struct bytes){0}, &e))
        return UINT64_MAX;
    struct erasure_row before = e.row;
    if (step(w, &e)) {
        e.row.phase++;
        e.row.at = 0;
    }
    if (e.row.phase == PHASE_done) {
        finish(w, &e);
        return 0;
    }
    bool moved = memcmp(&before, &e.row, sizeof before) != 0;
    if (moved)
        put(w, &e);
    return moved || e.row.phase < PHASE_log ? 0 : AGAIN_MS;
}
