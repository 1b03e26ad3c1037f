/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/erase.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/topic.h"
#include "session/api/api.h"
#include "session/asks.h"
#include "session/disconnect.h"

#include <stdlib.h>

/* Until the store has answered: whose connections are to be closed. */
struct erasing {
    struct request *r;
    size_t n;
    char user[USER_MAX];
};

static void tell(struct session *s, struct request *r, const struct msg_erasing *a)
{
    char room[80];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_format(&out, "{\"erasure\":%llu,\"done\":%s}", (unsigned long long)a->erasure,
               a->done ? "true" : "false");
    http_answer(s, r, a->done ? 200 : 202, "application/json", buf_all(&out), NULL);
}

/* Behind the commit: whoever comes back finds nothing. */
static void begun(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct erasing *x = w.about;
    if (e == ERR_OK && answer->id == MSG_erasing) {
        forget_user(w.s, (struct bytes){x->user, x->n});
        tell(w.s, x->r, &answer->erasing);
    } else {
        api_error(w.s, x->r, e == ERR_OK ? ERR_PROTOCOL : e);
    }
    free(x);
}

static bool allowed(struct session *s, struct request *r)
{
    struct who who;
    if (!api_authorised(s, r, &who))
        return false;
    if (who.kind != WHO_service)
        http_problem(s, r, 403, "", "this needs the API key or a service token");
    return who.kind == WHO_service;
}

void users_erase(struct session *s, struct request *r)
{
    if (!allowed(s, r))
        return;
    if (!user_valid(r->topic)) {
        http_problem(s, r, 400, "user", USER_VALID);
        return;
    }
    struct erasing *x = malloc(sizeof *x);
    ENSURE(x != NULL);
    *x = (struct erasing){.r = r, .n = r->topic.n};
    memcpy(x->user, r->topic.p, r->topic.n);
    struct msg m = {.id = MSG_erase, .erase = {.user = r->topic}};
    /* Twice is once: what is under way goes on. */
    ask(s->store, &m, s->now_ms, s->settings->request_ms, true,
        (struct ask_waiter){begun, s, x, 0});
}

static void told(struct ask_waiter w, const struct msg *answer, enum err e)
{
    if (e == ERR_OK && answer->id == MSG_erasing)
        tell(w.s, w.about, &answer->erasing);
    else if (e == ERR_NOT_FOUND)
        http_problem(w.s, w.about, 404, "erasure", "there was no erasure of this number");
    else
        api_error(w.s, w.about, e == ERR_OK ? ERR_PROTOCOL : e);
}

void erasures_one(struct session *s, struct request *r)
{
    struct msg m = {.id = MSG_erasure};
    if (!allowed(s, r))
        return;
    if (!json_u64(r->topic, &m.erasure.erasure)) {
        http_problem(s, r, 400, "erasure", "must be the number that the erasing was answered with");
        return;
    }
    ask(s->store, &m, s->now_ms, s->settings->request_ms, true, (struct ask_waiter){told, s, r, 0});
}
