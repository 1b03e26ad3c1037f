/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/update.h"

#include "lib/ensure.h"
#include "lib/hash.h"
#include "proto/id.h"
#include "session/actions/actions.h"
#include "session/api/api.h"
#include "session/asks.h"
#include "session/live/inbox.h"

#include <stdlib.h>

enum { TRIES = 3 };

struct updating {
    struct request *r; /* its body stays until it is answered */
    unsigned tries;
    size_t user_n;
    char user[USER_MAX];
    uint8_t id[ID_SIZE];
    struct bytes op_id; /* of the request's header */
    uint8_t hash[16];   /* the same key must bring the same body for the same notification */
};

static void read_it(struct session *s, struct updating *u);

static void refuse(struct session *s, struct updating *u, enum err e)
{
    if (e == ERR_NOT_FOUND)
        http_problem(s, u->r, 404, "", "there is no such notification in this inbox (any more)");
    else if (e == ERR_TOO_OLD)
        http_problem(s, u->r, 400, "expires_at", "must be in the future");
    else if (e == ERR_FULL)
        http_problem(s, u->r, 409, "category", "is one too many: an inbox has at most 32");
    else
        api_error(s, u->r, e == ERR_OK ? ERR_PROTOCOL : e);
    free(u);
}

static void written(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct updating *u = w.about;
    struct buf out;
    if (e == ERR_LATER && answer && ++u->tries < TRIES) {
        read_it(w.s, u); /* it was changed meanwhile */
        return;
    }
    if (e != ERR_OK || answer->id != MSG_changed) {
        refuse(w.s, u, e);
        return;
    }
    buf_init(&out, TEXT_MAX);
    inbox_write_marked(&out, &answer->changed);
    ENSURE(!out.overflowed);
    http_answer(w.s, u->r, 200, "application/json", buf_all(&out), NULL);
    buf_fini(&out);
    free(u);
}

static void ask_for(struct session *s, struct updating *u, struct msg_update update)
{
    struct msg m = {.id = MSG_update, .update = update};
    m.update.user = (struct bytes){u->user, u->user_n};
    m.update.id = (struct bytes){(char *)u->id, ID_SIZE};
    m.update.op_id = u->op_id;
    m.update.body_hash = (struct bytes){(char *)u->hash, sizeof u->hash};
    ask(s->store, &m, s->now_ms, s->settings->request_ms, u->op_id.n > 0,
        (struct ask_waiter){written, s, u, 0});
}

static void write_it(struct session *s, struct updating *u, const struct msg_item *old)
{
    struct problem why = {0};
    struct msg m;
    struct buf content;
    buf_init(&content, 2 * CONTENT_MAX);
    arena_reset(&s->scratch);
    if (action_update(&m, request_body(u->r), old, s->wall_ms, &content, &s->scratch, &why)) {
        ask_for(s, u, m.update);
    } else {
        http_problem(s, u->r, 400, why.field, why.detail);
        free(u);
    }
    buf_fini(&content);
}

static void was_read(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct updating *u = w.about;
    struct msg item;
    if (e == ERR_NOT_FOUND && u->op_id.n > 0) {
        ask_for(w.s, u, (struct msg_update){0}); /* it may be a repetition, whose answer stands */
        return;
    }
    if (e != ERR_OK || answer->id != MSG_inbox) {
        refuse(w.s, u, e);
        return;
    }
    struct mp_in in = list_in(answer->inbox.items);
    ENSURE(msg_read(&in, &item));
    write_it(w.s, u, &item.item);
}

void update_fingerprint(struct bytes json, const uint8_t id[ID_SIZE], struct arena *scratch,
                        uint8_t hash[16])
{
    char both[16 + ID_SIZE];
    struct bytes body = fingerprint(json, scratch);
    ENSURE(body.n == 16);
    memcpy(both, body.p, 16);
    memcpy(both + 16, id, ID_SIZE);
    hash128((struct bytes){both, sizeof both}, hash);
}

static void read_it(struct session *s, struct updating *u)
{
    struct msg m = {.id = MSG_get,
                    .get = {.user = {u->user, u->user_n}, .id = {(char *)u->id, ID_SIZE}}};
    ask(s->store, &m, s->now_ms, s->settings->request_ms, true,
        (struct ask_waiter){was_read, s, u, 0});
}

void update_patch(struct session *s, struct request *r)
{
    struct who who;
    struct bytes user, key;
    uint8_t id[ID_SIZE];
    if (!api_body_about(s, r, &user, &who))
        return;
    if (who.kind != WHO_service) {
        http_problem(s, r, 403, "", "updating needs the API key or a service token");
        return;
    }
    if (!api_key_of(s, r, &key))
        return;
    if (!id_read(r->topic, id)) {
        http_problem(s, r, 404, "", "there is nothing at this path");
        return;
    }
    struct updating *u = calloc(1, sizeof *u);
    ENSURE(u != NULL);
    *u = (struct updating){.r = r, .user_n = user.n, .op_id = key};
    memcpy(u->user, user.p, user.n);
    memcpy(u->id, id, ID_SIZE);
    update_fingerprint(request_body(r), u->id, &s->scratch, u->hash);
    read_it(s, u);
}
