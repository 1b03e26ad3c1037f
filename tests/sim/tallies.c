/* SPDX-License-Identifier: Apache-2.0 */
/* tallies.c -- counts by type and by category (R2), counted anew here: every answer has all of them, every entry those
 * that it changed. */
#include "tests/sim/inboxes.h"

static const char *const names[CATEGORIES] = {"", "c1", "c2"};

unsigned category_number(struct bytes name)
{
    unsigned no = CATEGORIES - 1;
    while (no > 0 && !bytes_is(name, names[no]))
        no--;
    return no;
}

struct tally {
    uint64_t unread, unseen;
    bool some; /* there is an item of it, in no count perhaps */
};

/* Of a category, all that count; of a type, all that would: its badge is for whoever asks. */
struct kind {
    unsigned category; /* 0: any */
    uint64_t type;     /* TYPE_COUNT: any that counts */
};

static bool is_of(const struct stage *s, struct kind k)
{
    return k.type == TYPE_COUNT ? s->category == k.category : s->type == k.type;
}

static struct tally tally(unsigned user, uint64_t seq, struct kind k)
{
    struct tally t = {0};
    for (uint64_t i = 0; i < inboxes[user].n; i++) {
        const struct item *it = &inboxes[user].items[i];
        const struct stage *s = stage_at(it, seq);
        if (it->stages[0].seq > seq || s->place == PLACE_COUNT || !is_of(s, k))
            continue;
        bool counts = stage_counts(s) && (k.type != TYPE_COUNT || type_row(s->type)->counted);
        t.some = true;
        t.unread += counts;
        t.unseen += counts && !s->seen;
    }
    return t;
}

static struct kind category(unsigned no)
{
    return (struct kind){no, TYPE_COUNT};
}

static void compare(const char *who, struct tally is, struct tally should, const char *name)
{
    if (is.unread != should.unread || is.unseen != should.unseen)
        wrong("tally", "%s: %llu of %s are unread and %llu unseen, and not %llu and %llu", who,
              (unsigned long long)should.unread, name, (unsigned long long)should.unseen,
              (unsigned long long)is.unread, (unsigned long long)is.unseen);
}

/* ---- what is told */

static bool told(struct bytes all, const char *name, struct tally *t)
{
    struct bytes one = text_member(all, name);
    return one.n > 0 && text_number(one, "unread", &t->unread) &&
           text_number(one, "unseen", &t->unseen);
}

void tallies_shown(const char *who, unsigned user, uint64_t seq, struct bytes answer, bool whole)
{
    struct bytes all = text_member(answer, "by_category"), types = text_member(answer, "by_type");
    for (unsigned no = 1; no < CATEGORIES; no++) {
        const char *name = names[no];
        struct tally is = {0}, should = tally(user, seq, category(no));
        bool there = told(all, name, &is);
        if (there || whole)
            compare(who, is, should, name);
        if (whole && there != should.some)
            wrong("tally", "%s: %s is told, or is not, and %s", who, name,
                  should.some ? "has items" : "has none");
    }
    for (uint64_t type = 0; types.n > 0 && type < TYPE_COUNT; type++) {
        struct tally should = tally(user, seq, (struct kind){0, type}), is = should;
        if (type_row(type)->stored && !text_number(types, type_row(type)->name, &is.unread))
            wrong("tally", "%s is told nothing of %s", who, type_row(type)->name);
        compare(who, is, should, type_row(type)->name);
    }
}

/* ---- what is committed */

void tallies_committed(unsigned user, const struct msg_entry *e)
{
    bool in_it[CATEGORIES] = {false};
    struct mp_in in = list_in(e->tallies);
    struct msg m;
    while (msg_read(&in, &m)) {
        unsigned no = category_number(m.tally.name);
        struct tally is = {.unread = m.tally.unread, .unseen = m.tally.unseen};
        if (no == 0)
            wrong("tally", "seq %llu counts %.*s", (unsigned long long)e->seq, (int)m.tally.name.n,
                  m.tally.name.p);
        in_it[no] = true;
        compare("the log", is, tally(user, e->seq, category(no)), names[no]);
    }
    for (unsigned no = 1; no < CATEGORIES; no++)
        if (!in_it[no])
            compare("an entry that does not tell it", tally(user, e->seq - 1, category(no)),
                    tally(user, e->seq, category(no)), names[no]);
}
