/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/api.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/id.h"
#include "proto/items.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "session/actions/actions.h"
#include "session/api/assess.h"
#include "session/asks.h"
#include "session/bus.h"
#include "session/api/publishes.h"
#include "session/http/query.h"
#include "session/limits.h"

#include <stdlib.h>
#include <strings.h>

static void answer_json(struct session *s, struct request *r, unsigned status,
                        const struct buf *out)
{
    ENSURE(!out->overflowed);
    http_answer(s, r, status, "application/json", buf_all(out), NULL);
}

/* ---- who, and about whom ---- */

/* True: may go on; else it is answered. */
bool api_authorised(struct session *s, struct request *r, struct who *who)
{
    if (r->who && r->who_ms == s->now_ms)
        *who = *r->who;
    else
        auth_request(s, r, who);
    if (who->kind == WHO_nobody)
        auth_refuse(s, r, who);
    return who->kind != WHO_nobody && query_known(s, r, r->query);
}

bool api_admit(struct session *s, struct request *r)
{
    struct who who;
    if (!api_authorised(s, r, &who))
        return false;
    r->who = malloc(sizeof *r->who);
    ENSURE(r->who != NULL);
    *r->who = who;
    r->who_ms = s->now_ms;
    return true;
}

bool api_json_body(struct session *s, struct request *r)
{
    const char *type = request_header(r, "Content-Type");
    bool good = type && strncasecmp(type, "application/json", 16) == 0 &&
                (type[16] == '\0' || type[16] == ';' || type[16] == ' ');
    if (!good)
        http_problem(s, r, 415, "", "Content-Type must be application/json");
    return good;
}

/* A user speaks of its own inbox; a service names one. Kept in the scratch or the request. */
bool api_about(struct session *s, struct request *r, const struct who *who, struct bytes named,
               struct bytes *user)
{
    *user = (struct bytes){0};
    struct bytes self = {NULL, 0};
    if (who->kind == WHO_user)
        self = bytes_of(who->token.sub);
    if (who->kind == WHO_user && (named.n == 0 || bytes_equal(named, self))) {
        *user = self;
        return true;
    }
    if (who->kind == WHO_user)
        http_problem(s, r, 403, "user", "a user's token reaches that user's inbox only");
    else if (named.n == 0)
        http_problem(s, r, 400, "user", "must be there: whose inbox");
    else if (!user_valid(named))
        http_problem(s, r, 400, "user", USER_VALID);
    else
        *user = named;
    return user->n > 0;
}

/* ---- what the store's refusals are in HTTP ---- */

void api_error(struct session *s, struct request *r, enum err e)
{
    switch (e) {
    case ERR_CONFLICT:
        http_problem(s, r, 422, "", "this key was used for another request");
        break;
    case ERR_FORBIDDEN:
        http_problem(s, r, 403, "", err_text(e));
        break;
    case ERR_NO_SPACE:
        http_problem(s, r, 507, "", err_text(e));
        break;
    case ERR_UNKNOWN:
        http_problem(s, r, 503, "",
                     "the store did not answer: it may have been done or not; ask again with the "
                     "same key");
        break;
    case ERR_FULL:
        http_problem(s, r, 503, "", err_text(e));
        break;
    case ERR_OK:
    case ERR_PROTOCOL:
    case ERR_LATER:
    case ERR_INVALID:
    case ERR_TOO_OLD:
    case ERR_NOT_FOUND:
    case ERR_WORLD:
    case ERR_COUNT:
        http_problem(s, r, 503, "", "not now: the store is away or behind");
        break;
    }
}

/* ---- creating ---- */

/* What the store may have had no room for. */
struct wants {
    bool category; /* one more category in an inbox */
    bool later;    /* a place among what waits for its time, where no category is counted */
};

/* The users, until the store has answered with the seqs that go with them. */
struct creation {
    struct request *r;
    uint32_t count;
    struct wants wants;
    size_t n;
    char users[];
};

/* What became of it in one inbox. */
struct outcome {
    enum why_not why;
    enum taken taken;
    const uint8_t *id; /* of another one; NULL: of `seq` */
};

static struct outcome outcome_of(const struct msg_created *done, uint32_t i)
{
    struct outcome o = {WHY_none, TAKEN_made, NULL};
    if (i < done->why_not.n)
        o.why = (enum why_not)(unsigned char)done->why_not.p[i];
    if (i < done->taken.n && done->ids.n == done->taken.n * ID_SIZE)
        o.taken = (enum taken)(unsigned char)done->taken.p[i];
    if (o.taken != TAKEN_made)
        o.id = (const uint8_t *)done->ids.p + (size_t)i * ID_SIZE;
    return o;
}

static void write_how(struct buf *out, const struct outcome *o)
{
    if (o->taken == TAKEN_collapsed)
        buf_text(out, ",\"collapsed\":true");
    if (o->taken == TAKEN_deduped)
        buf_text(out, ",\"deduped\":true");
    if (o->why == WHY_quiet_hours)
        buf_text(out, ",\"quiet\":true");
    else if (o->why != WHY_none)
        buf_text(out, ",\"muted\":true");
    buf_byte(out, '}');
}

/* One user's: its id and seq, and how it was taken; what is not kept has neither, and what was there already
 * no seq. */
static void write_created(struct buf *out, uint64_t at_ms, uint64_t *seq, const struct outcome *o,
                          bool kept)
{
    uint8_t made[ID_SIZE];
    bool muted = o->why != WHY_none && o->why != WHY_quiet_hours;
    if (muted && !kept) {
        buf_text(out, ",\"id\":null,\"seq\":null");
        write_how(out, o);
        return;
    }
    id_make(at_ms, *seq, made);
    buf_text(out, ",\"id\":\"");
    id_write(out, o->id ? o->id : made);
    buf_text(out, "\",\"seq\":");
    if (o->taken == TAKEN_deduped)
        buf_text(out, "null");
    else
        buf_u64(out, (*seq)++);
    write_how(out, o);
}

static void write_all_created(struct buf *out, const struct creation *c,
                              const struct msg_created *done)
{
    struct mp_in in = mp_over((struct bytes){c->users, c->n});
    uint64_t seq = done->first_seq;
    uint8_t publish[ID_SIZE];
    buf_text(out, "{\"notifications\":[");
    for (uint32_t i = 0; i < c->count; i++) {
        struct outcome o = outcome_of(done, i);
        buf_text(out, i ? ",{\"user\":" : "{\"user\":");
        json_write_string(out, mp_str(&in));
        write_created(out, done->at_ms, &seq, &o, done->muted_kept);
    }
    if (seq == done->first_seq) { /* nothing was made of it that could be taken back */
        buf_text(out, "],\"publish\":null}");
        return;
    }
    id_make(done->at_ms, done->first_seq, publish);
    buf_text(out, "],\"publish\":\"");
    id_write(out, publish);
    buf_text(out, "\"}");
}

static struct wants wants_of(const struct session *s, const struct msg_create *m)
{
    return (struct wants){.category = m->category.n > 0, .later = m->deliver_ms > s->wall_ms};
}

static void refused(struct session *s, struct request *r, struct wants wants, enum err e)
{
    if (e == ERR_TOO_OLD)
        http_problem(s, r, 400, "expires_at", "must be in the future");
    else if (e == ERR_FULL && wants.later)
        limit_refuse(s, r, LIMIT_scheduled);
    else if (e == ERR_FULL && wants.category)
        http_problem(s, r, 409, "category", "is one too many: an inbox has at most 32");
    else
        api_error(s, r, e);
}

void api_create_refused(struct session *s, struct request *r, const struct msg_create *m,
                        enum err e)
{
    refused(s, r, wants_of(s, m), e);
}

static void created(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct creation *c = w.about;
    bool good = e == ERR_OK && answer->id == MSG_created && answer->created.count == c->count;
    if (good && (c->count == 0 || answer->created.deliver_ms > 0)) {
        publish_accepted(s, c->r, &answer->created);
    } else if (good) {
        struct buf out;
        buf_init(&out, TEXT_MAX);
        write_all_created(&out, c, &answer->created);
        answer_json(s, c->r, 201, &out);
        buf_fini(&out);
    } else {
        refused(s, c->r, c->wants, e == ERR_OK ? ERR_PROTOCOL : e);
    }
    free(c);
}

static void create_stored(struct session *s, struct request *r, struct msg *m)
{
    struct bytes users = m->create.users.raw;
    struct creation *c = malloc(sizeof *c + users.n);
    ENSURE(c != NULL);
    *c = (struct creation){
        .r = r, .count = m->create.users.count, .wants = wants_of(s, &m->create), .n = users.n};
    if (users.n > 0)
        memcpy(c->users, users.p, users.n);
    struct ask_waiter w = {created, s, c, 0};
    /* With a key the store knows a repetition; without one only the caller can decide. */
    ask(s->store, m, s->now_ms, s->settings->request_ms, m->create.key.n > 0, w);
}

static bool key_valid(const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < n; i++)
        if (key[i] < ' ' || key[i] > '~')
            return false;
    return n > 0 && n <= KEY_MAX;
}

bool api_key_of(struct session *s, struct request *r, struct bytes *key)
{
    const char *text = request_header(r, "Idempotency-Key");
    *key = text ? bytes_of(text) : (struct bytes){0};
    if (!text || key_valid(text))
        return true;
    http_problem(s, r, 400, "Idempotency-Key", "must be 1 to 255 printable ASCII characters");
    return false;
}

/* A topic without a class has no members, ever. */
static bool audience_known(const struct session *s, const struct msg_create *m)
{
    return m->topic.n == 0 || class_of(s->settings->classes, s->settings->classes_n, m->topic);
}

void api_create(struct session *s, struct request *r)
{
    struct who who;
    struct bytes key;
    if (!api_authorised(s, r, &who))
        return;
    if (who.kind != WHO_service) {
        http_problem(s, r, 403, "", "creating needs the API key or a service token");
        return;
    }
    if (!api_json_body(s, r) || !api_key_of(s, r, &key))
        return;
    struct problem why = {0};
    struct msg m;
    struct buf users, content;
    bool dry;
    if (!query_flag(s, r, "dry_run", &dry))
        return;
    buf_init(&users, USERS_MAX * (USER_MAX + 5));
    buf_init(&content, 2 * CONTENT_MAX);
    if (!action_create(&m, request_body(r), key, s->wall_ms, &users, &content, &s->scratch, &why))
        http_problem(s, r, 400, why.field, why.detail);
    else if (!audience_known(s, &m.create))
        http_problem(s, r, 400, "to.topic", "no class of topics in the configuration matches it");
    else if (dry)
        assess_dry(s, r, &m.create);
    else if (type_row(m.create.type)->stored)
        create_stored(s, r, &m);
    else
        assess_push(s, r, &m.create);
    buf_fini(&users);
    buf_fini(&content);
}

/* ---- reading ---- */

/* Whose inbox a body speaks of: true, or it is answered. */
bool api_body_about(struct session *s, struct request *r, struct bytes *user, struct who *who)
{
    struct problem why = {0};
    struct bytes named;
    if (!api_authorised(s, r, who) || !api_json_body(s, r))
        return false;
    if (!action_user(request_body(r), &named, &s->scratch, &why)) {
        http_problem(s, r, 400, why.field, why.detail);
        return false;
    }
    return api_about(s, r, who, named, user);
}
