/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/desk.h"

#include "hook/hook.h"
#include "lib/ensure.h"
#include "lib/loop.h"
#include "lib/secret.h"

#include <stdlib.h>

enum { KEY = 32, ASKERS_FIRST = 4 };

enum question_state { Q_waiting, Q_asked, Q_known };

struct question {
    uint8_t key[KEY];             /* a digest of its kind and text */
    struct question *next, *prev; /* of its list: those that wait, or those that are known */
    enum question_state state;
    enum hook_kind kind;
    uint64_t deadline_ms; /* known: until when it is good */
    struct asker *askers;
    uint32_t askers_n, askers_cap;
    struct verdict *verdict; /* known */
    size_t n;
    char *text; /* until it is known */
};

struct list {
    struct question *first, *last;
    uint64_t n;
};

struct desk {
    struct desk_rules rules;
    struct counter *counts;
    void (*tell)(void *to, const struct asker *who, const struct verdict *v);
    void *to;
    struct map questions; /* by key */
    struct list waiting, known;
    uint64_t asked, askers;
    uint8_t secret[KEY];
};

static struct bytes key_of(const void *thing)
{
    return (struct bytes){(const char *)((const struct question *)thing)->key, KEY};
}

static void append(struct list *l, struct question *q)
{
    q->next = NULL;
    q->prev = l->last;
    *(l->last ? &l->last->next : &l->first) = q;
    l->last = q;
    l->n++;
}

static void take_off(struct list *l, struct question *q)
{
    *(q->prev ? &q->prev->next : &l->first) = q->next;
    *(q->next ? &q->next->prev : &l->last) = q->prev;
    q->next = q->prev = NULL;
    l->n--;
}

struct desk *desk_new(const struct desk_rules *rules, struct counter *counts,
                      void (*tell)(void *to, const struct asker *who, const struct verdict *v),
                      void *to)
{
    struct desk *d = calloc(1, sizeof *d);
    ENSURE(d != NULL);
    *d = (struct desk){.rules = *rules, .counts = counts, .tell = tell, .to = to};
    secret_random(d->secret, sizeof d->secret);
    map_init(&d->questions, key_of, 0); /* digests: nobody chooses where they go */
    return d;
}

static void question_free(struct question *q)
{
    free(q->askers);
    free(q->verdict);
    free(q->text);
    free(q);
}

void desk_free(struct desk **slot)
{
    struct desk *d = *slot;
    struct question *q;
    *slot = NULL;
    if (!d)
        return;
    for (size_t at = 0; (q = map_next(&d->questions, &at));)
        question_free(q);
    map_fini(&d->questions);
    free(d);
}

static void gauges(struct desk *d)
{
    d->counts[COUNT_hook_waiting].value = d->askers;
    d->counts[COUNT_hook_known].value = d->known.n;
}

static void forget(struct desk *d, struct question *q)
{
    if (q->state == Q_known)
        take_off(&d->known, q);
    map_remove(&d->questions, q);
    question_free(q);
}

/* ---- a question comes ---- */

static struct question *question_new(struct desk *d, const uint8_t key[KEY],
                                     const struct msg_hook *m, uint64_t now_ms)
{
    struct question *q = calloc(1, sizeof *q);
    ENSURE(q != NULL);
    memcpy(q->key, key, KEY);
    q->kind = (enum hook_kind)m->kind;
    q->n = m->question.n;
    q->text = malloc(q->n + 1);
    ENSURE(q->text != NULL);
    memcpy(q->text, m->question.p, q->n);
    q->deadline_ms = now_ms + d->rules.wait_ms;
    map_put(&d->questions, q);
    append(&d->waiting, q);
    return q;
}

static void add_asker(struct desk *d, struct question *q, const struct asker *who)
{
    if (q->askers_n == q->askers_cap) {
        q->askers_cap = q->askers_cap ? 2 * q->askers_cap : ASKERS_FIRST;
        q->askers = realloc(q->askers, q->askers_cap * sizeof *q->askers);
        ENSURE(q->askers != NULL);
    }
    q->askers[q->askers_n++] = *who;
    d->askers++;
}

/* Of the kind and the text, so that what they say is kept no longer than it must. */
static void key_make(const struct desk *d, const struct msg_hook *m, uint8_t key[KEY])
{
    _Static_assert((int)KEY == (int)MAC_SIZE, "a key is a MAC");
    mac((struct bytes){(const char *)d->secret, KEY}, m->question, key);
    key[0] = (uint8_t)((key[0] & ~1u) | (m->kind & 1));
}

void desk_ask(struct desk *d, const struct msg_hook *m, const struct asker *who, uint64_t now_ms)
{
    uint8_t key[KEY];
    struct verdict none;
    d->counts[COUNT_hook_questions].value++;
    key_make(d, m, key);
    struct question *q = map_get(&d->questions, (struct bytes){(const char *)key, KEY});
    if (q && q->state == Q_known && q->deadline_ms <= now_ms) {
        forget(d, q);
        q = NULL;
    }
    if (q && q->state == Q_known) {
        d->counts[COUNT_hook_cached].value++;
        d->tell(d->to, who, q->verdict);
    } else if (m->kind >= HOOK_KINDS || d->askers >= d->rules.queue) {
        d->counts[COUNT_hook_full].value++;
        verdict_none(&none, ERR_FULL, "too many questions wait for the application");
        d->tell(d->to, who, &none);
    } else {
        if (q)
            d->counts[COUNT_hook_shared].value++;
        else
            q = question_new(d, key, m, now_ms);
        add_asker(d, q, who);
    }
    gauges(d);
}

/* ---- it is asked, and answered ---- */

struct question *desk_next(struct desk *d)
{
    struct question *q = d->waiting.first;
    if (!q || d->asked >= d->rules.parallel)
        return NULL;
    take_off(&d->waiting, q);
    q->state = Q_asked;
    d->asked++;
    return q;
}

enum hook_kind question_kind(const struct question *q)
{
    return q->kind;
}

struct bytes question_text(const struct question *q)
{
    return (struct bytes){q->text, q->n};
}

uint64_t question_deadline_ms(const struct question *q)
{
    return q->deadline_ms;
}

static void tell_all(struct desk *d, struct question *q, const struct verdict *v)
{
    for (uint32_t i = 0; i < q->askers_n; i++)
        d->tell(d->to, &q->askers[i], v);
    d->askers -= q->askers_n;
    free(q->askers);
    q->askers = NULL;
    q->askers_n = q->askers_cap = 0;
}

static uint64_t good_ms(const struct desk *d, const struct verdict *v)
{
    if (v->e != ERR_OK)
        return 0; /* that there was no answer is true once */
    return v->cache_s < d->rules.cache_ms / 1000 ? v->cache_s * 1000 : d->rules.cache_ms;
}

static void remember(struct desk *d, struct question *q, const struct verdict *v, uint64_t until_ms)
{
    if (d->known.n == DESK_KNOWN)
        forget(d, d->known.first);
    q->verdict = malloc(sizeof *v);
    ENSURE(q->verdict != NULL);
    *q->verdict = *v;
    free(q->text);
    q->text = NULL;
    q->state = Q_known;
    q->deadline_ms = until_ms;
    append(&d->known, q);
}

void desk_answer(struct desk *d, struct question *q, const struct verdict *v, uint64_t now_ms)
{
    ENSURE(q->state == Q_asked);
    d->asked--;
    tell_all(d, q, v);
    uint64_t ms = good_ms(d, v);
    if (ms > 0)
        remember(d, q, v, now_ms + ms);
    else
        forget(d, q);
    gauges(d);
}

void desk_tick(struct desk *d, uint64_t now_ms)
{
    struct verdict none;
    struct question *q;
    verdict_none(&none, ERR_LATER, "the application did not answer in time");
    while ((q = d->waiting.first) && q->deadline_ms <= now_ms) {
        d->counts[COUNT_hook_late].value++;
        take_off(&d->waiting, q);
        tell_all(d, q, &none);
        forget(d, q);
    }
    gauges(d);
}

uint64_t desk_deadline_ms(const struct desk *d)
{
    return d->waiting.first ? d->waiting.first->deadline_ms : LOOP_NEVER;
}
